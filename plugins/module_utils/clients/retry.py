# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a request is sent again, and how long to wait before that. Everything here is data or arithmetic."""

from __future__ import annotations

import email.utils
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

# Seconds that one call may spend on tries and waits; Graph asks for up to some minutes when it throttles a tenant.
BUDGET = 300.0
# Tries per call. With the waits below that is about two minutes for a service that never says how long to wait.
TRIES = 8
# Tries where not even a connection came about: a wrong name or port does not get better, a restart takes a moment. And
# for an error that a cmdlet itself reports and no table knows: most of those do not get better either.
CONNECT_TRIES = 3
UNKNOWN_ERROR_TRIES = 3
THROTTLED = 429
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0


@dataclass(frozen=True)
class StatusRule:
    """How long a status may be retried, in seconds, for reads and for writes, and why."""

    read: float
    write: float
    reason: str


STATUS_RULES: dict[int, StatusRule] = {
    408: StatusRule(BUDGET, 0, "The service gave up waiting for the request; a write may have arrived all the same."),
    429: StatusRule(BUDGET, BUDGET, "Throttled: the request was turned away before any work was done."),
    500: StatusRule(BUDGET, 0, "The service failed on the way; a write may have happened before that."),
    502: StatusRule(BUDGET, 0, "A gateway lost the answer; behind it a write may have happened."),
    503: StatusRule(BUDGET, 0, "Overloaded or in maintenance; nothing says that a write did not happen."),
    504: StatusRule(BUDGET, 0, "A gateway lost patience; behind it a write may still be going on."),
}

# With Retry-After these say "not now" before any work was done, so a write may follow. 500, 502, 504 and 408 are left
# out: they tell of work that was begun, and a wish to wait says nothing about its fate.
NOT_NOW_WITH_RETRY_AFTER: frozenset[int] = frozenset({409, 429, 503})

# A write that ends so may have happened, unless the service's own error says what became of it.
FATE_UNKNOWN = frozenset({408})


@dataclass(frozen=True)
class Fault:
    """What a service's error body says, after its table was asked.

    Attributes:
        said: the service's own words.
        meaning, advice, code: as in ServiceError.
        patience: seconds for which the same request may be sent again, because the error says that it was not carried
            out and may succeed later; 0 if trying again is of no use.
        absent: the object is explicitly said not to exist.
        already: the wished state is explicitly said to be there already.
        verdict: the table knows this error as one after which nothing has happened.
        unsure: the error has been seen although the write had happened.
        tries: how often the request may be sent in all.
    """

    said: str
    meaning: str = ""
    advice: str = ""
    code: str | None = None
    patience: float = 0.0
    absent: bool = False
    already: bool = False
    verdict: bool = False
    unsure: bool = False
    tries: int = TRIES


def patience(write: bool, status: int, fault: Fault, retry_after: float | None) -> float:
    """Seconds for which a request that met this answer may be sent again; 0 means never."""
    rule = STATUS_RULES.get(status)
    by_status = (rule.write if write else rule.read) if rule else 0.0
    if retry_after is not None and status in NOT_NOW_WITH_RETRY_AFTER:
        by_status = BUDGET
    # A read is worth repeating on 5xx even where the body says nothing; a refusal that the table knows is final.
    if fault.verdict and not fault.patience and status not in NOT_NOW_WITH_RETRY_AFTER:
        return 0.0
    return max(by_status, fault.patience)


def fate_unknown(write: bool, status: int, fault: Fault, retry_after: float | None) -> bool:
    """Say whether a write that met this answer may have happened.

    A fault in an answer of success (a proxy's page, half an answer, a cmdlet that reports errors) leaves it open too.
    """
    open_by_status = status >= 500 or status < 300 or status in FATE_UNKNOWN
    turned_away = retry_after is not None and status in NOT_NOW_WITH_RETRY_AFTER
    return write and (fault.unsure or (open_by_status and not fault.verdict and not turned_away))


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Read a Retry-After header.

    Arguments:
        value: the header; seconds (Exchange sends fractions, RFC 9110 only whole ones) or an HTTP date.
        now: seconds since the epoch.

    Returns:
        seconds to wait, never negative; None if the header is missing or means nothing.
    """
    text = (value or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _until(text, now)
    # "nan" and "inf" are floats to Python and nonsense in a header.
    return max(0.0, seconds) if abs(seconds) < float("inf") else None


def _until(text: str, now: float) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def ahead(date: str | None, now: float, known: float) -> float:
    """Seconds by which a service's clock is ahead of ours, from the Date header of an answer; else what is known."""
    try:
        return email.utils.parsedate_to_datetime(date or "").timestamp() - now
    except (ValueError, TypeError, IndexError):
        return known


def backoff(tries: int) -> float:
    """Seconds to wait after so many tries: doubled each time, and spread so that threads do not come back together."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (tries - 1))
    return wait * random.uniform(0.5, 1.0)  # noqa: S311 - nobody gains by guessing it


class Clock:
    """The one place where the clients wait. Tests put another one in its place."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Wait; a closed client does not."""
        self._closed.wait(seconds)

    def close(self) -> None:
        """End every wait."""
        self._closed.set()


class Turns:
    """Requests that a service takes only so often, each at its turn: for all threads of a client together.

    Nobody waits before the service has turned a request away: the limit is the tenant's, and nobody else may be there.

    Arguments:
        clock: waits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0
        self._limited = False

    def turned_away(self) -> None:
        """The service has said that requests come too often: from now on they wait for their turn."""
        self._limited = True

    def wait(self, apart: float) -> None:
        """Wait for the next turn; the one after it comes so many seconds later. Zero asks for none."""
        if not apart or not self._limited:
            return
        with self._lock:
            now = self._clock.monotonic()
            turn = max(now, self._next)
            self._next = turn + apart
        if turn > now:
            self._clock.wait(turn - now)


@dataclass
class Effort:
    """How much one call has tried so far."""

    clock: Clock
    tries: int = 0
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.clock.monotonic()

    def again(self, allowed: float, retry_after: float | None = None, tries: int = TRIES) -> bool:
        """Wait for the next try.

        Arguments:
            allowed: seconds that the call may take in all.
            retry_after: seconds that the service asked for.
            tries: how often the request may be sent in all.

        Returns:
            False, without a wait, if the tries or the seconds are used up. A service that asks for more time than is
            left is not asked again earlier than it wished: that would only prolong the throttling.
        """
        self.tries += 1
        wait = backoff(self.tries) if retry_after is None else retry_after
        if self.tries >= tries or self.clock.monotonic() - self.begun + wait > allowed:
            return False
        self.clock.wait(wait)
        return True
