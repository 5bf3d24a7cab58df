# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes over the wire of LDAP, as Python values: entries, modifications, filters and attribute values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from .errors import ServiceError

Value: TypeAlias = "str | bytes"

# Attributes whose values are octets ([MS-ADA1] to [MS-ADA3]); all others are text in UTF-8.
BINARY = frozenset(
    name.lower()
    for name in (
        "objectGUID",
        "objectSid",
        "sIDHistory",
        "mS-DS-ConsistencyGuid",
        "unicodePwd",
        "msExchMailboxGuid",
        "msExchArchiveGUID",
        "nTSecurityDescriptor",
        "msExchMailboxSecurityDescriptor",
        "userCertificate",
        "userSMIMECertificate",
        "thumbnailPhoto",
        "jpegPhoto",
        "logonHours",
        "schemaIDGUID",
        "attributeSecurityGUID",
        "msDS-GenerationId",
        "replPropertyMetaData",
        "tokenGroups",
    )
)
# Attributes whose values appear in no message, whatever the server says.
SECRET = frozenset({"unicodepwd", "userpassword"})

_RANGE = re.compile(r"(?P<name>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)", re.IGNORECASE)
_DESCRIPTION = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+")


class Attributes(Mapping[str, list[Value]]):
    """Attributes of an entry; names without regard to letter case, in the spelling of the server when listed."""

    def __init__(self, values: Mapping[str, list[Value]]) -> None:
        self._named = {name.lower(): (name, list(held)) for name, held in values.items()}

    def __getitem__(self, name: str) -> list[Value]:
        return self._named[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _held in self._named.values())

    def __len__(self) -> int:
        return len(self._named)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._named

    def __repr__(self) -> str:
        return f"Attributes({dict(self._named.values())!r})"


@dataclass(frozen=True)
class Entry:
    """One object of the directory. An attribute that it does not have is missing in C(attributes)."""

    dn: str
    attributes: Mapping[str, list[Value]]

    def text(self, name: str) -> str | None:
        """The first value of a text attribute; None where there is none."""
        return next((value for value in self.attributes.get(name, ()) if isinstance(value, str)), None)

    def texts(self, name: str) -> list[str]:
        """All values of a text attribute, in the order of the server (which has no meaning)."""
        return [value for value in self.attributes.get(name, ()) if isinstance(value, str)]

    def octets(self, name: str) -> bytes | None:
        """The first value of a binary attribute; None where there is none."""
        return next((value for value in self.attributes.get(name, ()) if isinstance(value, bytes)), None)

    def number(self, name: str) -> int | None:
        """The first value of an integer attribute; None where there is none."""
        held = self.text(name)
        return None if held is None else int(held)


@dataclass(frozen=True)
class Modification:
    """One step of a modify request.

    Arguments:
        operation: C(add), C(delete) or C(replace). Delete and replace without values remove the whole attribute.
        attribute: its LDAP name.
        values: text or octets; never shown in a repr, they may be a password.
    """

    operation: str
    attribute: str
    values: Sequence[Value] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.operation not in ("add", "delete", "replace"):
            raise ValueError(f"{self.operation!r} is no operation of a modify request")
        if isinstance(self.values, (str, bytes)):
            raise TypeError("values is a list, not a single value")


def encode(value: Value | int | bool) -> bytes:
    """A value as LDAP wants it: text in UTF-8, numbers in decimal, booleans as TRUE and FALSE (RFC 4517).

    Raises:
        ServiceError: a text holds half of a surrogate pair, which no UTF-8 can say.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"TRUE" if value else b"FALSE"
    try:
        return str(value).encode()
    except UnicodeEncodeError as error:
        raise ServiceError(
            f"A text cannot be sent: character {error.start + 1} is no Unicode character.",
            advice="Look for \\ud800 to \\udfff in your input.",
            code="badValue",
        ) from None


def decode(name: str, raw: Iterable[bytes]) -> list[Value]:
    """Values of an attribute as the server sent them: octets for binary attributes, else text.

    Text that is no UTF-8 stays octets: an attribute unknown to us may be binary, and a guess would garble it.
    """
    base, _semicolon, options = name.partition(";")
    if base.lower() in BINARY or "binary" in options.lower().split(";"):
        return list(raw)
    values: list[Value] = []
    for octets in raw:
        try:
            values.append(octets.decode())
        except UnicodeDecodeError:
            values.append(octets)
    return values


def range_of(name: str) -> tuple[str, int | None] | None:
    """What C(member;range=0-1499) says ([MS-ADTS] 3.1.1.3.1.3.3): the attribute and the first value still to fetch.

    None: the name carries no range. (name, None): this was the last part.
    """
    match = _RANGE.fullmatch(name)
    if match is None:
        return None
    return match["name"], None if match["last"] == "*" else int(match["last"]) + 1


def escape(value: Value) -> str:
    """A value as it stands in a search filter (RFC 4515), octets included.

    Blanks are escaped too: ldap3 strips them from both ends of a value.
    """
    if isinstance(value, bytes):
        return "".join(f"\\{octet:02x}" for octet in value)
    encode(value)  # refuses what cannot be sent
    return "".join(f"\\{ord(sign):02x}" if sign in "\\*()" or sign <= " " else sign for sign in value)


def equals(attribute: str, value: Value) -> str:
    """The filter C((attribute=value)), safely escaped."""
    if not _DESCRIPTION.fullmatch(attribute):
        raise ValueError(f"{attribute!r} is no name of an attribute")
    return f"({attribute}={escape(value)})"


def any_of(filters: Iterable[str]) -> str:
    """The filter that holds when one of the given ones holds."""
    return "(|" + "".join(filters) + ")"


def all_of(filters: Iterable[str]) -> str:
    """The filter that holds when all of the given ones hold."""
    return "(&" + "".join(filters) + ")"
