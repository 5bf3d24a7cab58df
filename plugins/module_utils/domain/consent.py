# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an application has been granted: delegated permissions as one text for each API, application permissions one by one.

Microsoft Graph v1.0, "oAuth2PermissionGrant resource type" and "appRoleAssignment resource type".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .api_permissions import APPLICATION, DELEGATED, Api, split

EVERYBODY, ONE = "AllPrincipals", "Principal"
Grants = Sequence[Mapping[str, Any]]


def own_grants(grants: Grants, user_id: str | None) -> list[Mapping[str, Any]]:
    """The delegated grants for the whole tenant, or those of one user."""
    if user_id is None:
        return [grant for grant in grants if grant["consentType"] == EVERYBODY]
    return [grant for grant in grants if grant["consentType"] == ONE and grant.get("principalId") == user_id]


def scopes(grant: Mapping[str, Any]) -> list[str]:
    """The permissions of a grant; the service returns them with blanks around and in any order."""
    return str(grant.get("scope") or "").split()


def delegated(grants: Grants, apis: Mapping[str, Api]) -> list[str]:
    """The delegated permissions of some grants as the administrator writes them. C(apis): by object id."""
    return [f"{apis[grant['resourceId']].name}/{scope}" for grant in grants for scope in scopes(grant)]


def application(assignments: Grants, apis: Mapping[str, Api]) -> list[str]:
    """The application permissions of some assignments as the administrator writes them."""
    return [apis[one["resourceId"]].title(APPLICATION, one["appRoleId"]) for one in assignments]


def undeclared(granted: Iterable[str], option: Mapping[str, Any] | None) -> list[str]:
    """What is granted although nothing that is declared asks for it."""
    wanted = {title.casefold() for part in ("set", "add") for title in (option or {}).get(part) or ()}
    return [title for title in granted if title.casefold() not in wanted]


def by_api(titles: Iterable[str], apis: Mapping[str, Api]) -> dict[str, list[str]]:
    """Permissions by the object id of their API. C(apis): by name in lower case."""
    found: dict[str, list[str]] = {}
    for title in titles:
        name, permission = split(title)
        # An API that is gone is called by its object id.
        known = apis.get(name.lower())
        found.setdefault(known.id if known else name, []).append(permission)
    return found


def delegated_writes(
    present: Grants, wanted: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[str]], dict[str, list[str]], list[str]]:
    """What has to be written so that the grants say what is wanted.

    Arguments:
        present: the grants of the tenant or of one user, never anybody else's.
        wanted: the permissions by the object id of their API.

    Returns:
        New grants by API, the whole new text of grants by their id, and ids of grants to remove.
    """
    held = {grant["resourceId"]: grant for grant in present}
    new = {api: list(names) for api, names in wanted.items() if names and api not in held}
    changed = {
        str(grant["id"]): list(wanted[api])
        for api, grant in held.items()
        if wanted.get(api) and set(wanted[api]) != set(scopes(grant))
    }
    return new, changed, [str(grant["id"]) for api, grant in held.items() if not wanted.get(api)]


KINDS = {"delegated_permissions": DELEGATED, "application_permissions": APPLICATION}


def nothing() -> dict[str, Any]:
    """The consent of an application that is not there yet."""
    known: dict[str, Any] = dict.fromkeys(("client_id", "service_principal_id", "display_name"))
    lists: dict[str, Any] = {option: [] for option in KINDS}
    return {**known, **lists, "undeclared": {option: [] for option in KINDS}, "users": {}}
