# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules for Conditional Access: named locations and policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_cases import Case
from contract_cases_applications import ANNA, GROUP, WAREHOUSE, everything
from contract_ground import Ground

from lab.state import ConditionalAccessPolicy, Group, NamedLocation

Look = Callable[[Ground], Any]
V4, V6 = "#microsoft.graph.iPv4CidrRange", "#microsoft.graph.iPv6CidrRange"
RANGES = [{"@odata.type": V4, "cidrAddress": "192.0.2.0/24"}, {"@odata.type": V6, "cidrAddress": "2001:db8::/48"}]


def place(ground: Ground, name: str = "Büro") -> NamedLocation:
    """The one named location of a name."""
    (one,) = [found for found in ground.tenant.named_locations.values() if found.display_name == name]
    return one


def located(name: str = "Büro", kind: str = "ip", **properties: Any) -> Look:
    """A named location that is there."""

    def change(ground: Ground) -> None:
        now = ground.tenant.clock.now()
        usual = {"isTrusted": False, "ipRanges": RANGES} if kind == "ip" else {}
        one = NamedLocation(ground.tenant.new_id(), kind, name, now, now, usual | properties)
        ground.tenant.named_locations[one.id] = one

    return change


COUNTRIES = {"countriesAndRegions": ["AT", "DE"], "countryLookupMethod": "clientIpAddress",
             "includeUnknownCountriesAndRegions": False}  # fmt: skip


def has(**properties: Any) -> Look:
    """It has these properties; of ranges only the addresses count."""

    def look(ground: Ground) -> None:
        found = place(ground).properties
        shown = {name: found[name] for name in properties}
        if "ipRanges" in shown:
            shown["ipRanges"] = sorted(one["cidrAddress"] for one in shown["ipRanges"])
        assert shown == properties

    return look


def switched(**switches: Any) -> Look:
    """Switches of the tenant."""
    return lambda ground: ground.control("POST", "switches", switches)


def using(ground: Ground) -> None:
    """A policy names the location."""
    now = ground.tenant.clock.now()
    conditions = {
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "locations": {"includeLocations": ["All"], "excludeLocations": [place(ground).id]},
    }
    one = ConditionalAccessPolicy(ground.tenant.new_id(), "Nur aus dem Büro", "disabled", now, None, conditions,
                                  {"operator": "OR", "builtInControls": ["mfa"]})  # fmt: skip
    ground.tenant.conditional_access_policies[one.id] = one


def location(title: str, options: dict[str, Any], proof: Look, **more: Any) -> Case:
    """A named location that comes out as asked for."""
    return Case("entra_named_location", title, {"location": "Büro", **options}, proof=proof, **more)


def no_location(title: str, options: dict[str, Any], *said: str, **more: Any) -> Case:
    """A named location that is refused."""
    return Case("entra_named_location", title, {"location": "Büro", **options}, refused=said, **more)


MADE = frozenset({"id"})
BOTH = ["2001:db8::/48", "192.0.2.0/24"]
LOCATIONS = [
    location("a new one", {"ip_ranges": BOTH, "trusted": True}, has(ipRanges=sorted(BOTH), isTrusted=True), decided=MADE,
             removed=True),
    location("a single address", {"ip_ranges": ["192.0.2.7"]}, has(ipRanges=["192.0.2.7/32"], isTrusted=False), decided=MADE),
    location("new countries", {"countries": ["de", "AT"], "include_unknown": True},
             has(countriesAndRegions=["DE", "AT"], includeUnknownCountriesAndRegions=True), decided=MADE, removed=True),
    location("is so already", {"ip_ranges": ["2001:0DB8:0::/48", "192.0.2.0/24"], "trusted": False}, has(isTrusted=False),
             prepare=located(), changes=False),
    location("is so already, as the service spells it", {"ip_ranges": BOTH}, has(isTrusted=False),
             prepare=everything(located(), switched(graph_cidr_exploded=True)), changes=False),
    location("other ranges", {"ip_ranges": ["198.51.100.0/24"]}, has(ipRanges=["198.51.100.0/24"], isTrusted=True),
             prepare=located(isTrusted=True)),
    location("trusted", {"trusted": True}, has(isTrusted=True), prepare=located()),
    location("other countries", {"countries": ["DE"], "lookup": "authenticator_gps"},
             has(countriesAndRegions=["DE"], countryLookupMethod="authenticatorAppGps"),
             prepare=located(kind="country", **COUNTRIES)),
    location("the same countries", {"countries": ["DE", "AT"]}, has(countriesAndRegions=["AT", "DE"]),
             prepare=located(kind="country", **COUNTRIES), changes=False),
    no_location("two of its name", {"trusted": True}, "2 named locations are called Büro",
                prepare=everything(located(), located())),
    no_location("countries in the place of ranges", {"countries": ["DE"]}, "cannot become one of the other kind",
                prepare=located()),
    no_location("no range at all", {"ip_ranges": []}, "at least one of ip_ranges or countries", prepare=located()),
    no_location("nothing of a new one", {"trusted": True}, "at least one of ip_ranges or countries"),
    no_location("trusted countries", {"countries": ["DE"], "trusted": True}, "Only a location of IP ranges can be trusted"),
    no_location("a lookup of ranges", {"ip_ranges": BOTH, "lookup": "ip_address"}, "Only a location of countries has lookup"),
    no_location("a policy names it", {"state": "absent"}, "These policies name it: Nur aus dem Büro",
                prepare=everything(located(), using)),
]  # fmt: skip

# Policies


def policy_of(ground: Ground, name: str = "Dienstkonten") -> ConditionalAccessPolicy:
    """The one policy of a name."""
    (one,) = [found for found in ground.tenant.conditional_access_policies.values() if found.display_name == name]
    return one


def ruled(
    name: str = "Dienstkonten", state: str = "enabled", controls: tuple[str, ...] = ("block",), **conditions: Any
) -> Look:
    """A policy that is there; it is about everybody's sign-in to everything unless conditions say otherwise."""

    def change(ground: Ground) -> None:
        whole = {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}}
        whole |= {"clientAppTypes": ["all"]}
        given = {part: value(ground) if callable(value) else value for part, value in conditions.items()}
        grant = {"operator": "OR", "builtInControls": list(controls)}
        now = ground.tenant.clock.now()
        one = ConditionalAccessPolicy(ground.tenant.new_id(), name, state, now, None, whole | given, grant)
        ground.tenant.conditional_access_policies[one.id] = one

    return change


def only(*names: str) -> Callable[[Ground], dict[str, Any]]:
    """The users of a policy: these."""
    return lambda ground: {"includeUsers": [ground.user(name).id for name in names]}


def without_all(*names: str) -> Callable[[Ground], dict[str, Any]]:
    """The users of a policy: everybody but these."""
    return lambda ground: {"includeUsers": ["All"], "excludeUsers": [ground.user(name).id for name in names]}


def about_us(ground: Ground) -> dict[str, Any]:
    """The application that the run signs in as."""
    return {"includeServicePrincipals": [ground.application.service_principal_id]}


def is_new(ground: Ground) -> None:
    """A new policy only reports."""
    one = policy_of(ground)
    assert one.state == "enabledForReportingButNotEnforced"
    assert one.conditions["users"]["includeUsers"] == [ground.user("werkstatt3").id]
    assert one.conditions["applications"]["includeApplications"] == ["All"]
    assert one.conditions["locations"] == {"includeLocations": ["All"], "excludeLocations": [place(ground).id]}
    assert one.conditions["clientAppTypes"] == ["all"]
    assert one.grant_controls == {"operator": "OR", "builtInControls": ["block"]}


def is_full(ground: Ground) -> None:
    """Everything that was declared is there, by its id."""
    one = policy_of(ground)
    group = next(found for found in ground.tenant.groups.values() if found.display_name == GROUP)
    assert one.conditions["users"]["includeGroups"] == [group.id]
    assert one.conditions["users"]["excludeRoles"] == ["62e90394-69f5-4237-9190-012177145e10"]
    assert one.conditions["users"]["excludeUsers"] == [ground.user("anna.schaefer").id]
    assert one.conditions["applications"] == {"includeApplications": ["All"], "excludeApplications": [WAREHOUSE]}
    assert sorted(one.conditions["clientAppTypes"]) == ["browser", "mobileAppsAndDesktopClients"]
    assert one.grant_controls == {"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]}


def in_state(state: str) -> Look:
    """The policy is in a state."""

    def look(ground: Ground) -> None:
        assert policy_of(ground).state == state

    return look


def keeps_the_rest(ground: Ground) -> None:
    """What no option is about is still there."""
    one = policy_of(ground)
    assert one.conditions["platforms"]["includePlatforms"] == ["all"]
    assert one.session_controls == {"signInFrequency": {"value": 4, "type": "hours", "isEnabled": True}}
    assert one.conditions["locations"] is None
    assert one.grant_controls is not None
    assert one.grant_controls["builtInControls"] == ["mfa"]


def with_rest(ground: Ground) -> None:
    """A policy with parts that no option is about."""
    ruled(state="disabled", platforms={"includePlatforms": ["all"]}, locations={"includeLocations": ["AllTrusted"]})(
        ground
    )
    policy_of(ground).session_controls = {"signInFrequency": {"value": 4, "type": "hours", "isEnabled": True}}


def group_that_holds(name: str) -> Look:
    """A group in a group holds the user."""

    def change(ground: Ground) -> None:
        inner = Group(ground.tenant.new_id(), "Innere", [ground.user(name).id])
        outer = Group(ground.tenant.new_id(), "Notfall", [inner.id])
        ground.tenant.groups |= {inner.id: inner, outer.id: outer}

    return change


def policy(title: str, options: dict[str, Any], proof: Look, **more: Any) -> Case:
    """A policy that comes out as asked for."""
    return Case("entra_conditional_access_policy", title, {"policy": "Dienstkonten", **options}, proof=proof, **more)


def no_policy(title: str, options: dict[str, Any], *said: str, **more: Any) -> Case:
    """A policy that is refused."""
    return Case("entra_conditional_access_policy", title, {"policy": "Dienstkonten", **options}, refused=said, **more)


WORKSHOP = "werkstatt3@contoso.example"
BLOCKED = {"include_users": [WORKSHOP], "include_applications": ["all"], "exclude_locations": ["büro"],
           "grant_controls": ["block"]}  # fmt: skip
EVERYBODY = {"include_users": ["all"], "include_applications": ["all"], "grant_controls": ["block"], "mode": "enabled"}
FULL = {"include_groups": [GROUP], "exclude_roles": ["global administrator"], "exclude_users": [ANNA.upper()],
        "include_applications": ["All"], "exclude_applications": ["contoso-lager"], "mode": "enabled",
        "client_app_types": ["browser", "mobile_and_desktop"], "grant_controls": ["mfa", "compliant_device"],
        "grant_operator": "all"}  # fmt: skip
EMERGENCY = {"break_glass_accounts": [ANNA, WORKSHOP]}
POLICIES = [
    policy("a new one", BLOCKED, is_new, prepare=located(), decided=MADE, removed=True),
    policy("a new one with everything", FULL, is_full, decided=MADE),
    policy("enabled", {"mode": "enabled"}, in_state("enabled"), prepare=ruled(state="disabled", users=only("werkstatt3"))),
    policy("is so already", {"include_users": ["ALL"], "include_applications": ["all"], "grant_controls": ["block"],
                             "mode": "enabled", "exclude_users": [], "include_locations": [], **EMERGENCY},
           in_state("enabled"), prepare=ruled(), changes=False),
    policy("nothing declared is nothing changed", {}, in_state("enabled"), prepare=ruled(), changes=False),
    policy("the rest is kept", {"grant_controls": ["mfa"], "include_locations": []}, keeps_the_rest, prepare=with_rest),
    policy("enabled, with a break-glass account excluded", {**EVERYBODY, **EMERGENCY, "exclude_users": [ANNA]},
           in_state("enabled"), decided=MADE, warned=("locks out the break-glass account werkstatt3@",)),
    policy("enabled, with a break-glass account excluded by its groups",
           {**EVERYBODY, "break_glass_accounts": [ANNA], "exclude_groups": ["Notfall"]}, in_state("enabled"), decided=MADE,
           prepare=group_that_holds("anna.schaefer")),
    policy("enabled, and only old programs are blocked",
           {**EVERYBODY, **EMERGENCY, "client_app_types": ["exchange_active_sync", "other"]}, in_state("enabled"),
           decided=MADE),
    policy("enabled, and only one application is blocked", {**EVERYBODY, **EMERGENCY, "include_applications": [WAREHOUSE]},
           in_state("enabled"), decided=MADE),
    policy("enabled, and who can satisfy it is not known", {**EVERYBODY, "break_glass_accounts": [ANNA],
                                                            "grant_controls": ["mfa"]},
           in_state("enabled"), decided=MADE, warned=("is about anna.schaefer@contoso.example; whether that can meet",)),
    policy("enabled, and it blocks from some places only", {**EVERYBODY, "break_glass_accounts": [ANNA],
                                                            "include_locations": ["Büro"]},
           in_state("enabled"), decided=MADE, prepare=located(), warned=("is about anna.schaefer@contoso.example",)),
    policy("everybody blocked, and it only reports", {**EVERYBODY, **EMERGENCY, "mode": "report_only"},
           in_state("enabledForReportingButNotEnforced"), decided=MADE),
    no_policy("all break-glass accounts are locked out", {**EVERYBODY, **EMERGENCY}, "No break-glass account could get in",
              "anna.schaefer@contoso.example (Dienstkonten)", "report_only"),
    no_policy("all break-glass accounts but from a place are locked out",
              {**EVERYBODY, **EMERGENCY, "exclude_locations": ["Büro"]}, "No break-glass account could get in", prepare=located()),
    no_policy("another policy locks out the other one", {**EVERYBODY, **EMERGENCY, "include_users": [WORKSHOP]},
              "No break-glass account could get in", "anna.schaefer@contoso.example (Andere)",
              prepare=ruled("Andere", users=without_all("werkstatt3"))),
    no_policy("the other break-glass account is disabled",
              {**EVERYBODY, "exclude_users": ["info@contoso.example"],
               "break_glass_accounts": [ANNA, "info@contoso.example"]}, "info@contoso.example (disabled)"),
    no_policy("one of them locked out by its role", {**EVERYBODY, "include_users": [],
              "include_roles": ["Helpdesk Administrator"], "break_glass_accounts": ["it@contoso.example"]},
              "No break-glass account could get in"),
    no_policy("who signs in is locked out", {"mode": "enabled"}, "It would lock out the application automation",
              prepare=ruled(state="disabled", clientApplications=about_us, users={"includeUsers": ["None"]})),
    no_policy("no such break-glass account", {**EVERYBODY, "break_glass_accounts": ["niemand@contoso.example"]},
              "There is no user niemand@contoso.example, named in break_glass_accounts"),
    no_policy("about nobody", {"include_applications": ["all"], "grant_controls": ["mfa"]}, "is about nobody"),
    no_policy("without a consequence", {"include_users": ["all"], "include_applications": ["all"]}, "has no consequence"),
    no_policy("block and more", {**EVERYBODY, "grant_controls": ["block", "mfa"]}, "goes with no other one"),
    no_policy("no such location", {**EVERYBODY, "include_locations": ["Nirgends"]}, "There is no location Nirgends"),
    no_policy("no such role", {**EVERYBODY, "include_roles": ["König"]}, "There is no role König"),
    no_policy("no such group", {**EVERYBODY, "include_groups": ["Niemand"]}, "There is no group Niemand"),
    no_policy("two such applications", {**EVERYBODY, "include_applications": ["Doppelt"]}, "2 enterprise applications are"),
    no_policy("two of its name", {"mode": "disabled"}, "2 policies are called Dienstkonten",
              prepare=everything(ruled(), ruled())),
]  # fmt: skip

CASES = [*LOCATIONS, *POLICIES]
