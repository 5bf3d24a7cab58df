# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All processes of a run, ended at one moment as by a power cut. Nothing is imported here but the standard library.

The workers of ansible-playbook have sessions of their own, so that a signal to its process group would not reach them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path


def end_tree(root: int) -> None:
    """End a process and all that descend from it; none can do anything once the first of them is ended.

    It returns when they are gone with their locks, or ends with them, which C(RUN_ENDED_BY) (a file) then says.
    """
    own = os.getpid()
    others = [one for one in stop_tree(root) if one != own]
    within = own in tree(root)
    if within:
        Path(os.environ["RUN_ENDED_BY"]).write_text(str(own), encoding="utf-8")
    for process in others:
        _send(process, signal.SIGKILL)
    for process in others:
        wait_for_end(process)
    if within:
        _send(own, signal.SIGKILL)


def wait_for_end(process: int, seconds: float = 60) -> None:
    """Wait until a process is gone."""
    end = time.monotonic() + seconds
    while alive(process):
        if time.monotonic() > end:
            raise TimeoutError(f"process {process} does not end")
        time.sleep(0.002)


def stop_tree(root: int) -> list[int]:
    """Stop a process and all that descend from it, but not this one; gives all of them."""
    stopped: list[int] = []
    # Whoever is stopped starts nobody, so this ends.
    while new := [one for one in tree(root) if one not in stopped]:
        for process in new:
            if process != os.getpid():
                _send(process, signal.SIGSTOP)
        stopped += new
    return stopped


def go_on(processes: list[int]) -> None:
    """Let processes go on that were stopped."""
    for process in processes:
        _send(process, signal.SIGCONT)


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents = {int(entry): _state(int(entry))[1] for entry in os.listdir("/proc") if entry.isdigit()}
    found = [root] if root in parents else []
    for process in found:
        found += [one for one, parent in parents.items() if parent == process]
    return found


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    return _state(process)[0] not in ("Z", "")


def _send(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def _state(process: int) -> tuple[str, int]:
    """State and parent of a process; an empty state when there is none."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)
