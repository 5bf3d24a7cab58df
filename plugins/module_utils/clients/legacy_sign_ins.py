# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who signs in to SMTP AUTH with a password, as far as the sign-in log of Entra ID tells.

A sign-in with OAuth is shown there as another client, so C(clientAppUsed) tells the two apart (Microsoft Learn, "signIn
resource type" and "Block legacy authentication with Conditional Access"). The log needs AuditLog.Read.All and Entra ID
P1 (same pages; the code of the refusal without P1 as public issues show it), and v1.0 shows interactive sign-ins only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from .errors import ServiceError
from .graph import Graph

# "SMTP" on the page of the resource type, "Authenticated SMTP" in the log itself.
CLIENTS = ("Authenticated SMTP", "SMTP")
NO_PREMIUM = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
_SELECT = "userPrincipalName,createdDateTime,status"


def users(graph: Graph, days: int) -> dict[str, Any]:
    """Who signed in with a password in the last days.

    Returns:
        C(known), C(users) (with C(user), C(last) and C(succeeded), by name) and C(reason): why it is not known.
    """
    if not days:
        return _unknown("It was not asked for (days is 0).")
    since = (graph.now() - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    clients = " or ".join(f"clientAppUsed eq '{client}'" for client in CLIENTS)
    try:
        rows = graph.list("/auditLogs/signIns", filter=f"createdDateTime ge {since} and ({clients})", select=_SELECT)
    except ServiceError as error:
        return _unknown(_reason(error))
    return {"known": True, "users": _summary(rows), "reason": None}


def _unknown(reason: str) -> dict[str, Any]:
    return {"known": False, "users": [], "reason": reason}


def _reason(error: ServiceError) -> str:
    if error.code == NO_PREMIUM:
        return f"{error.said} The sign-in log can only be read with an Entra ID P1 license in the tenant."
    if error.status == 403:
        return f"{error.said} The sign-in log needs the application permission AuditLog.Read.All."
    return str(error)


def _summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each user: the last sign-in, and whether any succeeded."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        name, time = str(row.get("userPrincipalName") or "").casefold(), str(row.get("createdDateTime"))
        entry = found.setdefault(name, {"user": name, "last": time, "succeeded": False})
        entry["last"] = max(entry["last"], time)
        entry["succeeded"] = entry["succeeded"] or _succeeded(row)
    return [found[name] for name in sorted(found)]


def _succeeded(row: Mapping[str, Any]) -> bool:
    status = row.get("status")
    return isinstance(status, Mapping) and status.get("errorCode") == 0
