# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions of APIs by name: C(Microsoft Graph/Mail.Send), delegated (on behalf of a user) or application (by itself).

Ids are never written down: an API says itself what it offers, in its service principal (Microsoft Graph,
"servicePrincipal resource type": appRoles and oauth2PermissionScopes).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DELEGATED, APPLICATION = "delegated", "application"
# How a registration calls the two kinds (Microsoft Graph, "resourceAccess resource type").
WIRE_KIND = {DELEGATED: "Scope", APPLICATION: "Role"}


@dataclass(frozen=True)
class Api:
    """An API of the tenant.

    Arguments:
        id: object id of its service principal.
        client_id: its application (client) id.
        name: its display name.
        offers: by kind, the ids of its permissions by their names.
    """

    id: str
    client_id: str
    name: str
    offers: Mapping[str, Mapping[str, str]]

    def title(self, kind: str, permission_id: str) -> str:
        """A permission as the administrator writes it; its id where the API no longer offers it."""
        names = {known: name for name, known in self.offers[kind].items()}
        return f"{self.name}/{names.get(permission_id, permission_id)}"


def api_of(principal: Mapping[str, Any]) -> Api:
    """What an API offers, from its service principal in Graph. What has no value cannot be asked for by name."""
    roles = [role for role in principal.get("appRoles") or () if "Application" in role["allowedMemberTypes"]]
    offers = {DELEGATED: principal.get("oauth2PermissionScopes") or (), APPLICATION: roles}
    return Api(
        str(principal["id"]),
        str(principal["appId"]),
        str(principal["displayName"]),
        {
            kind: {str(one["value"]): str(one["id"]) for one in offered if one["value"]}
            for kind, offered in offers.items()
        },
    )


def split(text: str) -> tuple[str, str]:
    """The API and the permission of C(Microsoft Graph/Mail.Send). Raises ValueError where the text is something else."""
    api, _slash, permission = (part.strip() for part in text.rpartition("/"))
    if not api or not permission or any(sign.isspace() for sign in permission):
        raise ValueError(f"{text!r} is no permission; write API/permission, for example Microsoft Graph/Mail.Send")
    return api, permission


def canonical(text: str) -> str:
    """A permission without blanks around its parts. Raises ValueError as L(split) does."""
    return "/".join(split(text))


def permission_id(api: Api, kind: str, name: str) -> str:
    """The id of a permission.

    Raises:
        ValueError: the API does not offer it; names that are nearly the same are listed.
    """
    if found := _offered(api, kind, name):
        return found
    other = APPLICATION if kind == DELEGATED else DELEGATED
    if name.casefold() in map(str.casefold, api.offers[other]):
        raise ValueError(f"{api.name}/{name} is a permission of the kind {other}, not {kind}")
    raise ValueError(f"{api.name} has no {kind} permission {name}{_near(name, api.offers[kind])}")


def _offered(api: Api, kind: str, name: str) -> str | None:
    known = {offered.casefold(): wanted for offered, wanted in api.offers[kind].items()}
    return known.get(name.casefold(), name if name in known.values() else None)


def kept_id(api: Api, kind: str, name: str) -> str:
    """The id of a permission that is there already or was found before: one that is no longer offered is named by it."""
    return _offered(api, kind, name) or name


def _near(name: str, offered: Iterable[str]) -> str:
    spelled = {one.casefold(): one for one in offered}
    near = difflib.get_close_matches(name.casefold(), spelled, n=5, cutoff=0.6)
    return f"; did you mean {', '.join(spelled[one] for one in near)}?" if near else ""


def spelled(api: Api, kind: str, name: str) -> str:
    """A permission as the API itself spells it. Raises ValueError as L(permission_id) does."""
    return api.title(kind, permission_id(api, kind, name))


def requested(access: Sequence[Mapping[str, Any]], apis: Mapping[str, Api | None], kind: str) -> list[str]:
    """The permissions of one kind that a registration asks for.

    Arguments:
        access: its C(requiredResourceAccess).
        apis: by client id, the APIs that it names; None for one that the tenant does not have.
    """
    found = []
    for resource in access:
        api = apis.get(resource["resourceAppId"])
        wanted = [one["id"] for one in resource["resourceAccess"] if one["type"] == WIRE_KIND[kind]]
        found += [api.title(kind, one) if api else f"{resource['resourceAppId']}/{one}" for one in wanted]
    return found


def request(wanted: Mapping[str, Sequence[str]], apis: Mapping[str, Api]) -> list[dict[str, Any]]:
    """The C(requiredResourceAccess) that asks for these permissions.

    Arguments:
        wanted: by kind, the permissions as the administrator writes them.
        apis: the APIs by the names that are used there, in lower case.
    """
    access: dict[str, list[dict[str, str]]] = {}
    for kind, titles in wanted.items():
        for title in titles:
            name, permission = split(title)
            api = apis.get(name.lower())
            wire = {"id": kept_id(api, kind, permission) if api else permission, "type": WIRE_KIND[kind]}
            access.setdefault(api.client_id if api else name, []).append(wire)
    return [{"resourceAppId": client_id, "resourceAccess": asked} for client_id, asked in access.items()]
