# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage of a renewal: a tenant in this process, a sink, a program that uses the secret, and eyes from outside."""

from __future__ import annotations

import base64
import copy
import hashlib
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from renewal_play import Launcher, Run
from renewal_points import Points
from renewal_sinks import PLACES, Held, consumer_file, sink_file
from requests import Session

from lab.scenario import Scenario
from lab.state import Application, Credential, Tenant
from lab.world import World

PLAYBOOK = "m365.hybrid.secret_renewal"
ADMINISTRATION, WAREHOUSE = "a7c3e915-62d8-4b07-8f4e-3b90d5c1f826", "3d7a91c4-5b0e-4f62-9d18-c6e2a47f8b05"
MAILBOX, RECIPIENT = "lager@contoso.example", "versand@partner.example"
LIFETIME, BEFORE, GRACE = 180, 30, 7
OURS = "default [m365.hybrid "
# Each scene and the one that it follows: nothing of ours; a secret that ends soon; just renewed; the grace is over.
FOLLOWS = {"due": "empty", "renewed": "due", "over": "renewed"}
# Brings the secret from the sink to the program that uses it, as an administrator's own script would.
DELIVERY = """sed -n 's/^client_secret: "\\(.*\\)"$/\\1/p' "$0" > "$1.$$" && mv "$1.$$" "$1" """
# Pauses between two looks, where no Ansible is in the way. Several of them outlast what the tenant's switches say.
PAUSE = 0.1


@dataclass(frozen=True)
class Scene:
    """A moment to begin at: tenant and files as they were."""

    name: str
    tenant: Tenant
    files: dict[str, bytes]


@dataclass
class Stage:
    """One tenant; each test begins at a scene. C(sink) is the kind of sink that is played with."""

    world: World
    folder: Path
    scenario: Scenario
    session: Session
    playbooks: Launcher
    roles: Launcher
    points: Points
    begin: Callable[[Tenant], None]
    first: Scene
    scene: Scene
    sink: str = "file"
    # Switches of the tenant that are on in every scene.
    switches: dict[str, Any] = field(default_factory=dict)
    scenes: dict[tuple[str, str], Scene] = field(default_factory=dict)
    # The points of an undisturbed run, by sink, scene, kind of point and way to run.
    known: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    # --- scenes -------------------------------------------------------------------------------------------------------

    def directories(self) -> list[Path]:
        """The directories that belong to a scene."""
        return [sink_file(self.folder).parent, consumer_file(self.folder).parent]

    def take(self, name: str) -> Scene:
        """The present moment as a scene."""
        paths = [path for directory in self.directories() for path in sorted(directory.rglob("*"))]
        files = {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}
        return Scene(name, copy.deepcopy(self.world.tenant), files)

    def enter(self, name: str, sink: str = "file") -> None:
        """Begin at a scene: C(empty), or one of FOLLOWS; those are played once for each sink, undisturbed."""
        self.sink = sink
        if name == "empty":
            held = {} if sink == "command" else self.first.files
            self.show(Scene("empty", self.first.tenant, held))
            return
        if (sink, name) not in self.scenes:
            self.enter(FOLLOWS[name], sink)
            if name == "over":
                self.advance(GRACE + 1)
            else:
                self.do("role")
            if name == "due":
                self.advance(LIFETIME - BEFORE + 1)
            self.scenes[sink, name] = self.take(name)
        self.show(self.scenes[sink, name])

    def show(self, scene: Scene) -> None:
        """Begin at a scene."""
        self.points.clear()
        self.begin(scene.tenant)
        self.control("POST", "reset")
        for directory in self.directories():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        for path, content in scene.files.items():
            (self.folder / path).write_bytes(content)
            (self.folder / path).chmod(0o600)
        self.control("POST", "switches", self.switches)
        self.scene = scene

    def advance(self, days: float) -> None:
        """Move the tenant's time."""
        self.control("POST", "clock", {"advance": days * 86400})

    # --- running ------------------------------------------------------------------------------------------------------

    def command(self) -> list[str]:
        """The command that brings the secret to the program that uses it."""
        return ["sh", "-c", DELIVERY, str(sink_file(self.folder)), str(consumer_file(self.folder))]

    def entry(self) -> dict[str, Any]:
        """The secret as the inventory declares it."""
        place = PLACES[self.sink]
        entry = {"application": "contoso-warehouse", "kind": place.kind, "sink": place.option(self.world, self.folder)}
        if place.delivers:
            entry["mail_check"] = {"mailbox": MAILBOX, "send_to": RECIPIENT}
        return entry

    def connection(self) -> dict[str, Any]:
        """How the administration signs in."""
        applications = self.scenario.content["applications"]
        secret = next(item["secret"] for item in applications if item["app_id"] == ADMINISTRATION)
        return {
            "tenant_id": self.world.tenant.id,
            "client_id": ADMINISTRATION,
            "client_secret": secret,
            "endpoints": {
                **dict.fromkeys(("login", "graph", "exchange"), self.world.base_url),
                "smtp": self.world.smtp_server,
                "imap": self.world.imap_server,
                "key_vault": self.world.key_vault_url,
            },
            "ca_path": str(self.world.ca_path),
        }

    def arguments(self) -> list[str]:
        """The arguments of ansible-playbook; the inventory and the tasks that deliver are written."""
        deliver = self.folder / "deliver.yml"
        task = {"name": "Give the secret to the program", "ansible.builtin.command": {"argv": self.command()}}
        deliver.write_text(yaml.safe_dump([task]), encoding="utf-8")
        host = {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "m365_cloud": self.connection(),
            "secret_renewal_lifetime": LIFETIME,
            "secret_renewal_before": BEFORE,
            "secret_renewal_grace": GRACE,
            "secret_renewal_wait_timeout": 20,
            "secret_renewal_secrets": [{**self.entry(), "delivery_tasks": str(deliver)}],
        }
        path = self.folder / "inventory.yml"
        path.write_text(yaml.safe_dump({"all": {"hosts": {"contoso": host}}}, allow_unicode=True), encoding="utf-8")
        return [PLAYBOOK, "-i", str(path)]

    def job(self, **more: Any) -> dict[str, Any]:
        """The same for renewal_role.py."""
        terms = {"lifetime": LIFETIME, "renew_before": BEFORE, "grace": GRACE, "wait_timeout": 60}
        delivery = {"delivery_tasks": self.command()} if self.sink == "file" else {}
        return {
            "cloud": self.connection(),
            "terms": terms,
            "entry": {**self.entry(), **delivery},
            "pause": PAUSE,
            **more,
        }

    def start(self, way: str, **variables: str) -> Run:
        """Start C(playbook) or C(role); C(program) is the playbook by the program that a user starts."""
        if way == "role":
            run = self.roles.start(self.job(), **variables)
        elif way == "program":
            run = self.playbooks.start_program(self.arguments(), **variables)
        else:
            run = self.playbooks.start(self.arguments(), **variables)
        self.points.begin(run)
        return run

    def do(self, way: str, **variables: str) -> Run:
        """Run it to its end, which is good."""
        run = self.start(way, **variables)
        assert run.wait() == 0, run.output
        return run

    # --- looking from outside -----------------------------------------------------------------------------------------

    def control(self, method: str, path: str, content: Any = None) -> Any:
        """One request to the lab's control."""
        answer = self.session.request(method, f"{self.world.base_url}/_lab/{path}", json=content, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def signs_in(self, secret: str) -> bool:
        """Whether the application gets a token with a secret or a key, asked at the token endpoint itself."""
        url = f"{self.world.base_url}/{self.world.tenant.id}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": WAREHOUSE,
            "scope": "https://graph.microsoft.com/.default",
        }
        own = assertion(secret, url) if is_certificate(secret) else {"client_secret": secret}
        answer = self.session.post(url, data=form | own, timeout=60)
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    def held(self) -> Held:
        """What the sink holds."""
        return PLACES[self.sink].held(self.world, self.folder)

    def assert_right(self, *kept: str, messages: bool = True, patience: float = 0) -> str:
        """See that exactly one secret is current and works, with nothing lost and nothing of others touched.

        Arguments:
            kept: key ids of ours that must be there beside the current one.
            messages: whether a message was sent with the current one.
            patience: seconds until it signs in.

        Returns:
            The key id of the current secret.
        """
        tenant, before, held = self.world.tenant, self.scene.tenant, self.held()
        mine, others = split(tenant)
        # Every secret of ours is in the sink or was there: nothing is lost, and what was lost is gone.
        assert sorted(one.key_id for one in mine) == sorted({held.key_id, *kept})
        (current,) = [one for one in mine if one.key_id == held.key_id]
        assert held == Held(held.value, current.key_id, delivered=True, waits=False)
        assert is_value(current, held.value)
        assert current.end - tenant.clock.now() > timedelta(days=BEFORE)
        end = time.monotonic() + patience
        while not self.signs_in(held.value):
            assert time.monotonic() < end
        assert others == split(before)[1]
        assert _without_warehouse(tenant) == _without_warehouse(before)
        assert [path.name for path in sink_file(self.folder).parent.iterdir()] in ([], ["warehouse.yml"])
        if self.sink in ("file", "command"):
            assert consumer_file(self.folder).read_text().strip() == held.value
        if messages and PLACES[self.sink].delivers:
            assert [one for one in tenant.messages if one.key_id == current.key_id]
        return current.key_id

    def assert_ended_right(self, patience: float = 0) -> None:
        """The same, for a run that has begun at one of the scenes: what it should have done is done, no more."""
        old = [one.key_id for one in split(self.scene.tenant)[0]]
        if self.scene.name == "empty":
            self.assert_right(patience=patience)
        elif self.scene.name == "due":
            assert self.assert_right(*old, patience=patience) not in old
        else:
            (current,) = [one for one in old if one == self.held().key_id]
            assert self.assert_right(messages=False, patience=patience) == current


def warehouse(tenant: Tenant) -> Application:
    """The application whose secret is renewed."""
    return next(one for one in tenant.applications.values() if one.app_id == WAREHOUSE)


def is_certificate(value: str) -> bool:
    """Whether a value is a key with its certificate."""
    return value.startswith("-----BEGIN")


def is_value(credential: Credential, value: str) -> bool:
    """Whether a value is that of a credential."""
    if credential.secret is not None:
        return value == credential.secret
    own = x509.load_pem_x509_certificate(value.encode())
    return credential.certificate == own.public_bytes(serialization.Encoding.DER)


def assertion(pem: str, audience: str) -> dict[str, str]:
    """How an application says in a token request that it has the key of a certificate (RFC 7523)."""
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)
    now = int(time.time())
    claims = {
        "iss": WAREHOUSE,
        "sub": WAREHOUSE,
        "aud": audience,
        "nbf": now,
        "exp": now + 300,
        "jti": uuid.uuid4().hex,
    }
    digest = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    signed = jwt.encode(claims, pem, "RS256", {"x5t#S256": digest})
    return {
        "client_assertion": signed,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }


def split(tenant: Tenant) -> tuple[list[Credential], list[Credential]]:
    """The application's credentials: ours, and those of others."""
    # The service writes certificates behind secrets, so their order tells nothing.
    all_of_them = sorted(warehouse(tenant).credentials, key=lambda one: one.key_id)
    ours = [one for one in all_of_them if (one.display_name or "").startswith(OURS)]
    return ours, [one for one in all_of_them if one not in ours]


def _without_warehouse(tenant: Tenant) -> dict[str, Application]:
    return {key: one for key, one in tenant.applications.items() if one.app_id != WAREHOUSE}
