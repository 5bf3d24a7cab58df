#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mailbox_type
short_description: Type of a mailbox in Exchange Online
version_added: "0.1.0"
description:
  - Converts a mailbox to a user, shared, room or equipment mailbox, and waits until Exchange Online shows the new type.
  - A mailbox is never created or deleted, and its contents, permissions and addresses stay as they are.
  - Refuses, with what to do instead, when Active Directory masters the mailbox or the conversion would lose something.
options:
  aggregate:
    description: Many mailboxes in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      mailbox: &mailbox
        description:
          - The mailbox, by user principal name, any of its addresses, object id, mailbox GUID, alias or display name.
          - Required unless O(aggregate) is given.
        type: str
      type: &type
        description:
          - The type it should have.
          - Required unless O(aggregate) is given.
        type: str
        choices: [user, shared, room, equipment]
      require_license: &require_license
        description:
          - Refuse to make a user mailbox of one that has no license. Exchange Online disables such a mailbox after
            30 days.
          - In check mode, set this to V(false) when an earlier task of the same play would assign the license.
        type: bool
  mailbox: *mailbox
  type: *type
  require_license:
    <<: *require_license
    default: true
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.mailbox_info
  - module: m365.hybrid.entra_license
"""

EXAMPLES = r"""
- name: A shared mailbox becomes a user mailbox
  m365.hybrid.mailbox_type:
    mailbox: info@contoso.example
    type: user

- name: Meeting rooms are room mailboxes
  m365.hybrid.mailbox_type:
    type: room
    aggregate:
      - mailbox: room.berlin@contoso.example
      - mailbox: room.hamburg@contoso.example
"""

RETURN = r"""
resource:
  description: The mailbox after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    id: 0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11
    mailbox_guid: 7b1c0a52-7c55-4d0a-9f3a-1f5a3f6b1234
    user_principal_name: info@contoso.example
    display_name: Info
    primary_address: info@contoso.example
    addresses: ["SMTP:info@contoso.example", "smtp:info@contoso.onmicrosoft.com"]
    type: user
    synced: false
    cloud_managed: false
    licensed: true
    archive: false
    litigation_hold: false
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

from ..module_utils.clients.exchange import Exchange
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Resource, exact
from ..module_utils.domain import mailboxes

RESOURCE = Resource(
    kind="mailbox",
    clients={"exchange": Exchange},
    names=("mailbox",),
    options={
        "mailbox": {"type": "str", "required": True},
        "type": {"type": "str", "required": True, "choices": list(mailboxes.TYPES)},
        "require_license": {"type": "bool", "default": True},
    },
    managed={"type": exact},
)


def read_all(clients, wants):
    found = clients.exchange.find_all("Get-Mailbox", [want["mailbox"] for want in wants])
    return [mailboxes.state_of(row) if isinstance(row, dict) else row for row in found]


def preflight(clients, change):
    size = None
    if change.want["type"] != "user" and not change.before["licensed"]:
        statistics = clients.exchange.command("Get-MailboxStatistics", Identity=change.before["mailbox_guid"])
        size = mailboxes.size_in_bytes(statistics[0].get("TotalItemSize")) if statistics else 0
    obstacle = mailboxes.conversion_obstacle(change.before, change.want["type"], change.want["require_license"], size)
    if obstacle:
        raise Refused(obstacle)


def apply(clients, change):
    conversion = mailboxes.CONVERSIONS[change.want["type"]]
    clients.exchange.command("Set-Mailbox", Identity=change.before["mailbox_guid"], Type=conversion, Confirm=False)


def main():
    run(RESOURCE, read_all=read_all, apply=apply, preflight=preflight)


if __name__ == "__main__":
    main()
