# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of the role without ansible-playbook, each run in a process of its own that a test can kill.

C(run_role) mirrors C(roles/onboarding/tasks); test_driver.py proves that it makes the calls that the role makes. This
file is also the program that forks those processes: starting Python anew for each of them would cost half a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import traceback
import urllib.request
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

MODULES = "ansible_collections.m365.hybrid.plugins.modules"
# The pauses between two tries and two looks shrink to this, so that a fault costs no real waiting.
PAUSE = 0.03
PROVING_TRIES, TRIGGERED = 5, "sync"
Result = dict[str, Any]


def _call(job: Result, called: list[str], module: str, **arguments: Any) -> Result:
    """One task of a module, with the connection options that its action groups give it."""
    from ansible_collections.m365.hybrid.plugins.module_utils.core.entry import run_in_controller

    called.append(module)
    routes = yaml.safe_load((Path(job["collection"]) / "meta/runtime.yml").read_text())["action_groups"]
    given = {
        **(job["m365_cloud"] if module in routes["cloud"] else {}),
        **(job["m365_directory"] if module in routes["directory"] else {}),
        **arguments,
    }
    result = run_in_controller(import_module(f"{MODULES}.{module}"), given, False)
    if "results" not in result:
        raise RuntimeError(f"{module}: {result['msg']}")
    return result


def run_role(job: Result) -> Result:
    """Bring mailboxes over, as C(main.yml) and C(bring_over.yml) of the role do with its defaults.

    job: mailboxes (names), unit, license, location, patience, timeout, sync (url and ca_path), collection (its folder), m365_cloud,
    m365_directory. Gives the modules called, what was left alone and what stopped, by name and with the reason, and
    the ids of those not proved to be the same.
    """
    called: list[str] = []
    named = [{"mailbox": mailbox} for mailbox in job["mailboxes"]]
    options = {"license": job["license"], "usage_location": job["location"], "ou": job["unit"], "aggregate": named}
    found = _call(job, called, "mailbox_onboarding_info", **options)["results"]
    left = {one["mailbox"]: one.get("msg", "There is no such mailbox.") for one in found if not one.get("resource")}
    there = [one["resource"] for one in found if one.get("resource")]
    left |= {one["user_principal_name"]: " ".join(one["blockers"]) for one in there if one["stage"] == "blocked"}
    going = [one for one in there if one["stage"] in ("ready", "started")]
    stopped: dict[str, str] = {}
    unproven: list[str] = []
    if going:
        unproven = _bring_over(job, called, going, stopped)
    return {"called": called, "left_alone": left, "stopped": stopped, "unproven": unproven}


def _bring_over(job: Result, called: list[str], going: list[Result], stopped: dict[str, str]) -> list[str]:
    def step(module: str, name: str, only: Any = None, look: bool = False, **options: Any) -> list[Result]:
        on_their_way = [one for one in going if one["user_principal_name"] not in stopped]
        members = [one["steps"][name] for one in on_their_way if only is None or one[only]]
        results: list[Result] = _call(job, called, module, aggregate=members, **options)["results"]
        if not look:
            stopped.update({one.get("user") or one["mailbox"]: one["msg"] for one in results if one.get("error")})
        return results

    patience = {"wait_timeout": job["patience"]}
    step("entra_license", "license", exchange_ready=True, **patience)
    step("mailbox_type", "type", require_license=True, **patience)
    step("ad_user", "account", update_password="on_create", **patience)
    step("ad_proxyaddress", "addresses", only="account", align_mail=True, **patience)
    pending = step("directory_sync", "sync", look=True, wait_timeout=0)
    if any(not (one.get("resource") or {}).get("arrived") for one in pending):
        called.append(TRIGGERED)
        _start_cycle(**job["sync"])
    waited = step("directory_sync", "sync", wait_timeout=job["timeout"])
    late = {one["user"] for one in waited if one.get("error")}
    astray = [one["steps"]["verification"] for one in going if one["user_principal_name"] in late]
    if astray:
        _call(job, called, "mailbox_onboarding_info", aggregate=astray)
    for _unused in range(PROVING_TRIES):
        proof = step("mailbox_onboarding_info", "verification", look=True)
        unproven = [one["mailbox"] for one in proof if (one.get("resource") or {}).get("stage") != "done"]
        if not unproven:
            break
        called.pop()
        time.sleep(PAUSE)
    return unproven


def _start_cycle(url: str, ca_path: str) -> None:
    """Have the lab run a sync cycle, as the command of the role would."""
    context = ssl.create_default_context(cafile=ca_path)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(urllib.request.Request(url, b"{}"), timeout=60) as answer:  # noqa: S310 - always https
        answer.read()


# --- the program that forks ---------------------------------------------------------------------------------------------


def _hurry() -> None:
    """Import what every job needs, and shorten the pauses."""
    from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
    from ansible_collections.m365.hybrid.plugins.module_utils.core import waiting

    for name in ("requests", "msal", "ldap3", "cryptography.hazmat.primitives.ciphers.aead"):
        import_module(name)
    for name in (
        "mailbox_onboarding_info",
        "entra_license",
        "mailbox_type",
        "ad_user",
        "ad_proxyaddress",
        "directory_sync",
    ):
        import_module(f"{MODULES}.{name}")
    retry.FIRST_WAIT = retry.LONGEST_WAIT = waiting.FIRST_PAUSE = PAUSE


def _work(job: Result) -> None:
    """One job in a process of its own."""
    os.setsid()
    path = Path(job["result"])
    try:
        result = run_role(job)
    except Exception:  # noqa: BLE001 - whatever went wrong is the test's to judge
        result = {"crashed": traceback.format_exc()}
    path.with_suffix(".part").write_text(json.dumps(result))
    path.with_suffix(".part").rename(path)


def serve() -> None:
    """Fork a process for each job on standard input; answer with its id, and with C(ended) when it has."""
    _hurry()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _work(json.loads(line))
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)


class Driver:
    """The program, seen from a test. One job at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Driver:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_unused: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def start(self, job: Result) -> int:
        """Start a job; gives its process id."""
        assert self._process.stdin is not None
        self._result = self._folder / "driver-result.json"
        self._result.unlink(missing_ok=True)
        self._process.stdin.write(json.dumps({**job, "result": str(self._result)}) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def result(self) -> Result | None:
        """Wait for the end of the job; None when it was killed."""
        assert self._line() == "ended"
        found: Result | None = json.loads(self._result.read_text()) if self._result.exists() else None
        return found

    def run(self, job: Result) -> Result:
        """Run a job to its end."""
        self.start(job)
        result = self.result()
        assert result is not None
        return result

    def kill(self, process: int) -> None:
        """End a job as a power cut would; one that has ended by itself is left."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        assert self._line() == "ended"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


if __name__ == "__main__":
    serve()
