# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types of written values: EDM primitives, complex types and collections of them, checked to the last member.

Source: the v1.0 metadata document of Microsoft Graph (types and nullability).
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .errors import invalid_value, refused, unknown_property, wrong_type

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,12}))?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
_PRIMITIVES = {"String": str, "Boolean": bool, "Int32": int}


@dataclass(frozen=True)
class Shape:
    """A type: C(name) as messages write it, C(members) if it is complex, C(many) for a collection.

    C(nullable): whether null may be written. C(needed): members that must be there.
    """

    name: str
    members: Mapping[str, Shape] | None = None
    many: bool = False
    nullable: bool = True
    needed: frozenset[str] = frozenset()


def text(*, nullable: bool = True) -> Shape:
    """Edm.String."""
    return Shape("String", nullable=nullable)


def texts() -> Shape:
    """A collection of texts, which is never null."""
    return Shape("String", many=True, nullable=False)


def complex_type(type_name: str, needed: tuple[str, ...] = (), /, *, many: bool = False, **members: Shape) -> Shape:
    """A complex type; a collection of one is never null."""
    return Shape(type_name, members, many=many, nullable=not many, needed=frozenset(needed))


FLAG = Shape("Boolean")
NUMBER = Shape("Int32")
GUID = Shape("Guid")
MOMENT = Shape("DateTimeOffset")
BINARY = Shape("Binary")


def check(value: Any, shape: Shape, name: str, resource: str) -> Any:
    """The value in the form in which it is kept; raises GraphError if it does not fit.

    name: the property, for messages. Guids come back in lower case; members that were not written stay away.
    """
    if value is None:
        if not shape.nullable:
            raise invalid_value(name, resource)
        return None
    if shape.many:
        if not isinstance(value, list):
            raise wrong_type(f"Collection({_qualified(shape)})")
        return [_checked_one(item, shape, name, resource) for item in value]
    return _checked_one(value, shape, name, resource)


def _qualified(shape: Shape) -> str:
    return f"microsoft.graph.{shape.name}" if shape.members is not None else f"Edm.{shape.name}"


def _checked_one(value: Any, shape: Shape, name: str, resource: str) -> Any:
    if shape.members is not None:
        return _checked_complex(value, shape, resource)
    primitive = _PRIMITIVES.get(shape.name)
    if primitive is not None:
        # True is an int for Python, and no number for JSON.
        if not isinstance(value, primitive) or (primitive is int and isinstance(value, bool)):
            raise wrong_type(shape.name)
        return value
    if not isinstance(value, str):
        raise wrong_type(shape.name)
    if shape.name == "Guid":
        return guid(value)
    if shape.name == "DateTimeOffset":
        parse_moment(value)
    if shape.name == "Binary":
        parse_binary(value)
    return value


def _checked_complex(value: Any, shape: Shape, resource: str) -> dict[str, Any]:
    if not isinstance(value, dict) or shape.members is None:
        raise wrong_type(_qualified(shape))
    kept = {}
    for member, item in value.items():
        if "@odata." in member:
            continue
        if member not in shape.members:
            raise unknown_property(member, shape.name)
        kept[member] = check(item, shape.members[member], member, resource)
    for member in sorted(shape.needed):
        if kept.get(member) is None:
            raise refused(f"A value is required for property '{member}' of resource '{resource}'.")
    return kept


def completed(value: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """A complex value with every member of its type, as the service shows it; absent ones are null or empty."""
    return {name: _completed(value.get(name), member) for name, member in (shape.members or {}).items()}


def _completed(value: Any, shape: Shape) -> Any:
    if shape.many:
        items = value or []
        return [completed(item, shape) if shape.members is not None else item for item in items]
    if shape.members is not None and value is not None:
        return completed(value, shape)
    return value


def merged(old: Any, new: Any, shape: Shape) -> Any:
    """What a PATCH makes of a value: members of a complex type one by one, everything else as a whole."""
    if shape.members is None or shape.many or not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return old | {name: merged(old.get(name), item, shape.members[name]) for name, item in new.items()}


def guid(value: Any) -> str:
    """A GUID in its usual form; raises GraphError if it is none."""
    if not isinstance(value, str):
        raise wrong_type("Guid")
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise wrong_type("Guid") from None


def is_guid(value: str) -> bool:
    """Whether a text is a GUID in its usual form."""
    return re.fullmatch(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value) is not None


def parse_moment(value: Any) -> datetime:
    """A DateTimeOffset, which needs its offset; raises GraphError if it is none. Fractions beyond 6 digits are cut."""
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong_type("DateTimeOffset")
    head, fraction, offset = match.groups()
    micro = (fraction or "0")[:6].ljust(6, "0")
    try:
        parsed = datetime.fromisoformat(f"{head if len(head) > 16 else head + ':00'}.{micro}{offset.upper()}")
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong_type("DateTimeOffset") from None


def write_moment(value: datetime | None) -> str | None:
    """A moment with up to seven digits of a second, as the directory keeps them; none if it is a full second."""
    if value is None:
        return None
    value = value.astimezone(UTC)
    # The seventh digit is beyond this clock; a constant one shows readers that it may be there.
    fraction = f".{value.microsecond:06d}7" if value.microsecond else ""
    return f"{value:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def parse_binary(value: str) -> bytes:
    """Base64, with either alphabet; raises GraphError if it is none."""
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise wrong_type("Binary") from None
