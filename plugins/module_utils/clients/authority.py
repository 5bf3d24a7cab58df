# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who masters the addresses of an account that exists on both sides: Active Directory or the cloud."""

from __future__ import annotations

from .exchange import Exchange
from .graph import Graph


def addresses_mastered_by_cloud(graph: Graph, exchange: Exchange, immutable_id: str) -> str:
    """Why a write to C(proxyAddresses) in Active Directory would have no effect; empty when it has.

    An account is mastered by the cloud as a whole (Graph onPremisesSyncBehavior, isCloudManaged) or for its Exchange
    attributes only (IsExchangeCloudManaged of Set-Mailbox); in both cases the synchronization ignores the directory's
    addresses without a word. An account that the cloud does not know yet is mastered by the directory.

    Arguments:
        immutable_id: the account's anchor, by which the cloud knows it.

    Raises:
        ServiceError: the tenant could not be asked. Who masters the addresses is then unknown.
    """
    joined = graph.list(
        "/users", filter=f"onPremisesImmutableId eq '{immutable_id}'", select="id,onPremisesSyncEnabled"
    )
    for user in joined:
        behavior = graph.get(f"/users/{user['id']}/onPremisesSyncBehavior")
        if behavior and behavior.get("isCloudManaged"):
            return (
                "The cloud masters this account (isCloudManaged), so the synchronization would ignore the change. "
                "Change the addresses in Exchange Online."
            )
        mailbox = exchange.find("Get-Mailbox", user["id"])
        if mailbox and mailbox.get("IsExchangeCloudManaged"):
            return (
                "Exchange Online masters the addresses of this mailbox (IsExchangeCloudManaged), so the synchronization "
                "would ignore the change. Change the addresses in Exchange Online, or hand them back to the directory."
            )
    return ""
