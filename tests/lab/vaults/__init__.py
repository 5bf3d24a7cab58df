# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vaults beside the rehearsal tenant: Azure Key Vault and HashiCorp Vault, each at an address of its own.

C(/_lab/state?part=vaults) shows everything but the values; C(/_lab/vault-values) shows those, for tests.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..world import world_of
from .azure import routes as azure_routes
from .hashicorp import routes as hashicorp_routes

__all__ = ["azure_routes", "control_routes", "hashicorp_routes"]


async def _values(request: Request) -> Response:
    """The values of all versions: of Azure by version id, of HashiCorp by version number."""
    store = world_of(request).tenant.vaults
    azure = {
        vault: {one.name: {version.id: version.secret for version in one.versions} for one in secrets.values()}
        for vault, secrets in store.azure.items()
    }
    hashicorp = {
        mount: {path: {number: one.secret for number, one in entry.versions.items()} for path, entry in entries.items()}
        for mount, entries in store.hashicorp.items()
    }
    return JSONResponse({"azure": azure, "hashicorp": hashicorp})


control_routes: list[BaseRoute] = [Route("/_lab/vault-values", _values, methods=["GET"])]
