# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one tenant consists of: plain data, shared by the token endpoint, Graph, Exchange and the sync engine.

Every service reads and writes these objects; none keeps a second copy, except the deliberately stale replicas.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .clock import Clock
from .stores import ExchangeStore, Message, SignIn, VaultStore


@dataclass
class Domain:
    """A domain of the tenant, as Graph's C(domain) shows it."""

    name: str
    is_initial: bool = False
    is_default: bool = False
    is_verified: bool = True
    authentication_type: str = "Managed"


@dataclass
class ServicePlan:
    """One service plan inside a subscribed SKU."""

    plan_id: str
    name: str
    applies_to: str = "User"


@dataclass
class Sku:
    """A subscription of the tenant, as Graph's C(subscribedSku) shows it. Consumed units are counted, not stored."""

    sku_id: str
    part_number: str
    enabled: int
    plans: list[ServicePlan]
    warning: int = 0
    capability_status: str = "Enabled"


@dataclass
class License:
    """One license on one user; C(group_id) is None when it is assigned directly."""

    sku_id: str
    disabled_plans: list[str] = field(default_factory=list)
    group_id: str | None = None
    assigned_at: datetime | None = None
    # Service plan id -> when this license enabled it; a plan that is not named has been there since C(assigned_at).
    plans_since: dict[str, datetime] = field(default_factory=dict)


@dataclass
class Mailbox:
    """The Exchange side of a user."""

    guid: str
    # RecipientTypeDetails: UserMailbox, SharedMailbox, RoomMailbox, EquipmentMailbox
    type_details: str
    created_at: datetime
    archive: bool = False
    litigation_hold: bool = False
    size_bytes: int = 1_000_000_000
    is_exchange_cloud_managed: bool = False
    # What the on-premises msExchRemoteRecipientType says, as Get-Mailbox shows it; None without the Exchange schema.
    remote_recipient_type: str = "None"
    hidden_from_address_lists: bool = False
    # Any further property that a Set- cmdlet wrote, by parameter name.
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class User:
    """A user object of Entra ID, with its mailbox where it has one."""

    id: str
    user_principal_name: str
    display_name: str
    created_at: datetime
    given_name: str | None = None
    surname: str | None = None
    mail: str | None = None
    mail_nickname: str | None = None
    proxy_addresses: list[str] = field(default_factory=list)
    account_enabled: bool = True
    # What signs in; None: nobody knows it. Never shown.
    password: str | None = None
    password_changed_at: datetime | None = None
    usage_location: str | None = None
    department: str | None = None
    job_title: str | None = None
    licenses: list[License] = field(default_factory=list)
    mailbox: Mailbox | None = None
    # None: never synced; True: synced; False: formerly synced.
    on_premises_sync_enabled: bool | None = None
    on_premises_immutable_id: str | None = None
    on_premises_last_sync: datetime | None = None
    on_premises_distinguished_name: str | None = None
    on_premises_sam_account_name: str | None = None
    on_premises_domain_name: str | None = None
    on_premises_security_identifier: str | None = None
    on_premises_user_principal_name: str | None = None
    # The objectGUID of the AD object that masters the user; since 2026 it cannot be remapped to another one.
    on_premises_object_identifier: str | None = None
    on_premises_provisioning_errors: list[dict[str, Any]] = field(default_factory=list)
    is_cloud_managed: bool = False
    deleted_at: datetime | None = None
    # Service plan id -> when the user lost it; Graph goes on showing such plans as Deleted.
    former_plans: dict[str, datetime] = field(default_factory=dict)
    # The mailbox that Exchange took away for want of a license; a new license brings it back.
    disconnected_mailbox: Mailbox | None = None
    # Any further property of Graph's user, by its name there (for example mobilePhone).
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Group:
    """A group of Entra ID: a security group, a Microsoft 365 group (C(unified)), or with mail one that Exchange masters."""

    id: str
    display_name: str
    # Ids of users, contacts and other groups.
    members: list[str] = field(default_factory=list)
    licenses: list[License] = field(default_factory=list)
    on_premises_sync_enabled: bool | None = None
    mail: str | None = None
    proxy_addresses: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    description: str | None = None
    mail_nickname: str | None = None
    unique_name: str | None = None
    # With an address: a mail-enabled security group, which can hold permissions; otherwise a plain distribution group.
    security_enabled: bool = True
    unified: bool = False
    # The rule of a dynamic group, which decides on its members.
    membership_rule: str | None = None
    role_assignable: bool = False
    visibility: str | None = None
    created_at: datetime | None = None
    deleted_at: datetime | None = None


@dataclass
class Contact:
    """A mail contact; it matters only because it may own an address that a user wants."""

    id: str
    display_name: str
    mail: str | None = None
    proxy_addresses: list[str] = field(default_factory=list)
    on_premises_sync_enabled: bool | None = None


@dataclass
class DirectoryRole:
    """An activated directory role and who holds it (user or service principal ids)."""

    id: str
    template_id: str
    display_name: str
    members: list[str] = field(default_factory=list)


@dataclass
class Credential:
    """A client secret or a certificate of an application."""

    key_id: str
    end: datetime
    # Exactly one of the two is set: the secret's value, or the certificate as DER.
    secret: str | None = None
    certificate: bytes | None = None
    # The moment from which the token endpoint knows it (propagation).
    usable_from: datetime | None = None
    display_name: str | None = None
    # When it becomes valid; None: it always was.
    start: datetime | None = None
    # The first three characters of a secret, which Graph goes on showing.
    hint: str | None = None
    # The thumbprint of a certificate, or what its owner wrote in its place.
    custom_key_identifier: str | None = None
    # The moment at which each replica of the token endpoint learned of it, and of its removal; empty: at once.
    learned_at: list[datetime] = field(default_factory=list)
    forgotten_at: list[datetime] = field(default_factory=list)


@dataclass
class FederatedCredential:
    """An external identity that may sign in as the application; matched exactly and with case."""

    issuer: str
    subject: str
    audience: str
    # Public keys of the issuer, PEM, so that the token endpoint can check the assertion.
    public_key: str


@dataclass
class Application:
    """An application, and its service principal as long as C(service_principal_id) is set."""

    id: str
    app_id: str
    display_name: str
    service_principal_id: str | None
    credentials: list[Credential] = field(default_factory=list)
    federated: list[FederatedCredential] = field(default_factory=list)
    # resource app id -> application permissions granted, by value (for example Exchange.ManageAsApp). This is the one
    # place that knows them: Graph's appRoleAssignments of the service principal are read from here and written to here.
    app_roles: dict[str, list[str]] = field(default_factory=dict)
    # Graph's isFallbackPublicClient; None and False mean the same.
    public_client: bool | None = False
    # The service principal is not enabled for sign-in.
    disabled: bool = False
    unique_name: str | None = None
    created_at: datetime | None = None
    created_by_app_id: str | None = None
    deleted_at: datetime | None = None
    # Object ids of users and service principals.
    owners: list[str] = field(default_factory=list)
    # Every other property of Graph's application that was written, by its name there (for example requiredResourceAccess).
    properties: dict[str, Any] = field(default_factory=dict)
    # The same of its service principal, and who owns that.
    principal_properties: dict[str, Any] = field(default_factory=dict)
    principal_owners: list[str] = field(default_factory=list)
    # Credentials that were removed, as long as a replica of the token endpoint may still accept them.
    removed_credentials: list[Credential] = field(default_factory=list)
    # Assignment id -> when it was made; one that is not named has been there since the application was.
    assigned_at: dict[str, datetime] = field(default_factory=dict)
    # Ids of the custom credential policies (appManagementPolicies) that apply to it.
    credential_policies: list[str] = field(default_factory=list)


@dataclass
class DeletedPrincipal:
    """A soft-deleted service principal; with the same id it can be given back to its application."""

    id: str
    app_id: str
    display_name: str
    deleted_at: datetime


@dataclass
class PermissionGrant:
    """Consent for delegated permissions (Graph's oauth2PermissionGrant): for everyone, or for one user."""

    id: str
    # Object ids of the two service principals.
    client_id: str
    resource_id: str
    # C(AllPrincipals) or C(Principal).
    consent_type: str
    scope: str
    principal_id: str | None = None


@dataclass
class RoleAssignment:
    """An app role of a user or group, or the default role of a service principal; see C(Application.app_roles)."""

    id: str
    principal_id: str
    # C(User), C(Group) or C(ServicePrincipal).
    principal_type: str
    # Object id of the resource's service principal.
    resource_id: str
    app_role_id: str
    created_at: datetime


@dataclass
class CredentialRestriction:
    """One rule of a credential policy: what it restricts (Graph's restrictionType), and how."""

    restriction: str
    # An ISO 8601 duration such as P180D; None for the rules that forbid.
    max_lifetime: str | None = None
    # Applications that were made before this moment are exempt.
    for_apps_created_after: datetime | None = None
    enabled: bool = True


@dataclass
class CredentialPolicy:
    """An app management policy: the tenant's default one, or a custom one for the applications that name it."""

    id: str
    display_name: str
    description: str
    enabled: bool = False
    passwords: list[CredentialRestriction] = field(default_factory=list)
    keys: list[CredentialRestriction] = field(default_factory=list)


@dataclass
class NamedLocation:
    """A named location of Conditional Access: IP ranges (C(kind) is C(ip)) or countries (C(country))."""

    id: str
    kind: str
    display_name: str
    created_at: datetime
    modified_at: datetime
    # Every other property, by its name in Graph (for example ipRanges, isTrusted).
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass
class ConditionalAccessPolicy:
    """A Conditional Access policy; its parts as Graph has them."""

    id: str
    display_name: str
    state: str
    created_at: datetime
    modified_at: datetime | None
    conditions: dict[str, Any]
    grant_controls: dict[str, Any] | None = None
    session_controls: dict[str, Any] | None = None


@dataclass
class Provisioning:
    """What Exchange will do to a user's mailbox at C(due), after a change of licenses: C(create) or C(disable)."""

    user_id: str
    due: datetime
    action: str


@dataclass
class SyncFeatures:
    """The tenant's switches for directory synchronization (Graph onPremisesDirectorySynchronization features)."""

    block_soft_match: bool = False
    block_hard_match_takeover: bool = False
    soft_match_on_upn: bool = True
    synchronize_upn_for_managed_users: bool = True
    allow_object_identifier_update: bool = False


@dataclass
class Tenant:
    """The whole tenant. C(seed) makes everything that looks random repeatable."""

    id: str
    display_name: str
    initial_domain: str
    domains: dict[str, Domain]
    clock: Clock = field(default_factory=Clock)
    seed: int = 0
    users: dict[str, User] = field(default_factory=dict)
    deleted_users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    deleted_groups: dict[str, Group] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    skus: dict[str, Sku] = field(default_factory=dict)
    roles: dict[str, DirectoryRole] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    deleted_applications: dict[str, Application] = field(default_factory=dict)
    deleted_principals: dict[str, DeletedPrincipal] = field(default_factory=dict)
    permission_grants: dict[str, PermissionGrant] = field(default_factory=dict)
    role_assignments: dict[str, RoleAssignment] = field(default_factory=dict)
    named_locations: dict[str, NamedLocation] = field(default_factory=dict)
    conditional_access_policies: dict[str, ConditionalAccessPolicy] = field(default_factory=dict)
    # The default policy for credentials, None: as Microsoft made it (not enabled); and the custom ones, by id.
    default_credential_policy: CredentialPolicy | None = None
    credential_policies: dict[str, CredentialPolicy] = field(default_factory=dict)
    sync_enabled: bool | None = None
    last_sync: datetime | None = None
    sync_features: SyncFeatures = field(default_factory=SyncFeatures)
    # Work on mailboxes that license changes have asked for; see graph/provisioning.py.
    provisioning: list[Provisioning] = field(default_factory=list)
    exchange: ExchangeStore = field(default_factory=ExchangeStore)
    messages: list[Message] = field(default_factory=list)
    sign_in_log: list[SignIn] = field(default_factory=list)
    vaults: VaultStore = field(default_factory=VaultStore)
    # Behaviors that a test may turn on or off by name; each service documents its own.
    switches: dict[str, Any] = field(default_factory=dict)
    # What the sync engine remembers of the objects it exported, by source anchor; see connect.py.
    connector_space: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        # What a service keeps beside the tenant (indexes, page tokens, replicas); never part of the shown state.
        self.scratch: dict[str, Any] = {}

    def new_id(self) -> str:
        """A new object id. Ids are taken from the seed, so that two runs of a scenario are alike."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))
