# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and signatures of certificates, in words, and which of them are too weak to rely on.

Sources: NIST SP 800-131A (112 bits of strength and more: RSA and DSA of 2048 bits, elliptic curves of 224), and that a
signature with MD5 or SHA-1 can be forged by whoever gets the authority to sign a document of his (shattered.io, 2017).
"""

from __future__ import annotations

import re

from .certificates import Certificate
from .chains import is_root

LEAST_BITS = {"RSA": 2048, "DSA": 2048, "EC": 224}
# RSA with hashes that the library has no name for (RFC 8017, appendix C).
_OLD = {"1.2.840.113549.1.1.2": "MD2", "1.2.840.113549.1.1.3": "MD4"}
FORGEABLE = frozenset({"MD2", "MD4", "MD5", "SHA-1"})
UNKNOWN = "unknown"


def key(certificate: Certificate) -> str:
    """The kind and size of its key: C(RSA 2048), C(EC secp256r1), C(Ed25519), or C(unknown)."""
    kind, bits, curve = _key(certificate)
    return " ".join(part for part in (kind, curve or (str(bits) if bits else "")) if part)


def weak_key(certificate: Certificate) -> bool:
    """Whether its key is too short to rely on. One that is not known is not called weak."""
    kind, bits, _curve = _key(certificate)
    return bits < LEAST_BITS.get(kind, 0)


def _key(certificate: Certificate) -> tuple[str, int, str]:
    """Kind, bits and curve of its key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    try:
        public = certificate.x509.public_key() if certificate.x509 else None
    except (ValueError, UnsupportedAlgorithm):
        public = None
    if isinstance(public, (rsa.RSAPublicKey, dsa.DSAPublicKey)):
        return ("RSA" if isinstance(public, rsa.RSAPublicKey) else "DSA"), public.key_size, ""
    if isinstance(public, ec.EllipticCurvePublicKey):
        return "EC", public.key_size, public.curve.name
    return (type(public).__name__.removesuffix("PublicKey") if public else UNKNOWN), 0, ""


def signature(certificate: Certificate) -> str:
    """How it is signed: C(SHA-256), C(SHA-256 with RSA-PSS), C(Ed25519), or the number of the algorithm."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    if certificate.x509 is None:
        return UNKNOWN
    algorithm = certificate.x509.signature_algorithm_oid
    try:
        digest = certificate.x509.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return _OLD.get(algorithm.dotted_string, algorithm.dotted_string)
    if digest is None:
        return {x509.SignatureAlgorithmOID.ED25519: "Ed25519", x509.SignatureAlgorithmOID.ED448: "Ed448"}.get(
            algorithm, algorithm.dotted_string
        )
    name = re.sub(r"^SHA(?=\d+$)", "SHA-", digest.name.upper())
    return f"{name} with RSA-PSS" if algorithm == x509.SignatureAlgorithmOID.RSASSA_PSS else name


def weak_signature(certificate: Certificate) -> bool:
    """Whether its signature could have been forged. That of a root says nothing: it is trusted for itself."""
    return signature(certificate).split(" ")[0] in FORGEABLE and not is_root(certificate)
