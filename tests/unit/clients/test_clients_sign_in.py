# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign-in: every kind of credential, what can be wrong with it, and how long a token is kept."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from scripted import TENANT, Answer, FakeClock, ScriptedServer, Seen, refused, token

from ansible_collections.m365.hybrid.plugins.module_utils.clients import auth, clouds, token_cache
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.clients.graph import Graph
from ansible_collections.m365.hybrid.plugins.module_utils.clients.sign_in_errors import CODES, explain

Connect = Callable[..., Graph]
OK = Answer(200, {"id": "1"})
NOW = datetime.datetime.now(datetime.UTC)
KEY = rsa.generate_private_key(65537, 2048)


def certificate(key: Any = KEY, until: datetime.datetime = NOW + datetime.timedelta(days=9)) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "application")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    since = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return builder.not_valid_before(since).not_valid_after(until).sign(key, hashes.SHA256())


def pem(*items: Any, password: bytes | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return b"".join(
        item.public_bytes(kind[0]) if isinstance(item, x509.Certificate) else item.private_bytes(*kind, lock)
        for item in items
    )


def pfx(password: bytes | None, key: Any = KEY) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"a", key, certificate(key), None, lock)


@pytest.fixture
def by_file(connect: Connect, tmp_path: Path) -> Callable[..., Graph]:
    """A client that signs in with a certificate file of that content."""

    def make(content: bytes, **changes: Any) -> Graph:
        path = tmp_path / "application.file"
        path.write_bytes(content)
        return connect(Graph, **{"client_secret": None, "certificate_path": str(path), **changes})

    return make


def test_a_secret_is_sent_once_and_its_token_serves_all_requests(graph: Graph, server: ScriptedServer) -> None:
    server.script = [OK]
    graph.get("/users/1")
    graph.get("/users/2")
    assert len(server.token_requests) == 1
    form = server.token_requests[0].form
    assert server.token_requests[0].path == f"/{TENANT}/oauth2/v2.0/token"
    assert (form["grant_type"], form["client_secret"]) == ("client_credentials", "the~secret")
    assert form["scope"] == "https://graph.microsoft.com/.default"


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (pem(KEY, certificate()), None),
        (pem(certificate(rsa.generate_private_key(65537, 2048)), certificate(), KEY), None),
        (pem(KEY, certificate()), "not needed"),
        (pem(KEY, password=b"pw") + pem(certificate()), "pw"),
        (pfx(b"pw"), "pw"),
        (pfx(None), None),
    ],
    ids=["PEM", "PEM with chain", "PEM and needless password", "locked PEM", "PFX", "open PFX"],
)
def test_a_certificate_signs_with_ps256_and_names_sha256(
    content: bytes, password: str | None, by_file: Callable[..., Graph], server: ScriptedServer
) -> None:
    server.script = [OK]
    by_file(content, certificate_password=password).get("/users/1")
    form = server.token_requests[0].form
    header = jwt.get_unverified_header(form["client_assertion"])
    assert header["alg"] == "PS256"
    thumbprint = base64.urlsafe_b64decode(header["x5t#S256"] + "==")
    claims = jwt.decode(
        form["client_assertion"],
        KEY.public_key(),
        ["PS256"],
        audience=f"{server.url}/{TENANT}/oauth2/v2.0/token",
    )
    shown = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    assert thumbprint == hashlib.sha256(shown.public_bytes(serialization.Encoding.DER)).digest()
    assert shown.public_key() == KEY.public_key()
    assert claims["iss"] == claims["sub"] == "22222222-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("content", "password", "reason"),
    [
        (b"", None, "empty"),
        (b"rubbish", None, "certificate_password is wrong, or the file is damaged"),
        (pfx(b"pw"), "wrong", "certificate_password is wrong"),
        (pfx(b"pw"), None, "certificate_password is wrong"),
        (pem(KEY), None, "no certificate"),
        (pem(certificate()), None, "no private key"),
        (pem(KEY, certificate(), password=b"pw"), None, "key is encrypted"),
        (pem(KEY, certificate(), password=b"pw"), "wrong", "certificate_password is wrong"),
        (pem(KEY, certificate()).replace(b"MII", b"XXX"), None, "damaged"),
        (pem(KEY, certificate(rsa.generate_private_key(65537, 2048))), None, "belongs to its private key"),
        (pem(KEY, certificate(until=datetime.datetime(2021, 5, 6, tzinfo=datetime.UTC))), None, "ended on 2021-05-06"),
        (pfx(None, ec.generate_private_key(ec.SECP256R1())), None, "no RSA key"),
    ],
)
def test_a_wrong_certificate_file_is_explained_before_any_token_is_asked_for(
    content: bytes, password: str | None, reason: str, by_file: Callable[..., Graph], server: ScriptedServer
) -> None:
    with pytest.raises(ServiceError, match=reason) as caught:
        by_file(content, certificate_password=password).get("/users/1")
    assert "certificate_path" in caught.value.said
    assert "pw" not in str(caught.value).split()
    assert server.token_requests == []


@pytest.mark.parametrize("option", ["certificate_path", "federated_token_file"])
def test_a_missing_file_names_its_option(option: str, connect: Connect, server: ScriptedServer) -> None:
    with pytest.raises(ServiceError, match=f"{option} cannot be used: No such file"):
        connect(Graph, **{option: "/nowhere/at.all"}).get("/users/1")
    assert server.token_requests == []


def test_a_federated_token_is_read_anew_for_each_sign_in(
    connect: Connect, server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    graph = connect(Graph, client_secret=None, federated_token_file=str(path))
    server.script = [OK, Answer(401), OK]
    graph.get("/users/1")
    path.write_text("second")
    graph.get("/users/1")
    assert [seen.form["client_assertion"] for seen in server.token_requests] == ["first", "second"]
    assert "client_secret" not in server.token_requests[0].form


def test_auto_prefers_the_certificate_then_the_federated_token(
    by_file: Callable[..., Graph], connect: Connect, server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("external")
    server.script = [OK]
    by_file(pem(KEY, certificate()), client_secret="s", federated_token_file=str(path)).get("/users/1")
    connect(Graph, federated_token_file=str(path)).get("/users/1")
    connect(Graph, federated_token_file=str(path), sign_in="client_secret").get("/users/1")
    kinds = [seen.form.get("client_assertion", "secret")[:8] for seen in server.token_requests]
    assert kinds == ["eyJhbGci", "external", "secret"]


@pytest.mark.parametrize("identity", [None, "33333333-2222-4333-8444-555555555555"])
def test_a_managed_identity_asks_the_machine_and_passes_by_proxies(
    identity: str | None,
    connect: Connect,
    server: ScriptedServer,
    make_server: Callable[..., ScriptedServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = make_server(tls=False)
    machine.script = [Answer(200, {"access_token": "from-the-machine", "expires_in": "3599", "token_type": "Bearer"})]
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.script = [OK]
    connect(Graph, sign_in="managed_identity", client_id=identity, client_secret=None).get("/users/1")
    assert server.requests[0].headers["Authorization"] == "Bearer from-the-machine"
    assert machine.requests[0].headers["Metadata"] == "true"
    assert "resource=https%3A%2F%2Fgraph.microsoft.com&" in machine.requests[0].path + "&"
    assert ("client_id=" in machine.requests[0].path) is bool(identity)


def test_a_machine_without_managed_identity_is_told(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    with pytest.raises(ServiceError, match="no managed identity service"):
        connect(Graph, sign_in="managed_identity").get("/users/1")


DEVICE = Answer(
    200,
    {
        "device_code": "d-1",
        "user_code": "ABC-DEF",
        "verification_uri": "https://microsoft.com/devicelogin",
        "expires_in": 900,
        "interval": 5,
        "message": "To sign in, enter the code ABC-DEF.",
    },
)
PENDING = refused(70016, "authorization_pending", "Not yet.")


def person(value: str) -> Answer:
    """A token endpoint's success for a person: with a refresh token and an id."""
    identity = {"iss": "x", "sub": "s", "oid": "o", "tid": TENANT, "preferred_username": "anna@contoso.example"}
    identity |= {"aud": "22222222-2222-4333-8444-555555555555", "exp": 4_000_000_000, "iat": 1}
    info = base64.urlsafe_b64encode(json.dumps({"uid": "o", "utid": TENANT}).encode()).decode()
    more = {"refresh_token": "r-1", "client_info": info, "id_token": jwt.encode(identity, "k" * 32)}
    return Answer(200, {**token(value).body, **more})


def test_a_device_code_is_shown_at_once_and_waited_for(
    connect: Connect, server: ScriptedServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, int]] = []
    monkeypatch.setattr(auth, "announce", lambda message: shown.append((message, len(server.token_requests))))
    slower = refused(0, "slow_down", "Slower.")
    server.sign_ins = [DEVICE, PENDING, slower, PENDING, person("of-anna")]
    server.script = [OK]
    connect(Graph, sign_in="device_code", client_secret=None).get("/users/1")
    assert shown == [("To sign in, enter the code ABC-DEF.", 1)]
    assert clock.waits == [5, 5, 10, 10]
    assert server.requests[0].headers["Authorization"] == "Bearer of-anna"


def test_one_code_serves_the_second_service_too(
    connect: Connect, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(auth, "announce", shown.append)
    server.sign_ins = [DEVICE, person("for-graph"), person("for-another")]
    server.script = [OK]
    connect(Graph, sign_in="device_code").get("/users/1")
    connect(Graph, sign_in="device_code", cloud="gcc_high").get("/users/1")
    assert len(shown) == 1
    assert server.token_requests[2].form["grant_type"] == "refresh_token"
    assert server.requests[1].headers["Authorization"] == "Bearer for-another"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([DEVICE, refused(70019, "expired_token", "Too late.")], "not entered in time"),
        ([DEVICE, refused(0, "authorization_declined", "No.")], "declined"),
        ([DEVICE, PENDING], "not entered in time"),
        ([refused(700016, "unauthorized_client", "Not found.")], "no application with this client_id"),
        ([DEVICE, refused(7000218, "invalid_client", "No secret.", 401)], "Allow public client flows"),
    ],
)
def test_a_device_code_may_fail(
    answers: list[Any], words: str, connect: Connect, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "announce", lambda _message: None)
    server.sign_ins = answers
    with pytest.raises(ServiceError, match=words):
        connect(Graph, sign_in="device_code").get("/users/1")


def test_a_device_code_that_nobody_can_read_is_refused(connect: Connect, server: ScriptedServer) -> None:
    server.sign_ins = [DEVICE]
    with pytest.raises(ServiceError, match="nobody to show its code to"):
        connect(Graph, sign_in="device_code").get("/users/1")


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_explained_and_named(code: int, connect: Connect, server: ScriptedServer) -> None:
    server.sign_ins = [refused(code, "invalid_client", "The service's words.", 401)]
    with pytest.raises(ServiceError) as caught:
        connect(Graph).get("/users/1")
    assert caught.value.said == f"Sign-in failed: AADSTS{code}: The service's words."
    assert caught.value.facts == {"status": 401, "code": f"AADSTS{code}", "request_id": "c-1"}
    assert caught.value.meaning.startswith(CODES[code].meaning)
    assert caught.value.advice
    assert "the~secret" not in str(caught.value)
    assert (len(server.token_requests) > 1) is CODES[code].transient


def test_a_wrong_clock_is_named_with_both_times() -> None:
    from ansible_collections.m365.hybrid.plugins.module_utils.clients.wire import Reply

    reply = Reply(401, {"Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, b"", None, "")
    result = {"error": "invalid_client", "error_description": "AADSTS700024: Not in its time."}
    error, again = explain(result, reply, datetime.datetime(2026, 11, 22, 11, 0, tzinfo=datetime.UTC).timestamp())
    assert not again
    assert "clock of this machine" in error.meaning
    assert "2026-11-22 11:00:00 UTC; the service says 2026-11-22 10:00:00 UTC" in error.meaning


def test_a_busy_sign_in_service_is_asked_again(graph: Graph, server: ScriptedServer, clock: FakeClock) -> None:
    server.sign_ins = [
        Answer(503),
        Answer(429, headers={"Retry-After": "7"}),
        refused(90033, "temporarily_unavailable", "Soon."),
        Answer(cut=True),
        token("at-last"),
    ]
    server.script = [OK]
    graph.get("/users/1")
    assert server.requests[0].headers["Authorization"] == "Bearer at-last"
    assert clock.waits[1] == 7
    assert len(server.token_requests) == 5


def test_a_refusal_is_not_remembered(graph: Graph, server: ScriptedServer) -> None:
    server.sign_ins = [refused(700016, "unauthorized_client", "Not found."), token("after-all")]
    server.script = [OK]
    with pytest.raises(ServiceError):
        graph.get("/users/1")
    assert graph.get("/users/1") == {"id": "1"}


@pytest.mark.parametrize(
    "answer",
    [Answer(200, b"<html>"), Answer(200, {}), Answer(200, b""), Answer(404, b"<html>"), Answer(302), Answer(200, [1])],
)
def test_a_sign_in_service_that_talks_nonsense_is_told(
    answer: Answer, connect: Connect, server: ScriptedServer
) -> None:
    server.sign_ins = [answer]
    with pytest.raises(ServiceError, match=f"status {answer.status} and nothing that could be understood"):
        connect(Graph).get("/users/1")


def test_an_unknown_tenant_is_told_in_the_services_words(
    connect: Connect, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_seen: Seen) -> Answer:
        return refused(90002, "invalid_tenant", "Tenant 'nobody.example' not found.")

    monkeypatch.setattr(server, "_discovery", unknown)
    with pytest.raises(ServiceError, match="no such tenant") as caught:
        connect(Graph, tenant_id="nobody.example").get("/users/1")
    assert caught.value.code == "AADSTS90002"


def test_an_unreachable_sign_in_service_is_named(connect: Connect) -> None:
    with pytest.raises(ServiceError, match=r"Sign-in: The name of login\.invalid cannot be resolved"):
        connect(Graph, endpoints={"login": "https://login.invalid"}).get("/users/1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tenant_id": None}, "tenant_id is missing"),
        ({"client_id": ""}, "client_id is missing"),
        ({"client_secret": None}, "No credential was given"),
        ({"sign_in": "certificate"}, "certificate_path is missing"),
        ({"sign_in": "federated_token"}, "federated_token_file is missing"),
        ({"sign_in": "client_secret", "client_secret": ""}, "client_secret is missing"),
        ({"sign_in": "managed_identity", "tenant_id": None}, "tenant_id is missing"),
        ({"tenant_id": "a b\n"}, "tenant_id is neither"),
        ({"tenant_id": "../x"}, "tenant_id is neither"),
        ({"endpoints": {"login": "http://login.example"}}, r"endpoints\.login"),
    ],
)
def test_what_is_missing_is_named_before_any_request(
    changes: dict[str, Any], words: str, connect: Connect, server: ScriptedServer
) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        connect(Graph, **changes).get("/users/1")
    assert caught.value.advice
    assert server.discoveries == 0


def test_a_forced_region_is_ignored(graph: Graph, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")
    server.script = [OK]
    assert graph.get("/users/1") == {"id": "1"}


def test_another_secret_never_gets_the_token_of_the_first(connect: Connect, server: ScriptedServer) -> None:
    server.script = [OK]
    connect(Graph).get("/users/1")
    server.sign_ins = [refused(7000215, "invalid_client", "Invalid client secret.", 401)]
    with pytest.raises(ServiceError, match="secret is wrong"):
        connect(Graph, client_secret="another").get("/users/1")
    connect(Graph).get("/users/1")
    assert len(server.token_requests) == 2


def test_processes_of_a_run_share_their_tokens(
    connect: Connect, server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bytes(range(32))
    server.script = [OK]
    for _process in range(2):
        monkeypatch.setattr(token_cache, "shared", token_cache.TokenCache(str(tmp_path / "tokens"), key))
        connect(Graph).get("/users/1")
    assert len(server.token_requests) == 1


def test_neither_msal_nor_requests_is_imported_before_it_is_needed(options: dict[str, Any]) -> None:
    program = (
        "import sys\n"
        "from ansible_collections.m365.hybrid.plugins.module_utils.clients import auth, exchange, graph, token_cache\n"
        f"client = graph.Graph({options!r}, False)\n"
        "print([name for name in ('requests', 'urllib3', 'msal', 'cryptography') if name in sys.modules])\n"
        "sign_in = auth.SignIn(client.http._options, None, None)\n"
        "cache = token_cache.current()\n"
        "secret, scope = 'the~secret', 'https://graph.microsoft.com/.default'\n"
        "name = cache.name(sign_in._authority, sign_in._client_id, 'client_secret', secret, scope)\n"
        "cache.put(name, 'kept', 3600)\n"
        "assert sign_in.token(scope) == 'kept'\n"
        "print([name for name in ('msal', 'cryptography') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n[]\n", "")


@pytest.mark.parametrize("cloud", sorted(clouds.CLOUDS))
@pytest.mark.parametrize("service", ["login", "graph", "exchange"])
def test_every_cloud_trusts_its_own_hosts_and_no_others(cloud: str, service: str) -> None:
    here = clouds.service({"cloud": cloud}, service)
    assert here.scope == f"{here.base}/.default"
    assert service == "login" or here.trusts(f"{here.base}/x")
    assert service == "login" or here.trusts(here.base.replace("https://", "https://eur."))
    assert not here.trusts("https://contoso.example/x")
    assert not here.trusts(here.base.replace("https://", "http://"))
    assert not here.trusts(f"{here.base}.contoso.example/x")
    assert not here.trusts(here.base.replace("https://", "https://not-"))
    assert not here.trusts("https://127.0.0.1/x")
    assert service != "login" or here.base.removeprefix("https://") in clouds.KNOWN_LOGIN_HOSTS


def test_a_replaced_endpoint_trusts_itself_and_what_is_below_it() -> None:
    here = clouds.service({"endpoints": {"graph": "https://api.contoso.example:8443/graph/"}}, "graph")
    assert here.base == "https://api.contoso.example:8443/graph"
    assert here.scope == "https://graph.microsoft.com/.default"
    assert here.trusts("https://eur.api.contoso.example/x")
    assert not here.trusts("https://contoso.example/x")
    assert not here.trusts("https://graph.microsoft.com/x")
    assert not here.trusts("https://127.0.0.1/x")


def test_a_loopback_endpoint_trusts_loopback_only() -> None:
    here = clouds.service({"endpoints": {"graph": "https://localhost:8443"}}, "graph")
    assert here.trusts("https://127.0.0.2:9443/x")
    assert here.trusts("https://[::1]/x")
    assert not here.trusts("https://10.0.0.1/x")
