# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mailbox is, and when it must not be converted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.mailboxes import (
    CONVERSIONS,
    TYPES,
    UNLICENSED_BYTES,
    conversion_obstacle,
    size_in_bytes,
    state_of,
)

ROW = {
    "ExternalDirectoryObjectId": "1",
    "ExchangeGuid": "2",
    "UserPrincipalName": "info@contoso.example",
    "DisplayName": "Info",
    "PrimarySmtpAddress": "info@contoso.example",
    "EmailAddresses": ["SMTP:info@contoso.example"],
    "RecipientTypeDetails": "SharedMailbox",
    "IsDirSynced": False,
    "IsExchangeCloudManaged": False,
    "SKUAssigned": None,
    "ArchiveStatus": "None",
    "LitigationHoldEnabled": False,
}


def state(**changes: Any) -> dict[str, Any]:
    return state_of(ROW) | changes


@pytest.mark.parametrize(("ours", "theirs"), TYPES.items())
def test_types_have_the_administrators_names(ours: str, theirs: str) -> None:
    assert state_of(ROW | {"RecipientTypeDetails": theirs})["type"] == ours
    assert ours in CONVERSIONS


def test_another_type_keeps_its_own_name_and_cannot_be_converted() -> None:
    found = state_of(ROW | {"RecipientTypeDetails": "LinkedMailbox"})
    assert found["type"] == "LinkedMailbox"
    assert (
        conversion_obstacle(found, "user", False, 0)
        == "It is a LinkedMailbox, which cannot be converted to another type."
    )


@pytest.mark.parametrize(
    ("property_", "value", "key", "shown"),
    [
        ("ArchiveStatus", "Active", "archive", True),
        ("ArchiveStatus", None, "archive", False),
        ("SKUAssigned", True, "licensed", True),
        ("SKUAssigned", False, "licensed", False),
        ("IsDirSynced", True, "synced", True),
        ("LitigationHoldEnabled", True, "litigation_hold", True),
        ("ExternalDirectoryObjectId", "", "id", None),
        ("EmailAddresses", None, "addresses", []),
    ],
)
def test_properties(property_: str, value: Any, key: str, shown: Any) -> None:
    assert state_of(ROW | {property_: value})[key] == shown


@given(st.integers(0, 10**15))
def test_the_size_is_read_from_the_exact_number(size: int) -> None:
    assert size_in_bytes(f"{size / 1024**3:.1f} GB ({size:,} bytes)") == size
    assert size_in_bytes(f"{size / 1024**3:.1f} GB ({f'{size:,}'.replace(',', '.')} bytes)") == size


@pytest.mark.parametrize("text", [None, "", "49.5 GB", "Unlimited", "(many bytes)"])
def test_a_size_without_a_number_is_unknown(text: str | None) -> None:
    assert size_in_bytes(text) is None


def test_a_synced_mailbox_would_be_converted_back() -> None:
    assert "convert it back" in conversion_obstacle(state(synced=True, licensed=True), "user", True, 0)
    assert conversion_obstacle(state(synced=True, licensed=True, cloud_managed=True), "user", True, 0) == ""


def test_a_user_mailbox_wants_a_license_unless_told_otherwise() -> None:
    assert "disables a user mailbox without one after 30 days" in conversion_obstacle(state(), "user", True, None)
    assert conversion_obstacle(state(), "user", False, None) == ""
    assert conversion_obstacle(state(licensed=True), "user", True, None) == ""


@pytest.mark.parametrize("target", ["shared", "room", "equipment"])
@pytest.mark.parametrize(
    ("changes", "size", "reason"),
    [
        ({}, UNLICENSED_BYTES, ""),
        ({}, UNLICENSED_BYTES + 1, "50.0 GB of mail"),
        ({}, None, "an unknown size"),
        ({"archive": True}, 0, "an archive"),
        ({"litigation_hold": True}, 0, "a litigation hold"),
        ({"archive": True, "litigation_hold": True}, None, "an archive and a litigation hold and an unknown size"),
    ],
)
def test_what_a_mailbox_without_a_license_would_lose(
    target: str, changes: dict[str, Any], size: int | None, reason: str
) -> None:
    before = state(type="user", **changes)
    found = conversion_obstacle(before, target, True, size)
    assert found == "" if not reason else f"It has {reason} and no license; a {target} mailbox" in found
    assert conversion_obstacle(before | {"licensed": True}, target, True, size) == ""
