# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cycle of the directory synchronization that follows a change: started, awaited, and what is said when it fails."""

from __future__ import annotations

from typing import Any

from smime_stage import NEW, OLD, Stage, names_of

TASKS = """
- name: Start a cycle in my own way
  ansible.builtin.command:
    argv: "{{ own_command }}"
  changed_when: true
  delegate_to: localhost
"""


def by_command(stage: Stage) -> dict[str, Any]:
    """A command on the controller."""
    return {"smime_trust_sync_trigger": "command", "smime_trust_sync_command": stage.cycle_command()}


def by_tasks(stage: Stage) -> dict[str, Any]:
    """A file of tasks, which see the variables of the host."""
    path = stage.folder / "start-cycle.yml"
    path.write_text(TASKS, encoding="utf-8")
    return {
        "smime_trust_sync_trigger": "tasks",
        "smime_trust_sync_tasks": "{{ inventory_dir }}/start-cycle.yml",
        "own_command": stage.cycle_command(),
    }


def test_a_cycle_is_started_and_awaited(stage: Stage) -> None:
    stage.permit("Organization.Read.All")
    stage.lay_out("ca", *OLD)
    stage.lay_out("samples", "mail/anna-old.eml")
    before = stage.tenant.last_sync
    planned = stage.play("--check", **by_command(stage))
    assert (planned.code, stage.tenant.last_sync, stage.writes()) == (0, before, []), planned.output
    begun = stage.now()
    done = stage.play(**by_command(stage))
    # The set, and what started the cycle.
    assert (done.code, done.changed()) == (0, 2), done.output
    ended = stage.tenant.last_sync
    assert ended is not None
    assert begun < ended < stage.now()
    assert stage.believes("mail/anna-old.eml")
    # Nothing changed, so no cycle is needed.
    again = stage.play(**by_command(stage))
    assert (again.code, again.changed(), stage.tenant.last_sync) == (0, 0, ended), again.output
    # There is a last cycle now, and one after it is waited for.
    stage.lay_out("ca", *NEW)
    assert stage.play(**by_tasks(stage)).code == 0
    assert stage.tenant.last_sync > ended


def test_the_first_cycle_of_all_is_awaited_too(stage: Stage) -> None:
    stage.permit("Organization.Read.All")
    stage.tenant.last_sync = None
    stage.lay_out("ca", *OLD)
    late = stage.play(**by_command(stage) | {"smime_trust_sync_command": ["true"], "smime_trust_sync_timeout": 1})
    assert late.code == 2, late.output
    assert "No synchronization has run yet." in late.said()


def test_a_cycle_that_never_comes(stage: Stage) -> None:
    stage.permit("Organization.Read.All")
    stage.control("sync")
    stage.control("clock", {"advance": 86400})
    stage.lay_out("ca", *NEW)
    late = stage.play(**by_command(stage) | {"smime_trust_sync_command": ["true"], "smime_trust_sync_timeout": 1})
    assert late.code == 2
    assert "No cycle has ended since " in late.said()
    assert "The last synchronization was at " in late.said()
    assert "whether its server is in staging mode or its scheduler switched off" in late.said()
    # What was to be trusted is.
    assert stage.names() == names_of(*NEW)


def test_what_could_not_be_awaited_is_met_in_the_plan(stage: Stage) -> None:
    """A permission that the application lacks, and triggers without what they start; nothing is written for any of them."""
    stage.lay_out("ca", *OLD)
    started = by_command(stage)
    hosts = {
        "narrow": stage.variables(**started),
        "command": stage.variables(smime_trust_sync_trigger="command"),
        "tasks": stage.variables(smime_trust_sync_trigger="tasks"),
        "unknown": stage.variables(smime_trust_sync_trigger="cron"),
    }
    for options in (["--check"], []):
        ended = stage.play(*options, hosts=hosts)
        assert ended.code == 2
        assert "Organization.Read.All" in ended.said("narrow"), ended.output
        for trigger in ("command", "tasks"):
            expected = f"smime_trust_sync_trigger is {trigger}, so smime_trust_sync_{trigger} has to be given."
            assert expected in ended.said(trigger)
        assert "none, scheduler, command, tasks" in ended.said("unknown")
        assert stage.writes() == []


def test_a_command_that_fails_is_named(stage: Stage) -> None:
    stage.lay_out("ca", *OLD)
    stage.permit("Organization.Read.All")
    failed = stage.play(**by_command(stage) | {"smime_trust_sync_command": ["false"]})
    assert failed.code == 2
    assert "Run the command that starts a cycle" in failed.output.partition("PLAY RECAP")[0]
    assert '"rc": 1' in failed.said()
