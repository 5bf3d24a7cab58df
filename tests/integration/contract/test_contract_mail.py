# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only a message shows: refusals after a sign-in that succeeded. And the whole way from nothing to a message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from contract_cases_mail import SENDER, Look, is_set, knows, may_mail, organization_switch, own_switch, twin
from contract_ground import Ground
from contract_runners import forget, in_controller

from lab.stores import SignIn
from lab.tokens import GRAPH

IT = "it@contoso.example"


def checked(ground: Ground, **options: Any) -> dict[str, Any]:
    """The result of a check that sends a message from the mailbox info."""
    wish = {"mailbox": "info@contoso.example", "send_to": IT, **options}
    return in_controller("mail_check", {**ground.cloud(), **wish}, options.pop("check_mode", False))


def test_without_full_access_the_sign_in_succeeds_and_the_message_does_not(ground: Ground) -> None:
    may_mail()(ground)
    result = checked(ground)
    assert result["failed"] is True
    assert "430 4.2.0 STOREDRV; mailbox logon failure" in result["msg"]
    assert "exchange_service_principal" in result["msg"]
    assert (result["error"]["status"], result["error"]["code"]) == (430, "4.2.0")
    assert ground.tenant.messages == []


@pytest.mark.parametrize("form", ["5.7.60", "5.2.252"])
def test_another_sender_needs_send_as(ground: Ground, form: str) -> None:
    may_mail("info")(ground)
    ground.tenant.switches["smtp_send_as_refusal"] = form
    result = checked(ground, sender="vertrieb@contoso.example")
    assert form in result["msg"]
    assert "give SendAs on the other one" in result["msg"]


def test_a_service_that_is_busy_for_a_moment_is_asked_again(ground: Ground) -> None:
    may_mail("info")(ground)
    fault = {"stage": "data", "reply": "432 4.3.2 Concurrent connections limit exceeded.", "times": 1}
    ground.tenant.switches["smtp_faults"] = [fault]
    result = checked(ground)
    assert result["changed"] is True, result["msg"]
    assert len(ground.tenant.messages) == 1


def test_the_whole_way(ground: Ground) -> None:
    """Three tasks by the administrator, one by the application, which then submits mail."""
    twin(ground)
    administrator = ground.cloud()
    sender = next(one for one in ground.scenario.content["applications"] if one["app_id"] == SENDER)
    application = ground.cloud(client_id=SENDER, client_secret=sender["secret"])
    check = {"mailbox": "kontakt@contoso.example", "protocols": ["smtp", "imap"], "send_to": IT}
    known = {"application": SENDER, "mailboxes": {"add": ["info@contoso.example"]}}
    tasks: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
        ("mail_check", application, check, "1. Exchange knows the application by the object id"),
        ("exchange_service_principal", administrator, known, ""),
        ("mail_check", application, check, "SmtpClientAuthentication is disabled for the Tenant"),
        ("smtp_auth", administrator, {"mailbox": "info@contoso.example", "smtp_auth": "enabled"}, ""),
        ("mail_check", application, check, ""),
    ]
    for module, connection, wish, said in tasks:
        forget()
        result = in_controller(module, {**connection, **wish})
        assert bool(result.get("failed")) is bool(said), result.get("msg")
        assert said in result.get("msg", "")
    message = ground.tenant.messages[-1]
    assert (message.app_id, message.mailbox, message.recipients) == (SENDER, "info@contoso.example", [IT])


def read(ground: Ground, **options: Any) -> Any:
    """What smtp_auth_info says."""
    return in_controller("smtp_auth_info", {**ground.cloud(), **options})["resource"]


def test_who_may_submit_mail(ground: Ground) -> None:
    own_switch("info", False)(ground)
    own_switch("vertrieb", True)(ground)
    found = read(ground)
    assert (found["smtp_auth"], found["effective"]) == ("disabled", "disabled")
    assert [(one["primary_address"], one["effective"]) for one in found["mailboxes"]] == [
        ("info@contoso.example", "enabled"),
        ("vertrieb@contoso.example", "disabled"),
    ]
    assert [one["primary_address"] for one in read(ground, effective="enabled")["mailboxes"]] == [
        "info@contoso.example"
    ]
    everybody = [one for one in ground.tenant.users.values() if one.mailbox]
    assert len(read(ground, effective="disabled")["mailboxes"]) == len(everybody) - 1
    organization_switch(False)(ground)
    assert len(read(ground)["mailboxes"]) == len(everybody)


def test_who_uses_a_password_is_unknown_where_the_log_cannot_be_read(ground: Ground) -> None:
    denied = {"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}
    ground.fault("status", status=403, body={"error": denied}, match={"path": "/auditLogs"})
    found = read(ground)["basic_authentication"]
    assert (found["known"], found["users"]) == (False, [])
    assert "AuditLog.Read.All" in found["reason"]


def test_a_recipient_administrator_switches_mailboxes_and_not_the_organization(ground: Ground) -> None:
    ground.fault("status", status=403, match={"cmdlet": "Get-TransportConfig"}, times=None)
    wish = {"aggregate": [{"mailbox": "info@contoso.example"}, {}], "smtp_auth": "enabled"}
    result = in_controller("smtp_auth", {**ground.cloud(), **wish})
    one, organization = result["results"]
    assert (one["changed"], one["resource"]["organization"]) == (True, "unknown")
    assert "Exchange Administrator" in organization["msg"]
    is_set("info", False)(ground)


def test_a_mailbox_without_a_switch_is_unknown_to_a_recipient_administrator(ground: Ground) -> None:
    ground.fault("status", status=403, match={"cmdlet": "Get-TransportConfig"}, times=None)
    assert read(ground, mailbox="info@contoso.example")["effective"] == "unknown"


APPLICATION = {"application": SENDER, "mailboxes": {"add": ["info@contoso.example", "vertrieb@contoso.example"]}}
LOST = [
    ("smtp_auth", {"mailbox": "info@contoso.example", "smtp_auth": "enabled"}, "Set-CASMailbox", is_set("info", False)),
    ("smtp_auth", {"smtp_auth": "enabled"}, "Set-TransportConfig", is_set(None, False)),
    ("exchange_service_principal", APPLICATION, "New-ServicePrincipal", knows("info", "vertrieb")),
    ("exchange_service_principal", APPLICATION, "Add-MailboxPermission", knows("info", "vertrieb")),
]


@pytest.mark.parametrize(("module", "wish", "cmdlet", "proof"), LOST, ids=[row[2] for row in LOST])
def test_a_write_whose_answer_is_lost_is_found_done_and_not_sent_again(
    ground: Ground, module: str, wish: dict[str, Any], cmdlet: str, proof: Look
) -> None:
    ground.fault("reset_after", match={"cmdlet": cmdlet})
    result = in_controller(module, {**ground.cloud(), **wish, "wait_timeout": 5})
    assert result["changed"] is True, result.get("msg")
    assert ground.fired() == [1]
    proof(ground)
    cmdlets = [write.partition(" ")[0] for write in ground.writes()]
    once = ["New-ServicePrincipal", "Add-MailboxPermission", "Add-MailboxPermission"]
    assert cmdlets == (once if module == "exchange_service_principal" else [cmdlet])
    assert in_controller(module, {**ground.cloud(), **wish})["changed"] is False


def test_a_wrong_secret_of_the_mailer_is_told_by_entra(ground: Ground) -> None:
    may_mail("info")(ground)
    result = in_controller("mail_check", {**ground.cloud(client_secret="Falsch~1"), "mailbox": "info@contoso.example"})
    assert result["failed"] is True
    assert "AADSTS7000215" in result["msg"]
    assert "Falsch~1" not in str(result)


def basic_authentication(ground: Ground) -> dict[str, Any]:
    """What the info module says of those who use a password."""
    found: dict[str, Any] = in_controller("smtp_auth_info", {**ground.cloud(), "days": 7})["resource"][
        "basic_authentication"
    ]
    return found


def log_reader(ground: Ground) -> None:
    """The application may read the sign-in log, in which one mailbox signed in by a password yesterday."""
    ground.application.app_roles[GRAPH].append("AuditLog.Read.All")
    now = ground.tenant.clock.now()
    for name, client, days in (("scanner", "Authenticated SMTP", 1), ("alt", "SMTP", 20), ("info", "Browser", 1)):
        entry = SignIn(ground.tenant.new_id(), f"{name}@contoso.example", client, now - timedelta(days=days))
        ground.tenant.sign_in_log.append(entry)


def test_who_uses_a_password(ground: Ground) -> None:
    log_reader(ground)
    found = basic_authentication(ground)
    assert found["known"] is True
    assert [(one["user"], one["succeeded"]) for one in found["users"]] == [("scanner@contoso.example", True)]


def test_who_uses_a_password_is_not_known_without_permission_or_license(ground: Ground) -> None:
    assert "AuditLog.Read.All" in basic_authentication(ground)["reason"]
    log_reader(ground)
    forget()
    ground.tenant.switches["entra_premium"] = False
    found = basic_authentication(ground)
    assert found["known"] is False
    assert "Entra ID P1" in found["reason"]
