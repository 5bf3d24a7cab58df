# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates of a whole company, held against a large set of authorities."""

from __future__ import annotations

import json

import smime_role
from smime_stage import OLD, Stage, element
from unit.domain.odd_certificates import Made, authority, chain, person

PEOPLE, CHAINS, STRANGERS = 400, 20, 5
# Five times what was measured (0.4 s) on two busy cores.
SECONDS = 2.0


def test_the_certificates_of_all_users(stage: Stage) -> None:
    chains = [chain(f"Root CA {number}", f"Issuing CA {number}") for number in range(CHAINS)]
    trusted: list[Made] = [one for made in chains for one in made]
    # One has the name of a CA that is trusted, and another key.
    namesake = authority("Issuing CA 7", issuer=authority("Root CA 7"))
    issuers = [namesake] * STRANGERS + [chains[number % CHAINS][1] for number in range(PEOPLE - STRANGERS)]
    folder = stage.folder / "users"
    folder.mkdir()
    for number, issuer in enumerate(issuers):
        (folder / f"{number:03}.pem").write_text(person(issuer, f"person{number}@contoso.example").pem)
    stage.hold(*(element(one.der) for one in trusted))
    result = stage.folder / "verdicts.json"
    smime_role.start(stage.connection(), [("smime_certificate_check", {"source": str(folder)})], result).join(60)
    (found,) = json.loads(result.read_text(encoding="utf-8"))
    verdicts = found["resource"]["certificates"]
    assert [one["trusted"] for one in verdicts] == [False] * STRANGERS + [True] * (PEOPLE - STRANGERS)
    assert len(found["resource"]["untrusted"]) == STRANGERS
    assert "person0@contoso.example" in found["resource"]["untrusted"][0]
    assert "Issuing CA 7" in found["resource"]["untrusted"][0]
    assert found["seconds"] < SECONDS


def test_what_is_trusted_is_kept_apart_within_a_task(stage: Stage) -> None:
    """No authority at all is another thing than those of the tenant, in whichever order they come."""
    stage.hold(*(element(stage.der(name)) for name in OLD))
    sources, result = ("mail/anna-old.eml", "users/anna-old.pem"), stage.folder / "verdicts.json"
    for entries in ([{"trust": []}, {}], [{}, {"trust": []}]):
        aggregate = [{"source": str(stage.made / name), **one} for name, one in zip(sources, entries, strict=True)]
        smime_role.start(stage.connection(), [("smime_certificate_check", {"aggregate": aggregate})], result).join(60)
        (found,) = json.loads(result.read_text(encoding="utf-8"))
        assert [one["resource"]["trusted"] for one in found["results"]] == ["trust" not in one for one in entries]
