# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept of the client secrets of an application, and how it is spelled where names are flat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

# What goes with a value; only the last one may be missing.
DETAILS = ("key_id", "application", "made", "ends", "delivered")
OPTIONAL = "delivered"
MASK = "********"


@dataclass(frozen=True)
class Stored:
    """One client secret.

    Attributes:
        value: the secret; None where only a note of it is kept, or where the sink cannot give it back.
        key_id: the id under which the application lists it.
        application: the client id.
        made, ends: ISO 8601, UTC, as the service said.
        delivered: when it was said to have reached the application.
    """

    value: str | None = field(repr=False)
    key_id: str
    application: str
    made: str
    ends: str
    delivered: str | None = None


@dataclass(frozen=True)
class Record:
    """All that a sink holds.

    Attributes:
        current: what consumers read.
        next: made, but not yet proved by a sign-in; consumers must not take it for the current one.
    """

    current: Stored | None = None
    next: Stored | None = None


class Unusable(Exception):
    """What is held is not a record of ours; the text says what was found and shows no value."""


@dataclass(frozen=True)
class Layout:
    """The flat names of a record's parts.

    Arguments:
        value: the name of the current secret's value.
        prefix: what the names of its details begin with.
        next_value, next_prefix: the same for the secret that waits.
    """

    value: str
    prefix: str
    next_value: str
    next_prefix: str

    @property
    def names(self) -> frozenset[str]:
        """Every name that belongs to a record."""
        return frozenset([*self.spelled(self.value, self.prefix), *self.spelled(self.next_value, self.next_prefix)])

    @staticmethod
    def spelled(value: str, prefix: str) -> dict[str, str]:
        """The flat names of one secret, each with the attribute of Stored that it holds."""
        return {value: "value", **{prefix + detail: detail for detail in DETAILS}}


def variables(prefix: str) -> Layout:
    """Names for a file of variables, for example C(client_secret), C(client_secret_key_id), C(client_secret_next)."""
    return Layout(prefix, f"{prefix}_", f"{prefix}_next", f"{prefix}_next_")


# Names for a store that holds one record and little else.
FIELDS = Layout("value", "", "next_value", "next_")


def flat(record: Record, layout: Layout) -> dict[str, str]:
    """The record as names and texts, without what it does not hold."""
    found: dict[str, str] = {}
    for stored, value, prefix in _slots(record, layout):
        parts = asdict(stored) if stored else {}
        found.update(
            {name: parts[part] for name, part in layout.spelled(value, prefix).items() if parts.get(part) is not None}
        )
    return found


def unflat(held: Mapping[str, Any], layout: Layout) -> Record:
    """The record in a mapping that may hold other names too.

    Raises:
        Unusable: some of the record's names are there, but not as this collection writes them.
    """
    current = one(held, layout.spelled(layout.value, layout.prefix))
    return settled(Record(current, one(held, layout.spelled(layout.next_value, layout.next_prefix))))


def one(held: Mapping[str, Any], spelled: Mapping[str, str]) -> Stored | None:
    """One secret of a mapping, or None if none of its names is there.

    Arguments:
        held: names and values.
        spelled: the name of each attribute of Stored, as L(Layout.spelled) gives them.

    Raises:
        Unusable: a part is missing, or is no text.
    """
    present = [name for name in spelled if held.get(name) is not None]
    if not present:
        return None
    if wrong := [name for name in present if not isinstance(held[name], str) or not held[name]]:
        raise Unusable(f"{', '.join(wrong)} is not a text")
    needed = [name for name, part in spelled.items() if part not in ("value", OPTIONAL)]
    if missing := [name for name in needed if name not in present]:
        raise Unusable(f"it holds {', '.join(present)} without {', '.join(missing)}")
    parts: dict[str, Any] = {part: held.get(name) for name, part in spelled.items()}
    try:
        for part in ("made", "ends"):
            moment(parts[part])
    except ValueError:
        raise Unusable("the times of the secret are no ISO 8601 times with a time zone") from None
    return Stored(**parts)


def settled(record: Record) -> Record:
    """The record as it is meant: a secret that is the current one already does not wait any longer.

    A run that was ended in the middle of a promotion leaves both.
    """
    if record.current and record.next and record.current.key_id == record.next.key_id:
        return Record(record.current)
    return record


def moment(text: str) -> datetime:
    """An ISO 8601 time with its time zone, in UTC.

    Raises:
        ValueError: it is none.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without a time zone")
    return time.astimezone(UTC)


def values(record: Record) -> list[str]:
    """The secrets themselves."""
    return [stored.value for stored in (record.current, record.next) if stored and stored.value]


def _slots(record: Record, layout: Layout) -> list[tuple[Stored | None, str, str]]:
    return [(record.current, layout.value, layout.prefix), (record.next, layout.next_value, layout.next_prefix)]
