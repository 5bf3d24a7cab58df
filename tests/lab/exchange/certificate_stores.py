# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serialized certificate stores (SST) as the service reads and writes them, and what it wants to know of a certificate.

Source: MS-OSHARED 2.3.9.1 and 2.3.2.5. All integers are little-endian and 32 bits long: version 0, the file type
C(CERT), elements of id, encoding type and length before their value, and twelve zero bytes at the end. An element is a
certificate (0x20), a CRL (0x21) or a CTL (0x22); elements with other ids up to 0xFFFF are properties of the next one.
Certificates are opaque here but for their dates, so that odd ones are taken as the service takes them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..ber import BerError, decode

CERTIFICATE, REVOCATION_LIST, TRUST_LIST = 0x20, 0x21, 0x22
SHA1_PROPERTY = 3
_HEADER, _ENTRY = struct.Struct("<I4s"), struct.Struct("<III")
_END = bytes(_ENTRY.size)
_X509 = 1
_VERSION_TAG, _SEQUENCE, _INTEGER, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x30, 0x02, 0x17, 0x18


class StoreError(ValueError):
    """Bytes that are no certificate store, or hold a certificate that is none."""


@dataclass
class Element:
    """One certificate or list of a store, with its properties in their order."""

    kind: int
    value: bytes
    properties: list[tuple[int, bytes]] = field(default_factory=list)


def read(data: bytes) -> list[Element]:
    """The elements of a store. Raises StoreError: anything that is not as documented, to the last byte."""
    if len(data) < _HEADER.size or _HEADER.unpack_from(data) != (0, b"CERT"):
        raise StoreError("no serialized store")
    elements: list[Element] = []
    properties: list[tuple[int, bytes]] = []
    offset = _HEADER.size
    while offset + _ENTRY.size <= len(data):
        kind, encoding, length = _ENTRY.unpack_from(data, offset)
        value = data[offset + _ENTRY.size : offset + _ENTRY.size + length]
        if kind == 0:
            if data[offset:] != _END or properties:
                raise StoreError("no clean end")
            return elements
        if encoding != _X509 or len(value) != length or kind > 0xFFFF:
            raise StoreError("a broken element")
        offset += _ENTRY.size + length
        if kind in (CERTIFICATE, REVOCATION_LIST, TRUST_LIST):
            elements.append(Element(kind, value, properties))
            properties = []
        else:
            properties.append((kind, value))
    raise StoreError("no end")


def write(elements: Iterable[Element]) -> bytes:
    """A store of elements."""
    parts = [_HEADER.pack(0, b"CERT")]
    for element in elements:
        for kind, value in (*element.properties, (element.kind, element.value)):
            parts += [_ENTRY.pack(kind, _X509, len(value)), value]
    return b"".join([*parts, _END])


def written_by_a_library(data: bytes) -> bytes:
    """A store as a library of Microsoft's writes it again: another order, the SHA-1 value before each certificate."""
    elements = read(data)[::-1]
    for element in elements:
        digest = hashlib.sha1(element.value, usedforsecurity=False).digest()
        kept = [one for one in element.properties if one[0] != SHA1_PROPERTY]
        element.properties = [(SHA1_PROPERTY, digest), *kept]
    return write(elements)


def certificates(data: bytes, *, pkcs7: bool = False) -> list[bytes]:
    """The certificates (DER) of a store, or of a PKCS #7 where that is taken too. Raises StoreError."""
    if pkcs7 and not data.startswith(bytes(4)):
        return _of_pkcs7(data)
    return [one.value for one in read(data) if one.kind == CERTIFICATE]


def _of_pkcs7(data: bytes) -> list[bytes]:
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    try:
        return [one.public_bytes(Encoding.DER) for one in pkcs7.load_der_pkcs7_certificates(data)]
    except ValueError as error:
        raise StoreError("no PKCS #7") from error


def ends(certificate: bytes) -> datetime:
    """When a certificate ends. Raises StoreError: it is none."""
    try:
        whole, length = decode(certificate)
        signed, *rest = whole.children
        fields = [one for one in signed.children if one.tag != _VERSION_TAG]
        if whole.tag != _SEQUENCE or length != len(certificate) or len(rest) != 2 or fields[0].tag != _INTEGER:
            raise StoreError("no certificate")
        end = fields[3].children[1]
        return _moment(end.tag, end.content.decode("ascii"))
    except (BerError, ValueError, IndexError) as error:
        raise StoreError("no certificate") from error


def _moment(tag: int, text: str) -> datetime:
    """A time of RFC 5280 4.1.2.5: UTCTime with two digits for the years 1950 to 2049, or GeneralizedTime."""
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise StoreError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def thumbprint(certificate: bytes) -> str:
    """The SHA-1 value of a certificate as Windows shows it."""
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest().upper()
