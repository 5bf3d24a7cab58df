# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the JSON of a command to typed parameters, as strictly as the service binds them.

Names are case-insensitive; values follow the parameter tables of the Exchange PowerShell reference (cmdlets.json).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from . import errors

HASHTABLE = "#Exchange.GenericHashTable"
BYTES = "#Exchange.ByteArrayType"
_MOST_UINT32 = 2**32 - 1
# The parameters that every cmdlet has; they change nothing here.
COMMON = frozenset(
    {
        "debug",
        "erroraction",
        "informationaction",
        "outbuffer",
        "progressaction",
        "verbose",
        "warningaction",
    }
)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a cmdlet: its name as documented, .NET type, form on the wire, and allowed values (or none)."""

    name: str
    type: str
    wire: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Delta:
    """A multi-valued change by C(@{Add=...; Remove=...}); both empty means: clear."""

    add: tuple[str, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True)
class ByteArray:
    """Bytes, and the form in which they came: C(numbers) or C(base64). Both are taken, since neither is documented."""

    value: bytes
    form: str


def _tables() -> dict[str, dict[str, Parameter]]:
    content = json.loads(Path(__file__).with_name("cmdlets.json").read_text("utf-8"))
    return {
        cmdlet: {
            name.lower(): Parameter(name, spec["type"], spec["wire"], tuple(spec.get("values", ())))
            for name, spec in parameters.items()
        }
        for cmdlet, parameters in content.items()
    }


TABLES = _tables()
# Cmdlet in lower case -> its name as documented.
CMDLETS = {name.lower(): name for name in TABLES}


def bind(cmdlet: str, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters by their documented names: str, bool, int, datetime, list of str, L(Delta), L(ByteArray), or None
    (clear).

    Raises CmdletError: unknown parameter, wrong type, unknown enumeration value, hashtable without its annotation.
    """
    table = TABLES[cmdlet]
    values = {name: value for name, value in given.items() if not name.endswith("@odata.type")}
    unknown = [name for name in values if name.lower() not in table and name.lower() not in COMMON]
    folded = {name.lower() for name in values}
    if unknown or len(folded) != len(values):
        raise errors.unknown_parameter(unknown or sorted(values))
    return {
        table[name.lower()].name: _value(table[name.lower()], value)
        for name, value in values.items()
        if name.lower() in table
    }


def _value(parameter: Parameter, value: Any) -> Any:
    if parameter.wire == "bytes" and value is not None:
        return _byte_array(parameter, value)
    if isinstance(value, dict):
        return _delta(parameter, value)
    if value is None:
        return None
    if parameter.wire == "list":
        items = value if isinstance(value, list) else [value]
        return [_enumerated(parameter, _text(parameter, item)) for item in items]
    if isinstance(value, list):
        raise errors.bad_value(parameter.name, f"Cannot convert System.Object[] to type {parameter.type}.")
    return _scalar(parameter, value)


def _scalar(parameter: Parameter, value: Any) -> Any:
    if parameter.wire == "bool":
        if not isinstance(value, bool):
            raise errors.bad_value(parameter.name, f'Cannot convert value "{value}" to type "System.Boolean".')
        return value
    if parameter.wire == "int":
        return _number(parameter, value)
    text = _text(parameter, value)
    return _moment(parameter, text) if parameter.wire == "datetime" else _enumerated(parameter, text)


def _text(parameter: Parameter, value: Any) -> str:
    if isinstance(value, dict | list) or value is None:
        raise errors.bad_value(parameter.name, f'Cannot convert value to type "{parameter.type}".')
    return str(value)


def _number(parameter: Parameter, value: Any) -> int:
    unsigned = parameter.type == "UInt32"
    try:
        if isinstance(value, bool):
            raise ValueError
        number = int(value)
        if unsigned and not 0 <= number <= _MOST_UINT32:
            raise ValueError
        return number
    except (TypeError, ValueError):
        kind = "System.UInt32" if unsigned else "System.Int32"
        raise errors.bad_value(parameter.name, f'Cannot convert value "{value}" to type "{kind}".') from None


def _byte_array(parameter: Parameter, value: Any) -> ByteArray:
    """A byte array in its object with C(Data): numbers, or base64 as OData has it."""
    is_annotated = isinstance(value, dict) and set(value) == {"@odata.type", "Data"} and value["@odata.type"] == BYTES
    data = value["Data"] if is_annotated else None
    try:
        if isinstance(data, str):
            return ByteArray(base64.b64decode(data, validate=True), "base64")
        if isinstance(data, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in data):
            return ByteArray(bytes(data), "numbers")
    except ValueError:
        pass
    raise errors.bad_value(parameter.name, 'Cannot convert value to type "System.Byte[]".')


def _moment(parameter: Parameter, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise errors.bad_value(parameter.name, f'Cannot convert value "{text}" to type "System.DateTime".') from None


def _enumerated(parameter: Parameter, text: str) -> str:
    """The member of the enumeration that C(text) names; the start of exactly one name is enough."""
    if not parameter.values:
        return text
    exact = [value for value in parameter.values if value.lower() == text.lower()]
    found = exact or [value for value in parameter.values if text and value.lower().startswith(text.lower())]
    if len(found) != 1:
        said = (
            f'Cannot convert value "{text}" to type "{parameter.type}". Error: "Unable to match the identifier name '
            f"{text} to a valid enumerator name. Specify one of the following enumerator names and try again: "
            f'{", ".join(parameter.values)}"'
        )
        raise errors.bad_value(parameter.name, said)
    return found[0]


def _delta(parameter: Parameter, value: dict[str, Any]) -> Delta:
    if value.get("@odata.type") != HASHTABLE:
        raise errors.malformed(
            f"The value of '{parameter.name}' is an object without a known '@odata.type' annotation."
        )
    if parameter.wire != "list":
        raise errors.bad_value(parameter.name, f'Cannot convert a Hashtable to type "{parameter.type}".')
    parts: dict[str, tuple[str, ...]] = {"add": (), "remove": ()}
    for key, items in value.items():
        if key.endswith("@odata.type"):
            continue
        if key.lower() not in parts:
            raise errors.bad_value(parameter.name, f"The hashtable key '{key}' is neither Add nor Remove.")
        parts[key.lower()] = tuple(_text(parameter, item) for item in (items if isinstance(items, list) else [items]))
    return Delta(**parts)
