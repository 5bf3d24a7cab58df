# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates in the forms that files have them in: PEM, DER, PKCS#7, PFX, a serialized store, or base64 of these."""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import sst
from .certificates import parsed

if TYPE_CHECKING:
    from cryptography import x509

# RFC 7468, and the older label of OpenSSL.
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9# ]+)-----\s*?\n(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATE = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_PKCS7 = frozenset({"PKCS7", "PKCS #7 SIGNED DATA", "CMS"})
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_SEQUENCE = 0x30
# The object identifier of signed data (RFC 5652), as it stands at the beginning of every PKCS#7 file.
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")


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
    """The certificates of a file. A private key is never read.

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
    if sst.is_sst(data):
        return _store(data)
    if data[:1] == bytes([_SEQUENCE]):
        return _binary(data, password)
    text = _text(data)
    if "-----BEGIN " in text:
        return _pem(text)
    if data and _BASE64.fullmatch(data):
        try:
            inner = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error:
            inner = b""
        if sst.is_sst(inner) or inner[:1] == bytes([_SEQUENCE]):
            return _content(inner, password)
    raise ValueError("it is in none of the forms PEM, DER, PKCS#7, PFX and SST")


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
    return Content("SST", found, (f"{others} revocation lists",) if others else ())


def _pem(text: str) -> Content:
    found: list[bytes] = []
    left_out: list[str] = []
    blocks = _BLOCK.findall(text)
    if text.count("-----BEGIN ") != len(blocks):
        raise ValueError("it is damaged: a block begins in it that does not end")
    for number, (label, body) in enumerate(blocks, start=1):
        if label not in _CERTIFICATE | _PKCS7:
            left_out.append(f"a block of the kind {label}")
            continue
        try:
            der = base64.b64decode("".join(body.split()), validate=True)
        except binascii.Error as problem:
            raise ValueError(f"block {number} is damaged: {problem}") from None
        found += [der] if label in _CERTIFICATE else _signed_data(der)
    return Content("PEM", tuple(found), tuple(dict.fromkeys(left_out)))


def _binary(data: bytes, password: str | None) -> Content:
    if _SIGNED_DATA in data[:32]:
        return Content("PKCS#7", tuple(_signed_data(data)))
    # A PFX file begins with its version, 3; a certificate with a sequence (RFC 7292, 4; RFC 5280, 4.1).
    if b"\x02\x01\x03" in data[:8]:
        return _pfx(data, password)
    return Content("DER", (data,))


def _signed_data(data: bytes) -> list[bytes]:
    from cryptography.hazmat.primitives.serialization import pkcs7

    return [_der(one) for one in _loaded("PKCS#7 file", lambda: pkcs7.load_der_pkcs7_certificates(data))]


def _loaded(what: str, load: Callable[[], Any]) -> Any:
    """What the library reads. Raises ValueError for whatever it refuses."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load()
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
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
