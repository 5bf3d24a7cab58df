# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applications: options that cannot be, places that cannot keep a secret, wrong clocks, and two runs at one moment."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from contract_cases_applications import WAREHOUSE, application
from contract_cases_secrets import by_hand, in_use, kept, ours, place, policy, wanted
from contract_ground import Ground
from contract_refusals import refusal
from contract_runners import ModuleHost, in_controller
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
from ansible_collections.m365.hybrid.plugins.module_utils.domain import redirects
from lab.graph.application_rules import _is_redirect

OWN = {"application": "contoso-lager"}
CHECKS = {
    "web": redirects.checked_web,
    "spa": redirects.checked_single_page,
    "publicClient": redirects.checked_public_client,
}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of our own choice are short."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.05)


# Options that are wrong in themselves

LONG_URI = "https://lager.contoso.example/" + "a" * 227
OPTIONS = [
    ("entra_app_registration", {"delegated_permissions": {"add": ["Mail.Send"]}}, "'Mail.Send' is no permission", "API/permission"),
    ("entra_app_registration", {"delegated_permissions": {"set": [], "add": []}}, "mutually exclusive"),
    ("entra_app_registration", {"delegated_permissions": ["Microsoft Graph/Mail.Send"]}, "delegated_permissions"),
    ("entra_app_registration", {"sign_in_audience": "AzureADMyOrg"}, "value of sign_in_audience must be one of"),
    ("entra_app_registration", {"app_roles": [{"value": "zwei Worte"}]}, "'zwei Worte' is no value of a role or scope"),
    ("entra_app_registration", {"app_roles": [{"value": ""}]}, "is no value of a role or scope"),
    ("entra_app_registration", {"app_roles": [{}]}, "missing required arguments: value", "app_roles"),
    ("entra_app_registration", {"app_roles": ["Leser"]}, "dictionary requested"),
    ("entra_app_registration", {"app_roles": [{"value": "a", "allowed": ["everybody"]}]}, "allowed", "users, applications"),
    ("entra_app_registration", {"app_roles": [{"value": "a", "enabled": "vielleicht"}]}, "enabled"),
    ("entra_app_registration", {"app_roles": [{"value": "a", "Enabled": True}]}, "Unsupported parameters", "app_roles"),
    ("entra_app_registration", {"scopes": [{"value": "a" * 121}]}, "1 to 120 characters"),
    ("entra_app_registration", {"scopes": [{"value": "a", "consent_by": "all"}]}, "consent_by"),
    ("entra_app_registration", {"scopes": {"value": "a"}}, "scopes"),
    ("entra_app_registration", {"application": " "}, "application"),
    ("entra_app_consent", {"user": "x@contoso.example", "application_permissions": {"set": []}}, "mutually exclusive"),
    ("entra_app_secret", {"sink": {}}, "one of the following is required: file"),
    ("entra_app_secret", {"sink": {"file": {"path": "/a"}, "command": {"argv": ["a"], "record": "/b"}}}, "mutually exclusive"),
    ("entra_app_secret", {}, "missing required arguments: sink"),
    ("entra_app_secret", {"sink": {"file": {"path": "/a"}}, "lifetime": -1}, "lifetime: -1 is no number of days"),
    ("entra_app_secret", {"sink": {"file": {"path": "/a"}}, "grace": 99999}, "grace: 99999 is no number of days"),
    ("entra_app_secret", {"sink": {"file": {"path": "/a"}}, "name": "a [b]"}, "name: 'a [b]' is no name"),
    ("entra_app_secret", {"sink": {"file": {"path": "/a"}}, "name": "a" * 81}, "at most 80 characters"),
    ("entra_app_secret", {"sink": {"hashicorp_vault": {"url": "https://v.example", "path": "a"}}}, "token, role_id"),
]  # fmt: skip
REDIRECTS = [
    ("http://lager.contoso.example/", "has to begin with https://"),
    ("https://*.contoso.example/", "a wildcard"),
    ("https://lager.contoso.example/a#b", "a fragment"),
    ("https://lager.contoso.example/mail settings", "%20"),
    ("https://lager.contoso.example/a,b", "does not take"),
    ("lager.contoso.example", "no absolute URI"),
    ("https:///lager", "names no host"),
    (LONG_URI, "it has 257 characters; 256 is the maximum"),
]


@pytest.mark.parametrize(("module", "wish", "said"), [(row[0], row[1], row[2:]) for row in OPTIONS])
def test_an_option_that_is_wrong_in_itself(
    ground: Ground, host: ModuleHost, module: str, wish: dict[str, Any], said: tuple[str, ...]
) -> None:
    refusal(ground, module, {**OWN, **wish}, *said, host=host, asked=False)


@pytest.mark.parametrize("option", ["web_redirect_uris", "single_page_redirect_uris", "public_client_redirect_uris"])
@pytest.mark.parametrize(("uri", "said"), REDIRECTS)
def test_a_redirect_uri_that_the_service_would_refuse(ground: Ground, option: str, uri: str, said: str) -> None:
    refusal(ground, "entra_app_registration", {**OWN, option: {"add": [uri]}}, option, said, asked=False)


uris = st.from_regex(r"(https?|urn|contoso)://[a-z.*:0-9\[\]@]{0,20}(/[!-~]{0,20})?", fullmatch=True) | st.text(
    max_size=30
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(uri=uris, platform=st.sampled_from(sorted(CHECKS)))
def test_what_passes_here_is_taken_there(uri: str, platform: str) -> None:
    """The tenant's own rules judge what ours let through. A star in a path is left to the service."""
    try:
        CHECKS[platform](uri)
    except ValueError:
        return
    assert "*" in uri or _is_redirect(uri, platform, personal=False)


# What the tenant does not have

UNKNOWN = [
    ("entra_app_registration", {"owners": {"add": ["niemand@contoso.example"]}}, "no user and no enterprise application"),
    ("entra_app_registration", {"delegated_permissions": {"add": ["Doppelt/lesen"]}}, "2 enterprise applications are called Doppelt"),
    ("entra_app_registration", {"application_permissions": {"set": ["Office 365 Exchange/Mail.Send"]}}, "There is no API"),
    ("entra_app_registration", {"application_permissions": {"add": ["Microsoft Graph/Calendar.ReadWrite"]}},
     "did you mean Calendars.ReadWrite"),
    ("entra_app_registration", {"application": "Doppelt", "state": "absent"}, "2 applications are called Doppelt"),
    ("entra_app_registration", {"app_roles": [{"value": "Eins"}, {"value": "eins"}]}, "eins is there twice"),
    ("entra_app_registration", {"app_roles": [{"value": "lager.API"}]}, "lager.api is there twice"),
    ("entra_app_consent", {"delegated_permissions": {"add": ["Microsoft Graph/Mail.Sent"]}}, "did you mean Mail.Send"),
    ("entra_app_consent", {"application_permissions": {"add": ["Doppelt/lesen"]}}, "2 enterprise applications are called Doppelt"),
    ("entra_app_consent", {"application": "Doppelt", "delegated_permissions": {"set": []}}, "2 enterprise applications are called"),
    ("entra_app_assignment", {"role": "Lager.Leiten"}, "offers no role Lager.Leiten", "Lager.Alt, Lager.Lesen"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "wish", "said"), [(row[0], row[1], row[2:]) for row in UNKNOWN])
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_the_tenant_does_not_have(
    ground: Ground, module: str, wish: dict[str, Any], said: tuple[str, ...], check_mode: bool
) -> None:
    if check_mode:
        result = in_controller(module, {**ground.cloud(), **OWN, **wish}, True)
        assert all(words in result["msg"] for words in said), result["msg"]
    else:
        refusal(ground, module, {**OWN, **wish}, *said)


# Places that cannot keep a secret


@pytest.fixture
def read_only_folder(ground: Ground) -> Iterator[Path]:
    """A folder into which nothing can be written."""
    folder = ground.sinks / "fest"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


def unchanged(ground: Ground) -> None:
    """No secret is left of what failed."""
    assert ours(ground) == []
    assert len(by_hand(ground)) == 1


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{sinks}/nirgends/lager.yml", "No such file or directory"),
        ("{sinks}", "{sinks}"),
        ("/dev/full", "/dev/full"),
    ],
)
def test_a_file_that_cannot_be_is_known_before_a_secret_is_made(
    ground: Ground, path: str, said: str, check_mode: bool
) -> None:
    sink = {"file": {"path": path.format(sinks=ground.sinks)}}
    ground.world.journal.clear()
    result = in_controller("entra_app_secret", {**ground.cloud(), **wanted(ground), "sink": sink}, check_mode)
    assert result.get("failed"), result
    assert said.format(sinks=ground.sinks) in result["msg"]
    assert ground.writes() == []
    unchanged(ground)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_folder_that_is_read_only(ground: Ground, read_only_folder: Path, check_mode: bool) -> None:
    sink = {"file": {"path": str(read_only_folder / "lager.yml")}}
    result = in_controller("entra_app_secret", {**ground.cloud(), **wanted(ground), "sink": sink}, check_mode)
    assert "Permission denied" in result["msg"]
    assert ground.writes() == []


def test_a_disk_that_is_full_when_the_value_comes(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret that could not be kept is removed again, and the next run makes another one."""
    from ansible_collections.m365.hybrid.plugins.module_utils.clients import sink_file
    from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError

    written = sink_file.FileSink.write

    def full(self: Any, record: Any) -> None:
        if record.next and record.next.value:
            raise ServiceError("The file cannot be written: No space left on device.")
        written(self, record)

    monkeypatch.setattr(sink_file.FileSink, "write", full)
    result = in_controller("entra_app_secret", {**ground.cloud(), **wanted(ground)})
    assert "No space left on device. The new secret was removed again; the old one is untouched." in result["msg"]
    unchanged(ground)
    monkeypatch.undo()
    result = in_controller("entra_app_secret", {**ground.cloud(), **wanted(ground)})
    assert result["changed"] is True, result
    in_use()(ground)


@pytest.mark.parametrize(
    "sink",
    [
        {"hashicorp_vault": {"url": "https://127.0.0.1:1", "path": "a", "token": "x"}},
        {"azure_key_vault": {"vault": "https://127.0.0.1:1", "name": "a"}},
    ],
    ids=["hashicorp_vault", "azure_key_vault"],
)
def test_a_vault_that_cannot_be_reached(ground: Ground, sink: dict[str, Any]) -> None:
    result = refusal(ground, "entra_app_secret", wanted(ground, sink=sink))
    assert "127.0.0.1" in result["msg"]
    unchanged(ground)


# Policies, clocks and other runs


def test_a_lifetime_over_the_policy_that_cannot_be_read_is_refused_by_the_service(ground: Ground) -> None:
    from lab.tokens import GRAPH

    policy(60)(ground)
    ground.application.app_roles[GRAPH].remove("Policy.Read.All")
    result = in_controller("entra_app_secret", {**ground.cloud(), **wanted(ground)})
    assert "limits the secrets of applications" in result["msg"]
    assert "Choose a shorter lifetime" in result["msg"]
    assert result["error"]["code"] == "CredentialInvalidLifetimeAsPerAppPolicy"
    unchanged(ground)
    result = in_controller("entra_app_secret", {**ground.cloud(), **wanted(ground, lifetime=50)})
    assert result["changed"] is True, result
    in_use(days=50)(ground)


@pytest.mark.parametrize("wrong", [-400 * 86400, -3600, 3600, 400 * 86400])
def test_a_clock_of_this_machine_that_is_wrong(ground: Ground, monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    """The service's time counts: the secret lives as long as it should, and is not renewed too early or too late."""
    real = time.time
    options = {**ground.cloud(), **wanted(ground)}
    monkeypatch.setattr(retry, "time", _Shifted(wrong), raising=True)
    assert in_controller("entra_app_secret", options)["changed"] is True
    assert real() - time.time() < 1
    in_use()(ground)
    assert in_controller("entra_app_secret", options)["changed"] is False


class _Shifted:
    """The module time, of a machine whose clock is wrong by some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def time(self) -> float:
        """The time of day, wrong."""
        return time.time() + self._seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def test_two_runs_at_the_same_moment_make_one_secret(ground: Ground, host: ModuleHost) -> None:
    ground.world.latency = 0.05
    options = {**ground.cloud(), **wanted(ground)}
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run, "entra_app_secret", options) for run in (in_controller, host)]
        results = [run.result() for run in runs]
    ground.world.latency = 0
    said = [result.get("msg", "") for result in results]
    assert sum(result["changed"] for result in results) == 1, said
    refused = [text for text in said if text]
    assert all("is working on" in text for text in refused)
    in_use()(ground)
    assert in_controller("entra_app_secret", options)["changed"] is False


@pytest.mark.parametrize(
    ("module", "wish"),
    [
        ("entra_app_registration", {"web_redirect_uris": {"set": ["https://neu.contoso.example"]}}),
        ("entra_app_registration", {"application": "contoso-neu"}),
        ("entra_app_consent", {"delegated_permissions": {"add": ["Office 365 Exchange Online/SMTP.Send"]}}),
        ("entra_app_assignment", {"role": "Lager.Lesen", "users": {"add": ["anna.schaefer@contoso.example"]}}),
    ],
    ids=["changed", "new", "consent", "assignment"],
)
def test_two_runs_at_the_same_moment_come_to_the_same_end(
    ground: Ground, host: ModuleHost, module: str, wish: dict[str, Any]
) -> None:
    ground.world.latency = 0.05
    options = {**ground.cloud(), **OWN, **wish, "wait_timeout": 20}
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run, module, options) for run in (in_controller, host)]
        results = [run.result() for run in runs]
    ground.world.latency = 0
    assert any(result["changed"] for result in results), results
    again = in_controller(module, options)
    assert again["changed"] is False, again.get("msg")
    assert len([one for one in ground.tenant.applications.values() if one.unique_name == "contoso-neu"]) <= 1


def test_a_task_that_is_tried_again_does_not_meet_its_own_lock(ground: Ground) -> None:
    ground.fault("status", status=403, match={"path": "/addPassword"})
    options = {**ground.cloud(), **wanted(ground)}
    assert in_controller("entra_app_secret", options).get("failed")
    result = in_controller("entra_app_secret", options)
    assert result["changed"] is True, result
    in_use()(ground)


def test_a_file_that_others_could_read_is_closed(ground: Ground) -> None:
    path = Path(place(ground)["file"]["path"])
    path.write_text("server: lager.contoso.example\n")
    path.chmod(0o644)
    assert in_controller("entra_app_secret", {**ground.cloud(), **wanted(ground)})["changed"] is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept(ground)["client_secret_application"] == WAREHOUSE == application(ground).app_id
