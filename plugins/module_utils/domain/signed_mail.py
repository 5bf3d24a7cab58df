# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates that a signed message brings along (RFC 8551: C(multipart/signed), or C(application/pkcs7-mime))."""

from __future__ import annotations

import email
import re
from email.message import Message

from .certificate_forms import certificates_in

_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_ENVELOPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
# Gateways that know neither send this, with a name by which it can be told (RFC 8551, 3.2.1 and 3.9).
_NAMED = "application/octet-stream"
_NAMES = (".p7m", ".p7s")
_SIGNED = re.compile(
    rb"^content-type:\s*(multipart/signed|application/(x-)?pkcs7-)|name=\"?[^\"\r\n]{1,200}\.p7[ms]",
    re.IGNORECASE | re.MULTILINE,
)
# Each makes the library work for a while: it compares every line with the boundaries of all parts around it. Of the text of a
# message, a line may begin in the same way as the line between two parts.
_MOST = {"lines": (b"\n", b"\r", 2_000_000), "parts": (b"\n--", b"\r--", 100_000)}
_BOUNDARY = re.compile(rb"boundary\b", re.IGNORECASE)
_MOST_BOUNDARIES = 200
# Beside that of the sender there are those of his authorities, and perhaps another one of his for encryption.
_MOST_CERTIFICATES = 200


def is_message(data: bytes) -> bool:
    """Whether a file is a message that S/MIME has to do with."""
    return _SIGNED.search(data) is not None


def certificates_of(data: bytes) -> tuple[bytes, ...]:
    """The certificates (DER) of a message's signature, or of its signatures.

    Raises:
        ValueError: it is no signed message, with the reason.
    """
    found: list[bytes] = []
    for signature in _signatures(_read(data)):
        content = certificates_in(signature)
        if content.form != "PKCS#7":
            raise ValueError("what stands in the place of the message's signature is none")
        found += content.certificates
    if not found:
        raise ValueError("the message has no signature with a certificate")
    if len(found) > _MOST_CERTIFICATES:
        raise ValueError(f"the message brings {len(found)} certificates; no signature needs so many")
    return tuple(dict.fromkeys(found))


def _read(data: bytes) -> Message:
    """A message; the library for it goes down by recursion."""
    for what, (one, other, most) in _MOST.items():
        if data.count(one) + data.count(other) > most:
            raise ValueError(f"the message has more {what} than any message needs")
    if len(_BOUNDARY.findall(data)) > _MOST_BOUNDARIES:
        raise ValueError("the parts of the message are nested too deeply")
    try:
        return email.message_from_bytes(data.removeprefix(b"\xef\xbb\xbf"))
    except RecursionError:
        raise ValueError("the parts of the message are nested too deeply") from None


def _signatures(message: Message) -> list[bytes]:
    """The PKCS#7 parts of a message, those of forwarded messages in it too."""
    try:
        parts = [part for part in message.walk() if _is_signature(part)]
    except RecursionError:
        raise ValueError("the parts of the message are nested too deeply") from None
    contents = [part.get_payload(decode=True) for part in parts]
    return [content for content in contents if isinstance(content, bytes)]


def _is_signature(part: Message) -> bool:
    kind = part.get_content_type()
    named = kind == _NAMED and (part.get_filename() or "").lower().endswith(_NAMES)
    return named or kind in _SIGNATURES | _ENVELOPES
