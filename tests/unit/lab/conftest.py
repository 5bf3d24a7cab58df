# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One server for all tests; each test that asks for C(lab) gets a fresh tenant, journal, faults and latency."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from rehearsal import Lab, small_tenant

from lab.server import running
from lab.world import World


@pytest.fixture(scope="session")
def served() -> Iterator[World]:
    """A world that is served on two loopback addresses, with an endpoint for managed identities."""
    world = World(small_tenant)
    try:
        with running(world, others=[("127.0.0.2", 0)], with_imds=True):
            yield world
    finally:
        world.close()


@pytest.fixture
def lab(served: World) -> Iterator[Lab]:
    """The running lab in its first state."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(served.ca_path)
        lab = Lab(served, served.base_url, session)
        lab.control("POST", "reset")
        lab.control("POST", "latency", {"seconds": 0})
        yield lab
