# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Active Directory over LDAP: find, read, add, modify, move and delete; always over TLS, complete or an error."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from ansible.module_utils.common.parameters import env_fallback

from .directory_connection import Host, Pool, Route, SignIn, open_line, tls_context
from .directory_errors import password_right, password_wrong, unanswered
from .directory_line import Line, Lost, Row
from .directory_values import Attributes, Entry, Modification, Value, all_of, any_of, decode, equals, escape
from .errors import ServiceError, WriteRefused

__all__ = ["Attributes", "Directory", "Entry", "Modification", "Value", "all_of", "any_of", "equals", "escape"]

Answer = TypeVar("Answer")
_SERVER = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::(?P<port>\d{1,5}))?|(?P<bare>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)"
)
# (port of a domain controller, port of the global catalog)
_PORTS = {"ldaps": (636, 3269), "starttls": (389, 3268)}


def _from_environment(name: str) -> tuple[Callable[..., Any], list[str]]:
    return env_fallback, [name]


class Directory:
    """The client of one domain controller and, for questions to the whole forest, of a global catalog.

    All connections of a run go to one and the same address, so that a read sees the write before it. Every method
    raises ServiceError with C(code) = name of the LDAP result (for example C(noSuchObject)) and C(status) = its number.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {
        "directory_server": {"type": "str", "required": True, "fallback": _from_environment("M365_DIRECTORY_SERVER")},
        "directory_tls": {"type": "str", "choices": ["ldaps", "starttls"], "default": "ldaps"},
        "directory_user": {"type": "str", "fallback": _from_environment("M365_DIRECTORY_USER")},
        "directory_password": {"type": "str", "no_log": True, "fallback": _from_environment("M365_DIRECTORY_PASSWORD")},
        "directory_sign_in": {"type": "str", "choices": ["simple", "kerberos"], "default": "simple"},
        "directory_ca_path": {"type": "path", "fallback": _from_environment("M365_DIRECTORY_CA_PATH")},
        "directory_validate_certs": {"type": "bool", "default": True},
        "directory_global_catalog": {"type": "str"},
        "directory_timeout": {"type": "float", "default": 30.0},
    }
    RULES: ClassVar[dict[str, Any]] = {
        "required_if": [("directory_sign_in", "simple", ("directory_user", "directory_password"))],
    }
    Error: ClassVar[type[Exception]] = ServiceError
    # A write shows in the next read of the same domain controller.
    EVENTUAL: ClassVar[bool] = False
    PACED: ClassVar[bool] = False

    def __init__(self, options: Mapping[str, Any], read_only: bool) -> None:
        self.warnings: list[str] = []
        self._options = options
        self._read_only = read_only
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._root: Entry | None = None
        self._known: dict[str, bool] = {}
        self._pools: dict[bool, Pool] = {}

    def close(self) -> None:
        """Sign out of all connections. The client can be used again afterwards."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    # What the server says of itself

    @property
    def root(self) -> Entry:
        """The rootDSE (RFC 4512 5.1), read once."""
        if self._root is None:
            wanted = ["defaultNamingContext", "configurationNamingContext", "schemaNamingContext", "dnsHostName"]
            rows = self._read(False, lambda line: line.search("", "(objectClass=*)", wanted, "BASE", paged=False))
            if not rows:
                raise ServiceError(
                    "The server shows no rootDSE.",
                    advice="Check that directory_server is a domain controller.",
                    code="noRootDse",
                )
            self._root = _entry(rows[0])
        return self._root

    @property
    def domain(self) -> str:
        """The distinguished name of the domain, for example C(DC=corp,DC=contoso,DC=example)."""
        return self._of_root("defaultNamingContext")

    @property
    def configuration(self) -> str:
        """The distinguished name of the forest's configuration."""
        return self._of_root("configurationNamingContext")

    @property
    def schema(self) -> str:
        """The distinguished name of the forest's schema."""
        return self._of_root("schemaNamingContext")

    @property
    def host_name(self) -> str:
        """The DNS name of the domain controller that answers."""
        return self._of_root("dnsHostName")

    def has_attribute(self, name: str) -> bool:
        """Whether the schema of the forest has an attribute, for example C(mailNickname) of the Exchange schema."""
        key = name.lower()
        if key not in self._known:
            query = all_of([equals("objectClass", "attributeSchema"), equals("lDAPDisplayName", name)])
            self._known[key] = bool(self.find(query, ["lDAPDisplayName"], base=self.schema))
        return self._known[key]

    def writable_attributes(self, dn: str) -> set[str]:
        """Which attributes of an object this account may write now, as the schema spells them.

        Source: [MS-ADTS] 3.1.1.4.5.22, allowedAttributesEffective.
        """
        return self._effective(dn, "allowedAttributesEffective")

    def creatable_classes(self, dn: str) -> set[str]:
        """Objects of which classes this account may create below an object, for example C(user).

        Source: [MS-ADTS] 3.1.1.4.5.20, allowedChildClassesEffective.
        """
        return self._effective(dn, "allowedChildClassesEffective")

    # Reading

    def find(
        self,
        query: str,
        attributes: Sequence[str],
        *,
        base: str | None = None,
        forest: bool = False,
        scope: str = "subtree",
    ) -> list[Entry]:
        """All objects that match, complete, in no particular order.

        Arguments:
            query: a filter in the form of RFC 4515; build it with C(equals), C(any_of) and C(all_of), which escape.
            attributes: the names to read; an attribute that the object lacks is missing in the entry.
            base: where to search; the whole domain, or with C(forest) the whole forest, unless given.
            forest: ask the global catalog, which holds all objects of all domains but not all attributes.
            scope: C(subtree), C(level) (direct children) or C(base) (the object itself).
        """
        start = base if base is not None else "" if forest else self.domain
        ranges = {"subtree": "SUBTREE", "level": "LEVEL", "base": "BASE"}
        rows = self._read(forest, lambda line: line.search(start, query, attributes, ranges[scope]))
        return [_entry(row) for row in rows]

    def read(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """One object by its distinguished name (or C(<GUID=...>)); None only when the server says there is none."""
        try:
            found = self.find("(objectClass=*)", attributes, base=dn, scope="base")
        except ServiceError as error:
            if error.code == "noSuchObject":
                return None
            raise
        return found[0] if found else None

    def accepts(self, user: str, password: str) -> bool:
        """Whether a user's password is this one: one attempt to sign in, which counts as a bad one if it is not.

        True also where the password is right but the account may not sign in now: disabled, expired, must change it.
        """
        try:
            open_line(replace(self._pool(False).route, sign_in=SignIn("simple", user, password))).close()
        except ServiceError as error:
            if not (password_wrong(error) or password_right(error)):
                raise
            return password_right(error)
        return True

    # Writing: one request each, never repeated. A lost answer is ServiceError(ambiguous=True).

    def add(self, dn: str, attributes: Mapping[str, Value | int | bool | Sequence[Value]]) -> None:
        """Create an object. C(objectClass) is one of the attributes; empty lists are left out."""
        self._write(f"Adding {dn}", lambda line: line.add(dn, attributes))

    def modify(self, dn: str, changes: Sequence[Modification]) -> None:
        """Change an object in one atomic request: all changes in the given order, or none (RFC 4511 4.6)."""
        self._write(f"Modifying {dn}", lambda line: line.modify(dn, changes))

    def move(self, dn: str, rdn: str, parent: str | None = None) -> None:
        """Rename an object to C(rdn) (for example C(CN=New name)) and, if given, move it below C(parent)."""
        self._write(f"Moving {dn}", lambda line: line.move(dn, rdn, parent))

    def delete(self, dn: str) -> None:
        """Remove an object that has no children."""
        self._write(f"Deleting {dn}", lambda line: line.delete(dn))

    # Connections

    def _read(self, forest: bool, action: Callable[[Line], Answer]) -> Answer:
        """Do a read; once more on a new connection when the one it was sent on turned out to be dead."""
        pool = self._pool(forest)
        try:
            return pool.lend(action)
        except Lost as lost:
            if lost.timed_out:
                raise unanswered(f"Reading from {pool.route.where}", lost) from None
        try:
            return pool.lend(action, fresh=True)
        except Lost as lost:
            raise unanswered(f"Reading from {pool.route.where}", lost) from None

    def _write(self, what: str, action: Callable[[Line], None]) -> None:
        if self._read_only:
            raise WriteRefused(f"{what}: this connection may only read.")
        try:
            self._pool(False).lend(action)
        except Lost as lost:
            raise unanswered(what, lost, ambiguous=True) from None

    def _pool(self, forest: bool) -> Pool:
        with self._lock:
            if not self._pools:
                self._pools = self._new_pools()
            return self._pools[forest]

    def _new_pools(self) -> dict[bool, Pool]:
        options = self._options
        port, catalog_port = _PORTS[options["directory_tls"]]
        host, own_port = _host("directory_server", options["directory_server"])
        catalog, own_catalog_port = host, None
        if options.get("directory_global_catalog"):
            catalog, own_catalog_port = _host("directory_global_catalog", options["directory_global_catalog"])
        if not options["directory_validate_certs"]:
            self.warnings.append(f"The certificate of {host.name} is not verified (directory_validate_certs is false).")
        return {
            False: self._new_pool(host, own_port or port),
            True: self._new_pool(catalog, own_catalog_port or catalog_port),
        }

    def _new_pool(self, host: Host, port: int) -> Pool:
        options = self._options
        for name in ("directory_user", "directory_password"):
            if options["directory_sign_in"] == "simple" and not options.get(name):
                raise ServiceError(f"{name} is empty.", advice="A simple sign-in needs both.", code="badOption")
        sign_in = SignIn(
            options["directory_sign_in"], options.get("directory_user") or "", options.get("directory_password") or ""
        )
        route = Route(
            host, port, options["directory_tls"], self._tls_context, sign_in, float(options["directory_timeout"])
        )
        return Pool(route)

    def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = tls_context(
                self._options.get("directory_ca_path"), self._options["directory_validate_certs"]
            )
        return self._context

    def _of_root(self, name: str) -> str:
        held = self.root.text(name)
        if held is None:
            raise ServiceError(
                f"The server's rootDSE shows no {name}.",
                advice="Check that directory_server is an Active Directory domain controller.",
                code="noRootDse",
            )
        return held

    def _effective(self, dn: str, attribute: str) -> set[str]:
        found = self.read(dn, [attribute])
        if found is None:
            raise ServiceError(
                f"There is no {dn}.", advice="Check the distinguished name.", status=32, code="noSuchObject"
            )
        return set(found.texts(attribute))


def _entry(row: Row) -> Entry:
    return Entry(row.dn, Attributes({name: decode(name, values) for name, values in row.attributes.items()}))


def _host(option: str, text: str) -> tuple[Host, int | None]:
    """A server as the user writes it: C(name), C(name:port), C(address), C([address]:port)."""
    written = _SERVER.fullmatch(text.strip())
    if written is None or (written["port"] and not 0 < int(written["port"]) < 65536):
        raise ServiceError(
            f"{option}: {text!r} is no server.",
            advice="Give a host name or an address, with :port if not the usual one, without ldaps:// before it.",
            code="badOption",
        )
    return Host(written["six"] or written["bare"] or written["name"]), int(written["port"]) if written["port"] else None
