#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ad_proxyaddress
short_description: E-mail addresses of an account in Active Directory
version_added: "0.1.0"
description:
  - Declares the primary address and the aliases of an account in C(proxyAddresses). Addresses of other types (X500, SIP
    and so on) are kept unless they are named.
  - A new primary address and the old one change places in one atomic request, so mail is never without a primary.
  - Checks in the whole forest that nobody else has an address before it is written, and refuses malformed addresses
    before the first request.
  - Refuses where the cloud masters the addresses, because a write to the directory would then have no effect.
options:
  aggregate:
    description: Many accounts in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      user: &user
        description:
          - The account, by user principal name, sAMAccountName, distinguished name or objectGUID.
          - Required unless O(aggregate) is given.
        type: str
      primary: &primary
        description:
          - The primary address. The former one becomes an alias, unless O(aliases) says otherwise.
          - When left out, the primary address stays as it is.
        type: str
      aliases: &aliases
        description:
          - The other addresses. C(name@domain) means a mail address; other types are written with their type, for
            example C(X500:/o=Contoso/ou=Exchange/cn=Recipients/cn=info).
          - When left out, they stay as they are.
        type: dict
        suboptions:
          set:
            description: These mail addresses and no others; an empty list removes all. Other types of addresses are
              kept.
            type: list
            elements: str
          add:
            description: Addresses that must be there; all others are kept.
            type: list
            elements: str
          remove:
            description: Addresses that must not be there; all others are kept.
            type: list
            elements: str
      align_mail: &align_mail
        description: Also set the attribute C(mail) to the primary address.
        type: bool
      verify_authority: &verify_authority
        description:
          - Ask the tenant first whether the cloud masters the addresses of this account. This needs the options to
            sign in to the tenant.
          - Set it to V(false) where no tenant is connected to this directory.
        type: bool
  user: *user
  primary: *primary
  aliases: *aliases
  align_mail:
    <<: *align_mail
    default: false
  verify_authority:
    <<: *verify_authority
    default: true
extends_documentation_fragment:
  - m365.hybrid.directory
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.both_groups
seealso:
  - module: m365.hybrid.ad_user
"""

EXAMPLES = r"""
- name: A new primary address; the old one stays as an alias
  m365.hybrid.ad_proxyaddress:
    user: a.schmidt@contoso.example
    primary: anna.schmidt@contoso.example
    align_mail: true

- name: One more alias, one less, all others untouched
  m365.hybrid.ad_proxyaddress:
    user: a.schmidt@contoso.example
    aliases:
      add: [anna@contoso.example]
      remove: [praktikum@contoso.example]

- name: Exactly these mail addresses; X500 and SIP addresses are kept
  m365.hybrid.ad_proxyaddress:
    user: info@contoso.example
    primary: info@contoso.example
    aliases:
      set: [kontakt@contoso.example, office@contoso.example]
"""

RETURN = r"""
resource:
  description: The account after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    distinguished_name: CN=Info,OU=Mailboxes,DC=corp,DC=contoso,DC=example
    user_principal_name: info@contoso.example
    mail: info@contoso.example
    proxy_addresses: ["SMTP:info@contoso.example", "smtp:kontakt@contoso.example"]
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
error:
  description: LDAP result or HTTP status, error code and request id of the refusal.
  returned: failure
  type: dict
"""

from ..module_utils.clients.authority import addresses_mastered_by_cloud
from ..module_utils.clients.directory import Directory, Entry, Modification
from ..module_utils.clients.directory_accounts import account_state, find_accounts, owners
from ..module_utils.clients.exchange import Exchange
from ..module_utils.clients.graph import Graph
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Field, Resource, exact, members
from ..module_utils.domain import address_plan, addresses


def checked(text):
    return str(addresses.parse(text))


def goal(want, before):
    aliases = want["aliases"] or {}
    present = before.get("proxy_addresses") or []
    planned = address_plan.plan(
        present,
        primary=want["primary"],
        exact=aliases.get("set"),
        add=aliases.get("add") or [],
        remove=aliases.get("remove") or [],
        mail=before.get("mail"),
    )
    mail = addresses.primary_of(planned) if want["align_mail"] else before.get("mail")
    return before | {"proxy_addresses": planned, "mail": mail}


RESOURCE = Resource(
    kind="account",
    clients={"directory": Directory, "graph": Graph, "exchange": Exchange},
    consulted=("graph", "exchange"),
    names=("user",),
    options={
        "user": {"type": "str", "required": True},
        "primary": {"type": "str"},
        "aliases": members(),
        "align_mail": {"type": "bool", "default": False},
        "verify_authority": {"type": "bool", "default": True},
    },
    managed={"proxy_addresses": Field(shape="set"), "mail": exact},
    parse=dict.fromkeys(("primary", "aliases.set", "aliases.add"), checked),
    goal=goal,
)


def read_all(clients, wants):
    found = find_accounts(clients.directory, [want["user"] for want in wants])
    return [account_state(account) if isinstance(account, Entry) else account for account in found]


def preflight(clients, change):
    if change.want["verify_authority"]:
        reason = addresses_mastered_by_cloud(clients.graph, clients.exchange, change.before["immutable_id"])
        if reason:
            raise Refused(reason)
    present = {addresses.key(held) for held in change.before["proxy_addresses"]}
    added = [new for new in change.added("proxy_addresses") if addresses.key(new) not in present]
    taken = owners(
        clients.directory, {new: addresses.claims(new) for new in added}, change.before["distinguished_name"]
    )
    if taken:
        raise Refused(
            "; ".join(f"{name} belongs to {owner}" for name, owner in taken.items()) + ".",
            "Remove it there first; an address may exist once in the forest.",
        )


def apply(clients, change):
    before, after = change.before, change.after
    steps = address_plan.modifications(before["proxy_addresses"], after["proxy_addresses"])
    changes = [Modification(operation, "proxyAddresses", values) for operation, values in steps]
    if "mail" in change.fields:
        changes.append(Modification("replace", "mail", [after["mail"]] if after["mail"] else []))
    clients.directory.modify(before["distinguished_name"], changes)


def main():
    run(RESOURCE, read_all=read_all, apply=apply, preflight=preflight)


if __name__ == "__main__":
    main()
