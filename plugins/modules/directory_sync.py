#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: directory_sync
short_description: Wait until the directory synchronization has brought accounts to Entra ID
version_added: "0.1.0"
description:
  - Waits until what stands in Active Directory has arrived in Entra ID, for all accounts of a task in one poll and
    within one budget of time.
  - Compares the accounts themselves, not the time of the last cycle. They have arrived when the cloud's user is
    anchored to the account and has its names and addresses.
  - When the time is over, it says for each account what is missing and what the tenant says about it.
  - It starts no cycle. Entra Connect offers no interface for that to other machines.
options:
  user: &user
    description:
      - The account in Active Directory, by user principal name, sAMAccountName, distinguished name or objectGUID.
      - Required unless O(aggregate) is given.
    type: str
  attributes: &attributes
    description:
      - LDAP names of the attributes to wait for. When left out, all that the synchronization carries for a user.
    type: list
    elements: str
  wait_timeout:
    description:
      - Seconds to wait, for all accounts together. With 0 it looks once and does not fail; see RV(resource.arrived).
      - In check mode it looks once, too.
    type: float
    default: 300.0
  aggregate:
    description: Many accounts in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      user: *user
      attributes: *attributes
extends_documentation_fragment:
  - m365.hybrid.directory
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.both_groups
seealso:
  - module: m365.hybrid.ad_user_info
  - module: m365.hybrid.entra_user_info
"""

EXAMPLES = r"""
- name: Wait for two cycles of the synchronization and a quarter of an hour
  m365.hybrid.directory_sync:
    wait_timeout: 4500
    aggregate:
      - user: info@contoso.example
      - user: vertrieb@contoso.example

- name: Only look whether the addresses have arrived
  m365.hybrid.directory_sync:
    user: info@contoso.example
    attributes: [proxyAddresses]
    wait_timeout: 0
  register: sync
"""

RETURN = r"""
resource:
  description: What has arrived and what has not. A list with O(aggregate).
  returned: always
  type: dict
  contains:
    arrived:
      description: Whether all that was waited for has arrived.
      type: bool
      returned: always
    missing:
      description: What has not arrived, one sentence each.
      type: list
      elements: str
      returned: always
    explanation:
      description: The same, with what the tenant says about it; empty when all has arrived.
      type: str
      returned: always
      sample: >-
        Missing: the address smtp:kontakt@contoso.example is missing. The last synchronization was at
        2026-11-22 10:00:00 UTC, before the change: none has run since.
    id:
      description: Object id of the cloud's user; null when there is none.
      type: str
      returned: always
    last_sync:
      description: When the synchronization last wrote the cloud's user.
      type: str
      returned: always
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients.directory import Directory, Entry
from ..module_utils.clients.directory_accounts import find_accounts
from ..module_utils.clients.graph import Graph, key
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource, exact
from ..module_utils.domain import sync

RESOURCE = Resource(
    kind="account",
    clients={"directory": Directory, "graph": Graph},
    names=("user",),
    options={"user": {"type": "str", "required": True}, "attributes": {"type": "list", "elements": "str"}},
    managed={"arrived": exact},
    goal=sync.goal,
    awaits=True,
)


def read_all(clients, wants):
    accounts = find_accounts(clients.directory, [want["user"] for want in wants], sync.READ)
    there = [account for account in accounts if isinstance(account, Entry)]
    select = ",".join(sync.GRAPH_PROPERTIES)
    paths = [f"/users/{key(account.text('userPrincipalName') or account.dn)}?$select={select}" for account in there]
    users = dict(zip((account.dn for account in there), clients.graph.batch(paths), strict=True))
    organization = clients.graph.list("/organization")[0]
    return [
        sync.state_of(account, users[account.dn], organization, want["attributes"])
        if isinstance(account, Entry)
        else account
        for account, want in zip(accounts, wants, strict=True)
    ]


def main():
    run(RESOURCE, read_all=read_all)


if __name__ == "__main__":
    main()
