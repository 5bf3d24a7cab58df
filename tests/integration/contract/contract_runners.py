# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways to run a module: in a process of its own, inside this one as the controller does, and by a playbook."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.common.parameters import PASS_VARS
from contract_ground import COLLECTION

from ansible_collections.m365.hybrid.plugins.module_utils.clients import token_cache
from ansible_collections.m365.hybrid.plugins.module_utils.core import entry, execution

MODULES = "ansible_collections.m365.hybrid.plugins.modules"
HOST = Path(__file__).with_name("contract_module_host.py")
Run = Callable[[str, Mapping[str, Any], bool], dict[str, Any]]


def import_path() -> str:
    """Where this process finds its packages, for a child."""
    return os.pathsep.join(part for part in sys.path if part)


def collections_path() -> Path:
    """Where Ansible finds the collection: the folder that holds ansible_collections."""
    return Path(entry.__file__).parents[6]


def module_names() -> list[str]:
    """Every module of the collection."""
    return sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py") if path.stem != "__init__")


def in_controller(module: str, args: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Run a module inside this process; the result as Ansible would pass it on, through JSON."""
    result = entry.run_in_controller(importlib.import_module(f"{MODULES}.{module}"), args, check_mode)
    decoded: dict[str, Any] = json.loads(json.dumps(result))
    return decoded


class ModuleHost:
    """Runs ordinary modules, each in a new process that begins with nothing but the libraries loaded.

    A fork of a process that has them costs a tenth of a new interpreter; what the module meets is the same: a process
    of its own, JSON on its standard input, its result on its standard output.
    """

    def __enter__(self) -> ModuleHost:
        self._process = subprocess.Popen(
            [sys.executable, str(HOST)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": import_path()},
            text=True,
        )
        return self

    def __exit__(self, *_unused: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __call__(self, module: str, args: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
        """Run a module and give its result."""
        internal = {"_ansible_check_mode": check_mode, "_ansible_module_name": f"m365.hybrid.{module}"}
        if "inject_invocation" in PASS_VARS:
            internal["_ansible_inject_invocation"] = True
        order = {"module": f"{MODULES}.{module}", "input": {"ANSIBLE_MODULE_ARGS": {**args, **internal}}}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert not answer["errors"], answer["errors"]
        result: dict[str, Any] = json.loads(answer["output"])
        assert answer["status"] == (1 if result.get("failed") else 0), answer
        # From core 2.19 on a module's warning travels as an object until the controller shows its message.
        warnings = result.get("warnings", [])
        texts = [warning if isinstance(warning, str) else warning["event"]["msg"] for warning in warnings]
        return result | {"warnings": texts} if warnings else result


def forget() -> None:
    """Leave this process like a new one: without clients and tokens."""
    for client in execution._opened.values():
        client.close()
    execution._opened.clear()
    token_cache._own = token_cache.TokenCache()
