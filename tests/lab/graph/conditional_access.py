# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditional Access policies, and what all of Conditional Access has in common.

Sources: the conditionalAccessPolicy resource and its parts, "Create conditionalAccessPolicy" and "Microsoft Graph
throttling limits" (one request a second for a tenant, 429 without Retry-After) in the Graph documentation; the errors as
public issues show them (microsoft-graph-docs-contrib issue 4162). The status of C(ResourceNotFound) is a guess, and so is
that PATCH merges the members of conditions one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..replicas import announce
from ..state import ConditionalAccessPolicy
from . import principals, query, roles
from .call import Answer, Call, done, moment
from .errors import GraphError
from .permissions import CONDITIONAL_ACCESS_APPLICATIONS, CONDITIONAL_ACCESS_READ, CONDITIONAL_ACCESS_WRITE
from .resource import Property, Resource, attribute
from .shapes import FLAG, Shape, check, completed, complex_type, is_guid, merged, text, texts

_CLIENT_APPS = ("all", "browser", "mobileAppsAndDesktopClients", "exchangeActiveSync", "easSupported", "other")
_CONTROLS = (
    "block",
    "mfa",
    "compliantDevice",
    "domainJoinedDevice",
    "approvedApplication",
    "compliantApplication",
    "passwordChange",
)
_STATES = ("enabled", "disabled", "enabledForReportingButNotEnforced")
_GUESTS = complex_type("conditionalAccessGuestsOrExternalUsers", guestOrExternalUserTypes=text())
_USERS = Shape(
    "conditionalAccessUsers",
    {f"{way}{kind}": texts() for way in ("include", "exclude") for kind in ("Users", "Groups", "Roles")}
    | {f"{way}GuestsOrExternalUsers": _GUESTS for way in ("include", "exclude")},
)
_APPLICATIONS = complex_type(
    "conditionalAccessApplications",
    includeApplications=texts(),
    excludeApplications=texts(),
    includeUserActions=texts(),
    includeAuthenticationContextClassReferences=texts(),
    applicationFilter=complex_type("conditionalAccessFilter", mode=text(), rule=text()),
)
_CONDITIONS = complex_type(
    "conditionalAccessConditionSet",
    users=_USERS,
    applications=_APPLICATIONS,
    locations=complex_type("conditionalAccessLocations", includeLocations=texts(), excludeLocations=texts()),
    platforms=complex_type("conditionalAccessPlatforms", includePlatforms=texts(), excludePlatforms=texts()),
    clientApplications=complex_type(
        "conditionalAccessClientApplications", includeServicePrincipals=texts(), excludeServicePrincipals=texts()
    ),
    clientAppTypes=texts(),
    userRiskLevels=texts(),
    signInRiskLevels=texts(),
    servicePrincipalRiskLevels=texts(),
)
_GRANT = complex_type(
    "conditionalAccessGrantControls",
    operator=text(),
    builtInControls=texts(),
    customAuthenticationFactors=texts(),
    termsOfUse=texts(),
    authenticationStrength=complex_type("authenticationStrengthPolicy", id=text()),
)
_SESSION = complex_type(
    "conditionalAccessSessionControls",
    disableResilienceDefaults=FLAG,
    signInFrequency=complex_type(
        "signInFrequencySessionControl",
        value=Shape("Int32"),
        type=text(),
        isEnabled=FLAG,
        authenticationType=text(),
        frequencyInterval=text(),
    ),
    persistentBrowser=complex_type("persistentBrowserSessionControl", mode=text(), isEnabled=FLAG),
)
_WRITABLE = {
    "displayName": text(nullable=False),
    "state": text(nullable=False),
    "conditions": _CONDITIONS,
    "grantControls": _GRANT,
    "sessionControls": _SESSION,
}
_ATTRIBUTES = {"conditions": "conditions", "grantControls": "grant_controls", "sessionControls": "session_controls"}


def _part(name: str) -> Property:
    def read(_tenant: Any, policy: ConditionalAccessPolicy) -> Any:
        value = getattr(policy, _ATTRIBUTES[name])
        return None if value is None else completed(value, _WRITABLE[name])

    return Property(read, "Complex")


_PROPERTIES = {
    "id": attribute("id", filters="eq"),
    "templateId": Property(lambda _tenant, _item: None),
    "displayName": attribute("display_name", filters="eq"),
    "createdDateTime": Property(lambda _tenant, item: moment(item.created_at), "DateTimeOffset"),
    "modifiedDateTime": Property(lambda _tenant, item: moment(item.modified_at), "DateTimeOffset"),
    "state": attribute("state", filters="eq"),
    **{name: _part(name) for name in _ATTRIBUTES},
}
POLICY = Resource("identity/conditionalAccess/policies", "conditionalAccessPolicy", _PROPERTIES, tuple(_PROPERTIES))


# What all of Conditional Access has in common


def throttle(call: Call) -> None:
    """One request a second, whoever sends it; the switch C(graph_conditional_access_seconds) is another time, 0 none."""
    tenant = call.tenant
    apart = float(tenant.switches.get("graph_conditional_access_seconds", 1.0))
    now, last = tenant.clock.timestamp(), tenant.scratch.get("conditional_access")
    if apart and last is not None and now - last < apart:
        raise GraphError(429, "TooManyRequests", "Too many requests.")
    tenant.scratch["conditional_access"] = now


def allow_read(call: Call) -> None:
    """Raises GraphError in the words of Conditional Access, which are not those of the directory."""
    if not call.permissions & CONDITIONAL_ACCESS_READ:
        raise _forbidden()


def allow_write(call: Call) -> None:
    """Writing needs the permission to read besides."""
    allow_read(call)
    if not call.permissions & CONDITIONAL_ACCESS_WRITE:
        raise _forbidden()


def _forbidden() -> GraphError:
    words = "You cannot perform the requested operation, required scopes are missing in the token."
    return GraphError(403, "AccessDenied", words)


def bad(kind: str, words: str = "") -> GraphError:
    """A body that Conditional Access does not take."""
    title = kind[:1].upper() + kind[1:]
    number = "1007: " if kind == "conditionalAccessPolicy" else ""
    schema = f"{number}Incoming {title} object is null or does not match the schema of {title} type."
    return GraphError(400, "BadRequest", words or schema)


@contextmanager
def matching_schema(kind: str) -> Iterator[None]:
    """Give every fault of shape the one message that Conditional Access has for it."""
    try:
        yield
    except (GraphError, KeyError):
        raise bad(kind) from None


def missing_reference(kind: str, identifier: str) -> GraphError:
    """Something that is named and is not there."""
    return GraphError(404, "ResourceNotFound", f"{kind} with id {identifier} does not exist in the directory.")


# Policies


def list_all(call: Call) -> Answer:
    """GET /identity/conditionalAccess/policies."""
    allow_read(call)
    return query.collection(call, POLICY, call.reader.conditional_access_policies())


def get_one(call: Call) -> Answer:
    """GET /identity/conditionalAccess/policies/{id}."""
    allow_read(call)
    return Answer(200, POLICY.entity(call, _seen(call)))


def create(call: Call) -> Answer:
    """POST /identity/conditionalAccess/policies."""
    _allow_policy(call)
    wanted, tenant = _checked(call.body()), call.tenant
    if any(not wanted.get(name) for name in ("displayName", "state", "conditions")):
        raise bad("conditionalAccessPolicy")
    conditions = {"clientAppTypes": ["all"]} | {key: item for key, item in wanted["conditions"].items() if item != []}
    _check_whole(call, conditions, wanted.get("grantControls"), wanted.get("sessionControls"))
    policy = ConditionalAccessPolicy(
        tenant.new_id(), wanted["displayName"], wanted["state"], tenant.clock.now(), None, conditions,
        wanted.get("grantControls"), wanted.get("sessionControls"),
    )  # fmt: skip
    tenant.conditional_access_policies[policy.id] = policy
    announce(tenant, "conditional_access_policies")
    return Answer(201, POLICY.entity(call, policy))


def update(call: Call) -> Answer:
    """PATCH /identity/conditionalAccess/policies/{id}."""
    _allow_policy(call)
    policy, wanted = _real(call), _checked(call.body())
    parts = {name: getattr(policy, attr) for name, attr in _ATTRIBUTES.items()}
    after = {name: merged(old, wanted[name], _WRITABLE[name]) if name in wanted else old for name, old in parts.items()}
    if "" in (wanted.get("displayName"),):
        raise bad("conditionalAccessPolicy")
    _check_whole(call, after["conditions"], after["grantControls"], after["sessionControls"])
    policy.display_name = wanted.get("displayName", policy.display_name)
    policy.state = wanted.get("state", policy.state)
    for name, attr in _ATTRIBUTES.items():
        setattr(policy, attr, after[name])
    policy.modified_at = call.tenant.clock.now()
    announce(call.tenant, "conditional_access_policies")
    return done()


def delete(call: Call) -> Answer:
    """DELETE /identity/conditionalAccess/policies/{id}."""
    _allow_policy(call)
    del call.tenant.conditional_access_policies[_real(call).id]
    announce(call.tenant, "conditional_access_policies")
    return done()


def _allow_policy(call: Call) -> None:
    """For policies the page wants the permission to read applications besides."""
    allow_write(call)
    if not call.permissions & CONDITIONAL_ACCESS_APPLICATIONS:
        raise _forbidden()


def _seen(call: Call) -> ConditionalAccessPolicy:
    found = next((one for one in call.reader.conditional_access_policies() if one.id == call.key.lower()), None)
    if found is None:
        raise missing_reference("ConditionalAccessPolicy", call.key)
    return found


def _real(call: Call) -> ConditionalAccessPolicy:
    found = call.tenant.conditional_access_policies.get(_seen(call).id)
    if found is None:
        raise missing_reference("ConditionalAccessPolicy", call.key)
    return found


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    with matching_schema("conditionalAccessPolicy"):
        wanted = {
            name: check(value, _WRITABLE[name], name, "ConditionalAccessPolicy")
            for name, value in body.items()
            if "@odata." not in name
        }
    if wanted.get("state", _STATES[0]) not in _STATES:
        raise bad("conditionalAccessPolicy")
    return wanted


def _check_whole(call: Call, conditions: dict[str, Any], grant: dict[str, Any] | None, session: Any) -> None:
    """A policy needs somebody, something and a consequence, and all that it names has to be there."""
    users, applications = conditions.get("users") or {}, conditions.get("applications") or {}
    workloads = (conditions.get("clientApplications") or {}).get("includeServicePrincipals")
    somebody = [users.get(f"include{kind}") for kind in ("Users", "Groups", "Roles", "GuestsOrExternalUsers")]
    something = [applications.get("includeApplications"), applications.get("includeUserActions")]
    something.append(applications.get("includeAuthenticationContextClassReferences"))
    if not (any(somebody) or workloads) or not any(something) or not (grant or session):
        raise bad("conditionalAccessPolicy")
    kinds = conditions.get("clientAppTypes") or []
    if set(kinds) - set(_CLIENT_APPS) or ("all" in kinds and len(kinds) > 1):
        raise bad("conditionalAccessPolicy")
    if grant:
        _check_grant(grant)
    for names, known, kind in _references(call, conditions):
        for name in names or ():
            if not known(name):
                raise missing_reference(kind, name)


def _check_grant(grant: dict[str, Any]) -> None:
    controls = grant.get("builtInControls") or []
    others = [grant.get(name) for name in ("customAuthenticationFactors", "termsOfUse", "authenticationStrength")]
    alone = "block" in controls and (len(controls) > 1 or any(others))
    if grant.get("operator") not in ("AND", "OR") or set(controls) - set(_CONTROLS) or alone:
        raise bad("conditionalAccessPolicy")
    if not controls and not any(others):
        raise bad("conditionalAccessPolicy")


Reference = tuple[list[str] | None, Callable[[str], bool], str]


def _references(call: Call, conditions: dict[str, Any]) -> Iterator[Reference]:
    users, applications = conditions.get("users") or {}, conditions.get("applications") or {}
    locations = conditions.get("locations") or {}
    known_apps = {one.app_id for one in principals.visible(call)} | {
        "All",
        "None",
        "Office365",
        "MicrosoftAdminPortals",
        # The Azure management interface, which every tenant has.
        "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    }
    places = {one.id for one in call.reader.named_locations()} | {"All", "AllTrusted"}
    specials = {"All", "None", "GuestsOrExternalUsers"}
    for way in ("include", "exclude"):
        yield (
            users.get(f"{way}Users"),
            lambda one: one in specials or (is_guid(one) and call.reader.user(one.lower()) is not None),
            "User",
        )
        yield users.get(f"{way}Groups"), lambda one: call.reader.group(one.lower()) is not None, "Group"
        yield users.get(f"{way}Roles"), lambda one: one in roles.definitions(call.tenant), "Role"
        yield applications.get(f"{way}Applications"), lambda one: one in known_apps, "ServicePrincipal"
        yield locations.get(f"{way}Locations"), lambda one: one in places, "NamedLocation"
