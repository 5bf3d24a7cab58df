# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A serialized store that we write is read by somebody else: the certificate functions of Wine, made after those of Windows.

And the other way round: the store that these functions write is read by us.
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from ansible_collections.m365.hybrid.plugins.module_utils.domain.sst import CERTIFICATE, Element, build, parse

COMPILER = "x86_64-w64-mingw32-gcc-win32"
WINE, SERVER = "/usr/lib/wine/wine64", "/usr/lib/wine/wineserver"
FRIENDLY_NAME = 0x0B
# Without it, Debian's Wine does not find the zlib that it is built with.
LIBRARIES = r"Z:\usr\x86_64-w64-mingw32\lib"
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def public_authorities() -> list[bytes]:
    return [ssl.PEM_cert_to_DER_cert(block) for block in BLOCK.findall(Path(certifi.where()).read_text())]


def store_of(certificates: list[bytes]) -> list[Element]:
    """Each second one with the name that Windows shows beside it."""
    names = [f"Contoso authority {number} ä".encode("utf-16-le") + bytes(2) for number in range(len(certificates))]
    return [
        Element(CERTIFICATE, der, ((FRIENDLY_NAME, name),) if number % 2 else ())
        for number, (der, name) in enumerate(zip(certificates, names, strict=True))
    ]


def friendly_name(element: Element) -> bytes:
    return dict(element.properties).get(FRIENDLY_NAME, b"")


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HOME": str(folder),
        "WINEPREFIX": str(folder / "prefix"),
        "WINEPATH": LIBRARIES,
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
        "DISPLAY": "",
    }


def in_wine(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WINE, *command],
        cwd=folder,
        env=environment(folder),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Path]:
    source = Path(__file__).with_name("store.c")
    made = tmp_path / "store.exe"
    subprocess.run([COMPILER, "-Wall", "-Werror", "-s", "-o", made, source, "-lcrypt32"], check=True)
    yield made
    # Wine copies itself into every prefix: hundreds of megabytes that nobody looks at again.
    subprocess.run([SERVER, "-k"], env=environment(tmp_path), check=False)
    shutil.rmtree(tmp_path / "prefix", ignore_errors=True)


def test_a_store_is_read_and_written_anew_by_somebody_else(tmp_path: Path, program: Path) -> None:
    elements = store_of(public_authorities())
    assert len(elements) > 100
    (tmp_path / "ours.sst").write_bytes(build(elements))
    # One certificate with its properties stands in the store between eight bytes of beginning and twelve of end.
    (tmp_path / "element").write_bytes(build(elements[1:2])[8:-12])

    done = in_wine(tmp_path, program.name, "store", "ours.sst", "theirs.sst")
    assert done.returncode == 0, done.stderr
    # The names are not compared here: Wine 8 writes properties before their certificate, as [MS-OSHARED] 2.3.2.5.4 has it,
    # but when it reads the file of a store it gives them to the certificate before.
    read = [line.split(" ")[0] for line in done.stdout.splitlines()]
    assert sorted(read) == sorted(element.value.hex() for element in elements)

    theirs = (tmp_path / "theirs.sst").read_bytes()
    assert {element.value for element in parse(theirs)} == {element.value for element in elements}
    assert {friendly_name(element) for element in parse(theirs)} == {"Contoso\0".encode("utf-16-le")}
    assert build(parse(theirs)) == theirs

    done = in_wine(tmp_path, program.name, "element", "element")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{elements[1].value.hex()} {friendly_name(elements[1]).hex()}\n"
