# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner: what is compared how, and that a plan leads to its goal and no further."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.core.change import Change, diff, plan, shown
from ansible_collections.m365.hybrid.plugins.module_utils.core.resource import Field, names
from ansible_collections.m365.hybrid.tests.unit.core.fake_part import RESOURCE, want

WORDS = st.sampled_from(["a", "A", "b", "B", "c", "ß", "SS", "d"])
LISTS = st.lists(WORDS, max_size=6)
SETS = st.one_of(
    st.fixed_dictionaries({"set": LISTS, "add": st.none(), "remove": st.none()}),
    st.fixed_dictionaries({"set": st.none(), "add": st.none() | LISTS, "remove": st.none() | LISTS}),
    LISTS,
)
MAPPINGS = st.dictionaries(st.sampled_from("xyz"), st.none() | WORDS)
STATES = st.fixed_dictionaries(
    {"color": st.none() | WORDS, "tags": st.none() | LISTS, "labels": st.none() | MAPPINGS, "pin": st.none() | WORDS},
    optional={"size": st.integers(0, 3), "id": st.just("p-9")},
)
WANTS = st.builds(
    want,
    size=st.none() | st.integers(0, 3),
    color=st.none() | WORDS,
    tags=st.none() | SETS,
    labels=st.none() | MAPPINGS,
    pin=st.none() | WORDS,
    state=st.sampled_from(["present", "absent"]),
)


def applied(change: Change) -> dict[str, Any] | None:
    """What the service has after a module did exactly what the change says, set members one by one."""
    if change.after is None or not change:
        return change.after if change.removes else change.before
    state = dict(change.before or {})
    for name in change.fields:
        if RESOURCE.managed[name].shape == "set":
            gone = [names.key(member) for member in change.removed(name)]
            kept = [member for member in state.get(name) or [] if names.key(member) not in gone]
            state[name] = kept + change.added(name)
        else:
            state[name] = change.after[name]
    return state


@given(WANTS, st.none() | STATES)
def test_applying_the_plan_reaches_the_goal(asked: dict[str, Any], before: dict[str, Any] | None) -> None:
    change = plan(RESOURCE, asked, before)
    after = applied(change)
    assert not plan(RESOURCE, asked, after)
    if asked["state"] == "absent":
        assert after is None
    else:
        assert after is not None
        assert all(
            RESOURCE.managed[name].same(after.get(name), (change.after or {}).get(name)) for name in RESOURCE.managed
        )


@given(WANTS, STATES)
def test_what_is_left_out_is_left_alone(asked: dict[str, Any], before: dict[str, Any]) -> None:
    change = plan(RESOURCE, asked | {"state": "present"}, before)
    assert change.after is not None
    untouched = [name for name in before if asked.get(name) is None]
    assert all(change.after[name] == before[name] for name in untouched)
    assert not set(change.fields) & set(untouched)


@given(LISTS, st.randoms(use_true_random=False))
def test_order_letter_case_and_repetition_never_make_a_change(tags: list[str], chance: Any) -> None:
    other = [chance.choice([tag.upper(), tag.lower(), tag]) for tag in [*tags, *tags]]
    chance.shuffle(other)
    assert not plan(RESOURCE, want(tags={"set": other, "add": None, "remove": None}), {"tags": tags})
    assert not plan(RESOURCE, want(tags=other), {"tags": tags})
    assert not plan(RESOURCE, want(tags={"set": None, "add": other, "remove": None}), {"tags": tags})


@given(WANTS, st.none() | STATES)
def test_the_gaps_of_a_change_say_whether_there_is_one(asked: dict[str, Any], before: dict[str, Any] | None) -> None:
    change = plan(RESOURCE, asked, before)
    assert bool(change.gaps) == bool(change)


@pytest.mark.parametrize(
    ("asked", "goal"),
    [
        ({"set": ["x", "X", "y"]}, ["x", "y"]),
        ({"set": ["ROUND"]}, ["Round"]),
        ({"set": []}, []),
        ([], []),
        (["new", "x"], ["new", "x"]),
        ({"add": ["x", "ROUND", "X"]}, ["Round", "new", "x"]),
        ({"add": []}, ["Round", "new"]),
        ({"remove": ["round", "unknown"]}, ["new"]),
        ({"add": ["x"], "remove": ["NEW"]}, ["Round", "x"]),
        ({}, ["Round", "new"]),
    ],
)
def test_a_set_is_owned_wholly_or_in_part(asked: Any, goal: list[str]) -> None:
    change = plan(RESOURCE, want(tags=asked), {"tags": ["Round", "new"]})
    assert sorted(tag.casefold() for tag in (change.after or {})["tags"]) == sorted(tag.casefold() for tag in goal)
    assert len(change.after["tags"]) == len(goal)  # type: ignore[index]


def test_a_set_keeps_the_spelling_that_is_there() -> None:
    change = plan(RESOURCE, want(tags={"set": ["ROUND", "fresh"]}), {"tags": ["Round", "new"]})
    assert change.after == {"tags": ["Round", "fresh"]}
    assert (change.added("tags"), change.removed("tags")) == (["fresh"], ["new"])


def test_only_the_named_keys_of_a_mapping_are_managed() -> None:
    before = {"labels": {"row": "1", "bay": "2"}}
    assert plan(RESOURCE, want(labels={"row": "9"}), before).after == {"labels": {"row": "9", "bay": "2"}}
    assert not plan(RESOURCE, want(labels={"row": "1"}), before)
    assert plan(RESOURCE, want(labels={"bay": None}), before).fields == ("labels",)


@pytest.mark.parametrize("nothing", [None, {}])
def test_an_absent_mapping_is_an_empty_one(nothing: Any) -> None:
    assert not plan(RESOURCE, want(labels={}), {"labels": nothing})
    assert not plan(RESOURCE, want(labels={"row": None}), {"labels": nothing})


def test_absent_and_create() -> None:
    absent = want(state="absent", size=5)
    assert not plan(RESOURCE, absent, None)
    removal = plan(RESOURCE, absent, {"size": 1})
    assert (bool(removal), removal.removes, removal.creates, removal.after) == (True, True, False, None)
    creation = plan(RESOURCE, want(size=5), None)
    assert (creation.creates, creation.removes, creation.after, creation.fields) == (
        True,
        False,
        {"size": 5},
        ("size",),
    )
    bare = plan(RESOURCE, want(), None)
    assert bare
    assert (bare.creates, bare.after, bare.fields) == (True, {}, ())


def test_a_goal_of_its_own_decides_over_all_fields() -> None:
    def goal(asked: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        return before | {"color": "blue", "size": len(before["tags"])}

    change = plan(replace(RESOURCE, goal=goal), want(), {"color": "BLUE", "size": 1, "tags": ["a", "b"]})
    assert change.fields == ("size",)


@given(WANTS, STATES)
def test_what_does_not_change_is_shown_as_it_is_there(asked: dict[str, Any], before: dict[str, Any]) -> None:
    change = plan(RESOURCE, asked | {"state": "present"}, before)
    assert change.after is not None
    same = set(RESOURCE.managed) - set(change.fields)
    assert all(change.after.get(name) == before.get(name) for name in same)
    if not change:
        sides = diff(change)
        assert sides["before"] == sides["after"]


def test_a_diff_shows_what_is_asked_for_and_what_changes() -> None:
    before = {"size": 3, "color": "Blau-grün", "tags": ["b", "A"], "labels": {"ok": True, "none": None}, "id": "p-1"}
    result = diff(plan(RESOURCE, want(size=4, color="BLAU-GRÜN", labels={}), before))
    assert result["before_header"] == result["after_header"] == "part name=wheel"
    assert result["before"] == "color: Blau-grün\nlabels:\n  none:\n  ok: true\nsize: 3\n"
    assert result["after"] == result["before"].replace("3", "4")
    gone = diff(plan(RESOURCE, want(state="absent"), {"size": 3, "tags": ["b", "A"], "labels": {}, "id": "p-1"}))
    assert gone["before"] == "color:\nlabels: {}\npin:\nsize: 3\ntags:\n  - A\n  - b\n"
    assert gone["after"] == ""
    new = diff(plan(RESOURCE, want(size=1, tags=[]), None))
    assert (new["before"], new["after"]) == ("", "size: 1\ntags: []\n")


@pytest.mark.parametrize(
    ("before", "sides"),
    [
        ({"pin": "old-pin"}, ("pin: (present secret)\n", "pin: (new secret)\n")),
        ({"pin": "new-pin"}, ("pin: ********\n", "pin: ********\n")),
        ({"pin": None}, ("pin:\n", "pin: (new secret)\n")),
        (None, ("", "pin: (new secret)\n")),
    ],
)
def test_a_secret_is_never_shown_but_its_change_is(before: dict[str, Any] | None, sides: tuple[str, str]) -> None:
    change = plan(RESOURCE, want(pin="new-pin"), before)
    result = diff(change)
    assert (result["before"], result["after"]) == sides
    assert "-pin" not in str(result) + str(shown(RESOURCE, change.after)) + str(shown(RESOURCE, change.before))


def test_sets_are_shown_in_a_steady_order() -> None:
    assert shown(RESOURCE, {"tags": ["b", "A", "c"]}) == shown(RESOURCE, {"tags": ["c", "b", "A"]})


def test_fields_can_be_compared_by_any_key() -> None:
    size = Field(key=lambda value: int(str(value).split()[0]))
    assert size.same("5 MB", 5)
    assert not size.same(None, 0)
    assert size.gaps("5", "6")
    assert not size.gaps("5", "5 MB")
