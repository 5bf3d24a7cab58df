# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of all sinks use."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients import sink_common
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Record, Stored

APPLICATION = "22222222-2222-4333-8444-555555555555"


def secret(number: int, **changes: Any) -> Stored:
    """A client secret; its value has the signs that Entra uses."""
    parts: dict[str, Any] = {
        "value": f"{number}_8Q~value.of-secret_{number}~",
        "key_id": f"00000000-0000-4000-8000-{number:012}",
        "application": APPLICATION,
        "made": "2026-11-22T10:00:00Z",
        "ends": "2027-05-21T10:00:00Z",
    }
    return Stored(**{**parts, **changes})


OLD, NEW = secret(1), secret(2)
VALUES = (str(OLD.value), str(NEW.value))


def shows_a_secret(error: BaseException) -> bool:
    """Whether an exception would show a value: in its text, its parts, or what a traceback prints of its causes."""
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + str(error)
    return any(value in text for value in VALUES)


@pytest.fixture(autouse=True)
def locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory for locks that is not the one of whoever runs the tests."""
    directory = tmp_path / "locks"
    monkeypatch.setattr(sink_common, "lock_directory", lambda: str(directory))
    return directory


def both() -> Record:
    """The old secret in use, and the new one waiting."""
    return Record(OLD, NEW)
