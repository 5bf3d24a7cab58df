# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The e-mail addresses of a directory object as a type: C(proxyAddresses) is a set of typed addresses, not of strings.

Form: C(PREFIX:address). An upper-case prefix marks the primary address of its type; there is exactly one C(SMTP:).
Sources: Microsoft Learn, "How the proxyAddresses attribute is populated in Microsoft Entra ID"; for characters and
lengths, "Prepare directory attributes for synchronization with Microsoft 365 by using the IdFix tool".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# More are refused by the cloud ("The maximum number of proxy addresses permitted is 333").
MAXIMUM = 333
# What Exchange Online calls safe.
ADVISED = 300
MAXIMUM_LENGTH = 256

# Address types that Exchange and Entra ID know. Any other type must start with "x-", so that "smpt:" is seen as a slip.
KINDS = frozenset(
    ("SMTP", "X500", "X400", "SIP", "EUM", "SPO", "MSMAIL", "CCMAIL", "GWISE", "NOTES", "FAX", "RFAX", "MOBILE", "TEL")
)
# Types that the cloud drops when it computes its own list.
LEGACY_KINDS = frozenset({"X400", "MSMAIL"})
# Types whose address is a mail address. The rules for characters hold for these only; X500 and X400 need ( ) and ;
MAIL_KINDS = frozenset({"SMTP", "SIP"})
# Domains of the cloud itself, which an on-premises list must not carry.
CLOUD_DOMAINS = (
    "onmicrosoft.com",
    "microsoftonline.com",
    "onmicrosoft.us",
    "onmschina.cn",
    "microsoftonline.cn",
)
_FORBIDDEN = '<>();,[]"'
# RFC 5322 3.2.3: what may stand between the dots of a local part that is not quoted.
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PREFIXED = re.compile(r"(?P<prefix>[A-Za-z][A-Za-z0-9_-]*):(?P<address>.*)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class ProxyAddress:
    """One typed address. Two are equal when type and address are, whatever their letter case, primary or not."""

    kind: str
    primary: bool
    address: str
    # The prefix as it was written, so that an unusual one ("Smtp:") is given back byte by byte.
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.prefix or (self.kind if self.primary else self.kind.lower())}:{self.address}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProxyAddress) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> tuple[str, str]:
        """What makes it this address: type and address without letter case."""
        return self.kind.upper(), self.address.lower()

    @property
    def domain(self) -> str:
        """The part behind the last @, in lower case; empty where there is none."""
        return self.address.rpartition("@")[2].lower() if "@" in self.address else ""

    def as_primary(self, primary: bool) -> ProxyAddress:
        """The same address as the primary one, or as an alias, of its type."""
        return self if self.primary == primary else ProxyAddress(self.kind, primary, self.address)


def recognize(text: str) -> ProxyAddress | None:
    """What a value of the directory is, well-formed or not; None where not even a type can be seen. Never raises."""
    match = _PREFIXED.fullmatch(text)
    if match is None:
        return None
    prefix = match["prefix"]
    return ProxyAddress(prefix.upper(), prefix.isupper(), match["address"], prefix)


def parse(text: str) -> ProxyAddress:
    """An address as a user writes it: C(type:address), or a bare mail address, which means an SMTP alias.

    Raises:
        ValueError: its text says exactly what is wrong with which address.
    """
    reason = _why_not(text)
    if reason:
        raise ValueError(f"{_shown(text)}: {reason}")
    found = recognize(text)
    return found if found is not None else ProxyAddress("SMTP", False, text)


def primary_of(values: Iterable[str], kind: str = "SMTP") -> str | None:
    """The primary address of a type without its prefix, the first of several; None where there is none."""
    for found in map(recognize, values):
        if found is not None and found.primary and found.kind == kind:
            return found.address
    return None


def addresses_of(values: Iterable[str], kind: str = "SMTP") -> list[str]:
    """All addresses of a type without their prefix, in the order given."""
    return [found.address for found in map(recognize, values) if found is not None and found.kind == kind]


def key(text: str) -> tuple[str, str]:
    """What two spellings of the same address have in common, whichever of them is primary; for comparing sets."""
    found = recognize(text)
    if found is not None:
        return found.key
    return ("SMTP", text.lower()) if "@" in text and ":" not in text else ("", text.lower())


def is_routing(address: str, initial_domain: str | None = None) -> bool:
    """Whether an address (with or without prefix) is one of the cloud's own, such as C(info@contoso.onmicrosoft.com).

    C(initial_domain) is the tenant's first domain. The same parent domain counts too, so that the hybrid routing domain
    (C(contoso.mail.onmicrosoft.com)) is seen.
    """
    domain = address.rpartition("@")[2].lower()
    parents = list(CLOUD_DOMAINS)
    if initial_domain:
        parents += [initial_domain.lower(), *_parent(initial_domain.lower())]
    return any(domain == parent or domain.endswith("." + parent) for parent in parents)


def _parent(initial_domain: str) -> list[str]:
    parent = initial_domain.partition(".")[2]
    return [parent] if parent.startswith(("onmicrosoft.", "partner.onmschina.")) else []


def missing_in_cloud(on_premises: Iterable[str], cloud: Iterable[str], initial_domain: str | None = None) -> list[str]:
    """The addresses of AD that the cloud's list does not have, in AD's spelling.

    Not missed: what the cloud leaves out of its own list by rule, that is its own domains, X400 and MSMAIL, and values
    that are not well-formed. The cloud's list is longer than AD's, so equality is never asked for.
    """
    there = {key(value) for value in cloud}
    return [
        value
        for value in on_premises
        if key(value) not in there and not _why_not(value) and not _left_out(value, initial_domain)
    ]


def _left_out(value: str, initial_domain: str | None) -> bool:
    found = parse(value)
    return found.kind in LEGACY_KINDS or (found.kind in MAIL_KINDS and is_routing(found.address, initial_domain))


def claims(value: str) -> list[tuple[str, str]]:
    """Under which attributes and values another object would own an address: (LDAP attribute, value) pairs.

    AD does not enforce uniqueness, so one has to search for these in the whole forest before a write. The matching
    rules ignore letter case; one spelling of the prefix is enough.
    """
    found = recognize(value) or ProxyAddress("SMTP", False, value)
    owned = [("proxyAddresses", f"{found.kind.lower()}:{found.address}")]
    if found.kind == "SMTP":
        owned += [("mail", found.address), ("userPrincipalName", found.address)]
    return owned


def faults(values: Sequence[str]) -> list[str]:
    """What is wrong with the values that an object has now, one sentence each; empty when all is well."""
    found = [f"{_shown(value)}: {reason}" for value in values if (reason := _why_not(value))]
    primaries = [text for text in values if (one := recognize(text)) is not None and one.kind == "SMTP" and one.primary]
    if len(primaries) > 1:
        found.append(f"there are {len(primaries)} primary addresses: {', '.join(sorted(primaries, key=str.lower))}")
    if not primaries and addresses_of(values):
        found.append("there is no primary address among them")
    if len(values) > ADVISED:
        found.append(
            f"there are {len(values)} addresses; more than {ADVISED} are not advised, {MAXIMUM} is the maximum"
        )
    return found


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _why_not(text: str) -> str:
    """Why a text is no address; empty when it is one."""
    if not text.strip():
        return "it is empty"
    found = recognize(text)
    if found is None and ":" in text:
        return "the part before the colon is no address type"
    full = text if found is not None else f"smtp:{text}"
    if len(full) > MAXIMUM_LENGTH:
        return f"it has {len(full)} characters with its prefix; {MAXIMUM_LENGTH} is the maximum"
    if text != text.strip() or any(unicodedata.category(sign) == "Cc" for sign in text):
        return "it begins or ends with a blank, or holds a control character"
    kind, address = (found.kind, found.address) if found is not None else ("SMTP", text)
    if kind not in KINDS and not kind.startswith("X-"):
        return f"there is no address type {kind!r}; usual ones are SMTP, X500, SIP and EUM, your own begin with 'x-'"
    if not address.strip():
        return "there is nothing behind the prefix"
    return _why_no_mail_address(address) if kind in MAIL_KINDS else ""


def _why_no_mail_address(address: str) -> str:
    for sign in address:
        if sign in _FORBIDDEN:
            return f"it holds the character {sign}, which is not allowed"
        if sign.isspace():
            return "it holds a blank"
        if sign == ":":
            return "it holds a second colon"
        if not sign.isascii():
            return f"it holds {sign!r}; only letters without accents, digits and common signs are allowed"
    local, at, domain = address.partition("@")
    if not at:
        return "it has no @"
    if "@" in domain:
        return "it has more than one @"
    return _why_no_local_part(local) or _why_no_domain(domain)


def _why_no_local_part(local: str) -> str:
    if not local:
        return "there is nothing before the @"
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return "before the @ it begins or ends with a dot, or has two dots in a row"
    wrong = next((sign for sign in local if sign != "." and not _ATOM.fullmatch(sign)), None)
    return f"it holds the character {wrong}, which is not allowed" if wrong else ""


def _why_no_domain(domain: str) -> str:
    if not domain:
        return "there is no domain behind the @"
    labels = domain.split(".")
    if len(labels) < 2:
        return "its domain has no dot"
    if len(domain) > 255 or not all(_LABEL.fullmatch(label) for label in labels):
        return f"{_shown(domain)} is no domain name"
    return ""
