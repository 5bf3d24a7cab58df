# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Azure Key Vault and HashiCorp Vault beside the lab, seen from outside."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from rehearsal import APP_ID, TENANT_ID, Lab

from lab.login import issue
from lab.tokens import GRAPH, KEY_VAULT

NAME = "/secrets/smtp-scanner"


def azure(
    lab: Lab, method: str, path: str, content: Any = None, *, bearer: str | None = None, version: str | None = "7.4"
) -> requests.Response:
    """One request to the key vault; C(bearer) empty: without a token."""
    token = issue(lab.world, lab.application, KEY_VAULT) if bearer is None else bearer
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    query = {"api-version": version} if version else {}
    url = lab.world.key_vault_url + path
    return lab.session.request(method, url, json=content, headers=headers, params=query, timeout=20)


def put(lab: Lab, **content: Any) -> dict[str, Any]:
    answer = azure(lab, "PUT", NAME, {"value": "s3cret", **content})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def code(answer: requests.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("innererror", {}).get("code")


# --- Azure Key Vault


def test_a_secret_is_set_and_read_with_its_attributes(lab: Lab) -> None:
    made = put(lab, attributes={"exp": 2_000_000_000, "nbf": 1}, tags={"keyId": "abc"}, contentType="text/plain")
    base, _unused, version = made["id"].rpartition("/")
    assert base == lab.world.key_vault_url + NAME
    assert len(version) == 32
    assert made["attributes"]["exp"] == 2_000_000_000
    assert made["attributes"]["recoveryLevel"] == "Recoverable+Purgeable"
    assert azure(lab, "GET", NAME).json() == made
    assert azure(lab, "GET", f"{NAME}/{version}").json() == made
    assert (made["tags"], made["contentType"]) == ({"keyId": "abc"}, "text/plain")


def test_setting_again_makes_a_version_and_the_old_one_stays(lab: Lab) -> None:
    first = put(lab)["id"].rpartition("/")[2]
    second = put(lab, value="newer")["id"].rpartition("/")[2]
    assert azure(lab, "GET", NAME).json()["value"] == "newer"
    assert azure(lab, "GET", f"{NAME}/{first}").json()["value"] == "s3cret"
    rows = azure(lab, "GET", f"{NAME}/versions").json()["value"]
    assert [row["id"].rpartition("/")[2] for row in rows] == [first, second]
    assert all("value" not in row for row in rows)


def test_attributes_and_tags_can_be_changed_but_no_value(lab: Lab) -> None:
    version = put(lab, tags={"a": "b"})["id"].rpartition("/")[2]
    changed = azure(lab, "PATCH", f"{NAME}/{version}", {"attributes": {"enabled": False}, "value": "other"}).json()
    assert (changed["attributes"]["enabled"], changed["tags"]) == (False, {"a": "b"})
    assert "value" not in changed
    assert code(azure(lab, "GET", NAME)) == (403, "Forbidden", "SecretDisabled")


def test_secrets_are_listed_in_pages_without_versions(lab: Lab) -> None:
    for number in range(3):
        assert azure(lab, "PUT", f"/secrets/s{number}", {"value": "x"}).status_code == 200
    assert azure(lab, "GET", "/secrets").json()["nextLink"] is None
    url = f"{lab.world.key_vault_url}/secrets?api-version=7.4&maxresults=2"
    headers = {"Authorization": f"Bearer {issue(lab.world, lab.application, KEY_VAULT)}"}
    page = lab.session.get(url, headers=headers, timeout=20).json()
    rest = lab.session.get(page["nextLink"], headers=headers, timeout=20).json()
    ids = [row["id"] for row in page["value"] + rest["value"]]
    assert ids == [f"{lab.world.key_vault_url}/secrets/s{number}" for number in range(3)]


def test_a_request_without_a_token_meets_the_challenge(lab: Lab) -> None:
    answer = azure(lab, "GET", NAME, bearer="", version=None)
    assert code(answer)[:2] == (401, "Unauthorized")
    assert answer.json()["error"]["message"].startswith("AKV10000")
    challenge = f'Bearer authorization="{lab.url}/{TENANT_ID}", resource="https://vault.azure.net"'
    assert answer.headers["WWW-Authenticate"] == challenge


def test_tokens_for_something_else_are_refused(lab: Lab) -> None:
    graph = azure(lab, "GET", NAME, bearer=issue(lab.world, lab.application, GRAPH))
    assert "found: https://graph.microsoft.com." in graph.json()["error"]["message"]
    slash = issue(lab.world, lab.application, KEY_VAULT, audience="https://vault.azure.net/")
    assert "AKV10022: Invalid audience" in azure(lab, "GET", NAME, bearer=slash).json()["error"]["message"]
    assert azure(lab, "GET", NAME, bearer="x.y.z").status_code == 401
    old = issue(lab.world, lab.application, KEY_VAULT)
    lab.control("POST", "clock", {"advance": 3600})
    assert azure(lab, "GET", NAME, bearer=old).status_code == 401


def test_the_token_endpoint_issues_tokens_for_key_vault(lab: Lab) -> None:
    token = lab.sign_in(scope="https://vault.azure.net/.default").json()["access_token"]
    assert azure(lab, "PUT", NAME, {"value": "x"}, bearer=token).status_code == 200


@pytest.mark.parametrize(("role", "statuses"), [("user", [200, 403]), ("reader", [403, 403]), ("none", [403, 403])])
def test_roles_limit_what_an_application_may_do(lab: Lab, role: str, statuses: list[int]) -> None:
    put(lab)
    lab.control("POST", "switches", {"key_vault_access": {APP_ID: role}})
    answers = [azure(lab, "GET", NAME), azure(lab, "PUT", NAME, {"value": "x"})]
    assert [answer.status_code for answer in answers] == statuses
    assert azure(lab, "GET", "/secrets").status_code == (403 if role == "none" else 200)
    assert code(answers[1]) == (403, "Forbidden", "ForbiddenByRbac")
    assert "Microsoft.KeyVault/vaults/secrets/setSecret/action" in answers[1].json()["error"]["message"]


def test_an_application_is_named_by_its_name_too_and_others_have_no_access(lab: Lab) -> None:
    lab.control("POST", "switches", {"key_vault_access": {"ansible": "officer"}})
    put(lab)
    lab.control("POST", "switches", {"key_vault_access": {"another": "officer"}})
    assert azure(lab, "GET", NAME).status_code == 403


def test_the_name_of_a_deleted_secret_stays_taken(lab: Lab) -> None:
    put(lab)
    deleted = azure(lab, "DELETE", NAME).json()
    assert deleted["scheduledPurgeDate"] - deleted["deletedDate"] == 90 * 86_400
    assert code(azure(lab, "GET", NAME))[:2] == (404, "SecretNotFound")
    again = azure(lab, "PUT", NAME, {"value": "x"})
    assert code(again) == (409, "Conflict", "ObjectIsDeletedButRecoverable")
    assert azure(lab, "GET", f"/deleted{NAME[1:]}").json()["recoveryId"] == deleted["recoveryId"]
    assert azure(lab, "POST", f"/deleted{NAME[1:]}/recover").status_code == 200
    assert azure(lab, "GET", NAME).json()["value"] == "s3cret"
    azure(lab, "DELETE", NAME)
    lab.control("POST", "switches", {"key_vault_unpurgeable": True})
    assert code(azure(lab, "DELETE", f"/deleted{NAME[1:]}"))[0] == 403
    lab.control("POST", "switches", {"key_vault_unpurgeable": None})
    assert azure(lab, "DELETE", f"/deleted{NAME[1:]}").status_code == 204
    put(lab)


def test_a_deletion_may_take_a_while(lab: Lab) -> None:
    put(lab)
    lab.control("POST", "switches", {"key_vault_delete_seconds": 30})
    azure(lab, "DELETE", NAME)
    assert code(azure(lab, "PUT", NAME, {"value": "x"})) == (409, "Conflict", "ObjectIsBeingDeleted")
    assert azure(lab, "POST", f"/deleted{NAME[1:]}/recover").status_code == 404
    lab.control("POST", "clock", {"advance": 31})
    assert azure(lab, "POST", f"/deleted{NAME[1:]}/recover").status_code == 200


def test_what_is_malformed_is_a_bad_parameter(lab: Lab) -> None:
    wrong: list[dict[str, Any]] = [
        {},
        {"value": None},
        {"value": 1},
        {"value": "x" * 25_601},
        {"value": "x", "attributes": {"exp": "2030-01-01"}},
        {"value": "x", "tags": {"a": 1}},
        {"value": "x", "tags": {str(number): "" for number in range(16)}},
        {"value": "x", "contentType": 5},
    ]
    for content in wrong:
        assert code(azure(lab, "PUT", NAME, content))[:2] == (400, "BadParameter"), content
    assert code(azure(lab, "PUT", "/secrets/a_b", {"value": "x"}))[:2] == (400, "BadParameter")
    assert code(azure(lab, "GET", NAME, version=None))[:2] == (400, "BadParameter")
    assert code(azure(lab, "GET", NAME, version="1.0"))[:2] == (400, "BadParameter")
    assert lab.control("GET", "state?part=vaults")["azure"] == {"contoso": {}}


def test_there_can_be_several_vaults(lab: Lab) -> None:
    lab.control("POST", "switches", {"key_vaults": ["first", "second"]})
    assert (
        azure(lab, "PUT", "/second/secrets/x", {"value": "1"})
        .json()["id"]
        .startswith(f"{lab.world.key_vault_url}/second/secrets/x/")
    )
    assert azure(lab, "GET", "/secrets/x").status_code == 404
    assert azure(lab, "GET", "/third/secrets/x").status_code == 404


def test_throttling_is_a_fault_and_the_journal_knows_the_vault(lab: Lab) -> None:
    rule = {"match": {"service": "keyvault"}, "effect": {"kind": "status", "status": 429, "retry_after": 1}, "times": 1}
    lab.control("POST", "faults", [rule])
    answer = azure(lab, "PUT", NAME, {"value": "x"})
    assert code(answer)[:2] == (429, "Throttled")
    assert answer.headers["Retry-After"] == "1"
    (entry,) = [one for one in lab.control("GET", "requests") if one["service"] == "keyvault"]
    assert (entry["path"], entry["write"]) == (NAME, True)


def test_the_state_shows_everything_but_the_values(lab: Lab) -> None:
    made = put(lab, tags={"keyId": "abc"})
    shown = lab.control("GET", "state?part=vaults")
    assert "s3cret" not in str(shown)
    assert shown["azure"]["contoso"]["smtp-scanner"]["versions"][0]["tags"] == {"keyId": "abc"}
    version = made["id"].rpartition("/")[2]
    assert lab.control("GET", "vault-values")["azure"]["contoso"]["smtp-scanner"] == {version: "s3cret"}


# --- HashiCorp Vault


def vault(
    lab: Lab, method: str, path: str, content: Any = None, *, token: str | None = None, **headers: str
) -> requests.Response:
    """One request to Vault; C(token) None: the root token; empty: none."""
    sent = {"X-Vault-Token": lab.world.vault_token if token is None else token}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return lab.session.request(
        method,
        f"{lab.world.vault_url}/v1/{path}",
        json=content,
        headers={k: v for k, v in sent.items() if v},
        timeout=20,
    )


def write(lab: Lab, path: str = "secret/data/m365/scanner", cas: int | None = None, **data: str) -> requests.Response:
    options = {} if cas is None else {"options": {"cas": cas}}
    return vault(lab, "POST", path, {"data": data or {"client_secret": "s3cret"}, **options})


def errors(answer: requests.Response) -> tuple[int, list[str]]:
    return answer.status_code, answer.json()["errors"]


def approle(lab: Lab, secret: str | None = None) -> requests.Response:
    wanted = {"role_id": lab.world.vault_role_id, "secret_id": secret or lab.world.vault_secret_id}
    return vault(lab, "POST", "auth/approle/login", wanted, token="")


DATA, METADATA = "secret/data/m365/scanner", "secret/metadata/m365/scanner"


def test_an_entry_is_written_and_read(lab: Lab) -> None:
    made = write(lab).json()
    assert made["data"]["version"] == 1
    assert made["data"]["created_time"].endswith("Z")
    read = vault(lab, "GET", DATA).json()["data"]
    assert read == {"data": {"client_secret": "s3cret"}, "metadata": made["data"]}
    write(lab, client_secret="newer")
    assert vault(lab, "GET", DATA).json()["data"]["data"] == {"client_secret": "newer"}
    assert vault(lab, "GET", f"{DATA}?version=1").json()["data"]["data"] == {"client_secret": "s3cret"}


def test_check_and_set(lab: Lab) -> None:
    assert write(lab, cas=0).status_code == 200
    mismatch = (400, ["check-and-set parameter did not match the current version"])
    assert errors(write(lab, cas=0)) == mismatch
    assert write(lab, cas=1).status_code == 200
    vault(lab, "POST", METADATA, {"cas_required": True})
    assert errors(write(lab)) == (400, ["check-and-set parameter required for this call"])
    assert errors(vault(lab, "POST", DATA, {"options": {}})) == (400, ["no data provided"])


def test_what_is_not_there_is_404_without_an_error(lab: Lab) -> None:
    assert errors(vault(lab, "GET", DATA)) == (404, [])
    assert errors(vault(lab, "GET", METADATA)) == (404, [])
    assert errors(vault(lab, "LIST", "secret/metadata/m365")) == (404, [])
    assert errors(vault(lab, "GET", "kv/data/x"))[1][0].startswith("no handler for route")


def test_a_deleted_version_shows_its_metadata_and_comes_back(lab: Lab) -> None:
    write(lab)
    assert vault(lab, "DELETE", DATA).status_code == 204
    answer = vault(lab, "GET", DATA)
    assert answer.status_code == 404
    assert answer.json()["data"]["data"] is None
    assert answer.json()["data"]["metadata"]["deletion_time"]
    assert vault(lab, "POST", "secret/undelete/m365/scanner", {"versions": [1]}).status_code == 204
    assert vault(lab, "GET", DATA).status_code == 200
    vault(lab, "PUT", "secret/destroy/m365/scanner", {"versions": [1]})
    assert vault(lab, "GET", DATA).json()["data"]["metadata"]["destroyed"] is True


def test_metadata_can_be_written_listed_and_deleted(lab: Lab) -> None:
    custom = {"key_id": "abc", "end": "2027-01-01"}
    assert vault(lab, "POST", METADATA, {"custom_metadata": custom, "max_versions": 2}).status_code == 204
    for _unused in range(3):
        write(lab)
    shown = vault(lab, "GET", METADATA).json()["data"]
    assert (shown["custom_metadata"], shown["current_version"], list(shown["versions"])) == (custom, 3, ["2", "3"])
    assert vault(lab, "GET", DATA).json()["data"]["metadata"]["custom_metadata"] == custom
    write(lab, "secret/data/top")
    assert vault(lab, "LIST", "secret/metadata").json()["data"]["keys"] == ["m365/", "top"]
    assert vault(lab, "GET", "secret/metadata/m365?list=true").json()["data"]["keys"] == ["scanner"]
    assert vault(lab, "DELETE", METADATA).status_code == 204
    assert vault(lab, "GET", METADATA).status_code == 404
    many = {str(number): "x" for number in range(65)}
    assert errors(vault(lab, "POST", METADATA, {"custom_metadata": many}))[0] == 400
    assert errors(vault(lab, "POST", METADATA, {"custom_metadata": {"a": 1}}))[0] == 400


def test_versions_end_by_themselves(lab: Lab) -> None:
    vault(lab, "POST", METADATA, {"delete_version_after": "1h30m"})
    write(lab)
    assert vault(lab, "GET", DATA).status_code == 200
    lab.control("POST", "clock", {"advance": 5401})
    assert vault(lab, "GET", DATA).status_code == 404


def test_tokens_are_needed_and_checked(lab: Lab) -> None:
    assert errors(vault(lab, "GET", DATA, token="")) == (403, ["permission denied"])
    refused = errors(vault(lab, "GET", DATA, token="hvs.wrong"))
    assert refused == (403, ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"])
    write(lab)
    assert vault(lab, "GET", DATA, token="", Authorization=f"Bearer {lab.world.vault_token}").status_code == 200


def test_approle_gives_a_token_for_a_part_and_an_hour(lab: Lab) -> None:
    auth = approle(lab).json()["auth"]
    token = auth["client_token"]
    assert (auth["lease_duration"], auth["token_type"]) == (3600, "service")
    assert vault(lab, "POST", DATA, {"data": {"a": "b"}}, token=token).status_code == 200
    assert vault(lab, "GET", "auth/token/lookup-self", token=token).json()["data"]["ttl"] <= 3600
    assert vault(lab, "LIST", "secret/metadata/m365", token=token).json()["data"]["keys"] == ["scanner"]
    assert errors(vault(lab, "LIST", "secret/metadata", token=token))[0] == 403
    assert errors(vault(lab, "GET", "secret/data/other/x", token=token))[0] == 403
    lab.control("POST", "clock", {"advance": 3601})
    assert errors(vault(lab, "GET", DATA, token=token))[0] == 403
    assert errors(approle(lab, "wrong")) == (400, ["invalid role or secret ID"])
    assert token not in str(lab.control("GET", "state"))


def test_a_policy_distinguishes_create_and_update(lab: Lab) -> None:
    lab.control(
        "POST", "switches", {"vault_policy": [{"path": "secret/data/+/s*", "capabilities": ["create", "read"]}]}
    )
    token = approle(lab).json()["auth"]["client_token"]
    assert vault(lab, "POST", DATA, {"data": {"a": "b"}}, token=token).status_code == 200
    assert vault(lab, "POST", DATA, {"data": {"a": "c"}}, token=token).status_code == 403


def test_namespaces_sealing_size_and_methods(lab: Lab) -> None:
    lab.control("POST", "switches", {"vault_namespace": "contoso", "vault_max_request_bytes": 100})
    assert errors(vault(lab, "GET", DATA))[0] == 403
    assert errors(vault(lab, "GET", DATA, X_Vault_Namespace="contoso/")) == (404, [])
    big = {"data": {"a": "x" * 100}}
    assert errors(vault(lab, "POST", DATA, big, X_Vault_Namespace="contoso"))[0] == 413
    assert errors(vault(lab, "PATCH", DATA, {}, X_Vault_Namespace="contoso"))[0] == 405
    lab.control("POST", "switches", {"vault_sealed": True})
    assert errors(vault(lab, "GET", DATA)) == (503, ["Vault is sealed"])
    assert vault(lab, "GET", "sys/health", token="").status_code == 503


def test_faults_and_journal_know_vault(lab: Lab) -> None:
    lab.control("POST", "faults", [{"match": {"service": "vault"}, "effect": {"kind": "status", "status": 500}}])
    assert errors(write(lab))[0] == 500
    (entry,) = [one for one in lab.control("GET", "requests") if one["service"] == "vault"]
    assert (entry["method"], entry["path"], entry["write"]) == ("POST", f"/v1/{DATA}", True)


def test_the_state_shows_entries_without_their_data(lab: Lab) -> None:
    write(lab)
    shown = lab.control("GET", "state?part=vaults")["hashicorp"]["secret"]["m365/scanner"]
    assert (shown["current"], "s3cret" in str(shown)) == (1, False)
    assert lab.control("GET", "vault-values")["hashicorp"]["secret"]["m365/scanner"] == {
        "1": {"client_secret": "s3cret"}
    }
