# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens that live as long as the run and cannot be read at rest."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable

# A token is not handed out in its last five minutes: a call may wait that long for a throttled service.
MARGIN = 300.0


class TokenCache:
    """Tokens of this process, and of the other processes of the run if they share a directory.

    Arguments:
        directory: where each token is one file, readable only for this user and encrypted (AES-GCM). None: no files.
        key: 32 random bytes that all processes of the run hold in memory and that are written nowhere.
    """

    def __init__(self, directory: str | None = None, key: bytes | None = None) -> None:
        self._directory = directory
        self._key = key or os.urandom(32)
        self._held: dict[str, tuple[str, float]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def name(self, *parts: str) -> str:
        """The name under which a token is kept: a hash under the run's key, so that a secret may be among the parts."""
        return hmac.new(self._key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()

    def fetch(self, name: str, obtain: Callable[[], tuple[str, float]]) -> str:
        """Return the token of that name, and get a new one if there is none; threads that ask at once wait for one.

        Arguments:
            obtain: returns a token and its life in seconds.
        """
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if (token := self.get(name)) is not None:
                return token
            token, life = obtain()
            self.put(name, token, life)
            return token

    def get(self, name: str) -> str | None:
        """Return what is kept under the name, unless it is about to end."""
        entry = self._held.get(name) or self._read(name)
        if entry is None or entry[1] <= time.time():
            return None
        self._held[name] = entry
        return entry[0]

    def put(self, name: str, token: str, life: float) -> None:
        """Keep a token for its life in seconds less the margin, or half of it where it is very short."""
        entry = (token, time.time() + max(life - MARGIN, life / 2))
        self._held[name] = entry
        if self._directory:
            # The files only save sign-ins: without them (disk full, read-only) each process has its own token.
            with contextlib.suppress(OSError):
                self._write(name, entry)

    def forget(self, token: str) -> None:
        """Drop a token that a service refused, wherever it is kept, but not one that has replaced it since."""
        for name, held in list(self._held.items()):
            if held[0] != token:
                continue
            self._held.pop(name, None)
            stored = self._read(name)
            if stored and stored[0] == token:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path(name))

    def _path(self, name: str) -> str:
        return os.path.join(self._directory or "", name)

    def _read(self, name: str) -> tuple[str, float] | None:
        """Read a token's file; whatever cannot be read as one of this run is as good as absent."""
        if not self._directory:
            return None
        try:
            with open(self._path(name), "rb") as file:
                sealed = file.read()
        except OSError:
            return None
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            token, until = json.loads(AESGCM(self._key).decrypt(sealed[:12], sealed[12:], name.encode()))
            return str(token), float(until)
        except (InvalidTag, ValueError, TypeError):
            return None

    def _write(self, name: str, entry: tuple[str, float]) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(12)
        sealed = nonce + AESGCM(self._key).encrypt(nonce, json.dumps(entry).encode(), name.encode())
        os.makedirs(self._directory or "", mode=0o700, exist_ok=True)
        # mkstemp makes the file 0600 from the first moment, and the rename lets no other process read half of it.
        handle, path = tempfile.mkstemp(dir=self._directory)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(sealed)
            os.replace(path, self._path(name))
        except OSError:
            os.unlink(path)
            raise


# The action plugin sets this once in the parent process, so that forked workers inherit the directory and the key.
shared: TokenCache | None = None
_own = TokenCache()


def current() -> TokenCache:
    """The cache of the run, or that of this process where nobody set one up."""
    return shared or _own
