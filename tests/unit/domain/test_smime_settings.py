# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The S/MIME settings in words, and that no list of algorithms is written or believed that Outlook would misread."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain import smime_settings as settings
from lab.exchange import smime as service

ROW = dict(service.DEFAULTS)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int": st.integers(0, settings.LONGEST),
    "list": st.lists(st.sampled_from(["2.5.4.3", "1.2.840.113549.1.9.1", "0.9.2342.19200300.100.1.3"]), unique=True),
}


def value_of(name: str) -> st.SearchStrategy[Any]:
    """Any value of a setting."""
    spec = settings.SETTINGS[name].spec
    if "choices" not in spec:
        return KINDS[spec["type"]]
    chosen = st.sampled_from(spec["choices"])
    return st.lists(chosen, min_size=1, unique=True) if spec["type"] == "list" else chosen


SOME = st.fixed_dictionaries({}, optional={name: value_of(name) for name in settings.SETTINGS})


@given(SOME)
def test_what_is_set_is_read_and_nothing_else_moves(asked: dict[str, Any]) -> None:
    before = settings.read(ROW)
    row = ROW | settings.parameters(settings.checked(asked))
    assert settings.read(row) == before | asked
    assert set(row) == set(ROW)


def test_every_setting_is_one_of_the_service_and_all_are_there() -> None:
    every = settings.read(ROW)
    assert set(every) == set(settings.SETTINGS)
    # What Microsoft reserves for itself is left alone.
    assert set(ROW) - set(settings.parameters(every)) == {"OWACopyRecipientHeaders"}


@given(st.sampled_from(sorted(settings.FALLBACK)), st.data())
def test_outlook_uses_what_is_asked_for(name: str, data: st.DataObject) -> None:
    asked = settings.checked({name: data.draw(value_of(name))})
    for parameter, text in settings.parameters(asked).items():
        assert service._used(parameter, text) == text


NUMBERS = [
    "6610",
    "660F",
    "660f",
    "6603",
    "6602:128",
    "6602",
    "6602:1",
    "800C",
    "800c",
    "8004",
    "800C:256",
    "800C,1.2.3",
    "8804",
    " 800C",
    "",
    "AES",
]
PARAMETERS = {"encryption_algorithms": service.ENCRYPTION, "signing_algorithms": service.SIGNING}


@given(st.sampled_from(sorted(PARAMETERS)), st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4))
def test_a_list_that_outlook_would_misread_is_never_taken_for_one_of_known_words(name: str, parts: list[str]) -> None:
    text = ";".join(parts)
    found = settings.read(ROW | {PARAMETERS[name]: text})[name]
    if text and service._used(PARAMETERS[name], text) != text:
        assert not set(found) <= set(settings.SETTINGS[name].spec["choices"])
        assert settings.at_risk({name: found})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"signing_algorithms": ["sha256"], "encryption_algorithms": ["aes256"]}, []),
        ({"signing_algorithms": ["sha1"]}, ["signing_algorithms: sha1 is weak."]),
        ({"signing_algorithms": []}, ["signing_algorithms: none is named, so Outlook uses sha1."]),
        ({"encryption_algorithms": []}, []),
        (
            {"signing_algorithms": ["800c"]},
            ["signing_algorithms: Outlook does not know 800c, so it uses sha1 and nothing else."],
        ),
        ({"encryption_algorithms": ["aes256", "rc2"]}, ["encryption_algorithms: rc2 is weak."]),
        ({"signing_algorithms": ["sha256:256", "md5,1.2.3"]}, ["signing_algorithms: md5,1.2.3 is weak."]),
    ],
)
def test_what_is_at_risk(found: dict[str, Any], said: list[str]) -> None:
    assert settings.at_risk(found) == said
