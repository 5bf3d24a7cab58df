# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Microsoft Graph v1.0."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from . import clouds, retry
from .errors import ServiceError
from .graph_errors import NOT_FOUND_STATUS, REPLICATION, STALE_TOKEN, GraphRule, apart, classify, missing_permission
from .pace import COMPLAINTS
from .retry import Effort, Fault
from .transport import Call, Transport
from .wire import Reply

# Microsoft Learn, "Combine multiple HTTP requests using JSON batching".
BATCH_SIZE = 20

# Query options of OData, which callers write without the dollar sign.
_SYSTEM = frozenset({"select", "filter", "expand", "top", "skip", "orderby", "count", "search", "skiptoken", "format"})
# What may stand in a path as it is. Not the apostrophe and the hash sign, which occur in names of users; not the
# question mark, which begins the query. The percent sign may, because a caller has used key() where it stands.
_PATH = "/$()=,:@%!*;&+~"
_VALUE = "$,:()@/'*~"


_GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


# Named here because inside the class "list" is one of its verbs.
Rows = list[dict[str, Any]]
Found = list[dict[str, Any] | None]
Paths = list[str]
Places = list[int]


def key(value: str) -> str:
    """Percent-encode an id or a name for one segment of a path, for example a user principal name with a C(#)."""
    return quote(value, safe="")


def is_id(text: str) -> bool:
    """Whether a text is a GUID."""
    return bool(_GUID.fullmatch(text))


def quoted(text: str) -> str:
    """A text as OData writes it in a filter."""
    return "'" + text.replace("'", "''") + "'"


def is_write(method: str, target: str, body: Any) -> bool:
    """Say whether a request may change something: all but GET, and a batch with anything but GET in it."""
    if method == "GET":
        return False
    if target.endswith("/$batch") and isinstance(body, Mapping):
        return any(member.get("method") != "GET" for member in body.get("requests", ()))
    return True


class Graph:
    """Microsoft Graph as an application sees it.

    In all verbs C(path) begins with a slash and is relative to v1.0, for example C(/users/anna@contoso.example).
    Characters that a path cannot hold are encoded; ids that hold a slash, a question mark or a percent sign need key().
    C(query) takes OData's options without the dollar sign (C(select), C(filter), C(expand), C(top) ...); lists are
    joined by commas. C(consistency="eventual") asks for the index that advanced queries need; it lags behind, so it is
    never the default.

    Arguments:
        options: values of OPTIONS.
        read_only: refuse every write by WriteRefused before anything is sent.
    """

    OPTIONS: ClassVar[dict[str, Any]] = clouds.OPTIONS
    RULES: ClassVar[dict[str, Any]] = clouds.RULES
    Error: ClassVar[type[Exception]] = ServiceError
    EVENTUAL: ClassVar[bool] = True
    PACED: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any], read_only: bool) -> None:
        self.warnings: list[str] = []
        self.options = options
        self.http = Transport(
            options, "graph", read_only, judge, apart=lambda call: apart(call.target.removeprefix("/v1.0"))
        )

    def get(self, path: str, *, consistency: str | None = None, **query: Any) -> dict[str, Any] | None:
        """Read one object; None only if Graph says explicitly that it does not exist.

        Raises:
            ServiceError: anything else.
        """
        reply, fault = self.http.send(_call("GET", path, query, consistency=consistency))
        return None if fault else reply.data

    def list(self, path: str, *, consistency: str | None = None, fresh: bool = False, **query: Any) -> Rows:
        """Read a whole collection, page by page. C(fresh): of an object that may have been made moments ago.

        Raises:
            ServiceError: a page failed or is broken; there is never a part of a list.
        """
        call = _call("GET", path, query, consistency=consistency, fresh=fresh)
        rows: Rows = []
        seen = {call.target}
        while True:
            reply, fault = self.http.send(call)
            if fault:
                raise self.http.failure(call, reply, fault)
            page = reply.data.get("value")
            if not isinstance(page, list):
                raise _broken(call, reply, "a page of the list has no rows in it")
            rows += page
            link = reply.data.get("@odata.nextLink")
            if link is None:
                return rows
            if not isinstance(link, str) or link in seen or not self._same_host(link):
                raise _broken(call, reply, "the link to the next page leads astray")
            seen.add(link)
            call = Call(call.what, "GET", link, False, headers=call.headers)

    def create(self, path: str, body: Mapping[str, Any], *, fresh: bool = False) -> dict[str, Any]:
        """POST a new object and return it as the service made it.

        Returns an empty dictionary where the service answers without a body (C($ref) paths), or says that what was to
        be created exists already.
        """
        return self.action(path, body, fresh=fresh) or {}

    def update(self, path: str, body: Mapping[str, Any], *, fresh: bool = False) -> None:
        """PATCH an object: members that are not in the body stay as they are, lists are replaced as a whole.

        C(fresh): the object may have been made moments ago, so for a while "not found" means that it is not known yet.
        """
        self._write(_call("PATCH", path, {}, body, fresh=fresh))

    def upsert(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH an object at its own key, which makes it where there is none; empty where it was there."""
        call = _call("PATCH", path, {}, body)
        return self._write(replace(call, headers={**call.headers, "Prefer": "create-if-missing"})) or {}

    def delete(self, path: str) -> None:
        """DELETE an object, or find that it is gone already."""
        self.http.send(_call("DELETE", path, {}))

    def action(self, path: str, body: Mapping[str, Any], *, fresh: bool = False) -> dict[str, Any] | None:
        """POST an action such as assignLicense; None where it answers nothing. C(fresh) as in update()."""
        return self._write(_call("POST", path, {}, body, fresh=fresh))

    def reference(self, object_id: str) -> dict[str, str]:
        """An object as the body of a C($ref) path names it."""
        return {"@odata.id": self.http.url(f"/v1.0/directoryObjects/{object_id}")}

    def batch(self, paths: Iterable[str]) -> Found:
        """Read many objects, 20 in a request, and return them in the order of their paths.

        Arguments:
            paths: with their query, if any, for example C(/users/anna@contoso.example?$select=id).

        Returns:
            for each path what get() would return.

        Raises:
            ServiceError: one of them could not be read; members that are throttled are asked again.
        """
        wanted = [_encoded(path) for path in paths]
        chunks = [wanted[start : start + BATCH_SIZE] for start in range(0, len(wanted), BATCH_SIZE)]
        if len(chunks) < 2:
            return [row for chunk in chunks for row in self._batch(chunk)]
        with ThreadPoolExecutor(min(len(chunks), self.http.pace.most)) as pool:
            return [row for rows in pool.map(self._batch, chunks) for row in rows]

    def now(self) -> datetime:
        """The time by the service's clock, as the last answer told it. Secrets end by that clock, not by ours."""
        return self.http.now()

    def close(self) -> None:
        """End every wait and close every connection."""
        self.http.close()

    def _write(self, call: Call) -> dict[str, Any] | None:
        reply, fault = self.http.send(call)
        if fault and not fault.already:
            raise self.http.failure(call, reply, fault)
        return None if fault else reply.data

    def _same_host(self, link: str) -> bool:
        here, there = urlsplit(self.http.url("/")), urlsplit(link)
        return (there.scheme, there.netloc) == (here.scheme, here.netloc)

    def _batch(self, paths: Paths) -> Found:
        effort = Effort(self.http.clock)
        found: dict[int, dict[str, Any] | None] = {}
        waiting = list(range(len(paths)))
        while waiting:
            members = self._members(paths, waiting)
            again: Places = []
            longest: float | None = None
            for index in waiting:
                call, reply = _call("GET", paths[index], {}), members[index]
                fault = judge(call, reply)
                asked = retry.retry_after_seconds(reply.headers.get("Retry-After"), self.http.clock.time())
                if fault is None or fault.absent:
                    found[index] = None if fault else reply.data
                elif retry.patience(False, reply.status, fault, asked):
                    again.append(index)
                    longest = max(longest or 0.0, asked) if asked is not None else longest
                    refused = self.http.failure(call, reply, fault, effort)
                else:
                    raise self.http.failure(call, reply, fault)
            if any(members[index].status in COMPLAINTS for index in again):
                self.http.pace.slower()
            if again and not effort.again(retry.BUDGET, longest):
                raise refused
            waiting = again
        return [found[index] for index in range(len(paths))]

    def _members(self, paths: Paths, waiting: Places) -> dict[int, Reply]:
        """Send one batch; the answers by the place of their path."""
        from requests.structures import CaseInsensitiveDict

        body = {"requests": [{"id": str(index), "method": "GET", "url": paths[index]} for index in waiting]}
        call = _call("POST", "/$batch", {}, body)
        reply, fault = self.http.send(call)
        members = reply.data.get("responses") if not fault else None
        answers: dict[int, Reply] = {}
        for member in members if isinstance(members, list) else ():
            if isinstance(member, dict) and str(member.get("id")).isdigit() and isinstance(member.get("status"), int):
                headers = CaseInsensitiveDict({str(k): str(v) for k, v in (member.get("headers") or {}).items()})
                headers.setdefault("request-id", reply.request_id or "")
                answers[int(member["id"])] = Reply(member["status"], headers, b"", member.get("body"), reply.url)
        if set(waiting) - set(answers):
            raise _broken(call, reply, "the batch came back without some of its answers")
        return answers


def judge(call: Call, reply: Reply) -> Fault | None:
    """Turn an answer of Graph into a Fault, or None if it is a success."""
    if 200 <= reply.status < 300:
        if isinstance(reply.data, dict) or (call.method != "GET" and not reply.body and reply.data is None):
            return None
        return Fault(f"answered {reply.status} with something that is not a JSON object.", advice=_PROXY)
    error = reply.data.get("error") if isinstance(reply.data, dict) else None
    if not isinstance(error, dict):
        return Fault(f"answered {reply.status} without a reason.", advice=_PROXY)
    code, message = str(error.get("code") or ""), str(error.get("message") or "")
    rule = classify(code, message)
    meaning, advice = _forbidden(call) if reply.status == 403 and not rule else ("", "")
    known = rule or GraphRule(meaning=meaning, advice=advice)
    # An answer that is known to come although the write was done is never a reason to send it again.
    if known.absent and call.fresh and not (known.unsure and call.method == "POST"):
        known = replace(known, absent=False, patience=REPLICATION)
    return Fault(
        message or code or f"answered {reply.status} without a reason.",
        meaning=known.meaning or ("The object does not exist, or is not known everywhere yet." if known.absent else ""),
        advice=known.advice,
        code=code or None,
        patience=known.patience,
        absent=known.absent and reply.status == NOT_FOUND_STATUS,
        # A PATCH adds many references, and none of them if one is there already.
        already=known.already and call.method != "PATCH",
        verdict=rule is not None,
        unsure=known.unsure and call.method == "POST",
    )


_PROXY = "Perhaps a proxy or another service answered: check the endpoints option and HTTPS_PROXY."


def _forbidden(call: Call) -> tuple[str, str]:
    permission = missing_permission(call.target.removeprefix("/v1.0"), call.write)
    meaning = "The application lacks the permission" + (f" {permission}." if permission else " for this call.")
    return meaning, f"Grant it as an application permission with admin consent. {STALE_TOKEN}"


def _broken(call: Call, reply: Reply, reason: str) -> ServiceError:
    return ServiceError(f"{call.what}: {reason}.", status=reply.status, request_id=reply.request_id)


def _encoded(path: str) -> str:
    """Encode what a path cannot hold; a query that is there already stays, but for characters that end a URL."""
    before, mark, query = path.partition("?")
    return quote(before, safe=_PATH) + mark + quote(query, safe=_PATH + "'?")


def _call(
    method: str,
    path: str,
    query: Mapping[str, Any],
    body: Mapping[str, Any] | None = None,
    consistency: str | None = None,
    fresh: bool = False,
) -> Call:
    target = "/v1.0" + _encoded(path)
    if query:
        pairs = (
            f"{'$' if name in _SYSTEM else ''}{name}={quote(_text(value), safe=_VALUE)}"
            for name, value in query.items()
        )
        target += ("&" if "?" in target else "?") + "&".join(pairs)
    return Call(
        f"{method} {path.partition('?')[0]}",
        method,
        target,
        is_write(method, target, body),
        None if body is None else json.dumps(body).encode(),
        {"ConsistencyLevel": consistency} if consistency else {},
        fresh,
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, (list, tuple, set)) else str(value)
