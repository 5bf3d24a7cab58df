# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sync engine reads of Active Directory: one entry, and whether it is in scope."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Value = bytes | str

# Accounts of Connect itself and of old help desks; the default inbound rules leave them out.
_SERVICE_ACCOUNTS = ("aad_", "msol_", "cas_", "support_388945a0", "krbtgt")
_DISABLED = 0x2


@dataclass
class DirectoryEntry:
    """One object of Active Directory. Attribute names are case-insensitive; values are bytes or text as LDAP gave."""

    dn: str
    object_guid: bytes
    attributes: Mapping[str, Sequence[Value]]
    _values: dict[str, list[Value]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._values = {name.lower(): list(values) for name, values in self.attributes.items()}

    def texts(self, name: str) -> list[str]:
        """All values of an attribute as text; an empty list when the entry has none."""
        found = self._values.get(name.lower(), [])
        return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in found]

    def text(self, name: str) -> str | None:
        """The first value of an attribute as text, or None when there is none or it is empty."""
        values = self.texts(name)
        return values[0] if values and values[0] else None

    def raw(self, name: str) -> bytes | None:
        """The first value of a binary attribute, or None; text is refused, since its bytes are lost."""
        values = self._values.get(name.lower(), [])
        if not values or not values[0]:
            return None
        if not isinstance(values[0], bytes):
            raise TypeError(f"{name} of {self.dn} must be read as bytes")
        return values[0]

    @property
    def kind(self) -> str | None:
        """C(user), C(group), C(contact), or None for what Connect does not synchronize (computers, for one)."""
        classes = {value.lower() for value in self.texts("objectClass")}
        if "computer" in classes or "msds-groupmanagedserviceaccount" in classes:
            return None
        return next((kind for kind in ("group", "contact", "user") if kind in classes), None)

    @property
    def enabled(self) -> bool:
        """Whether the account may sign in (userAccountControl without ACCOUNTDISABLE)."""
        return not int(self.text("userAccountControl") or 512) & _DISABLED

    @property
    def anchor(self) -> str:
        """The source anchor: base64 of the raw bytes of mS-DS-ConsistencyGuid, else of objectGUID."""
        return base64.b64encode(self.raw("mS-DS-ConsistencyGuid") or self.object_guid).decode("ascii")

    @property
    def guid(self) -> str:
        """objectGUID as text; the first three fields are little-endian on the wire ([MS-DTYP] 2.3.4.2)."""
        return str(uuid.UUID(bytes_le=self.object_guid))

    @property
    def sid(self) -> str | None:
        """objectSid as C(S-1-…), whether it was read as bytes or as text ([MS-DTYP] 2.4.2)."""
        value = next(iter(self._values.get("objectsid", [])), None)
        if value is None or isinstance(value, str):
            return value
        authority = int.from_bytes(value[2:8], "big")
        rest = (int.from_bytes(value[at : at + 4], "little") for at in range(8, 8 + 4 * value[1], 4))
        return "-".join(["S", str(value[0]), str(authority), *map(str, rest)])

    @property
    def domain(self) -> str:
        """The DNS name of the entry's domain, from the DC parts of its DN."""
        return ".".join(part[3:] for part in _parts(self.dn) if part.startswith("dc="))


def _parts(dn: str) -> list[str]:
    """The RDNs of a DN in lower case; an escaped comma does not part them."""
    parts: list[str] = [""]
    escaped = False
    for sign in dn:
        if sign == "," and not escaped:
            parts.append("")
            continue
        parts[-1] += sign
        escaped = sign == "\\" and not escaped
    return [part.strip().lower() for part in parts]


def in_scope(entry: DirectoryEntry, bases: Iterable[str] | None) -> bool:
    """Whether Connect takes an entry: its kind, the OU filter (None: everything) and the default inbound filters.

    The default rules leave out system objects, service accounts, and what adminDescription marks as C(User_…),
    C(Group_…) or C(Contact_…) (Microsoft Learn, "Microsoft Entra Connect Sync: Configure filtering").
    """
    account = (entry.text("sAMAccountName") or "").lower()
    mark = (entry.text("adminDescription") or "").lower()
    if entry.kind is None or account.startswith(_SERVICE_ACCOUNTS) or account == "guest":
        return False
    critical = (entry.text("isCriticalSystemObject") or "").upper() == "TRUE"
    if critical or mark.startswith(("user_", "group_", "contact_")):
        return False
    if bases is None:
        return True
    path = _parts(entry.dn)
    return any(path[-len(base) :] == base for base in map(_parts, bases))
