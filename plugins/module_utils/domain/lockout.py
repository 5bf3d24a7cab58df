# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a Conditional Access policy locks an account out.

What is known: who is meant (users, groups with the groups in them, roles that are active), which applications, client
apps and locations, and that C(block) lets nobody in. What is not known: from where somebody signs in, how a risk will be
judged, and whether somebody can satisfy another control. So an enabled policy that blocks all applications or the
administration portals everywhere, or everywhere but from some locations, locks out; all else perhaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LOCKED, PERHAPS, OPEN = "locked out", "perhaps", ""
_ALL, _PORTALS, _AZURE = "All", "MicrosoftAdminPortals", "797f4846-ba00-4fd7-ba43-dac1f8f63013"
_MODERN = {"all", "browser", "mobileAppsAndDesktopClients"}
# Conditions that leave out some sign-ins; which ones, nobody can say before.
_NARROWING = ("platforms", "devices", "userRiskLevels", "signInRiskLevels", "insiderRiskLevels", "authenticationFlows")


@dataclass(frozen=True)
class Account:
    """Who might be locked out.

    Arguments:
        name: for messages.
        id: of the user, or of the service principal.
        groups: the ids of all groups that hold it, by other groups too.
        roles: the template ids of the roles that it holds.
        enabled: it may sign in at all.
        application: it is a service principal, which only policies for workload identities are about.
    """

    name: str
    id: str
    groups: frozenset[str] = field(default=frozenset())
    roles: frozenset[str] = field(default=frozenset())
    enabled: bool = True
    application: bool = False


def meets(policy: Mapping[str, Any], account: Account) -> bool:
    """Whether a policy is about an account."""
    conditions = policy.get("conditions") or {}
    if account.application:
        workloads = conditions.get("clientApplications") or {}
        included = {account.id, "ServicePrincipalsInMyTenant"} & set(workloads.get("includeServicePrincipals") or ())
        return bool(included) and account.id not in (workloads.get("excludeServicePrincipals") or ())
    users = conditions.get("users") or {}
    return _named(users, "include", account) and not _named(users, "exclude", account)


def _named(users: Mapping[str, Any], way: str, account: Account) -> bool:
    names = set(users.get(f"{way}Users") or ())
    return bool(
        {account.id, _ALL} & names
        or account.groups & set(users.get(f"{way}Groups") or ())
        or account.roles & set(users.get(f"{way}Roles") or ())
    )


def effect(policy: Mapping[str, Any], account: Account) -> str:
    """What a policy does to an account: LOCKED, PERHAPS or OPEN."""
    if policy.get("state") != "enabled" or not meets(policy, account) or not _reaches(policy):
        return OPEN
    conditions = policy.get("conditions") or {}
    controls = (policy.get("grantControls") or {}).get("builtInControls") or ()
    if "block" not in controls:
        return PERHAPS if controls else OPEN
    places = (conditions.get("locations") or {}).get("includeLocations")
    everywhere = not places or _ALL in places
    return LOCKED if everywhere and not any(conditions.get(name) for name in _NARROWING) else PERHAPS


def _reaches(policy: Mapping[str, Any]) -> bool:
    """Whether a policy is about what administrators sign in to, with client apps that they use."""
    conditions = policy.get("conditions") or {}
    applications = (conditions.get("applications") or {}).get("includeApplications") or ()
    kinds = conditions.get("clientAppTypes") or _MODERN
    return bool({_ALL, _PORTALS, _AZURE} & set(applications)) and bool(_MODERN & set(kinds))


def objection(
    policy: Mapping[str, Any], others: Sequence[Mapping[str, Any]], own: Account | None, emergency: Sequence[Account]
) -> str:
    """Why a policy must not be enabled; empty when it may be.

    Arguments:
        policy: as it would be.
        others: all other policies.
        own: who the run is signed in as, None where no policy is about it.
        emergency: the break-glass accounts; one of them has to get in.
    """
    if own and effect(policy, own) == LOCKED:
        return f"It would lock out {own.name}, which this run is signed in with. Exclude it, or leave the policy in report_only."
    touched = [one for one in emergency if effect(policy, one) == LOCKED]
    if not touched or any(one.enabled and not _locked(one, [policy, *others]) for one in emergency):
        return ""
    reasons = [
        f"{one.name} ({'disabled' if not one.enabled else ', '.join(_locked(one, [policy, *others]))})"
        for one in emergency
    ]
    return (
        f"No break-glass account could get in any more: {'; '.join(reasons)}. Exclude at least one of them, or leave the "
        "policy in report_only."
    )


def _locked(account: Account, policies: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({str(one["displayName"]) for one in policies if effect(one, account) == LOCKED})


def doubts(policy: Mapping[str, Any], own: Account | None, emergency: Sequence[Account]) -> list[str]:
    """What a person should know of an enabled policy that is not refused."""
    name = policy["displayName"]
    said = []
    for one in [*([own] if own else []), *emergency]:
        if effect(policy, one) == PERHAPS:
            said.append(f"The policy {name} is about {one.name}; whether that can meet its conditions is not known.")
        elif effect(policy, one) == LOCKED:
            said.append(f"The policy {name} locks out the break-glass account {one.name}; another one still gets in.")
    return said
