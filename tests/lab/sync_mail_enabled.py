# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups and contacts of AD, as far as they own addresses: members and other attributes are left out."""

from __future__ import annotations

from typing import Any

from .addresses import is_owned_by_another, is_smtp, is_verified, is_well_formed, primary_of, split
from .index import index_of
from .state import Contact, Group, Tenant
from .sync_entries import DirectoryEntry
from .sync_matching import ExportRefusedError, SyncError, duplicate, mail_enabled_owner


def export_mail_enabled(tenant: Tenant, entry: DirectoryEntry) -> list[SyncError]:
    """Export a group or contact that has a mail address; gives the errors of its quarantined addresses.

    Raises ExportRefusedError (ObjectTypeMismatch) when an object of another kind owns its primary address.
    """
    wanted = _addresses(tenant, entry)
    record = tenant.connector_space.get(entry.anchor)
    if not wanted and record is None:
        return []
    if record and record["attributes"] == {"proxyAddresses": wanted}:
        return []
    item = _holder(tenant, entry, record) or _match_or_make(tenant, entry, primary_of(wanted))
    tenant.connector_space[entry.anchor] = {
        "kind": entry.kind,
        "id": item.id,
        "dn": entry.dn,
        "attributes": {"proxyAddresses": wanted},
        "checked": tenant.clock.timestamp(),
    }
    # Its present addresses are its own, so they must not count as taken.
    item.proxy_addresses = []
    taken = [value for value in wanted if is_owned_by_another(tenant, value, None)]
    item.proxy_addresses = [value for value in wanted if value not in taken]
    item.mail = primary_of(item.proxy_addresses)
    item.on_premises_sync_enabled = True
    return [duplicate(entry, "ProxyAddresses", value, None) for value in taken]


def delete_mail_enabled(tenant: Tenant, record: dict[str, Any]) -> None:
    """Take away the group or contact of a connector space record, if it is still there."""
    tenant.groups.pop(record["id"], None)
    tenant.contacts.pop(record["id"], None)


def _addresses(tenant: Tenant, entry: DirectoryEntry) -> list[str]:
    values = [value for value in entry.texts("proxyAddresses") if is_well_formed(value)]
    mail = entry.text("mail")
    if primary_of(values) is None and mail and is_well_formed(f"SMTP:{mail}"):
        values = [f"SMTP:{mail}", *(v for v in values if not (is_smtp(v) and split(v)[1].lower() == mail.lower()))]
    # A contact points outside, so its domain need not be the tenant's.
    outside = entry.kind == "contact"
    return [v for v in values if not is_smtp(v) or outside or is_verified(tenant, v.rpartition("@")[2])]


def _holder(tenant: Tenant, entry: DirectoryEntry, record: dict[str, Any] | None) -> Group | Contact | None:
    if record is None:
        return None
    held: dict[str, Group] | dict[str, Contact] = tenant.groups if entry.kind == "group" else tenant.contacts
    return held.get(record["id"])


def _match_or_make(tenant: Tenant, entry: DirectoryEntry, primary: str | None) -> Group | Contact:
    """The cloud object of the same kind with the same primary address, or a new one."""
    kind = Group if entry.kind == "group" else Contact
    owner = mail_enabled_owner(tenant, primary) if primary else None
    users = index_of(tenant).find("address", primary, sweep=False) if primary else []
    if users or (owner is not None and not isinstance(owner, kind)):
        message = "An object of another type holds the primary address of this object."
        other = users[0].id if users else owner.id if owner else None
        raise ExportRefusedError(
            SyncError(entry.dn, "ObjectTypeMismatch", message, "ProxyAddresses", f"SMTP:{primary}", other)
        )
    if owner is not None:
        return owner
    name = entry.text("displayName") or entry.text("cn") or entry.guid
    if entry.kind == "group":
        group = Group(id=tenant.new_id(), display_name=name)
        tenant.groups[group.id] = group
        return group
    contact = Contact(id=tenant.new_id(), display_name=name)
    tenant.contacts[contact.id] = contact
    return contact
