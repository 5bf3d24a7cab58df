# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deleted users, Microsoft 365 groups, applications and service principals: listed, restored within 30 days, or removed for good.

Source: the "List deletedItems", "Restore deleted directory object item" and "Permanently delete an item" pages of the
Graph reference, and the restore action of the v1.0 metadata document. Who restores an application has to restore its
service principal too.
"""

from __future__ import annotations

from typing import Any

from ..addresses import calculate, is_owned_by_another, split
from ..index import bare_address, index_of
from ..replicas import announce
from ..state import Application, DeletedPrincipal, User
from . import query
from .application_schema import APPLICATION, DELETED_APPLICATION
from .applications import check_owner
from .call import Answer, Call, done, moment
from .changes import check_name
from .errors import GraphError, forbidden, missing, refused, syntax, taken, wrong_type
from .permissions import (
    APPLICATIONS_WRITE,
    APPLICATIONS_WRITE_ALL,
    GROUPS_READ,
    GROUPS_WRITE,
    PRINCIPALS_READ,
    PRINCIPALS_WRITE,
    PRINCIPALS_WRITE_ALL,
    USERS_DELETE,
    USERS_READ,
)
from .provisioning import licenses_changed
from .resource import Property, Resource, attribute
from .roles import GROUP
from .schema import USER
from .users import changed

_PRINCIPAL_PROPERTIES = {
    "id": attribute("id", filters="eq"),
    "deletedDateTime": Property(lambda _tenant, item: moment(item.deleted_at), "DateTimeOffset"),
    "appId": attribute("app_id", filters="eq"),
    "displayName": attribute("display_name", filters="eq"),
}
# Of a deleted service principal only what names it is shown here.
DELETED_PRINCIPAL = Resource(
    "servicePrincipals", "servicePrincipal", _PRINCIPAL_PROPERTIES, tuple(_PRINCIPAL_PROPERTIES)
)
_PARAMETERS = {"autoReconcileProxyConflict": bool, "newUserPrincipalName": str}


def list_deleted_users(call: Call) -> Answer:
    """GET /directory/deletedItems/microsoft.graph.user."""
    return query.collection(call, USER, call.tenant.deleted_users.values())


def list_deleted_groups(call: Call) -> Answer:
    """GET /directory/deletedItems/microsoft.graph.group: Microsoft 365 groups only, others are gone for good."""
    return query.collection(call, GROUP, call.tenant.deleted_groups.values())


def refuse_without_cast(_call: Call) -> Answer:
    """GET /directory/deletedItems: the type is a required part of the address."""
    raise refused("The OData cast segment of the type of deleted items is required.")


def list_deleted_applications(call: Call) -> Answer:
    """GET /directory/deletedItems/microsoft.graph.application; it lags behind like every read."""
    return query.collection(call, DELETED_APPLICATION, call.reader.deleted_applications())


def list_deleted_principals(call: Call) -> Answer:
    """GET /directory/deletedItems/microsoft.graph.servicePrincipal."""
    return query.collection(call, DELETED_PRINCIPAL, call.reader.deleted_principals())


def get_deleted(call: Call) -> Answer:
    """GET /directory/deletedItems/{id}."""
    resource, item, _unused = _found(call, "read")
    entity = resource.entity(call, item)
    context = {"@odata.context": entity.pop("@odata.context")}
    return Answer(200, context | {"@odata.type": f"#microsoft.graph.{resource.type_name}"} | entity)


def purge(call: Call) -> Answer:
    """DELETE /directory/deletedItems/{id}: gone for good; a user's mailbox too, an application's uniqueName is free."""
    _unused, item, kind = _found(call, "write")
    del getattr(call.tenant, kind)[item.id]
    if kind not in ("deleted_users", "deleted_groups"):
        announce(call.tenant, kind)
    return done()


def restore(call: Call) -> Answer:
    """POST /directory/deletedItems/{id}/restore: the same object, if its names are free."""
    resource, item, kind = _found(call, "write")
    options = _options(call.optional_body())
    tenant = call.tenant
    if kind == "deleted_users":
        _restore_user(call, item, options)
        shown = item
    elif kind == "deleted_groups":
        del tenant.deleted_groups[item.id]
        item.deleted_at = None
        tenant.groups[item.id] = shown = item
    elif kind == "deleted_applications":
        del tenant.deleted_applications[item.id]
        item.deleted_at = None
        tenant.applications[item.id] = shown = item
    else:
        shown = _restore_principal(call, item)
    announce(tenant, "groups", "applications", "deleted_applications", "deleted_principals")
    context = {
        "@odata.context": call.context("directoryObjects/$entity"),
        "@odata.type": f"#microsoft.graph.{resource.type_name}",
    }
    return Answer(200, context | resource.written(tenant, shown, resource.default))


def _restore_principal(call: Call, item: DeletedPrincipal) -> DeletedPrincipal:
    """Give a service principal back to its application, which must be there and have no other one."""
    application = next((one for one in call.tenant.applications.values() if one.app_id == item.app_id), None)
    if application is None:
        words = f"The appId '{item.app_id}' of the service principal does not reference a valid application object."
        raise refused(words, details=[{"code": "NoBackingApplicationObject", "message": words, "target": "appId"}])
    if application.service_principal_id is not None:
        words = (
            "The service principal cannot be created, updated, or restored because the service principal name "
            f"{item.app_id} is already in use."
        )
        raise GraphError(409, "Request_MultipleObjectsWithSameKeyValue", words)
    del call.tenant.deleted_principals[item.id]
    application.service_principal_id = item.id
    return item


def _restore_user(call: Call, user: User, options: dict[str, Any]) -> None:
    tenant = call.tenant
    name = options.get("newUserPrincipalName") or user.user_principal_name
    if name != user.user_principal_name:
        check_name(tenant, name, user)
    elif any(other is not user for other in index_of(tenant).find("upn", name)):
        raise taken("userPrincipalName")
    lost = [value for value in user.proxy_addresses if is_owned_by_another(tenant, split(value)[1], user)]
    if lost and not options.get("autoReconcileProxyConflict"):
        raise taken("proxyAddresses")
    _revive(call, user, name, lost)


def _revive(call: Call, user: User, name: str, lost: list[str]) -> None:
    tenant = call.tenant
    del tenant.deleted_users[user.id]
    user.deleted_at = None
    user.user_principal_name = name
    user.proxy_addresses = [value for value in user.proxy_addresses if value not in lost]
    if user.mail and user.mail.lower() in {bare_address(value) for value in lost}:
        user.mail = None
    tenant.users[user.id] = user
    index_of(tenant).refresh(user.id)
    if user.licenses:
        licenses_changed(tenant, user)
    elif lost:
        calculate(tenant, user, None)
    changed(tenant, user)


def _options(body: dict[str, Any]) -> dict[str, Any]:
    for name, value in body.items():
        if name not in _PARAMETERS:
            raise syntax(
                f"The parameter '{name}' in the request payload is not a valid parameter for the operation 'restore'."
            )
        if value is not None and not isinstance(value, _PARAMETERS[name]):
            raise wrong_type("Boolean" if _PARAMETERS[name] is bool else "String")
    return body


def _found(call: Call, way: str) -> tuple[Resource, Any, str]:
    """The deleted object of the address, its type and where the tenant keeps it; the caller must be allowed to.

    C(way): read or write. What a replica does not show yet cannot be found, and nobody learns more than he may.
    """
    key = call.key.lower()
    user = call.tenant.deleted_users.get(key)
    if user is not None:
        _allow(call, USERS_READ if way == "read" else USERS_DELETE)
        return USER, user, "deleted_users"
    group = call.tenant.deleted_groups.get(key)
    if group is not None:
        _allow(call, GROUPS_READ if way == "read" else GROUPS_WRITE)
        return GROUP, group, "deleted_groups"
    seen = {one.id for one in call.reader.deleted_applications()} | {one.id for one in call.reader.deleted_principals()}
    for kind, resource in (("deleted_applications", APPLICATION), ("deleted_principals", DELETED_PRINCIPAL)):
        item = getattr(call.tenant, kind).get(key)
        if item is not None and item.id in seen:
            if way == "read":
                _allow(call, PRINCIPALS_READ)
            else:
                _check_writer(call, item)
            return resource, item, kind
    raise missing(call.key)


def _allow(call: Call, permissions: frozenset[str]) -> None:
    if not call.permissions & permissions:
        raise forbidden()


def _check_writer(call: Call, item: Application | DeletedPrincipal) -> None:
    if isinstance(item, Application):
        _allow(call, APPLICATIONS_WRITE)
        check_owner(call, item.owners, APPLICATIONS_WRITE_ALL)
        return
    _allow(call, PRINCIPALS_WRITE)
    applications = [*call.tenant.applications.values(), *call.tenant.deleted_applications.values()]
    owners = next((one.principal_owners for one in applications if one.app_id == item.app_id), [])
    check_owner(call, owners, PRINCIPALS_WRITE_ALL)
