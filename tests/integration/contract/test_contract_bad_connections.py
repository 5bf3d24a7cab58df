# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that cannot be reached or are not trusted: one message with advice, and nothing changed."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from contract_ground import ONE, Ground
from contract_refusals import PASSWORD, refusal
from contract_runners import ModuleHost

from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
from lab.certificates import CertificateAuthority

CONVERSION = {"mailbox": "info@contoso.example", "type": "room"}
LICENSE = {"user": "werkstatt3@contoso.example", "licenses": {"add": ["EXCHANGESTANDARD"]}}
NEW = {"user": "neu@contoso.example", "ou": ONE, "password": PASSWORD}
Prepare = Callable[[Ground], Any]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of our own choice are short."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.02)


def endpoints(ground: Ground, **changed: str) -> dict[str, Any]:
    """The right addresses, some of them changed."""
    return {"endpoints": {**ground.cloud()["endpoints"], **changed}}


# Addresses


@pytest.mark.parametrize("service", ["login", "exchange"])
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://127.0.0.1:1", "127.0.0.1:1 refuses the connection"),
        ("https://nirgends.invalid", "The name of nirgends.invalid cannot be resolved"),
    ],
)
def test_an_address_where_nobody_is(ground: Ground, service: str, address: str, said: str) -> None:
    wish = {**CONVERSION, **endpoints(ground, **{service: address})}
    refusal(ground, "mailbox_type", wish, said, "mailbox=info@contoso.example", "Check the cloud and endpoints options")


@pytest.mark.parametrize(("port", "said"), [(389, ""), (636, "")])
def test_an_address_where_another_service_is(ground: Ground, port: int, said: str) -> None:
    address = f"https://{ground.samba.address}:{port}"
    result = refusal(ground, "mailbox_type", {**CONVERSION, **endpoints(ground, exchange=address)}, said)
    assert f"{ground.samba.address}:{port}" in result["msg"]


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("127.0.0.1:1", ["the connection was refused", "Check directory_server and its port"]),
        ("nirgends.invalid", ["the name cannot be resolved", "Check directory_server"]),
        ("{address}:389", ["the TLS handshake failed", "directory_tls: starttls"]),
        ("{address}:8443", ["{address}"]),
    ],
)
def test_a_directory_that_is_not_there(ground: Ground, server: str, said: list[str]) -> None:
    address = ground.samba.address
    texts = [text.replace("{address}", address) for text in said]
    wish = {**NEW, "directory_server": server.replace("{address}", address), "directory_timeout": 3}
    refusal(ground, "ad_user", wish, "user=neu@contoso.example: ", *texts)


def test_a_service_that_does_not_answer_in_time(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.02)
    ground.fault("delay", times=None, seconds=0.4, match={"service": "exchange"})
    wish = {**CONVERSION, "request_timeout": 0.1}
    refusal(ground, "mailbox_type", wish, "did not answer within 0.1 seconds", "Raise the option request_timeout")


# Trust


def other_authority(folder: Path) -> Path:
    """The file of a certificate authority that has nothing to do with ours."""
    return CertificateAuthority(folder / "other").ca_path


def test_certificates_of_an_unknown_authority(ground: Ground, host: ModuleHost, tmp_path: Path) -> None:
    path = str(other_authority(tmp_path))
    said = ("is not signed by a CA that is trusted here", "name that CA's PEM file in the option ca_path")
    refusal(ground, "mailbox_type", {**CONVERSION, "ca_path": path}, *said, host=host, asked=False)
    refusal(ground, "mailbox_type", {**CONVERSION, "ca_path": ...}, *said, host=host, asked=False)
    said = ("The certificate of ", "directory_ca_path")
    refusal(ground, "ad_user", {**NEW, "directory_ca_path": path}, *said, host=host)
    refusal(ground, "ad_user", {**NEW, "directory_ca_path": ...}, *said, host=host)
    refusal(ground, "ad_user", {**NEW, "directory_ca_path": path, "directory_tls": "starttls"}, *said, host=host)


@pytest.mark.parametrize(
    "content", [b"", b"kein Zertifikat\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_garbled_file_of_authorities(ground: Ground, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    refusal(
        ground, "mailbox_type", {**CONVERSION, "ca_path": str(path)}, f"The CA file {path} cannot be used", asked=False
    )
    refusal(ground, "ad_user", {**NEW, "directory_ca_path": str(path)}, str(path), "directory_ca_path")


@pytest.fixture
def elsewhere(ground: Ground) -> Iterator[int]:
    """The port of a TLS server whose certificate is for another name."""
    files = ground.world.authority.issue("elsewhere", ["anderswo.example"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)

    def serve(listener: socket.socket) -> None:
        # accept() ends with an OSError when the listener is closed, and a handshake when the client walks off.
        while listener.fileno() >= 0:
            with contextlib.suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as client:
                client.recv(1)

    with socket.create_server((ground.samba.address, 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(1)


def test_a_certificate_for_another_name(ground: Ground, elsewhere: int) -> None:
    address = f"{ground.samba.address}:{elsewhere}"
    wish = {**CONVERSION, **endpoints(ground, exchange=f"https://{address}")}
    refusal(ground, "mailbox_type", wish, f"The certificate of {address} is for another name", "endpoints option")
    said = ("The certificate is not for this address", "Name the server in directory_server by its host name")
    refusal(ground, "ad_user", {**NEW, "directory_server": address}, *said)
