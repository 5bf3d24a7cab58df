# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Set-Mailbox makes of EmailAddresses and WindowsEmailAddress."""

from __future__ import annotations

from ..addresses import (
    domain_of,
    is_moera_domain,
    is_owned_by_another,
    is_smtp,
    is_verified,
    is_well_formed,
    primary_of,
    split,
)
from ..index import bare_address, index_of
from ..state import Contact, Group, Tenant, User
from . import errors
from .binding import Delta


def changed(tenant: Tenant, user: User, wanted: list[str] | Delta | None) -> list[str]:
    """The list that EmailAddresses asks for: a whole list, or additions and removals. Raises CmdletError."""
    if wanted is None or (isinstance(wanted, Delta) and not (wanted.add or wanted.remove)) or wanted == []:
        raise errors.bad_value("EmailAddresses", "The mailbox must have a primary SMTP address.")
    values = (
        _with_delta(user.proxy_addresses, wanted)
        if isinstance(wanted, Delta)
        else _whole([_prefixed(value) for value in wanted])
    )
    _check(tenant, user, values)
    return values


def with_primary(tenant: Tenant, user: User, values: list[str], address: str) -> list[str]:
    """The list with C(address) as its primary SMTP address (WindowsEmailAddress). Raises CmdletError."""
    result = _promoted(values, address)
    _check(tenant, user, result)
    return result


def _prefixed(value: str) -> str:
    return value if split(value)[0] else f"smtp:{value}"


def _whole(values: list[str]) -> list[str]:
    """A full replacement; without a capital C(SMTP:) the first SMTP address becomes the primary one."""
    if sum(split(value)[0] == "SMTP" for value in values) > 1:
        raise errors.invalid_operation("There are multiple primary email addresses with the prefix SMTP.")
    if primary_of(values) is not None:
        return values
    first = next((split(value)[1] for value in values if is_smtp(value)), None)
    if first is None:
        raise errors.invalid_operation("The mailbox must have a primary SMTP address.")
    return _promoted(values, first)


def _with_delta(present: list[str], delta: Delta) -> list[str]:
    gone = {bare_address(_prefixed(value)) for value in delta.remove}
    primary = (primary_of(present) or "").lower()
    values = [value for value in present if bare_address(value) not in gone]
    for value in map(_prefixed, delta.add):
        if split(value)[0] == "SMTP":
            values = _promoted(values, split(value)[1])
        elif bare_address(value) not in {bare_address(known) for known in values}:
            values.append(value)
    if primary in gone and primary_of(values) is None:
        raise errors.invalid_operation(f"The primary SMTP address '{primary}' can't be removed from the mailbox.")
    return values


def _promoted(values: list[str], address: str) -> list[str]:
    rest = [value for value in values if bare_address(value) != address.lower()]
    rest = [f"smtp:{split(value)[1]}" if is_smtp(value) else value for value in rest]
    return [f"SMTP:{address}", *rest]


def _check(tenant: Tenant, user: User, values: list[str]) -> None:
    """Every new address is well formed, in an accepted domain, and nobody else's."""
    present = {bare_address(value) for value in user.proxy_addresses}
    for value in values:
        if bare_address(value) in present:
            continue
        if not is_well_formed(value):
            raise errors.bad_value("EmailAddresses", f'The address "{value}" isn\'t valid.')
        domain = domain_of(split(value)[1])
        if is_smtp(value) and not (is_verified(tenant, domain) or is_moera_domain(tenant, domain)):
            raise errors.no_accepted_domain(domain)
        if is_owned_by_another(tenant, value, user):
            raise errors.address_taken(value, _owner(tenant, value, user))


def _owner(tenant: Tenant, value: str, user: User) -> str:
    users = [owner.display_name for owner in index_of(tenant).address_owners(value) if owner is not user]
    wanted = bare_address(value)
    others: list[Group | Contact] = [*tenant.groups.values(), *tenant.contacts.values()]
    holding = [item for item in others if wanted in {bare_address(known) for known in item.proxy_addresses}]
    return [*users, *(item.display_name for item in holding)][0]
