# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exchange Online's admin API: one verb, a cmdlet with its parameters.

It is the endpoint that Microsoft's own PowerShell module speaks to (C(adminapi/beta/.../InvokeCommand)). Microsoft
supports it for nobody else. What is documented of it is in "Exchange Online Admin API" (Microsoft Learn).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

from . import clouds, exchange_batch
from .credentials import needed
from .errors import ServiceError
from .exchange_answers import is_known_as, judge, shown
from .exchange_batch import Answer
from .exchange_errors import QUIET_WARNINGS, TRUNCATED, UNMODIFIED
from .exchange_values import encode, hashtable, plain
from .retry import Fault
from .transport import Call, Transport
from .wire import Reply

__all__ = ["Exchange", "hashtable"]

# A mailbox that every organization has. One anchor for all calls leads them to one back end, so that reads see the
# writes before them and the link to a next page is known there.
ANCHOR = "APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant}"
PAGE_SIZE = 1000
Rows = list[dict[str, Any]]
Found: TypeAlias = "dict[str, Any] | ServiceError | None"
READS = re.compile(r"(Get|Test)-", re.IGNORECASE)


class Exchange:
    """Exchange Online as an application administers it.

    Arguments:
        options: values of OPTIONS.
        read_only: refuse every cmdlet but Get- and Test- by WriteRefused before anything is sent.
    """

    OPTIONS: ClassVar[dict[str, Any]] = clouds.OPTIONS
    RULES: ClassVar[dict[str, Any]] = clouds.RULES
    Error: ClassVar[type[Exception]] = ServiceError
    EVENTUAL: ClassVar[bool] = True
    PACED: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any], read_only: bool) -> None:
        self._options = options
        self.warnings: list[str] = []
        self.http = Transport(options, "exchange", read_only, judge, pin=True)

    def command(self, name: str, *, select: Sequence[str] = (), **parameters: Any) -> list[dict[str, Any]]:
        """Run a cmdlet.

        Arguments:
            name: the cmdlet, for example C(Set-Mailbox).
            parameters: its parameters by their own names: str, bool, int, None (clears), list, bytes, datetime with
                time zone, timedelta, hashtable(Add=[...], Remove=[...]). Give C(Confirm=False) where the cmdlet lists
                it, and C(ResultSize="Unlimited") where all objects are wanted.
            select: the only properties that the rows need to have; a long list of whole objects is large.

        Returns:
            the rows of all pages, without the service's annotations; no rows if what a write asks for is so already.

        Raises:
            ServiceError: it failed, or the list was cut short.
        """
        call = self._call(name, parameters, select)
        rows, absence = self._run(call)
        if absence:
            raise self.http.failure(call, *absence)
        return rows

    def modify(self, name: str, **parameters: Any) -> bool:
        """Run a cmdlet that changes an object; false where Exchange says that it has changed nothing.

        Raises:
            ServiceError: it failed.
        """
        call = self._call(name, parameters)
        reply, fault = self.http.send(call)
        if fault and not fault.already:
            raise self.http.failure(call, reply, fault)
        data = reply.data or {}
        self._heed(call, reply, {} if fault else data)
        return not any(UNMODIFIED in str(warning).lower() for warning in data.get("@adminapi.warnings") or ())

    def find(self, name: str, identity: str, **parameters: Any) -> dict[str, Any] | None:
        """Read the one object of that identity; None only if Exchange says explicitly that it does not exist.

        Raises:
            ServiceError: anything else, also when Exchange answers with several objects, or with another one.
        """
        call = self._call(name, {"Identity": identity, **parameters})
        rows, absence = self._run(call)
        if absence:
            # With other parameters it may be one of them that does not exist.
            if not parameters or identity.lower() in absence[1].said.lower():
                return None
            raise self.http.failure(call, *absence)
        return _only(name, identity, rows)

    def find_all(self, name: str, identities: Sequence[str]) -> list[Found]:
        """What find() gives for each of many identities, in few requests; in the place of an answer that is none, the error."""
        answers = self.commands(name, [{"Identity": identity} for identity in identities])
        return [
            _chosen(name, identity, rows) if isinstance(rows, list) else rows
            for identity, rows in zip(identities, answers, strict=True)
        ]

    def commands(
        self, name: str, many: Sequence[Mapping[str, Any]], *, select: Sequence[str] = ()
    ) -> list[Rows | ServiceError | None]:
        """Run the same reading cmdlet with many sets of parameters, in few requests.

        Arguments:
            name: the cmdlet, for example C(Get-MailboxPermission).
            many: the parameters of each, as in command(); C(Identity) among them.
            select: as in command().

        Returns:
            for each set, in the same order: the rows; None if Exchange says explicitly that its identity does not exist;
            or the error of this one.
        """
        calls = [(_sought(parameters), self._call(name, parameters, select)) for parameters in many]
        if any(call.write for _identity, call in calls):
            raise ValueError(f"{name} is no read")
        groups = [calls[start : start + exchange_batch.SIZE] for start in range(0, len(calls), exchange_batch.SIZE)]
        if len(groups) < 2:
            return [one for group in groups for one in self._together(group)]
        with ThreadPoolExecutor(min(len(groups), self.http.pace.most)) as pool:
            return [one for group in pool.map(self._together, groups) for one in group]

    def close(self) -> None:
        """End every wait and close every connection."""
        self.http.close()

    def _call(self, name: str, parameters: Mapping[str, Any], select: Sequence[str] = ()) -> Call:
        if any(name.lower() == "identity" and not str(value or "").strip() for name, value in parameters.items()):
            raise ServiceError(
                f"{name}: the identity is empty.",
                meaning="Exchange would take that for all objects.",
                advice="Name one.",
            )
        tenant = needed(self._options, "tenant_id")
        body = {"CmdletInput": {"CmdletName": name, "Parameters": encode(parameters)}}
        headers = {
            "X-CmdletName": name,
            "X-AnchorMailbox": ANCHOR.format(tenant=tenant),
            "X-ResponseFormat": "json",
            "Prefer": f"odata.maxpagesize={PAGE_SIZE}",
            # The tables of errors and warnings know the English texts.
            "Accept-Language": "en-US",
        }
        target = f"/adminapi/beta/{tenant}/InvokeCommand" + (f"?$select={','.join(select)}" if select else "")
        return Call(name, "POST", target, not READS.match(name), json.dumps(body).encode(), headers)

    def _run(self, call: Call) -> tuple[Rows, Answer | None]:
        """Send a call and follow its pages: the rows, or the answer that says that the object is absent."""
        reply, fault = self.http.send(call)
        if fault:
            return [], None if fault.already else (reply, fault)
        return self._rows(call, reply), None

    def _rows(self, call: Call, reply: Reply) -> Rows:
        """The rows of an answer and of the pages after it."""
        rows: Rows = []
        seen: set[str] = set()
        while True:
            data = reply.data or {}
            self._heed(call, reply, data)
            rows += [plain(row) for row in data.get("value") or ()]
            link = data.get("@odata.nextLink")
            if not link:
                return rows
            if not isinstance(link, str) or link in seen or not self.http.trusts(link):
                raise ServiceError(f"{call.what}: the link to the next page leads astray.", request_id=reply.request_id)
            seen.add(link)
            call = replace(call, target=link)
            reply, fault = self.http.send(call)
            if fault:
                raise self.http.failure(call, reply, fault)

    def _together(self, group: Sequence[tuple[str, Call]]) -> list[Rows | ServiceError | None]:
        """What each call of a batch gives, as commands() does, with the identity that each is about."""
        calls = [call for _identity, call in group]
        try:
            path = calls[0].target.partition("?")[0].replace("/InvokeCommand", "/$batch")
            answers = exchange_batch.answers(self.http, path, calls) if len(calls) > 1 else [self.http.send(calls[0])]
        except ServiceError as error:
            return [error] * len(calls)
        return [self._one(identity, call, *answer) for (identity, call), answer in zip(group, answers, strict=True)]

    def _one(self, identity: str, call: Call, reply: Reply, fault: Fault | None) -> Rows | ServiceError | None:
        if fault is None or fault.already:
            try:
                return self._rows(call, reply)
            except ServiceError as error:
                return error
        if fault.absent and identity.lower() in fault.said.lower():
            return None
        return self.http.failure(call, reply, fault)

    def _heed(self, call: Call, reply: Reply, data: Mapping[str, Any]) -> None:
        """Keep the warnings of an answer for the administrator, but those that say what a second run always hears."""
        for warning in data.get("@adminapi.warnings") or ():
            text = str(warning).strip()
            if any(fragment in text.lower() for fragment in TRUNCATED):
                raise ServiceError(
                    f"{call.what}: {text}",
                    meaning="The list is not complete, so it says nothing about what is not in it.",
                    request_id=reply.request_id,
                )
            words = f"{call.what}: {text}"
            if words not in self.warnings and not any(fragment in text.lower() for fragment in QUIET_WARNINGS):
                self.warnings.append(words)


def _sought(parameters: Mapping[str, Any]) -> str:
    """What an answer has to name that says of something that it does not exist; nothing where it can mean one thing only."""
    return str(parameters["Identity"]) if set(parameters) - {"Identity", "ResultSize"} else ""


def _only(name: str, identity: str, rows: Rows) -> dict[str, Any]:
    """The one row of that identity. Raises ServiceError: there are several, or only others."""
    same = [row for row in rows if is_known_as(row, identity)]
    if len(same) == 1:
        return same[0]
    names = "; ".join(shown(row) for row in (same or rows)[:5])
    raise ServiceError(
        f"{name}: {len(same)} of {len(rows)} answers are {identity!r}" + (f": {names}" if names else "") + ".",
        meaning="Exactly one is needed.",
        advice="Name the object by its address or its id." if rows else "",
    )


def _chosen(name: str, identity: str, rows: Rows) -> Found:
    try:
        return _only(name, identity, rows)
    except ServiceError as error:
        return error
