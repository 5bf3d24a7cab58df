# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups of Entra ID: of what kind one is, who decides on it, and what Graph is told.

The kinds are those of Microsoft Learn, "Working with groups in Microsoft Graph".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from . import names

State = dict[str, Any]

SECURITY, MICROSOFT_365 = "security", "microsoft_365"
MAIL_SECURITY, DISTRIBUTION = "mail_enabled_security", "distribution"
# Exchange masters the other two kinds; Graph only reads them.
KINDS = (SECURITY, MICROSOFT_365)
VISIBILITIES = ("private", "public")
PROPERTIES = (
    "id,displayName,description,groupTypes,mail,mailEnabled,mailNickname,membershipRule,onPremisesSyncEnabled,"
    "securityEnabled,uniqueName,visibility"
)
# How letters are written where only ASCII is taken.
_PLAIN = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
_LONGEST_NAME = 256
# How each option is checked before the first request, by the page on Graph's group resource type.
PARSE = {
    "display_name": partial(names.checked_title, _LONGEST_NAME),
    "mail_nickname": names.checked_mail_nickname,
}
# Option -> property of what can be written at any time.
WRITTEN = {"display_name": "displayName", "description": "description", "mail_nickname": "mailNickname"}


def kind_of(group: Mapping[str, Any]) -> str:
    """Of what kind a group is."""
    if "Unified" in (group.get("groupTypes") or ()):
        return MICROSOFT_365
    if not group.get("mailEnabled"):
        return SECURITY
    return MAIL_SECURITY if group.get("securityEnabled") else DISTRIBUTION


def state_of(group: Mapping[str, Any], members: Sequence[str], owners: Sequence[str]) -> State:
    """The state of a group.

    Arguments:
        group: a Graph group with L(PROPERTIES).
        members, owners: their names.
    """
    visibility = str(group.get("visibility") or "").lower()
    return {
        "id": group["id"],
        "unique_name": group.get("uniqueName"),
        "display_name": group.get("displayName"),
        "description": group.get("description"),
        "kind": kind_of(group),
        "mail": group.get("mail"),
        "mail_nickname": group.get("mailNickname"),
        "visibility": visibility or None,
        "synced": bool(group.get("onPremisesSyncEnabled")),
        "rule": group.get("membershipRule"),
        "members": list(members),
        "owners": list(owners),
    }


def nickname(name: str) -> str:
    """A mail nickname for a group of this name: Graph wants one of every group, also where nobody sends it mail."""
    spelled = "".join(_PLAIN.get(sign, sign) for sign in name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", spelled).strip("-.")[:64] or "group"


def goal(overlaid: State, want: Mapping[str, Any]) -> State:
    """The state that should be there: what is asked for, and for a new group what Graph has to know.

    An empty description is none: Graph keeps no empty text.

    Arguments:
        overlaid: the present state with what is asked for; without C(id) it is a new group.
        want: the options.
    """
    overlaid = overlaid | {"description": overlaid.get("description") or None}
    if overlaid.get("id"):
        return overlaid
    defaults: State = {
        "id": None,
        "unique_name": want["group"],
        "display_name": want["group"],
        "description": None,
        "kind": SECURITY,
        "mail": None,
        "mail_nickname": nickname(want["group"]),
        "synced": False,
        "rule": None,
        "members": [],
        "owners": [],
    }
    made = defaults | {name: value for name, value in overlaid.items() if value is not None}
    # Graph would make a Microsoft 365 group public, and its mail with it.
    private = VISIBILITIES[0] if made["kind"] == MICROSOFT_365 else None
    return {**made, "visibility": overlaid.get("visibility") or private}


def body(fields: Sequence[str], after: State) -> State:
    """What Graph is told of changed fields."""
    told = {name: after[option] for option, name in WRITTEN.items() if option in fields}
    if "visibility" in fields and after["visibility"]:
        told["visibility"] = str(after["visibility"]).capitalize()
    return told


def new_body(after: State) -> State:
    """What Graph is told of a new group; its members and owners follow."""
    unified = after["kind"] == MICROSOFT_365
    return {
        **body([*WRITTEN, "visibility"], after),
        "groupTypes": ["Unified"] if unified else [],
        "mailEnabled": unified,
        "securityEnabled": not unified,
    }


def obstacle(fields: Sequence[str], before: State | None, after: State | None) -> str:
    """Why a group cannot be made or changed so, and what to do; empty when nothing stands in the way."""
    if before is None:
        # No page says how long a unique name may be; that it is no longer than a display name is a guess.
        length = len(after["unique_name"]) if after else 0
        long = f"The name of a new group has at most {_LONGEST_NAME} characters, and this one has {length}."
        return long if length > _LONGEST_NAME else ""
    if before["synced"]:
        return "Active Directory masters this group. Change it there; the synchronization brings it over."
    if before["kind"] not in KINDS:
        return "Exchange masters this group; Graph only reads it. Change it in Exchange."
    if "kind" in fields and after:
        return (
            f"It is a {before['kind']} group, and none becomes a {after['kind']} group. Delete it, or use another name."
        )
    if "members" in fields and before["rule"]:
        return f"The rule of this dynamic group decides on its members ({before['rule']}). Change the rule in Entra ID."
    return ""
