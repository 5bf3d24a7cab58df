# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties of Graph's user: what they show, how they may be filtered, and which may be written.

Source: the user resource page of the Graph v1.0 reference and the v1.0 metadata document.
"""

from __future__ import annotations

from typing import Any

from ..state import License, Tenant, User
from .call import moment
from .provisioning import assigned_plans, provisioned_plans
from .resource import Property, Resource, attribute, constant

DEFAULT = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
)
# Text properties that the lab only keeps.
KEPT_TEXT = (
    "ageGroup",
    "city",
    "companyName",
    "consentProvidedForMinor",
    "country",
    "employeeId",
    "employeeType",
    "faxNumber",
    "mobilePhone",
    "officeLocation",
    "passwordPolicies",
    "postalCode",
    "preferredDataLocation",
    "preferredLanguage",
    "state",
    "streetAddress",
)
KEPT_LISTS = ("businessPhones", "otherMails")
# Properties of the type that are always empty here.
_EMPTY_TEXT = (
    "aboutMe",
    "birthday",
    "creationType",
    "customSecurityAttributes",
    "employeeHireDate",
    "employeeLeaveDateTime",
    "employeeOrgData",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "isManagementRestricted",
    "isResourceAccount",
    "legalAgeGroupClassification",
    "mySite",
    "passwordProfile",
    "preferredName",
    "signInActivity",
)
_EMPTY_LISTS = ("interests", "pastProjects", "responsibilities", "schools", "serviceProvisioningErrors", "skills")
# Attribute of the model -> text property that can be written, and filtered with eq.
WRITTEN_TEXT = {
    "displayName": "display_name",
    "givenName": "given_name",
    "surname": "surname",
    "mail": "mail",
    "mailNickname": "mail_nickname",
    "userPrincipalName": "user_principal_name",
    "usageLocation": "usage_location",
    "department": "department",
    "jobTitle": "job_title",
    "onPremisesImmutableId": "on_premises_immutable_id",
}
# What can be written, with its EDM kind; everything else is read-only.
WRITABLE = (
    dict.fromkeys((*WRITTEN_TEXT, *KEPT_TEXT, "userType"), "String")
    | dict.fromkeys(KEPT_LISTS, "Collection(Edm.String)")
    | {
        "accountEnabled": "Boolean",
        "showInAddressList": "Boolean",
        "passwordProfile": "microsoft.graph.passwordProfile",
    }
)
# What the cloud masters even on a synchronized user.
NOT_MASTERED = frozenset(
    {
        "ageGroup",
        "consentProvidedForMinor",
        "otherMails",
        "passwordPolicies",
        "passwordProfile",
        "preferredDataLocation",
        "usageLocation",
    }
)


def shown_name(user: User) -> str:
    """The user principal name; a deleted user's carries its id, so that the name is free again."""
    prefix = user.id.replace("-", "") if user.deleted_at else ""
    return prefix + user.user_principal_name


def _assigned_licenses(_tenant: Tenant, user: User) -> list[dict[str, Any]]:
    """One row for each SKU, whether direct, by group or both."""
    rows: dict[str, dict[str, Any]] = {}
    for one_license in user.licenses:
        row = rows.setdefault(
            one_license.sku_id, {"disabledPlans": list(one_license.disabled_plans), "skuId": one_license.sku_id}
        )
        row["disabledPlans"] = [plan for plan in row["disabledPlans"] if plan in one_license.disabled_plans]
    return list(rows.values())


def _license_states(_tenant: Tenant, user: User) -> list[dict[str, Any]]:
    """One row for each way by which the user has a SKU."""
    return [_license_state(user, one_license) for one_license in user.licenses]


def _license_state(user: User, one_license: License) -> dict[str, Any]:
    return {
        "assignedByGroup": one_license.group_id,
        "disabledPlans": list(one_license.disabled_plans),
        "error": "None",
        "lastUpdatedDateTime": moment(one_license.assigned_at or user.created_at),
        "skuId": one_license.sku_id,
        "state": "Active",
    }


def _kept(name: str, default: Any = None, kind: str = "String", filters: str = "") -> Property:
    def read(_tenant: Tenant, user: User) -> Any:
        value = user.extra.get(name, default)
        return list(value) if isinstance(value, list) else value

    return Property(read, kind, filters)


def _instant(name: str, filters: str = "") -> Property:
    return Property(lambda _tenant, user: moment(getattr(user, name)), "DateTimeOffset", filters)


def _identities(tenant: Tenant, user: User) -> list[dict[str, Any]]:
    name = {"signInType": "userPrincipalName", "issuer": tenant.initial_domain}
    return [name | {"issuerAssignedId": shown_name(user)}]


def _properties() -> dict[str, Property]:
    properties = {name: constant(None) for name in _EMPTY_TEXT} | {
        name: constant([], "Collection") for name in _EMPTY_LISTS
    }
    properties |= {name: attribute(attr, filters="eq") for name, attr in WRITTEN_TEXT.items()}
    properties |= {name: _kept(name, filters="eq") for name in KEPT_TEXT}
    properties |= {name: _kept(name, [], "Collection", "any") for name in KEPT_LISTS}
    properties |= {
        "id": attribute("id", filters="eq"),
        "userPrincipalName": Property(lambda _tenant, user: shown_name(user), filters="eq"),
        "accountEnabled": attribute("account_enabled", "Boolean", "eq"),
        "userType": _kept("userType", "Member", filters="eq"),
        "showInAddressList": _kept("showInAddressList", None, "Boolean"),
        "createdDateTime": _instant("created_at", "eq"),
        "deletedDateTime": _instant("deleted_at", "eq"),
        "signInSessionsValidFromDateTime": _instant("created_at"),
        "lastPasswordChangeDateTime": Property(
            lambda _tenant, user: moment(user.password_changed_at or user.created_at), "DateTimeOffset"
        ),
        "proxyAddresses": Property(lambda _tenant, user: list(user.proxy_addresses), "Collection", "any"),
        "imAddresses": constant([], "Collection"),
        "identities": Property(_identities, "Collection"),
        "assignedLicenses": Property(_assigned_licenses, "Collection", "any"),
        "assignedPlans": Property(assigned_plans, "Collection", "any"),
        "provisionedPlans": Property(provisioned_plans, "Collection"),
        "licenseAssignmentStates": Property(_license_states, "Collection"),
        "securityIdentifier": constant(None),
    }
    return properties | _hybrid()


def _hybrid() -> dict[str, Property]:
    """The attributes that tell about synchronization; like all others, shown only when selected."""
    return {
        "onPremisesSyncEnabled": attribute("on_premises_sync_enabled", "Boolean", "eq"),
        "onPremisesLastSyncDateTime": _instant("on_premises_last_sync", "eq"),
        "onPremisesDistinguishedName": attribute("on_premises_distinguished_name"),
        "onPremisesDomainName": attribute("on_premises_domain_name"),
        "onPremisesSamAccountName": attribute("on_premises_sam_account_name", filters="advanced"),
        "onPremisesSecurityIdentifier": attribute("on_premises_security_identifier", filters="eq"),
        "onPremisesUserPrincipalName": attribute("on_premises_user_principal_name"),
        "onPremisesProvisioningErrors": Property(
            lambda _tenant, user: [dict(row) for row in user.on_premises_provisioning_errors], "Collection"
        ),
        "onPremisesExtensionAttributes": Property(lambda _tenant, _user: _extension_attributes(), "Complex"),
    }


def _extension_attributes() -> dict[str, None]:
    return {f"extensionAttribute{number}": None for number in range(1, 16)}


USER = Resource(
    "users", "user", _properties(), DEFAULT, frozenset({"displayName", "userPrincipalName", "deletedDateTime"})
)
