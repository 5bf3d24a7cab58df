# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a certificate says of itself, for administrators: names, dates, fingerprints, key and signature."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509

UNREADABLE = "(not readable)"


@dataclass(frozen=True)
class Certificate:
    """One certificate.

    Arguments:
        der: its bytes; two certificates are the same if these are.
        x509: as the library C(cryptography) has parsed it; None where that is too strict for it. Windows, and so Exchange,
            takes some that it refuses.
    """

    der: bytes
    x509: x509.Certificate | None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its bytes, hexadecimal in capitals."""
        return hashlib.sha256(self.der).hexdigest().upper()

    @property
    def thumbprint(self) -> str:
        """SHA-1 of its bytes, by which Windows and Exchange call it."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def subject(self) -> str:
        """Its name as text (RFC 4514)."""
        return self.x509.subject.rfc4514_string() if self.x509 else UNREADABLE

    @property
    def issuer(self) -> str:
        """Whose signature it has, as text (RFC 4514)."""
        return self.x509.issuer.rfc4514_string() if self.x509 else UNREADABLE

    @property
    def not_before(self) -> datetime | None:
        """The moment from which on it is in date."""
        return self.x509.not_valid_before_utc if self.x509 else None

    @property
    def not_after(self) -> datetime | None:
        """The last moment at which it is in date."""
        return self.x509.not_valid_after_utc if self.x509 else None


def parsed(der: bytes) -> Certificate:
    """A certificate from its bytes.

    Raises:
        ValueError: it is none, or one that C(cryptography) does not read; with the reason.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    # Some of what the library raises is not derived from ValueError; KeyError is what older releases say to a text in a
    # name that has the type of something else.
    refused = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm)
    try:
        with warnings.catch_warnings():
            # Some roots of public CAs have serial number 0, which the library reads under protest.
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            # Names and extensions are parsed when they are first asked for, and may turn out to be malformed then.
            _touched = (certificate.subject, certificate.issuer, certificate.extensions)
    except (ValueError, TypeError, KeyError, *refused) as problem:
        raise ValueError(f"it cannot be read as a certificate ({problem})") from None
    return Certificate(der, certificate)


def opaque(der: bytes) -> Certificate:
    """A certificate that somebody else has taken already: where it cannot be read, its bytes are kept all the same."""
    try:
        return parsed(der)
    except ValueError:
        return Certificate(der, None)


def row(certificate: Certificate) -> dict[str, Any]:
    """A certificate as results and diffs show it."""
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "fingerprint": certificate.fingerprint,
        "thumbprint": certificate.thumbprint,
        "not_before": moment(certificate.not_before),
        "not_after": moment(certificate.not_after),
    }


def moment(when: datetime | None) -> str | None:
    """A time as results show it: C(2027-01-31T23:59:59Z)."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else None
