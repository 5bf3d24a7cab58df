# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registration: from Graph's words to the administrator's and back, and in steps that the service takes."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.core.change import plan
from ansible_collections.m365.hybrid.plugins.module_utils.domain import applications
from ansible_collections.m365.hybrid.plugins.module_utils.domain.api_permissions import APPLICATION, DELEGATED, Api
from ansible_collections.m365.hybrid.plugins.modules.entra_app_registration import RESOURCE

GRAPH = Api(
    "graph object",
    "00000003-0000-0000-c000-000000000000",
    "Microsoft Graph",
    {DELEGATED: {"SMTP.Send": "s1", "User.Read": "s2"}, APPLICATION: {"Mail.Send": "r1", "User.Read.All": "r2"}},
)
BY_CLIENT: dict[str, Api | None] = {GRAPH.client_id: GRAPH}
BY_NAME = {"microsoft graph": GRAPH}
PRINCIPAL = {"id": "principal", "appRoleAssignmentRequired": True}
VALUES = ["Lager.Lesen", "Lager.Schreiben", "Versand", "Inventur"]
Wire = dict[str, Any]
State = dict[str, Any]

texts = st.sampled_from(["Lagerleitung", "Darf lesen.", "Äpfel & Birnen"])
roles = st.lists(
    st.fixed_dictionaries(
        {"value": st.sampled_from(VALUES), "enabled": st.booleans(), "display_name": texts, "description": texts},
        optional={"allowed": st.sampled_from([["users"], ["applications"], ["users", "applications"]])},
    ).map(applications.checked_role),
    unique_by=lambda role: role["value"],
    max_size=3,
)
scopes = st.lists(
    st.fixed_dictionaries(
        {
            "value": st.sampled_from([f"{value}.API" for value in VALUES]),
            "enabled": st.booleans(),
            "admin_title": texts,
        },
        optional={"user_title": texts, "consent_by": st.sampled_from(["users", "admins"])},
    ).map(applications.checked_scope),
    unique_by=lambda scope: scope["value"],
    max_size=3,
)
uris = st.lists(st.sampled_from(["https://a.contoso.example", "https://b.contoso.example"]), unique=True)
states = st.fixed_dictionaries(
    {
        "unique_name": st.sampled_from([None, "contoso-lager"]),
        "display_name": texts,
        "notes": st.none() | texts,
        "tags": st.lists(texts, unique=True),
        "identifier_uris": st.sampled_from([[], ["api://lager"]]),
        "sign_in_audience": st.sampled_from(sorted(applications.AUDIENCES)),
        "public_client_flows": st.booleans(),
        **dict.fromkeys(applications.PLATFORMS, uris),
        "delegated_permissions": st.lists(
            st.sampled_from(["Microsoft Graph/SMTP.Send", "Microsoft Graph/User.Read"]), unique=True
        ),
        "application_permissions": st.lists(
            st.sampled_from(["Microsoft Graph/Mail.Send", "Microsoft Graph/User.Read.All"]), unique=True
        ),
        "app_roles": roles,
        "scopes": scopes,
    }
)
WRITTEN = tuple(RESOURCE.managed.keys() - {"owners", "assignment_required", "enterprise_application"})


class Refusal(Exception):
    """The service's refusal."""


def wire_of(state: State) -> Wire:
    """The registration that Graph would have after it was made with a state."""
    return merged({"id": "object", "appId": "client"}, applications.body(WRITTEN, state, {}, BY_NAME))


def merged(application: Wire, told: Wire) -> Wire:
    """A PATCH as Graph carries it out: members of complex properties one by one, collections as a whole.

    An enabled role or scope is only disabled; everything else is refused (CannotDeleteOrUpdateEnabledEntitlement).
    """
    after = copy.deepcopy(application)
    for name, value in copy.deepcopy(told).items():
        after[name] = {**(after.get(name) or {}), **value} if isinstance(value, dict) else value
    for before_one, after_ones in _entitlements(application, after):
        same = next((one for one in after_ones if one["id"] == before_one["id"]), None)
        if before_one["isEnabled"] and (same is None or {**same, "isEnabled": True} != before_one):
            raise Refusal(before_one["value"])
    return after


def _entitlements(before: Wire, after: Wire) -> list[tuple[Wire, list[Wire]]]:
    def both(application: Wire) -> tuple[list[Wire], list[Wire]]:
        return application.get("appRoles") or [], (application.get("api") or {}).get("oauth2PermissionScopes") or []

    return [(one, new) for old, new in zip(both(before), both(after), strict=True) for one in old]


def state_of(application: Wire) -> State:
    """The state with everything around the registration as it always is here."""
    return applications.state_of(application, PRINCIPAL, [], BY_CLIENT)


def wish(application: str = "contoso-lager", **options: Any) -> dict[str, Any]:
    """The module's options."""
    return {**dict.fromkeys(RESOURCE.options), "application": application, "soft_deleted": "refuse", **options}


def everything(state: State) -> dict[str, Any]:
    """Options that ask for exactly this state."""
    single = {name: state[name] for name in WRITTEN if not isinstance(state[name], list)}
    sets = {name: {"set": state[name]} for name in WRITTEN if isinstance(state[name], list)}
    return wish(**{**single, **sets, "app_roles": state["app_roles"], "scopes": state["scopes"]})


def carried_out(application: Wire, wanted: State) -> tuple[Wire, list[Wire]]:
    """The registration after the plan for a wish, and the writes that it took."""
    change = plan(RESOURCE, wanted, state_of(application))
    told = applications.body(change.fields, change.after or {}, application, BY_NAME)
    writes = [write for write in (applications.disabling(told, application), told) if write]
    for write in writes:
        application = merged(application, write)
    return application, writes


def comparable(state: State) -> State:
    """What is declared of a state, without order."""
    return {name: RESOURCE.managed[name]._canonical(state[name]) for name in WRITTEN}


@given(states)
def test_a_new_registration_is_what_was_declared(state: State) -> None:
    assert comparable(state_of(wire_of(state))) == comparable(state)


@given(states, states)
def test_the_plan_leads_to_the_goal_and_then_there_is_none(present: State, wanted: State) -> None:
    wanted["unique_name"] = present["unique_name"]
    options = everything(wanted)
    after, writes = carried_out(wire_of(present), options)
    expected = comparable(wanted)
    if wanted["notes"] is None:
        expected["notes"] = present["notes"]
    assert comparable(state_of(after)) == expected
    assert len(writes) <= 2
    assert carried_out(after, options)[1] == []


@given(states, states)
def test_roles_and_scopes_that_stay_keep_their_ids(present: State, wanted: State) -> None:
    before = wire_of(present)
    after, _writes = carried_out(before, wish(app_roles=wanted["app_roles"], scopes=wanted["scopes"]))
    ids = [{one["value"]: one["id"] for one, _all in _entitlements(state, state)} for state in (before, after)]
    assert all(ids[1][value] == ids[0][value] for value in ids[0].keys() & ids[1].keys())
    assert all(uuid.UUID(one) for one in ids[1].values())
    assert len(set(ids[1].values())) == len(ids[1])


@given(states, st.sampled_from(sorted(set(WRITTEN) - {"app_roles", "scopes", "unique_name"})), states)
def test_only_what_is_declared_is_written(present: State, option: str, wanted: State) -> None:
    before = wire_of(present)
    value = wanted[option]
    after, _writes = carried_out(before, wish(**{option: {"set": value} if isinstance(value, list) else value}))
    expected = comparable(present) | ({} if value is None else {option: comparable(wanted)[option]})
    assert comparable(state_of(after)) == expected


def role(**changes: Any) -> Wire:
    return {
        "id": "1",
        "value": "Leser",
        "displayName": "Leser",
        "description": "Leser",
        "isEnabled": True,
        "allowedMemberTypes": ["User"],
        **changes,
    }


@pytest.mark.parametrize(
    ("present", "wanted", "disabled"),
    [
        ([], [role()], None),
        ([role()], [role()], None),
        ([role()], [role(), role(id="2", value="Zwei")], None),
        ([role(isEnabled=False)], [], None),
        ([role(isEnabled=False)], [role(isEnabled=False, displayName="Lesen")], None),
        ([role()], [], [role(isEnabled=False)]),
        ([role()], [role(displayName="Lesen")], [role(isEnabled=False)]),
        ([role(), role(id="2", value="Zwei")], [role()], [role(), role(id="2", value="Zwei", isEnabled=False)]),
        # The service sends more than it is told, and that is sent back as it is.
        ([role(origin="Application")], [], [role(origin="Application", isEnabled=False)]),
        ([role(origin="Application")], [role()], None),
    ],
)
def test_what_is_in_use_is_disabled_first(present: list[Wire], wanted: list[Wire], disabled: list[Wire] | None) -> None:
    assert applications.disabling({"appRoles": wanted}, {"appRoles": present}) == (
        {"appRoles": disabled} if disabled else {}
    )
    api = {"api": {"oauth2PermissionScopes": present}}
    assert applications.disabling({"api": {"oauth2PermissionScopes": wanted}}, api) == (
        {"api": {"oauth2PermissionScopes": disabled}} if disabled else {}
    )


def test_a_role_that_is_only_disabled_needs_one_write() -> None:
    before = {"appRoles": [role()]}
    _after, writes = carried_out(
        {**wire_of(applications.new_state(wish())), **before},
        wish(app_roles=[applications.checked_role({"value": "Leser", "enabled": False})]),
    )
    assert writes == [{"appRoles": [role(isEnabled=False)]}]


def test_a_role_without_a_value_is_left_alone() -> None:
    """Applications from the gallery have one (msiam_access)."""
    nameless = role(value=None, displayName="msiam_access")
    before = {**wire_of(applications.new_state(wish())), "appRoles": [nameless]}
    change = plan(RESOURCE, wish(notes="Neu"), state_of(before))
    assert applications.obstacle(change.want, change.before, change.after or {}, lambda _text: False) == ""
    after, writes = carried_out(before, wish(notes="Neu"))
    assert writes == [{"notes": "Neu"}]
    assert after["appRoles"] == [nameless]
    assert carried_out(before, wish(app_roles=[]))[0]["appRoles"] == []


def test_what_is_left_out_of_a_role_or_scope() -> None:
    assert applications.checked_role({"value": "Leser"}) == {
        "value": "Leser",
        "display_name": "Leser",
        "description": "Leser",
        "enabled": True,
        "allowed": ["users"],
    }
    assert applications.checked_scope({"value": "lesen", "admin_title": "Lesen"}) == {
        "value": "lesen",
        "admin_title": "Lesen",
        "admin_description": "Lesen",
        "user_title": None,
        "user_description": None,
        "enabled": True,
        "consent_by": "admins",
    }
    assert applications.checked_role({"value": "a", "allowed": ["users", "applications", "users"]})["allowed"] == [
        "applications",
        "users",
    ]


@given(roles | scopes)
def test_what_is_declared_in_full_stays(entitlements: list[State]) -> None:
    for one in entitlements:
        check = applications.checked_role if "allowed" in one else applications.checked_scope
        assert check(one) == one


@pytest.mark.parametrize("value", ["", None, "zwei Worte", "a\tb", "a\u00a0b", "a" * 121])
@pytest.mark.parametrize("check", [applications.checked_role, applications.checked_scope])
def test_a_value_that_cannot_stand_in_a_token(check: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="is no value of a role or scope"):
        check({"value": value})


NEW = applications.new_state(wish())
HELD = state_of(wire_of({**NEW, "unique_name": "contoso-lager"}))
ROLE, SCOPE = applications.checked_role({"value": "Lesen"}), applications.checked_scope({"value": "lesen"})


@pytest.mark.parametrize(
    ("want", "before", "after", "reason"),
    [
        (wish(), None, NEW, ""),
        (wish("1d5f8a0b-94c3-4e0e-8a4e-5b9c1f2d7e60"), None, NEW, "named by its unique name, not by an id"),
        (wish("1d5f8a0b-94c3-4e0e-8a4e-5b9c1f2d7e60"), HELD, HELD, ""),
        (
            wish(unique_name="neu"),
            HELD,
            HELD | {"unique_name": "neu"},
            "Its unique name is contoso-lager and cannot be",
        ),
        (wish(unique_name="neu"), HELD | {"unique_name": None}, HELD | {"unique_name": "neu"}, ""),
        (wish(app_roles=[ROLE]), HELD, HELD | {"app_roles": [ROLE], "scopes": [SCOPE]}, "lesen is there twice"),
        (wish(app_roles=[ROLE, ROLE]), HELD, HELD | {"app_roles": [ROLE, ROLE]}, "lesen is there twice"),
        # What somebody else has made is not judged.
        (wish(notes="x"), HELD, HELD | {"app_roles": [ROLE], "scopes": [SCOPE]}, ""),
    ],
)
def test_what_stands_in_the_way(want: State, before: State | None, after: State, reason: str) -> None:
    said = applications.obstacle(want, before, after, lambda text: len(text) == 36)
    assert reason in said
    assert bool(said) == bool(reason)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"isFallbackPublicClient": None}, {"public_client_flows": False}),
        ({"web": None, "spa": {}, "publicClient": {"redirectUris": None}}, {"web_redirect_uris": []}),
        ({"api": None, "appRoles": None, "requiredResourceAccess": None}, {"scopes": [], "app_roles": []}),
        ({"signInAudience": "EinNeuesWort"}, {"sign_in_audience": "EinNeuesWort"}),
    ],
)
def test_what_the_service_leaves_out(changes: Wire, expected: State) -> None:
    state = state_of({**wire_of(NEW), **changes})
    assert state | expected == state


def test_a_registration_without_a_service_principal() -> None:
    state = applications.state_of(wire_of(NEW), None, ["anna@contoso.example"], {})
    assert (state["enterprise_application"], state["service_principal_id"], state["assignment_required"]) == (
        False,
        None,
        False,
    )
    assert state["owners"] == ["anna@contoso.example"]
