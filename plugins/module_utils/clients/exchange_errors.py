# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Exchange Online says, what it means and what to do.

The status tells little (the same not-found arrives as 404, 400 and 500), so an error is known by the type of its
exception, or by a fragment of its English text, as Microsoft Learn and many public scripts show them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# A busy back end recovers within minutes; the tenant's limit of concurrent requests is shared with all that it runs.
BUSY = 300.0
# An object made moments ago is not known to every domain controller yet.
REPLICATION = 60.0


@dataclass(frozen=True)
class ExchangeRule:
    """An error, known by all of the fields that are not empty.

    Attributes:
        exception: end of the exception's type name.
        fragment: part of the text, in any case.
        cmdlet: regular expression that the cmdlet's name must match from its start.
        meaning, advice, patience, absent, already: as those of retry.Fault.
    """

    exception: str = ""
    fragment: str = ""
    cmdlet: str = ""
    meaning: str = ""
    advice: str = ""
    patience: float = 0.0
    absent: bool = False
    already: bool = False


_TRY_LATER = "Exchange Online has a passing problem."
_TAKEN = "Look for the object that holds it, among contacts, groups and deleted mailboxes too."

RULES: tuple[ExchangeRule, ...] = (
    # Busy: the cmdlet gave up before it changed anything.
    ExchangeRule(fragment="maximum number of concurrent requests", meaning="The tenant is throttled.", patience=BUSY),
    ExchangeRule(exception="OverBudgetException", meaning="The tenant is throttled.", patience=BUSY),
    ExchangeRule(exception="DCOverloadedException", meaning=_TRY_LATER, patience=BUSY),
    ExchangeRule(exception="SuitabilityDirectoryException", meaning=_TRY_LATER, patience=BUSY),
    ExchangeRule(exception="ServerInMMException", meaning=_TRY_LATER, patience=BUSY),
    ExchangeRule(exception="ADServerSettingsChangedException", meaning=_TRY_LATER, patience=BUSY),
    ExchangeRule(exception="StorageTransientException", meaning=_TRY_LATER, patience=BUSY),
    # Exchange writes to Entra ID first and to itself only when that was done.
    ExchangeRule(exception="UnableToWriteToAadException", fragment="transient", meaning=_TRY_LATER, patience=BUSY),
    # A service principal that was registered moments ago.
    ExchangeRule(
        exception="ManagementObjectNotFoundException",
        cmdlet="New-ManagementRoleAssignment",
        meaning="Something that this refers to was made moments ago, or does not exist.",
        patience=REPLICATION,
    ),
    ExchangeRule(
        exception="ManagementObjectNotFoundException",
        cmdlet="Add-MailboxPermission",
        meaning="The mailbox or the application was made moments ago, or does not exist.",
        patience=REPLICATION,
    ),
    # Already so.
    ExchangeRule(exception="MemberAlreadyExistsException", cmdlet="Add-", already=True),
    ExchangeRule(fragment="is already a member of the group", cmdlet="Add-", already=True),
    ExchangeRule(exception="MemberNotFoundException", cmdlet="Remove-", already=True),
    ExchangeRule(fragment="isn't a member of the group", cmdlet="Remove-", already=True),
    ExchangeRule(
        exception="UserNotFoundInPermissionEntryException", cmdlet="Remove-MailboxFolderPermission", already=True
    ),
    ExchangeRule(
        fragment="An existing permission entry was found",
        cmdlet="Add-(MailboxPermission|RecipientPermission)$",
        already=True,
    ),
    # Explicitly not there.
    ExchangeRule(exception="UserNotFoundInPermissionEntryException", absent=True),
    ExchangeRule(exception="ManagementObjectNotFoundException", absent=True),
    ExchangeRule(fragment="couldn't be found on", absent=True),
    ExchangeRule(fragment="The specified mailbox Identity", absent=True),
    # Refused for good.
    ExchangeRule(
        fragment="synchronized from your on-premises organization",
        meaning="The mailbox is synchronized from the on-premises Active Directory, which masters this property.",
        advice="Change it in Active Directory; the next sync cycle brings it to the cloud.",
    ),
    ExchangeRule(
        fragment="out of the current user's write scope",
        meaning="The role of this application does not cover the object.",
        advice="Widen the management scope of the role assignment, or use an application that has it.",
    ),
    ExchangeRule(
        exception="UserAlreadyExistsInPermissionEntryException",
        meaning="Somebody has given this user rights on the folder in the meantime.",
        advice="Run it again: it will compare with the rights that are there now.",
    ),
    ExchangeRule(
        exception="InvalidExternalUserIdException",
        meaning="Exchange knows no such user.",
        advice="Check the name; a user made moments ago may need some minutes.",
    ),
    ExchangeRule(
        fragment="multiple recipients matching", meaning="The name is not unique.", advice="Use an address or id."
    ),
    ExchangeRule(
        fragment="matches multiple entries", meaning="The name is not unique.", advice="Use an address or id."
    ),
    ExchangeRule(exception="ProxyAddressExistsException", meaning="The address is in use already.", advice=_TAKEN),
    ExchangeRule(
        exception="WLCDManagedMemberExistsException", meaning="The sign-in name is in use already.", advice=_TAKEN
    ),
    ExchangeRule(exception="NameNotAvailableException", meaning="The name is in use already.", advice=_TAKEN),
    ExchangeRule(
        exception="ADObjectAlreadyExistsException", meaning="An object of this name exists already.", advice=_TAKEN
    ),
    ExchangeRule(
        exception="InvalidOperationInDehydratedContextException",
        meaning="The organization still has its default settings in a shared, read-only form.",
        advice="Run Enable-OrganizationCustomization once; it takes effect within some hours.",
    ),
    ExchangeRule(
        exception="ParameterTransformationException",
        meaning="A value has a form that the cmdlet does not take.",
    ),
    ExchangeRule(
        exception="AmbiguousParameterSetException",
        meaning="The cmdlet has no such parameter, or the roles of this application do not include it.",
        advice="Give the application's service principal the role Exchange Administrator, or one with this parameter.",
    ),
    ExchangeRule(
        fragment="Expired or Invalid pagination request",
        meaning="Exchange gave up the list half-way: links to the next page live for some minutes only.",
        advice="Run it again, with less at a time.",
    ),
)

UNMODIFIED = "but no settings of"
# 200 with one of these: what was asked for is so already. No news for the administrator.
QUIET_WARNINGS: tuple[str, ...] = (
    "the appropriate access control entry is already present on the object",
    "because the ace doesn't exist on the object",
    "because the ace isn't present",
    UNMODIFIED,
)

# 200 with one of these: the list is not the whole list.
TRUNCATED: tuple[str, ...] = ("there are more results available than are currently displayed",)

FORBIDDEN = (
    "Exchange says no more than that. It means one of three things: the application's service principal has no Exchange"
    " or Entra role; its roles do not include this cmdlet; or there is no such cmdlet."
)
FORBIDDEN_ADVICE = (
    "Give the service principal the Entra role Exchange Administrator (Exchange Recipient Administrator is enough for"
    " recipients; Global Reader for reading). A role that was just given takes some minutes, and a new token."
)
UNAUTHORIZED = (
    "Exchange refuses the token, and a fresh one too: the application lacks the permission Exchange.ManageAsApp, or the"
    " token is for another service or cloud."
)
UNAUTHORIZED_ADVICE = (
    "Grant the application permission Exchange.ManageAsApp (Office 365 Exchange Online) with admin consent, and an"
    " Entra role to its service principal. What was granted moments ago needs a new token, so a new run. Check the"
    " option cloud."
)


def classify(cmdlet: str, exception: str, text: str) -> ExchangeRule | None:
    """Return the first rule that fits an error of a cmdlet."""
    lower = text.lower()
    for rule in RULES:
        if (
            exception.endswith(rule.exception)
            and rule.fragment.lower() in lower
            and re.match(rule.cmdlet, cmdlet, re.IGNORECASE)
        ):
            return rule
    return None
