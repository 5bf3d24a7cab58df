# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages of a long answer. A next link is used by POST with the same body and the same anchor, and only for a while.

Switch of the tenant: C(exchange_page_seconds) (default 1800, by the tenant's clock): how long a link lives.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..state import Tenant
from . import errors
from .command import Outcome

MOST = 1000
_LIFETIME = 1800.0


@dataclass(frozen=True)
class Page:
    """What is still to come behind a link."""

    outcome: Outcome
    offset: int
    anchor: str | None
    body: bytes
    expires: float


def keep(tenant: Tenant, outcome: Outcome, offset: int, anchor: str | None, body: bytes) -> str:
    """Remember the rest of an answer; gives the skip token."""
    pages = _pages(tenant)
    now = tenant.clock.timestamp()
    for token in [token for token, page in pages.items() if page.expires <= now]:
        del pages[token]
    token = f"{tenant.random.getrandbits(96):024x}"
    lifetime = float(tenant.switches.get("exchange_page_seconds", _LIFETIME))
    pages[token] = Page(outcome, offset, anchor, body, now + lifetime)
    return token


def resume(tenant: Tenant, token: str, anchor: str | None, body: bytes) -> Page:
    """The rest behind a skip token. Raises CmdletError: unknown, expired, another body, another anchor or none."""
    page = _pages(tenant).get(token)
    if page is None or page.expires <= tenant.clock.timestamp() or page.body != body:
        raise errors.expired_page()
    if anchor is None or page.anchor != anchor:
        raise errors.expired_page()
    return page


def _pages(tenant: Tenant) -> dict[str, Page]:
    pages: dict[str, Page] = tenant.scratch.setdefault("exchange_pages", {})
    return pages
