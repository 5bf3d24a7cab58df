# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret, password or token in any output at -vvvv, in any temporary file, command line or environment of a process.

Inside the controller nothing may be seen anywhere. An ordinary module gets its arguments from Ansible itself: without
pipelining, the core up to 2.21 writes them in plain text into the file that it then runs, and takes it away afterwards.
With pipelining they travel through a pipe. Both are shown here, so that the documentation can say so.
"""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from contract_ground import ONE, SERVICE_PASSWORD, Ground
from contract_playbook import ELSEWHERE, Played, Seen, Stage

PASSWORDS = {
    "first password": 'Erstes "Geheimnis" äöü\\ 1!',
    "second password": "Zweites-Geheimnis-2!",
    "wrong secret": "Falsch~8Q.Geheimnis",
}
FIRST, SECOND, WRONG = PASSWORDS.values()


def spellings(texts: dict[str, str]) -> dict[str, bytes]:
    """Each text as it is, as JSON writes it, and in base64."""
    found: dict[str, bytes] = {}
    for name, text in texts.items():
        inner = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        found |= {f"{name} {number}": one.encode() for number, one in enumerate(sorted(inner))}
        found[f"{name} in base64"] = base64.b64encode(text.encode()).rstrip(b"=")[:-1]
        found[f"{name} for the directory"] = text.encode("utf-16-le")
    return found


@pytest.fixture
def seen(ground: Ground) -> Seen:
    """What is looked for: all that is secret at the start. Tokens are added when they are known."""
    return Seen(spellings({"client secret": ground.secret, "directory password": SERVICE_PASSWORD, **PASSWORDS}))


@pytest.fixture
def issued(monkeypatch: pytest.MonkeyPatch, seen: Seen) -> list[str]:
    """Every token that the tenant issues, looked for from the moment of its issue."""
    from lab import tokens

    made: list[str] = []
    signed = tokens._signed

    def remembered(*args: Any) -> str:
        token = signed(*args)
        made.append(token)
        _header, claims, signature = token.split(".")
        seen.needles = {
            **seen.needles,
            f"token {len(made)}": claims.encode(),
            f"signature {len(made)}": signature.encode(),
        }
        return token

    monkeypatch.setattr(tokens, "_signed", remembered)
    return made


def variables(ground: Ground) -> dict[str, Any]:
    """How to sign in, rightly and wrongly, and the passwords, as a vault would give them."""
    return {
        "cloud": ground.cloud(),
        "directory": ground.directory(),
        "wrong_cloud": ground.cloud(client_secret=WRONG),
        "wrong_directory": ground.directory(directory_password=WRONG),
        "first": FIRST,
        "second": SECOND,
    }


def tasks(**way: Any) -> list[dict[str, Any]]:
    """Successes and failures, alone and among many, with every kind of secret in the arguments."""
    new = {"user": "neu@contoso.example", "ou": ONE}
    wishes: list[tuple[str, dict[str, Any], str]] = [
        ("ad_user", {**new, "password": "{{ first }}"}, "{{ directory }}"),
        ("ad_user", {**new, "password": "{{ second }}", "aggregate": [
            {"user": "a@contoso.example", "name": "A"}, {"user": "b@contoso.example", "name": "B", "password": "{{ first }}"},
            {"user": "c@contoso.example", "ou": "OU=Nirgends,DC=x", "password": "{{ first }}"}]}, "{{ directory }}"),
        ("ad_user", {**new, "pasword": "{{ first }}"}, "{{ directory }}"),
        ("ad_user", {"aggregate": [{**new, "passwort": "{{ first }}"}, {**new, "password": ["{{ second }}"]}]}, "{{ directory }}"),
        ("ad_user", {**new, "password": "kurz", "user": "kurz@contoso.example"}, "{{ directory }}"),
        ("ad_user", new, "{{ wrong_directory }}"),
        ("mailbox_type", {"mailbox": "info@contoso.example", "type": "room"}, "{{ cloud }}"),
        ("mailbox_type", {"mailbox": "info@contoso.example", "type": "user"}, "{{ cloud }}"),
        ("mailbox_info", {"mailbox": "info@contoso.example"}, "{{ wrong_cloud }}"),
        ("entra_user_info", {"user": "info@contoso.example"}, "{{ cloud }}"),
    ]  # fmt: skip
    return [
        {
            f"m365.hybrid.{module}": wish,
            "module_defaults": {f"m365.hybrid.{module}": options},
            "ignore_errors": True,
            "diff": True,
            **way,
        }
        for module, wish, options in wishes
    ]


FAILS = [False, True, True, True, True, True, False, True, True, False]
# Enough to show what Ansible itself does with the arguments of a module.
FEW = [1, 5, 6]


def shown(played: Played, expected: list[bool]) -> None:
    """The play went as it was meant to go: what should succeed did, what should fail did, and it was talkative."""
    assert played.status == 0, played.output[-2000:]
    failed = [bool(result.get("failed")) for _unused, result in played.results]
    assert failed == expected, [result.get("msg") for _unused, result in played.results]
    assert "Traceback" not in played.output
    assert len(played.output) > 5000


def test_in_the_controller_nothing_is_seen_anywhere(
    ground: Ground, tmp_path: Path, seen: Seen, issued: list[str]
) -> None:
    played = Stage(tmp_path).play(tasks(), "-vvvv", "--diff", variables=variables(ground), seen=seen)
    shown(played, FAILS)
    assert len(issued) == 2
    assert len(seen.processes) > 0
    assert len(seen.files) > 0
    assert seen.found == set()


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "no pipelining"])
def test_of_ordinary_modules_nothing_is_shown(
    ground: Ground, tmp_path: Path, seen: Seen, issued: list[str], pipelining: bool
) -> None:
    every = tasks(**ELSEWHERE)
    chosen = range(len(every)) if pipelining else FEW
    played = Stage(tmp_path).play(
        [every[number] for number in chosen],
        "-vvvv",
        "--diff",
        variables=variables(ground),
        seen=seen,
        ANSIBLE_PIPELINING=str(pipelining),
    )
    shown(played, [FAILS[number] for number in chosen])
    assert issued
    assert len(seen.processes) > 3
    where = {place for _unused, place in seen.found}
    if pipelining:
        assert where == set(), seen.found
    else:
        assert where <= {"local file", "remote file"}, seen.found
        assert where, "without pipelining the arguments lie in Ansible's own file while the module runs"
    left = Seen(seen.needles)
    Stage(tmp_path)._search(left)
    assert left.found == set(), "nothing stays behind"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, seen: Seen) -> list[str]:
    """Every client secret that the tenant makes, looked for from the moment at which it is made."""
    from lab.graph import credentials

    values: list[str] = []
    secret = credentials._secret

    def remembered(*args: Any) -> str:
        values.append(secret(*args))
        seen.needles = {**seen.needles, **spellings({f"client secret {len(values)}": values[-1]})}
        return values[-1]

    monkeypatch.setattr(credentials, "_secret", remembered)
    return values


def secret_tasks(ground: Ground, **way: Any) -> list[dict[str, Any]]:
    """A first secret, the same again, a renewal and one for a command; then a sink that fails, and a wrong option."""
    script = ground.sinks / "command"
    script.write_text("#!/bin/sh\ncat > /dev/null\n")
    script.chmod(0o700)
    file = {"file": {"path": str(ground.sinks / "lager.yml")}}
    command = {"command": {"argv": [str(script)], "record": str(ground.sinks / "record.yml")}}
    refused = {"command": {"argv": ["/bin/false"], "record": str(ground.sinks / "false.yml")}}
    wishes: list[dict[str, Any]] = [
        {"sink": file},
        {"sink": file},
        {"sink": file, "renew_before": 181, "lifetime": 200},
        {"sink": command, "name": "befehl"},
        {"sink": refused, "name": "falsch"},
        {"sink": file, "lifetim": 3},
    ]
    return [
        {
            "m365.hybrid.entra_app_secret": {"application": "contoso-lager", "wait_timeout": 20, **wish},
            "module_defaults": {"m365.hybrid.entra_app_secret": "{{ cloud }}"},
            "ignore_errors": True,
            "diff": True,
            "register": f"result{number}",
            **way,
        }
        for number, wish in enumerate(wishes)
    ] + [{"ansible.builtin.debug": {"var": "result2"}}]


@pytest.mark.parametrize("way", [{}, ELSEWHERE], ids=["in the controller", "ordinary"])
def test_a_secret_that_is_made_is_seen_nowhere_but_in_its_sink(
    ground: Ground, tmp_path: Path, seen: Seen, made: list[str], way: dict[str, Any]
) -> None:
    played = Stage(tmp_path).play(
        secret_tasks(ground, **way),
        "-vvvv",
        "--diff",
        variables=variables(ground),
        seen=seen,
        ANSIBLE_PIPELINING="True",
    )
    shown(played, [False, False, False, False, True, True, False])
    assert len(made) == 4
    held = (ground.sinks / "lager.yml").read_text()
    assert [value in held for value in made] == [False, True, False, False]
    for name in ("record.yml", "false.yml"):
        content = (ground.sinks / name).read_text()
        assert not [value for value in made[:3] if value in content]
    assert seen.processes
    assert seen.found == set()


def test_the_role_shows_no_password(ground: Ground, tmp_path: Path, seen: Seen, issued: list[str]) -> None:
    mailboxes = [
        {"mailbox": "info@contoso.example", "password": FIRST},
        {"mailbox": "it@contoso.example", "password": SECOND},
    ]
    role = {
        "ansible.builtin.include_role": {"name": "m365.hybrid.onboarding"},
        "vars": {"onboarding_mailboxes": "{{ mailboxes }}", "onboarding_ou": ONE, "onboarding_sync_timeout": 30,
                 "onboarding_fail_when_left_alone": False},
    }  # fmt: skip
    over = threading.Event()
    cycles = threading.Thread(target=_cycles, args=(ground, over))
    cycles.start()
    # The way that the role's documentation tells: the environment says how to sign in.
    environment = {
        "AZURE_TENANT_ID": ground.tenant.id,
        "AZURE_CLIENT_ID": ground.application.app_id,
        **{f"M365_{name}_ENDPOINT": ground.world.base_url for name in ("LOGIN", "GRAPH", "EXCHANGE")},
        "M365_CA_PATH": str(ground.world.ca_path),
        "M365_DIRECTORY_SERVER": ground.samba.address,
        "M365_DIRECTORY_CA_PATH": str(ground.samba.authority_path),
    }
    defaults = {"module_defaults": {
        "group/m365.hybrid.cloud": {"client_secret": "{{ cloud.client_secret }}"},
        "group/m365.hybrid.directory": {"directory_user": "{{ directory.directory_user }}",
                                        "directory_password": "{{ directory.directory_password }}"}}}  # fmt: skip
    try:
        played = Stage(tmp_path).play(
            [{"block": [role], **defaults}], "-vvvv", "--diff",
            variables={**variables(ground), "mailboxes": mailboxes}, seen=seen, **environment,
        )  # fmt: skip
    finally:
        over.set()
        cycles.join()
    assert played.status == 0, played.output[-2000:]
    assert ground.signs_in("info@contoso.example", FIRST)
    assert ground.user("info").on_premises_sync_enabled is True
    assert seen.found == set()


def _cycles(ground: Ground, over: threading.Event) -> None:
    """Run the synchronization again and again, as a scheduler in a hurry."""
    while not over.wait(0.5):
        ground.sync()
