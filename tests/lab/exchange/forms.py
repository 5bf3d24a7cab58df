# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Set- cmdlets make of a value before they keep it: its .NET type decides how Get- shows it later.

Sizes are shown with their bytes (C(10 MB (10,485,760 bytes))), time spans as .NET's constant format
(C([d.]hh:mm:ss)), an empty SMTP address as C(<>) where it is not null (seen in public outputs of Get-TransportConfig).
"""

from __future__ import annotations

import re
from typing import Any

from . import errors
from .binding import TABLES, Delta, Parameter
from .command import Command, Outcome
from .wire import size

_SIZE = re.compile(r"(\d+)\s*(B|KB|MB|GB|TB)?", re.IGNORECASE)
_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2}))?|(\d+)")
_UNITS = ("B", "KB", "MB", "GB", "TB")
# Types that take null for "none" although an object never touched has a value.
_CLEARED = frozenset({"String", "MultiValuedProperty", "SmtpAddress", "CultureInfo", "SmtpDomain"})
# Of type Unlimited, which says nothing of what is counted (Exchange PowerShell reference, each parameter's text).
SIZES = frozenset(
    {"DefaultPublicFolderIssueWarningQuota", "DefaultPublicFolderMaxItemSize", "DefaultPublicFolderProhibitPostQuota"}
)


def kept(parameter: Parameter, value: Any, present: Any, default: Any) -> Any:
    """What is kept of a bound value.

    Arguments:
        value: from L(lab.exchange.binding.bind).
        present: what is there now.
        default: what an object has that was never touched; null there means that null is a value.

    Raises:
        CmdletError: the type does not take the value.
    """
    if isinstance(value, Delta):
        value = _merged(present, value)
    if parameter.wire == "list":
        return _ordered(value, present, default)
    if value is None or (value == "" and parameter.type in _CLEARED):
        if default is not None and parameter.type not in _CLEARED:
            raise errors.bad_value(parameter.name, f'Cannot convert null to type "{parameter.type}".')
        return default if default == "<>" else None
    if parameter.wire == "timespan-string":
        return _span(parameter, value)
    if parameter.type == "Unlimited":
        return _unlimited(parameter, value)
    return value


def _merged(present: list[str] | None, delta: Delta) -> list[str] | None:
    gone = {item.lower() for item in delta.remove}
    merged = [item for item in present or [] if item.lower() not in gone]
    merged += [item for item in delta.add if item.lower() not in {one.lower() for one in merged}]
    return merged if delta.add or delta.remove else None


def _ordered(value: list[str] | None, present: list[str] | None, default: list[str] | None) -> list[str] | None:
    """A collection as it is kept: the same members in another order or case are no change; none is what it was."""
    if {item.lower() for item in value or ()} == {item.lower() for item in present or ()}:
        return present
    return list({item.lower(): item for item in value or ()}.values()) or (None if default is None else [])


def _span(parameter: Parameter, text: str) -> str:
    found = _SPAN.fullmatch(text.strip())
    if not found or int(found[2] or 0) > 23 or int(found[3] or 0) > 59 or int(found[4] or 0) > 59:
        raise errors.bad_value(parameter.name, f'Cannot convert value "{text}" to type "{parameter.type}".')
    days, hours, minutes, seconds = (int(part or 0) for part in (found[1] or found[5], found[2], found[3], found[4]))
    clock = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{days}.{clock}" if days else clock


def _unlimited(parameter: Parameter, text: str) -> str:
    if text.strip().lower() == "unlimited":
        return "Unlimited"
    found = _SIZE.fullmatch(text.strip())
    if not found or (found[2] and parameter.name not in SIZES):
        raise errors.bad_value(parameter.name, f'Cannot convert value "{text}" to type "{parameter.type}".')
    if parameter.name not in SIZES:
        return str(int(found[1]))
    # "Unqualified values are typically treated as bytes, but small values may be rounded up to the nearest kilobyte."
    total = int(found[1]) * 1024 ** _UNITS.index((found[2] or "B").upper())
    return size(-(-total // 1024) * 1024)


def changed(command: Command, before: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The parameters that differ from what is there. Raises CmdletError: the type does not take the value."""
    changes = {}
    for name, value in command.parameters.items():
        if name not in known:
            continue
        wanted = kept(TABLES[command.cmdlet][name.lower()], value, before[name], known[name])
        if wanted != before[name]:
            changes[name] = wanted
    return changes


def unmodified(name: str) -> Outcome:
    """What a Set- cmdlet answers that changes nothing."""
    return Outcome(warnings=[f"The command completed successfully but no settings of '{name}' have been modified."])
