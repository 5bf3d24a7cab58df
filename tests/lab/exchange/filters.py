# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of OPATH that this lab understands: comparisons joined by C(-and) or by C(-or), without brackets.

Grammar: Microsoft Learn, "Filterable properties for the Filter parameter on Exchange cmdlets".
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import Any

from .errors import CmdletError

_COMPARISON = re.compile(
    r"^\s*(\w+)\s+-(eq|ne|like|notlike)\s+(?:'((?:[^']|'')*)'|\"([^\"]*)\"|(\$?\w+))\s*$", re.IGNORECASE
)
_JOINT = re.compile(r"\s+-(and|or)\s+(?=(?:[^']*'[^']*')*[^']*$)", re.IGNORECASE)

Predicate = Callable[[dict[str, Any]], bool]


def parse(text: str) -> Predicate:
    """A predicate over rows. Raises CmdletError for what it cannot read."""
    parts = _JOINT.split(text)
    joints = {joint.lower() for joint in parts[1::2]}
    if len(joints) > 1:
        raise _invalid(text)
    predicates = [_comparison(part, text) for part in parts[0::2]]
    every = joints != {"or"}
    return lambda row: (all if every else any)(predicate(row) for predicate in predicates)


def _comparison(part: str, whole: str) -> Predicate:
    match = _COMPARISON.match(part)
    if match is None:
        raise _invalid(whole)
    name, operator = match[1].lower(), match[2].lower()
    wanted = next(text for text in match.groups()[2:] if text is not None).replace("''", "'").lstrip("$").lower()
    wildcard = operator.endswith("like")

    def holds(row: dict[str, Any]) -> bool:
        values = [str(value).lower() for value in _values(row, name)]
        hit = any(fnmatch.fnmatchcase(value, wanted) if wildcard else value == wanted for value in values)
        return hit != operator.startswith("n")

    return holds


def _values(row: dict[str, Any], name: str) -> list[Any]:
    value = next((value for key, value in row.items() if key.lower() == name), None)
    return value if isinstance(value, list) else [value]


def _invalid(text: str) -> CmdletError:
    said = f'Invalid filter syntax. For a description of the filter parameter syntax see the command help. "{text}"'
    return CmdletError("Microsoft.Exchange.Data.ParsingException", said)
