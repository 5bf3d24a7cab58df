# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The difference between what is there and what should be, as a plan and as a diff."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from .errors import Refused, describe
from .resource import Field, Resource, State
from .secrecy import MASK


@dataclass(frozen=True)
class Change:
    """What has to happen to one object. False when there is nothing to do.

    Arguments:
        resource: the kind of object.
        want: the user's options.
        before: the state as it was read; None when the object is absent.
        after: the state that should be; None when the object should be absent.
        fields: the managed options whose value differs.
    """

    resource: Resource
    want: State
    before: State | None
    after: State | None
    fields: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.fields) or (self.before is None) != (self.after is None)

    @property
    def creates(self) -> bool:
        """The object is absent and should be there."""
        return self.before is None and self.after is not None

    @property
    def removes(self) -> bool:
        """The object is there and should be absent."""
        return self.before is not None and self.after is None

    @property
    def gaps(self) -> frozenset[Hashable]:
        """Every single difference, so that two changes can be compared: has something of the one been done?"""
        gaps: set[Hashable] = {"object"} if self.creates or self.removes else set()
        for name in self.fields:
            field = self.resource.managed[name]
            gaps.update((name, gap) for gap in field.gaps(_value(self.before, name), _value(self.after, name)))
        return frozenset(gaps)

    def added(self, name: str) -> list[Any]:
        """The members that a set lacks."""
        return self.resource.managed[name].lacking(_value(self.after, name), _value(self.before, name))

    def removed(self, name: str) -> list[Any]:
        """The members that a set should no longer have."""
        return self.resource.managed[name].lacking(_value(self.before, name), _value(self.after, name))


def plan(resource: Resource, want: State, before: State | None) -> Change:
    """Compare what is asked for with what is there.

    Raises:
        Refused: the options contradict what is there.
    """
    if want.get("state") == "absent":
        return Change(resource, want, before, None, ())
    try:
        after = (resource.goal or _overlay(resource))(want, dict(before or {}))
        after = resource.completed(after, want) if resource.completed else after
    except ValueError as contradiction:
        raise Refused(f"{contradiction}.") from contradiction
    fields = tuple(
        name
        for name, field in resource.managed.items()
        if name in after and not field.same(_value(before, name), after[name])
    )
    if before is not None:
        # Another spelling of the same value is not written, so the value stays as it is spelled there.
        after |= {name: before.get(name) for name in resource.managed if name in after and name not in fields}
    return Change(resource, want, before, after, fields)


def _overlay(resource: Resource) -> Any:
    def goal(want: State, before: State) -> State:
        asked = {name: field for name, field in resource.managed.items() if want.get(name) is not None}
        return before | {name: field.goal(want[name], before.get(name)) for name, field in asked.items()}

    return goal


def _value(state: State | None, name: str) -> Any:
    return (state or {}).get(name)


def shown(resource: Resource, state: State | None) -> State | None:
    """A state as results show it: sets in a steady order, and without secrets."""
    if state is None:
        return None
    secret = {name for name, field in resource.managed.items() if field.secret}
    return {name: _shown_value(resource.managed.get(name), state[name]) for name in state if name not in secret}


def _shown_value(field: Field | None, value: Any) -> Any:
    if field is None or value is None or field.shape != "set":
        return value
    return sorted(value, key=lambda member: (str(field.key(member)), str(member)))


def diff(change: Change) -> dict[str, str]:
    """Before and after of what we manage, as the text that C(--diff) prints."""
    label = describe({name: change.want[name] for name in change.resource.names if change.want.get(name) is not None})
    sides = {"before": change.before, "after": change.after}
    headers = {f"{side}_header": f"{change.resource.kind} {label}".strip() for side in sides}
    return headers | {side: _text(_side(change, side, state)) for side, state in sides.items()}


def _side(change: Change, side: str, state: State | None) -> State:
    if state is None:
        return {}
    managed = [name for name in change.resource.managed if _concerns(change, name)]
    view = shown(change.resource, {name: state.get(name) for name in managed}) or {}
    return view | {name: _secret(change, side, state, name) for name in managed if change.resource.managed[name].secret}


def _secret(change: Change, side: str, state: State, name: str) -> str | None:
    """A word for a secret: two masked values look alike, so one that changes is told by another word on either side."""
    if state.get(name) is None:
        return None
    return MASK if name not in change.fields else f"({'new' if side == 'after' else 'present'} secret)"


def _text(value: Any, indent: str = "") -> str:
    """A state as lines to read, like YAML; a JSON diff would show every umlaut as an escape."""
    if isinstance(value, dict):
        return "".join(f"{indent}{name}:{_inline(value[name], indent)}" for name in sorted(value))
    return "".join(f"{indent}- {_member(member, indent)}" for member in value)


def _member(member: Any, indent: str) -> str:
    """A member of a list; one with several values begins behind the dash and goes on below."""
    return _text(member, indent + "  ").lstrip(" ") if isinstance(member, dict) and member else f"{member}\n"


def _inline(value: Any, indent: str) -> str:
    if isinstance(value, (dict, list)):
        return "\n" + _text(value, indent + "  ") if value else f" {'{}' if isinstance(value, dict) else '[]'}\n"
    if value is None:
        return "\n"
    return f" {str(value).lower() if isinstance(value, bool) else value}\n"


def _concerns(change: Change, name: str) -> bool:
    """A diff shows what the user asked for, what changes, and everything of an object that goes away."""
    return change.removes or name in change.fields or change.want.get(name) is not None
