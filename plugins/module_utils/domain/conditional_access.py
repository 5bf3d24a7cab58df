# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditional Access policies in the words of an administrator, and in Graph's.

Only the parts in L(PARTS), client apps, grant controls and the mode are ours; what else a policy has is kept as it is.
Source: the conditionalAccessPolicy resource of the Graph reference and its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

State = dict[str, Any]

# Option -> where it stands in the conditions, and what it names.
PARTS = {
    f"{way}_{noun}": ("users" if noun in ("users", "groups", "roles") else noun, f"{way}{noun.capitalize()}", noun)
    for way in ("include", "exclude")
    for noun in ("users", "groups", "roles", "applications", "locations")
}
# What a list may name beside single objects, as Graph writes it.
WORDS: dict[str, dict[str, str]] = {
    "users": {"all": "All", "none": "None", "guests": "GuestsOrExternalUsers"},
    "groups": {},
    "roles": {},
    "applications": {"all": "All", "none": "None", "office_365": "Office365", "admin_portals": "MicrosoftAdminPortals"},
    "locations": {"all": "All", "all_trusted": "AllTrusted"},
}
MODES = {"report_only": "enabledForReportingButNotEnforced", "enabled": "enabled", "disabled": "disabled"}
CLIENT_APPS = {
    "all": "all",
    "browser": "browser",
    "mobile_and_desktop": "mobileAppsAndDesktopClients",
    "exchange_active_sync": "exchangeActiveSync",
    "other": "other",
}
CONTROLS = {
    "block": "block",
    "mfa": "mfa",
    "compliant_device": "compliantDevice",
    "hybrid_joined_device": "domainJoinedDevice",
    "approved_application": "approvedApplication",
    "compliant_application": "compliantApplication",
    "password_change": "passwordChange",
}
OPERATORS = {"any": "OR", "all": "AND"}
_TEXTS = {"type": "list", "elements": "str"}
OPTIONS: dict[str, dict[str, Any]] = {
    "mode": {"type": "str", "choices": list(MODES)},
    **dict.fromkeys(PARTS, _TEXTS),
    "client_app_types": {**_TEXTS, "choices": list(CLIENT_APPS)},
    "grant_controls": {**_TEXTS, "choices": list(CONTROLS)},
    "grant_operator": {"type": "str", "choices": list(OPERATORS)},
}
_OURS = {"users", "applications", "locations", "clientAppTypes"}


def _words(table: Mapping[str, str], values: Sequence[str] | None) -> list[str]:
    back = {wire: word for word, wire in table.items()}
    return [back.get(value, value) for value in values or ()]


def state_of(policy: Mapping[str, Any], named: Callable[[str, str], str]) -> State:
    """The state of a policy.

    Arguments:
        policy: Graph's.
        named: gives the name of an object from what it is (C(users), C(locations) ...) and its id.
    """
    conditions, grant = policy.get("conditions") or {}, policy.get("grantControls") or {}
    operators = {wire: word for word, wire in OPERATORS.items()}
    return {
        "id": policy["id"],
        "display_name": policy["displayName"],
        "mode": _words(MODES, [policy["state"]])[0],
        **{
            option: [
                next(iter(_words(WORDS[noun], [one])), one) if one in WORDS[noun].values() else named(noun, one)
                for one in (conditions.get(group) or {}).get(name) or ()
            ]
            for option, (group, name, noun) in PARTS.items()
        },
        "client_app_types": _words(CLIENT_APPS, conditions.get("clientAppTypes")),
        "grant_controls": _words(CONTROLS, grant.get("builtInControls")),
        "grant_operator": operators.get(str(grant.get("operator"))),
        "other_parts": other_parts(policy),
    }


def other_parts(policy: Mapping[str, Any]) -> list[str]:
    """What else a policy has, by Graph's names: it is kept, and no option is about it."""
    conditions, grant = policy.get("conditions") or {}, policy.get("grantControls") or {}
    users, applications = conditions.get("users") or {}, conditions.get("applications") or {}
    ours = {name for _group, name, _noun in PARTS.values()} | {"builtInControls", "operator"}
    found = [name for name in _clean(conditions) if name not in _OURS]
    for part in (users, applications, grant):
        found += [name for name in _clean(part) if name not in ours]
    return sorted(found + (["sessionControls"] if _filled(policy.get("sessionControls")) else []))


def _filled(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_filled(member) for name, member in value.items() if "@odata" not in name)
    return value not in (None, [], "")


def goal(overlaid: State, want: Mapping[str, Any]) -> State:
    """The state that should be there; C(overlaid) is the present one with what is asked for, without C(id) a new one.

    A new policy only reports unless it is asked to do more. Who excludes locations means all others.
    """
    state = overlaid
    if not overlaid.get("id"):
        new: State = {**{option: [] for option in PARTS}, "grant_controls": [], "other_parts": []}
        new |= {"id": None, "display_name": want["policy"], "mode": "report_only"}
        new |= {"client_app_types": ["all"], "grant_operator": "any"}
        state = new | {name: value for name, value in overlaid.items() if value is not None}
    if state["exclude_locations"] and not state["include_locations"]:
        state = state | {"include_locations": ["all"]}
    return state


def obstacle(after: State) -> str:
    """What a policy lacks, and what to do; empty when it is whole."""
    others = after["other_parts"]
    somebody = any(after[f"include_{noun}"] for noun in ("users", "groups", "roles"))
    if not somebody and not {"includeGuestsOrExternalUsers", "clientApplications"} & set(others):
        return "The policy is about nobody. Give at least one of include_users, include_groups and include_roles."
    if not after["include_applications"] and not {
        "includeUserActions",
        "includeAuthenticationContextClassReferences",
    } & set(others):
        return "The policy is about no application. Give include_applications; all means every one."
    if not after["grant_controls"] and not {"authenticationStrength", "termsOfUse", "sessionControls"} & set(others):
        return "The policy has no consequence. Give grant_controls, for example block or mfa."
    if "block" in after["grant_controls"] and len(after["grant_controls"]) > 1:
        return "The control block goes with no other one. Give block alone, or leave it out."
    if "all" in after["client_app_types"] and len(after["client_app_types"]) > 1:
        return "In client_app_types, all goes with no other word."
    return ""


def wire(after: State, present: Mapping[str, Any], ids: Callable[[str, str], str]) -> State:
    """The whole policy as Graph is told of it.

    Arguments:
        after: the state that should be there.
        present: the policy as Graph has it; empty for a new one.
        ids: gives the id of an object from what it is and the name in the state.
    """
    conditions = _clean(present.get("conditions") or {})
    for option, (group, name, noun) in PARTS.items():
        conditions.setdefault(group, {})[name] = [WORDS[noun].get(one) or ids(noun, one) for one in after[option]]
    if not after["include_locations"] and not after["exclude_locations"]:
        conditions["locations"] = None
    conditions["clientAppTypes"] = [CLIENT_APPS.get(one, one) for one in after["client_app_types"]]
    return {
        "displayName": after["display_name"],
        "state": MODES.get(after["mode"], after["mode"]),
        "conditions": conditions,
        "grantControls": _grant(after, present.get("grantControls") or {}),
    }


def _grant(after: State, present: Mapping[str, Any]) -> State | None:
    kept = _clean(present)
    if "authenticationStrength" in kept:
        # It is shown with all its parts, and written by its id alone.
        kept["authenticationStrength"] = {"id": kept["authenticationStrength"].get("id")}
    controls = [CONTROLS.get(one, one) for one in after["grant_controls"]]
    if not controls and not {name for name in kept if name not in ("operator", "builtInControls")}:
        return None
    return {**kept, "operator": OPERATORS.get(after["grant_operator"], "OR"), "builtInControls": controls}


def _clean(value: Mapping[str, Any]) -> State:
    """A part without annotations and without what is empty anyway."""
    return deepcopy({name: member for name, member in value.items() if _filled(member) and "@odata" not in name})
