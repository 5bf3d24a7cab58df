# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Search filters as they come over the wire (RFC 4511, 4.5.1), evaluated as Active Directory does.

A comparison with an attribute that the schema does not know is undefined, and undefined is not a match, negated or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .ber import Element
from .strict_schema import SCHEMA, Attribute, comparable

AND, OR, NOT, EQUAL, SUBSTRINGS, AT_LEAST, AT_MOST, PRESENT, APPROXIMATE, EXTENSIBLE = (
    0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0x87, 0xA8, 0xA9,
)  # fmt: skip
INITIAL, ANY, FINAL = 0x80, 0x81, 0x82
RULE, TYPE, VALUE = 0x81, 0x82, 0x83
# MS-ADTS 3.1.1.3.4.4: all bits set, any bit set.
BIT_AND, BIT_OR = "1.2.840.113556.1.4.803", "1.2.840.113556.1.4.804"
# C(anr) and the like: what people type to find somebody (MS-ADTS 3.1.1.3.1.3.4), a part of the set.
ANR = ("displayName", "givenName", "sn", "sAMAccountName", "mail", "proxyAddresses", "name")

# Classes whose category bears another class's name (defaultObjectCategory, MS-ADSC).
CATEGORIES = {"user": "person", "contact": "person", "inetorgperson": "person"}

Values = Mapping[str, Sequence[bytes]]


class FilterError(ValueError):
    """A filter that is no filter."""


def matches(condition: Element, values: Values) -> bool | None:
    """Whether an entry matches; None where that is undefined. C(values): by lower-case attribute name.

    Raises FilterError: an unknown kind of condition.
    """
    if condition.tag == AND:
        return _all([matches(part, values) for part in condition.children])
    if condition.tag == OR:
        negated = [_not(matches(part, values)) for part in condition.children]
        return _not(_all(negated))
    if condition.tag == NOT:
        return _not(matches(condition.children[0], values))
    if condition.tag == PRESENT:
        return _known(condition.text) and bool(values.get(condition.text.lower()))
    if condition.tag == EXTENSIBLE:
        return _extensible(condition.children, values)
    if condition.tag == SUBSTRINGS:
        name, parts = condition.children
        return _with(name.text, values, lambda attribute, value: _has_parts(attribute, value, parts.children))
    if condition.tag in (EQUAL, APPROXIMATE, AT_LEAST, AT_MOST):
        return _compared(condition, values)
    raise FilterError(f"unknown filter choice {condition.tag:#x}")


def _all(results: list[bool | None]) -> bool | None:
    if False in results:
        return False
    return None if None in results else True


def _not(result: bool | None) -> bool | None:
    return None if result is None else not result


def _known(name: str) -> bool | None:
    return True if name.lower() in SCHEMA or name.lower() == "anr" else None


def _with(name: str, values: Values, test: Callable[[Attribute, bytes], bool]) -> bool | None:
    attribute = SCHEMA.get(name.lower())
    if attribute is None:
        return None
    return any(test(attribute, value) for value in values.get(name.lower(), ()))


def _compared(condition: Element, values: Values) -> bool | None:
    name, wanted = condition.children
    if name.text.lower() == "anr":
        return any(_with(each, values, lambda _unused, value: _starts(value, wanted.content)) for each in ANR)

    def test(attribute: Attribute, value: bytes) -> bool:
        left, right = comparable(attribute, value), comparable(attribute, wanted.content)
        if condition.tag in (EQUAL, APPROXIMATE):
            return left == right or _is_category(attribute, value, wanted.content)
        if not isinstance(left, int) or not isinstance(right, int):
            left, right = str(left), str(right)
            return left >= right if condition.tag == AT_LEAST else left <= right
        return left >= right if condition.tag == AT_LEAST else left <= right

    return _with(name.text, values, test)


def _starts(value: bytes, wanted: bytes) -> bool:
    text = value.decode("utf-8", "replace").casefold()
    return text.removeprefix("smtp:").startswith(wanted.decode("utf-8", "replace").casefold())


def _is_category(attribute: Attribute, value: bytes, wanted: bytes) -> bool:
    """objectCategory is a DN, and AD takes the short name of the class as well: C(objectCategory=person)."""
    if attribute.name != "objectCategory":
        return False
    name = wanted.decode("utf-8", "replace").lower()
    return value.decode().partition(",")[0].lower() == f"cn={CATEGORIES.get(name, name)}"


def _has_parts(attribute: Attribute, value: bytes, parts: list[Element]) -> bool:
    """Whether a value has the given beginning, middle parts in this order, and end."""
    folded = attribute.syntax != "octets"
    rest = value.decode("utf-8", "replace").casefold().encode() if folded else value
    for part in parts:
        wanted = part.content.decode("utf-8", "replace").casefold().encode() if folded else part.content
        if part.tag == INITIAL:
            if not rest.startswith(wanted):
                return False
            rest = rest[len(wanted) :]
        elif part.tag == ANY:
            _unused, found, rest = rest.partition(wanted)
            if not found:
                return False
        elif not rest.endswith(wanted):
            return False
    return True


def _extensible(parts: list[Element], values: Values) -> bool | None:
    fields = {part.tag: part for part in parts}
    if RULE not in fields or TYPE not in fields or fields[RULE].text not in (BIT_AND, BIT_OR):
        return None
    mask = int(fields[VALUE].text)
    every = fields[RULE].text == BIT_AND

    def test(_unused: Attribute, value: bytes) -> bool:
        return int(value) & mask == mask if every else bool(int(value) & mask)

    return _with(fields[TYPE].text, values, test)


def shown(condition: Element) -> str:
    """A filter in its text form (RFC 4515), for the journal."""
    signs = {AND: "&", OR: "|", NOT: "!"}
    if condition.tag in signs:
        return f"({signs[condition.tag]}{''.join(shown(part) for part in condition.children)})"
    if condition.tag == PRESENT:
        return f"({condition.text}=*)"
    if condition.tag == EXTENSIBLE:
        fields = {part.tag: part.content for part in condition.children}
        return (
            f"({_escaped(fields.get(TYPE, b''))}:{_escaped(fields.get(RULE, b''))}:={_escaped(fields.get(VALUE, b''))})"
        )
    name, value = condition.children
    if condition.tag == SUBSTRINGS:
        parts = value.children
        text = "*".join(_escaped(part.content) for part in parts)
        begin = "" if parts[0].tag == INITIAL else "*"
        return f"({name.text}={begin}{text}{'' if parts[-1].tag == FINAL else '*'})"
    sign = {EQUAL: "=", AT_LEAST: ">=", AT_MOST: "<=", APPROXIMATE: "~="}[condition.tag]
    return f"({name.text}{sign}{_escaped(value.content)})"


def _escaped(value: bytes) -> str:
    """A value with what a filter must escape as a backslash and two digits; bytes that are no text, all of them."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"\\{byte:02x}" for byte in value)
    return "".join(f"\\{ord(sign):02x}" if sign in "*()\\\0" else sign for sign in text)
