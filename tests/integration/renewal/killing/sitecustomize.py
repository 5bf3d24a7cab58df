# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Python imports this at its start, in every process of a run: it counts the writes to files below a directory.

C(WRITES_BELOW): the directory. C(WRITES_LOG): a file that gets a line for each point, before and after each call.
C(WRITES_END_AT): the number of the point at which the whole run is ended. C(RUN_ROOT): the first process of the run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

# Those that change what is in a directory or in a file, by what tells where: a path, two of them, or a descriptor.
CALLS = {
    "open": "path",
    "write": "handle",
    "fsync": "handle",
    "replace": "paths",
    "rename": "paths",
    "unlink": "path",
    "remove": "path",
    "mkdir": "path",
    "chmod": "path",
    "ftruncate": "handle",
}
_armed = False


def arm() -> None:
    """Begin to count, where the environment asks for it."""
    global _armed
    os.environ.setdefault("RUN_ROOT", str(os.getpid()))
    if "WRITES_BELOW" not in os.environ or _armed:
        return
    _armed = True
    for name, kind in CALLS.items():
        setattr(os, name, _counted(name, kind, getattr(os, name)))


def _counted(name: str, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*args: Any, **options: Any) -> Any:
        place = _place(name, kind, args)
        if place is None:
            return call(*args, **options)
        _point(f"before {name} {place}")
        result = call(*args, **options)
        _point(f"after {name} {place}")
        return result

    return counted


def _place(name: str, kind: str, args: tuple[Any, ...]) -> str | None:
    """What a call concerns, as a path below the directory; None when it is another place, or only reads."""
    if name == "open" and len(args) > 1 and args[1] & (os.O_WRONLY | os.O_RDWR) == 0:
        return None
    below = os.environ["WRITES_BELOW"]
    given = [os.readlink(f"/proc/self/fd/{args[0]}")] if kind == "handle" else args[: 2 if kind == "paths" else 1]
    for one in given:
        path = os.path.abspath(os.fsdecode(one)) if isinstance(one, str | bytes | os.PathLike) else ""
        if path == below or path.startswith(below + os.sep):
            return os.path.relpath(path, below)
    return None


def _point(what: str) -> None:
    """Note a point, and end everything there if it is the one."""
    log = _open(os.environ["WRITES_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _write(log, f"{what}\n".encode())
    _close(log)
    if "WRITES_END_AT" not in os.environ:
        return
    with open(os.environ["WRITES_LOG"], encoding="utf-8") as file:
        number = len(file.readlines())
    if number == int(os.environ["WRITES_END_AT"]):
        from renewal_processes import end_tree

        end_tree(int(os.environ["RUN_ROOT"]))


_open, _write, _close = os.open, os.write, os.close
arm()
