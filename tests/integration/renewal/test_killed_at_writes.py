# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ended by SIGKILL at each write below the directory of the sink: before and after each call that changes something."""

from __future__ import annotations

import pytest
from renewal_kills import kill_at_each, points
from renewal_stage import Stage


@pytest.mark.parametrize("share", [(0, 2), (1, 2)])
@pytest.mark.parametrize("scene", ["empty", "due"])
def test_killed_at_any_write(scene: str, share: tuple[int, int], stage: Stage) -> None:
    kill_at_each(stage, scene, "writes", "role", share, least=40)


def test_every_kind_of_write_is_met(stage: Stage) -> None:
    """A sink that wrote in another way would be ended at nothing."""
    met = {point.partition(" ")[2].partition(" ")[0] for point in points(stage, "empty", "writes", "role")}
    assert met == {"open", "write", "fsync", "replace", "unlink"}


def test_the_playbook_writes_as_its_steps_do(stage: Stage) -> None:
    assert len(points(stage, "empty", "writes", "playbook")) == len(points(stage, "empty", "writes", "role"))
