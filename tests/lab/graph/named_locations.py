# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Named locations of Conditional Access: ranges of IP addresses, or countries.

Sources: the pages ipNamedLocation, countryNamedLocation, "Create namedLocation" and "Update ipNamedLocation" of the Graph
reference; "Using network locations in a Conditional Access policy" for the limits. No page gives the words of the
refusals here; that a trusted one, or one that a policy names, cannot be deleted is a guess from how the portal behaves.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ..replicas import announce
from ..state import NamedLocation
from . import query
from .call import Answer, Call, done, moment
from .conditional_access import allow_read, allow_write, bad, matching_schema, missing_reference
from .resource import Property, Resource, attribute
from .shapes import FLAG, check, text, texts

_TYPES = {"ip": "#microsoft.graph.ipNamedLocation", "country": "#microsoft.graph.countryNamedLocation"}
_FAMILIES = {"#microsoft.graph.iPv4CidrRange": 4, "#microsoft.graph.iPv6CidrRange": 6}
_MEMBERS = {
    "ip": {"isTrusted": FLAG},
    "country": {
        "countriesAndRegions": texts(),
        "countryLookupMethod": text(nullable=False),
        "includeUnknownCountriesAndRegions": FLAG,
    },
}
_METHODS = ("clientIpAddress", "authenticatorAppGps")
# "Only CIDR masks greater than /8"; so many ranges, and so many locations.
_WIDEST, MOST_RANGES, MOST_LOCATIONS = 8, 2000, 195

_PROPERTIES = {
    "id": attribute("id", filters="eq"),
    "displayName": attribute("display_name", filters="eq"),
    "createdDateTime": Property(lambda _tenant, item: moment(item.created_at), "DateTimeOffset"),
    "modifiedDateTime": Property(lambda _tenant, item: moment(item.modified_at), "DateTimeOffset"),
}
LOCATION = Resource("identity/conditionalAccess/namedLocations", "namedLocation", _PROPERTIES, tuple(_PROPERTIES))


def list_all(call: Call) -> Answer:
    """GET /identity/conditionalAccess/namedLocations."""
    allow_read(call)
    found = call.reader.named_locations()
    answer = query.collection(call, LOCATION, found)
    by_id = {one.id: one for one in found}
    answer.body["value"] = [_shown(call, by_id[row["id"]]) for row in answer.body["value"]]
    return answer


def get_one(call: Call) -> Answer:
    """GET /identity/conditionalAccess/namedLocations/{id}."""
    allow_read(call)
    context = {"@odata.context": call.context("identity/conditionalAccess/namedLocations/$entity")}
    return Answer(200, context | _shown(call, _seen(call)))


def create(call: Call) -> Answer:
    """POST /identity/conditionalAccess/namedLocations."""
    allow_write(call)
    body, tenant = call.body(), call.tenant
    kind = _kind(body)
    wanted = _checked(kind, body)
    needed = ("displayName", "ipRanges" if kind == "ip" else "countriesAndRegions")
    if any(not wanted.get(name) for name in needed) or len(tenant.named_locations) >= MOST_LOCATIONS:
        raise bad("namedLocation")
    now = tenant.clock.now()
    defaults: dict[str, Any] = {"isTrusted": False}
    if kind == "country":
        defaults = {"countryLookupMethod": _METHODS[0], "includeUnknownCountriesAndRegions": False}
    name = wanted.pop("displayName")
    one = NamedLocation(tenant.new_id(), kind, name, now, now, defaults | wanted)
    tenant.named_locations[one.id] = one
    announce(tenant, "named_locations")
    context = {"@odata.context": call.context("identity/conditionalAccess/namedLocations/$entity")}
    return Answer(201, context | _shown(call, one))


def update(call: Call) -> Answer:
    """PATCH /identity/conditionalAccess/namedLocations/{id}; the type has to be told again."""
    allow_write(call)
    body, one = call.body(), _real(call)
    if _kind(body) != one.kind:
        raise bad("namedLocation")
    wanted = _checked(one.kind, body)
    one.display_name = wanted.pop("displayName", one.display_name)
    one.properties |= wanted
    one.modified_at = call.tenant.clock.now()
    announce(call.tenant, "named_locations")
    return done()


def delete(call: Call) -> Answer:
    """DELETE /identity/conditionalAccess/namedLocations/{id}."""
    allow_write(call)
    one = _real(call)
    used = [
        policy
        for policy in call.tenant.conditional_access_policies.values()
        for part in ("includeLocations", "excludeLocations")
        if one.id in ((policy.conditions.get("locations") or {}).get(part) or ())
    ]
    if one.properties.get("isTrusted") or used:
        raise bad("namedLocation", "A trusted named location, or one that a policy refers to, cannot be deleted.")
    del call.tenant.named_locations[one.id]
    announce(call.tenant, "named_locations")
    return done()


def _seen(call: Call) -> NamedLocation:
    found = next((one for one in call.reader.named_locations() if one.id == call.key.lower()), None)
    if found is None:
        raise missing_reference("NamedLocation", call.key)
    return found


def _real(call: Call) -> NamedLocation:
    """The location as it truly is, on a replica that knows it."""
    found = call.tenant.named_locations.get(_seen(call).id)
    if found is None:
        raise missing_reference("NamedLocation", call.key)
    return found


def _kind(body: dict[str, Any]) -> str:
    given = str(body.get("@odata.type", "")).lower()
    found = next((kind for kind, name in _TYPES.items() if name.lower() == given), None)
    if found is None:
        raise bad("namedLocation")
    return found


def _checked(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    with matching_schema("namedLocation"):
        for name, value in body.items():
            if name == "@odata.type":
                continue
            if name == "ipRanges" and kind == "ip":
                wanted[name] = [_range(one) for one in _listed(value)]
            elif name == "displayName":
                wanted[name] = check(value, text(nullable=False), name, "NamedLocation")
            else:
                wanted[name] = check(value, _MEMBERS[kind][name], name, "NamedLocation")
    countries = wanted.get("countriesAndRegions", [])
    unknown = [one for one in countries if not re.fullmatch("[A-Z]{2}", one)]
    if unknown or wanted.get("countryLookupMethod", _METHODS[0]) not in _METHODS:
        raise bad("namedLocation")
    if len(wanted.get("ipRanges", [])) > MOST_RANGES or "" in (wanted.get("displayName"),):
        raise bad("namedLocation")
    return wanted


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise bad("namedLocation")
    return value


def _range(value: Any) -> dict[str, str]:
    """A range with its type, whose address has to be of that family."""
    if not isinstance(value, dict) or set(value) != {"@odata.type", "cidrAddress"}:
        raise bad("namedLocation")
    family, address = _FAMILIES.get(value["@odata.type"]), value["cidrAddress"]
    if not isinstance(address, str) or "/" not in address:
        raise bad("namedLocation")
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        raise bad("namedLocation") from None
    if network.version != family or network.prefixlen < _WIDEST:
        raise bad("namedLocation")
    return {"@odata.type": value["@odata.type"], "cidrAddress": address}


def _shown(call: Call, one: NamedLocation) -> dict[str, Any]:
    body = {"@odata.type": _TYPES[one.kind]} | LOCATION.written(call.tenant, one, LOCATION.default) | one.properties
    if one.kind == "ip" and call.tenant.switches.get("graph_cidr_exploded"):
        body["ipRanges"] = [_exploded(item) for item in one.properties["ipRanges"]]
    return body


def _exploded(item: dict[str, str]) -> dict[str, str]:
    """A range in another spelling of the same: whether the service keeps what it was given is not documented."""
    return item | {"cidrAddress": ipaddress.ip_network(item["cidrAddress"], strict=False).exploded.upper()}
