# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of Exchange: what is sent and what not, what Exchange says to it, and answers that are lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contract_cases_settings import INTERNAL, LATER, NARROW, ORGANIZATION, REMOTE, at_first, switched, truth
from contract_ground import Ground
from contract_runners import ModuleHost, in_controller

EWS = {"object": ORGANIZATION, "settings": {"EwsEnabled": True}}
DOMAIN = {"object": REMOTE, "identity": "Default"}


def ran(ground: Ground, wish: dict[str, Any], **options: Any) -> dict[str, Any]:
    return in_controller("exchange_settings", {**ground.cloud(), **wish, **options})


def writes(ground: Ground) -> list[str]:
    return [write.partition(" ")[0] for write in ground.writes()]


def sent(ground: Ground, cmdlet: str, monkeypatch: pytest.MonkeyPatch, wish: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters of each call of a cmdlet, as they are on the wire."""
    from lab.exchange import service  # the lab that serves this ground is in this process

    found: list[dict[str, Any]] = []
    bind = service.bind

    def noted(name: str, given: dict[str, Any]) -> dict[str, Any]:
        if name == cmdlet:
            found.append(json.loads(json.dumps(given)))
        return bind(name, given)

    monkeypatch.setattr(service, "bind", noted)
    assert ran(ground, wish)["changed"] is True
    return found


def test_only_what_differs_is_set(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "ewsenabled": None,
        "AuditDisabled": True,
        "DefaultPublicFolderMaxItemSize": "49.5 GB",
        "EwsAllowList": [],
    }
    at_first(ORGANIZATION, AuditDisabled=True, EwsEnabled=False)(ground)
    found = sent(ground, "Set-OrganizationConfig", monkeypatch, {"object": ORGANIZATION, "settings": settings})
    assert found == [{"EwsEnabled": None, "DefaultPublicFolderMaxItemSize": "53150220288 B", "Confirm": False}]


def test_a_list_in_part_is_sent_as_its_differences(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    at_first(ORGANIZATION, EwsAllowList=["a", "b"], EwsBlockList=["a"])(ground)
    settings = {"EwsAllowList": {"add": ["B", "c"], "remove": ["A", "d"]}, "EwsBlockList": []}
    (found,) = sent(ground, "Set-OrganizationConfig", monkeypatch, {"object": ORGANIZATION, "settings": settings})
    table = "#Exchange.GenericHashTable"
    assert found["EwsAllowList"] == {"@odata.type": table, "Add": ["c"], "Remove": ["a"]}
    assert found["EwsBlockList"] == {"@odata.type": table}


@pytest.mark.parametrize("wins", [False, True])
@pytest.mark.parametrize(("first", "then"), [(INTERNAL, NARROW), (NARROW, INTERNAL)])
def test_two_that_move_each_other_come_to_rest(
    ground: Ground, first: dict[str, Any], then: dict[str, Any], wins: bool
) -> None:
    switched(REMOTE, first, exchange_coupling_wins=wins)(ground)
    assert ran(ground, {**DOMAIN, "settings": then})["resource"]["settings"] == then
    assert writes(ground) == ["Set-RemoteDomain"] * 2
    assert ran(ground, {**DOMAIN, "settings": then})["changed"] is False
    assert {name: truth(ground, REMOTE, "Default")[name] for name in then} == then


@pytest.mark.parametrize("more", [{}, {LATER: True}], ids=["alone", "beside a change"])
def test_what_exchange_says_is_so_already_is_a_warning(ground: Ground, host: ModuleHost, more: dict[str, Any]) -> None:
    shown = {ORGANIZATION: {"FocusedInboxOn": False}}
    switched(ORGANIZATION, {"FocusedInboxOn": True}, exchange_shown=shown)(ground)
    wish = {"object": ORGANIZATION, "settings": {"FocusedInboxOn": True, **more}}
    result = ran(ground, wish, wait_timeout=5)
    assert result["changed"] is True, result.get("msg")
    assert result["resource"]["settings"] == wish["settings"]
    (warning,) = result["warnings"]
    assert "FocusedInboxOn of Contoso" in warning
    assert "compares wrongly" in warning
    done = host("exchange_settings", {**ground.cloud(), **wish, "wait_timeout": 5})
    assert done["changed"] is True
    assert "compares wrongly" in str(done["warnings"])


@pytest.mark.parametrize("lag", [0, 1])
def test_a_write_whose_answer_is_lost_is_found_done_and_not_sent_again(ground: Ground, lag: int) -> None:
    switched(exchange_settings_lag=lag)(ground)
    ground.fault("reset_after", match={"cmdlet": "Set-OrganizationConfig"})
    result = ran(ground, EWS, wait_timeout=5)
    assert result["changed"] is True, result.get("msg")
    assert ground.fired() == [1]
    assert writes(ground) == ["Set-OrganizationConfig"]
    assert truth(ground, ORGANIZATION, "")["EwsEnabled"] is True


def test_a_write_that_never_shows_is_not_called_done(ground: Ground) -> None:
    switched(exchange_settings_lag=1000)(ground)
    result = ran(ground, EWS, wait_timeout=0.5)
    assert "does not show it after 0.5 s" in result["msg"]
    assert writes(ground) == ["Set-OrganizationConfig"]


def test_an_organization_with_shared_settings(ground: Ground) -> None:
    switched(exchange_dehydrated=["EwsEnabled"])(ground)
    result = ran(ground, EWS)
    assert result["error"]["code"] == "InvalidOperationInDehydratedContextException"
    assert "Run Enable-OrganizationCustomization once" in result["msg"]
    assert ran(ground, {"object": ORGANIZATION, "settings": {LATER: True}})["changed"] is True


def test_several_objects_and_their_defaults(ground: Ground) -> None:
    switched(exchange_objects={REMOTE: {"Partner": {"DomainName": "partner.example"}}})(ground)
    entries = [
        {"identity": "Default"},
        {"identity": "Partner", "settings": {"TNEFEnabled": False}},
        {"identity": "Keine"},
    ]
    result = ran(ground, {"object": REMOTE, "settings": {"AutoForwardEnabled": False}, "aggregate": entries})
    assert [one.get("changed") for one in result["results"]] == [True, True, False]
    assert "There is no such Exchange object" in result["results"][2]["msg"]
    assert truth(ground, REMOTE, "Default")["AutoForwardEnabled"] is False
    assert (
        truth(ground, REMOTE, "Partner")["AutoForwardEnabled"],
        truth(ground, REMOTE, "Partner")["TNEFEnabled"],
    ) == (
        True,
        False,
    )


def test_a_mistake_in_one_entry_stops_all_before_the_first_request(ground: Ground) -> None:
    ground.world.journal.clear()
    entries = [
        {**DOMAIN, "settings": {"AutoForwardEnabled": False}},
        {"object": ORGANIZATION, "settings": {"Ews": True}},
    ]
    result = ran(ground, {"aggregate": entries})
    assert "aggregate entry 2: settings of OrganizationConfig: there is no Ews" in result["msg"]
    assert ground.requests() == []
