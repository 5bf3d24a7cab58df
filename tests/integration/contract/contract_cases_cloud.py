# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules that work on Entra ID and Exchange Online."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_cases import Case, Options
from contract_ground import Ground

from lab.state import License

EXCHANGE_1 = "4b9405b0-7788-4568-add1-99614e613b69"
E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
VISIO = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
TEAMS, YAMMER = "57ff2da0-773e-42df-b2af-ffb7a2317929", "7547a3fe-08ee-4ccb-b430-5077c5041653"
Look = Callable[[Ground], Any]


def has_type(name: str, type_details: str) -> Look:
    """The mailbox has the type and is still the same mailbox."""

    def look(ground: Ground) -> None:
        held, fresh = ground.user(name).mailbox, ground.scenario
        assert held is not None
        assert held.type_details == type_details
        assert fresh.source in ground.scenario.source

    return look


def mailbox(name: str, **values: Any) -> Look:
    """Set fields of a mailbox before the test."""

    def change(ground: Ground) -> None:
        for field, value in values.items():
            setattr(ground.user(name).mailbox, field, value)

    return change


def converts(title: str, name: str, wanted: str, details: str, **more: Any) -> Case:
    """A conversion that happens."""
    options = {"mailbox": f"{name}@contoso.example", "type": wanted, **more.pop("options", {})}
    return Case("mailbox_type", title, options, proof=has_type(name, details), **more)


def stays(title: str, name: str, wanted: str, *said: str, **more: Any) -> Case:
    """A conversion that is refused."""
    options = {"mailbox": f"{name}@contoso.example", "type": wanted, **more.pop("options", {})}
    return Case("mailbox_type", title, options, refused=said, **more)


def by_guid(ground: Ground) -> Options:
    """The room named by its mailbox GUID, in capitals."""
    held = ground.user("raum").mailbox
    assert held is not None
    return {"mailbox": held.guid.upper(), "type": "shared"}


TYPES = [
    converts("shared to user, with a license", "vertrieb", "user", "UserMailbox"),
    converts("user to shared", "anna.schaefer", "shared", "SharedMailbox"),
    converts("shared to room", "info", "room", "RoomMailbox"),
    converts("room to equipment", "raum", "equipment", "EquipmentMailbox"),
    converts("equipment to shared", "messwagen", "shared", "SharedMailbox"),
    converts("no license, and none asked for", "info", "user", "UserMailbox", options={"require_license": False}),
    Case("mailbox_type", "named by an alias", {"mailbox": "kontakt@contoso.example", "type": "room"},
         proof=has_type("info", "RoomMailbox")),
    Case("mailbox_type", "named by its GUID", by_guid, proof=has_type("raum", "SharedMailbox")),
    converts("is so already", "raum", "room", "RoomMailbox", changes=False),
    converts("is so already, although it could not become so", "archiv", "user", "UserMailbox", changes=False),
    converts("the cloud masters the Exchange attributes of a synchronized one", "lager", "shared", "SharedMailbox",
             prepare=mailbox("lager", is_exchange_cloud_managed=True)),
    stays("Active Directory masters it", "lager", "shared", "Active Directory masters this mailbox",
          "on-premises Exchange tools"),
    stays("a user mailbox without a license", "info", "user", "It has no license", "require_license"),
    stays("an archive", "archiv", "shared", "an archive and no license", "Plan 2"),
    stays("a litigation hold", "rechtssache", "shared", "a litigation hold and no license"),
    stays("more than 50 GB", "gross", "room", "55.9 GB of mail and no license"),
    stays("all three", "gross", "shared", "an archive and a litigation hold and 55.9 GB of mail",
          prepare=mailbox("gross", archive=True, litigation_hold=True)),
    stays("no such mailbox", "nirgends", "user", "mailbox=nirgends@contoso.example", "There is no such mailbox"),
    Case("mailbox_type", "a name that two have", {"mailbox": "doppelt", "type": "room"},
         refused=("multiple recipients", "The name is not unique", "Use an address or id")),
]  # fmt: skip


def holds(name: str, *skus: str, location: str | None = "DE", disabled: tuple[str, ...] = ()) -> Look:
    """The user has exactly these licenses directly."""

    def look(ground: Ground) -> None:
        user = ground.user(name)
        direct = {one.sku_id: one for one in user.licenses if one.group_id is None}
        assert set(direct) == set(skus)
        assert user.usage_location == location
        assert {plan for one in direct.values() for plan in one.disabled_plans} == set(disabled)

    return look


def assigned(name: str, sku: str, *disabled: str) -> Look:
    """Give a user a license before the test."""
    return lambda ground: ground.user(name).licenses.append(License(sku, list(disabled)))


def used_up(ground: Ground) -> None:
    """The one license for Visio is somebody else's."""
    assigned("anna.schaefer", VISIO)(ground)


def suspended(ground: Ground) -> None:
    """The subscription of the license has ended."""
    ground.tenant.skus[VISIO].capability_status = "Suspended"


def licensed(title: str, name: str, options: Options, proof: Look, **more: Any) -> Case:
    """Licenses that come out as asked for."""
    # When the services behind a license have followed is theirs to say, unless it is waited for.
    decided = frozenset() if "exchange_ready" in options else frozenset({"exchange_ready"})
    wish = {"user": f"{name}@contoso.example", **options}
    return Case("entra_license", title, wish, proof=proof, decided=decided, **more)


def unlicensed(title: str, name: str, options: Options, *said: str, **more: Any) -> Case:
    """Licenses that are refused."""
    return Case("entra_license", title, {"user": f"{name}@contoso.example", **options}, refused=said, **more)


ADD = {"licenses": {"add": ["EXCHANGESTANDARD"]}}
TWO_PLANS = {"disabled_plans": {"ENTERPRISEPACK": ["teams1", YAMMER.upper()]}}
LICENSES = [
    licensed("a first one, with its country", "werkstatt4", {**ADD, "usage_location": "DE", "exchange_ready": True},
             holds("werkstatt4", EXCHANGE_1)),
    licensed("one more, by its id", "anna.schaefer", {"licenses": {"add": [VISIO.upper()]}},
             holds("anna.schaefer", EXCHANGE_1, VISIO)),
    licensed("one more, in other letter case", "anna.schaefer", {"licenses": {"add": ["visioclient"]}},
             holds("anna.schaefer", EXCHANGE_1, VISIO)),
    licensed("one less", "anna.schaefer", {"licenses": {"remove": ["EXCHANGESTANDARD"]}}, holds("anna.schaefer")),
    licensed("one for another", "vertrieb", {"licenses": {"add": ["ENTERPRISEPACK"], "remove": ["EXCHANGESTANDARD"]}},
             holds("vertrieb", E3)),
    licensed("exactly another", "vertrieb", {"licenses": {"set": ["ENTERPRISEPACK"]}}, holds("vertrieb", E3)),
    licensed("none", "vertrieb", {"licenses": {"set": []}}, holds("vertrieb")),
    licensed("is so already", "vertrieb", {**ADD, "usage_location": "de"}, holds("vertrieb", EXCHANGE_1),
             changes=False),
    licensed("what is removed was never there", "vertrieb", {"licenses": {"remove": ["VISIOCLIENT"]}},
             holds("vertrieb", EXCHANGE_1), changes=False),
    licensed("another country", "vertrieb", {"usage_location": "AT"}, holds("vertrieb", EXCHANGE_1, location="AT")),
    licensed("without two plans", "werkstatt3", {"licenses": {"add": ["ENTERPRISEPACK"]}, **TWO_PLANS},
             holds("werkstatt3", E3, disabled=(TEAMS, YAMMER))),
    licensed("other plans switched off", "werkstatt3", {"disabled_plans": {"ENTERPRISEPACK": ["TEAMS1"]}},
             holds("werkstatt3", E3, disabled=(TEAMS,)), prepare=assigned("werkstatt3", E3, YAMMER)),
    licensed("all plans switched on", "werkstatt3", {"disabled_plans": {"ENTERPRISEPACK": []}},
             holds("werkstatt3", E3), prepare=assigned("werkstatt3", E3, YAMMER)),
    licensed("plans that are not named stay as they are", "werkstatt3", {"licenses": {"add": ["EXCHANGESTANDARD"]}},
             holds("werkstatt3", E3, EXCHANGE_1, disabled=(YAMMER,)), prepare=assigned("werkstatt3", E3, YAMMER)),
    licensed("what a group gives is left alone", "werkstatt1", {"licenses": {"set": []}}, holds("werkstatt1"),
             changes=False),
    licensed("directly what a group gives too", "werkstatt1", {"licenses": {"add": ["ENTERPRISEPACK"]}},
             holds("werkstatt1", E3)),
    unlicensed("no country", "werkstatt4", ADD, "needs a usage location", "Set usage_location"),
    unlicensed("an unknown license", "vertrieb", {"licenses": {"add": ["EXCHANGE"]}}, "'EXCHANGE'", "it has ENTERPRISEPACK"),
    unlicensed("an unknown plan", "vertrieb", {"disabled_plans": {"EXCHANGESTANDARD": ["TEAMS"]}},
               "EXCHANGESTANDARD has no plan TEAMS; it has BPOS_S_TODO_1, EXCHANGE_S_STANDARD"),
    unlicensed("plans of a license that is not there", "vertrieb", {"disabled_plans": {"ENTERPRISEPACK": ["TEAMS1"]}},
               "disabled_plans names ENTERPRISEPACK"),
    unlicensed("none is free", "vertrieb", {"licenses": {"add": ["VISIOCLIENT"]}}, "No unit of VISIOCLIENT is free",
               "Buy more", prepare=used_up),
    unlicensed("the subscription has ended", "vertrieb", {"licenses": {"add": ["VISIOCLIENT"]}},
               "No unit of VISIOCLIENT is free", prepare=suspended),
    unlicensed("ready for mail without a plan for it", "werkstatt3",
               {"licenses": {"add": ["VISIOCLIENT"]}, "exchange_ready": True}, "has an Exchange plan"),
    unlicensed("ready for mail with that plan switched off", "werkstatt3",
               {**ADD, "disabled_plans": {"EXCHANGESTANDARD": ["EXCHANGE_S_STANDARD"]}, "exchange_ready": True},
               "has an Exchange plan that is not disabled"),
    unlicensed("no such user", "nirgends", ADD, "user=nirgends@contoso.example", "There is no such user"),
]  # fmt: skip

INFOS = [
    Case("mailbox_info", "a mailbox", {"mailbox": "info@contoso.example"}, changes=False),
    Case("mailbox_info", "none", {"mailbox": "niemand@contoso.example"}, changes=False),
    Case("entra_user_info", "a user", {"user": "lager@contoso.example"}, changes=False),
    Case("entra_user_info", "none", {"user": "niemand@contoso.example"}, changes=False),
]

CASES = [*TYPES, *LICENSES, *INFOS]
