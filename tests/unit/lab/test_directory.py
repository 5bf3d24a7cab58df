# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real Active Directory server of the rehearsal: start, stop, reset, seeding, reading; asked with ldap3."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import ldap3
import pytest
from ldap3.core.exceptions import (
    LDAPException,
    LDAPInsufficientAccessRightsResult,
    LDAPOperationResult,
)

from lab import loopback
from lab.certificates import CertificateAuthority
from lab.directory import (
    ADMINISTRATOR,
    BASE_DN,
    FQDN,
    PORTS,
    REALM,
    Delegation,
    DirectoryError,
    Samba,
    SeedEntry,
    connection,
    read_entries,
    search,
    write_anchors,
)
from lab.generator import seed_directory_bulk
from lab.scenario import MANAGE_USERS

TESTS = Path(__file__).resolve().parents[2]
TEMPLATES = TESTS.parent / ".work" / "cache" / "samba"
UNIT = f"OU=Prüfstände & Öle,{BASE_DN}"
OTHER = f"OU=Anderes,{BASE_DN}"
HELPER = f"helper@{REALM}"
HELPER_PASSWORD = "Rehearsal-Helper-1!"
ENTRIES = [
    SeedEntry(UNIT, {"objectClass": ["organizationalUnit"]}),
    SeedEntry(OTHER, {"objectClass": ["organizationalUnit"]}),
    SeedEntry(
        f"CN=Helper,{OTHER}",
        {
            "objectClass": ["user"],
            "sAMAccountName": ["helper"],
            "userPrincipalName": [HELPER],
            "userAccountControl": ["512"],
        },
        HELPER_PASSWORD,
    ),
    SeedEntry(
        f"CN=Groß\\, Jürgen (Süd),{UNIT}",
        {
            "objectClass": ["user"],
            "sAMAccountName": ["jgross"],
            "userAccountControl": ["514"],
            "proxyAddresses": ["SMTP:juergen.gross@contoso.example", "smtp:jg@contoso.example"],
            "mailNickname": ["jgross"],
            "msExchHideFromAddressLists": ["TRUE"],
            "extensionAttribute15": ["Öl"],
            "mS-DS-ConsistencyGuid": [bytes(range(16))],
        },
    ),
    SeedEntry(f"CN=Spedition,{UNIT}", {"objectClass": ["contact"], "mail": ["s@spedition.example"]}),
    SeedEntry(
        f"CN=Alle,{UNIT}",
        {"objectClass": ["group"], "sAMAccountName": ["alle"], "member": [f"CN=Helper,{OTHER}"]},
    ),
]


@pytest.fixture(scope="module")
def samba(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samba]:
    """A running server with a few objects, in a folder with a long name with blanks and umlauts."""
    folder = tmp_path_factory.mktemp("directory") / ("ein langer Weg für Sockel " * 6) / "100% (x), y"
    folder.mkdir(parents=True)
    with loopback.reserve(ports=PORTS) as reservation:
        server = Samba(folder, reservation.address, CertificateAuthority(folder / "ca"), templates=TEMPLATES)
        server.seed(ENTRIES, [Delegation(UNIT, "helper", MANAGE_USERS)], fresh=True)
        with server:
            yield server


@pytest.fixture
def fresh(samba: Samba) -> Samba:
    """The server as it was after seeding."""
    samba.reset()
    return samba


def accepts(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


# --- the server -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", PORTS)
def test_every_port_serves_verified_tls(samba: Samba, port: int) -> None:
    with connection(samba, port=port) as client:
        assert client.search(BASE_DN, "(sAMAccountName=jgross)", attributes=["proxyAddresses"])
        (found,) = [each for each in client.response if each["type"] == "searchResEntry"]
        assert len(found["raw_attributes"]["proxyAddresses"]) == 2


def test_the_global_catalog_takes_no_writes(samba: Samba) -> None:
    with connection(samba, port=3269) as client, pytest.raises(LDAPOperationResult) as caught:
        client.modify(UNIT, {"description": [(ldap3.MODIFY_REPLACE, ["x"])]})
    assert caught.value.result == 53


def test_only_the_chosen_address_is_served(samba: Samba) -> None:
    assert accepts(samba.address, 636)
    with pytest.raises(loopback.AddressError, match=f"cannot bind port 389 on {samba.address}"):
        loopback.check_ports(samba.address, PORTS)
    other = samba.address.rpartition(".")[0] + ".250"
    assert not any(accepts(other, port) for port in PORTS)


def test_the_certificate_names_host_and_address(samba: Samba) -> None:
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text", "-in", samba.directory / "tls" / "cert.pem"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for expected in (f"DNS:{FQDN}", f"IP Address:{samba.address}", "Authority Key Identifier", "id-ecPublicKey"):
        assert expected in text


def test_another_authority_is_not_trusted(samba: Samba, tmp_path: Path) -> None:
    other = CertificateAuthority(tmp_path)
    own, samba.authority_path = samba.authority_path, other.ca_path
    try:
        with pytest.raises(LDAPException, match="CERTIFICATE_VERIFY_FAILED"), connection(samba):
            pass
    finally:
        samba.authority_path = own


def test_a_simple_bind_without_tls_is_refused(samba: Samba) -> None:
    host = ldap3.Server(samba.address, port=389, get_info=ldap3.NONE)
    client = ldap3.Connection(host, ADMINISTRATOR, samba.administrator_password)
    assert not client.bind()
    assert client.result["description"] == "strongerAuthRequired"
    client.unbind()


def test_a_wrong_password_is_refused_and_shown_nowhere(samba: Samba) -> None:
    with pytest.raises(LDAPException, match="data 52e"), connection(samba, password="Wrong-1!"):
        pass
    written = b"".join(path.read_bytes() for path in (samba.directory / "log").rglob("*") if path.is_file())
    assert samba.administrator_password.encode() not in written
    assert samba.administrator_password not in repr(samba) + repr(ENTRIES)


def test_a_reset_is_quick_and_forgets_what_came_after_seeding(samba: Samba) -> None:
    with connection(samba) as client:
        client.add(f"CN=neu,{UNIT}", ["user"], {"sAMAccountName": "neu"})
        client.delete(f"CN=Spedition,{UNIT}")
    begin = sum(os.times()[:4])
    for _unused in range(3):
        samba.reset()
    # Processor seconds, which other work on the machine does not stretch; they include the servers that have ended.
    assert (sum(os.times()[:4]) - begin) / 3 < 0.5
    names = {entry.dn for entry in read_entries(samba)}
    assert f"CN=neu,{UNIT}" not in names
    assert f"CN=Spedition,{UNIT}" in names


def test_everything_lies_below_the_directory(samba: Samba) -> None:
    links = [Path(f"/proc/{samba.process_id}/fd/{name}") for name in os.listdir(f"/proc/{samba.process_id}/fd")]
    files = [link.readlink() for link in links if link.exists() and link.resolve().is_file()]
    assert len(files) > 10
    assert [
        path for path in files if not path.is_relative_to(samba.directory) and path.parts[1] not in ("dev", "usr")
    ] == []


def test_starting_twice_is_starting_once_and_stopping_leaves_nothing(samba: Samba) -> None:
    first = samba.process_id
    samba.start()
    assert samba.process_id == first
    samba.stop()
    assert samba.process_id is None
    samba.stop()
    loopback.check_ports(samba.address, PORTS)
    assert not Path(f"/proc/{first}").exists()
    samba.start()


def test_a_taken_port_is_named(samba: Samba, tmp_path: Path) -> None:
    with loopback.reserve(ports=PORTS) as reservation, socket.socket() as taken:
        taken.bind((reservation.address, 3268))
        server = Samba(tmp_path, reservation.address, CertificateAuthority(tmp_path), templates=TEMPLATES)
        with pytest.raises(
            DirectoryError, match=f"cannot bind port 3268 on {reservation.address}: Address already in use"
        ):
            server.start()
        assert not server.running


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_unused, **__: None)
    server = Samba(tmp_path, "127.77.0.251", CertificateAuthority(tmp_path), templates=tmp_path)
    with pytest.raises(DirectoryError, match="install the packages samba samba-dsdb-modules samba-ad-provision"):
        server.start()


def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with loopback.reserve(ports=PORTS) as reservation:
        server = Samba(tmp_path, reservation.address, CertificateAuthority(tmp_path), templates=TEMPLATES)
        server.seed([], fresh=True)
        shutil.rmtree(server.data / "private" / "sam.ldb.d")
        with pytest.raises(DirectoryError, match=f"Samba did not start on {reservation.address}: .+"):
            server.start(timeout=10)
        assert not server.running


HOLDER = """
import sys, time
from pathlib import Path
from lab.certificates import CertificateAuthority
from lab.directory import Samba
folder, address, templates = sys.argv[1:]
samba = Samba(Path(folder), address, CertificateAuthority(Path(folder)), templates=Path(templates))
samba.start()
print(samba.process_id, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path, number: signal.Signals) -> None:
    with loopback.reserve(ports=PORTS) as reservation:
        command = [sys.executable, "-c", HOLDER, str(tmp_path), reservation.address, str(TEMPLATES)]
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as holder:
            assert holder.stdout is not None
            server = int(holder.stdout.readline())
            assert accepts(reservation.address, 636)
            holder.send_signal(number)
        end = time.monotonic() + 2
        while Path(f"/proc/{server}/exe").exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert not Path(f"/proc/{server}/exe").exists()
        assert not accepts(reservation.address, 636)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_runs_it_in_a_namespace_of_his_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The user has no name, no home and no rights outside; his Python is the distribution's, without our packages."""
    probe = "import lab.certificates, ldap3"
    paths = os.pathsep.join([str(TESTS), *sys.path[1:]])
    script = 'ip link set lo up && exec "$0" -c "$1" "$2" 127.77.0.1 "$3"'
    # The public temporary folder, because the session's own is closed to other users.
    home = Path(f"/tmp/m365-rehearsal-{os.getpid()}")  # noqa: S108
    home.mkdir(mode=0o755)
    user = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": paths, "HOME": "/nonexistent"}
    try:
        os.chown(home, 12345, 12345)
        usable = subprocess.run(
            [*user, "/usr/bin/python3", "-c", probe], env=environment, check=False, capture_output=True
        )
        if usable.returncode or sys.version_info[:2] != _system_version():
            pytest.skip("the tests' Python packages are not readable for other users")
        ended = subprocess.run(
            [
                *user,
                "unshare",
                "-Urn",
                "sh",
                "-c",
                script,
                "/usr/bin/python3",
                BRIEFLY,
                str(home),
                str(home / "templates"),
            ],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (ended.returncode, ended.stdout) == (0, "389 636 3268 3269\n"), ended.stderr
        assert {path.stat().st_uid for path in home.rglob("*")} == {12345}
    finally:
        shutil.rmtree(home)


BRIEFLY = """
import sys
from pathlib import Path
from lab.certificates import CertificateAuthority
from lab.directory import BASE_DN, PORTS, Samba, connection
folder, address, templates = sys.argv[1:]
with Samba(Path(folder), address, CertificateAuthority(Path(folder)), templates=Path(templates)) as samba:
    for port in PORTS:
        with connection(samba, port=port) as client:
            assert client.search(BASE_DN, "(cn=Administrator)")
print(*PORTS)
"""


def _system_version() -> tuple[int, int]:
    said = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    )
    major, minor = said.stdout.split()
    return int(major), int(minor)


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_entries_are_read_as_the_sync_engine_wants_them(samba: Samba) -> None:
    found = {entry.dn: entry for entry in read_entries(samba)}
    person = found[f"CN=Groß\\, Jürgen (Süd),{UNIT}"]
    assert (person.kind, person.enabled) == ("user", False)
    assert person.texts("PROXYADDRESSES") == ["SMTP:juergen.gross@contoso.example", "smtp:jg@contoso.example"]
    assert person.raw("mS-DS-ConsistencyGuid") == bytes(range(16))
    assert len(person.object_guid) == 16
    assert (person.sid or "").startswith("S-1-5-21-")
    assert person.domain == REALM
    assert found[f"CN=Spedition,{UNIT}"].kind == "contact"
    assert found[f"CN=Alle,{UNIT}"].kind == "group"
    assert found[f"CN=Helper,{OTHER}"].enabled
    assert not any("dns-" in dn for dn in found)


def test_anchors_are_written_back(fresh: Samba) -> None:
    helper = f"CN=Helper,{OTHER}"
    (before,) = search(fresh, "(sAMAccountName=helper)")
    assert before.raw("mS-DS-ConsistencyGuid") is None
    write_anchors(fresh, {helper: before.object_guid})
    write_anchors(fresh, {})
    (after,) = search(fresh, "(sAMAccountName=helper)")
    assert after.raw("mS-DS-ConsistencyGuid") == before.object_guid
    assert after.anchor == before.anchor


def test_the_schema_knows_the_exchange_attributes(samba: Samba) -> None:
    (person,) = search(samba, "(mailNickname=jgross)")
    assert person.text("msExchHideFromAddressLists") == "TRUE"
    assert person.text("extensionAttribute15") == "Öl"
    with connection(samba) as client:
        numbers = {"msExchRecipientTypeDetails": 34359738368, "msExchRecipientDisplayType": -2147483642}
        texts = {"targetAddress": "SMTP:x@y.example", "msDS-ExternalDirectoryObjectId": "User_1"}
        client.add(f"CN=remote,{UNIT}", ["user"], {**numbers, **texts, "msExchMailboxGuid": bytes(16)})
        client.delete(f"CN=remote,{UNIT}")


def test_a_directory_without_the_exchange_schema(tmp_path: Path) -> None:
    with loopback.reserve(ports=PORTS) as reservation:
        server = Samba(
            tmp_path, reservation.address, CertificateAuthority(tmp_path), templates=TEMPLATES, exchange_schema=False
        )
        with server, connection(server) as client:
            client.add(UNIT, ["organizationalUnit"])
            client.add(f"CN=x,{UNIT}", ["user"], {"proxyAddresses": ["SMTP:x@contoso.example"]})
            with pytest.raises(LDAPOperationResult) as caught:
                client.modify(f"CN=x,{UNIT}", {"mailNickname": [(ldap3.MODIFY_REPLACE, ["x"])]})
            assert caught.value.result == 16


def test_the_delegated_account_manages_users_in_its_unit_only(fresh: Samba) -> None:
    secret = '"Rehearsal-New-1!"'.encode("utf-16-le")
    dn = f"CN=Rechnung\\, Eingang,{UNIT}"
    with connection(fresh, HELPER, HELPER_PASSWORD) as client:
        client.add(dn, ["user"], {"sAMAccountName": "rechnung", "userAccountControl": 512, "unicodePwd": secret})
        changes = {"proxyAddresses": ["SMTP:r@contoso.example"], "userAccountControl": [514], "unicodePwd": [secret]}
        client.modify(dn, {name: [(ldap3.MODIFY_REPLACE, values)] for name, values in changes.items()})
        client.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["allowedAttributesEffective"])
        assert b"proxyAddresses" in client.response[0]["raw_attributes"]["allowedAttributesEffective"]
        client.modify_dn(dn, "CN=Rechnung")
        client.delete(f"CN=Rechnung,{UNIT}")
        for attempt in (
            lambda: client.add(f"CN=x,{OTHER}", ["user"], {"sAMAccountName": "x"}),
            lambda: client.add(f"CN=x,{UNIT}", ["group"], {"sAMAccountName": "x"}),
            lambda: client.add(f"OU=x,{UNIT}", ["organizationalUnit"]),
            lambda: client.modify(f"CN=Helper,{OTHER}", {"mail": [(ldap3.MODIFY_REPLACE, ["x@y.example"])]}),
            lambda: client.delete(UNIT),
        ):
            with pytest.raises(LDAPInsufficientAccessRightsResult):
                attempt()


def test_what_the_directory_refuses_at_seeding_is_named(samba: Samba) -> None:
    with pytest.raises(DirectoryError, match=r"Samba's seed failed: CN=x,OU=Nirgends,.*(No such|not found|parent)"):
        samba.seed([SeedEntry(f"CN=x,OU=Nirgends,{BASE_DN}", {"objectClass": ["user"]})])
    with pytest.raises(DirectoryError, match="cannot delegate to nobody: no such account"):
        samba.seed([], [Delegation(UNIT, "nobody", MANAGE_USERS)])
    samba.reset()
    assert search(samba, "(sAMAccountName=jgross)")


def test_seeding_in_bulk_adds_disabled_accounts(tmp_path: Path) -> None:
    with loopback.reserve(ports=PORTS) as reservation:
        server = Samba(tmp_path, reservation.address, CertificateAuthority(tmp_path), templates=TEMPLATES)
        dns = seed_directory_bulk(server, 120, seed=7)
        with server:
            found = [entry for entry in read_entries(server) if (entry.text("sAMAccountName") or "").startswith("bulk")]
    assert sorted(entry.dn for entry in found) == sorted(dns)
    assert not any(entry.enabled for entry in found)
    assert {len(entry.texts("proxyAddresses")) for entry in found} == {2}


# --- addresses --------------------------------------------------------------------------------------------------------


def test_a_reserved_address_is_given_to_one_only() -> None:
    with loopback.reserve(ports=()) as first, loopback.reserve(ports=()) as second:
        assert first.address != second.address
        with pytest.raises(loopback.AddressError, match=f"cannot bind port 8443 on {first.address}"):
            loopback.reserve(first.address, ports=())
    with loopback.reserve(first.address, ports=()) as again:
        assert again.address == first.address


@pytest.mark.parametrize("address", ["10.1.2.3", "0.0.0.0", "localhost", "::1"])  # noqa: S104
def test_only_loopback_addresses_are_reserved(address: str) -> None:
    with pytest.raises(loopback.AddressError, match="is not a loopback address"):
        loopback.reserve(address)
