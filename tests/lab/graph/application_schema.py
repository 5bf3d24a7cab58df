# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties of Graph's application: their types, what a new one has, and how one is written out.

Source: the application resource page and the "Create application" page of the Graph v1.0 reference, and the v1.0 metadata
document.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..state import Application, Tenant
from .call import moment
from .credential_forms import shown_keys, shown_secrets
from .resource import Property, Resource, attribute, constant
from .shapes import BINARY, FLAG, GUID, MOMENT, NUMBER, Shape, completed, complex_type, text, texts

# The accounts that may sign in; with the last two a personal Microsoft account may.
AUDIENCES = ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount")
PERSONAL = frozenset(AUDIENCES[2:])
DEFAULT_AUDIENCE = "AzureADandPersonalMicrosoftAccount"

_SCOPE = complex_type(
    "permissionScope",
    ("id",),
    many=True,
    id=GUID,
    value=text(),
    type=text(),
    isEnabled=FLAG,
    origin=text(),
    adminConsentDisplayName=text(),
    adminConsentDescription=text(),
    userConsentDisplayName=text(),
    userConsentDescription=text(),
)
_ROLE = complex_type(
    "appRole",
    ("id", "displayName", "description", "allowedMemberTypes"),
    many=True,
    id=GUID,
    value=text(),
    displayName=text(),
    description=text(),
    allowedMemberTypes=texts(),
    isEnabled=FLAG,
    origin=text(),
)
_API = complex_type(
    "apiApplication",
    acceptMappedClaims=FLAG,
    knownClientApplications=Shape("Guid", many=True, nullable=False),
    requestedAccessTokenVersion=NUMBER,
    oauth2PermissionScopes=_SCOPE,
    preAuthorizedApplications=complex_type(
        "preAuthorizedApplication", ("appId",), many=True, appId=text(), delegatedPermissionIds=texts()
    ),
)
_WEB = complex_type(
    "webApplication",
    homePageUrl=text(),
    logoutUrl=text(),
    redirectUris=texts(),
    implicitGrantSettings=complex_type(
        "implicitGrantSettings", enableIdTokenIssuance=FLAG, enableAccessTokenIssuance=FLAG
    ),
    redirectUriSettings=complex_type("redirectUriSettings", many=True, uri=text(), index=NUMBER),
)
_ACCESS = complex_type(
    "requiredResourceAccess",
    ("resourceAppId", "resourceAccess"),
    many=True,
    resourceAppId=text(),
    resourceAccess=complex_type("resourceAccess", ("id", "type"), many=True, id=GUID, type=text()),
)
_CLAIM = complex_type(
    "optionalClaim",
    ("name",),
    many=True,
    name=text(),
    source=text(),
    essential=FLAG,
    additionalProperties=texts(),
)
PASSWORD = complex_type(
    "passwordCredential",
    many=True,
    customKeyIdentifier=BINARY,
    displayName=text(),
    endDateTime=MOMENT,
    hint=text(),
    keyId=GUID,
    secretText=text(),
    startDateTime=MOMENT,
)
KEY = complex_type(
    "keyCredential",
    many=True,
    customKeyIdentifier=BINARY,
    displayName=text(),
    endDateTime=MOMENT,
    key=BINARY,
    keyId=GUID,
    startDateTime=MOMENT,
    type=text(),
    usage=text(),
)
# What the model keeps in fields of its own.
_OWN = {
    "displayName": text(nullable=False),
    "uniqueName": text(),
    "isFallbackPublicClient": FLAG,
    "passwordCredentials": PASSWORD,
    "keyCredentials": KEY,
}
# What it keeps as it was written.
KEPT = {
    "addIns": complex_type(
        "addIn",
        ("type",),
        many=True,
        id=GUID,
        type=text(),
        properties=complex_type("keyValue", many=True, key=text(), value=text()),
    ),
    "api": _API,
    "appRoles": _ROLE,
    "defaultRedirectUri": text(),
    "description": text(),
    "groupMembershipClaims": text(),
    "identifierUris": texts(),
    "info": complex_type(
        "informationalUrl",
        logoUrl=text(),
        marketingUrl=text(),
        privacyStatementUrl=text(),
        supportUrl=text(),
        termsOfServiceUrl=text(),
    ),
    "isDeviceOnlyAuthSupported": FLAG,
    "nativeAuthenticationApisEnabled": text(),
    "notes": text(),
    "oauth2RequirePostResponse": Shape("Boolean", nullable=False),
    "optionalClaims": complex_type("optionalClaims", accessToken=_CLAIM, idToken=_CLAIM, saml2Token=_CLAIM),
    "parentalControlSettings": complex_type(
        "parentalControlSettings", countriesBlockedForMinors=texts(), legalAgeGroupRule=text()
    ),
    "publicClient": complex_type("publicClientApplication", redirectUris=texts()),
    "requiredResourceAccess": _ACCESS,
    "samlMetadataUrl": text(),
    "serviceManagementReference": text(),
    "servicePrincipalLockConfiguration": complex_type(
        "servicePrincipalLockConfiguration",
        ("isEnabled",),
        isEnabled=FLAG,
        allProperties=FLAG,
        credentialsWithUsageSign=FLAG,
        credentialsWithUsageVerify=FLAG,
        tokenEncryptionKeyId=FLAG,
    ),
    "signInAudience": text(),
    "spa": complex_type("spaApplication", redirectUris=texts()),
    "tags": texts(),
    "tokenEncryptionKeyId": GUID,
    "web": _WEB,
}
WRITABLE = _OWN | KEPT
_SETS = frozenset({"identifierUris", "requiredResourceAccess", "tags"})
_PLATFORMS = frozenset({"publicClient", "spa", "web"})
# What a new application has where nothing else was said.
_DEFAULTS: dict[str, Any] = {
    "api": {},
    "info": {},
    "oauth2RequirePostResponse": False,
    "parentalControlSettings": {"legalAgeGroupRule": "Allow"},
    "publicClient": {},
    "signInAudience": AUDIENCES[0],
    "spa": {},
    "web": {"implicitGrantSettings": {"enableIdTokenIssuance": False, "enableAccessTokenIssuance": False}},
}


def value_of(application: Application, name: str) -> Any:
    """A kept property with all its members, as it is or as it would be by default."""
    value, shape = application.properties.get(name, _DEFAULTS.get(name)), KEPT[name]
    if shape.many:
        return [completed(item, shape) if shape.members is not None else item for item in value or []]
    return completed(value, shape) if shape.members is not None and value is not None else copy.deepcopy(value)


def defaults() -> dict[str, Any]:
    """The kept properties that a new application begins with; the audience is the one of the documentation's example."""
    return copy.deepcopy(_DEFAULTS) | {"signInAudience": DEFAULT_AUDIENCE}


def _kept(name: str) -> Property:
    shape = KEPT[name]
    kind = "Collection" if shape.many else "Complex" if shape.members is not None else shape.name
    filters = {"identifierUris": "any", "tags": "any", "signInAudience": "eq"}.get(name, "")
    return Property(lambda _tenant, item: _shown(name, value_of(item, name)), kind, filters)


def _shown(name: str, value: Any) -> Any:
    """A value as a read gives it: sets in another order than they were written, since the service keeps none."""
    if name in _SETS:
        return list(reversed(value))
    if name in _PLATFORMS and value is not None:
        return value | {"redirectUris": list(reversed(value["redirectUris"]))}
    return value


def _publisher(tenant: Tenant, _item: Application) -> str:
    """The tenant's default domain; the service takes the first verified one of a new tenant."""
    return next((one.name for one in tenant.domains.values() if one.is_default), tenant.initial_domain)


def _read(
    name: str, read: Callable[[Application], Any], kind: str = "String", filters: str = ""
) -> dict[str, Property]:
    return {name: Property(lambda _tenant, item: read(item), kind, filters)}


_PROPERTIES: dict[str, Property] = (
    {
        "id": attribute("id", filters="eq"),
        "appId": attribute("app_id", filters="eq"),
        "displayName": attribute("display_name", filters="eq"),
        "uniqueName": attribute("unique_name", filters="eq"),
        "isFallbackPublicClient": attribute("public_client", "Boolean"),
        "createdByAppId": attribute("created_by_app_id"),
        "applicationTemplateId": constant(None),
        "certification": constant(None, "Complex"),
        "disabledByMicrosoftStatus": constant(None),
        "publisherDomain": Property(_publisher),
        "requestSignatureVerification": constant(None, "Complex"),
        "verifiedPublisher": constant(
            {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None}, "Complex"
        ),
    }
    | _read("createdDateTime", lambda item: moment(item.created_at), "DateTimeOffset", "eq")
    | _read("deletedDateTime", lambda item: moment(item.deleted_at), "DateTimeOffset")
    | _read("passwordCredentials", lambda item: shown_secrets(item.credentials), "Collection")
    | _read("keyCredentials", lambda item: shown_keys(item.credentials), "Collection")
    | {name: _kept(name) for name in KEPT}
)
APPLICATION = Resource(
    "applications", "application", _PROPERTIES, tuple(_PROPERTIES), frozenset({"displayName", "createdDateTime"})
)
# Whether $filter=uniqueName eq is served for deleted applications nobody has seen; here it is not.
DELETED_APPLICATION = replace(
    APPLICATION, properties=_PROPERTIES | {"uniqueName": attribute("unique_name")}, sortable=frozenset()
)
