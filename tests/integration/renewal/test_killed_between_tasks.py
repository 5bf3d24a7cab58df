# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook, ended by SIGKILL between any two tasks, before the first and after the last."""

from __future__ import annotations

import pytest
from renewal_kills import kill_at_each
from renewal_stage import Stage


@pytest.mark.parametrize(("scene", "least"), [("empty", 11), ("due", 11), ("over", 7)])
def test_killed_between_tasks(scene: str, least: int, stage: Stage) -> None:
    kill_at_each(stage, scene, "tasks", "playbook", least=least, again="role")
