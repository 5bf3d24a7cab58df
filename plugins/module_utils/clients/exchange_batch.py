# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many reads of the Exchange admin API in one request.

A batch holds ten cmdlets at most; answers come in any order and are told apart by their ids alone, because the text of
an error does not name its object. What is known of batches comes from public clients of this endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from . import retry
from .exchange_answers import judge
from .pace import COMPLAINTS
from .retry import Effort, Fault
from .transport import Call, Transport
from .wire import Reply

SIZE = 10
# Without it the service stops at the first cmdlet that fails.
PREFER = "odata.continue-on-error"
Answer = tuple[Reply, Fault]
Answers: TypeAlias = "list[tuple[Reply, Fault | None]]"


def answers(http: Transport, path: str, calls: Sequence[Call]) -> Answers:
    """Send up to ten reads as one request, and those that the service put off once more, in the order of the calls.

    Arguments:
        http: the transport of Exchange.
        path: the address of batches.
        calls: reads, none of which changes anything.

    Returns:
        for each call its answer and the fault in it, if there is one.

    Raises:
        ServiceError: the batch as a whole failed.
    """
    effort = Effort(http.clock)
    found: dict[int, tuple[Reply, Fault | None]] = {}
    waiting = list(range(len(calls)))
    while waiting:
        replies = dict(_sent(http, path, calls, waiting))
        # An answer that is missing is asked for alone.
        found |= {index: http.send(calls[index]) for index in waiting if index not in replies}
        found |= {index: (reply, judge(calls[index], reply)) for index, reply in replies.items()}
        again, asked = _put_off(http, found, waiting)
        if not again or not effort.again(retry.BUDGET, asked):
            break
        waiting = again
    return [found[index] for index in range(len(calls))]


def _put_off(
    http: Transport, found: dict[int, tuple[Reply, Fault | None]], waiting: list[int]
) -> tuple[list[int], float | None]:
    """Those of a batch that may be asked again, and how many seconds the service wants to be left alone."""
    again: list[int] = []
    longest: float | None = None
    for index in waiting:
        reply, fault = found[index]
        asked = retry.retry_after_seconds(reply.headers.get("Retry-After"), http.clock.time())
        if fault and not fault.absent and not fault.already and retry.patience(False, reply.status, fault, asked):
            again.append(index)
            longest = asked if longest is None or (asked or 0.0) > longest else longest
    if any(found[index][0].status in COMPLAINTS for index in again):
        http.pace.slower()
    return again, longest


def _sent(http: Transport, path: str, calls: Sequence[Call], waiting: list[int]) -> Iterator[tuple[int, Reply]]:
    """Send one batch; the answers with the place of their call."""
    from requests.structures import CaseInsensitiveDict

    members = [_member(http, str(index), calls[index]) for index in waiting]
    what = f"{calls[waiting[0]].what} ({len(waiting)} in a batch)"
    headers = {**calls[waiting[0]].headers, "Prefer": f"{calls[waiting[0]].headers['Prefer']};{PREFER}"}
    reply, fault = http.send(Call(what, "POST", path, False, json.dumps({"requests": members}).encode(), headers))
    for answer in reply.data["responses"] if not fault else ():
        place = str(answer.get("id"))
        if place.isdigit() and int(place) in waiting and isinstance(answer.get("status"), int):
            own = CaseInsensitiveDict({str(name): str(value) for name, value in (answer.get("headers") or {}).items()})
            own.setdefault("request-id", reply.request_id or "")
            body = answer.get("body")
            # A cmdlet that is not allowed has no readable body here either.
            yield int(place), Reply(answer["status"], own, b"", body if isinstance(body, dict) else None, reply.url)


def _member(http: Transport, place: str, call: Call) -> dict[str, Any]:
    headers = {"Content-Type": "application/json; charset=utf-8", **call.headers}
    return {
        "id": place,
        "method": call.method,
        "url": http.url(call.target),
        "headers": headers,
        "body": json.loads(call.body or b"{}"),
    }
