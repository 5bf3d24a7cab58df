# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates of signed messages, as OpenSSL writes them and as nobody does."""

from __future__ import annotations

import subprocess
from email.mime.application import MIMEApplication
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from pathlib import Path
from time import monotonic

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7
from hypothesis import given
from hypothesis import strategies as st
from odd_certificates import chain, person

from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificate_forms import certificates_in
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificates import opaque
from ansible_collections.m365.hybrid.plugins.module_utils.domain.signed_mail import certificates_of, is_message

ROOT, ISSUING = chain("Contoso Root CA", "Contoso Issuing CA")
ANNA = person(ISSUING, "anna.schaefer@contoso.example")


def signed(place: Path, *options: str, brought: bool = True) -> bytes:
    """A message that OpenSSL has signed."""
    key = ANNA.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in (
        ("key", key),
        ("anna", ANNA.pem.encode()),
        ("more", ISSUING.pem.encode()),
        ("text", b"Guten Tag\n"),
    ):
        (place / name).write_bytes(content)
    more = ["-certfile", place / "more"] if brought else []
    command = ["openssl", "cms", *options, *more, "-in", place / "text"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def sign(place: Path) -> list[str]:
    """The options to sign as Anna."""
    return ["-sign", "-signer", f"{place}/anna", "-inkey", f"{place}/key"]


@pytest.mark.parametrize("way", [[], ["-nodetach"], ["-stream"], ["-nodetach", "-stream"], ["-keyid"], ["-crlfeol"]])
def test_openssl_signs_in_many_ways(tmp_path: Path, way: list[str]) -> None:
    message = signed(tmp_path, *sign(tmp_path), *way)
    assert is_message(message)
    assert set(certificates_of(message)) == {ANNA.der, ISSUING.der}
    assert certificates_of(signed(tmp_path, *sign(tmp_path), *way, brought=False)) == (ANNA.der,)


def test_a_forwarded_message_is_looked_into(tmp_path: Path) -> None:
    outer = MIMEMultipart()
    inner = MIMEBase("message", "rfc822")
    inner.set_payload(signed(tmp_path, *sign(tmp_path)).decode())
    outer.attach(inner)
    assert set(certificates_of(outer.as_bytes())) == {ANNA.der, ISSUING.der}
    assert not is_message(b"Subject: Siehe unten\n\nGuten Tag")


def test_an_encrypted_message_says_so(tmp_path: Path) -> None:
    signed(tmp_path, *sign(tmp_path))
    rsa = person(ISSUING, "anna.schaefer@contoso.example", key="rsa2048")
    (tmp_path / "to").write_text(rsa.pem)
    command = ["openssl", "cms", "-encrypt", "-in", tmp_path / "text", tmp_path / "to"]
    for option in ([], ["-stream"], ["-aes-256-gcm"]):
        message = subprocess.run([*command[:3], *option, *command[3:]], capture_output=True, check=True).stdout
        with pytest.raises(ValueError, match="only the recipient can see it"):
            certificates_of(message)
        form = ["-outform", "DER"]
        file = subprocess.run([*command[:3], *option, *form, *command[3:]], capture_output=True, check=True).stdout
        with pytest.raises(ValueError, match="only the recipient can see it"):
            certificates_in(file)


def attached(kind: str, name: str, content: bytes) -> bytes:
    """A message with one attachment."""
    message = MIMEMultipart()
    part = MIMEApplication(content, kind)
    part.add_header("Content-Disposition", "attachment", filename=name)
    message.attach(part)
    return message.as_bytes()


def test_a_gateway_may_know_no_signatures(tmp_path: Path) -> None:
    signature = signed(tmp_path, *sign(tmp_path), "-outform", "DER")
    for name in ("smime.p7s", "SMIME.P7M"):
        message = attached("octet-stream", name, signature)
        assert is_message(message)
        assert set(certificates_of(message)) == {ANNA.der, ISSUING.der}
    with pytest.raises(ValueError, match="no signature"):
        certificates_of(attached("octet-stream", "logo.bin", signature))


def test_windows_may_have_put_a_mark_in_front(tmp_path: Path) -> None:
    message = b"\xef\xbb\xbf" + signed(tmp_path, *sign(tmp_path))
    assert set(certificates_of(message)) == {ANNA.der, ISSUING.der}


NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (depth, depth) for depth in range(900))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"Content-Type: message/rfc822\n\n" * 5000, "nested too deeply"),
        (NESTED, "nested too deeply"),
        (b"Content-Type: multipart/signed; boundary=x\n\n" + b"--x\n\n" * 200_000, "more parts"),
        (b"Content-Type: multipart/signed; boundary=x\r\r" + b"--x\r\r" * 200_000, "more parts"),
        (NESTED + b"\n" * 2_100_000, "more lines"),
        (NESTED + b"\n" * 1_900_000, "nested"),
    ],
)
def test_a_message_may_be_made_to_do_harm(message: bytes, reason: str) -> None:
    begin = monotonic()
    with pytest.raises(ValueError, match=reason):
        certificates_of(message)
    # Measured: below a second.
    assert monotonic() - begin < 10


def test_nobody_needs_so_many_certificates() -> None:
    many = [opaque(chain("Contoso CA")[0].der).x509 for _number in range(201)]
    signature = pkcs7.serialize_certificates([one for one in many if one], Encoding.DER)
    with pytest.raises(ValueError, match="201 certificates"):
        certificates_of(attached("pkcs7-signature", "smime.p7s", signature))


def test_a_message_without_certificates(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        certificates_of(signed(tmp_path, *sign(tmp_path), "-nocerts", brought=False))


HEADERS = st.sampled_from(
    ["Content-Type: multipart/signed; boundary=x", "Content-Type: application/pkcs7-mime", "Content-Transfer-Encoding: base64",
     "Content-Type: application/pkcs7-signature; name*0*=x", "Content-Type: multipart/mixed; boundary=\"\"", "--x", "--x--", "", "MIAG"]
)  # fmt: skip


@given(st.lists(HEADERS | st.binary(max_size=20).map(lambda data: data.decode("latin-1"))))
def test_whatever_comes_in_is_refused_with_a_reason(lines: list[str]) -> None:
    data = "\n".join(lines).encode("latin-1")
    is_message(data)
    with pytest.raises(ValueError, match=r"\w"):
        certificates_of(data)
