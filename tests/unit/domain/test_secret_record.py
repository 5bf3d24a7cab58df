# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records of client secrets: their flat form, and what is not taken for one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.secret_record import (
    FIELDS,
    Layout,
    Record,
    Stored,
    Unusable,
    flat,
    moment,
    settled,
    unflat,
    values,
    variables,
)

OLD = Stored("old~value", "11111111-0000-4000-8000-000000000001", "app", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
NEW = replace(OLD, value="new~value", key_id="11111111-0000-4000-8000-000000000002", delivered="2026-02-01T00:00:00Z")

texts = st.text(min_size=1, max_size=8)
times = st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat())
secrets = st.builds(Stored, st.none() | texts, texts, texts, times, times, st.none() | texts)
records = st.builds(Record, st.none() | secrets, st.none() | secrets)


@given(records, st.sampled_from([FIELDS, variables("client_secret"), variables("x")]))
def test_a_record_survives_its_flat_form(record: Record, layout: Layout) -> None:
    there = flat(record, layout)
    assert set(there) <= layout.names
    assert unflat({"another": 7, **there}, layout) == settled(record)


def test_the_names_of_variables() -> None:
    assert flat(Record(NEW, OLD), variables("client_secret")) == {
        "client_secret": "new~value",
        "client_secret_key_id": NEW.key_id,
        "client_secret_application": "app",
        "client_secret_made": OLD.made,
        "client_secret_ends": OLD.ends,
        "client_secret_delivered": "2026-02-01T00:00:00Z",
        "client_secret_next": "old~value",
        "client_secret_next_key_id": OLD.key_id,
        "client_secret_next_application": "app",
        "client_secret_next_made": OLD.made,
        "client_secret_next_ends": OLD.ends,
    }


def test_a_secret_that_is_current_does_not_wait() -> None:
    assert settled(Record(NEW, NEW)) == Record(NEW)
    assert unflat(flat(Record(NEW, replace(NEW, value=None)), FIELDS), FIELDS) == Record(NEW)
    assert settled(Record(OLD, NEW)) == Record(OLD, NEW)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key_id": None}, "without key_id"),
        (
            {"key_id": None, "application": None, "made": None, "ends": None},
            "it holds value without key_id, application",
        ),
        ({"application": None}, "without application"),
        ({"ends": None}, "without ends"),
        ({"value": 17}, "value is not a text"),
        ({"value": ""}, "value is not a text"),
        ({"made": "yesterday"}, "no ISO 8601 times"),
        ({"ends": "2027-01-01T00:00:00"}, "no ISO 8601 times"),
        ({"next_value": "x"}, "it holds next_value without next_key_id"),
    ],
)
def test_what_somebody_else_wrote_is_no_record(change: dict[str, object], said: str) -> None:
    with pytest.raises(Unusable, match=said) as caught:
        unflat({**flat(Record(OLD), FIELDS), **change}, FIELDS)
    assert "old~value" not in str(caught.value)


def test_nothing_is_an_empty_record() -> None:
    assert unflat({}, FIELDS) == unflat({"value": None, "password": "theirs"}, FIELDS) == Record()


def test_no_representation_shows_a_value() -> None:
    assert "~value" not in repr(Record(OLD, NEW)) + str(NEW)
    assert values(Record(OLD, replace(NEW, value=None))) == ["old~value"]


def test_moments_are_utc() -> None:
    assert moment("2027-01-01T01:00:00+01:00") == moment("2027-01-01T00:00:00Z")
    assert moment("2027-01-01T00:00:00.1234567Z").microsecond == 123456
