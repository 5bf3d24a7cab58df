# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the addresses that an object has, and what is wanted of them, to those that it should have, and how.

- Exactly one SMTP address is primary. A new primary makes the old one an alias, unless it is removed or an exact list
  leaves it out.
- An exact list is about SMTP aliases; addresses of other types stay byte by byte unless they are named. So do values
  that are not well-formed.
- An address that is there keeps its spelling: letter case is no difference. Only the prefix of another type is taken
  over as it is named (C(SIP:) in place of C(sip:)).
- Repair: where several SMTP addresses are primary and none is named, the one that equals C(mail) stays primary, else
  the first in alphabetical order; where none is, the one that equals C(mail) becomes primary.

Sources: RFC 4511 4.6 and [MS-ADTS] 3.1.1.5.3 (one modify request is atomic; values that differ in letter case only are
the same value, so a change of case is a delete followed by an add).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from .addresses import KINDS, MAXIMUM, ProxyAddress, key, parse, recognize

Key = tuple[str, str]


@dataclass(frozen=True)
class Wanted:
    """What a user wants of the addresses, in checked form. C(exact) is None where the list is not exact."""

    primary: ProxyAddress | None
    exact: dict[Key, str] | None
    add: dict[Key, str]
    remove: dict[Key, str]

    @property
    def named(self) -> dict[Key, str]:
        """All that should be there, the primary apart."""
        return {**(self.exact or {}), **self.add}

    @property
    def empty(self) -> bool:
        """Whether nothing was asked for."""
        return self.primary is None and self.exact is None and not self.add and not self.remove


def plan(
    current: Sequence[str],
    *,
    primary: str | None = None,
    exact: Iterable[str] | None = None,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    mail: str | None = None,
) -> list[str]:
    """The values that C(proxyAddresses) should have; the rules are at the head of this file.

    Arguments:
        primary: the wanted primary address; None leaves it.
        exact: the aliases, all of them; an empty list means none; None leaves them.
        add: aliases that must be there.
        remove: addresses that must not be there.
        mail: the object's C(mail) attribute, for the repair.

    Raises:
        ValueError: an address is malformed, wishes contradict each other, the primary would be lost, or too many.
    """
    wanted = _checked(current, primary, exact, add, remove)
    if wanted.empty:
        return list(current)
    present = _smtp_of(current)
    chosen = wanted.primary if wanted.primary is not None else _standing(present, mail)
    kept = set(present if wanted.exact is None else ()) | {name for name in wanted.named if name[0] == "SMTP"}
    kept -= set(wanted.remove)
    if chosen is not None:
        _refuse_loss(chosen, wanted)
        kept.add(chosen.key)
    elif kept:
        raise ValueError("no address is primary: name the primary address")
    _refuse_unnamed_primaries(wanted, chosen)
    goal = _assembled(current, present, kept, chosen, wanted)
    if len(goal) > max(MAXIMUM, len(current)):
        raise ValueError(f"there would be {len(goal)} addresses; {MAXIMUM} is the maximum")
    return goal


def modifications(current: Sequence[str], goal: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The steps of one modify request from the one list to the other: C((operation, values)), deletes before adds.

    The deletes name the exact old values: if somebody else removed one meanwhile, the directory refuses the whole
    request. Empty when there is nothing to do; order is no difference.
    """
    before, after = _by_spelling(current), _by_spelling(goal)
    differing = [
        folded for folded in {**before, **after} if sorted(before.get(folded, [])) != sorted(after.get(folded, []))
    ]
    deletes = [value for folded in differing for value in before.get(folded, [])]
    adds = [value for folded in differing for value in after.get(folded, [])]
    return [step for step in (("delete", deletes), ("add", adds)) if step[1]]


def _by_spelling(values: Iterable[str]) -> dict[str, list[str]]:
    """Values by what the directory takes for the same value."""
    groups: dict[str, list[str]] = {}
    for value in values:
        groups.setdefault(value.lower(), []).append(value)
    return groups


def _checked(
    current: Sequence[str], primary: str | None, exact: Iterable[str] | None, add: Iterable[str], remove: Iterable[str]
) -> Wanted:
    there = {value.lower() for value in current}
    first = None if primary is None else _primary(primary)
    wanted = Wanted(
        first,
        None if exact is None else _named(exact, there),
        _named(add, there),
        _unwanted(remove, there),
    )
    for name, text in wanted.remove.items():
        if name in wanted.named:
            raise ValueError(f"{text} is both wanted and to be removed")
    return wanted


def _primary(text: str) -> ProxyAddress:
    found = parse(text)
    if found.kind != "SMTP":
        raise ValueError(f"{text}: the primary address must be an SMTP address")
    return found


def _named(texts: Iterable[str], there: Collection[str]) -> dict[Key, str]:
    """Addresses by key. What is there already may be named even if malformed, so that it can be kept or removed."""
    return {key(text): text if text.lower() in there else str(parse(text)) for text in texts}


def _unwanted(texts: Iterable[str], there: Collection[str]) -> dict[Key, str]:
    """Addresses to remove, by key. A malformed one of a known type may be gone already: then a second run says so too."""
    named = {}
    for text in texts:
        found = recognize(text)
        known = text.lower() in there or (found is not None and (found.kind in KINDS or found.kind.startswith("X-")))
        named[key(text)] = text if known else str(parse(text))
    return named


def _smtp_of(current: Iterable[str]) -> dict[Key, ProxyAddress]:
    """The SMTP addresses by key; of two that differ in letter case only, the primary one."""
    present: dict[Key, ProxyAddress] = {}
    for found in map(recognize, current):
        if found is not None and found.kind == "SMTP" and (found.key not in present or found.primary):
            present[found.key] = found
    return present


def _standing(present: dict[Key, ProxyAddress], mail: str | None) -> ProxyAddress | None:
    """The address that is primary, or is to be by the rules of repair."""
    primaries = sorted((found for found in present.values() if found.primary), key=lambda found: found.key)
    at_mail = present.get(("SMTP", mail.lower())) if mail else None
    if len(primaries) == 1 or at_mail is None:
        return primaries[0] if primaries else None
    return at_mail if at_mail.primary or not primaries else primaries[0]


def _refuse_loss(chosen: ProxyAddress, wanted: Wanted) -> None:
    if chosen.key not in wanted.remove:
        return
    if wanted.primary is not None:
        raise ValueError(f"{chosen.address} is both wanted as the primary address and to be removed")
    raise ValueError(f"{chosen.address} is the primary address: name another one as primary before it can be removed")


def _refuse_unnamed_primaries(wanted: Wanted, chosen: ProxyAddress | None) -> None:
    """An alias written with SMTP: in capitals would be a second primary, unless it is the primary itself."""
    for name, text in wanted.named.items():
        found = recognize(text)
        if name[0] == "SMTP" and found is not None and found.primary and (chosen is None or name != chosen.key):
            raise ValueError(f"{text} is written as a primary address: name it as the primary address, or write smtp:")


def _assembled(
    current: Sequence[str],
    present: dict[Key, ProxyAddress],
    kept: set[Key],
    chosen: ProxyAddress | None,
    wanted: Wanted,
) -> list[str]:
    """The goal in the order of what is there, new addresses last."""
    goal: list[str] = []
    done: set[Key] = set()
    for text in current:
        name = key(text)
        if name in present:
            if name in kept and name not in done:
                goal.append(str(present[name].as_primary(chosen is not None and name == chosen.key)))
        elif name not in wanted.remove:
            goal.append(wanted.named.get(name, text))
        done.add(name)
    if chosen is not None and chosen.key not in done:
        goal.append(str(chosen.as_primary(True)))
        done.add(chosen.key)
    return goal + [text for name, text in wanted.named.items() if name not in done]
