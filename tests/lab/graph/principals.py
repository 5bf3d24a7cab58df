# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Service principals: those of the tenant's applications, and of the two services that grant permissions here.

Source: the servicePrincipal page of the Graph reference; ids of permissions are public and the same in every tenant.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from ..state import Tenant
from ..tokens import EXCHANGE, GRAPH
from . import query
from .call import Answer, Call
from .errors import missing
from .resource import Property, Resource, attribute, constant

_RESOURCES = {
    GRAPH: (
        "Microsoft Graph",
        {
            "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
            "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
            "LicenseAssignment.ReadWrite.All": "5facf0c1-8979-4e95-abcf-ff3d079771c0",
            "MailboxSettings.Read": "40f97065-369a-49f4-947c-6a255697ae91",
            "User.ReadWrite.All": "741f803b-c850-494e-b5df-cde7c675a1ca",
        },
    ),
    EXCHANGE: ("Office 365 Exchange Online", {"Exchange.ManageAsApp": "dc50a0fb-09a3-484d-be87-e023b12c6440"}),
}
# The tenant that Microsoft's own applications belong to.
_MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"


@dataclass(frozen=True)
class Principal:
    """A service principal, as far as sign-in and grants need it."""

    id: str
    app_id: str
    display_name: str
    owner: str
    enabled: bool = True
    app_roles: dict[str, str] = field(default_factory=dict)


def principals(tenant: Tenant) -> list[Principal]:
    """All service principals of a tenant; an application without one is not among them."""
    own = [
        Principal(app.service_principal_id, app.app_id, app.display_name, tenant.id, not app.disabled)
        for app in tenant.applications.values()
        if app.service_principal_id is not None
    ]
    return own + [
        Principal(str(uuid.uuid5(uuid.UUID(tenant.id), app_id)), app_id, name, _MICROSOFT, app_roles=roles)
        for app_id, (name, roles) in _RESOURCES.items()
    ]


def _app_roles(_tenant: Tenant, principal: Principal) -> list[dict[str, Any]]:
    return [
        {
            "allowedMemberTypes": ["Application"],
            "description": value,
            "displayName": value,
            "id": role_id,
            "isEnabled": True,
            "origin": "Application",
            "value": value,
        }
        for value, role_id in principal.app_roles.items()
    ]


_PROPERTIES = {
    "id": attribute("id", filters="eq"),
    "deletedDateTime": constant(None, "DateTimeOffset"),
    "accountEnabled": attribute("enabled", "Boolean", "eq"),
    "appDisplayName": attribute("display_name"),
    "appId": attribute("app_id", filters="eq"),
    "appOwnerOrganizationId": attribute("owner"),
    "appRoleAssignmentRequired": constant(False, "Boolean"),
    "appRoles": Property(_app_roles, "Collection"),
    "displayName": attribute("display_name", filters="eq"),
    "keyCredentials": constant([], "Collection"),
    "notes": constant(None),
    "oauth2PermissionScopes": constant([], "Collection"),
    "passwordCredentials": constant([], "Collection"),
    "servicePrincipalNames": Property(lambda _tenant, item: [item.app_id], "Collection"),
    "servicePrincipalType": constant("Application"),
    "tags": constant([], "Collection"),
}
PRINCIPAL = Resource(
    "servicePrincipals", "servicePrincipal", _PROPERTIES, tuple(_PROPERTIES), frozenset({"displayName"})
)


def list_principals(call: Call) -> Answer:
    """GET /servicePrincipals."""
    return query.collection(call, PRINCIPAL, principals(call.tenant))


def get_principal(call: Call) -> Answer:
    """GET /servicePrincipals/{id} and /servicePrincipals(appId='...')."""
    name, value = call.keys[0]
    for principal in principals(call.tenant):
        if value.lower() == (principal.app_id if name.lower() == "appid" else principal.id).lower():
            return Answer(200, PRINCIPAL.entity(call, principal))
    raise missing(value)
