# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written into the attributes of an account of Active Directory, and what they mean.

Sources: [MS-ADTS] 2.2.16 (userAccountControl) and 3.1.1.3.1.5 (unicodePwd); Microsoft Learn, "Microsoft Entra Connect:
Design concepts" (sourceAnchor).
"""

from __future__ import annotations

import base64
import binascii
import uuid

# [MS-ADTS] 2.2.16
ACCOUNT_DISABLED = 0x0002
LOCKED_OUT = 0x0010
PASSWORD_NOT_REQUIRED = 0x0020
NORMAL_ACCOUNT = 0x0200
PASSWORD_NEVER_EXPIRES = 0x10000

# What a new account gets: without a password it must be disabled.
NEW_DISABLED = NORMAL_ACCOUNT | ACCOUNT_DISABLED
NEW_ENABLED = NORMAL_ACCOUNT
# pwdLastSet: must be changed at the next sign-in; was changed just now.
MUST_CHANGE, CHANGED_NOW = "0", "-1"
USER_CLASSES = ("top", "person", "organizationalPerson", "user")


def is_enabled(control: int) -> bool:
    """Whether C(userAccountControl) lets the account sign in."""
    return not control & ACCOUNT_DISABLED


def with_enabled(control: int, enabled: bool) -> int:
    """C(userAccountControl) with the account enabled or disabled and every other bit as it was."""
    return control & ~ACCOUNT_DISABLED if enabled else control | ACCOUNT_DISABLED


def encode_password(password: str) -> bytes:
    """The value of C(unicodePwd): the password in double quotes, in UTF-16 with the low byte first.

    Raises:
        ValueError: the password is empty.
    """
    if not password:
        raise ValueError("the password is empty")
    return f'"{password}"'.encode("utf-16-le")


def immutable_id(raw: bytes) -> str:
    """The C(onPremisesImmutableId) that Entra Connect derives from C(mS-DS-ConsistencyGuid), else C(objectGUID).

    C(raw) are the 16 bytes as LDAP gives them, whose first three fields have the low byte first.

    Raises:
        ValueError: there are not 16 bytes.
    """
    if len(raw) != 16:
        raise ValueError(f"an anchor has 16 bytes, this has {len(raw)}")
    return base64.b64encode(raw).decode("ascii")


def anchor_of(consistency_guid: bytes | None, object_guid: bytes) -> str:
    """The immutable id of an account: of C(mS-DS-ConsistencyGuid) where that is filled, else of C(objectGUID)."""
    return immutable_id(consistency_guid or object_guid)


def raw_of_immutable_id(immutable: str) -> bytes | None:
    """The 16 bytes behind an C(onPremisesImmutableId); None for one that is no anchor (it may be any text)."""
    try:
        raw = base64.b64decode(immutable, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 16 else None


def guid_text(raw: bytes) -> str:
    """A GUID as Windows writes it, from its 16 bytes as LDAP gives them."""
    return str(uuid.UUID(bytes_le=raw))


def guid_bytes(text: str) -> bytes:
    """The 16 bytes of a GUID as LDAP wants them.

    Raises:
        ValueError: it is no GUID.
    """
    return uuid.UUID(text).bytes_le


def sid_text(raw: bytes) -> str:
    """A security identifier as it is written (C(S-1-5-21-...)), from its bytes ([MS-DTYP] 2.4.2).

    Raises:
        ValueError: the bytes are no security identifier.
    """
    if len(raw) < 8 or len(raw) != 8 + 4 * raw[1]:
        raise ValueError("these bytes are no security identifier")
    authority = int.from_bytes(raw[2:8], "big")
    rest = [int.from_bytes(raw[start : start + 4], "little") for start in range(8, len(raw), 4)]
    return "-".join(["S", str(raw[0]), str(authority), *map(str, rest)])
