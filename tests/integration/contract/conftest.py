# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One tenant and one directory server for each test process; each test begins with both as the scenario says."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("contract_refusals", "contract_ground", "contract_runners", "contract_cases_cloud",
                               "contract_cases_directory")  # fmt: skip

import requests
from contract_ground import COLLECTION, HERE, Ground
from contract_runners import ModuleHost, forget

from lab.directory import Samba, connection
from lab.loopback import SERVICES_PORT, reserve
from lab.scenario import build_tenant, load, seed_directory
from lab.server import running
from lab.world import World

# The door in front of the directory, which the tests of the job use too.
sys.path.append(str(HERE.parent / "onboarding"))
TEMPLATES = COLLECTION / ".work" / "cache" / "samba"


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The running tenant, which listens on two authorities, and the running directory server beside it."""
    folder = tmp_path_factory.mktemp("contract")
    scenario = load(HERE / "scenario.yml")
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(reserve()).address
        world = World(lambda: build_tenant(scenario), workplace=folder / "certificates")
        samba = Samba(folder / "samba", address, world.authority, templates=TEMPLATES)
        seed_directory(scenario, samba)
        stack.enter_context(samba)
        stack.enter_context(running(world, address, SERVICES_PORT, others=[(address, 0)]))
        session = stack.enter_context(requests.Session())
        session.trust_env, session.verify = False, str(world.ca_path)
        yield Ground(world, samba, scenario, session, stack.enter_context(connection(samba)))


@pytest.fixture
def ground(served: Ground) -> Iterator[Ground]:
    """Tenant and directory in their first state, and no client or token left of an earlier test in this process."""
    served.begin()
    yield served
    forget()


@pytest.fixture(scope="session")
def host() -> Iterator[ModuleHost]:
    """Where ordinary modules run, each in a process of its own."""
    with ModuleHost() as running_host:
        yield running_host
