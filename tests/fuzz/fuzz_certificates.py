# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throws bytes at everything that reads certificates, by hand and for as long as you like.

How to run it is said in CONTRIBUTING.md. It ends where something other than ValueError is raised, where one input takes
longer than five seconds, or where the memory grows over a gigabyte; the input is in a file then, whose name it prints.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/unit/domain")]

with atheris.instrument_imports(include=["ansible_collections"]):
    from ansible_collections.m365.hybrid.plugins.module_utils.domain import (
        certificate_forms,
        certificate_strength,
        certificates,
        sst,
    )

from certificate_seeds import PASSWORD, every_form  # noqa: E402 - after the path to it


def read_everything(data: bytes) -> None:
    """Read the bytes by every reader there is, and what they found by the readers of the next layer."""
    try:
        elements = sst.parse(data)
    except ValueError:
        elements = []
    else:
        if sst.build(elements) != data:
            raise AssertionError("a store is not written as it was read")
    try:
        found = certificate_forms.certificates_in(data, PASSWORD).certificates
    except ValueError:
        found = ()
    for der in {data, *found, *(element.value for element in elements)}:
        certificate = certificates.opaque(der)
        certificates.row(certificate)
        certificate_strength.weak_key(certificate)
        certificate_strength.key(certificate)
        certificate_strength.weak_signature(certificate)


def seeds(folder: Path) -> None:
    """Write an input of each form, for the mutations to begin with."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in every_form().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    seeds(Path(sys.argv[1]))
    atheris.Setup([*sys.argv, "-timeout=5", "-rss_limit_mb=1024", "-max_len=200000"], read_everything)
    atheris.Fuzz()
