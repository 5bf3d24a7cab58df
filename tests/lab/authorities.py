# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certification authorities of a company and its partner, as a rehearsal of their renewal needs them; all made up.

The company's old CAs end in 40 days by the tenant's clock, and so does what they issued; their successors last. Key
usages and the like follow RFC 8550 and RFC 5280, so that OpenSSL finds nothing wrong but what a rehearsal is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs7, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS_LEFT = 40
# Of C(bundle/company.pfx), which holds nothing real.
PASSWORD = "Rehearsal-Bundle-1!"
COMPANY, PARTNER = "Contoso Maschinenbau GmbH", "Partnerwerk Görlitz GmbH"
ANNA, EVA = ("Anna Schäfer", "anna.schaefer@contoso.example"), ("Eva Lindner", "eva.lindner@partner.example")
_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Holder:
    """Who holds a certificate, and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        """The certificate, DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate, PEM."""
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Term:
    """From when to when a certificate is valid."""

    start: datetime
    end: datetime


def authority(name: str, organization: str, term: Term, issuer: Holder | None = None) -> Holder:
    """A root, or below C(issuer) a CA that issues to people."""
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    constraints = x509.BasicConstraints(ca=True, path_length=None if issuer is None else 0)
    return _issued(_name(name, organization), term, issuer, [(constraints, True), (usage, True)])


def person(name: str, address: str, organization: str, term: Term, issuer: Holder) -> Holder:
    """Somebody who signs and decrypts mail with one key."""
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
        (x509.SubjectAlternativeName([x509.RFC822Name(address)]), False),
    ]
    return _issued(_name(name, organization), term, issuer, extensions)


def _name(name: str, organization: str) -> x509.Name:
    texts = {NameOID.COUNTRY_NAME: "DE", NameOID.ORGANIZATION_NAME: organization, NameOID.COMMON_NAME: name}
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in texts.items()])


def _issued(
    subject: x509.Name, term: Term, issuer: Holder | None, extensions: Sequence[tuple[x509.ExtensionType, bool]]
) -> Holder:
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    signer = issuer.key if issuer else key
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    of_issuer = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())
    builder = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer.certificate.subject if issuer else subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=term.start,
        not_valid_after=term.end,
        extensions=[x509.Extension(one.oid, critical, one) for one, critical in extensions],
    )
    builder = builder.add_extension(own, critical=False)
    of_signer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(of_issuer)
    builder = builder.add_extension(of_signer, critical=False)
    return Holder(builder.sign(signer, hashes.SHA256()), key)


def signed_mail(sender: tuple[str, str], holder: Holder, now: datetime) -> bytes:
    """A message that its sender has signed so that any mail program can read it; only the sender's certificate is in it."""
    text = "Please find our order in the portal.\n\nKind regards\n"
    content = f"Content-Type: text/plain; charset=us-ascii\n\n{text}".replace("\n", "\r\n").encode("ascii")
    builder = pkcs7.PKCS7SignatureBuilder(content).add_signer(holder.certificate, holder.key, hashes.SHA256())
    headers = {
        "From": sender[1],
        "To": "info@contoso.example",
        "Subject": "Order",
        "Date": format_datetime(now),
        "Message-ID": f"<{holder.certificate.serial_number:x}@{sender[1].partition('@')[2]}>",
    }
    head = "".join(f"{name}: {value}\n" for name, value in headers.items()).encode("ascii")
    return head + builder.sign(Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature])


def files(now: datetime) -> dict[str, bytes]:
    """All files of a rehearsal by their path, for the tenant's present time."""
    ending = Term(now - 5 * _YEAR, now + timedelta(days=DAYS_LEFT))
    lasting, shorter = Term(now - timedelta(days=1), now + 10 * _YEAR), Term(now - timedelta(days=1), now + 5 * _YEAR)
    old_root = authority("Contoso Root CA 2021", COMPANY, ending)
    old = authority("Contoso Issuing CA 2021", COMPANY, ending, old_root)
    new_root = authority("Contoso Root CA 2026", COMPANY, lasting)
    new = authority("Contoso Issuing CA 2026", COMPANY, shorter, new_root)
    partner = authority("Partnerwerk Root CA", PARTNER, Term(now - 2 * _YEAR, now + 8 * _YEAR))
    before = person(*ANNA, COMPANY, Term(now - _YEAR, ending.end), old)
    after = person(*ANNA, COMPANY, Term(lasting.start, now + 2 * _YEAR), new)
    eva = person(*EVA, PARTNER, Term(now - _YEAR, now + 2 * _YEAR), partner)
    authorities = [old_root, old, new_root, new, partner]
    return {
        "old/root.pem": old_root.pem,
        "old/issuing.pem": old.pem,
        "new/root.pem": new_root.pem,
        "new/issuing.pem": new.pem,
        "partner/root.cer": partner.der,
        "users/anna-old.pem": before.pem,
        "users/anna-new.pem": after.pem,
        "users/eva.pem": eva.pem,
        "mail/anna-old.eml": signed_mail(ANNA, before, now),
        "mail/anna-new.eml": signed_mail(ANNA, after, now),
        "mail/eva.eml": signed_mail(EVA, eva, now),
        "bundle/company.p7b": pkcs7.serialize_certificates([one.certificate for one in authorities], Encoding.DER),
        "bundle/company.pfx": _exported(after, authorities),
    }


def _exported(holder: Holder, authorities: Sequence[Holder]) -> bytes:
    """A certificate with its key, as a person exports it, and all authorities beside it."""
    others = [one.certificate for one in authorities]
    encryption = BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"Anna", holder.key, holder.certificate, others, encryption)


def write(folder: Path, now: datetime) -> list[Path]:
    """Write the files into a folder that is empty or not there yet. Raises FileExistsError: it holds something."""
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    written = []
    for name, content in files(now).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)
    return written
