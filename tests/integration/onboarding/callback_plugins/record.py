# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes what every task of a play returned as one JSON object a line, so that tests need not read it off the screen."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: record
type: notification
short_description: Writes the results of all tasks into the file that RECORD_FILE names
description: For the tests of the collection only.
"""


class CallbackModule(CallbackBase):
    """One line for each task, skipped and failed ones too, and one with the totals at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, **line: Any) -> None:
        with open(os.environ["RECORD_FILE"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def _note(self, status: str, result: Any) -> None:
        task = result._task
        self._write(task=task.name, action=task.action, status=status, result=dict(result._result))

    def v2_runner_on_ok(self, result: Any) -> None:
        self._note("ok", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._note("skipped", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._note("failed", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        for host in stats.processed:
            self._write(totals=stats.summarize(host))
