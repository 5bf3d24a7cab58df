# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many objects in one task, what they share, and how few requests a change takes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from contract_cases_cloud import EXCHANGE_1, VISIO, assigned
from contract_cases_hybrid import HELD
from contract_ground import ONE, Ground
from contract_runners import in_controller

NO_SEAT = "No unit of VISIOCLIENT is free"
VISIO_FOR_TWO = {
    "licenses": {"add": ["VISIOCLIENT"]},
    "aggregate": [{"user": "werkstatt1@contoso.example"}, {"user": "werkstatt2@contoso.example"}],
}


def run(ground: Ground, module: str, wish: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Run a module in the controller, signed in to all it needs."""
    options = {**ground.cloud(), **ground.directory()}
    needed = options if module in ("ad_proxyaddress", "directory_sync", "mailbox_onboarding_info") else None
    own = ground.directory() if module.startswith("ad_user") else ground.cloud()
    return in_controller(module, {**(needed or own), **wish}, check_mode)


@pytest.mark.parametrize("check_mode", [True, False])
def test_free_licenses_are_counted_over_all_entries(ground: Ground, check_mode: bool) -> None:
    result = run(ground, "entra_license", {**VISIO_FOR_TWO, "concurrency": 1}, check_mode)
    assert result["msg"].startswith("1 of 2 failed. user=werkstatt2@contoso.example: ")
    assert NO_SEAT in result["msg"]
    assert [entry["changed"] for entry in result["results"]] == [True, False]
    taken = [user.user_principal_name for user in ground.tenant.users.values()
             if any(one.sku_id == VISIO for one in user.licenses)]  # fmt: skip
    assert taken == ([] if check_mode else ["werkstatt1@contoso.example"])


def test_one_free_license_goes_to_exactly_one_of_many_at_a_time(ground: Ground) -> None:
    users = [{"user": f"werkstatt{number}@contoso.example", "usage_location": "DE"} for number in (1, 2, 3, 4)]
    result = run(ground, "entra_license", {**VISIO_FOR_TWO, "aggregate": users, "concurrency": 4})
    assert sorted(entry["changed"] for entry in result["results"]) == [False, False, False, True]
    assert result["msg"].count(NO_SEAT) == 3
    assert len([write for write in ground.writes() if write.endswith("/assignLicense")]) == 1


def test_whoever_has_the_license_needs_no_seat(ground: Ground) -> None:
    assigned("werkstatt2", VISIO)(ground)
    result = run(ground, "entra_license", {**VISIO_FOR_TWO, "concurrency": 1})
    assert [entry["changed"] for entry in result["results"]] == [False, False]
    assert "1 of 2 failed. user=werkstatt1@contoso.example: " in result["msg"]


def test_a_change_of_licenses_is_one_request(ground: Ground) -> None:
    wish = {"user": "vertrieb@contoso.example", "licenses": {"set": ["ENTERPRISEPACK", "VISIOCLIENT"]}}
    result = run(ground, "entra_license", {**wish, "disabled_plans": {"ENTERPRISEPACK": ["TEAMS1"]}})
    assert result["changed"], result["msg"]
    user = ground.user("vertrieb")
    assert ground.writes() == [f"POST /v1.0/users/{user.id}/assignLicense"]
    assert EXCHANGE_1 not in {one.sku_id for one in user.licenses}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_results_come_in_the_order_of_the_entries(ground: Ground, concurrency: int) -> None:
    names = ["gross", "info", "anna.schaefer", "raum", "nichts", "archiv", "lager", "service"]
    # The first ones take longest.
    ground.fault("delay", times=1, match={"cmdlet": "Get-Mailbox"}, seconds=0.3)
    entries = [{"mailbox": f"{name}@contoso.example"} for name in names]
    result = run(ground, "mailbox_info", {"aggregate": entries, "concurrency": concurrency})
    assert [entry["mailbox"] for entry in result["results"]] == [entry["mailbox"] for entry in entries]
    shown = [found and found["primary_address"].partition("@")[0] for found in result["resource"]]
    assert shown == [*names[:4], None, *names[5:]]


@pytest.mark.parametrize("concurrency", [1, 2, 4, 16])
@pytest.mark.parametrize("module", ["ad_user", "ad_user_info", "directory_sync"])
def test_results_of_what_is_read_together_come_in_order_too(ground: Ground, module: str, concurrency: int) -> None:
    names = [f"konto{number}" for number in (5, 1, 4, 2, 3)]
    for name in names:
        ground.add_account(name)
    ground.add_twins("paar@contoso.example")
    asked = ["lager", *names[:3], "paar@contoso.example", "niemand@contoso.example", *names[3:]]
    more = {"ad_user": {"state": "absent"}, "directory_sync": {"wait_timeout": 0}}.get(module, {})
    wish = {**more, "aggregate": [{"user": name} for name in asked], "concurrency": concurrency}
    result = run(ground, module, wish, True)
    assert [entry["user"] for entry in result["results"]] == asked
    assert [entry.get("failed", False) for entry in result["results"]] == [name.startswith("paar") for name in asked]
    if module == "ad_user_info":
        shown = [found and found["sam_account_name"] for found in result["resource"]]
        assert shown == [*asked[:4], None, None, *asked[6:]]
    if module == "ad_user":
        there = [entry["changed"] for entry in result["results"]]
        assert there == [*[True] * 4, False, False, *[True] * 2]


def test_no_more_at_a_time_than_asked_for(ground: Ground) -> None:
    entries = [{"mailbox": f"{name}@contoso.example"} for name in ("gross", "info", "raum", "archiv")]
    ground.world.latency = 0.1
    for concurrency in (1, 4):
        ground.world.journal.clear()
        run(ground, "smtp_auth_info", {"aggregate": entries, "concurrency": concurrency})
        times = [entry.time for entry in ground.world.journal.entries if entry.cmdlet == "Get-CASMailbox"]
        gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]
        assert (min(gaps) >= 0.1) == (concurrency == 1)


def test_new_accounts_of_one_task_get_different_names(ground: Ground) -> None:
    users = ["hans.mueller@contoso.example", "hans-mueller@contoso.example", "Hans.Mueller@partner.example"]
    wish = {"ou": ONE, "aggregate": [{"user": user, "name": f"H{number}"} for number, user in enumerate(users)]}
    planned = run(ground, "ad_user", wish, True)
    done = run(ground, "ad_user", wish)
    names = [account["sam_account_name"] for account in done["resource"]]
    assert sorted(names) == ["hans-mueller", "hans.mueller", "hans.mueller2"]
    assert sorted(account["sam_account_name"] for account in planned["resource"]) == sorted(names)
    assert not run(ground, "ad_user", wish)["changed"]


def test_a_failing_write_does_not_stop_the_other_writes(ground: Ground) -> None:
    for name in ("eins", "zwei", "drei"):
        ground.add_account(name)
    entries = [{"user": name, "display_name": "Neu"} for name in ("eins", "zwei", "drei")]
    entries[1]["attributes"] = {"gibtEsNicht": "1"}
    result = run(ground, "ad_user", {"aggregate": entries})
    assert result["msg"].startswith("1 of 3 failed. user=zwei: ")
    assert "gibtEsNicht" in result["msg"] or "schema" in result["msg"]
    assert [entry["changed"] for entry in result["results"]] == [True, False, True]
    assert [len(ground.account(name).get("displayName", [])) for name in ("eins", "zwei", "drei")] == [1, 0, 1]


def test_a_promotion_is_one_atomic_write(ground: Ground) -> None:
    dn = ground.add_account("anna", {"proxyAddresses": HELD, "mail": "anna@contoso.example"})
    before = ground.serial_of(dn)
    wish = {
        "user": "anna",
        "primary": "a.schaefer@contoso.example",
        "align_mail": True,
        "aliases": {"add": ["b@contoso.example"]},
    }
    assert run(ground, "ad_proxyaddress", wish)["changed"]
    assert ground.serial_of(dn) == before + 1


@pytest.mark.parametrize(
    ("module", "twin", "wish"),
    [
        ("mailbox_type", "mailbox_info", {"mailbox": "info@contoso.example", "type": "room"}),
        ("ad_user", "ad_user_info", {"user": "lager", "display_name": "Lager & Versand"}),
        ("ad_user", "ad_user_info", {"user": "neu@contoso.example", "ou": ONE}),
        ("ad_user", "ad_user_info", {"user": "neu@contoso.example", "ou": ONE, "password": "Anfangs-Geheimnis-1!"}),
        ("ad_proxyaddress", "ad_user_info", {"user": "lager", "verify_authority": False}),
    ],
)
def test_a_module_returns_what_its_reading_twin_returns(
    ground: Ground, module: str, twin: str, wish: dict[str, Any]
) -> None:
    name = next(iter(wish))
    planned, done = run(ground, module, wish, True)["resource"], run(ground, module, wish)["resource"]
    assert done == run(ground, twin, {name: wish[name]})["resource"]
    assert set(planned) == set(done)
