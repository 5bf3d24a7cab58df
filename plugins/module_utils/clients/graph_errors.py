# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Microsoft Graph says, what it means and what to do.

Graph asks its callers to branch on the code (Microsoft Learn, "Microsoft Graph error responses"), but nearly every
refused write of a directory object says Request_BadRequest, so the message decides. All fragments are in this table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# An object made moments ago is not known everywhere yet. Seconds to tens of seconds are usual; a wrong id stays wrong,
# and whoever mistyped one should not wait for minutes.
REPLICATION = 60.0
# Another write on the same object or tenant is in the way; those pass within seconds, in bad hours within two minutes.
CONCURRENCY = 120.0


@dataclass(frozen=True)
class GraphRule:
    """An error, known by its code, by a fragment of its message (any case), or by both.

    Attributes: as those of retry.Fault.
    """

    code: str = ""
    fragment: str = ""
    meaning: str = ""
    advice: str = ""
    patience: float = 0.0
    absent: bool = False
    already: bool = False
    unsure: bool = False


_REPLICATING = "Something that this refers to was made moments ago and is not known everywhere yet, or does not exist."
_SECRET_POLICY = "An app management policy of the tenant limits the secrets of applications."

REFERENCE_EXISTS = "One or more added object references already exist"

RULES: tuple[GraphRule, ...] = (
    # Already so.
    GraphRule(fragment=REFERENCE_EXISTS, already=True),
    GraphRule(fragment="Permission being assigned already exists on the object", already=True),
    # Not yet: the write was refused and may succeed soon.
    GraphRule(fragment="does not reference a valid application object", meaning=_REPLICATING, patience=REPLICATION),
    GraphRule(fragment="Not a valid reference update", meaning=_REPLICATING, patience=REPLICATION),
    GraphRule(fragment="backing application of the service principal", meaning=_REPLICATING, patience=REPLICATION),
    GraphRule(code="Error_MsaAppDoesNotExist", meaning=_REPLICATING, patience=REPLICATION),
    GraphRule(
        code="CannotDeleteOrUpdateEnabledEntitlement",
        meaning="A role or scope has to be disabled before it is removed, and that has not spread yet.",
        patience=REPLICATION,
    ),
    GraphRule(
        code="Directory_ConcurrencyViolation",
        meaning="Another change of the same object is still under way.",
        advice="Run it again when nothing else changes this object.",
        patience=CONCURRENCY,
    ),
    # Refused for good.
    GraphRule(
        fragment="on-premises mastered Directory Sync objects",
        meaning="The object is synchronized from the on-premises Active Directory, which is its master.",
        advice="Change it in Active Directory; the next sync cycle brings it to the cloud.",
    ),
    GraphRule(
        fragment="invalid usage location",
        meaning="A license can only be given to somebody whose country is known.",
        advice="Set usage_location (two letters) first.",
    ),
    GraphRule(
        fragment="does not have any available licenses",
        meaning="All units of this license are in use.",
        advice="Free one or buy more.",
    ),
    GraphRule(
        fragment="Another object with the same value for property",
        meaning="The value is taken, perhaps by a deleted object: those keep their names for 30 days.",
        advice="Look at the deleted objects too; restore that object or delete it for good.",
    ),
    GraphRule(
        fragment="A conflicting object with one or more of the specified property values",
        meaning="An object with these values exists already.",
    ),
    GraphRule(
        fragment="Permission being assigned was not found on application",
        meaning="The application offers no such role; where it offers roles to users, there is no default access.",
        advice="Name one of its roles in the option role.",
    ),
    GraphRule(code="Request_MultipleObjectsWithSameKeyValue", meaning="An object with this key exists already."),
    GraphRule(
        fragment="No password credential found with keyId",
        meaning="The secret is gone already, or is so new that it is not known everywhere.",
        already=True,
    ),
    GraphRule(
        code="CredentialInvalidLifetimeAsPerAppPolicy", meaning=_SECRET_POLICY, advice="Choose a shorter lifetime."
    ),
    GraphRule(
        code="CredentialTypeNotAllowedAsPerAppPolicy",
        meaning=_SECRET_POLICY,
        advice="Use a certificate or a federated credential, or have the policy except this application.",
    ),
    GraphRule(
        code="Directory_QuotaExceeded",
        meaning="Whoever is not an administrator may own 250 objects, deleted ones included.",
    ),
    GraphRule(
        fragment="Operation requires conditional access and client does not support it",
        meaning="A Conditional Access policy asks this application for more than a token.",
        advice="Exclude the application from that policy.",
    ),
    GraphRule(code="MailboxNotEnabledForRESTAPI", meaning="The user has no mailbox in Exchange Online."),
    GraphRule(
        code="InvalidAuthenticationToken",
        meaning="Graph refused a fresh token too.",
        advice="Check that cloud and endpoints belong together.",
    ),
    # Explicitly not there. Any other 404 (a proxy's, a mistyped path) leaves open whether the object exists.
    GraphRule(code="Request_ResourceNotFound", absent=True),
    # Has been seen as the answer to a POST that had done its work.
    GraphRule(code="Directory_ObjectNotFound", absent=True, unsure=True),
    GraphRule(code="ResourceNotFound", absent=True),
)

NOT_FOUND_STATUS = 404

# Path (regular expression), for reading, for writing: the least permission that does it. The first that fits counts.
_P = tuple[str, str, str]
PERMISSIONS: tuple[_P, ...] = (
    (r"/onPremisesSynchronization", "(none: only a signed-in Global Administrator may read this)", ""),
    (
        r"/onPremisesSyncBehavior",
        "User-OnPremisesSyncBehavior.ReadWrite.All",
        "User-OnPremisesSyncBehavior.ReadWrite.All",
    ),
    (r"/assignLicense", "", "LicenseAssignment.ReadWrite.All"),
    (r"/mailboxSettings", "MailboxSettings.Read", "MailboxSettings.ReadWrite"),
    (r"/(appRoleAssignedTo|appRoleAssignments)\b", "Application.Read.All", "AppRoleAssignment.ReadWrite.All"),
    (r"^/oauth2PermissionGrants", "DelegatedPermissionGrant.Read.All", "DelegatedPermissionGrant.ReadWrite.All"),
    (
        r"^/(applications|servicePrincipals)[^?]*/owners",
        "Application.Read.All",
        "Application.ReadWrite.All and Directory.Read.All",
    ),
    (r"^/(applications|servicePrincipals)", "Application.Read.All", "Application.ReadWrite.All"),
    (
        r"^/directory/deletedItems",
        "Application.Read.All or User.Read.All",
        "Application.ReadWrite.All or User.ReadWrite.All",
    ),
    (r"^/groups/[^/]+/(members|owners)", "GroupMember.Read.All", "GroupMember.ReadWrite.All"),
    (r"^/groups", "Group.Read.All", "Group.ReadWrite.All"),
    (r"^/identity/conditionalAccess", "Policy.Read.All", "Policy.ReadWrite.ConditionalAccess and Application.Read.All"),
    (r"^/policies", "Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration"),
    (r"^/roleManagement", "RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"),
    (r"^/subscribedSkus", "LicenseAssignment.Read.All", ""),
    (r"^/organization", "Organization.Read.All", "Organization.ReadWrite.All"),
    (r"^/domains", "Domain.Read.All", "Domain.ReadWrite.All"),
    (r"^/reports", "Reports.Read.All", ""),
    (r"^/admin/reportSettings", "ReportSettings.Read.All", "ReportSettings.ReadWrite.All"),
    (r"^/users", "User.Read.All", "User.ReadWrite.All"),
    (r"^/directoryObjects", "Directory.Read.All", ""),
)

# Path (regular expression) and the seconds that have to lie between two requests. Conditional Access takes one request a
# second for the whole tenant and then says 429 without Retry-After (Microsoft Learn, "Microsoft Graph service-specific
# throttling limits"); the tenth more is for what the way there makes of the distance.
APART: tuple[tuple[str, float], ...] = ((r"^/identity/conditionalAccess\b", 1.1),)

STALE_TOKEN = (
    "A token keeps the permissions that it was issued with: what was granted during this run counts in the next."
)


def classify(code: str, message: str) -> GraphRule | None:
    """Return the first rule that fits the code and the message of an error."""
    text = message.lower()
    for rule in RULES:
        if (not rule.code or rule.code == code) and (not rule.fragment or rule.fragment.lower() in text):
            return rule
    return None


def apart(path: str) -> float:
    """The seconds that have to lie between two requests such as this one; 0 where the service takes any number."""
    return next((seconds for pattern, seconds in APART if re.search(pattern, path)), 0.0)


def missing_permission(path: str, write: bool) -> str:
    """Name the application permission that a call needs, or return an empty text if the table does not know it."""
    for pattern, reading, writing in PERMISSIONS:
        if re.search(pattern, path):
            return writing if write else reading
    return ""
