# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a user's certificate would be trusted for mail, given a set of trusted certificates and a moment.

The judge is the library C(cryptography) (C(x509.verification)): signatures, dates, authorities, path lengths, name
constraints (RFC 5280, 6). Its rules for extensions are those of web servers; here they are replaced by those of mail
(RFC 8550, 4.4). What cannot be replaced is what it takes at all: RSA of 2048 bits and more, the NIST curves, SHA-2, the
usual parameters of RSA-PSS, no critical extension and no name constraint of a kind that it does not know, no X.509
version 1. Exchange may take others. So where it refuses and no fault is to be seen, the answer is that it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import certificate_strength as strength
from .certificates import Certificate
from .chains import Gap, described, gaps, is_root, path
from .smime_trust import not_a_ca
from .user_certificates import extension, for_mail, forbidden, out_of_date, unfit

if TYPE_CHECKING:
    from cryptography import x509

# The longest chain that is looked at; those of public authorities have three or four certificates.
DEPTH = 32
# What the library verifies (docs of cryptography, "X.509 Verification", as seen with version 50).
_KEYS = ("RSA ", "EC secp256r1", "EC secp384r1", "EC secp521r1")
_DIGESTS = frozenset({"SHA-256", "SHA-384", "SHA-512"})
# Of what it says, the beginnings and ends that only its authors understand.
_SHORTENED = re.compile(
    r"^((validation failed|candidates exhausted|fatal error|Python extension validator failed|ValueError): )+"
    r"|(: AlgorithmIdentifier| \(encountered processing).*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Verdict:
    """What is known of one certificate.

    Arguments:
        trusted: None where it is not known.
        reason: why it is not trusted, or why that is not known; the end of a sentence.
        missing: the certificate that is missing for it.
        chain: it and the certificates above it up to the root, as far as they were found.
    """

    trusted: bool | None
    reason: str = ""
    missing: Gap | None = None
    chain: tuple[Certificate, ...] = ()


@dataclass(frozen=True)
class Trust:
    """A set of trusted certificates; who has signed himself is found out once for all that is held against it."""

    certificates: tuple[Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    others: tuple[x509.Certificate, ...]


def trust(certificates: Sequence[Certificate]) -> Trust:
    """Roots and intermediates as judge() takes them."""
    own = {one.der for one in certificates if is_root(one)}
    return Trust(
        tuple(certificates),
        tuple(one.x509 for one in certificates if one.x509 and one.der in own),
        tuple(one.x509 for one in certificates if one.x509 and one.der not in own),
    )


def judge(certificate: Certificate, given: Trust, at: datetime) -> Verdict:
    """Say whether a certificate leads to a trusted root, and is one for mail.

    Arguments:
        certificate: the user's.
        given: what is trusted. Only that counts: to encrypt a message, nobody brings others along.
        at: the moment.
    """
    trusted = given.certificates
    if certificate.x509 is None:
        return Verdict(None, "it cannot be read")
    if fault := unfit(certificate, at):
        return Verdict(False, fault, chain=tuple(path(certificate, trusted)))
    chain, refusal = _verified(certificate, given, at)
    return _explained(certificate, trusted, at, refusal) if refusal else Verdict(True, chain=chain)


def _verified(certificate: Certificate, given: Trust, at: datetime) -> tuple[tuple[Certificate, ...], str]:
    """The chain by which the library verifies a certificate, or what it has against it."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import verification

    if certificate.x509 is None or not given.roots:
        return (), "nothing that is trusted is a root"
    policy = verification.PolicyBuilder().store(verification.Store(list(given.roots))).time(at).max_chain_depth(DEPTH)
    anybody = verification.ExtensionPolicy.permit_all()
    verifier = policy.extension_policies(ca_policy=_authorities(certificate), ee_policy=anybody).build_client_verifier()
    try:
        found = verifier.verify(certificate.x509, list(given.others))
    except (verification.VerificationError, ValueError) as refusal:
        return (), str(refusal) or "it gives no reason"
    return tuple(Certificate(one.public_bytes(Encoding.DER), one) for one in found.chain), ""


def _authorities(user: Certificate) -> Any:
    """The library's rules for the authorities of a user: those of mail in the place of those of web servers."""
    from cryptography import x509
    from cryptography.x509 import verification

    def sound(_policy: Any, found: x509.Certificate, _extension: Any) -> None:
        authority = Certificate(b"", found)
        if fault := _forbids(authority, user) or _unknown_constraints(authority):
            raise ValueError(fault)

    either = verification.Criticality.AGNOSTIC
    policy = verification.ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, either, None)
    # Called for every authority, with key usage or without.
    return policy.may_be_present(x509.KeyUsage, either, sound)


def _explained(certificate: Certificate, trusted: Sequence[Certificate], at: datetime, refusal: str) -> Verdict:
    """Why the library refuses a certificate, in an administrator's words."""
    sound = [one for one in trusted if not _fault(one, certificate, at)]
    chain = next((way for among in (sound, trusted) if (way := _way(certificate, among))), None)
    if chain is None:
        gap = gaps(certificate, trusted)[0]
        return Verdict(False, described(gap), gap, (certificate,))
    faults = [f"{one.subject} {fault}" for one in chain[1:] if (fault := _fault(one, certificate, at))]
    if faults := faults or _too_long(chain):
        return Verdict(False, "; ".join(faults), chain=chain)
    strange = [
        f"{one.subject} ({strength.key(one)}, signed with {strength.signature(one)})"
        for one in chain
        if _strange(one, chain)
    ]
    what = f"these keys and algorithms are not verified here: {'; '.join(strange)}" if strange else _shortened(refusal)
    return Verdict(None, f"no fault is to be seen, but {what}", chain=chain)


def _shortened(refusal: str) -> str:
    """What the library says, without what only its authors understand."""
    return f"the library does not verify it: {_SHORTENED.sub('', refusal)}"


def _way(certificate: Certificate, among: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """A chain to a root. It leads over signatures that cannot be checked where there is no other way."""
    return tuple(path(certificate, among) or path(certificate, among, unchecked=True))


def _fault(authority: Certificate, user: Certificate, at: datetime) -> str:
    """Why an authority cannot vouch for a user; empty if it can. A root of version 1 has no extensions (RFC 5280, 6.1.4 k)."""
    from cryptography import x509

    old = authority.x509 is not None and authority.x509.version is x509.Version.v1 and is_root(authority)
    return out_of_date(authority, at) or ("" if old else not_a_ca(authority)) or _forbids(authority, user)


def _forbids(authority: Certificate, user: Certificate) -> str:
    """What the extensions of an authority have against a user."""
    from cryptography import x509

    usage = extension(authority, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        return "may not sign certificates: its key usage says so"
    if not for_mail(authority):
        return "is not for e-mail: its extended key usage says so"
    constraints = extension(authority, x509.NameConstraints)
    address = forbidden(constraints, user) if constraints else ""
    return f"may not vouch for {address}: its name constraints say so" if address else ""


def _unknown_constraints(authority: Certificate) -> str:
    """Whether its name constraints are of a kind that the library knows; it passes over others, unless they are critical."""
    from cryptography import x509

    found = extension(authority, x509.NameConstraints)
    trees = [*(found.permitted_subtrees or ()), *(found.excluded_subtrees or ())] if found else []
    known = (x509.RFC822Name, x509.DNSName, x509.IPAddress)
    return "" if all(isinstance(one, known) for one in trees) else "its name constraints are of another kind than mail"


def _too_long(chain: Sequence[Certificate]) -> list[str]:
    """The authorities of a chain that have more authorities below them than they allow (RFC 5280, 4.2.1.9)."""
    from cryptography import x509

    found = []
    for position, one in enumerate(chain):
        constraints = extension(one, x509.BasicConstraints) if position else None
        below = [other for other in chain[1:position] if other.subject != other.issuer]
        if constraints and constraints.path_length is not None and len(below) > constraints.path_length:
            found.append(
                f"{one.subject} allows {constraints.path_length} authorities below it, and there are {len(below)}"
            )
    return found


def _strange(certificate: Certificate, chain: Sequence[Certificate]) -> bool:
    """Whether a certificate of a chain has what the library does not verify.

    Nobody looks at the own signature of a root, nor, for its chain, at the key of the user.
    """
    known_key = strength.key(certificate).startswith(_KEYS) and not strength.weak_key(certificate)
    known_signature = strength.signature(certificate).split(" ")[0] in _DIGESTS
    return not ((known_key or certificate is chain[0]) and (known_signature or certificate is chain[-1]))
