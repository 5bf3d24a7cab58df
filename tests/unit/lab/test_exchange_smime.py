# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S/MIME of the lab's Exchange, seen from outside: what is stored is what is shown, and what is refused."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import struct
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st
from rehearsal import TENANT_ID, Lab
from test_exchange import BETA, assert_nul_403, envelope, failure, hold_roles, invoke, rows

from lab.exchange import access, certificate_stores
from lab.tokens import EXCHANGE

STORE = "SMIMECertificateIssuingCA"
BYTES = "#Exchange.ByteArrayType"
DAY = 86_400


def certificate(name: str, days: int = 365, padding: int = 0) -> x509.Certificate:
    """A self-signed certificate that ends so many days from now, made larger on demand; the same at each call."""
    return _made(name, days, padding)


@functools.cache
def _made(name: str, days: int, padding: int) -> x509.Certificate:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1000))
    builder = builder.not_valid_after(now + datetime.timedelta(days=days))
    if padding:
        other = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), bytes(padding))
        builder = builder.add_extension(other, critical=False)
    return builder.sign(key, hashes.SHA256())


def der(name: str, days: int = 365, padding: int = 0) -> bytes:
    return certificate(name, days, padding).public_bytes(Encoding.DER)


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def entry(kind: int, value: bytes, encoding: int = 1) -> bytes:
    return struct.pack("<III", kind, encoding, len(value)) + value


def sst(*values: bytes) -> bytes:
    """A store, byte by byte as documented."""
    return b"\0\0\0\0CERT" + b"".join(entry(0x20, value) for value in values) + bytes(12)


def numbers(data: bytes) -> dict[str, Any]:
    return {"@odata.type": BYTES, "Data": list(data)}


def text(data: bytes) -> dict[str, Any]:
    return {"@odata.type": BYTES, "Data": base64.b64encode(data).decode()}


def shown(lab: Lab, **parameters: Any) -> dict[str, Any]:
    (row,) = rows(lab, "Get-SmimeConfig", parameters)
    return row


def change(lab: Lab, **parameters: Any) -> list[str]:
    """A change that succeeds; gives its warnings."""
    answer = invoke(lab, "Set-SmimeConfig", parameters)
    assert answer.status_code == 200, answer.text
    warnings: list[str] = answer.json()["@adminapi.warnings"]
    return warnings


def refused(lab: Lab, **parameters: Any) -> tuple[str, str]:
    return failure(invoke(lab, "Set-SmimeConfig", parameters))


def switch(lab: Lab, **switches: Any) -> None:
    lab.control("POST", "switches", switches)


def outside(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.control("GET", "state?part=exchange")["smime"]
    return found


def stored(lab: Lab) -> bytes | None:
    """The bytes of the store as Get- shows them by default."""
    value = shown(lab)[STORE]
    return None if value is None else base64.b64decode(value, validate=True)


def test_a_tenant_that_was_never_touched(lab: Lab) -> None:
    row = shown(lab)
    assert (row["Name"], row["Identity"]) == ("Smime Configuration", "Smime Configuration")
    assert (row[STORE], row["SMIMECertificatesExpiryDate"], row["SMIMEExpiredCertificateThumbprint"]) == (
        None,
        None,
        "",
    )
    assert (row["OWAEncryptionAlgorithms"], row["OWASigningAlgorithms"]) == ("6610", "8004")
    assert (row["OWACRLConnectionTimeout"], row["OWACRLRetrievalTimeout"]) == (60_000, 10_000)
    assert row["OWACRLConnectionTimeout@data.type"] == "System.UInt32"
    assert (row["OWAClearSign"], row["NoSignOnReply"], row["OWAAlwaysSign"]) == (True, True, False)
    assert row["OWASenderCertificateAttributesToDisplay"] == ""
    assert outside(lab)["certificates"] == []


@pytest.mark.parametrize("form", [numbers, text])
def test_what_is_stored_is_what_is_shown(lab: Lab, form: Any) -> None:
    late, early = der("late", 400), der("early", 20)
    data = b"\0\0\0\0CERT" + entry(3, bytes(20)) + entry(0x20, late) + entry(0x21, b"a list") + entry(0x20, early)
    data += bytes(12)
    assert change(lab, smimecertificateissuingca=form(data), Confirm=False) == []
    row = shown(lab)
    assert base64.b64decode(row[STORE]) == data
    assert row["SMIMEExpiredCertificateThumbprint"] == sha1(der("early", 20)).hex().upper()
    end = certificate("early", 20).not_valid_after_utc
    assert row["SMIMECertificatesExpiryDate"] == end.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
    assert row["SMIMECertificatesExpiryDate@data.type"] == "System.DateTime"
    assert [base64.b64decode(one) for one in outside(lab)["certificates"]] == [early, late]
    assert outside(lab) == lab.control("GET", "state")["exchange"]["smime"]
    assert "but no settings of 'Smime Configuration'" in change(lab, **{STORE: form(data)})[0]


@given(st.lists(st.tuples(st.integers(1, 0xFFFF).filter(lambda kind: not 0x20 <= kind <= 0x22), st.binary())))
def test_a_store_written_and_read_is_the_same(properties: list[tuple[int, bytes]]) -> None:
    element = certificate_stores.Element(0x20, b"certificate", properties)
    assert certificate_stores.read(certificate_stores.write([element, element])) == [element, element]


@given(st.binary())
def test_no_bytes_are_taken_that_are_no_store(data: bytes) -> None:
    for given_bytes in (data, b"\0\0\0\0CERT" + data):
        try:
            found = certificate_stores.read(given_bytes)
        except certificate_stores.StoreError:
            continue
        assert certificate_stores.write(found) == given_bytes


@given(st.binary())
def test_no_bytes_are_a_certificate_by_chance(data: bytes) -> None:
    for given_bytes in (data, b"\x30\x80" + data, der("late", 400) + b"\0" + data, der("late", 400)[: len(data)]):
        with pytest.raises(certificate_stores.StoreError):
            certificate_stores.ends(given_bytes)


@pytest.mark.parametrize("empty", [None, numbers(b""), text(b"")])
def test_null_and_no_bytes_clear_the_store(lab: Lab, empty: Any) -> None:
    change(lab, **{STORE: numbers(sst(der("root")))})
    assert change(lab, **{STORE: empty}) == []
    row = shown(lab)
    assert (row[STORE], row["SMIMECertificatesExpiryDate"], row["SMIMEExpiredCertificateThumbprint"]) == (
        None,
        None,
        "",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"@odata.type": BYTES, "Data": [256]},
        {"@odata.type": BYTES, "Data": [-1]},
        {"@odata.type": BYTES, "Data": [True]},
        {"@odata.type": BYTES, "Data": [1.0]},
        {"@odata.type": BYTES, "Data": ["1"]},
        {"@odata.type": BYTES, "Data": "AAAA_-=="},
        {"@odata.type": BYTES, "Data": "AAAA\n"},
        {"@odata.type": BYTES, "Data": None},
        {"@odata.type": BYTES, "Data": {"value": []}},
        {"@odata.type": BYTES, "Data": [], "More": 1},
        {"@odata.type": BYTES},
        {"@odata.type": "#Exchange.GenericHashTable", "Data": []},
        {"Data": [0]},
        base64.b64encode(sst()).decode(),
        [0, 0],
        True,
    ],
)
def test_other_forms_of_a_byte_array_are_refused(lab: Lab, wrong: Any) -> None:
    answer = invoke(lab, "Set-SmimeConfig", {STORE: wrong})
    assert answer.status_code == 400
    assert failure(answer)[0] == "ParameterTransformationException"
    assert stored(lab) is None


@pytest.mark.parametrize(("only", "taken", "other"), [("numbers", numbers, text), ("base64", text, numbers)])
def test_the_service_may_take_one_form_only(lab: Lab, only: str, taken: Any, other: Any) -> None:
    switch(lab, smime_byte_arrays=only)
    data = sst(der("root"))
    assert refused(lab, **{STORE: other(data)})[0] == "ParameterTransformationException"
    assert change(lab, **{STORE: taken(data)}) == []
    assert stored(lab) == data


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("base64", lambda data: base64.b64encode(data).decode()),
        ("numbers", list),
        ("object", lambda data: {"Data": base64.b64encode(data).decode()}),
    ],
)
def test_the_store_is_shown_in_three_forms(lab: Lab, form: str, expected: Any) -> None:
    switch(lab, smime_shown_bytes=form)
    assert shown(lab)[STORE] is None
    data = sst(der("root"))
    change(lab, **{STORE: text(data)})
    assert shown(lab)[STORE] == expected(data)


def test_the_journal_says_in_which_form_bytes_came(lab: Lab) -> None:
    lab.control("DELETE", "requests")
    change(lab, **{STORE: numbers(sst())})
    change(lab, **{STORE: text(sst(der("root")))})
    refused(lab, **{STORE: {"@odata.type": BYTES, "Data": 1}})
    change(lab, OWAAlwaysSign=True)
    member = {
        "id": "1",
        "method": "POST",
        "url": "InvokeCommand",
        "body": envelope("Set-SmimeConfig", {STORE: text(b"")}),
    }
    lab.call("POST", f"{BETA}/$batch", json={"requests": [member]}, headers=lab.bearer(EXCHANGE))
    forms = [one["byte_array"] for one in lab.control("GET", "requests") if one["cmdlet"]]
    assert forms == ["numbers", "base64", "other", None, "base64"]


def test_a_store_has_a_limit(lab: Lab) -> None:
    large = sst(der("large", 365, 70_000))
    kind, said = refused(lab, **{STORE: text(large)})
    assert kind == "InvalidOperationException"
    assert "70000" in said
    fitting = sst(der("fitting", 365, 60_000))
    padding = 70_000 - len(fitting) - 12
    exact = fitting[:8] + entry(0x0B, bytes(padding)) + fitting[8:]
    assert len(exact) == 70_000
    change(lab, **{STORE: text(exact)})
    assert "limit" in refused(lab, **{STORE: text(exact[:8] + entry(3, b"") + exact[8:])})[1]
    switch(lab, smime_size_limit=0)
    change(lab, **{STORE: numbers(large)})
    assert stored(lab) == large
    switch(lab, smime_size_limit=400)
    assert "limit of 400 bytes" in refused(lab, **{STORE: numbers(large)})[1]


def test_one_certificate_that_has_ended_refuses_all(lab: Lab) -> None:
    good, soon, old = der("good"), der("soon", 10), der("old", -1)
    before = sst(good)
    change(lab, **{STORE: text(before)})
    kind, said = refused(lab, **{STORE: text(sst(good, old)), "OWAAlwaysSign": True})
    assert kind == "InvalidOperationException"
    assert said.endswith(sha1(der("old", -1)).hex().upper())
    assert (stored(lab), shown(lab)["OWAAlwaysSign"]) == (before, False)
    change(lab, **{STORE: text(sst(good, soon))})
    lab.control("POST", "clock", {"advance": 11 * DAY})
    thumbprints = [sha1(der(*one)).hex().upper() for one in (("old", -1), ("soon", 10))]
    assert refused(lab, **{STORE: text(sst(old, good, soon))})[1].endswith(" , ".join(thumbprints))
    assert change(lab, OWAAlwaysSign=True) == []
    assert stored(lab) == sst(good, soon)


@pytest.mark.parametrize(
    "wrong",
    [
        b"x",
        der("root"),
        sst(der("root"))[:-1],
        sst(der("root"))[:-12],
        sst(der("root")) + b"\0",
        sst(der("root")[:-1]),
        sst(der("root") + b"\0"),
        sst(b""),
        sst(b"\x30\x00"),
        b"\1\0\0\0CERT" + bytes(12),
        b"\0\0\0\0CERF" + bytes(12),
        b"\0\0\0\0CERT" + entry(0x20, der("root"), 2) + bytes(12),
        b"\0\0\0\0CERT" + entry(0x10000, b"") + bytes(12),
        b"\0\0\0\0CERT" + entry(3, bytes(20)) + bytes(12),
        b"\0\0\0\0CERT" + struct.pack("<III", 0x20, 1, 0xFFFFFFFF) + bytes(12),
        pkcs7.serialize_certificates([certificate("root")], Encoding.DER),
    ],
)
def test_what_is_no_store(lab: Lab, wrong: bytes) -> None:
    assert refused(lab, **{STORE: text(wrong)}) == ("FormatException", f"{STORE} has wrong format")
    assert stored(lab) is None


def test_a_pkcs7_may_be_taken_too(lab: Lab) -> None:
    switch(lab, smime_pkcs7=True, smime_reordered=True)
    data = pkcs7.serialize_certificates([certificate("root"), certificate("issuing", 100)], Encoding.DER)
    change(lab, **{STORE: text(data)})
    assert stored(lab) == data
    assert len(outside(lab)["certificates"]) == 2
    assert refused(lab, **{STORE: text(b"\x30\x80 no PKCS 7")})[0] == "FormatException"


def test_a_change_may_be_shown_late(lab: Lab) -> None:
    switch(lab, smime_lag=2)
    change(lab, OWAAlwaysSign=True, **{STORE: text(sst(der("root")))})
    for _unused in range(2):
        row = shown(lab)
        assert (row[STORE], row["OWAAlwaysSign"]) == (None, False)
    assert (stored(lab), shown(lab)["OWAAlwaysSign"]) == (sst(der("root")), True)


def test_the_store_may_be_shown_in_another_order(lab: Lab) -> None:
    switch(lab, smime_reordered=True)
    name = (0x0B, "Contoso\0".encode("utf-16-le"))
    first, second = der("first"), der("second")
    data = b"\0\0\0\0CERT" + entry(*name) + entry(0x20, first) + entry(0x20, second) + bytes(12)
    change(lab, **{STORE: text(data)})
    digests = [sha1(der(one)) for one in ("second", "first")]
    again = b"\0\0\0\0CERT" + entry(3, digests[0]) + entry(0x20, second)
    again += entry(3, digests[1]) + entry(*name) + entry(0x20, first) + bytes(12)
    assert stored(lab) == again
    assert base64.b64decode(outside(lab)["store"]) == data


def test_it_may_hold_something_at_first(lab: Lab) -> None:
    data = sst(der("root"))
    switch(lab, smime_store=base64.b64encode(data).decode(), smime_settings={"OWAClearSign": False, "Nonsense": 1})
    assert (stored(lab), shown(lab)["OWAClearSign"]) == (data, False)
    assert "Nonsense" not in shown(lab)
    change(lab, **{STORE: None})
    assert (stored(lab), shown(lab)["OWAClearSign"]) == (None, False)
    switch(lab, smime_store=base64.b64encode(b"damaged").decode())
    lab.tenant.exchange.settings.clear()
    assert (stored(lab), shown(lab)["SMIMECertificatesExpiryDate"]) == (b"damaged", None)


def test_every_setting_is_changed_and_shown(lab: Lab) -> None:
    other = {
        name: not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else "6603;6602:128"
        for name, value in outside(lab)["settings"].items()
    }
    assert len(other) == 25
    assert change(lab, **other) == []
    row = shown(lab)
    assert {name: row[name] for name in other} == other
    assert "but no settings of" in change(lab, **other)[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OWAAlwaysSign", "true"),
        ("OWAAlwaysSign", None),
        ("OWACRLConnectionTimeout", -1),
        ("OWACRLConnectionTimeout", 2**32),
        ("OWACRLConnectionTimeout", "soon"),
        ("OWACRLConnectionTimeout", None),
        ("OWAEncryptionAlgorithms", ["6610"]),
    ],
)
def test_a_value_that_its_type_does_not_take(lab: Lab, name: str, value: Any) -> None:
    assert refused(lab, **{name: value})[0] == "ParameterTransformationException"


def test_the_largest_number(lab: Lab) -> None:
    change(lab, OWACRLConnectionTimeout=2**32 - 1)
    assert shown(lab)["OWACRLConnectionTimeout"] == 2**32 - 1


@pytest.mark.parametrize(
    ("name", "given_text", "used"),
    [
        ("encryption", "6610", "6610"),
        ("encryption", "6603;6602:128;6602:64;6601;6602:56", "6603;6602:128;6602:64;6601;6602:56"),
        ("encryption", "660E;6603,1.2.840.113549.3.7", "660E;6603,1.2.840.113549.3.7"),
        ("encryption", "AES256", "6610"),
        ("encryption", "660E;AES256", "6610"),
        ("encryption", "660E;", "6610"),
        ("encryption", "660E, 660F", "6610"),
        ("encryption", "6602:192", "6610"),
        ("encryption", "660E:128", "6610"),
        ("signing", "800E;8004;8003", "800E;8004;8003"),
        ("signing", "800C:256", "800C:256"),
        ("signing", "SHA256", "8004"),
        ("signing", "800C,800D", "8004"),
        ("signing", "800C\n", "8004"),
    ],
)
def test_algorithms_of_a_wrong_form_are_taken_and_the_default_is_used(
    lab: Lab, name: str, given_text: str, used: str
) -> None:
    parameter = {"encryption": "OWAEncryptionAlgorithms", "signing": "OWASigningAlgorithms"}[name]
    change(lab, **{"OWAAlwaysSign": True, parameter: given_text})
    assert shown(lab)[parameter] == given_text
    assert outside(lab)[name] == used


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_text_is_the_default(lab: Lab, blank: str | None) -> None:
    change(lab, OWASigningAlgorithms="800C", OWASenderCertificateAttributesToDisplay="2.5.4.3")
    change(lab, OWASigningAlgorithms=blank, OWASenderCertificateAttributesToDisplay=blank)
    row = shown(lab)
    assert (row["OWASigningAlgorithms"], row["OWASenderCertificateAttributesToDisplay"]) == ("8004", "")


def test_confirmation_changes_nothing_and_refuses_all_the_same(lab: Lab) -> None:
    for question in ("Confirm", "WhatIf"):
        answer = invoke(lab, "Set-SmimeConfig", {STORE: text(sst(der("root"))), question: True}).json()
        assert "Are you sure" in answer["@adminapi.confirmationmessage"]
        assert refused(lab, **{STORE: text(b"x"), question: True})[0] == "FormatException"
    assert stored(lab) is None


def test_the_identity_is_the_own_organization_or_nothing(lab: Lab) -> None:
    for own in ("", TENANT_ID, "contoso.onmicrosoft.example"):
        assert shown(lab, Identity=own)["Name"] == "Smime Configuration"
    assert failure(invoke(lab, "Get-SmimeConfig", {"Identity": "fabrikam"}))[0] == "ManagementObjectNotFoundException"
    assert refused(lab, Identity="fabrikam", OWAAlwaysSign=True)[0] == "ManagementObjectNotFoundException"
    assert refused(lab, OWAAlwaysSigned=True)[0] == "AmbiguousParameterSetException"


def test_who_may_see_it_and_who_may_change_it(lab: Lab) -> None:
    hold_roles(lab, access.GLOBAL_READER)
    shown(lab)
    assert_nul_403(invoke(lab, "Set-SmimeConfig", {"OWAAlwaysSign": True}))
    hold_roles(lab, access.EXCHANGE_RECIPIENT_ADMINISTRATOR)
    for cmdlet in ("Get-SmimeConfig", "Set-SmimeConfig"):
        assert_nul_403(invoke(lab, cmdlet, {}))


def test_a_reset_brings_the_first_state_back(lab: Lab) -> None:
    change(lab, **{STORE: text(sst(der("root")))})
    lab.control("POST", "reset")
    assert stored(lab) is None
