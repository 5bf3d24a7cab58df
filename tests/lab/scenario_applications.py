# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The applications of a scenario and its credential policies: what they may say, and what becomes of it in the tenant."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any

from .graph.application_schema import KEPT
from .graph.credential_policies import DEFAULT_ID
from .graph.errors import GraphError
from .graph.grants import grant_id
from .graph.shapes import check
from .state import Application, Credential, CredentialPolicy, CredentialRestriction, PermissionGrant, Tenant
from .tokens import EXCHANGE, GRAPH, resource_principal_id

RESOURCES = {"graph": GRAPH, "exchange": EXCHANGE}
TEXT, FLAG, NUMBER, LIST, MAPPING = str, bool, (int, float), list, dict
Keys = dict[str, Any]
APPLICATION: Keys = {
    "*name": TEXT,
    "*app_id": TEXT,
    "secret": TEXT,
    "secret_days": NUMBER,
    # More secrets, each with its dates in days from now.
    "secrets": LIST,
    "certificate": FLAG,
    "certificate_days": NUMBER,
    "public_client": FLAG,
    # Application permissions, delegated permissions (for everyone), Entra roles.
    "grants": MAPPING,
    "consent": MAPPING,
    "roles": LIST,
    "unique_name": TEXT,
    "redirect_uris": LIST,
    # Any other property of Graph's application, in Graph's words.
    "properties": MAPPING,
    # Names of users; an application with owners is made after them.
    "owners": LIST,
    "created_days": NUMBER,
    "service_principal": FLAG,
    "deleted": FLAG,
    "credential_policy": TEXT,
}
SECRET: Keys = {"*value": TEXT, "display_name": TEXT, "start_days": NUMBER, "*end_days": NUMBER}
CREDENTIAL_POLICY: Keys = {
    "*name": TEXT,
    # The tenant's own policy; every other one applies to the applications that name it.
    "default": FLAG,
    "enabled": FLAG,
    "secrets_forbidden": FLAG,
    "secret_days": NUMBER,
    "certificate_days": NUMBER,
    # Spare the applications that are older than so many days.
    "spares_older_than_days": NUMBER,
}
# Days that a secret and a certificate of a scenario live, if it says nothing; and how old an application is.
_SECRET_DAYS, _CERTIFICATE_DAYS, _AGE_DAYS = 180, 365, 400


def add_policy(tenant: Tenant, item: Mapping[str, Any]) -> None:
    """Put a credential policy of the scenario into the tenant."""
    spared = item.get("spares_older_than_days")
    since = None if spared is None else tenant.clock.now() - timedelta(days=spared)
    is_default = item.get("default", False)
    identifier = DEFAULT_ID if is_default else str(uuid.uuid5(uuid.UUID(tenant.id), f"policy {item['name']}"))
    policy = CredentialPolicy(identifier, item["name"], "", enabled=item.get("enabled", True))
    if item.get("secrets_forbidden"):
        policy.passwords.append(CredentialRestriction("passwordAddition", None, since))
    for key, name, rules in (
        ("secret_days", "passwordLifetime", policy.passwords),
        ("certificate_days", "asymmetricKeyLifetime", policy.keys),
    ):
        if key in item:
            rules.append(CredentialRestriction(name, f"P{int(item[key])}D", since))
    if is_default:
        tenant.default_credential_policy = policy
    else:
        tenant.credential_policies[identifier] = policy


def add_application(tenant: Tenant, item: Mapping[str, Any], certificates: Mapping[str, bytes]) -> Application:
    """Put an application of the scenario into the tenant. Raises ValueError when it says something that cannot be.

    The ids of one with owners come from a source of their own, so that a scenario can gain one without other ids
    changing.
    """
    source = random.Random(f"{tenant.seed} {item['app_id']}") if "owners" in item else tenant.random
    has_principal = item.get("service_principal", True)
    application = Application(
        id=_new_id(source),
        app_id=item["app_id"],
        display_name=item["name"],
        service_principal_id=_new_id(source) if has_principal else None,
        app_roles={_resource(name): list(values) for name, values in item.get("grants", {}).items()},
        public_client=item.get("public_client", False),
        unique_name=item.get("unique_name"),
        created_at=tenant.clock.now() - timedelta(days=item.get("created_days", _AGE_DAYS)),
        owners=[_user_id(tenant, name) for name in item.get("owners", [])],
        properties=_properties(item),
        credential_policies=[_policy_id(tenant, item["credential_policy"])] if "credential_policy" in item else [],
    )
    _add_credentials(tenant, application, item, certificates, source)
    _add_consent(tenant, application, item.get("consent", {}))
    if item.get("deleted"):
        application.deleted_at = tenant.clock.now() - timedelta(days=1)
        tenant.deleted_applications[application.id] = application
    else:
        tenant.applications[application.id] = application
    return application


def _new_id(source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def _resource(name: str) -> str:
    if name not in RESOURCES:
        raise ValueError(f"no resource named {name!r}")
    return RESOURCES[name]


def _user_id(tenant: Tenant, name: str) -> str:
    for user in tenant.users.values():
        if user.user_principal_name == name:
            return user.id
    raise ValueError(f"no user named {name!r}")


def _policy_id(tenant: Tenant, name: str) -> str:
    for policy in tenant.credential_policies.values():
        if policy.display_name == name:
            return policy.id
    raise ValueError(f"no credential policy named {name!r}")


def _properties(item: Mapping[str, Any]) -> dict[str, Any]:
    """The properties in Graph's words, checked by its types."""
    given = {"signInAudience": "AzureADMyOrg", **deepcopy(item.get("properties", {}))}
    if "redirect_uris" in item:
        given["web"] = {**given.get("web", {}), "redirectUris": list(item["redirect_uris"])}
    properties = {}
    for name, value in given.items():
        if name not in KEPT:
            raise ValueError(f"properties: no property named {name!r}")
        try:
            properties[name] = check(value, KEPT[name], name, "Application")
        except GraphError as error:
            raise ValueError(f"properties.{name}: {error.message}") from error
    return properties


def _add_credentials(
    tenant: Tenant,
    application: Application,
    item: Mapping[str, Any],
    certificates: Mapping[str, bytes],
    source: random.Random,
) -> None:
    now = tenant.clock.now()

    def add(end_days: float, start_days: float | None, name: str | None, **value: Any) -> None:
        usual = _CERTIFICATE_DAYS if "certificate" in value else _SECRET_DAYS
        start_days = min(0.0, end_days - usual) if start_days is None else start_days
        credential = Credential(_new_id(source), now + timedelta(days=end_days), display_name=name, **value)
        credential.start = now + timedelta(days=start_days)
        application.credentials.append(credential)

    if "secret" in item:
        add(item.get("secret_days", _SECRET_DAYS), None, None, secret=item["secret"], hint=item["secret"][:3])
    if item.get("certificate") and item["name"] in certificates:
        der = certificates[item["name"]]
        add(item.get("certificate_days", _CERTIFICATE_DAYS), None, f"CN={item['name']}", certificate=der)
    for one in item.get("secrets", []):
        value = one["value"]
        add(one["end_days"], one.get("start_days"), one.get("display_name"), secret=value, hint=value[:3])


def _add_consent(tenant: Tenant, application: Application, consent: Mapping[str, Any]) -> None:
    """Consent for everyone, as the administrator's button gives it."""
    for name, scopes in consent.items():
        resource = resource_principal_id(tenant, _resource(name))
        if application.service_principal_id is None:
            raise ValueError("consent needs a service principal")
        grant = PermissionGrant("", application.service_principal_id, resource, "AllPrincipals", " ".join(scopes))
        grant.id = grant_id(grant)
        tenant.permission_grants[grant.id] = grant
