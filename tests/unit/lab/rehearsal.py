# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small tenant, and a running lab as tests see it from outside. The fixtures are in conftest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests

from lab.login import issue
from lab.state import (
    Application,
    Credential,
    DirectoryRole,
    Domain,
    Mailbox,
    PermissionGrant,
    ServicePlan,
    Sku,
    Tenant,
    User,
)
from lab.tokens import EXCHANGE, GRAPH, resource_principal_id
from lab.world import World

TENANT_ID = "11111111-1111-4111-8111-111111111111"
APP_ID = "22222222-2222-4222-8222-222222222222"
PRINCIPAL_ID = "22222222-0000-4000-8000-000000000002"
SECRET = "abc8Q~right-and+proper/secret"
EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"
EXCHANGE_PLAN_1 = "4b9405b0-7788-4568-add1-99614e613b69"


def small_tenant() -> Tenant:
    """A tenant with one verified domain, one application with all grants and consent, one SKU and three mailboxes."""
    domains = {
        "contoso.onmicrosoft.example": Domain("contoso.onmicrosoft.example", is_initial=True),
        "contoso.example": Domain("contoso.example", is_default=True),
        "unverified.example": Domain("unverified.example", is_verified=False),
    }
    tenant = Tenant(TENANT_ID, "Contoso", "contoso.onmicrosoft.example", domains)
    plan = ServicePlan("9aaf7827-d63c-4b61-89c3-182f06f82e5c", "EXCHANGE_S_STANDARD")
    tenant.skus[EXCHANGE_PLAN_1] = Sku(EXCHANGE_PLAN_1, "EXCHANGESTANDARD", 5, [plan])
    for number, name in enumerate(("Info", "Vertrieb", "Rechnung"), 1):
        _add_shared_mailbox(tenant, number, name)
    credential = Credential(
        "33333333-0000-4000-8000-000000000001", tenant.clock.now() + timedelta(days=90), secret=SECRET
    )
    roles = {GRAPH: ["User.ReadWrite.All", "Organization.Read.All"], EXCHANGE: ["Exchange.ManageAsApp"]}
    application = Application(tenant.new_id(), APP_ID, "ansible", PRINCIPAL_ID, [credential], app_roles=roles)
    tenant.applications[application.id] = application
    resource, scopes = resource_principal_id(tenant, GRAPH), "User.ReadWrite.All Organization.Read.All"
    tenant.permission_grants["consent"] = PermissionGrant("consent", PRINCIPAL_ID, resource, "AllPrincipals", scopes)
    role = DirectoryRole(tenant.new_id(), EXCHANGE_ADMINISTRATOR, "Exchange Administrator", [PRINCIPAL_ID])
    tenant.roles[role.id] = role
    return tenant


def _add_shared_mailbox(tenant: Tenant, number: int, name: str) -> None:
    now, address = tenant.clock.now(), f"{name.lower()}@contoso.example"
    user = User(
        f"44444444-0000-4000-8000-00000000000{number}", address, name, now, mail=address, mail_nickname=name.lower()
    )
    user.proxy_addresses = [f"SMTP:{address}", f"smtp:{name.lower()}@contoso.onmicrosoft.example"]
    user.mailbox = Mailbox(f"55555555-0000-4000-8000-00000000000{number}", "SharedMailbox", now)
    tenant.users[user.id] = user


@dataclass
class Lab:
    """A running world as a test sees it. C(session) trusts the lab's authority and nothing of the environment."""

    world: World
    url: str
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def tenant(self) -> Tenant:
        """The present tenant, to be changed by a test's preparations."""
        return self.world.tenant

    @property
    def application(self) -> Application:
        """The application that has every grant."""
        return next(iter(self.tenant.applications.values()))

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request to a path below the lab's address, without following redirects."""
        return self.session.request(method, self.url + path, timeout=20, allow_redirects=False, **options)

    def bearer(self, resource: str = GRAPH) -> dict[str, str]:
        """The header with a fresh token of the application for a resource."""
        return {"Authorization": f"Bearer {issue(self.world, self.application, resource)}"}

    def control(self, method: str, path: str, content: Any = None) -> Any:
        """One request to the control; gives its JSON."""
        answer = self.call(method, f"/_lab/{path}".rstrip("/"), json=content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sign_in(self, tenant: str = TENANT_ID, **form: str | None) -> requests.Response:
        """Ask for a Graph token with the right secret; C(form) replaces fields, None takes one away."""
        asked: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "client_id": APP_ID,
            "client_secret": SECRET,
            "scope": "https://graph.microsoft.com/.default",
        }
        asked |= form
        given = {name: value for name, value in asked.items() if value is not None}
        return self.call("POST", f"/{tenant}/oauth2/v2.0/token", data=given)
