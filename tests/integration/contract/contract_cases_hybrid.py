# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules that work on Active Directory with an eye on the tenant."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from contract_cases import Case, Options
from contract_cases_directory import has
from contract_ground import ONE, STOCK, Ground

X500 = "X500:/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=anna"
OTHERS = [X500, "SIP:anna@contoso.example", "EUM:1234;phone-context=contoso.example"]
HELD = ["SMTP:anna@contoso.example", "smtp:a.schaefer@contoso.example", *OTHERS]
ANCHOR = uuid.UUID("8d2b6c1e-4f7a-4e93-b05d-91c6a3e8f720")
Look = Callable[[Ground], Any]


def addressed(*addresses: str, mail: str | None = "anna@contoso.example") -> Look:
    """The account C(anna) with these addresses before the test."""
    given: dict[str, Any] = {"proxyAddresses": list(addresses)} if addresses else {}
    return lambda ground: ground.add_account("anna", given | ({"mail": mail} if mail else {}))


def comes_to(
    title: str, options: Options, *addresses: str, mail: str | None = "anna@contoso.example", **more: Any
) -> Case:
    """Addresses that come out as asked for."""
    more.setdefault("prepare", addressed(*HELD))
    return Case("ad_proxyaddress", title, {"user": "anna", **options},
                proof=has("anna", proxyAddresses=list(addresses), mail=mail), **more)  # fmt: skip


ANNA = addressed(*HELD)


def refused(title: str, options: Options, *said: str, prepare: Look = ANNA) -> Case:
    """Addresses that are refused."""
    return Case("ad_proxyaddress", title, {"user": "anna", **options}, prepare=prepare, refused=said)


def joined(ground: Ground) -> Any:
    """The account C(anna) is that of the cloud user C(info); gives that user."""
    ground.add_account("anna", {"proxyAddresses": HELD, "mS-DS-ConsistencyGuid": [ANCHOR.bytes_le]})
    user = ground.user("info")
    user.on_premises_sync_enabled = True
    user.on_premises_immutable_id = "HmwrjXpPk06wXZHGo+j3IA=="
    return user


def mastered_as_a_whole(ground: Ground) -> None:
    """The cloud masters the joined user."""
    joined(ground).is_cloud_managed = True


def mastered_by_exchange(ground: Ground) -> None:
    """The cloud masters the Exchange attributes of the joined user."""
    joined(ground).mailbox.is_exchange_cloud_managed = True


MANY = [f"smtp:viele{number:03}@contoso.example" for number in range(331)]
ADDRESSES = [
    comes_to("a first one", {"primary": "anna@contoso.example", "align_mail": True}, "SMTP:anna@contoso.example",
             prepare=addressed(mail=None)),
    comes_to("an alias becomes primary", {"primary": "a.schaefer@contoso.example", "align_mail": True},
             "smtp:anna@contoso.example", "SMTP:a.schaefer@contoso.example", *OTHERS, mail="a.schaefer@contoso.example"),
    comes_to("a new primary, mail left alone", {"primary": "neu@contoso.example"},
             "SMTP:neu@contoso.example", "smtp:anna@contoso.example", "smtp:a.schaefer@contoso.example", *OTHERS),
    comes_to("exactly these, of their type", {"aliases": {"set": ["b@contoso.example", "smtp:c@contoso.example"]}},
             "SMTP:anna@contoso.example", "smtp:b@contoso.example", "smtp:c@contoso.example", *OTHERS),
    comes_to("no alias", {"aliases": {"set": []}}, "SMTP:anna@contoso.example", *OTHERS),
    comes_to("one more, one less", {"aliases": {"add": ["b@contoso.example"], "remove": ["A.Schaefer@CONTOSO.example"]}},
             "SMTP:anna@contoso.example", "smtp:b@contoso.example", *OTHERS),
    comes_to("another type named", {"aliases": {"add": ["sip:zweite@contoso.example"], "remove": [X500.lower()]}},
             "SMTP:anna@contoso.example", "smtp:a.schaefer@contoso.example", *OTHERS[1:], "sip:zweite@contoso.example"),
    comes_to("only mail", {"align_mail": True}, *HELD, prepare=addressed(*HELD, mail="alt@contoso.example")),
    comes_to("is so already", {"primary": "ANNA@contoso.example", "aliases": {"add": ["A.Schaefer@contoso.example"]}},
             *HELD, changes=False),
    comes_to("a malformed one is removed", {"aliases": {"remove": ["smtp:kein at"]}}, "SMTP:anna@contoso.example",
             prepare=addressed("SMTP:anna@contoso.example", "smtp:kein at")),
    comes_to("as many as there may be", {"aliases": {"add": ["letzte@contoso.example"]}}, "SMTP:anna@contoso.example", *MANY,
             "smtp:letzte@contoso.example", prepare=addressed("SMTP:anna@contoso.example", *MANY)),
    comes_to("no tenant asked", {"primary": "neu@contoso.example", "verify_authority": False, "aliases": {"set": []}},
             "SMTP:neu@contoso.example", *OTHERS),
    comes_to("the joined user is mastered by the directory", {"aliases": {"add": ["b@contoso.example"]}}, *HELD,
             "smtp:b@contoso.example", prepare=joined, mail=None),
    refused("the cloud masters the account", {"aliases": {"add": ["b@contoso.example"]}}, "isCloudManaged",
            "Change the addresses in Exchange Online", prepare=mastered_as_a_whole),
    refused("Exchange Online masters the addresses", {"aliases": {"add": ["b@contoso.example"]}}, "IsExchangeCloudManaged",
            "hand them back to the directory", prepare=mastered_by_exchange),
    refused("taken by a contact", {"aliases": {"add": ["Belegt@contoso.example"]}},
            f"smtp:Belegt@contoso.example belongs to CN=Alter Kontakt,{STOCK}", "once in the forest"),
    refused("taken as somebody's user principal name", {"primary": "svc-ansible@corp.contoso.example"},
            "belongs to CN=svc-ansible"),
    refused("the primary would be lost", {"aliases": {"remove": ["anna@contoso.example"]}},
            "anna@contoso.example is the primary address"),
    refused("wanted and not wanted", {"aliases": {"add": ["b@contoso.example"], "remove": ["B@contoso.example"]}},
            "both wanted and to be removed"),
    refused("no primary among aliases", {"aliases": {"add": ["b@contoso.example"]}}, "name the primary address",
            prepare=addressed()),
    refused("one too many", {"aliases": {"add": ["x@contoso.example", "y@contoso.example"]}},
            "there would be 334 addresses; 333 is the maximum", prepare=addressed("SMTP:anna@contoso.example", *MANY)),
    refused("no such account", {"user": "niemand@contoso.example", "primary": "x@contoso.example"}, "There is no such account"),
]  # fmt: skip


def synchronized(ground: Ground) -> None:
    """An account that has come to the cloud."""
    pending(ground)
    ground.sync()


def pending(ground: Ground) -> None:
    """An account that the cloud does not know as its own yet."""
    held = {"proxyAddresses": ["SMTP:info@contoso.example", "smtp:neu@contoso.example"], "displayName": "Auskunft"}
    ground.add_account("info", held)


def stale(ground: Ground) -> None:
    """An account that was changed after it had come to the cloud."""
    synchronized(ground)
    ground.modify(f"CN=info,{ONE}", displayName=["Neue Auskunft"])


SYNC = [
    Case("directory_sync", "has arrived", {"user": "info@contoso.example"}, prepare=synchronized, changes=False),
    Case("directory_sync", "has arrived as far as asked for", {"user": "info", "attributes": ["proxyAddresses"]},
         prepare=stale, changes=False),
    Case("directory_sync_cycle", "the last one", {}, changes=False),
    Case("directory_sync_cycle", "one since", {"after": "2026-01-01T00:00:00Z"}, changes=False),
]  # fmt: skip


def blocked(ground: Ground) -> None:
    """Nothing of the license is left."""
    ground.tenant.skus["4b9405b0-7788-4568-add1-99614e613b69"].enabled = 1


ONBOARDING = [
    Case("mailbox_onboarding_info", title, {"mailbox": name, "license": "EXCHANGESTANDARD", "ou": ONE}, changes=False, **more)
    for title, name, more in (
        ("nothing in the way", "info@contoso.example", {}),
        ("one of everything", "service@contoso.example", {"prepare": blocked}),
        ("mastered by Active Directory", "lager@contoso.example", {}),
        ("none", "niemand@contoso.example", {}),
    )
]  # fmt: skip

CASES = [*ADDRESSES, *SYNC, *ONBOARDING]
