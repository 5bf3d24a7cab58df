# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Graph's applications: what a new one has, what the directory refuses, upserts, owners' rights, stale replicas."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest
from graph_caller import Graph
from rehearsal import APP_ID, PRINCIPAL_ID, TENANT_ID, Lab

ALL = ("Application.ReadWrite.All", "Directory.Read.All")
OWNED = ("Application.ReadWrite.OwnedBy",)
ENABLED = (400, "CannotDeleteOrUpdateEnabledEntitlement")
ROLE: dict[str, Any] = {
    "id": "6a5b0c1d-0000-4000-8000-000000000001",
    "value": "Orders.Read",
    "displayName": "Read orders",
    "description": "Reads all orders",
    "allowedMemberTypes": ["Application"],
    "isEnabled": True,
}
SCOPE: dict[str, Any] = {
    "id": "6a5b0c1d-0000-4000-8000-000000000002",
    "value": "Orders.Read",
    "type": "User",
    "isEnabled": True,
    "adminConsentDisplayName": "Read orders",
    "adminConsentDescription": "Reads orders",
}


@pytest.fixture
def graph(lab: Lab) -> Graph:
    return Graph(lab, ALL)


def create(graph: Graph, **properties: Any) -> dict[str, Any]:
    body = {"displayName": "Versand", "signInAudience": "AzureADMyOrg", **properties}
    answer = graph.call("POST", "applications", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


# Creating and reading


def test_only_the_name_is_needed_and_the_audience_is_the_widest(graph: Graph) -> None:
    answer = graph.call("POST", "applications", {"displayName": "Versand"})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(f"/v1.0/applications/{made['id']}")
    assert made["@odata.context"].endswith("$metadata#applications/$entity")
    assert made["signInAudience"] == "AzureADandPersonalMicrosoftAccount"
    assert made["api"]["requestedAccessTokenVersion"] == 2
    assert (made["isFallbackPublicClient"], made["uniqueName"], made["publisherDomain"]) == (
        None,
        None,
        "contoso.example",
    )
    for name in (
        "appRoles",
        "identifierUris",
        "keyCredentials",
        "passwordCredentials",
        "requiredResourceAccess",
        "tags",
    ):
        assert made[name] == []
    assert made["web"]["implicitGrantSettings"] == {"enableIdTokenIssuance": False, "enableAccessTokenIssuance": False}
    assert made["createdByAppId"] == APP_ID
    assert uuid.UUID(made["id"]) != uuid.UUID(made["appId"])


def test_without_a_name_is_400(graph: Graph) -> None:
    assert graph.refused("POST", "applications", {"signInAudience": "AzureADMyOrg"})[:2] == (400, "Request_BadRequest")


def test_an_application_is_found_by_all_three_keys_and_by_filters(graph: Graph) -> None:
    made = create(graph, displayName="O'Brien Versand", uniqueName="versand")
    for path in (made["id"], f"(appId='{made['appId']}')", "(uniqueName='versand')"):
        address = f"applications/{path}" if not path.startswith("(") else f"applications{path}"
        assert graph.get(address)["id"] == made["id"]
    for text in (
        "displayName eq 'O''Brien Versand'",
        f"appId eq '{made['appId']}'",
        "uniqueName eq 'versand'",
        f"id eq '{made['id']}'",
        "startsWith(displayName,'O''Bri')",
    ):
        found = graph.get(f"applications?$filter={text}&$select=id")
        assert [row["id"] for row in found["value"]] == [made["id"]]


def test_the_list_has_pages(graph: Graph) -> None:
    ids = {create(graph, displayName=f"Versand {number}")["id"] for number in range(3)}
    first = graph.get("applications?$top=2")
    second = graph.lab.session.get(first["@odata.nextLink"], headers=graph.headers(), timeout=20).json()
    assert ids <= {row["id"] for row in first["value"] + second["value"]}
    assert "@odata.nextLink" not in second


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("applications/6a5b0c1d-0000-4000-8000-000000000009", 404),
        ("applications(appId='6a5b0c1d-0000-4000-8000-000000000009')", 404),
        ("applications(uniqueName='nobody')", 404),
        ("applications/nobody", 400),
        ("applications(displayName='Versand')", 400),
    ],
)
def test_an_unknown_application_is_404_and_a_wrong_key_400(graph: Graph, path: str, status: int) -> None:
    assert graph.refused("GET", path)[0] == status


# Changing


def test_members_are_merged_and_collections_replaced(graph: Graph) -> None:
    web = {"logoutUrl": "https://contoso.example/out", "redirectUris": ["https://contoso.example/a"]}
    made = create(graph, web=web, tags=["ansible", "mail"])
    body = {"web": {"redirectUris": ["https://contoso.example/b"]}, "tags": ["mail"], "notes": "x"}
    answer = graph.call("PATCH", f"applications/{made['id']}", body)
    assert (answer.status_code, answer.content) == (204, b"")
    now = graph.get(f"applications/{made['id']}")
    assert now["web"]["logoutUrl"] == "https://contoso.example/out"
    assert now["web"]["redirectUris"] == ["https://contoso.example/b"]
    assert now["web"]["implicitGrantSettings"] == {"enableIdTokenIssuance": False, "enableAccessTokenIssuance": False}
    assert (now["tags"], now["notes"], now["displayName"]) == (["mail"], "x", "Versand")


def test_sets_come_back_in_another_order(graph: Graph) -> None:
    uris = ["https://contoso.example/a", "https://contoso.example/b"]
    made = create(graph, tags=["a", "b"], spa={"redirectUris": uris})
    shown = graph.get(f"applications/{made['id']}")
    assert (shown["tags"], shown["spa"]["redirectUris"]) == (["b", "a"], uris[::-1])


@pytest.mark.parametrize(
    "body",
    [
        {"nickName": "x"},
        {"info": {"logoUrl": "https://contoso.example/logo"}},
        {"web": {"redirectUri": []}},
        {"appId": "6a5b0c1d-0000-4000-8000-000000000009"},
        {"createdDateTime": "2026-01-01T00:00:00Z"},
        {"publisherDomain": "contoso.example"},
        {"displayName": None},
        {"displayName": ""},
        {"displayName": "x" * 257},
        {"displayName": 5},
        {"tags": None},
        {"tags": "mail"},
        {"tags": [5]},
        {"requiredResourceAccess": None},
        {"appRoles": None},
        {"passwordCredentials": None},
        {"isFallbackPublicClient": "true"},
        {"signInAudience": "Everyone"},
        {"web": []},
        {"api": {"requestedAccessTokenVersion": True}},
        {"requiredResourceAccess": [{"resourceAppId": "00000003-0000-0000-c000-000000000000"}]},
        {"requiredResourceAccess": [{"resourceAppId": "x", "resourceAccess": []}]},
    ],
)
def test_unknown_read_only_and_ill_typed_members_are_400(graph: Graph, body: Any) -> None:
    made = create(graph)
    before = graph.get(f"applications/{made['id']}")
    assert graph.refused("PATCH", f"applications/{made['id']}", body)[0] == 400
    assert graph.get(f"applications/{made['id']}") == before


@pytest.mark.parametrize(
    ("platform", "uri", "status"),
    [
        ("web", "https://contoso.example/callback?from=a", 204),
        ("web", "http://localhost:8080/callback", 204),
        ("web", "http://127.0.0.1/callback", 204),
        ("web", "https://*.contoso.example/callback", 204),
        ("publicClient", "urn:ietf:wg:oauth:2.0:oob", 204),
        ("publicClient", "msal-contoso://auth", 204),
        ("web", "http://contoso.example/callback", 400),
        ("web", "http://localhost.contoso.example/", 400),
        ("web", "msal-contoso://auth", 400),
        ("spa", "urn:ietf:wg:oauth:2.0:oob", 400),
        ("web", "https://contoso.example/callback#part", 400),
        ("web", "https://contoso.example/(a)", 400),
        ("web", "https://contoso.example/*", 400),
        ("web", "/callback", 400),
        ("web", "https://contoso.example/" + "x" * 240, 400),
    ],
)
def test_redirect_uris_follow_their_rules(graph: Graph, platform: str, uri: str, status: int) -> None:
    made = create(graph)
    answer = graph.call("PATCH", f"applications/{made['id']}", {platform: {"redirectUris": [uri]}})
    assert answer.status_code == status


@pytest.mark.parametrize("uri", ["https://*.contoso.example/a", "https://contoso.example/a?b=c"])
def test_with_personal_accounts_wildcards_and_queries_are_refused(graph: Graph, uri: str) -> None:
    body = {"displayName": "Versand", "signInAudience": "AzureADandPersonalMicrosoftAccount"}
    assert graph.refused("POST", "applications", body | {"web": {"redirectUris": [uri]}})[0] == 400


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("api://{app}", None),
        ("api://{app}/part", None),
        (f"api://{TENANT_ID}/versand", None),
        ("api://contoso.example/versand", None),
        ("https://api.contoso.example/versand", None),
        ("api://versand", "Request_BadRequest"),
        ("api://unverified.example", "Request_BadRequest"),
        ("https://unverified.example/versand", "HostNameNotOnVerifiedDomain"),
        ("https://notcontoso.example/versand", "HostNameNotOnVerifiedDomain"),
        ("versand", "Request_BadRequest"),
        ("api://{app}/", "Request_BadRequest"),
    ],
)
def test_identifier_uris_must_show_whose_they_are(graph: Graph, uri: str, code: str | None) -> None:
    made = create(graph)
    body = {"identifierUris": [uri.replace("{app}", made["appId"])]}
    answer = graph.call("PATCH", f"applications/{made['id']}", body)
    assert answer.status_code == (400 if code else 204)
    assert code is None or answer.json()["error"]["code"] == code


def test_tokens_of_version_2_exempt_from_the_rule_on_identifier_uris(graph: Graph) -> None:
    made = create(graph, api={"requestedAccessTokenVersion": 2})
    body = {"identifierUris": ["api://versand"]}
    assert graph.call("PATCH", f"applications/{made['id']}", body).status_code == 204


def test_an_identifier_uri_belongs_to_one_application_even_a_deleted_one(graph: Graph) -> None:
    uri = f"api://{TENANT_ID}/versand"
    made = create(graph, identifierUris=[uri])
    body = {"displayName": "Zweiter", "signInAudience": "AzureADMyOrg", "identifierUris": [uri]}
    words = "Another object with the same value for property identifierUris already exists."
    assert graph.refused("POST", "applications", body)[2] == words
    assert graph.call("DELETE", f"applications/{made['id']}").status_code == 204
    assert graph.refused("POST", "applications", body)[2] == words


@pytest.mark.parametrize("kind", ["appRoles", "scopes"])
def test_an_enabled_role_or_scope_can_only_be_disabled(graph: Graph, kind: str) -> None:
    item = ROLE if kind == "appRoles" else SCOPE

    def body(*items: dict[str, Any]) -> dict[str, Any]:
        return {"appRoles": [*items]} if kind == "appRoles" else {"api": {"oauth2PermissionScopes": [*items]}}

    path = f"applications/{create(graph, **body(item))['id']}"
    assert graph.refused("PATCH", path, body())[:2] == ENABLED
    assert graph.refused("PATCH", path, body(item | {"value": "Orders.Write"}))[:2] == ENABLED
    assert graph.refused("PATCH", path, body(item | {"value": "Orders.Write", "isEnabled": False}))[:2] == ENABLED
    assert graph.call("PATCH", path, body(item)).status_code == 204
    assert graph.call("PATCH", path, body(item | {"isEnabled": False})).status_code == 204
    assert graph.call("PATCH", path, body()).status_code == 204


def test_texts_of_an_enabled_role_may_be_changed_when_switched_so(graph: Graph) -> None:
    path = f"applications/{create(graph, appRoles=[ROLE])['id']}"
    body = {"appRoles": [ROLE | {"description": "Reads every order"}]}
    assert graph.refused("PATCH", path, body)[:2] == ENABLED
    graph.switch(graph_enabled_texts_free=True)
    assert graph.call("PATCH", path, body).status_code == 204


@pytest.mark.parametrize("other", [{"id": ROLE["id"], "value": "b"}, {"id": SCOPE["id"], "value": "orders.read"}])
def test_ids_and_values_of_roles_are_unique(graph: Graph, other: dict[str, Any]) -> None:
    body = {"appRoles": [ROLE, ROLE | other]}
    assert "duplicate" in graph.refused("PATCH", f"applications/{create(graph)['id']}", body)[2]


def test_required_permissions_have_limits(graph: Graph) -> None:
    path = f"applications/{create(graph)['id']}"

    def rows(resources: int, each: int) -> dict[str, Any]:
        access = [{"id": str(uuid.uuid4()), "type": "Role"} for _unused in range(each)]
        return {
            "requiredResourceAccess": [
                {"resourceAppId": str(uuid.uuid4()), "resourceAccess": access} for _unused in range(resources)
            ]
        }

    assert graph.call("PATCH", path, rows(50, 8)).status_code == 204
    assert graph.refused("PATCH", path, rows(51, 1))[0] == 400
    assert graph.refused("PATCH", path, rows(50, 9))[0] == 400


# uniqueName


def test_a_unique_name_is_set_once_and_collides_with_400_even_with_a_deleted_application(graph: Graph) -> None:
    made = create(graph, uniqueName="versand")
    words = "Another object with the same value for property uniqueName already exists."
    body = {"displayName": "x", "signInAudience": "AzureADMyOrg", "uniqueName": "Versand"}
    assert graph.refused("POST", "applications", body) == (400, "Request_BadRequest", words)
    assert graph.refused("PATCH", f"applications/{made['id']}", {"uniqueName": "anders"})[0] == 400
    other = create(graph)
    assert graph.call("PATCH", f"applications/{other['id']}", {"uniqueName": "anders"}).status_code == 204
    graph.call("DELETE", f"applications/{made['id']}")
    assert graph.refused("POST", "applications", body)[2] == words
    headers = {"Prefer": "create-if-missing"}
    assert (
        graph.refused("PATCH", "applications(uniqueName='versand')", {"displayName": "x"}, headers=headers)[2] == words
    )
    graph.advance(30 * 86400 + 1)
    assert graph.call("POST", "applications", body).status_code == 201


def test_an_upsert_makes_what_is_missing_only_with_its_header(graph: Graph) -> None:
    path, body = "applications(uniqueName='versand')", {"displayName": "Versand", "signInAudience": "AzureADMyOrg"}
    assert graph.refused("PATCH", path, body)[:2] == (404, "Request_ResourceNotFound")
    headers = {"Prefer": "create-if-missing"}
    assert graph.refused("PATCH", path, {"notes": "x"}, headers=headers)[0] == 400
    answer = graph.call("PATCH", path, body, headers=headers)
    assert (answer.status_code, answer.json()["uniqueName"]) == (201, "versand")
    answer = graph.call("PATCH", path, body | {"notes": "x"}, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert graph.get(path)["notes"] == "x"


# Rights


def test_reading_and_writing_need_their_permissions(graph: Graph) -> None:
    graph.roles = ("User.ReadWrite.All",)
    assert graph.refused("GET", "applications")[:2] == (403, "Authorization_RequestDenied")
    for roles in (("Application.Read.All",), ("Directory.ReadWrite.All",)):
        graph.roles = roles
        assert graph.call("GET", "applications").status_code == 200
        assert graph.refused("POST", "applications", {"displayName": "x"})[0] == 403


def test_owned_by_makes_the_creator_owner_and_reaches_nothing_else(graph: Graph) -> None:
    foreign = create(graph)
    assert graph.lab.tenant.applications[foreign["id"]].owners == []
    graph.roles = OWNED
    own = create(graph)
    assert graph.lab.tenant.applications[own["id"]].owners == [PRINCIPAL_ID]
    assert graph.call("GET", f"applications/{foreign['id']}").status_code == 200
    for method, tail, body in (("PATCH", "", {"notes": "x"}), ("POST", "/addPassword", {}), ("DELETE", "", None)):
        assert graph.refused(method, f"applications/{foreign['id']}{tail}", body)[0] == 403
    assert graph.refused("PATCH", f"applications/{own['id']}", {"api": {"acceptMappedClaims": True}})[0] == 403
    assert graph.call("PATCH", f"applications/{own['id']}", {"notes": "x"}).status_code == 204
    assert graph.call("DELETE", f"applications/{own['id']}").status_code == 204


# Replicas


def test_a_new_application_comes_and_goes_until_every_replica_has_it(graph: Graph) -> None:
    graph.switch(graph_replica_lag=60)
    path = f"applications/{create(graph)['id']}"
    statuses = []
    for _unused in range(60):
        statuses.append(graph.call("GET", path).status_code)
        graph.advance(1)
    assert {200, 404} == set(statuses)
    assert any(now == 404 and before == 200 for before, now in itertools.pairwise(statuses))
    graph.advance(60)
    assert {graph.call("GET", path).status_code for _unused in range(10)} == {200}


def test_a_write_that_meets_a_replica_without_the_application_is_404(graph: Graph) -> None:
    graph.switch(graph_replica_lag=60)
    path = f"applications/{create(graph)['id']}"
    statuses = {graph.call("PATCH", path, {"notes": str(number)}).status_code for number in range(3)}
    assert statuses == {404}
    personal = graph.call("POST", "applications", {"displayName": "x"}).json()
    assert graph.refused("PATCH", f"applications/{personal['id']}", {"notes": "x"})[:2] == (
        409,
        "Error_MsaAppDoesNotExist",
    )
    graph.advance(61)
    assert graph.call("PATCH", path, {"notes": "x"}).status_code == 204
