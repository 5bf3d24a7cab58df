# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of account attributes: control bits, passwords, anchors, identifiers."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.accounts import (
    anchor_of,
    encode_password,
    guid_bytes,
    guid_text,
    immutable_id,
    is_enabled,
    raw_of_immutable_id,
    sid_text,
    with_enabled,
)

# The worked example: a GUID, its bytes as LDAP gives them, and what Entra Connect makes of it.
GUID = "11223344-5566-7788-99aa-bbccddeeff00"
RAW = bytes.fromhex("44332211 6655 8877 99aa bbccddeeff00")
IMMUTABLE = "RDMiEWZViHeZqrvM3e7/AA=="


def test_the_anchor_is_made_of_the_bytes_as_ldap_gives_them() -> None:
    assert immutable_id(RAW) == IMMUTABLE
    assert guid_text(RAW) == GUID
    assert guid_bytes(GUID) == RAW
    assert immutable_id(uuid.UUID(GUID).bytes) != IMMUTABLE
    assert raw_of_immutable_id(IMMUTABLE) == RAW


def test_a_filled_consistency_guid_is_the_anchor() -> None:
    other = bytes(range(16))
    assert anchor_of(RAW, other) == IMMUTABLE
    assert anchor_of(None, RAW) == IMMUTABLE
    assert anchor_of(b"", RAW) == IMMUTABLE


@given(st.binary(min_size=16, max_size=16))
def test_anchors_and_guids_go_there_and_back(raw: bytes) -> None:
    assert raw_of_immutable_id(immutable_id(raw)) == raw
    assert guid_bytes(guid_text(raw)) == raw


@pytest.mark.parametrize("text", ["", "employee-4711", "QUJD", "not base64!", "RDMiEWZViHeZqrvM3e7/AA"])
def test_an_immutable_id_of_something_else_is_no_anchor(text: str) -> None:
    assert raw_of_immutable_id(text) is None


@pytest.mark.parametrize("raw", [b"", b"x" * 15, b"x" * 17])
def test_an_anchor_has_sixteen_bytes(raw: bytes) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        immutable_id(raw)


def test_a_password_is_quoted_and_in_utf_16() -> None:
    assert encode_password("Ab1!") == bytes.fromhex("220041006200310021002200")
    assert encode_password("Gr\u00fc\u00df-1").decode("utf-16-le") == '"Gr\u00fc\u00df-1"'
    with pytest.raises(ValueError, match="empty"):
        encode_password("")


@pytest.mark.parametrize(("control", "enabled", "after"), [(514, True, 512), (512, False, 514), (66048, False, 66050)])
def test_enabling_and_disabling(control: int, enabled: bool, after: int) -> None:
    assert with_enabled(control, enabled) == after
    assert is_enabled(after) is enabled


@given(st.integers(0, 2**27), st.booleans())
def test_enabling_touches_no_other_bit(control: int, enabled: bool) -> None:
    after = with_enabled(control, enabled)
    assert after ^ control in (0, 2)
    assert is_enabled(after) is enabled
    assert with_enabled(after, enabled) == after


def test_a_security_identifier_is_read() -> None:
    raw = bytes.fromhex("010500000000000515000000a065cf7e784b9b5fe77c8770091c0100")
    assert sid_text(raw) == "S-1-5-21-2127521184-1604012920-1887927527-72713"
    with pytest.raises(ValueError, match="no security identifier"):
        sid_text(raw[:-1])
