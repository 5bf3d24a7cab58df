# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From one call (a request, or a member of a batch) to its answer, whichever way it came in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..graph.provisioning import settle
from ..state import Tenant
from . import client_access, errors, paging, permissions, principals, reading, settings, smime, writing
from .access import cmdlet_for
from .binding import bind
from .command import Command, Outcome
from .errors import CmdletError
from .wire import selected

_HANDLERS: dict[str, Callable[[Command], Outcome]] = {
    "Add-MailboxPermission": permissions.add_mailbox_permission,
    "Add-RecipientPermission": permissions.add_recipient_permission,
    "Get-AcceptedDomain": reading.get_accepted_domain,
    "Get-CASMailbox": reading.get_cas_mailbox,
    "Get-DistributionGroupMember": reading.get_distribution_group_member,
    "Get-Mailbox": reading.get_mailbox,
    "Get-MailboxPermission": permissions.get_mailbox_permission,
    "Get-HostedOutboundSpamFilterPolicy": settings.get_object,
    "Get-MailboxStatistics": reading.get_mailbox_statistics,
    "Get-OrganizationConfig": settings.get_organization_config,
    "Get-Recipient": reading.get_recipient,
    "Get-RecipientPermission": permissions.get_recipient_permission,
    "Get-RemoteDomain": settings.get_object,
    "Get-ServicePrincipal": principals.get_service_principal,
    "Get-SmimeConfig": smime.get_smime_config,
    "Get-TransportConfig": client_access.get_transport_config,
    "Get-User": reading.get_user,
    "New-ServicePrincipal": principals.new_service_principal,
    "Remove-MailboxPermission": permissions.remove_mailbox_permission,
    "Remove-RecipientPermission": permissions.remove_recipient_permission,
    "Remove-ServicePrincipal": principals.remove_service_principal,
    "Set-CASMailbox": client_access.set_cas_mailbox,
    "Set-HostedOutboundSpamFilterPolicy": settings.set_object,
    "Set-Mailbox": writing.set_mailbox,
    "Set-OrganizationConfig": settings.set_organization_config,
    "Set-RemoteDomain": settings.set_object,
    "Set-SmimeConfig": smime.set_smime_config,
    "Set-TransportConfig": client_access.set_transport_config,
}


@dataclass(frozen=True)
class Call:
    """What arrived. C(headers) has lower-case names; C(url) is without its query; C(claims) are the token's.

    C(allowed) limits cmdlets and their parameters to those named (lower case), as version 2.0 does; None: no limit.
    """

    tenant: Tenant
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    claims: Mapping[str, Any]
    allowed: Mapping[str, frozenset[str]] | None = None

    @property
    def anchor(self) -> str | None:
        """The mailbox that steers the call to a back end, or None."""
        return self.headers.get("x-anchormailbox") or None


@dataclass
class Reply:
    """Status, body (JSON) and headers of an answer. A body of None is none at all."""

    status: int
    body: dict[str, Any] | None
    headers: dict[str, str] = field(default_factory=dict)


def answer(call: Call) -> Reply:
    """Run the command of a call. Raises Forbidden for the 403 that has no JSON."""
    settle(call.tenant)
    try:
        return _answered(call)
    except CmdletError as error:
        headers = {"x-ExceptionType": error.exception, "x-ExceptionTargetType": "None"}
        return Reply(error.status, error.body(), headers)


def _answered(call: Call) -> Reply:
    name, given = parsed(call.body)
    cmdlet = cmdlet_for(call.claims, name)
    if call.allowed is not None:
        _check_allowed(call.allowed, cmdlet, given)
    token = call.query.get("$skiptoken")
    if token is not None:
        page = paging.resume(call.tenant, token, call.anchor, call.body)
        return _page(call, page.outcome, page.offset)
    command = Command(call.tenant, cmdlet, bind(cmdlet, given), call.anchor)
    return _page(call, _HANDLERS[cmdlet](command), 0)


def parsed(body: bytes) -> tuple[str, dict[str, Any]]:
    """Cmdlet and parameters of an envelope, whose keys are case-sensitive. Raises CmdletError."""
    try:
        content = json.loads(body)
    except ValueError:
        raise errors.malformed("The request body is not valid JSON.") from None
    command = content.get("CmdletInput") if isinstance(content, dict) else None
    if not isinstance(command, dict):
        raise errors.malformed("The parameter 'CmdletInput' is missing in the request payload.")
    name, parameters = command.get("CmdletName"), command.get("Parameters")
    if not isinstance(name, str) or not name:
        raise errors.malformed("The property 'CmdletName' of 'CmdletInput' is missing.")
    if not isinstance(parameters, dict):
        raise errors.malformed("The property 'Parameters' of 'CmdletInput' must be an object, not null.")
    return name, parameters


def _check_allowed(allowed: Mapping[str, frozenset[str]], cmdlet: str, given: dict[str, Any]) -> None:
    parameters = allowed.get(cmdlet)
    if parameters is None:
        raise errors.malformed(f"The cmdlet '{cmdlet}' is not supported by this endpoint.")
    refused = [name for name in given if name.lower() not in parameters and not name.endswith("@odata.type")]
    if refused:
        raise errors.unknown_parameter(refused)


def _page(call: Call, outcome: Outcome, offset: int) -> Reply:
    size = _page_size(call.headers.get("prefer", ""))
    end = offset + size
    rows = [outcome.row(item) for item in outcome.items[offset:end]]
    chosen = call.query.get("$select")
    if chosen:
        names = frozenset(name.strip().lower() for name in chosen.split(","))
        rows = [selected(row, names) for row in rows]
    body: dict[str, Any] = {
        "@odata.context": f"{call.url.rpartition('/')[0]}/$metadata#Collection(Exchange.GenericHashTable)",
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": outcome.warnings,
        "value": rows,
    }
    if outcome.confirmation is not None:
        body["@adminapi.confirmationmessage"] = outcome.confirmation
    if end < len(outcome.items):
        token = paging.keep(call.tenant, outcome, end, call.anchor, call.body)
        select = f"%24select={chosen}&" if chosen else ""
        body["@odata.nextLink"] = f"{call.url}?{select}%24skiptoken={token}"
    headers = (
        {"Preference-Applied": f"odata.maxpagesize={size}"} if "maxpagesize" in call.headers.get("prefer", "") else {}
    )
    return Reply(200, body, headers)


def _page_size(prefer: str) -> int:
    """The page size asked for by C(Prefer: odata.maxpagesize=N), never above the service's own."""
    for part in prefer.replace(",", ";").split(";"):
        name, _unused, value = part.strip().partition("=")
        if name.strip().lower() == "odata.maxpagesize" and value.strip().isdigit() and int(value) > 0:
            return min(int(value), paging.MOST)
    return paging.MOST
