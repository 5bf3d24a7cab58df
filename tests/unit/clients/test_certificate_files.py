# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates from folders, and fingerprints as people copy them."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.domain.odd_certificates import authority

from ansible_collections.m365.hybrid.plugins.module_utils.clients import smime
from ansible_collections.m365.hybrid.plugins.module_utils.clients.certificate_files import found, shown_path
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError

ROOT = authority("Contoso Root CA")


def test_of_a_folder_only_its_own_files_of_certificates_are_read(tmp_path: Path) -> None:
    (tmp_path / "root.PEM").write_text(ROOT.pem)
    (tmp_path / "old.crt").mkdir()
    (tmp_path / "old.crt" / "other.pem").write_text(authority("Contoso Old CA").pem)
    (tmp_path / ".hidden.pem").write_text("nothing")
    (tmp_path / "README.md").write_text("nothing")
    assert [one.certificate.der for one in found([str(tmp_path)], None, [])] == [ROOT.der]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ServiceError, match="there is no file in it that ends in"):
        found([str(tmp_path / "empty")], None, [])


@pytest.mark.parametrize(
    "copied",
    ["\u200e5d003860f002ed829deaa41868f788186d62127f", "5D:00:38:60:F0:02:ED:82:9D:EA:A4:18:68:F7:88:18:6D:62:12:7F",
     "5d 00 38 60 f0 02 ed 82 9d ea a4 18 68 f7 88 18 6d 62 12 7f"],
)  # fmt: skip
def test_a_thumbprint_is_known_however_it_was_copied(copied: str) -> None:
    assert smime._apart([copied, "/srv/ca.pem"]) == (["/srv/ca.pem"], ["5D003860F002ED829DEAA41868F788186D62127F"])


def test_of_a_long_path_the_end_is_shown() -> None:
    assert shown_path("/srv/ca.pem") == "/srv/ca.pem"
    assert shown_path("/" + "a" * 5000 + "/ca.pem").endswith("aaa/ca.pem")
    assert len(shown_path("/" + "a" * 5000)) == 200
