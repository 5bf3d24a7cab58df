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
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from odd_certificates import (
    Made,
    authority,
    chain,
    cross_signed,
    every_odd_kind,
    moment,
    person,
    self_signed_person,
)

from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificates import Certificate, opaque
from ansible_collections.m365.hybrid.plugins.module_utils.domain.user_certificates import addresses, usage
from ansible_collections.m365.hybrid.plugins.module_utils.domain.verification import Verdict, judge, trust

ODD = every_odd_kind()
NOW = moment(0.5)
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


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


def below_root(name: str, *extensions: tuple[x509.ExtensionType, bool]) -> Made:
    """An authority with further extensions."""
    return authority(name, issuer=ROOT, extensions=extensions)


def only(*names: str) -> tuple[x509.ExtensionType, bool]:
    """Constraints to addresses, hosts and domains."""
    return x509.NameConstraints([x509.RFC822Name(name) for name in names], None), True


def but(*names: str) -> tuple[x509.ExtensionType, bool]:
    """Constraints that leave out addresses, hosts and domains."""
    return x509.NameConstraints(None, [x509.RFC822Name(name) for name in names]), True


def named(address: str) -> x509.Name:
    """The name of a person with an address in it, as of old."""
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "Anna"), x509.NameAttribute(NameOID.EMAIL_ADDRESS, address)]
    )


POLICIES = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.999.3"), None)])
MAIL = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
SERVERS = below_root("Contoso Server CA", (SERVER, False))
MAILS = below_root("Contoso Mail CA", (MAIL, False))
SERVER_ROOT = authority("Contoso Server Root CA", extensions=[(SERVER, False)])
CONTOSO = below_root("Contoso Constrained CA", only("contoso.example"))
DOMAINS = below_root("Contoso Domains CA", only(".contoso.example"))
ONE = below_root("Contoso Single CA", only("a@Contoso.example"))
OTHERS = below_root("Contoso Others CA", but("contoso.example", "b@fabrikam.example"))
BOUND_ROOT = authority("Contoso Bound Root CA", extensions=[only("contoso.example")])
ALONE = self_signed_person("a@contoso.example")
SECOND_KEY = authority("Contoso Root CA", issuer=ROOT, path_length=0)
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
        person(ISSUING, "a@contoso.example", purpose=ExtendedKeyUsageOID.SERVER_AUTH),
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
        "a CN=Contoso Root CA,O=Contoso is there, but with another key",
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
    "MD5": (person(ODD["MD5"], "a@b.example", hash="md5"), [ODD["MD5"]], None, "signed with MD5)"),
    "MD5 without a root": (
        person(authority("Contoso MD5 CA", key=ODD["MD5"].key, hash="md5", issuer=ROOT), "a@b.example", hash="md5"),
        [authority("Contoso MD5 CA", key=ODD["MD5"].key, hash="md5", issuer=ODD["SHA-1"])],
        False,
        "whether it has signed CN=a@b.example,O=Contoso cannot be checked here",
    ),
    "alone": (ALONE, [ROOT], False, "it has signed itself, and is not among what is trusted"),
    "alone and trusted": (ALONE, [ROOT, ALONE], True, ""),
    "authority for servers": (person(SERVERS, "a@b.example"), [ROOT, SERVERS], False, "CA,O=Contoso is not for e-mail"),
    "root for servers": (person(SERVER_ROOT, "a@b.example"), [SERVER_ROOT], False, "is not for e-mail"),
    "authority for mail": (person(MAILS, "a@b.example"), [ROOT, MAILS], True, ""),
    "within its constraints": (person(CONTOSO, "a@CONTOSO.example"), [ROOT, CONTOSO], True, ""),
    "outside of its constraints": (
        person(CONTOSO, "a@mail.contoso.example"),
        [ROOT, CONTOSO],
        False,
        "may not vouch for a@mail.contoso.example: its name constraints say so",
    ),
    "within a domain": (person(DOMAINS, "a@mail.contoso.example"), [ROOT, DOMAINS], True, ""),
    "outside of a domain": (person(DOMAINS, "a@contoso.example"), [ROOT, DOMAINS], False, "may not vouch for"),
    "the one address": (person(ONE, "a@contoso.example"), [ROOT, ONE], True, ""),
    "another address": (person(ONE, "A@contoso.example"), [ROOT, ONE], False, "may not vouch for"),
    "none of those left out": (person(OTHERS, "a@fabrikam.example"), [ROOT, OTHERS], True, ""),
    "one that is left out": (person(OTHERS, "b@fabrikam.example"), [ROOT, OTHERS], False, "may not vouch for"),
    "bound by the root": (person(BOUND_ROOT, "a@fabrikam.example"), [BOUND_ROOT], False, "may not vouch for"),
    "address in the subject": (
        person(CONTOSO, "", subject=named("a@fabrikam.example")),
        [ROOT, CONTOSO],
        False,
        "may not vouch for a@fabrikam.example",
    ),
    "right address in the subject": (
        person(CONTOSO, "", subject=named("a@contoso.example")),
        [ROOT, CONTOSO],
        True,
        "",
    ),
    "critical policies": (
        person(ISSUING, "a@b.example", extensions=[(POLICIES, True)]),
        [ROOT, ISSUING],
        None,
        "the library does not verify it: invalid extension: 2.5.29.32",
    ),
    "salt of another size": (
        person(ODD["root"], "a@b.example", pss=20),
        [ODD["root"]],
        None,
        "the library does not verify it: Forbidden signature algorithm",
    ),
    "second key of the root": (
        person(authority("Contoso Root CA", key=SECOND_KEY.key, issuer=SECOND_KEY), "a@b.example"),
        [ROOT, SECOND_KEY],
        True,
        "",
    ),
    "key that makes no signatures": (
        person(authority("Contoso Root CA"), "a@b.example"),
        [authority("Contoso Root CA", key=x25519.X25519PrivateKey.generate(), issuer=OTHER)],
        False,
        "but with another key",
    ),
}


@pytest.mark.parametrize("name", MADE_FOR)
def test_openssl_agrees(name: str, tmp_path: Path) -> None:
    leaf, trusted, expected, reason = MADE_FOR[name]
    verdict = agree(leaf, trusted, tmp_path)
    assert verdict.trusted is expected
    assert (verdict.reason == "") is (expected is True)
    assert reason in verdict.reason


UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.7"), b"\x05\x00"), True)
COMPANY = [x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fabrikam")]))]
STRANGE = below_root("Contoso Strange CA", UNKNOWN)
COMPANIES = below_root("Contoso Companies CA", (x509.NameConstraints(COMPANY, None), True))
LOOSE = below_root("Contoso Loose CA", (x509.NameConstraints(COMPANY, None), False))
ENDED_TWIN = authority("Contoso Ended CA", key=ENDED.key, issuer=OTHER, path_length=0)


@pytest.mark.parametrize("issuer", [STRANGE, COMPANIES, LOOSE])
def test_what_the_library_does_not_know_is_not_known_here(issuer: Made, tmp_path: Path) -> None:
    # OpenSSL applies constraints of other kinds, and it refuses extensions that it does not know. Windows knows others.
    leaf = person(issuer, "a@contoso.example")
    assert ours(leaf, [ROOT, issuer]).trusted is None
    assert not theirs(leaf, [ROOT, issuer], tmp_path)


def test_the_better_one_of_two_ways_is_taken(tmp_path: Path) -> None:
    # OpenSSL takes the first one that it is given, and does not come back.
    good = authority("Contoso Server CA", key=SERVERS.key, issuer=ROOT)
    leaf = person(SERVERS, "a@contoso.example")
    for trusted in ([ROOT, SERVERS, good], [ROOT, good, SERVERS]):
        assert agree(leaf, trusted, tmp_path).trusted
    late = person(ENDED, "a@contoso.example")
    assert agree(late, [ROOT, ENDED, OTHER, ENDED_TWIN], tmp_path).trusted


def test_a_root_of_the_first_version_may_be_trusted_by_others(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[req]\ndistinguished_name=name\n[name]\n")
    for command in (
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out request -config config -subj /CN=Old",
        "x509 -req -in request -signkey key -days 9 -out root",
    ):
        subprocess.run(["openssl", *command.split(" ")], cwd=tmp_path, capture_output=True, check=True)
    key = serialization.load_pem_private_key((tmp_path / "key").read_bytes(), None)
    read_back = x509.load_pem_x509_certificate((tmp_path / "root").read_bytes())
    assert read_back.version is x509.Version.v1
    root = Made(read_back.public_bytes(serialization.Encoding.DER), key)
    verdict = agree(person(root, "a@contoso.example"), [root], tmp_path, moment(2))
    assert (verdict.trusted, len(verdict.chain)) == (None, 2)


def test_too_many_of_one_name_are_not_known(tmp_path: Path) -> None:
    # The library counts the signatures that it checks, and gives up in a line of 40 keys of one name. What it says differs
    # with its version.
    line = [authority("Contoso Root CA", key="ec")]
    for _number in range(40):
        line.append(authority("Contoso Root CA", issuer=line[-1]))
    verdict = ours(person(line[-1], "a@contoso.example"), line)
    assert verdict.trusted is None
    assert "the library does not verify it" in verdict.reason
    assert len(verdict.chain) == 42


def test_addresses_are_read_wherever_they_stand() -> None:
    mailbox = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9")
    text = "änne@contoso.example".encode()
    names: list[x509.GeneralName] = [
        x509.OtherName(mailbox, b"\x0c" + bytes([len(text)]) + text),
        x509.OtherName(mailbox, b"\x04\x01x"),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01x"),
        x509.DNSName("contoso.example"),
        x509.RFC822Name("anna@contoso.example"),
    ]
    extensions = [(x509.SubjectAlternativeName(names), False)]
    leaf = person(ISSUING, "", subject=named("a@contoso.example"), extensions=extensions)
    assert addresses(opaque(leaf.der)) == ["änne@contoso.example", "anna@contoso.example", "a@contoso.example"]
    assert usage(opaque(leaf.der)) == ["signing"]
    assert ours(leaf, [ROOT, ISSUING]).trusted


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
        extensions=dice.choice(
            [()] * 12 + [[only("contoso.example")], [but("contoso.example")], [(SERVER, False)], [(MAIL, False)]]
        ),
    )


@pytest.mark.parametrize("seed", range(120))
def test_openssl_agrees_on_whatever_there_may_be(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    made: list[Made] = []
    for _number in range(dice.randint(1, 6)):
        made.append(any_authority(dice, made))
    leaf = person(dice.choice(made), "a@contoso.example")
    agree(leaf, dice.sample(made, dice.randint(1, len(made))), tmp_path)
