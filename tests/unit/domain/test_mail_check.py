# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which options of a mail check make sense together, and what came out."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.domain import mail_check

WANT: dict[str, Any] = {"mailbox": "info@contoso.example", "protocols": ["smtp"], "send_to": None, "sender": None}


def test_the_sender_is_the_mailbox_unless_said_otherwise() -> None:
    assert mail_check.complete(WANT)["sender"] == "info@contoso.example"
    assert mail_check.complete({**WANT, "sender": "x@contoso.example"})["sender"] == "x@contoso.example"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocols": []}, "nothing to check"),
        ({"protocols": ["imap"], "send_to": "x@contoso.example"}, "a message is sent by SMTP"),
    ],
)
def test_options_that_contradict_each_other(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mail_check.complete({**WANT, **changes})


@pytest.mark.parametrize(
    "text", ["info", "SMTP:info@contoso.example", "a@b@c.example", "a@contoso.example\r\nX: y", ""]
)
def test_what_is_no_mail_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        mail_check.checked_address(text)


def test_a_mail_address_stays_as_it_is() -> None:
    assert mail_check.checked_address("Info@Contoso.example") == "Info@Contoso.example"


def test_what_came_out() -> None:
    visits = {"smtp": {"server": "s:587", "application": "a"}, "imap": {"server": "i:993", "application": "a"}}
    state = mail_check.state_of(mail_check.complete(WANT), visits, "k")
    assert state == {
        "mailbox": "info@contoso.example",
        "application": "a",
        "key_id": "k",
        "signed_in": {"smtp": "s:587", "imap": "i:993"},
        "sender": "info@contoso.example",
        "send_to": None,
    }
