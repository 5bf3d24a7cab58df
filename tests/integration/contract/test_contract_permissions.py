# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions on sets of mailboxes, and what goes wrong with sets: never a short one, and nobody who was not meant."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from contract_cases_permissions import ANNA, FULL, GONE, INFO, RIGHTS, holding, on_behalf, opens, sender
from contract_ground import Ground
from contract_refusals import refusal
from contract_runners import forget, in_controller
from test_contract_bad_values import NAMES

from lab.exchange.principals import sid_of
from lab.generator import generate, permit
from lab.state import Contact, Group

ADD_ANNA = {"full_access": {"add": [ANNA]}}
SHARED = "RecipientTypeDetails -eq 'SharedMailbox'"


def run(ground: Ground, check_mode: bool = False, **wish: Any) -> dict[str, Any]:
    """Run the module; without a word of a kind, Anna gets FullAccess."""
    kinds = {"full_access", "send_as", "send_on_behalf", "aggregate"}
    more = {} if kinds & set(wish) else ADD_ANNA
    return in_controller("mailbox_permission", {**ground.cloud(), **more, **wish}, check_mode)


def mailboxes(result: dict[str, Any]) -> list[str]:
    """The mailboxes of a result by the part of their name before the @."""
    return sorted(entry["mailbox"].partition("@")[0] for entry in result["results"])


def opened(ground: Ground) -> list[str]:
    """The mailboxes that Anna may open."""
    anna, held = ground.user("anna.schaefer").id, ground.tenant.exchange.mailbox_grants
    keys = [key for key, grants in held.items() if any(grant.trustee == anna for grant in grants)]
    return sorted(ground.tenant.users[key].user_principal_name.partition("@")[0] for key in keys)


def add_group(ground: Ground, name: str, *members: str, key: str, security: bool = False) -> None:
    """A group with an address; members are names of users, or ids of other objects."""
    group = Group(key, name, mail=f"{name.lower()}@contoso.example", security_enabled=security)
    group.proxy_addresses = [f"SMTP:{group.mail}"]
    group.members = [one if one.startswith("5e1f") or one == "kontakt" else ground.user(one).id for one in members]
    ground.tenant.groups[key] = group


def shared(ground: Ground) -> list[str]:
    """All shared mailboxes."""
    found = [
        user for user in ground.tenant.users.values() if user.mailbox and user.mailbox.type_details == "SharedMailbox"
    ]
    return sorted(user.user_principal_name.partition("@")[0] for user in found)


# --- sets


def test_who_has_left_the_set_is_closed_again(ground: Ground) -> None:
    given = run(ground, mailboxes=[INFO, "vertrieb"], send_as={"add": [ANNA]}, full_access={"add": [ANNA]})
    assert given["changed"] is True, given["msg"]
    before = deepcopy(ground.tenant.exchange.send_as)
    wish = {"mailboxes": [INFO], "elsewhere": "remove"}
    forget()
    planned = run(ground, True, **wish)
    assert opened(ground) == ["info", "vertrieb"]
    done = run(ground, **wish)
    assert [(one["mailbox"], one["changed"]) for one in done["results"]] == [
        (INFO, False),
        ("vertrieb@contoso.example", True),
    ]
    assert planned["diff"] == done["diff"]
    assert opened(ground) == ["info"]
    assert ground.tenant.exchange.send_as == before, "only what the set is given is taken elsewhere"
    again = run(ground, **wish)
    assert (again["changed"], mailboxes(again)) == (False, ["info"])


def test_an_exception_is_elsewhere(ground: Ground) -> None:
    run(ground, filter=SHARED)
    done = run(ground, filter=SHARED, **{"except": ["info"], "elsewhere": "remove"})
    assert done["changed"] is True
    assert "info" not in opened(ground)
    assert len(opened(ground)) == len(shared(ground)) - 1


def test_one_mailbox_has_no_elsewhere(ground: Ground) -> None:
    result = run(ground, mailbox=INFO, elsewhere="remove")
    assert "one mailbox is no set" in result["msg"]


def test_nothing_is_taken_away_elsewhere_that_could_not_be_read(ground: Ground) -> None:
    run(ground, mailboxes=[INFO, "vertrieb"])
    forget()
    ground.tenant.switches["exchange_malformed"] = ["vertrieb@contoso.example"]
    done = run(ground, mailboxes=[INFO], elsewhere="remove")
    assert done["failed"] is True
    assert "vertrieb" in done["msg"]
    assert opened(ground) == ["info", "vertrieb"]


def test_a_set_without_a_mailbox_takes_nothing_away_elsewhere(ground: Ground) -> None:
    run(ground, mailboxes=[INFO, "vertrieb"])
    forget()
    done = run(ground, filter="Alias -eq 'inof'", elsewhere="remove")
    assert "no mailbox is in the set" in done["msg"], done
    assert opened(ground) == ["info", "vertrieb"]
    closed = run(ground, mailboxes=[], elsewhere="remove")
    assert not closed.get("failed"), closed["msg"]
    assert opened(ground) == [], "an empty list says what it means"


@pytest.mark.parametrize("check_mode", [True, False])
def test_names_filters_and_all_are_sets(ground: Ground, check_mode: bool) -> None:
    for wish, expected in (
        ({"mailboxes": [INFO, "vertrieb"]}, ["info", "vertrieb"]),
        ({"filter": SHARED}, shared(ground)),
        ({"all": True}, sorted(user.user_principal_name.partition("@")[0]
                               for user in ground.tenant.users.values() if user.mailbox)),
    ):  # fmt: skip
        result = run(ground, check_mode, **wish)
        assert not result.get("failed"), result["msg"]
        assert mailboxes(result) == expected
        assert len(result["resource"]) == len(expected)
        assert all(ANNA in entry["full_access"] for entry in result["resource"])
    assert bool(opened(ground)) is not check_mode
    assert bool(ground.writes()) is not check_mode


def test_a_set_is_changed_once_and_then_no_more(ground: Ground) -> None:
    assert run(ground, filter=SHARED)["changed"]
    assert opened(ground) == shared(ground)
    ground.world.journal.clear()
    again = run(ground, filter=SHARED)
    assert not again["changed"]
    assert again["diff"] == []
    assert ground.writes() == []


def test_a_set_of_one_mailbox_is_a_set(ground: Ground) -> None:
    result = run(ground, filter="UserPrincipalName -eq 'info@contoso.example'")
    assert [entry["mailbox"] for entry in result["results"]] == [INFO]
    assert len(result["resource"]) == 1


def test_an_empty_set_changes_nothing(ground: Ground) -> None:
    result = run(ground, filter="UserPrincipalName -eq 'niemand@contoso.example'")
    assert not result.get("failed")
    assert (result["changed"], result["results"]) == (False, [])


def test_exceptions_are_left_alone(ground: Ground) -> None:
    result = run(ground, filter=SHARED, **{"except": ["kontakt@contoso.example", "Messebüro", ANNA]})
    assert not result.get("failed"), result["msg"]
    assert opened(ground) == [name for name in shared(ground) if name not in ("info", "messe")]


def test_named_mailboxes_have_exceptions_too(ground: Ground) -> None:
    run(ground, mailboxes=[INFO, "kontakt@contoso.example", "vertrieb"], **{"except": ["vertrieb@contoso.example"]})
    assert opened(ground) == ["info"]


def test_an_exception_that_is_no_mailbox_fails(ground: Ground) -> None:
    result = run(ground, all=True, **{"except": ["nirgends@contoso.example"]})
    assert "There is no mailbox nirgends@contoso.example" in result["msg"]
    assert ground.writes() == []


def test_an_exception_that_two_are_called_fails(ground: Ground) -> None:
    result = run(ground, all=True, **{"except": ["Doppelt"]})
    assert "2 mailboxes are called Doppelt" in result["msg"]
    assert "doppelt1@contoso.example" in result["msg"]
    assert ground.writes() == []


def test_a_group_is_its_mailboxes_and_those_of_groups_inside(ground: Ground) -> None:
    inner, outer = "5e1f0a77-0000-4000-8000-00000000000a", "5e1f0a77-0000-4000-8000-00000000000b"
    ground.tenant.contacts["kontakt"] = Contact("kontakt", "Kontakt", proxy_addresses=["SMTP:k@partner.example"])
    add_group(ground, "Innen", "vertrieb", "info", key=inner, security=True)
    add_group(ground, "Aussen", "info", "werkstatt1", "kontakt", inner, key=outer)
    # Each contains the other, and the outer one itself.
    ground.tenant.groups[inner].members.append(outer)
    ground.tenant.groups[outer].members.append(outer)
    result = run(ground, group="aussen@contoso.example")
    assert not result.get("failed"), result["msg"]
    assert mailboxes(result) == ["info", "vertrieb"]
    assert opened(ground) == ["info", "vertrieb"]


def test_a_group_inside_that_cannot_be_listed_leaves_no_short_set(ground: Ground) -> None:
    inner, outer = "5e1f0a77-0000-4000-8000-00000000000a", "5e1f0a77-0000-4000-8000-00000000000b"
    add_group(ground, "Innen", "vertrieb", key=inner)
    add_group(ground, "Aussen", "info", inner, key=outer)
    ground.tenant.groups[inner].unified = True
    result = run(ground, group="aussen@contoso.example", elsewhere="remove")
    assert "Innen" in result["msg"], result
    assert "cannot be listed" in result["msg"]
    assert ground.writes() == []


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"group": "Keine"}, "There is no group Keine"),
        ({"group": INFO}, "is a SharedMailbox"),
        ({"filter": "Quatsch"}, "Invalid filter syntax"),
        ({"filter": "  "}, "filter: it is empty"),
        ({"all": False}, "all: false names no mailbox"),
        ({"mailboxes": [INFO, " "]}, "One of the names of mailboxes is empty"),
        ({"mailbox": INFO, "all": True}, "mutually exclusive"),
        ({"mailbox": INFO, "except": [ANNA]}, "mutually exclusive"),
        ({"group": "x", "filter": "y"}, "mutually exclusive"),
        ({}, "one of the following is required"),
    ],
)
def test_what_is_no_set_is_refused(ground: Ground, wish: dict[str, Any], said: str) -> None:
    result = run(ground, **wish)
    assert result["failed"]
    assert said in result["msg"], result["msg"]
    assert ground.writes() == []


def test_a_task_needs_a_permission(ground: Ground) -> None:
    result = in_controller("mailbox_permission", {**ground.cloud(), "mailbox": INFO}, False)
    assert "one of the following is required: full_access" in result["msg"]
    assert ground.requests() == []


def test_sets_stand_beside_names_in_one_task(ground: Ground) -> None:
    entries = [{"filter": "Alias -eq 'info'", **ADD_ANNA}, {"mailbox": "vertrieb", "send_as": {"add": ["archiv"]}}]
    result = run(ground, aggregate=entries)
    assert not result.get("failed"), result["msg"]
    assert [entry["mailbox"] for entry in result["results"]] == [INFO, "vertrieb"]
    assert opened(ground) == ["info"]


def test_a_set_that_fails_does_not_stop_the_others(ground: Ground) -> None:
    entries = [{"group": "Keine"}, {"filter": "Alias -eq 'info'"}]
    result = run(ground, **ADD_ANNA, aggregate=entries)
    assert result["msg"].startswith("1 of 2 failed. group=Keine: There is no group Keine")
    assert opened(ground) == ["info"]


def test_the_same_mailbox_in_two_sets_is_refused(ground: Ground) -> None:
    result = run(ground, **ADD_ANNA, aggregate=[{"filter": "Alias -eq 'info'"}, {"filter": SHARED}])
    assert "Several entries name the same mailbox: info@contoso.example." in result["msg"]
    assert ground.writes() == []


def test_the_same_mailbox_under_two_names_is_refused(ground: Ground) -> None:
    info = ground.user("info").id
    entries = [{"mailbox": INFO, "full_access": {"add": [ANNA]}}, {"mailbox": info, "full_access": {"remove": [ANNA]}}]
    result = run(ground, aggregate=entries, concurrency=1)
    assert [bool(one.get("failed")) for one in result["results"]] == [False, True]
    assert f"the same mailbox as {INFO}" in result["results"][1]["msg"]
    assert opened(ground) == ["info"]


def test_the_same_mailbox_twice_in_one_set_is_no_contradiction(ground: Ground) -> None:
    result = run(ground, mailboxes=[INFO, ground.user("info").id])
    assert not result.get("failed"), result["msg"]
    assert opened(ground) == ["info"]


# --- bad input


@pytest.mark.parametrize("kind", [kind for kind in NAMES if kind not in ("newline",)])
@pytest.mark.parametrize("option", ["full_access", "send_on_behalf"])
def test_an_impossible_trustee_is_nobody(ground: Ground, option: str, kind: str) -> None:
    refusal(ground, "mailbox_permission", {"mailbox": INFO, option: {"add": [NAMES[kind]]}})


@pytest.mark.parametrize("kind", [kind for kind in NAMES if kind not in ("newline", "wildcard")])
def test_an_impossible_set_is_none(ground: Ground, kind: str) -> None:
    wishes: list[dict[str, Any]] = [{"group": NAMES[kind]}, {"all": True, "except": [NAMES[kind]]}]
    if not kind.startswith("long"):
        # What Exchange says of a filter repeats it, and nobody cuts the service short.
        wishes.append({"filter": NAMES[kind]})
    for wish in wishes:
        refusal(ground, "mailbox_permission", {**wish, **ADD_ANNA})


def test_a_mailbox_that_vanishes_is_the_only_one_to_fail(ground: Ground) -> None:
    ground.tenant.switches["exchange_vanished"] = ["vertrieb@contoso.example"]
    result = run(ground, filter=SHARED)
    assert result["msg"].startswith(f"1 of {len(shared(ground))} failed. mailbox=vertrieb@contoso.example: There is no")
    assert opened(ground) == [name for name in shared(ground) if name != "vertrieb"]


def test_a_page_link_that_expires_leaves_no_short_set(ground: Ground) -> None:
    ground.world.tenant = generate(1_200, 1, ground.scenario)
    ground.tenant.switches["exchange_page_seconds"] = 0
    forget()
    result = run(ground, all=True)
    assert "Expired or Invalid pagination request" in result["msg"]
    assert "gave up the list half-way" in result["msg"]
    assert ground.writes() == []


def test_a_list_that_is_cut_short_is_no_set(ground: Ground) -> None:
    words = "There are more results available than are currently displayed. To view them, increase ResultSize."
    body = {"value": [], "@adminapi.warnings": [words]}
    ground.fault("status", status=200, body=body, match={"cmdlet": "Get-Mailbox"})
    result = run(ground, all=True)
    assert "The list is not complete" in result["msg"]
    assert ground.writes() == []


def test_an_entry_that_cannot_be_read_is_not_passed_over(ground: Ground) -> None:
    holding(("archiv", FULL))(ground)
    ground.tenant.switches["exchange_malformed"] = [INFO]
    result = run(ground, mailboxes=[INFO, "vertrieb"], full_access={"set": [ANNA]})
    assert result["msg"].startswith("1 of 2 failed. mailbox=info@contoso.example: Exchange's answer about")
    assert "comes without rights" in result["msg"]
    assert opened(ground) == ["vertrieb"]


@pytest.mark.parametrize("cmdlet", ["Get-MailboxPermission", "Get-RecipientPermission", "Get-Mailbox"])
def test_what_cannot_be_read_is_not_changed(ground: Ground, cmdlet: str) -> None:
    ground.fault("status", status=403, match={"cmdlet": cmdlet}, times=None)
    ground.fault("status", status=403, match={"cmdlet": cmdlet, "member": True}, times=None)
    wish = {"full_access": {"set": []}, "send_as": {"set": []}, "send_on_behalf": {"set": []}}
    result = run(ground, mailbox=INFO, **wish)
    assert result["failed"]
    assert ground.writes() == []


def test_a_trustee_is_looked_up_once(ground: Ground) -> None:
    ground.world.journal.clear()
    run(ground, filter=SHARED, full_access={"add": [ANNA, "archiv"]})
    assert sum(request.startswith("Get-Recipient ") for request in ground.requests("exchange")) == 2


def test_a_trustee_that_is_nobody_is_looked_up_once(ground: Ground) -> None:
    result = run(ground, filter=SHARED, full_access={"add": ["niemand"]})
    assert result["msg"].startswith(f"{len(shared(ground))} of {len(shared(ground))} failed.")
    assert sum(request.startswith("Get-Recipient ") for request in ground.requests("exchange")) == 1


def test_a_namesake_is_told_apart_once(ground: Ground) -> None:
    for name in ("info", "vertrieb", "messe"):
        holding(("archiv", FULL), mailbox=name, exchange_permission_user="name")(ground)
    ground.user("archiv").display_name = "Anna Schäfer"
    run(ground, True, filter=SHARED)
    asked = [
        entry for entry in ground.world.journal.entries if entry.cmdlet == "Get-MailboxPermission" and not entry.member
    ]
    assert len(asked) <= len(shared(ground)) + 4


def test_only_what_is_asked_for_is_read(ground: Ground) -> None:
    for kind, cmdlet in (
        ("full_access", "Get-MailboxPermission"),
        ("send_as", "Get-RecipientPermission"),
        ("send_on_behalf", "Get-Mailbox"),
    ):
        ground.world.journal.clear()
        run(ground, mailbox=INFO, **{kind: {"set": []}})
        assert {
            entry.cmdlet for entry in ground.world.journal.entries if entry.service == "exchange" and entry.cmdlet
        } == {cmdlet}


def test_a_write_whose_answer_is_lost_is_not_repeated(ground: Ground) -> None:
    ground.fault("reset_after", match={"cmdlet": "Add-MailboxPermission"})
    result = run(ground, mailbox=INFO)
    assert result["changed"], result.get("msg")
    opens("anna.schaefer")(ground)
    assert len([write for write in ground.writes() if write.startswith("Add-")]) == 1


def test_a_recipient_administrator_is_enough(ground: Ground) -> None:
    """The applications among the trustees are out of sight then, and said to be nobody."""
    role = next(role for role in ground.tenant.roles.values() if role.display_name == "Exchange Administrator")
    role.template_id = "31392ffb-586c-42d1-9346-e59415a2cc4e"
    assert run(ground, mailbox=INFO)["changed"]
    assert "There is no recipient Scanner" in run(ground, mailbox=INFO, full_access={"add": ["Scanner"]})["msg"]


def test_many_mailboxes_read_the_whole_list_of_senders(ground: Ground) -> None:
    ground.world.tenant = generate(500, 1, ground.scenario)
    permit(ground.tenant)
    forget()
    result = run(ground, True, all=True, send_as={"add": ["rechte-it@contoso.example"]})
    assert not result.get("failed"), result["msg"]
    # The second one settles whether the group is the one that is shown by this display name.
    assert len([one for one in ground.requests("exchange") if one.startswith("Get-RecipientPermission")]) == 2
    held = [entry["send_as"] for entry in result["resource"]]
    assert sum(len(names) for names in held) > len(held)


def test_what_is_left_of_somebody_goes_from_all_mailboxes(ground: Ground) -> None:
    for name in ("info", "vertrieb"):
        holding((GONE, FULL), mailbox=name)(ground)
    result = run(ground, all=True, full_access={"remove": [sid_of(GONE)]})
    changed = [entry["mailbox"] for entry in result["results"] if entry["changed"]]
    assert changed == [INFO, "vertrieb@contoso.example"]
    opens()(ground)


def test_listed_delegates_are_not_read_again(ground: Ground) -> None:
    on_behalf(RIGHTS)(ground)
    sender(RIGHTS)(ground)
    ground.world.journal.clear()
    assert not run(ground, filter=SHARED, send_on_behalf={"remove": [ANNA]})["changed"]
    assert len([one for one in ground.requests("exchange") if one.startswith("Get-Mailbox ")]) == 1
