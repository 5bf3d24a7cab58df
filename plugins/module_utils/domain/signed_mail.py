# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates that a signed message brings along (RFC 8551: C(multipart/signed), or C(application/pkcs7-mime))."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.message import Message

from .certificate_forms import certificates_in

_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_ENVELOPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
# The object identifier of enveloped data (RFC 5652, 6.1).
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")


_SIGNED = re.compile(rb"^content-type:\s*(multipart/signed|application/(x-)?pkcs7-)", re.IGNORECASE | re.MULTILINE)


def is_message(data: bytes) -> bool:
    """Whether a file is a message that S/MIME has to do with."""
    return _SIGNED.search(data) is not None


def certificates_of(data: bytes) -> tuple[bytes, ...]:
    """The certificates (DER) of a message's signature, or of its signatures.

    Raises:
        ValueError: it is no signed message, with the reason.
    """
    found: list[bytes] = []
    for signature in _signatures(email.message_from_bytes(data)):
        if _ENVELOPED in signature[:32]:
            raise ValueError("the message is encrypted; its signature is inside, and only the recipient can see it")
        content = certificates_in(signature)
        if content.form != "PKCS#7":
            raise ValueError("what stands in the place of the message's signature is none")
        found += content.certificates
    if not found:
        raise ValueError("the message has no signature with a certificate")
    return tuple(dict.fromkeys(found))


def _signatures(message: Message) -> Iterator[bytes]:
    """The PKCS#7 parts of a message, those of forwarded messages in it too."""
    for part in message.walk():
        if part.get_content_type() in _SIGNATURES | _ENVELOPES:
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                yield content
