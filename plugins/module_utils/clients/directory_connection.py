# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a connection to a domain controller is opened: address, TLS with a verified certificate, sign-in; and the pool.

What has to be asked of ldap3 in so many words: by itself it checks no certificate, ignores addresses in certificates
on Python 3.12 and newer, reads the whole schema at every sign-in, and follows referrals.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from .directory_errors import certificate_refused, password_wrong, starttls_refused, unreachable
from .directory_line import Line, Lost
from .errors import ServiceError

Answer = TypeVar("Answer")


@dataclass
class Host:
    """A server by the name that the user gave, and the one address of it that this run talks to.

    A domain's name leads to many domain controllers, and what was written to one is not at once on the next.
    """

    name: str
    address: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def candidates(self, port: int) -> list[str]:
        """The chosen address, or all that the name has. Raises socket.gaierror."""
        if self.address is not None:
            return [self.address]
        found = socket.getaddrinfo(self.name, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class SignIn:
    """How to sign in. Kerberos takes its ticket from the credential cache or the client key table of the process."""

    kind: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Route:
    """Everything that opening a connection needs. C(timeout) is in seconds, for connecting and for each answer."""

    host: Host
    port: int
    tls: str
    context: Callable[[], ssl.SSLContext]
    sign_in: SignIn
    timeout: float

    @property
    def where(self) -> str:
        """The server in words, as the user named it."""
        named = (
            self.host.name if self.host.address in (None, self.host.name) else f"{self.host.name} ({self.host.address})"
        )
        return f"{named}, port {self.port}"


@cache
def tls_context(ca_path: str | None, validate: bool) -> ssl.SSLContext:
    """Python's own checks of chain, name and address (SAN), with the given authorities or those of the system.

    One for all clients of the process, and not the one for HTTP, which names its protocol in the handshake.

    Raises:
        ServiceError: the file of authorities cannot be read, or holds no certificate.
    """
    if not validate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=ca_path)
    except OSError as error:  # includes ssl.SSLError: not a PEM file
        reason = (
            error.strerror if error.strerror and not isinstance(error, ssl.SSLError) else "it holds no PEM certificate"
        )
        raise ServiceError(
            f"directory_ca_path: {ca_path} cannot be used: {reason}.",
            advice="Give a readable file with the certificates of the authorities in PEM form.",
            code="badOption",
        ) from None


def _strict_tls(route: Route) -> Any:
    """A TLS setting for ldap3 that leaves every check to Python, against the name that the user gave."""
    from ldap3 import Tls

    class StrictTls(Tls):  # type: ignore[misc]  # ldap3 has no types
        """ldap3's own checks ignore addresses in certificates; those of the ssl module do not."""

        failure: BaseException | None = None

        def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ARG002  # ldap3 gives it
            # Without this, Nagle's algorithm and delayed acknowledgement add 40 ms to each sign-in.
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = route.context()
            try:
                connection.socket = context.wrap_socket(connection.socket, server_hostname=route.host.name)
            except OSError as error:
                self.failure = error
                raise

    return StrictTls(validate=ssl.CERT_REQUIRED)


def _new_connection(route: Route, address: str) -> Any:
    import ldap3

    # A server object of its own for each connection: ldap3 keeps the current address in it, unlocked.
    server = ldap3.Server(
        address,
        port=route.port,
        use_ssl=route.tls == "ldaps",
        tls=_strict_tls(route),
        get_info=ldap3.NONE,
        connect_timeout=route.timeout,  # stays on the socket, so it bounds every later answer too
    )
    how: dict[str, Any] = {
        "authentication": ldap3.SIMPLE,
        "user": route.sign_in.user,
        "password": route.sign_in.password,
    }
    if route.sign_in.kind == "kerberos":
        # Named or not, the user is one whose ticket is there already.
        how = {"authentication": ldap3.SASL, "sasl_mechanism": ldap3.KERBEROS, "user": route.sign_in.user or None}
    return ldap3.Connection(
        server,
        client_strategy=ldap3.SYNC,
        auto_referrals=False,
        auto_range=False,
        auto_escape=False,
        check_names=False,
        return_empty_attributes=False,
        raise_exceptions=False,
        **how,
    )


def open_line(route: Route) -> Line:
    """A signed-in connection. The first one decides which address of the server this run talks to.

    Raises:
        ServiceError: a package is missing, the server cannot be reached, its certificate does not hold, or the
            sign-in is refused.
    """
    _require_packages(route.sign_in.kind)
    if route.host.address is not None:
        return _open_at(route, route.host.address)
    with route.host.lock:
        try:
            candidates = route.host.candidates(route.port)
        except OSError as error:
            raise unreachable(route.where, error, route.tls) from None
        for address in candidates[:-1]:
            try:
                line = _open_at(route, address)
            except ServiceError as error:
                if error.code != "unreachable":
                    raise
            else:
                route.host.address = address
                return line
        line = _open_at(route, candidates[-1])
        route.host.address = candidates[-1]
        return line


def _require_packages(sign_in: str) -> None:
    try:
        import ldap3  # noqa: F401
    except ImportError:
        raise ServiceError(
            "The Python package ldap3 is missing.",
            advice="Install it for the Python that runs Ansible: pip install ldap3.",
            code="missingPackage",
        ) from None
    if sign_in != "kerberos":
        return
    try:
        import gssapi  # noqa: F401
    except ImportError:
        raise ServiceError(
            "The Python package gssapi is missing; Kerberos needs it.",
            advice="Install it with pip install gssapi (which needs libkrb5-dev or krb5-devel), "
            "or use directory_sign_in: simple.",
            code="missingPackage",
        ) from None


def _open_at(route: Route, address: str) -> Line:
    from ldap3.core.exceptions import LDAPExceptionError, LDAPStartTLSError

    route.context()  # a bad file of authorities is told before anything is sent
    connection = _new_connection(route, address)
    line = Line(connection, route.where, (route.sign_in.password,))
    try:
        connection.open(read_server_info=False)
        if route.tls == "starttls":
            connection.start_tls(read_server_info=False)
    except (LDAPExceptionError, OSError) as error:
        line.close()
        failure = connection.server.tls.failure or error
        if isinstance(failure, ssl.SSLCertVerificationError):
            raise certificate_refused(route.where, failure) from None
        if isinstance(failure, LDAPStartTLSError):
            raise starttls_refused(route.where, failure) from None
        raise unreachable(route.where, failure, route.tls) from None
    try:
        line.sign_in()
    except Lost as lost:
        line.close()
        raise unreachable(route.where, lost.reason, route.tls) from None
    except ServiceError:
        line.close()
        raise
    return line


class Pool:
    """Connections that lie idle, newest first. A thread borrows one for one request; there are never more than threads.

    Lending beats a connection per thread: every task starts new threads, and each of these would have to sign in again.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        self._idle: list[Line] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._refusal: ServiceError | None = None
        self._accepted = False
        self._first = threading.Lock()

    def lend(self, action: Callable[[Line], Answer], fresh: bool = False) -> Answer:
        """Do something on a connection, one that has just been opened if C(fresh). Raises Lost, ServiceError."""
        line = self._open() if fresh else self._take()
        reusable = False
        try:
            answer = action(line)
            reusable = True
        except ServiceError:
            reusable = True
            raise
        finally:
            if reusable:
                self._idle.append(line)
            else:
                line.close()
        return answer

    def close(self) -> None:
        """Sign out of the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Line:
        with self._lock:
            if self._process != os.getpid():
                # A forked worker must not speak on its parent's connections.
                self._idle, self._process = [], os.getpid()
        while True:
            try:
                line = self._idle.pop()
            except IndexError:
                return self._open()
            if not line.dropped():
                return line
            line.close()

    def _open(self) -> Line:
        """A new connection. A domain controller locks accounts after some wrong passwords, so one is enough for all."""
        if self._accepted:
            return open_line(self.route)
        with self._first:
            if self._refusal is not None:
                raise self._refusal
            try:
                line = open_line(self.route)
            except ServiceError as error:
                self._refusal = error if password_wrong(error) else None
                raise
            self._accepted = True
            return line
