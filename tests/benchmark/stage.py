# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs one playbook, as a user would, and measures what it took."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ground import Cloud

HERE = Path(__file__).resolve().parent
Task = dict[str, Any]


class Failed(Exception):
    """A playbook did not do what the benchmark expects of it, so its times mean nothing."""


@dataclass(frozen=True)
class Run:
    """What a playbook took.

    Arguments:
        seconds: from the beginning of the first task to the end of the last one, as the controller sees it.
        processor: seconds of the processor that ansible-playbook and its workers used, its start included.
        served: the same of the tenant's services and of the directory server.
        peak: megabytes that the largest process of Ansible had in memory.
        requests: to the cloud, signing in included.
        before: how many of them come before the first batch, one after the other: each needs what the last one says.
        answering: seconds from the arrival of each of them to its answer, the round trip included, all added up.
        load: the machine's load average of the last minute when the playbook began.
    """

    seconds: float
    processor: float
    served: tuple[float, float]
    peak: float
    requests: int
    before: int
    answering: float
    load: float


class Stage:
    """Where playbooks run: the tenant, the environment of Ansible, and a directory for their files."""

    def __init__(self, ground: Cloud, environment: Mapping[str, str], directory: Path) -> None:
        self.ground = ground
        self.directory = directory
        self.times = directory / "times.jsonl"
        self.inventory = directory / "inventory.json"
        self.environment = {
            **environment,
            **ground.environment,
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_STDOUT_CALLBACK": "timing",
            "M365_BENCHMARK_TIMES": str(self.times),
        }
        directory.mkdir(parents=True, exist_ok=True)

    def know(self, **variables: Any) -> None:
        """Set the variables of the inventory's only host: the lists of objects are there, as a user keeps them."""
        host = {"ansible_connection": "local", **variables}
        self.inventory.write_text(json.dumps({"all": {"hosts": {"rehearsal": host}}}))

    def run(self, name: str, tasks: Sequence[Task], *, objects: int = 1, changes: bool = False) -> Run:
        """Run tasks as a playbook of their own.

        Arguments:
            objects: how many objects each task must report.
            changes: whether each task must report a change, or none.

        Raises:
            Failed: the tasks did something else.
        """
        playbook = self.directory / f"{name}.json"
        playbook.write_text(json.dumps([{"name": name, "hosts": "all", "gather_facts": False, "tasks": list(tasks)}]))
        self.times.write_text("")
        known = self.ground.last_request()
        before, load = self.ground.processor_seconds(), os.getloadavg()[0]
        used, status = self._spend(["ansible-playbook", "-i", str(self.inventory), str(playbook)], name)
        after = self.ground.processor_seconds()
        entries = self.ground.requests(known)
        lines = [json.loads(line) for line in self.times.read_text().splitlines()]
        wrong = [
            line for line in lines if (line["status"], line["changed"], line["objects"]) != ("ok", changes, objects)
        ]
        if status or wrong or len(lines) != len(tasks):
            reason = wrong[0] if wrong else f"status {status}, {len(lines)} of {len(tasks)} tasks"
            raise Failed(f"{name}: {reason}; see {self.directory / name}.log")
        return Run(
            seconds=lines[-1]["end"] - lines[0]["begin"] if lines else 0.0,
            processor=used.ru_utime + used.ru_stime,
            served=(after[0] - before[0], after[1] - before[1]),
            peak=used.ru_maxrss / 1024,
            requests=len(entries),
            before=next((at for at, one in enumerate(entries) if one["path"].endswith("/$batch")), 0),
            answering=sum(entry["ms"] or 0 for entry in entries) / 1000,
            load=load,
        )

    def _spend(self, command: Sequence[str], name: str) -> tuple[Any, int]:
        """Run a command; gives what it and its children used (getrusage(2)), and its exit status."""
        with (self.directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
            _number, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return used, process.returncode
