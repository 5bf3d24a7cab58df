# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of the admin API and their HTTP manners."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .. import tokens
from ..faults import Answer
from ..journal import ENTRY_KEY, byte_array_form, is_write
from ..state import Tenant
from ..world import World, world_of
from . import access
from .access import Forbidden
from .errors import CmdletError, malformed
from .service import Call, Reply, answer, parsed

_MOST_IN_BATCH = 10
_COMMON_V2 = frozenset({"erroraction", "warningaction", "confirm"})
# Endpoint of version 2.0 -> cmdlet -> its parameters (Microsoft Learn, "Exchange admin API endpoints reference").
_V2: dict[str, dict[str, frozenset[str]]] = {
    "organizationconfig": {"Get-OrganizationConfig": _COMMON_V2},
    "accepteddomain": {"Get-AcceptedDomain": _COMMON_V2 | {"identity", "resultsize"}},
    "mailbox": {
        "Get-Mailbox": _COMMON_V2 | {"identity", "resultsize", "includegrantsendonbehalftowithdisplaynames"},
        "Set-Mailbox": _COMMON_V2 | {"identity", "grantsendonbehalfto"},
    },
    # The service has them; none of their cmdlets is played here.
    "mailboxfolderpermission": {},
    "distributiongroupmember": {},
    "dynamicdistributiongroupmember": {},
}

Handler = Callable[[Request, World, Mapping[str, Any]], Awaitable[Response]]


def _guarded(app_role: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Check token, tenant and app role before a handler, and give its refusals the service's form."""

    async def handle(request: Request) -> Response:
        world = world_of(request)
        try:
            claims = tokens.bearer(request, tokens.EXCHANGE)
        except tokens.Unauthorized as error:
            return _unauthorized(error.reason)
        if not _is_own(world.tenant, request.path_params["tenant"]):
            return _unauthorized("tenant")
        try:
            _check_app_role(claims, app_role)
            access.refuse_while_spreading(world.tenant)
            if not access.cmdlets_of(claims):
                raise Forbidden("The role assigned to the application does not grant access.")
            return await handler(request, world, claims)
        except Forbidden as error:
            return _forbidden(world.tenant, error.reason)
        except tokens.Unauthorized as error:
            return _unauthorized(error.reason)
        except CmdletError as error:
            return _respond(world.tenant, Reply(error.status, error.body()))

    return handle


def _check_app_role(claims: Mapping[str, Any], app_role: str) -> None:
    """No Exchange app role is a 401; the one of the other version a 403 without a reason."""
    if access.has_app_role(claims, app_role):
        return
    if access.has_app_role(claims, access.APP_ROLE) or access.has_app_role(claims, access.APP_ROLE_V2):
        raise Forbidden(None)
    raise tokens.Unauthorized("no app role")


def _is_own(tenant: Tenant, name: str) -> bool:
    domain = tenant.domains.get(name.lower())
    return name.lower() == tenant.id.lower() or (domain is not None and domain.is_verified)


def _unauthorized(reason: str) -> Response:
    """401 without a body; the header says little, as the service's does."""
    error = "token_expired" if reason == "expired" else "invalid_token"
    challenge = (
        'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", '
        'trusted_issuers="00000001-0000-0000-c000-000000000000@*", '
        f'token_types="app_asserted_user_v1 service_asserted_app_v1", error="{error}"'
    )
    return Response(b"", 401, {"WWW-Authenticate": challenge, "request-id": str(uuid.uuid4())})


def _forbidden(tenant: Tenant, reason: str | None) -> Response:
    """403 with NUL bytes that claim to be gzip. Switch exchange_diagnostics: the reason in x-ms-diagnostics."""
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json", "request-id": str(uuid.uuid4())}
    if reason and tenant.switches.get("exchange_diagnostics"):
        headers["x-ms-diagnostics"] = f'2000003;reason="{reason}"'
    return Response(b"\0" * 64, 403, headers)


def _respond(tenant: Tenant, reply: Reply) -> Response:
    reset = tenant.clock.now() + timedelta(minutes=5)
    headers = {
        "request-id": str(uuid.uuid4()),
        "OData-Version": "4.0",
        "Rate-Limit-Limit": "30000",
        "Rate-Limit-Remaining": "29999",
        "Rate-Limit-Reset": reset.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "X-CalculatedBETarget": "ab1pr01mb0001.eurpr01a001.prod.outlook.com",
        "X-ConcurrencyCount": "1",
        "X-CombinedAppOnlyConcurrencyCount": "1",
        "X-ExchangeVersion": "15.20.9999.000",
        **reply.headers,
    }
    return JSONResponse(reply.body, reply.status, headers)


async def _invoke(request: Request, world: World, claims: Mapping[str, Any]) -> Response:
    """POST .../InvokeCommand."""
    return _respond(world.tenant, answer(await _call(request, world, claims)))


async def _invoke_v2(request: Request, world: World, claims: Mapping[str, Any]) -> Response:
    """POST /adminapi/v2.0/{tenant}/{endpoint}: the same envelope, few cmdlets."""
    allowed = _V2.get(request.path_params["endpoint"].lower())
    if allowed is None:
        return Response(status_code=404)
    return _respond(world.tenant, answer(await _call(request, world, claims, allowed)))


async def _call(
    request: Request,
    world: World,
    claims: Mapping[str, Any],
    allowed: Mapping[str, frozenset[str]] | None = None,
) -> Call:
    url = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
    return Call(world.tenant, url, request.query_params, request.headers, await request.body(), claims, allowed)


async def _batch(request: Request, world: World, claims: Mapping[str, Any]) -> Response:
    """POST $batch: at most ten commands, each with its own answer, in an order of the service's own."""
    try:
        content = json.loads(await request.body())
    except ValueError:
        raise malformed("The request body is not valid JSON.") from None
    members = content.get("requests") if isinstance(content, dict) else None
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise malformed("The batch has no list of requests.")
    if len(members) > _MOST_IN_BATCH:
        raise malformed(f"The number of requests in the batch exceeds the limit of {_MOST_IN_BATCH}.")
    go_on = "odata.continue-on-error" in request.headers.get("prefer", "").lower()
    replies = []
    for member in members:
        reply = _member(request, world, claims, member)
        replies.append(
            {"id": str(member.get("id", "")), "status": reply.status, "headers": reply.headers, "body": reply.body}
        )
        if reply.status >= 400 and not go_on:
            break
    world.tenant.random.shuffle(replies)
    return _respond(world.tenant, Reply(200, {"responses": replies}))


def _member(request: Request, world: World, claims: Mapping[str, Any], member: dict[str, Any]) -> Reply:
    """One member: by its own path, under the lab's faults, and noted in the journal."""
    parts = urlsplit(str(member.get("url", "")))
    path = parts.path if parts.path.startswith("/") else f"/adminapi/beta/{request.path_params['tenant']}/{parts.path}"
    method = str(member.get("method", "")).upper()
    body = json.dumps(member.get("body")).encode()
    cmdlet = _cmdlet_named(body)
    write = is_write("exchange", method, cmdlet)
    fault = world.faults.for_member(request.scope[ENTRY_KEY], method=method, path=path, cmdlet=cmdlet, write=write)
    if fault is not None:
        reply = _faulty(fault)
    elif method != "POST" or not path.lower().endswith("/invokecommand"):
        reply = Reply(405, None)
    else:
        headers = {str(name).lower(): str(value) for name, value in (member.get("headers") or {}).items()}
        url = f"{request.url.scheme}://{request.url.netloc}{path}"
        reply = _run(Call(world.tenant, url, dict(parse_qsl(parts.query)), headers, body, claims))
    world.journal.note(
        request,
        method=method,
        path=path,
        status=reply.status,
        cmdlet=cmdlet,
        fault="member" if fault else None,
        byte_array=byte_array_form(member.get("body")),
    )
    return reply


def _run(call: Call) -> Reply:
    try:
        return answer(call)
    except Forbidden:
        return Reply(403, None)


def _faulty(fault: Answer) -> Reply:
    return Reply(fault.status, fault.body, dict(fault.headers))


def _cmdlet_named(body: bytes) -> str | None:
    try:
        return parsed(body)[0]
    except CmdletError:
        return None


async def _module_file(_unused: Request, world: World, claims: Mapping[str, Any]) -> Response:
    """GET EXOModuleFile: which cmdlets this caller may run."""
    names = ",".join(sorted(access.cmdlets_of(claims)))
    return _respond(world.tenant, Reply(200, {"value": [{"exportedCmdlets": names, "version": "3.10.1"}]}))


async def _method_not_allowed(_unused: Request) -> Response:
    """Version 1.0 has no InvokeCommand."""
    return Response(status_code=405)


routes: list[BaseRoute] = [
    Route("/adminapi/beta/{tenant}/InvokeCommand", _guarded(access.APP_ROLE, _invoke), methods=["POST"]),
    Route("/adminapi/beta/{tenant}/$batch", _guarded(access.APP_ROLE, _batch), methods=["POST"]),
    Route("/adminapi/v1.0/{tenant}/InvokeCommand", _method_not_allowed, methods=["GET", "POST"]),
    Route("/adminapi/v1.0/{tenant}/EXOModuleFile", _guarded(access.APP_ROLE, _module_file), methods=["GET"]),
    Route("/adminapi/v2.0/{tenant}/{endpoint}", _guarded(access.APP_ROLE_V2, _invoke_v2), methods=["POST"]),
]
