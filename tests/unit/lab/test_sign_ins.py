# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of an application's secrets, and the sign-ins that it is made of."""

from __future__ import annotations

from pathlib import Path

from lab import sign_ins

APPLICATION = {
    "credentials": [
        {"key_id": "22222222-b", "start": "2027-05-01T00:00:00", "end": "2027-10-28T00:00:00", "certificate": None},
        {"key_id": "33333333-c", "start": "2026-01-01T00:00:00", "end": "2027-01-01T00:00:00", "certificate": "x"},
        {"key_id": "44444444-d", "start": "2026-01-01T00:00:00", "end": "2027-01-01T00:00:00", "certificate": None},
    ]
}


def test_every_secret_that_the_file_has_held_is_remembered(tmp_path: Path) -> None:
    file, memory = tmp_path / "secret.yml", tmp_path / "seen.json"
    for key_id, value in (("11111111-a", "one"), ("22222222-b", "two"), ("11111111-a", "one")):
        file.write_text(f"client_secret: {value}\nclient_secret_key_id: {key_id}\n", encoding="utf-8")
        known = sign_ins.seen(file, memory)
    assert list(known.items()) == [("22222222-b", "two"), ("11111111-a", "one")], "the last one is there now"
    assert memory.stat().st_mode & 0o777 == 0o600


def test_a_removed_an_unknown_and_the_present_secret_are_told_apart() -> None:
    known = {"11111111-a": "one", "22222222-b": "two"}
    shown = sign_ins.table(APPLICATION, known, {"11111111-a": False, "22222222-b": True}, ascii_only=True)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines() if line.startswith("| ")]
    assert rows[1:] == [
        ["11111111", "removed", "-", "no", "no"],
        ["22222222", "2027-05-01", "2027-10-28", "yes", "yes"],
        ["44444444", "2026-01-01", "2027-01-01", "no", "unknown"],
    ]


def test_only_the_applications_own_messages_are_shown() -> None:
    sent = {
        "time": "2026-11-22T10:00:00",
        "sender": "a@contoso.example",
        "recipients": ["b@x.example"],
        "key_id": "11111111-a",
    }
    shown = sign_ins.messages([{**sent, "app_id": "1"}, {**sent, "app_id": "2"}], "1", ascii_only=True)
    assert shown.count("a@contoso.example") == 1
    assert "11111111" in shown
