# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access tokens: which resources there are, how a token is made, and how a service checks one.

A token is a JWT signed with RS256. What it permits is frozen when it is issued: a grant made later needs a new token.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
from starlette.requests import Request

from .propagation import pick_replica
from .state import Application, Tenant, User
from .world import World, world_of

GRAPH = "00000003-0000-0000-c000-000000000000"
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
KEY_VAULT = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"
# Hosts of the resource URIs in the commercial, GCC High, DoD and China clouds.
RESOURCE_HOSTS = {
    "graph.microsoft.com": GRAPH,
    "graph.microsoft.us": GRAPH,
    "dod-graph.microsoft.us": GRAPH,
    "microsoftgraph.chinacloudapi.cn": GRAPH,
    "outlook.office365.com": EXCHANGE,
    "outlook.office.com": EXCHANGE,
    "outlook.office365.us": EXCHANGE,
    "outlook-dod.office365.us": EXCHANGE,
    "partner.outlook.cn": EXCHANGE,
    "vault.azure.net": KEY_VAULT,
    "vault.azure.cn": KEY_VAULT,
    "vault.usgovcloudapi.net": KEY_VAULT,
}
DEFAULT_AUDIENCES = {
    GRAPH: "https://graph.microsoft.com",
    EXCHANGE: "https://outlook.office365.com",
    KEY_VAULT: "https://vault.azure.net",
}
# Delegated permissions that open the same door as an application permission of another name.
_DELEGATED_NAMES = {"Exchange.ManageAsApp": "Exchange.Manage", "Exchange.ManageAsAppV2": "Exchange.ManageV2"}
# Seconds; the service answers 3599 although a token may live longer.
LIFETIME = 3599


class Unauthorized(Exception):
    """A request without a token that this service accepts.

    C(reason) is one of: missing, malformed, signature, expired, not_yet_valid, audience, tenant; it quotes no token.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def resource_of(uri: str, base_urls: list[str]) -> str | None:
    """The application id of the resource that a URI or id names, or None. The lab's own address counts as Graph."""
    text = uri.lower().rstrip("/")
    if text in DEFAULT_AUDIENCES:
        return text
    if any(text == url.lower() for url in base_urls):
        return GRAPH
    parts = urlsplit(text)
    return RESOURCE_HOSTS.get(parts.netloc) if parts.scheme == "https" and not parts.path else None


def issue(world: World, application: Application, resource_app_id: str, *, audience: str | None = None) -> str:
    """Make an app-only token: roles and directory roles as they are granted at this moment.

    audience: the resource URI as it was asked for. A token carries no C(roles) claim when nothing is granted.
    """
    claims = _common_claims(world, application, audience or DEFAULT_AUDIENCES[resource_app_id])
    principal = application.service_principal_id
    roles = _effective_roles(world.tenant, application, resource_app_id)
    claims |= {"oid": principal, "sub": principal, "idtyp": "app", "wids": held_roles(world.tenant, principal)}
    if roles:
        claims["roles"] = list(roles)
    return _signed(world, claims)


def _effective_roles(tenant: Tenant, application: Application, resource_app_id: str) -> list[str]:
    """The application permissions that this issue of a token knows of.

    Switch C(grant_propagation): seconds of the tenant's clock, up to which a new grant may be missing, now here and now
    not (a guess; that a token made right after consent may lack it is known, for how long is not).
    """
    delay = float(tenant.switches.get("grant_propagation") or 0) * pick_replica(tenant)
    latest = tenant.clock.now() - timedelta(seconds=delay)
    since = application.assigned_at
    granted = application.app_roles.get(resource_app_id, [])
    return [value for value in granted if since.get(f"{resource_app_id}/{value}", latest) <= latest]


def resource_principal_id(tenant: Tenant, resource_app_id: str) -> str:
    """The object id of the service principal that one of Microsoft's own resources has in this tenant."""
    return str(uuid.uuid5(uuid.UUID(tenant.id), resource_app_id))


def consented_scopes(tenant: Tenant, application: Application, user: User, resource_app_id: str) -> list[str]:
    """The delegated permissions that an application has for a user: consent for everyone, and that of the user."""
    resource = resource_principal_id(tenant, resource_app_id)
    scopes = [
        scope
        for grant in tenant.permission_grants.values()
        if (grant.client_id, grant.resource_id) == (application.service_principal_id, resource)
        and grant.principal_id in (None, user.id)
        for scope in grant.scope.split()
    ]
    return list(dict.fromkeys(scopes))


def issue_delegated(world: World, application: Application, user: User, resource_app_id: str, audience: str) -> str:
    """Make a token for a user who signed in through the application; C(scp) holds the consented permissions."""
    claims = _common_claims(world, application, audience)
    scopes = consented_scopes(world.tenant, application, user, resource_app_id)
    claims |= {
        "oid": user.id,
        "sub": user.id,
        "idtyp": "user",
        "upn": user.user_principal_name,
        "name": user.display_name,
    }
    claims |= {"scp": " ".join(scopes), "wids": held_roles(world.tenant, user.id)}
    return _signed(world, claims)


def held_roles(tenant: Tenant, principal: str | None) -> list[str]:
    """The template ids of the directory roles that a user or service principal holds."""
    return [role.template_id for role in tenant.roles.values() if principal in role.members]


def _common_claims(world: World, application: Application, audience: str) -> dict[str, Any]:
    now = int(world.tenant.clock.timestamp())
    return {
        "aud": audience,
        "iss": issuer(world.base_url, world.tenant),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "tid": world.tenant.id,
        "appid": application.app_id,
        "uti": uuid.uuid4().hex,
        "ver": "1.0",
    }


def issuer(base_url: str, tenant: Tenant) -> str:
    """Who the tokens of a tenant say they come from; the same as in the OIDC document."""
    return f"{base_url}/{tenant.id}/v2.0"


def key_id(world: World) -> str:
    """The name of the signing key, derived from the key itself."""
    return f"{world.keys.public_key().public_numbers().n & (1 << 128) - 1:032x}"


def _signed(world: World, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, world.keys, algorithm="RS256", headers={"kid": key_id(world)})


def bearer(request: Request, audience: str) -> dict[str, Any]:
    """The claims of the request's token, or Unauthorized.

    audience: the resource, as an application id (GRAPH, EXCHANGE) or as one of its URIs; the token's may be the URI of
    any cloud for the same resource. The claims are those of the token, with C(roles) and C(wids) always present as
    lists. For a user's token C(roles) holds what its scopes permit, in the words of the application permissions.
    """
    scheme, _unused, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("missing")
    return accepted(world_of(request), token, audience)


def accepted(world: World, token: str, audience: str) -> dict[str, Any]:
    """The claims of a token for a resource, or Unauthorized; as C(bearer) gives them."""
    claims = world.verified_tokens.get(token)
    if claims is None:
        claims = world.verified_tokens[token] = _verified(world, token)
    now = world.tenant.clock.timestamp()
    if claims["exp"] <= now:
        raise Unauthorized("expired")
    # Five minutes are what the services allow clocks to differ.
    if claims["nbf"] > now + 300:
        raise Unauthorized("not_yet_valid")
    if claims["tid"] != world.tenant.id:
        raise Unauthorized("tenant")
    if resource_of(claims["aud"], world.base_urls) != (resource_of(audience, world.base_urls) or audience):
        raise Unauthorized("audience")
    return claims


def _verified(world: World, token: str) -> dict[str, Any]:
    """Check the signature and complete the claims; times and audience are checked at each use."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            world.keys.public_key(),
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.InvalidSignatureError as error:
        raise Unauthorized("signature") from error
    except jwt.InvalidTokenError as error:
        raise Unauthorized("malformed") from error
    if any(name not in claims for name in ("aud", "exp", "nbf", "tid")):
        raise Unauthorized("malformed")
    doors = {delegated: role for role, delegated in _DELEGATED_NAMES.items()}
    scopes = [doors.get(scope, scope) for scope in str(claims.get("scp", "")).split()]
    return {"wids": [], "roles": scopes, **claims}
