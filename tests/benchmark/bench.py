# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured, each against its bar, and beside it the ways that people use today."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground import UNIT, Account
from rows import FACTOR, ORDINARY, ROUND_TRIP, SAMPLE, Note, Row
from stage import Failed, Run, Stage, Task

# Seconds for checking and for changing a thousand accounts over LDAP, and for one task above its requests.
CHECKED, CHANGED, ONE_TASK = 2.0, 8.0, 0.060


class Bench:
    """Runs all measurements; each is handed to C(note) as soon as it is there."""

    def __init__(self, stage: Stage, count: int, note: Note, hindrance: str, compared: bool = True) -> None:
        self._stage = stage
        self._count = count
        self._note = note
        # Why there is no comparison with community.general; empty when there is one.
        self._hindrance = hindrance
        self._compared = compared

    def cloud(self) -> None:
        """Mailbox types and licenses, all as they should be."""
        ground = self._stage.ground
        ground.round_trip(ROUND_TRIP)
        for name, module, objects in (
            ("mailbox types", "mailbox_type", ground.mailboxes),
            ("licenses", "entra_license", ground.licenses),
        ):
            self._stage.know(objects=objects)
            best = None
            for concurrency in (8, 16):
                best = self._in_one_task(name, module, concurrency)
            if self._compared:
                self._stage.know(objects=objects[:SAMPLE])
                run = self._stage.run(f"ordinary-{module}", [_looped(module, objects[0])], objects=SAMPLE)
                self._beside(f"  a loop of the ordinary module, {SAMPLE} scaled", run, best)
        ground.round_trip(0)

    def _in_one_task(self, name: str, module: str, concurrency: int) -> float:
        task = _many(module, concurrency=concurrency)
        run = self._stage.run(f"{module}-{concurrency}", [task], objects=self._count)
        needed = run.requests * ROUND_TRIP / concurrency
        title = f"{self._count} {name} checked, {concurrency} at a time"
        self._note(Row(title, run, run.seconds, needed * FACTOR, needed))
        return run.seconds

    def directory(self) -> None:
        """Addresses over LDAP: checked, then changed."""
        stage, accounts = self._stage, self._stage.ground.accounts
        more = {"verify_authority": False}
        stage.know(objects=[wish(account) for account in accounts], sample=[wish(one) for one in accounts[:SAMPLE]])
        run = stage.run("addresses-checked", [_many("ad_proxyaddress", **more)], objects=self._count)
        self._note(Row(f"{self._count} proxyAddresses checked", run, run.seconds, CHECKED))
        checked = run.seconds
        if self._compared:
            self._compare_checked(checked)
        stage.know(objects=[wish(account, new=True) for account in accounts])
        run = stage.run("addresses-changed", [_many("ad_proxyaddress", **more)], objects=self._count, changes=True)
        self._prove(accounts, new=True)
        self._note(Row(f"{self._count} proxyAddresses changed, unique in the forest", run, run.seconds, CHANGED))
        if self._compared:
            self._compare_changed(run.seconds)
        self._change_and_ask()

    def _compare_checked(self, ours: float) -> None:
        accounts = self._stage.ground.accounts[:SAMPLE]
        task = _looped("ad_proxyaddress", wish(accounts[0])) | {"loop": "{{ sample }}"}
        task["m365.hybrid.ad_proxyaddress"]["verify_authority"] = False
        run = self._stage.run("ordinary-addresses", [task], objects=len(accounts))
        self._beside(f"  a loop of the ordinary module, {SAMPLE} scaled", run, ours)
        self._against_ldap_attrs("checked", False, ours)

    def _compare_changed(self, ours: float) -> None:
        accounts = self._stage.ground.accounts[:SAMPLE]
        task = _looped("ad_proxyaddress", wish(accounts[0]))
        task["m365.hybrid.ad_proxyaddress"]["verify_authority"] = False
        self._stage.know(objects=[wish(account) for account in accounts])
        run = self._stage.run("ordinary-addresses-changed", [task], objects=len(accounts), changes=True)
        self._beside(f"  a loop of the ordinary module, {SAMPLE} scaled", run, ours)
        self._against_ldap_attrs("changed", True, ours)

    def _change_and_ask(self) -> None:
        """Back to what they were, this time with the tenant asked for each account who masters its addresses."""
        stage, accounts, concurrency = self._stage, self._stage.ground.accounts, 16
        stage.ground.round_trip(ROUND_TRIP)
        stage.know(objects=[wish(account) for account in accounts])
        task = _many("ad_proxyaddress", concurrency=concurrency)
        run = stage.run("addresses-asked", [task], objects=self._count, changes=True)
        stage.ground.round_trip(0)
        self._prove(accounts, new=False)
        title = f"  the same, the tenant asked for each, {concurrency} at a time"
        self._note(Row(title, run, run.seconds, None, run.requests * ROUND_TRIP / concurrency))

    def _against_ldap_attrs(self, name: str, new: bool, ours: float) -> None:
        """A loop of community.general.ldap_attrs, which looks neither at the forest nor at the form of an address."""
        if self._hindrance:
            self._note(f"  a loop of community.general.ldap_attrs: not measured. {self._hindrance}")
            return
        accounts = self._stage.ground.accounts[:SAMPLE]
        self._stage.know(objects=[{"dn": account.dn, "values": values(account, new)} for account in accounts])
        run = self._stage.run(f"ldap-attrs-{name}", [_ldap_attrs()], objects=len(accounts), changes=new)
        self._beside(f"  a loop of community.general.ldap_attrs, {SAMPLE} scaled", run, ours)

    def _beside(self, job: str, run: Run, ours: float | None) -> None:
        self._note(Row(job, run, run.seconds / SAMPLE * self._count, None, ours))

    def _prove(self, accounts: list[Account], new: bool) -> None:
        """Look from outside whether the changes have really happened."""
        held = self._stage.ground.addresses()
        wrong = [one.dn for one in accounts if held.get(one.dn) != set(values(one, new))]
        if wrong:
            raise Failed(f"{len(wrong)} accounts have not the addresses that they should have, the first is {wrong[0]}")

    def single_tasks(self) -> None:
        """One task for one object, of every module, with nothing to change."""
        stage, ground = self._stage, self._stage.ground
        stage.know()
        run = stage.run("debug", [{"name": "Nothing", "ansible.builtin.debug": {"msg": "nothing"}}] * SAMPLE)
        self._note(Row(f"one task of ansible.builtin.debug (of {SAMPLE})", run, run.seconds / SAMPLE))
        ground.round_trip(ROUND_TRIP)
        for module, options in self._every_module():
            task = {"name": module, f"m365.hybrid.{module}": options}
            run = stage.run(f"one-{module}", [task] * SAMPLE)
            above = (run.seconds - run.answering - run.served[1]) / SAMPLE
            self._note(Row(f"one task of {module} above its requests", run, above, ONE_TASK))
        ground.round_trip(0)

    def _every_module(self) -> Iterator[tuple[str, dict[str, Any]]]:
        ground = self._stage.ground
        account, mailbox, licensed = ground.accounts[-1], ground.mailboxes[0], ground.licenses[0]
        yield "mailbox_type", mailbox
        yield "mailbox_info", {"mailbox": mailbox["mailbox"]}
        yield "entra_license", licensed
        yield "entra_user_info", {"user": licensed["user"]}
        yield "ad_user", {"user": account.user, "ou": UNIT, "enabled": False}
        yield "ad_user_info", {"user": account.user}
        yield "ad_proxyaddress", wish(account)
        yield "directory_sync", {"user": "juergen.gross@contoso.example"}
        yield "mailbox_onboarding_info", {"mailbox": mailbox["mailbox"], "license": "EXCHANGESTANDARD", "ou": UNIT}


def wish(account: Account, new: bool = False) -> dict[str, Any]:
    """What is declared of an account: what it has, or with C(new) one more primary address."""
    aliases = [account.primary, account.alias] if new else [account.alias]
    return {"user": account.user, "primary": _new(account) if new else account.primary, "aliases": {"set": aliases}}


def values(account: Account, new: bool) -> list[str]:
    """The same as the directory keeps it."""
    if new:
        return [f"SMTP:{_new(account)}", f"smtp:{account.primary}", f"smtp:{account.alias}"]
    return [f"SMTP:{account.primary}", f"smtp:{account.alias}"]


def _new(account: Account) -> str:
    local, _at, domain = account.primary.partition("@")
    return f"{local}.new@{domain}"


def _many(module: str, **more: Any) -> Task:
    return {"name": module, f"m365.hybrid.{module}": {"aggregate": "{{ objects }}", **more}}


def _looped(module: str, example: dict[str, Any]) -> Task:
    options = {name: f"{{{{ item.{name} }}}}" for name in example}
    return {"name": module, f"m365.hybrid.{module}": options, "loop": "{{ objects }}", **ORDINARY}


def _ldap_attrs() -> Task:
    from comparison import PYTHON

    options = {
        "server_uri": "ldaps://{{ lookup('env', 'M365_DIRECTORY_SERVER') }}",
        "bind_dn": "{{ lookup('env', 'M365_DIRECTORY_USER') }}",
        "bind_pw": "{{ lookup('env', 'M365_DIRECTORY_PASSWORD') }}",
        "ca_path": "{{ lookup('env', 'M365_DIRECTORY_CA_PATH') }}",
        "dn": "{{ item.dn }}",
        "attributes": {"proxyAddresses": "{{ item['values'] }}"},
        "state": "exact",
    }
    return {
        "name": "ldap_attrs",
        "community.general.ldap_attrs": options,
        "loop": "{{ objects }}",
        "vars": {"ansible_python_interpreter": PYTHON},
    }
