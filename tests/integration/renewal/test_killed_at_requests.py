# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook, ended by SIGKILL at each request: before a service sees it, and after it was carried out."""

from __future__ import annotations

import pytest
from renewal_kills import kill_at_each
from renewal_stage import Stage

# Each share is a test of its own, so that two workers can divide the work.
SHARES = [
    *(("empty", (share, 6)) for share in range(6)),
    *(("due", (share, 6)) for share in range(6)),
    ("over", (0, 1)),
]


@pytest.mark.parametrize(("scene", "share"), SHARES)
def test_killed_at_any_request(scene: str, share: tuple[int, int], stage: Stage) -> None:
    # The run after is the playbook's steps, which are proved to be the same (test_renewal_driver.py).
    kill_at_each(stage, scene, "requests", "playbook", share, least=8 if scene == "over" else 40, again="role")
