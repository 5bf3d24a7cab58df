# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sync engine: what Entra Connect does between Active Directory and the tenant, one cycle at a time.

It is pure: entries come in, the tenant changes, a report goes out. Whoever calls it reads the directory and writes the
source anchors of the report's C(write_back) into mS-DS-ConsistencyGuid.

Switches of the tenant: connect_staging_mode (bool: import only), connect_scope (list of OU DNs; None = all),
connect_deletion_threshold (int, default 500), connect_immutable_conflict (InvalidSoftMatch, AttributeValueMustBeUnique
or quarantine: how the service answers a soft match onto a user with another anchor), connect_last_sync_only_on_change
(bool: whether the organization's last sync stands still in a cycle without changes is not documented).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from .clock import Clock
from .index import index_of
from .state import Tenant, User
from .sync_entries import DirectoryEntry, in_scope
from .sync_flow import apply, convert_back, exported_values, free_upn, needs_cleanup, refuse_too_many
from .sync_mail_enabled import delete_mail_enabled, export_mail_enabled
from .sync_matching import ExportRefusedError, SyncError, match

__all__ = ["DirectoryEntry", "Scheduler", "run_cycle"]

DELETION_THRESHOLD = 500
CYCLE = timedelta(minutes=30)
# More than two cycles in a row over the same directory show nothing new.
_MOST_CYCLES = 2


class Scheduler:
    """When the next cycle is due: every 30 minutes of the tenant's clock."""

    def __init__(self, clock: Clock, interval: timedelta = CYCLE) -> None:
        self._clock = clock
        self.interval = interval
        self.next_run: datetime = clock.now() + interval

    def take_due(self) -> int:
        """How many cycles to run now (0, 1 or 2, however far the clock went); moves C(next_run) past the present."""
        passed = self._clock.now() - self.next_run
        if passed < timedelta():
            return 0
        count = passed // self.interval + 1
        self.next_run += count * self.interval
        return min(count, _MOST_CYCLES)


def run_cycle(tenant: Tenant, entries: Iterable[DirectoryEntry]) -> dict[str, Any]:
    """Run one sync cycle over everything that the directory holds, and report it.

    The report (JSON): started, staging, imported and in_scope (counts); created, updated, deleted, matched (with
    C(how): hard, soft-smtp, soft-upn, restored), converted, ignored, each a list of {dn, id, ..}; unchanged (count);
    errors (list of {dn, code, message, attribute, value, conflicting_id}); write_back (list of {dn, value}: base64 of
    the bytes for mS-DS-ConsistencyGuid); deletions_held (count that the threshold against accidents stopped).
    """
    everything = list(entries)
    scope = tenant.switches.get("connect_scope")
    scoped = [entry for entry in everything if in_scope(entry, scope)]
    report = _new_report(tenant, len(everything), len(scoped))
    if report["staging"]:
        return report
    index_of(tenant).sweep()
    for entry in scoped:
        _export(tenant, entry, report)
    _delete_missing(tenant, {entry.anchor for entry in scoped}, report)
    report["write_back"] = [_write_back(entry) for entry in scoped if entry.kind == "user" and _lacks_anchor(entry)]
    _move_last_sync(tenant, report)
    return report


def _new_report(tenant: Tenant, imported: int, in_scope_count: int) -> dict[str, Any]:
    lists = ("created", "updated", "deleted", "matched", "converted", "ignored", "errors", "write_back")
    return {
        "started": tenant.clock.now().isoformat(),
        "staging": bool(tenant.switches.get("connect_staging_mode")),
        "imported": imported,
        "in_scope": in_scope_count,
        "unchanged": 0,
        "deletions_held": 0,
        **{name: [] for name in lists},
    }


def _lacks_anchor(entry: DirectoryEntry) -> bool:
    return entry.raw("mS-DS-ConsistencyGuid") is None


def _write_back(entry: DirectoryEntry) -> dict[str, str]:
    return {"dn": entry.dn, "value": base64.b64encode(entry.object_guid).decode("ascii")}


def _move_last_sync(tenant: Tenant, report: dict[str, Any]) -> None:
    exported = any(report[name] for name in ("created", "updated", "deleted", "matched", "converted"))
    tenant.sync_enabled = True
    if exported or not tenant.switches.get("connect_last_sync_only_on_change"):
        tenant.last_sync = tenant.clock.now()


def _export(tenant: Tenant, entry: DirectoryEntry, report: dict[str, Any]) -> None:
    """Export one entry; a refusal becomes an error of the report and is tried again in the next cycle."""
    try:
        if entry.kind != "user":
            report["errors"] += [error.shown() for error in export_mail_enabled(tenant, entry)]
            return
        refuse_too_many(entry)
        record = tenant.connector_space.get(entry.anchor)
        user = tenant.users.get(record["id"]) if record else None
        if record is None or user is None:
            _first_export(tenant, entry, report)
        else:
            _later_export(tenant, entry, user, record, report)
    except ExportRefusedError as refused:
        report["errors"].append(refused.error.shown())


def _first_export(tenant: Tenant, entry: DirectoryEntry, report: dict[str, Any]) -> None:
    """Match the entry, or make a user for it. Matching happens here and never again."""
    found = match(tenant, entry)
    user = found.user or _new_user(tenant, entry)
    if found.how == "restored":
        _restore(tenant, user)
    if found.how == "new":
        report["created"].append({"dn": entry.dn, "id": user.id})
    else:
        report["matched"].append({"dn": entry.dn, "id": user.id, "how": found.how})
    record = {"kind": "user", "id": user.id, "dn": entry.dn, "attributes": {}, "checked": 0.0}
    tenant.connector_space[entry.anchor] = record
    if user.is_cloud_managed:
        report["ignored"].append({"dn": entry.dn, "id": user.id, "reason": "isCloudManaged"})
    else:
        _write(tenant, entry, user, record, report)


def _later_export(
    tenant: Tenant, entry: DirectoryEntry, user: User, record: dict[str, Any], report: dict[str, Any]
) -> None:
    """Export what changed since the last export; a user that the cloud masters ignores it."""
    changed = exported_values(entry) != record["attributes"]
    if user.is_cloud_managed:
        if changed:
            report["ignored"].append({"dn": entry.dn, "id": user.id, "reason": "isCloudManaged"})
        return
    if changed or needs_cleanup(tenant, user, record["checked"]):
        report["updated"].append({"dn": entry.dn, "id": user.id})
        _write(tenant, entry, user, record, report)
        return
    _convert(entry, user, report)
    report["unchanged"] += 1


def _write(tenant: Tenant, entry: DirectoryEntry, user: User, record: dict[str, Any], report: dict[str, Any]) -> None:
    errors = apply(tenant, entry, user, record["attributes"])
    report["errors"] += [error.shown() for error in errors]
    record.update(dn=entry.dn, attributes=exported_values(entry), checked=tenant.clock.timestamp())
    _convert(entry, user, report)


def _convert(entry: DirectoryEntry, user: User, report: dict[str, Any]) -> None:
    if convert_back(entry, user) and user.mailbox:
        report["converted"].append({"dn": entry.dn, "id": user.id, "type": user.mailbox.type_details})


def _new_user(tenant: Tenant, entry: DirectoryEntry) -> User:
    upn = free_upn(tenant, entry)
    name = entry.text("displayName") or entry.text("cn") or upn.partition("@")[0]
    user = User(id=tenant.new_id(), user_principal_name=upn, display_name=name, created_at=tenant.clock.now())
    tenant.users[user.id] = user
    index_of(tenant).refresh(user.id)
    return user


def _restore(tenant: Tenant, user: User) -> None:
    tenant.deleted_users.pop(user.id)
    user.deleted_at = None
    tenant.users[user.id] = user
    index_of(tenant).refresh(user.id)


def _delete_missing(tenant: Tenant, anchors: set[str], report: dict[str, Any]) -> None:
    """Delete in the cloud what left AD or the scope, unless so many at once look like an accident."""
    gone = {anchor: record for anchor, record in tenant.connector_space.items() if anchor not in anchors}
    threshold = tenant.switches.get("connect_deletion_threshold", DELETION_THRESHOLD)
    if len(gone) > threshold:
        message = f"{len(gone)} deletions exceed the threshold of {threshold}: the export of deletions was stopped."
        report["errors"].append(SyncError("", "stopped-deletion-threshold-exceeded", message).shown())
        report["deletions_held"] = len(gone)
        return
    for anchor, record in gone.items():
        if record["kind"] != "user":
            delete_mail_enabled(tenant, record)
        elif not _delete_user(tenant, record, report):
            continue
        del tenant.connector_space[anchor]


def _delete_user(tenant: Tenant, record: dict[str, Any], report: dict[str, Any]) -> bool:
    """Soft-delete the user of a record; False when the cloud masters it and keeps it."""
    user = tenant.users.get(record["id"])
    if user is None:
        return True
    if user.is_cloud_managed:
        report["ignored"].append({"dn": record["dn"], "id": user.id, "reason": "isCloudManaged"})
        return False
    user.deleted_at = tenant.clock.now()
    tenant.deleted_users[user.id] = tenant.users.pop(user.id)
    index_of(tenant).refresh(user.id)
    report["deleted"].append({"dn": record["dn"], "id": user.id})
    return True
