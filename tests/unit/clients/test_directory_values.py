# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries, modifications, filters and values of LDAP."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.clients.directory_values import (
    Attributes,
    Entry,
    Modification,
    all_of,
    any_of,
    decode,
    encode,
    equals,
    escape,
    range_of,
)

ENTRY = Entry(
    "CN=x", Attributes({"displayName": ["M\u00fcller"], "objectGUID": [b"\x01"], "userAccountControl": ["514"]})
)


def test_attributes_are_found_in_any_letter_case_and_listed_as_the_server_spells_them() -> None:
    assert ENTRY.attributes["DISPLAYNAME"] == ["M\u00fcller"]
    assert "objectguid" in ENTRY.attributes
    assert list(ENTRY.attributes) == ["displayName", "objectGUID", "userAccountControl"]
    assert len(ENTRY.attributes) == 3
    assert "mail" not in ENTRY.attributes
    with pytest.raises(KeyError):
        ENTRY.attributes["mail"]


def test_values_are_read_by_what_they_are() -> None:
    assert ENTRY.text("displayname") == "M\u00fcller"
    assert ENTRY.texts("displayName") == ["M\u00fcller"]
    assert ENTRY.octets("objectGUID") == b"\x01"
    assert ENTRY.number("userAccountControl") == 514
    assert (ENTRY.text("mail"), ENTRY.octets("mail"), ENTRY.number("mail"), ENTRY.texts("mail")) == (
        None,
        None,
        None,
        [],
    )
    assert ENTRY.text("objectGUID") is None


@pytest.mark.parametrize(
    ("name", "raw", "values"),
    [
        ("objectGUID", b"text", b"text"),
        ("OBJECTSID", b"\x01\x05", b"\x01\x05"),
        ("mS-DS-ConsistencyGuid", b"abcd", b"abcd"),
        ("userCertificate;binary", b"abc", b"abc"),
        ("unknown;binary", b"abc", b"abc"),
        ("displayName", "M\u00fcller".encode(), "M\u00fcller"),
        ("somethingNew", b"\xff\xfe", b"\xff\xfe"),
        ("proxyAddresses;range=0-1", b"smtp:a", "smtp:a"),
    ],
)
def test_octets_stay_octets_and_text_becomes_text(name: str, raw: bytes, values: str | bytes) -> None:
    assert decode(name, [raw]) == [values]


@pytest.mark.parametrize(
    ("value", "octets"),
    [(True, b"TRUE"), (False, b"FALSE"), (512, b"512"), ("\u00fc", b"\xc3\xbc"), (b"\x00", b"\x00")],
)
def test_values_are_written_as_ldap_wants_them(value: str | bytes | int, octets: bytes) -> None:
    assert encode(value) == octets


@given(st.text())
def test_text_goes_there_and_back(value: str) -> None:
    if value.isprintable():
        assert decode("displayName", [encode(value)]) == [value]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("proxyAddresses;range=0-1499", ("proxyAddresses", 1500)),
        ("member;Range=1500-2999", ("member", 3000)),
        ("member;range=3000-*", ("member", None)),
        ("member", None),
        ("userCertificate;binary", None),
    ],
)
def test_ranges_are_recognized(name: str, part: tuple[str, int | None] | None) -> None:
    assert range_of(name) == part


def test_filters_are_escaped() -> None:
    assert equals("cn", "a*(b)\\c") == "(cn=a\\2a\\28b\\29\\5cc)"
    assert equals("cn", " x\0") == "(cn=\\20x\\00)"
    assert equals("objectGUID", b"\x44\x00") == "(objectGUID=\\44\\00)"
    assert any_of([equals("a", "1"), equals("b", "2")]) == "(|(a=1)(b=2))"
    assert all_of([equals("a", "1")]) == "(&(a=1))"
    with pytest.raises(ValueError, match="no name of an attribute"):
        equals("cn=*)(x", "1")


@given(st.text())
def test_nothing_that_means_something_in_a_filter_is_left_in_a_value(value: str) -> None:
    escaped = escape(value)
    assert not re.search(r"[*()\0 ]", escaped)
    undone = re.sub(r"\\([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), escaped)
    assert undone == value


def test_a_modification_is_checked_and_shows_no_values() -> None:
    assert "geheim" not in repr(Modification("replace", "unicodePwd", ["geheim"]))
    with pytest.raises(ValueError, match="no operation"):
        Modification("increment", "x", ["1"])
    with pytest.raises(TypeError, match="list"):
        Modification("add", "x", "single")
