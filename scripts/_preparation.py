# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts/demo and scripts/test need before they start: virtual environments, Samba, the lab's ports.

Runs on the bare Python that scripts/_environment found, so it imports the standard library only.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = Path(os.environ["M365_WORK"])
COLLECTIONS = WORK / "collections"
DEMO_REQUIREMENTS = ("requirements.txt", "tests/lab/requirements.txt")
# The newest ansible-core that runs on a Python, among those that the collection is tested on.
CORE_FOR_PYTHON = {(3, 11): "2.19"}
NEWEST_CORE = "2.21"
# Releases differ in which package holds the domain controller; those that a release does not have are left out.
SAMBA_PACKAGES = ("samba", "samba-ad-dc", "samba-dsdb-modules", "samba-ad-provision")
SAMBA_PARTS = ("/usr/sbin/samba", "/usr/share/samba/setup/provision.ldif", "/usr/lib/*/samba/ldb/samba_dsdb.so")
# The certificate functions of Wine are the independent reader of the stores that are written, called by a small program.
WINE_PACKAGES = ("wine64", "gcc-mingw-w64-x86-64-win32")
WINE_PARTS = ("/usr/lib/wine/wine64", "/usr/bin/x86_64-w64-mingw32-gcc-win32")
SAMBA_SERVICES = ("smbd", "nmbd", "samba-ad-dc", "winbind")
HANDED_OVER = (
    "PATH",
    "HOME",
    "TMPDIR",
    "TERM",
    "LC_ALL",
    "XDG_",
    "PYTHON",
    "ANSIBLE_",
    "M365_",
    "NO_PROXY",
    "no_proxy",
)
POLICY = "/usr/sbin/policy-rc.d"


class Missing(Exception):
    """Something is not there that only the user can provide; the text says what to do."""


def say(text: str) -> None:
    """Print a line for the user at once."""
    print(text, flush=True)


def default_core() -> str:
    """Return the ansible-core series for the running Python, such as `2.19`."""
    return CORE_FOR_PYTHON.get(sys.version_info[:2], NEWEST_CORE)


@contextmanager
def only_one(name: str, told: str) -> Iterator[None]:
    """Hold the lock `name` of this checkout; say `told` when somebody else holds it and wait for him."""
    with (WORK / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(told)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def virtual_environment(packages: Sequence[str], files: Sequence[str], python: str = sys.executable) -> Path:
    """Return the bin directory of a virtual environment with these packages; make it on first use.

    `packages` are requirement specifiers, `files` requirement files relative to the checkout, `python` is the path
    of the interpreter. An environment is kept by the contents of all of them, so a second run finds it again.
    """
    version = _output([python, "-c", "import sys; print(sys.version.split()[0])"]).strip()
    contents = [str(ROOT), python, *packages, *((ROOT / name).read_text() for name in files)]
    key = hashlib.sha256("\0".join(contents).encode()).hexdigest()[:10]
    home = WORK / "venv" / f"{version}-{key}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with only_one(f"venv/{home.name}", "Waiting for another run that prepares the same Python packages."):
        if not (home / "complete").exists():
            _make_environment(home, packages, files, python)
    return home / "bin"


def _make_environment(home: Path, packages: Sequence[str], files: Sequence[str], python: str) -> None:
    started = time.monotonic()
    what = ", ".join([*packages, *files])
    say(f"Preparing a Python {home.name.split('-')[0]} environment (once): {what}")
    shutil.rmtree(home, ignore_errors=True)
    _need_venv(python)
    _run_or_explain([python, "-m", "venv", str(home)], "a virtual environment could not be made")
    arguments = [*packages, *(part for name in files for part in ("-r", str(ROOT / name)))]
    install = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", "--no-input", *arguments]
    _run_or_explain(install, "pip could not install the Python packages")
    (home / "complete").touch()
    say(f"  done in {time.monotonic() - started:.0f} s")


def _need_venv(python: str) -> None:
    """Debian keeps the module that puts pip into a new environment in a package of its own."""
    if _quiet([python, "-c", "import ensurepip, venv"]):
        return
    version = _output([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip()
    install_packages([f"python{version}-venv"], f"Python {version} cannot make virtual environments yet")


def python_environment(binaries: Path) -> dict[str, str]:
    """Return the environment for programs of a virtual environment, with the collection and the lab importable."""
    path = [str(binaries), *(part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part)]
    return {
        **os.environ,
        "PATH": os.pathsep.join([*path, "/usr/sbin", "/sbin"]),
        "PYTHONPATH": os.pathsep.join([str(COLLECTIONS), str(ROOT / "tests")]),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_PYTHON_INTERPRETER": str(binaries / "python"),
    }


def link_collection() -> None:
    """Make the checkout reachable under the path that Ansible derives from a collection's name."""
    link = COLLECTIONS / "ansible_collections/m365/hybrid"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(os.path.relpath(ROOT, link.parent))


def samba() -> None:
    """See to it that the parts of a Samba domain controller are installed.

    Raises Missing where they are not and cannot be installed from here.
    """
    if not _samba_is_complete():
        install_packages(SAMBA_PACKAGES, "The rehearsal tenant needs Samba as its Active Directory server")
    if not _samba_is_complete():
        raise Missing("Samba is installed, but parts of its domain controller are missing: " + ", ".join(SAMBA_PARTS))


def wine() -> None:
    """See to it that Wine and a compiler for Windows are installed. Raises Missing where they cannot be from here."""
    if not all(map(os.path.exists, WINE_PARTS)):
        install_packages(WINE_PACKAGES, "A test reads certificate stores by the functions of Windows that Wine has")


def _samba_is_complete() -> bool:
    return all(glob.glob(part) for part in SAMBA_PARTS) and _quiet(["/usr/bin/python3", "-c", "import samba.provision"])


def install_packages(names: Sequence[str], reason: str) -> None:
    """Install Debian packages, as far as this release has them, without starting any service of theirs.

    Raises Missing, with the command to type, for a user who may not install packages.
    """
    advice = f"{reason}. Install it once as root:\n  apt-get install --no-install-recommends {' '.join(names)}"
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or not _quiet([*root, "true"]):
        raise Missing(advice)
    say(f"{reason}: installing by apt (once).")
    log = WORK / "logs/apt.log"
    with log.open("w") as output, _services_stay_off(root):
        apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
        subprocess.run([*apt, "update"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
        known = [name for name in names if "Candidate: (none)" not in _output(["apt-cache", "policy", name])]
        install = [*apt, "install", "--no-install-recommends", *known]
        done = subprocess.run(install, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise Missing(f"apt-get failed; its output is in {log}.\n{advice}")


@contextmanager
def _services_stay_off(root: list[str]) -> Iterator[None]:
    """Keep apt from starting file servers on every network interface of the user's machine.

    invoke-rc.d asks policy-rc.d and takes exit status 101 as a ban (Debian policy, /usr/share/doc/init-system-helpers).
    """
    ours = not Path(POLICY).exists()
    before = {name for name in SAMBA_SERVICES if _quiet(["systemctl", "is-enabled", name])}
    if ours:
        script = f"printf '#!/bin/sh\\nexit 101\\n' >{POLICY} && chmod 755 {POLICY}"
        subprocess.run([*root, "sh", "-c", script], check=True)
    try:
        yield
    finally:
        if ours:
            subprocess.run([*root, "rm", "-f", POLICY], check=True)
        if Path("/run/systemd/system").is_dir():
            for name in set(SAMBA_SERVICES) - before:
                _quiet([*root, "systemctl", "disable", "--now", name])


def lab_prefix(environment: Mapping[str, str]) -> list[str]:
    """Return what to put before a command so that the lab it starts may listen on ports 389 and 636.

    Nothing for root. For an ordinary user a network namespace of his own, else by sudo the one capability it takes;
    raises Missing where neither can be had.
    """
    if _may_listen():
        return []
    own = ["unshare", "-Urn", sys.executable, str(ROOT / "scripts/_namespace.py")]
    if _quiet([*own, "true"]):
        return own
    capability = ["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"]
    user = [f"--reuid={os.getuid()}", f"--regid={os.getgid()}", "--init-groups"]
    # sudo clears the environment; what a caller may have in it besides is nobody's business in a process list.
    ours = [f"{name}={value}" for name, value in environment.items() if name.startswith(HANDED_OVER)]
    by_root = ["sudo", "-n", "setpriv", *user, *capability, "env", *ours]
    if _quiet([*by_root, sys.executable, "-c", "import socket; socket.socket().bind(('127.77.0.1', 389))"]):
        return by_root
    raise Missing(
        "The Active Directory server of the rehearsal tenant listens on ports 389 and 636 of a loopback address.\n"
        "An ordinary user may do that in a network namespace of his own, which this machine does not allow. One of:\n"
        "  - run this as root, or as a user whose sudo asks for no password\n"
        "  - sysctl -w net.ipv4.ip_unprivileged_port_start=389\n"
        "  - allow user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), "
        "sysctl -w kernel.unprivileged_userns_clone=1 (Debian)"
    )


def _may_listen() -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.77.0.1", 389))
        except PermissionError:
            return False
        except OSError:
            return True
    return True


def _quiet(command: Sequence[str]) -> bool:
    """Run a command for its exit status alone."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout


def _run_or_explain(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise Missing(f"{failure}:\n{done.stdout.strip()}")
