# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Get- cmdlets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ..state import Contact, Domain, Group, Tenant, User
from . import errors, filters, rows
from .command import Command, Outcome
from .identities import others_named, single, users_named
from .views import shown_type
from .wire import selected

MORE_RESULTS = (
    "There are more results available than are currently displayed. To view them, increase the value for the "
    "ResultSize parameter."
)
_DEFAULT_SIZE = 1000
_LISTING = frozenset({"Identity", "ResultSize", "Filter", "Anr", "RecipientTypeDetails"})

Row = Callable[[Tenant, Any], dict[str, Any]]


def get_mailbox(command: Command) -> Outcome:
    """Mailboxes: live ones, or with SoftDeletedMailbox those of deleted users."""
    command.refuse_others(_LISTING | {"SoftDeletedMailbox", rows.DELEGATES_NAMED})
    if command.parameters.get("SoftDeletedMailbox"):
        return _soft_deleted(command)
    row = rows.mailbox_row_with_delegates if command.parameters.get(rows.DELEGATES_NAMED) else rows.mailbox_row
    return _users(command, row, lambda user: user.mailbox is not None)


def get_user(command: Command) -> Outcome:
    """Every user of the tenant."""
    command.refuse_others(_LISTING)
    return _users(command, rows.user_row, lambda _unused: True)


def get_cas_mailbox(command: Command) -> Outcome:
    """The client access settings of mailboxes."""
    command.refuse_others(_LISTING)
    return _users(command, rows.cas_mailbox_row, lambda user: user.mailbox is not None)


def get_mailbox_statistics(command: Command) -> Outcome:
    """Size and item count of one mailbox."""
    command.refuse_others(frozenset({"Identity"}))
    if not command.identity:
        raise errors.bad_value("Identity", "The argument is null or empty.")
    return _users(command, rows.statistics_row, lambda user: user.mailbox is not None)


def get_recipient(command: Command) -> Outcome:
    """Mailboxes, mail-enabled groups and contacts."""
    command.refuse_others(_LISTING | {"RecipientType", "Properties"})
    tenant = command.tenant
    accept = _wanted_types(command, lambda item: not isinstance(item, User) or item.mailbox is not None)
    if command.identity:
        found: list[Any] = [*users_named(tenant, command.identity), *others_named(tenant, command.identity)]
        items: list[Any] = [single(tenant, command.identity, found, accept)]
    else:
        others: list[Group | Contact] = [group for group in tenant.groups.values() if group.proxy_addresses]
        items = [item for item in [*tenant.users.values(), *others, *tenant.contacts.values()] if accept(item)]
    names = frozenset(name.lower() for name in command.parameters.get("Properties") or ())
    row: Row = rows.recipient_row
    if names:
        names |= {"identity"}
        row = partial(_selected_row, names)
    return _limited(command, _seen(command, items), row)


def get_distribution_group_member(command: Command) -> Outcome:
    """The direct members of a group that are recipients; a member that is a group is one row."""
    command.refuse_others(frozenset({"Identity", "ResultSize"}))
    if not command.identity:
        raise errors.bad_value("Identity", "The argument is null or empty.")
    tenant = command.tenant
    found = [item for item in others_named(tenant, command.identity) if isinstance(item, Group)]
    group = single(tenant, command.identity, found, lambda _unused: True)
    known: dict[str, Any] = {**tenant.users, **tenant.groups, **tenant.contacts}
    members = [known[member] for member in group.members if member in known]
    items = [item for item in members if (item.mailbox if isinstance(item, User) else item.proxy_addresses)]
    return _limited(command, items, rows.recipient_row)


def _selected_row(names: frozenset[str], tenant: Tenant, item: User | Group | Contact) -> dict[str, Any]:
    return selected(rows.recipient_row(tenant, item), names)


def get_accepted_domain(command: Command) -> Outcome:
    """The verified domains of the tenant."""
    tenant = command.tenant
    domains = [domain for domain in tenant.domains.values() if domain.is_verified]
    if command.identity:
        domains = [domain for domain in domains if domain.name.lower() == command.identity.lower()]
        if not domains:
            raise errors.not_found(tenant, command.identity)

    def row(_unused: Tenant, domain: Domain) -> dict[str, Any]:
        return rows.accepted_domain_row(tenant, domain)

    return _limited(command, domains, row)


def _users(command: Command, row: Row, accept: Callable[[User], bool]) -> Outcome:
    tenant = command.tenant
    wanted = _wanted_types(command, accept)
    if command.identity:
        users = [single(tenant, command.identity, users_named(tenant, command.identity), wanted)]
    else:
        users = [user for user in tenant.users.values() if wanted(user)]
    return _limited(command, _seen(command, users), row)


def _soft_deleted(command: Command) -> Outcome:
    tenant, text = command.tenant, command.identity.lower()
    users = [user for user in tenant.deleted_users.values() if user.mailbox is not None]
    if text:
        users = [user for user in users if text in _names(user)]
        users = [single(tenant, command.identity, users, lambda _unused: True)]
    return _limited(command, users, rows.mailbox_row)


def _names(user: User) -> set[str]:
    names = {user.id, user.user_principal_name, user.display_name, user.mail or "", user.mail_nickname or ""}
    return {name.lower() for name in names | {user.mailbox.guid if user.mailbox else ""}}


def _seen(command: Command, items: Iterable[Any]) -> list[Any]:
    return [command.seen(item) if isinstance(item, User) else item for item in items]


def _wanted_types(command: Command, accept: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """The rule of the cmdlet, narrowed by RecipientTypeDetails and RecipientType."""
    details = command.parameters.get("RecipientTypeDetails")
    kinds = command.parameters.get("RecipientType")

    def wanted(item: Any) -> bool:
        if not accept(item):
            return False
        detail, kind = _type_of(command.tenant, item)
        return (not details or detail in details) and (not kinds or kind in kinds)

    return wanted if details or kinds else accept


def _type_of(tenant: Tenant, item: Any) -> tuple[str, str]:
    if isinstance(item, User):
        return shown_type(tenant, item, counts=False), "UserMailbox" if item.mailbox else "User"
    kind = rows.kind_of(item)
    return kind, rows.recipient_type(kind)


def _limited(command: Command, items: list[Any], row: Row) -> Outcome:
    """Filter and cut the list; more than ResultSize (1000 if not given) is a warning, not an error."""
    tenant = command.tenant
    anr = str(command.parameters.get("Anr") or "").lower()
    if anr:
        items = [item for item in items if any(name.startswith(anr) for name in _ambiguous_names(item))]
    text = command.parameters.get("Filter")
    if text:
        predicate = filters.parse(text)
        items = [item for item in items if predicate(row(tenant, item))]
    limit = _result_size(command.parameters.get("ResultSize"))
    warnings = [MORE_RESULTS] if limit is not None and len(items) > limit else []
    return Outcome(items[:limit], lambda item: row(tenant, item), warnings)


def _ambiguous_names(item: Any) -> list[str]:
    names = [item.display_name, item.mail]
    if isinstance(item, User):
        names += [item.mail_nickname, item.given_name, item.surname, item.user_principal_name]
    return [name.lower() for name in names if name]


def _result_size(value: str | None) -> int | None:
    """ResultSize as a number; None for Unlimited."""
    if value is None:
        return _DEFAULT_SIZE
    if value.lower() == "unlimited":
        return None
    if not value.isdigit() or int(value) < 1:
        raise errors.bad_value("ResultSize", f'Cannot convert value "{value}" to type "Unlimited".')
    return int(value)
