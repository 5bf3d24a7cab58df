# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of mailboxes and its comparison, on plain data."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from lab import table
from lab.sync_entries import DirectoryEntry

ANCHOR = bytes(range(16))
ENTRY = DirectoryEntry(
    "CN=x,DC=y", ANCHOR, {"proxyAddresses": [b"SMTP:info@contoso.example", b"smtp:k@contoso.example"]}
)


def state() -> dict[str, Any]:
    user = {
        "id": "11111111-aaaa",
        "user_principal_name": "info@contoso.example",
        "display_name": "Zentrale Auskünfte",
        "mail": "info@contoso.example",
        "licenses": [],
        "mailbox": {"guid": "22222222-bbbb", "type_details": "SharedMailbox"},
        "proxy_addresses": ["SMTP:info@contoso.example", "smtp:k@contoso.example", "smtp:i@t.onmicrosoft.example"],
        "on_premises_sync_enabled": None,
        "on_premises_immutable_id": None,
    }
    return {"users": {"u": user}, "skus": {"s": {"sku_id": "s", "part_number": "EXCHANGESTANDARD"}}}


def onboarded() -> dict[str, Any]:
    content = state()
    content["users"]["u"] |= {
        "licenses": [{"sku_id": "s"}],
        "on_premises_sync_enabled": True,
        "on_premises_immutable_id": ENTRY.anchor,
    }
    content["users"]["u"]["mailbox"]["type_details"] = "UserMailbox"
    return content


def rows(content: dict[str, Any], *entries: DirectoryEntry) -> list[table.Row]:
    return table.rows_of(content, ["INFO@contoso.example"], entries)


def test_a_row_before_and_after_the_job() -> None:
    before, after = table.table(rows(state(), ENTRY)), table.table(rows(onboarded(), ENTRY))
    assert (
        "│ Zentrale Auskünfte │ info@contoso.example │ shared │ –       │ cloud       │ 3         │ 11111111" in before
    )
    assert "│ user │ EXCHANGESTANDARD │ AD          │ 3 (2 in AD) │ 11111111  │ 22222222     │" in after


def test_lines_are_aligned_with_umlauts_marks_and_wide_signs() -> None:
    text = table.box(["A", "B"], [["Öl", "x"], ["o\u0308", "日本"], ["longer", ""]])
    assert {table.width(line) for line in text.splitlines()} == {17}
    assert text.splitlines()[3] == "│ Öl     │ x    │"
    assert text.splitlines()[4] == "│ o\u0308      │ 日本 │"


def test_a_terminal_without_boxes_gets_ascii() -> None:
    assert table.table(rows(state()), ascii_only=True).replace("ü", "u").isascii()
    assert table.compare(rows(state()), rows(onboarded(), ENTRY), ascii_only=True).isascii()


def test_the_comparison_shows_what_changed() -> None:
    text = table.compare(rows(state()), rows(onboarded(), ENTRY))
    for expected in (
        "shared → user",
        "– → EXCHANGESTANDARD",
        "cloud → AD",
        "3 → 3 (2 in AD)",
        "│ yes ",
        "No address was lost.",
    ):
        assert expected in text


def test_ad_masters_only_what_ad_holds() -> None:
    (row,) = rows(onboarded())
    assert row["mastered_by"] == "AD (no account has anchor 00010203)"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("id", "other", "NO: other object"),
        ("mailbox", {"guid": "z", "type_details": "UserMailbox"}, "NO: other mailbox"),
    ],
)
def test_another_object_or_mailbox_is_noticed(key: str, value: Any, said: str) -> None:
    after = onboarded()
    after["users"]["u"][key] = value
    assert said in table.compare(rows(state()), rows(after, ENTRY))


def test_lost_addresses_are_named_and_a_new_primary_is_no_loss() -> None:
    after = deepcopy(state())
    after["users"]["u"]["proxy_addresses"] = ["smtp:info@contoso.example", "SMTP:k@contoso.example"]
    text = table.compare(rows(state()), rows(after))
    assert text.splitlines()[-1] == "INFO@contoso.example: lost smtp:i@t.onmicrosoft.example"


def test_a_mailbox_that_is_gone_is_said_to_be() -> None:
    after = state()
    after["users"] = {}
    assert "│ gone" in table.compare(rows(state()), rows(after))
    assert "│ gone │" in table.table(rows(after))
