# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the directory refuses in an application although its types are right.

Sources on Microsoft Learn: the application, appRole, permissionScope and apiApplication pages of the Graph reference;
"Redirect URI (reply URL) restrictions"; "Identifier URI restrictions of Microsoft Entra applications". The words of the
refusals are the service's where they are known; for redirect URIs, limits and lengths they are a guess.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from ..state import Application, Tenant
from .application_schema import AUDIENCES, PERSONAL, value_of
from .errors import GraphError, invalid_value, refused, taken
from .shapes import guid

_TITLE = "Application"
_LONGEST = {"displayName": 256, "description": 1024, "notes": 1024}
_LONGEST_URI = {"redirect": 256, "identifier": 255}
# Redirect URIs in all platforms together, with and without personal accounts.
_MOST_URIS = {True: 100, False: 256}
_MOST_RESOURCES, _MOST_PERMISSIONS = 50, 400
# The page on redirect URIs names these as not supported.
_NOT_IN_URI = frozenset("!$'(),;")
_LOOPBACKS = frozenset({"localhost", "127.0.0.1"})


def check_values(tenant: Tenant, application: Application, wanted: dict[str, Any], *, new: bool) -> None:
    """Judge what an application would be: C(application) with C(wanted) already merged into its properties.

    wanted: the values that the request named, merged. Raises GraphError.
    """
    for name, longest in _LONGEST.items():
        value = wanted.get(name)
        if isinstance(value, str) and (len(value) > longest or (name == "displayName" and not value.strip())):
            raise invalid_value(name, _TITLE)
    if "signInAudience" in wanted and wanted["signInAudience"] not in AUDIENCES:
        raise invalid_value("signInAudience", _TITLE)
    audience = wanted.get("signInAudience") or value_of(application, "signInAudience")
    api = wanted.get("api") or value_of(application, "api") or {}
    if audience in PERSONAL and not (new and api.get("requestedAccessTokenVersion") is None):
        _check_version(api)
    _check_redirects(application, wanted, personal=audience in PERSONAL)
    if "identifierUris" in wanted:
        _check_identifiers(tenant, application, wanted["identifierUris"], api)
    if "requiredResourceAccess" in wanted:
        _check_required(wanted["requiredResourceAccess"])
    for name, items in entitlements(wanted).items():
        _check_duplicates(name, items)
    if wanted.get("uniqueName") is not None:
        check_unique_name(tenant, application, wanted["uniqueName"])


def _check_version(api: dict[str, Any]) -> None:
    """Personal accounts need tokens of version 2 (apiApplication page)."""
    if api.get("requestedAccessTokenVersion") != 2:
        words = "Property api.requestedAccessTokenVersion is invalid."
        detail = {"code": "InvalidAccessTokenVersion", "message": words, "target": "api.requestedAccessTokenVersion"}
        raise refused(words, details=[detail])


def _check_redirects(application: Application, wanted: dict[str, Any], *, personal: bool) -> None:
    total = 0
    for platform in ("web", "spa", "publicClient"):
        platform_value = wanted.get(platform) or value_of(application, platform) or {}
        uris = platform_value.get("redirectUris") or []
        total += len(uris)
        if platform in wanted:
            if len(set(uris)) != len(uris):
                raise duplicate()
            for uri in uris:
                if not _is_redirect(uri, platform, personal):
                    raise invalid_value("redirectUris", _TITLE)
    if total > _MOST_URIS[personal]:
        raise refused("The number of redirect URIs exceeds the limit of the application.")


def _is_redirect(uri: str, platform: str, personal: bool) -> bool:
    """Whether a redirect URI may be registered: absolute, no fragment (RFC 6749 3.1.2), https but for loopback names."""
    parts = _split(uri)
    if parts is None or not parts.scheme or len(uri) > _LONGEST_URI["redirect"] or "#" in uri or uri != uri.strip():
        return False
    if set(uri) & _NOT_IN_URI or " " in uri:
        return False
    if "*" in uri and (personal or not _is_wildcard(parts.hostname or "", uri)):
        return False
    if parts.query and personal:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    if parts.scheme == "http":
        return parts.hostname in _LOOPBACKS
    # Custom schemes and urn:ietf:wg:oauth:2.0:oob belong to installed clients.
    return platform == "publicClient"


def _split(uri: str) -> Any:
    try:
        parts = urlsplit(uri)
        _unused = parts.port
        return parts
    except ValueError:
        return None


def _is_wildcard(host: str, uri: str) -> bool:
    """A star may stand for one leftmost label of a host name, and nowhere else."""
    return host.startswith("*.") and host.count("*") == 1 and uri.count("*") == 1 and host.count(".") >= 2


def _check_identifiers(tenant: Tenant, application: Application, uris: list[str], api: dict[str, Any]) -> None:
    """Identifier URIs are unique in the tenant, deleted applications included, and new ones must show whose they are.

    Since 2025 the default policy of a tenant wants the application's id, the tenant's id or a verified domain in them;
    applications that take tokens of version 2 are exempt unless they use a host name.
    """
    if len(set(uris)) != len(uris):
        raise duplicate()
    others = [*tenant.applications.values(), *tenant.deleted_applications.values()]
    held = {uri.lower() for other in others if other.id != application.id for uri in value_of(other, "identifierUris")}
    for uri in uris:
        if len(uri) > _LONGEST_URI["identifier"] or not (_split(uri) and _split(uri).scheme) or uri.endswith("/"):
            raise invalid_value("identifierUris", _TITLE)
        if uri.lower() in held:
            raise taken("identifierUris")
    for uri in set(uris) - set(value_of(application, "identifierUris")):
        _check_identifier(tenant, application, uri, api.get("requestedAccessTokenVersion") == 2)


def _check_identifier(tenant: Tenant, application: Application, uri: str, exempt: bool) -> None:
    parts = urlsplit(uri)
    host = (parts.hostname or "").lower()
    if host in (application.app_id.lower(), tenant.id.lower()) or _is_own_host(tenant, host):
        return
    if parts.scheme in ("http", "https"):
        words = f"Values of identifierUris property must use a verified domain of the organization or its subdomain: '{uri}'"
        detail = {"code": "HostNameNotOnVerifiedDomain", "message": words, "target": "identifierUris"}
        raise GraphError(400, "HostNameNotOnVerifiedDomain", words, details=[detail])
    if application.app_id.lower() in uri.lower() or tenant.id.lower() in uri.lower() or exempt:
        return
    raise refused(
        f"Failed to add identifier URI {uri}. All newly added URIs must contain a tenant verified domain, tenant ID, or "
        "app ID, as per the default tenant policy of your organization. See https://aka.ms/identifier-uri-addition-error "
        "for more information on this error."
    )


def _is_own_host(tenant: Tenant, host: str) -> bool:
    verified = [one.name.lower() for one in tenant.domains.values() if one.is_verified]
    return any(host == name or host.endswith(f".{name}") for name in verified) and not _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_required(rows: list[dict[str, Any]]) -> None:
    """At most 50 resources and 400 permissions; the application resource page."""
    resources = [guid(row["resourceAppId"]) for row in rows]
    if len(set(resources)) != len(resources):
        raise duplicate()
    for row in rows:
        for access in row["resourceAccess"]:
            if access["type"] not in ("Scope", "Role"):
                raise invalid_value("requiredResourceAccess", _TITLE)
        pairs = [(access["id"], access["type"]) for access in row["resourceAccess"]]
        if not pairs:
            raise invalid_value("requiredResourceAccess", _TITLE)
        if len(set(pairs)) != len(pairs):
            raise duplicate()
    if len(rows) > _MOST_RESOURCES or sum(len(row["resourceAccess"]) for row in rows) > _MOST_PERMISSIONS:
        raise refused("The number of required resource permissions exceeds the limit of the application.")


def entitlements(values: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The app roles and permission scopes among the written values."""
    found = {"appRoles": values["appRoles"]} if "appRoles" in values else {}
    scopes = (values.get("api") or {}).get("oauth2PermissionScopes")
    return found if scopes is None else found | {"api.oauth2PermissionScopes": scopes}


def _check_duplicates(name: str, items: list[dict[str, Any]]) -> None:
    for member in ("id", "value"):
        given = [str(item[member]).lower() for item in items if item.get(member)]
        if len(set(given)) != len(given):
            raise duplicate(name)
    for item in items:
        if " " in (item.get("value") or ""):
            raise invalid_value(name, _TITLE)
        kinds = item.get("allowedMemberTypes")
        if kinds is not None and (not kinds or set(kinds) - {"User", "Application"}):
            raise invalid_value("allowedMemberTypes", _TITLE)
        if name != "appRoles" and item.get("type") not in ("User", "Admin"):
            raise invalid_value("type", _TITLE)


def duplicate(name: str = "") -> GraphError:
    """A collection that holds something twice."""
    words = "It contains duplicate value. Please Provide unique value."
    return refused(words, details=[{"code": "DuplicateValue", "message": words, "target": name or "value"}])


def check_entitlements(tenant: Tenant, old: dict[str, Any], new: dict[str, Any]) -> None:
    """An enabled role or scope can only be disabled; everything else needs it disabled first.

    That removal is refused is known from many clients. Whether texts of an enabled one may be changed is not: the words
    say "updated", so it is refused unless C(graph_enabled_texts_free) is on.
    """
    before = entitlements(old)
    for name, items in entitlements(new).items():
        present = {item["id"]: item for item in items}
        for item in before.get(name, []):
            if item.get("isEnabled") and not _only_disabled(tenant, item, present.get(item["id"])):
                words = "Permission (scope or role) cannot be deleted or updated unless disabled first."
                detail = {"code": "CannotDeleteOrUpdateEnabledEntitlement", "message": words, "target": name}
                raise GraphError(400, "CannotDeleteOrUpdateEnabledEntitlement", words, details=[detail])


def _only_disabled(tenant: Tenant, item: dict[str, Any], changed: dict[str, Any] | None) -> bool:
    if changed is None:
        return False
    free = {"isEnabled"}
    if tenant.switches.get("graph_enabled_texts_free"):
        free |= {name for name in item if name.lower().endswith(("displayname", "description"))}
    names = (set(item) | set(changed)) - free
    return all((item.get(name) or None) == (changed.get(name) or None) for name in names)


def check_unique_name(tenant: Tenant, application: Application, name: str) -> None:
    """uniqueName is free in the tenant, deleted applications included, and never changes once it is set.

    The collision is a 400 (msgraph-bicep-types issues 137 and 202). That it cannot be changed is a guess.
    """
    if not name or len(name) > 256:
        raise invalid_value("uniqueName", _TITLE)
    others = [*tenant.applications.values(), *tenant.deleted_applications.values()]
    if any((one.unique_name or "").lower() == name.lower() and one.id != application.id for one in others):
        raise taken("uniqueName")
    if application.unique_name is not None and application.unique_name != name:
        raise refused("Property 'uniqueName' is read-only and cannot be set.")
