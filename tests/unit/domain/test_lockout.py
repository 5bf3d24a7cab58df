# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is locked out by a policy, who perhaps, and who is not."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.domain import lockout
from ansible_collections.m365.hybrid.plugins.module_utils.domain.lockout import LOCKED, OPEN, PERHAPS, Account

ANNA = Account("anna", "id-a", frozenset({"group-a"}), frozenset({"role-a"}))
BEN = Account("ben", "id-b")
APP = Account("the application x", "sp-x", application=True)


def policy(
    name: str = "rule", state: str = "enabled", controls: tuple[str, ...] = ("block",), **conditions: Any
) -> Any:
    """A policy that blocks everybody from everything, changed by conditions."""
    whole = {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}, **conditions}
    return {
        "displayName": name,
        "state": state,
        "conditions": whole,
        "grantControls": {"builtInControls": list(controls)},
    }


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        ({}, LOCKED),
        ({"state": "disabled"}, OPEN),
        ({"state": "enabledForReportingButNotEnforced"}, OPEN),
        ({"controls": ("mfa",)}, PERHAPS),
        ({"controls": ()}, OPEN),
        ({"users": {"includeUsers": ["id-b"]}}, OPEN),
        ({"users": {"includeUsers": ["id-a"]}}, LOCKED),
        ({"users": {"includeGroups": ["group-a"]}}, LOCKED),
        ({"users": {"includeRoles": ["role-a"]}}, LOCKED),
        ({"users": {"includeUsers": ["All"], "excludeUsers": ["id-a"]}}, OPEN),
        ({"users": {"includeUsers": ["All"], "excludeGroups": ["group-a"]}}, OPEN),
        ({"users": {"includeUsers": ["All"], "excludeRoles": ["role-a"]}}, OPEN),
        ({"users": {"includeUsers": ["None"]}}, OPEN),
        ({"applications": {"includeApplications": ["some-app"]}}, OPEN),
        ({"applications": {"includeApplications": ["MicrosoftAdminPortals"]}}, LOCKED),
        ({"applications": {"includeApplications": ["Office365"]}}, OPEN),
        ({"applications": {"includeUserActions": ["urn:user:registersecurityinfo"]}}, OPEN),
        ({"clientAppTypes": ["exchangeActiveSync", "other"]}, OPEN),
        ({"clientAppTypes": ["browser"]}, LOCKED),
        ({"locations": {"includeLocations": ["All"], "excludeLocations": ["office"]}}, LOCKED),
        ({"locations": {"includeLocations": ["abroad"]}}, PERHAPS),
        ({"locations": None}, LOCKED),
        ({"platforms": {"includePlatforms": ["linux"]}}, PERHAPS),
        ({"signInRiskLevels": ["high"]}, PERHAPS),
        ({"signInRiskLevels": []}, LOCKED),
    ],
)
def test_what_a_policy_does_to_an_account(change: dict[str, Any], effect: str) -> None:
    assert lockout.effect(policy(**change), ANNA) == effect


@pytest.mark.parametrize(
    ("workloads", "effect"),
    [
        (None, OPEN),
        ({"includeServicePrincipals": ["sp-x"]}, LOCKED),
        ({"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]}, LOCKED),
        ({"includeServicePrincipals": ["ServicePrincipalsInMyTenant"], "excludeServicePrincipals": ["sp-x"]}, OPEN),
        ({"includeServicePrincipals": ["sp-y"]}, OPEN),
    ],
)
def test_only_policies_for_workloads_are_about_an_application(workloads: Any, effect: str) -> None:
    assert lockout.effect(policy(clientApplications=workloads), APP) == effect


ONLY_ANNA, ONLY_BEN = {"users": {"includeUsers": ["id-a"]}}, {"users": {"includeUsers": ["id-b"]}}


@pytest.mark.parametrize(
    ("new", "others", "emergency", "refused"),
    [
        (policy(), [], [], False),
        (policy(), [], [ANNA, BEN], True),
        (policy(**ONLY_ANNA), [], [ANNA, BEN], False),
        (policy(**ONLY_ANNA), [], [ANNA], True),
        (policy(**ONLY_ANNA), [policy("other", **ONLY_BEN)], [ANNA, BEN], True),
        (policy(**ONLY_ANNA), [policy("other", state="disabled", **ONLY_BEN)], [ANNA, BEN], False),
        (policy(**ONLY_ANNA), [], [ANNA, Account("ben", "id-b", enabled=False)], True),
        # Both were locked out before; this policy has nothing to do with it.
        (policy(controls=("mfa",)), [policy("other")], [ANNA, BEN], False),
    ],
)
def test_one_break_glass_account_gets_in(new: Any, others: list[Any], emergency: list[Account], refused: bool) -> None:
    assert bool(lockout.objection(new, others, None, emergency)) is refused


def test_who_runs_it_gets_in() -> None:
    assert "lock out anna" in lockout.objection(policy(), [], ANNA, [])
    assert not lockout.objection(policy(), [], APP, [])
    assert not lockout.objection(policy(**ONLY_BEN), [], ANNA, [])


def test_doubts_are_said() -> None:
    assert lockout.doubts(policy(controls=("mfa",)), ANNA, []) != []
    assert "locks out the break-glass account anna" in lockout.doubts(policy(**ONLY_ANNA), None, [ANNA, BEN])[0]
    assert lockout.doubts(policy(**ONLY_ANNA), None, [BEN]) == []
