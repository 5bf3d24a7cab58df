# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The permissions that the guides name are enough, and none of them is too much."""

from __future__ import annotations

from typing import Any

import pytest
from contract_cases_access import located
from contract_cases_applications import ANNA, everything
from contract_cases_identities import forgotten, password_file, ran, there
from contract_ground import Ground
from contract_runners import forget, in_controller

from lab.state import DirectoryRole
from lab.tokens import EXCHANGE, GRAPH

NAME, INFO = "dienst@contoso.example", "info@contoso.example"
RECIPIENTS, ADMINISTRATOR, READER = "Exchange Recipient Administrator", "Exchange Administrator", "Global Reader"
# Microsoft Learn, "Microsoft Entra built-in roles".
TEMPLATES = {
    RECIPIENTS: "31392ffb-586c-42d1-9346-e59415a2cc4e",
    ADMINISTRATOR: "29232cdf-9323-42fd-ade2-1d097af3e4de",
    READER: "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
}
POLICY = {
    "policy": "Dienstkonten",
    "mode": "enabled",
    "include_applications": ["all"],
    "exclude_locations": ["Büro"],
    "grant_controls": ["block"],
    "break_glass_accounts": ["it@contoso.example"],
}
LOCATIONS = {"Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"}
POLICIES = LOCATIONS | {"Application.Read.All", "Directory.Read.All"}


def holds_roles(ground: Ground) -> None:
    """The group may hold roles."""
    there()(ground)
    one = next(found for found in ground.tenant.groups.values() if found.unique_name == "verkauf")
    one.role_assignable = True


# Title -> module, options, what is there before, and the permissions of Microsoft Graph that are needed.
NEEDED: dict[str, tuple[str, dict[str, Any], Any, set[str]]] = {
    "a user": ("entra_user", {"user": NAME, "sink": ...}, None, {"User.ReadWrite.All"}),
    "another password": (
        "entra_user",
        {"user": NAME, "sink": ...},
        forgotten,
        {"User.ReadWrite.All", "User-PasswordProfile.ReadWrite.All"},
    ),
    "no user any more": ("entra_user", {"user": NAME, "state": "absent"}, ran, {"User.ReadWrite.All"}),
    "its license": (
        "entra_license",
        {"user": "werkstatt4@contoso.example", "usage_location": "DE", "licenses": {"add": ["EXCHANGESTANDARD"]}},
        None,
        {"User.ReadWrite.All", "Organization.Read.All"},
    ),
    "a group with members": (
        "entra_group",
        {"group": "dienstkonten", "members": {"set": [ANNA]}},
        None,
        {"Group.ReadWrite.All", "Directory.Read.All"},
    ),
    "a group that may hold roles": (
        "entra_group",
        {"group": "verkauf", "members": {"add": [ANNA]}},
        holds_roles,
        {"Group.ReadWrite.All", "Directory.Read.All", "RoleManagement.ReadWrite.Directory"},
    ),
    "a named location": ("entra_named_location", {"location": "Neu", "ip_ranges": ["192.0.2.0/28"]}, None, LOCATIONS),
    "no named location any more": (
        "entra_named_location",
        {"location": "Büro", "state": "absent"},
        located(),
        LOCATIONS,
    ),
    "a policy": (
        "entra_conditional_access_policy",
        {**POLICY, "include_groups": ["Verkauf"], "include_users": [ANNA]},
        everything(located(), there("info")),
        POLICIES,
    ),
    "a policy with a role": (
        "entra_conditional_access_policy",
        {**POLICY, "include_roles": ["Helpdesk Administrator"], "break_glass_accounts": ["vertrieb@contoso.example"]},
        located(),
        POLICIES,
    ),
}


def run(ground: Ground, title: str, permissions: set[str]) -> dict[str, Any]:
    """One run of a row with some permissions and no others."""
    module, options, prepare, _needed = NEEDED[title]
    if prepare:
        prepare(ground)
    ground.application.app_roles[GRAPH] = sorted(permissions)
    forget()
    sink = {"sink": password_file(ground)} if "sink" in options else {}
    result: dict[str, Any] = in_controller(module, {**ground.cloud(), **options, **sink})
    return result


@pytest.mark.parametrize("title", NEEDED)
def test_the_permissions_are_enough(ground: Ground, title: str) -> None:
    result = run(ground, title, NEEDED[title][3])
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("title", "missing"), [(title, one) for title, row in NEEDED.items() for one in sorted(row[3])]
)
def test_none_of_the_permissions_is_too_much(ground: Ground, title: str, missing: str) -> None:
    result = run(ground, title, NEEDED[title][3] - {missing})
    assert result.get("failed"), f"{title} is possible without {missing}"
    assert "Insufficient privileges" in result["msg"] or "required scopes are missing" in result["msg"]


# Title -> module, options, and the Entra role of the application. Of Graph nothing is needed.
EXCHANGE_NEEDED: dict[str, tuple[str, dict[str, Any], str]] = {
    "permissions": ("mailbox_permission", {"mailbox": INFO, "full_access": {"add": [ANNA]}}, RECIPIENTS),
    "permissions of a set": ("mailbox_permission", {"all": True, "full_access": {"add": [ANNA]}}, RECIPIENTS),
    "the report": ("mailbox_permission_info", {"expand_groups": True}, READER),
    "settings of a mailbox": (
        "exchange_settings",
        {"object": "CASMailbox", "identity": INFO, "settings": {"ImapEnabled": False}},
        RECIPIENTS,
    ),
    "settings of the organization": (
        "exchange_settings",
        {"object": "OrganizationConfig", "settings": {"RejectDirectSend": True}},
        ADMINISTRATOR,
    ),
}


def run_in_exchange(ground: Ground, title: str, role: str, app_role: str = "Exchange.ManageAsApp") -> dict[str, Any]:
    """One run of a row with an Entra role and an application permission of Exchange, and nothing of Graph."""
    module, options, _role = EXCHANGE_NEEDED[title]
    tenant, own = ground.tenant, ground.application.service_principal_id
    assert own
    for held in tenant.roles.values():
        held.members = [member for member in held.members if member != own]
    if role:
        identifier = tenant.new_id()
        tenant.roles[identifier] = DirectoryRole(identifier, TEMPLATES[role], role, [own])
    ground.application.app_roles = {EXCHANGE: [app_role]} if app_role else {}
    forget()
    result: dict[str, Any] = in_controller(module, {**ground.cloud(), **options})
    return result


@pytest.mark.parametrize("title", EXCHANGE_NEEDED)
def test_the_role_in_exchange_is_enough(ground: Ground, title: str) -> None:
    result = run_in_exchange(ground, title, EXCHANGE_NEEDED[title][2])
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is (title != "the report")


@pytest.mark.parametrize("title", EXCHANGE_NEEDED)
def test_a_lesser_role_in_exchange_is_refused(ground: Ground, title: str) -> None:
    needed = EXCHANGE_NEEDED[title][2]
    lesser = {RECIPIENTS: READER, READER: "", ADMINISTRATOR: RECIPIENTS}[needed]
    result = run_in_exchange(ground, title, lesser)
    assert result.get("failed"), f"{title} is possible as {lesser or 'nobody'}"
    assert "403" in result["msg"]


@pytest.mark.parametrize("title", EXCHANGE_NEEDED)
def test_the_role_alone_opens_no_door(ground: Ground, title: str) -> None:
    result = run_in_exchange(ground, title, EXCHANGE_NEEDED[title][2], app_role="")
    assert result.get("failed")
    assert "401" in result["msg"]
