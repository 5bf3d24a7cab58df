# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets and certificates of applications in Graph, and when the token endpoint believes them."""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from graph_caller import Graph
from rehearsal import TENANT_ID, Lab

from lab.assertions import JWT_BEARER
from lab.state import CredentialPolicy, CredentialRestriction

ALL = ("Application.ReadWrite.All", "Policy.Read.All")
UNKNOWN_KEY = "6a5b0c1d-0000-4000-8000-000000000009"


@pytest.fixture
def graph(lab: Lab) -> Graph:
    return Graph(lab, ALL)


@pytest.fixture
def made(graph: Graph) -> dict[str, Any]:
    """An application with a service principal and no credential."""
    body = {"displayName": "Versand", "signInAudience": "AzureADMyOrg"}
    application: dict[str, Any] = graph.call("POST", "applications", body).json()
    graph.lab.tenant.applications[application["id"]].service_principal_id = str(uuid.uuid4())
    return application


def add(graph: Graph, made: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    answer = graph.call("POST", f"applications/{made['id']}/addPassword", {"passwordCredential": wanted})
    assert answer.status_code == 200, answer.text
    secret: dict[str, Any] = answer.json()
    return secret


def remove(graph: Graph, made: dict[str, Any], key_id: str) -> requests.Response:
    return graph.call("POST", f"applications/{made['id']}/removePassword", {"keyId": key_id})


def sign_in(graph: Graph, made: dict[str, Any], secret: str) -> int:
    """0 when a token was given, else the number of the refusal."""
    answer = graph.lab.sign_in(client_id=made["appId"], client_secret=secret)
    return 0 if answer.status_code == 200 else answer.json()["error_codes"][0]


def later(graph: Graph, days: float) -> str:
    return (graph.lab.tenant.clock.now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


# addPassword


def test_a_secret_is_shown_once_and_lives_two_years_by_default(graph: Graph, made: dict[str, Any]) -> None:
    secret = add(graph, made, displayName="ansible 1")
    assert 16 <= len(secret["secretText"]) <= 64
    assert secret["hint"] == secret["secretText"][:3]
    assert (secret["displayName"], secret["customKeyIdentifier"]) == ("ansible 1", None)
    assert secret["@odata.context"].endswith("$metadata#microsoft.graph.passwordCredential")
    assert int(secret["endDateTime"][:4]) == int(secret["startDateTime"][:4]) + 2
    assert re.search(r"\.\d{7}Z$", secret["startDateTime"])
    (shown,) = graph.get(f"applications/{made['id']}")["passwordCredentials"]
    assert shown == {name: secret[name] for name in shown if name != "secretText"} | {"secretText": None}
    assert sign_in(graph, made, secret["secretText"]) == 0


@pytest.mark.parametrize("body", [None, {}, {"passwordCredential": None}, {"passwordCredential": {}}])
def test_every_part_of_the_body_is_optional(graph: Graph, made: dict[str, Any], body: Any) -> None:
    assert graph.call("POST", f"applications(appId='{made['appId']}')/addPassword", body).status_code == 200


def test_an_end_may_have_seven_digits_and_an_offset(graph: Graph, made: dict[str, Any]) -> None:
    year = graph.lab.tenant.clock.now().year + 1
    assert add(graph, made, endDateTime=f"{year}-03-01T10:00:00.0000000Z")["endDateTime"] == f"{year}-03-01T10:00:00Z"
    assert add(graph, made, endDateTime=f"{year}-03-01T10:00:00+02:00")["endDateTime"] == f"{year}-03-01T08:00:00Z"


@pytest.mark.parametrize(
    "wanted",
    [
        {"endDateTime": "2020-01-01T00:00:00Z"},
        {"endDateTime": "2099-01-01"},
        {"endDateTime": "2099-01-01T00:00:00"},
        {"endDateTime": "soon"},
        {"endDateTime": 5},
        {"startDateTime": "2099-01-02T00:00:00Z", "endDateTime": "2099-01-01T00:00:00Z"},
        {"secretText": "chosen-by-myself-1234"},
        {"keyId": UNKNOWN_KEY},
        {"name": "x"},
    ],
)
def test_ends_in_the_past_and_malformed_values_are_400(graph: Graph, made: dict[str, Any], wanted: Any) -> None:
    body = {"passwordCredential": wanted}
    assert graph.refused("POST", f"applications/{made['id']}/addPassword", body)[0] == 400
    assert graph.get(f"applications/{made['id']}")["passwordCredentials"] == []


def test_a_secret_may_be_made_with_its_application(graph: Graph) -> None:
    body = {"displayName": "x", "signInAudience": "AzureADMyOrg", "passwordCredentials": [{"displayName": "first"}]}
    made = graph.call("POST", "applications", body).json()
    (secret,) = made["passwordCredentials"]
    assert secret["secretText"].startswith(secret["hint"])
    assert graph.get(f"applications/{made['id']}")["passwordCredentials"][0]["secretText"] is None


def test_a_patch_makes_no_secret_and_a_shorter_list_removes_one(graph: Graph, made: dict[str, Any]) -> None:
    path = f"applications/{made['id']}"
    words = "New password credentials must be generated with service actions."
    assert graph.refused("PATCH", path, {"passwordCredentials": [{"displayName": "x"}]})[2] == words
    kept, lost = add(graph, made), add(graph, made)
    answer = graph.call("PATCH", path, {"passwordCredentials": [{"keyId": kept["keyId"]}]})
    assert answer.status_code == 204
    assert [one["keyId"] for one in graph.get(path)["passwordCredentials"]] == [kept["keyId"]]
    assert sign_in(graph, made, lost["secretText"]) == 7000215


def test_too_many_credentials_are_refused(graph: Graph, made: dict[str, Any]) -> None:
    graph.switch(graph_most_credentials=2)
    add(graph, made)
    add(graph, made)
    words = graph.refused("POST", f"applications/{made['id']}/addPassword", {})[2]
    assert "size of the object has exceeded its limit" in words


# removePassword


def test_a_removed_secret_is_gone_at_once_and_an_unknown_one_is_400(graph: Graph, made: dict[str, Any]) -> None:
    secret = add(graph, made)
    answer = remove(graph, made, secret["keyId"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert sign_in(graph, made, secret["secretText"]) == 7000215
    for key_id in (secret["keyId"], UNKNOWN_KEY):
        said = graph.refused("POST", f"applications/{made['id']}/removePassword", {"keyId": key_id})
        assert said == (400, "Request_BadRequest", f"No password credential found with keyId {key_id}.")
    assert graph.refused("POST", f"applications/{made['id']}/removePassword", {"keyId": "x"})[0] == 400
    assert graph.refused("POST", f"applications/{made['id']}/removePassword", {})[0] == 400


@pytest.mark.parametrize("status", [409, 503])
def test_two_credential_writes_in_a_short_time_meet(graph: Graph, made: dict[str, Any], status: int) -> None:
    graph.switch(graph_credential_gap=10, graph_credential_gap_status=status)
    first = add(graph, made)
    for tail, body in (("addPassword", {}), ("removePassword", {"keyId": first["keyId"]})):
        said = graph.refused("POST", f"applications/{made['id']}/{tail}", body)
        assert said[:2] == (status, "Directory_ConcurrencyViolation")
        assert "concurrent requests being made to the tenant" in said[2]
    said = graph.refused("PATCH", f"applications/{made['id']}", {"keyCredentials": [key_credential(certificate())]})
    assert said[0] == status
    assert graph.call("PATCH", f"applications/{made['id']}", {"notes": "x"}).status_code == 204
    graph.advance(11)
    assert remove(graph, made, first["keyId"]).status_code == 204


# The token endpoint


def test_a_new_secret_is_known_to_one_replica_after_the_other(graph: Graph, made: dict[str, Any]) -> None:
    graph.switch(secret_propagation=18)
    secret = add(graph, made)
    assert {sign_in(graph, made, secret["secretText"]) for _unused in range(5)} == {7000215}
    answers = []
    for _unused in range(18):
        graph.advance(1)
        answers += [sign_in(graph, made, secret["secretText"]) for _unused in range(3)]
    assert set(answers) == {0, 7000215}
    assert any(before == 0 and now for before, now in itertools.pairwise(answers))
    graph.advance(1)
    assert {sign_in(graph, made, secret["secretText"]) for _unused in range(10)} == {0}


def test_a_removed_secret_works_on_for_a_while_when_switched_so(graph: Graph, made: dict[str, Any]) -> None:
    secret = add(graph, made)
    graph.switch(secret_removal_delay=30)
    assert remove(graph, made, secret["keyId"]).status_code == 204
    assert sign_in(graph, made, secret["secretText"]) == 0
    assert state(graph, made)["removed_credentials"][0]["usable"] == "everywhere"
    graph.advance(31)
    assert {sign_in(graph, made, secret["secretText"]) for _unused in range(10)} == {7000215}
    assert state(graph, made)["removed_credentials"][0]["usable"] == "nowhere"


def test_an_expired_secret_and_one_without_a_service_principal(graph: Graph, made: dict[str, Any]) -> None:
    secret = add(graph, made, endDateTime=later(graph, 1))
    graph.lab.tenant.applications[made["id"]].service_principal_id = None
    assert sign_in(graph, made, secret["secretText"]) == 7000229
    graph.lab.tenant.applications[made["id"]].service_principal_id = str(uuid.uuid4())
    graph.advance(86401)
    assert sign_in(graph, made, secret["secretText"]) == 7000222


def test_a_new_application_is_not_known_at_once_when_switched_so(graph: Graph, made: dict[str, Any]) -> None:
    secret = add(graph, made)["secretText"]
    graph.switch(application_propagation=3600)
    assert sign_in(graph, made, secret) == 700016
    graph.advance(3601)
    assert {sign_in(graph, made, secret) for _unused in range(5)} == {0}
    graph.call("DELETE", f"applications/{made['id']}")
    assert sign_in(graph, made, secret) == 700016


def test_a_secret_before_its_start_does_not_sign_in(graph: Graph, made: dict[str, Any]) -> None:
    secret = add(graph, made, startDateTime=later(graph, 1))
    assert sign_in(graph, made, secret["secretText"]) == 7000215
    graph.advance(86401)
    assert sign_in(graph, made, secret["secretText"]) == 0


def state(graph: Graph, made: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = graph.lab.control("GET", "state?part=applications")[made["id"]]
    return shown


def test_the_state_tells_which_secrets_would_work_and_no_value(graph: Graph, made: dict[str, Any]) -> None:
    graph.switch(secret_propagation=10)
    secret = add(graph, made, displayName="neu", endDateTime=later(graph, 2))
    (shown,) = state(graph, made)["credentials"]
    assert (shown["key_id"], shown["display_name"], shown["usable"]) == (secret["keyId"], "neu", "nowhere")
    assert secret["secretText"] not in str(graph.lab.control("GET", "state"))
    seen = set()
    for _unused in range(11):
        graph.advance(1)
        seen.add(state(graph, made)["credentials"][0]["usable"])
    assert seen >= {"somewhere", "everywhere"}
    graph.advance(2 * 86400)
    assert state(graph, made)["credentials"][0]["usable"] == "nowhere"


# Replicas of the directory


def test_secrets_come_and_go_on_the_replicas(graph: Graph, made: dict[str, Any]) -> None:
    graph.switch(graph_replica_lag=60)
    secret = add(graph, made)
    counts = []
    for _unused in range(60):
        counts.append(len(graph.get(f"applications/{made['id']}")["passwordCredentials"]))
        graph.advance(1)
    assert set(counts) == {0, 1}
    assert any(now < before for before, now in itertools.pairwise(counts))
    second = add(graph, made)
    said = graph.refused("POST", f"applications/{made['id']}/removePassword", {"keyId": second["keyId"]})
    assert "No password credential found" in said[2]
    assert sign_in(graph, made, secret["secretText"]) == 0


# Certificates


@functools.cache
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def certificate(days: int = 90, number: int = 1) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "versand")])
    now = datetime.now(UTC).replace(microsecond=0)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(signing_key().public_key())
    builder = builder.serial_number(number).not_valid_before(now - timedelta(days=1))
    builder = builder.not_valid_after(now + timedelta(days=days))
    return builder.sign(signing_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def key_credential(der: bytes, **members: Any) -> dict[str, Any]:
    return {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode(), **members}


def put_keys(graph: Graph, made: dict[str, Any], *keys: dict[str, Any]) -> list[dict[str, Any]]:
    answer = graph.call("PATCH", f"applications/{made['id']}", {"keyCredentials": [*keys]})
    assert answer.status_code == 204, answer.text
    shown: list[dict[str, Any]] = graph.get(f"applications/{made['id']}")["keyCredentials"]
    return shown


def certificate_sign_in(graph: Graph, made: dict[str, Any], der: bytes) -> int:
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    now = int(time.time())
    claims = {"iss": made["appId"], "sub": made["appId"], "nbf": now, "exp": now + 300, "jti": str(uuid.uuid4())}
    claims["aud"] = f"{graph.lab.url}/{TENANT_ID}/oauth2/v2.0/token"
    proof = jwt.encode(claims, signing_key(), algorithm="PS256", headers={"x5t#S256": thumbprint})
    form = {"client_secret": None, "client_assertion": proof, "client_assertion_type": JWT_BEARER}
    answer = graph.lab.sign_in(client_id=made["appId"], **form)
    return 0 if answer.status_code == 200 else answer.json()["error_codes"][0]


def test_a_certificate_is_shown_without_its_key_unless_it_is_asked_for(graph: Graph, made: dict[str, Any]) -> None:
    (shown,) = put_keys(graph, made, key_credential(certificate(), displayName="CN=versand"))
    assert (shown["key"], shown["type"], shown["usage"]) == (None, "AsymmetricX509Cert", "Verify")
    assert shown["customKeyIdentifier"] == hashlib.sha1(certificate()).hexdigest().upper()  # noqa: S324
    (full,) = graph.get(f"applications/{made['id']}?$select=keyCredentials")["keyCredentials"]
    assert base64.b64decode(full["key"]) == certificate()
    (listed,) = [one for one in graph.get("applications?$select=id,keyCredentials")["value"] if one["id"] == made["id"]]
    assert listed["keyCredentials"][0]["key"] is None
    assert certificate_sign_in(graph, made, certificate()) == 0


def test_the_whole_list_of_certificates_is_written(graph: Graph, made: dict[str, Any]) -> None:
    (first,) = put_keys(graph, made, key_credential(certificate()))
    both = put_keys(graph, made, first, key_credential(certificate(number=2)))
    assert next(one["keyId"] for one in both) == first["keyId"]
    (last,) = put_keys(graph, made, both[1])
    assert last["keyId"] == both[1]["keyId"]
    assert certificate_sign_in(graph, made, certificate()) == 700027
    assert certificate_sign_in(graph, made, certificate(number=2)) == 0
    body = {"keyCredentials": [key_credential(certificate(), keyId=last["keyId"])]}
    words = graph.refused("PATCH", f"applications/{made['id']}", body)[2]
    assert words == f"Update to existing credential with KeyId '{last['keyId']}' is not allowed."


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"key": None}, "Request_BadRequest"),
        ({"key": "bm8gY2VydGlmaWNhdGU="}, "Request_BadRequest"),
        ({"key": "?"}, "BadRequest"),
        ({"type": "Symmetric"}, "Request_BadRequest"),
        ({"usage": "Sign"}, "Request_BadRequest"),
        ({"endDateTime": "2099-01-01T00:00:00Z"}, "KeyCredentialsInvalidEndDate"),
        ({"startDateTime": "2020-01-01T00:00:00Z"}, "KeyCredentialsInvalidStartDate"),
    ],
)
def test_what_is_no_certificate_or_outlives_it_is_400(
    graph: Graph, made: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    body = {"keyCredentials": [key_credential(certificate()) | change]}
    assert graph.refused("PATCH", f"applications/{made['id']}", body)[:2] == (400, code)


# Policies


def cap(graph: Graph, name: str, **rule: Any) -> CredentialPolicy:
    """Put a restriction into the tenant's default policy."""
    policy = CredentialPolicy("00000000-0000-0000-0000-000000000000", "Default", "Default", enabled=True)
    kind = policy.keys if name == "asymmetricKeyLifetime" else policy.passwords
    kind.append(CredentialRestriction(name, **rule))
    graph.lab.tenant.default_credential_policy = policy
    return policy


def test_a_lifetime_beyond_the_policy_is_refused_and_so_is_the_default_one(graph: Graph, made: dict[str, Any]) -> None:
    policy = cap(graph, "passwordLifetime", max_lifetime="P180D")
    for wanted in ({}, {"endDateTime": later(graph, 181)}):
        answer = graph.call("POST", f"applications/{made['id']}/addPassword", {"passwordCredential": wanted})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "CredentialInvalidLifetimeAsPerAppPolicy")
        assert error["message"].endswith(f"as per assigned policy '{policy.id}'.")
        assert error["details"][0]["code"] == "InvalidKeyEndDate"
    add(graph, made, endDateTime=later(graph, 179))


def test_secrets_may_be_forbidden_and_older_applications_exempt(graph: Graph, made: dict[str, Any]) -> None:
    cap(graph, "passwordAddition")
    path = f"applications/{made['id']}/addPassword"
    assert graph.refused("POST", path, {})[:2] == (400, "CredentialTypeNotAllowedAsPerAppPolicy")
    cap(graph, "passwordAddition", for_apps_created_after=graph.lab.tenant.clock.now())
    assert graph.call("POST", path, {}).status_code == 200
    cap(graph, "passwordAddition", enabled=False)
    assert graph.call("POST", path, {}).status_code == 200


def test_a_custom_policy_beats_the_default_one(graph: Graph, made: dict[str, Any]) -> None:
    cap(graph, "passwordAddition")
    tenant = graph.lab.tenant
    custom = CredentialPolicy(str(uuid.uuid4()), "Versand", "", enabled=True)
    custom.passwords.append(CredentialRestriction("passwordLifetime", "P30D"))
    tenant.credential_policies[custom.id] = custom
    tenant.applications[made["id"]].credential_policies.append(custom.id)
    add(graph, made, endDateTime=later(graph, 29))
    assert graph.refused("POST", f"applications/{made['id']}/addPassword", {})[1].startswith(
        "CredentialInvalidLifetime"
    )
    (shown,) = graph.get(f"applications/{made['id']}/appManagementPolicies")["value"]
    assert shown["restrictions"]["passwordCredentials"][0]["maxLifetime"] == "P30D"
    assert graph.get(f"policies/appManagementPolicies/{custom.id}")["displayName"] == "Versand"
    assert len(graph.get("policies/appManagementPolicies")["value"]) == 1


def test_a_policy_caps_certificates_too(graph: Graph, made: dict[str, Any]) -> None:
    cap(graph, "asymmetricKeyLifetime", max_lifetime="P30D")
    body = {"keyCredentials": [key_credential(certificate())]}
    said = graph.refused("PATCH", f"applications/{made['id']}", body)
    assert said[1] == "CredentialInvalidLifetimeAsPerAppPolicy"
    put_keys(graph, made, key_credential(certificate(20)))


def test_the_default_policy_is_there_and_not_enabled(graph: Graph) -> None:
    shown = graph.get("policies/defaultAppManagementPolicy")
    assert (shown["isEnabled"], shown["applicationRestrictions"]["passwordCredentials"]) == (False, [])
    cap(graph, "passwordLifetime", max_lifetime="P180D")
    (rule,) = graph.get("policies/defaultAppManagementPolicy")["applicationRestrictions"]["passwordCredentials"]
    assert (rule["restrictionType"], rule["maxLifetime"], rule["state"]) == ("passwordLifetime", "P180D", "enabled")
    graph.roles = ("Application.ReadWrite.All",)
    assert graph.refused("GET", "policies/defaultAppManagementPolicy")[0] == 403
