# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Set- cmdlets of Exchange Online whose parameters can be declared: names, kinds of value, lists of values.

Source: Exchange PowerShell reference on Microsoft Learn, the page of each C(Set-) cmdlet, parameters that apply to
Exchange Online. Which properties C(Get-) shows under the same name was observed in public for TransportConfig,
RemoteDomain, AcceptedDomain and DkimSigningConfig; for the others an answer without the property is an error.
"""

from __future__ import annotations

from .exchange_nouns import Noun, kinds_of, reasons_of

_MIME = "TextOnly HtmlOnly HtmlAndTextAlternative TextEnrichedOnly TextEnrichedAndTextAlternative BestBodyFormat Tnef"
_EWS = "EnforceAllowList EnforceBlockList"
_OWNER = (
    "None AddFolderPermissions ApplyRecord Create FolderBind HardDelete ModifyFolderPermissions Move MoveToDeletedItems"
    " RecordDelete RemoveFolderPermissions SoftDelete Update UpdateFolderPermissions UpdateInboxRules"
)

ORGANIZATION = Noun(
    "OrganizationConfig",
    kinds_of(
        {
            "DefaultGroupAccessType": "Public Private",
            "EwsApplicationAccessPolicy": _EWS,
            "PublicFoldersEnabled": "Local Remote None",
            "ShortenEventScopeDefault": "None EndEarly StartLate",
        },
        {},
        bool="ActionableMessagesExtenalAccessTokenEnabled ActivityBasedAuthenticationTimeoutEnabled"
        " ActivityBasedAuthenticationTimeoutWithSingleSignOnEnabled AppsForOfficeEnabled AsyncSendEnabled AuditDisabled"
        " AutodiscoverPartialDirSync AutoEnableArchiveMailbox AutomaticForcedReadReceiptEnabled"
        " BlockMoveMessagesForGroupFolders BookingsAddressEntryRestricted BookingsAuthEnabled BookingsBlockedWordsEnabled"
        " BookingsCreationOfCustomQuestionsRestricted BookingsEnabled BookingsExposureOfStaffDetailsRestricted"
        " BookingsMembershipApprovalRequired BookingsNamingPolicyEnabled BookingsNamingPolicyPrefixEnabled"
        " BookingsNamingPolicySuffixEnabled BookingsNotesEntryRestricted BookingsPaymentsEnabled"
        " BookingsPhoneNumberEntryRestricted BookingsSearchEngineIndexDisabled BookingsSmsMicrosoftEnabled"
        " BookingsSocialSharingRestricted CalendarVersionStoreEnabled ComplianceMLBgdCrawlEnabled"
        " ConnectorsActionableMessagesEnabled ConnectorsEnabled ConnectorsEnabledForOutlook ConnectorsEnabledForSharepoint"
        " ConnectorsEnabledForTeams ConnectorsEnabledForYammer CustomerLockboxEnabled DefaultFolderPermissionRestricted"
        " DelayedDelicensingEnabled DirectReportsGroupAutoCreationEnabled DisablePlusAddressInRecipients DLPViaDcsEnabled"
        " DLPWaitOnSendEnabled ElcProcessingDisabled EnableForwardingAddressSyncForMailboxes EnableOutlookEvents"
        " EndUserDLUpgradeFlowsDisabled EndUserMailNotificationForDelayedDelicensingEnabled EnforceExoAppRbacPermissions"
        " EwsAllowEntourage EwsAllowMacOutlook EwsAllowOutlook ExchangeNotificationEnabled"
        " FindTimeAttendeeAuthenticationEnabled FindTimeAutoScheduleDisabled FindTimeLockPollForAttendeesEnabled"
        " FindTimeOnlineMeetingOptionDisabled FocusedInboxOn HybridRSVPEnabled InRegionRoutingEnabled IsAgendaMailEnabled"
        " IsGroupFoldersAndRulesEnabled IsGroupMemberAllowedToEditContent LeanPopoutEnabled LinkPreviewEnabled"
        " MailTipsAllTipsEnabled MailTipsExternalRecipientsTipsEnabled MailTipsGroupMetricsEnabled"
        " MailTipsMailboxSourcedTipsEnabled MaskClientIpInReceivedHeadersEnabled MatchSenderOrganizerProperties"
        " MessageHighlightsEnabled MessageRecallAlertRecipientsEnabled"
        " MessageRecallAlertRecipientsReadMessagesOnlyEnabled MessageRemindersEnabled MobileAppEducationEnabled"
        " OAuth2ClientProfileEnabled OutlookGifPickerDisabled OutlookMobileGCCRestrictionsEnabled"
        " OutlookMobileHelpShiftEnabled OutlookMobileSingleAccountEnabled OutlookPayEnabled OutlookTextPredictionDisabled"
        " PerTenantSwitchToESTSEnabled PostponeRoamingSignaturesUntilLater PublicComputersDetectionEnabled"
        " PublicFolderShowClientControl ReadTrackingEnabled RecallReadMessagesEnabled RecipientDelimiters"
        " RefreshSessionEnabled RejectDirectSend SendFromAliasEnabled SharedDomainEmailAddressFlowEnabled"
        " SmtpActionableMessagesEnabled TenantAdminNotificationForDelayedDelicensingEnabled TwoClickMailPreviewEnabled"
        " UnblockUnsafeSenderPromptEnabled WebPushNotificationsDisabled WebSuggestedRepliesDisabled WorkspaceTenantEnabled",
        tristate="EwsEnabled MessageRecallEnabled OnlineMeetingsByDefaultEnabled",
        int="AutoArchivingThresholdPercentage ByteEncoderTypeFor7BitCharsets DefaultMinutesToReduceLongEventsBy"
        " DefaultMinutesToReduceShortEventsBy DLPWaitOnSendTimeout MailTipsLargeAudienceThreshold"
        " PreferredInternetCodePageForShiftJis RequiredCharsetCoverage",
        quota="DefaultPublicFolderIssueWarningQuota DefaultPublicFolderMaxItemSize DefaultPublicFolderProhibitPostQuota",
        span="ActivityBasedAuthenticationTimeoutInterval DefaultPublicFolderAgeLimit DefaultPublicFolderDeletedItemRetention"
        " DefaultPublicFolderMovedItemRetention MessageRecallMaxRecallableAge",
        text="BookingsNamingPolicyPrefix BookingsNamingPolicySuffix DistributionGroupNamingPolicy"
        " VisibleMeetingUpdateProperties",
        word="SiteMailboxCreationURL",
        app_ids="EwsAllowedAppIDs",
        policy="DefaultAuthenticationPolicy",
        list="DistributionGroupNameBlockedWordsList EwsAllowList EwsBlockList ExchangeNotificationRecipients IPListBlocked",
    ),
    reasons_of(
        actions="AutoExpandingArchive EnforceShortenEventSetting",
        # Two switches for one state, of which none is set to false.
        unknown="ExchangeAttributesCloudManagedByDefault ExchangeAttributesServerManagedByDefault",
        references="DistributionGroupDefaultOU HierarchicalAddressBookRoot RemotePublicFolderMailboxes",
    ),
    several=False,
    # Named in "Set-OrganizationConfig"; without it Get-OrganizationConfig leaves the list out.
    shown_by={"EwsAllowedAppIDs": "RetrieveEwsOperationAccessPolicy"},
)

TRANSPORT = Noun(
    "TransportConfig",
    kinds_of(
        {
            "DSNConversionMode": "DoNotConvert PreserveDSNBody UseExchangeDSNs",
            "HeaderPromotionModeSetting": "MustCreate MayCreate NoCreate",
        },
        {},
        bool="AddressBookPolicyRoutingEnabled ClearCategories ConvertDisclaimerWrapperToEml ExternalDelayDsnEnabled"
        " ExternalDsnLanguageDetectionEnabled ExternalDsnSendHtml InternalDelayDsnEnabled"
        " InternalDsnLanguageDetectionEnabled InternalDsnSendHtml PreventDuplicateJournalingEnabled"
        " ReplyAllStormProtectionEnabled Rfc2231EncodingEnabled SmtpClientAuthenticationDisabled VoicemailJournalingEnabled",
        tristate="AllowLegacyTLSClients",
        int="JournalMessageExpirationDays ReplyAllStormBlockDurationHours ReplyAllStormDetectionMinimumRecipients"
        " ReplyAllStormDetectionMinimumReplies",
        count="MaxRecipientEnvelopeLimit",
        span="MessageExpiration",
        word="ExternalDsnDefaultLanguage ExternalDsnReportingAuthority InternalDsnDefaultLanguage"
        " InternalDsnReportingAuthority",
        address="ExternalPostmasterAddress JournalingReportNdrTo",
    ),
    {},
    several=False,
)

REMOTE_DOMAIN = Noun(
    "RemoteDomain",
    kinds_of(
        {
            "AllowedOOFType": "External ExternalLegacy InternalLegacy None",
            "ByteEncoderTypeFor7BitCharsets": "Use7Bit UseQP UseBase64 UseQPHtmlDetectTextPlain UseBase64HtmlDetectTextPlain"
            " UseQPHtml7BitTextPlain UseBase64Html7BitTextPlain Undefined",
            "ContentType": "MimeHtmlText MimeText MimeHtml",
        },
        {},
        bool="AutoForwardEnabled AutoReplyEnabled DeliveryReportEnabled DisplaySenderName IsInternal"
        " MeetingForwardNotificationEnabled NDRDiagnosticInfoEnabled NDREnabled TargetDeliveryDomain"
        " TrustedMailInboundEnabled TrustedMailOutboundEnabled UseSimpleDisplayName",
        tristate="TNEFEnabled",
        int="RequiredCharsetCoverage",
        count="LineWrapSize",
        word="CharacterSet NonMimeCharacterSet",
    ),
    reasons_of(rewritten="PreferredInternetCodePageForShiftJis", renames="Name"),
)

ACCEPTED_DOMAIN = Noun(
    "AcceptedDomain",
    kinds_of(
        {"DomainType": "Authoritative InternalRelay"},
        {},
        bool="CanHaveCloudCache EnableNego2Authentication MatchSubDomains OutboundOnly SendingFromDomainDisabled"
        " SendingToDomainDisabled",
        word="MailFlowRegion",
    ),
    {},
)

OUTBOUND_SPAM = Noun(
    "HostedOutboundSpamFilterPolicy",
    kinds_of(
        {"ActionWhenThresholdReached": "Alert BlockUser BlockUserForToday", "AutoForwardingMode": "Automatic On Off"},
        {},
        bool="BccSuspiciousOutboundMail NotifyOutboundSpam",
        int="RecipientLimitExternalPerHour RecipientLimitInternalPerHour RecipientLimitPerDay",
        text="AdminDisplayName",
        list="BccSuspiciousOutboundAdditionalRecipients NotifyOutboundSpamRecipients",
    ),
    {},
)

DKIM = Noun(
    "DkimSigningConfig",
    kinds_of(
        dict.fromkeys(("BodyCanonicalization", "HeaderCanonicalization"), "Relaxed Simple"),
        {},
        bool="Enabled",
        text="AdminDisplayName",
    ),
    reasons_of(actions="PublishTxtRecords"),
)

RIGHTS_MANAGEMENT = Noun(
    "IRMConfiguration",
    kinds_of(
        {"TransportDecryptionSetting": "Disabled Mandatory Optional"},
        {},
        bool="AutomaticServiceUpdateEnabled AzureRMSLicensingEnabled DecryptAttachmentForEncryptOnly"
        " EDiscoverySuperUserEnabled EnablePdfEncryption EnablePortalTrackingLogs InternalLicensingEnabled"
        " JournalReportDecryptionEnabled RejectIfRecipientHasNoRights SearchEnabled"
        " SimplifiedClientAccessDoNotForwardDisabled SimplifiedClientAccessEnabled SimplifiedClientAccessEncryptOnlyDisabled",
        word="RMSOnlineKeySharingLocation",
        list="LicensingLocation",
    ),
    {},
    several=False,
)

CLIENT_ACCESS = Noun(
    "CASMailbox",
    kinds_of(
        {
            "EwsApplicationAccessPolicy": _EWS,
            "ImapMessagesRetrievalMimeFormat": _MIME,
            "PopMessagesRetrievalMimeFormat": _MIME,
        },
        {},
        bool="ActiveSyncDebugLogging ActiveSyncEnabled ActiveSyncSuppressReadReceipt EwsAllowEntourage EwsAllowMacOutlook"
        " EwsAllowOutlook ImapEnabled ImapForceICalForCalendarRetrievalOption ImapSuppressReadReceipt"
        " ImapUseProtocolDefaults IsOptimizedForAccessibility MacOutlookEnabled MAPIEnabled OneWinNativeOutlookEnabled"
        " OutlookMobileEnabled OWAEnabled OWAforDevicesEnabled PopEnabled PopForceICalForCalendarRetrievalOption"
        " PopSuppressReadReceipt PopUseProtocolDefaults PublicFolderClientAccess ShowGalAsDefaultView"
        " UniversalOutlookEnabled",
        tristate="EwsEnabled SmtpClientAuthenticationDisabled",
        policy="ActiveSyncMailboxPolicy OwaMailboxPolicy",
        list="ActiveSyncAllowedDeviceIDs ActiveSyncBlockedDeviceIDs EwsAllowList EwsBlockList",
    ),
    {},
    of_mailbox=True,
)

MAILBOX = Noun(
    "Mailbox",
    kinds_of(
        {"ExternalOofOptions": "External InternalOnly", "SendModerationNotifications": "Always Internal Never"},
        {
            "AuditAdmin": _OWNER + " Copy MessageBind SendAs SendOnBehalf UpdateCalendarDelegation",
            "AuditDelegate": _OWNER + " SendAs SendOnBehalf",
            "AuditOwner": _OWNER + " MailboxLogin MessageBind UpdateCalendarDelegation",
            "DefaultAuditSet": "Admin Delegate Owner",
        },
        bool="AccountDisabled AuditEnabled AutoArchivingEnabled CalendarRepairDisabled CalendarVersionStoreDisabled"
        " DeliverToMailboxAndForward ElcProcessingDisabled HiddenFromAddressListsEnabled IsExchangeCloudManaged"
        " IsExcludedFromServingHierarchy LitigationHoldEnabled MessageCopyForSendOnBehalfEnabled MessageCopyForSentAsEnabled"
        " MessageCopyForSMTPClientSubmissionEnabled MessageTrackingReadStatusEnabled ModerationEnabled"
        " RequireSenderAuthenticationEnabled RetentionHoldEnabled SchedulerAssistant SingleItemRecoveryEnabled",
        int="ResourceCapacity",
        count="RecipientLimits",
        size="RulesQuota",
        quota="IssueWarningQuota MaxReceiveSize MaxSendSize ProhibitSendQuota ProhibitSendReceiveQuota",
        span="AuditLogAgeLimit RetainDeletedItemsFor",
        duration="LitigationHoldDuration",
        date="EndDateForRetentionHold LitigationHoldDate StartDateForRetentionHold",
        address="ForwardingSmtpAddress JournalArchiveAddress",
        policy="AddressBookPolicy RetentionPolicy RoleAssignmentPolicy SharingPolicy",
        text="Alias DisplayName ImmutableId LitigationHoldOwner MailboxRegion Office RetentionComment RetentionUrl"
        " SimpleDisplayName " + " ".join(f"CustomAttribute{number}" for number in range(1, 16)),
        list="ResourceCustom " + " ".join(f"ExtensionCustomAttribute{number}" for number in range(1, 6)),
    ),
    reasons_of(
        actions="ApplyMandatoryProperties ClearThrottlingPolicyAssignment ExcludeFromAllHolds"
        " ExcludeFromAllOrgHolds ExcludeFromOrgHolds GroupMailbox InactiveMailbox ProvideConsent ProvisionedForOfficeGraph"
        " PublicFolder RecalculateInactiveMailbox RemoveComplianceTagHoldApplied RemoveDelayHoldApplied"
        " RemoveDelayReleaseHoldApplied RemoveDisabledArchive RemoveMailboxProvisioningConstraint RemoveOrphanedHolds"
        " StsRefreshTokensValidFrom UpdateEnforcedTimestamp",
        references="AcceptMessagesOnlyFrom AcceptMessagesOnlyFromDLMembers AcceptMessagesOnlyFromSendersOrMembers"
        " BypassModerationFromSendersOrMembers DataEncryptionPolicy DefaultPublicFolderMailbox ForwardingAddress"
        " GrantSendOnBehalfTo ModeratedBy RejectMessagesFrom RejectMessagesFromDLMembers"
        " RejectMessagesFromSendersOrMembers",
        rewritten="ArchiveName EmailAddressDisplayNames EmailAddresses EnableRoomMailboxAccount MailTip"
        " MailTipTranslations NonCompliantDevices Type UserCertificate UserSMimeCertificate",
        renames="MicrosoftOnlineServicesID Name WindowsEmailAddress",
        secrets="Password RoomMailboxPassword",
        unknown="EnforcedTimestamps Languages UniqueRecipientsCountLimitLevel UniqueUnrestrictedGroupsLimitEnabled"
        " UseDatabaseQuotaDefaults UseDatabaseRetentionDefaults",
    ),
    of_mailbox=True,
)

NOUNS = {
    noun.name: noun
    for noun in (
        ORGANIZATION,
        TRANSPORT,
        REMOTE_DOMAIN,
        ACCEPTED_DOMAIN,
        OUTBOUND_SPAM,
        DKIM,
        RIGHTS_MANAGEMENT,
        CLIENT_ACCESS,
        MAILBOX,
    )
}
