# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every permission on many mailboxes, in as few requests as Exchange Online allows.

Who may send on behalf stands in the list of mailboxes; who may send as whom is one list for the tenant; both come in pages
of a thousand. FullAccess and its kin have to be asked for mailbox by mailbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..domain import mailbox_permissions as domain
from ..domain import permission_report as report
from ..domain.mailbox_permissions import Entry, Trustee
from ..domain.permission_report import Known, Line
from . import mailbox_sets
from .errors import ServiceError
from .exchange import Exchange
from .mailbox_permissions import UNLIMITED, WHOLE_LIST, by_holder
from .trustees import FORBIDDEN

State = dict[str, Any]
Rows = list[dict[str, Any]]

# So many mailboxes are asked for at a time; more would only hold their answers in memory for longer.
CHUNK = 1000
RECIPIENT = (
    "ExternalDirectoryObjectId",
    "Guid",
    "ExchangeGuid",
    "DistinguishedName",
    "Identity",
    "Name",
    "Alias",
    "DisplayName",
    "WindowsLiveID",
    "PrimarySmtpAddress",
    "EmailAddresses",
    "RecipientTypeDetails",
)


def collect(exchange: Exchange, want: Mapping[str, Any], everybody: Callable[[], Known]) -> State | None:
    """The report; None where one mailbox is named that Exchange says does not exist.

    Arguments:
        want: values of mailbox_sets.OPTIONS, C(mailbox), C(expand_groups) and C(csv).
        everybody: gives the recipients of the tenant.

    Raises:
        ServiceError: something could not be read; a report never lacks what nobody could see.
    """
    rows = _mailboxes(exchange, want)
    if rows is None:
        return None
    known = everybody()
    read = list(_entries(exchange, rows))
    vanished = [mailbox["primary_address"] for mailbox, entries in read if entries is None]
    held = [(mailbox, entries) for mailbox, entries in read if entries is not None]
    _settle(exchange, held, known)
    found = [line for mailbox, entries in held for line in report.lines(mailbox, entries, known)]
    if vanished:
        exchange.warnings.append(f"Deleted while the report was made, and not in it: {', '.join(sorted(vanished))}.")
    if want["expand_groups"]:
        found = report.expanded(found, _members(exchange, known, found))
    return {
        "mailboxes": report.by_mailbox([mailbox for mailbox, _entries in held], found),
        "trustees": report.by_trustee(found),
        "csv": report.table(found) if want["csv"] else None,
    }


def _mailboxes(exchange: Exchange, want: Mapping[str, Any]) -> Rows | None:
    if want["mailbox"] is not None:
        answer = exchange.commands("Get-Mailbox", [{"Identity": want["mailbox"], **mailbox_sets.DELEGATES}])[0]
        if isinstance(answer, ServiceError):
            raise answer
        return answer
    rows = mailbox_sets.listed(exchange, want, delegates=True)
    rows = mailbox_sets.listed(exchange, {**want, "all": True}, delegates=True) if rows is None else rows
    if rows and any("GrantSendOnBehalfTo" not in row for row in rows):
        # Rows of group members do not say who may send on behalf.
        return mailbox_sets.by_name(exchange, [mailbox_sets.identified(row)["id"] for row in rows])
    return rows


def recipients(exchange: Exchange) -> Known:
    """Everybody who may hold a permission, from one paged list; applications too where the role lets them be seen."""
    known = Known()
    for row in exchange.command("Get-Recipient", Properties=list(RECIPIENT), **UNLIMITED):
        known.add(domain.trustee_of(row))
    try:
        for row in exchange.command("Get-ServicePrincipal"):
            known.add(domain.service_principal(row))
    except ServiceError as error:
        if error.status != FORBIDDEN:
            raise
    return known


def _entries(exchange: Exchange, rows: Rows) -> Iterable[tuple[State, list[Entry] | None]]:
    """Each mailbox with its entries, or None where it vanished after it was listed."""
    whole = len(rows) >= WHOLE_LIST
    listed = by_holder(exchange.command("Get-RecipientPermission", **UNLIMITED)) if whole else {}
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        ids = [mailbox_sets.identified(row)["id"] for row in chunk]
        more = {"IncludeUnresolvedPermissions": True, **UNLIMITED}
        rights = exchange.commands("Get-MailboxPermission", [{"Identity": one, **more} for one in ids])
        senders = _senders(exchange, ids, listed)
        for row, one, answer in zip(chunk, ids, rights, strict=True):
            mailbox = _mailbox(row, one)
            held, sending = _read(answer, str(mailbox["primary_address"])), senders[one]
            gone = held is None or sending is None
            yield mailbox, None if gone else _parsed(mailbox, held or [], sending or [], row)


def _senders(exchange: Exchange, ids: Iterable[str], listed: Mapping[str, Rows]) -> dict[str, Rows | None]:
    """Who may send as each mailbox; one that is not in the list, or is there under another name, is asked for."""
    missing = [one for one in ids if one not in listed]
    answers = exchange.commands("Get-RecipientPermission", [{"Identity": one, **UNLIMITED} for one in missing])
    return {**listed, **{one: _read(answer, one) for one, answer in zip(missing, answers, strict=True)}}


def _settle(exchange: Exchange, held: Iterable[tuple[State, list[Entry]]], known: Known) -> None:
    """Learn whose entries are that show a name of several: Exchange is asked for those of each of them alone, once."""
    shared: dict[str, tuple[str, Entry]] = {}
    for mailbox, entries in held:
        for entry in entries:
            if entry.sid and entry.sid not in shared and len(known.candidates(entry)) > 1:
                shared[entry.sid] = (mailbox["id"], entry)
    for cmdlet, parameter, identifier, sending in (
        ("Get-MailboxPermission", "User", "UserSid", False),
        ("Get-RecipientPermission", "Trustee", "TrusteeSidString", True),
    ):
        asked = [
            (sid, one, {"Identity": mailbox, parameter: one.id})
            for sid, (mailbox, entry) in shared.items()
            if (entry.kind == domain.SEND_AS) is sending
            for one in known.candidates(entry)
        ]
        answers = exchange.commands(cmdlet, [parameters for _sid, _one, parameters in asked]) if asked else []
        for (sid, one, _parameters), answer in zip(asked, answers, strict=True):
            # Who could not be asked for stays unknown, and the report says so.
            if isinstance(answer, list) and any(str(row.get(identifier)).upper() == sid for row in answer):
                known.by_sid[sid] = one


def _read(answer: Rows | ServiceError | None, mailbox: str) -> Rows | None:
    """An answer about a mailbox. Raises ServiceError, with its name."""
    if isinstance(answer, ServiceError):
        raise ServiceError(
            f"The permissions of {mailbox} cannot be read. {answer.said}",
            meaning=f"{answer.meaning} A report without them would say that there are none.".strip(),
            advice=answer.advice,
            status=answer.status,
            code=answer.code,
            request_id=answer.request_id,
        )
    return answer


def _parsed(mailbox: State, rights: Rows, senders: Rows, row: Mapping[str, Any]) -> list[Entry]:
    try:
        return [*domain.mailbox_entries(rights), *domain.send_as_entries(senders), *domain.on_behalf_entries(row)]
    except ValueError as unreadable:
        raise ServiceError(
            f"Exchange's answer about {mailbox['primary_address']} cannot be read: {unreadable}.",
            meaning="A report without it would not be whole.",
        ) from unreadable


def _mailbox(row: Mapping[str, Any], identifier: str) -> State:
    return {
        "id": identifier,
        "display_name": row.get("DisplayName"),
        "primary_address": row.get("PrimarySmtpAddress") or row.get("UserPrincipalName"),
        "type": row.get("RecipientTypeDetails"),
    }


def _members(exchange: Exchange, known: Known, found: Iterable[Line]) -> dict[str, list[Trustee]]:
    """All members of the groups among the trustees, by the id of the group; each group is read once."""
    by_id = {one.id.casefold(): one for one in known.trustees}
    wanted = list(dict.fromkeys(line.id for line in found if line.id and line.kind in mailbox_sets.GROUPS))
    direct: dict[str, Rows] = {}
    level = wanted
    while level:
        direct |= mailbox_sets.direct_members(exchange, level)
        inside = [mailbox_sets.key_of(row) for one in level for row in direct[one] if mailbox_sets.is_group(row)]
        level = [one for one in dict.fromkeys(inside) if one not in direct]
    return {
        group: [
            by_id.get(key.casefold()) or domain.trustee_of(row)
            for key, row in _within(group, direct).items()
            if not mailbox_sets.is_group(row)
        ]
        for group in wanted
    }


def _within(group: str, direct: Mapping[str, Rows]) -> dict[str, dict[str, Any]]:
    """Everything in a group and in the groups inside it, each once, also where a group contains itself."""
    found: dict[str, dict[str, Any]] = {}
    level = [group]
    while level:
        rows = {mailbox_sets.key_of(row): row for one in level for row in direct.get(one, [])}
        level = [key for key, row in rows.items() if key not in found and mailbox_sets.is_group(row)]
        found = rows | found
    return found
