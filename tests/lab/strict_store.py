# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of the strict LDAP server, and the rules by which Windows accepts or refuses a change.

The rules: RFC 4511 4.6 to 4.9 (a change is atomic and in order), MS-ADTS 3.1.1.5 (updates), 3.1.1.3.1.5 (passwords),
MS-SAMR 3.1.1.6 (account names). Result codes and the texts around them follow Windows; the DSID numbers are made up.
"""

from __future__ import annotations

import itertools
import random
import re
import uuid
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .strict_schema import SCHEMA, Attribute, Dn, comparable, parse_dn, split_dn, unescape

ADD, DELETE, REPLACE = 0, 1, 2
DISABLED, NO_PASSWORD_NEEDED = 0x2, 0x20
CATEGORY = {"group": "Group", "organizationalunit": "Organizational-Unit", "container": "Container"}
UNIQUE = ("samaccountname", "userprincipalname")
Change = tuple[int, str, list[bytes]]


class Refused(Exception):
    """The server's refusal: LDAP result code, diagnostic text, and the best existing ancestor for code 32."""

    def __init__(self, code: int, text: str = "", matched: str = "") -> None:
        super().__init__(f"{code} {text}")
        self.code, self.text, self.matched = code, text, matched


@dataclass
class Entry:
    """One object. C(values): by lower-case attribute name, in the order in which they were written."""

    dn: str
    values: dict[str, list[bytes]] = field(default_factory=dict)

    def first(self, name: str) -> str | None:
        """The first value of a text attribute."""
        values = self.values.get(name.lower())
        return values[0].decode("utf-8", "replace") if values else None

    def classes(self) -> set[str]:
        """The object's classes in lower case."""
        return {value.decode().lower() for value in self.values.get("objectclass", [])}


@dataclass
class Policy:
    """How strict the server is about passwords. C(code): Windows answers 19 or 53, both with 0000052D."""

    shortest: int = 7
    complex: bool = True
    code: int = 19


class Store:
    """The objects of one forest: naming contexts, the first of which is this server's own domain."""

    def __init__(self, contexts: Sequence[str], seed: int = 0) -> None:
        self.contexts = list(contexts)
        self.policy = Policy()
        # Subtrees where nobody may write: result 50.
        self.protected: list[Dn] = []
        self._random = random.Random(seed)
        self._usn = itertools.count(1000)
        self._relative = itertools.count(1103)
        self._domain_sid = bytes((1, 4, 0, 0, 0, 0, 0, 5)) + b"".join(
            number.to_bytes(4, "little") for number in (21, *(self._random.getrandbits(32) for _unused in range(3)))
        )
        self.entries: dict[Dn, Entry] = {}
        self.passwords: dict[Dn, str] = {}
        for context in [*contexts, self.configuration, self.schema]:
            self._put(Entry(context, {"objectclass": [b"top", b"domainDNS"]}))
        for attribute in SCHEMA.values():
            values = {"objectclass": [b"top", b"attributeSchema"], "ldapdisplayname": [attribute.name.encode()]}
            self._put(Entry(f"CN={attribute.name},{self.schema}", values))

    @property
    def domain(self) -> str:
        """The DN of the server's own domain."""
        return self.contexts[0]

    @property
    def configuration(self) -> str:
        """The DN of the configuration naming context."""
        return f"CN=Configuration,{self.domain}"

    @property
    def schema(self) -> str:
        """The DN of the schema naming context."""
        return f"CN=Schema,{self.configuration}"

    def find(self, dn: str) -> Entry:
        """The object with this DN.

        Raises Refused: 34 malformed, 32 no such object.
        """
        key = self._key(dn)
        if key not in self.entries:
            best = self._best(key)
            said = "0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT), data 0, best match of:"
            raise Refused(32, f"{said}\n\t'{best}'\n", best)
        return self.entries[key]

    def _key(self, dn: str) -> Dn:
        guid = re.fullmatch(r"<GUID=([0-9A-Fa-f-]{32,36})>", dn)
        if guid:
            raw = guid[1]
            wanted = uuid.UUID(raw).bytes_le if "-" in raw else bytes.fromhex(raw)
            return next((key for key, entry in self.entries.items() if entry.values["objectguid"] == [wanted]), ())
        try:
            return parse_dn(dn)
        except ValueError as error:
            raise Refused(34, "0000208F: NameErr: DSID-03100225, problem 2006 (BAD_NAME), data 8350") from error

    def _best(self, key: Dn) -> str:
        """The DN of the nearest ancestor that exists."""
        found = (self.entries[key[start:]].dn for start in range(1, len(key)) if key[start:] in self.entries)
        return next(found, "")

    def context_of(self, dn: str) -> str | None:
        """The naming context that a DN lies in, None if it lies in none that the forest has."""
        key = self._key(dn)
        inside = [context for context in self.contexts if key[-len(parse_dn(context)) :] == parse_dn(context)]
        return max(inside, key=len) if inside else None

    def below(self, dn: str, scope: int, contexts: Iterable[str]) -> list[Entry]:
        """Objects at and below a DN: scope 0 itself, 1 its children, 2 the whole tree inside the given contexts."""
        base = self.find(dn)
        if scope == 0:
            return [base]
        key = parse_dn(base.dn)
        allowed = {parse_dn(context) for context in contexts}
        return [
            entry
            for other, entry in self.entries.items()
            if other[len(other) - len(key) :] == key
            and (len(other) == len(key) + 1 if scope == 1 else True)
            and self._context_key(other) in allowed | {self._context_key(key)}
        ]

    def _context_key(self, key: Dn) -> Dn:
        """The innermost naming context of a key; configuration and schema are contexts of their own."""
        keys = [parse_dn(context) for context in (*self.contexts, self.configuration, self.schema)]
        return max((each for each in keys if key[-len(each) :] == each), key=len, default=())

    # --- changes ------------------------------------------------------------------------------------------------------

    def add(self, dn: str, attributes: dict[str, list[bytes]], *, secure: bool) -> Entry:
        """Create an object.

        Raises Refused: 32 no parent, 68 it exists, 50 no right, or what C(modify) may answer.
        """
        key = self._key(dn)
        self._allowed(key)
        if key in self.entries:
            raise Refused(68, "00002071: UpdErr: DSID-031B0D3C, problem 6005 (ENTRY_EXISTS), data 0")
        if not key or key[1:] not in self.entries:
            self.find(_parent(dn))
        kind, value = split_dn(dn)[0]
        entry = Entry(dn, {})
        changes = [(ADD, name, values) for name, values in attributes.items() if name.lower() != kind.lower()]
        password = self._apply(entry, [*changes, (REPLACE, kind, [unescape(value).encode()])], secure=secure)
        if not entry.classes():
            raise Refused(65, "0000207C: UpdErr: DSID-0315166D, problem 6002 (OBJ_CLASS_VIOLATION), data 0")
        self._complete(entry, password)
        self._check_unique(entry, key)
        self._put(entry)
        if password is not None:
            self.passwords[key] = password
        return entry

    def modify(self, dn: str, changes: Sequence[Change], *, secure: bool, permissive: bool = False) -> None:
        """Apply changes in their order, all or none.

        Raises Refused: 16 no such attribute or value, 19 out of range, two values where one may be, or a password that
        the policy refuses, 20 the value exists, 21 malformed, 32, 50, 53 not allowed (a password without TLS, ...).
        """
        entry = self.find(dn)
        key = parse_dn(entry.dn)
        self._allowed(key)
        wanted = deepcopy(entry)
        password = self._apply(wanted, changes, secure=secure, permissive=permissive)
        if wanted.values == entry.values and password is None:
            return
        enabled = _enabled(wanted) and not _enabled(entry)
        if enabled and password is None and key not in self.passwords and self._password_needed(wanted):
            raise self._policy_refusal()
        if any(wanted.values.get(name) != entry.values.get(name) for name in UNIQUE):
            self._check_unique(wanted, key)
        self._touch(wanted)
        self.entries[key] = wanted
        if password is not None:
            self.passwords[key] = password

    def move(self, dn: str, rdn: str, parent: str | None) -> None:
        """Rename an object, or move it below another parent, with everything below it.

        Raises Refused: 32 object or parent does not exist, 68 the name is taken, 50, 53 below itself.
        """
        entry = self.find(dn)
        old_dn, old = entry.dn, parse_dn(entry.dn)
        new_dn = f"{rdn},{_parent(entry.dn) if parent is None else self.find(parent).dn}"
        new = self._key(new_dn)
        for key in (old, new):
            self._allowed(key)
        if new != old and new in self.entries:
            raise Refused(68, "00002071: UpdErr: DSID-031B0D3C, problem 6005 (ENTRY_EXISTS), data 0")
        if new[len(new) - len(old) :] == old and len(new) > len(old):
            raise Refused(53, "0000208A: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0")
        moved = [key for key in self.entries if key[len(key) - len(old) :] == old]
        for key in moved:
            child = self.entries.pop(key)
            password = self.passwords.pop(key, None)
            child.dn = new_dn if key == old else _replaced_end(child.dn, old_dn, new_dn)
            self._put(child)
            if password is not None:
                self.passwords[parse_dn(child.dn)] = password
        kind, value = split_dn(rdn)[0]
        entry.values[kind.lower()] = [unescape(value).encode()]
        self._put(entry)

    def delete(self, dn: str, *, tree: bool = False) -> None:
        """Delete an object; with C(tree), everything below it too.

        Raises Refused: 32, 50, 66 it has children.
        """
        key = parse_dn(self.find(dn).dn)
        self._allowed(key)
        inside = [other for other in self.entries if other[len(other) - len(key) :] == key]
        if len(inside) > 1 and not tree:
            raise Refused(66, "00002015: UpdErr: DSID-03100863, problem 6003 (CANT_ON_NON_LEAF), data 0")
        for other in inside:
            del self.entries[other]
            self.passwords.pop(other, None)

    def _allowed(self, key: Dn) -> None:
        if any(key[len(key) - len(tree) :] == tree for tree in self.protected):
            raise Refused(50, "00002098: SecErr: DSID-031514B3, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0")

    def _apply(self, entry: Entry, changes: Sequence[Change], *, secure: bool, permissive: bool = False) -> str | None:
        """Change the values of an entry; gives the new password if there is one."""
        password, old_given = None, None
        for operation, name, values in changes:
            attribute = SCHEMA.get(name.lower())
            if attribute is None:
                raise Refused(16, _attribute_error("00000057", 1001, "NO_ATTRIBUTE_OR_VAL", name))
            if attribute.read_only:
                raise Refused(19, _attribute_error("0000209A", 1005, "CONSTRAINT_ATT_TYPE", attribute.name))
            if attribute.name == "unicodePwd":
                if operation == DELETE:
                    old_given = self._old_password(entry, values, secure)
                else:
                    if operation == ADD and entry.dn and parse_dn(entry.dn) in self.passwords and old_given is None:
                        raise Refused(53, "00002077: SvcErr: DSID-031903B4, problem 5003 (WILL_NOT_PERFORM), data 0")
                    password = self._new_password(values, secure)
                continue
            _change_values(entry, attribute, operation, values, permissive)
        return password

    def _old_password(self, entry: Entry, values: list[bytes], secure: bool) -> str:
        given = _decoded_password(values, secure)
        if self.passwords.get(parse_dn(entry.dn)) != given:
            raise Refused(19, _attribute_error("00000056", 1005, "CONSTRAINT_ATT_TYPE", "unicodePwd"))
        return given

    def _new_password(self, values: list[bytes], secure: bool) -> str:
        password = _decoded_password(values, secure)
        kinds = (str.isupper, str.islower, str.isdigit, lambda sign: not sign.isalnum())
        varied = sum(any(kind(sign) for sign in password) for kind in kinds) >= 3
        if len(password) < self.policy.shortest or (self.policy.complex and not varied):
            raise self._policy_refusal()
        return password

    def _policy_refusal(self) -> Refused:
        if self.policy.code == 53:
            return Refused(53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0")
        return Refused(19, _attribute_error("0000052D", 1005, "CONSTRAINT_ATT_TYPE", "unicodePwd"))

    def _password_needed(self, entry: Entry) -> bool:
        return not int(entry.first("userAccountControl") or 0) & NO_PASSWORD_NEEDED and self.policy.shortest > 0

    def _complete(self, entry: Entry, password: str | None) -> None:
        """What the server adds to a new object by itself."""
        classes = entry.classes()
        inherited = {
            "user": (b"top", b"person", b"organizationalPerson"),
            "contact": (b"top", b"person"),
            "group": (b"top",),
        }
        for name, parents in inherited.items():
            if name in classes:
                own = entry.values["objectclass"]
                entry.values["objectclass"] = [parent for parent in parents if parent not in own] + own
        kind = next((CATEGORY[name] for name in CATEGORY if name in classes), "Person")
        entry.values.setdefault("objectcategory", [f"CN={kind},{self.schema}".encode()])
        if "user" in classes or "group" in classes:
            entry.values.setdefault("samaccountname", [f"${self._random.getrandbits(64):016X}"[:20].encode()])
            entry.values["objectsid"] = [self._domain_sid_with(next(self._relative))]
        if "user" not in classes:
            return
        control = str(DISABLED | NO_PASSWORD_NEEDED | 0x200).encode()
        entry.values.setdefault("useraccountcontrol", [control])
        if _enabled(entry) and password is None and self._password_needed(entry):
            raise self._policy_refusal()

    def _domain_sid_with(self, relative: int) -> bytes:
        return bytes((1, 5)) + self._domain_sid[2:] + relative.to_bytes(4, "little")

    def _check_unique(self, entry: Entry, key: Dn) -> None:
        """Account names are unique in the domain, user principal names in the forest (MS-ADTS 3.1.1.5.1.3)."""
        account, upn = entry.first("sAMAccountName"), entry.first("userPrincipalName")
        if (
            account is not None
            and "user" in entry.classes()
            and (len(account) > 20 or re.search(r'["/\\[\]:;|=,+*?<>]', account))
        ):
            raise Refused(80, "00000523: SysErr: DSID-031A1256, problem 22 (Invalid argument), data 0")
        context = self._context_key(key)
        for other, found in self.entries.items():
            if other == key:
                continue
            if account and _same(found.first("sAMAccountName"), account) and self._context_key(other) == context:
                raise Refused(68, "00000524: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0")
            if upn and _same(found.first("userPrincipalName"), upn):
                raise Refused(19, _attribute_error("000021C8", 1005, "CONSTRAINT_ATT_TYPE", "userPrincipalName"))

    def _put(self, entry: Entry) -> None:
        """Keep an object under its DN, with the values that only the server writes."""
        values = entry.values
        kind, value = split_dn(entry.dn)[0]
        values[kind.lower()] = values.get(kind.lower(), [unescape(value).encode()])
        values["name"] = [unescape(value).encode()]
        values["distinguishedname"] = [entry.dn.encode()]
        values.setdefault("objectguid", [uuid.UUID(int=self._random.getrandbits(128), version=4).bytes_le])
        values.setdefault("instancetype", [b"4"])
        values.setdefault("whencreated", [_now()])
        self._touch(entry)
        self.entries[parse_dn(entry.dn)] = entry

    def _touch(self, entry: Entry) -> None:
        entry.values["whenchanged"] = [_now()]
        entry.values["usnchanged"] = [str(next(self._usn)).encode()]


def _now() -> bytes:
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S.0Z").encode()


def _same(left: str | None, right: str) -> bool:
    return left is not None and left.casefold() == right.casefold()


def _enabled(entry: Entry) -> bool:
    control = entry.first("userAccountControl")
    return control is not None and not int(control) & DISABLED


def _parent(dn: str) -> str:
    """The DN of the parent, spelled as in the DN."""
    found = re.match(r"(?:[^,\\]|\\.)+,", dn, re.DOTALL)
    return dn[found.end() :] if found else ""


def _replaced_end(dn: str, old: str, new: str) -> str:
    return dn[: len(dn) - len(old)] + new


def _attribute_error(code: str, problem: int, name: str, attribute: str) -> str:
    """Windows' text for a refused attribute."""
    detail = f"{code}: DSID-03151785, problem {problem} ({name}), data 0, Att ({attribute})"
    return f"{code}: AtrErr: DSID-03151785, #1:\n\t0: {detail}\n"


def _change_values(entry: Entry, attribute: Attribute, operation: int, values: list[bytes], permissive: bool) -> None:
    """One change of one attribute, on a copy of the entry."""
    key = attribute.name.lower()
    for value in values:
        if operation != DELETE:
            _check_value(attribute, value)
    present = [] if operation == REPLACE else list(entry.values.get(key, []))
    if operation == DELETE:
        present = _without(attribute, present, values, permissive)
    else:
        present = _with(attribute, present, values, permissive and operation == ADD)
    if attribute.single and len(present) > 1:
        raise Refused(19, _attribute_error("00002081", 1005, "CONSTRAINT_ATT_TYPE", attribute.name))
    if present:
        entry.values[key] = present
    else:
        entry.values.pop(key, None)


def _with(attribute: Attribute, present: list[bytes], values: list[bytes], permissive: bool) -> list[bytes]:
    """The values with new ones at the end; one that is there already, in whatever case, is refused or skipped."""
    known = {comparable(attribute, value) for value in present}
    result = list(present)
    for value in values:
        same = comparable(attribute, value)
        if same not in known:
            known.add(same)
            result.append(value)
        elif not permissive:
            raise Refused(20, _attribute_error("00002083", 1006, "ATT_OR_VALUE_EXISTS", attribute.name))
    return result


def _without(attribute: Attribute, present: list[bytes], values: list[bytes], permissive: bool) -> list[bytes]:
    """The values that are left after a delete; without values, all are deleted."""
    known = {comparable(attribute, value) for value in present}
    unwanted = {comparable(attribute, value) for value in values}
    if (unwanted - known or not present) and not permissive:
        raise Refused(16, _attribute_error("00002085", 1001, "NO_ATTRIBUTE_OR_VAL", attribute.name))
    return [value for value in present if values and comparable(attribute, value) not in unwanted]


def _check_value(attribute: Attribute, value: bytes) -> None:
    """Refuse a value that the attribute's syntax or range does not allow."""
    name = attribute.name
    malformed = Refused(21, _attribute_error("00000057", 1004, "WRONG_ATT_SYNTAX", name))
    if not value:
        raise malformed
    if attribute.syntax == "octets":
        length = len(value)
    else:
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            raise malformed from None
        length = len(text)
        forms = {"integer": r"-?\d+", "boolean": "TRUE|FALSE"}
        if attribute.syntax in forms and not re.fullmatch(forms[attribute.syntax], text):
            raise malformed
    if attribute.upper is not None and length > attribute.upper:
        raise Refused(19, _attribute_error("00002082", 1005, "CONSTRAINT_ATT_TYPE", name))


def _decoded_password(values: list[bytes], secure: bool) -> str:
    """The password of a unicodePwd value: UTF-16LE in double quotes, and only over an encrypted connection."""
    if not secure or len(values) != 1:
        raise Refused(53, "0000001F: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0")
    try:
        text = values[0].decode("utf-16-le")
    except UnicodeDecodeError:
        text = ""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        raise Refused(53, "00000057: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0")
    return text[1:-1]
