# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Set-CASMailbox, and the transport configuration: which protocols are open, and whether SMTP AUTH is.

Source: Exchange PowerShell reference, Set-CASMailbox and Set-TransportConfig. C(SmtpClientAuthenticationDisabled) of a
mailbox is true, false or null; null takes what the organization says, and an organization made after January 2020
says true (Microsoft Learn, "Enable or disable authenticated client SMTP submission").

Switch of the tenant: C(exchange_transport) (object): what the transport configuration says at first.
"""

from __future__ import annotations

from typing import Any

from ..state import Tenant, User
from . import errors
from .command import Command, Outcome
from .forms import changed, unmodified
from .identities import single, users_named
from .views import note_write
from .wire import annotated

SMTP_AUTH = "SmtpClientAuthenticationDisabled"
_NEUTRAL = frozenset({"Identity", "Confirm", "WhatIf", "Force"})
# What Set-CASMailbox may write, with the value of a mailbox never touched; only where that is null, null is taken.
CAS: dict[str, Any] = {
    SMTP_AUTH: None,
    "ActiveSyncEnabled": True,
    "OWAEnabled": True,
    "OWAforDevicesEnabled": True,
    "PopEnabled": True,
    "ImapEnabled": True,
    "MAPIEnabled": True,
    "MacOutlookEnabled": None,
    "OneWinNativeOutlookEnabled": None,
    "OutlookMobileEnabled": None,
    "UniversalOutlookEnabled": None,
    "PublicFolderClientAccess": False,
    "EwsEnabled": None,
    "EwsAllowOutlook": None,
    "EwsAllowMacOutlook": None,
    "EwsAllowEntourage": None,
    "EwsApplicationAccessPolicy": None,
    "EwsAllowList": None,
    "EwsBlockList": None,
    "ActiveSyncMailboxPolicy": "Default",
    "OwaMailboxPolicy": "OwaMailboxPolicy-Default",
}
# The same for Set-TransportConfig.
TRANSPORT: dict[str, Any] = {
    SMTP_AUTH: True,
    "AllowLegacyTLSClients": None,
    "AddressBookPolicyRoutingEnabled": False,
    "ClearCategories": True,
    "ConvertDisclaimerWrapperToEml": False,
    "DSNConversionMode": "UseExchangeDSNs",
    "ExternalDelayDsnEnabled": True,
    "ExternalDsnDefaultLanguage": None,
    "ExternalDsnLanguageDetectionEnabled": True,
    "ExternalDsnReportingAuthority": None,
    "ExternalDsnSendHtml": True,
    "ExternalPostmasterAddress": None,
    "HeaderPromotionModeSetting": "NoCreate",
    "InternalDelayDsnEnabled": True,
    "InternalDsnDefaultLanguage": None,
    "InternalDsnLanguageDetectionEnabled": True,
    "InternalDsnReportingAuthority": None,
    "InternalDsnSendHtml": True,
    "JournalMessageExpirationDays": 0,
    "JournalingReportNdrTo": "<>",
    "MaxRecipientEnvelopeLimit": "Unlimited",
    "MessageExpiration": "1.00:00:00",
    "PreventDuplicateJournalingEnabled": False,
    "ReplyAllStormBlockDurationHours": 4,
    "ReplyAllStormDetectionMinimumRecipients": 2500,
    "ReplyAllStormDetectionMinimumReplies": 10,
    "ReplyAllStormProtectionEnabled": True,
    "Rfc2231EncodingEnabled": False,
    "VoicemailJournalingEnabled": True,
}


def cas_values(user: User) -> dict[str, Any]:
    """The client access settings of a user's mailbox by parameter name."""
    written = user.mailbox.extra if user.mailbox else {}
    return {name: written.get(name, value) for name, value in CAS.items()}


def transport_values(tenant: Tenant) -> dict[str, Any]:
    """The transport configuration by parameter name."""
    first: dict[str, Any] = tenant.switches.get("exchange_transport", {})
    return TRANSPORT | first | tenant.exchange.transport


def set_cas_mailbox(command: Command) -> Outcome:
    """Change the client access settings of one mailbox, synchronized or not; nothing to change is a warning."""
    if not command.identity:
        raise errors.bad_value("Identity", "The argument is null or empty.")
    command.refuse_others(_NEUTRAL | frozenset(CAS))
    tenant = command.tenant
    found = users_named(tenant, command.identity)
    user = single(tenant, command.identity, found, lambda one: one.mailbox is not None)
    before = cas_values(user)
    changes = changed(command, before, CAS)
    if command.parameters.get("Confirm") or command.parameters.get("WhatIf"):
        return Outcome(confirmation=f'Are you sure you want to perform this action? Setting CAS mailbox "{user.id}".')
    if not changes:
        return unmodified(user.id)
    note_write(tenant, user, command.anchor)
    if SMTP_AUTH in changes:
        tenant.exchange.smtp_auth_before[user.id] = (before[SMTP_AUTH], tenant.clock.now())
    extra = user.mailbox.extra if user.mailbox else {}
    for name, value in changes.items():
        if value == CAS[name]:
            extra.pop(name, None)
        else:
            extra[name] = value
    return Outcome()


def get_transport_config(command: Command) -> Outcome:
    """The one transport configuration of the organization; it takes no identity."""
    return Outcome([command.tenant], _transport_row)


def _transport_row(tenant: Tenant) -> dict[str, Any]:
    named = {"Name": "Transport Settings", "Identity": "Transport Settings", "Id": "Transport Settings"}
    return annotated(named | {"AdminDisplayName": "", "IsValid": True} | transport_values(tenant))


def set_transport_config(command: Command) -> Outcome:
    """Change the transport configuration; nothing to change is a warning."""
    command.refuse_others(_NEUTRAL | frozenset(TRANSPORT))
    tenant = command.tenant
    before = transport_values(tenant)
    changes = changed(command, before, TRANSPORT)
    if command.parameters.get("Confirm") or command.parameters.get("WhatIf"):
        return Outcome(confirmation="Are you sure you want to perform this action? Setting the transport settings.")
    if not changes:
        return unmodified("Transport Settings")
    if SMTP_AUTH in changes:
        tenant.exchange.smtp_auth_before["organization"] = (before[SMTP_AUTH], tenant.clock.now())
    tenant.exchange.transport |= changes
    return Outcome()


def smtp_auth_disabled(tenant: Tenant, user: User) -> str | None:
    """Who has SMTP AUTH turned off for a mailbox: C(Mailbox), C(Tenant), or None when it is on.

    Switch smtp_settings_lag: seconds until a change of either setting takes effect (none by default).
    """
    own = _in_effect(tenant, user.id, cas_values(user)[SMTP_AUTH])
    if own is not None:
        return "Mailbox" if own else None
    return "Tenant" if _in_effect(tenant, "organization", transport_values(tenant)[SMTP_AUTH]) else None


def _in_effect(tenant: Tenant, holder: str, value: bool | None) -> bool | None:
    before = tenant.exchange.smtp_auth_before.get(holder)
    lag = float(tenant.switches.get("smtp_settings_lag", 0))
    if before is not None and (tenant.clock.now() - before[1]).total_seconds() < lag:
        return before[0]
    return value
