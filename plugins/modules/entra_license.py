#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_license
short_description: Licenses of a user in Entra ID
version_added: "0.1.0"
description:
  - Declares which licenses are assigned to a user directly, exactly or in part, with the usage location that Entra ID
    demands for them.
  - Licenses that come from a group are reported and left alone.
  - Too few free units are an error in check mode already, counted over all entries of O(aggregate).
options:
  user: &user
    description:
      - The user, by user principal name or object id.
      - Required unless O(aggregate) is given.
    type: str
  licenses: &licenses
    description:
      - Licenses by their SKU part number, for example C(SPE_E3), or by their SKU id.
      - When left out, the licenses stay as they are.
    type: dict
    suboptions:
      set:
        description: These licenses and no others; an empty list removes all.
        type: list
        elements: str
      add:
        description: Licenses that must be there; all others are kept.
        type: list
        elements: str
      remove:
        description: Licenses that must not be there; all others are kept.
        type: list
        elements: str
  disabled_plans: &disabled_plans
    description:
      - For a license, the names or ids of the service plans that are switched off in it. An empty list switches all on.
      - A new license that is not named here has no plan switched off. Plans of other licenses stay as they are.
    type: dict
  usage_location: &usage_location
    description:
      - Two letters of the country where the user uses the services.
      - When left out, it stays as it is.
    type: str
  exchange_ready: &exchange_ready
    description: Wait until a plan that gives a mailbox is provisioned for the user.
    type: bool
  aggregate:
    description: Many users in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      user: *user
      licenses: *licenses
      disabled_plans: *disabled_plans
      usage_location: *usage_location
      exchange_ready: *exchange_ready
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.entra_user_info
  - module: m365.hybrid.mailbox_type
"""

EXAMPLES = r"""
- name: A license with a mailbox, ready for use when the task ends
  m365.hybrid.entra_license:
    user: info@contoso.example
    usage_location: DE
    licenses:
      add: [EXCHANGESTANDARD]
    exchange_ready: true

- name: Microsoft 365 E3 without Yammer, and nothing else
  m365.hybrid.entra_license:
    licenses:
      set: [SPE_E3]
    disabled_plans:
      SPE_E3: [YAMMER_ENTERPRISE]
    aggregate:
      - user: anna.schmidt@contoso.example
      - user: markus.weber@contoso.example
"""

RETURN = r"""
resource:
  description: The user's licenses after the task, in check mode as they would be. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    id: 0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11
    user_principal_name: info@contoso.example
    usage_location: DE
    licenses: [EXCHANGESTANDARD]
    disabled_plans:
      EXCHANGESTANDARD: []
    inherited: {}
    exchange_ready: true
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

from ..module_utils.clients.graph import Graph, key
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Field, Resource, exact, members, names, text
from ..module_utils.domain import license_plan


def goal(want, before):
    given = {name: want[name] for name in ("usage_location", "exchange_ready") if want[name] is not None}
    licenses = names.goal(want["licenses"] or {}, before.get("licenses"))
    plans = license_plan.plans_of(want["disabled_plans"], before.get("disabled_plans") or {}, licenses)
    return before | given | {"licenses": licenses, "disabled_plans": plans}


RESOURCE = Resource(
    kind="user",
    clients={"graph": Graph},
    names=("user",),
    options={
        "user": {"type": "str", "required": True},
        "licenses": members(),
        "disabled_plans": {"type": "dict"},
        "usage_location": {"type": "str"},
        "exchange_ready": {"type": "bool"},
    },
    managed={
        "usage_location": text,
        "licenses": names,
        "disabled_plans": Field(key=frozenset, shape="mapping"),
        "exchange_ready": exact,
    },
    goal=goal,
    parse={"usage_location": license_plan.checked_usage_location, "disabled_plans": license_plan.checked_plans},
)


def subscribed(clients):
    return clients.once("subscribedSkus", lambda: clients.graph.list("/subscribedSkus"))


def resolve(clients, want):
    try:
        return license_plan.canonical(want, subscribed(clients))
    except ValueError as unknown:
        raise Refused(f"{unknown}.") from unknown


def read(clients, want):
    user = clients.graph.get(f"/users/{key(want['user'])}", select=license_plan.PROPERTIES)
    return license_plan.state_of(user, subscribed(clients)) if user else None


def preflight(clients, change):
    skus = subscribed(clients)
    added = change.added("licenses")
    reason = license_plan.obstacle(change.after, added, bool(change.want["exchange_ready"]), skus)
    if reason:
        raise Refused(reason)
    free = clients.once("free units", lambda: license_plan.free_of_all(skus))
    with clients.lock:
        short = [name for name in added if free[name] < 1]
        if short:
            raise Refused(f"No unit of {', '.join(short)} is free.", "Buy more, or take one away from somebody else.")
        free.update({name: free[name] - 1 for name in added})


def apply(clients, change):
    path = f"/users/{change.before['id']}"
    if "usage_location" in change.fields:
        clients.graph.update(path, {"usageLocation": change.after["usage_location"]})
    if {"licenses", "disabled_plans"} & set(change.fields):
        added, removed = change.added("licenses"), change.removed("licenses")
        body = license_plan.assignment(change.before, change.after, added, removed, subscribed(clients))
        clients.graph.action(f"{path}/assignLicense", body)


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve, preflight=preflight)


if __name__ == "__main__":
    main()
