# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearses jobs of the collection on a tenant of their own. Started by scripts/demo."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _preparation as preparation
from _preparation import ROOT, WORK, say

LAB = WORK / "lab"
# Set for the part of the run that is inside a network namespace, to the bin directory of the Python packages.
INSIDE = "M365_DEMO_INSIDE"
# The caller's network namespace, as /proc names it.
NETWORK = "M365_DEMO_NETWORK"


# What a shell needs, beside PATH and the tenant's own settings, to go on by hand.
PLAYING = (
    "PYTHONPATH",
    "ANSIBLE_COLLECTIONS_PATH",
    "ANSIBLE_PYTHON_INTERPRETER",
    "ANSIBLE_HOME",
    "ANSIBLE_REMOTE_TEMP",
    "M365_LAB_DIRECTORY",
)


class Broken(Exception):
    """A step of the demo did not do what it promises."""


@dataclass(frozen=True)
class Recap:
    """The sums of Ansible's closing lines, over all hosts."""

    changed: int
    failed: int
    unreachable: int


def recap(output: str) -> Recap:
    """Read the sums from the output of ansible-playbook; raises Broken where it has no closing lines."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    _before, found, after = plain.rpartition("PLAY RECAP")
    hosts = re.findall(r"changed=(\d+) +unreachable=(\d+) +failed=(\d+)", after)
    if not found or not hosts:
        raise Broken("ansible-playbook ended without a recap")
    changed, unreachable, failed = (sum(int(host[column]) for host in hosts) for column in range(3))
    return Recap(changed, failed, unreachable)


class Stage:
    """One tenant and the commands that are run against it."""

    def __init__(self, inventory: str, environment: Mapping[str, str]) -> None:
        self.inventory = inventory
        self.environment = {**environment, "M365_LAB_DIRECTORY": str(LAB)}

    def lab(self, *arguments: str) -> None:
        """Run a command of the rehearsal tenant; its output is the user's. Raises Broken when it fails."""
        if subprocess.run(
            lab_command(*arguments), env=self.environment, stdin=subprocess.DEVNULL, check=False
        ).returncode:
            raise Broken(f"the rehearsal tenant refused: {arguments[0]}")

    def up(self, *options: str) -> None:
        """Start the tenant and take over how to sign in to it."""
        self.lab("up", "--scenario", SCENARIO, "--templates", str(WORK / "cache/samba"), *options)
        known = facts()
        secrets = {name: Path(path).read_text() for name, path in known["secret_files"].items()}
        self.environment |= known["environment"] | secrets

    def play(self, playbook: str, *options: str) -> Recap:
        """Run a playbook, show its output as it comes, and return its recap."""
        command = ["ansible-playbook", playbook, "-i", self.inventory, *options]
        if not playbook.endswith(".yml"):
            command[1] = f"m365.hybrid.{playbook}"
        say(f"$ {shlex.join(command)}")
        process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        lines = []
        with process:
            for line in process.stdout or ():
                lines.append(line.decode(errors="replace"))
                print(lines[-1], end="", flush=True)
        result = recap("".join(lines))
        if process.returncode or result.failed or result.unreachable:
            raise Broken(f"ansible-playbook ended with status {process.returncode}: {result}")
        return result


def lab_command(command: str, *arguments: str) -> list[str]:
    """Return a command line of the rehearsal tenant, for the Python that comes first on PATH."""
    return ["python", "-m", "lab", command, "--directory", str(LAB), *arguments]


def facts() -> dict[str, Any]:
    """Return what the running tenant says about itself."""
    known: dict[str, Any] = json.loads((LAB / "lab.json").read_text())
    return known


def planned_done_and_done_again(stage: Stage, playbook: str, *options: str) -> None:
    """A plan that has something to change, the change, and a second run that changes nothing; else Broken.

    C(options): of the change itself.
    """
    step("The plan: what would change. Nothing is written.")
    if not stage.play(playbook, "--check", "--diff").changed:
        raise Broken("the plan has nothing to change")
    step("The change itself.")
    if not stage.play(playbook, *options).changed:
        raise Broken("the change changed nothing")
    step("Once more: everything is as declared, so nothing may change.")
    unchanged(stage, playbook)


def unchanged(stage: Stage, playbook: str) -> None:
    """Run a playbook that must find nothing to do; raises Broken when it changes something."""
    again = stage.play(playbook)
    if again.changed:
        raise Broken(f"the second run changed {again.changed} tasks")


def onboarding(stage: Stage) -> None:
    """Shared mailboxes become user mailboxes that Active Directory masters."""
    before = LAB / "before.json"
    step("The mailboxes as they are, read from outside the collection.")
    stage.lab("table", "--save", str(before))
    planned_done_and_done_again(stage, "onboarding", "--diff")
    step("Before and after, read from outside the collection.")
    stage.lab("table", "--compare", str(before))


def applications(stage: Stage) -> None:
    """An application is registered and gets its secret, which is then renewed while the old one still works."""
    look = ("secrets", "--application", "contoso-warehouse", "--file", str(LAB / "warehouse.yml"))
    planned_done_and_done_again(stage, "app_registration", "--diff")
    step("Its secret and the test message, seen from outside the collection.")
    stage.lab(*look, "--working", "1")
    step("160 days later: the secret ends in 20 days, so it is renewed.")
    stage.lab("clock", "--advance", "160d")
    if not stage.play("secret_renewal", "--diff").changed:
        raise Broken("the secret was not renewed")
    step("The new secret is in the file, and both sign in.")
    stage.lab(*look, "--working", "2")
    step("Another 8 days later: the time of grace is over, so the old secret is removed.")
    stage.lab("clock", "--advance", "8d")
    if not stage.play("secret_renewal", "--diff").changed:
        raise Broken("the old secret was not removed")
    step("Only the new one signs in.")
    stage.lab(*look, "--working", "1")
    step("The run of the next day: nothing is due.")
    unchanged(stage, "secret_renewal")


def service_access(stage: Stage) -> None:
    """A service account opens 400 shared mailboxes, and keeps to them when some come and go."""
    look = ("access", "--account", "svc-archiv@contoso.example")
    # Without the differences, which are the same for each of 400 mailboxes.
    planned_done_and_done_again(stage, "service_access")
    step(
        "All shared mailboxes are open to the account, none shows up in its Outlook; seen from outside the collection."
    )
    stage.lab(*look, "--open", "400")
    step("A colleague makes three rooms shared mailboxes, and one shared mailbox a room.")
    stage.play(COLLEAGUE)
    step("The run of the next day opens the three and closes the one.")
    if not stage.play("service_access").changed:
        raise Broken("the mailboxes that came were not opened")
    stage.lab(*look, "--open", "402")
    step("Once more: nothing may change.")
    unchanged(stage, "service_access")


def smime_trust(stage: Stage) -> None:
    """A company's certification authorities are renewed: trusted beside the old ones first, then without them."""
    shutil.rmtree(SMIME, ignore_errors=True)
    step(
        "Authorities of the company that end in 40 days, a partner's, their successors, and mail that was signed with each."
    )
    stage.lab("certificates", "--into", str(SMIME / "made"))
    lay_out("ca", "old/root.pem", "old/issuing.pem", "partner/root.cer")
    lay_out("samples", "mail/anna-old.eml", "mail/eva.eml")
    planned_done_and_done_again(stage, "smime_trust", "--diff")
    step("What the tenant trusts, and mail of Anna judged by openssl; seen from outside the collection.")
    judge(stage, 3, old="yes", new="no")
    step("The renewal begins: the new authorities lie beside the old ones.")
    lay_out("ca", "new/root.pem", "new/issuing.pem")
    if not stage.play("smime_trust", "--diff").changed:
        raise Broken("the new authorities are not trusted")
    step("Mail is trusted that was signed with the old certificate, and with the new one.")
    judge(stage, 5, old="yes", new="yes")
    step("20 days later everybody has a new certificate, and the files of the old authorities are taken away.")
    stage.lab("clock", "--advance", "20d")
    lay_out("samples", "mail/anna-new.eml")
    take_away("samples/mail-anna-old.eml", "ca/old-root.pem", "ca/old-issuing.pem")
    planned_done_and_done_again(stage, "smime_trust", "--diff")
    step("Mail that was signed with the old certificate is no longer trusted.")
    judge(stage, 3, old="no", new="yes")


def lay_out(folder: str, *names: str) -> None:
    """Copy files of the S/MIME rehearsal to where the inventory has them; a/b becomes a-b."""
    (SMIME / folder).mkdir(exist_ok=True)
    for name in names:
        shutil.copy(SMIME / "made" / name, SMIME / folder / name.replace("/", "-"))


def take_away(*names: str) -> None:
    """Remove files that were laid out."""
    for name in names:
        (SMIME / name).unlink()


def judge(stage: Stage, certificates: int, *, old: str, new: str) -> None:
    """See how many certificates the tenant trusts, and whether it trusts the mail signed with the old and the new one."""
    mail = SMIME / "made" / "mail"
    messages = ["--message", str(mail / "anna-old.eml"), "--trusted", old]
    messages += ["--message", str(mail / "anna-new.eml"), "--trusted", new]
    stage.lab("trust", "--certificates", str(certificates), *messages)


@dataclass(frozen=True)
class Story:
    """A job as it is rehearsed: what is wanted of the tenant, the playbook to play by hand, and how it is told.

    C(options): how the tenant is started.
    """

    inventory: str
    playbook: str
    tell: Callable[[Stage], None]
    options: tuple[str, ...] = ()


SCENARIO = "tests/lab/scenarios/contoso.yml"
COLLEAGUE = "tests/lab/demo/colleague.yml"
# The certificates of the story smime_trust.
SMIME = LAB / "smime"
# With these, the tenant has 400 shared mailboxes; the story does without Active Directory.
CROWD = ("--generate", "2515", "--no-samba")
STORIES = {
    "onboarding": Story("tests/lab/demo/onboarding.yml", "onboarding", onboarding),
    "applications": Story("tests/lab/demo/applications.yml", "app_registration", applications),
    "service_access": Story("tests/lab/demo/service_access.yml", "service_access", service_access, CROWD),
    "smime_trust": Story("tests/lab/demo/smime_trust.yml", "smime_trust", smime_trust, ("--no-samba",)),
}


def tell(story: Story, environment: Mapping[str, str]) -> Stage:
    """Play one story from an empty stage to the end; raises Broken as soon as something does not hold."""
    stage = Stage(story.inventory, environment)
    step("Starting the rehearsal tenant: Entra, Exchange Online and an Active Directory server, on this machine only.")
    stage.up(*story.options)
    story.tell(stage)
    return stage


def step(text: str) -> None:
    """Say in a line what happens next."""
    bold, normal = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    say(f"\n{bold}==> {text}{normal}")


def end(environment: Mapping[str, str]) -> None:
    """End the tenant, if one runs; a second Ctrl-C must not leave half of it behind."""
    if not (LAB / "lock").exists():
        return
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ended = subprocess.run(
            lab_command("down"),
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, former)
    if ended.returncode:
        raise Broken(f"the tenant could not be ended: {ended.stderr.strip()}")


def explain_play(stage: Stage, playbook: str) -> None:
    """Print what to type to go on by hand."""
    known = facts()
    step("The tenant stays up. To play with it by hand:")
    if os.readlink("/proc/self/ns/net") != stage.environment[NETWORK]:
        say("# its addresses exist in a network namespace of their own; this opens a shell in it")
        say(f"nsenter --preserve-credentials --user --net --target {known['process']}")
    say(f"cd {shlex.quote(str(ROOT))}")
    say(f"export PATH={shlex.quote(stage.environment[INSIDE])}:$PATH")
    for name in PLAYING:
        say(f"export {name}={shlex.quote(stage.environment[name])}")
    say(f". {shlex.quote(known['environment_path'])}")
    say(f"ansible-playbook m365.hybrid.{playbook} -i {stage.inventory} --check --diff")
    say(f"{shlex.join(lab_command('table'))}   # also: status, sync, clock --advance 30m")
    say("\nTo end it: scripts/demo --down")


def wanted() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Rehearse a job on a tenant that exists on this machine only."
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--keep", action="store_true", help="leave the tenant up and say how to play with it")
    group.add_argument("--down", action="store_true", help="end a tenant that was kept")
    parser.add_argument("story", nargs="?", choices=sorted(STORIES), help="only this job (default: all)")
    return parser.parse_args()


def prepare() -> list[str]:
    """Prepare all that takes the network or root; return how to run the rest so that the lab gets its ports."""
    core = preparation.default_core()
    preparation.link_collection()
    binaries = preparation.virtual_environment([f"ansible-core=={core}.*"], preparation.DEMO_REQUIREMENTS)
    preparation.samba()
    environment = preparation.python_environment(binaries)
    os.environ.update(environment)
    os.environ[INSIDE] = str(binaries)
    os.environ[NETWORK] = os.readlink("/proc/self/ns/net")
    return preparation.lab_prefix(os.environ)


def perform(arguments: argparse.Namespace) -> int:
    """Play the wanted stories, each on a fresh tenant."""
    stories = [STORIES[arguments.story]] if arguments.story else list(STORIES.values())
    environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "1"} if sys.stdout.isatty() else dict(os.environ)
    kept = False
    try:
        for story in stories:
            end(environment)
            stage = tell(story, environment)
        if arguments.keep:
            explain_play(stage, story.playbook)
            kept = True
            return 0
    except Broken as broken:
        say(f"\nThe demo stopped: {broken}.")
        return 1
    finally:
        if not kept:
            end(environment)
    say("\nEverything held. The tenant is ended; nothing runs any more.")
    return 0


def main() -> int:
    """Prepare, enter the network namespace where one is needed, and perform."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _frame: sys.exit(128 + number))
    arguments = wanted()
    if arguments.down and not (LAB / "lab.json").exists():
        say("No rehearsal tenant runs.")
        return 0
    try:
        if INSIDE not in os.environ:
            prefix = prepare()
            if arguments.down:
                end(os.environ)
                say("The rehearsal tenant is ended.")
                return 0
            if prefix:
                sys.stdout.flush()
                os.execvp(prefix[0], [*prefix, sys.executable, *sys.argv])  # noqa: S606 - this very script
        with preparation.only_one("demo", "Waiting for another scripts/demo of this checkout."):
            return perform(arguments)
    except (preparation.Missing, Broken) as missing:
        say(str(missing))
        return 2
    except KeyboardInterrupt:
        say("\nInterrupted; the tenant is ended.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
