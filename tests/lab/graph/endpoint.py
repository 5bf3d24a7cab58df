# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP side of Graph: token, address and body in, JSON and headers out."""

from __future__ import annotations

import json
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..tokens import GRAPH, Unauthorized, bearer
from ..world import world_of
from .batch import run_batch
from .call import Answer, answer_headers, refusal
from .errors import GraphError
from .routing import dispatch, new_call

_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]
_SERVER = {"DataCenter": "Germany West Central", "Slice": "E", "Ring": "5", "ScaleUnit": "002", "RoleInstance": "LAB"}
_DIAGNOSTIC = json.dumps({"ServerInfo": _SERVER}, separators=(",", ":"))
_CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    f'client_id="{GRAPH}"'
)
_REFUSALS = {
    "missing": "Access token is empty.",
    "malformed": "IDX14100: JWT is not well formed, there are no dots (.).",
    "signature": "Access token validation failure. Invalid signature.",
    "expired": "Lifetime validation failed, the token is expired.",
    "not_yet_valid": "Lifetime validation failed, the token is not yet valid.",
    "audience": "Access token validation failure. Invalid audience.",
    "tenant": "Access token validation failure. Invalid tenant.",
}


def _authenticate(request: Request) -> dict[str, Any]:
    """The claims of the token. Raises GraphError in Graph's form of a 401."""
    try:
        return bearer(request, GRAPH)
    except Unauthorized as error:
        words = _REFUSALS.get(error.reason, "Access token validation failure.")
        headers = {"WWW-Authenticate": _CHALLENGE}
        raise GraphError(401, "InvalidAuthenticationToken", words, headers=headers) from None


async def _answer(request: Request, request_id: str, client_request_id: str) -> Answer:
    tenant = world_of(request).tenant
    try:
        claims = _authenticate(request)
        raw_path = request.scope["raw_path"].decode("latin-1")
        target = f"{raw_path.partition('/v1.0')[2]}?{request.scope['query_string'].decode('latin-1')}"
        base_url = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
        body = await request.body()
        call = new_call(tenant, base_url, request.method, target, request.headers, body, claims)
        if [segment.lower() for segment in call.path] == ["$batch"]:
            return await run_batch(request, call)
        return await dispatch(call)
    except GraphError as error:
        return refusal(error, tenant, request_id, client_request_id)


async def _endpoint(request: Request) -> Response:
    request_id = str(uuid.uuid4())
    client_request_id = request.headers.get("client-request-id") or request_id
    answer = await _answer(request, request_id, client_request_id)
    headers = answer_headers(answer) | {
        "request-id": request_id,
        "client-request-id": client_request_id,
        "x-ms-ags-diagnostic": _DIAGNOSTIC,
        "Strict-Transport-Security": "max-age=31536000",
    }
    return Response(_encoded(answer.body), answer.status, headers)


def _encoded(body: Any) -> bytes:
    if body is None:
        return b""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


routes: list[BaseRoute] = [
    Route("/v1.0", _endpoint, methods=_METHODS),
    Route("/v1.0/{path:path}", _endpoint, methods=_METHODS),
]
