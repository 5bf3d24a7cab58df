# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of a secret: what is due, what may go, and that a run ended anywhere is finished by the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain import app_secrets as life
from ansible_collections.m365.hybrid.plugins.module_utils.domain.app_secrets import Credential, Facts, Terms
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Record, Stored

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TERMS = Terms("default", "0a1b2c3d", 180 * DAY, 30 * DAY, 7 * DAY)
FOREIGN = Credential("foreign", "made by hand", START - 400 * DAY, START + 9 * DAY, "abc")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class World:
    """Entra ID and a sink, with a process that can be killed before or after each of its writes."""

    now: datetime = START
    credentials: list[Credential] = field(default_factory=lambda: [FOREIGN])
    record: Record = field(default_factory=Record)
    made: int = 0
    # Key ids of the secrets whose values were ever kept.
    kept: set[str] = field(default_factory=set)
    # Writes until the process is killed; negative: never.
    fuse: int = -1

    def write(self) -> None:
        """One write is about to happen or has happened."""
        if self.fuse == 0:
            raise Killed
        self.fuse -= 1

    def facts(self) -> Facts:
        return Facts(self.now, tuple(self.credentials), 0, self.record, proved=True)

    def keep(self, record: Record) -> None:
        self.write()
        self.record = record
        self.kept |= {one.key_id for one in (record.current, record.next) if one and one.value}
        self.write()

    def make(self, terms: Terms) -> None:
        noted = life.intent(terms, f"{self.made:08x}", "app", self.now, self.record.next)
        self.keep(replace(self.record, next=noted))
        self.write()
        self.made += 1
        mark = self.record.next
        assert mark is not None
        new = Credential(f"key{self.made}", mark.key_id, self.now, self.now + terms.lifetime, f"{self.made:03}")
        self.credentials.append(new)
        self.write()
        kept = Stored(f"value{self.made}", new.key_id, "app", life.written(new.start), life.written(new.end))
        self.keep(replace(self.record, next=kept))

    def step(self, terms: Terms, step: str) -> None:
        facts, record = self.facts(), self.record
        if step == life.MAKE:
            self.make(terms)
        elif step == life.USE:
            proved = life.waiting(facts)
            assert proved is not None
            self.keep(Record(replace(proved, delivered=life.written(self.now) if terms.delivered else None)))
        elif step == life.CONFIRM and record.current:
            self.keep(replace(record, current=replace(record.current, delivered=life.written(self.now))))
        elif step == life.FORGET:
            self.keep(Record(None if terms.absent else record.current))
        else:
            gone = step.rpartition(" ")[2]
            self.write()
            self.credentials = [one for one in self.credentials if one.key_id != gone]
            self.write()

    def run(self, terms: Terms = TERMS) -> bool:
        """One whole run; whether it came to its end."""
        try:
            while due := life.steps(self.facts(), terms):
                self.step(terms, due[0])
        except Killed:
            self.fuse = -1
            return False
        self.fuse = -1
        return True

    def ours(self) -> list[str]:
        return [one.key_id for one in life.ours(TERMS, self.credentials)]

    def works(self) -> bool:
        """Whether what consumers read signs in."""
        held = self.record.current
        return held is not None and any(
            one.key_id == held.key_id and held.value and one.valid(self.now) for one in self.credentials
        )


def test_a_first_secret_is_made_proved_and_used() -> None:
    world = World()
    assert life.steps(world.facts(), TERMS) == [life.MAKE, life.PROVE, life.USE]
    assert world.run()
    assert world.works()
    assert world.ours() == ["key1"]
    assert life.steps(world.facts(), TERMS) == []
    assert life.next_event(world.facts(), TERMS) == {"what": "renewal", "at": "2027-04-21T12:00:00Z"}


def test_a_renewal_keeps_the_old_secret_until_the_grace_is_over() -> None:
    world = World()
    world.run()
    world.now += 151 * DAY
    assert world.run()
    assert world.ours() == ["key1", "key2"]
    assert world.record.current is not None
    assert world.record.current.key_id == "key2"
    assert life.next_event(world.facts(), TERMS) == {"what": "removal of the old secret", "at": "2027-04-29T12:00:00Z"}
    world.now += 6 * DAY
    assert life.steps(world.facts(), TERMS) == []
    world.now += DAY
    assert life.steps(world.facts(), TERMS) == ["remove key1"]
    world.run()
    assert world.ours() == ["key2"]
    assert FOREIGN in world.credentials


def test_without_a_delivery_the_old_secret_is_never_removed() -> None:
    terms, confirmed = replace(TERMS, delivered=False), TERMS
    world = World()
    world.run(confirmed)
    world.now += 151 * DAY
    world.run(terms)
    world.now += 20 * DAY
    assert life.steps(world.facts(), terms) == []
    assert world.ours() == ["key1", "key2"]
    assert life.steps(world.facts(), confirmed) == [life.CONFIRM]
    world.run(confirmed)
    assert world.ours() == ["key1", "key2"]
    world.now += 7 * DAY
    world.run(confirmed)
    assert world.ours() == ["key2"]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 14), st.sampled_from([0, 1, 8, 151, 200])), min_size=1, max_size=6),
    st.booleans(),
)
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(kills: list[tuple[int, int]], renewing: bool) -> None:
    world = World()
    if renewing:
        world.run()
        world.now += 160 * DAY
    for fuse, days in kills:
        before = world.works()
        world.fuse = fuse
        world.run()
        assert world.works() or not before or days > 0
        world.now += days * DAY
    assert world.run()
    assert world.works()
    assert set(world.ours()) <= world.kept, "a secret that nobody knows stayed"
    assert FOREIGN in world.credentials
    world.now += 8 * DAY
    assert world.run()
    held = world.record.current
    assert held is not None
    assert world.ours() == [held.key_id], "an orphan stayed"
    assert world.record.next is None


def facts(**changes: Any) -> Facts:
    world = World()
    world.run()
    return replace(world.facts(), **changes)


@pytest.mark.parametrize("fuse", range(12))
def test_a_removal_of_all_that_is_killed_anywhere_is_finished_by_the_next(fuse: int) -> None:
    gone, foreign = replace(TERMS, absent=True), replace(FOREIGN, end=START + 400 * DAY)
    world = World(credentials=[foreign])
    world.run()
    world.now += 151 * DAY
    world.run()
    world.fuse = fuse
    # Two secrets and the sink, each with a moment before and after the write.
    assert world.run(gone) == (fuse >= 6)
    assert world.run(gone)
    assert world.ours() == []
    assert world.record == Record()
    assert world.credentials == [foreign]
    assert life.next_event(world.facts(), gone) is None


def test_a_removal_of_all_leaves_the_last_one_that_signs_in() -> None:
    gone = replace(TERMS, absent=True)
    world = World(credentials=[])
    world.run()
    assert life.removable(world.facts(), gone) == []
    (said,) = life.attention(world.facts(), gone)
    assert "the last one that the application can sign in with" in said


def test_what_other_people_made_is_removed_only_when_it_is_named() -> None:
    known = facts()
    assert life.removable(known, TERMS) == []
    assert life.removable(known, replace(TERMS, remove=("foreign",))) == [FOREIGN]


def test_the_same_name_in_another_sink_is_not_ours() -> None:
    world = World()
    world.run()
    world.record = Record()
    other = replace(TERMS, sink="99999999")
    world.run(other)
    world.now += 400 * DAY
    assert life.removable(world.facts(), other) == []


def test_the_last_one_stays() -> None:
    only = facts(credentials=(FOREIGN,), record=Record())
    terms = replace(TERMS, remove=("foreign",))
    assert life.removable(only, terms) == []
    assert "the last one" in life.kept(only, terms, FOREIGN)
    assert life.attention(only, terms) == [], "a new one is due, and then it may go"
    assert life.removable(replace(only, others=1), terms) == [FOREIGN]


def test_the_one_that_we_sign_in_with_stays() -> None:
    known, terms = facts(signed_in="abc-and-more"), replace(TERMS, remove=("foreign",))
    assert life.removable(known, terms) == []
    assert "this run signs in with it" in life.attention(known, terms)[0]


def test_a_secret_that_somebody_removed_is_replaced_and_told() -> None:
    known = facts()
    gone = replace(known, now=START + DAY, credentials=(FOREIGN,))
    assert life.steps(gone, TERMS) == [life.MAKE, life.PROVE, life.USE]
    assert "somebody has removed it" in life.attention(gone, TERMS)[0]


def test_a_lagging_replica_is_not_taken_for_somebody_who_removed_it() -> None:
    known = facts()
    assert life.steps(replace(known, credentials=(FOREIGN,)), TERMS) == []


def test_what_a_killed_run_made_is_known_though_entra_id_shows_it_only_later() -> None:
    world = World(fuse=4)
    assert not world.run()
    assert world.ours() == ["key1"]
    late = world.credentials.pop()
    assert world.run()
    world.credentials.insert(1, late)
    assert world.ours() == ["key1", "key2"]
    assert life.steps(world.facts(), TERMS) == ["remove key1"]
    world.now += 160 * DAY
    world.run()
    assert world.ours() == ["key2", "key3"], "the old one in its grace has another mark"


def test_a_note_of_another_line_does_not_give_its_mark() -> None:
    noted = life.intent(TERMS, "00000000", "app", START)
    other = replace(TERMS, name="other")
    assert life.intent(TERMS, "00000001", "app", START, noted).key_id == noted.key_id
    assert life.intent(other, "00000001", "app", START, noted).key_id == "other [m365.hybrid 0a1b2c3d-00000001]"


@pytest.mark.parametrize(
    "text", ["2026-08-01T10:00:00.1234567Z", "2026-08-01T10:00:00Z", "2026-08-01T12:00:00.1+02:00"]
)
def test_times_of_graph(text: str) -> None:
    assert life.moment(text).replace(microsecond=0) == datetime(2026, 8, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", ["a" * 81, "a\nb", "a [m365.hybrid 0a1b2c3d-00000000]"])
def test_a_name_that_could_not_be_found_again_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        life.checked_name(name)


def test_a_certificate_that_is_kept_but_not_in_entra_id_is_given_to_it_again() -> None:
    kept = Stored("PEM", "key9", "app", life.written(START), life.written(START + 180 * DAY))
    known = Facts(START, (FOREIGN,), 0, Record(None, kept))
    terms = replace(TERMS, kind=life.CERTIFICATE)
    assert life.steps(known, terms) == [life.MAKE, life.PROVE, life.USE]
    shown = Credential("key9", "x", START, START + 180 * DAY, "")
    assert life.steps(replace(known, credentials=(FOREIGN, shown)), terms) == [life.PROVE, life.USE]
    assert life.steps(known, TERMS) == [life.PROVE, life.USE], "a secret cannot be made twice"
