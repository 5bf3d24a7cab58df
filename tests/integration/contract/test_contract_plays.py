# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real way into the controller and out of it, through ansible-playbook: both give one result, and tokens last a run."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from contract_cases_hybrid import HELD
from contract_ground import ONE, Ground
from contract_playbook import ELSEWHERE, Seen, Stage
from test_contract import steady

GROUPS = {
    "module_defaults": {"group/m365.hybrid.cloud": "{{ cloud }}", "group/m365.hybrid.directory": "{{ directory }}"}
}
LOOP = {
    "name": "types",
    "m365.hybrid.mailbox_type": {"mailbox": "{{ item }}@contoso.example", "type": "room"},
    "loop": ["info", "raum", "niemand"],
    "ignore_errors": True,
}
TASKS: list[dict[str, Any]] = [
    LOOP,
    {
        "name": "licenses",
        "m365.hybrid.entra_license": {"user": "vertrieb@contoso.example", "licenses": {"set": ["ENTERPRISEPACK"]}},
    },
    {"name": "new", "m365.hybrid.ad_user": {"user": "neu@contoso.example", "ou": ONE, "password": "{{ password }}"}},
    {
        "name": "addresses",
        "m365.hybrid.ad_proxyaddress": {
            "aggregate": [{"user": "anna", "primary": "b@contoso.example"}, {"user": "fremder"}]
        },
        "ignore_errors": True,
    },
    {"name": "misspelled", "m365.hybrid.ad_user": {"user": "anna", "pasword": "{{ password }}"}, "ignore_errors": True},
]
LOOKED = {"name": "looked", "m365.hybrid.mailbox_info": {"mailbox": "info@contoso.example"}}  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Where plays run."""
    return Stage(tmp_path)


def variables(ground: Ground) -> dict[str, Any]:
    """How to sign in, and a password, as a vault would give them."""
    return {"cloud": ground.cloud(), "directory": ground.directory(), "password": "Anfangs-Geheimnis-1!"}


def defaulted(task: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A task that signs in by the defaults of the action groups."""
    return {**task, **GROUPS, **more}


def token_requests(ground: Ground) -> int:
    """How many tokens were asked for."""
    return len([request for request in ground.requests("login") if request.endswith("/token")])


@pytest.mark.parametrize("arguments", [("--check", "--diff"), ()], ids=["plan", "run"])
def test_the_controller_and_the_module_give_one_result(
    ground: Ground, stage: Stage, arguments: tuple[str, ...]
) -> None:
    outcomes = []
    for way in ({}, ELSEWHERE):
        ground.begin()
        ground.add_account("anna", {"proxyAddresses": HELD})
        before = (ground.cloud_state(), ground.directory_state())
        played = stage.play([defaulted(task, **way) for task in TASKS], *arguments, variables=variables(ground))
        assert played.status == 0, played.output
        assert [name for name, _unused in played.results] == [task["name"] for task in TASKS]
        assert [result["changed"] for _unused, result in played.results] == [True, True, True, True, False]
        if arguments:
            assert ground.writes() == []
            assert (ground.cloud_state(), ground.directory_state()) == before
        outcomes.append([(name, steady(_without_origin(result))) for name, result in played.results])
    assert json.dumps(outcomes[0], indent=1, sort_keys=True) == json.dumps(outcomes[1], indent=1, sort_keys=True)


def _without_origin(result: Any) -> Any:
    """A result without what Ansible adds about the interpreter of an ordinary module, and about where a text stood."""
    if isinstance(result, dict):
        own = ("ansible_facts", "discovered_interpreter_python", "exception", "_ansible_verbose_always", "exec_time")
        return {name: _without_origin(value) for name, value in result.items() if name not in own}
    return [_without_origin(value) for value in result] if isinstance(result, list) else result


def test_a_whole_run_signs_in_once_for_each_service(ground: Ground, stage: Stage) -> None:
    ground.add_account("anna", {"proxyAddresses": HELD})
    seen = Seen({})
    tasks = [defaulted(task) for task in (*TASKS, LOOP)]
    played = stage.play(tasks, variables=variables(ground), seen=seen)
    assert played.status == 0, played.output
    assert token_requests(ground) == 2, "one token for Exchange and one for Graph"
    assert len([request for request in ground.requests("exchange") if "Get-Mailbox" in request]) > 5
    kept = [Path(path) for path in seen.files if len(Path(path).name) == 64]
    assert len({path.name for path in kept}) == 2, "the two tokens, each in a file of its own"
    assert not any(path.exists() for path in kept)
    assert list((stage.folder / "local").iterdir()) == []


def test_a_kept_token_cannot_be_read_and_is_for_nobody_else(ground: Ground, stage: Stage) -> None:
    command = ["find", ".", "-name", "[0-9a-f]" * 64, "-printf", "%m %M ", "-exec", "base64", "--wrap=0", "{}", ";"]
    look = {"name": "look", "ansible.builtin.command": {"argv": command, "chdir": str(stage.folder / "local")}}
    played = stage.play([defaulted(LOOKED), look], variables=variables(ground))
    assert played.status == 0, played.output
    mode, _unused, content = played.result("look")["stdout"].split()
    assert mode == "600"
    kept = base64.b64decode(content)
    token = next(iter(ground.world.verified_tokens))
    for part in (token, *token.split("."), ground.secret, "access_token"):
        assert part not in played.output
        assert part.encode() not in kept
    assert len(kept) > len(token)


def test_ordinary_modules_of_one_run_sign_in_each_for_themselves(ground: Ground, stage: Stage) -> None:
    tasks = [defaulted(LOOKED, **ELSEWHERE)] * 2
    assert stage.play(tasks, variables=variables(ground)).status == 0
    assert token_requests(ground) == 2


def test_the_entries_of_one_ordinary_module_share_a_token(ground: Ground, stage: Stage) -> None:
    entries = [{"mailbox": f"{name}@contoso.example"} for name in ("info", "raum", "gross")]
    task = {"name": "many", "m365.hybrid.mailbox_info": {"aggregate": entries}}
    assert stage.play([defaulted(task, **ELSEWHERE)], variables=variables(ground)).status == 0
    assert token_requests(ground) == 1
