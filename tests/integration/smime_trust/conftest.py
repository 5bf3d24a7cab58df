# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One tenant for all tests of a worker, and the files of a company whose authorities are renewed."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

HERE = Path(__file__).resolve().parent
# Playbooks are started as those of the renewal of secrets are, and cycles like those of the onboarding.
sys.path += [str(HERE.parent / name) for name in ("renewal", "onboarding")]

from renewal_play import Launcher  # noqa: E402
from renewal_points import Points, watched  # noqa: E402
from smime_stage import Stage  # noqa: E402

from lab import authorities  # noqa: E402
from lab.connect import run_cycle  # noqa: E402
from lab.generator import CONTOSO  # noqa: E402
from lab.loopback import SERVICES_PORT, reserve  # noqa: E402
from lab.scenario import build_tenant, load  # noqa: E402
from lab.server import running  # noqa: E402
from lab.world import World  # noqa: E402


@pytest.fixture(scope="session")
def whole_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, set up once."""
    folder = tmp_path_factory.mktemp("smime_trust")
    scenario, points = load(CONTOSO), Points()
    first = build_tenant(scenario)
    authorities.write(folder / "made", datetime.now(UTC))
    with reserve() as reservation, requests.Session() as session, Launcher(folder) as playbooks, watched(points):
        world = World(lambda: copy.deepcopy(first), workplace=folder / "certificates")
        _without_directory(world)
        session.trust_env, session.verify = False, str(world.ca_path)
        with running(world, reservation.address, SERVICES_PORT):
            yield Stage(world, folder, folder / "made", scenario, session, playbooks, points)


def _without_directory(world: World) -> None:
    """Let cycles run that find an empty Active Directory, so that none has to be started."""

    async def cycle() -> dict[str, Any]:
        return run_cycle(world.tenant, [])

    world.run_cycle = cycle  # type: ignore[method-assign]


@pytest.fixture
def stage(whole_stage: Stage) -> Stage:
    """The stage in its first state."""
    whole_stage.begin()
    return whole_stage
