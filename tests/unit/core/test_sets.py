# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An entry that stands for a set of objects: one result for each, and never a shorter set."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.core.errors import Refused
from ansible_collections.m365.hybrid.plugins.module_utils.core.execution import converge_sets, execute
from ansible_collections.m365.hybrid.plugins.module_utils.core.resource import Definition
from ansible_collections.m365.hybrid.tests.unit.core.fake_part import (
    RESOURCE,
    FakeClock,
    Shop,
    ShopError,
    apply,
    read,
    task,
    want,
)

OPTIONS: dict[str, Any] = {"shop": "corner", "shop_key": None, "concurrency": 4, "aggregate": None}


def expand(_clients: Any, entry: dict[str, Any]) -> list[dict[str, Any]] | None:
    """A name with a star is the two parts; one with a bang is a list that breaks off; one with a dot is empty."""
    if entry["name"] == "!":
        raise ShopError("The list broke off.")
    sets = {"*": ["wheel", "bolt"], ".": []}
    names = sets.get(entry["name"])
    return None if names is None else [entry | {"name": name} for name in names]


def run(name: str, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    definition = Definition(RESOURCE, read=read, apply=apply, expand=expand)
    return execute(definition, {**want(name), **OPTIONS, **options}, check_mode)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_set_gives_one_result_for_each_object(shop: Shop, check_mode: bool) -> None:
    result = run("*", check_mode, size=7)
    assert [entry["name"] for entry in result["results"]] == ["wheel", "bolt"]
    assert [entry["size"] for entry in result["resource"]] == [7, 7]
    assert len(result["diff"]) == 2
    assert [part["size"] for part in shop.parts.values()] == ([3, 1] if check_mode else [7, 7])


def test_an_object_that_is_named_has_no_results(shop: Shop) -> None:
    assert "results" not in run("wheel", size=7)
    assert shop.parts["wheel"]["size"] == 7


def test_an_empty_set_changes_nothing(shop: Shop) -> None:
    result = run(".", size=7)
    assert (result["changed"], result["results"], result["resource"]) == (False, [], [])
    assert shop.count("write") == 0


def test_a_set_that_breaks_off_fails_and_the_others_are_done(shop: Shop, clock: FakeClock) -> None:
    work = task(clock, expand=expand)
    wants = [want("!"), want("wheel", size=9)]
    sets = [work.attempt(lambda one=one: work.expand(one)) for one in wants]
    broken, wheel = converge_sets(work, wants, sets)
    assert broken["failed"]
    assert "The list broke off." in broken["msg"]
    assert wheel["changed"]
    assert shop.count("write") == 1


def test_a_set_that_breaks_off_writes_nothing(shop: Shop) -> None:
    result = run("!", size=7)
    assert result["failed"]
    assert "The list broke off." in result["msg"]
    assert shop.journal == []


def test_the_same_object_in_two_sets_is_refused(shop: Shop) -> None:
    entries = [{"name": "*"}, {"name": "WHEEL"}]
    result = run("x", size=7, aggregate=entries)
    assert result["failed"]
    assert "Several entries name the same part: wheel." in result["msg"]
    assert shop.journal == []


def test_refused_is_what_it_raises(shop: Shop, clock: FakeClock) -> None:
    assert shop.parts
    twice = [[want("wheel"), want("wheel")]]
    with pytest.raises(Refused, match="same part"):
        converge_sets(task(clock), [want("*")], twice)
