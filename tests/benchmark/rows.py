# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A line of the benchmark's table, and what all measurements have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stage import Run

# Seconds that a request to the cloud takes at least.
ROUND_TRIP = 0.08
# How many times the time that the requests themselves must take is allowed.
FACTOR = 1.5
# So many are really done where a thousand would take a quarter of an hour; their time is then multiplied.
SAMPLE = 50
# An environment of its own is one of the things that lead a task to the ordinary module, a process for each object.
ORDINARY = {"environment": {"M365_BENCHMARK": "ordinary module"}}


@dataclass(frozen=True)
class Row:
    """One line of the table. C(limit) in the unit of C(seconds); None for what is only shown for comparison."""

    job: str
    run: Run
    seconds: float
    limit: float | None = None
    # What C(seconds) is to be compared with: the time that the requests must take, or our own way of doing it.
    reference: float | None = None
    # Of C(seconds), where they are none.
    unit: str = "s"


Note = Callable[[Row | str], None]
