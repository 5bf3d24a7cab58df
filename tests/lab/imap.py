# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IMAP as C(outlook.office365.com:993) serves it, as far as a sign-in with a token: TLS, AUTHENTICATE XOAUTH2, SELECT.

RFC 3501, SASL-IR (RFC 4959). Texts: public logs of the service; the mailbox that an application may not open is seen
there as a sign-in that succeeds and then C(BAD User is authenticated but not connected.). Written by hand on asyncio's
streams: pymap has had no release since April 2024, and Twisted's server would bring a second event loop.

Switches of the tenant:

- C(imap_mailbox_refusal): where an application without FullAccess, or a mailbox without IMAP (ImapEnabled), fails:
  C(select) (default) or C(auth) (NO AUTHENTICATE failed.). That ImapEnabled shows the same way is our guess.
- C(imap_faults): list of C({"stage": "authenticate|select", "reply": "NO Server Unavailable. 15", "times": 1}).
- C(smtp_permission_lag): see L(lab.mail_access).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from dataclasses import dataclass

from .exchange.client_access import cas_values
from .index import bare_address
from .journal import Entry
from .mail_access import HOST, Access, Refused, may_open, next_fault, sign_in
from .world import World

APP_ROLE, SCOPE = "IMAP.AccessAsApp", "IMAP.AccessAsUser.All"
_BEFORE = "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
_AFTER = (
    "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES "
    "CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+"
)
_FLAGS = "(\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)"
_LONGEST_LINE = 65_536
_NOT_CONNECTED = "BAD User is authenticated but not connected."


@dataclass
class _Session:
    """One connection: who has signed in, and whether the mailbox can be opened."""

    world: World
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    entry: Entry
    access: Access | None = None
    connected: bool = True
    complaints: int = 0

    async def say(self, *lines: str) -> None:
        """Send lines."""
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()

    async def hear(self) -> str:
        """The next line without its end. Raises EOFError when the client has gone."""
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line.decode("utf-8", "replace").rstrip("\r\n")


def protocol(world: World) -> asyncio.StreamReaderProtocol:
    """What serves one connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(world, reader, writer, world.journal.begin(world.tenant.clock, "imap"))
        try:
            with contextlib.suppress(ConnectionError, EOFError, ValueError):
                await _converse(session)
        finally:
            writer.close()

    return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=_LONGEST_LINE), serve)


async def _converse(session: _Session) -> None:
    """Answer command after command until LOGOUT, or until the service has had enough."""
    name = base64.b64encode(HOST.encode("utf-16-le")).decode()
    await session.say(f"* OK The Microsoft Exchange IMAP4 service is ready. [{name}]")
    while True:
        tag, _unused, rest = (await session.hear()).partition(" ")
        command, _unused, argument = rest.partition(" ")
        if command.upper() == "LOGOUT":
            await session.say(
                "* BYE Microsoft Exchange Server IMAP4 server signing off.", f"{tag} OK LOGOUT completed."
            )
            return
        lines = await _answered(session, command.upper(), argument)
        await session.say(*lines[:-1], f"{tag} {lines[-1]}")
        session.complaints += lines[-1] == _NOT_CONNECTED
        if session.complaints > 1:
            await session.say("* BYE Connection closed. 14")
            return


async def _answered(session: _Session, command: str, argument: str) -> list[str]:
    """What a command is answered: lines without a tag, and the last one, which will get the tag."""
    if command == "CAPABILITY":
        return [f"* CAPABILITY {_AFTER if session.access else _BEFORE}", "OK CAPABILITY completed."]
    if command == "NOOP":
        return ["OK NOOP completed."]
    if command in ("LOGIN", "AUTHENTICATE"):
        if session.access is not None:
            return ["BAD Command received in Invalid state."]
        return [await _authenticated(session, command, argument.split())]
    if command not in ("SELECT", "EXAMINE", "LIST"):
        return ["BAD Command Error. 12"]
    if session.access is None:
        return ["BAD Command received in Invalid state."]
    if not session.connected:
        return [_NOT_CONNECTED]
    if command == "LIST":
        return ['* LIST (\\Marked \\HasNoChildren) "/" INBOX', "OK LIST completed."]
    return _selected(session, session.access, command, argument.strip().strip('"'))


async def _authenticated(session: _Session, command: str, words: list[str]) -> str:
    """AUTHENTICATE XOAUTH2, with or without an initial response; everything with a password fails."""
    if command == "LOGIN":
        return "NO LOGIN failed."
    if not words:
        return "BAD Command Argument Error. 11"
    response = words[1] if len(words) > 1 else await _asked(session)
    fault = next_fault(session.world.tenant, "imap_faults", "authenticate")
    if fault is not None:
        return fault
    try:
        if words[0].upper() != "XOAUTH2":
            raise Refused("password")
        _let_in(session, sign_in(session.world, response.encode(), APP_ROLE, SCOPE))
    except Refused as refusal:
        session.entry.query = f"refused={refusal.reason}"
        return "NO AUTHENTICATE failed."
    return "OK AUTHENTICATE completed."


async def _asked(session: _Session) -> str:
    await session.say("+ ")
    return await session.hear()


def _let_in(session: _Session, access: Access) -> None:
    """Note who has signed in. Raises Refused where the mailbox is closed and the switch wants that said at once."""
    tenant = session.world.tenant
    session.entry.path = access.address
    session.connected = may_open(tenant, access) and bool(cas_values(access.user)["ImapEnabled"])
    if not session.connected and tenant.switches.get("imap_mailbox_refusal", "select") == "auth":
        raise Refused("mailbox permission")
    session.access = access


def _selected(session: _Session, access: Access, command: str, folder: str) -> list[str]:
    """SELECT and EXAMINE of the inbox, which counts the messages that were sent to the mailbox here."""
    fault = next_fault(session.world.tenant, "imap_faults", "select")
    if fault is not None:
        return [fault]
    if folder.upper() != "INBOX":
        return [f"NO {folder} doesn't exist."]
    own = set(map(bare_address, access.user.proxy_addresses))
    count = sum(
        any(recipient.lower() in own for recipient in message.recipients) for message in session.world.tenant.messages
    )
    mode = "READ-WRITE" if command == "SELECT" else "READ-ONLY"
    return [
        f"* {count} EXISTS",
        "* 0 RECENT",
        f"* FLAGS {_FLAGS}",
        f"* OK [PERMANENTFLAGS {_FLAGS}] Permanent flags",
        "* OK [UIDVALIDITY 14] UIDVALIDITY value",
        f"* OK [UIDNEXT {count + 1}] The next unique identifier value",
        f"OK [{mode}] {command} completed.",
    ]
