# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign-in by MSAL: client secret, certificate, federated token, managed identity or device code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from . import clouds, token_cache
from .credentials import credential, fingerprint, kind_of, needed
from .errors import ServiceError
from .retry import BUDGET, CONNECT_TRIES, TRIES, Clock, Effort, retry_after_seconds
from .sign_in_errors import explain
from .wire import Reply, Wire, WireFailure, require

# Microsoft's services then take back a token at once where something changed, and say so by a claims challenge.
CAPABILITIES = ["CP1"]
# How long the refresh token of a device sign-in is kept: longer than any run.
_DAY = 86400.0


def _nobody_reads(_message: str) -> None:
    raise ServiceError(
        "sign_in=device_code has nobody to show its code to: this task runs in a process of its own.",
        advice="Run it in the controller (connection: local, no async, no delegate_to), or sign in by certificate.",
    )


# Shows the message with the code at once. The action plugin sets this; a module's own process has no screen.
announce: Callable[[str], None] = _nobody_reads


class _Answer:
    """An answer in the form that MSAL wants of its HTTP client."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self.text = reply.body.decode("utf-8", "replace")
        self.headers = reply.headers

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise ValueError(f"status {self.status_code}")


class _Http:
    """MSAL's HTTP client: our own connections, with neither redirects nor netrc. Keeps the last answer for messages."""

    def __init__(self, wire: Wire, direct: bool = False) -> None:
        self._wire = wire
        self._direct = direct
        self.last: Reply | None = None

    def get(self, url: str, params: Any = None, headers: Any = None, **_more: Any) -> _Answer:
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params)
        return self._send("GET", url, headers, None)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_more: Any) -> _Answer:
        if params:
            url += "?" + urlencode(params)
        body = data if isinstance(data, str) else urlencode(data or {})
        form = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self._send("POST", url, form, body.encode())

    def close(self) -> None:
        """MSAL may call this; the connections belong to the client."""

    def _send(self, method: str, url: str, headers: Any, body: bytes | None) -> _Answer:
        sent = {"User-Agent": clouds.USER_AGENT, "Accept": "application/json", **(headers or {})}
        self.last = None
        self.last = self._wire.send(method, url, sent, body, direct=self._direct)
        if self.last.status == 200 and not isinstance(self.last.data, dict):
            raise ValueError("MSAL takes it for granted that a success is a JSON object.")
        return _Answer(self.last)


class SignIn:
    """Tokens for one service, from the run's cache or fresh.

    Arguments:
        options: values of clouds.OPTIONS.
        wire: the connections to use.
        clock: where to wait.
        cache: where tokens are kept; by default the run's.
    """

    def __init__(
        self, options: Mapping[str, Any], wire: Wire, clock: Clock, cache: token_cache.TokenCache | None = None
    ) -> None:
        self._options = options
        self._wire = wire
        self._clock = clock
        self._kind = kind_of(options)
        self._authority = f"{clouds.service(options, 'login').base}/{needed(options, 'tenant_id')}"
        self._client_id = str(options.get("client_id") or "")
        self._cache = cache or token_cache.current()

    def token(self, scope: str, claims: str | None = None) -> str:
        """Return an access token.

        Arguments:
            scope: for example C(https://graph.microsoft.com/.default).
            claims: JSON that a service asks for by a claims challenge; drop the refused token first.

        Raises:
            ServiceError: sign-in failed.
        """
        secret = fingerprint(self._kind, self._options)
        name = self._cache.name(self._authority, self._client_id, self._kind, secret, scope)
        return self._cache.fetch(name, lambda: self._obtain(scope, claims))

    def forget(self, token: str) -> None:
        """Drop a token that a service refused."""
        self._cache.forget(token)

    def _obtain(self, scope: str, claims: str | None) -> tuple[str, float]:
        """Ask the sign-in service, again and again while it is only busy. A token and its life in seconds."""
        require("msal")
        from msal.exceptions import MsalError

        ask = {"managed_identity": self._managed, "device_code": self._device}.get(self._kind, self._confidential)
        effort = Effort(self._clock)
        while True:
            http = _Http(self._wire, direct=self._kind == "managed_identity")
            try:
                result = ask(http, scope, claims)
            except WireFailure as failure:
                if failure.failure.again and effort.again(
                    BUDGET, tries=TRIES if failure.failure.sent else CONNECT_TRIES
                ):
                    continue
                raise self._unreachable(failure) from None
            except (MsalError, ValueError, KeyError, RuntimeError):
                # What MSAL makes of an answer that it does not understand (RuntimeError: of a redirect); the answer
                # itself says more.
                result = {}
            if result.get("access_token"):
                return str(result["access_token"]), float(result.get("expires_in") or 0)
            error, again = explain(result, http.last, self._clock.time())
            asked = retry_after_seconds(http.last.headers.get("Retry-After"), self._clock.time()) if http.last else None
            if not (again and effort.again(BUDGET, asked)):
                raise error

    def _confidential(self, http: _Http, scope: str, claims: str | None) -> dict[str, Any]:
        import msal

        # A new object for each try: MSAL keeps a refusal for a minute and would answer from memory.
        application = msal.ConfidentialClientApplication(
            self._client_id, client_credential=credential(self._kind, self._options), **self._common(http)
        )
        return dict(application.acquire_token_for_client([scope], claims_challenge=claims) or {})

    def _common(self, http: _Http) -> dict[str, Any]:
        known = urlsplit(self._authority).hostname in clouds.KNOWN_LOGIN_HOSTS
        return {
            "authority": self._authority,
            "http_client": http,
            "client_capabilities": CAPABILITIES,
            "instance_discovery": None if known else False,
            # False, not None: otherwise MSAL_FORCE_REGION in the environment would send the sign-in to another host.
            "azure_region": False,
        }

    def _managed(self, http: _Http, scope: str, claims: str | None) -> dict[str, Any]:
        import msal

        identity = (
            msal.UserAssignedManagedIdentity(client_id=self._client_id)
            if self._client_id
            else msal.SystemAssignedManagedIdentity()
        )
        client = msal.ManagedIdentityClient(identity, http_client=http)
        more = {"claims_challenge": claims} if claims else {}
        return dict(client.acquire_token_for_client(resource=scope.removesuffix("/.default"), **more) or {})

    def _device(self, http: _Http, scope: str, claims: str | None) -> dict[str, Any]:
        """Sign in a person; the refresh token then serves the other services and processes of the run."""
        import msal

        kept = msal.SerializableTokenCache()
        name = self._cache.name(self._authority, self._client_id, "device sign-in")
        if stored := self._cache.get(name):
            kept.deserialize(stored)
        application = msal.PublicClientApplication(self._client_id, token_cache=kept, **self._common(http))
        result = None
        for account in application.get_accounts():
            result = result or application.acquire_token_silent([scope], account, claims_challenge=claims)
        if not result:
            result = self._by_code(application, scope, claims)
        self._cache.put(name, kept.serialize(), _DAY)
        return dict(result or {})

    def _by_code(self, application: Any, scope: str, claims: str | None) -> dict[str, Any]:
        flow = application.initiate_device_flow([scope])
        if "user_code" not in flow:
            return dict(flow)
        announce(str(flow["message"]))
        pause = max(1.0, float(flow.get("interval") or 5))
        # MSAL would wait by itself, and watch over waits; the exit condition below leaves both to our clock.
        flow["interval"] = 1
        end = self._clock.monotonic() + float(flow.get("expires_in") or 900)
        while True:
            self._clock.wait(pause)
            flow.pop("latest_attempt_at", None)
            result = application.acquire_token_by_device_flow(
                flow, exit_condition=lambda _unused: True, claims_challenge=claims
            )
            if result.get("error") == "slow_down":
                pause += 5  # RFC 8628, section 3.5
            elif result.get("error") != "authorization_pending":
                return dict(result)
            if self._clock.monotonic() > end:
                return {"error": "expired_token", "error_description": "the code was not entered in time"}

    def _unreachable(self, failure: WireFailure) -> ServiceError:
        error = failure.error("Sign-in", write=False)
        if self._kind == "managed_identity":
            error.meaning = "There is no managed identity service that this machine can reach."
            error.advice = "Run on an Azure resource that has a managed identity, or choose another sign_in."
        return error


# A credential that was made moments ago is not known everywhere yet, nor is its application (Microsoft Learn, "Microsoft
# Entra authentication and authorization error codes").
NOT_YET = frozenset({"AADSTS7000215", "AADSTS700016", "AADSTS700027", "AADSTS7000229"})


def with_credential(options: Mapping[str, Any], client_id: str, kind: str, value: str) -> dict[str, Any]:
    """The options of a sign-in as another application, by one credential and nothing else."""
    # There is no file; the words stand in messages in its place.
    certificate = {"certificate_path": "in the sink", "certificate_content": value}
    own = {"client_secret": {"client_secret": value}, "certificate": certificate}[kind]
    return {**options, **dict.fromkeys(clouds.CREDENTIALS), "sign_in": kind, "client_id": client_id, **own}


def signs_in(options: Mapping[str, Any], client_id: str, kind: str, value: str) -> bool:
    """Whether an application gets a token with a credential, asked anew: a kept token would prove nothing.

    Arguments:
        options: values of clouds.OPTIONS, for the way to the tenant.
        client_id: the application.
        kind: C(client_secret) or C(certificate).
        value: the secret, or key and certificate as PEM.

    Returns:
        False where the credential is not known yet; whoever waits for it asks again.

    Raises:
        ServiceError: the sign-in was refused for another reason, or not answered.
    """
    wire = Wire(options.get("ca_path"), float(options.get("request_timeout") or 60))
    sign_in = SignIn(with_credential(options, client_id, kind, value), wire, Clock(), token_cache.TokenCache())
    try:
        sign_in.token(clouds.service(options, "graph").scope)
    except ServiceError as error:
        if error.code not in NOT_YET:
            raise
        return False
    finally:
        wire.close()
    return True


def claims_of(challenge: str | None) -> str | None:
    """Return the claims that a 401 asks for in its WWW-Authenticate header, as JSON text.

    They are base64 there (Microsoft Learn, "Claims challenges, claims requests, and client capabilities").
    """
    import base64
    import re

    found = re.search(r'claims="([^"]+)"', challenge or "")
    if not found:
        return None
    try:
        text = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4), altchars=b"-_").decode()
        return text if isinstance(json.loads(text), dict) else None
    except ValueError:
        return None
