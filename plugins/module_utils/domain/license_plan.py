# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A user's licenses by the names of their SKUs and plans, and what Graph has to be told to change them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .licenses import direct_skus, find_sku, free_units, has_mailbox_plan, inherited_skus, mailbox_plans

Sku = Mapping[str, Any]

PROPERTIES = "id,userPrincipalName,usageLocation,licenseAssignmentStates,assignedPlans"


def part_number(skus: Iterable[Sku], sku_id: str) -> str:
    """The name of a SKU; its id where the tenant no longer has the subscription."""
    known = (str(sku["skuPartNumber"]) for sku in skus if str(sku["skuId"]).lower() == sku_id.lower())
    return next(known, sku_id)


def canonical(want: Mapping[str, Any], skus: list[Sku]) -> dict[str, Any]:
    """The options with every SKU and plan by its name, whichever way the user wrote it.

    Raises:
        ValueError: the tenant has no such SKU, or the SKU no such plan; the text lists what there is.
    """
    licenses = want["licenses"]
    disabled = want["disabled_plans"]
    return {
        **want,
        "licenses": licenses and {part: _part_numbers(skus, names) for part, names in licenses.items()},
        "disabled_plans": disabled
        and dict(_named_plans(find_sku(skus, sku), plans) for sku, plans in disabled.items()),
    }


def _part_numbers(skus: list[Sku], names: list[str] | None) -> list[str] | None:
    return None if names is None else [str(find_sku(skus, name)["skuPartNumber"]) for name in names]


def _named_plans(sku: Sku, wanted: list[str]) -> tuple[str, list[str]]:
    names = {str(plan["servicePlanId"]).lower(): str(plan["servicePlanName"]) for plan in sku["servicePlans"]}
    known = {name.lower(): name for name in names.values()} | names
    unknown = [plan for plan in wanted if plan.lower() not in known]
    if unknown:
        has = ", ".join(sorted(names.values()))
        raise ValueError(f"{sku['skuPartNumber']} has no plan {', '.join(unknown)}; it has {has}")
    return str(sku["skuPartNumber"]), [known[plan.lower()] for plan in wanted]


def state_of(user: Mapping[str, Any], skus: list[Sku]) -> dict[str, Any]:
    """The licenses of one user.

    Arguments:
        user: a Graph user with at least L(PROPERTIES).
        skus: the tenant's C(subscribedSkus).
    """
    states = user.get("licenseAssignmentStates") or []
    direct = {part_number(skus, sku): (sku, plans) for sku, plans in direct_skus(states).items()}
    return {
        "id": user["id"],
        "user_principal_name": user["userPrincipalName"],
        "usage_location": user.get("usageLocation"),
        "licenses": list(direct),
        "disabled_plans": {name: _plan_names(skus, sku, plans) for name, (sku, plans) in direct.items()},
        "inherited": {part_number(skus, sku): groups for sku, groups in inherited_skus(states).items()},
        "exchange_ready": has_mailbox_plan(user.get("assignedPlans") or []),
    }


def _plan_names(skus: Iterable[Sku], sku_id: str, plans: list[str]) -> list[str]:
    names = {
        str(plan["servicePlanId"]).lower(): str(plan["servicePlanName"])
        for sku in skus
        if str(sku["skuId"]).lower() == sku_id.lower()
        for plan in sku["servicePlans"]
    }
    return [names.get(plan, plan) for plan in plans]


def plans_of(wanted: Mapping[str, Any] | None, before: Mapping[str, Any], licenses: list[str]) -> dict[str, Any]:
    """The disabled plans that go with licenses: those asked for, else those that are there, else none.

    A wish for a license that will not be there stays in, for L(obstacle) to refuse.
    """
    held = {name.lower(): plans for name, plans in before.items()}
    return {name: held.get(name.lower(), []) for name in licenses} | dict(wanted or {})


def free_of_all(skus: Iterable[Sku]) -> dict[str, int]:
    """How many more users each SKU can be assigned to."""
    return {str(sku["skuPartNumber"]): free_units(sku) for sku in skus}


def obstacle(after: Mapping[str, Any], added: list[str], wait_for_exchange: bool, skus: list[Sku]) -> str:
    """Why the licenses cannot be so, with what to do; empty when they can."""
    if added and not after["usage_location"]:
        return "A license needs a usage location, and the user has none. Set usage_location."
    strangers = sorted(set(after["disabled_plans"]) - set(after["licenses"]))
    if strangers:
        return f"disabled_plans names {', '.join(strangers)}, which the user does not have and would not get."
    mine = [*after["licenses"], *after["inherited"]]
    if wait_for_exchange and not any(_gives_mailbox(sku, after) for sku in skus if sku["skuPartNumber"] in mine):
        return f"None of the user's licenses ({', '.join(mine) or 'none'}) has an Exchange plan that is not disabled."
    return ""


def _gives_mailbox(sku: Sku, after: Mapping[str, Any]) -> bool:
    disabled = {name.lower() for name in after["disabled_plans"].get(sku["skuPartNumber"], [])}
    return any(plan.lower() not in disabled for plan in mailbox_plans(sku))


def assignment(
    before: Mapping[str, Any], after: Mapping[str, Any], added: list[str], removed: list[str], skus: list[Sku]
) -> dict[str, Any]:
    """The body of Graph's assignLicense, everything in one call: parallel calls for one user refuse each other.

    A SKU whose disabled plans change is added again, which replaces its list (Microsoft Graph, user: assignLicense).
    """
    changed = [
        name
        for name in after["licenses"]
        if name not in added
        and set(after["disabled_plans"].get(name, [])) != set(before["disabled_plans"].get(name, []))
    ]
    return {
        "addLicenses": [
            _added(find_sku(skus, name), after["disabled_plans"].get(name, [])) for name in [*added, *changed]
        ],
        "removeLicenses": [str(find_sku(skus, name)["skuId"]) for name in removed],
    }


def _added(sku: Sku, disabled: list[str]) -> dict[str, Any]:
    ids = {str(plan["servicePlanName"]): str(plan["servicePlanId"]) for plan in sku["servicePlans"]}
    return {"skuId": str(sku["skuId"]), "disabledPlans": [ids.get(name, name) for name in disabled]}


def checked_usage_location(text: str) -> str:
    """A country by its two letters. Raises ValueError where it is something else."""
    if len(text) != 2 or not (text.isascii() and text.isalpha()):
        raise ValueError(f"{text!r} is no country of two letters, such as DE")
    return text.upper()


def checked_plans(disabled: Mapping[str, Any]) -> dict[str, list[str]]:
    """Disabled plans by SKU. Raises ValueError where a SKU has anything but a list of names."""
    for sku, plans in disabled.items():
        if not isinstance(plans, list) or not all(isinstance(plan, str) for plan in plans):
            raise ValueError(f"{sku}: give a list of the names of its service plans")
    return dict(disabled)
