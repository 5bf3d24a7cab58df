# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""POST /$batch: up to 20 requests in one, each with its own status, answered in any order.

Source: "Combine multiple HTTP requests using JSON batching". A malformed batch is a 400 as a whole; a member that
depends on a failed one is a 424.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from .. import faults
from ..journal import ENTRY_KEY, Entry
from ..state import Tenant
from ..world import World, world_of
from .call import Answer, Call, answer_headers, refusal
from .errors import GraphError, syntax
from .routing import dispatch, new_call

LARGEST = 20
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
_MEMBERS = frozenset({"id", "method", "url", "headers", "body", "dependsOn"})


@dataclass(frozen=True)
class Member:
    """One request of a batch; C(url) is relative and begins with a slash, C(headers) has lower-case names."""

    id: str
    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    depends_on: tuple[str, ...]


async def run_batch(request: Request, call: Call) -> Answer:
    """Answer a batch. Raises GraphError when it is malformed as a whole."""
    if call.method != "POST":
        raise GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    members = _members(call.body())
    answers: dict[str, Answer] = {}
    waiting = list(members)
    while waiting:
        ready = [member for member in waiting if all(name in answers for name in member.depends_on)]
        waiting = [member for member in waiting if member not in ready]
        results = await asyncio.gather(*(_run(request, call, member, answers) for member in ready))
        answers |= {member.id.lower(): answer for member, answer in zip(ready, results, strict=True)}
    order = list(members)
    _dice(call.tenant).shuffle(order)
    return Answer(200, {"responses": [_response(member, answers[member.id.lower()]) for member in order]})


def _dice(tenant: Tenant) -> random.Random:
    """A source of chance of its own, so that batches do not change which ids the tenant gives out."""
    dice: random.Random = tenant.scratch.setdefault("graph_dice", random.Random(tenant.seed))
    return dice


def _response(member: Member, answer: Answer) -> dict[str, Any]:
    row: dict[str, Any] = {"id": member.id, "status": answer.status, "headers": answer_headers(answer)}
    return row if answer.body is None else row | {"body": answer.body}


async def _run(request: Request, call: Call, member: Member, answers: dict[str, Answer]) -> Answer:
    world = world_of(request)
    fault = _fault(world, request, member)
    answer = fault or await _judged(call, member, answers)
    world.journal.note(
        request, method=member.method, path=member.url, status=answer.status, fault="member" if fault else None
    )
    return answer


def _fault(world: World, request: Request, member: Member) -> Answer | None:
    entry: Entry = request.scope[ENTRY_KEY]
    path = member.url.partition("?")[0]
    found: faults.Answer | None = world.faults.for_member(
        entry, method=member.method, path=path, write=member.method != "GET"
    )
    return None if found is None else Answer(found.status, found.body, dict(found.headers))


async def _judged(call: Call, member: Member, answers: dict[str, Answer]) -> Answer:
    request_id = str(uuid.uuid4())
    try:
        if any(answers[name].status >= 400 for name in member.depends_on):
            raise GraphError(424, "FailedDependency", "The request depends on a request that failed.")
        target = member.url.lstrip("/")
        headers, base_url = member.headers, call.base_url
        return await dispatch(new_call(call.tenant, base_url, member.method, target, headers, member.body, call.claims))
    except GraphError as error:
        return refusal(error, call.tenant, request_id, member.headers.get("client-request-id", request_id))


def _members(body: dict[str, Any]) -> list[Member]:
    items = body.get("requests")
    if not isinstance(items, list) or not items:
        raise syntax("Invalid batch payload format.")
    if len(items) > LARGEST:
        raise syntax(f"The number of batch requests exceeds the maximum of {LARGEST}.")
    members = [_member(item) for item in items]
    ids = [member.id.lower() for member in members]
    repeated = next((name for name in ids if ids.count(name) > 1), None)
    if repeated is not None:
        raise syntax(f"Request Id {repeated} has to be unique in a batch.")
    _check_dependencies(members)
    return members


def _member(item: Any) -> Member:
    if not isinstance(item, dict) or set(item) - _MEMBERS:
        raise syntax("Invalid batch payload format.")
    name, method, url = item.get("id"), item.get("method"), item.get("url")
    if not isinstance(name, str) or not name:
        raise syntax("Request Id is a required property of every request in a batch.")
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise syntax(f"Invalid or missing HTTP method of request {name}.")
    if (
        not isinstance(url, str)
        or not url
        or "://" in url.partition("?")[0]
        or url.lower().startswith(("/$batch", "$batch"))
    ):
        raise syntax(f"The url of request {name} must be relative.")
    headers = _headers(name, item.get("headers"))
    body = _body(name, item.get("body"), headers)
    depends = item.get("dependsOn") or []
    if not isinstance(depends, list) or not all(isinstance(other, str) for other in depends):
        raise syntax(f"The dependsOn of request {name} must be a list of ids.")
    return Member(name, method.upper(), f"/{url.lstrip('/')}", headers, body, tuple(other.lower() for other in depends))


def _headers(name: str, headers: Any) -> dict[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise syntax(f"The headers of request {name} must be an object of strings.")
    return {key.lower(): value for key, value in headers.items()}


def _body(name: str, body: Any, headers: dict[str, str]) -> bytes:
    """A body needs a Content-Type inside the request; text is base64."""
    if body is None:
        return b""
    if "content-type" not in headers:
        raise syntax(f"Content-Type header must be specified for requests with a body. Request Id: {name}")
    if not isinstance(body, str):
        return json.dumps(body).encode()
    try:
        return base64.urlsafe_b64decode(body.encode())
    except (binascii.Error, UnicodeEncodeError):
        raise syntax(f"The body of request {name} is neither JSON nor base64.") from None


def _check_dependencies(members: Sequence[Member]) -> None:
    """Every dependency is an earlier request of the same batch, which also keeps circles out."""
    earlier: set[str] = set()
    for member in members:
        unknown = next((other for other in member.depends_on if other not in earlier), None)
        if unknown is not None:
            raise syntax(f"Request {member.id} depends on {unknown}, which is not an earlier request of the batch.")
        earlier.add(member.id.lower())
