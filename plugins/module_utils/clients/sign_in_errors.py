# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sign-in service says, what it means and what to do.

Codes: Microsoft Learn, "Microsoft Entra authentication and authorization error codes".
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .errors import ServiceError
from .wire import Reply


@dataclass(frozen=True)
class SignInRule:
    """Meaning and advice for an AADSTS code; C(transient) ones are asked again after a while."""

    meaning: str
    advice: str = ""
    transient: bool = False


_SECRET = "Check client_secret; if it was made moments ago, wait half a minute: a new secret takes time to spread."
_POLICY = "Ask who manages Conditional Access to let this application, or this address, in."
_PERSON = "Sign in again as an administrator who may use this application."
_BUSY = SignInRule("The sign-in service has a passing problem.", "Run it again later.", transient=True)

CODES: dict[int, SignInRule] = {
    7000215: SignInRule("The secret is wrong, or it is the secret's id and not its value.", _SECRET),
    7000222: SignInRule(
        "The client secret has expired.", "Make a new secret (or better a certificate) for the application."
    ),
    700016: SignInRule(
        "There is no application with this client_id in this tenant.",
        "Check client_id and tenant_id against each other.",
    ),
    7000229: SignInRule(
        "The application exists but has no service principal in this tenant.",
        "Create the enterprise application (service principal) for it.",
    ),
    7000112: SignInRule("The application is disabled.", "Enable the enterprise application in Entra ID."),
    7000216: SignInRule("The application must prove who it is, and no credential was sent.", "Set sign_in."),
    7000218: SignInRule(
        "The application is not a public client.",
        "For sign_in=device_code, switch on 'Allow public client flows' in the app registration.",
    ),
    700027: SignInRule(
        "The certificate is not registered for this application, or its signature does not fit.",
        "Upload the certificate (its public part) to the app registration. A new one takes a minute to spread.",
    ),
    700024: SignInRule(
        "The sign-in was signed for another time: the clock of this machine is wrong.",
        "Set the clock of the machine that runs Ansible (NTP).",
    ),
    700025: SignInRule(
        "The application is a public client and must not send a credential.", "Use sign_in=device_code."
    ),
    70011: SignInRule("The scope asked for is not one that this cloud knows.", "Check the option cloud."),
    700022: SignInRule("The scope asked for is not one that this cloud knows.", "Check the option cloud."),
    1002012: SignInRule("The scope asked for is not one that this cloud knows.", "Check the option cloud."),
    500011: SignInRule(
        "The tenant does not know the service that the token is for.",
        "Check the option cloud, and that the tenant has a subscription with Exchange Online.",
    ),
    90002: SignInRule("There is no such tenant in this cloud.", "Check tenant_id and cloud."),
    900023: SignInRule("tenant_id is neither a GUID nor a domain name.", "Check tenant_id."),
    65001: SignInRule("Nobody has consented to this application yet.", "Grant admin consent for it."),
    50105: SignInRule(
        "The application admits only those who are assigned to it.", "Assign the user or the application to it."
    ),
    53000: SignInRule("Conditional Access asks for a compliant device.", _POLICY),
    53001: SignInRule("Conditional Access asks for a joined device.", _POLICY),
    53002: SignInRule("Conditional Access does not admit this application.", _POLICY),
    53003: SignInRule("Conditional Access blocks this sign-in.", _POLICY),
    53004: SignInRule("The user has to register for multi-factor authentication.", _PERSON),
    530035: SignInRule("The security defaults of the tenant block this sign-in.", _POLICY),
    50076: SignInRule("Multi-factor authentication is needed.", _PERSON),
    50079: SignInRule("The user has to register for multi-factor authentication.", _PERSON),
    50158: SignInRule("Another service has to confirm the sign-in first.", _PERSON),
    50034: SignInRule("The user does not exist in this tenant.", _PERSON),
    50126: SignInRule("User name or password is wrong.", _PERSON),
    50053: SignInRule("The account is locked, or the address is blocked.", _PERSON),
    50055: SignInRule("The password has expired.", _PERSON),
    50057: SignInRule("The account is disabled.", _PERSON),
    70016: SignInRule("The code was not entered yet.", "Run it again and enter the code in time."),
    70019: SignInRule("The code was not entered in time.", "Run it again and enter the code within its time."),
    700211: SignInRule(
        "No federated credential of the application names this issuer.",
        "Compare issuer, subject and audience of the external token with the federated credential, to the letter.",
    ),
    700212: SignInRule(
        "No federated credential of the application names this audience.",
        "Compare issuer, subject and audience of the external token with the federated credential, to the letter.",
    ),
    700213: SignInRule(
        "No federated credential of the application names this subject.",
        "Compare issuer, subject and audience of the external token with the federated credential, to the letter.",
    ),
    90006: _BUSY,
    90024: _BUSY,
    90033: _BUSY,
    50196: SignInRule("Too many sign-ins of the same kind in a short time.", "Run it again later.", transient=True),
}

# RFC 8628, section 3.5, for answers that carry no AADSTS code.
NAMES: dict[str, SignInRule] = {
    "expired_token": CODES[70019],
    "authorization_pending": CODES[70016],
    "authorization_declined": SignInRule("The sign-in was declined.", "Run it again and accept."),
    "temporarily_unavailable": _BUSY,
}

CLOCK_CODES = frozenset({700024})
_CODE = re.compile(r"AADSTS(\d+)")
_TAIL = re.compile(r"\s*(Trace ID:|\r?\n).*", re.DOTALL)


def explain(result: Mapping[str, Any], reply: Reply | None, now: float) -> tuple[ServiceError, bool]:
    """Turn a failed sign-in into an error.

    Arguments:
        result: MSAL's answer, an OAuth error body or nothing.
        reply: the last answer of the sign-in service, if any came.
        now: seconds since the epoch by this machine's clock.

    Returns:
        the error, and whether asking again later may help.
    """
    body = result if result.get("error") else _error_body(reply)
    text = str(body.get("error_description") or body.get("error") or "")
    number = next((int(found) for found in _CODE.findall(text)), None)
    name = str(body.get("error") or "")
    rule = CODES.get(number or 0) or NAMES.get(name) or SignInRule("", "")
    status = reply.status if reply else None
    busy = status is not None and (status == 429 or status >= 500)
    error = ServiceError(
        "Sign-in failed: " + (_TAIL.sub("", text) or _unusable(reply)),
        meaning=rule.meaning + (_clocks(reply, now) if number in CLOCK_CODES else ""),
        advice=rule.advice or ("" if text else "Check the options cloud, endpoints and tenant_id."),
        status=status,
        code=f"AADSTS{number}" if number else name or None,
        request_id=str(body.get("correlation_id") or "") or (reply.request_id if reply else None),
    )
    return error, rule.transient or busy


def _error_body(reply: Reply | None) -> Mapping[str, Any]:
    data = reply.data if reply else None
    return data if isinstance(data, dict) and isinstance(data.get("error"), str) else {}


def _unusable(reply: Reply | None) -> str:
    if reply is None:
        return "no answer from the sign-in service."
    return f"the sign-in service answered with status {reply.status} and nothing that could be understood."


def _clocks(reply: Reply | None, now: float) -> str:
    here = datetime.fromtimestamp(now, UTC)
    words = f" It says {here:%Y-%m-%d %H:%M:%S} UTC"
    try:
        there = email.utils.parsedate_to_datetime((reply.headers.get("Date") or "") if reply else "")
    except (ValueError, TypeError, IndexError):
        return words + "."
    return words + f"; the service says {there:%Y-%m-%d %H:%M:%S} UTC."
