#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_app_info
short_description: Applications in Entra ID, and when their credentials end
version_added: "0.1.0"
description:
  - Reads one application with its credentials, its consent and who may use it, or all applications with their
    credentials. No value of a secret can be read, by nobody.
options:
  application: &application
    description:
      - The application, by unique name, client id, object id, or a display name that only one has.
      - When left out, all applications of the tenant.
    type: str
  ends_within: &ends_within
    description: Only applications of which a credential ends within so many days, or has ended already.
    type: int
  aggregate:
    description: Many applications in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      application: *application
      ends_within: *ends_within
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.entra_app_registration
  - module: m365.hybrid.entra_app_secret
"""

EXAMPLES = r"""
- name: What ends within 60 days
  m365.hybrid.entra_app_info:
    ends_within: 60
  register: ending

- name: Say it
  ansible.builtin.debug:
    msg: "{{ item.display_name }}: {{ item.credentials | map(attribute='days_left') | join(', ') }} days"
  loop: "{{ ending.resource.applications }}"
  loop_control:
    label: "{{ item.client_id }}"
"""

RETURN = r"""
resource:
  description: What was found; null when there is no such application. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    applications:
      description:
        - The applications, those whose credentials end first before the others.
        - With O(application) each has C(consent) and C(assignments) as M(m365.hybrid.entra_app_consent) and
          M(m365.hybrid.entra_app_assignment) return them.
      returned: always
      type: list
      elements: dict
      sample:
        - id: 6f0d1c52-3b7e-4a7f-9f6c-0d2a51b8e3c4
          client_id: 1d5f8a0b-94c3-4e0e-8a4e-5b9c1f2d7e60
          unique_name: contoso-warehouse
          display_name: Contoso Warehouse
          credentials:
            - kind: secret
              key_id: 5e0c1a77-8f3d-4b6a-9d2e-7c1b0a9f8e6d
              name: default [m365.hybrid 7ed8eb07-ba508581]
              starts: "2026-11-22T10:00:00Z"
              ends: "2027-05-21T10:00:00Z"
              days_left: 179
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients.application_report import report
from ..module_utils.clients.graph import Graph
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource

RESOURCE = Resource(
    kind="application",
    clients={"graph": Graph},
    names=("application",),
    options={"application": {"type": "str"}, "ends_within": {"type": "int"}},
)


def read(clients, want):
    return report(clients, want["application"], want["ends_within"])


def main():
    run(RESOURCE, read=read)


if __name__ == "__main__":
    main()
