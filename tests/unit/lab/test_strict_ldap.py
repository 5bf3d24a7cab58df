# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The strict LDAP server refuses what Windows refuses. Asked with ldap3 over real sockets."""

from __future__ import annotations

import contextlib
import socket
import ssl
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from lab import ber
from lab.certificates import CertificateAuthority
from lab.directory import BASE_DN, VerifiedTls
from lab.strict_ldap import ADMINISTRATOR, ADMINISTRATOR_DN, PASSWORD, StrictLdap
from lab.strict_schema import parse_dn

CHILD = f"DC=emea,{BASE_DN}"
USERS = f"CN=Users,{BASE_DN}"
SCAN = f"CN=Scan,{USERS}"
ADD, DELETE, REPLACE = ldap3.MODIFY_ADD, ldap3.MODIFY_DELETE, ldap3.MODIFY_REPLACE


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: CertificateAuthority) -> Iterator[StrictLdap]:
    with StrictLdap(authority, contexts=(BASE_DN, CHILD)) as server:
        server.store.add(SCAN, attributes("scan", mail="scan@contoso.example"), secure=True)
        yield server


def attributes(account: str, **more: str) -> dict[str, list[bytes]]:
    values = {"objectClass": "user", "sAMAccountName": account, "userPrincipalName": f"{account}@contoso.example"}
    return {name: [value.encode()] for name, value in (values | more).items()}


@pytest.fixture
def opened() -> Iterator[Callable[..., ldap3.Connection]]:
    """Opens connections, signed in, that give results instead of raising; closed at the end of the test."""
    connections: list[ldap3.Connection] = []

    def open_one(
        server: StrictLdap, listener: str = "ldaps", *, start_tls: bool = True, **options: Any
    ) -> ldap3.Connection:
        tls = VerifiedTls(ca_certs_file=str(server.authority_path), validate=ssl.CERT_REQUIRED)
        secure = listener in ("ldaps", "gcs")
        host = ldap3.Server(server.address, server.ports[listener], use_ssl=secure, tls=tls, get_info=ldap3.NONE)
        options = {"user": ADMINISTRATOR, "password": PASSWORD, "receive_timeout": 60, **options}
        connection = ldap3.Connection(host, **options)
        connections.append(connection)
        connection.open()
        if not secure and start_tls:
            assert connection.start_tls()
        connection.bind()
        return connection

    yield open_one
    for connection in connections:
        if connection.socket is not None:
            connection.socket.close()


Opened = Callable[..., ldap3.Connection]


def code(connection: ldap3.Connection) -> int:
    return int(connection.result["result"])


def values_of(connection: ldap3.Connection, dn: str, name: str) -> list[str]:
    connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=[name])
    return [value.decode() for value in connection.response[0]["raw_attributes"].get(name, [])]


def modify(connection: ldap3.Connection, *changes: tuple[str, str, list[Any]], dn: str = SCAN, **more: Any) -> int:
    """One modify with its changes in this order; gives the result code."""
    grouped: dict[str, list[tuple[str, list[Any]]]] = {}
    for operation, name, values in changes:
        grouped.setdefault(name, []).append((operation, values))
    connection.modify(dn, grouped, **more)
    return code(connection)


# --- values -----------------------------------------------------------------------------------------------------------


def test_values_that_differ_in_case_only_are_one_value(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    assert modify(client, (ADD, "proxyAddresses", ["smtp:a@contoso.example"])) == 0
    assert modify(client, (ADD, "proxyAddresses", ["SMTP:a@contoso.example"])) == 20
    assert "ATT_OR_VALUE_EXISTS" in client.result["message"]
    assert modify(client, (REPLACE, "proxyAddresses", ["smtp:b@contoso.example", "SMTP:B@contoso.example"])) == 20
    assert values_of(client, SCAN, "proxyAddresses") == ["smtp:a@contoso.example"]


def test_the_order_inside_a_modify_decides_a_change_of_case(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    old, new = "smtp:a@contoso.example", "SMTP:a@contoso.example"
    modify(client, (ADD, "proxyAddresses", [old]))
    assert modify(client, (ADD, "proxyAddresses", [new]), (DELETE, "proxyAddresses", [old])) == 20
    assert values_of(client, SCAN, "proxyAddresses") == [old]
    assert modify(client, (DELETE, "proxyAddresses", [old]), (ADD, "proxyAddresses", [new])) == 0
    assert values_of(client, SCAN, "proxyAddresses") == [new]


def test_what_is_absent_cannot_be_deleted(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    assert modify(client, (DELETE, "proxyAddresses", ["smtp:none@contoso.example"])) == 16
    assert modify(client, (DELETE, "proxyAddresses", [])) == 16
    assert modify(client, (REPLACE, "proxyAddresses", [])) == 0


def test_a_modify_is_atomic(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    assert modify(client, (REPLACE, "displayName", ["Scanner"]), (DELETE, "description", ["no"])) == 16
    assert values_of(client, SCAN, "displayName") == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("proxyAddresses", "smtp:" + "a" * 1119, 19),
        ("proxyAddresses", "smtp:" + "a" * 1118, 0),
        ("mailNickname", "n" * 65, 19),
        ("displayName", "ü" * 256, 0),
        ("displayName", "ü" * 257, 19),
        ("displayName", "", 21),
        ("msExchHideFromAddressLists", "true", 21),
        ("msExchHideFromAddressLists", "TRUE", 0),
        ("userAccountControl", "many", 21),
        ("msExchNoSuchThing", "x", 16),
        ("objectGUID", "x", 19),
        ("objectSid", "x", 19),
    ],
)
def test_values_out_of_range_or_form_are_refused(
    server: StrictLdap, name: str, value: str, expected: int, opened: Opened
) -> None:
    client = opened(server)
    assert modify(client, (REPLACE, name, [value])) == expected


def test_two_values_where_one_may_be_are_out_of_range(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    assert modify(client, (REPLACE, "mail", ["a@contoso.example", "b@contoso.example"])) == 19
    assert modify(client, (ADD, "mail", ["b@contoso.example"])) == 19


def test_permissive_modify_takes_both_as_done(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    control = [("1.2.840.113556.1.4.1413", True, None)]
    modify(client, (ADD, "proxyAddresses", ["smtp:a@contoso.example"]))
    assert modify(client, (ADD, "proxyAddresses", ["SMTP:a@contoso.example"]), controls=control) == 0
    assert modify(client, (DELETE, "proxyAddresses", ["smtp:none@contoso.example"]), controls=control) == 0
    assert values_of(client, SCAN, "proxyAddresses") == ["smtp:a@contoso.example"]
    assert server.operations("modify")[-1].controls == ["1.2.840.113556.1.4.1413"]


def test_unknown_critical_controls_are_refused(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    assert modify(client, (REPLACE, "sn", ["x"]), controls=[("1.2.3.4", True, None)]) == 12
    assert modify(client, (REPLACE, "sn", ["x"]), controls=[("1.2.3.4", False, None)]) == 0


# --- objects ----------------------------------------------------------------------------------------------------------


def test_an_object_is_created_with_what_the_server_adds(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    client.add(f"CN=Müller\\, Jörg (Süd),{USERS}", ["user"], {"displayName": "Jörg Müller"})
    assert code(client) == 0
    client.search(BASE_DN, f"(cn={escape_filter_chars('Müller, Jörg (Süd)')})", attributes=["*"])
    (entry,) = [each for each in client.response if each["type"] == "searchResEntry"]
    raw = entry["raw_attributes"]
    assert entry["dn"] == f"CN=Müller\\, Jörg (Süd),{USERS}"
    assert len(raw["objectGUID"][0]) == 16
    assert raw["objectSid"][0].startswith(b"\x01\x05")
    assert raw["userAccountControl"] == [b"546"]
    assert raw["objectClass"] == [b"top", b"person", b"organizationalPerson", b"user"]
    assert raw["sAMAccountName"][0].startswith(b"$")


def test_an_existing_or_orphaned_name_is_refused(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    client.add(SCAN.upper(), ["user"], {})
    assert code(client) == 68
    client.add(f"CN=x,OU=Nowhere,{BASE_DN}", ["user"], {})
    assert code(client) == 32
    assert client.result["dn"] == BASE_DN


def test_account_names_are_unique_in_the_domain_and_upns_in_the_forest(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    client.add(f"CN=x,{USERS}", ["user"], {"sAMAccountName": "SCAN"})
    assert (code(client), client.result["message"][:8]) == (68, "00000524")
    client.add(f"CN=x,{USERS}", ["user"], {"userPrincipalName": "Scan@contoso.example"})
    assert (code(client), client.result["message"][:8]) == (19, "000021C8")
    server.store.add(f"CN=y,CN=Users,{CHILD}", attributes("scan", userPrincipalName="far@contoso.example"), secure=True)
    assert modify(client, (REPLACE, "userPrincipalName", ["far@contoso.example"])) == 19
    client.add(f"CN=x,{USERS}", ["user"], {"sAMAccountName": "a" * 21})
    assert code(client) == 80


def test_an_object_moves_with_everything_below_it(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    client.add(f"OU=One,{BASE_DN}", ["organizationalUnit"], {})
    client.add(f"CN=a,OU=One,{BASE_DN}", ["user"], {})
    assert client.modify_dn(f"OU=One,{BASE_DN}", "OU=Zwei Süd")
    assert values_of(client, f"CN=a,OU=Zwei Süd,{BASE_DN}", "name") == ["a"]
    client.modify_dn(f"CN=a,OU=Zwei Süd,{BASE_DN}", "CN=Scan", new_superior=USERS)
    assert code(client) == 68
    client.modify_dn(f"CN=a,OU=Zwei Süd,{BASE_DN}", "CN=b", new_superior=USERS)
    assert code(client) == 0
    assert values_of(client, f"CN=b,{USERS}", "cn") == ["b"]
    client.modify_dn(f"CN=none,{USERS}", "CN=c")
    assert code(client) == 32


def test_only_leaves_are_deleted_unless_the_tree_is_meant(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    client.delete(USERS)
    assert code(client) == 66
    client.delete(SCAN)
    assert code(client) == 0
    client.delete(SCAN)
    assert code(client) == 32
    client.delete(USERS, controls=[("1.2.840.113556.1.4.805", True, None)])
    assert code(client) == 0


def test_a_protected_subtree_takes_no_writes_and_says_so_beforehand(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    assert "proxyAddresses" in values_of(client, SCAN, "allowedAttributesEffective")
    server.store.protected.append(parse_dn(USERS))
    assert values_of(client, SCAN, "allowedAttributesEffective") == []
    assert modify(client, (REPLACE, "sn", ["x"])) == 50
    client.add(f"CN=x,{USERS}", ["user"], {})
    assert code(client) == 50


def test_malformed_names_are_refused(server: StrictLdap, opened: Opened) -> None:
    client = opened(server, check_names=False)
    client.delete("nonsense")
    assert code(client) == 34


# --- passwords --------------------------------------------------------------------------------------------------------


def quoted(password: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le")


def test_a_password_needs_tls(authority: CertificateAuthority, opened: Opened) -> None:
    with StrictLdap(authority, signing_required=False) as server:
        client = opened(server, "ldap", start_tls=False)
        client.add(f"CN=x,{USERS}", ["user"], {"unicodePwd": quoted("Very-good-1")})
        assert (code(client), client.result["message"][:8]) == (53, "0000001F")


def test_the_password_policy_holds_and_no_password_reaches_the_journal(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    for password in ("short", "allsmallletters"):
        assert modify(client, (REPLACE, "unicodePwd", [quoted(password)])) == 19
        assert client.result["message"].startswith("0000052D")
    server.store.policy.code = 53
    assert modify(client, (REPLACE, "unicodePwd", [quoted("short")])) == 53
    assert modify(client, (REPLACE, "unicodePwd", [b"no quotes"])) == 53
    assert modify(client, (REPLACE, "unicodePwd", [quoted("Good-enough-1")])) == 0
    assert "Good-enough-1" not in repr(server.journal)
    assert PASSWORD not in repr(server.journal)
    assert server.operations("modify")[-1].detail == {"changes": [("replace", "unicodePwd", ["(password)"])]}
    assert values_of(client, SCAN, "unicodePwd") == []


def test_an_account_without_password_cannot_be_enabled(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    assert modify(client, (REPLACE, "userAccountControl", ["512"])) == 19
    assert modify(client, (REPLACE, "userAccountControl", ["544"])) == 0
    changes = (REPLACE, "unicodePwd", [quoted("Good-enough-1")]), (REPLACE, "userAccountControl", ["512"])
    assert modify(client, *changes) == 0
    client.add(f"CN=x,{USERS}", ["user"], {"userAccountControl": "512"})
    assert code(client) == 19
    client.add(f"CN=x,{USERS}", ["user"], {"userAccountControl": "512", "unicodePwd": quoted("Good-enough-1")})
    assert code(client) == 0


def test_a_changed_password_needs_the_old_one(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    modify(client, (REPLACE, "unicodePwd", [quoted("Good-enough-1")]))
    change = [(DELETE, "unicodePwd", [quoted("wrong")]), (ADD, "unicodePwd", [quoted("Good-enough-2")])]
    assert modify(client, *change) == 19
    change[0] = (DELETE, "unicodePwd", [quoted("Good-enough-1")])
    assert modify(client, *change) == 0
    assert server.store.passwords[parse_dn(SCAN)] == "Good-enough-2"


# --- sign-in and transport --------------------------------------------------------------------------------------------


def test_a_simple_bind_without_tls_is_refused(server: StrictLdap, opened: Opened) -> None:
    client = opened(server, "ldap", start_tls=False)
    assert (code(client), client.result["message"][:8]) == (8, "00002028")
    assert [operation.secure for operation in server.operations("bind")] == [False]


@pytest.mark.parametrize("listener", ["ldap", "ldaps", "gc", "gcs"])
@pytest.mark.parametrize("user", [ADMINISTRATOR, ADMINISTRATOR_DN, "CORP\\Administrator"])
def test_every_form_of_name_signs_in_over_tls(server: StrictLdap, listener: str, user: str, opened: Opened) -> None:
    assert opened(server, listener, user=user).bound


def test_refused_sign_ins_tell_why(server: StrictLdap, opened: Opened) -> None:
    administrator = opened(server)
    modify(administrator, (REPLACE, "unicodePwd", [quoted("Good-enough-1")]))
    user = "scan@contoso.example"

    def reason(password: str = "Good-enough-1", name: str = user) -> str:
        client = opened(server, user=name, password=password)
        assert code(client) == 49
        return str(client.result["message"]).partition("data ")[2].partition(",")[0]

    assert reason() == "533"
    modify(administrator, (REPLACE, "userAccountControl", ["512"]), (REPLACE, "pwdLastSet", ["0"]))
    assert reason() == "773"
    modify(administrator, (REPLACE, "lockoutTime", ["133"]))
    assert reason() == "775"
    assert reason("wrong") == "52e"
    assert reason(name="nobody@contoso.example") == "52e"


def test_nothing_but_the_root_is_read_before_signing_in(server: StrictLdap, opened: Opened) -> None:
    client = opened(server, user=None, password=None)
    client.search("", "(objectClass=*)", ldap3.BASE, attributes=["defaultNamingContext", "dnsHostName"])
    assert client.response[0]["raw_attributes"]["defaultNamingContext"] == [BASE_DN.encode()]
    client.search(BASE_DN, "(cn=Scan)")
    assert (code(client), client.result["message"][:8]) == (1, "000004DC")


def test_a_wrong_authority_is_noticed(server: StrictLdap, tmp_path: Path, opened: Opened) -> None:
    server.authority_path = CertificateAuthority(tmp_path).ca_path
    with pytest.raises(LDAPException, match="CERTIFICATE_VERIFY_FAILED"):
        opened(server)


def test_garbage_ends_the_connection_only(server: StrictLdap, opened: Opened) -> None:
    with socket.create_connection((server.address, server.ports["ldap"])) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n" + b"\x00" * 200)
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(10) == b""
    assert opened(server).bound


# --- search -----------------------------------------------------------------------------------------------------------


def fill(server: StrictLdap, count: int) -> None:
    for number in range(count):
        server.store.add(f"CN=user{number:04d},{USERS}", {"objectClass": [b"contact"]}, secure=True)


def test_a_thousand_objects_is_the_limit_without_paging(server: StrictLdap, opened: Opened) -> None:
    fill(server, 1001)
    client = opened(server)
    client.search(BASE_DN, "(objectClass=contact)")
    assert code(client) == 4
    assert len([each for each in client.response if each["type"] == "searchResEntry"]) == 1000
    client.search(BASE_DN, "(objectClass=contact)", size_limit=10)
    assert (code(client), len(client.response)) == (4, 12)


def test_pages_are_complete_and_no_larger_than_the_limit(server: StrictLdap, opened: Opened) -> None:
    fill(server, 2300)
    client = opened(server)
    found = client.extend.standard.paged_search(BASE_DN, "(objectClass=contact)", paged_size=5000, generator=False)
    names = {each["dn"] for each in found if each["type"] == "searchResEntry"}
    assert len(names) == 2300
    assert len(server.operations("search")) == 3
    control = [("1.2.840.113556.1.4.319", True, ber.sequence(ber.integer(10), ber.octets(b"stale")))]
    client.search(BASE_DN, "(objectClass=contact)", controls=control)
    assert code(client) == 53


def test_long_lists_come_in_ranges(server: StrictLdap, opened: Opened) -> None:
    members = [f"CN=m{number},{USERS}".encode() for number in range(3200)]
    server.store.add(f"CN=Alle,{USERS}", {"objectClass": [b"group"], "member": members}, secure=True)
    client = opened(server, auto_range=False, return_empty_attributes=False)
    client.search(f"CN=Alle,{USERS}", "(objectClass=*)", ldap3.BASE, attributes=["member"])
    raw = client.response[0]["raw_attributes"]
    assert [name for name in raw if name.startswith("member")] == ["member;range=0-1499"]
    client.search(f"CN=Alle,{USERS}", "(objectClass=*)", ldap3.BASE, attributes=["member;range=3000-*"])
    assert len(client.response[0]["raw_attributes"]["member;range=3000-*"]) == 200
    complete = opened(server)
    complete.search(f"CN=Alle,{USERS}", "(objectClass=*)", ldap3.BASE, attributes=["member"])
    assert complete.response[0]["raw_attributes"]["member"] == members


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(proxyAddresses=SMTP:SCAN@contoso.example)", True),
        ("(|(mail=nobody)(&(objectCategory=person)(sAMAccountName=scan)))", True),
        ("(!(cn=Scan))", False),
        ("(mail=scan@*)", True),
        ("(mail=*@contoso.example)", True),
        ("(mail=s*n@*oso*)", True),
        ("(mail=*)", True),
        ("(anr=sca)", True),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", True),
        ("(userAccountControl:1.2.840.113556.1.4.803:=1)", False),
        ("(userAccountControl>=546)", True),
        ("(unknownAttribute=x)", False),
        ("(!(unknownAttribute=x))", False),
        ("(objectCategory=group)", False),
        ("(displayName=Scan \\28S\\c3\\bcd\\29)", True),
    ],
)
def test_filters(server: StrictLdap, text: str, found: bool, opened: Opened) -> None:
    client = opened(server)
    change = (REPLACE, "displayName", ["Scan (Süd)"])
    assert modify(client, (REPLACE, "proxyAddresses", ["smtp:scan@contoso.example"]), change) == 0
    client.search(SCAN, text, ldap3.BASE, attributes=["cn"])
    assert bool(client.response) is found


def test_an_object_is_found_by_its_guid(server: StrictLdap, opened: Opened) -> None:
    raw = server.store.find(SCAN).values["objectguid"][0]
    client = opened(server)
    escaped = "".join(f"\\{byte:02x}" for byte in raw)
    client.search(BASE_DN, f"(objectGUID={escaped})", attributes=["cn"])
    assert client.response[0]["dn"] == SCAN
    client.search(f"<GUID={uuid.UUID(bytes_le=raw)}>", "(objectClass=*)", ldap3.BASE)
    assert client.response[0]["dn"] == SCAN


def test_the_schema_tells_which_attributes_there_are(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    schema = f"CN=Schema,CN=Configuration,{BASE_DN}"
    for name, expected in (("mailNickname", 1), ("msExchNoSuchThing", 0)):
        client.search(schema, f"(lDAPDisplayName={name})", ldap3.LEVEL, attributes=["cn"])
        assert len(client.response) == expected


# --- the forest -------------------------------------------------------------------------------------------------------


def test_another_domain_is_reached_by_the_global_catalog_only(server: StrictLdap, opened: Opened) -> None:
    far = f"CN=Far,CN=Users,{CHILD}"
    server.store.add(far, attributes("far", mail="far@contoso.example", department="Versand"), secure=True)
    client = opened(server)
    client.search(BASE_DN, "(mail=far@contoso.example)")
    assert [each["type"] for each in client.response] == ["searchResRef", "searchResRef"]
    plain = opened(server, auto_referrals=False)
    plain.search(CHILD, "(mail=*)")
    assert code(plain) == 10
    assert plain.result["referrals"] == [f"ldap://emea.corp.contoso.example/{CHILD}"]
    plain.modify(far, {"sn": [(REPLACE, ["x"])]})
    assert code(plain) == 10
    for listener in ("gc", "gcs"):
        catalog = opened(server, listener)
        catalog.search("", "(mail=far@contoso.example)", attributes=["mail", "department"])
        assert [each["dn"] for each in catalog.response] == [far]
        assert catalog.response[0]["raw_attributes"]["department"] == []
        catalog.modify(far, {"sn": [(REPLACE, ["x"])]})
        assert code(catalog) == 53


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("effect", "expected"), [("busy", 51), ("unavailable", 52)])
def test_the_server_is_busy_when_told_so(server: StrictLdap, effect: str, expected: int, opened: Opened) -> None:
    client = opened(server)
    fault = server.fail("modify", effect, skip=1, times=2)
    assert [modify(client, (REPLACE, "sn", [text])) for text in "abcd"] == [0, expected, expected, 0]
    assert fault.fired == 2
    assert [operation.code for operation in server.operations("modify")] == [0, expected, expected, 0]


@pytest.mark.parametrize(("effect", "done"), [("disconnect_before", False), ("disconnect_after", True)])
def test_the_connection_is_cut_before_or_after_a_write(
    server: StrictLdap, effect: str, done: bool, opened: Opened
) -> None:
    client = opened(server)
    server.fail("modify", effect)
    with pytest.raises(LDAPException):
        modify(client, (REPLACE, "sn", ["x"]))
    assert server.operations("modify")[0].code is None
    assert bool(values_of(opened(server), SCAN, "sn")) is done


def test_idle_connections_can_be_cut(server: StrictLdap, opened: Opened) -> None:
    client = opened(server)
    server.disconnect_all()
    with pytest.raises(LDAPException):
        client.search(SCAN, "(objectClass=*)", ldap3.BASE)
    assert opened(server).bound


def test_an_unknown_effect_is_a_mistake_of_the_test(server: StrictLdap) -> None:
    with pytest.raises(ValueError, match="unknown effect"):
        server.fail("modify", "explode")


def test_the_journal_tells_what_was_asked(server: StrictLdap, opened: Opened) -> None:
    client = opened(server, "ldap")
    text = "(&(mail=a*b*c)(!(cn=x\\2ay))(userAccountControl:1.2.840.113556.1.4.803:=2)(sn=*)(sn=*z))"
    client.search(BASE_DN, text, attributes=["cn"], paged_size=7)
    assert [operation.kind for operation in server.journal] == ["extended", "bind", "search"]
    assert server.journal[-1].detail == {"filter": text, "scope": 2, "attributes": ["cn"], "page": 7}
    assert (server.journal[-1].listener, server.journal[-1].secure) == ("ldap", True)


# --- the encoding -----------------------------------------------------------------------------------------------------


@given(st.integers(min_value=-(2**40), max_value=2**40))
def test_integers_survive_the_encoding(number: int) -> None:
    encoded = ber.integer(number)
    assert ber.decode(encoded)[0].number == number
    assert len(encoded) == 2 + max(1, (number if number >= 0 else -number - 1).bit_length() // 8 + 1)


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_sequences_survive_the_encoding(values: list[bytes]) -> None:
    encoded = ber.sequence(*map(ber.octets, values))
    assert ber.extent(encoded) == len(encoded)
    assert [child.content for child in ber.decode(encoded)[0].children] == values
    for length in range(len(encoded)):
        with pytest.raises(ber.BerError):
            ber.decode(encoded[:length])
