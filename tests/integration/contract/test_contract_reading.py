# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only reads: the guard of check mode, waiting for the synchronization, and what blocks an onboarding."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from contract_cases_hybrid import joined, pending, stale, synchronized
from contract_ground import CASES_OU, ONE, STOCK, Ground
from contract_runners import in_controller

from ansible_collections.m365.hybrid.plugins.module_utils.clients.directory import Directory, Modification
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import WriteRefused
from ansible_collections.m365.hybrid.plugins.module_utils.clients.exchange import Exchange
from ansible_collections.m365.hybrid.plugins.module_utils.clients.graph import Graph
from ansible_collections.m365.hybrid.plugins.modules import mailbox_type

NEVER = {"user": "info@contoso.example", "attributes": ["displayName"]}
Prepare = Callable[[Ground], Any]


def options(ground: Ground) -> dict[str, Any]:
    """Everything to sign in to all services."""
    return {**ground.cloud(), **ground.directory()}


def test_a_module_that_writes_in_check_mode_is_stopped_by_the_connection(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(clients: Any, change: Any) -> None:
        mailbox_type.apply(clients, change)

    monkeypatch.setattr(mailbox_type, "preflight", careless)
    with pytest.raises(WriteRefused, match="Set-Mailbox is a write"):
        in_controller("mailbox_type", {**ground.cloud(), "mailbox": "info@contoso.example", "type": "room"}, True)
    assert ground.writes() == []


@pytest.mark.parametrize(
    "write",
    [
        lambda graph, exchange, directory: graph.update("/users/x", {"usageLocation": "DE"}),
        lambda graph, exchange, directory: graph.create("/users", {}),
        lambda graph, exchange, directory: graph.delete("/users/x"),
        lambda graph, exchange, directory: graph.action("/users/x/assignLicense", {}),
        lambda graph, exchange, directory: exchange.command("Set-Mailbox", Identity="info", Type="Room"),
        lambda graph, exchange, directory: exchange.command("enable-mailbox", Identity="info"),
        lambda graph, exchange, directory: directory.add(f"CN=x,{ONE}", {"objectClass": ["contact"]}),
        lambda graph, exchange, directory: directory.modify(ONE, [Modification("replace", "description", ["x"])]),
        lambda graph, exchange, directory: directory.move(f"CN=x,{ONE}", "CN=y"),
        lambda graph, exchange, directory: directory.delete(f"CN=x,{ONE}"),
    ],
)
def test_a_connection_for_reading_refuses_every_write(ground: Ground, write: Callable[..., Any]) -> None:
    values = {name: rule.get("default") for client in (Exchange, Directory) for name, rule in client.OPTIONS.items()}
    clients = [kind({**values, **options(ground)}, True) for kind in (Graph, Exchange, Directory)]
    before = ground.directory_state()
    with pytest.raises(WriteRefused):
        write(*clients)
    assert ground.requests() == []
    assert ground.directory_state() == before
    for client in clients:
        client.close()


# The synchronization


def sync(ground: Ground, wish: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Run directory_sync in the controller."""
    return in_controller("directory_sync", {**options(ground), **wish}, check_mode)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (pending, ["the user is not mastered by Active Directory", "the address smtp:neu@contoso.example is missing",
                   "The user has not been joined with the account", "before the change"]),
        (stale, ["displayName is 'Auskunft' in place of 'Neue Auskunft'", "The last synchronization was at "]),
        (lambda ground: ground.add_account("info", {"proxyAddresses": ["SMTP:info@fremd.example"]}),
         ["the address SMTP:info@fremd.example is missing", "The domain fremd.example is not verified in the tenant"]),
        (lambda ground: ground.add_account("info", upn="nirgends@contoso.example"),
         ["there is no user for nirgends@contoso.example"]),
        (lambda ground: joined(ground) and ground.modify(
            f"CN=anna,{ONE}", userPrincipalName=["info@contoso.example"], sAMAccountName=["info"],
            mS_DS_ConsistencyGuid=[uuid.UUID(int=9).bytes_le]),
         ["The user belongs to another object of Active Directory"]),
        (lambda ground: (pending(ground), setattr(ground.tenant, "sync_enabled", None)),
         ["The tenant does not synchroni"]),
    ],
)  # fmt: skip
def test_what_has_not_arrived_is_named_with_what_the_tenant_says(
    ground: Ground, prepare: Prepare, said: list[str]
) -> None:
    prepare(ground)
    planned = sync(ground, {"user": "info"}, True)
    looked = sync(ground, {"user": "info", "wait_timeout": 0})
    late = sync(ground, {"user": "info", "wait_timeout": 0.2})
    assert planned["resource"] == looked["resource"] == late["resource"]
    assert not planned.get("failed")
    assert not looked.get("failed")
    assert late["msg"].startswith("user=info: Not there after 0.2 s. Missing: ")
    assert looked["resource"]["arrived"] is False
    for words in said:
        assert words in looked["resource"]["explanation"]
        assert words in late["msg"]
    assert ground.writes() == []
    assert (planned["changed"], looked["changed"], late["changed"]) == (False, False, False)


def test_what_the_synchronization_refused_is_told(ground: Ground) -> None:
    ground.add_account("info", {"proxyAddresses": ["SMTP:info@contoso.example", "smtp:kontakt@contoso.example"]})
    ground.user("archiv").proxy_addresses.append("smtp:kontakt@contoso.example")
    ground.sync()
    result = sync(ground, {"user": "info", "wait_timeout": 0.2})
    assert "Not there after 0.2 s" in result.get("msg", "") or result["resource"]["arrived"]


def test_a_cycle_is_waited_for_without_asking_the_directory(ground: Ground) -> None:
    wish, cycle = ground.cloud(), "directory_sync_cycle"
    before = in_controller(cycle, wish)["resource"]
    assert before["arrived"]
    after = {"after": before["last_cycle"]}
    planned = in_controller(cycle, {**wish, **after}, True)
    assert (planned["resource"]["arrived"], planned.get("failed")) == (False, None)
    late = in_controller(cycle, {**wish, **after, "wait_timeout": 0.2})
    assert f"No cycle has ended since {before['last_cycle']}" in late["msg"]
    assert "The last synchronization was at" in late["msg"]
    ground.tenant.clock.advance(1)
    ground.sync()
    seen = in_controller(cycle, {**wish, **after})["resource"]
    assert seen["arrived"]
    assert seen["last_cycle"] > before["last_cycle"]


def test_an_account_that_is_not_there_is_no_arrival(ground: Ground) -> None:
    result = sync(ground, {"user": "niemand", "wait_timeout": 0.2})
    assert result["msg"] == "user=niemand: Not there after 0.2 s. There is no such account."
    assert result["resource"] is None


def test_it_waits_until_the_cycle_has_run(ground: Ground) -> None:
    pending(ground)
    cycle = threading.Timer(0.3, ground.sync)
    cycle.start()
    result = sync(ground, {"user": "info", "wait_timeout": 20})
    cycle.join()
    assert not result.get("failed"), result["msg"]
    assert result["resource"]["arrived"] is True
    assert result["changed"] is False


def test_many_are_waited_for_in_one_poll_and_one_budget(ground: Ground) -> None:
    synchronized(ground)
    names = [f"neu{number}" for number in range(5)]
    for name in names:
        ground.add_account(name)
    ground.world.journal.clear()
    entries = [{"user": name} for name in ("info", *names)]
    result = sync(ground, {"wait_timeout": 0.2, "aggregate": entries})
    assert result["msg"].startswith("5 of 6 failed. ")
    assert [entry.get("failed", False) for entry in result["results"]] == [False, *[True] * 5]
    looks = [request for request in ground.requests("graph") if "$batch" in request]
    assert 1 <= len(looks) <= 3, "each look is one batch, however many accounts there are"


# What blocks an onboarding


def facts(ground: Ground, mailbox: str, **wish: Any) -> dict[str, Any]:
    """What mailbox_onboarding_info finds about a mailbox."""
    defaults = {"license": "EXCHANGESTANDARD", "ou": ONE}
    result = in_controller("mailbox_onboarding_info", {**options(ground), **defaults, "mailbox": mailbox, **wish})
    assert not result.get("failed"), result["msg"]
    resource: dict[str, Any] = result["resource"]
    return resource


def no_seat(ground: Ground) -> None:
    """The license is used up."""
    ground.tenant.skus["4b9405b0-7788-4568-add1-99614e613b69"].enabled = 3


def graph_refuses(path: str) -> Prepare:
    """Graph answers 403 on a path."""
    return lambda ground: ground.fault("status", status=403, times=None, match={"service": "graph", "path": path})


BLOCKERS: list[tuple[str, Prepare, list[str]]] = [
    ("service@contoso.example", lambda _unused: None, [f"CN=Alter Kontakt,{STOCK} in Active Directory has its user principal name"]),
    ("messe@contoso.example", lambda _unused: None, ["domains that the tenant has not verified: fremd.example"]),
    ("it@contoso.example", lambda _unused: None, ["Entra roles (Helpdesk Administrator)"]),
    ("qualitaet@contoso.example", lambda _unused: None, ["has the immutable id "]),
    ("lager@contoso.example", lambda _unused: None, ["synchronized from Active Directory already"]),
    ("raum@contoso.example", lambda _unused: None, ["Its mailbox type is room, not shared."]),
    ("wolke@contoso.onmicrosoft.example", lambda _unused: None,
     ["is not in a verified domain of your own", "Its primary address is in the cloud's own domain"]),
    ("info@contoso.example", no_seat, ["No unit of the license is free"]),
    ("info@contoso.example", lambda ground: ground.add_account("x", upn="info@contoso.example"),
     [f"CN=x,{ONE} in Active Directory has its user principal name"]),
    ("info@contoso.example", graph_refuses("transitiveMemberOf"), ["Unknown, so nothing is done: the Entra roles"]),
    ("info@contoso.example", graph_refuses("/domains"), ["Unknown, so nothing is done: the tenant's domains"]),
    ("info@contoso.example", graph_refuses("/subscribedSkus"), ["Unknown, so nothing is done: the free licenses"]),
]  # fmt: skip


@pytest.mark.parametrize(("mailbox", "prepare", "said"), BLOCKERS)
def test_a_blocker_is_named(ground: Ground, mailbox: str, prepare: Prepare, said: list[str]) -> None:
    prepare(ground)
    found = facts(ground, mailbox)
    assert found["stage"] == "blocked"
    for words in said:
        assert any(words in blocker for blocker in found["blockers"])
    assert ground.writes() == []


def test_nothing_in_the_way(ground: Ground) -> None:
    found = facts(ground, "info@contoso.example")
    assert (found["stage"], found["blockers"]) == ("ready", [])
    assert "blockSoftMatchEnabled" in found["unknown"][0]
    assert "contoso.example is managed" in found["sign_in"]
    assert found["directory_addresses"] == ["SMTP:info@contoso.example", "smtp:kontakt@contoso.example"]


def test_a_federated_domain_is_said(ground: Ground) -> None:
    assert "partner.example is federated" in facts(ground, "dispo@partner.example")["sign_in"]


def test_the_unreachable_directory_is_unknown_and_blocks(ground: Ground) -> None:
    closed = f"{ground.samba.address}:1"
    found = facts(ground, "info@contoso.example", directory_server=closed, directory_global_catalog=closed)
    assert any("its account in Active Directory" in blocker for blocker in found["blockers"])
    assert any("who owns its addresses" in blocker for blocker in found["blockers"])


def test_free_licenses_are_promised_once(ground: Ground) -> None:
    ground.tenant.skus["4b9405b0-7788-4568-add1-99614e613b69"].enabled = 4
    entries = [
        {"mailbox": name} for name in ("info@contoso.example", "dispo@partner.example", "vertrieb@contoso.example")
    ]
    wish = {"license": "EXCHANGESTANDARD", "ou": CASES_OU, "aggregate": entries, "concurrency": 1}
    result = in_controller("mailbox_onboarding_info", {**options(ground), **wish})
    assert [len(found["blockers"]) for found in result["resource"]] == [0, 1, 0]
