# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registration of an application: read from several places, and written in the order that Entra ID needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..domain import applications as shape
from . import members
from .applications import (
    DELETED,
    PRINCIPAL,
    Services,
    apis_of,
    deleted_application,
    enterprise_application,
    find_application,
    find_principal,
    known_api,
    spelled_permissions,
    unique,
)
from .errors import ServiceError
from .graph import Graph

State = dict[str, Any]
EXISTS = "Request_MultipleObjectsWithSameKeyValue"


def registration(services: Services, name: str) -> State | None:
    """The state of an application by any of its names; None when Graph says there is none. Raises ServiceError."""
    application = find_application(services.graph, name, shape.PROPERTIES)
    if application is None:
        return None
    principal = find_principal(services.graph, application["appId"])
    holders = services.graph.list(
        f"/applications/{application['id']}/owners", fresh=True, select="id,userPrincipalName,appId"
    )
    asked = {access["resourceAppId"] for access in application.get("requiredResourceAccess") or ()}
    apis = {client_id: known_api(services, client_id) for client_id in asked}
    return shape.state_of(application, principal, [members.labelled(services, holder) for holder in holders], apis)


def owner(services: Services, name: str) -> str:
    """The owner that a text means, as results show him: a user's principal name, an application's client id.

    Raises:
        ServiceError: there is no such user and no such enterprise application.
    """
    found = members.found_user(services.graph, name)
    found = found or enterprise_application(services.graph, name)
    if found is None:
        raise ServiceError(
            f"There is no user and no enterprise application {name}.",
            advice="Name an owner by user principal name, object id, or the client id of an application.",
            code="noSuchOwner",
        )
    return members.labelled(services, found)


def canonical(services: Services, want: State) -> State:
    """The options with every permission as its API spells it, and every owner as results show him.

    Raises:
        ValueError: an API does not offer a permission.
        ServiceError: there is no such API or owner.
    """
    spelled = {option: spelled_permissions(services, kind, want[option]) for option, kind in shape.PERMISSIONS.items()}
    owners = want["owners"] and {
        part: holders and [owner(services, holder) for holder in holders] for part, holders in want["owners"].items()
    }
    return want | spelled | {"owners": owners}


def save(services: Services, fields: Sequence[str], before: State | None, after: State) -> None:
    """Make or change a registration with its service principal. Everything that is there already is kept.

    Arguments:
        fields: the options that change.
        before, after: its states; before None for a new one.
    """
    graph = services.graph
    apis = apis_of(services, [title for option in shape.PERMISSIONS for title in after[option]])
    if before is None:
        client_id, object_id = _make(
            graph, after, shape.body([f for f in fields if f != "unique_name"], after, {}, apis)
        )
    else:
        client_id, object_id = before["client_id"], before["id"]
        _change(graph, object_id, fields, after, apis)
    if "enterprise_application" in fields or "assignment_required" in fields:
        principal = _principal(graph, client_id)
        if bool(principal.get("appRoleAssignmentRequired")) != after["assignment_required"]:
            required = {"appRoleAssignmentRequired": after["assignment_required"]}
            graph.update(f"/servicePrincipals/{principal['id']}", required, fresh=True)
    if "owners" in fields:
        _set_owners(services, object_id, before["owners"] if before else [], after["owners"])


def _make(graph: Graph, after: State, body: Mapping[str, Any]) -> tuple[str, str]:
    """Made at its unique name, so that a second try finds what the first one made."""
    path = unique(after["unique_name"])
    made = graph.upsert(path, body) or graph.get(path, select="id,appId") or {}
    if "appId" not in made:
        raise ServiceError(
            f"The application {after['unique_name']} was made, but is not shown yet.", advice="Run it again."
        )
    return str(made["appId"]), str(made["id"])


def _change(graph: Graph, object_id: str, fields: Sequence[str], after: State, apis: Mapping[str, Any]) -> None:
    path = f"/applications/{object_id}"
    present = graph.get(path, select=shape.PROPERTIES) or {} if {"app_roles", "scopes"} & set(fields) else {}
    told = shape.body(fields, after, present, apis)
    first = shape.disabling(told, present)
    if first:
        _disable(graph, path, first)
    if told:
        graph.update(path, told, fresh=True)


def _disable(graph: Graph, path: str, told: Mapping[str, Any]) -> None:
    """Sent again where the answer is lost: the same once more does no harm, and what is disabled must not stay so."""
    try:
        graph.update(path, told, fresh=True)
    except ServiceError as error:
        if not error.ambiguous:
            raise
        graph.update(path, told, fresh=True)


def _principal(graph: Graph, client_id: str) -> dict[str, Any]:
    """The service principal, made where there is none. Without one nobody can sign in (AADSTS7000229)."""
    found = find_principal(graph, client_id) or _restored_principal(graph, client_id)
    if found:
        return found
    try:
        return graph.create("/servicePrincipals", {"appId": client_id}, fresh=True)
    except ServiceError as error:
        # A lagging replica did not show it.
        found = find_principal(graph, client_id) if error.code == EXISTS else None
        if found:
            return found
        raise


def _restored_principal(graph: Graph, client_id: str) -> dict[str, Any] | None:
    """The deleted service principal of an application that was restored, which does not come back by itself
    (Microsoft Graph, "Restore deleted item")."""
    gone = graph.list(f"{DELETED}servicePrincipal", select="id,appId")
    for principal in gone:
        if principal.get("appId") == client_id:
            graph.action(f"/directory/deletedItems/{principal['id']}/restore", {})
            return graph.get(f"/servicePrincipals/{principal['id']}", select=PRINCIPAL) or principal
    return None


def _set_owners(services: Services, object_id: str, before: Sequence[str], after: Sequence[str]) -> None:
    ids = {name: members.id_of(services, name) for name in {*before, *after}}
    path = f"/applications/{object_id}/owners"
    for name in after:
        if ids[name] not in {ids[held] for held in before}:
            services.graph.create(f"{path}/$ref", services.graph.reference(ids[name]), fresh=True)
    for name in before:
        if ids[name] not in {ids[kept] for kept in after}:
            services.graph.delete(f"{path}/{ids[name]}/$ref")


def free_name(graph: Graph, unique_name: str, how: str) -> bool:
    """See to a deleted application that keeps a unique name: C(restore) brings it back, C(purge) removes it for good.

    Returns:
        Whether one was brought back.
    """
    gone = deleted_application(graph, unique_name, "id,appId,uniqueName") if how != "refuse" else None
    if gone and how == "purge":
        graph.delete(f"/directory/deletedItems/{gone['id']}")
    elif gone:
        graph.action(f"/directory/deletedItems/{gone['id']}/restore", {})
    return gone is not None and how == "restore"


def restored(services: Services, unique_name: str) -> State:
    """The state of an application that was brought back moments ago. Raises ServiceError."""
    found = registration(services, unique_name)
    if found is None:
        raise ServiceError(f"The application {unique_name} was restored, but is not shown yet.", advice="Run it again.")
    return found


def taken(graph: Graph, unique_name: str) -> str:
    """Why a unique name cannot be given to an application that has none; empty when no other one has it."""
    other = graph.get(unique(unique_name), select="id,appId")
    return f"The application {other['appId']} has the unique name {unique_name} already." if other else ""


def reserved(graph: Graph, unique_name: str) -> str:
    """Why a unique name cannot be given to a new application; empty when it can."""
    gone = deleted_application(graph, unique_name, "id,appId,uniqueName,displayName,deletedDateTime")
    if gone is None:
        return ""
    return (
        f"The application {gone['appId']} was deleted on {str(gone.get('deletedDateTime'))[:10]} and keeps the unique name "
        f"{unique_name} for 30 days. Set soft_deleted to restore to bring it back, or to purge to remove it for good."
    )
