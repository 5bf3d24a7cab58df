# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which mailboxes an account may open, by their type, as a table; nothing here knows the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .table import box

HEADINGS = ("Type", "Mailboxes", "Open to it", "Of these in its Outlook")


def opened(state: Mapping[str, Any], account: str) -> dict[str, bool]:
    """The ids of the mailboxes with FullAccess for an account, and whether Outlook shows each by itself.

    state: as C(/_lab/state) shows it. account: its principal name. Raises KeyError: there is no such user.
    """
    trustee = {user["user_principal_name"].lower(): user["id"] for user in state["users"].values()}[account.lower()]
    return {
        mailbox: grant["auto_mapping"]
        for mailbox, grants in state["exchange"]["mailbox_grants"].items()
        for grant in grants
        if grant["trustee"] == trustee and "FullAccess" in grant["rights"] and not grant["deny"]
    }


def table(state: Mapping[str, Any], found: Mapping[str, bool], *, ascii_only: bool = False) -> str:
    """One row for each type of mailbox."""
    types = {user["id"]: user["mailbox"]["type_details"] for user in state["users"].values() if user["mailbox"]}
    rows = []
    for kind in sorted(set(types.values())):
        ids = [mailbox for mailbox, held in types.items() if held == kind]
        shown = [found[mailbox] for mailbox in ids if mailbox in found]
        rows.append([kind, str(len(ids)), str(len(shown)), str(sum(shown))])
    return box(HEADINGS, rows, ascii_only=ascii_only)
