# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Consent: the writes lead to what is wanted, nothing needs a write when it is so, and nobody else's is touched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain import consent
from ansible_collections.m365.hybrid.plugins.module_utils.domain.api_permissions import Api

SCOPES = ["Mail.Send", "SMTP.Send", "User.Read", "offline_access"]
APIS = ["graph", "exchange", "own"]
# What one party has consented to: for each API the scopes, which are never none at all.
Granted = dict[str, frozenset[str]]
granted = st.dictionaries(st.sampled_from(APIS), st.frozensets(st.sampled_from(SCOPES), min_size=1))
wishes = st.dictionaries(st.sampled_from(APIS), st.lists(st.sampled_from(SCOPES), unique=True))


def grant(api: str, scope: str, user: str | None = None) -> dict[str, Any]:
    """A grant as Graph returns it, with the blanks that it may put around."""
    kind = consent.ONE if user else consent.EVERYBODY
    return {"id": f"{api}-{user}", "consentType": kind, "principalId": user, "resourceId": api, "scope": scope}


def api(name: str) -> Api:
    ids = {"Mail.Send": f"{name}-1", "User.Read": f"{name}-2"}
    return Api(f"{name} object", f"{name} client", name.title(), {"delegated": {}, "application": ids})


def written(present: list[dict[str, Any]], wanted: dict[str, list[str]], user: str | None) -> list[dict[str, Any]]:
    """The grants after all writes, as the service carries them out."""
    new, changed, gone = consent.delegated_writes(consent.own_grants(present, user), wanted)
    assert all(new.values())
    assert all(changed.values())
    kept = [one | {"scope": " ".join(changed.get(one["id"], one["scope"].split()))} for one in present]
    made = [grant(name, " ".join(names), user) for name, names in new.items()]
    ids = [one["id"] for one in kept]
    assert not set(ids) & {one["id"] for one in made}, "an API has one grant for each party"
    return [one for one in kept if one["id"] not in gone] + made


@given(granted, granted, granted, wishes, st.sampled_from([None, "anna"]))
def test_writes_lead_to_what_is_wanted_and_touch_nobody_else(
    tenant: Granted, anna: Granted, bert: Granted, wanted: dict[str, list[str]], user: str | None
) -> None:
    parties: list[tuple[str | None, Granted]] = [(None, tenant), ("anna", anna), ("bert", bert)]
    present = [
        grant(name, " " + " ".join(sorted(scopes)), party) for party, held in parties for name, scopes in held.items()
    ]
    after = written(present, wanted, user)
    own = {one["resourceId"]: set(consent.scopes(one)) for one in consent.own_grants(after, user)}
    assert own == {name: set(names) for name, names in wanted.items() if names}
    for party, _held in parties:
        if party != user:
            before = [one["scope"].split() for one in consent.own_grants(present, party)]
            assert [one["scope"].split() for one in consent.own_grants(after, party)] == before
    again = consent.delegated_writes(consent.own_grants(after, user), wanted)
    assert again == ({}, {}, [])


def test_a_grant_without_a_scope_and_one_that_nobody_wants_go() -> None:
    present = [grant("graph", " "), grant("exchange", "SMTP.Send")]
    assert consent.delegated_writes(present, {"exchange": []}) == ({}, {}, ["graph-None", "exchange-None"])


def test_another_order_is_no_change_and_a_change_is_the_whole_text() -> None:
    present = [grant("graph", " User.Read  Mail.Send ")]
    assert consent.delegated_writes(present, {"graph": ["Mail.Send", "User.Read"]}) == ({}, {}, [])
    changed = {"graph-None": ["Mail.Send", "SMTP.Send"]}
    assert consent.delegated_writes(present, {"graph": ["Mail.Send", "SMTP.Send"]}) == ({}, changed, [])


def test_grants_in_the_words_of_the_administrator_and_back() -> None:
    known = {"graph object": api("graph"), "own object": api("own")}
    grants = [grant("graph object", " Mail.Send User.Read"), grant("own object", "lager.read")]
    titles = consent.delegated(grants, known)
    assert titles == ["Graph/Mail.Send", "Graph/User.Read", "Own/lager.read"]
    named = {one.name.lower(): one for one in known.values()}
    assert consent.by_api(titles, named) == {"graph object": ["Mail.Send", "User.Read"], "own object": ["lager.read"]}
    assert consent.delegated_writes(grants, consent.by_api(titles, named)) == ({}, {}, [])


def test_assignments_in_the_words_of_the_administrator() -> None:
    rows = [{"resourceId": "graph object", "appRoleId": "graph-1"}, {"resourceId": "graph object", "appRoleId": "gone"}]
    assert consent.application(rows, {"graph object": api("graph")}) == ["Graph/Mail.Send", "Graph/gone"]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (None, ["Graph/Mail.Send", "Graph/User.Read"]),
        ({"set": ["graph/mail.send"], "add": None, "remove": None}, ["Graph/User.Read"]),
        ({"set": None, "add": ["Graph/User.Read"], "remove": ["Graph/Mail.Send"]}, ["Graph/Mail.Send"]),
        ({"set": [], "add": None, "remove": None}, ["Graph/Mail.Send", "Graph/User.Read"]),
        ({"set": ["Graph/Mail.Send", "Graph/User.Read"]}, []),
    ],
)
def test_what_nobody_declared(option: Any, expected: list[str]) -> None:
    assert consent.undeclared(["Graph/Mail.Send", "Graph/User.Read"], option) == expected
