# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The encrypted file sink with the real Ansible Vault: what it writes is an ordinary vault file.

In a process of its own, because importing the controller's part changes how the clients of a process behave.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sink_part import NEW, VALUES

ANSIBLE_VAULT = shutil.which("ansible-vault") or str(Path(sys.executable).with_name("ansible-vault"))

PROGRAM = """
import sys
from pathlib import Path
from ansible.parsing.vault import VaultSecret
from ansible_collections.m365.hybrid.plugins.module_utils.clients import sink_common, sink_file
from ansible_collections.m365.hybrid.plugins.module_utils.clients.errors import ServiceError
from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import Record, Stored
from ansible_collections.m365.hybrid.plugins.plugin_utils.in_controller import PlayVault

path, vault_id, known, act = Path(sys.argv[1]), sys.argv[2] or None, sys.argv[3].split(), sys.argv[4]
sink_common.lock_directory = lambda: str(path.parent / "locks")
secrets = [(name, VaultSecret(b"password-of-" + name.encode())) for name in known]
sink_file.vault = PlayVault(secrets)
sink = sink_file.FileSink({"path": str(path), "encrypt": True, "vault_id": vault_id}, False)
try:
    if act == "write":
        with sink.alone():
            sink.write(Record(Stored(*sys.stdin.read().split())))
    else:
        print(sink.read().current.value)
except ServiceError as error:
    print("refused:", error)
"""


def run(path: Path, vault_id: str, known: str, act: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), vault_id, known, act],
        input=" ".join(filter(None, vars(NEW).values())),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(path.parent)},
        check=True,
    ).stdout


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "mailer.yml").write_text("# Anna's\nsmtp_host: smtp.office365.com\n")
    return tmp_path / "mailer.yml"


@pytest.mark.parametrize(
    ("vault_id", "header", "used"),
    [
        ("", "$ANSIBLE_VAULT;1.2;AES256;ops", "ops"),
        ("mail", "$ANSIBLE_VAULT;1.2;AES256;mail", "mail"),
        ("default", "$ANSIBLE_VAULT;1.1;AES256", "default"),
    ],
)
def test_ansible_vault_opens_what_was_written(vault_id: str, header: str, used: str, path: Path) -> None:
    assert run(path, vault_id, "ops mail default", "write") == ""
    assert path.read_text().splitlines()[0] == header
    password = path.parent / "password"
    password.write_text(f"password-of-{used}")
    viewed = subprocess.run(
        [ANSIBLE_VAULT, "view", "--vault-id", f"{used}@{password}", str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(path.parent), "PAGER": "cat"},
        check=True,
    ).stdout
    assert viewed.startswith("# Anna's\nsmtp_host: smtp.office365.com\n")
    assert yaml.safe_load(viewed)["client_secret"] == NEW.value
    assert run(path, "", f"other {used}", "read").strip() == NEW.value
    assert not [value for value in VALUES if value in path.read_text()]


@pytest.mark.parametrize(
    ("vault_id", "known", "said"),
    [
        ("", "", "refused: Ansible Vault has no password in this run. Give one by --vault-id"),
        ("mail", "ops default", "This run knows the identities ops, default."),
    ],
)
def test_what_cannot_be_encrypted_is_refused_before_a_secret_is_made(
    vault_id: str, known: str, said: str, path: Path
) -> None:
    before = path.read_text()
    assert said in run(path, vault_id, known, "write")
    assert path.read_text() == before


def test_a_file_that_no_password_opens_is_not_empty(path: Path) -> None:
    run(path, "", "ops", "write")
    assert "refused: Ansible Vault cannot decrypt" in run(path, "", "other", "read")
    assert "Ansible Vault cannot decrypt" in run(path, "other", "other", "write")
    assert run(path, "", "ops", "read").strip() == NEW.value
