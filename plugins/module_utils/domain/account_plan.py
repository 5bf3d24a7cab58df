# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an account in Active Directory should be, and what the directory has to be told for it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from . import accounts, names

# How an option is called in the directory.
ATTRIBUTES = {
    "user_principal_name": "userPrincipalName",
    "sam_account_name": "sAMAccountName",
    "display_name": "displayName",
    "given_name": "givenName",
    "surname": "sn",
    "mail": "mail",
}
# Attributes that must not be given under another heading: two wishes for one thing would contradict each other.
OWN_OPTION = {attribute.lower(): option for option, attribute in ATTRIBUTES.items()} | {
    "cn": "name",
    "name": "name",
    "distinguishedname": "ou",
    "unicodepwd": "password",
    "userpassword": "password",
    "ms-ds-consistencyguid": "cloud_object_id",
}
# Options that name a place rather than an attribute.
PLACE = ("ou", "name")
# 512: an ordinary account; 514: the same, disabled ([MS-ADTS] 2.2.16).
ENABLED, DISABLED = 512, 514

Values = dict[str, list[Any]]


def checked_user_principal_name(text: str) -> str:
    """The user principal name itself. Raises ValueError with the reason where Entra ID would refuse or replace it."""
    names.check_user_principal_name(text)
    return text


def checked_sam_account_name(text: str) -> str:
    """The sAMAccountName itself. Raises ValueError with the reason where the directory would refuse it."""
    names.check_sam_account_name(text)
    return text


def checked_name(text: str) -> str:
    """The name of an object itself. Raises ValueError where the directory would refuse it."""
    return names.checked_title(LONGEST["name"], text)


def checked_dn(text: str) -> str:
    """The distinguished name itself. Raises ValueError where it is none."""
    if not names.split_dn(text):
        raise ValueError("it is empty")
    return text


def checked_guid(text: str) -> str:
    """A GUID in its usual spelling. Raises ValueError where it is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError(f"{text!r} is no GUID") from None


def listed_values(attributes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Further attributes with every value as a list of texts, as the directory has them."""
    return {name: _listed(name, value) for name, value in attributes.items()}


def _listed(name: str, value: Any) -> list[str]:
    if option := OWN_OPTION.get(name.lower()):
        raise ValueError(f"{name} is set with the option {option}")
    values = value if isinstance(value, list) else [] if value is None else [value]
    if any(isinstance(member, (dict, list)) for member in values):
        raise ValueError(f"{name}: a value is a text, a number or a truth value")
    return [str(member).upper() if isinstance(member, bool) else str(member) for member in values]


# Characters that the schema of Active Directory allows at most ([MS-ADA1], [MS-ADA3], rangeUpper).
LONGEST = {"name": names.RDN_LENGTH, "display_name": 256, "given_name": 64, "surname": 64, "mail": 256}

# How each option is checked before the first request.
PARSE = {
    **{name: partial(names.checked_length, longest) for name, longest in LONGEST.items()},
    "name": checked_name,
    "user_principal_name": checked_user_principal_name,
    "sam_account_name": checked_sam_account_name,
    "ou": checked_dn,
    "cloud_object_id": checked_guid,
    "attributes": listed_values,
}


def value_set(values: Any) -> Any:
    """What two lists of values of one attribute have in common: order has no meaning, letter case has."""
    return frozenset(values) if isinstance(values, list) else values


def called(want: Mapping[str, Any]) -> list[str]:
    """The names by which an account may be found: as it is called, or as an earlier run has renamed it."""
    given = [want["user_principal_name"], want["sam_account_name"]] if want["state"] == "present" else []
    return [want["user"], *(name for name in given if name)]


def goal(want: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The account as it should be; a new one with everything that the user left to us."""
    given = {name: want[name] for name in (*ATTRIBUTES, *PLACE, "enabled", "cloud_object_id") if want[name] is not None}
    after = {**before, **given}
    if want["attributes"]:
        after["attributes"] = {**(before.get("attributes") or {}), **want["attributes"]}
    if want["password"] and (not before or want["update_password"] == "always"):
        after["password"] = want["password"]
    return _consequences(after if before else _completed(after, want), before)


def _completed(after: dict[str, Any], want: Mapping[str, Any]) -> dict[str, Any]:
    """A new account's defaults."""
    local = want["user"].partition("@")[0]
    derived = {
        "user_principal_name": want["user"] if "@" in want["user"] else None,
        "sam_account_name": want.get("derived_sam_account_name"),
        "name": want["display_name"] or local,
        "enabled": bool(want["password"]),
    }
    unknown = dict.fromkeys(("distinguished_name", *PLACE, *ATTRIBUTES, "guid", "immutable_id", "cloud_object_id"))
    shape: dict[str, Any] = {**unknown, "user_account_control": ENABLED, "proxy_addresses": [], "attributes": {}}
    return shape | {name: value for name, value in derived.items() if value is not None} | after


def _consequences(after: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """An account with what follows from its other values."""
    stays = before and after["name"] == before["name"] and names.same_dn(after["ou"], before["ou"])
    if after["ou"] and after["name"] and not stays:
        after["distinguished_name"] = names.join_dn(("CN", after["name"]), parent=after["ou"])
    if after["cloud_object_id"]:
        after["immutable_id"] = accounts.immutable_id(accounts.guid_bytes(after["cloud_object_id"]))
    after["user_account_control"] = accounts.with_enabled(after["user_account_control"], after["enabled"])
    addresses = [value for name, value in after["attributes"].items() if name.lower() == "proxyaddresses"]
    return {**after, **({"proxy_addresses": addresses[0]} if addresses else {})}


def obstacle(want: Mapping[str, Any], before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """Why a change must not be tried, with what to do; empty when it may be."""
    if before is None:
        if not after.get("ou"):
            return "A new account needs ou, the place where it goes."
        if not after.get("user_principal_name"):
            return "A new account needs user_principal_name, or a user that is one."
        if not _names(want["user"], after):
            return (
                f"The new account could not be found again as {want['user']}. Name it in user as it will be called: by its "
                "user principal name or its sAMAccountName."
            )
        if after["enabled"] and not want["password"]:
            return "An account without a password cannot be enabled. Give a password, or set enabled to false."
        return ""
    if before["cloud_object_id"] and before["cloud_object_id"] != after["cloud_object_id"]:
        return (
            f"It is anchored to the cloud object {before['cloud_object_id']} already (mS-DS-ConsistencyGuid). Another "
            "anchor would make the cloud take it for another account."
        )
    return ""


def _names(identity: str, after: Mapping[str, Any]) -> bool:
    """Whether an account can be found by what the user calls it."""
    called = ("user_principal_name", "sam_account_name", "distinguished_name")
    return identity.lower() in [str(after[name]).lower() for name in called]


def new_attributes(after: Mapping[str, Any]) -> Values:
    """All attributes of a new account, for one request.

    The password goes in the same request as the account, so that there is never an enabled account without one.
    """
    values: Values = {"objectClass": ["top", "person", "organizationalPerson", "user"]}
    values |= {attribute: [after[name]] for name, attribute in ATTRIBUTES.items() if after.get(name)}
    values["userAccountControl"] = [str(ENABLED if after["enabled"] else DISABLED)]
    return values | _encoded(after) | {name: value for name, value in (after.get("attributes") or {}).items() if value}


def changed_attributes(fields: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]) -> Values:
    """The attributes whose value changes, each with all its new values; an empty list removes the attribute."""
    values: Values = {ATTRIBUTES[name]: [after[name]] if after[name] else [] for name in fields if name in ATTRIBUTES}
    if "enabled" in fields:
        values["userAccountControl"] = [str(accounts.with_enabled(before["user_account_control"], after["enabled"]))]
    values |= _encoded({name: after.get(name) for name in fields})
    if "attributes" in fields:
        present = before["attributes"]
        values |= {
            name: value
            for name, value in after["attributes"].items()
            if value_set(value) != value_set(present.get(name, []))
        }
    return values


def _encoded(after: Mapping[str, Any]) -> Values:
    values: Values = {}
    if after.get("password"):
        values["unicodePwd"] = [accounts.encode_password(after["password"])]
    if after.get("cloud_object_id"):
        values["mS-DS-ConsistencyGuid"] = [accounts.guid_bytes(after["cloud_object_id"])]
    return values
