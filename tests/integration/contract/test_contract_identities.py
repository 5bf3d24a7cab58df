# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users and groups where answers are lost, replicas lag, and a run is refused in the middle."""

from __future__ import annotations

from typing import Any

import pytest
from contract_cases_identities import group_of, kept, password_file, password_works, ran, there
from contract_ground import Ground
from contract_runners import forget, in_controller

NAME = "dienst@contoso.example"


def done(ground: Ground, module: str, **options: Any) -> dict[str, Any]:
    """One run in the controller, which may fail."""
    result: dict[str, Any] = in_controller(module, {**ground.cloud(), "wait_timeout": 60, **options})
    forget()
    return result


def user(ground: Ground, **options: Any) -> dict[str, Any]:
    """One run for the user with its sink."""
    return done(ground, "entra_user", user=NAME, sink=password_file(ground), **options)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_new_user_whose_answer_is_lost_has_the_password_of_the_sink(ground: Ground, kind: str) -> None:
    ground.fault(kind, match={"service": "graph", "method": "POST", "path": "/v1.0/users"})
    first = user(ground, wait_timeout=3)
    assert ground.fired() == [1]
    assert not first.get("failed") or kind == "reset_before", first["msg"]
    if first.get("failed"):
        assert "is not known whether the change happened" in first["msg"]
        assert not user(ground).get("failed")
    password_works(ground)
    assert not user(ground)["changed"]
    assert len([one for one in ground.tenant.users.values() if one.user_principal_name == NAME]) == 1


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_another_password_whose_answer_is_lost_is_given_again(ground: Ground, kind: str) -> None:
    ran(ground)
    (ground.sinks / "dienst.yml").unlink()
    ground.fault(kind, match={"service": "graph", "method": "PATCH"})
    result = user(ground)
    assert not result.get("failed"), result["msg"]
    password_works(ground)
    assert not user(ground)["changed"]


def test_a_refused_user_leaves_nothing_in_the_sink(ground: Ground) -> None:
    refused = done(ground, "entra_user", user="dienst@fremd.example", sink=password_file(ground))
    assert "domain portion of the userPrincipalName" in refused["msg"]
    assert kept(ground) == {}


def test_a_refused_password_does_not_replace_the_one_in_use(ground: Ground) -> None:
    ran(ground)
    before = kept(ground)["kennwort"]
    one = ground.user("dienst")
    one.password_changed_at = ground.tenant.clock.now().replace(year=2030)
    ground.tenant.roles[next(iter(ground.tenant.roles))].members.append(one.id)
    refused = user(ground)
    assert "User-PasswordProfile.ReadWrite.All" in refused["msg"]
    assert "administrative role" in refused["msg"]
    assert kept(ground)["kennwort"] == before
    assert not [key for key in kept(ground) if "next" in key]


def test_a_password_is_in_no_result(ground: Ground) -> None:
    result = user(ground)
    assert kept(ground)["kennwort"] not in str(result)
    assert "(new secret)" in result["diff"]["after"]


def test_users_and_groups_where_replicas_lag(ground: Ground) -> None:
    ground.control("POST", "switches", {"graph_replica_lag": 3})
    first = user(ground, display_name="Dienst")
    assert not first.get("failed"), first["msg"]
    password_works(ground)
    made = done(ground, "entra_group", group="dienstkonten", members={"add": [NAME, "info@contoso.example"]})
    assert not made.get("failed"), made["msg"]
    assert len(group_of(ground).members) == 2


def test_members_that_are_there_already_are_no_error(ground: Ground) -> None:
    there("info")(ground)
    ground.control("POST", "switches", {"graph_replica_lag": 4, "graph_replicas": 2})
    options = {"group": "verkauf", "members": {"add": ["vertrieb@contoso.example"]}}
    assert not done(ground, "entra_group", **options).get("failed")
    more = {"group": "verkauf", "members": {"add": ["vertrieb@contoso.example", "it@contoso.example"]}}
    result = done(ground, "entra_group", **more)
    assert not result.get("failed"), result["msg"]
    assert len(group_of(ground, "verkauf").members) == 3
