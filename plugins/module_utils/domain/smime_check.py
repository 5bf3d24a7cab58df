# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of users' certificates that were held against what is trusted for S/MIME."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .certificates import Certificate, moment, row
from .chains import issuers
from .user_certificates import addresses, usage
from .verification import Verdict, judge, trust


def checked_moment(text: str) -> datetime:
    """A moment, or the beginning of a day, from ISO 8601. Raises ValueError: it is none, or says no time zone."""
    try:
        when = datetime.fromisoformat(f"{text}T00:00:00Z" if len(text) == len("2026-11-22") else text)
        if when.utcoffset() is not None:
            return when.astimezone(UTC)
    # The very first and last moments of the calendar have no equal in UTC.
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no moment, like 2026-11-22 or 2026-11-22T10:00:00Z") from None
    raise ValueError(f"{text!r} says no time zone; write for example 2026-11-22T10:00:00Z")


def report(
    source: str,
    people: Sequence[tuple[str, Certificate]],
    brought: Sequence[Certificate],
    trusted: Sequence[Certificate],
    now: datetime,
    at: datetime | None,
) -> dict[str, Any]:
    """The verdicts on the certificates of one file or folder.

    Arguments:
        source: the file or folder.
        people: users' certificates, each with its file.
        brought: certificates of authorities that were in the same files. They make nothing trusted.
        trusted: what is trusted.
        now: the present moment.
        at: the moment to judge for, if it is another one.
    """
    held = trust(trusted)
    judged = [(where, one, judge(one, held, at or now)) for where, one in people]
    values = [verdict.trusted for _where, _one, verdict in judged]
    return {
        "source": source,
        "at": moment(at),
        "trusted": False if False in values else None if None in values else True,
        "certificates": [_row(one, verdict, brought) for _where, one, verdict in judged],
        "untrusted": [_sentence(*one, brought) for one in judged if one[2].trusted is False],
        "unknown": [_sentence(*one, brought) for one in judged if one[2].trusted is None],
    }


def _row(certificate: Certificate, verdict: Verdict, brought: Sequence[Certificate]) -> dict[str, Any]:
    missing = verdict.missing and {
        "subject": verdict.missing.subject,
        "below": verdict.missing.below.subject,
        "in_file": _fingerprint(verdict, brought),
    }
    return row(certificate) | {
        "addresses": addresses(certificate),
        "usage": usage(certificate),
        "trusted": verdict.trusted,
        "reason": verdict.reason,
        "missing": missing,
        "chain": [one.subject for one in verdict.chain],
    }


def _fingerprint(verdict: Verdict, brought: Sequence[Certificate]) -> str | None:
    """The fingerprint of a missing certificate that was in the same files; the key of which has made the signature."""
    gap = verdict.missing
    found = issuers(gap.below, brought) if gap else []
    return found[0].fingerprint if found else None


def _sentence(where: str, certificate: Certificate, verdict: Verdict, brought: Sequence[Certificate]) -> str:
    name = ", ".join(addresses(certificate)) or certificate.subject
    state = "is not trusted" if verdict.trusted is False else "may or may not be trusted"
    there = _fingerprint(verdict, brought)
    hint = f" It is in the same file or folder (fingerprint {there}); add it to what is trusted." if there else ""
    return f"{name} ({where}) {state}: {verdict.reason}.{hint}"
