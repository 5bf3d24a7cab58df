# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are ended at each point of a kind, one after the other, and what is left after the next run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from renewal_processes import wait_for_end
from renewal_sinks import sink_file
from renewal_stage import GRACE, Stage


def variables(stage: Stage, kind: str, end_at: int) -> dict[str, str]:
    """What a run has to know in order to count the points of a kind, and to end at one of them."""
    if kind == "requests":
        return {}
    log = stage.folder / f"points-{kind}"
    log.unlink(missing_ok=True)
    name = kind.upper()
    counted = {f"{name}_LOG": str(log), "RUN_ENDED_BY": str(stage.folder / "ended-by")} | (
        {f"{name}_END_AT": str(end_at)} if end_at else {}
    )
    return counted | ({"WRITES_BELOW": str(sink_file(stage.folder).parent)} if kind == "writes" else {})


def passed(stage: Stage, kind: str) -> list[str]:
    """The points that the last run has come to."""
    log = stage.folder / f"points-{kind}"
    return stage.points.passed if kind == "requests" else log.read_text(encoding="utf-8").splitlines()


def points(stage: Stage, scene: str, kind: str, way: str) -> list[str]:
    """All points of a run without trouble."""
    key = (stage.sink, scene, kind, way)
    if key not in stage.known:
        stage.enter(scene, stage.sink)
        stage.do(way, **variables(stage, kind, 0))
        stage.known[key] = list(passed(stage, kind))
    return stage.known[key]


def end_at(stage: Stage, scene: str, kind: str, way: str, number: int) -> None:
    """Begin at a scene and end the run at a point."""
    stage.enter(scene, stage.sink)
    stage.points.clear(number if kind == "requests" else 0)
    run = stage.start(way, **variables(stage, kind, number))
    assert run.wait() is None, run.output
    if kind != "requests":
        wait_for_end(int((stage.folder / "ended-by").read_text(encoding="utf-8")))
    assert len(passed(stage, kind)) == number
    stage.points.clear()


def kill_at_each(
    stage: Stage,
    scene: str,
    kind: str,
    way: str,
    share: tuple[int, int] = (0, 1),
    *,
    least: int = 1,
    again: str = "",
    lag: float = 0,
) -> None:
    """End a run at each point of a share, run again, and see that all is right; after a renewal, also after the grace.

    Arguments:
        share: which one, of how many.
        least: how many points there are at least, so that a test that met none would be seen.
        again: the way of the next run, if not the same.
        lag: seconds until everything shows and signs in everywhere. What a killed run made may be shown only after the
            next run has ended; then it is the one after that removes it.
    """
    all_points = points(stage, scene, kind, way)
    assert len(all_points) >= least
    for number in range(1 + share[0], len(all_points) + 1, share[1]):
        with named(f"{scene}: ended at point {number} of {len(all_points)}, {all_points[number - 1]}"):
            end_at(stage, scene, kind, way, number)
            stage.do(again or way)
            if lag:
                time.sleep(lag)
                stage.do("role")
            stage.assert_ended_right(lag)
            if scene == "due" and stage.sink == "file":
                after_grace(stage)


def after_grace(stage: Stage) -> None:
    """The old secret is removed when it is time, and the new one stays."""
    current = stage.held().key_id
    stage.advance(GRACE + 1)
    stage.do("role")
    assert stage.assert_right() == current


@contextmanager
def named(what: str) -> Iterator[None]:
    """Say in a failure where it happened."""
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise
