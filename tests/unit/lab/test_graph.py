# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Graph shows, to whom, and how it refuses: tokens, permissions, addresses, query options, pages, errors."""

from __future__ import annotations

from typing import Any

import pytest
from graph_caller import INFO, SALES, Graph
from rehearsal import APP_ID, EXCHANGE_PLAN_1, PRINCIPAL_ID, TENANT_ID, Lab

from lab.login import issue
from lab.state import DirectoryRole, Group, License, User
from lab.tokens import EXCHANGE, GRAPH, issue_delegated

DEFAULT_PROPERTIES = {
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
}
EVENTUAL = {"ConsistencyLevel": "eventual"}


@pytest.fixture
def graph(lab: Lab) -> Graph:
    return Graph(lab)


def names(page: dict[str, Any]) -> list[str]:
    return [row["displayName"] for row in page["value"]]


# Tokens and permissions


def test_no_token_is_401_invalid_authentication_token(lab: Lab) -> None:
    answer = lab.call("GET", "/v1.0/users")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert answer.json()["error"]["message"] == "Access token is empty."
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("token", ["rubbish", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_malformed_token_is_401_and_is_not_quoted(lab: Lab, token: str) -> None:
    answer = lab.call("GET", "/v1.0/users", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert token not in answer.text


def test_token_for_exchange_has_the_wrong_audience_for_graph(lab: Lab) -> None:
    answer = lab.call("GET", "/v1.0/users", headers=lab.bearer(EXCHANGE))
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "Access token validation failure. Invalid audience."


def test_token_expires_by_the_tenants_clock(lab: Lab) -> None:
    headers = lab.bearer()
    assert lab.call("GET", "/v1.0/users", headers=headers).status_code == 200
    lab.control("POST", "clock", {"advance": 3600})
    answer = lab.call("GET", "/v1.0/users", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "Lifetime validation failed, the token is expired."


PERMISSIONS = [
    ("users", "User.Read.All", "LicenseAssignment.ReadWrite.All"),
    (f"users/{INFO}", "Directory.Read.All", "Organization.Read.All"),
    (f"users/{INFO}/licenseDetails", "LicenseAssignment.Read.All", "Organization.Read.All"),
    (f"users/{INFO}/memberOf", "GroupMember.Read.All", "Organization.Read.All"),
    (f"users/{INFO}/onPremisesSyncBehavior", "User-OnPremisesSyncBehavior.ReadWrite.All", "User.ReadWrite.All"),
    ("subscribedSkus", "LicenseAssignment.Read.All", "User.ReadWrite.All"),
    ("organization", "Organization.Read.All", "User.Read.All"),
    ("domains", "Domain.Read.All", "User.Read.All"),
    ("domains/contoso.example", "Directory.Read.All", "Organization.Read.All"),
    ("directoryRoles", "RoleManagement.Read.Directory", "User.Read.All"),
    ("roleManagement/directory/roleAssignments", "RoleManagement.Read.Directory", "User.Read.All"),
    ("servicePrincipals", "Application.Read.All", "User.Read.All"),
    ("directory/deletedItems/microsoft.graph.user", "User.Read.All", "Organization.Read.All"),
]


@pytest.mark.parametrize(("path", "enough", "too_little"), PERMISSIONS)
def test_a_read_needs_one_of_its_documented_permissions(graph: Graph, path: str, enough: str, too_little: str) -> None:
    graph.roles = (too_little,)
    said = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    assert graph.refused("GET", path) == said
    graph.roles = (enough,)
    assert graph.call("GET", path).status_code == 200


def test_a_token_without_roles_is_valid_but_403(graph: Graph) -> None:
    graph.roles = ()
    assert graph.refused("GET", "users")[:2] == (403, "Authorization_RequestDenied")


def test_a_read_permission_does_not_allow_writes(graph: Graph) -> None:
    graph.roles = ("User.Read.All", "Directory.Read.All", "LicenseAssignment.Read.All")
    assert graph.refused("PATCH", f"users/{INFO}", {"jobTitle": "x"})[0] == 403
    assert graph.refused("POST", "users", {})[0] == 403
    assert graph.refused("DELETE", f"users/{INFO}")[0] == 403
    assert graph.refused("POST", f"users/{INFO}/assignLicense", {})[0] == 403


def test_mailbox_settings_are_refused_in_the_words_of_exchange(graph: Graph) -> None:
    graph.roles = ("User.ReadWrite.All",)
    assert graph.refused("GET", f"users/{INFO}/mailboxSettings/userPurpose")[:2] == (403, "ErrorAccessDenied")


def test_on_premises_synchronization_is_403_for_every_application(graph: Graph) -> None:
    graph.roles = ("OnPremDirectorySynchronization.ReadWrite.All", "Directory.ReadWrite.All")
    assert graph.refused("GET", "directory/onPremisesSynchronization")[:2] == (403, "Authorization_RequestDenied")


def test_on_premises_synchronization_is_a_collection_for_a_signed_in_administrator(lab: Lab) -> None:
    lab.tenant.permission_grants["consent"].scope = "OnPremDirectorySynchronization.Read.All"
    lab.tenant.sync_features.block_soft_match = True
    token = issue_delegated(lab.world, lab.application, lab.tenant.users[INFO], GRAPH, "https://graph.microsoft.com")
    answer = lab.call("GET", "/v1.0/directory/onPremisesSynchronization", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["value"][0]["features"]["blockSoftMatchEnabled"] is True


# Errors and headers


def test_error_body_and_headers_carry_the_request_ids(graph: Graph) -> None:
    sent = "99999999-0000-4000-8000-000000000009"
    answer = graph.call("GET", "users/nobody@contoso.example", headers={"client-request-id": sent})
    inner = answer.json()["error"]["innerError"]
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "Request_ResourceNotFound"
    assert "Resource 'nobody@contoso.example' does not exist or one of its queried" in answer.json()["error"]["message"]
    assert answer.headers["client-request-id"] == inner["client-request-id"] == sent
    assert answer.headers["request-id"] == inner["request-id"]
    assert answer.headers["Date"]
    assert "ServerInfo" in answer.headers["x-ms-ags-diagnostic"]
    assert len(inner["date"]) == len("2026-08-01T10:00:00")


@pytest.mark.parametrize(
    ("path", "segment"),
    [
        ("nonsense", "nonsense"),
        (f"users/{INFO}/nonsense", "nonsense"),
        (f"users/{INFO}/assignLicense/more", "more"),
        ("roleManagement", "roleManagement"),
        ("organization('a')/b", "b"),
    ],
)
def test_an_unknown_address_is_400_resource_not_found_for_the_segment(graph: Graph, path: str, segment: str) -> None:
    assert graph.refused("GET", path) == (400, "BadRequest", f"Resource not found for the segment '{segment}'.")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "users"), ("DELETE", "users"), ("POST", "subscribedSkus"), ("GET", f"users/{INFO}/assignLicense")],
)
def test_an_unserved_verb_is_405(graph: Graph, method: str, path: str) -> None:
    words = "Specified HTTP method is not allowed for the request target."
    assert graph.refused(method, path) == (405, "Request_BadRequest", words)


def test_me_is_only_for_signed_in_users(graph: Graph) -> None:
    assert "delegated authentication flow" in graph.refused("GET", "me")[2]


def test_addresses_are_not_case_sensitive_and_may_be_keyed(graph: Graph) -> None:
    assert graph.get(f"USERS/{INFO.upper()}")["id"] == INFO
    assert graph.get(f"users('{INFO}')")["id"] == INFO
    assert graph.get("users/INFO@Contoso.example")["id"] == INFO
    assert graph.get("users(userPrincipalName='info@contoso.example')")["id"] == INFO


# Selecting


def test_without_select_a_user_has_exactly_the_default_properties(graph: Graph) -> None:
    assert set(graph.get(f"users/{INFO}")) == DEFAULT_PROPERTIES | {"@odata.context"}
    assert all(set(row) == DEFAULT_PROPERTIES for row in graph.get("users")["value"])


def test_hybrid_attributes_licenses_and_addresses_come_only_when_selected(graph: Graph) -> None:
    hidden = (
        "proxyAddresses",
        "onPremisesSyncEnabled",
        "onPremisesImmutableId",
        "onPremisesLastSyncDateTime",
        "onPremisesProvisioningErrors",
        "assignedLicenses",
        "assignedPlans",
        "licenseAssignmentStates",
        "usageLocation",
        "accountEnabled",
    )
    shown = graph.user(INFO, *hidden)
    assert set(shown) == {*hidden, "@odata.context"}
    assert shown["proxyAddresses"] == ["SMTP:info@contoso.example", "smtp:info@contoso.onmicrosoft.example"]
    assert shown["onPremisesSyncEnabled"] is None


def test_an_unknown_property_in_select_is_400(graph: Graph) -> None:
    status, code, words = graph.refused("GET", "users?$select=id,nickName")
    assert (status, code) == (400, "BadRequest")
    assert "Could not find a property named 'nickName' on type 'microsoft.graph.user'" in words


def test_an_unknown_query_option_is_400(graph: Graph) -> None:
    assert graph.refused("GET", "users?$filters=id")[0] == 400
    assert graph.refused("GET", "users?$skip=1") == (
        400,
        "Request_BadRequest",
        "'$skip' is not supported by the service.",
    )
    assert graph.refused("GET", f"users/{INFO}?$filter=id eq 'x'")[0] == 400


# Filtering


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("userPrincipalName eq 'INFO@contoso.example'", ["Info"]),
        ("displayName eq 'Vertrieb'", ["Vertrieb"]),
        (f"id eq '{SALES}'", ["Vertrieb"]),
        ("startsWith(displayName,'ver')", ["Vertrieb"]),
        ("startswith(displayName, 'V') or displayName eq 'Info'", ["Info", "Vertrieb"]),
        ("accountEnabled eq true and (displayName eq 'Info' or displayName eq 'Rechnung')", ["Info", "Rechnung"]),
        ("userPrincipalName in ('info@contoso.example', 'vertrieb@contoso.example')", ["Info", "Vertrieb"]),
        ("displayName in ('Info','Nobody')", ["Info"]),
        ("proxyAddresses/any(p:p eq 'smtp:info@contoso.example')", ["Info"]),
        ("proxyAddresses/any(p:p eq 'SMTP:INFO@contoso.onmicrosoft.example')", ["Info"]),
        ("proxyAddresses/any(p:p eq 'info@contoso.example')", []),
        ("proxyAddresses/any(x:startsWith(x,'smtp:ver'))", ["Vertrieb"]),
        ("onPremisesSyncEnabled eq null and mail eq 'info@contoso.example'", ["Info"]),
        ("proxyAddresses/any(p:p eq 'smtp:info@contoso.example') and displayName eq 'Vertrieb'", []),
        ("mail eq 'nobody@contoso.example'", []),
    ],
)
def test_filter_subset(graph: Graph, text: str, found: list[str]) -> None:
    assert names(graph.get("users", params={"$filter": text})) == found


def test_filter_finds_users_by_license(graph: Graph) -> None:
    graph.lab.tenant.users[SALES].licenses = [License(EXCHANGE_PLAN_1)]
    page = graph.get("users", params={"$filter": f"assignedLicenses/any(s:s/skuId eq {EXCHANGE_PLAN_1})"})
    assert names(page) == ["Vertrieb"]


def test_filter_escapes_an_apostrophe_by_doubling_it(graph: Graph) -> None:
    graph.new_user("o'brien")
    assert names(graph.get("users", params={"$filter": "displayName eq 'O''Brien'"})) == ["O'Brien"]
    assert names(graph.get("users", params={"$filter": "userPrincipalName eq 'o''brien@contoso.example'"})) == [
        "O'Brien"
    ]
    assert graph.refused("GET", "users", params={"$filter": "displayName eq 'O'Brien'"})[:2] == (400, "BadRequest")


@pytest.mark.parametrize(
    "text",
    [
        "displayName eq",
        "displayName like 'x'",
        "(displayName eq 'x'",
        "displayName eq 'x' extra",
        "",
        "nickName eq 'x'",
        "(" * 2000,
    ],
)
def test_a_malformed_filter_is_400(graph: Graph, text: str) -> None:
    assert graph.refused("GET", "users", params={"$filter": text})[:2] == (400, "BadRequest")


def test_a_filter_on_a_property_that_takes_none_is_unsupported(graph: Graph) -> None:
    status, code, words = graph.refused("GET", "users", params={"$filter": "onPremisesDomainName eq 'x'"})
    assert (status, code) == (400, "Request_UnsupportedQuery")
    assert "specified for property 'onPremisesDomainName' of resource 'User'" in words
    assert graph.refused("GET", "users", params={"$filter": "proxyAddresses eq 'x'"})[1] == "Request_UnsupportedQuery"


def test_a_filter_with_the_wrong_type_is_400(graph: Graph) -> None:
    assert "incompatible types" in graph.refused("GET", "users", params={"$filter": "accountEnabled eq 'true'"})[2]


@pytest.mark.parametrize(
    "text", ["displayName ne 'Info'", "not(displayName eq 'Info')", "endsWith(mail,'contoso.example')"]
)
def test_advanced_filters_need_consistency_level_and_count(graph: Graph, text: str) -> None:
    assert graph.refused("GET", "users", params={"$filter": text})[1] == "Request_UnsupportedQuery"
    assert graph.refused("GET", "users", params={"$filter": text}, headers=EVENTUAL)[0] == 400
    page = graph.get("users", params={"$filter": text, "$count": "true"}, headers=EVENTUAL)
    assert page["@odata.count"] == len(page["value"]) >= 2


def test_count_needs_consistency_level(graph: Graph) -> None:
    assert graph.refused("GET", "users?$count=true")[0] == 400
    assert graph.refused("GET", "users/$count")[0] == 400
    assert graph.get("users?$count=true&$top=1", headers=EVENTUAL)["@odata.count"] == 3
    assert graph.call("GET", "users/$count", headers=EVENTUAL).text == "3"


def test_orderby_is_served_for_names_but_not_beside_a_plain_filter(graph: Graph) -> None:
    assert names(graph.get("users?$orderby=displayName desc")) == ["Vertrieb", "Rechnung", "Info"]
    both = {"$orderby": "displayName", "$filter": "startsWith(displayName,'I')"}
    assert graph.refused("GET", "users", params=both)[2] == "Sorting not supported for current query."
    assert graph.refused("GET", "users?$orderby=mail")[0] == 400


@pytest.mark.parametrize("join", ["in", "or"])
def test_more_than_15_alternatives_need_an_advanced_query(graph: Graph, join: str) -> None:
    values = [f"'user{number}'" for number in range(16)]
    each = " or ".join(f"displayName eq {value}" for value in values)
    text = f"displayName in ({','.join(values)})" if join == "in" else each
    status, code, words = graph.refused("GET", "users", params={"$filter": text})
    assert (status, code) == (400, "Request_UnsupportedQuery")
    assert words.endswith("containing 'OR' operators: 16. Max allowed: 15.")
    assert graph.get("users", params={"$filter": text, "$count": "true"}, headers=EVENTUAL)["value"] == []


# Pages


def test_pages_are_100_long_unless_top_says_otherwise(graph: Graph) -> None:
    for number in range(150):
        graph.new_user(f"user{number}")
    first = graph.get("users")
    assert len(first["value"]) == 100
    answer = graph.lab.session.get(first["@odata.nextLink"], headers=graph.headers(), timeout=20)
    assert len(answer.json()["value"]) == 53
    assert "@odata.nextLink" not in answer.json()


def test_next_link_keeps_the_query_and_pages_cover_everything_once(graph: Graph) -> None:
    link = f"{graph.lab.url}/v1.0/users?$top=1&$select=displayName&$filter=accountEnabled eq true"
    seen = []
    while link:
        page = graph.lab.session.get(link, headers=graph.headers(), timeout=20).json()
        assert [set(row) for row in page["value"]] == [{"displayName"}]
        seen += names(page)
        link = page.get("@odata.nextLink", "")
    assert seen == ["Info", "Vertrieb", "Rechnung"]


def test_a_user_deleted_between_two_pages_shifts_nothing(graph: Graph) -> None:
    first = graph.get("users?$top=2")
    assert graph.call("DELETE", f"users/{INFO}").status_code == 204
    second = graph.lab.session.get(first["@odata.nextLink"], headers=graph.headers(), timeout=20)
    assert names(second.json()) == ["Rechnung"]


def test_a_page_link_expires_and_cannot_be_made_up(graph: Graph) -> None:
    link = graph.get("users?$top=1")["@odata.nextLink"].partition("/v1.0/")[2]
    assert graph.refused("GET", link + "AAAA")[0] == 400
    assert graph.refused("GET", "users?$skiptoken=%E2%82%AC")[0] == 400
    assert graph.refused("GET", link + "&$filter=displayName eq 'Info'")[0] == 400
    graph.switch(graph_page_seconds=60)
    graph.advance(61)
    assert graph.refused("GET", link)[:2] == (400, "Directory_ExpiredPageToken")


@pytest.mark.parametrize("top", ["0", "1000", "-1", "many", "²", "9" * 5000])
def test_top_is_between_1_and_999(graph: Graph, top: str) -> None:
    assert graph.refused("GET", f"users?$top={top}")[0] == 400


# Tenant-wide objects


def test_subscribed_skus_count_a_user_once_and_refuse_filters(graph: Graph) -> None:
    graph.lab.tenant.users[INFO].licenses = [License(EXCHANGE_PLAN_1), License(EXCHANGE_PLAN_1, group_id="g")]
    row = graph.get("subscribedSkus")["value"][0]
    assert row["id"] == f"{TENANT_ID}_{EXCHANGE_PLAN_1}"
    assert row["skuPartNumber"] == "EXCHANGESTANDARD"
    assert row["consumedUnits"] == 1
    assert row["prepaidUnits"] == {"enabled": 5, "suspended": 0, "warning": 0, "lockedOut": 0}
    assert row["servicePlans"][0]["servicePlanName"] == "EXCHANGE_S_STANDARD"
    assert graph.get(f"subscribedSkus/{row['id']}")["consumedUnits"] == 1
    status, _unused, words = graph.refused("GET", "subscribedSkus?$filter=skuPartNumber eq 'EXCHANGESTANDARD'")
    assert (status, words) == (400, "Filtered searches against this resource are not supported.")


def test_organization_is_a_collection_of_one_with_verified_domains(graph: Graph) -> None:
    rows = graph.get("organization")["value"]
    assert len(rows) == 1
    assert rows[0]["id"] == TENANT_ID
    assert rows[0]["onPremisesSyncEnabled"] is None
    shown = {row["name"]: (row["isInitial"], row["isDefault"], row["type"]) for row in rows[0]["verifiedDomains"]}
    assert shown == {
        "contoso.onmicrosoft.example": (True, False, "Managed"),
        "contoso.example": (False, True, "Managed"),
    }
    assert graph.get(f"organization/{TENANT_ID}?$select=displayName")["displayName"] == "Contoso"


def test_domains_show_verification_and_authentication_type(graph: Graph) -> None:
    graph.lab.tenant.domains["contoso.example"].authentication_type = "Federated"
    shown = {row["id"]: (row["isVerified"], row["authenticationType"]) for row in graph.get("domains")["value"]}
    assert shown["contoso.example"] == (True, "Federated")
    assert shown["unverified.example"] == (False, "Managed")
    assert graph.get("domains/Contoso.example")["isDefault"] is True
    assert graph.refused("GET", "domains/nowhere.example")[:2] == (404, "Request_ResourceNotFound")


def test_roles_are_seen_from_the_role_the_user_and_the_assignment(graph: Graph) -> None:
    role = DirectoryRole(
        "77777777-0000-4000-8000-000000000001", "729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk", [INFO]
    )
    graph.lab.tenant.roles[role.id] = role
    assert "Helpdesk" in names(graph.get("directoryRoles"))
    members = graph.get(f"directoryRoles/{role.id}/members")["value"]
    assert [(row["@odata.type"], row["id"]) for row in members] == [("#microsoft.graph.user", INFO)]
    assert graph.get(f"directoryRoles(roleTemplateId='{role.template_id}')")["id"] == role.id
    held = graph.get(f"users/{INFO}/memberOf")["value"]
    assert [(row["@odata.type"], row["roleTemplateId"]) for row in held] == [
        ("#microsoft.graph.directoryRole", role.template_id)
    ]
    rows = graph.get("roleManagement/directory/roleAssignments", params={"$filter": f"principalId eq '{INFO}'"})[
        "value"
    ]
    assert [(row["roleDefinitionId"], row["directoryScopeId"]) for row in rows] == [(role.template_id, "/")]


def test_service_principals_are_members_of_roles(graph: Graph) -> None:
    role = next(iter(graph.lab.tenant.roles.values()))
    members = graph.get(f"directoryRoles/{role.id}/members")["value"]
    assert [(row["@odata.type"], row["id"]) for row in members] == [("#microsoft.graph.servicePrincipal", PRINCIPAL_ID)]


def test_member_of_is_direct_and_can_be_cast_while_transitive_member_of_follows_groups(graph: Graph) -> None:
    tenant = graph.lab.tenant
    inner = Group("88888888-0000-4000-8000-000000000001", "Inner", [INFO])
    outer = Group("88888888-0000-4000-8000-000000000002", "Outer", [inner.id])
    tenant.groups |= {inner.id: inner, outer.id: outer}
    tenant.roles["r"] = DirectoryRole("77777777-0000-4000-8000-000000000001", "t", "Readers", [outer.id])
    assert names(graph.get(f"users/{INFO}/memberOf")) == ["Inner"]
    assert names(graph.get(f"users/{INFO}/memberOf/microsoft.graph.directoryRole")) == []
    assert names(graph.get(f"users/{INFO}/transitiveMemberOf/microsoft.graph.directoryRole")) == ["Readers"]
    assert names(graph.get(f"users/{INFO}/transitiveMemberOf/microsoft.graph.group")) == ["Inner", "Outer"]
    assert graph.get(f"groups/{inner.id}")["displayName"] == "Inner"
    assert [row["id"] for row in graph.get(f"groups/{inner.id}/members?$select=id")["value"]] == [INFO]
    graph.switch(graph_cast_needs_consistency=True)
    assert graph.refused("GET", f"users/{INFO}/memberOf/microsoft.graph.directoryRole")[1] == "Request_UnsupportedQuery"


def test_service_principals_are_found_by_id_app_id_and_filter(graph: Graph) -> None:
    assert graph.get(f"servicePrincipals(appId='{APP_ID}')")["id"] == PRINCIPAL_ID
    assert graph.get(f"servicePrincipals/{PRINCIPAL_ID}")["appId"] == APP_ID
    rows = graph.get("servicePrincipals", params={"$filter": f"appId eq '{EXCHANGE}'"})["value"]
    published = {role["value"]: role["id"] for role in rows[0]["appRoles"]}
    assert published["Exchange.ManageAsApp"] == "dc50a0fb-09a3-484d-be87-e023b12c6440"
    assert published["SMTP.SendAsApp"] == "7146a1f0-8703-45b3-9eae-527a64c00995"
    assert graph.refused("GET", f"servicePrincipals(appId='{TENANT_ID}')")[0] == 404


def test_an_application_without_service_principal_has_none(graph: Graph) -> None:
    graph.headers()
    graph.lab.application.service_principal_id = None
    assert graph.refused("GET", f"servicePrincipals(appId='{APP_ID}')")[0] == 404


@pytest.mark.parametrize(
    ("kind", "purpose"),
    [("UserMailbox", "user"), ("SharedMailbox", "shared"), ("RoomMailbox", "room"), ("EquipmentMailbox", "equipment")],
)
def test_user_purpose_is_graphs_view_of_the_mailbox_type(graph: Graph, kind: str, purpose: str) -> None:
    mailbox = graph.lab.tenant.users[INFO].mailbox
    assert mailbox is not None
    mailbox.type_details = kind
    assert graph.get(f"users/{INFO}/mailboxSettings/userPurpose")["value"] == purpose
    assert graph.get(f"users/{INFO}/mailboxSettings")["userPurpose"] == purpose


def test_user_purpose_without_a_mailbox_is_404_mailbox_not_enabled(graph: Graph) -> None:
    user = graph.new_user("plain")
    path = f"users/{user.id}/mailboxSettings/userPurpose"
    assert graph.refused("GET", path)[:2] == (404, "MailboxNotEnabledForRESTAPI")
    assert graph.refused("GET", "users/none@contoso.example/mailboxSettings/userPurpose")[:2] == (
        404,
        "ErrorInvalidUser",
    )


def test_on_premises_sync_behavior_is_read_and_set(graph: Graph) -> None:
    path = f"users/{INFO}/onPremisesSyncBehavior"
    assert graph.get(path)["isCloudManaged"] is False
    assert graph.call("PATCH", path, {"isCloudManaged": True}).status_code == 204
    assert graph.get(path)["isCloudManaged"] is True
    assert graph.refused("PATCH", path, {"isCloudManaged": "yes"})[0] == 400
    assert graph.refused("PATCH", path, {"cloudManaged": True})[0] == 400


def test_reads_are_in_the_journal_as_reads_and_cost_resource_units(graph: Graph) -> None:
    answer = graph.call("GET", "users")
    assert answer.headers["x-ms-resource-unit"] == "2"
    assert graph.call("GET", "users?$select=id").headers["x-ms-resource-unit"] == "1"
    entries = graph.lab.control("GET", "requests")
    rows = entries if isinstance(entries, list) else entries["requests"]
    assert {(row["service"], row["write"]) for row in rows} == {("graph", False)}


def test_changes_made_by_other_services_are_seen_at_once(graph: Graph) -> None:
    user: User = graph.lab.tenant.users[INFO]
    assert graph.get("users/info@contoso.example")["id"] == INFO
    user.user_principal_name = "neu@contoso.example"
    assert graph.refused("GET", "users/info@contoso.example")[0] == 404
    assert graph.get("users/neu@contoso.example")["id"] == INFO


def test_the_token_of_another_tenant_is_refused(lab: Lab) -> None:
    token = issue(lab.world, lab.application, GRAPH)
    lab.tenant.id = "12121212-1111-4111-8111-111111111111"
    assert lab.call("GET", "/v1.0/users", headers={"Authorization": f"Bearer {token}"}).status_code == 401
