# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file sink: what stands in the file, what is kept, who may read it, and what survives any end of a run."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sink_part import NEW, OLD, VALUES, both, locks, secret, shows_a_secret

from ansible_collections.m365.hybrid.plugins.module_utils.clients import sink_file, variables_file
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError, WriteRefused
from ansible_collections.m365.hybrid.plugins.module_utils.clients.sink_file import FileSink
from ansible_collections.m365.hybrid.plugins.module_utils.clients.sinks import Sinks
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Record

__all__ = ["locks"]

MINE = textwrap.dedent("""\
    # Mail of the shop. Ask Anna before you change it.
    ---
    smtp_host: smtp.office365.com   # submission

    mailbox_password: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      3132
    defaults: &defaults {port: 587}
    smtp: *defaults
    names:
      - Jörg
      - "日本"
    """)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "vars").mkdir()
    return tmp_path / "vars" / "mailer.yml"


def sink(path: Path, read_only: bool = False, **options: Any) -> FileSink:
    return FileSink({"path": str(path), **options}, read_only)


def entries(path: Path) -> list[str]:
    return sorted(os.listdir(path.parent))


def test_what_is_written_is_read(path: Path) -> None:
    assert sink(path).read() == Record()
    for record in (
        Record(None, NEW),
        Record(OLD),
        both(),
        Record(secret(2, delivered="2026-11-23T00:00:00Z")),
        Record(),
    ):
        sink(path).write(record)
        assert sink(path).read() == record
        assert entries(path) == ["mailer.yml"]


def test_the_file_is_variables_for_its_owner_only(path: Path) -> None:
    mask = os.umask(0)
    try:
        sink(path).write(both())
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert yaml.safe_load(path.read_text()) == {
        "client_secret": OLD.value,
        "client_secret_key_id": OLD.key_id,
        "client_secret_application": OLD.application,
        "client_secret_made": OLD.made,
        "client_secret_ends": OLD.ends,
        "client_secret_next": NEW.value,
        "client_secret_next_key_id": NEW.key_id,
        "client_secret_next_application": NEW.application,
        "client_secret_next_made": NEW.made,
        "client_secret_next_ends": NEW.ends,
    }


def test_a_file_that_others_could_read_is_closed(path: Path) -> None:
    path.write_text(MINE)
    path.chmod(0o644)
    sink(path).write(Record(OLD))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_everything_else_in_the_file_stays(path: Path) -> None:
    path.write_text(MINE)
    sink(path).write(both())
    assert path.read_text().startswith(MINE)
    sink(path, prefix="calendar").write(Record(NEW))
    assert sink(path).read() == both()
    sink(path).write(Record(NEW))
    sink(path).write(Record())
    assert sink(path, prefix="calendar").read() == Record(NEW)
    sink(path, prefix="calendar").write(Record())
    assert path.read_text() == MINE


def test_ours_stay_where_they_are(path: Path) -> None:
    sink(path).write(both())
    path.write_text("first: 1\n" + path.read_text().removeprefix("---\n") + "last: 2")
    sink(path).write(Record(NEW))
    assert list(yaml.safe_load(path.read_text()))[:2] == ["first", "client_secret"]
    assert path.read_text().endswith("\nlast: 2")


@given(st.text().filter(lambda text: text.isprintable()))
def test_any_text_survives_the_file(value: str) -> None:
    wanted = {"client_secret": value} if value else {}
    text = variables_file.edited("# mine\nother: 1", ["client_secret"], wanted)
    assert variables_file.own(text, ["client_secret"]) == wanted
    assert yaml.safe_load(text) == {"other": 1, **wanted}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("client_secret: somebody's\n", "without client_secret_key_id"),
        ("client_secret_next: somebody's\n", "without client_secret_next_key_id"),
        ("client_secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n", "client_secret is not a text"),
        ("client_secret: [somebody's]\n", "client_secret is not a text"),
        ("client_secret: 1\nclient_secret: 2\n", "twice"),
        ("somebody's\n", "not a mapping"),
        ("- somebody's\n", "not a mapping"),
        ("a: 'somebody's\n", r"not YAML \(line 1\)"),
        ("a: 1\n---\nb: somebody's\n", "not YAML"),
        ("a: \x01somebody's", "not YAML"),
    ],
)
def test_what_somebody_else_wrote_is_told_and_not_overwritten(content: str, said: str, path: Path) -> None:
    path.write_text(content)
    for act in (sink(path).read, lambda: sink(path).write(Record(NEW))):
        with pytest.raises(ServiceError, match=said) as caught:
            act()
        assert "somebody's" not in str(caught.value)
    assert path.read_text() == content


@pytest.mark.parametrize(
    "content", ["{a: 1}\n", "a: 1\n...\n", "? client_secret\n: null\n? b\n: 2 # c\n? d\n: &a client_secret\n? *a\n: 3"]
)
def test_a_file_that_cannot_be_changed_line_by_line_is_left_alone(content: str, path: Path) -> None:
    path.write_text(content)
    with pytest.raises(ServiceError, match=r"lines of their own|not YAML|twice"):
        sink(path).write(Record(NEW))
    assert path.read_text() == content


def test_an_anchor_on_ours_that_others_use_is_not_torn_out(path: Path) -> None:
    sink(path).write(Record(OLD))
    content = path.read_text().replace("client_secret: ", "client_secret: &it ") + "copy: *it\n"
    path.write_text(content)
    with pytest.raises(ServiceError, match="cannot hold the secret"):
        sink(path).write(Record(NEW))
    assert path.read_text() == content


def test_not_utf_8(path: Path) -> None:
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(ServiceError, match="not UTF-8"):
        sink(path).read()


def test_a_link_stays_and_what_it_leads_to_is_replaced(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept.yml"
    path.symlink_to(target)
    sink(path).write(Record(OLD))
    assert path.is_symlink()
    assert yaml.safe_load(target.read_text())["client_secret"] == OLD.value
    assert sink(target).read() == sink(path).read()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(make: Callable[[Path], None], path: Path) -> None:
    make(path)
    with pytest.raises(ServiceError, match=r"not an ordinary file|Is a directory"):
        sink(path).read()


def test_a_missing_directory_is_not_an_empty_sink(path: Path) -> None:
    absent = sink(path.parent / "not-mounted" / "mailer.yml")
    for act in (absent.read, lambda: absent.write(Record(NEW)), lambda: absent.alone().__enter__()):
        with pytest.raises(ServiceError, match="No such file or directory") as caught:
            act()
        assert "Make the directory first" in str(caught.value)


def test_a_file_of_somebody_else_is_not_taken_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink(path).write(Record(OLD))
    owner = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: owner)
    for act in (lambda: sink(path).write(Record(NEW)), lambda: sink(path).alone().__enter__()):
        with pytest.raises(ServiceError, match="belongs to another user"):
            act()
    assert sink(path).read() == Record(OLD)


FAILURES = [
    ("write", errno.ENOSPC, "No space left on device", "Make room"),
    ("fsync", errno.ENOSPC, "No space left on device", "Make room"),
    ("fsync", errno.EIO, "Input/output error", ""),
    ("close", errno.ENOSPC, "No space left on device", "Make room"),
    ("close", errno.EDQUOT, "Disk quota exceeded", "quota"),
    ("open", errno.EROFS, "Read-only file system", "mount it for writing"),
    ("open", errno.EACCES, "Permission denied", "Run as a user who may"),
    ("replace", errno.EPERM, "Operation not permitted", "Run as a user who may"),
]


@pytest.mark.parametrize(("call", "code", "said", "advice"), FAILURES)
def test_a_write_that_fails_leaves_the_file_as_it_was(
    call: str, code: int, said: str, advice: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(MINE)
    sink(path).write(Record(OLD))
    content, real = path.read_bytes(), getattr(os, call)

    def failing(*args: Any, **kwargs: Any) -> Any:
        about = os.readlink(f"/proc/self/fd/{args[0]}") if isinstance(args[0], int) else str(args[0])
        result = real(*args, **kwargs) if call == "close" else None
        if sink_file.SUFFIX in about:
            raise OSError(code, os.strerror(code), about)
        return result if call == "close" else real(*args, **kwargs)

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(ServiceError) as caught:
        sink(path).write(both())
    monkeypatch.undo()
    assert said in str(caught.value)
    assert advice in str(caught.value)
    assert "What it held before is untouched." in str(caught.value)
    assert not caught.value.ambiguous
    assert not shows_a_secret(caught.value)
    assert path.read_bytes() == content
    assert entries(path) == ["mailer.yml"]


def test_a_directory_that_cannot_be_confirmed_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_directory: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(sink_file, "sync_directory", failing)
    with pytest.raises(ServiceError, match="the disk did not confirm") as caught:
        sink(path).write(Record(NEW))
    assert caught.value.ambiguous


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_directory_that_takes_no_file_is_known_before_a_secret_is_made(
    code: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def failing(name: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_ACCMODE and str(name).startswith(str(path.parent)):
            raise OSError(code, os.strerror(code), name)
        return real(name, flags, *more, **named)

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(ServiceError, match="Nothing was changed") as caught, sink(path).alone():
        pytest.fail("a secret would be made that cannot be kept")
    assert os.strerror(code) in str(caught.value)


def test_check_mode_says_the_same_without_trying(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _name, mode: not mode & os.W_OK)
    with pytest.raises(ServiceError, match="Permission denied"), sink(path, read_only=True).alone():
        pytest.fail("the plan would be wrong")


def test_short_writes_are_completed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, content[:7]))
    sink(path).write(both())
    assert sink(path).read() == both()


def test_the_disk_is_asked_in_the_right_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def spied(name: str) -> None:
        real = getattr(os, name)

        def spy(*args: Any, **kwargs: Any) -> Any:
            target = os.readlink(f"/proc/self/fd/{args[0]}") if isinstance(args[0], int) else str(args[0])
            kind = "temporary" if target.endswith(sink_file.SUFFIX) else "directory" if os.path.isdir(target) else ""
            if kind and (name, kind) != ("close", "directory"):
                calls.append(f"{name} {kind}")
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, spy)

    for name in ("write", "fsync", "close", "replace"):
        spied(name)
    sink(path).write(Record(NEW))
    assert calls == ["write temporary", "fsync temporary", "close temporary", "replace temporary", "fsync directory"]


def test_leftovers_of_a_killed_run_go_and_nothing_else(path: Path) -> None:
    (path.parent / f".mailer.yml.abcd1234{sink_file.SUFFIX}").write_text("half a secret")
    (path.parent / f".other.yml.abcd1234{sink_file.SUFFIX}").write_text("not ours")
    (path.parent / ".mailer.yml.swp").write_text("an editor's")
    sink(path).write(Record(NEW))
    assert entries(path) == [".mailer.yml.swp", f".other.yml.abcd1234{sink_file.SUFFIX}", "mailer.yml"]


KILLED = """
import os, signal, sys
from ansible_collections.m365.hybrid.plugins.module_utils.clients import sink_common
from ansible_collections.m365.hybrid.plugins.module_utils.clients.sink_file import FileSink
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Record, Stored

path, locks, last, after = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "after"
sink_common.lock_directory = lambda: locks
old, new = (Stored(*words.split()) for words in sys.stdin.read().splitlines())
counted = 0

def killing(real):
    def call(*args, **kwargs):
        global counted
        counted += 1
        number = counted
        if number == last and not after:
            if real is original_write:
                original_write(args[0], bytes(args[1])[:9])
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return real(*args, **kwargs)
        finally:
            if number == last:
                os.kill(os.getpid(), signal.SIGKILL)
    return call

original_write = os.write
sink = FileSink({"path": path}, False)
import fcntl, tempfile, yaml
for module, name in [(os, "open"), (os, "write"), (os, "fsync"), (os, "close"), (os, "replace"), (os, "unlink"),
                     (os, "stat"), (os, "scandir"), (os, "fdopen"), (os, "makedirs"), (fcntl, "flock")]:
    setattr(module, name, killing(getattr(module, name)))
sink.write(Record(old, new))
print(counted)
"""


def write_and_be_killed(path: Path, locks: Path, last: int, after: str) -> subprocess.CompletedProcess[str]:
    given = "\n".join(" ".join(filter(None, vars(stored).values())) for stored in (OLD, NEW))
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(locks), str(last), after],
        input=given,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )


@pytest.mark.parametrize("after", ["before", "after"])
def test_a_run_that_is_killed_at_any_call_leaves_the_old_record_or_the_new_one(
    after: str, path: Path, locks: Path
) -> None:
    path.write_text(MINE)
    sink(path).write(Record(OLD))
    before = path.read_bytes()
    whole = write_and_be_killed(path, locks, 0, after)
    assert whole.returncode == 0, whole.stderr
    expected, calls = path.read_bytes(), int(whole.stdout)
    assert calls > 10
    outcomes = set()
    for last in range(1, calls + 1):
        path.write_bytes(before)
        path.chmod(0o600)
        killed = write_and_be_killed(path, locks, last, after)
        assert killed.returncode == -9, killed.stderr
        content = path.read_bytes()
        assert content in (before, expected), f"torn at call {last}"
        assert all(stat.S_IMODE(entry.stat().st_mode) == 0o600 for entry in path.parent.iterdir())
        outcomes.add(content == expected)
        sink(path).write(Record(OLD))
        assert path.read_bytes() == before
        assert entries(path) == ["mailer.yml"], f"leftovers of call {last}"
    assert outcomes == {True, False}


def test_a_second_run_is_refused_at_once(path: Path) -> None:
    with sink(path).alone():
        with pytest.raises(ServiceError, match="Another run"), sink(path).alone():
            pytest.fail("two runs at a time")
        with sink(path, prefix="another").alone():
            sink(path, prefix="another").write(Record(NEW))
        sink(path).write(Record(OLD))
    with sink(path).alone():
        assert sink(path).read() == Record(OLD)


def test_a_lock_through_a_link_is_the_same_lock(path: Path) -> None:
    link = path.parent / "link.yml"
    link.symlink_to(path)
    with sink(path).alone(), pytest.raises(ServiceError, match="Another run"), sink(link).alone():
        pytest.fail("two runs at a time")


def test_writers_of_one_file_lose_nothing(path: Path) -> None:
    def write(number: int) -> None:
        for _again in range(5):
            sink(path, prefix=f"app{number}").write(Record(secret(number)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sink(path, prefix=f"app{number}").read() for number in range(1, 6)] == [
        Record(secret(number)) for number in range(1, 6)
    ]


def test_nothing_is_written_in_check_mode(path: Path, locks: Path) -> None:
    with sink(path, read_only=True).alone(), pytest.raises(WriteRefused) as caught:
        sink(path, read_only=True).write(Record(NEW))
    assert not shows_a_secret(caught.value)
    assert entries(path) == []
    assert not locks.exists()


class Rot13:
    """A vault that anybody can look into, which is enough to see what is encrypted and when."""

    def encrypt(self, plain: bytes, vault_id: str | None) -> bytes:
        if vault_id == "unknown":
            raise ServiceError("There is no identity unknown.")
        return sink_file.VAULT_HEADER + b"1.2;AES256;" + (vault_id or "default").encode() + b"\n" + plain.hex().encode()

    def decrypt(self, sealed: bytes) -> bytes:
        return bytes.fromhex(sealed.partition(b"\n")[2].decode())


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Rot13:
    monkeypatch.setattr(sink_file, "vault", Rot13())
    return Rot13()


def test_an_encrypted_file_holds_no_plain_value_at_any_time(
    path: Path, vault: Rot13, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(MINE)
    written: list[bytes] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: written.append(bytes(content)) or real(handle, content))
    sink(path, encrypt=True, vault_id="mail").write(both())
    assert path.read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;mail\n")
    assert not [value for value in VALUES for part in [*written, path.read_bytes()] if value.encode() in part]
    assert vault.decrypt(path.read_bytes()).decode().startswith(MINE)
    assert sink(path, encrypt=True).read() == sink(path).read() == both()


def test_an_encrypted_file_does_not_become_a_plain_one(path: Path, vault: Rot13) -> None:
    sink(path, encrypt=True).write(Record(OLD))
    content = path.read_bytes()
    for act in (lambda: sink(path).write(Record(NEW)), lambda: sink(path).alone().__enter__()):
        with pytest.raises(ServiceError, match="would no longer be"):
            act()
    assert path.read_bytes() == content


def test_an_identity_that_is_missing_is_known_before_a_secret_is_made(path: Path, vault: Rot13) -> None:
    with pytest.raises(ServiceError, match="no identity unknown"), sink(path, encrypt=True, vault_id="unknown").alone():
        pytest.fail("a secret would be made that cannot be kept")


def test_without_the_controller_nothing_is_encrypted(path: Path) -> None:
    with pytest.raises(ServiceError, match="process of its own"), sink(path, encrypt=True).alone():
        pytest.fail("a secret would be made that cannot be kept")
    with pytest.raises(ServiceError, match="Run it in the controller"):
        sink(path, encrypt=True).write(Record(NEW))
    assert entries(path) == []


def test_a_path_that_depends_on_the_working_directory_is_refused() -> None:
    with pytest.raises(ServiceError, match="not a whole one"):
        sink(Path("secrets/mailer.yml"))


def test_a_prefix_is_the_name_of_a_variable(path: Path) -> None:
    with pytest.raises(ServiceError, match="no name of a variable"):
        sink(path, prefix="a: b\nc")


def test_sinks_open_the_same_sink_for_the_same_words(path: Path) -> None:
    sinks = Sinks({}, False)
    wanted = {"file": {"path": str(path), "prefix": "a"}, "command": None, "azure_key_vault": None}
    assert sinks.open(wanted) is sinks.open(dict(wanted))
    assert sinks.open(wanted).where == f"the file {path}"
    assert sinks.warnings == []
