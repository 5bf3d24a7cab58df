# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection to the strict LDAP server: who is signed in, which pages are pending, the answer to each request."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import ber
from .ber import Element
from .strict_filter import FilterError, matches, shown
from .strict_schema import SCHEMA, parse_dn
from .strict_store import ADD, Change, Entry, Refused, Store

if TYPE_CHECKING:
    from .strict_ldap import Operation, StrictLdap

BIND, UNBIND, SEARCH, MODIFY, ADD_ENTRY, DELETE_ENTRY, MOVE, COMPARE, ABANDON, EXTENDED = (
    0x60, 0x42, 0x63, 0x66, 0x68, 0x4A, 0x6C, 0x6E, 0x50, 0x77,
)  # fmt: skip
KINDS = {
    BIND: "bind", SEARCH: "search", MODIFY: "modify", ADD_ENTRY: "add", DELETE_ENTRY: "delete", MOVE: "move",
    COMPARE: "compare", EXTENDED: "extended",
}  # fmt: skip
ANSWERS = {
    BIND: 0x61, SEARCH: 0x65, MODIFY: 0x67, ADD_ENTRY: 0x69, DELETE_ENTRY: 0x6B, MOVE: 0x6D, COMPARE: 0x6F,
    EXTENDED: 0x78,
}  # fmt: skip
WRITES = (MODIFY, ADD_ENTRY, DELETE_ENTRY, MOVE)
FOUND, REFERENCE, CONTROLS = 0x64, 0x73, 0xA0
START_TLS, WHO_AM_I = "1.3.6.1.4.1.1466.20037", "1.3.6.1.4.1.4203.1.11.3"
PAGED, PERMISSIVE, TREE_DELETE, DOMAIN_SCOPE = (
    "1.2.840.113556.1.4.319",
    "1.2.840.113556.1.4.1413",
    "1.2.840.113556.1.4.805",
    "1.2.840.113556.1.4.1339",
)
SD_FLAGS, SHOW_DELETED = "1.2.840.113556.1.4.801", "1.2.840.113556.1.4.417"
SUPPORTED_CONTROLS = (PAGED, PERMISSIVE, TREE_DELETE, DOMAIN_SCOPE, SD_FLAGS, SHOW_DELETED)
# Constructed or secret: given only when asked for by name, or never.
ON_REQUEST = ("allowedattributeseffective",)
NEVER = ("unicodepwd",)
OPERATION_NAMES = {0: "add", 1: "delete", 2: "replace"}


@dataclass
class Answer:
    """What goes back: bytes, and whether the connection then turns to TLS or is cut instead."""

    data: bytes = b""
    start_tls: bool = False
    cut: bool = False


@dataclass
class Request:
    """One request: its message id, operation element and controls (criticality and value by OID)."""

    number: int
    operation: Element
    controls: dict[str, tuple[bool, bytes]]


class Session:
    """The state of one connection."""

    def __init__(self, server: StrictLdap, listener: str, number: int, catalog: bool, *, secure: bool) -> None:
        self.server, self.listener, self.number = server, listener, number
        self.catalog, self.secure = catalog, secure
        self.store: Store = server.store
        self.user: Entry | None = None
        self._pages: dict[bytes, list[Entry]] = {}

    def answer(self, message: Element) -> Answer | None:
        """The answer to a message; None when the connection is to be closed.

        Raises BerError: the message is not LDAP.
        """
        request = _request(message)
        tag = request.operation.tag
        if tag == UNBIND:
            return None
        if tag == ABANDON:
            return Answer()
        if tag not in KINDS:
            raise ber.BerError(f"unknown operation {tag:#x}")
        with self.server.lock:
            return self._journalled(request)

    def _journalled(self, request: Request) -> Answer:
        """Answer a request, with the fault that is due for it, and write it into the journal."""
        operation = self._entry(request)
        self.server.journal.append(operation)
        effect = self.server.take_fault(operation.kind)
        if effect == "disconnect_before":
            return Answer(cut=True)
        if effect in ("busy", "unavailable"):
            operation.code, text = {"busy": (51, "busy"), "unavailable": (52, "unavailable")}[effect]
            said = f"0000200{'E' if text == 'busy' else 'F'}: SvcErr: DSID-02080490, problem 5001 (BUSY), data 0"
            return Answer(_message(request.number, _result(ANSWERS[request.operation.tag], operation.code, said)))
        answer = self._answered(request, operation)
        if effect == "disconnect_after":
            operation.code = None
            return Answer(cut=True)
        return answer

    def _entry(self, request: Request) -> Operation:
        from .strict_ldap import Operation

        return Operation(
            number=len(self.server.journal) + 1,
            connection=self.number,
            listener=self.listener,
            secure=self.secure,
            kind=KINDS[request.operation.tag],
            controls=list(request.controls),
        )

    def _answered(self, request: Request, operation: Operation) -> Answer:
        """Carry a request out; a refusal becomes its result."""
        tag = request.operation.tag
        handlers = {
            BIND: self._bind, SEARCH: self._search, MODIFY: self._modify, ADD_ENTRY: self._add,
            DELETE_ENTRY: self._delete, MOVE: self._move, COMPARE: self._compare, EXTENDED: self._extended,
        }  # fmt: skip
        try:
            for oid, (critical, _unused) in request.controls.items():
                if critical and oid not in SUPPORTED_CONTROLS:
                    raise Refused(12, "00000057: LdapErr: DSID-0C090A9E, comment: unsupported critical control")
            if tag not in (BIND, EXTENDED, SEARCH):
                self._signed_in()
            if tag in WRITES and self.catalog:
                raise Refused(53, "0000202B: SvcErr: DSID-03141010, problem 5003 (WILL_NOT_PERFORM), data 0")
            answer = handlers[tag](request, operation)
        except Refused as refused:
            operation.code = refused.code
            result = _result(ANSWERS[tag], refused.code, refused.text, refused.matched, self._referral(refused))
            return Answer(_message(request.number, result))
        if operation.code is None:
            operation.code = 0
        return answer if isinstance(answer, Answer) else Answer(_message(request.number, _result(ANSWERS[tag], 0)))

    def _referral(self, refused: Refused) -> list[str]:
        return [refused.matched] if refused.code == 10 else []

    def _signed_in(self) -> None:
        if self.user is None:
            said = "In order to perform this operation a successful bind must be completed on the connection."
            raise Refused(1, f"000004DC: LdapErr: DSID-0C090A5C, comment: {said}, data 0, v4563")

    # --- bind and extended operations -------------------------------------------------------------------------------

    def _bind(self, request: Request, operation: Operation) -> None:
        _unused, name, credentials = request.operation.children
        operation.dn = name.text
        self.user = None
        if credentials.tag != 0x80:
            raise Refused(7, "00000057: LdapErr: DSID-0C0906B5, comment: only simple binds are served here")
        if not name.content and not credentials.content:
            return
        if not self.secure and self.server.signing_required:
            said = "The server requires binds to turn on integrity checking if SSL\\TLS are not already active"
            raise Refused(8, f"00002028: LdapErr: DSID-0C090259, comment: {said} on the connection, data 0, v4563")
        user = self._account(name.text)
        if user is None or self.store.passwords.get(parse_dn(user.dn)) != credentials.content.decode(
            "utf-8", "replace"
        ):
            raise _logon_refusal("52e")
        self._check_account(user)
        self.user = user

    def _account(self, name: str) -> Entry | None:
        """The account of a bind name: DN, user principal name, or DOMAIN\\name."""
        account = name.rpartition("\\")[2].casefold() if "\\" in name and "=" not in name else None
        for entry in self.store.entries.values():
            if account is not None and (entry.first("sAMAccountName") or "").casefold() == account:
                return entry
            if (entry.first("userPrincipalName") or "").casefold() == name.casefold():
                return entry
        try:
            return self.store.entries.get(parse_dn(name))
        except ValueError:
            return None

    def _check_account(self, user: Entry) -> None:
        """A right password is not always enough (Windows error codes, in hexadecimal)."""
        if int(user.first("userAccountControl") or 0) & 0x2:
            raise _logon_refusal("533")
        if int(user.first("lockoutTime") or 0):
            raise _logon_refusal("775")
        if user.first("accountExpires") == "1":
            raise _logon_refusal("701")
        if user.first("pwdLastSet") == "0":
            raise _logon_refusal("773")

    def _extended(self, request: Request, operation: Operation) -> Answer:
        name = request.operation.children[0].text
        operation.dn = name
        if name == START_TLS:
            if self.secure:
                raise Refused(1, "00000000: LdapErr: DSID-0C090E06, comment: TLS or SSL already in effect, data 0")
            self.secure = True
            result = _result(ANSWERS[EXTENDED], 0, extra=ber.octets(name, 0x8A))
            return Answer(_message(request.number, result), start_tls=True)
        if name == WHO_AM_I:
            who = f"u:CORP\\{self.user.first('sAMAccountName')}" if self.user else ""
            return Answer(_message(request.number, _result(ANSWERS[EXTENDED], 0, extra=ber.octets(who, 0x8B))))
        raise Refused(2, "0000203D: LdapErr: DSID-0C090E7C, comment: Unknown extended request OID, data 0, v4563")

    # --- writes -----------------------------------------------------------------------------------------------------

    def _add(self, request: Request, operation: Operation) -> None:
        name, attributes = request.operation.children
        operation.dn = name.text
        values = {pair.children[0].text: _values(pair.children[1]) for pair in attributes.children}
        operation.detail = {"attributes": {key: _masked(key, value) for key, value in values.items()}}
        self._own(name.text)
        self.store.add(name.text, values, secure=self.secure)

    def _modify(self, request: Request, operation: Operation) -> None:
        name, items = request.operation.children
        operation.dn = name.text
        changes: list[Change] = []
        for item in items.children:
            kind, attribute = item.children
            changes.append((kind.number, attribute.children[0].text, _values(attribute.children[1])))
        operation.detail = {
            "changes": [
                (OPERATION_NAMES.get(kind, str(kind)), key, _masked(key, values)) for kind, key, values in changes
            ]
        }
        self._own(name.text)
        if any(kind not in OPERATION_NAMES or (kind == ADD and not values) for kind, _unused, values in changes):
            raise Refused(2, "00000057: LdapErr: DSID-0C090C3E, comment: Error in attribute conversion operation")
        permissive = PERMISSIVE in request.controls
        self.store.modify(name.text, changes, secure=self.secure, permissive=permissive)

    def _delete(self, request: Request, operation: Operation) -> None:
        operation.dn = request.operation.text
        self._own(operation.dn)
        self.store.delete(operation.dn, tree=TREE_DELETE in request.controls)

    def _move(self, request: Request, operation: Operation) -> None:
        name, rdn, _unused, *parent = request.operation.children
        operation.dn = name.text
        operation.detail = {"rdn": rdn.text, "parent": parent[0].text if parent else None}
        self._own(name.text)
        self.store.move(name.text, rdn.text, parent[0].text if parent else None)

    def _compare(self, request: Request, operation: Operation) -> Answer:
        name, assertion = request.operation.children
        operation.dn = name.text
        condition = Element(0xA3, assertion.content)
        values = self.store.find(name.text).values
        operation.code = 6 if matches(condition, values) else 5
        return Answer(_message(request.number, _result(ANSWERS[COMPARE], operation.code)))

    def _own(self, dn: str) -> None:
        """Refer the client elsewhere when the object lies in another domain: 10 with that domain's URL."""
        context = self.store.context_of(dn)
        if context not in (self.store.domain, None):
            raise Refused(10, "0000202B: RefErr: DSID-031007EF, data 0, 1 access points", _url(str(context)))

    # --- search -----------------------------------------------------------------------------------------------------

    def _search(self, request: Request, operation: Operation) -> Answer:
        base, scope, _unused, limit, _unused, types_only, condition, names = request.operation.children
        wanted = [name.text for name in names.children]
        size, cookie = _page(request.controls)
        operation.dn = base.text
        operation.detail = {
            "filter": shown(condition),
            "scope": scope.number,
            "attributes": wanted,
            "page": size,
        }
        if not base.content and scope.number == 0:
            return self._root(request, wanted)
        self._signed_in()
        found, references = self._found(base.text, scope.number, condition, request, cookie)
        most = min(size or self.server.page_limit, self.server.page_limit)
        if limit.number and (size is None or limit.number < most):
            most = limit.number
        page, rest = found[:most], found[most:]
        messages = [self._shown(request.number, entry, wanted, types_only.truth) for entry in page]
        messages += [_message(request.number, ber.element(REFERENCE, ber.octets(url))) for url in references]
        operation.code = 4 if rest and size is None else 0
        result = _result(ANSWERS[SEARCH], operation.code)
        return Answer(b"".join(messages) + _message(request.number, result, self._next_page(size, rest)))

    def _next_page(self, size: int | None, rest: list[Entry]) -> list[bytes]:
        """The paging control of the answer, with a cookie as long as something is left."""
        if size is None:
            return []
        cookie = secrets.token_bytes(8) if rest else b""
        if rest:
            self._pages[cookie] = rest
        value = ber.sequence(ber.integer(0), ber.octets(cookie))
        return [ber.sequence(ber.octets(PAGED), ber.octets(value))]

    def _found(
        self, base: str, scope: int, condition: Element, request: Request, cookie: bytes
    ) -> tuple[list[Entry], list[str]]:
        """Matching entries (or those that an earlier page left), and where else there would be some."""
        if cookie:
            if cookie not in self._pages:
                raise Refused(53, "00000057: LdapErr: DSID-0C090BF8, comment: Error processing control, data 0")
            return self._pages.pop(cookie), []
        if self.catalog and not base:
            candidates = [entry for context in self.store.contexts for entry in self.store.below(context, 2, ())]
        else:
            self._own_base(base)
            contexts = self.store.contexts if self.catalog else [self.store.domain]
            candidates = self.store.below(base, scope, contexts)
        try:
            found = [entry for entry in candidates if matches(condition, self._visible(entry))]
        except (FilterError, ValueError, IndexError) as error:
            raise Refused(87, f"00002035: LdapErr: DSID-0C090C92, comment: The filter is invalid: {error}") from error
        return found, self._references(base, scope, request)

    def _own_base(self, base: str) -> None:
        if not self.catalog:
            self._own(base)
        if self.store.context_of(base) is None:
            raise Refused(10, "0000202B: RefErr: DSID-031007EF, data 0, 1 access points", _url(base))

    def _visible(self, entry: Entry) -> dict[str, list[bytes]]:
        """The values that a filter sees: in the global catalog, those of the partial attribute set only."""
        values = {**entry.values, "memberof": self._groups(entry)}
        if not self.catalog:
            return values
        return {name: each for name, each in values.items() if name in SCHEMA and SCHEMA[name].cataloged}

    def _groups(self, entry: Entry) -> list[bytes]:
        dn = entry.dn.encode()
        return [other.dn.encode() for other in self.store.entries.values() if dn in other.values.get("member", ())]

    def _references(self, base: str, scope: int, request: Request) -> list[str]:
        """Where a search of the whole domain would have to go on (RFC 4511, 4.5.3)."""
        if self.catalog or scope != 2 or DOMAIN_SCOPE in request.controls:
            return []
        if parse_dn(base) != parse_dn(self.store.domain):
            return []
        return [_url(context) for context in [*self.store.contexts[1:], self.store.configuration]]

    def _root(self, request: Request, wanted: Sequence[str]) -> Answer:
        """The rootDSE, readable by everybody (MS-ADTS 3.1.1.3.2)."""
        store = self.store
        host = f"dc1.{'.'.join(value for _kind, value in parse_dn(store.domain))}"
        values = {
            "defaultNamingContext": [store.domain],
            "rootDomainNamingContext": [store.domain],
            "configurationNamingContext": [store.configuration],
            "schemaNamingContext": [store.schema],
            "namingContexts": [store.domain, store.configuration, store.schema],
            "dnsHostName": [host],
            "ldapServiceName": [f"{host}:dc1$@{host.partition('.')[2].upper()}"],
            "supportedControl": list(SUPPORTED_CONTROLS),
            "supportedExtension": [START_TLS, WHO_AM_I],
            "supportedLDAPVersion": ["3"],
            "supportedSASLMechanisms": ["GSSAPI", "GSS-SPNEGO", "EXTERNAL", "DIGEST-MD5"],
            "domainFunctionality": ["7"],
            "forestFunctionality": ["7"],
            "domainControllerFunctionality": ["7"],
            "isGlobalCatalogReady": ["TRUE"],
        }
        names = {name.lower() for name in wanted} - {"*", "+"}
        pairs = [
            (name, [value.encode() for value in each])
            for name, each in values.items()
            if not names or name.lower() in names
        ]
        found = _message(request.number, _found_entry("", pairs, False))
        return Answer(found + _message(request.number, _result(ANSWERS[SEARCH], 0)))

    def _shown(self, number: int, entry: Entry, wanted: Sequence[str], types_only: bool) -> bytes:
        values = self._visible(entry)
        if any(name.lower().partition(";")[0] == ON_REQUEST[0] for name in wanted):
            values[ON_REQUEST[0]] = self._writable(entry)
        pairs = []
        for name, option in _selected(wanted, values):
            each = values[name]
            if each and name not in NEVER:
                pairs.append(_ranged(SCHEMA[name].name, each, option, self.server.range_limit))
        return _message(number, _found_entry(entry.dn, pairs, types_only))

    def _writable(self, entry: Entry) -> list[bytes]:
        """Which attributes the signed-in account may write (constructed; MS-ADTS 3.1.1.4.5.17)."""
        key = parse_dn(entry.dn)
        if any(key[len(key) - len(tree) :] == tree for tree in self.store.protected):
            return []
        return [attribute.name.encode() for attribute in SCHEMA.values() if not attribute.read_only]


def _request(message: Element) -> Request:
    number, operation, *rest = message.children
    controls = {}
    for control in rest[0].children if rest and rest[0].tag == CONTROLS else []:
        oid, *details = control.children
        critical = any(each.tag == ber.BOOLEAN and each.truth for each in details)
        value = next((each.content for each in details if each.tag == ber.OCTETS), b"")
        controls[oid.text] = (critical, value)
    return Request(number.number, operation, controls)


def _page(controls: dict[str, tuple[bool, bytes]]) -> tuple[int | None, bytes]:
    """Page size and cookie of the paging control (RFC 2696); no size without it."""
    if PAGED not in controls:
        return None, b""
    size, cookie = ber.decode(controls[PAGED][1])[0].children
    return size.number, cookie.content


def _values(values: Element) -> list[bytes]:
    return [value.content for value in values.children]


def _masked(name: str, values: list[bytes]) -> list[Any]:
    return (
        ["(password)"] * len(values)
        if name.lower() in NEVER
        else [value.decode("utf-8", "replace") for value in values]
    )


def _logon_refusal(code: str) -> Refused:
    return Refused(49, f"80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {code}, v4563")


def _url(context: str) -> str:
    host = ".".join(value for kind, value in parse_dn(context) if kind == "dc")
    return f"ldap://{host}/{context}"


def _selected(wanted: Sequence[str], values: dict[str, list[bytes]]) -> list[tuple[str, str]]:
    """Which attributes to give, by lower-case name, each with the option that was asked for."""
    asked = {name.lower().partition(";")[0]: name.lower().partition(";")[2] for name in wanted}
    if "1.1" in asked and len(asked) == 1:
        return []
    everything = not asked or "*" in asked
    return [
        (name, asked.get(name, ""))
        for name in values
        if name in SCHEMA and (name in asked or (everything and name not in ON_REQUEST))
    ]


def _ranged(name: str, values: list[bytes], option: str, limit: int) -> tuple[str, list[bytes]]:
    """An attribute's name and values, in ranges where there are too many (MS-ADTS 3.1.1.3.1.3.3)."""
    asked = re.fullmatch(r"range=(\d+)-(\d+|\*)", option)
    if asked is None and len(values) <= limit:
        return name, values
    start = int(asked[1]) if asked else 0
    end = start + limit - 1
    if asked and asked[2] != "*":
        end = min(end, int(asked[2]))
    if end >= len(values) - 1:
        return f"{name};range={start}-*", values[start:]
    return f"{name};range={start}-{end}", values[start : end + 1]


def _found_entry(dn: str, pairs: Sequence[tuple[str, Sequence[bytes]]], types_only: bool) -> bytes:
    attributes = [
        ber.sequence(ber.octets(name), ber.set_of(*([] if types_only else map(ber.octets, values))))
        for name, values in pairs
    ]
    return ber.element(FOUND, ber.octets(dn), ber.sequence(*attributes))


def _result(
    tag: int, code: int, text: str = "", matched: str = "", referral: Sequence[str] = (), extra: bytes = b""
) -> bytes:
    urls = ber.element(0xA3, *map(ber.octets, referral)) if referral else b""
    dn = "" if referral else matched
    return ber.element(tag, ber.integer(code, ber.ENUMERATED), ber.octets(dn), ber.octets(text), urls, extra)


def _message(number: int, operation: bytes, controls: Sequence[bytes] = ()) -> bytes:
    extra = ber.element(CONTROLS, *controls) if controls else b""
    return ber.sequence(ber.integer(number), operation, extra)
