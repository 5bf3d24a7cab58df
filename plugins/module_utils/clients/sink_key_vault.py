# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client secret in Azure Key Vault: the current one under its name, the one that waits under that name and C(-next).

Sources: Microsoft Learn, Key Vault REST reference 7.4 ("Set Secret", "Get Secret", "Delete Secret", "Recover Deleted
Secret"), "About Azure Key Vault secrets", "Azure Key Vault soft-delete overview", "REST API error codes".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ..domain.secret_record import DETAILS, Record, Stored, Unusable, moment, one, settled
from . import clouds
from .auth import SignIn
from .errors import ServiceError
from .retry import Clock, Fault
from .sink_common import foreign, locked, refuse_writes, until_seen, without_secrets
from .transport import Call, Parts, Transport
from .wire import Reply, Wire

VERSION = "7.4"
NEXT = "-next"
CONTENT_TYPE = "client secret of an application in Entra ID"
# The vault keeps nothing without a value, so a note that a secret is about to be made has this one.
NOTE_TYPE, NO_VALUE = "note of a client secret that is being made", "-"
# "The name must be a 1-127 character string, containing only 0-9, a-z, A-Z, and -", and ours gets a suffix.
LONGEST_NAME = 127 - len(NEXT)
_NAME = re.compile(r"[0-9a-zA-Z-]+")
# A deleted name is recovered within seconds; the service's own libraries wait for a minute and more.
MOVING = 120.0


@dataclass(frozen=True)
class VaultRule:
    """An error of Key Vault, known by the code of C(innererror), or by C(code) where there is none."""

    meaning: str = ""
    advice: str = ""
    patience: float = 0.0


_GRANT = (
    "Give the application the role Key Vault Secrets Officer on the vault, or get, set, delete and recover for secrets."
)
RULES: dict[str, VaultRule] = {
    "ObjectIsBeingRecovered": VaultRule("A deleted secret of this name is being recovered.", patience=MOVING),
    "ObjectIsBeingDeleted": VaultRule("A secret of this name is being deleted.", patience=MOVING),
    "ObjectIsDeletedButRecoverable": VaultRule("A secret of this name was deleted, and its name is kept for a while."),
    "ForbiddenByRbac": VaultRule(
        "The application has no role on the vault that allows this, or not yet: a new one takes some minutes.", _GRANT
    ),
    "ForbiddenByPolicy": VaultRule("The access policies of the vault do not allow this to the application.", _GRANT),
    "AccessDenied": VaultRule("The access policies of the vault do not allow this to the application.", _GRANT),
    "ForbiddenByFirewall": VaultRule(
        "The firewall of the vault does not let this machine in.", "Add its address to the networks of the vault."
    ),
    "ForbiddenByConnection": VaultRule(
        "The vault is closed to the public network.", "Run where its private endpoint can be reached."
    ),
    "Forbidden": VaultRule("The application may not do this in the vault.", _GRANT),
    "SecretDisabled": VaultRule("The secret is there, but disabled.", "Enable it, or name another one."),
    "Unauthorized": VaultRule(
        "The vault trusts another tenant.", "Check that the vault belongs to the tenant in tenant_id."
    ),
}
_DELETED = "ObjectIsDeletedButRecoverable"


class KeyVaultSink:
    """One record in two secrets of a vault, with the details as tags and the end as C(exp).

    A secret is promoted by writing it under the name and then deleting the other one. A run that ends between the two
    leaves both with the same key id, which is read as a promotion that has happened.

    Arguments:
        options: values of clouds.OPTIONS, to sign in with.
        place: C(vault) and C(name), as in the argument spec.
        read_only: refuse every write.
    """

    def __init__(self, options: Mapping[str, Any], place: Mapping[str, Any], read_only: bool) -> None:
        self._name = str(place["name"])
        if not _NAME.fullmatch(self._name) or len(self._name) > LONGEST_NAME:
            raise ServiceError(
                f"The option sink.azure_key_vault.name is no name of a secret: {self._name!r}.",
                advice=f"Use letters, digits and hyphens, {LONGEST_NAME} at most.",
            )
        self._service = clouds.key_vault(options, str(place["vault"]))
        self.where = f"the secret {self._name} in {place['vault']}"
        self._identity = f"{self._service.base} {self._name}".lower()
        self._options = options
        self._read_only = read_only
        self.http = Transport(options, self._parts, read_only, judge)

    def read(self) -> Record:
        """The record in the vault; an empty one only if the vault says that neither secret is there."""
        return settled(Record(self._get(self._name), self._get(self._name + NEXT)))

    def write(self, record: Record) -> None:
        """Write what differs, the current secret first; each is seen in the vault's answer, or read again.

        Raises:
            ServiceError: it was refused, or it is not known to have happened.
        """
        refuse_writes(self._read_only, self.where)
        with without_secrets(record):
            # The two as they are, because a settled record does not show what a promotion has left.
            names = {self._name: record.current, self._name + NEXT: record.next}
            bundles = {name: self._bundle(name) or {} for name in names}
            held = {name: self._stored(name, bundle) for name, bundle in bundles.items()}
            for name, wanted in names.items():
                if wanted and held[name] != wanted:
                    self._put(name, wanted, bundles[name].get("tags") or {})
                elif held[name] and not wanted:
                    self._delete(name)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs of this machine away."""
        if self._read_only:
            yield
            return
        with locked(self.where, self._identity):
            yield

    def _parts(self, clock: Clock) -> Parts:
        wire = Wire(self._options.get("ca_path"), float(self._options.get("request_timeout") or 60))
        return self._service, wire, SignIn(self._options, wire, clock)

    def _bundle(self, name: str) -> dict[str, Any] | None:
        """A secret as the vault has it; None if the vault says that it is not there."""
        reply, fault = self.http.send(_call("GET", f"/secrets/{name}"))
        return None if fault else reply.data

    def _get(self, name: str) -> Stored | None:
        bundle = self._bundle(name)
        return None if bundle is None else self._stored(name, bundle)

    def _stored(self, name: str, bundle: Mapping[str, Any]) -> Stored | None:
        tags = bundle.get("tags") or {}
        spelled = {"its value": "value", **{f"the tag {detail}": detail for detail in DETAILS}}
        value = None if bundle.get("contentType") == NOTE_TYPE else bundle.get("value")
        held = {text: value if part == "value" else tags.get(part) for text, part in spelled.items()}
        try:
            return one(held, spelled)
        except Unusable as problem:
            raise foreign(f"the secret {name} in {self._service.base}", problem) from None

    def _put(self, name: str, stored: Stored, tags: Mapping[str, str]) -> None:
        others = {name: text for name, text in tags.items() if name not in DETAILS}
        ours = {detail: text for detail, text in asdict(stored).items() if detail in DETAILS and text is not None}
        body = {
            "value": stored.value or NO_VALUE,
            "contentType": CONTENT_TYPE if stored.value else NOTE_TYPE,
            "attributes": {"enabled": True, "exp": int(moment(stored.ends).timestamp())},
            "tags": {**others, **ours},
        }
        call = _call("PUT", f"/secrets/{name}", body)

        def put() -> None:
            try:
                reply, fault = self.http.send(call)
            except ServiceError as error:
                if error.code != _DELETED:
                    raise
                self._recover(name)
                reply, fault = self.http.send(call)
            if fault or self._stored(name, reply.data) != stored:
                raise self._unseen(call, reply)

        until_seen(put, lambda: self._get(name) == stored, self.http.clock)

    def _recover(self, name: str) -> None:
        """Bring a deleted secret back, so that its name can be used; while that lasts, writes are refused and repeated."""
        call = _call("POST", f"/deletedsecrets/{name}/recover")
        until_seen(lambda: _done(self.http.send(call)), lambda: self._get(name) is not None, self.http.clock)

    def _delete(self, name: str) -> None:
        call = _call("DELETE", f"/secrets/{name}")
        until_seen(lambda: _done(self.http.send(call)), lambda: self._get(name) is None, self.http.clock)

    def _unseen(self, call: Call, reply: Reply) -> ServiceError:
        return ServiceError(
            f"{call.what}: the vault does not show what was written.",
            status=reply.status,
            request_id=reply.request_id,
            ambiguous=True,
        )


def _done(answer: tuple[Reply, Fault | None]) -> None:
    """An answer of which only the success counts; that something is gone already is one."""


def judge(call: Call, reply: Reply) -> Fault | None:
    """Turn an answer of Key Vault into a Fault, or None if it is a success."""
    if 200 <= reply.status < 300:
        whole = isinstance(reply.data, dict) and (call.method not in ("GET", "PUT") or "value" in reply.data)
        return None if whole else Fault(f"answered {reply.status} with something that is no secret.", advice=_PROXY)
    error = reply.data.get("error") if isinstance(reply.data, dict) else None
    if not isinstance(error, dict):
        return Fault(f"answered {reply.status} without a reason.", advice=_PROXY)
    code = _innermost(error)
    rule = RULES.get(code)
    known = rule or VaultRule()
    message = re.sub(r"\s*\r?\n\s*", " ", str(error.get("message") or code)).strip()
    return Fault(
        message or f"answered {reply.status} without a reason.",
        meaning=known.meaning,
        advice=known.advice,
        code=code or None,
        patience=known.patience,
        absent=reply.status == 404 and code == "SecretNotFound" and call.method != "PUT",
        verdict=rule is not None,
    )


_PROXY = "Perhaps a proxy answered: check the name of the vault and HTTPS_PROXY."


def _innermost(error: Mapping[str, Any]) -> str:
    """The code that says most; C(innererror) is spelled in two ways."""
    inner = error.get("innererror") or error.get("innerError")
    code = inner.get("code") if isinstance(inner, dict) else None
    return str(code or error.get("code") or "")


def _call(method: str, path: str, body: Mapping[str, Any] | None = None) -> Call:
    content = None if body is None else json.dumps(body).encode()
    return Call(f"{method} {path}", method, f"{path}?api-version={VERSION}", method != "GET", content)
