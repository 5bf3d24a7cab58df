# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects that Get- cmdlets answer, with every property that a reader may stumble over.

Property names follow what the Exchange PowerShell reference and public captures show. Identity is the external
directory object id; sizes are text; what the tenant never set is null.

Switches of the tenant: C(exchange_delegate_form): C(name) (default) or C(id), how Get-Mailbox shows who may send on
behalf; C(exchange_delegate_addresses) (default true): whether IncludeGrantSendOnBehalfToWithDisplayNames adds their
addresses, in the form that "Mailbox endpoint in the Exchange Online Admin API" (Microsoft Learn) gives. That the older
version of the API gives the same is a guess.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..addresses import has_exchange_plan, primary_of
from ..state import Contact, Domain, Group, Tenant, User
from .client_access import cas_values
from .views import shown_type
from .wire import Guid, annotated, exchange_guid, size, span

DELEGATES_NAMED = "IncludeGrantSendOnBehalfToWithDisplayNames"
_EMPTY = Guid("00000000-0000-0000-0000-000000000000")
_GB = 1024**3
_HOSTED_DN = "OU=Microsoft Exchange Hosted Organizations,DC=EURPR01A001,DC=PROD,DC=OUTLOOK,DC=COM"
_KINDS = {
    "UserMailbox": (None, False, False),
    "SharedMailbox": (None, False, True),
    "RoomMailbox": ("Room", True, False),
    "EquipmentMailbox": ("Equipment", True, False),
}
# What Set-Mailbox may write and Get-Mailbox shows under the same name, with the value of a mailbox never touched.
PLAIN: dict[str, Any] = {
    **{f"CustomAttribute{number}": "" for number in range(1, 16)},
    **{f"ExtensionCustomAttribute{number}": [] for number in range(1, 6)},
    "ForwardingSmtpAddress": None,
    "DeliverToMailboxAndForward": False,
    "MessageCopyForSentAsEnabled": False,
    "MessageCopyForSendOnBehalfEnabled": False,
    "MessageCopyForSMTPClientSubmissionEnabled": False,
    "RequireSenderAuthenticationEnabled": False,
    "AuditEnabled": True,
    "CalendarRepairDisabled": False,
    "CalendarVersionStoreDisabled": False,
    "ElcProcessingDisabled": False,
    "MailTip": None,
    "MessageTrackingReadStatusEnabled": True,
    "ModerationEnabled": False,
    "Office": "",
    "ResourceCapacity": None,
    "RetentionComment": "",
    "RetentionHoldEnabled": False,
    "RetentionUrl": "",
    "SimpleDisplayName": "",
    "SingleItemRecoveryEnabled": True,
}
_MAILBOX: dict[str, Any] = {
    "Database": "EURPR01DG001-db001",
    "DeletedItemFlags": "DatabaseDefault",
    "UseDatabaseRetentionDefaults": False,
    "RetainDeletedItemsUntilBackup": False,
    "RetainDeletedItemsFor": span(timedelta(days=14)),
    "IsHierarchyReady": True,
    "HasPicture": False,
    "ForwardingAddress": None,
    "LitigationHoldDate": None,
    "LitigationHoldOwner": "",
    "LitigationHoldDuration": "Unlimited",
    "RetentionPolicy": "Default MRM Policy",
    "AddressBookPolicy": None,
    "IssueWarningQuota": size(49 * _GB),
    "ProhibitSendQuota": size(99 * _GB // 2),
    "ProhibitSendReceiveQuota": size(50 * _GB),
    "RecoverableItemsQuota": size(30 * _GB),
    "RecoverableItemsWarningQuota": size(20 * _GB),
    "UseDatabaseQuotaDefaults": False,
    "RulesQuota": size(256 * 1024),
    "MaxSendSize": size(35 * 1024**2),
    "MaxReceiveSize": size(36 * 1024**2),
    "MaxSafeSenders": None,
    "MaxBlockedSenders": None,
    "RecipientLimits": "500",
    "Languages": [],
    "ServerName": "ab1pr01mb0001",
    "ArchiveQuota": size(100 * _GB),
    "ArchiveWarningQuota": size(90 * _GB),
    "ArchiveDomain": None,
    "AutoExpandingArchiveEnabled": False,
    "DisabledArchiveGuid": _EMPTY,
    "RoleAssignmentPolicy": "Default Role Assignment Policy",
    "SharingPolicy": "Default Sharing Policy",
    "RemoteAccountPolicy": None,
    "MailboxPlan": None,
    "ThrottlingPolicy": None,
    "AuditLogAgeLimit": span(timedelta(days=90)),
    "AuditAdmin": ["Update", "MoveToDeletedItems", "SoftDelete", "HardDelete", "SendAs", "SendOnBehalf", "Create"],
    "AuditDelegate": ["Update", "MoveToDeletedItems", "SoftDelete", "HardDelete", "SendAs", "SendOnBehalf", "Create"],
    "AuditOwner": ["Update", "MoveToDeletedItems", "SoftDelete", "HardDelete"],
    "DefaultAuditSet": ["Admin", "Delegate", "Owner"],
    "InPlaceHolds": [],
    "DelayHoldApplied": False,
    "DelayReleaseHoldApplied": False,
    "ComplianceTagHoldApplied": False,
    "AccountDisabled": False,
    "IsInactiveMailbox": False,
    "IsSoftDeletedByRemove": False,
    "IsSoftDeletedByDisable": False,
    "IsMailboxEnabled": True,
    "IsLinked": False,
    "IsRootPublicFolderMailbox": False,
    "WhenSoftDeleted": None,
    "EmailAddressPolicyEnabled": False,
    "AcceptMessagesOnlyFrom": [],
    "AcceptMessagesOnlyFromDLMembers": [],
    "AcceptMessagesOnlyFromSendersOrMembers": [],
    "RejectMessagesFrom": [],
    "RejectMessagesFromDLMembers": [],
    "RejectMessagesFromSendersOrMembers": [],
    "BypassModerationFromSendersOrMembers": [],
    "ModeratedBy": [],
    "SendModerationNotifications": "Always",
    "MailTipTranslations": [],
    "ResourceCustom": [],
    "UserCertificate": [],
    "UserSMimeCertificate": [],
    "PoliciesIncluded": [],
    "PoliciesExcluded": ["{26491cfc-9e50-4857-861b-0cb8df22b5d7}"],
    "Extensions": [],
    "UMEnabled": False,
    "MailboxRegion": None,
    "MailboxRegionLastUpdateTime": None,
    "MessageRecallProcessingEnabled": True,
    "ProtocolSettings": [],
    "RecipientType": "UserMailbox",
    "IsValid": True,
    "ObjectState": "Changed",
    "ExchangeVersion": "0.20 (15.0.0.0)",
}
_MAILBOX_ROW = annotated(_MAILBOX | PLAIN)


def _ids(tenant: Tenant, object_id: str, name: str) -> dict[str, Any]:
    """What every recipient has of identities."""
    guid = exchange_guid(object_id)
    hosted = f"Microsoft Exchange Hosted Organizations/{tenant.initial_domain}"
    container = f"OU={tenant.initial_domain},{_HOSTED_DN}"
    return {
        "ExternalDirectoryObjectId": object_id,
        "Identity": object_id,
        "Id": object_id,
        "Guid": guid,
        "ExchangeObjectId": guid,
        "Name": name,
        "DistinguishedName": f"CN={name},{container}",
        "OrganizationId": f"EURPR01A001.PROD.OUTLOOK.COM/{hosted}",
        "OrganizationalUnit": f"eurpr01a001.prod.outlook.com/{hosted}",
        "OriginatingServer": "AB1PR01A001DC01.EURPR01A001.PROD.OUTLOOK.COM",
    }


def _times(created: datetime) -> dict[str, Any]:
    return {"WhenCreated": created, "WhenCreatedUTC": created, "WhenChanged": created, "WhenChangedUTC": created}


def is_dir_synced(user: User) -> bool:
    """Whether the on-premises directory masters the user."""
    return user.on_premises_sync_enabled is True and not user.is_cloud_managed


def _mail(user: User) -> dict[str, Any]:
    primary = primary_of(user.proxy_addresses) or user.mail or ""
    return {
        "Alias": user.mail_nickname or "",
        "DisplayName": user.display_name,
        "EmailAddresses": list(user.proxy_addresses),
        "PrimarySmtpAddress": primary,
        "WindowsEmailAddress": primary,
    }


def mailbox_row(tenant: Tenant, user: User) -> dict[str, Any]:
    """Get-Mailbox. The user must have a mailbox; showing its type counts as a read of it."""
    mailbox = user.mailbox
    assert mailbox is not None, "only mailboxes are shown as such"
    kind = shown_type(tenant, user)
    resource_type, is_resource, is_shared = _KINDS[kind]
    own = {
        **_ids(tenant, user.id, user.display_name),
        **_times(mailbox.created_at),
        **_mail(user),
        "RecipientTypeDetails": kind,
        "ResourceType": resource_type,
        "IsResource": is_resource,
        "IsShared": is_shared,
        "RoomMailboxAccountEnabled": False if kind == "RoomMailbox" else None,
        "UserPrincipalName": user.user_principal_name,
        "MicrosoftOnlineServicesID": user.user_principal_name,
        "WindowsLiveID": user.user_principal_name,
        "ImmutableId": user.on_premises_immutable_id or "",
        "SamAccountName": f"$UJ1000-{user.id[:8].upper()}",
        "ExchangeGuid": Guid(mailbox.guid),
        "ArchiveGuid": exchange_guid(f"archive {mailbox.guid}") if mailbox.archive else _EMPTY,
        "ArchiveStatus": "Active" if mailbox.archive else "None",
        "ArchiveState": "Local" if mailbox.archive else "None",
        "ArchiveName": [f"In-Place Archive -{user.display_name}"] if mailbox.archive else [],
        "ArchiveDatabase": "EURPR01DG002-db002" if mailbox.archive else None,
        "LitigationHoldEnabled": mailbox.litigation_hold,
        "HiddenFromAddressListsEnabled": mailbox.hidden_from_address_lists,
        "IsDirSynced": is_dir_synced(user),
        "IsExchangeCloudManaged": mailbox.is_exchange_cloud_managed,
        "RemoteRecipientType": mailbox.remote_recipient_type,
        "SKUAssigned": has_exchange_plan(tenant, user),
        "UsageLocation": user.usage_location,
        "WhenMailboxCreated": mailbox.created_at,
        "AccountDisabled": not user.account_enabled,
        "GrantSendOnBehalfTo": _delegate_names(tenant, mailbox.extra.get("GrantSendOnBehalfTo", [])),
        **{name: value for name, value in mailbox.extra.items() if name in PLAIN},
    }
    return _MAILBOX_ROW | annotated(own)


def mailbox_row_with_delegates(tenant: Tenant, user: User) -> dict[str, Any]:
    """The same with the addresses of the delegates beside their names."""
    row = mailbox_row(tenant, user)
    if tenant.switches.get("exchange_delegate_addresses", True):
        held = _delegates(tenant, user.mailbox.extra.get("GrantSendOnBehalfTo", []) if user.mailbox else [])
        row["GrantSendOnBehalfToWithDisplayNames"] = [
            {"DisplayName": item.display_name, "PrimarySmtpAddress": primary_of(item.proxy_addresses) or ""}
            for item in held
        ]
    return row


def _delegates(tenant: Tenant, ids: list[str]) -> list[User | Group]:
    found = (tenant.users.get(object_id) or tenant.groups.get(object_id) for object_id in ids)
    return [item for item in found if item is not None]


def _delegate_names(tenant: Tenant, ids: list[str]) -> list[str]:
    """Delegates are kept by id and shown by display name or by id; both have been seen."""
    by_id = tenant.switches.get("exchange_delegate_form") == "id"
    return [item.id if by_id else item.display_name for item in _delegates(tenant, ids)]


def kind_of(item: Group | Contact) -> str:
    """The RecipientTypeDetails of what is no user."""
    if isinstance(item, Contact):
        return "MailContact"
    if item.unified:
        return "GroupMailbox"
    return "MailUniversalSecurityGroup" if item.security_enabled else "MailUniversalDistributionGroup"


def recipient_type(kind: str) -> str:
    """The RecipientType of a RecipientTypeDetails of L(kind_of)."""
    return "MailUniversalDistributionGroup" if kind == "GroupMailbox" else kind


def recipient_row(tenant: Tenant, item: User | Group | Contact) -> dict[str, Any]:
    """Get-Recipient."""
    if isinstance(item, User):
        return annotated(
            {
                **_ids(tenant, item.id, item.display_name),
                **_times(item.created_at),
                **_mail(item),
                **_person(item),
                "RecipientType": "UserMailbox",
                "RecipientTypeDetails": shown_type(tenant, item),
                "ExchangeGuid": Guid(item.mailbox.guid) if item.mailbox else _EMPTY,
                "ArchiveGuid": _EMPTY,
                "HiddenFromAddressListsEnabled": bool(item.mailbox and item.mailbox.hidden_from_address_lists),
                "IsDirSynced": is_dir_synced(item),
                "SKUAssigned": has_exchange_plan(tenant, item),
                "WindowsLiveID": item.user_principal_name,
                "IsValid": True,
            }
        )
    kind = kind_of(item)
    return annotated(
        {
            **_ids(tenant, item.id, item.display_name),
            "DisplayName": item.display_name,
            "Alias": (item.mail or "").partition("@")[0],
            "EmailAddresses": list(item.proxy_addresses),
            "PrimarySmtpAddress": primary_of(item.proxy_addresses) or "",
            "RecipientType": recipient_type(kind),
            "RecipientTypeDetails": kind,
            "HiddenFromAddressListsEnabled": False,
            "IsDirSynced": item.on_premises_sync_enabled is True,
            "ExchangeGuid": _EMPTY,
            "IsValid": True,
        }
    )


def _person(user: User) -> dict[str, Any]:
    return {
        "FirstName": user.given_name or "",
        "LastName": user.surname or "",
        "Department": user.department or "",
        "Title": user.job_title or "",
        "Company": "",
        "Office": str(user.mailbox.extra.get("Office", "")) if user.mailbox else "",
    }


def user_row(tenant: Tenant, user: User) -> dict[str, Any]:
    """Get-User: every user, with or without a mailbox."""
    primary = primary_of(user.proxy_addresses) or user.mail or ""
    return annotated(
        {
            **_ids(tenant, user.id, user.display_name),
            **_times(user.created_at),
            **_person(user),
            "DisplayName": user.display_name,
            "UserPrincipalName": user.user_principal_name,
            "MicrosoftOnlineServicesID": user.user_principal_name,
            "WindowsLiveID": user.user_principal_name,
            "WindowsEmailAddress": primary,
            "ImmutableId": user.on_premises_immutable_id or "",
            "RecipientType": "UserMailbox" if user.mailbox else "User",
            "RecipientTypeDetails": shown_type(tenant, user),
            "AccountDisabled": not user.account_enabled,
            "IsDirSynced": is_dir_synced(user),
            "SKUAssigned": has_exchange_plan(tenant, user),
            "UsageLocation": user.usage_location,
            "IsSoftDeletedByRemove": False,
            "IsValid": True,
        }
    )


def cas_mailbox_row(tenant: Tenant, user: User) -> dict[str, Any]:
    """Get-CASMailbox; SmtpClientAuthenticationDisabled and EwsEnabled are null until somebody decides."""
    return annotated(
        {
            **_ids(tenant, user.id, user.display_name),
            "DisplayName": user.display_name,
            "EmailAddresses": list(user.proxy_addresses),
            "PrimarySmtpAddress": primary_of(user.proxy_addresses) or "",
            **cas_values(user),
            "HasActiveSyncDevicePartnership": False,
            "IsValid": True,
        }
    )


def statistics_row(tenant: Tenant, user: User) -> dict[str, Any]:
    """Get-MailboxStatistics; its Identity is the mailbox GUID, and sizes are text."""
    mailbox = user.mailbox
    assert mailbox is not None, "only mailboxes have statistics"
    return annotated(
        {
            "Identity": mailbox.guid,
            "DisplayName": user.display_name,
            "MailboxGuid": Guid(mailbox.guid),
            "ExternalDirectoryOrganizationId": Guid(tenant.id),
            "MailboxType": "Private",
            "MailboxTypeDetail": shown_type(tenant, user),
            "ItemCount": mailbox.size_bytes // 75_000,
            "DeletedItemCount": 0,
            "AssociatedItemCount": 60,
            "TotalItemSize": size(mailbox.size_bytes),
            "TotalDeletedItemSize": size(0),
            "StorageLimitStatus": None,
            "LastLogonTime": None,
            "IsArchiveMailbox": False,
            "IsQuarantined": False,
            "DatabaseName": "EURPR01DG001-db001",
            "IsValid": True,
        }
    )


def organization_row(tenant: Tenant) -> dict[str, Any]:
    """The part of Get-OrganizationConfig that Set-OrganizationConfig does not change."""
    switches = tenant.switches
    return annotated(
        {
            **_ids(tenant, tenant.id, tenant.initial_domain),
            "Identity": tenant.initial_domain,
            "Id": tenant.initial_domain,
            "DisplayName": tenant.display_name,
            "IsDehydrated": bool(switches.get("exchange_dehydrated", False)),
            "HybridConfigurationStatus": "None",
            "IsMixedMode": False,
            "IsValid": True,
        }
    )


def accepted_domain_row(tenant: Tenant, domain: Domain) -> dict[str, Any]:
    """Get-AcceptedDomain: a verified domain; unverified ones are unknown to Exchange."""
    return annotated(
        {
            **_ids(tenant, domain.name, domain.name),
            "ExternalDirectoryObjectId": "",
            "DomainName": domain.name,
            "DomainType": "Authoritative",
            "Default": domain.is_default,
            "InitialDomain": domain.is_initial,
            "MatchSubDomains": False,
            "AuthenticationType": domain.authentication_type,
            "RawAuthenticationType": domain.authentication_type,
            "AddressBookEnabled": True,
            "EmailOnly": False,
            "ExternallyManaged": False,
            "PendingRemoval": False,
            "PendingCompletion": False,
            "OutboundOnly": False,
            "IsCoexistenceDomain": False,
            "EnableNego2Authentication": domain.authentication_type == "Federated",
            "CanHaveCloudCache": False,
            "SendingFromDomainDisabled": False,
            "SendingToDomainDisabled": False,
            "SmtpDaneStatus": None,
            "MailFlowPartner": None,
            "CatchAllRecipientID": None,
            "AdminDisplayName": "",
            "IsValid": True,
        }
    )
