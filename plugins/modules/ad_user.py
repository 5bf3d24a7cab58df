#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ad_user
short_description: User account in Active Directory
version_added: "0.1.0"
description:
  - Creates, changes, moves and deletes a user account over LDAP, from any machine, without Windows.
  - A new account is made complete in one request, password and addresses included, so that the directory
    synchronization never sees half of it.
options:
  aggregate:
    description: Many accounts in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      user: &user
        description:
          - The account, by user principal name, sAMAccountName, distinguished name or objectGUID.
          - A new account gets it as its user principal name, unless O(user_principal_name) says another.
          - When nothing has this name, the account that has O(user_principal_name) or O(sam_account_name) already is
            the one, so a rename is not tried twice.
          - Required unless O(aggregate) is given.
        type: str
      user_principal_name: &user_principal_name
        description: The user principal name it should have.
        type: str
      sam_account_name: &sam_account_name
        description:
          - The sAMAccountName it should have, at most 20 characters.
          - When left out, a new account gets one that is derived from its user principal name and unique in the domain.
        type: str
      ou: &ou
        description:
          - Distinguished name of the organizational unit or container in which it should be. An account elsewhere is
            moved.
          - Required for a new account.
        type: str
      name: &name
        description:
          - The name of the object in its organizational unit (C(cn)).
          - When left out, a new account gets its display name, or else the part of its user principal name before
            the @.
        type: str
      display_name: &display_name
        description: The name that address lists show.
        type: str
      given_name: &given_name
        description: First name.
        type: str
      surname: &surname
        description: Last name.
        type: str
      mail: &mail
        description: The attribute C(mail). Use M(m365.hybrid.ad_proxyaddress) for the addresses themselves.
        type: str
      enabled: &enabled
        description:
          - Whether the account can sign in.
          - When left out, a new account is enabled if it gets a password, and another one is left as it is.
        type: bool
      password: &password
        description: The password. It is sent over TLS only and shown nowhere.
        type: str
      update_password: &update_password
        description:
          - With V(always), the password is set unless the account signs in with it already; finding that out is one
            attempt to sign in.
          - With V(on_create), only a new account gets it.
        type: str
        choices: [always, on_create]
      cloud_object_id: &cloud_object_id
        description:
          - Object id of the Entra user that this account is made for. It is kept in C(mS-DS-ConsistencyGuid), which
            Entra Connect takes as source anchor, so a later run knows the account for its own.
          - It can be set once and is never changed, because the cloud would take the account for another one.
        type: str
      attributes: &attributes
        description:
          - Further attributes by their LDAP names, each with one value or a list of values. Order has no meaning,
            letter case has. An empty list removes the attribute.
          - Attributes that are not named are left alone.
        type: dict
      state: &state
        description: Whether the account exists. A deleted account takes its permissions and its password with it.
        type: str
        choices: [present, absent]
  user: *user
  user_principal_name: *user_principal_name
  sam_account_name: *sam_account_name
  ou: *ou
  name: *name
  display_name: *display_name
  given_name: *given_name
  surname: *surname
  mail: *mail
  enabled: *enabled
  password: *password
  update_password:
    <<: *update_password
    default: always
  cloud_object_id: *cloud_object_id
  attributes: *attributes
  state:
    <<: *state
    default: present
extends_documentation_fragment:
  - m365.hybrid.directory
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.directory_group
seealso:
  - module: m365.hybrid.ad_proxyaddress
  - module: m365.hybrid.ad_user_info
"""

EXAMPLES = r"""
- name: A user account, with its first password from Ansible Vault
  m365.hybrid.ad_user:
    user: anna.schmidt@contoso.example
    ou: OU=Users,DC=corp,DC=contoso,DC=example
    display_name: Anna Schmidt
    given_name: Anna
    surname: Schmidt
    password: "{{ vault_first_password }}"
    update_password: on_create

- name: Two accounts move to another organizational unit
  m365.hybrid.ad_user:
    ou: OU=Left,DC=corp,DC=contoso,DC=example
    enabled: false
    aggregate:
      - user: m.weber@contoso.example
      - user: j.koch@contoso.example

- name: No such account
  m365.hybrid.ad_user:
    user: praktikum@contoso.example
    state: absent
"""

RETURN = r"""
resource:
  description: The account after the task, in check mode as it would be; null when absent. A list with O(aggregate).
  returned: success
  type: dict
  sample:
    distinguished_name: CN=Anna Schmidt,OU=Users,DC=corp,DC=contoso,DC=example
    ou: OU=Users,DC=corp,DC=contoso,DC=example
    name: Anna Schmidt
    user_principal_name: anna.schmidt@contoso.example
    sam_account_name: anna.schmidt
    display_name: Anna Schmidt
    given_name: Anna
    surname: Schmidt
    mail: null
    guid: 4d3c2b1a-0f5e-4a7b-9c8d-112233445566
    immutable_id: GisDTV4PexqcjREiM0RVZg==
    cloud_object_id: null
    enabled: true
    user_account_control: 512
    proxy_addresses: []
    attributes: {}
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
error:
  description: LDAP result number, its name, and no request id.
  returned: failure
  type: dict
"""

from ..module_utils.clients import directory_accounts
from ..module_utils.clients.directory import Directory, Modification
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Field, Resource, exact, text
from ..module_utils.domain import account_plan, names

TEXTS = ("user_principal_name", "sam_account_name", "ou", "name", "display_name", "given_name", "surname", "mail")

RESOURCE = Resource(
    kind="account",
    clients={"directory": Directory},
    names=("user",),
    options={
        "user": {"type": "str", "required": True},
        **{option: {"type": "str"} for option in (*TEXTS, "cloud_object_id")},
        "enabled": {"type": "bool"},
        "password": {"type": "str", "no_log": True},
        "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
        "attributes": {"type": "dict"},
    },
    managed={
        **dict.fromkeys(TEXTS, exact),
        "user_principal_name": text,
        "sam_account_name": text,
        "ou": Field(key=names.dn_key),
        "enabled": exact,
        "password": Field(secret=True),
        "cloud_object_id": text,
        "attributes": Field(key=account_plan.value_set, shape="mapping"),
    },
    parse=account_plan.PARSE,
    goal=account_plan.goal,
    removable=True,
)


def find(clients, want):
    return directory_accounts.find_first(clients.directory, account_plan.called(want), want["attributes"] or {})


def resolve(clients, want):
    if want["state"] == "absent" or want["sam_account_name"] or find(clients, want):
        return want
    given_out = clients.once("sAMAccountNames given out", set)
    with clients.lock:
        derived = directory_accounts.new_sam_account_name(clients.directory, want["user"], given_out)
        given_out.add(derived)
    return want | {"derived_sam_account_name": derived}


def read(clients, want):
    account = find(clients, want)
    if account is None:
        return None
    state = directory_accounts.account_state(account, want["attributes"] or {})
    asked = want["password"] and want["update_password"] == "always"
    if asked and clients.directory.accepts(state["user_principal_name"] or account.dn, want["password"]):
        state["password"] = want["password"]
    return state


def preflight(clients, change):
    reason = not change.removes and (
        account_plan.obstacle(change.want, change.before, change.after)
        or directory_accounts.account_obstacle(clients.directory, change.fields, change.before, change.after)
    )
    if reason:
        raise Refused(reason)


def apply(clients, change):
    directory = clients.directory
    if change.removes:
        directory.delete(change.before["distinguished_name"])
        return
    rdn = names.join_dn(("CN", change.after["name"]))
    dn = f"{rdn},{change.after['ou']}"
    if change.creates:
        directory.add(dn, account_plan.new_attributes(change.after))
        return
    if {"ou", "name"} & set(change.fields):
        directory.move(change.before["distinguished_name"], rdn, change.after["ou"])
    values = account_plan.changed_attributes(change.fields, change.before, change.after)
    if values:
        directory.modify(dn, [Modification("replace", attribute, held) for attribute, held in values.items()])


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve, preflight=preflight)


if __name__ == "__main__":
    main()
