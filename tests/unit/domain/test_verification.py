# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users' certificates against what is trusted: our verdict, and that of a second judge, the command line of OpenSSL."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from odd_certificates import Made, authority, chain, cross_signed, every_odd_kind, moment, person

from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificates import Certificate, opaque
from ansible_collections.m365.hybrid.plugins.module_utils.domain.verification import Verdict, judge, trust

ODD = every_odd_kind()
NOW = moment(0.5)
PURPOSE_SERVER = "1.3.6.1.5.5.7.3.1"


def read(*made: Made) -> list[Certificate]:
    """Certificates as the module has them."""
    return [opaque(one.der) for one in made]


def ours(leaf: Made, trusted: Sequence[Made], at: datetime = NOW) -> Verdict:
    """Our verdict."""
    return judge(opaque(leaf.der), trust(read(*trusted)), at)


def theirs(leaf: Made, trusted: Sequence[Made], place: Path, at: datetime = NOW) -> bool:
    """OpenSSL's: roots are what signed itself, everything else is an intermediate that it may use."""
    roots = [one for one in trusted if one.name == one.x509.issuer and verifies(one)]
    others = [one for one in trusted if one not in roots]
    for name, held in (("roots", roots), ("others", others), ("leaf", [leaf])):
        (place / name).write_text("".join(one.pem for one in held))
    if not roots:
        return False
    more = ["-untrusted", place / "others"] if others else []
    done = subprocess.run(
        ["openssl", "verify", "-purpose", "smimesign", "-attime", str(int(at.timestamp())), "-no-CApath", "-no-CAstore",
         "-CAfile", place / "roots", *more, place / "leaf"],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def verifies(made: Made) -> bool:
    """Whether a certificate has signed itself; OpenSSL takes every file of CAfile for a root."""
    return bool(trust(read(made)).roots)


def agree(leaf: Made, trusted: Sequence[Made], place: Path, at: datetime = NOW) -> Verdict:
    """Our verdict, which OpenSSL's must not contradict. What is unknown to us has no fault but its algorithms.

    OpenSSL does not come back from a way that turns out to be a bad one, so of what we trust it is shown our way only.
    """
    verdict = ours(leaf, trusted, at)
    ways = {one.der for one in verdict.chain}
    shown = trusted if verdict.trusted is False else [one for one in trusted if one.der in ways]
    assert theirs(leaf, shown, place, at) is (verdict.trusted is not False), verdict
    return verdict


ROOT, ISSUING = ODD["root"], ODD["intermediate"]
OTHER = ODD["another root"]
LAST = authority("Contoso Last CA", issuer=ROOT, path_length=0)
TOO_LOW = authority("Contoso Too Low CA", issuer=LAST)
ENDED = authority("Contoso Ended CA", issuer=ROOT, not_before=moment(-90), not_after=moment(-1))
NO_CA = authority("Contoso Server", issuer=ROOT, ca=False)
OLD = authority("Contoso SHA-1 Issuing CA", issuer=ODD["SHA-1"], hash="sha1", key="rsa2048")
DEEP = [ODD[f"deep {depth}"] for depth in range(12)]
CROSS = cross_signed(ROOT, OTHER)
MADE_FOR = {
    "whole": (person(ISSUING, "a@contoso.example"), [ROOT, ISSUING], True, ""),
    "deep": (person(DEEP[-1], "a@contoso.example"), DEEP, True, ""),
    "without an address": (person(ISSUING, ""), [ROOT, ISSUING], True, ""),
    "by the cross-certificate": (person(ISSUING, "a@contoso.example"), [OTHER, CROSS, ISSUING], True, ""),
    "renewed root": (person(ISSUING, "a@contoso.example"), [ODD["renewed, same key"], ISSUING], True, ""),
    "RSA-PSS": (person(ODD["RSA-PSS"], "a@contoso.example"), [ROOT, ODD["RSA-PSS"]], True, ""),
    "large": (person(ODD["large"], "a@contoso.example"), [ODD["large"]], True, ""),
    "root of SHA-1": (person(ODD["SHA-1"], "a@contoso.example"), [ODD["SHA-1"]], True, ""),
    "one that ended, and one that did not": (
        person(ISSUING, "a@contoso.example"),
        [authority("Contoso Root CA", key=ROOT.key, not_after=moment(-1)), ROOT, ISSUING],
        True,
        "",
    ),
    "no purpose": (person(ISSUING, "a@contoso.example", purpose=None), [ROOT, ISSUING], True, ""),
    "for servers": (
        person(
            ISSUING, "a@contoso.example", purpose=ODD["root"].x509.signature_algorithm_oid.__class__(PURPOSE_SERVER)
        ),
        [ROOT, ISSUING],
        False,
        "its extended key usage is not for e-mail",
    ),
    "ended": (person(ISSUING, "a@b.example", not_after=moment(-1)), [ROOT, ISSUING], False, "it ended on "),
    "not begun": (person(ISSUING, "a@b.example", not_before=moment(1)), [ROOT, ISSUING], False, "it begins on "),
    "no intermediate": (person(ISSUING, "a@b.example"), [ROOT], False, "CN=Contoso Issuing CA,O=Contoso is missing"),
    "no root": (person(ISSUING, "a@b.example"), [ISSUING, OTHER], False, "CN=Contoso Root CA,O=Contoso is missing"),
    "nothing": (person(ISSUING, "a@b.example"), [], False, "CN=Contoso Issuing CA,O=Contoso is missing"),
    "a root of that name": (
        person(ISSUING, "a@b.example"),
        [ODD["same name, another key"], ISSUING],
        False,
        "a CN=Contoso Root CA,O=Contoso is trusted, but with another key",
    ),
    "authority ended": (person(ENDED, "a@b.example"), [ROOT, ENDED], False, "CN=Contoso Ended CA,O=Contoso ended on "),
    "root ended": (
        person(ODD["expired"], "a@b.example"),
        [ODD["expired"]],
        False,
        "CN=Contoso Expired CA,O=Contoso ended",
    ),
    "no authority": (person(NO_CA, "a@b.example"), [ROOT, NO_CA], False, "is no certificate of an authority"),
    "too low": (
        person(TOO_LOW, "a@b.example"),
        [ROOT, LAST, TOO_LOW],
        False,
        "allows 0 authorities below it, and there are 1",
    ),
    "weak key": (person(ODD["weak key"], "a@b.example"), [ODD["weak key"]], None, "(RSA 1024, signed with SHA-256)"),
    "Ed25519": (person(ODD["Ed25519"], "a@b.example"), [ODD["Ed25519"]], None, "Ed25519"),
    "SHA-1": (person(OLD, "a@b.example"), [ODD["SHA-1"], OLD], None, "(RSA 2048, signed with SHA-1)"),
}


@pytest.mark.parametrize("name", MADE_FOR)
def test_openssl_agrees(name: str, tmp_path: Path) -> None:
    leaf, trusted, expected, reason = MADE_FOR[name]
    verdict = agree(leaf, trusted, tmp_path)
    assert verdict.trusted is expected
    assert (verdict.reason == "") is (expected is True)
    assert reason in verdict.reason


def test_an_authority_is_no_user() -> None:
    # OpenSSL has no objection to an authority that signs mail itself; RFC 8550, 4.4.1 lets it; nobody's mail comes from one.
    assert ours(ISSUING, [ROOT]).reason == "it is an authority's certificate"


def test_another_moment_gives_another_verdict(tmp_path: Path) -> None:
    leaf = person(ISSUING, "a@contoso.example", not_after=moment(30))
    assert agree(leaf, [ROOT, ISSUING], tmp_path).trusted
    assert not agree(leaf, [ROOT, ISSUING], tmp_path, moment(31)).trusted


def test_the_missing_one_is_named_with_what_it_has_signed() -> None:
    verdict = ours(person(ISSUING, "a@contoso.example"), [ISSUING])
    assert verdict.missing is not None
    assert verdict.missing.subject == "CN=Contoso Root CA,O=Contoso"
    assert verdict.missing.below.subject == "CN=Contoso Issuing CA,O=Contoso"


def test_two_authorities_that_have_signed_each_other_are_no_root(tmp_path: Path) -> None:
    one, two = chain("Contoso East CA", "Contoso West CA")
    east = cross_signed(one, two)
    leaf = person(one, "a@contoso.example")
    assert not agree(leaf, [east, two], tmp_path).trusted
    assert agree(leaf, [one, two, east], tmp_path).trusted


def any_authority(dice: random.Random, made: list[Made]) -> Made:
    """One more authority, sound or not, below one of those that are there or on its own."""
    issuer = dice.choice([None, *made, *made])
    begins, ends = dice.choice([(-10, 100)] * 8 + [(-10, -1), (1, 100)])
    return authority(
        dice.choice(["Contoso A", "Contoso B", "Contoso C", "Contoso D"]),
        key=dice.choice(["ec", "ec", "ec", *(one.key for one in made)]),
        issuer=issuer,
        ca=dice.choice([True] * 9 + [False]),
        path_length=dice.choice([None] * 6 + [0, 1]),
        not_before=moment(begins),
        not_after=moment(ends),
    )


@pytest.mark.parametrize("seed", range(120))
def test_openssl_agrees_on_whatever_there_may_be(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    made: list[Made] = []
    for _number in range(dice.randint(1, 6)):
        made.append(any_authority(dice, made))
    leaf = person(dice.choice(made), "a@contoso.example")
    agree(leaf, dice.sample(made, dice.randint(1, len(made))), tmp_path)
