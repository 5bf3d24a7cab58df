# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may use an enterprise application: users and groups, with default access or a role that the application offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from . import members
from .applications import Services, enterprise_application, no_enterprise_application
from .errors import ServiceError

State = dict[str, Any]

# The role of an assignment that names none (Microsoft Graph, "Grant an appRoleAssignment").
DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
_KINDS = {"users": "User", "groups": "Group"}


def assigned(services: Services, want: Mapping[str, Any]) -> State | None:
    """The state of one role of an enterprise application; None when there is no such application.

    Raises:
        ServiceError: it offers no such role.
    """
    principal = enterprise_application(services.graph, want["application"])
    if principal is None:
        return None
    path = f"/servicePrincipals/{principal['id']}"
    role = _role(services, path, want["role"])
    rows = [row for row in services.graph.list(f"{path}/appRoleAssignedTo", fresh=True) if row["appRoleId"] == role]
    return {
        "client_id": principal["appId"],
        "service_principal_id": principal["id"],
        "display_name": principal["displayName"],
        "assignment_required": bool(principal.get("appRoleAssignmentRequired")),
        "role": want["role"],
        "users": _user_names(services, [row for row in rows if row["principalType"] == "User"]),
        "groups": [_group_name(services, row) for row in rows if row["principalType"] == "Group"],
    }


def nobody(role: str | None) -> State:
    """The state of an enterprise application that is not there yet."""
    known: State = dict.fromkeys(("client_id", "service_principal_id", "display_name"))
    return {**known, "assignment_required": False, "role": role, "users": [], "groups": []}


def _role(services: Services, path: str, role: str | None) -> str:
    if role is None:
        return DEFAULT_ACCESS
    offered = (services.graph.get(path, select="id,appRoles") or {}).get("appRoles") or []
    ids = {str(one[name]).casefold(): str(one["id"]) for one in offered for name in ("displayName", "value")}
    if role.casefold() not in ids:
        has = ", ".join(sorted(str(one["value"]) for one in offered)) or "none"
        raise ServiceError(f"The application offers no role {role}.", advice=f"It has these: {has}.", code="noSuchRole")
    return ids[role.casefold()]


def _user_names(services: Services, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Users by principal name, in as few requests as there can be; one that is gone keeps his id for a name."""
    ids = [str(row["principalId"]) for row in rows]
    found = services.graph.batch(f"/users/{one}?$select=id,userPrincipalName" for one in ids)
    names = [str(user["userPrincipalName"]) if user else one for one, user in zip(ids, found, strict=True)]
    return [members.label(services, one, name) for name, one in zip(names, ids, strict=True)]


def _group_name(services: Services, row: Mapping[str, Any]) -> str:
    return members.label(services, str(row["principalId"]), str(row["principalDisplayName"]))


def canonical(services: Services, want: State) -> State:
    """The options with every user and group by one name. Raises ServiceError."""
    return members.canonical(
        want, {"users": partial(members.user, services), "groups": partial(members.group, services)}
    )


def write(services: Services, name: str, before: State, after: State, fields: Sequence[str]) -> None:
    """Assign and take away until those are assigned who should be. Raises ServiceError."""
    if before["service_principal_id"] is None:
        raise no_enterprise_application(name)
    path = f"/servicePrincipals/{before['service_principal_id']}"
    role = _role(services, path, before["role"])
    rows = services.graph.list(f"{path}/appRoleAssignedTo", fresh=True)
    held = {row["principalId"]: row for row in rows if row["appRoleId"] == role}
    for option in fields:
        asked = {members.id_of(services, name) for name in after[option]}
        own = {one for one, row in held.items() if row["principalType"] == _KINDS[option]}
        for one in sorted(asked - own):
            body = {"principalId": one, "resourceId": before["service_principal_id"], "appRoleId": role}
            services.graph.create(f"{path}/appRoleAssignedTo", body, fresh=True)
        for one in sorted(own - asked):
            services.graph.delete(f"{path}/appRoleAssignedTo/{held[one]['id']}")
