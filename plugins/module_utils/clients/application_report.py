# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applications with what they sign in with and how long that lasts, what they were granted, and who may use them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..domain.app_secrets import days_left, moment, written
from .applications import Services, find_application, find_principal
from .assignments import assigned
from .consent import granted

State = dict[str, Any]
PROPERTIES = "id,appId,displayName,uniqueName,passwordCredentials,keyCredentials"
CREDENTIALS = {"secret": "passwordCredentials", "certificate": "keyCredentials"}


def report(services: Services, name: str | None, days: int | None) -> State | None:
    """All applications, or one; with C(days), those of which a credential ends within so many days or has ended.

    None when there is no application of that name.
    """
    if name is None:
        found = services.graph.list("/applications", select=PROPERTIES, top=999)
    else:
        one = find_application(services.graph, name, PROPERTIES)
        if one is None:
            return None
        found = [one]
    now = services.graph.now()
    states = [_state(application, now) for application in found]
    if days is not None:
        states = [state for state in states if any(one["days_left"] < days for one in state["credentials"])]
    if name is not None:
        states = [state | _further(services, state["client_id"]) for state in states]
    return {"applications": sorted(states, key=_soonest)}


def _state(application: Mapping[str, Any], now: datetime) -> State:
    return {
        "id": application["id"],
        "client_id": application["appId"],
        "unique_name": application.get("uniqueName"),
        "display_name": application["displayName"],
        "credentials": sorted(_credentials(application, now), key=lambda one: str(one["ends"])),
    }


def _credentials(application: Mapping[str, Any], now: datetime) -> list[State]:
    return [
        {
            "kind": kind,
            "key_id": one["keyId"],
            "name": one.get("displayName"),
            "starts": written(moment(one["startDateTime"])),
            "ends": written(moment(one["endDateTime"])),
            "days_left": days_left(moment(one["endDateTime"]), now),
        }
        for kind, wire in CREDENTIALS.items()
        for one in application.get(wire) or ()
    ]


def _soonest(state: State) -> tuple[bool, str, str]:
    ends = [one["ends"] for one in state["credentials"]]
    return not ends, min(ends, default=""), state["display_name"]


def _further(services: Services, client_id: str) -> State:
    """Consent and assignments; null for an application without an enterprise application."""
    if find_principal(services.graph, client_id) is None:
        return {"consent": None, "assignments": None}
    return {
        "consent": granted(services, client_id, {}),
        "assignments": assigned(services, {"application": client_id, "role": None}),
    }
