# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook, started quickly: a process that has imported it forks one for each run.

The fork runs the function that the program ansible-playbook consists of, with arguments and environment of its own;
starting Python and importing Ansible anew would take longer than the play. C(start_program) starts the program itself.
The same way runs the role without Ansible, see renewal_role.py. This file is also the process that forks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renewal_processes import alive, end_tree

HERE = Path(__file__).resolve().parent
# The folder that holds ansible_collections, as the caller has it on its path.
COLLECTIONS = next(Path(one) for one in sys.path if (Path(one) / "ansible_collections/m365/hybrid").is_dir())
PROGRAM = Path(sys.executable).with_name("ansible-playbook")


@dataclass
class Run:
    """One run of ansible-playbook. C(pid) is its first process; C(process) is set where that is a child of ours."""

    pid: int
    output_path: Path
    status_path: Path
    process: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return alive(self.pid)

    def kill(self) -> None:
        """End it with everything that it has started."""
        end_tree(self.pid)

    def wait(self, seconds: float = 120) -> int | None:
        """Its exit code; None when it was killed."""
        end = time.monotonic() + seconds
        while self.running():
            assert time.monotonic() < end, self.output
            time.sleep(0.005)
        if self.process:
            code = self.process.wait()
            return None if code < 0 else code
        return int(self.status_path.read_text()) if self.status_path.exists() else None

    @property
    def output(self) -> str:
        """What it wrote."""
        return self.output_path.read_text(encoding="utf-8")


def environment(folder: Path) -> dict[str, str]:
    """The environment of every run: nothing of the caller's but what finds programs."""
    home = folder / "home"
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
        "ANSIBLE_CALLBACKS_ENABLED": "task_points",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        # sitecustomize.py, which may end the run at a write, and what it imports.
        "PYTHONPATH": os.pathsep.join([str(HERE / "killing"), str(HERE)]),
    }


class Launcher:
    """The process that forks, seen from a test.

    Arguments:
        folder: everything that runs write goes there.
        kind: C(playbook), whose jobs are arguments of ansible-playbook, or C(role), whose jobs are for renewal_role.py.
    """

    def __init__(self, folder: Path, kind: str = "playbook") -> None:
        self._folder, self._kind = folder, kind
        self._environment = environment(folder)

    def __enter__(self) -> Launcher:
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._kind],
            env={**self._environment, "PYTHONPATH": f"{self._environment['PYTHONPATH']}{os.pathsep}{COLLECTIONS}"},
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_unused: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def start(self, arguments: Any, **variables: str) -> Run:
        """Start a run with more environment variables."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        output, status = self._paths()
        job = {"arguments": arguments, "variables": variables, "output": str(output), "status": str(status)}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return Run(int(self._process.stdout.readline()), output, status)

    def start_program(self, arguments: list[str], **variables: str) -> Run:
        """The same by the program itself."""
        output, status = self._paths()
        with output.open("w") as file:
            process = subprocess.Popen(
                [str(PROGRAM), *arguments],
                env={**self._environment, **variables},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Run(process.pid, output, status, process)

    def _paths(self) -> tuple[Path, Path]:
        name = uuid.uuid4().hex
        return self._folder / f"output-{name}", self._folder / f"status-{name}"


# --- the process that forks ---------------------------------------------------------------------------------------------


def _import(*names: str) -> None:
    from importlib import import_module

    for name in ("requests", "msal", "cryptography.hazmat.primitives.ciphers.aead", "smtplib", *names):
        import_module(name)


def _playbook(arguments: list[str]) -> int:
    """The program ansible-playbook."""
    from ansible.cli.playbook import PlaybookCLI

    sys.argv = ["ansible-playbook", *arguments]
    try:
        PlaybookCLI.cli_executor(sys.argv)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _role(job: dict[str, Any]) -> int:
    """The steps of the role; what they say goes to the output."""
    from renewal_role import run_role

    errors = run_role(job)
    print(*errors, sep="\n")
    return 2 if errors else 0


def _work(job: dict[str, Any], run: Callable[[Any], int]) -> None:
    """One run, in a process of its own."""
    import sitecustomize

    os.setsid()
    output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for handle, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(handle, target)
    os.environ.update({"RUN_ROOT": str(os.getpid()), **job["variables"]})
    sitecustomize.arm()
    try:
        status = run(job["arguments"])
    except Exception:  # noqa: BLE001 - whatever went wrong is the test's to judge
        traceback.print_exc()
        status = 250
    sys.stdout.flush()
    part = Path(job["status"] + ".part")
    part.write_text(str(status))
    part.rename(job["status"])


def serve(kind: str) -> None:
    """Fork a process for each job on standard input, and answer with its id."""
    if kind == "playbook":
        _import(
            "ansible.cli.playbook", "ansible.executor.playbook_executor", "ansible.plugins.strategy.linear", "ldap3"
        )
    else:
        _import("renewal_role")
    # Nobody waits for the runs; the system collects them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _work(json.loads(line), _playbook if kind == "playbook" else _role)
            finally:
                os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
