# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that applications sign in with: made here, so that the private key never leaves us."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from .errors import ServiceError
from .graph import Graph
from .graph_errors import REPLICATION
from .retry import Effort
from .wire import require

# So many reads in a row have to agree before a list is written back.
READS = 4

# Entra ID takes RSA keys of 2048 bits and more (Microsoft Learn, "Certificate credentials").
KEY_SIZE = 2048
# A clock that is a little behind must not find it "not valid yet".
EARLIER = timedelta(minutes=5)


def self_signed(subject: str, now: datetime, lifetime: timedelta) -> str:
    """A new private key and its self-signed certificate as one PEM text, as the option C(certificate_path) reads it."""
    require("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject[:64])])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(now - EARLIER).not_valid_after(now + lifetime).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def public_part(pem: str) -> str:
    """The certificate of a PEM text as Graph takes it: base64 of DER. The private key is left out."""
    certificate = _loaded(pem)
    from cryptography.hazmat.primitives import serialization

    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def thumbprint(pem: str) -> str:
    """The SHA-1 thumbprint of the certificate in a PEM text, by which Entra ID calls it."""
    from cryptography.hazmat.primitives import hashes

    return str(_loaded(pem).fingerprint(hashes.SHA1()).hex().upper())  # noqa: S303 - a name, not a proof


def shown_thumbprint(identifier: str) -> str:
    """A thumbprint as Graph shows it, in hexadecimal digits; some answers have these already, others base64."""
    if re.fullmatch(r"[0-9A-Fa-f]{40}", identifier):
        return identifier.upper()
    try:
        return base64.b64decode(identifier, validate=True).hex().upper()
    except ValueError:
        return identifier


def _loaded(pem: str):  # type: ignore[no-untyped-def]  # cryptography is not imported before it is needed
    require("cryptography")
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise ServiceError("There is no certificate in it.", code="noCertificate") from None


def give(graph: Graph, application: Mapping[str, Any], key_id: str, pem: str, name: str) -> None:
    """Add a certificate to an application, unless it is there.

    Arguments:
        application: with its C(id).
        key_id: the id that it is to have.
        pem: key and certificate.
        name: its display name.
    """
    present = _listed(graph, application)
    if key_id in {one["keyId"] for one in present}:
        return
    added = {
        "keyId": key_id,
        "displayName": name,
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": public_part(pem),
    }
    graph.update(f"/applications/{application['id']}", {"keyCredentials": [*present, added]}, fresh=True)


def take_away(graph: Graph, application: Mapping[str, Any], key_id: str) -> None:
    """Remove a certificate from an application. Raises ServiceError."""
    left = [one for one in _listed(graph, application) if one["keyId"] != key_id]
    graph.update(f"/applications/{application['id']}", {"keyCredentials": left}, fresh=True)


def _listed(graph: Graph, application: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All certificates of an application, which have to be written back as a whole.

    One from a replica that lags would lack what somebody has just added, so several reads in a row have to agree.

    Raises:
        ServiceError: they do not.
    """
    agreed: list[dict[str, Any]] = []
    times, effort = 0, Effort(graph.http.clock)
    while times < READS:
        found = (graph.get(f"/applications/{application['id']}", select="keyCredentials") or {})["keyCredentials"]
        same = {one["keyId"] for one in found} == {one["keyId"] for one in agreed}
        times = times + 1 if same and times else 1
        if not same and agreed and not effort.again(REPLICATION):
            raise ServiceError(
                "The list of certificates is another one with every read.",
                meaning="It was changed moments ago, and would lose what is not seen.",
                advice="Run again in some minutes.",
            )
        agreed = found
    return agreed
