# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may do what with a mailbox: the entries that Exchange Online shows, and whose they are.

Exchange has three separate lists. Get-MailboxPermission shows rows whose rights come joined by commas, C(SELF) (the
mailbox's own user) sometimes twice, and users by principal name, by display name or, when they are gone, by their security
identifier (SID). Get-RecipientPermission shows who may send as the mailbox. Get-Mailbox names who may send on behalf of it,
without identifiers. Sources: Microsoft Learn for the cmdlets; public captures for the rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Our options, and what Exchange calls them in AccessRights of a mailbox (Microsoft Learn, Add-MailboxPermission).
RIGHTS = {
    "full_access": "FullAccess",
    "read_permission": "ReadPermission",
    "change_permission": "ChangePermission",
    "change_owner": "ChangeOwner",
    "delete_item": "DeleteItem",
    "external_account": "ExternalAccount",
}
FULL_ACCESS, SEND_AS, SEND_ON_BEHALF = "full_access", "send_as", "send_on_behalf"
KINDS = (FULL_ACCESS, SEND_AS, SEND_ON_BEHALF, *(kind for kind in RIGHTS if kind != FULL_ACCESS))

# The key of the auto-mapping that a task applied by granting FullAccess anew; Exchange does not tell it.
APPLIED = "auto_mapping_applied"
LONGEST_NAME = 200
SELF, SELF_SID = "nt authority\\self", "S-1-5-10"
SID = re.compile(r"S-1-\d+(-\d+)+", re.IGNORECASE)
_OF_RIGHT = {right.casefold(): kind for kind, right in RIGHTS.items()}
State = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One right of one trustee, as Exchange shows it.

    Attributes:
        kind: one of KINDS.
        shown: how the trustee is shown.
        sid: its security identifier; None where Exchange gives none.
        deny: the right is denied.
        inheritance: how the entry is inherited below the mailbox; it must be named to remove the entry.
    """

    kind: str
    shown: str
    sid: str | None = None
    deny: bool = False
    inheritance: str = "All"


@dataclass
class Trustee:
    """Somebody whom the administrator named, resolved.

    Attributes:
        label: the readable name that results show, the same for every way to name him.
        id: what Exchange is told in writes.
        kind: RecipientTypeDetails, C(ServicePrincipal) or C(SID).
        certain: names that nobody else has, folded.
        possible: names that somebody else may have too (display name, name, alias), folded.
        sids: security identifiers that are known to be his, and those that are known not to be.
    """

    label: str
    id: str
    kind: str
    certain: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()
    sids: dict[str, bool] = field(default_factory=dict)


def brief(name: str) -> str:
    """A name for a message, of a length that somebody reads."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."


def trustee_of(row: Mapping[str, Any]) -> Trustee:
    """A trustee from its row of Get-Recipient.

    A mailbox is labelled by its principal name (WindowsLiveID), anything else by its primary address.
    """
    addresses = [str(value).partition(":")[2] for value in row.get("EmailAddresses") or () if _is_smtp(str(value))]
    principal = row.get("WindowsLiveID") or row.get("UserPrincipalName")
    label = next(str(name) for name in (principal, row.get("PrimarySmtpAddress"), row.get("DisplayName")) if name)
    ids = [row.get("ExternalDirectoryObjectId"), row.get("Guid"), row.get("ExchangeGuid"), row.get("DistinguishedName")]
    certain = [*ids, principal, row.get("PrimarySmtpAddress"), *addresses]
    possible = [row.get(name) for name in ("DisplayName", "Name", "Alias", "Identity")]
    return Trustee(
        label,
        next(str(one) for one in (*ids[:2], label) if one),
        str(row.get("RecipientTypeDetails") or ""),
        _folded(certain),
        _folded(possible) - _folded(certain),
    )


def service_principal(row: Mapping[str, Any]) -> Trustee:
    """The same from a row of Get-ServicePrincipal, whose display name anything else may have."""
    ids = [row.get("ObjectId"), row.get("AppId"), row.get("Guid")]
    sids = {str(row["Sid"]).upper(): True} if row.get("Sid") else {}
    name = str(row.get("DisplayName") or row["ObjectId"])
    return Trustee(name, str(row["ObjectId"]), "ServicePrincipal", _folded(ids), _folded([name]), sids)


def orphan(sid: str) -> Trustee:
    """Somebody who is named by security identifier, most often because he is gone."""
    return Trustee(sid.upper(), sid.upper(), "SID", _folded([sid]), sids={sid.upper(): True})


def _is_smtp(address: str) -> bool:
    return address[:5].casefold() == "smtp:"


def _folded(names: Iterable[Any]) -> frozenset[str]:
    return frozenset(str(name).strip().casefold() for name in names if name)


# --- rows -------------------------------------------------------------------------------------------------------------


def mailbox_entries(rows: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """The entries of Get-MailboxPermission, without those of SELF and inherited ones.

    Raises:
        ValueError: an entry has no user or no rights.
    """
    entries = []
    for row in rows:
        shown, sid = _who(row, "User", "UserSid")
        if row.get("IsInherited") or _is_self(shown, sid):
            continue
        for right in _rights(row, shown):
            kind = _OF_RIGHT.get(right.casefold())
            if kind:
                inheritance = str(row.get("InheritanceType") or "All")
                entries.append(Entry(kind, shown, sid, bool(row.get("Deny")), inheritance))
    return entries


def send_as_entries(rows: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """The entries of Get-RecipientPermission, in the same way."""
    entries = []
    for row in rows:
        shown, sid = _who(row, "Trustee", "TrusteeSidString")
        if row.get("IsInherited") or _is_self(shown, sid):
            continue
        if "sendas" in (right.casefold() for right in _rights(row, shown)):
            deny = str(row.get("AccessControlType") or "Allow").casefold() == "deny"
            entries.append(Entry(SEND_AS, shown, sid, deny))
    return entries


def on_behalf_entries(row: Mapping[str, Any]) -> list[Entry]:
    """Who may send on behalf of a mailbox, from its row of Get-Mailbox.

    Names that are not unique are replaced by the addresses beside them, where Exchange gives these
    (GrantSendOnBehalfToWithDisplayNames: "Mailbox endpoint in the Exchange Online Admin API", Microsoft Learn).

    Raises:
        ValueError: the row does not say who.
    """
    if "GrantSendOnBehalfTo" not in row:
        raise ValueError("the mailbox comes without GrantSendOnBehalfTo")
    shown = [str(name) for name in row["GrantSendOnBehalfTo"] or ()]
    named = row.get("GrantSendOnBehalfToWithDisplayNames") or ()
    addresses = [str(one.get("PrimarySmtpAddress") or "") for one in named if isinstance(one, Mapping)]
    if len(addresses) == len(shown) and all(addresses):
        shown = addresses
    return [Entry(SEND_ON_BEHALF, name) for name in shown]


def _who(row: Mapping[str, Any], name: str, sid: str) -> tuple[str, str | None]:
    shown, identifier = str(row.get(name) or row.get(sid) or "").strip(), str(row.get(sid) or "").strip().upper()
    if not shown:
        raise ValueError(f"an entry comes without {name}")
    if not identifier and SID.fullmatch(shown):
        identifier = shown.upper()
    return shown, identifier or None


def _is_self(shown: str, sid: str | None) -> bool:
    return sid == SELF_SID or shown.casefold() == SELF


def _rights(row: Mapping[str, Any], shown: str) -> list[str]:
    """The rights of a row; several may come as one text, joined by commas."""
    given = row.get("AccessRights")
    rights = [part.strip() for text in (given if isinstance(given, list) else [given]) for part in str(text).split(",")]
    if not given or not all(rights):
        raise ValueError(f"the entry of {shown} comes without rights")
    return rights


# --- whose entry ------------------------------------------------------------------------------------------------------


def is_of(entry: Entry, trustee: Trustee) -> bool | None:
    """Whether an entry is a trustee's; None where only a name says so that others may have too."""
    if entry.sid in trustee.sids:
        return trustee.sids[entry.sid]
    shown = entry.shown.casefold()
    if shown in trustee.certain:
        return True
    if entry.sid and any(trustee.sids.values()):
        return False
    return None if shown in trustee.possible else False


def labelled(
    entries: Iterable[Entry], trustees: Iterable[Trustee], settle: Callable[[Entry, Trustee], bool]
) -> list[tuple[str, Entry]]:
    """Every entry with the label of its trustee; one that belongs to nobody of these keeps the name that Exchange shows.

    Arguments:
        entries: of one mailbox.
        trustees: those who may be among them.
        settle: decides where names alone do not.
    """
    known = list(trustees)
    found = []
    for entry in entries:
        whose = next((one for one in known if is_of(entry, one)), None)
        whose = whose or next((one for one in known if is_of(entry, one) is None and settle(entry, one)), None)
        if whose and entry.sid:
            whose.sids[entry.sid] = True
        found.append((whose.label if whose else None, entry))
    taken = {label.casefold() for label, _entry in found if label}
    others: dict[str, set[str | None]] = {}
    for label, entry in found:
        if label is None:
            others.setdefault(entry.shown.casefold(), set()).add(entry.sid)
    shared = taken | {shown for shown, sids in others.items() if len(sids) > 1}
    return [(label or _apart(entry, shared), entry) for label, entry in found]


def _apart(entry: Entry, shared: set[str]) -> str:
    """The name of a stranger; with his identifier where somebody else is called so too."""
    return f"{entry.shown} ({entry.sid})" if entry.sid and entry.shown.casefold() in shared else entry.shown


def state_of(identifier: str, entries: Iterable[tuple[str, Entry]], kinds: Iterable[str]) -> State:
    """The state of a mailbox in the administrator's words; kinds that were not read are None."""
    read, held = set(kinds), list(entries)
    lists = {
        kind: _unique(label for label, entry in held if entry.kind == kind and not entry.deny) if kind in read else None
        for kind in KINDS
    }
    denied = [{"trustee": label, "permission": entry.kind} for label, entry in held if entry.deny]
    return {"id": identifier, **lists, "denied": denied}


def _unique(labels: Iterable[str]) -> list[str]:
    return list({label.casefold(): label for label in labels}.values())


def canonical(want: Mapping[str, Any], label: Callable[[str, bool], str]) -> State:
    """The options with every trustee by its label.

    Arguments:
        want: the options.
        label: gives the label of a named trustee; the second argument says whether he is to have the permission.

    Raises:
        ValueError: the same trustee is to have a permission and to lose it.
    """
    result = dict(want)
    for kind in KINDS:
        given = want.get(kind)
        if given is None:
            continue
        lists = {
            part: None if given.get(part) is None else _unique(label(name, part != "remove") for name in given[part])
            for part in ("set", "add", "remove")
        }
        removed = {one.casefold() for one in lists["remove"] or ()}
        both = [one for one in lists["add"] or () if one.casefold() in removed]
        if both:
            raise ValueError(f"{kind}: {', '.join(both)} is to be added and removed")
        result[kind] = lists
    return result


def goal(want: Mapping[str, Any], before: State, members: Callable[[Any, Any], Any]) -> State:
    """The state that should be there.

    Arguments:
        members: gives the members that a set should have, from what is asked for and what is there.

    Raises:
        ValueError: somebody is to be granted FullAccess anew, and nobody is named.
    """
    lists = {kind: members(want[kind], before.get(kind)) for kind in KINDS if want.get(kind) is not None}
    if not want["regrant"]:
        return before | lists
    given = want.get(FULL_ACCESS) or {}
    if not (given.get("set") or given.get("add")):
        raise ValueError("regrant needs full_access with set or add: nobody is named whose FullAccess is granted anew")
    return before | lists | {APPLIED: want["auto_mapping"]}


def regranted(want: Mapping[str, Any], before: State) -> list[str]:
    """Whose FullAccess is granted anew: those who are named and had it before."""
    given = want.get(FULL_ACCESS) or {}
    named = {label.casefold() for part in ("set", "add") for label in given.get(part) or ()}
    return [label for label in before.get(FULL_ACCESS) or () if label.casefold() in named]


def wanted(want: Mapping[str, Any], *parts: str) -> list[str]:
    """The labels that the options name in some of the lists, of all kinds."""
    given = [want.get(kind) or {} for kind in KINDS]
    return _unique(label for lists in given for part in parts for label in lists.get(part) or ())
