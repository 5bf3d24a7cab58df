# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that runs modules, each in a forked process: one order a line in, one answer a line out.

An order is {"module": full name, "input": what the module reads}; the answer has its output, its errors and its status.
It is started by C(contract_runners.ModuleHost) and ends when its standard input does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from typing import Any

# Loaded once, for all forks; nothing is signed in or opened here.
for library in ("cryptography.hazmat.primitives.ciphers.aead", "ldap3", "msal", "requests"):
    importlib.import_module(library)


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Run one module in a process of its own."""
    module = importlib.import_module(order["module"])
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        given.write(json.dumps(order["input"]).encode())
        given.seek(0)
        child = os.fork()
        if child == 0:
            for number, file in enumerate((given, output, errors)):
                os.dup2(file.fileno(), number)
            sys.argv, sys.stdin = [str(module.__file__)], os.fdopen(0)
            _child(module)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        errors.seek(0)
        return {"output": output.read().decode(), "errors": errors.read().decode(), "status": status}


def _child(module: Any) -> None:
    """Be the module; never return to the loop of the parent."""
    code = 70
    try:
        module.main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        if code == 70:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
