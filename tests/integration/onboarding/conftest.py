# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One stage for all tests of a worker: a tenant in this process, Samba beside it, and a gate before its LDAPS port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from ldap_gate import ldap_gate
from onboarding_driver import Driver
from onboarding_stage import Stage

from lab.directory import Samba
from lab.loopback import SERVICES_PORT, reserve
from lab.scenario import build_tenant, load, seed_directory
from lab.server import running
from lab.world import World

ROOT = Path(__file__).resolve().parents[3]
SCENARIO = ROOT / "tests/lab/scenarios/contoso.yml"
TEMPLATES = ROOT / ".work/cache/samba"


@pytest.fixture(scope="session")
def whole_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, set up once."""
    folder = tmp_path_factory.mktemp("onboarding")
    scenario = load(SCENARIO)
    (account,) = [user for user in scenario.directory["users"] if user["account"] == "svc-ansible"]
    service = {"user": account["attributes"]["userPrincipalName"], "password": account["password"]}
    with reserve() as reservation, requests.Session() as session:
        world = World(lambda: build_tenant(scenario), workplace=folder / "certificates")
        samba = Samba(folder / "samba", reservation.address, world.authority, templates=TEMPLATES)
        seed_directory(scenario, samba)
        session.trust_env, session.verify = False, str(world.ca_path)
        with (
            samba,
            running(world, reservation.address, SERVICES_PORT),
            ldap_gate(reservation.address, world.authority) as gate,
        ):
            world.directory = samba
            yield Stage(world, samba, gate, folder, service, session)


@pytest.fixture
def stage(whole_stage: Stage) -> Stage:
    """The stage in its first state."""
    whole_stage.reset()
    return whole_stage


@pytest.fixture(scope="session")
def driver(whole_stage: Stage) -> Iterator[Driver]:
    """Runs the steps of the role without ansible-playbook."""
    with Driver(whole_stage.folder) as started:
        yield started
