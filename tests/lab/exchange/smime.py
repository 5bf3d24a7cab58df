# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S/MIME: the CAs that Exchange trusts (the "virtual certificate collection"), and the settings of Outlook on the web.

Sources: Exchange PowerShell reference, Set-SmimeConfig; the order of its checks, the exception types and what becomes of
a blank text are those of the on-premises cmdlet as it is publicly known, the wording of two refusals is ours. The store
is kept as the bytes that came. Nobody checks whether a certificate is a CA's, or whether its issuer is there too.
That C(OWABCCEncryptedEmailForking) takes any number is the same on premises; only 0 to 2 mean something.

Which algorithms are meant is not checked either: any text is kept and shown, and "if the parameter is not formatted
correctly", Outlook on the web uses 6610 (AES256) and 8004 (SHA1). The control shows what it uses (C(/_lab/state), part
C(exchange), C(smime)). That lower-case digits and blanks are not formatted correctly is a guess on the safe side.

Switches of the tenant:

- C(smime_byte_arrays): C(both) (default), C(numbers) or C(base64): which form of byte arrays requests may use.
- C(smime_shown_bytes): C(base64) (default), C(numbers) or C(object) (C({"Data": base64})): the form that Get- shows.
- C(smime_size_limit): the most bytes of a store (default 70000, as on premises), 0: no limit.
- C(smime_pkcs7): a PKCS #7 is taken as well (unproven; default false) and shown again as it was sent.
- C(smime_lag): so many reads after a change still show what was.
- C(smime_reordered): the store is shown as a library of Microsoft's writes it anew.
- C(smime_settings) (object): what Get-SmimeConfig says at first, by parameter.
- C(smime_store): the first store, base64.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from ..state import Tenant
from . import certificate_stores, errors
from .binding import TABLES, ByteArray
from .command import Command, Outcome
from .forms import kept, unmodified
from .wire import annotated, exchange_guid

NOUN, STORE, NAME = "SmimeConfig", "SMIMECertificateIssuingCA", "Smime Configuration"
ENCRYPTION, SIGNING = "OWAEncryptionAlgorithms", "OWASigningAlgorithms"
DEFAULTS: dict[str, Any] = {
    "NoSignOnReply": True,
    "OWAAllowUserChoiceOfSigningCertificate": False,
    "OWAAlwaysEncrypt": False,
    "OWAAlwaysSign": False,
    "OWABCCEncryptedEmailForking": 0,
    "OWACheckCRLOnSend": False,
    "OWAClearSign": True,
    "OWACopyRecipientHeaders": False,
    "OWACRLConnectionTimeout": 60_000,
    "OWACRLRetrievalTimeout": 10_000,
    "OWADisableCRLCheck": False,
    "OWADLExpansionTimeout": 60_000,
    ENCRYPTION: "6610",
    "OWAEncryptTemporaryBuffers": True,
    "OWAForceSMIMEClientUpgrade": True,
    "OWAIncludeCertificateChainAndRootCertificate": False,
    "OWAIncludeCertificateChainWithoutRootCertificate": False,
    "OWAIncludeSMIMECapabilitiesInMessage": False,
    "OWAOnlyUseSmartCard": False,
    "OWASenderCertificateAttributesToDisplay": "",
    "OWASignedEmailCertificateInclusion": True,
    SIGNING: "8004",
    "OWATripleWrapSignedEncryptedMail": False,
    "OWAUseKeyIdentifier": False,
    "OWAUseSecondaryProxiesWhenFindingCertificates": True,
}
_NUMBERS = [name for name, value in DEFAULTS.items() if isinstance(value, int) and not isinstance(value, bool)]
_MOST_BYTES = 70_000
_INVALID_OPERATION = "System.InvalidOperationException"
_OID = r"[0-2](?:\.\d+)+"
_PATTERNS = {
    ENCRYPTION: rf"6602:(?:40|56|64|128)|(?:6601|6602|6603|660E|660F|6610)(?:,{_OID})?",
    SIGNING: rf"(?:8003|8004|800C|800D|800E)(?::\d+|,{_OID})?",
}


def values(tenant: Tenant) -> dict[str, Any]:
    """The truth: every setting by its parameter, and the bytes of the store, None if there is none."""
    first = tenant.switches.get("smime_store")
    store = {STORE: base64.b64decode(first) if first else None}
    found = (
        DEFAULTS
        | store
        | tenant.switches.get("smime_settings", {})
        | tenant.exchange.settings.get(NOUN, {}).get("", {})
    )
    return {name: found[name] for name in (*DEFAULTS, STORE)}


def outside(tenant: Tenant) -> dict[str, Any]:
    """What the control shows: the certificates that are trusted (DER), the first to end first, settings, algorithms in use."""
    found = values(tenant)
    store = found.pop(STORE)
    return {
        "store": store,
        "certificates": _certificates(store),
        "settings": found,
        "encryption": _used(ENCRYPTION, found[ENCRYPTION]),
        "signing": _used(SIGNING, found[SIGNING]),
    }


def _used(name: str, text: str) -> str:
    """The algorithms that Outlook on the web uses: those of the text, or the default where the text is no list."""
    members = text.split(";")
    return text if all(re.fullmatch(_PATTERNS[name], one, re.ASCII) for one in members) else DEFAULTS[name]


def _certificates(store: bytes | None) -> list[bytes]:
    """The certificates of a store, in whichever form; one that a switch has put there may be unreadable."""
    try:
        found = certificate_stores.certificates(store, pkcs7=True) if store else []
        return sorted(found, key=certificate_stores.ends)
    except certificate_stores.StoreError:
        return []


def get_smime_config(command: Command) -> Outcome:
    """The one configuration."""
    _check_identity(command)
    return Outcome([command.tenant], _row)


def _check_identity(command: Command) -> None:
    """The parameter is "reserved for internal Microsoft use"; that it takes the caller's own organization is a guess."""
    own = {command.tenant.id.lower(), command.tenant.initial_domain.lower()}
    if command.identity and command.identity.lower() not in own:
        raise errors.not_found(command.tenant, command.identity)


def _row(tenant: Tenant) -> dict[str, Any]:
    found = _seen(tenant)
    store = found.pop(STORE)
    by_end = _certificates(store)
    guid = exchange_guid(f"{tenant.id} {NOUN}")
    named = {"Name": NAME, "Identity": NAME, "Id": NAME, "Guid": guid, "ExchangeObjectId": guid, "IsValid": True}
    end = certificate_stores.ends(by_end[0]) if by_end else None
    thumbprint = certificate_stores.thumbprint(by_end[0]) if by_end else ""
    dates = {"SMIMECertificatesExpiryDate": end, "SMIMEExpiredCertificateThumbprint": thumbprint}
    row = annotated(named | found | dates | {"ObjectState": "Unchanged"})
    return row | {f"{name}@data.type": "System.UInt32" for name in _NUMBERS} | {STORE: _shown(tenant, store)}


def _seen(tenant: Tenant) -> dict[str, Any]:
    """The truth, or what was before the last change while the switch C(smime_lag) hides that."""
    former = tenant.exchange.settings_before.get(NOUN)
    if former is None or former["reads"] <= 0:
        return values(tenant)
    former["reads"] -= 1
    return dict(former["values"])


def _shown(tenant: Tenant, store: bytes | None) -> Any:
    """A store in the form that Get- shows; a PKCS #7 is never written anew."""
    if store is None:
        return None
    if tenant.switches.get("smime_reordered") and store.startswith(bytes(4)):
        store = certificate_stores.written_by_a_library(store)
    text = base64.b64encode(store).decode()
    forms = {"base64": text, "numbers": list(store), "object": {"Data": text}}
    return forms[tenant.switches.get("smime_shown_bytes", "base64")]


def set_smime_config(command: Command) -> Outcome:
    """Change the configuration; the store as a whole."""
    _check_identity(command)
    tenant, before = command.tenant, values(command.tenant)
    wanted = _wanted_store(command) | _wanted_settings(command, before)
    changes = {name: value for name, value in wanted.items() if value != before[name]}
    if command.parameters.get("Confirm") or command.parameters.get("WhatIf"):
        return Outcome(confirmation=f'Are you sure you want to perform this action? Setting "{NAME}".')
    if not changes:
        return unmodified(NAME)
    lag = int(tenant.switches.get("smime_lag", 0))
    tenant.exchange.settings_before[NOUN] = {"values": before, "reads": lag}
    tenant.exchange.settings.setdefault(NOUN, {}).setdefault("", {}).update(changes)
    return Outcome()


def _wanted_settings(command: Command, before: dict[str, Any]) -> dict[str, Any]:
    """The settings that a command gives; a blank text is the default again."""
    wanted = {}
    for name, value in command.parameters.items():
        if name not in DEFAULTS:
            continue
        found = kept(TABLES[command.cmdlet][name.lower()], value, before[name], DEFAULTS[name])
        is_blank = isinstance(DEFAULTS[name], str) and not str(found or "").strip()
        wanted[name] = DEFAULTS[name] if is_blank else found
    return wanted


def _wanted_store(command: Command) -> dict[str, Any]:
    """The store that a command gives, if it does; null and no bytes at all clear it. Raises CmdletError."""
    if STORE not in command.parameters:
        return {}
    given: ByteArray | None = command.parameters[STORE]
    if given is None:
        return {STORE: None}
    switches = command.tenant.switches
    if switches.get("smime_byte_arrays", "both") not in ("both", given.form):
        raise errors.bad_value(STORE, 'Cannot convert value to type "System.Byte[]".')
    if given.value:
        _check_store(command.tenant, given.value)
    return {STORE: given.value or None}


def _check_store(tenant: Tenant, store: bytes) -> None:
    """Refuse a store as a whole: too large, unreadable, or with a certificate that has ended. Raises CmdletError."""
    most = int(tenant.switches.get("smime_size_limit", _MOST_BYTES))
    if most and len(store) > most:
        text = f"The size of the SST file exceeds the limit of {most} bytes."
        raise errors.CmdletError(_INVALID_OPERATION, text, category="LimitsExceeded")
    try:
        found = certificate_stores.certificates(store, pkcs7=bool(tenant.switches.get("smime_pkcs7")))
        ended = [
            certificate_stores.thumbprint(one) for one in found if certificate_stores.ends(one) < tenant.clock.now()
        ]
    except certificate_stores.StoreError:
        raise errors.CmdletError(
            "System.FormatException", f"{STORE} has wrong format", category="InvalidData"
        ) from None
    if ended:
        text = f"The following certificates have expired: {' , '.join(ended)}"
        raise errors.CmdletError(_INVALID_OPERATION, text, category="LimitsExceeded")
