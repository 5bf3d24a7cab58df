#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mailbox_info
short_description: What Exchange Online says of a mailbox
version_added: "0.1.0"
description:
  - Reads one mailbox, or many with O(aggregate), and returns the same shape as M(m365.hybrid.mailbox_type).
options:
  mailbox: &mailbox
    description:
      - The mailbox, by user principal name, any of its addresses, object id, mailbox GUID, alias or display name.
      - Required unless O(aggregate) is given.
    type: str
  aggregate:
    description: Many mailboxes in one task.
    type: list
    elements: dict
    suboptions:
      mailbox: *mailbox
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.mailbox_type
"""

EXAMPLES = r"""
- name: Look at a mailbox
  m365.hybrid.mailbox_info:
    mailbox: info@contoso.example
  register: info

- name: Say its type
  ansible.builtin.debug:
    msg: "{{ info.resource.type if info.resource else 'no such mailbox' }}"
"""

RETURN = r"""
resource:
  description: The mailbox, or null when there is none. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    id: 0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11
    mailbox_guid: 7b1c0a52-7c55-4d0a-9f3a-1f5a3f6b1234
    user_principal_name: info@contoso.example
    display_name: Info
    primary_address: info@contoso.example
    addresses: ["SMTP:info@contoso.example", "smtp:info@contoso.onmicrosoft.com"]
    type: shared
    synced: false
    cloud_managed: false
    licensed: false
    archive: false
    litigation_hold: false
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients.exchange import Exchange
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource
from ..module_utils.domain import mailboxes

RESOURCE = Resource(
    kind="mailbox",
    clients={"exchange": Exchange},
    names=("mailbox",),
    options={"mailbox": {"type": "str", "required": True}},
)


def read_all(clients, wants):
    found = clients.exchange.find_all("Get-Mailbox", [want["mailbox"] for want in wants])
    return [mailboxes.state_of(row) if isinstance(row, dict) else row for row in found]


def main():
    run(RESOURCE, read_all=read_all)


if __name__ == "__main__":
    main()
