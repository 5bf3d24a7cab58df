# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cloud's own address calculation, rule by rule."""

from __future__ import annotations

import pytest
from rehearsal import EXCHANGE_PLAN_1, small_tenant

from lab import addresses
from lab.state import Contact, Group, License, Tenant, User

MOERA = "info@contoso.onmicrosoft.example"


@pytest.fixture
def tenant() -> Tenant:
    return small_tenant()


def info(tenant: Tenant) -> User:
    return next(user for user in tenant.users.values() if user.display_name == "Info")


def bare_user(tenant: Tenant, upn: str = "neu@contoso.example") -> User:
    """A user with nothing but a name, in the tenant."""
    user = User(tenant.new_id(), upn, "Neu", tenant.clock.now())
    tenant.users[user.id] = user
    return user


def license_it(user: User) -> None:
    user.licenses = [License(EXCHANGE_PLAN_1)]


def from_ad(tenant: Tenant, user: User, values: list[str], mail: str | None = None) -> list[str]:
    user.mail = mail
    addresses.calculate(tenant, user, values)
    return user.proxy_addresses


def test_the_capital_smtp_value_of_ad_becomes_primary_and_mail(tenant: Tenant) -> None:
    user = info(tenant)
    values = from_ad(
        tenant, user, ["smtp:info@contoso.example", "SMTP:kontakt@contoso.example"], "info@contoso.example"
    )
    assert values[0] == "SMTP:kontakt@contoso.example"
    assert user.mail == "kontakt@contoso.example"
    assert sum(value.startswith("SMTP:") for value in values) == 1


def test_without_a_capital_value_mail_becomes_primary(tenant: Tenant) -> None:
    values = from_ad(tenant, info(tenant), ["smtp:alt@contoso.example"], "kontakt@contoso.example")
    assert values[0] == "SMTP:kontakt@contoso.example"
    assert "smtp:alt@contoso.example" in values


def test_without_mail_either_the_upn_of_a_recipient_becomes_primary(tenant: Tenant) -> None:
    user = info(tenant)
    assert from_ad(tenant, user, [])[0] == "SMTP:info@contoso.example"
    assert user.mail == "info@contoso.example"


def test_an_unlicensed_user_without_addresses_and_mail_gets_none(tenant: Tenant) -> None:
    user = bare_user(tenant)
    assert from_ad(tenant, user, []) == []
    assert user.mail is None


@pytest.mark.parametrize(
    "value",
    [
        "smtp:info@contoso.onmicrosoft.com",
        "smtp:other@contoso.mail.onmicrosoft.com",
        "smtp:other@contoso.microsoftonline.com",
        "smtp:other@contoso.onmicrosoft.example",
        "X400:C=DE;A= ;P=Contoso;S=Info",
        "smtp:mit leer@contoso.example",
        "smtp:klammer<1>@contoso.example",
        "smtp:zwei:punkte@contoso.example",
        "smtp:müller@contoso.example",
        "smtp:.punkt@contoso.example",
        "smtp:ohne-domaene",
        "ohne-vorsatz@contoso.example",
        "smtp:" + "a" * 240 + "@contoso.example",
    ],
)
def test_onmicrosoft_legacy_and_malformed_values_of_ad_are_dropped(tenant: Tenant, value: str) -> None:
    values = from_ad(tenant, info(tenant), ["SMTP:info@contoso.example", value])
    assert values == ["SMTP:info@contoso.example", f"smtp:{MOERA}"]


def test_unverified_domains_stay_until_an_exchange_license_drops_them(tenant: Tenant) -> None:
    user = bare_user(tenant)
    ad = ["SMTP:neu@contoso.example", "smtp:neu@unverified.example"]
    assert from_ad(tenant, user, ad) == ad
    license_it(user)
    addresses.calculate(tenant, user, None)
    assert "smtp:neu@unverified.example" not in user.proxy_addresses


def test_a_primary_in_an_unverified_domain_gives_way_to_mail_and_then_to_the_upn(tenant: Tenant) -> None:
    user = bare_user(tenant)
    license_it(user)
    wrong = ["SMTP:neu@unverified.example"]
    assert from_ad(tenant, user, wrong, "post@contoso.example")[0] == "SMTP:post@contoso.example"
    assert from_ad(tenant, user, wrong, "neu@unverified.example")[0] == "SMTP:neu@contoso.example"


def test_addresses_that_ad_lacks_vanish_from_the_cloud_but_the_moera_stays(tenant: Tenant) -> None:
    user = info(tenant)
    user.proxy_addresses += ["smtp:alt@contoso.example", "SIP:info@contoso.example", "X500:/o=Contoso/cn=info"]
    assert from_ad(tenant, user, ["SMTP:info@contoso.example"]) == ["SMTP:info@contoso.example", f"smtp:{MOERA}"]


def test_x500_and_sip_values_of_ad_are_taken_over(tenant: Tenant) -> None:
    ad = ["SMTP:info@contoso.example", "X500:/o=Contoso/ou=Exchange/cn=info", "SIP:info@contoso.example"]
    assert from_ad(tenant, info(tenant), ad) == [*ad, f"smtp:{MOERA}"]


def test_a_licensed_user_gets_moera_and_upn_as_addresses(tenant: Tenant) -> None:
    user = bare_user(tenant)
    license_it(user)
    values = from_ad(tenant, user, ["SMTP:post@contoso.example"])
    assert values == [
        "SMTP:post@contoso.example",
        "smtp:neu@contoso.example",
        "smtp:post@contoso.onmicrosoft.example",
    ]


def test_a_taken_moera_gets_four_digits(tenant: Tenant) -> None:
    user = bare_user(tenant)
    user.mail_nickname = "info"
    license_it(user)
    values = from_ad(tenant, user, ["SMTP:post@contoso.example"])
    moera = next(value for value in values if value.endswith("@contoso.onmicrosoft.example"))
    local = moera.removeprefix("smtp:").partition("@")[0]
    assert len(local) == len("info0000")
    assert local.removeprefix("info").isdigit()


def test_the_moera_does_not_follow_a_later_nickname(tenant: Tenant) -> None:
    user = info(tenant)
    user.mail_nickname = "kontakt"
    assert f"smtp:{MOERA}" in from_ad(tenant, user, ["SMTP:info@contoso.example"])


def test_of_several_addresses_in_the_initial_domain_the_one_of_the_nickname_stays(tenant: Tenant) -> None:
    user = info(tenant)
    user.proxy_addresses.insert(0, "smtp:alt@contoso.onmicrosoft.example")
    assert from_ad(tenant, user, ["SMTP:info@contoso.example"]) == ["SMTP:info@contoso.example", f"smtp:{MOERA}"]


def test_the_nickname_is_the_prefix_of_the_primary_when_ad_names_none_and_is_kept(tenant: Tenant) -> None:
    user = bare_user(tenant)
    from_ad(tenant, user, ["SMTP:post@contoso.example"])
    assert user.mail_nickname == "post"
    from_ad(tenant, user, ["SMTP:anders@contoso.example"])
    assert user.mail_nickname == "post"


def test_an_upn_that_another_object_holds_as_address_is_not_added(tenant: Tenant) -> None:
    tenant.groups["g"] = Group("g", "Liste", proxy_addresses=["SMTP:neu@contoso.example"])
    user = bare_user(tenant)
    license_it(user)
    assert "smtp:neu@contoso.example" not in from_ad(tenant, user, ["SMTP:post@contoso.example"])


def test_a_license_with_the_mailbox_plan_turned_off_counts_as_none(tenant: Tenant) -> None:
    user = bare_user(tenant)
    plan = tenant.skus[EXCHANGE_PLAN_1].plans[0]
    user.licenses = [License(EXCHANGE_PLAN_1, disabled_plans=[plan.plan_id])]
    assert not addresses.has_exchange_plan(tenant, user)
    plan.name = "EXCHANGE_S_FOUNDATION"
    user.licenses = [License(EXCHANGE_PLAN_1)]
    assert not addresses.has_exchange_plan(tenant, user)


def test_license_removal_can_promote_the_moera(tenant: Tenant) -> None:
    user = info(tenant)
    addresses.calculate(tenant, user, None)
    assert user.mail == "info@contoso.example"
    tenant.switches["license_removal_promotes_moera"] = True
    addresses.calculate(tenant, user, None)
    assert user.mail == MOERA
    assert user.proxy_addresses == [f"SMTP:{MOERA}", "smtp:info@contoso.example"]


def test_ownership_counts_users_groups_and_contacts_whatever_the_case(tenant: Tenant) -> None:
    user = info(tenant)
    assert addresses.is_owned_by_another(tenant, "smtp:VERTRIEB@contoso.example", user)
    assert not addresses.is_owned_by_another(tenant, "SMTP:INFO@contoso.example", user)
    tenant.contacts["c"] = Contact("c", "Extern", proxy_addresses=["SMTP:extern@partner.example"])
    assert addresses.is_owned_by_another(tenant, "extern@partner.example", user)


def test_of_two_capital_values_the_first_stays_primary(tenant: Tenant) -> None:
    values = from_ad(
        tenant, info(tenant), ["SMTP:a@contoso.example", "SMTP:b@contoso.example", "smtp:A@contoso.example"]
    )
    assert values[:2] == ["SMTP:a@contoso.example", "smtp:b@contoso.example"]
    assert "smtp:A@contoso.example" not in values


def test_a_second_calculation_changes_nothing(tenant: Tenant) -> None:
    user = bare_user(tenant)
    license_it(user)
    first = list(
        from_ad(tenant, user, ["SMTP:post@contoso.example", "smtp:alt@contoso.example"], "post@contoso.example")
    )
    addresses.calculate(tenant, user, None)
    assert user.proxy_addresses == first
