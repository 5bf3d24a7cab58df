# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find users of the tenant by what people call them, without a scan.

Whoever changes a user calls C(index_of(tenant).refresh(user_id)) afterwards (also after adding or deleting one).
A forgotten call costs time, not truth: each hit is checked against the user, and a miss looks for unannounced changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .state import Tenant, User

# What a user can be found by.
KINDS = ("upn", "address", "alias", "name", "mailbox", "anchor")


def bare_address(value: str) -> str:
    """The address of a C(PREFIX:address) value in lower case; SMTP values lose the prefix, others keep it."""
    prefix, colon, rest = value.partition(":")
    if not colon or prefix.lower() == "smtp":
        return (rest if colon else value).lower()
    return f"{prefix.lower()}:{rest.lower()}"


def _keys(user: User) -> dict[str, tuple[str, ...]]:
    mailbox = user.mailbox
    return {
        "upn": (user.user_principal_name.lower(),),
        "address": tuple(map(bare_address, user.proxy_addresses)),
        "alias": (user.mail_nickname.lower(),) if user.mail_nickname else (),
        "name": (user.display_name.lower(),),
        "mailbox": (mailbox.guid.lower(),) if mailbox else (),
        "anchor": (user.on_premises_immutable_id,) if user.on_premises_immutable_id else (),
    }


def _fingerprint(user: User) -> tuple[Any, ...]:
    return (
        user.user_principal_name,
        tuple(user.proxy_addresses),
        user.mail_nickname,
        user.display_name,
        user.mailbox.guid if user.mailbox else None,
        user.on_premises_immutable_id,
    )


class UserIndex:
    """Live users of one tenant by user principal name, address, alias, display name, mailbox GUID and source anchor."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._by: dict[str, dict[str, dict[str, None]]] = {kind: {} for kind in KINDS}
        self._known: dict[str, tuple[tuple[Any, ...], dict[str, tuple[str, ...]]]] = {}
        for user_id in tenant.users:
            self.refresh(user_id)

    def refresh(self, user_id: str) -> None:
        """Take over what a user is called now; also after it was added or removed."""
        _unused, former = self._known.pop(user_id, ((), {}))
        for kind, values in former.items():
            for value in values:
                self._drop(kind, value, user_id)
        user = self._tenant.users.get(user_id)
        if user is None:
            return
        keys = _keys(user)
        self._known[user_id] = (_fingerprint(user), keys)
        for kind, values in keys.items():
            for value in values:
                self._by[kind].setdefault(value, {})[user_id] = None

    def find(self, kind: str, value: str, *, sweep: bool = True) -> list[User]:
        """The users that carry C(value) as C(kind) (one of KINDS); an empty list when there is none.

        With C(sweep) a miss first looks for users that were changed without a word; this costs a pass over all users.
        """
        key = value if kind == "anchor" else bare_address(value) if kind == "address" else value.lower()
        found = self._checked(kind, key)
        if not found and sweep and self.sweep():
            found = self._checked(kind, key)
        return found

    def address_owners(self, address: str, *, sweep: bool = True) -> list[User]:
        """The users that hold an address in any of their proxyAddresses or as user principal name."""
        found = {user.id: user for user in self.find("address", address, sweep=sweep)}
        found.update({user.id: user for user in self.find("upn", bare_address(address), sweep=sweep)})
        return list(found.values())

    def _checked(self, kind: str, key: str) -> list[User]:
        found = []
        for user_id in list(self._by[kind].get(key, ())):
            user = self._tenant.users.get(user_id)
            if user is None or self._known[user_id][0] != _fingerprint(user):
                self.refresh(user_id)
            if user is not None and key in self._known[user_id][1][kind]:
                found.append(user)
        return found

    def sweep(self) -> bool:
        """Take over every change that was made without a word; whether there was one. Costs a pass over all users."""
        users = self._tenant.users
        stale = [name for name, user in users.items() if self._known.get(name, ((),))[0] != _fingerprint(user)]
        stale += [name for name in self._known if name not in users]
        self._refresh_all(stale)
        return bool(stale)

    def _refresh_all(self, user_ids: Iterable[str]) -> None:
        for user_id in user_ids:
            self.refresh(user_id)

    def _drop(self, kind: str, value: str, user_id: str) -> None:
        holders = self._by[kind].get(value)
        if holders is None:
            return
        holders.pop(user_id, None)
        if not holders:
            del self._by[kind][value]


def index_of(tenant: Tenant) -> UserIndex:
    """The index of a tenant, made at the first call and kept as long as the tenant."""
    index = tenant.scratch.get("index")
    if not isinstance(index, UserIndex):
        index = tenant.scratch["index"] = UserIndex(tenant)
    return index
