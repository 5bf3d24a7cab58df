# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage of the job: a tenant in this process, a company's files of certificates, and ansible-playbook."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from onboarding_stage import SYNC_SCRIPT
from renewal_play import Launcher
from renewal_points import Points
from requests import Session

from lab import trust_table
from lab.exchange import certificate_stores, smime
from lab.exchange.certificate_stores import Element
from lab.scenario import Scenario
from lab.state import Tenant
from lab.tokens import GRAPH
from lab.world import World

PLAYBOOK = "m365.hybrid.smime_trust"
# The application that administers S/MIME.
ADMINISTRATION = "9d3e6a42-80c7-4f15-b2e9-71c5d04f8a63"
OLD, NEW, PARTNER = ("old/root.pem", "old/issuing.pem"), ("new/root.pem", "new/issuing.pem"), ("partner/root.cer",)
# What each file holds, by common name.
NAMES = {
    "old/root.pem": "Contoso Root CA 2021",
    "old/issuing.pem": "Contoso Issuing CA 2021",
    "new/root.pem": "Contoso Root CA 2026",
    "new/issuing.pem": "Contoso Issuing CA 2026",
    "partner/root.cer": "Partnerwerk Root CA",
}


@dataclass
class Ended:
    """How a run ended."""

    code: int | None
    output: str

    def changed(self, host: str = "contoso") -> int:
        """How many tasks changed something."""
        found = re.search(rf"^{host} .*changed=(\d+)", self.output, re.MULTILINE)
        assert found, self.output
        return int(found[1])

    def said(self, host: str = "contoso") -> str:
        """What the task said with which a host failed."""
        found = [line for line in self.output.splitlines() if re.match(rf"(fatal|failed): \[{host}\]", line)]
        assert found, self.output
        return "\n".join(found)

    def diff(self) -> str:
        """The difference that was shown, or nothing."""
        found = re.search(r"^--- before.*?(?=^changed: )", self.output, re.MULTILINE | re.DOTALL)
        return found[0] if found else ""


@dataclass
class Stage:
    """One tenant; each test begins at its first state. C(made): the files of authorities, users and their mail."""

    world: World
    folder: Path
    made: Path
    scenario: Scenario
    session: Session
    playbooks: Launcher
    points: Points

    @property
    def tenant(self) -> Tenant:
        """What the tenant holds now."""
        return self.world.tenant

    def control(self, path: str, content: Any = None) -> Any:
        """One request to the lab's control."""
        answer = self.session.post(f"{self.world.base_url}/_lab/{path}", json=content, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def begin(self) -> None:
        """The first state: the tenant trusts nothing, and no files are laid out."""
        self.points.clear()
        self.control("reset")
        for name in ("ca", "samples"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()

    # --- files ----------------------------------------------------------------------------------------------------

    def lay_out(self, folder: str, *names: str) -> None:
        """Copy files to where the inventory has them; a/b becomes a-b."""
        for name in names:
            shutil.copy(self.made / name, self.folder / folder / name.replace("/", "-"))

    def take_away(self, folder: str, *names: str) -> None:
        """Remove files that were laid out."""
        for name in names:
            (self.folder / folder / name.replace("/", "-")).unlink()

    def der(self, name: str) -> bytes:
        """The certificate of a file."""
        data = (self.made / name).read_bytes()
        load = x509.load_pem_x509_certificate if data.startswith(b"-----") else x509.load_der_x509_certificate
        return load(data).public_bytes(trust_table.Encoding.DER)

    # --- running ----------------------------------------------------------------------------------------------------

    def permit(self, permission: str) -> None:
        """Give the administration one more permission in Graph."""
        (own,) = [one for one in self.tenant.applications.values() if one.app_id == ADMINISTRATION]
        own.app_roles[GRAPH] = [*own.app_roles.get(GRAPH, []), permission]

    def connection(self) -> dict[str, Any]:
        """How the administration signs in."""
        applications = self.scenario.content["applications"]
        secret = next(one["secret"] for one in applications if one["app_id"] == ADMINISTRATION)
        return {
            "tenant_id": self.tenant.id,
            "client_id": ADMINISTRATION,
            "client_secret": secret,
            "endpoints": dict.fromkeys(("login", "graph", "exchange"), self.world.base_url),
            "ca_path": str(self.world.ca_path),
        }

    def cycle_command(self) -> list[str]:
        """The command that runs a cycle of the directory synchronization."""
        return [sys.executable, "-c", SYNC_SCRIPT, self.world.base_url, str(self.world.ca_path)]

    def variables(self, **more: Any) -> dict[str, Any]:
        """The variables of one host, like those of the demonstration's inventory."""
        samples = self.folder / "samples"
        return {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "m365_cloud": self.connection(),
            "smime_trust_certificates": [str(self.folder / "ca")],
            "smime_trust_samples": [str(samples)] if any(samples.iterdir()) else [],
            "smime_trust_settings": {"encryption_algorithms": ["aes256"], "signing_algorithms": ["sha256"]},
            **more,
        }

    def play(
        self, *options: str, playbook: str = PLAYBOOK, hosts: dict[str, dict[str, Any]] | None = None, **more: Any
    ) -> Ended:
        """Run a playbook to its end, for the one host or for several that differ in their variables."""
        path = self.folder / "inventory.yml"
        inventory = {"all": {"hosts": hosts or {"contoso": self.variables(**more)}}}
        path.write_text(yaml.safe_dump(inventory, allow_unicode=True), encoding="utf-8")
        run = self.playbooks.start([playbook, "-i", str(path), *options])
        return Ended(run.wait(), run.output)

    # --- looking from outside -----------------------------------------------------------------------------------------

    def writes(self) -> list[str]:
        """What was written since the last look; a sign-in is no write."""
        found = [entry.cmdlet or entry.path for entry in self.world.journal.entries if entry.write]
        self.world.journal.clear()
        return found

    def elements(self) -> list[Element]:
        """The elements of the tenant's store."""
        store = smime.values(self.tenant)[smime.STORE]
        return certificate_stores.read(store) if store else []

    def trusted(self) -> list[x509.Certificate]:
        """What the tenant trusts."""
        answer = self.session.get(f"{self.world.base_url}/_lab/state", timeout=60).json()
        return trust_table.trusted(answer)

    def names(self) -> list[str]:
        """The common names of what the tenant trusts."""
        return sorted(str(one.subject.rfc4514_string().partition("CN=")[2].partition(",")[0]) for one in self.trusted())

    def believes(self, mail: str) -> bool:
        """Whether a signed message is trusted, by the judgment of the command openssl."""
        return trust_table.judge(self.made / mail, self.trusted(), self.tenant.clock.now()).trusted

    def hold(self, *elements: Element) -> None:
        """Let the store hold something from the beginning, or change it as somebody else would."""
        data = certificate_stores.write(elements)
        self.tenant.exchange.settings.setdefault(smime.NOUN, {}).setdefault("", {})[smime.STORE] = data

    def now(self) -> datetime:
        """The tenant's time."""
        return self.tenant.clock.now()


def names_of(*files: str) -> list[str]:
    """The common names of what is in files."""
    return sorted(NAMES[name] for name in files)


def element(value: bytes, *properties: tuple[int, bytes], kind: int = certificate_stores.CERTIFICATE) -> Element:
    """One element of a store."""
    return Element(kind, value, list(properties))
