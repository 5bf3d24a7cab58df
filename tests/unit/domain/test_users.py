# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an Entra ID user is, from what Graph says."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.domain import users

LEAST = {"id": "1", "userPrincipalName": "info@contoso.example"}
SHOWN = {
    "displayName": "display_name",
    "givenName": "given_name",
    "surname": "surname",
    "mail": "mail",
    "mailNickname": "mail_nickname",
    "accountEnabled": "enabled",
    "usageLocation": "usage_location",
    "onPremisesSyncEnabled": "synced",
    "onPremisesImmutableId": "immutable_id",
    "onPremisesLastSyncDateTime": "last_sync",
    "onPremisesDistinguishedName": "distinguished_name",
}


@pytest.mark.parametrize(("theirs", "ours"), SHOWN.items())
def test_each_property_has_its_place(theirs: str, ours: str) -> None:
    assert users.state_of(LEAST)[ours] is None
    assert users.state_of(LEAST | {theirs: "value"})[ours] == "value"
    assert theirs in users.PROPERTIES.split(",")


@pytest.mark.parametrize("synced", [None, False, True])
def test_never_synchronized_differs_from_no_longer(synced: Any) -> None:
    assert users.state_of(LEAST | {"onPremisesSyncEnabled": synced})["synced"] is synced


def test_lists_are_lists() -> None:
    empty = users.state_of(LEAST | {"proxyAddresses": None, "onPremisesProvisioningErrors": None})
    assert (empty["addresses"], empty["provisioning_errors"]) == ([], [])
    held = ["SMTP:info@contoso.example"]
    state = users.state_of(LEAST | {"proxyAddresses": held})
    assert state["addresses"] == held
    assert state["addresses"] is not held
