# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The type of a proxy address: what is read, what is refused and why, what the cloud leaves out."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.addresses import (
    ProxyAddress,
    addresses_of,
    claims,
    faults,
    is_routing,
    key,
    missing_in_cloud,
    parse,
    primary_of,
    recognize,
)

X500 = "X500:/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=info"
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
LOCAL = st.lists(st.from_regex(r"[A-Za-z0-9'_+-]{1,8}", fullmatch=True), min_size=1, max_size=3).map(".".join)
MAIL = st.builds(lambda local, one, two: f"{local}@{one}.{two}", LOCAL, LABEL, LABEL)


@pytest.mark.parametrize(
    ("text", "kind", "primary", "address"),
    [
        ("SMTP:Info@contoso.example", "SMTP", True, "Info@contoso.example"),
        ("smtp:info@contoso.example", "SMTP", False, "info@contoso.example"),
        ("Smtp:info@contoso.example", "SMTP", False, "info@contoso.example"),
        ("info@contoso.example", "SMTP", False, "info@contoso.example"),
        (X500, "X500", True, X500[5:]),
        ("x500:/o=Contoso/cn=a", "X500", False, "/o=Contoso/cn=a"),
        ("X400:c=DE;a= ;p=Contoso;s=Info;", "X400", True, "c=DE;a= ;p=Contoso;s=Info;"),
        ("eum:4711;phone-context=plan.contoso.example", "EUM", False, "4711;phone-context=plan.contoso.example"),
        ("SIP:info@contoso.example", "SIP", True, "info@contoso.example"),
        ("x-ticket:4711", "X-TICKET", False, "4711"),
    ],
)
def test_reads_the_type_the_address_and_which_is_primary(text: str, kind: str, primary: bool, address: str) -> None:
    found = parse(text)
    assert (found.kind, found.primary, found.address) == (kind, primary, address)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("   ", "it is empty"),
        ("smtp:", "nothing behind the prefix"),
        ("info", "no @"),
        ("@contoso.example", "nothing before the @"),
        ("info@", "no domain behind the @"),
        ("info@@contoso.example", "more than one @"),
        ("a@b@contoso.example", "more than one @"),
        ("in fo@contoso.example", "holds a blank"),
        (" info@contoso.example", "begins or ends with a blank"),
        ("info@contoso.example\n", "begins or ends with a blank"),
        ("in\tfo@contoso.example", "control character"),
        ("smtp:smtp:info@contoso.example", "second colon"),
        ("b\u00fcro@contoso.example", "without accents"),
        ("info@b\u00fcro.example", "without accents"),
        (".info@contoso.example", "dot"),
        ("info.@contoso.example", "dot"),
        ("in..fo@contoso.example", "two dots"),
        ("info@contoso", "no dot"),
        ("info@contoso..example", "no domain name"),
        ("info@-contoso.example", "no domain name"),
        ("info@contoso_.example", "no domain name"),
        ("smpt:info@contoso.example", "no address type 'SMPT'"),
        ("sm tp:info@contoso.example", "before the colon"),
        (":info@contoso.example", "before the colon"),
        ("in\\fo@contoso.example", "character \\"),
        *((f"in{sign}fo@contoso.example", f"character {sign}") for sign in '<>();,[]"'),
        ("a" * 5000 + "@contoso.example", "256 is the maximum"),
        ("X500:" + "x" * 252, "256 is the maximum"),
    ],
)
def test_refuses_with_the_exact_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        parse(text)
    assert len(str(caught.value)) < 300


def test_the_length_counts_the_prefix() -> None:
    local = "a" * (256 - len("smtp:@contoso.example"))
    assert parse(f"{local}@contoso.example").address.startswith("aaa")
    assert parse(f"smtp:{local}@contoso.example").kind == "SMTP"
    with pytest.raises(ValueError, match="257 characters"):
        parse(f"a{local}@contoso.example")


@given(st.one_of(MAIL.map("smtp:{}".format), MAIL.map("SMTP:{}".format), MAIL.map("Sip:{}".format), st.just(X500)))
def test_is_given_back_byte_by_byte(text: str) -> None:
    assert str(parse(text)) == text


@given(st.text(max_size=300))
@example("a:" * 50)
@example("SMTP:\x00")
def test_any_text_is_an_address_or_a_reason_and_is_never_changed(text: str) -> None:
    found = recognize(text)
    assert found is None or str(found) == text
    assert key(text) == (found.key if found is not None else key(text.lower()))
    try:
        parsed = parse(text)
    except ValueError:
        return
    assert parse(str(parsed)) == parsed
    assert str(parsed) in (text, f"smtp:{text}")


@given(MAIL)
def test_two_are_equal_whatever_their_letter_case_and_whichever_is_primary(mail: str) -> None:
    one, other = parse(f"SMTP:{mail.upper()}"), parse(mail.lower())
    assert one == other
    assert hash(one) == hash(other)
    assert key(mail) == key(f"smtp:{mail.upper()}") == one.key
    assert one != parse(f"sip:{mail}")


def test_becomes_primary_and_back_without_losing_its_spelling() -> None:
    found = parse("Smtp:Info@contoso.example")
    assert str(found.as_primary(False)) == "Smtp:Info@contoso.example"
    assert str(found.as_primary(True)) == "SMTP:Info@contoso.example"
    assert str(found.as_primary(True).as_primary(False)) == "smtp:Info@contoso.example"
    assert found.domain == "contoso.example"
    assert ProxyAddress("X500", True, "/o=x").domain == ""


def test_finds_the_primary_address_of_a_type() -> None:
    values = ["smtp:b@contoso.example", "SMTP:a@contoso.example", "SIP:s@contoso.example", X500, "rubbish"]
    assert primary_of(values) == "a@contoso.example"
    assert primary_of(values, "SIP") == "s@contoso.example"
    assert primary_of(values, "EUM") is None
    assert addresses_of(values) == ["b@contoso.example", "a@contoso.example"]


@pytest.mark.parametrize(
    ("address", "initial", "expected"),
    [
        ("smtp:info@contoso.onmicrosoft.com", None, True),
        ("info@contoso.mail.onmicrosoft.com", None, True),
        ("info@contoso.onmicrosoft.us", None, True),
        ("info@contoso.partner.onmschina.cn", None, True),
        ("info@contoso.example", None, False),
        ("info@notonmicrosoft.com", None, False),
        ("info@contoso.onmicrosoft.example", None, False),
        ("info@contoso.onmicrosoft.example", "Contoso.onmicrosoft.example", True),
        ("info@contoso.mail.onmicrosoft.example", "contoso.onmicrosoft.example", True),
        ("info@fabrikam.example", "contoso.example", False),
        ("info@sub.contoso.example", "contoso.example", True),
    ],
)
def test_knows_the_clouds_own_domains(address: str, initial: str | None, expected: bool) -> None:
    assert is_routing(address, initial) is expected


def test_misses_in_the_cloud_only_what_the_cloud_would_take() -> None:
    there = [
        "SMTP:Info@contoso.example",
        "smtp:lost@contoso.example",
        "smtp:info@contoso.onmicrosoft.com",
        "X400:c=DE;p=Contoso;",
        "smtp:not well@contoso.example",
        "SIP:info@contoso.example",
        X500,
    ]
    cloud = ["smtp:info@CONTOSO.example", "SMTP:other@contoso.example", X500.lower()]
    assert missing_in_cloud(there, cloud) == ["smtp:lost@contoso.example", "SIP:info@contoso.example"]
    assert missing_in_cloud(there, [*cloud, "smtp:LOST@contoso.example", "sip:info@contoso.example"]) == []


def test_names_every_attribute_under_which_another_object_would_own_an_address() -> None:
    assert claims("SMTP:Info@contoso.example") == [
        ("proxyAddresses", "smtp:Info@contoso.example"),
        ("mail", "Info@contoso.example"),
        ("userPrincipalName", "Info@contoso.example"),
    ]
    assert claims("info@contoso.example")[0] == ("proxyAddresses", "smtp:info@contoso.example")
    assert claims("SIP:a@contoso.example") == [("proxyAddresses", "sip:a@contoso.example")]


def test_reports_what_is_wrong_with_the_present_values() -> None:
    assert faults(["SMTP:a@contoso.example", "smtp:b@contoso.example", X500]) == []
    assert faults([]) == []
    assert "2 primary addresses" in faults(["SMTP:b@contoso.example", "SMTP:a@contoso.example"])[0]
    assert "no primary address" in faults(["smtp:b@contoso.example"])[0]
    assert "holds a blank" in faults(["SMTP:a b@contoso.example"])[0]
    assert "301 addresses" in faults(["SMTP:x@contoso.example", *(f"smtp:a{n}@contoso.example" for n in range(300))])[0]
