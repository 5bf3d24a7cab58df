#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_named_location
short_description: A named location of Conditional Access in Entra ID
version_added: "0.1.0"
description:
  - Declares ranges of IP addresses, or countries, under a name that M(m365.hybrid.entra_conditional_access_policy) uses.
  - Entra ID takes one request a second for all of Conditional Access; many locations take their time.
  - Policies that use a location follow its ranges at once. Nobody asks whether you still come from one of them.
options:
  aggregate:
    description: Many named locations in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      location: &location
        description:
          - The named location, by display name or id. A new one gets it as display name.
          - Required unless O(aggregate) is given.
        type: str
      ip_ranges: &ip_ranges
        description:
          - Ranges of IP addresses in CIDR notation, of version 4 or 6, or single addresses. These and no others.
          - Another spelling of the same range is no difference.
        type: list
        elements: str
      trusted: &trusted
        description: Whether policies count the ranges as trusted. When left out, those of a new location are not.
        type: bool
      countries: &countries
        description: Countries by their two letters, in place of O(ip_ranges). These and no others.
        type: list
        elements: str
      lookup: &lookup
        description:
          - How the country is known, by the address or by the position that the Authenticator app tells.
          - When left out, that of a new location is V(ip_address).
        type: str
        choices: [ip_address, authenticator_gps]
      include_unknown: &include_unknown
        description: Whether addresses count that belong to no country. When left out, for a new location they do not.
        type: bool
      state: &state
        description:
          - Whether the named location exists. One that a policy names is not removed.
        type: str
        choices: [present, absent]
  location: *location
  ip_ranges: *ip_ranges
  trusted: *trusted
  countries: *countries
  lookup: *lookup
  include_unknown: *include_unknown
  state:
    <<: *state
    default: present
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.entra_conditional_access_policy
"""

EXAMPLES = r"""
- name: Where the data center is
  m365.hybrid.entra_named_location:
    location: Data center
    ip_ranges: [192.0.2.0/28, "2001:db8:40::/48"]
    trusted: true
"""

RETURN = r"""
resource:
  description: The named location after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    id: 2b8d5f06-4c1a-4e73-9f20-6a7d1e3c5b94
    display_name: Data center
    ip_ranges: [192.0.2.0/28, "2001:db8:40::/48"]
    trusted: true
    countries: null
    lookup: null
    include_unknown: null
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
error:
  description: HTTP status, error code and request id of the refusal.
  returned: failure
  type: dict
"""

from ..module_utils.clients import named_locations
from ..module_utils.clients.graph import Graph
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Field, Resource, exact, names
from ..module_utils.domain import named_locations as shape

RESOURCE = Resource(
    kind="named location",
    clients={"graph": Graph},
    names=("location",),
    options={"location": {"type": "str", "required": True}, **shape.OPTIONS},
    managed={
        **dict.fromkeys(shape.OPTIONS, exact),
        "ip_ranges": Field(key=shape.range_key, shape="set"),
        "countries": names,
    },
    rules={"mutually_exclusive": [("ip_ranges", "countries")]},
    parse=shape.PARSE,
    completed=shape.goal,
    removable=True,
)


def read_all(clients, wants):
    return named_locations.states(clients.graph, wants)


def preflight(clients, change):
    if reason := named_locations.obstacle(clients.graph, change.before, change.after):
        raise Refused(reason)


def apply(clients, change):
    named_locations.save(clients.graph, change.fields, change.before, change.after)


def main():
    run(RESOURCE, read_all=read_all, apply=apply, preflight=preflight)


if __name__ == "__main__":
    main()
