# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trustees that a task names: resolved once by whatever they are called, and known by one identity from then on."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from ..domain import mailbox_permissions as domain
from ..domain.mailbox_permissions import Trustee
from .errors import ServiceError
from .exchange import Exchange
from .exchange_answers import shown

# Recipients that hold no permission, because they are no security principals (Microsoft Learn, Add-MailboxPermission and
# Set-Mailbox: "mail-enabled security principals").
POWERLESS = {
    "MailUniversalDistributionGroup": "a plain distribution group",
    "MailNonUniversalGroup": "a group that is not universal",
    "DynamicDistributionGroup": "a dynamic distribution group",
    "RoomList": "a room list",
    "GroupMailbox": "a Microsoft 365 group",
    "MailContact": "a contact",
    "PublicFolder": "a public folder",
}
AMBIGUOUS = "ManagementObjectAmbiguousException"
FORBIDDEN = 403


class Trustees:
    """Whom the objects of a task name. Safe for many threads."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lock = threading.RLock()
        self._named: dict[str, Trustee | ServiceError] = {}
        self._by_id: dict[str, Trustee] = {}
        self._by_label: dict[str, Trustee] = {}

    def label(self, name: str, receives: bool) -> str:
        """The label of a trustee by any of its names.

        Arguments:
            name: principal name, any address, object id, alias, display name, or a security identifier.
            receives: he is to have a permission, not to lose it.

        Raises:
            ServiceError: there is nobody of this name, there are several, or he cannot hold a permission.
        """
        with self._lock:
            key = name.strip().casefold()
            if key not in self._named:
                self._named[key] = self._looked_up(name.strip())
            found = self._named[key]
        if isinstance(found, ServiceError):
            raise found
        if receives and found.kind in POWERLESS:
            raise ServiceError(
                f"{domain.brief(name)} is {POWERLESS[found.kind]}, which cannot hold permissions on a mailbox.",
                advice="Name a mailbox, a mail user or a mail-enabled security group.",
            )
        return found.label

    def known(self, label: str) -> Trustee | None:
        """The trustee of a label; None for somebody whom no option names."""
        return self._by_label.get(label.casefold())

    def of(self, labels: Iterable[str]) -> list[Trustee]:
        """The trustees of labels that label() gave."""
        return [self._by_label[label.casefold()] for label in labels]

    def _looked_up(self, name: str) -> Trustee | ServiceError:
        try:
            return self._kept(self._resolved(name))
        except ServiceError as error:
            return error

    def _kept(self, trustee: Trustee) -> Trustee:
        """The same object for the same identity, with a label that nobody else has."""
        same = self._by_id.setdefault(trustee.id.casefold(), trustee)
        if self._by_label.setdefault(same.label.casefold(), same) is not same:
            same.label = f"{same.label} ({same.id})"
            self._by_label[same.label.casefold()] = same
        return same

    def _resolved(self, name: str) -> Trustee:
        if name.casefold() in (domain.SELF, domain.SELF_SID.casefold()):
            raise ServiceError(
                f"{name} is the mailbox itself.", advice="Leave it out; its own permissions are never touched."
            )
        if domain.SID.fullmatch(name):
            return domain.orphan(name)
        row = self._recipient(name)
        if row is not None:
            return domain.trustee_of(row)
        application = self._application(name)
        if application is not None:
            return domain.service_principal(application)
        raise ServiceError(
            f"There is no recipient {domain.brief(name)} in Exchange.",
            meaning="Permissions are held by mailboxes, mail users and mail-enabled security groups.",
            advice="Check the spelling. Who is gone is named by security identifier (S-1-5-21-...).",
        )

    def _recipient(self, name: str) -> dict[str, Any] | None:
        try:
            return self._exchange.find("Get-Recipient", name)
        except ServiceError as error:
            if error.code != AMBIGUOUS:
                raise
            raise self._several(name, error) from error

    def _several(self, name: str, cause: ServiceError) -> ServiceError:
        """The error for a name that several recipients have, with all of them."""
        text = name.replace("'", "''")
        asked = " -or ".join(f"{field} -eq '{text}'" for field in ("DisplayName", "Name", "Alias"))
        rows = self._exchange.command("Get-Recipient", Filter=asked, ResultSize="Unlimited")
        return ServiceError(
            f"{len(rows)} recipients are called {domain.brief(name)}: {'; '.join(shown(row) for row in rows[:20])}.",
            advice="Name one by its address or its object id.",
            status=cause.status,
            code=cause.code,
            request_id=cause.request_id,
        )

    def _application(self, name: str) -> dict[str, Any] | None:
        """An application that Exchange knows; None also where the role of the run does not let it look."""
        try:
            return self._exchange.find("Get-ServicePrincipal", name)
        except ServiceError as error:
            if error.status != FORBIDDEN:
                raise
            return None

    def is_same(self, name: str, trustee: Trustee) -> bool:
        """Whether a name that Exchange shows without any identifier is this trustee's. Raises ServiceError: nobody's."""
        return self.label(name, False) == trustee.label
