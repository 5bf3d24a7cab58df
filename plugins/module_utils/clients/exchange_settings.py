# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any pair of Get- and Set- of Exchange: one object's parameters read, and some of them set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..domain.exchange_kinds import Kind
from ..domain.exchange_nouns import Noun
from ..domain.exchange_parameters import NOUNS
from ..domain.exchange_settings import lacking, shown_settings
from .errors import ServiceError
from .exchange import Exchange, hashtable

_UNKNOWN = "What is not known cannot be compared, and would be written with every run."
_LEAVE_OUT = "Leave the parameter out, or look at it with an application that has the role Exchange Administrator."


def state(exchange: Exchange, noun: Noun, identity: str | None, names: Iterable[str]) -> dict[str, Any] | None:
    """Some settings of one object; None only if Exchange says that there is no such object.

    Arguments:
        identity: any name of it; None where there is one only.
        names: the parameters to read.

    Raises:
        ServiceError: it could not be read, or does not show a parameter.
    """
    names = list(names)
    row = _only(exchange, noun, names) if identity is None else _one(exchange, noun, identity)
    if row is None:
        return None
    try:
        settings = shown_settings(noun, row, names)
    except ValueError as problem:
        raise ServiceError(f"{problem}.", meaning=_UNKNOWN, advice=_LEAVE_OUT) from problem
    shown = row.get("DisplayName") or row.get("Name") or row.get("Identity")
    return {"id": row.get("Guid") or row.get("Identity"), "display_name": shown, "settings": settings}


def _only(exchange: Exchange, noun: Noun, names: list[str]) -> Mapping[str, Any]:
    switches: dict[str, Any] = {switch: True for name, switch in (noun.shown_by or {}).items() if name in names}
    rows = exchange.command(f"Get-{noun.name}", **switches)
    if len(rows) != 1:
        raise ServiceError(f"Get-{noun.name}: {len(rows)} answers.", meaning="Exactly one is needed.")
    return rows[0]


def _one(exchange: Exchange, noun: Noun, identity: str) -> Mapping[str, Any] | None:
    if not noun.of_mailbox:
        return exchange.find(f"Get-{noun.name}", identity)
    # Only Get-Mailbox shows all names that a mailbox is known by.
    mailbox = exchange.find("Get-Mailbox", identity)
    if mailbox is None or noun.name == "Mailbox":
        return mailbox
    row = exchange.find(f"Get-{noun.name}", mailbox["Guid"])
    if row is None:
        raise ServiceError(f"Get-{noun.name} does not know the mailbox {identity}, and Get-Mailbox does.")
    return row


def set_settings(
    exchange: Exchange, want: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], names: list[str]
) -> bool:
    """Set parameters of an object; false where Exchange says that it has changed nothing.

    Arguments:
        want: the options, which say whether a set is owned wholly or in part.
        before: its state, with the id by which it is named.
        after: the state with the values to set.
        names: the parameters to set.
    """
    noun = NOUNS[want["object"]]
    named = {"Identity": before["id"]} if noun.several else {}
    old, new, asked = before["settings"], after["settings"], want["settings"]
    values = {name: _wire(noun.kinds[name], asked.get(name), old.get(name), new[name]) for name in names}
    changed = exchange.modify(f"Set-{noun.name}", **named, **values, Confirm=False)
    if not changed:
        exchange.warnings.append(
            f"Set-{noun.name}: Exchange says that {', '.join(names)} of {before['display_name']} had that value before. "
            "Get- shows it late, or in a form that this collection compares wrongly; in that case please report it."
        )
    return changed


def _wire(kind: Kind, asked: Any, old: Any, new: Any) -> Any:
    """What a cmdlet is sent for one parameter; a set owned in part is changed by its differences."""
    if not kind.many:
        return None if new is None else kind.wire(new)
    if kind.joined:
        return ",".join(sorted(new)) or None
    if isinstance(asked, dict):
        return hashtable(Add=lacking(kind, new, old), Remove=lacking(kind, old, new))
    return list(new) or hashtable()
