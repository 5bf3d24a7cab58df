# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scripted server with a certificate of a private CA, and clients that talk to it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, settings
from scripted import TENANT, FakeClock, ScriptedServer

from ansible_collections.m365.hybrid.plugins.module_utils.clients import token_cache
from ansible_collections.m365.hybrid.plugins.module_utils.clients.exchange import Exchange
from ansible_collections.m365.hybrid.plugins.module_utils.clients.graph import Graph

# How long an example takes says more about the machine and what else runs on it than about the code.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

MakeServer = Callable[..., ScriptedServer]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_path(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, CA bundle or credential of whoever runs the tests; no token of the test before."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(token_cache, "shared", token_cache.TokenCache())


@pytest.fixture
def make_server(authority: trustme.CA) -> Iterator[MakeServer]:
    """Start servers; they end with the test."""
    started: list[ScriptedServer] = []

    def make(*names: str, tls: bool = True, issuer: trustme.CA | None = None, **certificate: Any) -> ScriptedServer:
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            (issuer or authority).issue_cert(*(names or ("127.0.0.1", "localhost")), **certificate).configure_cert(
                context
            )
        started.append(ScriptedServer(context))
        return started[-1]

    yield make
    for server in started:
        server.close()


@pytest.fixture
def server(make_server: MakeServer) -> ScriptedServer:
    return make_server()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def options(server: ScriptedServer, ca_path: str) -> dict[str, Any]:
    """Options that lead all services to the scripted server."""
    return {
        "tenant_id": TENANT,
        "client_id": "22222222-2222-4333-8444-555555555555",
        "client_secret": "the~secret",
        "sign_in": "auto",
        "cloud": "commercial",
        "endpoints": {"login": server.url, "graph": server.url, "exchange": server.url},
        "ca_path": ca_path,
        "request_timeout": 5.0,
    }


@pytest.fixture
def connect(options: dict[str, Any], clock: FakeClock) -> Iterator[Callable[..., Any]]:
    """Make a client of the class given; options may be replaced by name."""
    clients: list[Any] = []

    def make(kind: type[Graph] | type[Exchange], read_only: bool = False, **changes: Any) -> Any:
        client = kind({**options, **changes}, read_only)
        client.http.clock = clock
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def graph(connect: Callable[..., Any]) -> Graph:
    client: Graph = connect(Graph)
    return client


@pytest.fixture
def exchange(connect: Callable[..., Any]) -> Exchange:
    client: Exchange = connect(Exchange)
    return client
