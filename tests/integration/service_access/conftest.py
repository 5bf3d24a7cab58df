# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One tenant for all tests of a worker: the demonstration's, and some made-up mailboxes more."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from access_stage import Stage

from lab.generator import CONTOSO, generate
from lab.loopback import SERVICES_PORT, reserve
from lab.scenario import load
from lab.server import running
from lab.world import World


@pytest.fixture(scope="session")
def whole_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, set up once."""
    folder = tmp_path_factory.mktemp("service_access")
    first = generate(300)
    # The service takes one request a second there, which the contract tests show.
    first.switches["graph_conditional_access_seconds"] = 0
    with reserve() as reservation, requests.Session() as session:
        world = World(lambda: copy.deepcopy(first), workplace=folder / "certificates")
        session.trust_env, session.verify = False, str(world.ca_path)
        with running(world, reservation.address, SERVICES_PORT):
            yield Stage(world, folder, load(CONTOSO), first, session)


@pytest.fixture
def stage(whole_stage: Stage) -> Stage:
    """The stage in its first state, without files of earlier tests."""
    whole_stage.control("reset")
    whole_stage.world.latency = 0.0
    Path(whole_stage.folder / "svc-archiv.yml").unlink(missing_ok=True)
    return whole_stage
