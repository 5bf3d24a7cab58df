# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users that the cloud masters: their state, what a new one gets, and what stands in the way of a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from . import names
from .license_plan import checked_usage_location
from .passwords import KEPT, UNSURE

State = dict[str, Any]

# Option -> property of Graph's user.
TEXTS = {
    "display_name": "displayName",
    "given_name": "givenName",
    "surname": "surname",
    "mail_nickname": "mailNickname",
    "usage_location": "usageLocation",
    "department": "department",
    "job_title": "jobTitle",
}
_PROPERTIES = {
    **TEXTS,
    "id": "id",
    "user_principal_name": "userPrincipalName",
    "mail": "mail",
    "account_enabled": "accountEnabled",
}
PROPERTIES = ",".join(
    [*_PROPERTIES.values(), "passwordPolicies", "onPremisesSyncEnabled", "lastPasswordChangeDateTime"]
)
ALWAYS, ON_CREATE = "always", "on_create"
_NO_EXPIRY = "DisablePasswordExpiration"


def no_role(name: str) -> str:
    """Refuses every name of a role: only that there is none can be declared. Raises ValueError."""
    raise ValueError(f"{name}: only an empty list can be declared; this module gives no role and takes none away")


# Characters that the page on Graph's user resource type allows at most.
_LONGEST = {"given_name": 64, "surname": 64, "department": 64, "job_title": 128}
# How each option is checked before the first request.
PARSE: dict[str, Callable[[Any], Any]] = {
    **{option: partial(names.checked_length, longest) for option, longest in _LONGEST.items()},
    "display_name": partial(names.checked_title, 256),
    "mail_nickname": names.checked_mail_nickname,
    "usage_location": checked_usage_location,
    "roles": no_role,
}


def state_of(user: Mapping[str, Any], roles: Sequence[str] | None, password: str | None) -> State:
    """The state of a user.

    Arguments:
        user: a Graph user with L(PROPERTIES).
        roles: the directory roles that it holds; None where nobody asked.
        password: how its password stands, see L(passwords.standing).
    """
    policies = [part.strip() for part in str(user.get("passwordPolicies") or "").split(",")]
    return {
        **{option: user.get(name) for option, name in _PROPERTIES.items()},
        "password_expires": _NO_EXPIRY not in policies,
        "password_policies": sorted(part for part in policies if part not in ("", "None")),
        "synced": bool(user.get("onPremisesSyncEnabled")),
        "roles": None if roles is None else list(roles),
        "password": password,
    }


def goal(overlaid: State, want: Mapping[str, Any]) -> State:
    """The state that should be there: what is asked for, what a new user needs, and its password in the sink.

    An empty text is none: Graph keeps no empty text.

    Arguments:
        overlaid: the present state with what is asked for; without C(id) it is a new user.
        want: the options.
    """
    overlaid = overlaid | {option: None for option in TEXTS if overlaid.get(option) == ""}
    if not overlaid.get("id"):
        name = want["user"].partition("@")[0]
        new: State = dict.fromkeys([*_PROPERTIES, "roles", "password"])
        new |= {"user_principal_name": want["user"], "display_name": name, "mail_nickname": name}
        new |= {"account_enabled": True, "password_expires": True, "password_policies": [], "synced": False}
        made = {**new, **{option: value for option, value in overlaid.items() if value is not None}, "password": KEPT}
        return made | {"password_policies": _policies(made)}
    ours = want["sink"] and (want["update_password"] == ALWAYS or overlaid.get("password") == UNSURE)
    return overlaid | {"password_policies": _policies(overlaid)} | ({"password": KEPT} if ours else {})


def _policies(state: Mapping[str, Any]) -> list[str]:
    others = {*state["password_policies"]} - {_NO_EXPIRY}
    return sorted(others | (set() if state["password_expires"] else {_NO_EXPIRY}))


def body(fields: Sequence[str], after: State) -> State:
    """What Graph is told of changed fields."""
    told = {name: after[option] for option, name in TEXTS.items() if option in fields}
    if "account_enabled" in fields:
        told["accountEnabled"] = after["account_enabled"]
    if "password_expires" in fields:
        told["passwordPolicies"] = ", ".join(after["password_policies"]) or "None"
    return told


def _missing(want: Mapping[str, Any]) -> str:
    """Why a new user cannot be made so. The name of one that is there is not judged: Graph has taken it."""
    if "@" not in want["user"]:
        return "There is no user with this object id. Name a new one by its user principal name."
    try:
        names.check_user_principal_name(want["user"])
    except ValueError as error:
        return f"There is no such user, and none can be made: {error}."
    return "" if want["sink"] else "A new user needs sink, where its password is kept."


def obstacle(fields: Sequence[str], want: Mapping[str, Any], before: State | None, after: State | None) -> str:
    """Why a user cannot be made or changed so, and what to do; empty when nothing stands in the way."""
    if before is None:
        return _missing(want)
    if before["synced"] and (after is None or set(fields) - {"usage_location", "roles"}):
        return "Active Directory masters this user. Change it there; the synchronization brings it over."
    if after and "roles" in fields:
        return (
            f"It holds administrative roles: {', '.join(before['roles'])}. Take them away in Entra ID, or take the user "
            "out of the groups that give them."
        )
    return ""
