# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the services of each Microsoft cloud live, and the options that say how to reach them.

Addresses: Microsoft Learn, "National cloud deployments" (Graph and sign-in), "Connect-ExchangeOnline" (Exchange),
"Azure Key Vault keys, secrets and certificates overview" (domains of vaults), and "Authenticate an IMAP, POP or SMTP
connection using OAuth" (mail of the commercial cloud). The mail servers of the other clouds are those that public mail
clients use for them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ansible.module_utils.common.parameters import env_fallback

from .errors import ServiceError

VERSION = "0.1.0"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
USER_AGENT = f"m365.hybrid/{VERSION}"
SERVICES = ("login", "graph", "exchange")
# Mail protocols, with the port of each; SMTP begins TLS by STARTTLS, IMAP has it from the start.
MAIL = {"smtp": 587, "imap": 993}


@dataclass(frozen=True)
class Cloud:
    """One cloud: the base URL of each service, its mail servers, and the domains to which a redirect may carry a token.

    Attributes:
        key_vault: the domain of which every key vault has a name of its own.
    """

    login: str
    graph: str
    exchange: str
    smtp: str
    imap: str
    trusted: tuple[str, ...]
    key_vault: str


CLOUDS: dict[str, Cloud] = {
    "commercial": Cloud(
        login="https://login.microsoftonline.com",
        graph="https://graph.microsoft.com",
        exchange="https://outlook.office365.com",
        smtp="smtp.office365.com",
        imap="outlook.office365.com",
        trusted=("graph.microsoft.com", "outlook.office365.com", "outlook.office.com"),
        key_vault="vault.azure.net",
    ),
    "gcc_high": Cloud(
        login="https://login.microsoftonline.us",
        graph="https://graph.microsoft.us",
        exchange="https://outlook.office365.us",
        smtp="smtp.office365.us",
        imap="outlook.office365.us",
        trusted=("graph.microsoft.us", "outlook.office365.us"),
        key_vault="vault.usgovcloudapi.net",
    ),
    "dod": Cloud(
        login="https://login.microsoftonline.us",
        graph="https://dod-graph.microsoft.us",
        exchange="https://outlook-dod.office365.us",
        smtp="outlook-dod.office365.us",
        imap="outlook-dod.office365.us",
        trusted=("dod-graph.microsoft.us", "outlook-dod.office365.us", "webmail.apps.mil"),
        key_vault="vault.usgovcloudapi.net",
    ),
    # Microsoft's pages name two Exchange hosts for China; this is the one that Connect-ExchangeOnline uses.
    "china": Cloud(
        login="https://login.chinacloudapi.cn",
        graph="https://microsoftgraph.chinacloudapi.cn",
        exchange="https://partner.outlook.cn",
        smtp="smtp.partner.outlook.cn",
        imap="partner.outlook.cn",
        trusted=("microsoftgraph.chinacloudapi.cn", "partner.outlook.cn", "outlook.office365.cn"),
        key_vault="vault.azure.cn",
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
        "options": {name: _option(f"M365_{name.upper()}_ENDPOINT", no_log=False) for name in (*SERVICES, "key_vault")}
        | {name: _option(f"M365_{name.upper()}_SERVER") for name in MAIL},
    },
    "ca_path": _option("M365_CA_PATH", "path"),
    "request_timeout": {"type": "float", "default": 60.0},
}

# Those that say who signs in and with what, not where.
CREDENTIALS = (
    "client_id",
    "client_secret",
    "certificate_path",
    "certificate_password",
    "federated_token_file",
    "sign_in",
)

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


def key_vault(options: Mapping[str, Any], vault: str) -> Service:
    """Work out how to reach one Azure Key Vault.

    Arguments:
        options: values of OPTIONS. C(endpoints.key_vault) stands for the whole domain of the cloud's vaults: the name of
            a vault is then the first part of the path below it.
        vault: for example C(https://contoso.vault.azure.net).

    Raises:
        ServiceError: the address is not that of a vault in this cloud, so that no token may go there.
    """
    domain = CLOUDS[options.get("cloud") or "commercial"].key_vault
    target = _address(vault)
    host = (target.hostname or "") if target and not target.path and target.port in (None, 443) else ""
    name = host.removesuffix(f".{domain}")
    if not name or name == host or "." in name:
        raise ServiceError(
            f"The vault {vault} is not an Azure Key Vault of this cloud; no token is sent there.",
            advice=f"Write it as https://NAME.{domain}, or correct the option cloud.",
        )
    base, given = f"https://{host}", (options.get("endpoints") or {}).get("key_vault")
    if given:
        override = _address(given)
        if not override:
            raise ServiceError(
                f"The option endpoints.key_vault is not an https address: {given}.",
                advice=f"Write it as https://host:port, or leave it out for the cloud's own: https://NAME.{domain}",
            )
        base, host = f"{given.rstrip('/')}/{name}", override.hostname or ""
    return Service("key_vault", base, f"https://{domain}/.default", (host,))


def _address(url: str) -> SplitResult | None:
    """The parts of an https address without query, user and fragment; None if it is none."""
    try:
        parts = urlsplit(url.rstrip("/"))
        usable = parts.scheme == "https" and parts.hostname and parts.netloc.count("@") == 0 and (parts.port or 1) > 0
    except ValueError:
        return None
    return parts if usable and not parts.query and not parts.fragment else None


def mail_server(options: Mapping[str, Any], protocol: str) -> tuple[str, int]:
    """Host and port of a mail protocol.

    Arguments:
        options: values of OPTIONS.
        protocol: one of MAIL.

    Raises:
        ServiceError: what C(endpoints) gives is no server.
    """
    own = getattr(CLOUDS[options.get("cloud") or "commercial"], protocol)
    given = (options.get("endpoints") or {}).get(protocol) or own
    host, colon, port = given.partition(":")
    number = int(port) if port.isdecimal() else 0
    if not _HOST.fullmatch(host) or (colon and not 0 < number < 65536):
        raise ServiceError(
            f"The option endpoints.{protocol} is not a server: {given}.",
            advice=f"Write it as host or host:port, or leave it out for the cloud's own: {own}",
        )
    return host, number if colon else MAIL[protocol]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
