# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Set-Mailbox: everything is checked before anything changes.

Switch of the tenant: C(exchange_type_on_synced) (C(refuse) by default, or C(allow)): whether the type of a synchronized
mailbox can be changed in the cloud; both have been reported.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from ..addresses import calculate, domain_of, has_exchange_plan, is_verified
from ..index import index_of
from ..state import Group, Mailbox, Provisioning, Tenant, User
from . import errors
from .binding import Delta
from .command import Command, Outcome
from .email_addresses import changed, with_primary
from .identities import others_named, single, users_named
from .rows import PLAIN, is_dir_synced
from .views import note_conversion, note_write

_TYPES = {
    "Regular": "UserMailbox",
    "Shared": "SharedMailbox",
    "Room": "RoomMailbox",
    "Equipment": "EquipmentMailbox",
}
# What the on-premises directory masters and never gives away ...
_IDENTITY = frozenset({"DisplayName", "Name", "MicrosoftOnlineServicesID", "Office", "AccountDisabled", "ImmutableId"})
# ... and what IsExchangeCloudManaged hands over to the cloud.
_EXCHANGE = frozenset(
    {
        "Alias",
        "EmailAddresses",
        "GrantSendOnBehalfTo",
        "HiddenFromAddressListsEnabled",
        "RequireSenderAuthenticationEnabled",
        "SimpleDisplayName",
        "Type",
        "WindowsEmailAddress",
        *(name for name in PLAIN if "CustomAttribute" in name),
    }
)
_NEUTRAL = frozenset({"Identity", "Confirm", "WhatIf", "Force"})
_PLAYED = _NEUTRAL | _IDENTITY | _EXCHANGE | {"IsExchangeCloudManaged", "LitigationHoldEnabled"} | frozenset(PLAIN)


def set_mailbox(command: Command) -> Outcome:
    """Change one mailbox; nothing to change is a success with a warning."""
    parameters = {name: value for name, value in command.parameters.items() if name not in _NEUTRAL}
    _check_sets(command, parameters)
    tenant = command.tenant
    user = single(
        tenant, command.identity, users_named(tenant, command.identity), lambda found: found.mailbox is not None
    )
    _check_scope(tenant, user, parameters)
    if command.parameters.get("Confirm") or command.parameters.get("WhatIf"):
        question = f'Are you sure you want to perform this action? Setting mailbox Identity:"{user.id}".'
        _changed(tenant, copy.deepcopy(user), parameters)
        return Outcome(confirmation=question)
    draft = copy.deepcopy(user)
    _changed(tenant, draft, parameters)
    if draft == user:
        said = f"The command completed successfully but no settings of '{user.id}' have been modified."
        return Outcome(warnings=[said])
    note_write(tenant, user, command.anchor)
    _take_over(tenant, user, draft)
    return Outcome()


def _check_sets(command: Command, parameters: dict[str, Any]) -> None:
    """Identity is needed, and IsExchangeCloudManaged has a parameter set of its own."""
    if not command.identity:
        raise errors.bad_value("Identity", "The argument is null or empty.")
    others = sorted(set(parameters) - {"IsExchangeCloudManaged"})
    if "IsExchangeCloudManaged" in parameters and others:
        raise errors.unknown_parameter(others)
    command.refuse_others(_PLAYED)


def _check_scope(tenant: Tenant, user: User, parameters: dict[str, Any]) -> None:
    if not is_dir_synced(user):
        return
    mastered = set(_IDENTITY)
    if not (user.mailbox and user.mailbox.is_exchange_cloud_managed):
        mastered |= _EXCHANGE
        if tenant.switches.get("exchange_type_on_synced") == "allow":
            mastered.remove("Type")
    refused = next((name for name in parameters if name in mastered), None)
    if refused:
        raise errors.write_scope(refused, user.display_name)


def _changed(tenant: Tenant, user: User, parameters: dict[str, Any]) -> None:
    """Write the parameters into C(user), which is a copy as long as something may be refused."""
    mailbox = user.mailbox
    assert mailbox is not None, "the caller has chosen a mailbox"
    for name, value in parameters.items():
        if name in PLAIN:
            _set_plain(mailbox, name, value)
    _set_names(tenant, user, parameters)
    _set_switches(user, mailbox, parameters)
    if "GrantSendOnBehalfTo" in parameters:
        _set_delegates(tenant, mailbox, parameters["GrantSendOnBehalfTo"])
    _set_addresses(tenant, user, parameters)


def _set_plain(mailbox: Mailbox, name: str, value: Any) -> None:
    """A property that is shown as it was written; null brings back what a new mailbox has."""
    default = PLAIN[name]
    if isinstance(value, Delta):
        kept = [item for item in mailbox.extra.get(name, default) if item not in value.remove]
        value = [*kept, *(item for item in value.add if item not in kept)] if value.add or value.remove else []
    if name == "ForwardingSmtpAddress" and value and not value.lower().startswith("smtp:"):
        value = f"smtp:{value}"
    if value is None or value == default:
        mailbox.extra.pop(name, None)
    else:
        mailbox.extra[name] = value


def _set_names(tenant: Tenant, user: User, parameters: dict[str, Any]) -> None:
    if parameters.get("DisplayName"):
        user.display_name = parameters["DisplayName"]
    if "Alias" in parameters:
        alias = parameters["Alias"] or ""
        if not alias.isascii() or not alias or set(alias) & set(' @"()[];:,<>\\'):
            raise errors.bad_value("Alias", f'The value "{alias}" of property "Alias" isn\'t valid.')
        user.mail_nickname = alias
    name = parameters.get("MicrosoftOnlineServicesID")
    if name:
        if not is_verified(tenant, domain_of(name)):
            raise errors.no_accepted_domain(domain_of(name))
        if any(other.id != user.id for other in index_of(tenant).find("upn", name)):
            raise errors.name_taken(name)
        user.user_principal_name = name


def _set_switches(user: User, mailbox: Mailbox, parameters: dict[str, Any]) -> None:
    if "IsExchangeCloudManaged" in parameters:
        mailbox.is_exchange_cloud_managed = bool(parameters["IsExchangeCloudManaged"])
    if "HiddenFromAddressListsEnabled" in parameters:
        mailbox.hidden_from_address_lists = bool(parameters["HiddenFromAddressListsEnabled"])
    if "LitigationHoldEnabled" in parameters:
        mailbox.litigation_hold = bool(parameters["LitigationHoldEnabled"])
    if "AccountDisabled" in parameters:
        user.account_enabled = not parameters["AccountDisabled"]
    wanted = parameters.get("Type")
    if wanted:
        if wanted not in _TYPES:
            raise errors.not_rehearsed("Set-Mailbox", f"Type {wanted}")
        mailbox.type_details = _TYPES[wanted]


def _set_delegates(tenant: Tenant, mailbox: Mailbox, wanted: list[str] | Delta | None) -> None:
    present: list[str] = mailbox.extra.get("GrantSendOnBehalfTo", [])
    if isinstance(wanted, Delta):
        gone = _resolved(tenant, wanted.remove)
        added = [one for one in _resolved(tenant, wanted.add) if one not in present]
        ids = [one for one in present if one not in gone] + added if wanted.add or wanted.remove else []
    else:
        ids = _resolved(tenant, wanted or ())
    mailbox.extra["GrantSendOnBehalfTo"] = ids
    if not ids:
        del mailbox.extra["GrantSendOnBehalfTo"]


def _resolved(tenant: Tenant, identities: tuple[str, ...] | list[str]) -> list[str]:
    """The ids of delegates: mailboxes, mail users and mail-enabled security groups (Microsoft Learn, Set-Mailbox)."""
    return [_delegate(tenant, one).id for one in identities]


def _delegate(tenant: Tenant, identity: str) -> User | Group:
    found: list[User | Group] = [user for user in users_named(tenant, identity) if user.proxy_addresses]
    found += [item for item in others_named(tenant, identity) if isinstance(item, Group)]
    delegate = single(tenant, identity, found, lambda _unused: True)
    if isinstance(delegate, Group) and not delegate.security_enabled:
        raise errors.invalid_operation(f"The group '{identity}' isn't a mail-enabled security principal.")
    return delegate


def _set_addresses(tenant: Tenant, user: User, parameters: dict[str, Any]) -> None:
    values = user.proxy_addresses
    if "EmailAddresses" in parameters:
        values = changed(tenant, _original(tenant, user), parameters["EmailAddresses"])
    if parameters.get("WindowsEmailAddress"):
        values = with_primary(tenant, _original(tenant, user), values, parameters["WindowsEmailAddress"])
    user.proxy_addresses = values


def _original(tenant: Tenant, user: User) -> User:
    """The user that a draft was copied from; ownership of addresses is told by the object itself."""
    return tenant.users[user.id]


def _take_over(tenant: Tenant, user: User, draft: User) -> None:
    """Make the draft the truth, in the user object that everyone holds."""
    former = user.mailbox.type_details if user.mailbox else ""
    addresses_changed = user.proxy_addresses != draft.proxy_addresses
    renamed = user.user_principal_name != draft.user_principal_name
    vars(user).update(vars(draft))
    if addresses_changed or renamed:
        calculate(tenant, user, None)
    index_of(tenant).refresh(user.id)
    if user.mailbox and user.mailbox.type_details != former:
        note_conversion(tenant, user.id, former)
        _watch_license(tenant, user)


def _watch_license(tenant: Tenant, user: User) -> None:
    """A user mailbox without a license is taken away after the grace period (30 days, switch graph_mailbox_grace)."""
    tenant.provisioning = [work for work in tenant.provisioning if work.user_id != user.id or work.action != "disable"]
    if user.mailbox and user.mailbox.type_details == "UserMailbox" and not has_exchange_plan(tenant, user):
        grace = float(tenant.switches.get("graph_mailbox_grace", timedelta(days=30).total_seconds()))
        due = tenant.clock.now() + timedelta(seconds=grace)
        tenant.provisioning.append(Provisioning(user.id, due, "disable"))
