# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configuration objects that are only read and changed: the organization, remote domains, outbound spam policies.

Source: Exchange PowerShell reference, Set-OrganizationConfig, Set-RemoteDomain, Set-HostedOutboundSpamFilterPolicy, and
what public outputs of the Get- cmdlets show. Set-RemoteDomain says of AllowedOOFType and IsInternal that a change of
the one to InternalLegacy makes the other true, and a change of that to false makes the first ExternalLegacy.

Switches of the tenant:

- C(exchange_settings) (object): noun -> what an object of it says at first, for example
  C({"OrganizationConfig": {"EwsEnabled": true}}).
- C(exchange_objects) (object): noun -> name -> what differs from its defaults; beside the built-in object Default.
- C(exchange_settings_lag): so many reads after a change still show an object as it was.
- C(exchange_shown) (object): noun -> property -> what Get- shows in the place of the truth.
- C(exchange_unshown) (object): noun -> properties that Get- leaves out.
- C(exchange_dehydrated): true or a list of parameters: Set-OrganizationConfig (or only these parameters) is refused
  until Enable-OrganizationCustomization was run. The service does so for "some" parameters.
- C(exchange_app_ids_as_list): EwsAllowedAppIDs is shown as a list whose one member holds the commas (observed), not
  as the text that it is documented to be.
- C(exchange_coupling_wins): of AllowedOOFType and IsInternal in one command, what IsInternal entails comes last; else
  what was given stays. Neither is documented.
"""

from __future__ import annotations

from typing import Any

from ..state import Tenant
from . import errors, rows
from .command import Command, Outcome
from .forms import changed, unmodified
from .wire import annotated, exchange_guid

ORGANIZATION, REMOTE, SPAM = "OrganizationConfig", "RemoteDomain", "HostedOutboundSpamFilterPolicy"
APP_IDS = "EwsAllowedAppIDs"
_NEUTRAL = frozenset({"Identity", "Confirm", "WhatIf", "Force"})

# What is played of each, with the value of an object that was never touched.
DEFAULTS: dict[str, dict[str, Any]] = {
    ORGANIZATION: {
        "ActivityBasedAuthenticationTimeoutInterval": "06:00:00",
        "AuditDisabled": False,
        "CustomerLockboxEnabled": False,
        "DefaultAuthenticationPolicy": None,
        "DefaultGroupAccessType": "Private",
        "DefaultPublicFolderIssueWarningQuota": "1.7 GB (1,825,361,920 bytes)",
        "DefaultPublicFolderMaxItemSize": "Unlimited",
        "DirectReportsGroupAutoCreationEnabled": False,
        "DisablePlusAddressInRecipients": False,
        "EwsAllowList": None,
        APP_IDS: None,
        "EwsApplicationAccessPolicy": None,
        "EwsBlockList": None,
        "EwsEnabled": None,
        "ExchangeAttributesCloudManagedByDefault": False,
        "FocusedInboxOn": None,
        "MailTipsAllTipsEnabled": True,
        "MailTipsExternalRecipientsTipsEnabled": False,
        "MailTipsLargeAudienceThreshold": 25,
        "MessageRecallEnabled": None,
        "OAuth2ClientProfileEnabled": True,
        "OnlineMeetingsByDefaultEnabled": None,
        "PostponeRoamingSignaturesUntilLater": False,
        "RejectDirectSend": False,
        "SendFromAliasEnabled": False,
    },
    REMOTE: {
        "AllowedOOFType": "External",
        "AutoForwardEnabled": True,
        "AutoReplyEnabled": True,
        "ByteEncoderTypeFor7BitCharsets": "Undefined",
        "CharacterSet": "iso-8859-1",
        "ContentType": "MimeHtmlText",
        "DeliveryReportEnabled": True,
        "DisplaySenderName": True,
        "IsInternal": False,
        "LineWrapSize": "Unlimited",
        "MeetingForwardNotificationEnabled": True,
        "NDREnabled": True,
        "NonMimeCharacterSet": "iso-8859-1",
        "TargetDeliveryDomain": False,
        "TNEFEnabled": None,
        "TrustedMailInboundEnabled": False,
        "TrustedMailOutboundEnabled": False,
        "UseSimpleDisplayName": False,
    },
    SPAM: {
        "ActionWhenThresholdReached": "BlockUserForToday",
        "AdminDisplayName": "",
        "AutoForwardingMode": "Automatic",
        "BccSuspiciousOutboundAdditionalRecipients": [],
        "BccSuspiciousOutboundMail": False,
        "NotifyOutboundSpam": False,
        "NotifyOutboundSpamRecipients": [],
        "RecipientLimitExternalPerHour": 0,
        "RecipientLimitInternalPerHour": 0,
        "RecipientLimitPerDay": 0,
    },
}
# Shown by Get-RemoteDomain, and written by nobody here.
_DOMAINS = {"Default": "*"}


def values(tenant: Tenant, noun: str, name: str = "") -> dict[str, Any]:
    """The truth of one object by parameter name; the organization has no name."""
    first = tenant.switches.get("exchange_settings", {}).get(noun, {})
    made = tenant.switches.get("exchange_objects", {}).get(noun, {}).get(name, {})
    found: dict[str, Any] = DEFAULTS[noun] | first | made | tenant.exchange.settings.get(noun, {}).get(name, {})
    return {key: value for key, value in found.items() if key in DEFAULTS[noun]}


def get_organization_config(command: Command) -> Outcome:
    """The one organization."""
    whole = bool(command.parameters.get("RetrieveEwsOperationAccessPolicy"))
    return Outcome([command.tenant], lambda tenant: _organization_row(tenant, whole))


def _organization_row(tenant: Tenant, whole: bool) -> dict[str, Any]:
    found = _seen(tenant, ORGANIZATION, "")
    if not whole:
        found.pop(APP_IDS, None)
    elif found.get(APP_IDS) and tenant.switches.get("exchange_app_ids_as_list"):
        found[APP_IDS] = [found[APP_IDS]]
    return rows.organization_row(tenant) | annotated(found)


def set_organization_config(command: Command) -> Outcome:
    """Change the organization, unless it still has its settings in the shared form."""
    forbidden = command.tenant.switches.get("exchange_dehydrated", False)
    if forbidden is True or (forbidden and set(forbidden) & set(command.parameters)):
        raise errors.dehydrated()
    return _set(command, ORGANIZATION, "", command.tenant.initial_domain)


def get_object(command: Command) -> Outcome:
    """One object, or without an identity all of them."""
    noun = command.cmdlet.partition("-")[2]
    names = [_named(command, noun)] if command.identity else list(_names(command.tenant, noun))
    return Outcome(names, lambda name: _row(command.tenant, noun, name))


def set_object(command: Command) -> Outcome:
    """Change one object."""
    if not command.identity:
        raise errors.bad_value("Identity", "The argument is null or empty.")
    noun = command.cmdlet.partition("-")[2]
    name = _named(command, noun)
    return _set(command, noun, name, name)


def _names(tenant: Tenant, noun: str) -> dict[str, str]:
    """The names of all objects, by all that they are known by (lower case)."""
    made = tenant.switches.get("exchange_objects", {}).get(noun, {})
    return {name: _guid(tenant, noun, name) for name in ("Default", *made)}


def _guid(tenant: Tenant, noun: str, name: str) -> str:
    return exchange_guid(f"{tenant.id} {noun} {name}")


def _named(command: Command, noun: str) -> str:
    text, known = command.identity.lower(), _names(command.tenant, noun)
    found = [name for name, guid in known.items() if text in (name.lower(), guid.lower())]
    if not found:
        raise errors.not_found(command.tenant, command.identity)
    return found[0]


def _row(tenant: Tenant, noun: str, name: str) -> dict[str, Any]:
    guid = exchange_guid(f"{tenant.id} {noun} {name}")
    named = {"Name": name, "Identity": name, "Id": name, "Guid": guid, "ExchangeObjectId": guid, "IsValid": True}
    if noun == REMOTE:
        made = tenant.switches.get("exchange_objects", {}).get(noun, {}).get(name, {})
        named["DomainName"] = made.get("DomainName", _DOMAINS.get(name, ""))
    if noun == SPAM:
        named |= {"IsDefault": name == "Default", "Enabled": True}
    return annotated(named | _seen(tenant, noun, name))


def _seen(tenant: Tenant, noun: str, name: str) -> dict[str, Any]:
    """An object as this read shows it: late, or spelled otherwise, where a switch says so."""
    former = tenant.exchange.settings_before.get(f"{noun} {name}")
    found = values(tenant, noun, name)
    if former is not None and former["reads"] > 0:
        former["reads"] -= 1
        found = former["values"]
    found = found | tenant.switches.get("exchange_shown", {}).get(noun, {})
    hidden = tenant.switches.get("exchange_unshown", {}).get(noun, ())
    return {key: value for key, value in found.items() if key not in hidden}


def _set(command: Command, noun: str, name: str, shown: str) -> Outcome:
    command.refuse_others(_NEUTRAL | frozenset(DEFAULTS[noun]))
    tenant = command.tenant
    before = values(tenant, noun, name)
    changes = changed(command, before, DEFAULTS[noun])
    if noun == REMOTE:
        changes = _coupled(tenant, changes)
    if command.parameters.get("Confirm") or command.parameters.get("WhatIf"):
        return Outcome(confirmation=f'Are you sure you want to perform this action? Setting "{shown}".')
    if not changes:
        return unmodified(shown)
    lag = int(tenant.switches.get("exchange_settings_lag", 0))
    tenant.exchange.settings_before[f"{noun} {name}"] = {"values": before, "reads": lag}
    tenant.exchange.settings.setdefault(noun, {}).setdefault(name, {}).update(changes)
    return Outcome()


def _coupled(tenant: Tenant, changes: dict[str, Any]) -> dict[str, Any]:
    """What a change of one of the two entails for the other."""
    given = dict(changes)
    entailed: dict[str, Any] = {}
    if changes.get("AllowedOOFType") == "InternalLegacy":
        entailed["IsInternal"] = True
    if changes.get("IsInternal") is False:
        entailed["AllowedOOFType"] = "ExternalLegacy"
    return given | entailed if tenant.switches.get("exchange_coupling_wins") else entailed | given
