# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""App role assignments: application permissions of service principals, and roles of users and groups in applications.

Source: the appRoleAssignment pages of the Graph reference. The application permissions of an application are kept by their
values in C(Application.app_roles), from which tokens are made; they are shown from there and written there.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..replicas import announce
from ..state import RoleAssignment
from . import principals, query
from .call import Answer, Call, done, moment
from .errors import forbidden, missing, read_only, refused, unknown_property
from .permissions import PRINCIPALS_READ
from .principals import Principal
from .resource import Property, Resource, attribute
from .roles import group_of
from .shapes import guid
from .users import seen as seen_user

# The role of who is assigned without a role.
DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"
_MEMBERS = ("principalId", "resourceId", "appRoleId")
_READ_ONLY = frozenset(
    {"id", "createdDateTime", "deletedDateTime", "principalDisplayName", "principalType", "resourceDisplayName"}
)


@dataclass(frozen=True)
class Party:
    """Who holds an assignment: C(kind) is User, Group or ServicePrincipal."""

    id: str
    kind: str
    name: str


@dataclass(frozen=True)
class Row:
    """An assignment as Graph shows it."""

    id: str
    party: Party
    resource: Principal
    app_role_id: str
    created_at: datetime | None


_PROPERTIES = {
    "id": attribute("id"),
    "deletedDateTime": Property(lambda _tenant, _item: None, "DateTimeOffset"),
    "appRoleId": attribute("app_role_id"),
    "createdDateTime": Property(lambda _tenant, item: moment(item.created_at), "DateTimeOffset"),
    "principalDisplayName": Property(lambda _tenant, item: item.party.name, filters="eq"),
    "principalId": Property(lambda _tenant, item: item.party.id, filters="eq"),
    "principalType": Property(lambda _tenant, item: item.party.kind),
    "resourceDisplayName": Property(lambda _tenant, item: item.resource.display_name, filters="eq"),
    "resourceId": Property(lambda _tenant, item: item.resource.id, filters="eq"),
}
ASSIGNMENT = Resource("appRoleAssignments", "appRoleAssignment", _PROPERTIES, tuple(_PROPERTIES))


def _rows(call: Call) -> list[Row]:
    """Every assignment that this request's replica sees."""
    present = principals.visible(call)
    resources = {one.app_id: one for one in present}
    rows = [
        row
        for client in present
        if client.application is not None
        for app_id, values in client.application.app_roles.items()
        for value in values
        if app_id in resources and (row := _granted(client, resources[app_id], value)) is not None
    ]
    by_id = {one.id: one for one in present}
    for one in call.reader.role_assignments():
        party = _party(call, one.principal_id, present)
        if party is not None and one.resource_id in by_id:
            rows.append(Row(one.id, party, by_id[one.resource_id], one.app_role_id, one.created_at))
    return rows


def _granted(client: Principal, resource: Principal, value: str) -> Row | None:
    """A permission of an application as an assignment; None for a value that the resource does not publish."""
    role = resource.role("value", value)
    if role is None or client.application is None:
        return None
    made = client.application.assigned_at.get(f"{resource.app_id}/{value}", client.application.created_at)
    party = Party(client.id, "ServicePrincipal", client.display_name)
    return Row(_assignment_id(client.id, resource.id, role["id"]), party, resource, role["id"], made)


def _assignment_id(principal_id: str, resource_id: str, role_id: str) -> str:
    """An opaque id that begins with the principal's, as those of the service do."""
    rest = uuid.uuid5(uuid.NAMESPACE_OID, f"{principal_id}/{resource_id}/{role_id}").bytes
    return base64.urlsafe_b64encode(uuid.UUID(principal_id).bytes + rest).decode().rstrip("=")


def _party(call: Call, identifier: str, present: list[Principal]) -> Party | None:
    user = call.reader.user(identifier)
    if user is not None:
        return Party(user.id, "User", user.display_name)
    group = call.reader.group(identifier)
    if group is not None:
        return Party(group.id, "Group", group.display_name)
    principal = principals.by_id(present, identifier)
    return Party(principal.id, "ServicePrincipal", principal.display_name) if principal is not None else None


# Which object an address is about: its id, and whether it is the resource or who is assigned to it.
Side = tuple[str, str]


def _resource_side(call: Call) -> Side:
    return "resourceId", principals.seen(call).id


def _principal_side(call: Call) -> Side:
    return "principalId", principals.seen(call).id


def _user_side(call: Call) -> Side:
    return "principalId", seen_user(call).id


def _group_side(call: Call) -> Side:
    return "principalId", group_of(call).id


SIDES: dict[str, Callable[[Call], Side]] = {
    "servicePrincipals/*/appRoleAssignedTo": _resource_side,
    "servicePrincipals/*/appRoleAssignments": _principal_side,
    "users/*/appRoleAssignments": _user_side,
    "groups/*/appRoleAssignments": _group_side,
}


def _of(call: Call, side: Side) -> list[Row]:
    name, identifier = side
    rows = _rows(call)
    return [one for one in rows if identifier == (one.resource.id if name == "resourceId" else one.party.id)]


def lister(side: Callable[[Call], Side]) -> Callable[[Call], Answer]:
    """The handler of GET on a list of assignments."""
    return lambda call: query.collection(call, ASSIGNMENT, _of(call, side(call)))


def creator(side: Callable[[Call], Side]) -> Callable[[Call], Answer]:
    """The handler of POST on a list of assignments."""

    def handler(call: Call) -> Answer:
        _check_caller(call)
        wanted = _checked(call.body())
        name, identifier = side(call)
        if wanted[name] != identifier:
            raise refused(f"The value of '{name}' does not match the object in the request URL.")
        return _assign(call, wanted["principalId"], wanted["resourceId"], wanted["appRoleId"])

    return handler


def remover(side: Callable[[Call], Side]) -> Callable[[Call], Answer]:
    """The handler of DELETE on one assignment."""

    def handler(call: Call) -> Answer:
        _check_caller(call)
        wanted = call.keys[1][1]
        row = next((one for one in _of(call, side(call)) if one.id == wanted), None)
        if row is None:
            raise missing(wanted)
        _withdraw(call, row)
        return done()

    return handler


def _check_caller(call: Call) -> None:
    """The reference wants a permission to read applications besides the one to assign."""
    if not call.permissions & PRINCIPALS_READ:
        raise forbidden()


def _checked(body: dict[str, Any]) -> dict[str, str]:
    for name in body:
        if name in _READ_ONLY:
            raise read_only(name)
        if name not in _MEMBERS and "@odata." not in name:
            raise unknown_property(name, "appRoleAssignment")
    for name in _MEMBERS:
        if body.get(name) is None:
            raise refused(f"A value is required for property '{name}' of resource 'AppRoleAssignment'.")
    return {name: guid(body[name]) for name in _MEMBERS}


def _assign(call: Call, principal_id: str, resource_id: str, role_id: str) -> Answer:
    tenant, present = call.tenant, principals.visible(call)
    resource = principals.by_id(present, resource_id)
    if resource is None:
        raise missing(resource_id)
    party = _party(call, principal_id, present)
    if party is None:
        if principals.by_id(principals.principals(tenant), principal_id) is not None:
            # terraform-provider-azuread: the service principal is there, but not on this replica.
            raise refused("Not a valid reference update.")
        raise missing(principal_id)
    role = _role(resource, role_id, "Application" if party.kind == "ServicePrincipal" else "User")
    now = tenant.clock.now()
    row = Row(_assignment_id(party.id, resource.id, role_id), party, resource, role_id, now)
    client = principals.by_id(principals.principals(tenant), party.id)
    if client is not None and client.application is not None and role is not None and role.get("value"):
        held = client.application.app_roles.setdefault(resource.app_id, [])
        if role["value"] in held:
            raise _exists()
        held.append(role["value"])
        client.application.assigned_at[f"{resource.app_id}/{role['value']}"] = now
    else:
        if row.id in tenant.role_assignments:
            raise _exists()
        tenant.role_assignments[row.id] = RoleAssignment(row.id, party.id, party.kind, resource.id, role_id, now)
    announce(tenant, "applications", "role_assignments")
    return Answer(201, ASSIGNMENT.entity(call, row))


def _exists() -> Exception:
    return refused("Permission being assigned already exists on the object")


def _role(resource: Principal, role_id: str, member: str) -> dict[str, Any] | None:
    """The role that is assigned; None for the default one, which only who publishes no role for such members has."""
    fitting = [one for one in resource.app_roles if member in one["allowedMemberTypes"] and one["isEnabled"]]
    found = next((one for one in fitting if one["id"] == role_id), None)
    if found is None and (role_id != DEFAULT_ROLE or fitting):
        raise refused(f"Permission being assigned was not found on application '{resource.app_id}'.")
    return found


def _withdraw(call: Call, row: Row) -> None:
    tenant = call.tenant
    if tenant.role_assignments.pop(row.id, None) is None:
        client = principals.by_id(principals.principals(tenant), row.party.id)
        role = row.resource.role("id", row.app_role_id)
        held = client.application.app_roles.get(row.resource.app_id, []) if client and client.application else []
        if role is None or role["value"] not in held:
            raise missing(row.id)
        held.remove(role["value"])
    announce(tenant, "applications", "role_assignments")
