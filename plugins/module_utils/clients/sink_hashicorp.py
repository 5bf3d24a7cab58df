# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client secret in HashiCorp Vault: one secret of the key/value engine, version 2, with the record as its fields.

Sources: developer.hashicorp.com, "KV secrets engine - version 2 (API)", "AppRole auth method (API)", "HTTP API"
(headers, status codes). A deleted version answers 404 with its metadata, a path without a secret 404 with no errors.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from ..domain.secret_record import FIELDS, Record, flat
from . import clouds
from .errors import ServiceError
from .retry import CONNECT_TRIES, TRIES, Clock, Fault
from .sink_common import locked, record_in, refuse_writes, until_seen, without_secrets
from .transport import Call, Parts, Tokens, Transport
from .wire import Reply, Wire

# Guards against requests that a browser was talked into; an agent or proxy may insist on it ("HTTP API").
_REQUEST = "X-Vault-Request"
LOST_RACE = "check-and-set"


@dataclass(frozen=True)
class HashicorpRule:
    """An error of the server, known by a fragment of its text (any case)."""

    fragment: str
    meaning: str = ""
    advice: str = ""
    code: str | None = None
    tries: int = TRIES


RULES: tuple[HashicorpRule, ...] = (
    HashicorpRule(
        "check-and-set parameter did not match",
        "Somebody else has written there since it was read; nothing was overwritten.",
        "Run again.",
        LOST_RACE,
    ),
    HashicorpRule(
        "permission denied",
        "The token is not valid any longer, its policies do not allow this, or the namespace is another one.",
        "Allow create, read and update on MOUNT/data/PATH, and check token, role_id and namespace.",
    ),
    HashicorpRule("sealed", "The server is up, but nobody has unsealed it.", "Unseal it.", tries=CONNECT_TRIES),
    HashicorpRule(
        "no handler for route", "There is no secrets engine at this mount.", "Check the options mount and namespace."
    ),
    HashicorpRule("invalid role or secret id", "The role does not know this secret_id.", "Make a new secret_id."),
    HashicorpRule("invalid role id", "There is no such role.", "Check role_id."),
    HashicorpRule("invalid secret id", "It has ended or is used up.", "Make a new secret_id."),
)
_NO_VERSION_2 = "The mount is perhaps not of the key/value engine, version 2."


class HashicorpSink:
    """One record in the fields of one secret. Other fields stay; every write is a check-and-set on the version read.

    Arguments:
        options: values of clouds.OPTIONS; only the time-out is taken.
        place: C(url), C(mount), C(path) and so on, as in the argument spec.
        read_only: refuse every write.
    """

    def __init__(self, options: Mapping[str, Any], place: Mapping[str, Any], read_only: bool) -> None:
        self._place = place
        self._service = _service(str(place["url"]))
        mount, path = (_path(place, name) for name in ("mount", "path"))
        self._target = f"/v1/{mount}/data/{path}"
        self.where = f"the secret {place['path']} of {place.get('mount') or 'secret'} in {self._service.base}"
        self._identity = f"{self._service.base} {place.get('namespace') or ''} {self._target}"
        self._timeout = float(options.get("request_timeout") or 60)
        self._headers = {_REQUEST: "true"}
        if place.get("namespace"):
            self._headers["X-Vault-Namespace"] = str(place["namespace"])
        self._read_only = read_only
        self.http = Transport(options, self._parts, read_only, judge, header="X-Vault-Token")

    def read(self) -> Record:
        """The record in the secret; an empty one only if the server says that there is none, or that it is deleted."""
        return record_in(self._held()[0], FIELDS, self.where)

    def write(self, record: Record) -> None:
        """Write a new version, if nobody has written one since.

        Raises:
            ServiceError: it was refused, somebody else was faster, or it is not known to have happened.
        """
        refuse_writes(self._read_only, self.where)
        with without_secrets(record):
            held, version = self._held()
            record_in(held, FIELDS, self.where)
            kept = {name: value for name, value in held.items() if name not in FIELDS.names}
            fields = {**kept, **flat(record, FIELDS)}
            if fields != held:
                until_seen(lambda: self._post(fields, version), lambda: self._held()[0] == fields, self.http.clock)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs of this machine away; those of other machines are met by the check-and-set."""
        if self._read_only:
            yield
            return
        with locked(self.where, self._identity):
            yield

    def _held(self) -> tuple[dict[str, Any], int]:
        """The fields, and the version that a write follows; 0 where there never was one."""
        reply, fault = self.http.send(self._call("GET"))
        if fault:
            return {}, 0
        found = reply.data["data"]
        return found.get("data") or {}, found["metadata"]["version"]

    def _post(self, fields: Mapping[str, Any], version: int) -> None:
        try:
            self.http.send(self._call("POST", {"options": {"cas": version}, "data": fields}))
        except ServiceError as error:
            # It may have been our own write, whose answer was lost before.
            if error.code != LOST_RACE or self._held()[0] != fields:
                raise

    def _call(self, method: str, body: Mapping[str, Any] | None = None) -> Call:
        content = None if body is None else json.dumps(body).encode()
        return Call(f"{method} {self._target}", method, self._target, method != "GET", content, self._headers)

    def _parts(self, clock: Clock) -> Parts:
        wire = Wire(self._place.get("ca_path"), self._timeout)
        role, token = self._place.get("role_id"), self._place.get("token")
        # VAULT_TOKEN may be set for other purposes, a role is only ever given on purpose.
        return self._service, wire, self._app_role(wire, clock) if role else _Given(str(token or ""))

    def _app_role(self, wire: Wire, clock: Clock) -> Tokens:
        # The login itself needs no token; this header is sent by every request.
        http = Transport({}, lambda _clock: (self._service, wire, _Given("true")), True, judge, header=_REQUEST)
        http.clock = clock
        proof = {"role_id": self._place["role_id"]}
        if self._place.get("secret_id"):
            proof["secret_id"] = self._place["secret_id"]
        # No secret is changed by a login, and one whose answer is lost may be repeated.
        call = Call("Sign-in", "POST", "/v1/auth/approle/login", False, json.dumps(proof).encode(), self._headers)
        return _AppRole(http, call)


class _Given:
    """A token that the user gave."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self, scope: str, claims: str | None = None) -> str:  # noqa: ARG002 - a transport asks all alike
        if not self._token:
            raise ServiceError(
                "There is no token for HashiCorp Vault.",
                advice="Set token, the environment variable VAULT_TOKEN, or role_id and secret_id.",
            )
        return self._token

    def forget(self, token: str) -> None:
        """There is no other."""


class _AppRole:
    """The token of an AppRole, got when the first request needs it."""

    def __init__(self, http: Transport, call: Call) -> None:
        self._http = http
        self._call = call
        self._lock = threading.Lock()
        self._token: str | None = None

    def token(self, scope: str, claims: str | None = None) -> str:  # noqa: ARG002 - a transport asks all alike
        with self._lock:
            if self._token is None:
                reply, _fault = self._http.send(self._call)
                self._token = str(reply.data["auth"]["client_token"])
            return self._token

    def forget(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._token = None


def judge(call: Call, reply: Reply) -> Fault | None:
    """Turn an answer of the server into a Fault, or None if it is a success."""
    data = reply.data if isinstance(reply.data, dict) else {}
    deleted = reply.status == 404 and call.method == "GET" and _whole(call, data)
    if deleted or (200 <= reply.status < 300 and _whole(call, data)):
        return None
    if 200 <= reply.status < 300:
        return Fault(f"answered {reply.status} with something else than expected.", meaning=_NO_VERSION_2)
    errors = data.get("errors")
    if not isinstance(errors, list):
        return Fault(f"answered {reply.status} without a reason.", meaning=_NO_VERSION_2, advice=_PROXY)
    text = " ".join(" ".join(str(error).split()) for error in errors)
    rule = next((rule for rule in RULES if rule.fragment in text.lower()), None)
    known = rule or HashicorpRule("")
    return Fault(
        text or f"answered {reply.status} without a reason.",
        meaning=known.meaning,
        advice=known.advice,
        code=known.code,
        absent=reply.status == 404 and call.method == "GET" and not errors,
        verdict=rule is not None,
        tries=known.tries,
    )


_PROXY = "Check the option url; perhaps a proxy answered."


def _whole(call: Call, data: Mapping[str, Any]) -> bool:
    """Whether an answer has what is read from it: a login its token, a write its version, a read its metadata."""
    if call.target.startswith("/v1/auth/"):
        auth = data.get("auth")
        return isinstance(auth, dict) and bool(auth.get("client_token"))
    found = data.get("data")
    if not isinstance(found, dict):
        return False
    if call.method != "GET":
        return isinstance(found.get("version"), int)
    metadata, fields = found.get("metadata"), found.get("data")
    known = isinstance(metadata, dict) and isinstance(metadata.get("version"), int)
    return known and (fields is None or isinstance(fields, dict))


def _service(url: str) -> clouds.Service:
    try:
        parts = urlsplit(url.rstrip("/"))
        usable = parts.scheme == "https" and parts.hostname and "@" not in parts.netloc and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.path or parts.query or parts.fragment:
        raise ServiceError(
            "The option sink.hashicorp_vault.url is not the https address of a server.",
            advice="Write it as https://host:8200; a token is never sent without TLS.",
        )
    return clouds.Service("hashicorp_vault", url.rstrip("/"), "", (parts.hostname or "",))


def _path(place: Mapping[str, Any], name: str) -> str:
    """A mount or a path, encoded."""
    given = str(place.get(name) or ("secret" if name == "mount" else "")).strip("/")
    segments = given.split("/")
    if not all(segments) or {".", ".."} & set(segments):
        raise ServiceError(f"The option sink.hashicorp_vault.{name} is no path: {place.get(name)!r}.")
    return "/".join(quote(segment, safe="") for segment in segments)
