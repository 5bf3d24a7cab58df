# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the services of each Microsoft cloud live, and the options that say how to reach them.

Addresses: Microsoft Learn, "National cloud deployments" (Graph and sign-in) and "Connect-ExchangeOnline" (Exchange).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.common.parameters import env_fallback

from .errors import ServiceError

VERSION = "0.1.0"
USER_AGENT = f"m365.hybrid/{VERSION}"
SERVICES = ("login", "graph", "exchange")


@dataclass(frozen=True)
class Cloud:
    """One cloud: the base URL of each service, and the domains to which a redirect may carry a token."""

    login: str
    graph: str
    exchange: str
    trusted: tuple[str, ...]


CLOUDS: dict[str, Cloud] = {
    "commercial": Cloud(
        login="https://login.microsoftonline.com",
        graph="https://graph.microsoft.com",
        exchange="https://outlook.office365.com",
        trusted=("graph.microsoft.com", "outlook.office365.com", "outlook.office.com"),
    ),
    "gcc_high": Cloud(
        login="https://login.microsoftonline.us",
        graph="https://graph.microsoft.us",
        exchange="https://outlook.office365.us",
        trusted=("graph.microsoft.us", "outlook.office365.us"),
    ),
    "dod": Cloud(
        login="https://login.microsoftonline.us",
        graph="https://dod-graph.microsoft.us",
        exchange="https://outlook-dod.office365.us",
        trusted=("dod-graph.microsoft.us", "outlook-dod.office365.us", "webmail.apps.mil"),
    ),
    # Microsoft's pages name two Exchange hosts for China; this is the one that Connect-ExchangeOnline uses.
    "china": Cloud(
        login="https://login.chinacloudapi.cn",
        graph="https://microsoftgraph.chinacloudapi.cn",
        exchange="https://partner.outlook.cn",
        trusted=("microsoftgraph.chinacloudapi.cn", "partner.outlook.cn", "outlook.office365.cn"),
    ),
}

# MSAL asks Microsoft's public cloud whether any other sign-in host is genuine, which it cannot know of a private one.
KNOWN_LOGIN_HOSTS = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.chinacloudapi.cn",
        "login.partner.microsoftonline.cn",
    }
)

SIGN_INS = ("auto", "client_secret", "certificate", "federated_token", "managed_identity", "device_code")


def _option(environment: str, kind: str = "str", **more: Any) -> dict[str, Any]:
    return {"type": kind, "fallback": (env_fallback, [environment]), **more}


OPTIONS: dict[str, Any] = {
    "tenant_id": _option("AZURE_TENANT_ID"),
    "client_id": _option("AZURE_CLIENT_ID"),
    "client_secret": _option("AZURE_CLIENT_SECRET", no_log=True),
    "certificate_path": _option("AZURE_CLIENT_CERTIFICATE_PATH", "path"),
    "certificate_password": _option("AZURE_CLIENT_CERTIFICATE_PASSWORD", no_log=True),
    "federated_token_file": _option("AZURE_FEDERATED_TOKEN_FILE", "path", no_log=False),
    "sign_in": {"type": "str", "choices": list(SIGN_INS), "default": "auto"},
    "cloud": _option("M365_CLOUD", choices=list(CLOUDS), default="commercial"),
    "endpoints": {
        "type": "dict",
        # Without this the environment names below would count only when the option is given.
        "apply_defaults": True,
        "options": {name: _option(f"M365_{name.upper()}_ENDPOINT") for name in SERVICES},
    },
    "ca_path": _option("M365_CA_PATH", "path"),
    "request_timeout": {"type": "float", "default": 60.0},
}

RULES: dict[str, Any] = {
    "required_if": [
        ("sign_in", "client_secret", ("tenant_id", "client_id", "client_secret")),
        ("sign_in", "certificate", ("tenant_id", "client_id", "certificate_path")),
        ("sign_in", "federated_token", ("tenant_id", "client_id", "federated_token_file")),
        ("sign_in", "device_code", ("tenant_id", "client_id")),
    ],
}


@dataclass(frozen=True)
class Service:
    """One service as this task reaches it.

    Attributes:
        name: C(login), C(graph) or C(exchange).
        base: URL without a closing slash.
        scope: what a token for it is asked for; it stays the cloud's even when the address is replaced.
        trusted: domains to which a redirect may carry the token.
    """

    name: str
    base: str
    scope: str
    trusted: tuple[str, ...]

    def trusts(self, url: str) -> bool:
        """Say whether a token for this service may be sent to the URL."""
        target = urlsplit(url)
        host = (target.hostname or "").lower()
        if target.scheme != "https" or not host:
            return False
        if _is_loopback(urlsplit(self.base).hostname or ""):
            return _is_loopback(host)
        return any(host == domain or host.endswith("." + domain) for domain in self.trusted)


def service(options: Mapping[str, Any], name: str) -> Service:
    """Work out how to reach a service.

    Arguments:
        options: values of OPTIONS.
        name: one of SERVICES.

    Raises:
        ServiceError: the address given in C(endpoints) is not an https URL.
    """
    cloud = CLOUDS[options.get("cloud") or "commercial"]
    own = getattr(cloud, name)
    given = (options.get("endpoints") or {}).get(name)
    if not given:
        return Service(name, own, f"{own}/.default", cloud.trusted)
    base = given.rstrip("/")
    try:
        parts = urlsplit(base)
        usable = parts.scheme == "https" and bool(parts.hostname) and not parts.query and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ServiceError(
            f"The option endpoints.{name} is not an https address: {given}.",
            advice=f"Write it as https://host or https://host:port, or leave it out for the cloud's own: {own}",
        )
    return Service(name, base, f"{own}/.default", ((parts.hostname or "").lower(),))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
