# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many accounts by one query give what they give one by one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients.directory import Attributes, Directory, Entry
from ansible_collections.m365.hybrid.plugins.module_utils.clients.directory_accounts import (
    AMBIGUOUS,
    BAD_VALUE,
    TOGETHER,
    find_account,
    find_accounts,
)
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from lab.certificates import CertificateAuthority
from lab.directory import BASE_DN
from lab.strict_ldap import ADMINISTRATOR, PASSWORD, StrictLdap

COUNT = 2 * TOGETHER + 5


def user_dn(number: int) -> str:
    return f"CN=User {number},CN=Users,{BASE_DN}"


def upn(number: int) -> str:
    return f"user{number}@contoso.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrictLdap]:
    """A domain with many accounts, the last of which is called by its sAMAccountName as the first is by its UPN."""
    with StrictLdap(CertificateAuthority(tmp_path_factory.mktemp("authority"))) as running:
        for number in range(COUNT):
            account = {
                "objectClass": [b"user"],
                "sAMAccountName": [f"sam{number}".encode()],
                "userPrincipalName": [upn(number).encode()],
                "userAccountControl": [b"514"],
            }
            running.store.add(user_dn(number), account, secure=True)
        running.store.add(
            f"CN=Double,CN=Users,{BASE_DN}",
            {
                "objectClass": [b"user"],
                "sAMAccountName": [b"Double"],
                "userPrincipalName": [b"sam1"],
                "userAccountControl": [b"514"],
            },
            secure=True,
        )
        yield running


@pytest.fixture
def directory(server: StrictLdap) -> Iterator[Directory]:
    options = {
        "directory_server": f"127.0.0.1:{server.ports['ldaps']}",
        "directory_tls": "ldaps",
        "directory_user": ADMINISTRATOR,
        "directory_password": PASSWORD,
        "directory_sign_in": "simple",
        "directory_ca_path": str(server.authority_path),
        "directory_validate_certs": True,
        "directory_timeout": 10.0,
    }
    client = Directory(options, read_only=True)
    assert client.domain == BASE_DN
    yield client
    client.close()


@pytest.fixture
def searches(server: StrictLdap) -> Callable[[], int]:
    """Count the searches since the test began."""
    before = len(server.operations("search"))
    return lambda: len(server.operations("search")) - before


def dns(found: list[Any]) -> list[str | None]:
    return [entry.dn if isinstance(entry, Entry) else entry for entry in found]


def test_many_accounts_cost_few_queries(directory: Directory, searches: Callable[[], int]) -> None:
    found = find_accounts(directory, [upn(number) for number in range(COUNT)], ["description"])
    assert dns(found) == [user_dn(number) for number in range(COUNT)]
    assert searches() == 3


def test_each_way_of_naming_leads_to_the_account(directory: Directory, searches: Callable[[], int]) -> None:
    guid = guid_of(directory, 4)
    names = [upn(0).upper(), "SAM2", user_dn(3), guid, "{" + guid.upper() + "}", upn(0)]
    before = searches()
    assert dns(find_accounts(directory, names)) == [user_dn(number) for number in (0, 2, 3, 4, 4, 0)]
    assert searches() - before == 2  # one for all, and one for the distinguished name


def guid_of(directory: Directory, number: int) -> str:
    entry = find_account(directory, upn(number))
    assert entry is not None
    return str(uuid.UUID(bytes_le=entry.octets("objectGUID")))


def test_what_is_not_there_is_asked_for_alone(directory: Directory, searches: Callable[[], int]) -> None:
    found = find_accounts(directory, [upn(0), "nobody@contoso.example", upn(1), "nobody"])
    assert dns(found) == [user_dn(0), None, user_dn(1), None]
    assert searches() == 1 + 2


def test_one_name_of_several_accounts_does_not_stop_the_others(directory: Directory) -> None:
    found = find_accounts(directory, [upn(0), "sam1", "Double", upn(2)])
    assert dns([found[0], *found[2:]]) == [user_dn(0), f"CN=Double,CN=Users,{BASE_DN}", user_dn(2)]
    assert isinstance(found[1], ServiceError)
    assert (found[1].code, "sam1 names 2 accounts" in found[1].said) == (AMBIGUOUS, True)


def test_one_name_that_cannot_be_sent_does_not_stop_the_others(directory: Directory) -> None:
    found = find_accounts(directory, [upn(0), "half a pair \ud800", upn(1)])
    assert dns([found[0], found[2]]) == [user_dn(0), user_dn(1)]
    assert isinstance(found[1], ServiceError)
    assert found[1].code == BAD_VALUE


@pytest.mark.parametrize("names", [["sam1", "Double"], [upn(0), "nobody"], ["half a pair \ud800"], [user_dn(0)], []])
def test_together_and_one_by_one_are_the_same(directory: Directory, names: list[str]) -> None:
    def shown(found: list[Any]) -> list[Any]:
        return [str(one) if isinstance(one, ServiceError) else one for one in found]

    alone = [find_accounts(directory, [name])[0] for name in names]
    assert shown(find_accounts(directory, names)) == shown(alone)


def test_an_account_that_only_the_directory_takes_for_the_one_is_asked_for_alone() -> None:
    asked: list[str] = []

    class Lenient:
        """A directory that passes over accents, as Windows may."""

        def find(self, query: str, attributes: Any) -> list[Entry]:
            asked.append(query)
            return [Entry("CN=Müller", Attributes({"sAMAccountName": ["müller"], "objectGUID": [b"1" * 16]}))]

    found = find_accounts(Lenient(), ["muller", "müller"])  # type: ignore[arg-type]
    assert dns(found) == ["CN=Müller", "CN=Müller"]
    assert len(asked) == 2
    assert "müller" not in asked[1]


def test_a_directory_that_cannot_be_asked_is_no_answer(directory: Directory, server: StrictLdap) -> None:
    server.fail("search", "unavailable")
    with pytest.raises(ServiceError) as caught:
        find_accounts(directory, [upn(0), upn(1)])
    assert caught.value.code == "unavailable"
