# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that nobody would give, through to the services: long, in any script, or with signs that mean something there."""

from __future__ import annotations

from typing import Any

import pytest
from contract_cases import connection_options
from contract_ground import ONE, TWO, Ground
from contract_refusals import refusal
from contract_runners import ModuleHost, in_controller, module_names
from test_contract_rows import imported

NAMES = {
    "long": "a" * 5000,
    "long address": "a" * 5000 + "@contoso.example",
    "combining": "mu\u0308ller@contoso.example",
    "emoji": "😀@contoso.example",
    "right to left": "\u202eofni@contoso.example",
    "hebrew": "מידע@contoso.example",
    "NUL": "info\0@contoso.example",
    "newline": "info@contoso.example\n",
    "tab": "in\tfo@contoso.example",
    "lone surrogate": "in\ud800fo@contoso.example",
    "filter": "*)(objectClass=*",
    "wildcard": "*",
    "OData": "x' or '1'='1",
    "path": "../organization",
    "sub-path": "info@contoso.example/manager",
    "query": "info@contoso.example?$select=id",
    "fragment": "info@contoso.example#x",
    "percent": "info%40contoso.example",
    "DN": f"CN=x,{ONE}",
    "broken DN": "CN=x\\,,OU=",
    "template": "{{ 7 * 7 }}",
    "shell": "$(id)`id`;id",
}
# For each module what is asked for beside the name, so that every one would have to change something, if it can.
WISHES: dict[str, tuple[str, dict[str, Any]]] = {
    "ad_proxyaddress": ("user", {"primary": "neu@contoso.example"}),
    "ad_user": ("user", {"display_name": "Neu"}),
    "ad_user_info": ("user", {}),
    "directory_sync": ("user", {"wait_timeout": 0}),
    "entra_app_assignment": ("application", {"users": {"set": []}}),
    "entra_app_consent": ("application", {"delegated_permissions": {"set": []}}),
    "entra_app_info": ("application", {}),
    "entra_app_registration": ("application", {"state": "absent"}),
    "entra_app_secret": ("application", {"sink": {"file": {"path": "{sinks}/geheimnis.yml"}}}),
    "entra_conditional_access_policy": ("policy", {"state": "absent"}),
    "entra_group": ("group", {"state": "absent"}),
    "entra_license": ("user", {"usage_location": "AT"}),
    "entra_named_location": ("location", {"state": "absent"}),
    "entra_user": ("user", {"sink": {"file": {"path": "{sinks}/kennwort.yml"}}}),
    "entra_user_info": ("user", {}),
    "mailbox_info": ("mailbox", {}),
    "mailbox_onboarding_info": ("mailbox", {}),
    "mailbox_permission": ("mailbox", {"full_access": {"add": ["anna.schaefer@contoso.example"]}}),
    "mailbox_permission_info": ("mailbox", {}),
    "mailbox_type": ("mailbox", {"type": "room"}),
    "exchange_service_principal": ("application", {"mailboxes": {"add": ["info@contoso.example"]}}),
    "exchange_settings": ("identity", {"object": "CASMailbox", "settings": {"ImapEnabled": False}}),
    "mail_check": ("mailbox", {}),
    "smime_certificate_check": ("source", {}),
    "smtp_auth": ("mailbox", {"smtp_auth": "enabled"}),
    "smtp_auth_info": ("mailbox", {}),
}


def test_every_module_is_tried() -> None:
    # Where a tenant has one object of the kind, there is no name for it.
    assert sorted(WISHES) == [name for name in module_names() if imported(name).RESOURCE.names]


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("module", WISHES)
def test_an_impossible_name_finds_nothing_and_changes_nothing(
    ground: Ground, host: ModuleHost, module: str, kind: str
) -> None:
    option, more = WISHES[module]
    wish = {option: NAMES[kind], **more}
    if "sink" in wish:
        wish["sink"] = {"file": {"path": wish["sink"]["file"]["path"].format(sinks=ground.sinks)}}
    if module.endswith("_info") or module == "directory_sync" or wish.get("state") == "absent":
        options = {**connection_options(ground, imported(module)), **wish}
        before = (ground.cloud_state(), ground.directory_state())
        result = in_controller(module, options)
        assert (ground.cloud_state(), ground.directory_state()) == before
        if not result.get("failed"):
            assert result["resource"] is None, result["resource"]
            return
    refusal(ground, module, wish)


@pytest.mark.parametrize(
    "name", ["Jürgen Groß", "😀 Ärger", "مكتب", "\u202eredro", "mu\u0308ller", "a" * 64, "{{ 7 * 7 }}", "a/b\\c"]
)
def test_texts_of_any_script_are_kept_to_the_letter(ground: Ground, host: ModuleHost, name: str) -> None:
    wish = {
        "user": "neu@contoso.example",
        "ou": ONE,
        "name": name,
        "display_name": name,
        "attributes": {"department": [name[:64]]},
    }
    options = {**ground.directory(), **wish}
    assert host("ad_user", options).get("msg") is None
    account = ground.account("neu@contoso.example")
    assert account is not None
    assert (account["cn"], account["displayName"], account["department"]) == ([name], [name], [name[:64]])
    assert in_controller("ad_user", options)["changed"] is False
    moved = in_controller("ad_user", {**options, "ou": TWO})
    assert moved["changed"] is True, moved["msg"]
    assert in_controller("ad_user", {**options, "ou": TWO})["changed"] is False


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"name": "a" * 65}, "name: it has 65 characters; 64 is the maximum"),
        ({"name": "a" * 5000}, ""),
        ({"display_name": "a" * 257}, "256 is the maximum"),
        ({"surname": "a" * 5000}, "64 is the maximum"),
        ({"name": ""}, "name: it is empty"),
        ({"name": "a\0b"}, "name: it holds a NUL character"),
        ({"display_name": "a\0b"}, "display_name: it holds a NUL character"),
        ({"attributes": {"info": "a\0b"}}, "attributes: it holds a NUL character"),
        ({"attributes": {"info": ["a", "b\ud800"]}}, "bytes that are no text"),
        ({"attributes": {"SN": "x"}}, "SN is set with the option surname"),
        ({"attributes": {"gibtEsNicht": "1"}}, "schema"),
        ({"attributes": {"": "1"}}, ""),
        ({"attributes": {"department;lang-de": "1"}}, ""),
        ({"attributes": {"department)(x=": "1"}}, ""),
        ({"attributes": {"telephoneNumber": ["1", "2"]}}, "specified more than once"),
        ({"attributes": {"objectSid": "x"}}, ""),
        ({"mail": "a" * 5000 + "@contoso.example"}, ""),
        ({"user_principal_name": "lager@contoso.example"}, "already"),
    ],
)
def test_values_that_the_directory_cannot_take(ground: Ground, wish: dict[str, Any], said: str) -> None:
    ground.add_account("anna", {"department": "IT"})
    refusal(ground, "ad_user", {"user": "anna", **wish}, said, tried=True)
    refusal(ground, "ad_user", {"user": "neu@contoso.example", "ou": TWO, **wish}, tried=True)


@pytest.mark.parametrize(
    ("module", "wish", "said"),
    [
        ("entra_user", {"display_name": "a" * 257}, "display_name: it has 257 characters; 256 is the maximum"),
        ("entra_user", {"given_name": "a" * 65}, "64 is the maximum"),
        ("entra_user", {"surname": "a" * 5000}, "64 is the maximum"),
        ("entra_user", {"department": "a" * 65}, "64 is the maximum"),
        ("entra_user", {"job_title": "a" * 129}, "128 is the maximum"),
        ("entra_user", {"mail_nickname": "a" * 65}, "64 is the maximum"),
        ("entra_user", {"mail_nickname": "mu\u0308ller"}, "is no mail nickname"),
        ("entra_user", {"mail_nickname": "neu@contoso.example"}, "is no mail nickname"),
        ("entra_user", {"mail_nickname": ""}, "is no mail nickname"),
        ("entra_user", {"mail_nickname": ".neu"}, "is no mail nickname"),
        ("entra_user", {"display_name": ""}, "display_name: it is empty"),
        ("entra_user", {"display_name": "a\0b"}, "display_name: it holds a NUL character"),
        ("entra_group", {"display_name": "a" * 257}, "display_name: it has 257 characters; 256 is the maximum"),
        ("entra_group", {"display_name": " "}, "display_name: it is empty"),
        ("entra_group", {"mail_nickname": "a" * 65}, "64 is the maximum"),
        ("entra_group", {"mail_nickname": "die neuen"}, "is no mail nickname"),
        ("entra_group", {"mail_nickname": "\U0001f600"}, "is no mail nickname"),
    ],
)
@pytest.mark.parametrize("name", ["anna.schaefer@contoso.example", "neu@contoso.example"])
def test_values_that_graph_cannot_take(ground: Ground, module: str, wish: dict[str, Any], said: str, name: str) -> None:
    option = module.removeprefix("entra_")
    more = {"sink": {"file": {"path": str(ground.sinks / "kennwort.yml")}}} if option == "user" else {}
    refusal(ground, module, {option: name, **more, **wish}, said, asked=False)


@pytest.mark.parametrize(
    "name",
    [
        "a" * 65 + "@contoso.example",
        "neu@" + "a" * 41 + ".example",
        "müller@contoso.example",
        "zwei neue@contoso.example",
        "neu.@contoso.example",
        "neu@",
        "@contoso.example",
        "neu@contoso@contoso.example",
    ],
)
def test_no_user_is_made_with_a_name_that_graph_refuses(ground: Ground, name: str) -> None:
    path = ground.sinks / "kennwort.yml"
    refusal(ground, "entra_user", {"user": name, "sink": {"file": {"path": str(path)}}}, "is no user principal name")
    assert not path.exists()


@pytest.mark.parametrize("more", [{}, {"display_name": "Die Neuen"}])
def test_no_group_is_made_with_a_name_that_is_too_long(ground: Ground, more: dict[str, Any]) -> None:
    refusal(ground, "entra_group", {"group": "a" * 257, **more}, "at most 256 characters, and this one has 257")


def test_a_star_in_an_address_is_no_wildcard(ground: Ground) -> None:
    ground.add_account("anna")
    options = {**ground.cloud(), **ground.directory(), "user": "anna", "primary": "*@contoso.example"}
    result = in_controller("ad_proxyaddress", options)
    assert not result.get("failed"), result["msg"]
    assert ground.account("anna")["proxyAddresses"] == ["SMTP:*@contoso.example"]
