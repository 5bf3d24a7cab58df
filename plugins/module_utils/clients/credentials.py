# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How this task proves who it is: which credential the options name, read from where it lies."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .errors import ServiceError
from .wire import require

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ENVIRONMENT = {
    "tenant_id": "AZURE_TENANT_ID",
    "client_id": "AZURE_CLIENT_ID",
    "client_secret": "AZURE_CLIENT_SECRET",
    "certificate_path": "AZURE_CLIENT_CERTIFICATE_PATH",
    "federated_token_file": "AZURE_FEDERATED_TOKEN_FILE",
}
# Kind of sign-in -> the option that it cannot do without, in the order in which "auto" looks for them.
NEEDS = {"certificate": "certificate_path", "federated_token": "federated_token_file", "client_secret": "client_secret"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def kind_of(options: Mapping[str, Any]) -> str:
    """Say which kind of sign-in the options ask for.

    Raises:
        ServiceError: an option that it needs is missing or malformed.
    """
    kind = options.get("sign_in") or "auto"
    if kind == "auto":
        kind = next((name for name, option in NEEDS.items() if options.get(option)), "")
    if not kind:
        raise ServiceError(
            "No credential was given.",
            advice="Set certificate_path, federated_token_file or client_secret (environment: "
            + ", ".join(ENVIRONMENT[option] for option in NEEDS.values())
            + "), or sign_in=managed_identity or sign_in=device_code.",
        )
    for option in (
        "tenant_id",
        *(() if kind == "managed_identity" else ("client_id",)),
        *filter(None, [NEEDS.get(kind)]),
    ):
        needed(options, option)
    return kind


def needed(options: Mapping[str, Any], option: str) -> str:
    """Return an option that must be there.

    Raises:
        ServiceError: it is missing, or tenant_id is neither a GUID nor a domain name.
    """
    value = str(options.get(option) or "")
    if not value:
        raise ServiceError(
            f"The option {option} is missing.", advice=f"Set it, or the environment variable {ENVIRONMENT[option]}."
        )
    if option == "tenant_id" and not _NAME.fullmatch(value):
        raise ServiceError(
            f"The option tenant_id is neither a GUID nor a domain name: {value!r}.",
            advice="Use the tenant's GUID, or one of its verified domains.",
        )
    return value


def fingerprint(kind: str, options: Mapping[str, Any]) -> str:
    """What tells one credential from another. It may hold the secret: the token cache keeps only a hash of it."""
    if kind == "client_secret":
        return str(options["client_secret"])
    if kind == "certificate":
        return hashlib.sha256(_certificate_content(options)).hexdigest()
    return str(options.get("federated_token_file") or "") if kind == "federated_token" else ""


def credential(kind: str, options: Mapping[str, Any]) -> str | dict[str, Any]:
    """What MSAL's ConfidentialClientApplication takes as C(client_credential).

    Raises:
        ServiceError: a file is missing, unreadable or of the wrong kind.
    """
    if kind == "client_secret":
        return str(options["client_secret"])
    if kind == "federated_token":
        # Read at each use: Kubernetes and the CI systems replace the file every hour or sooner.
        assertion = _content("federated_token_file", options).decode("ascii", "replace").strip()
        return {"client_assertion": lambda: assertion}  # MSAL deprecates the bare text.
    return _certificate(options)


def _content(option: str, options: Mapping[str, Any]) -> bytes:
    path = options[option]
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise _wrong(option, path, error.strerror or type(error).__name__) from None
    if not content.strip():
        raise _wrong(option, path, "the file is empty")
    return content


def _certificate_content(options: Mapping[str, Any]) -> bytes:
    """The certificate's file, or its content where that never was in a file."""
    held = options.get("certificate_content")
    return str(held).encode() if held else _content("certificate_path", options)


def _wrong(option: str, path: object, reason: str, advice: str = "") -> ServiceError:
    return ServiceError(f"The file {path} of the option {option} cannot be used: {reason}.", advice=advice)


def _certificate(options: Mapping[str, Any]) -> dict[str, str]:
    """Key and certificate as PEM. Without a thumbprint beside them MSAL signs with PS256 and names SHA-256."""
    require("cryptography")
    from cryptography.hazmat.primitives import serialization

    path, content = options["certificate_path"], _certificate_content(options)
    password = str(options.get("certificate_password") or "").encode() or None
    key, certificate = (_from_pem if b"-----BEGIN" in content else _from_pfx)(path, content, password)
    if certificate.not_valid_after_utc < datetime.now(UTC):
        raise _wrong("certificate_path", path, f"the certificate ended on {certificate.not_valid_after_utc:%Y-%m-%d}")
    return {
        "private_key": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        "public_certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
    }


def _from_pem(path: str, content: bytes, password: bytes | None) -> tuple[RSAPrivateKey, x509.Certificate]:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    if b"PRIVATE KEY-----" not in content:
        raise _wrong("certificate_path", path, "it holds no private key", "Put key and certificate into one PEM file.")
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise _wrong("certificate_path", path, "it holds no certificate", "Put key and certificate into one PEM file.")
    locked = b"ENCRYPTED" in content
    try:
        key = serialization.load_pem_private_key(content, password if locked else None)
        certificates = x509.load_pem_x509_certificates(content)
    except TypeError:
        raise _wrong("certificate_path", path, "its key is encrypted", "Set certificate_password.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable(path, locked) from None
    return _pair(path, key, certificates)


def _from_pfx(path: str, content: bytes, password: bytes | None) -> tuple[RSAPrivateKey, x509.Certificate]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        key, certificate, others = pkcs12.load_key_and_certificates(content, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unreadable(path, True) from None
    return _pair(path, key, [certificate, *others] if certificate else others)


def _unreadable(path: str, locked: bool) -> ServiceError:
    reason = "certificate_password is wrong, or the file is damaged" if locked else "the file is damaged"
    return _wrong(
        "certificate_path", path, reason, "It must be a PFX file, or a PEM file with key and certificate in one."
    )


def _pair(path: str, key: Any, certificates: list[x509.Certificate]) -> tuple[RSAPrivateKey, x509.Certificate]:
    """The certificate that belongs to the key; a file may hold its chain too, in any order."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not isinstance(key, rsa.RSAPrivateKey):
        raise _wrong("certificate_path", path, "it holds no RSA key", "Entra ID accepts RSA keys only.")
    for certificate in certificates:
        if certificate.public_key() == key.public_key():
            return key, certificate
    raise _wrong("certificate_path", path, "none of its certificates belongs to its private key")
