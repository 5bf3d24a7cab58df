#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: smtp_auth
short_description: Who may submit mail by SMTP AUTH in Exchange Online
version_added: "0.1.0"
description:
  - Declares for the organization, or for a mailbox, whether mail may be submitted by SMTP AUTH, with a password and with
    OAuth alike.
  - Exchange shows the switch under a negated name (C(SmtpClientAuthenticationDisabled)). The option here says what may
    be done.
  - A mailbox's own switch goes before the organization's. The least that is needed is V(disabled) for the organization
    and V(enabled) for the few mailboxes that submit mail; V(enabled) for the organization opens it for every mailbox
    without a switch of its own.
options:
  mailbox: &mailbox
    description:
      - The mailbox, by user principal name, any of its addresses, object id, mailbox GUID, alias or display name.
      - When left out, it is about the organization.
    type: str
  smtp_auth: &smtp_auth
    description:
      - Whether SMTP AUTH may be used.
      - With V(organization), for a mailbox only, the mailbox has no switch of its own and does as the organization.
      - Required unless O(aggregate) is given.
    type: str
    choices: [enabled, disabled, organization]
  aggregate:
    description: Many mailboxes in one task, and the organization. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      mailbox: *mailbox
      smtp_auth: *smtp_auth
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
notes:
  - The organization's switch needs the Entra role Exchange Administrator. For mailboxes, Exchange Recipient
    Administrator is enough; RV(resource.effective) is V(unknown) where the role may not read the organization's switch
    and the mailbox has none of its own.
  - A change takes effect for clients some minutes after Exchange shows it.
  - In a task that also changes the organization's switch, RV(resource.effective) of the mailboxes is what holds when
    their turn comes; declare the organization in a task before them.
seealso:
  - module: m365.hybrid.smtp_auth_info
  - module: m365.hybrid.mail_check
"""

EXAMPLES = r"""
- name: Nobody submits mail by SMTP AUTH
  m365.hybrid.smtp_auth:
    smtp_auth: disabled

- name: But two mailboxes
  m365.hybrid.smtp_auth:
    smtp_auth: enabled
    aggregate:
      - mailbox: scanner@contoso.example
      - mailbox: mailer@contoso.example

- name: As the organization, from now on
  m365.hybrid.smtp_auth:
    mailbox: info@contoso.example
    smtp_auth: organization
"""

RETURN = r"""
resource:
  description:
    - The mailbox after the task, in check mode as it would be. A list with O(aggregate).
    - For the organization, only C(smtp_auth), C(organization) and C(effective).
  returned: success
  type: dict
  contains:
    smtp_auth:
      description: The switch itself.
      returned: always
      type: str
    organization:
      description: The organization's switch; V(unknown) where it may not be read.
      returned: always
      type: str
    effective:
      description: What holds, V(enabled), V(disabled) or V(unknown).
      returned: always
      type: str
  sample:
    id: 0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11
    display_name: Scanner
    primary_address: scanner@contoso.example
    smtp_auth: enabled
    organization: disabled
    effective: enabled
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

from ..module_utils.clients import client_access
from ..module_utils.clients.exchange import Exchange
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Resource, exact
from ..module_utils.domain import smtp_auth

RESOURCE = Resource(
    kind="mailbox",
    clients={"exchange": Exchange},
    names=("mailbox",),
    options={
        "mailbox": {"type": "str"},
        "smtp_auth": {"type": "str", "required": True, "choices": list(smtp_auth.CHOICES)},
    },
    managed={"smtp_auth": exact},
    goal=smtp_auth.goal,
)


def resolve(_clients, want):
    if want["mailbox"] is None and want["smtp_auth"] == smtp_auth.INHERITED:
        raise Refused("smtp_auth=organization is for a mailbox, and none is named.", "Name one, or enable or disable.")
    return want | {"mailbox": want["mailbox"] or smtp_auth.ORGANIZATION}


def read(clients, want):
    if want["mailbox"] == smtp_auth.ORGANIZATION:
        return client_access.organization(clients.exchange)
    switch = clients.once("organization", lambda: client_access.organization_switch(clients.exchange))
    return client_access.mailbox(clients.exchange, want["mailbox"], switch)


def apply(clients, change):
    organization = change.want["mailbox"] == smtp_auth.ORGANIZATION
    mailbox = None if organization else change.before["id"]
    client_access.set_switch(clients.exchange, mailbox, change.after["smtp_auth"])


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve)


if __name__ == "__main__":
    main()
