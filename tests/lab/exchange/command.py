# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One command on its way through the service, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..state import Tenant, User
from . import errors
from .views import seen


@dataclass(frozen=True)
class Command:
    """A cmdlet with bound parameters. C(anchor) is the caller's X-AnchorMailbox, or None when it sent none."""

    tenant: Tenant
    cmdlet: str
    parameters: dict[str, Any]
    anchor: str | None

    @property
    def identity(self) -> str:
        """The Identity parameter; empty when it was not given, null, or blank, which means everything."""
        return str(self.parameters.get("Identity") or "").strip()

    def seen(self, user: User) -> User:
        """The user as this caller's back end sees it."""
        return seen(self.tenant, user, self.anchor)

    def refuse_others(self, played: frozenset[str]) -> None:
        """Say so when the command uses a parameter that the lab knows and does not play."""
        for name, value in self.parameters.items():
            if name not in played and value not in (None, False):
                raise errors.not_rehearsed(self.cmdlet, name)


@dataclass
class Outcome:
    """What a command answers: objects and what makes a row of one, warnings, and a confirmation question."""

    items: list[Any] = field(default_factory=list)
    row: Callable[[Any], dict[str, Any]] = dict
    warnings: list[str] = field(default_factory=list)
    confirmation: str | None = None
