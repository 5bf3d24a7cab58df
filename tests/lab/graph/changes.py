# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""POST /users and PATCH /users/{id}: what may be written, by whom, and in which form.

Everything is checked before anything is changed. Sources: the user, "Create user" and "Update user" pages of the Graph
reference, and "Who can perform sensitive actions" on the first; the refusal for synchronized users as the service words it.
"""

from __future__ import annotations

import re
from typing import Any

from ..addresses import calculate, domain_of, is_owned_by_another, is_smtp, is_verified, split
from ..index import bare_address, index_of
from ..state import Tenant, User
from .call import Answer, Call, done
from .errors import forbidden, invalid_value, read_only, refused, syntax, taken, unknown_property, wrong_type
from .permissions import PASSWORDS_WRITE
from .schema import KEPT_LISTS, NOT_MASTERED, USER, WRITABLE, WRITTEN_TEXT
from .users import changed, holds_role, real

_REQUIRED = ("accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName")
_NOT_EMPTY = frozenset({"displayName", "userPrincipalName", "mailNickname", "accountEnabled"})
_LONGEST = {"displayName": 256, "givenName": 64, "surname": 64, "mailNickname": 64, "jobTitle": 128, "department": 64}
_NAME = re.compile(r"[A-Za-z0-9'._!#^~+-]{1,64}@[A-Za-z0-9.-]{1,48}")
_NICKNAME = re.compile(r"[!-~]+")
_ADDRESS = re.compile(r"[^@\s<>()\[\];,\"]+@[A-Za-z0-9.-]+")
_PASSWORD_MEMBERS = {
    "password": str,
    "forceChangePasswordNextSignIn": bool,
    "forceChangePasswordNextSignInWithMfa": bool,
}
# What an application must not change of whoever holds a directory role, whatever its permissions for users.
_SENSITIVE = frozenset(
    {
        "accountEnabled",
        "businessPhones",
        "mobilePhone",
        "onPremisesImmutableId",
        "otherMails",
        "passwordProfile",
        "userPrincipalName",
    }
)
MASTERED = (
    "Unable to update the specified properties for on-premises mastered Directory Sync objects "
    "or objects currently undergoing migration."
)


def update_user(call: Call) -> Answer:
    """PATCH /users/{id}."""
    user = real(call)
    wanted = _checked_body(call)
    if "passwordProfile" in wanted and not call.permissions & PASSWORDS_WRITE:
        raise forbidden()
    if _SENSITIVE & set(wanted) and holds_role(call.tenant, user):
        raise forbidden()
    if user.on_premises_sync_enabled and not user.is_cloud_managed and set(wanted) - NOT_MASTERED:
        raise refused(MASTERED)
    _check_values(call.tenant, wanted, user)
    _apply(call.tenant, user, wanted)
    changed(call.tenant, user)
    return done()


def create_user(call: Call) -> Answer:
    """POST /users: a cloud user, with no mailbox and no license."""
    wanted = _checked_body(call)
    for name in _REQUIRED:
        if wanted.get(name) in (None, ""):
            raise refused(f"A value is required for property '{name}' of resource 'User'.")
    if wanted["passwordProfile"].get("password") is None:
        raise refused("A value is required for property 'passwordProfile.password' of resource 'User'.")
    _check_values(call.tenant, wanted, None)
    tenant = call.tenant
    domain = tenant.domains.get(domain_of(wanted["userPrincipalName"]))
    if domain and domain.authentication_type == "Federated" and not wanted.get("onPremisesImmutableId"):
        raise refused("A value is required for property 'onPremisesImmutableId' of resource 'User'.")
    name, shown = wanted["userPrincipalName"], wanted["displayName"]
    user = User(id=tenant.new_id(), user_principal_name=name, display_name=shown, created_at=tenant.clock.now())
    tenant.users[user.id] = user
    _apply(tenant, user, wanted)
    changed(tenant, user)
    return Answer(201, USER.entity(call, user), {"Location": f"{call.base_url}/v1.0/users/{user.id}"})


def _checked_body(call: Call) -> dict[str, Any]:
    """The body with proper names, every member known, writable and of the right type."""
    wanted = {}
    for given, value in call.body().items():
        if "@odata." in given:
            continue
        name = USER.named(given)
        if name is None:
            raise unknown_property(given)
        if name not in WRITABLE:
            raise read_only(name)
        _check_type(name, value)
        wanted[name] = value
    return wanted


def _check_type(name: str, value: Any) -> None:
    kind = WRITABLE[name]
    if value is None:
        if name in _NOT_EMPTY or name in KEPT_LISTS:
            raise invalid_value(name)
        return
    if kind == "String" and not isinstance(value, str):
        raise wrong_type("String") if not isinstance(value, list | dict) else _started(value)
    if kind == "Boolean" and not isinstance(value, bool):
        raise wrong_type("Boolean")
    if kind.startswith("Collection") and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        raise wrong_type(kind)
    if name == "passwordProfile":
        _check_password(value)


def _started(value: list[Any] | dict[str, Any]) -> Exception:
    node = "StartArray" if isinstance(value, list) else "StartObject"
    return syntax(
        f"An unexpected '{node}' node was found when reading from the JSON reader. "
        "A 'PrimitiveValue' node was expected."
    )


def _check_password(value: Any) -> None:
    """The shape of a passwordProfile; its password is judged by length alone."""
    if not isinstance(value, dict):
        raise wrong_type("microsoft.graph.passwordProfile")
    for name, item in value.items():
        if name not in _PASSWORD_MEMBERS:
            raise unknown_property(name, "passwordProfile")
        if item is not None and not isinstance(item, _PASSWORD_MEMBERS[name]):
            raise wrong_type("Boolean" if _PASSWORD_MEMBERS[name] is bool else "String")
    password = value.get("password")
    if password is not None and not 8 <= len(password) <= 256:
        raise refused(
            "The specified password does not comply with password complexity requirements. "
            "Please provide a different password."
        )


def _check_values(tenant: Tenant, wanted: dict[str, Any], user: User | None) -> None:
    for name, value in wanted.items():
        if isinstance(value, str) and (len(value) > _LONGEST.get(name, 1024) or (name in _NOT_EMPTY and not value)):
            raise invalid_value(name)
    if "userPrincipalName" in wanted:
        check_name(tenant, wanted["userPrincipalName"], user)
    if "mailNickname" in wanted:
        _check_nickname(wanted["mailNickname"])
    if wanted.get("mail"):
        _check_mail(tenant, wanted["mail"], user)
    if "usageLocation" in wanted:
        _check_location(wanted["usageLocation"], user)
    if wanted.get("onPremisesImmutableId"):
        _check_anchor(tenant, wanted["onPremisesImmutableId"], user)


def check_name(tenant: Tenant, name: str, user: User | None) -> None:
    """Whether a user principal name is well-formed, in a verified domain and free; raises GraphError when not."""
    if not _NAME.fullmatch(name):
        raise refused("Property userPrincipalName is invalid.")
    if not is_verified(tenant, domain_of(name)):
        raise refused(
            "The domain portion of the userPrincipalName property is invalid. "
            "You must use one of the verified domain names in your organization."
        )
    index = index_of(tenant)
    if any(other is not user for other in index.find("upn", name)):
        raise taken("userPrincipalName")
    if is_owned_by_another(tenant, name, user):
        raise taken("proxyAddresses")


def _check_nickname(nickname: str) -> None:
    if not _NICKNAME.fullmatch(nickname) or set(nickname) & set('@()\\[]";:<>,') or nickname.startswith("."):
        raise invalid_value("mailNickname")


def _check_mail(tenant: Tenant, mail: str, user: User | None) -> None:
    if not _ADDRESS.fullmatch(mail):
        raise invalid_value("mail")
    if is_owned_by_another(tenant, mail, user):
        raise taken("proxyAddresses")


def _check_location(location: str | None, user: User | None) -> None:
    """Two letters; a licensed user cannot lose it."""
    if location is None:
        if user is not None and user.licenses:
            raise invalid_value("usageLocation")
    elif not re.fullmatch(r"[A-Za-z]{2}", location):
        raise invalid_value("usageLocation")


def _check_anchor(tenant: Tenant, anchor: str, user: User | None) -> None:
    """The reference page forbids $ and _; the value is unique in the tenant."""
    if set(anchor) & {"$", "_"}:
        raise invalid_value("onPremisesImmutableId")
    if any(other is not user for other in index_of(tenant).find("anchor", anchor)):
        raise taken("onPremisesImmutableId")


def _apply(tenant: Tenant, user: User, wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if name in WRITTEN_TEXT:
            setattr(user, WRITTEN_TEXT[name], value or None)
        elif name == "accountEnabled":
            user.account_enabled = value
        elif name != "passwordProfile":
            user.extra[name] = value
        elif (value or {}).get("password") is not None:
            user.password = value["password"]
            user.password_changed_at = tenant.clock.now()
    if user.usage_location:
        user.usage_location = user.usage_location.upper()
    if "mail" in wanted:
        _align_addresses(user, wanted["mail"] or None)
    if {"mail", "userPrincipalName", "mailNickname"} & set(wanted):
        calculate(tenant, user, None)


def _align_addresses(user: User, mail: str | None) -> None:
    """Mail written on a cloud user becomes its primary SMTP address; the former primary stays as an alias."""
    if mail is None:
        user.proxy_addresses = [value for value in user.proxy_addresses if not is_smtp(value)]
        return
    others = [value for value in user.proxy_addresses if bare_address(value) != mail.lower()]
    user.proxy_addresses = [
        f"SMTP:{mail}",
        *(f"smtp:{split(value)[1]}" if is_smtp(value) else value for value in others),
    ]
