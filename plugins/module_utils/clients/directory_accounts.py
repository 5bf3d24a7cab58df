# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts in Active Directory: found by any of their names, and shown in the administrator's words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..domain import account_plan, accounts, names
from .directory import Directory
from .directory_values import Entry, all_of, any_of, equals, escape
from .errors import ServiceError

# Everything that the state of an account is made of.
ATTRIBUTES = (
    "objectGUID",
    "userPrincipalName",
    "sAMAccountName",
    "cn",
    "displayName",
    "givenName",
    "sn",
    "mail",
    "userAccountControl",
    "proxyAddresses",
    "mS-DS-ConsistencyGuid",
)

# The codes of the errors for a name that several accounts have, and for one that cannot be sent.
AMBIGUOUS = "ambiguousName"
BAD_VALUE = "badValue"

# Accounts asked for by one query. A thousand cost a third of the time that they cost one by one; more at a time save
# little, and a domain controller answers with 1000 at most.
TOGETHER = 50

# Names that one account only may have in the whole forest; sAMAccountName is unique in its domain.
FOREST_WIDE = frozenset({"user_principal_name"})

PERSON = "(objectCategory=person)(objectClass=user)"
_DN = re.compile(r"(cn|ou)=", re.IGNORECASE)
_GUID = re.compile(r"\{?[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\}?", re.IGNORECASE)


def find_account(directory: Directory, identity: str, attributes: Iterable[str] = ()) -> Entry | None:
    """One user account by user principal name, sAMAccountName, distinguished name or objectGUID.

    Returns:
        The account with L(ATTRIBUTES) and the further C(attributes); None when the directory says there is none.

    Raises:
        ServiceError: the directory could not be asked, or several accounts have that name.
    """
    found = directory.find(all_of([PERSON, _named(identity)]), [*ATTRIBUTES, *attributes])
    if len(found) > 1:
        raise ServiceError(
            f"{identity} names {len(found)} accounts: {'; '.join(sorted(entry.dn for entry in found))}.",
            advice="Name the one you mean by its distinguished name.",
            code=AMBIGUOUS,
        )
    return found[0] if found else None


def find_first(directory: Directory, identities: Iterable[str], attributes: Iterable[str] = ()) -> Entry | None:
    """The account that has the first of these names that any account has. Raises as L(find_account) does."""
    further = list(attributes)
    found = (find_account(directory, identity, further) for identity in dict.fromkeys(identities))
    return next((account for account in found if account), None)


def find_accounts(
    directory: Directory, identities: Iterable[str], attributes: Iterable[str] = ()
) -> list[Entry | ServiceError | None]:
    """Many accounts in the order asked for; a name that means several gives its error and does not stop the others.

    Raises:
        ServiceError: the directory could not be asked.
    """
    wanted, further = list(identities), list(attributes)
    found: list[Entry | ServiceError | None] = []
    for start in range(0, len(wanted), TOGETHER):
        some = wanted[start : start + TOGETHER]
        settled = _settled(directory, some, further) if len(some) > 1 else {}
        found += [settled.get(identity) or _alone(directory, identity, further) for identity in some]
    return found


def _settled(directory: Directory, identities: list[str], attributes: list[str]) -> dict[str, Entry]:
    """The accounts by their names, as far as one query for all leaves no doubt which account a name means.

    Left out are names that several accounts have, and those for which none came: the directory's idea of equal text is
    wider than ours, so a name may mean an account that is spelled in another way. Distinguished names as well.
    """
    asked: dict[str, str] = {}
    for identity in identities:
        # What cannot be sent is told where the name is asked for alone.
        with suppress(ServiceError):
            asked[identity] = "" if _DN.match(identity) else _named(identity)
    filters = [query for query in asked.values() if query]
    holders: dict[str | bytes | None, list[Entry]] = {}
    for entry in directory.find(all_of([PERSON, any_of(filters)]), [*ATTRIBUTES, *attributes]) if filters else ():
        own = [entry.text("userPrincipalName"), entry.text("sAMAccountName")]
        for key in {entry.octets("objectGUID"), *(name.lower() for name in own if name)}:
            holders.setdefault(key, []).append(entry)
    named = {identity: holders.get(_key(identity), []) for identity, query in asked.items() if query}
    return {identity: entries[0] for identity, entries in named.items() if len(entries) == 1}


def _key(identity: str) -> str | bytes:
    return accounts.guid_bytes(identity) if _GUID.fullmatch(identity) else identity.lower()


def _alone(directory: Directory, identity: str, attributes: list[str]) -> Entry | ServiceError | None:
    """What one name means; the error where that is the fault of the name."""
    try:
        return find_account(directory, identity, attributes)
    except ServiceError as error:
        if error.code not in (AMBIGUOUS, BAD_VALUE):
            raise
        return error


def _named(identity: str) -> str:
    if _GUID.fullmatch(identity):
        return equals("objectGUID", accounts.guid_bytes(identity))
    if _DN.match(identity):
        return equals("distinguishedName", identity)
    return any_of([equals("userPrincipalName", identity), equals("sAMAccountName", identity)])


def account_state(entry: Entry, further: Iterable[str] = ()) -> dict[str, Any]:
    """The state of an account, with the keys that every module with a directory account returns.

    Arguments:
        entry: what L(find_account) gives.
        further: names of attributes to show under C(attributes), as their lists of values.
    """
    anchor = entry.octets("mS-DS-ConsistencyGuid")
    guid = entry.octets("objectGUID") or b""
    return {
        "distinguished_name": entry.dn,
        "ou": names.parent_of(entry.dn),
        "name": entry.text("cn"),
        **{option: entry.text(attribute) for option, attribute in account_plan.ATTRIBUTES.items()},
        "guid": accounts.guid_text(guid),
        "immutable_id": accounts.anchor_of(anchor, guid),
        "cloud_object_id": accounts.guid_text(anchor) if anchor and len(anchor) == 16 else None,
        "enabled": accounts.is_enabled(entry.number("userAccountControl") or 0),
        "user_account_control": entry.number("userAccountControl"),
        "proxy_addresses": entry.texts("proxyAddresses"),
        "attributes": {name: shown_values(entry, name) for name in further},
    }


def shown_values(entry: Entry, name: str) -> list[str]:
    """The values of an attribute as text; octets as hexadecimal digits."""
    values = entry.attributes.get(name, ())
    return [value.hex() if isinstance(value, bytes) else value for value in values]


def owners(
    directory: Directory, claims: Mapping[str, Iterable[tuple[str, str]]], but: str | None, *, forest: bool = True
) -> dict[str, str]:
    """Who has one of these names already; Active Directory itself does not keep them unique.

    Arguments:
        claims: for each name, the (attribute, value) pairs that own it.
        but: the distinguished name of the account that may have them.
        forest: look in the whole forest, otherwise in the domain only.

    Returns:
        Name and distinguished name of its owner, for every name that another object owns.
    """
    pairs = {name: list(own) for name, own in claims.items()}
    filters = [equals(attribute, value) for own in pairs.values() for attribute, value in own]
    if not filters:
        return {}
    attributes = sorted({attribute for own in pairs.values() for attribute, _value in own})
    found = directory.find(any_of(filters), attributes, forest=forest)
    others = [entry for entry in found if but is None or not names.same_dn(entry.dn, but)]
    return {name: entry.dn for name, own in pairs.items() for entry in others if _owns(entry, own)}


def _owns(entry: Entry, own: Iterable[tuple[str, str]]) -> bool:
    return any(value.lower() in (held.lower() for held in entry.texts(attribute)) for attribute, value in own)


def new_sam_account_name(directory: Directory, name: str, given_out: Collection[str]) -> str:
    """A sAMAccountName for a new account, unique over the users, groups and computers of the domain.

    Arguments:
        name: the user principal name or display name to derive it from.
        given_out: names that this task has promised to other new accounts.
    """
    # A suffix shortens the name, so all names with the same beginning may be in the way.
    try:
        beginning = names.derive_sam_account_name(name)[:15]
    except ValueError as useless:
        raise ServiceError(f"{useless}.", advice="Set sam_account_name.") from None
    found = directory.find(f"(sAMAccountName={escape(beginning)}*)", ["sAMAccountName"])
    taken = {held for entry in found for held in entry.texts("sAMAccountName")}
    return names.derive_sam_account_name(name, taken | set(given_out))


def account_obstacle(
    directory: Directory, fields: Collection[str], before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> str:
    """What in the directory stands in the way of an account as it should be; empty when nothing does."""
    if "ou" in fields and directory.read(after["ou"], ["objectClass"]) is None:
        return f"There is no {after['ou']} in the directory. Create it first, or correct ou."
    own = before["distinguished_name"] if before else None
    place = after["distinguished_name"]
    moves = own is None or not names.same_dn(own, place)
    if {"ou", "name"} & set(fields) and moves and directory.read(place, ["objectClass"]) is not None:
        return f"There is another {place} already. Choose another name or ou."
    wanted = {
        name: after[name] for name in ("user_principal_name", "sam_account_name") if name in fields and after[name]
    }
    taken = {
        name: owners(directory, {text: [(account_plan.ATTRIBUTES[name], text)]}, own, forest=name in FOREST_WIDE)
        for name, text in wanted.items()
    }
    return " ".join(
        f"{owner} has the {name.replace('_', ' ')} {wanted[name]} already. Choose another one."
        for name, found in taken.items()
        for owner in found.values()
    )
