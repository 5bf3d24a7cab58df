# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The short cut to a masked result masks exactly what Ansible's own way masks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.parameters import remove_values
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.core import entry
from ansible_collections.m365.hybrid.plugins.module_utils.core.secrecy import shows

SECRETS = {"geheim", "7", "O'Neil\"s"}
TEXTS = st.sampled_from(["", "geheim", "a geheim b", "Geheim", "O'Neil\"s", "said 'O'Neil\"s'", "x"]) | st.text(
    max_size=4
)
LEAVES = st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))


@given(value=VALUES)
def test_the_same_is_masked_as_by_ansible(value: Any) -> None:
    assert entry._cleaned(value, SECRETS) == remove_values(value, SECRETS)


@given(value=VALUES)
def test_what_shows_no_secret_has_nothing_to_mask(value: Any) -> None:
    assert shows(value, SECRETS) or remove_values(value, SECRETS) == value


@pytest.mark.parametrize("value", ["geheim", ["a", {"b": ["so geheim!"]}], {"a": 71}, ("x", "7")])
def test_a_secret_is_found_wherever_it_is(value: Any) -> None:
    assert shows(value, SECRETS)
    assert not shows(value, {"anderes"})
    assert not shows(value, set())
