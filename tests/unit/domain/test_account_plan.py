# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an account should be, and what the directory has to be told for it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain import account_plan

ID = "c498b6e7-3648-445e-9afa-3a387f006745"
OPTIONS = (*account_plan.ATTRIBUTES, *account_plan.PLACE, "enabled", "cloud_object_id", "password", "attributes")
LEFT_OUT: dict[str, Any] = dict.fromkeys(OPTIONS) | {"user": "info@contoso.example", "update_password": "always"}
OU = "OU=Mailboxes,DC=corp,DC=contoso,DC=example"
BEFORE: dict[str, Any] = {
    "user_principal_name": "info@contoso.example",
    "sam_account_name": "info",
    "display_name": "Info",
    "given_name": None,
    "surname": None,
    "mail": "info@contoso.example",
    "name": "Info",
    "ou": OU,
    "enabled": False,
    "cloud_object_id": None,
    "user_account_control": 514 | 0x10000,
    "attributes": {},
}


def want(**given_: Any) -> dict[str, Any]:
    return LEFT_OUT | given_


def test_a_new_account_gets_what_the_user_left_to_us() -> None:
    after = account_plan.goal(want(ou=OU, derived_sam_account_name="info"), {})
    assert {name: after[name] for name in after if after[name] not in (None, [], {})} == {
        "distinguished_name": f"CN=info,{OU}",
        "user_principal_name": "info@contoso.example",
        "sam_account_name": "info",
        "name": "info",
        "ou": OU,
        "enabled": False,
        "user_account_control": 514,
    }
    named = account_plan.goal(want(user="info", display_name="Info", password="x", sam_account_name="i"), {})
    assert not named.get("user_principal_name")
    assert (named["name"], named["enabled"], named["sam_account_name"]) == ("Info", True, "i")


def test_what_is_left_out_is_left_alone() -> None:
    assert account_plan.goal(want(), BEFORE) == BEFORE
    after = account_plan.goal(want(mail="new@contoso.example", attributes={"title": ["A"]}), BEFORE)
    assert after == BEFORE | {"mail": "new@contoso.example", "attributes": {"title": ["A"]}}


@pytest.mark.parametrize(
    ("before", "when", "set_"), [({}, "on_create", 1), (BEFORE, "on_create", 0), (BEFORE, "always", 1)]
)
def test_when_a_password_is_set(before: dict[str, Any], when: str, set_: int) -> None:
    assert ("password" in account_plan.goal(want(password="x", update_password=when), before)) is bool(set_)


@pytest.mark.parametrize(
    ("given_", "before", "reason"),
    [
        ({"ou": OU}, None, ""),
        ({}, None, "A new account needs ou"),
        ({"user": "info", "ou": OU}, None, "A new account needs user_principal_name"),
        ({"ou": OU, "enabled": True}, None, "An account without a password cannot be enabled"),
        ({"ou": OU, "enabled": True, "password": "x"}, None, ""),
        ({"cloud_object_id": ID}, BEFORE, ""),
        ({"cloud_object_id": ID}, BEFORE | {"cloud_object_id": ID}, ""),
        ({"cloud_object_id": str(uuid.uuid4())}, BEFORE | {"cloud_object_id": ID}, f"cloud object {ID} already"),
    ],
)
def test_obstacles(given_: dict[str, Any], before: dict[str, Any] | None, reason: str) -> None:
    asked = want(**given_)
    found = account_plan.obstacle(asked, before, account_plan.goal(asked, before or {}))
    assert found == "" if not reason else reason in found


def test_a_new_account_goes_in_one_request_with_password_anchor_and_addresses() -> None:
    asked = want(
        ou=OU,
        display_name="Info",
        password="Geheim-1!",
        cloud_object_id=ID,
        attributes={"proxyAddresses": ["SMTP:info@contoso.example"], "title": []},
    )
    assert account_plan.new_attributes(account_plan.goal(asked, {})) == {
        "objectClass": ["top", "person", "organizationalPerson", "user"],
        "userPrincipalName": ["info@contoso.example"],
        "displayName": ["Info"],
        "userAccountControl": ["512"],
        "unicodePwd": ['"Geheim-1!"'.encode("utf-16-le")],
        "mS-DS-ConsistencyGuid": [uuid.UUID(ID).bytes_le],
        "proxyAddresses": ["SMTP:info@contoso.example"],
    }


def test_an_account_without_a_password_is_made_disabled() -> None:
    assert account_plan.new_attributes(account_plan.goal(want(ou=OU), {}))["userAccountControl"] == ["514"]


def test_enabling_keeps_the_other_bits() -> None:
    after = BEFORE | {"enabled": True}
    assert account_plan.changed_attributes(("enabled",), BEFORE, after) == {"userAccountControl": [str(512 | 0x10000)]}


def test_an_emptied_value_removes_the_attribute() -> None:
    after = BEFORE | {"mail": ""}
    assert account_plan.changed_attributes(("mail",), BEFORE, after) == {"mail": []}


VALUES = st.dictionaries(st.sampled_from(["title", "company", "l"]), st.lists(st.sampled_from("abc"), unique=True))


@given(VALUES, VALUES)
def test_further_attributes_end_as_asked_for_and_the_others_are_not_touched(
    held: dict[str, list[str]], asked: dict[str, list[str]]
) -> None:
    before = BEFORE | {"attributes": held}
    after = account_plan.goal(want(attributes=asked), before)
    written = account_plan.changed_attributes(("attributes",), before, after)
    ends = {name: set(values) for name, values in (held | written).items() if values}
    assert ends == {name: set(values) for name, values in (held | asked).items() if values}
    # Nothing is written that is there already, in whatever order.
    assert all(set(values) != set(held.get(name, [])) for name, values in written.items())
    again = account_plan.changed_attributes(("attributes",), before | {"attributes": held | written}, after)
    assert again == {}


@pytest.mark.parametrize(
    ("attributes", "listed"),
    [
        ({"title": "A"}, {"title": ["A"]}),
        ({"title": None}, {"title": []}),
        ({"n": 5, "flag": True}, {"n": ["5"], "flag": ["TRUE"]}),
        ({"many": ["a", 1, False]}, {"many": ["a", "1", "FALSE"]}),
    ],
)
def test_values_become_what_the_directory_has(attributes: dict[str, Any], listed: dict[str, list[str]]) -> None:
    assert account_plan.listed_values(attributes) == listed


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"unicodePwd": "x"}, "unicodePwd is set with the option password"),
        ({"USERPASSWORD": "x"}, "set with the option password"),
        ({"title": {"a": 1}}, "title: a value is a text"),
        ({"title": [["a"]]}, "title: a value is a text"),
    ],
)
def test_values_that_are_refused(attributes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        account_plan.listed_values(attributes)


def test_guids_and_names_are_checked() -> None:
    assert account_plan.checked_guid(ID.upper()) == ID
    for check, wrong in (
        (account_plan.checked_guid, "no guid"),
        (account_plan.checked_dn, "Mailboxes"),
        (account_plan.checked_sam_account_name, "a/b"),
        (account_plan.checked_user_principal_name, "no name"),
    ):
        with pytest.raises(ValueError, match=r"."):
            check(wrong)
