#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_user_info
short_description: What Entra ID says of a user
version_added: "0.1.0"
description:
  - Reads one user, or many with O(aggregate), including what directory synchronization left on the account.
options:
  user: &user
    description:
      - The user, by user principal name or object id.
      - Required unless O(aggregate) is given.
    type: str
  aggregate:
    description: Many users in one task.
    type: list
    elements: dict
    suboptions:
      user: *user
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.ad_user_info
  - module: m365.hybrid.entra_license
"""

EXAMPLES = r"""
- name: Look at a user
  m365.hybrid.entra_user_info:
    user: info@contoso.example
  register: info

- name: Say who masters the account
  ansible.builtin.debug:
    msg: "{{ 'Active Directory' if info.resource.synced else 'Entra ID' }}"
"""

RETURN = r"""
resource:
  description: The user, or null when there is none. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    id: 0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11
    user_principal_name: info@contoso.example
    display_name: Info
    given_name: null
    surname: null
    mail: info@contoso.example
    mail_nickname: info
    addresses: ["SMTP:info@contoso.example", "smtp:info@contoso.onmicrosoft.com"]
    enabled: true
    usage_location: DE
    synced: null
    immutable_id: null
    last_sync: null
    distinguished_name: null
    provisioning_errors: []
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients.graph import Graph, key
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource
from ..module_utils.domain import users

RESOURCE = Resource(
    kind="user",
    clients={"graph": Graph},
    names=("user",),
    options={"user": {"type": "str", "required": True}},
)


def read(clients, want):
    user = clients.graph.get(f"/users/{key(want['user'])}", select=users.PROPERTIES)
    return users.state_of(user) if user else None


def main():
    run(RESOURCE, read=read)


if __name__ == "__main__":
    main()
