# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMTP AUTH in the administrator's words: who may submit mail by it, from switches that Exchange shows negated.

Exchange's property is C(SmtpClientAuthenticationDisabled): of the organization true or false, of a mailbox also null,
which means as the organization (Microsoft Learn, "Enable or disable authenticated client SMTP submission (SMTP AUTH)
in Exchange Online").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

ENABLED, DISABLED, INHERITED, UNKNOWN = "enabled", "disabled", "organization", "unknown"
CHOICES = (ENABLED, DISABLED, INHERITED)
# The word for the organization in the place of a mailbox's name.
ORGANIZATION = "(the organization)"
PROPERTY = "SmtpClientAuthenticationDisabled"
# What Set-CASMailbox and Set-TransportConfig take; null takes the mailbox's own switch away.
VALUES = {ENABLED: False, DISABLED: True, INHERITED: None}


def word(disabled: bool | None) -> str:
    """One of CHOICES for the value of Exchange's property."""
    return next(ours for ours, theirs in VALUES.items() if theirs is disabled)


def effective(own: str, organization: str) -> str:
    """What holds for a mailbox: its own switch before that of the organization, which may be unknown."""
    return organization if own == INHERITED else own


def organization_state(row: Mapping[str, Any]) -> dict[str, Any]:
    """The organization's state from the row of Get-TransportConfig."""
    own = word(bool(row[PROPERTY]))
    return {"smtp_auth": own, "organization": own, "effective": own}


def mailbox_state(named: Mapping[str, Any], access: Mapping[str, Any], organization: str) -> dict[str, Any]:
    """The state of one mailbox.

    Arguments:
        named: its names, in any row of Exchange.
        access: its row of Get-CASMailbox.
        organization: the organization's switch.
    """
    own = word(access[PROPERTY])
    return {
        # A mailbox that was made moments ago has only Exchange's own id.
        "id": named.get("ExternalDirectoryObjectId") or named.get("Guid"),
        "display_name": named.get("DisplayName"),
        "primary_address": named.get("PrimarySmtpAddress"),
        "smtp_auth": own,
        "organization": organization,
        "effective": effective(own, organization),
    }


def goal(want: Mapping[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The state that should be there: a switch of the organization holds for the organization at once."""
    own = want["smtp_auth"]
    organization = own if want["mailbox"] == ORGANIZATION else before.get("organization", UNKNOWN)
    return before | {"smtp_auth": own, "organization": organization, "effective": effective(own, organization)}


def notable(states: Iterable[Mapping[str, Any]], wanted: str | None) -> list[dict[str, Any]]:
    """The mailboxes that an administrator has to know of, by address.

    Arguments:
        states: of all mailboxes.
        wanted: only those of which this holds; None: those with a switch of their own, and those that may use it.
    """
    chosen = (
        {name: value for name, value in state.items() if name != "organization"}
        for state in states
        if (
            state["effective"] == wanted if wanted else state["smtp_auth"] != INHERITED or state["effective"] == ENABLED
        )
    )
    return sorted(chosen, key=lambda state: str(state["primary_address"]).casefold())


def checked_days(days: int) -> int:
    """The days of the sign-in log to look at. Raises ValueError for what no log holds (Entra ID keeps 30 days)."""
    if not 0 <= days <= 30:
        raise ValueError(f"{days} is not between 0 and 30")
    return days
