# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HashiCorp Vault: the KV secrets engine, version 2, behind tokens and AppRole.

Source: developer.hashicorp.com/vault/api-docs (secret/kv/kv-v2, auth/approle, libraries' error lists); texts of refusals
from public logs. There is one root token, and one AppRole whose tokens live an hour; the world knows them.

Switches of the tenant:

- C(vault_mounts): names of the KV engines (default C(["secret"])).
- C(vault_policy): what tokens of the AppRole may do: list of C({"path": "secret/data/m365/*", "capabilities": [...]});
  by default create, update, read, patch, delete and list below C(m365/) of the first mount.
- C(vault_namespace): the namespace where all this lives (default: none). Another one is 403 (Enterprise; our guess).
- C(vault_sealed): 503 Vault is sealed.
- C(vault_cas_required): every write of the engine needs C(cas).
- C(vault_max_request_bytes): 413 above it (33554432, as the listener's default).
"""

from __future__ import annotations

import hmac
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..state import Tenant
from ..stores import HashiEntry, HashiVersion
from ..world import World, world_of

_LIFETIME = 3600
_DEFAULT_VERSIONS = 10
_MOST_METADATA = 64
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_CAPABILITIES = {"GET": "read", "LIST": "list", "POST": "update", "PUT": "update", "DELETE": "delete", "PATCH": "patch"}


class _Refused(Exception):
    """An answer with errors; C(data) goes beside them where the engine gives some."""

    def __init__(self, status: int, *texts: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(*texts)
        self.status, self.texts, self.data = status, texts, data


@dataclass(frozen=True)
class _Call:
    """A request to a KV engine that was let in."""

    tenant: Tenant
    method: str
    mount: str
    path: str
    query: dict[str, str]
    content: dict[str, Any]

    @property
    def entries(self) -> dict[str, HashiEntry]:
        """What the engine holds."""
        return self.tenant.vaults.hashicorp.setdefault(self.mount, {})

    @property
    def entry(self) -> HashiEntry:
        """The entry at the path. Raises _Refused with 404 and no error text, as the engine answers."""
        found = self.entries.get(self.path)
        if found is None:
            raise _Refused(404)
        return found


async def _answer(request: Request) -> Response:
    world = world_of(request)
    path = request.path_params["path"].strip("/")
    try:
        status, body = await _served(world, request, path)
    except _Refused as refusal:
        content: dict[str, Any] = {"errors": list(refusal.texts)} if refusal.data is None else _wrapped(refusal.data)
        return JSONResponse(content, refusal.status, {"Cache-Control": "no-store"})
    headers = {"Cache-Control": "no-store"}
    return Response(status_code=204, headers=headers) if body is None else JSONResponse(body, status, headers)


async def _served(world: World, request: Request, path: str) -> tuple[int, Any]:
    tenant = world.tenant
    if path == "sys/health":
        sealed = bool(tenant.switches.get("vault_sealed"))
        return (503 if sealed else 200), {"initialized": True, "sealed": sealed, "standby": False, "version": "1.21.0"}
    if tenant.switches.get("vault_sealed"):
        raise _Refused(503, "Vault is sealed")
    content = _decoded(await request.body(), int(tenant.switches.get("vault_max_request_bytes", 33_554_432)))
    _check_namespace(tenant, request)
    if path == "auth/approle/login" and request.method in ("POST", "PUT"):
        return 200, _login(world, content)
    token = _token(world, request)
    method = "LIST" if request.query_params.get("list", "").lower() == "true" else request.method
    if path == "auth/token/lookup-self":
        return 200, _wrapped(_looked_up(world, token))
    mount, kind, rest = _place(tenant, token, method, path)
    call = _Call(tenant, method, mount, rest, dict(request.query_params), content)
    return _engine(call, kind)


def _decoded(body: bytes, most: int) -> dict[str, Any]:
    if len(body) > most:
        raise _Refused(413, "failed to parse JSON input: http: request body too large")
    try:
        content = json.loads(body) if body else {}
    except ValueError as error:
        raise _Refused(400, f"failed to parse JSON input: {error}") from None
    if not isinstance(content, dict):
        raise _Refused(400, "failed to parse JSON input: json: cannot unmarshal into a map")
    return content


def _check_namespace(tenant: Tenant, request: Request) -> None:
    given = request.headers.get("x-vault-namespace", "").strip("/")
    if given != str(tenant.switches.get("vault_namespace", "")).strip("/"):
        raise _Refused(403, "permission denied")


# --- tokens -------------------------------------------------------------------------------------------------------------


def _login(world: World, content: dict[str, Any]) -> dict[str, Any]:
    """A token for the AppRole."""
    role, secret = str(content.get("role_id", "")), str(content.get("secret_id", ""))
    if not role:
        raise _Refused(400, "missing role_id")
    known = hmac.compare_digest(role.encode(), world.vault_role_id.encode())
    if not known or not hmac.compare_digest(secret.encode(), world.vault_secret_id.encode()):
        raise _Refused(400, "invalid role or secret ID")
    token = f"hvs.{uuid.uuid4().hex}{uuid.uuid4().hex}"
    _issued(world.tenant)[token] = world.tenant.clock.timestamp() + _LIFETIME
    auth = {
        "client_token": token,
        "accessor": uuid.uuid4().hex,
        "policies": ["default", "m365"],
        "token_policies": ["default", "m365"],
        "metadata": {"role_name": "m365"},
        "lease_duration": _LIFETIME,
        "renewable": True,
        "entity_id": str(uuid.uuid4()),
        "token_type": "service",
        "orphan": True,
    }
    return _wrapped(None) | {"auth": auth}


def _issued(tenant: Tenant) -> dict[str, float]:
    """Tokens of the AppRole and when they end; kept outside of what the control shows."""
    issued: dict[str, float] = tenant.scratch.setdefault("vault_tokens", {})
    return issued


def _token(world: World, request: Request) -> str:
    """The token of the request: in X-Vault-Token, or as a bearer."""
    token = request.headers.get("x-vault-token", "")
    if not token:
        scheme, _unused, token = request.headers.get("authorization", "").partition(" ")
        token = token if scheme.lower() == "bearer" else ""
    if not token:
        raise _Refused(403, "permission denied")
    ends = _issued(world.tenant).get(token, 0.0)
    if token != world.vault_token and ends <= world.tenant.clock.timestamp():
        raise _Refused(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
    return token


def _looked_up(world: World, token: str) -> dict[str, Any]:
    if token == world.vault_token:
        return {"policies": ["root"], "ttl": 0, "renewable": False, "type": "service"}
    left = int(_issued(world.tenant)[token] - world.tenant.clock.timestamp())
    return {"policies": ["default", "m365"], "ttl": left, "renewable": True, "type": "service"}


def _place(tenant: Tenant, token: str, method: str, path: str) -> tuple[str, str, str]:
    """Mount, kind and path of a request to an engine. Refused before it is looked whether there is such a mount."""
    if token in _issued(tenant) and not _is_permitted(tenant, method, path):
        raise _Refused(403, "1 error occurred:\n\t* permission denied\n\n")
    mount, _unused, rest = path.partition("/")
    if mount not in _mounts(tenant):
        raise _Refused(404, f'no handler for route "{path}". route entry not found.')
    kind, _unused, rest = rest.partition("/")
    if kind not in _ENGINE or (not rest and method != "LIST"):
        raise _Refused(404, f'no handler for route "{path}". route entry not found.')
    return mount, kind, rest.strip("/")


def _mounts(tenant: Tenant) -> list[str]:
    mounts: list[str] = tenant.switches.get("vault_mounts") or ["secret"]
    return mounts


def _is_permitted(tenant: Tenant, method: str, path: str) -> bool:
    """Whether the policy allows it. A write to what is not there yet is C(create), a list is of a path with a slash."""
    mount = _mounts(tenant)[0]
    everything = ["create", "update", "read", "patch", "delete", "list"]
    default = [{"path": f"{mount}/{kind}/m365/*", "capabilities": everything} for kind in _ENGINE]
    wanted = _CAPABILITIES.get(method, "")
    engine, _unused, rest = path.partition("/")
    entry = tenant.vaults.hashicorp.get(engine, {}).get(rest.partition("/")[2])
    if wanted == "update" and entry is None and rest.startswith(("data/", "metadata/")):
        wanted = "create"
    rules: list[dict[str, Any]] = tenant.switches.get("vault_policy") or default
    place = f"{path}/" if method == "LIST" else path
    return any(_covers(rule["path"], place) and wanted in rule["capabilities"] for rule in rules)


def _covers(pattern: str, path: str) -> bool:
    """Whether a path of a policy means another one: C(*) at the end is any rest, C(+) one segment (docs, Policies)."""
    wanted = re.escape(pattern.removesuffix("*")).replace(r"\+", "[^/]+")
    return re.fullmatch(wanted + (".*" if pattern.endswith("*") else ""), path) is not None


# --- the engine ---------------------------------------------------------------------------------------------------------


def _engine(call: _Call, kind: str) -> tuple[int, Any]:
    handler = _ENGINE[kind].get(call.method)
    if handler is None:
        raise _Refused(405, "1 error occurred:\n\t* unsupported operation\n\n")
    data = handler(call)
    return (204, None) if data is None else (200, _wrapped(data))


def _wrapped(data: dict[str, Any] | None) -> dict[str, Any]:
    """The envelope of every answer with content."""
    return {
        "request_id": str(uuid.uuid4()),
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
        "mount_type": "kv",
    }


def _time(value: datetime | None) -> str:
    """A time as Go writes it (RFC 3339 with nine decimals); none is an empty text."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z" if value else ""


def _write(call: _Call) -> dict[str, Any]:
    """POST data/PATH: a new version, if C(options.cas) is the present one (0: none yet)."""
    data, options = call.content.get("data"), call.content.get("options") or {}
    if data is None:
        raise _Refused(400, "no data provided")
    if not isinstance(data, dict) or not isinstance(options, dict):
        raise _Refused(400, "error converting input for field: expected a map")
    entry = call.entries.get(call.path)
    _check_cas(call, entry, options)
    now = call.tenant.clock.now()
    if entry is None:
        entry = call.entries[call.path] = HashiEntry(now, now)
    lives = _span(entry.delete_version_after)
    entry.current += 1
    entry.updated_at = now
    entry.versions[entry.current] = HashiVersion(data, now, now + lives if lives else None)
    most = entry.max_versions or _DEFAULT_VERSIONS
    for number in [number for number in entry.versions if number <= entry.current - most]:
        del entry.versions[number]
    return _version_row(entry, entry.current)


def _check_cas(call: _Call, entry: HashiEntry | None, options: dict[str, Any]) -> None:
    required = call.tenant.switches.get("vault_cas_required") or (entry is not None and entry.cas_required)
    cas = options.get("cas")
    if cas is None:
        if required:
            raise _Refused(400, "check-and-set parameter required for this call")
        return
    if isinstance(cas, bool) or not str(cas).isdecimal():
        raise _Refused(400, "error parsing check-and-set parameter")
    if int(cas) != (entry.current if entry else 0):
        raise _Refused(400, "check-and-set parameter did not match the current version")


def _version_row(entry: HashiEntry, number: int) -> dict[str, Any]:
    version = entry.versions[number]
    return {
        "created_time": _time(version.created_at),
        "custom_metadata": entry.custom_metadata,
        "deletion_time": _time(version.deletion_at),
        "destroyed": version.destroyed,
        "version": number,
    }


def _read(call: _Call) -> dict[str, Any]:
    """GET data/PATH; a deleted version is a 404 that still shows its metadata."""
    entry = call.entry
    asked = call.query.get("version", "0")
    if not asked.isdecimal():
        raise _Refused(400, f"field 'version' should be a number, not {asked}")
    number = int(asked) or entry.current
    version = entry.versions.get(number)
    if version is None:
        raise _Refused(404)
    row = _version_row(entry, number)
    gone = version.deletion_at is not None and version.deletion_at <= call.tenant.clock.now()
    if gone or version.destroyed:
        raise _Refused(404, data={"data": None, "metadata": row})
    return {"data": version.secret, "metadata": row}


def _delete_latest(call: _Call) -> None:
    """DELETE data/PATH: the newest version, recoverably; success whatever is there."""
    entry = call.entries.get(call.path)
    version = entry.versions.get(entry.current) if entry else None
    if version is not None and not version.destroyed:
        version.deletion_at = call.tenant.clock.now()


def _chosen(call: _Call) -> list[HashiVersion]:
    numbers = call.content.get("versions")
    if not isinstance(numbers, list) or not numbers:
        raise _Refused(400, "No version number provided")
    entry = call.entries.get(call.path)
    return [entry.versions[int(number)] for number in numbers if entry and int(number) in entry.versions]


def _delete_versions(call: _Call) -> None:
    for version in _chosen(call):
        version.deletion_at = call.tenant.clock.now()


def _undelete_versions(call: _Call) -> None:
    for version in _chosen(call):
        version.deletion_at = None


def _destroy_versions(call: _Call) -> None:
    for version in _chosen(call):
        version.secret, version.destroyed = None, True


def _read_metadata(call: _Call) -> dict[str, Any]:
    entry = call.entry
    return {
        "cas_required": entry.cas_required,
        "created_time": _time(entry.created_at),
        "current_version": entry.current,
        "custom_metadata": entry.custom_metadata,
        "delete_version_after": entry.delete_version_after,
        "max_versions": entry.max_versions,
        "oldest_version": min(entry.versions, default=0) if entry.current > _DEFAULT_VERSIONS else 0,
        "updated_time": _time(entry.updated_at),
        "versions": {
            str(number): {
                "created_time": _time(version.created_at),
                "deletion_time": _time(version.deletion_at),
                "destroyed": version.destroyed,
            }
            for number, version in entry.versions.items()
        },
    }


def _write_metadata(call: _Call) -> None:
    """POST metadata/PATH: settings of an entry; one that is not there yet is made, without a version."""
    content, now = call.content, call.tenant.clock.now()
    custom = content.get("custom_metadata")
    if custom is not None:
        _check_custom(custom)
    if "delete_version_after" in content:
        _span(str(content["delete_version_after"]))
    entry = call.entries.setdefault(call.path, HashiEntry(now, now))
    entry.updated_at = now
    entry.custom_metadata = custom if custom is not None else entry.custom_metadata
    entry.max_versions = int(content.get("max_versions", entry.max_versions))
    entry.cas_required = bool(content.get("cas_required", entry.cas_required))
    entry.delete_version_after = str(content.get("delete_version_after", entry.delete_version_after))


def _check_custom(custom: Any) -> None:
    """At most 64 pairs of texts, keys up to 128 and values up to 512 bytes."""
    if not isinstance(custom, dict) or not all(isinstance(value, str) for value in custom.values()):
        raise _Refused(400, "custom_metadata must be a map of strings")
    if len(custom) > _MOST_METADATA:
        raise _Refused(400, f"payload must contain at most {_MOST_METADATA} keys, provided {len(custom)}")
    if any(not 0 < len(key.encode()) <= 128 or not 0 < len(value.encode()) <= 512 for key, value in custom.items()):
        raise _Refused(400, "length of a custom_metadata key is 1 to 128, of a value 1 to 512 bytes")


def _delete_metadata(call: _Call) -> None:
    """DELETE metadata/PATH: everything, for good."""
    call.entries.pop(call.path, None)


def _list(call: _Call) -> dict[str, Any]:
    """LIST metadata/PATH: names right below it; a folder ends with a slash."""
    prefix = f"{call.path}/" if call.path else ""
    names = {path[len(prefix) :] for path in call.entries if path.startswith(prefix)}
    keys = sorted({name.partition("/")[0] + ("/" if "/" in name else "") for name in names})
    if not keys:
        raise _Refused(404)
    return {"keys": keys}


def _span(text: str) -> timedelta:
    """A duration such as 3h25m19s; a bare number is seconds."""
    if text.isdecimal():
        return timedelta(seconds=int(text))
    parts = _SPAN.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise _Refused(400, f'error converting input {text} for field "delete_version_after"')
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


_ENGINE: dict[str, dict[str, Any]] = {
    "data": {"GET": _read, "POST": _write, "PUT": _write, "DELETE": _delete_latest},
    "metadata": {
        "GET": _read_metadata,
        "POST": _write_metadata,
        "PUT": _write_metadata,
        "DELETE": _delete_metadata,
        "LIST": _list,
    },
    "delete": {"POST": _delete_versions, "PUT": _delete_versions},
    "undelete": {"POST": _undelete_versions, "PUT": _undelete_versions},
    "destroy": {"POST": _destroy_versions, "PUT": _destroy_versions},
}
routes: list[BaseRoute] = [Route("/v1/{path:path}", _answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "LIST"])]
