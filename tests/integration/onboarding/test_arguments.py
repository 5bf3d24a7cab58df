# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role refuses before the first request: misspelled, missing and wrong arguments, each in one clear message."""

from __future__ import annotations

from typing import Any

import pytest
from onboarding_stage import OMIT, OTHER_UNIT, Stage

INFO = "info@contoso.example"

REFUSED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "misspelled key": ([{"mailbox": INFO, "lisence": "EXCHANGESTANDARD"}], {}, "lisence"),
    "mailbox missing": ([{"ou": "OU=x,DC=y"}], {}, "missing required arguments: mailbox"),
    "no list": ([], {"onboarding_mailboxes": {"mailbox": INFO}}, "onboarding_mailboxes"),
    "mailboxes missing": ([], {"onboarding_mailboxes": None}, "onboarding_mailboxes"),
    "entry no mapping": ([], {"onboarding_mailboxes": [INFO]}, "onboarding_mailboxes"),
    "wrong trigger": ([INFO], {"onboarding_sync_trigger": "cron"}, "scheduler, command, tasks"),
    "command missing": ([INFO], {"onboarding_sync_command": []}, "onboarding_sync_command has to be given"),
    "tasks missing": ([INFO], {"onboarding_sync_trigger": "tasks"}, "onboarding_sync_tasks has to be given"),
    "no unit": ([INFO], {"onboarding_ou": OMIT}, "Give onboarding_ou, or an ou for each mailbox."),
    "unit no name": ([INFO], {"onboarding_ou": "Mailboxes"}, "'Mailboxes'"),
    "country no code": ([INFO], {"onboarding_usage_location": "Germany"}, "'Germany' is no country of two letters"),
    "account name": ([{"mailbox": INFO, "sam_account_name": "a/b"}], {}, "sam_account_name: "),
    "time no number": ([INFO], {"onboarding_sync_timeout": "an hour"}, "onboarding_sync_timeout"),
    "flag no truth": ([INFO], {"onboarding_fail_when_left_alone": "perhaps"}, "onboarding_fail_when_left_alone"),
    "no tenant": ([INFO], {"m365_cloud": {}}, "tenant_id"),
    "misspelled connection": ([INFO], {"m365_cloud": {"tenantid": "x"}}, "tenantid"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_the_first_request(case: str, stage: Stage) -> None:
    mailboxes, variables, said = REFUSED[case]
    played = stage.play(mailboxes, **variables)
    assert played.status == 2, played.output
    assert said in played.output
    assert "Traceback" not in played.output
    assert stage.requests() == []
    assert stage.gate.writes == []


UNITS = {
    "absent": ("OU=Nowhere,DC=corp,DC=contoso,DC=example", "There is no OU=Nowhere,DC=corp,DC=contoso,DC=example"),
    "without rights": (OTHER_UNIT, f"directory_user may not create users in {OTHER_UNIT}"),
}


@pytest.mark.parametrize("case", UNITS)
def test_a_unit_that_cannot_take_the_account_is_named_before_anything_is_changed(case: str, stage: Stage) -> None:
    unit, said = UNITS[case]
    played = stage.play([INFO], onboarding_ou=unit)
    assert played.status == 2, played.output
    assert said in played.left_alone()[INFO]
    assert stage.writes() == []


def test_the_same_mailbox_twice_is_refused_before_anything_is_changed(stage: Stage) -> None:
    """Once by its name and once by an alias, which only the tenant knows for the same."""
    played = stage.play([INFO, "kontakt@contoso.example"])
    assert played.status == 2, played.output
    assert f"name the same user ({INFO})" in played.output
    assert stage.writes() == []
