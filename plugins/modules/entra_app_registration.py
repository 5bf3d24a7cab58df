#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_app_registration
short_description: Registration of an application in Entra ID
version_added: "0.1.0"
description:
  - Declares the registration of an application and its enterprise application (service principal).
  - Permissions are declared by name. The registration only asks for them; M(m365.hybrid.entra_app_consent) grants them.
  - Secrets are the affair of M(m365.hybrid.entra_app_secret), and are never touched here.
options:
  aggregate:
    description: Many applications in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      application: &application
        description:
          - The application, by unique name, client id, object id, or a display name that only one has.
          - A new one gets it as its unique name, and as its display name unless O(display_name) says another.
          - Required unless O(aggregate) is given.
        type: str
      unique_name: &unique_name
        description:
          - The unique name it should have. An application that has none can be given one, once; it is never changed.
        type: str
      display_name: &display_name
        description: The name that users see.
        type: str
      sign_in_audience: &sign_in_audience
        description:
          - Whose accounts may sign in. A new application is V(single_tenant).
        type: str
        choices: [single_tenant, multiple_tenants, multiple_tenants_and_personal_accounts, personal_accounts]
      web_redirect_uris: &web_redirect_uris
        description:
          - Where a web application gets its codes and tokens. A blank is written as C(%20).
          - They have to begin with C(https://); C(http://) is for C(localhost) and C(127.0.0.1) only.
        type: dict
        suboptions: &texts
          set:
            description: These and no others; an empty list removes all.
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
      single_page_redirect_uris: &single_page_redirect_uris
        description: The same for a single-page application.
        type: dict
        suboptions: *texts
      public_client_redirect_uris: &public_client_redirect_uris
        description: The same for a desktop or mobile application, which may have a scheme of its own.
        type: dict
        suboptions: *texts
      public_client_flows: &public_client_flows
        description: Whether the application may sign in without a credential of its own, for example by device code.
        type: bool
      delegated_permissions: &delegated_permissions
        description:
          - What it asks to do in the name of a user, as API and permission, for example C(Microsoft Graph/SMTP.Send).
          - An API is named as its enterprise application is, or by its client id.
        type: dict
        suboptions: *texts
      application_permissions: &application_permissions
        description: What it asks to do by itself, written in the same way.
        type: dict
        suboptions: *texts
      identifier_uris: &identifier_uris
        description: Application ID URIs, for example C(api://) with the client id behind it.
        type: dict
        suboptions: *texts
      app_roles: &app_roles
        description:
          - The roles that it offers to users and applications. These and no others; an empty list removes all.
          - When left out, they stay as they are.
        type: list
        elements: dict
        suboptions:
          value:
            description: The role as it stands in tokens.
            type: str
            required: true
          display_name:
            description: Its title. When left out, it is the value.
            type: str
          description:
            description: What it allows. When left out, it is the title.
            type: str
          enabled:
            description: Whether it can be assigned. When left out, it can.
            type: bool
          allowed:
            description: To whom it can be assigned. When left out, to users and groups.
            type: list
            elements: str
            choices: [users, applications]
      scopes: &scopes
        description:
          - The delegated permissions that it offers as an API. These and no others; an empty list removes all.
          - When left out, they stay as they are.
        type: list
        elements: dict
        suboptions:
          value:
            description: The scope as it stands in tokens.
            type: str
            required: true
          admin_title:
            description: What administrators read when they consent. When left out, it is the value.
            type: str
          admin_description:
            description: More of it. When left out, it is the title.
            type: str
          user_title:
            description: What users read when they consent.
            type: str
          user_description:
            description: More of it.
            type: str
          enabled:
            description: Whether it can be asked for. When left out, it can.
            type: bool
          consent_by:
            description: Who may consent. When left out, administrators only.
            type: str
            choices: [users, admins]
      notes: &notes
        description: Notes for administrators.
        type: str
      tags: &tags
        description: Its tags.
        type: dict
        suboptions: *texts
      owners: &owners
        description:
          - Who may change the registration, users by principal name or object id, applications by client id.
        type: dict
        suboptions: *texts
      assignment_required: &assignment_required
        description:
          - Whether only those may use it who are assigned to it; see M(m365.hybrid.entra_app_assignment).
        type: bool
      soft_deleted: &soft_deleted
        description:
          - What becomes of an application that was deleted in the last 30 days and keeps the unique name of a new one.
          - V(refuse) says so and does nothing, V(restore) brings it back, V(purge) removes it for good.
        type: str
        choices: [refuse, restore, purge]
      state: &state
        description:
          - Whether the application exists. A deleted one can be restored for 30 days, without the consent of users.
        type: str
        choices: [present, absent]
  application: *application
  unique_name: *unique_name
  display_name: *display_name
  sign_in_audience: *sign_in_audience
  web_redirect_uris: *web_redirect_uris
  single_page_redirect_uris: *single_page_redirect_uris
  public_client_redirect_uris: *public_client_redirect_uris
  public_client_flows: *public_client_flows
  delegated_permissions: *delegated_permissions
  application_permissions: *application_permissions
  identifier_uris: *identifier_uris
  app_roles: *app_roles
  scopes: *scopes
  notes: *notes
  tags: *tags
  owners: *owners
  assignment_required: *assignment_required
  soft_deleted:
    <<: *soft_deleted
    default: refuse
  state:
    <<: *state
    default: present
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.entra_app_consent
  - module: m365.hybrid.entra_app_secret
  - module: m365.hybrid.entra_app_info
"""

EXAMPLES = r"""
- name: A business application that sends and reads mail in the name of its users
  m365.hybrid.entra_app_registration:
    application: contoso-warehouse
    display_name: Contoso Warehouse
    web_redirect_uris:
      set: [https://warehouse.contoso.example/mail%20settings/oauth]
    delegated_permissions:
      set:
        - Microsoft Graph/SMTP.Send
        - Microsoft Graph/IMAP.AccessAsUser.All
        - Microsoft Graph/offline_access
    assignment_required: true

- name: One more redirect URI, whoever has declared the others
  m365.hybrid.entra_app_registration:
    application: contoso-warehouse
    web_redirect_uris:
      add: [http://localhost:8080/ews]

- name: No such application
  m365.hybrid.entra_app_registration:
    application: contoso-trial
    state: absent
"""

RETURN = r"""
resource:
  description: The application after the task, in check mode as it would be; null when absent. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    id: 6f0d1c52-3b7e-4a7f-9f6c-0d2a51b8e3c4
    client_id: 1d5f8a0b-94c3-4e0e-8a4e-5b9c1f2d7e60
    unique_name: contoso-warehouse
    display_name: Contoso Warehouse
    identifier_uris: []
    notes: null
    tags: []
    sign_in_audience: single_tenant
    public_client_flows: false
    web_redirect_uris: [https://warehouse.contoso.example/mail%20settings/oauth]
    single_page_redirect_uris: []
    public_client_redirect_uris: []
    delegated_permissions: [Microsoft Graph/SMTP.Send]
    application_permissions: []
    app_roles: []
    scopes: []
    owners: []
    service_principal_id: 0a9b7c6d-1e2f-4a3b-8c4d-5e6f70819203
    enterprise_application: true
    assignment_required: true
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

from ..module_utils.clients import registration
from ..module_utils.clients.graph import Graph, is_id
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Field, Resource, exact, members, names
from ..module_utils.domain import applications

EXACT = ("unique_name", "display_name", "notes", "sign_in_audience", "public_client_flows", "assignment_required")
SETS = {
    **dict.fromkeys((*applications.PLATFORMS, "identifier_uris", "tags"), Field(shape="set")),
    **dict.fromkeys((*applications.PERMISSIONS, "owners"), names),
}
OFFERS = dict.fromkeys(("app_roles", "scopes"), Field(key=applications.entitlement_key, shape="set"))
MANAGED = {**dict.fromkeys((*EXACT, "enterprise_application"), exact), **SETS, **OFFERS}


def goal(want, before):
    present = before or applications.new_state(want)
    given = {
        name: field.goal(want[name], present[name]) for name, field in MANAGED.items() if want.get(name) is not None
    }
    return present | {"enterprise_application": True} | given


RESOURCE = Resource(
    kind="application",
    clients={"graph": Graph},
    names=("application",),
    options={
        "application": {"type": "str", "required": True},
        **{option: {"type": "str"} for option in ("unique_name", "display_name", "notes")},
        **{option: {"type": "bool"} for option in ("public_client_flows", "assignment_required")},
        **{option: members() for option in SETS},
        "sign_in_audience": {"type": "str", "choices": list(applications.AUDIENCES)},
        "app_roles": {"type": "list", "elements": "dict", "options": applications.ROLE_OPTIONS},
        "scopes": {"type": "list", "elements": "dict", "options": applications.SCOPE_OPTIONS},
        "soft_deleted": {"type": "str", "choices": ["refuse", "restore", "purge"], "default": "refuse"},
    },
    managed=MANAGED,
    parse=applications.PARSE,
    goal=goal,
    removable=True,
)


def resolve(clients, want):
    try:
        return registration.canonical(clients, want)
    except ValueError as unknown:
        raise Refused(f"{unknown}.") from unknown


def read(clients, want):
    found = registration.registration(clients, want["application"])
    # It may have been made under another unique name than the one that it is called by here.
    return found or (registration.registration(clients, want["unique_name"]) if want["unique_name"] else None)


def _may_free(change):
    return change.want["soft_deleted"] != "refuse"


def preflight(clients, change):
    if change.removes:
        return
    reason = applications.obstacle(change.want, change.before, change.after, is_id)
    if not reason and change.before and "unique_name" in change.fields:
        reason = registration.taken(clients.graph, change.after["unique_name"])
    if not reason and "unique_name" in change.fields and not (change.creates and _may_free(change)):
        reason = registration.reserved(clients.graph, change.after["unique_name"])
    if reason:
        raise Refused(reason)


def apply(clients, change):
    if change.removes:
        clients.graph.delete(f"/applications/{change.before['id']}")
        return
    name = change.after["unique_name"]
    if change.creates and registration.free_name(clients.graph, name, change.want["soft_deleted"]):
        # What comes back keeps everything that is not declared.
        present = registration.restored(clients, name)
        after = goal(change.want, present)
        fields = [option for option, field in MANAGED.items() if not field.same(present[option], after[option])]
        registration.save(clients, fields, present, after)
        return
    registration.save(clients, change.fields, change.before, change.after)


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve, preflight=preflight)


if __name__ == "__main__":
    main()
