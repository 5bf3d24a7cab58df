# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the module for any pair of Get- and Set- of Exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_cases import Case
from contract_ground import Ground

from lab.exchange.client_access import cas_values, transport_values
from lab.exchange.settings import values

Look = Callable[[Ground], Any]
ORGANIZATION, TRANSPORT, REMOTE = "OrganizationConfig", "TransportConfig", "RemoteDomain"
SPAM = "HostedOutboundSpamFilterPolicy"
ONE_APP, OTHER_APP = "0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11", "4c9a1d7e-0b35-4f68-a2d1-6e8f93b7c502"
LATER = "PostponeRoamingSignaturesUntilLater"
NARROW = {"IsInternal": False, "AllowedOOFType": "External"}
INTERNAL = {"IsInternal": True, "AllowedOOFType": "InternalLegacy"}


def truth(ground: Ground, noun: str, name: str) -> dict[str, Any]:
    """What the tenant holds of an object."""
    if noun == TRANSPORT:
        return transport_values(ground.tenant)
    mailbox = ground.user(name).mailbox if noun in ("CASMailbox", "Mailbox") else None
    if mailbox is not None:
        return cas_values(ground.user(name)) if noun == "CASMailbox" else mailbox.extra
    return values(ground.tenant, noun, name)


def holds(noun: str, name: str, **expected: Any) -> Look:
    """The object has these values, and no other one was touched."""

    def look(ground: Ground) -> None:
        found = truth(ground, noun, name)
        assert {key: found.get(key) for key in expected} == expected
        touched = ground.tenant.exchange.settings.get(noun, {})
        assert set(touched) <= {name}
        assert set(touched.get(name, {})) <= set(expected)

    return look


def at_first(noun: str, **first: Any) -> Look:
    """What an object says before the test."""
    return lambda ground: ground.tenant.switches.update({"exchange_settings": {noun: first}})


def switched(noun: str = "", first: dict[str, Any] | None = None, **switches: Any) -> Look:
    """Another behavior of the service, and what an object says before the test."""
    more = {"exchange_settings": {noun: first}} if first else {}
    return lambda ground: ground.tenant.switches.update({**switches, **more})


def sets(title: str, noun: str, settings: dict[str, Any], /, identity: str = "", **more: Any) -> Case:
    """Settings of one object; where the truth is spelled otherwise it is said by C(held)."""
    held = more.pop("held", settings)
    name = identity.partition("@")[0]
    wish = {"object": noun, "settings": settings, **({"identity": identity} if identity else {})}
    return Case("exchange_settings", title, wish, proof=holds(noun, name, **held), **more)


def refuses(title: str, noun: str, settings: dict[str, Any], /, *said: str, identity: str = "", **more: Any) -> Case:
    """Settings that are refused."""
    wish = {"object": noun, "settings": settings, **({"identity": identity} if identity else {})}
    return Case("exchange_settings", title, wish, refused=said, **more)


CASES = [
    sets("roaming signatures later", ORGANIZATION, {LATER: True}),
    sets("another spelling of the name", ORGANIZATION, {LATER.upper(): True}, held={LATER: True}),
    sets("is so already", ORGANIZATION, {LATER: True, "AuditDisabled": False}, changes=False,
         prepare=at_first(ORGANIZATION, **{LATER: True})),
    sets("three states, no value", ORGANIZATION, {"EwsEnabled": None}, prepare=at_first(ORGANIZATION, EwsEnabled=True)),
    sets("three states, no value already", ORGANIZATION, {"EwsEnabled": None}, changes=False),
    sets("three states, false", ORGANIZATION, {"EwsEnabled": False}),
    sets("a size in another unit is the same", ORGANIZATION, {"DefaultPublicFolderMaxItemSize": "0.5 GB"}, changes=False,
         held={}, prepare=at_first(ORGANIZATION, DefaultPublicFolderMaxItemSize="512 MB (536,870,912 bytes)")),
    sets("a size with a fraction", ORGANIZATION, {"DefaultPublicFolderMaxItemSize": "49.5 GB"},
         held={"DefaultPublicFolderMaxItemSize": "49.5 GB (53,150,220,288 bytes)"}),
    sets("without a limit", ORGANIZATION, {"DefaultPublicFolderIssueWarningQuota": "unlimited"},
         held={"DefaultPublicFolderIssueWarningQuota": "Unlimited"}),
    sets("a time span", ORGANIZATION, {"ActivityBasedAuthenticationTimeoutInterval": "0.08:00:00"},
         held={"ActivityBasedAuthenticationTimeoutInterval": "08:00:00"}),
    sets("the same time span", ORGANIZATION, {"ActivityBasedAuthenticationTimeoutInterval": "0.06:00:00"}, held={},
         changes=False),
    sets("the applications of EWS", ORGANIZATION, {"EwsAllowedAppIDs": [OTHER_APP, ONE_APP]},
         held={"EwsAllowedAppIDs": f"{ONE_APP},{OTHER_APP}"}),
    sets("one more application of EWS, shown in a list", ORGANIZATION, {"EwsAllowedAppIDs": {"add": [ONE_APP]}},
         held={"EwsAllowedAppIDs": f"{ONE_APP},{OTHER_APP}"},
         prepare=switched(ORGANIZATION, {"EwsAllowedAppIDs": OTHER_APP.upper()}, exchange_app_ids_as_list=True)),
    sets("the same applications of EWS", ORGANIZATION, {"EwsAllowedAppIDs": [ONE_APP, OTHER_APP]}, held={},
         changes=False, prepare=at_first(ORGANIZATION, EwsAllowedAppIDs=f"{OTHER_APP},{ONE_APP}")),
    sets("no application of EWS", ORGANIZATION, {"EwsAllowedAppIDs": []}, held={"EwsAllowedAppIDs": None},
         prepare=at_first(ORGANIZATION, EwsAllowedAppIDs=ONE_APP)),
    sets("a part of a list", ORGANIZATION, {"EwsAllowList": {"add": ["c"], "remove": ["A"]}},
         held={"EwsAllowList": ["b", "c"]}, prepare=at_first(ORGANIZATION, EwsAllowList=["a", "b"])),
    sets("a list in another order", ORGANIZATION, {"EwsAllowList": ["B", "a"]}, held={}, changes=False,
         prepare=at_first(ORGANIZATION, EwsAllowList=["a", "b"])),
    sets("an empty list", ORGANIZATION, {"EwsAllowList": []}, held={"EwsAllowList": None},
         prepare=at_first(ORGANIZATION, EwsAllowList=["a"])),
    sets("shown late", ORGANIZATION, {"EwsEnabled": True}, prepare=switched(exchange_settings_lag=1)),
    sets("the transport of mail", TRANSPORT, {"MessageExpiration": "12:00:00", "MaxRecipientEnvelopeLimit": 500},
         held={"MessageExpiration": "12:00:00", "MaxRecipientEnvelopeLimit": "500"}),
    sets("the transport of mail already", TRANSPORT,
         {"MessageExpiration": "1.00:00:00", "JournalingReportNdrTo": None, "MaxRecipientEnvelopeLimit": "Unlimited"},
         held={}, changes=False),
    sets("nothing is forwarded", REMOTE, {"AutoForwardEnabled": False, "TNEFEnabled": False}, "Default"),
    sets("a text without a value", REMOTE, {"CharacterSet": None, "LineWrapSize": 132}, "Default",
         held={"CharacterSet": None, "LineWrapSize": "132"}),
    sets("one moves the other, in", REMOTE, {"AllowedOOFType": "InternalLegacy"}, "Default", held=INTERNAL),
    sets("one moves the other, out", REMOTE, {"IsInternal": False}, "Default",
         held={"IsInternal": False, "AllowedOOFType": "ExternalLegacy"}, prepare=at_first(REMOTE, **INTERNAL)),
    sets("both come to rest", REMOTE, NARROW, "Default", prepare=at_first(REMOTE, **INTERNAL)),
    sets("both come to rest, the other way", REMOTE, INTERNAL, "Default", prepare=at_first(REMOTE, **NARROW)),
    sets("both are so already", REMOTE, NARROW, "Default", held={}, changes=False),
    sets("an outbound spam policy, Off without quotes", SPAM, {"AutoForwardingMode": False, "RecipientLimitPerDay": 1000},
         "Default", held={"AutoForwardingMode": "Off", "RecipientLimitPerDay": 1000}),
    Case("exchange_settings", "a mailbox by an alias",
         {"object": "CASMailbox", "identity": "kontakt@contoso.example", "settings": {"ImapEnabled": False}},
         proof=holds("CASMailbox", "info", ImapEnabled=False)),
    sets("a mailbox's protocols", "CASMailbox", {"ImapEnabled": False, "SmtpClientAuthenticationDisabled": False},
         "info@contoso.example"),
    sets("a mailbox", "Mailbox", {"MessageCopyForSentAsEnabled": True, "CustomAttribute1": "Versand",
                                  "ForwardingSmtpAddress": "Archiv@partner.example"}, "info@contoso.example",
         held={"MessageCopyForSentAsEnabled": True, "CustomAttribute1": "Versand",
               "ForwardingSmtpAddress": "smtp:Archiv@partner.example"}),
    refuses("no such remote domain", REMOTE, {"AutoForwardEnabled": False}, "There is no such Exchange object", identity="Partner"),
    refuses("no such mailbox", "CASMailbox", {"ImapEnabled": False}, "There is no such Exchange object", identity="nirgends"),
    refuses("the name is not unique", "CASMailbox", {"ImapEnabled": False}, "The name is not unique", identity="Doppelt"),
    refuses("it is not shown", ORGANIZATION, {"EwsEnabled": True}, "does not show EwsEnabled", "Leave the parameter out",
            prepare=switched(exchange_unshown={ORGANIZATION: ["EwsEnabled"]})),
    refuses("it is shown in an unknown form", ORGANIZATION, {"MailTipsLargeAudienceThreshold": 5}, "shows", "'many'",
            prepare=switched(exchange_shown={ORGANIZATION: {"MailTipsLargeAudienceThreshold": "many"}})),
    refuses("the role does not reach it", ORGANIZATION, {"EwsEnabled": True}, "Get-OrganizationConfig",
            "Exchange Administrator",
            prepare=lambda ground: ground.fault("status", status=403, match={"cmdlet": "Get-OrganizationConfig"},
                                                times=None)),
]  # fmt: skip
