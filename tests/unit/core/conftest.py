# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every test of core gets a fresh shop and a clock that does not wait."""

from __future__ import annotations

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.core import execution
from ansible_collections.m365.hybrid.tests.unit.core import fake_part
from ansible_collections.m365.hybrid.tests.unit.core.fake_part import Client, FakeClock, Shop, small_shop


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The corner shop, with no client opened yet."""
    fresh = small_shop()
    monkeypatch.setattr(fake_part, "SHOPS", {"corner": fresh})
    monkeypatch.setattr(execution, "_opened", {})
    monkeypatch.setattr(Client, "opened", [])
    return fresh


@pytest.fixture
def clock() -> FakeClock:
    """A clock that counts the pauses."""
    return FakeClock()
