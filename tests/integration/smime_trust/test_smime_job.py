# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job as a user runs it: planned, done, done again, and what stops it before anything is written."""

from __future__ import annotations

from pathlib import Path

from smime_stage import NEW, OLD, PARTNER, Stage, names_of

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
    assert stage.play().code == 0
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
    assert stage.play().code == 0
    stage.control("clock", {"advance": 41 * 86400})
    stage.writes()
    # Nothing is to be changed, so nothing speaks against it; what has ended is named.
    idle = stage.play()
    assert (idle.code, idle.changed(), stage.writes()) == (0, 0, []), idle.output
    assert "CN=Contoso Root CA 2021" in idle.output
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


def unreadable(stage: Stage, folder: Path) -> None:
    """A file that is cut off."""
    (folder / "half.pem").write_bytes((stage.made / "old/root.pem").read_bytes()[:300])


def without_intermediate(stage: Stage, folder: Path) -> None:
    """The one above it is there; the one that issued to the sample is not."""
    stage.lay_out(str(folder), "new/root.pem")


def without_root(stage: Stage, folder: Path) -> None:
    """An intermediate alone."""
    stage.lay_out(str(folder), "new/issuing.pem")


def a_user(stage: Stage, folder: Path) -> None:
    """Somebody has put a user's certificate among them."""
    stage.lay_out(str(folder), "users/eva.pem")


def no_file(stage: Stage, folder: Path) -> None:
    """The folder is empty but for a note."""
    (folder / "README.md").write_text("later")


def no_folder(stage: Stage, folder: Path) -> None:
    """A typing error."""
    folder.rmdir()


BAD = {
    unreadable: ["{folder}/half.pem: "],
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
    no_file: ["{folder}: there is no file in it that ends in .pem"],
    no_folder: ["{folder}: No such file or directory"],
}
SAMPLES = {without_intermediate: ["mail/anna-new.eml"], unreadable: ["mail/anna-old.eml"]}


def test_bad_files_stop_it_before_anything_is_written(stage: Stage) -> None:
    """One host for each, in one play; each names the file and what to do."""
    hosts = {}
    for spoil in BAD:
        folder = stage.folder / "bad" / spoil.__name__
        folder.mkdir(parents=True)
        spoil(stage, folder)
        samples = [str(stage.made / name) for name in SAMPLES.get(spoil, ())]
        more = {"smime_trust_certificates": [str(folder)], "smime_trust_samples": samples}
        hosts[spoil.__name__] = stage.variables(**more)
    ended = stage.play(hosts=hosts)
    assert ended.code == 2
    assert stage.writes() == []
    for spoil, parts in BAD.items():
        said = ended.said(spoil.__name__)
        for part in parts:
            assert part.format(folder=stage.folder / "bad" / spoil.__name__, made=stage.made) in said, said
