# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose entry is whose, whatever Exchange shows; and a report that loses nothing."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.core.resource import names
from ansible_collections.m365.hybrid.plugins.module_utils.domain import mailbox_permissions as domain
from ansible_collections.m365.hybrid.plugins.module_utils.domain import permission_report as report
from ansible_collections.m365.hybrid.plugins.module_utils.domain.mailbox_permissions import Entry, Trustee
from ansible_collections.m365.hybrid.plugins.module_utils.domain.permission_report import Known

SELF = {"User": "NT AUTHORITY\\SELF", "UserSid": "S-1-5-10", "AccessRights": ["FullAccess, ReadPermission"]}
SIDS = [f"S-1-5-21-1-2-3-{number}" for number in range(6)]
PEOPLE = [f"p{number}@contoso.example" for number in range(6)]


def row(user: str, *rights: str, sid: str = "", **more: Any) -> dict[str, Any]:
    """A row of Get-MailboxPermission."""
    return {"User": user, "UserSid": sid, "AccessRights": [", ".join(rights or ("FullAccess",))], "Deny": False, **more}


def person(number: int, name: str = "Anna") -> Trustee:
    """A mailbox as Get-Recipient shows it; several may have one display name."""
    return domain.trustee_of(
        {
            "ExternalDirectoryObjectId": f"id-{number}",
            "WindowsLiveID": PEOPLE[number],
            "PrimarySmtpAddress": f"P{number}@contoso.example",
            "EmailAddresses": [f"SMTP:P{number}@contoso.example", f"smtp:alias{number}@contoso.example", "X500:/o=x"],
            "DisplayName": name,
            "Name": f"id-{number}",
            "Alias": f"p{number}",
            "RecipientTypeDetails": "UserMailbox",
        }
    )


# --- rows


def test_rights_are_split_and_self_and_inherited_rows_are_left_out() -> None:
    rows = [
        SELF,
        {**SELF, "UserSid": ""},
        SELF,
        row("a@x", "FullAccess", "ReadPermission"),
        row("b@x", IsInherited=True),
    ]
    assert domain.mailbox_entries(rows) == [Entry("full_access", "a@x"), Entry("read_permission", "a@x")]


def test_rights_come_as_a_list_too() -> None:
    rows = [row("a@x") | {"AccessRights": ["FullAccess", "deleteitem", "Something New"]}]
    assert [entry.kind for entry in domain.mailbox_entries(rows)] == ["full_access", "delete_item"]


def test_deny_inheritance_and_identifiers_are_kept() -> None:
    (entry,) = domain.mailbox_entries([row(SIDS[0].lower(), Deny=True, InheritanceType="None")])
    assert entry == Entry("full_access", SIDS[0].lower(), SIDS[0], True, "None")
    rows = [{"Trustee": "b@x", "TrusteeSidString": SIDS[1], "AccessRights": ["SendAs"], "AccessControlType": "Deny"}]
    assert domain.send_as_entries(rows) == [Entry("send_as", "b@x", SIDS[1], True)]


@pytest.mark.parametrize(
    "broken",
    [
        {"User": "a@x"},
        {"User": "a@x", "AccessRights": None},
        {"User": "a@x", "AccessRights": []},
        {"User": "a@x", "AccessRights": [""]},
        {"AccessRights": ["FullAccess"]},
        {"User": None, "UserSid": "", "AccessRights": ["FullAccess"]},
    ],
)
def test_a_row_that_says_too_little_is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="comes without"):
        domain.mailbox_entries([SELF, broken])


def test_delegates_are_named_by_address_where_there_is_one_for_each() -> None:
    named = [{"DisplayName": "Anna", "PrimarySmtpAddress": "a@x"}, {"DisplayName": "Anna", "PrimarySmtpAddress": "b@x"}]
    full = {"GrantSendOnBehalfTo": ["Anna", "Anna"], "GrantSendOnBehalfToWithDisplayNames": named}
    assert [entry.shown for entry in domain.on_behalf_entries(full)] == ["a@x", "b@x"]
    short = full | {"GrantSendOnBehalfToWithDisplayNames": named[:1]}
    assert [entry.shown for entry in domain.on_behalf_entries(short)] == ["Anna", "Anna"]
    assert domain.on_behalf_entries({"GrantSendOnBehalfTo": None}) == []
    with pytest.raises(ValueError, match="GrantSendOnBehalfTo"):
        domain.on_behalf_entries({})


# --- whose entry

SHOWN = st.sampled_from(["principal", "name", "id", "alias address"])


def spelled(number: int, form: str) -> str:
    """How Exchange may show a person."""
    forms = {
        "principal": PEOPLE[number],
        "name": "Anna",
        "id": f"id-{number}",
        "alias address": f"alias{number}@contoso.example",
    }
    return forms[form]


@given(
    st.lists(st.tuples(st.integers(0, 5), SHOWN, st.booleans()), unique_by=lambda one: one[0]),
    st.sets(st.integers(0, 5)),
)
def test_everybody_is_recognized_however_he_is_shown(held: list[tuple[int, str, bool]], named: set[int]) -> None:
    entries = [
        Entry("full_access", spelled(who, form), SIDS[who] if with_sid else None) for who, form, with_sid in held
    ]
    whose = {id(entry): who for entry, (who, _form, _sid) in zip(entries, held, strict=True)}
    trustees = [person(number) for number in sorted(named)]
    asked: list[Entry] = []

    def settle(entry: Entry, trustee: Trustee) -> bool:
        asked.append(entry)
        return trustee.id == f"id-{whose[id(entry)]}"

    found = domain.labelled(entries, trustees, settle)
    assert [entry for _label, entry in found] == entries
    for label, entry in found:
        who = whose[id(entry)]
        assert (label == PEOPLE[who]) == (who in named or entry.shown == PEOPLE[who])
    assert all(entry.shown == "Anna" for entry in asked)


def test_an_identifier_once_learned_needs_no_more_asking() -> None:
    anna, entry = person(0), Entry("full_access", "Anna", SIDS[0])
    assert domain.is_of(entry, anna) is None
    domain.labelled([Entry("full_access", PEOPLE[0], SIDS[0])], [anna], lambda _entry, _trustee: False)
    assert domain.is_of(entry, anna) is True
    assert domain.is_of(Entry("full_access", "Anna", SIDS[1]), anna) is False


def test_strangers_of_one_name_are_told_apart() -> None:
    entries = [
        Entry("full_access", "Anna", SIDS[0]),
        Entry("send_as", "anna", SIDS[1]),
        Entry("send_as", "Bert", SIDS[2]),
    ]
    labels = [label for label, _entry in domain.labelled(entries, [], lambda _entry, _trustee: False)]
    assert labels == [f"Anna ({SIDS[0]})", f"anna ({SIDS[1]})", "Bert"]


# --- the plan

LISTS = st.lists(st.sampled_from(PEOPLE), max_size=4)
WISHES = st.one_of(
    st.fixed_dictionaries({"set": LISTS}),
    st.fixed_dictionaries({"add": LISTS, "remove": LISTS}).filter(lambda one: not set(one["add"]) & set(one["remove"])),
)


@given(LISTS, WISHES)
def test_the_goal_is_reached_and_then_stays(held: list[str], wish: dict[str, list[str]]) -> None:
    want = {"regrant": False, "full_access": {"set": None, "add": None, "remove": None, **wish}}
    before = domain.state_of("1", [(one, Entry("full_access", one)) for one in held], ["full_access"])
    after = domain.goal(want, before, names.goal)
    assert names.same(domain.goal(want, after, names.goal)["full_access"], after["full_access"])
    got = {one.casefold() for one in after["full_access"]}
    if "set" in wish:
        assert got == {one.casefold() for one in wish["set"]}
    else:
        assert got == ({*held} | {*wish["add"]}) - {*wish["remove"]}


def test_denied_entries_are_no_access() -> None:
    held = [
        ("a", Entry("full_access", "a", deny=True)),
        ("b", Entry("full_access", "b")),
        ("b", Entry("full_access", "b")),
    ]
    state = domain.state_of("1", held, ["full_access"])
    assert state["full_access"] == ["b"]
    assert state["denied"] == [{"trustee": "a", "permission": "full_access"}]
    assert state["send_as"] is None


def test_both_given_and_taken_is_a_contradiction() -> None:
    want = {"send_as": {"set": None, "add": ["Anna"], "remove": ["anna@x"]}}
    with pytest.raises(ValueError, match="a is to be added and removed"):
        domain.canonical(want, lambda _name, _receives: "a")


def test_granting_anew_needs_somebody() -> None:
    want = {"regrant": True, "auto_mapping": False, "full_access": {"set": None, "add": None, "remove": ["a"]}}
    with pytest.raises(ValueError, match="regrant needs full_access"):
        domain.goal(want, {"full_access": []}, names.goal)
    want["full_access"] = {"set": None, "add": ["A", "c"], "remove": None}
    assert domain.goal(want, {"full_access": ["a"]}, names.goal)[domain.APPLIED] is False
    assert domain.regranted(want, {"full_access": ["a", "b"]}) == ["a"]


# --- the report

BOX = {"id": "m1", "display_name": "Info", "primary_address": "info@contoso.example", "type": "SharedMailbox"}
ENTRIES = st.lists(
    st.builds(
        Entry,
        kind=st.sampled_from(domain.KINDS),
        shown=st.sampled_from([*PEOPLE, "Anna", *SIDS, '=cmd|"x", y']),
        sid=st.sampled_from([None, *SIDS]),
        deny=st.booleans(),
    ),
    max_size=12,
)


def everybody() -> Known:
    """Three people, two of them with one display name."""
    known = Known()
    for number, name in enumerate(("Anna", "Anna", "Bert")):
        known.add(person(number, name))
    return known


@given(ENTRIES, ENTRIES)
def test_both_indexes_and_the_table_tell_the_same(first: list[Entry], second: list[Entry]) -> None:
    other = {**BOX, "id": "m2", "primary_address": "zwei@contoso.example"}
    known = everybody()
    found = [*report.lines(BOX, first, known), *report.lines(other, second, known)]
    mailboxes = report.by_mailbox([BOX, other], found)
    one = {(box["primary_address"], kind, who) for box in mailboxes for kind in domain.KINDS for who in box[kind]} | {
        (box["primary_address"], entry["permission"], entry["trustee"], "denied")
        for box in mailboxes
        for entry in box["denied"]
    }
    trustees = report.by_trustee(found)
    two = {(box, kind, who["name"]) for who in trustees for kind in domain.KINDS for box in who[kind]} | {
        (entry["mailbox"], entry["permission"], who["name"], "denied") for who in trustees for entry in who["denied"]
    }
    assert {tuple(str(part).casefold() for part in item) for item in one} == {
        tuple(str(part).casefold() for part in item) for item in two
    }
    rows = list(csv.DictReader(io.StringIO(report.table(found), newline="")))
    assert len(rows) == len(found)
    assert [(line["mailbox"], line["permission"]) for line in rows] == [
        (line.mailbox["primary_address"], line.entry.kind) for line in found
    ]
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in rows for cell in line.values())


def test_a_name_of_two_is_nobody_in_particular() -> None:
    (line,) = report.lines(BOX, [Entry("full_access", "Anna", SIDS[4])], everybody())
    assert (line.label, line.kind, line.id) == (f"Anna ({SIDS[4]})", report.UNKNOWN, None)
    (line,) = report.lines(BOX, [Entry("full_access", "Bert", SIDS[4])], everybody())
    assert (line.label, line.id) == (PEOPLE[2], "id-2")
    (line,) = report.lines(BOX, [Entry("full_access", SIDS[5], SIDS[5])], everybody())
    assert (line.label, line.kind) == (SIDS[5], report.GONE)


def test_members_have_what_their_group_has() -> None:
    known = everybody()
    group = Trustee(
        "rechte@contoso.example", "g1", "MailUniversalSecurityGroup", frozenset({"g1"}), frozenset({"rechte"})
    )
    known.add(group)
    found = report.lines(BOX, [Entry("send_as", "Rechte", SIDS[3])], known)
    found = report.expanded(found, {"g1": [person(0), person(2)]})
    assert [line.via for line in found] == [None, group.label, group.label]
    assert report.by_mailbox([BOX], found)[0]["send_as"] == [group.label]
    by_group = {who["name"]: who["by_group"] for who in report.by_trustee(found)}
    held = [{"mailbox": BOX["primary_address"], "permission": "send_as", "group": group.label}]
    assert by_group == {group.label: [], PEOPLE[0]: held, PEOPLE[2]: held}
    assert all(who["sid"] is None for who in report.by_trustee(found) if who["name"] != group.label)


def test_two_of_one_label_keep_apart() -> None:
    known = Known()
    for number in (1, 2):
        row = {"ObjectId": f"o-{number}", "DisplayName": "Scanner", "Sid": SIDS[number]}
        known.add(domain.service_principal(row))
    assert [one.label for one in known.trustees] == ["Scanner", "Scanner (o-2)"]
    (line,) = report.lines(BOX, [Entry("full_access", "Scanner", SIDS[2])], known)
    assert line.label == "Scanner (o-2)"
