# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays as a user runs them, through ansible-playbook, and what can be seen of them meanwhile from outside."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from contract_runners import collections_path, import_path

PROGRAM = Path(sys.executable).with_name("ansible-playbook")
# An environment of its own keeps a task out of the controller, so that the ordinary module runs.
ELSEWHERE = {"environment": {"CONTRACT": "ordinary"}}
RECORDER = """
import json
import os
from ansible.plugins.callback import CallbackBase
DOCUMENTATION = "name: record\\ntype: aggregate\\nshort_description: results as JSON lines\\ndescription: [results]\\n"
class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    def v2_runner_on_ok(self, result, failed=False, **more):
        with open(os.environ["CONTRACT_RECORD"], "a") as file:
            shown = {**result._result, "failed": failed}
            print(json.dumps([result._task.get_name(), shown], default=str), file=file)
    def v2_runner_on_failed(self, result, **more):
        self.v2_runner_on_ok(result, failed=True)
"""
# A directory of the run in which tokens and arguments may lie for a moment is looked through this often, in seconds.
PERIOD = 0.004


@dataclass
class Seen:
    """What a watcher saw of the texts that it looked for: where each was found."""

    needles: dict[str, bytes]
    found: set[tuple[str, str]] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    processes: set[int] = field(default_factory=set)
    # What has been read already: path, time, size, and how much was looked for.
    read: set[tuple[str, int, int, int]] = field(default_factory=set)

    def look(self, where: str, content: bytes) -> None:
        """Look for every text in a content, in the spellings that JSON and URLs have for it."""
        for name, needle in self.needles.items():
            if needle in content:
                self.found.add((name, where))


@dataclass
class Played:
    """How a play went: C(results) are pairs of a task's name and its result."""

    status: int
    output: str
    results: list[tuple[str, dict[str, Any]]]

    def result(self, name: str) -> dict[str, Any]:
        """The result of a task."""
        return next(result for task, result in self.results if task == name)


@dataclass
class Stage:
    """A folder from which plays run: everything that Ansible writes goes below it."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("local", "remote", "home", "tmp", "callbacks"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "callbacks" / "record.py").write_text(RECORDER)

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of ansible-playbook, with nothing in it of how the tests themselves sign in."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "M365_"))}
        return {
            **own,
            "PYTHONPATH": import_path(),
            "ANSIBLE_COLLECTIONS_PATH": str(collections_path()),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
            "ANSIBLE_REMOTE_TMP": str(self.folder / "remote"),
            "TMPDIR": str(self.folder / "tmp"),
            "ANSIBLE_CALLBACK_PLUGINS": str(self.folder / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "CONTRACT_RECORD": str(self.folder / "record"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_NOCOLOR": "true",
            **more,
        }

    def play(
        self,
        tasks: Sequence[Mapping[str, Any]],
        *arguments: str,
        variables: Mapping[str, Any] | None = None,
        seen: Seen | None = None,
        **environment: str,
    ) -> Played:
        """Run tasks on localhost; C(variables) come in a file of their own, as from a vault."""
        book = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks)}]
        (self.folder / "book.yml").write_text(yaml.safe_dump(book, allow_unicode=True))
        (self.folder / "variables.json").write_text(json.dumps(variables or {}))
        (self.folder / "record").unlink(missing_ok=True)
        command = [str(PROGRAM), *arguments, "-e", f"@{self.folder}/variables.json", str(self.folder / "book.yml")]
        with (self.folder / "output").open("w+b") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment(**environment),
            )
            end = time.monotonic() + 120
            while process.poll() is None:
                assert time.monotonic() < end, "the play does not end"
                if seen is not None:
                    self._watch(process.pid, seen)
                time.sleep(PERIOD if seen is not None else 0.02)
            output.seek(0)
            said = output.read().decode()
        if seen is not None:
            self._search(seen)
            seen.look("output", said.encode())
        record = self.folder / "record"
        lines = record.read_text().splitlines() if record.exists() else []
        return Played(process.returncode, said, [tuple(json.loads(line)) for line in lines])

    def _watch(self, root: int, seen: Seen) -> None:
        """Look at the command lines and environments of all descendants, and at all files that are there now."""
        for process in _descendants(root):
            for what in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    seen.look(f"process {what}", Path(f"/proc/{process}/{what}").read_bytes())
                    seen.processes.add(process)
        self._search(seen)

    def _search(self, seen: Seen) -> None:
        for part in ("local", "remote", "home", "tmp"):
            for folder, _unused, names in os.walk(self.folder / part):
                for path in (Path(folder, name) for name in names):
                    with contextlib.suppress(OSError):
                        state = path.stat()
                        key = (str(path), state.st_mtime_ns, state.st_size, len(seen.needles))
                        if key not in seen.read:
                            seen.look(f"{part} file", path.read_bytes())
                            seen.files.add(str(path))
                            seen.read.add(key)


def _descendants(root: int) -> Iterator[int]:
    """A process and all below it."""
    waiting = [root]
    while waiting:
        process = waiting.pop()
        yield process
        with contextlib.suppress(OSError):
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())
