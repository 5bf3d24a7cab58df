# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has signed whom, and what is missing on the way to a root."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from odd_certificates import Made, _builder, _name, authority, cross_signed, every_odd_kind, moment, self_signed_person

from ansible_collections.m365.hybrid.plugins.module_utils.domain import chains
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificates import Certificate, opaque

KINDS = ("rsa2048", "ec", "ed25519", "dsa")


def read(made: Made) -> Certificate:
    """A certificate as the modules have it."""
    return opaque(made.der)


@cache
def of_one_name(kind: str) -> Made:
    """A root with a key of some kind; all of them have the same name."""
    if kind != "dsa":
        return authority("Contoso Root CA", key=kind)
    key = dsa.generate_private_key(2048)
    made = _builder(_name("Contoso Root CA"), key, None, moment(-1), moment(1)).sign(key, hashes.SHA256())
    return Made(made.public_bytes(Encoding.DER), key)


@pytest.mark.parametrize("old", KINDS)
@pytest.mark.parametrize("new", ["rsa2048", "ec", "ed25519"])
def test_a_new_key_signed_by_the_old_one_is_no_root(old: str, new: str) -> None:
    before = of_one_name(old)
    after = read(authority("Contoso Root CA", key=new, issuer=before))
    assert after.subject == after.issuer
    assert not chains.is_root(after)
    assert chains.is_root(read(before))
    assert chains.issuers(after, [after, read(before), *(read(of_one_name(kind)) for kind in KINDS)])[0] == read(before)
    assert [gap.below for gap in chains.gaps(after, [after])] == [after]
    assert chains.path(after, [after, read(before)]) == [after, read(before)]


def test_what_cannot_be_checked_is_a_root_by_its_names_and_key_identifiers_only() -> None:
    old = every_odd_kind()["MD5"]
    assert chains.is_root(read(old))
    followed = read(authority("Contoso MD5 CA", key="rsa2048", hash="md5", issuer=old))
    assert not chains.is_root(followed)
    assert chains.issuers(followed, [read(old)]) == []
    assert chains.issuers(followed, [read(old)], unchecked=True) == [read(old)]
    assert chains.path(followed, [read(old)]) == []
    assert chains.path(followed, [read(old)], unchecked=True) == [followed, read(old)]
    (gap,) = chains.gaps(followed, [read(old)])
    assert gap.unchecked


def test_a_key_that_signs_nothing_issues_nothing() -> None:
    below = authority("Contoso Root CA", issuer=authority("Contoso Root CA"))
    agreed = read(authority("Contoso Root CA", key=x25519.X25519PrivateKey.generate(), issuer=every_odd_kind()["root"]))
    (gap,) = chains.gaps(read(below), [agreed])
    assert (gap.namesakes, gap.unchecked) == ((agreed,), False)


def test_what_cannot_be_read_issues_nothing_and_leads_nowhere() -> None:
    strange = read(every_odd_kind()["unknown version"])
    assert not chains.is_root(strange)
    assert chains.path(strange, [strange]) == []
    assert chains.gaps(strange, [strange])
    assert chains.issuers(strange, [strange]) == []


def test_one_that_has_signed_itself_is_a_root_only_where_it_is_held() -> None:
    alone = read(self_signed_person("anna@contoso.example"))
    assert chains.gaps(alone, [alone]) == []
    (gap,) = chains.gaps(alone, [])
    assert gap.below == alone


@cache
def tangle() -> list[Certificate]:
    """Twelve authorities of three names and four keys, each signed by some other, so that there are circles among them."""
    roots = [authority(f"Contoso {name}") for name in "AABC"]
    crossed = [
        cross_signed(one, other)
        for one, other in zip(roots * 2, roots[1:] + roots[:1] + roots[2:] + roots[:2], strict=True)
    ]
    return [read(one) for one in roots + crossed]


def leads(certificate: Certificate, among: list[Certificate], seen: tuple[Certificate, ...] = ()) -> bool:
    """Whether some way leads to a root, by trying all of them."""
    if certificate in among and chains.is_root(certificate):
        return True
    further = [one for one in chains.issuers(certificate, among) if one not in seen]
    return any(leads(one, among, (*seen, certificate)) for one in further)


@given(st.sampled_from(range(12)), st.sets(st.sampled_from(range(12))))
def test_every_way_is_found_and_none_is_made_up(start: int, held: set[int]) -> None:
    certificate, among = tangle()[start], [tangle()[index] for index in sorted(held)]
    way, missing = chains.path(certificate, among), chains.gaps(certificate, among)
    assert bool(way) is leads(certificate, among) is (not missing)
    if way:
        assert way[0] == certificate
        assert set(way[1:]) <= set(among)
        assert way[-1] in among
        assert chains.is_root(way[-1])
        assert all(above in chains.issuers(below, among) for below, above in pairwise(way))
    for gap in missing:
        assert gap.circle or not chains.issuers(gap.below, among)


def test_a_signature_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = 30
    line = [authority("Contoso Root CA")]
    for _number in range(names):
        line.append(authority("Contoso Root CA", issuer=line[-1]))
    held = [read(one) for one in line[1:]]
    checks: list[object] = []
    real = chains._verify
    monkeypatch.setattr(chains, "_verify", lambda below, key: (checks.append(below), real(below, key)))
    for one in held:
        assert chains.gaps(one, held)
        assert chains.path(one, held) == []
    assert len(checks) <= names * names
