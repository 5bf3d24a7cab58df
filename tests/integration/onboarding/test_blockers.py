# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way: each obstacle alone and all in a mix; named with its reason, and left alone on both sides."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from onboarding_driver import Driver
from onboarding_stage import AUTOMATION, OTHER_UNIT, UNIT, Stage

from lab.scenario_applications import RESOURCES

INFO, SALES, INVOICES = "info@contoso.example", "vertrieb@contoso.example", "rechnung@contoso.example"
ROOM = "besprechung-sued@contoso.example"
Prepare = Callable[[Stage], None]


def as_it_is(stage: Stage) -> None:
    """The scenario has the obstacle already."""


def name_taken(stage: Stage) -> None:
    """Somebody in another unit has the user principal name, in another spelling."""
    stage.add(f"CN=Old Info,{OTHER_UNIT}", ["user"], {"sAMAccountName": "oldinfo", "userPrincipalName": INFO.upper()})


def address_is_mail_of_a_contact(stage: Stage) -> None:
    """A contact has one of the addresses as its mail, and no proxyAddresses at all."""
    stage.add(f"CN=Kontakt,{OTHER_UNIT}", ["contact"], {"mail": "Kontakt@Contoso.example"})


def cloud_name(stage: Stage) -> None:
    """The user principal name is in the cloud's own domain, as it often is with shared mailboxes."""
    stage.user(INFO).user_principal_name = "info@contoso.onmicrosoft.example"


def cloud_primary(stage: Stage) -> None:
    """The primary address is the cloud's own."""
    user = stage.user(INFO)
    user.proxy_addresses = ["smtp:info@contoso.example", "SMTP:info@contoso.onmicrosoft.example"]
    user.mail = "info@contoso.onmicrosoft.example"


def no_license(stage: Stage) -> None:
    """All units are taken."""
    stage.world.tenant.skus[stage.sku_id("EXCHANGESTANDARD")].enabled = 1


def two_anchors(stage: Stage) -> None:
    """Two accounts carry the anchor of the same cloud user."""
    anchor = uuid.UUID(stage.user(INFO).id).bytes_le
    for name in ("one", "two"):
        stage.add(f"CN={name},{OTHER_UNIT}", ["user"], {"sAMAccountName": name, "mS-DS-ConsistencyGuid": anchor})


def joined_elsewhere(stage: Stage) -> None:
    """The synchronization was not allowed to join the account of an earlier run, and made another user."""
    user = stage.user(INFO)
    anchor = uuid.UUID(user.id).bytes_le
    attributes = {"sAMAccountName": "info", "userPrincipalName": INFO, "mS-DS-ConsistencyGuid": anchor}
    stage.add(f"CN=Info,{UNIT}", ["user"], attributes | {"proxyAddresses": [f"SMTP:{INFO}"], "mail": INFO})
    stage.world.tenant.sync_features.block_soft_match = True
    assert stage.sync()["created"]


ALONE: dict[str, tuple[str, Prepare, str]] = {
    "address taken": ("service@contoso.example", as_it_is, "Kundendienst-Verteiler (alt),OU=Altbestand"),
    "address in mail": (INFO, address_is_mail_of_a_contact, "CN=Kontakt,OU=Altbestand"),
    "name taken": (INFO, name_taken, "CN=Old Info,OU=Altbestand"),
    "domain": ("messe@contoso.example", as_it_is, "not verified: fraestechnik-nord.example"),
    "role": ("it-support@contoso.example", as_it_is, "Entra roles (Helpdesk Administrator)"),
    "immutable id": ("qualitaet@contoso.example", as_it_is, "immutable id cpwNX0sehkqNP7fC6WBKFQ=="),
    "synced": ("lager@contoso.example", as_it_is, "synchronized from Active Directory already"),
    "room": (ROOM, as_it_is, "Its mailbox type is room, not shared."),
    "cloud name": ("info@contoso.onmicrosoft.example", cloud_name, "not in a verified domain of your own"),
    "cloud primary": (INFO, cloud_primary, "Its primary address is in the cloud's own domain"),
    "no license": (INFO, no_license, "No unit of the license is free"),
    "two anchors": (INFO, two_anchors, "Several accounts carry the anchor"),
    "joined elsewhere": (INFO, joined_elsewhere, "has made another account, info"),
    "absent": ("nobody@contoso.example", as_it_is, "There is no such mailbox."),
}


@pytest.mark.parametrize("case", ALONE)
def test_alone(case: str, stage: Stage, driver: Driver) -> None:
    name, prepare, reason = ALONE[case]
    prepare(stage)
    sides = stage.both_sides()
    stage.forget()
    result = driver.run(stage.job(name))
    assert list(result["left_alone"]) == [name], result
    assert reason in result["left_alone"][name]
    assert result["called"] == ["mailbox_onboarding_info"]
    assert stage.writes() == []
    assert stage.both_sides() == sides


MIX = {
    "service@contoso.example": "Kundendienst-Verteiler (alt)",
    "messe@contoso.example": "fraestechnik-nord.example",
    "it-support@contoso.example": "Helpdesk Administrator",
    "qualitaet@contoso.example": "immutable id",
    "lager@contoso.example": "synchronized from Active Directory already",
    ROOM: "Its mailbox type is room",
    "nobody@contoso.example": "There is no such mailbox.",
}


def test_a_mix_is_named_and_the_others_go_on(stage: Stage) -> None:
    names = [*list(MIX)[:3], INFO, *list(MIX)[3:], INVOICES]
    stage.sync()
    before = stage.remember(INFO, INVOICES)
    others, entries = stage.remember(*MIX), stage.entries()

    failed = stage.play(names)
    assert failed.status == 2, failed.output
    reasons = failed.left_alone()
    assert set(reasons) == set(MIX)
    assert all(part in reasons[name] for name, part in MIX.items())
    assert f"7 left alone: {', '.join(reasons)}." in str(failed.task("Fail for the mailboxes")["msg"])
    assert "stopped on the way" not in str(failed.task("Fail for the mailboxes")["msg"])
    assert sorted(failed.signs_in()) == [INFO, INVOICES]
    stage.assert_brought_over(before)
    assert stage.remember(*MIX) == others
    assert {dn: entry for dn, entry in stage.entries().items() if dn in entries} == entries

    # Now done are two, the obstacles are the same, and it is no failure if the user says so.
    stage.forget()
    passed = stage.play(names, onboarding_fail_when_left_alone=False)
    assert (passed.status, passed.totals["changed"]) == (0, 0), passed.output
    assert passed.left_alone() == reasons
    assert stage.writes() == []


def test_a_seat_that_nobody_takes_is_not_kept_from_others(stage: Stage, driver: Driver) -> None:
    """Two units for three mailboxes, one of which is blocked for another reason."""
    stage.world.tenant.skus[stage.sku_id("EXCHANGESTANDARD")].enabled = 3
    before = stage.remember(INFO, INVOICES)
    result = driver.run(stage.job("it-support@contoso.example", INFO, INVOICES))
    assert list(result["left_alone"]) == ["it-support@contoso.example"]
    stage.assert_brought_over(before)


def test_too_few_licenses_stop_only_those_that_get_none(stage: Stage, driver: Driver) -> None:
    stage.world.tenant.skus[stage.sku_id("EXCHANGESTANDARD")].enabled = 3
    names = [INFO, INVOICES, SALES]
    before = stage.remember(*names)
    result = driver.run(stage.job(*names))
    (unlucky,) = result["left_alone"]
    assert result["left_alone"][unlucky] == "No unit of the license is free. Buy or free one."
    assert stage.remember(unlucky)[unlucky] == before.pop(unlucky)
    stage.assert_brought_over(before)


def test_a_license_without_a_mailbox_stops_before_anything_is_changed(stage: Stage) -> None:
    sides = stage.both_sides()
    played = stage.play([INFO, INVOICES], onboarding_license="VISIOCLIENT")
    assert played.status == 2
    said = str(played.task("Fail for the mailboxes")["msg"])
    assert "2 stopped on the way" in said
    assert "(VISIOCLIENT) has an Exchange plan that is not disabled" in said
    assert played.signs_in() == {}
    assert stage.both_sides() == sides


# --- what cannot be read is unknown, never absent -------------------------------------------------------------------------


def without_grants(*names: str) -> Prepare:
    """Take permissions away from the application."""

    def prepare(stage: Stage) -> None:
        application = next(one for one in stage.world.tenant.applications.values() if one.display_name == AUTOMATION)
        granted = application.app_roles[RESOURCES["graph"]]
        application.app_roles[RESOURCES["graph"]] = [name for name in granted if name not in names]

    return prepare


def test_an_application_that_may_not_read_roles_does_not_miss_one(stage: Stage, driver: Driver) -> None:
    """Graph then shows that there is a role, if not which; that is enough to leave the mailbox alone."""
    without_grants("Directory.Read.All", "RoleManagement.Read.Directory")(stage)
    result = driver.run(stage.job("it-support@contoso.example"))
    assert "Its account holds Entra roles (" in result["left_alone"]["it-support@contoso.example"]
    assert stage.writes() == []


def failing(**match: Any) -> Prepare:
    """Let requests of a kind be refused."""

    def prepare(stage: Stage) -> None:
        effect = {"kind": "status", "status": 403, "code": "Authorization_RequestDenied", "message": "Insufficient."}
        stage.control("POST", "faults", [{"match": match, "effect": effect}])

    return prepare


UNKNOWN: dict[str, tuple[Prepare, dict[str, Any], str]] = {
    "roles": (failing(path="transitiveMemberOf"), {}, "Unknown, so nothing is done: the Entra roles of its account ("),
    "domains": (failing(path="/domains$"), {}, "Unknown, so nothing is done: the tenant's domains ("),
    "licenses": (failing(path="subscribedSkus"), {}, "Unknown, so nothing is done: the free licenses ("),
    "directory": (as_it_is, {"directory_server": "127.77.0.254"}, "its account in Active Directory ("),
    "catalog": (as_it_is, {"directory_global_catalog": "127.77.0.254"}, "who owns its addresses ("),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_cannot_be_read_is_said_to_be_unknown(case: str, stage: Stage, driver: Driver) -> None:
    prepare, directory, reason = UNKNOWN[case]
    job = stage.job(INFO, INVOICES)
    prepare(stage)
    state = stage.both_sides()
    result = driver.run(job | {"m365_directory": job["m365_directory"] | directory})
    assert list(result["left_alone"]) == [INFO, INVOICES], result
    for said in result["left_alone"].values():
        assert reason in said
        # Nothing is derived from what is not known.
        assert "has not verified" not in said
        assert "already" not in said
    assert stage.both_sides() == state
    assert stage.writes() == []


def test_a_mailbox_that_is_done_is_not_called_foreign_while_the_directory_is_out_of_reach(
    stage: Stage, driver: Driver
) -> None:
    job = stage.job(INFO)
    assert driver.run(job)["left_alone"] == {}
    away = job["m365_directory"] | {"directory_server": "127.77.0.254", "directory_global_catalog": "127.77.0.254"}
    said = driver.run(job | {"m365_directory": away})["left_alone"][INFO]
    assert "Unknown, so nothing is done: its account in Active Directory (" in said
    assert "synchronized from Active Directory already" not in said


def test_the_anchor_of_an_account_is_the_id_of_its_mailbox(stage: Stage, driver: Driver) -> None:
    """By it a later run knows the account for its own, and Entra Connect takes it as the source anchor."""
    identity = stage.user(INFO).id
    assert driver.run(stage.job(INFO))["stopped"] == {}
    assert stage.user(INFO).on_premises_immutable_id == base64.b64encode(uuid.UUID(identity).bytes_le).decode()
