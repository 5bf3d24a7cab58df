# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tenant's time: real time plus an offset that tests and demonstrations may move forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the tenant's time. Secrets end, sync cycles run and changes propagate by this clock alone."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        """The tenant's present time, in UTC."""
        return datetime.now(UTC) + self._offset

    def timestamp(self) -> float:
        """The tenant's present time as seconds since 1970."""
        return self.now().timestamp()

    def advance(self, seconds: float) -> None:
        """Move the tenant's time forward; time never goes back."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self._offset += timedelta(seconds=seconds)
