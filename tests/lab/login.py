# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token endpoint of Entra ID: discovery, client credentials, device code.

What it answers follows the pages v2-oauth2-client-creds-grant-flow, v2-oauth2-device-code and reference-error-codes of
https://learn.microsoft.com/entra/identity-platform/; statuses of rare codes are a best guess.
Switches: C(device_code_interval) (seconds between polls, 5), C(device_code_lifetime) (seconds, 900),
C(client_clock_skew) (see assertions), C(secret_propagation), C(secret_removal_delay) and C(application_propagation) (see
propagation), C(grant_propagation) (see tokens).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from . import credential_use
from .assertions import SignInError, check_assertion
from .propagation import has_arrived, is_valid, known, pick_replica
from .state import Application, Tenant, User
from .tokens import (
    LIFETIME,
    Unauthorized,
    bearer,
    consented_scopes,
    issue,
    issue_delegated,
    issuer,
    key_id,
    resource_of,
)
from .world import World, world_of

__all__ = ["Unauthorized", "bearer", "issue", "routes"]

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# Tenant names that stand for any tenant; an application has no identity of its own there.
_SHARED_TENANTS = ("common", "organizations", "consumers")
_OIDC_SCOPES = {"openid", "profile", "email", "offline_access"}
# Letters and digits that people do not mistake for one another.
_USER_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class DeviceCode:
    """A sign-in that waits for a person. C(state): pending, approved, declined or redeemed."""

    device_code: str
    user_code: str
    app_id: str
    scope: str
    expires_at: datetime
    state: str = "pending"
    user_id: str | None = None


def _answering(handler: Handler) -> Handler:
    """Turn a refusal into the endpoint's error answer."""

    async def answer(request: Request) -> Response:
        try:
            response = await handler(request)
        except SignInError as refusal:
            now = world_of(request).tenant.clock.now()
            response = JSONResponse(refusal.body(now, request.headers.get("client-request-id")), refusal.status)
        response.headers["Cache-Control"] = "no-store, no-cache"
        response.headers["Pragma"] = "no-cache"
        response.headers["x-ms-request-id"] = str(uuid.uuid4())
        return response

    return answer


def _tenant(request: Request) -> Tenant:
    """The tenant, if the path names it by its id or by a verified domain."""
    tenant, name = world_of(request).tenant, request.path_params["tenant"]
    domain = next((one for one in tenant.domains.values() if one.name.lower() == name.lower()), None)
    if name.lower() == tenant.id.lower() or (domain is not None and domain.is_verified):
        return tenant
    said = f"Tenant '{name}' not found. Check the tenant ID and that you are signing into the correct cloud."
    raise SignInError(90002, "invalid_request", said)


def _own_url(request: Request) -> str:
    """The authority as the client named it, so that a document read by host name leads back to the same name."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


async def _configuration(request: Request) -> Response:
    name = request.path_params["tenant"]
    tenant = world_of(request).tenant if name in _SHARED_TENANTS else _tenant(request)
    base = f"{_own_url(request)}/{name}"
    return JSONResponse(
        {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer(_own_url(request), tenant),
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }
    )


async def _instance(request: Request) -> Response:
    """Which clouds know an authority; here the lab alone. Asked by MSAL for hosts that it does not know."""
    wanted = urlsplit(request.query_params.get("authorization_endpoint", ""))
    host = request.url.hostname
    # MSAL leaves the port out of what it asks for.
    if wanted.scheme != "https" or wanted.hostname != host:
        raise SignInError(50049, "invalid_instance", "Unknown or invalid instance.")
    tenant = wanted.path.split("/")[1] if wanted.path else "common"
    return JSONResponse(
        {
            "tenant_discovery_endpoint": f"{_own_url(request)}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": request.query_params.get("api-version", "1.1"),
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }
    )


async def _keys(request: Request) -> Response:
    world = world_of(request)
    if request.path_params["tenant"] not in _SHARED_TENANTS:
        _tenant(request)
    numbers = world.keys.public_key().public_numbers()
    key = {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": key_id(world),
        "n": _number(numbers.n),
        "e": _number(numbers.e),
    }
    return JSONResponse({"keys": [key]})


def _number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


async def _token(request: Request) -> Response:
    if request.path_params["tenant"].lower() in _SHARED_TENANTS:
        said = "No tenant-identifying information found in either the request or implied by any provided credentials."
        raise SignInError(50059, "invalid_request", said)
    tenant = _tenant(request)
    form = await _form(request)
    grant = _needed(form, "grant_type")
    if grant == "client_credentials":
        return JSONResponse(_client_credentials(request, tenant, form))
    if grant in (DEVICE_GRANT, "device_code"):
        return JSONResponse(_device_token(request, tenant, form))
    raise SignInError(70003, "unsupported_grant_type", f"The app requested an unsupported grant type '{grant[:40]}'.")


async def _form(request: Request) -> dict[str, str]:
    """The form of the request; HTTP Basic fills in client_id and client_secret (RFC 6749 section 2.3.1)."""
    body = await request.body()
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    scheme, _unused, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _unused, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise SignInError(900144, "invalid_request", "The authorization header is malformed.") from error
        form |= {"client_id": unquote_plus(user), "client_secret": unquote_plus(password)}
    return form


def _needed(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise SignInError(
            900144, "invalid_request", f"The request body must contain the following parameter: '{name}'."
        )
    return form[name]


def _application(tenant: Tenant, form: dict[str, str]) -> Application:
    client = _needed(form, "client_id")
    found = next((one for one in tenant.applications.values() if one.app_id.lower() == client.lower()), None)
    if found is None or not has_arrived(tenant, found):
        said = f"Application with identifier '{client[:80]}' was not found in the directory '{tenant.display_name}'."
        raise SignInError(700016, "unauthorized_client", said)
    if found.disabled:
        raise SignInError(
            7000112, "unauthorized_client", f"Application '{found.app_id}'({found.display_name}) is disabled."
        )
    return found


def _client_credentials(request: Request, tenant: Tenant, form: dict[str, str]) -> dict[str, Any]:
    application = _application(tenant, form)
    audience = _default_scope(_needed(form, "scope"))
    resource = _resource(world_of(request), tenant, audience)
    _authenticate(request, tenant, application, form)
    if application.service_principal_id is None:
        said = f"The client application {application.app_id} is missing service principal in the tenant {tenant.id}."
        raise SignInError(7000229, "invalid_client", said, 401)
    token = issue(world_of(request), application, resource, audience=audience)
    credential_use.note_use(world_of(request), application, form, token)
    return {"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": token}


def _default_scope(scope: str) -> str:
    """The resource of C(resource/.default), the only form that client credentials may ask for."""
    scopes = [one for one in scope.split() if one not in _OIDC_SCOPES]
    if not scopes or any(not one.endswith("/.default") or one == "/.default" for one in scopes):
        said = (
            f"The provided value for scope {scope[:200]} is not valid. Client credential flows must have a scope value "
            "with /.default suffixed to the resource identifier (application ID URI)."
        )
        raise SignInError(1002012, "invalid_scope", said)
    if len(scopes) > 1:
        raise _several_resources(scope)
    return scopes[0].removesuffix("/.default")


def _several_resources(scope: str) -> SignInError:
    said = f"The provided value for the input parameter 'scope' isn't valid. {scope[:200]} asks for several resources."
    return SignInError(70011, "invalid_scope", said)


def _resource(world: World, tenant: Tenant, audience: str) -> str:
    resource = resource_of(audience, world.base_urls)
    if resource is None:
        said = f"The resource principal named {audience[:200]} was not found in the tenant named {tenant.display_name}."
        raise SignInError(500011, "invalid_resource", said)
    return resource


def _authenticate(request: Request, tenant: Tenant, application: Application, form: dict[str, str]) -> None:
    """Check the one credential of the form, whichever it is."""
    if form.get("client_assertion"):
        endpoints = _endpoints(request, tenant)
        check_assertion(tenant, application, form["client_assertion"], form.get("client_assertion_type"), endpoints)
    elif form.get("client_secret"):
        _check_secret(tenant, application, form["client_secret"])
    else:
        said = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
        raise SignInError(7000216, "invalid_client", said, 401)


def _endpoints(request: Request, tenant: Tenant) -> set[str]:
    """Every way to write this token endpoint's address."""
    names = [tenant.id, *(domain.name for domain in tenant.domains.values()), request.path_params["tenant"]]
    bases = {_own_url(request), *world_of(request).base_urls}
    return {f"{base}/{name}/oauth2/v2.0/token" for base in bases for name in names}


def _check_secret(tenant: Tenant, application: Application, secret: str) -> None:
    """Accept a valid secret. One that is not known here (any more, or yet) is wrong; one that has ended says so.

    That a secret is called wrong before its own start is a guess.
    """
    now, expired = tenant.clock.now(), False
    for credential in known(tenant, application, pick_replica(tenant)):
        if credential.secret is None or not hmac.compare_digest(credential.secret.encode(), secret.encode()):
            continue
        if is_valid(tenant, credential):
            return
        expired = expired or credential.end <= now
    if expired:
        said = f"The provided client secret keys for app '{application.app_id}' are expired. Create new keys."
        raise SignInError(7000222, "invalid_client", said, 401)
    said = (
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
        f"not the client secret ID, for a secret added to app '{application.app_id}'."
    )
    raise SignInError(7000215, "invalid_client", said, 401)


async def _begin_device(request: Request) -> Response:
    tenant = _tenant(request)
    form = await _form(request)
    application, scope = _application(tenant, form), _needed(form, "scope")
    world = world_of(request)
    _resource(world, tenant, _delegated_resource(scope))
    lifetime = tenant.switches.get("device_code_lifetime", 900)
    code = DeviceCode(
        device_code=uuid.uuid4().hex + uuid.uuid4().hex,
        user_code="".join(tenant.random.choices(_USER_CODE_LETTERS, k=9)),
        app_id=application.app_id,
        scope=scope,
        expires_at=tenant.clock.now() + timedelta(seconds=lifetime),
    )
    world.device_codes[code.device_code] = code
    address = f"{_own_url(request)}/devicelogin"
    return JSONResponse(
        {
            "user_code": code.user_code,
            "device_code": code.device_code,
            "verification_uri": address,
            "expires_in": lifetime,
            "interval": tenant.switches.get("device_code_interval", 5),
            "message": f"To sign in, open the page {address} and enter the code {code.user_code} to authenticate.",
        }
    )


def _delegated_resource(scope: str) -> str:
    """The resource of scopes such as C(https://graph.microsoft.com/User.Read openid)."""
    resources = {
        one.rpartition("/")[0] or "https://graph.microsoft.com" for one in scope.split() if one not in _OIDC_SCOPES
    }
    if len(resources) > 1:
        raise _several_resources(scope)
    return resources.pop() if resources else "https://graph.microsoft.com"


def _device_token(request: Request, tenant: Tenant, form: dict[str, str]) -> dict[str, Any]:
    application = _application(tenant, form)
    proof = form.get("client_secret") or form.get("client_assertion")
    if not application.public_client:
        if not proof:
            said = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise SignInError(7000218, "invalid_client", said, 401)
    elif proof:
        said = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
        raise SignInError(700025, "invalid_client", said, 401)
    if proof:
        _authenticate(request, tenant, application, form)
    world = world_of(request)
    code: DeviceCode | None = world.device_codes.get(form.get("device_code") or form.get("code", ""))
    if code is None or code.app_id != application.app_id:
        raise SignInError(70018, "bad_verification_code", "Bad verification code.")
    user = _approved_user(tenant, code)
    audience = _delegated_resource(code.scope)
    resource = _resource(world, tenant, audience)
    _check_consent(tenant, application, user, resource, code.scope)
    code.state = "redeemed"
    token = issue_delegated(world, application, user, resource, audience)
    scope = f"{audience}/.default"
    return {
        "token_type": "Bearer",
        "scope": scope,
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": token,
    }


def _check_consent(tenant: Tenant, application: Application, user: User, resource: str, scope: str) -> None:
    """Every scope that is asked for needs consent; C(.default) means all that there is, and there must be some."""
    asked = {one.rpartition("/")[2] for one in scope.split() if one not in _OIDC_SCOPES}
    given = set(consented_scopes(tenant, application, user, resource))
    if not given or asked - given - {".default"}:
        said = f"The user or administrator has not consented to use the application with ID '{application.app_id}'."
        raise SignInError(65001, "invalid_grant", said)
    if application.principal_properties.get("appRoleAssignmentRequired") and not _is_assigned(
        tenant, application, user
    ):
        said = f"The signed in user is not assigned to a role for the application '{application.app_id}'."
        raise SignInError(50105, "invalid_grant", said)


def _is_assigned(tenant: Tenant, application: Application, user: User) -> bool:
    """Whether the user, or a group that directly holds the user, is assigned to the application."""
    holders = {user.id, *(group.id for group in tenant.groups.values() if user.id in group.members)}
    principal = application.service_principal_id
    return any(one.principal_id in holders and one.resource_id == principal for one in tenant.role_assignments.values())


def _approved_user(tenant: Tenant, code: DeviceCode) -> User:
    """The user who approved the code, or the refusal that its state calls for."""
    if code.state == "declined":
        raise SignInError(65004, "authorization_declined", "User declined to consent to access the app.")
    if code.state == "redeemed":
        raise SignInError(54005, "invalid_grant", "OAuth2 authorization code was already redeemed.")
    if code.expires_at <= tenant.clock.now():
        said = "The code that you're using to sign in has expired, sign in again on your device."
        raise SignInError(70019, "expired_token", said)
    if code.state == "pending" or code.user_id is None:
        said = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        raise SignInError(70016, "authorization_pending", said)
    user = tenant.users.get(code.user_id)
    if user is None or not user.account_enabled:
        raise SignInError(50057, "invalid_grant", "The user account is disabled.")
    return user


async def _device_page(request: Request) -> Response:
    """What a person finds under the address of a device code: how to answer it here."""
    said = 'Rehearsal tenant: answer a code with POST /_lab/device {"user_code": "...", "approve": true|false}\n'
    return PlainTextResponse(said)


def answer_device(world: World, user_code: str, approve: bool, user: str | None = None) -> None:
    """Approve or decline a device code, as the person in front of the browser would.

    user: id or user principal name of who signs in; by default the first user with a directory role, else the first.
    Raises ValueError when there is no such pending code or no such user.
    """
    code = next(
        (one for one in world.device_codes.values() if one.user_code == user_code and one.state == "pending"), None
    )
    if code is None:
        raise ValueError("no pending sign-in has this code")
    if not approve:
        code.state = "declined"
        return
    code.user_id = _chosen_user(world.tenant, user)
    code.state = "approved"


def _chosen_user(tenant: Tenant, user: str | None) -> str:
    if user is None:
        holders = (member for role in tenant.roles.values() for member in role.members if member in tenant.users)
        chosen = next(holders, None) or next(iter(tenant.users), None)
    else:
        named = (
            one.id for one in tenant.users.values() if user.lower() in (one.id.lower(), one.user_principal_name.lower())
        )
        chosen = next(named, None)
    if chosen is None:
        raise ValueError("no such user")
    return chosen


routes: list[BaseRoute] = [
    Route("/common/discovery/instance", _answering(_instance)),
    Route("/devicelogin", _device_page),
    Route("/{tenant}/v2.0/.well-known/openid-configuration", _answering(_configuration)),
    Route("/{tenant}/discovery/v2.0/keys", _answering(_keys)),
    Route("/{tenant}/oauth2/v2.0/token", _answering(_token), methods=["POST"]),
    Route("/{tenant}/oauth2/v2.0/devicecode", _answering(_begin_device), methods=["POST"]),
]
