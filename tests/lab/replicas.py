# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stale reads: several replicas of the directory, each of which learns of a change at its own moment.

With the switch C(graph_replica_lag) (seconds of the tenant's clock) every change of a user reaches each of
C(graph_replicas) (default 3) replicas after a random part of that time; each request reads from one of them, chosen at
random. So reads may go back and forth between old and new, as they do in the service, which promises no
read-after-write consistency to applications. Nothing of this happens while the switch is off. The choice is seeded.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass

from .index import index_of
from .state import Tenant, User


@dataclass
class _Version:
    """A user from a moment on (None: absent), and the delay with which each replica learns of it."""

    written_at: float
    user: User | None
    delays: tuple[float, ...]


class Replicas:
    """What the replicas of one tenant know of its users."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._random = random.Random(tenant.seed)
        self.count = int(tenant.switches.get("graph_replicas") or 3)
        always = (0.0,) * self.count
        self._versions = {
            user_id: [_Version(float("-inf"), copy.deepcopy(user), always)] for user_id, user in tenant.users.items()
        }

    def pick(self) -> int:
        """The replica that answers the next request."""
        return self._random.randrange(self.count)

    def observe(self, user_id: str) -> None:
        """Take note of what a user is like now, if that is news."""
        user = self._tenant.users.get(user_id)
        if user is None and user_id not in self._versions:
            return
        versions = self._versions.setdefault(user_id, [_Version(float("-inf"), None, (0.0,) * self.count)])
        if versions[-1].user == user:
            return
        lag = float(self._tenant.switches.get("graph_replica_lag") or 0)
        delays = tuple(self._random.uniform(0, lag) for _unused in range(self.count))
        versions.append(_Version(self._tenant.clock.timestamp(), copy.deepcopy(user), delays))

    def observe_all(self) -> None:
        """Take note of every user; only lists need that."""
        for user_id in {*self._versions, *self._tenant.users}:
            self.observe(user_id)

    def changing(self) -> list[str]:
        """The users that not every replica sees alike."""
        return [user_id for user_id in self._versions if len(self._settled(user_id)) > 1]

    def known(self) -> list[str]:
        """Every user that was ever seen, in the order of their making."""
        return list(self._versions)

    def visible(self, user_id: str, replica: int) -> User | None:
        """A user as one replica sees it."""
        now = self._tenant.clock.timestamp()
        for version in reversed(self._settled(user_id)):
            if version.written_at + version.delays[replica] <= now:
                return version.user
        return None

    def _settled(self, user_id: str) -> list[_Version]:
        """The versions of a user without those that no replica shows any more."""
        versions = self._versions.get(user_id, [])
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
        if self._replicas is None:
            return self._tenant.users.get(user_id)
        self._replicas.observe(user_id)
        return self._replicas.visible(user_id, self._replica)

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
        if self._replicas is None:
            yield from self._tenant.users.values()
            return
        self._replicas.observe_all()
        for user_id in self._replicas.known():
            user = self._replicas.visible(user_id, self._replica)
            if user is not None:
                yield user

    def _named(self, kind: str, value: str) -> list[User]:
        found = index_of(self._tenant).find(kind, value)
        if self._replicas is None:
            return found
        if not found:
            self._replicas.observe_all()
        ids = dict.fromkeys([*(user.id for user in found), *self._replicas.changing()])
        return [user for user in map(self.user, ids) if user is not None]


def replicas_of(tenant: Tenant) -> Replicas | None:
    """The replicas of a tenant while C(graph_replica_lag) is on, else None."""
    if not tenant.switches.get("graph_replica_lag"):
        tenant.scratch.pop("replicas", None)
        return None
    replicas = tenant.scratch.get("replicas")
    if not isinstance(replicas, Replicas):
        replicas = tenant.scratch["replicas"] = Replicas(tenant)
    return replicas
