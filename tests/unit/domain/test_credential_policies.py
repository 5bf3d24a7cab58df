# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a secret may live by the tenant's policies, and whether there may be one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.credential_policies import Limit, duration, limit

CREATED = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def rule(kind: str = "passwordLifetime", longest: str | None = "P180D", **more: Any) -> dict[str, Any]:
    return {"restrictionType": kind, "maxLifetime": longest, "state": "enabled", **more}


def default(*rules: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    return {"isEnabled": enabled, "applicationRestrictions": {"passwordCredentials": list(rules)}}


def own(*rules: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    return {"isEnabled": enabled, "restrictions": {"passwordCredentials": list(rules)}}


def judged(policy: dict[str, Any] | None, *policies: dict[str, Any]) -> Limit:
    return limit("client_secret", policy, policies, CREATED, datetime.fromisoformat)


FORBIDDEN = rule("passwordAddition", None)


@pytest.mark.parametrize(
    ("text", "days"),
    [("P180D", 180), ("P1Y", 365), ("P6M", 180), ("P2W", 14), ("P1Y6M5D", 365 + 180 + 5), ("PT48H", 2), ("P1DT24H", 2)],
)
def test_a_duration_in_days(text: str, days: int) -> None:
    assert duration(text) == days * DAY


@pytest.mark.parametrize("text", ["", "P", "PT", "180", "180D", "P-1D", "p180d", "P1.5D", " P180D"])
def test_what_is_no_duration_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration such as P180D"):
        duration(text)


@given(st.integers(0, 5000), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_comes_back(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"P{days}DT{hours}H{minutes}M{seconds}S"
    assert duration(text) == timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@pytest.mark.parametrize(
    ("policy", "policies", "expected"),
    [
        (None, [], Limit()),
        ({}, [], Limit()),
        ({"isEnabled": True}, [], Limit()),
        ({"isEnabled": True, "applicationRestrictions": None}, [own()], Limit()),
        (default(rule()), [], Limit(longest=180 * DAY)),
        (default(rule(), enabled=False), [], Limit()),
        (default(rule(state="disabled")), [], Limit()),
        (default(FORBIDDEN), [], Limit(allowed=False)),
        (default(FORBIDDEN, rule()), [], Limit(allowed=False, longest=180 * DAY)),
        # What the service generates is no password of the caller's own choice.
        (default(rule("customPasswordAddition", None)), [], Limit()),
        (default(rule("symmetricKeyLifetime", "P1D")), [], Limit()),
        # A policy of the application takes the place of the default, kind by kind.
        (default(rule()), [own(rule(longest="P365D"))], Limit(longest=365 * DAY)),
        (default(rule()), [own(rule(longest="P30D"))], Limit(longest=30 * DAY)),
        (default(rule()), [own(rule(longest="P30D"), enabled=False)], Limit(longest=180 * DAY)),
        (default(rule(), FORBIDDEN), [own(rule("passwordAddition", None, state="disabled"))], Limit(longest=180 * DAY)),
        (default(rule()), [own(FORBIDDEN)], Limit(allowed=False, longest=180 * DAY)),
        (None, [own(rule(longest="P30D"))], Limit(longest=30 * DAY)),
    ],
)
def test_what_holds(policy: Any, policies: list[Any], expected: Limit) -> None:
    assert judged(policy, *policies) == expected


@pytest.mark.parametrize(
    ("since", "holds"), [("2026-02-28T00:00:00+00:00", True), ("2026-03-02T00:00:00+00:00", False), (None, True)]
)
def test_older_applications_may_be_spared(since: str | None, holds: bool) -> None:
    more = {"restrictForAppsCreatedAfterDateTime": since}
    assert judged(default(rule(**more))) == Limit(longest=180 * DAY if holds else None)
    assert judged(None, own(rule("passwordAddition", None, **more))) == Limit(allowed=not holds)


def test_an_application_that_its_own_policy_spares_is_spared_the_default_too() -> None:
    spared = rule(restrictForAppsCreatedAfterDateTime="2026-03-02T00:00:00+00:00")
    assert judged(default(rule()), own(spared)) == Limit()
