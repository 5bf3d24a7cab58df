# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The organization's settings for S/MIME in Outlook on the web and the new Outlook for Windows, in words.

Source: Exchange PowerShell reference, Set-SmimeConfig, whose parameters are named here beside the words. Outlook takes
AES-256, or for signing SHA-1, where a list of algorithms is malformed, and says nothing; so no list is written here but
one that was put together from known words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# What Set-SmimeConfig takes for a length of time in milliseconds (UInt32).
LONGEST = 2**32 - 1

ENCRYPTION = {
    "aes256": "6610",
    "aes192": "660F",
    "aes128": "660E",
    "3des": "6603",
    "rc2_128": "6602:128",
    "rc2_64": "6602:64",
    "rc2_56": "6602:56",
    "rc2_40": "6602:40",
    "des": "6601",
}
SIGNING = {"sha512": "800E", "sha384": "800D", "sha256": "800C", "sha1": "8004", "md5": "8003"}
# What Outlook uses for an empty or malformed list.
FALLBACK = {"encryption_algorithms": "aes256", "signing_algorithms": "sha1"}
WEAK = frozenset({"3des", "rc2_128", "rc2_64", "rc2_56", "rc2_40", "rc2", "des", "sha1", "md5"})
BCC = {"per_recipient": 0, "all_recipients": 1, "no_forking": 2}
CHAIN = {"none": (False, False), "without_root": (True, False), "with_root": (False, True)}
_CHAIN_PARAMETERS = ("OWAIncludeCertificateChainWithoutRootCertificate", "OWAIncludeCertificateChainAndRootCertificate")
# The syntax of one member of a list: an identifier, with a key length or with the number of somebody's own algorithm.
_ALGORITHM = re.compile(r"([0-9A-F]{4})(?::\d+|,[0-9.]+)?")
_RC2 = "6602"
_NUMBER = re.compile(r"[0-2](\.(0|[1-9]\d*))+")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """One setting.

    Arguments:
        spec: its argument spec.
        read: its value in a row of Get-SmimeConfig.
        write: the parameters of Set-SmimeConfig for a value.
    """

    spec: dict[str, Any]
    read: Callable[[Row], Any]
    write: Callable[[Any], dict[str, Any]]


def _plain(parameter: str, **spec: Any) -> Setting:
    return Setting(spec, lambda row: row[parameter], lambda value: {parameter: value})


def _switch(parameter: str, **spec: Any) -> Setting:
    return _plain(parameter, type="bool", **spec)


def _negated(parameter: str) -> Setting:
    return Setting({"type": "bool"}, lambda row: not row[parameter], lambda value: {parameter: not value})


def _words(parameter: str, words: Mapping[str, Any]) -> Setting:
    names = {value: word for word, value in words.items()}
    return Setting(
        {"type": "str", "choices": list(words)},
        lambda row: names.get(row[parameter], str(row[parameter])),
        lambda value: {parameter: words[value]},
    )


def _algorithms(parameter: str, words: Mapping[str, str]) -> Setting:
    return Setting(
        {"type": "list", "elements": "str", "choices": list(words)},
        lambda row: _listed(row[parameter], words),
        lambda value: {parameter: ";".join(words[word] for word in value)},
    )


def _listed(text: str | None, words: Mapping[str, str]) -> list[str]:
    """A list of algorithms in words. What is not well-formed stays as it is: to Outlook it means another algorithm."""
    names = {number: word for word, number in words.items()}
    return [_named(part, names) for part in text.split(";")] if text else []


def _named(part: str, names: Mapping[str, str]) -> str:
    found = _ALGORITHM.fullmatch(part)
    if part in names or found is None:
        return names.get(part, part)
    return names.get(found[1], "rc2" if found[1] == _RC2 else found[1]) + part[4:]


def _chain(row: Row) -> str:
    without, with_root = (bool(row[parameter]) for parameter in _CHAIN_PARAMETERS)
    return "with_root" if with_root else "without_root" if without else "none"


def _numbers(row: Row) -> list[str]:
    text = row["OWASenderCertificateAttributesToDisplay"] or ""
    return [part.strip() for part in text.split(",") if part.strip()]


SETTINGS: dict[str, Setting] = {
    "encryption_algorithms": _algorithms("OWAEncryptionAlgorithms", ENCRYPTION),
    "signing_algorithms": _algorithms("OWASigningAlgorithms", SIGNING),
    "always_encrypt": _switch("OWAAlwaysEncrypt"),
    "always_sign": _switch("OWAAlwaysSign"),
    "clear_sign": _switch("OWAClearSign"),
    "triple_wrap": _switch("OWATripleWrapSignedEncryptedMail"),
    "sign_replies": _negated("NoSignOnReply"),
    "bcc_encryption": _words("OWABCCEncryptedEmailForking", BCC),
    "crl_check": _negated("OWADisableCRLCheck"),
    "crl_check_on_send": _switch("OWACheckCRLOnSend"),
    "crl_connection_timeout": _plain("OWACRLConnectionTimeout", type="int"),
    "crl_retrieval_timeout": _plain("OWACRLRetrievalTimeout", type="int"),
    "group_expansion_timeout": _plain("OWADLExpansionTimeout", type="int"),
    "certificates_in_messages": _switch("OWASignedEmailCertificateInclusion"),
    "chain_in_messages": Setting(
        {"type": "str", "choices": list(CHAIN)},
        _chain,
        lambda value: dict(zip(_CHAIN_PARAMETERS, CHAIN[value], strict=True)),
    ),
    "capabilities_in_messages": _switch("OWAIncludeSMIMECapabilitiesInMessage"),
    "choice_of_signing_certificate": _switch("OWAAllowUserChoiceOfSigningCertificate"),
    "smart_card_only": _switch("OWAOnlyUseSmartCard"),
    "key_identifier": _switch("OWAUseKeyIdentifier", no_log=False),
    "secondary_addresses": _switch("OWAUseSecondaryProxiesWhenFindingCertificates"),
    "sender_certificate_attributes": Setting(
        {"type": "list", "elements": "str"},
        _numbers,
        lambda value: {"OWASenderCertificateAttributesToDisplay": ",".join(value) or None},
    ),
    "encrypt_temporary_buffers": _switch("OWAEncryptTemporaryBuffers"),
    "force_client_upgrade": _switch("OWAForceSMIMEClientUpgrade"),
}
OPTION: dict[str, Any] = {"type": "dict", "options": {name: setting.spec for name, setting in SETTINGS.items()}}


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are asked for, without those left out. Raises ValueError: a value that Exchange would misread."""
    asked = {name: value for name, value in given.items() if value is not None}
    for name in FALLBACK:
        if name in asked and (not asked[name] or len(set(asked[name])) < len(asked[name])):
            raise ValueError(f"{name}: name each algorithm once, and at least one, the best first")
    for name, value in asked.items():
        if SETTINGS[name].spec["type"] == "int" and not 0 <= value <= LONGEST:
            raise ValueError(f"{name}: {value} is no number of milliseconds from 0 to {LONGEST}")
    for number in asked.get("sender_certificate_attributes", ()):
        if not _NUMBER.fullmatch(number):
            raise ValueError(f"sender_certificate_attributes: {number!r} is no object identifier, like 2.5.4.3")
    return asked


def read(row: Row) -> dict[str, Any]:
    """The settings of a row of Get-SmimeConfig that it shows."""
    found = {}
    for name, setting in SETTINGS.items():
        try:
            found[name] = setting.read(row)
        except KeyError:
            continue
    return found


def parameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of Set-SmimeConfig for some settings."""
    return {key: value for name in settings for key, value in SETTINGS[name].write(settings[name]).items()}


def at_risk(settings: Mapping[str, Any]) -> list[str]:
    """What of the algorithms endangers messages, in sentences."""
    found = []
    for name, fallback in FALLBACK.items():
        listed = settings.get(name)
        known = {*ENCRYPTION, "rc2"} if fallback in ENCRYPTION else {*SIGNING}
        strange = [word or "an empty member" for word in listed or () if _bare(word) not in known]
        if strange:
            found.append(f"{name}: Outlook does not know {', '.join(strange)}, so it uses {fallback} and nothing else.")
        elif listed == [] and fallback in WEAK:
            found.append(f"{name}: none is named, so Outlook uses {fallback}.")
        found += [f"{name}: {word} is weak." for word in listed or () if _bare(word) in WEAK]
    return found


def _bare(word: str) -> str:
    """An algorithm without a key length or somebody's own number behind it."""
    return re.split("[:,]", word)[0]
