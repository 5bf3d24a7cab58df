# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What flows from an AD object into the user of the tenant that it masters.

Sources: Microsoft Learn, "Attributes synchronized by Microsoft Entra Connect", "Identity synchronization and duplicate
attribute resiliency", "Cloud-based management of Exchange attributes" (IsExchangeCloudManaged).
"""

from __future__ import annotations

from datetime import timedelta

from .addresses import (
    MAX_ADDRESSES,
    calculate,
    domain_of,
    is_moera_domain,
    is_owned_by_another,
    is_smtp,
    is_verified,
)
from .index import index_of
from .state import Tenant, User
from .sync_entries import DirectoryEntry
from .sync_matching import ExportRefusedError, SyncError, duplicate, mail_enabled_owner

# AD attribute -> field of the user. A value in AD overwrites; one emptied after its export is emptied here too.
_TEXTS = {
    "displayName": "display_name",
    "givenName": "given_name",
    "sn": "surname",
    "department": "department",
    "title": "job_title",
}
# msExchRecipientTypeDetails of remote mailboxes -> what the mailbox in the cloud is.
_REMOTE_TYPES = {
    2147483648: "UserMailbox",
    34359738368: "SharedMailbox",
    8589934592: "RoomMailbox",
    17179869184: "EquipmentMailbox",
}
# Bits of msExchRemoteRecipientType; the mailbox kinds share the bits 32 and 64.
_REMOTE_FLAGS = {
    1: "ProvisionMailbox",
    2: "ProvisionArchive",
    4: "Migrated",
    8: "DeprovisionMailbox",
    16: "DeprovisionArchive",
}
_REMOTE_KINDS = {32: "RoomMailbox", 64: "EquipmentMailbox", 96: "SharedMailbox", 128: "TeamMailbox"}
_CLEANUP_EVERY = timedelta(hours=1)

EXPORTED = (
    *_TEXTS,
    "mail",
    "mailNickname",
    "userPrincipalName",
    "sAMAccountName",
    "proxyAddresses",
    "userAccountControl",
    "msExchRemoteRecipientType",
    "msExchRecipientTypeDetails",
    "msExchHideFromAddressLists",
)


def exported_values(entry: DirectoryEntry) -> dict[str, list[str]]:
    """The values that an export would carry; equal values mean that there is nothing to export."""
    values = {name: sorted(entry.texts(name)) for name in EXPORTED if entry.texts(name)}
    return {**values, "dn": [entry.dn]}


def refuse_too_many(entry: DirectoryEntry) -> None:
    """Raise ExportRefusedError when AD holds more addresses than the cloud takes."""
    count = len(entry.texts("proxyAddresses"))
    if count <= MAX_ADDRESSES:
        return
    message = (
        f"This request results in the user having {count} proxy addresses. "
        f"The maximum number of proxy addresses permitted is {MAX_ADDRESSES}."
    )
    raise ExportRefusedError(SyncError(entry.dn, "ExceededAllowedLength", message, "ProxyAddresses"))


def apply(tenant: Tenant, entry: DirectoryEntry, user: User, former: dict[str, list[str]]) -> list[SyncError]:
    """Write an entry into its user. C(former): what the last export carried.

    Gives the errors that leave the object exported but incomplete: each quarantined value, once. Later cycles show it
    in the user's onPremisesProvisioningErrors only.
    """
    _flow_texts(entry, user, _TEXTS, former)
    user.account_enabled = entry.enabled
    errors = _flow_upn(tenant, entry, user)
    _flow_identity(tenant, entry, user)
    if user.mailbox is None or not user.mailbox.is_exchange_cloud_managed:
        errors += _flow_addresses(tenant, entry, user)
        _flow_mailbox(entry, user)
    index_of(tenant).refresh(user.id)
    return _note_conflicts(tenant, user, errors)


def needs_cleanup(tenant: Tenant, user: User, checked: float) -> bool:
    """Whether the hourly task may look again at the quarantined values of a user; C(checked) is when it last did."""
    age = tenant.clock.timestamp() - checked
    return bool(user.on_premises_provisioning_errors) and age >= _CLEANUP_EVERY.total_seconds()


def wanted_upn(tenant: Tenant, entry: DirectoryEntry) -> str:
    """The UPN for the cloud: AD's, with the initial domain in place of one that the tenant has not verified."""
    upn = entry.text("userPrincipalName") or f"{entry.text('sAMAccountName') or entry.guid}@{tenant.initial_domain}"
    prefix, _unused, domain = upn.rpartition("@")
    return upn if is_verified(tenant, domain) else f"{prefix}@{tenant.initial_domain}"


def free_upn(tenant: Tenant, entry: DirectoryEntry) -> str:
    """The UPN for a new user; a taken one becomes C(<prefix><4 digits>@<initial domain>) until it is free."""
    upn = wanted_upn(tenant, entry)
    prefix = upn.partition("@")[0]
    free = upn
    while index_of(tenant).find("upn", free, sweep=False):
        free = f"{prefix}{tenant.random.randrange(10_000):04d}@{tenant.initial_domain}"
    return free


def convert_back(entry: DirectoryEntry, user: User) -> bool:
    """Give the mailbox the type that AD states, whatever the cloud made of it; whether that changed something."""
    stated = _REMOTE_TYPES.get(int(entry.text("msExchRecipientTypeDetails") or 0))
    mailbox = user.mailbox
    if mailbox is None or mailbox.is_exchange_cloud_managed or stated is None or mailbox.type_details == stated:
        return False
    mailbox.type_details = stated
    return True


def _free_addresses(tenant: Tenant, entry: DirectoryEntry, user: User) -> tuple[list[str], list[SyncError]]:
    """AD's addresses without those that another object of the tenant holds, and an error for each of these."""
    free, errors = [], []
    for value in entry.texts("proxyAddresses"):
        ignored = is_smtp(value) and is_moera_domain(tenant, domain_of(value))
        if not ignored and is_owned_by_another(tenant, value, user):
            errors.append(duplicate(entry, "ProxyAddresses", value, _owner(tenant, value, user)))
        else:
            free.append(value)
    return free, errors


def _owner(tenant: Tenant, value: str, user: User) -> str | None:
    others = [owner.id for owner in index_of(tenant).address_owners(value, sweep=False) if owner is not user]
    item = mail_enabled_owner(tenant, value)
    return others[0] if others else item.id if item else None


def _flow_addresses(tenant: Tenant, entry: DirectoryEntry, user: User) -> list[SyncError]:
    """Addresses, mail and nickname by the cloud's own calculation; values that are taken are left out and reported."""
    addresses, errors = _free_addresses(tenant, entry, user)
    mail = entry.text("mail")
    user.mail = None if mail is None or is_owned_by_another(tenant, mail, user) else mail
    user.mail_nickname = entry.text("mailNickname") or user.mail_nickname
    calculate(tenant, user, addresses)
    return errors


def _flow_texts(entry: DirectoryEntry, user: User, names: dict[str, str], former: dict[str, list[str]]) -> None:
    for attribute, field in names.items():
        value = entry.text(attribute)
        if value is not None:
            setattr(user, field, value)
        elif attribute in former and field != "display_name":
            setattr(user, field, None)


def _flow_upn(tenant: Tenant, entry: DirectoryEntry, user: User) -> list[SyncError]:
    """Follow AD's UPN: not for licensed managed users while the tenant's feature is off, and never into a conflict."""
    wanted = wanted_upn(tenant, entry)
    if wanted.lower() == user.user_principal_name.lower():
        user.user_principal_name = wanted
        return []
    domain = tenant.domains.get(domain_of(user.user_principal_name))
    managed = domain is None or domain.authentication_type == "Managed"
    if managed and user.licenses and not tenant.sync_features.synchronize_upn_for_managed_users:
        return []
    owners = [owner for owner in index_of(tenant).find("upn", wanted, sweep=False) if owner is not user]
    if owners:
        return [duplicate(entry, "UserPrincipalName", wanted, owners[0].id)]
    user.user_principal_name = wanted
    return []


def _flow_identity(tenant: Tenant, entry: DirectoryEntry, user: User) -> None:
    user.on_premises_sync_enabled = True
    user.on_premises_immutable_id = entry.anchor
    user.on_premises_last_sync = tenant.clock.now()
    user.on_premises_distinguished_name = entry.dn
    user.on_premises_sam_account_name = entry.text("sAMAccountName")
    user.on_premises_domain_name = entry.domain
    user.on_premises_security_identifier = entry.sid
    user.on_premises_user_principal_name = entry.text("userPrincipalName")
    user.on_premises_object_identifier = entry.guid


def _flow_mailbox(entry: DirectoryEntry, user: User) -> None:
    mailbox = user.mailbox
    if mailbox is None:
        return
    remote = int(entry.text("msExchRemoteRecipientType") or 0)
    if remote:
        mailbox.remote_recipient_type = remote_recipient_type(remote)
    # Connect takes the hiding only from objects with a mailNickname.
    hidden = entry.text("msExchHideFromAddressLists")
    if hidden is not None and entry.text("mailNickname"):
        mailbox.hidden_from_address_lists = hidden.upper() == "TRUE"


def remote_recipient_type(value: int) -> str:
    """The number in msExchRemoteRecipientType in Get-Mailbox's words: 97 -> ProvisionMailbox, SharedMailbox."""
    names = [name for bit, name in _REMOTE_FLAGS.items() if value & bit]
    kind = _REMOTE_KINDS.get(value & 224)
    return ", ".join([*names, kind] if kind else names) or "None"


def _note_conflicts(tenant: Tenant, user: User, errors: list[SyncError]) -> list[SyncError]:
    """Keep the quarantined values on the user as Graph's onPremisesProvisioningError; gives those not noted before."""
    former = {(item["propertyCausingError"], item["value"]): item for item in user.on_premises_provisioning_errors}
    fresh = [error for error in errors if (error.attribute, error.value) not in former]
    occurred = tenant.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    user.on_premises_provisioning_errors = [
        former.get((error.attribute, error.value))
        or {
            "category": "PropertyConflict",
            "occurredDateTime": occurred,
            "propertyCausingError": error.attribute,
            "value": error.value,
        }
        for error in errors
    ]
    return fresh
