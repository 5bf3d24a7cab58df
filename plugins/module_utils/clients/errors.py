# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way in which every client of a service says that something went wrong."""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """What a service, a network or a configuration refused, in words for the administrator.

    Arguments:
        said: what the service said, in its own words, or what happened on the way to it.
        meaning: what that means, where it is not obvious.
        advice: what to do about it.
        status: HTTP status or LDAP result code.
        code: the service's own error code, for example C(Request_BadRequest) or C(noSuchObject).
        request_id: what the service's support asks for.
        ambiguous: a write was sent and nobody knows whether it happened.
    """

    def __init__(
        self,
        said: str,
        *,
        meaning: str = "",
        advice: str = "",
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        ambiguous: bool = False,
    ) -> None:
        super().__init__(said)
        self.said = said
        self.meaning = meaning
        self.advice = advice
        self.status = status
        self.code = code
        self.request_id = request_id
        self.ambiguous = ambiguous

    def __str__(self) -> str:
        return " ".join(part for part in (self.said, self.meaning, self.advice) if part)

    @property
    def facts(self) -> dict[str, Any]:
        """Status, code and request id, for the C(error) key of a result."""
        return {"status": self.status, "code": self.code, "request_id": self.request_id}


class WriteRefused(Exception):
    """A write was tried over a connection that may only read. That is a bug of ours, never the user's doing."""
