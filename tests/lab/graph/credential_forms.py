# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets and certificates as Graph shows them: a secret's value never, a certificate's only when asked for.

Source: the passwordCredential and keyCredential resource pages of the Graph reference.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from ..state import Credential
from .shapes import write_moment


def shown_secret(credential: Credential, secret: str | None = None) -> dict[str, Any]:
    """A passwordCredential; C(secret) is given only in the answer to the call that made it."""
    return {
        "customKeyIdentifier": None,
        "displayName": credential.display_name,
        "endDateTime": write_moment(credential.end),
        "hint": credential.hint or (credential.secret or "")[:3],
        "keyId": credential.key_id,
        "secretText": secret,
        "startDateTime": write_moment(credential.start),
    }


def shown_key(credential: Credential, *, with_key: bool = False) -> dict[str, Any]:
    """A keyCredential; its certificate is null except where one object's keyCredentials were selected."""
    der = credential.certificate or b""
    return {
        "customKeyIdentifier": credential.custom_key_identifier or thumbprint(der),
        "displayName": credential.display_name,
        "endDateTime": write_moment(credential.end),
        "key": base64.b64encode(der).decode() if with_key else None,
        "keyId": credential.key_id,
        "startDateTime": write_moment(credential.start),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def shown_secrets(credentials: Iterable[Credential]) -> list[dict[str, Any]]:
    """passwordCredentials of an object."""
    return [shown_secret(one) for one in credentials if one.certificate is None]


def shown_keys(credentials: Iterable[Credential], *, with_key: bool = False) -> list[dict[str, Any]]:
    """keyCredentials of an object."""
    return [shown_key(one, with_key=with_key) for one in credentials if one.certificate is not None]


def thumbprint(der: bytes) -> str:
    """The SHA-1 thumbprint of a certificate, as the service takes it for customKeyIdentifier."""
    return hashlib.sha1(der).hexdigest().upper()  # noqa: S324  (names a certificate, protects nothing)
