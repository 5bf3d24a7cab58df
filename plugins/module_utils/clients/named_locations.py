# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Named locations of Conditional Access. It takes one request a second, so all of them are read in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..domain import named_locations as shape
from .applications import AMBIGUOUS
from .errors import ServiceError
from .graph import Graph

State = dict[str, Any]
ROOT = "/identity/conditionalAccess"
PATH, POLICIES = f"{ROOT}/namedLocations", f"{ROOT}/policies"


def named(kind: str, rows: Iterable[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The one of some objects of Conditional Access with this id or display name, in any letter case.

    Raises:
        ServiceError: several have that name; Conditional Access does not mind.
    """
    found = [row for row in rows if name.casefold() in (str(row["id"]).casefold(), str(row["displayName"]).casefold())]
    if len(found) > 1:
        ids = ", ".join(sorted(str(row["id"]) for row in found))
        raise ServiceError(
            f"{len(found)} {kind} are called {name}: {ids}.", advice="Name the one you mean by its id.", code=AMBIGUOUS
        )
    return found[0] if found else None


def states(graph: Graph, wants: Sequence[Mapping[str, Any]]) -> list[State | Exception | None]:
    """The states of named locations, in their order; None for one that is not there. Raises ServiceError."""
    rows = graph.list(PATH)
    return [_state(rows, str(want["location"])) for want in wants]


def _state(rows: list[dict[str, Any]], name: str) -> State | Exception | None:
    try:
        found = named("named locations", rows, name)
    except ServiceError as ambiguous:
        return ambiguous
    return shape.state_of(found) if found else None


def users_of(graph: Graph, location_id: str) -> list[str]:
    """The policies that name a location. Raises ServiceError."""
    parts = ("includeLocations", "excludeLocations")
    return sorted(
        str(policy["displayName"])
        for policy in graph.list(POLICIES)
        if any(location_id in (_locations(policy).get(part) or ()) for part in parts)
    )


def _locations(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    return (policy.get("conditions") or {}).get("locations") or {}


def obstacle(graph: Graph, before: State | None, after: State | None) -> str:
    """Why a named location cannot be so, or not be gone; empty when nothing stands in the way. Raises ServiceError."""
    if after is not None:
        return shape.obstacle(before, after)
    used = users_of(graph, before["id"]) if before else []
    return f"These policies name it: {', '.join(used)}. Take it out of them first." if used else ""


def save(graph: Graph, fields: Sequence[str], before: State | None, after: State | None) -> None:
    """Make, change or delete a named location. Raises ServiceError."""
    if before is not None and after is None:
        _remove(graph, before)
    elif after is not None:
        _write(graph, fields, before, after)


def _write(graph: Graph, fields: Sequence[str], before: State | None, after: State) -> None:
    told = shape.body(fields, after)
    if before is None:
        graph.create(PATH, {**told, "displayName": after["display_name"]})
    else:
        graph.update(f"{PATH}/{before['id']}", told, fresh=True)


def _remove(graph: Graph, before: State) -> None:
    """A trusted one has to lose that before it can be deleted."""
    if before["trusted"]:
        graph.update(f"{PATH}/{before['id']}", shape.body(["trusted"], before | {"trusted": False}))
    graph.delete(f"{PATH}/{before['id']}")
