# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of one object in a task: read, plan, refuse or apply, and see that it happened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

from .change import Change, diff, plan, shown
from .errors import Refused, failure
from .resource import Definition, State
from .waiting import CLOCK, Clock, Deadline, wait_for

Answer = TypeVar("Answer")


class Clients(SimpleNamespace):
    """The clients of one task by name, and what all its objects share."""

    def __init__(self, **clients: Any) -> None:
        super().__init__(**clients)
        self._shared: dict[Hashable, Any] = {}
        # Held by whoever looks at a shared value and then changes it.
        self.lock = threading.RLock()

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Make a value for the whole task when the first object needs it; every other object gets the same one."""
        with self.lock:
            if key not in self._shared:
                self._shared[key] = make()
            return self._shared[key]

    def end(self) -> None:
        """Let go of what the objects of the task held together (an L(ExitStack), for example of a lock).

        Not left to the garbage: an error keeps everything alive that it came through, and a task that is tried again in
        this process would meet its own lock.
        """
        with self.lock:
            for held in self._shared.values():
                if isinstance(held, ExitStack):
                    held.close()


def client_errors(definition: Definition) -> tuple[type[Exception], ...]:
    """What the clients of a module let out for anything that is not a bug."""
    return tuple({client.Error for client in definition.resource.clients.values()})


@dataclass(frozen=True)
class Task:
    """What all objects of one task have in common."""

    definition: Definition
    clients: Clients
    check_mode: bool
    wait_timeout: float = 300.0
    concurrency: int = 4
    clock: Clock = field(default=CLOCK)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Everything that a user, a service or a network can cause."""
        return (Refused, *client_errors(self.definition))

    @property
    def eventual(self) -> bool:
        """Whether any service that is written to shows a write only after a while."""
        resource = self.definition.resource
        return any(client.EVENTUAL for name, client in resource.clients.items() if name not in resource.consulted)

    def read(self, want: State) -> State | None:
        """The present state of one object."""
        state = self.read_all([want])[0]
        if isinstance(state, Exception):
            raise state
        return state

    def read_all(self, wants: list[State]) -> list[State | Exception | None]:
        """The present states of several objects, in one go where the module can; an error in the place of its state."""
        read, read_all = self.definition.read, self.definition.read_all
        if read_all is not None:
            everything = self.attempt(lambda: read_all(self.clients, wants))
            return [everything] * len(wants) if isinstance(everything, Exception) else everything
        if read is None:
            raise TypeError(f"{self.definition.resource.kind} has neither read nor read_all")
        return [self.attempt(partial(read, self.clients, want)) for want in wants]

    def expand(self, entry: State) -> list[State] | None:
        """The single objects that an entry stands for; None where it names one itself."""
        return self.definition.expand(self.clients, entry) if self.definition.expand else None

    def resolve(self, entry: State) -> State:
        """The options of one object in their canonical form."""
        return self.definition.resolve(self.clients, entry) if self.definition.resolve else entry

    def attempt(self, action: Callable[[], Answer]) -> Answer | Exception:
        """What an action gives, or the error that ended it; a bug is let through."""
        try:
            return action()
        except self.errors as error:
            return error

    def plan(self, want: State) -> Change:
        """What one object needs now."""
        return plan(self.definition.resource, want, self.read(want))

    def names(self, want: State) -> Mapping[str, Any]:
        """The options by which the user named an object, or a set of them."""
        resource = self.definition.resource
        return {name: want[name] for name in (*resource.names, *resource.sets) if want.get(name) is not None}


def converge(task: Task, entry: State) -> dict[str, Any]:
    """Bring one object to the state asked for, or say what would be done.

    Returns:
        The result of this object. A failure that a user or a service caused is a result too, never an exception.
    """
    return converge_together(task, [entry])[0]


def converge_together(task: Task, entries: list[State]) -> list[dict[str, Any]]:
    """The same for several objects, one after the other, after all of them have been read in one go."""
    wants = [task.attempt(partial(task.resolve, entry)) for entry in entries]
    resolved = [want for want in wants if not isinstance(want, Exception)]
    found = iter(task.read_all(resolved) if resolved else [])
    return [
        failure(task.names(entry), want) if isinstance(want, Exception) else _converged(task, entry, want, next(found))
        for entry, want in zip(entries, wants, strict=True)
    ]


def _converged(task: Task, entry: State, want: State, found: State | Exception | None) -> dict[str, Any]:
    """The result of one object whose state has been read."""
    if isinstance(found, Exception):
        return failure(task.names(entry), found)
    apply, resource = task.definition.apply, task.definition.resource
    if apply is None:
        return outcome(task, entry, shown(resource, found))
    try:
        change = plan(resource, want, found)
        refuse(task, change)
        after = carry_out(task, apply, change) if change and not task.check_mode else change.after
        return outcome(task, entry, shown(resource, after), change)
    except task.errors as error:
        return failure(task.names(entry), error)


def outcome(task: Task, entry: State, resource: State | None, change: Change | None = None) -> dict[str, Any]:
    """The result of one object that did not fail."""
    result = {**task.names(entry), "changed": bool(change), "resource": resource}
    return result if change is None else result | {"diff": diff(change)}


def refuse(task: Task, change: Change) -> None:
    """Stop what must not be tried, in check mode as well, so that a plan shows what its execution would meet."""
    resource = task.definition.resource
    if change.creates and not resource.removable:
        raise Refused(f"There is no such {resource.kind}.", "Check the spelling; nothing was changed.")
    if change and task.definition.preflight is not None:
        task.definition.preflight(task.clients, change)


def carry_out(task: Task, apply: Callable[[Clients, Change], None], change: Change) -> State | None:
    """Apply a change until it is done, and wait until it is seen.

    A write whose answer was lost is never simply sent again: the object is read until something of the change shows,
    and only what is then still missing is applied.
    """
    deadline = Deadline(task.wait_timeout, task.clock)
    while change:
        try:
            apply(task.clients, change)
        except task.errors as error:
            if not getattr(error, "ambiguous", False):
                raise
            change = _progress(task, change, deadline, error)
            continue
        if not task.definition.resource.stepwise:
            break
        change = _stepped(task, change, deadline)
    if change and task.eventual:
        return _seen(task, change, deadline)
    return _as_it_is(task, change, deadline) if change.creates else change.after


def _progress(task: Task, change: Change, deadline: Deadline, lost: Exception) -> Change:
    """What is left of a change after a write whose answer was lost; raises when nothing shows in time."""
    unknown = f"{lost} It is not known whether the change happened"
    moved, left = _look(task, change, lambda now: _nearer(now, change), deadline, unknown)
    if not moved:
        raise Refused(
            f"{unknown}; nothing of it was seen within {deadline.seconds:g} s.",
            "Run again: what is there by then is read first.",
            lost,
        ) from lost
    return left


def _stepped(task: Task, change: Change, deadline: Deadline) -> Change:
    """What is left of a change after one of its steps, as soon as that step is seen."""
    moved, left = _look(task, change, lambda now: _went_on(now, change), deadline, "The service accepted the change")
    if not moved:
        raise Refused(
            f"The service accepted the change, but does not show it after {deadline.seconds:g} s "
            f"(still different: {', '.join(change.fields)}).",
            "Run again later: it goes on where it stopped. Or raise wait_timeout.",
        )
    return left


def _nearer(now: Change, then: Change) -> bool:
    """Something of a change shows. Being different is not enough: a lagging replica shows an older state as well."""
    return (then.creates and not now.creates) or now.gaps < then.gaps


def _went_on(now: Change, then: Change) -> bool:
    """Something of a change is done, whatever else has become due meanwhile; an older state lacks nothing of it."""
    return (then.creates and not now.creates) or bool(then.gaps - now.gaps)


def _look(
    task: Task, change: Change, satisfied: Callable[[Change], bool], deadline: Deadline, so_far: str
) -> tuple[bool, Change]:
    """Plan again after a write until satisfied; a read that fails does not hide what is known of the write so far."""
    try:
        return wait_for(lambda: task.plan(change.want), satisfied, deadline)
    except task.errors as error:
        raise Refused(f"{so_far}; reading it again failed:", str(error), error) from error


def _as_it_is(task: Task, change: Change, deadline: Deadline) -> State | None:
    """A new object where a read shows it at once, with what only the service could give it (an id)."""
    _arrived, left = _look(task, change, lambda _now: True, deadline, "The service accepted the change")
    return left.before or change.after


def _seen(task: Task, change: Change, deadline: Deadline) -> State | None:
    """The state after a change, read from the service as soon as it shows there."""
    arrived, left = _look(task, change, lambda now: not now, deadline, "The service accepted the change")
    if not arrived:
        raise Refused(
            f"The service accepted the change, but does not show it after {deadline.seconds:g} s "
            f"(still different: {', '.join(left.fields) or 'the object itself'}).",
            "Run again later, or raise wait_timeout.",
        )
    return left.before
