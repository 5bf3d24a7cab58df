# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage of the job: a tenant in this process, and ansible-playbook as a user starts it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from requests import Session

from lab.scenario import Scenario
from lab.state import Tenant, User
from lab.world import World

COLLECTIONS = next(Path(one) for one in sys.path if (Path(one) / "ansible_collections/m365/hybrid").is_dir())
PROGRAM = Path(sys.executable).with_name("ansible-playbook")
ACCOUNT = "svc-archiv@contoso.example"
ACCESS = "5f8c2d17-3b9e-4a60-97d1-e4c06a8b2f35"
PERMISSION = {"full_access": {"add": [ACCOUNT]}, "auto_mapping": False, "elsewhere": "remove"}


@dataclass
class Ended:
    """How a run ended."""

    code: int
    output: str

    @property
    def changed(self) -> int:
        """How many tasks changed something."""
        return sum(int(number) for number in re.findall(r"changed=(\d+)", self.output))


@dataclass
class Stage:
    """One tenant; each test begins at its first state."""

    world: World
    folder: Path
    scenario: Scenario
    first: Tenant
    session: Session

    @property
    def tenant(self) -> Tenant:
        """What the tenant holds now."""
        return self.world.tenant

    def control(self, path: str, content: Any = None) -> Any:
        """One request to the lab's control."""
        answer = self.session.post(f"{self.world.base_url}/_lab/{path}", json=content, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def user(self, name: str) -> User:
        """Somebody, by principal name."""
        return next(one for one in self.tenant.users.values() if one.user_principal_name == name)

    def mailboxes(self, kind: str) -> list[User]:
        """The mailboxes of a type."""
        return [one for one in self.tenant.users.values() if one.mailbox and one.mailbox.type_details == kind]

    def opened(self) -> list[str]:
        """The mailboxes that the account may open, by principal name; none of them in its Outlook."""
        account, held = self.user(ACCOUNT).id, self.tenant.exchange.mailbox_grants
        own = {key: one for key, grants in held.items() for one in grants if one.trustee == account}
        assert not any(grant.auto_mapping or grant.deny for grant in own.values())
        assert all(grant.rights == ["FullAccess"] for grant in own.values())
        return sorted(self.tenant.users[key].user_principal_name for key in own)

    def connection(self) -> dict[str, Any]:
        """How the administration signs in."""
        secret = next(one["secret"] for one in self.scenario.content["applications"] if one["app_id"] == ACCESS)
        return {
            "tenant_id": self.tenant.id,
            "client_id": ACCESS,
            "client_secret": secret,
            "endpoints": dict.fromkeys(("login", "graph", "exchange"), self.world.base_url),
            "ca_path": str(self.world.ca_path),
        }

    def inventory(self, **more: Any) -> str:
        """An inventory like that of the demonstration."""
        sink = {"file": {"path": str(self.folder / "svc-archiv.yml"), "prefix": "password"}}
        user = {"user": ACCOUNT, "display_name": "Postfacharchiv", "usage_location": "DE", "roles": [], "sink": sink}
        policy = {
            "policy": "Service accounts from the data center only",
            "include_groups": ["service-accounts"],
            "include_applications": ["all"],
            "exclude_locations": ["Rechenzentrum"],
            "grant_controls": ["block"],
            "break_glass_accounts": ["notfall@contoso.onmicrosoft.example"],
        }
        host = {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "m365_cloud": self.connection(),
            "service_access_users": [user],
            "service_access_licenses": [{"user": ACCOUNT, "licenses": {"set": ["EXCHANGESTANDARD"]}}],
            "service_access_groups": [{"group": "service-accounts", "members": {"add": [ACCOUNT]}}],
            "service_access_locations": [{"location": "Rechenzentrum", "ip_ranges": ["192.0.2.0/28"]}],
            "service_access_policies": [policy],
            "service_access_permissions": [{"filter": "RecipientTypeDetails -eq 'SharedMailbox'", **PERMISSION}],
            **more,
        }
        path = self.folder / "inventory.yml"
        path.write_text(yaml.safe_dump({"all": {"hosts": {"contoso": host}}}, allow_unicode=True), encoding="utf-8")
        return str(path)

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's but what finds programs."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ANSIBLE_HOME": str(home / ".ansible"),
            "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
        }

    def play(self, *options: str, playbook: str = "m365.hybrid.service_access", **more: Any) -> Ended:
        """Run the playbook to its end."""
        run = subprocess.run(
            [str(PROGRAM), playbook, "-i", self.inventory(**more), *options],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(run.returncode, run.stdout + run.stderr)

    def on_a_terminal(self, playbook: str, during: Callable[[subprocess.Popen[bytes]], None], **more: Any) -> Ended:
        """Run a playbook on a terminal of its own, while something happens to it."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [str(PROGRAM), playbook, "-i", self.inventory(**more)],
            env=self.environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        said: list[bytes] = []
        reader = threading.Thread(target=_read, args=(ours, said))
        reader.start()
        try:
            during(process)
            code = process.wait(60)
        finally:
            process.kill()
            process.wait()
            reader.join()
            os.close(ours)
        return Ended(code, b"".join(said).decode().replace("\r\n", "\n"))


def _read(terminal: int, said: list[bytes]) -> None:
    """Everything that comes, until the last process has let go of the terminal."""
    while True:
        try:
            said.append(os.read(terminal, 65536))
        except OSError:
            return
        if not said[-1]:
            return
