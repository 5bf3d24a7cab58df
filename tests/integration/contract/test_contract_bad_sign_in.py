# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that do not trust us, or not so far: one message with advice, and nothing changed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from contract_ground import ONE, STOCK, Ground
from contract_refusals import PASSWORD, refusal
from contract_runners import ModuleHost

from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
from lab.tokens import EXCHANGE, GRAPH

CONVERSION = {"mailbox": "info@contoso.example", "type": "room"}
LICENSE = {"user": "werkstatt3@contoso.example", "licenses": {"add": ["EXCHANGESTANDARD"]}}
NEW = {"user": "neu@contoso.example", "ou": ONE, "password": PASSWORD}
Prepare = Callable[[Ground], Any]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of our own choice are short."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.02)


# Who we say we are


def expired(ground: Ground) -> None:
    """The application's secret has ended."""
    ground.application.credentials[0].end = ground.tenant.clock.now() - timedelta(days=1)


def disabled(ground: Ground) -> None:
    """The application may not sign in any more."""
    ground.application.disabled = True


@pytest.mark.parametrize(
    ("prepare", "wish", "said"),
    [
        (None, {"client_secret": "Falsch~8Q.Geheimnis"}, ["AADSTS7000215", "Check client_secret"]),
        (
            None,
            {"client_id": "11111111-2222-4333-8444-555555555555"},
            ["AADSTS700016", "Check client_id and tenant_id"],
        ),
        (None, {"tenant_id": "11111111-2222-4333-8444-555555555555"}, ["AADSTS90002", "Check tenant_id and cloud"]),
        (None, {"tenant_id": "nirgends.example"}, ["AADSTS90002", "Check tenant_id and cloud"]),
        (expired, {}, ["AADSTS7000222", "Make a new secret"]),
        (disabled, {}, ["AADSTS7000112", "Enable the enterprise application"]),
    ],
)
def test_a_sign_in_that_is_refused(
    ground: Ground, host: ModuleHost, prepare: Prepare | None, wish: dict[str, Any], said: list[str]
) -> None:
    if prepare:
        prepare(ground)
    result = refusal(
        ground, "mailbox_type", {**CONVERSION, **wish}, "mailbox=info@contoso.example: Sign-in", *said, host=host
    )
    assert "Falsch" not in str(result)
    assert result["error"]["code"].startswith("AADSTS")
    assert result["error"]["request_id"]


@pytest.mark.parametrize("kind", ["redirect", "html", "empty"])
def test_a_sign_in_service_that_is_none(ground: Ground, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.02)
    more = {"authority": "https://anmeldung.hotel.example"} if kind == "redirect" else {}
    ground.fault(kind, times=None, match={"service": "login"}, **more)
    refusal(
        ground,
        "mailbox_type",
        CONVERSION,
        "mailbox=info@contoso.example: Sign-in failed",
        "the sign-in service answered with status",
    )


def certificate(folder: Path, *, with_key: bool) -> Path:
    """A certificate of our own making, which no application knows."""
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=fremd"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    both.write_bytes(cert.read_bytes() + (key.read_bytes() if with_key else b""))
    return both


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01garbled", b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n"]
)
def test_a_garbled_certificate_file(ground: Ground, host: ModuleHost, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "anmeldung.pem"
    path.write_bytes(content)
    refusal(
        ground,
        "mailbox_type",
        {**CONVERSION, "certificate_path": str(path)},
        "certificate_path",
        str(path),
        host=host,
        asked=False,
    )


def test_a_certificate_without_its_key(ground: Ground, tmp_path: Path) -> None:
    path = str(certificate(tmp_path, with_key=False))
    refusal(ground, "mailbox_type", {**CONVERSION, "certificate_path": path}, "certificate_path", path, "key")


def test_a_certificate_that_the_application_does_not_have(ground: Ground, tmp_path: Path) -> None:
    path = str(certificate(tmp_path, with_key=True))
    refusal(ground, "mailbox_type", {**CONVERSION, "certificate_path": path}, "AADSTS700027", "Upload the certificate")


# What we may do


def without(resource: str, *permissions: str) -> Prepare:
    """Take application permissions away, all of them if none is named."""

    def take(ground: Ground) -> None:
        granted = ground.application.app_roles[resource]
        ground.application.app_roles[resource] = [one for one in granted if permissions and one not in permissions]

    return take


def only_reader(ground: Ground) -> None:
    """The application holds the role Global Reader and no other."""
    for role in ground.tenant.roles.values():
        role.members = [ground.application.service_principal_id] if role.display_name == "Global Reader" else []


def no_role(ground: Ground) -> None:
    """The application holds no role."""
    for role in ground.tenant.roles.values():
        role.members = []


USERS = ("User.ReadWrite.All", "Directory.Read.All")
GRANTS: list[tuple[str, dict[str, Any], Prepare, int, list[str]]] = [
    ("mailbox_type", CONVERSION, without(EXCHANGE), 401, ["Exchange.ManageAsApp", "admin consent"]),
    ("mailbox_type", CONVERSION, no_role, 403, ["Get-Mailbox: ", "It means one of three things", "Exchange Administrator"]),
    ("mailbox_type", CONVERSION, only_reader, 403, ["Set-Mailbox: ", "its roles do not include this cmdlet"]),
    ("entra_user_info", {"user": "info@contoso.example"}, without(GRAPH, *USERS, "LicenseAssignment.ReadWrite.All"), 403,
     ["GET /users/info", "lacks the permission User.Read.All", "A token keeps the permissions"]),
    ("entra_license", LICENSE, without(GRAPH, "LicenseAssignment.ReadWrite.All", "User.ReadWrite.All"), 403,
     ["assignLicense: ", "lacks the permission LicenseAssignment.ReadWrite.All"]),
    ("entra_license", LICENSE, without(GRAPH), 403, ["lacks the permission LicenseAssignment.Read.All"]),
]  # fmt: skip


@pytest.mark.parametrize(("module", "wish", "prepare", "status", "said"), GRANTS)
def test_a_permission_that_is_missing(
    ground: Ground, host: ModuleHost, module: str, wish: dict[str, Any], prepare: Prepare, status: int, said: list[str]
) -> None:
    prepare(ground)
    granted = [*ground.application.app_roles[GRAPH]]
    result = _refused_after_a_try(ground, module, wish, said)
    assert result["error"]["status"] == status
    assert granted == ground.application.app_roles[GRAPH]


def _refused_after_a_try(ground: Ground, module: str, wish: dict[str, Any], said: list[str]) -> dict[str, Any]:
    """Like C(refusal), for a write that the service itself refuses, so that it stands in the journal."""
    result = refusal(ground, module, wish, *said, tried=True)
    assert all(entry.status in (401, 403) for entry in ground.world.journal.entries if entry.write)
    return result


# The directory's sign-in and rights


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (
            {"directory_password": "Falsch-Geheimnis-9!"},
            ["The user name or the password is wrong", "Check directory_user"],
        ),
        (
            {"directory_user": "niemand@corp.contoso.example"},
            ["The user name or the password is wrong", "DOMAIN\\user"],
        ),
        ({"directory_user": "CN=niemand,DC=x"}, ["Check directory_user and directory_password"]),
    ],
)
def test_a_directory_sign_in_that_is_refused(
    ground: Ground, host: ModuleHost, wish: dict[str, Any], said: list[str]
) -> None:
    result = refusal(ground, "ad_user", {**NEW, **wish}, "user=neu@contoso.example: ", *said, host=host)
    assert "Falsch" not in str(result)
    assert result["error"]["code"] == "invalidCredentials"


def test_a_directory_account_that_is_disabled(ground: Ground) -> None:
    dn = ground.add_account("helfer")
    ground.set_password(dn, PASSWORD)
    ground.modify(dn, userAccountControl=["514"])
    wish = {**NEW, "directory_user": "helfer@contoso.example", "directory_password": PASSWORD}
    refusal(ground, "ad_user", wish, "The account is disabled", "Enable it")


def test_no_right_to_change_an_account(ground: Ground, host: ModuleHost) -> None:
    wish = {"user": "lager", "display_name": "Neu"}
    said = ("user=lager: ", f"Modifying CN=Lager & Versand,{STOCK}: insufficientAccessRights", "Delegate the right")
    refusal(ground, "ad_user", wish, *said, host=host)
    refusal(ground, "ad_user", {**NEW, "ou": STOCK}, "insufficientAccessRights", "Delegate the right", host=host)
    refusal(ground, "ad_user", {"user": "lager", "state": "absent"}, "insufficientAccessRights", host=host)
    refusal(
        ground,
        "ad_proxyaddress",
        {"user": "lager", "primary": "neu@contoso.example"},
        "insufficientAccessRights",
        host=host,
    )


@pytest.mark.parametrize("password", ["kurz", "allesklein", "nurbuchstabenundkeinezahl"])
def test_a_password_against_the_policy(ground: Ground, host: ModuleHost, password: str) -> None:
    result = refusal(
        ground, "ad_user", {**NEW, "password": password}, "does not meet the domain's password policy", host=host
    )
    assert password not in str(result["msg"])
