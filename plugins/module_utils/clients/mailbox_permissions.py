# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions on mailboxes in Exchange Online: read for many mailboxes at once, given and taken one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ..domain import mailbox_permissions as domain
from ..domain.mailbox_permissions import FULL_ACCESS, RIGHTS, SEND_AS, SEND_ON_BEHALF, Entry, Trustee
from . import mailbox_elsewhere, mailbox_sets
from .errors import ServiceError
from .exchange import Exchange, hashtable
from .trustees import Trustees

State = dict[str, Any]
Rows = list[dict[str, Any]]
Answer: TypeAlias = "Rows | ServiceError | None"

# From so many mailboxes on, the whole list of who may send as whom takes fewer requests than ten mailboxes in each: it
# comes in pages of a thousand, and few tenants have more than forty of these.
WHOLE_LIST = 400
# What becomes of the trustees on mailboxes outside the set.
KEEP, REMOVE = "keep", "remove"
UNLIMITED = {"ResultSize": "Unlimited"}
DELEGATES = {"IncludeGrantSendOnBehalfToWithDisplayNames": True}


class Permissions:
    """The permissions that the objects of a task are about. Safe for many threads."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.trustees = Trustees(exchange)
        self._lock = threading.RLock()
        # What was read of each mailbox last, by its id: apply needs to know whose entry a label was.
        self._held: dict[str, list[tuple[str, Entry]]] = {}
        self._synced: dict[str, bool] = {}
        # Rows of lists that were read for the whole task; each serves the first look only, later ones must be fresh.
        self._listed: dict[str, Rows] = {}
        self._sending: dict[str, Rows] | None = None
        self._mapped: dict[str, bool] = {}
        # By the id of a mailbox, the name by which it was asked for first, and what was asked.
        self._asked: dict[str, tuple[str, list[Any]]] = {}

    def expand(self, want: State) -> list[State] | None:
        """The options of each mailbox of a set; None where the options name one mailbox.

        Raises:
            ServiceError: the set could not be listed to its end.
        """
        delegates = want[SEND_ON_BEHALF] is not None
        single = want | dict.fromkeys(mailbox_sets.OPTIONS)
        alone = want["elsewhere"] == REMOVE
        if want["mailboxes"] is not None and want["except"] is None and not alone:
            # Whoever is named needs no looking up: the reading of permissions finds him, or says that he is not there.
            return [single | {"mailbox": name} for name in mailbox_sets.each_once(want["mailboxes"])]
        rows = mailbox_sets.listed(self._exchange, want, delegates)
        if rows is None:
            return None
        if alone and not rows and want["mailboxes"] is None:
            raise ServiceError(
                "elsewhere=remove: no mailbox is in the set, so every mailbox is elsewhere.",
                meaning="A filter with a typing error finds none as well, so nothing was changed.",
                advice="Check the set. To close all mailboxes to them, say mailboxes: [].",
            )
        found = [single | mailbox_sets.identified(row) | {"siblings": len(rows)} for row in rows]
        if delegates:
            # Rows of group members do not say who may send on behalf.
            shown = zip(found, rows, strict=True)
            self._listed |= {one["id"]: [row] for one, row in shown if "GrantSendOnBehalfTo" in row}
        if alone:
            found += mailbox_elsewhere.losing(self._exchange, want, rows, self.trustees.label, self._looked)
        return found

    def read(self, wants: Sequence[State]) -> list[State | Exception | None]:
        """The states of mailboxes, in their order; the error of one that alone could not be read, None for one that is gone.

        Arguments:
            wants: options whose trustees are labels; C(id) and C(siblings) where the mailbox is one of a listed set.
        """
        return [self._alone(want, state) for want, state in zip(wants, self._looked(wants), strict=True)]

    def _alone(self, want: State, state: State | Exception | None) -> State | Exception | None:
        """A state; an error where something else is asked of the same mailbox under another name."""
        if not isinstance(state, dict):
            return state
        mine = (want["mailbox"], [want.get(kind) for kind in domain.KINDS])
        with self._lock:
            first = self._asked.setdefault(state["id"], mine)
        if first[0] == mine[0] or first[1] == mine[1]:
            return state
        return ServiceError(
            f"It is the same mailbox as {first[0]}, of which something else is asked in this task.",
            meaning="Two changes of it at a time would race each other.",
            advice="Name it in one entry.",
        )

    def _looked(self, wants: Sequence[State]) -> list[State | Exception | None]:
        rights = self._each(wants, RIGHTS, self._rights)
        senders = self._each(wants, (SEND_AS,), self._senders)
        behalf = self._each(wants, (SEND_ON_BEHALF,), self._delegates)
        return [
            self._state(want, {**dict.fromkeys(RIGHTS, right), SEND_AS: sender, SEND_ON_BEHALF: delegate})
            for want, right, sender, delegate in zip(wants, rights, senders, behalf, strict=True)
        ]

    def _each(
        self, wants: Sequence[State], kinds: Iterable[str], ask: Callable[[list[State]], list[Answer]]
    ) -> list[Answer]:
        """The answers for those mailboxes whose options name one of the kinds; no rows for the others."""
        named = tuple(kinds)
        asked = [want for want in wants if any(want.get(kind) is not None for kind in named)]
        answers = iter(ask(asked) if asked else [])
        return [next(answers) if any(want.get(kind) is not None for kind in named) else [] for want in wants]

    def _rights(self, wants: list[State]) -> list[Answer]:
        # Without the switch, entries of those who are gone are left out (Microsoft Learn, Get-MailboxPermission).
        more = {"IncludeUnresolvedPermissions": True, **UNLIMITED}
        return self._exchange.commands("Get-MailboxPermission", [{"Identity": _name(want), **more} for want in wants])

    def _senders(self, wants: list[State]) -> list[Answer]:
        if max(want.get("siblings") or 0 for want in wants) >= WHOLE_LIST:
            with self._lock:
                if self._sending is None:
                    self._sending = by_holder(self._exchange.command("Get-RecipientPermission", **UNLIMITED))
        return self._first(self._sending or {}, wants, "Get-RecipientPermission", UNLIMITED)

    def _delegates(self, wants: list[State]) -> list[Answer]:
        return self._first(self._listed, wants, "Get-Mailbox", DELEGATES)

    def _first(
        self, listed: dict[str, Rows], wants: list[State], cmdlet: str, parameters: Mapping[str, Any]
    ) -> list[Answer]:
        """The rows of a list, each for one look; whoever is not in it is asked for."""
        found = [listed.pop(_name(want), None) for want in wants]
        asked = [
            {"Identity": _name(want), **parameters} for want, rows in zip(wants, found, strict=True) if rows is None
        ]
        answers = iter(self._exchange.commands(cmdlet, asked) if asked else [])
        return [next(answers) if rows is None else rows for rows in found]

    def _state(self, want: State, answers: Mapping[str, Answer]) -> State | Exception | None:
        """The state of one mailbox from what its cmdlets said."""
        for answer in answers.values():
            if answer is None or isinstance(answer, ServiceError):
                return answer
        rows = {kind: answer for kind, answer in answers.items() if isinstance(answer, list)}
        try:
            if want.get(SEND_ON_BEHALF) is not None and len(rows[SEND_ON_BEHALF]) != 1:
                raise ValueError(f"Get-Mailbox shows {len(rows[SEND_ON_BEHALF])} mailboxes")
            entries = [
                *domain.mailbox_entries(rows[FULL_ACCESS]),
                *domain.send_as_entries(rows[SEND_AS]),
                *(entry for row in rows[SEND_ON_BEHALF] for entry in domain.on_behalf_entries(row)),
            ]
            identifier = want.get("id") or self._id(want, rows)
            held = self._labelled(identifier, want, entries)
        except ValueError as unreadable:
            return ServiceError(
                f"Exchange's answer about {want['mailbox']} cannot be read: {unreadable}.",
                meaning="Who may do what is not known, so nothing was changed.",
            )
        except ServiceError as error:
            return error
        self._held[identifier] = held
        for row in rows[SEND_ON_BEHALF]:
            self._synced[identifier] = bool(row.get("IsDirSynced") and not row.get("IsExchangeCloudManaged"))
        self._warn(want, held)
        read = [kind for kind in domain.KINDS if want.get(kind) is not None]
        return domain.state_of(identifier, held, read) | {domain.APPLIED: self._mapped.get(identifier)}

    def _id(self, want: State, rows: Mapping[str, Rows]) -> str:
        """The mailbox's id, which every row of it has."""
        found = {
            str(row.get("ExternalDirectoryObjectId") or row.get("Identity") or "")
            for some in rows.values()
            for row in some
        }
        if not found:
            row = self._exchange.find("Get-Mailbox", want["mailbox"]) or {}
            found = {str(row.get("ExternalDirectoryObjectId") or row.get("Identity") or "")}
        if len(found) != 1 or not all(found):
            raise ValueError("its rows are not all of one mailbox")
        return found.pop()

    def _labelled(self, mailbox: str, want: State, entries: list[Entry]) -> list[tuple[str, Entry]]:
        trustees = self.trustees.of(domain.wanted(want, "set", "add", "remove"))
        return domain.labelled(entries, trustees, lambda entry, trustee: self._settled(mailbox, entry, trustee))

    def _settled(self, mailbox: str, entry: Entry, trustee: Trustee) -> bool:
        """Whether an entry is a trustee's whose name others may have: Exchange is asked for his entries alone.

        Raises:
            ServiceError: Exchange shows names without identifiers, and this one is not unique.
        """
        if entry.kind == SEND_ON_BEHALF:
            return self.trustees.is_same(entry.shown, trustee)
        cmdlet, parameter, read = (
            ("Get-RecipientPermission", "Trustee", domain.send_as_entries)
            if entry.kind == SEND_AS
            else ("Get-MailboxPermission", "User", domain.mailbox_entries)
        )
        own = read(self._exchange.command(cmdlet, Identity=mailbox, **{parameter: trustee.id}))
        his = any((one.sid, one.shown) == (entry.sid, entry.shown) for one in own)
        if entry.sid:
            trustee.sids[entry.sid] = his
        return his

    def _warn(self, want: State, held: list[tuple[str, Entry]]) -> None:
        """Say where a permission that is wanted has no effect, because it is denied as well."""
        for label, entry in held:
            lists = want.get(entry.kind) or {}
            names = {one.casefold() for part in ("set", "add") for one in lists.get(part) or ()}
            if entry.deny and label.casefold() in names:
                words = (
                    f"mailbox={want['mailbox']}: {entry.kind} is denied to {label} by an entry of its own, so being given "
                    "it has no effect. This module does not remove entries that deny; remove it in Exchange."
                )
                if words not in self._exchange.warnings:
                    self._exchange.warnings.append(words)

    def masters(self, mailbox: str) -> bool:
        """Whether Active Directory masters who may send on behalf of a mailbox."""
        return self._synced.get(mailbox, False)

    # --- changes

    def change(
        self, mailbox: str, added: Mapping[str, list[str]], removed: Mapping[str, list[str]], mapping: bool
    ) -> None:
        """Give and take permissions.

        Arguments:
            mailbox: its id.
            added, removed: labels by kind.
            mapping: whether a mailbox that somebody may open appears in his Outlook by itself.
        """
        for label, kinds in _by_label(added, RIGHTS).items():
            self._give(mailbox, label, [RIGHTS[kind] for kind in kinds], mapping)
        for label, kinds in _by_label(removed, RIGHTS).items():
            self._take(mailbox, label, kinds)
        for label in added.get(SEND_AS, ()):
            self._exchange.command("Add-RecipientPermission", Identity=mailbox, **self._sender(mailbox, label))
        for label in removed.get(SEND_AS, ()):
            self._exchange.command("Remove-RecipientPermission", Identity=mailbox, **self._sender(mailbox, label))
        delegates = {
            word: [self._whom(mailbox, SEND_ON_BEHALF, label) for label in lists.get(SEND_ON_BEHALF, ())]
            for word, lists in (("Add", added), ("Remove", removed))
        }
        if any(delegates.values()):
            value = hashtable(**delegates)
            self._exchange.command("Set-Mailbox", Identity=mailbox, GrantSendOnBehalfTo=value, Confirm=False)

    def regrant(self, mailbox: str, labels: Iterable[str], mapping: bool) -> None:
        """Take FullAccess away and give it anew, because Exchange applies auto-mapping at no other moment."""
        for label in labels:
            self._take(mailbox, label, [FULL_ACCESS])
            self._give(mailbox, label, [RIGHTS[FULL_ACCESS]], mapping)
        self._mapped[mailbox] = mapping

    def _give(self, mailbox: str, label: str, rights: list[str], mapping: bool) -> None:
        more: dict[str, Any] = {"AutoMapping": mapping} if RIGHTS[FULL_ACCESS] in rights else {}
        self._exchange.command(
            "Add-MailboxPermission",
            Identity=mailbox,
            User=self._whom(mailbox, FULL_ACCESS, label),
            AccessRights=rights,
            InheritanceType="All",
            Confirm=False,
            **more,
        )

    def _take(self, mailbox: str, label: str, kinds: Sequence[str]) -> None:
        """Remove rights, from each entry with its own kind of inheritance."""
        whose = [(one, entry) for one, entry in self._held.get(mailbox, []) if one.casefold() == label.casefold()]
        by_inheritance: dict[str, list[str]] = {}
        for _label, entry in whose:
            if entry.kind in kinds and not entry.deny:
                by_inheritance.setdefault(entry.inheritance, []).append(RIGHTS[entry.kind])
        for inheritance, rights in by_inheritance.items():
            self._exchange.command(
                "Remove-MailboxPermission",
                Identity=mailbox,
                User=self._whom(mailbox, kinds[0], label),
                AccessRights=rights,
                InheritanceType=inheritance,
                Confirm=False,
            )

    def _sender(self, mailbox: str, label: str) -> dict[str, Any]:
        return {"Trustee": self._whom(mailbox, SEND_AS, label), "AccessRights": ["SendAs"], "Confirm": False}

    def _whom(self, mailbox: str, kind: str, label: str) -> str:
        """What Exchange is told for a label: the id of somebody who was named, else what his entry shows."""
        trustee = self.trustees.known(label)
        if trustee is not None:
            return trustee.id
        entry = next(entry for one, entry in self._held[mailbox] if one == label and entry.kind == kind)
        return entry.sid or entry.shown


def by_holder(rows: Iterable[dict[str, Any]]) -> dict[str, Rows]:
    """Rows of a list of permissions by the object that they are about.

    Raises:
        ServiceError: a row does not say which.
    """
    found: dict[str, Rows] = {}
    for row in rows:
        if not row.get("Identity"):
            raise ServiceError(
                "Get-RecipientPermission: a row does not say whose it is.",
                meaning="The list is not complete, so it says nothing about what is not in it.",
            )
        found.setdefault(str(row["Identity"]), []).append(row)
    return found


def _name(want: Mapping[str, Any]) -> str:
    return str(want.get("id") or want["mailbox"])


def _by_label(lists: Mapping[str, list[str]], kinds: Iterable[str]) -> dict[str, list[str]]:
    """The kinds of each label."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        for label in lists.get(kind, ()):
            found.setdefault(label, []).append(kind)
    return found
