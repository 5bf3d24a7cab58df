# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage on which the onboarding job is played: tenant, real Active Directory, ansible-playbook, and eyes outside."""

from __future__ import annotations

import base64
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap3
import yaml
from ldap_gate import LdapGate
from onboarding_play import COLLECTIONS, Play, Played
from requests import Session

from lab.directory import BASE_DN, Samba, connection, search
from lab.state import User
from lab.world import World

PLAYBOOK = "m365.hybrid.onboarding"
UNIT = f"OU=Funktionspostfächer,OU=Contoso,{BASE_DN}"
OTHER_UNIT = f"OU=Altbestand,OU=Contoso,{BASE_DN}"
EXCHANGE_ONLINE = "EXCHANGESTANDARD"
# In place of a variable that the inventory does not have.
OMIT = object()
AUTOMATION = "m365.hybrid automation"
# What a directory changes by itself when somebody signs in.
_VOLATILE = {
    "lastlogon",
    "logoncount",
    "lastlogontimestamp",
    "badpwdcount",
    "badpasswordtime",
    "usnchanged",
    "whenchanged",
}
_OURS = "(|(objectCategory=person)(objectCategory=group)(objectCategory=organizationalUnit))"
# Starts a sync cycle, as an administrator's command would: argument 1 is the control's address, 2 the CA file.
SYNC_SCRIPT = """import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[2])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
opener.open(urllib.request.Request(sys.argv[1] + "/_lab/sync", b"{}"), timeout=60).read()
"""


def _carried(user: dict[str, Any]) -> list[str]:
    """The addresses of a user that belong into the directory."""
    addresses: list[str] = user["proxy_addresses"]
    return [one for one in addresses if not one.endswith("@contoso.onmicrosoft.example")]


@dataclass
class Stage:
    """One tenant with its directory; each test finds it in its first state."""

    world: World
    samba: Samba
    gate: LdapGate
    folder: Path
    service: dict[str, str]
    session: Session
    first: dict[str, Any] = field(default_factory=dict)
    first_users: set[str] = field(default_factory=set)
    count: int = 0

    # --- the first state ----------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Begin anew. The directory is reset as a whole only where more than new accounts has changed in it."""
        self.world.directory = None
        self.control("POST", "reset")
        self.world.directory = self.samba
        self.gate.clear()
        present = self.entries()
        if self.first:
            self.remove(*(dn for dn in present if dn not in self.first))
        if self.first and any(self.first[dn] != present.get(dn) for dn in self.first):
            self.samba.reset()
        self.first = self.first or present
        self.first_users = set(self.world.tenant.users)

    # --- looking and preparing from outside ---------------------------------------------------------------------------

    def control(self, method: str, path: str, content: Any = None) -> Any:
        """One request to the lab's control."""
        answer = self.session.request(method, f"{self.world.base_url}/_lab/{path}", json=content, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sync(self) -> dict[str, Any]:
        """Run one sync cycle and give its report."""
        report: dict[str, Any] = self.control("POST", "sync")
        return report

    def entries(self) -> dict[str, dict[str, list[str]]]:
        """Every object of the company, by distinguished name, without what a sign-in changes."""
        found = [entry for entry in search(self.samba, _OURS) if entry.dn.endswith(f"OU=Contoso,{BASE_DN}")]
        return {
            entry.dn: {
                name: sorted(value.hex() for value in values)
                for name, values in entry.attributes.items()
                if name.lower() not in _VOLATILE
            }
            for entry in found
        }

    def tenant_state(self) -> dict[str, Any]:
        """The tenant as the control shows it, without its clock."""
        state: dict[str, Any] = self.control("GET", "state")
        del state["clock"]
        return state

    def both_sides(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Tenant and directory as they are now, for comparing."""
        return self.tenant_state(), self.entries()

    def user(self, name: str) -> User:
        """The present user of a user principal name."""
        return next(user for user in self.world.tenant.users.values() if user.user_principal_name == name)

    def account(self, name: str) -> dict[str, list[bytes]] | None:
        """The attributes of the one account that has a user principal name, None if there is none."""
        found = search(self.samba, f"(userPrincipalName={name})")
        assert len(found) <= 1, f"{name} exists {len(found)} times"
        return dict(found[0].attributes) | {"dn": [found[0].dn.encode()]} if found else None

    def add(self, dn: str, classes: list[str], attributes: dict[str, Any]) -> None:
        """Put an object into the directory as somebody else would."""
        with connection(self.samba) as opened:
            opened.add(dn, classes, attributes)

    def change(self, dn: str, **values: list[Any]) -> None:
        """Replace attributes of an object of the directory."""
        with connection(self.samba) as opened:
            opened.modify(dn, {name: [(ldap3.MODIFY_REPLACE, held)] for name, held in values.items()})

    def move(self, name: str, unit: str) -> None:
        """Move the account of a user principal name to another unit."""
        account = self.account(name)
        assert account is not None
        dn = account["dn"][0].decode()
        with connection(self.samba) as opened:
            opened.modify_dn(dn, dn.partition(",")[0], new_superior=unit)

    def remove(self, *dns: str) -> None:
        """Take objects out of the directory, the deepest first."""
        if not dns:
            return
        with connection(self.samba) as opened:
            for dn in sorted(dns, key=len, reverse=True):
                opened.delete(dn)

    def requests(self) -> list[dict[str, Any]]:
        """The journal of the cloud, without the members of batches."""
        journal: list[dict[str, Any]] = self.control("GET", "requests")
        return [request for request in journal if not request["member"]]

    def writes(self) -> list[str]:
        """What was written on both sides since the last C(forget)."""
        cloud = [f"{one['method']} {one['path']}" for one in self.requests() if one["write"]]
        return cloud + self.gate.writes

    def forget(self) -> None:
        """Empty the journals and drop all faults."""
        self.control("DELETE", "requests")
        self.control("DELETE", "faults")
        self.gate.clear()

    def remember(self, *names: str) -> dict[str, dict[str, Any]]:
        """What must be the same afterwards, or can be told from it, by user principal name."""
        users = self.tenant_state()["users"].values()
        return {user["user_principal_name"]: user for user in users if user["user_principal_name"] in names}

    def assert_brought_over(self, before: dict[str, dict[str, Any]]) -> None:
        """See from outside that mailboxes came over whole: one user, one license, one account, all addresses.

        before: what C(remember) gave in the first state.
        """
        users, entries = self.tenant_state()["users"], self.entries()
        held = [value for entry in entries.values() for value in entry.get("proxyAddresses", [])]
        for name, was in before.items():
            now = users[was["id"]]
            assert now["user_principal_name"] == name
            assert now["mailbox"] == was["mailbox"] | {"type_details": "UserMailbox"}
            assert [one_license["sku_id"] for one_license in now["licenses"]] == [self.sku_id(EXCHANGE_ONLINE)]
            assert now["usage_location"] == "DE"
            # Everything is there, the same one is the primary, and the cloud's own address is kept as an alias.
            assert sorted(now["proxy_addresses"]) == sorted(was["proxy_addresses"])
            assert now["mail"] == was["mail"]
            assert now["mail_nickname"] == was["mail_nickname"]
            assert now["on_premises_sync_enabled"] is True
            assert now["on_premises_provisioning_errors"] == []
            self._assert_account(was, now)
            # No address stands twice in the directory.
            own = _carried(was)
            assert [held.count(value.encode().hex()) for value in own] == [1] * len(own)
        # Nobody was made besides, on either side.
        assert len(users) == len(self.first_users)
        assert len(entries) == len(self.first) + len(before)

    def _assert_account(self, was: dict[str, Any], now: dict[str, Any]) -> None:
        account = self.account(was["user_principal_name"])
        assert account is not None
        addresses = [value.decode() for value in account["proxyAddresses"]]
        assert sorted(addresses) == sorted(_carried(was))
        assert len([one for one in addresses if one.startswith("SMTP:")]) == 1
        assert account["mail"] == [was["mail"].encode()]
        assert account["mailNickname"] == [was["mail_nickname"].encode()]
        assert account["displayName"] == [was["display_name"].encode()]
        assert account["mS-DS-ConsistencyGuid"] == [uuid.UUID(was["id"]).bytes_le]
        assert now["on_premises_distinguished_name"].encode() == account["dn"][0]
        assert now["on_premises_immutable_id"] == base64.b64encode(uuid.UUID(was["id"]).bytes_le).decode()

    def sku_id(self, part_number: str) -> str:
        """The id of a SKU."""
        return next(sku.sku_id for sku in self.world.tenant.skus.values() if sku.part_number == part_number)

    # --- playing ------------------------------------------------------------------------------------------------------

    def connections(self) -> dict[str, dict[str, Any]]:
        """How to sign in, as the inventory declares it for a tenant."""
        application = next(one for one in self.world.tenant.applications.values() if one.display_name == AUTOMATION)
        url = self.world.base_url
        return {
            "m365_cloud": {
                "tenant_id": self.world.tenant.id,
                "client_id": application.app_id,
                "client_secret": application.credentials[0].secret,
                "endpoints": {"login": url, "graph": url, "exchange": url},
                "ca_path": str(self.world.ca_path),
            },
            "m365_directory": {
                "directory_server": f"{self.samba.address}:{self.gate.port}",
                "directory_global_catalog": self.samba.address,
                "directory_user": self.service["user"],
                "directory_password": self.service["password"],
                "directory_ca_path": str(self.world.ca_path),
                "directory_timeout": 10,
            },
        }

    def sync_command(self) -> list[str]:
        """A command that starts a sync cycle."""
        return [sys.executable, "-I", "-c", SYNC_SCRIPT, self.world.base_url, str(self.world.ca_path)]

    def inventory(self, mailboxes: list[Any], **variables: Any) -> Path:
        """Write the inventory of this tenant; C(variables) replace those of the role."""
        entries = [{"mailbox": one} if isinstance(one, str) else one for one in mailboxes]
        host = {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            **self.connections(),
            "onboarding_ou": UNIT,
            "onboarding_mailboxes": entries,
            "onboarding_sync_trigger": "command",
            "onboarding_sync_command": self.sync_command(),
            "onboarding_sync_timeout": 20,
            "onboarding_wait_timeout": 2,
            **variables,
        }
        host = {name: value for name, value in host.items() if value is not OMIT}
        self.count += 1
        path = self.folder / f"inventory-{self.count}.yml"
        path.write_text(yaml.safe_dump({"all": {"hosts": {"contoso": host}}}, allow_unicode=True), encoding="utf-8")
        return path

    def job(self, *mailboxes: str, **changes: Any) -> dict[str, Any]:
        """A job for the driver."""
        return {
            "mailboxes": list(mailboxes),
            "unit": UNIT,
            "license": EXCHANGE_ONLINE,
            "location": "DE",
            "patience": 0.5,
            "timeout": 10,
            "sync": {"url": f"{self.world.base_url}/_lab/sync", "ca_path": str(self.world.ca_path)},
            "collection": str(COLLECTIONS / "ansible_collections/m365/hybrid"),
            **self.connections(),
            **changes,
        }

    def start(self, inventory: Path, *options: str, playbook: str = PLAYBOOK) -> Play:
        """Start ansible-playbook."""
        return Play(self.folder, [playbook, "-i", str(inventory), *options])

    def play(self, mailboxes: list[Any], *options: str, playbook: str = PLAYBOOK, **variables: Any) -> Played:
        """Run the playbook to its end, with differences shown."""
        return self.start(self.inventory(mailboxes, **variables), "--diff", *options, playbook=playbook).end()
