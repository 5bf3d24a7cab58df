# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of all permissions: it is whole, or there is none; and it takes few requests."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from contract_cases_permissions import FULL, GONE, INFO, LIST, RIGHTS, grown, holding, namesake
from contract_ground import Ground
from contract_runners import forget, in_controller

from lab.exchange.principals import sid_of
from lab.generator import generate, permit
from lab.stores import SendAsGrant

ANNA, ARCHIV = "anna.schaefer@contoso.example", "archiv@contoso.example"


def run(ground: Ground, **wish: Any) -> dict[str, Any]:
    """Run the module."""
    return in_controller("mailbox_permission_info", {**ground.cloud(), **wish}, False)


def of(ground: Ground, **wish: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report by address and by trustee."""
    result = run(ground, **wish)
    assert not result.get("failed"), result["msg"]
    report = result["resource"]
    return {one["primary_address"]: one for one in report["mailboxes"]}, {
        one["name"]: one for one in report["trustees"]
    }


def large(ground: Ground, count: int) -> None:
    """A tenant of so many mailboxes more, with permissions."""
    ground.world.tenant = generate(count, 1, ground.scenario)
    permit(ground.tenant)
    forget()


def test_by_mailbox_and_by_trustee(ground: Ground) -> None:
    grown(ground)
    mailboxes, trustees = of(ground)
    assert len(mailboxes) == sum(user.mailbox is not None for user in ground.tenant.users.values())
    info = mailboxes[INFO]
    assert info["full_access"] == [ANNA, "rechte@contoso.example", sid_of(GONE), "Scanner"]
    assert (info["send_as"], info["send_on_behalf"], info["read_permission"]) == ([ANNA], [ARCHIV], [ANNA])
    assert info["denied"] == [{"trustee": ARCHIV, "permission": "full_access"}]
    assert trustees[ANNA]["id"] == ground.user("anna.schaefer").id
    assert trustees[ANNA]["full_access"] == trustees[ANNA]["send_as"] == [INFO]
    assert trustees[sid_of(GONE)]["kind"] == "gone"
    assert trustees["Scanner"]["kind"] == "ServicePrincipal"
    assert trustees[ARCHIV]["denied"] == [{"mailbox": INFO, "permission": "full_access", "group": None}]
    assert all(one["by_group"] == [] for one in trustees.values())


def test_members_of_groups(ground: Ground) -> None:
    grown(ground)
    inner = ground.tenant.groups[LIST]
    inner.members = [ground.user("gross").id, RIGHTS]
    ground.tenant.groups[RIGHTS].members.append(LIST)
    mailboxes, trustees = of(ground, expand_groups=True)
    held = [{"mailbox": INFO, "permission": "full_access", "group": "rechte@contoso.example"}]
    assert trustees[ARCHIV]["by_group"] == held
    assert trustees["gross@contoso.example"]["by_group"] == held
    assert "gross@contoso.example" not in mailboxes[INFO]["full_access"]


def test_a_table_for_the_auditor(ground: Ground) -> None:
    grown(ground)
    ground.user("info").display_name = "=HYPERLINK(1)"
    text = run(ground, csv=True, expand_groups=True)["resource"]["csv"]
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["mailbox_name"] for row in rows} == {"'=HYPERLINK(1)"}
    assert [row["trustee"] for row in rows if row["access"] == "denied"] == [ARCHIV]
    assert {row["via_group"] for row in rows} == {"", "rechte@contoso.example"}


def test_users_shown_by_name_are_named_by_their_principal_name(ground: Ground) -> None:
    holding(("anna.schaefer", FULL), exchange_permission_user="name")(ground)
    assert of(ground, mailbox=INFO)[0][INFO]["full_access"] == [ANNA]


def test_a_name_of_two_is_told_by_asking(ground: Ground) -> None:
    namesake("gross")(ground)
    grant = SendAsGrant(ground.user("anna.schaefer").id, ground.tenant.clock.now())
    ground.tenant.exchange.send_as[ground.user("info").id] = [grant]
    info = of(ground, mailbox=INFO)[0][INFO]
    assert info["full_access"] == ["gross@contoso.example"]
    assert info["send_as"] == [ANNA]


def test_a_name_of_two_is_said_to_be_unknown(ground: Ground) -> None:
    namesake("gross")(ground)
    sid = sid_of(ground.user("gross").id)
    ground.fault("status", status=403, match={"cmdlet": "Get-MailboxPermission", "member": True, "from": 2}, times=None)
    ground.fault("status", status=403, match={"cmdlet": "Get-MailboxPermission", "from": 2}, times=None)
    mailboxes, trustees = of(ground, mailbox=INFO)
    assert mailboxes[INFO]["full_access"] == [f"Anna Schäfer ({sid})"]
    assert trustees[f"Anna Schäfer ({sid})"]["kind"] == "unknown"


def test_a_set_is_not_the_tenant(ground: Ground) -> None:
    grown(ground)
    assert set(of(ground, filter="Alias -eq 'info'")[0]) == {INFO}
    assert INFO not in of(ground, **{"except": ["kontakt@contoso.example"]})[0]
    assert run(ground, mailbox="nirgends@contoso.example")["resource"] is None


def test_a_large_tenant_takes_few_requests(ground: Ground) -> None:
    large(ground, 1_300)
    count = sum(user.mailbox is not None for user in ground.tenant.users.values())
    mailboxes, trustees = of(ground)
    assert len(mailboxes) == count
    asked = [entry.cmdlet for entry in ground.world.journal.entries if entry.service == "exchange" and entry.cmdlet]
    assert asked.count("Get-MailboxPermission") == count
    assert asked.count("Get-Mailbox") == 2
    assert asked.count("Get-Recipient") == 2
    assert asked.count("Get-RecipientPermission") == 2
    grants = ground.tenant.exchange.mailbox_grants.values()
    assert sum(len(one["full_access"]) for one in mailboxes.values()) == sum(map(len, grants))
    assert sum(len(one["full_access"]) for one in trustees.values()) == sum(map(len, grants))


def test_a_global_reader_sees_all_but_the_names_of_applications(ground: Ground) -> None:
    grown(ground)
    role = next(role for role in ground.tenant.roles.values() if role.display_name == "Exchange Administrator")
    role.template_id = "729827e3-9c14-49f7-bb1b-9608f156bbb8"
    assert "Scanner" in of(ground)[0][INFO]["full_access"]


# --- bad input


def test_a_mailbox_that_vanishes_is_left_out_and_said(ground: Ground) -> None:
    ground.tenant.switches["exchange_vanished"] = ["vertrieb@contoso.example"]
    result = run(ground)
    assert "vertrieb@contoso.example" not in [one["primary_address"] for one in result["resource"]["mailboxes"]]
    assert result["warnings"] == ["Deleted while the report was made, and not in it: vertrieb@contoso.example."]


def test_a_page_link_that_expires_leaves_no_report(ground: Ground) -> None:
    large(ground, 1_200)
    ground.tenant.switches["exchange_page_seconds"] = 0
    result = run(ground)
    assert result["failed"]
    assert "Expired or Invalid pagination request" in result["msg"]
    assert "resource" not in result


def test_one_malformed_entry_leaves_no_report(ground: Ground) -> None:
    large(ground, 400)
    name = next(
        user.user_principal_name
        for user in ground.tenant.users.values()
        if user.id in ground.tenant.exchange.mailbox_grants
    )
    ground.tenant.switches["exchange_malformed"] = [name]
    result = run(ground)
    assert result["failed"]
    assert f"Exchange's answer about {name} cannot be read" in result["msg"]


@pytest.mark.parametrize("cmdlet", ["Get-MailboxPermission", "Get-RecipientPermission", "Get-Mailbox", "Get-Recipient"])
def test_what_cannot_be_read_leaves_no_report(ground: Ground, cmdlet: str) -> None:
    for match in ({"cmdlet": cmdlet}, {"cmdlet": cmdlet, "member": True}):
        ground.fault("status", status=403, match=match, times=None)
    result = run(ground, mailboxes=[INFO])
    assert result["failed"]
    assert "resource" not in result


def test_a_filter_that_exchange_refuses(ground: Ground) -> None:
    assert "Invalid filter syntax" in run(ground, filter="Quatsch")["msg"]


def test_a_group_that_contains_itself(ground: Ground) -> None:
    grown(ground)
    ground.tenant.groups[LIST].members = [LIST, ground.user("info").id]
    assert set(of(ground, group="Verteiler")[0]) == {INFO}
