# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may run what: the token's app role opens the door, a directory role of the service principal says how far.

Measured in public (both grants are needed): no app role is a 401; the app role without a directory role that carries
Exchange rights is a 403, and so is a cmdlet outside the role; an unknown cmdlet looks the same. Role template ids:
Microsoft Learn, "Microsoft Entra built-in roles".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..state import Tenant
from .binding import CMDLETS

APP_ROLE = "Exchange.ManageAsApp"
APP_ROLE_V2 = "Exchange.ManageAsAppV2"

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"
EXCHANGE_RECIPIENT_ADMINISTRATOR = "31392ffb-586c-42d1-9346-e59415a2cc4e"
GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
HELPDESK_ADMINISTRATOR = "729827e3-9c14-49f7-bb1b-9608f156bbb8"

_ALL = frozenset(CMDLETS.values())
_READS = frozenset(name for name in _ALL if name.startswith("Get-"))
# Mailboxes and their permissions belong to the management role Mail Recipients; the transport configuration to
# Organization Transport Settings and service principals to Role Management, which recipient administrators lack. Which role
# has Set-SmimeConfig, no public source says; an Exchange administrator may run every cmdlet.
_ORGANIZATION = frozenset(
    {
        "Get-AcceptedDomain",
        "Get-HostedOutboundSpamFilterPolicy",
        "Get-OrganizationConfig",
        "Get-RemoteDomain",
        "Get-ServicePrincipal",
        "Get-SmimeConfig",
        "Get-TransportConfig",
        "New-ServicePrincipal",
        "Remove-ServicePrincipal",
        "Set-HostedOutboundSpamFilterPolicy",
        "Set-OrganizationConfig",
        "Set-RemoteDomain",
        "Set-SmimeConfig",
        "Set-TransportConfig",
    }
)
# Security roles and others are missing on purpose: they grant none of the cmdlets of this lab.
_GRANTS = {
    GLOBAL_ADMINISTRATOR: _ALL,
    EXCHANGE_ADMINISTRATOR: _ALL,
    EXCHANGE_RECIPIENT_ADMINISTRATOR: _ALL - _ORGANIZATION,
    GLOBAL_READER: _READS,
    HELPDESK_ADMINISTRATOR: _READS - _ORGANIZATION,
}


class Forbidden(Exception):
    """The 403 with a body of NUL bytes. C(reason) goes into x-ms-diagnostics, when there is one."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


def has_app_role(claims: Mapping[str, Any], app_role: str) -> bool:
    """Whether the token carries an app role."""
    return app_role in claims.get("roles", ())


def cmdlets_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """The cmdlets that the directory roles frozen in the token grant."""
    return frozenset().union(*(_GRANTS.get(template, frozenset()) for template in claims.get("wids", ())))


def refuse_while_spreading(tenant: Tenant) -> None:
    """Refuse the first calls after a grant: C(exchange_propagation_403) says how many are left."""
    left = tenant.switches.get("exchange_propagation_403", 0)
    if left > 0:
        tenant.switches["exchange_propagation_403"] = left - 1
        raise Forbidden("The role assignment of the caller is not effective yet.")


def cmdlet_for(claims: Mapping[str, Any], name: str) -> str:
    """The documented name of a cmdlet that the caller may run. Raises Forbidden when it may not, or there is none."""
    cmdlet = CMDLETS.get(name.lower())
    if cmdlet is None or cmdlet not in cmdlets_of(claims):
        raise Forbidden(f"The cmdlet {name} is not available to the caller.")
    return cmdlet
