# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups as Graph writes them, and the passwords of users."""

from __future__ import annotations

from typing import Any

import pytest
from graph_caller import EVERYTHING, INFO, SALES, Graph
from rehearsal import Lab

from lab.state import Group, User

GROUPS = (*EVERYTHING, "Group.ReadWrite.All")
NEW = {"displayName": "Verkauf", "mailEnabled": False, "mailNickname": "verkauf", "securityEnabled": True}
TEAM = {**NEW, "mailEnabled": True, "securityEnabled": False, "groupTypes": ["Unified"]}
UPSERT = {"Prefer": "create-if-missing"}
MASTERED = (
    "Unable to update the specified properties for on-premises mastered Directory Sync objects "
    "or objects currently undergoing migration."
)
EXISTING = "One or more added object references already exist for the following modified properties: 'members'."
NEW_USER: dict[str, Any] = {
    "accountEnabled": True,
    "displayName": "Dienst",
    "mailNickname": "dienst",
    "userPrincipalName": "dienst@contoso.example",
    "passwordProfile": {"password": "Sommer-2026-Wind", "forceChangePasswordNextSignIn": False},
}


@pytest.fixture
def graph(lab: Lab) -> Graph:
    return Graph(lab, GROUPS)


def link(identifier: str) -> str:
    """An object as a reference names it."""
    return f"https://graph.microsoft.com/v1.0/directoryObjects/{identifier}"


def made(graph: Graph, **more: Any) -> Group:
    """A group of the tenant."""
    group = Group(graph.lab.tenant.new_id(), "Verkauf", **more)
    graph.lab.tenant.groups[group.id] = group
    return group


def test_a_group_is_made_and_shown(graph: Graph) -> None:
    answer = graph.call("POST", "groups", {**NEW, "description": "Alle", "members@odata.bind": [link(INFO)]})
    assert answer.status_code == 201
    shown = graph.get(f"groups/{answer.json()['id']}")
    assert (shown["displayName"], shown["description"], shown["groupTypes"]) == ("Verkauf", "Alle", [])
    assert (shown["mailEnabled"], shown["securityEnabled"], shown["mailNickname"]) == (False, True, "verkauf")
    assert "uniqueName" not in shown
    assert graph.lab.tenant.groups[shown["id"]].members == [INFO]


@pytest.mark.parametrize("name", NEW)
def test_what_a_new_group_needs(graph: Graph, name: str) -> None:
    body = {key: value for key, value in NEW.items() if key != name}
    words = f"A value is required for property '{name}' of resource 'Group'."
    assert graph.refused("POST", "groups", body) == (400, "Request_BadRequest", words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**NEW, "mailEnabled": True}, "does not currently support writes of mail-enabled groups"),
        ({**NEW, "securityEnabled": False}, "Invalid value specified for property 'securityEnabled'"),
        ({**TEAM, "mailEnabled": False, "securityEnabled": True}, "property 'mailEnabled'"),
        ({**NEW, "mailNickname": "mit leerzeichen"}, "property 'mailNickname'"),
        ({**NEW, "groupTypes": ["Andere"]}, "property 'groupTypes'"),
        ({**NEW, "visibility": "Geheim"}, "property 'visibility'"),
        ({**NEW, "owner": INFO}, "The property 'owner' does not exist on type 'microsoft.graph.group'"),
        ({**NEW, "mail": "a@contoso.example"}, "Property 'mail' is read-only"),
        ({**NEW, "displayName": 7}, "Cannot convert a primitive value"),
    ],
)
def test_what_no_group_can_be(graph: Graph, body: dict[str, Any], words: str) -> None:
    status, _code, message = graph.refused("POST", "groups", body)
    assert (status, words in message) == (400, True), message
    assert graph.lab.tenant.groups == {}


def test_a_microsoft_365_group_has_an_address_and_its_nickname_is_its_own(graph: Graph) -> None:
    shown = graph.call("POST", "groups", TEAM).json()
    assert (shown["mail"], shown["visibility"], shown["groupTypes"]) == (
        "verkauf@contoso.example",
        "Public",
        ["Unified"],
    )
    assert "mailNickname already exists" in graph.refused("POST", "groups", TEAM)[2]


def test_an_upsert_makes_once(graph: Graph) -> None:
    path = "groups(uniqueName='verkauf')"
    assert graph.call("PATCH", path, NEW, headers=UPSERT).status_code == 201
    again = graph.call("PATCH", path, {**NEW, "displayName": "Anders"} | {"mailEnabled": False}, headers=UPSERT)
    assert again.status_code == 400, "what is fixed at creation cannot be written again"
    assert graph.call("PATCH", path, {"displayName": "Anders"}, headers=UPSERT).status_code == 204
    assert graph.get(f"{path}?$select=displayName,uniqueName")["uniqueName"] == "verkauf"
    assert [group.display_name for group in graph.lab.tenant.groups.values()] == ["Anders"]
    assert graph.refused("PATCH", "groups(uniqueName='keine')", {"displayName": "x"})[0] == 404


def test_members_by_reference(graph: Graph) -> None:
    group = made(graph)
    assert graph.call("POST", f"groups/{group.id}/members/$ref", {"@odata.id": link(INFO)}).status_code == 204
    assert graph.refused("POST", f"groups/{group.id}/members/$ref", {"@odata.id": link(INFO)})[2] == EXISTING
    assert graph.call("DELETE", f"groups/{group.id}/members/{INFO}/$ref").status_code == 204
    assert graph.refused("DELETE", f"groups/{group.id}/members/{INFO}/$ref")[0] == 404
    assert group.members == []


def test_many_members_are_added_all_or_none(graph: Graph) -> None:
    group = made(graph, members=[INFO])
    path = f"groups/{group.id}"
    assert graph.refused("PATCH", path, {"members@odata.bind": [link(SALES), link(INFO)]})[2] == EXISTING
    missing = "88888888-0000-4000-8000-000000000008"
    assert graph.refused("PATCH", path, {"members@odata.bind": [link(SALES), link(missing)]})[0] == 404
    assert graph.refused("PATCH", path, {"members@odata.bind": [link(SALES)] * 21})[0] == 400
    assert group.members == [INFO]
    assert graph.call("PATCH", path, {"members@odata.bind": [link(SALES)]}).status_code == 204
    assert group.members == [INFO, SALES]


def test_without_ref_the_member_itself_is_deleted(graph: Graph) -> None:
    group = made(graph, members=[INFO])
    assert graph.call("DELETE", f"groups/{group.id}/members/{INFO}").status_code == 204
    assert INFO in graph.lab.tenant.deleted_users


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"on_premises_sync_enabled": True}, MASTERED),
        ({"membership_rule": "user.department -eq 'X'"}, "dynamic membership"),
        ({"mail": "liste@contoso.example"}, "Cannot Update a mail-enabled security groups and or distribution list."),
    ],
)
def test_groups_that_refuse_members(graph: Graph, more: dict[str, Any], words: str) -> None:
    group = made(graph, **more)
    for method, path, body in (
        ("POST", f"groups/{group.id}/members/$ref", {"@odata.id": link(INFO)}),
        ("PATCH", f"groups/{group.id}", {"members@odata.bind": [link(INFO)]}),
    ):
        status, _code, message = graph.refused(method, path, body)
        assert (status, words in message) == (400, True)
    assert group.members == []


def test_the_last_owner_of_a_microsoft_365_group_stays(graph: Graph) -> None:
    group = made(graph, unified=True, owners=[INFO])
    assert "at least one owner" in graph.refused("DELETE", f"groups/{group.id}/owners/{INFO}/$ref")[2]
    assert graph.call("POST", f"groups/{group.id}/owners/$ref", {"@odata.id": link(SALES)}).status_code == 204
    assert graph.call("DELETE", f"groups/{group.id}/owners/{INFO}/$ref").status_code == 204
    assert [one["id"] for one in graph.get(f"groups/{group.id}/owners")["value"]] == [SALES]


def test_groups_are_no_members_of_microsoft_365_groups(graph: Graph) -> None:
    inner, team = made(graph), made(graph, unified=True)
    body = {"members@odata.bind": [link(inner.id)]}
    assert "invalid for the 'members' reference" in graph.refused("PATCH", f"groups/{team.id}", body)[2]
    assert graph.call("PATCH", f"groups/{made(graph).id}", body).status_code == 204


def test_permissions_for_groups(lab: Lab) -> None:
    group = Group(lab.tenant.new_id(), "Verkauf")
    lab.tenant.groups[group.id] = group
    members = Graph(lab, ("GroupMember.ReadWrite.All",))
    assert members.call("PATCH", f"groups/{group.id}", {"members@odata.bind": [link(INFO)]}).status_code == 204
    assert members.refused("PATCH", f"groups/{group.id}", {"displayName": "x"})[0] == 403
    assert members.refused("POST", "groups", NEW)[0] == 403
    group.role_assignable = True
    remove = f"groups/{group.id}/members/{INFO}/$ref"
    assert members.refused("DELETE", remove)[0] == 403
    both = Graph(lab, ("GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory"))
    assert both.call("DELETE", remove).status_code == 204


def test_deleted_groups(graph: Graph) -> None:
    team, plain = made(graph, unified=True), made(graph)
    for group in (team, plain):
        assert graph.call("DELETE", f"groups/{group.id}").status_code == 204
    found = graph.get("directory/deletedItems/microsoft.graph.group")["value"]
    assert [one["id"] for one in found] == [team.id]
    assert graph.call("POST", f"directory/deletedItems/{team.id}/restore").status_code == 200
    assert list(graph.lab.tenant.groups) == [team.id]


def test_a_new_group_is_not_on_every_replica(graph: Graph) -> None:
    graph.lab.control("POST", "switches", {"graph_replica_lag": 60})
    graph.get("groups")
    identifier = graph.call("POST", "groups", NEW).json()["id"]
    statuses = {graph.call("GET", f"groups/{identifier}").status_code for _again in range(30)}
    assert 404 in statuses
    graph.lab.control("POST", "clock", {"advance": 61})
    assert graph.get(f"groups/{identifier}")["id"] == identifier


# Passwords


def works(lab: Lab, password: str, user: str = "dienst@contoso.example") -> bool:
    """Whether a password is a user's."""
    answer: bool = lab.control("POST", "password", {"user": user, "password": password})["works"]
    return answer


def test_a_new_user_has_its_password_and_nobody_sees_it(graph: Graph) -> None:
    assert graph.call("POST", "users", NEW_USER).status_code == 201
    assert works(graph.lab, "Sommer-2026-Wind")
    assert not works(graph.lab, "Sommer-2026-Wind ")
    assert "Sommer-2026" not in graph.lab.call("GET", "/_lab/state").text
    shown = graph.user("dienst@contoso.example", "passwordProfile", "lastPasswordChangeDateTime")
    assert shown["passwordProfile"] is None
    assert shown["lastPasswordChangeDateTime"]


def test_a_new_user_needs_a_password(graph: Graph) -> None:
    body = {**NEW_USER, "passwordProfile": {"forceChangePasswordNextSignIn": False}}
    assert graph.refused("POST", "users", body)[0] == 400


def test_a_new_password_needs_its_own_permission(graph: Graph) -> None:
    body = {"passwordProfile": {"password": "Winter-2026-Wind"}}
    assert graph.refused("PATCH", f"users/{INFO}", body)[0] == 403
    allowed = Graph(graph.lab, (*EVERYTHING, "User-PasswordProfile.ReadWrite.All"))
    before = allowed.user(INFO, "lastPasswordChangeDateTime")["lastPasswordChangeDateTime"]
    graph.lab.control("POST", "clock", {"advance": 60})
    assert allowed.call("PATCH", f"users/{INFO}", body).status_code == 204
    assert works(graph.lab, "Winter-2026-Wind", "info@contoso.example")
    assert allowed.user(INFO, "lastPasswordChangeDateTime")["lastPasswordChangeDateTime"] > before


def test_nobody_touches_who_holds_a_role(graph: Graph) -> None:
    (role,) = graph.lab.tenant.roles.values()
    group = made(graph, members=[INFO])
    role.members.append(group.id)
    assert graph.refused("PATCH", f"users/{INFO}", {"accountEnabled": False})[0] == 403
    assert graph.refused("DELETE", f"users/{INFO}")[0] == 403
    assert graph.call("PATCH", f"users/{INFO}", {"jobTitle": "Leitung"}).status_code == 204
    holder: User = graph.lab.tenant.users[INFO]
    assert (holder.account_enabled, holder.job_title) == (True, "Leitung")
