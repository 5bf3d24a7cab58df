# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exchange's references to service principals: Get-, New- and Remove-ServicePrincipal.

New-ServicePrincipal does not check its ids: an object id of the application instead of the enterprise application is
taken here, and mail protocols refuse the application later (Microsoft Learn, "Authenticate an IMAP, POP or SMTP
connection using OAuth"; michev.info, "More on service principal permissions in Exchange Online"). A reference vanishes
when Entra deletes its service principal.

Switch of the tenant: C(exchange_principal_lag): how many look-ups do not find a reference that was just made.
"""

from __future__ import annotations

import functools
import uuid
from typing import Any

from ..state import Tenant
from ..stores import PrincipalReference
from . import errors
from .command import Command, Outcome
from .wire import Guid, annotated

_SIDS = "S-1-5-21-2135432087-1771573367-171750275"


@functools.lru_cache(maxsize=100_000)
def sid_of(object_id: str) -> str:
    """The security identifier that Exchange shows for an object; derived from its id, so that it never changes."""
    return f"{_SIDS}-{uuid.uuid5(uuid.NAMESPACE_OID, object_id).int % 90_000_000 + 1000}"


def references(tenant: Tenant) -> dict[str, PrincipalReference]:
    """The references by their GUID, without those whose service principal is gone from Entra."""
    known, principals = tenant.exchange.principals, _entra_ids(tenant)
    for guid in [one.guid for one in known.values() if one.matched and one.object_id not in principals]:
        del known[guid]
    return known


def _entra_ids(tenant: Tenant) -> set[str]:
    found = {application.service_principal_id for application in tenant.applications.values()}
    return {identifier.lower() for identifier in found if identifier}


def reference_of(tenant: Tenant, app_id: str, object_id: str) -> PrincipalReference | None:
    """The reference that is true for an application: both its client id and its service principal's object id."""
    for one in references(tenant).values():
        if (one.app_id, one.object_id) == (app_id.lower(), object_id.lower()):
            return one
    return None


def references_named(tenant: Tenant, identity: str) -> list[PrincipalReference]:
    """References by GUID, object id, client id, SID or display name; a look-up counts for the replication lag."""
    text = identity.strip().lower()
    found = [one for one in references(tenant).values() if text in _names(one)]
    hidden = [one for one in found if one.unseen > 0]
    for one in hidden:
        one.unseen -= 1
    return [one for one in found if one not in hidden]


def _names(one: PrincipalReference) -> set[str]:
    return {one.guid, one.object_id, one.app_id, sid_of(one.guid).lower(), one.display_name.lower()}


def get_service_principal(command: Command) -> Outcome:
    """One reference, or all of them without an identity."""
    command.refuse_others(frozenset({"Identity"}))
    tenant = command.tenant
    if not command.identity:
        return Outcome([one for one in references(tenant).values() if one.unseen < 1], _row)
    return Outcome([_single(tenant, command.identity)], _row)


def _single(tenant: Tenant, identity: str) -> PrincipalReference:
    found = references_named(tenant, identity)
    if not found:
        raise errors.not_found(tenant, identity)
    if len(found) > 1:
        raise errors.ambiguous(identity)
    return found[0]


def new_service_principal(command: Command) -> Outcome:
    """Make a reference from a client id and an object id (ServiceId is the parameter's former name)."""
    tenant, given = command.tenant, command.parameters
    app_id = str(given.get("AppId") or "").strip().lower()
    object_id = str(given.get("ObjectId") or given.get("ServiceId") or "").strip().lower()
    for name, value in (("AppId", app_id), ("ObjectId", object_id)):
        if not value:
            raise errors.bad_value(name, "The argument is null or empty.")
    if given.get("Confirm") or given.get("WhatIf"):
        return Outcome(confirmation=f'Are you sure you want to perform this action? Creating "{app_id}".')
    if any(app_id == one.app_id or object_id == one.object_id for one in references(tenant).values()):
        # Public sources give the exception's type for New- cmdlets in general; that one of the two ids suffices is
        # our guess.
        raise errors.already_exists(object_id)
    one = PrincipalReference(
        guid=tenant.new_id(),
        app_id=app_id,
        object_id=object_id,
        display_name=str(given.get("DisplayName") or ""),
        created_at=tenant.clock.now(),
        matched=object_id in _entra_ids(tenant),
        unseen=int(tenant.switches.get("exchange_principal_lag", 0)),
    )
    tenant.exchange.principals[one.guid] = one
    return Outcome([one], _row)


def remove_service_principal(command: Command) -> Outcome:
    """Remove a reference; permissions given to it stay as entries that nobody resolves."""
    if not command.identity:
        raise errors.bad_value("Identity", "The argument is null or empty.")
    one = _single(command.tenant, command.identity)
    if command.parameters.get("Confirm") or command.parameters.get("WhatIf"):
        return Outcome(confirmation=f'Are you sure you want to perform this action? Removing "{one.object_id}".')
    del command.tenant.exchange.principals[one.guid]
    return Outcome()


def _row(one: PrincipalReference) -> dict[str, Any]:
    return annotated(
        {
            "DisplayName": one.display_name,
            "AppId": one.app_id,
            "ObjectId": one.object_id,
            "Sid": sid_of(one.guid),
            "Name": one.object_id,
            "Identity": one.object_id,
            "Id": one.object_id,
            "Guid": Guid(one.guid),
            "WhenCreated": one.created_at,
            "WhenCreatedUTC": one.created_at,
            "IsValid": True,
        }
    )
