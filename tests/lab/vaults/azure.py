# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets in Azure Key Vault, with tokens of the tenant for https://vault.azure.net and Azure roles for access.

Source: Microsoft Learn, Key Vault REST reference (secrets, 7.4 and later) and "About Azure Key Vault secrets"; texts of
refusals from public logs (AKV10000, AKV10022, ForbiddenByRbac, ObjectIsDeletedButRecoverable).

A vault has a host of its own in Azure; here C(/secrets/...) is the first vault, and C(/NAME/secrets/...) the one of
that name.

Switches of the tenant:

- C(key_vaults): names of the vaults (default: one, named like the initial domain's first label).
- C(key_vault_access): client id or name of an application -> C(officer) (everything), C(user) (get and list), C(reader)
  (list) or C(none). Without this switch every application is an officer, with it those that it does not name have none.
- C(key_vault_delete_seconds): how long a deletion takes, meanwhile 409 ObjectIsBeingDeleted (0).
- C(key_vault_unpurgeable): purging is refused (purge protection).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .. import tokens
from ..state import Tenant
from ..stores import KeyVaultSecret, KeyVaultVersion
from ..world import World, world_of

_AUDIENCES = ("https://vault.azure.net", tokens.KEY_VAULT)
_VERSIONS = re.compile(r"^(2016-10-01|7\.[0-6](-preview\.\d+)?|202[56]-\d\d-\d\d(-preview)?)$")
_NAME = re.compile(r"^[0-9a-zA-Z-]{1,127}$")
_RETENTION = timedelta(days=90)
_MOST_TAGS, _LONGEST_VALUE, _LONGEST_TAG, _PAGE = 15, 25_600, 256, 25
_METADATA = "readMetadata/action"
_ROLES: dict[str, frozenset[str]] = {
    "officer": frozenset(
        {
            "getSecret/action",
            "setSecret/action",
            "update/action",
            "delete",
            "recover/action",
            "purge/action",
            _METADATA,
        }
    ),
    "user": frozenset({"getSecret/action", _METADATA}),
    "reader": frozenset({_METADATA}),
    "none": frozenset(),
}


class _Refused(Exception):
    """An answer of the service that is no success."""

    def __init__(self, status: int, code: str, message: str, inner: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"code": code, "message": message}
        if inner is not None:
            self.error["innererror"] = {"code": inner}


@dataclass(frozen=True)
class _Call:
    """A request that was let in: where it came to, and what it carries. C(base) is the vault's URL."""

    tenant: Tenant
    secrets: dict[str, KeyVaultSecret]
    base: str
    name: str
    version: str
    query: dict[str, str]
    content: Any

    @property
    def now(self) -> int:
        """The tenant's time in seconds since 1970."""
        return int(self.tenant.clock.timestamp())


Handler = Callable[[_Call], tuple[int, Any]]


def _guarded(action: str, handler: Handler) -> Callable[[Request], Any]:
    """Check token, access and address before a handler; give its answer and its refusals the service's form."""

    async def handle(request: Request) -> Response:
        world = world_of(request)
        headers = {"x-ms-request-id": str(uuid.uuid4()), "x-ms-keyvault-region": "westeurope", "Pragma": "no-cache"}
        try:
            vault, secrets = _vault(world.tenant, request)
            claims = _claims(world, request)
            _check_access(world.tenant, claims, vault, action, request.path_params.get("name"))
            status, body = handler(await _call(world, request, secrets))
        except _Refused as refusal:
            if refusal.status == 401:
                headers["WWW-Authenticate"] = (
                    f'Bearer authorization="{world.base_url}/{world.tenant.id}", resource="https://vault.azure.net"'
                )
            return JSONResponse({"error": refusal.error}, refusal.status, headers)
        return Response(status_code=204, headers=headers) if body is None else JSONResponse(body, status, headers)

    return handle


def _vault(tenant: Tenant, request: Request) -> tuple[str, dict[str, KeyVaultSecret]]:
    """The vault that a request came to. A name that nobody has would not even resolve; here it is a bare 404."""
    names = tenant.switches.get("key_vaults") or [tenant.initial_domain.partition(".")[0]]
    name = request.path_params.get("vault") or names[0]
    if name not in names:
        raise _Refused(404, "VaultNotFound", f"There is no vault {name}.")
    return name, tenant.vaults.azure.setdefault(name, {})


def _claims(world: World, request: Request) -> dict[str, Any]:
    """The claims of the token; a resource with a slash at its end is another audience."""
    try:
        claims = tokens.bearer(request, tokens.KEY_VAULT)
        found = claims["aud"]
    except tokens.Unauthorized as error:
        found = _audience(request) if error.reason == "audience" else None
        if found is None:
            raise _Refused(401, "Unauthorized", _REASONS.get(error.reason, "AKV10015: Token is invalid.")) from error
    if found not in _AUDIENCES:
        said = f"AKV10022: Invalid audience. Expected {_AUDIENCES[0]}, found: {found}."
        raise _Refused(401, "Unauthorized", said)
    return claims


# The number of the last two is not to be found in public; clients see the code Unauthorized.
_REASONS = {
    "missing": "AKV10000: Request is missing a Bearer or PoP token.",
    "expired": "[TokenExpired] Error validating token: 'S2S12086'.",
    "signature": "[BearerReadAccessTokenFailed] Error validating token: 'S2S12005'.",
}


def _audience(request: Request) -> str:
    verified = world_of(request).verified_tokens
    return str(verified[request.headers["authorization"].partition(" ")[2]]["aud"])


def _check_access(tenant: Tenant, claims: dict[str, Any], vault: str, action: str, name: str | None) -> None:
    if action in _ROLES[_role(tenant, str(claims["appid"]))]:
        return
    place = f"/subscriptions/{uuid.uuid5(uuid.NAMESPACE_DNS, vault)}/resourcegroups/contoso/providers"
    said = [
        "Caller is not authorized to perform action on resource.",
        "If role assignments, deny assignments or role definitions were changed recently, please observe propagation "
        "time.",
        f"Caller: appid={claims['appid']};oid={claims['oid']};iss=https://sts.windows.net/{tenant.id}/",
        f"Action: 'Microsoft.KeyVault/vaults/secrets/{action}'",
        f"Resource: '{place}/microsoft.keyvault/vaults/{vault}{f'/secrets/{name}' if name else ''}'",
        "Assignment: (not found)",
        "DenyAssignmentId: null",
        "DecisionReason: null ",
        f"Vault: {vault};location=westeurope",
        "",
    ]
    raise _Refused(403, "Forbidden", "\r\n".join(said), "ForbiddenByRbac")


def _role(tenant: Tenant, app_id: str) -> str:
    access: dict[str, str] | None = tenant.switches.get("key_vault_access")
    if access is None:
        return "officer"
    names = {one.app_id: one.display_name for one in tenant.applications.values()}
    return access.get(app_id) or access.get(names.get(app_id, ""), "none")


async def _call(world: World, request: Request, secrets: dict[str, KeyVaultSecret]) -> _Call:
    version = request.query_params.get("api-version")
    if version is None:
        raise _bad("api-version must be specified")
    if not _VERSIONS.match(version):
        raise _bad(f"The specified version ({version}) is not recognized. Consider using the latest supported version")
    name = request.path_params.get("name", "")
    if name and not _NAME.match(name):
        raise _bad(f"The request URI contains an invalid name: {name}")
    vault = request.path_params.get("vault")
    base = f"{request.url.scheme}://{request.url.netloc}{f'/{vault}' if vault else ''}"
    content = _decoded(await request.body()) if request.method in ("PUT", "PATCH") else {}
    query, wanted = dict(request.query_params), request.path_params.get("version", "")
    return _Call(world.tenant, secrets, base, name, wanted, query, content)


def _bad(message: str) -> _Refused:
    return _Refused(400, "BadParameter", message)


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _bad("The request body is not a JSON object.")
    return content


# --- what the service does ----------------------------------------------------------------------------------------------


def _set(call: _Call) -> tuple[int, Any]:
    """PUT secrets/NAME: a new version. A deleted secret keeps its name."""
    value = call.content.get("value")
    if not isinstance(value, str):
        raise _bad("Property value is required and has to be a string.")
    if len(value.encode()) > _LONGEST_VALUE:
        raise _bad(f"The secret value is too long. The maximum is {_LONGEST_VALUE} bytes.")
    secret = call.secrets.get(call.name.lower()) or KeyVaultSecret(call.name)
    _refuse_deleted(call, secret)
    version = KeyVaultVersion(f"{call.tenant.random.getrandbits(128):032x}", value, call.now, call.now)
    _apply(version, call.content)
    call.secrets[secret.name.lower()] = secret
    secret.versions.append(version)
    return 200, {"value": value, **_shown(call, secret, version)}


def _refuse_deleted(call: _Call, secret: KeyVaultSecret) -> None:
    if secret.deleted_at is None:
        return
    if _is_being_deleted(call, secret):
        said = f"Secret {secret.name} is currently being deleted and cannot be re-created; retry later."
        raise _Refused(409, "Conflict", said, "ObjectIsBeingDeleted")
    said = (
        f"Secret {secret.name} is currently in a deleted but recoverable state, and its name cannot be reused; in this "
        "state, the secret can only be recovered or purged."
    )
    raise _Refused(409, "Conflict", said, "ObjectIsDeletedButRecoverable")


def _is_being_deleted(call: _Call, secret: KeyVaultSecret) -> bool:
    lasts = float(call.tenant.switches.get("key_vault_delete_seconds", 0))
    return secret.deleted_at is not None and (call.tenant.clock.now() - secret.deleted_at).total_seconds() < lasts


def _apply(version: KeyVaultVersion, content: dict[str, Any]) -> None:
    """Write what the body says beside the value; the members that it does not name stay as they are."""
    attributes = content.get("attributes") or {}
    kinds: dict[str, tuple[str, type]] = {
        "enabled": ("enabled", bool),
        "nbf": ("not_before", int),
        "exp": ("expires", int),
    }
    for name, (member, kind) in kinds.items():
        if attributes.get(name) is not None:
            # A truth value is a number to Python.
            if not isinstance(attributes[name], kind) or (kind is int and isinstance(attributes[name], bool)):
                raise _bad(f"Property attributes.{name} has invalid value")
            setattr(version, member, attributes[name])
    if content.get("contentType") is not None:
        if not isinstance(content["contentType"], str) or len(content["contentType"]) > 255:
            raise _bad("Property contentType has invalid value")
        version.content_type = content["contentType"]
    if content.get("tags") is not None:
        version.tags = _tags(content["tags"])


def _tags(tags: Any) -> dict[str, str]:
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise _bad("Property tags has invalid value")
    if len(tags) > _MOST_TAGS:
        raise _bad(f"The number of tags exceeds the maximum of {_MOST_TAGS}.")
    if any(len(text) > _LONGEST_TAG for pair in tags.items() for text in pair):
        raise _bad(f"A tag's name or value is longer than {_LONGEST_TAG} characters.")
    return dict(tags)


def _shown(call: _Call, secret: KeyVaultSecret, version: KeyVaultVersion) -> dict[str, Any]:
    """A version without its value; members without content are left out."""
    attributes: dict[str, Any] = {"enabled": version.enabled}
    attributes |= {"nbf": version.not_before} if version.not_before is not None else {}
    attributes |= {"exp": version.expires} if version.expires is not None else {}
    attributes |= {"created": version.created, "updated": version.updated}
    attributes |= {"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": _RETENTION.days}
    shown: dict[str, Any] = {"id": f"{call.base}/secrets/{secret.name}/{version.id}", "attributes": attributes}
    shown |= {"tags": version.tags} if version.tags else {}
    return shown | ({"contentType": version.content_type} if version.content_type else {})


def _secret(call: _Call) -> KeyVaultSecret:
    secret = call.secrets.get(call.name.lower())
    if secret is None or secret.deleted_at is not None:
        raise _missing(call.name)
    return secret


def _missing(name: str) -> _Refused:
    said = (
        f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may "
        "be able to recover it using the correct recovery command. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return _Refused(404, "SecretNotFound", said)


def _version(call: _Call, secret: KeyVaultSecret) -> KeyVaultVersion:
    if not call.version:
        return secret.versions[-1]
    for version in secret.versions:
        if version.id == call.version.lower():
            return version
    raise _missing(f"{call.name}/{call.version}")


def _get(call: _Call) -> tuple[int, Any]:
    """GET secrets/NAME[/VERSION]; it works outside of nbf and exp as well, but not for a disabled version."""
    secret = _secret(call)
    version = _version(call, secret)
    if not version.enabled:
        raise _Refused(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")
    return 200, {"value": version.secret, **_shown(call, secret, version)}


def _update(call: _Call) -> tuple[int, Any]:
    """PATCH secrets/NAME/VERSION: attributes, content type and tags; never the value."""
    secret = _secret(call)
    version = _version(call, secret)
    _apply(version, call.content)
    version.updated = call.now
    return 200, _shown(call, secret, version)


def _paged(call: _Call, items: list[dict[str, Any]], path: str) -> tuple[int, Any]:
    """A page of a list: C(maxresults) at most 25, and a link to the next one."""
    size = call.query.get("maxresults", str(_PAGE))
    if not size.isdecimal() or not 1 <= int(size) <= _PAGE:
        raise _bad(f"Property maxresults has invalid value; it is from 1 to {_PAGE}")
    begin = int(call.query.get("$skiptoken", "0"))
    end = begin + int(size)
    rest = f"api-version={call.query['api-version']}&$skiptoken={end}&maxresults={size}"
    return 200, {
        "value": items[begin:end],
        "nextLink": f"{call.base}/{path}?{rest}" if end < len(items) else None,
    }


def _list(call: _Call) -> tuple[int, Any]:
    """GET secrets: the newest version of each, its id without the version."""
    items = []
    for secret in call.secrets.values():
        if secret.deleted_at is None:
            row = _shown(call, secret, secret.versions[-1])
            items.append(row | {"id": f"{call.base}/secrets/{secret.name}"})
    return _paged(call, items, "secrets")


def _list_versions(call: _Call) -> tuple[int, Any]:
    """GET secrets/NAME/versions; of a name that nobody has it is an empty list."""
    secret = call.secrets.get(call.name.lower())
    versions = secret.versions if secret is not None and secret.deleted_at is None else []
    items = [_shown(call, secret, version) for version in versions if secret is not None]
    return _paged(call, items, f"secrets/{call.name}/versions")


def _delete(call: _Call) -> tuple[int, Any]:
    """DELETE secrets/NAME: soft; the name stays taken until it is purged."""
    secret = _secret(call)
    secret.deleted_at = call.tenant.clock.now()
    return 200, _deleted_row(call, secret)


def _deleted_row(call: _Call, secret: KeyVaultSecret) -> dict[str, Any]:
    deleted = int(secret.deleted_at.timestamp()) if secret.deleted_at else 0
    return {
        "recoveryId": f"{call.base}/deletedsecrets/{secret.name}",
        "deletedDate": deleted,
        "scheduledPurgeDate": deleted + int(_RETENTION.total_seconds()),
        **_shown(call, secret, secret.versions[-1]),
    }


def _deleted(call: _Call) -> KeyVaultSecret:
    secret = call.secrets.get(call.name.lower())
    if secret is None or secret.deleted_at is None or _is_being_deleted(call, secret):
        said = f"Deleted Secret not found: {call.name}"
        raise _Refused(404, "SecretNotFound", said)
    return secret


def _get_deleted(call: _Call) -> tuple[int, Any]:
    return 200, _deleted_row(call, _deleted(call))


def _recover(call: _Call) -> tuple[int, Any]:
    """POST deletedsecrets/NAME/recover."""
    secret = _deleted(call)
    secret.deleted_at = None
    return 200, _shown(call, secret, secret.versions[-1])


def _purge(call: _Call) -> tuple[int, Any]:
    """DELETE deletedsecrets/NAME: for good."""
    secret = _deleted(call)
    if call.tenant.switches.get("key_vault_unpurgeable"):
        said = 'Operation "purge" is not allowed because purge protection is enabled for this vault.'
        raise _Refused(403, "Forbidden", said, "ForbiddenByPolicy")
    del call.secrets[secret.name.lower()]
    return 204, None


_ROUTES: tuple[tuple[str, str, str, Handler], ...] = (
    ("GET", "/secrets", _METADATA, _list),
    ("PUT", "/secrets/{name}", "setSecret/action", _set),
    ("GET", "/secrets/{name}", "getSecret/action", _get),
    ("DELETE", "/secrets/{name}", "delete", _delete),
    ("PATCH", "/secrets/{name}", "update/action", _update),
    ("GET", "/secrets/{name}/versions", _METADATA, _list_versions),
    ("GET", "/secrets/{name}/{version}", "getSecret/action", _get),
    ("PATCH", "/secrets/{name}/{version}", "update/action", _update),
    ("GET", "/deletedsecrets/{name}", _METADATA, _get_deleted),
    ("DELETE", "/deletedsecrets/{name}", "purge/action", _purge),
    ("POST", "/deletedsecrets/{name}/recover", "recover/action", _recover),
)
routes: list[BaseRoute] = [
    Route(f"{prefix}{path}", _guarded(action, handler), methods=[method])
    for prefix in ("", "/{vault}")
    for method, path, action, handler in _ROUTES
]
