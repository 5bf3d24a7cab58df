# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applications, their service principals and the APIs of a tenant, by the names that administrators use."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from ..domain.api_permissions import Api, api_of, spelled, split
from .errors import ServiceError
from .graph import Graph, is_id, key, quoted

PRINCIPAL = "id,appId,displayName,appRoleAssignmentRequired,accountEnabled"
API = "id,appId,displayName,appRoles,oauth2PermissionScopes"
DELETED = "/directory/deletedItems/microsoft.graph."
AMBIGUOUS = "ambiguousName"


class Services(Protocol):
    """The clients of the task, and what its objects share."""

    graph: Graph

    def once(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """Make a value for the whole task when it is first needed."""


def unique(name: str) -> str:
    """The path of the application with a unique name."""
    return f"/applications(uniqueName='{key(name).replace('%27', '%27%27')}')"


def find_application(graph: Graph, name: str, select: str) -> dict[str, Any] | None:
    """One application by client id, object id, unique name or display name; None when Graph says there is none.

    Raises:
        ServiceError: Graph could not be asked, or several applications have that display name.
    """
    if is_id(name):
        return graph.get(f"/applications(appId={quoted(name)})", select=select) or graph.get(
            f"/applications/{name}", select=select
        )
    registered = graph.get(unique(name), select=select)
    if registered:
        return registered
    # Filters are case-insensitive; the rest of the name is exact (Microsoft Graph, "Use the filter query parameter").
    return _only(
        "applications", name, graph.list("/applications", filter=f"displayName eq {quoted(name)}", select=select)
    )


def _only(kind: str, name: str, found: list[dict[str, Any]]) -> dict[str, Any] | None:
    if len(found) > 1:
        ids = ", ".join(sorted(str(one["appId"]) for one in found))
        raise ServiceError(
            f"{len(found)} {kind} are called {name}: {ids}.",
            advice="Name the one you mean by its client id or its unique name.",
            code=AMBIGUOUS,
        )
    return found[0] if found else None


def deleted_application(graph: Graph, name: str, select: str) -> dict[str, Any] | None:
    """An application that was deleted in the last 30 days and still reserves this unique name.

    The list lags behind and knows no filter for unique names, so it is searched here.
    """
    rows = graph.list(f"{DELETED}application", select=select)
    return next((row for row in rows if row.get("uniqueName") == name), None)


def find_principal(graph: Graph, client_id: str, select: str = PRINCIPAL) -> dict[str, Any] | None:
    """The service principal (enterprise application) of an application."""
    return graph.get(f"/servicePrincipals(appId={quoted(client_id)})", select=select)


def enterprise_application(graph: Graph, name: str, select: str = PRINCIPAL) -> dict[str, Any] | None:
    """One enterprise application by client id, object id, the unique name of its registration, or display name.

    None only when Graph says that there is none.

    Raises:
        ServiceError: Graph could not be asked, or several have that display name.
    """
    if is_id(name):
        return find_principal(graph, name, select) or graph.get(f"/servicePrincipals/{name}", select=select)
    registered = graph.get(unique(name), select="appId")
    if registered:
        return find_principal(graph, registered["appId"], select)
    found = graph.list("/servicePrincipals", filter=f"displayName eq {quoted(name)}", select=select)
    return _only("enterprise applications", name, found)


def no_enterprise_application(name: str) -> ServiceError:
    """The error for an enterprise application that is not there."""
    return ServiceError(
        f"There is no enterprise application {name}.", advice="Register it first, with entra_app_registration."
    )


def titled(services: Services, found: Api) -> Api:
    """An API by the name that stands in titles: its own, or its client id where another API has that name already.

    Never where somebody names an API: anybody may call his application Microsoft Graph.
    """
    first: Api = services.once(("title", found.name.lower()), lambda: found)
    return found if first.id == found.id else replace(found, name=found.client_id)


def api(services: Services, name: str) -> Api:
    """An API by its display name or client id.

    Raises:
        ServiceError: the tenant has none, or several, of that name: anybody may call his application Microsoft Graph.
    """

    def look() -> Api:
        principal = enterprise_application(services.graph, name, API)
        if principal is None:
            raise ServiceError(
                f"There is no API {name} in this tenant.",
                advice="Write its name as the enterprise application has it, for example Microsoft Graph or Office 365 "
                "Exchange Online, or its client id.",
                code="noSuchApi",
            )
        return titled(services, api_of(principal))

    found: Api = services.once(("api", name.lower()), look)
    return found


def known_api(services: Services, client_id: str) -> Api | None:
    """An API by its client id; None where the tenant does not have it."""

    def look() -> Api | None:
        principal = find_principal(services.graph, client_id, API)
        return titled(services, api_of(principal)) if principal else None

    found: Api | None = services.once(("known api", client_id.lower()), look)
    return found


def spelled_permissions(services: Services, kind: str, wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The three lists of an option with every permission as its API spells it. Raises ServiceError, ValueError."""
    if wanted is None:
        return None
    return {
        part: titles and [spelled(api(services, split(title)[0]), kind, split(title)[1]) for title in titles]
        for part, titles in wanted.items()
    }


def apis_of(services: Services, titles: Iterable[str]) -> dict[str, Api]:
    """The APIs of permissions by the names that are used there, in lower case; those that are gone are left out."""
    names = {split(title)[0] for title in titles}
    found = {
        name: known_api(services, name)
        if is_id(name)
        else services.once(("title", name.lower()), partial(api, services, name))
        for name in names
    }
    return {name.lower(): known for name, known in found.items() if known}
