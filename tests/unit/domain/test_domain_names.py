# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Distinguished names, sAMAccountName and user principal names."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.names import (
    check_sam_account_name,
    check_user_principal_name,
    derive_sam_account_name,
    dn_key,
    domain_name,
    escape_rdn,
    is_below,
    join_dn,
    parent_of,
    rdn_of,
    same_dn,
    split_dn,
    transliterate,
    unescape_rdn,
)

DOMAIN = "DC=corp,DC=contoso,DC=example"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("name", "derived"),
    [
        ("anna.schmidt@contoso.example", "anna.schmidt"),
        ("J\u00fcrgen M\u00fcller", "juergen.mueller"),
        ("gro\u00df@contoso.example", "gross"),
        ("Ren\u00e9e \u0141ukasz", "renee.lukasz"),
        ("u\u0308ber", "ueber"),
        ("S\u00f8ren \u00c5s", "soeren.aas"),
        ("rechnung+eingang@contoso.example", "rechnungeingang"),
        ("o'neil@contoso.example", "oneil"),
        ("maximiliane-charlotte.von-hohenstein@contoso.example", "maximiliane-charlott"),
        ("neunzehn-zeichen-ab.cd", "neunzehn-zeichen-ab"),
    ],
)
def test_derives_a_sam_account_name(name: str, derived: str) -> None:
    assert derive_sam_account_name(name) == derived


def test_a_taken_name_gets_the_first_free_number() -> None:
    assert derive_sam_account_name("info@contoso.example", {"INFO"}) == "info2"
    assert derive_sam_account_name("info@contoso.example", {"info", "info2", "Info3"}) == "info4"
    long = "maximiliane-charlotte.von-hohenstein"
    assert derive_sam_account_name(long, ["maximiliane-charlott"]) == "maximiliane-charlot2"
    assert derive_sam_account_name("info", lambda name: not name.endswith("11")) == "info11"


def test_nothing_usable_is_said() -> None:
    with pytest.raises(ValueError, match="can be derived"):
        derive_sam_account_name("\u4f60\u597d@contoso.example")


@given(TEXT, st.sets(st.text("abc2.", max_size=4), max_size=20))
@example("....", set())
@example("a" * 19 + ".b", {"a" * 19})
def test_what_is_derived_is_short_allowed_free_and_always_the_same(name: str, taken: set[str]) -> None:
    try:
        derived = derive_sam_account_name(name, taken)
    except ValueError:
        return
    assert 0 < len(derived) <= 20
    assert re.fullmatch(r"[a-z0-9._-]+", derived)
    assert not derived.endswith(".")
    assert derived not in {other.lower() for other in taken}
    assert derived == derive_sam_account_name(name, taken)
    check_sam_account_name(derived)


@given(st.text())
def test_transliteration_is_ascii_and_leaves_ascii_alone(text: str) -> None:
    assert transliterate(text).isascii()
    if text.isascii():
        assert transliterate(text) == text


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("a" * 21, "at most 20"),
        ("a;b", "must not hold"),
        ("a\tb", "control"),
        ("abc.", "end with a dot"),
        (" abc", "blank"),
        ("a@b", "user principal name"),
    ],
)
def test_refuses_a_sam_account_name(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_sam_account_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("info", "exactly one @"),
        ("a@b@contoso.example", "exactly one @"),
        ("@contoso.example", "missing"),
        ("info@", "missing"),
        ("a" * 65 + "@contoso.example", "at most 64"),
        ("info@" + "a" * 41 + ".example", "48 behind"),
        ("in fo@contoso.example", "no blanks"),
        ("b\u00fcro@contoso.example", "without accents"),
        (".info@contoso.example", "dot"),
        ("info.@contoso.example", "dot"),
        ("info@contoso", "no domain name"),
        ("info@con_toso.example", "no domain name"),
        ("x" * 5000, "exactly one @"),
    ],
)
def test_refuses_a_user_principal_name(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        check_user_principal_name(name)
    assert len(str(caught.value)) < 300


def test_takes_user_principal_names_up_to_the_limits() -> None:
    check_user_principal_name("a" * 64 + "@" + "b" * 40 + ".example")
    check_user_principal_name("o'neil-1_x!#^~@contoso.example")


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("Info", "Info"),
        ("M\u00fcller, J\u00fcrgen", "M\u00fcller\\, J\u00fcrgen"),
        ("Einkauf (Werk 2)", "Einkauf (Werk 2)"),
        (" blank ", "\\ blank\\ "),
        ("#1", "\\#1"),
        ('a"b+c;d<e>f=g\\h', 'a\\"b\\+c\\;d\\<e\\>f\\=g\\\\h'),
        ("a\nb", "a\\0ab"),
        (" ", "\\ "),
        ("", ""),
    ],
)
def test_escapes_a_value_of_a_distinguished_name(value: str, escaped: str) -> None:
    assert escape_rdn(value) == escaped
    assert unescape_rdn(escaped) == value


@given(TEXT)
@example("a\\")
@example("a\\ ")
@example("a  ")
@example("\\2c")
@example(", ")
def test_a_value_survives_a_distinguished_name(value: str) -> None:
    dn = join_dn(("CN", value), ("OU", "Werk, S\u00fcd"), parent=DOMAIN)
    assert split_dn(dn)[0] == ("CN", value)
    assert split_dn(dn)[1] == ("OU", "Werk, S\u00fcd")
    assert same_dn(parent_of(dn), f"ou=werk\\2c s\u00fcd,{DOMAIN}")
    assert rdn_of(dn) == f"CN={escape_rdn(value)}"
    assert is_below(dn, DOMAIN)


def test_splits_and_compares_distinguished_names() -> None:
    assert split_dn("") == []
    assert split_dn("OU=Service, DC=corp , DC=example")[1:] == [("DC", "corp"), ("DC", "example")]
    assert unescape_rdn("M\\c3\\bcller") == "M\u00fcller"
    assert same_dn("CN=M\\C3\\BCller,DC=x", "cn=m\u00fcller, dc=X")
    assert not same_dn("CN=a,DC=x", "CN=b,DC=x")
    assert dn_key("CN=A,DC=x") == (("cn", "a"), ("dc", "x"))
    assert is_below(f"OU=a,{DOMAIN}", DOMAIN.lower())
    assert is_below(DOMAIN, DOMAIN)
    assert not is_below(DOMAIN, f"OU=a,{DOMAIN}")
    assert not is_below("DC=othercorp,DC=contoso,DC=example", DOMAIN)
    assert domain_name(f"CN=x,{DOMAIN}") == "corp.contoso.example"
    assert parent_of("DC=x") == ""


@pytest.mark.parametrize("text", ["garbage", "=x", "CN=", "CN=a,,DC=x", "CN=a,DC"])
def test_refuses_what_is_no_distinguished_name(text: str) -> None:
    with pytest.raises(ValueError, match="no distinguished name"):
        split_dn(text)
