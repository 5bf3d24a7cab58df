# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redirect URIs of an application: which of them Entra ID takes.

The rules follow Microsoft Learn, "Redirect URI (reply URL) outline and restrictions".
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

LONGEST = 256
# A URI may hold them only percent-encoded.
_UNWRITTEN = frozenset(' "<>\\^`{|}')
# Microsoft names these as not supported in a redirect URI, although RFC 3986 allows them.
_UNSUPPORTED = frozenset("!$'(),;")
_LOOPBACK = ("localhost", "127.0.0.1")


def checked_web(uri: str) -> str:
    """The redirect URI of a web application itself. Raises ValueError with the reason where Entra ID refuses it."""
    return _checked(uri, _https_or_loopback)


def checked_single_page(uri: str) -> str:
    """The same for a single-page application."""
    return _checked(uri, _https_or_loopback)


def checked_public_client(uri: str) -> str:
    """The same for a public client, such as a desktop or mobile application, which may have a scheme of its own."""
    return _checked(uri, _own_scheme_or_web)


def _checked(uri: str, rule: Callable[[str], None]) -> str:
    if len(uri) > LONGEST:
        raise ValueError(f"it has {len(uri)} characters; {LONGEST} is the maximum")
    if wrong := sorted(sign for sign in set(uri) if sign in _UNWRITTEN or not sign.isprintable() or not sign.isascii()):
        raise ValueError(f"{uri!r} holds {' '.join(map(repr, wrong))}; write it percent-encoded (a blank is %20)")
    if wrong := sorted(set(uri) & _UNSUPPORTED):
        raise ValueError(f"{uri} holds {' '.join(wrong)}, which Entra ID does not take in a redirect URI")
    try:
        parts = urlsplit(uri)
        _port = parts.port
    except ValueError as error:
        raise ValueError(f"{uri} is no URI: {error}") from None
    if not parts.scheme:
        raise ValueError(f"{uri} is no absolute URI; begin with https://")
    if "#" in uri:
        raise ValueError(f"{uri} has a fragment (#), which a redirect URI must not have")
    rule(uri)
    return uri


def _https_or_loopback(uri: str) -> None:
    parts = urlsplit(uri)
    if not parts.hostname:
        raise ValueError(f"{uri} names no host")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{uri} has to begin with https://; http:// is for localhost only")
    if "*" in parts.netloc:
        raise ValueError(f"{uri} has a wildcard in its host, which Entra ID does not take over Graph")


def _own_scheme_or_web(uri: str) -> None:
    if urlsplit(uri).scheme in ("http", "https"):
        _https_or_loopback(uri)
