# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of refusals: every rule can be reached, says something, and stands in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients.mail_errors import RULES, MailRule, classify

PAGE = Path(__file__).parents[3] / "docs" / "mail.md"


def code_of(rule: MailRule) -> str:
    """An enhanced status code that the rule is for."""
    return (
        f"{rule.status}9.9"[:5]
        if rule.status.endswith(".") and rule.status.count(".") == 1
        else (f"{rule.status}99" if rule.status.endswith(".") else rule.status)
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.shown)
def test_every_rule_can_be_reached(rule: MailRule) -> None:
    assert classify(code_of(rule), f"So it is: {rule.fragment.upper()}.") is rule


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.shown)
def test_every_rule_says_what_it_means_and_what_to_do(rule: MailRule) -> None:
    assert rule.denied or (rule.meaning.endswith(".") and rule.advice.endswith("."))
    assert rule.source in ("OAuth", "SMTP AUTH", "Devices", "Throttling", "NDR", "Blog", "Seen", "RFC 3463")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.shown)
def test_every_rule_stands_in_the_documentation(rule: MailRule) -> None:
    page = re.sub(r"\s+", " ", PAGE.read_text())
    row = next((line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{rule.shown}` |")), None)
    assert row is not None
    assert rule.denied or (rule.meaning in page and rule.advice in page)


@pytest.mark.parametrize(
    ("status", "text"), [("", "250 OK"), ("5.7.1", "550 5.7.1 Unable to relay"), ("5.7.30x", "x"), ("", "")]
)
def test_what_no_rule_knows(status: str, text: str) -> None:
    assert classify(status, text) is None
