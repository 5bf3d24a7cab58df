# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Client assertions: how an application proves itself with a certificate or with the token of another issuer.

Form of a certificate assertion: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
Federated credentials: https://learn.microsoft.com/entra/workload-id/workload-identity-federation
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import time
from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeGuard

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .faults import sts_error
from .propagation import is_valid, known, pick_replica
from .state import Application, Credential, FederatedCredential, Tenant

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Seconds that a client's clock may be off.
TOLERANCE = 300


class SignInError(Exception):
    """A refusal of the token endpoint. C(said) is its sentence; it never quotes a secret or an assertion."""

    def __init__(self, number: int, error: str, said: str, status: int = 400) -> None:
        super().__init__(said)
        self.number, self.error, self.said, self.status = number, error, said, status

    def body(self, now: datetime, correlation: str | None) -> dict[str, Any]:
        """The whole error body."""
        return sts_error(now, self.error, self.number, self.said, correlation)


def check_assertion(
    tenant: Tenant, application: Application, assertion: str, kind: str | None, endpoints: Collection[str]
) -> None:
    """Accept the assertion, or raise SignInError.

    kind: the C(client_assertion_type). endpoints: the audiences that mean this token endpoint.
    Times are held against real time and not against the tenant's clock, because who moves the tenant's clock does not
    move the client's; the switch C(client_clock_skew) (seconds) shows what a wrong clock does.
    """
    if kind != JWT_BEARER:
        raise SignInError(50027, "invalid_request", "JWT token is invalid or malformed.")
    header, claims = _parsed(assertion)
    thumbprint = _thumbprint(header)
    if thumbprint is None:
        _check_federated(tenant, application, assertion, claims)
        return
    credential = _registered(tenant, application, thumbprint)
    _check_signature(assertion, _public_key(credential), ("PS256", "RS256"))
    _check_times(tenant, claims)
    if claims.get("iss") != application.app_id or claims.get("sub") != application.app_id:
        said = "Client assertion application identifier doesn't match 'client_id' parameter."
        raise SignInError(700021, "invalid_client", said, 401)
    if claims.get("aud") not in list(endpoints):
        raise SignInError(700023, "invalid_client", "Client assertion audience claim does not match Realm issuer.", 401)


def _parsed(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, not yet trusted."""
    try:
        header: dict[str, Any] = jwt.get_unverified_header(assertion)
        claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise SignInError(50027, "invalid_request", "JWT token is invalid or malformed.") from error
    return header, claims


def _thumbprint(header: dict[str, Any]) -> tuple[str, bytes] | None:
    """Which certificate the header names: hash name and digest. Padding is accepted, since MSAL sends it."""
    for name, algorithm in (("x5t#S256", "sha256"), ("x5t", "sha1")):
        if name not in header:
            continue
        text = str(header[name]).rstrip("=")
        try:
            return algorithm, base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError) as error:
            raise SignInError(50027, "invalid_request", "JWT token is invalid or malformed.") from error
    return None


def _registered(tenant: Tenant, application: Application, thumbprint: tuple[str, bytes]) -> Credential:
    """The certificate that the application has registered under this thumbprint."""
    algorithm, digest = thumbprint
    now = tenant.clock.now()
    reason = "The key was not found."
    for credential in known(tenant, application, pick_replica(tenant)):
        if credential.certificate is None or hashlib.new(algorithm, credential.certificate).digest() != digest:
            continue
        if is_valid(tenant, credential):
            return credential
        reason = "The key used is expired." if credential.end <= now else reason
    said = (
        "The certificate with identifier used to sign the client assertion is not registered on application. "
        f"[Reason - {reason}, Thumbprint of key used by client: '{digest.hex().upper()}']"
    )
    raise SignInError(700027, "invalid_client", said, 401)


def _public_key(credential: Credential) -> RSAPublicKey:
    key = x509.load_der_x509_certificate(credential.certificate or b"").public_key()
    if not isinstance(key, RSAPublicKey):
        raise SignInError(700027, "invalid_client", "Client assertion failed signature validation.", 401)
    return key


def _check_signature(assertion: str, key: RSAPublicKey | str, algorithms: Collection[str]) -> None:
    try:
        jwt.PyJWS().decode(assertion, key, algorithms=list(algorithms))
    except jwt.InvalidTokenError as error:
        raise SignInError(700027, "invalid_client", "Client assertion failed signature validation.", 401) from error


def _check_times(tenant: Tenant, claims: dict[str, Any]) -> None:
    """C(nbf) and C(exp) may be fractions of seconds; C(nbf) may be missing."""
    now = time.time() + tenant.switches.get("client_clock_skew", 0)
    begin, end = claims.get("nbf", claims.get("iat", 0)), claims.get("exp")
    if not _is_moment(begin) or not _is_moment(end):
        raise SignInError(50027, "invalid_request", "JWT token is invalid or malformed.")
    if not begin - TOLERANCE <= now < end + TOLERANCE:
        said = (
            f"Client assertion is not within its valid time range. Current time: {_stamp(now)}, "
            f"assertion valid from {_stamp(begin)}, expiry time of assertion {_stamp(end)}."
        )
        raise SignInError(700024, "invalid_client", said, 401)


def _is_moment(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _stamp(moment: float) -> str:
    """A moment for people; a number that is no date is shown as it is."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    except (OverflowError, ValueError, OSError):
        return f"{moment:g}"


def _check_federated(tenant: Tenant, application: Application, assertion: str, claims: dict[str, Any]) -> None:
    """Issuer, subject and audience must equal those of one federated credential, case included."""
    audiences = claims.get("aud") if isinstance(claims.get("aud"), list) else [claims.get("aud")]
    matches = application.federated
    for number, name, fits in (
        (700211, "issuer", lambda known: known.issuer == claims.get("iss")),
        (700213, "subject", lambda known: known.subject == claims.get("sub")),
        (700212, "audience", lambda known: known.audience in (audiences or [])),
    ):
        matches = [known for known in matches if fits(known)]
        if not matches:
            said = f"No matching federated identity record found for presented assertion {name}."
            raise SignInError(number, "invalid_client", said, 401)
    _check_federated_key(matches[0], assertion)
    _check_times(tenant, claims)


def _check_federated_key(credential: FederatedCredential, assertion: str) -> None:
    _check_signature(assertion, credential.public_key, ("RS256",))
