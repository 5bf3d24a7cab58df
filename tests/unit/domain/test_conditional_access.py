# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies and named locations from Graph's words to ours and back, with all that is not ours."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.domain import conditional_access as access
from ansible_collections.m365.hybrid.plugins.module_utils.domain import named_locations as places

PRESENT: dict[str, Any] = {
    "id": "p",
    "displayName": "Rule",
    "state": "enabled",
    "conditions": {
        "clientAppTypes": ["all"],
        "users": {
            "includeUsers": ["All"],
            "excludeUsers": ["u1"],
            "includeGroups": [],
            "excludeGuestsOrExternalUsers": {"guestOrExternalUserTypes": "serviceProvider"},
        },
        "applications": {
            "includeApplications": ["Office365", "a1"],
            "includeUserActions": [],
            "applicationFilter": None,
        },
        "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted", "l1"]},
        "platforms": {"includePlatforms": ["linux"], "excludePlatforms": []},
        "userRiskLevels": [],
        "devices": None,
    },
    "grantControls": {
        "operator": "AND",
        "builtInControls": ["mfa"],
        "termsOfUse": ["t1"],
        "authenticationStrength@odata.context": "x",
        "authenticationStrength": {"id": "s1", "displayName": "Strong", "allowedCombinations": ["fido2"]},
    },
    "sessionControls": {"signInFrequency": {"value": 4, "isEnabled": True}},
}


def test_a_policy_in_our_words() -> None:
    state = access.state_of(PRESENT, lambda noun, one: f"{noun}:{one}")
    assert (state["include_users"], state["exclude_users"]) == (["all"], ["users:u1"])
    assert state["include_applications"] == ["office_365", "applications:a1"]
    assert (state["include_locations"], state["exclude_locations"]) == (["all"], ["all_trusted", "locations:l1"])
    assert (state["mode"], state["grant_controls"], state["grant_operator"]) == ("enabled", ["mfa"], "all")
    assert state["other_parts"] == [
        "authenticationStrength",
        "excludeGuestsOrExternalUsers",
        "platforms",
        "sessionControls",
        "termsOfUse",
    ]


def test_there_and_back_nothing_is_lost() -> None:
    state = access.state_of(PRESENT, lambda _noun, one: one)
    told = access.wire(state, PRESENT, lambda _noun, name: name)
    assert told["conditions"]["platforms"]["includePlatforms"] == ["linux"]
    assert told["conditions"]["users"]["excludeGuestsOrExternalUsers"] == {
        "guestOrExternalUserTypes": "serviceProvider"
    }
    assert told["conditions"]["applications"]["includeApplications"] == ["Office365", "a1"]
    assert told["grantControls"]["authenticationStrength"] == {"id": "s1"}
    assert told["grantControls"]["termsOfUse"] == ["t1"]
    assert "sessionControls" not in told, "what is not told stays"
    again = access.state_of({**PRESENT, **told, "id": "p"}, lambda _noun, one: one)
    assert again == state


def test_no_location_is_told_as_none() -> None:
    state = access.state_of(PRESENT, lambda _noun, one: one) | {"include_locations": [], "exclude_locations": []}
    assert access.wire(state, PRESENT, lambda _noun, name: name)["conditions"]["locations"] is None


def test_a_new_policy_only_reports_and_leaves_out_what_is_excluded() -> None:
    after = access.goal({"exclude_locations": ["office"]}, {"policy": "Rule"})
    assert (after["mode"], after["include_locations"], after["client_app_types"]) == ("report_only", ["all"], ["all"])


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("192.0.2.7", "192.0.2.7/32"), ("2001:0DB8::/48", "2001:db8::/48"), (" 192.0.2.0/24 ", "192.0.2.0/24")],
)
def test_ranges_in_their_usual_spelling(text: str, spelled: str) -> None:
    assert places.checked_range(text) == spelled


@pytest.mark.parametrize("text", ["192.0.2.1/24", "10.0.0.0/7", "office", "192.0.2.0/33", "::/0"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no range|is wider"):
        places.checked_range(text)


def test_a_range_is_told_with_its_family() -> None:
    told = places.body(["ip_ranges"], {"ip_ranges": ["192.0.2.0/24", "2001:db8::/48"], "countries": None})
    assert [one["@odata.type"] for one in told["ipRanges"]] == [
        "#microsoft.graph.iPv4CidrRange",
        "#microsoft.graph.iPv6CidrRange",
    ]
