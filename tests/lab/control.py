# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control of the rehearsal: look at everything, move time, script faults, begin anew.

It needs no token; the server listens on loopback addresses only. Mistakes of the caller are answered with 400 and
C({"error": text}).
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from ldap3.core.exceptions import LDAPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .clock import Clock
from .exchange.smime import outside
from .graph import settle
from .login import answer_device
from .propagation import usable
from .state import Tenant
from .world import World, world_of

# Fields of the state that are never shown.
_SECRET_FIELDS = {"secret", "password"}

Handler = Callable[[World, Request, Any], Awaitable[Any]]


def _handled(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Give a handler the world and the decoded body, and turn its result into JSON."""

    async def handle(request: Request) -> Response:
        try:
            content = await request.body()
            result = await handler(world_of(request), request, json.loads(content) if content else None)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        except LDAPException as error:
            return JSONResponse({"error": f"the AD server refused: {error}"}, 502)
        return JSONResponse(result)

    return handle


def as_json(value: Any) -> Any:
    """Plain data of the state as JSON data, without secrets; bytes as base64, times in ISO 8601."""
    if isinstance(value, str | int | float) or value is None:
        return value
    if isinstance(value, dict):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Clock):
        return {"now": value.now().isoformat()}
    fields = [one.name for one in dataclasses.fields(value) if one.name not in _SECRET_FIELDS]
    return {name: as_json(getattr(value, name)) for name in fields}


async def _about(world: World, _unused: Request, __: Any) -> Any:
    """Where everything is; also what a start-up waits for."""
    return {
        "tenant_id": world.tenant.id,
        "base_urls": world.base_urls,
        "imds_url": world.imds_url,
        "smtp_server": world.smtp_server,
        "imap_server": world.imap_server,
        "key_vault_url": world.key_vault_url,
        "vault_url": world.vault_url,
        "ca_path": str(world.ca_path),
        "now": world.tenant.clock.now().isoformat(),
    }


async def _state(world: World, request: Request, _unused: Any) -> Any:
    """The whole tenant, or with C(?part=users) one field of it; mailbox work that is due is done first."""
    tenant = world.tenant
    settle(tenant)
    part = request.query_params.get("part")
    if part is not None and part not in {one.name for one in dataclasses.fields(tenant)}:
        raise ValueError(f"the tenant has no part {part}")
    if part is not None:
        shown = as_json(getattr(tenant, part))
        if part == "exchange":
            return shown | {"smime": as_json(outside(tenant))}
        return _with_use(tenant, shown) if part == "applications" else shown
    state = as_json(tenant)
    exchange = state["exchange"] | {"smime": as_json(outside(tenant))}
    return state | {"applications": _with_use(tenant, state["applications"]), "exchange": exchange}


def _with_use(tenant: Tenant, shown: dict[str, Any]) -> dict[str, Any]:
    """The applications as JSON, each credential with C(usable): everywhere, somewhere or nowhere at the token endpoint."""
    for key, application in tenant.applications.items():
        for name in ("credentials", "removed_credentials"):
            for row, credential in zip(shown[key][name], getattr(application, name), strict=True):
                row["usable"] = usable(tenant, application, credential)
    return shown


async def _requests(world: World, request: Request, _unused: Any) -> Any:
    """The journal; C(?since=N) leaves out the first N requests."""
    return world.journal.shown(int(request.query_params.get("since", "0")))


async def _forget_requests(world: World, _unused: Request, __: Any) -> Any:
    world.journal.clear()
    return {}


async def _clock(world: World, _unused: Request, __: Any) -> Any:
    return {"now": world.tenant.clock.now().isoformat()}


async def _advance(world: World, _unused: Request, content: Any) -> Any:
    """Move the tenant's time; the sync cycles that fall due meanwhile run, and their reports are given."""
    seconds = _number(content, "advance")
    world.tenant.clock.advance(seconds)
    return {"now": world.tenant.clock.now().isoformat(), "cycles": await world.run_due_cycles()}


async def _faults(world: World, _unused: Request, __: Any) -> Any:
    return [rule.shown() for rule in world.faults.rules]


async def _add_faults(world: World, request: Request, content: Any) -> Any:
    world.faults.add(content)
    return await _faults(world, request, None)


async def _drop_faults(world: World, _unused: Request, __: Any) -> Any:
    world.faults.clear()
    return []


async def _latency(world: World, _unused: Request, __: Any) -> Any:
    return {"seconds": world.latency}


async def _set_latency(world: World, request: Request, content: Any) -> Any:
    world.latency = _number(content, "seconds")
    return await _latency(world, request, None)


async def _sync(world: World, _unused: Request, __: Any) -> Any:
    return as_json(await world.run_cycle())


async def _reset(world: World, request: Request, _unused: Any) -> Any:
    await world.reset()
    return await _about(world, request, None)


async def _switches(world: World, _unused: Request, __: Any) -> Any:
    return as_json(world.tenant.switches)


async def _set_switches(world: World, _unused: Request, content: Any) -> Any:
    """Set switches by name; null takes a switch away."""
    if not isinstance(content, dict):
        raise ValueError("the switches are an object of names and values")
    for name, value in content.items():
        if value is None:
            world.tenant.switches.pop(name, None)
        else:
            world.tenant.switches[name] = value
    return as_json(world.tenant.switches)


async def _devices(world: World, _unused: Request, __: Any) -> Any:
    """The device codes in all their states, as the person in front of the browser sees them."""
    codes = world.device_codes.values()
    return [{"user_code": one.user_code, "app_id": one.app_id, "scope": one.scope, "state": one.state} for one in codes]


async def _device(world: World, _unused: Request, content: Any) -> Any:
    """Answer a device code as its user would."""
    given = content if isinstance(content, dict) else {}
    code, approve, user = given.get("user_code"), given.get("approve"), given.get("user")
    if not isinstance(code, str) or not isinstance(approve, bool) or not isinstance(user, str | None):
        raise ValueError('the body is {"user_code": text, "approve": true or false, "user": id or name, optional}')
    answer_device(world, code, approve, user)
    return {}


async def _password(world: World, _unused: Request, content: Any) -> Any:
    """Whether a password is a user's, as only a sign-in could tell."""
    given = content if isinstance(content, dict) else {}
    name, password = given.get("user"), given.get("password")
    if not isinstance(name, str) or not isinstance(password, str):
        raise ValueError('the body is {"user": user principal name, "password": text}')
    user = next((one for one in world.tenant.users.values() if one.user_principal_name.lower() == name.lower()), None)
    if user is None:
        raise ValueError(f"there is no user {name}")
    return {"works": user.password is not None and user.password == password}


def _number(content: Any, name: str) -> float:
    value = content.get(name) if isinstance(content, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e10:
        raise ValueError(f'the body is {{"{name}": seconds}}, not negative')
    return float(value)


routes: list[BaseRoute] = [
    Route(f"/_lab{path}", _handled(handler), methods=[method])
    for method, path, handler in (
        ("GET", "", _about),
        ("GET", "/state", _state),
        ("GET", "/requests", _requests),
        ("DELETE", "/requests", _forget_requests),
        ("GET", "/clock", _clock),
        ("POST", "/clock", _advance),
        ("GET", "/faults", _faults),
        ("POST", "/faults", _add_faults),
        ("DELETE", "/faults", _drop_faults),
        ("GET", "/latency", _latency),
        ("POST", "/latency", _set_latency),
        ("POST", "/sync", _sync),
        ("POST", "/reset", _reset),
        ("GET", "/switches", _switches),
        ("POST", "/switches", _set_switches),
        ("GET", "/device", _devices),
        ("POST", "/device", _device),
        ("POST", "/password", _password),
    )
]
