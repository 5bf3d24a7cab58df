# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The doors of the tenant: HTTPS listeners on loopback addresses, and the gate that every request passes.

The gate writes the journal, injects the round trip and applies the faults; then the service answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import uvicorn
from ldap3.core.exceptions import LDAPException
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import control, imds, login
from .certificates import ServerFiles
from .exchange import routes as exchange_routes
from .faults import Rule, answer_of, target_of
from .graph import routes as graph_routes
from .imap import protocol as imap_protocol
from .journal import Entry, header
from .submission import Submission
from .vaults import azure_routes, control_routes, hashicorp_routes
from .world import World

# Seconds an idle connection is kept; above any client's, so that it is never the lab that ends one unasked.
_KEEP_ALIVE = 600
# Seconds between looks at the scheduler.
_TICK = 1.0
_LOGGER = logging.getLogger("lab")
_LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")


class _Protocol(H11Protocol):
    """uvicorn's protocol, where a request can cut its connection and a shutdown does not wait for idle clients."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "cut": self._cut}
        super().connection_made(transport)

    def _cut(self) -> None:
        """End the connection with a TCP reset: closing with a linger time of zero sends RST, drops what is unsent."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()


class Gate:
    """The ASGI application in front of the services of one world."""

    def __init__(self, world: World, inner: ASGIApp) -> None:
        self._world, self._inner = world, inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_lab"):
            await self._inner(scope, receive, send)
            return
        world, begin = self._world, time.perf_counter()
        body = await _read(receive)
        if body is None:
            return
        entry = world.journal.open(world.tenant.clock, scope, body)
        delay, rule = world.faults.choose(entry, _authority(scope), world.base_urls)
        if world.latency + delay > 0:
            await asyncio.sleep(world.latency + delay)
        replay = _replayed(body, receive)
        if rule is None:
            await self._inner(scope, replay, _watched(entry, send, begin))
        else:
            entry.fault = rule.kind
            await self._meet(rule, entry, scope, replay, _watched(entry, send, begin))
        entry.milliseconds = round((time.perf_counter() - begin) * 1000, 3)

    async def _meet(self, rule: Rule, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a fault happen to a request."""
        if rule.kind == "reset_after":
            await self._inner(scope, receive, _swallow)
        if rule.kind in ("reset_before", "reset_after"):
            await _cut(scope, receive)
        elif rule.kind == "redirect":
            target = target_of(rule, _authority(scope), self._world.base_urls)
            query = scope["query_string"].decode("latin-1")
            location = f"{target}{scope['raw_path'].decode('latin-1')}{'?' if query else ''}{query}"
            await _send(send, 302, {"Location": location}, b"")
        else:
            answer = answer_of(rule, entry)
            await _send(send, answer.status, answer.headers, answer.encoded())


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when the client went away before it was complete."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body once more, and then what really comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again


def _watched(entry: Entry, send: Send, begin: float) -> Send:
    """A send that keeps status and duration in the journal before the client can see the answer."""

    async def watch(message: Message) -> None:
        if message["type"] == "http.response.start":
            entry.status = message["status"]
            entry.milliseconds = round((time.perf_counter() - begin) * 1000, 3)
        await send(message)

    return watch


async def _swallow(message: Message) -> None:
    """A send whose messages reach nobody."""


async def _cut(scope: Scope, receive: Receive) -> None:
    """Reset the connection and wait until the protocol has noticed, so that it sends no answer of its own."""
    scope["state"]["cut"]()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _authority(scope: Scope) -> str:
    return f"{scope['scheme']}://{header(scope, b'host') or ''}"


def application(world: World) -> ASGIApp:
    """The tenant's services and its control, behind the gate."""
    routes: list[BaseRoute] = [*control.routes, *control_routes, *graph_routes, *exchange_routes, *login.routes]
    return _gated(world, routes)


def _gated(world: World, routes: list[BaseRoute]) -> ASGIApp:
    services = Starlette(routes=routes)
    services.state.world = world
    return _dated(world, Gate(world, services))


def _dated(world: World, app: ASGIApp) -> ASGIApp:
    """Every answer says what time it is in the tenant, which may be another than that of this machine."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = format_datetime(world.tenant.clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", ()), (b"date", now)]}
            await send(message)

        await app(scope, receive, stamped)

    return call


def _bind(address: str, port: int) -> socket.socket:
    """A socket on a loopback address; any other address is refused, since the control needs no token."""
    try:
        loopback = ipaddress.IPv4Address(address) in _LOOPBACK
    except ipaddress.AddressValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the rehearsal tenant listens on loopback addresses only, not on {address}")
    # asyncio turns Nagle's delay off only for sockets that name their protocol; with it each answer would take 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener


def _authority_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{host}:{port}"


def _url(scheme: str, listener: socket.socket) -> str:
    return f"{scheme}://{_authority_of(listener)}"


def _server(app: ASGIApp, **options: Any) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=2,
            **options,
        )
    )


@contextlib.contextmanager
def running(
    world: World,
    address: str = "127.0.0.1",
    port: int = 0,
    *,
    others: Sequence[tuple[str, int]] = (),
    with_imds: bool = False,
) -> Iterator[str]:
    """Serve a world from a thread; gives its base URL once it answers.

    port: 0 takes a free one. others: further (address, port) pairs where the same services listen; see world.base_urls.
    with_imds: listen for managed identities on a free port of the same address, over plain HTTP; see world.imds_url.
    Mail and the vaults take free ports too; see world.smtp_server, world.key_vault_url and world.vault_url.
    Raises ValueError for an address outside 127.0.0.0/8, OSError when an address is taken.
    """
    with contextlib.ExitStack() as stack:

        def bound(host: str, number: int = 0) -> socket.socket:
            return stack.enter_context(contextlib.closing(_bind(host, number)))

        secure = [bound(host, number) for host, number in ((address, port), *others)]
        plain = bound(address) if with_imds else None
        submission, imap, key_vault, vault = (bound(address) for _unused in range(4))
        world.base_urls = [_url("https", one) for one in secure]
        world.imds_url = _url("http", plain) if plain else None
        world.smtp_server, world.imap_server = _authority_of(submission), _authority_of(imap)
        world.key_vault_url, world.vault_url = _url("https", key_vault), _url("https", vault)
        hosts = dict.fromkeys([*(one.getsockname()[0] for one in secure), "127.0.0.1", "localhost"])
        files = world.authority.issue("services", hosts)
        servers = [
            (_secure_server(application(world), files), secure),
            (_secure_server(_gated(world, azure_routes), files), [key_vault]),
            (_secure_server(_gated(world, hashicorp_routes), files), [vault]),
        ]
        if plain:
            servers.append((_server(_gated(world, imds.routes)), [plain]))
        with _in_thread(world, servers, _mail(world, files, submission, imap)):
            yield world.base_url


def _secure_server(app: ASGIApp, files: ServerFiles) -> uvicorn.Server:
    return _server(app, ssl_certfile=str(files.certificate), ssl_keyfile=str(files.key))


@dataclass(frozen=True)
class Mail:
    """A listener of a mail protocol: its socket, what serves a connection, and TLS where it is there from the start."""

    listener: socket.socket
    protocol: Callable[[], asyncio.BaseProtocol]
    context: ssl.SSLContext | None = None


def _mail(world: World, files: ServerFiles, submission: socket.socket, imap: socket.socket) -> list[Mail]:
    """Both mail protocols; they show the certificate of the services."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    return [
        Mail(submission, lambda: Submission(world, context)),
        Mail(imap, lambda: imap_protocol(world), context),
    ]


@contextlib.contextmanager
def _in_thread(
    world: World, servers: list[tuple[uvicorn.Server, list[socket.socket]]], mail: list[Mail]
) -> Iterator[None]:
    """Run servers in one event loop of a thread of its own, from their start to the end of the block."""

    async def serve_all() -> None:
        ticking = asyncio.create_task(_tick(world))
        loop = asyncio.get_running_loop()
        mailing = [await loop.create_server(one.protocol, sock=one.listener, ssl=one.context) for one in mail]
        await asyncio.gather(*(server.serve(sockets=sockets) for server, sockets in servers))
        ticking.cancel()
        for listening in mailing:
            listening.close()

    thread = threading.Thread(target=asyncio.run, args=(serve_all(),), name="rehearsal tenant", daemon=True)
    thread.start()
    try:
        while not all(server.started for server, _unused in servers):
            if not thread.is_alive():
                raise RuntimeError("the rehearsal tenant did not start")
            time.sleep(0.005)
        yield
    finally:
        for server, _unused in servers:
            server.should_exit = True
        thread.join()


async def _tick(world: World) -> None:
    """Run the sync cycles that fall due as time passes; a cycle that failed is tried again at its next time."""
    while True:
        await asyncio.sleep(_TICK)
        try:
            await world.run_due_cycles()
        except LDAPException as error:
            _LOGGER.warning("sync cycle failed: %s", error)


def serve(
    world: World,
    address: str,
    port: int,
    ready_file: Path,
    *,
    others: Sequence[tuple[str, int]] = (),
    with_imds: bool = True,
) -> None:
    """Serve a world until the process is told to end (SIGTERM, SIGINT). Arguments as for C(running).

    ready_file: written when everything answers: a JSON object with url, imds_url, smtp_server, imap_server, key_vault_url,
    vault_url, ca_path and pid. Removed at the end.
    """
    told = threading.Event()
    before = {number: signal.signal(number, lambda *_unused: told.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with running(world, address, port, others=others, with_imds=with_imds) as url:
            facts = {"url": url, "imds_url": world.imds_url, "ca_path": str(world.ca_path), "pid": os.getpid()}
            facts |= {"smtp_server": world.smtp_server, "imap_server": world.imap_server}
            facts |= {"key_vault_url": world.key_vault_url, "vault_url": world.vault_url}
            partial = ready_file.with_name(ready_file.name + ".part")
            partial.write_text(json.dumps(facts))
            partial.replace(ready_file)
            told.wait()
    finally:
        ready_file.unlink(missing_ok=True)
        for number, handler in before.items():
            signal.signal(number, handler)
