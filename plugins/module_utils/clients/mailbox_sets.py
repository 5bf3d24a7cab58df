# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets of mailboxes: by their names, the members of a group, a filter, or all of them, each with exceptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..domain.mailbox_permissions import brief
from .errors import ServiceError
from .exchange import Exchange
from .exchange_answers import is_known_as, shown

Rows = list[dict[str, Any]]

# What a mailbox is found and recognized by, and what lists of permissions need of it.
PROPERTIES = (
    "ExternalDirectoryObjectId",
    "Guid",
    "ExchangeGuid",
    "Identity",
    "Name",
    "Alias",
    "DisplayName",
    "UserPrincipalName",
    "PrimarySmtpAddress",
    "EmailAddresses",
    "RecipientTypeDetails",
    "IsDirSynced",
    "IsExchangeCloudManaged",
    "GrantSendOnBehalfTo",
    "GrantSendOnBehalfToWithDisplayNames",
)
# Mailboxes of the system and of groups, which nobody gives permissions on by hand.
NOT_MEANT = frozenset({"DiscoveryMailbox", "GroupMailbox", "LegacyMailbox", "PublicFolderMailbox", "MonitoringMailbox"})
GROUPS = frozenset(
    {"MailUniversalDistributionGroup", "MailUniversalSecurityGroup", "MailNonUniversalGroup", "RoomList"}
)
# Groups whose members Get-DistributionGroupMember does not list; both may be members of the others.
UNLISTED = {"DynamicDistributionGroup": "a dynamic distribution group", "GroupMailbox": "a Microsoft 365 group"}
EVERYTHING = {"ResultSize": "Unlimited"}
DELEGATES = {"IncludeGrantSendOnBehalfToWithDisplayNames": True}

OPTIONS: dict[str, Any] = {
    "mailboxes": {"type": "list", "elements": "str"},
    "group": {"type": "str"},
    "filter": {"type": "str"},
    "all": {"type": "bool"},
    "except": {"type": "list", "elements": "str"},
}
SETS = ("mailboxes", "group", "filter", "all")


def named(wish: str) -> str:
    """A filter or a group that says something. Raises ValueError."""
    if not wish.strip():
        raise ValueError("it is empty, which would mean all mailboxes to Exchange; say all=true for that")
    return wish


def true(wish: bool) -> bool:
    """The only value of C(all) that names anything. Raises ValueError."""
    if not wish:
        raise ValueError("false names no mailbox; leave it out")
    return wish


PARSE = {"all": true, "filter": named, "group": named}
RULES: dict[str, Any] = {
    "mutually_exclusive": [("mailbox", *SETS), ("mailbox", "except")],
}


def listed(exchange: Exchange, want: Mapping[str, Any], delegates: bool) -> Rows | None:
    """The mailboxes that the options stand for, each once; None where they name no set.

    Arguments:
        want: values of OPTIONS.
        delegates: the rows need to say who may send on behalf.

    Raises:
        ServiceError: the set could not be listed to its end, or an exception is no mailbox.
    """
    chosen = next((name for name in SETS if want.get(name) is not None), None)
    if chosen is None:
        return None
    lists: dict[str, Callable[[], Rows]] = {
        "mailboxes": lambda: by_name(exchange, want["mailboxes"]),
        "group": lambda: _members(exchange, want["group"]),
        "filter": lambda: _mailboxes(exchange, {"Filter": want["filter"]}, delegates),
        "all": lambda: _mailboxes(exchange, {}, delegates),
    }
    rows = {key_of(row): row for row in lists[chosen]()}
    for name in want.get("except") or ():
        for key in _exception(exchange, name, rows):
            rows.pop(key, None)
    return list(rows.values())


def identified(row: Mapping[str, Any]) -> dict[str, str]:
    """How a listed mailbox is named from then on: readable in messages, and by its id in requests."""
    return {"mailbox": str(row.get("PrimarySmtpAddress") or key_of(row)), "id": key_of(row)}


def by_name(exchange: Exchange, names: Iterable[str]) -> Rows:
    """The mailboxes of these names. Raises ServiceError: one of them is none, or cannot be read."""
    asked = each_once(names)
    answers = exchange.commands("Get-Mailbox", [{"Identity": name, **DELEGATES} for name in asked], select=PROPERTIES)
    rows = []
    for name, answer in zip(asked, answers, strict=True):
        if isinstance(answer, ServiceError):
            raise answer
        if answer is None or len(answer) != 1:
            raise ServiceError(
                f"There is no mailbox {brief(name)}."
                if not answer
                else f"{len(answer)} mailboxes are called {brief(name)}.",
                advice="Check the spelling; nothing was changed.",
            )
        rows.append(answer[0])
    return rows


def each_once(names: Iterable[str]) -> list[str]:
    """The names in their order without repetitions. Raises ServiceError: one is empty, which would mean all mailboxes."""
    found = list({name.strip().casefold(): name.strip() for name in names}.values())
    if not all(found):
        raise ServiceError("One of the names of mailboxes is empty.", advice="Name a mailbox.")
    return found


def _mailboxes(exchange: Exchange, how: Mapping[str, Any], delegates: bool) -> Rows:
    more = {**how, **EVERYTHING, **(DELEGATES if delegates else {})}
    rows = exchange.command("Get-Mailbox", select=PROPERTIES, **more)
    return [row for row in rows if row.get("RecipientTypeDetails") not in NOT_MEANT]


def _members(exchange: Exchange, name: str) -> Rows:
    """The mailboxes in a group and in the groups inside it; a group that contains itself ends there."""
    group = exchange.find("Get-Recipient", name)
    if group is None:
        raise ServiceError(
            f"There is no group {brief(name)} in Exchange.", advice="It knows groups with an address only."
        )
    if group.get("RecipientTypeDetails") not in GROUPS:
        raise ServiceError(
            f"{brief(name)} is a {group.get('RecipientTypeDetails')}.",
            meaning="Only the members of distribution groups and mail-enabled security groups can be listed here.",
            advice="Use mailboxes or filter.",
        )
    rows = members(exchange, [key_of(group)])
    for row in rows:
        if row.get("RecipientTypeDetails") in UNLISTED:
            raise ServiceError(
                f"In the group {brief(name)} is {shown(row)}, {UNLISTED[row['RecipientTypeDetails']]}, whose members "
                "cannot be listed.",
                meaning="The set would lack them; nothing was changed.",
                advice="Take it out of the group, or use mailboxes or filter.",
            )
    return [row for row in rows if str(row.get("RecipientTypeDetails")).endswith("Mailbox")
            and row.get("RecipientTypeDetails") not in NOT_MEANT]  # fmt: skip


def members(exchange: Exchange, groups: Iterable[str]) -> Rows:
    """All recipients in groups and in the groups inside them, each once, level by level."""
    found: dict[str, dict[str, Any]] = {}
    seen = {*groups}
    level = list(seen)
    while level:
        rows = [row for rows in direct_members(exchange, level).values() for row in rows]
        found |= {key_of(row): row for row in rows}
        level = [key for key in dict.fromkeys(map(key_of, filter(is_group, rows))) if key not in seen]
        seen.update(level)
    return list(found.values())


def direct_members(exchange: Exchange, groups: list[str]) -> dict[str, Rows]:
    """The members of each group. Raises ServiceError: one of them cannot be read."""
    answers = exchange.commands("Get-DistributionGroupMember", [{"Identity": group, **EVERYTHING} for group in groups])
    found = {}
    for group, answer in zip(groups, answers, strict=True):
        if isinstance(answer, ServiceError):
            raise answer
        if answer is None:
            raise ServiceError(f"The group {group} vanished while its members were listed.", advice="Run again.")
        found[group] = answer
    return found


def is_group(row: Mapping[str, Any]) -> bool:
    """Whether a recipient has members that direct_members() lists."""
    return row.get("RecipientTypeDetails") in GROUPS


def _exception(exchange: Exchange, name: str, rows: Mapping[str, dict[str, Any]]) -> list[str]:
    """The key of the mailbox that an exception names; a name that nothing has is a mistake, never nobody."""
    same = [key for key, row in rows.items() if is_known_as(row, name)]
    if len(same) > 1:
        candidates = "; ".join(shown(rows[key]) for key in same[:20])
        raise ServiceError(
            f"except: {len(same)} mailboxes are called {brief(name)}: {candidates}.",
            advice="Name one by address or object id.",
        )
    return same or [key_of(row) for row in by_name(exchange, [name])]


def key_of(row: Mapping[str, Any]) -> str:
    """The id of a listed recipient. Raises ServiceError: it has none."""
    found = row.get("ExternalDirectoryObjectId") or row.get("Guid") or row.get("Identity")
    if not found:
        raise ServiceError(f"Exchange lists {shown(row)} without an id.")
    return str(found)
