# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a tenant trusts for S/MIME, as a report: what ends, what leads to no root, what is weak."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from . import certificate_strength as strength
from . import smime_settings
from .certificates import Certificate, row
from .chains import is_root
from .smime_trust import Problem, problems


def checked_days(days: int) -> int:
    """A number of days. Raises ValueError: it is negative."""
    if days < 0:
        raise ValueError(f"{days} is no number of days")
    return days


def report(
    certificates: Sequence[Certificate], settings: Mapping[str, Any], now: datetime, days: int
) -> dict[str, Any]:
    """The whole report.

    Arguments:
        certificates: those that are trusted.
        settings: the other settings, in words.
        now: the moment that it is made for.
        days: how soon an end is worth naming.
    """
    found = problems(certificates, now)
    rows = [_row(one, [problem for problem in found if problem.certificate is one], now) for one in certificates]
    rows.sort(key=lambda one: (one["not_after"] or "", one["subject"], one["fingerprint"]))
    return {
        "certificates": rows,
        "ending": [
            {name: one[name] for name in ("subject", "fingerprint", "not_after", "days_left")}
            for one in rows
            if one["days_left"] is not None and one["days_left"] <= days
        ],
        "incomplete": _sentences(found, "incomplete_chain"),
        "at_risk": [
            sentence
            for kind in ("expired", "not_yet_valid", "not_a_ca", "weak_key", "weak_signature", "unreadable")
            for sentence in _sentences(found, kind)
        ]
        + smime_settings.at_risk(settings),
        "settings": dict(settings),
    }


def _row(certificate: Certificate, found: Sequence[Problem], now: datetime) -> dict[str, Any]:
    end = certificate.not_after
    return row(certificate) | {
        "days_left": (end - now).days if end else None,
        "root": is_root(certificate),
        "key": strength.key(certificate),
        "signature": strength.signature(certificate),
        "problems": [problem.text for problem in found],
        "pem": ssl.DER_cert_to_PEM_cert(certificate.der),
    }


def _sentences(found: Sequence[Problem], kind: str) -> list[str]:
    return [f"{problem.certificate.subject} {problem.text}." for problem in found if problem.kind == kind]
