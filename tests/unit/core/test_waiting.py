# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting: the budget, the pauses, and that there is always one look."""

from __future__ import annotations

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.core import progress
from ansible_collections.m365.hybrid.plugins.module_utils.core.waiting import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Deadline,
    wait_for,
)
from ansible_collections.m365.hybrid.tests.unit.core.fake_part import FakeClock


def test_the_first_look_may_be_enough(clock: FakeClock) -> None:
    assert wait_for(lambda: 7, lambda seen: seen == 7, Deadline(0, clock.clock)) == (True, 7)
    assert clock.pauses == []


def test_a_budget_of_zero_gives_one_look(clock: FakeClock) -> None:
    looks = iter(range(10))
    assert wait_for(lambda: next(looks), lambda seen: seen == 7, Deadline(0, clock.clock)) == (False, 0)
    assert next(looks) == 1


def test_it_looks_until_satisfied(clock: FakeClock) -> None:
    looks = iter(range(10))
    assert wait_for(lambda: next(looks), lambda seen: seen == 7, Deadline(300, clock.clock)) == (True, 7)
    assert len(clock.pauses) == 7


@pytest.mark.parametrize("budget", [0.001, 1.0, 60.0, 3600.0])
def test_the_budget_is_used_up_and_not_exceeded(clock: FakeClock, budget: float) -> None:
    arrived, _seen = wait_for(lambda: None, lambda _seen: False, Deadline(budget, clock.clock))
    assert not arrived
    assert budget <= clock.time <= budget + 0.02


def test_pauses_grow_to_a_limit(clock: FakeClock) -> None:
    wait_for(lambda: None, lambda _seen: False, Deadline(300, clock.clock))
    grown = clock.pauses[:-1]
    assert grown[0] == FIRST_PAUSE
    assert grown == sorted(grown)
    assert max(grown) == LONGEST_PAUSE


def test_the_last_look_comes_after_the_last_pause(clock: FakeClock) -> None:
    assert wait_for(lambda: clock.time, lambda now: now >= 60, Deadline(60, clock.clock))[0]
    deadline = Deadline(60, clock.clock)
    assert deadline.left == pytest.approx(60)
    clock.time += 61
    assert deadline.left < 0
    assert not deadline.pause()


def test_progress_is_said_when_the_number_changes_and_not_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(progress, "announce", said.append)
    count = progress.Arrivals(3)
    for done in (0, 0, 2, 3):
        count.update(done, 59.6)
    assert said == [
        "0 of 3 have arrived; waiting for the others up to 60 s more",
        "2 of 3 have arrived; waiting for the others up to 60 s more",
    ]
