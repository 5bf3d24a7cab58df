# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may sign in to a mailbox by SMTP or IMAP with a token, and what they may do there.

Rules: Microsoft Learn, "Authenticate an IMAP, POP or SMTP connection using OAuth". An application needs its application
permission in the token, a reference to its service principal in Exchange with the right object id, and FullAccess.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import tokens
from .exchange.identities import others_named, users_named
from .exchange.principals import reference_of
from .index import bare_address
from .state import Tenant, User
from .stores import MailboxGrant, SendAsGrant
from .world import World

# Host names as in public captures of the service.
HOST = "AB1PR01CA0042.eurprd01.prod.outlook.com"


class Refused(Exception):
    """A sign-in that fails; C(reason) is for tests and never leaves the lab."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Access:
    """Somebody who has signed in: to which mailbox, and as whom. C(trustees) are the ids that permissions are given to."""

    user: User
    claims: dict[str, Any]
    trustees: frozenset[str]
    delegated: bool

    @property
    def address(self) -> str:
        """The primary address of the mailbox."""
        return self.user.mail or self.user.user_principal_name

    @property
    def app_id(self) -> str:
        """The client id of the application."""
        return str(self.claims["appid"])


def decoded(response: bytes) -> tuple[str, str]:
    """Mailbox and token of a SASL XOAUTH2 response: base64 of C(user=X^Aauth=Bearer T^A^A). Raises Refused."""
    try:
        text = base64.b64decode(response, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Refused("malformed") from None
    parts = text.split("\x01")
    if len(parts) != 4 or parts[2:] != ["", ""] or not parts[0].lower().startswith("user="):
        raise Refused("malformed")
    scheme, _unused, token = parts[1].partition(" ")
    if scheme.lower() != "auth=bearer" or not token:
        raise Refused("malformed")
    return parts[0][len("user=") :], token


def sign_in(world: World, response: bytes, app_role: str, scope: str) -> Access:
    """Check a SASL XOAUTH2 response, all but the permissions on the mailbox. Raises Refused.

    app_role, scope: what the token must hold, for an application or for a user.
    """
    tenant = world.tenant
    name, token = decoded(response)
    try:
        claims = tokens.accepted(world, token, tokens.EXCHANGE)
    except tokens.Unauthorized as error:
        raise Refused(error.reason) from error
    delegated = "scp" in claims
    if (scope if delegated else app_role) not in claims["roles"]:
        raise Refused("permission")
    user = _mailbox(tenant, name)
    if delegated:
        return Access(user, claims, frozenset({str(claims["oid"])}), True)
    return Access(user, claims, frozenset({_reference(tenant, claims)}), False)


def _mailbox(tenant: Tenant, name: str) -> User:
    """The mailbox that an address or user principal name means; display names and ids mean none here."""
    for user in users_named(tenant, name):
        known = {user.user_principal_name.lower(), *map(bare_address, user.proxy_addresses)}
        if user.mailbox is not None and name.lower() in known:
            return user
    raise Refused("mailbox")


def _reference(tenant: Tenant, claims: dict[str, Any]) -> str:
    found = reference_of(tenant, str(claims["appid"]), str(claims["oid"]))
    if found is None or not _has_spread(tenant, found.created_at):
        raise Refused("service principal")
    return found.guid


def _has_spread(tenant: Tenant, since: datetime) -> bool:
    """Whether a registration or permission is old enough: switch smtp_permission_lag (seconds, none by default)."""
    lag = float(tenant.switches.get("smtp_permission_lag", 0))
    return (tenant.clock.now() - since).total_seconds() >= lag


def may_open(tenant: Tenant, access: Access) -> bool:
    """Whether the mailbox is the user's own, or FullAccess was given and not denied."""
    if access.user.id in access.trustees:
        return True
    grants = [one for one in tenant.exchange.mailbox_grants.get(access.user.id, []) if _concerns(tenant, access, one)]
    full = [one for one in grants if "FullAccess" in one.rights]
    return bool(full) and not any(one.deny for one in full)


def may_send_as(tenant: Tenant, access: Access, sender: str) -> bool:
    """Whether an address is one of the mailbox's own, or SendAs was given for it.

    Switch smtp_send_as_of: whose permission counts for another sender: C(mailbox) (default; Notifuse issue 250 on GitHub
    reports that a service principal's own is not enough) or C(either).
    """
    if sender.lower() in set(map(bare_address, access.user.proxy_addresses)):
        return True
    trustees = {access.user.id}
    if tenant.switches.get("smtp_send_as_of", "mailbox") == "either":
        trustees |= access.trustees
    holders = [user.id for user in users_named(tenant, sender)]
    holders += [item.id for item in others_named(tenant, sender)]
    grants = [grant for holder in holders for grant in tenant.exchange.send_as.get(holder, [])]
    return any(_reaches(tenant, trustees, grant) and _has_spread(tenant, grant.created_at) for grant in grants)


def _concerns(tenant: Tenant, access: Access, grant: MailboxGrant) -> bool:
    return _reaches(tenant, set(access.trustees), grant) and _has_spread(tenant, grant.created_at)


def _reaches(tenant: Tenant, trustees: set[str], grant: MailboxGrant | SendAsGrant) -> bool:
    """Whether a permission is given to one of the trustees, or to a group with it as a member."""
    group = tenant.groups.get(grant.trustee)
    return grant.trustee in trustees or (group is not None and bool(trustees & set(group.members)))


def next_fault(tenant: Tenant, switch: str, stage: str) -> str | None:
    """The reply of a fault that a switch has for a stage, if any; counts it.

    switch: its name; its value is a list of objects with C(stage), C(reply) and, if it is used up, C(times).
    """
    faults: list[dict[str, Any]] = tenant.switches.get(switch, [])
    for fault in faults:
        if fault.get("stage") == stage and fault.get("times", 1) > 0:
            if "times" in fault:
                fault["times"] -= 1
            return str(fault["reply"])
    return None
