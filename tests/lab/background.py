# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process of a rehearsal tenant in the background: its services and its Samba, until it is told to end.

C(lab.instance) starts it and reads what it writes into C(lab.json).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import credentials
from .directory import ADMINISTRATOR, ADMINISTRATOR_PASSWORD, BASE_DN, REALM, DirectoryError, Samba
from .generator import generate, permit
from .instance import LabError, Options
from .loopback import DIRECTORY_PORTS, SERVICES_PORT, AddressError, reserve
from .scenario import Scenario, ScenarioError, build_tenant, load, seed_directory
from .server import running
from .state import Tenant
from .world import World

# How many generated mailboxes the table shows.
SHOWN_OF_GENERATED = 20


def run(options: Options) -> None:
    """Be the tenant: start everything, write C(lab.json), and serve until SIGTERM.

    Raises ScenarioError, DirectoryError, AddressError, LabError.
    """
    directory = Path(options.directory)
    ports = (*DIRECTORY_PORTS, SERVICES_PORT) if options.samba else (SERVICES_PORT,)
    with _held(directory), contextlib.ExitStack() as stack:
        (directory / "lab.json").unlink(missing_ok=True)
        scenario = load(options.scenario)
        address = stack.enter_context(reserve(options.address, ports)).address
        certificates = credentials.issue_certificates(scenario, directory / "credentials")
        workplace = directory / "certificates"
        world = World(_loader(scenario, options, certificates), latency=options.latency, workplace=workplace)
        if options.samba:
            world.directory = stack.enter_context(_samba(options, scenario, address, world))
        told = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_unused: told.set())
        stack.enter_context(running(world, address, SERVICES_PORT, with_imds=True))
        stack.callback((directory / "lab.json").unlink, missing_ok=True)
        partial = credentials.write_private(
            directory / "lab.json.part", json.dumps(_facts(options, scenario, world), indent=2)
        )
        partial.replace(directory / "lab.json")
        told.wait()


def _loader(scenario: Scenario, options: Options, certificates: dict[str, bytes]) -> Callable[[], Tenant]:
    if options.generate:
        return lambda: _crowd(options.generate, scenario, certificates)
    return lambda: build_tenant(scenario, certificates)


def _crowd(count: int, scenario: Scenario, certificates: dict[str, bytes]) -> Tenant:
    tenant = generate(count, scenario=scenario, certificates=certificates)
    permit(tenant)
    return tenant


@contextlib.contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the file says who does."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"another rehearsal tenant is starting or running in {directory}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _samba(options: Options, scenario: Scenario, address: str, world: World) -> Samba:
    """The AD server with what the scenario puts into it, not yet started."""
    directory = Path(options.directory)
    samba = Samba(
        directory / "samba",
        address,
        world.authority,
        templates=Path(options.templates) if options.templates else directory / "templates",
        administrator_password=scenario.directory.get("administrator_password", ADMINISTRATOR_PASSWORD),
    )
    seed_directory(scenario, samba)
    return samba


def _facts(options: Options, scenario: Scenario, world: World) -> dict[str, Any]:
    """The content of C(lab.json): where everything is, and in which files the secrets lie."""
    folder = Path(options.directory).resolve() / "credentials"
    applications = [_application_facts(application, folder) for application in scenario.content.get("applications", [])]
    environment, secret_files = _cloud_variables(scenario, world, applications)
    vault_environment, vault_secrets = _vault_variables(world, folder)
    environment, secret_files = environment | vault_environment, secret_files | vault_secrets
    found: dict[str, Any] = {
        "options": asdict(options),
        "process": os.getpid(),
        "address": world.base_url.rpartition(":")[0].rpartition("/")[2],
        "urls": {"base": world.base_url, "control": f"{world.base_url}/_lab", "managed_identity": world.imds_url},
        "mail": {"smtp": world.smtp_server, "imap": world.imap_server},
        "vaults": {"azure": world.key_vault_url, "hashicorp": world.vault_url},
        "ca_path": str(world.ca_path.resolve()),
        "tenant": {
            "id": world.tenant.id,
            "display_name": world.tenant.display_name,
            "initial_domain": world.tenant.initial_domain,
        },
        "applications": applications,
        "job": _job(scenario, options, world.tenant),
        "directory": None,
    }
    if world.directory is not None:
        found["directory"] = _directory_facts(scenario, world.directory, folder)
        environment |= {
            "M365_DIRECTORY_SERVER": world.directory.address,
            "M365_DIRECTORY_USER": found["directory"]["user"],
            "M365_DIRECTORY_CA_PATH": str(world.ca_path.resolve()),
        }
        secret_files["M365_DIRECTORY_PASSWORD"] = found["directory"]["password_path"]
    everything = environment | {name: Path(path).read_text() for name, path in secret_files.items()}
    exports = credentials.write_exports(folder / "environment", everything)
    return found | {"environment": environment, "secret_files": secret_files, "environment_path": str(exports)}


def _application_facts(application: dict[str, Any], folder: Path) -> dict[str, Any]:
    name = credentials.file_name(application["name"])
    secret = certificate = None
    if "secret" in application:
        secret = str(credentials.write_private(folder / f"{name}.secret", application["secret"]))
    if application.get("certificate"):
        certificate = str(folder / f"{name}.pem")
    return {
        "name": application["name"],
        "client_id": application["app_id"],
        "secret_path": secret,
        "certificate_path": certificate,
    }


def _cloud_variables(
    scenario: Scenario, world: World, applications: list[dict[str, Any]]
) -> tuple[dict[str, str], dict[str, str]]:
    """What the first application signs in with: variables by name, and the files of the secret ones."""
    variables = {
        "AZURE_TENANT_ID": world.tenant.id,
        "M365_LOGIN_ENDPOINT": world.base_url,
        "M365_GRAPH_ENDPOINT": world.base_url,
        "M365_EXCHANGE_ENDPOINT": world.base_url,
        "M365_CA_PATH": str(world.ca_path.resolve()),
        "M365_SMTP_SERVER": world.smtp_server,
        "M365_IMAP_SERVER": world.imap_server,
    }
    if not applications:
        return variables, {}
    first = applications[0]
    files = {"AZURE_CLIENT_SECRET": first["secret_path"]} if first["secret_path"] else {}
    return variables | {"AZURE_CLIENT_ID": first["client_id"]}, files


def _vault_variables(world: World, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Where the vaults are, in the words of HashiCorp's own client as far as it has any, and what opens them."""
    variables = {
        "M365_KEY_VAULT_ENDPOINT": world.key_vault_url,
        "VAULT_ADDR": world.vault_url,
        "VAULT_CACERT": str(world.ca_path.resolve()),
        "VAULT_ROLE_ID": world.vault_role_id,
    }
    files = {
        "VAULT_TOKEN": str(credentials.write_private(folder / "vault.token", world.vault_token)),
        "VAULT_SECRET_ID": str(credentials.write_private(folder / "vault.secret-id", world.vault_secret_id)),
    }
    return variables, files


def _directory_facts(scenario: Scenario, samba: Samba, folder: Path) -> dict[str, Any]:
    """The AD server, its administrator, and the account that the collection is meant to use."""
    administrator = credentials.write_private(folder / "administrator.password", samba.administrator_password)
    user, path = ADMINISTRATOR, administrator
    wanted = scenario.directory.get("service_account")
    for account in scenario.directory.get("users", []):
        if account["account"] == wanted:
            user = account.get("attributes", {}).get("userPrincipalName", f"{wanted}@{REALM}")
            path = credentials.write_private(folder / f"{credentials.file_name(wanted)}.password", account["password"])
    return {
        "server": samba.address,
        "realm": REALM,
        "base_dn": BASE_DN,
        "ca_path": str(samba.authority_path.resolve()),
        "user": user,
        "password_path": str(path),
        "administrator": ADMINISTRATOR,
        "administrator_password_path": str(administrator),
        "process": samba.process_id,
    }


def _job(scenario: Scenario, options: Options, tenant: Tenant) -> list[str]:
    if not options.generate:
        return scenario.job
    made = [user.user_principal_name for user in tenant.users.values() if user.mailbox]
    return made[-options.generate :][:SHOWN_OF_GENERATED]


def main() -> int:
    """Run the tenant whose options are the program's argument; a mistake of the user ends in one line."""
    try:
        run(Options(**json.loads(sys.argv[1])))
    except (ScenarioError, DirectoryError, AddressError, LabError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
