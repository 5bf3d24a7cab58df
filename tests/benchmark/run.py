# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures the collection on a rehearsal tenant of its own and prints a table. Started by scripts/benchmark."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import _preparation as preparation
from _preparation import COLLECTIONS, WORK, say

# Set for the part of the run that has all packages, to the bin directory of the Python packages.
INSIDE = "M365_BENCHMARK_INSIDE"
HINDRANCE = "M365_BENCHMARK_HINDRANCE"
HOME = WORK / "benchmark"
# A load average above this is not all our own when the measurements begin.
BUSY = 1.5
PARTS = ("cloud", "directory", "single_tasks", "access")
HEAD = f"{'job':<58}{'measured':>11}{'bar':>10}{'ratio':>8}  {'verdict':<8}{'load':>5}{'CPU':>8}{'served':>8}{'MB':>6}"
LEGEND = """\
measured  wall time of the task in the controller: from its beginning to its result, by the clock of a callback plugin.
          One task above its requests: less the time between arrival and answer of its requests to the cloud, by the
          tenant's journal, and less what the directory server used of the processor for it; the mean of many
ratio     above a bar: to the time that the requests themselves must take (requests x round trip / at a time), else to
          the bar; beside it: how many times as long as our way
load      load average of the last minute when the playbook began; anything but this benchmark makes times longer
CPU       seconds of the processor for ansible-playbook, its start of about a second included; served: those of the
          tenant and the directory server, which share the same cores
MB        memory of the largest process of Ansible
scaled    so many were done, and the time multiplied"""


def wanted() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description="Measure how fast the collection is.")
    parser.add_argument("--objects", type=int, default=1000, metavar="N", help="how many objects (default: 1000)")
    parser.add_argument("--alone", action="store_true", help="without what others take; saves most of the time")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    return arguments


def prepare() -> list[str]:
    """Prepare all that takes the network or root; return how to run the rest so that the lab gets its ports."""
    from comparison import fetch

    preparation.link_collection()
    packages = [f"ansible-core=={preparation.default_core()}.*"]
    binaries = preparation.virtual_environment(packages, preparation.DEMO_REQUIREMENTS)
    preparation.samba()
    others = HOME / "collections"
    os.environ[HINDRANCE] = fetch(binaries, others)
    environment = preparation.python_environment(binaries)
    environment["ANSIBLE_COLLECTIONS_PATH"] = os.pathsep.join([str(COLLECTIONS), str(others)])
    environment["PYTHONPATH"] += os.pathsep + str(preparation.ROOT / "scripts")
    os.environ.update(environment)
    os.environ[INSIDE] = str(binaries)
    return [*preparation.lab_prefix(os.environ), str(binaries / "python")]


def perform(arguments: argparse.Namespace) -> int:
    """Measure everything; 1 when a bar was missed."""
    from access import Access
    from bench import Bench
    from ground import ground, machine
    from rows import Row
    from stage import Failed, Stage

    rows: list[Row] = []
    parts = arguments.parts or PARTS

    def note(row: Row | str) -> None:
        say(row if isinstance(row, str) else line(row))
        rows.extend([] if isinstance(row, str) else [row])

    if os.getloadavg()[0] > BUSY:
        say("The machine is busy with something else. Times will be too long; the processor's seconds hold.")
    say(f"{machine(os.environ)}\n{HEAD}")
    try:
        if set(parts) - {"access"}:
            say(f"Starting a rehearsal tenant and filling it with {arguments.objects} mailboxes and accounts.")
            with ground(HOME / "lab", WORK / "cache/samba", arguments.objects) as made:
                stage = Stage(made, os.environ, HOME / "plays")
                bench = Bench(stage, arguments.objects, note, os.environ[HINDRANCE], compared=not arguments.alone)
                for part in parts:
                    if part != "access":
                        getattr(bench, part)()
        if "access" in parts:
            Access(HOME, os.environ, arguments.objects, note, compared=not arguments.alone).measure()
    except Failed as failed:
        say(f"The benchmark stopped: {failed}")
        return 2
    say(LEGEND)
    missed = [row for row in rows if row.limit is not None and row.seconds > row.limit]
    say(f"{len([row for row in rows if row.limit is not None]) - len(missed)} bars met, {len(missed)} missed")
    return 1 if missed else 0


def line(row: object) -> str:
    """A row of the table."""
    from rows import Row

    assert isinstance(row, Row)
    reference = row.reference or row.limit
    verdict = "-" if row.limit is None else "met" if row.seconds <= row.limit else "missed"
    parts = [
        f"{row.job:<58}{_measured(row.seconds, row.unit):>11}",
        f"{_measured(row.limit, row.unit) if row.limit else '-':>10}",
        f"{row.seconds / reference:>8.2f}" if reference else f"{'-':>8}",
        f"  {verdict:<8}{row.run.load:>5.1f}{row.run.processor:>6.1f} s{sum(row.run.served):>6.1f} s{row.run.peak:>6.0f}",
    ]
    return "".join(parts)


def _measured(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:.0f} {unit}".strip()
    return f"{value * 1000:.0f} ms" if value < 0.5 else f"{value:.2f} s"


def main() -> int:
    """Prepare, start again with all packages and ports, and perform."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _frame: sys.exit(128 + number))
    arguments = wanted()
    try:
        if INSIDE not in os.environ:
            command = prepare()
            sys.stdout.flush()
            os.execvp(command[0], [*command, str(Path(__file__).resolve()), *sys.argv[1:]])  # noqa: S606 - this script
        with preparation.only_one("benchmark", "Waiting for another benchmark of this checkout."):
            return perform(arguments)
    except preparation.Missing as missing:
        say(str(missing))
        return 2
    except KeyboardInterrupt:
        say("\nInterrupted; the tenant is ended.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
