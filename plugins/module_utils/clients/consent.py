# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Consent: read from grants and assignments, written one API after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..domain import consent
from ..domain.api_permissions import APPLICATION, Api, api_of, kept_id, split
from .applications import API, Services, apis_of, enterprise_application, no_enterprise_application, titled
from .members import needed_user

State = dict[str, Any]


def _user_id(services: Services, name: str | None) -> str | None:
    """The object id of the user whose consent is meant; None where it is that of the tenant."""
    return str(needed_user(services.graph, name)["id"]) if name else None


def granted(services: Services, name: str, want: Mapping[str, Any]) -> State | None:
    """The state of the consent that an application has; None when there is no such enterprise application."""
    principal = enterprise_application(services.graph, name)
    if principal is None:
        return None
    grants = services.graph.list("/oauth2PermissionGrants", filter=f"clientId eq '{principal['id']}'")
    roles = services.graph.list(f"/servicePrincipals/{principal['id']}/appRoleAssignments", fresh=True)
    apis = {one["resourceId"]: _api(services, one["resourceId"]) for one in [*grants, *roles]}
    own = consent.own_grants(grants, _user_id(services, want.get("user")))
    titles = {
        "delegated_permissions": consent.delegated(own, apis),
        "application_permissions": consent.application(roles, apis),
    }
    others = [grant for grant in grants if grant["consentType"] == consent.ONE and grant not in own]
    return {
        "client_id": principal["appId"],
        "service_principal_id": principal["id"],
        "display_name": principal["displayName"],
        **titles,
        "undeclared": {option: consent.undeclared(held, want.get(option)) for option, held in titles.items()},
        "users": {
            str(grant["principalId"]): consent.delegated(
                [one for one in others if one["principalId"] == grant["principalId"]], apis
            )
            for grant in others
        },
    }


def _api(services: Services, object_id: str) -> Api:
    """An API by the object id of its service principal. One that is gone keeps its id for a name."""

    def look() -> Api:
        principal = services.graph.get(f"/servicePrincipals/{object_id}", select=API)
        return (
            titled(services, api_of(principal))
            if principal
            else Api(object_id, object_id, object_id, {"delegated": {}, APPLICATION: {}})
        )

    found: Api = services.once(("api of", object_id), look)
    return found


def write(services: Services, want: Mapping[str, Any], before: State, after: State, fields: Sequence[str]) -> None:
    """Grant and take back until the consent is as it should be; nobody else's is touched. Raises ServiceError."""
    if before["service_principal_id"] is None:
        raise no_enterprise_application(want["application"])
    titles = [title for option in consent.KINDS for title in [*before[option], *after[option]]]
    apis = apis_of(services, titles)
    if "delegated_permissions" in fields:
        _write_delegated(services, want, before, consent.by_api(after["delegated_permissions"], apis))
    if "application_permissions" in fields:
        _write_application(services, before, after["application_permissions"], apis)


def _write_delegated(
    services: Services, want: Mapping[str, Any], before: State, wanted: Mapping[str, list[str]]
) -> None:
    graph, client = services.graph, before["service_principal_id"]
    user = _user_id(services, want.get("user"))
    grants = graph.list("/oauth2PermissionGrants", filter=f"clientId eq '{client}'")
    new, changed, gone = consent.delegated_writes(consent.own_grants(grants, user), wanted)
    kind = consent.ONE if user else consent.EVERYBODY
    for api, names in new.items():
        body = {
            "clientId": client,
            "consentType": kind,
            "principalId": user,
            "resourceId": api,
            "scope": " ".join(names),
        }
        graph.create("/oauth2PermissionGrants", body, fresh=True)
    for grant, names in changed.items():
        graph.update(f"/oauth2PermissionGrants/{grant}", {"scope": " ".join(names)})
    for grant in gone:
        graph.delete(f"/oauth2PermissionGrants/{grant}")


def _write_application(services: Services, before: State, wanted: Sequence[str], apis: Mapping[str, Api]) -> None:
    graph, client = services.graph, before["service_principal_id"]
    roles = graph.list(f"/servicePrincipals/{client}/appRoleAssignments", fresh=True)
    held = {(one["resourceId"], one["appRoleId"]): one["id"] for one in roles}
    asked = {_role(title, apis) for title in wanted}
    for api, role in sorted(asked - set(held)):
        body = {"principalId": client, "resourceId": api, "appRoleId": role}
        graph.create(f"/servicePrincipals/{api}/appRoleAssignedTo", body, fresh=True)
    for api, role in sorted(set(held) - asked):
        graph.delete(f"/servicePrincipals/{api}/appRoleAssignedTo/{held[api, role]}")


def _role(title: str, apis: Mapping[str, Api]) -> tuple[str, str]:
    name, permission = split(title)
    api = apis[name.lower()]
    return api.id, kept_id(api, APPLICATION, permission)
