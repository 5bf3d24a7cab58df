# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kind of object is: the data from which the life cycle derives everything else."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

State = dict[str, Any]


class Client(Protocol):
    """What the life cycle asks of a client of a service; it knows no service by name."""

    OPTIONS: Mapping[str, Any]
    RULES: Mapping[str, Any]
    Error: type[Exception]
    # True where a write shows in a read only after a while, so that success has to be waited for.
    EVENTUAL: bool
    # True where the client itself keeps to C(concurrency) requests at once, so that threads which only wait for a service
    # that put them off need not be counted.
    PACED: bool
    warnings: list[str]

    def __init__(self, options: Mapping[str, Any], read_only: bool) -> None:
        """Keep the options; nothing is opened before it is needed."""


def itself(value: Any) -> Any:
    """The comparison key of a value that has one spelling only."""
    return value


def folded(value: Any) -> Any:
    """The comparison key of a text whose letter case carries no meaning."""
    return value.casefold() if isinstance(value, str) else value


@dataclass(frozen=True)
class Field:
    """How one managed option is compared with what is there.

    Arguments:
        key: what two spellings of the same value have in common.
        shape: one value, a set whose order means nothing, or a mapping of which only the named keys are managed.
        secret: the value is never shown.
    """

    key: Callable[[Any], Hashable] = itself
    shape: Literal["one", "set", "mapping"] = "one"
    secret: bool = False

    def goal(self, wanted: Any, present: Any) -> Any:
        """The value that should be there, given what is asked for and what is there."""
        if self.shape == "set":
            return self._set_goal(wanted, present or [])
        if self.shape == "mapping":
            return {**(present or {}), **wanted}
        return wanted

    def same(self, one: Any, other: Any) -> bool:
        """Whether two values mean the same."""
        return bool(self._canonical(one) == self._canonical(other))

    def lacking(self, values: Any, others: Any) -> list[Any]:
        """The members of a set that another one does not have, in their own order and spelling."""
        known = {self.key(value) for value in others or []}
        return [value for value in values or [] if self.key(value) not in known]

    def gaps(self, one: Any, other: Any) -> frozenset[Hashable]:
        """The single differences of two values: the members of a set, the names of a mapping, or the whole value."""
        left, right = self._canonical(one), self._canonical(other)
        if self.shape == "set":
            return frozenset(left ^ right)
        if self.shape == "mapping":
            return frozenset(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
        return frozenset() if left == right else frozenset({"value"})

    def _set_goal(self, wanted: Any, present: list[Any]) -> list[Any]:
        if isinstance(wanted, list) or wanted.get("set") is not None:
            exact = wanted if isinstance(wanted, list) else wanted["set"]
            spelling = {self.key(value): value for value in present}
            return list({self.key(value): spelling.get(self.key(value), value) for value in exact}.values())
        kept = self.lacking(present, wanted.get("remove"))
        return kept + self.lacking(_unique(wanted.get("add") or [], self.key), kept)

    def _canonical(self, value: Any) -> Any:
        # An absent set or mapping is an empty one; any other absent value is just absent.
        if self.shape == "set":
            return frozenset(self.key(member) for member in value or ())
        if self.shape == "mapping":
            return {name: self.key(member) for name, member in (value or {}).items() if member is not None}
        return None if value is None else self.key(value)


def _unique(values: Iterable[Any], key: Callable[[Any], Hashable]) -> list[Any]:
    return list({key(value): value for value in values}.values())


exact = Field()
text = Field(key=folded)
names = Field(key=folded, shape="set")


def members(**elements: Any) -> dict[str, Any]:
    """The argument spec of an option that owns a set wholly (C(set)) or in part (C(add), C(remove)).

    Arguments:
        elements: further words of the argument spec for the three lists, for example their choices.
    """
    spec = {"type": "list", "elements": "str", **elements}
    return {
        "type": "dict",
        "options": {"set": spec, "add": spec, "remove": spec},
        "mutually_exclusive": [("set", "add"), ("set", "remove")],
    }


@dataclass(frozen=True)
class Resource:
    """One kind of object, as data.

    Arguments:
        kind: what an administrator calls it, for messages.
        clients: the services it is read from and written to, by the name that C(read) and C(apply) use.
        names: the options that name one object.
        sets: the options that name a set of objects in its place; L(Definition) has C(expand) then.
        options: the argument spec of one object, without connection options and without C(state).
        managed: the options that are compared and changed, and how each is compared.
        rules: C(required_if) and its kin for one object.
        parse: for an option, the function that turns the given text into its proper form or raises ValueError
            with the reason. Lists are parsed member by member; C(option.add) means one list of a partly owned set.
        check: turns the options of one object, taken together, into their proper form, or raises ValueError with the
            reason; for options that depend on each other, before anything is asked of any service.
        goal: the state that should be there, where fields depend on each other; by default every managed option
            decides for itself.
        completed: what the state lacks that is asked for, given it and the options; for example what a new object needs.
        removable: the object has a C(state), so it can be created and removed by us.
        stepwise: a change is made in steps. C(apply) takes the first one only; it has to be seen before the next is taken,
            and what is left is planned anew.
        awaits: the object is only waited for, never changed: every read is repeated until the goal is reached.
        consulted: those of the clients that are only asked whether a change may be made; neither the state comes from
            them nor does a change go to them, so nothing has to be waited for there.
    """

    kind: str
    clients: Mapping[str, type[Client]]
    names: tuple[str, ...]
    options: Mapping[str, Any]
    managed: Mapping[str, Field] = field(default_factory=dict)
    sets: tuple[str, ...] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    parse: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    check: Callable[[State], State] | None = None
    goal: Callable[[State, State], State] | None = None
    completed: Callable[[State, State], State] | None = None
    removable: bool = False
    stepwise: bool = False
    awaits: bool = False
    consulted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition:
    """A whole module: its resource and its functions.

    Arguments:
        resource: the data.
        read: C(read(clients, want)) gives the present state, or None when the object is known to be absent.
        apply: C(apply(clients, change)) turns a change into calls; None for a module that only looks.
        expand: C(expand(clients, want)) gives the options of every single object that one entry stands for, where an entry
            may name a set of them; None for an entry that names one object itself. A set that could not be listed to
            its end raises; it is never a shorter one.
        resolve: C(resolve(clients, want)) replaces what the user may spell in several ways by one canonical form.
        preflight: C(preflight(clients, change)) raises L(Refused) for a change that must not be tried.
        read_all: C(read_all(clients, wants)) reads many objects in one go, in the order asked for. In the place of an
            object that alone could not be read it gives the error.
    """

    resource: Resource
    read: Callable[[Any, State], State | None] | None = None
    apply: Callable[[Any, Any], None] | None = None
    expand: Callable[[Any, State], list[State] | None] | None = None
    resolve: Callable[[Any, State], State] | None = None
    preflight: Callable[[Any, Any], None] | None = None
    read_all: Callable[[Any, list[State]], list[State | Exception | None]] | None = None
