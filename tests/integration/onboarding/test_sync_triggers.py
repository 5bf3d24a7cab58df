# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a cycle is started, what is said when nothing arrives, and what is noticed when the join was refused."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from onboarding_driver import Driver
from onboarding_stage import OTHER_UNIT, PLAYBOOK, UNIT, Stage

from lab.faults import Rule

INFO, SERVICE = "info@contoso.example", "service@contoso.example"


def test_the_scheduler(stage: Stage) -> None:
    """Nothing is triggered; the cycle comes with the time, which a thread moves by half an hour."""
    before = stage.remember(INFO)
    passed = threading.Thread(target=half_an_hour_passes, args=(stage,))
    passed.start()
    played = stage.play([INFO], onboarding_sync_trigger="scheduler", onboarding_sync_timeout=60)
    passed.join()
    assert played.status == 0, played.output
    assert played.ran("Leave it to the scheduler of Entra Connect")
    assert not played.ran("Run the command that starts a cycle")
    stage.assert_brought_over(before)


def half_an_hour_passes(stage: Stage) -> None:
    """Move the tenant's clock once it is waited for a cycle: at the second look for what has arrived."""
    end = time.monotonic() + 60
    while looks(stage) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    stage.control("POST", "clock", {"advance": 1800})


def looks(stage: Stage) -> int:
    """How often it has been looked whether accounts have arrived."""
    return len([entry for entry in stage.world.journal.entries if entry.path.endswith("/$batch")])


@pytest.mark.parametrize("where", ["beside the playbook", "by its path"])
def test_tasks_of_ones_own(where: str, stage: Stage) -> None:
    """The tasks see the role's variables, and may run on another machine; here they run the command."""
    tasks = stage.folder / "start-cycle.yml"
    tasks.write_text(
        """
- name: Start a cycle in my own way
  ansible.builtin.command:
    argv: "{{ onboarding_sync_command }}"
  changed_when: true
  delegate_to: localhost
""",
        encoding="utf-8",
    )
    playbook, path = PLAYBOOK, str(tasks)
    if where == "beside the playbook":
        own = stage.folder / "own.yml"
        own.write_text(f"- name: The whole job\n  import_playbook: {PLAYBOOK}\n", encoding="utf-8")
        playbook, path = str(own), "{{ inventory_dir }}/start-cycle.yml"
    before = stage.remember(INFO)
    played = stage.play([INFO], playbook=playbook, onboarding_sync_trigger="tasks", onboarding_sync_tasks=path)
    assert played.status == 0, played.output
    assert played.ran("Start a cycle in my own way")
    stage.assert_brought_over(before)


def test_a_command_that_fails_is_named_and_the_next_run_goes_on(stage: Stage) -> None:
    before = stage.remember(INFO)
    failed = stage.play([INFO], onboarding_sync_command=["false"])
    assert failed.status == 2
    assert "Run the command that starts a cycle" in failed.output.partition("PLAY RECAP")[0]
    assert stage.play([INFO]).status == 0
    stage.assert_brought_over(before)


def test_no_cycle_is_started_when_everything_has_arrived(stage: Stage) -> None:
    """The scheduler is faster: its cycle runs just before it is looked for what has not arrived."""
    before = stage.remember(INFO)
    (rule,) = stage.world.faults.add(
        [{"match": {"path": r"/\$batch$", "to": 1}, "effect": {"kind": "delay", "seconds": 1}}]
    )
    scheduler = threading.Thread(target=sync_when_met, args=(stage, rule))
    scheduler.start()
    played = stage.play([INFO], onboarding_sync_command=["false"])
    scheduler.join()
    assert played.status == 0, played.output
    assert not played.ran("Run the command that starts a cycle")
    stage.assert_brought_over(before)


def sync_when_met(stage: Stage, rule: Rule) -> None:
    """Run a cycle while the request that a rule delays is on its way."""
    end = time.monotonic() + 60
    while not rule.fired and time.monotonic() < end:
        time.sleep(0.005)
    stage.sync()


def test_what_arrived_after_the_time_was_over_is_done(stage: Stage) -> None:
    """An earlier run has given up waiting, and the scheduler has done the rest since."""
    assert stage.play([INFO], onboarding_sync_command=["true"], onboarding_sync_timeout=1).status == 2
    stage.sync()
    played = stage.play([INFO], onboarding_sync_command=["false"])
    assert (played.status, played.totals["changed"]) == (0, 0), played.output


# --- nothing arrives ------------------------------------------------------------------------------------------------------


def staging(stage: Stage) -> None:
    """The server is in staging mode: it reads, and writes nothing to the cloud."""
    stage.world.tenant.switches["connect_staging_mode"] = True


def out_of_scope(stage: Stage) -> None:
    """The unit of the accounts is not among those that are synchronized."""
    switches = stage.world.tenant.switches
    switches["connect_scope"] = [unit for unit in switches["connect_scope"] if unit != UNIT]


def matching_blocked(stage: Stage) -> None:
    """The tenant blocks soft match, so that the synchronization makes another user."""
    stage.world.tenant.sync_features.block_soft_match = True


def became_a_role_holder(stage: Stage) -> None:
    """The account got an Entra role after the preflight had looked."""
    role = next(one for one in stage.world.tenant.roles.values() if one.display_name == "Global Reader")
    user = stage.user(INFO)
    stage.gate.meanwhile = lambda _unused: role.members.append(user.id)


LATE = {
    "staging": (staging, "none has run since. If one should have, see whether its server is in staging mode"),
    "scope": (out_of_scope, "it may be out of the scope of the synchronization"),
    "match": (matching_blocked, "the join may be blocked (soft match switched off, an Entra role on the user"),
    "role": (became_a_role_holder, "the join may be blocked (soft match switched off, an Entra role on the user"),
}


@pytest.mark.parametrize("case", LATE)
def test_what_does_not_arrive_is_named_with_the_reason(case: str, stage: Stage, driver: Driver) -> None:
    prepare, reason = LATE[case]
    prepare(stage)
    before = stage.remember(INFO)
    played = stage.play([INFO], onboarding_sync_timeout=1)
    assert played.status == 2, played.output
    said = str(played.task("Fail for the mailboxes")["msg"])
    assert "1 stopped on the way" in said
    assert f"{INFO}: Not there after 1 s. Missing: the user is not mastered by Active Directory" in said
    assert reason in said
    assert INFO not in played.signs_in()
    # The mailbox itself is whole: what it was, with its license and type.
    now = stage.remember(INFO)[INFO]
    assert (now["id"], now["proxy_addresses"]) == (before[INFO]["id"], before[INFO]["proxy_addresses"])
    assert now["mailbox"] == before[INFO]["mailbox"] | {"type_details": "UserMailbox"}
    # When the cloud made a second user, this run says so, and the next one leaves the mailbox alone with the way out.
    made, reason = case in ("match", "role"), "The synchronization has made another account, info"
    assert (reason in str(played.said("Name what became of them"))) is made
    stage.forget()
    again = driver.run(stage.job(INFO, timeout=0.5))
    assert (reason in again["left_alone"].get(INFO, "")) is made
    assert (INFO in again["stopped"]) is not made
    assert stage.writes() == []


def test_after_the_way_out_the_mailbox_comes_over(stage: Stage) -> None:
    """The steps that the advice names: out of scope, the other account deleted for good, the cause removed, again."""
    matching_blocked(stage)
    before = stage.remember(INFO)
    assert stage.play([INFO], onboarding_sync_timeout=1).status == 2
    tenant = stage.world.tenant
    stage.move(INFO, OTHER_UNIT)
    stage.sync()
    assert [user.display_name for user in tenant.deleted_users.values()] == [before[INFO]["display_name"]]
    tenant.deleted_users.clear()
    stage.move(INFO, UNIT)
    tenant.sync_features.block_soft_match = False
    played = stage.play([INFO])
    assert played.status == 0, played.output
    stage.assert_brought_over(before)


def test_an_address_that_is_taken_meanwhile_is_named(stage: Stage) -> None:
    """Between preflight and cycle another account of the directory gets one of the addresses: it is quarantined."""

    def somebody_is_faster(number: int) -> None:
        stranger = {"sAMAccountName": "fast", "userPrincipalName": "fast@contoso.example", "displayName": "Fast"}
        addresses = ["SMTP:fast@contoso.example", "smtp:zentrale@contoso.example"]
        stage.user(INFO).proxy_addresses.remove("smtp:zentrale@contoso.example")
        unit = OTHER_UNIT.replace("Altbestand", "Mitarbeiter")
        stage.add(f"CN=Fast,{unit}", ["user"], stranger | {"proxyAddresses": addresses, "mail": "fast@contoso.example"})
        stage.sync()

    stage.gate.meanwhile = somebody_is_faster
    played = stage.play([INFO], onboarding_sync_timeout=1, onboarding_proof_timeout=1)
    assert played.status == 2, played.output
    said = str(played.task("Fail for the mailboxes")["msg"])
    assert "the address smtp:zentrale@contoso.example is missing" in said
    assert "Entra ID reports PropertyConflict on ProxyAddresses" in said


# --- the proof ------------------------------------------------------------------------------------------------------------


def other_mailbox(stage: Stage) -> None:
    """Exchange has given the user another mailbox."""
    mailbox = stage.user(INFO).mailbox
    assert mailbox is not None
    mailbox.guid = "99999999-0000-4000-8000-000000000009"


def lost_address(stage: Stage) -> None:
    """An address is gone from the cloud once everything had arrived."""
    stage.user(INFO).proxy_addresses.remove("smtp:kontakt@contoso.example")


def converted_back(stage: Stage) -> None:
    """The mailbox is a shared one again."""
    mailbox = stage.user(INFO).mailbox
    assert mailbox is not None
    mailbox.type_details = "SharedMailbox"


UNPROVEN = {
    "mailbox": (other_mailbox, "this is another mailbox. Do not delete either"),
    "address": (lost_address, "Addresses that are gone: smtp:kontakt@contoso.example."),
    "type": (converted_back, "it is not a user mailbox."),
}


@pytest.mark.parametrize("case", UNPROVEN)
def test_the_proof_notices_what_is_not_as_it_was(case: str, stage: Stage) -> None:
    spoil, reason = UNPROVEN[case]
    spoiled = threading.Event()
    watcher = threading.Thread(target=spoil_before_the_proof, args=(stage, spoil, spoiled))
    watcher.start()
    played = stage.play([INFO], onboarding_proof_timeout=0)
    spoiled.set()
    watcher.join()
    assert played.status == 2, played.output
    assert reason in str(played.said("Name what is not as it was"))
    assert "1 not proved to be the same" in str(played.task("Fail for the mailboxes")["msg"])
    assert played.signs_in() == {}


def spoil_before_the_proof(stage: Stage, spoil: Any, stop: threading.Event) -> None:
    """Change something in the moment in which the proof asks Exchange: the first Get-Mailbox after the join."""
    meanwhile = {"match": {"service": "exchange", "cmdlet": "Get-Mailbox"}, "effect": {"kind": "delay", "seconds": 0.2}}
    while not stop.is_set() and not stage.user(INFO).on_premises_sync_enabled:
        time.sleep(0.005)
    rule = stage.world.faults.add([meanwhile])[0]
    while not stop.is_set() and not rule.fired:
        time.sleep(0.005)
    spoil(stage)
