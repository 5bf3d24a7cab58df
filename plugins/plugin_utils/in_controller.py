# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs every module of the collection inside the controller's process where that gives the same result faster.

Each module has an action plugin of its name that is this class. The libraries are imported at the top on purpose:
Ansible loads the class in its parent process, so every task's forked worker has them already.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from types import FrameType
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, match_encrypt_secret
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.clients import auth, directory_connection, sink_file, token_cache, wire
from ..module_utils.clients.errors import ServiceError
from ..module_utils.core import progress
from ..module_utils.core.entry import run_in_controller


def _write(screen: int, text: str) -> None:
    os.write(screen, f"{text}\n".encode())


# A missing library is reported by the client that needs it, with what to install.
for library in ("requests", "msal", "ldap3", "cryptography.hazmat.primitives.ciphers.aead"):
    with suppress(ImportError):
        import_module(library)

# The authorities as well: reading those of the system takes 40 ms. What is wrong with them is told by the task.
with suppress(ServiceError):
    wire.trust(os.environ.get("M365_CA_PATH"))
with suppress(ServiceError):
    directory_connection.tls_context(os.environ.get("M365_DIRECTORY_CA_PATH"), True)

# The key exists in this process and its forked workers only, so what the files hold is of no use to anybody else.
token_cache.shared = token_cache.TokenCache(directory=constants.DEFAULT_LOCAL_TMP, key=os.urandom(32))
auth.announce = Display().display
# Progress is for people who watch; a log file would only grow by it.
if sys.stdout.isatty():
    progress.announce = Display().display
    # A worker has no terminal of its own, and an interrupted Ansible does not listen to its workers any more.
    progress.last_words = partial(_write, os.dup(sys.stdout.fileno()))

MODULES = "ansible_collections.m365.hybrid.plugins.modules"


class PlayVault:
    """Ansible Vault with the passwords of this run, for files that modules keep.

    Arguments:
        secrets: pairs of an identity and its password, the preferred ones first.
    """

    def __init__(self, secrets: list[tuple[str, Any]]) -> None:
        self._secrets = secrets

    def encrypt(self, plain: bytes, vault_id: str | None) -> bytes:
        """The content of a vault file, as C(ansible-vault encrypt) makes it.

        Arguments:
            vault_id: whose password is taken; otherwise that of the identity that the configuration encrypts with, or
                else the first one.
        """
        if not self._secrets:
            raise ServiceError(
                "Ansible Vault has no password in this run.", advice="Give one by --vault-id or --vault-password-file."
            )
        try:
            name, secret = match_encrypt_secret(self._secrets, vault_id or constants.DEFAULT_VAULT_ENCRYPT_IDENTITY)
            return bytes(VaultLib(self._secrets).encrypt(plain, secret, vault_id=name))
        except AnsibleError as error:
            known = ", ".join(name for name, _secret in self._secrets)
            raise ServiceError(
                f"Ansible Vault cannot encrypt: {error}", advice=f"This run knows the identities {known}."
            ) from None

    def decrypt(self, sealed: bytes) -> bytes:
        """What a vault file holds, by any password of the run."""
        try:
            return bytes(VaultLib(self._secrets).decrypt(sealed))
        except AnsibleError as error:
            raise ServiceError(
                f"Ansible Vault cannot decrypt: {error}",
                advice="Give the password of the file by --vault-id or --vault-password-file.",
            ) from None


# Ctrl-C, and what Ansible sends its workers when it ends.
ENDINGS = (signal.SIGINT, signal.SIGTERM)


def _end(_number: int, _frame: FrameType | None) -> None:
    """End the work once; Ansible may say it twice, and the second time would cut the last words off."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the work between two objects, and not by ending this process at once as Ansible's worker does."""
    # Only the main thread may take signals; a strategy that runs tasks in threads does without.
    takes = ENDINGS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, _end) for number in takes}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class ActionModule(ActionBase):
    """Decides between this process and an ordinary module run; both give the same result."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module that the task names."""
        variables = task_vars or {}
        super().run(tmp, variables)
        name = self._task.action.rpartition(".")[2]
        if not self._belongs_here(variables):
            wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
            result: dict[str, Any] = self._execute_module(task_vars=variables, wrap_async=wrap_async)
            return result
        # The loader has no public name for its passwords; Ansible's own include_vars reads files with it.
        sink_file.vault = PlayVault(self._loader._vault.secrets or [])
        with interruptible():
            return self._as_reported(
                run_in_controller(import_module(f"{MODULES}.{name}"), self._task.args, self._task.check_mode)
            )

    def _as_reported(self, result: dict[str, Any]) -> dict[str, Any]:
        """The result with or without the arguments, as Ansible is set up; before 2.21 it always shows them."""
        setting = "INJECT_INVOCATION"
        if setting in constants.config.get_configuration_definitions() and not constants.config.get_config_value(
            setting
        ):
            del result["invocation"]
        return result

    def _belongs_here(self, variables: Mapping[str, Any]) -> bool:
        """Whether the task would run on this machine, as this user, in this interpreter and environment anyway."""
        elsewhere = (
            self._connection.transport != "local"
            or self._task.delegate_to
            or self._task.async_val
            or self._play_context.become
            or any(self._task.environment or [])
        )
        interpreter = self._templar.template(variables.get("ansible_python_interpreter") or sys.executable)
        return not elsewhere and (interpreter == sys.executable or str(interpreter).startswith("auto"))
