# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The unpleasant sides of the directory, through the modules for applications: what lags, is lost, or is in the way.

Whatever happens, the end is right and nothing is there twice: no second application, no second consent, no second secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from contract_cases_applications import (
    ANNA,
    FULL,
    GROUP,
    HELD,
    NEW,
    READ_ROLE,
    SMTP_SEND,
    USER_READ,
    application,
    asks,
    assigned,
    called,
    everything,
    has,
    is_declared,
    is_new,
    may,
    offers,
    permits,
    used_by,
)
from contract_cases_secrets import by_hand, in_use, ours, ran, wanted
from contract_ground import Ground
from contract_runners import forget, in_controller

from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
from ansible_collections.m365.hybrid.plugins.module_utils.core import waiting
from lab.tokens import EXCHANGE, GRAPH

Look = Callable[[Ground], Any]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of our own choice are short; what a service asks for is waited for in full."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.2)
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.02)


@dataclass(frozen=True)
class Wish:
    """A change that takes several writes, and how it must end."""

    module: str
    options: Mapping[str, Any]
    proof: Look
    prepare: Look = lambda ground: None

    def run(self, ground: Ground, **more: Any) -> dict[str, Any]:
        """Ask for it, with little time to see it come."""
        options = {"application": "contoso-lager", **self.options, "wait_timeout": 15, **more}
        return in_controller(self.module, {**ground.cloud(), **options})


WISHES = {
    "new": Wish("entra_app_registration", NEW, is_new),
    "new in full": Wish("entra_app_registration", {**NEW, **FULL}, is_declared),
    "changed": Wish(
        "entra_app_registration",
        {"notes": "Neu", "delegated_permissions": {"add": ["Microsoft Graph/SMTP.Send"]}},
        everything(has("notes", "Neu"), asks(("Scope", USER_READ), ("Scope", SMTP_SEND))),
    ),
    "roles": Wish(
        "entra_app_registration",
        {"app_roles": [{"value": "Lager.Lesen", "display_name": "Nur lesen", "description": "Lesen"}]},
        offers(("Lager.Lesen", "Nur lesen", True)),
    ),
    "consent": Wish(
        "entra_app_consent",
        {
            "delegated_permissions": {"add": ["Office 365 Exchange Online/SMTP.Send"]},
            "application_permissions": {"set": ["Office 365 Exchange Online/SMTP.SendAsApp"]},
        },
        everything(permits(*HELD, "exchange/SMTP.Send"), may(GRAPH), may(EXCHANGE, "SMTP.SendAsApp")),
    ),
    "assignment": Wish(
        "entra_app_assignment",
        {"role": "Lager.Lesen", "users": {"set": [ANNA]}, "groups": {"set": [GROUP]}},
        used_by("anna.schaefer", GROUP, role=READ_ROLE),
        assigned("vertrieb", role=READ_ROLE),
    ),
}
every = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)


def succeeded(result: dict[str, Any], changed: bool = True) -> None:
    """The change happened and is reported."""
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is changed


def settled(ground: Ground, wish: Wish) -> None:
    """The end is right, and a further run has nothing to do once everything has spread."""
    wish.proof(ground)
    for name in ("graph_replica_lag", "graph_grant_404"):
        ground.tenant.switches.pop(name, None)
    forget()
    succeeded(wish.run(ground), False)
    wish.proof(ground)
    assert len([one for one in ground.tenant.applications.values() if one.unique_name == "contoso-versand"]) <= 1
    grants = [(one.client_id, one.resource_id, one.principal_id) for one in ground.tenant.permission_grants.values()]
    assert len(set(grants)) == len(grants)


@every
@pytest.mark.parametrize("seed", range(4))
def test_replicas_that_disagree(ground: Ground, wish: Wish, seed: int) -> None:
    wish.prepare(ground)
    ground.tenant.seed = seed
    ground.tenant.switches |= {"graph_replica_lag": 0.4, "graph_replicas": 3}
    succeeded(wish.run(ground))
    settled(ground, wish)


def writes_of(ground: Ground, wish: Wish) -> int:
    """How many writes the wish takes when nothing is in the way."""
    wish.prepare(ground)
    ground.world.journal.clear()
    succeeded(wish.run(ground))
    count = len(ground.writes())
    ground.begin()
    forget()
    return count


@every
@pytest.mark.parametrize("kind", ["reset_after", "reset_before", "html"])
def test_the_answer_of_any_write_is_lost(ground: Ground, wish: Wish, kind: str) -> None:
    """After the write was done it is found; before, one more run may be needed, and that finishes it."""
    for number in range(1, writes_of(ground, wish) + 1):
        wish.prepare(ground)
        ground.fault(kind, match={"service": "graph", "write": True, "from": number, "to": number})
        result = wish.run(ground, wait_timeout=0.5 if kind != "reset_after" else 15)
        assert ground.fired() == [1], f"write {number}"
        if result.get("failed"):
            assert kind != "reset_after", f"write {number}: {result['msg']}"
            forget()
            result = wish.run(ground)
        assert not result.get("failed"), f"write {number}: {result['msg']}"
        settled(ground, wish)
        ground.begin()
        forget()


@every
def test_every_second_write_is_throttled(ground: Ground, wish: Wish) -> None:
    count = writes_of(ground, wish)
    wish.prepare(ground)
    ground.fault(
        "status", times=None, status=429, retry_after=0.05, match={"service": "graph", "write": True, "every": 2}
    )
    succeeded(wish.run(ground))
    assert len(ground.writes()) == 2 * count - 1
    ground.control("DELETE", "faults")
    settled(ground, wish)


@pytest.mark.parametrize("times", [1, 2])
def test_a_consent_that_is_written_and_answered_with_404(ground: Ground, times: int) -> None:
    wish = Wish(
        "entra_app_consent",
        {"delegated_permissions": {"add": ["Office 365 Exchange Online/SMTP.Send"]}},
        permits(*HELD, "exchange/SMTP.Send"),
    )
    ground.tenant.switches["graph_grant_404"] = times
    succeeded(wish.run(ground))
    settled(ground, wish)


# Secrets


def make(ground: Ground, **more: Any) -> dict[str, Any]:
    """Ask for a secret of the warehouse."""
    return in_controller("entra_app_secret", {**ground.cloud(), **wanted(ground), "wait_timeout": 20, **more})


@pytest.mark.parametrize("seed", range(4))
def test_a_secret_that_spreads_slowly(ground: Ground, seed: int) -> None:
    ground.tenant.seed = seed
    ground.tenant.switches |= {
        "graph_replica_lag": 0.5,
        "graph_replicas": 3,
        "secret_propagation": 0.8,
        "token_replicas": 3,
    }
    succeeded(make(ground))
    in_use()(ground)
    ground.tenant.switches.clear()
    succeeded(make(ground), False)
    in_use()(ground)


@pytest.mark.parametrize("seed", range(3))
def test_a_renewal_with_everything_slow(ground: Ground, seed: int) -> None:
    ran(ground, 151)
    ground.tenant.seed = seed
    ground.tenant.switches |= {"graph_replica_lag": 0.5, "secret_propagation": 0.8, "secret_removal_delay": 0.8}
    succeeded(make(ground))
    in_use(2)(ground)
    ground.control("POST", "clock", {"advance": 8 * 86400})
    succeeded(make(ground))
    in_use()(ground)


@pytest.mark.parametrize("status", [409, 503])
def test_two_writes_to_credentials_that_come_too_close(ground: Ground, status: int) -> None:
    ran(ground, 1)
    ground.tenant.switches |= {"graph_credential_gap": 0.2, "graph_credential_gap_status": status}
    gone = [one.key_id for one in ours(ground) + by_hand(ground)]
    result = make(ground, renew_before=179, remove_key_ids=gone)
    succeeded(result)
    in_use(foreign=0)(ground)


@pytest.mark.parametrize("kind", ["reset_after", "reset_before", "html", "empty"])
def test_the_answer_with_the_secret_is_lost(ground: Ground, kind: str) -> None:
    """Its value is lost with it; the next run removes what was made and makes another one."""
    ground.fault(kind, match={"path": "/addPassword"})
    result = make(ground)
    assert result["failed"] is True
    assert "Whether a secret was made is not known; its value would be lost." in result["msg"]
    assert len(ours(ground)) == (1 if kind == "reset_after" else 0)
    succeeded(make(ground))
    in_use()(ground)


@pytest.mark.parametrize("kind", ["reset_after", "reset_before", "html"])
def test_the_answer_of_a_removal_is_lost(ground: Ground, kind: str) -> None:
    ran(ground, 151)
    ran(ground, 8)
    assert len(ours(ground)) == 2
    ground.fault(kind, match={"path": "/removePassword"})
    result = make(ground, wait_timeout=1)
    assert ground.fired() == [1]
    if result.get("failed"):
        assert kind != "reset_after", result["msg"]
        succeeded(make(ground))
    in_use()(ground)


def test_a_new_application_and_its_secret_at_once(ground: Ground) -> None:
    """The way of a new application: everything is so new that nobody knows it yet."""
    ground.tenant.switches |= {"graph_replica_lag": 0.4, "application_propagation": 0.6, "secret_propagation": 0.6}
    succeeded(WISHES["new in full"].run(ground))
    consent = {"delegated_permissions": {"set": ["Microsoft Graph/SMTP.Send"]}}
    succeeded(Wish("entra_app_consent", {**NEW, **consent}, lambda ground: None).run(ground))
    succeeded(make(ground, **NEW))
    own = called(ground, "contoso-versand")
    assert len(own.credentials) == 1
    assert own.app_id != application(ground).app_id
