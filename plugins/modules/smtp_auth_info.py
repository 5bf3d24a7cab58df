#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: smtp_auth_info
short_description: Who may submit mail by SMTP AUTH, and who still does it with a password
version_added: "0.1.0"
description:
  - Reads the organization's switch for SMTP AUTH, every mailbox that has a switch of its own or may use it, and from the
    sign-in log of Entra ID who signed in with a password.
  - With O(mailbox), it returns the same shape as M(m365.hybrid.smtp_auth) for that mailbox only.
options:
  mailbox: &mailbox
    description:
      - The mailbox, by user principal name, any of its addresses, object id, mailbox GUID, alias or display name.
      - When left out, it is about the organization and all its mailboxes.
    type: str
  effective: &effective
    description:
      - List all mailboxes of which this holds, and no others.
      - When left out, those that have a switch of their own or may use SMTP AUTH are listed.
    type: str
    choices: [enabled, disabled]
  aggregate:
    description: Many mailboxes in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      mailbox: *mailbox
      effective: *effective
      days: &days
        description:
          - How many days of the sign-in log are searched for sign-ins with a password; V(0) for none. Entra ID keeps 30.
          - Needs the permission C(AuditLog.Read.All) and an Entra ID P1 license. Without them, who uses a password is
            unknown, and the reason is returned.
        type: int
  days:
    <<: *days
    default: 7
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.cloud_group
notes:
  - Graph shows only those sign-ins that Entra ID counts as interactive. A user who is not listed may have signed in with
    a password all the same; a user who is listed did.
seealso:
  - module: m365.hybrid.smtp_auth
"""

EXAMPLES = r"""
- name: Who may submit mail by SMTP AUTH
  m365.hybrid.smtp_auth_info:
    effective: enabled
  register: submission

- name: Say who would lose it with basic authentication
  ansible.builtin.debug:
    msg: >-
      {{ submission.resource.basic_authentication.users | map(attribute='user') | list
         if submission.resource.basic_authentication.known
         else 'unknown: ' ~ submission.resource.basic_authentication.reason }}
"""

RETURN = r"""
resource:
  description:
    - The organization. With O(mailbox), that mailbox as M(m365.hybrid.smtp_auth) returns it, or null when there is none.
    - A list with O(aggregate).
  returned: success
  type: dict
  contains:
    smtp_auth:
      description: The organization's switch.
      returned: always
      type: str
    mailboxes:
      description: The mailboxes, by address.
      returned: without O(mailbox)
      type: list
      elements: dict
    basic_authentication:
      description:
        - Who signed in to SMTP AUTH with a password.
        - C(known) is false where the sign-in log could not be read; C(reason) then says why.
      returned: without O(mailbox)
      type: dict
  sample:
    smtp_auth: disabled
    organization: disabled
    effective: disabled
    mailboxes:
      - id: 0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11
        display_name: Scanner
        primary_address: scanner@contoso.example
        smtp_auth: enabled
        effective: enabled
    basic_authentication:
      known: true
      users:
        - user: scanner@contoso.example
          last: "2026-11-20T07:12:44Z"
          succeeded: true
      reason: null
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients import client_access, legacy_sign_ins
from ..module_utils.clients.exchange import Exchange
from ..module_utils.clients.graph import Graph
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource
from ..module_utils.domain import smtp_auth

RESOURCE = Resource(
    kind="mailbox",
    clients={"exchange": Exchange, "graph": Graph},
    names=("mailbox",),
    options={
        "mailbox": {"type": "str"},
        "effective": {"type": "str", "choices": [smtp_auth.ENABLED, smtp_auth.DISABLED]},
        "days": {"type": "int", "default": 7},
    },
    parse={"days": smtp_auth.checked_days},
)


def read(clients, want):
    if want["mailbox"] is not None:
        switch = clients.once("organization", lambda: client_access.organization_switch(clients.exchange))
        return client_access.mailbox(clients.exchange, want["mailbox"], switch)
    state = client_access.organization(clients.exchange)
    everyone = client_access.mailboxes(clients.exchange, state["smtp_auth"])
    passwords = legacy_sign_ins.users(clients.graph, want["days"])
    return state | {
        "mailboxes": smtp_auth.notable(everyone, want["effective"]),
        "basic_authentication": passwords,
    }


def main():
    run(RESOURCE, read=read)


if __name__ == "__main__":
    main()
