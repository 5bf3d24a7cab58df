# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be trusted for S/MIME: the goal for a set of certificates, and what speaks against it.

Sources: Exchange PowerShell reference, Set-SmimeConfig ("Each certificate is checked, and if any certificates are
expired, the operation will fail"); Microsoft Learn, "Set up virtual certificate collection to validate S/MIME" (roots and
intermediates are uploaded together, and nothing else is trusted).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import certificate_strength as strength
from . import smime_settings
from .certificates import Certificate, moment
from .chains import described, gaps

Row = dict[str, Any]
EXPIRED = "expired"
# What an administrator may let through all the same.
ALLOWED = ("not_a_ca", "not_yet_valid", "weak_key", "weak_signature", "incomplete_chain")
# What is documented nowhere of the way of a store to Exchange, each a switch.
TRANSFER: dict[str, dict[str, Any]] = {
    "byte_arrays": {"type": "str", "choices": ["auto", "numbers", "base64"], "default": "auto"},
    "format": {"type": "str", "choices": ["sst", "pkcs7"], "default": "sst"},
    "size_limit": {"type": "int", "default": 70_000},
}
OPTIONS: dict[str, Any] = {
    "password": {"type": "str", "no_log": True},
    "allow_empty": {"type": "bool"},
    "expired": {"type": "str", "choices": ["refuse", "leave_out"]},
    "allow": {"type": "list", "elements": "str", "choices": list(ALLOWED)},
    "settings": smime_settings.OPTION,
    "transfer": {"type": "dict", "options": TRANSFER},
}
_ADVICE = {
    EXPIRED: "Exchange refuses the whole set for one expired certificate. Take it out, or give expired=leave_out.",
    "not_a_ca": "A user's own certificate is not for this set; Exchange needs those of the authorities.",
    "not_yet_valid": "Wait, or look whether it is the right file.",
    "weak_key": "Have the authority renew it.",
    "weak_signature": "Have the authority renew it.",
    "incomplete_chain": "Add the missing certificate; the authority offers it for download.",
    "unreadable": "Remove it by its fingerprint, and add it again in a form that can be read.",
}


@dataclass(frozen=True)
class Problem:
    """What speaks against one certificate.

    Arguments:
        kind: a word of ALLOWED, C(expired) or C(unreadable).
        certificate: whose problem it is.
        text: what it is, as the end of a sentence about the certificate.
    """

    kind: str
    certificate: Certificate
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """The same problem before and after a change."""
        return self.kind, self.certificate.fingerprint


def row_key(row: Row) -> tuple[str, str]:
    """What two rows of one certificate have in common; by it they are listed, too."""
    return str(row["subject"]).casefold(), row["fingerprint"]


def checked(want: Row) -> Row:
    """The options with their defaults. Raises ValueError: nothing is asked for, or a value has no meaning."""
    if want["certificates"] is None and want["settings"] is None:
        raise ValueError("give certificates, settings, or both")
    if want["certificates"] is not None and all(part is None for part in want["certificates"].values()):
        raise ValueError("certificates: one of set, add and remove is needed")
    settings = want["settings"] and smime_settings.checked(want["settings"])
    transfer = want["transfer"] or {name: spec["default"] for name, spec in TRANSFER.items()}
    if transfer["size_limit"] < 0:
        raise ValueError("transfer.size_limit: a number of bytes is needed, or 0 for any")
    return want | {"settings": settings, "allow": want["allow"] or [], "transfer": transfer}


def goal(want: Mapping[str, Any], before: Mapping[str, Any]) -> Row:
    """The state that is asked for.

    Arguments:
        want: the options; C(certificates) with rows in C(set) and C(add) and fingerprints in C(remove), C(now) a function.

    Raises:
        ValueError: no certificate would be left, and nobody has said that this is meant.
    """
    after = {
        "certificates": _rows(want, before.get("certificates") or []),
        "settings": {**before["settings"], **(want["settings"] or {})},
    }
    if before.get("certificates") and not after["certificates"] and not want["allow_empty"]:
        raise ValueError(
            "no certificate would be left, and then Exchange trusts no signature at all; give allow_empty=true if that is meant"
        )
    return after


def _rows(want: Mapping[str, Any], present: list[Row]) -> list[Row]:
    asked = want["certificates"] or {}
    if asked.get("set") is not None:
        rows = asked["set"]
    else:
        gone = {one.upper() for one in asked.get("remove") or ()}
        kept = [row for row in present if not {row["fingerprint"], row["thumbprint"]} & gone]
        known = {row["fingerprint"] for row in kept}
        rows = kept + [row for row in asked.get("add") or () if row["fingerprint"] not in known]
    if asked and want["expired"] == "leave_out":
        now = moment(want["now"]())
        rows = [row for row in rows if row["not_after"] is None or row["not_after"] >= now]
    return list({row["fingerprint"]: row for row in rows}.values())


def problems(certificates: Sequence[Certificate], now: datetime) -> list[Problem]:
    """Everything that speaks against certificates of one set, given that only the set itself can complete a chain."""
    return [
        Problem(kind, certificate, text)
        for certificate in certificates
        for kind, text in _found(certificate, certificates, now)
    ]


def _found(certificate: Certificate, among: Sequence[Certificate], now: datetime) -> list[tuple[str, str]]:
    if certificate.x509 is None:
        return [("unreadable", "cannot be read")]
    starts, ends = certificate.x509.not_valid_before_utc, certificate.x509.not_valid_after_utc
    found = [(EXPIRED, f"ended on {moment(ends)}")] if ends < now else []
    found += [("not_yet_valid", f"begins on {moment(starts)}")] if starts > now else []
    if reason := not_a_ca(certificate):
        found.append(("not_a_ca", reason))
    if strength.weak_key(certificate):
        found.append(("weak_key", f"has a weak key ({strength.key(certificate)})"))
    if strength.weak_signature(certificate):
        found.append(("weak_signature", f"is signed with {strength.signature(certificate)}, which can be forged"))
    return found + [("incomplete_chain", f"leads to no root: {described(gap)}") for gap in gaps(certificate, among)]


def not_a_ca(certificate: Certificate) -> str:
    """Why a certificate cannot issue others; empty if it can (RFC 5280, 4.2.1.3 and 4.2.1.9)."""
    from cryptography import x509

    if certificate.x509 is None:
        return ""
    extensions = certificate.x509.extensions
    try:
        if not extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return "is no certificate of an authority: its basic constraints say so"
    except x509.ExtensionNotFound:
        return "is not marked as the certificate of an authority (it has no basic constraints)"
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            return "may not sign certificates: its key usage says so"
    except x509.ExtensionNotFound:
        return ""
    return ""


def brought_about(before: Sequence[Problem], after: Sequence[Problem], allowed: Sequence[str]) -> list[Problem]:
    """The problems that a change would bring about, or that Exchange refuses every change for."""
    old = {problem.key for problem in before}
    return [
        problem
        for problem in after
        if problem.kind == EXPIRED or (problem.key not in old and problem.kind not in allowed)
    ]


def complaint(found: Sequence[Problem], where: Mapping[str, str]) -> tuple[str, str]:
    """What is said of problems, and what to do about them.

    Arguments:
        found: the problems, at least one.
        where: fingerprint -> the file that a certificate came from.
    """
    sentences = [
        f"{problem.certificate.subject} ({where.get(problem.certificate.fingerprint, 'in the tenant')}) {problem.text}."
        for problem in found
    ]
    more = [f"And {len(sentences) - 20} more."] if len(sentences) > 20 else []
    kinds = list(dict.fromkeys(problem.kind for problem in found))
    advice = [_ADVICE[kind] for kind in kinds]
    free = [kind for kind in kinds if kind in ALLOWED]
    advice += [f"To trust it all the same, give allow: [{', '.join(free)}]."] if free else []
    return " ".join(sentences[:20] + more), " ".join(advice)
