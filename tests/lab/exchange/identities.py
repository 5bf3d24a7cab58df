# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which recipients an identity names.

Switch of the tenant: C(exchange_vanished): user principal names of mailboxes that lists still show and that nobody finds
any more, as if they had been deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..index import KINDS, bare_address, index_of
from ..state import Contact, Group, Tenant, User
from . import errors
from .wire import exchange_guid

Recipient = User | Group | Contact
_R = TypeVar("_R", bound=Recipient)

# The order in which Exchange tries what an identity may be; the anchor is none of them.
_ORDER = tuple(kind for kind in ("mailbox", "upn", "address", "alias", "name") if kind in KINDS)


def users_named(tenant: Tenant, identity: str) -> list[User]:
    """Users by external id, Exchange GUID, mailbox GUID, UPN, address, alias or display name: the first that hits."""
    found, gone = _users_named(tenant, identity), tenant.switches.get("exchange_vanished") or ()
    return [user for user in found if user.user_principal_name not in gone] if gone else found


def _users_named(tenant: Tenant, identity: str) -> list[User]:
    text = identity.strip()
    user = tenant.users.get(text.lower()) or _by_exchange_guid(tenant, text.lower())
    if user is not None:
        return [user]
    index = index_of(tenant)
    for kind in _ORDER:
        found = index.find(kind, text, sweep=False)
        if found:
            return found
    return _after_sweep(tenant, text)


def _after_sweep(tenant: Tenant, text: str) -> list[User]:
    """The same once more, if some part of the lab changed users without telling the index."""
    index = index_of(tenant)
    if not index.sweep():
        return []
    return next((found for found in (index.find(kind, text, sweep=False) for kind in _ORDER) if found), [])


def _by_exchange_guid(tenant: Tenant, text: str) -> User | None:
    if len(text) != 36 or text.count("-") != 4:
        return None
    known: dict[str, str] = tenant.scratch.setdefault("exchange_guids", {})
    if text not in known:
        known.update({exchange_guid(user_id): user_id for user_id in tenant.users})
    return tenant.users.get(known.get(text, ""))


def others_named(tenant: Tenant, identity: str) -> list[Group | Contact]:
    """Mail-enabled groups and contacts by id, address, alias or display name."""
    text = identity.strip().lower()
    items: list[Group | Contact] = [group for group in tenant.groups.values() if group.proxy_addresses]
    items += tenant.contacts.values()
    return [
        item
        for item in items
        if text in (item.id.lower(), item.display_name.lower(), exchange_guid(item.id), alias_of(item))
        or any(bare_address(value) == text for value in item.proxy_addresses)
    ]


def alias_of(item: Group | Contact) -> str:
    """The alias of what is no user: the part of its address before the @."""
    return (item.mail or "").partition("@")[0].lower()


def single(tenant: Tenant, identity: str, found: list[_R], accept: Callable[[_R], bool]) -> _R:
    """The one recipient among C(found) that the cmdlet accepts. Raises CmdletError when there is none, or several."""
    accepted = [item for item in found if accept(item)]
    if not accepted:
        raise errors.not_found(tenant, identity)
    if len(accepted) > 1:
        raise errors.ambiguous(identity)
    return accepted[0]
