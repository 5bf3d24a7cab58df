# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What result codes, diagnostics and failures of LDAP are explained as."""

from __future__ import annotations

import socket
import ssl

import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.clients import directory_errors as errors
from ansible_collections.m365.hybrid.plugins.module_utils.clients.directory_line import Lost

BIND = "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {}, v4563\0"


@pytest.mark.parametrize("data", sorted(errors.BIND_DATA))
def test_every_reason_of_a_refused_sign_in_has_meaning_and_advice(data: str) -> None:
    result = {"result": 49, "description": "invalidCredentials", "message": BIND.format(data)}
    error = errors.refused("Signing in to dc1", result)
    assert (error.status, error.code) == (49, "invalidCredentials")
    assert error.meaning == errors.BIND_DATA[data].meaning
    assert error.advice
    assert f"data {data}" in error.said
    assert "\0" not in error.said


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        ("constraintViolation", "0000052D: Constraint violation", "password policy"),
        ("unwillingToPerform", "0000052D: SvcErr: DSID-031A12D2, problem 5003", "password policy"),
        ("unwillingToPerform", "0000001F: SvcErr: DSID-031A12D2, problem 5003", "not encrypted enough"),
        ("unwillingToPerform", "", "matter of principle"),
        (
            "noSuchAttribute",
            "00000057: LdapErr: DSID-0C090D87, comment: Error",
            "not know this",
        ),
        ("attributeOrValueExists", "00002083: AtrErr: DSID-03151820, #1:", "there already"),
        ("constraintViolation", "000021C8: AtrErr: DSID-03200E49, #1:", "user principal name"),
        ("entryAlreadyExists", "00000524: UpdErr: DSID-031A11E2", "account with this name"),
        ("entryAlreadyExists", "00002071: UpdErr: DSID-0305038D", "in this place"),
        ("strongerAuthRequired", "00002028: LdapErr: DSID-0C090259", "encrypted or signed"),
        ("insufficientAccessRights", "00002098: SecErr: DSID-03150F94", "not allowed"),
        ("noSuchObject", "0000208D: NameErr: DSID-0310028D", "may not see it"),
        ("sizeLimitExceeded", "", "not complete"),
        ("busy", "", "nothing was changed"),
    ],
)
def test_the_more_precise_table_wins(code: str, message: str, words: str) -> None:
    error = errors.refused("Modifying CN=x", {"result": 1, "description": code, "message": message})
    assert words in error.meaning


def test_an_unknown_code_is_shown_as_it_is() -> None:
    error = errors.refused("Deleting CN=x", {"result": 80, "description": "other", "message": "?"})
    assert str(error) == "Deleting CN=x: other (80): ?."


def test_the_kind_of_request_can_change_the_meaning() -> None:
    result = {"result": 32, "description": "noSuchObject", "message": "00002030: parent does not exist"}
    assert "should be created" in errors.refused("Adding CN=x", result, request="addRequest").meaning
    assert "no such object" in errors.refused("Deleting CN=x", result, request="delRequest").meaning


def test_secrets_that_the_server_repeats_are_masked() -> None:
    result = {"result": 19, "description": "constraintViolation", "message": "the password Geheim-1! is too short"}
    assert "Geheim" not in str(errors.refused("Modifying CN=x", result, ("Geheim-1!", "")))


def test_every_certificate_problem_has_meaning_and_advice() -> None:
    for code, explained in errors.CERTIFICATES.items():
        problem = ssl.SSLCertVerificationError("broken")
        problem.verify_code, problem.verify_message = code, "in the words of OpenSSL"
        error = errors.certificate_refused("dc1, port 636", problem)
        assert (error.meaning, error.advice) == explained
        assert "in the words of OpenSSL" in error.said
    unknown = ssl.SSLCertVerificationError("broken")
    unknown.verify_code, unknown.verify_message = 999, ""
    assert errors.certificate_refused("dc1", unknown).advice


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "cannot be resolved"),
        (ConnectionRefusedError(111, "refused"), "refused"),
        (TimeoutError("timed out"), "in time"),
        (ssl.SSLError(1, "wrong version number"), "directory_tls: starttls"),
        (ConnectionResetError(104, "reset"), "certificate for LDAP over TLS"),
        (OSError(113, "No route to host"), "No route to host"),
    ],
)
def test_why_a_server_cannot_be_reached(failure: OSError, words: str) -> None:
    error = errors.unreachable("dc1, port 636", failure, "ldaps")
    assert words in str(error)
    assert error.advice


def test_a_lost_answer_to_a_write_is_ambiguous() -> None:
    lost = Lost(ConnectionResetError("reset"))
    assert errors.unanswered("Modifying CN=x", lost, ambiguous=True).ambiguous
    assert not errors.unanswered("Reading", Lost(TimeoutError("t"))).ambiguous
    assert Lost(TimeoutError("t")).timed_out
    assert not lost.timed_out
