# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places for a secret: how an inventory names each, and what is in it, read without the collection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.stores import KeyVaultVersion
from lab.world import World

# What others keep in the file of the sink.
FOREIGN_LINES = ["# Zugang der Lagerverwaltung", "smtp_host: smtp.office365.com  # fest"]
NAME, PATH = "warehouse", "m365/warehouse"


@dataclass(frozen=True)
class Held:
    """The current secret of a sink; C(waits): there is another one that is not in use."""

    value: str
    key_id: str
    delivered: bool
    waits: bool


@dataclass(frozen=True)
class Place:
    """One kind of sink.

    C(option): its value for the option sink. C(held): what is in it. C(delivers): an application that does not read the
    sink itself is served by tasks and proved by mail; a command brings the secret there by itself. C(kind): what is kept.
    """

    option: Callable[[World, Path], dict[str, Any]]
    held: Callable[[World, Path], Held]
    delivers: bool = True
    kind: str = "client_secret"


def sink_file(folder: Path) -> Path:
    """The file of the sink."""
    return folder / "place" / "warehouse.yml"


def consumer_file(folder: Path) -> Path:
    """What the program that uses the secret reads."""
    return folder / "consumer" / "secret"


def _in_file(_world: World, folder: Path) -> Held:
    path = sink_file(folder)
    text = path.read_text(encoding="utf-8")
    held = yaml.safe_load(text)
    assert [line for line in text.splitlines() if not line.startswith("client_secret")] == FOREIGN_LINES
    assert path.stat().st_mode & 0o777 == 0o600
    return _of(held, "client_secret", "client_secret_")


def _by_command(_world: World, folder: Path) -> Held:
    held = yaml.safe_load(sink_file(folder).read_text(encoding="utf-8"))
    # The record has no value; the command has taken it.
    assert "client_secret" not in held
    return _of({**held, "client_secret": consumer_file(folder).read_text().strip()}, "client_secret", "client_secret_")


def _of(held: dict[str, Any], value: str, prefix: str) -> Held:
    waits = [name for name in held if name.startswith((f"{prefix}next", "next_"))]
    return Held(held[value], held[f"{prefix}key_id"], bool(held.get(f"{prefix}delivered")), bool(waits))


def _in_azure(world: World, _folder: Path) -> Held:
    (vault,) = world.tenant.vaults.azure.values()
    now = _newest(vault[NAME].versions)
    waiting = vault.get(f"{NAME}-next")
    details = {"value": now.secret, **now.tags}
    waits = {"next_value": ""} if waiting is not None and waiting.deleted_at is None else {}
    return _of({**details, **waits}, "value", "")


def _newest(versions: list[KeyVaultVersion]) -> KeyVaultVersion:
    assert versions[-1].enabled
    return versions[-1]


def _in_hashicorp(world: World, _folder: Path) -> Held:
    entry = world.tenant.vaults.hashicorp["secret"][PATH]
    fields = entry.versions[entry.current].secret
    assert fields is not None
    return _of(fields, "value", "")


def _hashicorp(world: World, _folder: Path) -> dict[str, Any]:
    return {
        "hashicorp_vault": {
            "url": world.vault_url,
            "path": PATH,
            "ca_path": str(world.ca_path),
            "role_id": world.vault_role_id,
            "secret_id": world.vault_secret_id,
        }
    }


def _command(_world: World, folder: Path) -> dict[str, Any]:
    take = ["sh", "-c", 'cat > "$0.new" && mv "$0.new" "$0"', str(consumer_file(folder))]
    return {"command": {"argv": take, "record": str(sink_file(folder))}}


def _file(_world: World, folder: Path) -> dict[str, Any]:
    return {"file": {"path": str(sink_file(folder))}}


PLACES = {
    "file": Place(_file, _in_file),
    # A key and its certificate, which the application reads where they are.
    "certificate": Place(_file, _in_file, delivers=False, kind="certificate"),
    "azure_key_vault": Place(
        lambda _world, _folder: {"azure_key_vault": {"vault": "https://contoso.vault.azure.net", "name": NAME}},
        _in_azure,
    ),
    "hashicorp_vault": Place(_hashicorp, _in_hashicorp),
    "command": Place(_command, _by_command, delivers=False),
}
