# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenario files, the demonstration's tenant, and generated tenants: on plain data, without servers."""

from __future__ import annotations

import base64
import time
import uuid
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.directory import BASE_DN, SeedEntry
from lab.generator import CONTOSO, generate, mailboxes, permit, plain
from lab.scenario import (
    Scenario,
    ScenarioError,
    build_tenant,
    directory_entries,
    escape_rdn,
    immutable_id,
    load,
    scenario_of,
    unit_dn,
)
from lab.state import Tenant, User
from lab.strict_schema import parse_dn, unescape

READY = ["info", "vertrieb", "rechnung", "einkauf", "personal"]
MINIMAL: dict[str, Any] = {
    "tenant": {"id": "t", "display_name": "T", "initial_domain": "t.onmicrosoft.example"},
    "domains": [{"name": "t.onmicrosoft.example"}],
    "skus": [{"part_number": "E1", "id": "s", "enabled": 1, "plans": [{"id": "p", "name": "PLAN"}]}],
    "users": [],
}


@pytest.fixture(scope="module")
def contoso() -> Scenario:
    return load(CONTOSO)


@pytest.fixture(scope="module")
def tenant(contoso: Scenario) -> Tenant:
    return build_tenant(contoso)


@pytest.fixture(scope="module")
def entries(contoso: Scenario) -> list[SeedEntry]:
    return directory_entries(contoso)[0]


def user(tenant: Tenant, local: str, domain: str = "contoso.example") -> User:
    (found,) = [each for each in tenant.users.values() if each.user_principal_name == f"{local}@{domain}"]
    return found


def held_by_directory(entries: list[SeedEntry]) -> set[str]:
    """Every address and user principal name in Active Directory."""
    names = ("proxyAddresses", "mail", "userPrincipalName")
    values = [str(value) for entry in entries for name in names for value in entry.attributes.get(name, [])]
    return {value.partition(":")[2].lower() if ":" in value else value.lower() for value in values}


def addresses(user: User) -> set[str]:
    return {address.partition(":")[2].lower() for address in user.proxy_addresses}


def free_units(tenant: Tenant, part_number: str) -> int:
    (sku,) = [each for each in tenant.skus.values() if each.part_number == part_number]
    holders = {
        each.id for each in tenant.users.values() for one_license in each.licenses if one_license.sku_id == sku.sku_id
    }
    return sku.enabled + sku.warning - len(holders)


# --- the demonstration's tenant ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("local", READY)
def test_five_shared_mailboxes_have_nothing_in_their_way(
    tenant: Tenant, entries: list[SeedEntry], contoso: Scenario, local: str
) -> None:
    found = user(tenant, local)
    assert found.mailbox is not None
    assert found.mailbox.type_details == "SharedMailbox"
    assert 2 <= len(found.proxy_addresses) <= 4
    assert [address for address in found.proxy_addresses if address.startswith("SMTP:")] == [f"SMTP:{found.mail}"]
    domains = {address.partition("@")[2] for address in found.proxy_addresses if address.lower().startswith("smtp:")}
    assert all(tenant.domains[domain].is_verified for domain in domains)
    assert not addresses(found) & held_by_directory(entries)
    assert found.id not in {member for role in tenant.roles.values() for member in role.members}
    assert (found.on_premises_immutable_id, found.on_premises_sync_enabled, found.licenses) == (None, None, [])
    assert found.user_principal_name in contoso.job


def test_names_have_umlauts(tenant: Tenant) -> None:
    assert sum(not each.display_name.isascii() for each in tenant.users.values() if each.mailbox) >= 8


def test_each_problem_case_has_its_problem_and_no_other(tenant: Tenant, entries: list[SeedEntry]) -> None:
    role_holders = {member for role in tenant.roles.values() for member in role.members}
    problems = {
        "owned": lambda each: bool(addresses(each) & held_by_directory(entries)) and not each.on_premises_sync_enabled,
        "unverified": lambda each: any(
            not tenant.domains[address.partition("@")[2]].is_verified for address in addresses(each) if "@" in address
        ),
        "role": lambda each: each.id in role_holders,
        "anchor": lambda each: each.on_premises_immutable_id is not None and not each.on_premises_sync_enabled,
        "synced": lambda each: each.on_premises_sync_enabled is True,
        "federated": lambda each: (
            tenant.domains[each.user_principal_name.partition("@")[2]].authentication_type == "Federated"
        ),
    }
    cases = {
        "service@contoso.example": ["owned"],
        "messe@contoso.example": ["unverified"],
        "it-support@contoso.example": ["role"],
        "qualitaet@contoso.example": ["anchor"],
        "lager@contoso.example": ["synced"],
        "disposition@partner.example": ["federated"],
    }
    for name, expected in cases.items():
        found = user(tenant, *name.split("@"))
        assert [problem for problem, has in problems.items() if has(found)] == expected, name


def test_licenses_are_there_of_one_kind_and_nearly_gone_of_the_other(tenant: Tenant) -> None:
    assert free_units(tenant, "EXCHANGESTANDARD") >= 20
    assert free_units(tenant, "ENTERPRISEPACK") == 1


def test_every_mailbox_keeps_its_routing_address(tenant: Tenant) -> None:
    for each in tenant.users.values():
        if each.mailbox:
            assert any(address.endswith("@contoso.onmicrosoft.example") for address in each.proxy_addresses)


def test_synced_users_and_accounts_share_their_anchor(tenant: Tenant, entries: list[SeedEntry]) -> None:
    anchors = {
        base64.b64encode(value).decode(): entry.dn
        for entry in entries
        for value in entry.attributes.get("mS-DS-ConsistencyGuid", [])
        if isinstance(value, bytes)
    }
    synced = [each for each in tenant.users.values() if each.on_premises_sync_enabled]
    assert len(synced) == len(anchors) == 4
    for each in synced:
        assert anchors[each.on_premises_immutable_id or ""] == each.on_premises_distinguished_name


def test_no_two_users_share_an_address(tenant: Tenant) -> None:
    counted = Counter(address for each in tenant.users.values() for address in addresses(each))
    assert [address for address, count in counted.items() if count > 1] == []


def test_group_licenses_are_inherited(tenant: Tenant) -> None:
    (group,) = tenant.groups.values()
    assert [one_license.group_id for one_license in user(tenant, "juergen.gross").licenses] == [group.id]


def test_two_builds_have_the_same_ids_and_share_nothing(contoso: Scenario, tenant: Tenant) -> None:
    again = build_tenant(contoso)
    assert list(again.users) == list(tenant.users)
    assert [each.mailbox and each.mailbox.guid for each in again.users.values()] == [
        each.mailbox and each.mailbox.guid for each in tenant.users.values()
    ]
    next(iter(again.users.values())).proxy_addresses.append("smtp:x@contoso.example")
    again.switches["connect_scope"].append("OU=x")
    third = build_tenant(contoso)
    assert "OU=x" not in third.switches["connect_scope"]
    assert [each.proxy_addresses for each in third.users.values()] == [
        each.proxy_addresses for each in tenant.users.values()
    ]


def test_certificates_are_registered_when_given(contoso: Scenario) -> None:
    with_one = build_tenant(contoso, {"m365.hybrid automation": b"der"})
    (application,) = [each for each in with_one.applications.values() if each.display_name == "m365.hybrid automation"]
    assert [(credential.secret is None, credential.certificate) for credential in application.credentials] == [
        (False, None),
        (True, b"der"),
    ]


def test_rights_are_delegated_in_two_units_only(contoso: Scenario) -> None:
    _unused, delegations = directory_entries(contoso)
    assert [delegation.dn.partition(",")[0] for delegation in delegations] == [
        "OU=Mitarbeiter",
        "OU=Funktionspostfächer",
    ]
    assert {delegation.account for delegation in delegations} == {"svc-ansible"}


# --- mistakes in a file -----------------------------------------------------------------------------------------------


def changed(**sections: Any) -> dict[str, Any]:
    return {**deepcopy(MINIMAL), **sections}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "the file must be a mapping"),
        ({}, "the file: 'tenant' is missing"),
        (changed(usres=[]), "the file: unknown key 'usres' (known: tenant"),
        (changed(users={}), "the file.users: a list expected, not dict"),
        (changed(tenant={**MINIMAL["tenant"], "id": 5}), "tenant.id: text expected, not int"),
        (changed(tenant={**MINIMAL["tenant"], "initial_domain": "x"}), "tenant.initial_domain: no domain named 'x'"),
        (changed(skus=[{**MINIMAL["skus"][0], "enabled": True}]), "skus[0].enabled: a number expected, not bool"),
        (changed(skus=[{**MINIMAL["skus"][0], "plans": [{"id": "p"}]}]), "skus[0].plans[0]: 'name' is missing"),
        (changed(users=[None]), "users[0] must be a mapping"),
        (changed(job=["x"]), "job: no user named 'x'"),
        (
            changed(switches={}, directory={"users": [{"name": "x", "ou": "Y", "account": "x"}]}),
            "no organizational unit named 'Y'",
        ),
        (
            changed(directory={"delegations": [{"ou": "Y", "account": "x"}], "organizational_units": ["Y"]}),
            "directory.delegations[0]: no account named 'x'",
        ),
        (
            changed(
                directory={
                    "organizational_units": ["Y"],
                    "users": [{"name": "x", "ou": "Y", "account": "x", "enabled": True}],
                }
            ),
            "directory.users[0]: an enabled account needs a password",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(content: Any, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario_of(content)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mailbox": "shared"}, "a mailbox needs one address that begins with 'SMTP:'"),
        ({"mailbox": "public", "addresses": ["SMTP:a@b"]}, "no mailbox type named 'public'"),
        ({"licenses": ["E9"]}, "no SKU named 'E9'"),
        ({"roles": ["King"]}, "no role named 'King'"),
        ({"synced_with": "x"}, "no account 'x' with an anchor"),
        ({"formerly_synced": "x"}, "'x' is not a GUID"),
    ],
)
def test_a_mistake_in_a_user_is_named(given: dict[str, Any], said: str) -> None:
    users = [{"user_principal_name": "a@t.onmicrosoft.example", "display_name": "A", **given}]
    with pytest.raises(ScenarioError) as caught:
        scenario_of(changed(users=users))
    assert said in str(caught.value)
    assert "users[0]" in str(caught.value)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.yml: No such file or directory"):
        load(tmp_path / "none.yml")
    (tmp_path / "bad.yml").write_text("tenant: [")
    with pytest.raises(ScenarioError, match=r"bad\.yml: not a YAML file: .*line 1, column 10"):
        load(tmp_path / "bad.yml")
    (tmp_path / "bytes.yml").write_bytes(b"tenant: \xff\xfe")
    with pytest.raises(ScenarioError, match="not a YAML file"):
        load(tmp_path / "bytes.yml")
    (tmp_path / "good.yml").write_text(yaml.safe_dump(MINIMAL))
    assert load(tmp_path / "good.yml").directory == {}


# --- names ------------------------------------------------------------------------------------------------------------


def test_the_immutable_id_is_the_worked_example_of_the_documentation() -> None:
    assert immutable_id(uuid.UUID("11223344-5566-7788-99aa-bbccddeeff00")) == "RDMiEWZViHeZqrvM3e7/AA=="


@pytest.mark.parametrize(
    "name", ["Groß, Jürgen", "#1", " vorn", "hinten ", 'a+b"c\\d<e>f;g=h', "Einkauf Öle & Rohstoffe", " "]
)
def test_escaped_names_survive_being_read(name: str) -> None:
    dn = f"CN={escape_rdn(name)},{BASE_DN}"
    assert unescape(parse_dn_part(dn)) == name


def parse_dn_part(dn: str) -> str:
    """The first value of a DN, still escaped."""
    return dn.removesuffix(f",{BASE_DN}").removeprefix("CN=")


def test_units_are_written_outermost_first() -> None:
    assert parse_dn(unit_dn("Contoso/Süd, West")) == (("ou", "süd, west"), ("ou", "contoso"), *parse_dn(BASE_DN))


# --- generated tenants ------------------------------------------------------------------------------------------------


def test_ten_thousand_mailboxes_are_made_quickly_and_all_differ() -> None:
    begin = time.process_time()
    tenant = generate(10_000, seed=3)
    assert time.process_time() - begin < 5
    made = [each for each in tenant.users.values() if each.mailbox][-10_000:]
    counted = Counter(address for each in tenant.users.values() for address in addresses(each))
    assert counted.most_common(1)[0][1] == 1
    assert all(address.isascii() for address in counted)
    kinds = Counter(each.mailbox.type_details for each in made if each.mailbox)
    assert kinds == {"UserMailbox": 8000, "SharedMailbox": 1500, "RoomMailbox": 300, "EquipmentMailbox": 200}
    assert all(
        bool(each.licenses) is (each.mailbox is not None and each.mailbox.type_details == "UserMailbox")
        for each in made
    )
    assert min(free_units(tenant, name) for name in ("EXCHANGESTANDARD", "ENTERPRISEPACK")) > 0


def test_the_seed_alone_decides(contoso: Scenario) -> None:
    def names(tenant: Tenant) -> list[tuple[str, str, str]]:
        return [(each.id, each.user_principal_name, each.display_name) for each in tenant.users.values()]

    assert names(generate(50, 1)) == names(generate(50, 1, contoso))
    assert names(generate(50, 1)) != names(generate(50, 2))
    assert [made.local for made in mailboxes(30, 5)] == [made.local for made in mailboxes(60, 5)][:30]


def test_addresses_have_no_umlauts_and_no_accents() -> None:
    assert plain("Jürgen Łukasz-Çelik Yıldız Großé") == "juergen-lukasz-celik-yildiz-grosse"


def held_by(tenant: Tenant) -> dict[str, list[str]]:
    """The trustees of each mailbox."""
    return {key: [grant.trustee for grant in held] for key, held in tenant.exchange.mailbox_grants.items()}


def test_a_generated_tenant_has_permissions() -> None:
    tenant, twin = generate(400, seed=3), generate(400, seed=3)
    permit(tenant)
    permit(twin)
    grants = tenant.exchange.mailbox_grants
    assert held_by(tenant) == held_by(twin)
    assert 50 < len(grants) < 120
    trustees = {grant.trustee for held in grants.values() for grant in held}
    assert trustees & set(tenant.groups)
    assert trustees & set(tenant.users)
    assert trustees - set(tenant.groups) - set(tenant.users)
    assert any("GrantSendOnBehalfTo" in user.mailbox.extra for user in tenant.users.values() if user.mailbox)
