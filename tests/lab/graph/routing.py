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
from . import changes, deleted, licenses, organization, permissions, principals, query, roles, users
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


def _me(_call: Call) -> Answer:
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
        "organization": _read(organization.list_organizations, p.ORGANIZATION_READ, frozenset({"$select"})),
        "organization/*": _read(organization.get_organization, p.ORGANIZATION_READ, ENTITY),
        "domains": _read(organization.list_domains, p.DOMAINS_READ, frozenset({"$select", "$top", "$skiptoken"})),
        "domains/*": _read(organization.get_domain, p.DOMAINS_READ, ENTITY),
        "directoryRoles": _read(roles.list_roles, p.ROLES_READ, frozenset({"$select", "$filter"})),
        "directoryRoles/*": _read(roles.get_role, p.ROLES_READ, ENTITY),
        "directoryRoles/*/members": _read(roles.list_role_members, p.ROLES_READ, LIST),
        "roleManagement/directory/roleAssignments": _read(roles.list_assignments, p.ASSIGNMENTS_READ, LIST),
        "servicePrincipals": _read(principals.list_principals, p.PRINCIPALS_READ, LIST),
        "servicePrincipals/*": _read(principals.get_principal, p.PRINCIPALS_READ, ENTITY),
        "groups": _read(roles.list_groups, p.GROUPS_READ, LIST),
        "groups/*": _read(roles.get_group, p.GROUPS_READ, ENTITY),
        "groups/*/members": _read(roles.list_group_members, p.MEMBERS_READ, LIST, 3),
        "directory/deletedItems": _read(deleted.refuse_without_cast, None, ALL),
        "directory/deletedItems/microsoft.graph.user": _read(deleted.list_deleted_users, p.USERS_READ, LIST),
        "directory/deletedItems/*": _read(deleted.get_deleted, p.USERS_READ, ENTITY)
        | {"DELETE": Operation(deleted.purge, p.USERS_DELETE)},
        "directory/deletedItems/*/restore": {"POST": Operation(deleted.restore, p.USERS_DELETE)},
        "directory/onPremisesSynchronization": _read(organization.get_synchronization, None, ENTITY),
    }
    for name in ("", "directoryRole", "group"):
        cast = f"/microsoft.graph.{name}" if name else ""
        table[f"users/*/memberOf{cast}"] = _read(direct[name], p.MEMBERSHIPS_READ, LIST)
        table[f"users/*/transitiveMemberOf{cast}"] = _read(nested[name], p.MEMBERSHIPS_READ, LIST)
    return table


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
            replicas.observe(user.id)
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
