# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send a request until its fate is known: token, retries, redirects, the write guard, and errors that explain."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from . import clouds, retry
from .auth import SignIn, claims_of
from .errors import ServiceError, WriteRefused
from .pace import Pace
from .retry import Effort, Fault
from .wire import Reply, Wire, WireFailure

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
# Requests at once, where nobody says how many.
CONCURRENCY = 4
UNKNOWN_FATE = "Whether the change was made is not known."


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        what: names it in messages, for example C(Get-Mailbox) or C(GET /users).
        method, body, headers: as sent; the token and the request id are added.
        target: a path below the service's base, or a whole URL that the service gave.
        write: it may change something.
        fresh: what it names may have been made moments ago, so "not found" means "not known yet" for a while.
    """

    what: str
    method: str
    target: str
    write: bool
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False


class Tokens(Protocol):
    """Where a transport has its tokens from; L(SignIn) is one."""

    def token(self, scope: str, claims: str | None = None) -> str:
        """A token for the scope, that answers the claims challenge if there is one."""

    def forget(self, token: str) -> None:
        """Drop a token that a service refused."""


Parts = tuple[clouds.Service, Wire, Tokens]


class Transport:
    """What Graph and Exchange have in common. Safe for many threads; nothing is opened before the first request.

    Arguments:
        options: values of clouds.OPTIONS.
        name: the service, a key of clouds.SERVICES; or, for a service that these do not know, the function that makes
            its parts of the clock.
        read_only: refuse every write.
        judge: turns an answer into a Fault, or None if it is a success.
        pin: stay with the host that the service once redirected to.
        header: the name of the header that carries the token, where that is not C(Authorization).
        apart: the seconds that have to lie between requests such as this one, 0 where the service takes any number.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        name: str | Callable[[retry.Clock], Parts],
        read_only: bool,
        judge: Callable[[Call, Reply], Fault | None],
        pin: bool = False,
        header: str | None = None,
        apart: Callable[[Call], float] = lambda _call: 0.0,
    ) -> None:
        self._options = options
        self._name = name
        self._read_only = read_only
        self._judge = judge
        self._pin = pin
        self._header = header
        self._apart = apart
        self._lock = threading.Lock()
        self._open: Parts | None = None
        self._home: str | None = None
        self.clock = retry.Clock()
        self.pace = Pace(int(options.get("concurrency") or CONCURRENCY))
        self._turns = retry.Turns(self.clock)
        # How far the service's clock is ahead of ours, in seconds.
        self.ahead = 0.0

    def _parts(self) -> Parts:
        with self._lock:
            if self._open is None:
                self._open = self._name(self.clock) if callable(self._name) else self._usual(self._name)
            return self._open

    def _usual(self, name: str) -> Parts:
        service = clouds.service(self._options, name)
        wire = Wire(self._options.get("ca_path"), float(self._options.get("request_timeout") or 60))
        return service, wire, SignIn(self._options, wire, self.clock)

    @property
    def service(self) -> clouds.Service:
        """The service as this task reaches it."""
        return self._parts()[0]

    def url(self, target: str) -> str:
        """The whole URL of a call's target."""
        return (self._home or self.service.base) + target if target.startswith("/") else target

    def now(self) -> datetime:
        """The time by the service's clock, as the last answer told it; before any, by ours."""
        return datetime.fromtimestamp(self.clock.time() + self.ahead, UTC)

    def trusts(self, url: str) -> bool:
        """Say whether the token may be sent to the URL."""
        return self.service.trusts(url)

    def send(self, call: Call) -> tuple[Reply, Fault | None]:
        """Send a call until it succeeds or its failure is final.

        Returns:
            the answer, and the fault if it says that the object is absent or that the wish is fulfilled already.

        Raises:
            WriteRefused: the connection may only read.
            ServiceError: anything else. C(ambiguous) if it is a write that may have happened.
        """
        if call.write and self._read_only:
            raise WriteRefused(f"{call.what} is a write, and this connection may only read.")
        effort, claims, refreshed = Effort(self.clock), None, False
        while True:
            tag = str(uuid.uuid4())
            self._turns.wait(self._apart(call))
            token = self._parts()[2].token(self.service.scope, claims)
            try:
                with self.pace.turn() as number:
                    reply = self._follow(call, token, tag)
            except WireFailure as failure:
                if not self._again_after(failure, call, effort):
                    raise failure.error(call.what, call.write, tag) from None
                continue
            self.pace.heed(number, reply.status)
            self.ahead = retry.ahead(reply.headers.get("Date"), self.clock.time(), self.ahead)
            if reply.status == 401 and not refreshed:
                # The token has ended, was taken back, or lacks what is asked for; the request was never carried out.
                self._parts()[2].forget(token)
                claims, refreshed = claims_of(reply.headers.get("WWW-Authenticate")), True
                continue
            if reply.status == retry.THROTTLED:
                self._turns.turned_away()
            fault = self._judge(call, reply)
            if fault is None or fault.absent or fault.already:
                return reply, fault
            asked = retry.retry_after_seconds(reply.headers.get("Retry-After"), self.clock.time())
            allowed = retry.patience(call.write, reply.status, fault, asked)
            if not (allowed and effort.again(allowed, asked, fault.tries)):
                raise self.failure(call, reply, fault, effort, tag)

    def failure(
        self, call: Call, reply: Reply, fault: Fault, effort: Effort | None = None, tag: str | None = None
    ) -> ServiceError:
        """Turn a fault into the error for the administrator."""
        asked = retry.retry_after_seconds(reply.headers.get("Retry-After"), self.clock.time())
        lost = retry.fate_unknown(call.write, reply.status, fault, asked)
        meaning = [fault.meaning, UNKNOWN_FATE if lost else ""]
        if effort and effort.tries:
            meaning.append(
                f"Tried {effort.tries} times" + (f"; the service asks to wait {asked:g} s." if asked else ".")
            )
        return ServiceError(
            f"{call.what}: {fault.said}",
            meaning=" ".join(filter(None, meaning)),
            advice=fault.advice,
            status=reply.status,
            code=fault.code,
            request_id=reply.request_id or reply.headers.get("client-request-id") or tag,
            ambiguous=lost,
        )

    def _again_after(self, failure: WireFailure, call: Call, effort: Effort) -> bool:
        """Say whether to try again when no answer came, after the wait for it."""
        if not failure.failure.again or (call.write and failure.failure.sent):
            return False
        return effort.again(retry.BUDGET, tries=retry.TRIES if failure.failure.sent else retry.CONNECT_TRIES)

    def _follow(self, call: Call, token: str, tag: str) -> Reply:
        """Send once, and go where the service redirects to, with method, body and token as they were."""
        headers = {
            "User-Agent": clouds.USER_AGENT,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "client-request-id": tag,
            **({"Content-Type": "application/json"} if call.body is not None else {}),
            **call.headers,
            **({self._header: token} if self._header else {"Authorization": f"Bearer {token}"}),
        }
        url, wire = self.url(call.target), self._parts()[1]
        for _hop in range(MAX_REDIRECTS + 1):
            reply = wire.send(call.method, url, headers, call.body)
            if reply.status not in REDIRECTS:
                return reply
            url = self._next(call, reply, url)
        raise ServiceError(f"{call.what}: redirected more than {MAX_REDIRECTS} times.", status=reply.status)

    def _next(self, call: Call, reply: Reply, url: str) -> str:
        location = reply.headers.get("Location") or ""
        target = urljoin(url, location)
        host = urlsplit(target).netloc or "nowhere"
        if not location or not self.trusts(target):
            raise ServiceError(
                f"{call.what}: redirected to {urlsplit(target).scheme}://{host}, which is not a host of this service.",
                meaning="The token was not sent there. Proxies that ask for a login redirect like this.",
                advice="Check the options cloud and endpoints, and the proxy on the way.",
                status=reply.status,
                request_id=reply.request_id,
            )
        base = target.removesuffix(call.target)
        if self._pin and base != target:
            self._home = base
        return target

    def close(self) -> None:
        """End every wait and close every connection."""
        self.clock.close()
        with self._lock:
            if self._open:
                self._open[1].close()
