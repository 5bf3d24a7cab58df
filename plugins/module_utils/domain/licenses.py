# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What licenses are worth: which give a mailbox, how many are free, whether the mailbox's plan has been provisioned.

Source of the identifiers: Microsoft Learn, "Product names and service plan identifiers for licensing"; of the fields:
Microsoft Graph v1.0, C(subscribedSku), C(assignedPlan) and C(licenseAssignmentState).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

# Service plans that come with a mailbox. EXCHANGE_S_FOUNDATION and EXCHANGE_S_ARCHIVE_ADDON do not.
MAILBOX_PLANS: Mapping[str, str] = {
    "9aaf7827-d63c-4b61-89c3-182f06f82e5c": "EXCHANGE_S_STANDARD",
    "efb87545-963c-4e0d-99df-69c6916d9eb0": "EXCHANGE_S_ENTERPRISE",
    "4a82b400-a79f-41a4-b4e2-e94f5787b113": "EXCHANGE_S_DESKLESS",
    "1126bef5-da20-4f07-b45e-ad25d2581aa8": "EXCHANGE_S_ESSENTIALS",
    "e9b4930a-925f-45e2-ac2a-3f7788ca6fdd": "EXCHANGE_S_STANDARD_GOV",
    "8c3069c0-ccdb-44be-ab77-986203a67df2": "EXCHANGE_S_ENTERPRISE_GOV",
    "fc52cc4b-ed7d-472d-bbe7-b081c23ecc56": "EXCHANGE_S_STANDARD_MIDMARKET",
    "90927877-dcff-4af6-b346-2332c0b15bb7": "EXCHANGE_B_STANDARD",
    "d42bdbd6-c335-4231-ab3d-c8f348d5aff5": "EXCHANGE_L_STANDARD",
}
# Plans of the same kind whose identifier is not published; a SKU names its plans.
_MAILBOX_PLAN_NAMES = frozenset({*MAILBOX_PLANS.values(), "EXCHANGE_S_DESKLESS_GOV", "EXCHANGE_S_ESSENTIALS_GOV"})
# "Warning" is the time of grace after a subscription has ended; the service still works.
USABLE = frozenset({"Enabled", "Warning"})
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_mailbox_plan(plan: Mapping[str, Any]) -> bool:
    """Whether a service plan (C(servicePlanId), perhaps C(servicePlanName)) comes with a mailbox."""
    by_id = str(plan.get("servicePlanId") or "").lower() in MAILBOX_PLANS
    return by_id or str(plan.get("servicePlanName") or "").upper() in _MAILBOX_PLAN_NAMES


def mailbox_plans(sku: Mapping[str, Any], disabled_plans: Collection[str] = ()) -> list[str]:
    """The names of the plans of a C(subscribedSku) that come with a mailbox and are not disabled (ids)."""
    disabled = {plan.lower() for plan in disabled_plans}
    return [
        str(plan["servicePlanName"])
        for plan in sku.get("servicePlans") or ()
        if is_mailbox_plan(plan) and str(plan["servicePlanId"]).lower() not in disabled
    ]


def free_units(sku: Mapping[str, Any]) -> int:
    """How many more users can have a C(subscribedSku): enabled and grace units less the consumed ones, at least 0.

    None can be had of a subscription that is suspended, locked out or deleted.
    """
    if sku.get("capabilityStatus") not in USABLE:
        return 0
    prepaid = sku.get("prepaidUnits") or {}
    owned = int(prepaid.get("enabled") or 0) + int(prepaid.get("warning") or 0)
    return max(0, owned - int(sku.get("consumedUnits") or 0))


def find_sku(skus: Iterable[Mapping[str, Any]], wanted: str) -> Mapping[str, Any]:
    """The C(subscribedSku) by its part number (C(SPE_E3)) or its GUID, in any letter case.

    Raises:
        ValueError: the tenant has no such SKU; the text lists what it has.
    """
    known = list(skus)
    name = "skuId" if _GUID.fullmatch(wanted) else "skuPartNumber"
    for sku in known:
        if str(sku[name]).lower() == wanted.lower():
            return sku
    has = ", ".join(sorted(str(sku["skuPartNumber"]) for sku in known)) or "none at all"
    raise ValueError(f"the tenant has no license {wanted!r}; it has {has}")


def has_mailbox_plan(assigned_plans: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a user's C(assignedPlans) say that a plan with a mailbox is provisioned and works."""
    return any(is_mailbox_plan(plan) and plan.get("capabilityStatus") in USABLE for plan in assigned_plans)


def inherited_skus(states: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """SKU ids that a user has through groups, with the ids of the groups, from C(licenseAssignmentStates)."""
    found: dict[str, list[str]] = {}
    for state in states:
        if state.get("assignedByGroup"):
            found.setdefault(str(state["skuId"]).lower(), []).append(str(state["assignedByGroup"]))
    return found


def direct_skus(states: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """SKU ids assigned to the user itself, with the ids of the disabled plans, from C(licenseAssignmentStates)."""
    return {
        str(state["skuId"]).lower(): [str(plan).lower() for plan in state.get("disabledPlans") or ()]
        for state in states
        if not state.get("assignedByGroup")
    }
