#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_app_assignment
short_description: Who may use an enterprise application in Entra ID
version_added: "0.1.0"
description:
  - Declares the users and groups that are assigned to an enterprise application, exactly or in part, with one of its
    roles or with default access.
  - Whether anybody else may use it too is O(m365.hybrid.entra_app_registration#module:assignment_required).
options:
  aggregate:
    description: Many applications or roles in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      application: &application
        description:
          - The application, by client id, object id, unique name, or a display name that only one has.
          - Required unless O(aggregate) is given.
        type: str
      role: &role
        description:
          - The role that they are assigned to, by value or title. When left out, default access.
        type: str
      users: &users
        description: Users by principal name or object id.
        type: dict
        suboptions: &texts
          set:
            description: These and no others; an empty list takes all away.
            type: list
            elements: str
          add:
            description: These must be assigned; all others are kept.
            type: list
            elements: str
          remove:
            description: These must not be assigned; all others are kept.
            type: list
            elements: str
      groups: &groups
        description: Groups by object id, or by a display name that only one has.
        type: dict
        suboptions: *texts
      require_application: &require_application
        description:
          - Whether the application has to be there. In check mode, V(false) shows what a new one gets that an earlier task
            would make.
        type: bool
  application: *application
  role: *role
  users: *users
  groups: *groups
  require_application:
    <<: *require_application
    default: true
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.entra_app_registration
"""

EXAMPLES = r"""
- name: Two users and a group, and nobody else
  m365.hybrid.entra_app_assignment:
    application: contoso-calendar
    users:
      set: [anna.schmidt@contoso.example, markus.weber@contoso.example]
    groups:
      set: [Vertrieb]
"""

RETURN = r"""
resource:
  description: Who is assigned after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    client_id: 1d5f8a0b-94c3-4e0e-8a4e-5b9c1f2d7e60
    service_principal_id: 0a9b7c6d-1e2f-4a3b-8c4d-5e6f70819203
    display_name: Contoso Calendar
    assignment_required: true
    role: null
    users: [anna.schmidt@contoso.example, markus.weber@contoso.example]
    groups: [Vertrieb]
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

from ..module_utils.clients import assignments
from ..module_utils.clients.graph import Graph
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource, members, names

RESOURCE = Resource(
    kind="enterprise application",
    clients={"graph": Graph},
    names=("application", "role"),
    options={
        "application": {"type": "str", "required": True},
        "role": {"type": "str"},
        "users": members(),
        "groups": members(),
        "require_application": {"type": "bool", "default": True},
    },
    managed={"users": names, "groups": names},
)


def resolve(clients, want):
    return assignments.canonical(clients, want)


def read(clients, want):
    found = assignments.assigned(clients, want)
    return found if found or want["require_application"] else assignments.nobody(want["role"])


def apply(clients, change):
    assignments.write(clients, change.want["application"], change.before, change.after, change.fields)


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve)


if __name__ == "__main__":
    main()
