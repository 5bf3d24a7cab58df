# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the contract tests stand on: a served tenant and a real directory server, prepared and looked at from outside."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3
from requests import Session

from lab.control import as_json
from lab.directory import BASE_DN, Samba, connection
from lab.scenario import Scenario, escape_rdn
from lab.state import Application, Tenant, User
from lab.world import World

HERE = Path(__file__).resolve().parent
COLLECTION = HERE.parents[2]
CASES_OU = f"OU=Fälle,OU=Contoso,{BASE_DN}"
ONE, TWO = f"OU=Eins,{CASES_OU}", f"OU=Zwei,{CASES_OU}"
STOCK = f"OU=Bestand,OU=Contoso,{BASE_DN}"
SERVICE_ACCOUNT = "svc-ansible@corp.contoso.example"
SERVICE_PASSWORD = "Pruefung-Ansible-1!"
# What a sign-in changes by itself.
SIGN_IN_ATTRIBUTES = frozenset({"lastLogon", "lastLogonTimestamp", "logonCount", "badPwdCount", "badPasswordTime",
                                "uSNChanged", "whenChanged"})  # fmt: skip
Values = Mapping[str, Sequence[str | bytes]]


@dataclass
class Ground:
    """The tenant and the directory of one test process, and how to look at them from outside the collection."""

    world: World
    samba: Samba
    scenario: Scenario
    session: Session
    administrator: ldap3.Connection

    @property
    def tenant(self) -> Tenant:
        """The present tenant; a test may change it before it begins."""
        return self.world.tenant

    @property
    def application(self) -> Application:
        """The application that signs in."""
        return next(iter(self.tenant.applications.values()))

    @property
    def secret(self) -> str:
        """The client secret of that application."""
        secret: str = self.scenario.content["applications"][0]["secret"]
        return secret

    def cloud(self, **changes: Any) -> dict[str, Any]:
        """The options to sign in to the tenant, some of them changed."""
        url = self.world.base_url
        return {
            "tenant_id": self.tenant.id,
            "client_id": self.application.app_id,
            "client_secret": self.secret,
            "endpoints": {"login": url, "graph": url, "exchange": url, **self.mail()},
            "ca_path": str(self.world.ca_path),
            "request_timeout": 10,
            **changes,
        }

    def mail(self) -> dict[str, str]:
        """The mail servers of the tenant, by the names that the option endpoints has for them."""
        return {"smtp": self.world.smtp_server, "imap": self.world.imap_server}

    def directory(self, **changes: Any) -> dict[str, Any]:
        """The options to sign in to the directory as the service account, some of them changed."""
        return {
            "directory_server": self.samba.address,
            "directory_user": SERVICE_ACCOUNT,
            "directory_password": SERVICE_PASSWORD,
            "directory_ca_path": str(self.samba.authority_path),
            "directory_timeout": 10,
            **changes,
        }

    @property
    def sinks(self) -> Path:
        """The folder for the files of client secrets; it is empty at first."""
        return self.world.ca_path.parent / "sinks"

    def sinks_state(self) -> dict[str, str]:
        """The content of every file of a client secret."""
        return {path.name: path.read_text() for path in sorted(self.sinks.iterdir()) if path.is_file()}

    def begin(self) -> None:
        """The tenant as in the scenario, no faults, an empty journal, and no account where the cases work."""
        # A reset would bring back the directory as well, by a restart; the few accounts of a case are removed faster.
        self.world.directory = None
        self.control("POST", "reset")
        self.world.directory = self.samba
        shutil.rmtree(self.sinks, ignore_errors=True)
        self.sinks.mkdir()
        self.world.latency = 0.0
        self.administrator.search(CASES_OU, "(|(objectClass=user)(objectClass=contact)(objectClass=group))")
        for entry in [answer["dn"] for answer in self.administrator.response if answer["type"] == "searchResEntry"]:
            self.administrator.delete(entry)

    def control(self, method: str, path: str, content: Any = None) -> Any:
        """One request to the tenant's control; gives its JSON."""
        answer = self.session.request(method, f"{self.world.base_url}/_lab/{path}", json=content, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # The cloud

    def user(self, name: str) -> User:
        """A user of the tenant by the part of its user principal name before the @."""
        return next(one for one in self.tenant.users.values() if one.user_principal_name.partition("@")[0] == name)

    def cloud_state(self) -> Any:
        """Everything that the tenant holds, without its clock."""
        state = as_json(self.tenant)
        del state["clock"]
        return state

    def writes(self) -> list[str]:
        """The requests of the journal that write, in their order: method or cmdlet, and path."""
        return [f"{entry.cmdlet or entry.method} {entry.path}" for entry in self.world.journal.entries if entry.write]

    def requests(self, service: str | None = None) -> list[str]:
        """All requests of the journal, or those to one service."""
        return [
            f"{entry.cmdlet or entry.method} {entry.path}"
            for entry in self.world.journal.entries
            if service in (None, entry.service)
        ]

    def fault(self, kind: str, *, times: int | None = 1, match: Mapping[str, Any] | None = None, **effect: Any) -> None:
        """Let a fault meet the requests that match, the first one only unless C(times) says otherwise."""
        rule = {"match": dict(match or {}), "effect": {"kind": kind, **effect}}
        self.control("POST", "faults", [{**rule, "times": times} if times else rule])

    def fired(self) -> list[int]:
        """How often each rule has fired, in their order."""
        return [rule.fired for rule in self.world.faults.rules]

    # The directory

    def directory_state(self) -> dict[str, dict[str, list[bytes]]]:
        """Every object below the company's unit with all its attributes, but those that a sign-in changes."""
        self.administrator.search(f"OU=Contoso,{BASE_DN}", "(objectClass=*)", attributes=["*", "unicodePwd"])
        return {
            answer["dn"]: {
                name: sorted(values)
                for name, values in answer["raw_attributes"].items()
                if name not in SIGN_IN_ATTRIBUTES
            }
            for answer in self.administrator.response
            if answer["type"] == "searchResEntry"
        }

    def account(self, name: str) -> dict[str, list[str]] | None:
        """The account of a user principal name or sAMAccountName as the administrator sees it; values as text."""
        self.administrator.search(BASE_DN, f"(|(userPrincipalName={name})(sAMAccountName={name}))", attributes=["*"])
        found = [answer for answer in self.administrator.response if answer["type"] == "searchResEntry"]
        assert len(found) < 2, found
        if not found:
            return None
        raw = found[0]["raw_attributes"]
        return {"dn": [found[0]["dn"]]} | {
            name: [value.decode("utf-8", "backslashreplace") for value in values] for name, values in raw.items()
        }

    def add_account(self, name: str, attributes: Values | None = None, *, ou: str = ONE, upn: str | None = None) -> str:
        """Make a disabled account; gives its distinguished name."""
        dn = f"CN={escape_rdn(name)},{ou}"
        given: dict[str, Any] = {
            "sAMAccountName": name[:20],
            "userPrincipalName": upn or f"{name}@contoso.example",
            "userAccountControl": "514",
            **(attributes or {}),
        }
        self.administrator.add(dn, ["top", "person", "organizationalPerson", "user"], given)
        return dn

    def modify(self, dn: str, **values: Sequence[str | bytes]) -> None:
        """Replace attributes of an object; an empty list removes one."""
        changes = {name.replace("_", "-"): [(ldap3.MODIFY_REPLACE, list(held))] for name, held in values.items()}
        self.administrator.modify(dn, changes)

    def serial_of(self, dn: str) -> int:
        """The number of the last write to an object; the directory counts all its writes, so two in a row differ by one."""
        self.administrator.search(dn, "(objectClass=*)", "BASE", attributes=["uSNChanged"])
        return int(self.administrator.response[0]["raw_attributes"]["uSNChanged"][0])

    def add_twins(self, name: str) -> None:
        """Make two accounts that the same name means: one's user principal name is the other's sAMAccountName."""
        other = name.replace("@", "-2@")
        self.add_account(other, {"sAMAccountName": other[:7]}, upn=name)
        self.add_account(name, upn=other)

    def set_password(self, dn: str, password: str, *, enable: bool = True) -> None:
        """Give an account a password, and let it sign in."""
        changes: dict[str, Any] = {"unicodePwd": [(ldap3.MODIFY_REPLACE, [f'"{password}"'.encode("utf-16-le")])]}
        if enable:
            changes["userAccountControl"] = [(ldap3.MODIFY_REPLACE, ["512"])]
        self.administrator.modify(dn, changes)

    def signs_in(self, user: str, password: str) -> bool:
        """Whether a user can sign in to the directory with a password."""
        try:
            with connection(self.samba, user, password):
                return True
        except ldap3.core.exceptions.LDAPInvalidCredentialsResult:
            return False

    def sync(self) -> dict[str, Any]:
        """Run one cycle of the synchronization; gives its report."""
        report: dict[str, Any] = self.control("POST", "sync")
        return report
