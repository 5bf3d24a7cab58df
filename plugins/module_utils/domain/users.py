# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an Entra ID user is, in the administrator's words, from what Microsoft Graph says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Graph gives these only when they are asked for by name (Microsoft Learn, "user resource type").
PROPERTIES = (
    "id,userPrincipalName,displayName,givenName,surname,mail,mailNickname,proxyAddresses,accountEnabled,usageLocation,"
    "onPremisesSyncEnabled,onPremisesImmutableId,onPremisesLastSyncDateTime,onPremisesDistinguishedName,"
    "onPremisesProvisioningErrors,licenseAssignmentStates,assignedPlans"
)


def state_of(user: Mapping[str, Any]) -> dict[str, Any]:
    """The state of one user.

    Arguments:
        user: a Graph user with at least L(PROPERTIES).

    Returns:
        The keys of M(m365.hybrid.entra_user_info). C(synced) is null for a user that was never synchronized, and false
        for one that once was.
    """
    return {
        "id": user["id"],
        "user_principal_name": user["userPrincipalName"],
        "display_name": user.get("displayName"),
        "given_name": user.get("givenName"),
        "surname": user.get("surname"),
        "mail": user.get("mail"),
        "mail_nickname": user.get("mailNickname"),
        "addresses": list(user.get("proxyAddresses") or []),
        "enabled": user.get("accountEnabled"),
        "usage_location": user.get("usageLocation"),
        "synced": user.get("onPremisesSyncEnabled"),
        "immutable_id": user.get("onPremisesImmutableId"),
        "last_sync": user.get("onPremisesLastSyncDateTime"),
        "distinguished_name": user.get("onPremisesDistinguishedName"),
        "provisioning_errors": list(user.get("onPremisesProvisioningErrors") or []),
    }
