#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_app_consent
short_description: What an application in Entra ID has been granted
version_added: "0.1.0"
description:
  - Declares the permissions that an application has, exactly or in part. For the whole tenant this is what the portal
    calls admin consent.
  - The consent of other users is reported and never touched.
  - A token keeps the permissions that it was issued with.
options:
  aggregate:
    description: Many applications in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      application: &application
        description:
          - The application, by client id, object id, unique name, or a display name that only one has.
          - Required unless O(aggregate) is given.
        type: str
      user: &user
        description:
          - The user whose own consent is meant, by user principal name or object id.
          - When left out, the consent for the whole tenant is meant.
        type: str
      delegated_permissions: &delegated_permissions
        description:
          - What it may do in the name of a user, as API and permission, for example C(Microsoft Graph/SMTP.Send).
        type: dict
        suboptions: &texts
          set:
            description: These and no others; an empty list takes all back.
            type: list
            elements: str
          add:
            description: These must be granted; all others are kept.
            type: list
            elements: str
          remove:
            description: These must not be granted; all others are kept.
            type: list
            elements: str
      application_permissions: &application_permissions
        description: What it may do by itself, written in the same way. Not with O(user).
        type: dict
        suboptions: *texts
      require_application: &require_application
        description:
          - Whether the application has to be there. In check mode, V(false) shows what a new one gets that an earlier task
            would make.
        type: bool
  application: *application
  user: *user
  delegated_permissions: *delegated_permissions
  application_permissions: *application_permissions
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
- name: Admin consent for a calendar application, and nothing else
  m365.hybrid.entra_app_consent:
    application: contoso-calendar
    delegated_permissions:
      set: [Microsoft Graph/User.Read, Microsoft Graph/offline_access]
    application_permissions:
      set: [Microsoft Graph/Calendars.ReadWrite, Office 365 Exchange Online/full_access_as_app]
"""

RETURN = r"""
resource:
  description: The consent after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    client_id: 1d5f8a0b-94c3-4e0e-8a4e-5b9c1f2d7e60
    service_principal_id: 0a9b7c6d-1e2f-4a3b-8c4d-5e6f70819203
    display_name: Contoso Calendar
    delegated_permissions: [Microsoft Graph/User.Read]
    application_permissions: [Microsoft Graph/Calendars.ReadWrite]
    undeclared:
      delegated_permissions: []
      application_permissions: []
    users: {}
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

from ..module_utils.clients import consent as grants
from ..module_utils.clients.applications import spelled_permissions
from ..module_utils.clients.graph import Graph
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Resource, members, names
from ..module_utils.domain import api_permissions, consent

RESOURCE = Resource(
    kind="enterprise application",
    clients={"graph": Graph},
    names=("application", "user"),
    options={
        "application": {"type": "str", "required": True},
        "user": {"type": "str"},
        **{option: members() for option in consent.KINDS},
        "require_application": {"type": "bool", "default": True},
    },
    managed=dict.fromkeys(consent.KINDS, names),
    rules={"mutually_exclusive": [("user", "application_permissions")]},
    parse={
        f"{option}.{part}": api_permissions.canonical for option in consent.KINDS for part in ("set", "add", "remove")
    },
)


def resolve(clients, want):
    try:
        return want | {
            option: spelled_permissions(clients, kind, want[option]) for option, kind in consent.KINDS.items()
        }
    except ValueError as unknown:
        raise Refused(f"{unknown}.") from unknown


def read(clients, want):
    found = grants.granted(clients, want["application"], want)
    return found if found or want["require_application"] else consent.nothing()


def apply(clients, change):
    grants.write(clients, change.want, change.before, change.after, change.fields)


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve)


if __name__ == "__main__":
    main()
