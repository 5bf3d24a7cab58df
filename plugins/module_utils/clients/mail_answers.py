# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A refusal of SMTP or IMAP in words for the administrator, and what a token says of its own refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ServiceError
from .mail_errors import MailRule

# The application permission, and Exchange's own role for the same, by protocol (Microsoft Learn, OAuth; Exchange Team
# documentation of RBAC for Applications, October 2025).
ROLES = {"smtp": "SMTP.SendAsApp", "imap": "IMAP.AccessAsApp"}
SCOPES = {"smtp": "SMTP.Send", "imap": "IMAP.AccessAsUser.All"}
RBAC = {"smtp": "Application SMTP.SendAsApp"}


def denied(protocol: str, claims: Mapping[str, Any], mailbox: str) -> tuple[str, str]:
    """Why a token is refused: meaning and advice, as far as the token itself tells.

    The service gives no reason. What only Exchange knows is named in the order in which it is best checked.

    Arguments:
        protocol: C(smtp) or C(imap).
        claims: what the token says; empty where it cannot be read.
        mailbox: the name in the XOAUTH2 string.
    """
    role, held = ROLES[protocol], claims.get("roles") or []
    if "scp" in claims:
        return _person_denied(SCOPES[protocol], str(claims["scp"]).split(), mailbox)
    if claims and role not in held:
        instead = f" (or Exchange's own role {RBAC[protocol]} for this mailbox)" if protocol in RBAC else ""
        return (
            f"The token lacks the role {role}; it has {', '.join(held) or 'none'}.",
            f"Grant the application permission {role} of Office 365 Exchange Online with admin consent{instead}. What was"
            " granted moments ago is in tokens only after some minutes.",
        )
    known = f"The token has the role {role}, so it is Exchange that refuses" if claims else "Exchange refuses the token"
    object_id = claims.get("oid") or "that Entra ID shows under enterprise applications"
    return (
        f"{known} and does not say why.",
        f"Check in this order: 1. Exchange knows the application by the object id {object_id}, not by that of the app "
        f"registration (exchange_service_principal). 2. {mailbox} is an address of a mailbox that exists. 3. The "
        "application has FullAccess on it. What was changed within the last hour may not have taken effect.",
    )


def _person_denied(scope: str, held: list[str], mailbox: str) -> tuple[str, str]:
    """The same for the token of a person, who signed in by device code."""
    if scope not in held:
        return (
            f"The token of this person lacks the scope {scope}; it has {', '.join(held) or 'none'}.",
            f"Grant the delegated permission {scope} of Office 365 Exchange Online to the application.",
        )
    return (
        f"The token has the scope {scope}, so it is Exchange that refuses and does not say why.",
        f"Check in this order: 1. {mailbox} is an address of a mailbox that exists. 2. The person who signed in has "
        "FullAccess on it.",
    )


def refusal(where: str, reply: str, status: str, rule: MailRule | None, why: tuple[str, str]) -> ServiceError:
    """A reply as the error for the administrator.

    Arguments:
        where: what refused, for example the server's name.
        reply: the whole reply in the service's own words.
        status: its enhanced status code, if any.
        rule: what is known of it.
        why: meaning and advice for a sign-in that was refused without a reason.
    """
    meaning, advice = why if rule and rule.denied else (rule.meaning, rule.advice) if rule else ("", "")
    return ServiceError(
        f"{where}: {reply}",
        meaning=meaning,
        advice=advice,
        status=int(reply[:3]) if reply[:3].isdecimal() else None,
        code=status or None,
    )
