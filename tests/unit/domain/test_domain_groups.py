# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds of groups, what a new one gets, and what stands in the way of a change."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.domain import groups


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        ({"securityEnabled": True, "mailEnabled": False, "groupTypes": []}, "security"),
        ({"securityEnabled": True, "mailEnabled": False, "groupTypes": ["DynamicMembership"]}, "security"),
        ({"securityEnabled": False, "mailEnabled": True, "groupTypes": ["Unified"]}, "microsoft_365"),
        (
            {"securityEnabled": True, "mailEnabled": True, "groupTypes": ["Unified", "DynamicMembership"]},
            "microsoft_365",
        ),
        ({"securityEnabled": True, "mailEnabled": True, "groupTypes": []}, "mail_enabled_security"),
        ({"securityEnabled": False, "mailEnabled": True}, "distribution"),
    ],
)
def test_the_kind_of_a_group(wire: dict[str, Any], kind: str) -> None:
    assert groups.kind_of(wire) == kind


@pytest.mark.parametrize(
    ("name", "nickname"),
    [
        ("service-accounts", "service-accounts"),
        ("Prüfer & Gäste", "Pruefer-Gaeste"),
        (".versteckt", "versteckt"),
        ("销售", "group"),
        ("x" * 80, "x" * 64),
    ],
)
def test_a_nickname_that_graph_takes(name: str, nickname: str) -> None:
    assert groups.nickname(name) == nickname


def test_an_empty_description_is_none() -> None:
    after = groups.goal({"id": "x", "description": ""}, {"group": "Team"})
    assert groups.body(["description"], after) == {"description": None}


def test_a_new_microsoft_365_group_is_private() -> None:
    after = groups.goal({"kind": "microsoft_365"}, {"group": "Team"})
    assert groups.new_body(after)["visibility"] == "Private"
    assert "visibility" not in groups.new_body(groups.goal({}, {"group": "Team"}))


BEFORE = {"synced": False, "kind": "security", "rule": None}


@pytest.mark.parametrize(
    ("fields", "before", "said"),
    [
        (["members"], {}, ""),
        (["members"], {"synced": True}, "Active Directory masters"),
        (["description"], {"kind": "distribution"}, "Exchange masters"),
        (["members"], {"rule": "x"}, "The rule of this dynamic group"),
        (["description"], {"rule": "x"}, ""),
        (["kind"], {}, "none becomes"),
    ],
)
def test_what_stands_in_the_way(fields: list[str], before: dict[str, Any], said: str) -> None:
    reason = groups.obstacle(fields, BEFORE | before, {"kind": "microsoft_365"})
    assert reason.startswith(said) if not said else said in reason
    assert bool(reason) == bool(said)
