# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applications: found, made, changed, deleted; who owns them.

Sources: the application pages of the Graph v1.0 reference, "Upsert application" among them. A new application is not at
once on every replica (switch C(graph_replica_lag)); a write that meets one without it is answered as if it did not exist.
"""

from __future__ import annotations

import copy
import uuid
from typing import Any

from ..propagation import withdraw
from ..replicas import announce
from ..state import Application, DeletedPrincipal, Tenant
from . import credential_policies, credentials, query
from .application_rules import check_entitlements, check_values
from .application_schema import APPLICATION, KEPT, PERSONAL, WRITABLE, defaults, value_of
from .call import Answer, Call, done
from .credential_forms import shown_keys
from .errors import GraphError, forbidden, missing, read_only, refused, syntax, unknown_property
from .permissions import APPLICATIONS_WRITE_ALL
from .shapes import check, is_guid, merged

_KEYS = {"id": "id", "appid": "app_id", "uniquename": "unique_name"}


def matching(call: Call, applications: list[Application]) -> Application | None:
    """The application that the first key of the call names, among the given ones."""
    name, value = call.keys[0]
    field = _KEYS.get(name.lower())
    if field is None:
        raise syntax(f"Resource not found for the segment '{name}'.")
    if name == "id" and not is_guid(value):
        raise refused(f"Invalid object identifier '{value}'.")
    return next((one for one in applications if (getattr(one, field) or "").lower() == value.lower()), None)


def seen(call: Call) -> Application:
    """The application of the address, as this request's replica sees it. Raises GraphError when it does not."""
    found = matching(call, call.reader.applications())
    if found is None:
        raise missing(call.key)
    return found


def writable(call: Call, everything: frozenset[str] = APPLICATIONS_WRITE_ALL) -> Application:
    """The application of the address for a write; the caller must be allowed to change it. Raises GraphError.

    everything: the permissions that reach every application; without one of them the caller has to be an owner.
    """
    real = matching(call, list(call.tenant.applications.values()))
    visible = matching(call, call.reader.applications())
    if real is None or visible is None:
        if real is not None and value_of(real, "signInAudience") in PERSONAL:
            # terraform-provider-azuread issue 1764: the directory of personal accounts lags behind.
            words = "The corresponding MSA application does not exist."
            raise GraphError(409, "Error_MsaAppDoesNotExist", words)
        raise missing(call.key)
    check_owner(call, real.owners, everything)
    return real


def check_owner(call: Call, owners: list[str], everything: frozenset[str]) -> None:
    """Application.ReadWrite.OwnedBy reaches only what the caller owns. Raises GraphError."""
    if not call.permissions & everything and call.claims.get("oid") not in owners:
        raise forbidden()


def list_applications(call: Call) -> Answer:
    """GET /applications."""
    return query.collection(call, APPLICATION, call.reader.applications())


def get_application(call: Call) -> Answer:
    """GET /applications/{id}; the certificates themselves are shown only to $select=keyCredentials."""
    application = seen(call)
    body = APPLICATION.entity(call, application)
    if "$select" in call.query and "keyCredentials" in body:
        body["keyCredentials"] = shown_keys(application.credentials, with_key=True)
    return Answer(200, body)


def create_application(call: Call) -> Answer:
    """POST /applications."""
    return _create(call, _checked_body(call), None)


def update_application(call: Call) -> Answer:
    """PATCH /applications/{id}; with a uniqueName in the address and C(Prefer: create-if-missing) also an upsert."""
    name, value = call.keys[0]
    by_name = name.lower() == "uniquename"
    preferred = {part.strip().lower() for part in call.headers.get("prefer", "").split(",")}
    if by_name and "create-if-missing" in preferred and matching(call, call.reader.applications()) is None:
        return _create(call, _checked_body(call), value)
    application = writable(call)
    wanted = _checked_body(call)
    if by_name and wanted.get("uniqueName", value) != value:
        raise refused("Property 'uniqueName' is read-only and cannot be set.")
    _update(call, application, wanted)
    return done()


def _checked_body(call: Call) -> dict[str, Any]:
    """The body with proper names, every member known, writable and of the right type."""
    wanted = {}
    for given, value in call.body().items():
        if "@odata." in given:
            continue
        name = APPLICATION.named(given)
        if name is None:
            raise unknown_property(given, "application")
        if name not in WRITABLE:
            raise read_only(name)
        wanted[name] = check(value, WRITABLE[name], name, "Application")
    if (wanted.get("info") or {}).get("logoUrl") is not None:
        raise read_only("logoUrl")
    for item in wanted.get("appRoles", []):
        item["isEnabled"] = item.get("isEnabled") is not False
        item["origin"] = "Application"
    for item in (wanted.get("api") or {}).get("oauth2PermissionScopes", []):
        item["isEnabled"] = item.get("isEnabled") is not False
        item["type"] = item.get("type") or "User"
    return wanted


def _create(call: Call, wanted: dict[str, Any], unique_name: str | None) -> Answer:
    if not wanted.get("displayName"):
        raise refused("A value is required for property 'displayName' of resource 'Application'.")
    if unique_name is not None:
        if wanted.get("passwordCredentials"):
            raise refused("New password credentials must be generated with service actions.")
        wanted["uniqueName"] = unique_name
    tenant = call.tenant
    identifier = _identifier(tenant)
    application = Application(identifier, _identifier(tenant), wanted["displayName"], None, public_client=None)
    application.created_at, application.properties = tenant.clock.now(), defaults()
    application.created_by_app_id = call.claims.get("appid")
    values = _merged(application, wanted)
    _check_access(call, values)
    check_values(tenant, application, values, new=True)
    keys = credentials.planned_keys(tenant, application, values.get("keyCredentials", []))
    secrets = [
        credentials.new_secret(tenant, application, item) for item in values.pop("passwordCredentials", None) or []
    ]
    _apply(application, values)
    credentials.replace_keys(tenant, application, keys)
    _complete_audience(application)
    if not call.permissions & APPLICATIONS_WRITE_ALL:
        application.owners.append(str(call.claims.get("oid")))
    tenant.applications[application.id] = application
    announce(tenant, "applications")
    body = APPLICATION.entity(call, application)
    if secrets:
        # The one answer that shows the values of secrets made with the application.
        body["passwordCredentials"] = secrets
    return Answer(201, body, {"Location": f"{call.base_url}/v1.0/applications/{application.id}"})


def _identifier(tenant: Tenant) -> str:
    """An id from a source of its own, so that a new application does not change the ids of what comes later."""
    count = tenant.scratch["application_ids"] = tenant.scratch.get("application_ids", 0) + 1
    return str(uuid.uuid5(uuid.UUID(tenant.id), f"application {tenant.seed} {count}"))


def _complete_audience(application: Application) -> None:
    """With personal accounts the tokens are of version 2, whether that was said or not."""
    properties = application.properties
    if properties["signInAudience"] in PERSONAL:
        properties["api"] = {**(properties.get("api") or {}), "requestedAccessTokenVersion": 2}


def _update(call: Call, application: Application, wanted: dict[str, Any]) -> None:
    """Everything is judged before anything is changed."""
    tenant = call.tenant
    values = _merged(application, wanted)
    _check_access(call, wanted)
    check_values(tenant, application, values, new=False)
    check_entitlements(tenant, application.properties, values)
    lost = (
        credentials.keep_secrets(application, values["passwordCredentials"]) if "passwordCredentials" in values else []
    )
    keys = None
    if "keyCredentials" in values:
        keys = credentials.planned_keys(tenant, application, values["keyCredentials"])
    if keys is not None or lost:
        credentials.note_write(tenant, application)
    for credential in lost:
        withdraw(tenant, application, credential)
    if keys is not None:
        credentials.replace_keys(tenant, application, keys)
    _apply(application, values)
    announce(tenant, "applications")


def _merged(application: Application, wanted: dict[str, Any]) -> dict[str, Any]:
    """The values as they would be: members of complex properties merged, collections replaced."""
    old = application.properties
    return {
        name: merged(copy.deepcopy(old.get(name)), value, KEPT[name]) if name in KEPT else value
        for name, value in wanted.items()
    }


def _check_access(call: Call, wanted: dict[str, Any]) -> None:
    """terraform-provider-azuread issue 914: Application.ReadWrite.OwnedBy does not suffice for acceptMappedClaims."""
    claims = (wanted.get("api") or {}).get("acceptMappedClaims")
    if claims is not None and not call.permissions & APPLICATIONS_WRITE_ALL:
        raise forbidden()


def _apply(application: Application, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if name in KEPT:
            application.properties[name] = value
    application.display_name = values.get("displayName", application.display_name)
    application.unique_name = values.get("uniqueName", application.unique_name)
    application.public_client = values.get("isFallbackPublicClient", application.public_client)


def delete_application(call: Call) -> Answer:
    """DELETE /applications/{id}: a soft delete, with the service principal; both keep their names for 30 days."""
    application = writable(call)
    tenant = call.tenant
    key = next(key for key, one in tenant.applications.items() if one is application)
    del tenant.applications[key]
    application.deleted_at = tenant.clock.now()
    tenant.deleted_applications[application.id] = application
    remove_principal(tenant, application)
    announce(tenant, "applications", "deleted_applications", "deleted_principals")
    return done()


def remove_principal(tenant: Tenant, application: Application) -> None:
    """Soft-delete the service principal of an application, if it has one."""
    identifier = application.service_principal_id
    if identifier is not None:
        now = tenant.clock.now()
        tenant.deleted_principals[identifier] = DeletedPrincipal(
            identifier, application.app_id, application.display_name, now
        )
        application.service_principal_id = None


def add_password(call: Call) -> Answer:
    """POST /applications/{id}/addPassword."""
    application = writable(call)
    made = credentials.add_password(call, application)
    announce(call.tenant, "applications")
    return credentials.password_answer(call, made)


def remove_password(call: Call) -> Answer:
    """POST /applications/{id}/removePassword."""
    application = writable(call)
    answer = credentials.remove_password(call, application, seen(call))
    announce(call.tenant, "applications")
    return answer


def list_credential_policies(call: Call) -> Answer:
    """GET /applications/{id}/appManagementPolicies."""
    return credential_policies.policies_of(call, seen(call))
