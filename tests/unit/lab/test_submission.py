# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail submission of the lab, seen from outside: with smtplib."""

from __future__ import annotations

import base64
import hashlib
import smtplib
from contextlib import ExitStack
from email.message import EmailMessage
from typing import Any

import jwt
import pytest
from mail_caller import INFO, VERTRIEB, connected, done, permit, prepare, response, sign_in, token, user_token
from rehearsal import APP_ID, PRINCIPAL_ID, Lab, small_tenant

from lab.credential_use import note_use
from lab.server import running
from lab.state import Credential, Group
from lab.tokens import GRAPH
from lab.world import World

INFO_ID, VERTRIEB_ID = "44444444-0000-4000-8000-000000000001", "44444444-0000-4000-8000-000000000002"


def message(sender: str = INFO, subject: str = "Prüfbericht") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, "kunde@fabrikam.example", subject
    made["Message-ID"] = "<1@contoso.example>"
    made.set_content("Guten Tag")
    return made


def answer(lab: Lab, mailbox: str = INFO, bearer: str | None = None) -> str:
    """Code and text that a sign-in meets."""
    with connected(lab) as client:
        code, said = sign_in(client, mailbox, bearer or token(lab))
        return f"{code} {said}"


def sending(lab: Lab, sent: EmailMessage, mailbox: str = INFO, bearer: str | None = None) -> str:
    """Code and text that a message meets at its end, after a sign-in that succeeds."""
    with connected(lab) as client:
        assert sign_in(client, mailbox, bearer or token(lab))[0] == 235
        try:
            client.send_message(sent)
        except smtplib.SMTPDataError as error:
            said = error.smtp_error
            return f"{error.smtp_code} {said.decode() if isinstance(said, bytes) else said}"
    return "250"


def messages(lab: Lab) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = lab.control("GET", "state?part=messages")
    return kept


def sessions(lab: Lab) -> list[dict[str, Any]]:
    return [entry for entry in lab.control("GET", "requests") if entry["service"] == "smtp"]


# --- what works


def test_an_application_sends_and_the_tenant_keeps_the_message(lab: Lab) -> None:
    prepare(lab)
    bearer = lab.sign_in(scope="https://outlook.office365.com/.default").json()["access_token"]
    assert sending(lab, message(), bearer=bearer) == "250"
    (kept,) = messages(lab)
    assert kept["key_id"] == lab.application.credentials[0].key_id
    assert (kept["mailbox"], kept["sender"], kept["recipients"]) == (INFO, INFO, ["kunde@fabrikam.example"])
    assert (kept["subject"], kept["app_id"], kept["delegated"]) == ("Prüfbericht", APP_ID, False)
    (entry,) = sessions(lab)
    assert (entry["method"], entry["path"], entry["status"], entry["write"]) == ("SESSION", INFO, 250, True)


def test_the_response_may_come_after_the_challenge(lab: Lab) -> None:
    prepare(lab)
    text = base64.b64encode(response(INFO, token(lab)).encode()).decode()
    with connected(lab) as client:
        assert client.docmd("AUTH", "XOAUTH2")[0] == 334
        assert client.docmd(text) == (235, b"2.7.0 Authentication successful")


def test_a_user_sends_from_its_own_mailbox_and_from_one_that_it_may_open(lab: Lab) -> None:
    prepare(lab)
    bearer = user_token(lab, VERTRIEB_ID, "SMTP.Send", "Mail.Send")
    assert sending(lab, message(VERTRIEB), VERTRIEB, bearer) == "250"
    assert sending(lab, message(), INFO, bearer).startswith("430 4.2.0 STOREDRV")
    done(lab, "Add-MailboxPermission", Identity=INFO, User=VERTRIEB, AccessRights=["FullAccess"])
    assert sending(lab, message(), INFO, bearer) == "250"
    assert answer(lab, VERTRIEB, user_token(lab, VERTRIEB_ID, "SMTP.SendAsApp")).startswith("535 5.7.3")
    assert messages(lab)[1]["delegated"] is True


def test_a_group_may_open_a_mailbox(lab: Lab) -> None:
    prepare(lab)
    group = Group("66666666-0000-4000-8000-000000000001", "Vertrieb alle", [VERTRIEB_ID], security_enabled=True)
    group.proxy_addresses = ["SMTP:alle@contoso.example"]
    lab.tenant.groups[group.id] = group
    done(lab, "Add-MailboxPermission", Identity=INFO, User="alle@contoso.example", AccessRights=["FullAccess"])
    assert sending(lab, message(), INFO, user_token(lab, VERTRIEB_ID, "SMTP.Send")) == "250"


def test_an_alias_is_the_mailbox_too(lab: Lab) -> None:
    prepare(lab)
    assert sending(lab, message("info@contoso.onmicrosoft.example"), "INFO@contoso.onmicrosoft.example") == "250"


def test_a_certificate_is_known_by_its_thumbprint(lab: Lab) -> None:
    certificate = Credential("33333333-0000-4000-8000-000000000009", lab.tenant.clock.now(), certificate=b"DER")
    lab.application.credentials.append(certificate)
    for name, algorithm in (("x5t", "sha1"), ("x5t#S256", "sha256")):
        thumbprint = base64.urlsafe_b64encode(hashlib.new(algorithm, b"DER").digest()).rstrip(b"=").decode()
        assertion = jwt.encode({}, "a key of thirty-two bytes or more", headers={name: thumbprint})
        bearer = token(lab)
        note_use(lab.world, lab.application, {"client_assertion": assertion}, bearer)
        uti = jwt.decode(bearer, options={"verify_signature": False})["uti"]
        assert lab.world.issued_with[uti] == certificate.key_id


# --- before the sign-in


def test_authentication_is_announced_after_starttls_only(lab: Lab) -> None:
    with connected(lab, tls=False) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.has_extn("starttls")
        assert client.docmd("AUTH", "XOAUTH2 abc") == (504, b"5.7.4 Unrecognized authentication type")
    with connected(lab) as client:
        assert client.esmtp_features["auth"].split() == ["LOGIN", "XOAUTH2"]
        assert not client.has_extn("starttls")


def test_a_sender_without_a_sign_in_is_refused(lab: Lab) -> None:
    with connected(lab) as client:
        code, said = client.mail(INFO)
        assert (code, said.startswith(b"5.7.57 Client not authenticated to send mail.")) == (530, True)


@pytest.mark.parametrize(
    ("switch", "code", "text"),
    [
        (None, 535, b"5.7.139 Authentication unsuccessful, basic authentication is disabled."),
        ("unsupported", 550, b"5.7.30 Basic authentication is not supported for Client Submission."),
        ("credentials", 535, b"5.7.139 Authentication unsuccessful, the user credentials were incorrect."),
        ("security_defaults", 535, b"5.7.139 Authentication unsuccessful, user is locked by your organization's"),
    ],
)
def test_passwords_are_refused(lab: Lab, switch: str | None, code: int, text: bytes) -> None:
    prepare(lab)
    lab.control("POST", "switches", {"smtp_basic_authentication": switch})
    with connected(lab) as client, pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        client.login(INFO, "a password")
    assert caught.value.smtp_code == code
    assert bytes(caught.value.smtp_error).startswith(text)


# --- sign-ins that fail


def test_each_missing_step_is_535_5_7_3(lab: Lab) -> None:
    prepare(lab)
    unsuccessful = "535 5.7.3 Authentication unsuccessful ["
    assert answer(lab).startswith("235")
    assert answer(lab, bearer=token(lab, GRAPH)).startswith(unsuccessful)
    assert answer(lab, bearer="x.y.z").startswith(unsuccessful)
    for mailbox in ("nobody@contoso.example", "Info", INFO_ID):
        assert answer(lab, mailbox).startswith(unsuccessful)
    permit(lab, "IMAP.AccessAsApp")
    assert answer(lab).startswith(unsuccessful)
    reasons = [entry["query"] for entry in sessions(lab)[1:]]
    assert reasons[:2] == ["refused=audience", "refused=malformed"]
    assert reasons[2:] == ["refused=mailbox"] * 3 + ["refused=permission"]


def test_an_expired_token_and_a_malformed_response_fail(lab: Lab) -> None:
    prepare(lab)
    old = token(lab)
    lab.control("POST", "clock", {"advance": 3600})
    assert answer(lab, bearer=old).startswith("535 5.7.3")
    with connected(lab) as client:
        for wrong in (
            "!!",
            base64.b64encode(b"user=info@contoso.example").decode(),
            base64.b64encode(b"\xff").decode(),
        ):
            assert client.docmd("AUTH", f"XOAUTH2 {wrong}")[0] == 535
        assert client.docmd("AUTH", "XOAUTH2")[0] == 334
        assert client.docmd("*")[0] == 535


def test_both_host_names_of_the_resource_are_good_audiences(lab: Lab) -> None:
    prepare(lab)
    assert answer(lab, bearer=token(lab, audience="https://outlook.office.com")).startswith("235")


def test_the_object_id_of_the_application_is_the_wrong_one(lab: Lab) -> None:
    prepare(lab, lab.application.id)
    assert answer(lab).startswith("535 5.7.3")


def test_an_application_that_is_not_registered_in_exchange_fails(lab: Lab) -> None:
    prepare(lab)
    done(lab, "Remove-ServicePrincipal", Identity=PRINCIPAL_ID)
    assert answer(lab).startswith("535 5.7.3")


def test_smtp_auth_can_be_off_for_the_tenant_and_for_the_mailbox(lab: Lab) -> None:
    prepare(lab)
    done(lab, "Set-TransportConfig", SmtpClientAuthenticationDisabled=True)
    said = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the"
    assert answer(lab).startswith(f"{said} Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [")
    done(lab, "Set-CASMailbox", Identity=INFO, SmtpClientAuthenticationDisabled=False)
    assert answer(lab).startswith("235")
    done(lab, "Set-TransportConfig", SmtpClientAuthenticationDisabled=False)
    done(lab, "Set-CASMailbox", Identity=INFO, SmtpClientAuthenticationDisabled=True)
    assert answer(lab).startswith(f"{said} Mailbox.")


def test_changes_may_take_a_while(lab: Lab) -> None:
    lab.control("POST", "switches", {"smtp_settings_lag": 600, "smtp_permission_lag": 1200})
    prepare(lab)
    assert answer(lab).startswith("535 5.7.3")
    lab.control("POST", "clock", {"advance": 1201})
    assert sending(lab, message()) == "250"
    done(lab, "Set-CASMailbox", Identity=INFO, SmtpClientAuthenticationDisabled=True)
    assert answer(lab).startswith("235")
    lab.control("POST", "clock", {"advance": 601})
    assert answer(lab).startswith("535 5.7.139")


# --- messages that are refused


def test_without_full_access_the_message_fails_or_the_sign_in_does(lab: Lab) -> None:
    prepare(lab, mailbox=VERTRIEB)
    assert sending(lab, message()).startswith("430 4.2.0 STOREDRV; mailbox logon failure")
    lab.control("POST", "switches", {"smtp_mailbox_refusal": "auth"})
    assert answer(lab).startswith("535 5.7.3")
    assert messages(lab) == []


def test_a_denial_beats_full_access(lab: Lab) -> None:
    prepare(lab)
    done(lab, "Add-MailboxPermission", Identity=INFO, User=PRINCIPAL_ID, AccessRights=["FullAccess"], Deny=True)
    assert sending(lab, message()).startswith("430 4.2.0")


def test_another_sender_needs_send_as_of_the_mailbox(lab: Lab) -> None:
    prepare(lab)
    assert sending(lab, message(VERTRIEB)).startswith("550 5.7.60 SMTP; Client does not have permissions to send as")
    done(lab, "Add-RecipientPermission", Identity=VERTRIEB, Trustee=PRINCIPAL_ID, AccessRights=["SendAs"])
    lab.control("POST", "switches", {"smtp_send_as_refusal": "5.2.252"})
    assert sending(lab, message(VERTRIEB)).startswith(f"554 5.2.252 SendAsDenied; {INFO} not allowed to send as")
    lab.control("POST", "switches", {"smtp_send_as_of": "either"})
    assert sending(lab, message(VERTRIEB)) == "250"
    lab.control("POST", "switches", {"smtp_send_as_of": None})
    done(lab, "Add-RecipientPermission", Identity=VERTRIEB, Trustee=INFO, AccessRights=["SendAs"])
    assert sending(lab, message(VERTRIEB)) == "250"


def test_more_sessions_than_three_meet_the_limit(lab: Lab) -> None:
    prepare(lab)
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(lab)) for _unused in range(4)]
        for client in clients:
            assert sign_in(client, INFO, token(lab))[0] == 235
        for client in clients[:3]:
            client.send_message(message())
        with pytest.raises(smtplib.SMTPDataError) as caught:
            clients[3].send_message(message())
    assert caught.value.smtp_code == 432
    assert bytes(caught.value.smtp_error).startswith(b"4.3.2 Concurrent connections limit exceeded.")
    assert sending(lab, message()) == "250"


@pytest.mark.parametrize("stage", ["auth", "mail", "rcpt", "data"])
def test_faults_can_be_switched_on_for_each_stage(lab: Lab, stage: str) -> None:
    prepare(lab)
    reply = "454 4.7.0 Temporary authentication failure"
    lab.control("POST", "switches", {"smtp_faults": [{"stage": stage, "reply": reply, "times": 1}]})
    with connected(lab) as client:
        code, _unused = sign_in(client, INFO, token(lab))
        if stage == "auth":
            assert code == 454
            return
        with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)):
            client.send_message(message())
        client.send_message(message())
    assert len(messages(lab)) == 1


def test_a_fault_at_the_greeting_and_the_farewell(lab: Lab) -> None:
    lab.control("POST", "switches", {"smtp_faults": [{"stage": "ehlo", "reply": "451 4.7.0 Server busy", "times": 1}]})
    with connected(lab, tls=False) as client:
        assert client.ehlo()[0] == 451
        assert client.ehlo()[0] == 250
        assert client.quit() == (221, b"2.0.0 Service closing transmission channel")


def test_the_service_ends_with_the_tenant_though_somebody_is_connected() -> None:
    world = World(small_tenant)
    with running(world, "127.0.0.3"):
        host, _unused, port = world.smtp_server.rpartition(":")
        client = smtplib.SMTP(host, int(port), timeout=20)
        assert (host, client.noop()[0]) == ("127.0.0.3", 250)
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        client.noop()
    with pytest.raises(OSError, match="refused"):
        smtplib.SMTP(host, int(port), timeout=20)
    world.close()


def test_the_journal_holds_no_token(lab: Lab) -> None:
    prepare(lab)
    bearer = token(lab)
    assert sending(lab, message(), bearer=bearer) == "250"
    assert bearer not in str(lab.control("GET", "requests"))
    assert bearer not in str(lab.control("GET", "state"))
