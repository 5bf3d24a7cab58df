# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One stage for all tests of a worker: a tenant in this process, and a process that starts playbooks quickly."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from renewal_play import Launcher
from renewal_points import Points, watched
from renewal_sinks import FOREIGN_LINES
from renewal_stage import MAILBOX, Scene, Stage, warehouse

from lab.credentials import issue_certificates
from lab.exchange.client_access import SMTP_AUTH
from lab.loopback import SERVICES_PORT, reserve
from lab.scenario import build_tenant, load
from lab.server import running
from lab.state import Tenant
from lab.stores import MailboxGrant, PrincipalReference
from lab.world import World

SCENARIO = Path(__file__).with_name("scenario.yml")


@pytest.fixture(scope="session")
def whole_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, set up once."""
    folder = tmp_path_factory.mktemp("renewal")
    scenario = load(SCENARIO)
    tenant = build_tenant(scenario, issue_certificates(scenario, folder / "credentials"))
    may_mail(tenant)
    begun, points = [tenant], Points()
    first = Scene("empty", tenant, {"place/warehouse.yml": "\n".join([*FOREIGN_LINES, ""]).encode()})
    with (
        reserve() as reservation,
        requests.Session() as session,
        Launcher(folder) as playbooks,
        Launcher(folder, "role") as roles,
        watched(points),
    ):
        world = World(lambda: copy.deepcopy(begun[0]), workplace=folder / "certificates")
        session.trust_env, session.verify = False, str(world.ca_path)

        def begin(tenant: Tenant) -> None:
            begun[0] = tenant

        with running(world, reservation.address, SERVICES_PORT):
            yield Stage(world, folder, scenario, session, playbooks, roles, points, begin, first, first)


@pytest.fixture
def stage(whole_stage: Stage) -> Stage:
    """The stage with no secret of ours."""
    whole_stage.switches = {}
    whole_stage.enter("empty")
    return whole_stage


def may_mail(tenant: Tenant) -> None:
    """Let the application submit mail from the mailbox: SMTP AUTH, Exchange's reference to it, and FullAccess."""
    application = warehouse(tenant)
    user = next(one for one in tenant.users.values() if one.user_principal_name == MAILBOX)
    tenant.exchange.transport[SMTP_AUTH] = False
    reference = PrincipalReference(
        tenant.new_id(),
        application.app_id,
        application.service_principal_id or "",
        "",
        tenant.clock.now(),
        matched=True,
    )
    tenant.exchange.principals[reference.guid] = reference
    tenant.exchange.mailbox_grants[user.id] = [MailboxGrant(reference.guid, ["FullAccess"], tenant.clock.now())]
