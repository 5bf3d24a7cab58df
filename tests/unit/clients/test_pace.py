# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests are under way: never more than allowed, fewer after a complaint, more again afterwards."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.m365.hybrid.plugins.module_utils.clients.pace import Pace


def answered(pace: Pace, status: int) -> None:
    with pace.turn() as number:
        pass
    pace.heed(number, status)


def test_never_more_than_the_limit_are_under_way() -> None:
    pace, lock = Pace(3), threading.Lock()
    under_way = highest = 0

    def work(_number: int) -> None:
        nonlocal under_way, highest
        with pace.turn():
            with lock:
                under_way += 1
                highest = max(highest, under_way)
            time.sleep(0.002)
            with lock:
                under_way -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(60)))
    assert highest == 3


def test_a_complaint_cuts_the_limit_and_success_raises_it_again() -> None:
    pace = Pace(10)
    answered(pace, 429)
    assert pace.limit == 7
    for _turn in range(60):
        answered(pace, 200)
    assert pace.limit == 10


def test_many_complaints_of_one_moment_cut_once() -> None:
    pace = Pace(10)
    with pace.turn() as first, pace.turn() as second, pace.turn() as third:
        pass
    for number in (first, second, third):
        pace.heed(number, 503)
    assert pace.limit == 7
    answered(pace, 503)
    assert pace.limit == 4


def test_one_request_is_always_allowed() -> None:
    pace = Pace(0)
    for _turn in range(20):
        answered(pace, 429)
    assert pace.limit == 1
    answered(pace, 200)


def test_a_complaint_about_a_part_counts_too() -> None:
    pace = Pace(10)
    answered(pace, 200)
    pace.slower()
    pace.slower()
    assert pace.limit == 7
