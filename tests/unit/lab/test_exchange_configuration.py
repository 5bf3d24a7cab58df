# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The organization, remote domains and outbound spam policies of the lab's Exchange, seen from outside."""

from __future__ import annotations

from typing import Any

import pytest
from rehearsal import Lab
from test_exchange import assert_nul_403, delta, failure, hold_roles, invoke, rows

from lab.exchange import access

ORGANIZATION, REMOTE, SPAM = "OrganizationConfig", "RemoteDomain", "HostedOutboundSpamFilterPolicy"
APP = "4c9a1d7e-0b35-4f68-a2d1-6e8f93b7c502"


def shown(lab: Lab, noun: str = ORGANIZATION, **parameters: Any) -> dict[str, Any]:
    given = parameters if noun == ORGANIZATION else {"Identity": "Default", **parameters}
    (row,) = rows(lab, f"Get-{noun}", given)
    return row


def change(lab: Lab, noun: str = ORGANIZATION, **parameters: Any) -> list[str]:
    """A change that succeeds; gives its warnings."""
    given = parameters if noun == ORGANIZATION else {"Identity": "Default", **parameters}
    answer = invoke(lab, f"Set-{noun}", given)
    assert answer.status_code == 200, answer.text
    warnings: list[str] = answer.json()["@adminapi.warnings"]
    return warnings


def refused(lab: Lab, noun: str = ORGANIZATION, **parameters: Any) -> tuple[str, str]:
    given = parameters if noun == ORGANIZATION else {"Identity": "Default", **parameters}
    return failure(invoke(lab, f"Set-{noun}", given))


def switch(lab: Lab, **switches: Any) -> None:
    lab.control("POST", "switches", switches)


def test_the_organization_is_changed_and_shown(lab: Lab) -> None:
    assert shown(lab)["PostponeRoamingSignaturesUntilLater"] is False
    assert change(lab, postponeroamingsignaturesuntillater=True, Confirm=False) == []
    assert shown(lab)["PostponeRoamingSignaturesUntilLater"] is True
    (warning,) = change(lab, PostponeRoamingSignaturesUntilLater=True)
    assert "but no settings of" in warning


def test_confirmation_changes_nothing(lab: Lab) -> None:
    answer = invoke(lab, "Set-OrganizationConfig", {"AuditDisabled": True, "Confirm": True}).json()
    assert "Are you sure" in answer["@adminapi.confirmationmessage"]
    assert shown(lab)["AuditDisabled"] is False


def test_three_states_and_two(lab: Lab) -> None:
    for value in (True, False, None):
        change(lab, EwsEnabled=value)
        assert shown(lab)["EwsEnabled"] is value
    assert refused(lab, AuditDisabled=None)[0] == "ParameterTransformationException"
    assert refused(lab, AuditDisabled="true")[0] == "ParameterTransformationException"


def test_unknown_parameters_and_values_are_refused(lab: Lab) -> None:
    kind, said = refused(lab, PostponeRoamingSignatures=True)
    assert kind == "AmbiguousParameterSetException"
    assert said.endswith("Invalid cmdlet parameters specified. PostponeRoamingSignatures")
    kind, said = refused(lab, DefaultGroupAccessType="Secret")
    assert kind == "ParameterTransformationException"
    assert "Public, Private" in said
    assert failure(invoke(lab, "Get-OrganizationConfig", {"Identity": "x"}))[0] == "AmbiguousParameterSetException"
    assert refused(lab, ElcProcessingDisabled=True)[0] == "NotRehearsedException"


def test_the_beginning_of_a_word_is_enough(lab: Lab) -> None:
    change(lab, DefaultGroupAccessType="pub")
    assert shown(lab)["DefaultGroupAccessType"] == "Public"


@pytest.mark.parametrize(
    ("name", "given", "seen"),
    [
        ("DefaultPublicFolderMaxItemSize", "10 MB", "10 MB (10,485,760 bytes)"),
        ("DefaultPublicFolderMaxItemSize", "10485760 B", "10 MB (10,485,760 bytes)"),
        ("DefaultPublicFolderMaxItemSize", "1000", "1 KB (1,024 bytes)"),
        ("DefaultPublicFolderIssueWarningQuota", "unlimited", "Unlimited"),
        ("ActivityBasedAuthenticationTimeoutInterval", "0.08:00:00", "08:00:00"),
        ("ActivityBasedAuthenticationTimeoutInterval", "1", "1.00:00:00"),
        ("EwsAllowList", ["b", "a"], ["b", "a"]),
    ],
)
def test_a_value_is_shown_as_its_type_spells_it(lab: Lab, name: str, given: Any, seen: Any) -> None:
    assert change(lab, **{name: given}) == []
    assert shown(lab)[name] == seen
    assert "but no settings of" in change(lab, **{name: given})[0]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("DefaultPublicFolderMaxItemSize", "49.5 GB"),
        ("DefaultPublicFolderMaxItemSize", None),
        ("ActivityBasedAuthenticationTimeoutInterval", "25:00:00"),
        ("MailTipsLargeAudienceThreshold", "many"),
        ("EwsEnabled", "maybe"),
    ],
)
def test_a_value_that_its_type_does_not_take(lab: Lab, name: str, given: Any) -> None:
    assert refused(lab, **{name: given})[0] == "ParameterTransformationException"


def test_lists_have_no_order_and_can_be_changed_in_part(lab: Lab) -> None:
    change(lab, EwsAllowList=["a", "b"])
    assert "but no settings of" in change(lab, EwsAllowList=["B", "a"])[0]
    change(lab, EwsAllowList=delta(Add=["c"], Remove=["A"]))
    assert shown(lab)["EwsAllowList"] == ["b", "c"]
    change(lab, EwsAllowList=delta())
    assert shown(lab)["EwsAllowList"] is None


def test_the_list_of_ews_applications_has_to_be_asked_for(lab: Lab) -> None:
    change(lab, EwsAllowedAppIDs=f"{APP},{APP[::-1]}")
    assert "EwsAllowedAppIDs" not in shown(lab)
    assert shown(lab, RetrieveEwsOperationAccessPolicy=True)["EwsAllowedAppIDs"] == f"{APP},{APP[::-1]}"
    switch(lab, exchange_app_ids_as_list=True)
    assert shown(lab, RetrieveEwsOperationAccessPolicy=True)["EwsAllowedAppIDs"] == [f"{APP},{APP[::-1]}"]
    change(lab, EwsAllowedAppIDs=None)
    assert shown(lab, RetrieveEwsOperationAccessPolicy=True)["EwsAllowedAppIDs"] is None


def test_an_organization_with_shared_settings_takes_no_change(lab: Lab) -> None:
    switch(lab, exchange_dehydrated=["AuditDisabled"])
    kind, said = refused(lab, AuditDisabled=True)
    assert kind == "InvalidOperationInDehydratedContextException"
    assert "Enable-OrganizationCustomization" in said
    assert change(lab, EwsEnabled=True) == []
    switch(lab, exchange_dehydrated=True)
    assert refused(lab, EwsEnabled=False)[0] == "InvalidOperationInDehydratedContextException"
    assert shown(lab)["IsDehydrated"] is True


def test_several_objects_and_all_of_them(lab: Lab) -> None:
    switch(lab, exchange_objects={REMOTE: {"Partner": {"DomainName": "partner.example", "TNEFEnabled": False}}})
    assert [row["Name"] for row in rows(lab, "Get-RemoteDomain")] == ["Default", "Partner"]
    assert len(rows(lab, "Get-RemoteDomain", {"Identity": ""})) == 2
    assert (shown(lab, REMOTE)["DomainName"], shown(lab, REMOTE)["TNEFEnabled"]) == ("*", None)
    partner = shown(lab, REMOTE, Identity="partner")
    assert (partner["DomainName"], partner["TNEFEnabled"]) == ("partner.example", False)
    change(lab, REMOTE, Identity=partner["Guid"], TNEFEnabled=None, AutoForwardEnabled=False)
    assert shown(lab, REMOTE, Identity="Partner")["TNEFEnabled"] is None
    assert shown(lab, REMOTE)["AutoForwardEnabled"] is True
    assert failure(invoke(lab, "Get-RemoteDomain", {"Identity": "x"}))[0] == "ManagementObjectNotFoundException"
    assert refused(lab, REMOTE, Identity="x", TNEFEnabled=None)[0] == "ManagementObjectNotFoundException"
    assert refused(lab, REMOTE, Identity="", TNEFEnabled=None)[0] == "ParameterTransformationException"


def test_outbound_spam_policy(lab: Lab) -> None:
    change(
        lab,
        SPAM,
        AutoForwardingMode="Off",
        RecipientLimitPerDay=1000,
        NotifyOutboundSpamRecipients=["it@contoso.example"],
    )
    row = shown(lab, SPAM)
    assert (row["AutoForwardingMode"], row["RecipientLimitPerDay"], row["IsDefault"]) == ("Off", 1000, True)
    assert row["NotifyOutboundSpamRecipients"] == ["it@contoso.example"]
    assert refused(lab, SPAM, AutoForwardingMode="O")[0] == "ParameterTransformationException"
    change(lab, SPAM, NotifyOutboundSpamRecipients=delta())
    assert shown(lab, SPAM)["NotifyOutboundSpamRecipients"] == []


@pytest.mark.parametrize(
    ("wins", "given", "oof", "internal"),
    [
        (False, {"AllowedOOFType": "InternalLegacy"}, "InternalLegacy", True),
        (False, {"IsInternal": False}, "ExternalLegacy", False),
        (False, {"IsInternal": False, "AllowedOOFType": "External"}, "External", False),
        (True, {"IsInternal": False, "AllowedOOFType": "External"}, "ExternalLegacy", False),
    ],
)
def test_two_parameters_move_each_other(
    lab: Lab, wins: bool, given: dict[str, Any], oof: str, internal: bool
) -> None:  # fmt: skip
    switch(lab, exchange_coupling_wins=wins, exchange_settings={REMOTE: {"IsInternal": True, "AllowedOOFType": "None"}})
    change(lab, REMOTE, **given)
    row = shown(lab, REMOTE)
    assert (row["AllowedOOFType"], row["IsInternal"]) == (oof, internal)


def test_a_change_may_be_shown_late(lab: Lab) -> None:
    switch(lab, exchange_settings_lag=1)
    change(lab, EwsEnabled=True)
    assert shown(lab)["EwsEnabled"] is None
    assert shown(lab)["EwsEnabled"] is True


def test_what_is_shown_may_be_otherwise_or_missing(lab: Lab) -> None:
    switch(
        lab, exchange_shown={ORGANIZATION: {"FocusedInboxOn": False}}, exchange_unshown={ORGANIZATION: ["EwsEnabled"]}
    )
    assert shown(lab)["FocusedInboxOn"] is False
    assert "EwsEnabled" not in shown(lab)
    assert "but no settings of" in change(lab, FocusedInboxOn=None)[0]


def test_the_transport_configuration_spells_time_spans_too(lab: Lab) -> None:
    assert invoke(lab, "Set-TransportConfig", {"MessageExpiration": "0.12:00:00"}).status_code == 200
    assert rows(lab, "Get-TransportConfig")[0]["MessageExpiration"] == "12:00:00"
    assert invoke(lab, "Set-TransportConfig", {"JournalingReportNdrTo": None}).json()["@adminapi.warnings"]


def test_configuration_needs_more_than_the_role_for_recipients(lab: Lab) -> None:
    hold_roles(lab, access.EXCHANGE_RECIPIENT_ADMINISTRATOR)
    for cmdlet in (f"{verb}-{noun}" for verb in ("Get", "Set") for noun in (ORGANIZATION, REMOTE, SPAM)):
        assert_nul_403(invoke(lab, cmdlet, {}))
