# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The world of one rehearsal: a tenant, its keys, its journal, its faults, and the AD server beside it."""

from __future__ import annotations

import asyncio
import base64
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request

from .certificates import CertificateAuthority
from .connect import Scheduler, run_cycle
from .directory import Samba, read_entries, write_anchors
from .faults import Faults
from .journal import Journal
from .state import Tenant


class World:
    """One rehearsal tenant with everything around it.

    load: gives the tenant in its first state; called now and at each reset.
    directory: the AD server beside it, or None. seed_directory: fills the AD server again after its reset; blocks.
    latency: seconds that every request to a service takes at least (an injected round trip).
    workplace: where the certificates go; a temporary directory, removed by C(close), if not given.
    """

    def __init__(
        self,
        load: Callable[[], Tenant],
        *,
        directory: Samba | None = None,
        seed_directory: Callable[[], None] | None = None,
        latency: float = 0.0,
        workplace: Path | None = None,
    ) -> None:
        self._load = load
        self._seed_directory = seed_directory
        self._is_temporary = workplace is None
        self._workplace = workplace or Path(tempfile.mkdtemp(prefix="m365-lab-"))
        self.authority = CertificateAuthority(self._workplace)
        self.keys = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.directory = directory
        self.latency = latency
        self.journal = Journal()
        self.faults = Faults()
        # Where the services listen; set by the server when it has bound its sockets. The first one is base_url.
        self.base_urls: list[str] = []
        self.imds_url: str | None = None
        # C(address:port) of mail submission and of IMAP.
        self.smtp_server = ""
        self.imap_server = ""
        # Base URLs of Azure Key Vault and HashiCorp Vault.
        self.key_vault_url = ""
        self.vault_url = ""
        # HashiCorp Vault's root token, and its one AppRole.
        self.vault_token = f"hvs.{secrets.token_hex(24)}"
        self.vault_role_id = str(uuid.uuid4())
        self.vault_secret_id = str(uuid.uuid4())
        # What a request to the App Service form of the managed identity must show.
        self.identity_header = secrets.token_hex(16)
        # Held by a sync cycle and by a reset, since neither may see the directory of the other.
        self._one_cycle = asyncio.Lock()
        self._begin()

    def _begin(self) -> None:
        """Load the tenant, with what lives as long as it: scheduler, device codes and verified tokens by their text."""
        self.tenant = self._load()
        self.scheduler = Scheduler(self.tenant.clock)
        self.device_codes: dict[str, Any] = {}
        self.verified_tokens: dict[str, dict[str, Any]] = {}
        # C(uti) of a token -> id of the credential that it was got with, where the token endpoint has noted it.
        self.issued_with: dict[str, str] = {}

    @property
    def base_url(self) -> str:
        """The first address of the services, without a slash at the end."""
        return self.base_urls[0]

    @property
    def ca_path(self) -> Path:
        """The PEM file of the authority that signed every certificate of this world."""
        return self.authority.ca_path

    async def reset(self) -> None:
        """Begin anew: first state of the tenant and of the AD server, empty journal, no faults. Latency stays."""
        async with self._one_cycle:
            if self.directory is not None:
                await asyncio.to_thread(self.directory.reset)
                if self._seed_directory is not None:
                    await asyncio.to_thread(self._seed_directory)
            self._begin()
            self.journal.clear()
            self.faults.clear()

    async def run_cycle(self) -> dict[str, Any]:
        """Run one sync cycle now and give its report. Raises ValueError when no AD server runs beside the tenant.

        The directory is read and written in a thread; the tenant changes on the event loop, like at every request.
        """
        if self.directory is None:
            raise ValueError("no AD server runs beside this tenant, so there is nothing to sync")
        async with self._one_cycle:
            entries = await asyncio.to_thread(read_entries, self.directory)
            report = run_cycle(self.tenant, entries)
            anchors = {item["dn"]: base64.b64decode(item["value"]) for item in report["write_back"]}
            await asyncio.to_thread(write_anchors, self.directory, anchors)
        return report

    async def run_due_cycles(self) -> list[dict[str, Any]]:
        """Run the cycles that the scheduler calls due, and give their reports; none without an AD server."""
        if self.directory is None:
            return []
        return [await self.run_cycle() for _unused in range(self.scheduler.take_due())]

    def close(self) -> None:
        """Remove the temporary files. The AD server is ended by who started it."""
        if self._is_temporary:
            shutil.rmtree(self._workplace, ignore_errors=True)


def world_of(request: Request) -> World:
    """The world that a request came to."""
    world: World = request.app.state.world
    return world
