#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: directory_sync_cycle
short_description: Wait until a cycle of the directory synchronization has ended
version_added: "0.1.0"
description:
  - Says when the last cycle of the directory synchronization ended, and waits for a later one.
  - It is for what Entra ID does not show of a user, for example his certificates. For accounts and addresses use
    M(m365.hybrid.directory_sync), which compares these themselves.
  - It starts no cycle. Entra Connect offers no interface for that to other machines. Active Directory is not asked.
options:
  aggregate:
    description: For one entry at most, because a tenant has one synchronization; it is there because all modules have it.
    type: list
    elements: dict
    suboptions:
      after: &after
        description:
          - Wait until a cycle has ended after this moment, for example RV(resource.last_cycle) of before.
          - When left out, it only looks.
        type: str
  after: *after
  wait_timeout:
    description: Seconds to wait. With 0, and in check mode, it looks once and does not fail; see RV(resource.arrived).
    type: float
    default: 300.0
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.cloud_group
notes:
  - A cycle that had begun before your change may end after it. Where that matters, wait twice.
seealso:
  - module: m365.hybrid.directory_sync
"""

EXAMPLES = r"""
- name: When was the last cycle
  m365.hybrid.directory_sync_cycle:
  register: cycle

- name: Wait for two cycles and a quarter of an hour
  m365.hybrid.directory_sync_cycle:
    after: "{{ cycle.resource.last_cycle }}"
    wait_timeout: 4500
"""

RETURN = r"""
resource:
  description: The last cycle. A list with O(aggregate).
  returned: always
  type: dict
  contains:
    arrived:
      description: Whether it ended after O(after).
      type: bool
      returned: always
    explanation:
      description: What the tenant says where it did not; empty otherwise.
      type: str
      returned: always
    last_cycle:
      description: When it ended; null when none has run.
      type: str
      returned: always
results:
  description: One entry for each entry of O(aggregate).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients.graph import Graph
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource, exact
from ..module_utils.domain import sync

RESOURCE = Resource(
    kind="synchronization",
    clients={"graph": Graph},
    names=(),
    options={"after": {"type": "str"}},
    managed={"arrived": exact},
    parse={"after": sync.checked_moment},
    goal=sync.goal,
    awaits=True,
)


def read_all(clients, wants):
    organization = clients.graph.list("/organization")[0]
    return [sync.cycle_state(organization, want["after"]) for want in wants]


def main():
    run(RESOURCE, read_all=read_all)


if __name__ == "__main__":
    main()
