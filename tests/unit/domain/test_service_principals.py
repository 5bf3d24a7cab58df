# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An enterprise application as Exchange knows it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.domain import service_principals

ADDRESSES = {"info": "info@contoso.example", "kontakt": "info@contoso.example", "x": "X@contoso.example"}
PRINCIPAL = {"id": "object-1", "appId": "client-1", "displayName": "Mailer"}


def canonical(add: list[str] | None = None, remove: list[str] | None = None, **more: Any) -> dict[str, Any]:
    """What options with these mailboxes mean."""
    want = {"mailboxes": {"add": add, "remove": remove}, **more}
    return service_principals.canonical(want, PRINCIPAL, ADDRESSES.__getitem__)


def test_mailboxes_are_known_by_address() -> None:
    found = canonical(["info", "kontakt"], ["x"])
    assert found["mailboxes"] == {"add": ["info@contoso.example"] * 2, "remove": ["X@contoso.example"]}
    assert found["named"] == ["info@contoso.example", "X@contoso.example"]
    assert (found["client_id"], found["object_id"]) == ("client-1", "object-1")


def test_a_mailbox_cannot_be_in_both_lists() -> None:
    with pytest.raises(ValueError, match=r"info@contoso\.example is to be added and removed"):
        canonical(["info"], ["kontakt"])


def test_what_is_left_out_is_left_alone() -> None:
    found = service_principals.canonical({"mailboxes": None}, None, ADDRESSES.__getitem__)
    assert (found["mailboxes"], found["named"], found["object_id"]) == (None, [], None)


def test_the_goal_keeps_what_is_not_named() -> None:
    before = service_principals.state_of({"Guid": "g", "AppId": "client-1", "ObjectId": "object-1"}, ["a", "B"])
    after = service_principals.goal(canonical(["info"]) | {"mailboxes": {"add": ["c"], "remove": ["b"]}}, before)
    assert (after["id"], after["mailboxes"]) == ("g", ["a", "c"])


def test_the_goal_of_a_new_one() -> None:
    after = service_principals.goal(canonical(["info", "kontakt"]), {})
    assert after == {
        "id": None,
        "client_id": "client-1",
        "object_id": "object-1",
        "display_name": "Mailer",
        "mailboxes": ["info@contoso.example"],
    }


def test_a_wrong_object_id_is_explained() -> None:
    assert service_principals.mistake({"ObjectId": "OBJECT-1"}, "object-1") is None
    found = service_principals.mistake({"ObjectId": "object-2"}, "object-1")
    assert found is not None
    assert "object-2" in found[0]
    assert "state=absent once" in found[1]
