# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Service principals, what they are granted, who owns them, and applications that come back from the deleted items."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
import requests
from graph_caller import INFO, Graph
from rehearsal import APP_ID, PRINCIPAL_ID, Lab

from lab.login import DEVICE_GRANT
from lab.state import Group
from lab.tokens import EXCHANGE, GRAPH

ALL = (
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.Read.All",
)
OWNED = ("Application.ReadWrite.OwnedBy",)
NOBODY = "6a5b0c1d-0000-4000-8000-000000000009"
MAIL_SEND = "b633e1c5-b582-4048-a93e-9f11b44c7e96"
ZERO = "00000000-0000-0000-0000-000000000000"
ROLE: dict[str, Any] = {
    "id": "6a5b0c1d-0000-4000-8000-000000000001",
    "value": "Orders.Read",
    "displayName": "Read orders",
    "description": "Reads all orders",
    "allowedMemberTypes": ["Application", "User"],
}


@pytest.fixture
def graph(lab: Lab) -> Graph:
    return Graph(lab, ALL)


def post(graph: Graph, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = graph.call("POST", path, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def application(graph: Graph, **properties: Any) -> dict[str, Any]:
    return post(graph, "applications", {"displayName": "Versand", "signInAudience": "AzureADMyOrg", **properties})


def principal(graph: Graph, made: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    made = made or application(graph)
    return post(graph, "servicePrincipals", {"appId": made["appId"], **properties})


def resource(graph: Graph, app_id: str = GRAPH) -> dict[str, Any]:
    found: dict[str, Any] = graph.get(f"servicePrincipals(appId='{app_id}')")
    return found


def assign(graph: Graph, client: dict[str, Any], target: dict[str, Any], role_id: str) -> requests.Response:
    body = {"principalId": client["id"], "resourceId": target["id"], "appRoleId": role_id}
    return graph.call("POST", f"servicePrincipals/{target['id']}/appRoleAssignedTo", body)


def consent(graph: Graph, client: dict[str, Any], text: Any, **members: Any) -> requests.Response:
    body = {
        "clientId": client["id"],
        "consentType": "AllPrincipals",
        "resourceId": resource(graph)["id"],
        "scope": text,
    }
    return graph.call("POST", "oauth2PermissionGrants", body | members)


def roles_of(graph: Graph, client: dict[str, Any], audience: str = "https://graph.microsoft.com") -> list[str]:
    """What a token of the client carries now; it gets a secret of its own for that."""
    made = graph.call("POST", f"applications(appId='{client['appId']}')/addPassword", {})
    scope = f"{audience}/.default"
    answer = graph.lab.sign_in(client_id=client["appId"], client_secret=made.json()["secretText"], scope=scope)
    roles: list[str] = jwt.decode(answer.json()["access_token"], options={"verify_signature": False}).get("roles", [])
    return roles


# Service principals


def test_a_service_principal_is_made_for_an_application_once(graph: Graph) -> None:
    made = application(graph, appRoles=[ROLE])
    body = principal(graph, made, tags=["ansible"], appRoleAssignmentRequired=True)
    assert (body["appId"], body["displayName"], body["servicePrincipalType"]) == (
        made["appId"],
        "Versand",
        "Application",
    )
    assert (body["appRoleAssignmentRequired"], body["tags"], body["accountEnabled"]) == (True, ["ansible"], True)
    assert body["appRoles"][0]["value"] == "Orders.Read"
    assert graph.get(f"servicePrincipals(appId='{made['appId']}')")["id"] == body["id"]
    said = graph.refused("POST", "servicePrincipals", {"appId": made["appId"]})
    assert said[:2] == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert graph.refused("POST", "servicePrincipals", {"appId": GRAPH})[0] == 409
    said = graph.refused("POST", "servicePrincipals", {"appId": NOBODY})
    assert said[2] == f"The appId '{NOBODY}' of the service principal does not reference a valid application object."


def test_a_service_principal_is_changed_within_limits(graph: Graph) -> None:
    made = principal(graph)
    path = f"servicePrincipals/{made['id']}"
    assert graph.call("PATCH", path, {"notes": "x", "accountEnabled": False, "tags": []}).status_code == 204
    shown = graph.get(path)
    assert (shown["notes"], shown["accountEnabled"], shown["displayName"]) == ("x", False, "Versand")
    for body in ({"appId": NOBODY}, {"appRoles": []}, {"nickName": "x"}, {"tags": None}, {"accountEnabled": "no"}):
        assert graph.refused("PATCH", path, body)[0] == 400
    assert graph.refused("PATCH", path, {"appRoleAssignmentRequired": None})[0] == 400
    assert graph.refused("PATCH", f"servicePrincipals/{resource(graph)['id']}", {"notes": "x"})[0] == 403


def test_a_disabled_and_a_deleted_service_principal_cannot_sign_in(graph: Graph) -> None:
    made = principal(graph)
    secret = graph.call("POST", f"applications(appId='{made['appId']}')/addPassword", {}).json()["secretText"]

    def number() -> int:
        answer = graph.lab.sign_in(client_id=made["appId"], client_secret=secret)
        return 0 if answer.status_code == 200 else answer.json()["error_codes"][0]

    assert number() == 0
    graph.call("PATCH", f"servicePrincipals/{made['id']}", {"accountEnabled": False})
    assert number() == 7000112
    graph.call("PATCH", f"servicePrincipals/{made['id']}", {"accountEnabled": True})
    assert graph.call("DELETE", f"servicePrincipals/{made['id']}").status_code == 204
    assert number() == 7000229


def test_a_fresh_application_is_not_known_everywhere_to_service_principals(graph: Graph) -> None:
    graph.switch(graph_replica_lag=60)
    made = application(graph)
    said = graph.refused("POST", "servicePrincipals", {"appId": made["appId"]})
    assert said[0] == 400
    assert "does not reference a valid application object" in said[2]
    graph.roles = OWNED
    said = graph.refused("POST", "servicePrincipals", {"appId": made["appId"]})
    assert said[:2] == (403, "Authorization_RequestDenied")
    assert said[2].startswith("When using this permission, the backing application of the service principal")
    graph.roles = ALL
    graph.advance(61)
    client = principal(graph, made)
    assert graph.refused("PATCH", f"servicePrincipals/{client['id']}", {"notes": "x"})[0] == 404
    assert (
        assign(graph, client, resource(graph), MAIL_SEND).json()["error"]["message"] == "Not a valid reference update."
    )
    assert consent(graph, client, "User.Read").status_code == 400
    graph.advance(61)
    assert assign(graph, client, resource(graph), MAIL_SEND).status_code == 201
    assert consent(graph, client, "User.Read").status_code == 201


# Permissions that the resources publish


def test_resources_publish_permissions_under_their_real_ids(graph: Graph) -> None:
    for app_id, roles, scopes in (
        (GRAPH, {"Mail.Send": MAIL_SEND}, {"SMTP.Send": "258f6531-6087-4cc4-bb90-092c5fb3ed3f"}),
        (
            EXCHANGE,
            {"full_access_as_app": "dc890d15-9560-4a4c-9b7f-a736ec74ec40"},
            {"EWS.AccessAsUser.All": "3b5f3d61-589b-4a3c-a359-5dd4b5ee5bd5"},
        ),
    ):
        shown = resource(graph, app_id)
        assert {one["value"]: one["id"] for one in shown["appRoles"]}.items() >= roles.items()
        assert {one["value"]: one["id"] for one in shown["oauth2PermissionScopes"]}.items() >= scopes.items()
        for kind in ("appRoles", "oauth2PermissionScopes"):
            ids = [one["id"] for one in shown[kind]]
            assert len(set(ids)) == len(ids)


# Application permissions


def test_an_assignment_is_in_the_tokens_from_then_on(graph: Graph) -> None:
    client = principal(graph)
    assert roles_of(graph, client) == []
    answer = assign(graph, client, resource(graph), MAIL_SEND)
    row = answer.json()
    assert answer.status_code == 201
    assert (row["principalType"], row["principalDisplayName"]) == ("ServicePrincipal", "Versand")
    assert (row["resourceDisplayName"], row["appRoleId"]) == ("Microsoft Graph", MAIL_SEND)
    assert roles_of(graph, client) == ["Mail.Send"]
    for path in (
        f"servicePrincipals/{client['id']}/appRoleAssignments",
        f"servicePrincipals(appId='{GRAPH}')/appRoleAssignedTo",
    ):
        rows = graph.get(path)["value"]
        assert [one["id"] for one in rows if one["principalId"] == client["id"]] == [row["id"]]
    path = f"servicePrincipals/{row['resourceId']}/appRoleAssignedTo/{row['id']}"
    assert graph.call("DELETE", path).status_code == 204
    assert roles_of(graph, client) == []
    assert graph.refused("DELETE", path)[0] == 404


def test_grants_of_the_tenant_are_assignments_and_the_other_way_round(graph: Graph) -> None:
    own = graph.get(f"servicePrincipals/{PRINCIPAL_ID}/appRoleAssignments")["value"]
    published = {one["id"]: one["value"] for one in resource(graph)["appRoles"]}
    held = [published[one["appRoleId"]] for one in own if one["resourceId"] == resource(graph)["id"]]
    assert held == list(ALL)
    assert {one["resourceDisplayName"] for one in own} == {"Microsoft Graph", "Office 365 Exchange Online"}
    client = {"id": PRINCIPAL_ID}
    assert assign(graph, client, resource(graph), MAIL_SEND).status_code == 201
    assert "Mail.Send" in graph.lab.application.app_roles[GRAPH]


def test_refused_assignments(graph: Graph) -> None:
    client, target = principal(graph), resource(graph)
    assert assign(graph, client, target, MAIL_SEND).status_code == 201
    for role_id, words in (
        (MAIL_SEND, "Permission being assigned already exists on the object"),
        (NOBODY, f"Permission being assigned was not found on application '{GRAPH}'."),
        (ZERO, f"Permission being assigned was not found on application '{GRAPH}'."),
    ):
        answer = assign(graph, client, target, role_id)
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, words)
    assert assign(graph, {"id": NOBODY}, target, MAIL_SEND).status_code == 404
    path = f"servicePrincipals/{target['id']}/appRoleAssignedTo"
    body = {"principalId": client["id"], "resourceId": target["id"], "appRoleId": MAIL_SEND}
    for change in ({"appRoleId": None}, {"appRoleId": "x"}, {"id": "x"}, {"role": "x"}, {"resourceId": client["id"]}):
        assert graph.refused("POST", path, body | change)[0] == 400


def test_assigning_needs_two_permissions(graph: Graph) -> None:
    client, target = principal(graph), resource(graph)
    for roles in (("AppRoleAssignment.ReadWrite.All",), ("Application.ReadWrite.All",)):
        graph.roles = roles
        assert assign(graph, client, target, MAIL_SEND).status_code == 403
    graph.roles = ("AppRoleAssignment.ReadWrite.All", "Application.Read.All")
    assert assign(graph, client, target, MAIL_SEND).status_code == 201


def test_users_and_groups_are_assigned_to_applications(graph: Graph) -> None:
    target = principal(graph, application(graph, appRoles=[ROLE]))
    plain = principal(graph)
    group = Group(graph.lab.tenant.new_id(), "Verkauf")
    graph.lab.tenant.groups[group.id] = group
    for kind, holder in (("users", INFO), ("groups", group.id)):
        body = {"principalId": holder, "resourceId": target["id"], "appRoleId": ROLE["id"]}
        made = post(graph, f"{kind}/{holder}/appRoleAssignments", body)
        assert made["principalType"] == kind[:-1].title()
        assert graph.refused("POST", f"{kind}/{holder}/appRoleAssignments", body)[0] == 400
        assert graph.refused("POST", f"{kind}/{holder}/appRoleAssignments", body | {"appRoleId": ZERO})[0] == 400
        body = {"principalId": holder, "resourceId": plain["id"], "appRoleId": ZERO}
        post(graph, f"servicePrincipals/{plain['id']}/appRoleAssignedTo", body)
        assert len(graph.get(f"{kind}/{holder}/appRoleAssignments")["value"]) == 2
        assert graph.call("DELETE", f"{kind}/{holder}/appRoleAssignments/{made['id']}").status_code == 204
    assert len(graph.get(f"servicePrincipals/{plain['id']}/appRoleAssignedTo")["value"]) == 2


def test_a_fresh_grant_may_be_missing_from_tokens_for_a_while(graph: Graph) -> None:
    client = principal(graph)
    graph.switch(grant_propagation=60)
    assign(graph, client, resource(graph), MAIL_SEND)
    assert roles_of(graph, client) == []
    graph.advance(61)
    assert roles_of(graph, client) == ["Mail.Send"]


# Delegated permissions


def test_consent_is_read_back_in_another_form(graph: Graph) -> None:
    client = principal(graph)
    answer = consent(graph, client, "User.Read Mail.Send")
    made = answer.json()
    assert (answer.status_code, made["consentType"], made["principalId"]) == (201, "AllPrincipals", None)
    shown = graph.get(f"oauth2PermissionGrants/{made['id']}")["scope"]
    assert shown == " Mail.Send User.Read"
    path = f"oauth2PermissionGrants/{made['id']}"
    assert graph.call("PATCH", path, {"scope": "openid"}).status_code == 204
    assert graph.get(path)["scope"].split() == ["openid"]
    assert graph.call("DELETE", path).status_code == 204
    assert graph.refused("DELETE", path)[0] == 404


def test_consent_is_found_by_its_parties(graph: Graph) -> None:
    client = principal(graph)
    made = consent(graph, client, "User.Read").json()
    one = consent(graph, client, "Mail.Send", consentType="Principal", principalId=INFO).json()
    for text, found in (
        (f"clientId eq '{client['id']}'", [made["id"], one["id"]]),
        (f"clientId eq '{client['id']}' and resourceId eq '{made['resourceId']}'", [made["id"], one["id"]]),
        (f"clientId eq '{client['id']}' and consentType eq 'AllPrincipals'", [made["id"]]),
        (f"principalId eq '{INFO}'", [one["id"]]),
    ):
        assert [row["id"] for row in graph.get(f"oauth2PermissionGrants?$filter={text}")["value"]] == found
    rows = graph.get(f"servicePrincipals/{client['id']}/oauth2PermissionGrants")["value"]
    assert [row["id"] for row in rows] == [made["id"], one["id"]]


def test_refused_consent(graph: Graph) -> None:
    client = principal(graph)
    assert consent(graph, client, "User.Read").status_code == 201
    answer = consent(graph, client, "Mail.Send")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert answer.json()["error"]["message"] == "Permission entry already exists."
    for change in (
        {"clientId": NOBODY},
        {"consentType": "Everyone"},
        {"consentType": "Principal"},
        {"principalId": INFO},
        {"scope": None},
        {"scope": ["User.Read"]},
        {"resourceId": "x"},
        {"expiry": "x"},
    ):
        assert consent(graph, client, "User.Read", **change).status_code == 400
    (made,) = graph.get(f"servicePrincipals/{client['id']}/oauth2PermissionGrants")["value"]
    for body in ({"consentType": "Principal"}, {"scope": None}, {"scope": 5}):
        assert graph.refused("PATCH", f"oauth2PermissionGrants/{made['id']}", body)[0] == 400
    graph.roles = ("Application.ReadWrite.All", "Directory.Read.All")
    assert consent(graph, client, "User.Read").status_code == 403


def test_a_404_may_follow_a_grant_that_was_written(graph: Graph) -> None:
    client = principal(graph)
    graph.switch(graph_grant_404=1)
    answer = consent(graph, client, "User.Read")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "Directory_ObjectNotFound")
    assert len(graph.get(f"servicePrincipals/{client['id']}/oauth2PermissionGrants")["value"]) == 1
    assert consent(graph, client, "User.Read").status_code == 409


def device_sign_in(graph: Graph, made: dict[str, Any], scope: str) -> requests.Response:
    url = f"/{graph.lab.tenant.id}/oauth2/v2.0"
    begun = graph.lab.call("POST", f"{url}/devicecode", data={"client_id": made["appId"], "scope": scope}).json()
    graph.lab.control("POST", "device", {"user_code": begun["user_code"], "approve": True, "user": INFO})
    form = {"client_id": made["appId"], "grant_type": DEVICE_GRANT, "device_code": begun["device_code"]}
    return graph.lab.call("POST", f"{url}/token", data=form)


def test_a_signed_in_user_gets_what_was_consented_for_him(graph: Graph) -> None:
    made = application(graph, isFallbackPublicClient=True)
    client = principal(graph, made)
    everything = "https://graph.microsoft.com/.default"
    assign(graph, client, resource(graph), MAIL_SEND)
    assert device_sign_in(graph, made, everything).json()["error_codes"] == [65001]
    consent(graph, client, "User.Read")
    consent(graph, client, "Mail.Send User.Read", consentType="Principal", principalId=INFO)
    token = device_sign_in(graph, made, everything).json()["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["scp"] == "User.Read Mail.Send"
    scopes = "https://graph.microsoft.com/Calendars.Read openid"
    assert device_sign_in(graph, made, scopes).json()["error_codes"] == [65001]


def test_an_application_that_wants_assignment_lets_in_only_who_is_assigned(graph: Graph) -> None:
    made = application(graph, isFallbackPublicClient=True)
    client = principal(graph, made, appRoleAssignmentRequired=True)
    consent(graph, client, "User.Read")
    everything = "https://graph.microsoft.com/.default"
    assert device_sign_in(graph, made, everything).json()["error_codes"] == [50105]
    body = {"principalId": INFO, "resourceId": client["id"], "appRoleId": ZERO}
    post(graph, f"users/{INFO}/appRoleAssignments", body)
    assert device_sign_in(graph, made, everything).status_code == 200


# Owners


@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
def test_owners_are_added_and_removed_by_reference(graph: Graph, kind: str) -> None:
    made = application(graph)
    client = principal(graph, made)
    path = f"{kind}/{made['id'] if kind == 'applications' else client['id']}/owners"
    assert graph.get(path)["value"] == []
    for owner in (INFO, PRINCIPAL_ID):
        body = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{owner}"}
        assert graph.call("POST", f"{path}/$ref", body).status_code == 204
        assert "One or more added object references already exist" in graph.refused("POST", f"{path}/$ref", body)[2]
    rows = graph.get(path)["value"]
    assert [row["@odata.type"] for row in rows] == ["#microsoft.graph.user", "#microsoft.graph.servicePrincipal"]
    assert graph.call("DELETE", f"{path}/{INFO}/$ref").status_code == 204
    assert graph.refused("DELETE", f"{path}/{INFO}/$ref")[0] == 404
    for body in ({"@odata.id": "x"}, {}, {"id": INFO}):
        assert graph.refused("POST", f"{path}/$ref", body)[0] == 400
    body = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{NOBODY}"}
    assert graph.refused("POST", f"{path}/$ref", body)[0] == 404
    graph.roles = ("Application.ReadWrite.All",)
    assert graph.refused("POST", f"{path}/$ref", body)[0] == 403


def test_owned_by_needs_the_service_principal_too(graph: Graph) -> None:
    made = application(graph)
    foreign = principal(graph, made)
    graph.roles = OWNED
    assert graph.refused("PATCH", f"servicePrincipals/{foreign['id']}", {"notes": "x"})[0] == 403
    own = application(graph)
    client = principal(graph, own)
    assert graph.call("PATCH", f"servicePrincipals/{client['id']}", {"notes": "x"}).status_code == 204
    graph.roles = ALL
    third = application(graph)
    graph.roles = OWNED
    assert graph.refused("POST", "servicePrincipals", {"appId": third["appId"]})[0] == 403


# Deleted items


def test_a_restored_application_comes_without_its_service_principal(graph: Graph) -> None:
    made = application(graph, uniqueName="versand")
    client = principal(graph, made)
    assign(graph, client, resource(graph), MAIL_SEND)
    assert graph.call("DELETE", f"applications/{made['id']}").status_code == 204
    assert graph.refused("GET", f"applications/{made['id']}")[0] == 404
    assert graph.refused("GET", f"servicePrincipals/{client['id']}")[0] == 404
    (row,) = graph.get("directory/deletedItems/microsoft.graph.application")["value"]
    assert (row["id"], row["uniqueName"]) == (made["id"], "versand")
    assert row["deletedDateTime"] is not None
    assert graph.get(f"directory/deletedItems/{made['id']}")["@odata.type"] == "#microsoft.graph.application"
    answer = graph.call("POST", f"directory/deletedItems/{made['id']}/restore")
    assert (answer.status_code, answer.json()["deletedDateTime"]) == (200, None)
    assert graph.get("applications(uniqueName='versand')")["id"] == made["id"]
    assert graph.refused("GET", f"servicePrincipals(appId='{made['appId']}')")[0] == 404
    (row,) = graph.get("directory/deletedItems/microsoft.graph.servicePrincipal")["value"]
    assert row["id"] == client["id"]
    assert graph.call("POST", f"directory/deletedItems/{client['id']}/restore").status_code == 200
    assert roles_of(graph, client) == ["Mail.Send"]


def test_a_new_service_principal_has_nothing_of_the_former_one(graph: Graph) -> None:
    made = application(graph)
    former = principal(graph, made)
    assign(graph, former, resource(graph), MAIL_SEND)
    consent(graph, former, "User.Read")
    graph.call("DELETE", f"servicePrincipals/{former['id']}")
    client = principal(graph, made)
    assert client["id"] != former["id"]
    assert graph.get(f"servicePrincipals/{client['id']}/appRoleAssignments")["value"] == []
    assert graph.get(f"servicePrincipals/{client['id']}/oauth2PermissionGrants")["value"] == []
    said = graph.refused("POST", f"directory/deletedItems/{former['id']}/restore")
    assert said[:2] == (409, "Request_MultipleObjectsWithSameKeyValue")


def test_a_purged_application_frees_its_unique_name(graph: Graph) -> None:
    made = application(graph, uniqueName="versand")
    client = principal(graph, made)
    graph.call("DELETE", f"applications/{made['id']}")
    assert graph.call("DELETE", f"directory/deletedItems/{made['id']}").status_code == 204
    assert graph.refused("DELETE", f"directory/deletedItems/{made['id']}")[0] == 404
    assert graph.refused("POST", f"directory/deletedItems/{client['id']}/restore")[0] == 400
    assert application(graph, uniqueName="versand")["id"] != made["id"]


def test_deleted_applications_are_filtered_by_few_properties_and_kept_by_their_owners(graph: Graph) -> None:
    made = application(graph, uniqueName="versand")
    graph.call("DELETE", f"applications/{made['id']}")
    path = "directory/deletedItems/microsoft.graph.application"
    assert len(graph.get(f"{path}?$filter=displayName eq 'Versand'")["value"]) == 1
    assert graph.refused("GET", f"{path}?$filter=uniqueName eq 'versand'")[0] == 400
    for roles in (OWNED, ("User.ReadWrite.All",)):
        graph.roles = roles
        assert graph.refused("POST", f"directory/deletedItems/{made['id']}/restore")[0] == 403
        assert graph.refused("DELETE", f"directory/deletedItems/{made['id']}")[0] == 403


def test_the_state_shows_grants_and_assignments(graph: Graph) -> None:
    client = principal(graph)
    consent(graph, client, "User.Read")
    assign(graph, client, resource(graph), MAIL_SEND)
    state = graph.lab.control("GET", "state")
    assert [one["scope"] for one in state["permission_grants"].values() if one["client_id"] == client["id"]] == [
        "User.Read"
    ]
    (shown,) = [one for one in state["applications"].values() if one["app_id"] == client["appId"]]
    assert shown["app_roles"] == {GRAPH: ["Mail.Send"]}
    assert APP_ID in {one["app_id"] for one in state["applications"].values()}
