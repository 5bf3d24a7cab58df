# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets and certificates of applications: addPassword, removePassword, and the lists that a PATCH carries.

Sources: the "application: addPassword", "application: removePassword" and keyCredential pages of the Graph reference;
refusals as public clients quote them.
"""

from __future__ import annotations

import string
from datetime import timedelta
from typing import Any

from cryptography import x509

from ..propagation import announce, withdraw
from ..state import Application, Credential, Tenant
from .application_schema import PASSWORD
from .call import Answer, Call, done
from .credential_forms import shown_secret, thumbprint
from .credential_policies import check_key, check_secret
from .errors import GraphError, concurrent, invalid_value, read_only, refused, syntax, wrong_type
from .shapes import check, guid, parse_binary, parse_moment

_LETTERS = string.ascii_letters + string.digits
_SECRET_SIGNS = _LETTERS + "~._-"
_YEARS_2 = 2
# The limit is one of the object's size, and nowhere a number; C(graph_most_credentials) says another one.
_MOST_CREDENTIALS = 100
_ACTION_MEMBERS = frozenset({"displayName", "startDateTime", "endDateTime"})


def add_password(call: Call, application: Application) -> dict[str, Any]:
    """Make a secret as addPassword says; gives the passwordCredential with its value. Raises GraphError."""
    body = call.optional_body()
    _only(body, "passwordCredential", "addPassword")
    note_write(call.tenant, application)
    return new_secret(call.tenant, application, body.get("passwordCredential"))


def password_answer(call: Call, credential: dict[str, Any]) -> Answer:
    """The answer to addPassword: 200, not 201."""
    return Answer(200, {"@odata.context": call.context("microsoft.graph.passwordCredential")} | credential)


def new_secret(tenant: Tenant, application: Application, wanted: Any) -> dict[str, Any]:
    """A new secret from a passwordCredential as written (or None), shown with its value."""
    given = check([wanted or {}], PASSWORD, "passwordCredential", "Application")[0]
    for name, value in given.items():
        if value is not None and name not in _ACTION_MEMBERS:
            raise read_only(name)
    now = tenant.clock.now()
    start = parse_moment(given["startDateTime"]) if given.get("startDateTime") else now
    end = parse_moment(given["endDateTime"]) if given.get("endDateTime") else _years_later(start)
    if end <= now or end <= start:
        raise end_refused("Password credential end date is invalid.", "EndDate")
    check_secret(tenant, application, start, end)
    _check_room(tenant, application)
    secret = _secret(tenant)
    credential = Credential(tenant.new_id(), end, secret=secret, start=start, hint=secret[:3])
    credential.display_name = given.get("displayName")
    announce(tenant, credential)
    application.credentials.append(credential)
    return shown_secret(credential, secret)


def _years_later(start: Any) -> Any:
    try:
        return start.replace(year=start.year + _YEARS_2)
    except ValueError:
        return start + timedelta(days=365 * _YEARS_2 + 1)


def end_refused(words: str, target: str) -> GraphError:
    """The refusal of an end that lies before the beginning, or in the past."""
    return refused(words, details=[{"code": "InvalidKeyEndDate", "message": words, "target": target}])


def _secret(tenant: Tenant) -> str:
    """40 signs that look like those of the service; they have to be encoded in a form."""
    choose = tenant.random.choices
    return "".join(choose(_LETTERS, k=3)) + "8Q~" + "".join(choose(_SECRET_SIGNS, k=34))


def _check_room(tenant: Tenant, application: Application) -> None:
    most = int(tenant.switches.get("graph_most_credentials") or _MOST_CREDENTIALS)
    if len(application.credentials) >= most:
        raise refused(
            "The size of the object has exceeded its limit. Please reduce the number of values and retry your request."
        )


def remove_password(call: Call, application: Application, visible: Application) -> Answer:
    """Take a secret away. C(visible): the application as this request's replica sees it. Raises GraphError."""
    body = call.body()
    _only(body, "keyId", "removePassword")
    key_id = guid(body.get("keyId"))
    seen = {one.key_id for one in visible.credentials if one.certificate is None}
    found = next((one for one in application.credentials if one.key_id == key_id and one.certificate is None), None)
    if found is None or key_id not in seen:
        raise refused(f"No password credential found with keyId {key_id}.")
    note_write(call.tenant, application)
    withdraw(call.tenant, application, found)
    return done()


def _only(body: dict[str, Any], parameter: str, action: str) -> None:
    unknown = next((name for name in body if name != parameter and "@odata." not in name), None)
    if unknown is not None:
        raise syntax(
            f"The parameter '{unknown}' in the request payload is not a valid parameter for the operation '{action}'."
        )


def note_write(tenant: Tenant, application: Application) -> None:
    """Refuse a second write to credentials that comes too soon after another one on the same application.

    Switch C(graph_credential_gap): seconds of the tenant's clock (default 0: never). C(graph_credential_gap_status): 409
    (default) or 503, which azure-cli issue 23081 shows. nais/azurerator issue 448: also a certificate, then a secret.
    """
    gap = float(tenant.switches.get("graph_credential_gap") or 0)
    written: dict[str, float] = tenant.scratch.setdefault("credential_writes", {})
    now = tenant.clock.timestamp()
    if gap and now - written.get(application.id, float("-inf")) < gap:
        error = concurrent()
        error.status = int(tenant.switches.get("graph_credential_gap_status") or 409)
        raise error
    written[application.id] = now


def keep_secrets(application: Application, wanted: list[dict[str, Any]]) -> list[Credential]:
    """The secrets that a PATCH with passwordCredentials takes away: those that it does not name by their keyId.

    A PATCH cannot make one. That a shorter list removes is a guess, and the reason never to send this collection.
    """
    present = {one.key_id: one for one in application.credentials if one.certificate is None}
    for item in wanted:
        if item.get("keyId") not in present:
            raise refused("New password credentials must be generated with service actions.")
        if item.get("secretText") is not None:
            raise refused(f"Update to existing credential with KeyId '{item['keyId']}' is not allowed.")
    named = {item["keyId"] for item in wanted}
    return [one for key_id, one in present.items() if key_id not in named]


def planned_keys(tenant: Tenant, application: Application, wanted: list[dict[str, Any]]) -> list[Credential]:
    """The certificates that an application has after a write of keyCredentials: the whole list, in its order.

    An entry with a known keyId and no key is kept as it is (a guess, which every client relies on). Raises GraphError.
    """
    present = {one.key_id: one for one in application.credentials if one.certificate is not None}
    planned = []
    for item in wanted:
        known = present.get(item.get("keyId") or "")
        if known is None:
            planned.append(_new_key(tenant, application, item))
            continue
        if item.get("key") is not None and parse_binary(item["key"]) != known.certificate:
            raise refused(f"Update to existing credential with KeyId '{item['keyId']}' is not allowed.")
        planned.append(known)
    ids = [one.key_id for one in planned]
    if len(set(ids)) != len(ids):
        raise invalid_value("keyCredentials", "Application")
    return planned


def _new_key(tenant: Tenant, application: Application, item: dict[str, Any]) -> Credential:
    """A new certificate from a keyCredential: its dates lie within those of the certificate, which they default to."""
    if (item.get("type"), item.get("usage")) != ("AsymmetricX509Cert", "Verify") or item.get("key") is None:
        raise invalid_value("keyCredentials", "Application")
    der = parse_binary(item["key"])
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError:
        words = "Key value is invalid certificate"
        raise refused(words, details=[{"code": "KeyCredentialsInvalidCertificate", "message": words}]) from None
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    start = parse_moment(item["startDateTime"]) if item.get("startDateTime") else first
    end = parse_moment(item["endDateTime"]) if item.get("endDateTime") else last
    if start < first or start > last:
        raise _key_date("KeyCredentialsInvalidStartDate", "Key credential start date is invalid.")
    if end > last or end <= start or end <= tenant.clock.now():
        raise _key_date("KeyCredentialsInvalidEndDate", "Key credential end date is invalid.")
    check_key(tenant, application, start, end)
    _check_room(tenant, application)
    key_id = item.get("keyId") or tenant.new_id()
    credential = Credential(key_id, end, certificate=der, start=start)
    credential.display_name = item.get("displayName") or certificate.subject.rfc4514_string()
    credential.custom_key_identifier = item.get("customKeyIdentifier") or thumbprint(der)
    if len(credential.custom_key_identifier) > 40:
        raise wrong_type("Binary")
    announce(tenant, credential)
    return credential


def _key_date(code: str, words: str) -> GraphError:
    return GraphError(400, code, words, details=[{"code": code, "message": words}])


def replace_keys(tenant: Tenant, application: Application, planned: list[Credential]) -> None:
    """Make the planned certificates those of the application."""
    for credential in [one for one in application.credentials if one.certificate is not None]:
        if all(one is not credential for one in planned):
            withdraw(tenant, application, credential)
    secrets = [one for one in application.credentials if one.certificate is None]
    application.credentials = secrets + planned
