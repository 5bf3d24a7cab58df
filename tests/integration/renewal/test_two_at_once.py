# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs on one application at the same moment, and a run beside what a killed one has left behind."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import pytest
from renewal_kills import named, points
from renewal_play import Run
from renewal_processes import go_on, stop_tree, tree, wait_for_end
from renewal_stage import Stage

REFUSED = "Another run, or another entry of this task, is working on the file"
SHARES = 2


def wait_for_strike(stage: Stage) -> None:
    """Wait until the run has come to its point."""
    end = time.monotonic() + 60
    while not stage.points.struck:
        assert time.monotonic() < end
        time.sleep(0.005)


def assert_done_or_refused(run: Run) -> bool:
    """A run ends well, or says in clear words why it did nothing; gives whether it was refused."""
    status = run.wait()
    assert status == 0 or (status == 2 and REFUSED in run.output), run.output
    return status == 2


@pytest.mark.parametrize("scene", ["empty", "due"])
def test_two_playbooks_at_once(scene: str, stage: Stage) -> None:
    stage.enter(scene)
    runs = [stage.start("program"), stage.start("program")]
    refused = [assert_done_or_refused(run) for run in runs]
    assert not all(refused)
    stage.assert_ended_right()


def stand_still(stopped: list[int], run: Run) -> bool:
    """Stop a run where it is, and remember its processes."""
    stopped += stop_tree(run.pid)
    return False


@pytest.mark.parametrize("share", range(SHARES))
def test_a_run_in_the_middle_of_another(share: int, stage: Stage) -> None:
    """One run stands still at each of its points while another one comes and ends; then it goes on."""
    all_points = points(stage, "due", "requests", "role")
    refused = []
    for number in range(1 + share, len(all_points) + 1, SHARES):
        stage.enter("due")
        stopped: list[int] = []
        stage.points.clear(number, partial(stand_still, stopped))
        with named(f"stood still at point {number} of {len(all_points)}, {all_points[number - 1]}"):
            first = stage.start("role")
            wait_for_strike(stage)
            refused.append(assert_done_or_refused(stage.start("role")))
            go_on(stopped)
            assert first.wait() == 0, first.output
            stage.assert_ended_right()
    assert any(refused)
    assert not all(refused)


@pytest.mark.parametrize("number", [2, 11, 12, 15, 21])
def test_only_the_first_process_is_killed(number: int, stage: Stage) -> None:
    """The workers of ansible-playbook outlive it, so one may still be at work when the next run begins."""
    stage.enter("due")
    left: list[int] = []

    def kill_first(run: Run) -> bool:
        left.extend(tree(run.pid)[1:])
        os.kill(run.pid, signal.SIGKILL)
        return False

    stage.points.clear(number, kill_first)
    first = stage.start("playbook")
    wait_for_strike(stage)
    assert first.wait() is None
    assert left
    assert_done_or_refused(stage.start("playbook"))
    for process in left:
        wait_for_end(process)
    stage.do("role")
    stage.assert_ended_right()
