# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SMTP AUTH in Exchange: the switch of the organization, of one mailbox, of all mailboxes."""

from __future__ import annotations

from typing import Any

from ..domain import smtp_auth
from .errors import ServiceError
from .exchange import Exchange


def organization(exchange: Exchange) -> dict[str, Any]:
    """The organization's state.

    Raises:
        ServiceError: it could not be read.
    """
    rows = exchange.command("Get-TransportConfig")
    if len(rows) != 1 or not isinstance(rows[0].get(smtp_auth.PROPERTY), bool):
        raise ServiceError(f"Get-TransportConfig does not say what {smtp_auth.PROPERTY} is.")
    return smtp_auth.organization_state(rows[0])


def organization_switch(exchange: Exchange) -> str:
    """The organization's switch; unknown where the application's role does not reach that far."""
    try:
        return str(organization(exchange)["smtp_auth"])
    except ServiceError as error:
        if error.status != 403:
            raise
        return smtp_auth.UNKNOWN


def mailbox(exchange: Exchange, identity: str, switch: str) -> dict[str, Any] | None:
    """The state of one mailbox; None only if Exchange says that there is none.

    The mailbox is found by Get-Mailbox, because Get-CASMailbox does not show all names that it is known by.

    Arguments:
        identity: any name of it.
        switch: the organization's switch.
    """
    named = exchange.find("Get-Mailbox", identity)
    if named is None:
        return None
    access = exchange.find("Get-CASMailbox", named["Guid"])
    if access is None or smtp_auth.PROPERTY not in access:
        raise ServiceError(f"Get-CASMailbox does not say what {smtp_auth.PROPERTY} of {identity} is.")
    return smtp_auth.mailbox_state(named, access, switch)


def mailboxes(exchange: Exchange, switch: str) -> list[dict[str, Any]]:
    """The states of all mailboxes, by one paged request."""
    rows = exchange.command("Get-CASMailbox", ResultSize="Unlimited")
    return [smtp_auth.mailbox_state(row, row, switch) for row in rows]


def set_switch(exchange: Exchange, identity: str | None, switch: str) -> None:
    """Set the switch of a mailbox, or of the organization where none is named. Raises ServiceError.

    Arguments:
        identity: id of the mailbox.
        switch: one of smtp_auth.VALUES.
    """
    value: dict[str, Any] = {smtp_auth.PROPERTY: smtp_auth.VALUES[switch], "Confirm": False}
    if identity is None:
        exchange.command("Set-TransportConfig", **value)
    else:
        exchange.command("Set-CASMailbox", Identity=identity, **value)
