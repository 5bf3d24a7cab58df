# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that are wrong in themselves are refused before the first request, in both ways alike."""

from __future__ import annotations

from typing import Any

import pytest
from contract_ground import ONE, Ground
from contract_refusals import PASSWORD, refusal
from contract_runners import ModuleHost

LONG = "a" * 5000
MAILBOX = {"mailbox": "info@contoso.example", "type": "room"}
NEW = {"user": "neu@contoso.example", "ou": ONE, "password": PASSWORD}
ANNA: dict[str, Any] = {"user": "anna"}
USER: dict[str, Any] = {"user": "vertrieb@contoso.example"}
SENDER = {"application": "Versender"}
INFO = {"mailbox": "info@contoso.example"}

FORWARDING = {"object": "RemoteDomain", "identity": "Default", "settings": {"AutoForwardEnabled": False}}
ORGANIZATION = {"object": "OrganizationConfig"}

UNKNOWN = [
    ("mailbox_type", {**MAILBOX, "mailbx": 1}, "Unsupported parameters for (m365.hybrid.mailbox_type) module: mailbx."),
    ("mailbox_type", {"type": "room", "aggregate": [{"mailbox": "a@contoso.example"}, {"malbox": "b"}]},
     "aggregate entry 2: ", "Unsupported parameters: malbox"),
    ("mailbox_type", {**MAILBOX, "state": "absent"}, "Unsupported parameters", "state"),
    ("mailbox_type", {**MAILBOX, "endpoints": {"grap": "https://x.example"}}, "Unsupported parameters", "endpoints.grap"),
    ("ad_proxyaddress", {**ANNA, "aliases": {"ad": ["x@contoso.example"]}}, "Unsupported parameters", "aliases.ad"),
    ("ad_user", {**NEW, "Password": "Anders-Geheimnis-2!"}, "Unsupported parameters", "Password"),
    ("entra_license", {**USER, "license": {"add": ["SPE_E3"]}}, "Unsupported parameters", "license"),
]  # fmt: skip
TYPES = [
    ("mailbox_type", {**MAILBOX, "type": "User"}, "value of type must be one of: user, shared, room, equipment, got: User"),
    ("mailbox_type", {**MAILBOX, "type": ["room"]}, "value of type must be one of", "['room']"),
    ("mailbox_type", {**MAILBOX, "require_license": "vielleicht"}, "require_license", "vielleicht"),
    ("mailbox_type", {**MAILBOX, "concurrency": "viele"}, "concurrency", "viele"),
    ("mailbox_type", {**MAILBOX, "wait_timeout": "bald"}, "wait_timeout"),
    ("mailbox_type", {**MAILBOX, "wait_timeout": "nan"}, "wait_timeout"),
    ("mailbox_type", {**MAILBOX, "wait_timeout": -1}, "wait_timeout"),
    ("mailbox_type", {**MAILBOX, "request_timeout": "nan"}, "request_timeout"),
    ("mailbox_type", {**MAILBOX, "request_timeout": 0}, "request_timeout"),
    ("mailbox_type", {**MAILBOX, "request_timeout": -5}, "request_timeout"),
    ("ad_user_info", {**ANNA, "directory_timeout": 0}, "directory_timeout"),
    ("ad_user_info", {**ANNA, "directory_timeout": "inf"}, "directory_timeout"),
    ("mailbox_type", {**MAILBOX, "aggregate": {"mailbox": "x"}}, "aggregate: a list of entries is needed"),
    ("mailbox_type", {"aggregate": "a@contoso.example"}, "aggregate: a list of entries is needed"),
    ("mailbox_type", {"aggregate": [None]}, "aggregate entry 1: a mapping of options is needed"),
    ("mailbox_type", {"aggregate": [["a"]]}, "aggregate entry 1: a mapping of options is needed"),
    ("mailbox_type", {"aggregate": [MAILBOX, 7]}, "aggregate entry 2: a mapping of options is needed"),
    ("mailbox_type", {"aggregate": [MAILBOX, {**MAILBOX, "mailbox": "INFO@contoso.example"}]},
     "aggregate entries 1 and 2 name the same mailbox (info@contoso.example)"),
    ("mailbox_type", {"type": "room"}, "missing required arguments: mailbox"),
    ("mailbox_type", {"mailbox": "x"}, "missing required arguments: type"),
    ("mailbox_type", {"aggregate": [{"mailbox": "x"}]}, "aggregate entry 1: missing required arguments: type"),
    ("ad_user", {**NEW, "attributes": ["department"]}, "attributes", "dict"),
    ("ad_user", {**NEW, "attributes": {"department": {"a": "b"}}}, "attributes: department: a value is a text"),
    ("ad_user", {**NEW, "attributes": {"otherTelephone": [{"a": 1}, {"b": 2}]}}, "otherTelephone: a value is a text"),
    ("ad_user", {**NEW, "attributes": {"unicodePwd": "x"}}, "unicodePwd is set with the option password"),
    ("ad_user", {**NEW, "enabled": "ja, gern"}, "enabled"),
    ("ad_user", {**NEW, "update_password": "never"}, "value of update_password must be one of: always, on_create"),
    ("ad_proxyaddress", {**ANNA, "aliases": ["x@contoso.example"]}, "aliases"),
    ("ad_proxyaddress", {**ANNA, "aliases": {"add": [{"a": "b"}]}}, "aliases.add: "),
    ("ad_proxyaddress", {**ANNA, "aliases": {"add": {"a": "b"}}}, "aliases"),
    ("ad_proxyaddress", {**ANNA, "aliases": {"set": [], "add": []}}, "mutually exclusive"),
    ("entra_license", {**USER, "licenses": {"set": ["SPE_E3"], "remove": ["SPE_E5"]}}, "mutually exclusive"),
    ("entra_license", {**USER, "licenses": ["SPE_E3"]}, "licenses"),
    ("entra_license", {**USER, "disabled_plans": {"SPE_E3": "TEAMS1"}}, "disabled_plans: SPE_E3: give a list"),
    ("mailbox_onboarding_info", {"mailbox": "x", "before": {"id": "1"}}, "mailbox_guid"),
    ("smtp_auth", {**INFO, "smtp_auth": True}, "value of smtp_auth must be one of: enabled, disabled, organization"),
    ("exchange_service_principal", {**SENDER, "mailboxes": ["x@contoso.example"]}, "mailboxes: a mapping is needed"),
    ("exchange_service_principal", {**SENDER, "mailboxes": {"set": []}}, "Unsupported parameters", "mailboxes.set"),
    ("mail_check", {**INFO, "protocols": ["pop"]}, "value of protocols must be one or more of: smtp, imap"),
    ("mail_check", {**INFO, "application": "x"}, "missing parameter(s) required by 'application': sink"),
    ("mail_check", {**INFO, "sink": {}}, "one of the following is required: file, azure_key_vault"),
    ("smtp_auth", INFO, "missing required arguments: smtp_auth"),
    ("smtp_auth", {"smtp_auth": "disabled", "aggregate": [{}, {"mailbox": None}]}, "aggregate entries 1 and 2"),
    ("smtp_auth_info", {"effective": "organization"}, "value of effective must be one of: enabled, disabled"),
]  # fmt: skip
VALUES = [
    ("exchange_settings", {**FORWARDING, "object": "RemoteDomains"}, "value of object must be one of: OrganizationConfig"),
    ("exchange_settings", {**FORWARDING, "identity": None}, "identity: there are several objects RemoteDomain"),
    ("exchange_settings", {**FORWARDING, "identity": " "}, "identity: it is empty; name the Exchange object"),
    ("exchange_settings", {**FORWARDING, "object": "OrganizationConfig"}, "one OrganizationConfig only", "leave it out"),
    ("exchange_settings", {**FORWARDING, "settings": {}}, "settings of RemoteDomain: name at least one"),
    ("exchange_settings", {**FORWARDING, "settings": {"AutoForward": False}}, "there is no AutoForward (perhaps AutoForwardE"),
    ("exchange_settings", {**FORWARDING, "settings": {"AllowedOOFType": "Ext", "IsInternal": "ja"}},
     "AllowedOOFType: 'Ext' is not one of External, ExternalLegacy", "IsInternal: 'ja' is not true or false"),
    ("exchange_settings", {**FORWARDING, "settings": {"IsInternal": None}}, "IsInternal: null is not true or false"),
    ("exchange_settings", {**FORWARDING, "settings": {"Name": "x"}}, "Name cannot be declared: the object would not be"),
    ("exchange_settings", {**ORGANIZATION, "settings": {"AutoExpandingArchive": True}}, "it is an action or an aid of the cmdlet"),
    ("exchange_settings", {"aggregate": [FORWARDING, {**ORGANIZATION, "settings": {"EwsEnable": True}}]},
     "aggregate entry 2: settings of OrganizationConfig: there is no EwsEnable (perhaps EwsEnabled"),
    ("mailbox_type", {**MAILBOX, "mailbox": ""}, "mailbox"),
    ("mailbox_type", {**MAILBOX, "mailbox": "  "}, "mailbox"),
    ("entra_user_info", {"user": ""}, "user"),
    ("smtp_auth", {"mailbox": "", "smtp_auth": "enabled"}, "mailbox: it is empty"),
    ("smtp_auth", {"smtp_auth": "organization"}, "smtp_auth=organization is for a mailbox"),
    ("exchange_service_principal", {"application": " "}, "application: it is empty; name the enterprise application"),
    ("mail_check", {"mailbox": "info"}, "mailbox: 'info': "),
    ("mail_check", {"mailbox": "smtp:info@contoso.example"}, "mailbox: 'smtp:info@contoso.example' has a type before it"),
    ("mail_check", {**INFO, "send_to": "x@contoso.example\r\nBcc: y@contoso.example"}, "send_to: "),
    ("mail_check", {**INFO, "sender": "a@b@contoso.example"}, "sender: "),
    ("mail_check", {**INFO, "protocols": []}, "protocols: it is empty"),
    ("mail_check", {**INFO, "protocols": ["imap"], "send_to": "x@contoso.example"}, "send_to: a message is sent by SMTP"),
    ("smime_trust", {}, "give certificates, settings, or both"),
    ("smime_trust", {"certificates": {}}, "certificates: one of set, add and remove is needed"),
    ("smime_trust", {"certificates": {"set": [], "add": []}}, "mutually exclusive"),
    ("smime_trust", {"settings": {"signing_algorithms": []}}, "signing_algorithms: name each algorithm once, and at least one"),
    ("smime_trust", {"settings": {"signing_algorithms": ["sha256", "sha256"]}}, "name each algorithm once"),
    ("smime_trust", {"settings": {"signing_algorithms": ["800C"]}}, "sha512, sha384, sha256, sha1, md5"),
    ("smime_trust", {"settings": {"crl_retrieval_timeout": -1}}, "crl_retrieval_timeout: -1 is no number of milliseconds"),
    ("smime_trust", {"settings": {"crl_retrieval_timeout": 2**32}}, "from 0 to 4294967295"),
    ("smime_trust", {"settings": {"sender_certificate_attributes": ["CN"]}}, "'CN' is no object identifier"),
    ("smime_trust", {"certificates": {"set": []}, "transfer": {"size_limit": -1}}, "transfer.size_limit"),
    ("smime_trust_info", {"days": -1}, "days: -1 is no number of days"),
    ("smtp_auth_info", {"days": 31}, "days: 31 is not between 0 and 30"),
    ("entra_license", {"user": " ", "usage_location": "DE"}, "user"),
    ("ad_user_info", {"user": ""}, "user"),
    ("ad_user", {"user": "", "state": "absent"}, "user"),
    ("ad_proxyaddress", {"user": "", "primary": "x@contoso.example"}, "user"),
    ("directory_sync", {"user": ""}, "user"),
    ("directory_sync_cycle", {"after": "gestern"}, "after: 'gestern' is no moment"),
    ("directory_sync_cycle", {"after": "2026-01-01T00:00:00"}, "is no moment with a time zone"),
    ("entra_license", {**USER, "usage_location": "Deutschland"}, "usage_location: 'Deutschland' is no country of two letters"),
    ("entra_license", {**USER, "usage_location": ""}, "usage_location: '' is no country"),
    ("entra_license", {**USER, "usage_location": "ДЕ"}, "is no country of two letters"),
    ("ad_user", {**NEW, "cloud_object_id": "keine"}, "cloud_object_id: 'keine' is no GUID"),
    ("ad_user", {**NEW, "ou": "Nirgends"}, "ou: 'Nirgends' is no distinguished name"),
    ("ad_user", {**NEW, "ou": ""}, "ou: "),
    ("ad_user", {**NEW, "sam_account_name": LONG}, "sam_account_name: ", "at most 20 characters"),
    ("ad_user", {**NEW, "sam_account_name": "a/b"}, "sam_account_name: 'a/b'"),
    ("ad_user", {**NEW, "sam_account_name": ""}, "sam_account_name: the sAMAccountName is empty"),
    ("ad_user", {**NEW, "user_principal_name": "jürgen@contoso.example"}, "user_principal_name: ", "only letters without accents"),
    ("ad_user", {**NEW, "user_principal_name": LONG + "@contoso.example"}, "user_principal_name: ", "at most 64 characters"),
    ("ad_user", {**NEW, "user_principal_name": "a\0b@contoso.example"}, "user_principal_name: "),
    ("ad_proxyaddress", {**ANNA, "primary": ""}, "primary: '': it is empty"),
    ("ad_proxyaddress", {**ANNA, "primary": LONG + "@contoso.example"}, "5021 characters with its prefix; 256 is the maximum"),
    ("ad_proxyaddress", {**ANNA, "aliases": {"add": ["x@" + LONG]}}, "aliases.add: ", "256 is the maximum"),
    ("ad_proxyaddress", {**ANNA, "aliases": {"set": ["kein at"]}}, "aliases.set: 'kein at': it holds a blank"),
    ("ad_proxyaddress", {**ANNA, "primary": "a@@contoso.example"}, "more than one @"),
    ("ad_proxyaddress", {**ANNA, "primary": "x@nirgends"}, "its domain has no dot"),
    ("ad_proxyaddress", {**ANNA, "primary": "müller@contoso.example"}, "only letters without accents"),
    ("ad_proxyaddress", {**ANNA, "primary": "mu\u0308ller@contoso.example"}, "only letters without accents"),
    ("ad_proxyaddress", {**ANNA, "primary": "😀@contoso.example"}, "only letters without accents"),
    ("ad_proxyaddress", {**ANNA, "primary": "\u202ea@contoso.example"}, "only letters without accents"),
    ("ad_proxyaddress", {**ANNA, "primary": "a\0@contoso.example"}, "primary: it holds a NUL character"),
    ("ad_proxyaddress", {**ANNA, "primary": "a\1@contoso.example"}, "control character"),
    ("ad_proxyaddress", {**ANNA, "primary": "a@contoso.example\n"}, "begins or ends with a blank"),
    ("ad_proxyaddress", {**ANNA, "aliases": {"add": ["smpt:a@contoso.example"]}}, "there is no address type 'SMPT'"),
    ("ad_proxyaddress", {**ANNA, "aliases": {"add": ["<script>@contoso.example"]}}, "it holds the character <"),
]  # fmt: skip
CONNECTIONS = [
    ("mail_check", {**INFO, "endpoints": {"smtp": "https://x.example"}}, "endpoints.smtp is not a server: https://x.example"),
    ("mail_check", {**INFO, "client_secret": ...}, "No credential was given"),
    ("mailbox_info", {"mailbox": "x", "tenant_id": ...}, "The option tenant_id is missing", "AZURE_TENANT_ID"),
    ("mailbox_info", {"mailbox": "x", "tenant_id": "kein Mandant/x"}, "neither a GUID nor a domain name"),
    ("mailbox_info", {"mailbox": "x", "client_id": ...}, "The option client_id is missing", "AZURE_CLIENT_ID"),
    ("mailbox_info", {"mailbox": "x", "client_secret": ...}, "No credential was given", "AZURE_CLIENT_SECRET"),
    ("mailbox_info", {"mailbox": "x", "sign_in": "certificate"}, "certificate_path"),
    ("mailbox_info", {"mailbox": "x", "sign_in": "password"}, "value of sign_in must be one of"),
    ("mailbox_info", {"mailbox": "x", "cloud": "mars"}, "value of cloud must be one of"),
    ("mailbox_info", {"mailbox": "x", "endpoints": "https://x.example"}, "endpoints"),
    ("mailbox_info", {"mailbox": "x", "endpoints": {"exchange": "http://x.example"}}, "endpoints.exchange is not an https address"),
    ("mailbox_info", {"mailbox": "x", "endpoints": {"exchange": "ftp:"}}, "endpoints.exchange is not an https address"),
    ("mailbox_info", {"mailbox": "x", "certificate_path": "/nirgends/zertifikat.pem"}, "certificate_path", "/nirgends/zertifikat.pem"),
    ("mailbox_info", {"mailbox": "x", "sign_in": "federated_token", "federated_token_file": "/nirgends/token"},
     "federated_token_file", "/nirgends/token"),
    ("mailbox_info", {"mailbox": "x", "ca_path": "/nirgends/ca.pem"}, "The CA file /nirgends/ca.pem cannot be used"),
    ("ad_user_info", {**ANNA, "directory_server": ...}, "directory_server"),
    ("ad_user_info", {**ANNA, "directory_user": ...}, "directory_user"),
    ("ad_user_info", {**ANNA, "directory_password": ...}, "directory_password"),
    ("ad_user_info", {**ANNA, "directory_password": ""}, "directory_password is empty"),
    ("ad_user_info", {**ANNA, "directory_server": "ldaps://dc1.contoso.example"}, "'ldaps://dc1.contoso.example' is no server",
     "without ldaps:// before it"),
    ("ad_user_info", {**ANNA, "directory_server": "dc1:99999"}, "'dc1:99999' is no server"),
    ("ad_user_info", {**ANNA, "directory_server": "zwei namen"}, "'zwei namen' is no server"),
    ("ad_user_info", {**ANNA, "directory_server": {"name": "dc1"}}, "is no server"),
    ("ad_user_info", {**ANNA, "directory_global_catalog": "ldap://gc"}, "directory_global_catalog"),
    ("ad_user_info", {**ANNA, "directory_tls": "none"}, "value of directory_tls must be one of: ldaps, starttls"),
    ("ad_user_info", {**ANNA, "directory_ca_path": "/nirgends/ca.pem"}, "directory_ca_path", "/nirgends/ca.pem"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "wish", "said"), [(row[0], row[1], row[2:]) for row in [*UNKNOWN, *TYPES, *VALUES, *CONNECTIONS]]
)
def test_it_is_refused_before_the_first_request(
    ground: Ground, host: ModuleHost, module: str, wish: dict[str, Any], said: tuple[str, ...]
) -> None:
    refusal(ground, module, wish, *said, host=host, asked=False)


def test_every_wrong_entry_is_named(ground: Ground, host: ModuleHost) -> None:
    entries = [{"mailbox": number, "type": 5} for number in range(30)]
    message = refusal(ground, "mailbox_type", {"aggregate": entries}, "aggregate entry 1: ", host=host, asked=False)[
        "msg"
    ]
    assert message.endswith("; and 10 more")
