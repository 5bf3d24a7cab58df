# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules for users and groups that the cloud masters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_cases import Case
from contract_cases_applications import ANNA, GROUP, SALES, WAREHOUSE, application, everything
from contract_ground import Ground

from lab.state import Group, User

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

CASES = GROUPS
