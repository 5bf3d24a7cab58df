# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates in the forms that files have them in: PEM, DER, PKCS#7, PFX, a serialized store, or base64 of these."""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import signed_data, sst
from .certificates import parsed

if TYPE_CHECKING:
    from cryptography import x509

_BEGIN = "-----BEGIN "
_MARK = re.compile(r"-----(BEGIN|END) ([A-Z0-9# ]{1,60})-----")
# RFC 7468, and the older labels of OpenSSL. "certutil -encode" of Windows writes CERTIFICATE around every kind of file.
_TAKEN = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "PKCS7", "PKCS #7 SIGNED DATA", "CMS"})
_TRUSTED = "TRUSTED CERTIFICATE"
_SEQUENCE = b"\x30"
# The object identifier of signed data (RFC 5652), as it stands at the beginning of every PKCS#7 file.
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
# Those of enveloped data, and of authenticated enveloped data (RFC 5083).
_ENCRYPTED = (bytes.fromhex("06092a864886f70d010703"), bytes.fromhex("060b2a864886f70d0109100117"))
# A PFX file begins with its version, 3 (RFC 7292, 4), a certificate with a sequence (RFC 5280, 4.1).
_PFX_VERSION = bytes.fromhex("020103")


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Arguments:
        form: how it is kept.
        certificates: their bytes (DER).
        left_out: what else is in it, in words.
        own: the certificate that belongs to the private key of a PFX file, unless it is an authority's.
    """

    form: str
    certificates: tuple[bytes, ...]
    left_out: tuple[str, ...] = ()
    own: bytes | None = None


def certificates_in(data: bytes, password: str | None = None) -> Content:
    """The certificates of a file. Private keys are never looked at; that of a PFX file is passed over by the library.

    Arguments:
        data: the file.
        password: of a PFX file.

    Raises:
        ValueError: it holds no certificate, or cannot be read; with the reason.
    """
    content = _content(data, password)
    if not content.certificates and content.own is None:
        rest = f", but {', '.join(content.left_out)}" if content.left_out else ""
        raise ValueError(f"there is no certificate in it{rest}")
    return content


def _content(data: bytes, password: str | None) -> Content:
    content = _binary(data, password)
    if content is not None:
        return content
    text = _text(data)
    if _BEGIN in text:
        return _pem(text, password)
    content = _binary(_decoded(text), password)
    if content is None:
        raise ValueError("it is in none of the forms PEM, DER, PKCS#7, PFX and SST")
    return content


def _decoded(text: str) -> bytes:
    """What is written as base64, without the lines of PEM; no bytes where that is something else."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return b""


def _text(data: bytes) -> str:
    """A file as text; what Windows has written may begin with a byte order mark."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def _store(data: bytes) -> Content:
    elements = sst.parse(data)
    others = sum(element.kind != sst.CERTIFICATE for element in elements)
    found = tuple(element.value for element in elements if element.kind == sst.CERTIFICATE)
    return Content("SST", found, (f"{others} lists of revoked or trusted certificates",) if others else ())


def _pem(text: str, password: str | None) -> Content:
    found: list[bytes] = []
    left_out: list[str] = []
    own: bytes | None = None
    for number, (label, body) in enumerate(_blocks(text), start=1):
        if label == _TRUSTED:
            raise ValueError(
                f"block {number} is a {_TRUSTED} of OpenSSL, which says beside the certificate what it is trusted for, and "
                "Exchange does not know that; write it without: openssl x509 -in FILE -out OTHER_FILE"
            )
        if label not in _TAKEN:
            left_out.append(f"a block of the kind {label}")
            continue
        content = _block(number, body, password)
        found += content.certificates
        left_out += content.left_out
        own = content.own or own
    return Content("PEM", tuple(found), tuple(dict.fromkeys(left_out)), own)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Label and body of each block. Every mark is looked at once, however many there are that nothing ends."""
    begun: re.Match[str] | None = None
    seen = 0
    for mark in _MARK.finditer(text):
        begins = mark[1] == "BEGIN"
        if begins != (begun is None) or (begun and begun[2] != mark[2]):
            raise ValueError("it is damaged: the blocks in it do not begin and end in turn")
        seen += begins
        if begun:
            yield mark[2], text[begun.end() : mark.start()]
        begun = mark if begins else None
    if begun or seen != text.count(_BEGIN):
        raise ValueError("it is damaged: a block begins in it that does not end")


def _block(number: int, body: str, password: str | None) -> Content:
    try:
        inner = base64.b64decode("".join(body.split()), validate=True)
        content = _binary(inner, password)
    except ValueError as problem:
        raise ValueError(f"block {number}: {problem}") from None
    if content is None:
        raise ValueError(f"block {number} holds no certificate")
    return content


def _binary(data: bytes, password: str | None) -> Content | None:
    """What a file that is no text holds; None if it is a text."""
    if sst.is_sst(data):
        return _store(data)
    if not data.startswith(_SEQUENCE):
        return None
    start, end = _extent(data)
    if end != len(data):
        # The first byte of DER is also the digit 0.
        if _BEGIN.encode() in data:
            return None
        raise ValueError(f"it is damaged: it announces {end} bytes, and {len(data)} are there")
    if data.startswith(_SIGNED_DATA, start):
        return Content("PKCS#7", tuple(_signed_data(data)))
    if data.startswith(_ENCRYPTED, start):
        raise ValueError("it is encrypted; its signature is inside, and only the recipient can see it")
    if data.startswith(_PFX_VERSION, start):
        return _pfx(data, password)
    return Content("DER", (data,))


def _extent(data: bytes) -> tuple[int, int]:
    """Where the content of the outermost element begins, and where the element ends (X.690, 8.1.3)."""
    first = data[1] if len(data) > 1 else 0
    if first < 0x80:
        return 2, 2 + first
    start = 2 + (first & 0x7F)
    # Of an element of indefinite length only its last bytes show that it has ended.
    return start, (start + int.from_bytes(data[2:start], "big")) if first > 0x80 else len(data)


def _signed_data(data: bytes) -> list[bytes]:
    from cryptography.hazmat.primitives.serialization import pkcs7

    try:
        return [_der(one) for one in _loaded("PKCS#7 file", lambda: pkcs7.load_der_pkcs7_certificates(data))]
    except ValueError as refusal:
        try:
            return signed_data.certificates(data)
        except ValueError:
            raise refusal from None


def _loaded(what: str, load: Callable[[], Any]) -> Any:
    """What the library reads. Raises ValueError for whatever it refuses."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as problem:
        raise ValueError(f"the {what} cannot be read ({problem})") from None


def _pfx(data: bytes, password: str | None) -> Content:
    from cryptography.hazmat.primitives.serialization import pkcs12

    secret = password.encode() if password else None
    try:
        bag = _loaded("PFX file", lambda: pkcs12.load_pkcs12(data, secret))
    except ValueError as problem:
        hint = "" if "password" not in str(problem).lower() else "; a PFX file needs its password" if not secret else ""
        raise ValueError(f"{problem}{hint}") from None
    chain = [one.certificate for one in bag.additional_certs]
    left_out = ["a private key"] if bag.key is not None else []
    own = bag.cert.certificate if bag.cert else None
    if own is not None and (bag.key is None or _is_authority(own)):
        chain.insert(0, own)
        own = None
    left_out += ["the certificate of the private key, which is no authority's"] if own is not None else []
    return Content("PFX", tuple(_der(one) for one in chain), tuple(left_out), _der(own) if own is not None else None)


def _is_authority(certificate: x509.Certificate) -> bool:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return False


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def pkcs7(certificates: Sequence[bytes]) -> bytes:
    """A PKCS#7 file (DER) that holds certificates and nothing else. Raises ValueError: one of them cannot be read."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.hazmat.primitives.serialization import pkcs7 as library

    loaded = [one for one in (parsed(der).x509 for der in certificates) if one is not None]
    return library.serialize_certificates(loaded, Encoding.DER)
