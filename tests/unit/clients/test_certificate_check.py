# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users' certificates in files, held against other files."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.domain.odd_certificates import Made, authority, moment, person

from ansible_collections.m365.hybrid.plugins.module_utils.clients import certificate_check, smime
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificates import opaque
from ansible_collections.m365.hybrid.plugins.module_utils.domain.smime_check import checked_moment, report

ROOT = authority("Contoso Root CA")
ANNA = person(ROOT, "anna@contoso.example")


class Task:
    """What the objects of one task share."""

    def __init__(self) -> None:
        self.exchange: Any = SimpleNamespace(warnings=[], http=SimpleNamespace(now=lambda: moment(0.5)))
        self.made: dict[Hashable, Any] = {}

    def once(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """Make a value once."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Check one file with a certificate, within one task, while the tenant trusts its authority."""
    monkeypatch.setattr(smime, "trusted", lambda _exchange: [opaque(ROOT.der)])
    task = Task()

    def looked(*held: Made, **options: Any) -> dict[str, Any]:
        (tmp_path / "users").mkdir(exist_ok=True)
        for number, one in enumerate(held or (ANNA,)):
            (tmp_path / "users" / f"{number}.pem").write_text(one.pem)
        want = {"source": str(tmp_path / "users"), "trust": None, "password": None, "at": None} | options
        return certificate_check.check(task, want) | {"warnings": task.exchange.warnings}

    return looked


def test_nothing_is_another_thing_than_what_the_tenant_trusts(look: Callable[..., dict[str, Any]]) -> None:
    assert look()["trusted"] is True
    assert look(trust=[])["trusted"] is False
    assert look(trust=[ROOT.pem])["trusted"] is True
    assert look()["trusted"] is True


def test_a_library_that_is_too_old_is_named(
    look: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("cryptography.x509.verification.ExtensionPolicy")
    with pytest.raises(ServiceError, match=r"is too old to verify certificates\. Install .* version 45"):
        look()


def test_a_file_without_a_user_is_named(look: Callable[..., dict[str, Any]]) -> None:
    found = look(ANNA, ROOT)
    assert len(found["certificates"]) == 1
    (warning,) = found["warnings"]
    assert warning.endswith("1.pem: there is no user's certificate in it, only those of authorities.")


def test_a_moment_is_shown_in_the_same_zone_as_all_others() -> None:
    assert (
        report("x", [], [], [], moment(0), checked_moment("2026-12-01T12:00:00+02:00"))["at"] == "2026-12-01T10:00:00Z"
    )
    assert report("x", [], [], [], moment(0), checked_moment("2026-12-01"))["at"] == "2026-12-01T00:00:00Z"


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-13-01", "", "now"])
def test_a_moment_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment"):
        checked_moment(text)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        checked_moment("2026-12-01T12:00:00")
