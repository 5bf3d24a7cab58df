# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users, groups and applications as administrators name them, each resolved once to an id and shown under one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .applications import AMBIGUOUS, Services, enterprise_application
from .errors import ServiceError
from .graph import Graph, is_id, key, quoted

SHOWN = "id,userPrincipalName,displayName,appId"


def label(services: Services, object_id: str, name: str, kind: str = "") -> str:
    """The one name under which an object is shown in this task: its id where another one has that name already.

    C(kind): objects of different kinds may share a name.
    """
    first = services.once(("member", kind, name.casefold()), lambda: object_id)
    shown: str = services.once(("label", kind, object_id), lambda: name if first == object_id else object_id)
    services.once(("member", kind, shown.casefold()), lambda: object_id)
    return shown


def id_of(services: Services, shown: str, kind: str = "") -> str:
    """The id of an object by the name that L(label) gave it."""

    def unknown() -> str:
        raise LookupError(f"{shown} was never given a label")

    found: str = services.once(("member", kind, shown.casefold()), unknown)
    return found


def canonical(want: Mapping[str, Any], options: Mapping[str, Callable[[str], str]]) -> dict[str, Any]:
    """The options of a module with everybody in them under one name.

    Arguments:
        want: the options.
        options: those that name somebody (C(set), C(add), C(remove)), and what gives the one name of each.
    """
    return dict(want) | {
        option: want[option]
        and {part: names and [look(name) for name in names] for part, names in want[option].items()}
        for option, look in options.items()
    }


def labelled(services: Services, row: Mapping[str, Any]) -> str:
    """A directory object that Graph listed, under its one name. Without permission Graph shows no more than its id."""
    name = row.get("userPrincipalName") or row.get("appId") or row.get("displayName") or row["id"]
    return label(services, str(row["id"]), str(name))


def found_user(graph: Graph, name: str, select: str = "id,userPrincipalName,displayName") -> dict[str, Any] | None:
    """A user by principal name or object id; None when Graph says that there is none."""
    return graph.get(f"/users/{key(name)}", select=select)


def needed_user(graph: Graph, name: str) -> dict[str, Any]:
    """Id and principal name of a user. Raises ServiceError where there is no such user."""
    found = found_user(graph, name, "id,userPrincipalName")
    if found is None:
        raise ServiceError(f"There is no user {name}.", advice="Name one by user principal name or object id.")
    return found


def user(services: Services, name: str) -> str:
    """A user's one name. Raises ServiceError where there is no such user."""
    return labelled(services, needed_user(services.graph, name))


def unique_group(name: str) -> str:
    """The path of the group with a unique name."""
    return f"/groups(uniqueName='{key(name).replace('%27', '%27%27')}')"


def find_group(graph: Graph, name: str, select: str) -> dict[str, Any] | None:
    """One group by object id, unique name or display name; None when Graph says that there is none.

    Raises:
        ServiceError: Graph could not be asked, or several groups have that display name.
    """
    if is_id(name):
        return graph.get(f"/groups/{name}", select=select)
    named = graph.get(unique_group(name), select=select)
    if named:
        return named
    found = graph.list("/groups", filter=f"displayName eq {quoted(name)}", select=select)
    if len(found) > 1:
        ids = ", ".join(sorted(str(one["id"]) for one in found))
        raise ServiceError(
            f"{len(found)} groups are called {name}: {ids}.", advice="Name it by its object id.", code=AMBIGUOUS
        )
    return found[0] if found else None


def group(services: Services, name: str) -> str:
    """A group's one name. Raises ServiceError where there is no such group, or several."""
    found = find_group(services.graph, name, "id,displayName")
    if found is None:
        raise ServiceError(f"There is no group {name}.", advice="Check the spelling.")
    return labelled(services, found)


def anybody(services: Services, name: str) -> str:
    """The one name of a user, a group or an application.

    Whatever has an at sign is a user. Of the others a group goes before an application of the same name.

    Raises:
        ServiceError: there is none, or several groups or applications have that name.
    """

    def look() -> str:
        graph = services.graph
        found = found_user(graph, name) if "@" in name or is_id(name) else None
        if "@" not in name:
            found = found or find_group(graph, name, "id,displayName") or enterprise_application(graph, name)
        if found is None:
            raise ServiceError(
                f"There is no user, group or enterprise application {name}.",
                advice="Name a user by principal name, a group by its name, an application by its client id, or any of "
                "them by object id.",
                code="noSuchMember",
            )
        return labelled(services, found)

    shown: str = services.once(("anybody", name.casefold()), look)
    return shown
