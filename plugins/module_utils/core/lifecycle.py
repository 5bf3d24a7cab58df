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
from typing import Any, TypeAlias, TypeVar

from .change import Change, diff, plan, shown
from .errors import Refused, describe, failure
from .progress import Progress
from .resource import Definition, State
from .waiting import CLOCK, Clock, Deadline, wait_for

Answer = TypeVar("Answer")
# Threads for each request that may be under way, so that one which a service has put off holds up no other.
AHEAD = 2
# What a read of one object gives: its state, None where it is absent, or why that is not known.
Found: TypeAlias = "State | Exception | None"


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
    progress: Progress = field(default_factory=Progress)
    # Set when somebody has interrupted the task: no further object is begun.
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Everything that a user, a service or a network can cause."""
        return (Refused, *client_errors(self.definition))

    @property
    def eventual(self) -> bool:
        """Whether any service that is written to shows a write only after a while."""
        resource = self.definition.resource
        return any(client.EVENTUAL for name, client in resource.clients.items() if name not in resource.consulted)

    def told(self, entry: State, result: dict[str, Any]) -> dict[str, Any]:
        """The result of an object that is done, after it was counted for whoever watches."""
        self.progress.count(self.label(entry), result)
        return result

    def label(self, entry: State) -> str:
        """An object as messages name it."""
        return describe(self.names(entry))

    @property
    def threads(self) -> int:
        """How many objects are worked on at a time: more than C(concurrency) where the clients count their requests."""
        paced = all(client.PACED for client in self.definition.resource.clients.values())
        return self.concurrency * (AHEAD if paced else 1)

    def read(self, want: State) -> State | None:
        """The present state of one object."""
        state = self.read_all([want])[0]
        if isinstance(state, Exception):
            raise state
        return state

    def read_all(self, wants: list[State]) -> list[Found]:
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


@dataclass(frozen=True)
class Written:
    """An object whose change was made, and is not yet known to show.

    Arguments:
        entry: the user's options.
        change: all that was to be changed.
        left: what a read has to show.
    """

    entry: State
    change: Change
    left: Change


Begun: TypeAlias = "dict[str, Any] | Written"


def converge(task: Task, entry: State) -> dict[str, Any]:
    """Bring one object to the state asked for, or say what would be done.

    Returns:
        The result of this object. A failure that a user or a service caused is a result too, never an exception.
    """
    return converge_together(task, [entry])[0]


def converge_together(task: Task, entries: list[State]) -> list[dict[str, Any]]:
    """The same for several objects, one after the other, after all of them have been read in one go."""
    return finish(task, begin(task, entries), task.read_all)


def begin(task: Task, entries: list[State]) -> list[Begun]:
    """Read several objects in one go and change one after the other, without waiting until that shows."""
    wants = [task.attempt(partial(task.resolve, entry)) for entry in entries]
    resolved = [want for want in wants if not isinstance(want, Exception)]
    found = iter(task.read_all(resolved) if resolved else [])
    return [
        task.told(entry, failure(task.names(entry), want))
        if isinstance(want, Exception)
        else _begun(task, entry, want, next(found))
        for entry, want in zip(entries, wants, strict=True)
        if not task.stop.is_set()
    ]


def _begun(task: Task, entry: State, want: State, found: Found) -> Begun:
    """The result of one object whose state has been read, or what was written of it."""
    if isinstance(found, Exception):
        return task.told(entry, failure(task.names(entry), found))
    apply, resource = task.definition.apply, task.definition.resource
    if apply is None:
        return task.told(entry, outcome(task, entry, shown(resource, found)))
    try:
        change = plan(resource, want, found)
        refuse(task, change)
        left = carry_out(task, entry, apply, change) if change and not task.check_mode else change
    except task.errors as error:
        return task.told(entry, failure(task.names(entry), error))
    if left and not task.check_mode and (task.eventual or left.creates):
        task.progress.written(task.label(entry))
        return Written(entry, change, left)
    return task.told(entry, outcome(task, entry, shown(resource, left.after), change))


def finish(task: Task, begun: list[Begun], read_all: Callable[[list[State]], list[Found]]) -> list[dict[str, Any]]:
    """The results of objects whose changes were begun, as soon as these are seen.

    A new object that need not be waited for is read once, because only the service can tell its id.
    """
    written = [one for one in begun if isinstance(one, Written)]
    waiting = [one.left for one in written]
    once = Deadline(0.0, task.clock)
    deadline = Deadline(task.wait_timeout, task.clock) if task.eventual else once
    seen = iter(_all_seen(task, waiting, deadline, read_all) if written else [])
    return [_finished(task, one, next(seen)) if isinstance(one, Written) else one for one in begun]


def _finished(task: Task, one: Written, seen: Found) -> dict[str, Any]:
    if isinstance(seen, Exception):
        return task.told(one.entry, failure(task.names(one.entry), seen))
    return task.told(one.entry, outcome(task, one.entry, shown(task.definition.resource, seen), one.change))


def _all_seen(
    task: Task, changes: list[Change], deadline: Deadline, read_all: Callable[[list[State]], list[Found]]
) -> list[Found]:
    """The states after changes, read from the service as soon as they show there; an error where one does not."""
    left, seen = dict(enumerate(changes)), dict[int, Found]()
    while True:
        states = read_all([change.want for change in left.values()])
        for index, state in zip(list(left), states, strict=True):
            now = task.attempt(partial(_left, task, changes[index], state))
            if isinstance(now, Exception):
                reason = "The service accepted the change; reading it again failed:"
                seen[index] = Refused(reason, str(now), now)
                del left[index]
            elif not now:
                seen[index] = now.before
                del left[index]
            else:
                left[index] = now
        if left:
            task.progress.waiting(len(left), deadline.left)
        if not left or not deadline.pause():
            break
    late = {index: _late(task, now, deadline) for index, now in left.items()}
    return [(seen | late)[index] for index in range(len(changes))]


def _left(task: Task, change: Change, state: Found) -> Change:
    if isinstance(state, Exception):
        raise state
    return plan(task.definition.resource, change.want, state)


def _late(task: Task, now: Change, deadline: Deadline) -> Found:
    """What is said of a change that does not show: an error where it should, else what is known of the new object."""
    if not task.eventual:
        return now.before or now.after
    return Refused(
        f"The service accepted the change, but does not show it after {deadline.seconds:g} s "
        f"(still different: {', '.join(now.fields) or 'the object itself'}).",
        "Run again later, or raise wait_timeout.",
    )


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


def carry_out(task: Task, entry: State, apply: Callable[[Clients, Change], None], change: Change) -> Change:
    """Apply a change until it is done; gives what of it no read has shown yet.

    A write whose answer was lost is never simply sent again: the object is read until something of the change shows,
    and only what is then still missing is applied.
    """
    task.progress.begin(task.label(entry))
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
            return change
        change = _stepped(task, change, deadline)
    return change


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
