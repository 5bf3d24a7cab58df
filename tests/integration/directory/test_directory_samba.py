# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The LDAP client against a real Active Directory server, read back from outside the collection."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients.directory import (
    Directory,
    Modification,
    any_of,
    equals,
)
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError, WriteRefused
from ansible_collections.m365.hybrid.plugins.module_utils.domain import accounts
from ansible_collections.m365.hybrid.plugins.module_utils.domain.address_plan import modifications, plan
from ansible_collections.m365.hybrid.plugins.module_utils.domain.names import join_dn
from lab.directory import BASE_DN, FQDN, Samba, SeedEntry, search

Connect = Callable[..., Directory]
PASSWORD = "Ganz-Geheim-1!"
HELPER, HELPER_PASSWORD = "helper@corp.contoso.example", "Helper-Geheim-1!"
DELEGATED_USER = f"CN=Delegated user,OU=Delegated,{BASE_DN}"


def add_user(directory: Directory, unit: str, name: str, **attributes: Any) -> str:
    dn = join_dn(("CN", name), parent=unit)
    directory.add(
        dn,
        {
            "objectClass": list(accounts.USER_CLASSES),
            "sAMAccountName": os.urandom(6).hex(),
            "userAccountControl": accounts.NEW_DISABLED,
            **attributes,
        },
    )
    return dn


def outside(samba: Samba, dn: str) -> dict[str, list[bytes]]:
    """What another client sees."""
    (found,) = search(samba, equals("distinguishedName", dn))
    return dict(found.attributes)


def refusal(action: Callable[[], object]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        action()
    assert not caught.value.ambiguous
    return caught.value


def test_what_the_server_says_of_itself(directory: Directory) -> None:
    assert directory.domain == BASE_DN
    assert directory.configuration == f"CN=Configuration,{BASE_DN}"
    assert directory.schema == f"CN=Schema,CN=Configuration,{BASE_DN}"
    assert directory.host_name == FQDN
    assert directory.has_attribute("mailNickname")
    assert directory.has_attribute("MAILNICKNAME")
    assert not directory.has_attribute("msExchNoSuchThing")
    assert directory.warnings == []


def test_the_life_of_an_account(directory: Directory, samba: Samba, unit: str) -> None:
    dn = add_user(
        directory,
        unit,
        "M\u00fcller, J\u00fcrgen (Werk #2)",
        userPrincipalName="juergen.mueller@contoso.example",
        displayName="M\u00fcller, J\u00fcrgen",
        unicodePwd=accounts.encode_password(PASSWORD),
        userAccountControl=accounts.NEW_ENABLED,
        proxyAddresses=["SMTP:juergen.mueller@contoso.example", "smtp:jm@contoso.example"],
        description=[],
    )
    (entry,) = directory.find(
        equals("userPrincipalName", "JUERGEN.mueller@contoso.example"),
        ["displayName", "objectGUID", "proxyAddresses", "userAccountControl", "description"],
    )
    assert entry.text("displayname") == "M\u00fcller, J\u00fcrgen"
    assert entry.number("userAccountControl") == 512
    assert "description" not in entry.attributes
    assert entry.octets("objectGUID") == outside(samba, dn)["objectGUID"][0]
    assert directory.find(equals("objectGUID", entry.octets("objectGUID") or b""), ["cn"])[0].dn == entry.dn
    assert directory.accepts("juergen.mueller@contoso.example", PASSWORD)
    assert not directory.accepts("juergen.mueller@contoso.example", "Etwas-anderes-1!")

    current = entry.texts("proxyAddresses")
    goal = plan(current, primary="jm@contoso.example")
    steps = [Modification(operation, "proxyAddresses", values) for operation, values in modifications(current, goal)]
    directory.modify(dn, [*steps, Modification("replace", "mail", ["jm@contoso.example"])])
    seen = outside(samba, dn)
    assert sorted(seen["proxyAddresses"]) == [b"SMTP:jm@contoso.example", b"smtp:juergen.mueller@contoso.example"]
    assert seen["mail"] == [b"jm@contoso.example"]

    directory.modify(dn, [Modification("replace", "userAccountControl", ["514"]), Modification("replace", "mail")])
    assert "mail" not in outside(samba, dn)
    assert directory.accepts("juergen.mueller@contoso.example", PASSWORD), "disabled, but the password is right"
    directory.move(dn, "CN=Neuer Name", f"CN=Users,{BASE_DN}")
    moved = f"CN=Neuer Name,CN=Users,{BASE_DN}"
    assert outside(samba, moved)["objectGUID"] == [entry.octets("objectGUID")]
    directory.move(moved, "CN=Noch neuer")
    directory.delete(f"CN=Noch neuer,CN=Users,{BASE_DN}")
    assert directory.read(f"CN=Noch neuer,CN=Users,{BASE_DN}", ["cn"]) is None


def test_a_read_sees_the_write_before_it_from_any_thread(directory: Directory, unit: str) -> None:
    names = [f"Parallel {number}" for number in range(40)]
    barrier = threading.Barrier(8)

    def life(name: str) -> str | None:
        if name in names[:8]:
            barrier.wait(10)
        dn = add_user(directory, unit, name)
        directory.modify(dn, [Modification("replace", "displayName", [f"Anzeige {name}"])])
        found = directory.read(dn, ["displayName"])
        assert found is not None
        return found.text("displayName")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(life, names)) == [f"Anzeige {name}" for name in names]
    entries = directory.find("(objectClass=user)", ["displayName"], base=unit, scope="level")
    assert sorted(entry.text("displayName") or "" for entry in entries) == sorted(f"Anzeige {name}" for name in names)


def test_the_forest_is_searched_for_owners(directory: Directory, unit: str) -> None:
    dn = add_user(directory, unit, "Owner", proxyAddresses=["SMTP:Owned@contoso.example"])
    query = any_of([equals("proxyAddresses", "smtp:owned@CONTOSO.example"), equals("mail", "owned@contoso.example")])
    assert [entry.dn for entry in directory.find(query, ["proxyAddresses"], forest=True)] == [dn]
    assert directory.find(equals("proxyAddresses", "smtp:own*"), ["cn"], forest=True) == []


def test_a_refused_part_refuses_the_whole_change(directory: Directory, samba: Samba, unit: str) -> None:
    dn = add_user(directory, unit, "Atomic", proxyAddresses=["SMTP:a@contoso.example"])
    changes = [
        Modification("replace", "displayName", ["changed"]),
        Modification("delete", "proxyAddresses", ["smtp:gone@contoso.example"]),
    ]
    error = refusal(lambda: directory.modify(dn, changes))
    assert (error.code, error.status) == ("noSuchAttribute", 16)
    assert dn in str(error)
    assert "displayName" not in outside(samba, dn)


@pytest.mark.parametrize(
    ("attributes", "code", "meaning"),
    [
        ({"unicodePwd": [accounts.encode_password("kurz")]}, "constraintViolation", "password policy"),
        ({"displayName": ["x" * 300]}, "invalidAttributeSyntax", "form or the length"),
        ({"noSuchAttribute": ["x"]}, "noSuchAttribute", "schema has no such attribute"),
        ({"objectGUID": [bytes(16)]}, "constraintViolation", "only the server writes"),
        ({"userAccountControl": ["512", "514"]}, "attributeOrValueExists|constraintViolation", ""),
    ],
)
def test_refused_values_are_explained(
    directory: Directory, unit: str, attributes: dict[str, Any], code: str, meaning: str
) -> None:
    dn = add_user(directory, unit, "Values")
    changes = [Modification("replace", name, values) for name, values in attributes.items()]
    error = refusal(lambda: directory.modify(dn, changes))
    assert error.code in code.split("|")
    assert meaning in error.meaning
    assert "kurz" not in str(error)


def test_refused_places_and_names_are_explained(directory: Directory, unit: str) -> None:
    dn = add_user(directory, unit, "Taken")
    assert refusal(lambda: add_user(directory, unit, "Taken")).code == "entryAlreadyExists"
    nowhere = refusal(lambda: add_user(directory, f"OU=Nowhere,{BASE_DN}", "X"))
    assert nowhere.code == "noSuchObject"
    assert "should be created" in nowhere.meaning
    assert refusal(lambda: directory.find("(cn=*)", ["cn"], base=f"OU=Nowhere,{BASE_DN}")).code == "noSuchObject"
    assert refusal(lambda: directory.delete(f"CN=Nobody,{unit}")).code == "noSuchObject"
    assert refusal(lambda: directory.delete(unit)).code == "notAllowedOnNonLeaf"
    assert refusal(lambda: directory.delete("garbage")).code == "invalidDNSyntax"
    assert refusal(lambda: directory.find("(cn=x", ["cn"])).code == "badFilter"
    assert directory.read(dn, ["cn"]) is not None


def test_rights_are_known_before_a_write(connect: Connect, samba: Samba) -> None:
    helper = connect(directory_user=HELPER, directory_password=HELPER_PASSWORD)
    assert helper.writable_attributes(DELEGATED_USER) == {"proxyAddresses", "mail"}
    assert helper.creatable_classes(f"OU=Delegated,{BASE_DN}") == set()
    helper.modify(DELEGATED_USER, [Modification("replace", "mail", ["delegated@contoso.example"])])
    changes = [Modification("replace", "mail"), Modification("replace", "displayName", ["no"])]
    error = refusal(lambda: helper.modify(DELEGATED_USER, changes))
    assert (error.code, error.status) == ("insufficientAccessRights", 50)
    assert "Delegate" in error.advice
    assert outside(samba, DELEGATED_USER)["mail"] == [b"delegated@contoso.example"]
    assert {"user", "group"} <= connect().creatable_classes(f"OU=Delegated,{BASE_DN}")
    missing = refusal(lambda: helper.writable_attributes(f"CN=Nobody,{BASE_DN}"))
    assert missing.code == "noSuchObject"


def test_a_connection_that_may_only_read_refuses_every_write(connect: Connect, samba: Samba, unit: str) -> None:
    reader = connect(read_only=True)
    dn = f"CN=Never,{unit}"
    writes: list[Callable[[], None]] = [
        lambda: reader.add(dn, {"objectClass": ["user"]}),
        lambda: reader.modify(unit, [Modification("replace", "description", ["x"])]),
        lambda: reader.move(unit, "OU=Other"),
        lambda: reader.delete(unit),
    ]
    for write in writes:
        with pytest.raises(WriteRefused):
            write()
    assert reader.find("(objectClass=*)", ["ou"], base=unit)[0].dn == unit
    assert "description" not in outside(samba, unit)


@pytest.mark.parametrize("tls", ["ldaps", "starttls"])
@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"directory_password": "Falsches-Wort-9!"}, "invalidCredentials", "user name or the password is wrong"),
        ({"directory_user": "nobody@corp.contoso.example"}, "invalidCredentials", "user name or the password"),
        ({"directory_ca_path": None}, "certificateRefused", "authority is not trusted"),
        ({"directory_ca_path": "/no/such/file.pem"}, "badOption", "directory_ca_path: /no/such/file.pem"),
        ({"directory_ca_path": __file__}, "badOption", "no PEM certificate"),
        ({"directory_server": "no-such-host.contoso.example"}, "unreachable", "cannot be resolved"),
        ({"directory_server": "ldaps://dc1"}, "badOption", "is no server"),
        ({"directory_server": "dc1:99999"}, "badOption", "is no server"),
        ({"directory_server": ""}, "badOption", "is no server"),
        ({"directory_password": ""}, "badOption", "directory_password is empty"),
        ({"directory_user": None}, "badOption", "directory_user is empty"),
    ],
)
def test_a_connection_that_cannot_be_had_is_explained(
    connect: Connect, tls: str, changes: dict[str, Any], code: str, words: str
) -> None:
    error = refusal(lambda: connect(directory_tls=tls, **changes).domain)
    assert error.code == code
    assert words in str(error)
    assert "Falsches" not in str(error)
    assert error.advice


def test_a_port_where_nothing_listens_and_one_of_another_protocol(connect: Connect, samba: Samba) -> None:
    closed = refusal(lambda: connect(directory_server=f"{samba.address}:1").domain)
    assert "refused" in str(closed)
    mixed = refusal(lambda: connect(directory_server=f"{samba.address}:389").domain)
    assert mixed.code == "tlsFailed"
    assert "starttls" in mixed.advice


def test_the_certificate_is_checked_against_the_name_that_the_user_gave(
    connect: Connect, samba: Samba, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        return real(samba.address if host.endswith(".contoso.example") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert connect(directory_server=FQDN).domain == BASE_DN
    assert connect(directory_server=FQDN, directory_tls="starttls").domain == BASE_DN
    for tls in ("ldaps", "starttls"):
        error = refusal(lambda tls=tls: connect(directory_server="other.contoso.example", directory_tls=tls).domain)
        assert error.code == "certificateRefused"
        assert "for another name" in error.meaning
    unchecked = connect(
        directory_server="other.contoso.example", directory_validate_certs=False, directory_ca_path=None
    )
    assert unchecked.domain == BASE_DN
    assert unchecked.warnings == [
        "The certificate of other.contoso.example is not verified (directory_validate_certs is false)."
    ]


def test_sign_in_by_every_form_of_name(connect: Connect, samba: Samba) -> None:
    for name in ("Administrator@corp.contoso.example", "CORP\\Administrator", f"CN=Administrator,CN=Users,{BASE_DN}"):
        assert connect(directory_user=name).domain == BASE_DN


def test_account_states_that_forbid_a_sign_in_are_told_apart(connect: Connect, samba: Samba, unit: str) -> None:
    admin = connect()
    password = accounts.encode_password(PASSWORD)
    states = {
        "533": ("disabled", {"userAccountControl": 514}),
        "773": ("must be changed", {"userAccountControl": 512, "pwdLastSet": accounts.MUST_CHANGE}),
        "701": ("account has expired", {"userAccountControl": 512, "accountExpires": "132223104000000000"}),
    }
    for data, (words, attributes) in states.items():
        name = f"state{data}@corp.contoso.example"
        add_user(admin, unit, f"State {data}", userPrincipalName=name, unicodePwd=password, **attributes)
        error = refusal(lambda name=name: connect(directory_user=name, directory_password=PASSWORD).domain)
        assert error.code == "invalidCredentials"
        assert f"data {data}" in error.said
        assert words in error.meaning
        assert admin.accepts(name, PASSWORD)
        assert not admin.accepts(name, "Falsch-Falsch-1!")


def test_kerberos_without_its_package_says_what_to_install(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    error = refusal(lambda: connect(directory_sign_in="kerberos").domain)
    assert error.code == "missingPackage"
    assert "pip install gssapi" in error.advice


def test_more_than_a_page_comes_complete(connect: Connect, samba: Samba) -> None:
    directory = connect()
    unit = f"OU=Many,{BASE_DN}"
    seeded = [SeedEntry(unit, {"objectClass": ["organizationalUnit"]})]
    seeded += [SeedEntry(f"CN=Contact {n},{unit}", {"objectClass": ["contact"]}) for n in range(1250)]
    directory.close()
    samba.seed(seeded)
    entries = directory.find("(objectClass=contact)", ["cn"], base=unit)
    assert {entry.text("cn") for entry in entries} == {f"Contact {n}" for n in range(1250)}


def test_a_server_that_was_restarted_in_between_is_found_again(connect: Connect, samba: Samba, unit: str) -> None:
    directory = connect()
    dn = add_user(directory, unit, "Survivor")
    samba.stop()
    samba.start()
    assert directory.read(dn, ["cn"]) is not None
    samba.stop()
    samba.start()
    directory.modify(dn, [Modification("replace", "displayName", ["after a restart"])])
    assert outside(samba, dn)["displayName"] == [b"after a restart"]


def test_no_certificate_authority_of_the_system_is_needed(
    connect: Connect, options: dict[str, Any], tmp_path: Path
) -> None:
    bundle = tmp_path / "authorities.pem"
    bundle.write_text(Path(options["directory_ca_path"]).read_text())
    assert ssl.create_default_context(cafile=bundle).check_hostname
    assert connect(directory_ca_path=str(bundle)).domain == BASE_DN
