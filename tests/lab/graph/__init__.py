# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Microsoft Graph v1.0 of the rehearsal tenant, as far as the onboarding of mailboxes and the life of applications need it.

Public sources: the Microsoft Graph reference on Microsoft Learn (one page per call), its concept pages on errors,
JSON batching, paging, query parameters and advanced queries on directory objects.

Switches of the tenant that change what Graph does:

- C(graph_replica_lag) seconds and C(graph_replicas) (default 3): stale and non-monotonic reads, see L(lab.replicas).
- C(graph_provisioning_delay) seconds (default 0): until service plans and mailboxes follow a license.
- C(graph_mailbox_grace) seconds (default 30 days): until a user mailbox without a license is taken away.
- C(graph_write_seconds) real seconds (default 0.01): how long a write keeps its user busy; others are a 409.
- C(graph_page_seconds) (default 3600): how long a page link lives, by the tenant's clock.
- C(graph_credential_gap) seconds (default 0) and C(graph_credential_gap_status) (default 409, else 503): a second write to
  the credentials of one application within that time is a Directory_ConcurrencyViolation.
- C(graph_most_credentials) (default 100): how many secrets and certificates an application may have.
- C(graph_enabled_texts_free): texts of an enabled role or scope may be changed; refused by default.
- C(graph_grant_404): so many of the next oauth2PermissionGrants are written and answered with 404 all the same.
- C(graph_cast_needs_consistency): demand ConsistencyLevel for casts such as memberOf/microsoft.graph.directoryRole.
"""

from __future__ import annotations

from .endpoint import routes
from .provisioning import settle

__all__ = ["routes", "settle"]
