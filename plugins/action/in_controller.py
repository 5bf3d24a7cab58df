# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs every module of the collection inside the controller's process where that gives the same result faster.

All module names are redirected here by C(plugin_routing) in C(meta/runtime.yml). The libraries are imported at the top
on purpose: Ansible loads this class once in its parent process, so every task's forked worker has them already.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.clients import auth, token_cache
from ..module_utils.core.entry import run_in_controller

# A missing library is reported by the client that needs it, with what to install.
for library in ("requests", "msal", "ldap3", "cryptography.hazmat.primitives.ciphers.aead"):
    with suppress(ImportError):
        import_module(library)

# The key exists in this process and its forked workers only, so what the files hold is of no use to anybody else.
token_cache.shared = token_cache.TokenCache(directory=constants.DEFAULT_LOCAL_TMP, key=os.urandom(32))
auth.announce = Display().display

MODULES = "ansible_collections.m365.hybrid.plugins.modules"


class ActionModule(ActionBase):
    """Decides between this process and an ordinary module run; both give the same result."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module that the task names."""
        variables = task_vars or {}
        super().run(tmp, variables)
        name = self._task.action.rpartition(".")[2]
        if name == "in_controller":
            return {"failed": True, "msg": "in_controller is not a task of its own: name a module of m365.hybrid."}
        if not self._belongs_here(variables):
            wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
            result: dict[str, Any] = self._execute_module(task_vars=variables, wrap_async=wrap_async)
            return result
        return run_in_controller(import_module(f"{MODULES}.{name}"), self._task.args, self._task.check_mode)

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
