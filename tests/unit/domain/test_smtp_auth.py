# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMTP AUTH in the administrator's words."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.domain import smtp_auth

ROW = {"ExternalDirectoryObjectId": "1", "DisplayName": "Info", "PrimarySmtpAddress": "info@contoso.example"}


def state(address: str, disabled: bool | None, organization: str = "disabled") -> dict[str, Any]:
    """A mailbox of that address."""
    names = ROW | {"PrimarySmtpAddress": address}
    return smtp_auth.mailbox_state(names, {smtp_auth.PROPERTY: disabled}, organization)


@pytest.mark.parametrize(("disabled", "word"), [(False, "enabled"), (True, "disabled"), (None, "organization")])
def test_exchange_says_the_opposite(disabled: bool | None, word: str) -> None:
    assert smtp_auth.word(disabled) == word
    assert smtp_auth.VALUES[word] is disabled


def test_zero_is_no_switch() -> None:
    with pytest.raises(StopIteration):
        smtp_auth.word(0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("disabled", "organization", "effective"),
    [
        (False, "disabled", "enabled"),
        (True, "enabled", "disabled"),
        (None, "enabled", "enabled"),
        (None, "disabled", "disabled"),
        (None, "unknown", "unknown"),
        (False, "unknown", "enabled"),
    ],
)
def test_the_own_switch_goes_first(disabled: bool | None, organization: str, effective: str) -> None:
    assert state("info@contoso.example", disabled, organization)["effective"] == effective


def test_the_goal_of_a_mailbox_says_what_will_hold() -> None:
    want = {"mailbox": "info@contoso.example", "smtp_auth": "organization"}
    after = smtp_auth.goal(want, state("info@contoso.example", True, "enabled"))
    assert (after["smtp_auth"], after["organization"], after["effective"]) == ("organization", "enabled", "enabled")


def test_the_goal_of_the_organization_is_its_own_switch() -> None:
    want = {"mailbox": smtp_auth.ORGANIZATION, "smtp_auth": "enabled"}
    after = smtp_auth.goal(want, smtp_auth.organization_state({smtp_auth.PROPERTY: True}))
    assert after == {"smtp_auth": "enabled", "organization": "enabled", "effective": "enabled"}


def test_the_notable_mailboxes() -> None:
    states = [state("c@contoso.example", None), state("B@contoso.example", True), state("a@contoso.example", False)]
    assert [one["primary_address"] for one in smtp_auth.notable(states, None)] == [
        "a@contoso.example",
        "B@contoso.example",
    ]
    assert [one["primary_address"] for one in smtp_auth.notable(states, "enabled")] == ["a@contoso.example"]
    assert len(smtp_auth.notable(states, "disabled")) == 2
    assert "organization" not in smtp_auth.notable(states, None)[0]
    opened = [state("c@contoso.example", None, "enabled")]
    assert len(smtp_auth.notable(opened, None)) == 1


@pytest.mark.parametrize("days", [-1, 31])
def test_no_log_holds_so_many_days(days: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 30"):
        smtp_auth.checked_days(days)
