# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of SMTP and IMAP share: an application that may use a mailbox, and its SASL response."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from rehearsal import APP_ID, PRINCIPAL_ID, Lab
from test_exchange import invoke

from lab.login import issue
from lab.tokens import EXCHANGE, key_id

INFO, VERTRIEB = "info@contoso.example", "vertrieb@contoso.example"


def done(lab: Lab, cmdlet: str, **parameters: Any) -> None:
    """A command that succeeds without a warning."""
    answer = invoke(lab, cmdlet, parameters)
    assert answer.status_code == 200, answer.text
    assert answer.json()["@adminapi.warnings"] == []


def prepare(lab: Lab, object_id: str = PRINCIPAL_ID, mailbox: str = INFO) -> None:
    """Everything that an application needs to send and read: SMTP AUTH on, its principal registered, FullAccess."""
    done(lab, "Set-TransportConfig", SmtpClientAuthenticationDisabled=False)
    done(lab, "New-ServicePrincipal", AppId=APP_ID, ObjectId=object_id)
    done(lab, "Add-MailboxPermission", Identity=mailbox, User=object_id, AccessRights=["FullAccess"])
    permit(lab, "SMTP.SendAsApp", "IMAP.AccessAsApp")


def permit(lab: Lab, *permissions: str) -> None:
    """Grant exactly these permissions of Exchange, besides the one for administration."""
    lab.application.app_roles[EXCHANGE] = ["Exchange.ManageAsApp", *permissions]


def token(lab: Lab, resource: str = EXCHANGE, audience: str | None = None) -> str:
    """A fresh token of the application."""
    return issue(lab.world, lab.application, resource, audience=audience)


def user_token(lab: Lab, user_id: str, *scopes: str) -> str:
    """A token of a user for Exchange with these scopes."""
    claims = jwt.decode(token(lab), options={"verify_signature": False})
    claims |= {"aud": "https://outlook.office.com", "idtyp": "user", "oid": user_id, "scp": " ".join(scopes)}
    del claims["roles"]
    return jwt.encode(claims, lab.world.keys, algorithm="RS256", headers={"kid": key_id(lab.world)})


def response(mailbox: str, bearer: str) -> str:
    """The SASL XOAUTH2 response, not yet in base64."""
    return f"user={mailbox}\x01auth=Bearer {bearer}\x01\x01"


def trust(lab: Lab) -> ssl.SSLContext:
    """A client's TLS context that trusts the lab's authority alone."""
    return ssl.create_default_context(cafile=str(lab.world.ca_path))


@contextmanager
def connected(lab: Lab, *, tls: bool = True) -> Iterator[smtplib.SMTP]:
    """A connection to the submission service, after STARTTLS."""
    host, _unused, port = lab.world.smtp_server.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=20) as client:
        if tls:
            client.starttls(context=trust(lab))
            client.ehlo()
        yield client


def sign_in(client: smtplib.SMTP, mailbox: str, bearer: str) -> tuple[int, str]:
    """AUTH XOAUTH2 with an initial response; gives code and text of the answer."""
    try:
        code, said = client.auth("XOAUTH2", lambda _unused=None: response(mailbox, bearer))
    except smtplib.SMTPAuthenticationError as error:
        code, raw = error.smtp_code, error.smtp_error
        return code, raw.decode() if isinstance(raw, bytes) else raw
    return code, said.decode()
