# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever bytes they are given, the readers of certificates find something or refuse it with a ValueError.

tests/fuzz does the same for longer, guided by what the code does with the bytes.
"""

from __future__ import annotations

import json

import pytest
from certificate_seeds import PASSWORD, every_form
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_certificates import every_odd_kind
from public_certificates import public_authorities

from ansible_collections.m365.hybrid.plugins.module_utils.domain import certificate_strength
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificate_forms import certificates_in
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificates import UNREADABLE, opaque, parsed, row


def read(data: bytes) -> None:
    """Read it by all readers. Anything but a ValueError with a text fails the test."""
    try:
        found = certificates_in(data, PASSWORD).certificates
    except ValueError as refused:
        found = ()
        if not str(refused):
            raise
    for der in {data, *found}:
        certificate = opaque(der)
        assert certificate.der == der
        json.dumps(row(certificate))
        certificate_strength.weak_key(certificate)
        certificate_strength.weak_signature(certificate)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """These bytes with some changed, taken out, doubled or put in."""
    kept = bytearray(data)
    for _change in range(draw(st.integers(1, 4))):  # type: ignore[call-overload]
        start = draw(st.integers(0, len(kept)))
        end = draw(st.integers(start, min(start + 20, len(kept))))  # type: ignore[operator]
        kept[start:end] = draw(st.one_of(st.binary(max_size=8), st.just(bytes(kept[start:end] * 2))))  # type: ignore[misc]
    return bytes(kept)


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read(data)


@settings(max_examples=300)
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    read(text.encode("utf-8", "surrogatepass"))
    read(f"-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----".encode("utf-8", "surrogatepass"))


@settings(max_examples=1500)
@given(st.sampled_from(sorted(every_form())).flatmap(lambda name: damaged(every_form()[name])))
def test_damaged_files_of_every_form(data: bytes) -> None:
    read(data)


@settings(max_examples=500)
@given(st.sampled_from(public_authorities()).flatmap(damaged))
def test_damaged_certificates_of_public_authorities(data: bytes) -> None:
    read(data)


def test_every_byte_of_a_certificate_changed() -> None:
    der = every_odd_kind()["intermediate"].der
    for position in range(len(der)):
        for value in (0x00, 0xFF, der[position] ^ 0x01, der[position] ^ 0x20):
            read(der[:position] + bytes([value]) + der[position + 1 :])


@pytest.mark.parametrize("kind", sorted(set(every_odd_kind()) - {"unknown version"}))
def test_odd_certificates_are_read(kind: str) -> None:
    made = every_odd_kind()[kind]
    assert row(parsed(made.der))["subject"] == made.name.rfc4514_string()


def test_public_authorities_are_read() -> None:
    for der in public_authorities():
        assert UNREADABLE not in row(parsed(der)).values()


def test_what_the_library_does_not_read_is_refused_or_kept_as_it_is() -> None:
    strange = every_odd_kind()["unknown version"].der
    with pytest.raises(ValueError, match=r"cannot be read as a certificate .*not a valid X509 version"):
        parsed(strange)
    kept = opaque(strange)
    assert (kept.der, kept.subject, kept.not_after) == (strange, UNREADABLE, None)
