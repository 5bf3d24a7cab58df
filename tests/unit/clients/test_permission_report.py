# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the long list of who may send as whom does not say of a mailbox is not known, and is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.m365.hybrid.plugins.module_utils.clients import permission_report
from ansible_collections.m365.hybrid.plugins.module_utils.clients.mailbox_permissions import WHOLE_LIST
from ansible_collections.m365.hybrid.plugins.module_utils.domain.permission_report import Known

SELF = {"Trustee": "NT AUTHORITY\\SELF", "TrusteeSidString": "S-1-5-10", "AccessRights": ["SendAs"]}
ANNA = {"Trustee": "anna@contoso.example", "TrusteeSidString": "S-1-5-21-1", "AccessRights": ["SendAs"]}
ALL: dict[str, Any] = {"mailbox": None, "all": True, "expand_groups": False, "csv": False}


class Exchange:
    """A tenant whose list of senders knows the last mailbox by another name."""

    def __init__(self) -> None:
        self.ids = [f"id-{number}" for number in range(WHOLE_LIST)]
        self.vanished: list[str] = []
        self.asked: list[str] = []
        self.warnings: list[str] = []

    def command(self, name: str, **_more: Any) -> list[dict[str, Any]]:
        if name == "Get-Mailbox":
            return [
                {"ExternalDirectoryObjectId": one, "PrimarySmtpAddress": one, "GrantSendOnBehalfTo": []}
                for one in self.ids
            ]
        names = [*self.ids[:-1], "Info"]
        return [{"Identity": one, **row} for one in names for row in (SELF, ANNA)]

    def commands(self, name: str, many: Sequence[Mapping[str, Any]], **_more: Any) -> list[list[dict[str, Any]] | None]:
        if name == "Get-MailboxPermission":
            return [[] for _one in many]
        self.asked += [one["Identity"] for one in many]
        return [None if one["Identity"] in self.vanished else [SELF, ANNA] for one in many]


def collected(exchange: Any) -> dict[str, Any]:
    """The report of all mailboxes."""
    report = permission_report.collect(exchange, ALL, Known)
    assert report is not None
    return report


def test_a_mailbox_that_the_list_of_senders_lacks_is_asked_for() -> None:
    exchange = Exchange()
    report = collected(exchange)
    assert exchange.asked == exchange.ids[-1:]
    assert [one["send_as"] for one in report["mailboxes"]] == [["anna@contoso.example"]] * WHOLE_LIST


def test_a_mailbox_whose_senders_nobody_knows_any_more_is_left_out_and_said() -> None:
    exchange = Exchange()
    exchange.vanished = exchange.ids[-1:]
    report = collected(exchange)
    assert len(report["mailboxes"]) == WHOLE_LIST - 1
    assert exchange.warnings == [f"Deleted while the report was made, and not in it: {exchange.ids[-1]}."]
