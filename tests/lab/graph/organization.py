# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The organization, its domains, and its synchronization settings.

Source: the organization, domain and onPremisesDirectorySynchronization pages of the Graph reference.
"""

from __future__ import annotations

from typing import Any

from ..addresses import is_moera_domain
from ..state import Domain, Tenant
from . import query
from .call import Answer, Call, moment
from .errors import forbidden, missing
from .resource import Property, Resource, attribute, constant

# Delegated permissions that show the synchronization settings; no application permission does.
_SYNC_SETTINGS = frozenset({"OnPremDirectorySynchronization.Read.All", "OnPremDirectorySynchronization.ReadWrite.All"})
_ALERT_THRESHOLD = 500


def _verified_domains(tenant: Tenant, _item: Any) -> list[dict[str, Any]]:
    return [
        {
            "capabilities": "Email, OfficeCommunicationsOnline",
            "isDefault": domain.is_default,
            "isInitial": domain.is_initial,
            "name": domain.name,
            "type": domain.authentication_type,
        }
        for domain in tenant.domains.values()
        if domain.is_verified
    ]


ORGANIZATION = Resource(
    "organization",
    "organization",
    {
        "id": attribute("id", filters="eq"),
        "deletedDateTime": constant(None, "DateTimeOffset"),
        "businessPhones": constant([], "Collection"),
        "countryLetterCode": constant("DE"),
        "displayName": attribute("display_name", filters="eq"),
        "onPremisesLastSyncDateTime": Property(lambda tenant, _item: moment(tenant.last_sync), "DateTimeOffset"),
        "onPremisesSyncEnabled": attribute("sync_enabled", "Boolean"),
        "preferredLanguage": constant("de"),
        "technicalNotificationMails": constant([], "Collection"),
        "tenantType": constant("AAD"),
        "assignedPlans": constant([], "Collection"),
        "provisionedPlans": constant([], "Collection"),
        "verifiedDomains": Property(_verified_domains, "Collection"),
    },
    (
        "id",
        "deletedDateTime",
        "businessPhones",
        "countryLetterCode",
        "displayName",
        "onPremisesLastSyncDateTime",
        "onPremisesSyncEnabled",
        "preferredLanguage",
        "technicalNotificationMails",
        "tenantType",
        "assignedPlans",
        "provisionedPlans",
        "verifiedDomains",
    ),
)

_DOMAIN_PROPERTIES = {
    "authenticationType": attribute("authentication_type"),
    "availabilityStatus": constant(None),
    "id": attribute("name"),
    "isAdminManaged": constant(True, "Boolean"),
    "isDefault": attribute("is_default", "Boolean"),
    "isInitial": attribute("is_initial", "Boolean"),
    "isRoot": Property(lambda tenant, domain: not _parents(tenant, domain), "Boolean"),
    "isVerified": attribute("is_verified", "Boolean"),
    "passwordNotificationWindowInDays": constant(None, "Int32"),
    "passwordValidityPeriodInDays": constant(None, "Int32"),
    "state": constant(None, "Complex"),
    "supportedServices": Property(lambda _tenant, domain: _services(domain), "Collection"),
}
DOMAIN = Resource("domains", "domain", _DOMAIN_PROPERTIES, tuple(_DOMAIN_PROPERTIES))


def _parents(tenant: Tenant, domain: Domain) -> list[str]:
    """The tenant's domains that a domain is below of; the service's own domain is nobody's parent."""
    return [
        name
        for name in tenant.domains
        if domain.name.lower().endswith(f".{name}") and not is_moera_domain(tenant, name)
    ]


def _services(domain: Domain) -> list[str]:
    return ["Email", "OfficeCommunicationsOnline"] if domain.is_verified else []


def list_organizations(call: Call) -> Answer:
    """GET /organization: a collection of one."""
    return query.collection(call, ORGANIZATION, [call.tenant])


def get_organization(call: Call) -> Answer:
    """GET /organization/{id}."""
    if call.key.lower() != call.tenant.id.lower():
        raise missing(call.key)
    return Answer(200, ORGANIZATION.entity(call, call.tenant))


def list_domains(call: Call) -> Answer:
    """GET /domains."""
    return query.collection(call, DOMAIN, call.tenant.domains.values(), key=lambda domain: str(domain.name))


def get_domain(call: Call) -> Answer:
    """GET /domains/{name}."""
    domain = call.tenant.domains.get(call.key.lower())
    if domain is None:
        raise missing(call.key)
    return Answer(200, DOMAIN.entity(call, domain))


def get_synchronization(call: Call) -> Answer:
    """GET /directory/onPremisesSynchronization: refused to every application, whatever it was granted."""
    if call.claims.get("idtyp") != "user" or not call.permissions & _SYNC_SETTINGS:
        raise forbidden()
    features = call.tenant.sync_features
    row = {
        "id": call.tenant.id,
        "configuration": {
            "accidentalDeletionPrevention": {
                "synchronizationPreventionType": "enabledForCount",
                "alertThreshold": _ALERT_THRESHOLD,
            }
        },
        "features": {
            "blockCloudObjectTakeoverThroughHardMatchEnabled": features.block_hard_match_takeover,
            "blockSoftMatchEnabled": features.block_soft_match,
            "softMatchOnUpnEnabled": features.soft_match_on_upn,
            "synchronizeUpnForManagedUsersEnabled": features.synchronize_upn_for_managed_users,
            "allowOnPremUpdateOfOnPremisesObjectIdentifierEnabled": features.allow_object_identifier_update,
        },
    }
    return Answer(200, {"@odata.context": call.context("directory/onPremisesSynchronization"), "value": [row]})
