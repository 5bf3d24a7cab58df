#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_app_secret
short_description: The life of an application's client secret or certificate
version_added: "0.1.0"
description:
  - Sees to it that an application has a client secret that is valid for longer than O(renew_before), and that it is
    kept where O(sink) says. The value is in no result, no diff and no log.
  - A new secret is made while the old one still works. It is kept, proved by a sign-in, and only then put into use. The
    old one is removed by a later run, when O(grace) is over.
  - A run that was ended at any moment is finished by the next one.
  - Secrets of other people are never touched, nor the last one that the application can sign in with, nor the one that
    this run signs in with.
options:
  aggregate:
    description: Many secrets in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      application: &application
        description:
          - The application, by unique name, client id, object id, or a display name that only one has.
          - Required unless O(aggregate) is given.
        type: str
      name: &name
        description:
          - What tells this secret from others of the application. It is a part of the name that Entra ID shows.
        type: str
      kind: &kind
        description:
          - V(client_secret), which Entra ID makes, or V(certificate), a key and a self-signed certificate that are made
            here. The private key is in O(sink) and nowhere else; Entra ID gets the certificate.
          - O(sink) then holds both as one PEM text, as O(certificate_path) reads it.
        type: str
        choices: [client_secret, certificate]
      lifetime: &lifetime
        description:
          - Days that a new secret is valid. A policy of the tenant that allows less shortens it, with a warning.
        type: int
      renew_before: &renew_before
        description: Days before its end that a secret is replaced.
        type: int
      grace: &grace
        description: Days that the old secret stays valid after the new one has reached the application.
        type: int
      delivered: &delivered
        description:
          - Whether the secret that is in the sink has reached the application, so that the time of grace begins.
          - V(true) for an application that reads the sink itself.
          - Set it to V(false) where something else has to be done first, do that while RV(resource.delivered) is null,
            and then run the module again with V(true).
        type: bool
      remove_key_ids: &remove_key_ids
        description: Key ids of secrets that are to be removed, whoever made them.
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
        description:
          - With V(absent), every secret of this O(name) and O(sink) is removed, and the sink holds none of them any longer.
            The last one that the application can sign in with is not removed; nothing is then.
          - An application that is not there has no secrets. Its sink is then left as it is.
        type: str
        choices: [present, absent]
      require_application: &require_application
        description:
          - Whether the application has to be there. In check mode, V(false) shows what a new one gets that an earlier task
            would make.
        type: bool
  application: *application
  name:
    <<: *name
    default: default
  kind:
    <<: *kind
    default: client_secret
  lifetime:
    <<: *lifetime
    default: 180
  renew_before:
    <<: *renew_before
    default: 30
  grace:
    <<: *grace
    default: 7
  delivered:
    <<: *delivered
    default: true
  remove_key_ids: *remove_key_ids
  sink: *sink
  state:
    <<: *state
    default: present
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
  - module: m365.hybrid.entra_app_info
"""

EXAMPLES = r"""
- name: A secret in an encrypted file beside the playbook, renewed 30 days before its end
  m365.hybrid.entra_app_secret:
    application: contoso-warehouse
    lifetime: 180
    sink:
      file:
        path: "{{ playbook_dir }}/secrets/warehouse.yml"
        encrypt: true

- name: No secret of the former server any more
  m365.hybrid.entra_app_secret:
    application: contoso-warehouse
    name: old server
    sink:
      file:
        path: "{{ playbook_dir }}/secrets/old_server.yml"
        encrypt: true
    state: absent
"""

RETURN = r"""
resource:
  description: The secret after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    id:
      description: Object id of the application.
      returned: always
      type: str
    client_id:
      description: Client id of the application.
      returned: always
      type: str
    display_name:
      description: Its display name.
      returned: always
      type: str
    sink:
      description: Where the secret is kept, in words.
      returned: always
      type: str
    key_id:
      description: Key id of the secret in use; null when there is none.
      returned: always
      type: str
    ends:
      description: When it ends.
      returned: always
      type: str
    days_left:
      description: Whole days until then.
      returned: always
      type: int
    delivered:
      description: When it has reached the application; null as long as it has not.
      returned: always
      type: str
    waiting_key_id:
      description: Key id of a secret that is made and not yet in use.
      returned: always
      type: str
    pending:
      description: What is left to be done now.
      returned: always
      type: list
      elements: str
    next:
      description: What (C(what)) is due next, and when (C(at)); null when something is due now.
      returned: always
      type: dict
    attention:
      description: What a person has to see to.
      returned: always
      type: list
      elements: str
    secrets:
      description: All client secrets of the application, whoever made them, without their values.
      returned: always
      type: list
      elements: dict
  sample:
    key_id: 5e0c1a77-8f3d-4b6a-9d2e-7c1b0a9f8e6d
    ends: "2027-05-21T10:00:00Z"
    delivered: "2026-11-22T10:00:12Z"
    pending: []
    next:
      what: renewal
      at: "2027-04-21T10:00:00Z"
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

from ..module_utils.clients import app_secrets
from ..module_utils.clients.graph import Graph
from ..module_utils.clients.sinks import SINK, Sinks
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Field, Resource
from ..module_utils.domain import app_secret_state
from ..module_utils.domain import app_secrets as life

DAYS = {"lifetime": 180, "renew_before": 30, "grace": 7}


RESOURCE = Resource(
    kind="application",
    clients={"graph": Graph, "sinks": Sinks},
    names=("application", "name"),
    options={
        "application": {"type": "str", "required": True},
        "name": {"type": "str", "default": "default"},
        "kind": {"type": "str", "choices": list(life.LISTS), "default": life.CLIENT_SECRET},
        **{option: {"type": "int", "default": days} for option, days in DAYS.items()},
        "delivered": {"type": "bool", "default": True},
        "remove_key_ids": {"type": "list", "elements": "str", "no_log": False},
        "sink": {**SINK, "required": True},
        "require_application": {"type": "bool", "default": True},
    },
    managed={"pending": Field(shape="set")},
    parse={"name": life.checked_name, **dict.fromkeys(DAYS, life.checked_days)},
    goal=life.goal,
    removable=True,
    stepwise=True,
)


def read(clients, want):
    line = app_secrets.Line(clients, want)
    found = app_secrets.look(line)
    if found:
        return app_secret_state.state_of(line.sink.where, *found, line.terms())
    if want["state"] == "present" and want["require_application"]:
        raise Refused("There is no such application.", "Check the spelling; nothing was changed.")
    return None if want["state"] == "absent" else app_secret_state.nothing(line.sink.where)


def preflight(clients, change):
    line = app_secrets.Line(clients, change.want)
    reason = app_secrets.obstacle(line, change.before)
    if reason:
        raise Refused(reason)


def apply(clients, change):
    line, pending = app_secrets.Line(clients, change.want), change.before["pending"]
    for step in pending if change.removes else pending[:1]:
        app_secrets.take(line, step)


def main():
    run(RESOURCE, read=read, apply=apply, preflight=preflight)


if __name__ == "__main__":
    main()
