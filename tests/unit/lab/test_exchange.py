# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Exchange admin API of the lab, seen from outside: over HTTPS, with requests."""

from __future__ import annotations

import time
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from rehearsal import EXCHANGE_PLAN_1, TENANT_ID, Lab, small_tenant

from lab.exchange import access
from lab.exchange.service import Call
from lab.exchange.service import answer as handle
from lab.state import Contact, DirectoryRole, Group, License, Mailbox, Tenant, User
from lab.tokens import EXCHANGE, GRAPH

BETA = f"/adminapi/beta/{TENANT_ID}"
INVOKE = f"{BETA}/InvokeCommand"
ANCHOR = f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{TENANT_ID}"
HASHTABLE = "#Exchange.GenericHashTable"
INFO = "info@contoso.example"
INFO_ID = "44444444-0000-4000-8000-000000000001"
INFO_MAILBOX = "55555555-0000-4000-8000-000000000001"
EVERYONE = {"ResultSize": "Unlimited"}


def envelope(cmdlet: str, parameters: Any) -> dict[str, Any]:
    return {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}}


def invoke(
    lab: Lab, cmdlet: str, parameters: Any = None, *, anchor: str | None = ANCHOR, path: str = INVOKE, **headers: str
) -> requests.Response:
    """One command; the body is not read, since some bodies cannot be."""
    sent = {**lab.bearer(EXCHANGE), **{name.replace("_", "-"): value for name, value in headers.items()}}
    if anchor is not None:
        sent["X-AnchorMailbox"] = anchor
    return lab.call("POST", path, json=envelope(cmdlet, parameters or {}), headers=sent, stream=True)


def rows(lab: Lab, cmdlet: str, parameters: Any = None, **options: Any) -> list[dict[str, Any]]:
    """The objects of a command that succeeds."""
    answer = invoke(lab, cmdlet, parameters, **options)
    assert answer.status_code == 200, answer.text
    value: list[dict[str, Any]] = answer.json()["value"]
    return value


def mailbox(lab: Lab, identity: str = INFO, **options: Any) -> dict[str, Any]:
    found = rows(lab, "Get-Mailbox", {"Identity": identity}, **options)
    assert len(found) == 1
    return found[0]


def change(lab: Lab, identity: str = INFO, **parameters: Any) -> list[str]:
    """Set-Mailbox that succeeds; gives its warnings."""
    answer = invoke(lab, "Set-Mailbox", {"Identity": identity, "Confirm": False, **parameters})
    assert answer.status_code == 200, answer.text
    assert answer.json()["value"] == []
    warnings: list[str] = answer.json()["@adminapi.warnings"]
    return warnings


def failure(answer: requests.Response) -> tuple[str, str]:
    """Exception type and text of a refused command."""
    assert answer.status_code >= 400
    error = answer.json()["error"]
    inner = error["innererror"]["internalexception"]
    if "details" not in error:
        return inner["type"].rpartition(".")[2], inner["message"]
    _unused, kind, text = error["details"][0]["message"].split("|", 2)
    return kind.rpartition(".")[2], text


def refused(lab: Lab, identity: str = INFO, **parameters: Any) -> tuple[str, str]:
    return failure(invoke(lab, "Set-Mailbox", {"Identity": identity, **parameters}))


def delta(**parts: Any) -> dict[str, Any]:
    return {"@odata.type": HASHTABLE, **parts}


def info(lab: Lab) -> User:
    return lab.tenant.users[INFO_ID]


def add_mailboxes(tenant: Tenant, count: int) -> None:
    for number in range(count):
        name = f"box{number}@contoso.example"
        user = User(
            str(uuid.UUID(int=number + 1)), name, f"Box {number}", tenant.clock.now(), mail_nickname=f"box{number}"
        )
        user.proxy_addresses = [f"SMTP:{name}", f"smtp:box{number}@contoso.onmicrosoft.example"]
        user.mailbox = Mailbox(str(uuid.UUID(int=(1 << 64) + number)), "UserMailbox", tenant.clock.now())
        tenant.users[user.id] = user


def hold_roles(lab: Lab, *templates: str) -> None:
    """Let the application's service principal hold exactly these directory roles."""
    principal = lab.application.service_principal_id
    assert principal is not None
    lab.tenant.roles.clear()
    for template in templates:
        lab.tenant.roles[template] = DirectoryRole(template, template, "a role", [principal])


# --- 1 and 2: endpoints, tokens, grants


def test_the_tenant_in_the_path_is_its_id_or_a_verified_domain(lab: Lab) -> None:
    for name in (TENANT_ID, "contoso.example", "contoso.onmicrosoft.example"):
        assert invoke(lab, "Get-OrganizationConfig", path=f"/adminapi/beta/{name}/InvokeCommand").status_code == 200
    for name in ("unverified.example", str(uuid.uuid4())):
        assert invoke(lab, "Get-OrganizationConfig", path=f"/adminapi/beta/{name}/InvokeCommand").status_code == 401


def test_version_1_has_no_invoke_command(lab: Lab) -> None:
    assert invoke(lab, "Get-Mailbox", path=f"/adminapi/v1.0/{TENANT_ID}/InvokeCommand").status_code == 405


def test_a_graph_token_a_bad_token_and_no_token_are_401_without_a_body(lab: Lab) -> None:
    for headers in (lab.bearer(GRAPH), {"Authorization": "Bearer x.y.z"}, {}):
        answer = lab.call("POST", INVOKE, json=envelope("Get-Mailbox", {}), headers=headers)
        assert answer.status_code == 401
        assert answer.content == b""
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_is_401(lab: Lab) -> None:
    headers = lab.bearer(EXCHANGE)
    lab.control("POST", "clock", {"advance": 3600})
    assert lab.call("POST", INVOKE, json=envelope("Get-Mailbox", {}), headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("app_role", "directory_role", "status"),
    [(False, False, 401), (False, True, 401), (True, False, 403), (True, True, 200)],
)
def test_both_grants_are_needed(lab: Lab, app_role: bool, directory_role: bool, status: int) -> None:
    lab.application.app_roles[EXCHANGE] = ["Exchange.ManageAsApp"] if app_role else []
    hold_roles(lab, *([access.EXCHANGE_ADMINISTRATOR] if directory_role else []))
    assert invoke(lab, "Get-Mailbox", {"Identity": INFO}).status_code == status


def assert_nul_403(answer: requests.Response) -> None:
    assert answer.status_code == 403
    assert answer.headers["Content-Encoding"] == "gzip"
    body = answer.raw.read(decode_content=False)
    assert body
    assert set(body) == {0}


def test_403_is_a_body_of_nul_bytes_that_claims_to_be_gzip(lab: Lab) -> None:
    hold_roles(lab)
    assert_nul_403(invoke(lab, "Get-Mailbox"))


def test_an_unknown_cmdlet_looks_like_a_forbidden_one(lab: Lab) -> None:
    assert_nul_403(invoke(lab, "Get-Mailboxx"))


def test_a_403_says_its_reason_only_when_switched_on(lab: Lab) -> None:
    assert "x-ms-diagnostics" not in invoke(lab, "Get-Nothing").headers
    lab.tenant.switches["exchange_diagnostics"] = True
    assert invoke(lab, "Get-Nothing").headers["x-ms-diagnostics"].startswith('2000003;reason="')


def test_global_reader_may_run_get_cmdlets_only(lab: Lab) -> None:
    hold_roles(lab, access.GLOBAL_READER)
    assert invoke(lab, "Get-Mailbox", {"Identity": INFO}).status_code == 200
    assert invoke(lab, "Get-OrganizationConfig").status_code == 200
    assert_nul_403(invoke(lab, "Set-Mailbox", {"Identity": INFO, "Type": "Regular"}))


def test_recipient_administrator_changes_mailboxes_and_sees_no_organization(lab: Lab) -> None:
    hold_roles(lab, access.EXCHANGE_RECIPIENT_ADMINISTRATOR)
    assert change(lab, Type="Regular") == []
    assert_nul_403(invoke(lab, "Get-OrganizationConfig"))


def test_roles_are_frozen_in_the_token(lab: Lab) -> None:
    hold_roles(lab)
    old = lab.bearer(EXCHANGE)
    hold_roles(lab, access.EXCHANGE_ADMINISTRATOR)
    body = envelope("Get-Mailbox", {"Identity": INFO})
    assert lab.call("POST", INVOKE, json=body, headers=old, stream=True).status_code == 403
    assert lab.call("POST", INVOKE, json=body, headers=lab.bearer(EXCHANGE)).status_code == 200


def test_a_fresh_grant_is_refused_for_a_number_of_calls(lab: Lab) -> None:
    lab.control("POST", "switches", {"exchange_propagation_403": 2})
    assert [invoke(lab, "Get-OrganizationConfig").status_code for _unused in range(4)] == [403, 403, 200, 200]


def test_v2_needs_its_own_app_role_and_the_beta_does_not_take_it(lab: Lab) -> None:
    v2 = f"/adminapi/v2.0/{TENANT_ID}/Mailbox"
    assert_nul_403(invoke(lab, "Get-Mailbox", {"Identity": INFO}, path=v2))
    lab.application.app_roles[EXCHANGE] = ["Exchange.ManageAsAppV2"]
    lab.tenant.switches["exchange_diagnostics"] = True
    assert mailbox(lab, path=v2)["ExternalDirectoryObjectId"] == INFO_ID
    answer = invoke(lab, "Get-Mailbox", {"Identity": INFO})
    assert_nul_403(answer)
    assert "x-ms-diagnostics" not in answer.headers


def test_v2_serves_listed_cmdlets_and_parameters_only(lab: Lab) -> None:
    lab.application.app_roles[EXCHANGE] = ["Exchange.ManageAsAppV2"]
    v2 = f"/adminapi/v2.0/{TENANT_ID}"
    assert len(rows(lab, "Get-AcceptedDomain", path=f"{v2}/AcceptedDomain")) == 2
    assert len(rows(lab, "Get-OrganizationConfig", path=f"{v2}/OrganizationConfig")) == 1
    assert invoke(lab, "Get-Mailbox", path=f"{v2}/AcceptedDomain").status_code == 400
    answer = invoke(lab, "Set-Mailbox", {"Identity": INFO, "Type": "Regular"}, path=f"{v2}/Mailbox")
    assert failure(answer)[0] == "AmbiguousParameterSetException"
    delegates = {"Identity": INFO, "GrantSendOnBehalfTo": ["vertrieb@contoso.example"]}
    assert invoke(lab, "Set-Mailbox", delegates, path=f"{v2}/Mailbox").status_code == 200
    assert invoke(lab, "Get-Mailbox", path=f"{v2}/TransportConfig").status_code == 404
    assert lab.call("GET", f"{v2}/Mailbox", headers=lab.bearer(EXCHANGE)).status_code == 405


def test_the_module_file_lists_the_cmdlets_that_the_caller_may_run(lab: Lab) -> None:
    path = f"/adminapi/v1.0/{TENANT_ID}/EXOModuleFile?Version=3.10.1"
    answer = lab.call("GET", path, headers={**lab.bearer(EXCHANGE), "CommandName": "*"})
    assert "Set-Mailbox" in answer.json()["value"][0]["exportedCmdlets"].split(",")
    hold_roles(lab, access.GLOBAL_READER)
    answer = lab.call("GET", path, headers={**lab.bearer(EXCHANGE), "CommandName": "*"})
    assert "Set-Mailbox" not in answer.json()["value"][0]["exportedCmdlets"].split(",")


def test_the_response_headers_of_the_service_are_there(lab: Lab) -> None:
    headers = invoke(lab, "Get-OrganizationConfig", Prefer="odata.maxpagesize=50").headers
    assert headers["OData-Version"] == "4.0"
    assert headers["Rate-Limit-Limit"] == "30000"
    assert headers["Preference-Applied"] == "odata.maxpagesize=50"
    for name in ("request-id", "Rate-Limit-Remaining", "Rate-Limit-Reset", "X-CalculatedBETarget"):
        assert headers[name]


# --- 3: envelope and names


@pytest.mark.parametrize(
    "body",
    [
        {"cmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": {}}},
        {"CmdletInput": {"cmdletName": "Get-Mailbox", "Parameters": {}}},
        {"CmdletInput": {"CmdletName": "Get-Mailbox", "parameters": {}}},
        {"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": None}},
        {"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": []}},
        [],
    ],
)
def test_the_envelopes_keys_are_case_sensitive_and_parameters_is_an_object(lab: Lab, body: Any) -> None:
    assert lab.call("POST", INVOKE, json=body, headers=lab.bearer(EXCHANGE)).status_code == 400


def test_a_body_that_is_no_json_is_400(lab: Lab) -> None:
    assert lab.call("POST", INVOKE, data=b"<xml/>", headers=lab.bearer(EXCHANGE)).status_code == 400


def test_cmdlet_and_parameter_names_ignore_case(lab: Lab) -> None:
    assert rows(lab, "get-MAILBOX", {"identity": INFO})[0]["ExternalDirectoryObjectId"] == INFO_ID


@pytest.mark.parametrize("name", ["Idetity", "DomainController", "Confirm"])
def test_an_unknown_or_on_premises_parameter_is_an_ambiguous_parameter_set(lab: Lab, name: str) -> None:
    answer = invoke(lab, "Get-Mailbox", {name: "x"})
    assert answer.status_code == 400
    kind, text = failure(answer)
    assert kind == "AmbiguousParameterSetException"
    assert text.endswith(f"Invalid cmdlet parameters specified. {name}")


def test_common_parameters_are_accepted_as_text(lab: Lab) -> None:
    assert (
        mailbox(lab)["Identity"] == rows(lab, "Get-Mailbox", {"Identity": INFO, "ErrorAction": "Stop"})[0]["Identity"]
    )


def test_a_bad_enumeration_value_lists_the_members_and_has_no_details(lab: Lab) -> None:
    answer = invoke(lab, "Set-Mailbox", {"Identity": INFO, "Type": "Sharde"})
    assert answer.status_code == 400
    assert "details" not in answer.json()["error"]
    kind, text = failure(answer)
    assert kind == "ParameterTransformationException"
    assert "Equipment, Regular, Room, Shared" in text


def test_the_start_of_an_enumeration_value_is_accepted(lab: Lab) -> None:
    change(lab, Type="reg")
    assert mailbox(lab)["RecipientTypeDetails"] == "UserMailbox"
    assert refused(lab, Type="R")[0] == "ParameterTransformationException"


# --- 4: types


def test_a_hashtable_without_its_annotation_is_400(lab: Lab) -> None:
    answer = invoke(lab, "Set-Mailbox", {"Identity": INFO, "EmailAddresses": {"Add": ["smtp:x@contoso.example"]}})
    assert answer.status_code == 400
    assert "@odata.type" in failure(answer)[1]


@pytest.mark.parametrize(
    "parameters",
    [
        {"HiddenFromAddressListsEnabled": "yes"},
        {"HiddenFromAddressListsEnabled": 1},
        {"ResourceCapacity": "many"},
        {"Type": ["Shared"]},
        {"Type": delta(Add=["Shared"])},
        {"EmailAddresses": [["SMTP:x@contoso.example"]]},
        {"EmailAddresses": delta(Append=["smtp:x@contoso.example"])},
    ],
)
def test_a_value_of_the_wrong_type_is_a_transformation_error(lab: Lab, parameters: dict[str, Any]) -> None:
    assert refused(lab, **parameters)[0] == "ParameterTransformationException"


def test_a_numeric_string_binds_to_a_number(lab: Lab) -> None:
    change(lab, ResourceCapacity="12")
    assert mailbox(lab)["ResourceCapacity"] == 12


def test_null_clears(lab: Lab) -> None:
    change(lab, ForwardingSmtpAddress="post@partner.example", CustomAttribute1="x")
    assert mailbox(lab)["ForwardingSmtpAddress"] == "smtp:post@partner.example"
    change(lab, ForwardingSmtpAddress=None, CustomAttribute1=None)
    assert mailbox(lab)["ForwardingSmtpAddress"] is None
    assert mailbox(lab)["CustomAttribute1"] == ""


# --- 5: output


def test_lists_guids_and_times_carry_annotations_and_text_does_not(lab: Lab) -> None:
    row = mailbox(lab)
    assert row["EmailAddresses@odata.type"] == "#Collection(String)"
    assert row["ExchangeGuid@data.type"] == "System.Guid"
    assert row["ExchangeGuid@odata.type"] == "#Guid"
    assert row["WhenCreatedUTC@data.type"] == "System.DateTime"
    assert row["WhenCreatedUTC"].endswith("0Z")
    assert len(row["WhenCreatedUTC"]) == len("2026-03-01T08:00:00.0000000Z")
    for plain in ("DisplayName", "IsDirSynced", "ResourceCapacity"):
        assert f"{plain}@data.type" not in row
        assert f"{plain}@odata.type" not in row


def test_get_mailbox_shows_what_the_tenant_knows(lab: Lab) -> None:
    row = mailbox(lab)
    assert row["Identity"] == row["ExternalDirectoryObjectId"] == INFO_ID
    assert row["ExchangeGuid"] == INFO_MAILBOX
    assert len({row["Guid"], INFO_ID, INFO_MAILBOX}) == 3
    assert row["RecipientTypeDetails"] == "SharedMailbox"
    assert row["EmailAddresses"] == ["SMTP:info@contoso.example", "smtp:info@contoso.onmicrosoft.example"]
    assert row["PrimarySmtpAddress"] == INFO
    assert row["UserPrincipalName"] == INFO
    assert (row["IsDirSynced"], row["IsExchangeCloudManaged"], row["RemoteRecipientType"]) == (False, False, "None")
    assert (row["ArchiveStatus"], row["ArchiveGuid"]) == ("None", str(uuid.UUID(int=0)))
    assert row["LitigationHoldEnabled"] is False
    assert row["SKUAssigned"] is False
    assert row["ProhibitSendQuota"] == "49.5 GB (53,150,220,288 bytes)"
    assert row["RetainDeletedItemsFor"] == "14.00:00:00"


def test_archive_hold_license_and_sync_show_in_the_mailbox(lab: Lab) -> None:
    user = info(lab)
    assert user.mailbox is not None
    user.mailbox.archive, user.on_premises_sync_enabled = True, True
    user.licenses = [License(EXCHANGE_PLAN_1)]
    change(lab, LitigationHoldEnabled=True)
    row = mailbox(lab)
    assert row["ArchiveStatus"] == "Active"
    assert row["ArchiveGuid"] != str(uuid.UUID(int=0))
    assert (row["IsDirSynced"], row["SKUAssigned"], row["LitigationHoldEnabled"]) == (True, True, True)


def test_tri_states_are_null_until_somebody_decides(lab: Lab) -> None:
    assert rows(lab, "Get-CASMailbox", {"Identity": INFO})[0]["SmtpClientAuthenticationDisabled"] is None
    assert rows(lab, "Get-OrganizationConfig")[0]["EwsEnabled"] is None


def test_sizes_in_statistics_are_text(lab: Lab) -> None:
    row = rows(lab, "Get-MailboxStatistics", {"Identity": INFO})[0]
    assert row["TotalItemSize"] == "953.7 MB (1,000,000,000 bytes)"
    assert row["MailboxGuid"] == INFO_MAILBOX
    assert invoke(lab, "Get-MailboxStatistics").status_code == 400


def test_accepted_domains_are_the_verified_ones(lab: Lab) -> None:
    found = rows(lab, "Get-AcceptedDomain")
    assert {row["DomainName"] for row in found} == {"contoso.example", "contoso.onmicrosoft.example"}
    assert [row["DomainName"] for row in found if row["Default"]] == ["contoso.example"]
    assert [row["DomainName"] for row in found if row["InitialDomain"]] == ["contoso.onmicrosoft.example"]
    assert invoke(lab, "Get-AcceptedDomain", {"Identity": "unverified.example"}).status_code >= 400


def test_get_user_shows_users_without_a_mailbox_and_get_mailbox_does_not(lab: Lab) -> None:
    user = User("77777777-0000-4000-8000-000000000001", "ohne@contoso.example", "Ohne", lab.tenant.clock.now())
    lab.tenant.users[user.id] = user
    assert rows(lab, "Get-User", {"Identity": user.id})[0]["RecipientTypeDetails"] == "User"
    assert failure(invoke(lab, "Get-Mailbox", {"Identity": user.id}))[0] == "ManagementObjectNotFoundException"


def test_get_recipient_finds_groups_and_contacts_by_address(lab: Lab) -> None:
    lab.tenant.groups["g"] = Group(
        "g",
        "Liste",
        mail="liste@contoso.example",
        proxy_addresses=["SMTP:liste@contoso.example"],
        security_enabled=False,
    )
    lab.tenant.contacts["c"] = Contact("c", "Partner", proxy_addresses=["SMTP:post@partner.example"])
    for address, kind in (
        ("liste@contoso.example", "MailUniversalDistributionGroup"),
        ("post@partner.example", "MailContact"),
        (INFO, "SharedMailbox"),
    ):
        assert rows(lab, "Get-Recipient", {"Identity": address})[0]["RecipientTypeDetails"] == kind
    assert len(rows(lab, "Get-Recipient")) == 5
    assert len(rows(lab, "Get-Recipient", {"RecipientTypeDetails": ["MailContact", "SharedMailbox"]})) == 4
    few = rows(lab, "Get-Recipient", {"Identity": INFO, "Properties": ["DisplayName"]})[0]
    assert few == {"DisplayName": "Info", "Identity": INFO_ID}


def test_select_trims_the_properties(lab: Lab) -> None:
    row = mailbox(lab, path=f"{INVOKE}?$select=EmailAddresses,RecipientTypeDetails")
    assert set(row) == {"EmailAddresses@odata.type", "EmailAddresses", "RecipientTypeDetails"}


def test_a_parameter_that_the_lab_does_not_play_says_so(lab: Lab) -> None:
    assert failure(invoke(lab, "Get-Mailbox", {"SortBy": "Name"}))[0] == "NotRehearsedException"
    assert refused(lab, Password="x")[0] == "NotRehearsedException"


# --- 6: identity


@pytest.mark.parametrize("identity", [None, "", "  "])
def test_an_empty_identity_returns_everything(lab: Lab, identity: str | None) -> None:
    assert len(rows(lab, "Get-Mailbox", {"Identity": identity})) == 3


def test_identity_is_any_id_address_alias_or_name(lab: Lab) -> None:
    guid = mailbox(lab)["Guid"]
    for identity in (INFO_ID, INFO_MAILBOX, guid, INFO.upper(), "info@contoso.onmicrosoft.example", "info", "Info"):
        assert mailbox(lab, identity)["ExternalDirectoryObjectId"] == INFO_ID, identity


def test_an_ambiguous_name_is_an_error(lab: Lab) -> None:
    for user in lab.tenant.users.values():
        user.display_name = "Post"
    kind, text = failure(invoke(lab, "Get-Mailbox", {"Identity": "Post"}))
    assert kind == "ManagementObjectAmbiguousException"
    assert "multiple recipients matching identity" in text
    assert refused(lab, "Post", Type="Regular")[0] == "ManagementObjectAmbiguousException"


def test_set_without_an_identity_is_refused(lab: Lab) -> None:
    assert invoke(lab, "Set-Mailbox", {"Type": "Regular"}).status_code == 400
    assert invoke(lab, "Set-Mailbox", {"Identity": "", "Type": "Regular"}).status_code == 400


# --- 7: warnings and errors


def test_not_found_has_the_id_and_type_and_one_of_three_statuses_by_seed(lab: Lab) -> None:
    lab.tenant.switches["exchange_not_found_status_seed"] = 1
    answers = [invoke(lab, "Get-Mailbox", {"Identity": f"nobody{number}@contoso.example"}) for number in range(20)]
    assert {answer.status_code for answer in answers} == {400, 404, 500}
    for answer in answers:
        assert answer.headers["x-ExceptionType"].endswith("ManagementObjectNotFoundException")
        message = answer.json()["error"]["details"][0]["message"]
        assert message.startswith("Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|")
        assert answer.json()["@adminapi.warnings"] == []
    again = [invoke(lab, "Get-Mailbox", {"Identity": f"nobody{number}@contoso.example"}) for number in range(20)]
    assert [answer.status_code for answer in again] == [answer.status_code for answer in answers]


def test_a_set_that_changes_nothing_is_a_warning(lab: Lab) -> None:
    (warning,) = change(lab, Type="Shared")
    assert warning.startswith("The command completed successfully but no settings of '")
    assert warning.endswith("' have been modified.")
    assert change(lab, HiddenFromAddressListsEnabled=False) == [warning]
    assert change(lab, EmailAddresses=info(lab).proxy_addresses) == [warning]


def test_confirm_asks_and_changes_nothing(lab: Lab) -> None:
    for name in ("Confirm", "WhatIf"):
        answer = invoke(lab, "Set-Mailbox", {"Identity": INFO, name: True, "Type": "Regular"})
        assert "Are you sure" in answer.json()["@adminapi.confirmationmessage"]
    assert mailbox(lab)["RecipientTypeDetails"] == "SharedMailbox"


# --- Set-Mailbox


@pytest.mark.parametrize(
    ("wanted", "details", "resource"),
    [
        ("Regular", "UserMailbox", None),
        ("Room", "RoomMailbox", "Room"),
        ("Equipment", "EquipmentMailbox", "Equipment"),
    ],
)
def test_type_converts_there_and_back(lab: Lab, wanted: str, details: str, resource: str | None) -> None:
    assert change(lab, Type=wanted) == []
    row = mailbox(lab)
    assert (row["RecipientTypeDetails"], row["ResourceType"], row["IsShared"]) == (details, resource, False)
    assert row["ExchangeGuid"] == INFO_MAILBOX
    change(lab, Type="Shared")
    assert mailbox(lab)["RecipientTypeDetails"] == "SharedMailbox"


def test_a_conversion_may_show_only_after_a_number_of_reads(lab: Lab) -> None:
    lab.control("POST", "switches", {"exchange_type_lag": 2})
    change(lab, Type="Regular")
    shown = [mailbox(lab)["RecipientTypeDetails"] for _unused in range(4)]
    assert shown == ["SharedMailbox", "SharedMailbox", "UserMailbox", "UserMailbox"]


def test_a_conversion_may_show_only_after_some_time(lab: Lab) -> None:
    lab.control("POST", "switches", {"exchange_type_lag_seconds": 120})
    change(lab, Type="Regular")
    assert mailbox(lab)["RecipientTypeDetails"] == "SharedMailbox"
    lab.control("POST", "clock", {"advance": 121})
    assert mailbox(lab)["RecipientTypeDetails"] == "UserMailbox"


def test_a_user_mailbox_without_a_license_is_taken_away_after_the_grace(lab: Lab) -> None:
    change(lab, Type="Regular")
    change(lab, "vertrieb@contoso.example", Type="Regular")
    lab.tenant.users["44444444-0000-4000-8000-000000000002"].licenses = [License(EXCHANGE_PLAN_1)]
    lab.control("POST", "clock", {"advance": 30 * 86400 + 1})
    assert invoke(lab, "Get-Mailbox", {"Identity": INFO}).status_code in (400, 404, 500)
    assert mailbox(lab, "vertrieb@contoso.example")["RecipientTypeDetails"] == "UserMailbox"


def test_email_addresses_replace_the_list_and_the_capital_one_is_primary(lab: Lab) -> None:
    change(lab, EmailAddresses=["smtp:info@contoso.example", "SMTP:kontakt@contoso.example"])
    row = mailbox(lab)
    assert row["PrimarySmtpAddress"] == "kontakt@contoso.example"
    assert set(row["EmailAddresses"]) == {
        "SMTP:kontakt@contoso.example",
        "smtp:info@contoso.example",
        "smtp:info@contoso.onmicrosoft.example",
    }
    assert info(lab).mail == "kontakt@contoso.example"


def test_without_a_capital_value_the_first_address_becomes_primary(lab: Lab) -> None:
    change(lab, EmailAddresses=["kontakt@contoso.example", "info@contoso.example"])
    assert mailbox(lab)["PrimarySmtpAddress"] == "kontakt@contoso.example"


def test_email_addresses_add_and_remove_by_hashtable(lab: Lab) -> None:
    change(lab, EmailAddresses=delta(add=["smtp:kontakt@contoso.example", "SIP:info@contoso.example"]))
    assert {"smtp:kontakt@contoso.example", "SIP:info@contoso.example"} <= set(mailbox(lab)["EmailAddresses"])
    change(lab, EmailAddresses=delta(Add=["SMTP:kontakt@contoso.example"], Remove=["sip:info@contoso.example"]))
    row = mailbox(lab)
    assert row["PrimarySmtpAddress"] == "kontakt@contoso.example"
    assert "smtp:info@contoso.example" in row["EmailAddresses"]
    assert "SIP:info@contoso.example" not in row["EmailAddresses"]


def test_the_primary_cannot_be_removed_without_another(lab: Lab) -> None:
    assert (
        refused(lab, EmailAddresses=delta(Remove=["SMTP:info@contoso.example"]))[0] == "TaskInvalidOperationException"
    )
    change(lab, EmailAddresses=delta(Add=["SMTP:neu@contoso.example"], Remove=["smtp:info@contoso.example"]))
    assert mailbox(lab)["PrimarySmtpAddress"] == "neu@contoso.example"


def test_windows_email_address_sets_the_primary_in_the_cloud(lab: Lab) -> None:
    change(lab, WindowsEmailAddress="kontakt@contoso.example")
    row = mailbox(lab)
    assert row["PrimarySmtpAddress"] == row["WindowsEmailAddress"] == "kontakt@contoso.example"
    assert "smtp:info@contoso.example" in row["EmailAddresses"]
    assert refused(lab, PrimarySmtpAddress="x@contoso.example")[0] == "AmbiguousParameterSetException"


def test_an_address_in_use_is_named_with_its_owner(lab: Lab) -> None:
    kind, text = refused(lab, EmailAddresses=delta(Add=["smtp:vertrieb@contoso.example"]))
    assert kind == "ProxyAddressExistsException"
    assert text.startswith('The proxy address "smtp:vertrieb@contoso.example" is already being used by')
    assert '"Vertrieb"' in text
    assert refused(lab, MicrosoftOnlineServicesID="vertrieb@contoso.example")[0] == "WLCDManagedMemberExistsException"


@pytest.mark.parametrize("address", ["smtp:x@unverified.example", "smtp:x@fremd.example"])
def test_only_accepted_domains_are_taken(lab: Lab, address: str) -> None:
    assert refused(lab, EmailAddresses=delta(Add=[address]))[0] == "NotAcceptedDomainException"


def test_a_malformed_address_changes_nothing(lab: Lab) -> None:
    before = mailbox(lab)["EmailAddresses"]
    assert refused(lab, Alias="neu", EmailAddresses=delta(Add=["smtp:a b@contoso.example"]))[0] == (
        "ParameterTransformationException"
    )
    row = mailbox(lab)
    assert (row["EmailAddresses"], row["Alias"]) == (before, "info")


def test_delegates_are_kept_by_id_and_shown_by_display_name(lab: Lab) -> None:
    change(lab, GrantSendOnBehalfTo=["vertrieb@contoso.example"])
    assert mailbox(lab)["GrantSendOnBehalfTo"] == ["Vertrieb"]
    change(lab, GrantSendOnBehalfTo=delta(Add=["rechnung"], Remove=["vertrieb"]))
    assert mailbox(lab)["GrantSendOnBehalfTo"] == ["Rechnung"]
    change(lab, GrantSendOnBehalfTo=delta())
    assert mailbox(lab)["GrantSendOnBehalfTo"] == []


def test_hiding_names_and_sign_in_are_seen_by_the_other_services(lab: Lab) -> None:
    change(lab, HiddenFromAddressListsEnabled=True, DisplayName="Infopost", Alias="infopost", AccountDisabled=True)
    row = mailbox(lab)
    assert (row["HiddenFromAddressListsEnabled"], row["DisplayName"], row["Alias"]) == (True, "Infopost", "infopost")
    user = info(lab)
    assert (user.display_name, user.mail_nickname, user.account_enabled) == ("Infopost", "infopost", False)


# --- 8: paging


def page(lab: Lab, link: str, parameters: Any, anchor: str | None = ANCHOR) -> requests.Response:
    parts = urlsplit(link)
    path = f"{parts.path}?{parts.query}"
    return invoke(lab, "Get-Mailbox", parameters, anchor=anchor, path=path, Prefer="odata.maxpagesize=2")


def first_page(lab: Lab) -> dict[str, Any]:
    answer = invoke(lab, "Get-Mailbox", EVERYONE, Prefer="odata.maxpagesize=2")
    content: dict[str, Any] = answer.json()
    assert len(content["value"]) == 2
    assert "%24skiptoken=" in content["@odata.nextLink"]
    return content


def test_the_next_link_gives_the_rest_by_post_with_the_same_body(lab: Lab) -> None:
    first = first_page(lab)
    second = page(lab, first["@odata.nextLink"], EVERYONE)
    assert second.status_code == 200
    names = [row["DisplayName"] for row in first["value"] + second.json()["value"]]
    assert sorted(names) == ["Info", "Rechnung", "Vertrieb"]
    assert "@odata.nextLink" not in second.json()


@pytest.mark.parametrize("anchor", [None, "SMTP:info@contoso.example"])
def test_the_next_link_is_bound_to_the_anchor(lab: Lab, anchor: str | None) -> None:
    answer = page(lab, first_page(lab)["@odata.nextLink"], EVERYONE, anchor)
    assert answer.status_code == 400
    assert "Expired or Invalid pagination request" in failure(answer)[1]


def test_a_list_begun_without_an_anchor_cannot_be_continued(lab: Lab) -> None:
    first = invoke(lab, "Get-Mailbox", EVERYONE, anchor=None, Prefer="odata.maxpagesize=2").json()
    assert page(lab, first["@odata.nextLink"], EVERYONE, anchor=None).status_code == 400


def test_the_next_link_needs_the_same_body(lab: Lab) -> None:
    assert page(lab, first_page(lab)["@odata.nextLink"], {"ResultSize": "2"}).status_code == 400


def test_the_next_link_expires_by_the_tenants_clock(lab: Lab) -> None:
    link = first_page(lab)["@odata.nextLink"]
    lab.control("POST", "clock", {"advance": 1700})
    assert page(lab, link, EVERYONE).status_code == 200
    lab.control("POST", "clock", {"advance": 200})
    answer = page(lab, link, EVERYONE)
    assert answer.status_code == 400
    assert "Expired or Invalid pagination request" in failure(answer)[1]


def test_result_size_is_honored_and_truncation_is_only_a_warning(lab: Lab) -> None:
    answer = invoke(lab, "Get-Mailbox", {"ResultSize": 2}).json()
    assert len(answer["value"]) == 2
    assert answer["@adminapi.warnings"][0].startswith("There are more results available than are currently displayed")
    assert invoke(lab, "Get-Mailbox", {"ResultSize": 3}).json()["@adminapi.warnings"] == []
    assert invoke(lab, "Get-Mailbox", {"ResultSize": "all"}).status_code == 400


def test_the_default_result_size_is_1000_and_no_page_is_larger(lab: Lab) -> None:
    add_mailboxes(lab.tenant, 1500)
    answer = invoke(lab, "Get-Mailbox").json()
    assert len(answer["value"]) == 1000
    assert "@odata.nextLink" not in answer
    assert len(answer["@adminapi.warnings"]) == 1
    answer = invoke(lab, "Get-Mailbox", EVERYONE, Prefer="odata.maxpagesize=5000").json()
    assert len(answer["value"]) == 1000
    assert answer["@adminapi.warnings"] == []
    assert "@odata.nextLink" in answer


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Alias -eq 'info'", 1),
        ("EmailAddresses -like '*@contoso.onmicrosoft.example' -and DisplayName -ne 'Info'", 2),
        ("Alias -eq 'info' -or Alias -eq 'rechnung'", 2),
        ("IsDirSynced -eq 'True'", 0),
    ],
)
def test_a_filter_narrows_the_list(lab: Lab, text: str, count: int) -> None:
    assert len(rows(lab, "Get-Mailbox", {"Filter": text})) == count


def test_a_filter_that_cannot_be_read_is_400(lab: Lab) -> None:
    assert invoke(lab, "Get-Mailbox", {"Filter": "Alias = info"}).status_code == 400


# --- batch


def member(number: int, cmdlet: str, parameters: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "method": "POST",
        "url": f"https://outlook.office365.com{INVOKE}",
        "headers": {"Content-Type": "application/json", "X-AnchorMailbox": ANCHOR},
        "body": envelope(cmdlet, parameters),
        **more,
    }


def batch(lab: Lab, members: list[Any], prefer: str = "odata.continue-on-error") -> requests.Response:
    return lab.call(
        "POST", f"{BETA}/$batch", json={"requests": members}, headers={**lab.bearer(EXCHANGE), "Prefer": prefer}
    )


def by_id(answer: requests.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200
    return {item["id"]: item for item in answer.json()["responses"]}


def test_batch_members_have_their_own_status_and_body(lab: Lab) -> None:
    members = [
        member(0, "Get-Mailbox", {"Identity": INFO}),
        member(1, "Get-Mailbox", {"Identity": "nobody"}),
        member(2, "Get-Nothing", {}),
        member(3, "Get-Mailbox", {}, method="GET"),
        member(4, "Get-CASMailbox", {"Identity": INFO}, url="InvokeCommand"),
    ]
    found = by_id(batch(lab, members))
    assert found["0"]["body"]["value"][0]["ExternalDirectoryObjectId"] == INFO_ID
    assert found["1"]["status"] in (400, 404, 500)
    assert "nobody" in found["1"]["body"]["error"]["details"][0]["message"]
    assert found["1"]["body"]["error"]["details"][0]["target"] == ""
    assert (found["2"]["status"], found["2"]["body"]) == (403, None)
    assert found["3"]["status"] == 405
    assert found["4"]["status"] == 200


def test_batch_answers_come_in_an_order_of_their_own(lab: Lab) -> None:
    members = [member(number, "Get-Mailbox", {"Identity": INFO}) for number in range(10)]
    orders = [[item["id"] for item in batch(lab, members).json()["responses"]] for _unused in range(3)]
    assert any(order != sorted(order) for order in orders)


def test_batch_stops_at_the_first_failure_unless_told_to_go_on(lab: Lab) -> None:
    members = [member(0, "Get-Mailbox", {"Identity": "nobody"}), member(1, "Get-Mailbox", {"Identity": INFO})]
    assert set(by_id(batch(lab, members, "odata.maxpagesize=1000"))) == {"0"}
    assert set(by_id(batch(lab, members, "odata.maxpagesize=1000;odata.continue-on-error"))) == {"0", "1"}


def test_more_than_ten_members_are_400(lab: Lab) -> None:
    members = [member(number, "Get-Mailbox", {"Identity": INFO}) for number in range(11)]
    assert batch(lab, members).status_code == 400
    assert batch(lab, members[:10]).status_code == 200


def test_a_batch_members_next_link_is_followed_by_a_call_of_its_own(lab: Lab) -> None:
    headers = {"X-AnchorMailbox": ANCHOR, "Prefer": "odata.maxpagesize=2"}
    found = by_id(batch(lab, [member(0, "Get-Mailbox", EVERYONE, headers=headers)]))
    rest = page(lab, found["0"]["body"]["@odata.nextLink"], EVERYONE)
    assert rest.status_code == 200
    assert len(rest.json()["value"]) == 1


def test_batch_members_are_in_the_journal_and_meet_faults_by_their_own_path(lab: Lab) -> None:
    rule = {
        "match": {"member": True, "service": "exchange", "cmdlet": "Get-Mailbox", "from": 2, "to": 2},
        "effect": {"kind": "status", "status": 429, "retry_after": 0.5},
    }
    lab.control("POST", "faults", [rule])
    lab.control("DELETE", "requests")
    found = by_id(batch(lab, [member(number, "Get-Mailbox", {"Identity": INFO}) for number in range(3)]))
    assert [found[str(number)]["status"] for number in range(3)] == [200, 429, 200]
    assert found["1"]["headers"]["Retry-After"] == "0.5"
    noted = [item for item in lab.control("GET", "requests") if item["member"]]
    assert [(item["cmdlet"], item["write"], item["status"]) for item in noted] == [
        ("Get-Mailbox", False, 200),
        ("Get-Mailbox", False, 429),
        ("Get-Mailbox", False, 200),
    ]


# --- 9: faults on demand


def script(lab: Lab, effect: dict[str, Any], **match: Any) -> None:
    lab.control("POST", "faults", [{"match": {"service": "exchange", **match}, "effect": effect, "times": 1}])


def test_a_redirect_leads_to_another_authority_that_serves_the_same_tenant(lab: Lab) -> None:
    script(lab, {"kind": "redirect"})
    answer = invoke(lab, "Get-Mailbox", {"Identity": INFO})
    assert answer.status_code == 302
    target = answer.headers["Location"]
    assert urlsplit(target).netloc != urlsplit(lab.url).netloc
    body = envelope("Get-Mailbox", {"Identity": INFO})
    again = lab.session.post(target, json=body, headers=lab.bearer(EXCHANGE), timeout=20)
    assert again.json()["value"][0]["ExternalDirectoryObjectId"] == INFO_ID


def test_throttling_unavailability_html_and_challenges_by_script(lab: Lab) -> None:
    effects: list[dict[str, Any]] = [
        {"kind": "status", "status": 429, "retry_after": 1.5},
        {"kind": "status", "status": 503},
        {"kind": "html"},
        {"kind": "expired_token", "claims": True},
    ]
    for effect in effects:
        script(lab, effect)
    answers = [invoke(lab, "Get-Mailbox", {"Identity": INFO}) for _unused in range(5)]
    assert [answer.status_code for answer in answers] == [429, 503, 502, 401, 200]
    assert answers[0].headers["Retry-After"] == "1.5"
    assert answers[2].headers["Content-Type"].startswith("text/html")
    assert "claims=" in answers[3].headers["WWW-Authenticate"]


@pytest.mark.parametrize("status", [400, 500])
def test_a_transient_storage_error_hides_in_a_400_or_500(lab: Lab, status: int) -> None:
    body = {
        "error": {
            "code": "InternalServerError",
            "message": "Error executing cmdlet",
            "details": [
                {
                    "code": "Client",
                    "target": "",
                    "message": "|Microsoft.Exchange.Data.Storage.StorageTransientException|Busy.",
                }
            ],
            "innererror": {"internalexception": {"type": "x", "message": "y"}},
        }
    }
    script(lab, {"kind": "status", "status": status, "body": body})
    answer = invoke(lab, "Get-Mailbox", {"Identity": INFO})
    assert answer.status_code == status
    assert failure(answer) == ("StorageTransientException", "Busy.")


def test_a_write_can_be_committed_and_its_answer_lost(lab: Lab) -> None:
    script(lab, {"kind": "reset_after"}, cmdlet="Set-Mailbox")
    with pytest.raises(requests.ConnectionError):
        invoke(lab, "Set-Mailbox", {"Identity": INFO, "Type": "Regular"})
    assert mailbox(lab)["RecipientTypeDetails"] == "UserMailbox"


# --- 10: eventual consistency


def test_without_the_writers_anchor_a_read_may_be_stale(lab: Lab) -> None:
    lab.control("POST", "switches", {"exchange_stale_without_anchor": 60})
    change(lab, Type="Regular", HiddenFromAddressListsEnabled=True)
    assert mailbox(lab)["RecipientTypeDetails"] == "UserMailbox"
    assert mailbox(lab, anchor=None)["RecipientTypeDetails"] == "SharedMailbox"
    assert mailbox(lab, anchor="SMTP:info@contoso.example")["HiddenFromAddressListsEnabled"] is False
    lab.control("POST", "clock", {"advance": 61})
    assert mailbox(lab, anchor=None)["RecipientTypeDetails"] == "UserMailbox"


# --- 11: recipients that the on-premises directory masters


@pytest.mark.parametrize(
    "parameters",
    [
        {"EmailAddresses": delta(Add=["smtp:x@contoso.example"])},
        {"WindowsEmailAddress": "x@contoso.example"},
        {"Type": "Regular"},
        {"HiddenFromAddressListsEnabled": True},
        {"DisplayName": "Neu"},
    ],
)
def test_dir_synced_mailboxes_are_out_of_the_write_scope(lab: Lab, parameters: dict[str, Any]) -> None:
    info(lab).on_premises_sync_enabled = True
    answer = invoke(lab, "Set-Mailbox", {"Identity": INFO, **parameters})
    assert answer.status_code == 400
    text = failure(answer)[1]
    assert "out of the current user's write scope" in text
    assert f"'Set-Mailbox', '{next(iter(parameters))}'" in text
    assert "is being synchronized from your on-premises organization" in text


def test_the_type_of_a_synced_mailbox_may_be_changed_when_switched_on(lab: Lab) -> None:
    info(lab).on_premises_sync_enabled = True
    lab.tenant.switches["exchange_type_on_synced"] = "allow"
    change(lab, Type="Regular")
    assert mailbox(lab)["RecipientTypeDetails"] == "UserMailbox"


def test_settings_of_the_cloud_stay_writable_on_synced_mailboxes(lab: Lab) -> None:
    info(lab).on_premises_sync_enabled = True
    assert change(lab, LitigationHoldEnabled=True, MessageCopyForSentAsEnabled=True) == []


def test_is_exchange_cloud_managed_has_a_parameter_set_of_its_own_and_opens_exchange_attributes(lab: Lab) -> None:
    info(lab).on_premises_sync_enabled = True
    kind, _unused = refused(lab, IsExchangeCloudManaged=True, HiddenFromAddressListsEnabled=True)
    assert kind == "AmbiguousParameterSetException"
    change(lab, IsExchangeCloudManaged=True)
    assert mailbox(lab)["IsExchangeCloudManaged"] is True
    change(lab, HiddenFromAddressListsEnabled=True)
    assert "write scope" in refused(lab, DisplayName="Neu")[1]


def test_formerly_synced_mailboxes_are_cloud_mailboxes(lab: Lab) -> None:
    info(lab).on_premises_sync_enabled = False
    assert mailbox(lab)["IsDirSynced"] is False
    assert change(lab, Type="Regular") == []


# --- soft-deleted mailboxes and cost


def test_the_mailbox_of_a_deleted_user_is_soft_deleted(lab: Lab) -> None:
    user = lab.tenant.users.pop(INFO_ID)
    user.deleted_at = lab.tenant.clock.now()
    lab.tenant.deleted_users[user.id] = user
    assert invoke(lab, "Get-Mailbox", {"Identity": INFO}).status_code in (400, 404, 500)
    found = rows(lab, "Get-Mailbox", {"Identity": INFO, "SoftDeletedMailbox": True})
    assert [row["ExchangeGuid"] for row in found] == [INFO_MAILBOX]


def test_one_mailbox_of_ten_thousand_costs_under_a_millisecond() -> None:
    tenant = small_tenant()
    add_mailboxes(tenant, 10_000)
    claims = {"wids": [access.EXCHANGE_ADMINISTRATOR]}
    bodies = [
        f'{{"CmdletInput":{{"CmdletName":"Get-Mailbox","Parameters":{{"Identity":"box{number}@contoso.example"}}}}}}'.encode()
        for number in range(0, 10_000, 50)
    ]
    calls = [Call(tenant, "https://lab.example/InvokeCommand", {}, {}, body, claims) for body in bodies]
    assert handle(calls[0]).status == 200
    begin = time.process_time()
    assert all(handle(call).status == 200 for call in calls)
    # Twice the target, so that a loaded machine does not fail it; a scan of the tenant would cost ten times as much.
    assert (time.process_time() - begin) / len(calls) < 0.002
