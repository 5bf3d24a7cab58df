# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enterprise applications, Exchange's references to them, and the mailboxes that they may open.

Microsoft Learn, "Authenticate an IMAP, POP or SMTP connection using OAuth": Exchange needs the object id of the
enterprise application (service principal). That of the app registration is taken all the same, and fails at sign-in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .exchange import Exchange

FULL_ACCESS = "FullAccess"
_SELF = "S-1-5-10"


def address_of(exchange: Exchange, mailbox: str) -> str | None:
    """The primary address of a mailbox; None only if Exchange says that there is no such mailbox."""
    row = exchange.find("Get-Mailbox", mailbox)
    return str(row["PrimarySmtpAddress"]) if row else None


def may_open(exchange: Exchange, reference: Mapping[str, Any], mailbox: str) -> bool:
    """Whether an application has FullAccess on a mailbox.

    Arguments:
        reference: its row of Get-ServicePrincipal.
        mailbox: address of the mailbox.
    """
    rows = exchange.command("Get-MailboxPermission", Identity=mailbox, User=reference["ObjectId"])
    return any(
        FULL_ACCESS in _rights(row) and not row.get("Deny") and not row.get("IsInherited") and _is_of(row, reference)
        for row in rows
    )


def _is_of(row: Mapping[str, Any], reference: Mapping[str, Any]) -> bool:
    """Whether an entry is the application's: by SID where both have one, because names are not unique.

    Without a SID there is only the filter of the request to rely on, and SELF is in every list.
    """
    theirs, own = row.get("UserSid"), reference.get("Sid")
    return bool(theirs == own if theirs and own else theirs != _SELF)


def _rights(row: Mapping[str, Any]) -> list[str]:
    """The rights of an entry; several come as one text, joined by commas."""
    return [right.strip() for text in row.get("AccessRights") or () for right in str(text).split(",")]


def let_open(exchange: Exchange, object_id: str, mailbox: str) -> None:
    """Give an application FullAccess on a mailbox, without a mailbox appearing in anybody's Outlook."""
    exchange.command("Add-MailboxPermission", Identity=mailbox, **_grant(object_id), AutoMapping=False)


def let_open_no_more(exchange: Exchange, object_id: str, mailbox: str) -> None:
    """Take that away."""
    exchange.command("Remove-MailboxPermission", Identity=mailbox, **_grant(object_id))


def _grant(object_id: str) -> dict[str, Any]:
    return {"User": object_id, "AccessRights": [FULL_ACCESS], "InheritanceType": "All", "Confirm": False}
