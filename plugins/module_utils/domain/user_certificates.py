# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user's certificate is for, by its own words and by those of the authorities above it.

Sources: RFC 5280, 4.2.1 (extensions); RFC 8550, 4.4 (those of mail); RFC 9598 (addresses with letters beyond ASCII).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from .certificates import Certificate, moment

if TYPE_CHECKING:
    from cryptography import x509

# Of names that the library does not know, the one that holds an address: id-on-SmtpUTF8Mailbox.
_MAILBOX = "1.3.6.1.5.5.7.8.9"
_UTF8_STRING = 0x0C


def unfit(certificate: Certificate, at: datetime) -> str:
    """Why a certificate is none to sign or encrypt mail with at a moment; empty where it is one."""
    if fault := out_of_date(certificate, at):
        return f"it {fault}"
    if is_authority(certificate):
        return "it is an authority's certificate"
    if not usage(certificate):
        return "its key usage allows neither signing nor encrypting"
    if not for_mail(certificate):
        return "its extended key usage is not for e-mail"
    return ""


def is_authority(certificate: Certificate) -> bool:
    """Whether it is marked as an authority's (RFC 5280, 4.2.1.9)."""
    from cryptography import x509

    found = extension(certificate, x509.BasicConstraints)
    return bool(found and found.ca)


def usage(certificate: Certificate) -> list[str]:
    """What its key may be used for (RFC 8550, 4.4.2): C(signing), C(encryption). Without a word on it, for both."""
    from cryptography import x509

    found = extension(certificate, x509.KeyUsage)
    if found is None:
        return ["signing", "encryption"]
    signing = found.digital_signature or found.content_commitment
    encryption = found.key_encipherment or found.key_agreement
    return ["signing"] * signing + ["encryption"] * encryption


def for_mail(certificate: Certificate) -> bool:
    """Whether its extended key usage, if it has one, allows mail. That of an authority binds those below it, too."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

    found = extension(certificate, x509.ExtendedKeyUsage)
    return found is None or bool({Purpose.EMAIL_PROTECTION, Purpose.ANY_EXTENDED_KEY_USAGE} & set(found))


def addresses(certificate: Certificate) -> list[str]:
    """The e-mail addresses of a certificate: those of its alternative names, then that of its subject."""
    return list(dict.fromkeys([*_alternative(certificate), *_of_subject(certificate)]))


def _alternative(certificate: Certificate) -> list[str]:
    from cryptography import x509

    names = extension(certificate, x509.SubjectAlternativeName) or ()
    found = [_utf8(one) if isinstance(one, x509.OtherName) else one.value for one in names if _is_address(one)]
    return [one for one in found if one]


def _is_address(name: x509.GeneralName) -> bool:
    from cryptography import x509

    if isinstance(name, x509.OtherName):
        return name.type_id.dotted_string == _MAILBOX
    return isinstance(name, x509.RFC822Name)


def _utf8(name: x509.OtherName) -> str:
    """The text of a name that is a short UTF8String; empty where it is something else."""
    value = name.value
    if len(value) < 2 or value[0] != _UTF8_STRING or value[1] != len(value) - 2 or value[1] > 0x7F:
        return ""
    return value[2:].decode("utf-8", "replace")


def _of_subject(certificate: Certificate) -> list[str]:
    from cryptography import x509

    found = certificate.x509.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS) if certificate.x509 else []
    return [str(one.value) for one in found]


def forbidden(constraints: x509.NameConstraints, certificate: Certificate) -> str:
    """The address of a user's certificate that an authority above it may not vouch for (RFC 5280, 4.2.1.10).

    The address of its subject counts where no alternative name is one, as it is said there.
    """
    allowed, excluded = _of_mail(constraints.permitted_subtrees), _of_mail(constraints.excluded_subtrees)
    for address in _alternative(certificate) or _of_subject(certificate):
        if any(_within(address, one) for one in excluded):
            return address
        if allowed and not any(_within(address, one) for one in allowed):
            return address
    return ""


def _of_mail(subtrees: Any) -> list[str]:
    from cryptography import x509

    return [one.value for one in subtrees or () if isinstance(one, x509.RFC822Name)]


def _within(address: str, constraint: str) -> bool:
    """Whether a constraint names an address, its host, or with a dot in front a domain above its host."""
    local, _at, host = address.rpartition("@")
    if "@" in constraint:
        its_local, _at, its_host = constraint.rpartition("@")
        return (local, host.casefold()) == (its_local, its_host.casefold())
    if constraint.startswith("."):
        return host.casefold().endswith(constraint.casefold())
    return host.casefold() == constraint.casefold()


def extension(certificate: Certificate, kind: Any) -> Any:
    """The value of an extension of some class; None where it has none."""
    from cryptography import x509

    try:
        return certificate.x509.extensions.get_extension_for_class(kind).value if certificate.x509 else None
    except x509.ExtensionNotFound:
        return None


def out_of_date(certificate: Certificate, at: datetime) -> str:
    """Since when it has ended, or when it begins, if that is so at a moment; as the end of a sentence."""
    starts, ends = certificate.not_before, certificate.not_after
    if ends is not None and ends < at:
        return f"ended on {moment(ends)}"
    return f"begins on {moment(starts)}" if starts is not None and starts > at else ""
