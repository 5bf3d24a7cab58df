# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The LDAP client against a server that is as strict as Windows and fails on demand, over real sockets and TLS."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from ansible_collections.m365.hybrid.plugins.module_utils.clients.directory import Directory, Modification, equals
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError, WriteRefused
from ansible_collections.m365.hybrid.plugins.module_utils.domain.accounts import encode_password
from ansible_collections.m365.hybrid.plugins.module_utils.domain.address_plan import modifications, plan
from lab.certificates import CertificateAuthority
from lab.directory import BASE_DN
from lab.strict_ldap import ADMINISTRATOR, PASSWORD, StrictLdap

OTHER_DOMAIN = "DC=emea,DC=contoso,DC=example"
USER = f"CN=Info,CN=Users,{BASE_DN}"
FIRST, SECOND = "info@contoso.example", "kontakt@contoso.example"
SECURE_PORTS = {"ldaps": ("ldaps", "gcs"), "starttls": ("ldap", "gc")}
Connect = Callable[..., Directory]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: CertificateAuthority) -> Iterator[StrictLdap]:
    """A forest of two domains; this server is a domain controller of the first and a global catalog."""
    with StrictLdap(authority, contexts=(BASE_DN, OTHER_DOMAIN)) as running:
        account = {
            "objectClass": [b"user"],
            "sAMAccountName": [b"info"],
            "userAccountControl": [b"514"],
            "proxyAddresses": [f"SMTP:{FIRST}".encode(), f"smtp:{SECOND}".encode(), b"X500:/o=Contoso (old)/cn=info"],
        }
        running.store.add(USER, account, secure=True)
        yield running


@pytest.fixture
def connect(server: StrictLdap, authority: CertificateAuthority) -> Iterator[Connect]:
    """Make clients of the server with some options changed; they are closed afterwards."""
    made: list[Directory] = []

    def make(read_only: bool = False, tls: str = "ldaps", **changes: Any) -> Directory:
        port, catalog = SECURE_PORTS[tls]
        options = {
            "directory_server": f"127.0.0.1:{server.ports[port]}",
            "directory_tls": tls,
            "directory_user": ADMINISTRATOR,
            "directory_password": PASSWORD,
            "directory_sign_in": "simple",
            "directory_ca_path": str(authority.ca_path),
            "directory_validate_certs": True,
            "directory_global_catalog": f"127.0.0.1:{server.ports[catalog]}",
            "directory_timeout": 10.0,
        }
        made.append(Directory({**options, **changes}, read_only))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture(params=["ldaps", "starttls"])
def directory(request: pytest.FixtureRequest, connect: Connect) -> Directory:
    """A client, once over LDAPS and once over StartTLS."""
    return connect(tls=request.param)


def refusal(action: Callable[[], object]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        action()
    return caught.value


def addresses(server: StrictLdap, dn: str = USER) -> list[str]:
    return [value.decode() for value in server.store.find(dn).values["proxyaddresses"]]


def described(server: StrictLdap) -> str | None:
    return server.store.find(USER).first("description")


def describe(directory: Directory, text: str) -> None:
    directory.modify(USER, [Modification("replace", "description", [text])])


# One atomic modify, under the rules of Windows


def test_primary_and_alias_change_places_in_one_request(directory: Directory, server: StrictLdap) -> None:
    entry = directory.read(USER, ["proxyAddresses"])
    assert entry is not None
    current = entry.texts("proxyAddresses")
    steps = modifications(current, plan(current, primary=SECOND))
    directory.modify(USER, [Modification(operation, "proxyAddresses", values) for operation, values in steps])
    assert sorted(addresses(server)) == [f"SMTP:{SECOND}", "X500:/o=Contoso (old)/cn=info", f"smtp:{FIRST}"]
    (written,) = server.operations("modify")
    assert written.controls == [], "the permissive control would hide a concurrent edit"


def test_the_server_would_refuse_it_the_other_way_round(directory: Directory, server: StrictLdap) -> None:
    before = addresses(server)
    changes = [
        Modification("add", "proxyAddresses", [f"SMTP:{SECOND}"]),
        Modification("delete", "proxyAddresses", [f"smtp:{SECOND}"]),
    ]
    error = refusal(lambda: directory.modify(USER, changes))
    assert (error.code, error.status) == ("attributeOrValueExists", 20)
    assert addresses(server) == before


def test_an_edit_by_somebody_else_in_between_is_noticed(directory: Directory, server: StrictLdap) -> None:
    current = addresses(server)
    server.store.modify(USER, [(1, "proxyAddresses", [f"smtp:{SECOND}".encode()])], secure=True)
    steps = modifications(current, plan(current, primary=SECOND))
    error = refusal(lambda: directory.modify(USER, [Modification(o, "proxyAddresses", v) for o, v in steps]))
    assert (error.code, error.status) == ("noSuchAttribute", 16)
    assert "read it again" in error.advice
    assert f"SMTP:{FIRST}" in addresses(server)


def test_operations_keep_the_order_in_which_they_were_given(directory: Directory, server: StrictLdap) -> None:
    directory.modify(
        USER,
        [
            Modification("replace", "displayName", ["one"]),
            Modification("replace", "mail", [FIRST]),
            Modification("delete", "displayName"),
            Modification("add", "displayName", ["two"]),
        ],
    )
    changes = server.operations("modify")[0].detail["changes"]
    assert [(kind, name) for kind, name, _values in changes] == [
        ("replace", "displayName"),
        ("replace", "mail"),
        ("delete", "displayName"),
        ("add", "displayName"),
    ]
    assert server.store.find(USER).first("displayName") == "two"


# Reading: complete or an error


def test_everything_comes_page_by_page(directory: Directory, server: StrictLdap) -> None:
    server.page_limit = 200
    for number in range(450):
        server.store.add(f"CN=C{number},CN=Users,{BASE_DN}", {"objectClass": [b"contact"]}, secure=True)
    found = directory.find("(objectClass=contact)", ["cn"])
    assert len(found) == 450
    assert len({entry.dn for entry in found}) == 450
    searches = [each for each in server.operations("search") if each.dn == BASE_DN]
    assert [each.detail["page"] for each in searches] == [1000, 1000, 1000]


def test_a_connection_lost_between_pages_starts_over_and_doubles_nothing(connect: Connect, server: StrictLdap) -> None:
    server.page_limit = 200
    for number in range(250):
        server.store.add(f"CN=C{number},CN=Users,{BASE_DN}", {"objectClass": [b"contact"]}, secure=True)
    directory = connect()
    assert directory.domain
    server.fail("search", "disconnect_before", skip=1)
    found = directory.find("(objectClass=contact)", ["cn"])
    assert len(found) == len({entry.dn for entry in found}) == 250


@pytest.mark.parametrize("limit", [1, 100, 333, 400])
def test_values_that_come_in_ranges_are_completed(directory: Directory, server: StrictLdap, limit: int) -> None:
    values = [f"smtp:a{number}@contoso.example".encode() for number in range(333)]
    server.store.modify(USER, [(2, "proxyAddresses", values)], secure=True)
    server.range_limit = limit if limit > 1 else 50
    (entry,) = directory.find("(sAMAccountName=info)", ["proxyAddresses", "cn"])
    assert entry.texts("PROXYADDRESSES") == [value.decode() for value in values]
    assert set(entry.attributes) == {"proxyAddresses", "cn"}


def test_references_to_other_domains_are_no_entries(directory: Directory) -> None:
    assert [entry.dn for entry in directory.find("(sAMAccountName=info)", ["cn"])] == [USER]


def test_the_forest_is_asked_through_the_global_catalog(directory: Directory, server: StrictLdap) -> None:
    other = f"CN=Anderer,CN=Users,{OTHER_DOMAIN}"
    taken = {"objectClass": [b"contact"], "proxyAddresses": [f"smtp:{SECOND.upper()}".encode()]}
    server.store.add(other, taken, secure=True)
    query = equals("proxyAddresses", f"smtp:{SECOND}")
    assert {entry.dn for entry in directory.find(query, ["cn"], forest=True)} == {USER, other}
    assert [entry.dn for entry in directory.find(query, ["cn"])] == [USER]
    listeners = {each.listener for each in server.operations("search") if each.detail["filter"].startswith("(proxy")}
    assert listeners in ({"ldaps", "gcs"}, {"ldap", "gc"})


def test_an_object_of_another_domain_is_a_referral_and_not_absent(directory: Directory) -> None:
    error = refusal(lambda: directory.read(f"CN=Users,{OTHER_DOMAIN}", ["cn"]))
    assert error.code == "referral"
    assert "another domain" in error.meaning
    assert directory.read(f"CN=Nobody,{BASE_DN}", ["cn"]) is None


@pytest.mark.parametrize("value", ["a*b", "a(b)c", "back\\slash", " blank ", "\u00fcml\u00e4ut", "nul\0", "*"])
def test_values_are_found_as_they_are_and_never_as_patterns(
    directory: Directory, server: StrictLdap, value: str
) -> None:
    describe(directory, value)
    server.store.add(f"CN=Other,CN=Users,{BASE_DN}", {"objectClass": [b"contact"], "description": [b"x"]}, secure=True)
    found = directory.find(equals("description", value), ["description"])
    assert [entry.text("description") for entry in found] == [value]


def test_half_a_surrogate_pair_is_refused_before_anything_is_sent(directory: Directory, server: StrictLdap) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: describe(directory, "\ud800"),
        lambda: directory.find(equals("description", "\ud800"), ["cn"]),
        lambda: directory.read(f"CN=\ud800,{BASE_DN}", ["cn"]),
        lambda: directory.modify(f"CN=\ud800,{BASE_DN}", [Modification("replace", "description")]),
        lambda: directory.add(f"CN=\ud800,{BASE_DN}", {"objectClass": ["contact"]}),
        lambda: directory.move(USER, "CN=\ud800"),
        lambda: directory.delete(f"CN=\ud800,{BASE_DN}"),
    ]
    for attempt in attempts:
        error = refusal(attempt)
        assert (error.code, error.ambiguous) == ("badValue", False)
    assert {each.kind for each in server.journal} <= {"bind", "search", "extended"}
    assert described(server) is None


# What breaks on the way


@pytest.mark.parametrize("effect", ["busy", "unavailable"])
def test_a_server_that_says_no_has_done_nothing(directory: Directory, server: StrictLdap, effect: str) -> None:
    server.fail("modify", effect)
    error = refusal(lambda: describe(directory, "x"))
    assert (error.code, error.ambiguous) == (effect, False)
    assert "Try again" in error.advice
    assert described(server) is None
    describe(directory, "x")
    assert described(server) == "x"


WRITES: dict[str, Callable[[Directory], None]] = {
    "modify": lambda directory: describe(directory, "x"),
    "add": lambda directory: directory.add(f"CN=New,CN=Users,{BASE_DN}", {"objectClass": ["contact"]}),
    "move": lambda directory: directory.move(USER, "CN=Renamed"),
    "delete": lambda directory: directory.delete(USER),
}


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("effect", ["disconnect_before", "disconnect_after"])
def test_a_write_whose_answer_was_lost_is_ambiguous_and_not_repeated(
    directory: Directory, server: StrictLdap, kind: str, effect: str
) -> None:
    assert directory.domain
    server.fail(kind, effect)
    error = refusal(lambda: WRITES[kind](directory))
    assert error.ambiguous
    assert "Nobody knows" in error.meaning
    assert len(server.operations(kind)) == 1
    assert directory.find("(objectClass=user)", ["cn"]), "the next request opens a new connection"


def test_a_read_is_repeated_once_on_a_new_connection(directory: Directory, server: StrictLdap) -> None:
    assert directory.domain
    connections = server.connections
    server.fail("search", "disconnect_before")
    assert directory.read(USER, ["cn"]) is not None
    assert server.connections == connections + 1
    server.fail("search", "disconnect_after", times=2)
    error = refusal(lambda: directory.read(USER, ["cn"]))
    assert (error.code, error.ambiguous) == ("noAnswer", False)


def test_a_connection_dropped_while_idle_is_replaced_before_a_write(directory: Directory, server: StrictLdap) -> None:
    describe(directory, "before")
    server.disconnect_all()
    idle = directory._pools[False]._idle[0]
    while not idle.dropped():
        time.sleep(0.001)
    describe(directory, "after")
    assert described(server) == "after"
    assert len(server.operations("modify")) == 2


def test_a_server_that_falls_silent_is_given_up(connect: Connect, server: StrictLdap) -> None:
    directory = connect(directory_timeout=0.3)
    assert directory.domain
    with server.lock:
        read = refusal(lambda: directory.read(USER, ["cn"]))
    assert (read.code, read.ambiguous) == ("noAnswer", False)
    assert "no answer in time" in str(read)
    with server.lock:
        write = refusal(lambda: describe(directory, "x"))
    assert write.ambiguous or write.code == "unreachable"


def test_a_write_that_is_not_answered_in_time_is_ambiguous(connect: Connect, server: StrictLdap) -> None:
    directory = connect(directory_timeout=0.3)
    describe(directory, "one")
    with server.lock:
        error = refusal(lambda: describe(directory, "two"))
    assert error.ambiguous
    assert "no answer in time" in str(error)


# Connections


def test_one_connection_serves_one_thread_after_another(directory: Directory, server: StrictLdap) -> None:
    for number in range(5):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(describe, directory, str(number)).result()
    assert server.connections == 1
    directory.close()
    assert directory.read(USER, ["cn"]) is not None
    assert server.connections == 2


def test_there_are_never_more_connections_than_threads(directory: Directory, server: StrictLdap) -> None:
    barrier = threading.Barrier(6)

    def work(number: int) -> None:
        barrier.wait(10)
        for turn in range(5):
            describe(directory, f"{number} {turn}")

    for _round in range(3):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(6)))
    assert len(server.operations("modify")) == 90
    assert server.connections <= 6


def test_a_forked_process_has_connections_of_its_own(
    connect: Connect, server: StrictLdap, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = connect()
    assert directory.domain
    kept = list(directory._pools[False]._idle)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert directory.read(USER, ["cn"]) is not None
    assert server.connections == 2
    for line in kept:
        line.close()


def test_the_first_address_that_answers_is_kept(
    connect: Connect, server: StrictLdap, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "localhost":
            return real(host, port, *rest, **more)
        asked.append(host)
        return [found for each in ("127.0.0.9", "127.0.0.1") for found in real(each, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    directory = connect(directory_server=f"localhost:{server.ports['ldaps']}")
    assert directory.domain == BASE_DN
    server.disconnect_all()
    assert directory.read(USER, ["cn"]) is not None
    assert asked == ["localhost"], "a second look could lead to a domain controller that lacks the last write"


# TLS


def test_no_password_is_sent_before_tls_is_up(directory: Directory, server: StrictLdap) -> None:
    assert directory.find("(sAMAccountName=info)", ["cn"], forest=True)
    assert directory.accepts(ADMINISTRATOR, PASSWORD)
    binds = server.operations("bind")
    assert len(binds) >= 2
    assert all(each.secure for each in binds)


def test_a_server_that_refuses_starttls_gets_no_password(connect: Connect, server: StrictLdap) -> None:
    server.fail("extended", "unavailable")
    error = refusal(lambda: connect(tls="starttls").domain)
    assert error.code == "tlsFailed"
    assert "certificate" in error.advice
    assert server.operations("bind") == []


def served_with(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.mark.parametrize("tls", ["ldaps", "starttls"])
def test_certificates_that_do_not_hold(connect: Connect, server: StrictLdap, tmp_path: Path, tls: str) -> None:
    own = trustme.CA()
    bundle = tmp_path / "own.pem"
    own.cert_pem.write_to_path(str(bundle))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    cases = {
        "expired": own.issue_cert("127.0.0.1", not_before=yesterday - timedelta(days=9), not_after=yesterday),
        "not for this address": own.issue_cert("127.0.0.2", "localhost"),
        "authority is not trusted": trustme.CA().issue_cert("127.0.0.1"),
    }
    for words, certificate in cases.items():
        server.tls = served_with(certificate)
        error = refusal(lambda: connect(tls=tls, directory_ca_path=str(bundle)).domain)
        assert error.code == "certificateRefused"
        assert words in error.meaning
        assert error.advice
    assert server.operations("bind") == []
    server.tls = served_with(own.issue_cert("127.0.0.1"))
    assert connect(tls=tls, directory_ca_path=str(bundle)).domain == BASE_DN


@contextmanager
def speaking(answer: bytes, context: ssl.SSLContext | None) -> Iterator[int]:
    """A server that gives every client the same answer; without a context it accepts and says nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def serve() -> None:
            with listener.accept()[0] as plain:
                if context is None:
                    ended.wait(10)
                    return
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(1000)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        ended.set()
        thread.join(10)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 200, b"0\x03\x02\x01", b"\x30\x84", b""]
)
def test_a_server_that_speaks_no_ldap(connect: Connect, server: StrictLdap, answer: bytes) -> None:
    with speaking(answer, server.tls) as port:
        error = refusal(lambda: connect(directory_server=f"127.0.0.1:{port}").domain)
    assert error.code in ("unreachable", "tlsFailed")
    assert error.advice


def test_a_server_that_accepts_and_says_nothing(connect: Connect) -> None:
    with speaking(b"", None) as port:
        error = refusal(lambda: connect(directory_server=f"127.0.0.1:{port}", directory_timeout=0.2).domain)
    assert error.code == "unreachable"
    assert "no answer in time" in str(error)


# Secrets and refusals


def test_a_password_appears_nowhere(connect: Connect, server: StrictLdap) -> None:
    directory = connect()
    password = "Viel-Zu-Geheim-77!"
    assert directory.domain
    server.store.policy.shortest = 50
    change = Modification("replace", "unicodePwd", [encode_password(password)])
    error = refusal(lambda: directory.modify(USER, [change]))
    assert "password policy" in error.meaning
    attributes = {"objectClass": ["user"], "sAMAccountName": ["n"], "unicodePwd": encode_password(password)}
    second = refusal(lambda: directory.add(f"CN=N,CN=Users,{BASE_DN}", attributes))
    wrong = refusal(lambda: connect(directory_password=password).domain)
    for text in (str(error), repr(error), str(second), str(wrong), repr(change), repr(directory), repr(directory.root)):
        assert password not in text
        assert PASSWORD not in text


def test_a_wrong_password_is_sent_once_only(connect: Connect, server: StrictLdap) -> None:
    directory = connect(directory_password="Falsch-Geheim-1!")
    with ThreadPoolExecutor(8) as pool:
        errors = list(pool.map(lambda _number: refusal(lambda: directory.read(USER, ["cn"])), range(20)))
    assert {error.code for error in errors} == {"invalidCredentials"}
    assert len(server.operations("bind")) == 1, "a domain controller would lock the account"


def test_whether_a_password_is_right(directory: Directory, server: StrictLdap) -> None:
    account = {
        "objectClass": [b"user"],
        "sAMAccountName": [b"anna"],
        "userAccountControl": [b"514"],
        "unicodePwd": [encode_password("Richtig-Geheim-1!")],
    }
    dn = f"CN=Anna,CN=Users,{BASE_DN}"
    server.store.add(dn, account, secure=True)
    assert directory.accepts(dn, "Richtig-Geheim-1!"), "disabled, but right"
    assert not directory.accepts(dn, "Falsch-Geheim-1!")
    assert not directory.accepts(f"CN=Nobody,{BASE_DN}", "Falsch-Geheim-1!")
    server.store.modify(dn, [(2, "userAccountControl", [b"512"]), (2, "lockoutTime", [b"1"])], secure=True)
    locked = refusal(lambda: directory.accepts(dn, "Richtig-Geheim-1!"))
    assert "locked out" in locked.meaning


def test_check_mode_sends_no_write(connect: Connect, server: StrictLdap) -> None:
    reader = connect(read_only=True)
    assert reader.read(USER, ["cn"]) is not None
    for write in WRITES.values():
        with pytest.raises(WriteRefused):
            write(reader)
    assert {each.kind for each in server.journal} <= {"bind", "search", "extended"}


def test_what_may_be_written_is_known_before(directory: Directory, server: StrictLdap) -> None:
    assert "proxyAddresses" in directory.writable_attributes(USER)
    assert directory.has_attribute("proxyaddresses")
    assert not directory.has_attribute("noSuchThing")
    asked = len(server.operations("search"))
    assert directory.has_attribute("PROXYADDRESSES")
    assert len(server.operations("search")) == asked, "the schema is asked once"
