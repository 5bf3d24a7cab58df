# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates of public authorities that are on this machine: more than a hundred, from a quarter of a century."""

from __future__ import annotations

import re
import ssl
from functools import cache
from pathlib import Path

import certifi

DEBIAN = Path("/usr/share/ca-certificates/mozilla")
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@cache
def public_authorities() -> tuple[bytes, ...]:
    """Each once (DER): those of certifi, which requests brings everywhere, and those of Debian where they are."""
    files = [Path(certifi.where()), *sorted(DEBIAN.glob("*.crt"))]
    blocks = (block for file in files for block in _BLOCK.findall(file.read_text(encoding="utf-8")))
    return tuple(dict.fromkeys(ssl.PEM_cert_to_DER_cert(block) for block in blocks))
