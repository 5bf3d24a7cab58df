# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the services were asked: one entry for each request, and one for each member of a batch.

No body and no header but C(client-request-id) is kept, and query parameters that carry a secret are masked: the journal
is shown to anyone who asks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.types import Scope

from .clock import Clock

ENTRY_KEY = "lab.entry"
_SECRET_IN_QUERY = re.compile(
    r"(?i)\b(client_secret|client_assertion|assertion|password|access_token|code|device_code)=[^&]*"
)
_KEY_VAULT = re.compile(r"(/[^/]+)?/(deleted)?secrets(/|$)")
_READING_CMDLET = re.compile(r"(?i)^(get|test)-")


@dataclass(slots=True)
class Entry:
    """One request. C(index) counts requests from 1; a batch member carries its batch's index and C(member) is true."""

    index: int
    time: datetime
    service: str
    method: str
    path: str
    query: str
    cmdlet: str | None
    write: bool
    client_request_id: str | None = None
    member: bool = False
    status: int | None = None
    milliseconds: float | None = None
    # The kind of fault that met the request, if any; a cut connection leaves status at None.
    fault: str | None = None
    # The form of a byte array in a command: C(numbers), C(base64), or C(other) for whatever else it was given as.
    byte_array: str | None = None

    def shown(self) -> dict[str, Any]:
        """The entry as JSON."""
        return {
            "index": self.index,
            "member": self.member,
            "time": self.time.isoformat(),
            "service": self.service,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "cmdlet": self.cmdlet,
            "write": self.write,
            "client_request_id": self.client_request_id,
            "status": self.status,
            "ms": self.milliseconds,
            "fault": self.fault,
            "byte_array": self.byte_array,
        }


class Journal:
    """The entries since the start or the last C(clear), in order of arrival."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._count = 0

    def open(self, clock: Clock, scope: Scope, body: bytes) -> Entry:
        """Begin the entry of a request; its status and duration are set when it has been answered."""
        path = scope["path"]
        service = service_of(path)
        content = _decoded(body) if body and (service == "exchange" or path.endswith("/$batch")) else None
        cmdlet, write = _meaning(service, scope["method"], path, content)
        self._count += 1
        entry = Entry(
            index=self._count,
            time=clock.now(),
            service=service,
            method=scope["method"],
            path=path,
            query=_SECRET_IN_QUERY.sub(r"\1=***", scope["query_string"].decode("latin-1")),
            cmdlet=cmdlet,
            write=write,
            client_request_id=header(scope, b"client-request-id"),
            byte_array=byte_array_form(content) if service == "exchange" else None,
        )
        self.entries.append(entry)
        scope[ENTRY_KEY] = entry
        return entry

    def begin(self, clock: Clock, service: str) -> Entry:
        """Begin the entry of a session of a protocol other than HTTP; who serves it fills in what becomes of it.

        C(path) is the mailbox, C(status) the last reply that mattered (SMTP), C(write) whether a message was taken.
        """
        self._count += 1
        entry = Entry(self._count, clock.now(), service, "SESSION", "", "", None, False)
        self.entries.append(entry)
        return entry

    def note(
        self,
        request: Request,
        *,
        method: str,
        path: str,
        status: int,
        cmdlet: str | None = None,
        fault: str | None = None,
        byte_array: str | None = None,
    ) -> None:
        """Record a member of the C($batch) that C(request) carries.

        path: relative as the member gave it, with or without a query. cmdlet, byte_array: for Exchange. status: the
        member's own.
        """
        parent: Entry = request.scope[ENTRY_KEY]
        bare, _unused, query = path.partition("?")
        write = is_write(parent.service, method, cmdlet)
        entry = Entry(parent.index, parent.time, parent.service, method.upper(), bare, query, cmdlet, write)
        entry.client_request_id = parent.client_request_id
        entry.member, entry.status, entry.fault, entry.byte_array = True, status, fault, byte_array
        self.entries.append(entry)

    def clear(self) -> None:
        """Forget everything; the next request has index 1 again."""
        self.entries = []
        self._count = 0

    def shown(self, since: int = 0) -> list[dict[str, Any]]:
        """The entries with an index above C(since), as JSON."""
        return [entry.shown() for entry in self.entries if entry.index > since]


def service_of(path: str) -> str:
    """Which service a path belongs to: C(graph), C(exchange), C(imds), C(keyvault), C(vault) or C(login)."""
    if path.startswith("/v1/"):
        return "vault"
    if _KEY_VAULT.match(path):
        return "keyvault"
    if path.startswith(("/v1.0/", "/beta/")):
        return "graph"
    if path.startswith("/adminapi/"):
        return "exchange"
    if path.startswith(("/metadata/identity", "/msi/token")):
        return "imds"
    return "login"


def is_write(service: str, method: str, cmdlet: str | None) -> bool:
    """Whether a single request changes the tenant, by the lab's own rules.

    Graph and the vaults: all but GET. Exchange: all but GET and the Get- and Test- cmdlets. Signing in changes nothing.
    """
    if service in ("graph", "keyvault", "vault"):
        return method.upper() not in ("GET", "HEAD", "LIST")
    if service == "exchange":
        return method.upper() not in ("GET", "HEAD") and not _READING_CMDLET.match(cmdlet or "")
    return False


def header(scope: Scope, name: bytes) -> str | None:
    """The first value of a request header; name in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def _meaning(service: str, method: str, path: str, content: Any) -> tuple[str | None, bool]:
    """The cmdlet and whether the request writes. A body that is no JSON (None) is left to the service to refuse."""
    batch = path.endswith("/$batch")
    if batch and isinstance(content, dict) and isinstance(content.get("requests"), list):
        return None, any(_member_writes(service, member) for member in content["requests"])
    cmdlet = _cmdlet(content) if service == "exchange" else None
    return cmdlet, is_write(service, method, cmdlet)


def _member_writes(service: str, member: Any) -> bool:
    if not isinstance(member, dict):
        return False
    cmdlet = _cmdlet(member.get("body")) if service == "exchange" else None
    return is_write(service, str(member.get("method", "")), cmdlet)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def byte_array_form(content: Any) -> str | None:
    """The form of the first byte array of a command, None if it has none."""
    call = content.get("CmdletInput") if isinstance(content, dict) else None
    parameters = call.get("Parameters") if isinstance(call, dict) else None
    for value in parameters.values() if isinstance(parameters, dict) else ():
        if isinstance(value, dict) and "Data" in value:
            data = value["Data"]
            return "numbers" if isinstance(data, list) else "base64" if isinstance(data, str) else "other"
    return None


def _cmdlet(content: Any) -> str | None:
    call = content.get("CmdletInput") if isinstance(content, dict) else None
    name = call.get("CmdletName") if isinstance(call, dict) else None
    return name if isinstance(name, str) else None
