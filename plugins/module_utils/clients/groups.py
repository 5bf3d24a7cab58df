# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups of Entra ID: read with their members and owners, and written in the batches that Graph takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..domain import groups as shape
from . import members
from .applications import Services
from .errors import ServiceError
from .graph import Graph
from .graph_errors import REFERENCE_EXISTS
from .members import SHOWN, anybody, find_group, id_of, labelled, unique_group

State = dict[str, Any]
PARTS = ("members", "owners")
# Microsoft Graph, "Add members to a group": so many in one request, all or nothing.
AT_ONCE = 20


def group_state(services: Services, name: str) -> State | None:
    """The state of a group by any of its names; None when Graph says that there is none. Raises ServiceError."""
    group = find_group(services.graph, name, shape.PROPERTIES)
    if group is None:
        return None
    path = f"/groups/{group['id']}"
    lists = [services.graph.list(f"{path}/{part}", fresh=True, select=SHOWN) for part in PARTS]
    held, owners = ([labelled(services, row) for row in rows] for rows in lists)
    return shape.state_of(group, held, owners)


def canonical(services: Services, want: State) -> State:
    """The options with every member and owner under one name. Raises ServiceError where there is none of that name."""
    return members.canonical(want, dict.fromkeys(PARTS, partial(anybody, services)))


def save(services: Services, fields: Sequence[str], before: State | None, after: State | None) -> None:
    """Make or change a group, then its owners and members; or delete it. Raises ServiceError."""
    graph = services.graph
    if after is None:
        if before is not None:
            graph.delete(f"/groups/{before['id']}")
        return
    if before is None:
        object_id = _make(graph, after)
    else:
        object_id = before["id"]
        told = shape.body(fields, after)
        if told:
            graph.update(f"/groups/{object_id}", told, fresh=True)
    for part in PARTS:
        if part in fields:
            held = {id_of(services, name) for name in (before or {}).get(part, [])}
            _set(graph, f"/groups/{object_id}", part, held, {id_of(services, name) for name in after[part]})


def _make(graph: Graph, after: State) -> str:
    """Made at its unique name, so that a second try finds what the first one made."""
    path = unique_group(after["unique_name"])
    made = graph.upsert(path, shape.new_body(after)) or graph.get(path, select="id") or {}
    if "id" not in made:
        raise ServiceError(f"The group {after['unique_name']} was made, but is not shown yet.", advice="Run it again.")
    return str(made["id"])


def _set(graph: Graph, path: str, part: str, held: set[str], wanted: set[str]) -> None:
    """First add, then remove: the last owner of a Microsoft 365 group cannot go before the next one is there."""
    missing = sorted(wanted - held)
    for start in range(0, len(missing), AT_ONCE):
        _add(graph, path, part, missing[start : start + AT_ONCE])
    for one in sorted(held - wanted):
        # Without $ref the object itself might be deleted (Microsoft Graph, "Remove member").
        graph.delete(f"{path}/{part}/{one}/$ref")


def _add(graph: Graph, path: str, part: str, ids: Sequence[str]) -> None:
    """All in one request. One that is there already, which a lagging read did not show, would keep all others out."""
    links = [graph.reference(one)["@odata.id"] for one in ids]
    try:
        graph.update(path, {f"{part}@odata.bind": links}, fresh=True)
    except ServiceError as error:
        if REFERENCE_EXISTS.lower() not in error.said.lower():
            raise
        for one in ids:
            graph.create(f"{path}/{part}/$ref", graph.reference(one), fresh=True)
