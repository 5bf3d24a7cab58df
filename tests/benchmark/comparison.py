# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""community.general, whose C(ldap_attrs) is what people use for this today: fetched for the comparison only."""

from __future__ import annotations

import glob
import os
import subprocess
import zipfile
from pathlib import Path

import _preparation as preparation

PREFIX = "ansible_collections/community/general/"
# Its LDAP modules need python-ldap, which PyPI has as source only; the distribution's own Python has it built.
PYTHON = "/usr/bin/python3"


def fetch(binaries: Path, directory: Path) -> str:
    """Lay C(community.general) below a directory and see to python-ldap; gives what is in the way, or nothing.

    Galaxy is no package registry of Python, so the collection comes from the package C(ansible) on PyPI.
    """
    try:
        if not _has_ldap():
            preparation.install_packages(["python3-ldap"], "The comparison with community.general needs python-ldap")
        if not (directory / PREFIX / "plugins").exists():
            _unpack(binaries, directory)
    except preparation.Missing as missing:
        return " ".join(str(missing).split())
    return "" if _has_ldap() else f"{PYTHON} has no python-ldap"


def _has_ldap() -> bool:
    if not os.path.exists(PYTHON):
        return False
    return subprocess.run([PYTHON, "-c", "import ldap"], capture_output=True, check=False).returncode == 0


def _unpack(binaries: Path, directory: Path) -> None:
    preparation.say("Fetching community.general from the package ansible (once, 50 MB).")
    directory.mkdir(parents=True, exist_ok=True)
    download = [str(binaries / "python"), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(directory)]
    done = subprocess.run([*download, "ansible"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise preparation.Missing(f"pip could not fetch the package ansible: {done.stderr.strip()}")
    wheel = Path(glob.glob(str(directory / "ansible-*.whl"))[0])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory, [name for name in archive.namelist() if name.startswith(PREFIX)])
    wheel.unlink()
