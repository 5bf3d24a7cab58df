# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what stands in Active Directory has arrived in Entra ID, and if not, why, as far as the tenant says.

Sources: Microsoft Learn, "Attributes synchronized by Microsoft Entra Connect", "How the proxyAddresses attribute is
populated in Microsoft Entra ID", "Understanding errors during Microsoft Entra synchronization".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from .accounts import anchor_of, is_enabled
from .addresses import is_routing, missing_in_cloud, primary_of, recognize

Values = Sequence[str | bytes]

# AD attribute: property of Graph's user. What AD does not have is not compared: the cloud may have its own.
ATTRIBUTES: Mapping[str, str] = {
    "userPrincipalName": "userPrincipalName",
    "displayName": "displayName",
    "givenName": "givenName",
    "sn": "surname",
    "department": "department",
    "title": "jobTitle",
    "company": "companyName",
    "employeeID": "employeeId",
    "physicalDeliveryOfficeName": "officeLocation",
    "mobile": "mobilePhone",
    "streetAddress": "streetAddress",
    "l": "city",
    "st": "state",
    "postalCode": "postalCode",
}
# Attributes whose letter case carries no meaning.
_CASELESS = frozenset({"userPrincipalName"})
# What a caller has to read to be able to compare everything.
DIRECTORY_ATTRIBUTES = (
    *ATTRIBUTES,
    "proxyAddresses",
    "objectGUID",
    "mS-DS-ConsistencyGuid",
    "userAccountControl",
)
GRAPH_PROPERTIES = (
    "id",
    *ATTRIBUTES.values(),
    "mail",
    "proxyAddresses",
    "accountEnabled",
    "onPremisesSyncEnabled",
    "onPremisesImmutableId",
    "onPremisesLastSyncDateTime",
    "onPremisesProvisioningErrors",
    "serviceProvisioningErrors",
)


@dataclass(frozen=True)
class Outstanding:
    """One thing that has not arrived.

    Arguments:
        what: C(user), C(synced), C(anchor), C(address), C(primary), C(enabled), or the name of an AD attribute.
        wanted: what AD has.
        found: what the cloud has; None where it has nothing.
    """

    what: str
    wanted: str
    found: str | None = None

    def __str__(self) -> str:
        if self.what == "user":
            return f"there is no user for {self.wanted}"
        if self.what == "synced":
            return "the user is not mastered by Active Directory"
        if self.what == "address":
            return f"the address {self.wanted} is missing"
        has = "nothing" if self.found is None else repr(self.found)
        return f"{self.what} is {has} in place of {self.wanted!r}"


@dataclass(frozen=True)
class Evidence:
    """What the tenant says about why something has not arrived. None means unknown.

    Arguments:
        user: Graph's user with C(GRAPH_PROPERTIES), None when there is none.
        organization: Graph's organization with C(onPremisesSyncEnabled) and C(onPremisesLastSyncDateTime).
        verified_domains: the verified domains of the tenant.
        cloud_managed: whether the cloud masters the object or its Exchange attributes.
        changed_at: when AD was changed, with time zone.
    """

    user: Mapping[str, Any] | None
    organization: Mapping[str, Any] | None = None
    verified_domains: Collection[str] | None = None
    cloud_managed: bool | None = None
    changed_at: datetime | None = None


def outstanding(
    entry: Mapping[str, Values],
    user: Mapping[str, Any] | None,
    *,
    initial_domain: str | None = None,
    only: Collection[str] | None = None,
) -> list[Outstanding]:
    """What of an AD account has not arrived; empty when all has.

    Arguments:
        entry: the attributes of the account, spelled as in C(DIRECTORY_ATTRIBUTES) if the mapping minds letter case.
        user: Graph's user with C(GRAPH_PROPERTIES); None when there is none.
        initial_domain: the tenant's first domain, whose addresses the cloud does not take from AD.
        only: the AD attributes to look at; None means all of C(DIRECTORY_ATTRIBUTES).
    """
    if user is None:
        return [Outstanding("user", _text(entry, "userPrincipalName") or _text(entry, "displayName") or "the account")]
    wanted = set(DIRECTORY_ATTRIBUTES) if only is None else set(only)
    found = _mastered(entry, user)
    if "proxyAddresses" in wanted:
        found += _addresses(entry, user, initial_domain)
    if "userAccountControl" in wanted:
        found += _enabled(entry, user)
    for name, counterpart in ATTRIBUTES.items():
        if name in wanted:
            found += _attribute(entry, user, name, counterpart)
    return found


def _mastered(entry: Mapping[str, Values], user: Mapping[str, Any]) -> list[Outstanding]:
    found = []
    if user.get("onPremisesSyncEnabled") is not True:
        found.append(Outstanding("synced", "true", str(user.get("onPremisesSyncEnabled")).lower()))
    guid = _octets(entry, "objectGUID")
    if guid is not None:
        anchor = anchor_of(_octets(entry, "mS-DS-ConsistencyGuid"), guid)
        if user.get("onPremisesImmutableId") != anchor:
            found.append(Outstanding("anchor", anchor, user.get("onPremisesImmutableId")))
    return found


def _addresses(entry: Mapping[str, Values], user: Mapping[str, Any], initial_domain: str | None) -> list[Outstanding]:
    there = _texts(entry, "proxyAddresses")
    cloud = list(user.get("proxyAddresses") or ())
    found = [Outstanding("address", value) for value in missing_in_cloud(there, cloud, initial_domain)]
    primary, current = primary_of(there), primary_of(cloud)
    arrived = primary is None or is_routing(primary, initial_domain) or primary.lower() == (current or "").lower()
    missing = {one.wanted.lower() for one in found}
    if not arrived and f"smtp:{primary}".lower() not in missing:
        found.append(Outstanding("primary", str(primary), current))
    return found


def _enabled(entry: Mapping[str, Values], user: Mapping[str, Any]) -> list[Outstanding]:
    control = _text(entry, "userAccountControl")
    if control is None or user.get("accountEnabled") == is_enabled(int(control)):
        return []
    return [Outstanding("enabled", str(is_enabled(int(control))).lower(), str(user.get("accountEnabled")).lower())]


def _attribute(entry: Mapping[str, Values], user: Mapping[str, Any], name: str, counterpart: str) -> list[Outstanding]:
    wanted, current = _text(entry, name), user.get(counterpart)
    if wanted is None or wanted == current:
        return []
    if name in _CASELESS and wanted.lower() == str(current).lower():
        return []
    return [Outstanding(name, wanted, current)]


def reasons(found: Sequence[Outstanding], evidence: Evidence) -> list[str]:
    """Why something may not have arrived, in sentences; the surest first. Empty where the tenant says nothing."""
    if not found:
        return []
    told = _provisioning_errors(evidence.user)
    if evidence.cloud_managed:
        told.append(
            "The cloud masters this mailbox (IsExchangeCloudManaged or isCloudManaged): what Active Directory "
            "changes is ignored."
        )
    told += _unverified(found, evidence.verified_domains)
    told += _not_matched(found, evidence.user)
    told += _cycles(evidence)
    return told


def _provisioning_errors(user: Mapping[str, Any] | None) -> list[str]:
    told = []
    for error in (user or {}).get("onPremisesProvisioningErrors") or ():
        told.append(
            f"Entra ID reports {error.get('category')} on {error.get('propertyCausingError')}: {error.get('value')!r} "
            "belongs to another object. Remove it there or here."
        )
    for error in (user or {}).get("serviceProvisioningErrors") or ():
        told.append(f"{error.get('serviceInstance')} reports an error of provisioning; see it in the admin center.")
    return told


def _unverified(found: Iterable[Outstanding], verified: Collection[str] | None) -> list[str]:
    if verified is None:
        return []
    known = {domain.lower() for domain in verified}
    texts = [one.wanted for one in found if one.what in ("address", "primary", "userPrincipalName")]
    domains = {address.domain for address in map(recognize, texts) if address is not None and address.kind == "SMTP"}
    domains |= {text.rpartition("@")[2].lower() for text in texts if ":" not in text}
    return [
        f"The domain {domain} is not verified in the tenant, so the cloud drops or replaces names in it."
        for domain in sorted(domains - known - {""})
    ]


def _not_matched(found: Iterable[Outstanding], user: Mapping[str, Any] | None) -> list[str]:
    kinds = {one.what for one in found}
    if user is None or not kinds & {"synced", "anchor"}:
        return []
    if user.get("onPremisesImmutableId") and "anchor" in kinds:
        return [
            "The user belongs to another object of Active Directory (its immutable id is another account's anchor)."
        ]
    if "synced" in kinds:
        return [
            "The user has not been joined with the account: it may be out of the scope of the synchronization, or the "
            "join may be blocked (soft match switched off, an Entra role on the user, another primary address)."
        ]
    return []


def _cycles(evidence: Evidence) -> list[str]:
    organization = evidence.organization
    if organization is None:
        return []
    if organization.get("onPremisesSyncEnabled") is not True:
        return ["The tenant does not synchronize with an Active Directory."]
    last = _moment(organization.get("onPremisesLastSyncDateTime"))
    if last is None:
        return ["No synchronization has run yet."]
    shown = last.strftime("%Y-%m-%d %H:%M:%S UTC")
    if evidence.changed_at is None or last >= evidence.changed_at:
        return [
            f"The last synchronization was at {shown}. If that was after the change, look at the scope (organizational "
            "units, filters) and whether the server is in staging mode."
        ]
    return [
        f"The last synchronization was at {shown}, before the change: none has run since. If one should have, see "
        "whether its server is in staging mode or its scheduler switched off."
    ]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _texts(entry: Mapping[str, Values], name: str) -> list[str]:
    return [value for value in entry.get(name) or () if isinstance(value, str)]


def _text(entry: Mapping[str, Values], name: str) -> str | None:
    return next(iter(_texts(entry, name)), None)


def _octets(entry: Mapping[str, Values], name: str) -> bytes | None:
    return next((value for value in entry.get(name) or () if isinstance(value, bytes)), None)


# What has to be read of an account besides its names.
READ = (*DIRECTORY_ATTRIBUTES, "whenChanged")


class Account(Protocol):
    """An entry of the directory."""

    attributes: Mapping[str, Values]


def state_of(
    account: Account, user: Mapping[str, Any] | None, organization: Mapping[str, Any], only: Collection[str] | None
) -> dict[str, Any]:
    """What has arrived of one account, in the words that M(m365.hybrid.directory_sync) returns.

    Arguments:
        account: the entry with L(READ).
        user: Graph's user of that name with L(GRAPH_PROPERTIES); None when there is none.
        organization: Graph's organization.
        only: the attributes to look at; None means all.
    """
    domains = organization.get("verifiedDomains") or []
    initial = next((domain["name"] for domain in domains if domain.get("isInitial")), None)
    found = outstanding(account.attributes, user, initial_domain=initial, only=only)
    evidence = Evidence(
        user, organization, [domain["name"] for domain in domains], changed_at=_changed_at(account.attributes)
    )
    missing = [str(one) for one in found]
    told = " ".join([f"Missing: {'; '.join(missing)}.", *reasons(found, evidence)]) if found else ""
    return {
        "arrived": not found,
        "missing": missing,
        "explanation": told,
        "id": user["id"] if user else None,
        "last_sync": user.get("onPremisesLastSyncDateTime") if user else None,
    }


def checked_moment(text: str) -> str:
    """A moment as it was given. Raises ValueError: it is none."""
    try:
        if datetime.fromisoformat(text).utcoffset() is None:
            raise ValueError
    except ValueError:
        raise ValueError(f"{text!r} is no moment with a time zone, like 2026-11-22T10:00:00Z") from None
    return text


def cycle_state(organization: Mapping[str, Any], after: str | None) -> dict[str, Any]:
    """Whether a cycle has ended since a moment, as M(m365.hybrid.directory_sync_cycle) returns it.

    Arguments:
        organization: Graph's organization.
        after: the moment; None for any.
    """
    text = organization.get("onPremisesLastSyncDateTime")
    last, since = _moment(text), _moment(after)
    ended = since is None or (last is not None and last > since)
    # Only a cycle after the moment counts; one of the moment itself was before what is waited for.
    awaited = since + timedelta.resolution if since else None
    told = [] if ended else _cycles(Evidence(None, organization, changed_at=awaited))
    return {
        "arrived": ended,
        "explanation": "" if ended else " ".join([f"No cycle has ended since {after}.", *told]),
        "last_cycle": text,
    }


def goal(_want: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The state to wait for."""
    return {**before, "arrived": True}


def _changed_at(entry: Mapping[str, Values]) -> datetime | None:
    """When the directory changed the account, from C(whenChanged), a GeneralizedTime in UTC (RFC 4517 3.3.13)."""
    text = _text(entry, "whenChanged")
    return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if text else None
