# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command sink: what the command gets, what is noted of it, and what its failures say."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from sink_part import NEW, OLD, VALUES, both, locks, shows_a_secret

from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError, WriteRefused
from ansible_collections.m365.hybrid.plugins.module_utils.clients.sink_command import CommandSink
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Record

__all__ = ["locks"]

Make = Callable[..., CommandSink]
NOTED = Record(replace(OLD, value=None))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes" / "mailer.yml"


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    return tmp_path / "taken"


@pytest.fixture
def make(record: Path, taken: Path) -> Make:
    """A sink whose command keeps what it gets, its arguments, and its environment, and then does what it is told."""

    def sink(then: str = "", read_only: bool = False, **options: Any) -> CommandSink:
        keeping = (
            "import os, sys, time, subprocess, signal\n"
            "given = sys.stdin.buffer.read().decode()\n"
            f"told = open('/proc/self/cmdline').read() + repr(sorted(os.environ.items()))\n"
            f"open({str(taken)!r}, 'a').write(given + 'told ' + repr(told) + '\\n')\n"
        )
        argv = [sys.executable, "-c", keeping + then]
        return CommandSink({"argv": argv, "record": str(record), **options}, read_only)

    return sink


def test_the_current_secret_goes_to_standard_input_and_nowhere_else(make: Make, record: Path, taken: Path) -> None:
    make().write(Record(OLD))
    given, told, _end = taken.read_text().split("\n")
    assert given == OLD.value
    assert str(OLD.value) not in told
    assert OLD.key_id in record.read_text()
    assert str(OLD.value) not in record.read_text()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert make().read() == NOTED


def test_each_secret_is_given_once(make: Make, taken: Path) -> None:
    make().write(Record(OLD))
    delivered = replace(OLD, delivered="2026-11-23T00:00:00Z")
    make().write(Record(delivered))
    make().write(Record(make().read().current, NEW))
    assert taken.read_text().count("\ntold ") == 1
    assert make().read() == Record(replace(delivered, value=None), replace(NEW, value=None))
    make().write(Record(NEW))
    assert [line for line in taken.read_text().splitlines() if not line.startswith("told")] == [*VALUES]
    assert make().read() == Record(replace(NEW, value=None))


def test_what_only_waits_is_only_noted(make: Make, record: Path, taken: Path) -> None:
    make().write(Record(None, NEW))
    assert not taken.exists()
    assert sorted(yaml.safe_load(record.read_text())) == [
        f"client_secret_next_{name}" for name in ("application", "ends", "key_id", "made")
    ]


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("sys.exit(3)", "ended with exit code 3."),
        ("sys.stderr.write('no such host\\nand more'); sys.exit(4)", "ended with exit code 4: no such host"),
        ("sys.stderr.write('cannot store ' + given); sys.exit(1)", "exit code 1: cannot store ********"),
        ("sys.stderr.write(given[:-1] + 'x' * 999); sys.exit(1)", "exit code 1: ********" + "x" * 292),
        (
            "import base64; sys.exit('b ' + base64.b64encode(given[:-1].encode()).decode() + ' ' + repr(given[:-1]))",
            "exit code 1: b ******** '********'",
        ),
        ("sys.stdout.write('out'); os.kill(os.getpid(), signal.SIGTERM)", "was ended by signal 15."),
    ],
)
def test_a_command_that_fails_is_told_and_nothing_is_noted(then: str, said: str, make: Make) -> None:
    make().write(Record(OLD))
    with pytest.raises(ServiceError) as caught:
        make(then).write(Record(NEW))
    assert said in str(caught.value)
    assert "and more" not in str(caught.value)
    assert len(str(caught.value)) < 700
    assert not shows_a_secret(caught.value)
    assert make().read() == NOTED


def test_a_command_that_hangs_is_ended_with_all_that_it_started(record: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    argv = ["sh", "-c", f"sleep 60 & echo $! > '{child}'; wait"]
    begun = time.monotonic()
    with pytest.raises(ServiceError, match=r"did not end within 4 seconds") as caught:
        CommandSink({"argv": argv, "record": str(record), "timeout": 4.0}, False).write(Record(NEW))
    assert time.monotonic() - begun < 30
    assert not shows_a_secret(caught.value)
    assert CommandSink({"argv": argv, "record": str(record)}, False).read() == Record()
    status = Path(f"/proc/{child.read_text().strip()}/stat")
    # A process that was killed is there until its parent takes notice; then its state is Z, or X.
    while (
        time.monotonic() - begun < 30
        and status.exists()
        and status.read_text().rpartition(")")[2].split()[0] not in "ZX"
    ):
        time.sleep(0.05)
    assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] in "ZX"


def test_a_command_that_does_not_read_its_input_may_succeed(record: Path) -> None:
    CommandSink({"argv": ["true"], "record": str(record)}, False).write(Record(replace(OLD, value="x" * 200_000)))
    assert CommandSink({"argv": ["true"], "record": str(record)}, False).read() == NOTED


def test_no_shell_reads_the_arguments(record: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    CommandSink({"argv": ["echo", f"$(touch {touched})"], "record": str(record)}, False).write(Record(OLD))
    assert not touched.exists()


def test_a_record_that_cannot_be_written_afterwards_says_that_the_command_has_it(make: Make, record: Path) -> None:
    with pytest.raises(ServiceError, match="The command has the new secret already") as caught:
        make(f"import shutil; shutil.rmtree({str(record.parent)!r})").write(Record(NEW))
    assert not shows_a_secret(caught.value)


def test_a_note_cannot_be_given_to_the_command(make: Make, taken: Path) -> None:
    with pytest.raises(ServiceError, match="Only a note"):
        make().write(Record(replace(NEW, value=None)))
    assert not taken.exists()


def test_the_file_of_a_file_sink_is_no_record(make: Make, record: Path, taken: Path) -> None:
    sink = make()
    sink._record.write(both())
    content = record.read_text()
    for act in (sink.read, lambda: sink.write(Record(NEW))):
        with pytest.raises(ServiceError, match="holds a secret"):
            act()
    assert record.read_text() == content
    assert not taken.exists()


def test_a_missing_command_is_known_before_a_secret_is_made(record: Path) -> None:
    absent = CommandSink({"argv": ["/no/such/command"], "record": str(record)}, False)
    with pytest.raises(ServiceError, match="There is no command /no/such/command"), absent.alone():
        pytest.fail("a secret would be made that cannot be kept")
    with pytest.raises(ServiceError, match="No such file or directory"):
        absent.write(Record(NEW))


def test_a_second_run_is_refused(make: Make) -> None:
    with make().alone(), pytest.raises(ServiceError, match="Another run"), make().alone():
        pytest.fail("two runs at a time")


def test_nothing_is_run_in_check_mode(make: Make, record: Path, taken: Path) -> None:
    with make(read_only=True).alone(), pytest.raises(WriteRefused):
        make(read_only=True).write(Record(NEW))
    assert not taken.exists()
    assert os.listdir(record.parent) == []


@pytest.mark.parametrize("options", [{"argv": []}, {"argv": [""]}, {"timeout": -1.0}, {"timeout": float("nan")}])
def test_options_that_make_no_sense(options: dict[str, Any], make: Make) -> None:
    with pytest.raises(ServiceError, match=r"sink\.command\."):
        make(**options)
