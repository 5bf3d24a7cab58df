# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a pair of Get- and Set- cmdlets: the parameters that can be declared, and why others cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .exchange_kinds import KINDS, Kind, choice, choices

_REASONS = {
    "actions": "it is an action or an aid of the cmdlet, not a state, so Exchange does not show it",
    "references": "it names another object, which Exchange shows under another name than it was given",
    "rewritten": "Exchange shows it in another form, or under another name, than it was given",
    "renames": "the object would not be found again under the name that it has here",
    "secrets": "Exchange does not show it",
    "unknown": "how Exchange shows it is not documented",
}


@dataclass(frozen=True)
class Noun:
    """What a pair of Get- and Set- is about.

    Arguments:
        name: the noun of both cmdlets.
        kinds: parameter -> what it takes.
        refused: parameter -> why it cannot be declared.
        several: there are several such objects, so one has to be named.
        of_mailbox: it belongs to a mailbox, so that it has all the mailbox's names.
        shown_by: parameter -> the switch that makes Get- show it.
    """

    name: str
    kinds: Mapping[str, Kind]
    refused: Mapping[str, str]
    several: bool = True
    of_mailbox: bool = False
    shown_by: Mapping[str, str] | None = None


def kinds_of(one_of: Mapping[str, str], any_of: Mapping[str, str], **names: str) -> dict[str, Kind]:
    """Parameter -> kind.

    Arguments:
        one_of: parameter -> the words of which it takes one.
        any_of: parameter -> the words of which it takes several.
        names: name in KINDS -> the parameters of that kind.
    """
    found = {name: KINDS[kind] for kind, members in names.items() for name in members.split()}
    found |= {name: choice(tuple(values.split())) for name, values in one_of.items()}
    return found | {name: choices(tuple(values.split())) for name, values in any_of.items()}


def reasons_of(**names: str) -> dict[str, str]:
    """Parameter -> why it cannot be declared, from the parameters of each reason."""
    return {name: _REASONS[reason] for reason, members in names.items() for name in members.split()}
