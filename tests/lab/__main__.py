# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line of the rehearsal tenant: C(python -m lab COMMAND --directory DIR).

Commands: up, down, status, sync, clock, table, secrets, access, certificates, trust.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from ldap3.core.exceptions import LDAPException

from . import access_table, authorities, instance, sign_ins, table, trust_table
from .directory import Server, read_entries
from .generator import CONTOSO
from .instance import LabError, Options

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration(text: str) -> float:
    """Seconds of a duration such as C(90s), C(30m), C(2h), C(1h30m) or C(7d); a bare number is seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90s, 30m, 2h or 7d")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def count(text: str) -> int:
    """A number of mailboxes, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line's syntax."""
    top = argparse.ArgumentParser(prog="python -m lab", description="A rehearsal tenant on this machine.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument(
            "--directory", required=True, type=Path, help="where the tenant lives; everything is below it"
        )
        return made

    up = command("up", "Start the tenant in the background and wait until it answers.")
    up.add_argument("--scenario", type=Path, default=CONTOSO, help="what it contains at first (default: Contoso)")
    up.add_argument("--generate", type=count, default=0, metavar="N", help="add N made-up mailboxes")
    up.add_argument("--address", help="a loopback address (default: the first free 127.77.0.N)")
    up.add_argument("--no-samba", dest="samba", action="store_false", help="without Active Directory")
    up.add_argument(
        "--latency", type=duration, default=0.0, metavar="S", help="seconds that each request takes at least"
    )
    up.add_argument("--templates", type=Path, help="where provisioned AD domains are kept (default: in the directory)")
    command("down", "End the tenant and make sure that nothing of it is left.")
    command("status", "Say whether the tenant runs, and where.")
    sync = command("sync", "Run one cycle of the sync engine now.")
    sync.add_argument("--json", action="store_true", help="print the whole report")
    clock = command("clock", "Show the tenant's time, or move it.")
    clock.add_argument(
        "--advance", type=duration, metavar="TIME", help="for example 30m; sync cycles due meanwhile run"
    )
    shown = command("table", "Show the scenario's mailboxes, read from the tenant and from Active Directory.")
    shown.add_argument("--save", type=Path, metavar="FILE", help="keep the reading for a later comparison")
    shown.add_argument("--compare", type=Path, metavar="FILE", help="show what changed since an earlier reading")
    secrets = command("secrets", "Show which secrets of an application sign in, and what it has sent.")
    secrets.add_argument("--application", required=True, metavar="NAME", help="its unique name")
    secrets.add_argument("--file", required=True, type=Path, help="the file of variables that holds its secret")
    secrets.add_argument("--working", type=int, metavar="N", help="fail unless so many of them sign in")
    access = command("access", "Show how many mailboxes an account may open.")
    access.add_argument("--account", required=True, metavar="NAME", help="its user principal name")
    access.add_argument("--open", type=int, metavar="N", help="fail unless it may open so many")
    made = command("certificates", "Make the certification authorities and signed messages of an S/MIME rehearsal.")
    made.add_argument("--into", required=True, type=Path, metavar="FOLDER", help="an empty folder, or none yet")
    trust = command("trust", "Show which certificates the tenant trusts for S/MIME, and judge a signed message.")
    trust.add_argument("--certificates", type=int, metavar="N", help="fail unless it trusts so many")
    trust.add_argument(
        "--message", action="append", default=[], type=Path, metavar="FILE", help="judge a signed message by openssl"
    )
    trust.add_argument(
        "--trusted", action="append", choices=("yes", "no"), help="fail unless it is so; once for each --message"
    )
    return top


# --- the commands -----------------------------------------------------------------------------------------------------


def up(given: argparse.Namespace) -> None:
    """Start the tenant; say where it is."""
    options = Options(
        directory=str(given.directory.resolve()),
        scenario=str(given.scenario.resolve()),
        generate=given.generate,
        address=given.address,
        samba=given.samba,
        latency=given.latency,
        templates=str(given.templates.resolve()) if given.templates else None,
    )
    facts = instance.start(options)
    print(_where(facts))


def _where(facts: dict[str, Any]) -> str:
    directory = facts["directory"]
    beside = f"Active Directory at {directory['server']}" if directory else "no Active Directory"
    return f"{facts['tenant']['display_name']}: {facts['urls']['base']}, {beside}"


def down(given: argparse.Namespace) -> None:
    """End the tenant."""
    print("The tenant is ended." if instance.stop(given.directory) else "No tenant was running.")


def status(given: argparse.Namespace) -> None:
    """Say how the tenant is; the exit status is 1 when none runs."""
    facts = instance.facts(given.directory)
    about = ask(facts, "")
    print(_where(facts))
    print(f"tenant time {about['now']}, process {facts['process']}, settings to sign in: . {facts['environment_path']}")


def sync(given: argparse.Namespace) -> None:
    """Run one sync cycle; errors of single objects are shown and are no failure of the command."""
    report = ask(instance.facts(given.directory), "/sync", {})
    print(json.dumps(report, indent=2, ensure_ascii=False) if given.json else _summary(report))


def _summary(report: dict[str, Any]) -> str:
    counts = [f"{len(report[name])} {name}" for name in ("created", "matched", "updated", "deleted") if report[name]]
    first = f"Sync cycle: {report['in_scope']} objects in scope, {', '.join(counts) or 'nothing to export'}."
    if report["staging"]:
        first = f"Sync cycle: {report['in_scope']} objects in scope; staging mode, so nothing was exported."
    errors = [f"  {error['code']}: {error['dn']}: {error['message']}" for error in report["errors"]]
    return "\n".join([first, *errors])


def clock(given: argparse.Namespace) -> None:
    """Show or move the tenant's time."""
    facts = instance.facts(given.directory)
    answer = ask(facts, "/clock", None if given.advance is None else {"advance": given.advance})
    print(answer["now"])
    for report in answer.get("cycles", []):
        print(_summary(report))


def show_table(given: argparse.Namespace) -> None:
    """Show the mailboxes, keep them, or compare them with an earlier reading."""
    facts = instance.facts(given.directory)
    entries = read_entries(_server(facts)) if facts["directory"] else None
    rows = table.rows_of(ask(facts, "/state"), facts["job"], entries)
    plain = not _shows_boxes()
    if given.compare:
        print(table.compare(_saved(given.compare), rows, ascii_only=plain))
    else:
        print(table.table(rows, ascii_only=plain))
    if given.save:
        _save(given.save, rows)


def show_secrets(given: argparse.Namespace) -> None:
    """Show the secrets of an application and the messages that it has sent, as an outsider sees them."""
    facts = instance.facts(given.directory)
    state = ask(facts, "/state")
    found = [one for one in state["applications"].values() if one["unique_name"] == given.application]
    if not found:
        raise LabError(f"there is no application {given.application}")
    client_id = found[0]["app_id"]
    known = sign_ins.seen(given.file, given.directory / "seen-secrets.json")
    works = {key_id: sign_ins.signs_in(facts, client_id, secret) for key_id, secret in known.items()}
    plain = not _shows_boxes()
    print(sign_ins.table(found[0], known, works, ascii_only=plain))
    print(sign_ins.messages(state["messages"], client_id, ascii_only=plain))
    if given.working not in (None, sum(works.values())):
        raise LabError(f"{sum(works.values())} secrets sign in, not {given.working}")


def show_access(given: argparse.Namespace) -> None:
    """Show how many mailboxes an account may open, read from the tenant's state."""
    state = ask(instance.facts(given.directory), "/state")
    try:
        found = access_table.opened(state, given.account)
    except KeyError:
        raise LabError(f"there is no user {given.account}") from None
    print(access_table.table(state, found, ascii_only=not _shows_boxes()))
    if given.open not in (None, len(found)):
        raise LabError(f"{given.account} may open {len(found)} mailboxes, not {given.open}")


def make_certificates(given: argparse.Namespace) -> None:
    """Make authorities, users' certificates and signed messages for the tenant's present time."""
    now = datetime.fromisoformat(ask(instance.facts(given.directory), "/clock")["now"])
    for path in authorities.write(given.into, now):
        print(path)
    print(f"password of the PFX: {authorities.PASSWORD}")


def show_trust(given: argparse.Namespace) -> None:
    """Show the certificates that the tenant trusts, and whether it would trust signed messages."""
    if given.trusted and len(given.trusted) != len(given.message):
        raise LabError("--trusted says what is expected of a message; give it once for each --message")
    state = ask(instance.facts(given.directory), "/state")
    found, now = trust_table.trusted(state), datetime.fromisoformat(state["clock"]["now"])
    print(trust_table.table(found, now, ascii_only=not _shows_boxes()))
    if given.certificates not in (None, len(found)):
        raise LabError(f"the tenant trusts {len(found)} certificates, not {given.certificates}")
    for message, expected in zip(given.message, given.trusted or [None] * len(given.message), strict=True):
        verdict = trust_table.judge(message, found, now)
        print(f"{message.name}: {'trusted' if verdict.trusted else f'not trusted ({verdict.reason})'}")
        if expected not in (None, "yes" if verdict.trusted else "no"):
            raise LabError(f"{message} is {'' if verdict.trusted else 'not '}trusted")


def _shows_boxes() -> bool:
    """Whether the terminal's encoding has the signs for boxes and arrows."""
    try:
        "┌→–".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _saved(path: Path) -> list[table.Row]:
    try:
        rows: list[table.Row] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"{path} is not a table that was saved here") from error
    return rows


def _save(path: Path, rows: list[table.Row]) -> None:
    try:
        path.write_text(json.dumps({"rows": rows}, indent=2, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from error


def _server(facts: dict[str, Any]) -> Server:
    directory = facts["directory"]
    password = Path(directory["administrator_password_path"]).read_text(encoding="utf-8")
    return Server(directory["server"], Path(directory["ca_path"]), password)


def ask(facts: dict[str, Any], path: str, content: Any = None) -> Any:
    """What the tenant's control answers; with content, a POST.

    Raises LabError: it does not answer, or refuses.
    """
    context = ssl.create_default_context(cafile=facts["ca_path"])
    # No proxy stands between this machine and itself, whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    data = None if content is None else json.dumps(content).encode()
    url = facts["urls"]["control"] + path
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310  (always https)
    try:
        with opener.open(request, timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read().decode("utf-8", "replace")
        try:
            said = json.loads(said)["error"]
        except (ValueError, KeyError, TypeError):
            said = f"{error.code} {error.reason}"
        raise LabError(f"the tenant refused: {said}") from error
    except OSError as error:
        raise LabError(f"the tenant at {facts['urls']['base']} does not answer: {error}") from error


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "up": up,
    "down": down,
    "status": status,
    "sync": sync,
    "clock": clock,
    "table": show_table,
    "secrets": show_secrets,
    "access": show_access,
    "certificates": make_certificates,
    "trust": show_trust,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a failure is one line on standard error and exit status 1."""
    given = parser().parse_args(arguments)
    try:
        COMMANDS[given.command](given)
    except BrokenPipeError:
        # Whoever read our output has gone; say nothing when Python flushes it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (LabError, LDAPException, OSError) as error:
        print(f"lab: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
