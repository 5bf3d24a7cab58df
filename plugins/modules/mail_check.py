#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_check
short_description: Proves that an application can sign in to SMTP and IMAP with OAuth, and submit a message
version_added: "0.1.0"
description:
  - Signs in to a mailbox as an application does (XOAUTH2 with a token of its own), by SMTP and, where asked, by
    IMAP, and
    submits a test message where asked.
  - Every sign-in begins with a new token, so that it proves something about the credential that it is given.
  - A refusal is a failure of the task, with the service's own words, what they mean and what to do.
options:
  aggregate:
    description: Many mailboxes in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      mailbox: &mailbox
        description:
          - The mailbox, by mail address or user principal name. It goes into the sign-in as it is.
          - Required unless O(aggregate) is given.
        type: str
      protocols: &protocols
        description: How to sign in. IMAP also opens the inbox, and changes nothing there.
        type: list
        elements: str
        choices: [smtp, imap]
      send_to: &send_to
        description:
          - Submit a test message to this address. When left out, none is sent.
          - Every run sends one, because one that was sent earlier proves nothing now. None is sent in check mode.
          - A sign-in by SMTP succeeds without any right on the mailbox; only a message proves that right.
        type: str
      sender: &sender
        description: The sender of the test message. When left out, it is O(mailbox).
        type: str
      sink: &sink
        description:
          - Sign in with the client secret that is kept here, in place of O(client_secret) and the others.
          - Exactly one of the places is named.
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
      application: &application
        description:
          - Client id of the application that the secret in O(sink) must belong to.
          - When left out, it is the one that the sink says.
        type: str
  mailbox: *mailbox
  protocols:
    <<: *protocols
    default: [smtp]
  send_to: *send_to
  sender: *sender
  sink: *sink
  application: *application
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
attributes:
  idempotent:
    description: With O(send_to), every run sends a message and reports a change. Without it, nothing changes.
    support: partial
notes:
  - The connection options are those of the application that submits or reads mail, not of the one that administers the
    tenant.
seealso:
  - module: m365.hybrid.smtp_auth
  - module: m365.hybrid.exchange_service_principal
"""

EXAMPLES = r"""
- name: The mailer can sign in, and submit a message
  m365.hybrid.mail_check:
    tenant_id: 7b1f0c3e-52a6-4d19-9c40-3f6a8e21d5b7
    client_id: 4c9a1d7e-0b35-4f68-a2d1-6e8f93b7c502
    client_secret: "{{ vault_mailer_secret }}"
    mailbox: mailer@contoso.example
    send_to: it@contoso.example

- name: The secret that was just renewed works for both protocols; a permission may take a while to take effect
  m365.hybrid.mail_check:
    mailbox: mailer@contoso.example
    protocols: [smtp, imap]
    sink:
      file:
        path: /etc/mailer/secret.yml
  register: mail
  until: mail is success
  retries: 10
  delay: 60
"""

RETURN = r"""
resource:
  description: What came out. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    application:
      description: Client id of the application that signed in.
      returned: always
      type: str
    key_id:
      description: Id of the client secret, where O(sink) says it.
      returned: always
      type: str
    signed_in:
      description: The servers that were signed in to, by protocol.
      returned: always
      type: dict
    send_to:
      description: Where a message was sent to, in check mode would be; null for none.
      returned: always
      type: str
  sample:
    mailbox: mailer@contoso.example
    application: 4c9a1d7e-0b35-4f68-a2d1-6e8f93b7c502
    key_id: null
    signed_in:
      smtp: smtp.office365.com:587
    sender: mailer@contoso.example
    send_to: it@contoso.example
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
error:
  description: Reply code of SMTP as status, and its enhanced status code.
  returned: failure
  type: dict
"""

from ..module_utils.clients.mail import Mail, credential_of
from ..module_utils.clients.sinks import SINK, Sinks
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Resource, text
from ..module_utils.domain import mail_check

RESOURCE = Resource(
    kind="mailbox",
    clients={"mail": Mail, "sinks": Sinks},
    names=("mailbox",),
    options={
        "mailbox": {"type": "str", "required": True},
        "protocols": {"type": "list", "elements": "str", "choices": ["smtp", "imap"], "default": ["smtp"]},
        "send_to": {"type": "str"},
        "sender": {"type": "str"},
        "sink": SINK,
        "application": {"type": "str"},
    },
    managed={"send_to": text},
    rules={"required_by": {"application": ("sink",)}},
    parse=dict.fromkeys(("mailbox", "send_to", "sender"), mail_check.checked_address),
)


def resolve(_clients, want):
    try:
        return mail_check.complete(want)
    except ValueError as contradiction:
        raise Refused(f"{contradiction}.") from contradiction


def credential(clients, want):
    if want["sink"] is None:
        return None
    sink = clients.sinks.open(want["sink"])
    return credential_of(sink.where, sink.read().current, want["application"])


def read(clients, want):
    own = credential(clients, want)
    visits = {protocol: clients.mail.sign_in(protocol, want["mailbox"], own) for protocol in want["protocols"]}
    return mail_check.state_of(want, visits, own and own.key_id)


def apply(clients, change):
    want = change.want
    clients.mail.send(want["mailbox"], want["sender"], want["send_to"], credential(clients, want))


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve)


if __name__ == "__main__":
    main()
