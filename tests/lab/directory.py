# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Active Directory server for the rehearsal tenant: Samba AD DC, LDAP only, on one loopback address.

It listens on 389, 636, 3268 and 3269 of its address; the ports are fixed in Samba, so several servers differ by
address. Everything it writes lies below one directory that the caller names. The server is a single process that ends
when the lab closes its standard input, or dies: nothing is left behind.

One Samba holds one domain. The global catalog (3268, 3269) is therefore the same server and shows the same objects; a
forest of several domains is rehearsed with C(lab.strict_ldap) instead, which serves several naming contexts.

Where Samba is laxer than Windows (values that differ in case only, page and size limits), the tests use
C(lab.strict_ldap) too.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import ldap3

from .certificates import CertificateAuthority
from .loopback import DIRECTORY_PORTS, AddressError, check_ports
from .sync_entries import DirectoryEntry

REALM = "corp.contoso.example"
DOMAIN = "CORP"
HOST = "dc1"
FQDN = f"{HOST}.{REALM}"
BASE_DN = "DC=corp,DC=contoso,DC=example"
ADMINISTRATOR = f"Administrator@{REALM}"
ADMINISTRATOR_PASSWORD = "Rehearsal-Admin-1!"
PORTS = DIRECTORY_PORTS
WORKING_DIRECTORY = "/proc/self/cwd"
CONFIGURATION_PATH = f"{WORKING_DIRECTORY}/etc/smb.conf"
PARTS = ("private", "lock", "state", "cache")

HERE = Path(__file__).resolve().parent
SCHEMA = HERE / "exchange_schema.ldif"
PROVISION = HERE / "samba_provision.py"
# Samba's Python modules exist only for the distribution's own interpreter.
SYSTEM_PYTHON = "/usr/bin/python3"
PACKAGES = "samba samba-dsdb-modules samba-ad-provision (from Debian 13 on: samba-ad-dc samba-ad-provision)"

# {here} is the process's working directory by a short name: Samba makes sockets below these folders, and the path of a
# socket has at most 107 bytes, which a deep checkout would exceed. Plain relative paths Samba takes amiss.
# IP/8, because Samba ignores a loopback address that no interface carries unless the mask says whose it is.
CONFIGURATION = """[global]
    netbios name = {netbios}
    workgroup = {domain}
    realm = {realm}
    server role = active directory domain controller
    server services = {services}
    dcerpc endpoint servers =
    interfaces = {address}/8
    bind interfaces only = yes
    private dir = {here}/data/private
    lock directory = {here}/data/lock
    state directory = {here}/data/state
    cache directory = {here}/data/cache
    binddns dir = {here}/data/bind-dns
    pid directory = {here}/run
    ncalrpc dir = {here}/run/ncalrpc
    ntp signd socket directory = {here}/run/ntp
    winbindd socket directory = {here}/run/winbind
    log file = {here}/log/samba.log
    logging = file
    tls enabled = yes
    tls keyfile = {here}/tls/key.pem
    tls certfile = {here}/tls/cert.pem
    tls cafile = {here}/tls/ca.pem
    tls dh params file = {here}/tls/dh.pem
    ldap server require strong auth = allow_sasl_over_tls
    ldb:nosync = true
[sysvol]
    path = {here}/data/state/sysvol
[netlogon]
    path = {here}/data/state/sysvol/scripts
"""

# Group ffdhe2048 of RFC 7919: without a file Samba makes new parameters at every start, which takes up to 1.5 s.
DH_PARAMETERS = """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


class DirectoryError(Exception):
    """The directory server could not be set up, started or asked; the text is one line for the user."""


@dataclass(frozen=True)
class SeedEntry:
    """One object to put into the directory offline: attribute values are text, or bytes where binary."""

    dn: str
    attributes: dict[str, list[str | bytes]]
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Delegation:
    """Rights on one object for one account: SDDL entries in which C({sid}) stands for the account."""

    dn: str
    account: str
    aces: tuple[str, ...]


class Reachable(Protocol):
    """What it takes to reach a directory server as its administrator; C(Samba) and C(Server) have it."""

    @property
    def address(self) -> str:
        """Where it listens."""

    @property
    def authority_path(self) -> Path:
        """The certificate of its authority, as PEM."""

    @property
    def administrator_password(self) -> str:
        """The password of its administrator."""


@dataclass(frozen=True)
class Server:
    """A directory server that another process runs."""

    address: str
    authority_path: Path
    administrator_password: str = field(repr=False)


class Samba:
    """One directory server: where it keeps its files, where it listens, and its process while it runs.

    directory: everything is written below it (the template too, unless C(templates) says otherwise).
    address: a loopback address, 127.x.y.z.
    authority: issues the server's certificate, for C(FQDN) and the address.
    templates: where provisioned domains are kept for the next time.
    administrator_password: of C(ADMINISTRATOR); it is part of the template.
    exchange_schema: without it, the directory knows no C(mailNickname) and none of its like.
    kerberos: also serve ports 88 and 464 for Kerberos sign-in.

    The live database is C(data). A reset brings back C(checkpoint), which is what the last C(seed) left; without one,
    the template.
    """

    def __init__(
        self,
        directory: Path,
        address: str,
        authority: CertificateAuthority,
        *,
        templates: Path | None = None,
        administrator_password: str = ADMINISTRATOR_PASSWORD,
        exchange_schema: bool = True,
        kerberos: bool = False,
    ) -> None:
        self.directory = directory.resolve()
        self.address = address
        self.authority_path = authority.ca_path
        self._certificate = authority.issue("directory", [FQDN, "localhost", address])
        self.templates = (templates or directory / "templates").resolve()
        self.administrator_password = administrator_password
        self.schema = [SCHEMA] if exchange_schema else []
        self.services = "ldap, cldap, kdc" if kerberos else "ldap"
        self.data = self.directory / "data"
        self.checkpoint = self.directory / "checkpoint"
        self._log = self.directory / "log" / "output.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()

    def __enter__(self) -> Samba:
        self.start()
        return self

    def __exit__(self, *_unused: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def process_id(self) -> int | None:
        """The server's process id, None when it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    def start(self, timeout: float = 30) -> None:
        """Start the server and wait until all its ports answer; from the template, if there is no data yet.

        Raises DirectoryError: the packages are missing, a port is taken or not allowed, or the server does not start.
        """
        with self._lock:
            if self.running:
                return
            if not self.data.exists():
                self._restore()
            self._check_ports()
            self._write_files()
            self._spawn()
            self._wait_until_ready(timeout)

    def stop(self) -> None:
        """End the server: it exits when its standard input closes."""
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def reset(self) -> None:
        """Forget all changes since the last C(seed), or since provisioning; the server runs afterwards."""
        with self._lock:
            self.stop()
            self._restore()
            self.start()

    def seed(
        self,
        entries: Sequence[SeedEntry],
        delegations: Sequence[Delegation] = (),
        *,
        fresh: bool = False,
        batch: int = 500,
    ) -> None:
        """Add objects offline, far faster than over LDAP, and make the result what C(reset) brings back.

        A running server is stopped meanwhile and started again.

        fresh: begin with the empty domain; otherwise add to what is there.
        batch: objects in one transaction; larger ones take disproportionately long.
        Raises DirectoryError: the directory refused an object; the text names it and the reason.
        """
        with self._lock:
            was_running = self.running
            self.stop()
            if fresh:
                shutil.rmtree(self.checkpoint, ignore_errors=True)
            if fresh or not self.data.exists():
                self._restore()
            self._write_files()
            order = {
                "task": "seed",
                "batch": batch,
                "entries": [_entry_order(entry) for entry in entries],
                "delegations": [asdict(delegation) for delegation in delegations],
            }
            _run_task(order, self.directory)
            _copy_tree(self.data, self.checkpoint)
            if was_running:
                self.start()

    def _restore(self) -> None:
        source = self.checkpoint if self.checkpoint.exists() else self._template()
        _copy_tree(source, self.data)

    def _template(self) -> Path:
        """A freshly provisioned domain; made once, in about 5 s, and shared by all who name the same templates."""
        template = self.templates / f"samba-{self._template_key()}"
        if template.exists():
            return template
        self.templates.mkdir(parents=True, exist_ok=True)
        with _locked(self.templates / "lock"):
            if not template.exists():
                with tempfile.TemporaryDirectory(prefix="unfinished-", dir=self.templates) as root:
                    self._provision(Path(root))
                    (Path(root) / "data").rename(template)
        return template

    def _template_key(self) -> str:
        """What a template depends on: the server, our scripts and the administrator's password."""
        server = Path(samba_executable()).stat()
        parts = [PROVISION.read_bytes(), *(path.read_bytes() for path in self.schema)]
        parts += [f"{server.st_size} {server.st_mtime_ns} {REALM} {DOMAIN} {HOST}".encode()]
        parts += [self.administrator_password.encode()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]

    def _provision(self, root: Path) -> None:
        """Provision a domain in the server directory C(root)."""
        self._write_configuration(root)
        order = {
            "task": "provision",
            "realm": REALM.upper(),
            "domain": DOMAIN,
            "host": HOST,
            "address": "127.0.0.1",
            "password": self.administrator_password,
            "schema": [str(path) for path in self.schema],
        }
        _run_task(order, root)

    def _write_configuration(self, root: Path) -> None:
        """Write Samba's configuration and make the folders that Samba expects to find."""
        for name in (*(f"data/{part}" for part in PARTS), "etc", "log", "run/ncalrpc", "tls"):
            (root / name).mkdir(parents=True, exist_ok=True)
        text = CONFIGURATION.format(
            netbios=HOST.upper(),
            domain=DOMAIN,
            realm=REALM,
            services=self.services,
            address=self.address,
            here=WORKING_DIRECTORY,
        )
        (root / "etc" / "smb.conf").write_text(text, encoding="utf-8")

    def _write_files(self) -> None:
        """The configuration and the certificates of the live server."""
        self._write_configuration(self.directory)
        files = self._certificate
        sources = {"ca.pem": files.ca, "cert.pem": files.certificate, "key.pem": files.key}
        for name, source in sources.items():
            shutil.copy(source, self.directory / "tls" / name)
        (self.directory / "tls" / "dh.pem").write_text(DH_PARAMETERS)

    def _check_ports(self) -> None:
        """Samba would start without the ports that it cannot have, and say so in its log only."""
        try:
            check_ports(self.address, PORTS)
        except AddressError as error:
            raise DirectoryError(str(error)) from error

    def _spawn(self) -> None:
        """Start the process. One process without children, which ends when our end of its standard input closes."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        command = [samba_executable(), "-s", CONFIGURATION_PATH, "-i", "-M", "single", "--no-process-group"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.directory,
            )

    def _wait_until_ready(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        waiting = list(PORTS)
        while waiting:
            if not self.running or time.monotonic() > end:
                self.stop()
                said = self._log.read_text(errors="replace").strip().splitlines()[-3:]
                raise DirectoryError(f"Samba did not start on {self.address}: {' | '.join(said) or 'it said nothing'}")
            try:
                socket.create_connection((self.address, waiting[0]), 1).close()
                waiting.pop(0)
            except OSError:
                time.sleep(0.005)


class VerifiedTls(ldap3.Tls):  # type: ignore[misc]  # ldap3 has no type hints
    """TLS as Python itself verifies it, host name and IP address included.

    ldap3's own Tls verifies nothing by default, and its host name check ignores IP addresses on Python 3.12 and later.
    """

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """Called by ldap3 for LDAPS and for StartTLS."""
        # Without it, each small request of the bind waits for a delayed acknowledgement: 50 ms.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = ssl.create_default_context(cafile=self.ca_certs_file)
        connection.socket = context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=do_handshake
        )


@contextlib.contextmanager
def connection(
    server: Reachable, user: str = ADMINISTRATOR, password: str | None = None, *, port: int = 636
) -> Iterator[ldap3.Connection]:
    """A signed-in LDAP connection over verified TLS, which raises LDAP errors as exceptions; for use in a C(with).

    password: the administrator's if not given.
    Raises LDAPException: the server cannot be reached or refuses.
    """
    tls = VerifiedTls(ca_certs_file=str(server.authority_path), validate=ssl.CERT_REQUIRED)
    host = ldap3.Server(server.address, port=port, use_ssl=port in (636, 3269), tls=tls, get_info=ldap3.NONE)
    password = server.administrator_password if password is None else password
    opened = ldap3.Connection(host, user, password, raise_exceptions=True, auto_range=True)
    try:
        opened.open()
        if not host.ssl:
            opened.start_tls()
        opened.bind()
        yield opened
    finally:
        # Not unbind() alone: after a failure ldap3 forgets that the socket is open.
        if opened.socket is not None:
            opened.socket.close()


def search(server: Reachable, filter_text: str, attributes: Sequence[str] = ("*",)) -> list[DirectoryEntry]:
    """All entries of the domain that match, read page by page; attribute values are bytes.

    Raises LDAPException: the server cannot be reached or refuses.
    """
    with connection(server) as opened:
        answers = opened.extend.standard.paged_search(
            BASE_DN, filter_text, attributes=["objectGUID", *attributes], paged_size=1000, generator=True
        )
        return [
            DirectoryEntry(answer["dn"], answer["raw_attributes"]["objectGUID"][0], answer["raw_attributes"])
            for answer in answers
            if answer["type"] == "searchResEntry"
        ]


def read_entries(server: Reachable) -> list[DirectoryEntry]:
    """What the sync engine imports: every user, group and contact of the domain with all its attributes."""
    return search(server, "(|(objectCategory=person)(objectCategory=group))")


def write_anchors(server: Reachable, anchors: Mapping[str, bytes]) -> None:
    """Write mS-DS-ConsistencyGuid, as Entra Connect does at an object's first export.

    anchors: the 16 bytes by DN.
    Raises LDAPException: the server refuses a write.
    """
    if not anchors:
        return
    with connection(server) as opened:
        for dn, anchor in anchors.items():
            opened.modify(dn, {"mS-DS-ConsistencyGuid": [(ldap3.MODIFY_REPLACE, [anchor])]})


def samba_executable() -> str:
    """The path of Samba's server; an ordinary user's PATH often lacks the folder.

    Raises DirectoryError: it is not installed.
    """
    found = shutil.which("samba", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise DirectoryError(f"Samba AD DC is not installed; install the packages {PACKAGES}")
    return found


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _copy_tree(source: Path, target: Path) -> None:
    """Replace C(target) by a copy of C(source), without the sockets that a run has left."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target, symlinks=True, ignore=_sockets)


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]


def _entry_order(entry: SeedEntry) -> dict[str, Any]:
    """A seed entry in the form that the offline script reads."""
    attributes = {name: [_value_order(value) for value in values] for name, values in entry.attributes.items()}
    return {"dn": entry.dn, "attributes": attributes, "password": entry.password}


def _value_order(value: str | bytes) -> str | dict[str, str]:
    return value if isinstance(value, str) else {"base64": base64.b64encode(value).decode()}


def _run_task(order: dict[str, Any], root: Path) -> None:
    """Have the distribution's Python work on the databases of the server directory C(root)."""
    order = {**order, "configuration": CONFIGURATION_PATH, "private": f"{WORKING_DIRECTORY}/data/private"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-I", str(PROVISION)],
            input=json.dumps(order).encode(),
            capture_output=True,
            env=environment,
            cwd=root,
            check=False,
        )
    except OSError as error:
        raise DirectoryError(f"{SYSTEM_PYTHON} cannot be run: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        hint = f"; install the packages {PACKAGES}" if said and "ModuleNotFoundError" in said[-1] else ""
        raise DirectoryError(f"Samba's {order['task']} failed: {said[-1] if said else done.returncode}{hint}")
