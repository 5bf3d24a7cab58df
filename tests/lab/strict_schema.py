# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes that the strict LDAP server knows, how their values compare, and distinguished names.

Syntaxes, single values and lengths are those of Microsoft's schema pages (MS-ADA1 to MS-ADA3, MS-ADSC), and of the
Exchange schema extension.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal

Syntax = Literal["text", "octets", "integer", "boolean", "dn"]
Rdn = tuple[str, str]
Dn = tuple[Rdn, ...]


@dataclass(frozen=True)
class Attribute:
    """One attribute of the schema. C(upper): the longest value, in characters or bytes."""

    name: str
    syntax: Syntax = "text"
    single: bool = True
    upper: int | None = None
    read_only: bool = False
    # Whether the global catalog holds it (the partial attribute set).
    cataloged: bool = True


# Text attributes with one value, and their greatest length.
TEXTS = {
    "cn": 64, "ou": 64, "name": 255, "displayName": 256, "givenName": 64, "sn": 64, "initials": 6, "mail": 256,
    "mailNickname": 64, "userPrincipalName": 1024, "sAMAccountName": 256, "title": 128, "department": 64,
    "company": 64, "telephoneNumber": 64, "mobile": 64, "physicalDeliveryOfficeName": 128, "l": 128, "st": 128,
    "streetAddress": 1024, "postalCode": 40, "c": 3, "co": 128, "employeeID": 16, "info": 1024,
    "wWWHomePage": 2048, "targetAddress": 1123, "legacyExchangeDN": None, "adminDescription": 1024,
    "msDS-ExternalDirectoryObjectId": 256, "extensionName": 255, "lDAPDisplayName": 256,
}  # fmt: skip
# Not in the partial attribute set, so not in the global catalog.
LOCAL = ("employeeID", "info", "wWWHomePage", "streetAddress", "postalCode", "title", "department", "company")


def _table() -> dict[str, Attribute]:
    attributes = [Attribute(name, upper=upper, cataloged=name not in LOCAL) for name, upper in TEXTS.items()]
    attributes += [Attribute(f"extensionAttribute{number}", upper=1024) for number in range(1, 16)]
    attributes += [
        Attribute("objectClass", single=False),
        Attribute("description", single=False, upper=1024),
        Attribute("proxyAddresses", single=False, upper=1123),
        Attribute("otherMailbox", single=False, cataloged=False),
        Attribute("servicePrincipalName", single=False),
        Attribute("userAccountControl", "integer"),
        Attribute("groupType", "integer"),
        Attribute("pwdLastSet", "integer", cataloged=False),
        Attribute("accountExpires", "integer", cataloged=False),
        Attribute("lockoutTime", "integer", cataloged=False),
        Attribute("primaryGroupID", "integer"),
        Attribute("sAMAccountType", "integer", read_only=True),
        Attribute("msExchRecipientTypeDetails", "integer"),
        Attribute("msExchRemoteRecipientType", "integer"),
        Attribute("msExchRecipientDisplayType", "integer"),
        Attribute("msExchHideFromAddressLists", "boolean"),
        Attribute("isCriticalSystemObject", "boolean"),
        Attribute("member", "dn", single=False),
        Attribute("memberOf", "dn", single=False, read_only=True),
        Attribute("manager", "dn"),
        Attribute("showInAddressBook", "dn", single=False),
        Attribute("objectCategory", "dn"),
        Attribute("distinguishedName", "dn", read_only=True),
        Attribute("unicodePwd", "octets", cataloged=False),
        Attribute("mS-DS-ConsistencyGuid", "octets", upper=16, cataloged=False),
        Attribute("msExchMailboxGuid", "octets", upper=16),
        Attribute("userCertificate", "octets", single=False),
        Attribute("userSMIMECertificate", "octets", single=False),
        Attribute("thumbnailPhoto", "octets", upper=102_400),
        Attribute("objectGUID", "octets", read_only=True),
        Attribute("objectSid", "octets", read_only=True),
        Attribute("whenCreated", read_only=True),
        Attribute("whenChanged", read_only=True),
        Attribute("uSNChanged", "integer", read_only=True),
        Attribute("instanceType", "integer", read_only=True),
        Attribute("allowedAttributesEffective", single=False, read_only=True, cataloged=False),
    ]
    return {attribute.name.lower(): attribute for attribute in attributes}


SCHEMA = _table()


def comparable(attribute: Attribute, value: bytes) -> object:
    """What two values of an attribute must share to be the same value: AD compares text without regard to case."""
    if attribute.syntax == "octets":
        return value
    text = value.decode("utf-8", "surrogateescape")
    if attribute.syntax == "integer":
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    if attribute.syntax == "dn":
        try:
            return parse_dn(text)
        except ValueError:
            return text
    return text.casefold()


@functools.lru_cache(maxsize=100_000)
def parse_dn(text: str) -> Dn:
    """A distinguished name (RFC 4514) in a form that compares as AD does: leaf first, without regard to case.

    Raises ValueError: it is malformed.
    """
    return tuple((kind.lower(), unescape(value).casefold()) for kind, value in split_dn(text))


def split_dn(text: str) -> list[Rdn]:
    """The type and the still escaped value of each part of a DN, leaf first.

    Raises ValueError: it is malformed.
    """
    parts = re.findall(r"(?:[^,\\]|\\.)+", text, re.DOTALL)
    if ",".join(parts) != text:
        raise ValueError(f"malformed DN {text!r}")
    pairs = [part.strip().partition("=") for part in parts]
    if any(not kind.strip() or not equals or not value for kind, equals, value in pairs):
        raise ValueError(f"malformed DN {text!r}")
    return [
        (kind.strip(), value.strip() if not value.endswith("\\ ") else value.lstrip()) for kind, _unused, value in pairs
    ]


def unescape(value: str) -> str:
    """A value of a DN without its escapes: C(\\2C) or C(\\,) (RFC 4514, 2.4 and 3)."""

    def plain(found: re.Match[str]) -> str:
        if found["hex"]:
            return bytes.fromhex(found["hex"].replace("\\", "")).decode("utf-8", "replace")
        return found["sign"]

    return re.sub(r"(?P<hex>(?:\\[0-9A-Fa-f]{2})+)|\\(?P<sign>.)", plain, value, flags=re.DOTALL)
