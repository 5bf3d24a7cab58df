# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two ways into a module: the same result to the letter, and no secret in any of them."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.parsing.dataloader import DataLoader

from ansible_collections.m365.hybrid.plugins.module_utils.core.entry import run_in_controller
from ansible_collections.m365.hybrid.plugins.module_utils.core.secrecy import secrets, shielded
from ansible_collections.m365.hybrid.tests.unit.core import fake_part
from ansible_collections.m365.hybrid.tests.unit.core.fake_part import Client, Shop, refused

COLLECTIONS = str(Path(fake_part.__file__).parents[6])
KEY = "s3cret-key"
PIN = 'it\'s a \\ "pin"'


def in_a_process(args: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """The result of the module as Ansible runs it: a process that gets JSON and prints JSON."""
    internal: dict[str, Any] = {"_ansible_check_mode": check_mode, "_ansible_module_name": "m365.hybrid.fake_part"}
    if "inject_invocation" in PASS_VARS:
        internal["_ansible_inject_invocation"] = True
    done = subprocess.run(
        [sys.executable, fake_part.__file__],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {**args, **internal}}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([COLLECTIONS, *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    # From core 2.19 on a module's warning travels as an object until the controller shows its message.
    warnings = result.get("warnings", [])
    texts = [warning if isinstance(warning, str) else warning["event"]["msg"] for warning in warnings]
    return result | {"warnings": texts} if warnings else result


def in_the_controller(args: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """The result of the module inside this process."""
    return run_in_controller(fake_part, args, check_mode)


CASES: dict[str, dict[str, Any]] = {
    "a change": {"name": "wheel", "size": 4, "tags": {"add": ["x"]}, "pin": PIN},
    "no change": {"name": "wheel", "size": "3", "color": "RED"},
    "a creation": {"name": "nut", "size": 4, "labels": {"row": 1}},
    "a removal": {"name": "wheel", "state": "absent"},
    "a refusal": {"name": "wheel", "size": 101},
    "a client that cannot be opened": {"name": "wheel", "shop_key": "broken"},
    "a warning": {"name": "rusty"},
    "many": {"size": 4, "aggregate": [{"name": "wheel", "pin": PIN}, {"name": "nut"}, {"name": "nail", "size": 101}]},
    "many, one of them wrong": {"aggregate": [{"name": "wheel", "pin": PIN}, {"name": "nut", "size": "x"}]},
    "many, one of them no mapping": {"shop_key": KEY, "aggregate": [{"name": "wheel", "pin": PIN}, f"pin={PIN}"]},
    "many, but no list": {"shop_key": KEY, "aggregate": f"pin={PIN}"},
    "many with a misspelled option": {"shop_key": KEY, "aggregate": [{"name": "wheel", "pinn": PIN}, {"name": "nut"}]},
    "none": {"aggregate": []},
    "nothing": {},
    "a misspelled option": {"name": "wheel", "shop_key": KEY, "shop_keey": KEY, "pin": PIN},
    "a wrong type": {"name": "wheel", "concurrency": "many", "shop_key": KEY, "pin": PIN},
    "a wrong type of a set": {"name": "wheel", "tags": 5, "shop_key": KEY, "pin": PIN},
    "many with a wrong type of a set": {"aggregate": [{"name": "wheel"}, {"name": "nut", "tags": 5, "pin": PIN}]},
    "a wrong choice": {"name": "wheel", "finish": "gilded", "pin": PIN},
    "a rule": {"name": "wheel", "finish": "painted", "shop_key": KEY},
    "a secret that is a common word": {"name": "wheel", "size": 4, "shop_key": "True", "pin": "False"},
}


FINE = ("a change", "no change", "a creation", "a removal", "a warning", "none", "a secret that is a common word")
PLANNED = ("a change", "a creation", "a removal", "a refusal", "many", "many, one of them wrong")


@pytest.mark.parametrize(
    ("case", "check_mode"), [*((case, False) for case in CASES), *((case, True) for case in PLANNED)]
)
def test_both_ways_give_the_same_result_without_secrets(case: str, check_mode: bool) -> None:
    result = in_the_controller(CASES[case], check_mode)
    assert json.loads(json.dumps(result)) == in_a_process(CASES[case], check_mode)
    assert bool(result.get("failed")) == (case not in FINE)
    assert set(result["invocation"]["module_args"]) >= {"aggregate", "shop_key", "pin"}
    for shown in (str(result), json.dumps(result)):
        assert all(text not in shown for text in (KEY, PIN, repr(PIN)[1:-1], json.dumps(PIN)[1:-1]))


def test_a_wrong_entry_is_named_in_both_ways() -> None:
    cases = ("many, one of them wrong", "many, one of them no mapping", "many with a wrong type of a set")
    assert [in_the_controller(CASES[case])["msg"][:19] for case in cases] == ["aggregate entry 2: "] * 3
    message = in_the_controller(CASES["many with a misspelled option"])["msg"]
    assert message.startswith("aggregate entry 1: Unsupported parameters: pinn. ")


def test_a_secret_in_what_a_service_says_is_masked(shop: Shop) -> None:
    def talkative() -> bool:
        raise fake_part.ShopError(f"The key {KEY} and the pin {PIN!r} are wrong.")

    shop.fail("read", "wheel", talkative)
    result = in_the_controller({"shop_key": KEY, "aggregate": [{"name": "wheel", "pin": PIN}]})
    assert result["results"][0]["msg"].startswith("name=wheel: The key ********")
    assert KEY not in str(result)
    assert PIN not in result["msg"]
    assert repr(PIN)[1:-1] not in result["msg"]


def test_refused_arguments_open_no_client() -> None:
    for case in ("many, one of them wrong", "nothing", "a misspelled option", "a wrong type", "a rule"):
        assert in_the_controller(CASES[case])["failed"]
    assert Client.opened == []


def test_the_loop_shares_one_client_and_the_shop_is_changed(shop: Shop) -> None:
    assert in_the_controller({"name": "wheel", "size": 4})["changed"]
    assert not in_the_controller({"name": "wheel", "size": 4})["changed"]
    assert shop.parts["wheel"]["size"] == 4
    assert len(Client.opened) == 1
    assert in_the_controller({"name": "wheel", "size": 5}, check_mode=True)["changed"]
    assert [client.read_only for client in Client.opened] == [False, True]


def test_a_failed_write_is_the_failed_result(shop: Shop) -> None:
    shop.fail("write", "wheel", refused)
    result = in_the_controller({"name": "wheel", "size": 4})
    assert (result["failed"], result["msg"]) == (True, "name=wheel: The shop is busy.")


def test_values_come_in_as_plain_ones() -> None:
    text = "name: wheel\nsize: 4\ntags: {add: [a]}\nlabels: {row: 1, ok: true, day: 2026-11-22}\naggregate:"
    args = DataLoader().load(text)
    result = in_the_controller(args)

    def kinds(value: Any) -> set[type]:
        if isinstance(value, dict):
            return {type(value)}.union(*(kinds(part) for item in value.items() for part in item))
        return {type(value)}.union(*map(kinds, value)) if isinstance(value, list) else {type(value)}

    assert kinds(result) == {dict, list, str, int, bool, float, type(None)}
    assert result["resource"]["labels"] == {"row": 1, "ok": True, "day": "2026-11-22"}


def test_a_moment_is_a_text_as_in_json() -> None:
    moment = datetime.datetime(2026, 11, 22, 7, 30, tzinfo=datetime.UTC)
    result = in_the_controller({"name": "wheel", "labels": {"at": moment}})
    assert result["resource"]["labels"]["at"] == "2026-11-22T07:30:00+00:00"


class Vaulted:
    """Text that is decrypted when it is asked for, as core 2.16 hands over an inline vault: a sequence, but no str."""

    def __str__(self) -> str:
        return KEY

    def __len__(self) -> int:
        return len(KEY)

    def __getitem__(self, index: int) -> str:
        return KEY[index]


def test_a_vaulted_secret_masks_itself_and_not_its_letters() -> None:
    result = in_the_controller({"name": "wheel", "shop_key": Vaulted(), "size": 4})
    assert result["resource"]["color"] == "Red"
    assert KEY not in str(result)


def test_secrets_are_found_beside_anything() -> None:
    spec = {
        "key": {"no_log": True},
        "many": {"type": "list", "elements": "dict", "options": {"pin": {"no_log": True}, "name": {}}},
        "one": {"type": "dict", "options": {"deep": {"type": "dict", "options": {"pin": {"no_log": True}}}}},
    }
    given = {
        "many": [5, None, "x", {"pin": "p1", "name": "n"}, {"pin": ["p2", {"a": 77}]}],
        "one": {"deep": {"pin": "p3", "other": "o"}},
        "key": "k",
        "misspelled": "m",
        "_ansible_verbosity": 1,
    }
    assert secrets(spec, given) == {"p1", "p2", "77", "p3", "k"}
    assert secrets(spec, {"key": "", "many": [{"pin": None}, {"pin": True}], "one": 5}) == set()
    mask = "********"
    assert shielded(spec, given) == given | {
        "many": [mask, mask, mask, {"pin": "p1", "name": "n"}, {"pin": ["p2", {"a": 77}]}],
        "one": {"deep": {"pin": "p3", "other": mask}},
        "misspelled": mask,
    }
    assert shielded(spec, {"many": None, "one": None}) == {"many": None, "one": None}
    assert shielded(spec, {"many": "pin=p"}) == {"many": mask}
