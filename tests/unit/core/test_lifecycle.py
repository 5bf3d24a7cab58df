# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of one object: check mode, refusals, lost answers and services that show a write late."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.core.lifecycle import Clients, converge
from ansible_collections.m365.hybrid.tests.unit.core.fake_part import (
    RESOURCE,
    FakeClock,
    Shop,
    ShopError,
    SlowClient,
    apply_in_steps,
    apply_one_step,
    bug,
    done_but_lost,
    fine,
    lost,
    refused,
    task,
    want,
)

TAGGED = {"set": None, "add": ["x"], "remove": ["new"]}
CASES = [
    want(size=4, tags=TAGGED),
    want(labels={"row": None}, color="blue"),
    want("nut", size=4, tags=TAGGED, pin="secret"),
    want(state="absent"),
]


@pytest.mark.parametrize("asked", CASES)
@pytest.mark.parametrize("client", [None, SlowClient])
def test_check_mode_predicts_the_run_and_never_applies(shop: Shop, clock: FakeClock, asked: Any, client: Any) -> None:
    kind = {"client": client} if client else {}
    parts = deepcopy(shop.parts)
    predicted = converge(task(clock, check_mode=True, **kind), asked)
    assert shop.parts == parts
    assert shop.count("write") == 0
    done = converge(task(clock, **kind), asked)
    assert done == predicted
    assert predicted["changed"]
    assert shop.count("write") == 1
    again = converge(task(clock, **kind), asked)
    assert not again["changed"]
    assert again["resource"] == done["resource"]
    assert again["diff"]["before"] == again["diff"]["after"]
    assert shop.count("write") == 1


def test_a_module_that_only_looks_gives_what_is_there(shop: Shop, clock: FakeClock) -> None:
    result = converge(task(clock, apply=None), want(size=99))
    shown = {"size": 3, "color": "Red", "tags": ["new", "Round"], "labels": {"row": "1"}, "id": "p-1"}
    assert result == {"name": "wheel", "changed": False, "resource": shown}
    assert converge(task(clock, apply=None), want("nut"))["resource"] is None
    assert shop.count("write") == 0


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_refusal_comes_in_check_mode_as_well(shop: Shop, clock: FakeClock, check_mode: bool) -> None:
    result = converge(task(clock, check_mode=check_mode), want(size=101))
    assert result["failed"]
    assert not result["changed"]
    assert result["msg"] == "name=wheel: It does not fit the shelf. Take a smaller one."
    assert result["error"] == {"status": None, "code": None, "request_id": None}
    assert shop.count("write") == 0


@pytest.mark.parametrize("check_mode", [True, False])
def test_what_cannot_be_created_must_exist(shop: Shop, clock: FakeClock, check_mode: bool) -> None:
    fixed = replace(RESOURCE, removable=False)
    result = converge(task(clock, check_mode=check_mode, resource=fixed), want("nut", size=1))
    assert result["failed"]
    assert result["msg"].startswith("name=nut: There is no such part.")
    assert shop.count("write") == 0


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_goal_that_contradicts_itself_is_a_refusal(shop: Shop, clock: FakeClock, check_mode: bool) -> None:
    def goal(asked: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        raise ValueError("A part cannot be red and blue")

    result = converge(task(clock, check_mode=check_mode, resource=replace(RESOURCE, goal=goal)), want())
    assert (result["failed"], result["msg"]) == (True, "name=wheel: A part cannot be red and blue.")
    assert shop.count("write") == 0


def test_a_preflight_is_not_asked_when_nothing_changes(shop: Shop, clock: FakeClock) -> None:
    shop.parts["wheel"]["size"] = 101
    assert not converge(task(clock), want(size=101)).get("failed")


@pytest.mark.parametrize("verb", ["read", "write"])
def test_what_a_service_says_is_a_result(shop: Shop, clock: FakeClock, verb: str) -> None:
    shop.fail(verb, "wheel", refused)
    result = converge(task(clock), want(size=4))
    assert (result["failed"], result["changed"], result["name"]) == (True, False, "wheel")
    assert result["msg"] == "name=wheel: The shop is busy."
    assert result["error"] == {"status": 503, "code": "Busy", "request_id": "r-1"}
    assert shop.count("write") == (verb == "write")


def test_what_the_first_step_meets_is_a_result_too(shop: Shop, clock: FakeClock) -> None:
    def resolve(clients: Any, entry: dict[str, Any]) -> dict[str, Any]:
        raise ShopError("Two parts have this name.")

    assert converge(task(clock, resolve=resolve), want())["msg"] == "name=wheel: Two parts have this name."


@pytest.mark.parametrize("verb", ["read", "write"])
def test_a_bug_is_not_swallowed(shop: Shop, clock: FakeClock, verb: str) -> None:
    shop.fail(verb, "wheel", bug)
    with pytest.raises(KeyError, match="bug"):
        converge(task(clock), want(size=4))


def test_resolving_changes_what_is_asked_of_the_service_but_not_the_name_in_the_result(
    shop: Shop, clock: FakeClock
) -> None:
    def resolve(clients: Any, entry: dict[str, Any]) -> dict[str, Any]:
        return entry | {"name": "wheel"}

    result = converge(task(clock, resolve=resolve), want("the round one", size=4))
    assert (result["name"], shop.parts["wheel"]["size"]) == ("the round one", 4)


# Writes whose answer was lost


@pytest.mark.parametrize("asked", CASES)
@pytest.mark.parametrize("client", [None, SlowClient])
def test_a_write_that_happened_is_not_sent_again(shop: Shop, clock: FakeClock, asked: Any, client: Any) -> None:
    shop.lag = 3 if client else 0
    shop.fail("write", asked["name"], done_but_lost)
    result = converge(task(clock, **({"client": client} if client else {})), asked)
    assert result["changed"]
    assert "failed" not in result
    assert shop.count("write") == 1
    assert len(clock.pauses) == shop.lag


@pytest.mark.parametrize("asked", CASES)
def test_a_write_that_did_not_happen_is_not_sent_again_either(shop: Shop, clock: FakeClock, asked: Any) -> None:
    shop.fail("write", asked["name"], lost)
    result = converge(task(clock), asked)
    assert result["failed"]
    assert shop.count("write") == 1
    assert result["msg"].startswith(
        f"name={asked['name']}: connection reset It is not known whether the change happened"
    )
    assert "within 60 s" in result["msg"]
    assert result["error"]["request_id"] == "r-1"
    assert clock.time == pytest.approx(60, abs=0.1)


def test_only_the_rest_is_applied_when_part_of_a_change_happened(shop: Shop, clock: FakeClock) -> None:
    shop.fail("write", "wheel", fine, done_but_lost)
    written: list[tuple[str, ...]] = []

    def apply(clients: Any, change: Any) -> None:
        written.append(change.fields)
        apply_in_steps(clients, change)

    asked = want(size=4, color="blue", labels={"row": "2"})
    result = converge(task(clock, apply=apply), asked)
    assert result["changed"]
    assert written == [("size", "color", "labels"), ("labels",)]
    assert shop.count("write") == 3
    assert (shop.parts["wheel"]["size"], shop.parts["wheel"]["labels"]) == (4, {"row": "2"})


def test_a_lost_answer_is_met_twice_in_one_change(shop: Shop, clock: FakeClock) -> None:
    shop.fail("write", "wheel", done_but_lost, done_but_lost)
    result = converge(task(clock, apply=apply_in_steps), want(size=4, color="blue"))
    assert result["changed"]
    assert shop.count("write") == 2


@pytest.mark.parametrize(
    "other",
    [
        {"size": 2, "color": "Red", "tags": ["Round", "new", "old"], "id": "p-1"},  # older, from a lagging replica
        {"size": 3, "color": "green", "tags": ["Round", "new"], "id": "p-1"},  # changed by somebody else
        {"size": 3, "color": "Red", "tags": ["Round", "new"], "id": "p-1", "seen": "today"},  # not managed
    ],
)
def test_being_different_does_not_mean_that_the_write_happened(shop: Shop, clock: FakeClock, other: Any) -> None:
    shop.fail("write", "wheel", lost)
    shop.fail("read", "wheel", fine, lambda: bool(shop.parts.update(wheel=other)))
    result = converge(task(clock), want(size=4, tags=TAGGED))
    assert result["failed"]
    assert shop.count("write") == 1


def test_a_created_object_is_found_although_the_service_added_to_it(shop: Shop, clock: FakeClock) -> None:
    def apply(clients: Any, change: Any) -> None:
        clients.shop.write("nut", {"tags": ["default"]} if change.creates else change.after)

    shop.fail("write", "nut", done_but_lost)
    result = converge(task(clock, apply=apply), want("nut", tags={"set": ["x"]}))
    assert "failed" not in result
    assert shop.parts["nut"]["tags"] == ["x"]


def test_a_failed_read_after_a_lost_answer_does_not_hide_that_the_fate_is_unknown(shop: Shop, clock: FakeClock) -> None:
    shop.fail("write", "wheel", lost)
    shop.fail("read", "wheel", fine, refused)
    message = converge(task(clock), want(size=4))["msg"]
    assert "connection reset It is not known whether the change happened" in message
    assert "The shop is busy." in message
    assert shop.count("write") == 1


# Services that show a write late


def test_a_late_service_is_asked_until_it_shows_the_change(shop: Shop, clock: FakeClock) -> None:
    shop.lag = 4
    result = converge(task(clock, SlowClient), want(size=4))
    assert result["changed"]
    assert result["resource"]["size"] == 4
    assert (shop.count("write"), len(clock.pauses)) == (1, 4)


def test_where_a_write_shows_at_once_only_a_new_object_is_read_again(shop: Shop, clock: FakeClock) -> None:
    def apply(clients: Any, change: Any) -> None:
        clients.shop.write(change.want["name"], {**change.after, "id": "p-3"})

    assert converge(task(clock, apply=apply), want(size=4))["resource"]["size"] == 4
    assert (shop.count("read"), clock.pauses) == (1, [])
    result = converge(task(clock, apply=apply), want("nut", size=4))
    assert (result["resource"], result["diff"]["after"]) == ({"size": 4, "id": "p-3"}, "size: 4\n")
    assert (shop.count("read"), clock.pauses) == (3, [])


def test_a_new_object_that_a_read_does_not_find_is_shown_as_planned(shop: Shop, clock: FakeClock) -> None:
    shop.lag = 1
    assert converge(task(clock), want("nut", size=4))["resource"] == {"size": 4}


def test_a_change_that_is_never_shown_is_a_failure_that_says_what_is_missing(shop: Shop, clock: FakeClock) -> None:
    shop.lag = 10_000
    result = converge(task(clock, SlowClient), want(size=4, color="blue"))
    assert result["failed"]
    assert "accepted the change, but does not show it after 60 s (still different: size, color)" in result["msg"]
    assert "wait_timeout" in result["msg"]
    assert shop.count("write") == 1
    shop.lag = 10_000
    assert "the object itself" in converge(task(clock, SlowClient), want("nut"))["msg"]


def test_reads_that_go_back_in_time_do_not_make_a_second_write(shop: Shop, clock: FakeClock) -> None:
    before, after = deepcopy(shop.parts["wheel"]), {**shop.parts["wheel"], "color": "blue"}
    half = {**before, "size": 4}

    def apply(clients: Any, change: Any) -> None:
        clients.shop.write("wheel", change.after)
        shop.old["wheel"] = [before, None, half, before, after]

    result = converge(task(clock, SlowClient, apply=apply), want(size=4, color="blue"))
    assert result["changed"]
    assert (result["resource"]["size"], result["resource"]["color"]) == (4, "blue")
    assert (shop.count("write"), len(clock.pauses)) == (1, 5)


def test_a_failed_read_after_an_accepted_write_says_that_it_was_accepted(shop: Shop, clock: FakeClock) -> None:
    shop.fail("read", "wheel", fine, refused)
    result = converge(task(clock, SlowClient), want(size=4))
    assert "The service accepted the change; reading it again failed: The shop is busy." in result["msg"]
    assert result["error"]["code"] == "Busy"


# What the objects of a task share


STEPWISE = replace(RESOURCE, stepwise=True)


@pytest.mark.parametrize("lag", [0, 3])
def test_each_step_is_seen_before_the_next_is_taken(shop: Shop, clock: FakeClock, lag: int) -> None:
    shop.lag = lag
    asked = want(size=4, color="blue", labels={"row": "2"})
    result = converge(task(clock, resource=STEPWISE, apply=apply_one_step), asked)
    assert result["changed"]
    assert [name for verb, name in shop.journal if verb == "write"] == ["wheel"] * 3
    assert (result["resource"]["size"], result["resource"]["color"]) == (4, "blue")
    assert len(clock.pauses) == 3 * lag


def test_a_step_that_is_never_seen_ends_the_change_there(shop: Shop, clock: FakeClock) -> None:
    shop.lag = 1000
    result = converge(task(clock, resource=STEPWISE, apply=apply_one_step), want(size=4, color="blue"))
    assert result["failed"]
    assert shop.count("write") == 1
    assert "does not show it after 60 s (still different: size, color)" in result["msg"]


def test_what_becomes_due_meanwhile_does_not_hide_that_a_step_is_done(shop: Shop, clock: FakeClock) -> None:
    shop.parts["wheel"]["color"] = "blue"

    def apply(clients: Any, change: Any) -> None:
        apply_one_step(clients, change)
        if change.fields == ("size",):
            shop.parts["wheel"]["color"] = "green"

    result = converge(task(clock, resource=STEPWISE, apply=apply), want(size=4, color="blue"))
    assert result["changed"]
    assert (result["resource"]["size"], result["resource"]["color"]) == (4, "blue")
    assert shop.count("write") == 2


def test_a_step_whose_answer_was_lost_is_not_taken_twice(shop: Shop, clock: FakeClock) -> None:
    shop.fail("write", "wheel", done_but_lost)
    asked = want(size=4, color="blue")
    result = converge(task(clock, resource=STEPWISE, apply=apply_one_step), asked)
    assert result["changed"]
    assert shop.count("write") == 2


def test_a_shared_value_is_made_once_and_a_failure_is_not_kept() -> None:
    clients, made = Clients(), []

    def make() -> str:
        made.append(1)
        if len(made) == 1:
            raise ShopError("busy")
        return clients.once("inner", lambda: "value")

    with pytest.raises(ShopError):
        clients.once("outer", make)
    assert [clients.once("outer", make) for _unused in range(3)] == ["value"] * 3
    assert len(made) == 2
