# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mailbox is, in the administrator's words, from what Exchange Online says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# RecipientTypeDetails of Get-Mailbox, and the Type that Set-Mailbox takes for it (Microsoft Learn, Set-Mailbox).
TYPES = {"user": "UserMailbox", "shared": "SharedMailbox", "room": "RoomMailbox", "equipment": "EquipmentMailbox"}
CONVERSIONS = {"user": "Regular", "shared": "Shared", "room": "Room", "equipment": "Equipment"}

# Above this a mailbox that is not a user's needs a license of its own (Microsoft Learn, "About shared mailboxes").
UNLICENSED_BYTES = 50 * 1024**3


def state_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The state of one mailbox.

    Arguments:
        row: what Get-Mailbox gives for it, without annotations.

    Returns:
        The keys that every module with a mailbox returns; C(type) is Exchange's own word where it is none of ours.
    """
    details = row.get("RecipientTypeDetails")
    return {
        "id": row.get("ExternalDirectoryObjectId") or None,
        "mailbox_guid": row.get("ExchangeGuid"),
        "user_principal_name": row.get("UserPrincipalName"),
        "display_name": row.get("DisplayName"),
        "primary_address": row.get("PrimarySmtpAddress"),
        "addresses": list(row.get("EmailAddresses") or []),
        "type": next((ours for ours, theirs in TYPES.items() if theirs == details), details),
        "synced": bool(row.get("IsDirSynced")),
        "cloud_managed": bool(row.get("IsExchangeCloudManaged")),
        "licensed": bool(row.get("SKUAssigned")),
        "archive": (row.get("ArchiveStatus") or "None") != "None",
        "litigation_hold": bool(row.get("LitigationHoldEnabled")),
    }


def size_in_bytes(text: str | None) -> int | None:
    """The bytes in a size as Exchange writes it, C(49.5 GB (53,150,220,288 bytes)); None where it names none."""
    match = re.search(r"\(([\d,.]+) bytes\)", text or "")
    return int(re.sub(r"\D", "", match[1])) if match else None


def conversion_obstacle(before: Mapping[str, Any], target: str, require_license: bool, size: int | None) -> str:
    """Why a mailbox must not be converted, with what to do; empty when it may be.

    Arguments:
        before: its state.
        target: the type asked for.
        require_license: refuse to make a user mailbox without a license.
        size: its size in bytes, None when unknown.

    The rules: a user mailbox without a license is disabled after 30 days; any other mailbox needs one above 50 GB, with
    an archive or on litigation hold (Microsoft Learn, "Convert a user mailbox to a shared mailbox" and "About shared
    mailboxes"). Where Active Directory masters the recipient type, the next synchronization would convert it back
    (Microsoft KB 2710029).
    """
    if before["type"] not in TYPES:
        return f"It is a {before['type']}, which cannot be converted to another type."
    if before["synced"] and not before["cloud_managed"]:
        return (
            "Active Directory masters this mailbox, so the next synchronization would convert it back. Convert it with "
            "the on-premises Exchange tools, or let Exchange Online master its attributes (IsExchangeCloudManaged) first."
        )
    if before["licensed"]:
        return ""
    if target == "user":
        return _unlicensed_user() if require_license else ""
    return _unlicensed_other(before, target, size)


def _unlicensed_user() -> str:
    return (
        "It has no license, and Exchange Online disables a user mailbox without one after 30 days. Assign a license "
        "with an Exchange plan first, or set require_license to false."
    )


def _unlicensed_other(before: Mapping[str, Any], target: str, size: int | None) -> str:
    reasons = [
        word
        for word, holds in (("an archive", before["archive"]), ("a litigation hold", before["litigation_hold"]))
        if holds
    ]
    if size is None:
        reasons.append("an unknown size")
    elif size > UNLICENSED_BYTES:
        reasons.append(f"{size / 1024**3:.1f} GB of mail")
    if not reasons:
        return ""
    return (
        f"It has {' and '.join(reasons)} and no license; a {target} mailbox then loses mail or access to it. Assign an "
        "Exchange Online Plan 2 license first."
    )
