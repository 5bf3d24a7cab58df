# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults by script, seen through requests: each effect does what it says, to the request that the rule means."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from rehearsal import APP_ID, TENANT_ID, Lab

from lab.faults import Faults, answer_of
from lab.journal import Entry
from lab.tokens import EXCHANGE

KEYS = f"/{TENANT_ID}/discovery/v2.0/keys"
USER = "44444444-0000-4000-8000-000000000001"
INVOKE = f"/adminapi/beta/{TENANT_ID}/InvokeCommand"


def script(lab: Lab, effect: dict[str, Any], times: int | None = None, **match: Any) -> None:
    """Add one rule; a trailing underscore in a match's name is left out (C(from) is a word of Python)."""
    match = {name.rstrip("_"): value for name, value in match.items()}
    lab.control("POST", "faults", [{"match": match, "effect": effect, "times": times}])


def invoke(lab: Lab, cmdlet: str) -> requests.Response:
    body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": {"Identity": "info@contoso.example"}}}
    return lab.call("POST", INVOKE, json=body, headers=lab.bearer(EXCHANGE))


def begin_device(lab: Lab) -> requests.Response:
    """A request that leaves a trace in the tenant: one more device code."""
    form = {"client_id": APP_ID, "scope": "https://graph.microsoft.com/.default"}
    return lab.call("POST", f"/{TENANT_ID}/oauth2/v2.0/devicecode", data=form)


def statuses(lab: Lab, count: int) -> list[int]:
    return [lab.call("GET", KEYS).status_code for _unused in range(count)]


# --- effects


def test_reset_before_cuts_the_connection_and_nothing_is_applied(lab: Lab) -> None:
    script(lab, {"kind": "reset_before"}, times=1, path="devicecode")
    with pytest.raises(requests.ConnectionError):
        begin_device(lab)
    assert lab.control("GET", "device") == []
    assert begin_device(lab).status_code == 200


def test_reset_after_cuts_the_connection_although_the_request_was_applied(lab: Lab) -> None:
    script(lab, {"kind": "reset_after"}, times=1, path="devicecode")
    with pytest.raises(requests.ConnectionError):
        begin_device(lab)
    assert len(lab.control("GET", "device")) == 1
    entry = lab.control("GET", "requests")[-1]
    assert (entry["status"], entry["fault"]) == (None, "reset_after")


def test_reset_is_seen_by_one_connection_only(lab: Lab) -> None:
    script(lab, {"kind": "reset_before"}, path="devicecode")

    def attempt(number: int) -> str:
        try:
            return str((begin_device(lab) if number % 2 else lab.call("GET", KEYS)).status_code)
        except requests.ConnectionError:
            return "reset"

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(attempt, range(40)))
    assert seen == ["200", "reset"] * 20


def test_delay_holds_the_request_back_and_lets_it_happen(lab: Lab) -> None:
    script(lab, {"kind": "delay", "seconds": 0.3}, times=1)
    begin = time.monotonic()
    assert statuses(lab, 1) == [200]
    assert time.monotonic() - begin >= 0.3
    assert lab.control("GET", "requests")[-1]["ms"] >= 300


def test_delay_and_another_effect_add_up(lab: Lab) -> None:
    script(lab, {"kind": "delay", "seconds": 0.2})
    script(lab, {"kind": "status", "status": 503})
    begin = time.monotonic()
    assert statuses(lab, 1) == [503]
    assert time.monotonic() - begin >= 0.2


@pytest.mark.parametrize(("seconds", "header"), [(2, "2"), (0.25, "0.25"), (None, None)])
def test_throttling_with_whole_fractional_and_no_retry_after(
    lab: Lab, seconds: float | None, header: str | None
) -> None:
    effect = {"kind": "status", "status": 429} | ({} if seconds is None else {"retry_after": seconds})
    script(lab, effect, service="graph")
    answer = lab.call("GET", "/v1.0/organization", headers=lab.bearer())
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, header)
    error = answer.json()["error"]
    assert error["code"] == "TooManyRequests"
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}


def test_status_takes_code_message_headers_and_a_body_of_ones_own(lab: Lab) -> None:
    script(
        lab, {"kind": "status", "status": 409, "code": "ObjectConflict", "message": "Busy."}, times=1, service="graph"
    )
    script(
        lab,
        {"kind": "status", "status": 500, "body": {"error": 1}, "headers": {"x-ms-diagnostics": "x"}},
        service="graph",
    )
    first, second = (lab.call("GET", "/v1.0/organization", headers=lab.bearer()) for _unused in range(2))
    assert (first.json()["error"]["code"], first.json()["error"]["message"]) == ("ObjectConflict", "Busy.")
    assert (second.json(), second.headers["x-ms-diagnostics"]) == ({"error": 1}, "x")


def test_errors_have_the_form_of_the_service(lab: Lab) -> None:
    script(lab, {"kind": "status", "status": 503, "message": "Busy."})
    exchange = invoke(lab, "Get-Mailbox").json()["error"]
    assert exchange["details"][0]["message"].split("|", 2)[2] == "Busy."
    assert exchange["innererror"]["internalexception"]["message"] == "Busy."
    login = lab.sign_in().json()
    assert (login["error"], login["error_codes"]) == ("temporarily_unavailable", [90033])


def test_html_page_instead_of_json(lab: Lab) -> None:
    script(lab, {"kind": "html"})
    answer = invoke(lab, "Get-Mailbox")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_empty_body(lab: Lab) -> None:
    script(lab, {"kind": "empty", "status": 503})
    answer = invoke(lab, "Get-Mailbox")
    assert (answer.status_code, answer.content) == (503, b"")


def test_expired_token_in_the_form_of_each_service(lab: Lab) -> None:
    script(lab, {"kind": "expired_token"}, service="graph")
    script(lab, {"kind": "expired_token", "claims": True}, service="exchange")
    graph = lab.call("GET", "/v1.0/organization", headers=lab.bearer())
    assert (graph.status_code, graph.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert 'error="invalid_token"' in graph.headers["WWW-Authenticate"]
    exchange = invoke(lab, "Get-Mailbox")
    assert (exchange.status_code, exchange.content) == (401, b"")
    challenge = exchange.headers["WWW-Authenticate"].partition('claims="')[2].partition('"')[0]
    assert json.loads(base64.b64decode(challenge))["access_token"]["nbf"]["essential"] is True


def test_redirect_leads_to_another_authority_that_answers(lab: Lab) -> None:
    script(lab, {"kind": "redirect"}, path="/keys$")
    answer = lab.call("GET", KEYS + "?a=1&b=%20")
    other = lab.world.base_urls[1]
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{other}{KEYS}?a=1&b=%20")
    assert lab.session.get(answer.headers["Location"], timeout=20, allow_redirects=False).status_code == 200


def test_redirect_to_an_address_of_ones_own(lab: Lab) -> None:
    script(lab, {"kind": "redirect", "authority": "https://elsewhere.example"})
    assert lab.call("GET", KEYS).headers["Location"] == f"https://elsewhere.example{KEYS}"


# --- which request is meant


def test_request_by_its_index_in_the_journal(lab: Lab) -> None:
    script(lab, {"kind": "status", "status": 503}, index=3)
    assert statuses(lab, 5) == [200, 200, 503, 200, 200]


def test_from_to_and_every_count_the_requests_that_fit(lab: Lab) -> None:
    lab.sign_in()
    script(lab, {"kind": "status", "status": 503}, path="/keys$", from_=2, to=5, every=2)
    assert statuses(lab, 8) == [200, 200, 503, 200, 503, 200, 200, 200]


def test_times_ends_a_rule(lab: Lab) -> None:
    script(lab, {"kind": "status", "status": 503}, times=2)
    assert statuses(lab, 4) == [503, 503, 200, 200]


def test_first_fitting_rule_decides_and_then_makes_room_for_the_next(lab: Lab) -> None:
    script(lab, {"kind": "status", "status": 500}, times=1)
    script(lab, {"kind": "status", "status": 503}, times=1)
    assert statuses(lab, 3) == [500, 503, 200]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"service": "exchange"}, True),
        ({"service": "graph"}, False),
        ({"method": "post"}, True),
        ({"method": "GET"}, False),
        ({"cmdlet": "set-mailbox"}, True),
        ({"cmdlet": "Get-Mailbox"}, False),
        ({"write": True}, True),
        ({"write": False}, False),
        ({"path": "InvokeCommand$"}, True),
        ({"path": "^/v1.0"}, False),
        ({"member": True}, False),
    ],
)
def test_each_part_of_a_match(lab: Lab, match: dict[str, Any], fits: bool) -> None:
    script(lab, {"kind": "status", "status": 418}, **match)
    assert (invoke(lab, "Set-Mailbox").status_code == 418) is fits


def test_control_is_never_hit(lab: Lab) -> None:
    script(lab, {"kind": "status", "status": 503})
    assert lab.control("GET", "faults")[0]["matched"] == 0


def test_rules_show_how_often_they_matched_and_fired_and_can_be_dropped(lab: Lab) -> None:
    script(lab, {"kind": "status", "status": 503}, times=1, path="/keys$")
    assert statuses(lab, 3) == [503, 200, 200]
    rule = lab.control("GET", "faults")[0]
    assert (rule["name"], rule["matched"], rule["fired"], rule["times"]) == ("rule 1", 3, 1, 1)
    script(lab, {"kind": "status", "status": 500})
    lab.control("DELETE", "faults")
    assert statuses(lab, 1) == [200]
    assert lab.control("GET", "faults") == []


# --- the services themselves


def usage_location(lab: Lab) -> str | None:
    return lab.tenant.users[USER].usage_location


def patch_user(lab: Lab) -> requests.Response:
    return lab.call("PATCH", f"/v1.0/users/{USER}", json={"usageLocation": "DE"}, headers=lab.bearer())


@pytest.mark.parametrize(("kind", "after"), [("reset_before", None), ("reset_after", "DE")])
def test_lost_reply_of_a_graph_write(lab: Lab, kind: str, after: str | None) -> None:
    script(lab, {"kind": kind}, times=1, service="graph", write=True)
    with pytest.raises(requests.ConnectionError):
        patch_user(lab)
    assert usage_location(lab) == after
    assert patch_user(lab).status_code == 204
    assert usage_location(lab) == "DE"


@pytest.mark.parametrize(("kind", "after"), [("reset_before", "SharedMailbox"), ("reset_after", "UserMailbox")])
def test_lost_reply_of_an_exchange_write(lab: Lab, kind: str, after: str) -> None:
    script(lab, {"kind": kind}, times=1, cmdlet="Set-Mailbox")
    parameters = {"Identity": "info@contoso.example", "Type": "Regular"}
    body = {"CmdletInput": {"CmdletName": "Set-Mailbox", "Parameters": parameters}}
    with pytest.raises(requests.ConnectionError):
        lab.call("POST", INVOKE, json=body, headers=lab.bearer(EXCHANGE))
    mailbox = lab.tenant.users[USER].mailbox
    assert mailbox is not None
    assert mailbox.type_details == after


def test_graph_batch_has_one_throttled_member_and_each_is_in_the_journal(lab: Lab) -> None:
    effect = {"kind": "status", "status": 429, "retry_after": 0.5}
    script(lab, effect, times=1, service="graph", member=True, path="/users/vertrieb")
    urls = [f"/users/{name}@contoso.example" for name in ("info", "vertrieb", "rechnung")]
    requests_ = [{"id": str(number), "method": "GET", "url": url} for number, url in enumerate(urls)]
    answer = lab.call("POST", "/v1.0/$batch", json={"requests": requests_}, headers=lab.bearer())
    responses = {one["id"]: one for one in answer.json()["responses"]}
    assert [responses[number]["status"] for number in "012"] == [200, 429, 200]
    assert responses["1"]["headers"]["Retry-After"] == "0.5"
    batch, *members = lab.control("GET", "requests")
    assert (batch["write"], batch["member"], batch["status"]) == (False, False, 200)
    assert sorted(one["path"] for one in members) == sorted(urls)
    assert {one["index"] for one in members} == {batch["index"]}
    assert sorted(one["status"] for one in members) == [200, 200, 429]


# --- members of a batch


def parent() -> Entry:
    return Entry(7, datetime.now(UTC), "graph", "POST", "/v1.0/$batch", "", None, False)


def test_member_is_throttled_by_its_own_path_and_the_batch_is_not() -> None:
    faults = Faults()
    effect = {"kind": "status", "status": 429, "retry_after": 1.5}
    faults.add([{"match": {"member": True, "path": "/users/b", "to": 1}, "effect": effect}])
    assert faults.choose(parent()) == (0.0, None)
    assert faults.for_member(parent(), method="GET", path="/users/a") is None
    answer = faults.for_member(parent(), method="GET", path="/users/b")
    assert answer is not None
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1.5")
    assert answer.body["error"]["code"] == "TooManyRequests"
    assert faults.for_member(parent(), method="GET", path="/users/b") is None


def test_rule_for_requests_does_not_touch_members() -> None:
    faults = Faults()
    faults.add([{"effect": {"kind": "status", "status": 503}}])
    assert faults.for_member(parent(), method="GET", path="/users/a") is None
    delay, rule = faults.choose(parent())
    assert delay == 0.0
    assert rule is not None
    assert answer_of(rule, parent()).status == 503


# --- mistakes in the script


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"effect": {"kind": "html"}}, "list of rules"),
        ([{"match": {}}], "effect is missing"),
        ([{"effect": {"kind": "explode"}}], "kind is one of"),
        ([{"effect": {"kind": "status"}}], "status is an HTTP status"),
        ([{"effect": {"kind": "status", "status": "429"}}], "effect.status has the wrong type"),
        ([{"effect": {"kind": "html"}, "match": {"cmdlets": "x"}}], "match has no member cmdlets"),
        ([{"effect": {"kind": "html"}, "match": {"service": "smtp"}}], "service is one of"),
        ([{"effect": {"kind": "html"}, "match": {"path": "("}}], "rule 1"),
        ([{"effect": {"kind": "html"}, "match": {"member": True}}], "batch member"),
        ([{"effect": {"kind": "html"}, "times": 0}], "positive"),
        ([{"effect": {"kind": "html"}, "match": {"every": 0}}], "positive"),
        ([{"effect": {"kind": "html"}, "matches": {}}], "members name, match, effect"),
    ],
)
def test_malformed_script_is_refused_as_a_whole_with_a_reason(lab: Lab, rules: Any, said: str) -> None:
    content = [{"effect": {"kind": "html"}}, *rules] if isinstance(rules, list) else rules
    answer = lab.call("POST", "/_lab/faults", json=content)
    assert answer.status_code == 400
    assert said.replace("rule 1", "rule 2") in answer.json()["error"]
    assert lab.control("GET", "faults") == []
