# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a new client secret is kept: a file, Azure Key Vault, HashiCorp Vault, or whatever a command makes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, ClassVar, Protocol

from ansible.module_utils.common.parameters import env_fallback

from ..domain.secret_record import Record
from . import clouds
from .errors import ServiceError
from .graph import Graph
from .sink_command import CommandSink
from .sink_file import FileSink
from .sink_hashicorp import HashicorpSink
from .sink_key_vault import KeyVaultSink

KINDS = ("file", "azure_key_vault", "hashicorp_vault", "command")

SINK: dict[str, Any] = {
    "type": "dict",
    "mutually_exclusive": [KINDS],
    "required_one_of": [KINDS],
    "options": {
        "file": {
            "type": "dict",
            "options": {
                "path": {"type": "path", "required": True},
                "prefix": {"type": "str", "default": "client_secret"},
                "encrypt": {"type": "bool", "default": False},
                "vault_id": {"type": "str"},
            },
        },
        "azure_key_vault": {
            "type": "dict",
            # The name of a place and no secret, although Ansible takes it for one.
            "no_log": False,
            "options": {"vault": {"type": "str", "required": True}, "name": {"type": "str", "required": True}},
        },
        "hashicorp_vault": {
            "type": "dict",
            "required_one_of": [("token", "role_id")],
            "required_by": {"secret_id": ("role_id",)},
            "options": {
                "url": {"type": "str", "required": True, "fallback": (env_fallback, ["VAULT_ADDR"])},
                "mount": {"type": "str", "default": "secret"},
                "path": {"type": "str", "required": True},
                "namespace": {"type": "str", "fallback": (env_fallback, ["VAULT_NAMESPACE"])},
                "ca_path": {"type": "path", "fallback": (env_fallback, ["VAULT_CACERT"])},
                "token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["VAULT_TOKEN"])},
                "role_id": {"type": "str"},
                "secret_id": {"type": "str", "no_log": True},
            },
        },
        "command": {
            "type": "dict",
            "options": {
                "argv": {"type": "list", "elements": "str", "required": True},
                "record": {"type": "path", "required": True},
                "timeout": {"type": "float", "default": 60.0},
            },
        },
    },
}


class Sink(Protocol):
    """One place for the secrets of one application.

    Attributes:
        where: the place in words, for messages.
    """

    where: str

    def read(self) -> Record:
        """What it holds; an empty record only if it is known to hold nothing.

        Raises:
            ServiceError: it could not be read, or somebody else has written there.
        """

    def write(self, record: Record) -> None:
        """Replace what it holds, durably.

        Raises:
            ServiceError: it could not; C(ambiguous) if nobody knows.
            WriteRefused: the client may only read.
        """

    def alone(self) -> AbstractContextManager[None]:
        """Let no other run of this user on this machine work here meanwhile.

        What can be known of a coming write is checked on entry, so that no secret is made that could not be kept.

        Raises:
            ServiceError: another run is at work, or a write would fail.
        """


class Services(Protocol):
    """The clients of a task that keeps secrets, and what its objects share."""

    graph: Graph
    sinks: Sinks

    def once(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """Make a value for the whole task when it is first needed."""


def reserved(services: Services, place: Mapping[str, Any], owner: str) -> Sink:
    """A sink for one owner, kept from other runs until the task ends.

    Arguments:
        services: the clients.
        place: a value of SINK.
        owner: whose secret it is to hold, in words.

    Raises:
        ServiceError: it cannot be used, another run works on it, or another object of this task has it.
    """
    sink = services.sinks.open(place)
    first = services.once(("owner of", sink.where), lambda: owner)
    if first != owner:
        raise ServiceError(
            f"{sink.where} is the sink of {first} already.", advice="Give each secret a sink of its own."
        )
    # A sink that may only be read looks whether it could be written, so that a plan says so too.
    services.once(("alone", sink.where), lambda: _entered(sink))
    return sink


def _entered(sink: Sink) -> ExitStack:
    stack = ExitStack()
    stack.enter_context(sink.alone())
    return stack


class Sinks:
    """Opens sinks. Nothing is sent before it is needed.

    Arguments:
        options: values of OPTIONS; Azure Key Vault is signed in to with them.
        read_only: refuse every write by WriteRefused.
    """

    OPTIONS: ClassVar[dict[str, Any]] = clouds.OPTIONS
    RULES: ClassVar[dict[str, Any]] = clouds.RULES
    Error: ClassVar[type[Exception]] = ServiceError
    EVENTUAL: ClassVar[bool] = False
    PACED: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any], read_only: bool) -> None:
        self.warnings: list[str] = []
        self.options = options
        self.read_only = read_only
        self._lock = threading.Lock()
        self._opened: dict[str, Any] = {}

    def open(self, sink: Mapping[str, Any]) -> Sink:
        """The sink that a value of SINK names; the same one for the same value, with its session.

        Raises:
            ServiceError: the value cannot name a sink.
        """
        kind = next(name for name in KINDS if sink.get(name) is not None)
        key = repr((kind, sorted(sink[kind].items(), key=str)))
        with self._lock:
            if key not in self._opened:
                self._opened[key] = self._make(kind, sink[kind])
            opened: Sink = self._opened[key]
            return opened

    def close(self) -> None:
        """Forget the sinks that were opened."""
        with self._lock:
            self._opened.clear()

    def _make(self, kind: str, place: Mapping[str, Any]) -> Sink:
        makers: dict[str, Callable[[], Sink]] = {
            "file": lambda: FileSink(place, self.read_only),
            "azure_key_vault": lambda: KeyVaultSink(self.options, place, self.read_only),
            "hashicorp_vault": lambda: HashicorpSink(self.options, place, self.read_only),
            "command": lambda: CommandSink(place, self.read_only),
        }
        return makers[kind]()
