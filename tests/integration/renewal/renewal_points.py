# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The points at which a run can be ended while it talks to a service: each request, before and after it is carried out.

The lab's own faults hold a request up or cut its connection; here the run is dead before the service does another thing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from renewal_play import Run
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab import server, submission
from lab.journal import ENTRY_KEY
from lab.world import World


def ended(run: Run) -> bool:
    """The usual strike: the run dies with everything that it has started."""
    run.kill()
    return True


@dataclass
class Points:
    """What a run has come to, and where it is to end.

    C(passed): the points in their order. C(end_at): the number of the one where the run dies, counted from 1.
    C(strike): what happens to it there; gives whether its connection is cut. C(struck): that has happened.
    """

    passed: list[str] = field(default_factory=list)
    end_at: int = 0
    struck: bool = False
    run: Run | None = None
    strike: Callable[[Run], bool] = ended
    known: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self, end_at: int = 0, strike: Callable[[Run], bool] = ended) -> None:
        """Count from the beginning."""
        with self.lock:
            self.passed, self.end_at, self.strike, self.struck, self.run = [], end_at, strike, False, None
            self.known.clear()

    def begin(self, run: Run) -> None:
        """Say whom to end."""
        self.run = run
        self.known.set()

    def reached(self, what: str) -> bool:
        """Note a point; gives whether nothing more is to be done for the run."""
        with self.lock:
            self.passed.append(what)
            if len(self.passed) != self.end_at:
                return False
            assert self.known.wait(10)
            assert self.run is not None
            cut = self.strike(self.run)
            self.struck = True
            return cut


@contextmanager
def watched(points: Points) -> Iterator[None]:
    """Let every service that is started meanwhile tell its points."""
    gate, push = server.Gate, submission.Submission.push
    server.Gate = lambda world, inner: _Gate(world, inner, points)  # type: ignore[assignment, misc]

    async def pushed(self: Any, status: Any) -> None:
        # Before a command is carried out is after the reply to the one before it, so the replies are enough; one of
        # several lines ends with the line that has no hyphen behind the code (RFC 5321, 4.2.1).
        line = status.decode() if isinstance(status, bytes) else str(status)
        if line[3:4] != "-" and points.reached(f"smtp {line[:3]}"):
            self.transport.abort()
            return
        await push(self, status)

    submission.Submission.push = pushed  # type: ignore[method-assign]
    try:
        yield
    finally:
        server.Gate, submission.Submission.push = gate, push  # type: ignore[misc, method-assign]


class _Gate:
    """The lab's gate, with a point before each request and one after it.

    A read and a sign-in leave nothing behind, so before and after them is the same; they have one point.
    """

    def __init__(self, world: World, inner: ASGIApp, points: Points) -> None:
        self._points = points
        self._gate = _ORIGINAL(world, self._carried_out(inner))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gate(scope, receive, send)

    def _carried_out(self, inner: ASGIApp) -> ASGIApp:
        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            entry = scope.get(ENTRY_KEY)
            if entry is None:
                await inner(scope, receive, send)
                return
            what = f"{entry.method} {entry.path}"
            if self._points.reached(f"before {what}"):
                await _cut(scope, receive)
                return
            if not entry.write:
                await inner(scope, receive, send)
                return
            answer: list[Message] = []
            await inner(scope, receive, _into(answer))
            if self._points.reached(f"after {what}"):
                await _cut(scope, receive)
                return
            for message in answer:
                await send(message)

        return call


_ORIGINAL = server.Gate


def _into(answer: list[Message]) -> Callable[[Message], Any]:
    async def keep(message: Message) -> None:
        answer.append(message)

    return keep


async def _cut(scope: Scope, receive: Receive) -> None:
    """End the connection and wait until the protocol has noticed, so that it sends no answer of its own."""
    scope["state"]["cut"]()
    while (await receive())["type"] != "http.disconnect":
        pass
