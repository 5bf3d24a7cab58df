# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small server that plays a script: real sockets and real TLS, and nothing of it knows the clients."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TENANT = "11111111-2222-4333-8444-555555555555"


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Answer:
    """What the server does: answer, cut the connection (C(cut)), or keep silent until the client gives up (C(mute))."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    mute: bool = False

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


Play = Callable[[Seen], Answer]


class ScriptedServer:
    """Answers each request with the next line of its script; a token endpoint stands beside it.

    Attributes:
        script: answers, or functions of the request, in their order; the last one stays for all further requests.
        sign_ins: the same for the token endpoint; without any it hands out C(token-1), C(token-2) ...
        requests, token_requests: what arrived, without the discovery of the token endpoint.
    """

    def __init__(self, context: ssl.SSLContext | None, address: str = "127.0.0.1") -> None:
        self.script: list[Answer | Play] = []
        self.sign_ins: list[Answer | Play] = []
        self.requests: list[Seen] = []
        self.token_requests: list[Seen] = []
        self.discoveries = 0
        self.connections = 0
        self._lock = threading.Lock()
        self._hung = threading.Event()
        self._server = _Server((address, 0), _handler(self))
        self.port = self._server.server_address[1]
        self.url = f"{'https' if context else 'http'}://{address}:{self.port}"
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._hung.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hang(self) -> None:
        self._hung.wait(10)

    def answer(self, seen: Seen) -> Answer:
        with self._lock:
            if seen.path.endswith("/.well-known/openid-configuration"):
                self.discoveries += 1
                return self._discovery(seen)
            if "/oauth2/v2.0/" in seen.path:
                self.token_requests.append(seen)
                step = _next(self.sign_ins) if self.sign_ins else self._token
            else:
                self.requests.append(seen)
                step = _next(self.script) if self.script else Answer(200, {"value": []})
        return step(seen) if callable(step) else step

    def _discovery(self, seen: Seen) -> Answer:
        base = f"{self.url}/{seen.path.split('/')[1]}"
        return Answer(
            200,
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            },
        )

    def _token(self, _seen: Seen) -> Answer:
        return token(f"token-{len(self.token_requests)}")


def token(value: str, seconds: int = 3599) -> Answer:
    """A token endpoint's success."""
    return Answer(200, {"token_type": "Bearer", "expires_in": seconds, "access_token": value})


def refused(code: int, error: str, text: str, status: int = 400) -> Answer:
    """A token endpoint's refusal."""
    return Answer(
        status,
        {
            "error": error,
            "error_description": f"AADSTS{code}: {text} Trace ID: t-1 Correlation ID: c-1 Timestamp: 2026-11-22 10:00Z",
            "error_codes": [code],
            "correlation_id": "c-1",
        },
    )


def _next(script: list[Answer | Play]) -> Answer | Play:
    return script.pop(0) if len(script) > 1 else script[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that refuses our certificate, or a connection that the script cut, is what the tests are about."""


def _handler(owner: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            owner.connections += 1

        def log_message(self, *_args: Any) -> None:
            pass

        def _play(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = owner.answer(Seen(self.command, self.path, self.headers, body))
            if answer.mute:
                owner.hang()
            if answer.cut or answer.mute:
                self._reset()
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
            if "Content-Length" in answer.headers:
                self.close_connection = True

        def _reset(self) -> None:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _play  # noqa: N815

    return Handler


class FakeClock:
    """Time that passes only where somebody waits for it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.waits: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def close(self) -> None:
        pass
