# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small server that plays SMTP or IMAP by a script: real sockets and real TLS, and nothing of it knows the client."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import IO, Any

# What SMTP answers to each command; a test replaces some of it. None: the connection is cut.
SMTP = {
    "": ["220 mail.example ESMTP"],
    "EHLO": ["250-mail.example Hello\r\n250-STARTTLS\r\n250 AUTH XOAUTH2"],
    "STARTTLS": ["220 2.0.0 Ready"],
    "AUTH": ["334 "],
    "=": ["235 2.7.0 Authentication successful"],
    "MAIL": ["250 2.1.0 Sender OK"],
    "RCPT": ["250 2.1.5 Recipient OK"],
    "DATA": ["354 Start mail input"],
    ".": ["250 2.0.0 OK"],
    "QUIT": ["221 2.0.0 Bye"],
}
Script = Mapping[str, list[str | None]]


class MailServer:
    """Answers each command with the next line that the script has for it; the last one stays.

    Attributes:
        lines: every line that arrived, in all connections; the XOAUTH2 string among them.
        connections: how many there were.
    """

    def __init__(self, context: ssl.SSLContext, script: Script, *, secure: bool = False) -> None:
        self.lines: list[str] = []
        self.connections = 0
        self._context, self._secure = context, secure
        self._script: dict[str, list[Any]] = {name: list(answers) for name, answers in {**SMTP, **script}.items()}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections."""
        # Closing alone would not wake the thread that waits for one.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.ExitStack() as opened:
                # A client that does not like the certificate goes away in the middle.
                opened.enter_context(contextlib.suppress(OSError, ValueError))
                self._converse(opened, opened.enter_context(connection))

    def _converse(self, opened: contextlib.ExitStack, connection: socket.socket) -> None:
        connection.settimeout(10)
        if self._secure:
            connection = opened.enter_context(self._context.wrap_socket(connection, server_side=True))
        stream = opened.enter_context(connection.makefile("rwb"))
        if not self._say(stream, ""):
            return
        while line := stream.readline().decode().rstrip("\r\n"):
            self.lines.append(line)
            word = self._word(line)
            if word == "DATA" and self._say(stream, word) == 354:
                self._message(stream)
                word = "."
            if word != "DATA" and not self._say(stream, word, line):
                return
            if word == "STARTTLS":
                connection = opened.enter_context(self._context.wrap_socket(connection, server_side=True))
                stream = opened.enter_context(connection.makefile("rwb"))

    def _word(self, line: str) -> str:
        """The command of a line: for IMAP the one after the tag, and C(=) for the XOAUTH2 string."""
        words = line.split()
        known = [word.upper() for word in words[:2] if word.upper() in self._script]
        return known[0] if known else "="

    def _message(self, stream: IO[bytes]) -> None:
        while (line := stream.readline().decode().rstrip("\r\n")) != ".":
            self.lines.append(line)

    def _say(self, stream: IO[bytes], word: str, line: str = "") -> int:
        """Answer; gives the code of the answer, 1 for one of IMAP, and 0 where the connection is to be cut."""
        answers = self._script[word]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            return 0
        tag = self._tag(line)
        stream.write((answer.replace("TAG", tag) + "\r\n").encode())
        stream.flush()
        return int(answer[:3]) if answer[:3].isdecimal() else 1

    def _tag(self, line: str) -> str:
        """The tag that an IMAP answer begins with; after the XOAUTH2 string, that of the command before it."""
        tagged = [one for one in self.lines if len(one.split()) > 1 and one.split()[1].upper() in self._script]
        return tagged[-1].split()[0] if tagged else ""
