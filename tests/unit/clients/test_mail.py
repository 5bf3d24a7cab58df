# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mail client: dialogue, refusals, what is tried again, and that nothing secret leaves by a side door."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from mail_server import SMTP, MailServer
from scripted import TENANT, FakeClock, ScriptedServer, refused, token

from ansible_collections.m365.hybrid.plugins.module_utils.clients import clouds
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError, WriteRefused
from ansible_collections.m365.hybrid.plugins.module_utils.clients.mail import Credential, Mail, credential_of
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Stored

INFO, IT = "info@contoso.example", "it@contoso.example"
SECRET = "Geheim~nis.1"
IMAP: dict[str, list[str | None]] = {
    "": ["* OK ready"],
    "CAPABILITY": ["* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\nTAG OK done"],
    "AUTHENTICATE": ["+ "],
    "=": ["TAG OK AUTHENTICATE completed."],
    "EXAMINE": ["* 0 EXISTS\r\nTAG OK [READ-ONLY] EXAMINE completed."],
    "LOGOUT": ["* BYE\r\nTAG OK LOGOUT completed."],
}
Start = Callable[..., MailServer]


def bearer(*roles: str, **more: str) -> str:
    """A token that says these roles of itself; nobody checks its signature here."""
    claims = {"appid": "client-1", "oid": "object-1", **({"roles": list(roles)} if roles else {}), **more}
    return "e30." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".c2lnbmF0dXJl"


GOOD = bearer("SMTP.SendAsApp", "IMAP.AccessAsApp")


@pytest.fixture
def start(authority: trustme.CA) -> Iterator[Start]:
    """Start mail servers; they end with the test."""
    started: list[MailServer] = []

    def begin(script: Any = (), issuer: trustme.CA | None = None, secure: bool = False) -> MailServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (issuer or authority).issue_cert("127.0.0.1").configure_cert(context)
        started.append(MailServer(context, dict(script), secure=secure))
        return started[-1]

    yield begin
    for one in started:
        one.close()


@pytest.fixture
def client(server: ScriptedServer, ca_path: str) -> Callable[..., Mail]:
    """Make a client of a mail server, with a clock that does not wait."""
    server.sign_ins = [token(GOOD)]

    def make(mail: MailServer, protocol: str = "smtp", read_only: bool = False, **options: Any) -> Mail:
        given = {
            "tenant_id": TENANT,
            "client_id": "client-1",
            "client_secret": SECRET,
            "endpoints": {"login": server.url, protocol: mail.address},
            "ca_path": ca_path,
            "request_timeout": 5,
            **options,
        }
        made = Mail(given, read_only)
        made.clock = FakeClock()
        return made

    return make


def failure(action: Callable[[], Any]) -> ServiceError:
    """The error that an action ends with; it never shows the secret or the token."""
    with pytest.raises(ServiceError) as caught:
        action()
    shown = repr(caught.value) + str(caught.value) + repr(caught.value.facts)
    assert SECRET not in shown
    assert GOOD not in shown
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def test_the_dialogue_of_smtp(start: Start, client: Callable[..., Mail], server: ScriptedServer) -> None:
    mail = start()
    came = client(mail).sign_in("smtp", INFO)
    assert came == {"server": mail.address, "application": "client-1"}
    assert mail.lines[:2] == ["ehlo [127.0.0.1]", "STARTTLS"]
    assert mail.lines[3] == "AUTH XOAUTH2"
    assert base64.b64decode(mail.lines[4]).decode() == f"user={INFO}\x01auth=Bearer {GOOD}\x01\x01"
    assert mail.lines[5:] == ["quit"]
    assert server.token_requests[0].form["scope"].startswith("https://outlook.office365.com/.default")


def test_the_dialogue_of_imap(start: Start, client: Callable[..., Mail]) -> None:
    mail = start(IMAP, secure=True)
    assert client(mail, "imap").sign_in("imap", INFO) == {"server": mail.address, "application": "client-1"}
    commands = [line.split(" ", 1)[-1] for line in mail.lines if " " in line]
    assert commands == ["CAPABILITY", "AUTHENTICATE XOAUTH2", "EXAMINE INBOX", "LOGOUT"]


def test_every_sign_in_begins_with_a_new_token(
    start: Start, client: Callable[..., Mail], server: ScriptedServer
) -> None:
    mail = client(start())
    mail.sign_in("smtp", INFO)
    mail.sign_in("smtp", INFO)
    assert len(server.token_requests) == 2


def test_another_credential_goes_before_that_of_the_options(
    start: Start, client: Callable[..., Mail], server: ScriptedServer
) -> None:
    client(start(), certificate_path="/nowhere.pem").sign_in("smtp", INFO, Credential("client-2", "k", "Neu~2"))
    form = server.token_requests[0].form
    assert (form["client_id"], form["client_secret"]) == ("client-2", "Neu~2")
    assert "Neu~2" not in repr(Credential("client-2", "k", "Neu~2"))


def test_a_secret_that_entra_refuses_is_told_as_ever(
    start: Start, client: Callable[..., Mail], server: ScriptedServer
) -> None:
    mail = start()
    made = client(mail)
    server.sign_ins = [refused(7000222, "invalid_client", "The provided client secret keys are expired.", 401)]
    assert "The client secret has expired" in str(failure(lambda: made.sign_in("smtp", INFO)))
    assert mail.connections == 0


def test_a_message(start: Start, client: Callable[..., Mail]) -> None:
    mail = start()
    client(mail).send(INFO, "kontakt@contoso.example", IT)
    # Python's newer versions write the verbs in small letters.
    verbs = [line.lower() for line in mail.lines]
    assert "mail from:<kontakt@contoso.example>" in verbs
    assert f"rcpt to:<{IT.lower()}>" in verbs
    assert {"From: kontakt@contoso.example", f"To: {IT}", "Auto-Submitted: auto-generated"} <= set(mail.lines)


def test_a_reading_client_sends_nothing(start: Start, client: Callable[..., Mail]) -> None:
    mail = start()
    with pytest.raises(WriteRefused):
        client(mail, read_only=True).send(INFO, INFO, IT)
    assert mail.connections == 0


@pytest.mark.parametrize(
    ("stage", "reply", "said"),
    [
        ("=", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. [x]",
         "switched off for the organization"),
        ("MAIL", "530 5.7.57 Client not authenticated to send mail.", "without a sign-in"),
        ("RCPT", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", "does not exist"),
        (".", "430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception", "no FullAccess"),
        (".", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "give SendAs"),
        (".", "554 5.2.252 SendAsDenied; a not allowed to send as b", "give SendAs"),
        (".", "554 5.2.2 Submission quota exceeded", "limit of recipients"),
        ("DATA", "550 5.7.708 Access denied, traffic not accepted from this IP", "does not trust this tenant"),
        ("STARTTLS", "454 4.7.0 TLS not available", "at this moment"),
        ("", "421 4.3.2 Service not active", "More than three sessions"),
        (".", "599 What is this", "599 What is this"),
    ],
)  # fmt: skip
def test_a_refusal_is_explained(start: Start, client: Callable[..., Mail], stage: str, reply: str, said: str) -> None:
    error = failure(lambda: client(start({stage: [reply]})).send(INFO, INFO, IT))
    assert reply in error.said
    assert said in str(error)
    assert error.status == int(reply[:3])
    assert not error.ambiguous


@pytest.mark.parametrize("stage", ["", "EHLO", "AUTH", "=", "MAIL", "RCPT", "."])
def test_a_busy_service_is_asked_again(start: Start, client: Callable[..., Mail], stage: str) -> None:
    mail = start({stage: ["451 4.7.0 Temporary server error", *SMTP[stage]]})
    client(mail).send(INFO, INFO, IT)
    assert "Subject: Test message: mail submission works" in mail.lines


def test_a_service_that_stays_busy_is_given_up(start: Start, client: Callable[..., Mail]) -> None:
    mail = start({"=": ["454 4.7.0 Temporary authentication failure"]})
    error = failure(lambda: client(mail).sign_in("smtp", INFO))
    assert "Run it again later" in str(error)
    assert mail.connections == 4


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (bearer("IMAP.AccessAsApp"), "lacks the role SMTP.SendAsApp; it has IMAP.AccessAsApp."),
        (bearer(), "lacks the role SMTP.SendAsApp; it has none."),
        (GOOD, "has the role SMTP.SendAsApp, so it is Exchange that refuses"),
        (GOOD, "by the object id object-1, not by that of the app registration"),
        (bearer(scp="User.Read"), "lacks the scope SMTP.Send; it has User.Read."),
        (bearer(scp="User.Read SMTP.Send"), "2. The person who signed in has FullAccess"),
        ("opaque", "Exchange refuses the token and does not say why. Check in this order"),
    ],
)
def test_a_token_that_is_refused_is_looked_at(
    start: Start, client: Callable[..., Mail], server: ScriptedServer, held: str, said: str
) -> None:
    made = client(start({"=": ["535 5.7.3 Authentication unsuccessful [AB1PR01 2026-11-22T10:00:00.000Z 08DE]"]}))
    server.sign_ins = [token(held)]
    error = failure(lambda: made.sign_in("smtp", INFO))
    assert said in str(error)
    assert error.code == "5.7.3"


@pytest.mark.parametrize(
    ("stage", "reply", "said"),
    [
        ("=", "TAG NO AUTHENTICATE failed.", "has the role IMAP.AccessAsApp"),
        ("EXAMINE", "TAG BAD User is authenticated but not connected.", "IMAP is switched off for it"),
        ("EXAMINE", "TAG NO Server Unavailable. 15", "NO Server Unavailable. 15"),
    ],
)
def test_imap_refuses(start: Start, client: Callable[..., Mail], stage: str, reply: str, said: str) -> None:
    mail = start({**IMAP, stage: [reply]}, secure=True)
    assert said in str(failure(lambda: client(mail, "imap").sign_in("imap", INFO)))


def test_no_token_goes_over_a_connection_in_the_clear(start: Start, client: Callable[..., Mail]) -> None:
    mail = start({"EHLO": ["250 AUTH XOAUTH2"]})
    assert "does not offer STARTTLS" in str(failure(lambda: client(mail).sign_in("smtp", INFO)))
    assert len(mail.lines) == 1


@pytest.mark.parametrize("protocol", ["smtp", "imap"])
def test_a_strange_certificate_ends_it(start: Start, client: Callable[..., Mail], protocol: str) -> None:
    mail = start(IMAP if protocol == "imap" else (), issuer=trustme.CA(), secure=protocol == "imap")
    error = failure(lambda: client(mail, protocol).sign_in(protocol, INFO))
    assert "is not signed by a CA that is trusted here" in str(error)
    assert not any("AUTH" in line.upper() for line in mail.lines)


@pytest.mark.parametrize("stage", ["", "EHLO", "=", "MAIL"])
def test_a_connection_that_is_cut_is_told(start: Start, client: Callable[..., Mail], stage: str) -> None:
    error = failure(lambda: client(start({stage: [None]})).send(INFO, INFO, IT))
    assert "was cut before the answer was complete" in str(error)


def test_a_message_whose_fate_is_unknown_is_not_sent_twice(start: Start, client: Callable[..., Mail]) -> None:
    mail = start({".": [None]})
    error = failure(lambda: client(mail).send(INFO, INFO, IT))
    assert "may or may not have been accepted" in str(error)
    assert mail.connections == 1


def test_nobody_listens(start: Start, client: Callable[..., Mail]) -> None:
    mail = start()
    mail.close()
    assert "refuses the connection" in str(failure(lambda: client(mail).sign_in("smtp", INFO)))


def stored(value: str | None = SECRET) -> Stored:
    """A secret in a sink."""
    return Stored(value, "key-1", "client-1", "2026-11-01T00:00:00Z", "2027-11-01T00:00:00Z")


def test_the_secret_of_a_sink() -> None:
    assert credential_of("the file x", stored(), "CLIENT-1") == Credential("client-1", "key-1", SECRET)


@pytest.mark.parametrize(
    ("held", "application", "said"),
    [
        (None, None, "There is no client secret in the file x"),
        (stored(None), None, "cannot be read back from the file x"),
        (stored(), "client-2", "is that of the application client-1, not of client-2"),
    ],
)
def test_a_sink_without_the_secret(held: Stored | None, application: str | None, said: str) -> None:
    assert said in str(failure(lambda: credential_of("the file x", held, application)))


@pytest.mark.parametrize(
    ("given", "server"),
    [
        (None, ("smtp.office365.com", 587)),
        ("mail.example", ("mail.example", 587)),
        ("mail.example:2525", ("mail.example", 2525)),
    ],
)
def test_where_mail_is_submitted(given: str | None, server: tuple[str, int]) -> None:
    assert clouds.mail_server({"endpoints": {"smtp": given}}, "smtp") == server


@pytest.mark.parametrize("given", ["https://x.example", "x.example:", "x.example:0", "x.example:99999", "x y", ":25"])
def test_what_is_no_mail_server(given: str) -> None:
    with pytest.raises(ServiceError, match="is not a server"):
        clouds.mail_server({"endpoints": {"smtp": given}}, "smtp")


@pytest.mark.parametrize("cloud", clouds.CLOUDS)
def test_every_cloud_has_its_mail_servers(cloud: str) -> None:
    for protocol, port in clouds.MAIL.items():
        assert clouds.mail_server({"cloud": cloud}, protocol)[1] == port
