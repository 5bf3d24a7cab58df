# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Graph's writes on users: attributes, licenses, mailboxes that follow licenses, deletion and restoration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from graph_caller import ADD, EXCHANGE_PLAN, INFO, REMOVE, SALES, Graph
from rehearsal import EXCHANGE_PLAN_1, Lab

from lab.state import DirectoryRole, License, ServicePlan, Sku

OTHER_SKU = "05e9a617-0261-4cee-bb44-138d3ef5d965"
FOUNDATION = "113feb6c-3fe4-4440-bddc-54d774bf0318"
TEAMS = "57ff2da0-773e-42df-b2af-ffb7a2317929"
NEW_USER: dict[str, Any] = {
    "accountEnabled": True,
    "displayName": "Neu Anna",
    "mailNickname": "anna.neu",
    "userPrincipalName": "anna.neu@contoso.example",
    "passwordProfile": {"password": "Sommer-2026-Wind", "forceChangePasswordNextSignIn": True},
}


@pytest.fixture
def graph(lab: Lab) -> Graph:
    tenant = lab.tenant
    plans = [ServicePlan(FOUNDATION, "EXCHANGE_S_FOUNDATION", "Company"), ServicePlan(TEAMS, "TEAMS1")]
    tenant.skus[OTHER_SKU] = Sku(OTHER_SKU, "TEAMS_EXPLORATORY", 2, plans)
    for user in tenant.users.values():
        user.usage_location = "DE"
    return Graph(lab)


# PATCH


def test_patch_is_204_without_a_body_and_changes_what_it_names(graph: Graph) -> None:
    answer = graph.call(
        "PATCH", f"users/{INFO}", {"jobTitle": "Postfach", "businessPhones": ["+49 30 1"], "surname": None}
    )
    assert (answer.status_code, answer.content) == (204, b"")
    shown = graph.user(INFO, "jobTitle", "businessPhones", "displayName")
    assert (shown["jobTitle"], shown["businessPhones"], shown["displayName"]) == ("Postfach", ["+49 30 1"], "Info")


@pytest.mark.parametrize(
    "name", ["proxyAddresses", "onPremisesLastSyncDateTime", "onPremisesSyncEnabled", "assignedLicenses", "id"]
)
def test_patch_of_a_read_only_property_is_400(graph: Graph, name: str) -> None:
    words = f"Property '{name}' is read-only and cannot be set."
    assert graph.refused("PATCH", f"users/{INFO}", {name: None}) == (400, "Request_BadRequest", words)


def test_patch_of_an_unknown_property_is_400_and_changes_nothing(graph: Graph) -> None:
    status, code, words = graph.refused("PATCH", f"users/{INFO}", {"jobTitle": "x", "nickName": "y"})
    assert (status, code) == (400, "Request_BadRequest")
    assert "'nickName' does not exist on type 'microsoft.graph.user'" in words
    assert graph.user(INFO, "jobTitle")["jobTitle"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"accountEnabled": "true"},
        {"jobTitle": 5},
        {"jobTitle": ["x"]},
        {"jobTitle": {}},
        {"businessPhones": "1"},
        {"businessPhones": [1]},
        {"displayName": None},
        {"displayName": ""},
        {"displayName": "x" * 257},
        {"usageLocation": "DEU"},
        {"usageLocation": "D1"},
        {"mailNickname": "a b"},
        {"mail": "no address"},
        {"userPrincipalName": "no-domain"},
        {"userPrincipalName": "ümlaut@contoso.example"},
        {"onPremisesImmutableId": "with_underline"},
        {"onPremisesImmutableId": "with$dollar"},
    ],
)
def test_wrong_types_and_values_are_400(graph: Graph, body: Any) -> None:
    assert graph.refused("PATCH", f"users/{INFO}", body)[0] == 400


@pytest.mark.parametrize(
    ("raw", "content_type", "words"),
    [
        (b"{", "application/json", "Unable to read JSON request payload."),
        (b"[]", "application/json", "Unable to read JSON request payload."),
        (b"\xff\xfe", "application/json", "Unable to read JSON request payload."),
        (b"jobTitle=x", "application/x-www-form-urlencoded", "Unable to read JSON request payload."),
        (b"", "application/json", "Empty Payload."),
        (b"[" * 100_000, "application/json", "Unable to read JSON request payload."),
        (b'{"jobTitle": "\\ud800"}', "application/json", "Unable to read JSON request payload."),
        (b"{}", "", "must contain the Content-Type header"),
    ],
)
def test_malformed_bodies_are_400(graph: Graph, raw: bytes, content_type: str, words: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    status, code, said = graph.refused("PATCH", f"users/{INFO}", data=raw, headers=headers)
    assert (status, code) == (400, "BadRequest")
    assert words in said


def test_a_user_principal_name_needs_a_verified_domain_and_must_be_free(graph: Graph) -> None:
    path = f"users/{INFO}"
    words = graph.refused("PATCH", path, {"userPrincipalName": "info@unverified.example"})[2]
    assert "You must use one of the verified domain names" in words
    words = graph.refused("PATCH", path, {"userPrincipalName": "Vertrieb@contoso.example"})[2]
    assert words == "Another object with the same value for property userPrincipalName already exists."
    words = graph.refused("PATCH", path, {"userPrincipalName": "vertrieb@contoso.onmicrosoft.example"})[2]
    assert words == "Another object with the same value for property proxyAddresses already exists."
    assert graph.call("PATCH", path, {"userPrincipalName": "auskunft@contoso.example"}).status_code == 204
    assert graph.get("users/auskunft@contoso.example")["id"] == INFO


def test_mail_written_on_a_cloud_user_becomes_its_primary_address(graph: Graph) -> None:
    assert graph.call("PATCH", f"users/{INFO}", {"mail": "auskunft@contoso.example"}).status_code == 204
    shown = graph.user(INFO, "mail", "proxyAddresses")
    assert shown["mail"] == "auskunft@contoso.example"
    assert shown["proxyAddresses"][0] == "SMTP:auskunft@contoso.example"
    assert "smtp:info@contoso.example" in shown["proxyAddresses"]
    words = graph.refused("PATCH", f"users/{INFO}", {"mail": "vertrieb@contoso.example"})[2]
    assert words == "Another object with the same value for property proxyAddresses already exists."


def test_a_synchronized_user_refuses_what_active_directory_masters(graph: Graph) -> None:
    user = graph.lab.tenant.users[INFO]
    user.on_premises_sync_enabled = True
    for body in ({"displayName": "x"}, {"mail": "x@contoso.example"}, {"onPremisesImmutableId": "x"}):
        status, code, words = graph.refused("PATCH", f"users/{INFO}", body)
        assert (status, code) == (400, "Request_BadRequest")
        assert "on-premises mastered Directory Sync objects or objects currently undergoing migration" in words
    assert graph.call("PATCH", f"users/{INFO}", {"usageLocation": "AT"}).status_code == 204
    assert graph.license(INFO).status_code == 200


def test_a_cloud_managed_or_formerly_synchronized_user_can_be_written(graph: Graph) -> None:
    user = graph.lab.tenant.users[INFO]
    user.on_premises_sync_enabled, user.is_cloud_managed = True, True
    assert graph.call("PATCH", f"users/{INFO}", {"displayName": "Eins"}).status_code == 204
    user.on_premises_sync_enabled, user.is_cloud_managed = False, False
    assert graph.call("PATCH", f"users/{INFO}", {"displayName": "Zwei"}).status_code == 204


def test_the_immutable_id_of_a_cloud_user_can_be_written_filtered_and_is_unique(graph: Graph) -> None:
    anchor = "RDMiEWZViHeZqrvM3e7/AA=="
    assert graph.call("PATCH", f"users/{INFO}", {"onPremisesImmutableId": anchor}).status_code == 204
    page = graph.get("users", params={"$filter": f"onPremisesImmutableId eq '{anchor}'"})
    assert [row["id"] for row in page["value"]] == [INFO]
    words = graph.refused("PATCH", f"users/{SALES}", {"onPremisesImmutableId": anchor})[2]
    assert words == "Another object with the same value for property onPremisesImmutableId already exists."
    assert graph.call("PATCH", f"users/{INFO}", {"onPremisesImmutableId": None}).status_code == 204


def test_the_usage_location_of_a_licensed_user_cannot_be_taken_away(graph: Graph) -> None:
    assert graph.call("PATCH", f"users/{SALES}", {"usageLocation": None}).status_code == 204
    assert graph.license(INFO).status_code == 200
    assert graph.refused("PATCH", f"users/{INFO}", {"usageLocation": None})[0] == 400


def test_a_password_needs_a_permission_of_its_own(graph: Graph) -> None:
    body = {"passwordProfile": {"password": "Sommer-2026-Wind"}}
    assert graph.refused("PATCH", f"users/{INFO}", body)[0] == 403
    graph.roles = ("User.ReadWrite.All", "User-PasswordProfile.ReadWrite.All")
    assert graph.call("PATCH", f"users/{INFO}", body).status_code == 204
    assert graph.refused("PATCH", f"users/{INFO}", {"passwordProfile": {"password": "kurz"}})[0] == 400
    assert "Sommer-2026-Wind" not in str(graph.lab.control("GET", "state"))


# POST /users


def test_a_new_user_is_201_with_the_object_and_its_address(graph: Graph) -> None:
    answer = graph.call("POST", "users", NEW_USER)
    assert answer.status_code == 201
    row = answer.json()
    assert row["userPrincipalName"] == "anna.neu@contoso.example"
    assert answer.headers["Location"].endswith(f"/v1.0/users/{row['id']}")
    assert "Sommer" not in answer.text
    assert graph.user(row["id"], "assignedLicenses", "proxyAddresses")["assignedLicenses"] == []


@pytest.mark.parametrize("name", sorted(NEW_USER))
def test_a_new_user_needs_five_properties(graph: Graph, name: str) -> None:
    body = {key: value for key, value in NEW_USER.items() if key != name}
    words = f"A value is required for property '{name}' of resource 'User'."
    assert graph.refused("POST", "users", body) == (400, "Request_BadRequest", words)


def test_a_new_user_cannot_take_a_name_or_address_in_use(graph: Graph) -> None:
    taken = NEW_USER | {"userPrincipalName": "info@contoso.example"}
    assert "userPrincipalName already exists" in graph.refused("POST", "users", taken)[2]
    assert len(graph.lab.tenant.users) == 3


def test_a_new_user_of_a_federated_domain_needs_an_immutable_id(graph: Graph) -> None:
    graph.lab.tenant.domains["contoso.example"].authentication_type = "Federated"
    assert "onPremisesImmutableId" in graph.refused("POST", "users", NEW_USER)[2]
    assert graph.call("POST", "users", NEW_USER | {"onPremisesImmutableId": "AAAA"}).status_code == 201


# assignLicense


def test_assign_license_is_200_with_the_user_and_shows_in_every_view(graph: Graph) -> None:
    answer = graph.license(INFO)
    assert answer.status_code == 200
    assert answer.json()["id"] == INFO
    shown = graph.user(INFO, "assignedLicenses", "licenseAssignmentStates", "assignedPlans", "provisionedPlans")
    assert shown["assignedLicenses"] == [{"disabledPlans": [], "skuId": EXCHANGE_PLAN_1}]
    state = shown["licenseAssignmentStates"][0]
    assert (state["skuId"], state["assignedByGroup"], state["state"], state["error"]) == (
        EXCHANGE_PLAN_1,
        None,
        "Active",
        "None",
    )
    assert [(row["servicePlanId"], row["capabilityStatus"], row["service"]) for row in shown["assignedPlans"]] == [
        (EXCHANGE_PLAN, "Enabled", "exchange")
    ]
    assert shown["provisionedPlans"][0]["provisioningStatus"] == "Success"
    detail = graph.get(f"users/{INFO}/licenseDetails")["value"][0]
    assert (detail["skuPartNumber"], detail["servicePlans"][0]["provisioningStatus"]) == ("EXCHANGESTANDARD", "Success")
    assert graph.get("subscribedSkus")["value"][0]["consumedUnits"] == 1


@pytest.mark.parametrize(("present", "absent"), [("addLicenses", "removeLicenses"), ("removeLicenses", "addLicenses")])
def test_assign_license_needs_both_arrays(graph: Graph, present: str, absent: str) -> None:
    status, code, words = graph.refused("POST", f"users/{INFO}/assignLicense", {present: []})
    assert (status, code) == (400, "Request_BadRequest")
    assert words.endswith(f"The missing parameters are: {absent}.")


def test_assign_license_needs_a_usage_location(graph: Graph) -> None:
    graph.lab.tenant.users[INFO].usage_location = None
    words = "License assignment cannot be done for user with invalid usage location."
    assert graph.refused("POST", f"users/{INFO}/assignLicense", ADD) == (400, "Request_BadRequest", words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"addLicenses": [{"skuId": "not-a-guid"}], "removeLicenses": []}, "expected type 'Edm.Guid'"),
        ({"addLicenses": [{"skuId": 5}], "removeLicenses": []}, "expected type 'Edm.Guid'"),
        ({"addLicenses": [{}], "removeLicenses": []}, "A value is required for property 'skuId'"),
        ({"addLicenses": {}, "removeLicenses": []}, "Collection(microsoft.graph.assignedLicense)"),
        ({"addLicenses": [], "removeLicenses": None}, "Collection(Edm.Guid)"),
        ({"addLicenses": [{"skuId": EXCHANGE_PLAN_1, "plans": []}], "removeLicenses": []}, "'plans' does not exist"),
        ({"addLicenses": [], "removeLicenses": [], "other": 1}, "The parameter 'other' in the request payload"),
        ({"addLicenses": [{"skuId": FOUNDATION}], "removeLicenses": []}, "valid company License"),
        ({"addLicenses": [], "removeLicenses": [FOUNDATION]}, "valid company License"),
        ({"addLicenses": [{"skuId": EXCHANGE_PLAN_1, "disabledPlans": [TEAMS]}], "removeLicenses": []}, TEAMS),
        (REMOVE, "User does not have a corresponding license."),
    ],
)
def test_assign_license_refuses_unknown_and_ill_typed_content(graph: Graph, body: Any, words: str) -> None:
    status, _unused, said = graph.refused("POST", f"users/{INFO}/assignLicense", body)
    assert status == 400
    assert words in said
    assert graph.lab.tenant.users[INFO].licenses == []


def test_assign_license_needs_a_free_unit_and_units_in_grace_count(graph: Graph) -> None:
    sku = graph.lab.tenant.skus[EXCHANGE_PLAN_1]
    sku.enabled = 1
    assert graph.license(INFO).status_code == 200
    status, _unused, words = graph.refused("POST", f"users/{SALES}/assignLicense", ADD)
    assert (status, words) == (400, f"Subscription with SKU {EXCHANGE_PLAN_1} does not have any available licenses.")
    assert graph.license(INFO).status_code == 200
    sku.warning = 1
    assert graph.license(SALES).status_code == 200


def test_a_suspended_subscription_gives_no_license(graph: Graph) -> None:
    graph.lab.tenant.skus[EXCHANGE_PLAN_1].capability_status = "Suspended"
    assert "available licenses" in graph.refused("POST", f"users/{INFO}/assignLicense", ADD)[2]


def test_adding_again_replaces_the_disabled_plans(graph: Graph) -> None:
    body = {"addLicenses": [{"skuId": OTHER_SKU, "disabledPlans": [TEAMS]}], "removeLicenses": []}
    assert graph.license(INFO, body).status_code == 200
    assert graph.user(INFO, "assignedLicenses")["assignedLicenses"][0]["disabledPlans"] == [TEAMS]
    body = {"addLicenses": [{"skuId": OTHER_SKU, "disabledPlans": [FOUNDATION]}], "removeLicenses": []}
    assert graph.license(INFO, body).status_code == 200
    shown = graph.user(INFO, "assignedLicenses", "assignedPlans")
    assert shown["assignedLicenses"] == [{"disabledPlans": [FOUNDATION], "skuId": OTHER_SKU}]
    status = {row["servicePlanId"]: row["capabilityStatus"] for row in shown["assignedPlans"]}
    assert status == {TEAMS: "Enabled", FOUNDATION: "Deleted"}


def test_removed_plans_stay_in_assigned_plans_as_deleted(graph: Graph) -> None:
    assert graph.license(INFO).status_code == 200
    assert graph.license(INFO, REMOVE).status_code == 200
    shown = graph.user(INFO, "assignedLicenses", "assignedPlans")
    assert shown["assignedLicenses"] == []
    assert [row["capabilityStatus"] for row in shown["assignedPlans"]] == ["Deleted"]


def test_adds_and_removes_of_one_call_happen_together_or_not_at_all(graph: Graph) -> None:
    assert graph.license(INFO).status_code == 200
    swap = {"addLicenses": [{"skuId": OTHER_SKU}], "removeLicenses": [EXCHANGE_PLAN_1]}
    assert graph.license(INFO, swap).status_code == 200
    assert [row["skuId"] for row in graph.user(INFO, "assignedLicenses")["assignedLicenses"]] == [OTHER_SKU]
    assert graph.refused("POST", f"users/{INFO}/assignLicense", swap)[0] == 400
    assert [row["skuId"] for row in graph.user(INFO, "assignedLicenses")["assignedLicenses"]] == [OTHER_SKU]


def test_a_license_by_group_is_shown_and_cannot_be_removed_from_the_user(graph: Graph) -> None:
    group = "88888888-0000-4000-8000-000000000001"
    graph.lab.tenant.users[INFO].licenses = [License(EXCHANGE_PLAN_1, group_id=group)]
    status, _unused, words = graph.refused("POST", f"users/{INFO}/assignLicense", REMOVE)
    assert status == 400
    assert "inherited from a group membership" in words
    assert graph.license(INFO).status_code == 200
    states = graph.user(INFO, "licenseAssignmentStates")["licenseAssignmentStates"]
    assert [row["assignedByGroup"] for row in states] == [group, None]
    assert graph.license(INFO, REMOVE).status_code == 200
    assert [row["skuId"] for row in graph.user(INFO, "assignedLicenses")["assignedLicenses"]] == [EXCHANGE_PLAN_1]


def test_two_writes_on_one_user_at_a_time_are_409_concurrency_violation(graph: Graph) -> None:
    graph.switch(graph_write_seconds=0.8)
    graph.headers()

    def one(user_id: str) -> tuple[int, str]:
        answer = graph.lab.call("POST", f"/v1.0/users/{user_id}/assignLicense", headers=graph.headers(), json=ADD)
        return answer.status_code, answer.json().get("error", {}).get("code", "")

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(one, [INFO, INFO, SALES]))
    assert sorted(answers[:2]) == [(200, ""), (409, "Directory_ConcurrencyViolation")]
    assert answers[2] == (200, "")
    assert graph.license(INFO).status_code == 200


# What services do after a license


def test_a_license_works_out_the_addresses_anew(graph: Graph) -> None:
    user = graph.new_user("neu", usage_location="DE", mail_nickname="neu")
    assert graph.license(user.id).status_code == 200
    shown = graph.user(user.id, "mail", "proxyAddresses")
    assert shown["mail"] == "neu@contoso.example"
    assert shown["proxyAddresses"] == ["SMTP:neu@contoso.example", "smtp:neu@contoso.onmicrosoft.example"]


def test_an_exchange_plan_makes_a_user_mailbox_and_a_plan_without_mailbox_does_not(graph: Graph) -> None:
    user = graph.new_user("neu", usage_location="DE")
    path = f"users/{user.id}/mailboxSettings/userPurpose"
    assert graph.license(user.id, {"addLicenses": [{"skuId": OTHER_SKU}], "removeLicenses": []}).status_code == 200
    assert graph.refused("GET", path)[0] == 404
    assert graph.license(user.id).status_code == 200
    assert graph.get(path)["value"] == "user"


def test_a_license_leaves_the_type_of_a_mailbox_alone(graph: Graph) -> None:
    mailbox = graph.lab.tenant.users[INFO].mailbox
    assert mailbox is not None
    assert graph.license(INFO).status_code == 200
    assert graph.get(f"users/{INFO}/mailboxSettings/userPurpose")["value"] == "shared"
    assert graph.lab.tenant.users[INFO].mailbox is mailbox


def test_assigned_plans_come_at_once_provisioned_plans_and_mailbox_after_the_delay(graph: Graph) -> None:
    graph.switch(graph_provisioning_delay=120)
    user = graph.new_user("neu", usage_location="DE")
    purpose = f"users/{user.id}/mailboxSettings/userPurpose"
    assert graph.license(user.id).status_code == 200
    shown = graph.user(user.id, "assignedPlans", "provisionedPlans")
    assert [row["capabilityStatus"] for row in shown["assignedPlans"]] == ["Enabled"]
    assert shown["provisionedPlans"] == []
    plans = graph.get(f"users/{user.id}/licenseDetails")["value"][0]["servicePlans"]
    assert plans[0]["provisioningStatus"] == "PendingProvisioning"
    assert graph.refused("GET", purpose)[0] == 404
    graph.advance(121)
    assert graph.user(user.id, "provisionedPlans")["provisionedPlans"][0]["provisioningStatus"] == "Success"
    assert graph.get(purpose)["value"] == "user"


def test_a_license_taken_back_before_its_delay_makes_no_mailbox(graph: Graph) -> None:
    graph.switch(graph_provisioning_delay=120)
    user = graph.new_user("neu", usage_location="DE")
    assert graph.license(user.id).status_code == 200
    assert graph.license(user.id, REMOVE).status_code == 200
    graph.advance(121)
    assert graph.refused("GET", f"users/{user.id}/mailboxSettings/userPurpose")[0] == 404


def test_a_user_mailbox_outlives_its_license_by_30_days_and_comes_back_with_the_next(graph: Graph) -> None:
    user = graph.new_user("neu", usage_location="DE")
    purpose = f"users/{user.id}/mailboxSettings/userPurpose"
    assert graph.license(user.id).status_code == 200
    mailbox = user.mailbox
    assert mailbox is not None
    assert graph.license(user.id, REMOVE).status_code == 200
    assert graph.get(purpose)["value"] == "user"
    graph.advance(30 * 86400 + 1)
    assert graph.refused("GET", purpose)[0] == 404
    assert graph.license(user.id).status_code == 200
    assert user.mailbox is mailbox


def test_a_shared_mailbox_stays_without_a_license(graph: Graph) -> None:
    assert graph.license(INFO).status_code == 200
    assert graph.license(INFO, REMOVE).status_code == 200
    graph.advance(40 * 86400)
    assert graph.get(f"users/{INFO}/mailboxSettings/userPurpose")["value"] == "shared"


# Deletion


def test_delete_is_soft_frees_the_name_and_shows_in_deleted_items(graph: Graph) -> None:
    assert graph.license(INFO).status_code == 200
    assert graph.call("DELETE", f"users/{INFO}").status_code == 204
    assert graph.refused("GET", f"users/{INFO}")[0] == 404
    rows = graph.get("directory/deletedItems/microsoft.graph.user?$select=id,userPrincipalName,deletedDateTime")[
        "value"
    ]
    assert [row["id"] for row in rows] == [INFO]
    assert rows[0]["userPrincipalName"] == f"{INFO.replace('-', '')}info@contoso.example"
    assert rows[0]["deletedDateTime"] is not None
    assert graph.get(f"directory/deletedItems/{INFO}")["@odata.type"] == "#microsoft.graph.user"
    assert graph.get("subscribedSkus")["value"][0]["consumedUnits"] == 0


def test_deleted_items_need_a_cast(graph: Graph) -> None:
    assert graph.refused("GET", "directory/deletedItems")[0] == 400


def test_restore_brings_back_the_same_object_with_license_and_mailbox(graph: Graph) -> None:
    user = graph.lab.tenant.users[INFO]
    mailbox = user.mailbox
    assert graph.license(INFO).status_code == 200
    assert graph.call("DELETE", f"users/{INFO}").status_code == 204
    answer = graph.call("POST", f"directory/deletedItems/{INFO}/restore")
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["userPrincipalName"]) == (INFO, "info@contoso.example")
    shown = graph.user("info@contoso.example", "assignedLicenses", "deletedDateTime")
    assert [row["skuId"] for row in shown["assignedLicenses"]] == [EXCHANGE_PLAN_1]
    assert graph.lab.tenant.users[INFO].mailbox is mailbox


def test_restore_with_a_name_or_address_in_use_is_400_unless_reconciled(graph: Graph) -> None:
    assert graph.call("DELETE", f"users/{INFO}").status_code == 204
    assert graph.call("PATCH", f"users/{SALES}", {"mail": "info@contoso.example"}).status_code == 204
    path = f"directory/deletedItems/{INFO}/restore"
    assert "proxyAddresses already exists" in graph.refused("POST", path)[2]
    assert graph.refused("POST", path, {"autoReconcileProxyConflict": "yes"})[0] == 400
    assert graph.refused("POST", path, {"other": True})[0] == 400
    body = {"autoReconcileProxyConflict": True, "newUserPrincipalName": "info.alt@contoso.example"}
    assert graph.call("POST", path, body).json()["userPrincipalName"] == "info.alt@contoso.example"
    assert "SMTP:info@contoso.example" not in graph.user(INFO, "proxyAddresses")["proxyAddresses"]


def test_permanent_deletion_and_the_end_of_30_days_leave_nothing(graph: Graph) -> None:
    for user_id in (INFO, SALES):
        assert graph.call("DELETE", f"users/{user_id}").status_code == 204
    assert graph.call("DELETE", f"directory/deletedItems/{INFO}").status_code == 204
    assert graph.refused("DELETE", f"directory/deletedItems/{INFO}")[0] == 404
    graph.advance(30 * 86400 + 1)
    assert graph.get("directory/deletedItems/microsoft.graph.user")["value"] == []


def test_an_application_cannot_delete_the_holder_of_a_role(graph: Graph) -> None:
    graph.lab.tenant.roles["r"] = DirectoryRole("77777777-0000-4000-8000-000000000001", "t", "Helpdesk", [INFO])
    assert graph.refused("DELETE", f"users/{INFO}")[0] == 403
    assert INFO in graph.lab.tenant.users
