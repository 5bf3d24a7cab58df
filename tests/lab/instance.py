# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rehearsal tenant in the background: started, found again and ended through the directory that it lives in.

The directory holds everything: C(lab.json) (where everything is; written when all answers), C(lock) (held by the
process as long as it lives), C(log/), C(credentials/), C(certificates/) and C(samba/). The process itself is
C(lab.background).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

START_SECONDS, STOP_SECONDS = 90, 10


class LabError(Exception):
    """The tenant cannot be started, found or ended; the text is one line for the user."""


@dataclass(frozen=True)
class Options:
    """How a tenant is to be started. C(generate): so many mailboxes beside those of the scenario."""

    directory: str
    scenario: str
    generate: int = 0
    address: str | None = None
    samba: bool = True
    latency: float = 0.0
    # Where provisioned AD domains are kept for the next time; below the directory if not given.
    templates: str | None = None


def facts(directory: Path) -> dict[str, Any]:
    """What C(lab.json) of a running tenant says.

    Raises LabError: no tenant runs there.
    """
    if not is_running(directory):
        raise LabError(f"no rehearsal tenant runs in {directory}")
    try:
        found: dict[str, Any] = json.loads((directory / "lab.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError(f"the rehearsal tenant in {directory} is still starting, or ending") from None
    return found


def is_running(directory: Path) -> bool:
    """Whether a process holds the directory; the lock tells it even if the machine has reused the process id."""
    try:
        with (directory / "lock").open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def start(options: Options) -> dict[str, Any]:
    """Start a tenant in the background and wait until everything answers; one that runs already is left as it is.

    Raises LabError: it does not start, or runs already with other options.
    """
    directory = Path(options.directory)
    if is_running(directory):
        found = facts(directory)
        if not _serves(found, options):
            raise LabError(f"a tenant with other options runs in {directory} already; end it first (down)")
        return found
    (directory / "log").mkdir(parents=True, exist_ok=True)
    log_path = directory / "log" / "lab.log"
    command = [sys.executable, "-m", "lab.background", json.dumps(asdict(options))]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=_environment(),
        )
    _wait_for(lambda: _is_ready(directory, process.pid) or process.poll() is not None, START_SECONDS)
    if process.poll() is None and _is_ready(directory, process.pid):
        return facts(directory)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    said = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise LabError(said[-1] if said else f"the tenant did not start within {START_SECONDS} s and said nothing")


def _is_ready(directory: Path, process: int) -> bool:
    """Whether this process says that it answers; the word of an earlier one that was killed does not count."""
    try:
        return bool(json.loads((directory / "lab.json").read_text(encoding="utf-8"))["process"] == process)
    except FileNotFoundError:
        return False


def _serves(found: dict[str, Any], options: Options) -> bool:
    """Whether the tenant that runs is what the options ask for; without an address, any will do."""
    asked, has = asdict(options), dict(found["options"])
    if options.address in (None, found["address"]):
        asked["address"] = has["address"] = None
    return asked == has


def _environment() -> dict[str, str]:
    """Our environment, with this package importable."""
    own = str(Path(__file__).absolute().parent.parent)
    path = os.pathsep.join(part for part in (own, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}


def _wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def stop(directory: Path) -> bool:
    """End the tenant and make sure that nothing of it is left. Gives False if none was running.

    Raises LabError: something is left, a process or a taken port.
    """
    if not is_running(directory):
        return False
    group = int((directory / "lock").read_text())
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            # The first signal goes to the tenant alone, which ends Samba itself and in order.
            os.kill(group, number) if number is signal.SIGTERM else os.killpg(group, number)
        if _wait_for(lambda: not is_running(directory) and not _group_lives(group), STOP_SECONDS):
            break
    if is_running(directory) or _group_lives(group):
        raise LabError(f"the tenant in {directory} could not be ended (process group {group})")
    (directory / "lab.json").unlink(missing_ok=True)
    return True


def _group_lives(group: int) -> bool:
    """Whether a process of the group is alive; what has ended but was not collected yet does not count."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # pid (name) state parent group ..; the name may hold blanks and brackets (proc(5)).
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            return True
    return False
