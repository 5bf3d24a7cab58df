# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMTP AUTH switches, service principals and permissions of Exchange, seen from outside."""

from __future__ import annotations

from typing import Any

import pytest
from rehearsal import APP_ID, PRINCIPAL_ID, Lab
from test_exchange import INFO, INFO_ID, delta, failure, hold_roles, invoke, rows

from lab.exchange import access
from lab.state import Group

VERTRIEB = "vertrieb@contoso.example"
FULL = {"Identity": INFO, "User": VERTRIEB, "AccessRights": ["FullAccess"]}
SEND_AS = {"Identity": INFO, "Trustee": VERTRIEB, "AccessRights": ["SendAs"]}
DISABLED = "SmtpClientAuthenticationDisabled"


def done(lab: Lab, cmdlet: str, parameters: dict[str, Any]) -> list[str]:
    """A command that succeeds; gives its warnings."""
    answer = invoke(lab, cmdlet, parameters)
    assert answer.status_code == 200, answer.text
    warnings: list[str] = answer.json()["@adminapi.warnings"]
    return warnings


def refusal(lab: Lab, cmdlet: str, parameters: dict[str, Any]) -> tuple[str, str]:
    return failure(invoke(lab, cmdlet, parameters))


def cas(lab: Lab) -> dict[str, Any]:
    (row,) = rows(lab, "Get-CASMailbox", {"Identity": INFO})
    return row


def given(lab: Lab, **parameters: Any) -> list[dict[str, Any]]:
    """The entries of the mailbox that are not its own."""
    found = rows(lab, "Get-MailboxPermission", {"Identity": INFO, **parameters})
    return [row for row in found if row["User"] != "NT AUTHORITY\\SELF"]


# --- transport configuration and client access


def test_smtp_auth_is_off_in_a_new_organization_and_can_be_turned_on(lab: Lab) -> None:
    (row,) = rows(lab, "Get-TransportConfig")
    assert row[DISABLED] is True
    assert row["AllowLegacyTLSClients"] is None
    assert done(lab, "Set-TransportConfig", {DISABLED: False}) == []
    assert rows(lab, "Get-TransportConfig")[0][DISABLED] is False
    (warning,) = done(lab, "Set-TransportConfig", {DISABLED: False})
    assert "no settings of 'Transport Settings' have been modified" in warning


def test_the_transport_configuration_takes_no_identity_and_no_null(lab: Lab) -> None:
    assert refusal(lab, "Get-TransportConfig", {"Identity": "x"})[0] == "AmbiguousParameterSetException"
    assert refusal(lab, "Set-TransportConfig", {DISABLED: None})[0] == "ParameterTransformationException"
    assert refusal(lab, "Set-TransportConfig", {DISABLED: "false"})[0] == "ParameterTransformationException"


def test_a_switch_says_what_the_transport_configuration_is_at_first(lab: Lab) -> None:
    lab.control("POST", "switches", {"exchange_transport": {DISABLED: False}})
    assert rows(lab, "Get-TransportConfig")[0][DISABLED] is False


def test_smtp_auth_of_a_mailbox_has_three_states(lab: Lab) -> None:
    assert cas(lab)[DISABLED] is None
    for value in (True, False, None):
        assert done(lab, "Set-CASMailbox", {"Identity": INFO, DISABLED: value}) == []
        assert cas(lab)[DISABLED] is value
    assert "have been modified" in done(lab, "Set-CASMailbox", {"Identity": INFO, DISABLED: None})[0]


def test_protocols_of_a_mailbox_are_true_or_false(lab: Lab) -> None:
    done(lab, "Set-CASMailbox", {"Identity": INFO, "ImapEnabled": False, "EwsAllowList": ["a", "b"]})
    done(lab, "Set-CASMailbox", {"Identity": INFO, "EwsAllowList": delta(Add=["c"], Remove=["a"])})
    assert (cas(lab)["ImapEnabled"], cas(lab)["PopEnabled"], cas(lab)["EwsAllowList"]) == (False, True, ["b", "c"])
    assert refusal(lab, "Set-CASMailbox", {"Identity": INFO, "ImapEnabled": None})[0].startswith("Parameter")
    assert refusal(lab, "Set-CASMailbox", {DISABLED: True})[0].startswith("Parameter")
    assert "ImapEnabled" not in rows(lab, "Get-Mailbox", {"Identity": INFO})[0]


# --- service principals


def register(lab: Lab, object_id: str = PRINCIPAL_ID, **parameters: Any) -> dict[str, Any]:
    (row,) = rows(lab, "New-ServicePrincipal", {"AppId": APP_ID, "ObjectId": object_id, **parameters})
    return row


def test_a_service_principal_is_registered_found_and_removed(lab: Lab) -> None:
    made = register(lab, DisplayName="Scanner")
    assert (made["AppId"], made["ObjectId"], made["DisplayName"]) == (APP_ID, PRINCIPAL_ID, "Scanner")
    for name in (PRINCIPAL_ID, APP_ID.upper(), "scanner", made["Guid"], made["Sid"]):
        assert rows(lab, "Get-ServicePrincipal", {"Identity": name})[0]["Guid"] == made["Guid"]
    done(lab, "Remove-ServicePrincipal", {"Identity": PRINCIPAL_ID, "Confirm": False})
    assert rows(lab, "Get-ServicePrincipal") == []
    assert refusal(lab, "Get-ServicePrincipal", {"Identity": "Scanner"})[0] == "ManagementObjectNotFoundException"


def test_a_wrong_object_id_is_taken_and_none_is_not(lab: Lab) -> None:
    assert register(lab, lab.application.id)["ObjectId"] == lab.application.id
    assert refusal(lab, "New-ServicePrincipal", {"AppId": APP_ID})[0] == "ParameterTransformationException"
    again = {"AppId": APP_ID, "ObjectId": PRINCIPAL_ID}
    assert refusal(lab, "New-ServicePrincipal", again)[0] == "ADObjectAlreadyExistsException"


def test_a_new_service_principal_may_be_unseen_for_a_while(lab: Lab) -> None:
    lab.control("POST", "switches", {"exchange_principal_lag": 2})
    register(lab)
    grant = {"Identity": INFO, "User": PRINCIPAL_ID, "AccessRights": ["FullAccess"]}
    assert refusal(lab, "Add-MailboxPermission", grant)[0] == "ManagementObjectNotFoundException"
    assert refusal(lab, "Get-ServicePrincipal", {"Identity": APP_ID})[0] == "ManagementObjectNotFoundException"
    assert done(lab, "Add-MailboxPermission", grant) == []


def test_a_reference_vanishes_with_its_service_principal(lab: Lab) -> None:
    register(lab)
    assert lab.control("GET", "state?part=exchange")["principals"]
    headers = {"X-AnchorMailbox": "x", **lab.bearer("00000002-0000-0ff1-ce00-000000000000")}
    lab.tenant.applications.clear()
    answer = lab.call(
        "POST",
        f"/adminapi/beta/{lab.tenant.id}/InvokeCommand",
        json={"CmdletInput": {"CmdletName": "Get-ServicePrincipal", "Parameters": {}}},
        headers=headers,
    )
    assert answer.json()["value"] == []


# --- permissions of mailboxes


def test_full_access_is_given_shown_and_taken(lab: Lab) -> None:
    (made,) = rows(lab, "Add-MailboxPermission", {**FULL, "AutoMapping": False})
    (row,) = given(lab)
    assert row == made
    assert (row["Identity"], row["User"], row["AccessRights"]) == (INFO_ID, VERTRIEB, ["FullAccess"])
    assert (row["Deny"], row["IsInherited"], row["InheritanceType"]) == (False, False, "All")
    assert "AutoMapping" not in row
    assert done(lab, "Remove-MailboxPermission", {**FULL, "Confirm": False}) == []
    assert given(lab) == []


def test_what_is_already_so_is_a_warning(lab: Lab) -> None:
    done(lab, "Add-MailboxPermission", FULL)
    (warning,) = done(lab, "Add-MailboxPermission", FULL)
    assert warning.startswith("The appropriate access control entry is already present on the object")
    done(lab, "Remove-MailboxPermission", FULL)
    (warning,) = done(lab, "Remove-MailboxPermission", FULL)
    assert "because the ACE doesn't exist on the object" in warning


def test_the_mailbox_itself_appears_twice_and_rights_are_joined(lab: Lab) -> None:
    done(lab, "Add-MailboxPermission", FULL)
    done(lab, "Add-MailboxPermission", {**FULL, "AccessRights": ["FullAccess", "ReadPermission"]})
    own = [row for row in rows(lab, "Get-MailboxPermission", {"Identity": INFO}) if row["UserSid"] == "S-1-5-10"]
    assert [row["IsInherited"] for row in own] == [False, True]
    assert [row["AccessRights"] for row in given(lab)] == [["FullAccess, ReadPermission"]]
    done(lab, "Remove-MailboxPermission", {**FULL, "AccessRights": "ReadPermission"})
    assert [row["AccessRights"] for row in given(lab)] == [["FullAccess"]]


def test_a_denial_is_an_entry_of_its_own(lab: Lab) -> None:
    done(lab, "Add-MailboxPermission", FULL)
    assert done(lab, "Add-MailboxPermission", {**FULL, "Deny": True}) == []
    assert [row["Deny"] for row in given(lab)] == [False, True]
    done(lab, "Remove-MailboxPermission", FULL)
    assert [row["Deny"] for row in given(lab)] == [True]


def test_permissions_can_be_asked_for_one_user(lab: Lab) -> None:
    done(lab, "Add-MailboxPermission", FULL)
    assert len(rows(lab, "Get-MailboxPermission", {"Identity": INFO, "User": VERTRIEB})) == 1
    assert rows(lab, "Get-MailboxPermission", {"Identity": INFO, "User": "rechnung"}) == []
    unknown = {"Identity": INFO, "User": "nobody"}
    assert refusal(lab, "Get-MailboxPermission", unknown)[0] == "ManagementObjectNotFoundException"
    assert refusal(lab, "Get-MailboxPermission", {})[0] == "ParameterTransformationException"


def test_trustees_are_shown_by_name_or_upn(lab: Lab) -> None:
    group = Group("66666666-0000-4000-8000-000000000001", "Buchhaltung", security_enabled=True)
    group.proxy_addresses = ["SMTP:buchhaltung@contoso.example"]
    lab.tenant.groups[group.id] = group
    register(lab, DisplayName="Scanner")
    for user in (VERTRIEB, "Buchhaltung", PRINCIPAL_ID):
        done(lab, "Add-MailboxPermission", {**FULL, "User": user})
    assert [row["User"] for row in given(lab)] == [VERTRIEB, "Buchhaltung", "Scanner"]
    switches = {"exchange_permission_user": "name", "exchange_permission_principal": "object_id"}
    lab.control("POST", "switches", switches)
    assert [row["User"] for row in given(lab)] == ["Vertrieb", "Buchhaltung", PRINCIPAL_ID]
    done(lab, "Remove-ServicePrincipal", {"Identity": "Scanner"})
    assert len(given(lab)) == 2
    assert given(lab, IncludeUnresolvedPermissions=True)[2]["User"].startswith("S-1-5-21-")


def test_rights_and_trustees_are_checked(lab: Lab) -> None:
    assert refusal(lab, "Add-MailboxPermission", {**FULL, "AccessRights": ["SendAs"]})[0].startswith("Parameter")
    assert refusal(lab, "Add-MailboxPermission", {**FULL, "AccessRights": []})[0].startswith("Parameter")
    assert refusal(lab, "Add-MailboxPermission", {**FULL, "Trustee": VERTRIEB})[0].startswith("Ambiguous")
    assert refusal(lab, "Add-MailboxPermission", {**FULL, "User": "nobody"})[0] == "ManagementObjectNotFoundException"
    lab.tenant.users["44444444-0000-4000-8000-000000000002"].proxy_addresses.clear()
    assert refusal(lab, "Add-MailboxPermission", FULL)[0] == "ManagementObjectNotFoundException"


def test_a_question_changes_nothing(lab: Lab) -> None:
    for cmdlet, parameters in (("Add-MailboxPermission", FULL), ("Add-RecipientPermission", SEND_AS)):
        answer = invoke(lab, cmdlet, {**parameters, "Confirm": True}).json()
        assert "Are you sure" in answer["@adminapi.confirmationmessage"]
    assert given(lab) == []


# --- permissions of recipients


def test_send_as_is_given_shown_and_taken(lab: Lab) -> None:
    assert done(lab, "Add-RecipientPermission", SEND_AS) == []
    own, row = rows(lab, "Get-RecipientPermission", {"Identity": INFO})
    assert own["Trustee"] == "NT AUTHORITY\\SELF"
    assert (row["Trustee"], row["AccessRights"], row["AccessControlType"]) == (VERTRIEB, ["SendAs"], "Allow")
    assert not {"IsInherited", "Deny"} & set(row)
    assert "already present" in done(lab, "Add-RecipientPermission", SEND_AS)[0]
    assert len(rows(lab, "Get-RecipientPermission", {"Trustee": VERTRIEB})) == 1
    assert done(lab, "Remove-RecipientPermission", {**SEND_AS, "Confirm": False}) == []
    assert "because the ACE isn't present" in done(lab, "Remove-RecipientPermission", SEND_AS)[0]
    assert rows(lab, "Get-RecipientPermission", {"Identity": INFO, "Trustee": VERTRIEB}) == []


def test_the_only_right_of_a_recipient_is_send_as(lab: Lab) -> None:
    wrong = {**SEND_AS, "AccessRights": ["FullAccess"]}
    assert refusal(lab, "Add-RecipientPermission", wrong)[0] == "ParameterTransformationException"
    assert refusal(lab, "Add-RecipientPermission", {**SEND_AS, "Identity": ""})[0].startswith("Parameter")


# --- who may do it


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        (access.EXCHANGE_RECIPIENT_ADMINISTRATOR, ["Get-CASMailbox", "Get-RecipientPermission"], "Get-TransportConfig"),
        (access.GLOBAL_READER, ["Get-TransportConfig", "Get-ServicePrincipal"], "Set-TransportConfig"),
        (access.HELPDESK_ADMINISTRATOR, ["Get-CASMailbox"], "Get-ServicePrincipal"),
    ],
)
def test_roles_decide_which_cmdlets_there_are(lab: Lab, role: str, allowed: list[str], refused: str) -> None:
    hold_roles(lab, role)
    for cmdlet in allowed:
        assert invoke(lab, cmdlet).status_code == 200
    assert invoke(lab, refused).status_code == 403


# --- what permissions meet in a grown tenant


def add_group(lab: Lab, name: str, *members: str, security: bool = True) -> Group:
    group = Group(lab.tenant.new_id(), name, list(members), mail=f"{name.lower()}@contoso.example")
    group.proxy_addresses, group.security_enabled = [f"SMTP:{group.mail}"], security
    lab.tenant.groups[group.id] = group
    return group


def test_a_plain_distribution_group_holds_no_permission(lab: Lab) -> None:
    add_group(lab, "Verteiler", security=False)
    add_group(lab, "Rechte")
    for cmdlet, more in (("Add-MailboxPermission", FULL), ("Add-RecipientPermission", SEND_AS)):
        who = "User" if "User" in more else "Trustee"
        assert "security principal" in refusal(lab, cmdlet, {**more, who: "Verteiler"})[1]
        done(lab, cmdlet, {**more, who: "rechte"})
    assert (
        "security principal" in refusal(lab, "Set-Mailbox", {"Identity": INFO, "GrantSendOnBehalfTo": ["Verteiler"]})[1]
    )
    done(lab, "Set-Mailbox", {"Identity": INFO, "GrantSendOnBehalfTo": ["rechte@contoso.example"]})
    assert rows(lab, "Get-Mailbox", {"Identity": INFO})[0]["GrantSendOnBehalfTo"] == ["Rechte"]


def test_what_is_left_of_somebody_is_removed_by_its_sid(lab: Lab) -> None:
    done(lab, "Add-MailboxPermission", FULL)
    done(lab, "Add-RecipientPermission", SEND_AS)
    del lab.tenant.users["44444444-0000-4000-8000-000000000002"]
    assert given(lab) == []
    sid = given(lab, IncludeUnresolvedPermissions=True)[0]["User"]
    assert rows(lab, "Get-RecipientPermission", {"Identity": INFO})[1]["Trustee"] == sid
    assert refusal(lab, "Add-MailboxPermission", {**FULL, "User": sid})[0] == "ManagementObjectNotFoundException"
    assert done(lab, "Remove-MailboxPermission", {**FULL, "User": sid}) == []
    assert done(lab, "Remove-RecipientPermission", {**SEND_AS, "Trustee": sid}) == []
    assert given(lab, IncludeUnresolvedPermissions=True) == []


def test_an_entry_is_removed_with_its_own_inheritance(lab: Lab) -> None:
    done(lab, "Add-MailboxPermission", {**FULL, "InheritanceType": "None"})
    assert "doesn't exist" in done(lab, "Remove-MailboxPermission", FULL)[0]
    assert done(lab, "Remove-MailboxPermission", {**FULL, "InheritanceType": "None"}) == []


def test_delegates_are_shown_by_id_and_with_addresses(lab: Lab) -> None:
    done(lab, "Set-Mailbox", {"Identity": INFO, "GrantSendOnBehalfTo": [VERTRIEB]})
    asked = {"Identity": INFO, "IncludeGrantSendOnBehalfToWithDisplayNames": True}
    named = [{"DisplayName": "Vertrieb", "PrimarySmtpAddress": VERTRIEB}]
    assert rows(lab, "Get-Mailbox", asked)[0]["GrantSendOnBehalfToWithDisplayNames"] == named
    lab.control("POST", "switches", {"exchange_delegate_form": "id", "exchange_delegate_addresses": False})
    (row,) = rows(lab, "Get-Mailbox", asked)
    assert row["GrantSendOnBehalfTo"] == ["44444444-0000-4000-8000-000000000002"]
    assert "GrantSendOnBehalfToWithDisplayNames" not in row


def test_members_of_a_group_are_its_recipients(lab: Lab) -> None:
    inner = add_group(lab, "Innen", "44444444-0000-4000-8000-000000000002")
    outer = add_group(lab, "Aussen", "44444444-0000-4000-8000-000000000001", inner.id, security=False)
    outer.members.append(outer.id)
    found = rows(lab, "Get-DistributionGroupMember", {"Identity": "aussen", "ResultSize": "Unlimited"})
    assert [row["RecipientTypeDetails"] for row in found] == [
        "SharedMailbox",
        "MailUniversalSecurityGroup",
        "MailUniversalDistributionGroup",
    ]
    assert refusal(lab, "Get-DistributionGroupMember", {"Identity": INFO})[0] == "ManagementObjectNotFoundException"


def test_a_mailbox_vanishes_between_list_and_look(lab: Lab) -> None:
    lab.control("POST", "switches", {"exchange_vanished": [VERTRIEB]})
    assert len(rows(lab, "Get-Mailbox")) == 3
    gone = refusal(lab, "Get-MailboxPermission", {"Identity": VERTRIEB})
    assert gone[0] == "ManagementObjectNotFoundException"


def test_an_entry_may_come_without_rights(lab: Lab) -> None:
    done(lab, "Add-MailboxPermission", FULL)
    lab.control("POST", "switches", {"exchange_malformed": [INFO]})
    assert [row["AccessRights"] for row in given(lab)] == [None]
