# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mailboxes of a scenario as a table, read from the tenant's state and from Active Directory; and two compared.

Nothing here knows the collection: what the table shows is what an outsider sees.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from .sync_entries import DirectoryEntry

Row = dict[str, Any]

TYPES = {
    "UserMailbox": "user",
    "SharedMailbox": "shared",
    "RoomMailbox": "room",
    "EquipmentMailbox": "equipment",
}
HEADINGS = ("Name", "Address", "Type", "License", "Mastered by", "Addresses", "Object id", "Mailbox GUID")
CHANGE_HEADINGS = ("Address", "Type", "License", "Mastered by", "Addresses", "Same mailbox")
NOTHING = "–"


def rows_of(state: Mapping[str, Any], job: Sequence[str], entries: Sequence[DirectoryEntry] | None) -> list[Row]:
    """One row for each mailbox of the job, in its order; a name that the tenant no longer has gives an empty row.

    state: what C(/_lab/state) answers. entries: what Active Directory holds, None when there is none.
    """
    users = {user["user_principal_name"].lower(): user for user in state["users"].values()}
    names = {sku["sku_id"]: sku["part_number"] for sku in state["skus"].values()}
    anchors = {entry.anchor: entry for entry in entries or []}
    return [_row(name, users.get(name.lower()), names, anchors) for name in job]


def _row(
    name: str, user: Mapping[str, Any] | None, skus: Mapping[str, str], anchors: Mapping[str, DirectoryEntry]
) -> Row:
    if user is None:
        return {"user_principal_name": name, "found": False}
    mailbox = user["mailbox"] or {}
    entry = anchors.get(user["on_premises_immutable_id"] or "")
    return {
        "user_principal_name": name,
        "found": True,
        "name": user["display_name"],
        "address": user["mail"],
        "type": TYPES.get(mailbox.get("type_details", ""), "none"),
        "licenses": sorted(skus[one_license["sku_id"]] for one_license in user["licenses"]),
        "mastered_by": _master(user, entry),
        "addresses": sorted(user["proxy_addresses"]),
        "directory_addresses": sorted(entry.texts("proxyAddresses")) if entry else [],
        "object_id": user["id"],
        "mailbox_guid": mailbox.get("guid"),
    }


def _master(user: Mapping[str, Any], entry: DirectoryEntry | None) -> str:
    """Who masters the account: AD only if the cloud says so and AD has the account with that anchor."""
    if not user["on_premises_sync_enabled"]:
        return "cloud"
    return (
        "AD" if entry is not None else f"AD (no account has anchor {_shown_anchor(user['on_premises_immutable_id'])})"
    )


def _shown_anchor(value: str | None) -> str:
    try:
        return base64.b64decode(value or "", validate=True).hex()[:8]
    except binascii.Error:
        return str(value)


def table(rows: Sequence[Row], *, ascii_only: bool = False) -> str:
    """The rows as a box table. The addresses are counted: what the cloud shows, and in brackets what AD holds."""
    return box(HEADINGS, [_cells(row) for row in rows], ascii_only=ascii_only)


def _cells(row: Row) -> list[str]:
    if not row["found"]:
        return [NOTHING, row["user_principal_name"], "gone", *[NOTHING] * 5]
    return [
        row["name"],
        row["address"] or row["user_principal_name"],
        row["type"],
        _list(row["licenses"]),
        row["mastered_by"],
        _count(row),
        short(row["object_id"]),
        short(row["mailbox_guid"]),
    ]


def _count(row: Row) -> str:
    held = f" ({len(row['directory_addresses'])} in AD)" if row["directory_addresses"] else ""
    return f"{len(row['addresses'])}{held}"


def _list(values: Sequence[str]) -> str:
    return ", ".join(values) or NOTHING


def short(identifier: str | None) -> str:
    """The first part of a GUID, enough to tell two apart."""
    return identifier.partition("-")[0] if identifier else NOTHING


def compare(before: Sequence[Row], after: Sequence[Row], *, ascii_only: bool = False) -> str:
    """What changed between two readings, mailbox by mailbox, and below it which addresses were lost."""
    arrow = "->" if ascii_only else "→"
    later = {row["user_principal_name"]: row for row in after}
    cells, losses = [], []
    for row in before:
        now = later.get(row["user_principal_name"], {"user_principal_name": row["user_principal_name"], "found": False})
        cells.append(_changes(row, now, arrow))
        losses += [f"{row['user_principal_name']}: lost {address}" for address in lost(row, now)]
    return "\n".join([box(CHANGE_HEADINGS, cells, ascii_only=ascii_only), *(losses or ["No address was lost."])])


def _changes(before: Row, after: Row, arrow: str) -> list[str]:
    name = before["user_principal_name"]
    if not before["found"] or not after["found"]:
        said = "gone" if before["found"] else "new" if after["found"] else "missing"
        return [name, *[NOTHING] * 4, said]
    pairs = [
        (before["type"], after["type"]),
        (_list(before["licenses"]), _list(after["licenses"])),
        (before["mastered_by"], after["mastered_by"]),
        (_count(before), _count(after)),
    ]
    shown = [old if old == new else f"{old} {arrow} {new}" for old, new in pairs]
    return [name, *shown, _same(before, after)]


def _same(before: Row, after: Row) -> str:
    """Whether it is still the same object with the same mailbox: ids never change hands."""
    kept = [before[key] == after[key] for key in ("object_id", "mailbox_guid")]
    return "yes" if all(kept) else "NO: other object" if not kept[0] else "NO: other mailbox"


def lost(before: Row, after: Row) -> list[str]:
    """The addresses that the cloud showed before and shows no more; primary and alias are the same address."""
    kept = {_plain(address) for address in after.get("addresses", [])}
    return [address for address in before.get("addresses", []) if _plain(address) not in kept]


def _plain(address: str) -> str:
    return address.lower()


def width(text: str) -> int:
    """How many columns a text takes in a terminal: combining marks none, wide characters two (Unicode UAX 11)."""
    columns = 0
    for sign in text:
        if unicodedata.combining(sign) or unicodedata.category(sign) in ("Cf", "Mn", "Me"):
            continue
        columns += 2 if unicodedata.east_asian_width(sign) in ("W", "F") else 1
    return columns


def box(headings: Sequence[str], rows: Sequence[Sequence[str]], *, ascii_only: bool = False) -> str:
    """A table with lines around it; columns as wide as their widest cell."""
    signs = "+++++++++-|" if ascii_only else "┌┬┐├┼┤└┴┘─│"
    lines = [list(headings), *map(list, rows)]
    if ascii_only:
        lines = [[cell.replace(NOTHING, "-") for cell in line] for line in lines]
    widths = [max(width(line[column]) for line in lines) for column in range(len(headings))]

    def rule(left: str, middle: str, right: str) -> str:
        return left + middle.join(signs[9] * (size + 2) for size in widths) + right

    def shown(line: list[str]) -> str:
        cells = [f" {cell}{' ' * (size - width(cell))} " for cell, size in zip(line, widths, strict=True)]
        return signs[10] + signs[10].join(cells) + signs[10]

    body = [shown(line) for line in lines[1:]]
    return "\n".join([rule(*signs[0:3]), shown(lines[0]), rule(*signs[3:6]), *body, rule(*signs[6:9])])
