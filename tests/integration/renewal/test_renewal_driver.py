# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways of running do the same: the role by ansible-playbook, and its steps without it."""

from __future__ import annotations

import pytest
from renewal_stage import Stage


@pytest.mark.parametrize("scene", ["empty", "due", "renewed", "over"])
def test_both_ways_come_to_the_same_points(scene: str, stage: Stage) -> None:
    passed = {}
    for way in ("role", "playbook"):
        stage.enter(scene)
        stage.do(way)
        passed[way] = [point.replace(stage.world.tenant.id, "TENANT") for point in stage.points.passed]
    assert passed["role"] == passed["playbook"]
    if scene != "renewed":
        stage.assert_ended_right()
