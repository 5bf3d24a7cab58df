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
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .certificates import Certificate

if TYPE_CHECKING:
    from cryptography import x509

# The arc of the algorithms of RSA (RFC 8017, appendix C), of which the library does not know those with old hashes.
_RSA = "1.2.840.113549.1.1."


@dataclass(frozen=True)
class Gap:
    """An issuer that is missing.

    Arguments:
        subject: its name.
        below: the certificate that it has signed.
        namesakes: certificates of that name, whose key is another one.
        unchecked: among the namesakes is one whose key cannot be held against the signature.
        circle: the authorities above have signed one another, and what is missing is a root.
    """

    subject: str
    below: Certificate
    namesakes: tuple[Certificate, ...] = ()
    unchecked: bool = False
    circle: bool = False


def _checked(certificate: Certificate, issuer: Certificate) -> bool | None:
    """Whether a signature is by an issuer's key; None where the library cannot check signatures of that kind."""
    below, above = certificate.x509, issuer.x509
    if below is None or above is None or below.issuer != above.subject:
        return False
    return _held_against(below, above)


@lru_cache(maxsize=1 << 16)
def _held_against(below: x509.Certificate, above: x509.Certificate) -> bool | None:
    """The same for two certificates of which the names fit.

    It is remembered, because a pair comes up once for each chain that it is a part of.
    SHA-1 is checked, which the library refuses in C(verify_directly_issued_by); it is reported as weak elsewhere.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        _verify(below, above.public_key())
    except (ValueError, TypeError, InvalidSignature):
        return False
    except UnsupportedAlgorithm:
        return None
    return True


def _verify(certificate: x509.Certificate, key: Any) -> None:
    """Let the library check the signature of a certificate; raises where it is not by this key."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    digest: Any = certificate.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, _parameters(certificate, of_rsa=True), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, _parameters(certificate, of_rsa=False))
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, signed, digest)
    elif hasattr(key, "verify"):
        key.verify(signature, signed)
    else:
        raise ValueError("it is a key that signs nothing")


def _parameters(certificate: x509.Certificate, *, of_rsa: bool) -> Any:
    """How a key has signed.

    Raises:
        ValueError: no key of that kind has.
        UnsupportedAlgorithm: the library does not know how.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    parameters = certificate.signature_algorithm_parameters
    kinds = (padding.PKCS1v15, padding.PSS) if of_rsa else (ec.ECDSA,)
    if isinstance(parameters, kinds):
        return parameters
    if of_rsa and certificate.signature_algorithm_oid.dotted_string.startswith(_RSA):
        raise UnsupportedAlgorithm("signatures of this kind are not checked")
    raise ValueError("a key of another kind has signed")


def is_root(certificate: Certificate) -> bool:
    """Whether it has signed itself.

    Where that cannot be checked, the names count, unless the certificate itself says that another key has signed it:
    nobody trusts a root for its signature.
    """
    own = _checked(certificate, certificate)
    return own is True or (own is None and not _names_another_key(certificate))


def _names_another_key(certificate: Certificate) -> bool:
    """Whether its key identifiers (RFC 5280, 4.2.1.1 and 4.2.1.2) differ, as after a change of an authority's key."""
    from cryptography import x509

    try:
        extensions = certificate.x509.extensions if certificate.x509 else x509.Extensions([])
        above = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        own = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return False
    return above is not None and above != own


def issuers(certificate: Certificate, among: Sequence[Certificate], *, unchecked: bool = False) -> list[Certificate]:
    """Those of some certificates that have signed one; if asked for, also those that may have: nobody can check it."""
    taken = (True, None) if unchecked else (True,)
    return [one for one in among if _checked(certificate, one) in taken]


def path(certificate: Certificate, among: Sequence[Certificate], *, unchecked: bool = False) -> list[Certificate]:
    """A shortest chain from a certificate up to a root that is among others; empty where there is none.

    Arguments:
        certificate: where to begin.
        among: the certificates that it may go through, the roots among them.
        unchecked: whether it may lead over signatures that the library cannot check.
    """
    waiting, seen = [[certificate]], {certificate.der}
    for chain in waiting:
        above = issuers(chain[-1], among, unchecked=unchecked)
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
    held = {one.der for one in among}
    while open_:
        one = open_.pop()
        if one.der in held and is_root(one):
            return []
        above = issuers(one, among)
        if not above:
            missing.append(_gap(one, among))
        open_ += [next_ for next_ in above if next_.der not in seen]
        seen |= {next_.der for next_ in above}
    return missing or [Gap(certificate.issuer, certificate, circle=True)]


def _gap(certificate: Certificate, among: Sequence[Certificate]) -> Gap:
    parsed = certificate.x509
    namesakes = tuple(one for one in among if parsed and one.x509 and one.x509.subject == parsed.issuer)
    unchecked = any(_checked(certificate, one) is None for one in namesakes)
    return Gap(certificate.issuer, certificate, namesakes, unchecked)


def described(gap: Gap) -> str:
    """A gap in words."""
    if gap.circle:
        return f"the authorities above {gap.below.subject} have signed one another, and a root is missing"
    if gap.below.subject == gap.subject and is_root(gap.below):
        return "it has signed itself, and is not among what is trusted"
    if gap.unchecked:
        return f"a {gap.subject} is there, but whether it has signed {gap.below.subject} cannot be checked here"
    if gap.namesakes:
        return f"a {gap.subject} is there, but with another key than the one that has signed {gap.below.subject}"
    return f"{gap.subject} is missing, which has signed {gap.below.subject}"
