# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a caller sees of a mailbox, which is not always what it is.

Switches of the tenant: C(exchange_type_lag) (reads that still show the former type after a conversion),
C(exchange_type_lag_seconds) (the same by the tenant's clock), C(exchange_stale_without_anchor) (seconds for which a
call that names no anchor, or another one than the writer, reads a mailbox as it was before a write).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from ..state import Tenant, User


@dataclass
class _Lag:
    former: str
    reads_left: int
    until: float


@dataclass
class _Write:
    before: User
    anchor: str | None
    at: float


@dataclass
class Views:
    """What is still hidden from readers of one tenant."""

    types: dict[str, _Lag] = field(default_factory=dict)
    writes: dict[str, list[_Write]] = field(default_factory=dict)


def views_of(tenant: Tenant) -> Views:
    """The views of a tenant, made at the first call."""
    views = tenant.scratch.get("exchange_views")
    if not isinstance(views, Views):
        views = tenant.scratch["exchange_views"] = Views()
    return views


def note_conversion(tenant: Tenant, user_id: str, former: str) -> None:
    """Remember the type that a mailbox had, as far as a lag is switched on."""
    reads = int(tenant.switches.get("exchange_type_lag", 0))
    seconds = float(tenant.switches.get("exchange_type_lag_seconds", 0))
    if reads or seconds:
        views_of(tenant).types[user_id] = _Lag(former, reads, tenant.clock.timestamp() + seconds)


def shown_type(tenant: Tenant, user: User, *, counts: bool = True) -> str:
    """The type that this read shows; C(counts) false looks without it being a read. C(User) without a mailbox."""
    actual = user.mailbox.type_details if user.mailbox else "User"
    lag = views_of(tenant).types.get(user.id)
    if lag is None:
        return actual
    if lag.reads_left > 0:
        lag.reads_left -= counts
        return lag.former
    if tenant.clock.timestamp() < lag.until:
        return lag.former
    del views_of(tenant).types[user.id]
    return actual


def note_write(tenant: Tenant, user: User, anchor: str | None) -> None:
    """Remember a user as it is before a write that came with C(anchor)."""
    if tenant.switches.get("exchange_stale_without_anchor"):
        write = _Write(copy.deepcopy(user), anchor, tenant.clock.timestamp())
        views_of(tenant).writes.setdefault(user.id, []).append(write)


def seen(tenant: Tenant, user: User, anchor: str | None) -> User:
    """The user as the back end behind C(anchor) sees it."""
    window = tenant.switches.get("exchange_stale_without_anchor")
    if not window:
        return user
    now = tenant.clock.timestamp()
    fresh = [write for write in views_of(tenant).writes.get(user.id, []) if now - write.at < float(window)]
    unseen = [write for write in fresh if anchor is None or write.anchor != anchor]
    return unseen[0].before if unseen else user
