# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditional Access: what it takes, what it fills in, what it refuses, and how fast."""

from __future__ import annotations

from typing import Any

import pytest
from graph_caller import INFO, Graph
from rehearsal import Lab

PERMISSIONS = ("Policy.Read.All", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All", "Directory.Read.All")
POLICIES, PLACES = "identity/conditionalAccess/policies", "identity/conditionalAccess/namedLocations"
IP = "#microsoft.graph.ipNamedLocation"
OFFICE: dict[str, Any] = {
    "@odata.type": IP,
    "displayName": "Büro",
    "isTrusted": True,
    "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24"}],
}
BLOCK: dict[str, Any] = {
    "displayName": "Dienst",
    "state": "enabled",
    "conditions": {"users": {"includeUsers": [INFO]}, "applications": {"includeApplications": ["All"]}},
    "grantControls": {"operator": "OR", "builtInControls": ["block"]},
}
SCHEMA = "1007: Incoming ConditionalAccessPolicy object is null or does not match the schema of ConditionalAccessPolicy type."


@pytest.fixture
def graph(lab: Lab) -> Graph:
    lab.control("POST", "switches", {"graph_conditional_access_seconds": 0})
    return Graph(lab, PERMISSIONS)


def made(graph: Graph, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """An object that is made; gives it as it was answered."""
    answer = graph.call("POST", path, body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_policy_is_filled_in(graph: Graph) -> None:
    shown = graph.get(f"{POLICIES}/{made(graph, POLICIES, BLOCK)['id']}")
    conditions = shown["conditions"]
    assert conditions["clientAppTypes"] == ["all"]
    assert (conditions["locations"], conditions["platforms"], shown["sessionControls"]) == (None, None, None)
    assert conditions["users"]["excludeGroups"] == []
    assert conditions["applications"]["includeUserActions"] == []
    assert shown["grantControls"]["authenticationStrength"] is None
    assert graph.get(POLICIES)["value"][0]["id"] == shown["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"state": "on"},
        {"displayName": None},
        {"conditions": None},
        {"conditions": {"users": {"includeUsers": [INFO]}, "applications": {}}},
        {"conditions": {"users": {}, "applications": {"includeApplications": ["All"]}}},
        {"conditions": {**BLOCK["conditions"], "clientAppTypes": ["all", "other"]}},
        {"conditions": {**BLOCK["conditions"], "client": []}},
        {"grantControls": None},
        {"grantControls": {"operator": "OR", "builtInControls": ["block", "mfa"]}},
        {"grantControls": {"builtInControls": ["mfa"]}},
        {"unknown": 1},
    ],
)
def test_what_is_no_policy(graph: Graph, change: dict[str, Any]) -> None:
    assert graph.refused("POST", POLICIES, BLOCK | change) == (400, "BadRequest", SCHEMA)
    assert graph.lab.tenant.conditional_access_policies == {}


@pytest.mark.parametrize(
    ("part", "value", "kind"),
    [
        ("users", {"includeUsers": ["88888888-0000-4000-8000-000000000008"]}, "User"),
        ("users", {"includeGroups": ["88888888-0000-4000-8000-000000000008"]}, "Group"),
        ("applications", {"includeApplications": ["88888888-0000-4000-8000-000000000008"]}, "ServicePrincipal"),
        ("locations", {"includeLocations": ["88888888-0000-4000-8000-000000000008"]}, "NamedLocation"),
    ],
)
def test_what_a_policy_names_has_to_be_there(graph: Graph, part: str, value: dict[str, Any], kind: str) -> None:
    body = BLOCK | {"conditions": BLOCK["conditions"] | {part: value}}
    words = f"{kind} with id 88888888-0000-4000-8000-000000000008 does not exist in the directory."
    assert graph.refused("POST", POLICIES, body) == (404, "ResourceNotFound", words)


def test_a_policy_is_changed_and_deleted(graph: Graph) -> None:
    path = f"{POLICIES}/{made(graph, POLICIES, BLOCK)['id']}"
    assert graph.call("PATCH", path, {"state": "disabled"}).status_code == 204
    shown = graph.get(path)
    assert (shown["state"], shown["conditions"]["users"]["includeUsers"]) == ("disabled", [INFO])
    assert graph.refused("PATCH", path, {"grantControls": None})[2] == SCHEMA
    assert graph.call("DELETE", path).status_code == 204
    assert graph.refused("GET", path)[:2] == (404, "ResourceNotFound")


def test_a_named_location(graph: Graph) -> None:
    shown = made(graph, PLACES, OFFICE)
    path = f"{PLACES}/{shown['id']}"
    assert graph.get(path)["ipRanges"] == OFFICE["ipRanges"]
    assert graph.refused("DELETE", path)[0] == 400, "trusted"
    assert graph.refused("PATCH", path, {"isTrusted": False})[0] == 400, "without its type"
    assert graph.call("PATCH", path, {"@odata.type": IP, "isTrusted": False}).status_code == 204
    used = BLOCK | {"conditions": BLOCK["conditions"] | {"locations": {"includeLocations": [shown["id"]]}}}
    policy = made(graph, POLICIES, used)
    assert graph.refused("DELETE", path)[0] == 400, "a policy names it"
    graph.call("DELETE", f"{POLICIES}/{policy['id']}")
    assert graph.call("DELETE", path).status_code == 204


@pytest.mark.parametrize(
    "change",
    [
        {"@odata.type": None},
        {"displayName": ""},
        {"ipRanges": []},
        {"ipRanges": ["192.0.2.0/24"]},
        {"ipRanges": [{"@odata.type": "#microsoft.graph.iPv6CidrRange", "cidrAddress": "192.0.2.0/24"}]},
        {"ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.1"}]},
        {"ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "10.0.0.0/7"}]},
        {"countriesAndRegions": ["DE"]},
    ],
)
def test_what_is_no_named_location(graph: Graph, change: dict[str, Any]) -> None:
    assert graph.refused("POST", PLACES, OFFICE | change)[:2] == (400, "BadRequest")


def test_countries(graph: Graph) -> None:
    body = {
        "@odata.type": "#microsoft.graph.countryNamedLocation",
        "displayName": "Länder",
        "countriesAndRegions": ["DE"],
    }
    shown = made(graph, PLACES, body)
    assert (shown["countryLookupMethod"], shown["includeUnknownCountriesAndRegions"]) == ("clientIpAddress", False)
    assert graph.refused("POST", PLACES, body | {"countriesAndRegions": ["Deutschland"]})[0] == 400


@pytest.mark.parametrize("missing", ["Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"])
def test_permissions_of_conditional_access(graph: Graph, missing: str) -> None:
    less = Graph(graph.lab, tuple(name for name in PERMISSIONS if name != missing))
    words = "You cannot perform the requested operation, required scopes are missing in the token."
    assert less.refused("POST", POLICIES, BLOCK) == (403, "AccessDenied", words)
    assert less.refused("POST", PLACES, OFFICE) == (403, "AccessDenied", words)


def test_a_policy_needs_the_permission_to_read_applications(graph: Graph) -> None:
    less = Graph(graph.lab, PERMISSIONS[:2])
    assert less.refused("POST", POLICIES, BLOCK)[0] == 403
    assert less.call("POST", PLACES, OFFICE).status_code == 201


def test_one_request_a_second_and_no_word_of_when(lab: Lab) -> None:
    graph = Graph(lab, PERMISSIONS)
    assert graph.call("GET", POLICIES).status_code == 200
    again = graph.call("GET", PLACES)
    assert (again.status_code, again.json()["error"]["code"]) == (429, "TooManyRequests")
    assert "Retry-After" not in again.headers
    lab.control("POST", "clock", {"advance": 1})
    assert graph.call("GET", POLICIES).status_code == 200
    assert graph.call("GET", "users").status_code == 200, "only Conditional Access is so slow"


def test_role_definitions(graph: Graph) -> None:
    found = graph.get("roleManagement/directory/roleDefinitions?$filter=displayName eq 'Global Administrator'")["value"]
    assert [one["id"] for one in found] == ["62e90394-69f5-4237-9190-012177145e10"]
