# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HashiCorp Vault sink: fields and versions, check-and-set, sign-in, lost answers, and what is not an empty path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from scripted import Answer, FakeClock, ScriptedServer, Seen
from sink_part import NEW, OLD, both, locks, secret, shows_a_secret

from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError, WriteRefused
from ansible_collections.m365.hybrid.plugins.module_utils.clients.sink_hashicorp import HashicorpSink
from ansible_collections.m365.hybrid.plugins.module_utils.clients.sinks import Sinks
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Record

__all__ = ["locks"]

MISMATCH = "check-and-set parameter did not match the current version"
DENIED = Answer(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
Make = Callable[..., HashicorpSink]


class Engine:
    """One secret of a key/value engine, version 2.

    Attributes:
        versions: the fields of each version; None where it is deleted.
        log: the requests that reached it.
        faults: answers by the number of the request, from 1.
        lost: numbers of the requests that are carried out and whose answer is cut off.
        rival: fields that somebody else writes just before the next write of ours.
    """

    def __init__(self) -> None:
        self.versions: list[dict[str, Any] | None] = []
        self.log: list[str] = []
        self.faults: dict[int, Answer] = {}
        self.lost: set[int] = set()
        self.rival: dict[str, Any] | None = None

    def __call__(self, seen: Seen) -> Answer:
        assert seen.headers["X-Vault-Request"] == "true"
        assert seen.headers["Authorization"] is None
        self.log.append(f"{seen.method} {seen.path}")
        number = len(self.log)
        if number in self.faults:
            return self.faults[number]
        if seen.path == "/v1/auth/approle/login":
            return self._login(seen)
        if seen.headers["X-Vault-Token"] not in ("the.token", "the.role.token"):
            return DENIED
        answer = self._get() if seen.method == "GET" else self._post(seen.json)
        return Answer(cut=True) if number in self.lost else answer

    def _login(self, seen: Seen) -> Answer:
        if seen.json != {"role_id": "the-role", "secret_id": "the~secret~id"}:
            return Answer(400, {"errors": ["invalid role or secret ID"]})
        return Answer(200, {"auth": {"client_token": "the.role.token", "lease_duration": 3600}})

    def _get(self) -> Answer:
        if not self.versions:
            return Answer(404, {"errors": []})
        deleted = self.versions[-1] is None
        metadata = {"version": len(self.versions), "deletion_time": "2026-11-22T10:00:00Z" if deleted else ""}
        return Answer(404 if deleted else 200, {"data": {"data": self.versions[-1], "metadata": metadata}})

    def _post(self, body: dict[str, Any]) -> Answer:
        if self.rival is not None:
            self.versions.append(self.rival)
            self.rival = None
        if body["options"]["cas"] != len(self.versions):
            return Answer(400, {"errors": [MISMATCH]})
        self.versions.append(body["data"])
        return Answer(200, {"data": {"version": len(self.versions), "destroyed": False}})


@pytest.fixture
def engine(server: ScriptedServer) -> Engine:
    engine = Engine()
    server.script = [engine]
    return engine


@pytest.fixture
def make(options: dict[str, Any], server: ScriptedServer, ca_path: str, clock: FakeClock) -> Iterator[Make]:
    made: list[HashicorpSink] = []

    def sink(read_only: bool = False, **place: Any) -> HashicorpSink:
        there = {"url": server.url, "mount": "secret", "path": "mail/mailer", "ca_path": ca_path, "token": "the.token"}
        made.append(HashicorpSink(options, {**there, **place}, read_only))
        made[-1].http.clock = clock  # type: ignore[assignment]
        return made[-1]

    yield sink
    for one in made:
        one.http.close()


def test_what_is_written_is_read(make: Make, engine: Engine) -> None:
    sink = make()
    assert sink.read() == Record()
    for record in (
        Record(None, NEW),
        Record(OLD),
        both(),
        Record(secret(2, delivered="2026-11-23T00:00:00Z")),
        Record(),
    ):
        sink.write(record)
        assert make().read() == record
    assert set(engine.log) == {"GET /v1/secret/data/mail/mailer", "POST /v1/secret/data/mail/mailer"}


def test_the_fields(make: Make, engine: Engine) -> None:
    make().write(both())
    assert engine.versions == [
        {
            "value": OLD.value,
            "key_id": OLD.key_id,
            "application": OLD.application,
            "made": OLD.made,
            "ends": OLD.ends,
            "next_value": NEW.value,
            "next_key_id": NEW.key_id,
            "next_application": NEW.application,
            "next_made": NEW.made,
            "next_ends": NEW.ends,
        }
    ]


def test_other_fields_stay(make: Make, engine: Engine) -> None:
    engine.versions = [{"smtp_host": "smtp.office365.com", "port": 587, "tags": ["a"]}]
    make().write(Record(OLD))
    make().write(Record())
    assert engine.versions[-1] == engine.versions[0]


def test_what_is_there_already_is_not_written(make: Make, engine: Engine) -> None:
    make().write(Record(OLD))
    make().write(Record(OLD))
    assert len(engine.versions) == 1


def test_a_deleted_version_is_followed_by_the_next(make: Make, engine: Engine) -> None:
    engine.versions = [{"value": "x"}, None]
    assert make().read() == Record()
    make().write(Record(NEW))
    assert len(engine.versions) == 3


def test_a_lost_race_is_explained_and_overwrites_nothing(make: Make, engine: Engine) -> None:
    engine.rival = {"password": "somebody's"}
    with pytest.raises(ServiceError, match="Somebody else has written there") as caught:
        make().write(Record(NEW))
    assert not caught.value.ambiguous
    assert engine.versions == [{"password": "somebody's"}]


@pytest.mark.parametrize("record", [Record(NEW), both(), Record()], ids=["promotion", "next", "none"])
def test_lost_answers_do_no_harm(record: Record, make: Make, engine: Engine) -> None:
    for number in range(1, 4):
        engine.__init__()  # type: ignore[misc]
        make().write(Record(OLD, secret(3)))
        engine.lost = {len(engine.log) + number}
        make().write(record)
        assert make().read() == record
        assert len(engine.versions) == 2


def test_a_write_that_a_stale_read_did_not_show_is_found(make: Make, engine: Engine) -> None:
    engine.lost = {2}
    engine.faults = {3: Answer(404, {"errors": []})}
    make().write(Record(NEW))
    assert len(engine.versions) == 1


def test_a_write_that_is_never_seen_is_no_success(make: Make, engine: Engine) -> None:
    engine.faults = dict.fromkeys(range(2, 99), Answer(502, b"<html>"))
    with pytest.raises(ServiceError) as caught:
        make().write(Record(NEW))
    assert caught.value.ambiguous
    assert not shows_a_secret(caught.value)


def test_a_mount_of_version_1_is_told(make: Make, engine: Engine) -> None:
    engine.faults = {2: Answer(204), 4: Answer(204), 6: Answer(204)}
    with pytest.raises(ServiceError, match="version 2") as caught:
        make().write(Record(NEW))
    assert caught.value.ambiguous


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"value": "somebody's"}, "it holds value without key_id"),
        ({"key_id": "1", "value": "somebody's"}, "without application, made, ends"),
        ({"value": {"a": "somebody's"}}, "value is not a text"),
        ({"next_value": "somebody's"}, "without next_key_id"),
    ],
)
def test_what_somebody_else_wrote_is_told_and_not_overwritten(
    fields: dict[str, Any], said: str, make: Make, engine: Engine
) -> None:
    engine.versions = [fields]
    for act in (make().read, lambda: make().write(Record(NEW))):
        with pytest.raises(ServiceError, match=said) as caught:
            act()
        assert "somebody's" not in str(caught.value)
    assert engine.versions == [fields]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (DENIED, "permission denied The token is not valid any longer"),
        (Answer(503, {"errors": ["Vault is sealed"]}), "Unseal it"),
        (
            Answer(404, {"errors": ['no handler for route "secret/data/mail/mailer". route entry not found.']}),
            "no secrets",
        ),
        (Answer(404, b"<html>"), "without a reason"),
        (Answer(404, {}), "without a reason"),
        (Answer(200, {"data": {"value": "x"}}), "version 2"),
        (Answer(200, {"data": {"data": [], "metadata": {"version": 1}}}), "version 2"),
        (Answer(200, b"<html>"), "something else"),
        (Answer(500, {"errors": ["internal error"]}), "internal error"),
    ],
)
def test_what_cannot_be_read_is_not_empty(answer: Answer, said: str, make: Make, engine: Engine) -> None:
    engine.faults = dict.fromkeys(range(1, 20), answer)
    with pytest.raises(ServiceError, match=said) as caught:
        make().read()
    assert "\n" not in str(caught.value)


def test_a_sealed_server_is_not_asked_for_long(make: Make, engine: Engine) -> None:
    engine.faults = dict.fromkeys(range(1, 20), Answer(503, {"errors": ["Vault is sealed"]}))
    with pytest.raises(ServiceError, match="sealed"):
        make().read()
    assert len(engine.log) == 3


def test_an_app_role_signs_in_once(make: Make, engine: Engine) -> None:
    sink = make(token="the.other.token", role_id="the-role", secret_id="the~secret~id")
    assert engine.log == []
    sink.write(Record(OLD))
    assert sink.read() == Record(OLD)
    assert engine.log.count("POST /v1/auth/approle/login") == 1


def test_an_app_role_that_is_refused(make: Make, engine: Engine) -> None:
    with pytest.raises(ServiceError, match=r"Sign-in: invalid role or secret ID.*new secret_id") as caught:
        make(token=None, role_id="the-role", secret_id="the~wrong~id").read()
    assert "~wrong~" not in str(caught.value)


def test_the_role_may_need_no_secret_id(make: Make, server: ScriptedServer, engine: Engine) -> None:
    with pytest.raises(ServiceError, match="Sign-in"):
        make(role_id="the-role").read()
    assert server.requests[0].json == {"role_id": "the-role"}


def test_no_token_at_all(make: Make, engine: Engine) -> None:
    with pytest.raises(ServiceError, match="VAULT_TOKEN"):
        make(token=None).read()
    assert engine.log == []


def test_the_namespace_is_named_in_every_request(make: Make, server: ScriptedServer, engine: Engine) -> None:
    make(namespace="mail/team", token=None, role_id="the-role", secret_id="the~secret~id").read()
    assert [seen.headers["X-Vault-Namespace"] for seen in server.requests] == ["mail/team"] * 2


def test_paths_are_encoded(make: Make, engine: Engine) -> None:
    make(mount="/team/kv/", path="a b/ü?#").read()
    assert engine.log == ["GET /v1/team/kv/data/a%20b/%C3%BC%3F%23"]


@pytest.mark.parametrize(
    "place",
    [
        {"path": ""},
        {"path": "/"},
        {"path": "a//b"},
        {"path": "../sys/seal"},
        {"mount": "a/./b"},
        {"url": "http://127.0.0.1:8200"},
        {"url": "https://user:the~password@vault.contoso.example"},
        {"url": "https://vault.contoso.example/v1"},
        {"url": "vault.contoso.example"},
        {"url": "https://["},
    ],
)
def test_places_that_make_no_sense(place: dict[str, Any], make: Make, engine: Engine) -> None:
    with pytest.raises(ServiceError, match=r"sink\.hashicorp_vault\.") as caught:
        make(**place)
    assert "~password" not in str(caught.value)


def test_a_redirect_elsewhere_gets_no_token(make: Make, server: ScriptedServer) -> None:
    server.script = [Answer(307, None, {"Location": "https://attacker.example/v1/secret/data/mail/mailer"})]
    with pytest.raises(ServiceError, match="not a host of this service"):
        make().read()


def test_nothing_is_written_in_check_mode(make: Make, engine: Engine) -> None:
    with make(read_only=True).alone(), pytest.raises(WriteRefused):
        make(read_only=True).write(Record(NEW))
    assert engine.log == []
    sink = make(read_only=True, token=None, role_id="the-role", secret_id="the~secret~id")
    assert sink.read() == Record()


def test_a_second_run_is_refused(make: Make) -> None:
    with make().alone():
        with pytest.raises(ServiceError, match="Another run"), make().alone():
            pytest.fail("two runs at a time")
        with make(namespace="mail").alone(), make(path="mail/calendar").alone():
            pass


def test_a_note_is_kept_without_its_value(make: Make, engine: Engine) -> None:
    make().write(Record(OLD, replace(NEW, value=None)))
    assert make().read() == Record(OLD, replace(NEW, value=None))


def test_sinks_open_it_without_a_request(options: dict[str, Any], server: ScriptedServer) -> None:
    place = {"url": server.url + "/", "mount": "secret", "path": "mail/mailer"}
    sink = Sinks(options, False).open({"hashicorp_vault": place})
    assert sink.where == f"the secret mail/mailer of secret in {server.url}"
    assert server.connections == 0
