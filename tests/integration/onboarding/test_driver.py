# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver that the fault tests use makes the calls that the role makes, or they would prove nothing about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from onboarding_driver import TRIGGERED, Driver
from onboarding_play import COLLECTIONS
from onboarding_stage import Stage

ROLE = COLLECTIONS / "ansible_collections/m365/hybrid/roles/onboarding"
NAMES = ["info@contoso.example", "rechnung@contoso.example"]
STAGING = {"connect_staging_mode": True}


def modules_of(path: Path) -> list[str]:
    """The modules of the collection in a file of tasks, in order; what starts a cycle is one of them."""
    found = []
    for task in flat(yaml.safe_load(path.read_text(encoding="utf-8"))):
        found += [name.rpartition(".")[2] for name in task if name.startswith("m365.hybrid.")]
        included = task.get("ansible.builtin.include_tasks", "")
        if included == "bring_over.yml":
            found += modules_of(path.with_name(included))
        elif included:
            found.append(TRIGGERED)
    return found


def flat(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks with those of their blocks in their place; what follows a failure is left out."""
    return [inner for task in tasks for inner in (flat(task["block"]) if "block" in task else [task])]


def test_the_driver_calls_what_the_role_calls(stage: Stage, driver: Driver) -> None:
    """The longest way: nothing is joined, so it is asked what became of it, and the proof has nothing left to do."""
    stage.control("POST", "switches", STAGING)
    called = driver.run(stage.job(*NAMES, timeout=0.2))["called"]
    assert called == modules_of(ROLE / "tasks/main.yml")


@pytest.mark.parametrize("switches", [{}, STAGING], ids=["joined", "not joined"])
def test_the_driver_sends_what_the_role_sends(switches: dict[str, Any], stage: Stage, driver: Driver) -> None:
    stage.control("POST", "switches", switches)
    played = stage.play(NAMES[:1], onboarding_sync_timeout=1)
    assert played.status == (2 if switches else 0), played.output
    by_role, ldap = requests_of(stage), stage.gate.writes
    stage.reset()
    stage.control("POST", "switches", switches)
    driver.run(stage.job(NAMES[0], timeout=1))
    assert requests_of(stage) == by_role
    assert stage.gate.writes == ldap


def requests_of(stage: Stage) -> list[tuple[str, str | None]]:
    """Path and cmdlet of each request of the journal. How often something is looked at depends on time."""
    found: list[tuple[str, str | None]] = []
    for request in stage.requests():
        one = (f"{request['method']} {request['path']}", request["cmdlet"])
        if request["service"] != "login" and found[-1:] != [one] and one not in found[-2:]:
            found.append(one)
    return found
