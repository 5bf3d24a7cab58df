# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How members are added and taken away, and names that two objects have."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from scripted import Answer, ScriptedServer

from ansible_collections.m365.hybrid.plugins.module_utils.clients import groups, members
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.clients.graph import Graph
from ansible_collections.m365.hybrid.plugins.module_utils.core.lifecycle import Clients

GROUP = "0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11"
IDS = [f"44444444-0000-4000-8000-0000000000{number:02}" for number in range(45)]
EXISTING = "One or more added object references already exist for the following modified properties: 'members'."


def refused(message: str) -> Answer:
    """A refusal in Graph's form."""
    return Answer(400, {"error": {"code": "Request_BadRequest", "message": message}})


def shared(graph: Any = None) -> Clients:
    """The clients of a task."""
    return Clients(graph=graph or SimpleNamespace())


def change(graph: Graph, wanted: list[str], held: list[str]) -> None:
    """Bring the members of a group from some to others, each known by its id."""
    services = shared(graph)
    for one in {*wanted, *held}:
        members.label(services, one, one)
    groups.save(services, ["members"], {"id": GROUP, "members": held, "owners": []}, {"members": wanted, "owners": []})


def test_members_are_added_twenty_at_a_time_and_removed_by_reference(graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(204)] * 5
    change(graph, IDS[:43], IDS[43:])
    added = [len(seen.json["members@odata.bind"]) for seen in server.requests[:3]]
    assert added == [20, 20, 3]
    assert [f"{seen.method} {seen.path}" for seen in server.requests[3:]] == [
        f"DELETE /v1.0/groups/{GROUP}/members/{one}/$ref" for one in IDS[43:]
    ]


def test_one_that_is_there_already_keeps_none_of_the_others_out(graph: Graph, server: ScriptedServer) -> None:
    server.script = [refused(EXISTING), Answer(204), refused(EXISTING), Answer(204)]
    change(graph, IDS[:3], [])
    assert [seen.path for seen in server.requests[1:]] == [f"/v1.0/groups/{GROUP}/members/$ref"] * 3
    assert [seen.json["@odata.id"].rpartition("/")[2] for seen in server.requests[1:]] == IDS[:3]


def test_another_refusal_is_let_out(graph: Graph, server: ScriptedServer) -> None:
    server.script = [refused("Cannot Update a mail-enabled security groups and or distribution list.")]
    with pytest.raises(ServiceError, match="mail-enabled security groups"):
        change(graph, IDS[:3], [])
    assert len(server.requests) == 1


def test_a_name_that_two_objects_have_is_shown_once() -> None:
    services = shared()
    assert members.label(services, IDS[0], "Verkauf") == "Verkauf"
    assert members.label(services, IDS[1], "VERKAUF") == IDS[1]
    assert members.label(services, IDS[0], "Verkauf") == "Verkauf"
    assert [members.id_of(services, name) for name in ("verkauf", IDS[1])] == IDS[:2]


def test_an_object_of_which_a_list_shows_only_the_id_keeps_its_name() -> None:
    services = shared()
    members.label(services, IDS[0], "anna@contoso.example")
    assert members.labelled(services, {"id": IDS[0], "userPrincipalName": None}) == "anna@contoso.example"
