# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GET, DELETE and the listing of users; what else hangs on one user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..index import index_of
from ..replicas import Reader, replicas_of
from ..state import Tenant, User
from . import query
from .call import Answer, Call, done
from .errors import GraphError, forbidden, missing, read_only, unknown_property, wrong_type
from .filters import Among, AnyOf, Compare, Joined, Node
from .permissions import MAILBOX_SETTINGS_READ
from .schema import USER

_PURPOSES = {
    "UserMailbox": "user",
    "SharedMailbox": "shared",
    "RoomMailbox": "room",
    "EquipmentMailbox": "equipment",
    "LinkedMailbox": "linked",
}


def seen(call: Call) -> User:
    """The user of the address, as this read sees it. Raises GraphError when it is not there (or not yet)."""
    name, value = call.keys[0]
    user = None
    if name == "id":
        user = call.reader.by_name(value) if "@" in value else call.reader.user(value.lower())
    elif name.lower() == "userprincipalname":
        user = call.reader.by_name(value)
    if user is None:
        raise missing(value)
    return user


def real(call: Call) -> User:
    """The user of the address as it truly is, for a write."""
    _unused, value = call.keys[0]
    user = call.tenant.users.get(value.lower()) or next(iter(index_of(call.tenant).find("upn", value)), None)
    if user is None:
        raise missing(value)
    return user


def changed(tenant: Tenant, user: User) -> None:
    """Announce a changed, new or removed user to the index and the replicas."""
    index_of(tenant).refresh(user.id)
    replicas = replicas_of(tenant)
    if replicas is not None:
        replicas.observe("users", user.id)


def get_user(call: Call) -> Answer:
    """GET /users/{id | userPrincipalName}."""
    return Answer(200, USER.entity(call, seen(call)))


def list_users(call: Call) -> Answer:
    """GET /users."""
    return query.collection(call, USER, call.reader.users(), lambda node: candidates(node, call.reader))


def count_users(call: Call) -> Answer:
    """GET /users/$count."""
    return query.count(call, list(call.reader.users()))


def candidates(node: Node, reader: Reader) -> list[User] | None:
    """The users that can fit a filter, found by name or address; None when only a pass over all would do."""
    if isinstance(node, Joined):
        return _joined_candidates(node, reader)
    if isinstance(node, AnyOf):
        inner = node.inner
        usable = node.path.lower() == "proxyaddresses" and isinstance(inner, Compare) and inner.operator == "eq"
        if not usable or not isinstance(inner, Compare) or not isinstance(inner.value, str):
            return None
        return reader.by_address(inner.value)
    values = node.values if isinstance(node, Among) else (node.value,) if node.operator == "eq" else None
    if values is None or not all(isinstance(value, str) for value in values):
        return None
    if node.path.lower() == "id":
        return _unique(reader.user(value.lower()) for value in values)
    if node.path.lower() == "userprincipalname":
        return _unique(reader.by_name(value) for value in values)
    return None


def _joined_candidates(node: Joined, reader: Reader) -> list[User] | None:
    if node.word == "not":
        return None
    parts = (candidates(part, reader) for part in node.parts)
    if node.word == "and":
        return next((part for part in parts if part is not None), None)
    found: list[User] = []
    for part in parts:
        if part is None:
            return None
        found += part
    return _unique(found)


def _unique(users: Iterable[User | None]) -> list[User]:
    return list({user.id: user for user in users if user is not None}.values())


def delete_user(call: Call) -> Answer:
    """DELETE /users/{id}: a soft delete; name and addresses are free for others at once.

    An application needs more than User.ReadWrite.All for the holder of a directory role (Graph, "Who can perform
    sensitive actions"); the lab's applications never have more.
    """
    return removed(call, real(call))


def holds_role(tenant: Tenant, user: User) -> bool:
    """Whether a user holds a directory role, himself or by a group that roles may be given to."""
    holders = {user.id, *(group.id for group in tenant.groups.values() if user.id in group.members)}
    return any(holders & set(role.members) for role in tenant.roles.values())


def removed(call: Call, user: User) -> Answer:
    """Delete a user softly, if the caller may."""
    if holds_role(call.tenant, user):
        raise forbidden()
    del call.tenant.users[user.id]
    user.deleted_at = call.tenant.clock.now()
    call.tenant.deleted_users[user.id] = user
    changed(call.tenant, user)
    return done()


def mailbox_user(call: Call) -> User:
    """The user of a call that Exchange answers behind Graph, with the errors that Exchange gives.

    Raises GraphError: 403 ErrorAccessDenied, 404 ErrorInvalidUser, 404 MailboxNotEnabledForRESTAPI.
    """
    if not call.permissions & MAILBOX_SETTINGS_READ:
        raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    try:
        user = seen(call)
    except GraphError:
        raise GraphError(404, "ErrorInvalidUser", f"The requested user '{call.key}' is invalid.") from None
    if user.mailbox is None:
        words = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
        raise GraphError(404, "MailboxNotEnabledForRESTAPI", words)
    return user


def user_purpose(call: Call) -> Answer:
    """GET /users/{id}/mailboxSettings/userPurpose: Graph's only view of the type of a mailbox."""
    user = mailbox_user(call)
    context = call.context(f"users('{call.key}')/mailboxSettings/userPurpose")
    return Answer(200, {"@odata.context": context, "value": _purpose(user)})


def mailbox_settings(call: Call) -> Answer:
    """GET /users/{id}/mailboxSettings, with what never changes here left at its defaults."""
    user = mailbox_user(call)
    body: dict[str, Any] = {"@odata.context": call.context(f"users('{call.key}')/mailboxSettings")}
    body |= {"archiveFolder": None, "timeZone": "W. Europe Standard Time", "dateFormat": "dd.MM.yyyy"}
    return Answer(200, body | {"timeFormat": "HH:mm", "userPurpose": _purpose(user)})


def _purpose(user: User) -> str:
    return _PURPOSES.get(user.mailbox.type_details, "others") if user.mailbox else "others"


def get_sync_behavior(call: Call) -> Answer:
    """GET /users/{id}/onPremisesSyncBehavior."""
    user = seen(call)
    context = call.context(f"users('{user.id}')/onPremisesSyncBehavior/$entity")
    return Answer(200, {"@odata.context": context, "id": user.id, "isCloudManaged": user.is_cloud_managed})


def set_sync_behavior(call: Call) -> Answer:
    """PATCH /users/{id}/onPremisesSyncBehavior: true makes the cloud ignore what AD says of the user."""
    user = real(call)
    body = {name: value for name, value in call.body().items() if not name.startswith("@")}
    unknown = next((name for name in body if name != "isCloudManaged"), None)
    if unknown is not None:
        raise read_only("id") if unknown == "id" else unknown_property(unknown, "onPremisesSyncBehavior")
    value = body.get("isCloudManaged", user.is_cloud_managed)
    if not isinstance(value, bool):
        raise wrong_type("Boolean")
    user.is_cloud_managed = value
    changed(call.tenant, user)
    return done()
