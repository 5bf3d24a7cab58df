# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts the tasks of a play, and ends the run before one of them."""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.callback import CallbackBase
from renewal_processes import end_tree

DOCUMENTATION = r"""
name: task_points
type: notification
short_description: Writes the names of the tasks into the file TASKS_LOG, and ends the run before that of the number TASKS_END_AT
description: For the tests of the collection only.
"""


class CallbackModule(CallbackBase):
    """One line for each task that begins, and one for the end of the play."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_points"
    CALLBACK_NEEDS_ENABLED = True

    def _point(self, name: str) -> None:
        if "TASKS_LOG" not in os.environ:
            return
        with open(os.environ["TASKS_LOG"], "a+", encoding="utf-8") as file:
            file.write(f"{name}\n")
            file.seek(0)
            number = len(file.readlines())
        if number == int(os.environ.get("TASKS_END_AT", "0")):
            end_tree(int(os.environ["RUN_ROOT"]))

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._point(task.name)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._point("the end")
