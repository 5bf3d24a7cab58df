# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names in Active Directory: distinguished names, sAMAccountName, user principal names.

Sources: RFC 4514 (distinguished names), [MS-ADTS] 3.1.1.5.2 and [MS-SAMR] 3.1.1.6 (sAMAccountName), Microsoft Learn,
"Prepare directory attributes for synchronization with Microsoft 365 by using the IdFix tool" (user principal names).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection

SAM_LENGTH = 20
UPN_LOCAL_LENGTH = 64
UPN_DOMAIN_LENGTH = 48
RDN_LENGTH = 64
NICKNAME_LENGTH = 64

# Letters that do not come apart into a base letter and an accent, and the German umlauts, which do but should not.
_SPELLED_OUT = {
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ẞ": "SS",
    "æ": "ae", "Æ": "Ae", "ø": "oe", "Ø": "Oe", "å": "aa", "Å": "Aa", "œ": "oe", "Œ": "Oe",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i",
}  # fmt: skip
# [MS-SAMR] 3.1.1.6: these, and control characters, are refused in a sAMAccountName.
_SAM_FORBIDDEN = '"/\\[]:;|=,+*?<>'
_ESCAPED = re.compile(r"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_UPN_LOCAL = re.compile(r"[A-Za-z0-9'._!#^~-]+")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def transliterate(text: str) -> str:
    """A text in ASCII: ä becomes ae, ß becomes ss, é becomes e; what has no such form is left out."""
    spelled = "".join(_SPELLED_OUT.get(sign, sign) for sign in unicodedata.normalize("NFC", text))
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()


def derive_sam_account_name(name: str, taken: Callable[[str], bool] | Collection[str] = ()) -> str:
    """A sAMAccountName for a user principal name or a display name; always the same one for the same arguments.

    Arguments:
        name: C(vorname.nachname@contoso.example) or C(Vorname Nachname); what follows an @ is left out.
        taken: the names that other accounts have (letter case is no difference), or a function that knows.

    Returns:
        At most 20 characters: letters, digits, dot, hyphen, underscore. Where it is taken, the shortened name with the
        first free number from 2 on.

    Raises:
        ValueError: nothing of the name can be used.
    """
    is_taken = taken if callable(taken) else {other.lower() for other in taken}.__contains__
    stem = re.sub(r"\s+", ".", transliterate(name.partition("@")[0]).strip())
    stem = re.sub(r"[^A-Za-z0-9._-]", "", stem).lower().strip(".")
    if not stem:
        raise ValueError(f"{name!r}: no sAMAccountName can be derived")
    candidate, number = stem[:SAM_LENGTH].rstrip("."), 2
    while is_taken(candidate):
        suffix = str(number)
        candidate, number = stem[: SAM_LENGTH - len(suffix)].rstrip(".") + suffix, number + 1
    return candidate


def check_sam_account_name(name: str) -> None:
    """Refuse a sAMAccountName that the directory would refuse.

    Raises:
        ValueError: says why.
    """
    shown = _shown(name)
    if not name.strip():
        raise ValueError("the sAMAccountName is empty")
    if len(name) > SAM_LENGTH:
        raise ValueError(f"{shown}: a sAMAccountName has at most {SAM_LENGTH} characters, this has {len(name)}")
    if any(sign in _SAM_FORBIDDEN or unicodedata.category(sign) == "Cc" for sign in name):
        raise ValueError(f"{shown}: a sAMAccountName must not hold any of {_SAM_FORBIDDEN} or a control character")
    if name.endswith(".") or name != name.strip():
        raise ValueError(f"{shown}: a sAMAccountName must not end with a dot, nor begin or end with a blank")
    if "@" in name:
        raise ValueError(f"{shown}: a sAMAccountName with an @ would be taken for a user principal name")


def check_user_principal_name(name: str) -> None:
    """Refuse a user principal name that Entra ID would refuse or replace.

    Raises:
        ValueError: says why.
    """
    shown = _shown(name)
    local, at, domain = name.rpartition("@")
    reason = ""
    if not at or "@" in local:
        reason = "it needs exactly one @"
    elif not local or not domain:
        reason = "something is missing before or behind the @"
    elif len(local) > UPN_LOCAL_LENGTH or len(domain) > UPN_DOMAIN_LENGTH:
        reason = f"at most {UPN_LOCAL_LENGTH} characters before and {UPN_DOMAIN_LENGTH} behind the @ are allowed"
    elif not _UPN_LOCAL.fullmatch(local):
        reason = "before the @ only letters without accents, digits and ' . - _ ! # ^ ~ are allowed, no blanks"
    elif local.startswith(".") or local.endswith(".") or ".." in local:
        reason = "before the @ it must not begin or end with a dot, or have two in a row"
    elif "." not in domain or not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        reason = "what follows the @ is no domain name"
    if reason:
        raise ValueError(f"{shown} is no user principal name: {reason}")


def checked_mail_nickname(text: str) -> str:
    """A mail nickname itself. Raises ValueError where Graph would refuse it.

    Source: Microsoft Graph, user and group resource types, mailNickname. That it does not begin with a dot is what the
    tool IdFix says of users.
    """
    if re.search(r"[^!-~]|[@()\\\[\]\";:<>,]", text) or not text or text.startswith("."):
        raise ValueError(
            f'{_shown(text)} is no mail nickname: it has ASCII letters, digits and signs but @ ( ) \\ [ ] " ; : < > , '
            "no blanks, and no dot at its beginning"
        )
    return checked_length(NICKNAME_LENGTH, text)


def checked_title(longest: int, text: str) -> str:
    """A text that may not be empty, itself. Raises ValueError where it is empty or too long."""
    if not text.strip():
        raise ValueError("it is empty")
    return checked_length(longest, text)


def checked_length(longest: int, text: str) -> str:
    """A text itself. Raises ValueError where it is too long."""
    if len(text) > longest:
        raise ValueError(f"it has {len(text)} characters; {longest} is the maximum")
    return text


def _shown(text: str) -> str:
    """A text as a message quotes it."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def escape_rdn(value: str) -> str:
    """A value as it stands in a distinguished name (RFC 4514 2.4)."""
    escaped = "".join(f"\\{sign}" if sign in '\\,+"<>;=' else _hexed(sign) if sign < " " else sign for sign in value)
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    if value.endswith(" ") and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def _hexed(sign: str) -> str:
    return f"\\{ord(sign):02x}"


def unescape_rdn(value: str) -> str:
    """The value that stands escaped in a distinguished name."""
    octets = _ESCAPED.sub(lambda match: "\\" + match[1] if match[1] else _hex_of(match[2]), value)
    parts = re.split(r"((?:\\[0-9A-Fa-f]{2})+)", octets)
    return "".join(_decoded(part) if index % 2 else part for index, part in enumerate(parts))


def _hex_of(sign: str) -> str:
    return "".join(f"\\{octet:02x}" for octet in sign.encode())


def _decoded(pairs: str) -> str:
    return bytes.fromhex(pairs.replace("\\", "")).decode("utf-8", "replace")


def split_dn(dn: str) -> list[tuple[str, str]]:
    """The parts of a distinguished name from the object up, as (type, value) with values unescaped.

    Raises:
        ValueError: it is no distinguished name.
    """
    if not dn.strip():
        return []
    parts: list[tuple[str, str]] = []
    for piece in _pieces(dn):
        kind, equals, value = piece.partition("=")
        trimmed = value.lstrip(" ")
        if not equals or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*|[0-9.]+", kind.strip()) or not trimmed:
            raise ValueError(f"{dn!r} is no distinguished name; write it like OU=Service,DC=corp,DC=example")
        parts.append((kind.strip(), unescape_rdn(trimmed)))
    return parts


def _pieces(dn: str) -> list[str]:
    """The texts between the commas that are not escaped, without the blanks around them that are not escaped."""
    pieces = [""]
    position = 0
    while position < len(dn):
        sign = dn[position]
        if sign == "\\":
            pieces[-1] += dn[position : position + 2]
            position += 1
        elif sign == ",":
            pieces.append("")
        else:
            pieces[-1] += sign
        position += 1
    return [_trimmed(piece) for piece in pieces]


def _trimmed(piece: str) -> str:
    bare = piece.strip(" ")
    escaped = (len(bare) - len(bare.rstrip("\\"))) % 2 == 1 and piece.rstrip(" ") != piece
    return bare + " " if escaped else bare


def join_dn(*parts: tuple[str, str], parent: str = "") -> str:
    """A distinguished name from (type, value) parts, values escaped, in front of C(parent)."""
    return ",".join([*(f"{kind}={escape_rdn(value)}" for kind, value in parts), *([parent] if parent else [])])


def parent_of(dn: str) -> str:
    """The distinguished name above an object, in the spelling given; empty for the topmost."""
    return ",".join(_pieces(dn)[1:])


def rdn_of(dn: str) -> str:
    """The object's own part of its distinguished name, as it is written, for example C(CN=Info)."""
    return _pieces(dn)[0]


def same_dn(one: str, other: str) -> bool:
    """Whether two distinguished names mean the same object: letter case and ways of escaping are no difference."""
    return dn_key(one) == dn_key(other)


def is_below(dn: str, ancestor: str) -> bool:
    """Whether an object stands below another one, or is that one."""
    path, above = dn_key(dn), dn_key(ancestor)
    return len(path) >= len(above) and path[len(path) - len(above) :] == above


def dn_key(dn: str) -> tuple[tuple[str, str], ...]:
    """What all spellings of a distinguished name have in common, for comparing."""
    return tuple((kind.lower(), value.lower()) for kind, value in split_dn(dn))


def domain_name(dn: str) -> str:
    """The DNS name of a domain from its distinguished name: C(DC=corp,DC=example) is C(corp.example)."""
    return ".".join(value for kind, value in split_dn(dn) if kind.lower() == "dc")
