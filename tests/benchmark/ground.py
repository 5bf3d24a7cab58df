# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmark stands on: a rehearsal tenant with many mailboxes, and as many accounts in its real directory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.__main__ import ask
from lab.directory import BASE_DN, Server, connection
from lab.generator import CONTOSO, DOMAIN, mailboxes
from lab.instance import Options, facts, start, stop

# Below a unit in which the rehearsal's service account may change users.
UNIT = f"OU=Benchmark,OU=Mitarbeiter,OU=Contoso,{BASE_DN}"
TYPES = {"UserMailbox": "user", "SharedMailbox": "shared", "RoomMailbox": "room", "EquipmentMailbox": "equipment"}
# Of a hundred generated mailboxes eighty belong to people, and only those have a license.
GENERATED_FOR_EACH = 1.3


@dataclass(frozen=True)
class Account:
    """One account in the directory: its user principal name and its addresses."""

    dn: str
    user: str
    primary: str
    alias: str


class Cloud:
    """A running tenant, and what it costs to serve it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.facts = facts(directory)

    @property
    def environment(self) -> dict[str, str]:
        """How the collection signs in to this tenant and its directory."""
        secrets = {name: Path(path).read_text() for name, path in self.facts["secret_files"].items()}
        return {**self.facts["environment"], **secrets}

    def users(self) -> list[dict[str, Any]]:
        """Everybody, as the tenant knows them."""
        return list(ask(self.facts, "/state?part=users").values())

    def round_trip(self, seconds: float) -> None:
        """Let every request to the cloud take at least so long."""
        ask(self.facts, "/latency", {"seconds": seconds})

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests to the cloud after the first C(since), without the members of batches."""
        return [entry for entry in ask(self.facts, f"/requests?since={since}") if not entry["member"]]

    def last_request(self) -> int:
        """The number of the last request."""
        return max((entry["index"] for entry in self.requests()), default=0)

    def processor_seconds(self) -> tuple[float, float]:
        """What the tenant's services and its directory server have used of the processor so far."""
        directory = self.facts.get("directory")
        return processor_seconds(self.facts["process"]), processor_seconds(directory["process"]) if directory else 0.0


class Ground(Cloud):
    """A tenant with mailboxes and licenses, and as many accounts in its directory."""

    def __init__(self, directory: Path, count: int) -> None:
        super().__init__(directory)
        users = self.users()
        held = [user for user in users if user["mailbox"]]
        licensed = [user for user in held if user["licenses"]]
        parts = {sku["sku_id"]: sku["part_number"] for sku in ask(self.facts, "/state?part=skus").values()}
        self.mailboxes = [
            {"mailbox": user["user_principal_name"], "type": TYPES[user["mailbox"]["type_details"]]}
            for user in held[-count:]
        ]
        self.licenses = [
            {
                "user": user["user_principal_name"],
                "usage_location": user["usage_location"],
                "licenses": {"set": [parts[held["sku_id"]] for held in user["licenses"]]},
            }
            for user in licensed[-count:]
        ]
        self.accounts = accounts(count)

    @property
    def server(self) -> Server:
        """The directory server as its administrator reaches it."""
        known = self.facts["directory"]
        password = Path(known["administrator_password_path"]).read_text(encoding="utf-8")
        return Server(known["server"], Path(known["ca_path"]), password)

    def addresses(self) -> dict[str, set[str]]:
        """The addresses of all seeded accounts by distinguished name, read from outside the collection."""
        with connection(self.server) as opened:
            found = opened.extend.standard.paged_search(
                UNIT, "(objectClass=user)", attributes=["proxyAddresses"], paged_size=1000, generator=False
            )
            return {entry["dn"]: set(entry["attributes"]["proxyAddresses"]) for entry in found}


def accounts(count: int) -> list[Account]:
    """The accounts that C(seed) makes, with the names and addresses of made-up mailboxes."""
    return [
        Account(
            f"CN=Benchmark {number:06d},{UNIT}",
            f"bench{number:06d}@{DOMAIN}",
            f"{made.local}.bench@{DOMAIN}",
            f"{made.local}.alias@{DOMAIN}",
        )
        for number, made in enumerate(mailboxes(count, seed=7))
    ]


def seed(server: Server, made: list[Account]) -> None:
    """Put disabled accounts without passwords into a unit of their own; a password would cost 33 ms for each."""
    with connection(server) as opened:
        opened.add(UNIT, ["organizationalUnit"])
        for number, account in enumerate(made):
            held = {
                "sAMAccountName": f"bench{number:06d}",
                "userPrincipalName": account.user,
                "userAccountControl": "514",
                "mail": account.primary,
                "proxyAddresses": [f"SMTP:{account.primary}", f"smtp:{account.alias}"],
            }
            opened.add(account.dn, ["top", "person", "organizationalPerson", "user"], held)


@contextmanager
def ground(directory: Path, templates: Path, count: int) -> Iterator[Ground]:
    """A tenant that lasts as long as the benchmark."""
    stop(directory)
    start(
        Options(
            directory=str(directory),
            scenario=str(CONTOSO),
            generate=int(count * GENERATED_FOR_EACH) + 10,
            templates=str(templates),
        )
    )
    try:
        made = Ground(directory, count)
        seed(made.server, made.accounts)
        yield made
    finally:
        stop(directory)


@contextmanager
def crowd(directory: Path, count: int) -> Iterator[Cloud]:
    """A tenant without a directory that has so many mailboxes, with permissions on them."""
    stop(directory)
    start(Options(directory=str(directory), scenario=str(CONTOSO), generate=count, samba=False))
    try:
        yield Cloud(directory)
    finally:
        stop(directory)


def processor_seconds(process: int) -> float:
    """What a process has used of the processor so far, its children not counted."""
    # pid (name) state ppid ..; utime and stime are the fields 14 and 15, the name may hold blanks (proc(5)).
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine(environment: Mapping[str, str]) -> str:
    """The machine and its software in one line."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    version = subprocess.run(
        ["ansible", "--version"], env=dict(environment), capture_output=True, text=True, check=True
    ).stdout.splitlines()
    core = version[0].partition("[")[2].rstrip("]")
    python = next(line.partition("=")[2].split()[0] for line in version if "python version" in line)
    return f"{len(os.sched_getaffinity(0))} x {names[0] if names else os.uname().machine}, {core}, Python {python}"
