# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What long work says of itself, and that short work says nothing."""

from __future__ import annotations

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.core import progress
from ansible_collections.m365.hybrid.plugins.module_utils.core.progress import Progress

CHANGED, FAILED, SAME = {"changed": True}, {"changed": False, "failed": True}, {"changed": False}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(progress, "announce", found.append)
    return found


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_every_few_seconds_it_says_how_far_it_is(said: list[str]) -> None:
    time = Time()
    watch = Progress(100, time)
    for number in range(1, 31):
        time.now += 0.5
        watch.count("part", CHANGED if number % 2 else FAILED if number == 4 else SAME)
    assert said == [
        "10 of 100 (5 changed, 1 failed) done; about 45 s left",
        "20 of 100 (10 changed, 1 failed) done; about 40 s left",
        "30 of 100 (15 changed, 1 failed) done; about 35 s left",
    ]


def test_work_of_a_moment_says_nothing(said: list[str]) -> None:
    watch = Progress(50, Time())
    for _object in range(50):
        watch.count("part", SAME)
    assert said == []


def test_a_change_that_has_yet_to_show_counts_once(said: list[str]) -> None:
    time = Time()
    watch = Progress(3, time)
    for label in ("a", "b"):
        watch.begin(label)
        watch.written(label)
    time.now += 6
    watch.waiting(2, 290)
    watch.count("a", CHANGED)
    watch.count("b", FAILED)
    time.now += 6
    watch.waiting(1, 284)
    assert said == [
        "2 of 3 (2 changed) done; 2 have yet to show, waiting up to 290 s more",
        "2 of 3 (2 changed, 1 failed) done; 1 have yet to show, waiting up to 284 s more",
    ]


def test_an_end_by_somebody_names_what_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(progress, "last_words", said.append)
    watch = Progress(5)
    for label in ("mailbox=a", "mailbox=b", "mailbox=c"):
        watch.begin(label)
    watch.count("mailbox=a", CHANGED)
    watch.interrupted(0.05)
    watch.count("mailbox=b", CHANGED)
    watch.count("mailbox=c", CHANGED)
    watch.interrupted(0.05)
    assert said == [
        "Interrupted: 1 of 5 (1 changed) done; what became of mailbox=b, mailbox=c is not known. "
        "The others were not begun. Run again to go on.",
        "Interrupted: 3 of 5 (3 changed) done. The others were not begun. Run again to go on.",
    ]


def test_the_end_is_told_by_the_result(said: list[str]) -> None:
    time = Time()
    watch = Progress(2, time)
    time.now += 60
    watch.count("part", SAME)
    watch.count("part", SAME)
    assert said == ["1 of 2 done; about 60 s left"]
