# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords of accounts that no person signs in with: made at random, and noted so that a run that was ended is mended.

Before a password is given to Entra ID it stands in the sink as the one that waits, and becomes the current one only when
Entra ID has taken it. So one that waits may be the user's password or not: it is given to Entra ID again.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from .app_secrets import moment, written
from .secret_record import Record, Stored

# Longer than anybody types; Entra ID takes up to 256 characters (Microsoft Learn, "Microsoft Entra password policies").
LENGTH = 40
# No quote, space, backslash or sign that a shell, YAML or a URL reads.
_SIGNS = "-_.~"
_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, _SIGNS)
# A record wants an end; such a password has none.
_NEVER = "9999-12-31T00:00:00Z"
# What may lie between the moment that Entra ID notes for a new password and the one that is noted here.
_APART = timedelta(minutes=5)

# How the password of a user stands: in the sink and in use, or in the sink and perhaps in use.
KEPT, UNSURE = "kept", "unsure"


def new_password(length: int = LENGTH) -> str:
    """A random password with signs of every kind, which Entra ID's rule for strong passwords wants three of."""
    while True:
        made = "".join(secrets.choice("".join(_KINDS)) for _number in range(length))
        # A program may take a dash at the beginning for an option.
        if all(set(kind) & set(made) for kind in _KINDS) and made[0] not in _SIGNS:
            return made


def waiting(record: Record, user: str, now: datetime) -> Stored:
    """The password that is to be given to Entra ID: the one that waits in the sink, or a new one."""
    if record.next and record.next.value:
        return record.next
    time = written(now)
    return Stored(new_password(), f"password-{secrets.token_hex(4)}", user.lower(), time, _NEVER)


def taken(stored: Stored, now: datetime) -> Record:
    """What the sink holds when Entra ID has taken a password."""
    time = written(now)
    return Record(replace(stored, made=time, delivered=time))


def standing(record: Record, user: Mapping[str, Any]) -> str | None:
    """How the password of a user stands: KEPT, UNSURE, or None where the sink does not have it.

    Arguments:
        record: what the sink holds.
        user: a Graph user with C(lastPasswordChangeDateTime).
    """
    if record.next:
        return UNSURE
    changed = user.get("lastPasswordChangeDateTime")
    if record.current is None or (changed and moment(changed) > moment(record.current.made) + _APART):
        return None
    return KEPT


def stranger(record: Record, user: str) -> str:
    """Whose password the sink holds, if it is another user's; else empty."""
    held = [stored.application for stored in (record.current, record.next) if stored]
    return next((name for name in held if name != user.lower()), "")
