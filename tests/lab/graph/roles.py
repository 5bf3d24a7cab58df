# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directory roles, role assignments, groups, and what a user belongs to.

Source: the directoryRole, unifiedRoleAssignment, group and "List a user's memberships" pages of the Graph reference.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..state import DirectoryRole, Group, Tenant
from . import query
from .call import Answer, Call, moment
from .errors import missing, unsupported
from .principals import PRINCIPAL, principals
from .resource import Property, Resource, attribute, constant
from .schema import USER
from .users import seen

_ROLE_PROPERTIES = {
    "id": attribute("id"),
    "deletedDateTime": constant(None, "DateTimeOffset"),
    "description": constant(None),
    "displayName": attribute("display_name", filters="eq"),
    "roleTemplateId": attribute("template_id", filters="eq"),
}
ROLE = Resource("directoryRoles", "directoryRole", _ROLE_PROPERTIES, tuple(_ROLE_PROPERTIES))


def _processing(_tenant: Tenant, group: Group) -> dict[str, str] | None:
    return {"state": "ProcessingComplete"} if group.licenses else None


def _group_licenses(_tenant: Tenant, group: Group) -> list[dict[str, Any]]:
    return [{"disabledPlans": list(item.disabled_plans), "skuId": item.sku_id} for item in group.licenses]


def group_types(group: Group) -> list[str]:
    """Graph's groupTypes."""
    return [*(["DynamicMembership"] if group.membership_rule else []), *(["Unified"] if group.unified else [])]


def mail_enabled(group: Group) -> bool:
    """Graph's mailEnabled."""
    return group.unified or group.mail is not None


_GROUP_PROPERTIES = {
    "id": attribute("id", filters="eq"),
    "deletedDateTime": Property(lambda _tenant, group: moment(group.deleted_at), "DateTimeOffset"),
    "createdDateTime": Property(lambda _tenant, group: moment(group.created_at), "DateTimeOffset"),
    "description": attribute("description", filters="eq"),
    "displayName": attribute("display_name", filters="eq"),
    "groupTypes": Property(lambda _tenant, group: group_types(group), "Collection", "any"),
    "isAssignableToRole": Property(lambda _tenant, group: group.role_assignable or None, "Boolean"),
    "mail": attribute("mail", filters="eq"),
    "mailEnabled": Property(lambda _tenant, group: mail_enabled(group), "Boolean", "eq"),
    "mailNickname": Property(
        lambda _tenant, group: group.mail_nickname or (group.mail or group.id).partition("@")[0], filters="eq"
    ),
    "membershipRule": attribute("membership_rule"),
    "membershipRuleProcessingState": Property(lambda _tenant, group: "On" if group.membership_rule else None),
    "onPremisesSyncEnabled": attribute("on_premises_sync_enabled", "Boolean", "eq"),
    "proxyAddresses": Property(lambda _tenant, group: list(group.proxy_addresses), "Collection", "any"),
    "securityEnabled": attribute("security_enabled", "Boolean", "eq"),
    "visibility": attribute("visibility"),
}
_LICENSED = {
    # Shown only when selected, like the licenses.
    "uniqueName": attribute("unique_name", filters="eq"),
    "assignedLicenses": Property(_group_licenses, "Collection", "any"),
    "licenseProcessingState": Property(_processing, "Complex"),
    "hasMembersWithLicenseErrors": constant(None, "Boolean"),
}
GROUP = Resource("groups", "group", _GROUP_PROPERTIES | _LICENSED, tuple(_GROUP_PROPERTIES), frozenset({"displayName"}))


@dataclass(frozen=True)
class Assignment:
    """One role held by one principal, as the newer role API shows it."""

    id: str
    principal_id: str
    role_definition_id: str


_ASSIGNMENT_PROPERTIES = {
    "id": attribute("id", filters="eq"),
    "principalId": attribute("principal_id", filters="eq"),
    "directoryScopeId": constant("/"),
    "resourceScope": constant("/"),
    "roleDefinitionId": attribute("role_definition_id", filters="eq"),
}
ASSIGNMENT = Resource(
    "roleManagement/directory/roleAssignments",
    "unifiedRoleAssignment",
    _ASSIGNMENT_PROPERTIES,
    ("id", "principalId", "directoryScopeId", "roleDefinitionId"),
)


def list_roles(call: Call) -> Answer:
    """GET /directoryRoles: the activated roles."""
    return query.collection(call, ROLE, call.tenant.roles.values())


def get_role(call: Call) -> Answer:
    """GET /directoryRoles/{id} and /directoryRoles(roleTemplateId='...')."""
    return Answer(200, ROLE.entity(call, _role(call)))


def list_role_members(call: Call) -> Answer:
    """GET /directoryRoles/{id}/members: users and service principals."""
    return objects(call, members(call, _role(call).members))


def _role(call: Call) -> DirectoryRole:
    name, value = call.keys[0]
    for role in call.tenant.roles.values():
        if value.lower() == (role.template_id if name.lower() == "roletemplateid" else role.id).lower():
            return role
    raise missing(value)


# Built-in roles beside those of the tenant (Microsoft Learn, "Microsoft Entra built-in roles"), by template id.
_BUILT_IN = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "29232cdf-9323-42fd-ade2-1d097af3e4de": "Exchange Administrator",
    "fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
    "194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
    "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9": "Conditional Access Administrator",
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
}


@dataclass(frozen=True)
class Definition:
    """A role, whether or not it was ever activated; the id of a built-in one is its template id."""

    id: str
    display_name: str


_DEFINITION_PROPERTIES = {
    "id": attribute("id", filters="eq"),
    "displayName": attribute("display_name", filters="eq"),
    "isBuiltIn": constant(True, "Boolean"),
    "isEnabled": constant(True, "Boolean"),
    "templateId": attribute("id", filters="eq"),
}
DEFINITION = Resource(
    "roleManagement/directory/roleDefinitions",
    "unifiedRoleDefinition",
    _DEFINITION_PROPERTIES,
    tuple(_DEFINITION_PROPERTIES),
)


def definitions(tenant: Tenant) -> dict[str, str]:
    """The display names of all roles, by definition id."""
    return _BUILT_IN | {role.template_id: role.display_name for role in tenant.roles.values()}


def list_definitions(call: Call) -> Answer:
    """GET /roleManagement/directory/roleDefinitions."""
    rows = [Definition(key, name) for key, name in definitions(call.tenant).items()]
    return query.collection(call, DEFINITION, rows)


def list_assignments(call: Call) -> Answer:
    """GET /roleManagement/directory/roleAssignments. The definition id of a built-in role is its template id."""
    rows = [
        Assignment(_assignment_id(role.template_id, member), member, role.template_id)
        for role in call.tenant.roles.values()
        for member in role.members
    ]
    return query.collection(call, ASSIGNMENT, rows)


def _assignment_id(role_id: str, principal_id: str) -> str:
    raw = uuid.uuid5(uuid.NAMESPACE_OID, f"{role_id}/{principal_id}").bytes
    return base64.urlsafe_b64encode(raw).decode().rstrip("=") + "-1"


def list_groups(call: Call) -> Answer:
    """GET /groups."""
    return query.collection(call, GROUP, call.reader.groups())


def get_group(call: Call) -> Answer:
    """GET /groups/{id} and /groups(uniqueName='...')."""
    return Answer(200, GROUP.entity(call, group_of(call)))


def list_group_owners(call: Call) -> Answer:
    """GET /groups/{id}/owners: users and service principals, each with its type."""
    return objects(call, members(call, group_of(call).owners))


def list_group_members(call: Call) -> Answer:
    """GET /groups/{id}/members: users, service principals and groups, each with its type."""
    return objects(call, members(call, group_of(call).members))


def group_of(call: Call) -> Group:
    """The group of the address, as this read sees it. Raises GraphError."""
    group = called(call)
    if group is None:
        raise missing(call.key)
    return group


def called(call: Call) -> Group | None:
    """The group of the address, None where this read does not see it."""
    name, value = call.keys[0]
    if name.lower() == "uniquename":
        return next((one for one in call.reader.groups() if one.unique_name == value), None)
    return call.reader.group(value.lower()) if name == "id" else None


def memberships(kind: str, *, transitive: bool) -> Callable[[Call], Answer]:
    """The handler of GET /users/{id}/memberOf or transitiveMemberOf.

    C(kind): C(directoryRole) or C(group) for a cast, empty for both.
    """

    def handler(call: Call) -> Answer:
        user = seen(call)
        if kind and call.tenant.switches.get("graph_cast_needs_consistency") and not query.is_advanced(call):
            raise unsupported("The specified OData cast needs the 'ConsistencyLevel:eventual' header and $count.")
        groups = list(_groups_of(call.tenant, user.id, transitive))
        holders = {user.id, *(group.id for group in groups)} if transitive else {user.id}
        roles = [role for role in call.tenant.roles.values() if holders & set(role.members)]
        if kind == "directoryRole":
            return query.collection(call, ROLE, roles)
        if kind == "group":
            return query.collection(call, GROUP, groups)
        return objects(call, [*((ROLE, role) for role in roles), *((GROUP, group) for group in groups)])

    return handler


def _groups_of(tenant: Tenant, member: str, transitive: bool) -> Iterable[Group]:
    found: dict[str, Group] = {}
    waiting = [member]
    while waiting:
        wanted = waiting.pop()
        for group in tenant.groups.values():
            if wanted in group.members and group.id not in found:
                found[group.id] = group
                waiting += [group.id] if transitive else []
    return found.values()


def objects(call: Call, found: Sequence[tuple[Resource, Any]]) -> Answer:
    """A page of objects of several types, each with its @odata.type; C($select) may name what any of the types has."""
    if set(call.query) & {"$filter", "$orderby"}:
        raise unsupported("The query is not supported on a collection of several types; use an OData cast.")
    select = call.query.get("$select")
    if select is not None:
        names = {name: prop for resource in _KINDS for name, prop in resource.properties.items()}
        Resource("directoryObjects", "directoryObject", names, ()).selection(select)
    return query.paged(call, found, lambda pair: str(pair[1].id), lambda pair: _typed(call, *pair), "directoryObjects")


_KINDS = (USER, GROUP, ROLE, PRINCIPAL)


def members(call: Call, ids: Iterable[str]) -> list[tuple[Resource, Any]]:
    """The objects that are there among the given ids, each with its type."""
    return [pair for pair in (_member(call, item_id) for item_id in ids) if pair is not None]


def _member(call: Call, item_id: str) -> tuple[Resource, Any] | None:
    user = call.reader.user(item_id)
    if user is not None:
        return USER, user
    group = call.reader.group(item_id)
    if group is not None:
        return GROUP, group
    principal = next((item for item in principals(call.tenant) if item.id == item_id), None)
    return (PRINCIPAL, principal) if principal is not None else None


def _typed(call: Call, resource: Resource, item: Any) -> dict[str, Any]:
    select = call.query.get("$select")
    names = resource.default
    if select is not None:
        wanted = (resource.named(part.strip()) for part in select.split(","))
        names = tuple(name for name in wanted if name is not None)
    return {"@odata.type": f"#microsoft.graph.{resource.type_name}"} | resource.written(call.tenant, item, names)
