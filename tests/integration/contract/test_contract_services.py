# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The unpleasant sides of the cloud's services, through modules: what is lost, late, throttled, redirected or refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from contract_cases_cloud import EXCHANGE_1
from contract_ground import Ground
from contract_runners import forget, in_controller

from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
from ansible_collections.m365.hybrid.plugins.module_utils.core import waiting


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of our own choice are short; what a service asks for is waited for in full."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.02)


@dataclass(frozen=True)
class Write:
    """A change that takes one write: how it is asked for, which request it is, and whether it is done."""

    module: str
    wish: Mapping[str, Any]
    match: Mapping[str, Any]
    done: Callable[[Ground], bool]

    def run(self, ground: Ground, **more: Any) -> dict[str, Any]:
        """Ask for it, with little time to see it come."""
        return in_controller(self.module, {**ground.cloud(), "wait_timeout": 5, **self.wish, **more})


def is_room(ground: Ground) -> bool:
    """The conversion is done."""
    mailbox = ground.user("info").mailbox
    return mailbox is not None and mailbox.type_details == "RoomMailbox"


def is_licensed(ground: Ground) -> bool:
    """The license is there."""
    return [one.sku_id for one in ground.user("werkstatt3").licenses] == [EXCHANGE_1]


CONVERSION = Write(
    "mailbox_type", {"mailbox": "info@contoso.example", "type": "room"}, {"cmdlet": "Set-Mailbox"}, is_room
)
COUNTRY = Write("entra_license", {"user": "werkstatt4@contoso.example", "usage_location": "AT"}, {"method": "PATCH"},
                lambda ground: ground.user("werkstatt4").usage_location == "AT")  # fmt: skip
LICENSE = Write("entra_license", {"user": "werkstatt3@contoso.example", "licenses": {"add": ["EXCHANGESTANDARD"]}},
                {"path": "/assignLicense$"}, is_licensed)  # fmt: skip
WRITES = pytest.mark.parametrize(
    "write", [CONVERSION, COUNTRY, LICENSE], ids=["Set-Mailbox", "PATCH user", "assignLicense"]
)
READ = {"service": "exchange", "cmdlet": "Get-Mailbox"}


def succeeded(result: dict[str, Any]) -> None:
    """The change happened and is reported."""
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is True


# Answers that are lost


@WRITES
def test_a_write_whose_answer_is_lost_is_found_done_and_not_sent_again(ground: Ground, write: Write) -> None:
    ground.fault("reset_after", match=write.match)
    succeeded(write.run(ground))
    assert ground.fired() == [1]
    assert write.done(ground)
    assert len(ground.writes()) == 1
    assert write.run(ground)["changed"] is False


@WRITES
@pytest.mark.parametrize("kind", ["reset_before", "html", "empty"])
def test_a_write_of_unknown_fate_is_not_sent_again_and_the_next_run_does_it(
    ground: Ground, write: Write, kind: str
) -> None:
    ground.fault(kind, match=write.match)
    result = write.run(ground, wait_timeout=0.2)
    assert result["failed"] is True
    assert result["changed"] is False
    assert "It is not known whether the change happened; nothing of it was seen within 0.2 s." in result["msg"]
    assert "Run again: what is there by then is read first." in result["msg"]
    assert len(ground.writes()) == 1
    assert not write.done(ground)
    succeeded(write.run(ground))
    assert write.done(ground)


@WRITES
def test_a_lost_answer_with_lagging_reads_is_waited_for(ground: Ground, write: Write) -> None:
    ground.tenant.switches |= {"exchange_type_lag": 2, "graph_replica_lag": 0.4}
    ground.fault("reset_after", match=write.match)
    succeeded(write.run(ground))
    assert len(ground.writes()) == 1


def test_of_two_writes_only_the_missing_one_is_sent(ground: Ground) -> None:
    wish = {"user": "werkstatt4@contoso.example", "usage_location": "DE", "licenses": {"add": ["EXCHANGESTANDARD"]}}
    ground.fault("reset_after", match={"method": "PATCH"})
    succeeded(in_controller("entra_license", {**ground.cloud(), **wish, "wait_timeout": 5}))
    user = ground.user("werkstatt4")
    assert ground.writes() == [f"PATCH /v1.0/users/{user.id}", f"POST /v1.0/users/{user.id}/assignLicense"]


# Throttling and errors of the moment


@WRITES
@pytest.mark.parametrize(("status", "wait"), [(429, 0.25), (429, 1), (429, None), (503, 0.25)])
def test_a_throttled_write_is_sent_again_when_the_service_says(
    ground: Ground, write: Write, status: int, wait: float | None
) -> None:
    asked = {} if wait is None else {"retry_after": wait}
    ground.fault("status", match=write.match, status=status, **asked)
    begin = time.monotonic()
    succeeded(write.run(ground))
    assert time.monotonic() - begin >= (wait or 0)
    assert ground.fired() == [1]
    assert len(ground.writes()) == 2, "the one that was turned away, and the one that was done"
    assert write.done(ground)


@WRITES
def test_a_write_that_met_503_without_a_time_is_not_sent_again(ground: Ground, write: Write) -> None:
    ground.fault("status", match=write.match, status=503)
    result = write.run(ground, wait_timeout=0.2)
    assert "It is not known whether the change happened" in result["msg"]
    assert result["error"]["status"] == 503
    assert len(ground.writes()) == 1


@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        ("status", {"status": 429, "retry_after": 0.2}),
        ("status", {"status": 503}),
        ("status", {"status": 500}),
        ("html", {}),
        ("empty", {}),
        ("reset_before", {}),
        ("reset_after", {}),
        ("expired_token", {}),
        ("expired_token", {"claims": True}),
    ],
)
@pytest.mark.parametrize("service", ["exchange", "graph"])
def test_a_read_is_repeated(ground: Ground, service: str, kind: str, effect: dict[str, Any]) -> None:
    module, wish = ("mailbox_info", {"mailbox": "info@contoso.example"}) if service == "exchange" else (
        "entra_user_info", {"user": "info@contoso.example"})  # fmt: skip
    ground.fault(kind, match={"service": service}, **effect)
    result = in_controller(module, {**ground.cloud(), **wish})
    assert not result.get("failed"), result["msg"]
    assert result["resource"]["display_name"] == "Zentrale Auskünfte"
    assert ground.fired() == [1]
    assert len(ground.requests(service)) == 2
    tokens = [request for request in ground.requests("login") if request.endswith("/token")]
    assert len(tokens) == (2 if kind == "expired_token" else 1)


def test_a_read_that_stays_broken_is_unknown_and_says_so(ground: Ground) -> None:
    ground.fault("html", times=None, match=READ)
    result = CONVERSION.run(ground)
    assert result["msg"].startswith("mailbox=info@contoso.example: Get-Mailbox: ")
    assert "502" in result["msg"]
    assert "Tried 8 times" in result["msg"]
    assert result["error"]["status"] == 502
    assert ground.writes() == []


def test_a_wait_that_is_too_long_is_not_waited(ground: Ground) -> None:
    ground.fault("status", match=READ, status=429, retry_after=3600)
    result = CONVERSION.run(ground)
    assert "the service asks to wait 3600 s" in result["msg"]
    assert result["error"]["status"] == 429


def test_one_throttled_object_does_not_stop_the_others(ground: Ground) -> None:
    ground.fault("status", match={**READ, "member": True, "from": 2, "to": 2}, status=429, retry_after=9999)
    entries = [{"mailbox": f"{name}@contoso.example"} for name in ("info", "raum", "gross")]
    result = in_controller("mailbox_info", {**ground.cloud(), "aggregate": entries, "concurrency": 1})
    assert [entry.get("failed", False) for entry in result["results"]] == [False, True, False]


# Tokens


@WRITES
def test_a_token_that_ends_meanwhile_is_replaced_and_the_write_done_once(ground: Ground, write: Write) -> None:
    ground.fault("expired_token", match=write.match)
    succeeded(write.run(ground))
    assert write.done(ground)
    assert len([request for request in ground.requests("login") if request.endswith("/token")]) == 2


def test_tokens_that_really_end_are_renewed(ground: Ground) -> None:
    mailbox = {**ground.cloud(), "mailbox": "info@contoso.example"}
    assert not in_controller("mailbox_info", mailbox).get("failed")
    ground.control("POST", "clock", {"advance": 4000})
    assert not in_controller("mailbox_info", mailbox).get("failed")
    assert len([request for request in ground.requests("login") if request.endswith("/token")]) == 2


# Redirects


@pytest.mark.parametrize(("write", "service"), [(CONVERSION, "exchange"), (LICENSE, "graph")])
def test_a_redirect_inside_the_cloud_keeps_method_body_and_token(ground: Ground, write: Write, service: str) -> None:
    ground.fault("redirect", times=None, match={"service": service})
    succeeded(write.run(ground))
    assert write.done(ground)
    assert ground.fired()[0] > 0
    assert len([entry for entry in ground.world.journal.entries if entry.write and entry.status != 302]) == 1


@pytest.mark.parametrize("authority", ["https://mail.fremd.example", "http://127.0.0.1:1"])
def test_a_redirect_elsewhere_is_not_followed(ground: Ground, authority: str) -> None:
    ground.fault("redirect", times=None, match=READ, authority=authority)
    result = CONVERSION.run(ground)
    assert f"redirected to {authority}, which is not a host of this service" in result["msg"]
    assert "The token was not sent there" in result["msg"]
    assert ground.writes() == []


# Permissions that are missing or on their way


def test_the_mute_403_of_exchange_is_explained(ground: Ground) -> None:
    for role in ground.tenant.roles.values():
        role.members.clear()
    result = CONVERSION.run(ground)
    assert "It means one of three things" in result["msg"]
    assert "Exchange Administrator" in result["msg"]
    assert "\0" not in result["msg"]
    assert result["error"]["status"] == 403


def test_a_role_on_its_way_is_explained_and_the_next_run_goes_on(ground: Ground) -> None:
    ground.tenant.switches["exchange_propagation_403"] = 1
    result = CONVERSION.run(ground)
    assert "A role that was just given takes some minutes, and a new token." in result["msg"]
    forget()
    succeeded(CONVERSION.run(ground))


def test_a_conversion_that_shows_late_is_waited_for(ground: Ground) -> None:
    ground.tenant.switches["exchange_type_lag"] = 3
    result = CONVERSION.run(ground)
    succeeded(result)
    assert result["resource"]["type"] == "room"
    assert len(ground.writes()) == 1
    reads = [request for request in ground.requests() if request.startswith("Get-Mailbox ")]
    assert len(reads) == 5, "one before the change, three that show the old type, one that shows the new one"


def test_a_conversion_that_does_not_show_in_time_is_said(ground: Ground) -> None:
    ground.tenant.switches["exchange_type_lag"] = 1000
    result = CONVERSION.run(ground, wait_timeout=0.2)
    assert "The service accepted the change, but does not show it after 0.2 s (still different: type)" in result["msg"]
    assert "raise wait_timeout" in result["msg"]
    assert len(ground.writes()) == 1
    assert is_room(ground)


@pytest.mark.parametrize("write", [COUNTRY, LICENSE], ids=["PATCH user", "assignLicense"])
@pytest.mark.parametrize("seed", range(3))
def test_replicas_that_disagree_lead_to_one_write(ground: Ground, write: Write, seed: int) -> None:
    ground.tenant.seed = seed
    ground.tenant.switches |= {"graph_replica_lag": 0.5, "graph_replicas": 3}
    result = write.run(ground)
    succeeded(result)
    assert len(ground.writes()) == 1
    time.sleep(0.5)
    assert write.run(ground)["changed"] is False


def test_a_license_is_ready_when_its_plan_shows(ground: Ground) -> None:
    ground.tenant.switches |= {"graph_replica_lag": 0.5, "graph_replicas": 2}
    wish = {"user": "werkstatt3@contoso.example", "licenses": {"add": ["EXCHANGESTANDARD"]}, "exchange_ready": True}
    result = in_controller("entra_license", {**ground.cloud(), **wish, "wait_timeout": 10})
    succeeded(result)
    assert result["resource"]["exchange_ready"] is True
    assert ground.user("werkstatt3").mailbox is not None
