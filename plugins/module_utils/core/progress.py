# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What long work says while it goes on. Only the controller has somebody to say it to, and sets C(announce) and
C(last_words)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

# Seconds between two lines, so that short work says nothing at all.
PAUSE = 5.0


def _silent(_text: str) -> None:
    """Nobody is watching."""


announce: Callable[[str], None] = _silent
# The same for the end of a run, when Ansible does not pass anything on any more.
last_words: Callable[[str], None] = _silent


class Arrivals:
    """Announces how many of many have arrived, each time the number changes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._said = -1

    def update(self, done: int, seconds_left: float) -> None:
        """Say it, unless it was said already."""
        if done != self._said and done < self._total:
            announce(f"{done} of {self._total} have arrived; waiting for the others up to {seconds_left:.0f} s more")
            self._said = done


class Progress:
    """Announces how far the work on many objects is, at most every few seconds.

    Arguments:
        total: how many objects there are.
        now: seconds that never run backwards.
    """

    def __init__(self, total: int = 1, now: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._now = now
        self._begun = self._said = now()
        self._done = self._changed = self._failed = 0
        # What is being changed at this moment, in the order of its beginning; and what is changed and has yet to show.
        self._under_way: dict[str, None] = {}
        self._unseen: set[str] = set()
        self._lock = threading.Lock()

    def expect(self, total: int) -> None:
        """Set how many objects there are."""
        self._total = total

    def begin(self, label: str) -> None:
        """Note that an object is being changed."""
        with self._lock:
            self._under_way[label] = None

    def written(self, label: str) -> None:
        """Note that an object was changed, which has yet to show."""
        with self._lock:
            self._unseen.add(label)
        self._step(label, True, False)

    def count(self, label: str, result: Mapping[str, Any]) -> None:
        """Note that an object is done, by its result."""
        with self._lock:
            known = label in self._unseen
            self._unseen.discard(label)
            self._failed += known and bool(result.get("failed"))
        if not known:
            self._step(label, bool(result.get("changed")), bool(result.get("failed")))

    def waiting(self, unseen: int, seconds_left: float) -> None:
        """Say how many changes have yet to show, and for how long they are waited for."""
        self._say(lambda: f"{self} done; {unseen} have yet to show, waiting up to {seconds_left:.0f} s more")

    def interrupted(self, patience: float) -> None:
        """Say how far the work came that somebody ended, after what is under way had some seconds to end."""
        end = self._now() + patience
        while self._under_way and self._now() < end:
            time.sleep(0.02)
        with self._lock:
            unknown = ", ".join(self._under_way)
            text = f"Interrupted: {self} done" + (f"; what became of {unknown} is not known" if unknown else "")
        last_words(f"{text}. The others were not begun. Run again to go on.")

    def _step(self, label: str, changed: bool, failed: bool) -> None:
        with self._lock:
            self._under_way.pop(label, None)
            self._done += 1
            self._changed += changed
            self._failed += failed
        if self._done < self._total:
            self._say(lambda: f"{self} done; about {self._left():.0f} s left")

    def _say(self, text: Callable[[], str]) -> None:
        with self._lock:
            if self._now() - self._said < PAUSE:
                return
            self._said = self._now()
            words = text()
        announce(words)

    def _left(self) -> float:
        return (self._now() - self._begun) / self._done * (self._total - self._done)

    def __str__(self) -> str:
        parts = [f"{self._changed} changed" if self._changed else "", f"{self._failed} failed" if self._failed else ""]
        found = ", ".join(part for part in parts if part)
        return f"{self._done} of {self._total}" + (f" ({found})" if found else "")
