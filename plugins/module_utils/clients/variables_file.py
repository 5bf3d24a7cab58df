# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A YAML file of variables of which a few are ours: they are replaced, and every other line stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from .wire import require

if TYPE_CHECKING:
    from yaml.nodes import Node, ScalarNode

_TEXT, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"


class NotEditable(Exception):
    """The file is not one that we can change without a loss; the text says why and shows nothing of its content."""


def own(text: str, names: Collection[str]) -> dict[str, Any]:
    """The variables of the given names.

    Returns:
        texts by their names; for what is no text, None if it is null and otherwise the YAML node.

    Raises:
        NotEditable: the text is no mapping of variables.
    """
    found: dict[str, Any] = {}
    for key, value in _entries(text):
        if key.value not in names:
            continue
        if key.value in found:
            raise NotEditable(f"the variable {key.value} is there twice")
        found[key.value] = {_TEXT: value.value, _NULL: None}.get(value.tag, value)
    return found


def edited(text: str, names: Collection[str], wanted: Mapping[str, str]) -> str:
    """The same text with other values for the given names, and with every other variable and comment as it was.

    Arguments:
        text: the whole file, perhaps empty.
        names: the variables that are ours; those that are not wanted go.
        wanted: the new values of all that should be there.

    Raises:
        NotEditable: that cannot be done without changing something else.
    """
    lines = text.splitlines(keepends=True) or ["---\n"]
    gone = {
        line
        for key, value in _entries(text)
        if key.value in names
        for line in range(key.start_mark.line, max(key.end_mark.line, _last_line(value)) + 1)
    }
    place = min(gone, default=len(lines))
    before, behind = (
        lines[:place],
        [line for number, line in enumerate(lines) if number >= place and number not in gone],
    )
    if before and not before[-1].endswith(("\n", "\r")):
        before.append("\n")
    fresh = [f"{name}: {_quoted(value)}\n" for name, value in wanted.items()]
    result = "".join(before + fresh + behind)
    if own(result, names) != dict(wanted) or _others(result, names) != _others(text, names):
        raise NotEditable("its variables do not stand on lines of their own (name: value)")
    return result


def _quoted(value: str) -> str:
    import yaml

    return str(yaml.safe_dump(value, default_style='"', width=float("inf"))).rstrip("\n")


def _last_line(value: Node) -> int:
    mark = value.end_mark
    return mark.line if mark.column else mark.line - 1


def _entries(text: str) -> list[tuple[ScalarNode, Node]]:
    """The variables as YAML has them, without making values of them: some may have tags of Ansible."""
    require("yaml")
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise NotEditable(f"it is not YAML{line}") from None
    except yaml.YAMLError:
        raise NotEditable("it is not YAML") from None
    if root is None or root.tag == _NULL:
        return []
    if not isinstance(root, yaml.MappingNode) or not all(
        isinstance(key, yaml.ScalarNode) for key, _value in root.value
    ):
        raise NotEditable("it is not a mapping of variables")
    return list(root.value)


def _others(text: str, names: Collection[str]) -> list[Any]:
    seen: dict[int, int] = {}
    return [(_shape(key, seen), _shape(value, seen)) for key, value in _entries(text) if str(key.value) not in names]


def _shape(node: Node, seen: dict[int, int]) -> Any:
    """What a node holds, for comparison; a node that is met again (an alias) is named by its number."""
    if id(node) in seen:
        return seen[id(node)]
    seen[id(node)] = len(seen)
    parts = node.value if isinstance(node.value, list) else None
    if parts is None:
        return node.tag, node.value
    pairs = [part if isinstance(part, tuple) else (part,) for part in parts]
    return node.tag, [tuple(_shape(member, seen) for member in pair) for pair in pairs]
