# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One real Active Directory server (Samba) for all tests of this folder; each test works below a unit of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients.directory import Directory
from lab.certificates import CertificateAuthority
from lab.directory import ADMINISTRATOR, BASE_DN, Delegation, Samba, SeedEntry, connection
from lab.loopback import DIRECTORY_PORTS, reserve

TEMPLATES = Path(__file__).resolve().parents[3] / ".work" / "cache" / "samba"
HELPER, HELPER_PASSWORD = "helper", "Helper-Geheim-1!"
DELEGATED = f"OU=Delegated,{BASE_DN}"
# The helper may write proxyAddresses and mail of users below the unit, and nothing else ([MS-ADTS] 5.1.3.2).
PROXY_ADDRESSES, MAIL, USER = (
    "bf967a06-0de6-11d0-a285-00aa003049e2",
    "bf967961-0de6-11d0-a285-00aa003049e2",
    "bf967aba-0de6-11d0-a285-00aa003049e2",
)
TREE_DELETE = ("1.2.840.113556.1.4.805", True, None)
Connect = Callable[..., Directory]


def right_to_write(attribute: str) -> str:
    """An SDDL entry that lets the account write an attribute (by schema GUID) of all users below the object."""
    return f"(OA;CIIO;RPWP;{attribute};{USER};{{sid}})"


@pytest.fixture(scope="session")
def samba(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samba]:
    """The running server, with an account that has been delegated little."""
    folder = tmp_path_factory.mktemp("directory")
    with reserve(ports=DIRECTORY_PORTS) as reservation:
        server = Samba(folder, reservation.address, CertificateAuthority(folder / "ca"), templates=TEMPLATES)
        server.seed(
            [
                SeedEntry(DELEGATED, {"objectClass": ["organizationalUnit"]}),
                SeedEntry(
                    f"CN=Helper,CN=Users,{BASE_DN}",
                    {"objectClass": ["user"], "sAMAccountName": [HELPER], "userAccountControl": ["512"]},
                    HELPER_PASSWORD,
                ),
                SeedEntry(
                    f"CN=Delegated user,{DELEGATED}",
                    {"objectClass": ["user"], "sAMAccountName": ["delegated"], "userAccountControl": ["514"]},
                ),
            ],
            [Delegation(DELEGATED, HELPER, (right_to_write(PROXY_ADDRESSES), right_to_write(MAIL)))],
        )
        with server:
            yield server


@pytest.fixture
def options(samba: Samba) -> dict[str, Any]:
    """The connection options of the administrator over LDAPS."""
    return {
        "directory_server": samba.address,
        "directory_tls": "ldaps",
        "directory_user": ADMINISTRATOR,
        "directory_password": samba.administrator_password,
        "directory_sign_in": "simple",
        "directory_ca_path": str(samba.authority_path),
        "directory_validate_certs": True,
        "directory_global_catalog": None,
        "directory_timeout": 20.0,
    }


@pytest.fixture
def connect(options: dict[str, Any]) -> Iterator[Connect]:
    """Make clients with some options changed; they are closed afterwards."""
    made: list[Directory] = []

    def make(read_only: bool = False, **changes: Any) -> Directory:
        made.append(Directory({**options, **changes}, read_only))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture(params=["ldaps", "starttls"])
def directory(request: pytest.FixtureRequest, connect: Connect) -> Directory:
    """A client, once over LDAPS and once over StartTLS."""
    return connect(directory_tls=request.param)


@pytest.fixture
def unit(samba: Samba) -> Iterator[str]:
    """An organizational unit of the test's own, made and removed from outside the collection."""
    dn = f"OU=Test {uuid.uuid4().hex[:8]},{BASE_DN}"
    with connection(samba) as opened:
        opened.add(dn, "organizationalUnit")
    yield dn
    with connection(samba) as opened:
        opened.delete(dn, controls=[TREE_DELETE])
