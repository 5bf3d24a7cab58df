# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of the role smime_trust without ansible-playbook, for the tests where many runs are needed.

test_smime_interrupted.py proves that they come to the requests that the role comes to. Each run is a process of its own,
forked from one that has imported everything.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
from ansible_collections.m365.hybrid.plugins.module_utils.core import waiting
from ansible_collections.m365.hybrid.plugins.module_utils.core.entry import run_in_controller

MODULES = "ansible_collections.m365.hybrid.plugins.modules"
NAMES = ("smime_certificate_check", "smime_trust", "smime_trust_info")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([f"{MODULES}.{name}" for name in NAMES] + ["requests", "msal", "cryptography.x509"])
# The pauses between two tries and two looks shrink to this, so that a fault costs no real waiting.
PAUSE = 0.02


Step = tuple[str, dict[str, Any]]


def steps(authorities: str, samples: str) -> list[Step]:
    """The modules that C(main.yml) calls where no synchronization is asked for, with their options."""
    return [
        ("smime_certificate_check", {"source": samples, "trust": [authorities]}),
        ("smime_trust", {"certificates": {"set": [authorities]}, "wait_timeout": 0.2}),
        ("smime_trust_info", {}),
        ("smime_certificate_check", {"source": samples}),
    ]


def start(cloud: dict[str, Any], wanted: list[Step], result: Path) -> BaseProcess:
    """Begin a run.

    Arguments:
        wanted: the modules, called one after the other until one fails or finds that something is not trusted.
        result: the file that gets their results and how long each took; it is not there when the run was ended.
    """
    result.unlink(missing_ok=True)
    process = FORKS.Process(target=_work, args=(cloud, wanted, str(result)))
    process.start()
    return process


def _work(cloud: dict[str, Any], wanted: list[Step], path: str) -> None:
    retry.FIRST_WAIT = retry.LONGEST_WAIT = waiting.FIRST_PAUSE = PAUSE
    results: list[dict[str, Any]] = []
    for name, options in wanted:
        begun = time.monotonic()
        found = run_in_controller(import_module(f"{MODULES}.{name}"), {**cloud, **options}, False)
        results.append(found | {"seconds": time.monotonic() - begun})
        if problems(results):
            break
    Path(path).write_text(json.dumps(results), encoding="utf-8")


def problems(results: list[dict[str, Any]]) -> list[str]:
    """What went wrong, or is not trusted, at the last step."""
    last = results[-1]
    resource = last.get("resource")
    return [last["msg"]] if last.get("failed") else resource.get("untrusted", []) if isinstance(resource, dict) else []
