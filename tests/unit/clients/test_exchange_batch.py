# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many reads in one request: each answer belongs to its own question, and one that fails fails alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from scripted import Answer, FakeClock, ScriptedServer, Seen

from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.clients.exchange import Exchange

NOT_FOUND = (
    "Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|object '{}' couldn't be found"
)
Member = dict[str, Any]
Play = Callable[[str], Member]


def row(name: str) -> Member:
    """The member for an identity that is there."""
    return {"status": 200, "body": {"value": [{"Identity": name}]}}


def absent(name: str) -> Member:
    details = [{"code": "Client", "target": "", "message": NOT_FOUND.format(name)}]
    return {"status": 404, "body": {"error": {"code": "NotFound", "message": "x", "details": details}}}


def identity(member: Member) -> str:
    return str(member["body"]["CmdletInput"]["Parameters"]["Identity"])


def batch(play: Play) -> Callable[[Seen], Answer]:
    """A service that answers each member by a play, in an order of its own; and single questions by the same."""

    def answer(seen: Seen) -> Answer:
        if not seen.path.endswith("/$batch"):
            one = play(str(seen.json["CmdletInput"]["Parameters"]["Identity"]))
            return Answer(one["status"], one["body"])
        members = [{"id": each["id"], **play(identity(each))} for each in seen.json["requests"]]
        random.shuffle(members)
        return Answer(200, {"responses": [each for each in members if "status" in each]})

    return answer


def asked(names: list[str]) -> list[dict[str, str]]:
    return [{"Identity": name} for name in names]


def test_answers_come_in_the_order_of_the_questions(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [batch(row)]
    names = [f"m{number}" for number in range(25)]
    assert exchange.commands("Get-Mailbox", asked(names)) == [[{"Identity": name}] for name in names]
    assert sorted(len(seen.json["requests"]) for seen in server.requests) == [5, 10, 10]
    one = server.requests[0]
    assert one.headers["Prefer"] == "odata.maxpagesize=1000;odata.continue-on-error"
    assert one.json["requests"][0]["url"].endswith("/InvokeCommand")
    assert one.json["requests"][0]["headers"]["X-AnchorMailbox"] == one.headers["X-AnchorMailbox"]


def test_nothing_and_one_make_no_batch(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [batch(row)]
    assert exchange.commands("Get-Mailbox", []) == []
    assert exchange.commands("Get-Mailbox", asked(["a"])) == [[{"Identity": "a"}]]
    assert [seen.path.endswith("/InvokeCommand") for seen in server.requests] == [True]


def test_one_that_is_absent_or_refused_stands_alone(exchange: Exchange, server: ScriptedServer) -> None:
    play: dict[str, Play] = {"gone": absent, "closed": lambda _name: {"status": 403, "body": None}}
    server.script = [batch(lambda name: play.get(name, row)(name))]
    first, gone, closed, last = exchange.commands("Get-Mailbox", asked(["a", "gone", "closed", "b"]))
    assert (first, gone, last) == ([{"Identity": "a"}], None, [{"Identity": "b"}])
    assert isinstance(closed, ServiceError)
    assert closed.status == 403


def test_the_absence_of_something_else_is_an_error(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [batch(lambda name: absent("somebody") if name == "bert" else row(name))]
    asked_for = [{"Identity": name, "User": "somebody"} for name in ("anna", "bert")]
    _first, second = exchange.commands("Get-MailboxPermission", asked_for)
    assert isinstance(second, ServiceError)


def test_many_are_found_as_one_is(exchange: Exchange, server: ScriptedServer) -> None:
    plays: dict[str, Play] = {
        "gone": absent,
        "two": lambda name: {"status": 200, "body": {"value": [{"Alias": name}] * 2}},
    }
    server.script = [batch(lambda name: plays.get(name, row)(name))]
    first, gone, two = exchange.find_all("Get-Mailbox", ["a", "gone", "two"])
    assert (first, gone) == ({"Identity": "a"}, None)
    assert "2 of 2 answers are 'two'" in str(two)


def test_a_throttled_one_is_asked_again_with_the_others_of_its_kind(
    exchange: Exchange, server: ScriptedServer, clock: FakeClock
) -> None:
    throttled = {"b", "c"}

    def play(name: str) -> Member:
        if name in throttled:
            throttled.discard(name)
            return {"status": 429, "headers": {"Retry-After": "1.5"}, "body": {"error": {"code": "TooManyRequests"}}}
        return row(name)

    server.script = [batch(play)]
    assert exchange.commands("Get-Mailbox", asked(["a", "b", "c"])) == [[{"Identity": name}] for name in "abc"]
    assert [[identity(each) for each in seen.json["requests"]] for seen in server.requests] == [
        ["a", "b", "c"],
        ["b", "c"],
    ]
    assert clock.waits == [1.5]
    assert exchange.http.pace.limit < exchange.http.pace.most


def test_one_that_stays_throttled_fails_alone(exchange: Exchange, server: ScriptedServer) -> None:
    refusal = {"status": 429, "headers": {"Retry-After": "1"}, "body": {"error": {"code": "TooManyRequests"}}}
    server.script = [batch(lambda name: refusal if name == "b" else row(name))]
    first, second = exchange.commands("Get-Mailbox", asked(["a", "b"]))
    assert first == [{"Identity": "a"}]
    assert isinstance(second, ServiceError)
    assert second.status == 429


def test_an_answer_that_is_missing_is_asked_for_alone(exchange: Exchange, server: ScriptedServer) -> None:
    lost = {"b"}

    def play(name: str) -> Member:
        if name in lost:
            lost.discard(name)
            return {}
        return row(name)

    server.script = [batch(play)]
    assert exchange.commands("Get-Mailbox", asked(["a", "b"])) == [[{"Identity": "a"}], [{"Identity": "b"}]]
    assert [seen.path.rpartition("/")[2] for seen in server.requests] == ["$batch", "InvokeCommand"]


def test_a_batch_that_fails_fails_for_each_of_its_own(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [Answer(400, {"error": {"code": "BadRequest", "message": "No batches today."}})]
    found = exchange.commands("Get-Mailbox", asked(["a", "b"]))
    assert [str(one).startswith("Get-Mailbox (2 in a batch): No batches today.") for one in found] == [True, True]


def test_a_page_of_html_is_no_batch(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [Answer(200, b"<html>Sign in</html>")]
    found = exchange.commands("Get-Mailbox", asked(["a", "b"]))
    assert "not the answers of a batch" in str(found[0])


def test_a_row_on_a_further_page_is_not_lost(exchange: Exchange, server: ScriptedServer) -> None:
    def play(seen: Seen) -> Answer:
        if "skiptoken" in seen.path:
            return Answer(200, {"value": [{"Identity": "2"}]})
        link = f"https://{seen.headers['Host']}/adminapi/beta/x/InvokeCommand?%24skiptoken=1"
        body = {"value": [{"Identity": "1"}], "@odata.nextLink": link}
        return Answer(
            200, {"responses": [{"id": each["id"], "status": 200, "body": body} for each in seen.json["requests"]]}
        )

    server.script = [play]
    both = [{"Identity": "1"}, {"Identity": "2"}]
    assert exchange.commands("Get-MailboxPermission", asked(["a", "b"])) == [both, both]


def test_a_write_is_never_grouped(exchange: Exchange) -> None:
    with pytest.raises(ValueError, match="no read"):
        exchange.commands("Set-Mailbox", asked(["a", "b"]))
