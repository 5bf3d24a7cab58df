# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Exchange Online says over SMTP and IMAP, what it means and what to do.

Sources, as each rule names them:

- OAuth: Microsoft Learn, "Authenticate an IMAP, POP or SMTP connection using OAuth".
- SMTP AUTH: Microsoft Learn, "Enable or disable authenticated client SMTP submission (SMTP AUTH) in Exchange Online".
- Devices: Microsoft Learn, "Fix issues with printers, scanners, and LOB applications that send email using Microsoft 365".
- Throttling: Microsoft Learn, "Message storage and concurrent connection throttling for SMTP Authenticated Submission".
- NDR: Microsoft Learn, "Email non-delivery reports and SMTP errors in Exchange Online".
- Blog: Microsoft Exchange Team Blog, "Exchange Online to retire Basic auth for Client Submission (SMTP AUTH)" and its
  update of January 2026.
- RFC 3463: what the class of an enhanced status code means.
- Seen: logs and tools in public, where Microsoft documents nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MailRule:
    """A refusal, known by all of the fields that are not empty.

    Attributes:
        shown: how the table in the documentation names it.
        status: enhanced status code (RFC 3463), or what it begins with.
        fragment: part of the text, in any case.
        meaning, advice: in words for the administrator; the same words stand in the documentation.
        source: where it is from.
        passing: it may go away by itself, so it is tried again.
        denied: the sign-in was refused without a reason, so the token is looked at.
    """

    shown: str
    source: str
    status: str = ""
    fragment: str = ""
    meaning: str = ""
    advice: str = ""
    passing: bool = False
    denied: bool = False


_PASSWORD = "It was a password that was refused; this collection signs in with OAuth only."
_LATER = "Run it again later; if it stays, look at the service health of Exchange Online."
_LIMITS = "Send less at a time; the limits are those of Exchange Online for one mailbox."

RULES: tuple[MailRule, ...] = (
    MailRule(
        "535 5.7.139 ... SmtpClientAuthentication is disabled for the Tenant",
        "SMTP AUTH",
        "5.7.139",
        "is disabled for the tenant",
        "SMTP AUTH is switched off for the organization, and the mailbox has no switch of its own.",
        "Enable it for this mailbox: smtp_auth with mailbox and smtp_auth=enabled. It takes effect after some minutes.",
    ),
    MailRule(
        "535 5.7.139 ... SmtpClientAuthentication is disabled for the Mailbox",
        "SMTP AUTH",
        "5.7.139",
        "is disabled for the mailbox",
        "SMTP AUTH is switched off for this mailbox.",
        "Enable it: smtp_auth with mailbox and smtp_auth=enabled. It takes effect after some minutes.",
    ),
    MailRule(
        "535 5.7.139 ... basic authentication is disabled",
        "Blog",
        "5.7.139",
        "basic authentication is disabled",
        _PASSWORD,
        "Let the application sign in with OAuth.",
    ),
    MailRule(
        "535 5.7.139 ... locked by your organization's security defaults policy",
        "Devices",
        "5.7.139",
        "security defaults policy",
        "The security defaults of Entra ID forbid sign-ins with a password.",
        "Let the application sign in with OAuth; do not switch the security defaults off.",
    ),
    MailRule(
        "535 5.7.139 ... the user credentials were incorrect",
        "Seen",
        "5.7.139",
        "credentials were incorrect",
        "The user name or the password was wrong, or a policy forbids passwords.",
        "Let the application sign in with OAuth.",
    ),
    MailRule(
        "535 5.7.139 ... the request did not meet the criteria to be authenticated successfully",
        "Seen",
        "5.7.139",
        "did not meet the criteria",
        "A policy of the organization, most often Conditional Access, does not let this sign-in through.",
        "Look at the sign-in log of Entra ID for this application and this time.",
    ),
    MailRule(
        "535 5.7.139, any other",
        "SMTP AUTH",
        "5.7.139",
        "",
        "SMTP AUTH is switched off, or a policy of the organization does not let this sign-in through.",
        "Look at smtp_auth_info first, then at the sign-in log of Entra ID.",
    ),
    MailRule("535 5.7.3 Authentication unsuccessful", "OAuth", "5.7.3", "authentication unsuccessful", denied=True),
    MailRule(
        "550 5.7.30 Basic authentication is not supported for Client Submission",
        "Blog",
        "5.7.30",
        "",
        _PASSWORD,
        "Let the application sign in with OAuth.",
    ),
    MailRule(
        "530 5.7.57 Client not authenticated to send mail",
        "Devices",
        "5.7.57",
        "",
        "The message was submitted without a sign-in.",
        "Sign in first; behind a device that relays, check that it signs in at all.",
    ),
    MailRule(
        "550 5.7.60 Client does not have permissions to send as this sender",
        "Devices",
        "5.7.60",
        "",
        "The sender is none of the mailbox's own addresses, and the mailbox may not send as it.",
        "Use an address of the mailbox as sender, or give SendAs on the other one.",
    ),
    MailRule(
        "550 5.7.1 Client does not have permissions to send as this sender",
        "Seen",
        "",
        "permissions to send as this sender",
        "The sender is none of the mailbox's own addresses, and the mailbox may not send as it.",
        "Use an address of the mailbox as sender, or give SendAs on the other one.",
    ),
    MailRule(
        "554 5.2.252 SendAsDenied",
        "Seen",
        "5.2.252",
        "",
        "The sender is none of the mailbox's own addresses, and the mailbox may not send as it.",
        "Use an address of the mailbox as sender, or give SendAs on the other one.",
    ),
    MailRule(
        "430 4.2.0 STOREDRV; mailbox logon failure",
        "Seen",
        "4.2.0",
        "mailbox logon failure",
        "The sign-in succeeded, but the application may not open the mailbox: it has no FullAccess, or that has not taken"
        " effect yet.",
        "Give it with exchange_service_principal (mailboxes.add); if it was given within the last hour, wait.",
    ),
    MailRule(
        "550 5.7.708 Access denied, traffic not accepted from this IP",
        "NDR",
        "5.7.708",
        "",
        "Exchange Online does not trust this tenant or this address to send yet; new tenants meet this.",
        "Ask Microsoft's support to lift it.",
    ),
    MailRule(
        "432 4.3.2 Concurrent connections limit exceeded",
        "Throttling",
        "4.3.2",
        "",
        "More than three sessions submit mail from this mailbox at the same time.",
        _LIMITS,
        passing=True,
    ),
    MailRule(
        "554 5.2.2 Submission quota exceeded",
        "NDR",
        "5.2.2",
        "",
        "The mailbox has reached its limit of recipients for a day (10,000).",
        _LIMITS,
    ),
    MailRule(
        "550 5.1.90 reached your daily limit for message recipients",
        "NDR",
        "5.1.90",
        "",
        "The mailbox has reached its limit of recipients for a day (10,000).",
        _LIMITS,
    ),
    MailRule(
        "550 5.1.8 Access denied, bad outbound sender",
        "NDR",
        "5.1.8",
        "",
        "The mailbox is blocked from sending because it sent spam.",
        "Find out how, then remove it from the restricted entities in the Microsoft Defender portal.",
    ),
    MailRule(
        "550 5.1.x, any other",
        "NDR",
        "5.1.",
        "",
        "The address of the recipient or of the sender does not exist, or is no address.",
        "Check send_to and sender.",
    ),
    MailRule(
        "454 4.7.0 Temporary authentication failure",
        "Seen",
        "4.7.",
        "",
        "The service could not check the sign-in at this moment, or throttles this client.",
        _LATER,
        passing=True,
    ),
    MailRule(
        "421 4.x.x, 451 4.x.x",
        "RFC 3463",
        "4.",
        "",
        "The service has a passing problem, or throttles this client.",
        _LATER,
        passing=True,
    ),
    MailRule(
        "504 5.7.4 Unrecognized authentication type",
        "SMTP AUTH",
        "5.7.4",
        "",
        "The server does not offer OAuth (XOAUTH2) on this connection.",
        "Check endpoints.smtp: the server must be the one for client submission, not that of a domain's MX record.",
    ),
    MailRule("NO AUTHENTICATE failed.", "OAuth", "", "authenticate failed", denied=True),
    MailRule(
        "BAD User is authenticated but not connected.",
        "Seen",
        "",
        "authenticated but not connected",
        "The sign-in succeeded, but the mailbox cannot be opened: IMAP is switched off for it, or the application has no"
        " FullAccess.",
        "Enable IMAP for the mailbox (Set-CASMailbox -ImapEnabled), and give FullAccess with exchange_service_principal.",
    ),
)


def classify(status: str, text: str) -> MailRule | None:
    """The first rule that fits a reply.

    Arguments:
        status: its enhanced status code; empty where it has none.
        text: its text.
    """
    lower = text.lower()
    for rule in RULES:
        whole = status.startswith(rule.status) if rule.status.endswith(".") else status == rule.status
        if (whole or not rule.status) and rule.fragment in lower and (rule.status or rule.fragment):
            return rule
    return None
