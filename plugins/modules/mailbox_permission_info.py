#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mailbox_permission_info
short_description: Who may open which mailbox, send as it and send on behalf of it
version_added: "0.1.0"
description:
  - Reads all permissions on all mailboxes of the tenant, or on a set of them, and shows them by mailbox and by trustee.
  - What cannot be read fails the task; a report never lacks what nobody could see.
options:
  mailbox: &mailbox
    description:
      - One mailbox, by user principal name, any of its addresses, object id, mailbox GUID, alias or display name.
      - Without any of O(mailbox), O(mailboxes), O(group), O(filter) and O(all), the report is about all mailboxes.
    type: str
  mailboxes: &mailboxes
    description: Mailboxes by any of their names.
    type: list
    elements: str
  group: &group
    description:
      - The mailboxes that are members of this distribution group or mail-enabled security group, or of a group inside it.
      - A dynamic group or a Microsoft 365 group inside it is an error, because its members cannot be listed.
    type: str
  filter: &filter
    description:
      - The mailboxes that this filter finds, in the language of Exchange (OPATH), for example
        V(RecipientTypeDetails -eq 'SharedMailbox').
    type: str
  all: &all
    description: All mailboxes of users, rooms and equipment, and all shared ones. V(false) is refused.
    type: bool
  except: &except
    description: Mailboxes that are left out, by any of their names. A name that no mailbox has is an error.
    type: list
    elements: str
  aggregate:
    description: Several reports in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      mailbox: *mailbox
      mailboxes: *mailboxes
      group: *group
      filter: *filter
      all: *all
      except: *except
      expand_groups: &expand_groups
        description:
          - Name the members of groups, and of groups inside them, with what they may do by the group.
          - By mailbox, the group alone is shown.
        type: bool
      csv: &csv
        description:
          - Give everything as CSV text too, one line for each permission of each trustee, for M(ansible.builtin.copy).
          - A name that a spreadsheet would take for a formula gets an apostrophe in front.
        type: bool
  expand_groups:
    <<: *expand_groups
    default: false
  csv:
    <<: *csv
    default: false
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.cloud_group
notes:
  - The Entra role Global Reader is enough.
  - Ten mailboxes are asked for in a request, so 10,000 mailboxes take about 1,000 requests.
  - Where Exchange shows a name that several recipients have, it is asked which of them it is. If that stays open, the entry
    is shown with its security identifier, and its trustee is V(unknown).
seealso:
  - module: m365.hybrid.mailbox_permission
"""

EXAMPLES = r"""
- name: Who may do what, in the whole tenant
  m365.hybrid.mailbox_permission_info:
    expand_groups: true
    csv: true
  register: permissions

- name: For the auditor
  ansible.builtin.copy:
    content: "{{ permissions.resource.csv }}"
    dest: permissions.csv
    mode: "0600"

- name: What Anna can open
  ansible.builtin.debug:
    msg: "{{ (permissions.resource.trustees | selectattr('name', 'eq', 'anna.schaefer@contoso.example') | first).full_access }}"

- name: What is left of those who are gone
  ansible.builtin.debug:
    msg: "{{ permissions.resource.trustees | selectattr('kind', 'eq', 'gone') }}"
"""

RETURN = r"""
resource:
  description:
    - The report. Null where O(mailbox) names one that does not exist. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    mailboxes:
      description:
        - Every mailbox, by address, also those on which nobody has anything. C(full_access), C(send_as), C(send_on_behalf),
          C(read_permission), C(change_permission), C(change_owner), C(delete_item) and C(external_account) list trustees;
          C(denied) lists what is denied to whom.
      returned: always
      type: list
      elements: dict
    trustees:
      description:
        - Everybody who has a permission, by name. The same kinds list addresses of mailboxes; C(by_group) lists what is held
          as a member of a group, with O(expand_groups).
        - C(kind) is the type of the recipient, V(ServicePrincipal), V(gone) for an entry whose trustee was deleted, or
          V(unknown).
      returned: always
      type: list
      elements: dict
    csv:
      description: The same as CSV, with O(csv); otherwise null.
      returned: always
      type: str
  sample:
    mailboxes:
      - id: 0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11
        display_name: Zentrale
        primary_address: info@contoso.example
        type: SharedMailbox
        full_access: [anna.schaefer@contoso.example]
        send_as: []
        send_on_behalf: []
        read_permission: []
        change_permission: []
        change_owner: []
        delete_item: []
        external_account: []
        denied: []
    trustees:
      - name: anna.schaefer@contoso.example
        kind: UserMailbox
        id: 7c0b5c1e-2f0a-4c57-9d26-5be0b1f3a1d4
        sid: S-1-5-21-2135432087-1771573367-171750275-31457
        full_access: [info@contoso.example]
        send_as: []
        send_on_behalf: []
        read_permission: []
        change_permission: []
        change_owner: []
        delete_item: []
        external_account: []
        denied: []
        by_group: []
    csv: null
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients import mailbox_sets, permission_report
from ..module_utils.clients.exchange import Exchange
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource

RESOURCE = Resource(
    kind="mailbox",
    clients={"exchange": Exchange},
    names=("mailbox",),
    sets=mailbox_sets.SETS,
    options={
        "mailbox": {"type": "str"},
        **mailbox_sets.OPTIONS,
        "expand_groups": {"type": "bool", "default": False},
        "csv": {"type": "bool", "default": False},
    },
    parse=mailbox_sets.PARSE,
    rules=mailbox_sets.RULES,
)


def read(clients, want):
    def everybody():
        return clients.once("recipients", lambda: permission_report.recipients(clients.exchange))

    return permission_report.collect(clients.exchange, want, everybody)


def main():
    run(RESOURCE, read=read)


if __name__ == "__main__":
    main()
