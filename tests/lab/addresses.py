# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the cloud works out the addresses of a user (the "proxy calculation").

Source of the rules: Microsoft Learn, "How the proxyAddresses attribute is populated in Microsoft Entra ID", and the
limits of the IdFix rule list. Graph calls L(calculate) after a change of licenses, the sync engine after each export.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .index import bare_address, index_of
from .state import Tenant, User

# Service plans that come with a mailbox. EXCHANGE_S_FOUNDATION, for one, does not.
MAILBOX_PLANS = frozenset(
    {
        "EXCHANGE_S_STANDARD",
        "EXCHANGE_S_ENTERPRISE",
        "EXCHANGE_S_DESKLESS",
        "EXCHANGE_S_ESSENTIALS",
        "EXCHANGE_S_STANDARD_MIDMARKET",
        "EXCHANGE_B_STANDARD",
        "EXCHANGE_L_STANDARD",
    }
)
MAX_ADDRESSES = 333
MAX_ADDRESS_LENGTH = 256
_LEGACY_KINDS = frozenset({"x400", "msmail", "ccmail", "notes"})
_WELL_FORMED = re.compile(r"^(?!\.)(?!.*\.\.)[!-~]{1,64}(?<!\.)@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$")
_FORBIDDEN = frozenset('<>();,[]": ')


def split(value: str) -> tuple[str, str]:
    """A proxyAddresses value as (prefix as written, address); the prefix is empty when there is none."""
    prefix, colon, address = value.partition(":")
    return (prefix, address) if colon else ("", value)


def is_smtp(value: str) -> bool:
    """Whether a proxyAddresses value is an SMTP address, primary or not."""
    return split(value)[0].lower() == "smtp"


def primary_of(values: Iterable[str]) -> str | None:
    """The address behind the first upper-case C(SMTP:) value, or None."""
    return next((split(value)[1] for value in values if split(value)[0] == "SMTP"), None)


def domain_of(address: str) -> str:
    """The domain of an address or user principal name, in lower case."""
    return address.rpartition("@")[2].lower()


def is_moera_domain(tenant: Tenant, domain: str) -> bool:
    """Whether a domain is one of the service's own (the initial domain, C(*.onmicrosoft.*), C(*.microsoftonline.*))."""
    labels = domain.lower().split(".")
    return domain.lower() == tenant.initial_domain.lower() or bool({"onmicrosoft", "microsoftonline"} & set(labels))


def is_verified(tenant: Tenant, domain: str) -> bool:
    """Whether the tenant owns a domain; the service's own domains of the tenant count."""
    known = tenant.domains.get(domain.lower())
    return domain.lower() == tenant.initial_domain.lower() or (known is not None and known.is_verified)


def is_well_formed(value: str) -> bool:
    """Whether the cloud takes a proxyAddresses value at all: a prefix, no forbidden sign, ASCII, at most 256 signs."""
    prefix, address = split(value)
    if not prefix or not address or len(value) > MAX_ADDRESS_LENGTH or prefix.lower() in _LEGACY_KINDS:
        return False
    if prefix.lower() != "smtp":
        return True
    return address.isascii() and not _FORBIDDEN & set(address) and bool(_WELL_FORMED.match(address))


def has_exchange_plan(tenant: Tenant, user: User) -> bool:
    """Whether one of the user's licenses, direct or by group, carries an enabled service plan with a mailbox."""
    for one_license in user.licenses:
        sku = tenant.skus.get(one_license.sku_id)
        plans = sku.plans if sku else []
        if any(plan.name in MAILBOX_PLANS and plan.plan_id not in one_license.disabled_plans for plan in plans):
            return True
    return False


def is_owned_by_another(tenant: Tenant, address: str, user: User | None) -> bool:
    """Whether a user other than C(user), a group or a contact holds an address (with or without prefix)."""
    if any(owner is not user for owner in index_of(tenant).address_owners(address, sweep=False)):
        return True
    wanted = bare_address(address)
    others = [item.proxy_addresses for item in tenant.groups.values()]
    others += [item.proxy_addresses for item in tenant.contacts.values()]
    return any(wanted == bare_address(value) for values in others for value in values)


def calculate(tenant: Tenant, user: User, on_premises: list[str] | None) -> None:
    """Work out C(proxy_addresses), C(mail) and C(mail_nickname) of a user, in place.

    C(on_premises) is the proxyAddresses of the AD object that masters the user, and C(user.mail) then AD's mail; the
    cloud keeps no address that AD lacks but its own (the MOERA and, for recipients, the UPN). With None (a cloud user,
    or a license change) the present list is the base. C(user.user_principal_name) must be final.
    """
    licensed = has_exchange_plan(tenant, user)
    recipient = licensed or user.mailbox is not None
    base = _without_repeats(_kept(tenant, user, on_premises, licensed))
    primary = primary_of(base) or _fallback_primary(tenant, user, licensed, recipient)
    if primary is not None:
        user.mail_nickname = user.mail_nickname or primary.partition("@")[0]
    values = _with_primary(base, primary)
    if recipient:
        values = _with_own_addresses(tenant, user, values)
    if tenant.switches.get("license_removal_promotes_moera") and on_premises is None and not licensed:
        primary, values = _promoted(tenant, values, primary)
    user.proxy_addresses = values
    user.mail = primary
    index_of(tenant).refresh(user.id)


def _kept(tenant: Tenant, user: User, on_premises: list[str] | None, licensed: bool) -> list[str]:
    """What survives of the source list."""
    source = user.proxy_addresses if on_premises is None else on_premises
    kept = [value for value in source if is_well_formed(value)]
    if on_premises is not None:
        kept = [value for value in kept if not (is_smtp(value) and is_moera_domain(tenant, domain_of(value)))]
        kept += [f"smtp:{address}" for address in _present_moera(tenant, user)]
    if licensed:
        kept = [value for value in kept if not is_smtp(value) or is_verified_or_own(tenant, domain_of(value))]
    return kept


def is_verified_or_own(tenant: Tenant, domain: str) -> bool:
    """Whether a mailbox may hold an address in a domain."""
    return is_verified(tenant, domain) or is_moera_domain(tenant, domain)


def _present_moera(tenant: Tenant, user: User) -> list[str]:
    """The one address in the initial domain that stays with the user; it does not follow later nicknames."""
    initial = tenant.initial_domain.lower()
    own = [split(value)[1] for value in user.proxy_addresses if is_smtp(value) and domain_of(value) == initial]
    wanted = f"{user.mail_nickname or ''}@{initial}".lower()
    own.sort(key=lambda address: address.lower() != wanted)
    return own[:1]


def _fallback_primary(tenant: Tenant, user: User, licensed: bool, recipient: bool) -> str | None:
    """The primary where AD names none: the mail attribute, else the UPN of a recipient."""
    mail = user.mail
    if mail and is_well_formed(f"SMTP:{mail}") and (not licensed or is_verified_or_own(tenant, domain_of(mail))):
        return mail
    return user.user_principal_name if recipient else None


def _without_repeats(values: list[str]) -> list[str]:
    """The first of each address; of several capital C(SMTP:) values the first stays primary."""
    seen: dict[str, str] = {}
    has_primary = False
    for value in values:
        prefix, address = split(value)
        key = bare_address(value)
        if prefix == "SMTP":
            if has_primary:
                value = f"smtp:{address}"
            elif key in seen:
                seen[key] = value
            has_primary = True
        seen.setdefault(key, value)
    return list(seen.values())


def _with_primary(values: list[str], primary: str | None) -> list[str]:
    """The list with exactly C(primary) in capitals, first."""
    if primary is None:
        return values
    wanted = primary.lower()
    rest = [_demoted(value) for value in values if bare_address(value) != wanted]
    return [f"SMTP:{primary}", *rest]


def _demoted(value: str) -> str:
    return f"smtp:{split(value)[1]}" if is_smtp(value) else value


def _with_own_addresses(tenant: Tenant, user: User, values: list[str]) -> list[str]:
    """The list with what the cloud itself gives a recipient: its UPN and its address in the initial domain."""
    held = {bare_address(value) for value in values}
    added = list(values)
    upn = user.user_principal_name
    usable = is_verified(tenant, domain_of(upn)) and is_well_formed(f"smtp:{upn}")
    if usable and upn.lower() not in held and not is_owned_by_another(tenant, upn, user):
        added.append(f"smtp:{upn}")
    if not any(is_smtp(value) and domain_of(value) == tenant.initial_domain.lower() for value in added):
        added.append(f"smtp:{_new_moera(tenant, user)}")
    return added


def _new_moera(tenant: Tenant, user: User) -> str:
    """A free address in the initial domain, with four digits behind the nickname when the plain one is taken."""
    nickname = user.mail_nickname or user.user_principal_name.partition("@")[0]
    address = f"{nickname}@{tenant.initial_domain}"
    while is_owned_by_another(tenant, address, user):
        address = f"{nickname}{tenant.random.randrange(10_000):04d}@{tenant.initial_domain}"
    return address


def _promoted(tenant: Tenant, values: list[str], primary: str | None) -> tuple[str | None, list[str]]:
    """The list with the address in the initial domain as primary, which a lost license can bring about."""
    own = [split(v)[1] for v in values if is_smtp(v) and domain_of(v) == tenant.initial_domain.lower()]
    if not own:
        return primary, values
    return own[0], _with_primary(values, own[0])
