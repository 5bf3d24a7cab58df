# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(python -m lab): a tenant in the background, as scripts and people use it."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from test_exchange import envelope
from test_exchange_smime import STORE, numbers, sst

from lab.__main__ import duration
from lab.directory import Server, search
from lab.loopback import DIRECTORY_PORTS, check_ports

TESTS = Path(__file__).resolve().parents[2]
TEMPLATES = TESTS.parent / ".work" / "cache" / "samba"
# What a rehearsal must not be led astray by: proxies, and other programs' certificates.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
    "PYTHONPATH": str(TESTS),
    "PYTHONIOENCODING": "utf-8",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "SSL_CERT_FILE": "/nonexistent",
}


def lab(directory: Path, command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One command; neither input nor a terminal."""
    line = [sys.executable, "-m", "lab", command, "--directory", directory, *arguments]
    return subprocess.run(
        line, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=150
    )


def said(directory: Path, command: str, *arguments: str | Path) -> str:
    """What a command prints that succeeds."""
    done = lab(directory, command, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def complaint(directory: Path, command: str, *arguments: str | Path) -> str:
    """The one line of a command that fails."""
    done = lab(directory, command, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def facts(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "lab.json").read_text())
    return found


def alive(process: int) -> bool:
    return Path(f"/proc/{process}/exe").exists()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running tenant with Active Directory; its folder's name has blanks and an umlaut."""
    home = tmp_path_factory.mktemp("home") / "mein Übungsmandant"
    said(home, "up", "--templates", TEMPLATES)
    try:
        yield home
    finally:
        lab(home, "down")


def test_up_says_where_everything_is(home: Path) -> None:
    found = facts(home)
    assert found["urls"]["base"] == f"https://{found['address']}:8443"
    assert found["address"].startswith("127.77.0.")
    for path in (found["ca_path"], found["environment_path"], *found["secret_files"].values()):
        assert Path(path).is_relative_to(home)
    for application in found["applications"][:2]:
        assert "PRIVATE KEY" in Path(application["certificate_path"]).read_text()
    assert said(home, "status").startswith("Contoso Maschinenbau GmbH: https://127.77.0.")


def test_secrets_lie_in_files_of_the_owner_only(home: Path) -> None:
    found = facts(home)
    secrets = [Path(path) for path in found["secret_files"].values()]
    texts = [path.read_text() for path in secrets]
    assert len(texts) == 4
    assert {path.stat().st_mode & 0o777 for path in (home / "credentials").iterdir()} == {0o600}
    for text in texts:
        assert text not in (home / "lab.json").read_text()
        assert text not in (home / "log" / "lab.log").read_text()
        assert text not in Path(f"/proc/{found['process']}/cmdline").read_text()


def test_the_settings_can_be_read_by_a_shell(home: Path) -> None:
    found = facts(home)
    script = f". {shlex.quote(found['environment_path'])}; env"
    lines = subprocess.run(["sh", "-c", script], env={}, capture_output=True, text=True, check=True).stdout.splitlines()
    variables = dict(line.split("=", 1) for line in lines if line.startswith(("M365_", "AZURE_", "VAULT_")))
    secrets = {name: Path(path).read_text() for name, path in found["secret_files"].items()}
    assert variables == found["environment"] | secrets
    assert set(secrets) == {"AZURE_CLIENT_SECRET", "M365_DIRECTORY_PASSWORD", "VAULT_SECRET_ID", "VAULT_TOKEN"}


def test_the_facts_say_where_mail_and_the_vaults_are(home: Path) -> None:
    found = facts(home)
    for address in (*found["mail"].values(), *(url.removeprefix("https://") for url in found["vaults"].values())):
        host, _unused, port = address.rpartition(":")
        assert host == found["address"]
        with socket.create_connection((host, int(port)), timeout=10):
            pass
    assert found["environment"]["M365_SMTP_SERVER"] == found["mail"]["smtp"]
    assert found["environment"]["M365_IMAP_SERVER"] == found["mail"]["imap"]
    assert found["environment"]["VAULT_ADDR"] == found["vaults"]["hashicorp"]


def test_up_again_changes_nothing_and_other_options_are_refused(home: Path) -> None:
    before = facts(home)
    said(home, "up", "--templates", TEMPLATES, "--address", before["address"])
    said(home, "up", "--templates", TEMPLATES)
    assert facts(home) == before
    assert "a tenant with other options runs in" in complaint(home, "up", "--templates", TEMPLATES, "--latency", "1s")


def test_the_table_is_read_from_outside_and_compared(home: Path, tmp_path: Path) -> None:
    text = said(home, "table", "--save", tmp_path / "before.json")
    lines = text.splitlines()
    assert len(lines) == 4 + len(facts(home)["job"])
    assert len({len(line) for line in lines}) == 1
    assert "│ Lager & Versand                 │ lager@contoso.example       │ user   │ EXCHANGESTANDARD │ AD " in text
    after = said(home, "table", "--compare", tmp_path / "before.json")
    assert after.endswith("No address was lost.\n")
    assert "No such file" in complaint(home, "table", "--compare", tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("[]")
    assert "is not a table that was saved here" in complaint(home, "table", "--compare", tmp_path / "bad.json")


def test_sync_runs_a_cycle_over_the_real_directory(home: Path) -> None:
    said(home, "sync")
    report = json.loads(said(home, "sync", "--json"))
    assert (report["in_scope"], report["errors"], report["created"]) == (5, [], [])
    assert "objects in scope, nothing to export." in said(home, "sync")


def test_the_clock_moves_and_cycles_run(home: Path) -> None:
    before, after = said(home, "clock"), said(home, "clock", "--advance", "2h30m").splitlines()
    assert before[:10] <= after[0][:10]
    assert len(after) == 3
    assert all(line.startswith("Sync cycle: ") for line in after[1:])


def test_the_directory_holds_the_scenario(home: Path) -> None:
    found = facts(home)["directory"]
    password = Path(found["administrator_password_path"]).read_text()
    server = Server(found["server"], Path(found["ca_path"]), password)
    (group,) = search(server, "(proxyAddresses=smtp:kundendienst@contoso.example)")
    assert group.kind == "group"
    assert password not in repr(server)


SMIME_APPLICATION = "9d3e6a42-80c7-4f15-b2e9-71c5d04f8a63"
SMIME_SECRET = "rehearsal~Geheimnis.2026-Contoso_SMIME"


@pytest.fixture(scope="module")
def made(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of a rehearsal."""
    folder = tmp_path_factory.mktemp("smime") / "Zertifikate der Übung"
    assert "password of the PFX: " in said(home, "certificates", "--into", folder)
    return folder


def openssl(*arguments: str | Path) -> str:
    """What openssl prints when it succeeds."""
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def trust(home: Path, *paths: Path) -> None:
    """Let the tenant trust the certificates of some files, as the application that may."""
    found = facts(home)
    base, tenant = found["urls"]["base"], found["tenant"]["id"]
    form = {"grant_type": "client_credentials", "client_id": SMIME_APPLICATION, "client_secret": SMIME_SECRET}
    form["scope"] = "https://outlook.office365.com/.default"
    ders = [
        subprocess.run(["openssl", "x509", "-in", path, "-outform", "DER"], capture_output=True, check=True).stdout
        for path in paths
    ]
    command = envelope("Set-SmimeConfig", {STORE: numbers(sst(*ders)) if ders else None})
    with requests.Session() as session:
        session.trust_env, session.verify = False, found["ca_path"]
        token = session.post(f"{base}/{tenant}/oauth2/v2.0/token", data=form, timeout=20).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = session.post(f"{base}/adminapi/beta/{tenant}/InvokeCommand", json=command, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text


def test_the_certificates_of_a_rehearsal(home: Path, made: Path) -> None:
    assert "is not empty" in complaint(home, "certificates", "--into", made)
    for age, days in (("old", 40), ("new", 1800)):
        chain = ["-CAfile", made / age / "root.pem", "-untrusted", made / age / "issuing.pem"]
        openssl("verify", "-x509_strict", "-purpose", "smimesign", *chain, made / "users" / f"anna-{age}.pem")
        openssl("x509", "-noout", "-checkend", str((days - 2) * 86_400), "-in", made / age / "root.pem")
    for end in ("root", "issuing"):
        command = ["openssl", "x509", "-noout", "-checkend", str(41 * 86_400), "-in", made / "old" / f"{end}.pem"]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    assert openssl("x509", "-noout", "-inform", "DER", "-subject", "-in", made / "partner" / "root.cer")
    assert (
        openssl("pkcs7", "-inform", "DER", "-print_certs", "-in", made / "bundle" / "company.p7b").count("BEGIN") == 5
    )
    password = f"pass:{said(home, 'certificates', '--into', made / 'again').splitlines()[-1].rpartition(' ')[2]}"
    bundle = ["-nodes", "-passin", password, "-in", made / "bundle" / "company.pfx"]
    assert openssl("pkcs12", *bundle).count("BEGIN CERTIFICATE") == 6
    assert "PRIVATE KEY" in openssl("pkcs12", *bundle)


def test_what_the_tenant_trusts_is_judged_from_outside(home: Path, made: Path) -> None:
    old, new = ([made / age / name for name in ("root.pem", "issuing.pem")] for age in ("old", "new"))
    before, after, eva = (made / "mail" / f"{name}.eml" for name in ("anna-old", "anna-new", "eva"))

    def judged(message: Path, verdict: str) -> str:
        return said(home, "trust", "--message", message, "--trusted", verdict).splitlines()[-1]

    trust(home)
    assert judged(before, "no") == "anna-old.eml: not trusted (the tenant trusts nothing)"
    trust(home, *old, made / "partner" / "root.cer")
    text = said(home, "trust", "--certificates", "3")
    assert text.count(" root ") == 2
    assert "│ Contoso Issuing CA 2021 │" in text
    assert judged(before, "yes") == "anna-old.eml: trusted"
    assert judged(eva, "yes") == "eva.eml: trusted"
    assert judged(after, "no") == "anna-new.eml: not trusted (unable to get local issuer certificate)"
    trust(home, *old, new[0])
    assert judged(after, "no").startswith("anna-new.eml: not trusted")
    trust(home, *old, new[1])
    assert judged(after, "no").startswith("anna-new.eml: not trusted")
    trust(home, *old, *new)
    both = said(home, "trust", "--message", before, "--trusted", "yes", "--message", after, "--trusted", "yes")
    assert both.splitlines()[-2:] == ["anna-old.eml: trusted", "anna-new.eml: trusted"]
    trust(home, *new)
    assert judged(before, "no").startswith("anna-old.eml: not trusted")


def test_a_changed_message_is_not_trusted_and_time_counts(home: Path, made: Path, tmp_path: Path) -> None:
    message, changed = made / "mail" / "anna-old.eml", tmp_path / "changed.eml"
    trust(home, made / "old" / "root.pem", made / "old" / "issuing.pem")
    changed.write_bytes(message.read_bytes().replace(b"our order", b"our money"))
    assert "not trusted (content verify error)" in said(home, "trust", "--message", changed, "--trusted", "no")
    said(home, "trust", "--message", message, "--trusted", "yes")
    said(home, "clock", "--advance", "41d")
    assert "not trusted (certificate has expired)" in said(home, "trust", "--message", message, "--trusted", "no")


def test_what_is_expected_of_the_trust_and_does_not_hold(home: Path, made: Path, tmp_path: Path) -> None:
    trust(home, made / "new" / "root.pem", made / "new" / "issuing.pem")
    message = made / "mail" / "anna-new.eml"
    for arguments, expected in (
        (("--certificates", "3"), "lab: the tenant trusts 2 certificates, not 3"),
        (("--message", message, "--trusted", "no"), "anna-new.eml is trusted"),
        (("--message", made / "mail" / "eva.eml", "--trusted", "yes"), "eva.eml is not trusted"),
        (("--message", tmp_path / "none.eml"), "No such file"),
        (("--message", made / "users" / "eva.pem"), "openssl cannot read "),
    ):
        done = lab(home, "trust", *arguments)
        assert done.returncode == 1
        assert expected in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert "once for each --message" in complaint(home, "trust", "--trusted", "yes")
    assert "once for each" in complaint(home, "trust", "--message", message, "--message", message, "--trusted", "yes")


def test_down_leaves_nothing_and_up_starts_afresh(tmp_path: Path) -> None:
    said(tmp_path, "up", "--templates", TEMPLATES)
    first = facts(tmp_path)
    assert said(tmp_path, "down") == "The tenant is ended.\n"
    assert not alive(first["process"])
    assert not alive(first["directory"]["process"])
    assert not (tmp_path / "lab.json").exists()
    check_ports(first["address"], (*DIRECTORY_PORTS, 8443))
    assert said(tmp_path, "down") == "No tenant was running.\n"
    assert "no rehearsal tenant runs in" in complaint(tmp_path, "status")


def test_a_killed_tenant_takes_samba_with_it_and_can_be_started_again(tmp_path: Path) -> None:
    said(tmp_path, "up", "--templates", TEMPLATES)
    killed = facts(tmp_path)
    os.kill(killed["process"], signal.SIGKILL)
    end = time.monotonic() + 5
    while alive(killed["directory"]["process"]) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(killed["directory"]["process"])
    assert "no rehearsal tenant runs in" in complaint(tmp_path, "sync")
    said(tmp_path, "up", "--no-samba")
    assert facts(tmp_path)["process"] != killed["process"]
    said(tmp_path, "down")


def test_a_tenant_without_active_directory_of_any_size(tmp_path: Path) -> None:
    said(tmp_path, "up", "--no-samba", "--generate", "500", "--latency", "0.01")
    try:
        assert facts(tmp_path)["directory"] is None
        assert said(tmp_path, "table").count("contoso.example") == 20
        assert complaint(tmp_path, "sync").startswith("lab: the tenant refused: ")
    finally:
        said(tmp_path, "down")


def test_mistakes_end_in_one_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(yaml.safe_dump({"tenant": {}}))
    cases: list[tuple[tuple[str | Path, ...], str]] = [
        (("--scenario", tmp_path / "none.yml"), "none.yml: No such file or directory"),
        (("--scenario", bad), "bad.yml: the file: 'domains' is missing"),
        (("--address", "192.0.2.1"), "192.0.2.1 is not a loopback address (127.x.y.z)"),
    ]
    for arguments, expected in cases:
        assert complaint(tmp_path / "lab", "up", *arguments).endswith(expected)
    (tmp_path / "file").touch()
    assert "Not a directory" in complaint(tmp_path / "file" / "lab", "up")
    for arguments in (("--generate", "-1"), ("--latency", "soon"), ("--speed", "1")):
        done = lab(tmp_path / "lab", "up", *arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("7d", 604800), ("45", 45), ("0.5m", 30)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-5m", "5 m", "5x", "1h30"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no duration"):
        duration(text)
