# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An enterprise application as Exchange knows it, with the mailboxes that it may open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

State = dict[str, Any]


def canonical(want: Mapping[str, Any], principal: Mapping[str, Any] | None, address: Callable[[str], str]) -> State:
    """What the options mean.

    Arguments:
        want: the options.
        principal: what Graph says of the application; None when it knows none.
        address: gives the primary address of a mailbox.

    Returns:
        C(client_id), C(object_id), C(display_name), the mailboxes by address, and C(named): all of them.

    Raises:
        ValueError: a mailbox is in both lists.
    """
    given = want["mailboxes"] or {}
    lists = {part: [address(mailbox) for mailbox in given.get(part) or ()] for part in ("add", "remove")}
    both = {one.casefold() for one in lists["add"]} & {one.casefold() for one in lists["remove"]}
    if both:
        raise ValueError(f"mailboxes: {', '.join(sorted(both))} is to be added and removed")
    known = principal or {"appId": None, "id": None, "displayName": None}
    return {
        "client_id": known["appId"],
        "object_id": known["id"],
        "display_name": known["displayName"],
        "mailboxes": lists if want["mailboxes"] is not None else None,
        "named": list(dict.fromkeys([*lists["add"], *lists["remove"]])),
    }


def state_of(row: Mapping[str, Any], mailboxes: list[str]) -> State:
    """The state from a row of Get-ServicePrincipal, and the mailboxes that it may open."""
    return {
        "id": row.get("Guid"),
        "client_id": row.get("AppId"),
        "object_id": row.get("ObjectId"),
        "display_name": row.get("DisplayName"),
        "mailboxes": mailboxes,
    }


def goal(want: Mapping[str, Any], before: State) -> State:
    """The state that should be there; the id is Exchange's to give, and the display name is not compared."""
    lists = want["mailboxes"] or {"add": [], "remove": []}
    removed = {one.casefold() for one in lists["remove"]}
    kept = [one for one in before.get("mailboxes", []) if one.casefold() not in removed]
    new = {"id": None, **{name: want[name] for name in ("client_id", "object_id", "display_name")}}
    return new | before | {"mailboxes": list(dict.fromkeys([*kept, *lists["add"]]))}


def mistake(row: Mapping[str, Any], object_id: str) -> tuple[str, str] | None:
    """What is wrong with a reference of Exchange and what to do; None when it has the right object id."""
    present = str(row.get("ObjectId"))
    if present.casefold() == object_id.casefold():
        return None
    return (
        f"Exchange knows the application by the object id {present}, but its enterprise application has {object_id}. Most "
        "often that is the object id of the app registration; the application cannot sign in to SMTP or IMAP with it.",
        "Run with state=absent once, then again with state=present; permissions on mailboxes have to be given anew.",
    )
