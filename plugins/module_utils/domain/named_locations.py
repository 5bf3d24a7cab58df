# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Named locations of Conditional Access: ranges of IP addresses or countries, in the words of an administrator.

Source: the pages ipNamedLocation and countryNamedLocation of the Graph reference.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

State = dict[str, Any]

IP, COUNTRY = "#microsoft.graph.ipNamedLocation", "#microsoft.graph.countryNamedLocation"
LOOKUPS = {"ip_address": "clientIpAddress", "authenticator_gps": "authenticatorAppGps"}
OPTIONS: dict[str, dict[str, Any]] = {
    "ip_ranges": {"type": "list", "elements": "str"},
    "trusted": {"type": "bool"},
    "countries": {"type": "list", "elements": "str"},
    "lookup": {"type": "str", "choices": list(LOOKUPS)},
    "include_unknown": {"type": "bool"},
}
# "Using network locations in a Conditional Access policy": only masks greater than /8.
_WIDEST = 8


def checked_range(text: str) -> str:
    """A range of addresses in its usual spelling, from CIDR or a single address. Raises ValueError where it is none."""
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no range of IP addresses such as 192.0.2.0/24 or 2001:db8::/48 ({error})"
        ) from None
    if network.prefixlen < _WIDEST:
        raise ValueError(f"{text!r} is wider than /{_WIDEST}, which Conditional Access does not take")
    return str(network)


def range_key(text: str) -> Any:
    """What two spellings of a range have in common; a text that is none is only itself."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text


def checked_country(text: str) -> str:
    """A country by its two letters. Raises ValueError where it is something else."""
    if not re.fullmatch("[A-Za-z]{2}", text):
        raise ValueError(f"{text!r} is no country of two letters, such as DE")
    return text.upper()


PARSE = {"ip_ranges": checked_range, "countries": checked_country}


def state_of(location: Mapping[str, Any]) -> State:
    """The state of a named location from Graph's."""
    ranges = location.get("ipRanges")
    lookups = {wire: word for word, wire in LOOKUPS.items()}
    method = location.get("countryLookupMethod")
    return {
        "id": location["id"],
        "display_name": location["displayName"],
        "ip_ranges": None if ranges is None else [str(range_key(str(one["cidrAddress"]))) for one in ranges],
        "trusted": location.get("isTrusted"),
        "countries": location.get("countriesAndRegions"),
        "lookup": lookups.get(str(method), method),
        "include_unknown": location.get("includeUnknownCountriesAndRegions"),
    }


def goal(overlaid: State, want: Mapping[str, Any]) -> State:
    """The state that should be there; C(overlaid) is the present one with what is asked for, without C(id) a new one."""
    if overlaid.get("id"):
        return overlaid
    countries = {"lookup": "ip_address", "include_unknown": False} if want["countries"] else {"trusted": False}
    none = dict.fromkeys(("id", "ip_ranges", "trusted", "countries", "lookup", "include_unknown"))
    asked = {name: value for name, value in overlaid.items() if value is not None}
    return {**none, "display_name": want["location"], **countries, **asked}


def body(fields: Sequence[str], after: State) -> State:
    """What Graph is told of changed fields; it wants the type each time."""
    told: State = {"@odata.type": COUNTRY if after["countries"] is not None else IP}
    if "ip_ranges" in fields:
        told["ipRanges"] = [_range(one) for one in after["ip_ranges"]]
    if "lookup" in fields:
        told["countryLookupMethod"] = LOOKUPS[after["lookup"]]
    names = {
        "trusted": "isTrusted",
        "countries": "countriesAndRegions",
        "include_unknown": "includeUnknownCountriesAndRegions",
    }
    return told | {name: after[option] for option, name in names.items() if option in fields}


def _range(text: str) -> dict[str, str]:
    family = ipaddress.ip_network(text, strict=False).version
    return {"@odata.type": f"#microsoft.graph.iPv{family}CidrRange", "cidrAddress": text}


def obstacle(before: State | None, after: State) -> str:
    """Why a named location cannot be so, and what to do; empty when nothing stands in the way."""
    both = after["ip_ranges"] is not None and after["countries"] is not None
    if before and both:
        present = "IP ranges" if before["countries"] is None else "countries"
        return f"It is a location of {present}, and cannot become one of the other kind. Use another name, or delete it first."
    if not after["ip_ranges"] and not after["countries"]:
        return "A named location needs at least one of ip_ranges or countries."
    if after["countries"] and after["trusted"] is not None:
        return "Only a location of IP ranges can be trusted."
    if after["ip_ranges"] and (after["lookup"], after["include_unknown"]) != (None, None):
        return "Only a location of countries has lookup and include_unknown."
    return ""
