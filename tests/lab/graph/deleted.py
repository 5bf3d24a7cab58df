# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deleted users: listed, restored within 30 days, or removed for good.

Source: the "List deletedItems", "Restore deleted directory object item" and "Permanently delete an item" pages of the
Graph reference, and the restore action of the v1.0 metadata document.
"""

from __future__ import annotations

from typing import Any

from ..addresses import calculate, is_owned_by_another, split
from ..index import bare_address, index_of
from ..state import User
from . import query
from .call import Answer, Call, done
from .changes import check_name
from .errors import missing, refused, syntax, taken, wrong_type
from .provisioning import licenses_changed
from .schema import USER
from .users import changed

_PARAMETERS = {"autoReconcileProxyConflict": bool, "newUserPrincipalName": str}


def list_deleted_users(call: Call) -> Answer:
    """GET /directory/deletedItems/microsoft.graph.user."""
    return query.collection(call, USER, call.tenant.deleted_users.values())


def refuse_without_cast(_call: Call) -> Answer:
    """GET /directory/deletedItems: the type is a required part of the address."""
    raise refused("The OData cast segment of the type of deleted items is required.")


def get_deleted(call: Call) -> Answer:
    """GET /directory/deletedItems/{id}."""
    body = {"@odata.type": "#microsoft.graph.user"}
    entity = USER.entity(call, _deleted(call))
    context = {"@odata.context": entity.pop("@odata.context")}
    return Answer(200, context | body | entity)


def purge(call: Call) -> Answer:
    """DELETE /directory/deletedItems/{id}: gone for good, with its mailbox."""
    del call.tenant.deleted_users[_deleted(call).id]
    return done()


def restore(call: Call) -> Answer:
    """POST /directory/deletedItems/{id}/restore: the same object, with licenses and mailbox, if its names are free."""
    user = _deleted(call)
    options = _options(call.optional_body())
    tenant = call.tenant
    name = options.get("newUserPrincipalName") or user.user_principal_name
    if name != user.user_principal_name:
        check_name(tenant, name, user)
    elif any(other is not user for other in index_of(tenant).find("upn", name)):
        raise taken("userPrincipalName")
    lost = [value for value in user.proxy_addresses if is_owned_by_another(tenant, split(value)[1], user)]
    if lost and not options.get("autoReconcileProxyConflict"):
        raise taken("proxyAddresses")
    _revive(call, user, name, lost)
    context = {"@odata.context": call.context("directoryObjects/$entity"), "@odata.type": "#microsoft.graph.user"}
    return Answer(200, context | USER.written(tenant, user, USER.default))


def _revive(call: Call, user: User, name: str, lost: list[str]) -> None:
    tenant = call.tenant
    del tenant.deleted_users[user.id]
    user.deleted_at = None
    user.user_principal_name = name
    user.proxy_addresses = [value for value in user.proxy_addresses if value not in lost]
    if user.mail and user.mail.lower() in {bare_address(value) for value in lost}:
        user.mail = None
    tenant.users[user.id] = user
    index_of(tenant).refresh(user.id)
    if user.licenses:
        licenses_changed(tenant, user)
    elif lost:
        calculate(tenant, user, None)
    changed(tenant, user)


def _options(body: dict[str, Any]) -> dict[str, Any]:
    for name, value in body.items():
        if name not in _PARAMETERS:
            raise syntax(
                f"The parameter '{name}' in the request payload is not a valid parameter for the operation 'restore'."
            )
        if value is not None and not isinstance(value, _PARAMETERS[name]):
            raise wrong_type("Boolean" if _PARAMETERS[name] is bool else "String")
    return body


def _deleted(call: Call) -> User:
    user = call.tenant.deleted_users.get(call.key.lower())
    if user is None:
        raise missing(call.key)
    return user
