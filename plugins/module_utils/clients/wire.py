# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request, one answer: TLS, proxies, compression, and what a failed connection means."""

from __future__ import annotations

import errno
import importlib
import json
import os
import socket
import ssl
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import ServiceError

if TYPE_CHECKING:
    import requests

# More threads than core ever starts, so that none of them has to open a connection for one request only.
POOL_SIZE = 64
# A reachable host answers the TCP and TLS handshakes long before this; the rest of the time-out is for the work itself.
CONNECT_TIMEOUT = 15.0


@dataclass(frozen=True)
class Reply:
    """An answer, whatever its status. C(headers) are case-insensitive; C(data) is the parsed JSON, or None."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    data: Any
    url: str

    @property
    def request_id(self) -> str | None:
        """What Microsoft's support asks for."""
        return self.headers.get("request-id") or self.headers.get("x-ms-request-id")


@dataclass(frozen=True)
class Unreachable:
    """A way in which a request can fail without an answer.

    Attributes:
        said: with {host} and {detail}.
        sent: the request may have reached the service.
        again: worth another try.
    """

    said: str
    advice: str
    sent: bool
    again: bool


_CHECK_ENDPOINT = "Check the cloud and endpoints options, and that this host may reach it."
_CA_ADVICE = (
    "If {host} is behind a proxy that inspects TLS, or has a private CA, name that CA's PEM file in the option ca_path."
)
FAILURES: dict[str, Unreachable] = {
    "unknown CA": Unreachable(
        "The certificate of {host} is not signed by a CA that is trusted here ({detail}).", _CA_ADVICE, False, False
    ),
    "name mismatch": Unreachable(
        "The certificate of {host} is for another name ({detail}).",
        "Check the address in the endpoints option: it must be the name that the certificate carries.",
        False,
        False,
    ),
    "expired": Unreachable(
        "The certificate of {host} is outside its time of validity ({detail}).",
        "Check the clock of this machine first, then the certificate of {host}. The option ca_path does not help here.",
        False,
        False,
    ),
    "certificate": Unreachable("The certificate of {host} could not be verified ({detail}).", _CA_ADVICE, False, False),
    "no TLS": Unreachable(
        "{host} does not answer with TLS ({detail}).",
        "Check the address and the port in the endpoints option; plain http is never used.",
        False,
        False,
    ),
    "dns": Unreachable("The name of {host} cannot be resolved ({detail}).", _CHECK_ENDPOINT, False, True),
    "refused": Unreachable("{host} refuses the connection ({detail}).", _CHECK_ENDPOINT, False, True),
    "unreachable": Unreachable("There is no route to {host} ({detail}).", _CHECK_ENDPOINT, False, True),
    "proxy": Unreachable(
        "The proxy does not let the request through to {host} ({detail}).",
        "Check the environment variables HTTPS_PROXY and NO_PROXY, and what the proxy allows.",
        False,
        True,
    ),
    "address": Unreachable("{host} is not an address that a request can be sent to.", _CHECK_ENDPOINT, False, False),
    "no connection": Unreachable(
        "{host} did not accept a connection within {connect:g} seconds.", _CHECK_ENDPOINT, False, True
    ),
    "time-out": Unreachable(
        "{host} did not answer within {timeout:g} seconds.",
        "Raise the option request_timeout if the service needs longer.",
        True,
        True,
    ),
    "cut": Unreachable("The connection to {host} was cut before the answer was complete ({detail}).", "", True, True),
}
# X509_V_ERR_ codes of OpenSSL's x509_vfy.h.
_VERIFY_CODES = {9: "expired", 10: "expired", 62: "name mismatch", 64: "name mismatch"} | dict.fromkeys(
    (2, 18, 19, 20, 21), "unknown CA"
)
# These can only come from a handshake; any other TLS failure may come after the request was sent.
_HANDSHAKE_ONLY = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE",
                   "HANDSHAKE_FAILURE", "ALERT_PROTOCOL_VERSION", "RECORD_LAYER_FAILURE")  # fmt: skip
_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN}


class WireFailure(Exception):
    """No answer came. Never leaves the clients: C(error) turns it into a ServiceError."""

    def __init__(self, kind: str, host: str, detail: str, timeout: float) -> None:
        super().__init__(kind)
        self.kind = kind
        self.failure = FAILURES[kind]
        self._words = {"host": host, "detail": detail, "timeout": timeout, "connect": min(timeout, CONNECT_TIMEOUT)}

    def error(self, what: str, write: bool, request_id: str | None = None) -> ServiceError:
        """The same for the administrator; C(what) names the request."""
        lost = write and self.failure.sent
        return ServiceError(
            f"{what}: {self.failure.said.format(**self._words)}",
            meaning="The change may or may not have been made." if lost else "",
            advice=self.failure.advice.format(**self._words),
            request_id=request_id,
            ambiguous=lost,
        )


class Wire:
    """A pool of connections. One per client; safe for many threads."""

    def __init__(self, ca_path: str | None, timeout: float) -> None:
        self._timeout = timeout
        self._session = _session(trust(ca_path))

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        direct: bool = False,
    ) -> Reply:
        """Send one request and read the whole answer.

        Arguments:
            headers: all of them, with Authorization; nothing else is ever put there.
            direct: pass by any proxy (for addresses that only this machine can reach).

        Raises:
            WireFailure: no complete answer came.
        """
        import requests
        import urllib3.exceptions

        request = requests.Request(method, url, headers=dict(headers), data=body, auth=_keep)
        more: dict[str, Any] = {"proxies": {}} if direct else {}
        times = (min(self._timeout, CONNECT_TIMEOUT), self._timeout)
        try:
            # Session.send looks at the environment for proxies only; Session.request would also take its CA bundle.
            response = self._session.send(
                self._session.prepare_request(request), stream=True, timeout=times, allow_redirects=False, **more
            )
            raw = response.raw.read(decode_content=False)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._failure(url, error) from None
        content = _decoded(raw, response.headers.get("Content-Encoding", ""))
        return Reply(response.status_code, response.headers, content, _parsed(content), url)

    def _failure(self, url: str, error: BaseException) -> WireFailure:
        return failed(error, urlsplit(url).netloc.rpartition("@")[2], self._timeout)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()


def failed(error: BaseException, host: str, timeout: float) -> WireFailure:
    """What it means that a connection to a host failed, whatever is spoken over it."""
    kind, detail = _explain(error)
    return WireFailure(kind, host, detail, timeout)


def require(library: str) -> ModuleType:
    """Import a Python library that Ansible does not bring along.

    Raises:
        ServiceError: it is not installed.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise ServiceError(
            f"The Python library {library} cannot be loaded by {sys.executable}: {error}",
            advice="Install the requirements of the collection: python -m pip install requests msal cryptography",
        ) from None


def _keep(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for a login, because requests would otherwise replace the bearer by what a .netrc holds for the host."""
    return request


def _session(trust: ssl.SSLContext) -> requests.Session:
    require("requests")
    import requests
    from requests.adapters import HTTPAdapter

    class OneTrust(HTTPAdapter):
        """Verify every connection by the same context: reading the CA file anew for each costs 20 ms or more."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs, ssl_context=trust)

        def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, **kwargs, ssl_context=trust)

        def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
            """The context has all that is needed; the environment's REQUESTS_CA_BUNDLE has no say."""

    session = requests.Session()
    session.mount("https://", OneTrust(pool_maxsize=POOL_SIZE))
    return session


def trust(ca_path: str | None) -> ssl.SSLContext:
    """The CAs of C(ca_path) and no others; without it those of the environment (as for requests), or the system's."""
    bundle = ca_path or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None
    try:
        return _verifying(bundle)
    except OSError as error:  # ssl.SSLError is one, for a file without a certificate.
        raise ServiceError(
            f"The CA file {bundle} cannot be used: {error.strerror or error.__class__.__name__}.",
            advice="The option ca_path must name a readable PEM file of CA certificates."
            if ca_path
            else "Correct the environment variable REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or use the option ca_path.",
        ) from None


@cache
def _verifying(bundle: str | None) -> ssl.SSLContext:
    """One context for all clients of the process: reading the system's CAs takes 40 ms."""
    if bundle and os.path.isdir(bundle):
        return ssl.create_default_context(capath=bundle)
    context = ssl.create_default_context(cafile=bundle)
    paths = ssl.get_default_verify_paths()
    if not bundle and not paths.cafile and not paths.capath:
        context.load_verify_locations(require("certifi").where())
    return context


def _decoded(raw: bytes, encoding: str) -> bytes:
    """Unpack gzip by hand: Exchange declares it on bodies that are not packed, and the status must survive that."""
    if "gzip" not in encoding.lower():
        return raw
    try:
        return zlib.decompress(raw, wbits=31)
    except zlib.error:
        return raw


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all that lies behind it; requests and urllib3 keep the cause in args, reason or __cause__."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting += [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]


def _explain(error: BaseException) -> tuple[str, str]:
    """Name the failure: a key of FAILURES, and a detail that holds neither URL nor header."""
    causes = list(_causes(error))
    names = {type(cause).__name__ for cause in causes}
    if "ProxyError" in names:
        return "proxy", _last_words(causes)
    for cause in causes:
        for test in _TESTS:
            if found := test(cause):
                return found
    if names & {"InvalidURL", "InvalidHeader", "LocationParseError", "UnicodeError"}:
        return "address", ""
    if "ConnectTimeout" in names:
        return "no connection", ""
    if names & {"ReadTimeout", "ReadTimeoutError", "TimeoutError"}:
        return "time-out", ""
    return "cut", type(causes[-1]).__name__


def _last_words(causes: list[BaseException]) -> str:
    """What the socket said; the longer texts of urllib3 around it may hold the proxy's address with its password."""
    sockets = [
        cause for cause in causes if type(cause) in (OSError, ConnectionRefusedError, socket.gaierror, TimeoutError)
    ]
    return next((cause.strerror or str(cause) for cause in sockets), "no connection")  # type: ignore[attr-defined]


def _tls(cause: BaseException) -> tuple[str, str] | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(cause.verify_code, "certificate"), cause.verify_message
    if isinstance(cause, ssl.SSLError) and any(reason in (cause.reason or "") for reason in _HANDSHAKE_ONLY):
        return "no TLS", (cause.reason or "").replace("_", " ").lower()
    return None


def _network(cause: BaseException) -> tuple[str, str] | None:
    if isinstance(cause, socket.gaierror):
        return "dns", cause.strerror or ""
    if isinstance(cause, ConnectionRefusedError):
        return "refused", cause.strerror or "connection refused"
    if isinstance(cause, OSError) and cause.errno in _NO_ROUTE:
        return "unreachable", cause.strerror or ""
    return None


_TESTS: tuple[Callable[[BaseException], tuple[str, str] | None], ...] = (_tls, _network)
