# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that is ended at any moment: the password in the sink is the user's, or the next run makes it so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients import user_accounts
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.core.lifecycle import Clients
from ansible_collections.m365.hybrid.plugins.module_utils.domain import passwords
from ansible_collections.m365.hybrid.plugins.module_utils.domain import user_accounts as shape
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Record

NAME = "svc@contoso.example"
WANT: dict[str, Any] = {
    "user": NAME,
    "sink": {"file": {}},
    "state": "present",
    "roles": None,
    "update_password": "always",
}


class Killed(BaseException):
    """The run ended here."""


class World:
    """A user and a sink, and the moment at which the run ends."""

    def __init__(self) -> None:
        self.user: dict[str, Any] | None = None
        self.record = Record()
        self.clock = datetime(2026, 11, 22, 10, tzinfo=UTC)
        self.left: int | None = None
        self.warnings: list[str] = []
        self.where = "the sink"
        # What Graph answers to the next changes, after it has made the first of them.
        self.answers: list[ServiceError] = []

    def step(self) -> None:
        """One thing that happens; the run may end before it and after it."""
        self.clock += timedelta(seconds=10)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed

    # Graph

    def now(self) -> datetime:
        return self.clock

    def get(self, _path: str, select: str = "") -> dict[str, Any] | None:
        return dict(self.user) if self.user else None

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert (path, self.user) == ("/users", None)
        self._change({"id": "0", **body})
        return {}

    def update(self, _path: str, body: dict[str, Any], fresh: bool = False) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is None or answer.ambiguous:
            self._change({**(self.user or {}), **body})
        if answer is not None:
            raise answer

    def _change(self, user: dict[str, Any]) -> None:
        self.step()
        self.user = user | {"lastPasswordChangeDateTime": self.clock.isoformat()}
        self.step()

    # The sink

    def open(self, _sink: Any) -> World:
        return self

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield

    def read(self) -> Record:
        return self.record

    def write(self, record: Record) -> None:
        self.step()
        self.record = record
        self.step()


def run(world: World) -> bool:
    """One run; whether it changed anything."""
    services = Clients(graph=world, sinks=world)
    before = user_accounts.account(services, WANT)
    after = shape.goal(before or {}, WANT)
    if before is None:
        user_accounts.make(services, WANT, ["display_name"], after)
    elif before["password"] != after["password"]:
        user_accounts.save(services, WANT, ["password"], after)
    else:
        return False
    return True


def right(world: World) -> bool:
    """The sink says that its password is the user's, and it is."""
    held, user = world.record.current, world.user
    assert held is not None
    assert user is not None
    return held.value == user["passwordProfile"]["password"] and world.record.next is None


@pytest.mark.parametrize("moment", range(7))
@pytest.mark.parametrize("existing", [False, True])
def test_ended_at_any_moment(moment: int, existing: bool) -> None:
    world = World()
    if existing:
        run(world)
        world.record = Record()
    world.left = moment
    try:
        run(world)
        ended = False
    except Killed:
        ended = True
    assert ended is (moment < 6)
    world.left = None
    for _again in range(2):
        # Ended twice at the same place does no more harm than once.
        run(world)
    assert right(world)
    assert not run(world)


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("second", range(6))
def test_ended_twice(first: int, second: int) -> None:
    world = World()
    for world.left in (first, second):
        with suppress(Killed):
            run(world)
    world.left = None
    run(world)
    assert right(world)


def test_a_refusal_after_a_lost_answer_does_not_take_the_password_out_of_the_sink() -> None:
    world = World()
    run(world)
    world.record = Record()
    world.answers = [ServiceError("reset", ambiguous=True), ServiceError("throttled", status=429)]
    with pytest.raises(ServiceError, match="throttled") as failed:
        run(world)
    assert failed.value.ambiguous
    assert world.record.next is not None
    assert world.user is not None
    assert world.record.next.value == world.user["passwordProfile"]["password"]
    run(world)
    assert right(world)


def test_a_password_that_somebody_has_changed_is_not_the_sink_s() -> None:
    world = World()
    run(world)
    assert world.user is not None
    world.user["lastPasswordChangeDateTime"] = (world.clock + timedelta(minutes=6)).isoformat()
    assert run(world)
    assert right(world)


def test_passwords_are_long_and_of_every_kind() -> None:
    made = {passwords.new_password() for _number in range(200)}
    assert len(made) == 200
    for one in made:
        assert len(one) == 40
        assert one[0].isalnum()
        assert any(sign.islower() for sign in one)
        assert any(sign.isupper() for sign in one)
        assert any(sign.isdigit() for sign in one)
        assert any(not sign.isalnum() for sign in one)
        assert not set(one) & set("\"'\\ $&|<>{}#:%@/")
