# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions by name: spelled in any way, told apart by kind, and back from their ids."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.api_permissions import (
    APPLICATION,
    DELEGATED,
    Api,
    api_of,
    canonical,
    permission_id,
    request,
    requested,
    spelled,
    split,
)

PRINCIPAL: dict[str, Any] = {
    "id": "object",
    "appId": "00000003-0000-0000-c000-000000000000",
    "displayName": "Microsoft Graph",
    "appRoles": [
        {"id": "role-1", "value": "Mail.Send", "allowedMemberTypes": ["Application"]},
        {"id": "role-2", "value": "Calendars.ReadWrite", "allowedMemberTypes": ["Application", "User"]},
        {"id": "role-3", "value": "Leser", "allowedMemberTypes": ["User"]},
    ],
    "oauth2PermissionScopes": [
        {"id": "scope-1", "value": "Mail.Send"},
        {"id": "scope-2", "value": "SMTP.Send"},
        {"id": "scope-3", "value": "offline_access"},
    ],
}
GRAPH = api_of(PRINCIPAL)
OTHER = Api(
    "other", "11111111-0000-4000-8000-000000000000", "Lager/Versand", {DELEGATED: {"a": "id-a"}, APPLICATION: {}}
)
BY_CLIENT = {one.client_id: one for one in (GRAPH, OTHER)}
BY_NAME = {one.name.lower(): one for one in (GRAPH, OTHER)}
DELEGATED_TITLES = ["Microsoft Graph/Mail.Send", "Microsoft Graph/SMTP.Send", "Lager/Versand/a"]
APPLICATION_TITLES = ["Microsoft Graph/Mail.Send", "Microsoft Graph/Calendars.ReadWrite"]


def test_an_api_offers_applications_what_they_may_be_given() -> None:
    assert GRAPH.offers[APPLICATION] == {"Mail.Send": "role-1", "Calendars.ReadWrite": "role-2"}
    assert GRAPH.offers[DELEGATED] == {"Mail.Send": "scope-1", "SMTP.Send": "scope-2", "offline_access": "scope-3"}


def test_roles_and_scopes_without_a_value_are_nothing_that_can_be_asked_for() -> None:
    # A service principal from the gallery has such a role (msiam_access).
    nameless = {"id": "nameless", "value": None, "allowedMemberTypes": ["Application"]}
    api = api_of({**PRINCIPAL, "appRoles": [nameless], "oauth2PermissionScopes": None})
    assert api.offers == {DELEGATED: {}, APPLICATION: {}}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Microsoft Graph/Mail.Send", ("Microsoft Graph", "Mail.Send")),
        ("  Microsoft Graph / Mail.Send\n", ("Microsoft Graph", "Mail.Send")),
        ("Lager/Versand/a", ("Lager/Versand", "a")),
    ],
)
def test_a_text_is_an_api_and_a_permission(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts
    assert canonical(text) == "/".join(parts)


@pytest.mark.parametrize("text", ["", "/", "Mail.Send", "/Mail.Send", "Microsoft Graph/", "Microsoft Graph/Mail Send"])
def test_what_is_no_permission_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no permission; write API/permission"):
        canonical(text)


@given(st.text(max_size=40))
def test_the_canonical_form_stays(text: str) -> None:
    try:
        once = canonical(text)
    except ValueError:
        return
    assert canonical(once) == once


@pytest.mark.parametrize("name", ["SMTP.Send", "smtp.send", "SMTP.SEND", "scope-2"])
def test_a_permission_in_any_letter_case_or_by_its_id(name: str) -> None:
    assert permission_id(GRAPH, DELEGATED, name) == "scope-2"
    assert spelled(GRAPH, DELEGATED, name) == "Microsoft Graph/SMTP.Send"


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        (DELEGATED, "SMTP.Sent", "Microsoft Graph has no delegated permission SMTP.Sent; did you mean SMTP.Send"),
        (APPLICATION, "calendar.readwrite", "did you mean Calendars.ReadWrite"),
        (APPLICATION, "smtp.send", "Microsoft Graph/smtp.send is a permission of the kind delegated, not application"),
        (DELEGATED, "Calendars.ReadWrite", "is a permission of the kind application, not delegated"),
        (DELEGATED, "Zz", "Microsoft Graph has no delegated permission Zz$"),
        # A role for users only is not for applications.
        (APPLICATION, "Leser", "has no application permission Leser"),
    ],
)
def test_a_permission_that_is_not_offered(kind: str, name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        permission_id(GRAPH, kind, name)


@given(st.sets(st.sampled_from(DELEGATED_TITLES)), st.sets(st.sampled_from(APPLICATION_TITLES)))
def test_what_is_asked_for_comes_back(delegated: set[str], application: set[str]) -> None:
    access = request({DELEGATED: sorted(delegated), APPLICATION: sorted(application)}, BY_NAME)
    assert set(requested(access, BY_CLIENT, DELEGATED)) == delegated
    assert set(requested(access, BY_CLIENT, APPLICATION)) == application
    assert len({one["resourceAppId"] for one in access}) == len(access)
    assert all(one["resourceAccess"] for one in access)


def test_what_the_tenant_does_not_know_is_kept() -> None:
    gone = "22222222-0000-4000-8000-000000000000"
    access = [
        {"resourceAppId": gone, "resourceAccess": [{"id": "x", "type": "Scope"}, {"id": "y", "type": "Role"}]},
        {"resourceAppId": GRAPH.client_id, "resourceAccess": [{"id": "retired", "type": "Scope"}]},
    ]
    wanted = {kind: requested(access, {**BY_CLIENT, gone: None}, kind) for kind in (DELEGATED, APPLICATION)}
    assert wanted == {DELEGATED: [f"{gone}/x", "Microsoft Graph/retired"], APPLICATION: [f"{gone}/y"]}
    assert request(wanted, BY_NAME) == access
