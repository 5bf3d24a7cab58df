#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_group
short_description: A group in Entra ID with its members
version_added: "0.1.0"
description:
  - Declares a security group or a Microsoft 365 group, its members and its owners, exactly or in part.
  - A new group gets its name as unique name, so that a run that is repeated finds what the one before it made.
  - Groups that Active Directory or Exchange masters, and members of dynamic groups, are read; a change is refused.
options:
  aggregate:
    description: Many groups in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      group: &group
        description:
          - The group, by object id, unique name, or a display name that only one has.
          - Required unless O(aggregate) is given.
        type: str
      display_name: &display_name
        description: The name that people see. When left out, a new group is called as in O(group).
        type: str
      description: &description
        description: What it is for. An empty text takes the description away.
        type: str
      kind: &kind
        description:
          - V(security) for permissions and policies; V(microsoft_365) has a mailbox and more as well.
          - A new group is a security group when this is left out. It cannot be changed afterwards.
        type: str
        choices: [security, microsoft_365]
      mail_nickname: &mail_nickname
        description: The name before the at sign of its address. When left out, a new group's is made from O(group).
        type: str
      visibility: &visibility
        description: Who may see and join a Microsoft 365 group. When left out, a new one is V(private).
        type: str
        choices: [private, public]
      members: &members
        description:
          - Users by principal name, groups by unique or display name, applications by client id, or any by object id.
          - They are added in requests of twenty. Members of member groups are not looked at.
        type: dict
        suboptions: &texts
          set:
            description: These and no others; an empty list takes all away.
            type: list
            elements: str
          add:
            description: These must be there; all others are kept.
            type: list
            elements: str
          remove:
            description: These must not be there; all others are kept.
            type: list
            elements: str
      owners: &owners
        description: Who may change the group; users and applications, named as in O(members).
        type: dict
        suboptions: *texts
      state: &state
        description:
          - Whether the group exists. A deleted Microsoft 365 group can be restored for 30 days, any other is gone for good.
        type: str
        choices: [present, absent]
  group: *group
  display_name: *display_name
  description: *description
  kind: *kind
  mail_nickname: *mail_nickname
  visibility: *visibility
  members: *members
  owners: *owners
  state:
    <<: *state
    default: present
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.entra_user
  - module: m365.hybrid.entra_conditional_access_policy
"""

EXAMPLES = r"""
- name: The service accounts, and nobody else
  m365.hybrid.entra_group:
    group: service-accounts
    display_name: Service accounts
    members:
      set: [svc-archive@contoso.example, svc-scanner@contoso.example]

- name: One leaves, all others stay
  m365.hybrid.entra_group:
    group: service-accounts
    members:
      remove: [svc-scanner@contoso.example]
"""

RETURN = r"""
resource:
  description: The group after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    id: 7c9e2f10-3b58-4d61-9a7e-2f4c8b1d6e05
    unique_name: service-accounts
    display_name: Service accounts
    description: null
    kind: security
    mail: null
    mail_nickname: service-accounts
    visibility: null
    synced: false
    rule: null
    members: [svc-archive@contoso.example, svc-scanner@contoso.example]
    owners: []
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

from ..module_utils.clients import groups
from ..module_utils.clients.graph import Graph, is_id
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Field, Resource, exact, members, names
from ..module_utils.domain import groups as shape

MANAGED = {
    "display_name": exact,
    "description": Field(key=lambda text: text or None),
    "kind": exact,
    "mail_nickname": exact,
    "visibility": exact,
    "members": names,
    "owners": names,
}


RESOURCE = Resource(
    kind="group",
    clients={"graph": Graph},
    names=("group",),
    options={
        "group": {"type": "str", "required": True},
        **{option: {"type": "str"} for option in ("display_name", "description", "mail_nickname")},
        "kind": {"type": "str", "choices": list(shape.KINDS)},
        "visibility": {"type": "str", "choices": list(shape.VISIBILITIES)},
        "members": members(),
        "owners": members(),
    },
    managed=MANAGED,
    parse=shape.PARSE,
    completed=shape.goal,
    removable=True,
)


def resolve(clients, want):
    return want if want["state"] == "absent" else groups.canonical(clients, want)


def read(clients, want):
    return groups.group_state(clients, want["group"])


def preflight(_clients, change):
    if change.creates and is_id(change.want["group"]):
        raise Refused("There is no group with this object id.", "Name a new one by the unique name that it is to have.")
    reason = shape.obstacle(change.fields, change.before, change.after)
    if reason:
        raise Refused(reason)


def apply(clients, change):
    groups.save(clients, change.fields, change.before, change.after)


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve, preflight=preflight)


if __name__ == "__main__":
    main()
