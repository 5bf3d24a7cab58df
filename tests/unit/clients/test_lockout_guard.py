# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard against locking out where many policies are changed at a time, and what a policy is written from."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients import conditional_access, members
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.core.lifecycle import Clients
from ansible_collections.m365.hybrid.plugins.module_utils.domain import conditional_access as shape
from ansible_collections.m365.hybrid.plugins.module_utils.domain import lockout
from ansible_collections.m365.hybrid.plugins.module_utils.domain.lockout import Account

ACCOUNTS = ("eins@contoso.example", "zwei@contoso.example")


@pytest.fixture
def services() -> Clients:
    """The clients of a task that knows two break-glass accounts."""
    clients = Clients(graph=SimpleNamespace(warnings=[]))
    clients.once("own account", lambda: None)
    for name in ACCOUNTS:
        members.label(clients, name, name, "users")
        clients.once(("account", name), lambda name=name: Account(name, name))
    return clients


def blocking(name: str, **more: Any) -> dict[str, Any]:
    """The state of an enabled policy that blocks an account."""
    asked = {"include_users": [name], "include_applications": ["all"], "grant_controls": ["block"], "mode": "enabled"}
    return shape.goal(asked, {"policy": f"Sperre {name}"}) | more


def objection(services: Clients, after: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    """What is said against a policy."""
    return conditional_access.objection(services, {"break_glass_accounts": ACCOUNTS}, before, after)


def test_two_policies_at_the_same_moment_do_not_lock_out_together(
    services: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, decide = threading.Barrier(2), lockout.objection

    def slowly(*facts: Any) -> str:
        said = decide(*facts)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        return said

    monkeypatch.setattr(lockout, "objection", slowly)
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda name: objection(services, blocking(name)), ACCOUNTS))
    assert sorted(map(bool, said)) == [False, True]


def test_another_policy_of_the_same_name_counts(services: Clients) -> None:
    own, other = (blocking(name, id=name, display_name="Sperre") for name in ACCOUNTS)
    rows = [
        {"id": ACCOUNTS[1], **shape.wire(other, {}, lambda _noun, name: name)},
        {"id": ACCOUNTS[0], "displayName": "Sperre"},
    ]
    services.once("policies", dict)["rows"] = rows
    assert "No break-glass account could get in" in objection(services, own, own)


def test_a_policy_that_is_not_listed_any_more_is_not_written_without_its_other_parts(services: Clients) -> None:
    state = blocking(ACCOUNTS[0], id="weg")
    services.once("policies", dict)["rows"] = []
    with pytest.raises(ServiceError, match="Sperre"):
        conditional_access.planned(services, state, state)


@pytest.mark.parametrize(("noun", "name"), [("applications", "all"), ("locations", "All_Trusted"), ("users", "none")])
def test_an_object_that_is_called_like_a_word_is_shown_by_its_id(services: Clients, noun: str, name: str) -> None:
    row = {"id": "4711", "appId": "4711", "displayName": name}
    shown = conditional_access._labelled(services, noun, row)
    assert shown == "4711"
    state = blocking(ACCOUNTS[0], **{f"exclude_{noun}": [shown]})
    told = shape.wire(state, {}, lambda kind, one: members.id_of(services, one, kind))
    group, part, _noun = shape.PARTS[f"exclude_{noun}"]
    assert told["conditions"][group][part] == ["4711"]
