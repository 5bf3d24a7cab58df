# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From present addresses to wanted ones: the examples an administrator thinks of, and what must hold for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.address_plan import modifications, plan
from ansible_collections.m365.hybrid.plugins.module_utils.domain.addresses import MAXIMUM, key, primary_of, recognize

A, B, C, D = (f"{name}@contoso.example" for name in "abcd")
X500 = "X500:/o=Contoso (old)/cn=Recipients/cn=a"


class StrictDirectory:
    """Values of proxyAddresses as Windows keeps them: two that differ in letter case only are one value."""

    def __init__(self, values: Sequence[str]) -> None:
        self.values = list(values)

    def modify(self, steps: Sequence[tuple[str, Sequence[str]]]) -> None:
        """One atomic request; raises LookupError (noSuchAttribute) or KeyError (attributeOrValueExists)."""
        values = list(self.values)
        for operation, changed in steps:
            assert changed, "an empty delete would remove the whole attribute"
            for value in changed:
                same = [held for held in values if held.lower() == value.lower()]
                if operation == "delete":
                    if not same:
                        raise LookupError(value)
                    values.remove(same[0])
                elif same:
                    raise KeyError(value)
                else:
                    values.append(value)
        self.values = values


def reached(current: Sequence[str], goal: Sequence[str]) -> list[str]:
    directory = StrictDirectory(current)
    directory.modify(modifications(current, goal))
    return directory.values


@pytest.mark.parametrize(
    ("current", "wishes", "goal"),
    [
        pytest.param([], {"primary": A}, [f"SMTP:{A}"], id="first address"),
        pytest.param(
            [f"SMTP:{A}", f"smtp:{B}", X500],
            {"primary": B},
            [f"smtp:{A}", f"SMTP:{B}", X500],
            id="alias becomes primary, the old primary an alias",
        ),
        pytest.param([f"SMTP:{A}"], {"primary": B}, [f"smtp:{A}", f"SMTP:{B}"], id="new primary"),
        pytest.param([f"SMTP:{A}"], {"primary": B, "remove": [A]}, [f"SMTP:{B}"], id="new primary, the old one goes"),
        pytest.param([f"SMTP:{A}"], {"primary": B, "exact": []}, [f"SMTP:{B}"], id="exact leaves the old primary out"),
        pytest.param(
            [f"SMTP:{A}", f"smtp:{B}", X500, f"SIP:{A}"],
            {"exact": [C]},
            [f"SMTP:{A}", X500, f"SIP:{A}", f"smtp:{C}"],
            id="exact keeps the primary and other types",
        ),
        pytest.param([f"SMTP:{A}", f"smtp:{B}"], {"exact": []}, [f"SMTP:{A}"], id="no aliases"),
        pytest.param([f"SMTP:{A}", f"smtp:{B}"], {"exact": [A, B]}, [f"SMTP:{A}", f"smtp:{B}"], id="primary named too"),
        pytest.param([f"SMTP:{A}"], {"add": [B, f"smtp:{B.upper()}"]}, [f"SMTP:{A}", f"smtp:{B.upper()}"], id="twice"),
        pytest.param([f"SMTP:{A}", f"smtp:{B}"], {"remove": [B, C]}, [f"SMTP:{A}"], id="remove, one of them absent"),
        pytest.param([f"SMTP:{A}", X500], {"remove": [X500]}, [f"SMTP:{A}"], id="remove X500 by name"),
        pytest.param([f"SMTP:{A}"], {"add": [X500]}, [f"SMTP:{A}", X500], id="add X500"),
        pytest.param([f"SMTP:{A}", f"sip:{A}"], {"add": [f"SIP:{A}"]}, [f"SMTP:{A}", f"SIP:{A}"], id="SIP promoted"),
        pytest.param([f"SMTP:{A}"], {"remove": [f"sip:{A}"]}, [f"SMTP:{A}"], id="another type of the same name"),
        pytest.param(["SMTP:Info@x.example"], {"primary": "info@X.example"}, ["SMTP:Info@x.example"], id="letter case"),
        pytest.param([f"Smtp:{A}", f"SMTP:{B}"], {"add": [A]}, [f"Smtp:{A}", f"SMTP:{B}"], id="odd prefix kept"),
        pytest.param(
            [f"SMTP:{A}", f"SMTP:{B}"], {"add": [C]}, [f"SMTP:{A}", f"smtp:{B}", f"smtp:{C}"], id="two primaries: first"
        ),
        pytest.param(
            [f"SMTP:{A}", f"SMTP:{B}"],
            {"add": [C], "mail": B},
            [f"smtp:{A}", f"SMTP:{B}", f"smtp:{C}"],
            id="two primaries: mail decides",
        ),
        pytest.param([f"SMTP:{A}", f"SMTP:{B}"], {"exact": []}, [f"SMTP:{A}"], id="two primaries, exact"),
        pytest.param([f"SMTP:{A}", f"smtp:{B}"], {"add": [C], "mail": B}, [f"SMTP:{A}", f"smtp:{B}", f"smtp:{C}"]),
        pytest.param([f"smtp:{A}"], {"add": [B], "mail": A}, [f"SMTP:{A}", f"smtp:{B}"], id="no primary: mail"),
        pytest.param(
            [f"SMTP:{A}", "smtp:not well", "rubbish"],
            {"exact": ["smtp:not well"]},
            [f"SMTP:{A}", "smtp:not well", "rubbish"],
            id="malformed values that are there may be named and are kept",
        ),
        pytest.param([f"SMTP:{A}", "smtp:not well"], {"remove": ["smtp:not well"]}, [f"SMTP:{A}"], id="and removed"),
        pytest.param([f"SMTP:{A}", f"SMTP:{B}"], {}, [f"SMTP:{A}", f"SMTP:{B}"], id="nothing asked, nothing touched"),
        pytest.param([f"smtp:{A}", f"SMTP:{A}"], {"add": [B]}, [f"SMTP:{A}", f"smtp:{B}"], id="stored twice by case"),
    ],
)
def test_plan(current: list[str], wishes: dict[str, Any], goal: list[str]) -> None:
    assert plan(current, **wishes) == goal


@pytest.mark.parametrize(
    ("current", "wishes", "reason"),
    [
        ([f"SMTP:{A}"], {"remove": [A]}, "is the primary address"),
        ([f"SMTP:{A}"], {"primary": A, "remove": [A]}, "both wanted as the primary"),
        ([f"SMTP:{A}"], {"add": [B], "remove": [f"SMTP:{B}"]}, "both wanted and to be removed"),
        ([f"SMTP:{A}"], {"add": [f"SMTP:{B}"]}, "written as a primary address"),
        ([], {"add": [A]}, "name the primary address"),
        ([f"smtp:{A}"], {"add": [B]}, "name the primary address"),
        ([f"SMTP:{A}"], {"primary": f"SIP:{A}"}, "must be an SMTP address"),
        ([f"SMTP:{A}"], {"primary": "no address"}, "no @|blank"),
        ([f"SMTP:{A}"], {"add": ["a" * 5000 + "@contoso.example"]}, "256 is the maximum"),
        ([f"SMTP:{A}"], {"remove": ["smpt:x@contoso.example"]}, "no address type"),
        ([f"SMTP:{A}"], {"add": [f"a{number}@contoso.example" for number in range(333)]}, "334 addresses; 333"),
    ],
)
def test_plan_refuses(current: list[str], wishes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        plan(current, **wishes)


def test_an_object_with_too_many_may_still_lose_some() -> None:
    current = [f"SMTP:{A}", *(f"smtp:a{number}@contoso.example" for number in range(MAXIMUM + 5))]
    assert len(plan(current, remove=["a0@contoso.example"])) == MAXIMUM + 5


def test_a_promotion_deletes_both_old_values_before_it_adds_the_new_ones() -> None:
    steps = modifications([f"SMTP:{A}", f"smtp:{B}", X500], [f"smtp:{A}", f"SMTP:{B}", X500])
    assert steps == [("delete", [f"SMTP:{A}", f"smtp:{B}"]), ("add", [f"smtp:{A}", f"SMTP:{B}"])]


def test_order_is_no_difference() -> None:
    assert modifications([f"SMTP:{A}", f"smtp:{B}"], [f"smtp:{B}", f"SMTP:{A}"]) == []


def test_values_stored_twice_by_letter_case_are_both_deleted_before_one_is_added() -> None:
    steps = modifications([f"smtp:{A}", f"SMTP:{A}"], [f"SMTP:{A}"])
    assert steps == [("delete", [f"smtp:{A}", f"SMTP:{A}"]), ("add", [f"SMTP:{A}"])]


def test_a_concurrent_edit_is_noticed() -> None:
    current = [f"SMTP:{A}", f"smtp:{B}"]
    directory = StrictDirectory([f"SMTP:{A}", f"smtp:{C}"])
    with pytest.raises(LookupError):
        directory.modify(modifications(current, plan(current, primary=B)))
    assert directory.values == [f"SMTP:{A}", f"smtp:{C}"]


# What holds for every list and every wish

NAMES = ["anna", "Bert", "carla", "Dora", "emil"]
PREFIXES = ["smtp:", "SMTP:", "Smtp:", "sip:", "SIP:", "X500:", "x500:", "eum:", "X400:", "FOO:"]
VALUE = st.one_of(
    st.builds(
        lambda prefix, name: f"{prefix}{name}@contoso.example", st.sampled_from(PREFIXES), st.sampled_from(NAMES)
    ),
    st.sampled_from(["rubbish", "smtp:not well", "SMTP:", ":x", X500]),
)
NAMED = st.builds(
    lambda prefix, name: f"{prefix}{name}@contoso.example",
    st.sampled_from(["", "smtp:", "sip:", "SIP:", "X500:", "x-t:"]),
    st.sampled_from([*NAMES, *map(str.upper, NAMES), "frieda"]),
)


@dataclass(frozen=True)
class Wishes:
    """One call of plan."""

    primary: str | None
    exact: list[str] | None
    add: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    mail: str | None = None


CURRENT = st.lists(VALUE, unique_by=str.lower, max_size=8)
WISHES = st.builds(
    Wishes,
    st.none() | st.sampled_from([f"{name}@contoso.example" for name in [*NAMES, "frieda"]]),
    st.none() | st.lists(NAMED, max_size=4),
    st.lists(NAMED, max_size=3),
    st.lists(NAMED, max_size=3),
    st.none() | st.sampled_from([f"{name}@contoso.example" for name in NAMES]),
)


def planned(current: list[str], wishes: Wishes) -> list[str] | None:
    """The goal, or None where the wishes are refused."""
    try:
        return plan(
            current,
            primary=wishes.primary,
            exact=wishes.exact,
            add=wishes.add,
            remove=wishes.remove,
            mail=wishes.mail,
        )
    except ValueError:
        return None


@settings(max_examples=400, deadline=None)
@given(CURRENT, WISHES)
def test_the_goal_is_reached_under_the_rules_of_windows(current: list[str], wishes: Wishes) -> None:
    goal = planned(current, wishes)
    if goal is not None:
        assert sorted(reached(current, goal)) == sorted(goal)


@settings(max_examples=400, deadline=None)
@given(CURRENT, WISHES)
def test_the_plan_from_the_goal_is_empty(current: list[str], wishes: Wishes) -> None:
    goal = planned(current, wishes)
    if goal is not None:
        again = planned(goal, wishes)
        assert again == goal
        assert modifications(goal, goal) == []


@settings(max_examples=400, deadline=None)
@given(CURRENT, WISHES)
def test_what_was_asked_for_holds_and_nothing_else_is_lost(current: list[str], wishes: Wishes) -> None:
    goal = planned(current, wishes)
    if goal is None or goal == current:
        return
    names = [key(value) for value in goal]
    assert len(set(names)) == len(names)
    smtp = [found for found in map(recognize, goal) if found is not None and found.kind == "SMTP"]
    assert sum(found.primary for found in smtp) == (1 if smtp else 0)
    if wishes.primary is not None:
        assert (primary_of(goal) or "").lower() == wishes.primary.lower()
    assert {key(value) for value in [*wishes.add, *(wishes.exact or [])]} <= set(names)
    removed = {key(value) for value in wishes.remove}
    assert not removed & set(names)
    touched = removed | {key(value) for value in [*wishes.add, *(wishes.exact or [])]}
    for value in current:
        if key(value)[0] != "SMTP" and key(value) not in touched:
            assert value in goal
        if key(value)[0] == "SMTP" and wishes.exact is None and key(value) not in removed:
            assert key(value) in names


@settings(max_examples=200, deadline=None)
@given(CURRENT, st.lists(VALUE, unique_by=str.lower, max_size=8))
def test_modifications_lead_from_any_list_to_any_other(current: list[str], goal: list[str]) -> None:
    assert sorted(reached(current, goal)) == sorted(goal)
    steps = modifications(current, goal)
    assert [operation for operation, _values in steps] in ([], ["delete"], ["add"], ["delete", "add"])
    untouched = set(current) & set(goal)
    assert not untouched & {value for _operation, values in steps for value in values}
