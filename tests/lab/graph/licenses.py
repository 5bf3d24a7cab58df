# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Licenses: assignLicense, licenseDetails and subscribedSkus.

Source: the "user: assignLicense", "List licenseDetails" and "List subscribedSkus" pages of the Graph reference; the
refusals as the service words them.
"""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime
from typing import Any

from ..state import License, Sku, Tenant, User
from .call import Answer, Call
from .errors import GraphError, missing, refused, syntax, unknown_property, wrong_type
from .provisioning import enabled_plans, licenses_changed, plan_status
from .resource import Property, Resource, attribute, constant
from .schema import USER
from .users import changed, real, seen

_PARAMETERS = ("addLicenses", "removeLicenses")


def assign_license(call: Call) -> Answer:
    """POST /users/{id}/assignLicense: all additions and removals, or none."""
    user = real(call)
    additions, removals = _parameters(call.body())
    tenant = call.tenant
    for sku_id, disabled in additions.items():
        _check_sku(tenant, sku_id, disabled)
    for sku_id in removals:
        _check_removal(tenant, user, sku_id)
    if set(additions) & set(removals):
        raise refused("License assignment cannot add and remove the same license in one request.")
    if additions and not user.usage_location:
        raise refused("License assignment cannot be done for user with invalid usage location.")
    _check_units(tenant, user, additions)
    if additions or removals:
        _apply(tenant, user, additions, removals)
        licenses_changed(tenant, user)
        changed(tenant, user)
    return Answer(200, USER.entity(call, user))


def _parameters(body: dict[str, Any]) -> tuple[dict[str, list[str]], list[str]]:
    """addLicenses as SKU -> disabled plans, and removeLicenses; all ids in lower case."""
    unknown = next((name for name in body if name not in _PARAMETERS), None)
    if unknown is not None:
        raise syntax(
            f"The parameter '{unknown}' in the request payload is not a valid parameter for the operation "
            "'assignLicense'."
        )
    absent = [name for name in _PARAMETERS if name not in body]
    if absent:
        raise refused(
            "One or more parameters of the operation 'assignLicense' are missing from the request payload. "
            f"The missing parameters are: {', '.join(absent)}."
        )
    additions: dict[str, list[str]] = {}
    for item in _listed(body["addLicenses"], "Collection(microsoft.graph.assignedLicense)"):
        sku_id, disabled = _addition(item)
        additions[sku_id] = disabled
    return additions, [_guid(item) for item in _listed(body["removeLicenses"], "Collection(Edm.Guid)")]


def _addition(item: Any) -> tuple[str, list[str]]:
    if not isinstance(item, dict):
        raise wrong_type("microsoft.graph.assignedLicense")
    unknown = next((name for name in item if name not in {"skuId", "disabledPlans"} and "@odata." not in name), None)
    if unknown is not None:
        raise unknown_property(unknown, "assignedLicense")
    if item.get("skuId") is None:
        raise refused("A value is required for property 'skuId' of resource 'AssignedLicense'.")
    disabled = _listed(item.get("disabledPlans") or [], "Collection(Edm.Guid)")
    return _guid(item["skuId"]), [_guid(plan) for plan in disabled]


def _listed(value: Any, kind: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong_type(kind)
    return value


def _guid(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_type("Guid")
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise wrong_type("Guid") from None


def _check_sku(tenant: Tenant, sku_id: str, disabled: list[str]) -> None:
    sku = _sku(tenant, sku_id)
    plans = {plan.plan_id for plan in sku.plans}
    unknown = next((plan for plan in disabled if plan not in plans), None)
    if unknown is not None:
        raise refused(f"License assignment failed because service plan {unknown} is not part of license {sku_id}.")


def _sku(tenant: Tenant, sku_id: str) -> Sku:
    sku = tenant.skus.get(sku_id)
    if sku is None:
        raise refused(f"License {sku_id} does not correspond to a valid company License.")
    return sku


def _check_removal(tenant: Tenant, user: User, sku_id: str) -> None:
    _sku(tenant, sku_id)
    held = [one_license for one_license in user.licenses if one_license.sku_id == sku_id]
    if not held:
        raise refused("User does not have a corresponding license.")
    if all(one_license.group_id for one_license in held):
        raise refused(
            "User license is inherited from a group membership and it cannot be removed directly from the user."
        )


def _check_units(tenant: Tenant, user: User, additions: dict[str, list[str]]) -> None:
    """A user takes one unit of a SKU however often he has it; units in grace (warning) can be used."""
    new = set(additions) - {one_license.sku_id for one_license in user.licenses}
    used = consumed(tenant) if new else Counter[str]()
    for sku_id in new:
        sku = tenant.skus[sku_id]
        usable = sku.capability_status in {"Enabled", "Warning"}
        if not usable or sku.enabled + sku.warning <= used[sku_id]:
            raise refused(f"Subscription with SKU {sku_id} does not have any available licenses.")


def _apply(tenant: Tenant, user: User, additions: dict[str, list[str]], removals: list[str]) -> None:
    now = tenant.clock.now()
    before = {plan.plan_id: when for plan, when in enabled_plans(tenant, user)}
    user.licenses = [item for item in user.licenses if item.group_id or item.sku_id not in removals]
    for sku_id, disabled in additions.items():
        _add(tenant, user, sku_id, disabled, before, now)
    after = {plan.plan_id for plan, _unused in enabled_plans(tenant, user)}
    user.former_plans |= {plan_id: when for plan_id, when in before.items() if plan_id not in after}
    for plan_id in after:
        user.former_plans.pop(plan_id, None)


def _add(
    tenant: Tenant, user: User, sku_id: str, disabled: list[str], before: dict[str, datetime], now: datetime
) -> None:
    """Give a direct license, or replace the disabled plans of the one there is."""
    one_license = next((item for item in user.licenses if item.sku_id == sku_id and item.group_id is None), None)
    if one_license is None:
        one_license = License(sku_id, assigned_at=now)
        user.licenses.append(one_license)
    elif one_license.disabled_plans != disabled:
        one_license.assigned_at = now
    one_license.disabled_plans = list(dict.fromkeys(disabled))
    enabled = [plan.plan_id for plan in tenant.skus[sku_id].plans if plan.plan_id not in disabled]
    one_license.plans_since = {plan_id: before.get(plan_id, now) for plan_id in enabled}


def consumed(tenant: Tenant) -> Counter[str]:
    """Units in use by SKU: one for each live user, whether direct, by group or both."""
    units: Counter[str] = Counter()
    for user in tenant.users.values():
        if user.licenses:
            units.update({one_license.sku_id for one_license in user.licenses})
    return units


def list_license_details(call: Call) -> Answer:
    """GET /users/{id}/licenseDetails."""
    user = seen(call)
    held: dict[str, License] = {}
    for one_license in user.licenses:
        held.setdefault(one_license.sku_id, one_license)
    skus = call.tenant.skus
    rows = [_detail(call.tenant, user, item, skus[item.sku_id]) for item in held.values() if item.sku_id in skus]
    context = call.context(f"users('{user.id}')/licenseDetails")
    return Answer(200, {"@odata.context": context, "value": rows})


def _detail(tenant: Tenant, user: User, one_license: License, sku: Sku) -> dict[str, Any]:
    plans = [
        {
            "servicePlanId": plan.plan_id,
            "servicePlanName": plan.name,
            "provisioningStatus": plan_status(tenant, user, one_license, plan),
            "appliesTo": plan.applies_to,
        }
        for plan in sku.plans
    ]
    row_id = uuid.uuid5(uuid.UUID(user.id), sku.sku_id)
    return {"id": row_id.hex, "skuId": sku.sku_id, "skuPartNumber": sku.part_number, "servicePlans": plans}


def _plans(_tenant: Tenant, sku: Sku) -> list[dict[str, str]]:
    return [
        {
            "servicePlanId": plan.plan_id,
            "servicePlanName": plan.name,
            "provisioningStatus": "Success" if plan.applies_to == "User" else "PendingActivation",
            "appliesTo": plan.applies_to,
        }
        for plan in sku.plans
    ]


def _prepaid(_tenant: Tenant, sku: Sku) -> dict[str, int]:
    usable = sku.capability_status != "Suspended"
    enabled, suspended = (sku.enabled, 0) if usable else (0, sku.enabled)
    return {"enabled": enabled, "suspended": suspended, "warning": sku.warning, "lockedOut": 0}


SKU = Resource(
    "subscribedSkus",
    "subscribedSku",
    {
        "accountName": Property(lambda tenant, _sku: tenant.initial_domain.partition(".")[0]),
        "accountId": Property(lambda tenant, _sku: tenant.id),
        "appliesTo": constant("User"),
        "capabilityStatus": attribute("capability_status"),
        "consumedUnits": Property(lambda tenant, sku: consumed(tenant)[sku.sku_id], "Int32"),
        "id": Property(lambda tenant, sku: f"{tenant.id}_{sku.sku_id}"),
        "skuId": attribute("sku_id"),
        "skuPartNumber": attribute("part_number"),
        "prepaidUnits": Property(_prepaid, "Complex"),
        "servicePlans": Property(_plans, "Collection"),
        "subscriptionIds": Property(
            lambda tenant, sku: [str(uuid.uuid5(uuid.UUID(tenant.id), sku.sku_id))], "Collection"
        ),
    },
    (
        "accountName",
        "accountId",
        "appliesTo",
        "capabilityStatus",
        "consumedUnits",
        "id",
        "skuId",
        "skuPartNumber",
        "subscriptionIds",
        "prepaidUnits",
        "servicePlans",
    ),
)


def list_skus(call: Call) -> Answer:
    """GET /subscribedSkus: everything at once; the service filters and pages nothing here."""
    if set(call.query) & {"$filter", "$top", "$orderby", "$count", "$search", "$skiptoken", "$expand"}:
        raise GraphError(400, "Request_UnsupportedQuery", "Filtered searches against this resource are not supported.")
    names = SKU.selection(call.query.get("$select"))
    used = consumed(call.tenant)
    rows = [
        SKU.written(call.tenant, sku, tuple(name for name in names if name != "consumedUnits"))
        for sku in call.tenant.skus.values()
    ]
    if "consumedUnits" in names:
        for row, sku_id in zip(rows, call.tenant.skus, strict=True):
            row["consumedUnits"] = used[sku_id]
    return Answer(200, {"@odata.context": call.context(SKU.fragment(call.query.get("$select"))), "value": rows})


def get_sku(call: Call) -> Answer:
    """GET /subscribedSkus/{tenant id}_{SKU id}."""
    tenant_id, _unused, sku_id = call.key.lower().partition("_")
    sku = call.tenant.skus.get(sku_id)
    if sku is None or tenant_id != call.tenant.id:
        raise missing(call.key)
    return Answer(200, SKU.entity(call, sku))
