# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job, ended or cut off at each of its requests: the next run ends it, and nothing is doubled or lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import smime_role
from smime_stage import NEW, OLD, PARTNER, Stage, element

from lab.exchange.certificate_stores import REVOCATION_LIST, Element

# Notes of Windows beside a certificate: a name for people, and one that nobody knows.
NOTES = ((0x0B, "Partnerwerk\0".encode("utf-16-le")), (0x7777, b"\1\2\3"))
REVOKED = element(b"a list of revoked certificates", kind=REVOCATION_LIST)


def set_up(stage: Stage) -> tuple[list[Element], list[Element]]:
    """The old authorities are trusted, the new ones are to be; a partner's and a list stay. What the store holds and will."""
    stage.begin()
    stage.lay_out("ca", *NEW, *PARTNER)
    stage.lay_out("samples", "mail/anna-new.eml", "mail/eva.eml")
    kept = [element(stage.der(PARTNER[0]), *NOTES), REVOKED]
    before = [element(stage.der(name)) for name in OLD] + kept
    stage.hold(*before)
    stage.points.clear()
    return ordered(before), ordered([element(stage.der(name)) for name in NEW] + kept)


def ordered(elements: Sequence[Element]) -> list[Element]:
    """In an order that does not depend on who wrote them."""
    return sorted(elements, key=lambda one: one.value)


def run(stage: Stage) -> list[str] | None:
    """Run the steps of the role; what went wrong, or None where the run was ended."""
    result = stage.folder / "result.json"
    wanted = smime_role.steps(str(stage.folder / "ca"), str(stage.folder / "samples"))
    process = smime_role.start(stage.connection(), wanted, result)
    stage.points.begin(process)  # type: ignore[arg-type]
    process.join(60)
    return smime_role.problems(json.loads(result.read_text(encoding="utf-8"))) if result.exists() else None


def sets(stage: Stage) -> int:
    """How often the store was written, or was to be."""
    return sum(entry.cmdlet == "Set-SmimeConfig" for entry in stage.world.journal.entries)


def assert_ended_right(stage: Stage, after: list[Element], where: str) -> None:
    """Run again: it ends what was begun, and writes nothing where that was done already."""
    stage.points.clear()
    stage.world.faults.clear()
    written, missing = sets(stage), ordered(stage.elements()) != after
    assert run(stage) == [], where
    assert ordered(stage.elements()) == after, where
    assert sets(stage) == written + missing, where


def test_the_steps_come_to_the_requests_of_the_role(stage: Stage) -> None:
    _unused, after = set_up(stage)
    assert run(stage) == []
    alone = list(stage.points.passed)
    assert ordered(stage.elements()) == after
    set_up(stage)
    played = stage.play(smime_trust_settings={})
    assert played.code == 0, played.output
    assert stage.points.passed == alone


def test_ended_at_each_request(stage: Stage) -> None:
    before, after = set_up(stage)
    assert run(stage) == []
    points = list(stage.points.passed)
    assert len(points) >= 6
    for number, point in enumerate(points, start=1):
        where = f"ended at point {number} of {len(points)}, {point}"
        set_up(stage)
        stage.points.clear(number)
        assert run(stage) is None, where
        assert stage.points.struck, where
        written = sum(one.startswith("after ") for one in points[:number])
        assert ordered(stage.elements()) == (after if written else before), where
        assert_ended_right(stage, after, where)


FAULTS: dict[str, dict[str, Any]] = {
    "cut before": {"kind": "reset_before"},
    "cut after": {"kind": "reset_after"},
    "unavailable": {"kind": "status", "status": 503},
    "not now": {"kind": "status", "status": 503, "retry_after": 0.02},
    "throttled": {"kind": "status", "status": 429, "retry_after": 0.02},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_each_request(fault: str, stage: Stage) -> None:
    before, after = set_up(stage)
    assert run(stage) == []
    requests = [entry.cmdlet or entry.service for entry in stage.world.journal.entries]
    for number, request in enumerate(requests, start=1):
        where = f"{fault} at request {number} of {len(requests)}, {request}"
        set_up(stage)
        stage.world.faults.add([{"match": {"from": number, "to": number}, "effect": FAULTS[fault]}])
        problems = run(stage)
        assert stage.world.faults.rules[0].fired == 1, where
        assert problems is not None, where
        if problems:
            # Only a write may be given up, and whose fate is not known: it is never sent again blindly.
            assert request == "Set-SmimeConfig", (where, problems)
            assert ordered(stage.elements()) in (before, after), where
            assert sets(stage) == 1, where
        else:
            assert ordered(stage.elements()) == after, where
        assert_ended_right(stage, after, where)
