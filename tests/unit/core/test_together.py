# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules that read many objects in one go: the same results as one by one, and each object still stands for itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.core.errors import Refused
from ansible_collections.m365.hybrid.plugins.module_utils.core.execution import READ_TOGETHER, converge_all
from ansible_collections.m365.hybrid.plugins.module_utils.core.lifecycle import Task, converge, converge_together
from ansible_collections.m365.hybrid.tests.unit.core.fake_part import (
    RESOURCE,
    FakeClock,
    Shop,
    ShopError,
    SlowClient,
    bug,
    fine,
    refused,
    task,
    want,
)


class Together:
    """A C(read_all) that keeps what it was asked for; a part that alone cannot be read gives its error."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []

    def __call__(self, clients: Any, wants: list[dict[str, Any]]) -> list[Any]:
        self.groups.append([asked["name"] for asked in wants])
        return [self._one(clients, asked["name"]) for asked in wants]

    def _one(self, clients: Any, name: str) -> Any:
        try:
            return clients.shop.read(name)
        except ShopError as error:
            return error


def work(clock: FakeClock, read_all: Any, concurrency: int = 4, **changes: Any) -> Task:
    return replace(task(clock, read=None, read_all=read_all, **changes), concurrency=concurrency)


@pytest.mark.parametrize(
    ("count", "concurrency", "sizes"),
    [(0, 4, []), (1, 4, [1]), (4, 4, [1] * 4), (10, 4, [3, 3, 3, 1]), (120, 1, [40] * 3), (1000, 8, [50] * 20)],
)
def test_groups_leave_every_thread_its_share(
    shop: Shop, clock: FakeClock, count: int, concurrency: int, sizes: list[int]
) -> None:
    together = Together()
    names = [f"n{number}" for number in range(count)]
    results = converge_all(work(clock, together, concurrency, apply=None), [want(name) for name in names])
    assert [result["name"] for result in results] == names
    assert sorted(map(len, together.groups), reverse=True) == sizes
    assert max(sizes, default=0) <= READ_TOGETHER
    assert sorted(name for group in together.groups for name in group) == sorted(names)


def test_every_object_gets_its_own_state_and_is_changed_by_itself(shop: Shop, clock: FakeClock) -> None:
    results = converge_together(
        work(clock, Together()), [want("wheel", size=4), want("bolt", size=1), want("nut", size=2)]
    )
    assert [result["changed"] for result in results] == [True, False, True]
    assert [result["resource"]["size"] for result in results] == [4, 1, 2]
    assert [name for verb, name in shop.journal if verb == "write"] == ["wheel", "nut"]


def test_one_that_cannot_be_read_does_not_stop_the_others(shop: Shop, clock: FakeClock) -> None:
    shop.fail("read", "bolt", refused)
    results = converge_together(work(clock, Together()), [want("wheel", size=4), want("bolt"), want("nut")])
    assert [result.get("msg") for result in results] == [None, "name=bolt: The shop is busy.", None]
    assert results[1]["error"]["code"] == "Busy"


def test_a_read_of_all_that_fails_is_the_failure_of_each(shop: Shop, clock: FakeClock) -> None:
    def broken(clients: Any, wants: list[dict[str, Any]]) -> list[Any]:
        raise ShopError("The shop is closed.")

    results = converge_together(work(clock, broken), [want("wheel", size=4), want("bolt")])
    assert [result["msg"] for result in results] == [
        "name=wheel: The shop is closed.",
        "name=bolt: The shop is closed.",
    ]
    assert shop.count("write") == 0


def test_an_object_that_cannot_be_resolved_is_not_read(shop: Shop, clock: FakeClock) -> None:
    def resolve(clients: Any, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["name"] == "thing":
            raise Refused("There is no such thing.")
        return asked | {"name": asked["name"].removeprefix("the ")}

    together = Together()
    results = converge_together(
        work(clock, together, resolve=resolve), [want("the wheel"), want("thing"), want("bolt", size=9)]
    )
    assert together.groups == [["wheel", "bolt"]]
    assert [result["name"] for result in results] == ["the wheel", "thing", "bolt"]
    assert [result.get("msg") for result in results] == [None, "name=thing: There is no such thing.", None]
    assert results[2]["changed"]


def test_nothing_is_read_where_nothing_could_be_resolved(clock: FakeClock) -> None:
    def resolve(clients: Any, asked: dict[str, Any]) -> dict[str, Any]:
        raise Refused("No.")

    together = Together()
    assert converge_together(work(clock, together, resolve=resolve), [want()])[0]["failed"]
    assert together.groups == []


def test_a_bug_is_let_through(shop: Shop, clock: FakeClock) -> None:
    shop.fail("read", "bolt", bug)
    with pytest.raises(KeyError, match="bug"):
        converge_all(work(clock, Together()), [want("wheel"), want("bolt")])


def test_after_a_change_the_object_is_read_alone(shop: Shop, clock: FakeClock) -> None:
    together = Together()
    shop.lag = 2
    results = converge_together(work(clock, together, client=SlowClient), [want("wheel", size=4), want("bolt", size=1)])
    assert together.groups == [["wheel", "bolt"], ["wheel"], ["wheel"], ["wheel"]]
    assert results[0]["resource"]["size"] == 4


def test_a_client_that_is_only_asked_for_leave_is_not_waited_for(shop: Shop, clock: FakeClock) -> None:
    resource = replace(RESOURCE, consulted=("shop",))
    result = converge(task(clock, client=SlowClient, resource=resource), want(size=4))
    assert (result["changed"], result["resource"]["size"]) == (True, 4)
    assert (shop.count("read"), shop.count("write")) == (1, 1)


def test_all_changes_are_made_before_any_is_waited_for(shop: Shop, clock: FakeClock) -> None:
    together, names = Together(), ["wheel", "bolt", "nut", "screw"]
    shop.lag = 2
    wants = [want(name, size=9) for name in names]
    results = converge_all(work(clock, together, 2, client=SlowClient), wants)
    assert [(result["name"], result["changed"], result["resource"]["size"]) for result in results] == [
        (name, True, 9) for name in names
    ]
    # Only when all are changed is any read again; then all are, three times.
    assert sorted(verb for verb, _name in shop.journal[:8]) == ["read"] * 4 + ["write"] * 4
    assert shop.count("write") == 4
    assert shop.count("read") == 4 + 3 * 4
    # They share one budget and its pauses.
    assert len(clock.pauses) == 2


def test_one_that_never_shows_or_cannot_be_read_again_does_not_take_the_others_along(
    shop: Shop, clock: FakeClock
) -> None:
    shop.lag = 1
    shop.fail("read", "bolt", fine, refused)
    wants = [want("wheel", size=9), want("bolt", size=9), want("nut", size=9)]
    shop.on_read = lambda name: shop.old["nut"].append(None) if name == "nut" and shop.count("write") == 3 else None
    results = converge_all(work(clock, Together(), 3, client=SlowClient), wants)
    assert [result.get("msg") for result in results] == [
        None,
        "name=bolt: The service accepted the change; reading it again failed: The shop is busy.",
        "name=nut: The service accepted the change, but does not show it after 60 s (still different: size). "
        "Run again later, or raise wait_timeout.",
    ]
