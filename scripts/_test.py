# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the collection's tests and closes with one line that counts them. Started by scripts/test."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import _preparation as preparation
from _preparation import ROOT, WORK, say

TIME_LIMIT = 30 * 60
SHOWN_LINES = 150
TEST_REQUIREMENTS = "tests/unit/requirements.txt"
TOOL_REQUIREMENTS = (TEST_REQUIREMENTS, "requirements-dev.txt")
# ansible-core series -> Pythons that its controller side runs on and this collection supports, the best first.
MATRIX = {
    "2.16": ("3.11", "3.12"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.13", "3.12", "3.14"),
}
MEMORY_FOR_TWO = 4 * 2**30
# Each has a tenant and a directory server of its own.
MOST_WORKERS = 6


@dataclass(frozen=True)
class Count:
    """How many tests or checks ended in which way."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass(frozen=True)
class Place:
    """Where a step runs: the programs of one virtual environment, a home of its own, and a copy of the collection."""

    name: str
    core: str
    binaries: Path
    workers: int = 2

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment; a home per place, because ansible-test keeps its own caches there."""
        home = WORK / f"home/{self.name}"
        home.mkdir(parents=True, exist_ok=True)
        environment = preparation.python_environment(self.binaries)
        return {**environment, "HOME": str(home), "ANSIBLE_HOME": str(home / ".ansible"), "PIP_QUIET": "1"}

    @property
    def copy(self) -> Path:
        """Return where `copy_collection` puts the collection for this place."""
        return WORK / f"copy/{self.name}/ansible_collections/m365/hybrid"


class Log:
    """The log file of one step, and the commands whose output goes into it."""

    def __init__(self, name: str) -> None:
        self.path = WORK / f"logs/{name}.log"
        self.path.write_text("")

    def run(self, command: Sequence[str], environment: dict[str, str], directory: Path = ROOT) -> int:
        """Run a command in a process group of its own; return its exit status, 124 when its time ran out."""
        with self.path.open("a") as output:
            print("$", *command, file=output, flush=True)
            process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            RUNNING.add(process)
            try:
                return process.wait(TIME_LIMIT)
            except subprocess.TimeoutExpired:
                print(f"Stopped after {TIME_LIMIT} seconds.", file=output)
                return 124
            finally:
                _end(process)
                RUNNING.discard(process)

    def note(self, text: str) -> None:
        """Add a line of our own."""
        with self.path.open("a") as output:
            print(text, file=output)

    def tail(self) -> str:
        """Return the end of the log, for the screen."""
        lines = self.path.read_text(errors="replace").splitlines()
        left_out = [f"[... {self.path} has it all]"] if len(lines) > SHOWN_LINES else []
        return "\n".join(f"    {line}" for line in [*left_out, *lines[-SHOWN_LINES:]])


RUNNING: set[subprocess.Popen[bytes]] = set()
PRINTING = threading.Lock()
Step = Callable[[Place, Log], Count]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a command's process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def commands(place: Place, log: Log, *lines: Sequence[str], directory: Path = ROOT) -> Count:
    """Run commands as one check, which passes when all of them do."""
    statuses = [log.run(line, place.environment, directory) for line in lines]
    return Count(failed=1) if any(statuses) else Count(passed=1)


def ruff(place: Place, log: Log) -> Count:
    """Style, likely bugs and formatting; the scripts without extension by bash itself."""
    scripts = [
        ["bash", "-n", name]
        for name in ("scripts/_environment", "scripts/demo", "scripts/test", "scripts/benchmark", ".ci/run")
    ]
    return commands(
        place, log, ["ruff", "check", "."], ["ruff", "format", "--check", "--output-format", "concise", "."], *scripts
    )


def mypy(place: Place, log: Log) -> Count:
    """Types, strictly, where pyproject.toml says."""
    return commands(place, log, ["mypy"])


def requirements(_place: Place, log: Log) -> Count:
    """ansible-test follows no `-r` lines, so one requirement file repeats what two others say."""
    every = _required(TEST_REQUIREMENTS)
    missing = {line for name in preparation.DEMO_REQUIREMENTS for line in _required(name)} - every
    log.note(f"missing in {TEST_REQUIREMENTS}: {sorted(missing)}")
    return Count(failed=1) if missing else Count(passed=1)


def _required(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def unit(place: Place, log: Log) -> Count:
    """The unit tests."""
    return _pytest(place, log, ["-n", str(place.workers), "tests/unit"], [])


def integration(place: Place, log: Log) -> Count:
    """The playbooks against the rehearsal tenant and Samba, which may need ports of their own."""
    # A third of the time they wait for a process or a clock, so one more than there are cores keeps these busy.
    workers = min((os.cpu_count() or 1) + 1, MOST_WORKERS)
    return _pytest(place, log, ["-n", str(workers), "tests/integration"], preparation.lab_prefix(place.environment))


def _pytest(place: Place, log: Log, arguments: Sequence[str], prefix: Sequence[str]) -> Count:
    report = log.path.with_suffix(".xml")
    report.unlink(missing_ok=True)
    scratch = WORK / f"tmp/pytest-{log.path.stem}"
    options = [f"--junitxml={report}", f"--basetemp={scratch}", "-o", f"cache_dir={WORK}/cache/pytest-{place.name}"]
    # On a busy machine Hypothesis fails tests for being slow, except in the profile that it has for this.
    options += ["--hypothesis-profile=ci"]
    python = str(place.binaries / "python")
    status = log.run([*prefix, python, "-m", "pytest", *options, *arguments], place.environment)
    count = _counted(report) if report.exists() else Count()
    # No test at all, or an end before the report, is a failure too.
    return count if status == 0 or count.failed else count + Count(failed=1)


def _counted(report: Path) -> Count:
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 - our own pytest wrote it

    def total(kind: str) -> int:
        return sum(int(suite.get(kind, 0)) for suite in suites)

    failed, skipped = total("failures") + total("errors"), total("skipped")
    return Count(total("tests") - failed - skipped, failed, skipped)


def copy_collection(place: Place) -> None:
    """Lay the files that git knows or would add where ansible-test looks for a collection: it follows no links."""
    shutil.rmtree(place.copy, ignore_errors=True)
    place.copy.mkdir(parents=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, map(os.fsdecode, names)):
        if (ROOT / name).exists():
            (place.copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place.copy / name, follow_symlinks=False)
    # Without a repository of its own, ansible-test asks the checkout's, which ignores everything below .work.
    subprocess.run(["git", "init", "--quiet", str(place.copy)], check=True)


def in_copy(place: Place) -> dict[str, str]:
    """Return an environment in which Ansible finds the copy instead of the checkout."""
    return {**place.environment, "ANSIBLE_COLLECTIONS_PATH": str(place.copy.parents[2])}


def sanity(place: Place, log: Log) -> Count:
    """Every sanity test of ansible-test, on the Python of this place."""
    copy_collection(place)
    _bootstrap_pip(place)
    version = place.binaries.parent.name.rsplit(".", 1)[0]
    command = ["ansible-test", "sanity", "--color", "no", "--python", version]
    return Count(failed=1) if log.run(command, in_copy(place), place.copy) else Count(passed=1)


def _bootstrap_pip(place: Place) -> None:
    """Spare ansible-test the download of its own pip installer from a host that is no package registry.

    It takes a script of that name from its cache; ours lets the pip of the virtual environment do the same work.
    """
    located = [str(place.binaries / "python"), "-c", "import ansible_test; print(ansible_test.__file__)"]
    package = Path(subprocess.run(located, capture_output=True, text=True, check=True).stdout.strip()).parent
    source = (package / "_internal/python_requirements.py").read_text()
    for version in set(re.findall(r"pip='([0-9.]+)'", source)):
        script = Path(place.environment["HOME"], ".ansible/test/cache", f"get_pip_{version.replace('.', '_')}.py")
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(
            "import os, sys\n"
            "arguments = [word for word in sys.argv[1:] if word not in ('--no-setuptools', '--no-wheel')]\n"
            f"pip = [{str(place.binaries / 'python')!r}, '-m', 'pip', '--python', sys.executable, 'install']\n"
            "os.execv(pip[0], pip + arguments)\n"
        )


def ansible_lint(place: Place, log: Log) -> Count:
    """Playbooks, roles and metadata by the strictest profile."""
    copy_collection(place)
    return _in_copy(place, log, ["ansible-lint", "--profile", "production", "--offline", "--nocolor"])


def docs(place: Place, log: Log) -> Count:
    """Documentation of plugins and roles, and the guides."""
    copy_collection(place)
    return _in_copy(place, log, ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "."])


def changelog(place: Place, log: Log) -> Count:
    """Changelog fragments."""
    copy_collection(place)
    return _in_copy(place, log, ["antsibull-changelog", "lint"])


def build(place: Place, log: Log) -> Count:
    """The artifact as Galaxy would get it."""
    copy_collection(place)
    shutil.rmtree(WORK / "build", ignore_errors=True)
    return _in_copy(place, log, ["ansible-galaxy", "collection", "build", "--output-path", str(WORK / "build")])


def _in_copy(place: Place, log: Log, command: Sequence[str]) -> Count:
    return Count(failed=1) if log.run(command, in_copy(place), place.copy) else Count(passed=1)


def importer(place: Place, log: Log) -> Count:
    """What Galaxy does on upload. Its exit status proves little, so its log must be free of warnings too."""
    built = build(place, log)
    if built.failed:
        return built
    settings = WORK / "build/importer.cfg"
    settings.write_text("[galaxy-importer]\nOFFLINE_ANSIBLE_LINT = True\nRUN_ANSIBLE_TEST = False\n")
    binaries = preparation.virtual_environment([f"ansible-core=={place.core}.*", "galaxy-importer>=0.4.44"], [])
    environment = Place("importer", place.core, binaries).environment | {"GALAXY_IMPORTER_CONFIG": str(settings)}
    environment.pop("ANSIBLE_COLLECTIONS_PATH")
    artifact = next((WORK / "build").glob("*.tar.gz")).name
    status = log.run([str(binaries / "python"), "-m", "galaxy_importer.main", artifact], environment, WORK / "build")
    complaints = re.findall(r"^.*(?:ERROR|WARNING).*$", log.path.read_text(), re.MULTILINE)
    return Count(failed=1) if status or complaints else Count(passed=1)


STEPS: dict[str, Step] = {
    "ruff": ruff,
    "mypy": mypy,
    "requirements": requirements,
    "unit": unit,
    "integration": integration,
    "sanity": sanity,
    "ansible-lint": ansible_lint,
    "docs": docs,
    "changelog": changelog,
    "build": build,
    "importer": importer,
}
NEEDS_SAMBA = {"unit", "integration"}
NEEDS_WINE = {"integration"}
# These spend most of their time waiting for each other's processes, so the other steps run beside them.
RUNNING_TESTS = ("unit", "integration")


def run_step(name: str, step: Step, place: Place) -> Count:
    """Run one step and say in a line how it went; show the end of its log when it failed."""
    started = time.monotonic()
    log = Log(name.replace(" ", "-"))
    count = step(place, log)
    with PRINTING:
        say(f"{'FAILED' if count.failed else 'ok':<7}{name:<28}{time.monotonic() - started:6.0f} s   {count}")
        if count.failed:
            say(log.tail())
    return count


def matrix(done: str) -> Count:
    """Run unit tests and sanity on the other series of ansible-core, two at a time where memory allows."""
    pythons, total = found_pythons(), Count()
    side_by_side = at_once()
    places = []
    for core in sorted(set(MATRIX) - {done}, key=lambda series: [int(part) for part in series.split(".")]):
        python = next((pythons[version] for version in MATRIX[core] if version in pythons), None)
        if python:
            packages = [f"ansible-core=={core}.*"]
            binaries = preparation.virtual_environment(packages, [TEST_REQUIREMENTS], python)
            places.append(Place(f"core-{core}", core, binaries, workers=2 // side_by_side))
        else:
            wanted, there = " or ".join(MATRIX[core]), ", ".join(pythons) or "none"
            say(f"NOT RUN ansible-core {core}: it needs Python {wanted}; on this machine: {there}")
            total += Count(skipped=1)
    with ThreadPoolExecutor(side_by_side) as pool:
        return sum(pool.map(_unit_and_sanity, places), total)


def _unit_and_sanity(place: Place) -> Count:
    python = place.binaries.parent.name.split("-")[0]
    say(f"        ansible-core {place.core} on Python {python}")
    steps = {"unit": unit, "sanity": sanity}
    return sum((run_step(f"{name} {place.core}", step, place) for name, step in steps.items()), Count())


def found_pythons() -> dict[str, str]:
    """Return version -> path of every Python from 3.11 on that is found and really works."""
    folders = [Path(part) for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.join(os.environ.get("M365_CALLERS_HOME", ""), ".pyenv")
    roots = {Path(pyenv), *(folder.parent for folder in folders if folder.name == "shims")}
    folders += [path for root in sorted(roots) for path in sorted(root.glob("versions/*/bin"))]
    versions = sorted({version for wanted in MATRIX.values() for version in wanted})
    candidates = [folder / f"python{version}" for version in versions for folder in folders]
    script = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2], sys.executable)"
    found: dict[str, str] = {".".join(map(str, sys.version_info[:2])): sys.executable}
    for candidate in filter(Path.is_file, candidates):
        try:
            answer = subprocess.run([candidate, "-c", script], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if answer.returncode == 0:
            version, path = answer.stdout.strip().split(" ", 1)
            found.setdefault(version, path)
    return found


def at_once() -> int:
    """How many things to run side by side: one where nobody waits (CI), because then nothing is short of time."""
    return 1 if os.environ.get("CI") or _free_memory() < MEMORY_FOR_TWO else 2


def _free_memory() -> int:
    """Return the bytes of memory that Linux reckons available."""
    match = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(match[1]) * 1024 if match else 0


def wanted() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/test", description="Run every test of the collection.")
    parser.add_argument("steps", nargs="*", metavar="NAME", help=f"only these steps: {', '.join(STEPS)}")
    every = ", ".join(MATRIX)
    parser.add_argument("--matrix", action="store_true", help=f"also unit and sanity on ansible-core {every}")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.steps if name not in STEPS]
    if unknown:
        parser.error(f"there is no step {', '.join(unknown)}; the steps are {', '.join(STEPS)}")
    return arguments


def run_all(arguments: argparse.Namespace) -> Count:
    """Prepare, run the wanted steps, and return the sum."""
    names = arguments.steps or list(STEPS)
    core = preparation.default_core()
    preparation.link_collection()
    if NEEDS_SAMBA & set(names):
        preparation.samba()
    if NEEDS_WINE & set(names):
        preparation.wine()
    place = Place("tools", core, preparation.virtual_environment([f"ansible-core=={core}.*"], TOOL_REQUIREMENTS))
    say(f"ansible-core {core} on Python {sys.version.split()[0]}")
    lanes = [
        [name for name in names if name in RUNNING_TESTS],
        [name for name in names if name not in RUNNING_TESTS],
    ]
    with ThreadPoolExecutor(at_once()) as pool:
        total = sum(pool.map(lambda lane: run_lane(lane, place), lanes), Count())
    return total + matrix(core) if arguments.matrix else total


def run_lane(names: Sequence[str], place: Place) -> Count:
    """Run steps one after the other."""
    return sum((run_step(name, STEPS[name], place) for name in names), Count())


def main() -> int:
    """Run it all; 0 when nothing failed, 1 when something did, 2 when it could not even start."""
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(143))
    try:
        total = run_all(wanted())
    except preparation.Missing as missing:
        say(str(missing))
        return 2
    finally:
        for process in list(RUNNING):
            _end(process)
    say(str(total))
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
