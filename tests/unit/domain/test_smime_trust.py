# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be trusted: the goal for a set, what speaks against it, and the report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_certificates import authority, chain, cross_signed, every_odd_kind, moment

from ansible_collections.m365.hybrid.plugins.module_utils.domain import certificate_strength as strength
from ansible_collections.m365.hybrid.plugins.module_utils.domain import chains, smime_report, smime_trust
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificates import Certificate, opaque, row

ODD = every_odd_kind()
NOW = moment(0.5)
READ = {name: opaque(made.der) for name, made in ODD.items()}
ROWS = {name: row(one) for name, one in READ.items()}
NAMES = st.lists(st.sampled_from(sorted(ROWS)), unique=True)


def want(certificates: dict[str, Any] | None, **options: Any) -> dict[str, Any]:
    """The options of a task, as far as the goal looks at them."""
    given_ = {"certificates": certificates, "settings": None, "allow_empty": True, "expired": None, "now": lambda: NOW}
    return given_ | options


def rows(names: list[str]) -> list[dict[str, Any]]:
    """The rows of some certificates."""
    return [ROWS[name] for name in names]


def prints(state: dict[str, Any]) -> set[str]:
    """The fingerprints of a state."""
    return {one["fingerprint"] for one in state["certificates"]}


@given(NAMES, NAMES, NAMES)
def test_the_goal_is_reached_at_once_and_holds(before: list[str], added: list[str], removed: list[str]) -> None:
    gone = [ROWS[name]["thumbprint" if index % 2 else "fingerprint"].lower() for index, name in enumerate(removed)]
    asked = want({"add": rows(added), "remove": gone})
    state = {"certificates": rows(before), "settings": {}}
    after = smime_trust.goal(asked, state)
    expected = (set(before) - set(removed)) | set(added)
    assert prints(after) == {ROWS[name]["fingerprint"] for name in expected}
    assert smime_trust.goal(asked, after)["certificates"] == after["certificates"] or set(added) & set(removed)
    whole = smime_trust.goal(want({"set": rows(added)}), state)
    assert prints(whole) == {ROWS[name]["fingerprint"] for name in added}


@given(NAMES, NAMES)
def test_nothing_expired_is_left_where_that_is_asked_for(before: list[str], added: list[str]) -> None:
    asked = want({"add": rows(added)}, expired="leave_out")
    after = smime_trust.goal(asked, {"certificates": rows(before), "settings": {}})
    assert ROWS["expired"]["fingerprint"] not in prints(after)
    assert prints(after) == {ROWS[name]["fingerprint"] for name in {*before, *added} - {"expired"}}


def test_an_empty_set_has_to_be_meant() -> None:
    state = {"certificates": rows(["root"]), "settings": {}}
    with pytest.raises(ValueError, match="allow_empty=true"):
        smime_trust.goal(want({"set": []}, allow_empty=None), state)
    assert smime_trust.goal(want({"set": []}), state)["certificates"] == []
    assert smime_trust.goal(want(None, allow_empty=None), state) == state


def kinds(*names: str) -> dict[str, set[str]]:
    """The problems of some certificates that stand together, by name."""
    together = [READ[name] for name in names]
    found = smime_trust.problems(together, NOW)
    return {name: {problem.kind for problem in found if problem.certificate is READ[name]} for name in names}


def test_every_odd_kind_has_its_problem() -> None:
    assert {name: found for name, found in kinds(*READ).items() if found} == {
        "expired": {"expired"},
        "not yet valid": {"not_yet_valid"},
        "weak key": {"weak_key"},
        "no CA": {"not_a_ca"},
        "no basic constraints": {"not_a_ca"},
        "unknown version": {"unreadable"},
    }
    assert kinds("intermediate") == {"intermediate": {"incomplete_chain"}}
    assert kinds("same name, another key", "intermediate")["intermediate"] == {"incomplete_chain"}


def test_what_was_bad_before_is_no_reason_but_what_exchange_refuses() -> None:
    before = smime_trust.problems([READ["no CA"], READ["expired"]], NOW)
    after = smime_trust.problems([READ["no CA"], READ["expired"], READ["weak key"], READ["not yet valid"]], NOW)
    found = smime_trust.brought_about(before, after, ["not_yet_valid"])
    assert {problem.kind for problem in found} == {"expired", "weak_key"}


def test_a_long_complaint_is_cut_and_says_so() -> None:
    many = [opaque(authority(f"Contoso {number}", ca=False).der) for number in range(25)]
    said, advice = smime_trust.complaint(smime_trust.problems(many, NOW), {many[0].fingerprint: "/srv/ca.pem"})
    assert said.startswith("CN=Contoso 0,O=Contoso (/srv/ca.pem) is no certificate of an authority")
    assert said.count(" (in the tenant) ") == 19
    assert said.endswith("And 5 more.")
    assert "allow: [not_a_ca]" in advice


@pytest.mark.parametrize(
    ("name", "key", "signature"),
    [
        ("root", "RSA 2048", "SHA-256"), ("another root", "EC secp256r1", "SHA-256"), ("Ed25519", "Ed25519", "Ed25519"),
        ("RSA-PSS", "EC secp256r1", "SHA-256 with RSA-PSS"), ("SHA-1", "RSA 2048", "SHA-1"), ("MD5", "RSA 2048", "MD5"),
        ("weak key", "RSA 1024", "SHA-256"), ("unknown version", "unknown", "unknown"),
    ],
)  # fmt: skip
def test_keys_and_signatures_have_names(name: str, key: str, signature: str) -> None:
    assert (strength.key(READ[name]), strength.signature(READ[name])) == (key, signature)


def test_only_a_signature_that_somebody_relies_on_is_weak() -> None:
    below = opaque(authority("Contoso Below", issuer=ODD["SHA-1"], hash="sha1").der)
    assert strength.weak_signature(below)
    assert not strength.weak_signature(READ["SHA-1"])
    # An authority's new key, for which the old one vouches, is no root, though it has its own name as issuer.
    old = authority("Contoso Root CA", key="rsa2048")
    assert strength.weak_signature(opaque(authority("Contoso Root CA", issuer=old, hash="sha1").der))


def test_authorities_that_have_signed_each_other_lead_to_no_root() -> None:
    one, two = chain("Contoso East CA", "Contoso West CA")
    circle = [opaque(made.der) for made in (cross_signed(one, two), two)]
    for certificate in circle:
        assert chains.gaps(certificate, circle)
        assert chains.path(certificate, circle) == []
    assert chains.gaps(circle[0], [*circle, opaque(one.der)]) == []
    assert {problem.text.partition(" above ")[0] for problem in smime_trust.problems(circle, NOW)} == {
        "leads to no root: the authorities"
    }


def test_a_signature_that_cannot_be_checked_is_told_from_that_of_another() -> None:
    below = opaque(authority("Contoso Below CA", issuer=ODD["MD5"], hash="md5").der)
    said = [one.text for one in smime_trust.problems([below, READ["MD5"]], NOW) if one.kind == "incomplete_chain"]
    assert [text.endswith("cannot be checked here") for text in said] == [True]
    other = opaque(authority("Contoso Below CA", issuer=authority("Contoso MD5 CA")).der)
    said = [one.text for one in smime_trust.problems([other, READ["MD5"]], NOW) if one.kind == "incomplete_chain"]
    assert ["with another key" in text for text in said] == [True]


def test_many_of_one_name_take_no_long_time() -> None:
    namesakes = [opaque(authority("Contoso Root CA").der) for _number in range(150)]
    below = opaque(authority("Contoso Issuing CA", issuer=ODD["root"]).der)
    begin = datetime.now(UTC)
    (gap,) = chains.gaps(below, namesakes)
    assert len(gap.namesakes) == 150
    assert not smime_trust.problems(namesakes, NOW)
    # Measured: 2 s on the slowest of the machines seen.
    assert datetime.now(UTC) - begin < timedelta(seconds=20)


def test_the_report_says_what_ends_and_what_needs_care() -> None:
    held: list[Certificate] = [READ[name] for name in ("root", "ends soon", "expired", "intermediate", "weak key")]
    found = smime_report.report(held, {"signing_algorithms": ["sha1"]}, NOW, 30)
    assert [(one["subject"], one["days_left"]) for one in found["ending"]] == [
        ("CN=Contoso Expired CA,O=Contoso", -2), ("CN=Contoso Ending CA,O=Contoso", 4),
    ]  # fmt: skip
    assert found["incomplete"] == []
    assert [line.partition(" ended")[0] for line in found["at_risk"]] == [
        "CN=Contoso Expired CA,O=Contoso",
        "CN=Contoso Weak CA,O=Contoso has a weak key (RSA 1024).",
        "signing_algorithms: sha1 is weak.",
    ]
    assert [one["root"] for one in found["certificates"]].count(False) == 1
    assert [one["not_after"] for one in found["certificates"]] == sorted(
        one["not_after"] for one in found["certificates"]
    )
