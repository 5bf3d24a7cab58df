# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups as they are written: made, changed, deleted, and their members and owners by reference.

Sources: the group resource page and the pages "Create group", "Upsert group", "Update group", "Add members", "Remove
member", "Remove group owner" of the Graph reference. Graph reads groups that Exchange masters (distribution lists and
mail-enabled security groups) and refuses every write to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..addresses import is_owned_by_another
from ..replicas import announce
from ..state import Group, Tenant
from . import principals
from .call import Answer, Call, done
from .changes import MASTERED
from .errors import forbidden, invalid_value, missing, read_only, refused, taken, unknown_property, wrong_type
from .permissions import GROUPS_CREATE, GROUPS_WRITE, MEMBERS_WRITE, ROLE_GROUPS_WRITE, USERS_DELETE
from .roles import GROUP, called, mail_enabled
from .shapes import FLAG, check, is_guid, text, texts
from .users import removed

_REQUIRED = ("displayName", "mailEnabled", "mailNickname", "securityEnabled")
_WRITABLE = {
    "displayName": text(nullable=False),
    "description": text(),
    "mailNickname": text(nullable=False),
    "securityEnabled": FLAG,
    "visibility": text(),
}
_AT_CREATION = {
    "mailEnabled": FLAG,
    "groupTypes": texts(),
    "isAssignableToRole": FLAG,
    "membershipRule": text(),
    "membershipRuleProcessingState": text(),
    "uniqueName": text(),
}
_BINDINGS = ("members@odata.bind", "owners@odata.bind")
_LONGEST = {"displayName": 256, "mailNickname": 64, "description": 1024}
_VISIBILITIES = ("Private", "Public", "HiddenMembership")
# "Add members": up to 20 in one request, all or nothing; the refusal's words are a guess.
MOST_REFERENCES = 20
_REFERENCE = re.compile(
    r"(?:https://[^/]+/(?:v1\.0|beta)/)?(?:directoryObjects|users|groups|servicePrincipals)/([^/]+)", re.IGNORECASE
)


def create_group(call: Call) -> Answer:
    """POST /groups."""
    return _create(call, call.body(), None)


def update_group(call: Call) -> Answer:
    """PATCH /groups/{id}; with a uniqueName in the address and C(Prefer: create-if-missing) also an upsert."""
    name, value = call.keys[0]
    body = call.body()
    preferred = {part.strip().lower() for part in call.headers.get("prefer", "").split(",")}
    if name.lower() == "uniquename" and "create-if-missing" in preferred and called(call) is None:
        return _create(call, body, value)
    needed = MEMBERS_WRITE if set(body) <= {_BINDINGS[0]} else GROUPS_WRITE
    group = _writable(call, needed)
    if name.lower() == "uniquename" and body.get("uniqueName", value) != value:
        raise read_only("uniqueName")
    wanted = _checked(body, _WRITABLE)
    if group.on_premises_sync_enabled:
        raise refused(MASTERED)
    _check_values(call.tenant, wanted, group)
    added = {part: _bound(call, group, part, body) for part in ("members", "owners")}
    _apply(group, wanted)
    for part, ids in added.items():
        getattr(group, part).extend(ids)
    announce(call.tenant, "groups")
    return done()


def delete_group(call: Call) -> Answer:
    """DELETE /groups/{id}: a Microsoft 365 group can be restored, any other is gone for good."""
    group = _writable(call, GROUPS_WRITE, "Delete")
    if group.on_premises_sync_enabled:
        raise refused(MASTERED)
    del call.tenant.groups[group.id]
    if group.unified:
        group.deleted_at = call.tenant.clock.now()
        call.tenant.deleted_groups[group.id] = group
    announce(call.tenant, "groups")
    return done()


def adder(part: str) -> Callable[[Call], Answer]:
    """The handler of POST .../members/$ref and .../owners/$ref."""

    def handler(call: Call) -> Answer:
        group = _changeable(call, part)
        body = call.body()
        unknown = next((name for name in body if name != "@odata.id"), None)
        if unknown is not None:
            raise unknown_property(unknown, "directoryObject")
        getattr(group, part).extend(_checked_references(call, group, part, [body.get("@odata.id")]))
        announce(call.tenant, "groups")
        return done()

    return handler


def remover(part: str) -> Callable[[Call], Answer]:
    """The handler of DELETE .../members/{id}/$ref and .../owners/{id}/$ref."""

    def handler(call: Call) -> Answer:
        group, gone = _changeable(call, part), call.keys[1][1].lower()
        held: list[str] = getattr(group, part)
        if gone not in held:
            raise missing(gone)
        if part == "owners" and group.unified and len(held) == 1:
            raise refused("The group must have at least one owner, hence this owner cannot be removed.")
        held.remove(gone)
        announce(call.tenant, "groups")
        return done()

    return handler


def delete_member_itself(call: Call) -> Answer:
    """DELETE /groups/{id}/members/{id}, without C(/$ref): the member is deleted, not the membership.

    "Remove member" warns of it: it may happen where the caller may delete the object.
    """
    group, gone = _writable(call, USERS_DELETE), call.keys[1][1].lower()
    user = call.tenant.users.get(gone)
    if gone not in group.members or user is None:
        raise missing(gone)
    return removed(call, user)


def _writable(call: Call, needed: frozenset[str], verb: str = "Update") -> Group:
    """The group of the address as it truly is, for a caller who may write it, on a replica that knows it."""
    if not call.permissions & needed:
        raise forbidden()
    shown = called(call)
    group = call.tenant.groups.get(shown.id) if shown else None
    if group is None:
        raise missing(call.key)
    if group.role_assignable and not call.permissions & ROLE_GROUPS_WRITE:
        raise forbidden()
    if mail_enabled(group) and not group.unified:
        raise refused(f"Cannot {verb} a mail-enabled security groups and or distribution list.")
    return group


def _changeable(call: Call, part: str) -> Group:
    """The group whose members or owners may be written."""
    group = _writable(call, MEMBERS_WRITE if part == "members" else GROUPS_WRITE)
    if group.on_premises_sync_enabled:
        raise refused(MASTERED)
    _check_not_dynamic(group, part)
    return group


def _check_not_dynamic(group: Group, part: str) -> None:
    if group.membership_rule and part == "members":
        # No page gives the service's words.
        raise refused("Membership of a group with dynamic membership cannot be changed; its rule decides.")


def _create(call: Call, body: dict[str, Any], unique_name: str | None) -> Answer:
    if not call.permissions & GROUPS_CREATE:
        raise forbidden()
    wanted = _checked(body, _WRITABLE | _AT_CREATION)
    if unique_name is not None:
        wanted["uniqueName"] = unique_name
    for name in _REQUIRED:
        if wanted.get(name) in (None, ""):
            raise refused(f"A value is required for property '{name}' of resource 'Group'.")
    _check_kind(call, wanted)
    tenant = call.tenant
    _check_values(tenant, wanted, None)
    group = Group(tenant.new_id(), wanted["displayName"], created_at=tenant.clock.now())
    _apply(group, wanted)
    group.unified = "Unified" in wanted.get("groupTypes", [])
    group.membership_rule = wanted.get("membershipRule")
    group.role_assignable = bool(wanted.get("isAssignableToRole"))
    group.unique_name = wanted.get("uniqueName")
    if group.unified:
        # Graph's default ("Create group": visibility).
        group.visibility = wanted.get("visibility") or "Public"
        group.mail = f"{group.mail_nickname}@{_default_domain(tenant)}"
        group.proxy_addresses = [f"SMTP:{group.mail}"]
    bound = {part: _bound(call, group, part, body) for part in ("members", "owners")}
    group.members, group.owners = bound["members"], bound["owners"]
    tenant.groups[group.id] = group
    announce(tenant, "groups")
    return Answer(201, GROUP.entity(call, group), {"Location": f"{call.base_url}/v1.0/groups/{group.id}"})


def _check_kind(call: Call, wanted: dict[str, Any]) -> None:
    """Only security groups and Microsoft 365 groups are made by Graph; Exchange makes the other two kinds."""
    types = wanted.get("groupTypes", [])
    if set(types) - {"Unified", "DynamicMembership"}:
        raise invalid_value("groupTypes", "Group")
    if wanted["mailEnabled"] and "Unified" not in types:
        raise refused(
            "The service does not currently support writes of mail-enabled groups. Please ensure that the "
            "mail-enablement property is unset and the security-enablement property is set."
        )
    if "Unified" in types and not wanted["mailEnabled"]:
        raise invalid_value("mailEnabled", "Group")
    if not wanted["mailEnabled"] and not wanted["securityEnabled"]:
        raise invalid_value("securityEnabled", "Group")
    if ("DynamicMembership" in types) != bool(wanted.get("membershipRule")):
        raise refused("A value is required for property 'membershipRule' of resource 'Group'.")
    if wanted.get("isAssignableToRole") and not call.permissions & ROLE_GROUPS_WRITE:
        raise forbidden()


def _default_domain(tenant: Tenant) -> str:
    return next((one.name for one in tenant.domains.values() if one.is_default), tenant.initial_domain)


def _checked(body: dict[str, Any], writable: dict[str, Any]) -> dict[str, Any]:
    """The body with proper names, without its references, every member known, writable and of the right type."""
    wanted = {}
    for given, value in body.items():
        if "@odata." in given:
            if given not in _BINDINGS:
                raise unknown_property(given, "group")
            continue
        name = GROUP.named(given)
        if name is None:
            raise unknown_property(given, "group")
        if name not in writable:
            raise read_only(name)
        wanted[name] = check(value, writable[name], name, "Group")
    return wanted


def _check_values(tenant: Tenant, wanted: dict[str, Any], group: Group | None) -> None:
    for name, longest in _LONGEST.items():
        value = wanted.get(name)
        if value is not None and (len(value) > longest or (not value and name != "description")):
            raise invalid_value(name, "Group")
    nickname = wanted.get("mailNickname")
    if nickname is not None and (re.search(r"[^!-~]|[@()\\\[\]\";:<>,]", nickname) or nickname.startswith(".")):
        raise invalid_value("mailNickname", "Group")
    if wanted.get("visibility") is not None and wanted["visibility"] not in _VISIBILITIES:
        raise invalid_value("visibility", "Group")
    others = [one for one in (*tenant.groups.values(), *tenant.deleted_groups.values()) if one is not group]
    unique = wanted.get("uniqueName")
    if unique is not None and any(one.unique_name == unique for one in others):
        raise taken("uniqueName")
    if "Unified" in wanted.get("groupTypes", []) and nickname:
        same = any((one.mail_nickname or "").lower() == nickname.lower() for one in others if one.unified)
        if same or is_owned_by_another(tenant, f"{nickname}@{_default_domain(tenant)}", None):
            raise taken("mailNickname")


def _apply(group: Group, wanted: dict[str, Any]) -> None:
    names = {"displayName": "display_name", "mailNickname": "mail_nickname", "securityEnabled": "security_enabled"}
    for name in _WRITABLE:
        if name in wanted:
            setattr(group, names.get(name, name), wanted[name])


def _bound(call: Call, group: Group, part: str, body: dict[str, Any]) -> list[str]:
    """The ids that a body adds by C(@odata.bind): all of them can be added, or none is."""
    links = body.get(f"{part}@odata.bind")
    if links is None:
        return []
    if not isinstance(links, list):
        raise wrong_type("Collection(microsoft.graph.directoryObject)")
    if len(links) > MOST_REFERENCES:
        raise refused(f"The request contains more than {MOST_REFERENCES} references for the property '{part}'.")
    _check_not_dynamic(group, part)
    return _checked_references(call, group, part, links)


def _checked_references(call: Call, group: Group, part: str, links: list[Any]) -> list[str]:
    ids = [_identifier(link) for link in links]
    for one in ids:
        _check_reference(call, group, part, one)
    if len(set(ids)) < len(ids) or set(ids) & set(getattr(group, part)):
        raise refused(
            f"One or more added object references already exist for the following modified properties: '{part}'."
        )
    return ids


def _identifier(link: Any) -> str:
    match = _REFERENCE.fullmatch(link) if isinstance(link, str) else None
    if match is None or not is_guid(match[1]):
        raise wrong_type("microsoft.graph.directoryObject")
    return match[1].lower()


def _check_reference(call: Call, group: Group, part: str, identifier: str) -> None:
    """The object must be visible on this replica, and of a kind that can be a member or an owner of this group."""
    if call.reader.user(identifier) is not None:
        return
    other = call.reader.group(identifier)
    if other is not None:
        if part == "owners" or group.unified or identifier == group.id:
            raise refused(f"The reference target 'Group' of type 'Group' is invalid for the '{part}' reference.")
        return
    if principals.by_id(principals.visible(call), identifier) is None:
        raise missing(identifier)
    if group.unified and part == "members":
        words = (
            "The reference target 'ServicePrincipal' of type 'ServicePrincipal' is invalid for the 'members' reference."
        )
        raise refused(words)
