#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_settings
short_description: Settings of Exchange Online that have no module of their own
version_added: "0.1.0"
description:
  - Declares parameters of a pair of cmdlets C(Get-...) and C(Set-...) of Exchange Online, for example of
    C(Set-OrganizationConfig). Nothing is touched that is not named.
  - Names and values are checked by a table inside the collection before anything is asked of any service. They are
    compared by what they mean, and only what differs is set.
  - A parameter that Exchange does not show in the form in which it is set cannot be compared. It is refused with the
    reason.
options:
  object: &object
    description:
      - What the settings belong to; the noun of both cmdlets.
      - Required unless O(aggregate) is given.
    type: str
    choices:
      - OrganizationConfig
      - TransportConfig
      - RemoteDomain
      - AcceptedDomain
      - HostedOutboundSpamFilterPolicy
      - DkimSigningConfig
      - IRMConfiguration
      - CASMailbox
      - Mailbox
  identity: &identity
    description:
      - Which one, by its name or GUID. A mailbox also by user principal name, any of its addresses, object id or alias.
      - Required where there are several such objects. V(OrganizationConfig), V(TransportConfig) and V(IRMConfiguration)
        have no name.
    type: str
  settings: &settings
    description:
      - The parameters of C(Set-...) by their names, in any letter case, and their values.
      - Words of a list of values have to be complete. Exchange itself would take the beginning of one as well.
      - V(null) takes a value away, where the parameter has a state without a value.
      - Sizes are written as V(10 MB), time spans in quotes as V('1.12:00:00') (days, hours, minutes, seconds), times in
        quotes and with their zone.
      - A list is the whole list. A mapping with C(add) and C(remove) changes a part of it.
      - An entry of O(aggregate) with O(settings) of its own does not get those beside it.
      - Required unless O(aggregate) is given.
    type: dict
  aggregate:
    description: Many objects in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      object: *object
      identity: *identity
      settings: *settings
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
notes:
  - Settings of the organization need the Entra role Exchange Administrator. For V(CASMailbox) and V(Mailbox), Exchange
    Recipient Administrator is enough.
  - Of a remote domain, C(AllowedOOFType) and C(IsInternal) move each other. Where both are named, they are set one after
    the other; where one is, the plan shows what becomes of the other.
seealso:
  - module: m365.hybrid.smtp_auth
  - module: m365.hybrid.mailbox_type
"""

EXAMPLES = r"""
- name: Signatures stay in the mailbox, and nobody sends as another of the organization without signing in
  m365.hybrid.exchange_settings:
    object: OrganizationConfig
    settings:
      PostponeRoamingSignaturesUntilLater: true
      RejectDirectSend: true

- name: Which applications may use EWS, as long as there is EWS
  m365.hybrid.exchange_settings:
    object: OrganizationConfig
    settings:
      EwsAllowedAppIDs:
        add: [4c9a1d7e-0b35-4f68-a2d1-6e8f93b7c502]

- name: Mail is not forwarded to the outside
  m365.hybrid.exchange_settings:
    aggregate:
      - object: RemoteDomain
        identity: Default
        settings: {AutoForwardEnabled: false, TNEFEnabled: null}
      - object: HostedOutboundSpamFilterPolicy
        identity: Default
        settings: {AutoForwardingMode: "Off"}

- name: What is sent from shared mailboxes is kept there
  m365.hybrid.exchange_settings:
    object: Mailbox
    settings: {MessageCopyForSentAsEnabled: true, MessageCopyForSendOnBehalfEnabled: true}
    aggregate:
      - identity: info@contoso.example
      - identity: rechnung@contoso.example
"""

RETURN = r"""
resource:
  description: The object after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    settings:
      description: The parameters that were named, and those that Exchange changes together with them.
      returned: always
      type: dict
  sample:
    id: 7b1c0a52-7c55-4d0a-9f3a-1f5a3f6b1234
    display_name: Default
    settings:
      AutoForwardEnabled: false
      TNEFEnabled: null
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

from ..module_utils.clients import exchange_settings as client
from ..module_utils.clients.exchange import Exchange
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Field, Resource
from ..module_utils.domain import exchange_settings
from ..module_utils.domain.exchange_parameters import NOUNS

RESOURCE = Resource(
    kind="Exchange object",
    clients={"exchange": Exchange},
    names=("object", "identity"),
    options={
        "object": {"type": "str", "required": True, "choices": list(NOUNS)},
        "identity": {"type": "str"},
        "settings": {"type": "dict", "required": True},
    },
    managed={"settings": Field(shape="mapping")},
    check=exchange_settings.checked,
    goal=exchange_settings.goal,
    # Of two parameters that move each other, the second is set when the first is seen.
    stepwise=True,
)


def settled(clients, want):
    """What Exchange says is so already, whatever Get- shows."""
    return clients.once(("settled", want["object"], want["identity"]), dict)


def read(clients, want):
    noun, names = NOUNS[want["object"]], exchange_settings.asked_for(want)
    state = client.state(clients.exchange, noun, want["identity"], names)
    return state and {**state, "settings": state["settings"] | settled(clients, want)}


def apply(clients, change):
    want, after = change.want, change.after
    names = exchange_settings.step(want, change.before, after)
    if not client.set_settings(clients.exchange, want, change.before, after, names):
        settled(clients, want).update({name: after["settings"][name] for name in names})


def main():
    run(RESOURCE, read=read, apply=apply)


if __name__ == "__main__":
    main()
