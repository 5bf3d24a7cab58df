# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The serialized certificate store (SST) of Windows: certificates, and what Windows has noted beside each of them.

Source: [MS-OSHARED] 2.3.9.1 (the file) and 2.3.2.5 (its entries). All numbers are unsigned, of 32 bits, the lowest byte
first: version 0, "CERT", entries of C(id, encoding type, length, value), and an end marker of id 0 and eight zero bytes.
The properties of a certificate stand before it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CERTIFICATE, CRL, CTL = 0x20, 0x21, 0x22
_KINDS = frozenset({CERTIFICATE, CRL, CTL})
_START = struct.pack("<I", 0) + b"CERT"
_END = bytes(12)
_ENTRY = struct.Struct("<III")
# X509_ASN_ENCODING, the only one there is for certificates.
_X509 = 1
_LAST_PROPERTY = 0xFFFF


@dataclass(frozen=True)
class Element:
    """A certificate, a revocation list (CRL) or a list of trusted subjects (CTL).

    Arguments:
        kind: C(CERTIFICATE), C(CRL) or C(CTL).
        value: its bytes (DER).
        properties: what Windows has noted beside it, id and value each; kept as it is.
    """

    kind: int
    value: bytes
    properties: tuple[tuple[int, bytes], ...] = ()


def is_sst(data: bytes) -> bool:
    """Whether it begins as a serialized store does."""
    return data.startswith(_START)


def parse(data: bytes) -> list[Element]:
    """The elements of a store, in their order.

    Raises:
        ValueError: it is no store, or not a whole one; it says at which byte.
    """
    if not is_sst(data):
        raise ValueError("it does not begin as a serialized certificate store does")
    found: list[Element] = []
    properties: list[tuple[int, bytes]] = []
    for position, kind, value in _entries(data):
        if kind in _KINDS:
            found.append(Element(kind, value, tuple(properties)))
            properties = []
        elif kind <= _LAST_PROPERTY:
            properties.append((kind, value))
        else:
            raise ValueError(f"byte {position}: there is no entry of the kind {kind:#x}")
    if properties:
        raise ValueError("it ends with properties that belong to nothing")
    return found


def _entries(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Position, id and value of each entry up to the end marker.

    A store that Microsoft has written ends with its marker (disallowedcert.sst of Windows Update); more than that means
    that two files became one, or that the marker stands there by damage, so it is refused.
    """
    position = len(_START)
    while True:
        if len(data) - position < _ENTRY.size:
            raise ValueError(f"byte {position}: it ends in the middle of an entry")
        kind, encoding, length = _ENTRY.unpack_from(data, position)
        if kind == 0:
            if data[position:] != _END:
                raise ValueError(f"byte {position}: something follows the end of the store")
            return
        if encoding != _X509:
            raise ValueError(f"byte {position}: the encoding {encoding} is not the one of certificates")
        start = position + _ENTRY.size
        if length > len(data) - start:
            raise ValueError(f"byte {position}: {length} bytes are announced, and {len(data) - start} are there")
        yield position, kind, data[start : start + length]
        position = start + length


def build(elements: Iterable[Element]) -> bytes:
    """A store of these elements. Raises ValueError: one is of no kind, or a property has an id that means something else."""
    return _START + b"".join(_written(element) for element in elements) + _END


def _written(element: Element) -> bytes:
    if element.kind not in _KINDS:
        raise ValueError(f"{element.kind:#x} is no kind of element")
    for number, _value in element.properties:
        if number in _KINDS or not 0 < number <= _LAST_PROPERTY:
            raise ValueError(f"{number:#x} is no property")
    return b"".join(_entry(*one) for one in (*element.properties, (element.kind, element.value)))


def _entry(number: int, value: bytes) -> bytes:
    return _ENTRY.pack(number, _X509, len(value)) + value
