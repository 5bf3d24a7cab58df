# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a refusal has to look: one message that says what is wrong, and nothing changed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from contract_cases import connection_options
from contract_ground import SERVICE_PASSWORD, Ground
from contract_runners import MODULES, ModuleHost, forget, in_controller

PASSWORD = "Anfangs-Geheimnis-1!"
# Longer than this is no message but a dump.
LONGEST = 2500


def refusal(
    ground: Ground,
    module: str,
    wish: Mapping[str, Any],
    *said: str,
    host: ModuleHost | None = None,
    asked: bool = True,
    tried: bool = False,
) -> dict[str, Any]:
    """Run a module that is to refuse, and hold the refusal to what every refusal has to be.

    Arguments:
        wish: the object's options, and connection options to replace the right ones.
        said: texts that the message has.
        host: also run it as an ordinary module, which must say the same.
        asked: false where it must refuse before the first request.
        tried: a write may have been sent, because only the service can refuse it.
    """
    right = connection_options(ground, importlib.import_module(f"{MODULES}.{module}"))
    options = {name: value for name, value in {**right, **wish}.items() if value is not ...}
    before = (ground.cloud_state(), ground.directory_state())
    ground.world.journal.clear()
    forget()
    result = in_controller(module, options)
    assert result.get("failed") is True, result
    assert result.get("changed", False) is False
    assert tried or ground.writes() == []
    assert (ground.cloud_state(), ground.directory_state()) == before
    if not asked:
        assert ground.requests() == [], result["msg"]
    _is_clear(ground, result["msg"])
    for words in said:
        assert words in result["msg"], result["msg"]
    if host is not None:
        ordinary = host(module, options)
        # Ansible lists the words for true and false in an order that differs from process to process.
        assert sorted(ordinary["msg"]) == sorted(result["msg"])
        assert {**ordinary, "error": 0, "msg": 0} == {**result, "error": 0, "msg": 0}
    return result


def _is_clear(ground: Ground, message: str) -> None:
    """One line, of a length that somebody reads, without a traceback, a secret, or the inside of our program."""
    assert message.strip()
    assert len(message) < LONGEST, f"{len(message)} characters"
    for text in ("\n", "\0", "Traceback", 'File "', "object at 0x", "Errno", "HTTPSConnectionPool", "ldap3", "msal"):
        assert text not in message, message
    tokens = list(ground.world.verified_tokens)
    for secret in (ground.secret, SERVICE_PASSWORD, PASSWORD, *tokens, *(token.split(".")[1] for token in tokens)):
        assert secret not in message
