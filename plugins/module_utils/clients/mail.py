# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exchange Online's mail protocols with OAuth: a sign-in by SMTP or IMAP, and one message.

The dialogue is that of Microsoft Learn, "Authenticate an IMAP, POP or SMTP connection using OAuth". Every sign-in begins
with a new token: one from a cache would prove nothing about a new credential.
"""

from __future__ import annotations

import base64
import imaplib
import json
import re
import smtplib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from email.utils import formatdate, make_msgid
from typing import Any, ClassVar, TypeVar

from ..domain.secret_record import Stored
from . import clouds, mail_answers, mail_errors, retry, wire
from .auth import SignIn
from .errors import ServiceError, WriteRefused
from .token_cache import TokenCache

T = TypeVar("T")
# A service that is only busy is asked so often; with the waits between, that is some seconds.
TRIES = 4
# The code of a reply, and its enhanced status where it has one (RFC 3463).
_STATUS = re.compile(r"\d{3}[ -]+([245]\.\d{1,3}\.\d{1,3})\b")
# The name in EHLO: the address literal of RFC 5321, 4.1.3. This machine's own name might take a look-up in DNS.
GREETING = "[127.0.0.1]"
SUBJECT = "Test message: mail submission works"
BODY = (
    "This message shows that an application can submit mail from {mailbox}.\r\n"
    "It was sent by the module mail_check of the Ansible collection m365.hybrid. You need not do anything.\r\n"
)


@dataclass(frozen=True)
class Credential:
    """The secret to sign in with in place of the options' own credential."""

    client_id: str
    key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Token:
    """An access token and what it says of itself."""

    value: str = field(repr=False)
    claims: Mapping[str, Any]

    def response(self, mailbox: str) -> str:
        """The XOAUTH2 string for a mailbox, before it is encoded."""
        return f"user={mailbox}\x01auth=Bearer {self.value}\x01\x01"


def credential_of(where: str, stored: Stored | None, application: str | None) -> Credential:
    """The credential that a sink holds.

    Arguments:
        where: the sink in words.
        stored: what consumers read there.
        application: the client id that it must be of; None: any.

    Raises:
        ServiceError: there is none to sign in with.
    """
    if stored is None:
        raise ServiceError(f"There is no client secret in {where}.", advice="Make one first, with the same sink.")
    if stored.value is None:
        raise ServiceError(
            f"A client secret cannot be read back from {where}.",
            advice="Leave sink out, and give client_id and client_secret.",
        )
    if application and application.casefold() != stored.application.casefold():
        raise ServiceError(
            f"The client secret in {where} is that of the application {stored.application}, not of {application}.",
            advice="Check application and sink against each other.",
        )
    return Credential(stored.application, stored.key_id, stored.value)


class _Refused(Exception):
    """A reply that is no success."""

    def __init__(self, reply: str, token: Token | None = None) -> None:
        super().__init__(reply)
        self.reply = reply
        self.token = token


class Mail:
    """Exchange Online as an application that submits or reads mail sees it.

    Arguments:
        options: values of OPTIONS; how the application signs in.
        read_only: refuse to send.
    """

    OPTIONS: ClassVar[dict[str, Any]] = clouds.OPTIONS
    RULES: ClassVar[dict[str, Any]] = clouds.RULES
    Error: ClassVar[type[Exception]] = ServiceError
    EVENTUAL: ClassVar[bool] = False
    PACED: ClassVar[bool] = False

    def __init__(self, options: Mapping[str, Any], read_only: bool) -> None:
        self.warnings: list[str] = []
        self._options = options
        self._read_only = read_only
        self.clock = retry.Clock()

    def sign_in(self, protocol: str, mailbox: str, credential: Credential | None = None) -> dict[str, Any]:
        """Sign in to a mailbox and leave again.

        Arguments:
            protocol: C(smtp) or C(imap). IMAP also opens the inbox, without changing anything there.
            mailbox: whose name goes into the XOAUTH2 string.
            credential: in place of that of the options.

        Returns:
            C(server), and C(application): the client id as the token has it.

        Raises:
            ServiceError: it was refused, or nobody could be reached.
        """
        session = {"smtp": self._smtp, "imap": self._imap}[protocol]

        def visit() -> dict[str, Any]:
            with session(mailbox, credential) as (_unused, server, token):
                return {"server": server, "application": token.claims.get("appid")}

        return self._until_answered(protocol, mailbox, visit)

    def send(self, mailbox: str, sender: str, to: str, credential: Credential | None = None) -> None:
        """Sign in by SMTP and submit a test message.

        Raises:
            WriteRefused: the client may only read.
            ServiceError: it was refused, or nobody could be reached.
        """
        if self._read_only:
            raise WriteRefused("A message is a write, and this connection may only read.")

        def submit() -> None:
            with self._smtp(mailbox, credential) as (connection, _server, _token):
                _submit(connection, _message(mailbox, sender, to), sender, to)

        self._until_answered("smtp", mailbox, submit)

    def close(self) -> None:
        """End every wait."""
        self.clock.close()

    def _until_answered(self, protocol: str, mailbox: str, action: Callable[[], T]) -> T:
        """Do something until it succeeds or is refused for good; a reply that it is only busy is no refusal."""
        effort = retry.Effort(self.clock)
        host, port = clouds.mail_server(self._options, protocol)
        while True:
            try:
                return action()
            except (_Refused, smtplib.SMTPResponseException) as error:
                refused = error if isinstance(error, _Refused) else _Refused(_reply(error.smtp_code, error.smtp_error))
                found = _STATUS.match(refused.reply)
                status = found[1] if found else ""
                rule = mail_errors.classify(status or f"{refused.reply[0]}.0.0", refused.reply)
                if not (rule and rule.passing and effort.again(retry.BUDGET, tries=TRIES)):
                    why = mail_answers.denied(protocol, refused.token.claims if refused.token else {}, mailbox)
                    raise mail_answers.refusal(f"{host}:{port}", refused.reply, status, rule, why) from None
            except (OSError, EOFError, imaplib.IMAP4.abort) as error:
                failure = wire.failed(error, f"{host}:{port}", self._timeout)
                if not (failure.failure.again and not failure.failure.sent and effort.again(retry.BUDGET, tries=TRIES)):
                    raise failure.error(protocol.upper(), write=False) from None

    @property
    def _timeout(self) -> float:
        return float(self._options.get("request_timeout") or 60)

    def _token(self, credential: Credential | None) -> Token:
        """A new token for Exchange."""
        options = dict(self._options)
        if credential:
            own = {"client_id": credential.client_id, "client_secret": credential.secret, "sign_in": "client_secret"}
            options |= own
        carrier = wire.Wire(options.get("ca_path"), self._timeout)
        try:
            scope = clouds.service(options, "exchange").scope
            value = SignIn(options, carrier, self.clock, TokenCache()).token(scope)
        finally:
            carrier.close()
        return Token(value, _claims(value))

    @contextmanager
    def _smtp(self, mailbox: str, credential: Credential | None) -> Iterator[tuple[smtplib.SMTP, str, Token]]:
        token = self._token(credential)
        host, port = clouds.mail_server(self._options, "smtp")
        trust = wire.trust(self._options.get("ca_path"))
        connection = smtplib.SMTP(host, port, GREETING, timeout=self._timeout)
        with _leaving(connection.close, connection.quit):
            _expect(connection.ehlo(), 250)
            if not connection.has_extn("starttls"):
                raise _no_starttls(f"{host}:{port}")
            _expect(connection.starttls(context=trust), 220)
            _expect(connection.ehlo(), 250)
            _expect(connection.docmd("AUTH", "XOAUTH2"), 334)
            encoded = base64.b64encode(token.response(mailbox).encode()).decode()
            _expect(connection.docmd(encoded), 235, token)
            yield connection, f"{host}:{port}", token

    @contextmanager
    def _imap(self, mailbox: str, credential: Credential | None) -> Iterator[tuple[imaplib.IMAP4, str, Token]]:
        token = self._token(credential)
        host, port = clouds.mail_server(self._options, "imap")
        trust = wire.trust(self._options.get("ca_path"))
        try:
            connection = imaplib.IMAP4_SSL(host, port, ssl_context=trust, timeout=self._timeout)
            with _leaving(connection.shutdown, connection.logout):
                connection.authenticate("XOAUTH2", lambda _challenge: token.response(mailbox).encode())
                kind, answer = connection.select("INBOX", readonly=True)
                if kind != "OK":
                    raise _Refused(f"{kind} {_text(answer[-1])}", token)
                yield connection, f"{host}:{port}", token
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise _Refused(f"NO {_text(error.args[0] if error.args else '')}", token) from None


@contextmanager
def _leaving(close: Callable[[], Any], farewell: Callable[[], Any]) -> Iterator[None]:
    """Say goodbye after a success, and close the connection in any case."""
    try:
        yield
        # The work is done by then, so it does not matter what becomes of the goodbye.
        with suppress(OSError, smtplib.SMTPException, imaplib.IMAP4.error):
            farewell()
    finally:
        with suppress(OSError):
            close()


def _claims(token: str) -> dict[str, Any]:
    """What a token says of itself, only to explain a refusal: nothing is decided by it, so nothing is verified."""
    try:
        payload = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError):
        return {}
    return found if isinstance(found, dict) else {}


def _expect(answer: tuple[int, bytes], code: int, token: Token | None = None) -> None:
    if answer[0] == -1:
        raise smtplib.SMTPServerDisconnected("the connection was closed")
    if answer[0] != code:
        raise _Refused(_reply(*answer), token)


def _reply(code: int, text: bytes | str) -> str:
    """A reply on one line, as the service wrote it."""
    return f"{code} {' '.join(_text(text).split())}"


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _no_starttls(server: str) -> ServiceError:
    return ServiceError(
        f"{server} does not offer STARTTLS.",
        meaning="The token was not sent: somebody on the way may have taken the offer away.",
        advice="Check endpoints.smtp, and firewalls that look into SMTP.",
    )


def _message(mailbox: str, sender: str, to: str) -> bytes:
    message = EmailMessage(policy=MAIL_POLICY)
    message["From"], message["To"], message["Subject"] = sender, to, SUBJECT
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # RFC 3834: so that nobody's out-of-office answers.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(BODY.format(mailbox=mailbox))
    return message.as_bytes()


def _submit(connection: smtplib.SMTP, message: bytes, sender: str, to: str) -> None:
    _expect(connection.mail(sender), 250)
    _expect(connection.rcpt(to), 250)
    try:
        _expect(connection.data(message), 250)
    except smtplib.SMTPResponseException:
        raise
    except OSError:
        # Sent again it might arrive twice, and read again it cannot be.
        raise ServiceError(
            "The connection was lost while the message was sent.",
            meaning="The message may or may not have been accepted.",
            advice="Look whether it arrives; then run again.",
        ) from None
