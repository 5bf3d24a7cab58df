# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A door in front of the LDAPS port of Samba that counts the writes, and can hold one up or cut its connection.

The lab's own faults reach HTTP requests only. TLS ends here on both sides, since faults are scripted by LDAP message.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lab.ber import decode, extent
from lab.certificates import CertificateAuthority

LDAPS = 636
# LDAP requests that write (RFC 4511, 4.6 to 4.9), by the tag of their operation.
WRITES = {0x66: "modify", 0x68: "add", 0x4A: "delete", 0x6C: "move"}
UNBIND = 0x42


@dataclass
class LdapGate:
    """What passed through, and what is to happen to the write of a certain number, counted from 1.

    C(faults): C(hang) (never forwarded), C(cut_before) (cut, not forwarded) or C(cut_after) (forwarded, then cut) by
    number. C(meanwhile): called when a write arrives, before it is forwarded.
    """

    port: int = 0
    writes: list[str] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    meanwhile: Callable[[int], None] | None = None
    refusing: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Forget the writes and the faults."""
        with self.lock:
            self.writes, self.faults, self.meanwhile, self.refusing = [], {}, None, False

    def verdict(self, message: bytes) -> str:
        """What happens to a message: C(pass) or one of the faults."""
        kind = WRITES.get(decode(message)[0].children[1].tag)
        if kind is None:
            return "pass"
        with self.lock:
            self.writes.append(kind)
            number = len(self.writes)
        if self.meanwhile is not None:
            self.meanwhile(number)
        return self.faults.get(number, "pass")


@contextlib.contextmanager
def ldap_gate(address: str, authority: CertificateAuthority) -> Iterator[LdapGate]:
    """Serve a gate on a free port of the address at which Samba listens."""
    files = authority.issue("gate", [address])
    inside = ssl.create_default_context(cafile=str(authority.ca_path))
    outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    outside.load_cert_chain(files.certificate, files.key)
    with socket.create_server((address, 0)) as listener:
        gate = LdapGate(listener.getsockname()[1])
        threading.Thread(target=_accept, args=(gate, listener, address, outside, inside), daemon=True).start()
        yield gate


def _accept(
    gate: LdapGate, listener: socket.socket, address: str, outside: ssl.SSLContext, inside: ssl.SSLContext
) -> None:
    # accept() ends with an OSError when the gate is closed.
    with contextlib.suppress(OSError):
        while True:
            accepted, _unused = listener.accept()
            work = (gate, accepted, address, outside, inside)
            threading.Thread(target=_serve, args=work, daemon=True).start()


def _serve(
    gate: LdapGate, accepted: socket.socket, address: str, outside: ssl.SSLContext, inside: ssl.SSLContext
) -> None:
    """One connection; a killed client ends it with an OSError, which is nothing to report."""
    with accepted, contextlib.suppress(OSError):
        if gate.refusing:
            _reset(accepted)
            return
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with (
            outside.wrap_socket(accepted, server_side=True) as client,
            socket.create_connection((address, LDAPS)) as plain,
            inside.wrap_socket(plain, server_hostname=address) as server,
        ):
            plain_timeout(server)
            _converse(gate, client, server)


def plain_timeout(server: ssl.SSLSocket) -> None:
    """No Nagle delay, and an end for a server that never answers."""
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server.settimeout(30)


def _converse(gate: LdapGate, client: ssl.SSLSocket, server: ssl.SSLSocket) -> None:
    """Requests in, answers out; a client of ours has one request under way at a time on a connection."""
    for message in _messages(client):
        verdict = gate.verdict(message)
        if verdict == "hang":
            # Held until the client goes away.
            client.recv(1)
            return
        if verdict != "cut_before":
            server.sendall(message)
        if verdict == "cut_after":
            _one_answer(server)
        if verdict.startswith("cut"):
            _reset(client)
            return
        tag = decode(message)[0].children[1].tag
        if tag == UNBIND:
            return
        for answer in _answer(server):
            client.sendall(answer)


def _messages(connection: ssl.SSLSocket) -> Iterator[bytes]:
    """The LDAP messages that come over a connection, until it ends."""
    held = b""
    while True:
        length = extent(held[:6])
        if length is not None and len(held) >= length:
            yield held[:length]
            held = held[length:]
            continue
        received = connection.recv(65536)
        if not received:
            return
        held += received


def _answer(server: ssl.SSLSocket) -> Iterator[bytes]:
    """The messages that answer one request: entries and references of a search, and its end."""
    for message in _messages(server):
        yield message
        if decode(message)[0].children[1].tag not in (0x64, 0x73):
            return


def _one_answer(server: ssl.SSLSocket) -> None:
    for _unused in _answer(server):
        pass


def _reset(connection: socket.socket) -> None:
    """End a connection with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
