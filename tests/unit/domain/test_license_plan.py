# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Graph has to be told about licenses, and what must not be tried."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain import license_plan

STANDARD, TODO, FOUNDATION = "9aaf7827-d63c-4b61-89c3-182f06f82e5c", "5e62787c-c316-451f-b873-1d05acd4d12c", "f0"
SKUS: list[dict[str, Any]] = [
    {
        "skuId": "aaaaaaaa-0000-4000-8000-000000000001",
        "skuPartNumber": "EXCHANGESTANDARD",
        "capabilityStatus": "Enabled",
        "prepaidUnits": {"enabled": 3},
        "consumedUnits": 1,
        "servicePlans": [
            {"servicePlanId": STANDARD, "servicePlanName": "EXCHANGE_S_STANDARD"},
            {"servicePlanId": TODO, "servicePlanName": "BPOS_S_TODO_1"},
        ],
    },
    {
        "skuId": "aaaaaaaa-0000-4000-8000-000000000002",
        "skuPartNumber": "VISIOCLIENT",
        "capabilityStatus": "Suspended",
        "prepaidUnits": {"enabled": 3},
        "consumedUnits": 0,
        "servicePlans": [{"servicePlanId": FOUNDATION, "servicePlanName": "EXCHANGE_S_FOUNDATION"}],
    },
]
MAIL, VISIO = SKUS[0]["skuId"], SKUS[1]["skuId"]
NOTHING = {"licenses": [], "disabled_plans": {}, "inherited": {}, "usage_location": "DE"}


def test_skus_and_plans_are_taken_by_name_or_id_in_any_spelling() -> None:
    want = {
        "licenses": {"add": ["exchangestandard", VISIO.upper()], "remove": None},
        "disabled_plans": {MAIL: ["bpos_s_todo_1", STANDARD.upper()]},
    }
    assert license_plan.canonical(want, SKUS) == {
        "licenses": {"add": ["EXCHANGESTANDARD", "VISIOCLIENT"], "remove": None},
        "disabled_plans": {"EXCHANGESTANDARD": ["BPOS_S_TODO_1", "EXCHANGE_S_STANDARD"]},
    }
    assert license_plan.canonical({"licenses": None, "disabled_plans": None}, SKUS)["licenses"] is None


def test_what_the_tenant_does_not_have_is_named_with_what_it_has() -> None:
    with pytest.raises(ValueError, match=r"'SPE_E9'; it has EXCHANGESTANDARD, VISIOCLIENT"):
        license_plan.canonical({"licenses": {"add": ["SPE_E9"]}, "disabled_plans": None}, SKUS)
    with pytest.raises(ValueError, match=r"has no plan YAMMER; it has BPOS_S_TODO_1, EXCHANGE_S_STANDARD"):
        license_plan.canonical({"licenses": None, "disabled_plans": {"EXCHANGESTANDARD": ["YAMMER"]}}, SKUS)


def test_the_state_tells_own_licenses_from_those_of_groups() -> None:
    user = {
        "id": "1",
        "userPrincipalName": "info@contoso.example",
        "licenseAssignmentStates": [
            {"skuId": MAIL.upper(), "assignedByGroup": None, "disabledPlans": [TODO.upper()]},
            {"skuId": VISIO, "assignedByGroup": "g1"},
            {"skuId": "99999999-0000-4000-8000-000000000009", "assignedByGroup": None},
        ],
        "assignedPlans": [{"servicePlanId": STANDARD, "capabilityStatus": "Enabled"}],
    }
    assert license_plan.state_of(user, SKUS) == {
        "id": "1",
        "user_principal_name": "info@contoso.example",
        "usage_location": None,
        "licenses": ["EXCHANGESTANDARD", "99999999-0000-4000-8000-000000000009"],
        "disabled_plans": {"EXCHANGESTANDARD": ["BPOS_S_TODO_1"], "99999999-0000-4000-8000-000000000009": []},
        "inherited": {"VISIOCLIENT": ["g1"]},
        "exchange_ready": True,
    }


def test_an_ended_subscription_has_no_free_units() -> None:
    assert license_plan.free_of_all(SKUS) == {"EXCHANGESTANDARD": 2, "VISIOCLIENT": 0}


@pytest.mark.parametrize(
    ("changes", "added", "wait", "reason"),
    [
        ({"licenses": ["EXCHANGESTANDARD"]}, ["EXCHANGESTANDARD"], True, ""),
        ({"usage_location": None}, ["EXCHANGESTANDARD"], False, "A license needs a usage location"),
        ({"usage_location": None}, [], False, ""),
        ({"disabled_plans": {"VISIOCLIENT": []}}, [], False, "disabled_plans names VISIOCLIENT, which"),
        ({"licenses": ["VISIOCLIENT"]}, [], True, "None of the user's licenses (VISIOCLIENT) has an Exchange plan"),
        ({}, [], True, "None of the user's licenses (none) has an Exchange plan"),
        ({"inherited": {"EXCHANGESTANDARD": ["g"]}}, [], True, ""),
        (
            {"licenses": ["EXCHANGESTANDARD"], "disabled_plans": {"EXCHANGESTANDARD": ["exchange_s_standard"]}},
            [],
            True,
            "has an Exchange plan that is not disabled.",
        ),
    ],
)
def test_obstacles(changes: dict[str, Any], added: list[str], wait: bool, reason: str) -> None:
    found = license_plan.obstacle(NOTHING | changes, added, wait, SKUS)
    assert found == "" if not reason else reason in found


NAMES = st.lists(st.sampled_from(["EXCHANGESTANDARD", "VISIOCLIENT"]), unique=True)
PLANS = st.lists(st.sampled_from(["EXCHANGE_S_STANDARD", "BPOS_S_TODO_1"]), unique=True)


@given(NAMES, NAMES, PLANS, PLANS)
def test_the_assignment_leads_from_what_is_to_what_should_be(
    before: list[str], after: list[str], off_before: list[str], off_after: list[str]
) -> None:
    """Carried out as Graph does, everything in one call; where nothing changes, nothing is asked for."""

    def state(names: list[str], off: list[str]) -> dict[str, Any]:
        return {"licenses": names, "disabled_plans": {name: off for name in names if name == "EXCHANGESTANDARD"}}

    one, other = state(before, off_before), state(after, off_after)
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    body = license_plan.assignment(one, other, added, removed, SKUS)
    ids = {sku["skuPartNumber"]: sku["skuId"] for sku in SKUS}
    plans = {plan["servicePlanName"]: plan["servicePlanId"] for plan in SKUS[0]["servicePlans"]}
    held = {ids[name]: {plans[off] for off in one["disabled_plans"].get(name, [])} for name in before}
    for sku in body["removeLicenses"]:
        del held[sku]
    held |= {item["skuId"]: set(item["disabledPlans"]) for item in body["addLicenses"]}
    assert held == {ids[name]: {plans[off] for off in other["disabled_plans"].get(name, [])} for name in after}
    same = set(before) == set(after) and ("EXCHANGESTANDARD" not in after or set(off_before) == set(off_after))
    assert (body == {"addLicenses": [], "removeLicenses": []}) is same


@pytest.mark.parametrize("text", ["D", "DEU", "D1", "ÄÖ", "", " DE"])
def test_a_country_has_two_letters(text: str) -> None:
    with pytest.raises(ValueError, match="no country of two letters"):
        license_plan.checked_usage_location(text)


def test_a_country_is_written_in_capitals() -> None:
    assert license_plan.checked_usage_location("de") == "DE"


@pytest.mark.parametrize("plans", ["YAMMER", None, [1], [["a"]], {"a": "b"}])
def test_disabled_plans_are_lists_of_names(plans: Any) -> None:
    with pytest.raises(ValueError, match="SPE_E3: give a list"):
        license_plan.checked_plans({"SPE_E3": plans})
    assert license_plan.checked_plans({"SPE_E3": ["a"]}) == {"SPE_E3": ["a"]}
