# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What licenses are worth."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.domain.licenses import (
    direct_skus,
    find_sku,
    free_units,
    has_mailbox_plan,
    inherited_skus,
    mailbox_plans,
)

STANDARD = "9aaf7827-d63c-4b61-89c3-182f06f82e5c"
FOUNDATION = "113feb6c-3fe4-4440-bddc-54d774bf0318"
ARCHIVE = "176a09a6-7ec5-4039-ac02-b2791c6ba793"
EXCHANGESTANDARD = "4b9405b0-7788-4568-add1-99614e613b69"


def sku(**changes: Any) -> dict[str, Any]:
    return {
        "skuId": EXCHANGESTANDARD,
        "skuPartNumber": "EXCHANGESTANDARD",
        "capabilityStatus": "Enabled",
        "consumedUnits": 8,
        "prepaidUnits": {"enabled": 10, "suspended": 3, "warning": 0, "lockedOut": 1},
        "servicePlans": [
            {"servicePlanId": FOUNDATION, "servicePlanName": "EXCHANGE_S_FOUNDATION"},
            {"servicePlanId": STANDARD.upper(), "servicePlanName": "EXCHANGE_S_STANDARD"},
        ],
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "free"),
    [
        ({}, 2),
        ({"prepaidUnits": {"enabled": 5, "warning": 4}}, 1),
        ({"consumedUnits": 12}, 0),
        ({"capabilityStatus": "Suspended"}, 0),
        ({"capabilityStatus": "Warning", "prepaidUnits": {"enabled": 0, "warning": 10}}, 2),
        ({"prepaidUnits": None}, 0),
    ],
)
def test_free_units(changes: dict[str, Any], free: int) -> None:
    assert free_units(sku(**changes)) == free


def test_a_plan_with_a_mailbox_is_told_from_one_without() -> None:
    assert mailbox_plans(sku()) == ["EXCHANGE_S_STANDARD"]
    assert mailbox_plans(sku(), [STANDARD]) == []
    only_archive = [{"servicePlanId": ARCHIVE, "servicePlanName": "EXCHANGE_S_ARCHIVE_ADDON"}]
    assert mailbox_plans(sku(servicePlans=only_archive)) == []
    by_name = [{"servicePlanId": "0" * 8, "servicePlanName": "EXCHANGE_S_DESKLESS_GOV"}]
    assert mailbox_plans(sku(servicePlans=by_name)) == ["EXCHANGE_S_DESKLESS_GOV"]


@pytest.mark.parametrize(
    ("plan", "status", "expected"),
    [
        (STANDARD, "Enabled", True),
        (STANDARD.upper(), "Warning", True),
        (STANDARD, "Deleted", False),
        (STANDARD, "Suspended", False),
        (FOUNDATION, "Enabled", False),
    ],
)
def test_whether_the_mailbox_plan_is_provisioned(plan: str, status: str, expected: bool) -> None:
    plans = [{"servicePlanId": plan, "service": "exchange", "capabilityStatus": status}]
    assert has_mailbox_plan(plans) is expected
    assert not has_mailbox_plan([])


def test_a_sku_is_found_by_part_number_or_guid() -> None:
    tenant = [sku(), sku(skuId="05e9a617-0261-4cee-bb44-138d3ef5d965", skuPartNumber="SPE_E3")]
    assert find_sku(tenant, "spe_e3")["skuPartNumber"] == "SPE_E3"
    assert find_sku(tenant, EXCHANGESTANDARD.upper())["skuPartNumber"] == "EXCHANGESTANDARD"
    with pytest.raises(ValueError, match=r"no license 'SPE_E5'; it has EXCHANGESTANDARD, SPE_E3"):
        find_sku(tenant, "SPE_E5")
    with pytest.raises(ValueError, match="none at all"):
        find_sku([], EXCHANGESTANDARD)


def test_direct_and_inherited_licenses_are_told_apart() -> None:
    states = [
        {"skuId": EXCHANGESTANDARD, "disabledPlans": [STANDARD.upper()], "assignedByGroup": None},
        {"skuId": EXCHANGESTANDARD.upper(), "disabledPlans": [], "assignedByGroup": "g1"},
        {"skuId": "05e9a617-0261-4cee-bb44-138d3ef5d965", "disabledPlans": None, "assignedByGroup": "g2"},
    ]
    assert direct_skus(states) == {EXCHANGESTANDARD: [STANDARD]}
    assert inherited_skus(states) == {EXCHANGESTANDARD: ["g1"], "05e9a617-0261-4cee-bb44-138d3ef5d965": ["g2"]}
