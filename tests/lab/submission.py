# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail submission as C(smtp.office365.com:587) serves it: STARTTLS, AUTH XOAUTH2, and the service's refusals.

Texts: Microsoft Learn ("Authenticate an IMAP, POP or SMTP connection using OAuth", "Message storage and concurrent
connection throttling for SMTP Authenticated Submission"), and public logs of the service.

Switches of the tenant:

- C(smtp_basic_authentication): what AUTH LOGIN meets: C(disabled) (default: 535 5.7.139 basic authentication is
  disabled), C(unsupported) (550 5.7.30), C(credentials) (535 5.7.139 the user credentials were incorrect),
  C(security_defaults) (535 5.7.139 user is locked by your organization's security defaults policy).
- C(smtp_mailbox_refusal): where an application without FullAccess fails: C(data) (default: the sign-in succeeds, and the
  message meets 430 4.2.0 mailbox logon failure, as a public log shows) or C(auth) (535 5.7.3).
- C(smtp_send_as_refusal): C(5.7.60) (default) or C(5.2.252), both seen in public; C(smtp_send_as_of): see
  L(lab.mail_access).
- C(smtp_settings_lag), C(smtp_permission_lag): seconds until SmtpClientAuthenticationDisabled, or a service principal
  and a permission, take effect.
- C(smtp_connections): how many sessions may send from one mailbox at a time (3).
- C(smtp_faults): list of C({"stage": "ehlo|auth|mail|rcpt|data", "reply": "454 4.7.0 Temporary authentication failure",
  "times": 1}); each is used up, without C(times) it stays.
"""

from __future__ import annotations

import asyncio
import collections
import ssl
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Content
from email.utils import parseaddr
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from .exchange.client_access import smtp_auth_disabled
from .journal import Entry
from .mail_access import HOST, Access, Refused, may_open, may_send_as, next_fault, sign_in
from .stores import Message
from .world import World

APP_ROLE, SCOPE = "SMTP.SendAsApp", "SMTP.Send"
_SIZE = 157_286_400
# RFC 4954 section 4: an AUTH line may have 12288 octets.
_AUTH_LINE = 12_288
_BASIC = {
    "disabled": "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
    "unsupported": "550 5.7.30 Basic authentication is not supported for Client Submission.",
    "credentials": "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
    "security_defaults": (
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. "
        "Contact your administrator."
    ),
}
_FAILED = "535 5.7.3 Authentication unsuccessful"
_LOGON = (
    "430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:ConnectionFailedTransientException."
    "MapiExceptionLogonFailed; Failed to process message due to a transient exception with message "
    "[BeginDiagnosticData]Cannot open mailbox."
)


class Submission(SMTP):
    """One connection. The library reads the protocol; what the service says to it is decided here."""

    line_length_limit = _AUTH_LINE + 2

    def __init__(self, world: World, context: ssl.SSLContext) -> None:
        super().__init__(
            _Hooks(),
            data_size_limit=_SIZE,
            enable_SMTPUTF8=True,
            hostname=HOST,
            ident="Microsoft ESMTP MAIL Service ready",
            tls_context=context,
            loop=asyncio.get_running_loop(),
        )
        # The library keeps one table for all connections.
        self.command_size_limits = collections.defaultdict(lambda: 2048, {"AUTH": _AUTH_LINE})
        self.world = world
        self.access: Access | None = None
        self.entry: Entry | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the journal's entry at the first call; the second one is after STARTTLS."""
        if self.entry is None:
            self.entry = self.world.journal.begin(self.world.tenant.clock, "smtp")
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Give the place of the session back."""
        _senders(self.world).pop(id(self), None)
        super().connection_lost(error)

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802  (the library's name)
        """AUTH: XOAUTH2 with or without an initial response, LOGIN to be refused; nothing before STARTTLS."""
        await self.push(self.noted(await self._authenticated((arg or "").split())))

    async def _authenticated(self, words: list[str]) -> str:
        mechanism = words[0].upper() if words else ""
        if self._tls_protocol is None or mechanism not in ("XOAUTH2", "LOGIN", "PLAIN"):
            return "504 5.7.4 Unrecognized authentication type"
        if self.access is not None:
            return "503 5.5.2 Already authenticated"
        if mechanism != "XOAUTH2":
            return await self._basic(mechanism, words)
        response = words[1].encode() if len(words) > 1 else await self._asked("")
        fault = next_fault(self.world.tenant, "smtp_faults", "auth")
        if fault is not None:
            return fault
        return self._token(response)

    async def _basic(self, mechanism: str, words: list[str]) -> str:
        """Read what the client has to say, and refuse it whatever it is."""
        if mechanism == "LOGIN":
            if len(words) < 2:
                await self._asked("VXNlcm5hbWU6")
            await self._asked("UGFzc3dvcmQ6")
        elif len(words) < 2:
            await self._asked("")
        said = _BASIC[self.world.tenant.switches.get("smtp_basic_authentication", "disabled")]
        return f"{said} {self.stamp()}"

    async def _asked(self, challenge: str) -> bytes:
        """What the client answers to a challenge that is base64 already."""
        await self.push(f"334 {challenge}")
        line: bytes = await self._reader.readline()
        return line.strip()

    def _token(self, response: bytes) -> str:
        tenant = self.world.tenant
        try:
            access = sign_in(self.world, response, APP_ROLE, SCOPE)
            self._seen(access)
            closed = smtp_auth_disabled(tenant, access.user)
            if closed is not None:
                said = f"SmtpClientAuthentication is disabled for the {closed}."
                more = "Visit https://aka.ms/smtp_auth_disabled for more information."
                return f"535 5.7.139 Authentication unsuccessful, {said} {more} {self.stamp()}"
            if tenant.switches.get("smtp_mailbox_refusal", "data") == "auth" and not may_open(tenant, access):
                raise Refused("mailbox permission")
        except Refused as refusal:
            self._failed(refusal.reason)
            return f"{_FAILED} {self.stamp()}"
        self.access = access
        return "235 2.7.0 Authentication successful"

    def _seen(self, access: Access) -> None:
        if self.entry is not None:
            self.entry.path = access.address

    def _failed(self, reason: str) -> None:
        """Keep in the journal, and nowhere else, why a sign-in failed."""
        if self.entry is not None:
            self.entry.query = f"refused={reason}"

    def noted(self, reply: str) -> str:
        """A reply whose code the journal keeps."""
        if self.entry is not None:
            self.entry.status = int(reply[:3])
        return reply

    def stamp(self) -> str:
        """What the service appends to its replies: server, time and session."""
        now = self.world.tenant.clock.now()
        return f"[{HOST} {now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z {id(self) & 0xFFFFFFFFFFFFFFFF:016X}]"


class _Hooks:
    """The events of a connection, as the library calls them."""

    async def handle_EHLO(  # noqa: N802  (the library's name)
        self, server: Submission, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """The extensions that the service announces, as far as the library has them."""
        session.host_name = hostname
        fault = next_fault(server.world.tenant, "smtp_faults", "ehlo")
        if fault is not None:
            return [server.noted(fault)]
        peer = session.peer[0] if session.peer else "127.0.0.1"
        lines = [f"{HOST} Hello [{peer}]", f"SIZE {_SIZE}", "PIPELINING", "ENHANCEDSTATUSCODES"]
        lines.append("STARTTLS" if session.ssl is None else "AUTH LOGIN XOAUTH2")
        lines += ["8BITMIME", "SMTPUTF8"]
        return [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]

    async def handle_MAIL(  # noqa: N802
        self, server: Submission, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """MAIL FROM needs a sign-in."""
        if server.access is None:
            return server.noted(f"530 5.7.57 Client not authenticated to send mail. {server.stamp()}")
        fault = next_fault(server.world.tenant, "smtp_faults", "mail")
        if fault is not None:
            return server.noted(fault)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Submission, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Any recipient is taken; what cannot be delivered comes back as a message."""
        fault = next_fault(server.world.tenant, "smtp_faults", "rcpt")
        if fault is not None:
            return server.noted(fault)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(  # noqa: N802
        self, server: Submission, session: Session, envelope: Envelope
    ) -> str:
        """Take the message, or refuse it as a whole."""
        fault = next_fault(server.world.tenant, "smtp_faults", "data")
        return server.noted(fault if fault is not None else _submitted(server, envelope))

    async def handle_QUIT(  # noqa: N802
        self, server: Submission, session: Session, envelope: Envelope
    ) -> str:
        """The service's farewell."""
        return "221 2.0.0 Service closing transmission channel"


def _submitted(server: Submission, envelope: Envelope) -> str:
    world, access = server.world, server.access
    if access is None:
        return f"530 5.7.57 Client not authenticated to send mail. {server.stamp()}"
    tenant = world.tenant
    senders = _senders(world)
    senders[id(server)] = access.user.id
    if list(senders.values()).count(access.user.id) > int(tenant.switches.get("smtp_connections", 3)):
        more = "Visit https://aka.ms/concurrent_sending for more information."
        return f"432 4.3.2 Concurrent connections limit exceeded. {more} [Hostname={HOST}]"
    if not may_open(tenant, access):
        return f"{_LOGON} [Hostname={HOST}]"
    content = message_from_bytes(cast(bytes, envelope.content))
    sender = envelope.mail_from or ""
    shown = parseaddr(str(content.get("From", sender)))[1]
    for address in (sender, shown):
        if not may_send_as(tenant, access, address):
            return _send_as_denied(server, access, address)
    message = _message(world, access, envelope, content)
    tenant.messages.append(message)
    if server.entry is not None:
        server.entry.write = True
    return f"250 2.0.0 OK {content.get('Message-ID', '<none>')} [Hostname={HOST}]"


def _senders(world: World) -> dict[int, str]:
    """Which sessions are sending from which mailbox."""
    senders: dict[int, str] = world.tenant.scratch.setdefault("smtp_senders", {})
    return senders


def _send_as_denied(server: Submission, access: Access, address: str) -> str:
    if server.world.tenant.switches.get("smtp_send_as_refusal", "5.7.60") == "5.7.60":
        said = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"
        return f"{said} {server.stamp()}"
    return (
        f"554 5.2.252 SendAsDenied; {access.address} not allowed to send as {address}; STOREDRV.Submission.Exception:"
        f"SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with "
        f"message [BeginDiagnosticData]Cannot submit message. [Hostname={HOST}]"
    )


def _message(world: World, access: Access, envelope: Envelope, content: Content) -> Message:
    return Message(
        time=world.tenant.clock.now(),
        mailbox=access.address,
        sender=envelope.mail_from or "",
        recipients=list(envelope.rcpt_tos),
        subject=str(make_header(decode_header(content.get("Subject", "")))),
        size=len(cast(bytes, envelope.content)),
        app_id=access.app_id,
        key_id=world.issued_with.get(str(access.claims.get("uti"))),
        delegated=access.delegated,
        headers={name: str(value) for name, value in content.items()},
    )
