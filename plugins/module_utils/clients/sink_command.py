# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client secret that a command takes from its standard input, and a file on this machine that notes all but it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from ..domain.secret_record import Record, Stored, values
from .errors import ServiceError
from .sink_common import masked, refuse_writes
from .sink_file import FileSink

# More of a command's complaint nobody reads in a message.
LONGEST_LINE = 300


class CommandSink:
    """A command that brings a secret to where it is needed.

    It is run once for each secret, when that becomes the current one. Of a secret that waits only a note is kept.

    Arguments:
        options: C(argv), C(record) and C(timeout), as in the argument spec.
        read_only: refuse every write.
    """

    def __init__(self, options: Mapping[str, Any], read_only: bool) -> None:
        self._argv = [str(word) for word in options["argv"]]
        self._timeout = float(options.get("timeout") or 60.0)
        if not self._argv or not self._argv[0]:
            raise ServiceError("The option sink.command.argv is empty.", advice="Name the command, then its arguments.")
        if not 0 < self._timeout < 86400:
            raise ServiceError("The option sink.command.timeout is no number of seconds between 0 and a day.")
        self.where = f"the command {self._argv[0]} with the record {options['record']}"
        self._record = FileSink({"path": options["record"]}, read_only)
        self._read_only = read_only

    def read(self) -> Record:
        """What the record notes; the values are never there."""
        record = self._record.read()
        if values(record):
            raise ServiceError(
                f"The record {self._record.where} holds a secret; that is a file of sink.file.",
                meaning="It is left as it is.",
                advice="Name a file of its own in sink.command.record.",
            )
        return record

    def write(self, record: Record) -> None:
        """Give a new current secret to the command, and note it when the command has succeeded.

        Raises:
            ServiceError: the command failed, so that nothing is noted; or the note could not be written.
        """
        refuse_writes(self._read_only, self.where)
        before, current = self.read().current, record.current
        fresh = current is not None and (before is None or before.key_id != current.key_id)
        if current and fresh:
            self._deliver(current, record)
        try:
            self._record.write(Record(_noted(record.current), _noted(record.next)))
        except ServiceError as error:
            if fresh:
                error.meaning = f"{error.meaning} The command has the new secret already.".strip()
            raise

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs away, and see that the command is there and the record could be written."""
        with self._record.alone():
            if shutil.which(self._argv[0]) is None:
                raise ServiceError(
                    f"There is no command {self._argv[0]} that this user may run.",
                    advice="Write its whole path in sink.command.argv, and make it executable.",
                )
            yield

    def _deliver(self, current: Stored, record: Record) -> None:
        if current.value is None:
            raise ServiceError(
                f"Only a note of the secret {current.key_id} is left; {self._argv[0]} cannot be given its value.",
                advice="Make a new secret.",
            )
        code, complaint = self._run(f"{current.value}\n".encode())
        if code != 0:
            line = masked(complaint.decode("utf-8", "replace"), record).strip().partition("\n")[0].strip()
            shown = "".join(sign if sign.isprintable() else " " for sign in line)[:LONGEST_LINE]
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise ServiceError(
                f"The command {self._argv[0]} {how}" + (f": {shown}" if shown else "."),
                meaning="The record still names the secret before.",
                advice="Correct what it complains of, then run again.",
                code=str(code),
            )

    def _run(self, given: bytes) -> tuple[int, bytes]:
        """Run the command; its exit code and what it wrote to standard error."""
        try:
            return asyncio.run(_spoken_to(self._argv, given, self._timeout))
        # A time-out is an OSError to Python, so it comes first.
        except TimeoutError:
            raise ServiceError(
                f"The command {self._argv[0]} did not end within {self._timeout:g} seconds and was stopped.",
                meaning="It may have taken the secret; the record still names the one before.",
                advice="See why it hangs, or raise sink.command.timeout.",
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ServiceError(f"The command {self._argv[0]} cannot be run: {reason}.") from None


async def _spoken_to(argv: Sequence[str], given: bytes, timeout: float) -> tuple[int, bytes]:
    """Give a command its standard input and wait for its end. Raises TimeoutError, OSError, ValueError."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _nothing, complaint = await asyncio.wait_for(process.communicate(given), timeout)
    finally:
        await _end(process)
    return process.returncode or 0, complaint


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a command that is still there, with all that it has started."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _noted(stored: Stored | None) -> Stored | None:
    return replace(stored, value=None) if stored else None
