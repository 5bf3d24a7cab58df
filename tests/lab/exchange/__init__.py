# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Exchange admin API of the rehearsal tenant: InvokeCommand, $batch, the small version 2.0, and EXOModuleFile.

Public sources: the Exchange PowerShell reference and "Exchange Online Admin API" on Microsoft Learn, and what public
clients report of the undocumented beta endpoint, which Microsoft does not support for third parties.

Switches of the tenant that change what Exchange does:

- C(exchange_not_found_status_seed): with which status (404, 400, 500) each missing object is reported; else the seed.
- C(exchange_propagation_403): how many calls are still refused although the role is granted.
- C(exchange_diagnostics): whether a 403 says its reason in x-ms-diagnostics.
- C(exchange_type_lag), C(exchange_type_lag_seconds), C(exchange_stale_without_anchor): see L(lab.exchange.views).
- C(exchange_type_on_synced): see L(lab.exchange.writing).
- C(exchange_page_seconds): how long a next link lives.
- C(exchange_principal_lag): see L(lab.exchange.principals).
- C(exchange_permission_user), C(exchange_permission_principal): see L(lab.exchange.permissions).
- C(exchange_transport), C(smtp_settings_lag): see L(lab.exchange.client_access).
- C(exchange_dehydrated) (also what Get-OrganizationConfig says in IsDehydrated), C(exchange_settings),
  C(exchange_objects), C(exchange_settings_lag), C(exchange_shown), C(exchange_unshown), C(exchange_app_ids_as_list),
  C(exchange_coupling_wins): see L(lab.exchange.settings).
- C(smime_byte_arrays), C(smime_shown_bytes), C(smime_size_limit), C(smime_pkcs7), C(smime_lag), C(smime_reordered),
  C(smime_settings), C(smime_store): see L(lab.exchange.smime).
"""

from __future__ import annotations

from .routing import routes

__all__ = ["routes"]
