# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules for users and groups that the cloud masters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from contract_cases import Case, Options
from contract_cases_applications import ANNA, GROUP, SALES, WAREHOUSE, application, everything
from contract_ground import Ground
from contract_runners import forget, in_controller

from lab.state import Group, User
from lab.tokens import GRAPH

Look = Callable[[Ground], Any]


def group_of(ground: Ground, unique_name: str = "dienstkonten") -> Group:
    """The one group of a unique name."""
    (one,) = [found for found in ground.tenant.groups.values() if found.unique_name == unique_name]
    return one


def group(title: str, options: dict[str, Any], proof: Look, **more: Any) -> Case:
    """A group that comes out as asked for; unless named, it is one that is there."""
    return Case("entra_group", title, {"group": "Verkauf", **options}, proof=proof, **more)


def no_group(title: str, options: dict[str, Any], *said: str, **more: Any) -> Case:
    """A group that is refused."""
    return Case("entra_group", title, {"group": "Verkauf", **options}, refused=said, **more)


def there(*members: str, owned_by: tuple[str, ...] = (), **attributes: Any) -> Look:
    """A group that is there, with users as members by the beginning of their names."""

    def change(ground: Ground) -> None:
        ids = [ground.user(name).id for name in members]
        owners = [ground.user(name).id for name in owned_by]
        one = Group(ground.tenant.new_id(), "Verkauf", ids, unique_name="verkauf", owners=owners, **attributes)
        ground.tenant.groups[one.id] = one

    return change


def has_members(*names: str, unique_name: str = "verkauf", part: str = "members") -> Look:
    """Exactly these users are members, by the beginning of their names."""

    def look(ground: Ground) -> None:
        assert sorted(getattr(group_of(ground, unique_name), part)) == sorted(ground.user(name).id for name in names)

    return look


def is_new_group(ground: Ground) -> None:
    """It is a security group under its unique name, without members."""
    one = group_of(ground)
    assert (one.display_name, one.mail_nickname, one.security_enabled) == ("dienstkonten", "dienstkonten", True)
    assert (one.unified, one.members, one.owners, one.description) == (False, [], [], None)


def is_new_team(ground: Ground) -> None:
    """It is a private Microsoft 365 group with everything that was declared."""
    one = group_of(ground)
    assert (one.display_name, one.description, one.visibility) == ("Dienstkönten", "Für alle", "Private")
    assert (one.unified, one.security_enabled, one.mail_nickname) == (True, False, "dienste")
    assert one.members == [ground.user("anna.schaefer").id]
    assert one.owners == [ground.user("vertrieb").id]


def many(count: int) -> list[str]:
    """The principal names of so many users of the scenario and made-up ones."""
    return [f"dienst{number}@contoso.example" for number in range(count)]


def many_users(ground: Ground) -> None:
    """45 more users, one of them a member already."""
    tenant = ground.tenant
    for name in many(45):
        user = User(tenant.new_id(), name, name.partition("@")[0], tenant.clock.now())
        tenant.users[user.id] = user
    there("dienst7")(ground)


def holds_many(ground: Ground) -> None:
    """All of them are members, and each request has added twenty at most."""
    assert len(group_of(ground, "verkauf").members) == 45


def nested(ground: Ground) -> None:
    """A group and the service principal of an application are members."""
    inner = next(one.id for one in ground.tenant.groups.values() if one.display_name == GROUP)
    assert set(group_of(ground, "verkauf").members) == {inner, application(ground).service_principal_id}


def second(ground: Ground) -> None:
    """Another group has the same display name."""
    one = Group(ground.tenant.new_id(), "Verkauf")
    ground.tenant.groups[one.id] = one


def nameless(ground: Ground) -> None:
    """The group has no unique name, as groups made in the portal have none."""
    there("anna.schaefer")(ground)
    group_of(ground, "verkauf").unique_name = None


def described(ground: Ground) -> None:
    """It has its description, its member still, and no second one was made."""
    (one,) = [found for found in ground.tenant.groups.values() if found.display_name == "Verkauf"]
    assert (one.description, one.members, one.unique_name) == ("Neu", [ground.user("anna.schaefer").id], None)


TEAM = {"group": "dienstkonten", "kind": "microsoft_365", "display_name": "Dienstkönten", "description": "Für alle",
        "mail_nickname": "dienste", "members": {"set": [ANNA]}, "owners": {"add": [SALES]}}  # fmt: skip
SYNCED = "Active Directory masters this group"
NEW_GROUP = frozenset({"id", "mail"})
GROUPS = [
    group("a new one", {"group": "dienstkonten"}, is_new_group, decided=NEW_GROUP, removed=True),
    group("a new Microsoft 365 group with everything", TEAM, is_new_team, decided=NEW_GROUP, removed=True),
    group("its members exactly", {"members": {"set": [ANNA.upper()]}}, has_members("anna.schaefer"),
          prepare=there("vertrieb", "info")),
    group("one for another", {"members": {"add": [ANNA], "remove": [SALES]}}, has_members("anna.schaefer", "info"),
          prepare=there("vertrieb", "info")),
    group("is so already", {"members": {"set": [ANNA]}, "description": "", "display_name": "Verkauf", "kind": "security"},
          has_members("anna.schaefer"), prepare=there("anna.schaefer"), changes=False),
    group("no description any more", {"description": ""}, has_members(), prepare=there(description="Alt")),
    group("nobody", {"members": {"set": []}}, has_members(), prepare=there("vertrieb", "info")),
    group("nothing declared is nothing changed", {}, has_members("vertrieb"), prepare=there("vertrieb"), changes=False),
    group("many members", {"members": {"add": many(45)}}, holds_many, prepare=many_users),
    group("a group and an application as members", {"members": {"set": [GROUP.lower(), WAREHOUSE]}}, nested,
          prepare=there("info")),
    group("the owner of a Microsoft 365 group replaced", {"owners": {"set": [ANNA]}},
          has_members("anna.schaefer", part="owners"), prepare=there(unified=True, owned_by=("vertrieb",))),
    group("one that was made in the portal", {"description": "Neu"}, described, prepare=nameless),
    no_group("two of its name", {"description": "Neu"}, "2 groups are called Verkauf", "by its object id",
             prepare=everything(nameless, second)),
    no_group("no such member", {"members": {"add": ["niemand@contoso.example"]}}, "There is no user, group or enterprise",
             prepare=there()),
    no_group("two such members", {"members": {"add": ["Doppelt"]}}, "2 enterprise applications are called Doppelt",
             prepare=there()),
    no_group("Active Directory masters it", {"members": {"add": [ANNA]}}, SYNCED,
             prepare=there(on_premises_sync_enabled=True)),
    no_group("Active Directory masters it, also its end", {"state": "absent"}, SYNCED,
             prepare=there(on_premises_sync_enabled=True)),
    no_group("Exchange masters it", {"members": {"add": [ANNA]}}, "Exchange masters this group",
             prepare=there(mail="verkauf@contoso.example")),
    no_group("its rule decides", {"members": {"add": [ANNA]}}, "The rule of this dynamic group decides",
             prepare=there(membership_rule='user.department -eq "Vertrieb"')),
    no_group("another kind", {"kind": "microsoft_365"}, "none becomes a microsoft_365 group", prepare=there()),
    no_group("a new one by an object id", {"group": "7c9e2f10-3b58-4d61-9a7e-2f4c8b1d6e05"}, "no group with this object id"),
]  # fmt: skip

# Users


NAME = "dienst@contoso.example"


def password_file(ground: Ground, name: str = "dienst.yml") -> dict[str, Any]:
    """A file for the password."""
    return {"file": {"path": str(ground.sinks / name), "prefix": "kennwort"}}


def kept(ground: Ground, name: str = "dienst.yml") -> dict[str, Any]:
    """What the file holds."""
    path = ground.sinks / name
    found: dict[str, Any] = yaml.safe_load(path.read_text()) if path.exists() else {}
    return found or {}


def wish(options: dict[str, Any], sink: bool) -> Callable[[Ground], Options]:
    """The options of a user, with or without a sink."""
    return lambda ground: {"user": NAME, **({"sink": password_file(ground)} if sink else {}), **options}


def user(title: str, options: dict[str, Any], proof: Look, *, sink: bool = True, **more: Any) -> Case:
    """A user that comes out as asked for."""
    return Case("entra_user", title, wish(options, sink), proof=proof, **more)


def no_user(title: str, options: dict[str, Any], *said: str, sink: bool = True, **more: Any) -> Case:
    """A user that is refused."""
    return Case("entra_user", title, wish(options, sink), refused=said, **more)


def ran(ground: Ground, **options: Any) -> None:
    """Run the module once, so that the user and its password are there."""
    result = in_controller("entra_user", {**ground.cloud(), **wish(options, sink=True)(ground)})
    assert not result.get("failed"), result["msg"]
    forget()


def later(seconds: float) -> Look:
    """Time goes by, and all that falls due meanwhile is done."""

    def change(ground: Ground) -> None:
        ground.control("POST", "clock", {"advance": seconds})
        ground.tenant.deleted_applications.clear()

    return change


def password_works(ground: Ground, name: str = "dienst") -> None:
    """The password in the file is the user's, and long; nothing waits, and the file is nobody else's to read."""
    record = kept(ground)
    asked = {"user": ground.user(name).user_principal_name, "password": record["kennwort"]}
    assert ground.control("POST", "password", asked)["works"]
    assert len(record["kennwort"]) >= 32
    assert not [key for key in record if key.startswith("kennwort_next")]
    assert (ground.sinks / "dienst.yml").stat().st_mode & 0o777 == 0o600
    assert ground.user(name).account_enabled or name != "dienst"


def is_new_user(ground: Ground) -> None:
    """It is there with its password and nothing else."""
    password_works(ground)
    one = ground.user("dienst")
    assert (one.display_name, one.mail_nickname, one.licenses, one.mailbox) == ("dienst", "dienst", [], None)


def is_declared_user(ground: Ground) -> None:
    """All that was declared of it is so."""
    record, one = kept(ground), ground.user("dienst")
    assert one.password == record["kennwort"]
    assert (one.display_name, one.given_name, one.surname) == ("Dienstkonto Süd", "Dienst", "Konto")
    assert (one.mail_nickname, one.usage_location, one.department, one.job_title) == (
        "dienstsued",
        "DE",
        "IT",
        "Archiv",
    )
    assert (one.account_enabled, one.extra["passwordPolicies"]) == (False, "DisablePasswordExpiration")


def has(**attributes: Any) -> Look:
    """Attributes of the user have values."""

    def look(ground: Ground) -> None:
        one = ground.user("dienst")
        assert {name: getattr(one, name) for name in attributes} == attributes

    return look


def forgotten(ground: Ground) -> None:
    """The file with the password is lost."""
    ran(ground)
    (ground.sinks / "dienst.yml").unlink()


def left_waiting(made: bool) -> Look:
    """A run was ended when the password stood in the sink: after the user was made with it, or before."""

    def change(ground: Ground) -> None:
        ran(ground)
        path = ground.sinks / "dienst.yml"
        waiting = {key.replace("kennwort", "kennwort_next"): value for key, value in kept(ground).items()}
        path.write_text(yaml.safe_dump({key: value for key, value in waiting.items() if "delivered" not in key}))
        if not made:
            ground.tenant.users.pop(ground.user("dienst").id)

    return change


def half_reset(ground: Ground) -> None:
    """A run was ended when the next password stood in the sink, and the user still had the one before."""
    ran(ground)
    path, record = ground.sinks / "dienst.yml", kept(ground)
    waiting = {
        key.replace("kennwort", "kennwort_next"): value for key, value in record.items() if "delivered" not in key
    }
    waiting |= {
        "kennwort_next": "Noch-nicht-vergeben~3kX9aQ.7w_2mN4bV6cZ1",
        "kennwort_next_key_id": "password-0a1b2c3d",
    }
    path.write_text(yaml.safe_dump(record | waiting))


def changed_elsewhere(ground: Ground) -> None:
    """Somebody changes the password an hour later."""
    ran(ground)
    later(3600)(ground)
    one = ground.user("dienst")
    one.password, one.password_changed_at = "Von-Hand-2026", ground.tenant.clock.now()


def foreign_sink(ground: Ground) -> None:
    """The file holds the password of another user."""
    ran(ground)
    path = ground.sinks / "dienst.yml"
    path.write_text(path.read_text().replace(NAME, "anderer@contoso.example"))


def gone_before(ground: Ground) -> None:
    """A user of this name was deleted."""
    ran(ground)
    one = ground.user("dienst")
    ground.tenant.deleted_users[one.id] = ground.tenant.users.pop(one.id)
    one.deleted_at = ground.tenant.clock.now()
    (ground.sinks / "dienst.yml").unlink()


def without_reset(ground: Ground) -> None:
    """The application may make users, and not give them another password."""
    ground.application.app_roles[GRAPH].remove("User-PasswordProfile.ReadWrite.All")


def helpdesk_group(ground: Ground) -> None:
    """The user holds a role by a group."""
    ran(ground)
    one = Group(ground.tenant.new_id(), "Rollen", [ground.user("dienst").id], role_assignable=True)
    ground.tenant.groups[one.id] = one
    role = next(found for found in ground.tenant.roles.values() if found.display_name == "Helpdesk Administrator")
    role.members.append(one.id)


NEW_USER = frozenset({"id"})
FULL = {"display_name": "Dienstkonto Süd", "given_name": "Dienst", "surname": "Konto", "mail_nickname": "dienstsued",
        "usage_location": "de", "department": "IT", "job_title": "Archiv", "account_enabled": False,
        "password_expires": False, "roles": []}  # fmt: skip
USERS = [
    user("a new one", {}, is_new_user, decided=NEW_USER, removed=True),
    user("a new one with everything", FULL, is_declared_user, decided=NEW_USER),
    user("a new one without the permission for other passwords", {}, is_new_user, prepare=without_reset, decided=NEW_USER),
    user("is so already", {"display_name": "dienst", "surname": "", "roles": [], "password_expires": True}, password_works,
         prepare=ran, changes=False),
    user("is so already, much later", {}, password_works, prepare=everything(ran, later(9e6)), changes=False),
    user("another name and no department", {"display_name": "Neu", "department": ""},
         has(display_name="Neu", department=None), prepare=lambda ground: ran(ground, department="IT"), sink=False),
    user("its password ends no more", {"password_expires": False}, password_works, prepare=ran),
    user("disabled", {"account_enabled": False}, has(account_enabled=False), prepare=ran),
    user("one that is there gets a password", {"user": "werkstatt4@contoso.example"},
         lambda ground: password_works(ground, "werkstatt4")),
    user("one that is there keeps its password", {"user": "werkstatt4@contoso.example", "update_password": "on_create"},
         lambda ground: kept(ground) == {} or 1 / 0, changes=False),
    user("the file is lost", {}, password_works, prepare=forgotten),
    user("ended before the user was made", {}, is_new_user, prepare=left_waiting(made=False), decided=NEW_USER),
    user("ended after the user was made", {}, password_works, prepare=left_waiting(made=True)),
    user("ended after the user was made, and only new ones get one", {"update_password": "on_create"}, password_works,
         prepare=left_waiting(made=True)),
    user("ended before another password was given", {}, password_works, prepare=half_reset),
    user("somebody has changed the password", {}, password_works, prepare=changed_elsewhere),
    user("somebody has changed the password, and may", {"update_password": "on_create"}, has(password="Von-Hand-2026"),
         prepare=changed_elsewhere, changes=False),
    user("a new one in the place of a deleted one", {"replace_deleted": True}, is_new_user, prepare=gone_before,
         decided=NEW_USER),
    user("the country of one that Active Directory masters", {"user": "lager@contoso.example", "usage_location": "AT"},
         lambda ground: ground.user("lager").usage_location == "AT" or 1 / 0, sink=False),
    no_user("a new one without a sink", {}, "A new user needs sink", sink=False),
    no_user("one was deleted", {}, "A user of this name was deleted on", "replace_deleted", prepare=gone_before),
    no_user("an object id that nobody has", {"user": "7c9e2f10-3b58-4d61-9a7e-2f4c8b1d6e05"}, "no user with this object id"),
    no_user("Active Directory masters it", {"user": "lager@contoso.example", "display_name": "Neu"},
            "Active Directory masters this user", sink=False),
    no_user("Active Directory masters it, also its end", {"user": "lager@contoso.example", "state": "absent"},
            "Active Directory masters this user", sink=False),
    no_user("Active Directory masters it, also its password", {"user": "lager@contoso.example"},
            "Active Directory masters this user"),
    no_user("it holds a role", {"user": "it@contoso.example", "roles": []}, "It holds administrative roles: Helpdesk", sink=False),
    no_user("it holds a role by a group", {"roles": []}, "It holds administrative roles: Helpdesk Administrator",
            prepare=helpdesk_group),
    no_user("the sink holds the password of another one", {}, "another user or application, anderer@", prepare=foreign_sink),
    no_user("no such folder", {"sink": {"file": {"path": "/nirgends/dienst.yml"}}}, "nirgends"),
]  # fmt: skip

CASES = [*GROUPS, *USERS]
