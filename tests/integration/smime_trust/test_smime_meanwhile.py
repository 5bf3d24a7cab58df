# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else changes the store between the plan and the run."""

from __future__ import annotations

import yaml
from smime_stage import NEW, OLD, PARTNER, Stage, element, names_of


def test_what_somebody_added_by_hand_goes_and_is_shown(stage: Stage) -> None:
    stage.lay_out("ca", *OLD, *NEW)
    stage.hold(*(element(stage.der(name)) for name in OLD))
    planned = stage.play("--check", "--diff")
    assert "Partnerwerk" not in planned.diff()
    stage.hold(*(element(stage.der(name)) for name in (*OLD, *PARTNER)))
    done = stage.play("--diff")
    assert (done.code, done.changed()) == (0, 1), done.output
    removed = "".join(line for line in done.diff().splitlines() if line.startswith("-"))
    assert "Partnerwerk Root CA" in removed
    assert "Contoso" not in removed
    assert stage.names() == names_of(*OLD, *NEW)


def test_what_somebody_added_by_hand_stays_where_only_more_is_asked_for(stage: Stage) -> None:
    task = {"m365.hybrid.smime_trust": {"certificates": {"add": [str(stage.folder / "ca")]}}}
    play = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "module_defaults": {"group/m365.hybrid.cloud": "{{ m365_cloud }}"},
        "tasks": [task],
    }
    path = stage.folder / "add.yml"
    path.write_text(yaml.safe_dump([play]), encoding="utf-8")
    stage.lay_out("ca", *NEW)
    planned = stage.play("--check", "--diff", playbook=str(path))
    assert (planned.code, planned.changed()) == (0, 1), planned.output
    by_hand = element(stage.der(PARTNER[0]), (11, "Partner".encode("utf-16-le")))
    stage.hold(by_hand)
    done = stage.play("--diff", playbook=str(path))
    assert (done.code, done.changed()) == (0, 1), done.output
    assert "Partnerwerk" not in "".join(line for line in done.diff().splitlines() if line.startswith(("+", "-")))
    assert stage.names() == names_of(*NEW, *PARTNER)
    assert by_hand in stage.elements()
    assert stage.play(playbook=str(path)).changed() == 0
