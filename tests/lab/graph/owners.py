# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners of applications and service principals: users and service principals, added and removed by reference.

Source: the "List owners", "Add owner" and "Remove owner" pages of application and servicePrincipal in the Graph
reference; adding needs permission to read the directory besides the permission to write the object.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..replicas import announce
from . import applications, principals
from .call import Answer, Call, done
from .errors import forbidden, missing, refused, unknown_property, wrong_type
from .permissions import PRINCIPALS_WRITE_ALL
from .roles import members, objects
from .shapes import is_guid

_REFERENCE = re.compile(r"(?:https://[^/]+/(?:v1\.0|beta)/)?(?:directoryObjects|users|servicePrincipals)/([^/]+)", re.I)
_READERS = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})


def list_application_owners(call: Call) -> Answer:
    """GET /applications/{id}/owners."""
    return objects(call, members(call, applications.seen(call).owners))


def list_principal_owners(call: Call) -> Answer:
    """GET /servicePrincipals/{id}/owners."""
    application = principals.seen(call).application
    return objects(call, members(call, application.principal_owners if application else []))


def add_owner(of_principal: bool) -> Callable[[Call], Answer]:
    """The handler of POST .../owners/$ref."""

    def handler(call: Call) -> Answer:
        if not call.permissions & _READERS:
            raise forbidden()
        owners = _owned(call, of_principal)
        owner = _reference(call)
        if owner in owners:
            raise refused(
                "One or more added object references already exist for the following modified properties: 'owners'."
            )
        owners.append(owner)
        announce(call.tenant, "applications")
        return done()

    return handler


def remove_owner(of_principal: bool) -> Callable[[Call], Answer]:
    """The handler of DELETE .../owners/{id}/$ref."""

    def handler(call: Call) -> Answer:
        owners = _owned(call, of_principal)
        owner = call.keys[1][1].lower()
        if owner not in owners:
            raise missing(owner)
        owners.remove(owner)
        announce(call.tenant, "applications")
        return done()

    return handler


def _owned(call: Call, of_principal: bool) -> list[str]:
    """The owners to change, of an object that the caller may write."""
    if of_principal:
        return principals.writable(call).principal_owners
    return applications.writable(call, PRINCIPALS_WRITE_ALL).owners


def _reference(call: Call) -> str:
    """The id of the object that the body refers to; it must be visible here, and one that can own something."""
    body = call.body()
    unknown = next((name for name in body if name != "@odata.id"), None)
    if unknown is not None:
        raise unknown_property(unknown, "directoryObject")
    match = _REFERENCE.fullmatch(body["@odata.id"]) if isinstance(body.get("@odata.id"), str) else None
    if match is None or not is_guid(match[1]):
        raise wrong_type("microsoft.graph.directoryObject")
    owner = match[1].lower()
    if owner in call.tenant.groups:
        raise refused("The reference target 'Group' of type 'Owner' is not supported as an owner.")
    if call.reader.user(owner) is None and principals.by_id(principals.visible(call), owner) is None:
        raise missing(owner)
    return owner
