# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Exchange's client access and the vaults keep beside users and applications: plain data of one tenant.

Fields named C(secret) are never shown by the control.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class SignIn:
    """One entry of the sign-in log. C(error_code): 0 for a success, as in the log itself."""

    id: str
    user_principal_name: str
    client_app_used: str
    created_at: datetime
    error_code: int = 0


@dataclass
class PrincipalReference:
    """Exchange's reference to a service principal (New-ServicePrincipal); its ids are taken as they are given."""

    guid: str
    app_id: str
    object_id: str
    display_name: str
    created_at: datetime
    # Whether the object id was that of a service principal in Entra when it was created.
    matched: bool = False
    # How many look-ups still do not find it (replication).
    unseen: int = 0


@dataclass
class MailboxGrant:
    """One entry of a mailbox's access list. C(trustee): id of a user or group, or C(guid) of a principal reference."""

    trustee: str
    rights: list[str]
    created_at: datetime
    deny: bool = False
    inheritance: str = "All"
    auto_mapping: bool = True


@dataclass
class SendAsGrant:
    """One trustee who may send as a recipient."""

    trustee: str
    created_at: datetime
    deny: bool = False


@dataclass
class ExchangeStore:
    """Organization-wide settings and permissions of Exchange."""

    # Parameter of Set-TransportConfig -> value, where it differs from a new organization's.
    transport: dict[str, Any] = field(default_factory=dict)
    principals: dict[str, PrincipalReference] = field(default_factory=dict)
    # User id -> entries of its mailbox.
    mailbox_grants: dict[str, list[MailboxGrant]] = field(default_factory=dict)
    # Recipient id -> who may send as it.
    send_as: dict[str, list[SendAsGrant]] = field(default_factory=dict)
    # Noun -> name of the object -> parameter -> value, where it differs from an object never touched.
    settings: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    # Noun and name -> what it said before the last change, and how many reads still show that.
    settings_before: dict[str, dict[str, Any]] = field(default_factory=dict)
    # "organization" or user id -> what SmtpClientAuthenticationDisabled said before, and when it was changed.
    smtp_auth_before: dict[str, tuple[bool | None, datetime]] = field(default_factory=dict)


@dataclass
class Message:
    """A message that the submission service has accepted."""

    time: datetime
    mailbox: str
    sender: str
    recipients: list[str]
    subject: str
    size: int
    app_id: str
    # The credential that the token was got with, where the token endpoint says so.
    key_id: str | None
    delegated: bool
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class KeyVaultVersion:
    """One version of a secret in Azure Key Vault. Times are seconds since 1970, as the service shows them."""

    id: str
    secret: str
    created: int
    updated: int
    enabled: bool = True
    not_before: int | None = None
    expires: int | None = None
    content_type: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class KeyVaultSecret:
    """A secret with all its versions, oldest first; with C(deleted_at) only its name is still taken."""

    name: str
    versions: list[KeyVaultVersion] = field(default_factory=list)
    deleted_at: datetime | None = None


@dataclass
class HashiVersion:
    """One version of an entry in HashiCorp Vault; C(deletion_at) may lie in the future."""

    secret: dict[str, Any] | None
    created_at: datetime
    deletion_at: datetime | None = None
    destroyed: bool = False


@dataclass
class HashiEntry:
    """An entry of a KV engine, version 2, with its metadata."""

    created_at: datetime
    updated_at: datetime
    current: int = 0
    versions: dict[int, HashiVersion] = field(default_factory=dict)
    custom_metadata: dict[str, str] | None = None
    max_versions: int = 0
    cas_required: bool = False
    delete_version_after: str = "0s"


@dataclass
class VaultStore:
    """The vaults beside the tenant: Azure's by vault and secret name, HashiCorp's by mount and path."""

    azure: dict[str, dict[str, KeyVaultSecret]] = field(default_factory=dict)
    hashicorp: dict[str, dict[str, HashiEntry]] = field(default_factory=dict)
