# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""As much of the Basic Encoding Rules (ITU-T X.690) as LDAP uses (RFC 4511, 5.1): one-byte tags, definite lengths."""

from __future__ import annotations

from dataclasses import dataclass

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
CONSTRUCTED = 0x20


class BerError(ValueError):
    """Bytes that are no BER, or more than LDAP allows."""


@dataclass(frozen=True)
class Element:
    """One decoded element: its tag byte and its content."""

    tag: int
    content: bytes

    @property
    def children(self) -> list[Element]:
        """The elements inside a constructed one."""
        found, offset = [], 0
        while offset < len(self.content):
            element, offset = decode(self.content, offset)
            found.append(element)
        return found

    @property
    def number(self) -> int:
        """The value of an INTEGER or ENUMERATED."""
        return int.from_bytes(self.content, "big", signed=True)

    @property
    def text(self) -> str:
        """The value of a string; LDAP's are UTF-8."""
        return self.content.decode("utf-8")

    @property
    def truth(self) -> bool:
        """The value of a BOOLEAN."""
        return self.content != b"\x00"


def extent(data: bytes) -> int | None:
    """How many bytes the first element of C(data) takes, header included; None while the header is incomplete.

    Raises BerError: an indefinite length, or one of more than four bytes.
    """
    if len(data) < 2:
        return None
    first = data[1]
    if first < 0x80:
        return 2 + first
    size = first & 0x7F
    if not 1 <= size <= 4:
        raise BerError("length form not allowed in LDAP")
    if len(data) < 2 + size:
        return None
    return 2 + size + int.from_bytes(data[2 : 2 + size], "big")


def decode(data: bytes, offset: int = 0) -> tuple[Element, int]:
    """The element at C(offset), and where the next one begins.

    Raises BerError: the bytes are cut short or malformed.
    """
    length = extent(data[offset : offset + 6])
    if length is None or offset + length > len(data):
        raise BerError("element is cut short")
    first = data[offset + 1]
    header = 2 if first < 0x80 else 2 + (first & 0x7F)
    return Element(data[offset], data[offset + header : offset + length]), offset + length


def element(tag: int, *contents: bytes) -> bytes:
    """An element with the given tag around already encoded contents."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    """An INTEGER (or ENUMERATED) in the fewest bytes."""
    magnitude = value if value >= 0 else ~value
    return element(tag, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes | str, tag: int = OCTETS) -> bytes:
    """An OCTET STRING; text as UTF-8."""
    return element(tag, value.encode("utf-8") if isinstance(value, str) else value)


def sequence(*contents: bytes) -> bytes:
    """A SEQUENCE of already encoded contents."""
    return element(SEQUENCE, *contents)


def set_of(*contents: bytes) -> bytes:
    """A SET OF already encoded contents."""
    return element(SET, *contents)
