# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who signs in to SMTP AUTH with a password: what the sign-in log says, and what is said when it cannot be read."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from scripted import Answer, ScriptedServer

from ansible_collections.m365.hybrid.plugins.module_utils.clients import legacy_sign_ins
from ansible_collections.m365.hybrid.plugins.module_utils.clients.graph import Graph


def sign_in(user: str, time: str, code: int) -> dict[str, Any]:
    """One entry of the log."""
    return {"userPrincipalName": user, "createdDateTime": time, "status": {"errorCode": code}}


def test_every_user_is_named_once(graph: Graph, server: ScriptedServer) -> None:
    log = [
        sign_in("Scanner@contoso.example", "2026-11-20T07:00:00Z", 50126),
        sign_in("scanner@contoso.example", "2026-11-19T07:00:00Z", 0),
        sign_in("alt@contoso.example", "2026-11-18T07:00:00Z", 50126),
    ]
    server.script = [Answer(200, {"value": log})]
    found = legacy_sign_ins.users(graph, 7)
    assert found == {
        "known": True,
        "reason": None,
        "users": [
            {"user": "alt@contoso.example", "last": "2026-11-18T07:00:00Z", "succeeded": False},
            {"user": "scanner@contoso.example", "last": "2026-11-20T07:00:00Z", "succeeded": True},
        ],
    }
    asked = unquote(server.requests[0].path)
    assert asked.startswith("/v1.0/auditLogs/signIns?$filter=createdDateTime ge 20")
    assert "clientAppUsed eq 'Authenticated SMTP' or clientAppUsed eq 'SMTP'" in asked


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("Authentication_RequestFromNonPremiumTenantOrB2CTenant", "can only be read with an Entra ID P1 license"),
        ("Authorization_RequestDenied", "needs the application permission AuditLog.Read.All"),
    ],
)
def test_a_log_that_cannot_be_read_is_unknown(graph: Graph, server: ScriptedServer, code: str, said: str) -> None:
    server.script = [Answer(403, {"error": {"code": code, "message": "Refused."}})]
    found = legacy_sign_ins.users(graph, 7)
    assert (found["known"], found["users"]) == (False, [])
    assert "Refused." in found["reason"]
    assert said in found["reason"]


def test_nothing_is_asked_for_no_days(graph: Graph, server: ScriptedServer) -> None:
    assert legacy_sign_ins.users(graph, 0)["known"] is False
    assert server.requests == []
