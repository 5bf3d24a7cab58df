# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a task's arguments no result may show, also when the arguments are wrong.

Ansible's own search for secrets stops at the first value of a wrong shape and then masks none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

MASK = "********"


def shielded(spec: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments without the values that no option explains: one of them may be a misspelled secret.

    Arguments:
        spec: the argument spec.
        given: the arguments, not validated. Ansible's own, which begin with C(_ansible_), stay as they are.
    """
    return {
        name: _shielded_value(spec[name], value) if name in spec else value if name.startswith("_ansible_") else MASK
        for name, value in given.items()
    }


def _shielded_value(option: Mapping[str, Any], value: Any) -> Any:
    if "options" not in option:
        return value
    if isinstance(value, Mapping):
        return shielded(option["options"], value)
    if isinstance(value, list):
        return [shielded(option["options"], part) if isinstance(part, Mapping) else MASK for part in value]
    # Ansible takes "name=value" texts for a mapping, but breaks down over a number.
    usual = value is None or (isinstance(value, str) and option.get("type") == "dict")
    return value if usual else MASK


def secrets(spec: Mapping[str, Any], given: Mapping[str, Any]) -> set[str]:
    """The texts of all secret options, in the spellings that a message may quote them in."""
    found: set[str] = set()
    for name, option in spec.items():
        value = given.get(name)
        if option.get("no_log"):
            found.update(spelling for text in _texts(value) for spelling in (text, repr(text)[1:-1]))
        elif "options" in option:
            parts = value if isinstance(value, list) else [value]
            found.update(*(secrets(option["options"], part) for part in parts if isinstance(part, Mapping)))
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
    elif value is not None and value != "" and not isinstance(value, bool):
        yield str(value)


def shows(value: Any, hidden: Collection[str]) -> bool:
    """Whether a result holds one of the secrets; a look costs a tenth of what it costs to mask a result."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            waiting.extend(current.values())
        elif isinstance(current, (list, tuple)):
            waiting.extend(current)
        elif current is not None and any(secret in str(current) for secret in hidden):
            return True
    return False
