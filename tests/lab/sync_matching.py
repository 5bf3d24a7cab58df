# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which user of the tenant an AD object that is new to Entra becomes, and what stands in the way.

Sources: Microsoft Learn, "Troubleshoot errors during Microsoft Entra Connect synchronization", "Microsoft Entra Connect
when you already have a tenant", "Microsoft Entra Connect Sync service features", and the message center posts MC1262584
and MC1263280 (2026) about hard matches.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .addresses import primary_of
from .index import bare_address, index_of
from .state import Contact, Group, Tenant, User
from .sync_entries import DirectoryEntry

_DUPLICATE = (
    "Unable to update this object because the following attributes associated with this object have values that may "
    "already be associated with another object in your local directory services: [{attribute} {value};]. Correct or "
    "remove the duplicate values in your local directory."
)
_TAKEOVER = "Hard match onto a cloud object is blocked: BlockCloudObjectTakeoverThroughHardMatch is on."
_ROLE_HOLDER = "Hard match onto a cloud user that holds a Microsoft Entra role is blocked."
_HARDENED = "Hard match operation blocked due to security hardening. Review OnPremisesObjectIdentifier mapping."


@dataclass
class SyncError:
    """One error of an export: the service's code and words, the AD object, and the cloud object it collided with."""

    dn: str
    code: str
    message: str
    attribute: str | None = None
    value: str | None = None
    conflicting_id: str | None = None

    def shown(self) -> dict[str, Any]:
        """The error as JSON."""
        return asdict(self)


class ExportRefusedError(Exception):
    """An export that the service refuses altogether; C(error) says why."""

    def __init__(self, error: SyncError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass
class Match:
    """What the first export met. C(how): hard, soft-smtp, soft-upn, restored, new."""

    how: str
    user: User | None = None


def duplicate(entry: DirectoryEntry, attribute: str, value: str, owner_id: str | None) -> SyncError:
    """The error for a value that another object holds."""
    message = _DUPLICATE.format(attribute=attribute, value=value)
    return SyncError(entry.dn, "AttributeValueMustBeUnique", message, attribute, value, owner_id)


def match(tenant: Tenant, entry: DirectoryEntry) -> Match:
    """Find the user for the first export: hard, then soft by primary SMTP address, then soft by UPN, else none.

    Raises ExportRefusedError where the service reports an error and makes no object. The index must be up to date.
    """
    found = _hard(tenant, entry) or _deleted(tenant, entry)
    if found:
        return found
    primary = primary_of(entry.texts("proxyAddresses"))
    if primary is not None:
        _refuse_other_type(tenant, entry, primary)
    return _soft(tenant, entry, primary) or Match("new")


def _hard(tenant: Tenant, entry: DirectoryEntry) -> Match | None:
    users = index_of(tenant).find("anchor", entry.anchor, sweep=False)
    if not users:
        return None
    user = users[0]
    if user.on_premises_sync_enabled is not True:
        if tenant.sync_features.block_hard_match_takeover:
            raise _hard_refused(entry, user, _TAKEOVER)
        if role_of(tenant, user):
            raise _hard_refused(entry, user, _ROLE_HOLDER)
    refuse_remapping(tenant, entry, user)
    return Match("hard", user)


def _hard_refused(entry: DirectoryEntry, user: User, message: str) -> ExportRefusedError:
    return ExportRefusedError(SyncError(entry.dn, "InvalidHardMatch", message, "SourceAnchor", entry.anchor, user.id))


def refuse_remapping(tenant: Tenant, entry: DirectoryEntry, user: User) -> None:
    """Raise ExportRefusedError when the user belongs to another AD object (MC1263280), unless allowed."""
    known = user.on_premises_object_identifier
    if known and known.lower() != entry.guid.lower() and not tenant.sync_features.allow_object_identifier_update:
        raise _hard_refused(entry, user, _HARDENED)


def _deleted(tenant: Tenant, entry: DirectoryEntry) -> Match | None:
    """A soft-deleted user with the same anchor comes back with its id, as long as it is not purged."""
    for user in tenant.deleted_users.values():
        if user.on_premises_immutable_id == entry.anchor:
            refuse_remapping(tenant, entry, user)
            return Match("restored", user)
    return None


def _refuse_other_type(tenant: Tenant, entry: DirectoryEntry, primary: str) -> None:
    owner = mail_enabled_owner(tenant, primary)
    if owner is not None:
        message = (
            "A soft match found an object of another type that holds the same address. "
            f"Object type in the directory: {type(owner).__name__}; object type of the export: User."
        )
        raise ExportRefusedError(
            SyncError(entry.dn, "ObjectTypeMismatch", message, "ProxyAddresses", f"SMTP:{primary}", owner.id)
        )


def mail_enabled_owner(tenant: Tenant, address: str) -> Group | Contact | None:
    """The group or contact that holds an address, or None."""
    wanted = bare_address(address)
    items: list[Group | Contact] = [*tenant.groups.values(), *tenant.contacts.values()]
    for item in items:
        if any(bare_address(value) == wanted for value in item.proxy_addresses):
            return item
    return None


def _soft(tenant: Tenant, entry: DirectoryEntry, primary: str | None) -> Match | None:
    """The soft match: AD's capital C(SMTP:) value against the primary of a cloud user, then UPN against UPN."""
    how, user = "soft-smtp", _by_primary(tenant, primary) if primary else None
    attribute, value = "ProxyAddresses", f"SMTP:{primary}"
    if user is None and tenant.sync_features.soft_match_on_upn:
        upn = entry.text("userPrincipalName")
        how, user = "soft-upn", next(iter(index_of(tenant).find("upn", upn, sweep=False)), None) if upn else None
        attribute, value = "UserPrincipalName", upn or ""
    if user is None:
        return None
    if user.on_premises_immutable_id:
        return _immutable(tenant, duplicate(entry, attribute, value, user.id))
    if tenant.sync_features.block_soft_match or role_of(tenant, user):
        # The values that the other user keeps are then quarantined on a new one.
        return Match("new")
    return Match(how, user)


def _immutable(tenant: Tenant, error: SyncError) -> Match:
    """The target has another anchor. How the service says so differs; switch connect_immutable_conflict chooses."""
    answer = tenant.switches.get("connect_immutable_conflict", "InvalidSoftMatch")
    if answer == "quarantine":
        return Match("new")
    error.code = str(answer)
    raise ExportRefusedError(error)


def _by_primary(tenant: Tenant, primary: str) -> User | None:
    users = index_of(tenant).find("address", primary, sweep=False)
    wanted = primary.lower()
    return next((user for user in users if (primary_of(user.proxy_addresses) or "").lower() == wanted), None)


def role_of(tenant: Tenant, user: User) -> str | None:
    """The display name of a directory role that the user holds, or None."""
    return next((role.display_name for role in tenant.roles.values() if user.id in role.members), None)
