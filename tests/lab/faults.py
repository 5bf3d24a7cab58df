# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults by script: rules that say which request meets which trouble.

A rule is a JSON object with two parts and, if wanted, a C(name) and how many C(times) it may fire:

    {"match": {"service": "graph", "method": "POST", "path": "/assignLicense$", "from": 2, "to": 3},
     "effect": {"kind": "status", "status": 429, "retry_after": 0.5}, "times": 1}

C(match), all members optional and all must hold: C(service) (login, graph, exchange, imds, keyvault, vault), C(method),
C(path) (regular expression, searched in the path), C(cmdlet) (Exchange, case ignored), C(write) (true or false),
C(index) (the request's number in the journal), and among the requests that fit so far C(from), C(to) (first and last
one, counted from 1) and C(every) (each n-th of them).
C(member): true makes the rule look at the members of a C($batch), each by its own path, and never at whole requests.

C(effect): C(kind) and what it needs.
    delay          C(seconds) more before the request is handled
    status         C(status), with C(body) (JSON or text; otherwise an error in the service's form, with C(code) and
                   C(message) if given), C(headers), and C(retry_after) (seconds, may be fractional; left out: none)
    html           a page instead of JSON, with C(status) (502)
    empty          no body, with C(status) (500)
    reset_before   the connection is cut without an answer, and the request is not applied
    reset_after    the request is applied, then the connection is cut without an answer
    expired_token  401 in the service's form; C(claims): true adds a claims challenge to it
    redirect       302 to another authority: C(authority) (URL), otherwise the lab's second; never from there itself
The first rule that fits and may still fire decides; delays add up and let the search go on.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .journal import Entry

KINDS = ("delay", "status", "html", "empty", "reset_before", "reset_after", "expired_token", "redirect")
MEMBER_KINDS = ("status", "empty", "expired_token")
SERVICES = ("login", "graph", "exchange", "imds", "keyvault", "vault")
_MATCH_TYPES: dict[str, tuple[type, ...]] = {
    "service": (str,),
    "method": (str,),
    "path": (str,),
    "cmdlet": (str,),
    "write": (bool,),
    "member": (bool,),
    "index": (int,),
    "from": (int,),
    "to": (int,),
    "every": (int,),
}
_EFFECT_TYPES: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "seconds": (int, float),
    "status": (int,),
    "body": (dict, list, str),
    "code": (str,),
    "message": (str,),
    "headers": (dict,),
    "retry_after": (int, float),
    "authority": (str,),
    "claims": (bool,),
}


@dataclass
class Answer:
    """An answer that takes the place of the service's own. C(body) is JSON data, or text, or None for no body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def encoded(self) -> bytes:
        """The body as it goes over the wire."""
        if self.body is None:
            return b""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass
class Rule:
    """One rule with its counters: C(matched) requests so far, C(fired) of them."""

    name: str
    match: dict[str, Any]
    effect: dict[str, Any]
    times: int | None = None
    matched: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        self.pattern = re.compile(self.match.get("path", ""))

    @property
    def kind(self) -> str:
        """The kind of the effect."""
        kind: str = self.effect["kind"]
        return kind

    def meets(self, entry: Entry) -> bool:
        """Whether the rule fires for this request; counts the match and the shot."""
        if not self._fits(entry):
            return False
        self.matched += 1
        if not self._is_due() or (self.times is not None and self.fired >= self.times):
            return False
        self.fired += 1
        return True

    def _fits(self, entry: Entry) -> bool:
        match = self.match
        return bool(
            match.get("member", False) == entry.member
            and match.get("service", entry.service) == entry.service
            and match.get("method", entry.method).upper() == entry.method
            and match.get("write", entry.write) == entry.write
            and match.get("index", entry.index) == entry.index
            and ("cmdlet" not in match or match["cmdlet"].lower() == (entry.cmdlet or "").lower())
            and self.pattern.search(entry.path) is not None
        )

    def _is_due(self) -> bool:
        first = self.match.get("from", 1)
        last, every = self.match.get("to", self.matched), self.match.get("every", 1)
        return bool(first <= self.matched <= last and (self.matched - first + 1) % every == 0)

    def shown(self) -> dict[str, Any]:
        """The rule as JSON, with how often it has matched and fired."""
        return {
            "name": self.name,
            "match": self.match,
            "effect": self.effect,
            "times": self.times,
            "matched": self.matched,
            "fired": self.fired,
        }


class Faults:
    """The rules in force, in their order."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, script: Any) -> list[Rule]:
        """Append the rules of a script (a JSON list). Raises ValueError, and adds none, when one is malformed."""
        if not isinstance(script, list):
            raise ValueError("the faults are a list of rules")
        rules = [parse_rule(item, number) for number, item in enumerate(script, len(self.rules) + 1)]
        self.rules += rules
        return rules

    def clear(self) -> None:
        """Drop all rules."""
        self.rules = []

    def choose(self, entry: Entry, own_url: str = "", authorities: Sequence[str] = ()) -> tuple[float, Rule | None]:
        """The seconds to wait and the rule that decides this request, if any.

        own_url: the authority the request came to; authorities: all of the lab's, in their order (for redirects).
        """
        delay = 0.0
        for rule in self.rules:
            if rule.kind == "redirect" and target_of(rule, own_url, authorities) is None:
                continue
            if not rule.meets(entry):
                continue
            if rule.kind != "delay":
                return delay, rule
            delay += rule.effect.get("seconds", 0.0)
        return delay, None

    def for_member(
        self, parent: Entry, *, method: str, path: str, cmdlet: str | None = None, write: bool = False
    ) -> Answer | None:
        """The answer that a batch member meets instead of the service's own, or None.

        parent: the batch's entry (request.scope[journal.ENTRY_KEY]). path: the member's own, without a query.
        """
        if not self.rules:
            return None
        entry = Entry(parent.index, parent.time, parent.service, method.upper(), path, "", cmdlet, write, member=True)
        _unused, rule = self.choose(entry)
        return None if rule is None else answer_of(rule, entry)


def parse_rule(item: Any, number: int) -> Rule:
    """Check one rule of a script. Raises ValueError that names the rule and says what is wrong."""
    name = item.get("name", f"rule {number}") if isinstance(item, dict) else f"rule {number}"
    try:
        return _parsed(item, name)
    except (ValueError, re.error) as error:
        raise ValueError(f"{name}: {error}") from error


def _parsed(item: Any, name: str) -> Rule:
    if not isinstance(item, dict) or not set(item) <= {"name", "match", "effect", "times"}:
        raise ValueError("a rule has the members name, match, effect and times")
    match = _checked("match", item.get("match", {}), _MATCH_TYPES)
    effect = _checked("effect", item.get("effect"), _EFFECT_TYPES)
    times = item.get("times")
    kind = effect.get("kind")
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    if match.get("member") and kind not in MEMBER_KINDS:
        raise ValueError(f"a batch member can only meet {', '.join(MEMBER_KINDS)}")
    if match.get("service", "graph") not in SERVICES:
        raise ValueError(f"service is one of {', '.join(SERVICES)}")
    if kind == "status" and not 100 < effect.get("status", 0) < 600:
        raise ValueError("status is an HTTP status")
    if (times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1)) or match.get(
        "every", 1
    ) < 1:
        raise ValueError("times and every are positive numbers")
    return Rule(name, match, effect, times)


def _checked(part: str, given: Any, types: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValueError(f"{part} is missing or no object")
    for key, value in given.items():
        if key not in types:
            raise ValueError(f"{part} has no member {key}")
        if type(value) not in types[key]:
            raise ValueError(f"{part}.{key} has the wrong type")
    return dict(given)


def target_of(rule: Rule, own_url: str, authorities: Sequence[str]) -> str | None:
    """Where a redirect leads; None when there is no other authority, or the request is already there."""
    target: str | None = rule.effect.get("authority") or (authorities[1] if len(authorities) > 1 else None)
    return None if target == own_url else target


def answer_of(rule: Rule, entry: Entry) -> Answer:
    """The answer of a rule that answers (status, html, empty, expired_token)."""
    effect = rule.effect
    headers = {
        "Content-Type": "application/json",
        **{str(key): str(value) for key, value in effect.get("headers", {}).items()},
    }
    if "retry_after" in effect:
        headers["Retry-After"] = str(effect["retry_after"])
    if rule.kind == "html":
        page = "<html><head><title>Bad Gateway</title></head><body><h1>Not available right now</h1></body></html>"
        return Answer(effect.get("status", 502), headers | {"Content-Type": "text/html"}, page)
    if rule.kind == "empty":
        return Answer(
            effect.get("status", 500), {key: value for key, value in headers.items() if key != "Content-Type"}
        )
    if rule.kind == "expired_token":
        return _expired_token(entry, headers, bool(effect.get("claims")))
    body = effect.get("body")
    if body is None:
        body = error_body(entry, effect["status"], effect.get("code"), effect.get("message"))
    return Answer(effect["status"], headers, body)


_GRAPH_CODES = {
    400: "Request_BadRequest",
    401: "InvalidAuthenticationToken",
    403: "Authorization_RequestDenied",
    404: "Request_ResourceNotFound",
    409: "Directory_ConcurrencyViolation",
    429: "TooManyRequests",
    500: "Service_InternalServerError",
    503: "ServiceUnavailable",
}


def error_body(entry: Entry, status: int, code: str | None = None, message: str | None = None) -> dict[str, Any]:
    """An error in the form of the service that C(entry) came to."""
    said = message or ("Too many requests." if status == 429 else "The service is temporarily unavailable.")
    if entry.service == "exchange":
        return _exchange_error(code or str(status), said)
    if entry.service == "vault":
        return {"errors": [said]}
    if entry.service == "keyvault":
        return {"error": {"code": code or ("Throttled" if status == 429 else str(status)), "message": said}}
    if entry.service == "graph":
        inner = {
            "date": f"{entry.time:%Y-%m-%dT%H:%M:%S}",
            "request-id": str(uuid.uuid4()),
            "client-request-id": entry.client_request_id or str(uuid.uuid4()),
        }
        return {
            "error": {
                "code": code or _GRAPH_CODES.get(status, "generalException"),
                "message": said,
                "innerError": inner,
            }
        }
    return sts_error(entry.time, code or "temporarily_unavailable", 90033, said)


def sts_error(time: datetime, error: str, number: int, said: str, correlation: str | None = None) -> dict[str, Any]:
    """An error body of the token endpoint.

    Form: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    """
    trace, correlation, stamp = str(uuid.uuid4()), correlation or str(uuid.uuid4()), f"{time:%Y-%m-%d %H:%M:%SZ}"
    tail = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    return {
        "error": error,
        "error_description": f"AADSTS{number}: {said} {tail}",
        "error_codes": [number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }


def _exchange_error(code: str, said: str) -> dict[str, Any]:
    kind = "Microsoft.Exchange.Admin.OData.Core.ODataServiceException"
    return {
        "error": {
            "code": code,
            "message": said,
            "details": [{"code": "Client", "target": "", "message": f"|{kind}|{said}"}],
            "innererror": {"message": said, "type": kind, "internalexception": {"message": said, "type": kind}},
        },
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": [],
    }


def _expired_token(entry: Entry, headers: dict[str, str], with_claims: bool) -> Answer:
    """A refused token. A claims challenge carries base64 JSON (continuous access evaluation, Microsoft Learn)."""
    challenge = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    if with_claims:
        wanted = json.dumps({"access_token": {"nbf": {"essential": True, "value": str(int(entry.time.timestamp()))}}})
        challenge += f', error="insufficient_claims", claims="{base64.b64encode(wanted.encode()).decode()}"'
    else:
        challenge += ', error="invalid_token"'
    headers = headers | {"WWW-Authenticate": challenge}
    if entry.service != "graph":
        return Answer(401, headers)
    said = "Lifetime validation failed, the token is expired."
    return Answer(401, headers, error_body(entry, 401, "InvalidAuthenticationToken", said))
