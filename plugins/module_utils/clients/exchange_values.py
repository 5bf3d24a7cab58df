# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Python values as Exchange Online's admin API wants them.

The types are PowerShell's, the form is OData's, as Microsoft's own Exchange module sends them.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

HASHTABLE = "#Exchange.GenericHashTable"
BYTES = "#Exchange.ByteArrayType"
TYPE = "@odata.type"

# OData would have base64, Microsoft's module sends numbers. Only the module is known to work: hence the order.
BYTE_ENCODERS: dict[str, Callable[[bytes], Any]] = {
    "numbers": list,
    "base64": lambda data: base64.b64encode(data).decode("ascii"),
}

# There are no PowerShell variables on the other side.
_FILTERS = frozenset({"filter", "recipientfilter", "recipientpreviewfilter"})
_VARIABLE = re.compile(r"\$(true|false)\b", re.IGNORECASE)


def hashtable(**entries: Any) -> dict[str, Any]:
    """Build what PowerShell writes as C(@{Add=...; Remove=...}), to change a list by its differences.

    Entries that are None or empty lists are left out; without any entry it stands for "empty the list".
    """
    return {TYPE: HASHTABLE} | {name: value for name, value in entries.items() if value not in (None, [], ())}


def byte_array(data: bytes, form: str = "numbers") -> dict[str, Any]:
    """Bytes for a cmdlet, in one of the forms of BYTE_ENCODERS."""
    return {TYPE: BYTES, "Data": BYTE_ENCODERS[form](data)}


def bytes_of(value: Any) -> bytes:
    """The bytes of a row, in whichever form Exchange shows them; that it is base64 is not documented.

    Raises:
        ValueError: it is none of the forms.
    """
    if isinstance(value, Mapping) and "Data" in value:
        return bytes_of(value["Data"])
    if isinstance(value, str):
        return base64.b64decode("".join(value.split()), validate=True)
    if value is None or isinstance(value, list):
        try:
            return bytes(value or ())
        except TypeError as problem:
            raise ValueError(str(problem)) from None
    raise ValueError(f"a {type(value).__name__} holds no bytes")


def encode(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the parameters of a cmdlet into JSON values.

    Raises:
        TypeError: a value is of a type that PowerShell has nothing for, or a datetime does not know its time zone.
    """
    encoded: dict[str, Any] = {}
    for name, value in parameters.items():
        if name.lower() in _FILTERS and isinstance(value, str):
            value = _VARIABLE.sub(lambda found: f"'{found[1].capitalize()}'", value)
        if isinstance(value, (list, tuple)) and value:
            for kind, mark in ((Mapping, HASHTABLE), ((bytes, bytearray), BYTES)):
                if all(isinstance(item, kind) for item in value):
                    # A list says its type once, beside itself, and not in each of its members.
                    encoded[name + TYPE] = f"#Collection({mark[1:]})"
                    encoded[name] = [{k: v for k, v in _value(item).items() if k != TYPE} for item in value]
        if name not in encoded:
            encoded[name] = _value(value)
    return encoded


def _value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return byte_array(bytes(value))
    if isinstance(value, Mapping) and value.get(TYPE) == BYTES:
        return value
    if isinstance(value, Mapping):
        return {TYPE: HASHTABLE} | encode({key: item for key, item in value.items() if key != TYPE})
    if isinstance(value, (set, frozenset)):
        return sorted(_value(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, timedelta):
        return _span(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"a cmdlet takes no {type(value).__name__}")


def _moment(value: datetime) -> str:
    if value.utcoffset() is None:
        raise TypeError("a datetime without a time zone could mean any of them")
    there = value.astimezone(UTC)
    # .NET counts in tenths of a microsecond. strftime would not pad years below 1000.
    return there.replace(tzinfo=None).isoformat(timespec="microseconds") + "0Z"


def _span(value: timedelta) -> str:
    seconds, micro = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}{day}.{hour:02}:{minute:02}:{second:02}" + (f".{micro:06}0" if micro else "")


def plain(value: Any) -> Any:
    """Return an answer's value without the type annotations that lie between its keys."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if not key.endswith(("@data.type", "@odata.type"))}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
