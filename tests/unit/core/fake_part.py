# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small service in memory, a client of it, and a module on both: everything that core needs to be tried.

A part has a name, a size, a color, tags, labels and a pin. Tests script its faults and its lag; the file is also run
as an ordinary module in a process of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ansible_collections.m365.hybrid.plugins.module_utils.core.entry import run
from ansible_collections.m365.hybrid.plugins.module_utils.core.errors import Refused
from ansible_collections.m365.hybrid.plugins.module_utils.core.lifecycle import Clients, Task
from ansible_collections.m365.hybrid.plugins.module_utils.core.resource import (
    Definition,
    Field,
    Resource,
    exact,
    folded,
    members,
    names,
    text,
)
from ansible_collections.m365.hybrid.plugins.module_utils.core.waiting import Clock


class ShopError(Exception):
    """What the service says, with the facts that a client's error carries."""

    def __init__(self, said: str, ambiguous: bool = False) -> None:
        super().__init__(said)
        self.ambiguous = ambiguous
        self.facts = {"status": 503, "code": "Busy", "request_id": "r-1"}


class WriteInCheckMode(Exception):
    """A write over a client that may only read: a bug."""


@dataclass
class Shop:
    """The service. Every call is in the journal; C(faults) are met by the next calls of that verb and part."""

    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: dict[tuple[str, str], list[Callable[[], bool]]] = field(default_factory=dict)
    journal: list[tuple[str, str]] = field(default_factory=list)
    # Reads of a part that still show the state before a write to it.
    lag: int = 0
    old: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)
    on_read: Callable[[str], None] = lambda _name: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, name: str) -> dict[str, Any] | None:
        """The part as the next read shows it."""
        with self.lock:
            self.journal.append(("read", name))
        self.on_read(name)
        self._meet("read", name)
        if self.old.get(name):
            return deepcopy(self.old[name].pop(0))
        return deepcopy(self.parts.get(name))

    def write(self, name: str, values: Mapping[str, Any] | None) -> None:
        """Change, create or (with None) remove a part."""
        with self.lock:
            self.journal.append(("write", name))
        before = deepcopy(self.parts.get(name))
        lost = self._meet("write", name)
        if values is None:
            self.parts.pop(name, None)
        else:
            self.parts[name] = {**self.parts.get(name, {}), **deepcopy(dict(values))}
        self.old[name] = [before] * self.lag
        if lost:
            raise ShopError("connection reset", ambiguous=True)

    def _meet(self, verb: str, name: str) -> bool:
        faults = self.faults.get((verb, name), [])
        return faults.pop(0)() if faults else False

    def fail(self, verb: str, name: str, *faults: Callable[[], bool]) -> None:
        """Let the next calls of a verb meet these faults, one each."""
        self.faults.setdefault((verb, name), []).extend(faults)

    def count(self, verb: str) -> int:
        """How often a verb was called."""
        return sum(1 for called, _name in self.journal if called == verb)


def fine() -> bool:
    """No fault."""
    return False


def done_but_lost() -> bool:
    """The write happens and its answer is lost."""
    return True


def lost() -> bool:
    """The write does not happen, and nobody is told."""
    raise ShopError("connection reset", ambiguous=True)


def refused() -> bool:
    """The service says no."""
    raise ShopError("The shop is busy.")


def bug() -> bool:
    """A mistake of ours."""
    raise KeyError("bug")


SHOPS: dict[str, Shop] = {}


def small_shop() -> Shop:
    """A shop with two parts."""
    wheel = {"size": 3, "color": "Red", "tags": ["Round", "new"], "labels": {"row": "1"}, "id": "p-1"}
    return Shop({"wheel": wheel, "bolt": {"size": 1, "color": None, "tags": [], "labels": None, "id": "p-2"}})


class Client:
    """A client whose writes show at once."""

    OPTIONS: ClassVar[dict[str, Any]] = {
        "shop": {"type": "str", "default": "corner"},
        "shop_key": {"type": "str", "no_log": True},
        "shop_time": {"type": "float"},
    }
    RULES: ClassVar[dict[str, Any]] = {}
    Error: ClassVar[type[Exception]] = ShopError
    EVENTUAL: ClassVar[bool] = False
    PACED: ClassVar[bool] = False
    opened: ClassVar[list[Client]] = []

    def __init__(self, options: Mapping[str, Any], read_only: bool) -> None:
        if options["shop_key"] == "broken":
            raise ShopError("The key cannot be used.")
        self.service = SHOPS.setdefault(options["shop"], small_shop())
        self.read_only = read_only
        self.warnings: list[str] = []
        Client.opened.append(self)

    def read(self, name: str) -> dict[str, Any] | None:
        """A read, with a warning for some parts."""
        if name.startswith("rusty"):
            self.warnings.append("Rust was seen.")
        return self.service.read(name)

    def write(self, name: str, values: Mapping[str, Any] | None) -> None:
        """A write."""
        if self.read_only:
            raise WriteInCheckMode(name)
        self.service.write(name, values)


class SlowClient(Client):
    """A client whose writes show after a while."""

    EVENTUAL = True


def part_name(value: str) -> str:
    """A name in its proper form."""
    if " " in value:
        raise ValueError(f"{value} has a blank in it")
    return value.strip("/")


RESOURCE = Resource(
    kind="part",
    clients={"shop": Client},
    names=("name",),
    options={
        "name": {"type": "str", "required": True},
        "size": {"type": "int"},
        "color": {"type": "str"},
        "tags": members(),
        "labels": {"type": "dict"},
        "pin": {"type": "str", "no_log": True},
        "finish": {"type": "str", "choices": ["raw", "painted"], "default": "raw"},
    },
    managed={
        "size": exact,
        "color": text,
        "tags": names,
        "labels": Field(key=folded, shape="mapping"),
        "pin": Field(secret=True),
    },
    rules={"required_if": [("finish", "painted", ("color",))]},
    parse={"name": part_name, "tags.add": part_name},
    removable=True,
)


def read(clients: Any, want: dict[str, Any]) -> dict[str, Any] | None:
    """The present state of a part."""
    state: dict[str, Any] | None = clients.shop.read(want["name"])
    return state


def preflight(clients: Any, change: Any) -> None:
    """Some parts are too large."""
    if (change.want["size"] or 0) > 100:
        raise Refused("It does not fit the shelf.", "Take a smaller one.")


def apply(clients: Any, change: Any) -> None:
    """One write for the whole change."""
    clients.shop.write(change.want["name"], change.after)


def apply_in_steps(clients: Any, change: Any) -> None:
    """One write for every field of a change."""
    for name in change.fields:
        clients.shop.write(change.want["name"], {name: change.after[name]})


def apply_one_step(clients: Any, change: Any) -> None:
    """One write for the first field of a change."""
    name = change.fields[0]
    clients.shop.write(change.want["name"], {name: change.after[name]})


class FakeClock:
    """Time that passes only when somebody pauses."""

    def __init__(self) -> None:
        self.time = 0.0
        self.pauses: list[float] = []
        self.clock = Clock(lambda: self.time, self.pause)

    def pause(self, seconds: float) -> None:
        """Let time pass at once."""
        self.pauses.append(seconds)
        self.time += seconds


def want(name: str = "wheel", **options: Any) -> dict[str, Any]:
    """The options of one part as validation gives them."""
    nothing: dict[str, Any] = dict.fromkeys(RESOURCE.options)
    return nothing | {"name": name, "finish": "raw", "state": "present"} | options


def task(clock: FakeClock, client: type[Client] = Client, check_mode: bool = False, **changes: Any) -> Task:
    """A task on the corner shop; C(resource) and the functions of its definition can be given."""
    resource = changes.pop("resource", RESOURCE)
    given = {"read": read, "apply": apply, "preflight": preflight} | changes
    definition = Definition(replace(resource, clients={"shop": client}), **given)
    clients = Clients(shop=client({"shop": "corner", "shop_key": None}, check_mode))
    return Task(definition, clients, check_mode, wait_timeout=60.0, clock=clock.clock)


def main() -> None:
    """The module in a process of its own."""
    run(RESOURCE, read=read, apply=apply, preflight=preflight)


if __name__ == "__main__":
    main()
