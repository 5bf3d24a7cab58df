# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sinks of client secrets have in common: one run at a time, no secret in a message, writes that are seen."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import pwd
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ..domain.secret_record import MASK, Layout, Record, Unusable, unflat, values
from .errors import ServiceError, WriteRefused
from .retry import Clock, backoff

# How often a write is sent whose answer is lost each time.
WRITES = 3


def lock_directory() -> str:
    """Where this user's locks are: below Ansible's own directory, which is in the home that the system knows.

    HOME is not asked: a scheduled run may have another one than the user at a terminal.
    """
    if given := os.environ.get("ANSIBLE_HOME"):
        return os.path.join(os.path.expanduser(given), "m365.hybrid")
    try:
        home = pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:  # a container with a made-up user
        home = os.path.expanduser("~")
    return os.path.join(home, ".ansible", "m365.hybrid")


@contextmanager
def locked(where: str, identity: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a sink; the system takes it back from a process that ends, however it ends.

    Arguments:
        where: the sink, for messages.
        identity: what tells this lock from others.
        wait: wait for whoever holds it.

    Raises:
        ServiceError: it is held by somebody else, or there is no place for locks.
    """
    directory = lock_directory()
    name = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        handle = os.open(os.path.join(directory, name), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ServiceError(
            f"The directory for locks {directory} cannot be used: {error.strerror}.",
            advice="Give the user who runs this a home directory that can be written to, or set the environment variable ANSIBLE_HOME.",
        ) from None
    try:
        _take(handle, where, wait)
        yield
    finally:
        os.close(handle)


def _take(handle: int, where: str, wait: bool) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise ServiceError(
            f"Another run, or another entry of this task, is working on {where}.",
            advice="Wait until it has ended, then run again.",
        ) from None


def refuse_writes(read_only: bool, where: str) -> None:
    """Refuse a write over a client that may only read.

    Raises:
        WriteRefused: it may only read.
    """
    if read_only:
        raise WriteRefused(f"A record would be written to {where}, and this connection may only read.")


def record_in(held: Mapping[str, Any], layout: Layout, where: str) -> Record:
    """The record among the names and values that a sink holds.

    Raises:
        ServiceError: something else stands in its place.
    """
    try:
        return unflat(held, layout)
    except Unusable as problem:
        raise foreign(where, problem) from None


def foreign(where: str, problem: object) -> ServiceError:
    """The error for a place that somebody else has filled."""
    return ServiceError(
        f"Not this collection wrote what {where} holds: {problem}.",
        meaning="It is not overwritten, because somebody may need it.",
        advice="Move it away, or name another place in the option sink.",
    )


@contextmanager
def without_secrets(record: Record) -> Iterator[None]:
    """Let errors out without the values of a record, should a service have repeated one of them."""
    try:
        yield
    except ServiceError as error:
        said, meaning, advice = (masked(text, record) for text in (error.said, error.meaning, error.advice))
        raise ServiceError(
            said,
            meaning=meaning,
            advice=advice,
            status=error.status,
            code=masked(error.code, record) if error.code else None,
            request_id=error.request_id,
            ambiguous=error.ambiguous,
        ) from None


def masked(text: str, record: Record) -> str:
    """A text without the values of a record, in any of the usual spellings."""
    for spelling in sorted(_spellings(values(record)), key=len, reverse=True):
        text = text.replace(spelling, MASK)
    return text


def _spellings(secrets: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for secret in secrets:
        encoded = base64.b64encode(secret.encode()).decode()
        found |= {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), encoded}
    return found


def until_seen(write: Callable[[], None], seen: Callable[[], bool], clock: Clock) -> None:
    """Write, and where the answer is lost, look whether it happened; if not, write the same again.

    Arguments:
        write: sends the write; sent twice, it must do no more than sent once.
        seen: reads and says whether what was written is there.

    Raises:
        ServiceError: it was refused, or it is not known to have happened.
    """
    for number in range(1, WRITES + 1):
        try:
            write()
            return
        except ServiceError as error:
            if not error.ambiguous:
                raise
            lost = error
        if _is_seen(seen):
            return
        if number == WRITES:
            raise lost
        clock.wait(backoff(number))


def _is_seen(seen: Callable[[], bool]) -> bool:
    try:
        return seen()
    except ServiceError:
        return False
