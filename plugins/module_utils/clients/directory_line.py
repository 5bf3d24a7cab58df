# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One signed-in connection and the requests on it."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from .directory_errors import refused
from .directory_values import SECRET, Modification, Value, encode, range_of
from .errors import ServiceError

# Values per page; a domain controller's own limit is 1000 (MaxPageSize).
PAGE = 1000
_PAGED_RESULTS = "1.2.840.113556.1.4.319"
_OPERATIONS = {"add": 0, "delete": 1, "replace": 2}
# What ldap3's decoder lets out when the other side does not speak LDAP.
_GARBLED = (ValueError, IndexError, KeyError, TypeError, AttributeError)


class Lost(Exception):  # what happened, not an error yet: the caller decides
    """The connection ended, or the answer did not come: what was asked may or may not have happened."""

    def __init__(self, reason: BaseException) -> None:
        self.timed_out = isinstance(reason, TimeoutError)
        super().__init__("no answer in time" if self.timed_out else f"the connection was lost ({reason})")
        self.reason = reason


class Row(NamedTuple):
    """An entry as it came: the attribute values are octets."""

    dn: str
    attributes: dict[str, list[bytes]]


class Line:
    """A connection of ldap3 with the few requests that we use. Not for several threads at once."""

    def __init__(self, connection: Any, where: str, secrets: Iterable[str]) -> None:
        self._connection = connection
        self._where = where
        self._secrets = tuple(secrets)
        self._first_page: Any = None

    def sign_in(self) -> None:
        """Bind. TLS is up already: the caller's order, and nothing else, keeps the password off a plain connection."""
        connection = self._connection
        if not (connection.server.ssl or connection.tls_started):
            raise AssertionError("a password must not be sent before TLS is up")
        self._bind()
        connection.password = None
        if connection.result["result"] != 0:
            raise refused(f"Signing in to {self._where}", connection.result, self._secrets)

    def _bind(self) -> None:
        connection = self._connection
        if connection.sasl_mechanism is None:
            self._talk(lambda: connection.bind(read_server_info=False))
            return
        from gssapi.exceptions import GSSError

        # Tickets are for the domain controller's own name, which need not be the one that the user gave.
        root = self.search("", "(objectClass=*)", ["dnsHostName"], "BASE", paged=False)
        names = [value.decode() for row in root for value in row.attributes.get("dnsHostName", ())]
        connection.sasl_credentials = (names[0],) if names else connection.sasl_credentials
        try:
            self._talk(lambda: connection.bind(read_server_info=False))
        except GSSError as error:
            raise ServiceError(
                f"Signing in to {self._where} with Kerberos: {error}.",
                advice="Get a ticket with kinit or a key table (KRB5_CLIENT_KTNAME); check krb5.conf and the clocks.",
                code="kerberosFailed",
            ) from None

    def dropped(self) -> bool:
        """Whether the server has hung up while the connection lay idle: nothing should come, so anything is the end."""
        poll = select.poll()
        try:
            poll.register(self._connection.socket, select.POLLIN | select.POLLHUP | select.POLLERR)
        except (AttributeError, TypeError, ValueError, OSError):  # ldap3 has closed the socket, or lost it
            return True
        return bool(poll.poll(0))

    def close(self) -> None:
        """Hang up, whatever state the connection is in."""
        try:
            self._talk(self._connection.unbind)
        except (Lost, ServiceError):
            self._connection.strategy.close()
        if self._connection.socket is not None:  # ldap3 forgets a socket that it could not connect
            self._connection.socket.close()

    def search(self, base: str, query: str, attributes: Sequence[str], scope: str, paged: bool = True) -> list[Row]:
        """All entries, page by page, with all values of each attribute. References to other domains are left out:
        they name the configuration and child domains, which only the global catalog answers for.
        """
        encode(base)  # refuses what cannot be sent
        rows: list[Row] = []
        cookie: bytes | None = None
        connection = self._connection
        how = {"search_scope": scope, "attributes": list(attributes), "dereference_aliases": "NEVER"}
        while True:
            controls = [self._page(cookie)] if paged else None
            self._talk(partial(connection.search, base, query, **how, controls=controls))
            if connection.result["result"] != 0:
                raise refused(f"Searching {base or 'the forest'}", connection.result, self._secrets)
            rows += [_row(entry) for entry in connection.response if entry["type"] == "searchResEntry"]
            answered = connection.result.get("controls", {}).get(_PAGED_RESULTS)
            cookie = answered["value"]["cookie"] if answered else None
            if not cookie:
                return [self._complete(row) for row in rows]

    def _page(self, cookie: bytes | None) -> Any:
        """The control that asks for a page (RFC 2696); the one for the first page is made once, it costs as much as a
        tenth of a search."""
        from ldap3.protocol.rfc2696 import paged_search_control

        if cookie:
            return paged_search_control(True, PAGE, cookie)
        if self._first_page is None:
            self._first_page = paged_search_control(True, PAGE, None)
        return self._first_page

    def _complete(self, row: Row) -> Row:
        """The row with the values that the server kept back because there were too many for one answer."""
        for name in list(row.attributes):
            part = range_of(name)
            if part is None:
                continue
            attribute, following = part
            values = row.attributes.pop(name)
            while following is not None:
                further, following = self._further(row.dn, attribute, following)
                values += further
            # The server may send the plain name beside the range, without values.
            row.attributes[attribute] = values
        return row

    def _further(self, dn: str, attribute: str, first: int) -> tuple[list[bytes], int | None]:
        """The values of an attribute from a number on, as many as the server sends, and what is still to fetch."""
        connection = self._connection
        wanted = f"{attribute};range={first}-*"
        self._talk(lambda: connection.search(dn, "(objectClass=*)", "BASE", "NEVER", [wanted]))
        if connection.result["result"] != 0:
            raise refused(f"Reading {attribute} of {dn}", connection.result, self._secrets)
        for entry in connection.response:
            for name, values in _row(entry).attributes.items() if entry["type"] == "searchResEntry" else ():
                part = range_of(name)
                if part and part[0].lower() == attribute.lower() and (values or part[1] is None):
                    return values, part[1]
        raise ServiceError(
            f"Reading {attribute} of {dn}: the values from number {first} on did not come.",
            meaning="The object was changed or removed while it was read.",
            advice="Try again.",
            code="incomplete",
        )

    def add(self, dn: str, attributes: Mapping[str, Value | int | bool | Sequence[Value]]) -> None:
        """Create an object."""
        from ldap3.operation.add import add_operation

        values = {name: _octets(held) for name, held in attributes.items()}
        request = add_operation(encode(dn), {name: held for name, held in values.items() if held}, False)
        self._write("addRequest", request, f"Adding {dn}", _secrets_in(attributes.items()))

    def modify(self, dn: str, changes: Sequence[Modification]) -> None:
        """Change an object in one request. ldap3's own verb would group the changes by attribute."""
        from ldap3.protocol.rfc4511 import (
            LDAPDN,
            AttributeDescription,
            Change,
            Changes,
            ModifyRequest,
            Operation,
            PartialAttribute,
            Vals,
        )

        listed = Changes()
        for position, change in enumerate(changes):
            attribute = PartialAttribute()
            attribute["type"] = AttributeDescription(change.attribute)
            attribute["vals"] = Vals()
            for index, value in enumerate(change.values):
                attribute["vals"].setComponentByPosition(index, encode(value))
            step = Change()
            step["operation"] = Operation(_OPERATIONS[change.operation])
            step["modification"] = attribute
            listed[position] = step
        request = ModifyRequest()
        request["object"] = LDAPDN(encode(dn))
        request["changes"] = listed
        self._write(
            "modifyRequest",
            request,
            f"Modifying {dn}",
            _secrets_in((change.attribute, change.values) for change in changes),
        )

    def move(self, dn: str, rdn: str, parent: str | None) -> None:
        """Rename an object and, if given, move it below another parent."""
        from ldap3.operation.modifyDn import modify_dn_operation

        self._write(
            "modDNRequest",
            modify_dn_operation(encode(dn), encode(rdn), True, encode(parent) if parent else None),
            f"Moving {dn}",
        )

    def delete(self, dn: str) -> None:
        """Remove an object."""
        from ldap3.operation.delete import delete_operation

        self._write("delRequest", delete_operation(encode(dn)), f"Deleting {dn}")

    def _write(self, kind: str, request: Any, what: str, secrets: Iterable[str] = ()) -> None:
        connection = self._connection
        self._talk(lambda: connection.post_send_single_response(connection.send(kind, request, None)))
        connection.request = None  # ldap3 keeps the last request, with its values
        if connection.result["result"] != 0:
            raise refused(what, connection.result, (*self._secrets, *secrets), kind)

    def _talk(self, exchange: Callable[[], Any]) -> None:
        """Send and receive. Raises Lost when the answer does not come or is no LDAP."""
        from ldap3.core.exceptions import LDAPExceptionError, LDAPInvalidFilterError
        from pyasn1.error import PyAsn1Error

        try:
            exchange()
        except LDAPInvalidFilterError as error:
            raise ServiceError(f"The search filter is malformed: {error}.", code="badFilter") from None
        except (LDAPExceptionError, PyAsn1Error, OSError, *_GARBLED) as error:
            raise Lost(error) from None


def _row(entry: Mapping[str, Any]) -> Row:
    return Row(str(entry["dn"]), {str(name): list(values or ()) for name, values in entry["raw_attributes"].items()})


def _octets(held: Value | int | bool | Sequence[Value]) -> list[bytes]:
    return [encode(value) for value in held] if isinstance(held, (list, tuple)) else [encode(held)]  # type: ignore[arg-type]


def _secrets_in(attributes: Iterable[tuple[str, Any]]) -> list[str]:
    """What must not be repeated in an error: the values of password attributes, without the quotes of unicodePwd."""
    secrets: list[str] = []
    for name, held in attributes:
        if name.lower() in SECRET:
            octets = _octets(held)
            secrets += [
                text
                for value in octets
                for text in (value.decode("utf-16-le", "ignore").strip('"'), value.decode("utf-8", "ignore"))
            ]
    return secrets
