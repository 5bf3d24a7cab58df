# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chains of certificates: who has signed whom, and what is missing on the way to a root.

A name alone proves nothing: two authorities may have the same one, and one authority several keys. So an issuer is one
whose key has made the signature, and key identifiers are not looked at, which are hints only (RFC 5280, 4.2.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .certificates import Certificate

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class Gap:
    """An issuer that is missing.

    Arguments:
        subject: its name.
        below: the certificate that it has signed.
        namesakes: certificates of that name, whose key is another one.
    """

    subject: str
    below: Certificate
    namesakes: tuple[Certificate, ...] = ()


def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the key of a certificate has signed another one, of which it has the issuer's name.

    A signature that the library cannot check (MD5) is not called good.
    """
    return _checked(certificate, issuer) is True


def _checked(certificate: Certificate, issuer: Certificate) -> bool | None:
    """Whether a signature is by an issuer's key; None where the library cannot check signatures of that kind.

    SHA-1 is checked, which the library refuses in C(verify_directly_issued_by); it is reported as weak elsewhere.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    below, above = certificate.x509, issuer.x509
    if below is None or above is None or below.issuer != above.subject:
        return False
    try:
        _verify(below, above.public_key())
    except (ValueError, TypeError, InvalidSignature):
        return False
    except UnsupportedAlgorithm:
        return None
    return True


def _verify(certificate: x509.Certificate, key: Any) -> None:
    """Let the library check the signature of a certificate; raises where it is not by this key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    digest: Any = certificate.signature_hash_algorithm
    parameters: Any = certificate.signature_algorithm_parameters
    if isinstance(key, rsa.RSAPublicKey):
        if parameters is None:
            raise UnsupportedAlgorithm("signatures of this kind are not checked")
        key.verify(signature, signed, parameters, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, parameters)
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, signed, digest)
    else:
        key.verify(signature, signed)


def is_root(certificate: Certificate) -> bool:
    """Whether it has signed itself. Where that cannot be checked, the name counts: nobody trusts a root for its signature."""
    return _checked(certificate, certificate) is not False


def issuers(certificate: Certificate, among: Sequence[Certificate]) -> list[Certificate]:
    """Those of some certificates that have signed one."""
    return [one for one in among if signed_by(certificate, one)]


def path(certificate: Certificate, among: Sequence[Certificate]) -> list[Certificate]:
    """A shortest chain from a certificate up to a root that is among others; empty where there is none."""
    waiting, seen = [[certificate]], {certificate.der}
    for chain in waiting:
        above = issuers(chain[-1], among)
        root = next((one for one in above if is_root(one)), None)
        if root is not None:
            return chain if root.der == chain[-1].der else [*chain, root]
        waiting += [[*chain, one] for one in above if one.der not in seen]
        seen |= {one.der for one in above}
    return []


def gaps(certificate: Certificate, among: Sequence[Certificate]) -> list[Gap]:
    """The issuers that are missing between a certificate and a root; none where one of its paths reaches a root.

    Arguments:
        certificate: where to begin.
        among: the certificates that paths may go through, the roots among them.
    """
    open_, seen, missing = [certificate], {certificate.der}, []
    while open_:
        one = open_.pop()
        if is_root(one):
            return []
        above = issuers(one, among)
        if not above:
            missing.append(Gap(one.issuer, one, tuple(_namesakes(one, among))))
        open_ += [next_ for next_ in above if next_.der not in seen]
        seen |= {next_.der for next_ in above}
    # Authorities that have signed each other in a circle lack nothing but a root.
    return missing or [Gap(certificate.issuer, certificate)]


def _namesakes(certificate: Certificate, among: Sequence[Certificate]) -> list[Certificate]:
    parsed = certificate.x509
    return [one for one in among if parsed and one.x509 and one.x509.subject == parsed.issuer]
