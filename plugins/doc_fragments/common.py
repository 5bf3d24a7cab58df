# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that every module has, and what every module can."""

from __future__ import annotations


class ModuleDocFragment:
    """Many objects in one task, and waiting for a change to be seen."""

    DOCUMENTATION = r"""
options:
  concurrency:
    description:
      - How many objects of O(aggregate) are worked on at the same time, and how many requests a service gets at once.
      - A service that throttles gets fewer for a while.
    type: int
    default: 4
attributes:
  check_mode:
    description: Says what would change, and changes nothing. The connections themselves then refuse every write.
    support: full
  diff_mode:
    description: Shows what changes, before and after. Secrets are masked.
    support: full
author:
  - m365.hybrid contributors (@m365-hybrid)
"""

    # For modules that change something.
    WAITING = r"""
options:
  wait_timeout:
    description:
      - Seconds to wait until a change is seen where a service shows it only after a while.
    type: float
    default: 300.0
attributes:
  idempotent:
    description: Run again with the same options, it changes nothing.
    support: full
"""

    # For modules that only look.
    INFO = r"""
attributes:
  idempotent:
    description: It only reads.
    support: full
"""

    CLOUD_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/m365.hybrid.cloud) in C(module_defaults) to set how to sign in once for a play.
    support: full
    membership:
      - m365.hybrid.cloud
"""

    DIRECTORY_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/m365.hybrid.directory) in C(module_defaults) to set how to sign in once for a play.
    support: full
    membership:
      - m365.hybrid.directory
"""

    BOTH_GROUPS = r"""
attributes:
  action_group:
    description:
      - Use C(group/m365.hybrid.cloud) and C(group/m365.hybrid.directory) in C(module_defaults) to set how to sign in
        once for a play.
    support: full
    membership:
      - m365.hybrid.cloud
      - m365.hybrid.directory
"""
