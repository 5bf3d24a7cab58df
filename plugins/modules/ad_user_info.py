#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ad_user_info
short_description: What Active Directory says of a user account
version_added: "0.1.0"
description:
  - Reads one account, or many with O(aggregate), and returns the same shape as M(m365.hybrid.ad_user).
options:
  user: &user
    description:
      - The account, by user principal name, sAMAccountName, distinguished name or objectGUID.
      - Required unless O(aggregate) is given.
    type: str
  attributes: &attributes
    description: LDAP names of further attributes to read.
    type: list
    elements: str
  aggregate:
    description: Many accounts in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      user: *user
      attributes: *attributes
extends_documentation_fragment:
  - m365.hybrid.directory
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.directory_group
seealso:
  - module: m365.hybrid.ad_user
"""

EXAMPLES = r"""
- name: Look at an account
  m365.hybrid.ad_user_info:
    user: anna.schmidt@contoso.example
    attributes: [department, telephoneNumber]
  register: info

- name: Say where it is
  ansible.builtin.debug:
    msg: "{{ info.resource.distinguished_name if info.resource else 'no such account' }}"
"""

RETURN = r"""
resource:
  description: The account, or null when there is none. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    distinguished_name: CN=Anna Schmidt,OU=Users,DC=corp,DC=contoso,DC=example
    ou: OU=Users,DC=corp,DC=contoso,DC=example
    name: Anna Schmidt
    user_principal_name: anna.schmidt@contoso.example
    sam_account_name: anna.schmidt
    display_name: Anna Schmidt
    given_name: Anna
    surname: Schmidt
    mail: null
    guid: 4d3c2b1a-0f5e-4a7b-9c8d-112233445566
    immutable_id: GisDTV4PexqcjREiM0RVZg==
    cloud_object_id: null
    enabled: true
    user_account_control: 512
    proxy_addresses: []
    attributes:
      department: [Vertrieb]
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients.directory import Directory, Entry
from ..module_utils.clients.directory_accounts import account_state, find_accounts
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource

RESOURCE = Resource(
    kind="account",
    clients={"directory": Directory},
    names=("user",),
    options={"user": {"type": "str", "required": True}, "attributes": {"type": "list", "elements": "str"}},
)


def read_all(clients, wants):
    further = sorted({attribute for want in wants for attribute in want["attributes"] or ()})
    found = find_accounts(clients.directory, [want["user"] for want in wants], further)
    return [
        account_state(account, want["attributes"] or ()) if isinstance(account, Entry) else account
        for account, want in zip(found, wants, strict=True)
    ]


def main():
    run(RESOURCE, read_all=read_all)


if __name__ == "__main__":
    main()
