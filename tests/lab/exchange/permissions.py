# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may open a mailbox (MailboxPermission) and who may send as a recipient (RecipientPermission).

What is already so is a success with a warning. Sources: Exchange PowerShell reference for the parameters; public
captures for the rows (rights joined by commas, C(NT AUTHORITY\\SELF) twice, users by UPN or display name).

Switches of the tenant: C(exchange_permission_user): C(upn) (default) or C(name), how a user is shown in C(User);
C(exchange_permission_principal): C(name) (default), C(object_id) or C(sid), the same for a service principal, where no
public source says which it is. The trustee of a RecipientPermission follows the same two.
C(exchange_malformed): user principal names of mailboxes whose entries come without rights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..state import Contact, Group, Tenant, User
from ..stores import MailboxGrant, PrincipalReference, SendAsGrant
from . import errors
from .binding import Delta
from .command import Command, Outcome
from .identities import Recipient, others_named, single, users_named
from .principals import references, references_named, sid_of
from .wire import annotated

SELF, SELF_SID = "NT AUTHORITY\\SELF", "S-1-5-10"


@dataclass(frozen=True)
class _Orphan:
    """Somebody who is gone, whose entry is left: the id that the grant still names."""

    key: str


Trustee = User | Group | PrincipalReference | _Orphan
_ADD = frozenset({"Identity", "User", "AccessRights", "InheritanceType", "AutoMapping", "Deny", "Confirm", "WhatIf"})
_REMOVE = _ADD - {"AutoMapping"}
_GET = frozenset({"Identity", "User", "IncludeUserWithDisplayName", "IncludeUnresolvedPermissions", "ResultSize"})


@dataclass(frozen=True)
class _Shown:
    """A row of either cmdlet before it is written: whose object, who, and what."""

    holder: str
    trustee: Trustee | str
    rights: tuple[str, ...]
    deny: bool = False
    inheritance: str = "All"
    inherited: bool = False


def _key(trustee: Trustee) -> str:
    if isinstance(trustee, _Orphan):
        return trustee.key
    return trustee.guid if isinstance(trustee, PrincipalReference) else trustee.id


def _trustee(tenant: Tenant, name: str, text: str) -> Trustee:
    """The security principal that a parameter names. Raises CmdletError: nobody, several, or not mail-enabled.

    A user or group must be a mail-enabled security principal (Microsoft Learn, Add-MailboxPermission); how the service
    words its refusal of a plain distribution group, no public source says.
    """
    if not text.strip():
        raise errors.bad_value(name, "The argument is null or empty.")
    if text.strip().upper().startswith("S-1-5-21-"):
        return _by_sid(tenant, text.strip().upper())
    found: list[Trustee] = [user for user in users_named(tenant, text) if user.proxy_addresses]
    found += [item for item in others_named(tenant, text) if isinstance(item, Group)]
    found += references_named(tenant, text)
    if not found:
        raise errors.not_found(tenant, text)
    if len(found) > 1:
        raise errors.ambiguous(text)
    if isinstance(found[0], Group) and not found[0].security_enabled:
        raise errors.invalid_operation(f"The user or group '{text}' isn't a mail-enabled security principal.")
    return found[0]


def _by_sid(tenant: Tenant, sid: str) -> Trustee:
    """Whoever has a security identifier, and if nobody has it any more, what is left of them."""
    known: dict[str, Trustee] = {**tenant.users, **tenant.groups, **references(tenant)}
    for key, trustee in known.items():
        if sid_of(key) == sid:
            return trustee
    keys = {grant.trustee for held in tenant.exchange.mailbox_grants.values() for grant in held}
    keys |= {grant.trustee for held in tenant.exchange.send_as.values() for grant in held}
    for key in keys:
        if sid_of(key) == sid:
            return _Orphan(key)
    raise errors.not_found(tenant, sid)


def _refuse_orphan(tenant: Tenant, trustee: Trustee) -> None:
    """Nobody can be given a permission who is not there any more."""
    if isinstance(trustee, _Orphan):
        raise errors.not_found(tenant, sid_of(trustee.key))


def _mailbox(command: Command) -> User:
    """The mailbox that the command is about; without an identity the service answers 400."""
    if not command.identity:
        raise errors.bad_value("Identity", "The argument is null or empty.")
    found = users_named(command.tenant, command.identity)
    return single(command.tenant, command.identity, found, lambda user: user.mailbox is not None)


def _rights(command: Command) -> list[str]:
    rights = command.parameters.get("AccessRights")
    if isinstance(rights, Delta) or not rights:
        raise errors.bad_value("AccessRights", "The argument is null or empty.")
    return list(rights)


def _question(command: Command, verb: str, what: str) -> Outcome | None:
    if command.parameters.get("Confirm") or command.parameters.get("WhatIf"):
        return Outcome(confirmation=f"Are you sure you want to perform this action? {verb} {what}.")
    return None


# --- MailboxPermission --------------------------------------------------------------------------------------------------


def get_mailbox_permission(command: Command) -> Outcome:
    """The entries of one mailbox, or those of one user there; a user without an entry gives no row."""
    command.refuse_others(_GET)
    tenant, user = command.tenant, _mailbox(command)
    shown = [
        _Shown(user.id, SELF, ("FullAccess", "ReadPermission")),
        _Shown(user.id, SELF, ("FullAccess", "ReadPermission"), inherited=True),
    ]
    for grant in tenant.exchange.mailbox_grants.get(user.id, []):
        trustee = _resolved(tenant, grant.trustee)
        if trustee is not None or command.parameters.get("IncludeUnresolvedPermissions"):
            who = trustee if trustee is not None else _Orphan(grant.trustee)
            shown.append(_Shown(user.id, who, tuple(grant.rights), grant.deny, grant.inheritance))
    shown = _of_trustee(command, "User", shown)
    named = bool(command.parameters.get("IncludeUserWithDisplayName"))
    return Outcome(shown, lambda one: _mailbox_row(tenant, one, named))


def _of_trustee(command: Command, parameter: str, shown: list[_Shown]) -> list[_Shown]:
    """Only the rows of the trustee that a parameter names, when it is given."""
    text = command.parameters.get(parameter)
    if text is None:
        return shown
    if str(text).lower() in (SELF.lower(), SELF_SID.lower()):
        return [one for one in shown if one.trustee == SELF]
    wanted = _key(_trustee(command.tenant, parameter, str(text)))
    return [one for one in shown if not isinstance(one.trustee, str) and _key(one.trustee) == wanted]


def _resolved(tenant: Tenant, key: str) -> Trustee | None:
    return tenant.users.get(key) or tenant.groups.get(key) or references(tenant).get(key)


def _mailbox_row(tenant: Tenant, one: _Shown, with_name: bool) -> dict[str, Any]:
    name, sid = _name_and_sid(tenant, one.trustee)
    display = name if isinstance(one.trustee, str | _Orphan) else one.trustee.display_name
    holder = tenant.users[one.holder].user_principal_name
    malformed = one.trustee != SELF and holder in tenant.switches.get("exchange_malformed", ())
    return annotated(
        {
            "Identity": one.holder,
            "User": name,
            "UserSid": sid,
            "UserWithDisplayName": f"{name} ({display})" if with_name else "",
            "PrimarySmtpAddress": "",
            "AccessRights": None if malformed else [", ".join(one.rights)],
            "Deny": one.deny,
            "InheritanceType": one.inheritance,
            "IsInherited": one.inherited,
            "IsOwner": False,
            "IsValid": True,
            "ObjectState": "Unchanged",
        }
    )


def _name_and_sid(tenant: Tenant, trustee: Trustee | str) -> tuple[str, str]:
    """How a trustee is shown, and its SID. Text is one of the built-in names."""
    if isinstance(trustee, str):
        return trustee, SELF_SID if trustee == SELF else trustee
    sid = sid_of(_key(trustee))
    if isinstance(trustee, _Orphan):
        return sid, sid
    if isinstance(trustee, PrincipalReference):
        forms = {"object_id": trustee.object_id, "sid": sid}
        name = forms.get(tenant.switches.get("exchange_permission_principal", "name"), trustee.display_name)
        return name or trustee.object_id, sid
    if isinstance(trustee, User) and tenant.switches.get("exchange_permission_user", "upn") == "upn":
        return trustee.user_principal_name, sid
    return trustee.display_name, sid


def add_mailbox_permission(command: Command) -> Outcome:
    """Give rights; where all of them are there already, a warning, and AutoMapping stays as it was."""
    command.refuse_others(_ADD)
    tenant, user, rights = command.tenant, _mailbox(command), _rights(command)
    trustee = _trustee(tenant, "User", str(command.parameters.get("User") or ""))
    _refuse_orphan(tenant, trustee)
    question = _question(command, "Adding mailbox permission for", user.id)
    if question is not None:
        return question
    deny = bool(command.parameters.get("Deny"))
    entries = tenant.exchange.mailbox_grants.setdefault(user.id, [])
    present = [right for entry in _entries(entries, trustee, deny) for right in entry.rights]
    missing = [right for right in rights if right not in present]
    if not missing:
        name, _unused = _name_and_sid(tenant, trustee)
        said = (
            f'The appropriate access control entry is already present on the object "{user.id}" for account "{name}".'
        )
        return Outcome(warnings=[said])
    grant = _granted(command, entries, trustee, missing)
    shown = _Shown(user.id, trustee, tuple(grant.rights), deny, grant.inheritance)
    return Outcome([shown], lambda one: _mailbox_row(tenant, one, False))


def _granted(command: Command, entries: list[MailboxGrant], trustee: Trustee, rights: list[str]) -> MailboxGrant:
    """The trustee's entry with further rights; a new one, if it had none of this kind."""
    deny = bool(command.parameters.get("Deny"))
    for entry in _entries(entries, trustee, deny):
        entry.rights += rights
        return entry
    mapping, inheritance = command.parameters.get("AutoMapping"), command.parameters.get("InheritanceType") or "All"
    created = command.tenant.clock.now()
    grant = MailboxGrant(_key(trustee), rights, created, deny, inheritance, True if mapping is None else mapping)
    entries.append(grant)
    return grant


def _entries(entries: list[MailboxGrant], trustee: Trustee, deny: bool) -> list[MailboxGrant]:
    return [entry for entry in entries if entry.trustee == _key(trustee) and entry.deny == deny]


def remove_mailbox_permission(command: Command) -> Outcome:
    """Take rights away; where there is no such entry, a warning.

    That the kind of inheritance must be the entry's own is a guess; it is so for access lists of Active Directory.
    """
    command.refuse_others(_REMOVE)
    tenant, user, rights = command.tenant, _mailbox(command), _rights(command)
    trustee = _trustee(tenant, "User", str(command.parameters.get("User") or ""))
    question = _question(command, "Removing mailbox permission from", user.id)
    if question is not None:
        return question
    entries = tenant.exchange.mailbox_grants.setdefault(user.id, [])
    held = [
        entry
        for entry in _entries(entries, trustee, bool(command.parameters.get("Deny")))
        if set(entry.rights) & set(rights) and entry.inheritance == (command.parameters.get("InheritanceType") or "All")
    ]
    if not held:
        name, _unused = _name_and_sid(tenant, trustee)
        said = (
            f'Can\'t remove the access control entry on the object "{user.id}" for account "{name}" because the ACE '
            "doesn't exist on the object."
        )
        return Outcome(warnings=[said])
    for entry in held:
        entry.rights = [right for right in entry.rights if right not in rights]
    tenant.exchange.mailbox_grants[user.id] = [entry for entry in entries if entry.rights]
    return Outcome()


# --- RecipientPermission ------------------------------------------------------------------------------------------------


def _recipients(command: Command) -> list[Recipient]:
    """The recipient that the command names, or all of them."""
    tenant = command.tenant
    if command.identity:
        found: list[Recipient] = [user for user in users_named(tenant, command.identity) if user.mailbox is not None]
        found += others_named(tenant, command.identity)
        return [single(tenant, command.identity, found, lambda _unused: True)]
    users: list[Recipient] = [user for user in tenant.users.values() if user.mailbox is not None]
    others: list[Group | Contact] = [group for group in tenant.groups.values() if group.proxy_addresses]
    return [*users, *others, *tenant.contacts.values()]


def get_recipient_permission(command: Command) -> Outcome:
    """Who may send as a recipient, or as any of them without an identity."""
    command.refuse_others(frozenset({"Identity", "Trustee", "AccessRights", "ResultSize"}))
    tenant = command.tenant
    shown = []
    for recipient in _recipients(command):
        if isinstance(recipient, User):
            shown.append(_Shown(recipient.id, SELF, ("SendAs",)))
        for grant in tenant.exchange.send_as.get(recipient.id, []):
            trustee = _resolved(tenant, grant.trustee)
            shown.append(_Shown(recipient.id, trustee or _Orphan(grant.trustee), ("SendAs",), grant.deny))
    return Outcome(_of_trustee(command, "Trustee", shown), lambda one: _recipient_row(tenant, one))


def _recipient_row(tenant: Tenant, one: _Shown) -> dict[str, Any]:
    name, sid = _name_and_sid(tenant, one.trustee)
    return annotated(
        {
            "Identity": one.holder,
            "Trustee": name,
            "TrusteeSidString": sid,
            "AccessControlType": "Deny" if one.deny else "Allow",
            "AccessRights": list(one.rights),
            "IsValid": True,
            "ObjectState": "Unchanged",
        }
    )


def _send_as(command: Command, verb: str) -> tuple[Recipient, Trustee, Outcome | None]:
    """Recipient and trustee of a change, and the question if one was asked for. Raises CmdletError."""
    command.refuse_others(frozenset({"Identity", "Trustee", "AccessRights", "Confirm", "WhatIf"}))
    if not command.identity:
        raise errors.bad_value("Identity", "The argument is null or empty.")
    if any(right.lower() != "sendas" for right in _rights(command)):
        raise errors.bad_value("AccessRights", "The only access right of a recipient is SendAs.")
    recipient = _recipients(command)[0]
    trustee = _trustee(command.tenant, "Trustee", str(command.parameters.get("Trustee") or ""))
    return recipient, trustee, _question(command, verb, recipient.id)


def add_recipient_permission(command: Command) -> Outcome:
    """Let a trustee send as a recipient."""
    tenant = command.tenant
    recipient, trustee, question = _send_as(command, "Adding recipient permission for")
    _refuse_orphan(tenant, trustee)
    if question is not None:
        return question
    grants = tenant.exchange.send_as.setdefault(recipient.id, [])
    if any(grant.trustee == _key(trustee) and not grant.deny for grant in grants):
        name, _unused = _name_and_sid(tenant, trustee)
        said = "The appropriate access control entry is already present on the object"
        return Outcome(warnings=[f'{said} "{recipient.id}" for account "{name}".'])
    grants.append(SendAsGrant(_key(trustee), tenant.clock.now()))
    return Outcome([_Shown(recipient.id, trustee, ("SendAs",))], lambda one: _recipient_row(tenant, one))


def remove_recipient_permission(command: Command) -> Outcome:
    """Take the right to send as a recipient away."""
    tenant = command.tenant
    recipient, trustee, question = _send_as(command, "Removing recipient permission from")
    if question is not None:
        return question
    grants = tenant.exchange.send_as.get(recipient.id, [])
    kept = [grant for grant in grants if grant.trustee != _key(trustee) or grant.deny]
    if len(kept) == len(grants):
        name, _unused = _name_and_sid(tenant, trustee)
        said = f'Can\'t remove the access control entry on the object "{recipient.id}" for account "{name}"'
        return Outcome(warnings=[f"{said} because the ACE isn't present."])
    tenant.exchange.send_as[recipient.id] = kept
    return Outcome()
