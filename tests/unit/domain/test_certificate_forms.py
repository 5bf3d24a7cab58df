# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates out of every form of file, also as openssl and Windows write them, and reasons where there are none."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7 as library_pkcs7
from cryptography.hazmat.primitives.serialization import pkcs12
from odd_certificates import Made, authority, chain, every_odd_kind, person
from public_certificates import public_authorities

from ansible_collections.m365.hybrid.plugins.module_utils.domain import sst
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificate_forms import certificates_in, pkcs7

CHAIN = chain("Contoso Root CA", "Contoso Issuing CA")
DERS = tuple(made.der for made in CHAIN)
PERSON = person(CHAIN[1], "anna@contoso.example")
PEM = "".join(made.pem for made in CHAIN)
PASSWORD = "päßword"


def key_pem(made: Made) -> str:
    return made.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def block(label: str, data: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n"


def pfx(made: Made | None, others: list[Made], password: str | None = PASSWORD, key: bool = True) -> bytes:
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        protection = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(
        b"Contoso",
        made.key if made and key else None,
        made.x509 if made else None,
        [other.x509 for other in others],
        protection,
    )


def openssl(*arguments: str, folder: Path) -> bytes:
    return subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chain.pem").write_text(PEM)
    (tmp_path / "root.pem").write_text(CHAIN[0].pem)
    (tmp_path / "root.key").write_text(key_pem(CHAIN[0]))
    (tmp_path / "person.pem").write_text(PERSON.pem)
    (tmp_path / "person.key").write_text(key_pem(PERSON))
    (tmp_path / "mail.txt").write_text("Hello.\n")
    return tmp_path


SAME_CERTIFICATES = {
    "PEM": PEM.encode(),
    "PEM, lines of Windows": PEM.replace("\n", "\r\n").encode(),
    "PEM, byte order mark": b"\xef\xbb\xbf" + PEM.encode(),
    "PEM, UTF-16": PEM.encode("utf-16"),
    "PEM, UTF-16, the other end first": b"\xfe\xff" + PEM.encode("utf-16-be"),
    "PEM, text around": f"0 s:CN=Contoso\n{CHAIN[0].pem}\nBag Attributes\n{CHAIN[1].pem}Thanks — Ü\n".encode(),
    "PEM, text around that is no UTF-8": b"\xfc\xff\n" + PEM.encode(),
    "PEM, one line": block("CERTIFICATE", DERS[0]).replace("\n", "").encode() + block("CERTIFICATE", DERS[1]).encode(),
    "PEM, older label": PEM.replace("CERTIFICATE", "X509 CERTIFICATE").encode(),
    "PEM of PKCS#7": block("PKCS7", pkcs7(DERS)).encode(),
    "PEM of CMS": block("CMS", pkcs7(DERS)).encode(),
    "PKCS#7 in the block of a certificate": block("CERTIFICATE", pkcs7(DERS)).encode(),
    "SST in the block of a certificate": block(
        "CERTIFICATE", sst.build(sst.Element(sst.CERTIFICATE, der) for der in DERS)
    ).encode(),
    "PKCS#7": pkcs7(DERS),
    "SST": sst.build(sst.Element(sst.CERTIFICATE, der, ((3, bytes(20)),)) for der in DERS),
    "base64 of PKCS#7": base64.encodebytes(pkcs7(DERS)),
    "base64 of PKCS#7, UTF-16": base64.b64encode(pkcs7(DERS)).decode().encode("utf-16"),
    "base64 of SST": base64.b64encode(sst.build(sst.Element(sst.CERTIFICATE, der) for der in DERS)) + b"\r\n",
    "PFX without a key": pfx(None, CHAIN, None),
}


@pytest.mark.parametrize("name", SAME_CERTIFICATES)
def test_every_form_holds_the_same_certificates(name: str) -> None:
    content = certificates_in(SAME_CERTIFICATES[name])
    assert set(content.certificates) == set(DERS)
    assert len(content.certificates) == 2
    assert content.left_out == ()
    assert content.own is None


def test_one_certificate_in_der_and_in_base64() -> None:
    assert certificates_in(DERS[0]).certificates == (DERS[0],)
    assert certificates_in(DERS[0]).form == "DER"
    assert certificates_in(base64.b64encode(DERS[0])).certificates == (DERS[0],)


@pytest.mark.parametrize("kind", every_odd_kind())
def test_odd_certificates_pass_through_pem_and_der(kind: str) -> None:
    der = every_odd_kind()[kind].der
    assert certificates_in(der).certificates == (der,)
    assert certificates_in(block("CERTIFICATE", der).encode()).certificates == (der,)


def test_public_authorities_pass_through_pem_and_pkcs7() -> None:
    ders = public_authorities()
    assert certificates_in("".join(block("CERTIFICATE", der) for der in ders).encode()).certificates == ders
    assert set(certificates_in(pkcs7(ders)).certificates) == set(ders)


def test_private_keys_and_requests_are_left_out_and_named_once() -> None:
    text = key_pem(PERSON) + PEM + key_pem(PERSON) + block("X509 CRL", b"\x30\x00")
    content = certificates_in(text.encode())
    assert content.certificates == DERS
    assert content.left_out == ("a block of the kind PRIVATE KEY", "a block of the kind X509 CRL")


def test_other_elements_of_a_store_are_named() -> None:
    store = sst.build([sst.Element(sst.CERTIFICATE, DERS[0]), sst.Element(sst.CRL, b"\x30\x00")])
    assert certificates_in(store).left_out == ("1 lists of revoked or trusted certificates",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "in none of the forms"),
        (b"Hello", "in none of the forms"),
        (b"\x00\x01\x02\xff", "in none of the forms"),
        (b"AAAA", "in none of the forms"),
        (bytes(4) + b"CERT", "byte 8: it ends in the middle"),
        (sst.build([]), "there is no certificate in it"),
        (key_pem(PERSON).encode(), "no certificate in it, but a block of the kind PRIVATE KEY"),
        (DERS[0][:-1], r"announces \d+ bytes, and \d+ are there"),
        (DERS[0] + b"\n", r"announces \d+ bytes, and \d+ are there"),
        (b"\x30", "announces 2 bytes, and 1 are there"),
        (b"\x30\xff", "are there"),
        (PEM[:-20].encode(), "does not end"),
        (PEM[:300].encode(), "does not end"),
        (PEM[200:].encode(), "do not begin and end in turn"),
        ((CHAIN[0].pem[:300] + PEM).encode(), "do not begin and end in turn"),
        (PEM.replace("END CERTIFICATE", "END X509 CRL").encode(), "do not begin and end in turn"),
        (b"-----BEGIN certificate-----\nAAAA\n", "does not end"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "block 1 holds no certificate"),
        (block("CERTIFICATE", b"Hello").encode(), "block 1 holds no certificate"),
        (PEM.replace("M", "*", 1).encode(), "block 1: "),
        (PEM.replace("M", "é", 1).encode(), "block 1: "),
        (
            block("PKCS7", bytes.fromhex("300b06092a864886f70d010702")).encode(),
            "block 1: the PKCS#7 file cannot be read",
        ),
        (block("TRUSTED CERTIFICATE", DERS[0]).encode(), "block 1 is a TRUSTED CERTIFICATE of OpenSSL"),
    ],
)
def test_what_is_no_certificate_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        certificates_in(data)


def test_a_pfx_file_of_a_person_keeps_the_own_certificate_apart() -> None:
    content = certificates_in(pfx(PERSON, CHAIN), PASSWORD)
    assert content.form == "PFX"
    assert set(content.certificates) == set(DERS)
    assert content.own == PERSON.der
    assert content.left_out == ("a private key", "the certificate of the private key, which is no authority's")


def test_a_pfx_file_of_a_person_alone_is_no_error() -> None:
    content = certificates_in(pfx(PERSON, []), PASSWORD)
    assert (content.certificates, content.own) == ((), PERSON.der)


def test_a_pfx_file_of_an_authority_holds_its_certificate() -> None:
    content = certificates_in(pfx(CHAIN[1], CHAIN[:1]), PASSWORD)
    assert set(content.certificates) == set(DERS)
    assert content.own is None


def test_a_pfx_file_of_the_old_kind_of_authority_is_taken_for_a_persons() -> None:
    old = authority("Contoso Old CA", ca=None)
    assert certificates_in(pfx(old, CHAIN), PASSWORD).own == old.der


@pytest.mark.parametrize("password", [None, ""])
def test_a_pfx_file_needs_its_password(password: str | None) -> None:
    with pytest.raises(ValueError, match="a PFX file needs its password"):
        certificates_in(pfx(PERSON, CHAIN), password)


def test_a_wrong_password_is_named() -> None:
    with pytest.raises(ValueError, match="Invalid password") as refused:
        certificates_in(pfx(PERSON, CHAIN), "another")
    assert "needs its password" not in str(refused.value)
    assert "another" not in str(refused.value)


def test_base64_of_a_pfx_file_takes_its_password_too() -> None:
    for data in (base64.encodebytes(pfx(PERSON, CHAIN)), block("CERTIFICATE", pfx(PERSON, CHAIN)).encode()):
        content = certificates_in(data, PASSWORD)
        assert set(content.certificates) == set(DERS)
        assert content.own == PERSON.der


def test_a_large_certificate_is_not_taken_for_a_pfx_file() -> None:
    """Its length, 0x020103, has the bytes that the version of a PFX file has."""
    wanted = 5 + 0x020103
    spare = wanted - len(authority("Contoso Large CA", key="ed25519", padding_bytes=0x020000).der)
    fitting = authority("Contoso Large CA", key="ed25519", padding_bytes=0x020000 + spare).der
    assert fitting.startswith(bytes.fromhex("3083020103"))
    assert certificates_in(fitting).form == "DER"


def test_what_openssl_writes_as_pkcs7(folder: Path) -> None:
    for form in ("PEM", "DER"):
        data = openssl("crl2pkcs7", "-nocrl", "-certfile", "chain.pem", "-outform", form, folder=folder)
        assert set(certificates_in(data).certificates) == set(DERS)


@pytest.mark.parametrize("options", [[], ["-stream", "-nodetach"], ["-nodetach"]])
def test_what_openssl_signs(folder: Path, options: list[str]) -> None:
    """With -stream it is BER of indefinite lengths, as some mail programs write it too."""
    arguments = ["-sign", "-in", "mail.txt", "-signer", "person.pem", "-inkey", "person.key", "-certfile", "chain.pem"]
    data = openssl("cms", *arguments, *options, "-outform", "DER", folder=folder)
    assert (data[1] == 0x80) == ("-stream" in options)
    assert set(certificates_in(data).certificates) == {*DERS, PERSON.der}


@pytest.mark.parametrize("options", [[], ["-legacy"], ["-nomac"], ["-certpbe", "NONE"]])
def test_what_openssl_writes_as_pfx(folder: Path, options: list[str]) -> None:
    arguments = ["-export", "-in", "person.pem", "-inkey", "person.key", "-certfile", "chain.pem"]
    arguments += ["-passout", "pass:Contoso1", "-out", "person.pfx"]
    openssl("pkcs12", *arguments, *options, folder=folder)
    content = certificates_in((folder / "person.pfx").read_bytes(), "Contoso1")
    assert set(content.certificates) == set(DERS)
    assert content.own == PERSON.der


def test_a_trusted_certificate_of_openssl_is_refused_with_what_to_do(folder: Path) -> None:
    data = openssl("x509", "-in", "root.pem", "-trustout", folder=folder)
    with pytest.raises(ValueError, match="openssl x509 -in FILE"):
        certificates_in(data)


def test_what_the_library_writes_as_pkcs7() -> None:
    for encoding in (serialization.Encoding.DER, serialization.Encoding.PEM):
        data = library_pkcs7.serialize_certificates([made.x509 for made in CHAIN], encoding)
        assert set(certificates_in(data).certificates) == set(DERS)


def test_a_pkcs7_of_what_cannot_be_read_is_not_written() -> None:
    with pytest.raises(ValueError, match="cannot be read as a certificate"):
        pkcs7([every_odd_kind()["unknown version"].der])
    with pytest.raises(ValueError, match="cannot be read as a certificate"):
        pkcs7([b"Hello"])


def test_a_pkcs7_file_holds_certificates_and_nothing_else() -> None:
    loaded = library_pkcs7.load_der_pkcs7_certificates(pkcs7(DERS))
    assert {one.public_bytes(serialization.Encoding.DER) for one in loaded} == set(DERS)
    assert all(isinstance(one, x509.Certificate) for one in loaded)


@pytest.mark.parametrize(
    "data",
    [
        b"-----BEGIN CERTIFICATE-----\n" * 40_000,
        b"-----BEGIN A-----\n-----END A-----" * 30_000,
        b"-----BEGIN " * 90_000,
        b" " * 1_000_000 + b"!",
        b"A" * 1_000_000 + b"=" * 1_000,
        b"\x30\x80" * 500_000,
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + b"\xa0\x80\x30\x80" * 250_000,
        b"\x30\x80\x02\x01\x03" + b"\x30\x80" * 500_000,
    ],
    ids=range(8),
)
def test_a_megabyte_of_junk_is_judged_at_once(data: bytes) -> None:
    began = time.monotonic()
    try:
        assert certificates_in(data).form == "DER"
    except ValueError as refused:
        assert len(str(refused)) < 300  # noqa: PT017 - most of them are refused
    # A few milliseconds each; only what grows with the square of the size would be seen here.
    assert time.monotonic() - began < 5
