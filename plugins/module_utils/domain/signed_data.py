# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates of signed data (RFC 5652, 5.1) whose signer is named by his key.

The library C(cryptography) reads the older PKCS #7 only, in which a signer is named by issuer and serial number. Mail
programs may do either (in Outlook on the web it is a setting). Nothing is verified here, so it is enough to find the place.
"""

from __future__ import annotations

_SEQUENCE, _SET, _INTEGER, _OID, _CONTEXT_0 = 0x30, 0x31, 0x02, 0x06, 0xA0
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
# Nothing that is read here stands deeper.
_DEEPEST = 12


def certificates(data: bytes) -> list[bytes]:
    """The certificates (DER) that signed data brings along.

    Raises:
        ValueError: it is no signed data, or is damaged.
    """
    (content_type, kind), (wrapped, outer) = _several(_only(data, _SEQUENCE), 2)
    if (content_type, wrapped) != (_OID, _CONTEXT_0) or kind != _SIGNED_DATA:
        raise ValueError("it is no signed data")
    signed = _all(_only(outer, _SEQUENCE))
    if [tag for tag, _value, _whole in signed[:3]] != [_INTEGER, _SET, _SEQUENCE]:
        raise ValueError("it is no signed data")
    brought = next((value for tag, value, _whole in signed[3:] if tag == _CONTEXT_0), b"")
    return [whole for tag, _value, whole in _all(brought) if tag == _SEQUENCE]


def _only(data: bytes, wanted: int) -> bytes:
    """The content of the element that data begins with."""
    tag, value, _whole, _end = _element(data, 0, _DEEPEST)
    if tag != wanted:
        raise ValueError("it is no signed data")
    return value


def _several(data: bytes, count: int) -> list[tuple[int, bytes]]:
    found = [(tag, value) for tag, value, _whole in _all(data)]
    if len(found) != count:
        raise ValueError("it is no signed data")
    return found


def _all(data: bytes, depth: int = _DEEPEST) -> list[tuple[int, bytes, bytes]]:
    """Tag, content and whole of each element, up to the end of the data."""
    found, position = [], 0
    while position < len(data):
        tag, value, whole, position = _element(data, position, depth)
        found.append((tag, value, whole))
    return found


def _element(data: bytes, start: int, depth: int) -> tuple[int, bytes, bytes, int]:
    """Tag, content, whole and end of one element (ITU-T X.690, 8.1); its length may be left open, as in BER."""
    tag, size = _byte(data, start), _byte(data, start + 1)
    begin = start + 2
    if size == 0x80:
        end = _closed(data, begin, depth)
        return tag, data[begin:end], data[start : end + 2], end + 2
    if size > 0x80:
        digits = size & 0x7F
        size = int.from_bytes(data[begin : begin + digits], "big") if digits <= 4 else len(data)
        begin += digits
    if size > len(data) - begin:
        raise ValueError("it is damaged: it ends before its end")
    return tag, data[begin : begin + size], data[start : begin + size], begin + size


def _closed(data: bytes, begin: int, depth: int) -> int:
    """Where the two zero bytes stand that end an element of open length."""
    if depth == 0:
        raise ValueError("it is nested too deeply")
    position = begin
    while data[position : position + 2] != b"\0\0":
        position = _element(data, position, depth - 1)[3]
    return position


def _byte(data: bytes, position: int) -> int:
    if position >= len(data):
        raise ValueError("it is damaged: it ends before its end")
    return data[position]
