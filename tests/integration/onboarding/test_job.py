# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job as a user runs it: the plan, the change, and a second run that changes nothing, seen from outside."""

from __future__ import annotations

from typing import Any

from onboarding_play import Played
from onboarding_stage import OTHER_UNIT, PLAYBOOK, UNIT, Stage

from lab.directory import connection

INFO, INVOICES, PLANNING = "info@contoso.example", "rechnung@contoso.example", "disposition@partner.example"
THREE = [INFO, INVOICES, PLANNING]


def changed_tasks(played: Played) -> list[str]:
    """The modules of the collection that changed something, in order."""
    return [
        task["action"].rpartition(".")[2]
        for task in played.tasks
        if task["result"].get("changed") and task["action"].startswith("m365.hybrid.")
    ]


def test_the_plan_shows_every_step_and_the_run_does_just_that(stage: Stage) -> None:
    before, sides = stage.remember(*THREE), stage.both_sides()

    planned = stage.play(THREE, "--check")
    assert planned.status == 0, planned.output
    assert stage.both_sides() == sides
    assert stage.writes() == []
    assert changed_tasks(planned) == ["entra_license", "mailbox_type", "ad_user"]
    assert_plan(planned.diffs(), before)

    done = stage.play(THREE)
    assert done.status == 0, done.output
    assert changed_tasks(done) == changed_tasks(planned)
    assert done.diffs() == planned.diffs()
    assert done.signs_in() == planned.signs_in()
    assert_sign_in(done)
    assert stage.world.tenant.provisioning == []
    stage.assert_brought_over(before)

    stage.forget()
    sides = stage.both_sides()
    again = stage.play(THREE)
    assert (again.status, again.totals["changed"]) == (0, 0), again.output
    assert again.diffs() == []
    assert stage.writes() == []
    assert stage.both_sides() == sides
    assert_sign_in(again)


def assert_plan(diffs: list[Any], before: dict[str, Any]) -> None:
    """Each mailbox has its license, its type and its account in the plan, in this order, and nothing else has."""
    assert len(diffs) == 3 * len(THREE)
    licenses, types, accounts = diffs[0:3], diffs[3:6], diffs[6:9]
    for name, license_diff, type_diff, account_diff in zip(THREE, licenses, types, accounts, strict=True):
        assert all(name in diff["after_header"] for diff in (license_diff, type_diff, account_diff))
        assert "EXCHANGESTANDARD" in str(license_diff["after"])
        assert "EXCHANGESTANDARD" not in str(license_diff["before"])
        assert "shared" in str(type_diff["before"])
        assert "user" in str(type_diff["after"])
        assert not account_diff["before"]
        for address in before[name]["proxy_addresses"]:
            planned = address in str(account_diff["after"])
            assert planned is not address.endswith("@contoso.onmicrosoft.example")


def assert_sign_in(played: Played) -> None:
    """Managed and federated domains are told apart."""
    said = played.signs_in()
    assert list(said) == THREE
    assert "signs in at Microsoft" in said[INFO]
    assert "AD FS" not in said[INFO]
    assert "signs in at your own federation service (AD FS), with the password in Active Directory" in said[PLANNING]


def test_what_a_mailbox_says_for_itself_wins_over_the_role(stage: Stage) -> None:
    entry = {
        "mailbox": "kontakt@contoso.example",
        "sam_account_name": "zentrale-auskunft",
        "usage_location": "AT",
        "password": "Rehearsal-Auskunft-1!",
        "ou": UNIT,
    }
    played = stage.play([entry], onboarding_usage_location="DE", onboarding_ou=OTHER_UNIT)
    assert played.status == 0, played.output
    account = stage.account(INFO)
    assert account is not None
    assert account["sAMAccountName"] == [b"zentrale-auskunft"]
    assert account["dn"][0].decode().endswith(UNIT)
    assert account["userAccountControl"] == [b"512"]
    assert stage.user(INFO).usage_location == "AT"
    # The password works, and is nowhere to be read.
    with connection(stage.samba, INFO, entry["password"]) as opened:
        assert opened.bound
    assert entry["password"] not in played.output
    assert entry["password"] not in str(played.tasks)


def test_without_a_password_nobody_can_sign_in_until_the_account_is_enabled(stage: Stage) -> None:
    played = stage.play([INFO])
    assert played.status == 0, played.output
    account = stage.account(INFO)
    assert account is not None
    assert account["userAccountControl"] == [b"514"]


def test_the_role_can_be_called_again_in_the_same_play(stage: Stage) -> None:
    """What the first call found out does not leak into the second."""
    playbook = stage.folder / "twice.yml"
    playbook.write_text(
        """
- hosts: all
  connection: local
  gather_facts: false
  module_defaults:
    group/m365.hybrid.cloud: "{{ m365_cloud }}"
    group/m365.hybrid.directory: "{{ m365_directory }}"
  tasks:
    - name: In two waves
      ansible.builtin.include_role:
        name: m365.hybrid.onboarding
      vars:
        onboarding_mailboxes: "{{ wave.mailboxes }}"
        onboarding_fail_when_left_alone: "{{ wave.strict }}"
      loop:
        - {strict: false, mailboxes: [{mailbox: messe@contoso.example}, {mailbox: info@contoso.example}]}
        - {strict: true, mailboxes: []}
        - {strict: true, mailboxes: [{mailbox: rechnung@contoso.example}]}
      loop_control:
        loop_var: wave
""",
        encoding="utf-8",
    )
    before = stage.remember(INFO, INVOICES)
    stage.control("POST", "faults", [{"match": {"cmdlet": "Set-Mailbox", "to": 1}, "effect": REFUSAL}])
    played = stage.play([INFO], playbook=str(playbook))
    # What was refused in the first wave neither stops nor fails the others.
    assert played.status == 0, played.output
    stage.assert_brought_over({INVOICES: before[INVOICES]})
    assert stage.user(INFO).mailbox.type_details == "SharedMailbox"
    assert stage.play([INFO], playbook=PLAYBOOK).status == 0
    stage.assert_brought_over(before)


REFUSAL = {"kind": "status", "status": 400, "code": "BadRequest", "message": "The operation could not be performed."}
