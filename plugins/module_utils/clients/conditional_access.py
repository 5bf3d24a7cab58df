# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditional Access policies: all read in one request, with every name resolved once, and written as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from ..domain import conditional_access as shape
from ..domain import lockout
from ..domain.lockout import Account
from .applications import enterprise_application, find_principal
from .credentials import kind_of
from .errors import ServiceError
from .graph import Graph
from .members import find_group, found_user, id_of, label
from .named_locations import PATH as LOCATIONS
from .named_locations import POLICIES, named
from .retry import Effort

State = dict[str, Any]
_DEFINITIONS = "/roleManagement/directory/roleDefinitions"
# Seconds in which what was made moments ago is mostly shown; whoever mistyped a name does not wait longer.
SETTLING = 8.0
_LISTS = {"roles": _DEFINITIONS, "locations": LOCATIONS}


class Services(Protocol):
    """The clients of the task, and what its objects share."""

    graph: Graph
    lock: threading.RLock

    def once(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """Make a value for the whole task when it is first needed."""


def canonical(services: Services, want: State) -> State:
    """The options with every user, group, role, application and location under one name. Raises ServiceError."""
    lists = {
        option: want[option] and [_resolved(services, noun, name) for name in want[option]]
        for option, (_group, _name, noun) in shape.PARTS.items()
    }
    return want | lists


def _resolved(services: Services, noun: str, name: str) -> str:
    if name.casefold() in shape.WORDS[noun]:
        return name.casefold()
    graph, title = services.graph, noun.removesuffix("s")
    if noun in _LISTS:
        found = _listed(services, noun, name)
    elif noun == "applications":
        found, title = enterprise_application(graph, name), "enterprise application"
    else:
        found = found_user(graph, name) if noun == "users" else find_group(graph, name, "id,displayName")
    if found is None:
        raise ServiceError(f"There is no {title} {name}.", advice="Check the spelling, or name it by its id.")
    return _labelled(services, noun, found)


def _listed(services: Services, noun: str, name: str) -> dict[str, Any] | None:
    """A role or a location by its name. One that an earlier task has made may not be on every replica yet."""
    effort = Effort(services.graph.http.clock)
    found = named(noun, _rows(services, noun), name)
    while found is None and effort.again(SETTLING):
        found = named(noun, services.graph.list(_LISTS[noun]), name)
    return found


def _labelled(services: Services, noun: str, row: Mapping[str, Any]) -> str:
    """One object under its one name. Policies know applications by their client id.

    Who is called like a word that means something else (C(all)) is shown by his id.
    """
    identifier = str(row["appId"] if noun == "applications" else row["id"])
    name = str(row.get("userPrincipalName") or row["displayName"])
    return label(services, identifier, identifier if name.casefold() in shape.WORDS[noun] else name, noun)


def _rows(services: Services, noun: str) -> list[dict[str, Any]]:
    """All role definitions or named locations, read once for the whole task."""
    rows: list[dict[str, Any]] = services.once(("all", noun), lambda: services.graph.list(_LISTS[noun]))
    return rows


def _name(services: Services, noun: str, identifier: str) -> str:
    """The one name of what a policy names; one that is gone keeps its id."""

    def look() -> str:
        graph = services.graph
        if noun in _LISTS:
            row = next((one for one in _rows(services, noun) if one["id"] == identifier), None)
        elif noun == "applications":
            row = find_principal(graph, identifier)
        else:
            row = graph.get(
                f"/{noun}/{identifier}", select="id,displayName" + (",userPrincipalName" if noun == "users" else "")
            )
        return _labelled(services, noun, row) if row else label(services, identifier, identifier, noun)

    shown: str = services.once(("named", noun, identifier), look)
    return shown


def states(services: Services, wants: Sequence[Mapping[str, Any]]) -> list[State | Exception | None]:
    """The states of policies, in their order; an error in the place of one. Raises ServiceError."""
    rows = services.graph.list(POLICIES)
    services.once("policies", dict)["rows"] = rows
    return [_state(services, rows, str(want["policy"])) for want in wants]


def _state(services: Services, rows: list[dict[str, Any]], name: str) -> State | Exception | None:
    try:
        found = named("policies", rows, name)
        return shape.state_of(found, partial(_name, services)) if found else None
    except ServiceError as error:
        return error


def _present(services: Services, before: State | None) -> dict[str, Any]:
    """The policy as it was read last, with the parts that no option is about. Raises ServiceError: it is not shown now."""
    if before is None:
        return {}
    found = next((row for row in _rows_read(services) if row["id"] == before["id"]), None)
    if found is None:
        raise ServiceError(
            f"The policy {before['display_name']} was read, and is not shown any more.",
            meaning="Written now, it would lose the parts that no option is about.",
            advice="Run it again.",
        )
    return found


def _rows_read(services: Services) -> list[dict[str, Any]]:
    """All policies as they were read last."""
    return services.once("policies", dict).get("rows") or []


def planned(services: Services, before: State | None, after: State) -> dict[str, Any]:
    """The whole policy as it would be, in Graph's words."""
    return shape.wire(after, _present(services, before), lambda noun, name: id_of(services, name, noun))


def save(services: Services, before: State | None, after: State | None) -> None:
    """Make, change or delete a policy. Raises ServiceError."""
    if after is None:
        if before is not None:
            services.graph.delete(f"{POLICIES}/{before['id']}")
        return
    told = planned(services, before, after)
    if before is None:
        services.graph.create(POLICIES, told, fresh=True)
    else:
        services.graph.update(f"{POLICIES}/{before['id']}", told, fresh=True)


def objection(services: Services, want: Mapping[str, Any], before: State | None, after: State | None) -> str:
    """Why a policy must not be so, because it lacks something or somebody could not get in any more; empty when it may.
    Doubts are warnings.

    Raises:
        ServiceError: a break-glass account is not there, or could not be asked for.
    """
    if after is None or shape.obstacle(after) or after["mode"] != "enabled":
        return shape.obstacle(after) if after else ""
    policy = planned(services, before, after)
    own = services.once("own account", lambda: _own(services))
    emergency = [
        services.once(("account", name), partial(_user, services, name)) for name in want["break_glass_accounts"] or ()
    ]
    # Of two policies that would lock out together, the second has to know of the first.
    with services.lock:
        return _decided(services, policy, before["id"] if before else None, own, emergency)


def _decided(
    services: Services, policy: dict[str, Any], identifier: str | None, own: Account | None, emergency: list[Account]
) -> str:
    """Why a policy must not be enabled; one that may be counts from now on for the others of the task."""
    coming: dict[str, Any] = services.once("coming policies", dict)
    key = identifier or policy["displayName"]
    others = [row for row in _rows_read(services) if row["id"] != identifier]
    others += [one for name, one in coming.items() if name != key]
    reason = lockout.objection(policy, others, own, emergency)
    if not reason:
        coming[key] = policy
        services.graph.warnings += lockout.doubts(policy, own, emergency)
    return reason


def _own(services: Services) -> Account | None:
    """Who this run is signed in as. Managed identities are never the subject of a policy (Microsoft Learn, "Conditional
    Access for workload identities")."""
    options = services.graph.options
    kind = kind_of(options)
    if kind == "managed_identity":
        return None
    if kind == "device_code":
        return _user(services, None)
    client_id = str(options["client_id"])
    principal = find_principal(services.graph, client_id)
    if principal is None:
        return None
    return Account(f"the application {principal['displayName']}", str(principal["id"]), application=True)


def _user(services: Services, name: str | None) -> Account:
    """An account with all that a policy can know it by; without a name, who is signed in."""
    graph, select = services.graph, "id,userPrincipalName,accountEnabled"
    found = graph.get("/me", select=select) if name is None else found_user(graph, name, select)
    if found is None:
        raise ServiceError(
            f"There is no user {name}, named in break_glass_accounts.",
            advice="An account that is not there saves nobody.",
        )
    held = graph.list(f"/users/{found['id']}/transitiveMemberOf", select="id,roleTemplateId")
    return Account(
        str(found["userPrincipalName"]),
        str(found["id"]),
        frozenset(str(one["id"]) for one in held),
        frozenset(str(one["roleTemplateId"]) for one in held if one.get("roleTemplateId")),
        enabled=bool(found["accountEnabled"]),
    )
