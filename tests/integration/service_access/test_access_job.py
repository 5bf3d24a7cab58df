# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job as a user runs it: planned, done, done again, and kept up as mailboxes come and go."""

from __future__ import annotations

from typing import Any

import yaml
from access_stage import ACCOUNT, PERMISSION, Stage


def writes(stage: Stage) -> list[str]:
    """What was written since the last look."""
    found = [f"{one.method} {one.path}" for one in stage.world.journal.entries if one.write]
    stage.world.journal.clear()
    return found


def names(users: list[Any]) -> list[str]:
    return sorted(one.user_principal_name for one in users)


def test_planned_done_and_done_again(stage: Stage) -> None:
    planned = stage.play("--check", "--diff")
    assert planned.code == 0, planned.output
    assert planned.changed == 1, "the plan of a new account ends with it"
    assert writes(stage) == []
    done = stage.play()
    assert done.code == 0, done.output
    assert stage.opened() == names(stage.mailboxes("SharedMailbox"))
    writes(stage)
    again = stage.play()
    assert (again.code, again.changed) == (0, 0), again.output
    assert writes(stage) == []
    after = stage.play("--check")
    assert (after.code, after.changed) == (0, 0), after.output


def test_the_account_is_an_ordinary_user_with_a_password_nobody_knows(stage: Stage) -> None:
    done = stage.play()
    assert done.code == 0, done.output
    held = yaml.safe_load((stage.folder / "svc-archiv.yml").read_text())
    account = stage.user(ACCOUNT)
    assert stage.control("password", {"user": ACCOUNT, "password": held["password"]})["works"]
    assert len(held["password"]) >= 32
    assert held["password"] not in done.output
    assert account.mailbox is not None
    assert not any(account.id in role.members for role in stage.tenant.roles.values())
    (policy,) = stage.tenant.conditional_access_policies.values()
    assert policy.state == "enabledForReportingButNotEnforced"


def test_mailboxes_come_and_go(stage: Stage) -> None:
    assert stage.play().code == 0
    shared, rooms = stage.mailboxes("SharedMailbox"), stage.mailboxes("RoomMailbox")
    for one in rooms[:3]:
        assert one.mailbox is not None
        one.mailbox.type_details = "SharedMailbox"
    gone = shared[-1]
    assert gone.mailbox is not None
    gone.mailbox.type_details = "RoomMailbox"
    writes(stage)
    done = stage.play()
    assert (done.code, done.changed) == (0, 1), done.output
    assert len(writes(stage)) == 4
    assert stage.opened() == names(stage.mailboxes("SharedMailbox"))


def test_one_that_is_refused_stops_no_other_and_the_next_run_ends_it(stage: Stage) -> None:
    stage.world.faults.add(
        [
            {
                "match": {"cmdlet": "Add-MailboxPermission", "from": 5, "to": 5},
                "effect": {"kind": "status", "status": 400},
            }
        ]
    )
    done = stage.play()
    assert done.code == 2, done.output
    shared = names(stage.mailboxes("SharedMailbox"))
    assert "1 of " in done.output
    assert len(stage.opened()) == len(shared) - 1
    assert stage.play().code == 0
    assert stage.opened() == shared


def test_only_the_permissions_are_required(stage: Stage) -> None:
    assert stage.play().code == 0
    parts = ("users", "licenses", "groups", "locations", "policies")
    nothing: dict[str, Any] = {f"service_access_{part}": [] for part in parts}
    done = stage.play(**nothing, service_access_permissions=[{"mailboxes": ["info@contoso.example"], **PERMISSION}])
    assert done.code == 0, done.output
    assert stage.opened() == ["info@contoso.example"]
