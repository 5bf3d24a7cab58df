# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application in Entra ID: what Graph says of it in the administrator's words, and what Graph has to be told.

Shapes follow Microsoft Graph v1.0, "application resource type".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import redirects
from .api_permissions import APPLICATION, DELEGATED, Api, canonical, request, requested

State = dict[str, Any]

PROPERTIES = (
    "id,appId,displayName,uniqueName,signInAudience,web,spa,publicClient,isFallbackPublicClient,identifierUris,api,appRoles,"
    "requiredResourceAccess,notes,tags"
)
AUDIENCES = {
    "single_tenant": "AzureADMyOrg",
    "multiple_tenants": "AzureADMultipleOrgs",
    "multiple_tenants_and_personal_accounts": "AzureADandPersonalMicrosoftAccount",
    "personal_accounts": "PersonalMicrosoftAccount",
}
PLATFORMS = {
    "web_redirect_uris": "web",
    "single_page_redirect_uris": "spa",
    "public_client_redirect_uris": "publicClient",
}
PERMISSIONS = {"delegated_permissions": DELEGATED, "application_permissions": APPLICATION}
# Options that are a property of the registration under another name.
PLAIN = {
    "display_name": "displayName",
    "identifier_uris": "identifierUris",
    "notes": "notes",
    "tags": "tags",
}
ROLE = {"value": "value", "display_name": "displayName", "description": "description", "enabled": "isEnabled"}
SCOPE = {
    "value": "value",
    "admin_title": "adminConsentDisplayName",
    "admin_description": "adminConsentDescription",
    "user_title": "userConsentDisplayName",
    "user_description": "userConsentDescription",
    "enabled": "isEnabled",
}
ROLE_OPTIONS = {
    **{option: {"type": "str"} for option in ("display_name", "description")},
    "value": {"type": "str", "required": True},
    "enabled": {"type": "bool"},
    "allowed": {"type": "list", "elements": "str", "choices": ["users", "applications"]},
}
SCOPE_OPTIONS = {
    **{option: {"type": "str"} for option in ("admin_title", "admin_description", "user_title", "user_description")},
    "value": {"type": "str", "required": True},
    "enabled": {"type": "bool"},
    "consent_by": {"type": "str", "choices": ["users", "admins"]},
}
_MEMBERS = {"users": "User", "applications": "Application"}
_CONSENT = {"users": "User", "admins": "Admin"}


def state_of(
    application: Mapping[str, Any],
    principal: Mapping[str, Any] | None,
    owners: Sequence[str],
    apis: Mapping[str, Api | None],
) -> State:
    """The state of an application.

    Arguments:
        application: as Graph gives it, with at least L(PROPERTIES).
        principal: its service principal, if it has one.
        owners: names of its owners.
        apis: the APIs that it asks permissions of, by client id.
    """
    access = application.get("requiredResourceAccess") or []
    audiences = {wire: word for word, wire in AUDIENCES.items()}
    return {
        "id": application["id"],
        "client_id": application["appId"],
        "unique_name": application.get("uniqueName"),
        **{option: application.get(wire) for option, wire in PLAIN.items()},
        "sign_in_audience": audiences.get(application["signInAudience"], application["signInAudience"]),
        "public_client_flows": bool(application.get("isFallbackPublicClient")),
        **{option: (application.get(wire) or {}).get("redirectUris") or [] for option, wire in PLATFORMS.items()},
        **{option: requested(access, apis, kind) for option, kind in PERMISSIONS.items()},
        "app_roles": [_role_state(role) for role in application.get("appRoles") or ()],
        "scopes": [_scope_state(scope) for scope in _scopes(application)],
        "owners": list(owners),
        "service_principal_id": principal and principal["id"],
        "enterprise_application": principal is not None,
        "assignment_required": bool(principal and principal.get("appRoleAssignmentRequired")),
    }


def _scopes(application: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((application.get("api") or {}).get("oauth2PermissionScopes") or ())


def _role_state(role: Mapping[str, Any]) -> State:
    words = {wire: word for word, wire in _MEMBERS.items()}
    allowed = sorted(words[member] for member in role["allowedMemberTypes"])
    return {**{option: role.get(wire) for option, wire in ROLE.items()}, "allowed": allowed}


def _scope_state(scope: Mapping[str, Any]) -> State:
    words = {wire: word for word, wire in _CONSENT.items()}
    return {**{option: scope.get(wire) for option, wire in SCOPE.items()}, "consent_by": words[scope["type"]]}


def checked_role(given: Mapping[str, Any]) -> State:
    """A declared application role with everything that was left out. Raises ValueError."""
    value = _checked_value(given)
    return {
        "value": value,
        "display_name": given.get("display_name") or value,
        "description": given.get("description") or given.get("display_name") or value,
        "enabled": given.get("enabled") is not False,
        "allowed": sorted(set(given.get("allowed") or ["users"])),
    }


def checked_scope(given: Mapping[str, Any]) -> State:
    """A declared scope with everything that was left out. Raises ValueError."""
    value = _checked_value(given)
    return {
        "value": value,
        "admin_title": given.get("admin_title") or value,
        "admin_description": given.get("admin_description") or given.get("admin_title") or value,
        "user_title": given.get("user_title"),
        "user_description": given.get("user_description"),
        "enabled": given.get("enabled") is not False,
        "consent_by": given.get("consent_by") or "admins",
    }


def _checked_value(given: Mapping[str, Any]) -> str:
    value = str(given.get("value") or "")
    if not value or len(value) > 120 or any(sign.isspace() for sign in value):
        raise ValueError(f"{value!r} is no value of a role or scope: it has 1 to 120 characters and no blanks")
    return value


_TEXTS = {
    "web_redirect_uris": redirects.checked_web,
    "single_page_redirect_uris": redirects.checked_single_page,
    "public_client_redirect_uris": redirects.checked_public_client,
    **dict.fromkeys(PERMISSIONS, canonical),
}
# How each option is checked before the first request.
PARSE = {
    **{f"{option}.{part}": check for option, check in _TEXTS.items() for part in ("set", "add", "remove")},
    "app_roles": checked_role,
    "scopes": checked_scope,
}


def entitlement_key(entitlement: Mapping[str, Any]) -> Any:
    """What two spellings of one role or scope have in common."""
    return tuple(sorted((name, str(value)) for name, value in entitlement.items()))


def obstacle(want: Mapping[str, Any], before: State | None, after: State, is_id: Callable[[str], bool]) -> str:
    """Why a registration must not be tried, with what to do; empty when it may be."""
    if before is None and is_id(want["application"]):
        return f"There is no application {want['application']}. A new one is named by its unique name, not by an id."
    if before and before["unique_name"] and after["unique_name"] != before["unique_name"]:
        return f"Its unique name is {before['unique_name']} and cannot be changed."
    # A role of an application from the gallery may have no value at all; what is not declared is not judged.
    declared = after["app_roles"] + after["scopes"] if want.get("app_roles") or want.get("scopes") else []
    values = [one["value"].casefold() for one in declared if one["value"]]
    if twice := {value for value in values if values.count(value) > 1}:
        return f"Roles and scopes share their names; {', '.join(sorted(twice))} is there twice."
    return ""


def new_state(want: Mapping[str, Any]) -> State:
    """What a new application is where nothing is said."""
    name = want["unique_name"] or want["application"]
    nothing: dict[str, Any] = {
        "id": None,
        "client_id": None,
        "unique_name": name,
        "display_name": want["application"],
        "notes": None,
        "sign_in_audience": "single_tenant",
        "public_client_flows": False,
        "service_principal_id": None,
        "enterprise_application": True,
        "assignment_required": False,
    }
    lists = ("identifier_uris", "tags", *PLATFORMS, *PERMISSIONS, "app_roles", "scopes", "owners")
    return nothing | {name: [] for name in lists}


def body(fields: Sequence[str], after: State, before: Mapping[str, Any], apis: Mapping[str, Api]) -> dict[str, Any]:
    """What Graph is told of a registration.

    Arguments:
        fields: the options that change.
        after: the state that should be.
        before: the registration as Graph has it; empty for a new one. Roles and scopes keep their ids from it.
        apis: the APIs of all permissions, by the names that are used there.
    """
    told: dict[str, Any] = {wire: after[option] for option, wire in PLAIN.items() if option in fields}
    told |= {wire: {"redirectUris": after[option]} for option, wire in PLATFORMS.items() if option in fields}
    if "sign_in_audience" in fields:
        told["signInAudience"] = AUDIENCES[after["sign_in_audience"]]
    if "public_client_flows" in fields:
        told["isFallbackPublicClient"] = after["public_client_flows"]
    if set(PERMISSIONS) & set(fields):
        wanted = {kind: after[option] for option, kind in PERMISSIONS.items()}
        told["requiredResourceAccess"] = request(wanted, apis)
    if "unique_name" in fields:
        told["uniqueName"] = after["unique_name"]
    return told | entitlements(fields, after, before)


def entitlements(fields: Sequence[str], after: State, before: Mapping[str, Any]) -> dict[str, Any]:
    """The roles and scopes as Graph has to be told them."""
    told: dict[str, Any] = {}
    if "app_roles" in fields:
        ids = {role["value"]: role["id"] for role in before.get("appRoles") or ()}
        told["appRoles"] = [_role(role, ids) for role in after["app_roles"]]
    if "scopes" in fields:
        ids = {scope["value"]: scope["id"] for scope in _scopes(before)}
        told["api"] = {"oauth2PermissionScopes": [_scope(scope, ids) for scope in after["scopes"]]}
    return told


def _role(role: State, ids: Mapping[str, str]) -> dict[str, Any]:
    allowed = [_MEMBERS[member] for member in role["allowed"]]
    wire = {name: role[option] for option, name in ROLE.items()}
    return {**wire, "id": ids.get(role["value"]) or str(uuid.uuid4()), "allowedMemberTypes": allowed}


def _scope(scope: State, ids: Mapping[str, str]) -> dict[str, Any]:
    wire = {name: scope[option] for option, name in SCOPE.items()}
    return {**wire, "id": ids.get(scope["value"]) or str(uuid.uuid4()), "type": _CONSENT[scope["consent_by"]]}


def disabling(told: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be told first: an enabled role or scope can neither be changed nor removed.

    Empty where nothing of the kind is in the way (Microsoft Graph answers CannotDeleteOrUpdateEnabledEntitlement).
    """
    first: dict[str, Any] = {}
    if "appRoles" in told and (disabled := _disabled(before.get("appRoles") or (), told["appRoles"])):
        first["appRoles"] = disabled
    scopes = (told.get("api") or {}).get("oauth2PermissionScopes")
    if scopes is not None and (disabled := _disabled(_scopes(before), scopes)):
        first["api"] = {"oauth2PermissionScopes": disabled}
    return first


def _disabled(present: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    kept = {one["id"]: one for one in wanted}
    touched = {one["id"] for one in present if one["isEnabled"] and _differs(one, kept.get(one["id"]))}
    return [{**one, "isEnabled": one["isEnabled"] and one["id"] not in touched} for one in present] if touched else None


def _differs(present: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    """Whether an enabled role or scope is removed, or changed in anything but that it is enabled."""
    return wanted is None or any(present.get(name) != value for name, value in wanted.items() if name != "isEnabled")
