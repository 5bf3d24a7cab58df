# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users that the cloud masters: read, made, changed, and given a password that is kept in a sink before they have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..domain import passwords
from ..domain import user_accounts as shape
from ..domain.secret_record import Record
from .applications import DELETED
from .errors import ServiceError
from .graph import Graph
from .members import found_user
from .sink_common import without_secrets
from .sinks import Services, reserved

State = dict[str, Any]
FORBIDDEN = 403


def account(services: Services, want: Mapping[str, Any]) -> State | None:
    """The state of a user; None when Graph says that there is none. Raises ServiceError."""
    user = found_user(services.graph, want["user"], shape.PROPERTIES)
    record = _record(services, want, str(user["userPrincipalName"] if user else want["user"]))
    if user is None:
        return None
    roles = _roles(services.graph, user["id"]) if want["roles"] is not None else None
    return shape.state_of(user, roles, passwords.standing(record, user) if record else None)


def _record(services: Services, want: Mapping[str, Any], name: str) -> Record | None:
    """What the sink holds, which must be nothing or this user's; None without a sink."""
    if want["sink"] is None or want["state"] == "absent":
        return None
    sink = reserved(services, want["sink"], want["user"])
    record = sink.read()
    other = passwords.stranger(record, name)
    if other:
        raise ServiceError(
            f"{sink.where} holds the secret of another user or application, {other}.",
            advice="Give each password a sink of its own.",
        )
    return record


def _roles(graph: Graph, user_id: str) -> list[str]:
    """The directory roles that a user holds, himself or by a group; without a permission for roles, their ids."""
    held = graph.list(f"/users/{user_id}/transitiveMemberOf/microsoft.graph.directoryRole")
    return sorted(str(role.get("displayName") or role["id"]) for role in held)


def deleted(graph: Graph, name: str) -> str:
    """When a user of this principal name was deleted that could be restored; empty when there is none.

    Such a user's principal name begins with its id (Microsoft Graph, "Restore deleted directory object item").
    """
    rows = graph.list(f"{DELETED}user", select="id,userPrincipalName,deletedDateTime")
    for row in rows:
        prefix = str(row["id"]).replace("-", "")
        if str(row.get("userPrincipalName")).lower() == f"{prefix}{name}".lower():
            return str(row.get("deletedDateTime"))[:10]
    return ""


def make(services: Services, want: Mapping[str, Any], fields: Sequence[str], after: State) -> None:
    """Make a user whose password is in the sink before. Raises ServiceError."""
    told = shape.body(fields, after) | {"userPrincipalName": after["user_principal_name"]}
    told |= {"accountEnabled": after["account_enabled"]}

    def send(profile: Mapping[str, Any]) -> None:
        services.graph.create("/users", {**told, "passwordProfile": profile})

    _kept(services, want, after["user_principal_name"], send)


def save(services: Services, want: Mapping[str, Any], fields: Sequence[str], after: State) -> None:
    """Change a user, and give it a new password where the one in the sink may not be its own. Raises ServiceError."""
    graph, path = services.graph, f"/users/{after['id']}"
    told = shape.body(fields, after)
    if told:
        graph.update(path, told, fresh=True)

    def send(profile: Mapping[str, Any]) -> None:
        """Sent again where the answer is lost: the same password once more does no harm."""
        body = {"passwordProfile": profile}
        try:
            graph.update(path, body, fresh=True)
        except ServiceError as error:
            if not error.ambiguous:
                raise _explained(error) from error
            _sent_again(graph, path, body)

    if "password" in fields:
        _kept(services, want, after["user_principal_name"], send)


def _sent_again(graph: Graph, path: str, body: Mapping[str, Any]) -> None:
    """Send a password whose first answer was lost. A refusal now says nothing of the first time, so it stays open."""
    try:
        graph.update(path, body, fresh=True)
    except ServiceError as error:
        raise ServiceError(
            error.said,
            meaning="Whether the user has the new password is not known; it waits in the sink.",
            advice="Run it again: the same password is given once more.",
            status=error.status,
            code=error.code,
            request_id=error.request_id,
            ambiguous=True,
        ) from error


def _explained(error: ServiceError) -> ServiceError:
    """A refusal of a new password with its reason (Microsoft Graph, "Update user", permissions)."""
    if error.status != FORBIDDEN:
        return error
    return ServiceError(
        error.said,
        meaning="A new password for a user that is there needs the permission User-PasswordProfile.ReadWrite.All; for one "
        "who holds an administrative role, an administrative role of the application as well.",
        advice="Grant it as an application permission with admin consent, or set update_password to on_create.",
        status=error.status,
        code=error.code,
        request_id=error.request_id,
    )


def _kept(services: Services, want: Mapping[str, Any], name: str, send: Callable[[Mapping[str, Any]], None]) -> None:
    """Note a password in the sink, give it to Entra ID, and note that it was taken.

    A run that is ended in between leaves it waiting in the sink; the next one gives it to Entra ID again.
    """
    sink, graph = reserved(services, want["sink"], want["user"]), services.graph
    before = sink.read()
    password = passwords.waiting(before, name, graph.now())
    noted = Record(before.current, password)
    sink.write(noted)
    try:
        with without_secrets(noted):
            send({"password": password.value, "forceChangePasswordNextSignIn": False})
    except ServiceError as error:
        if not error.ambiguous:
            # What waited before may be in use; what was made for this attempt is not.
            sink.write(before)
        raise
    sink.write(passwords.taken(password, graph.now()))
