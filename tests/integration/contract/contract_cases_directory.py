# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules that work on Active Directory."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from contract_cases import Case, Options
from contract_ground import CASES_OU, ONE, STOCK, TWO, Ground, Values

PASSWORD = "Anfangs-Geheimnis-1!"
CLOUD_ID = "0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11"
# Of a new account the directory gives these; a plan cannot know them.
GIVEN = frozenset({"guid", "immutable_id"})
Look = Callable[[Ground], Any]


def has(name: str, **wanted: Any) -> Look:
    """The account has these values, as the administrator reads them; None means no value, C(dn) is its place."""

    def look(ground: Ground) -> None:
        account = ground.account(name)
        assert account is not None
        for attribute, value in wanted.items():
            held = account.get(attribute.replace("_", "-"), [])
            values = [] if value is None else value if isinstance(value, list) else [value]
            assert sorted(held) == sorted(values), attribute

    return look


def present(name: str, attributes: Values | None = None, *, ou: str = ONE, **more: Any) -> Look:
    """An account that is there before the test."""
    return lambda ground: ground.add_account(name, attributes, ou=ou, **more)


def created(title: str, user: str, options: Options, proof: Look, **more: Any) -> Case:
    """A new account, which goes away again."""
    wish = {"user": user, "ou": ONE, **options}
    return Case("ad_user", title, wish, proof=proof, decided=GIVEN, removed=True, **more)


def changed(title: str, options: Options, proof: Look, **more: Any) -> Case:
    """A change of an account that is there, C(anna)."""
    prepare = more.pop("prepare", present("anna", {"displayName": "Anna", "department": "IT", "telephoneNumber": "1"}))
    return Case("ad_user", title, {"user": "anna", **options}, prepare=prepare, proof=proof, **more)


ANNA = present("anna")


def refused(title: str, options: Options, *said: str, prepare: Look = ANNA) -> Case:
    """An account that is refused."""
    return Case("ad_user", title, {"user": "anna", **options}, prepare=prepare, refused=said)


def with_password(ground: Ground) -> None:
    """An enabled account that has the password already."""
    ground.set_password(ground.add_account("anna"), PASSWORD)


def signs_in(name: str, password: str = PASSWORD) -> Look:
    """The password is the account's."""

    def look(ground: Ground) -> None:
        assert ground.signs_in(name, password)

    return look


def clash(ground: Ground) -> None:
    """Two other accounts have the name that would be derived."""
    ground.add_account("zentrale.auskuenfte", upn="a@contoso.example", ou=TWO)
    ground.add_account("Zentrale.Auskuenfte2", upn="b@contoso.example", ou=TWO)


def anchored(ground: Ground) -> None:
    """An account that was made for a cloud user."""
    ground.add_account("anna", {"mS-DS-ConsistencyGuid": [uuid.UUID(CLOUD_ID).bytes_le]})


def twins(ground: Ground) -> None:
    """Two accounts that the same name means: the user principal name of one, the sAMAccountName of the other."""
    ground.add_twins("zwei@contoso.example")


def full(title: str, name: str) -> Case:
    """A new account whose name has signs with a meaning in a distinguished name or in a filter."""
    wish = {"user": "sonder@contoso.example", "ou": ONE, "name": name}
    # Which of the ways of escaping a server shows is its own affair.
    decided = GIVEN | {"distinguished_name"}
    return Case("ad_user", title, wish, proof=has("sonder@contoso.example", cn=name), decided=decided, removed=True)


NEW = [
    created("without a password", "neu.person@contoso.example", {},
            has("neu.person@contoso.example", sAMAccountName="neu.person", userAccountControl="514", cn="neu.person",
                dn=f"CN=neu.person,{ONE}")),
    created("with a password", "neu@contoso.example", {"password": PASSWORD}, signs_in("neu@contoso.example")),
    created("with a password, but not enabled", "neu@contoso.example", {"password": PASSWORD, "enabled": False},
            has("neu@contoso.example", userAccountControl="514")),
    created("with a password for its creation only", "neu@contoso.example",
            {"password": PASSWORD, "update_password": "on_create"}, signs_in("neu@contoso.example")),
    created("with everything", "jgross",
            {"user_principal_name": "juergen.gross@contoso.example", "sam_account_name": "JGross", "name": "Groß, Jürgen",
             "display_name": "Jürgen Groß", "given_name": "Jürgen", "surname": "Groß", "mail": "jg@contoso.example",
             "cloud_object_id": CLOUD_ID.upper(),
             "attributes": {"department": "Prüfung", "otherTelephone": ["1", "2"], "employeeNumber": 17}},
            has("JGross", cn="Groß, Jürgen", displayName="Jürgen Groß", givenName="Jürgen", sn="Groß",
                mail="jg@contoso.example", otherTelephone=["1", "2"], employeeNumber="17", department="Prüfung",
                userPrincipalName="juergen.gross@contoso.example")),
    created("with all addresses at once", "neu@contoso.example",
            {"attributes": {"proxyAddresses": ["SMTP:neu@contoso.example", "smtp:n@contoso.example"]}},
            has("neu@contoso.example", proxyAddresses=["SMTP:neu@contoso.example", "smtp:n@contoso.example"])),
    created("the derived name is taken twice", "zentrale.auskuenfte@contoso.example", {},
            has("zentrale.auskuenfte@contoso.example", sAMAccountName="zentrale.auskuenfte3"[:20]), prepare=clash),
    full("commas and quotes in the name", 'Müller, "Lager", Ost + West; <1>=#'),
    full("a hash first and a backslash", "#1 C:\\Neu (Test)*"),
    full("signs of a filter", "*)(objectClass=*"),
]  # fmt: skip

CHANGED = [
    changed("other names", {"display_name": "Anna Schäfer", "given_name": "Anna", "surname": "Schäfer"},
            has("anna", displayName="Anna Schäfer", givenName="Anna", sn="Schäfer"), removed=True),
    changed("is so already", {"display_name": "Anna", "ou": ONE.upper(), "enabled": False}, has("anna"), changes=False),
    changed("moved", {"ou": TWO}, has("anna", dn=f"CN=anna,{TWO}")),
    changed("renamed", {"name": "Anna Schäfer"}, has("anna", dn=f"CN=Anna Schäfer,{ONE}", cn="Anna Schäfer")),
    changed("moved, renamed and changed", {"ou": TWO, "name": "A, B", "display_name": "Neu"},
            has("anna", dn=f"CN=A\\, B,{TWO}", displayName="Neu")),
    changed("another sAMAccountName", {"user": "anna@contoso.example", "sam_account_name": "aschaefer"},
            has("aschaefer", userPrincipalName="anna@contoso.example")),
    changed("another user principal name", {"user_principal_name": "anna.s@contoso.example"},
            has("anna", userPrincipalName="anna.s@contoso.example")),
    changed("renamed by the name that it is called by",
            {"user": "anna@contoso.example", "user_principal_name": "anna.s@contoso.example"},
            has("anna", userPrincipalName="anna.s@contoso.example")),
    changed("renamed by its sAMAccountName", {"user": "anna", "sam_account_name": "aschaefer"},
            has("aschaefer", userPrincipalName="anna@contoso.example")),
    changed("enabled", {"enabled": True}, has("anna", userAccountControl="512"),
            prepare=lambda ground: ground.set_password(ground.add_account("anna"), PASSWORD, enable=False)),
    changed("disabled, every other bit kept", {"enabled": False}, has("anna", userAccountControl="66050"),
            prepare=present("anna", {"userAccountControl": "66048", "unicodePwd": [f'"{PASSWORD}"'.encode("utf-16-le")]})),
    changed("values of attributes", {"attributes": {"otherTelephone": ["2", "3"], "department": "Vertrieb"}},
            has("anna", otherTelephone=["2", "3"], department="Vertrieb", telephoneNumber="1"),
            prepare=present("anna", {"otherTelephone": ["1", "2"], "department": "IT", "telephoneNumber": "1"})),
    changed("values in another order are the same", {"attributes": {"otherTelephone": ["2", "1"], "DEPARTMENT": "IT"}},
            has("anna", otherTelephone=["1", "2"]), changes=False,
            prepare=present("anna", {"otherTelephone": ["1", "2"], "department": "IT"})),
    changed("an attribute removed", {"attributes": {"department": [], "pager": []}}, has("anna", department=None)),
    changed("the anchor set", {"cloud_object_id": CLOUD_ID}, has("anna")),
    changed("another password", {"password": "Neues-Geheimnis-2!"}, signs_in("anna@contoso.example", "Neues-Geheimnis-2!"),
            prepare=with_password),
    changed("the password is so already", {"password": PASSWORD}, signs_in("anna@contoso.example"), changes=False,
            prepare=with_password),
    changed("the password of an account that is there is left alone",
            {"password": "Neues-Geheimnis-2!", "update_password": "on_create"}, signs_in("anna@contoso.example"),
            changes=False, prepare=with_password),
    changed("the password of a disabled account", {"password": PASSWORD, "enabled": True},
            signs_in("anna@contoso.example")),
    Case("ad_user", "absent already", {"user": "niemand@contoso.example", "state": "absent"}, changes=False),
]  # fmt: skip

REFUSED = [
    refused("nowhere to go", {"user": "neu@contoso.example"}, "A new account needs ou"),
    refused("no user principal name", {"user": "neu", "ou": ONE}, "needs user_principal_name"),
    refused("nothing that names the new account", {"user": "Jürgen", "ou": ONE, "user_principal_name": "j@contoso.example"},
            "could not be found again as Jürgen", "sAMAccountName"),
    refused("enabled without a password", {"user": "neu@contoso.example", "ou": ONE, "enabled": True},
            "without a password cannot be enabled"),
    refused("a place that is not there", {"ou": f"OU=Nirgends,{CASES_OU}"}, "There is no OU=Nirgends", "Create it first"),
    refused("a user principal name that is taken", {"user_principal_name": "lager@contoso.example"},
            f"CN=Lager & Versand,{STOCK} has the user principal name lager@contoso.example already"),
    refused("a sAMAccountName that is taken", {"sam_account_name": "LAGER"},
            f"CN=Lager & Versand,{STOCK} has the sam account name LAGER already"),
    refused("a name that is taken where it goes", {"ou": TWO}, f"There is another CN=anna,{TWO} already",
            prepare=lambda ground: (ground.add_account("anna"),
                                    ground.add_account("anna", {"sAMAccountName": "a2"}, ou=TWO, upn="a2@contoso.example"))),
    refused("a name that is taken where a new one goes", {"user": "anna2@contoso.example", "name": "anna", "ou": ONE},
            f"There is another CN=anna,{ONE} already"),
    refused("another anchor", {"cloud_object_id": str(uuid.UUID(int=7))}, f"anchored to the cloud object {CLOUD_ID}",
            prepare=anchored),
    refused("a name that two accounts have", {"user": "zwei@contoso.example"}, "zwei@contoso.example names 2 accounts",
            "by its distinguished name", prepare=twins),
]  # fmt: skip

INFOS = [
    Case("ad_user_info", "an account", {"user": "anna@contoso.example", "attributes": ["department", "pager"]},
         prepare=present("anna", {"department": "IT"}), changes=False),
    Case("ad_user_info", "none", {"user": "niemand"}, changes=False),
    Case("ad_user_info", "a distinguished name", {"user": f"CN=Lager & Versand,{STOCK}"}, changes=False),
    Case("ad_user_info", "signs of a filter", {"user": "*)(objectClass=*"}, changes=False),
    Case("ad_user_info", "a name that two have", {"user": "zwei@contoso.example"},
         refused=("zwei@contoso.example names 2 accounts",), prepare=twins),
]  # fmt: skip

CASES = [*NEW, *CHANGED, *REFUSED, *INFOS]
