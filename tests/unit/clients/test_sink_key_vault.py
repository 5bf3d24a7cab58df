# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Azure Key Vault sink: what is written in which order, deleted names, lost answers, and where the token goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from scripted import Answer, FakeClock, ScriptedServer, Seen
from sink_part import NEW, OLD, both, locks, secret, shows_a_secret

from ansible_collections.m365.hybrid.plugins.module_utils.clients import clouds
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError, WriteRefused
from ansible_collections.m365.hybrid.plugins.module_utils.clients.sink_key_vault import KeyVaultSink
from ansible_collections.m365.hybrid.plugins.module_utils.clients.sinks import Sinks
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Record

__all__ = ["locks"]

VAULT = "https://contoso.vault.azure.net"


def refusal(status: int, code: str, message: str, inner: str | None = None) -> Answer:
    error = {"code": code, "message": message, **({"innererror": {"code": inner}} if inner else {})}
    return Answer(status, {"error": error}, {"x-ms-request-id": "r-1"})


class Vault:
    """A vault with names that stay reserved after a deletion.

    Attributes:
        there, deleted: bundles by name.
        log: method and name of each request that reached it.
        faults: answers by the number of the request, from 1; C(lost) does the work first.
        lost: numbers of the requests that are carried out and whose answer is cut off.
        moving: how many writes of a recovered name are still refused.
    """

    def __init__(self) -> None:
        self.there: dict[str, Any] = {}
        self.deleted: dict[str, Any] = {}
        self.log: list[str] = []
        self.faults: dict[int, Answer] = {}
        self.lost: set[int] = set()
        self.moving = 0

    def __call__(self, seen: Seen) -> Answer:
        prefix, _slash, rest = seen.path.removeprefix("/contoso/").partition("/")
        path, _mark, query = rest.partition("?")
        assert query == "api-version=7.4"
        assert seen.headers["Authorization"].startswith("Bearer token-")
        name, _slash, action = path.partition("/")
        self.log.append(f"{action or seen.method} {name}")
        number = len(self.log)
        if number in self.faults:
            return self.faults[number]
        answer = self._recover(name) if prefix == "deletedsecrets" else getattr(self, seen.method.lower())(name, seen)
        return Answer(cut=True) if number in self.lost else answer

    def get(self, name: str, _seen: Seen) -> Answer:
        if name not in self.there:
            return refusal(404, "SecretNotFound", f"A secret with (name/id) {name} was not found in this key vault.")
        return Answer(200, self.there[name])

    def put(self, name: str, seen: Seen) -> Answer:
        if name in self.deleted:
            text = f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; ..."
            return refusal(409, "Conflict", text, "ObjectIsDeletedButRecoverable")
        if self.moving:
            self.moving -= 1
            text = f"Secret {name} is currently being recovered and cannot be re-created; retry later."
            return refusal(409, "Conflict", text, "ObjectIsBeingRecovered")
        self.there[name] = {**seen.json, "id": f"{VAULT}/secrets/{name}/0123456789abcdef0123456789abcdef"}
        return Answer(200, self.there[name])

    def delete(self, name: str, _seen: Seen) -> Answer:
        if name not in self.there:
            return refusal(404, "SecretNotFound", f"A secret with (name/id) {name} was not found in this key vault.")
        self.deleted[name] = self.there.pop(name)
        return Answer(200, {"recoveryId": "...", "id": self.deleted[name]["id"]})

    def _recover(self, name: str) -> Answer:
        if name not in self.deleted:
            return refusal(404, "SecretNotFound", f"A secret with (name/id) {name} was not found in this key vault.")
        self.there[name] = self.deleted.pop(name)
        return Answer(200, {"id": self.there[name]["id"]})


Make = Callable[..., KeyVaultSink]


@pytest.fixture
def vault(server: ScriptedServer) -> Vault:
    vault = Vault()
    server.script = [vault]
    return vault


@pytest.fixture
def make(options: dict[str, Any], server: ScriptedServer, clock: FakeClock) -> Iterator[Make]:
    options["endpoints"]["key_vault"] = server.url
    made: list[KeyVaultSink] = []

    def sink(read_only: bool = False, **place: Any) -> KeyVaultSink:
        made.append(KeyVaultSink(options, {"vault": VAULT, "name": "mailer", **place}, read_only))
        made[-1].http.clock = clock  # type: ignore[assignment]
        return made[-1]

    yield sink
    for one in made:
        one.http.close()


def test_what_is_written_is_read(make: Make, vault: Vault) -> None:
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


def test_the_value_is_the_secret_and_the_rest_stands_beside_it(make: Make, vault: Vault) -> None:
    make().write(both())
    assert sorted(vault.there) == ["mailer", "mailer-next"]
    mailer = vault.there["mailer"]
    assert mailer["value"] == OLD.value
    assert mailer["attributes"] == {"enabled": True, "exp": 1810893600}
    assert mailer["tags"] == {
        "key_id": OLD.key_id,
        "application": OLD.application,
        "made": OLD.made,
        "ends": OLD.ends,
    }


def test_the_tags_of_others_stay(make: Make, vault: Vault) -> None:
    make().write(Record(OLD))
    vault.there["mailer"]["tags"]["owner"] = "anna"
    make().write(Record(NEW))
    assert vault.there["mailer"]["tags"]["owner"] == "anna"
    assert make().read() == Record(NEW)


def test_only_what_differs_is_written(make: Make, vault: Vault) -> None:
    make().write(Record(OLD))
    vault.log.clear()
    make().write(Record(OLD))
    assert vault.log == ["GET mailer", "GET mailer-next"]
    make().write(both())
    assert vault.log[2:] == ["GET mailer", "GET mailer-next", "PUT mailer-next"]


def test_a_promotion_writes_before_it_deletes(make: Make, vault: Vault) -> None:
    make().write(both())
    vault.log.clear()
    make().write(Record(NEW))
    assert vault.log == ["GET mailer", "GET mailer-next", "PUT mailer", "DELETE mailer-next"]
    assert make().read() == Record(NEW)


@pytest.mark.parametrize("number", range(1, 5))
def test_a_promotion_that_ends_at_any_request_is_finished_by_the_next_run(
    number: int, make: Make, vault: Vault
) -> None:
    make().write(both())
    vault.log.clear()
    vault.faults = {number: refusal(403, "Forbidden", "no", "ForbiddenByRbac")}
    with pytest.raises(ServiceError, match="no role on the vault"):
        make().write(Record(NEW))
    vault.faults = {}
    assert make().read() == (both() if number < 4 else Record(NEW))
    make().write(Record(NEW))
    assert sorted(vault.there) == ["mailer"]
    assert make().read() == Record(NEW)


def test_a_deleted_name_is_recovered(make: Make, vault: Vault, clock: FakeClock) -> None:
    make().write(both())
    make().write(Record(NEW))
    assert "mailer-next" in vault.deleted
    vault.moving = 2
    vault.log.clear()
    make().write(Record(NEW, secret(3)))
    assert vault.log[2:] == ["PUT mailer-next", "recover mailer-next", *["PUT mailer-next"] * 3]
    assert make().read() == Record(NEW, secret(3))
    assert len(clock.waits) == 2


def test_a_recovery_that_ended_in_the_middle_leaves_nothing_that_waits(make: Make, vault: Vault) -> None:
    make().write(both())
    make().write(Record(NEW))
    vault.there["mailer-next"] = vault.deleted.pop("mailer-next")
    assert make().read() == Record(NEW)


@pytest.mark.parametrize("record", [Record(NEW), both(), Record(OLD)], ids=["promotion", "next", "delete"])
def test_lost_answers_do_no_harm(record: Record, make: Make, vault: Vault) -> None:
    before = Record(OLD, secret(3))
    make().write(before)
    make().write(record)
    requests = len(vault.log)
    for number in range(1, requests):
        vault.__init__()  # type: ignore[misc]
        make().write(before)
        vault.lost = {len(vault.log) + number}
        make().write(record)
        assert make().read() == record, f"request {number}"


def test_a_write_that_is_never_seen_is_no_success(make: Make, vault: Vault) -> None:
    vault.faults = {number: Answer(502, b"<html>") for number in range(3, 99)}
    with pytest.raises(ServiceError) as caught:
        make().write(Record(NEW))
    assert caught.value.ambiguous
    assert not shows_a_secret(caught.value)


def test_an_answer_with_something_else_in_it_is_no_success(make: Make, vault: Vault) -> None:
    other = {"value": OLD.value, "tags": {"key_id": "x", "application": "a", "made": OLD.made, "ends": OLD.ends}}
    vault.faults = dict.fromkeys((3, 5, 7), Answer(200, other))
    with pytest.raises(ServiceError, match="does not show what was written"):
        make().write(Record(NEW))


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        ({"value": "somebody's"}, "without the tag key_id"),
        ({"value": "somebody's", "tags": {"owner": "anna"}}, "without the tag key_id"),
        ({"value": "somebody's", "tags": {"key_id": "1"}}, "without the tag application"),
    ],
)
@pytest.mark.parametrize("name", ["mailer", "mailer-next"])
def test_what_somebody_else_wrote_is_told_and_not_overwritten(
    name: str, bundle: dict[str, Any], said: str, make: Make, vault: Vault
) -> None:
    vault.there[name] = bundle
    for act in (make().read, lambda: make().write(Record(NEW, secret(3)))):
        with pytest.raises(ServiceError, match=said) as caught:
            act()
        assert "somebody's" not in str(caught.value)
    assert vault.there[name] == bundle


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            refusal(403, "Forbidden", "Caller is not authorized\r\nAction: x", "ForbiddenByRbac"),
            "Key Vault Secrets Officer",
        ),
        (refusal(403, "Forbidden", "does not have secrets get permission", "AccessDenied"), "access policies"),
        (refusal(403, "Forbidden", "Client address is not authorized", "ForbiddenByFirewall"), "firewall"),
        (refusal(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled"), "disabled"),
        (refusal(401, "Unauthorized", "AKV10032: Invalid issuer."), "another tenant"),
        (refusal(404, "VaultNotFound", "?"), r"GET /secrets/mailer: \?"),
        (Answer(404, b"<html>"), "without a reason"),
        (Answer(200, {"hello": "world"}), "no secret"),
        (Answer(200, b"<html>"), "no secret"),
    ],
)
def test_what_cannot_be_read_is_not_empty(answer: Answer, said: str, make: Make, vault: Vault) -> None:
    vault.faults = dict.fromkeys(range(1, 20), answer)
    with pytest.raises(ServiceError, match=said) as caught:
        make().read()
    assert "\n" not in str(caught.value)


def test_a_service_that_repeats_the_value_does_not_show_it(make: Make, vault: Vault) -> None:
    vault.faults = {3: refusal(400, "BadParameter", f"Cannot take {json.dumps(NEW.value)}")}
    with pytest.raises(ServiceError, match=r"Cannot take \"\*\*\*\*\*\*\*\*\"") as caught:
        make().write(Record(NEW))
    assert not shows_a_secret(caught.value)
    assert caught.value.request_id == "r-1"


def test_a_note_without_a_value_is_kept_and_read_as_one(make: Make, vault: Vault) -> None:
    note = Record(None, replace(NEW, value=None))
    make().write(note)
    assert make().read() == note
    make().write(Record(None, NEW))
    assert make().read() == Record(None, NEW)


def test_nothing_is_written_in_check_mode(make: Make, vault: Vault) -> None:
    with make(read_only=True).alone(), pytest.raises(WriteRefused):
        make(read_only=True).write(Record(NEW))
    assert vault.log == []


def test_a_second_run_is_refused(make: Make) -> None:
    with make().alone():
        with pytest.raises(ServiceError, match="Another run"), make(name="MAILER").alone():
            pytest.fail("two runs at a time")
        with make(name="calendar").alone():
            pass


@pytest.mark.parametrize("name", ["", "mail_er", "mailer/x", "mailer?", "m" * 123, "jörg"])
def test_a_name_that_no_secret_can_have(name: str, make: Make) -> None:
    with pytest.raises(ServiceError, match="no name of a secret"):
        make(name=name)


@pytest.mark.parametrize(
    "vault",
    [
        "https://contoso.vault.azure.cn",
        "https://vault.azure.net",
        "https://contoso.vault.azure.net.attacker.example",
        "https://a.b.vault.azure.net",
        "https://attacker.example/contoso.vault.azure.net",
        "https://contoso.vault.azure.net@attacker.example",
        "http://contoso.vault.azure.net",
        "https://contoso.vault.azure.net:8443",
        "contoso",
        "https://[",
    ],
)
def test_no_token_goes_to_a_host_that_is_no_vault(vault: str, make: Make, server: ScriptedServer) -> None:
    with pytest.raises(ServiceError, match=r"not an Azure Key Vault of this cloud.*https://NAME\.vault\.azure\.net"):
        make(vault=vault)
    assert server.token_requests == []


@pytest.mark.parametrize(
    ("cloud", "domain"),
    [
        ("commercial", "vault.azure.net"),
        ("gcc_high", "vault.usgovcloudapi.net"),
        ("dod", "vault.usgovcloudapi.net"),
        ("china", "vault.azure.cn"),
    ],
)
def test_each_cloud_has_its_vaults(cloud: str, domain: str) -> None:
    service = clouds.key_vault({"cloud": cloud}, f"https://Contoso.{domain}/")
    assert service == clouds.Service(
        "key_vault", f"https://contoso.{domain}", f"https://{domain}/.default", (f"contoso.{domain}",)
    )


def test_the_token_is_for_vaults(make: Make, vault: Vault, server: ScriptedServer) -> None:
    make().read()
    assert [seen.form["scope"].split()[0] for seen in server.token_requests] == ["https://vault.azure.net/.default"]


def test_a_redirect_elsewhere_gets_no_token(make: Make, server: ScriptedServer) -> None:
    server.script = [Answer(307, None, {"Location": "https://attacker.example/secrets/mailer"})]
    with pytest.raises(ServiceError, match="not a host of this service"):
        make().read()


def test_sinks_open_it_without_a_request(options: dict[str, Any], server: ScriptedServer) -> None:
    sink = Sinks(options, False).open({"azure_key_vault": {"vault": VAULT, "name": "mailer"}})
    assert sink.where == f"the secret mailer in {VAULT}"
    assert server.connections == 0
