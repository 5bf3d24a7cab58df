# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ctrl-C in the middle: the run ends at once and says how far it came, and the next one goes on from there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import yaml
from access_stage import ACCOUNT, Stage

TASK = {
    "name": "Open them",
    "m365.hybrid.mailbox_permission": {
        "filter": "RecipientTypeDetails -eq 'UserMailbox'",
        "full_access": {"add": ["lager@contoso.example"]},
        "auto_mapping": False,
    },
}


def playbook(stage: Stage) -> str:
    """A playbook with one long task."""
    play = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "module_defaults": {"group/m365.hybrid.cloud": "{{ m365_cloud }}"},
        "tasks": [TASK],
    }
    path = stage.folder / "open.yml"
    path.write_text(yaml.safe_dump([play]), encoding="utf-8")
    return str(path)


def granted(stage: Stage) -> int:
    """How many mailboxes are open to the account."""
    trustee = stage.user("lager@contoso.example").id
    return sum(one.trustee == trustee for grants in stage.tenant.exchange.mailbox_grants.values() for one in grants)


def test_ctrl_c_says_how_far_it_came_and_the_next_run_goes_on(stage: Stage) -> None:
    stage.world.latency = 0.1
    total = len(stage.mailboxes("UserMailbox"))
    ended: list[float] = []

    def interrupt(process: subprocess.Popen[bytes]) -> None:
        limit = time.monotonic() + 60
        while granted(stage) < 20 and time.monotonic() < limit:
            time.sleep(0.01)
        # What a terminal does with Ctrl-C: to every process in the foreground.
        os.killpg(process.pid, signal.SIGINT)
        ended.append(time.monotonic())

    run = stage.on_a_terminal(playbook(stage), interrupt)
    assert time.monotonic() - ended[0] < 5
    assert run.code == 99, run.output
    said = re.search(r"Interrupted: (\d+) of (\d+) \((\d+) changed\) done\. The others were not begun", run.output)
    assert said, run.output
    assert (int(said[1]), int(said[2])) == (granted(stage), total)
    assert "Traceback" not in run.output
    assert 20 <= granted(stage) < total
    stage.world.latency = 0.0
    assert stage.play(playbook=playbook(stage)).code == 0
    assert granted(stage) == total


def test_progress_is_shown_on_a_terminal_and_nowhere_else(stage: Stage) -> None:
    stage.world.latency = 0.12
    shown = stage.on_a_terminal(playbook(stage), lambda _process: None)
    assert re.search(r"\d+ of \d+ \(\d+ changed\) done; about \d+ s left", shown.output), shown.output
    stage.world.latency = 0.0
    assert "s left" not in stage.play(playbook=playbook(stage)).output
    assert ACCOUNT not in shown.output
