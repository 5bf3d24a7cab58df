# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many objects in one task: the pool, the shared clients, the summary, and waiting for many at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.core import execution
from ansible_collections.m365.hybrid.plugins.module_utils.core.execution import (
    await_all,
    converge_all,
    execute,
    summary,
)
from ansible_collections.m365.hybrid.plugins.module_utils.core.lifecycle import Task
from ansible_collections.m365.hybrid.plugins.module_utils.core.resource import Definition
from ansible_collections.m365.hybrid.tests.unit.core.fake_part import (
    RESOURCE,
    Client,
    FakeClock,
    Shop,
    SlowClient,
    apply,
    bug,
    preflight,
    read,
    refused,
    task,
    want,
)

CHANGING = Definition(RESOURCE, read=read, apply=apply, preflight=preflight)
LOOKING = Definition(replace(RESOURCE, removable=False), read=read)
LATE = replace(RESOURCE, removable=False, awaits=True, clients={"shop": SlowClient})


def read_all(clients: Any, wants: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """All parts in one poll."""
    return [clients.shop.read(asked["name"]) for asked in wants]


def params(*entries: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Validated options of a task, with C(aggregate) when there are entries."""
    base = dict.fromkeys(RESOURCE.options) | {"finish": "raw", "state": "present", "shop": "corner"}
    base |= {"concurrency": 4, "wait_timeout": 60.0}
    return base | options | {"aggregate": list(entries) or None}


def test_one_object_that_fails_does_not_stop_the_others(shop: Shop) -> None:
    shop.fail("read", "b", refused)
    shop.fail("write", "d", refused)
    result = execute(CHANGING, params(*({"name": name, "size": 4} for name in "abcde")), False)
    assert [entry["name"] for entry in result["results"]] == list("abcde")
    assert [bool(entry.get("failed")) for entry in result["results"]] == [False, True, False, True, False]
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["msg"] == "2 of 5 failed. name=b: The shop is busy.; name=d: The shop is busy."
    assert result["error"] == {"status": 503, "code": "Busy", "request_id": "r-1"}
    assert result["resource"] == [{"size": 4}, None, {"size": 4}, None, {"size": 4}]
    assert [side["after"] for side in result["diff"]] == ["size: 4\n"] * 3
    assert sorted(shop.parts) == ["a", "bolt", "c", "e", "wheel"]
    assert all("diff" not in entry for entry in result["results"])


def test_a_long_list_of_failures_is_cut_in_the_message_only(shop: Shop) -> None:
    for number in range(25):
        shop.fail("read", f"n{number}", refused)
    result = execute(CHANGING, params(*({"name": f"n{number}"} for number in range(25))), False)
    assert result["msg"].startswith("25 of 25 failed. name=n0: ")
    assert result["msg"].endswith("; and 5 more, see results")
    assert sum(bool(entry.get("failed")) for entry in result["results"]) == 25


class Handed(list[Any]):
    """A list that says when the pool has been given all of it."""

    def __init__(self, members: list[Any]) -> None:
        super().__init__(members)
        self.over = threading.Event()

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        self.over.set()


@pytest.mark.parametrize("concurrency", [1, 3, 7])
def test_no_more_calls_at_a_time_than_allowed(shop: Shop, clock: FakeClock, concurrency: int) -> None:
    wants = Handed([want(str(number)) for number in range(40)])
    running, most, lock = set(), [0], threading.Lock()
    # The first calls wait for each other, so a pool that is too small is found; and until every object has been handed
    # to the pool, so a pool that is too large has time to begin one more.
    together = threading.Barrier(concurrency)

    def count(name: str) -> None:
        with lock:
            running.add(name)
            most[0] = max(most[0], len(running))
        if int(name) < concurrency:
            assert wants.over.wait(timeout=10)
            together.wait(timeout=10)
        with lock:
            running.discard(name)

    shop.on_read = count
    results = converge_all(replace(task(clock, apply=None), concurrency=concurrency), wants)
    assert [result["name"] for result in results] == [str(number) for number in range(40)]
    assert most[0] == concurrency


def test_with_a_concurrency_of_one_objects_are_worked_on_in_their_order(shop: Shop) -> None:
    names = [f"n{number}" for number in range(20)]
    execute(CHANGING, params(*({"name": name, "size": 1} for name in names), concurrency=1), False)
    assert shop.journal == [(verb, name) for name in names for verb in ("read", "write", "read")]


def test_a_concurrency_below_one_is_one(shop: Shop) -> None:
    assert "failed" not in execute(LOOKING, params({"name": "a"}, {"name": "b"}, concurrency=0), False)


def test_a_thousand_entries(shop: Shop) -> None:
    names = [f"n{number}" for number in range(1000)]
    result = execute(CHANGING, params(*({"name": name} for name in names), size=4, concurrency=16), False)
    assert [entry["name"] for entry in result["results"]] == names
    assert set(shop.parts) == {*names, "wheel", "bolt"}
    assert (shop.count("read"), shop.count("write"), len(Client.opened)) == (2000, 1000, 1)
    again = execute(CHANGING, params(*({"name": name} for name in names), size=4, concurrency=16), False)
    assert (again["changed"], again["diff"]) == (False, [])


def test_no_objects_are_fine(shop: Shop) -> None:
    empty = execute(CHANGING, params() | {"aggregate": []}, False)
    assert empty == {"changed": False, "diff": [], "resource": [], "results": []}


def test_a_bug_in_one_of_many_is_not_swallowed(shop: Shop) -> None:
    shop.fail("read", "b", bug)
    with pytest.raises(KeyError, match="bug"):
        execute(CHANGING, params(*({"name": name} for name in "abc")), False)


def test_a_summary_of_successes_has_no_message() -> None:
    done = {"name": "a", "changed": True, "resource": {}, "diff": {"before": {}, "after": {}}}
    assert {"failed", "msg", "error"}.isdisjoint(summary([done]))


# Clients


def test_a_client_is_opened_once_for_the_same_options(shop: Shop) -> None:
    for _unused in range(3):
        execute(CHANGING, params(name="wheel"), False)
    assert len(Client.opened) == 1
    execute(CHANGING, params(name="wheel", shop_key="another"), False)
    execute(CHANGING, params(name="wheel", size=4), False)
    assert len(Client.opened) == 2


@pytest.mark.parametrize(
    ("definition", "check_mode", "read_only"),
    [(CHANGING, False, False), (CHANGING, True, True), (LOOKING, False, True), (LOOKING, True, True)],
)
def test_a_client_may_write_only_when_the_task_may(definition: Any, check_mode: bool, read_only: bool) -> None:
    execute(definition, params(name="wheel"), check_mode)
    assert [client.read_only for client in Client.opened] == [read_only]


def test_a_client_that_cannot_be_opened_is_a_failure_and_no_traceback() -> None:
    result = execute(CHANGING, params({"name": "a"}, {"name": "b"}, shop_key="broken"), False)
    assert (result["failed"], result["msg"], result["error"]["code"]) == (True, "The key cannot be used.", "Busy")


def test_warnings_are_given_once_and_only_to_the_task_that_caused_them(shop: Shop) -> None:
    result = execute(LOOKING, params({"name": "rusty1"}, {"name": "rusty2"}, {"name": "wheel"}), False)
    assert result["warnings"] == ["Rust was seen."]
    assert "warnings" not in execute(LOOKING, params(name="wheel"), False)
    shop.fail("read", "rusty", refused)
    failed = execute(LOOKING, params(name="rusty"), False)
    assert (failed["failed"], failed["warnings"]) == (True, ["Rust was seen."])


# Objects that are only waited for


def awaiting(clock: FakeClock, check_mode: bool = False, **changes: Any) -> Task:
    """A task that waits for parts."""
    return task(clock, SlowClient, check_mode, resource=LATE, read=None, apply=None, read_all=read_all, **changes)


def test_only_those_not_there_yet_are_looked_at_again(shop: Shop, clock: FakeClock) -> None:
    shop.old = {"wheel": [None, None, {"size": 1}]}
    results = await_all(awaiting(clock), [want(size=3), want("bolt", size=1)])
    assert [result["changed"] for result in results] == [False, False]
    assert [result["resource"]["size"] for result in results] == [3, 1]
    assert [name for _verb, name in shop.journal] == ["wheel", "bolt", "wheel", "wheel", "wheel"]
    assert len(clock.pauses) == 3


def test_all_share_one_budget(shop: Shop, clock: FakeClock) -> None:
    shop.parts["nail"] = {"size": 1}
    shop.parts["bolt"]["explanation"] = "It is still on the lorry."
    results = await_all(
        awaiting(clock), [want("bolt", size=9), want("wheel", size=3), want("nut"), want("nail", size=9)]
    )
    assert clock.time == pytest.approx(60, abs=0.1)
    assert [bool(result.get("failed")) for result in results] == [True, False, True, True]
    assert results[0]["msg"] == "name=bolt: Not there after 60 s. It is still on the lorry."
    assert results[0]["resource"]["size"] == 1
    assert results[2]["msg"] == "name=nut: Not there after 60 s. There is no such part."
    assert results[3]["msg"] == "name=nail: Not there after 60 s. Still different: size."


@pytest.mark.parametrize(("check_mode", "budget"), [(True, 60.0), (False, 0.0)])
def test_without_waiting_there_is_one_look_and_no_failure(
    shop: Shop, clock: FakeClock, check_mode: bool, budget: float
) -> None:
    work = replace(awaiting(clock, check_mode), wait_timeout=budget)
    results = await_all(work, [want("bolt", size=9), want("nut")])
    assert results[0] == {"name": "bolt", "changed": False, "resource": shop.parts["bolt"]}
    assert results[1]["resource"] is None
    assert (shop.count("read"), clock.pauses) == (2, [])


def test_a_look_that_fails_fails_only_those_that_have_not_arrived(shop: Shop, clock: FakeClock) -> None:
    shop.old = {"wheel": [None]}
    shop.fail("read", "wheel", lambda: False, refused)
    results = await_all(awaiting(clock), [want("wheel"), want("bolt")])
    assert results[0]["msg"] == "name=wheel: The shop is busy."
    assert "failed" not in results[1]


def test_a_whole_task_waits_for_many(shop: Shop, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "Task", partial(Task, clock=clock.clock))
    shop.old = {"wheel": [None]}
    definition = Definition(LATE, read_all=read_all)
    result = execute(definition, params({"name": "wheel"}, {"name": "nut"}), False)
    assert result["msg"] == "1 of 2 failed. name=nut: Not there after 60 s. There is no such part."
    assert [client.read_only for client in Client.opened] == [True]


def test_a_single_object_can_be_read_by_the_reader_of_many(shop: Shop, clock: FakeClock) -> None:
    work = task(clock, read=None, apply=None, read_all=read_all)
    assert converge_all(work, [want("bolt")])[0]["resource"]["size"] == 1
    with pytest.raises(TypeError, match="neither read nor read_all"):
        converge_all(task(clock, read=None, apply=None), [want("bolt")])
    with pytest.raises(TypeError, match="without read_all"):
        await_all(task(clock, resource=LATE), [want("bolt")])
