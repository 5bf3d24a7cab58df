# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Exchange client: envelope, encoding, pages, warnings, and what its errors mean."""

from __future__ import annotations

import base64
import gzip
import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import TENANT, Answer, FakeClock, ScriptedServer

from ansible_collections.m365.hybrid.plugins.module_utils.clients import exchange_errors, exchange_values
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.clients.exchange import Exchange, hashtable
from ansible_collections.m365.hybrid.plugins.module_utils.clients.exchange_values import (
    byte_array,
    bytes_of,
    encode,
    plain,
)

EMPTY = Answer(200, {"value": []})
TABLE = "#Exchange.GenericHashTable"


def failed(status: int, *messages: str) -> Answer:
    details = [{"code": "Client", "target": "", "message": message} for message in messages]
    return Answer(status, {"error": {"code": "NotFound", "message": "Error executing cmdlet", "details": details}})


def thrown(kind: str, text: str, status: int = 400) -> Answer:
    return failed(status, f"Ex6F9304|Microsoft.Exchange.{kind}|{text}")


def absent(name: str, status: int = 404) -> Answer:
    text = f"The operation couldn't be performed because object '{name}' couldn't be found on 'AB1.PROD.OUTLOOK.COM'."
    return thrown("Configuration.Tasks.ManagementObjectNotFoundException", text, status)


def rows(*found: dict[str, Any], **more: Any) -> Answer:
    return Answer(200, {"value": list(found), **more})


def test_the_envelope_and_its_headers(exchange: Exchange, server: ScriptedServer) -> None:
    exchange.command("Set-Mailbox", Identity="a@contoso.example", Type="Shared", Confirm=False)
    seen = server.requests[0]
    assert (seen.method, seen.path) == ("POST", f"/adminapi/beta/{TENANT}/InvokeCommand")
    parameters = {"Identity": "a@contoso.example", "Type": "Shared", "Confirm": False}
    assert seen.json == {"CmdletInput": {"CmdletName": "Set-Mailbox", "Parameters": parameters}}
    anchor = f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{TENANT}"
    expected = {
        "X-AnchorMailbox": anchor,
        "X-CmdletName": "Set-Mailbox",
        "X-ResponseFormat": "json",
        "Accept-Language": "en-US",
        "Prefer": "odata.maxpagesize=1000",
        "Content-Type": "application/json",
        "Authorization": "Bearer token-1",
    }
    assert {name: seen.headers[name] for name in expected} == expected
    assert server.token_requests[0].form["scope"] == "https://outlook.office365.com/.default"


def test_a_cmdlet_without_parameters_sends_an_empty_object(exchange: Exchange, server: ScriptedServer) -> None:
    exchange.command("Get-OrganizationConfig")
    assert server.requests[0].json["CmdletInput"]["Parameters"] == {}


def test_cookies_are_kept(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [Answer(200, {"value": []}, {"Set-Cookie": "backend=7; path=/; secure"}), EMPTY]
    exchange.command("Get-Mailbox")
    exchange.command("Get-Mailbox")
    assert server.requests[1].headers["Cookie"] == "backend=7"


def test_rows_come_without_annotations(exchange: Exchange, server: ScriptedServer) -> None:
    row = {
        "Guid": "g",
        "Guid@odata.type": "#Guid",
        "Guid@data.type": "System.Guid",
        "Inner": {"A": 1, "A@data.type": "x"},
    }
    server.script = [rows({**row, "List": [{"B": 2, "B@odata.type": "y"}], "user@contoso.example": "kept"})]
    expected = {"Guid": "g", "Inner": {"A": 1}, "List": [{"B": 2}], "user@contoso.example": "kept"}
    assert exchange.command("Get-Mailbox") == [expected]


@pytest.mark.parametrize("body", [{"value": None}, {}, {"value": []}])
def test_nothing_has_three_forms(body: Any, exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [Answer(200, body)]
    assert exchange.command("Get-Mailbox") == []


def test_a_write_may_answer_nothing_at_all(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [Answer(204), Answer(200)]
    assert exchange.command("Set-Mailbox", Identity="a") == []
    assert exchange.command("Set-Mailbox", Identity="a") == []


def test_pages_are_posted_for_with_the_same_body_and_headers(exchange: Exchange, server: ScriptedServer) -> None:
    link = f"{server.url}/adminapi/beta/{TENANT}/InvokeCommand?%24skiptoken=x"
    server.script = [rows({"Name": "a"}, **{"@odata.nextLink": link}), rows({"Name": "b"})]
    assert exchange.command("Get-Mailbox", ResultSize="Unlimited") == [{"Name": "a"}, {"Name": "b"}]
    first, second = server.requests
    assert (second.method, server.url + second.path, second.body) == ("POST", link, first.body)
    for name in ("X-AnchorMailbox", "X-CmdletName", "Prefer", "Accept-Language"):
        assert second.headers[name] == first.headers[name]


@pytest.mark.parametrize(
    "second",
    [
        failed(400, "|Microsoft.Exchange.X|Expired or Invalid pagination request."),
        absent("page"),
        Answer(200, b"<html>"),
        Answer(200, {"value": "rows"}),
        Answer(200, {"value": ["row"]}),
        Answer(403, b"\0" * 9),
    ],
)
def test_a_broken_page_breaks_the_list(second: Answer, exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [rows({"Name": "a"}, **{"@odata.nextLink": f"{server.url}/x?page=2"}), second]
    with pytest.raises(ServiceError):
        exchange.command("Get-Mailbox")


@pytest.mark.parametrize("link", ["https://outlook.contoso.example/x", "http://127.0.0.1/x", 7])
def test_a_link_elsewhere_is_not_followed(link: Any, exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [rows({"Name": "a"}, **{"@odata.nextLink": link})]
    with pytest.raises(ServiceError, match="leads astray"):
        exchange.command("Get-Mailbox")


def test_a_cut_list_is_an_error(exchange: Exchange, server: ScriptedServer) -> None:
    text = "There are more results available than are currently displayed. To view them, increase the value ..."
    server.script = [rows({"Name": "a"}, **{"@adminapi.warnings": [text]})]
    with pytest.raises(ServiceError, match="not complete"):
        exchange.command("Get-Mailbox")


def test_warnings_are_collected_once_and_the_usual_ones_dropped(exchange: Exchange, server: ScriptedServer) -> None:
    usual = [
        "The appropriate access control entry is already present on the object 'CN=a' for account 'b'.",
        "Can't remove the access control entry on the object 'CN=a' because the ACE doesn't exist on the object.",
        "Can't remove the access control entry because the ACE isn't present.",
        "The command completed successfully but no settings of 'CN=a' have been modified.",
    ]
    server.script = [rows(**{"@adminapi.warnings": [*usual, "The mailbox is large."]})]
    exchange.command("Set-Mailbox", Identity="a")
    exchange.command("Set-Mailbox", Identity="a")
    assert exchange.warnings == ["Set-Mailbox: The mailbox is large."]


def test_a_change_that_changed_nothing_is_told(exchange: Exchange, server: ScriptedServer) -> None:
    said = "The command completed successfully but no settings of 'CN=a' have been modified."
    server.script = [rows(**{"@adminapi.warnings": [said]}), rows(**{"@adminapi.warnings": ["Large."]}), absent("a")]
    assert exchange.modify("Set-Mailbox", Identity="a", AuditEnabled=True) is False
    assert exchange.modify("Set-Mailbox", Identity="a", AuditEnabled=True) is True
    with pytest.raises(ServiceError, match="couldn't be found"):
        exchange.modify("Set-Mailbox", Identity="a", AuditEnabled=True)
    assert exchange.warnings == ["Set-Mailbox: Large."]


MAILBOX = {
    "Identity": "0d1e0000-0000-4000-8000-000000000001",
    "Guid": "7b1c0000-0000-4000-8000-000000000001",
    "UserPrincipalName": "Anna@contoso.example",
    "PrimarySmtpAddress": "anna.muster@contoso.example",
    "EmailAddresses": ["SMTP:anna.muster@contoso.example", "smtp:am@contoso.example", "SIP:anna@contoso.example"],
    "Alias": "anna",
    "DisplayName": "Anna Muster",
}
OTHER = {"Identity": "2", "Guid": "3", "DisplayName": "Anna", "PrimarySmtpAddress": "annas@contoso.example"}


@pytest.mark.parametrize(
    "identity",
    ["0D1E0000-0000-4000-8000-000000000001", "7b1c0000-0000-4000-8000-000000000001", "anna@contoso.example", "ANNA",
     "AM@contoso.example", "smtp:am@contoso.example", "Anna Muster", " anna "],
)  # fmt: skip
def test_find_knows_an_object_by_any_of_its_names(identity: str, exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [rows(MAILBOX)]
    assert exchange.find("Get-Mailbox", identity) == MAILBOX
    assert server.requests[0].json["CmdletInput"]["Parameters"]["Identity"] == identity


def test_find_picks_the_one_that_is_meant(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [rows(OTHER, MAILBOX)]
    assert exchange.find("Get-Mailbox", "am@contoso.example") == MAILBOX


@pytest.mark.parametrize(
    ("found", "identity", "words"),
    [
        ([MAILBOX, OTHER], "anna", "2 of 2 answers are 'anna': Anna Muster, anna.muster@contoso.example"),
        ([MAILBOX, OTHER], "ann", "0 of 2 answers are 'ann': Anna Muster"),
        ([OTHER], "info@contoso.example", "0 of 1 answers"),
        ([], "info@contoso.example", "0 of 0 answers"),
    ],
)
def test_find_never_guesses(
    found: list[Any], identity: str, words: str, exchange: Exchange, server: ScriptedServer
) -> None:
    server.script = [rows(*found)]
    with pytest.raises(ServiceError, match=words) as caught:
        exchange.find("Get-Mailbox", identity)
    assert "annas@contoso.example" in caught.value.said or OTHER not in found


@pytest.mark.parametrize("identity", ["", "  ", None])
def test_an_empty_identity_is_never_sent(identity: Any, exchange: Exchange, server: ScriptedServer) -> None:
    for call in (exchange.find, lambda name, value: exchange.command(name, identity=value)):
        with pytest.raises(ServiceError, match="identity is empty"):
            call("Get-Mailbox", identity)
    assert server.requests == []


@pytest.mark.parametrize("status", [404, 400, 500])
def test_an_explicit_not_found_is_none_whatever_its_status(
    status: int, exchange: Exchange, server: ScriptedServer
) -> None:
    server.script = [absent("anna@contoso.example", status)]
    assert exchange.find("Get-Mailbox", "Anna@contoso.example") is None
    assert len(server.requests) == 1
    with pytest.raises(ServiceError, match="couldn't be found") as caught:
        exchange.command("Set-Mailbox", Identity="anna@contoso.example")
    assert (caught.value.ambiguous, caught.value.code) == (False, "ManagementObjectNotFoundException")


def test_not_found_of_another_parameter_is_not_absence(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [absent("nobody@contoso.example")]
    with pytest.raises(ServiceError, match="nobody@"):
        exchange.find("Get-MailboxPermission", "anna@contoso.example", User="nobody@contoso.example")
    server.script = [absent("anna@contoso.example")]
    assert exchange.find("Get-MailboxPermission", "anna@contoso.example", User="nobody@contoso.example") is None


def test_the_text_of_an_error_may_hold_the_bar(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [failed(400, "|System.ArgumentException|Use one of a|b|c.")]
    with pytest.raises(ServiceError) as caught:
        exchange.command("Set-Mailbox", Identity="a")
    assert caught.value.said == "Set-Mailbox: Use one of a|b|c."
    assert caught.value.code == "ArgumentException"


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (
            {
                "code": "x",
                "innererror": {"internalexception": {"type": "A.ParameterTransformationException", "message": "m"}},
            },
            "m",
            "ParameterTransformationException",
        ),
        ({"code": "BadRequest", "message": "plain"}, "plain", None),
        ({"code": "BadRequest"}, "BadRequest", None),
        ({"details": [], "message": "plain"}, "plain", None),
        ({"details": [{"message": "no bars"}, "rubbish"]}, "no bars", None),
        ({"details": [{"message": "|A.B|one"}, {"message": "|C.D|two"}]}, "one two", "B"),
        ({}, "no reason given", None),
    ],
)
def test_the_words_come_from_where_they_tell_most(
    error: Any, said: str, code: str | None, exchange: Exchange, server: ScriptedServer
) -> None:
    server.script = [Answer(400, {"error": error})]
    with pytest.raises(ServiceError) as caught:
        exchange.command("Set-Mailbox", Identity="a")
    assert (caught.value.said, caught.value.code) == (f"Set-Mailbox: {said}", code)


def test_the_header_names_the_exception_where_the_body_does_not(exchange: Exchange, server: ScriptedServer) -> None:
    body = {"error": {"code": "x", "message": "Gone."}}
    server.script = [Answer(400, body, {"x-ExceptionType": "ManagementObjectNotFoundException"})]
    assert exchange.find("Get-Mailbox", "anna") is None


@pytest.mark.parametrize("diagnostics", [None, '2000003;reason="The cmdlet is not available.";error_category="x"'])
def test_the_403_without_a_body_is_explained_as_three_things(
    diagnostics: str | None, exchange: Exchange, server: ScriptedServer
) -> None:
    headers = {"Content-Encoding": "gzip"} | ({"x-ms-diagnostics": diagnostics} if diagnostics else {})
    server.script = [Answer(403, b"\0" * 64, headers)]
    with pytest.raises(ServiceError) as caught:
        exchange.command("Set-Mailbox", Identity="a")
    error = caught.value
    assert all(
        words in error.meaning for words in ("no Exchange or Entra role", "not include this cmdlet", "no such cmdlet")
    )
    assert ("The cmdlet is not available." in error.said) is bool(diagnostics)
    assert (error.status, error.ambiguous) == (403, False)


def test_401_names_the_permission(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [Answer(401, headers={"x-ms-diagnostics": '2000001;reason="The audience is wrong."'})]
    with pytest.raises(ServiceError, match=r"The audience is wrong.*Exchange\.ManageAsApp"):
        exchange.command("Get-Mailbox")
    assert len(server.requests) == 2


def test_a_synchronized_mailbox_is_explained(exchange: Exchange, server: ScriptedServer) -> None:
    text = (
        "The operation on mailbox 'a' failed because it's out of the current user's write scope. The action"
        " 'Set-Mailbox', 'EmailAddresses', can't be performed on the object 'a' because the object is being"
        " synchronized from your on-premises organization. This action should be performed on the object there."
    )
    server.script = [thrown("Data.InvalidOperationException", text)]
    with pytest.raises(ServiceError, match="Change it in Active Directory"):
        exchange.command("Set-Mailbox", Identity="a")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Data.Directory.DCOverloadedException", "busy"),
        ("Data.Storage.StorageTransientException", "busy"),
        ("X", "You have reached the maximum number of concurrent requests per tenant. Please wait and try again."),
        ("Tasks.UnableToWriteToAadException", "The issue may be transient and please retry a couple of minutes later."),
    ],
)
@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_busy_back_end_is_asked_again_also_for_writes(
    kind: str, text: str, status: int, exchange: Exchange, server: ScriptedServer, clock: FakeClock
) -> None:
    server.script = [thrown(kind, text, status), EMPTY]
    assert exchange.command("Set-Mailbox", Identity="a") == []
    assert (len(server.requests), len(clock.waits)) == (2, 1)


def test_an_unknown_error_of_a_read_is_not_asked_about_for_minutes(
    exchange: Exchange, server: ScriptedServer, clock: FakeClock
) -> None:
    server.script = [thrown("Some.NewException", "What happened?", 500)]
    with pytest.raises(ServiceError, match="What happened"):
        exchange.command("Get-Mailbox")
    assert len(server.requests) == 3
    assert sum(clock.waits) <= 3


def test_an_unknown_error_with_5xx_leaves_the_fate_of_a_write_open(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [thrown("Some.NewException", "What happened?", 500)]
    with pytest.raises(ServiceError, match="What happened") as caught:
        exchange.command("Set-Mailbox", Identity="a")
    assert (caught.value.ambiguous, len(server.requests)) == (True, 1)


@pytest.mark.parametrize(
    ("cmdlet", "kind", "text"),
    [
        ("Add-RoleGroupMember", "MemberAlreadyExistsException", "'a' is already a member of the group 'b'."),
        ("Add-DistributionGroupMember", "X", "The recipient 'a' is already a member of the group 'b'."),
        ("Remove-DistributionGroupMember", "MemberNotFoundException", "'a' isn't a member of the group 'b'."),
        (
            "Remove-MailboxFolderPermission",
            "UserNotFoundInPermissionEntryException",
            "There is no existing permission.",
        ),
        ("Add-MailboxPermission", "X", "An existing permission entry was found for user: a."),
    ],
)
def test_what_is_already_so_is_no_error(
    cmdlet: str, kind: str, text: str, exchange: Exchange, server: ScriptedServer
) -> None:
    server.script = [thrown(kind, text)]
    assert exchange.command(cmdlet, Identity="a") == []


def test_already_so_with_another_error_beside_it_is_an_error(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [failed(400, "|A.MemberAlreadyExistsException|a is a member", "|A.BException|b failed")]
    with pytest.raises(ServiceError, match="b failed"):
        exchange.command("Add-RoleGroupMember", Identity="a")


def test_a_folder_permission_of_somebody_else_is_not_taken_for_ours(exchange: Exchange, server: ScriptedServer) -> None:
    text = "An existing permission entry was found for user: a."
    server.script = [thrown("StoreTasks.UserAlreadyExistsInPermissionEntryException", text)]
    with pytest.raises(ServiceError, match="in the meantime"):
        exchange.command("Add-MailboxFolderPermission", Identity="a", User="b", AccessRights=["Reviewer"])


def test_a_success_with_errors_is_none(exchange: Exchange, server: ScriptedServer) -> None:
    server.script = [rows(**{"@adminapi.errors": ["Ex1|A.BException|Half of it failed."]})]
    with pytest.raises(ServiceError, match="Half of it failed") as caught:
        exchange.command("Set-Mailbox", Identity="a")
    assert caught.value.ambiguous


@pytest.mark.parametrize(
    "rule", exchange_errors.RULES, ids=lambda rule: f"{rule.exception} {rule.fragment} {rule.cmdlet}"
)
def test_every_rule_of_the_table_can_be_reached(rule: exchange_errors.ExchangeRule) -> None:
    cmdlet = re.sub(r"\((\w+)\|.*", r"\1", rule.cmdlet) or "Set-Mailbox"
    found = exchange_errors.classify(
        cmdlet, f"A.B.{rule.exception or 'Some.Exception'}", f"So: {rule.fragment.upper()}."
    )
    assert found is rule
    assert rule.meaning or rule.absent or rule.already


def test_values_on_the_wire() -> None:
    east = timezone(timedelta(hours=2))
    assert encode(
        {
            "Text": "a",
            "Yes": True,
            "Number": 7,
            "Nothing": None,
            "List": ("a", "b"),
            "Set": {"b", "a"},
            "Id": uuid.UUID(int=1),
            "When": datetime(2026, 11, 22, 10, 0, 1, 250000, tzinfo=east),
            "Span": timedelta(days=14, hours=1, seconds=3),
            "Empty": [],
        }
    ) == {
        "Text": "a",
        "Yes": True,
        "Number": 7,
        "Nothing": None,
        "List": ["a", "b"],
        "Set": ["a", "b"],
        "Id": "00000000-0000-0000-0000-000000000001",
        "When": "2026-11-22T08:00:01.2500000Z",
        "Span": "14.01:00:03",
        "Empty": [],
    }


def test_hashtables_say_their_type_and_lists_of_them_beside_themselves() -> None:
    assert hashtable(Add=["a"], Remove=[]) == {"@odata.type": TABLE, "Add": ["a"]}
    assert hashtable() == {"@odata.type": TABLE}
    assert encode({"P": hashtable(Add=["a"])}) == {"P": {"@odata.type": TABLE, "Add": ["a"]}}
    assert encode({"P": {"A": {"B": 1}}}) == {"P": {"@odata.type": TABLE, "A": {"@odata.type": TABLE, "B": 1}}}
    assert encode({"P": [{"A": 1}, {"B": {"C": 2}}]}) == {
        "P@odata.type": "#Collection(Exchange.GenericHashTable)",
        "P": [{"A": 1}, {"B": {"@odata.type": TABLE, "C": 2}}],
    }


def test_bytes_have_two_forms() -> None:
    kind = "#Exchange.ByteArrayType"
    numbers = {"CA": {"@odata.type": kind, "Data": [0, 1, 67, 69, 82, 84]}}
    assert encode({"CA": b"\0\1CERT"}) == encode({"CA": bytearray(b"\0\1CERT")}) == numbers
    assert encode({"CA": byte_array(b"\0\1CERT", "base64")}) == {"CA": {"@odata.type": kind, "Data": "AAFDRVJU"}}
    assert encode({"CA": [b"\0"]}) == {"CA@odata.type": "#Collection(Exchange.ByteArrayType)", "CA": [{"Data": [0]}]}


@given(st.binary(), st.sampled_from(sorted(exchange_values.BYTE_ENCODERS)))
def test_bytes_are_read_in_every_form_that_they_are_sent_in(data: bytes, form: str) -> None:
    sent = byte_array(data, form)
    assert bytes_of(sent) == bytes_of(sent["Data"]) == data


@pytest.mark.parametrize("value", ["no base64!", [1, 256], ["a"], 7, {"Bytes": "AA=="}, True])
def test_what_holds_no_bytes_is_no_empty_value(value: Any) -> None:
    assert bytes_of(None) == b""
    assert bytes_of("AAFD\r\nRVJU\n") == b"\0\1CERT"
    with pytest.raises(ValueError):  # noqa: PT011 - the reason is Python's own, and differs between versions
        bytes_of(value)


@pytest.mark.parametrize("name", ["Filter", "RecipientFilter", "recipientpreviewfilter"])
def test_filters_lose_their_variables(name: str) -> None:
    text = "IsDirSynced -eq $true -and Hidden -ne $FALSE -and Name -like '$trueish'"
    assert encode({name: text})[name] == "IsDirSynced -eq 'True' -and Hidden -ne 'False' -and Name -like '$trueish'"
    assert encode({"Name": "$true"}) == {"Name": "$true"}


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), object(), 1 + 2j])
def test_what_powershell_has_nothing_for_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode({"P": value})


SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.datetimes(timezones=st.just(UTC)) | st.timedeltas()
VALUES = st.recursive(
    SCALARS | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text("ABC", min_size=1), VALUES))
def test_whatever_is_encoded_is_json_and_its_annotations_can_be_taken_off(parameters: dict[str, Any]) -> None:
    sent = json.loads(json.dumps(encode(parameters)))
    assert set(plain(sent)) == set(parameters)


@given(st.datetimes(timezones=st.timezones()))
def test_datetimes_arrive_as_the_same_moment(moment: datetime) -> None:
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        return
    text = encode({"T": moment})["T"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", text)
    assert datetime.fromisoformat(text[:-2]).replace(tzinfo=UTC) == expected


@given(st.timedeltas())
def test_spans_arrive_as_the_same_time(span: timedelta) -> None:
    sign, days, hours, minutes, seconds, micro = re.fullmatch(  # type: ignore[union-attr]
        r"(-?)(\d+)\.(\d\d):(\d\d):(\d\d)(?:\.(\d{6})0)?", encode({"S": span})["S"]
    ).groups()
    size = timedelta(int(days), int(seconds), int(micro or 0), 0, int(minutes), int(hours))
    assert (-size if sign else size) == span


@given(st.binary())
def test_both_forms_of_bytes_hold_the_bytes(data: bytes) -> None:
    assert bytes(exchange_values.BYTE_ENCODERS["numbers"](data)) == data
    assert base64.b64decode(exchange_values.BYTE_ENCODERS["base64"](data)) == data


def test_a_packed_error_is_read(connect: Callable[..., Exchange], server: ScriptedServer) -> None:
    server.script = [Answer(500, gzip.compress(absent("anna").content), {"Content-Encoding": "gzip"})]
    assert connect(Exchange).find("Get-Mailbox", "anna") is None
