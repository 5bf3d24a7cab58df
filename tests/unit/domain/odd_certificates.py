# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates for tests, of every kind that a set of trusted authorities may turn out to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# RSA with a hash (RFC 8017, A.2.4); the object identifiers differ in their last byte.
_RSA_WITH = {"md5": 4, "sha1": 5, "sha256": 11}
_RSA_OID = bytes.fromhex("06092a864886f70d0101")
# An arc that is set aside for examples (ITU-T X.660, joint-iso-itu-t 999).
_PADDING_OID = x509.ObjectIdentifier("2.999.1")


@dataclass(frozen=True)
class Made:
    """A certificate that was made, and its private key.

    Arguments:
        der: its bytes.
        key: the private key that belongs to it.
    """

    der: bytes
    key: Any

    @property
    def x509(self) -> x509.Certificate:
        """As the library has it."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def pem(self) -> str:
        """As a PEM block."""
        return self.x509.public_bytes(serialization.Encoding.PEM).decode("ascii")

    @property
    def name(self) -> x509.Name:
        """Its subject."""
        return self.x509.subject


def moment(days: float) -> datetime:
    """So many days from today's midnight on (UTC)."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def new_key(kind: str) -> Any:
    """A new private key: "ec", "ed25519", or "rsa" and its bits ("rsa2048")."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else ed25519.Ed25519PrivateKey.generate()


def authority(
    name: str,
    *,
    key: Any = "ec",
    issuer: Made | None = None,
    ca: bool | None = True,
    path_length: int | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    hash: str = "sha256",  # noqa: A002 - as the field calls it
    pss: bool = False,
    padding_bytes: int = 0,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Made:
    """An authority's certificate, its own root where no issuer is given. Each call makes another one.

    Arguments:
        name: its common name; the same name twice makes two authorities of one name.
        key: the kind of its key (see C(new_key)), or a private key: a renewal or a cross-certificate has the old one.
        ca: what its basic constraints say; with None there are no basic constraints, and no key usage.
        path_length: how many authorities may stand below it.
        not_before: begins then; ten days ago if not given.
        not_after: ends then; ten years from now if not given.
        hash: "sha256", "sha384", "sha1" or "md5" of its signature. The last two need an issuer with an RSA key.
        pss: whether it is signed with RSASSA-PSS, which needs an issuer with an RSA key.
        padding_bytes: the size of an extension that only makes it large.
        extensions: further ones, each with whether it is critical.
    """
    private = new_key(key) if isinstance(key, str) else key
    subject = _name(name)
    builder = _builder(subject, private, issuer, not_before or moment(-10), not_after or moment(3650))
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=ca), critical=True)
    if padding_bytes:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(_PADDING_OID, _octets(padding_bytes)), critical=False
        )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Made(_signed(builder, issuer.key if issuer else private, hash, pss), private)


def person(
    issuer: Made,
    email: str,
    *,
    key: Any = "ec",
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    hash: str = "sha256",  # noqa: A002
    pss: bool | int = False,
    purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    subject: x509.Name | None = None,
) -> Made:
    """The certificate of a person, for S/MIME (RFC 8550, 4.4), from an authority.

    Arguments:
        email: stands in its alternative names; where it is empty there are none.
        pss: whether it is signed with RSASSA-PSS; a number is the size of the salt, if not that of the hash.
        purpose: of its extended key usage; with None there is none.
        extensions: further ones, each with whether it is critical.
        subject: its name, if it is to be another one than its address.
    """
    private = new_key(key) if isinstance(key, str) else key
    subject = subject or _name(email or "A person without an address")
    builder = _builder(subject, private, issuer, not_before or moment(-10), not_after or moment(365))
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if email:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Made(_signed(builder, issuer.key, hash, pss), private)


def self_signed_person(email: str) -> Made:
    """The certificate of a person, signed with the key of that person."""
    own = authority(email)
    return person(own, email, key=own.key)


def chain(*names: str, **options: Any) -> list[Made]:
    """A root and below it one authority after the other, in this order; options are those of C(authority)."""
    made: list[Made] = []
    for name in names:
        made.append(authority(name, issuer=made[-1] if made else None, **options))
    return made


def cross_signed(one: Made, by: Made, **options: Any) -> Made:
    """The same name and key once more, with another authority's signature."""
    return authority(common_name(one), key=one.key, issuer=by, **options)


def of_unknown_version(made: Made) -> Made:
    """One that says of itself to be of version 9, which the library C(cryptography) does not read."""
    version = bytes.fromhex("a003020102")
    if made.der.count(version) != 1:
        raise ValueError("it has no version that could be changed")
    return Made(made.der.replace(version, version[:-1] + b"\x08"), made.key)


def common_name(made: Made) -> str:
    """The common name of its subject."""
    return str(made.name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@cache
def every_odd_kind() -> dict[str, Made]:
    """One of each kind, by name. Made once a run: RSA keys take their time."""
    root = authority("Contoso Root CA", key="rsa2048")
    other = authority("Fabrikam Root CA")
    deep = chain(*(f"Contoso Deep CA {number}" for number in range(12)))
    return {
        "root": root,
        "another root": other,
        "intermediate": authority("Contoso Issuing CA", issuer=root),
        "cross-signed": cross_signed(root, other),
        "same name, another key": authority("Contoso Root CA"),
        "renewed, same key": authority("Contoso Root CA", key=root.key, not_after=moment(7000)),
        "expired": authority("Contoso Expired CA", not_before=moment(-900), not_after=moment(-1)),
        "not yet valid": authority("Contoso Future CA", not_before=moment(1)),
        "ends soon": authority("Contoso Ending CA", not_after=moment(5)),
        "SHA-1": authority("Contoso SHA-1 CA", key="rsa2048", hash="sha1"),
        "MD5": authority("Contoso MD5 CA", key="rsa2048", hash="md5"),
        "RSA-PSS": authority("Contoso PSS CA", issuer=root, pss=True),
        "Ed25519": authority("Contoso Edwards CA", key="ed25519"),
        "weak key": authority("Contoso Weak CA", key="rsa1024"),
        "no CA": authority("Contoso Server", ca=False),
        "no basic constraints": authority("Contoso Old CA", ca=None),
        "path length 0": authority("Contoso Last CA", path_length=0),
        "large": authority("Contoso Large CA", padding_bytes=100_000),
        "unknown version": of_unknown_version(authority("Contoso Strange CA")),
        **{f"deep {depth}": made for depth, made in enumerate(deep)},
    }


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Contoso"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _builder(subject: x509.Name, key: Any, issuer: Made | None, begin: datetime, end: datetime) -> Any:
    signer = issuer.key.public_key() if issuer else key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: Any, key: Any, algorithm: str, pss: bool | int) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _der(builder.sign(key, None))
    if algorithm in ("md5", "sha1"):
        return _signed_as_of_old(builder.sign(key, hashes.SHA256()), key, algorithm)
    chosen = hashes.SHA384() if algorithm == "sha384" else hashes.SHA256()
    if not pss:
        return _der(builder.sign(key, chosen))
    salt = chosen.digest_size if pss is True else pss
    return _der(builder.sign(key, chosen, rsa_padding=padding.PSS(padding.MGF1(chosen), salt)))


def _signed_as_of_old(certificate: x509.Certificate, key: Any, algorithm: str) -> bytes:
    """With a hash that the library takes for no certificate any more: the signature is made by hand."""
    now = _RSA_OID + bytes([_RSA_WITH["sha256"]])
    then = _RSA_OID + bytes([_RSA_WITH[algorithm]])
    body = certificate.tbs_certificate_bytes.replace(now, then)
    chosen = hashes.MD5() if algorithm == "md5" else hashes.SHA1()  # noqa: S303 - that is the point
    signature = key.sign(body, padding.PKCS1v15(), chosen)
    identifier = _element(0x30, then + b"\x05\x00")
    return _element(0x30, body + identifier + _element(0x03, b"\x00" + signature))


def _octets(size: int) -> bytes:
    return _element(0x04, b"\x55" * size)


def _element(tag: int, value: bytes) -> bytes:
    """Tag, length and value (X.690, DER)."""
    size = len(value)
    if size < 0x80:
        return bytes([tag, size]) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
