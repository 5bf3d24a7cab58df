# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All permissions of many mailboxes, by mailbox and by trustee, and as a table for whoever audits them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .mailbox_permissions import KINDS, SID, Entry, Trustee, is_of

State = dict[str, Any]

COLUMNS = (
    "mailbox",
    "mailbox_name",
    "mailbox_id",
    "permission",
    "access",
    "trustee",
    "trustee_kind",
    "trustee_id",
    "trustee_sid",
    "via_group",
)
GONE, UNKNOWN = "gone", "unknown"
# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection"); names are anybody's to choose.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class Known:
    """The recipients of a tenant by every name that Exchange may show for them."""

    trustees: list[Trustee] = field(default_factory=list)
    certain: dict[str, Trustee] = field(default_factory=dict)
    possible: dict[str, list[Trustee]] = field(default_factory=dict)
    by_sid: dict[str, Trustee] = field(default_factory=dict)

    def add(self, trustee: Trustee) -> None:
        """Take a recipient in; one whose label is taken gets his id behind it."""
        if any(one.label.casefold() == trustee.label.casefold() for one in self._like(trustee)):
            trustee.label = f"{trustee.label} ({trustee.id})"
        self.trustees.append(trustee)
        for name in trustee.certain:
            self.certain.setdefault(name, trustee)
        for name in trustee.possible:
            self.possible.setdefault(name, []).append(trustee)
        for sid, his in trustee.sids.items():
            if his:
                self.by_sid[sid] = trustee

    def _like(self, trustee: Trustee) -> list[Trustee]:
        name = trustee.label.casefold()
        return [*filter(None, [self.certain.get(name)]), *self.possible.get(name, [])]

    def candidates(self, entry: Entry) -> list[Trustee]:
        """Whose an entry may be: one, several where only a name tells, none where nobody is called so."""
        shown = entry.shown.casefold()
        found = self.by_sid.get(entry.sid or "") or self.certain.get(shown)
        return [found] if found else [one for one in self.possible.get(shown, []) if is_of(entry, one) is not False]


@dataclass(frozen=True)
class Line:
    """One right of one trustee on one mailbox.

    Attributes:
        mailbox: its address.
        label: the trustee's readable name.
        kind: of the trustee: RecipientTypeDetails, C(ServicePrincipal), GONE, or UNKNOWN.
        id: the trustee's object id, where it is known.
        via: the group by which a member has the right.
    """

    mailbox: State
    entry: Entry
    label: str
    kind: str
    id: str | None
    via: str | None = None


def lines(mailbox: State, entries: Iterable[Entry], known: Known) -> list[Line]:
    """The entries of a mailbox with their trustees.

    Arguments:
        mailbox: C(id), C(display_name), C(primary_address), C(type).
    """
    found = []
    for entry in entries:
        candidates = known.candidates(entry)
        if len(candidates) == 1:
            one = candidates[0]
            found.append(Line(mailbox, entry, one.label, one.kind, one.id))
        else:
            gone = bool(SID.fullmatch(entry.shown))
            # A name that several have is told apart by its identifier; who of them it is, Exchange does not say.
            label = f"{entry.shown} ({entry.sid})" if candidates and entry.sid else entry.shown
            found.append(Line(mailbox, entry, label, GONE if gone else UNKNOWN, None))
    return found


def expanded(found: Iterable[Line], members: Mapping[str, Iterable[Trustee]]) -> list[Line]:
    """The lines, each of a group followed by those of its members.

    Arguments:
        members: all members of a group, also of groups inside it, by the group's id.
    """
    result = []
    for line in found:
        result.append(line)
        result += [
            Line(line.mailbox, line.entry, one.label, one.kind, one.id, line.label)
            for one in members.get(line.id or "", ())
        ]
    return result


def by_mailbox(mailboxes: Iterable[State], found: Iterable[Line]) -> list[State]:
    """Every mailbox with who may do what; who has it by a group is named by the group only."""
    states: dict[str, State] = {
        str(one["id"]): {**one, **{kind: [] for kind in KINDS}, "denied": []} for one in mailboxes
    }
    for line in found:
        if line.via is None:
            state, kind = states[str(line.mailbox["id"])], line.entry.kind
            if line.entry.deny:
                state["denied"].append({"trustee": line.label, "permission": kind})
            elif line.label not in state[kind]:
                state[kind].append(line.label)
    return sorted(states.values(), key=lambda state: str(state["primary_address"]).casefold())


def by_trustee(found: Iterable[Line]) -> list[State]:
    """Every trustee with what it may do on which mailboxes; what it may do by a group is listed under C(by_group)."""
    states: dict[str, State] = {}
    for line in found:
        state = states.setdefault(line.label.casefold(), _trustee(line))
        address = line.mailbox["primary_address"]
        if line.entry.sid and line.via is None:
            state["sid"] = line.entry.sid
        if line.entry.deny:
            state["denied"].append({"mailbox": address, "permission": line.entry.kind, "group": line.via})
        elif line.via is not None:
            state["by_group"].append({"mailbox": address, "permission": line.entry.kind, "group": line.via})
        else:
            state[line.entry.kind].append(address)
    for state in states.values():
        state |= {kind: list(dict.fromkeys(state[kind])) for kind in KINDS}
    return sorted(states.values(), key=lambda state: str(state["name"]).casefold())


def _trustee(line: Line) -> State:
    who = {"name": line.label, "kind": line.kind, "id": line.id, "sid": None}
    return {**who, **{kind: [] for kind in KINDS}, "denied": [], "by_group": []}


def table(found: Iterable[Line]) -> str:
    """The lines as CSV (RFC 4180) with a line of headings; what a spreadsheet would take for a formula gets an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(line) for line in found)
    return text.getvalue()


def _cells(line: Line) -> Iterator[str]:
    mailbox, entry = line.mailbox, line.entry
    own_sid = entry.sid if line.via is None else None
    values = (
        mailbox["primary_address"],
        mailbox["display_name"],
        mailbox["id"],
        entry.kind,
        "denied" if entry.deny else "allowed",
        line.label,
        line.kind,
        line.id,
        own_sid,
        line.via,
    )
    for value in values:
        text = "" if value is None else str(value)
        yield f"'{text}" if text.startswith(_FORMULA) else text
