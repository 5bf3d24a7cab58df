# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests a service gets at once: fewer when it throttles, more again while it does not.

Exchange publishes no limits and Graph many, so the limit is found while working, as TCP finds that of a line (RFC 5681):
cut when the service complains, and raised by one for each round of requests that it takes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# How much of the limit is left after a complaint.
CUT = 0.7
# "Too many requests" and "overloaded".
COMPLAINTS = frozenset({429, 503})


class Pace:
    """A limit on the requests that are under way, shared by all threads of a client.

    Arguments:
        most: the limit that is never exceeded.
    """

    def __init__(self, most: int) -> None:
        self.most = max(1, most)
        self._limit = float(self.most)
        self._under_way = self._begun = self._cut_at = 0
        self._free = threading.Condition()

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return int(self._limit)

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Wait for a place, and hold it; gives the number of the request."""
        with self._free:
            self._free.wait_for(lambda: self._under_way < self.limit)
            self._under_way += 1
            self._begun += 1
            number = self._begun
        try:
            yield number
        finally:
            with self._free:
                self._under_way -= 1
                self._free.notify()

    def heed(self, number: int, status: int) -> None:
        """Take what the service answered to a request into account.

        Arguments:
            number: of the request. Of many that were under way when the service complained, only the first counts.
            status: HTTP status of the answer.
        """
        with self._free:
            if status not in COMPLAINTS:
                self._limit = min(float(self.most), self._limit + 1 / self._limit)
                self._free.notify()
            elif number > self._cut_at:
                self._cut()

    def slower(self) -> None:
        """Heed a complaint about a part of a request, whose number nobody knows."""
        with self._free:
            if self._begun > self._cut_at:
                self._cut()

    def _cut(self) -> None:
        self._limit = max(1.0, self._limit * CUT)
        self._cut_at = self._begun
