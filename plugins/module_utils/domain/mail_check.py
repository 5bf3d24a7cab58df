# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A check of mail sign-ins: which options make sense together, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import addresses

State = dict[str, Any]


def checked_address(text: str) -> str:
    """A mail address.

    Raises:
        ValueError: its text says what is wrong with it.
    """
    found = addresses.parse(text)
    if found.kind.upper() != "SMTP" or found.prefix:
        raise ValueError(f"{text!r} has a type before it; write the bare mail address")
    return text


def complete(want: Mapping[str, Any]) -> State:
    """The options with the sender.

    Raises:
        ValueError: they contradict each other.
    """
    if not want["protocols"]:
        raise ValueError("protocols: it is empty, so there is nothing to check")
    if want["send_to"] is not None and "smtp" not in want["protocols"]:
        raise ValueError("send_to: a message is sent by SMTP, which protocols does not name")
    return {**want, "sender": want["sender"] or want["mailbox"]}


def state_of(want: Mapping[str, Any], visits: Mapping[str, Mapping[str, Any]], key_id: str | None) -> State:
    """What came out. No message was sent yet: one that was sent by an earlier run proves nothing now.

    Arguments:
        want: the completed options.
        visits: for each protocol the C(server) that was signed in to and the C(application) that did it.
        key_id: the id of the client secret, where a sink says it.
    """
    return {
        "mailbox": want["mailbox"],
        "application": next((visit["application"] for visit in visits.values()), None),
        "key_id": key_id,
        "signed_in": {protocol: visit["server"] for protocol, visit in visits.items()},
        "sender": want["sender"],
        "send_to": None,
    }
