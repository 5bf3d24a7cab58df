# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The usual output, which also writes when each task began and ended.

It takes the place of the usual one: beside it, Ansible would prepare each result once more, and that of a task with a
thousand objects takes long enough to count.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = r"""
name: timing
type: stdout
short_description: Writes the times of all tasks into the file that M365_BENCHMARK_TIMES names
description: For the benchmark of the collection only.
extends_documentation_fragment:
  - default_callback
"""


class CallbackModule(Default):
    """One line of JSON for each task: from the moment the task is begun until its result is back and shown.

    The clock is the one that all processes of the machine share.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "timing"

    def __init__(self) -> None:
        super().__init__()
        self._begun = 0.0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        super().v2_playbook_on_task_start(task, is_conditional)
        self._begun = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        objects = _objects(result)
        super().v2_runner_on_ok(result)
        self._note("ok", objects, result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        objects = _objects(result)
        super().v2_runner_on_failed(result, ignore_errors)
        self._note("failed", objects, result)

    def _note(self, status: str, objects: int, result: Any) -> None:
        end, answer = time.monotonic(), result._result
        line = {
            "begin": self._begun,
            "end": end,
            "status": status,
            "changed": bool(answer.get("changed")),
            "objects": objects,
            "said": str(answer.get("msg", ""))[:2000],
        }
        with open(os.environ["M365_BENCHMARK_TIMES"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _objects(result: Any) -> int:
    """How many objects a task or a loop had; the usual output takes the items of a loop out of the result."""
    return len(result._result.get("results", [None]))
