# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The secrets of an application as M(m365.hybrid.entra_app_secret) returns them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import app_secrets as life
from .app_secrets import Credential, Facts, Terms
from .secret_record import Record

State = dict[str, Any]


def nothing(sink: str) -> State:
    """The state for an application that is not there yet. C(sink): the sink in words."""
    known: State = dict.fromkeys(
        ("id", "client_id", "display_name", "key_id", "ends", "days_left", "delivered", "waiting_key_id", "next")
    )
    pending = [life.MAKE, life.PROVE, life.USE]
    return {**known, "sink": sink, "pending": pending, "attention": [], "secrets": []}


def state_of(sink: str, application: Mapping[str, Any], facts: Facts, terms: Terms) -> State | None:
    """The state of a line of secrets; None where it is to be absent, and is.

    Arguments:
        sink: the sink in words.
        application: as Graph gives it.
    """
    if terms.absent and not life.ours(terms, facts.credentials) and facts.record == Record():
        return None
    held, waiting = life.current(facts), life.waiting(facts)
    return {
        "id": application["id"],
        "client_id": application["appId"],
        "display_name": application["displayName"],
        "sink": sink,
        "key_id": held and held.key_id,
        "ends": held and held.ends,
        "days_left": life.days_left(life.moment(held.ends), facts.now) if held else None,
        "delivered": held and held.delivered,
        "waiting_key_id": waiting and waiting.key_id,
        "pending": life.steps(facts, terms),
        "next": life.next_event(facts, terms),
        "attention": life.attention(facts, terms),
        "secrets": [_shown(one, facts, terms) for one in facts.credentials],
    }


def _shown(one: Credential, facts: Facts, terms: Terms) -> State:
    held = life.current(facts)
    return {
        "key_id": one.key_id,
        "name": one.name,
        "starts": life.written(one.start),
        "ends": life.written(one.end),
        "days_left": life.days_left(one.end, facts.now),
        "in_use": held is not None and held.key_id == one.key_id,
        "ours": one in life.ours(terms, facts.credentials),
    }
