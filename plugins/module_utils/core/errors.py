# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a refusal becomes the failed result of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# More of a name nobody reads; the result has it in full beside the message.
LONGEST_NAME = 200


class Refused(Exception):
    """The collection will not do what was asked, although every service could be reached.

    Arguments:
        reason: what stands in the way, naming values rather than options where that helps.
        advice: what the administrator can do about it.
        cause: the error of a service behind it, whose facts are passed on.
    """

    def __init__(self, reason: str, advice: str = "", cause: Exception | None = None) -> None:
        super().__init__(f"{reason} {advice}".strip())
        # A refusal of our own has no status, no code and no request id of a service.
        self.facts: dict[str, Any] = getattr(cause, "facts", {"status": None, "code": None, "request_id": None})


def describe(names: Mapping[str, Any]) -> str:
    """Name an object as its options do: C(mailbox=info@contoso.example), on one line of a readable length."""
    return ", ".join(f"{name}={_readable(str(value))}" for name, value in names.items())


def _readable(text: str) -> str:
    shown = text if text.isprintable() else repr(text)[1:-1]
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 3] + "..."


def failure(names: Mapping[str, Any], error: Exception) -> dict[str, Any]:
    """The failed result of one object: its name, what was said and advised, and the facts for support."""
    label = describe(names)
    return {
        **names,
        "failed": True,
        "changed": False,
        "msg": f"{label}: {error}" if label else str(error),
        "error": getattr(error, "facts", {}),
    }
