# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How values look on the wire: annotations, sizes as text, times with seven decimals."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_UNITS = ("B", "KB", "MB", "GB", "TB")
_EXCHANGE_ID = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")


def size(count: int) -> str:
    """A number of bytes as a ByteQuantifiedSize: C(49.5 GB (53,150,220,288 bytes))."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.4g} {_UNITS[unit]} ({count:,} bytes)"


@functools.lru_cache(maxsize=100_000)
def moment(value: datetime) -> str:
    """A time as .NET writes it: UTC with seven decimals."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def span(value: timedelta) -> str:
    """A TimeSpan: C(14.00:00:00)."""
    hours, rest = divmod(value.seconds, 3600)
    return f"{value.days}.{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


class Guid(str):
    """A GUID as text that is annotated as such."""

    __slots__ = ()


@functools.lru_cache(maxsize=100_000)
def exchange_guid(object_id: str) -> Guid:
    """The GUID that Exchange's own directory gives an object; neither its id in Entra nor the mailbox's GUID."""
    return Guid(uuid.uuid5(_EXCHANGE_ID, object_id))


def annotated(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the annotations that the service adds: Guid and lists are typed, bool, text and null are not."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list):
            row[f"{name}@odata.type"] = "#Collection(String)"
        elif isinstance(value, Guid):
            row[f"{name}@data.type"] = "System.Guid"
            row[f"{name}@odata.type"] = "#Guid"
        elif isinstance(value, datetime):
            row[f"{name}@data.type"] = "System.DateTime"
            value = moment(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            row[f"{name}@data.type"] = "System.Int32"
        row[name] = value
    return row


def selected(row: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The properties named (lower case) with their annotations."""
    return {key: value for key, value in row.items() if key.partition("@")[0].lower() in names}
