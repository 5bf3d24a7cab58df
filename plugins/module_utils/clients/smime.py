# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Exchange Online trusts for S/MIME: the store of certificates, and the settings beside it.

Source: Exchange PowerShell reference, Get-SmimeConfig and Set-SmimeConfig. How the bytes of the store travel through the
admin API, whether the limit of 70,000 bytes of Exchange Server holds in the cloud, and whether a PKCS#7 file is taken in
the place of a serialized store is documented nowhere. These are the three switches of the option C(transfer).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from ..domain import certificate_forms, smime_report, smime_settings, smime_trust, sst
from ..domain.certificates import Certificate, moment, opaque, row
from . import certificate_files
from .errors import ServiceError
from .exchange import Exchange
from .exchange_values import BYTE_ENCODERS, byte_array, bytes_of
from .wire import require

State = dict[str, Any]
STORE = "SMIMECertificateIssuingCA"
SERIALIZED, PKCS7 = "sst", "pkcs7"
# The service's word for a value whose form it does not take. It comes before the cmdlet is run.
_FORM_REFUSED = "ParameterTransformationException"


class Services(Protocol):
    """The clients of a task, and what its objects share."""

    exchange: Exchange
    lock: threading.RLock

    def once(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """Make a value for the whole task when it is first needed."""


def configuration(exchange: Exchange) -> Mapping[str, Any]:
    """The one row of Get-SmimeConfig. Raises ServiceError."""
    rows = exchange.command("Get-SmimeConfig")
    if len(rows) != 1:
        raise ServiceError(f"Get-SmimeConfig: {len(rows)} answers.", meaning="Exactly one is needed.")
    return rows[0]


def stored(configured: Mapping[str, Any]) -> list[sst.Element]:
    """What is in the store, certificates and whatever else.

    Arguments:
        configured: a row of Get-SmimeConfig.

    Raises:
        ServiceError: the row does not show the store, or it cannot be read; then nothing is known of it.
    """
    require("cryptography")
    if STORE not in configured:
        raise ServiceError(
            f"Get-SmimeConfig does not show {STORE}.",
            meaning="What is trusted is not known.",
            advice="Look at it with an application that has the role Exchange Administrator.",
        )
    try:
        data = bytes_of(configured[STORE])
        if not data or sst.is_sst(data):
            return sst.parse(data) if data else []
        return [sst.Element(sst.CERTIFICATE, der) for der in certificate_forms.certificates_in(data).certificates]
    except ValueError as problem:
        raise ServiceError(f"{STORE} cannot be read: {problem}.", meaning="What is trusted is not known.") from None


def certificates(elements: Iterable[sst.Element]) -> list[Certificate]:
    """The certificates among the elements of a store."""
    return [opaque(element.value) for element in elements if element.kind == sst.CERTIFICATE]


def trusted(exchange: Exchange) -> list[Certificate]:
    """The certificates that Exchange trusts. Raises ServiceError."""
    return certificates(stored(configuration(exchange)))


def report(exchange: Exchange, days: int) -> State:
    """What is trusted and what of it needs care, as smime_report.report() says it. Raises ServiceError."""
    configured = configuration(exchange)
    held = certificates(stored(configured))
    return smime_report.report(held, smime_settings.read(configured), exchange.http.now(), days)


# --- the module smime_trust -------------------------------------------------------------------------------------------


def resolve(services: Services, want: State) -> State:
    """The options with the certificates of all files read. Raises ServiceError."""
    asked, given = want["certificates"], _given(services)
    parts: State = {}
    for part in asked or ():
        if asked[part] is None:
            continue
        files, fingerprints = _apart(asked[part]) if part == "remove" else (asked[part], [])
        found = certificate_files.found(files, want["password"], services.exchange.warnings)
        given.update({one.certificate.fingerprint: one for one in found})
        parts[part] = fingerprints if part == "remove" else []
        parts[part] += [one.certificate.fingerprint if part == "remove" else row(one.certificate) for one in found]
    return want | {"certificates": parts or None, "now": services.exchange.http.now}


def _apart(sources: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files, and fingerprints without the colons and blanks that some tools write."""
    # The dialog of Windows puts a sign before a thumbprint that nobody sees.
    bare = {source: source.translate({ord(sign): None for sign in ": \u200e"}).upper() for source in sources}
    prints = {
        source: text
        for source, text in bare.items()
        if len(text) in (40, 64) and not set(text) - set("0123456789ABCDEF")
    }
    return [source for source in sources if source not in prints], list(prints.values())


def _given(services: Services) -> dict[str, certificate_files.Found]:
    """The certificates of the files of this task, by fingerprint."""
    given: dict[str, certificate_files.Found] = services.once("given certificates", dict)
    return given


def _elements(services: Services) -> dict[str, list[sst.Element]]:
    """What the store held when it was last read, under C(store)."""
    elements: dict[str, list[sst.Element]] = services.once("store", dict)
    return elements


def state(services: Services, want: Mapping[str, Any]) -> State:
    """What is trusted, and the settings. Raises ServiceError: an answer that does not tell what is asked for."""
    configured = configuration(services.exchange)
    elements = _elements(services)["store"] = stored(configured)
    settings = smime_settings.read(configured)
    if unknown := sorted(set(want["settings"] or {}) - set(settings)):
        raise ServiceError(
            f"Get-SmimeConfig does not show {', '.join(unknown)}.",
            meaning="What is not known cannot be compared, and would be written with every run.",
            advice="Leave it out, or look at it with an application that has the role Exchange Administrator.",
        )
    _warn_of_left_out(services, want)
    return {"certificates": [row(one) for one in certificates(elements)], "settings": settings}


def _warn_of_left_out(services: Services, want: Mapping[str, Any]) -> None:
    if want["expired"] != "leave_out":
        return
    now, warnings = services.exchange.http.now(), services.exchange.warnings
    for one in _given(services).values():
        if one.certificate.not_after and one.certificate.not_after < now:
            text = (
                f"{one.where}: {one.certificate.subject} ended on {moment(one.certificate.not_after)} and is left out."
            )
            if text not in warnings:
                warnings.append(text)


def obstacle(services: Services, want: Mapping[str, Any], before: State, after: State) -> tuple[str, str] | None:
    """Why a change of the set must not be tried, and what to do about it; None where nothing speaks against it."""
    now, given = services.exchange.http.now(), _given(services)
    sides = [[opaque(one.value) for one in _chosen(services, side)] for side in (before, after)]
    was, would_be = (smime_trust.problems(side, now) for side in sides)
    found = smime_trust.brought_about(was, would_be, want["allow"])
    if found:
        return smime_trust.complaint(found, {name: one.where for name, one in given.items()})
    form, limit = want["transfer"]["format"], want["transfer"]["size_limit"]
    elements = _whole(services, after)
    _warn_of_lost(services, elements, form)
    try:
        size, had = (len(_packed(_whole(services, side), form)) for side in (after, before))
    except ValueError as problem:
        return f"It cannot be sent as PKCS#7: {problem}.", "Leave transfer.format at sst."
    if limit and size > limit and size > had:
        return (
            f"The store would have {size} bytes, and Exchange takes {limit}.",
            "Leave out authorities that nobody's certificate comes from.",
        )
    return None


def _chosen(services: Services, side: Mapping[str, Any]) -> list[sst.Element]:
    """The elements for the rows of a state: with their properties those that are there, bare those that are new."""
    present = {
        opaque(one.value).fingerprint: one for one in _elements(services)["store"] if one.kind == sst.CERTIFICATE
    }
    given = _given(services)
    names = [one["fingerprint"] for one in side["certificates"]]
    return [present.get(name) or sst.Element(sst.CERTIFICATE, given[name].certificate.der) for name in names]


def _whole(services: Services, side: Mapping[str, Any]) -> list[sst.Element]:
    """The certificates of a state, and what the store holds beside certificates (revocation lists)."""
    return _chosen(services, side) + [one for one in _elements(services)["store"] if one.kind != sst.CERTIFICATE]


def _packed(elements: Sequence[sst.Element], form: str) -> bytes:
    """The bytes of a store; none where nothing is in it. Raises ValueError: a certificate cannot be written in that form."""
    if form == SERIALIZED:
        return sst.build(elements) if elements else b""
    held = [one.value for one in elements if one.kind == sst.CERTIFICATE]
    return certificate_forms.pkcs7(held) if held else b""


def save(services: Services, want: Mapping[str, Any], before: State, after: State, fields: Sequence[str]) -> None:
    """Change the set, the settings, or both, in one call. Raises ServiceError."""
    changed = {name: value for name, value in after["settings"].items() if before["settings"].get(name) != value}
    parameters = smime_settings.parameters(changed) if "settings" in fields else {}
    if "certificates" not in fields:
        services.exchange.command("Set-SmimeConfig", **parameters, Confirm=False)
        return
    elements, transfer = _whole(services, after), want["transfer"]
    data = _packed(elements, transfer["format"])
    forms = list(BYTE_ENCODERS) if transfer["byte_arrays"] == "auto" else [transfer["byte_arrays"]]
    for form in forms:
        try:
            value = byte_array(data, form) if data else None
            services.exchange.command("Set-SmimeConfig", **(parameters | {STORE: value}), Confirm=False)
            return
        except ServiceError as error:
            if form == forms[-1] or _FORM_REFUSED not in str(error.code):
                raise


def _warn_of_lost(services: Services, elements: Sequence[sst.Element], form: str) -> None:
    """A PKCS#7 file has no place for what a serialized store says beside its certificates."""
    if form == PKCS7 and any(one.properties or one.kind != sst.CERTIFICATE for one in elements):
        services.exchange.warnings.append(
            "The store held properties of certificates, or revocation lists. PKCS#7 has no place for them; they are lost."
        )
