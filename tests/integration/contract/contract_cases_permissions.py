# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules for permissions on mailboxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from contract_cases import Case
from contract_ground import Ground

from lab.exchange.principals import sid_of
from lab.state import Group
from lab.stores import MailboxGrant, PrincipalReference, SendAsGrant

Look = Callable[[Ground], Any]
INFO, ANNA, ARCHIV = "info@contoso.example", "anna.schaefer@contoso.example", "archiv@contoso.example"
# Ids that make readable tests: somebody who is gone, and two groups.
GONE = "5e1f0a77-0000-4000-8000-000000000001"
RIGHTS, LIST = "5e1f0a77-0000-4000-8000-000000000002", "5e1f0a77-0000-4000-8000-000000000003"
APPLICATION = "5e1f0a77-0000-4000-8000-000000000004"
FULL = "FullAccess"


def key_of(ground: Ground, who: str) -> str:
    """What a grant of the tenant names somebody by."""
    return who if who.startswith("5e1f0a77") else ground.user(who).id


def holding(*grants: MailboxGrant | SendAsGrant | tuple[str, ...], mailbox: str = "info", **switches: Any) -> Look:
    """Give out permissions on a mailbox before the test: who, and which rights of the mailbox."""

    def change(ground: Ground) -> None:
        groups(ground)
        now, store = ground.tenant.clock.now(), ground.tenant.exchange
        ground.tenant.switches.update(switches)
        held = ground.user(mailbox)
        for grant in grants:
            if isinstance(grant, tuple):
                who, *rights = grant
                grant = MailboxGrant(key_of(ground, who), [*rights], now)
            kind = store.send_as if isinstance(grant, SendAsGrant) else store.mailbox_grants
            grant.trustee = key_of(ground, grant.trustee) if "-" not in grant.trustee else grant.trustee
            kind.setdefault(held.id, []).append(grant)  # type: ignore[arg-type]

    return change


def groups(ground: Ground) -> None:
    """A group that can hold permissions, and one that cannot."""
    for key, name, security in ((RIGHTS, "Rechte", True), (LIST, "Verteiler", False)):
        address = f"{name.lower()}@contoso.example"
        group = Group(key, name, mail=address, proxy_addresses=[f"SMTP:{address}"], security_enabled=security)
        ground.tenant.groups.setdefault(key, group)


def sender(who: str, *, deny: bool = False) -> Callable[[Ground], None]:
    """Somebody may send as the mailbox."""

    def change(ground: Ground) -> None:
        groups(ground)
        grant = SendAsGrant(key_of(ground, who), ground.tenant.clock.now(), deny)
        ground.tenant.exchange.send_as.setdefault(ground.user("info").id, []).append(grant)

    return change


def on_behalf(*who: str, mailbox: str = "info", **switches: Any) -> Look:
    """These may send on behalf of a mailbox."""

    def change(ground: Ground) -> None:
        groups(ground)
        ground.tenant.switches.update(switches)
        held = ground.user(mailbox).mailbox
        assert held is not None
        held.extra["GrantSendOnBehalfTo"] = [key_of(ground, one) for one in who]

    return change


def both(*looks: Look) -> Look:
    """Several preparations or proofs."""
    return lambda ground: [look(ground) for look in looks]


def denied(who: str) -> Look:
    """FullAccess on the mailbox is denied to somebody."""

    def change(ground: Ground) -> None:
        grant = MailboxGrant(key_of(ground, who), [FULL], ground.tenant.clock.now(), deny=True)
        ground.tenant.exchange.mailbox_grants.setdefault(ground.user("info").id, []).append(grant)

    return change


def limited(who: str) -> Look:
    """Somebody may open the mailbox, by an entry that is not inherited below."""

    def change(ground: Ground) -> None:
        grant = MailboxGrant(key_of(ground, who), [FULL], ground.tenant.clock.now(), inheritance="None")
        ground.tenant.exchange.mailbox_grants.setdefault(ground.user("info").id, []).append(grant)

    return change


def application(ground: Ground) -> None:
    """Exchange knows an application."""
    one = PrincipalReference(APPLICATION, GONE, APPLICATION, "Scanner", ground.tenant.clock.now())
    ground.tenant.exchange.principals[one.guid] = one


def namesake(name: str) -> Look:
    """Another mailbox has Anna's display name, and FullAccess."""

    def change(ground: Ground) -> None:
        ground.user(name).display_name = "Anna Schäfer"
        holding((name, FULL), exchange_permission_user="name")(ground)

    return change


def opens(*who: str, right: str = FULL, mailbox: str = "info") -> Look:
    """Exactly these have a right on the mailbox."""

    def look(ground: Ground) -> None:
        held = ground.tenant.exchange.mailbox_grants.get(ground.user(mailbox).id, [])
        found = [grant.trustee for grant in held if right in grant.rights and not grant.deny]
        assert sorted(found) == sorted(key_of(ground, one) for one in who)

    return look


def mapped(value: bool) -> Look:
    """Every entry was given with or without auto-mapping."""

    def look(ground: Ground) -> None:
        grants = ground.tenant.exchange.mailbox_grants[ground.user("info").id]
        assert [grant.auto_mapping for grant in grants] == [value] * len(grants)

    return look


def sends_as(*who: str) -> Look:
    """Exactly these may send as the mailbox."""

    def look(ground: Ground) -> None:
        held = ground.tenant.exchange.send_as.get(ground.user("info").id, [])
        found = [grant.trustee for grant in held if not grant.deny]
        assert sorted(found) == sorted(key_of(ground, one) for one in who)

    return look


def acts_for(*who: str, mailbox: str = "info") -> Look:
    """Exactly these may send on behalf of a mailbox."""

    def look(ground: Ground) -> None:
        held = ground.user(mailbox).mailbox
        assert held is not None
        found = held.extra.get("GrantSendOnBehalfTo", [])
        assert sorted(found) == sorted(key_of(ground, one) for one in who)

    return look


def permits(title: str, proof: Look, *, prepare: Look = groups, **more: Any) -> Case:
    """A change of permissions on the mailbox; options of the module and words of the row."""
    words = {word: more.pop(word) for word in ("changes", "refused", "warned", "repeats") if word in more}
    return Case("mailbox_permission", title, {"mailbox": INFO, **more}, prepare=prepare, proof=proof, **words)


def given(title: str, *names: str, proof: Look | None = None, **more: Any) -> Case:
    """Anna, by some name, gets FullAccess."""
    return permits(title, proof or opens("anna.schaefer"), full_access={"add": [*names]}, **more)


def closed(title: str, *said: str, **more: Any) -> Case:
    """A wish that is refused."""
    return permits(title, lambda _ground: None, refused=said, **more)


def by_id(field: str, part: str = "add") -> Callable[[Ground], dict[str, Any]]:
    """Anna by her object id."""
    return lambda ground: {"mailbox": INFO, field: {part: [ground.user("anna.schaefer").id.upper()]}}


def of_sid(part: str, who: str = GONE, kind: str = "full_access") -> dict[str, Any]:
    """Somebody by security identifier."""
    return {kind: {part: [sid_of(who)]}}


def spelled(names: Iterable[str]) -> list[Case]:
    """Anna by each of her names: given once, and so already for all of them."""
    return [
        given(f"is so already, by {name}", name, prepare=holding(("anna.schaefer", FULL)), changes=False)
        for name in names
    ]


ALL_NAMES = [
    ANNA,
    "ANNA.SCHAEFER@CONTOSO.EXAMPLE",
    "anna.schaefer@contoso.onmicrosoft.example",
    "anna.schaefer",
    "Anna Schäfer",
]
OPEN = [
    given("one opens", ANNA, proof=both(opens("anna.schaefer"), mapped(True))),
    given("without auto-mapping", ANNA, auto_mapping=False, proof=both(opens("anna.schaefer"), mapped(False))),
    given("two by other names", "Anna Schäfer", "archiv", proof=opens("anna.schaefer", "archiv")),
    given("the same twice", ANNA, "Anna Schäfer"),
    given("a group", "rechte", proof=opens(RIGHTS)),
    given("an application", "Scanner", prepare=application, proof=opens(APPLICATION)),
    *spelled(ALL_NAMES),
    given("shown by display name", ANNA, prepare=holding(("anna.schaefer", FULL), exchange_permission_user="name"),
          changes=False),
    given("a group has it already", "rechte@contoso.example", prepare=holding((RIGHTS, FULL)), proof=opens(RIGHTS),
          changes=False),
    given("a namesake has it", ANNA, prepare=namesake("archiv"), proof=opens("anna.schaefer", "archiv")),
    given("beside another right", ANNA, prepare=holding(("anna.schaefer", "ReadPermission"))),
    given("it is denied as well", ANNA, prepare=denied("anna.schaefer"), warned=("full_access is denied to",)),
    Case("mailbox_permission", "by object id", by_id("full_access"), prepare=groups, proof=opens("anna.schaefer")),
    permits("one no longer", opens("archiv"), prepare=holding(("anna.schaefer", FULL), ("archiv", FULL)),
            full_access={"remove": [ANNA]}),
    permits("one no longer, shown by display name", opens("archiv"), full_access={"remove": [ANNA]},
            prepare=holding(("anna.schaefer", FULL), ("archiv", FULL), exchange_permission_user="name")),
    permits("one no longer, by an entry of its own kind", opens(), prepare=limited("anna.schaefer"),
            full_access={"remove": [ANNA]}),
    permits("nobody has it to lose", opens(), full_access={"remove": [ANNA]}, changes=False),
    permits("exactly one", opens("anna.schaefer"), prepare=holding(("archiv", FULL), (RIGHTS, FULL), (GONE, FULL)),
            full_access={"set": [ANNA]}),
    permits("exactly one, strangers shown by display name", opens("anna.schaefer"), full_access={"set": [ANNA]},
            prepare=holding(("archiv", FULL), ("gross", FULL), exchange_permission_user="name")),
    permits("exactly so already", opens("anna.schaefer", RIGHTS), changes=False,
            prepare=holding((RIGHTS, FULL), ("anna.schaefer", FULL)), full_access={"set": ["Rechte", "Anna Schäfer"]}),
    permits("nobody", opens(), prepare=holding(("archiv", FULL), (RIGHTS, FULL)), full_access={"set": []}),
    permits("nobody already", opens(), full_access={"set": []}, changes=False),
    permits("what is left of somebody goes", opens("archiv"), prepare=holding((GONE, FULL), ("archiv", FULL)),
            **of_sid("remove")),
    permits("what is left of somebody stays", opens(GONE, "archiv"), prepare=holding((GONE, FULL), ("archiv", FULL)),
            changes=False, full_access={"set": [sid_of(GONE), ARCHIV]}),
    permits("granted anew", both(opens("anna.schaefer"), mapped(False)), prepare=holding(("anna.schaefer", FULL)),
            full_access={"add": [ANNA]}, auto_mapping=False, regrant=True, repeats=True),
]  # fmt: skip

OTHERS = [
    permits("other rights", both(opens("anna.schaefer", right="ReadPermission"), opens("archiv", right="ChangeOwner")),
            read_permission={"add": [ANNA]}, change_owner={"set": [ARCHIV]}),
    permits("two rights of one", both(opens("archiv"), opens("archiv", right="DeleteItem")),
            full_access={"add": [ARCHIV]}, delete_item={"add": [ARCHIV]}),
    permits("one of two rights no longer", both(opens(), opens("archiv", right="ReadPermission")),
            prepare=holding(("archiv", FULL, "ReadPermission")), full_access={"remove": [ARCHIV]}),
    permits("both are there already", opens("archiv"), prepare=holding(("archiv", FULL, "ReadPermission")),
            full_access={"set": [ARCHIV]}, read_permission={"set": [ARCHIV]}, changes=False),
]  # fmt: skip

SENDERS = [
    permits("one sends as it", sends_as("anna.schaefer"), send_as={"add": ["Anna Schäfer"]}),
    permits("one sends as it already", sends_as("anna.schaefer"), prepare=sender("anna.schaefer"),
            send_as={"add": [ANNA]}, changes=False),
    permits("a group sends as it already", sends_as(RIGHTS), prepare=sender(RIGHTS), send_as={"set": ["rechte"]},
            changes=False),
    permits("exactly one sends as it", sends_as("anna.schaefer"), prepare=both(sender("archiv"), sender(GONE)),
            send_as={"set": [ANNA]}),
    permits("nobody sends as it", sends_as(), prepare=both(sender("archiv"), sender(RIGHTS)), send_as={"set": []}),
    permits("sending as it is denied", sends_as("archiv"), prepare=sender("archiv", deny=True),
            send_as={"add": [ARCHIV]}, warned=("send_as is denied to",)),
    permits("one sends on behalf", acts_for("anna.schaefer"), send_on_behalf={"add": [ANNA]}),
    permits("one sends on behalf already", acts_for("anna.schaefer"), prepare=on_behalf("anna.schaefer"),
            send_on_behalf={"add": ["anna.schaefer"]}, changes=False),
    permits("one sends on behalf already, shown by id", acts_for("anna.schaefer"), send_on_behalf={"set": [ANNA]},
            prepare=on_behalf("anna.schaefer", exchange_delegate_form="id", exchange_delegate_addresses=False),
            changes=False),
    permits("one sends on behalf already, shown by name", acts_for(RIGHTS), send_on_behalf={"set": ["Rechte"]},
            prepare=on_behalf(RIGHTS, exchange_delegate_addresses=False), changes=False),
    permits("another sends on behalf", acts_for("archiv", RIGHTS), prepare=on_behalf("anna.schaefer", RIGHTS),
            send_on_behalf={"add": [ARCHIV], "remove": [ANNA]}),
    permits("exactly one sends on behalf", acts_for("archiv"), prepare=on_behalf("anna.schaefer", RIGHTS),
            send_on_behalf={"set": [ARCHIV]}),
    permits("exactly one sends on behalf, strangers shown by name", acts_for("archiv"), send_on_behalf={"set": [ARCHIV]},
            prepare=on_behalf("anna.schaefer", RIGHTS, exchange_delegate_addresses=False)),
    permits("nobody sends on behalf", acts_for(), prepare=on_behalf("anna.schaefer"), send_on_behalf={"set": []}),
    permits("everything at once", both(opens("anna.schaefer"), sends_as("anna.schaefer"), acts_for("archiv")),
            full_access={"add": [ANNA]}, send_as={"set": [ANNA]}, send_on_behalf={"set": ["archiv"]}),
]  # fmt: skip

REFUSED = [
    Case("mailbox_permission", "given to somebody who is gone",
         lambda _ground: {"mailbox": INFO, **of_sid("add"), **of_sid("add", kind="send_as")},
         prepare=groups, refused=(sid_of(GONE), "Only those who exist")),
    closed("a plain distribution group", "Verteiler is a plain distribution group", "mail-enabled security group",
           full_access={"add": ["Verteiler"]}),
    closed("nobody of this name", "There is no recipient niemand@contoso.example", full_access={"add": ["niemand@contoso.example"]}),
    closed("two of this name", "2 recipients are called Doppelt", "doppelt1@contoso.example", "doppelt2@contoso.example",
           full_access={"add": ["Doppelt"]}),
    closed("given and taken", "anna.schaefer@contoso.example is to be added and removed",
           full_access={"add": [ANNA], "remove": ["Anna Schäfer"]}),
    closed("the mailbox itself", "is the mailbox itself", full_access={"add": ["NT AUTHORITY\\SELF"]}),
    closed("nobody to grant anew", "regrant needs full_access", send_as={"add": [ANNA]}, regrant=True),
    closed("Active Directory masters it", "Active Directory masters this mailbox", mailbox="lager@contoso.example",
           send_on_behalf={"add": [ANNA]}),
    closed("no such mailbox", "There is no such mailbox", mailbox="nirgends@contoso.example", full_access={"add": [ANNA]}),
    closed("a sender shown by a name of two", "2 recipients are called Anna Schäfer", send_on_behalf={"add": [ANNA]},
           prepare=both(on_behalf("anna.schaefer", exchange_delegate_addresses=False), namesake("gross"))),
]  # fmt: skip


def reported(title: str, prepare: Look = groups, **options: Any) -> Case:
    """A report."""
    return Case("mailbox_permission_info", title, options, prepare=prepare, changes=False)


def grown(ground: Ground) -> None:
    """Permissions of all kinds, of a member, a group with members, an application and somebody who is gone."""
    application(ground)
    holding(("anna.schaefer", FULL, "ReadPermission"), (RIGHTS, FULL), (GONE, FULL), (APPLICATION, FULL))(ground)
    ground.tenant.groups[RIGHTS].members = [ground.user("archiv").id, RIGHTS]
    on_behalf("archiv")(ground)
    sender("anna.schaefer")(ground)
    denied("archiv")(ground)


REPORTS = [
    reported("the tenant", grown),
    reported("with members of groups and as CSV", grown, expand_groups=True, csv=True),
    reported("a mailbox", grown, mailbox=INFO),
    reported("a set", grown, mailboxes=[INFO, "vertrieb"], **{"except": ["vertrieb"]}),
    reported("none", mailbox="nirgends@contoso.example"),
]

CASES = [*OPEN, *OTHERS, *SENDERS, *REFUSED, *REPORTS]
