# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module of this name, inside the controller; see plugin_utils/in_controller.py.

The module is imported here, in Ansible's parent process: collections have no compiled files, so every task's worker
would compile it anew.
"""

from __future__ import annotations

from ..modules import smime_trust
from ..plugin_utils.in_controller import ActionModule

__all__ = ["ActionModule", "smime_trust"]
