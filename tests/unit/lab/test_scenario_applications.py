# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a scenario may say of applications, their credentials, their consent, and the policies for credentials."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.graph.credential_policies import policy_of
from lab.scenario import ScenarioError, build_tenant, load, scenario_of
from lab.state import Application, Tenant
from lab.tokens import EXCHANGE, GRAPH

CONTOSO = Path(lab.__file__).parent / "scenarios" / "contoso.yml"
OWNER = "anna@t.onmicrosoft.example"
MINIMAL: dict[str, Any] = {
    "tenant": {
        "id": "11111111-1111-4111-8111-111111111111",
        "display_name": "T",
        "initial_domain": "t.onmicrosoft.example",
    },
    "domains": [{"name": "t.onmicrosoft.example"}],
    "skus": [],
    "users": [{"user_principal_name": OWNER, "display_name": "Anna"}],
}
APP: dict[str, Any] = {"name": "Versand", "app_id": "22222222-2222-4222-8222-222222222222"}


def built(*applications: dict[str, Any], **sections: Any) -> Tenant:
    content = {**deepcopy(MINIMAL), "applications": [APP | one for one in applications], **sections}
    return build_tenant(scenario_of(content))


def one(*applications: dict[str, Any], **sections: Any) -> Application:
    return next(iter(built(*applications, **sections).applications.values()))


def test_an_application_may_have_several_secrets_with_names_and_dates() -> None:
    secrets = [
        {"value": "alt~12345", "display_name": "old", "start_days": -400, "end_days": -1},
        {"value": "neu~12345", "end_days": 90},
    ]
    tenant = built({"secret": "abc~12345", "secrets": secrets})
    (application,) = tenant.applications.values()
    now = tenant.clock.now()
    shown = [(each.secret, each.hint, each.display_name) for each in application.credentials]
    assert shown == [("abc~12345", "abc", None), ("alt~12345", "alt", "old"), ("neu~12345", "neu", None)]
    assert [each.end > now for each in application.credentials] == [True, False, True]
    assert all(each.start is not None and each.start <= now for each in application.credentials)


def test_registration_details_become_graphs_properties() -> None:
    application = one(
        {
            "unique_name": "versand",
            "redirect_uris": ["https://contoso.example/a"],
            "properties": {"notes": "x", "web": {"logoutUrl": "https://contoso.example/out"}},
            "owners": [OWNER],
            "created_days": 10,
        }
    )
    assert (application.unique_name, application.properties["notes"]) == ("versand", "x")
    assert application.properties["web"] == {
        "logoutUrl": "https://contoso.example/out",
        "redirectUris": ["https://contoso.example/a"],
    }
    assert application.properties["signInAudience"] == "AzureADMyOrg"
    assert len(application.owners) == 1


def test_consent_and_missing_service_principals() -> None:
    tenant = built({"consent": {"graph": ["User.Read", "Mail.Send"]}})
    (grant,) = tenant.permission_grants.values()
    (application,) = tenant.applications.values()
    assert (grant.client_id, grant.scope) == (application.service_principal_id, "User.Read Mail.Send")
    assert one({"service_principal": False}).service_principal_id is None
    tenant = built({"unique_name": "versand", "deleted": True})
    assert tenant.applications == {}
    (deleted,) = tenant.deleted_applications.values()
    assert deleted.deleted_at is not None


def test_policies_are_the_tenants_or_those_of_an_application() -> None:
    policies = [
        {"name": "Tenant", "default": True, "secret_days": 180, "spares_older_than_days": 30},
        {"name": "Streng", "secrets_forbidden": True, "certificate_days": 365, "enabled": False},
    ]
    tenant = built({}, {"credential_policy": "Streng", "app_id": GRAPH}, credential_policies=policies)
    plain, strict = tenant.applications.values()
    default = policy_of(tenant, plain)
    assert default is not None
    assert [(each.restriction, each.max_lifetime) for each in default.passwords] == [("passwordLifetime", "P180D")]
    since = default.passwords[0].for_apps_created_after
    assert since is not None
    assert timedelta(days=29) < tenant.clock.now() - since < timedelta(days=31)
    assert policy_of(tenant, strict) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"grants": {"sharepoint": ["x"]}}, "application Versand: no resource named 'sharepoint'"),
        ({"consent": {"sharepoint": ["x"]}}, "no resource named 'sharepoint'"),
        ({"owners": ["bernd"]}, "application Versand: no user named 'bernd'"),
        ({"properties": {"colour": "red"}}, "properties: no property named 'colour'"),
        ({"properties": {"tags": "red"}}, "properties.tags: "),
        ({"credential_policy": "x"}, "no credential policy named 'x'"),
        ({"secrets": [{"value": "x"}]}, "applications[0].secrets[0]: 'end_days' is missing"),
        ({"roles": ["King"]}, "no role named 'King'"),
    ],
)
def test_a_mistake_in_an_application_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        built(given)
    assert said in str(caught.value)


def test_contoso_has_an_administration_that_may_register_consent_and_renew() -> None:
    tenant = build_tenant(load(CONTOSO))
    named = {each.display_name: each for each in tenant.applications.values()}
    assert set(named["m365.hybrid administration"].app_roles[GRAPH]) == {
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "DelegatedPermissionGrant.ReadWrite.All",
        "Policy.Read.All",
    }
    assert named["m365.hybrid administration"].app_roles[EXCHANGE] == ["Exchange.ManageAsApp"]


def test_an_application_with_owners_changes_no_other_id() -> None:
    content = load(CONTOSO).content
    without = {**content, "applications": [each for each in content["applications"] if "owners" not in each]}
    assert len(without["applications"]) < len(content["applications"])
    with_it, without_it = build_tenant(scenario_of(content)), build_tenant(scenario_of(without))
    assert list(with_it.users) == list(without_it.users)
    assert with_it.new_id() == without_it.new_id()
