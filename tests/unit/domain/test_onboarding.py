# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way of a mailbox, what Active Directory gets, and what must be the same afterwards."""

from __future__ import annotations

import base64
import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain import onboarding
from ansible_collections.m365.hybrid.plugins.module_utils.domain.onboarding import Findings

ID = "c498b6e7-3648-445e-9afa-3a387f006745"
GUID = "ab57f985-4332-43da-a75a-2e199b58ba8d"
ACCOUNT = "CN=Info,OU=Mailboxes,DC=corp,DC=contoso,DC=example"
ANCHOR = base64.b64encode(uuid.UUID(ID).bytes_le).decode()
DOMAINS = [
    {"id": "contoso.example", "isVerified": True, "authenticationType": "Managed"},
    {"id": "Partner.example", "isVerified": True, "authenticationType": "Federated"},
    {"id": "contoso.onmicrosoft.example", "isInitial": True, "isVerified": True, "authenticationType": "Managed"},
    {"id": "old.example", "isVerified": False, "authenticationType": "Managed"},
]
ADDRESSES = ["SMTP:info@contoso.example", "smtp:office@contoso.example", "smtp:info@contoso.onmicrosoft.example"]
MAILBOX = {
    "id": ID,
    "mailbox_guid": GUID,
    "user_principal_name": "info@contoso.example",
    "display_name": "Info",
    "type": "shared",
    "addresses": ADDRESSES,
}
USER = {
    "id": ID,
    "user_principal_name": "info@contoso.example",
    "display_name": "Info",
    "given_name": None,
    "surname": None,
    "mail_nickname": "info",
    "synced": None,
    "immutable_id": None,
}
FACTS = Findings(MAILBOX, USER, DOMAINS, roles=[], owners=[])
DONE = Findings(
    MAILBOX | {"type": "user"},
    USER | {"synced": True, "immutable_id": ANCHOR},
    DOMAINS,
    roles=[],
    owners=[ACCOUNT],
    account=ACCOUNT,
    account_anchor=ANCHOR,
)
WANT: dict[str, Any] = {
    "license": "EXCHANGESTANDARD",
    "usage_location": "DE",
    "ou": "OU=Mailboxes,DC=corp,DC=contoso,DC=example",
    "sam_account_name": None,
    "before": None,
}


def mailbox(**changes: Any) -> Findings:
    return replace(FACTS, mailbox=MAILBOX | changes)


def user(**changes: Any) -> Findings:
    return replace(FACTS, user=USER | changes)


OBSTACLES = {
    "synced": (user(synced=True), "Its account is synchronized from Active Directory already"),
    "immutable id": (user(immutable_id="abc=", synced=False), "Its account has the immutable id abc="),
    "type": (mailbox(type="equipment"), "Its mailbox type is equipment, not shared."),
    "roles": (replace(FACTS, roles=["Global Reader", "Reports Reader"]), "(Global Reader, Reports Reader)"),
    "seat": (replace(FACTS, seat=False), "No unit of the license is free."),
    "unverified": (mailbox(addresses=[*ADDRESSES, "smtp:a@old.example"]), "not verified: old.example. "),
    "unknown domain": (mailbox(addresses=[*ADDRESSES, "smtp:a@b.example"]), "not verified: b.example. "),
    "cloud name": (user(user_principal_name="i@contoso.onmicrosoft.example"), "not in a verified domain of your own"),
    "unverified name": (user(user_principal_name="i@old.example"), "not in a verified domain of your own"),
    "cloud primary": (
        mailbox(addresses=["smtp:info@contoso.example", "SMTP:info@contoso.onmicrosoft.example"]),
        "Its primary address is in the cloud's own domain.",
    ),
    "owner": (replace(FACTS, owners=["CN=Other"]), "CN=Other in Active Directory has its user principal name or one"),
    "place": (replace(FACTS, place="There is no OU=x."), "There is no OU=x."),
    "double": (
        replace(FACTS, account=ACCOUNT, doubles=["info1234@c.example (7)"]),
        "account, info1234@c.example (7), for",
    ),
    "unread": (replace(FACTS, unread=["the moon (hidden)"]), "Unknown, so nothing is done: the moon (hidden)"),
}


@pytest.mark.parametrize("case", OBSTACLES)
def test_each_obstacle_is_the_only_one_named(case: str) -> None:
    facts, reason = OBSTACLES[case]
    (found,) = onboarding.blockers(facts)
    assert reason in found
    assert onboarding.state_of(facts, WANT)["stage"] == "blocked"


def test_nothing_stands_in_the_way() -> None:
    assert onboarding.blockers(FACTS) == []
    assert onboarding.blockers(replace(FACTS, seat=True, account=ACCOUNT, owners=[ACCOUNT.upper()])) == []


def test_all_obstacles_are_named_together() -> None:
    facts = replace(
        user(immutable_id="abc="), roles=["Global Reader"], seat=False, owners=["CN=a", "CN=b"], unread=["x"]
    )
    assert len(onboarding.blockers(facts)) == 6


def test_nobody_is_told_to_take_the_addresses_from_the_account_that_masters_the_mailbox() -> None:
    (found,) = onboarding.blockers(replace(user(synced=True), owners=["CN=Info"], place="There is no OU=x."))
    assert found == "Its account is synchronized from Active Directory already; change it there."


def test_nothing_is_derived_from_what_could_not_be_read() -> None:
    facts = replace(FACTS, domains=None, roles=None, account_known=False, unread=["everything"])
    assert onboarding.blockers(facts) == ["Unknown, so nothing is done: everything"]
    assert onboarding.blockers(replace(facts, user=USER | {"synced": True})) == onboarding.blockers(facts)
    assert onboarding.sign_in_statement("info@contoso.example", None).startswith("Unknown: ")


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        (FACTS, "ready"),
        (mailbox(type="user"), "started"),
        (replace(FACTS, account=ACCOUNT, account_anchor=ANCHOR), "started"),
        (DONE, "done"),
        (replace(DONE, unread=["x"]), "blocked"),
        (replace(DONE, mailbox=MAILBOX), "blocked"),
        (replace(DONE, user=DONE.user | {"immutable_id": "other"}), "blocked"),
    ],
)
def test_the_stage(facts: Findings, stage: str) -> None:
    assert onboarding.state_of(facts, WANT)["stage"] == stage


def test_the_switch_that_nobody_can_read_is_said_until_it_is_done() -> None:
    assert onboarding.state_of(FACTS, WANT)["unknown"] == [onboarding.UNREADABLE_SWITCHES]
    assert onboarding.state_of(DONE, WANT)["unknown"] == []


def test_the_directory_gets_every_address_but_the_clouds_own() -> None:
    others = ["X500:/o=x/cn=y", "sip:info@contoso.example", "EUM:1;phone-context=a", "NOTES:Info/Contoso"]
    clouds = ["smtp:a@CONTOSO.onmicrosoft.example", "smtp:a@x.contoso.onmicrosoft.example", "smtp:a@b.onmicrosoft.com"]
    dropped = ["SPO:SPO_1@SPO_2", "X400:c=de;a= ;p=x", "MSMAIL:x"]
    every = [*ADDRESSES[:2], *others]
    assert onboarding.directory_addresses([*every, *clouds, *dropped], DOMAINS) == every


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("info@contoso.example", "contoso.example is managed: info@contoso.example signs in at Microsoft"),
        (
            "a@PARTNER.example",
            "partner.example is federated: a@PARTNER.example signs in at your own federation service",
        ),
        ("a@elsewhere.example", "Unknown: the tenant does not say whether elsewhere.example is managed or federated."),
    ],
)
def test_how_the_user_signs_in(name: str, part: str) -> None:
    assert part in onboarding.sign_in_statement(name, DOMAINS)


BEFORE = {"id": ID, "mailbox_guid": GUID, "directory_addresses": ADDRESSES[:2]}
CHANGES = {
    "id": (replace(DONE, mailbox=DONE.mailbox | {"id": "other"}), "The object id was"),
    "mailbox": (replace(DONE, mailbox=DONE.mailbox | {"mailbox_guid": "other"}), "The mailbox GUID was"),
    "lost": (replace(DONE, mailbox=DONE.mailbox | {"addresses": ADDRESSES[:1]}), "gone: smtp:office@contoso.example."),
    "primary": (
        replace(
            DONE, mailbox=DONE.mailbox | {"addresses": ["smtp:info@contoso.example", "SMTP:office@contoso.example"]}
        ),
        "SMTP:info@contoso.example is no longer the primary address.",
    ),
    "not joined": (replace(DONE, user=USER), "Active Directory does not master it yet"),
    "another account": (
        replace(DONE, doubles=["info1@c.example (7)"]),
        "has made another account, info1@c.example (7)",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_each_difference_is_noticed(case: str) -> None:
    after, reason = CHANGES[case]
    (found,) = onboarding.changed_identity(BEFORE, after)
    assert reason in found
    assert onboarding.state_of(after, WANT | {"before": BEFORE})["stage"] == "blocked"


def test_the_same_mailbox_is_recognized() -> None:
    more = replace(
        DONE, mailbox=DONE.mailbox | {"addresses": [ADDRESSES[0], ADDRESSES[1].upper(), "smtp:new@c.example"]}
    )
    assert onboarding.changed_identity(BEFORE, DONE) == []
    assert onboarding.changed_identity(BEFORE, more) == []


def test_the_steps_of_a_new_mailbox() -> None:
    steps = onboarding.state_of(replace(FACTS, nickname_known=True), WANT)["steps"]
    assert steps["license"] == {
        "user": "info@contoso.example",
        "licenses": {"add": ["EXCHANGESTANDARD"]},
        "usage_location": "DE",
    }
    assert steps["type"] == {"mailbox": "info@contoso.example", "type": "user"}
    assert steps["account"] == {
        "user": "info@contoso.example",
        "ou": WANT["ou"],
        "display_name": "Info",
        "mail": "info@contoso.example",
        "cloud_object_id": ID,
        "attributes": {"proxyAddresses": ADDRESSES[:2], "mailNickname": ["info"]},
    }
    assert steps["addresses"] == {
        "user": "info@contoso.example",
        "primary": "info@contoso.example",
        "aliases": {"add": ["smtp:office@contoso.example"]},
    }
    assert steps["verification"] == {"mailbox": ID, "before": BEFORE}


def test_an_account_that_is_there_keeps_its_attributes_and_a_plain_schema_gets_no_nickname() -> None:
    there = onboarding.state_of(replace(FACTS, account=ACCOUNT), WANT)["steps"]["account"]
    assert "attributes" not in there
    plain = onboarding.state_of(FACTS, WANT)["steps"]["account"]
    assert plain["attributes"] == {"proxyAddresses": ADDRESSES[:2]}


LOCAL = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
DOMAIN = st.sampled_from(["contoso.example", "partner.example", "contoso.onmicrosoft.example", "b.onmicrosoft.com"])


@given(st.lists(st.tuples(LOCAL, DOMAIN), min_size=1, max_size=8, unique=True), st.integers(0, 7))
def test_whatever_the_addresses_the_account_gets_just_one_primary_or_the_mailbox_is_left_alone(
    parts: list[tuple[str, str]], primary: int
) -> None:
    chosen = primary % len(parts)
    addresses = [f"{'SMTP' if at == chosen else 'smtp'}:{name}@{domain}" for at, (name, domain) in enumerate(parts)]
    state = onboarding.state_of(mailbox(addresses=addresses), WANT)
    carried = state["steps"]["account"]["attributes"]["proxyAddresses"]
    own = [one for one in addresses if "onmicrosoft" not in one]
    assert carried == own
    primaries = [one for one in carried if one.startswith("SMTP:")]
    assert (state["stage"] == "ready") is (len(primaries) == 1)
    step = state["steps"]["addresses"]
    named = ([f"SMTP:{step['primary']}"] if "primary" in step else []) + step["aliases"]["add"]
    assert sorted(named) == sorted(own)


@given(st.uuids())
def test_the_anchor_is_what_entra_connect_makes_of_the_id(identity: uuid.UUID) -> None:
    raw = onboarding.anchor_of(str(identity).upper())
    assert uuid.UUID(bytes_le=raw) == identity
    facts = replace(DONE, user=DONE.user | {"immutable_id": base64.b64encode(raw).decode()})
    assert onboarding.finished(facts) is (raw == uuid.UUID(ID).bytes_le)
