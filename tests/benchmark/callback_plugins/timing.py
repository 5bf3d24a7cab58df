# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes when each task of a play began and ended, by the clock that all processes of the machine share."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: timing
type: notification
short_description: Writes the times of all tasks into the file that M365_BENCHMARK_TIMES names
description: For the benchmark of the collection only.
"""


class CallbackModule(CallbackBase):
    """One line of JSON for each task: from the moment the task is begun until its result is back and shown."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "timing"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._begun = 0.0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._begun = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._note("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._note("failed", result)

    def _note(self, status: str, result: Any) -> None:
        end, answer = time.monotonic(), dict(result._result)
        line = {
            "begin": self._begun,
            "end": end,
            "status": status,
            "changed": bool(answer.get("changed")),
            "objects": len(answer.get("results", [None])),
            "said": str(answer.get("msg", ""))[:2000],
        }
        with open(os.environ["M365_BENCHMARK_TIMES"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
