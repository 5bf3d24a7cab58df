# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a change of Active Directory has arrived, and why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.sync import (
    ATTRIBUTES,
    DIRECTORY_ATTRIBUTES,
    Evidence,
    Outstanding,
    cycle_state,
    outstanding,
    reasons,
)

RAW = bytes.fromhex("44332211 6655 8877 99aa bbccddeeff00")
ENTRY: dict[str, list[str | bytes]] = {
    "userPrincipalName": ["info@contoso.example"],
    "displayName": ["Info B\u00fcro"],
    "proxyAddresses": [
        "SMTP:info@contoso.example",
        "smtp:kontakt@contoso.example",
        "smtp:info@contoso.onmicrosoft.com",
    ],
    "objectGUID": [RAW],
    "userAccountControl": ["512"],
}
USER: dict[str, Any] = {
    "id": "u1",
    "userPrincipalName": "Info@contoso.example",
    "displayName": "Info B\u00fcro",
    "department": "set in the cloud",
    "proxyAddresses": [
        "smtp:KONTAKT@contoso.example",
        "SMTP:info@contoso.example",
        "smtp:info@contoso.onmicrosoft.com",
    ],
    "accountEnabled": True,
    "onPremisesSyncEnabled": True,
    "onPremisesImmutableId": "RDMiEWZViHeZqrvM3e7/AA==",
}


def found(entry: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **how: Any) -> list[Outstanding]:
    return outstanding({**ENTRY, **(entry or {})}, {**USER, **(user or {})}, **how)


def test_all_has_arrived() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("entry", "user", "expected"),
    [
        ({}, {"onPremisesSyncEnabled": None}, [Outstanding("synced", "true", "none")]),
        ({}, {"onPremisesImmutableId": None}, [Outstanding("anchor", "RDMiEWZViHeZqrvM3e7/AA==")]),
        (
            {"mS-DS-ConsistencyGuid": [bytes(16)]},
            {},
            [Outstanding("anchor", "AAAAAAAAAAAAAAAAAAAAAA==", "RDMiEWZViHeZqrvM3e7/AA==")],
        ),
        ({"displayName": ["Neu"]}, {}, [Outstanding("displayName", "Neu", "Info B\u00fcro")]),
        ({"department": ["Einkauf"]}, {}, [Outstanding("department", "Einkauf", "set in the cloud")]),
        ({"userAccountControl": ["514"]}, {}, [Outstanding("enabled", "false", "true")]),
        (
            {},
            {"proxyAddresses": ["SMTP:info@contoso.example"]},
            [Outstanding("address", "smtp:kontakt@contoso.example")],
        ),
        (
            {"proxyAddresses": ["smtp:info@contoso.example", "SMTP:kontakt@contoso.example"]},
            {},
            [Outstanding("primary", "kontakt@contoso.example", "info@contoso.example")],
        ),
        (
            {"proxyAddresses": ["SMTP:neu@contoso.example"]},
            {},
            [Outstanding("address", "SMTP:neu@contoso.example")],
        ),
        ({}, {"proxyAddresses": []}, [Outstanding("address", value) for value in ENTRY["proxyAddresses"][:2]]),
        ({"proxyAddresses": []}, {}, []),
    ],
)
def test_what_has_not_arrived(entry: dict[str, Any], user: dict[str, Any], expected: list[Outstanding]) -> None:
    assert found(entry, user) == expected
    assert all(str(one) for one in expected)


def test_no_user_at_all() -> None:
    assert outstanding(ENTRY, None) == [Outstanding("user", "info@contoso.example")]
    assert "no user for info@contoso.example" in str(outstanding(ENTRY, None)[0])


def test_only_some_attributes_are_looked_at() -> None:
    assert found({"displayName": ["Neu"]}, {"proxyAddresses": []}, only=["department"]) == []
    assert len(found({"displayName": ["Neu"]}, {"proxyAddresses": []}, only=["displayName"])) == 1


@given(st.dictionaries(st.sampled_from(sorted(ATTRIBUTES)), st.text(min_size=1), min_size=1))
def test_every_difference_is_seen_and_none_after_it_has_arrived(values: dict[str, str]) -> None:
    entry = {**ENTRY, **{name: [value] for name, value in values.items()}}
    empty = {**USER, **dict.fromkeys(ATTRIBUTES.values())}
    missed = {one.what for one in outstanding(entry, empty)}
    assert set(values) <= missed
    arrived = {**USER, **{ATTRIBUTES[name]: value for name, value in values.items()}}
    assert outstanding(entry, arrived) == []
    assert set(ATTRIBUTES) <= set(DIRECTORY_ATTRIBUTES)


CHANGED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BEFORE = {"onPremisesSyncEnabled": True, "onPremisesLastSyncDateTime": "2026-11-22T11:45:00Z"}
AFTER = {"onPremisesSyncEnabled": True, "onPremisesLastSyncDateTime": "2026-11-22T12:15:00Z"}
ADDRESS = [Outstanding("address", "smtp:a@fabrikam.example")]


@pytest.mark.parametrize(
    ("missing", "evidence", "said"),
    [
        (ADDRESS, Evidence(USER, BEFORE, changed_at=CHANGED), "before the change: none has run since"),
        (ADDRESS, Evidence(USER, AFTER, changed_at=CHANGED), "staging mode"),
        (ADDRESS, Evidence(USER, {"onPremisesSyncEnabled": None}), "does not synchronize"),
        (ADDRESS, Evidence(USER, {"onPremisesSyncEnabled": True}), "No synchronization has run yet"),
        (ADDRESS, Evidence(USER, verified_domains=["contoso.example"]), "fabrikam.example is not verified"),
        (
            [Outstanding("userPrincipalName", "a@neu.example")],
            Evidence(USER, verified_domains=["contoso.example"]),
            "neu.example is not verified",
        ),
        (ADDRESS, Evidence(USER, cloud_managed=True), "The cloud masters this mailbox"),
        (
            ADDRESS,
            Evidence(
                {
                    **USER,
                    "onPremisesProvisioningErrors": [
                        {
                            "category": "PropertyConflict",
                            "propertyCausingError": "ProxyAddress",
                            "value": "smtp:a@fabrikam.example",
                        }
                    ],
                }
            ),
            "PropertyConflict on ProxyAddress: 'smtp:a@fabrikam.example' belongs to another object",
        ),
        ([Outstanding("synced", "true")], Evidence({**USER, "onPremisesImmutableId": None}), "has not been joined"),
        ([Outstanding("anchor", "x", "y")], Evidence(USER), "belongs to another object of Active Directory"),
    ],
)
def test_why(missing: list[Outstanding], evidence: Evidence, said: str) -> None:
    assert any(said in sentence for sentence in reasons(missing, evidence))


def test_nothing_is_invented() -> None:
    assert reasons([], Evidence(None, BEFORE)) == []
    assert reasons(ADDRESS, Evidence(USER)) == []
    assert reasons(ADDRESS, Evidence(USER, verified_domains=["Fabrikam.example"])) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (None, None),
        ("2026-11-22T11:44:59Z", None),
        ("2026-11-22T11:45:00Z", "before the change: none has run since"),
        ("2026-11-22T12:00:00+00:00", "before the change: none has run since"),
    ],
)
def test_a_cycle_that_is_waited_for(after: str | None, said: str | None) -> None:
    """The last one, whose moment is what one gives to wait for the next, is not the next."""
    state = cycle_state(BEFORE, after)
    assert state["arrived"] is (said is None)
    assert (said or "") in state["explanation"]
    assert bool(state["explanation"]) is (said is not None)
