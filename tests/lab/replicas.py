# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stale reads: several replicas of the directory, each of which learns of a change at its own moment.

With the switch C(graph_replica_lag) (seconds of the tenant's clock) every change of a user, a group, an application with
its service principal and credentials, a consent, an assignment, a policy or a named location reaches each of
C(graph_replicas) (default 3) replicas after a random part of that time; each request reads from one of them, chosen at
random. So reads may go back and forth between old and new, as they do in the service, which promises no
read-after-write consistency to applications. Nothing of this happens while the switch is off. The choice is seeded.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .index import index_of
from .state import (
    Application,
    ConditionalAccessPolicy,
    DeletedPrincipal,
    Group,
    NamedLocation,
    PermissionGrant,
    RoleAssignment,
    Tenant,
    User,
)

# The parts of the tenant that are replicated, by the names of their fields.
KINDS = (
    "users",
    "groups",
    "applications",
    "deleted_applications",
    "deleted_principals",
    "permission_grants",
    "role_assignments",
    "named_locations",
    "conditional_access_policies",
)


@dataclass
class _Version:
    """An object from a moment on (None: absent), and the delay with which each replica learns of it."""

    written_at: float
    item: Any
    delays: tuple[float, ...]


class Replicas:
    """What the replicas of one tenant know of its objects; an object is named by its kind (see KINDS) and its id."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._random = random.Random(tenant.seed)
        self.count = int(tenant.switches.get("graph_replicas") or 3)
        always = (0.0,) * self.count
        self._versions = {
            kind: {
                key: [_Version(float("-inf"), copy.deepcopy(item), always)] for key, item in self._live(kind).items()
            }
            for kind in KINDS
        }

    def _live(self, kind: str) -> Mapping[str, Any]:
        """The objects of a kind as they truly are."""
        live: Mapping[str, Any] = getattr(self._tenant, kind)
        return live

    def pick(self) -> int:
        """The replica that answers the next request."""
        return self._random.randrange(self.count)

    def observe(self, kind: str, key: str) -> None:
        """Take note of what an object is like now, if that is news."""
        item, known = self._live(kind).get(key), self._versions[kind]
        if item is None and key not in known:
            return
        versions = known.setdefault(key, [_Version(float("-inf"), None, (0.0,) * self.count)])
        if versions[-1].item == item:
            return
        lag = float(self._tenant.switches.get("graph_replica_lag") or 0)
        delays = tuple(self._random.uniform(0, lag) for _unused in range(self.count))
        versions.append(_Version(self._tenant.clock.timestamp(), copy.deepcopy(item), delays))

    def observe_all(self, kind: str) -> None:
        """Take note of every object of a kind; only lists need that."""
        for key in {**self._versions[kind], **self._live(kind)}:
            self.observe(kind, key)

    def changing(self, kind: str) -> list[str]:
        """The objects that not every replica sees alike."""
        return [key for key in self._versions[kind] if len(self._settled(kind, key)) > 1]

    def known(self, kind: str) -> list[str]:
        """Every object that was ever seen, in the order of their making."""
        return list(self._versions[kind])

    def visible(self, kind: str, key: str, replica: int) -> Any:
        """An object as one replica sees it, None when it does not."""
        now = self._tenant.clock.timestamp()
        for version in reversed(self._settled(kind, key)):
            if version.written_at + version.delays[replica] <= now:
                return version.item
        return None

    def _settled(self, kind: str, key: str) -> list[_Version]:
        """The versions of an object without those that no replica shows any more."""
        versions = self._versions[kind].get(key, [])
        now = self._tenant.clock.timestamp()
        while len(versions) > 1 and versions[1].written_at + max(versions[1].delays) <= now:
            del versions[0]
        return versions


class Reader:
    """What one request sees: the tenant itself, or one stale replica of it."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._replicas = replicas_of(tenant)
        self._replica = self._replicas.pick() if self._replicas else 0

    def user(self, user_id: str) -> User | None:
        """A live user by id."""
        user: User | None = self._one("users", user_id)
        return user

    def by_name(self, name: str) -> User | None:
        """A live user by user principal name."""
        wanted = name.lower()
        matches = (user for user in self._named("upn", name) if user.user_principal_name.lower() == wanted)
        return next(matches, None)

    def by_address(self, address: str) -> list[User]:
        """Live users that may hold an address; the caller checks which do."""
        return self._named("address", address)

    def users(self) -> Iterator[User]:
        """All live users, in a stable order."""
        yield from self._all("users")

    def group(self, group_id: str) -> Group | None:
        """A live group by id."""
        group: Group | None = self._one("groups", group_id)
        return group

    def groups(self) -> list[Group]:
        """All live groups."""
        return list(self._all("groups"))

    def applications(self) -> list[Application]:
        """All live applications."""
        return list(self._all("applications"))

    def deleted_applications(self) -> list[Application]:
        """The applications that can still be restored."""
        return list(self._all("deleted_applications"))

    def deleted_principals(self) -> list[DeletedPrincipal]:
        """The service principals that can still be restored."""
        return list(self._all("deleted_principals"))

    def permission_grants(self) -> list[PermissionGrant]:
        """All consent for delegated permissions."""
        return list(self._all("permission_grants"))

    def role_assignments(self) -> list[RoleAssignment]:
        """The assignments of app roles that are not application permissions of an application."""
        return list(self._all("role_assignments"))

    def named_locations(self) -> list[NamedLocation]:
        """All named locations."""
        return list(self._all("named_locations"))

    def conditional_access_policies(self) -> list[ConditionalAccessPolicy]:
        """All Conditional Access policies."""
        return list(self._all("conditional_access_policies"))

    def _one(self, kind: str, key: str) -> Any:
        if self._replicas is None:
            return getattr(self._tenant, kind).get(key)
        self._replicas.observe(kind, key)
        return self._replicas.visible(kind, key, self._replica)

    def _all(self, kind: str) -> Iterator[Any]:
        if self._replicas is None:
            yield from getattr(self._tenant, kind).values()
            return
        self._replicas.observe_all(kind)
        for key in self._replicas.known(kind):
            item = self._replicas.visible(kind, key, self._replica)
            if item is not None:
                yield item

    def _named(self, kind: str, value: str) -> list[User]:
        found = index_of(self._tenant).find(kind, value)
        if self._replicas is None:
            return found
        if not found:
            self._replicas.observe_all("users")
        ids = dict.fromkeys([*(user.id for user in found), *self._replicas.changing("users")])
        return [user for user in map(self.user, ids) if user is not None]


def announce(tenant: Tenant, *kinds: str) -> None:
    """Take note of a write on objects other than users; whoever changed, made or removed one calls it."""
    replicas = replicas_of(tenant)
    if replicas is not None:
        for kind in kinds:
            replicas.observe_all(kind)


def replicas_of(tenant: Tenant) -> Replicas | None:
    """The replicas of a tenant while C(graph_replica_lag) is on, else None."""
    if not tenant.switches.get("graph_replica_lag"):
        tenant.scratch.pop("replicas", None)
        return None
    replicas = tenant.scratch.get("replicas")
    if not isinstance(replicas, Replicas):
        replicas = tenant.scratch["replicas"] = Replicas(tenant)
    return replicas
