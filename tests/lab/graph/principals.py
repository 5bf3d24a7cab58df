# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Service principals: those of the tenant's applications, and of the two services that grant permissions here.

Sources: the servicePrincipal pages of the Graph reference; C(permissions.yml) has the permissions of the two services.
Right after an application was made, replicas that do not know it refuse its service principal in words of their own
(terraform-provider-azuread; msgraph-sdk-dotnet issue 3108).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..replicas import announce
from ..state import Application, Tenant
from ..tokens import resource_principal_id
from . import query
from .application_schema import value_of
from .applications import check_owner, remove_principal
from .call import Answer, Call, done, moment
from .errors import GraphError, forbidden, missing, read_only, refused, syntax, unknown_property
from .permissions import PRINCIPALS_WRITE_ALL
from .resource import Property, Resource, attribute, constant
from .shapes import FLAG, Shape, check, guid, text, texts

# The tenant that Microsoft's own applications belong to.
_MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
# Delegated permissions that a user may consent to; the others need an administrator. By general knowledge, not sourced.
_USERS_MAY = frozenset(
    {"email", "offline_access", "openid", "profile", "User.ReadBasic.All", "User.Read", "User.ReadWrite"}
)
_USERS_MAY_STARTS = ("Mail", "Calendars.", "Contacts.", "Files.Read", "SMTP.", "IMAP.", "POP.", "EAS.", "EWS.")
_WRITABLE: Mapping[str, Shape] = {
    "accountEnabled": FLAG,
    "alternativeNames": texts(),
    "appRoleAssignmentRequired": Shape("Boolean", nullable=False),
    "description": text(),
    "loginUrl": text(),
    "notes": text(),
    "notificationEmailAddresses": texts(),
    "preferredSingleSignOnMode": text(),
    "tags": texts(),
}
_LONGEST = 1024


@dataclass(frozen=True)
class Principal:
    """A service principal, whoever it belongs to. C(application): the tenant's own one behind it."""

    id: str
    app_id: str
    display_name: str
    owner: str
    enabled: bool = True
    app_roles: list[dict[str, Any]] = field(default_factory=list)
    scopes: list[dict[str, Any]] = field(default_factory=list)
    properties: Mapping[str, Any] = field(default_factory=dict)
    application: Application | None = None

    def role(self, key: str, value: str) -> dict[str, Any] | None:
        """The app role whose member C(key) (C(id) or C(value)) has a value."""
        return next((one for one in self.app_roles if one[key] == value), None)


def _loaded() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "permissions.yml").read_text(encoding="utf-8"))
    return rows


def _published_role(value: str, role_id: str) -> dict[str, Any]:
    return {
        "allowedMemberTypes": ["Application"],
        "description": value,
        "displayName": value,
        "id": role_id,
        "isEnabled": True,
        "origin": "Application",
        "value": value,
    }


def _published_scope(value: str, scope_id: str) -> dict[str, Any]:
    users_may = value in _USERS_MAY or (value.startswith(_USERS_MAY_STARTS) and value != "Files.ReadWrite.All")
    return {
        "adminConsentDescription": value,
        "adminConsentDisplayName": value,
        "id": scope_id,
        "isEnabled": True,
        "type": "User" if users_may else "Admin",
        "userConsentDescription": value if users_may else None,
        "userConsentDisplayName": value if users_may else None,
        "value": value,
    }


_PUBLISHED = [
    (
        row["app_id"],
        row["name"],
        [_published_role(value, role_id) for value, role_id in row["application"].items()],
        [_published_scope(value, scope_id) for value, scope_id in row["delegated"].items()],
    )
    for row in _loaded()
]


def principals(tenant: Tenant, applications: Iterable[Application] | None = None) -> list[Principal]:
    """All service principals of a tenant; an application without one is not among them.

    applications: those that a replica sees, by default all.
    """
    chosen = tenant.applications.values() if applications is None else applications
    own = [_own(tenant, one) for one in chosen if one.service_principal_id is not None]
    return own + [
        Principal(resource_principal_id(tenant, app_id), app_id, name, _MICROSOFT, app_roles=roles, scopes=scopes)
        for app_id, name, roles, scopes in _PUBLISHED
    ]


def _own(tenant: Tenant, one: Application) -> Principal:
    return Principal(
        one.service_principal_id or "",
        one.app_id,
        one.display_name,
        tenant.id,
        not one.disabled,
        value_of(one, "appRoles"),
        value_of(one, "api")["oauth2PermissionScopes"],
        one.principal_properties,
        one,
    )


def visible(call: Call) -> list[Principal]:
    """The service principals that this request's replica sees."""
    return principals(call.tenant, call.reader.applications())


def by_id(found: Iterable[Principal], identifier: str) -> Principal | None:
    """The service principal with an object id."""
    return next((one for one in found if one.id == identifier.lower()), None)


def seen(call: Call) -> Principal:
    """The service principal of the address, as this request's replica sees it. Raises GraphError."""
    return _matching(call, visible(call))


def writable(call: Call) -> Application:
    """The application behind the service principal of the address, for a write that the caller may do."""
    real = _matching(call, principals(call.tenant))
    seen(call)
    if real.application is None:
        raise forbidden()
    check_owner(call, real.application.principal_owners, PRINCIPALS_WRITE_ALL)
    return real.application


def _matching(call: Call, found: list[Principal]) -> Principal:
    name, value = call.keys[0]
    if name.lower() not in ("id", "appid"):
        raise syntax(f"Resource not found for the segment '{name}'.")
    for principal in found:
        if value.lower() == (principal.app_id if name.lower() == "appid" else principal.id).lower():
            return principal
    raise missing(value)


def _kept(name: str, default: Any, kind: str = "String", filters: str = "") -> dict[str, Property]:
    return {name: Property(lambda _tenant, item: item.properties.get(name, default), kind, filters)}


_PROPERTIES = (
    {
        "id": attribute("id", filters="eq"),
        "deletedDateTime": constant(None, "DateTimeOffset"),
        "accountEnabled": attribute("enabled", "Boolean", "eq"),
        "appDescription": constant(None),
        "appDisplayName": attribute("display_name"),
        "appId": attribute("app_id", filters="eq"),
        "appOwnerOrganizationId": attribute("owner"),
        "appRoles": Property(lambda _tenant, item: item.app_roles, "Collection"),
        "createdDateTime": Property(
            lambda _tenant, item: moment(item.application.created_at) if item.application else None, "DateTimeOffset"
        ),
        "displayName": attribute("display_name", filters="eq"),
        "isDisabled": constant(None, "Boolean"),
        "keyCredentials": constant([], "Collection"),
        "oauth2PermissionScopes": Property(lambda _tenant, item: item.scopes, "Collection"),
        "passwordCredentials": constant([], "Collection"),
        "resourceSpecificApplicationPermissions": constant([], "Collection"),
        "servicePrincipalNames": Property(
            lambda _tenant, item: [
                item.app_id,
                *(value_of(item.application, "identifierUris") if item.application else []),
            ],
            "Collection",
            "any",
        ),
        "servicePrincipalType": constant("Application"),
        "signInAudience": Property(
            lambda _tenant, item: (
                value_of(item.application, "signInAudience") if item.application else "AzureADMultipleOrgs"
            )
        ),
    }
    | _kept("alternativeNames", [], "Collection")
    | _kept("appRoleAssignmentRequired", False, "Boolean")
    | _kept("description", None)
    | _kept("loginUrl", None)
    | _kept("notes", None)
    | _kept("notificationEmailAddresses", [], "Collection")
    | _kept("preferredSingleSignOnMode", None)
    | _kept("tags", [], "Collection", "any")
)
PRINCIPAL = Resource(
    "servicePrincipals", "servicePrincipal", _PROPERTIES, tuple(_PROPERTIES), frozenset({"displayName"})
)


def list_principals(call: Call) -> Answer:
    """GET /servicePrincipals."""
    return query.collection(call, PRINCIPAL, visible(call))


def get_principal(call: Call) -> Answer:
    """GET /servicePrincipals/{id} and /servicePrincipals(appId='...')."""
    return Answer(200, PRINCIPAL.entity(call, seen(call)))


def create_principal(call: Call) -> Answer:
    """POST /servicePrincipals for an application of the tenant."""
    body = call.body()
    app_id = guid(body.pop("appId", None))
    wanted = _checked(body)
    tenant = call.tenant
    if any(one.app_id == app_id for one in principals(tenant)):
        words = (
            "The service principal cannot be created, updated, or restored because the service principal name "
            f"{app_id} is already in use."
        )
        raise GraphError(409, "Request_MultipleObjectsWithSameKeyValue", words)
    application = _backing(call, app_id)
    application.service_principal_id = tenant.new_id()
    application.disabled = False
    _begin_anew(tenant, application)
    if not call.permissions & PRINCIPALS_WRITE_ALL:
        application.principal_owners.append(str(call.claims.get("oid")))
    _apply(application, wanted)
    announce(tenant, "applications", "permission_grants", "role_assignments")
    made = _own(tenant, application)
    return Answer(201, PRINCIPAL.entity(call, made), {"Location": f"{call.base_url}/v1.0/servicePrincipals/{made.id}"})


def _begin_anew(tenant: Tenant, application: Application) -> None:
    """A new service principal has no consent of a former one, and none of its settings."""
    former = {one.id for one in tenant.deleted_principals.values() if one.app_id == application.app_id}
    for grant in [one for one in tenant.permission_grants.values() if {one.client_id, one.resource_id} & former]:
        del tenant.permission_grants[grant.id]
    for row in [one for one in tenant.role_assignments.values() if {one.principal_id, one.resource_id} & former]:
        del tenant.role_assignments[row.id]
    application.app_roles.clear()
    application.assigned_at.clear()
    application.principal_properties, application.principal_owners = {}, []


def _backing(call: Call, app_id: str) -> Application:
    """The application that a new service principal is for; one that its replica does not know is refused."""
    owned_only = not call.permissions & PRINCIPALS_WRITE_ALL
    known = any(one.app_id == app_id for one in call.reader.applications())
    real = next((one for one in call.tenant.applications.values() if one.app_id == app_id), None)
    if owned_only and (real is None or not known):
        raise forbidden(
            "When using this permission, the backing application of the service principal being created "
            "must in the local tenant"
        )
    if real is None or not known:
        words = f"The appId '{app_id}' of the service principal does not reference a valid application object."
        raise refused(words, details=[{"code": "NoBackingApplicationObject", "message": words, "target": "appId"}])
    check_owner(call, real.owners, PRINCIPALS_WRITE_ALL)
    return real


def _checked(body: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {}
    for given, value in body.items():
        if "@odata." in given:
            continue
        name = PRINCIPAL.named(given)
        if name is None:
            raise unknown_property(given, "servicePrincipal")
        if name not in _WRITABLE:
            raise read_only(name)
        wanted[name] = check(value, _WRITABLE[name], name, "ServicePrincipal")
        if isinstance(wanted[name], str) and len(wanted[name]) > _LONGEST:
            raise refused(f"Invalid value specified for property '{name}' of resource 'ServicePrincipal'.")
    return wanted


def _apply(application: Application, wanted: dict[str, Any]) -> None:
    if "accountEnabled" in wanted:
        application.disabled = wanted.pop("accountEnabled") is False
    application.principal_properties |= wanted


def update_principal(call: Call) -> Answer:
    """PATCH /servicePrincipals/{id}."""
    application = writable(call)
    _apply(application, _checked(call.body()))
    announce(call.tenant, "applications")
    return done()


def delete_principal(call: Call) -> Answer:
    """DELETE /servicePrincipals/{id}: a soft delete; the application stays and cannot sign in any more."""
    remove_principal(call.tenant, writable(call))
    announce(call.tenant, "applications", "deleted_principals")
    return done()
