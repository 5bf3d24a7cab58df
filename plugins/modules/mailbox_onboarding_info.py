#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mailbox_onboarding_info
short_description: What stands in the way of a mailbox coming under Active Directory
version_added: "0.1.0"
description:
  - Reads everything that decides whether a cloud-only shared mailbox can become a user mailbox whose account Active
    Directory masters, and says what stands in the way. It changes nothing.
  - Gives for each mailbox the options of the modules that bring it over, so that a playbook only has to call them in
    order. The role C(m365.hybrid.onboarding) does that.
  - With O(before), it compares what came out with what was there, to prove that it is still the same mailbox.
options:
  mailbox: &mailbox
    description:
      - The mailbox, by user principal name, any of its addresses, object id, mailbox GUID, alias or display name.
      - Required unless O(aggregate) is given.
    type: str
  license: &license
    description: The license that it is to get, by SKU part number or id.
    type: str
  usage_location: &usage_location
    description: The usage location that it is to get.
    type: str
  ou: &ou
    description: Distinguished name of the place where its account is to go.
    type: str
  sam_account_name: &sam_account_name
    description: The sAMAccountName that its account is to get.
    type: str
  before: &before
    description: C(before) in RV(resource.steps.verification), as it was read before the first change.
    type: dict
    suboptions:
      id:
        description: Object id of its account.
        type: str
        required: true
      mailbox_guid:
        description: The mailbox GUID.
        type: str
        required: true
      directory_addresses:
        description: Its addresses, without those in the cloud's own domains.
        type: list
        elements: str
        required: true
  aggregate:
    description: Many mailboxes in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      mailbox: *mailbox
      license: *license
      usage_location: *usage_location
      ou: *ou
      sam_account_name: *sam_account_name
      before: *before
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.directory
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.both_groups
seealso:
  - module: m365.hybrid.mailbox_type
  - module: m365.hybrid.entra_license
  - module: m365.hybrid.ad_user
  - module: m365.hybrid.directory_sync
"""

EXAMPLES = r"""
- name: Find out what stands in the way
  m365.hybrid.mailbox_onboarding_info:
    license: EXCHANGESTANDARD
    ou: OU=Mailboxes,DC=corp,DC=contoso,DC=example
    aggregate:
      - mailbox: info@contoso.example
      - mailbox: vertrieb@contoso.example
  register: preflight

- name: Say it
  ansible.builtin.debug:
    msg: "{{ item.mailbox }}: {{ item.resource.stage }} {{ item.resource.blockers | join(' ') }}"
  loop: "{{ preflight.results }}"
  loop_control:
    label: "{{ item.mailbox }}"
"""

RETURN = r"""
resource:
  description: What was found; null when there is no such mailbox. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    stage:
      description:
        - C(blocked), C(ready) for a shared mailbox that nothing was done to yet, C(started) for one on its way, or
          C(done).
      type: str
      returned: always
    blockers:
      description: Why it has to be left alone, and what to do about it.
      type: list
      elements: str
      returned: always
    unknown:
      description: What could not be read and does not stand in the way by itself.
      type: list
      elements: str
      returned: always
    sign_in:
      description: How its user signs in once Active Directory masters the account.
      type: str
      returned: always
    id:
      description: Object id of its account.
      type: str
      returned: always
    mailbox_guid:
      description: The mailbox GUID.
      type: str
      returned: always
    user_principal_name:
      description: The user principal name of its account.
      type: str
      returned: always
    addresses:
      description: All its addresses in the cloud.
      type: list
      elements: str
      returned: always
    directory_addresses:
      description: The addresses that Active Directory gets.
      type: list
      elements: str
      returned: always
    account:
      description: Distinguished name of the account that was made for it, if there is one.
      type: str
      returned: always
    steps:
      description: The options of the modules that bring it over, by step.
      type: dict
      returned: always
      contains:
        license:
          description: Options of M(m365.hybrid.entra_license).
          type: dict
          returned: always
        type:
          description: Options of M(m365.hybrid.mailbox_type).
          type: dict
          returned: always
        account:
          description: Options of M(m365.hybrid.ad_user).
          type: dict
          returned: always
        addresses:
          description: Options of M(m365.hybrid.ad_proxyaddress), for an account that is there already.
          type: dict
          returned: always
        sync:
          description: Options of M(m365.hybrid.directory_sync).
          type: dict
          returned: always
        verification:
          description: Options of this module, to prove afterwards that it is still the same mailbox.
          type: dict
          returned: always
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients.directory import Directory
from ..module_utils.clients.exchange import Exchange
from ..module_utils.clients.graph import Graph
from ..module_utils.clients.onboarding import findings
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource
from ..module_utils.domain import account_plan, license_plan, onboarding

BEFORE = {
    "id": {"type": "str", "required": True},
    "mailbox_guid": {"type": "str", "required": True},
    "directory_addresses": {"type": "list", "elements": "str", "required": True},
}

RESOURCE = Resource(
    kind="mailbox",
    clients={"exchange": Exchange, "graph": Graph, "directory": Directory},
    names=("mailbox",),
    options={
        "mailbox": {"type": "str", "required": True},
        **{option: {"type": "str"} for option in ("license", "usage_location", "ou", "sam_account_name")},
        "before": {"type": "dict", "options": BEFORE},
    },
    parse={
        "ou": account_plan.checked_dn,
        "sam_account_name": account_plan.checked_sam_account_name,
        "usage_location": license_plan.checked_usage_location,
    },
)


def read(clients, want):
    found = findings(clients, want["mailbox"], want["license"], want["ou"])
    return onboarding.state_of(found, want) if found else None


def main():
    run(RESOURCE, read=read)


if __name__ == "__main__":
    main()
