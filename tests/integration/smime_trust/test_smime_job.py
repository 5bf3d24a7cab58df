# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job as a user runs it: planned, done, done again, and what stops it before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smime_stage import NEW, OLD, PARTNER, Stage, element, names_of
from unit.domain.odd_certificates import authority, moment, person

EVERYTHING = (*OLD, *NEW, *PARTNER)


def test_planned_done_and_done_again(stage: Stage) -> None:
    stage.lay_out("ca", *OLD, *PARTNER)
    stage.lay_out("samples", "mail/anna-old.eml", "mail/eva.eml", "users/eva.pem")
    planned = stage.play("--check", "--diff")
    assert (planned.code, planned.changed()) == (0, 1), planned.output
    assert stage.writes() == []
    assert stage.names() == []
    done = stage.play("--diff")
    assert (done.code, done.changed()) == (0, 1), done.output
    assert stage.writes() == ["Set-SmimeConfig"]
    assert done.diff() == planned.diff() != ""
    assert stage.names() == names_of(*OLD, *PARTNER)
    assert stage.believes("mail/anna-old.eml")
    assert stage.believes("mail/eva.eml")
    assert not stage.believes("mail/anna-new.eml")
    again = stage.play("--diff")
    assert (again.code, again.changed()) == (0, 0), again.output
    assert (stage.writes(), again.diff()) == ([], "")


def test_the_authorities_of_a_company_are_renewed(stage: Stage) -> None:
    stage.lay_out("ca", *OLD, *PARTNER)
    stage.lay_out("samples", "mail/anna-old.eml", "mail/eva.eml")
    stage.hold(*(element(stage.der(name)) for name in (*OLD, *PARTNER)))
    assert stage.believes("mail/anna-old.eml")
    assert not stage.believes("mail/anna-new.eml")
    stage.lay_out("ca", *NEW)
    stage.lay_out("samples", "mail/anna-new.eml")
    assert stage.play().code == 0
    assert stage.names() == names_of(*EVERYTHING)
    assert stage.believes("mail/anna-old.eml")
    assert stage.believes("mail/anna-new.eml")
    # Too early: somebody still signs with the old certificate.
    stage.take_away("ca", *OLD)
    stage.writes()
    refused = stage.play()
    assert refused.code == 2
    assert "anna.schaefer@contoso.example" in refused.said()
    assert "mail-anna-old.eml" in refused.said()
    assert "CN=Contoso Issuing CA 2021,O=Contoso Maschinenbau GmbH,C=DE is missing" in refused.said()
    assert "Nothing was changed." in refused.said()
    assert "eva.lindner" not in refused.said()
    assert stage.writes() == []
    assert stage.names() == names_of(*EVERYTHING)
    # Everybody has a new one.
    stage.take_away("samples", "mail/anna-old.eml")
    done = stage.play()
    assert done.code == 0, done.output
    assert stage.names() == names_of(*NEW, *PARTNER)
    assert not stage.believes("mail/anna-old.eml")
    assert stage.believes("mail/anna-new.eml")
    assert stage.believes("mail/eva.eml")


def test_authorities_that_have_ended(stage: Stage) -> None:
    """They are still among the files, and in the tenant, when their time is over."""
    stage.lay_out("ca", *EVERYTHING)
    stage.lay_out("samples", "mail/anna-new.eml")
    stage.hold(*(element(stage.der(name)) for name in EVERYTHING))
    stage.control("clock", {"advance": 41 * 86400})
    # Nothing is to be changed, so nothing speaks against it; what has ended is named.
    idle = stage.play(smime_trust_settings={})
    assert (idle.code, idle.changed(), stage.writes()) == (0, 0, []), idle.output
    assert "CN=Contoso Root CA 2021,O=Contoso Maschinenbau GmbH,C=DE ended on " in idle.output
    assert " ends on " not in idle.output
    stage.take_away("ca", *PARTNER)
    refused = stage.play()
    assert refused.code == 2
    assert "CN=Contoso Root CA 2021" in refused.said()
    assert str(stage.folder / "ca" / "old-root.pem") in refused.said()
    assert "give expired=leave_out" in refused.said()
    assert stage.writes() == []
    stage.lay_out("ca", *PARTNER)
    done = stage.play(smime_trust_expired="leave_out")
    assert done.code == 0, done.output
    assert "old-root.pem: CN=Contoso Root CA 2021" in done.output.replace("\n", " ")
    assert stage.names() == names_of(*NEW, *PARTNER)
    assert stage.believes("mail/anna-new.eml")
    stage.writes()
    assert stage.play(smime_trust_expired="leave_out").changed() == 0
    assert stage.writes() == []


Variables = dict[str, Any]


def unreadable(stage: Stage, folder: Path) -> Variables:
    """A file that is cut off."""
    (folder / "half.pem").write_bytes((stage.made / "old/root.pem").read_bytes()[:300])
    return {"smime_trust_samples": [str(stage.made / "mail/anna-old.eml")]}


def without_intermediate(stage: Stage, folder: Path) -> Variables:
    """The one above it is there; the one that issued to the sample is not."""
    stage.lay_out(str(folder), "new/root.pem")
    return {"smime_trust_samples": [str(stage.made / "mail/anna-new.eml")]}


def without_root(stage: Stage, folder: Path) -> Variables:
    """An intermediate alone."""
    stage.lay_out(str(folder), "new/issuing.pem")
    return {}


def a_user(stage: Stage, folder: Path) -> Variables:
    """Somebody has put a user's certificate among them."""
    stage.lay_out(str(folder), "users/eva.pem")
    return {}


def ended(stage: Stage, folder: Path) -> Variables:
    """The time of an authority is over."""
    (folder / "ended.pem").write_text(authority("Fabrikam Root CA", not_after=moment(-1)).pem)
    return {}


def ended_and_needed(stage: Stage, folder: Path) -> Variables:
    """The same, and it is to be left out, but somebody's certificate comes from it."""
    old = authority("Fabrikam Root CA", not_after=moment(-1))
    (folder / "ended.pem").write_text(old.pem)
    stage.lay_out(str(folder), "new/root.pem")
    sample = folder.with_suffix(".sample.pem")
    sample.write_text(person(old, "ines@fabrikam.example").pem)
    return {"smime_trust_samples": [str(sample)], "smime_trust_expired": "leave_out"}


def no_file(stage: Stage, folder: Path) -> Variables:
    """The folder is empty but for a note."""
    (folder / "README.md").write_text("later")
    return {}


def no_folder(stage: Stage, folder: Path) -> Variables:
    """A typing error."""
    folder.rmdir()
    return {}


BAD = {
    unreadable: ["{folder}/half.pem: it is damaged"],
    without_intermediate: [
        "anna.schaefer@contoso.example ({made}/mail/anna-new.eml) is not trusted: ",
        "CN=Contoso Issuing CA 2026,O=Contoso Maschinenbau GmbH,C=DE is missing",
        "Nothing was changed.",
    ],
    without_root: ["{folder}/new-issuing.pem", "CN=Contoso Root CA 2026", "is missing", "Add the missing certificate"],
    a_user: [
        "{folder}/users-eva.pem",
        "Eva Lindner",
        "is no certificate of an authority",
        "Exchange needs those of the",
    ],
    ended: ["{folder}/ended.pem", "Fabrikam Root CA", "ended on ", "Take it out, or give expired=leave_out."],
    ended_and_needed: ["ines@fabrikam.example ({folder}.sample.pem) is not trusted: ", "Nothing was changed."],
    no_file: ["{folder}: there is no file in it that ends in .pem"],
    no_folder: ["{folder}: No such file or directory"],
}


def test_bad_files_stop_it_before_anything_is_written(stage: Stage) -> None:
    """One host for each, in one play; each names the file and what to do."""
    hosts = {}
    for spoil in BAD:
        folder = stage.folder / "bad" / spoil.__name__
        folder.mkdir(parents=True)
        own = {"smime_trust_certificates": [str(folder)], **spoil(stage, folder)}
        hosts[spoil.__name__] = stage.variables(**own)
    played = stage.play(hosts=hosts)
    assert played.code == 2
    assert stage.writes() == []
    for spoil, parts in BAD.items():
        said = played.said(spoil.__name__)
        for part in parts:
            assert part.format(folder=stage.folder / "bad" / spoil.__name__, made=stage.made) in said, said
