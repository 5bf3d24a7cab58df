# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a request to the operation that answers it: addresses, methods, permissions.

Order of refusal, as the service shows it: token (401), address (400), method (405), permission (403), query options and
body (400), then the operation itself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from ..replicas import Reader, replicas_of
from ..state import Tenant
from . import (
    applications,
    assignments,
    changes,
    conditional_access,
    credential_policies,
    deleted,
    grants,
    groups,
    licenses,
    named_locations,
    organization,
    owners,
    permissions,
    principals,
    query,
    roles,
    sign_in_log,
    users,
)
from .call import Answer, Call
from .errors import GraphError, concurrent, forbidden, refused, syntax
from .provisioning import settle

ENTITY = frozenset({"$select"})
LIST = frozenset({"$select", "$filter", "$top", "$orderby", "$count", "$skiptoken"})
NONE: frozenset[str] = frozenset()
# Left to the operation, which has words of its own.
ALL = query.KNOWN
_KEYED = re.compile(r"(?P<name>[A-Za-z.]+)\((?:(?P<property>[A-Za-z]+)=)?'(?P<value>.*)'\)")


@dataclass(frozen=True)
class Operation:
    """What answers a method at an address.

    C(allowed): any of these permissions opens it, None = the operation judges itself. C(options): the query options it
    serves. C(writes_user): a second write on the same user at the same time is refused. C(units): its cost.
    """

    handler: Callable[[Call], Answer]
    allowed: frozenset[str] | None
    options: frozenset[str] = NONE
    writes_user: bool = False
    units: int = 1


@dataclass
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    keyed: _Node | None = None
    operations: dict[str, Operation] = field(default_factory=dict)


def _me(call: Call) -> Answer:
    if call.claims.get("idtyp") == "user":
        call.keys.append(("id", str(call.claims["oid"])))
        return users.get_user(call)
    raise refused("/me request is only valid with delegated authentication flow.")


def _read(
    handler: Callable[[Call], Answer], allowed: frozenset[str] | None, options: frozenset[str], units: int = 1
) -> dict[str, Operation]:
    return {"GET": Operation(handler, allowed, options, units=units)}


def _table() -> dict[str, dict[str, Operation]]:
    """Every address that is served; a star stands for a key."""
    p = permissions
    direct = {name: roles.memberships(name, transitive=False) for name in ("", "directoryRole", "group")}
    nested = {name: roles.memberships(name, transitive=True) for name in ("", "directoryRole", "group")}
    table = {
        "me": _read(_me, None, ALL),
        "users": _read(users.list_users, p.USERS_READ, LIST, 2)
        | {"POST": Operation(changes.create_user, p.USERS_WRITE)},
        "users/$count": _read(users.count_users, p.USERS_READ, frozenset({"$filter"})),
        "users/*": _read(users.get_user, p.USERS_READ, ENTITY, 1)
        | {
            "PATCH": Operation(changes.update_user, p.USERS_WRITE, writes_user=True),
            "DELETE": Operation(users.delete_user, p.USERS_DELETE, writes_user=True),
        },
        "users/*/assignLicense": {"POST": Operation(licenses.assign_license, p.LICENSES_WRITE, writes_user=True)},
        "users/*/licenseDetails": _read(licenses.list_license_details, p.LICENSES_READ, NONE),
        "users/*/mailboxSettings": _read(users.mailbox_settings, None, ENTITY),
        "users/*/mailboxSettings/userPurpose": _read(users.user_purpose, None, NONE),
        "users/*/onPremisesSyncBehavior": _read(users.get_sync_behavior, p.SYNC_BEHAVIOR_READ, ENTITY)
        | {"PATCH": Operation(users.set_sync_behavior, p.SYNC_BEHAVIOR_WRITE, writes_user=True)},
        "subscribedSkus": _read(licenses.list_skus, p.SKUS_READ, ALL, 3),
        "subscribedSkus/*": _read(licenses.get_sku, p.SKUS_READ, ENTITY),
        "auditLogs/signIns": _read(sign_in_log.list_sign_ins, p.SIGN_INS_READ, LIST),
        "organization": _read(organization.list_organizations, p.ORGANIZATION_READ, frozenset({"$select"})),
        "organization/*": _read(organization.get_organization, p.ORGANIZATION_READ, ENTITY),
        "domains": _read(organization.list_domains, p.DOMAINS_READ, frozenset({"$select", "$top", "$skiptoken"})),
        "domains/*": _read(organization.get_domain, p.DOMAINS_READ, ENTITY),
        "directoryRoles": _read(roles.list_roles, p.ROLES_READ, frozenset({"$select", "$filter"})),
        "directoryRoles/*": _read(roles.get_role, p.ROLES_READ, ENTITY),
        "directoryRoles/*/members": _read(roles.list_role_members, p.ROLES_READ, LIST),
        "roleManagement/directory/roleDefinitions": _read(roles.list_definitions, p.ROLES_READ, LIST),
        "roleManagement/directory/roleAssignments": _read(roles.list_assignments, p.ASSIGNMENTS_READ, LIST),
        "directory/onPremisesSynchronization": _read(organization.get_synchronization, None, ENTITY),
    }
    table |= _conditional_access_table() | _group_table() | _application_table() | _principal_table() | _deleted_table()
    for name in ("", "directoryRole", "group"):
        cast = f"/microsoft.graph.{name}" if name else ""
        table[f"users/*/memberOf{cast}"] = _read(direct[name], p.MEMBERSHIPS_READ, LIST)
        table[f"users/*/transitiveMemberOf{cast}"] = _read(nested[name], p.MEMBERSHIPS_READ, LIST)
    return table


def _conditional_access_table() -> dict[str, dict[str, Operation]]:
    """Conditional Access; it judges permissions itself, in its own words."""
    root = "identity/conditionalAccess"
    table = {}
    for name, module in (("policies", conditional_access), ("namedLocations", named_locations)):
        table[f"{root}/{name}"] = _read(module.list_all, None, LIST) | {"POST": Operation(module.create, None)}
        table[f"{root}/{name}/*"] = _read(module.get_one, None, ENTITY) | {
            "PATCH": Operation(module.update, None),
            "DELETE": Operation(module.delete, None),
        }
    return table


def _group_table() -> dict[str, dict[str, Operation]]:
    """Groups, their members and owners. Who may write members only is judged when the body is known."""
    p = permissions
    table = {
        "groups": _read(roles.list_groups, p.GROUPS_READ, LIST)
        | {"POST": Operation(groups.create_group, p.GROUPS_CREATE)},
        "groups/*": _read(roles.get_group, p.GROUPS_READ, ENTITY)
        | {
            "PATCH": Operation(groups.update_group, p.MEMBERS_WRITE | p.GROUPS_CREATE),
            "DELETE": Operation(groups.delete_group, p.GROUPS_WRITE),
        },
        "groups/*/members": _read(roles.list_group_members, p.MEMBERS_READ, LIST, 3),
        "groups/*/owners": _read(roles.list_group_owners, p.MEMBERS_READ, LIST),
        "groups/*/members/*": {"DELETE": Operation(groups.delete_member_itself, p.USERS_DELETE)},
    }
    for part, write in (("members", p.MEMBERS_WRITE), ("owners", p.GROUPS_WRITE)):
        table[f"groups/*/{part}/$ref"] = {"POST": Operation(groups.adder(part), write)}
        table[f"groups/*/{part}/*/$ref"] = {"DELETE": Operation(groups.remover(part), write)}
    return table


def _application_table() -> dict[str, dict[str, Operation]]:
    """Applications, their credentials and the policies for these."""
    p = permissions
    write = p.APPLICATIONS_WRITE
    return {
        "applications": _read(applications.list_applications, p.PRINCIPALS_READ, LIST, 2)
        | {"POST": Operation(applications.create_application, write)},
        "applications/*": _read(applications.get_application, p.PRINCIPALS_READ, ENTITY)
        | {
            "PATCH": Operation(applications.update_application, write),
            "DELETE": Operation(applications.delete_application, write),
        },
        "applications/*/addPassword": {"POST": Operation(applications.add_password, write)},
        "applications/*/removePassword": {"POST": Operation(applications.remove_password, write)},
        "applications/*/appManagementPolicies": _read(applications.list_credential_policies, p.POLICIES_READ, LIST),
        "policies/defaultAppManagementPolicy": _read(credential_policies.get_default_policy, p.POLICIES_READ, NONE),
        "policies/appManagementPolicies": _read(credential_policies.list_policies, p.POLICIES_READ, LIST),
        "policies/appManagementPolicies/*": _read(credential_policies.get_policy, p.POLICIES_READ, ENTITY),
    }


def _principal_table() -> dict[str, dict[str, Operation]]:
    """Service principals, who owns them and applications, and what they were granted."""
    p = permissions
    write = p.PRINCIPALS_WRITE
    table = {
        "servicePrincipals": _read(principals.list_principals, p.PRINCIPALS_READ, LIST)
        | {"POST": Operation(principals.create_principal, write)},
        "servicePrincipals/*": _read(principals.get_principal, p.PRINCIPALS_READ, ENTITY)
        | {
            "PATCH": Operation(principals.update_principal, write),
            "DELETE": Operation(principals.delete_principal, write),
        },
        "servicePrincipals/*/oauth2PermissionGrants": _read(grants.list_principal_grants, p.GRANTS_READ, LIST),
        "applications/*/owners": _read(owners.list_application_owners, p.PRINCIPALS_READ, LIST),
        "servicePrincipals/*/owners": _read(owners.list_principal_owners, p.PRINCIPALS_READ, LIST),
        "oauth2PermissionGrants": _read(grants.list_grants, p.GRANTS_READ, LIST, 2)
        | {"POST": Operation(grants.create_grant, p.GRANTS_WRITE)},
        "oauth2PermissionGrants/*": _read(grants.get_grant, p.GRANTS_READ, ENTITY)
        | {
            "PATCH": Operation(grants.update_grant, p.GRANTS_WRITE),
            "DELETE": Operation(grants.delete_grant, p.GRANTS_WRITE),
        },
    }
    for kind in ("applications", "servicePrincipals"):
        of_principal = kind == "servicePrincipals"
        table[f"{kind}/*/owners/$ref"] = {"POST": Operation(owners.add_owner(of_principal), write)}
        table[f"{kind}/*/owners/*/$ref"] = {"DELETE": Operation(owners.remove_owner(of_principal), write)}
    for address, side in assignments.SIDES.items():
        # Who is assigned to a resource is part of the application; what someone holds is part of the directory.
        reads = p.PRINCIPALS_READ if address.endswith("appRoleAssignedTo") else p.APP_ROLES_READ
        if address.startswith("servicePrincipals"):
            reads = reads | p.PRINCIPALS_READ
        table[address] = _read(assignments.lister(side), reads, LIST, 2) | {
            "POST": Operation(assignments.creator(side), p.APP_ROLES_WRITE)
        }
        table[f"{address}/*"] = {"DELETE": Operation(assignments.remover(side), p.APP_ROLES_WRITE)}
    return table


def _deleted_table() -> dict[str, dict[str, Operation]]:
    """Deleted items of every kind; whoever may write one kind is judged again when it is clear which it is."""
    p = permissions
    return {
        "directory/deletedItems": _read(deleted.refuse_without_cast, None, ALL),
        "directory/deletedItems/microsoft.graph.user": _read(deleted.list_deleted_users, p.USERS_READ, LIST),
        "directory/deletedItems/microsoft.graph.group": _read(deleted.list_deleted_groups, p.GROUPS_READ, LIST),
        "directory/deletedItems/microsoft.graph.application": _read(
            deleted.list_deleted_applications, p.PRINCIPALS_READ, LIST
        ),
        "directory/deletedItems/microsoft.graph.servicePrincipal": _read(
            deleted.list_deleted_principals, p.PRINCIPALS_READ, LIST
        ),
        "directory/deletedItems/*": _read(deleted.get_deleted, p.USERS_READ | p.PRINCIPALS_READ | p.GROUPS_READ, ENTITY)
        | {"DELETE": Operation(deleted.purge, p.USERS_DELETE | p.PRINCIPALS_WRITE | p.GROUPS_WRITE)},
        "directory/deletedItems/*/restore": {
            "POST": Operation(deleted.restore, p.USERS_DELETE | p.PRINCIPALS_WRITE | p.GROUPS_WRITE)
        },
    }


def _tree() -> _Node:
    root = _Node()
    for address, operations in _table().items():
        node = root
        for segment in address.split("/"):
            if segment == "*":
                node.keyed = node.keyed or _Node()
                node = node.keyed
            else:
                node = node.literal.setdefault(segment.lower(), _Node())
        node.operations = operations
    return root


_ROOT = _tree()


def _segments(path: str) -> list[str]:
    """The segments of a path that is still percent-encoded, decoded one by one."""
    return [unquote(segment) for segment in path.strip("/").split("/") if segment]


def _find(call: Call) -> _Node:
    """The node of the call's address; fills the call's keys. Raises GraphError for an address that does not exist."""
    node = _ROOT
    for segment in call.path:
        keyed = _KEYED.fullmatch(segment)
        name = keyed["name"] if keyed else segment
        below = node.literal.get(name.lower())
        if below is not None:
            node = below
        elif node.keyed is not None and keyed is None:
            call.keys.append(("id", segment))
            node = node.keyed
        else:
            raise syntax(f"Resource not found for the segment '{name}'.")
        if keyed and below is not None:
            if node.keyed is None:
                raise syntax(f"Resource not found for the segment '{name}'.")
            call.keys.append((keyed["property"] or "id", keyed["value"].replace("''", "'")))
            node = node.keyed
    if not node.operations:
        raise syntax(f"Resource not found for the segment '{call.path[-1] if call.path else ''}'.")
    return node


async def dispatch(call: Call) -> Answer:
    """Answer one call. Raises GraphError."""
    node = _find(call)
    operation = node.operations.get(call.method)
    if operation is None:
        words = "Specified HTTP method is not allowed for the request target."
        raise GraphError(405, "Request_BadRequest", words, headers={"Allow": ", ".join(node.operations)})
    if operation.allowed is not None and not call.permissions & operation.allowed:
        raise forbidden()
    if call.path[0].lower() == "identity":
        conditional_access.throttle(call)
    query.check(call.query, operation.options)
    settle(call.tenant)
    if operation.writes_user:
        answer = await _alone(call, operation)
    else:
        answer = operation.handler(call)
    answer.headers["x-ms-resource-unit"] = str(max(1, operation.units - ("$select" in call.query)))
    return answer


async def _alone(call: Call, operation: Operation) -> Answer:
    """Run a write that keeps its user busy for a moment of real time; a second one meanwhile is refused."""
    user = users.real(call)
    busy: set[str] = call.tenant.scratch.setdefault("graph_busy", set())
    if user.id in busy:
        raise concurrent()
    busy.add(user.id)
    try:
        replicas = replicas_of(call.tenant)
        if replicas is not None:
            replicas.observe("users", user.id)
        await asyncio.sleep(float(call.tenant.switches.get("graph_write_seconds", 0.01)))
        return operation.handler(call)
    finally:
        busy.discard(user.id)


def new_call(
    tenant: Tenant,
    base_url: str,
    method: str,
    target: str,
    headers: Mapping[str, str],
    raw_body: bytes,
    claims: Mapping[str, Any],
) -> Call:
    """A call to C(target), a path relative to C(/v1.0/) with its query, percent-encoded."""
    path, _unused, text = target.partition("?")
    options = dict(parse_qsl(text, keep_blank_values=True))
    return Call(tenant, base_url, method.upper(), _segments(path), options, headers, raw_body, claims, Reader(tenant))
