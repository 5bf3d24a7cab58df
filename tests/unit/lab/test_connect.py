# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sync engine on plain data: matching, blocks, attribute flow, ownership, deletions, schedule."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from rehearsal import EXCHANGE_PLAN_1, small_tenant

from lab.connect import DirectoryEntry, Scheduler, run_cycle
from lab.state import Contact, DirectoryRole, Domain, Group, License, Tenant, User

STAFF = "OU=Staff,DC=corp,DC=contoso,DC=example"
GUID = uuid.UUID("11223344-5566-7788-99aa-bbccddeeff00")
ANCHOR = "RDMiEWZViHeZqrvM3e7/AA=="
SID = bytes.fromhex("010500000000000515000000010000000200000003000000e9030000")


@pytest.fixture
def tenant() -> Tenant:
    return small_tenant()


def entry(
    cn: str = "Info",
    *,
    guid: uuid.UUID = GUID,
    base: str = STAFF,
    consistency: bytes | str | None = None,
    **attributes: Any,
) -> DirectoryEntry:
    """An AD user as ldap3 gives it. C(consistency): its mS-DS-ConsistencyGuid."""
    values: dict[str, Any] = {
        "objectClass": ["top", "person", "organizationalPerson", "user"],
        "cn": cn,
        "displayName": cn,
        "sAMAccountName": cn.lower(),
        "userPrincipalName": f"{cn.lower()}@contoso.example",
        "mail": f"{cn.lower()}@contoso.example",
        "proxyAddresses": [f"SMTP:{cn.lower()}@contoso.example"],
        "userAccountControl": "512",
        "objectSid": SID,
        "mS-DS-ConsistencyGuid": consistency,
        **attributes,
    }
    present = {name: value for name, value in values.items() if value is not None}
    lists: dict[str, Sequence[bytes | str]] = {
        name: value if isinstance(value, list) else [value] for name, value in present.items()
    }
    return DirectoryEntry(f"CN={cn},{base}", guid.bytes_le, lists)


def user_named(tenant: Tenant, name: str) -> User:
    return next(user for user in tenant.users.values() if user.display_name == name)


def give_role(tenant: Tenant, user: User) -> None:
    tenant.roles["r"] = DirectoryRole("r", "729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk Administrator", [user.id])


def codes(report: dict[str, Any]) -> list[str]:
    return [error["code"] for error in report["errors"]]


# --- source anchor


def test_the_anchor_is_base64_of_the_raw_little_endian_bytes(tenant: Tenant) -> None:
    run_cycle(tenant, [entry()])
    assert user_named(tenant, "Info").on_premises_immutable_id == ANCHOR


def test_consistency_guid_beats_object_guid_and_an_empty_one_is_to_be_written_back(tenant: Tenant) -> None:
    other = uuid.UUID("00000000-0000-0000-0000-0000000000aa")
    report = run_cycle(tenant, [entry(), entry("Vertrieb", guid=other, consistency=GUID.bytes)])
    assert report["write_back"] == [{"dn": f"CN=Info,{STAFF}", "value": ANCHOR}]
    anchor = user_named(tenant, "Vertrieb").on_premises_immutable_id
    assert anchor == base64.b64encode(GUID.bytes).decode()


def test_a_guid_read_as_text_is_refused_not_guessed(tenant: Tenant) -> None:
    with pytest.raises(TypeError, match="must be read as bytes"):
        run_cycle(tenant, [entry(consistency=str(GUID))])


# --- matching


def test_hard_match_by_immutable_id_comes_before_soft_match(tenant: Tenant) -> None:
    sales = user_named(tenant, "Vertrieb")
    sales.on_premises_immutable_id = ANCHOR
    report = run_cycle(tenant, [entry(proxyAddresses=["SMTP:rechnung@contoso.example"])])
    assert report["matched"] == [{"dn": f"CN=Info,{STAFF}", "id": sales.id, "how": "hard"}]


def test_soft_match_takes_the_capital_smtp_value_and_keeps_object_and_mailbox(tenant: Tenant) -> None:
    before = user_named(tenant, "Info")
    mailbox = before.mailbox
    report = run_cycle(tenant, [entry(userPrincipalName="anders@contoso.example")])
    assert [match["how"] for match in report["matched"]] == ["soft-smtp"]
    assert tenant.users[before.id] is before
    assert before.mailbox is mailbox
    assert before.on_premises_sync_enabled is True
    assert before.user_principal_name == "anders@contoso.example"


def test_soft_match_does_not_look_at_secondary_addresses_of_ad(tenant: Tenant) -> None:
    tenant.sync_features.soft_match_on_upn = False
    ad = ["SMTP:neu@contoso.example", "smtp:info@contoso.example"]
    report = run_cycle(tenant, [entry(proxyAddresses=ad, mail="neu@contoso.example")])
    assert report["matched"] == []
    assert len(report["created"]) == 1


def test_soft_match_compares_with_the_primary_of_the_cloud_user_only(tenant: Tenant) -> None:
    user_named(tenant, "Info").proxy_addresses.append("smtp:kontakt@contoso.example")
    report = run_cycle(tenant, [entry("Kontakt")])
    assert report["matched"] == []
    assert "SMTP:kontakt@contoso.example" in [error["value"] for error in report["errors"]]


def test_soft_match_by_upn_only_when_no_address_matched_and_the_feature_is_on(tenant: Tenant) -> None:
    ad = entry(proxyAddresses=["SMTP:neu@contoso.example"], mail="neu@contoso.example")
    report = run_cycle(tenant, [ad])
    assert [match["how"] for match in report["matched"]] == ["soft-upn"]
    other = small_tenant()
    other.sync_features.soft_match_on_upn = False
    assert run_cycle(other, [ad])["matched"] == []


def test_matching_happens_at_the_first_export_only(tenant: Tenant) -> None:
    new = entry("Neu")
    first = run_cycle(tenant, [new])
    created = first["created"][0]["id"]
    changed = entry("Neu", proxyAddresses=["SMTP:info@contoso.example"], mail="info@contoso.example")
    report = run_cycle(tenant, [changed])
    assert report["matched"] == []
    assert report["updated"][0]["id"] == created
    assert codes(report) == ["AttributeValueMustBeUnique"]
    assert user_named(tenant, "Info").on_premises_sync_enabled is None


# --- what blocks a match


def test_block_soft_match_makes_a_quarantined_duplicate(tenant: Tenant) -> None:
    tenant.sync_features.block_soft_match = True
    report = run_cycle(tenant, [entry()])
    duplicate = tenant.users[report["created"][0]["id"]]
    prefix, _unused, domain = duplicate.user_principal_name.partition("@")
    assert domain == "contoso.onmicrosoft.example"
    assert prefix.startswith("info")
    assert len(prefix) == len("info0000")
    assert prefix[4:].isdigit()
    causes = {(item["propertyCausingError"], item["value"]) for item in duplicate.on_premises_provisioning_errors}
    assert causes == {
        ("UserPrincipalName", "info@contoso.example"),
        ("ProxyAddresses", "SMTP:info@contoso.example"),
    }
    assert {item["category"] for item in duplicate.on_premises_provisioning_errors} == {"PropertyConflict"}
    assert duplicate.mail is None
    assert duplicate.proxy_addresses == []


def test_a_quarantined_value_is_an_error_once_and_freed_by_the_hourly_cleanup(tenant: Tenant) -> None:
    tenant.sync_features.block_soft_match = True
    first = run_cycle(tenant, [entry()])
    assert codes(first) == ["AttributeValueMustBeUnique"] * 2
    assert codes(run_cycle(tenant, [entry()])) == []
    duplicate = tenant.users[first["created"][0]["id"]]
    owner = next(user for user in tenant.users.values() if user.display_name == "Info" and user is not duplicate)
    del tenant.users[owner.id]
    run_cycle(tenant, [entry()])
    assert duplicate.on_premises_provisioning_errors
    tenant.clock.advance(3601)
    run_cycle(tenant, [entry()])
    assert duplicate.on_premises_provisioning_errors == []
    assert duplicate.user_principal_name == "info@contoso.example"
    assert duplicate.proxy_addresses == ["SMTP:info@contoso.example"]


def test_soft_match_onto_a_role_holder_is_refused_and_makes_a_duplicate(tenant: Tenant) -> None:
    holder = user_named(tenant, "Info")
    give_role(tenant, holder)
    report = run_cycle(tenant, [entry()])
    assert report["matched"] == []
    assert report["created"][0]["id"] != holder.id
    assert holder.on_premises_sync_enabled is None
    assert "SMTP:info@contoso.example" in holder.proxy_addresses


@pytest.mark.parametrize("answer", ["InvalidSoftMatch", "AttributeValueMustBeUnique"])
def test_soft_match_onto_a_user_with_another_immutable_id_is_an_error(tenant: Tenant, answer: str) -> None:
    tenant.switches["connect_immutable_conflict"] = answer
    user_named(tenant, "Info").on_premises_immutable_id = "AAAAAAAAAAAAAAAAAAAAAA=="
    report = run_cycle(tenant, [entry()])
    assert codes(report) == [answer]
    assert "SMTP:info@contoso.example" in report["errors"][0]["message"]
    assert report["created"] == []
    assert codes(run_cycle(tenant, [entry()])) == [answer]


def test_soft_match_onto_a_user_with_another_immutable_id_may_be_a_quarantine(tenant: Tenant) -> None:
    tenant.switches["connect_immutable_conflict"] = "quarantine"
    user_named(tenant, "Info").on_premises_immutable_id = "AAAAAAAAAAAAAAAAAAAAAA=="
    assert len(run_cycle(tenant, [entry()])["created"]) == 1


def test_hard_match_takeover_of_a_cloud_object_can_be_blocked(tenant: Tenant) -> None:
    user = user_named(tenant, "Info")
    user.on_premises_immutable_id = ANCHOR
    tenant.sync_features.block_hard_match_takeover = True
    report = run_cycle(tenant, [entry()])
    assert codes(report) == ["InvalidHardMatch"]
    assert user.on_premises_sync_enabled is None
    user.on_premises_sync_enabled = True
    assert codes(run_cycle(tenant, [entry()])) == []


def test_hard_match_onto_a_role_holder_is_refused_since_2026(tenant: Tenant) -> None:
    user = user_named(tenant, "Info")
    user.on_premises_immutable_id = ANCHOR
    give_role(tenant, user)
    assert codes(run_cycle(tenant, [entry()])) == ["InvalidHardMatch"]


def test_an_object_identifier_once_set_cannot_be_remapped_since_2026(tenant: Tenant) -> None:
    run_cycle(tenant, [entry(consistency=GUID.bytes_le)])
    tenant.connector_space.clear()
    moved = entry(guid=uuid.uuid4(), consistency=GUID.bytes_le)
    report = run_cycle(tenant, [moved])
    assert codes(report) == ["InvalidHardMatch"]
    assert "Review OnPremisesObjectIdentifier mapping" in report["errors"][0]["message"]
    tenant.sync_features.allow_object_identifier_update = True
    assert codes(run_cycle(tenant, [moved])) == []


@pytest.mark.parametrize("kind", ["group", "contact"])
def test_a_group_or_contact_with_the_address_is_an_object_type_mismatch(tenant: Tenant, kind: str) -> None:
    if kind == "group":
        tenant.groups["x"] = Group("x", "Liste", proxy_addresses=["SMTP:liste@contoso.example"])
    else:
        tenant.contacts["x"] = Contact("x", "Liste", proxy_addresses=["SMTP:liste@contoso.example"])
    report = run_cycle(tenant, [entry("Liste")])
    assert codes(report) == ["ObjectTypeMismatch"]
    assert report["errors"][0]["conflicting_id"] == "x"
    assert report["created"] == []


def test_a_secondary_address_of_another_object_is_quarantined_and_the_rest_arrives(tenant: Tenant) -> None:
    ad = ["SMTP:info@contoso.example", "smtp:vertrieb@contoso.example", "smtp:kontakt@contoso.example"]
    report = run_cycle(tenant, [entry(proxyAddresses=ad)])
    user = user_named(tenant, "Info")
    assert [error["value"] for error in report["errors"]] == ["smtp:vertrieb@contoso.example"]
    assert report["errors"][0]["conflicting_id"] == user_named(tenant, "Vertrieb").id
    assert "smtp:kontakt@contoso.example" in user.proxy_addresses
    assert [item["value"] for item in user.on_premises_provisioning_errors] == ["smtp:vertrieb@contoso.example"]


def test_an_unverified_upn_suffix_is_replaced_by_the_initial_domain(tenant: Tenant) -> None:
    run_cycle(tenant, [entry("Neu", userPrincipalName="neu@corp.contoso.example")])
    user = user_named(tenant, "Neu")
    assert user.user_principal_name == "neu@contoso.onmicrosoft.example"
    assert user.on_premises_user_principal_name == "neu@corp.contoso.example"


def test_more_than_333_addresses_are_refused(tenant: Tenant) -> None:
    many = [f"smtp:a{number}@contoso.example" for number in range(333)]
    report = run_cycle(tenant, [entry(proxyAddresses=["SMTP:info@contoso.example", *many])])
    assert codes(report) == ["ExceededAllowedLength"]
    assert "334 proxy addresses" in report["errors"][0]["message"]
    assert user_named(tenant, "Info").on_premises_sync_enabled is None


# --- attribute flow


def test_attributes_of_ad_overwrite_and_the_on_premises_properties_are_set(tenant: Tenant) -> None:
    user = user_named(tenant, "Info")
    user.department = "Alt"
    ad: dict[str, Any] = {
        "displayName": "Infopost",
        "givenName": "Ina",
        "sn": "Fo",
        "department": "Zentrale",
        "title": "Postfach",
    }
    run_cycle(tenant, [entry(userAccountControl="514", mailNickname="infopost", **ad)])
    assert (user.display_name, user.given_name, user.surname) == ("Infopost", "Ina", "Fo")
    assert (user.department, user.job_title, user.mail_nickname) == ("Zentrale", "Postfach", "infopost")
    assert user.account_enabled is False
    assert user.on_premises_distinguished_name == f"CN=Info,{STAFF}"
    assert user.on_premises_sam_account_name == "info"
    assert user.on_premises_domain_name == "corp.contoso.example"
    assert user.on_premises_security_identifier == "S-1-5-21-1-2-3-1001"
    assert user.on_premises_object_identifier == str(GUID)
    assert user.on_premises_last_sync is not None


def test_an_attribute_without_ad_value_stays_until_ad_had_one_and_lost_it(tenant: Tenant) -> None:
    user = user_named(tenant, "Info")
    user.department = "Cloud"
    run_cycle(tenant, [entry()])
    assert user.department == "Cloud"
    run_cycle(tenant, [entry(department="Zentrale")])
    run_cycle(tenant, [entry()])
    assert user.department is None


def test_addresses_that_ad_lacks_vanish_after_the_match(tenant: Tenant) -> None:
    user = user_named(tenant, "Info")
    user.proxy_addresses.append("smtp:alt@contoso.example")
    run_cycle(tenant, [entry()])
    assert user.proxy_addresses == ["SMTP:info@contoso.example", "smtp:info@contoso.onmicrosoft.example"]


def test_upn_changes_of_licensed_managed_users_need_the_feature(tenant: Tenant) -> None:
    user = user_named(tenant, "Info")
    user.licenses = [License(EXCHANGE_PLAN_1)]
    tenant.sync_features.synchronize_upn_for_managed_users = False
    run_cycle(tenant, [entry(userPrincipalName="neu@contoso.example")])
    assert user.user_principal_name == "info@contoso.example"
    tenant.sync_features.synchronize_upn_for_managed_users = True
    run_cycle(tenant, [entry(userPrincipalName="neu2@contoso.example")])
    assert user.user_principal_name == "neu2@contoso.example"


def test_only_what_changed_is_exported_so_the_users_last_sync_stands_still(tenant: Tenant) -> None:
    run_cycle(tenant, [entry()])
    user = user_named(tenant, "Info")
    first = user.on_premises_last_sync
    tenant.clock.advance(1800)
    report = run_cycle(tenant, [entry()])
    assert report["unchanged"] == 1
    assert report["updated"] == []
    assert user.on_premises_last_sync == first
    assert tenant.last_sync is not None
    assert first is not None
    assert tenant.last_sync > first


def test_last_sync_of_the_organization_may_stand_still_without_changes(tenant: Tenant) -> None:
    tenant.switches["connect_last_sync_only_on_change"] = True
    run_cycle(tenant, [entry()])
    first = tenant.last_sync
    tenant.clock.advance(1800)
    run_cycle(tenant, [entry()])
    assert tenant.last_sync == first
    assert tenant.sync_enabled is True


# --- who masters


def test_exchange_cloud_managed_mailboxes_ignore_address_changes_of_ad(tenant: Tenant) -> None:
    user = user_named(tenant, "Info")
    assert user.mailbox is not None
    user.mailbox.is_exchange_cloud_managed = True
    before = list(user.proxy_addresses)
    run_cycle(
        tenant, [entry(department="Zentrale", proxyAddresses=["SMTP:info@contoso.example", "smtp:x@contoso.example"])]
    )
    assert user.proxy_addresses == before
    assert user.department == "Zentrale"


def test_cloud_managed_users_ignore_all_changes_of_ad_and_survive_its_deletion(tenant: Tenant) -> None:
    run_cycle(tenant, [entry()])
    user = user_named(tenant, "Info")
    user.is_cloud_managed = True
    report = run_cycle(tenant, [entry(department="Zentrale")])
    assert report["ignored"][0]["reason"] == "isCloudManaged"
    assert user.department is None
    run_cycle(tenant, [])
    assert user.id in tenant.users


def test_remote_shared_in_ad_converts_the_cloud_mailbox_back_in_the_next_cycle(tenant: Tenant) -> None:
    ad = entry(msExchRecipientTypeDetails="34359738368", msExchRemoteRecipientType="100")
    run_cycle(tenant, [ad])
    mailbox = user_named(tenant, "Info").mailbox
    assert mailbox is not None
    assert mailbox.remote_recipient_type == "Migrated, SharedMailbox"
    mailbox.type_details = "UserMailbox"
    report = run_cycle(tenant, [ad])
    assert mailbox.type_details == "SharedMailbox"
    assert [item["type"] for item in report["converted"]] == ["SharedMailbox"]
    mailbox.type_details, mailbox.is_exchange_cloud_managed = "UserMailbox", True
    run_cycle(tenant, [ad])
    assert mailbox.type_details == "UserMailbox"


def test_hiding_flows_only_with_a_mail_nickname(tenant: Tenant) -> None:
    mailbox = user_named(tenant, "Info").mailbox
    assert mailbox is not None
    run_cycle(tenant, [entry(msExchHideFromAddressLists="TRUE")])
    assert mailbox.hidden_from_address_lists is False
    run_cycle(tenant, [entry(msExchHideFromAddressLists="TRUE", mailNickname="info")])
    assert mailbox.hidden_from_address_lists is True


# --- scope, staging, deletions


def test_staging_mode_imports_and_exports_nothing(tenant: Tenant) -> None:
    tenant.switches["connect_staging_mode"] = True
    report = run_cycle(tenant, [entry()])
    assert report["staging"] is True
    assert report["imported"] == 1
    assert user_named(tenant, "Info").on_premises_sync_enabled is None
    assert report["write_back"] == []
    assert tenant.last_sync is None


def test_only_units_in_scope_are_exported(tenant: Tenant) -> None:
    tenant.switches["connect_scope"] = [STAFF.upper()]
    outside = entry("Vertrieb", guid=uuid.uuid4(), base="OU=Vorbereitung,DC=corp,DC=contoso,DC=example")
    below = entry("Rechnung", guid=uuid.uuid4(), base=f"OU=Buchhaltung, {STAFF}")
    report = run_cycle(tenant, [entry(), outside, below])
    assert report["in_scope"] == 2
    assert user_named(tenant, "Vertrieb").on_premises_sync_enabled is None
    assert user_named(tenant, "Rechnung").on_premises_sync_enabled is True


@pytest.mark.parametrize(
    "attributes",
    [
        {"isCriticalSystemObject": "TRUE"},
        {"sAMAccountName": "MSOL_0123456789ab"},
        {"adminDescription": "User_NoSync"},
        {"objectClass": ["top", "person", "organizationalPerson", "user", "computer"]},
    ],
)
def test_the_default_rules_leave_system_objects_and_marked_objects_out(
    tenant: Tenant, attributes: dict[str, Any]
) -> None:
    report = run_cycle(tenant, [entry(**attributes)])
    assert report["in_scope"] == 0
    assert report["created"] == report["matched"] == []


def test_leaving_the_scope_soft_deletes_and_coming_back_restores_the_same_object(tenant: Tenant) -> None:
    run_cycle(tenant, [entry()])
    user = user_named(tenant, "Info")
    report = run_cycle(tenant, [])
    assert report["deleted"] == [{"dn": f"CN=Info,{STAFF}", "id": user.id}]
    assert tenant.deleted_users[user.id].deleted_at is not None
    assert user.id not in tenant.users
    report = run_cycle(tenant, [entry()])
    assert [match["how"] for match in report["matched"]] == ["restored"]
    assert tenant.users[user.id].deleted_at is None


def test_cloud_users_that_were_never_exported_are_never_deleted(tenant: Tenant) -> None:
    user_named(tenant, "Info").on_premises_sync_enabled = True
    user_named(tenant, "Info").on_premises_immutable_id = ANCHOR
    assert run_cycle(tenant, [])["deleted"] == []


def test_more_deletions_than_the_threshold_are_held_back(tenant: Tenant) -> None:
    tenant.switches["connect_deletion_threshold"] = 1
    others = [entry("Vertrieb", guid=uuid.uuid4()), entry("Rechnung", guid=uuid.uuid4())]
    run_cycle(tenant, [entry(), *others])
    report = run_cycle(tenant, [entry()])
    assert report["deletions_held"] == 2
    assert codes(report) == ["stopped-deletion-threshold-exceeded"]
    assert len(tenant.users) == 3
    assert len(run_cycle(tenant, [entry(), others[0]])["deleted"]) == 1


# --- groups and contacts


def test_a_contact_of_ad_claims_its_address_and_a_group_gives_way_to_a_user(tenant: Tenant) -> None:
    contact = DirectoryEntry(
        f"CN=Partner,{STAFF}",
        uuid.uuid4().bytes_le,
        {"objectClass": ["top", "contact"], "cn": ["Partner"], "mail": ["post@partner.example"]},
    )
    group = DirectoryEntry(
        f"CN=Info-Liste,{STAFF}",
        uuid.uuid4().bytes_le,
        {"objectClass": ["top", "group"], "cn": ["Info-Liste"], "proxyAddresses": ["SMTP:info@contoso.example"]},
    )
    report = run_cycle(tenant, [contact, group])
    assert [item.proxy_addresses for item in tenant.contacts.values()] == [["SMTP:post@partner.example"]]
    assert codes(report) == ["ObjectTypeMismatch"]
    assert tenant.groups == {}
    assert codes(run_cycle(tenant, [contact])) == []
    run_cycle(tenant, [])
    assert tenant.contacts == {}


# --- report and schedule


def test_the_report_is_json(tenant: Tenant) -> None:
    tenant.sync_features.block_soft_match = True
    report = run_cycle(tenant, [entry()])
    assert json.loads(json.dumps(report)) == report
    json.dumps(tenant.connector_space)


def test_federated_users_follow_the_upn_without_the_managed_feature(tenant: Tenant) -> None:
    tenant.domains["partner.example"] = Domain("partner.example", authentication_type="Federated")
    user = user_named(tenant, "Info")
    user.user_principal_name = "info@partner.example"
    user.licenses = [License(EXCHANGE_PLAN_1)]
    tenant.sync_features.synchronize_upn_for_managed_users = False
    run_cycle(tenant, [entry(userPrincipalName="post@partner.example")])
    assert user.user_principal_name == "post@partner.example"


def test_a_cycle_is_due_every_30_minutes_of_the_tenants_clock(tenant: Tenant) -> None:
    scheduler = Scheduler(tenant.clock)
    due = scheduler.next_run
    assert scheduler.take_due() == 0
    tenant.clock.advance(1801)
    assert scheduler.take_due() == 1
    assert (scheduler.next_run - due).total_seconds() == 1800
    assert scheduler.take_due() == 0
    tenant.clock.advance(86400)
    assert scheduler.take_due() == 2
    assert scheduler.next_run > tenant.clock.now()


def test_a_thousand_objects_match_in_a_tenant_of_ten_thousand(tenant: Tenant) -> None:
    for number in range(10_000):
        name = f"u{number}@contoso.example"
        user = User(tenant.new_id(), name, f"User {number}", tenant.clock.now(), proxy_addresses=[f"SMTP:{name}"])
        tenant.users[user.id] = user
    entries = [entry(f"U{number}", guid=uuid.UUID(int=number + 1)) for number in range(1000)]
    report = run_cycle(tenant, entries)
    assert len(report["matched"]) == 1000
    assert report["errors"] == []
