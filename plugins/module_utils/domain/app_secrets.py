# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of an application's client secrets: what is due, and what may be removed.

A secret is made while the old one still works, kept, proved by a sign-in, put into use, and only after a time of grace
is the old one removed. Nothing is remembered but what Entra ID and the place of the secret (its sink) say, so a run
that was ended at any moment is finished by the next one:

- Before a secret is made, its mark is noted in the sink. A credential with that mark whose value is not in the sink was
  made by a run that did not live to keep it; it is of no use to anybody and is removed.
- The mark names the sink, so credentials of other people, and of the same name in another sink, are never touched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .secret_record import Record, Stored

CLIENT_SECRET, CERTIFICATE = "client_secret", "certificate"
# Where Graph lists each kind of credential.
LISTS = {CLIENT_SECRET: "passwordCredentials", CERTIFICATE: "keyCredentials"}
MAKE, PROVE, USE = "make a new secret", "prove it", "put it into use"
CONFIRM, FORGET = "note its delivery", "forget one that was given up"
REMOVE = "remove"
# What was made or kept so short a time ago may not be shown by every replica of Entra ID yet, and a run that made it
# may still be under way elsewhere.
SETTLED = timedelta(minutes=15)
_MARK = re.compile(r"(?P<name>.+) \[m365\.hybrid (?P<sink>[0-9a-f]{8})-(?P<run>[0-9a-f]{8})\]")
# The display name of a credential has 120 characters at most.
NAME_LENGTH = 80


@dataclass(frozen=True)
class Credential:
    """A credential as Graph shows it, without its value.

    C(hint) is the beginning of a secret, or the thumbprint of a certificate.
    """

    key_id: str
    name: str
    start: datetime
    end: datetime
    hint: str

    def valid(self, now: datetime) -> bool:
        """Whether it signs in at a time."""
        return self.end > now


@dataclass(frozen=True)
class Terms:
    """What is asked for.

    Arguments:
        name: of this line of secrets.
        sink: what tells this sink from every other one.
        lifetime: of a new secret.
        renew_before: the end of a secret it is to be replaced.
        grace: how long the old one is kept after the new one has reached the application.
        kind: C(client_secret) or C(certificate).
        remove: key ids that are to go in any case.
        delivered: the secret in use has reached the application, or does so by being in its sink.
        absent: none of this line is to be left, nor anything of it in the sink.
    """

    name: str
    sink: str
    lifetime: timedelta
    renew_before: timedelta
    grace: timedelta
    kind: str = CLIENT_SECRET
    remove: Sequence[str] = ()
    delivered: bool = True
    absent: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known.

    Arguments:
        now: the time by the service's clock.
        credentials: the application's client secrets.
        others: how many other ways of signing in it has now (certificates, federated credentials).
        record: what the sink holds.
        proved: the secret that waits has signed in.
        signed_in: the secret, or the thumbprint of the certificate, that this run signs in with as this very
            application; else empty.
    """

    now: datetime
    credentials: Sequence[Credential]
    others: int
    record: Record
    proved: bool = False
    signed_in: str = ""


def moment(text: str | None) -> datetime:
    """A time as Graph writes it, with up to seven digits behind the second; long ago where it says nothing."""
    if text is None:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00")).astimezone(UTC)


def written(time: datetime) -> str:
    """A time as it is kept: UTC, whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def days_left(end: datetime, now: datetime) -> int:
    """Whole days until something ends; negative afterwards."""
    return (end - now).days


def checked_name(text: str) -> str:
    """The name of a line of secrets itself. Raises ValueError where it could not stand in a credential's name."""
    if len(text) > NAME_LENGTH or not text.isprintable() or "[" in text:
        raise ValueError(f"{text!r} is no name; it has at most {NAME_LENGTH} characters, on one line and without [")
    return text


def checked_days(days: int) -> int:
    """A number of days itself. Raises ValueError where no secret could live for so long."""
    if not 0 <= days <= 36500:
        raise ValueError(f"{days} is no number of days from 0 to 36500")
    return days


def credential_of(wire: Mapping[str, Any]) -> Credential:
    """A credential from Graph's C(passwordCredential) or C(keyCredential)."""
    return Credential(
        str(wire["keyId"]),
        str(wire.get("displayName") or ""),
        moment(wire["startDateTime"]),
        moment(wire["endDateTime"]),
        str(wire.get("hint") or wire.get("customKeyIdentifier") or ""),
    )


def sink_mark(where: str) -> str:
    """Eight digits that tell a sink from others."""
    return hashlib.sha256(where.encode()).hexdigest()[:8]


def mark(terms: Terms, run: str) -> str:
    """The display name of a new credential, by which a later run knows it. C(run): eight digits of this run."""
    return f"{terms.name} [m365.hybrid {terms.sink}-{run}]"


def intent(terms: Terms, run: str, application: str, now: datetime, noted: Stored | None = None) -> Stored:
    """The note that a secret is about to be made. It has no key id yet, so its mark stands in that place.

    C(noted): what the sink holds in its place. Where that is a note, its mark is taken again: what a run made that did
    not live to keep it may be shown by Entra ID only later, and is then known by that mark.
    """
    again = noted is not None and noted.value is None and _is_mark(terms, noted.key_id)
    return Stored(None, noted.key_id if again and noted else mark(terms, run), application, written(now), written(now))


def _is_mark(terms: Terms, text: str) -> bool:
    found = _MARK.fullmatch(text)
    return found is not None and (found["name"], found["sink"]) == (terms.name, terms.sink)


def ours(terms: Terms, credentials: Iterable[Credential]) -> list[Credential]:
    """The credentials of this line, made for this sink."""
    return [one for one in credentials if _is_mark(terms, one.name)]


def current(facts: Facts) -> Stored | None:
    """The secret in use, if Entra ID still knows it."""
    stored = facts.record.current
    return stored if stored and _known(facts, stored) else None


def waiting(facts: Facts) -> Stored | None:
    """The secret that is made but not yet in use, if it is still of use."""
    stored = facts.record.next
    kept = stored is not None and stored.value is not None and _known(facts, stored)
    return stored if kept and stored and moment(stored.ends) > facts.now else None


def _known(facts: Facts, stored: Stored) -> bool:
    return _shown(facts, stored) or facts.now - moment(stored.made) < SETTLED


def _shown(facts: Facts, stored: Stored) -> bool:
    return any(one.key_id == stored.key_id for one in facts.credentials)


def goal(_want: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The state in which nothing is left to be done now."""
    return {**before, "pending": []}


def due_at(facts: Facts, terms: Terms) -> datetime:
    """When the secret in use has to be replaced."""
    held = current(facts)
    return moment(held.ends) - terms.renew_before if held else facts.now


def steps(facts: Facts, terms: Terms) -> list[str]:
    """What is due now, in its order."""
    due = [f"{REMOVE} {one.key_id}" for one in removable(facts, terms)]
    if terms.absent:
        return due if facts.record == Record() else [*due, FORGET]
    held = current(facts)
    ready = waiting(facts)
    if ready and terms.kind == CERTIFICATE and not _shown(facts, ready):
        # It was kept before it was given to Entra ID, so that can be done, or done again, at any time.
        return [*due, MAKE, PROVE, USE]
    if ready:
        return [*due, *([] if facts.proved else [PROVE]), USE]
    if facts.now >= due_at(facts, terms):
        return [*due, MAKE, PROVE, USE]
    if facts.record.next is not None:
        due.append(FORGET)
    if held and not held.delivered and terms.delivered:
        due.append(CONFIRM)
    return due


def removable(facts: Facts, terms: Terms) -> list[Credential]:
    """The credentials that are to go now, without those that must stay; see L(kept)."""
    return [one for one in _unneeded(facts, terms) if not kept(facts, terms, one)]


def _unneeded(facts: Facts, terms: Terms) -> list[Credential]:
    in_sink = {stored.key_id for stored in (facts.record.current, facts.record.next) if stored and stored.value}
    in_sink |= {facts.record.current.key_id} if facts.record.current else set()
    asked = [one for one in facts.credentials if one.key_id in terms.remove]
    line = [one for one in ours(terms, facts.credentials) if terms.absent or one.key_id not in in_sink]
    return asked + [one for one in line if one not in asked and (terms.absent or _over(facts, terms, one))]


def _over(facts: Facts, terms: Terms, credential: Credential) -> bool:
    """Whether nobody can be using a credential of ours that is not the one in the sink."""
    held = current(facts)
    if _lost(facts, credential):
        return True
    if held is None:
        return False
    if credential.start > moment(held.made):
        return facts.now - credential.start > SETTLED
    return bool(held.delivered) and facts.now >= moment(str(held.delivered)) + terms.grace


def _lost(facts: Facts, credential: Credential) -> bool:
    """Whether it was made by a run that did not live to keep its value: no one can sign in with it."""
    noted = facts.record.next
    if noted is not None and noted.value is None and noted.key_id in (credential.name, credential.key_id):
        return True
    # Of two with the same mark, the one in the sink was made by the later run; see L(intent).
    in_sink = {one.key_id for one in (facts.record.current, noted) if one}
    marked = {one.name for one in facts.credentials if one.key_id in in_sink and _MARK.fullmatch(one.name)}
    return credential.key_id not in in_sink and credential.name in marked


def kept(facts: Facts, terms: Terms, credential: Credential) -> str:
    """Why a credential must not be removed; empty when it may be."""
    if facts.signed_in and credential.hint and facts.signed_in.startswith(credential.hint):
        return "this run signs in with it"
    gone = {one.key_id for one in _unneeded(facts, terms)}
    left = [one for one in facts.credentials if one.key_id not in gone and one.valid(facts.now)]
    if credential.valid(facts.now) and not left and not facts.others:
        return "" if _lost(facts, credential) else "it is the last one that the application can sign in with"
    held = current(facts)
    if held and held.key_id == credential.key_id and not terms.absent:
        return "it is the one in use; a new one has to be made first"
    return ""


def next_event(facts: Facts, terms: Terms) -> dict[str, str] | None:
    """What will be due next, and when; None when something is due now."""
    if terms.absent or steps(facts, terms):
        return None
    coming = {"renewal": due_at(facts, terms)}
    held = current(facts)
    old = [one for one in ours(terms, facts.credentials) if held and one.key_id != held.key_id]
    if old and held and held.delivered:
        coming["removal of the old secret"] = moment(held.delivered) + terms.grace
    what = min(coming, key=coming.__getitem__)
    return {"what": what, "at": written(coming[what])}


def attention(facts: Facts, terms: Terms) -> list[str]:
    """What a person has to see to, because no rule says what should be done."""
    # A new one changes what may be removed, so nothing is said of that before it is in use.
    staying = [] if MAKE in steps(facts, terms) else _unneeded(facts, terms)
    said = [f"The secret {one.key_id} is not removed: {why}." for one in staying if (why := kept(facts, terms, one))]
    held = facts.record.current
    if held is None or terms.absent:
        return said
    if current(facts) is None:
        said.append(
            f"The secret in the sink ({held.key_id}) is not one of the application's any more: somebody has removed it, so "
            "the application could not sign in until a new one was made."
        )
    elif moment(held.ends) <= facts.now:
        said.append(f"The secret in use ended on {held.ends[:10]}: the application could not sign in since then.")
    return said
