# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The serialized certificate store: what is written is read again, and what is damaged is refused, whatever the damage."""

from __future__ import annotations

import time
import tracemalloc
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_certificates import every_odd_kind
from public_certificates import public_authorities

from ansible_collections.m365.hybrid.plugins.module_utils.domain.sst import (
    CERTIFICATE,
    CRL,
    CTL,
    Element,
    build,
    is_sst,
    parse,
)

START = bytes(4) + b"CERT"
END = bytes(12)
FRIENDLY_NAME = 0x0B
KINDS = (CERTIFICATE, CRL, CTL)
PROPERTIES = st.lists(
    st.tuples(st.integers(1, 0xFFFF).filter(lambda number: number not in KINDS), st.binary(max_size=40)), max_size=3
).map(tuple)
ELEMENTS = st.lists(st.builds(Element, st.sampled_from(KINDS), st.binary(max_size=60), PROPERTIES), max_size=5)


def entry(number: int, value: bytes, encoding: int = 1, length: int | None = None) -> bytes:
    return pack("<III", number, encoding, len(value) if length is None else length) + value


def small_store() -> bytes:
    name = "Contoso".encode("utf-16-le") + bytes(2)
    return build(
        [
            Element(CERTIFICATE, every_odd_kind()["another root"].der, ((3, bytes(20)), (FRIENDLY_NAME, name))),
            Element(CERTIFICATE, every_odd_kind()["Ed25519"].der),
        ]
    )


def assert_read_or_refused(data: bytes) -> None:
    """It is read so that writing gives the same bytes, or refused by a ValueError with a text; nothing else may happen."""
    try:
        elements = parse(data)
    except ValueError as refused:
        if str(refused):
            return
        raise
    assert build(elements) == data


def test_the_bytes_of_a_store_are_those_of_the_specification() -> None:
    der = bytes.fromhex("30820103") + b"\x07" * 259
    expected = bytes.fromhex("0000000043455254 200000000100000007010000") + der + bytes(12)
    assert build([Element(CERTIFICATE, der)]) == expected
    assert len(expected) == 295
    assert build([]) == bytes.fromhex("0000000043455254") + bytes(12)


def test_properties_stand_before_their_certificate() -> None:
    written = build([Element(CERTIFICATE, b"one"), Element(CERTIFICATE, b"two", ((FRIENDLY_NAME, b"name"),))])
    assert written == START + entry(0x20, b"one") + entry(0x0B, b"name") + entry(0x20, b"two") + END


@given(ELEMENTS)
def test_what_was_written_is_read_again(elements: list[Element]) -> None:
    written = build(elements)
    assert is_sst(written)
    assert parse(written) == elements


@given(st.binary(max_size=200))
def test_any_bytes_are_a_store_or_refused_with_a_reason(data: bytes) -> None:
    for candidate in (data, START + data, START + data + END):
        assert_read_or_refused(candidate)


@given(st.data())
def test_a_store_with_a_few_bytes_changed_is_read_as_it_is_or_refused(data: st.DataObject) -> None:
    store = bytearray(small_store())
    for _change in range(data.draw(st.integers(1, 4))):
        store[data.draw(st.integers(0, len(store) - 1))] = data.draw(st.integers(0, 255))
    assert_read_or_refused(bytes(store))


def test_every_bit_flipped_is_read_as_it_is_or_refused() -> None:
    store = small_store()
    began = time.monotonic()
    for position in range(len(store)):
        for bit in range(8):
            flipped = bytearray(store)
            flipped[position] ^= 1 << bit
            assert_read_or_refused(bytes(flipped))
    assert time.monotonic() - began < 30


def test_a_store_cut_off_anywhere_is_refused() -> None:
    store = small_store()
    for end in range(len(store)):
        with pytest.raises(ValueError, match=r"byte \d+|does not begin"):
            parse(store[:end])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not begin"),
        (b"\x01\x00\x00\x00CERT" + END, "does not begin"),
        (START, "byte 8: it ends in the middle"),
        (START + entry(0x20, b"der"), "byte 23: it ends in the middle"),
        (START + END[:-1], "byte 8: it ends in the middle"),
        (START + END + b"\x00", "byte 8: something follows the end"),
        (START + END + START + END, "byte 8: something follows the end"),
        (START + pack("<III", 0, 1, 0), "byte 8: something follows the end"),
        (START + entry(0x20, b"der", encoding=0) + END, "byte 8: the encoding 0"),
        (START + entry(0x20, b"der", encoding=0x10001) + END, "byte 8: the encoding 65537"),
        (START + entry(0x10000, b"der") + END, "byte 8: there is no entry of the kind 0x10000"),
        (START + entry(0x0B, b"name") + END, "properties that belong to nothing"),
        (START + entry(0x20, b"der", length=16) + END, "byte 8: 16 bytes are announced, and 15 are there"),
        (START + entry(0x20, b"der", length=0xFFFFFFFF) + END, "byte 8: 4294967295 bytes are announced"),
    ],
)
def test_damage_is_said_with_its_place(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(data)


def test_a_length_of_four_gigabytes_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="are announced"):
            parse(START + entry(0x20, b"der", length=0xFFFFFFFF) + END)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_a_megabyte_of_empty_entries_is_judged_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(ValueError, match="belong to nothing"):
        parse(START + entry(3, b"") * 87_000 + END)
    assert len(parse(START + entry(0x20, b"") * 87_000 + END)) == 87_000
    assert time.monotonic() - began < 5


def test_properties_that_nobody_knows_are_kept() -> None:
    properties = ((0xFFFF, b"\x00\x01"), (0x7B, b""), (0x7B, b"twice"))
    data = START + b"".join(entry(*one) for one in properties) + entry(0x20, b"der") + END
    assert parse(data) == [Element(CERTIFICATE, b"der", properties)]


@pytest.mark.parametrize("number", [0, CERTIFICATE, CRL, CTL, 0x10000, -1])
def test_a_property_with_the_number_of_something_else_is_not_written(number: int) -> None:
    with pytest.raises(ValueError, match="is no property"):
        build([Element(CERTIFICATE, b"der", ((number, b""),))])


@pytest.mark.parametrize("kind", [0, 3, 0x23, 0x10020])
def test_an_element_of_no_kind_is_not_written(kind: int) -> None:
    with pytest.raises(ValueError, match="is no kind of element"):
        build([Element(kind, b"der")])


def test_public_authorities_and_odd_ones_come_back_byte_for_byte() -> None:
    certificates = [*public_authorities(), *(made.der for made in every_odd_kind().values())]
    assert len(certificates) > 100
    assert [
        element.value for element in parse(build(Element(CERTIFICATE, der) for der in certificates))
    ] == certificates


@settings(max_examples=30)
@given(st.permutations(public_authorities()[:30]))
def test_the_order_is_kept(certificates: list[bytes]) -> None:
    assert [
        element.value for element in parse(build(Element(CERTIFICATE, der) for der in certificates))
    ] == certificates
