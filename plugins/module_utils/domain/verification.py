# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a user's certificate would be trusted for mail, given a set of trusted certificates and a moment.

The judge is the library C(cryptography) (C(x509.verification)): signatures, dates, authorities, path lengths, name
constraints (RFC 5280, 6). Its rules for extensions are those of web servers; here they are replaced by those of mail
(RFC 8550, 4.4). What cannot be replaced are the algorithms: it takes RSA of 2048 bits and more, the NIST curves, and SHA-2,
and Exchange may take others. So where nothing else is wrong, the answer for those is that it is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import certificate_strength as strength
from .certificates import Certificate, moment
from .chains import Gap, gaps, is_root, path
from .smime_trust import not_a_ca

if TYPE_CHECKING:
    from cryptography import x509

# The longest chain that is looked at; those of public authorities have three or four certificates.
DEPTH = 32
# What the library verifies (docs of cryptography, "X.509 Verification", as seen with version 50).
_KEYS = ("RSA ", "EC secp256r1", "EC secp384r1", "EC secp521r1")
_DIGESTS = frozenset({"SHA-256", "SHA-384", "SHA-512"})


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
    chain, refusal = _verified(certificate.x509, given, at)
    return _explained(certificate, trusted, at, refusal) if refusal else Verdict(True, chain=chain)


def unfit(certificate: Certificate, at: datetime) -> str:
    """Why a certificate is none to sign or encrypt mail with at a moment; empty where it is one."""
    if fault := _out_of_date(certificate, at):
        return f"it {fault}"
    if is_authority(certificate):
        return "it is an authority's certificate"
    if not usage(certificate):
        return "its key usage allows neither signing nor encrypting"
    if not _for_mail(certificate):
        return "its extended key usage is not for e-mail"
    return ""


def is_authority(certificate: Certificate) -> bool:
    """Whether it is marked as an authority's (RFC 5280, 4.2.1.9)."""
    from cryptography import x509

    found = _extension(certificate, x509.BasicConstraints)
    return bool(found and found.ca)


def usage(certificate: Certificate) -> list[str]:
    """What its key may be used for (RFC 8550, 4.4.2): C(signing), C(encryption). Without a word on it, for both."""
    from cryptography import x509

    found = _extension(certificate, x509.KeyUsage)
    if found is None:
        return ["signing", "encryption"]
    signing = found.digital_signature or found.content_commitment
    encryption = found.key_encipherment or found.key_agreement
    return ["signing"] * signing + ["encryption"] * encryption


def _for_mail(certificate: Certificate) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

    found = _extension(certificate, x509.ExtendedKeyUsage)
    return found is None or bool({Purpose.EMAIL_PROTECTION, Purpose.ANY_EXTENDED_KEY_USAGE} & set(found))


def addresses(certificate: Certificate) -> list[str]:
    """The e-mail addresses of a certificate: those of its alternative names, then that of its subject."""
    from cryptography import x509

    names = _extension(certificate, x509.SubjectAlternativeName)
    found = names.get_values_for_type(x509.RFC822Name) if names else []
    subject = certificate.x509.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS) if certificate.x509 else []
    return list(dict.fromkeys([*found, *(str(one.value) for one in subject)]))


def _extension(certificate: Certificate, kind: Any) -> Any:
    from cryptography import x509

    try:
        return certificate.x509.extensions.get_extension_for_class(kind).value if certificate.x509 else None
    except x509.ExtensionNotFound:
        return None


def _out_of_date(certificate: Certificate, at: datetime) -> str:
    starts, ends = certificate.not_before, certificate.not_after
    if ends is not None and ends < at:
        return f"ended on {moment(ends)}"
    return f"begins on {moment(starts)}" if starts is not None and starts > at else ""


def _verified(certificate: x509.Certificate, given: Trust, at: datetime) -> tuple[tuple[Certificate, ...], str]:
    """The chain by which the library verifies a certificate, or what it has against it."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import verification

    if not given.roots:
        return (), "nothing that is trusted is a root"
    policy = verification.PolicyBuilder().store(verification.Store(list(given.roots))).time(at).max_chain_depth(DEPTH)
    anybody = verification.ExtensionPolicy.permit_all()
    verifier = policy.extension_policies(ca_policy=_authorities(), ee_policy=anybody).build_client_verifier()
    try:
        found = verifier.verify(certificate, list(given.others))
    except (verification.VerificationError, ValueError) as refusal:
        return (), str(refusal) or "it gives no reason"
    return tuple(Certificate(one.public_bytes(Encoding.DER), one) for one in found.chain), ""


def _authorities() -> Any:
    """The library's rules for authorities, without those that only web servers have."""
    from cryptography import x509
    from cryptography.x509 import verification

    def signs_certificates(_policy: Any, _certificate: Any, found: x509.KeyUsage | None) -> None:
        if found is not None and not found.key_cert_sign:
            raise ValueError("its key usage does not allow to sign certificates")

    either = verification.Criticality.AGNOSTIC
    policy = verification.ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, either, None)
    return policy.may_be_present(x509.KeyUsage, either, signs_certificates)


def _shortest(certificate: Certificate, trusted: Sequence[Certificate], at: datetime) -> tuple[Certificate, ...]:
    """A chain to a root through certificates without a fault; they may have several."""
    sound = [one for one in trusted if not _faults(one, at)]
    return tuple(path(certificate, sound) or path(certificate, trusted))


def _explained(certificate: Certificate, trusted: Sequence[Certificate], at: datetime, refusal: str) -> Verdict:
    """Why the library refuses a certificate, in an administrator's words."""
    whole = path(certificate, trusted)
    if not whole:
        gap = gaps(certificate, trusted)[0]
        return Verdict(False, missing_words(gap), gap, (certificate,))
    chain = _shortest(certificate, trusted, at)
    faults = [f"{one.subject} {fault}" for one in chain[1:] if (fault := _faults(one, at))]
    if faults or (faults := _too_long(chain)):
        return Verdict(False, "; ".join(faults), chain=chain)
    strange = [
        f"{one.subject} ({strength.key(one)}, signed with {strength.signature(one)})" for one in chain if _strange(one)
    ]
    if strange:
        reason = f"every signature is right, but these keys and algorithms are not verified here: {'; '.join(strange)}"
        return Verdict(None, reason, chain=chain)
    return Verdict(False, f"the chain is refused: {refusal}", chain=chain)


def missing_words(gap: Gap) -> str:
    """A gap in words."""
    if gap.namesakes:
        return f"a {gap.subject} is trusted, but with another key than the one that has signed {gap.below.subject}"
    return f"{gap.subject} is missing, which has signed {gap.below.subject}"


def _faults(certificate: Certificate, at: datetime) -> str:
    return _out_of_date(certificate, at) or not_a_ca(certificate)


def _too_long(chain: Sequence[Certificate]) -> list[str]:
    """The authorities of a chain that have more authorities below them than they allow (RFC 5280, 4.2.1.9)."""
    from cryptography import x509

    found = []
    for position, one in enumerate(chain):
        constraints = _extension(one, x509.BasicConstraints) if position else None
        below = [other for other in chain[1:position] if other.subject != other.issuer]
        if constraints and constraints.path_length is not None and len(below) > constraints.path_length:
            found.append(
                f"{one.subject} allows {constraints.path_length} authorities below it, and there are {len(below)}"
            )
    return found


def _strange(certificate: Certificate) -> bool:
    """Whether its key or signature is one that the library does not verify. A root's own signature is not looked at."""
    known_key = strength.key(certificate).startswith(_KEYS) and not strength.weak_key(certificate)
    return not known_key or (strength.signature(certificate).split(" ")[0] not in _DIGESTS and not is_root(certificate))
