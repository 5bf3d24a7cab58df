# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token endpoint from outside: every way to sign in, and every refusal in Entra's words."""

from __future__ import annotations

import base64
import functools
import hashlib
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import jwt
import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from rehearsal import APP_ID, PRINCIPAL_ID, SECRET, TENANT_ID, Lab

from lab.assertions import JWT_BEARER
from lab.login import DEVICE_GRANT
from lab.state import Credential, FederatedCredential
from lab.tokens import EXCHANGE, GRAPH

ISSUER = "https://token.actions.example"
SUBJECT = "repo:contoso/config:ref:refs/heads/main"
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"


@functools.cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(private: rsa.RSAPrivateKey) -> str:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@functools.cache
def certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ansible")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key().public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=30))
    return builder.sign(key(), hashes.SHA256())


def der() -> bytes:
    return certificate().public_bytes(serialization.Encoding.DER)


def register_certificate(lab: Lab) -> Credential:
    credential = Credential("c", lab.tenant.clock.now() + timedelta(days=30), certificate=der())
    lab.application.credentials.append(credential)
    return credential


def encoded(digest: bytes, padded: bool = False) -> str:
    text = base64.urlsafe_b64encode(digest).decode()
    return text if padded else text.rstrip("=")


def assertion(
    lab: Lab, signing_key: rsa.RSAPrivateKey | None = None, header: dict[str, str] | None = None, **claims: Any
) -> str:
    """A client assertion as the documentation describes it; claims replace its own, None takes one away."""
    now = time.time()
    content = {
        "aud": f"{lab.url}/{TENANT_ID}/oauth2/v2.0/token",
        "iss": APP_ID,
        "sub": APP_ID,
        "jti": str(uuid.uuid4()),
        "nbf": int(now),
        "exp": int(now) + 600,
    }
    content |= claims
    content = {name: value for name, value in content.items() if value is not None}
    header = header or {"alg": "PS256", "x5t#S256": encoded(hashlib.sha256(der()).digest())}
    return jwt.encode(content, signing_key or key(), algorithm=header["alg"], headers=header)


def sign_in_with(lab: Lab, proof: str, **form: Any) -> requests.Response:
    return lab.sign_in(
        **{"client_secret": None, "client_assertion": proof, "client_assertion_type": JWT_BEARER, **form}
    )


def claims_of(lab: Lab, answer: requests.Response) -> dict[str, Any]:
    """The claims of an answer's token, checked with the published keys."""
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    keys = jwt.PyJWKSet.from_dict(lab.call("GET", f"/{TENANT_ID}/discovery/v2.0/keys").json())
    signing = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, signing, algorithms=["RS256"], options={"verify_aud": False})
    return claims


def assert_refused(answer: requests.Response, status: int, error: str, number: int) -> dict[str, Any]:
    """The whole error body of the token endpoint, with the given values."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    assert all(body[name] in body["error_description"] for name in ("trace_id", "correlation_id", "timestamp"))
    assert body["error_uri"].endswith(f"code={number}")
    assert datetime.strptime(body["timestamp"], "%Y-%m-%d %H:%M:%SZ")
    return body


# --- discovery


@pytest.mark.parametrize("name", [TENANT_ID, "contoso.example", "CONTOSO.example", "contoso.onmicrosoft.example"])
def test_oidc_document_has_what_msal_needs_under_every_name_of_the_tenant(lab: Lab, name: str) -> None:
    document = lab.call("GET", f"/{name}/v2.0/.well-known/openid-configuration").json()
    assert document["issuer"] == f"{lab.url}/{TENANT_ID}/v2.0"
    for member in ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "jwks_uri"):
        assert document[member].startswith(f"{lab.url}/{name}/")
    assert lab.session.get(document["jwks_uri"], timeout=20).json()["keys"][0]["kty"] == "RSA"


@pytest.mark.parametrize("name", ["unverified.example", "fabrikam.example", "00000000-0000-4000-8000-000000000000"])
def test_unknown_tenant_and_unverified_domain_are_90002(lab: Lab, name: str) -> None:
    assert_refused(lab.call("GET", f"/{name}/v2.0/.well-known/openid-configuration"), 400, "invalid_request", 90002)
    assert_refused(lab.sign_in(tenant=name), 400, "invalid_request", 90002)


def test_document_read_by_host_name_leads_back_to_the_host_name(lab: Lab) -> None:
    base = lab.url.replace("127.0.0.1", "localhost")
    document = lab.session.get(f"{base}/contoso.example/v2.0/.well-known/openid-configuration", timeout=20).json()
    assert document["token_endpoint"] == f"{base}/contoso.example/oauth2/v2.0/token"


def test_instance_discovery_knows_the_lab_and_nothing_else(lab: Lab) -> None:
    query = {"api-version": "1.1", "authorization_endpoint": f"{lab.url}/contoso.example/oauth2/v2.0/authorize"}
    known = lab.call("GET", "/common/discovery/instance", params=query)
    assert (
        known.json()["tenant_discovery_endpoint"] == f"{lab.url}/contoso.example/v2.0/.well-known/openid-configuration"
    )
    query["authorization_endpoint"] = "https://login.example/contoso.example/oauth2/v2.0/authorize"
    assert_refused(lab.call("GET", "/common/discovery/instance", params=query), 400, "invalid_instance", 50049)


def test_shared_tenant_names_give_no_application_token(lab: Lab) -> None:
    assert_refused(lab.sign_in(tenant="common"), 400, "invalid_request", 50059)
    assert_refused(lab.sign_in(tenant="organizations"), 400, "invalid_request", 50059)


# --- client secret


def test_secret_in_the_form_gives_a_token_with_the_grants_of_this_moment(lab: Lab) -> None:
    answer = lab.sign_in()
    assert answer.json().keys() == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    assert answer.json()["expires_in"] == 3599
    claims = claims_of(lab, answer)
    assert (claims["aud"], claims["tid"], claims["appid"]) == ("https://graph.microsoft.com", TENANT_ID, APP_ID)
    assert (claims["oid"], claims["idtyp"], claims["iss"]) == (PRINCIPAL_ID, "app", f"{lab.url}/{TENANT_ID}/v2.0")
    assert claims["roles"] == ["User.ReadWrite.All", "Organization.Read.All"]
    assert claims["wids"] == ["29232cdf-9323-42fd-ade2-1d097af3e4de"]
    assert claims["exp"] - claims["iat"] == 3599


def test_secret_by_http_basic_is_form_decoded_first(lab: Lab) -> None:
    user = quote(APP_ID, safe="")
    password = quote(SECRET, safe="")
    form = {"grant_type": "client_credentials", "scope": EXCHANGE_SCOPE}
    answer = lab.call("POST", f"/{TENANT_ID}/oauth2/v2.0/token", data=form, auth=(user, password))
    assert claims_of(lab, answer)["aud"] == "https://outlook.office365.com"


def test_malformed_basic_header_is_refused(lab: Lab) -> None:
    answer = lab.call("POST", f"/{TENANT_ID}/oauth2/v2.0/token", headers={"Authorization": "Basic %%%"})
    assert_refused(answer, 400, "invalid_request", 900144)


def test_token_has_no_roles_claim_when_nothing_is_granted(lab: Lab) -> None:
    lab.application.app_roles.clear()
    assert "roles" not in claims_of(lab, lab.sign_in())


def test_wrong_secret_is_7000215_and_not_repeated_in_the_answer(lab: Lab) -> None:
    answer = lab.sign_in(client_secret="wrong~secret~value")
    assert_refused(answer, 401, "invalid_client", 7000215)
    assert "wrong~secret~value" not in answer.text


def test_new_secret_is_7000215_until_it_has_reached_the_token_endpoint(lab: Lab) -> None:
    credential = lab.application.credentials[0]
    credential.usable_from = lab.tenant.clock.now() + timedelta(seconds=12)
    assert_refused(lab.sign_in(), 401, "invalid_client", 7000215)
    lab.control("POST", "clock", {"advance": 13})
    assert lab.sign_in().status_code == 200


def test_expired_secret_is_7000222_by_the_tenants_clock(lab: Lab) -> None:
    lab.control("POST", "clock", {"advance": 91 * 86400})
    assert_refused(lab.sign_in(), 401, "invalid_client", 7000222)


def test_correlation_id_is_the_one_of_the_request(lab: Lab) -> None:
    own = str(uuid.uuid4())
    answer = lab.call("POST", f"/{TENANT_ID}/oauth2/v2.0/token", headers={"client-request-id": own})
    assert answer.json()["correlation_id"] == own


@pytest.mark.parametrize(
    ("form", "status", "error", "number"),
    [
        ({"client_id": "99999999-9999-4999-8999-999999999999"}, 400, "unauthorized_client", 700016),
        ({"client_secret": None}, 401, "invalid_client", 7000216),
        ({"client_id": None}, 400, "invalid_request", 900144),
        ({"grant_type": None}, 400, "invalid_request", 900144),
        ({"scope": None}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "https://graph.microsoft.com/User.Read.All"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://graph.microsoft.com"}, 400, "invalid_scope", 1002012),
        ({"scope": f"https://graph.microsoft.com/.default {EXCHANGE_SCOPE}"}, 400, "invalid_scope", 70011),
        ({"scope": "https://unknown.example/.default"}, 400, "invalid_resource", 500011),
        ({"scope": "http://graph.microsoft.com/.default"}, 400, "invalid_resource", 500011),
    ],
)
def test_malformed_requests_are_refused_in_entras_words(
    lab: Lab, form: dict[str, Any], status: int, error: str, number: int
) -> None:
    assert_refused(lab.sign_in(**form), status, error, number)


def test_application_without_service_principal_is_7000229(lab: Lab) -> None:
    lab.application.service_principal_id = None
    assert_refused(lab.sign_in(), 401, "invalid_client", 7000229)


def test_disabled_application_is_7000112(lab: Lab) -> None:
    lab.application.disabled = True
    assert_refused(lab.sign_in(), 400, "unauthorized_client", 7000112)


@pytest.mark.parametrize(
    ("resource", "audience"),
    [
        ("https://graph.microsoft.us", GRAPH),
        ("https://dod-graph.microsoft.us", GRAPH),
        ("https://microsoftgraph.chinacloudapi.cn", GRAPH),
        ("https://outlook.office365.us", EXCHANGE),
        ("https://outlook-dod.office365.us", EXCHANGE),
        ("https://partner.outlook.cn", EXCHANGE),
    ],
)
def test_audience_is_the_resource_as_asked_for_in_every_cloud(lab: Lab, resource: str, audience: str) -> None:
    claims = claims_of(lab, lab.sign_in(scope=f"{resource}/.default"))
    assert claims["aud"] == resource
    assert claims["roles"] == lab.application.app_roles[audience]


# --- certificate


@pytest.mark.parametrize("padded", [True, False])
def test_certificate_with_ps256_and_sha256_thumbprint(lab: Lab, padded: bool) -> None:
    register_certificate(lab)
    header = {"alg": "PS256", "x5t#S256": encoded(hashlib.sha256(der()).digest(), padded)}
    assert claims_of(lab, sign_in_with(lab, assertion(lab, header=header)))["appid"] == APP_ID


def test_certificate_with_rs256_and_sha1_thumbprint(lab: Lab) -> None:
    register_certificate(lab)
    header = {"alg": "RS256", "x5t": encoded(hashlib.sha1(der()).digest())}  # noqa: S324
    assert sign_in_with(lab, assertion(lab, header=header)).status_code == 200


def test_assertion_may_have_fractional_times_and_no_nbf(lab: Lab) -> None:
    register_certificate(lab)
    proof = assertion(lab, nbf=None, iat=time.time(), exp=time.time() + 600.5)
    assert sign_in_with(lab, proof).status_code == 200


def test_assertion_may_name_the_tenant_by_its_domain(lab: Lab) -> None:
    register_certificate(lab)
    proof = assertion(lab, aud=f"{lab.url}/contoso.example/oauth2/v2.0/token")
    assert sign_in_with(lab, proof, tenant="contoso.example").status_code == 200


def test_unregistered_expired_and_not_yet_known_certificates_are_700027(lab: Lab) -> None:
    body = assert_refused(sign_in_with(lab, assertion(lab)), 401, "invalid_client", 700027)
    assert hashlib.sha256(der()).hexdigest().upper() in body["error_description"]
    credential = register_certificate(lab)
    credential.usable_from = lab.tenant.clock.now() + timedelta(seconds=12)
    assert_refused(sign_in_with(lab, assertion(lab)), 401, "invalid_client", 700027)
    credential.usable_from, credential.end = None, lab.tenant.clock.now() - timedelta(seconds=1)
    body = assert_refused(sign_in_with(lab, assertion(lab)), 401, "invalid_client", 700027)
    assert "expired" in body["error_description"]


def test_assertion_signed_with_another_key_is_700027(lab: Lab) -> None:
    register_certificate(lab)
    assert_refused(sign_in_with(lab, assertion(lab, other_key())), 401, "invalid_client", 700027)


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"aud": "https://graph.microsoft.com"}, 700023),
        ({"iss": "99999999-9999-4999-8999-999999999999"}, 700021),
        ({"sub": "99999999-9999-4999-8999-999999999999"}, 700021),
        ({"nbf": 1_000_000_000, "exp": 1_000_000_600}, 700024),
        ({"nbf": 4_000_000_000, "exp": 4_000_000_600}, 700024),
    ],
)
def test_assertion_with_a_wrong_claim_is_refused(lab: Lab, claims: dict[str, Any], number: int) -> None:
    register_certificate(lab)
    assert_refused(sign_in_with(lab, assertion(lab, **claims)), 401, "invalid_client", number)


def test_clock_of_the_client_may_be_said_to_be_wrong(lab: Lab) -> None:
    register_certificate(lab)
    lab.control("POST", "switches", {"client_clock_skew": 3600})
    assert_refused(sign_in_with(lab, assertion(lab)), 401, "invalid_client", 700024)


def test_moving_the_tenants_clock_does_not_break_certificates(lab: Lab) -> None:
    register_certificate(lab)
    lab.control("POST", "clock", {"advance": 7200})
    assert sign_in_with(lab, assertion(lab)).status_code == 200


@pytest.mark.parametrize("proof", ["no-jwt", "a.b.c", "e30.bm9uZQ.e30"])
def test_malformed_assertion_is_50027(lab: Lab, proof: str) -> None:
    assert_refused(sign_in_with(lab, proof), 400, "invalid_request", 50027)


def test_assertion_without_expiry_or_with_a_wrong_type_is_50027(lab: Lab) -> None:
    register_certificate(lab)
    assert_refused(sign_in_with(lab, assertion(lab, exp=None)), 400, "invalid_request", 50027)
    assert_refused(sign_in_with(lab, assertion(lab), client_assertion_type="jwt"), 400, "invalid_request", 50027)


# --- federated credential


def federate(lab: Lab) -> None:
    public = (
        key().public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    known = FederatedCredential(ISSUER, SUBJECT, "api://AzureADTokenExchange", public.decode())
    lab.application.federated.append(known)


def external_token(lab: Lab, signing_key: rsa.RSAPrivateKey | None = None, **claims: Any) -> str:
    content = {"iss": ISSUER, "sub": SUBJECT, "aud": "api://AzureADTokenExchange", **claims}
    return assertion(lab, signing_key, {"alg": "RS256"}, **content)


def test_token_of_a_known_issuer_signs_in(lab: Lab) -> None:
    federate(lab)
    assert claims_of(lab, sign_in_with(lab, external_token(lab)))["oid"] == PRINCIPAL_ID
    listed = external_token(lab, aud=["other", "api://AzureADTokenExchange"])
    assert sign_in_with(lab, listed).status_code == 200


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"iss": "https://token.actions.example/"}, 700211),
        ({"sub": SUBJECT.upper()}, 700213),
        ({"aud": "api://azureadtokenexchange"}, 700212),
        ({"exp": 1_000_000_000, "nbf": 999_999_000}, 700024),
    ],
)
def test_federated_token_must_match_to_the_letter(lab: Lab, claims: dict[str, Any], number: int) -> None:
    federate(lab)
    assert_refused(sign_in_with(lab, external_token(lab, **claims)), 401, "invalid_client", number)


def test_federated_token_with_a_foreign_signature_is_700027(lab: Lab) -> None:
    federate(lab)
    assert_refused(sign_in_with(lab, external_token(lab, other_key())), 401, "invalid_client", 700027)


# --- device code


def begin_device(lab: Lab, **form: str) -> requests.Response:
    asked = {"client_id": APP_ID, "scope": "https://graph.microsoft.com/.default offline_access openid profile", **form}
    return lab.call("POST", f"/{TENANT_ID}/oauth2/v2.0/devicecode", data=asked)


def poll_device(lab: Lab, code: str, **form: str) -> requests.Response:
    asked = {"client_id": APP_ID, "grant_type": DEVICE_GRANT, "device_code": code, "code": code, **form}
    return lab.call("POST", f"/{TENANT_ID}/oauth2/v2.0/token", data=asked)


def test_device_code_waits_for_approval_and_serves_once(lab: Lab) -> None:
    lab.application.public_client = True
    begun = begin_device(lab).json()
    assert begun.keys() == {"device_code", "user_code", "verification_uri", "expires_in", "interval", "message"}
    assert begun["user_code"] in begun["message"]
    assert begun["user_code"] in lab.control("GET", "device")[0]["user_code"]
    assert_refused(poll_device(lab, begun["device_code"]), 400, "authorization_pending", 70016)
    lab.control("POST", "device", {"user_code": begun["user_code"], "approve": True, "user": "info@contoso.example"})
    claims = claims_of(lab, poll_device(lab, begun["device_code"]))
    assert (claims["upn"], claims["idtyp"], claims["scp"]) == (
        "info@contoso.example",
        "user",
        "User.ReadWrite.All Organization.Read.All",
    )
    assert_refused(poll_device(lab, begun["device_code"]), 400, "invalid_grant", 54005)


def test_declined_expired_and_unknown_device_codes(lab: Lab) -> None:
    lab.application.public_client = True
    declined, late = begin_device(lab).json(), begin_device(lab).json()
    lab.control("POST", "device", {"user_code": declined["user_code"], "approve": False})
    assert_refused(poll_device(lab, declined["device_code"]), 400, "authorization_declined", 65004)
    lab.control("POST", "clock", {"advance": 901})
    assert_refused(poll_device(lab, late["device_code"]), 400, "expired_token", 70019)
    assert_refused(poll_device(lab, "nonsense"), 400, "bad_verification_code", 70018)


def test_device_code_needs_a_public_client(lab: Lab) -> None:
    code = begin_device(lab).json()["device_code"]
    assert_refused(poll_device(lab, code), 401, "invalid_client", 7000218)
    lab.application.public_client = True
    assert_refused(poll_device(lab, code, client_secret=SECRET), 401, "invalid_client", 700025)


def test_device_code_without_consent_is_65001(lab: Lab) -> None:
    lab.application.public_client = True
    lab.tenant.permission_grants.clear()
    begun = begin_device(lab).json()
    lab.control("POST", "device", {"user_code": begun["user_code"], "approve": True})
    assert_refused(poll_device(lab, begun["device_code"]), 400, "invalid_grant", 65001)


def test_device_code_for_an_unknown_resource_is_500011(lab: Lab) -> None:
    assert_refused(begin_device(lab, scope="https://unknown.example/.default"), 400, "invalid_resource", 500011)


# --- MSAL as the judge


def msal_options(lab: Lab) -> dict[str, Any]:
    return {"authority": f"{lab.url}/{TENANT_ID}", "http_client": lab.session, "instance_discovery": False}


def test_msal_signs_in_with_a_secret(lab: Lab) -> None:
    client = msal.ConfidentialClientApplication(APP_ID, client_credential=SECRET, **msal_options(lab))
    assert client.acquire_token_for_client([EXCHANGE_SCOPE])["token_source"] == "identity_provider"
    assert client.acquire_token_for_client([EXCHANGE_SCOPE])["token_source"] == "cache"


@pytest.mark.parametrize("with_thumbprint", [True, False])
def test_msal_signs_in_with_a_certificate_in_both_of_its_forms(lab: Lab, with_thumbprint: bool) -> None:
    register_certificate(lab)
    credential = {"private_key": pem(key())}
    if with_thumbprint:
        credential["thumbprint"] = hashlib.sha1(der()).hexdigest()  # noqa: S324
    else:
        credential["public_certificate"] = certificate().public_bytes(serialization.Encoding.PEM).decode()
    client = msal.ConfidentialClientApplication(APP_ID, client_credential=credential, **msal_options(lab))
    assert "access_token" in client.acquire_token_for_client([EXCHANGE_SCOPE])


def test_msal_signs_in_with_a_federated_token(lab: Lab) -> None:
    federate(lab)
    credential = {"client_assertion": lambda: external_token(lab)}
    client = msal.ConfidentialClientApplication(APP_ID, client_credential=credential, **msal_options(lab))
    assert "access_token" in client.acquire_token_for_client([EXCHANGE_SCOPE])


def test_msal_signs_in_by_device_code(lab: Lab) -> None:
    lab.application.public_client = True
    lab.control("POST", "switches", {"device_code_interval": 0})
    client = msal.PublicClientApplication(APP_ID, **msal_options(lab))
    flow = client.initiate_device_flow(["https://graph.microsoft.com/.default"])
    assert "error" not in flow
    lab.control("POST", "device", {"user_code": flow["user_code"], "approve": True})
    assert "access_token" in client.acquire_token_by_device_flow(flow)


def test_msal_finds_the_lab_through_instance_discovery(lab: Lab) -> None:
    options = msal_options(lab) | {"instance_discovery": f"{lab.url}/common/discovery/instance"}
    client = msal.ConfidentialClientApplication(APP_ID, client_credential=SECRET, **options)
    assert "access_token" in client.acquire_token_for_client([EXCHANGE_SCOPE])


def test_msal_reads_the_managed_identity_of_a_machine_and_of_an_app_service(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.control("POST", "switches", {"managed_identity_app": APP_ID})
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", str(lab.world.imds_url))
    client = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=lab.session)
    assert client.acquire_token_for_client(resource="https://graph.microsoft.com")["expires_in"] == 3599
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{lab.world.imds_url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", lab.world.identity_header)
    client = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=lab.session)
    answer = client.acquire_token_for_client(resource="https://outlook.office365.com")
    assert jwt.decode(answer["access_token"], options={"verify_signature": False})["roles"] == ["Exchange.ManageAsApp"]


# --- managed identity in detail


def ask_machine(lab: Lab, headers: dict[str, str] | None = None, **query: str | None) -> requests.Response:
    asked = {"api-version": "2018-02-01", "resource": "https://graph.microsoft.com", **query}
    headers = {"Metadata": "true"} if headers is None else headers
    return lab.session.get(
        f"{lab.world.imds_url}/metadata/identity/oauth2/token", params=asked, headers=headers, timeout=20
    )


def test_imds_answers_numbers_as_text_and_wants_its_header(lab: Lab) -> None:
    lab.tenant.switches["managed_identity_app"] = APP_ID
    answer = ask_machine(lab).json()
    assert (answer["expires_in"], answer["token_type"], answer["client_id"]) == ("3599", "Bearer", APP_ID)
    assert ask_machine(lab, {}).status_code == 400
    assert ask_machine(lab, {"Metadata": "true", "X-Forwarded-For": "127.0.0.1"}).status_code == 400


@pytest.mark.parametrize(
    "query",
    [{"api-version": None}, {"resource": None}, {"client_id": "other"}, {"resource": "https://unknown.example"}],
)
def test_imds_refuses_incomplete_requests(lab: Lab, query: dict[str, Any]) -> None:
    lab.tenant.switches["managed_identity_app"] = APP_ID
    assert ask_machine(lab, **query).status_code == 400


def test_machine_without_identity_is_refused(lab: Lab) -> None:
    assert ask_machine(lab).json() == {"error": "invalid_request", "error_description": "Identity not found"}


def test_app_service_wants_its_secret_header(lab: Lab) -> None:
    lab.tenant.switches["managed_identity_app"] = APP_ID
    query = {"api-version": "2019-08-01", "resource": "https://graph.microsoft.com"}
    answer = lab.session.get(f"{lab.world.imds_url}/msi/token", params=query, timeout=20)
    assert answer.status_code == 401
    assert lab.world.identity_header not in answer.text


# --- what services see


def test_token_is_refused_after_its_lifetime_by_the_tenants_clock(lab: Lab) -> None:
    headers = lab.bearer()
    assert lab.call("GET", "/v1.0/organization", headers=headers).status_code == 200
    lab.control("POST", "clock", {"advance": 3600})
    assert lab.call("GET", "/v1.0/organization", headers=headers).status_code == 401


def test_token_for_another_resource_or_signed_by_another_is_refused(lab: Lab) -> None:
    assert lab.call("GET", "/v1.0/organization", headers=lab.bearer(EXCHANGE)).status_code == 401
    forged = jwt.encode({"aud": "https://graph.microsoft.com", "exp": 4e9, "nbf": 0, "tid": TENANT_ID}, key(), "RS256")
    for value in (f"Bearer {forged}", "Bearer nonsense", "Basic eDp5", ""):
        assert lab.call("GET", "/v1.0/organization", headers={"Authorization": value}).status_code == 401


def test_grant_made_later_is_not_in_an_older_token(lab: Lab) -> None:
    lab.application.app_roles[GRAPH] = []
    older = lab.bearer()
    lab.application.app_roles[GRAPH] = ["Organization.Read.All"]
    assert lab.call("GET", "/v1.0/organization", headers=older).status_code == 403
    assert lab.call("GET", "/v1.0/organization", headers=lab.bearer()).status_code == 200


def test_users_token_opens_what_its_scopes_permit(lab: Lab) -> None:
    lab.application.public_client = True
    begun = begin_device(lab).json()
    lab.control("POST", "device", {"user_code": begun["user_code"], "approve": True})
    token = poll_device(lab, begun["device_code"]).json()["access_token"]
    answer = lab.call("GET", "/v1.0/organization", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
