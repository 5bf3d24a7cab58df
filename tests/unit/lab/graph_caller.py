# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plain caller of the lab's Graph for the tests: a token with chosen permissions, and the answer as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests
from rehearsal import EXCHANGE_PLAN_1, Lab

from lab.login import issue
from lab.state import User
from lab.tokens import GRAPH

INFO = "44444444-0000-4000-8000-000000000001"
SALES = "44444444-0000-4000-8000-000000000002"
EXCHANGE_PLAN = "9aaf7827-d63c-4b61-89c3-182f06f82e5c"
EVERYTHING = (
    "User.ReadWrite.All",
    "Directory.Read.All",
    "MailboxSettings.Read",
    "User-OnPremisesSyncBehavior.ReadWrite.All",
)
ADD = {"addLicenses": [{"skuId": EXCHANGE_PLAN_1}], "removeLicenses": []}
REMOVE: dict[str, Any] = {"addLicenses": [], "removeLicenses": [EXCHANGE_PLAN_1]}


@dataclass
class Graph:
    """Calls to Graph with a token that has the given application permissions."""

    lab: Lab
    roles: tuple[str, ...] = EVERYTHING
    tokens: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)

    def headers(self) -> dict[str, str]:
        """The header with a token for the present permissions."""
        if self.roles not in self.tokens:
            self.lab.application.app_roles[GRAPH] = list(self.roles)
            self.tokens[self.roles] = issue(self.lab.world, self.lab.application, GRAPH)
        return {"Authorization": f"Bearer {self.tokens[self.roles]}"}

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """One request to a path below /v1.0; C(body) goes as JSON."""
        headers = self.headers() | options.pop("headers", {})
        if body is not None:
            options["json"] = body
        return self.lab.call(method, f"/v1.0/{path.lstrip('/')}", headers=headers, **options)

    def get(self, path: str, **options: Any) -> Any:
        """The JSON of a read that must succeed."""
        answer = self.call("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def user(self, user_id: str, *names: str) -> Any:
        """Selected properties of a user."""
        return self.get(f"users/{user_id}?$select={','.join(names)}")

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str, str]:
        """Status, code and message of a call that must fail in Graph's form."""
        answer = self.call(method, path, body, **options)
        error = answer.json()["error"]
        assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
        return answer.status_code, error["code"], error["message"]

    def license(self, user_id: str, body: Any = None) -> requests.Response:
        """One assignLicense, by default of the lab's Exchange license."""
        return self.call("POST", f"users/{user_id}/assignLicense", ADD if body is None else body)

    def advance(self, seconds: float) -> None:
        """Move the tenant's time forward, and take new tokens."""
        self.lab.control("POST", "clock", {"advance": seconds})
        self.tokens.clear()

    def switch(self, **switches: Any) -> None:
        """Set switches of the tenant."""
        self.lab.tenant.switches.update(switches)

    def new_user(self, name: str, **properties: Any) -> User:
        """A plain cloud user, put straight into the tenant."""
        tenant = self.lab.tenant
        user = User(tenant.new_id(), f"{name}@contoso.example", name.title(), tenant.clock.now(), **properties)
        tenant.users[user.id] = user
        return user
