# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client secret in a file of variables on this machine, replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from ..domain.secret_record import Record, flat, variables
from .errors import ServiceError
from .sink_common import locked, record_in, refuse_writes
from .variables_file import NotEditable, edited, own

SUFFIX = ".m365-hybrid"
VAULT_HEADER = b"$ANSIBLE_VAULT;"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ADVICE = {
    errno.ENOENT: "Make the directory first, or correct the path.",
    errno.ENOTDIR: "Correct the path: one of its directories is a file.",
    errno.ENOSPC: "Make room on that file system.",
    errno.EDQUOT: "Make room: the quota of the user is used up.",
    errno.EROFS: "That file system is read-only; mount it for writing, or name another path.",
    errno.EACCES: "Run as a user who may, or give the user who runs this the right to.",
    errno.EPERM: "Run as a user who may, or give the user who runs this the right to.",
    errno.ELOOP: "Correct the path: a symbolic link leads to itself.",
}


class Vault(Protocol):
    """Ansible Vault with the identities of the play; its errors are ServiceError."""

    def encrypt(self, plain: bytes, vault_id: str | None) -> bytes:
        """The content of a vault file, for one identity or for the one that encrypts by default."""

    def decrypt(self, sealed: bytes) -> bytes:
        """What a vault file holds."""


# Set where the module runs inside the controller; a module's own process knows no vault passwords.
vault: Vault | None = None


class FileSink:
    """One record among the variables of a file.

    A symbolic link stays: what it leads to is replaced, because links lead out of a playbook's directory to where
    secrets are kept. Links above the file count the same way.

    Arguments:
        options: C(path), C(prefix), C(encrypt) and C(vault_id), as in the argument spec.
        read_only: refuse every write.
    """

    def __init__(self, options: Mapping[str, Any], read_only: bool) -> None:
        prefix = options.get("prefix") or "client_secret"
        if not _VARIABLE.fullmatch(prefix):
            raise ServiceError(f"The option sink.file.prefix is no name of a variable: {prefix!r}.")
        if not os.path.isabs(options["path"]):
            # A module's own process has another working directory than the controller, so this would be two places.
            raise ServiceError(
                f"The path of the file for a secret is not a whole one: {options['path']}.",
                advice="Write it from the root on, for example with inventory_dir or playbook_dir.",
            )
        self.where = f"the file {options['path']}"
        self._path = os.path.realpath(options["path"])
        self._layout = variables(prefix)
        self._identity = f"{self._path} {prefix}"
        self._encrypt = bool(options.get("encrypt"))
        self._vault_id = options.get("vault_id")
        self._read_only = read_only

    def read(self) -> Record:
        """The record in the file; an empty one if the file, in a directory that is there, is not."""
        return self._record(self._text())

    def write(self, record: Record) -> None:
        """Replace the record. Other variables stay, and the file is readable for its owner only.

        Raises:
            ServiceError: it could not be written; the file is as it was, unless the error is ambiguous.
        """
        refuse_writes(self._read_only, self.where)
        # Another prefix in the same file may be another run's.
        with locked(self.where, self._path, wait=True):
            self._check_owner()
            text = self._text()
            self._record(text)
            try:
                new = edited(text, self._layout.names, flat(record, self._layout))
            except NotEditable as problem:
                raise self._no_variables(problem) from None
            content = self._sealed(new.encode())
            with self._explained("written", "What it held before is untouched."):
                replace(self._path, content)
            with self._explained("made durable", "It is replaced, but the disk did not confirm that.", ambiguous=True):
                sync_directory(os.path.dirname(self._path))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs away, and see before a secret is made that it could be written. Only looks if read-only."""
        if self._read_only:
            self._foresee()
            yield
            return
        with locked(self.where, self._identity):
            self._foresee()
            yield

    def _foresee(self) -> None:
        self._check_owner()
        self._sealed(b"")
        directory = os.path.dirname(self._path)
        with self._explained("written", "Nothing was changed."):
            if self._read_only:
                os.stat(directory)
                if not os.access(directory, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            else:
                with tempfile.TemporaryFile(dir=directory):
                    pass

    def _text(self) -> str:
        content = self._content()
        if content.startswith(VAULT_HEADER):
            content = self._vault("read").decrypt(content)
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise self._no_variables("it is not UTF-8") from None

    def _content(self) -> bytes:
        with self._explained("read", ""):
            try:
                # Without O_NONBLOCK a named pipe would be waited for.
                handle = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                # A directory that is not there may be a file system that is not mounted: then nothing is known.
                os.stat(os.path.dirname(self._path))
                return b""
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise self._no_variables("it is not an ordinary file")
                return file.read()

    def _record(self, text: str) -> Record:
        try:
            held = own(text, self._layout.names)
        except NotEditable as problem:
            raise self._no_variables(problem) from None
        return record_in(held, self._layout, self.where)

    def _sealed(self, plain: bytes) -> bytes:
        """What is to stand in the file. It is encrypted before any file is made."""
        if self._encrypt:
            return self._vault("encrypted").encrypt(plain, self._vault_id)
        if self._content().startswith(VAULT_HEADER):
            raise ServiceError(
                f"{self._file()} is encrypted by Ansible Vault, and would no longer be.",
                advice="Set sink.file.encrypt=true, or name another path.",
            )
        return plain

    def _vault(self, verb: str) -> Vault:
        if vault is None:
            raise ServiceError(
                f"{self._file()} cannot be {verb}: this task runs in a process of its own, "
                "which knows no password of Ansible Vault.",
                advice="Run it in the controller (connection: local, no async, delegate_to, become or environment), "
                "or use sink.file without encrypt, or another sink.",
            )
        return vault

    def _check_owner(self) -> None:
        """A file of somebody else would become ours, and its owner could not read it any longer."""
        with self._explained("written", "Nothing was changed."), suppress(FileNotFoundError):
            owner = os.stat(self._path).st_uid
            if owner != os.geteuid():
                raise ServiceError(
                    f"{self._file()} belongs to another user (uid {owner}), who could not read it any longer.",
                    advice="Run as that user (become_user).",
                )

    def _no_variables(self, problem: object) -> ServiceError:
        return ServiceError(
            f"{self._file()} cannot hold the secret: {problem}.",
            meaning="It is left as it is.",
            advice="Name a file of its own, or a YAML file of variables.",
        )

    def _file(self) -> str:
        return self.where[0].upper() + self.where[1:]

    @contextmanager
    def _explained(self, verb: str, meaning: str, ambiguous: bool = False) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ServiceError(
                f"{self._file()} cannot be {verb}: {error.strerror or type(error).__name__}.",
                meaning=meaning,
                advice=_ADVICE.get(error.errno or 0, ""),
                ambiguous=ambiguous,
            ) from None


def replace(path: str, content: bytes) -> None:
    """Put a file with the content in the place of the path: all of it, or nothing.

    Raises:
        OSError: it did not work; nothing has changed and nothing is left behind.
    """
    sweep(path)
    directory, name = os.path.split(path)
    # mkstemp makes the file 0600 from the first moment.
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=SUFFIX, dir=directory)
    try:
        try:
            _fill(handle, content)
        finally:
            os.close(handle)
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def _fill(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]
    os.fsync(handle)


def sync_directory(directory: str) -> None:
    """Make sure that the names in a directory survive a power failure."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(path: str) -> None:
    """Remove what runs that were killed have left beside the path."""
    directory, name = os.path.split(path)
    for entry in os.scandir(directory):
        if entry.name.startswith(f".{name}.") and entry.name.endswith(SUFFIX):
            with suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                    os.unlink(entry.path)
