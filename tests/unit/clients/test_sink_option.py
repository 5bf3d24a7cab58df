# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option C(sink): what Ansible makes of it, and that it is documented as it is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.m365.hybrid.plugins.module_utils.clients.sinks import SINK
from ansible_collections.m365.hybrid.plugins.module_utils.core.secrecy import secrets
from ansible_collections.m365.hybrid.plugins.modules import entra_app_secret, entra_user, mail_check

VAULT = {"url": "https://vault.contoso.example", "path": "mailer"}


def validated(sink: dict[str, Any]) -> Any:
    return ArgumentSpecValidator({"sink": SINK}).validate({"sink": sink})


@pytest.mark.parametrize(
    ("sink", "said"),
    [
        ({}, "one of the following is required"),
        ({"file": {"path": "a"}, "command": {"argv": ["true"], "record": "b"}}, "mutually exclusive"),
        ({"file": {}}, "path"),
        ({"azure_key_vault": {"vault": "https://contoso.vault.azure.net"}}, "name"),
        ({"hashicorp_vault": VAULT}, "token, role_id"),
        ({"hashicorp_vault": {**VAULT, "token": "t", "secret_id": "s"}}, "role_id"),
        ({"command": {"argv": ["true"]}}, "record"),
        ({"files": {"path": "a"}}, "files"),
    ],
)
def test_a_sink_that_says_too_much_or_too_little(
    sink: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    assert said in " ".join(validated(sink).error_messages)


def test_address_and_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "the~token")
    monkeypatch.setenv("VAULT_ADDR", "https://vault.contoso.example")
    outcome = validated({"hashicorp_vault": {"path": "mailer"}})
    assert outcome.error_messages == []
    assert outcome.validated_parameters["sink"]["hashicorp_vault"]["token"] == "the~token"
    assert outcome.validated_parameters["sink"]["hashicorp_vault"]["url"] == "https://vault.contoso.example"
    assert "the~token" in outcome._no_log_values


def test_what_signs_in_is_masked() -> None:
    sink = {"hashicorp_vault": {**VAULT, "token": "the~token", "role_id": "role", "secret_id": "the~id"}}
    assert secrets({"sink": SINK}, {"sink": sink}) == {"the~token", "the~id"}


def same(documented: dict[str, Any], spec: dict[str, Any]) -> None:
    """Whether an option is documented with the words of its spec."""
    for word in ("type", "elements", "default", "required"):
        assert documented.get(word) == spec.get(word)
    parts, options = documented.get("suboptions", {}), spec.get("options", {})
    assert list(parts) == list(options)
    for name in parts:
        same(parts[name], options[name])


def documented(module: Any) -> dict[str, Any]:
    """What a module says of the option, beside its entries and in them alike."""
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert options["aggregate"]["suboptions"]["sink"] == options["sink"]
    found: dict[str, Any] = options["sink"]
    return found


# YAML's anchors do not reach into a documentation fragment, so each module that has the option in its entries says it.
def test_the_documentation_says_what_the_option_takes() -> None:
    same(documented(entra_app_secret), SINK)
    for module in (entra_user, mail_check):
        assert documented(module)["suboptions"] == documented(entra_app_secret)["suboptions"]
