# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Graph's $batch, faults on the way to Graph, and stale replicas."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from graph_caller import ADD, INFO, SALES, Graph
from rehearsal import Lab


@pytest.fixture
def graph(lab: Lab) -> Graph:
    for user in lab.tenant.users.values():
        user.usage_location = "DE"
    return Graph(lab)


def get(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "method": "GET", "url": url, **more}


def batch(graph: Graph, *members: dict[str, Any]) -> dict[str, Any]:
    answer = graph.call("POST", "$batch", {"requests": list(members)})
    assert answer.status_code == 200, answer.text
    rows = {row["id"]: row for row in answer.json()["responses"]}
    assert set(rows) == {member["id"] for member in members}
    return rows


# $batch


def test_batch_members_have_their_own_status_headers_and_body(graph: Graph) -> None:
    rows = batch(graph, get("1", f"/users/{INFO}"), get("2", "/users/nobody@contoso.example"), get("3", "domains"))
    assert [rows[name]["status"] for name in "123"] == [200, 404, 200]
    assert rows["1"]["body"]["id"] == INFO
    assert rows["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert rows["1"]["headers"]["Content-Type"].startswith("application/json")


def test_batch_members_come_in_any_order(graph: Graph) -> None:
    members = [get(str(number), f"/users/{INFO}?$select=id") for number in range(20)]
    orders = set()
    for _unused in range(5):
        answer = graph.call("POST", "$batch", {"requests": members}).json()
        orders.add(tuple(row["id"] for row in answer["responses"]))
    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {frozenset(str(number) for number in range(20))}


def test_batch_takes_20_members_and_no_more(graph: Graph) -> None:
    members = [get(str(number), f"/users/{INFO}") for number in range(21)]
    assert graph.call("POST", "$batch", {"requests": members[:20]}).status_code == 200
    status, code, words = graph.refused("POST", "$batch", {"requests": members})
    assert (status, code) == (400, "BadRequest")
    assert "20" in words


@pytest.mark.parametrize(
    "members",
    [
        [get("a", "/users"), get("A", "/domains")],
        [{"method": "GET", "url": "/users"}],
        [get("", "/users")],
        [{"id": "1", "url": "/users"}],
        [{"id": "1", "method": "FETCH", "url": "/users"}],
        [{"id": "1", "method": "GET"}],
        [get("1", "https://graph.microsoft.com/v1.0/users")],
        [get("1", "/$batch")],
        [{"id": "1", "method": "PATCH", "url": f"/users/{INFO}", "body": {"jobTitle": "x"}}],
        [get("1", "/users", dependsOn=["2"]), get("2", "/users")],
        [get("1", "/users", dependsOn=["1"])],
        [get("1", "/users", headers={"ConsistencyLevel": 1})],
        [get("1", "/users", other=1)],
        [],
        "users",
        ["/users"],
    ],
)
def test_a_malformed_batch_is_400_as_a_whole(graph: Graph, members: Any) -> None:
    assert graph.refused("POST", "$batch", {"requests": members})[:2] == (400, "BadRequest")


def test_batch_itself_is_posted_with_a_valid_token(graph: Graph) -> None:
    assert graph.refused("GET", "$batch")[0] == 405
    assert graph.lab.call("POST", "/v1.0/$batch", json={"requests": []}).status_code == 401


def test_batch_members_are_judged_by_their_own_permission(graph: Graph) -> None:
    graph.roles = ("User.Read.All",)
    rows = batch(graph, get("1", f"/users/{INFO}"), get("2", "/domains"))
    assert (rows["1"]["status"], rows["2"]["status"]) == (200, 403)


def test_batch_member_headers_count_for_that_member(graph: Graph) -> None:
    url = "/users?$count=true&$filter=displayName ne 'Info'"
    rows = batch(graph, get("1", url, headers={"ConsistencyLevel": "eventual"}), get("2", url))
    assert (rows["1"]["status"], rows["2"]["status"]) == (200, 400)
    assert rows["1"]["body"]["@odata.count"] == 2


def test_batch_writes_and_424_for_what_depends_on_a_failure(graph: Graph) -> None:
    json_type = {"Content-Type": "application/json"}
    write = {"method": "PATCH", "headers": json_type, "body": {"jobTitle": "x"}}
    rows = batch(
        graph,
        {"id": "good", "url": f"/users/{INFO}", **write},
        {"id": "bad", "url": "/users/none@contoso.example", **write},
        get("after-good", f"/users/{INFO}?$select=jobTitle", dependsOn=["GOOD"]),
        get("after-bad", f"/users/{SALES}", dependsOn=["bad"]),
        get("last", f"/users/{SALES}", dependsOn=["after-bad"]),
    )
    assert rows["good"]["status"] == 204
    assert "body" not in rows["good"]
    assert rows["after-good"]["body"]["jobTitle"] == "x"
    assert [rows[name]["status"] for name in ("bad", "after-bad", "last")] == [404, 424, 424]
    assert rows["last"]["body"]["error"]["code"] == "FailedDependency"


def test_writes_on_one_user_in_one_batch_collide(graph: Graph) -> None:
    post = {"method": "POST", "url": f"/users/{INFO}/assignLicense", "body": ADD}
    members = [{"id": name, "headers": {"Content-Type": "application/json"}, **post} for name in "ab"]
    rows = batch(graph, *members)
    assert sorted(row["status"] for row in rows.values()) == [200, 409]


def test_a_batch_member_is_throttled_on_its_own_with_retry_after(graph: Graph) -> None:
    rule = {
        "match": {"service": "graph", "member": True, "path": f"/users/{SALES}"},
        "effect": {"kind": "status", "status": 429, "retry_after": 7},
        "times": 1,
    }
    graph.lab.control("POST", "faults", [rule])
    rows = batch(graph, get("1", f"/users/{INFO}"), get("2", f"/users/{SALES}?$select=id"))
    assert (rows["1"]["status"], rows["2"]["status"]) == (200, 429)
    assert rows["2"]["headers"]["Retry-After"] == "7"
    assert rows["2"]["body"]["error"]["code"] == "TooManyRequests"
    assert batch(graph, get("2", f"/users/{SALES}"))["2"]["status"] == 200


def test_the_journal_has_an_entry_for_each_member_and_a_batch_of_reads_is_a_read(graph: Graph) -> None:
    batch(graph, get("1", f"/users/{INFO}"), get("2", "/nonsense"))
    entries = graph.lab.control("GET", "requests")
    rows = entries if isinstance(entries, list) else entries["requests"]
    assert [(row["path"], row["status"]) for row in rows if row["member"]] == [
        (f"/users/{INFO}", 200),
        ("/nonsense", 400),
    ]
    assert not any(row["write"] for row in rows)


# Faults on the way


def test_a_write_whose_answer_is_lost_has_happened(graph: Graph) -> None:
    headers = graph.headers()
    rule = {"match": {"service": "graph", "method": "POST"}, "effect": {"kind": "reset_after"}, "times": 1}
    graph.lab.control("POST", "faults", [rule])
    with pytest.raises(requests.ConnectionError):
        graph.lab.call("POST", f"/v1.0/users/{INFO}/assignLicense", headers=headers, json=ADD)
    assert len(graph.user(INFO, "assignedLicenses")["assignedLicenses"]) == 1


# Replicas


def titles(graph: Graph, count: int = 40) -> list[str | None]:
    return [graph.user(INFO, "jobTitle")["jobTitle"] for _unused in range(count)]


def test_without_lag_a_write_is_seen_at_once(graph: Graph) -> None:
    assert graph.call("PATCH", f"users/{INFO}", {"jobTitle": "neu"}).status_code == 204
    assert set(titles(graph, 10)) == {"neu"}


def test_reads_after_a_write_go_back_and_forth_until_the_lag_is_over(graph: Graph) -> None:
    graph.switch(graph_replica_lag=60)
    assert graph.call("PATCH", f"users/{INFO}", {"jobTitle": "neu"}).status_code == 204
    assert set(titles(graph, 5)) == {None}
    seen = []
    for _unused in range(12):
        graph.advance(5)
        seen += titles(graph, 8)
    first_new = seen.index("neu")
    assert None in seen[first_new:], "a stale value after a fresh one"
    assert set(titles(graph, 20)) == {"neu"}


def test_a_new_user_is_404_on_replicas_that_have_not_heard_of_it(graph: Graph) -> None:
    graph.switch(graph_replica_lag=60)
    body = {
        "accountEnabled": True,
        "displayName": "Neu",
        "mailNickname": "neu",
        "userPrincipalName": "neu@contoso.example",
        "passwordProfile": {"password": "Sommer-2026-Wind"},
    }
    made = graph.call("POST", "users", body)
    assert made.status_code == 201
    assert graph.refused("GET", f"users/{made.json()['id']}")[:2] == (404, "Request_ResourceNotFound")
    assert graph.refused("GET", "users/neu@contoso.example")[0] == 404
    assert len(graph.get("users")["value"]) == 3
    graph.advance(61)
    assert graph.get("users/neu@contoso.example")["id"] == made.json()["id"]
    assert len(graph.get("users")["value"]) == 4


def test_the_answer_of_a_write_is_true_even_while_reads_are_stale(graph: Graph) -> None:
    graph.switch(graph_replica_lag=3600)
    answer = graph.call("POST", f"users/{INFO}/assignLicense?$select=assignedLicenses", ADD)
    assert answer.status_code == 400
    assert graph.license(INFO).json()["id"] == INFO
    assert graph.user(INFO, "assignedLicenses")["assignedLicenses"] == []
    assert graph.refused("POST", f"users/{INFO}/assignLicense", {"addLicenses": []})[0] == 400
    assert graph.call("DELETE", f"users/{INFO}").status_code == 204
    assert graph.get(f"users/{INFO}")["id"] == INFO
    assert graph.refused("DELETE", f"users/{INFO}")[0] == 404


def test_changes_by_other_services_lag_too(graph: Graph) -> None:
    graph.switch(graph_replica_lag=60)
    assert graph.user(INFO, "displayName")["displayName"] == "Info"
    user = graph.lab.tenant.users[INFO]
    user.display_name, user.user_principal_name = "Auskunft", "auskunft@contoso.example"
    assert graph.user("info@contoso.example", "displayName")["displayName"] == "Info"
    graph.advance(61)
    assert graph.user("auskunft@contoso.example", "displayName")["displayName"] == "Auskunft"
    assert graph.refused("GET", "users/info@contoso.example")[0] == 404


def test_the_lag_is_seeded_and_ends_with_its_switch(graph: Graph) -> None:
    def run() -> list[str | None]:
        graph.lab.control("POST", "reset")
        graph.tokens.clear()
        graph.switch(graph_replica_lag=60)
        assert graph.call("PATCH", f"users/{INFO}", {"jobTitle": "neu"}).status_code == 204
        graph.advance(30)
        return titles(graph, 20)

    assert run() == run()
    graph.switch(graph_replica_lag=0)
    assert set(titles(graph, 10)) == {"neu"}
