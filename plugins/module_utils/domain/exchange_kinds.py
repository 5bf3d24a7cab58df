# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of cmdlet parameters by their meaning: what is given, what Exchange shows, and when both are the same.

Exchange shows sizes as C(10 MB (10,485,760 bytes)), time spans as C(14.00:00:00) and an empty address as C(<>)
(Microsoft Learn, "Set-Mailbox", "Set-TransportConfig": sizes are qualified with B, KB, MB, GB or TB, time spans are
C(dd.hh:mm:ss)). Each kind turns both sides into one proper form, which is shown in diffs and compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

UNLIMITED = "Unlimited"
_UNITS = ("B", "KB", "MB", "GB", "TB")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)?", re.IGNORECASE)
_BYTES = re.compile(r".*\(([\d,]+) bytes\)", re.IGNORECASE)
_SPAN = re.compile(r"(-?)(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER = re.compile(r"-?\d+")


@dataclass(frozen=True)
class Kind:
    """What a parameter takes.

    Arguments:
        words: the same for a message.
        proper: gives the proper form of a value; raises ValueError for what is none.
        wire: gives what the cmdlet is sent for a proper value.
        folded: letter case has no meaning.
        clears: null takes the value away.
        many: it is a set of such values.
        joined: the set is one text with commas between its members, so that a cmdlet takes it as a whole only.
        open: gives the proper form of a value that is shown, where more may be shown than is taken.
    """

    words: str
    proper: Callable[[Any], Any]
    wire: Callable[[Any], Any] = lambda value: value
    folded: bool = False
    clears: bool = False
    many: bool = False
    joined: bool = False
    open: Callable[[Any], Any] | None = None

    def members(self, value: Any) -> list[Any]:
        """The members of a set, from a list or, where they are joined, from texts with commas (each one may be such)."""
        items = value if isinstance(value, list) else [value]
        if not self.joined:
            return items
        return [part for item in items for part in str(item).split(",") if part.strip()]

    def ordered(self, members: list[Any]) -> list[Any]:
        """The members of a set once each, in a steady order."""
        unique = {self.key_of_member(member): member for member in reversed(members)}
        return [unique[key] for key in sorted(unique)]

    def same(self, one: Any, other: Any) -> bool:
        """Whether two proper values mean the same."""
        return bool(self.key(one) == self.key(other))

    def key(self, value: Any) -> Any:
        """What two spellings of a proper value have in common; no members are the same as none given."""
        if self.many:
            return frozenset(self.key_of_member(member) for member in value or ())
        return self.key_of_member(value)

    def key_of_member(self, value: Any) -> Any:
        """The same of one value."""
        return value.casefold() if self.folded and isinstance(value, str) else value


def switch(value: Any) -> bool:
    """True or false; as words too, because templates make such."""
    found = {"true": True, "false": False}.get(str(value).lower()) if isinstance(value, (bool, str)) else None
    if found is None:
        raise ValueError
    return found


def number(value: Any) -> int:
    """A whole number; as text too, because templates make such."""
    if isinstance(value, bool) or not _NUMBER.fullmatch(str(value).strip()):
        raise ValueError
    return int(str(value).strip())


def count(value: Any) -> int | str:
    """A number, or Unlimited."""
    return UNLIMITED if _is_unlimited(value) else number(value)


def text(value: Any) -> str | None:
    """A text; an empty one is none."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError
    return str(value) or None


def member(value: Any) -> str:
    """A text that is a member of a list."""
    found = text(value)
    if found is None:
        raise ValueError
    return found


def address(value: Any) -> str | None:
    """An address; C(<>) is none, and Exchange writes the type before some (C(smtp:))."""
    return text(value.strip().removeprefix("smtp:").replace("<>", "") if isinstance(value, str) else value)


def reference(value: Any) -> str | None:
    """The name of a policy. Exchange takes its id too, but shows the name, so an id could not be compared."""
    name = text(value)
    if name and _GUID.fullmatch(name.lower()):
        raise ValueError
    return name


def identifier(value: Any) -> str:
    """The id of an application."""
    found = str(value).strip().lower()
    if not _GUID.fullmatch(found):
        raise ValueError
    return found


def size(value: Any) -> str:
    """A number of bytes in the largest unit that shows it exactly."""
    return _sized(_bytes(value))


def quota(value: Any) -> str:
    """A size, or Unlimited."""
    return UNLIMITED if _is_unlimited(value) else size(value)


def size_on_wire(value: str) -> str:
    """A size as the cmdlet takes it: fractions of a unit are not documented, so in bytes."""
    return value if value == UNLIMITED else f"{_bytes(value)} B"


def span(value: Any) -> str:
    """A time span as Exchange shows it: C(d.hh:mm:ss)."""
    # YAML 1.1 makes a number of seconds of 12:00:00, and Exchange would take a number for days.
    found = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found or int(found[3]) > 23 or int(found[4]) > 59 or int(found[5] or 0) > 59:
        raise ValueError
    fraction = (found[6] or "").ljust(7, "0").rstrip("0")
    days, seconds = int(found[2] or 0), found[5] or "00"
    return f"{found[1]}{days}.{int(found[3]):02}:{found[4]}:{seconds}" + (f".{fraction}" if fraction else "")


def duration(value: Any) -> str:
    """A time span, or Unlimited; a number is one of days."""
    if _is_unlimited(value):
        return UNLIMITED
    try:
        return f"{number(value)}.00:00:00"
    except ValueError:
        return span(value)


def moment(value: Any) -> str | None:
    """A time in UTC; one without a time zone could mean any of them."""
    if not value:
        return None
    found = datetime.fromisoformat(_six_decimals(str(value).strip()))
    # At the ends of the calendar a time zone would lead out of it.
    if found.utcoffset() is None or not 1 < found.year < 9999:
        raise ValueError
    return (found.astimezone(UTC) + timedelta(milliseconds=500)).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_on_wire(value: str | None) -> datetime | None:
    """A time as the client sends it."""
    return datetime.fromisoformat(value) if value else None


def _six_decimals(written: str) -> str:
    """.NET writes seven decimals, Python reads six before 3.11 and ignores no more after it."""
    return re.sub(r"(\.\d{6})\d+", r"\1", written)


def _is_unlimited(value: Any) -> bool:
    return str(value).strip().lower() == UNLIMITED.lower()


def _bytes(value: Any) -> int:
    written = str(value).strip()
    if shown := _BYTES.fullmatch(written):
        return int(shown[1].replace(",", ""))
    found = None if isinstance(value, bool) else _SIZE.fullmatch(written)
    if not found:
        raise ValueError
    total = Fraction(found[1]) * 1024 ** _UNITS.index((found[2] or "B").upper())
    # Small values may be rounded up to the nearest kilobyte (Microsoft Learn, "Set-Mailbox"): never the same again.
    if total % 1024:
        raise ValueError
    return int(total)


def _sized(total: int) -> str:
    for power in range(len(_UNITS) - 1, 0, -1):
        amount = Fraction(total, 1024**power)
        if amount >= 1 and (amount * 100).denominator == 1:
            return f"{float(amount):.2f}".rstrip("0").rstrip(".") + f" {_UNITS[power]}"
    return f"{total} B"


KINDS: dict[str, Kind] = {
    "bool": Kind("true or false", switch),
    "tristate": Kind("true, false or null", switch, clears=True),
    "int": Kind("a whole number", number),
    "count": Kind("a whole number or Unlimited", count, wire=str),
    "size": Kind("a size in whole kilobytes, for example 10 MB", size, wire=size_on_wire),
    "quota": Kind("a size in whole kilobytes, for example 49.5 GB, or Unlimited", quota, wire=size_on_wire),
    "span": Kind("a time span in quotes, for example '1.12:00:00' (days.hours:minutes:seconds)", span),
    "duration": Kind("days, a time span in quotes ('365.00:00:00') or Unlimited", duration),
    "date": Kind("a time with its zone in quotes ('2026-12-01T00:00:00Z')", moment, moment_on_wire, clears=True),
    "text": Kind("a text", text, clears=True),
    "word": Kind("a text", text, folded=True, clears=True),
    "address": Kind("an address", address, folded=True, clears=True),
    "policy": Kind("the name of a policy (not its id)", reference, folded=True, clears=True),
    "app_ids": Kind("application ids", identifier, clears=True, many=True, joined=True),
    "list": Kind("a list of texts, or a mapping with add and remove", member, folded=True, clears=True, many=True),
}


def choice(values: tuple[str, ...]) -> Kind:
    """One of some words. Exchange takes the beginning of one as well, so what is given has to be exact."""

    def proper(value: Any) -> str:
        # YAML 1.1 takes On and Off for true and false.
        word = {True: "On", False: "Off"}[value] if isinstance(value, bool) else str(value)
        found = next((one for one in values if one.casefold() == word.casefold()), None)
        if found is None:
            raise ValueError
        return found

    return Kind("one of " + ", ".join(values), proper, folded=True, open=str)


def choices(values: tuple[str, ...]) -> Kind:
    """Several of some words."""
    one = choice(values)
    return Kind("a list of " + ", ".join(values), one.proper, folded=True, clears=True, many=True, open=str)
