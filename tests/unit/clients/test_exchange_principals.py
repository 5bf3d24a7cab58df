# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose permission an entry of a mailbox is, and which application a name means."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import Answer, ScriptedServer

from ansible_collections.m365.hybrid.plugins.module_utils.clients import exchange_principals as principals
from ansible_collections.m365.hybrid.plugins.module_utils.clients.exchange import Exchange

KNOWN = {"ObjectId": "9b2f7c1e-4d83-4a60-b5e9-21c7d8f0a634", "Sid": "S-1-5-21-1-2-3-4000", "DisplayName": "Mailer"}


def entry(**changes: Any) -> dict[str, Any]:
    """An entry that lets the application open the mailbox, some fields of it changed."""
    return {
        "User": "Mailer",
        "UserSid": KNOWN["Sid"],
        "AccessRights": ["FullAccess, ReadPermission"],
        "Deny": False,
        "IsInherited": False,
        **changes,
    }


@pytest.mark.parametrize(
    ("rows", "opens"),
    [
        ([], False),
        ([entry()], True),
        ([entry(UserSid="S-1-5-21-1-2-3-9999")], False),
        ([entry(UserSid="S-1-5-10", User="NT AUTHORITY\\SELF")], False),
        ([entry(AccessRights=["ReadPermission"])], False),
        ([entry(Deny=True)], False),
        ([entry(IsInherited=True)], False),
        ([entry(Deny=True), entry()], True),
    ],
)
def test_an_entry_is_told_by_its_sid(
    exchange: Exchange, server: ScriptedServer, rows: list[dict[str, Any]], opens: bool
) -> None:
    server.script = [Answer(200, {"value": rows})]
    assert principals.may_open(exchange, KNOWN, "info@contoso.example") is opens
    assert server.requests[0].json["CmdletInput"]["Parameters"]["User"] == KNOWN["ObjectId"]


@pytest.mark.parametrize(("sid", "opens"), [("S-1-5-10", False), ("S-1-5-21-1-2-3-4000", True)])
def test_without_a_sid_the_filter_is_relied_on(
    exchange: Exchange, server: ScriptedServer, sid: str, opens: bool
) -> None:
    server.script = [Answer(200, {"value": [entry(UserSid=sid)]})]
    assert principals.may_open(exchange, {**KNOWN, "Sid": None}, "info@contoso.example") is opens
