# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IMAP of the lab, seen from outside: with imaplib, and over a bare connection."""

from __future__ import annotations

import base64
import imaplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import pytest
from mail_caller import (
    INFO,
    VERTRIEB,
    connected,
    done,
    permit,
    prepare,
    response,
    sign_in,
    token,
    trust,
    user_token,
)
from rehearsal import Lab

from lab.tokens import GRAPH

VERTRIEB_ID = "44444444-0000-4000-8000-000000000002"


def address(lab: Lab) -> tuple[str, int]:
    host, _unused, port = lab.world.imap_server.rpartition(":")
    return host, int(port)


@contextmanager
def client(lab: Lab) -> Iterator[imaplib.IMAP4_SSL]:
    host, port = address(lab)
    with imaplib.IMAP4_SSL(host, port, ssl_context=trust(lab), timeout=20) as opened:
        yield opened


def authenticate(opened: imaplib.IMAP4, mailbox: str, bearer: str) -> str:
    """The words of the answer, whatever it is."""
    try:
        _unused, said = opened.authenticate("XOAUTH2", lambda _challenge: response(mailbox, bearer).encode())
    except imaplib.IMAP4.error as error:
        return str(error)
    return bytes(said[0]).decode()


def answer(lab: Lab, mailbox: str = INFO, bearer: str | None = None) -> str:
    with client(lab) as opened:
        return authenticate(opened, mailbox, bearer or token(lab))


@contextmanager
def bare(lab: Lab) -> Iterator[Any]:
    """A file over TLS, after the greeting."""
    with (
        socket.create_connection(address(lab), timeout=20) as plain,
        trust(lab).wrap_socket(plain, server_hostname=address(lab)[0]) as secure,
        secure.makefile("rwb", buffering=0) as file,
    ):
        assert file.readline().startswith(b"* OK The Microsoft Exchange IMAP4 service is ready. [")
        yield file


def sessions(lab: Lab) -> list[dict[str, Any]]:
    return [entry for entry in lab.control("GET", "requests") if entry["service"] == "imap"]


def test_an_application_signs_in_and_opens_the_inbox(lab: Lab) -> None:
    prepare(lab)
    with client(lab) as opened:
        assert "AUTH=XOAUTH2" in opened.capabilities
        assert "SASL-IR" in opened.capabilities
        assert authenticate(opened, INFO, token(lab)) == "AUTHENTICATE completed."
        assert b"MOVE" in opened.capability()[1][0]
        assert opened.select("INBOX") == ("OK", [b"0"])
        assert opened.select("Nowhere")[0] == "NO"
        assert opened.list()[1] == [b'(\\Marked \\HasNoChildren) "/" INBOX']
        assert opened.noop()[0] == "OK"
    (entry,) = sessions(lab)
    assert (entry["method"], entry["path"], entry["query"]) == ("SESSION", INFO, "")


def test_the_response_may_come_with_the_command(lab: Lab) -> None:
    prepare(lab)
    text = base64.b64encode(response(INFO, token(lab)).encode())
    with bare(lab) as file:
        file.write(b"a AUTHENTICATE XOAUTH2 " + text + b"\r\n")
        assert file.readline() == b"a OK AUTHENTICATE completed.\r\n"
        file.write(b"b AUTHENTICATE XOAUTH2 " + text + b"\r\n")
        assert file.readline() == b"b BAD Command received in Invalid state.\r\n"
        file.write(b"c LOGOUT\r\n")
        assert file.readline().startswith(b"* BYE")
        assert file.readline() == b"c OK LOGOUT completed.\r\n"
        assert file.readline() == b""


def test_a_message_to_the_mailbox_is_counted(lab: Lab) -> None:
    prepare(lab)
    sent = EmailMessage()
    sent["From"], sent["To"] = INFO, INFO.upper()
    with connected(lab) as smtp:
        assert sign_in(smtp, INFO, token(lab))[0] == 235
        smtp.send_message(sent)
    with client(lab) as opened:
        authenticate(opened, INFO, token(lab))
        assert opened.select("INBOX", readonly=True) == ("OK", [b"1"])


def test_each_missing_step_fails(lab: Lab) -> None:
    prepare(lab)
    assert answer(lab, bearer=token(lab, GRAPH)) == "AUTHENTICATE failed."
    assert answer(lab, "nobody@contoso.example") == "AUTHENTICATE failed."
    old = token(lab)
    permit(lab, "SMTP.SendAsApp")
    assert answer(lab) == "AUTHENTICATE failed."
    lab.control("POST", "clock", {"advance": 3600})
    assert answer(lab, bearer=old) == "AUTHENTICATE failed."
    reasons = [entry["query"] for entry in sessions(lab)]
    assert reasons == ["refused=audience", "refused=mailbox", "refused=permission", "refused=expired"]


def test_the_object_id_of_the_application_is_the_wrong_one(lab: Lab) -> None:
    prepare(lab, lab.application.id)
    assert answer(lab) == "AUTHENTICATE failed."


def test_passwords_are_refused(lab: Lab) -> None:
    prepare(lab)
    with client(lab) as opened:
        with pytest.raises(imaplib.IMAP4.error, match="LOGIN failed"):
            opened.login(INFO, "a password")
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATE failed"):
            opened.authenticate("PLAIN", lambda _challenge: b"\0info\0password")


def test_who_may_not_open_the_mailbox_is_authenticated_but_not_connected(lab: Lab) -> None:
    prepare(lab, mailbox=VERTRIEB)
    with client(lab) as opened:
        assert authenticate(opened, INFO, token(lab)) == "AUTHENTICATE completed."
        with pytest.raises(imaplib.IMAP4.error, match="User is authenticated but not connected"):
            opened.select("INBOX")
        with pytest.raises(imaplib.IMAP4.error):
            opened.select("INBOX")
        assert opened.response("BYE")[1] or opened.sock.recv(100).startswith(b"* BYE Connection closed. 14")
    lab.control("POST", "switches", {"imap_mailbox_refusal": "auth"})
    assert answer(lab) == "AUTHENTICATE failed."


def test_imap_can_be_off_for_a_mailbox(lab: Lab) -> None:
    prepare(lab)
    done(lab, "Set-CASMailbox", Identity=INFO, ImapEnabled=False)
    lab.control("POST", "switches", {"imap_mailbox_refusal": "auth"})
    assert answer(lab) == "AUTHENTICATE failed."
    done(lab, "Set-CASMailbox", Identity=INFO, ImapEnabled=True)
    assert answer(lab) == "AUTHENTICATE completed."


def test_a_user_opens_its_own_mailbox(lab: Lab) -> None:
    bearer = user_token(lab, VERTRIEB_ID, "IMAP.AccessAsUser.All")
    with client(lab) as opened:
        assert authenticate(opened, VERTRIEB, bearer) == "AUTHENTICATE completed."
        assert opened.select("INBOX")[0] == "OK"


def test_faults_can_be_switched_on(lab: Lab) -> None:
    prepare(lab)
    faults = [
        {"stage": stage, "reply": "NO Server Unavailable. 15", "times": 1} for stage in ("authenticate", "select")
    ]
    lab.control("POST", "switches", {"imap_faults": faults})
    assert answer(lab) == "Server Unavailable. 15"
    with client(lab) as opened:
        assert authenticate(opened, INFO, token(lab)) == "AUTHENTICATE completed."
        assert opened.select("INBOX")[0] == "NO"
        assert opened.select("INBOX")[0] == "OK"


def test_commands_out_of_place_and_unknown_ones(lab: Lab) -> None:
    with bare(lab) as file:
        for command, said in (
            (b"SELECT INBOX", b"BAD Command received in Invalid state."),
            (b"FETCH 1 ALL", b"BAD Command Error. 12"),
            (b"AUTHENTICATE", b"BAD Command Argument Error. 11"),
        ):
            file.write(b"a " + command + b"\r\n")
            assert file.readline() == b"a " + said + b"\r\n"


def test_tls_is_there_from_the_start(lab: Lab) -> None:
    with (
        socket.create_connection(address(lab), timeout=20) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname=address(lab)[0])
