# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which certificates a tenant trusts for S/MIME, as a table, and whether it would trust a signed message.

Nothing here knows the collection: the message is judged by the C(openssl) command, with the tenant's store as the only
certificates there are (a chain has to end in one of its roots), and by the tenant's clock. Exchange
Online validates S/MIME certificates against this store alone (Microsoft Learn, "Set up virtual certificate collection").
"""

from __future__ import annotations

import base64
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from .instance import LabError
from .table import box

HEADINGS = ("Subject", "Ends on", "Days left", "Kind")
# The exit status of C(openssl cms) when a message or a chain does not hold ("An error occurred decrypting or verifying").
_NOT_VERIFIED = 4


@dataclass(frozen=True)
class Verdict:
    """Whether a message is trusted, and if not, why."""

    trusted: bool
    reason: str = ""


def trusted(state: Mapping[str, Any]) -> list[x509.Certificate]:
    """The certificates of a tenant's store, the first to end first. state: what C(/_lab/state) answers.

    Raises LabError: one of them cannot be read.
    """
    try:
        shown = state["exchange"]["smime"]["certificates"]
        return [x509.load_der_x509_certificate(base64.b64decode(one)) for one in shown]
    except ValueError as error:
        raise LabError(f"a certificate that the tenant trusts cannot be read: {error}") from error


def table(certificates: Sequence[x509.Certificate], now: datetime, *, ascii_only: bool = False) -> str:
    """One row for each certificate."""
    rows = []
    for one in certificates:
        end = one.not_valid_after_utc
        rows.append([_name(one), end.date().isoformat(), str((end - now).days), _kind(one)])
    return box(HEADINGS, rows, ascii_only=ascii_only)


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _kind(certificate: x509.Certificate) -> str:
    return "root" if is_root(certificate) else "intermediate" if _is_authority(certificate) else "no CA"


def is_root(certificate: x509.Certificate) -> bool:
    """Whether a certificate was issued by itself, by name and by signature."""
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def judge(message: Path, certificates: Sequence[x509.Certificate], now: datetime) -> Verdict:
    """Whether a signed message would be trusted at a time. Raises LabError or OSError: it cannot be read."""
    content = message.read_bytes()
    if not certificates:
        return Verdict(False, "the tenant trusts nothing")
    with tempfile.NamedTemporaryFile(prefix="m365-lab-", suffix=".pem") as store:
        # Of these, openssl trusts the roots alone as long as no partial chain is allowed; the others only lead there.
        store.write(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
        store.flush()
        command = ["openssl", "cms", "-verify", "-inform", "SMIME", "-out", "/dev/null"]
        command += ["-CAfile", store.name, "-no-CApath", "-no-CAstore"]
        command += ["-attime", str(int(now.timestamp())), "-purpose", "smimesign"]
        done = subprocess.run(command, input=content, capture_output=True, check=False)
    reason = "" if done.returncode == 0 else _reason(done.stderr.decode("utf-8", "replace"))
    if done.returncode not in (0, _NOT_VERIFIED):
        raise LabError(f"openssl cannot read {message}: {reason}")
    return Verdict(done.returncode == 0, reason)


def _reason(output: str) -> str:
    """What matters of openssl's complaint: the error of the chain, or else that of the last of its functions.

    Such a line is C(thread:error:code:library:function:reason:file:line:more).
    """
    chain = re.findall(r"Verify error: *(.+)", output)
    failed = re.findall(r"^[^:]*:error:(?:[^:]*:){3}([^:]+)", output, re.MULTILINE)
    return str((chain or failed or ["it does not say why"])[-1])
