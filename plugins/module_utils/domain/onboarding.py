# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way of a cloud mailbox becoming one that Active Directory masters, and what Active Directory gets.

The rules follow Microsoft Learn, "Microsoft Entra Connect: When you have an existing tenant" and "Understanding errors
during Microsoft Entra synchronization".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .addresses import LEGACY_KINDS, recognize

# The cloud drops whatever else the directory lacks. These it drops anyway, or makes itself (SPO).
NOT_CARRIED_KINDS = LEGACY_KINDS | {"SPO"}

UNREADABLE_SWITCHES = (
    "Whether the tenant blocks soft match (blockSoftMatchEnabled): an application cannot read this switch. "
    "If it is on, the synchronization makes a second user instead of joining this one."
)


@dataclass(frozen=True)
class Findings:
    """Everything that was read about one mailbox.

    Arguments:
        mailbox: its state, as M(m365.hybrid.mailbox_info) returns it.
        user: its account's state, as M(m365.hybrid.entra_user_info) returns it.
        domains: the tenant's domains as Graph gives them; None when they could not be read.
        roles: names of the Entra roles that the account holds; None when they could not be read.
        owners: distinguished names of directory objects that have one of the addresses or the user principal name.
        account: distinguished name of the directory account that was made for this mailbox, if there is one.
        account_anchor: the base64 anchor of that account.
        account_known: whether there is such an account could be read.
        doubles: names of other cloud users that carry this anchor: the synchronization made them instead of joining.
        place: why its account cannot go where it is to go; empty when it can.
        seat: whether a license can be had; None when none is asked for.
        nickname_known: the directory's schema has C(mailNickname), which comes with the Exchange schema.
        unread: what could not be read, and why.
    """

    mailbox: Mapping[str, Any]
    user: Mapping[str, Any]
    domains: Sequence[Mapping[str, Any]] | None
    roles: list[str] | None
    owners: list[str]
    account: str | None = None
    account_anchor: str | None = None
    account_known: bool = True
    doubles: list[str] = field(default_factory=list)
    place: str = ""
    seat: bool | None = None
    nickname_known: bool = False
    unread: list[str] = field(default_factory=list)


def anchor_of(object_id: str) -> bytes:
    """The anchor that an account made for a cloud user carries: the bytes of the cloud user's own object id.

    It is written to mS-DS-ConsistencyGuid, which Entra Connect takes as source anchor where it is set (Microsoft Learn,
    "Microsoft Entra Connect: Design concepts"). So a later run knows the account for the one it made.
    """
    return uuid.UUID(object_id).bytes_le


def initial_domain(domains: Iterable[Mapping[str, Any]]) -> str:
    """The tenant's own domain in the cloud, for example C(contoso.onmicrosoft.com)."""
    return next((str(domain["id"]).lower() for domain in domains if domain.get("isInitial")), "")


def cloud_domain(name: str, domains: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a mail domain belongs to the cloud itself, so that a directory must not carry addresses in it."""
    own = initial_domain(domains)
    return name.endswith(".onmicrosoft.com") or (bool(own) and (name == own or name.endswith("." + own)))


def directory_addresses(cloud: Iterable[str], domains: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """The addresses that Active Directory gets: all of the cloud's, without those in the cloud's own domains.

    While the tenant's domains are unknown, only the names that every tenant has are left out.
    """
    found = [(text, recognize(text)) for text in cloud]
    return [
        text
        for text, address in found
        if address is not None
        and address.kind not in NOT_CARRIED_KINDS
        and not cloud_domain(address.domain, domains or ())
    ]


def finished(facts: Findings) -> bool:
    """Whether the mailbox is a user mailbox already, mastered by the account that carries its anchor."""
    joined = facts.account_anchor is not None and facts.user["immutable_id"] == facts.account_anchor
    return bool(facts.user["synced"]) and facts.mailbox["type"] == "user" and joined


def blockers(facts: Findings) -> list[str]:
    """Why this mailbox must be left alone, in the administrator's words; empty when nothing stands in the way."""
    found = [f"Unknown, so nothing is done: {what}" for what in facts.unread]
    if finished(facts):
        return found
    return (
        found
        + _account_blockers(facts)
        + _double_blockers(facts)
        + _address_blockers(facts)
        + _directory_blockers(facts)
    )


def _account_blockers(facts: Findings) -> list[str]:
    found = []
    if facts.user["synced"]:
        # Without a view of the directory it may well be the account that we made.
        if facts.account_known:
            found.append("Its account is synchronized from Active Directory already; change it there.")
    elif facts.user["immutable_id"]:
        found.append(
            f"Its account has the immutable id {facts.user['immutable_id']}, so it cannot be matched by address. "
            "Find out which directory object it belonged to, or clear the immutable id."
        )
    if facts.mailbox["type"] not in ("shared", "user"):
        found.append(f"Its mailbox type is {facts.mailbox['type']}, not shared.")
    if facts.roles:
        found.append(
            f"Its account holds Entra roles ({', '.join(facts.roles)}); the synchronization refuses to join such an "
            "account. Remove the roles first and assign them again afterwards."
        )
    if facts.seat is False:
        found.append("No unit of the license is free. Buy or free one.")
    return found


def _double_blockers(facts: Findings) -> list[str]:
    """The way out follows Microsoft Learn, "Troubleshoot errors during Microsoft Entra Connect synchronization"."""
    return [
        f"The synchronization has made another account, {double}, for {facts.account} instead of joining it with this "
        "one. Never delete this one. Take the account in Active Directory out of the scope of the synchronization, "
        "delete the other account for good, remove the cause (soft match switched off, an Entra role, another primary "
        "address), and run again."
        for double in facts.doubles
    ]


def _address_blockers(facts: Findings) -> list[str]:
    if facts.domains is None:
        return []
    carried = directory_addresses(facts.mailbox["addresses"], facts.domains)
    verified = {str(domain["id"]).lower() for domain in facts.domains if domain.get("isVerified")}
    smtp = [address for address in map(recognize, carried) if address is not None and address.kind == "SMTP"]
    unverified = sorted({address.domain for address in smtp} - verified)
    found = []
    if unverified:
        found.append(
            f"Addresses in domains that the tenant has not verified: {', '.join(unverified)}. "
            "The cloud would drop them."
        )
    suffix = facts.user["user_principal_name"].rpartition("@")[2].lower()
    if suffix not in verified or cloud_domain(suffix, facts.domains):
        found.append(
            f"Its user principal name {facts.user['user_principal_name']} is not in a verified domain of your own. "
            "Give it one that Active Directory can have too."
        )
    if sum(address.primary for address in smtp) != 1:
        found.append("Its primary address is in the cloud's own domain. Make one in your own domain the primary first.")
    return found


def _directory_blockers(facts: Findings) -> list[str]:
    if facts.user["synced"] and facts.account is None:
        # The owner is most likely the account that masters this mailbox: its addresses must not be taken away.
        return []
    others = [owner for owner in facts.owners if facts.account is None or owner.lower() != facts.account.lower()]
    return [
        f"{owner} in Active Directory has its user principal name or one of its addresses already. Remove them there."
        for owner in others
    ] + [facts.place] * bool(facts.place)


def sign_in_statement(user_principal_name: str, domains: Iterable[Mapping[str, Any]] | None) -> str:
    """How the mailbox's user signs in once Active Directory masters the account, as the kind of the domain says."""
    suffix = user_principal_name.rpartition("@")[2].lower()
    kind = next(
        (domain.get("authenticationType") for domain in domains or () if str(domain["id"]).lower() == suffix), None
    )
    if kind == "Federated":
        return (
            f"{suffix} is federated: {user_principal_name} signs in at your own federation service (AD FS), with the "
            "password in Active Directory. The former cloud password no longer counts."
        )
    if kind == "Managed":
        return (
            f"{suffix} is managed: {user_principal_name} signs in at Microsoft. With password hash synchronization or "
            "pass-through authentication the password in Active Directory counts from now on; otherwise the cloud "
            "password stays. Which of them is on cannot be read by an application."
        )
    return f"Unknown: the tenant does not say whether {suffix} is managed or federated."


def changed_identity(before: Mapping[str, Any], after: Findings) -> list[str]:
    """What is not as it was before the mailbox came over; empty when it is still the same mailbox with all addresses.

    Arguments:
        before: C(id), C(mailbox_guid) and C(directory_addresses) as they were read before the first change.
        after: what is read now.
    """
    problems = _double_blockers(after)
    if before["id"] != after.mailbox["id"]:
        problems.append(f"The object id was {before['id']} and is {after.mailbox['id']}: this is another account.")
    if before["mailbox_guid"] != after.mailbox["mailbox_guid"]:
        problems.append(
            f"The mailbox GUID was {before['mailbox_guid']} and is {after.mailbox['mailbox_guid']}: "
            "this is another mailbox. Do not delete either; Microsoft support can join them."
        )
    now = {text.lower() for text in after.mailbox["addresses"]}
    lost = [text for text in before["directory_addresses"] if text.lower() not in now]
    if lost:
        problems.append(f"Addresses that are gone: {', '.join(lost)}.")
    primary = [text for text in before["directory_addresses"] if text.startswith("SMTP:")]
    if primary and primary[0] not in after.mailbox["addresses"] and not lost:
        problems.append(f"{primary[0]} is no longer the primary address.")
    if not finished(after):
        problems.append("Active Directory does not master it yet, or it is not a user mailbox.")
    return problems


def state_of(facts: Findings, want: Mapping[str, Any]) -> dict[str, Any]:
    """What was found, in the words that M(m365.hybrid.mailbox_onboarding_info) returns.

    Arguments:
        facts: what was read.
        want: the module's options.
    """
    obstacles = changed_identity(want["before"], facts) if want["before"] else blockers(facts)
    return {
        "stage": stage(facts, obstacles),
        "blockers": obstacles,
        "unknown": [] if finished(facts) else [UNREADABLE_SWITCHES],
        "sign_in": sign_in_statement(facts.user["user_principal_name"], facts.domains),
        "id": facts.mailbox["id"],
        "mailbox_guid": facts.mailbox["mailbox_guid"],
        "user_principal_name": facts.user["user_principal_name"],
        "display_name": facts.mailbox["display_name"],
        "type": facts.mailbox["type"],
        "addresses": facts.mailbox["addresses"],
        "directory_addresses": directory_addresses(facts.mailbox["addresses"], facts.domains),
        "account": facts.account,
        "steps": steps(facts, want),
    }


def stage(facts: Findings, obstacles: list[str]) -> str:
    """How far the mailbox has come."""
    if obstacles:
        return "blocked"
    if finished(facts):
        return "done"
    return "ready" if facts.mailbox["type"] == "shared" and facts.account is None else "started"


def steps(facts: Findings, want: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of the modules that bring the mailbox over, by step."""
    name = facts.user["user_principal_name"]
    carried = directory_addresses(facts.mailbox["addresses"], facts.domains)
    primary = next((text.partition(":")[2] for text in carried if text.startswith("SMTP:")), None)
    licenses = {"add": [want["license"]]} if want["license"] else None
    every = {
        "license": {"user": name, "licenses": licenses, "usage_location": want["usage_location"]},
        "type": {"mailbox": name, "type": "user"},
        "account": _account_step(facts, want, carried, primary),
        "addresses": {"user": name, "primary": primary, "aliases": {"add": _aliases(carried)}},
        "sync": {"user": name},
        "verification": {
            "mailbox": facts.mailbox["id"],
            "before": {
                "id": facts.mailbox["id"],
                "mailbox_guid": facts.mailbox["mailbox_guid"],
                "directory_addresses": carried,
            },
        },
    }
    return {step: _given(options) for step, options in every.items()}


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in options.items() if value is not None}


def _aliases(carried: list[str]) -> list[str]:
    return [text for text in carried if not text.startswith("SMTP:")]


def _account_step(facts: Findings, want: Mapping[str, Any], carried: list[str], primary: str | None) -> dict[str, Any]:
    """The account, for a new one with all addresses in the same request.

    The first synchronization decides: what an account lacks when it is seen first, the cloud drops.
    """
    return {
        "user": facts.user["user_principal_name"],
        "ou": want["ou"],
        "sam_account_name": want["sam_account_name"],
        "display_name": facts.user["display_name"],
        "given_name": facts.user["given_name"],
        "surname": facts.user["surname"],
        "mail": primary,
        "cloud_object_id": facts.user["id"],
        "attributes": _attributes(facts, carried) if facts.account is None else None,
    }


def _attributes(facts: Findings, carried: list[str]) -> dict[str, list[str]]:
    nickname = facts.user["mail_nickname"]
    return {"proxyAddresses": carried, **({"mailNickname": [nickname]} if nickname and facts.nickname_known else {})}
