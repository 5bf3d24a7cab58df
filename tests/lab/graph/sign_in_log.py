# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sign-in log: who signed in with what kind of client.

Source: the signIn resource page and "List signIns" of the Graph v1.0 reference; the refusal without a premium license as
public issues show it. Switch of the tenant: C(entra_premium) (default True), whether there is an Entra ID P1 license.
"""

from __future__ import annotations

from typing import Any

from ..state import Tenant
from ..stores import SignIn
from . import query
from .call import Answer, Call, moment
from .errors import GraphError
from .resource import Property, Resource, attribute

NO_PREMIUM = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"


def _status(_tenant: Tenant, entry: SignIn) -> dict[str, Any]:
    reason = "Other." if entry.error_code == 0 else "Error validating credentials due to invalid username or password."
    return {"errorCode": entry.error_code, "failureReason": reason, "additionalDetails": None}


_PROPERTIES = {
    "id": attribute("id", filters="eq"),
    "createdDateTime": Property(lambda _tenant, entry: moment(entry.created_at), "DateTimeOffset", "eq"),
    "userPrincipalName": attribute("user_principal_name", filters="eq"),
    "clientAppUsed": attribute("client_app_used", filters="eq"),
    "isInteractive": Property(lambda _tenant, _entry: True, "Boolean"),
    "status": Property(_status, "Complex"),
}
SIGN_IN = Resource("auditLogs/signIns", "signIn", _PROPERTIES, tuple(_PROPERTIES))


def list_sign_ins(call: Call) -> Answer:
    """GET /auditLogs/signIns, the newest first."""
    if not call.tenant.switches.get("entra_premium", True):
        words = "Neither tenant is B2C or tenant doesn't have premium license"
        raise GraphError(403, NO_PREMIUM, words)
    newest_first = sorted(call.tenant.sign_in_log, key=lambda entry: entry.created_at, reverse=True)
    return query.collection(call, SIGN_IN, newest_first)
