#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_conditional_access_policy
short_description: A Conditional Access policy in Entra ID
version_added: "0.1.0"
description:
  - Declares who may sign in to what from where, and on which condition. A new policy only reports what it would do.
  - Before a policy is enabled, it is refused if it would lock out who this run is signed in as, or all of
    O(break_glass_accounts). The plan in check mode says so too.
  - Locked out is who meets an enabled policy that blocks all applications or the administration portals everywhere, or
    everywhere but from some locations. From where somebody signs in, how risky that is taken to be, and whether he can
    satisfy another control, nobody can know before; of such policies a warning is given. Roles that somebody may
    activate (Privileged Identity Management) are not seen.
  - A run that is signed in as an application is met only by policies for workload identities, one with a managed identity
    by none.
  - What else a policy has (platforms, risks, session controls, authentication strength) is kept, and named in the result.
  - Entra ID takes one request a second for all of Conditional Access; many policies take their time.
options:
  aggregate:
    description: Many policies in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      policy: &policy
        description:
          - The policy, by display name or id. A new one gets it as display name.
          - Required unless O(aggregate) is given.
        type: str
      mode: &mode
        description:
          - Whether it takes effect, only reports what it would do, or nothing.
          - When left out, a new policy is V(report_only), and one that is there stays as it is.
        type: str
        choices: [report_only, enabled, disabled]
      include_users: &include_users
        description:
          - Users by principal name or object id; V(all) is everybody, V(none) nobody, V(guests) guests and external users.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      exclude_users: &exclude_users
        description:
          - Users that it is not about, named in the same way.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      include_groups: &include_groups
        description:
          - Groups by object id, unique name, or a display name that only one has.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      exclude_groups: &exclude_groups
        description:
          - Groups that it is not about.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      include_roles: &include_roles
        description:
          - Administrative roles by their display names or definition ids.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      exclude_roles: &exclude_roles
        description:
          - Administrative roles that it is not about.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      include_applications: &include_applications
        description:
          - Applications by client id, unique name or display name; V(all) is every one, V(office_365) the suite,
            V(admin_portals) the portals of Microsoft's administration.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      exclude_applications: &exclude_applications
        description:
          - Applications that it is not about, named in the same way.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      include_locations: &include_locations
        description:
          - Named locations by display name or id; V(all) is everywhere, V(all_trusted) every trusted one.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      exclude_locations: &exclude_locations
        description:
          - Named locations that it is not about. When O(include_locations) is left out, all others are meant.
          - These and no others; an empty list takes all out. When left out, it stays as it is.
        type: list
        elements: str
      client_app_types: &client_app_types
        description:
          - With which programs. V(exchange_active_sync) and V(other) are those that know no modern authentication.
          - When left out, a new policy is about V(all).
        type: list
        elements: str
        choices: [all, browser, mobile_and_desktop, exchange_active_sync, other]
      grant_controls: &grant_controls
        description: What it asks for, or V(block), which lets nobody in.
        type: list
        elements: str
        choices: [block, mfa, compliant_device, hybrid_joined_device, approved_application, compliant_application,
          password_change]
      grant_operator: &grant_operator
        description: Whether one of O(grant_controls) is enough. When left out, for a new policy it is.
        type: str
        choices: [any, all]
      break_glass_accounts: &break_glass_accounts
        description:
          - Users by principal name or object id who have to get in when all others do not. At least one of them is kept
            free, also from what other enabled policies do. They are not excluded by this option.
        type: list
        elements: str
      state: &state
        description: Whether the policy exists.
        type: str
        choices: [present, absent]
  policy: *policy
  mode: *mode
  include_users: *include_users
  exclude_users: *exclude_users
  include_groups: *include_groups
  exclude_groups: *exclude_groups
  include_roles: *include_roles
  exclude_roles: *exclude_roles
  include_applications: *include_applications
  exclude_applications: *exclude_applications
  include_locations: *include_locations
  exclude_locations: *exclude_locations
  client_app_types: *client_app_types
  grant_controls: *grant_controls
  grant_operator: *grant_operator
  break_glass_accounts: *break_glass_accounts
  state:
    <<: *state
    default: present
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.entra_named_location
  - module: m365.hybrid.entra_group
"""

EXAMPLES = r"""
- name: Service accounts sign in from the data center only
  m365.hybrid.entra_conditional_access_policy:
    policy: Service accounts from the data center only
    mode: enabled
    include_groups: [service-accounts]
    include_applications: [all]
    exclude_locations: [Data center]
    grant_controls: [block]
    break_glass_accounts: [break-glass-1@contoso.example, break-glass-2@contoso.example]
"""

RETURN = r"""
resource:
  description: The policy after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    other_parts:
      description: What else the policy has, by Graph's names; no option is about it.
      returned: always
      type: list
      elements: str
  sample:
    id: 6e1f4a92-8d07-4b35-a1c6-3f9b7e20d584
    display_name: Service accounts from the data center only
    mode: enabled
    include_users: []
    exclude_users: []
    include_groups: [Service accounts]
    exclude_groups: []
    include_roles: []
    exclude_roles: []
    include_applications: [all]
    exclude_applications: []
    include_locations: [all]
    exclude_locations: [Data center]
    client_app_types: [all]
    grant_controls: [block]
    grant_operator: any
    other_parts: []
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

from ..module_utils.clients import conditional_access
from ..module_utils.clients.graph import Graph
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Resource, exact, names
from ..module_utils.domain import conditional_access as shape

RESOURCE = Resource(
    kind="policy",
    clients={"graph": Graph},
    names=("policy",),
    options={
        "policy": {"type": "str", "required": True},
        **shape.OPTIONS,
        "break_glass_accounts": {"type": "list", "elements": "str"},
    },
    managed={option: names if spec["type"] == "list" else exact for option, spec in shape.OPTIONS.items()},
    completed=shape.goal,
    removable=True,
)


def resolve(clients, want):
    return want if want["state"] == "absent" else conditional_access.canonical(clients, want)


def read_all(clients, wants):
    return conditional_access.states(clients, wants)


def preflight(clients, change):
    if reason := conditional_access.objection(clients, change.want, change.before, change.after):
        raise Refused(reason)


def apply(clients, change):
    conditional_access.save(clients, change.before, change.after)


def main():
    run(RESOURCE, read_all=read_all, apply=apply, resolve=resolve, preflight=preflight)


if __name__ == "__main__":
    main()
