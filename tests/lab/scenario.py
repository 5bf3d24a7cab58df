# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario file: what the rehearsal tenant and its Active Directory contain at first.

C(load) reads and checks the YAML; C(build_tenant) and C(seed_directory) make the two sides of it. Unknown keys,
wrong types and references to nothing are refused with the place in the file. C(scenarios/contoso.yml) shows the form.
"""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from .directory import BASE_DN, REALM, Delegation, Samba, SeedEntry
from .scenario_applications import APPLICATION, CREDENTIAL_POLICY, SECRET, add_application, add_policy
from .state import (
    DirectoryRole,
    Domain,
    Group,
    License,
    Mailbox,
    ServicePlan,
    Sku,
    SyncFeatures,
    Tenant,
    User,
)

MAILBOX_TYPES = {
    "user": "UserMailbox",
    "shared": "SharedMailbox",
    "room": "RoomMailbox",
    "equipment": "EquipmentMailbox",
}

TEXT, FLAG, NUMBER, LIST, MAPPING = str, bool, (int, float), list, dict
Keys = dict[str, Any]
# Allowed keys of each section and their types; a star marks what must be there.
SECTIONS: Keys = {
    "*tenant": MAPPING,
    "*domains": LIST,
    "*skus": LIST,
    "*users": LIST,
    "roles": LIST,
    "groups": LIST,
    "applications": LIST,
    "credential_policies": LIST,
    "switches": MAPPING,
    "sync_features": MAPPING,
    "directory": MAPPING,
    "job": LIST,
}
TENANT: Keys = {"*id": TEXT, "*display_name": TEXT, "*initial_domain": TEXT, "seed": NUMBER, "synced": FLAG}
DOMAIN_KEYS: Keys = {"*name": TEXT, "default": FLAG, "verified": FLAG, "authentication": TEXT}
SKU: Keys = {"*part_number": TEXT, "*id": TEXT, "*enabled": NUMBER, "warning": NUMBER, "status": TEXT, "*plans": LIST}
PLAN: Keys = {"*id": TEXT, "*name": TEXT, "applies_to": TEXT}
ROLE: Keys = {"*name": TEXT, "*template_id": TEXT}
GROUP: Keys = {
    "*name": TEXT,
    "members": LIST,
    "owners": LIST,
    "licenses": LIST,
    "mail": TEXT,
    "addresses": LIST,
    "description": TEXT,
    "unique_name": TEXT,
    "microsoft_365": FLAG,
    "security": FLAG,
    "rule": TEXT,
    "synced": FLAG,
}
USER: Keys = {
    "*user_principal_name": TEXT,
    "*display_name": TEXT,
    "given_name": TEXT,
    "surname": TEXT,
    "department": TEXT,
    "job_title": TEXT,
    "enabled": FLAG,
    "usage_location": TEXT,
    "addresses": LIST,
    "mailbox": TEXT,
    "mailbox_size": NUMBER,
    "archive": FLAG,
    "litigation_hold": FLAG,
    "licenses": LIST,
    "roles": LIST,
    "synced_with": TEXT,
    "formerly_synced": TEXT,
}
DIRECTORY: Keys = {
    "administrator_password": TEXT,
    "service_account": TEXT,
    "organizational_units": LIST,
    "users": LIST,
    "groups": LIST,
    "contacts": LIST,
    "delegations": LIST,
}
ENTRY: Keys = {"*name": TEXT, "*ou": TEXT, "attributes": MAPPING}
DIRECTORY_USER: Keys = {**ENTRY, "*account": TEXT, "password": TEXT, "enabled": FLAG, "anchor": TEXT}
DIRECTORY_GROUP: Keys = {**ENTRY, "*account": TEXT, "members": LIST}
DELEGATION: Keys = {"*ou": TEXT, "*account": TEXT}

# Create and delete users in the unit and below, and everything short of permissions on the users there: read and write
# properties, extended rights (password reset), delete, list. Class: user (bf967aba-...; MS-ADSC). SDDL: MS-DTYP 2.5.1.
USER_CLASS = "bf967aba-0de6-11d0-a285-00aa003049e2"
MANAGE_USERS = (f"(OA;CI;CCDC;{USER_CLASS};;{{sid}})", f"(OA;CIIO;RPWPCRSDLCLORC;;{USER_CLASS};{{sid}})")
NORMAL_ACCOUNT, DISABLED_ACCOUNT = "512", "514"
# A security group of global scope (MS-ADTS 2.2.12).
GLOBAL_SECURITY_GROUP = "-2147483646"


class ScenarioError(Exception):
    """The scenario file cannot be used; the text names the file and the place."""


@dataclass(frozen=True)
class Scenario:
    """A checked scenario: C(content) is the YAML as read, C(source) the file's name for messages."""

    source: str
    content: dict[str, Any]

    @property
    def job(self) -> list[str]:
        """The user principal names of the mailboxes that the scenario is about."""
        return list(self.content.get("job", []))

    @property
    def directory(self) -> dict[str, Any]:
        """The Active Directory part; empty if the scenario has none."""
        return dict(self.content.get("directory", {}))


def load(path: str | Path) -> Scenario:
    """Read a scenario file and check it as a whole.

    Raises ScenarioError: the file cannot be read, is no YAML, or says something that cannot be.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from error
    return scenario_of(content, str(path))


def scenario_of(content: Any, source: str = "scenario") -> Scenario:
    """Check the content of a scenario, as YAML gives it.

    Raises ScenarioError: it says something that cannot be.
    """
    scenario = Scenario(source, content)
    try:
        _check(content)
        tenant = build_tenant(scenario)
        directory_entries(scenario)
        names = {user.user_principal_name for user in tenant.users.values()}
        for name in scenario.job:
            _known(names, name, "job", "user")
    except _WrongError as error:
        raise ScenarioError(f"{source}: {error}") from error
    return scenario


class _WrongError(Exception):
    """What is wrong, and where in the content."""


def _check(content: Any) -> None:
    """Keys and types of every section; what they mean is checked where it is used."""
    _mapping(content, "the file", SECTIONS)
    _mapping(content["tenant"], "tenant", TENANT)
    lists = {
        "domains": DOMAIN_KEYS,
        "skus": SKU,
        "users": USER,
        "roles": ROLE,
        "groups": GROUP,
        "applications": APPLICATION,
        "credential_policies": CREDENTIAL_POLICY,
    }
    for name, keys in lists.items():
        _list(content, name, keys)
    for index, sku in enumerate(content["skus"]):
        _list(sku, "plans", PLAN, f"skus[{index}].")
    for index, application in enumerate(content.get("applications", [])):
        _list(application, "secrets", SECRET, f"applications[{index}].")
    directory = content.get("directory", {})
    _mapping(directory, "directory", DIRECTORY)
    kinds = {"users": DIRECTORY_USER, "groups": DIRECTORY_GROUP, "contacts": ENTRY, "delegations": DELEGATION}
    for name, keys in kinds.items():
        _list(directory, name, keys, "directory.")


def _list(content: Mapping[str, Any], name: str, keys: Keys, prefix: str = "") -> None:
    for index, item in enumerate(content.get(name, [])):
        _mapping(item, f"{prefix}{name}[{index}]", keys)


def _mapping(value: Any, where: str, keys: Keys) -> None:
    """Refuse unknown and missing keys and wrong types."""
    if not isinstance(value, dict):
        raise _WrongError(f"{where} must be a mapping")
    types = {key.lstrip("*"): kind for key, kind in keys.items()}
    unknown = sorted(str(key) for key in value if key not in types)
    if unknown:
        raise _WrongError(f"{where}: unknown key {unknown[0]!r} (known: {', '.join(types)})")
    missing = [key[1:] for key in keys if key.startswith("*") and key[1:] not in value]
    if missing:
        raise _WrongError(f"{where}: {missing[0]!r} is missing")
    for key, item in value.items():
        wrong_flag = isinstance(item, bool) and types[key] is not FLAG
        if wrong_flag or not isinstance(item, types[key]):
            raise _WrongError(f"{where}.{key}: {_kind_name(types[key])} expected, not {type(item).__name__}")


def _kind_name(kind: Any) -> str:
    if kind == NUMBER:
        return "a number"
    return {TEXT: "text", FLAG: "true or false", LIST: "a list", MAPPING: "a mapping"}[kind]


def _known(things: Any, name: str, where: str, what: str) -> None:
    if name not in things:
        raise _WrongError(f"{where}: no {what} named {name!r}")


# --- the tenant -----------------------------------------------------------------------------------------------------


def build_tenant(scenario: Scenario, certificates: Mapping[str, bytes] | None = None) -> Tenant:
    """The tenant in its first state. Two calls give the same ids; they come from the scenario's seed.

    certificates: DER by application name, for applications that have C(certificate: true).
    """
    content = scenario.content
    head = content["tenant"]
    tenant = Tenant(
        id=head["id"],
        display_name=head["display_name"],
        initial_domain=head["initial_domain"],
        domains=_domains(content),
        seed=int(head.get("seed", 0)),
        skus=_skus(content["skus"]),
        switches=deepcopy(content.get("switches", {})),
        sync_features=SyncFeatures(**content.get("sync_features", {})),
    )
    for role in content.get("roles", []):
        identifier = tenant.new_id()
        tenant.roles[identifier] = DirectoryRole(identifier, role["template_id"], role["name"])
    for policy in content.get("credential_policies", []):
        add_policy(tenant, policy)
    applications = content.get("applications", [])
    for application in applications:
        if "owners" not in application:
            _add_application(tenant, application, certificates or {})
    for index, user in enumerate(content["users"]):
        _add_user(tenant, user, f"users[{index}]", scenario.directory)
    for index, group in enumerate(content.get("groups", [])):
        _add_group(tenant, group, f"groups[{index}]")
    for application in applications:
        if "owners" in application:
            _add_application(tenant, application, certificates or {})
    if head.get("synced"):
        tenant.sync_enabled = True
        tenant.last_sync = tenant.clock.now() - timedelta(minutes=7)
    return tenant


def _domains(content: Mapping[str, Any]) -> dict[str, Domain]:
    initial = content["tenant"]["initial_domain"]
    domains = {}
    for item in content["domains"]:
        domains[item["name"]] = Domain(
            item["name"],
            is_initial=item["name"] == initial,
            is_default=item.get("default", False),
            is_verified=item.get("verified", True),
            authentication_type=item.get("authentication", "Managed"),
        )
    _known(domains, initial, "tenant.initial_domain", "domain")
    return domains


def _skus(items: list[dict[str, Any]]) -> dict[str, Sku]:
    return {
        item["id"]: Sku(
            item["id"],
            item["part_number"],
            item["enabled"],
            [ServicePlan(plan["id"], plan["name"], plan.get("applies_to", "User")) for plan in item["plans"]],
            warning=item.get("warning", 0),
            capability_status=item.get("status", "Enabled"),
        )
        for item in items
    }


def _add_application(tenant: Tenant, item: dict[str, Any], certificates: Mapping[str, bytes]) -> None:
    where = f"application {item['name']}"
    try:
        application = add_application(tenant, item, certificates)
    except ValueError as error:
        raise _WrongError(f"{where}: {error}") from error
    for role in item.get("roles", []):
        _role(tenant, role, where).members.append(application.service_principal_id or "")


def _role(tenant: Tenant, name: str, where: str) -> DirectoryRole:
    for role in tenant.roles.values():
        if role.display_name == name:
            return role
    raise _WrongError(f"{where}: no role named {name!r}")


def _sku_id(tenant: Tenant, part_number: str, where: str) -> str:
    for sku in tenant.skus.values():
        if sku.part_number == part_number:
            return sku.sku_id
    raise _WrongError(f"{where}: no SKU named {part_number!r}")


def _add_user(tenant: Tenant, item: dict[str, Any], where: str, directory: dict[str, Any]) -> None:
    """Add a user with its mailbox, licenses, roles and its link to Active Directory."""
    # Dates come from a source of their own, so that asking for one more date does not change all later ids.
    dates = random.Random(f"{tenant.seed} {item['user_principal_name']}")
    created = tenant.clock.now() - timedelta(days=dates.randrange(200, 2000), seconds=dates.randrange(86_400))
    addresses = list(item.get("addresses", []))
    primary = next((address[5:] for address in addresses if address.startswith("SMTP:")), None)
    if item.get("mailbox") and primary is None:
        raise _WrongError(f"{where}: a mailbox needs one address that begins with 'SMTP:'")
    user = User(
        id=tenant.new_id(),
        user_principal_name=item["user_principal_name"],
        display_name=item["display_name"],
        created_at=created,
        given_name=item.get("given_name"),
        surname=item.get("surname"),
        mail=primary,
        mail_nickname=item["user_principal_name"].partition("@")[0],
        proxy_addresses=addresses,
        account_enabled=item.get("enabled", True),
        usage_location=item.get("usage_location"),
        department=item.get("department"),
        job_title=item.get("job_title"),
        licenses=[
            License(_sku_id(tenant, name, where), assigned_at=created + timedelta(minutes=5))
            for name in item.get("licenses", [])
        ],
    )
    user.mailbox = _mailbox(tenant, item, user, where)
    tenant.users[user.id] = user
    for role in item.get("roles", []):
        _role(tenant, role, where).members.append(user.id)
    if "synced_with" in item:
        _link(tenant, user, item["synced_with"], directory, where)
    if "formerly_synced" in item:
        user.on_premises_sync_enabled = False
        user.on_premises_immutable_id = immutable_id(_guid(item["formerly_synced"], where))


def _mailbox(tenant: Tenant, item: dict[str, Any], user: User, where: str) -> Mailbox | None:
    if "mailbox" not in item:
        return None
    _known(MAILBOX_TYPES, item["mailbox"], f"{where}.mailbox", "mailbox type")
    return Mailbox(
        guid=tenant.new_id(),
        type_details=MAILBOX_TYPES[item["mailbox"]],
        created_at=user.created_at + timedelta(minutes=10),
        archive=item.get("archive", False),
        litigation_hold=item.get("litigation_hold", False),
        size_bytes=int(item.get("mailbox_size", 1.0) * 1_000_000_000),
    )


def _link(tenant: Tenant, user: User, account: str, directory: dict[str, Any], where: str) -> None:
    """Make the user what an earlier sync cycle would have left; its anchor is what the AD account carries."""
    found = [entry for entry in directory.get("users", []) if entry["account"] == account]
    if not found or "anchor" not in found[0]:
        raise _WrongError(f"{where}: directory.users has no account {account!r} with an anchor")
    user.on_premises_sync_enabled = True
    user.on_premises_immutable_id = immutable_id(_guid(found[0]["anchor"], where))
    user.on_premises_last_sync = tenant.clock.now() - timedelta(days=1, minutes=7)
    user.on_premises_distinguished_name = f"CN={escape_rdn(found[0]['name'])},{unit_dn(found[0]['ou'])}"
    user.on_premises_sam_account_name = account
    user.on_premises_domain_name = REALM
    user.on_premises_user_principal_name = user.user_principal_name


def _add_group(tenant: Tenant, item: dict[str, Any], where: str) -> None:
    """Add a group; its licenses go to its members, marked as inherited."""
    users = {user.user_principal_name: user for user in tenant.users.values()}
    for part in ("members", "owners"):
        for name in item.get(part, []):
            _known(users, name, f"{where}.{part}", "user")
    unified = item.get("microsoft_365", False)
    group = Group(
        id=tenant.new_id(),
        display_name=item["name"],
        members=[users[name].id for name in item.get("members", [])],
        licenses=[License(_sku_id(tenant, name, where)) for name in item.get("licenses", [])],
        mail=item.get("mail"),
        proxy_addresses=list(item.get("addresses", [])),
        owners=[users[name].id for name in item.get("owners", [])],
        description=item.get("description"),
        unique_name=item.get("unique_name"),
        security_enabled=item.get("security", not unified and not item.get("mail")),
        unified=unified,
        membership_rule=item.get("rule"),
        visibility="Private" if unified else None,
        on_premises_sync_enabled=item.get("synced"),
    )
    tenant.groups[group.id] = group
    for member in group.members:
        user = tenant.users[member]
        user.licenses += [License(sku.sku_id, group_id=group.id, assigned_at=user.created_at) for sku in group.licenses]


def _guid(text: str, where: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise _WrongError(f"{where}: {text!r} is not a GUID") from error


def immutable_id(guid: uuid.UUID) -> str:
    """The immutable id of an anchor: base64 of the 16 bytes as LDAP returns them, first three fields little-endian."""
    return base64.b64encode(guid.bytes_le).decode("ascii")


# --- the directory --------------------------------------------------------------------------------------------------


def escape_rdn(value: str) -> str:
    """A value for use in a relative distinguished name (RFC 4514, 2.4)."""
    escaped = "".join(f"\\{sign}" if sign in ',+"\\<>;=' else sign for sign in value)
    if escaped.startswith(("#", " ")):
        escaped = f"\\{escaped}"
    return f"{escaped[:-1]}\\ " if escaped.endswith(" ") and len(escaped) > 2 else escaped


def unit_dn(path: str) -> str:
    """The DN of an organizational unit from its path, outermost first: C(Contoso/Mitarbeiter)."""
    parts = [f"OU={escape_rdn(part)}" for part in reversed(path.split("/"))]
    return ",".join([*parts, BASE_DN])


def directory_entries(scenario: Scenario) -> tuple[list[SeedEntry], list[Delegation]]:
    """Everything that the scenario puts into Active Directory, parents before children, and the rights given there."""
    directory = scenario.directory
    paths = _all_units(directory.get("organizational_units", []))
    entries = [SeedEntry(unit_dn(path), {"objectClass": ["organizationalUnit"]}) for path in paths]
    dns: dict[str, str] = {}
    makers = {"users": _user_entry, "contacts": _contact_entry, "groups": _group_entry}
    for kind, make in makers.items():
        for index, item in enumerate(directory.get(kind, [])):
            where = f"directory.{kind}[{index}]"
            _known(paths, item["ou"], where, "organizational unit")
            entry = make(item, dns, where)
            entries.append(entry)
            dns[item.get("account", item["name"])] = entry.dn
    delegations = []
    for index, item in enumerate(directory.get("delegations", [])):
        _known(paths, item["ou"], f"directory.delegations[{index}]", "organizational unit")
        _known(dns, item["account"], f"directory.delegations[{index}]", "account")
        delegations.append(Delegation(unit_dn(item["ou"]), item["account"], MANAGE_USERS))
    return entries, delegations


def _all_units(paths: list[str]) -> list[str]:
    """The given units and their parents, outermost first, each once."""
    found: dict[str, None] = {}
    for path in paths:
        parts = path.split("/")
        found.update({"/".join(parts[: end + 1]): None for end in range(len(parts))})
    return list(found)


def _attributes(item: dict[str, Any], classes: list[str]) -> dict[str, list[str | bytes]]:
    attributes: dict[str, list[str | bytes]] = {"objectClass": list(classes), "displayName": [item["name"]]}
    for name, value in item.get("attributes", {}).items():
        attributes[name] = [str(each) for each in value] if isinstance(value, list) else [str(value)]
    return attributes


def _user_entry(item: dict[str, Any], _unused: dict[str, str], where: str) -> SeedEntry:
    attributes = _attributes(item, ["top", "person", "organizationalPerson", "user"])
    attributes["sAMAccountName"] = [item["account"]]
    attributes.setdefault("userPrincipalName", [f"{item['account']}@{REALM}"])
    enabled = item.get("enabled", "password" in item)
    if enabled and "password" not in item:
        raise _WrongError(f"{where}: an enabled account needs a password")
    attributes["userAccountControl"] = [NORMAL_ACCOUNT if enabled else DISABLED_ACCOUNT]
    if "anchor" in item:
        attributes["mS-DS-ConsistencyGuid"] = [_guid(item["anchor"], where).bytes_le]
    return SeedEntry(f"CN={escape_rdn(item['name'])},{unit_dn(item['ou'])}", attributes, item.get("password"))


def _contact_entry(item: dict[str, Any], _unused: dict[str, str], where: str) -> SeedEntry:
    attributes = _attributes(item, ["top", "person", "organizationalPerson", "contact"])
    return SeedEntry(f"CN={escape_rdn(item['name'])},{unit_dn(item['ou'])}", attributes)


def _group_entry(item: dict[str, Any], dns: dict[str, str], where: str) -> SeedEntry:
    attributes = _attributes(item, ["top", "group"])
    attributes["sAMAccountName"] = [item["account"]]
    attributes.setdefault("groupType", [GLOBAL_SECURITY_GROUP])
    for name in item.get("members", []):
        _known(dns, name, f"{where}.members", "account")
    if item.get("members"):
        attributes["member"] = [dns[name] for name in item["members"]]
    return SeedEntry(f"CN={escape_rdn(item['name'])},{unit_dn(item['ou'])}", attributes)


def seed_directory(scenario: Scenario, samba: Samba) -> None:
    """Fill the directory with what the scenario says, and nothing else; a reset comes back to this.

    Raises DirectoryError: Samba refused an object.
    """
    entries, delegations = directory_entries(scenario)
    samba.seed(entries, delegations, fresh=True)
