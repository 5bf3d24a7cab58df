# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which credential a token was got with: known to the lab alone, so that a test sees what a message was sent with."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import jwt

from .state import Application, Credential
from .world import World


def note_use(world: World, application: Application, form: Mapping[str, str], token: str) -> None:
    """Remember the credential of a token request that succeeded; none for a federated one."""
    for credential in application.credentials:
        if _is_of(credential, form):
            claims = jwt.decode(token, options={"verify_signature": False})
            world.issued_with[claims["uti"]] = credential.key_id


def _is_of(credential: Credential, form: Mapping[str, str]) -> bool:
    if credential.secret is not None:
        return not form.get("client_assertion") and form.get("client_secret") == credential.secret
    if credential.certificate is None or not form.get("client_assertion"):
        return False
    header = jwt.get_unverified_header(form["client_assertion"])
    shown = {header.get("x5t"), header.get("x5t#S256")}
    return bool(shown & {_thumbprint(credential.certificate, name) for name in ("sha1", "sha256")})


def _thumbprint(certificate: bytes, algorithm: str) -> str:
    digest = hashlib.new(algorithm, certificate, usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
