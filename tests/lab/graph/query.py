# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Query options and pages of a collection.

Source: "Use query parameters to customize responses" and "Paging Microsoft Graph data in your app".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .call import Answer, Call
from .errors import GraphError, refused, syntax, unsupported
from .filters import Node, matches, parse
from .resource import Resource

KNOWN = frozenset(
    {"$select", "$filter", "$top", "$orderby", "$count", "$skiptoken", "$search", "$expand", "$skip", "$format"}
)
DEFAULT_PAGE = 100
LARGEST_PAGE = 999
DEFAULT_PAGE_LIFE = 3600.0


def check(query: Mapping[str, str], served: frozenset[str]) -> None:
    """Refuse options that Graph does not know, and those that this call does not serve. Raises GraphError."""
    for name in query:
        if not name.startswith("$"):
            continue
        if name not in KNOWN:
            raise syntax(f"The query parameter '{name}' is not supported.")
        if name == "$skip":
            raise refused("'$skip' is not supported by the service.")
        if name not in served and name != "$format":
            raise unsupported(f"The query option '{name}' is not supported for this request.")


def is_advanced(call: Call) -> bool:
    """Whether the call asks for the eventually consistent index in full form: the header and $count=true."""
    return call.eventual and call.query.get("$count", "").lower() == "true"


def collection(
    call: Call,
    resource: Resource,
    items: Iterable[Any],
    narrow: Callable[[Node], Iterable[Any] | None] | None = None,
    key: Callable[[Any], str] = lambda item: str(item.id),
) -> Answer:
    """A page of a collection, with the call's $filter, $orderby, $top, $count, $select and $skiptoken applied.

    C(narrow) may give the few objects that can fit a filter at all (from an index), or None; C(key) tells an object
    from others from page to page.
    """
    found = _sorted(call, resource, _filtered(call, resource, items, narrow))
    select = call.query.get("$select")
    names = resource.selection(select)
    return paged(call, found, key, lambda item: resource.written(call.tenant, item, names), resource.fragment(select))


def paged(
    call: Call, found: Sequence[Any], key: Callable[[Any], str], write: Callable[[Any], dict[str, Any]], fragment: str
) -> Answer:
    """The page of C(found) that the call asks for, each object written by C(write)."""
    wants_count = _wants_count(call)
    size = _page_size(call)
    start = _start(call, found, key)
    page = found[start : start + size]
    body: dict[str, Any] = {"@odata.context": call.context(fragment)}
    if wants_count:
        body["@odata.count"] = len(found)
    if start + size < len(found):
        following = {name: value for name, value in call.query.items() if name != "$skiptoken"}
        following["$skiptoken"] = _token(call, key(page[-1]), start + size)
        body["@odata.nextLink"] = call.link(following)
    body["value"] = [write(item) for item in page]
    return Answer(200, body)


def count(call: Call, items: Sequence[Any]) -> Answer:
    """The answer to a $count segment, which only the eventually consistent index can give."""
    if not call.eventual:
        raise unsupported("$count is not currently supported.")
    return Answer(200, str(len(items)))


def _wants_count(call: Call) -> bool:
    text = call.query.get("$count", "false").lower()
    if text not in {"true", "false"}:
        raise syntax(f"Invalid value '{text}' for $count query option found.")
    if text == "true" and not call.eventual:
        raise unsupported("$count is not currently supported.")
    return text == "true"


def _filtered(
    call: Call, resource: Resource, items: Iterable[Any], narrow: Callable[[Node], Iterable[Any] | None] | None
) -> list[Any]:
    text = call.query.get("$filter")
    if text is None:
        return list(items)
    node = parse(text, resource, advanced=is_advanced(call))
    few = narrow(node) if narrow else None
    return [item for item in (items if few is None else few) if matches(node, _getter(call, resource, item))]


def _getter(call: Call, resource: Resource, item: Any) -> Callable[[str], Any]:
    def get(path: str) -> Any:
        prop = resource.properties[resource.named(path) or path]
        return prop.read(call.tenant, item)

    return get


def _sorted(call: Call, resource: Resource, items: list[Any]) -> list[Any]:
    text = call.query.get("$orderby")
    if text is None:
        return items
    words = text.split()
    name = resource.named(words[0]) if words else None
    if name is None or len(words) > 2 or (len(words) == 2 and words[1].lower() not in {"asc", "desc"}):
        raise syntax(f"Invalid orderby clause: '{text}'.")
    if name not in resource.sortable or ("$filter" in call.query and not is_advanced(call)):
        raise unsupported("Sorting not supported for current query.")
    read = resource.properties[name].read
    return sorted(
        items, key=lambda item: str(read(call.tenant, item) or "").casefold(), reverse=words[-1].lower() == "desc"
    )


def _page_size(call: Call) -> int:
    text = call.query.get("$top")
    if text is None:
        return DEFAULT_PAGE
    if not re.fullmatch("-?[0-9]{1,9}", text):
        raise syntax(
            f"Invalid value '{text}' for $top query option found. "
            "The $top query option requires a non-negative integer value."
        )
    if not 1 <= int(text) <= LARGEST_PAGE:
        raise unsupported(f"Invalid page size specified: '{text}'. Must be between 1 and 999 inclusive.")
    return int(text)


def _token(call: Call, last: str, position: int) -> str:
    """An opaque mark of where the next page begins: behind the last object, or at a position if that is gone."""
    issued = call.tenant.clock.timestamp()
    payload = json.dumps([_question(call), last, position, issued]).encode()
    return base64.urlsafe_b64encode(zlib.crc32(payload).to_bytes(4, "big") + payload).decode()


def _start(call: Call, items: Sequence[Any], key: Callable[[Any], str]) -> int:
    text = call.query.get("$skiptoken")
    if text is None:
        return 0
    question, last, position, issued = _opened(text)
    if question != _question(call):
        raise refused("The specified page token value is invalid for this query.")
    life = float(call.tenant.switches.get("graph_page_seconds") or DEFAULT_PAGE_LIFE)
    if call.tenant.clock.timestamp() > issued + life:
        words = "The specified page token value has expired and can no longer be included in your request."
        raise GraphError(400, "Directory_ExpiredPageToken", words)
    following = next((number + 1 for number, item in enumerate(items) if key(item) == last), None)
    return min(position, len(items)) if following is None else following


def _opened(text: str) -> tuple[str, str, int, float]:
    try:
        raw = base64.urlsafe_b64decode(text.encode())
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    if base64.urlsafe_b64encode(raw).decode() != text or zlib.crc32(raw[4:]).to_bytes(4, "big") != raw[:4]:
        raise refused("The specified page token value is invalid.")
    question, last, position, issued = json.loads(raw[4:])
    return str(question), str(last), int(position), float(issued)


def _question(call: Call) -> str:
    """What must stay the same from page to page."""
    return "|".join(["/".join(call.path), call.query.get("$filter", ""), call.query.get("$orderby", "")])
