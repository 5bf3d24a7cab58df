# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request to Graph and one answer, the same for a request of its own and for a member of a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ..replicas import Reader
from ..state import Tenant
from .errors import GraphError, syntax

JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


@dataclass
class Answer:
    """Status, body (JSON, text or nothing) and further headers of an answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One request: where it goes, with what, and from whom.

    C(path) is the part behind C(/v1.0/), decoded segment by segment; C(keys) are its matched keys as (property, value),
    where a plain key has the property C(id). C(headers) has lower-case names.
    """

    tenant: Tenant
    base_url: str
    method: str
    path: list[str]
    query: dict[str, str]
    headers: Mapping[str, str]
    raw_body: bytes
    claims: Mapping[str, Any]
    reader: Reader
    keys: list[tuple[str, str]] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The value of the first key."""
        return self.keys[0][1]

    @property
    def permissions(self) -> frozenset[str]:
        """The application permissions in the token, frozen when it was issued."""
        return frozenset(self.claims.get("roles") or ())

    @property
    def eventual(self) -> bool:
        """Whether the caller accepts the eventually consistent index (an advanced query)."""
        return self.headers.get("consistencylevel", "").lower() == "eventual"

    def context(self, fragment: str) -> str:
        """The value of @odata.context for a fragment such as C(users/$entity)."""
        return f"{self.base_url}/v1.0/$metadata#{fragment}"

    def link(self, query: Mapping[str, str]) -> str:
        """The absolute address of this path with another query."""
        path = "/".join(quote(segment, safe="@'()=,$") for segment in self.path)
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"{self.base_url}/v1.0/{path}?{text}"

    def body(self) -> dict[str, Any]:
        """The JSON object of the request. Raises GraphError when there is none or it is malformed."""
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not content_type:
            raise syntax("Write requests (excluding DELETE) must contain the Content-Type header declaration.")
        if not self.raw_body:
            raise syntax("Empty Payload. JSON content expected.")
        return _parsed(self.raw_body, content_type)

    def optional_body(self) -> dict[str, Any]:
        """The JSON object of an action that may be called with no body."""
        return self.body() if self.raw_body else {}


def _parsed(raw: bytes, content_type: str) -> dict[str, Any]:
    unreadable = syntax(
        "Unable to read JSON request payload. "
        "Please ensure Content-Type header is set and payload is of valid JSON format."
    )
    if content_type != "application/json":
        raise unreadable
    try:
        value = json.loads(raw)
        if b"\\u" in raw:
            # Half a surrogate pair is no text: it could not be written out again.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise unreadable from None
    if not isinstance(value, dict):
        raise unreadable
    return value


def moment(value: datetime | None) -> str | None:
    """A moment as Graph writes it, in UTC to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


def done() -> Answer:
    """Success with nothing to say."""
    return Answer(204)


def refusal(error: GraphError, tenant: Tenant, request_id: str, client_request_id: str) -> Answer:
    """An error as an answer."""
    return Answer(error.status, error.body(request_id, client_request_id, tenant.clock.now()), dict(error.headers))


def answer_headers(answer: Answer) -> dict[str, str]:
    """The headers that an answer has wherever it stands, alone or in a batch."""
    headers = {"Cache-Control": "no-cache"} | answer.headers
    if isinstance(answer.body, str):
        headers["Content-Type"] = "text/plain"
    elif answer.body is not None:
        headers["Content-Type"] = JSON_TYPE if answer.status < 400 else "application/json"
        headers["OData-Version"] = "4.0"
    return headers
