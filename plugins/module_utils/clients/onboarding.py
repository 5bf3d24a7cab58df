# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what decides whether a mailbox can come under Active Directory, from all three services."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from ..domain import license_plan, mailboxes, onboarding, users
from ..domain.accounts import anchor_of
from ..domain.addresses import claims
from ..domain.licenses import find_sku
from .directory import Directory, equals
from .directory_accounts import owners
from .errors import ServiceError
from .exchange import Exchange
from .graph import Graph

T = TypeVar("T")
ACCOUNT = "its account in Active Directory"


class Services(Protocol):
    """The clients of the task, and what its objects share."""

    exchange: Exchange
    graph: Graph
    directory: Directory
    lock: threading.RLock

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Make a value for the whole task when it is first needed."""


def findings(services: Services, mailbox: str, license_name: str | None, ou: str | None) -> onboarding.Findings | None:
    """Everything about one mailbox; None when Exchange Online says there is none.

    What cannot be read is noted in C(unread) and never taken for absent.

    Arguments:
        mailbox: any of its names.
        license_name: the license that it is to get, if any.
        ou: where its account is to go, if that is known.

    Raises:
        ServiceError: the mailbox or its account itself could not be read.
    """
    row = services.exchange.find("Get-Mailbox", mailbox)
    if row is None:
        return None
    state = mailboxes.state_of(row)
    user = services.graph.get(f"/users/{state['id']}", select=f"{users.PROPERTIES},assignedLicenses")
    if user is None:
        raise ServiceError(
            f"Entra ID has no user {state['id']} for this mailbox.", advice="Try again later; nothing was changed."
        )
    found = _looked_up(services, state, user, ou)
    # A seat is promised only to a mailbox that will take it, or others would go without for nothing.
    if onboarding.finished(found) or onboarding.blockers(found):
        return found
    seat = _attempt(found.unread, "the free licenses", lambda: _seat(services, user, license_name))
    return replace(found, seat=seat)


def _looked_up(services: Services, state: dict[str, Any], user: dict[str, Any], ou: str | None) -> onboarding.Findings:
    """All but the seat, each by itself, so that what cannot be read hides nothing else."""
    unread: list[str] = []
    with ThreadPoolExecutor(1) as beside:
        # The directory is reached while the cloud takes its time to answer.
        finding = beside.submit(_attempt, unread, ACCOUNT, lambda: _account(services, state["id"]))
        domains = _attempt(unread, "the tenant's domains", lambda: _domains(services))
        roles = _attempt(unread, "the Entra roles of its account", lambda: _roles(services, state["id"]))
        account = finding.result()
    return onboarding.Findings(
        mailbox=state,
        user=users.state_of(user),
        domains=domains,
        roles=roles,
        owners=_attempt(unread, "who owns its addresses", lambda: _owners(services, state, domains, account)) or [],
        account=account,
        account_anchor=anchor_of(onboarding.anchor_of(state["id"]), b"") if account else None,
        account_known=not any(note.startswith(ACCOUNT) for note in unread),
        doubles=_attempt(unread, "whether it was joined", lambda: _doubles(services, user, account)) or [],
        place=_attempt(unread, "where its account is to go", lambda: _place(services, ou, account)) or "",
        nickname_known=bool(_attempt(unread, "the directory's schema", lambda: _has_nickname(services))),
        unread=unread,
    )


def _attempt(unread: list[str], what: str, read: Callable[[], T]) -> T | None:
    """What a read gives; None where it failed, which is then noted as unread."""
    try:
        return read()
    except ServiceError as error:
        unread.append(f"{what} ({error})")
        return None


def _domains(services: Services) -> list[dict[str, Any]]:
    domains: list[dict[str, Any]] = services.once("domains", lambda: services.graph.list("/domains"))
    return domains


def _roles(services: Services, user_id: str) -> list[str]:
    held = services.graph.list(f"/users/{user_id}/transitiveMemberOf/microsoft.graph.directoryRole")
    # Without a permission for roles, Graph shows of an object only its type and id.
    return [str(role.get("displayName") or f"{role.get('id')}, whose name may not be read") for role in held]


def _account(services: Services, user_id: str) -> str | None:
    """The account that carries this user's anchor, as it was made for it."""
    found = services.directory.find(equals("mS-DS-ConsistencyGuid", onboarding.anchor_of(user_id)), ["objectGUID"])
    if len(found) > 1:
        raise ServiceError(f"Several accounts carry the anchor of {user_id}: {'; '.join(one.dn for one in found)}.")
    return found[0].dn if found else None


def _doubles(services: Services, user: dict[str, Any], account: str | None) -> list[str]:
    """Other users that carry the anchor of the account: it was synchronized, but not joined with this user."""
    if account is None or user.get("onPremisesSyncEnabled"):
        return []
    anchor = anchor_of(onboarding.anchor_of(user["id"]), b"")
    holders = services.graph.list(
        "/users", filter=f"onPremisesImmutableId eq '{anchor}'", select="id,userPrincipalName"
    )
    return [f"{one['userPrincipalName']} ({one['id']})" for one in holders if one["id"] != user["id"]]


def _place(services: Services, ou: str | None, account: str | None) -> str:
    """Why a new account cannot go to a place; empty when it can."""
    if ou is None or account is not None:
        return ""

    def look() -> str:
        # What we may create there: [MS-ADTS] 3.1.1.4.5.20.
        found = services.directory.read(ou, ["allowedChildClassesEffective"])
        if found is None:
            return f"There is no {ou} in Active Directory. Create it first, or correct ou."
        if "user" not in map(str.lower, found.texts("allowedChildClassesEffective")):
            return f"directory_user may not create users in {ou}. Delegate that right, or correct ou."
        return ""

    return str(services.once(("place", ou.lower()), look))


def _owners(services: Services, state: dict[str, Any], domains: list[Any] | None, account: str | None) -> list[str]:
    names = onboarding.directory_addresses(state["addresses"], domains)
    wanted = {name: claims(name) for name in names}
    wanted[state["user_principal_name"]] = [("userPrincipalName", state["user_principal_name"])]
    return sorted(set(owners(services.directory, wanted, account).values()))


def _seat(services: Services, user: dict[str, Any], license_name: str | None) -> bool | None:
    """Whether a unit of the license is left for this user; each one that is promised counts for the others."""
    if license_name is None:
        return None
    skus = services.once("subscribedSkus", lambda: services.graph.list("/subscribedSkus"))
    try:
        sku = find_sku(skus, license_name)
    except ValueError as unknown:
        raise ServiceError(f"{unknown}.") from unknown
    if any(held["skuId"] == sku["skuId"] for held in user.get("assignedLicenses") or []):
        return True
    free = services.once("free units", lambda: license_plan.free_of_all(skus))
    with services.lock:
        free[sku["skuPartNumber"]] -= 1
        return bool(free[sku["skuPartNumber"]] >= 0)


def _has_nickname(services: Services) -> bool:
    return bool(services.once("mailNickname", lambda: services.directory.has_attribute("mailNickname")))
