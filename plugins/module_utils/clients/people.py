# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users and groups of a tenant, by the names that administrators use."""

from __future__ import annotations

from typing import Any

from .errors import ServiceError
from .graph import Graph, is_id, key, quoted


def find_user(graph: Graph, name: str) -> dict[str, Any] | None:
    """Id and principal name of a user, by either of them; None when Graph says that there is none."""
    return graph.get(f"/users/{key(name)}", select="id,userPrincipalName")


def needed_user(graph: Graph, name: str) -> dict[str, Any]:
    """The same. Raises ServiceError where there is no such user."""
    found = find_user(graph, name)
    if found is None:
        raise ServiceError(f"There is no user {name}.", advice="Name one by user principal name or object id.")
    return found


def needed_group(graph: Graph, name: str) -> dict[str, Any]:
    """Id and display name of a group, by either of them. Raises ServiceError where there is none, or several."""
    select = "id,displayName"
    if is_id(name):
        one = graph.get(f"/groups/{name}", select=select)
        found = [one] if one else []
    else:
        found = graph.list("/groups", filter=f"displayName eq {quoted(name)}", select=select)
    if len(found) == 1:
        return found[0]
    ids = ", ".join(sorted(str(one["id"]) for one in found))
    said = f"{len(found)} groups are called {name}: {ids}." if found else f"There is no group {name}."
    raise ServiceError(said, advice="Name it by its object id." if found else "Check the spelling.")
