# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters to_sst and from_sst: called as they are, and in a playbook as their documentation shows them."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import sys
from pathlib import Path

import certifi
import pytest
import trustme
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.m365.hybrid.plugins.filter import smime
from ansible_collections.m365.hybrid.plugins.filter.smime import from_sst, to_sst
from ansible_collections.m365.hybrid.plugins.module_utils.domain import sst
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificate_forms import pkcs7

COLLECTION = Path(smime.__file__).parents[2]
PASSWORD = "a password of the vault"


@pytest.fixture(scope="module")
def pems() -> list[str]:
    return [trustme.CA(organization_name=name).cert_pem.bytes().decode() for name in ("Contoso", "Fabrikam")]


def certificates_of(store: str) -> list[bytes]:
    return [element.value for element in sst.parse(base64.b64decode(store))]


def ders(pems: list[str]) -> list[bytes]:
    return [ssl.PEM_cert_to_DER_cert(pem) for pem in pems]


def test_one_text_or_a_list_of_texts_makes_the_same_store(pems: list[str]) -> None:
    assert certificates_of(to_sst(pems)) == ders(pems)
    assert to_sst("".join(pems)) == to_sst(pems) == to_sst([*pems, pems[0]])


def test_base64_of_other_forms_is_taken(pems: list[str]) -> None:
    for form in (pkcs7(ders(pems)), base64.b64decode(to_sst(pems))):
        assert set(certificates_of(to_sst(base64.b64encode(form).decode()))) == set(ders(pems))


def test_there_and_back(pems: list[str]) -> None:
    assert ders(from_sst(to_sst(pems))) == ders(pems)
    assert to_sst(from_sst(to_sst(pems))) == to_sst(pems)


def test_every_public_authority_goes_there_and_back() -> None:
    text = Path(certifi.where()).read_text()
    assert len(from_sst(to_sst(text))) == text.count("BEGIN CERTIFICATE")


def test_revocation_lists_and_properties_are_left_out(pems: list[str]) -> None:
    der = ders(pems)[0]
    store = sst.build([sst.Element(sst.CRL, b"\x30\x00"), sst.Element(sst.CERTIFICATE, der, ((3, b"x"),))])
    assert ders(from_sst(base64.encodebytes(store).decode())) == [der]


def test_the_text_that_is_wrong_is_named(pems: list[str]) -> None:
    with pytest.raises(AnsibleFilterError, match="to_sst: text 3: it is in none of the forms"):
        to_sst([*pems, "Hello"])


def test_bytes_that_a_lookup_could_not_read_as_text_are_taken(pems: list[str]) -> None:
    """Ansible keeps such bytes as surrogates."""
    der = ders(pems)[0]
    assert certificates_of(to_sst(der.decode("utf-8", "surrogateescape"))) == [der]


def test_an_empty_store_has_no_certificates() -> None:
    assert from_sst(base64.b64encode(sst.build([])).decode()) == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([], "there is no certificate"),
        ("", "text 1: it is in none of the forms"),
        ("Hello", "text 1: it is in none of the forms"),
        (3, "text 1 is no text but int"),
        ({"content": "PEM"}, "text 1 is no text but dict"),
        (None, "text 1 is no text but NoneType"),
        (
            "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
            "text 1: it cannot be read as a certificate",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", "text 1: there is no certificate in it"),
    ],
)
def test_what_no_store_can_be_made_of_is_refused(given: object, reason: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"to_sst: {reason}"):
        to_sst(given)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "it does not begin as a serialized certificate store"),
        ("*", "is to be base64, and is not"),
        ("é", "is to be base64, and is not"),
        ("AAAAAENFUlQ=", "byte 8: it ends in the middle"),
        (["AAAA"], "is no text but list"),
        (None, "is no text but NoneType"),
    ],
)
def test_what_is_no_store_is_refused(given: object, reason: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"from_sst: .*{reason}"):
        from_sst(given)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "HOME": str(folder),
        # Ansible insists on it, and the collection is found by Ansible's own path here.
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.run(
        [sys.executable, "-m", "ansible", *arguments],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def play(folder: Path, tasks: object, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
    playbook = [{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}]
    (folder / "play.yml").write_text(yaml.safe_dump(playbook))
    return run(folder, "playbook", "play.yml", *arguments)


def examples(name: str) -> list[dict[str, object]]:
    text = (COLLECTION / "plugins/filter" / f"{name}.yml").read_text()
    tasks: list[dict[str, object]] = yaml.safe_load(yaml.safe_load(text)["EXAMPLES"])
    return tasks


def test_the_examples_of_the_documentation_write_and_read_the_files(tmp_path: Path, pems: list[str]) -> None:
    (tmp_path / "contoso-authorities.pem").write_text("".join(pems))
    (tmp_path / "authorities").mkdir()
    for number, pem in enumerate(pems):
        (tmp_path / f"authorities/{number}.pem").write_text(pem)
    same = {"ansible.builtin.assert": {"that": "(store | m365.hybrid.from_sst | sort) == (pems | sort)"}}
    written = play(tmp_path, [*examples("to_sst"), same], pems=pems)
    assert written.returncode == 0, written.stdout + written.stderr
    assert [element.value for element in sst.parse((tmp_path / "contoso-trust.sst").read_bytes())] == ders(pems)
    (tmp_path / "contoso-authorities.pem").unlink()
    read = play(tmp_path, examples("from_sst"))
    assert read.returncode == 0, read.stdout + read.stderr
    assert (tmp_path / "contoso-authorities.pem").read_text() == "".join(pems)


def test_texts_of_the_vault_are_taken(tmp_path: Path, pems: list[str]) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    secret = run(tmp_path, "vault", "encrypt_string", "--vault-id", "password", "--name", "pem", pems[0])
    assert secret.returncode == 0, secret.stderr
    (tmp_path / "secret.yml").write_text(secret.stdout)
    task = {"ansible.builtin.assert": {"that": "([pem, pem] | m365.hybrid.to_sst | m365.hybrid.from_sst) == [pem]"}}
    ended = play(tmp_path, [task], "--vault-id", "password", "--extra-vars", "@secret.yml")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_refusal_is_a_message_and_no_traceback(tmp_path: Path) -> None:
    ended = play(tmp_path, [{"ansible.builtin.debug": {"msg": "{{ 'Hello' | m365.hybrid.to_sst }}"}}], "-vvv")
    output = ended.stdout + ended.stderr
    assert ended.returncode == 2
    assert "to_sst: text 1: it is in none of the forms PEM, DER, PKCS#7, PFX and SST" in output


@pytest.mark.parametrize("name", ["to_sst", "from_sst"])
def test_the_documentation_is_shown(tmp_path: Path, name: str) -> None:
    shown = run(tmp_path, "doc", "--type", "filter", f"m365.hybrid.{name}")
    assert shown.returncode == 0, shown.stderr
    assert "serialized certificate store (SST)" in " ".join(shown.stdout.split())
