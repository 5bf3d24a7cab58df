# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditional Access where it is slow, where answers are lost, and many policies at once."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from contract_cases_access import BLOCKED, EMERGENCY, EVERYBODY, V4, located, place, policy_of
from contract_ground import COLLECTION, Ground
from contract_runners import forget, in_controller


def done(ground: Ground, module: str, **options: Any) -> dict[str, Any]:
    """One run in the controller, which may fail."""
    result: dict[str, Any] = in_controller(module, {**ground.cloud(), **options})
    forget()
    return result


def test_many_policies_at_one_request_a_second(ground: Ground) -> None:
    ground.control("POST", "switches", {"graph_conditional_access_seconds": 1})
    entries = [{"policy": f"Regel {number}"} for number in range(6)]
    options = {"include_users": ["all"], "include_applications": ["all"], "grant_controls": ["mfa"]}
    first = done(ground, "entra_conditional_access_policy", aggregate=entries, **options)
    assert not first.get("failed"), first["msg"]
    names = [one.display_name for one in ground.tenant.conditional_access_policies.values()]
    assert sorted(names) == sorted(entry["policy"] for entry in entries)
    asked = [entry for entry in ground.world.journal.entries if "conditionalAccess" in entry.path]
    turned_away = [entry for entry in asked if entry.status == 429]
    # 6 are made and seen, and each thread lists once; more than a few refusals would mean that nobody waits for his turn.
    assert len(asked) - len(turned_away) <= 2 * len(entries) + 8
    assert len(turned_away) <= 8
    again = done(ground, "entra_conditional_access_policy", aggregate=entries, **options)
    assert not again["changed"]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_policy_whose_answer_is_lost_is_made_once(ground: Ground, kind: str) -> None:
    located()(ground)
    ground.fault(kind, match={"service": "graph", "method": "POST", "path": "/conditionalAccess/policies"})
    options = {"policy": "Dienstkonten", **BLOCKED}
    first = done(ground, "entra_conditional_access_policy", wait_timeout=3, **options)
    assert ground.fired() == [1]
    assert bool(first.get("failed")) is (kind == "reset_before")
    if first.get("failed"):
        assert not done(ground, "entra_conditional_access_policy", **options).get("failed")
    assert not done(ground, "entra_conditional_access_policy", **options)["changed"]
    assert len(ground.tenant.conditional_access_policies) == 1


def test_two_policies_of_one_task_lock_out_together(ground: Ground) -> None:
    anna, workshop = EMERGENCY["break_glass_accounts"]
    options = {**EVERYBODY, **EMERGENCY, "concurrency": 1}
    entries = [
        {"policy": "Erste", "include_users": [anna]},
        {"policy": "Zweite", "include_users": [workshop]},
    ]
    result = in_controller("entra_conditional_access_policy", {**ground.cloud(), "aggregate": entries, **options}, True)
    forget()
    assert [bool(one.get("failed")) for one in result["results"]] == [False, True]
    assert "No break-glass account could get in any more" in result["results"][1]["msg"]
    assert "(Erste)" in result["results"][1]["msg"]


def guide(ground: Ground) -> list[tuple[str, dict[str, Any]]]:
    """The tasks of the guide to service accounts: module and options, for this tenant."""
    text = (COLLECTION / "docs" / "service_access.md").read_text(encoding="utf-8")
    (block,) = [part.split("```")[0] for part in text.split("```yaml")[1:] if "hosts: localhost" in part]
    (play,) = yaml.safe_load(block)
    tasks = []
    for task in play["tasks"]:
        ((name, options),) = [item for item in task.items() if item[0].startswith("m365.hybrid.")]
        if "sink" in options:
            options["sink"] = {"file": {"path": str(ground.sinks / "konto.yml"), "prefix": "password"}}
        if "break_glass_accounts" in options:
            options["break_glass_accounts"] = EMERGENCY["break_glass_accounts"]
        tasks.append((name.rpartition(".")[2], options))
    return tasks


def test_the_guide_does_what_it_says(ground: Ground) -> None:
    for changes in (True, False):
        for name, options in guide(ground):
            result = done(ground, name, **options)
            assert not result.get("failed"), result["msg"]
            assert result["changed"] is changes, name
    password = yaml.safe_load((ground.sinks / "konto.yml").read_text())["password"]
    asked = {"user": "svc-archive@contoso.example", "password": password}
    assert ground.control("POST", "password", asked)["works"]
    (policy,) = ground.tenant.conditional_access_policies.values()
    (group,) = [one for one in ground.tenant.groups.values() if one.unique_name == "service-accounts"]
    assert policy.conditions["users"]["includeGroups"] == [group.id]
    assert policy.conditions["locations"]["excludeLocations"] == [place(ground, "Data center").id]
    assert policy.state == "enabledForReportingButNotEnforced"


def test_a_trusted_location_loses_that_before_it_is_removed(ground: Ground) -> None:
    located(isTrusted=True)(ground)
    ground.world.journal.clear()
    result = done(ground, "entra_named_location", location="Büro", state="absent")
    assert not result.get("failed"), result["msg"]
    assert [write.split()[0] for write in ground.writes()] == ["PATCH", "DELETE"]


def test_where_replicas_lag(ground: Ground) -> None:
    ground.control("POST", "switches", {"graph_replica_lag": 3})
    made = done(ground, "entra_named_location", location="Büro", ip_ranges=["192.0.2.0/24"])
    assert not made.get("failed"), made["msg"]
    assert place(ground).properties["ipRanges"] == [{"@odata.type": V4, "cidrAddress": "192.0.2.0/24"}]
    result = done(ground, "entra_conditional_access_policy", policy="Dienstkonten", **BLOCKED)
    assert not result.get("failed"), result["msg"]
    assert policy_of(ground).conditions["locations"]["excludeLocations"] == [place(ground).id]


def test_without_the_permission(ground: Ground) -> None:
    for roles in ground.application.app_roles.values():
        if "Policy.ReadWrite.ConditionalAccess" in roles:
            roles.remove("Policy.ReadWrite.ConditionalAccess")
    result = done(ground, "entra_named_location", location="Büro", ip_ranges=["192.0.2.0/24"])
    assert "required scopes are missing in the token" in result["msg"]
    assert "Policy.ReadWrite.ConditionalAccess" in result["msg"]
