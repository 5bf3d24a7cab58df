# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that shows its own changes late, and refuses two of them in quick succession."""

from __future__ import annotations

import pytest
from renewal_kills import after_grace, kill_at_each, points
from renewal_stage import Stage

# Seconds; shorter than in the service, where they are up to a minute.
SWITCHES = {"secret_propagation": 1.0, "graph_replica_lag": 0.6, "graph_credential_gap": 0.4}
# All of it is over by then.
LAG = 1.2


@pytest.fixture
def slow(stage: Stage) -> Stage:
    """The stage with all of that. What an undisturbed run comes to in a quick one is known before."""
    for scene in ("empty", "due", "over"):
        points(stage, scene, "requests", "role")
    stage.switches = SWITCHES
    return stage


@pytest.mark.parametrize("way", ["role", "playbook"])
def test_first_secret_renewal_and_removal(way: str, slow: Stage) -> None:
    for scene in ("empty", "due"):
        slow.enter(scene)
        slow.do(way)
        slow.assert_ended_right(LAG)
    after_grace(slow)


@pytest.mark.parametrize("scene", ["empty", "due", "over"])
def test_killed_at_some_requests(scene: str, slow: Stage) -> None:
    """A slow run comes to all the points of a quick one, and to more of them while it waits."""
    kill_at_each(slow, scene, "requests", "role", (3, 8), lag=LAG)
