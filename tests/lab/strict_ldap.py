# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small LDAP server on real sockets that is as strict as Windows where Samba is lax, and fails on demand.

It serves plain LDAP with StartTLS, LDAPS, and a global catalog in both ways, each on a free port of one loopback
address. It refuses what Windows refuses: values that differ in case only (20), more than 1000 objects without paging
(4), values out of range (19), a simple bind without TLS (8), passwords without TLS (53); and it gives more than 1500
values of an attribute in ranges. With several naming contexts, a search of the forest needs the global catalog.

C(journal) holds every operation; C(fail) makes one fail. Sources: RFC 4511, RFC 2696 (paging), MS-ADTS.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import ber
from .certificates import CertificateAuthority
from .directory import BASE_DN, FQDN, REALM
from .strict_session import Session
from .strict_store import Store

ADMINISTRATOR_DN = f"CN=Administrator,CN=Users,{BASE_DN}"
ADMINISTRATOR = f"Administrator@{REALM}"
PASSWORD = "Rehearsal-Strict-1!"
# Which listener is a global catalog, and which speaks TLS from the start.
LISTENERS = {"ldap": (False, False), "ldaps": (False, True), "gc": (True, False), "gcs": (True, True)}
EFFECTS = {"busy": 51, "unavailable": 52, "disconnect_before": None, "disconnect_after": None}
LARGEST_REQUEST = 10_000_000


@dataclass
class Operation:
    """One operation in the journal. Passwords are not in it. C(code): the result; None when the connection was cut."""

    number: int
    connection: int
    listener: str
    secure: bool
    kind: str
    dn: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    controls: list[str] = field(default_factory=list)
    code: int | None = None


@dataclass
class Fault:
    """What goes wrong: C(effect) for operations of a kind (C(any): all), after C(skip) of them, C(times) times."""

    kind: str
    effect: str
    skip: int = 0
    times: int = 1
    fired: int = 0


class StrictLdap:
    """The server; use it in a C(with). C(ports) tells where the listeners C(ldap), C(ldaps), C(gc) and C(gcs) are.

    authority: issues its certificate, for C(names) and the address.
    contexts: DNs of the forest's domains; the server is a domain controller of the first.
    signing_required: refuse simple binds without TLS, as Windows Server 2025 does by default.
    """

    def __init__(
        self,
        authority: CertificateAuthority,
        address: str = "127.0.0.1",
        *,
        contexts: Sequence[str] = (BASE_DN,),
        names: Sequence[str] = (FQDN, "localhost"),
        signing_required: bool = True,
        seed: int = 0,
    ) -> None:
        self.address = address
        self.signing_required = signing_required
        self.page_limit = 1000
        self.range_limit = 1500
        self.store = Store(contexts, seed)
        self.journal: list[Operation] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self.ports: dict[str, int] = {}
        self.connections = 0
        self.authority_path: Path = authority.ca_path
        files = authority.issue("strict-ldap", [*names, address])
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(files.certificate, files.key)
        self._servers: list[_Listener] = []
        self._open: set[socket.socket] = set()
        self._furnish()

    def _furnish(self) -> None:
        """The objects that every domain has, and an administrator."""
        for context in self.store.contexts:
            self.store.add(f"CN=Users,{context}", {"objectClass": [b"container"]}, secure=True)
        account = {
            "objectClass": [b"user"],
            "sAMAccountName": [b"Administrator"],
            "userPrincipalName": [ADMINISTRATOR.encode()],
            "userAccountControl": [b"512"],
            "unicodePwd": [f'"{PASSWORD}"'.encode("utf-16-le")],
        }
        self.store.add(f"CN=Administrator,CN=Users,{self.store.domain}", account, secure=True)

    def __enter__(self) -> StrictLdap:
        for name, (catalog, tls) in LISTENERS.items():
            server = _Listener((self.address, 0), self, name, catalog, tls)
            self._servers.append(server)
            self.ports[name] = server.server_address[1]
            # A short poll, so that a test does not wait for the end.
            threading.Thread(target=server.serve_forever, args=(0.02,), name=f"strict {name}", daemon=True).start()
        return self

    def __exit__(self, *_unused: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self.disconnect_all()

    def disconnect_all(self) -> None:
        """Cut every open connection, as an idle time-out or a restart would."""
        with self.lock:
            for connection in list(self._open):
                cut(connection)

    def fail(self, kind: str, effect: str, *, skip: int = 0, times: int = 1) -> Fault:
        """Make operations of a kind (bind, search, add, modify, move, delete, extended, any) fail.

        effect: busy (51), unavailable (52), disconnect_before (cut, not done), disconnect_after (done, cut unanswered).
        """
        if effect not in EFFECTS:
            raise ValueError(f"unknown effect {effect!r}")
        fault = Fault(kind, effect, skip, times)
        self.faults.append(fault)
        return fault

    def operations(self, kind: str) -> list[Operation]:
        """The operations of one kind so far."""
        return [operation for operation in self.journal if operation.kind == kind]

    def take_fault(self, kind: str) -> str | None:
        """The effect that is due for this operation, if any."""
        for fault in self.faults:
            if fault.kind not in (kind, "any") or fault.fired >= fault.times:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.fired += 1
            return fault.effect
        return None

    def opened(self, connection: socket.socket) -> int:
        """Note an open connection; gives its number."""
        with self.lock:
            self._open.add(connection)
            self.connections += 1
            return self.connections

    def replaced(self, old: socket.socket, new: socket.socket) -> None:
        """Note that a connection speaks TLS from now on."""
        with self.lock:
            self._open.discard(old)
            self._open.add(new)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self.lock:
            self._open.discard(connection)


class _Listener(socketserver.ThreadingTCPServer):
    """One port."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    # Connections end by themselves or by disconnect_all; waiting for their threads would wait for idle clients.
    block_on_close = False

    def __init__(self, address: tuple[str, int], owner: StrictLdap, name: str, catalog: bool, tls: bool) -> None:
        self.owner, self.name, self.catalog, self.tls = owner, name, catalog, tls
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours; anything else is shown by the journal's missing result."""


class _Handler(socketserver.BaseRequestHandler):
    """One connection: reads requests, has the session answer them, sends the answers."""

    server: _Listener

    def handle(self) -> None:
        owner = self.server.owner
        connection: socket.socket = self.request
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = owner.opened(connection)
        try:
            if self.server.tls:
                connection = self._secured(connection)
            session = Session(owner, self.server.name, number, self.server.catalog, secure=self.server.tls)
            while (request := _read(connection)) is not None:
                answer = session.answer(request)
                if answer is None:
                    break
                if answer.cut:
                    cut(connection)
                    break
                connection.sendall(answer.data)
                if answer.start_tls:
                    connection = self._secured(connection)
        except (OSError, ber.BerError):
            # The client went away, failed the handshake, or speaks no LDAP: either way the connection ends.
            cut(connection)
        finally:
            owner.closed(connection)
            connection.close()

    def _secured(self, connection: socket.socket) -> socket.socket:
        owner = self.server.owner
        secured = owner.tls.wrap_socket(connection, server_side=True)
        owner.replaced(connection, secured)
        return secured


def _read(connection: socket.socket) -> ber.Element | None:
    """The next request; None when the client has closed.

    Never reads beyond it: after StartTLS the next bytes belong to the handshake.
    """
    data = b""
    while True:
        wanted = ber.extent(data)
        if wanted is None:
            # The tag and the first length byte; then, of a long form, the rest of the length.
            wanted = 2 if len(data) < 2 else 2 + (data[1] & 0x7F)
        elif wanted > LARGEST_REQUEST:
            raise ber.BerError("request too large")
        elif len(data) == wanted:
            return ber.decode(data)[0]
        received = connection.recv(wanted - len(data))
        if not received:
            return None
        data += received


def cut(connection: socket.socket) -> None:
    """Reset a connection: with a linger time of zero, closing sends RST."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # A thread that waits in recv holds the socket open; shutting down wakes it.
        connection.shutdown(socket.SHUT_RD)
    connection.close()
