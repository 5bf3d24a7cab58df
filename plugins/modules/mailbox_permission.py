#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mailbox_permission
short_description: Who may open a mailbox, send as it and send on behalf of it
version_added: "0.1.0"
description:
  - Declares FullAccess and the other rights on a mailbox, SendAs and SendOnBehalf, of one or many trustees on one or many
    mailboxes.
  - Trustees are resolved once to their identity in Exchange and compared by it, however they are named and however Exchange
    shows them. A name that several have is an error that lists them.
  - The mailbox's own entries (C(NT AUTHORITY\SELF)) and inherited ones are never touched nor counted. Entries that deny
    something are shown and never counted as access; where one stands against a permission that is asked for, the task
    warns.
options:
  mailbox: &mailbox
    description:
      - The mailbox, by user principal name, any of its addresses, object id, mailbox GUID, alias or display name.
      - One of O(mailbox), O(mailboxes), O(group), O(filter) and O(all) is needed.
    type: str
  mailboxes: &mailboxes
    description: Mailboxes by any of their names.
    type: list
    elements: str
  group: &group
    description:
      - The mailboxes that are members of this distribution group or mail-enabled security group, or of a group inside it.
      - Members that are no mailboxes are left out. A dynamic group or a Microsoft 365 group inside it is an error, because its
        members cannot be listed.
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
    description:
      - Mailboxes of the set that are left alone, by any of their names. A name that no mailbox has is an error.
      - Only with O(mailboxes), O(group), O(filter) or O(all).
    type: list
    elements: str
  full_access: &full_access
    description: Who may open the mailbox. When left out, it stays as it is.
    type: dict
    suboptions: &members
      set:
        description:
          - Exactly these trustees, and nobody else. Entries of those who are gone count as well, so they are removed unless
            their security identifier is named. An empty list means nobody.
        type: list
        elements: str
      add:
        description:
          - These trustees too, by user principal name, any address, object id, alias or display name.
        type: list
        elements: str
      remove:
        description:
          - Not these trustees. Who is gone is named by security identifier (C(S-1-5-21-...)), as Exchange shows it.
        type: list
        elements: str
  send_as: &send_as
    description: Who may send as the mailbox. When left out, it stays as it is.
    type: dict
    suboptions: *members
  send_on_behalf: &send_on_behalf
    description: Who may send on behalf of the mailbox. When left out, it stays as it is.
    type: dict
    suboptions: *members
  read_permission: &read_permission
    description: Who may read the permissions of the mailbox. When left out, it stays as it is.
    type: dict
    suboptions: *members
  change_permission: &change_permission
    description: Who may change the permissions of the mailbox. When left out, it stays as it is.
    type: dict
    suboptions: *members
  change_owner: &change_owner
    description: Who may change the owner of the mailbox. When left out, it stays as it is.
    type: dict
    suboptions: *members
  delete_item: &delete_item
    description: Who may delete the mailbox. When left out, it stays as it is.
    type: dict
    suboptions: *members
  external_account: &external_account
    description: Who is the account outside this organization that the mailbox belongs to. When left out, it stays as it is.
    type: dict
    suboptions: *members
  aggregate:
    description: Many mailboxes or sets in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      mailbox: *mailbox
      mailboxes: *mailboxes
      group: *group
      filter: *filter
      all: *all
      except: *except
      full_access: *full_access
      send_as: *send_as
      send_on_behalf: *send_on_behalf
      read_permission: *read_permission
      change_permission: *change_permission
      change_owner: *change_owner
      delete_item: *delete_item
      external_account: *external_account
      auto_mapping: &auto_mapping
        description:
          - Whether Outlook shows a mailbox by itself to whoever gets FullAccess on it.
          - Exchange cannot be asked for it, so it is applied when FullAccess is granted and never compared. It means nothing
            for trustees that are groups.
        type: bool
      elsewhere: &elsewhere
        description:
          - What becomes of the same trustees on the mailboxes outside the set, those of O(except) included.
          - V(remove) takes from them, everywhere else, what they are given on the set, so that a mailbox that leaves the set
            is closed to them. It reads the permissions of all mailboxes. A group or filter without any mailbox is refused then;
            an empty O(mailboxes) closes all of them.
          - V(remove) needs O(mailboxes), O(group), O(filter) or O(all).
        type: str
        choices: [keep, remove]
      regrant: &regrant
        description:
          - Take FullAccess away from those trustees of O(full_access) who have it already, and grant it anew, so that
            O(auto_mapping) takes effect. Every run with it changes; use it once, when O(auto_mapping) was changed.
          - Needs O(full_access) with C(set) or C(add).
        type: bool
  auto_mapping:
    <<: *auto_mapping
    default: true
  elsewhere:
    <<: *elsewhere
    default: keep
  regrant:
    <<: *regrant
    default: false
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
notes:
  - Needs the Entra role Exchange Recipient Administrator. Trustees that are applications need Exchange Administrator; give
    them FullAccess with M(m365.hybrid.exchange_service_principal).
  - Who may send on behalf of a mailbox that Active Directory masters is changed there; such a change is refused.
seealso:
  - module: m365.hybrid.mailbox_permission_info
  - module: m365.hybrid.exchange_service_principal
"""

EXAMPLES = r"""
- name: The service account opens every shared mailbox but one, and none of them appears in its Outlook
  m365.hybrid.mailbox_permission:
    filter: RecipientTypeDetails -eq 'SharedMailbox'
    except: [betriebsrat@contoso.example]
    full_access:
      add: [svc-archiv@contoso.example]
    auto_mapping: false

- name: Exactly these people work with the mailbox
  m365.hybrid.mailbox_permission:
    mailbox: info@contoso.example
    full_access:
      set: [anna.schaefer@contoso.example, empfang@contoso.example]
    send_as:
      set: [anna.schaefer@contoso.example, empfang@contoso.example]
    send_on_behalf:
      set: []

- name: The service account opens the mailboxes of this group, and no others
  m365.hybrid.mailbox_permission:
    group: archivierte-postfaecher@contoso.example
    full_access:
      add: [svc-archiv@contoso.example]
    auto_mapping: false
    elsewhere: remove

- name: What is left of somebody who is gone
  m365.hybrid.mailbox_permission:
    all: true
    full_access:
      remove: [S-1-5-21-2135432087-1771573367-171750275-31457]

- name: Show the mailbox in Outlook from now on
  m365.hybrid.mailbox_permission:
    mailbox: info@contoso.example
    full_access:
      add: [anna.schaefer@contoso.example]
    auto_mapping: true
    regrant: true
"""

RETURN = r"""
resource:
  description:
    - The permissions after the task, in check mode as they would be. A list with O(aggregate) and for a set of mailboxes.
    - Only the kinds that the task names are read; the others are null.
    - Trustees that the task names are shown by user principal name, or by primary address where they have none; all others
      as Exchange shows them.
  returned: success
  type: dict
  contains:
    id:
      description: Object id of the mailbox.
      returned: always
      type: str
    full_access:
      description: Who may open the mailbox. The other kinds are shown in the same way.
      returned: always
      type: list
      elements: str
    denied:
      description: Entries that deny something, of the kinds that the task names, as C(trustee) and C(permission).
      returned: always
      type: list
      elements: dict
    auto_mapping_applied:
      description: The O(auto_mapping) that was applied by O(regrant) in this task; otherwise null, for Exchange does not tell.
      returned: always
      type: bool
  sample:
    id: 0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11
    full_access: [anna.schaefer@contoso.example, empfang@contoso.example]
    send_as: null
    send_on_behalf: null
    read_permission: []
    change_permission: null
    change_owner: null
    delete_item: null
    external_account: null
    denied: []
    auto_mapping_applied: null
results:
  description:
    - One entry for each entry of O(aggregate), in the same order, and for each mailbox of a set; its C(mailbox) says which.
  returned: with O(aggregate) and for a set of mailboxes
  type: list
  elements: dict
error:
  description: HTTP status, error code and request id of the refusal.
  returned: failure
  type: dict
"""

from ..module_utils.clients import mailbox_sets
from ..module_utils.clients.exchange import Exchange
from ..module_utils.clients.mailbox_permissions import KEEP, REMOVE, Permissions
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Resource, exact, members, names
from ..module_utils.domain import mailbox_permissions as domain

RESOURCE = Resource(
    kind="mailbox",
    clients={"exchange": Exchange},
    names=("mailbox",),
    sets=mailbox_sets.SETS,
    options={
        "mailbox": {"type": "str"},
        **mailbox_sets.OPTIONS,
        **{kind: members() for kind in domain.KINDS},
        "auto_mapping": {"type": "bool", "default": True},
        "elsewhere": {"type": "str", "choices": [KEEP, REMOVE], "default": KEEP},
        "regrant": {"type": "bool", "default": False},
    },
    managed={**dict.fromkeys(domain.KINDS, names), domain.APPLIED: exact},
    parse=mailbox_sets.PARSE,
    rules=mailbox_sets.RULES | {"required_one_of": [("mailbox", *mailbox_sets.SETS), domain.KINDS]},
    goal=lambda want, before: domain.goal(want, before, names.goal),
)


def permissions(clients):
    return clients.once("permissions", lambda: Permissions(clients.exchange))


def expand(clients, want):
    return permissions(clients).expand(want)


def resolve(clients, want):
    if want["elsewhere"] == REMOVE and want["mailbox"] and "id" not in want:
        raise Refused("elsewhere=remove: one mailbox is no set.", "Name a set: mailboxes, group, filter or all.")
    try:
        return domain.canonical(want, permissions(clients).trustees.label)
    except ValueError as contradiction:
        raise Refused(f"{contradiction}.") from contradiction


def read_all(clients, wants):
    return permissions(clients).read(wants)


def preflight(clients, change):
    added = {label for kind in domain.KINDS if kind in change.fields for label in change.added(kind)}
    if gone := [label for label in sorted(added) if domain.SID.fullmatch(label)]:
        raise Refused(
            f"{', '.join(gone)}: a security identifier cannot be given anything.",
            "Only those who exist can; name them.",
        )
    if domain.SEND_ON_BEHALF in change.fields and permissions(clients).masters(change.before["id"]):
        raise Refused(
            "Active Directory masters this mailbox, and with it who may send on behalf of it.",
            "Change it there (publicDelegates); the next synchronization brings it to the cloud.",
        )


def apply(clients, change):
    lists = {kind: (change.added(kind), change.removed(kind)) for kind in domain.KINDS if kind in change.fields}
    added, removed = ({kind: both[side] for kind, both in lists.items()} for side in (0, 1))
    mailbox, mapping = change.before["id"], change.want["auto_mapping"]
    permissions(clients).change(mailbox, added, removed, mapping)
    if domain.APPLIED in change.fields:
        permissions(clients).regrant(mailbox, domain.regranted(change.want, change.before), mapping)


def main():
    run(RESOURCE, read_all=read_all, apply=apply, expand=expand, resolve=resolve, preflight=preflight)


if __name__ == "__main__":
    main()
