# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Consent for delegated permissions (oauth2PermissionGrants).

Source: the oauth2PermissionGrant pages of the Graph reference. Seen in public: a duplicate is a 409, C(scope) is read back
with a leading space and in another order, and a 404 comes although the grant was written (switch C(graph_grant_404): how
many of the next grants are answered so). Whether the scopes must exist at the resource is not documented; they need not.
"""

from __future__ import annotations

import base64
import uuid
from typing import Any

from ..replicas import announce
from ..state import PermissionGrant, Tenant
from . import principals, query
from .call import Answer, Call, done
from .errors import GraphError, invalid_value, missing, read_only, refused, unknown_property, wrong_type
from .resource import Property, Resource, attribute
from .shapes import GUID, Shape, check, text

_TITLE = "OAuth2PermissionGrant"
_MEMBERS: dict[str, Shape] = {
    "clientId": GUID,
    "consentType": text(),
    "principalId": GUID,
    "resourceId": GUID,
    "scope": text(),
}


def _shown_scope(scope: str) -> str:
    """The scopes as they come back: another order, and a space before the first."""
    return "".join(f" {word}" for word in reversed(scope.split()))


_PROPERTIES = {
    "id": attribute("id"),
    "clientId": attribute("client_id", filters="eq"),
    "consentType": attribute("consent_type", filters="eq"),
    "principalId": attribute("principal_id", filters="eq"),
    "resourceId": attribute("resource_id", filters="eq"),
    "scope": Property(lambda _tenant, item: _shown_scope(item.scope)),
}
GRANT = Resource("oauth2PermissionGrants", "oAuth2PermissionGrant", _PROPERTIES, tuple(_PROPERTIES))


def _visible(call: Call) -> list[PermissionGrant]:
    """The grants between service principals that are there; those of a deleted one come back with it."""
    present = {one.id for one in principals.visible(call)}
    return [one for one in call.reader.permission_grants() if {one.client_id, one.resource_id} <= present]


def list_grants(call: Call) -> Answer:
    """GET /oauth2PermissionGrants."""
    return query.collection(call, GRANT, _visible(call))


def list_principal_grants(call: Call) -> Answer:
    """GET /servicePrincipals/{id}/oauth2PermissionGrants: what the service principal may do as a client."""
    client = principals.seen(call)
    return query.collection(call, GRANT, [one for one in _visible(call) if one.client_id == client.id])


def get_grant(call: Call) -> Answer:
    """GET /oauth2PermissionGrants/{id}."""
    return Answer(200, GRANT.entity(call, _seen(call)))


def _seen(call: Call) -> PermissionGrant:
    found = next((one for one in _visible(call) if one.id == call.key), None)
    if found is None:
        raise missing(call.key)
    return found


def _real(call: Call) -> PermissionGrant:
    """The grant of the address for a write, if this request's replica knows it."""
    real = call.tenant.permission_grants.get(_seen(call).id)
    if real is None:
        raise missing(call.key)
    return real


def create_grant(call: Call) -> Answer:
    """POST /oauth2PermissionGrants."""
    wanted = _checked(call.body())
    for name in ("clientId", "consentType", "resourceId", "scope"):
        if wanted.get(name) is None:
            raise refused(f"A value is required for property '{name}' of resource '{_TITLE}'.")
    _check_principal(call, wanted)
    present = principals.visible(call)
    for name in ("clientId", "resourceId"):
        if principals.by_id(present, wanted[name]) is None:
            raise refused(missing(wanted[name]).message)
    grant = PermissionGrant("", wanted["clientId"], wanted["resourceId"], wanted["consentType"], wanted["scope"])
    grant.principal_id = wanted.get("principalId")
    grant.id = grant_id(grant)
    tenant = call.tenant
    if grant.id in tenant.permission_grants:
        raise GraphError(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
    tenant.permission_grants[grant.id] = grant
    announce(tenant, "permission_grants")
    _lose_answer(tenant, grant)
    # The answer repeats what was sent; later reads do not.
    location = {"Location": f"{call.base_url}/v1.0/oauth2PermissionGrants/{grant.id}"}
    return Answer(201, GRANT.entity(call, grant) | {"scope": grant.scope}, location)


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    wanted = {}
    for name, value in body.items():
        if "@odata." in name:
            continue
        if name == "id":
            raise read_only(name)
        if name not in _MEMBERS:
            raise unknown_property(name, "oAuth2PermissionGrant")
        wanted[name] = check(value, _MEMBERS[name], name, _TITLE)
    return wanted


def _check_principal(call: Call, wanted: dict[str, Any]) -> None:
    """Consent is for everyone, or for one user who is there."""
    principal, kind = wanted.get("principalId"), wanted["consentType"]
    if kind not in ("AllPrincipals", "Principal"):
        raise invalid_value("consentType", _TITLE)
    if (kind == "Principal") is not (principal is not None):
        raise invalid_value("principalId", _TITLE)
    if principal is not None and call.reader.user(principal) is None:
        raise missing(principal)


def grant_id(grant: PermissionGrant) -> str:
    """The id of a grant, which follows from its two parties and the user."""
    ids = [grant.client_id, grant.resource_id, *([grant.principal_id] if grant.principal_id else [])]
    return base64.urlsafe_b64encode(b"".join(uuid.UUID(one).bytes for one in ids)).decode().rstrip("=")


def _lose_answer(tenant: Tenant, grant: PermissionGrant) -> None:
    left = int(tenant.switches.get("graph_grant_404") or 0)
    if left > 0:
        tenant.switches["graph_grant_404"] = left - 1
        raise GraphError(404, "Directory_ObjectNotFound", missing(grant.client_id).message)


def update_grant(call: Call) -> Answer:
    """PATCH /oauth2PermissionGrants/{id}: the whole scope is replaced, and nothing else can be written."""
    grant = _real(call)
    wanted = _checked(call.body())
    other = next((name for name in wanted if name != "scope"), None)
    if other is not None:
        raise read_only(other)
    if wanted.get("scope") is None:
        raise wrong_type("String")
    grant.scope = wanted["scope"]
    announce(call.tenant, "permission_grants")
    return done()


def delete_grant(call: Call) -> Answer:
    """DELETE /oauth2PermissionGrants/{id}."""
    del call.tenant.permission_grants[_real(call).id]
    announce(call.tenant, "permission_grants")
    return done()
