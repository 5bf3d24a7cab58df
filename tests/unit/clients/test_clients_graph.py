# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Graph client: verbs, paths, pages, batches, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Answer, FakeClock, ScriptedServer, Seen

from ansible_collections.m365.hybrid.plugins.module_utils.clients import graph_errors, retry
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.clients.graph import Graph, is_write, key


def failure(status: int, code: str, message: str, **headers: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message, "innerError": {}}}, headers)


GONE = failure(
    404, "Request_ResourceNotFound", "Resource '1' does not exist or one of its queried reference-property ..."
)


@pytest.mark.parametrize("code", ["Request_ResourceNotFound", "ResourceNotFound", "Directory_ObjectNotFound"])
def test_an_explicit_not_found_is_none(code: str, graph: Graph, server: ScriptedServer) -> None:
    server.script = [failure(404, code, "not there")]
    assert graph.get("/users/1") is None
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404),
        Answer(404, b"<html>no such page"),
        failure(404, "itemNotFound", "?"),
        failure(404, "MailboxNotEnabledForRESTAPI", "no mailbox"),
        failure(400, "Request_ResourceNotFound", "not there"),
        failure(410, "ResourceNotFound", "?"),
    ],
)
def test_any_other_not_found_is_unknown(answer: Answer, graph: Graph, server: ScriptedServer) -> None:
    server.script = [answer]
    with pytest.raises(ServiceError) as caught:
        graph.get("/users/1")
    assert caught.value.status == answer.status


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        (
            "/users/o'brien_contoso.example#EXT#@x.onmicrosoft.com",
            "/users/o%27brien_contoso.example%23EXT%23@x.onmicrosoft.com",
        ),
        ("/applications(appId='1')/owners/$ref", "/applications(appId=%271%27)/owners/$ref"),
        ("/users/jörg müller", "/users/j%C3%B6rg%20m%C3%BCller"),
        (f"/groups/{key('50% off/now?#')}/members", "/groups/50%25%20off%2Fnow%3F%23/members"),
    ],
)
def test_ids_are_percent_encoded(path: str, raw: str, graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(200, {})]
    graph.get(path)
    assert server.requests[0].path == "/v1.0" + raw


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_key_survives_any_name(name: str) -> None:
    assert unquote(key(name)) == name
    assert not set(key(name)) & set("/?#% '\"") - {"%"}


def test_query_options_get_their_dollar_and_their_encoding(graph: Graph, server: ScriptedServer) -> None:
    graph.list("/users", select=["id", "mail"], filter="mail eq 'o''brien+x@contoso.example'", top=999, count=True)
    assert server.requests[0].path == (
        "/v1.0/users?$select=id,mail&$filter=mail%20eq%20'o''brien%2Bx@contoso.example'&$top=999&$count=true"
    )
    assert server.requests[0].headers["ConsistencyLevel"] is None


def test_the_lagging_index_is_asked_only_on_demand_and_on_every_page(graph: Graph, server: ScriptedServer) -> None:
    more = Answer(200, {"value": [1], "@odata.nextLink": f"{server.url}/v1.0/users?$skiptoken=x"})
    server.script = [more, Answer(200, {"value": [2]})]
    assert graph.list("/users", consistency="eventual", search='"displayName:a"') == [1, 2]
    assert [seen.headers["ConsistencyLevel"] for seen in server.requests] == ["eventual", "eventual"]


def test_a_list_has_all_pages(graph: Graph, server: ScriptedServer) -> None:
    def page(seen: Seen) -> Answer:
        number = int((urlsplit(seen.path).query or "page=0").removeprefix("page="))
        link = {"@odata.nextLink": f"{server.url}/v1.0/users?page={number + 1}"} if number < 4 else {}
        return Answer(200, {"value": [number], **link})

    server.script = [page]
    assert graph.list("/users") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "second",
    [
        GONE,
        Answer(403, b"<html>"),
        Answer(200, {"no": "value"}),
        Answer(200, {"value": {"id": "1"}}),
        Answer(200, b"<html>"),
        Answer(410, {"error": {"code": "x", "message": "link expired"}}),
    ],
)
def test_a_broken_page_breaks_the_list(second: Answer, graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(200, {"value": [1], "@odata.nextLink": f"{server.url}/v1.0/users?page=2"}), second]
    with pytest.raises(ServiceError):
        graph.list("/users")


@pytest.mark.parametrize(
    "link", ["https://graph.contoso.example/v1.0/users?page=2", "http://{host}/x", "https://127.0.0.1:1/x", "/x", "", 7]
)
def test_a_link_elsewhere_is_not_followed(link: Any, graph: Graph, server: ScriptedServer) -> None:
    target = link.format(host=urlsplit(server.url).netloc) if isinstance(link, str) else link
    server.script = [Answer(200, {"value": [1], "@odata.nextLink": target})]
    with pytest.raises(ServiceError, match="leads astray"):
        graph.list("/users")
    assert len(server.requests) == 1


def test_pages_in_a_circle_end(graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(200, {"value": [1], "@odata.nextLink": f"{server.url}/v1.0/users?page=2"})]
    with pytest.raises(ServiceError, match="leads astray"):
        graph.list("/users")
    assert len(server.requests) == 2


def test_writes_use_their_verbs(graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(201, {"id": "1"}), Answer(204), Answer(200, {"id": "1"}), Answer(204), Answer(204)]
    assert graph.create("/users", {"displayName": "Anna"}) == {"id": "1"}
    assert graph.create("/groups/1/members/$ref", {"@odata.id": "x"}) == {}
    assert graph.action("/users/1/assignLicense", {"addLicenses": []}) == {"id": "1"}
    graph.update("/users/1", {"city": None})
    graph.delete("/users/1")
    assert [seen.method for seen in server.requests] == ["POST", "POST", "POST", "PATCH", "DELETE"]
    assert server.requests[3].json == {"city": None}
    assert server.requests[0].headers["Content-Type"] == "application/json"


def test_an_object_that_is_gone_counts_as_deleted(graph: Graph, server: ScriptedServer) -> None:
    server.script = [GONE]
    graph.delete("/users/1")
    assert len(server.requests) == 1


def test_a_change_of_what_is_not_there_fails(graph: Graph, server: ScriptedServer) -> None:
    server.script = [GONE]
    with pytest.raises(ServiceError, match="not known everywhere yet") as caught:
        graph.update("/users/1", {})
    assert not caught.value.ambiguous


def test_a_not_found_that_may_hide_a_success_is_ambiguous(graph: Graph, server: ScriptedServer) -> None:
    server.script = [failure(404, "Directory_ObjectNotFound", "Unable to read the company information.")]
    with pytest.raises(ServiceError) as caught:
        graph.create("/oauth2PermissionGrants", {})
    assert caught.value.ambiguous
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "message",
    [
        "One or more added object references already exist for the following modified properties: 'members'.",
        "Permission being assigned already exists on the object",
    ],
)
def test_what_is_already_so_is_no_error(message: str, graph: Graph, server: ScriptedServer) -> None:
    server.script = [failure(400, "Request_BadRequest", message)]
    assert graph.create("/groups/1/members/$ref", {}) == {}


def test_what_is_not_known_everywhere_yet_is_tried_for_a_minute(
    graph: Graph, server: ScriptedServer, clock: FakeClock
) -> None:
    text = "The appId '1' of the service principal does not reference a valid application object."
    server.script = [failure(400, "Request_BadRequest", text), Answer(201, {"id": "2"})]
    assert graph.create("/servicePrincipals", {"appId": "1"}) == {"id": "2"}
    server.script = [failure(400, "Request_BadRequest", text)]
    clock.waits.clear()
    with pytest.raises(ServiceError, match="does not exist"):
        graph.create("/servicePrincipals", {"appId": "1"})
    assert 20 < sum(clock.waits) <= graph_errors.REPLICATION


@pytest.mark.parametrize(
    ("path", "write", "permission"),
    [
        ("/users/1/assignLicense", True, "LicenseAssignment.ReadWrite.All"),
        ("/users/1", False, "User.Read.All"),
        ("/users/1", True, "User.ReadWrite.All"),
        ("/applications", True, "Application.ReadWrite.All"),
        ("/servicePrincipals/1/appRoleAssignedTo", True, "AppRoleAssignment.ReadWrite.All"),
        ("/identity/conditionalAccess/policies", True, "Policy.ReadWrite.ConditionalAccess"),
    ],
)
def test_403_names_the_missing_permission(
    path: str, write: bool, permission: str, graph: Graph, server: ScriptedServer
) -> None:
    server.script = [failure(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")]
    with pytest.raises(ServiceError, match="Insufficient privileges") as caught:
        graph.action(path, {}) if write else graph.get(path)
    assert permission in caught.value.meaning
    assert "keeps the permissions that it was issued with" in caught.value.advice
    assert not caught.value.ambiguous


def test_403_of_an_unknown_path_still_explains(graph: Graph, server: ScriptedServer) -> None:
    server.script = [failure(403, "Authorization_RequestDenied", "Insufficient privileges.")]
    with pytest.raises(ServiceError, match="lacks the permission for this call"):
        graph.get("/planner/tasks")


@pytest.mark.parametrize("rule", graph_errors.RULES, ids=lambda rule: rule.fragment or rule.code)
def test_every_rule_of_the_table_can_be_reached(rule: graph_errors.GraphRule) -> None:
    assert graph_errors.classify(rule.code or "Request_BadRequest", f"So: {rule.fragment.upper()}.") is rule
    assert rule.meaning or rule.absent or rule.already


def members(answer: Callable[[str], dict[str, Any]]) -> Callable[[Seen], Answer]:
    """Answer a batch: its members in the wrong order, as the service may."""

    def play(seen: Seen) -> Answer:
        requests = seen.json["requests"]
        assert len(requests) <= 20
        assert all(request["method"] == "GET" for request in requests)
        return Answer(200, {"responses": [{"id": r["id"], **answer(r["url"])} for r in reversed(requests)]})

    return play


def test_a_batch_keeps_the_order_of_its_paths(graph: Graph, server: ScriptedServer) -> None:
    server.script = [members(lambda url: {"status": 200, "body": {"path": url}})]
    paths = [f"/users/{number}?$select=id" for number in range(45)]
    assert graph.batch(paths) == [{"path": path} for path in paths]
    assert len(server.requests) == 3
    assert graph.batch([]) == []


def test_a_batch_encodes_paths_and_knows_what_is_absent(graph: Graph, server: ScriptedServer) -> None:
    def answer(url: str) -> dict[str, Any]:
        return {"status": 404, "body": GONE.body} if "%23" in url else {"status": 200, "body": {"url": url}}

    server.script = [members(answer)]
    assert graph.batch(["/users/a#b", "/users/c"]) == [None, {"url": "/users/c"}]


def test_throttled_members_of_a_batch_are_asked_again(graph: Graph, server: ScriptedServer, clock: FakeClock) -> None:
    asked: list[str] = []

    def answer(url: str) -> dict[str, Any]:
        asked.append(url)
        if asked.count(url) > int(url[-1]):
            return {"status": 200, "body": {"url": url}}
        return {
            "status": 429,
            "headers": {"retry-after": str(asked.count(url) + 0.5)},
            "body": {"error": {"code": "x"}},
        }

    server.script = [members(answer)]
    assert graph.batch(["/u/0", "/u/1", "/u/2"]) == [{"url": "/u/0"}, {"url": "/u/1"}, {"url": "/u/2"}]
    assert [len(seen.json["requests"]) for seen in server.requests] == [3, 2, 1]
    assert clock.waits == [1.5, 2.5]


def test_a_batch_does_not_ask_for_ever(graph: Graph, server: ScriptedServer, clock: FakeClock) -> None:
    server.script = [members(lambda _url: {"status": 429, "body": None})]
    with pytest.raises(ServiceError, match="GET /users/1") as caught:
        graph.batch(["/users/1"])
    assert caught.value.status == 429
    assert len(server.requests) == retry.TRIES


@pytest.mark.parametrize(
    "body",
    [
        {"responses": []},
        {"responses": None},
        {},
        {"responses": [{"id": "1", "status": 200, "body": {}}]},
        {"responses": [{"id": "0"}]},
        {"responses": ["x"]},
        {"responses": [{"id": "0", "status": 200, "body": "text"}]},
        {"responses": [{"id": "0", "status": 403, "body": {"error": {"code": "x", "message": "no"}}}]},
    ],
)
def test_a_batch_without_its_answers_fails(body: Any, graph: Graph, server: ScriptedServer) -> None:
    server.script = [Answer(200, body)]
    with pytest.raises(ServiceError):
        graph.batch(["/users/1"])


def test_what_is_a_write() -> None:
    get, patch = {"method": "GET"}, {"method": "PATCH"}
    assert not is_write("GET", "/v1.0/users", None)
    assert not is_write("POST", "/v1.0/$batch", {"requests": [get, get]})
    assert is_write("POST", "/v1.0/$batch", {"requests": [get, patch]})
    assert is_write("POST", "/v1.0/$batch", {"requests": [{}]})
    assert all(is_write(method, "/v1.0/users", {}) for method in ("POST", "PATCH", "PUT", "DELETE"))
