# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole task: all its objects, through a bounded pool, over shared connections."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from .arguments import Unusable, entries
from .change import plan, shown
from .errors import Refused, failure
from .lifecycle import Clients, Found, Task, begin, client_errors, converge_together, finish, outcome
from .progress import Arrivals
from .resource import Client, Definition, Resource, State
from .waiting import Deadline

# Objects that are read in one go, where a module can. Of a thousand, more than fifty at a time save little.
READ_TOGETHER = 50

# Services take ten or twenty reads in one request, so groups are multiples of ten.
FULL = 10
# Seconds that writes under way have to end when somebody interrupts the task; Ansible ends its workers after one.
GRACE = 0.7

# One client per service and set of connection options for the life of this process: all items of a loop in the
# controller run in one process, so they share one session and one token.
_opened: dict[tuple[Any, ...], Client] = {}


def execute(definition: Definition, params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Run one task and give its result, the same for a module and for the controller.

    Arguments:
        definition: the module.
        params: validated options, as AnsibleModule has them.
        check_mode: nothing may be written; the clients' transports see to it.
    """
    try:
        wants = entries(definition.resource, params)
    except Unusable as problem:
        return failure({}, Refused(str(problem)))
    try:
        clients = _clients(definition, params, check_mode)
    except client_errors(definition) as error:
        return failure({}, error)
    task = Task(
        definition=definition,
        clients=clients,
        check_mode=check_mode,
        wait_timeout=params.get("wait_timeout") or 0.0,
        concurrency=max(1, params["concurrency"]),
    )
    try:
        results, many = _results(task, wants)
    except Refused as refusal:
        return failure({}, refusal)
    finally:
        clients.end()
    result = summary(results) if many or params.get("aggregate") is not None else results[0]
    warnings = _drained(task.clients)
    return result | {"warnings": warnings} if warnings else result


def _results(task: Task, wants: list[State]) -> tuple[list[dict[str, Any]], bool]:
    """The results of all objects, and whether they are several because an entry stands for a set of them."""
    if task.definition.resource.awaits:
        return await_all(task, wants), False
    sets = [task.attempt(partial(task.expand, want)) for want in wants]
    if all(found is None for found in sets):
        return converge_all(task, wants), False
    return converge_sets(task, wants, sets), True


def converge_sets(task: Task, wants: list[State], sets: list[list[State] | Exception | None]) -> list[dict[str, Any]]:
    """Bring every object of every set to its state; a set that cannot be listed is one failed result in its place.

    Raises:
        Refused: two sets hold the same object; two changes of it at a time would race each other.
    """
    groups = [[want] if found is None else found for want, found in zip(wants, sets, strict=True)]
    single = [want for group in groups if not isinstance(group, Exception) for want in group]
    refuse_repeated(task.definition.resource, single)
    results = iter(converge_all(task, single))
    return [
        result
        for want, group in zip(wants, groups, strict=True)
        for result in (
            [failure(task.names(want), group)] if isinstance(group, Exception) else [next(results) for _each in group]
        )
    ]


def refuse_repeated(resource: Resource, wants: list[State]) -> None:
    """Raise Refused where several entries name the same object."""
    keys = [tuple(str(want[name]).casefold() for name in resource.names) for want in wants]
    twice = sorted({", ".join(key) for key, count in Counter(keys).items() if count > 1})
    if twice:
        more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
        raise Refused(
            f"Several entries name the same {resource.kind}: {'; '.join(twice[:5])}{more}.",
            "Name it in one of them; two changes of it at a time would race each other.",
        )


def converge_all(task: Task, wants: list[State]) -> list[dict[str, Any]]:
    """Bring every object to its state, a bounded number at a time, results in the order of the input.

    All changes are made first and then waited for together, because a wait costs nothing but time. Only who wants one
    object at a time gets each one seen before the next is begun.
    """
    task.progress.expect(len(wants))
    groups = _grouped(wants, task.threads) if task.definition.read_all else [[want] for want in wants]
    if min(task.concurrency, len(wants)) <= 1:
        return [result for group in groups for result in converge_together(task, group)]
    with _threads(task, min(task.threads, len(wants))) as pool:
        begun = [one for group in pool.map(partial(begin, task), groups) for one in group]
        return finish(task, begun, partial(_read_by, pool, task))


@contextmanager
def _threads(task: Task, number: int) -> Iterator[ThreadPoolExecutor]:
    """A pool that, when somebody interrupts the task, begins nothing more and says how far it came."""
    pool = ThreadPoolExecutor(number)
    try:
        yield pool
    except KeyboardInterrupt:
        task.stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        task.progress.interrupted(GRACE)
        raise
    finally:
        pool.shutdown(wait=not task.stop.is_set(), cancel_futures=True)


def _read_by(pool: ThreadPoolExecutor, task: Task, wants: list[State]) -> list[Found]:
    """The states of objects, read by all threads of a pool."""
    groups = _grouped(wants, task.threads) if task.definition.read_all else [[want] for want in wants]
    return [state for group in pool.map(task.read_all, groups) for state in group]


def _grouped(wants: list[State], concurrency: int) -> list[list[State]]:
    """Groups to be read in one go, of nearly equal size and equally many for each of the pool's threads.

    Objects of a group are changed one after the other, so a thread without a group, or with one more than the others,
    would cost time; and what was read of the last object grows old meanwhile, so no group is very large.
    """
    if not wants:
        return []
    rounds = math.ceil(len(wants) / (concurrency * READ_TOGETHER))
    size = math.ceil(len(wants) / (concurrency * rounds))
    if size > FULL:
        size = math.ceil(size / FULL) * FULL
    return [wants[start : start + size] for start in range(0, len(wants), size)]


def await_all(task: Task, wants: list[State]) -> list[dict[str, Any]]:
    """Look at all objects that have not arrived, again and again, within one budget for all of them.

    In check mode, and with a budget of zero, there is one look and nothing fails. A look that fails ends the waiting
    for those that have not arrived.
    """
    resource, read_all = task.definition.resource, task.definition.read_all
    if read_all is None:
        raise TypeError(f"{resource.kind} is waited for without read_all")
    waits = not task.check_mode and task.wait_timeout > 0
    deadline = Deadline(task.wait_timeout if waits else 0.0, task.clock)
    changes: dict[int, Any] = {}
    failures: dict[int, Any] = {}
    pending = list(range(len(wants)))
    arrivals = Arrivals(len(wants))
    while pending:
        try:
            states = read_all(task.clients, [wants[index] for index in pending])
            for index, state in zip(pending, states, strict=True):
                if isinstance(state, Exception):
                    failures[index] = failure(task.names(wants[index]), state)
                else:
                    changes[index] = plan(resource, wants[index], state)
        except task.errors as error:
            failures |= {index: failure(task.names(wants[index]), error) for index in pending}
            break
        pending = [index for index in pending if index not in failures and changes[index]]
        if waits:
            arrivals.update(len(wants) - len(pending), deadline.left)
        if not pending or not deadline.pause():
            break
    return [
        failures[index] if index in failures else _awaited(task, want, changes[index], waits)
        for index, want in enumerate(wants)
    ]


def _awaited(task: Task, want: State, change: Any, waits: bool) -> dict[str, Any]:
    resource = shown(task.definition.resource, change.before)
    if change and waits:
        reason = f"There is no such {task.definition.resource.kind}."
        if change.before is not None:
            reason = change.before.get("explanation") or f"Still different: {', '.join(change.fields)}."
        late = Refused(f"Not there after {task.wait_timeout:g} s. {reason}")
        return failure(task.names(want), late) | {"resource": resource}
    return outcome(task, want, resource)


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """One result for many objects: failed when one failed, saying which; the others are done all the same."""
    failed = [result for result in results if result.get("failed")]
    total: dict[str, Any] = {
        "changed": any(result["changed"] for result in results),
        "diff": [result["diff"] for result in results if result["changed"]],
        "resource": [result.get("resource") for result in results],
        "results": [{name: value for name, value in result.items() if name != "diff"} for result in results],
    }
    if failed:
        named = "; ".join(result["msg"] for result in failed[:20])
        more = f"; and {len(failed) - 20} more, see results" if len(failed) > 20 else ""
        total |= {"failed": True, "msg": f"{len(failed)} of {len(results)} failed. {named}{more}"}
        total["error"] = failed[0]["error"]
    return total


def _clients(definition: Definition, params: Mapping[str, Any], read_only: bool) -> Clients:
    reads = read_only or definition.apply is None
    kinds = definition.resource.clients
    return Clients(**{name: _open(kind, params, reads) for name, kind in kinds.items()})


def _open(kind: type[Client], params: Mapping[str, Any], read_only: bool) -> Client:
    options = {name: params.get(name) for name in [*kind.OPTIONS, "concurrency"]}
    key = (kind, read_only, repr(sorted(options.items())))
    if key not in _opened:
        _opened[key] = kind(options, read_only)
    return _opened[key]


def _drained(clients: Clients) -> list[str]:
    """What the services warned of, each once."""
    warnings: dict[str, None] = {}
    for client in vars(clients).values():
        for warning in getattr(client, "warnings", []):
            warnings[warning] = None
        if hasattr(client, "warnings"):
            client.warnings.clear()
    return list(warnings)
