# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mailboxes outside a set, on which those who are named for the set shall hold nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ..domain import mailbox_permissions as domain
from . import mailbox_sets
from .errors import ServiceError
from .exchange import Exchange

State = dict[str, Any]
Found: TypeAlias = "State | Exception | None"


def losing(
    exchange: Exchange,
    want: Mapping[str, Any],
    chosen: Iterable[Mapping[str, Any]],
    label: Callable[[str, bool], str],
    read: Callable[[Sequence[State]], list[Found]],
) -> list[State]:
    """The options of each mailbox outside a set on which one of the named trustees holds what he holds in the set.

    Arguments:
        exchange: for the list of all mailboxes.
        want: the options of the set.
        chosen: its mailboxes.
        label: gives the label of a named trustee.
        read: gives the states of mailboxes; one that could not be read is kept, so that it is reported.

    Raises:
        ServiceError: the mailboxes could not be listed to their end, or the options contradict each other.
    """
    known = {mailbox_sets.key_of(row) for row in chosen}
    single = {**want, **dict.fromkeys(mailbox_sets.OPTIONS), **_taken(want), "regrant": False}
    rows = mailbox_sets.listed(exchange, {**dict.fromkeys(mailbox_sets.OPTIONS), "all": True}, delegates=True) or []
    others = [row for row in rows if mailbox_sets.key_of(row) not in known]
    entries = [single | mailbox_sets.identified(row) | {"siblings": len(others)} for row in others]
    try:
        named = domain.canonical(single, label)
    except ValueError as contradiction:
        raise ServiceError(f"{contradiction}.") from contradiction
    lists = {kind: named[kind] for kind in domain.KINDS}
    states = read([entry | lists for entry in entries])
    return [entry for entry, state in zip(entries, states, strict=True) if _holds(state, lists)]


def _taken(want: Mapping[str, Any]) -> State:
    """Of every kind that the options give somebody: that it is taken from him."""
    given = {
        kind: [*(lists.get("set") or ()), *(lists.get("add") or ())] for kind in domain.KINDS if (lists := want[kind])
    }
    return {
        kind: {"set": None, "add": None, "remove": given[kind]} if given.get(kind) else None for kind in domain.KINDS
    }


def _holds(state: Found, lists: Mapping[str, Any]) -> bool:
    if not isinstance(state, dict):
        return state is not None
    return any(
        {one.casefold() for one in state[kind] or ()} & {one.casefold() for one in named["remove"]}
        for kind, named in lists.items()
        if named
    )
