# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of a Set- cmdlet as declared state: checked before anything is asked, compared by what they mean.

Two parameters of Set-RemoteDomain move each other (Microsoft Learn, "Set-RemoteDomain"): AllowedOOFType=InternalLegacy
makes IsInternal true, and IsInternal=false makes AllowedOOFType ExternalLegacy. They are set one after the other, so
that what was asked for is what stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from .exchange_kinds import Kind
from .exchange_nouns import Noun
from .exchange_parameters import NOUNS

Settings = dict[str, Any]

REPLIES, INTERNAL = "AllowedOOFType", "IsInternal"
_LEGACY, _EXTERNAL_LEGACY = "InternalLegacy", "ExternalLegacy"


def checked(want: Mapping[str, Any]) -> dict[str, Any]:
    """The options of one object with every setting under Exchange's name for it and in its proper form.

    Raises:
        ValueError: naming every setting that is wrong, and why.
    """
    noun, identity = NOUNS[want["object"]], want["identity"]
    if noun.several and identity is None:
        raise ValueError(f"identity: there are several objects {noun.name}; name the one")
    if not noun.several and identity is not None:
        raise ValueError(f"identity: there is one {noun.name} only, which has no name; leave it out")
    settings: Settings = {}
    problems = [] if want["settings"] else ["name at least one"]
    for given, value in want["settings"].items():
        try:
            name = _spelled(noun, str(given))
            if name in settings:
                raise ValueError(f"{name} is there twice")
            settings[name] = _proper(name, noun.kinds[name], value)
        except ValueError as problem:
            problems.append(str(problem))
    if settings.get(REPLIES) == _LEGACY and settings.get(INTERNAL) is False:
        problems.append(f"{REPLIES}={_LEGACY} makes {INTERNAL} true, so it cannot be false")
    if problems:
        raise ValueError(f"settings of {noun.name}: " + "; ".join(problems))
    return {**want, "settings": settings}


def _spelled(noun: Noun, given: str) -> str:
    """Exchange's spelling of a parameter. Raises ValueError: there is none, or it cannot be declared."""
    known = {name.casefold(): name for name in (*noun.kinds, *noun.refused)}
    name = known.get(given.casefold())
    if name is None:
        near = [known[match] for match in get_close_matches(given.casefold(), known, n=3)]
        hint = f"perhaps {' or '.join(near)}" if near else f"see Set-{noun.name} on Microsoft Learn"
        raise ValueError(f"there is no {given} ({hint})")
    if name in noun.refused:
        raise ValueError(f"{name} cannot be declared: {noun.refused[name]}")
    return name


def _proper(name: str, kind: Kind, value: Any) -> Any:
    if kind.many:
        return _members(name, kind, value)
    if value is None and kind.clears:
        return None
    return _one(name, kind, value)


def _one(name: str, kind: Kind, value: Any) -> Any:
    try:
        if value is None:
            raise ValueError
        return kind.proper(value)
    except ValueError:
        given = "null" if value is None else repr(value)
        raise ValueError(f"{name}: {given} is not {kind.words}") from None


def _members(name: str, kind: Kind, value: Any) -> list[Any] | dict[str, list[Any]]:
    """A set as it should be (a list; none is an empty one), or what has to be in it and what not."""
    if isinstance(value, list) or value is None or (kind.joined and isinstance(value, str)):
        return kind.ordered([_one(name, kind, member) for member in kind.members([] if value is None else value)])
    if not isinstance(value, dict) or not value or not value.keys() <= {"add", "remove"}:
        raise ValueError(f"{name}: {value!r} is not {kind.words}")
    parts = {part: _members(name, kind, members) for part, members in value.items()}
    if any(isinstance(members, dict) for members in parts.values()):
        raise ValueError(f"{name}: add and remove take lists")
    both = kind.key(parts.get("add")) & kind.key(parts.get("remove"))
    if both:
        raise ValueError(f"{name}: {', '.join(sorted(both))} is to be added and removed")
    return parts  # type: ignore[return-value]  # no member is a mapping, see above


def asked_for(want: Mapping[str, Any]) -> list[str]:
    """The parameters that have to be read: those that are named, and the other one of two that move each other."""
    names = list(want["settings"])
    pair = (REPLIES, INTERNAL) if {REPLIES, INTERNAL} & set(names) else ()
    return names + [name for name in pair if name not in names]


def shown_settings(noun: Noun, row: Mapping[str, Any], names: Iterable[str]) -> Settings:
    """The settings in their proper form, from what Get- shows.

    Raises:
        ValueError: a property is not shown, or in a form that is unknown. Neither says what the setting is.
    """
    return {name: _shown(noun, row, name) for name in names}


def _shown(noun: Noun, row: Mapping[str, Any], name: str) -> Any:
    if name not in row:
        raise ValueError(f"Get-{noun.name} does not show {name}")
    kind, value = noun.kinds[name], row[name]
    if value is None or (kind.many and value == ""):
        return [] if kind.many else None
    try:
        if kind.many:
            return kind.ordered([_known(kind, member) for member in kind.members(value)])
        return _known(kind, value)
    except (ValueError, TypeError):
        raise ValueError(f"Get-{noun.name} shows {name} as {value!r}, which is not {kind.words}") from None


def _known(kind: Kind, value: Any) -> Any:
    """A value that is shown; words that are not in our lists are news, not mistakes."""
    return kind.proper(value) if not kind.open else kind.open(value)


def goal(want: Mapping[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The state that should be there; what means the same stays as it is spelled there."""
    kinds = NOUNS[want["object"]].kinds
    present: Settings = before.get("settings", {})
    settings = dict(present)
    for name, wanted in want["settings"].items():
        value = _merged(kinds[name], wanted, present.get(name)) if isinstance(wanted, dict) else wanted
        settings[name] = present.get(name) if kinds[name].same(value, present.get(name)) else value
    return before | {"settings": settings | _moved(want["settings"], present, settings)}


def _merged(kind: Kind, wanted: Mapping[str, list[Any]], present: list[Any] | None) -> list[Any]:
    gone = kind.key(wanted.get("remove"))
    kept = [member for member in present or () if kind.key_of_member(member) not in gone]
    return kind.ordered(kept + lacking(kind, wanted.get("add"), kept))


def lacking(kind: Kind, members: list[Any] | None, others: list[Any] | None) -> list[Any]:
    """The members of one set that another one does not have."""
    known = kind.key(others)
    return [member for member in members or () if kind.key_of_member(member) not in known]


def _moved(named: Settings, present: Settings, after: Settings) -> Settings:
    """What Exchange itself will change beside what is asked for."""
    if INTERNAL not in named and after.get(REPLIES) == _LEGACY != present.get(REPLIES):
        return {INTERNAL: True}
    if REPLIES not in named and after.get(INTERNAL) is False and present.get(INTERNAL) is not False:
        return {REPLIES: _EXTERNAL_LEGACY}
    return {}


def step(want: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The parameters to set now: all that are named and differ, but of two that move each other the first."""
    kinds = NOUNS[want["object"]].kinds
    old, new = before["settings"], after["settings"]
    due = [name for name in want["settings"] if not kinds[name].same(old[name], new[name])]
    return [name for name in due if name != REPLIES or INTERNAL not in due]
