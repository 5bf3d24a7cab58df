# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client secrets of an application: what Entra ID and the sink say of them, and each step of a renewal."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ..domain import app_secrets as life
from ..domain.app_secrets import Credential, Facts, Terms
from ..domain.credential_policies import Limit, limit
from ..domain.secret_record import Record, Stored
from . import certificates
from .applications import find_application
from .auth import signs_in
from .credentials import credential, kind_of
from .errors import ServiceError
from .graph import Graph
from .graph_errors import REPLICATION
from .retry import Effort
from .sinks import Services, reserved

State = dict[str, Any]

PROPERTIES = "id,appId,displayName,createdDateTime,passwordCredentials,keyCredentials"
# One read may come from a replica that has not heard of the last change: Graph does not promise an application that it
# reads its own writes. So what is missing is looked for again.
READS = 4


class Line:
    """One application's line of secrets with the sink that it is kept in.

    Arguments:
        services: the clients.
        want: the module's options.

    Raises:
        ServiceError: the sink cannot be used, or another run works on it.
    """

    def __init__(self, services: Services, want: Mapping[str, Any]) -> None:
        self.graph = services.graph
        self.options = services.sinks.options
        self.sink = reserved(services, want["sink"], f"{want['application']} ({want['name']})")
        self.want = want
        # A sink that cannot give a value back leaves it to us until it is in use.
        self.hand: dict[str, str] = services.once(("in hand", self.sink.where), dict)
        # What this task has removed: replicas that lag may go on showing it.
        self.gone: set[str] = services.once(("gone", self.sink.where), set)

    def terms(self, limit_: Limit | None = None) -> Terms:
        """What is asked for, within what the tenant's policies allow."""
        want = self.want
        lifetime = timedelta(days=want["lifetime"])
        return Terms(
            want["name"],
            life.sink_mark(self.sink.where),
            min(lifetime, limit_.longest) if limit_ and limit_.longest else lifetime,
            timedelta(days=want["renew_before"]),
            timedelta(days=want["grace"]),
            want["kind"],
            tuple(want["remove_key_ids"] or ()),
            want["delivered"],
            want["state"] == "absent",
        )

    def record(self) -> Record:
        """What the sink holds, with the value that is in our hand."""
        record = self.sink.read()
        waiting = record.next
        if waiting and waiting.value is None and waiting.key_id in self.hand:
            return replace(record, next=replace(waiting, value=self.hand[waiting.key_id]))
        return record


def _refuse_strangers(line: Line, application: Mapping[str, Any], record: Record, other: Collection[str]) -> None:
    """Refuse a sink that holds a secret of another application, or of another kind: it would be overwritten.

    C(other): key ids of the application's credentials that are not of the kind that is asked for.
    """
    for stored in (record.current, record.next):
        if stored and stored.key_id in other:
            raise ServiceError(
                f"{line.sink.where} holds a credential of this application that is no {line.want['kind']}.",
                advice="Set the option kind as it was when that was made, or give each its own sink.",
            )
        if stored and stored.application.lower() != application["appId"].lower():
            raise ServiceError(
                f"{line.sink.where} holds the secret of another application, {stored.application}.",
                advice="Give each secret a sink of its own.",
            )


def look(line: Line) -> tuple[dict[str, Any], Facts] | None:
    """The application and all that is known of its secrets; None when Graph says that there is no such application."""
    application = find_application(line.graph, line.want["application"], PROPERTIES)
    if application is None:
        return None
    record = line.record()
    kind = line.want["kind"]
    now = line.graph.now()
    other = application[life.LISTS[life.CERTIFICATE if kind == life.CLIENT_SECRET else life.CLIENT_SECRET]]
    _refuse_strangers(line, application, record, {one["keyId"] for one in other})
    facts = Facts(
        now=now,
        credentials=[one for one in _credentials(line.graph, application, kind, record) if one.key_id not in line.gone],
        others=len([one for one in other if life.moment(one["endDateTime"]) > now]),
        record=record,
        signed_in=_signed_in(line.options, application, kind),
    )
    waiting = life.waiting(facts)
    if waiting and waiting.value:
        facts = replace(facts, proved=signs_in(line.options, waiting.application, kind, waiting.value))
    return application, facts


def _signed_in(options: Mapping[str, Any], application: Mapping[str, Any], kind: str) -> str:
    """What this run signs in with, if it signs in as this very application; empty where it does not."""
    if str(options.get("client_id") or "").lower() != application["appId"].lower() or kind_of(options) != kind:
        return ""
    if kind == life.CLIENT_SECRET:
        return str(options["client_secret"])
    held = credential(kind, options)
    return certificates.thumbprint(held["public_certificate"]) if isinstance(held, dict) else ""


def _credentials(graph: Graph, application: Mapping[str, Any], kind: str, record: Record) -> list[Credential]:
    """The application's credentials, put together from several reads where the first lacks one that is kept."""
    found = {one["keyId"]: _credential(one) for one in application[life.LISTS[kind]]}
    held = {stored.key_id for stored in (record.current, record.next) if stored}
    for _again in range(READS - 1):
        if held <= {*found, *(one.name for one in found.values())}:
            break
        seen = graph.get(f"/applications/{application['id']}", select=life.LISTS[kind]) or {}
        found |= {one["keyId"]: _credential(one) for one in seen.get(life.LISTS[kind]) or ()}
    return sorted(found.values(), key=lambda one: one.start)


def _credential(wire: Mapping[str, Any]) -> Credential:
    found = life.credential_of(wire)
    return found if wire.get("hint") else replace(found, hint=certificates.shown_thumbprint(found.hint))


def allowed(line: Line, application: Mapping[str, Any]) -> Limit:
    """What the tenant's policies allow; everything where they may not be read, which is then said."""
    try:
        default = line.graph.get("/policies/defaultAppManagementPolicy")
        own = line.graph.list(f"/applications/{application['id']}/appManagementPolicies")
    except ServiceError as error:
        warning = f"The app management policies of the tenant could not be read: {error}"
        if warning not in line.graph.warnings:
            line.graph.warnings.append(warning)
        return Limit()
    return limit(line.want["kind"], default, own, life.moment(application["createdDateTime"]), life.moment)


def obstacle(line: Line, state: Mapping[str, Any]) -> str:
    """Why a secret must not be made or removed, with what to do; empty when nothing stands in the way.

    What a person should know of the state before is said as a warning: afterwards it is mended.
    """
    if line.want["state"] == "absent":
        return " ".join(
            [*state["attention"], "Make another one first, or remove the application."] if state["attention"] else []
        )
    line.graph.warnings += [said for said in state["attention"] if said not in line.graph.warnings]
    if life.MAKE not in state["pending"] or state["id"] is None:
        return ""
    application = find_application(line.graph, state["id"], PROPERTIES) or {}
    allowed_ = allowed(line, application)
    if not allowed_.allowed:
        return (
            "A policy of the tenant allows this application no client secrets. Use a certificate or a federated "
            "credential, or have the policy except the application."
        )
    asked, terms = line.terms(), line.terms(allowed_)
    if terms.lifetime < asked.lifetime:
        line.graph.warnings.append(
            f"A policy of the tenant limits such credentials to {terms.lifetime.days} days; lifetime is shortened to that."
        )
    if terms.lifetime <= terms.renew_before:
        return (
            f"A secret that is valid for {terms.lifetime.days} days would be due again at once, because renew_before is "
            f"{terms.renew_before.days} days. Make renew_before shorter."
        )
    return ""


def take(line: Line, step: str) -> None:
    """Take one step; each leaves Entra ID and the sink so that a run that begins here ends right.

    Raises:
        ServiceError: Entra ID or the sink refused it.
    """
    found = look(line)
    if found is None:
        raise ServiceError("The application is gone.", advice="Run it again.")
    application, facts = found
    terms = line.terms()
    if step in life.steps(facts, terms) or _unseen(facts, step):
        _carry_out(line, application, facts, terms, step)


def _unseen(facts: Facts, step: str) -> bool:
    """Whether a step is to remove what a replica that lags does not show; another one has shown it to this run."""
    return step.startswith(life.REMOVE) and _key_id(step) not in {one.key_id for one in facts.credentials}


def _key_id(step: str) -> str:
    return step.rpartition(" ")[2]


def _carry_out(line: Line, application: Mapping[str, Any], facts: Facts, terms: Terms, step: str) -> None:
    record, now = facts.record, life.written(facts.now)
    if step == life.MAKE:
        make = _make if terms.kind == life.CLIENT_SECRET else _make_certificate
        make(line, application, facts, line.terms(allowed(line, application)))
    elif step == life.USE:
        proved = life.waiting(facts)
        line.sink.write(Record(proved and replace(proved, delivered=now if terms.delivered else None)))
    elif step == life.CONFIRM:
        line.sink.write(replace(record, current=record.current and replace(record.current, delivered=now)))
    elif step == life.FORGET:
        line.sink.write(Record(None if terms.absent else record.current))
    elif step.startswith(life.REMOVE):
        remove = _remove if terms.kind == life.CLIENT_SECRET else certificates.take_away
        remove(line.graph, application, _key_id(step))
        line.gone.add(_key_id(step))


def _make(line: Line, application: Mapping[str, Any], facts: Facts, terms: Terms) -> None:
    path, record = f"/applications/{application['id']}", facts.record
    noted = life.intent(terms, secrets.token_hex(4), application["appId"], facts.now, record.next)
    line.sink.write(Record(record.current, noted))
    # No start: by a clock that is ahead, the secret would not be valid yet.
    asked = {"displayName": noted.key_id, "endDateTime": life.written(facts.now + terms.lifetime)}
    try:
        made = line.graph.action(f"{path}/addPassword", {"passwordCredential": asked}) or {}
    except ServiceError as error:
        if error.ambiguous:
            raise ServiceError(
                f"{error} Whether a secret was made is not known; its value would be lost.",
                advice="Run again: it is found by its mark and removed, and another one is made.",
                status=error.status,
                request_id=error.request_id,
            ) from error
        line.sink.write(Record(record.current))
        raise
    if "secretText" not in made:
        raise ServiceError("Graph's answer has no secret in it.", advice="Run again: what was made is removed.")
    kept = Stored(
        made["secretText"],
        made["keyId"],
        application["appId"],
        life.written(life.moment(made["startDateTime"])),
        life.written(life.moment(made["endDateTime"])),
    )
    line.hand[kept.key_id] = made["secretText"]
    try:
        line.sink.write(Record(record.current, kept))
    except ServiceError as refused:
        raise _taken_back(line.graph, application, kept.key_id, refused) from refused


def _make_certificate(line: Line, application: Mapping[str, Any], facts: Facts, terms: Terms) -> None:
    """Made and kept here first, so that no certificate in Entra ID can be without its key."""
    kept = life.waiting(facts)
    if kept is None:
        content = certificates.self_signed(terms.name, facts.now, terms.lifetime)
        now, end = life.written(facts.now), life.written(facts.now + terms.lifetime)
        kept = Stored(content, str(uuid.uuid4()), application["appId"], now, end)
        line.hand[kept.key_id] = content
        line.sink.write(Record(facts.record.current, kept))
    mark = life.mark(terms, secrets.token_hex(4))
    certificates.give(line.graph, application, kept.key_id, str(kept.value), mark)


def _taken_back(graph: Graph, application: Mapping[str, Any], key_id: str, refused: ServiceError) -> ServiceError:
    """The error for a secret that could not be kept, after it has been removed again."""
    try:
        _remove(graph, application, key_id)
    except ServiceError as error:
        said = f"The new secret {key_id} could not be removed again ({error}); the next run removes it."
    else:
        said = "The new secret was removed again; the old one is untouched."
    return ServiceError(f"{refused.said} {said}", meaning=refused.meaning, advice=refused.advice, code=refused.code)


def _remove(graph: Graph, application: Mapping[str, Any], key_id: str) -> None:
    """Take a secret away; again while any replica shows it, because one that has not heard of it says that it is gone."""
    path, effort = f"/applications/{application['id']}", Effort(graph.http.clock)
    while True:
        graph.action(f"{path}/removePassword", {"keyId": key_id}, fresh=True)
        reads = (graph.get(path, select="passwordCredentials") or {} for _again in range(READS))
        shown = any(one["keyId"] == key_id for seen in reads for one in seen.get("passwordCredentials") or ())
        if not shown or not effort.again(REPLICATION):
            return
