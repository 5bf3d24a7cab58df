# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What service plans do to a user: assignedPlans, provisionedPlans, and the mailbox that Exchange makes or takes.

Entra ID shows an assigned plan at once; the service behind it follows after C(graph_provisioning_delay) seconds. Other
services of the lab call L(settle) before they look at mailboxes, so that due work is done whoever asks first.
Sources: the assignedPlan, provisionedPlan and licenseAssignmentState pages of the Graph reference; "Delete or restore
user mailboxes in Exchange Online" (30 days after the license has gone).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ..addresses import calculate, has_exchange_plan
from ..index import index_of
from ..state import License, Mailbox, Provisioning, ServicePlan, Tenant, User
from .call import moment

GRACE = timedelta(days=30).total_seconds()
RETENTION = timedelta(days=30)
# Beginning of a plan's name -> the service that provides it.
_SERVICES = {
    "EXCHANGE": "exchange",
    "SHAREPOINT": "SharePoint",
    "ONEDRIVE": "SharePoint",
    "TEAMS": "TeamspaceAPI",
    "MCO": "MicrosoftCommunicationsOnline",
    "OFFICE": "MicrosoftOffice",
    "AAD": "AADPremiumService",
    "INTUNE": "SCO",
    "RMS": "RMSOnline",
    "YAMMER": "YammerEnterprise",
    "VISIO": "MicrosoftOffice",
    "PROJECT": "ProjectWorkManagement",
}


def service_of(plan_name: str) -> str:
    """The service that provides a plan, as assignedPlans names it."""
    return next((service for start, service in _SERVICES.items() if plan_name.startswith(start)), plan_name.title())


def plan_delay(tenant: Tenant) -> timedelta:
    """How long a service needs to follow a license, by the tenant's clock."""
    return timedelta(seconds=float(tenant.switches.get("graph_provisioning_delay") or 0))


def enabled_plans(tenant: Tenant, user: User) -> Iterator[tuple[ServicePlan, datetime]]:
    """The plans that the user's licenses enable, each once, with the moment since when."""
    seen: set[str] = set()
    for one_license in user.licenses:
        sku = tenant.skus.get(one_license.sku_id)
        for plan in sku.plans if sku else []:
            if plan.plan_id not in one_license.disabled_plans and plan.plan_id not in seen:
                seen.add(plan.plan_id)
                yield plan, since(user, one_license, plan.plan_id)


def since(user: User, one_license: License, plan_id: str) -> datetime:
    """The moment from which a license enables a plan."""
    return one_license.plans_since.get(plan_id) or one_license.assigned_at or user.created_at


def assigned_plans(tenant: Tenant, user: User) -> list[dict[str, Any]]:
    """assignedPlans: what is enabled now, and what was, as Deleted; the service never forgets the latter."""
    rows = [_assigned(plan, when, "Enabled") for plan, when in enabled_plans(tenant, user)]
    present = {row["servicePlanId"] for row in rows}
    known = {plan.plan_id: plan for sku in tenant.skus.values() for plan in sku.plans} if user.former_plans else {}
    former = [(known[plan_id], when) for plan_id, when in user.former_plans.items() if plan_id in known]
    return rows + [_assigned(plan, when, "Deleted") for plan, when in former if plan.plan_id not in present]


def _assigned(plan: ServicePlan, when: datetime, status: str) -> dict[str, Any]:
    return {
        "assignedDateTime": moment(when),
        "capabilityStatus": status,
        "service": service_of(plan.name),
        "servicePlanId": plan.plan_id,
    }


def provisioned_plans(tenant: Tenant, user: User) -> list[dict[str, Any]]:
    """provisionedPlans: what the services behind the plans have done so far."""
    delay, now = plan_delay(tenant), tenant.clock.now()
    return [
        {"capabilityStatus": "Enabled", "provisioningStatus": "Success", "service": service_of(plan.name)}
        for plan, when in enabled_plans(tenant, user)
        if when + delay <= now
    ]


def plan_status(tenant: Tenant, user: User, one_license: License, plan: ServicePlan) -> str:
    """The provisioningStatus of a plan in licenseDetails."""
    if plan.plan_id in one_license.disabled_plans:
        return "Disabled"
    due = since(user, one_license, plan.plan_id) + plan_delay(tenant)
    return "Success" if due <= tenant.clock.now() else "PendingProvisioning"


def licenses_changed(tenant: Tenant, user: User) -> None:
    """What follows from a change of licenses: the address calculation, and work for Exchange."""
    calculate(tenant, user, None)
    licensed = has_exchange_plan(tenant, user)
    tenant.provisioning = [work for work in tenant.provisioning if work.user_id != user.id]
    now = tenant.clock.now()
    if licensed and user.mailbox is None:
        tenant.provisioning.append(Provisioning(user.id, now + plan_delay(tenant), "create"))
    elif not licensed and user.mailbox is not None and user.mailbox.type_details == "UserMailbox":
        grace = float(tenant.switches.get("graph_mailbox_grace", GRACE))
        tenant.provisioning.append(Provisioning(user.id, now + timedelta(seconds=grace), "disable"))
    settle(tenant)


def settle(tenant: Tenant) -> None:
    """Do the mailbox work that is due, and forget what was deleted more than 30 days ago. Cheap when idle."""
    now = tenant.clock.now()
    if tenant.provisioning and any(work.due <= now for work in tenant.provisioning):
        due = [work for work in tenant.provisioning if work.due <= now]
        tenant.provisioning = [work for work in tenant.provisioning if work.due > now]
        for work in due:
            _provision(tenant, work, now)
    for deleted in (tenant.deleted_users, tenant.deleted_applications, tenant.deleted_principals):
        _forget(deleted, now)


def _forget(deleted: dict[str, Any], now: datetime) -> None:
    """Purge what was deleted too long ago to be restored."""
    for key, item in list(deleted.items()):
        if item.deleted_at is not None and item.deleted_at + RETENTION <= now:
            del deleted[key]


def _provision(tenant: Tenant, work: Provisioning, now: datetime) -> None:
    user = tenant.users.get(work.user_id)
    if user is None:
        return
    licensed = has_exchange_plan(tenant, user)
    if work.action == "create" and licensed and user.mailbox is None:
        user.mailbox = user.disconnected_mailbox or Mailbox(tenant.new_id(), "UserMailbox", now)
        user.disconnected_mailbox = None
        calculate(tenant, user, None)
    elif work.action == "disable" and not licensed and user.mailbox and user.mailbox.type_details == "UserMailbox":
        user.disconnected_mailbox, user.mailbox = user.mailbox, None
        index_of(tenant).refresh(user.id)
