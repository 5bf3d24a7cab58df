# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions on thousands of mailboxes: granting them, and reporting all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from ground import Cloud, crowd
from rows import FACTOR, ORDINARY, ROUND_TRIP, SAMPLE, Note, Row
from stage import Failed, Stage, Task

from lab.__main__ import ask

# One trustee of all mailboxes, and how many mailboxes are worked on at a time.
CONCURRENCY = 8
REPORT_CONCURRENCY = 16
# Every so many requests is put off by the service, and for how many seconds.
THROTTLED, RETRY_AFTER = 20, 0.5
# A report of all permissions: mailboxes, seconds and megabytes; and how much longer twice as many may take.
REPORTED, SECONDS, MEGABYTES, TWICE = 10_000, 120.0, 400.0, 2.2
# Mailboxes to a request, and how many requests more than those and the pages are allowed.
BATCH, SPARE, PAGE = 10, 1.05, 1000


class Access:
    """Measures permissions on tenants of its own; each row is handed to C(note) as soon as it is there."""

    def __init__(self, directory: Path, environment: Mapping[str, str], count: int, note: Note, compared: bool) -> None:
        self._directory, self._environment, self._count = directory, environment, count
        self._note, self._compared = note, compared
        self._size = REPORTED * count // 1000

    def measure(self) -> None:
        """Everything."""
        with crowd(self._directory / "lab-access", self._count) as cloud:
            self._granting(cloud)
        size = self._size
        small = self._reporting(size, self._compared)
        large = self._reporting(2 * size, False)
        self._note(
            Row(f"  {2 * size} mailboxes to {size}", large.run, large.seconds, small.seconds * TWICE, small.seconds)
        )

    def _granting(self, cloud: Cloud) -> None:
        stage = Stage(cloud, self._environment, self._directory / "plays")
        users = cloud.users()
        mailboxes = [user["user_principal_name"] for user in users if user["mailbox"]][-self._count :]
        trustee = next(user for user in users if user["mailbox"] and user["user_principal_name"] not in mailboxes)
        cloud.round_trip(ROUND_TRIP)
        stage.know(objects=mailboxes, trustee=trustee["user_principal_name"])
        granted = self._run(stage, "all to be granted", "add", CONCURRENCY, changes=True)
        self._prove(cloud, trustee["id"], len(mailboxes))
        for concurrency in (CONCURRENCY, 2 * CONCURRENCY):
            self._run(stage, "nothing to change", "add", concurrency)
        if self._compared:
            self._beside(stage, mailboxes, trustee["user_principal_name"], granted)
        stage.know(objects=mailboxes, trustee=trustee["user_principal_name"])
        self._run(stage, "all to be taken away", "remove", CONCURRENCY, changes=True)
        self._throttled(stage, granted)
        cloud.round_trip(0)

    def _run(self, stage: Stage, what: str, list_name: str, concurrency: int, changes: bool = False) -> Row:
        task = _many(list_name, concurrency)
        run = stage.run(f"access-{list_name}-{concurrency}-{changes}", [task], objects=self._count, changes=changes)
        needed = ROUND_TRIP * (run.before + math.ceil((run.requests - run.before) / concurrency))
        title = f"FullAccess on {self._count}, {what}, {concurrency} at a time"
        row = Row(title, run, run.seconds, needed * FACTOR, needed)
        self._note(row)
        return row

    def _throttled(self, stage: Stage, undisturbed: Row) -> None:
        match = {"service": "exchange", "every": THROTTLED}
        effect = {"kind": "status", "status": 429, "retry_after": RETRY_AFTER}
        ask(stage.ground.facts, "/faults", [{"match": match, "effect": effect}])
        run = stage.run("access-throttled", [_many("add", CONCURRENCY)], objects=self._count, changes=True)
        title = f"  the same granted, every {THROTTLED}th request put off"
        self._note(Row(title, run, run.seconds, undisturbed.seconds * FACTOR, undisturbed.seconds))

    def _beside(self, stage: Stage, mailboxes: list[str], trustee: str, ours: Row) -> None:
        """The ordinary module, and the requests themselves by C(ansible.builtin.uri), with nothing to change."""
        stage.know(objects=mailboxes[:SAMPLE], trustee=trustee)
        for name, task in (("the ordinary module", _looped()), ("ansible.builtin.uri", _by_uri(stage))):
            run = stage.run(f"access-beside-{name[-3:]}", [task], objects=SAMPLE)
            seconds = run.seconds / SAMPLE * self._count
            self._note(Row(f"  a loop of {name}, {SAMPLE} scaled", run, seconds, None, ours.seconds))

    def _prove(self, cloud: Cloud, trustee: str, count: int) -> None:
        held = ask(cloud.facts, "/state?part=exchange")["mailbox_grants"].values()
        found = [
            one for grants in held for one in grants if one["trustee"] == trustee and one["rights"] == ["FullAccess"]
        ]
        if len(found) != count or any(one["auto_mapping"] for one in found):
            raise Failed(f"{len(found)} of {count} mailboxes are open to the trustee")

    def _reporting(self, size: int, compared: bool) -> Row:
        with crowd(self._directory / "lab-report", size) as cloud:
            stage = Stage(cloud, self._environment, self._directory / "plays")
            mailboxes = [user["user_principal_name"] for user in cloud.users() if user["mailbox"]]
            total = len(mailboxes)
            cloud.round_trip(ROUND_TRIP)
            stage.know(objects=mailboxes[-SAMPLE:])
            task = {"name": "report", "m365.hybrid.mailbox_permission_info": {"concurrency": REPORT_CONCURRENCY}}
            run = stage.run(f"access-report-{size}", [task])
            # Mailboxes, recipients and who may send as them come in pages; and the run has to sign in.
            pages = 3 * (total // PAGE + 1) + 2
            title = f"all permissions of {total} mailboxes, both indexes"
            row = Row(title, run, run.seconds, SECONDS if size == REPORTED else None)
            self._note(row)
            self._note(Row("  its requests", run, run.requests, total / BATCH * SPARE + pages, unit=""))
            self._note(Row("  its memory, the largest process", run, run.peak, MEGABYTES, unit="MB"))
            if compared:
                self._one_by_one(stage, run.seconds, total)
        return row

    def _one_by_one(self, stage: Stage, ours: float, total: int) -> None:
        """The report by a task for each mailbox, and by the single reads of C(ansible.builtin.uri)."""
        for name, task in (("the ordinary module", _one_by_one()), ("ansible.builtin.uri", _by_uri(stage))):
            run = stage.run(f"access-report-{name[-3:]}", [task], objects=SAMPLE)
            self._note(Row(f"  a loop of {name}, {SAMPLE} scaled", run, run.seconds / SAMPLE * total, None, ours))


def _one_by_one() -> Task:
    options = {"mailbox": "{{ item }}"}
    return {"name": "report", "m365.hybrid.mailbox_permission_info": options, "loop": "{{ objects }}", **ORDINARY}


def _many(list_name: str, concurrency: int) -> Task:
    options = {
        "mailboxes": "{{ objects }}",
        "full_access": {list_name: ["{{ trustee }}"]},
        "auto_mapping": False,
        "concurrency": concurrency,
    }
    return {"name": "mailbox_permission", "m365.hybrid.mailbox_permission": options}


def _looped() -> Task:
    options = {"mailbox": "{{ item }}", "full_access": {"add": ["{{ trustee }}"]}, "auto_mapping": False}
    return {
        "name": "mailbox_permission",
        "m365.hybrid.mailbox_permission": options,
        "loop": "{{ objects }}",
        **ORDINARY,
    }


def _by_uri(stage: Stage) -> Task:
    """One read for each mailbox, which is the least that a playbook without a module has to send."""
    environment = stage.ground.environment
    tenant = environment["AZURE_TENANT_ID"]
    options = {
        "url": f"{stage.ground.facts['urls']['base']}/adminapi/beta/{tenant}/InvokeCommand",
        "method": "POST",
        "body_format": "json",
        "headers": {"Authorization": f"Bearer {_token(stage)}"},
        "body": {"CmdletInput": {"CmdletName": "Get-MailboxPermission", "Parameters": {"Identity": "{{ item }}"}}},
        "ca_path": environment["M365_CA_PATH"],
    }
    return {"name": "uri", "ansible.builtin.uri": options, "loop": "{{ objects }}"}


def _token(stage: Stage) -> str:
    """An access token, as a playbook without a module would get it first."""
    import requests

    environment = stage.ground.environment
    form = {
        "grant_type": "client_credentials",
        "client_id": environment["AZURE_CLIENT_ID"],
        "client_secret": environment["AZURE_CLIENT_SECRET"],
        "scope": "https://outlook.office365.com/.default",
    }
    url = f"{stage.ground.facts['urls']['base']}/{environment['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    answer = requests.post(url, data=form, verify=environment["M365_CA_PATH"], timeout=60)
    answer.raise_for_status()
    return str(answer.json()["access_token"])
