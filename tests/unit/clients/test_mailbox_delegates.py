# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An answer without a mailbox says nothing about who may send on behalf of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.clients.mailbox_permissions import Permissions
from ansible_collections.m365.hybrid.plugins.module_utils.domain import mailbox_permissions as domain

ROW = {"Identity": "info", "GrantSendOnBehalfTo": []}
WANT = {**dict.fromkeys(domain.KINDS), "mailbox": "info", "id": "info", "send_on_behalf": {"set": []}}


class Exchange:
    """Answers Get-Mailbox with some rows."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.warnings: list[str] = []

    def commands(self, _name: str, many: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
        return [self.rows for _one in many]


@pytest.mark.parametrize("rows", [[], [ROW, ROW]])
def test_delegates_are_known_from_the_row_of_the_one_mailbox(rows: list[dict[str, Any]]) -> None:
    exchange: Any = Exchange(rows)
    (found,) = Permissions(exchange).read([WANT])
    assert isinstance(found, ServiceError)
    assert f"{len(rows)} mailboxes" in found.said


def test_one_row_is_a_state() -> None:
    exchange: Any = Exchange([ROW])
    (found,) = Permissions(exchange).read([WANT])
    assert isinstance(found, dict)
    assert found["send_on_behalf"] == []
