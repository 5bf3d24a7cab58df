# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of ansible-playbook, and what its tasks returned."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.m365.hybrid.plugins.module_utils.core import entry

HERE = Path(__file__).resolve().parent
# Where Ansible finds the collection: the folder that holds ansible_collections.
COLLECTIONS = Path(entry.__file__).parents[6]


@dataclass
class Played:
    """How a play went: C(tasks) as the callback C(record) wrote them, C(totals) of the one host."""

    status: int
    output: str
    tasks: list[dict[str, Any]]
    totals: dict[str, int]

    def task(self, part: str) -> dict[str, Any]:
        """The last result of the task whose name contains a text."""
        found = [task for task in self.tasks if part in task["task"]]
        assert found, f"no task {part!r} in:\n{self.output}"
        result: dict[str, Any] = found[-1]["result"]
        return result

    def ran(self, part: str) -> bool:
        """Whether a task ran and was not skipped."""
        return any(part in task["task"] and task["status"] != "skipped" for task in self.tasks)

    def said(self, part: str) -> dict[str, str]:
        """What the items of a debug task said, by mailbox."""
        results = self.task(part).get("results", [])
        return {item["item"]["mailbox"]: str(item["msg"]) for item in results}

    def left_alone(self) -> dict[str, str]:
        """The reasons of preflight, by mailbox."""
        return self.said("Name the mailboxes that are left alone")

    def signs_in(self) -> dict[str, str]:
        """The statements on how users sign in, by mailbox."""
        return self.said("Say how each user signs in")

    def diffs(self) -> list[Any]:
        """The differences that the modules showed, in order."""
        return [part for task in self.tasks if task["result"].get("changed") for part in _listed(task["result"])]


def _listed(result: dict[str, Any]) -> list[Any]:
    found = result.get("diff") or []
    return found if isinstance(found, list) else [found]


class Play:
    """ansible-playbook in a process group of its own, in a folder that has everything it writes.

    arguments: those of ansible-playbook.
    """

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self._record = folder / f"record-{uuid.uuid4().hex}.jsonl"
        self._process = subprocess.Popen(
            [str(Path(sys.executable).with_name("ansible-playbook")), *arguments],
            env=_environment(folder / "home", self._record),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def end(self) -> Played:
        """Wait for the end."""
        output, _unused = self._process.communicate(timeout=180)
        text = self._record.read_text(encoding="utf-8") if self._record.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        totals = next((line["totals"] for line in lines if "totals" in line), {})
        return Played(self._process.returncode, output, [line for line in lines if "task" in line], totals)

    def kill_when(self, condition: Callable[[], bool]) -> None:
        """End the whole process group as soon as something has happened; it must not end before that."""
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end
            assert self._process.poll() is None, self._process.communicate()[0]
            time.sleep(0.01)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def _environment(home: Path, record: Path) -> dict[str, str]:
    """The environment of ansible-playbook: nothing of the caller's but what finds programs."""
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ANSIBLE_HOME": str(home / ".ansible"),
        # Ansible would take the home of the account, whatever HOME says.
        "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
        "ANSIBLE_REMOTE_TMP": str(home / "remote"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "record",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "RECORD_FILE": str(record),
    }
