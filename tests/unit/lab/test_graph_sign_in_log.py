# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sign-in log: filtered by client and time, and refused without its permission or license."""

from __future__ import annotations

from datetime import timedelta

import pytest
from graph_caller import Graph
from rehearsal import Lab

from lab.stores import SignIn

PATH = "auditLogs/signIns"


@pytest.fixture
def graph(lab: Lab) -> Graph:
    tenant = lab.tenant
    now = tenant.clock.now()
    for user, client, days, code in (
        ("scanner@contoso.example", "Authenticated SMTP", 1, 0),
        ("alt@contoso.example", "Authenticated SMTP", 20, 50126),
        ("info@contoso.example", "Browser", 1, 0),
    ):
        tenant.sign_in_log.append(SignIn(tenant.new_id(), user, client, now - timedelta(days=days), code))
    return Graph(lab, ("AuditLog.Read.All",))


def test_the_newest_entry_comes_first_with_its_status(graph: Graph) -> None:
    rows = graph.get(f"{PATH}?$filter=clientAppUsed eq 'Authenticated SMTP'")["value"]
    assert [(row["userPrincipalName"], row["status"]["errorCode"]) for row in rows] == [
        ("scanner@contoso.example", 0),
        ("alt@contoso.example", 50126),
    ]


def test_a_time_narrows_it(graph: Graph, lab: Lab) -> None:
    since = (lab.tenant.clock.now() - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    either = "(clientAppUsed eq 'Authenticated SMTP' or clientAppUsed eq 'SMTP')"
    rows = graph.get(f"{PATH}?$filter=createdDateTime ge {since} and {either}")["value"]
    assert [row["userPrincipalName"] for row in rows] == ["scanner@contoso.example"]


def test_it_needs_its_own_permission(lab: Lab) -> None:
    assert Graph(lab, ("Directory.Read.All",)).call("GET", PATH).status_code == 403


def test_it_needs_a_premium_license(graph: Graph, lab: Lab) -> None:
    lab.tenant.switches["entra_premium"] = False
    answer = graph.call("GET", PATH)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
