# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to read what the Exchange admin API answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .exchange_errors import FORBIDDEN, FORBIDDEN_ADVICE, UNAUTHORIZED, UNAUTHORIZED_ADVICE, ExchangeRule, classify
from .retry import TRIES, UNKNOWN_ERROR_TRIES, Fault
from .transport import Call
from .wire import Reply

# What an object may be known by. Addresses among these carry their type in front (smtp:).
IDENTITIES = (
    "Identity",
    "Guid",
    "ExternalDirectoryObjectId",
    "ExchangeGuid",
    "MailboxGuid",
    "UserPrincipalName",
    "PrimarySmtpAddress",
    "WindowsEmailAddress",
    "WindowsLiveID",
    "EmailAddresses",
    "Alias",
    "DisplayName",
    "Name",
    "Id",
    "DistinguishedName",
    "LegacyExchangeDN",
    "AppId",
    "ObjectId",
    "DomainName",
)

_PROXY = "Perhaps a proxy or another service answered: check the endpoints option and HTTPS_PROXY."
_NO_BATCH = "answered with something that is not the answers of a batch."
_REASON = re.compile(r'reason="([^"]*)"')
_WHY = {
    401: (UNAUTHORIZED, UNAUTHORIZED_ADVICE),
    403: (FORBIDDEN, FORBIDDEN_ADVICE),
    405: ("The address speaks another version of the admin API.", "Check endpoints.exchange."),
}


def judge(call: Call, reply: Reply) -> Fault | None:
    """Turn an answer of Exchange into a Fault, or None if it is a success."""
    data = reply.data
    if 200 <= reply.status < 300 and call.target.endswith("/$batch"):
        return None if isinstance(data, dict) and _is_rows(data.get("responses")) else Fault(_NO_BATCH, advice=_PROXY)
    if 200 <= reply.status < 300:
        if data is None and not reply.body and call.write:
            return None
        if not isinstance(data, dict) or not _is_rows(data.get("value")):
            return Fault(f"answered {reply.status} with something that is not a list of objects.", advice=_PROXY)
        failures = data.get("@adminapi.errors")
        return _fault(call, reply, [_parts(str(failure)) for failure in failures]) if failures else None
    error = data.get("error") if isinstance(data, dict) else None
    return _fault(call, reply, list(_errors(error))) if isinstance(error, dict) else _mute(reply)


def is_known_as(row: Mapping[str, Any], identity: str) -> bool:
    """Say whether an object is the one that somebody calls so, in any case."""
    wanted = _bare(identity)
    for name in IDENTITIES:
        value = row.get(name)
        if any(
            _bare(item) == wanted for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)
        ):
            return True
    return False


def shown(row: Mapping[str, Any]) -> str:
    """Name an object in a message, by what tells it from others of its name."""
    names = (row.get(name) for name in ("DisplayName", "Name", "PrimarySmtpAddress", "Guid", "Identity"))
    return ", ".join(dict.fromkeys(str(name) for name in names if name)) or "an object without a name"


def _bare(address: str) -> str:
    return address.strip().removeprefix("SMTP:").removeprefix("smtp:").lower()


def _is_rows(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(row, dict) for row in value))


def _parts(message: str) -> tuple[str, str]:
    """Split C(id|exception type|text); the id may be empty, and the text may hold the bar too."""
    pieces = message.split("|", 2)
    return (pieces[1].strip(), pieces[2].strip()) if len(pieces) == 3 else ("", message.strip())


def _errors(error: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Exception type and text of each error in a body, from where they are most telling."""
    details = error.get("details")
    told = (
        [detail.get("message") for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    )
    for message in filter(None, told):
        yield _parts(str(message))
    if any(told):
        return
    inner = error.get("innererror")
    cause = inner.get("internalexception") if isinstance(inner, dict) else None
    if isinstance(cause, dict) and cause.get("message"):
        kind, text = _parts(str(cause["message"]))
        yield kind or str(cause.get("type") or ""), text
    else:
        yield "", str(error.get("message") or error.get("code") or "no reason given")


def _fault(call: Call, reply: Reply, errors: list[tuple[str, str]]) -> Fault:
    given = reply.headers.get("x-ExceptionType") or ""
    found = [(rule, kind) for kind, text in errors if (rule := classify(call.what, kind or given, text))]
    meaning, advice = _WHY.get(reply.status, ("", ""))
    rule, kind = found[0] if found else (ExchangeRule(meaning=meaning, advice=advice), errors[0][0])
    only = len(errors) == 1
    return Fault(
        " ".join(text for _kind, text in errors),
        meaning=rule.meaning,
        advice=rule.advice,
        code=(kind or given).rpartition(".")[2] or None,
        # Of several errors at once the others may tell of something that was done.
        patience=rule.patience if only else 0.0,
        absent=rule.absent and only,
        already=rule.already and len(found) == len(errors) and all(each.already for each, _kind in found),
        verdict=bool(found) and only and reply.status >= 300,
        tries=UNKNOWN_ERROR_TRIES if kind and not found else TRIES,
    )


def _mute(reply: Reply) -> Fault:
    """An answer without a readable body; what there is of a reason stands in a header."""
    diagnostics = reply.headers.get("x-ms-diagnostics") or ""
    reasons = _REASON.findall(diagnostics) or [diagnostics]
    meaning, advice = _WHY.get(reply.status, ("", _PROXY))
    return Fault(
        " ".join(reason for reason in reasons if reason) or f"answered {reply.status} without a reason.",
        meaning=meaning,
        advice=advice,
    )
