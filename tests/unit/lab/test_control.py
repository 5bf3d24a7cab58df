# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control, the journal, the listeners and the certificates, from outside."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from ldap3.core.exceptions import LDAPSocketOpenError
from rehearsal import APP_ID, SECRET, TENANT_ID, Lab, small_tenant

from lab import world as lab_world
from lab.certificates import CertificateAuthority
from lab.connect import DirectoryEntry
from lab.server import running
from lab.tokens import EXCHANGE
from lab.world import World

INVOKE = f"/adminapi/beta/{TENANT_ID}/InvokeCommand"


# --- state


def test_state_shows_the_whole_tenant_without_secrets(lab: Lab) -> None:
    text = lab.call("GET", "/_lab/state").text
    state = json.loads(text)
    assert state["users"]["44444444-0000-4000-8000-000000000001"]["mailbox"]["type_details"] == "SharedMailbox"
    application = next(iter(state["applications"].values()))
    assert application["app_id"] == APP_ID
    assert application["credentials"][0].keys() == {
        *("key_id", "display_name", "hint", "start", "end", "certificate", "custom_key_identifier"),
        *("usable", "usable_from", "learned_at", "forgotten_at"),
    }
    assert SECRET not in text
    assert lab.world.identity_header not in text


def test_one_part_of_the_state(lab: Lab) -> None:
    assert set(lab.control("GET", "state?part=domains")) == set(lab.tenant.domains)
    assert lab.call("GET", "/_lab/state?part=nonsense").status_code == 400


def test_about_says_where_everything_is(lab: Lab) -> None:
    about = lab.control("GET", "")
    assert about["base_urls"][0] == lab.url
    assert Path(about["ca_path"]).read_text().startswith("-----BEGIN CERTIFICATE-----")


# --- journal


def test_journal_tells_service_cmdlet_write_status_and_request_id(lab: Lab) -> None:
    lab.sign_in()
    lab.call("GET", "/v1.0/organization?$select=id", headers={"client-request-id": "abc"})
    body = {"CmdletInput": {"CmdletName": "Set-Mailbox", "Parameters": {"Identity": "x"}}}
    lab.call("POST", INVOKE, json=body)
    login, graph, exchange = lab.control("GET", "requests")
    assert [login["index"], graph["index"], exchange["index"]] == [1, 2, 3]
    assert (login["service"], login["method"], login["write"], login["status"]) == ("login", "POST", False, 200)
    assert (graph["service"], graph["path"], graph["query"]) == ("graph", "/v1.0/organization", "$select=id")
    assert (graph["client_request_id"], graph["status"], graph["write"]) == ("abc", 401, False)
    assert (exchange["service"], exchange["cmdlet"], exchange["write"]) == ("exchange", "Set-Mailbox", True)
    assert all(entry["ms"] >= 0 for entry in (login, graph, exchange))


@pytest.mark.parametrize(
    ("method", "path", "body", "write"),
    [
        ("GET", "/v1.0/users", None, False),
        ("PATCH", "/v1.0/users/x", {}, True),
        ("POST", "/v1.0/users/x/assignLicense", {}, True),
        ("DELETE", "/v1.0/users/x", None, True),
        ("POST", "/v1.0/$batch", {"requests": [{"id": "1", "method": "GET", "url": "/users"}]}, False),
        ("POST", "/v1.0/$batch", {"requests": [{"method": "GET"}, {"method": "PATCH"}]}, True),
        ("POST", "/v1.0/$batch", "no object", True),
        ("POST", INVOKE, {"CmdletInput": {"CmdletName": "get-mailbox"}}, False),
        ("POST", INVOKE, {"CmdletInput": {"CmdletName": "Test-Something"}}, False),
        ("POST", INVOKE, {"CmdletInput": {"CmdletName": "Getter-Mailbox"}}, True),
        ("POST", INVOKE, {"CmdletInput": None}, True),
        (
            "POST",
            f"/adminapi/beta/{TENANT_ID}/$batch",
            {"requests": [{"method": "POST", "body": {"CmdletInput": {"CmdletName": "Get-Mailbox"}}}]},
            False,
        ),
        (
            "POST",
            f"/adminapi/beta/{TENANT_ID}/$batch",
            {"requests": [{"method": "POST", "body": {"CmdletInput": {"CmdletName": "Set-Mailbox"}}}]},
            True,
        ),
        ("POST", f"/{TENANT_ID}/oauth2/v2.0/token", {}, False),
    ],
)
def test_what_counts_as_a_write(lab: Lab, method: str, path: str, body: object, write: bool) -> None:
    lab.call(method, path, json=body)
    assert lab.control("GET", "requests")[0]["write"] is write


def test_journal_holds_no_secret_whatever_way_it_came(lab: Lab) -> None:
    lab.sign_in()
    lab.call("GET", f"/{TENANT_ID}/oauth2/v2.0/token?client_secret={SECRET}&client_id=x")
    headers = lab.bearer()
    lab.call("GET", "/v1.0/organization", headers=headers)
    text = lab.call("GET", "/_lab/requests").text
    assert SECRET not in text
    assert headers["Authorization"].split(".")[2] not in text
    assert "client_secret=***&client_id=x" in text


def test_journal_can_be_read_from_a_point_and_cleared(lab: Lab) -> None:
    for _unused in range(3):
        lab.sign_in()
    assert [entry["index"] for entry in lab.control("GET", "requests?since=2")] == [3]
    lab.control("DELETE", "requests")
    lab.sign_in()
    assert [entry["index"] for entry in lab.control("GET", "requests")] == [1]


# --- clock, latency, switches, reset


def test_clock_moves_forward_only(lab: Lab) -> None:
    before = lab.tenant.clock.timestamp()
    lab.control("POST", "clock", {"advance": 1800})
    assert lab.tenant.clock.timestamp() >= before + 1800
    for wrong in ({"advance": -1}, {"advance": "1"}, {"advance": True}, {}, None, [1]):
        assert lab.call("POST", "/_lab/clock", json=wrong).status_code == 400


def test_latency_is_added_to_requests_to_services_and_they_overlap(lab: Lab) -> None:
    lab.control("POST", "latency", {"seconds": 0.2})
    assert lab.control("GET", "latency") == {"seconds": 0.2}
    begin = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _unused: lab.sign_in().status_code, range(16)))
    passed = time.monotonic() - begin
    assert answers == [200] * 16
    assert 0.4 <= passed < 1.6


def test_switches_are_set_and_taken_away(lab: Lab) -> None:
    lab.control("POST", "switches", {"graph_replica_lag": 5, "other": "x"})
    assert lab.control("POST", "switches", {"other": None}) == {"graph_replica_lag": 5}
    assert lab.tenant.switches == {"graph_replica_lag": 5}
    assert lab.call("POST", "/_lab/switches", json=[1]).status_code == 400


def test_reset_brings_back_the_first_state(lab: Lab) -> None:
    lab.tenant.users.clear()
    lab.sign_in()
    lab.control("POST", "clock", {"advance": 3600})
    lab.control("POST", "faults", [{"effect": {"kind": "html"}}])
    lab.control("POST", "reset")
    assert len(lab.control("GET", "state")["users"]) == 3
    assert lab.control("GET", "requests") == []
    assert lab.control("GET", "faults") == []
    assert lab.tenant.clock.timestamp() < time.time() + 60


def test_malformed_json_and_unknown_device_code_are_400_with_a_reason(lab: Lab) -> None:
    answer = lab.call("POST", "/_lab/switches", data="{")
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    answer = lab.call("POST", "/_lab/device", json={"user_code": "ABC", "approve": True})
    assert (answer.status_code, answer.json()["error"]) == (400, "no pending sign-in has this code")
    assert lab.call("POST", "/_lab/device", json={"user_code": "ABC"}).status_code == 400


def test_sync_without_an_ad_server_says_so(lab: Lab) -> None:
    answer = lab.call("POST", "/_lab/sync")
    assert answer.status_code == 400
    assert "no AD server" in answer.json()["error"]


def person(name: str) -> DirectoryEntry:
    """An AD user as the sync engine reads it."""
    values = {
        "objectClass": [b"top", b"person", b"organizationalPerson", b"user"],
        "userAccountControl": [b"512"],
        "userPrincipalName": [f"{name}@contoso.example".encode()],
        "sAMAccountName": [name.encode()],
        "displayName": [name.encode()],
        "proxyAddresses": [f"SMTP:{name}@contoso.example".encode()],
        "mail": [f"{name}@contoso.example".encode()],
    }
    dn = f"CN={name},OU=Mailboxes,DC=corp,DC=contoso,DC=example"
    return DirectoryEntry(dn, uuid.uuid5(uuid.NAMESPACE_DNS, name).bytes_le, values)


@pytest.fixture
def written(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """An AD server of one user stands beside the lab; gives the source anchors that were written to it."""
    anchors: dict[str, bytes] = {}
    monkeypatch.setattr(lab_world, "read_entries", lambda _unused: [person("info")])
    monkeypatch.setattr(lab_world, "write_anchors", lambda _unused, values: anchors.update(values))
    monkeypatch.setattr(lab.world, "directory", object())
    return anchors


def test_sync_runs_a_cycle_and_writes_the_anchor_back(lab: Lab, written: dict[str, bytes]) -> None:
    report = lab.control("POST", "sync")
    assert report["matched"][0]["how"] == "soft-smtp"
    user = lab.control("GET", "state")["users"]["44444444-0000-4000-8000-000000000001"]
    assert user["on_premises_sync_enabled"] is True
    assert base64.b64encode(next(iter(written.values()))).decode() == user["on_premises_immutable_id"]


def test_advancing_the_clock_runs_the_cycles_that_fall_due(lab: Lab, written: dict[str, bytes]) -> None:
    assert lab.control("POST", "clock", {"advance": 1700})["cycles"] == []
    cycles = lab.control("POST", "clock", {"advance": 200})["cycles"]
    assert [cycle["imported"] for cycle in cycles] == [1]
    assert written


def test_cycle_falls_due_by_itself_as_time_passes(lab: Lab, written: dict[str, bytes]) -> None:
    lab.tenant.clock.advance(1801)
    deadline = time.monotonic() + 10
    while not written and time.monotonic() < deadline:
        time.sleep(0.05)
    assert written


def test_ad_server_that_does_not_answer_is_said_in_one_line(
    lab: Lab, written: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_unused: object) -> None:
        raise LDAPSocketOpenError("unable to open socket")

    monkeypatch.setattr(lab_world, "read_entries", fail)
    answer = lab.call("POST", "/_lab/sync")
    assert (answer.status_code, answer.json()) == (502, {"error": "the AD server refused: unable to open socket"})


# --- listeners and certificates


@pytest.mark.parametrize("address", ["0.0.0.0", "128.0.0.1", "192.0.2.1", "::1", "localhost", ""])  # noqa: S104
def test_server_refuses_addresses_outside_loopback(lab: Lab, address: str) -> None:
    with pytest.raises(ValueError, match="loopback"), running(lab.world, address):
        pytest.fail("it listens")


def test_second_address_serves_the_same_tenant(lab: Lab) -> None:
    other = lab.world.base_urls[1]
    assert other.startswith("https://127.0.0.2:")
    about = lab.session.get(f"{other}/_lab", timeout=20).json()
    assert about["tenant_id"] == TENANT_ID


def test_managed_identity_listener_has_no_control_and_no_tenant(lab: Lab) -> None:
    for path in ("/_lab/state", "/v1.0/organization", f"/{TENANT_ID}/oauth2/v2.0/token"):
        assert lab.session.get(f"{lab.world.imds_url}{path}", timeout=20).status_code == 404


def test_certificate_is_refused_without_the_labs_authority(lab: Lab) -> None:
    with requests.Session() as stranger:
        stranger.trust_env = False
        with pytest.raises(requests.exceptions.SSLError):
            stranger.get(f"{lab.url}/_lab", timeout=20)


def test_certificate_stands_the_strict_check_of_newer_pythons(lab: Lab) -> None:
    context = ssl.create_default_context(cafile=str(lab.world.ca_path))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    host, port = lab.url.removeprefix("https://").split(":")
    for name in (host, "localhost"):
        with (
            socket.create_connection((host, int(port)), 20) as raw,
            context.wrap_socket(raw, server_hostname=name) as tls,
        ):
            assert ("IP Address", "127.0.0.2") in tls.getpeercert()["subjectAltName"]  # type: ignore[index]
    with socket.create_connection((host, int(port)), 20) as raw, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(raw, server_hostname="dc1.corp.contoso.example")


def test_authority_writes_files_for_the_ad_server_and_keeps_the_key_private(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "certificates")
    for _unused in range(2):
        files = authority.issue("dc1", ["dc1.corp.contoso.example", "127.77.0.1"])
        assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
    assert [path.name for path in sorted((tmp_path / "certificates").iterdir())] == ["ca.pem", "dc1.key", "dc1.pem"]


def test_world_leaves_no_temporary_files_behind() -> None:
    world = World(small_tenant)
    directory = world.ca_path.parent
    with running(world) as url:
        assert requests.get(f"{url}/_lab", timeout=20, verify=str(world.ca_path)).status_code == 200
    world.close()
    assert not directory.exists()


def test_end_of_the_server_closes_its_ports_at_once_although_a_client_is_connected() -> None:
    world = World(small_tenant)
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(world.ca_path)
        with running(world) as url:
            session.get(f"{url}/_lab", timeout=20)
            begin = time.monotonic()
        assert time.monotonic() - begin < 1.5
        with pytest.raises(requests.ConnectionError):
            session.get(f"{url}/_lab", timeout=20)
    world.close()


_PROGRAM = """
import sys
from pathlib import Path
from ldap3.core.exceptions import LDAPSocketOpenError
from rehearsal import small_tenant
from lab.server import serve
from lab.world import World
serve(World(small_tenant, workplace=Path(sys.argv[1])), "127.0.0.1", 0, Path(sys.argv[1]) / "ready.json")
"""


def test_serve_writes_its_ready_file_and_ends_on_sigterm(tmp_path: Path) -> None:
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{here}:{here.parent.parent}"}
    with subprocess.Popen([sys.executable, "-c", _PROGRAM, str(tmp_path)], env=environment) as process:
        ready = tmp_path / "ready.json"
        deadline = time.monotonic() + 30
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        facts = json.loads(ready.read_text())
        assert facts["pid"] == process.pid
        assert requests.get(f"{facts['url']}/_lab", timeout=20, verify=facts["ca_path"]).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not ready.exists()


def test_many_requests_are_answered_in_time(lab: Lab) -> None:
    """A coarse guard, far above the measured figure: 200 requests at 20 ms and concurrency 8 take 0.5 s at least."""
    lab.control("POST", "latency", {"seconds": 0.02})
    headers = lab.bearer(EXCHANGE)
    begin = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _unused: lab.call("GET", "/v1.0/organization", headers=headers), range(200)))
    assert 0.5 <= time.monotonic() - begin < 5
