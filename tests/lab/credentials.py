# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that a user of the rehearsal tenant signs in with: secrets, certificates, and what to export in a shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from .scenario import Scenario


def write_private(path: Path, content: str | bytes) -> Path:
    """Write a file that only its owner may read; an older one is replaced, since its mode would stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def file_name(application: str) -> str:
    """An application's name as part of a file's name: C(m365.hybrid automation) gives C(m365-hybrid-automation)."""
    return re.sub(r"[^a-z0-9]+", "-", application.lower()).strip("-")


def issue_certificates(scenario: Scenario, folder: Path) -> dict[str, bytes]:
    """Make a key and a certificate for each application that wants one; gives the certificates as DER by name.

    C(NAME.pem) holds certificate and key, as C(certificate_path) of the collection reads them.
    """
    issued = {}
    for application in scenario.content.get("applications", []):
        if application.get("certificate"):
            name, days = application["name"], application.get("certificate_days", 365)
            certificate, key = _self_signed(name, days)
            pem = certificate.public_bytes(serialization.Encoding.PEM) + key
            write_private(folder / f"{file_name(name)}.pem", pem)
            issued[name] = certificate.public_bytes(serialization.Encoding.DER)
    return issued


def _self_signed(name: str, days: float) -> tuple[x509.Certificate, bytes]:
    """A certificate and its key as PEM. RSA, because Entra ID takes no elliptic curves for an application's sign-in."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate, pem


def write_exports(path: Path, variables: Mapping[str, str]) -> Path:
    """A file that a shell reads with C(.): one export for each variable."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    return write_private(path, "".join(lines))
