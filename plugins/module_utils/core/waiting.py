# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place where the collection waits for a state: by predicate, within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0


@dataclass(frozen=True)
class Clock:
    """Where time comes from and how it passes, so that tests need not wait."""

    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


CLOCK = Clock()


class Deadline:
    """A budget of seconds that starts when it is made, and the growing pauses between two looks within it."""

    def __init__(self, seconds: float, clock: Clock = CLOCK, longest_pause: float = LONGEST_PAUSE) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock.now() + seconds
        self._next_pause = FIRST_PAUSE
        self._longest_pause = longest_pause

    @property
    def left(self) -> float:
        """Seconds left; zero or less when the budget is spent."""
        return self._end - self._clock.now()

    def pause(self) -> bool:
        """Let some time pass; False when none is left."""
        if self.left <= 0:
            return False
        self._clock.pause(min(self._next_pause, max(self.left, 0.01)))
        self._next_pause = min(self._next_pause * 1.6, self._longest_pause)
        return True


def wait_for(look: Callable[[], T], satisfied: Callable[[T], bool], deadline: Deadline) -> tuple[bool, T]:
    """Look until satisfied or the budget is spent.

    Returns:
        Whether it was satisfied, and what was seen last. There is always at least one look.
    """
    seen = look()
    while not satisfied(seen):
        if not deadline.pause():
            return False, seen
        seen = look()
    return True, seen
