# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""App management policies: what a tenant says about secrets and certificates, and how it refuses them.

Sources: the tenantAppManagementPolicy, appManagementPolicy, passwordCredentialConfiguration and
keyCredentialConfiguration pages of the Graph reference; both refusals as public issues quote them.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from ..state import Application, CredentialPolicy, CredentialRestriction, Tenant
from . import query
from .call import Answer, Call, moment
from .errors import GraphError, missing
from .resource import Property, Resource, attribute

# The id of the default policy is the same in every tenant.
DEFAULT_ID = "00000000-0000-0000-0000-000000000000"
_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
# Restrictions that forbid, and those that cap, a secret and a certificate.
PASSWORD_ADDITION, PASSWORD_LIFETIME, KEY_LIFETIME = "passwordAddition", "passwordLifetime", "asymmetricKeyLifetime"


def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration; a month is taken for 30 days and a year for 365. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "PT") or text.endswith("T"):
        raise ValueError(f"no ISO 8601 duration: {text!r}")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    whole_days = years * 365 + months * 30 + weeks * 7 + days
    return timedelta(days=whole_days, hours=hours, minutes=minutes, seconds=seconds)


def default_policy(tenant: Tenant) -> CredentialPolicy:
    """The tenant's default policy; Microsoft made it, not enabled and with no restriction."""
    described = (
        "Default tenant policy that enforces app management restrictions on applications and service principals."
    )
    return tenant.default_credential_policy or CredentialPolicy(
        DEFAULT_ID, "Default app management tenant policy", described
    )


def policy_of(tenant: Tenant, application: Application) -> CredentialPolicy | None:
    """The policy in force for an application: a custom one beats the default one; None when none is enabled."""
    own = [tenant.credential_policies[one] for one in application.credential_policies]
    chosen = next(iter(own), default_policy(tenant))
    return chosen if chosen.enabled else None


def check_secret(tenant: Tenant, application: Application, start: datetime, end: datetime) -> None:
    """Refuse a secret that the policy forbids or that lives too long. Raises GraphError."""
    policy = policy_of(tenant, application)
    if policy is None:
        return
    if _in_force(policy.passwords, PASSWORD_ADDITION, application):
        words = f"Credential type is not allowed as per assigned policy '{policy.id}'."
        raise GraphError(400, "CredentialTypeNotAllowedAsPerAppPolicy", words)
    _check_lifetime(policy, policy.passwords, PASSWORD_LIFETIME, application, end - start)


def check_key(tenant: Tenant, application: Application, start: datetime, end: datetime) -> None:
    """Refuse a certificate that lives too long. Raises GraphError."""
    policy = policy_of(tenant, application)
    if policy is not None:
        _check_lifetime(policy, policy.keys, KEY_LIFETIME, application, end - start)


def _check_lifetime(
    policy: CredentialPolicy,
    restrictions: list[CredentialRestriction],
    name: str,
    application: Application,
    lifetime: timedelta,
) -> None:
    """The lifetime is measured from start to end, not from now."""
    for one in _in_force(restrictions, name, application):
        if one.max_lifetime is not None and lifetime > parse_duration(one.max_lifetime):
            words = f"Credential lifetime exceeds the max value allowed as per assigned policy '{policy.id}'."
            detail = {"code": "InvalidKeyEndDate", "message": words, "target": "EndDate"}
            raise GraphError(400, "CredentialInvalidLifetimeAsPerAppPolicy", words, details=[detail])


def _in_force(
    restrictions: list[CredentialRestriction], name: str, application: Application
) -> list[CredentialRestriction]:
    """The enabled restrictions of one kind that an application of this age is subject to."""
    return [
        one
        for one in restrictions
        if one.enabled
        and one.restriction == name
        and (
            one.for_apps_created_after is None
            or (application.created_at is not None and application.created_at >= one.for_apps_created_after)
        )
    ]


def _shown(one: CredentialRestriction) -> dict[str, Any]:
    return {
        "restrictionType": one.restriction,
        "state": "enabled" if one.enabled else "disabled",
        "maxLifetime": one.max_lifetime,
        "restrictForAppsCreatedAfterDateTime": moment(one.for_apps_created_after),
    }


def _restrictions(policy: CredentialPolicy) -> dict[str, Any]:
    return {
        "passwordCredentials": [_shown(one) for one in policy.passwords],
        "keyCredentials": [_shown(one) for one in policy.keys],
    }


_PROPERTIES = {
    "id": attribute("id", filters="eq"),
    "displayName": attribute("display_name", filters="eq"),
    "description": attribute("description"),
    "isEnabled": attribute("enabled", "Boolean"),
    "restrictions": Property(lambda _tenant, item: _restrictions(item), "Complex"),
}
POLICY = Resource("policies/appManagementPolicies", "appManagementPolicy", _PROPERTIES, tuple(_PROPERTIES))


def get_default_policy(call: Call) -> Answer:
    """GET /policies/defaultAppManagementPolicy: always there, enabled or not."""
    policy = default_policy(call.tenant)
    nothing: dict[str, Any] = {"passwordCredentials": [], "keyCredentials": []}
    body = {
        "@odata.context": call.context("policies/defaultAppManagementPolicy/$entity"),
        "id": policy.id,
        "displayName": policy.display_name,
        "description": policy.description,
        "isEnabled": policy.enabled,
        "applicationRestrictions": _restrictions(policy),
        "servicePrincipalRestrictions": nothing,
    }
    return Answer(200, body)


def list_policies(call: Call) -> Answer:
    """GET /policies/appManagementPolicies: the custom policies."""
    return query.collection(call, POLICY, call.tenant.credential_policies.values())


def get_policy(call: Call) -> Answer:
    """GET /policies/appManagementPolicies/{id}."""
    policy = call.tenant.credential_policies.get(call.key.lower())
    if policy is None:
        raise missing(call.key)
    return Answer(200, POLICY.entity(call, policy))


def policies_of(call: Call, application: Application) -> Answer:
    """GET /applications/{id}/appManagementPolicies: the custom policies that the application names."""
    known = call.tenant.credential_policies
    return query.collection(call, POLICY, [known[one] for one in application.credential_policies])
