# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupted at any point, the next run finishes: nothing is doubled and nothing is lost.

Every request to the cloud and every write to the directory is met, through the driver; every write also through
ansible-playbook itself. The ways: killed while the request hangs, connection cut before the request was carried out, cut
after it was, and a service that stays away from then on.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from ldap_gate import LdapGate
from onboarding_driver import Driver
from onboarding_stage import Stage

ONE, TWO = "info@contoso.example", "rechnung@contoso.example"
# A delay that no test sees the end of.
FOREVER = 100_000
# Each share is a test of its own, so that two workers can divide the work.
SHARES = 4
# The directory writes of one mailbox: its account, with everything in one request.
DIRECTORY_WRITES = 1


def meet(stage: Stage, effect: dict[str, Any], **match: Any) -> None:
    """Let a fault wait for a request; the journal counts from now on."""
    stage.control("DELETE", "requests")
    stage.control("POST", "faults", [{"match": match, "effect": effect}])


def hangs(stage: Stage) -> bool:
    """Whether the request that is to hang has come."""
    rules = stage.world.faults.rules
    return bool(rules and rules[-1].fired)


def wait_until_it_hangs(stage: Stage, driver: Driver, process: int) -> None:
    """Wait for the fault, as long as the process lives."""
    end = time.monotonic() + 60
    while not hangs(stage):
        assert time.monotonic() < end
        if not alive(process):
            return
        time.sleep(0.005)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def count_of_requests(stage: Stage, driver: Driver, *names: str) -> int:
    """How many requests a run without trouble sends to the cloud."""
    stage.reset()
    result = driver.run(stage.job(*names))
    assert (result["left_alone"], result["stopped"], result["unproven"]) == ({}, {}, [])
    return len(stage.requests())


def finish(stage: Stage, driver: Driver, before: dict[str, Any], what: str) -> None:
    """Take the trouble away, run again, and see that the end is right."""
    stage.forget()
    result = driver.run(stage.job(*before))
    assert (result.get("left_alone"), result.get("stopped"), result.get("unproven")) == ({}, {}, []), (what, result)
    stage.assert_brought_over(before)


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_at_any_request(share: int, stage: Stage, driver: Driver) -> None:
    """The process dies while request N hangs. The scheduler of Entra Connect does not wait for the next run."""
    count = count_of_requests(stage, driver, ONE, TWO)
    assert count > 30
    for number in range(1 + share, count + 1, SHARES):
        stage.reset()
        before = stage.remember(ONE, TWO)
        meet(stage, {"kind": "delay", "seconds": FOREVER}, index=number)
        process = driver.start(stage.job(ONE, TWO))
        wait_until_it_hangs(stage, driver, process)
        driver.kill(process)
        if number % 2:
            stage.sync()
        finish(stage, driver, before, f"killed at request {number} of {count}")


@pytest.mark.parametrize("share", range(SHARES))
def test_cut_at_any_request(share: int, stage: Stage, driver: Driver) -> None:
    """Connection N is cut once, or the cloud stays away from then on."""
    count = count_of_requests(stage, driver, ONE)
    for number in range(1 + share, count + 1, SHARES):
        for kind, match in (("once", {"index": number}), ("for good", {"from": number})):
            stage.reset()
            before = stage.remember(ONE)
            meet(stage, {"kind": "reset_before"}, **match)
            result = driver.run(stage.job(ONE))
            assert "crashed" not in result or kind == "for good", result
            finish(stage, driver, before, f"cut {kind} at request {number} of {count}")


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_write_that_was_cut_is_not_sent_twice(kind: str, stage: Stage, driver: Driver) -> None:
    """Each write to the cloud, cut once: it happens in the same run, and a write that was carried out only once."""
    driver.run(stage.job(ONE))
    writes = [request for request in stage.requests() if request["write"]]
    assert [write["method"] for write in writes] == ["PATCH", "POST", "POST"]
    for number in range(1, len(writes) + 1):
        stage.reset()
        before = stage.remember(ONE)
        meet(stage, {"kind": kind}, write=True, **{"from": number, "to": number})
        result = driver.run(stage.job(ONE))
        if kind == "reset_after":
            assert (result["stopped"], result["unproven"]) == ({}, []), result
            assert len([request for request in stage.requests() if request["write"]]) == len(writes)
            stage.assert_brought_over(before)
        finish(stage, driver, before, f"{kind} at write {number}")


@pytest.mark.parametrize("fault", ["hang", "cut_before", "cut_after"])
def test_interrupted_at_a_write_to_the_directory(fault: str, stage: Stage, driver: Driver) -> None:
    driver.run(stage.job(ONE))
    assert stage.gate.writes == ["add"] * DIRECTORY_WRITES
    for number in range(1, DIRECTORY_WRITES + 1):
        stage.reset()
        before = stage.remember(ONE)
        stage.gate.faults[number] = fault
        process = driver.start(stage.job(ONE))
        if fault == "hang":
            wait_for_writes(stage.gate, number, process)
            driver.kill(process)
            stage.sync()
        else:
            result = driver.result()
            assert result is not None
            assert result["unproven"] == []
        if fault == "cut_after":
            assert stage.gate.writes == ["add"]
            stage.assert_brought_over(before)
        finish(stage, driver, before, f"{fault} at directory write {number}")


def wait_for_writes(gate: LdapGate, count: int, process: int) -> None:
    """Wait until so many writes have reached the gate."""
    end = time.monotonic() + 60
    while len(gate.writes) < count:
        assert time.monotonic() < end
        assert alive(process)
        time.sleep(0.005)


@pytest.mark.parametrize("share", range(SHARES))
def test_a_sync_cycle_may_run_at_any_moment(share: int, stage: Stage, driver: Driver) -> None:
    """A cycle runs while request N is under way. No address is lost, and the run ends well without another one."""
    count = count_of_requests(stage, driver, ONE)
    for number in range(1 + share, count + 1, SHARES):
        stage.reset()
        before = stage.remember(ONE)
        meet(stage, {"kind": "delay", "seconds": 0.3}, index=number)
        process = driver.start(stage.job(ONE))
        wait_until_it_hangs(stage, driver, process)
        stage.sync()
        result = driver.result()
        assert result is not None
        assert (result["left_alone"], result["stopped"], result["unproven"]) == ({}, {}, []), (number, result)
        stage.assert_brought_over(before)


def test_a_sync_cycle_may_run_just_before_the_account_is_there(stage: Stage, driver: Driver) -> None:
    before = stage.remember(ONE)
    cycles: list[threading.Thread] = []

    def cycle(_unused: int) -> None:
        cycles.append(threading.Thread(target=stage.sync))
        cycles[0].start()

    stage.gate.meanwhile = cycle
    assert driver.run(stage.job(ONE))["stopped"] == {}
    cycles[0].join()
    stage.assert_brought_over(before)


# --- ansible-playbook itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("way", ["killed", "reset_before", "reset_after"])
def test_the_playbook_interrupted_at_a_write_to_the_cloud(way: str, number: int, stage: Stage) -> None:
    before = stage.remember(ONE)
    effect = {"kind": "delay", "seconds": FOREVER} if way == "killed" else {"kind": way}
    meet(stage, effect, write=True, **{"from": number, "to": number})
    play = stage.start(stage.inventory([ONE]))
    if way == "killed":
        play.kill_when(lambda: hangs(stage))
    else:
        play.end()
        assert hangs(stage)
    finish_by_playbook(stage, before)


@pytest.mark.parametrize("fault", ["hang", "cut_before", "cut_after"])
def test_the_playbook_interrupted_at_the_write_to_the_directory(fault: str, stage: Stage) -> None:
    before = stage.remember(ONE)
    stage.gate.faults[1] = fault
    play = stage.start(stage.inventory([ONE]))
    if fault == "hang":
        play.kill_when(lambda: bool(stage.gate.writes))
    else:
        play.end()
        assert stage.gate.writes
    finish_by_playbook(stage, before)


def finish_by_playbook(stage: Stage, before: dict[str, Any]) -> None:
    """Take the trouble away and run the playbook again."""
    stage.forget()
    played = stage.play(list(before))
    assert played.status == 0, played.output
    stage.assert_brought_over(before)
