#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_user
short_description: A user in Entra ID that the cloud masters
version_added: "0.1.0"
description:
  - Declares a cloud user, as service accounts are. Its licenses are the business of M(m365.hybrid.entra_license).
  - A new user gets a random password of 40 characters, made here. It is in O(sink) before the user is made, and in no
    result, no diff and no log. It is never asked to be changed at the first sign-in.
  - A run that was ended in the middle leaves a password in the sink of which nobody knows whether the user has it. The
    next run gives it to the user again.
  - Users that Active Directory masters are read; a change is refused, but for O(usage_location).
options:
  aggregate:
    description: Many users in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      user: &user
        description:
          - The user, by user principal name, or by object id if it is there.
          - Required unless O(aggregate) is given.
        type: str
      display_name: &display_name
        description: The name that people see. When left out, a new user's is what stands before the at sign.
        type: str
      given_name: &given_name
        description: The given name. An empty text takes it away.
        type: str
      surname: &surname
        description: The surname. An empty text takes it away.
        type: str
      mail_nickname: &mail_nickname
        description: The mail alias. When left out, a new user's is what stands before the at sign.
        type: str
      usage_location: &usage_location
        description: Two letters of the country where the user uses the services; licenses need it.
        type: str
      department: &department
        description: The department. An empty text takes it away.
        type: str
      job_title: &job_title
        description: The job title. An empty text takes it away.
        type: str
      account_enabled: &account_enabled
        description: Whether the user may sign in. When left out, a new one may.
        type: bool
      password_expires: &password_expires
        description:
          - Whether the password ends where the tenant lets passwords end. V(false) suits an account without a person.
        type: bool
      update_password: &update_password
        description:
          - V(always) gives a user that is there a new password when O(sink) does not hold its password, and when somebody
            has changed the password after the one in the sink was made.
          - V(on_create) leaves the password of a user that is there alone, unless an earlier run was ended in the middle.
          - A new password for a user that is there needs the permission C(User-PasswordProfile.ReadWrite.All).
        type: str
        choices: [always, on_create]
      replace_deleted: &replace_deleted
        description:
          - Whether to make a new user although one of its principal name was deleted in the last 30 days. Whoever wants
            the old one with its mailbox back has to restore it.
        type: bool
      roles: &roles
        description:
          - An empty list declares that the user holds no administrative role, neither itself nor by a group. Where it
            does, the task is refused and names them; nothing is taken away.
          - Roles that the user may activate (Privileged Identity Management) are not seen.
        type: list
        elements: str
      sink: &sink
        description:
          - Where the client secret is kept. Exactly one of the four places.
          - What somebody else has written there is never overwritten.
        type: dict
        suboptions:
          file:
            description:
              - A YAML file of variables on the machine where the module runs, readable for its owner only.
              - It is replaced as a whole; other variables and comments in it stay.
            type: dict
            suboptions:
              path:
                description:
                  - The file, from the root on. Its directory has to be there. Of a symbolic link, the target is replaced.
                type: path
                required: true
              prefix:
                description:
                  - Name of the variable with the secret, and beginning of the names of the others, for example
                    C(client_secret_key_id).
                type: str
                default: client_secret
              encrypt:
                description:
                  - Encrypt the whole file by Ansible Vault. Only where the module runs in the controller.
                  - A file that is encrypted already is read with any password of the run, and never written
                    unencrypted.
                type: bool
                default: false
              vault_id:
                description:
                  - The vault identity to encrypt with.
                  - When left out, that of the setting C(DEFAULT_VAULT_ENCRYPT_IDENTITY), or else the first of the run.
                type: str
          azure_key_vault:
            description:
              - An Azure Key Vault. The connection options sign in to it.
            type: dict
            suboptions:
              vault:
                description: Address of the vault, for example V(https://contoso.vault.azure.net).
                type: str
                required: true
              name:
                description:
                  - Name of the secret. A secret that is not yet proved waits under this name and C(-next).
                type: str
                required: true
          hashicorp_vault:
            description:
              - A secret of the key/value engine, version 2, of HashiCorp Vault.
            type: dict
            suboptions:
              url:
                description:
                  - Address of the server, for example V(https://vault.contoso.example:8200). Falls back to
                    E(VAULT_ADDR).
                type: str
                required: true
              mount:
                description: Path of the secrets engine.
                type: str
                default: secret
              path:
                description: Path of the secret in the engine, without C(data).
                type: str
                required: true
              namespace:
                description: Namespace of the engine and of the sign-in. Falls back to E(VAULT_NAMESPACE).
                type: str
              ca_path:
                description:
                  - PEM file of certification authorities to trust instead of the system's. Falls back to
                    E(VAULT_CACERT).
                type: path
              token:
                description:
                  - Token to sign in with, unless O(sink.hashicorp_vault.role_id) is given.
                  - When left out, the environment variable E(VAULT_TOKEN) is taken.
                type: str
              role_id:
                description: Role to sign in with by AppRole.
                type: str
              secret_id:
                description: Secret of that role.
                type: str
          command:
            description:
              - A command that takes the secret from its standard input, followed by one line feed.
              - It is run once for each new secret, when that has been proved.
            type: dict
            suboptions:
              argv:
                description: The command and its arguments. No shell reads them.
                type: list
                elements: str
                required: true
              record:
                description: A file that keeps everything but the secret, written like O(sink.file.path).
                type: path
                required: true
              timeout:
                description: Seconds after which the command is stopped.
                type: float
                default: 60.0
      state: &state
        description: Whether the user exists. A deleted one can be restored for 30 days; its sink stays as it is.
        type: str
        choices: [present, absent]
  user: *user
  display_name: *display_name
  given_name: *given_name
  surname: *surname
  mail_nickname: *mail_nickname
  usage_location: *usage_location
  department: *department
  job_title: *job_title
  account_enabled: *account_enabled
  password_expires: *password_expires
  update_password:
    <<: *update_password
    default: always
  replace_deleted:
    <<: *replace_deleted
    default: false
  roles: *roles
  sink: *sink
  state:
    <<: *state
    default: present
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
seealso:
  - module: m365.hybrid.entra_license
  - module: m365.hybrid.entra_group
  - module: m365.hybrid.entra_conditional_access_policy
"""

EXAMPLES = r"""
- name: A service account that holds no administrative role
  m365.hybrid.entra_user:
    user: svc-archive@contoso.example
    display_name: Mail archive
    usage_location: DE
    password_expires: false
    roles: []
    sink:
      file:
        path: "{{ playbook_dir }}/secrets/svc-archive.yml"
        prefix: password
        encrypt: true
"""

RETURN = r"""
resource:
  description: The user after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    id: 0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11
    user_principal_name: svc-archive@contoso.example
    display_name: Mail archive
    given_name: null
    surname: null
    mail: null
    mail_nickname: svc-archive
    usage_location: DE
    department: null
    job_title: null
    account_enabled: true
    password_expires: false
    password_policies: [DisablePasswordExpiration]
    synced: false
    roles: []
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

from ..module_utils.clients import user_accounts
from ..module_utils.clients.graph import Graph
from ..module_utils.clients.sinks import SINK, Sinks
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Field, Resource, exact, names, text
from ..module_utils.domain import user_accounts as shape

MANAGED = {
    **{option: Field(key=lambda value: value or None) for option in shape.TEXTS},
    "usage_location": text,
    "account_enabled": exact,
    "password_expires": exact,
    "roles": names,
    "password": Field(secret=True),
}


RESOURCE = Resource(
    kind="user",
    clients={"graph": Graph, "sinks": Sinks},
    names=("user",),
    options={
        "user": {"type": "str", "required": True},
        **{option: {"type": "str"} for option in shape.TEXTS},
        "account_enabled": {"type": "bool"},
        "password_expires": {"type": "bool", "no_log": False},
        "update_password": {
            "type": "str",
            "choices": [shape.ALWAYS, shape.ON_CREATE],
            "default": shape.ALWAYS,
            "no_log": False,
        },
        "replace_deleted": {"type": "bool", "default": False},
        "roles": {"type": "list", "elements": "str"},
        "sink": SINK,
    },
    managed=MANAGED,
    parse=shape.PARSE,
    completed=shape.goal,
    removable=True,
)


def read(clients, want):
    return user_accounts.account(clients, want)


def preflight(clients, change):
    reason = shape.obstacle(change.fields, change.want, change.before, change.after)
    if not reason and change.creates and not change.want["replace_deleted"]:
        gone = user_accounts.deleted(clients.graph, change.want["user"])
        reason = gone and f"A user of this name was deleted on {gone}. Restore it, or set replace_deleted to true."
    if reason:
        raise Refused(reason)


def apply(clients, change):
    if change.removes:
        clients.graph.delete(f"/users/{change.before['id']}")
        return
    write = user_accounts.make if change.creates else user_accounts.save
    write(clients, change.want, change.fields, change.after)


def main():
    run(RESOURCE, read=read, apply=apply, preflight=preflight)


if __name__ == "__main__":
    main()
