# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The $filter language of Graph, as far as the directory objects here take it.

Known: eq, in, startsWith, any() over a collection, and, or, not, ne, endsWith, ge, le. The last four groups that need
the eventually consistent index (not, ne, endsWith) are refused without ConsistencyLevel, as the service does.
Source: "Advanced query capabilities on Microsoft Entra ID objects" and the $filter column of each resource page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import GraphError, syntax, unsupported
from .resource import Property, Resource

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
    r"|(?P<number>\d[\d:.TZ+-]*)"
    r"|(?P<name>[A-Za-z_$@][\w.$]*(?:/[A-Za-z_$][\w.$]*)*)"
    r"|(?P<sign>[(),:]))"
)
_FUNCTIONS = {"startswith", "endswith"}
# How deep a filter may be nested, and how many alternatives it may name without ConsistencyLevel.
DEEPEST = 20
MOST_ALTERNATIVES = 15
_WORDS = {"true": True, "false": False, "null": None}
_MATCHES = {"ne": "NotEqualsMatch", "not": "Not", "endswith": "EndsWith"}
_EDM = {bool: "Edm.Boolean", str: "Edm.String", int: "Edm.Int32"}


@dataclass(frozen=True)
class Compare:
    """C(path op value); the functions startswith and endswith are operators too."""

    path: str
    operator: str
    value: Any


@dataclass(frozen=True)
class Among:
    """C(path in (values))."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class AnyOf:
    """C(path/any(variable:inner))."""

    path: str
    variable: str
    inner: Node


@dataclass(frozen=True)
class Joined:
    """Parts joined by and, or; or one part under not."""

    word: str
    parts: tuple[Node, ...]


Node = Compare | Among | AnyOf | Joined


class _Parser:
    """A recursive descent over the tokens of one filter."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._either()
        if self._at < len(self._tokens):
            raise self._wrong()
        return node

    def _either(self) -> Node:
        return self._joined("or", lambda: self._joined("and", self._single))

    def _joined(self, word: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self._word() == word:
            self._at += 1
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _single(self) -> Node:
        word = self._word()
        if word == "not":
            self._at += 1
            return Joined("not", (self._deeper(self._single),))
        if self._take_if("("):
            node = self._deeper(self._either)
            self._take(")")
            return node
        if word in _FUNCTIONS:
            return self._function(word)
        return self._comparison()

    def _deeper(self, part: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise syntax("Recursion depth exceeded allowed limit.")
        node = part()
        self._depth -= 1
        return node

    def _function(self, word: str) -> Node:
        self._at += 1
        self._take("(")
        path = self._name()
        self._take(",")
        value = self._literal()
        self._take(")")
        return Compare(path, word, value)

    def _comparison(self) -> Node:
        path = self._name()
        if path.lower().endswith("/any") and self._take_if("("):
            variable = self._name()
            self._take(":")
            inner = self._either()
            self._take(")")
            return AnyOf(path[:-4], variable, inner)
        operator = self._name().lower()
        if operator == "in":
            return Among(path, self._values())
        if operator not in {"eq", "ne", "ge", "le", "gt", "lt"}:
            raise self._wrong()
        return Compare(path, operator, self._literal())

    def _values(self) -> tuple[Any, ...]:
        self._take("(")
        values = [self._literal()]
        while self._take_if(","):
            values.append(self._literal())
        self._take(")")
        return tuple(values)

    def _word(self) -> str:
        return self._tokens[self._at][1].lower() if self._at < len(self._tokens) else ""

    def _take_if(self, sign: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("sign", sign):
            self._at += 1
            return True
        return False

    def _take(self, sign: str) -> None:
        if not self._take_if(sign):
            raise self._wrong()

    def _name(self) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != "name":
            raise self._wrong()
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _literal(self) -> Any:
        if self._at >= len(self._tokens):
            raise self._wrong()
        kind, value = self._tokens[self._at]
        self._at += 1
        if kind == "text":
            return value[1:-1].replace("''", "'")
        if kind == "name" and value.lower() in _WORDS:
            return _WORDS[value.lower()]
        if kind in {"guid", "number"}:
            return int(value) if re.fullmatch("[0-9]{1,18}", value) else value
        raise self._wrong()

    def _wrong(self) -> GraphError:
        return syntax(f"Invalid filter clause: Syntax error at position {self._at} in '{self._text}'.")


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise syntax(
                f"Invalid filter clause: There is an unterminated string literal at position {position} in '{text}'."
            )
        found.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return found


def parse(text: str, resource: Resource, *, advanced: bool) -> Node:
    """A $filter as a tree, checked against the resource.

    C(advanced): the call carries ConsistencyLevel eventual and $count. Raises GraphError in the service's words.
    """
    node = _Parser(text).parse()
    _check(node, resource, advanced)
    return node


def _check(node: Node, resource: Resource, advanced: bool) -> None:
    if isinstance(node, Joined):
        if node.word == "not":
            _demand(advanced, "not")
        if node.word == "or":
            _check_alternatives(len(node.parts), advanced)
        for part in node.parts:
            _check(part, resource, advanced)
        return
    name, prop = _property(node.path, resource)
    if isinstance(node, AnyOf):
        _check_lambda(node, name, prop, resource)
        return
    if isinstance(node, Among):
        _check_alternatives(len(node.values), advanced)
    operators = {node.operator} if isinstance(node, Compare) else {"in"}
    for operator in operators & {"ne", "endswith"}:
        _demand(advanced, operator)
    usable = prop.filters == "eq" or (prop.filters == "advanced" and advanced)
    ordered = operators & {"ge", "le", "gt", "lt"}
    if not usable or (ordered and prop.kind != "DateTimeOffset"):
        raise _unusable(name, resource)
    for value in [node.value] if isinstance(node, Compare) else node.values:
        _check_type(prop, value)


def _check_alternatives(number: int, advanced: bool) -> None:
    if number > MOST_ALTERNATIVES and not advanced:
        raise unsupported(
            "Too many child clauses specified in search filter expression containing 'OR' operators: "
            f"{number}. Max allowed: {MOST_ALTERNATIVES}."
        )


def _check_lambda(node: AnyOf, name: str, prop: Property, resource: Resource) -> None:
    inner = node.inner
    if prop.filters != "any" or not isinstance(inner, Compare) or inner.operator not in {"eq", "startswith"}:
        raise _unusable(name, resource)
    if inner.path.partition("/")[0] != node.variable:
        raise syntax(f"Could not find a property named '{inner.path}' on type 'microsoft.graph.{resource.type_name}'.")


def _property(path: str, resource: Resource) -> tuple[str, Property]:
    name = resource.named(path)
    if name is None:
        raise syntax(f"Could not find a property named '{path}' on type 'microsoft.graph.{resource.type_name}'.")
    return name, resource.properties[name]


def _unusable(name: str, resource: Resource) -> GraphError:
    words = (
        f"Unsupported or invalid query filter clause specified for property '{name}' of resource '{resource.title}'."
    )
    return unsupported(words)


def _demand(advanced: bool, operator: str) -> None:
    if not advanced:
        raise unsupported(
            f"Operator '{_MATCHES[operator]}' is not supported because the 'ConsistencyLevel:eventual' header is "
            "missing. Refer to https://aka.ms/graph-docs/advanced-queries for more information"
        )


def _check_type(prop: Property, value: Any) -> None:
    if value is None:
        return
    expected = bool if prop.kind == "Boolean" else str
    if not isinstance(value, expected):
        raise syntax(
            "A binary operator with incompatible types was detected. Found operand types "
            f"'Edm.{prop.kind}' and '{_EDM[type(value)]}' for operator kind 'Equal'."
        )


def matches(node: Node, get: Callable[[str], Any]) -> bool:
    """Whether an object fits; C(get) gives its property by path. Text is compared without regard to case."""
    if isinstance(node, Joined):
        if node.word == "not":
            return not matches(node.parts[0], get)
        every = node.word == "and"
        return (all if every else any)(matches(part, get) for part in node.parts)
    if isinstance(node, AnyOf):
        return any(matches(node.inner, _member(node.variable, item)) for item in get(node.path) or ())
    value = _folded(get(node.path))
    if isinstance(node, Among):
        return value in {_folded(wanted) for wanted in node.values}
    return _compared(node.operator, value, _folded(node.value))


def _member(variable: str, item: Any) -> Callable[[str], Any]:
    def get(path: str) -> Any:
        name = path[len(variable) + 1 :]
        return item.get(name) if name and isinstance(item, dict) else item

    return get


def _compared(operator: str, value: Any, wanted: Any) -> bool:
    if operator in {"eq", "ne"}:
        return bool(value == wanted) is (operator == "eq")
    if not isinstance(value, str) or not isinstance(wanted, str):
        return False
    if operator == "startswith":
        return value.startswith(wanted)
    if operator == "endswith":
        return value.endswith(wanted)
    return {"ge": value >= wanted, "le": value <= wanted, "gt": value > wanted, "lt": value < wanted}[operator]


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
