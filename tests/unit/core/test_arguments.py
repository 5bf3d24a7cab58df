# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments: defaults beside an aggregate, and that every wrong entry is named before any service is asked."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.m365.hybrid.plugins.module_utils.core.arguments import Unusable, argument_spec, entries
from ansible_collections.m365.hybrid.plugins.module_utils.core.execution import execute
from ansible_collections.m365.hybrid.plugins.module_utils.core.resource import Definition
from ansible_collections.m365.hybrid.tests.unit.core.fake_part import RESOURCE, Client, SlowClient, apply, read

CHANGING = Definition(RESOURCE, read=read, apply=apply)


def validated(options: dict[str, Any], definition: Definition = CHANGING) -> dict[str, Any]:
    """Options as AnsibleModule hands them over: types converted, defaults set, and None for what is left out."""
    aggregate = options.pop("aggregate", None)
    spec = argument_spec(definition)
    del spec["supports_check_mode"]
    outcome = ArgumentSpecValidator(**spec).validate(options)
    assert not outcome.error_messages
    params: dict[str, Any] = outcome.validated_parameters
    return params | {"aggregate": aggregate}


def wanted(**options: Any) -> list[dict[str, Any]]:
    """What a task with these options asks for."""
    return entries(RESOURCE, validated(options))


def complaint(**options: Any) -> str:
    """Why a task with these options is refused."""
    with pytest.raises(Unusable) as caught:
        wanted(**options)
    return str(caught.value)


def test_one_object_has_all_its_options() -> None:
    nothing = dict.fromkeys(RESOURCE.options)
    assert wanted(name="a") == [nothing | {"name": "a", "finish": "raw", "state": "present"}]


def test_options_beside_are_defaults_that_entries_override() -> None:
    first, second, third = wanted(
        size=4,
        state="absent",
        aggregate=[{"name": "a"}, {"name": "b", "size": "5", "state": "present"}, {"name": "c", "size": None}],
    )
    assert [entry["size"] for entry in (first, second, third)] == [4, 5, 4]
    assert [entry["state"] for entry in (first, second, third)] == ["absent", "present", "absent"]


@pytest.mark.parametrize("part", [{"set": ["a"]}, {"add": ["a"], "remove": ["b"]}, {"add": []}])
def test_a_partly_owned_set_is_taken_alone_beside_and_in_an_entry(part: dict[str, Any]) -> None:
    full = {"set": None, "add": None, "remove": None} | part
    assert wanted(name="a", tags=dict(part))[0]["tags"] == full
    assert wanted(tags=dict(part), aggregate=[{"name": "a"}])[0]["tags"] == full
    assert wanted(tags={"set": ["z"]}, aggregate=[{"name": "a", "tags": dict(part)}])[0]["tags"] == full


def test_a_mapping_may_name_nothing_on_purpose() -> None:
    assert wanted(name="a", labels={"row": None})[0]["labels"] == {"row": None}
    assert wanted(aggregate=[{"name": "a", "labels": {"row": None}}])[0]["labels"] == {"row": None}


def test_what_is_required_is_required_of_every_entry() -> None:
    assert "missing required arguments: name" in complaint()
    message = complaint(aggregate=[{"name": "a"}, {"size": 1}, {"name": "c"}, {}])
    assert message == (
        "aggregate entry 2: missing required arguments: name; aggregate entry 4: missing required arguments: name"
    )


def test_rules_hold_for_every_entry_with_its_defaults() -> None:
    message = complaint(finish="painted", aggregate=[{"name": "a", "color": "red"}, {"name": "b"}])
    assert message.startswith("aggregate entry 2: finish is painted but all of the following are missing: color")
    assert wanted(finish="painted", color="red", aggregate=[{"name": "b"}])
    assert complaint(aggregate=[{"name": "a", "tags": {"set": ["x"], "add": ["y"]}}]).startswith("aggregate entry 1: ")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"name": "b", "sise": 4}, "Unsupported parameters: sise."),
        ({"name": "b", "tags": {"append": ["x"]}}, "Unsupported parameters: tags.append."),
        ({"name": "b", "shop": "other"}, "Unsupported parameters: shop."),
        ({"name": "b", "size": "big"}, "size"),
        ({"name": "b", "finish": "gilded"}, "value of finish must be one of: raw, painted"),
        ({"name": "b b"}, "name: b b has a blank in it"),
        ({"name": "b", "tags": {"add": ["ok", "not ok"]}}, "tags.add: not ok has a blank in it"),
        ("b", "a mapping of options is needed."),
        (5, "a mapping of options is needed."),
        (None, "a mapping of options is needed."),
        (["name", "b"], "a mapping of options is needed."),
    ],
)
def test_a_wrong_entry_is_named_before_any_client_is_opened(entry: Any, reason: str) -> None:
    aggregate = [{"name": "a"}, entry, {"name": "c"}]
    message = complaint(aggregate=list(aggregate))
    assert message.startswith("aggregate entry 2: ")
    assert reason in message
    assert "entry 1" not in message
    result = execute(CHANGING, validated({"aggregate": aggregate}), False)
    assert (result["failed"], result["changed"], result["msg"]) == (True, False, message)
    assert Client.opened == []


@pytest.mark.parametrize("aggregate", ["name=a", {"name": "a"}, 5, '[{"name": "a"}]'])
def test_an_aggregate_that_is_no_list_is_refused(aggregate: Any) -> None:
    assert complaint(aggregate=aggregate) == "aggregate: a list of entries is needed."


def test_parsing_gives_the_proper_form_also_member_by_member() -> None:
    assert wanted(name="/a/", tags={"add": ["/x/", "y"]})[0]["tags"]["add"] == ["x", "y"]
    assert wanted(aggregate=[{"name": "/a/", "tags": {"add": ["/x/"]}}])[0]["name"] == "a"
    lists = replace(RESOURCE, parse={"labels": str.upper, "tags.set": str.upper})
    params = validated({"name": "a", "tags": {"set": ["x"]}})
    assert entries(lists, params)[0]["tags"]["set"] == ["X"]


def test_options_are_checked_together_after_each_was_parsed() -> None:
    def check(want: dict[str, Any]) -> dict[str, Any]:
        if want["name"] == "b":
            raise ValueError("b is no name for it")
        return {**want, "name": want["name"].upper()}

    checked = replace(RESOURCE, check=check)
    assert [want["name"] for want in entries(checked, validated({"aggregate": [{"name": "a"}, {"name": "c"}]}))] == [
        "A",
        "C",
    ]
    with pytest.raises(Unusable, match="aggregate entry 2: b is no name for it"):
        entries(checked, validated({"aggregate": [{"name": "a"}, {"name": "b"}]}))


def test_two_entries_for_one_object_are_refused_with_their_numbers() -> None:
    message = complaint(aggregate=[{"name": "a"}, {"nme": "x"}, {"name": "b"}, {"name": "/A/"}, {"name": "B"}])
    assert "aggregate entry 2: " in message
    assert "aggregate entries 1 and 4 name the same part (a)" in message
    assert "aggregate entries 3 and 5 name the same part (b)" in message


def test_many_problems_are_cut() -> None:
    message = complaint(aggregate=[{"size": number} for number in range(50)])
    assert message.count("aggregate entry") == 20
    assert message.endswith("; and 30 more")


def test_one_wrong_entry_of_ten_thousand_is_found_quickly() -> None:
    aggregate: list[dict[str, Any]] = [{"name": f"n{number}", "tags": {"add": ["x"]}} for number in range(10_000)]
    aggregate[7_654]["size"] = "big"
    params = validated({"aggregate": aggregate, "finish": "raw"})
    start = time.process_time()
    with pytest.raises(Unusable, match=r"^aggregate entry 7655: [^;]*$"):
        entries(RESOURCE, params)
    assert time.process_time() - start < 3


def test_the_arguments_say_that_nothing_is_required_beside_an_aggregate() -> None:
    spec = argument_spec(CHANGING)
    options = spec["argument_spec"]
    assert spec["supports_check_mode"] is True
    assert {*Client.OPTIONS, "concurrency", "wait_timeout", "aggregate", "state", *RESOURCE.options} == set(options)
    assert not any(option.get("required") for option in options.values())
    within = options["aggregate"]["options"]
    assert set(within) == {*RESOURCE.options, "state"}
    assert not any({"required", "default", "fallback"} & set(option) for option in within.values())
    assert within["pin"]["no_log"] is True


def test_only_what_waits_can_be_told_how_long() -> None:
    fixed = replace(RESOURCE, removable=False)
    looking = argument_spec(Definition(fixed, read=read))["argument_spec"]
    assert {"wait_timeout", "state"}.isdisjoint(looking)
    assert "wait_timeout" in argument_spec(Definition(replace(fixed, awaits=True)))["argument_spec"]


def test_rules_of_several_clients_are_all_kept() -> None:
    class One(Client):
        RULES: ClassVar[dict[str, Any]] = {"required_together": [("shop", "shop_key")]}

    class Two(SlowClient):
        RULES: ClassVar[dict[str, Any]] = {"required_together": [("shop", "shop_key"), ("shop_key", "shop_time")]}

    both = Definition(replace(RESOURCE, clients={"one": One, "two": Two}), read=read)
    assert argument_spec(both)["required_together"] == [("shop", "shop_key"), ("shop_key", "shop_time")]
