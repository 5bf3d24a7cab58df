# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The argument spec of a module, made from its resource, and the objects that one task names."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.validation import check_type_dict
from ansible.module_utils.errors import UnsupportedError

from .resource import Definition, Resource, State

STATE = {"type": "str", "choices": ["present", "absent"], "default": "present"}
MANY = {"concurrency": {"type": "int", "default": 4}}
# Longer than any wait makes sense; clocks of some platforms end soon after.
MOST_SECONDS = 1e7
WAITING = {"wait_timeout": {"type": "float", "default": 300.0}}


class Unusable(Exception):
    """The options do not say what to do; nothing was asked of any service."""


def own_options(resource: Resource) -> dict[str, Any]:
    """The argument spec of one object."""
    return {**resource.options, **({"state": STATE} if resource.removable else {})}


def argument_spec(definition: Definition) -> dict[str, Any]:
    """The arguments for AnsibleModule: the object's options, the clients' options and C(aggregate)."""
    resource = definition.resource
    spec: dict[str, Any] = {}
    rules: dict[str, list[Any]] = {}
    for client in resource.clients.values():
        spec.update(client.OPTIONS)
        for rule, cases in client.RULES.items():
            rules[rule] = [*rules.get(rule, []), *(case for case in cases if case not in rules.get(rule, []))]
    spec.update(MANY)
    if definition.apply is not None or resource.awaits:
        spec.update(WAITING)
    own = own_options(resource)
    spec.update({name: _without(option, "required") for name, option in own.items()})
    entry = {name: _without(option, "required", "default", "fallback") for name, option in own.items()}
    spec["aggregate"] = {"type": "list", "elements": "dict", "options": entry}
    return {"argument_spec": spec, "supports_check_mode": True, **rules}


def _without(option: Mapping[str, Any], *words: str) -> dict[str, Any]:
    return {word: value for word, value in option.items() if word not in words}


def entries(resource: Resource, params: Mapping[str, Any]) -> list[State]:
    """The objects that a task names, each with all its options, every value in its proper form.

    Options beside C(aggregate) are defaults for its entries.

    Raises:
        Unusable: naming every entry that is wrong, and why.
    """
    if wrong := _wrong_numbers(params):
        raise Unusable("; ".join(wrong))
    own = own_options(resource)
    beside = {name: params.get(name) for name in own}
    given = params.get("aggregate")
    if given is None:
        return [_checked(resource, own, beside, "")]
    if not isinstance(given, list):
        raise Unusable("aggregate: a list of entries is needed.")
    problems: list[str] = []
    result: dict[int, State] = {}
    for number, entry in enumerate(given, start=1):
        try:
            result[number] = _checked(resource, own, _merged(beside, entry, number), f"aggregate entry {number}: ")
        except Unusable as problem:
            problems.append(str(problem))
    problems += _repeated(resource, result)
    if problems:
        raise Unusable("; ".join(problems[:20]) + (f"; and {len(problems) - 20} more" if len(problems) > 20 else ""))
    return list(result.values())


def _wrong_numbers(params: Mapping[str, Any]) -> list[str]:
    """What no clock can work with; every option that may be a fraction is a number of seconds."""
    return [
        f"{name}: {value:g} is no number of seconds to wait"
        for name, value in params.items()
        if isinstance(value, float) and not 0 < value <= MOST_SECONDS and (name, value) != ("wait_timeout", 0.0)
    ]


def misshapen(spec: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Complaints about options that need a mapping and have something else; Ansible would not say which option it is."""
    found = {}
    for name, option in spec.items():
        if option.get("type") == "dict" and "options" in option and given.get(name) is not None:
            try:
                check_type_dict(given[name])
            except TypeError:
                found[name] = f"{name}: a mapping is needed, with some of {', '.join(option['options'])}"
    return found


def _merged(beside: State, entry: Any, number: int) -> State:
    if not isinstance(entry, dict):
        raise Unusable(f"aggregate entry {number}: a mapping of options is needed.")
    return beside | {name: value for name, value in entry.items() if value is not None}


def _checked(resource: Resource, own: Mapping[str, Any], entry: State, where: str) -> State:
    """One object's options, validated as a whole and parsed."""
    if wrong := [*misshapen(own, entry).values(), *_unspeakable(resource, entry)]:
        raise Unusable(where + ", ".join(wrong))
    outcome = ArgumentSpecValidator(dict(own), **resource.rules).validate(_given(own, entry))
    if outcome.error_messages:
        raise Unusable(where + ", ".join(_complaint(error) for error in outcome.errors))
    want: State = dict.fromkeys(own) | outcome.validated_parameters
    # An empty name would mean the whole collection of objects to some services.
    if nameless := [name for name in resource.names if not str(want[name]).strip()]:
        raise Unusable(f"{where}{', '.join(nameless)}: it is empty; name the {resource.kind}")
    for name, parse in resource.parse.items():
        option, _dot, part = name.partition(".")
        try:
            want[option] = _parsed(want[option], parse, part)
        except ValueError as error:
            raise Unusable(f"{where}{name}: {error}") from error
    return _as_a_whole(resource, want, where)


def _as_a_whole(resource: Resource, want: State, where: str) -> State:
    try:
        return resource.check(want) if resource.check else want
    except ValueError as error:
        raise Unusable(f"{where}{error}") from error


def _given(spec: Mapping[str, Any], values: Mapping[str, Any]) -> State:
    """The values without None: what is left out is None after a validation, but would count as given in the next."""
    nested = {name: option["options"] for name, option in spec.items() if "options" in option}
    return {
        name: _given_below(nested[name], value) if name in nested else value
        for name, value in values.items()
        if value is not None
    }


def _given_below(spec: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, list):
        return [_given_below(spec, member) for member in value]
    return _given(spec, value) if isinstance(value, dict) else value


def _complaint(error: Exception) -> str:
    return f"Unsupported parameters: {error}" if isinstance(error, UnsupportedError) else str(error)


def _parsed(value: Any, parse: Callable[[Any], Any], part: str = "") -> Any:
    if value is None:
        return None
    if part:
        return {**value, part: _parsed(value.get(part), parse)}
    if isinstance(value, list):
        return [parse(member) for member in value]
    return parse(value)


def _unspeakable(resource: Resource, entry: State) -> list[str]:
    """Complaints about texts that no service can take; what they hold is not repeated, for it may be a secret."""
    wrong = []
    for name, value in entry.items():
        kinds = {unicodedata.category(sign) for text in _texts(value) for sign in text}
        if "Cs" in kinds or any("\0" in text for text in _texts(value)):
            wrong.append(f"{name}: it holds a NUL character, or bytes that are no text")
        elif name in resource.names and "Cc" in kinds:
            wrong.append(f"{name}: it holds a control character, for example the end of a line")
    return wrong


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for member in value:
            yield from _texts(member)
    elif isinstance(value, str):
        yield value


def _repeated(resource: Resource, wants: Mapping[int, State]) -> list[str]:
    """Two entries for one object would race each other."""
    seen: dict[tuple[str, ...], int] = {}
    problems = []
    for number, want in wants.items():
        if any(want[name] is not None for name in resource.sets):
            continue
        key = tuple(str(want[name]).casefold() for name in resource.names)
        first = seen.setdefault(key, number)
        if first != number:
            problems.append(f"aggregate entries {first} and {number} name the same {resource.kind} ({', '.join(key)})")
    return problems
