# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Managed identity: the token endpoints of a virtual machine (IMDS) and of an App Service, over plain HTTP.

Only the application named by the switch C(managed_identity_app) (its app id) has one here.
IMDS: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
App Service: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

from __future__ import annotations

import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .state import Application
from .tokens import LIFETIME, issue, resource_of
from .world import World, world_of


class _Refused(Exception):
    """A refusal with its status, error and description."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error = status, error


async def _machine_token(request: Request) -> Response:
    """IMDS: the header C(Metadata), and no X-Forwarded-For, keep out requests forged through a web server."""
    try:
        if request.headers.get("metadata", "").lower() != "true" or "x-forwarded-for" in request.headers:
            raise _Refused(400, "invalid_request", "Required metadata header not specified")
        answer = _answer(request, "2018-02-01")
    except _Refused as refusal:
        return JSONResponse({"error": refusal.error, "error_description": str(refusal)}, refusal.status)
    return JSONResponse({**answer, "expires_in": str(LIFETIME), "ext_expires_in": str(LIFETIME)})


async def _app_service_token(request: Request) -> Response:
    """App Service: the header C(X-IDENTITY-HEADER) must equal what the environment of the app says."""
    try:
        shown = request.headers.get("x-identity-header", "")
        if not hmac.compare_digest(shown.encode(), world_of(request).identity_header.encode()):
            raise _Refused(401, "unauthorized", "X-IDENTITY-HEADER is missing or wrong")
        answer = _answer(request, "2019-08-01")
    except _Refused as refusal:
        return JSONResponse({"statusCode": refusal.status, "message": str(refusal)}, refusal.status)
    return JSONResponse(answer)


def _answer(request: Request, version: str) -> dict[str, Any]:
    """What both forms answer: numbers as text, times as seconds since 1970 by the tenant's clock."""
    world, query = world_of(request), request.query_params
    if query.get("api-version") != version:
        raise _Refused(400, "invalid_request", f"The api-version must be {version}")
    if not query.get("resource"):
        raise _Refused(400, "invalid_request", "Missing resource parameter")
    application = _identity(world, query.get("client_id"), query.get("object_id") or query.get("principal_id"))
    resource = resource_of(query["resource"], world.base_urls)
    if resource is None:
        said = "AADSTS500011: The resource principal was not found in the tenant."
        raise _Refused(400, "invalid_resource", said)
    now = int(world.tenant.clock.timestamp())
    return {
        "access_token": issue(world, application, resource, audience=query["resource"].rstrip("/")),
        "client_id": application.app_id,
        "expires_on": str(now + LIFETIME),
        "not_before": str(now),
        "resource": query["resource"],
        "token_type": "Bearer",
    }


def _identity(world: World, client_id: str | None, object_id: str | None) -> Application:
    """The application that is this machine's identity; a caller may name it by its client or object id."""
    wanted = world.tenant.switches.get("managed_identity_app")
    for application in world.tenant.applications.values():
        named_other = client_id not in (None, application.app_id) or object_id not in (
            None,
            application.service_principal_id,
        )
        if application.app_id == wanted and application.service_principal_id and not named_other:
            return application
    raise _Refused(400, "invalid_request", "Identity not found")


routes: list[BaseRoute] = [
    Route("/metadata/identity/oauth2/token", _machine_token),
    Route("/msi/token", _app_service_token),
]
