# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a client secret may live, and whether there may be one, by the tenant's app management policies.

Shapes follow Microsoft Graph v1.0, "tenantAppManagementPolicy" and "passwordCredentialConfiguration".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_DURATION = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)(?:\.\d+)?S)?)?"
)
_DAYS = {"years": 365, "months": 30}


@dataclass(frozen=True)
class Limit:
    """What the policies say: whether a secret may be made, and how long it may live at most (None: no limit)."""

    allowed: bool = True
    longest: timedelta | None = None


def duration(text: str) -> timedelta:
    """An ISO 8601 duration such as C(P180D). Raises ValueError where it is none."""
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()):
        raise ValueError(f"{text!r} is no duration such as P180D")
    parts = {name: int(value) for name, value in found.groupdict().items() if value}
    days = sum(parts.pop(name, 0) * length for name, length in _DAYS.items())
    return timedelta(**parts) + timedelta(days=days)


# For each kind of credential: where a policy has its rules, and what the two that matter are called.
RULES = {
    "client_secret": ("passwordCredentials", "passwordAddition", "passwordLifetime"),
    "certificate": ("keyCredentials", "", "asymmetricKeyLifetime"),
}


def limit(
    kind: str,
    default: Mapping[str, Any] | None,
    own: Iterable[Mapping[str, Any]],
    created: datetime,
    moment: Callable[[str], datetime],
) -> Limit:
    """What holds for an application.

    Arguments:
        kind: C(client_secret) or C(certificate).
        default: the tenant's C(defaultAppManagementPolicy).
        own: the policies that are assigned to the application; they take the place of the default, kind by kind.
        created: when the application was made; some restrictions hold for newer ones only.
        moment: reads a time as Graph writes it.
    """
    place, addition, lifetime = RULES[kind]
    rules: dict[str, Mapping[str, Any]] = {}
    if default and default.get("isEnabled"):
        rules |= _rules(default.get("applicationRestrictions"), place)
    for policy in own:
        if policy.get("isEnabled"):
            rules |= _rules(policy.get("restrictions"), place)
    held = {kind: rule for kind, rule in rules.items() if _holds(rule, created, moment)}
    longest = held.get(lifetime, {}).get("maxLifetime")
    return Limit(addition not in held, duration(longest) if longest else None)


def _rules(restrictions: Mapping[str, Any] | None, place: str) -> dict[str, Mapping[str, Any]]:
    return {str(rule["restrictionType"]): rule for rule in (restrictions or {}).get(place) or ()}


def _holds(rule: Mapping[str, Any], created: datetime, moment: Any) -> bool:
    since = rule.get("restrictForAppsCreatedAfterDateTime")
    return rule.get("state", "enabled") == "enabled" and (not since or created >= moment(since))
