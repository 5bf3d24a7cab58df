# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What long work says while it goes on. Only the controller has somebody to say it to, and sets C(announce)."""

from __future__ import annotations

from collections.abc import Callable


def _silent(_text: str) -> None:
    """Nobody is watching."""


announce: Callable[[str], None] = _silent


class Count:
    """Announces how many of many have arrived, each time the number changes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._said = -1

    def update(self, done: int, seconds_left: float) -> None:
        """Say it, unless it was said already."""
        if done != self._said and done < self._total:
            announce(f"{done} of {self._total} have arrived; waiting for the others up to {seconds_left:.0f} s more")
            self._said = done
