# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The retry rules themselves: headers, waits, budgets, and the fate of writes."""

from __future__ import annotations

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import FakeClock

from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
from ansible_collections.m365.hybrid.plugins.module_utils.clients.retry import Effort, Fault, retry_after_seconds

NOW = 1_800_000_000.0
STATUSES = st.integers(200, 599)
# What a table makes of an error: unknown, refused for good, or worth another try.
FAULTS = st.sampled_from([Fault("no"), Fault("no", verdict=True), Fault("no", verdict=True, patience=60.0)])


@given(st.floats(0, 1e9))
def test_any_number_of_seconds_is_read(seconds: float) -> None:
    assert retry_after_seconds(f" {seconds!r} ", NOW) == seconds


@given(st.integers(-(10**6), 10**6))
def test_a_date_is_read_and_never_in_the_past(seconds: int) -> None:
    header = email.utils.formatdate(NOW + seconds, usegmt=True)
    assert retry_after_seconds(header, NOW) == max(0, seconds)


@given(st.text())
def test_no_header_breaks_the_reader(text: str) -> None:
    seconds = retry_after_seconds(text, NOW)
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize("text", [None, "", "soon", "nan", "inf", "-inf", "Fri, 99 Nov 2026 10:00:00 GMT", "Sun"])
def test_nonsense_means_nothing(text: str | None) -> None:
    assert retry_after_seconds(text, NOW) is None


def test_minus_means_now() -> None:
    assert retry_after_seconds("-5", NOW) == 0


@given(st.integers(1, 200))
def test_backoff_doubles_to_a_limit(tries: int) -> None:
    full = min(retry.LONGEST_WAIT, retry.FIRST_WAIT * 2 ** min(tries - 1, 60))
    assert full / 2 <= retry.backoff(tries) <= full


@given(st.lists(st.none() | st.floats(0, 1000), max_size=30), st.floats(0, 600))
def test_no_effort_exceeds_its_budget_or_its_tries(asked: list[float | None], allowed: float) -> None:
    clock = FakeClock()
    effort = Effort(clock)  # type: ignore[arg-type]
    begun, done = clock.monotonic(), 0
    for wait in asked:
        if not effort.again(allowed, wait):
            break
        done += 1
        assert wait is None or clock.waits[-1] == wait
    assert clock.monotonic() - begun <= allowed + 1e-3
    assert done < retry.TRIES


@given(st.booleans(), STATUSES, FAULTS, st.none() | st.floats(0, 100))
def test_a_write_whose_fate_is_unknown_is_never_repeated(
    write: bool, status: int, fault: Fault, asked: float | None
) -> None:
    if write and retry.fate_unknown(write, status, fault, asked):
        assert retry.patience(write, status, fault, asked) == 0


@given(STATUSES, FAULTS)
def test_reads_have_no_fate(status: int, fault: Fault) -> None:
    assert not retry.fate_unknown(False, status, fault, None)


def test_a_verdict_ends_reads_and_writes_alike() -> None:
    final = Fault("gone", verdict=True)
    assert [retry.patience(write, 500, final, None) for write in (False, True)] == [0, 0]
    assert not retry.fate_unknown(True, 500, final, None)


@pytest.mark.parametrize("status", sorted(retry.STATUS_RULES))
def test_every_rule_says_why(status: int) -> None:
    rule = retry.STATUS_RULES[status]
    assert rule.reason.endswith(".")
    assert rule.read > 0
    assert rule.write == (retry.BUDGET if status == 429 else 0)


def test_the_real_clock_waits_and_is_woken() -> None:
    clock = retry.Clock()
    before = clock.monotonic()
    clock.wait(0.01)
    assert clock.monotonic() - before >= 0.009
    clock.close()
    clock.wait(60)
    assert clock.monotonic() - before < 30
    assert clock.time() > NOW - 10**9
