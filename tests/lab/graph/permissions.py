# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which application permission allows which call: any one of a set suffices.

Source: the permissions table on each page of the Microsoft Graph v1.0 reference. Where a page says "not supported" for
applications although the call is known to answer them (licenseDetails, memberOf), those for delegated use stand.
"""

from __future__ import annotations

DIRECTORY_READ = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})
USERS_READ = DIRECTORY_READ | {"User.Read.All", "User.ReadWrite.All"}
USERS_WRITE = frozenset({"User.ReadWrite.All", "Directory.ReadWrite.All"})
USERS_DELETE = frozenset({"User.ReadWrite.All", "User.DeleteRestore.All"})
PASSWORDS_WRITE = frozenset({"User-PasswordProfile.ReadWrite.All", "Directory.ReadWrite.All"})
LICENSES_READ = USERS_READ | {"LicenseAssignment.Read.All", "LicenseAssignment.ReadWrite.All"}
LICENSES_WRITE = USERS_WRITE | {"LicenseAssignment.ReadWrite.All"}
ORGANIZATION_READ = DIRECTORY_READ | {"Organization.Read.All", "Organization.ReadWrite.All"}
SKUS_READ = ORGANIZATION_READ | {"LicenseAssignment.Read.All", "LicenseAssignment.ReadWrite.All"}
DOMAINS_READ = DIRECTORY_READ | {"Domain.Read.All", "Domain.ReadWrite.All"}
GROUPS_READ = DIRECTORY_READ | {"Group.Read.All", "Group.ReadWrite.All"}
GROUPS_WRITE = frozenset({"Group.ReadWrite.All", "Directory.ReadWrite.All"})
GROUPS_CREATE = GROUPS_WRITE | {"Group.Create"}
MEMBERS_WRITE = GROUPS_WRITE | {"GroupMember.ReadWrite.All"}
# Besides, for groups that roles may be given to.
ROLE_GROUPS_WRITE = frozenset({"RoleManagement.ReadWrite.Directory"})
MEMBERS_READ = GROUPS_READ | {"GroupMember.Read.All", "GroupMember.ReadWrite.All"}
MEMBERSHIPS_READ = DIRECTORY_READ | {"GroupMember.Read.All", "User.Read.All", "User.ReadWrite.All"}
ROLES_READ = DIRECTORY_READ | {"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"}
ASSIGNMENTS_READ = ROLES_READ | {"RoleManagement.Read.All"}
# Applications and service principals.
PRINCIPALS_READ = DIRECTORY_READ | {
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
}
# Application.ReadWrite.OwnedBy reads every application, and writes those that the caller owns (permissions reference).
APPLICATIONS_WRITE_ALL = frozenset({"Application.ReadWrite.All"})
APPLICATIONS_WRITE = APPLICATIONS_WRITE_ALL | {"Application.ReadWrite.OwnedBy"}
# Of service principals, and of the owners of both; not of applications themselves.
PRINCIPALS_WRITE_ALL = APPLICATIONS_WRITE_ALL | {"Directory.ReadWrite.All"}
PRINCIPALS_WRITE = APPLICATIONS_WRITE | PRINCIPALS_WRITE_ALL
GRANTS_WRITE = frozenset({"DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"})
GRANTS_READ = DIRECTORY_READ | GRANTS_WRITE | {"DelegatedPermissionGrant.Read.All"}
APP_ROLES_WRITE = frozenset({"AppRoleAssignment.ReadWrite.All"})
APP_ROLES_READ = DIRECTORY_READ | APP_ROLES_WRITE
POLICIES_READ = frozenset({"Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration"})
SIGN_INS_READ = frozenset({"AuditLog.Read.All"})
# All of a call's sets are needed for Conditional Access; reading and writing are two permissions.
CONDITIONAL_ACCESS_READ = frozenset({"Policy.Read.All", "Policy.Read.ConditionalAccess"})
CONDITIONAL_ACCESS_WRITE = frozenset({"Policy.ReadWrite.ConditionalAccess"})
# For policies besides. The pages name the first; that the one that contains it does as well is a guess.
CONDITIONAL_ACCESS_APPLICATIONS = frozenset({"Application.Read.All", "Application.ReadWrite.All"})
MAILBOX_SETTINGS_READ = frozenset({"MailboxSettings.Read", "MailboxSettings.ReadWrite"})
SYNC_BEHAVIOR_READ = frozenset({"User-OnPremisesSyncBehavior.Read.All", "User-OnPremisesSyncBehavior.ReadWrite.All"})
SYNC_BEHAVIOR_WRITE = frozenset({"User-OnPremisesSyncBehavior.ReadWrite.All"})
# No application permission exists: OnPremDirectorySynchronization.* can only be granted to signed-in users.
NOBODY: frozenset[str] = frozenset()
# Calls that any valid token may make (the members of a batch are judged one by one).
ANYBODY: frozenset[str] | None = None
