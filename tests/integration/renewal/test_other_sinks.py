# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vaults, the command and certificates: the whole life of a secret, and an end by SIGKILL at each request and each write."""

from __future__ import annotations

import pytest
from renewal_kills import after_grace, kill_at_each, points
from renewal_stage import Stage

SINKS = ("azure_key_vault", "hashicorp_vault", "command", "certificate")


@pytest.mark.parametrize("sink", SINKS)
def test_first_secret_renewal_and_removal(sink: str, stage: Stage) -> None:
    for scene in ("empty", "due"):
        stage.enter(scene, sink)
        stage.do("role")
        stage.assert_ended_right()
    after_grace(stage)


# A renewal goes through all that a first secret goes through.
@pytest.mark.parametrize("scene", ["due", "over"])
@pytest.mark.parametrize("sink", SINKS)
def test_killed_at_any_request(sink: str, scene: str, stage: Stage) -> None:
    stage.sink = sink
    kill_at_each(stage, scene, "requests", "role", least=8 if scene == "over" else 15)


def test_the_command_killed_at_any_write_of_its_record(stage: Stage) -> None:
    stage.sink = "command"
    kill_at_each(stage, "due", "writes", "role", least=20)


def test_a_certificate_killed_at_any_write_of_its_file(stage: Stage) -> None:
    stage.sink = "certificate"
    kill_at_each(stage, "due", "writes", "role", least=20)


def test_the_vaults_are_written_to(stage: Stage) -> None:
    """The points of a vault are among those that are met."""
    for sink, path in (("azure_key_vault", "/secrets/warehouse-next"), ("hashicorp_vault", "/v1/secret/data/")):
        stage.sink = sink
        met = [point for point in points(stage, "empty", "requests", "role") if path in point]
        assert {point.partition(" ")[0] for point in met} == {"before", "after"}
