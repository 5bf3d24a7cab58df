# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the transport does with answers, failures, tokens and redirects, whatever the service."""

from __future__ import annotations

import datetime
import email.utils
import gzip
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trustme
from scripted import Answer, FakeClock, ScriptedServer, Seen

from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError, WriteRefused
from ansible_collections.m365.hybrid.plugins.module_utils.clients.exchange import Exchange
from ansible_collections.m365.hybrid.plugins.module_utils.clients.graph import Graph

OK = Answer(200, {"id": "1"})
CONCURRENT = {"error": {"code": "Directory_ConcurrencyViolation", "message": "concurrent requests"}}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_read_is_repeated_after(status: int, graph: Graph, server: ScriptedServer, clock: FakeClock) -> None:
    server.script = [Answer(status, b"<html>"), Answer(status), OK]
    assert graph.get("/users/1") == {"id": "1"}
    assert len(server.requests) == 3
    assert 0.5 <= clock.waits[0] <= 1 <= clock.waits[1] <= 2


@pytest.mark.parametrize("status", [400, 403, 404, 409, 501])
def test_a_read_is_not_repeated_after(status: int, graph: Graph, server: ScriptedServer, clock: FakeClock) -> None:
    server.script = [Answer(status, {"error": {"code": "BadRequest", "message": "no"}})]
    with pytest.raises(ServiceError) as caught:
        graph.get("/users/1")
    assert (caught.value.status, caught.value.code, len(server.requests), clock.waits) == (status, "BadRequest", 1, [])


def test_tries_are_bounded_and_counted(graph: Graph, server: ScriptedServer, clock: FakeClock) -> None:
    server.script = [Answer(503)]
    with pytest.raises(ServiceError, match=f"Tried {retry.TRIES} times") as caught:
        graph.get("/users/1")
    assert len(server.requests) == retry.TRIES
    assert sum(clock.waits) <= retry.BUDGET
    assert not caught.value.ambiguous


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("0.25", 0.25), ("0", 0)])
def test_retry_after_is_honored(
    header: str, seconds: float, graph: Graph, server: ScriptedServer, clock: FakeClock
) -> None:
    server.script = [Answer(429, headers={"Retry-After": header}), OK]
    graph.get("/users/1")
    assert clock.waits == [seconds]


def test_retry_after_may_be_a_date(graph: Graph, server: ScriptedServer, clock: FakeClock) -> None:
    date = email.utils.formatdate(clock.now + 30, usegmt=True)
    server.script = [Answer(503, headers={"Retry-After": date}), OK]
    graph.get("/users/1")
    assert clock.waits == [pytest.approx(30, abs=1)]


def test_who_must_wait_longer_than_the_budget_gives_up_at_once(
    graph: Graph, server: ScriptedServer, clock: FakeClock
) -> None:
    server.script = [Answer(429, headers={"Retry-After": "3600"})]
    with pytest.raises(ServiceError, match="asks to wait 3600 s"):
        graph.get("/users/1")
    assert (len(server.requests), clock.waits) == (1, [])


def test_many_short_waits_end_with_the_budget(graph: Graph, server: ScriptedServer, clock: FakeClock) -> None:
    server.script = [Answer(429, headers={"Retry-After": "100"})]
    with pytest.raises(ServiceError):
        graph.get("/users/1")
    assert clock.waits == [100, 100, 100]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(429),
        Answer(429, headers={"Retry-After": "1"}),
        Answer(503, headers={"Retry-After": "1"}),
        Answer(409, headers={"Retry-After": "1"}),
        Answer(409, CONCURRENT),
        Answer(503, CONCURRENT),
        Answer(500, CONCURRENT),
    ],
    ids=["429", "429 wait", "503 wait", "409 wait", "409 concurrent", "503 concurrent", "500 concurrent"],
)
def test_a_write_is_repeated_when_it_was_turned_away(answer: Answer, graph: Graph, server: ScriptedServer) -> None:
    server.script = [answer, Answer(204)]
    graph.update("/users/1", {"city": "Bern"})
    assert len(server.requests) == 2
    assert server.requests[1].json == {"city": "Bern"}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(408),
        Answer(500),
        Answer(500, headers={"Retry-After": "1"}),
        Answer(502, b"<html>"),
        Answer(503),
        Answer(503, {"error": {"code": "ServiceUnavailable", "message": "try later"}}),
        Answer(504, headers={"Retry-After": "1"}),
        Answer(200, b"<html>welcome</html>"),
        Answer(200, b'{"id": ', headers={"Content-Length": "400"}),
        Answer(cut=True),
        Answer(mute=True),
    ],
    ids=["408", "500", "500 wait", "502", "503", "503 json", "504 wait", "html", "half", "reset", "time-out"],
)
def test_a_write_of_unknown_fate_is_sent_once_and_said_to_be_ambiguous(
    answer: Answer, connect: Callable[..., Graph], server: ScriptedServer
) -> None:
    server.script = [answer]
    graph = connect(Graph, request_timeout=0.3)
    with pytest.raises(ServiceError) as caught:
        graph.create("/users", {"displayName": "Anna"})
    assert caught.value.ambiguous
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [Answer(cut=True), Answer(mute=True)], ids=["reset", "time-out"])
def test_a_read_is_repeated_when_the_connection_fails(
    answer: Answer, connect: Callable[..., Graph], server: ScriptedServer
) -> None:
    server.script = [answer, OK]
    assert connect(Graph, request_timeout=0.3).get("/users/1") == {"id": "1"}
    assert len(server.requests) == 2


def test_half_an_answer_is_no_answer(graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(200, b'{"id": "1"}', headers={"Content-Length": "400"}), OK]
    assert graph.get("/users/1") == {"id": "1"}
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>log in</html>", {"Content-Type": "text/html"}),
        Answer(200, b""),
        Answer(200, b"\0" * 50, {"Content-Encoding": "gzip"}),
        Answer(200, gzip.compress(b'{"id": "1"}' * 50)[:40], {"Content-Encoding": "gzip"}),
        Answer(200, ["a list"]),
        Answer(400, b"\xff\xfe\0"),
        Answer(403, {"error": "a text"}),
        Answer(404, {"error": {"code": None, "message": None}}),
        Answer(418, b"teapot"),
    ],
    ids=["html", "empty", "nul", "half gzip", "list", "binary", "error text", "nulls", "teapot"],
)
@pytest.mark.parametrize("kind", [Graph, Exchange])
def test_nothing_that_is_not_json_gets_past_a_service_error(
    answer: Answer, kind: Any, connect: Callable[..., Any], server: ScriptedServer
) -> None:
    server.script = [answer]
    client = connect(kind)
    with pytest.raises(ServiceError):
        client.get("/users/1") if kind is Graph else client.find("Get-Mailbox", "anna")


def test_packed_answers_are_unpacked(graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(200, gzip.compress(b'{"id": "1"}'), {"Content-Encoding": "gzip"})]
    assert graph.get("/users/1") == {"id": "1"}


def test_each_attempt_has_its_own_id_and_errors_name_the_services_id(graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(503), Answer(400, {"error": {"code": "x", "message": "no"}}, {"request-id": "r-1"})]
    with pytest.raises(ServiceError) as caught:
        graph.get("/users/1")
    assert caught.value.facts == {"status": 400, "code": "x", "request_id": "r-1"}
    assert len({seen.headers["client-request-id"] for seen in server.requests}) == 2
    assert server.requests[0].headers["User-Agent"].startswith("m365.hybrid/")


def test_without_an_id_of_the_service_errors_name_ours(graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(400)]
    with pytest.raises(ServiceError) as caught:
        graph.get("/users/1")
    assert caught.value.request_id == server.requests[0].headers["client-request-id"]


def test_401_brings_one_fresh_token(graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(401), OK, OK]
    graph.get("/users/1")
    graph.get("/users/1")
    assert [seen.headers["Authorization"][-1] for seen in server.requests] == ["1", "2", "2"]


def test_401_again_is_final(graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(401, {"error": {"code": "InvalidAuthenticationToken", "message": "Access denied."}})]
    with pytest.raises(ServiceError, match="fresh token too") as caught:
        graph.update("/users/1", {})
    assert (caught.value.status, caught.value.ambiguous, len(server.requests)) == (401, False, 2)


def test_the_claims_of_a_challenge_are_asked_for(graph: Graph, server: ScriptedServer) -> None:
    claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ=="
    challenge = f'Bearer realm="", error="insufficient_claims", claims="{claims}"'
    server.script = [Answer(401, headers={"WWW-Authenticate": challenge}), OK]
    graph.get("/users/1")
    assert '"nbf"' in server.token_requests[1].form["claims"]


def test_threads_share_one_token_and_the_connections(graph: Graph, server: ScriptedServer) -> None:
    barrier = threading.Barrier(8)

    def read(_n: int) -> Any:
        barrier.wait()
        return [graph.get("/users/1") for _unused in range(5)]

    server.script = [OK]
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(read, range(8)))) == 8
    assert (len(server.requests), len(server.token_requests)) == (40, 1)
    assert server.connections <= 9


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_keeps_method_body_and_token(
    status: int, exchange: Exchange, server: ScriptedServer, make_server: Callable[..., ScriptedServer]
) -> None:
    region = make_server()
    server.script = [lambda seen: Answer(status, headers={"Location": region.url + seen.path})]
    region.script = [Answer(200, {"value": []})]
    exchange.command("Set-Mailbox", Identity="a", Type="Shared")
    sent, arrived = server.requests[0], region.requests[0]
    assert (arrived.method, arrived.path, arrived.body) == (sent.method, sent.path, sent.body)
    assert arrived.headers["Authorization"] == sent.headers["Authorization"]
    assert arrived.headers["X-AnchorMailbox"] == sent.headers["X-AnchorMailbox"]


def test_exchange_stays_where_it_was_sent_and_graph_does_not(
    connect: Callable[..., Any], server: ScriptedServer, make_server: Callable[..., ScriptedServer]
) -> None:
    region = make_server()
    server.script = [lambda seen: Answer(302, headers={"Location": region.url + seen.path})]
    region.script = [Answer(200, {"value": []})]
    exchange, graph = connect(Exchange), connect(Graph)
    for _unused in range(3):
        exchange.command("Get-Mailbox")
        graph.list("/users")
    hosts = [seen.headers["X-CmdletName"] for seen in server.requests]
    assert hosts == ["Get-Mailbox", None, None, None]
    assert len(region.requests) == 6


@pytest.mark.parametrize(
    "location",
    ["https://login.example/signin", "http://127.0.0.1:1/x", "https://outlook.office365.com/x", "ftp://127.0.0.1", ""],
)
def test_the_token_goes_nowhere_else(location: str, exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [Answer(302, headers={"Location": location})]
    with pytest.raises(ServiceError, match="not a host of this service") as caught:
        exchange.command("Set-Mailbox", Identity="a")
    assert (len(server.requests), caught.value.ambiguous) == (1, False)


def test_redirects_in_a_circle_end(graph: Graph, server: ScriptedServer) -> None:
    server.script = [lambda seen: Answer(307, headers={"Location": seen.path})]
    with pytest.raises(ServiceError, match="more than 5 times"):
        graph.get("/users/1")
    assert len(server.requests) == 6


def test_the_write_guard_stops_writes_before_anything_is_sent(
    connect: Callable[..., Any], server: ScriptedServer
) -> None:
    graph, exchange = connect(Graph, read_only=True), connect(Exchange, read_only=True)
    for write in (
        lambda: graph.create("/users", {}),
        lambda: graph.update("/users/1", {}),
        lambda: graph.delete("/users/1"),
        lambda: graph.action("/users/1/assignLicense", {}),
        lambda: exchange.command("Set-Mailbox", Identity="a"),
        lambda: exchange.command("Enable-OrganizationCustomization"),
        lambda: exchange.command("getter-Thing"),
    ):
        with pytest.raises(WriteRefused):
            write()
    assert (server.requests, server.token_requests, server.discoveries) == ([], [], 0)


def test_the_write_guard_lets_reads_through(connect: Callable[..., Any], server: ScriptedServer) -> None:
    graph, exchange = connect(Graph, read_only=True), connect(Exchange, read_only=True)
    server.script = [Answer(200, {"value": [], "responses": [{"id": "0", "status": 200, "body": {"id": "1"}}]})]
    graph.get("/users/1")
    graph.list("/users")
    assert graph.batch(["/users/1"]) == [{"id": "1"}]
    exchange.command("Get-Mailbox")
    exchange.command("test-ApplicationAccessPolicy")
    assert len(server.requests) == 5


def test_the_ca_of_the_options_beats_that_of_the_environment(
    graph: Graph, server: ScriptedServer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(other))
    server.script = [OK]
    assert graph.get("/users/1") == {"id": "1"}


def test_without_ca_path_the_environments_bundle_counts(
    connect: Callable[..., Graph], server: ScriptedServer, ca_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_path)
    server.script = [OK]
    assert connect(Graph, ca_path=None).get("/users/1") == {"id": "1"}


def test_netrc_never_replaces_the_token(
    graph: Graph, server: ScriptedServer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.script = [OK]
    graph.get("/users/1")
    assert server.requests[0].headers["Authorization"] == "Bearer token-1"
    assert server.token_requests[0].headers["Authorization"] is None


def test_a_proxy_of_the_environment_is_used_and_its_failure_explained(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://joe:hidden@127.0.0.1:{_closed_port()}")
    with pytest.raises(ServiceError, match="proxy does not let") as caught:
        graph.get("/users/1")
    assert "HTTPS_PROXY" in caught.value.advice
    assert "hidden" not in str(caught.value)


def test_no_proxy_keeps_working(graph: Graph, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{_closed_port()}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.script = [OK]
    assert graph.get("/users/1") == {"id": "1"}


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fails(client: Graph, write: bool) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        client.create("/users", {}) if write else client.get("/users/1")
    return caught.value


@pytest.mark.parametrize("write", [False, True])
def test_an_unknown_ca_is_named_and_ca_path_advised(
    write: bool, connect: Callable[..., Graph], make_server: Callable[..., ScriptedServer], server: ScriptedServer
) -> None:
    stranger = make_server(issuer=trustme.CA())
    error = _fails(connect(Graph, endpoints={"login": server.url, "graph": stranger.url}), write)
    assert f"127.0.0.1:{stranger.port}" in error.said
    assert "not signed by a CA that is trusted" in error.said
    assert "ca_path" in error.advice
    assert not error.ambiguous


def test_a_certificate_for_another_name_is_named(
    connect: Callable[..., Graph], make_server: Callable[..., ScriptedServer], server: ScriptedServer
) -> None:
    other = make_server("graph.contoso.example")
    error = _fails(connect(Graph, endpoints={"login": server.url, "graph": other.url}), True)
    assert "for another name" in error.said
    assert "endpoints" in error.advice
    assert not error.ambiguous


def test_an_expired_certificate_is_named(
    connect: Callable[..., Graph], make_server: Callable[..., ScriptedServer], server: ScriptedServer
) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    old = make_server(not_before=past, not_after=past + datetime.timedelta(days=1))
    error = _fails(connect(Graph, endpoints={"login": server.url, "graph": old.url}), True)
    assert "outside its time of validity" in error.said
    assert "clock" in error.advice
    assert not error.ambiguous


@pytest.mark.parametrize("write", [False, True])
def test_a_port_where_nobody_listens_is_tried_a_few_times(
    write: bool, connect: Callable[..., Graph], server: ScriptedServer, clock: FakeClock
) -> None:
    error = _fails(
        connect(Graph, endpoints={"login": server.url, "graph": f"https://127.0.0.1:{_closed_port()}"}), write
    )
    assert "refuses the connection" in error.said
    assert (len(clock.waits), error.ambiguous) == (retry.CONNECT_TRIES - 1, False)


def test_a_name_that_does_not_exist_is_named(connect: Callable[..., Graph], server: ScriptedServer) -> None:
    error = _fails(connect(Graph, endpoints={"login": server.url, "graph": "https://graph.invalid"}), True)
    assert "graph.invalid" in error.said
    assert "cannot be resolved" in error.said
    assert not error.ambiguous


def test_a_port_without_tls_is_named(
    connect: Callable[..., Graph], make_server: Callable[..., ScriptedServer], server: ScriptedServer
) -> None:
    plain = make_server(tls=False)
    url = plain.url.replace("http:", "https:")
    error = _fails(connect(Graph, endpoints={"login": server.url, "graph": url}), True)
    assert "does not answer with TLS" in error.said
    assert not error.ambiguous


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_unusable_ca_file_is_named_before_any_request(
    content: bytes | None, connect: Callable[..., Graph], server: ScriptedServer, tmp_path: Any
) -> None:
    path = tmp_path / "missing.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ServiceError, match=r"missing\.pem") as caught:
        connect(Graph, ca_path=str(path)).get("/users/1")
    assert "ca_path" in caught.value.advice
    assert server.discoveries == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:8443", "https://", "https://host:port", "https://[::1"])
def test_an_endpoint_that_is_no_address_is_named(url: str, connect: Callable[..., Graph]) -> None:
    with pytest.raises(ServiceError, match=r"endpoints\.graph"):
        connect(Graph, endpoints={"graph": url}).get("/users/1")


def test_no_message_holds_the_token_the_secret_or_the_body(connect: Callable[..., Any], server: ScriptedServer) -> None:
    server.script = [Answer(400, {"error": {"code": "Request_BadRequest", "message": "Invalid value."}})]
    error = None
    try:
        connect(Graph).create("/applications/1/addPassword", {"passwordCredential": {"displayName": "hidden-body"}})
    except ServiceError as caught:
        error = caught
    assert error is not None
    told = f"{error} {error!r} {error.facts} {error.__cause__} {error.__context__}"
    for secret in ("token-1", "the~secret", "hidden-body"):
        assert secret not in told


@pytest.mark.parametrize("library", ["requests", "msal"])
def test_a_missing_library_is_named(library: str, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ServiceError, match=f"library {library} cannot be loaded by {sys.executable}") as caught:
        graph.get("/users/1")
    assert "pip install" in caught.value.advice


def test_close_ends_waits(options: dict[str, Any], server: ScriptedServer) -> None:
    arrived = threading.Event()

    def throttle(_seen: Seen) -> Answer:
        arrived.set()
        return Answer(429, headers={"Retry-After": "60"})

    server.script = [throttle, OK]
    client = Graph(options, False)
    reader = threading.Thread(target=lambda: client.get("/users/1"))
    reader.start()
    assert arrived.wait(5)
    client.http.clock.close()
    reader.join(5)
    assert not reader.is_alive()
    client.close()
