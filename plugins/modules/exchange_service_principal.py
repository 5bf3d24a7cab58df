#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_service_principal
short_description: An enterprise application that Exchange Online knows, and the mailboxes that it may open
version_added: "0.1.0"
description:
  - Makes an enterprise application known to Exchange Online, and gives it FullAccess on mailboxes. An application that
    signs in to SMTP or IMAP by itself (C(SMTP.SendAsApp), C(IMAP.AccessAsApp)) needs both.
  - The object id is that of the enterprise application, read from Microsoft Graph. The app registration has another one,
    which Exchange takes without a word and which no sign-in works with; an application that is known by a wrong object id
    is refused, with what to do.
options:
  application: &application
    description:
      - The application, by client id, or by display name if only one enterprise application has it.
      - Required unless O(aggregate) is given.
    type: str
  mailboxes: &mailboxes
    description:
      - Mailboxes on which the application has FullAccess (without automatic mapping).
      - When left out, permissions stay as they are. Mailboxes that are not named are not looked at.
    type: dict
    suboptions:
      add:
        description: Mailboxes that it may open.
        type: list
        elements: str
      remove:
        description:
          - Mailboxes that it may not open. With O(state=absent), name here those on which the permission is taken away
            before the application is forgotten; Exchange would keep them as entries of nobody.
        type: list
        elements: str
  aggregate:
    description: Many applications in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      application: *application
      mailboxes: *mailboxes
      require_application: &require_application
        description:
          - Whether the application has to be there. In check mode, V(false) shows what a new one gets that an earlier task
            would make.
        type: bool
      state: &state
        description: Whether Exchange knows the application.
        type: str
        choices: [present, absent]
  state:
    <<: *state
    default: present
  require_application:
    <<: *require_application
    default: true
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
notes:
  - Needs the permission C(Application.Read.All) of Microsoft Graph and the Entra role Exchange Administrator.
  - Exchange's own roles for applications (RBAC for Applications, C(Application SMTP.SendAsApp)) are another way, for
    which no mailbox is named here.
seealso:
  - module: m365.hybrid.smtp_auth
  - module: m365.hybrid.mail_check
"""

EXAMPLES = r"""
- name: The mailer submits mail from two mailboxes
  m365.hybrid.exchange_service_principal:
    application: 4c9a1d7e-0b35-4f68-a2d1-6e8f93b7c502
    mailboxes:
      add: [mailer@contoso.example, scanner@contoso.example]

- name: It is not needed any more
  m365.hybrid.exchange_service_principal:
    application: Mailer
    mailboxes:
      remove: [mailer@contoso.example, scanner@contoso.example]
    state: absent
"""

RETURN = r"""
resource:
  description: The application after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    mailboxes:
      description: Those of the mailboxes named in O(mailboxes) that it may open.
      returned: always
      type: list
      elements: str
  sample:
    id: 3f0d9f5a-5a52-4f0e-8c1f-7f5d0f3b9a11
    client_id: 4c9a1d7e-0b35-4f68-a2d1-6e8f93b7c502
    object_id: 9b2f7c1e-4d83-4a60-b5e9-21c7d8f0a634
    display_name: Mailer
    mailboxes: [mailer@contoso.example, scanner@contoso.example]
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

from ..module_utils.clients import exchange_principals as principals
from ..module_utils.clients.applications import enterprise_application
from ..module_utils.clients.exchange import Exchange
from ..module_utils.clients.graph import Graph
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Resource, names, text
from ..module_utils.domain import service_principals

RESOURCE = Resource(
    kind="enterprise application",
    clients={"graph": Graph, "exchange": Exchange},
    names=("application",),
    options={
        "application": {"type": "str", "required": True},
        "mailboxes": {
            "type": "dict",
            "options": {part: {"type": "list", "elements": "str"} for part in ("add", "remove")},
        },
        "require_application": {"type": "bool", "default": True},
    },
    managed={"object_id": text, "mailboxes": names},
    goal=service_principals.goal,
    removable=True,
    consulted=("graph",),
)


def resolve(clients, want):
    found = enterprise_application(clients.graph, want["application"])
    if found is None and want["state"] == "present" and want["require_application"]:
        raise Refused(
            "There is no such enterprise application in Entra ID.",
            "An app registration alone is not enough: make its enterprise application first, for example by consent.",
        )

    def address(mailbox):
        known = clients.once(mailbox.casefold(), lambda: principals.address_of(clients.exchange, mailbox))
        if known is None:
            raise Refused(f"There is no mailbox {mailbox}.", "Check the spelling; nothing was changed.")
        return known

    try:
        return want | service_principals.canonical(want, found, address)
    except ValueError as contradiction:
        raise Refused(f"{contradiction}.") from contradiction


def read(clients, want):
    known = clients.exchange.find("Get-ServicePrincipal", want["client_id"] or want["application"])
    if known is None:
        return None
    if want["state"] == "present" and (mistake := service_principals.mistake(known, want["object_id"])):
        raise Refused(*mistake)
    open_to = [one for one in want["named"] if principals.may_open(clients.exchange, known, one)]
    return service_principals.state_of(known, open_to)


def apply(clients, change):
    target = change.before or change.after
    if change.creates:
        new = {"AppId": target["client_id"], "ObjectId": target["object_id"], "DisplayName": target["display_name"]}
        clients.exchange.command("New-ServicePrincipal", **new, Confirm=False)
    for mailbox in change.added("mailboxes"):
        principals.let_open(clients.exchange, target["object_id"], mailbox)
    for mailbox in change.removed("mailboxes"):
        principals.let_open_no_more(clients.exchange, target["object_id"], mailbox)
    if change.removes:
        clients.exchange.command("Remove-ServicePrincipal", Identity=target["id"], Confirm=False)


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve)


if __name__ == "__main__":
    main()
