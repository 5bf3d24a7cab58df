# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that are made here: what is in them, what leaves us, and that MSAL signs in with them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography import x509
from scripted import TENANT, ScriptedServer, refused, token

from ansible_collections.m365.hybrid.plugins.module_utils.clients import auth, certificates
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.clients.graph import Graph

NOW = datetime.now(UTC).replace(microsecond=0)
LIFE = timedelta(days=90)
PEM = certificates.self_signed("a" * 80, NOW, LIFE)
CLIENT = "4c9a1d7e-0b35-4f68-a2d1-6e8f93b7c502"


def test_a_certificate_lives_as_long_as_asked_for_and_begins_a_little_earlier() -> None:
    made = x509.load_pem_x509_certificate(PEM.encode())
    assert made.not_valid_after_utc == NOW + LIFE
    assert made.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert made.subject.rfc4514_string() == "CN=" + "a" * 64, "a common name has 64 characters at most"


def test_only_the_certificate_leaves_us() -> None:
    sent = base64.b64decode(certificates.public_part(PEM))
    assert x509.load_der_x509_certificate(sent) == x509.load_pem_x509_certificate(PEM.encode())
    assert b"PRIVATE" not in sent


def test_a_thumbprint_is_the_same_however_graph_shows_it() -> None:
    own = certificates.thumbprint(PEM)
    assert len(own) == 40
    assert certificates.shown_thumbprint(own.lower()) == own
    assert certificates.shown_thumbprint(base64.b64encode(bytes.fromhex(own)).decode()) == own
    assert certificates.shown_thumbprint("no thumbprint") == "no thumbprint"


def test_what_is_no_certificate_is_told() -> None:
    with pytest.raises(ServiceError, match="There is no certificate in it"):
        certificates.public_part("nonsense")


def test_it_signs_in_without_ever_being_in_a_file(connect: Callable[..., Graph], server: ScriptedServer) -> None:
    options = connect(Graph).http._options
    server.sign_ins = [token("one")]
    assert auth.signs_in(options, CLIENT, "certificate", PEM)
    form = server.token_requests[0].form
    assert form["client_id"] == CLIENT
    assert "client_secret" not in form
    public = x509.load_pem_x509_certificate(PEM.encode()).public_key()
    claims = jwt.decode(form["client_assertion"], public, ["PS256"], options={"verify_aud": False})  # type: ignore[arg-type]
    assert (claims["iss"], claims["sub"]) == (CLIENT, CLIENT)
    assert TENANT in claims["aud"]


@pytest.mark.parametrize(("kind", "value", "code"), [("client_secret", "s", 7000215), ("certificate", PEM, 700027)])
def test_a_credential_that_is_not_known_yet_is_no_error(
    kind: str, value: str, code: int, connect: Callable[..., Graph], server: ScriptedServer
) -> None:
    options = connect(Graph).http._options
    server.sign_ins = [refused(code, "invalid_client", "Not known."), token("known")]
    assert not auth.signs_in(options, CLIENT, kind, value)
    assert auth.signs_in(options, CLIENT, kind, value), "a refusal is not remembered"


def test_another_refusal_is_an_error(connect: Callable[..., Graph], server: ScriptedServer) -> None:
    options = connect(Graph).http._options
    server.sign_ins = [refused(53003, "invalid_grant", "Blocked.")]
    with pytest.raises(ServiceError, match="Blocked"):
        auth.signs_in(options, CLIENT, "client_secret", "s")
