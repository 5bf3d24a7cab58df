# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules for S/MIME trust: sets of authorities, what speaks against them, and the settings beside them."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from contract_cases import Case
from contract_ground import Ground
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from unit.domain.odd_certificates import Made, authority, chain, every_odd_kind, moment, person
from unit.domain.public_certificates import public_authorities

from lab.exchange import certificate_stores, smime

Look = Callable[[Ground], Any]
ODD = every_odd_kind()
ROOT, ISSUING = chain("Contoso Root CA 2026", "Contoso Issuing CA 2026")
PARTNER = ODD["another root"]
# Notes of Windows beside a certificate: a name for people, and one that nobody knows.
NOTES = ((0x0B, "Contoso\0".encode("utf-16-le")), (0x7777, b"\1\2\3"))
REVOKED = certificate_stores.Element(certificate_stores.REVOCATION_LIST, b"a list of revoked certificates")
PASSWORD = "Kennwort-der-PFX-Datei"


def store(*made: Made, notes: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """A store as Windows would write it."""
    return certificate_stores.write(
        certificate_stores.Element(certificate_stores.CERTIFICATE, one.der, list(notes)) for one in made
    )


def trusts(*made: Made, notes: Sequence[tuple[int, bytes]] = (), more: bytes | None = None, **switches: Any) -> Look:
    """What is trusted before the test, and other behavior of the service."""
    held = more or (store(*made, notes=notes) if made else None)
    first = {"smime_store": base64.b64encode(held).decode()} if held else {}
    return lambda ground: ground.tenant.switches.update({**first, **switches})


def settled(**settings: Any) -> Look:
    """What the settings are before the test, by the parameters of Exchange."""
    return lambda ground: ground.tenant.switches.update({"smime_settings": settings})


def holds(*made: Made, **settings: Any) -> Look:
    """Exchange trusts these and no others, and its settings are as they were but for some."""

    def look(ground: Ground) -> None:
        found = smime.outside(ground.tenant)
        assert sorted(found["certificates"]) == sorted(one.der for one in made)
        first = smime.DEFAULTS | ground.tenant.switches.get("smime_settings", {})
        assert found["settings"] == first | settings

    return look


def kept(*elements: certificate_stores.Element) -> Look:
    """The store holds these elements, whatever their order."""

    def look(ground: Ground) -> None:
        found = certificate_stores.read(smime.values(ground.tenant)[smime.STORE])
        assert sorted(found, key=lambda one: one.value) == sorted(elements, key=lambda one: one.value)

    return look


def noted(made: Made, notes: Sequence[tuple[int, bytes]] = ()) -> certificate_stores.Element:
    """A certificate of a store with what is noted beside it."""
    return certificate_stores.Element(certificate_stores.CERTIFICATE, made.der, list(notes))


def pem(*made: Made) -> str:
    """A text with these certificates."""
    return "".join(one.pem for one in made)


def folder(ground: Ground, **files: bytes) -> str:
    """A folder with these files, whose last underscore stands for a dot."""
    place = ground.sinks / "ca"
    place.mkdir(exist_ok=True)
    for name, content in files.items():
        place.joinpath(".".join(name.rsplit("_", 1))).write_bytes(content)
    return str(place)


def in_files(**files: bytes) -> Callable[[Ground], dict[str, Any]]:
    """The set is what a folder holds."""
    return lambda ground: {"certificates": {"set": [folder(ground, **files)]}, "password": PASSWORD}


def sets(title: str, certificates: dict[str, Any], after: Sequence[Made], /, **more: Any) -> Case:
    """A set of certificates that is taken."""
    options = more.pop("options", {})
    more.setdefault("proof", holds(*after))
    return Case("smime_trust", title, {"certificates": certificates, **options}, **more)


def refuses(title: str, given: Sequence[Made], /, *said: str, **more: Any) -> Case:
    """Certificates beside the root that are refused."""
    options = more.pop("options", {})
    wish = {"certificates": {"add": [pem(*given)]}, **options}
    return Case("smime_trust", title, wish, refused=said, prepare=more.pop("prepare", trusts(ROOT)), **more)


def setting(title: str, settings: dict[str, Any], parameters: dict[str, Any], /, **more: Any) -> Case:
    """Settings in words, and the parameters that they mean."""
    return Case("smime_trust", title, {"settings": settings}, proof=holds(**parameters), **more)


def pfx(*chain_: Made, own: Made) -> bytes:
    """A PFX file with a private key."""
    return pkcs12.serialize_key_and_certificates(
        b"x", own.key, own.x509, [one.x509 for one in chain_], serialization.BestAvailableEncryption(PASSWORD.encode())
    )


def p7b(*made: Made) -> bytes:
    """A PKCS#7 file."""
    loaded: list[x509.Certificate] = [one.x509 for one in made]
    return pkcs7.serialize_certificates(loaded, serialization.Encoding.DER)


ALL = (ROOT, ISSUING, PARTNER)
ANNA = person(ISSUING, "anna.schaefer@contoso.example")
SHA1_BELOW = authority("Contoso Old Issuing CA", issuer=ODD["SHA-1"], hash="sha1")
PARENT = authority("Fabrikam Issuing CA", issuer=authority("Fabrikam Unknown CA"))
OTHER_KEY = authority("Fabrikam Sub CA", issuer=authority("Fabrikam Root CA"))
LARGE = [authority(f"Contoso Large CA {number}", padding_bytes=30_000) for number in (1, 2, 3)]


def public() -> list[Made]:
    """Authorities that somebody else has made, as many as there is place for, without those whose time is over."""
    held = [Made(der, None) for der in public_authorities()]
    current = [one for one in held if certificate_stores.ends(one.der) > moment(30)]
    return [
        one for number, one in enumerate(current) if sum(len(each.der) + 12 for each in current[: number + 1]) < 69_000
    ]


PUBLIC = public()
CERTIFICATES = [
    sets("public authorities", {"set": [ssl.DER_cert_to_PEM_cert(one.der) for one in PUBLIC]}, PUBLIC),
    sets("the first ones", {"set": [pem(ROOT, ISSUING)]}, [ROOT, ISSUING]),
    sets("are so already, in another form", {"set": [pem(ISSUING, ROOT)]}, [ROOT, ISSUING], changes=False,
         prepare=trusts(ROOT, ISSUING, notes=NOTES, smime_reordered=True, smime_shown_bytes="numbers")),
    sets("these and no others", {"set": [pem(ROOT, ISSUING)]}, [ROOT, ISSUING], prepare=trusts(ROOT, PARTNER)),
    sets("one more", {"add": [pem(PARTNER), pem(ROOT)]}, ALL, prepare=trusts(ROOT, ISSUING, smime_shown_bytes="object")),
    sets("one less, by thumbprint", {"remove": [certificate_stores.thumbprint(PARTNER.der).lower()]}, [ROOT, ISSUING],
         prepare=trusts(*ALL)),
    sets("one less, by its file, and one that is not there", {"remove": [pem(PARTNER), "AB" * 32]}, [ROOT, ISSUING],
         prepare=trusts(*ALL)),
    sets("one more, one less", {"add": [pem(ROOT, ISSUING)], "remove": [pem(PARTNER)]}, [ROOT, ISSUING],
         prepare=trusts(PARTNER)),
    sets("a renewed root beside the old one", {"add": [pem(ODD["renewed, same key"])]},
         [ODD["root"], ODD["renewed, same key"]], prepare=trusts(ODD["root"])),
    sets("the same name with another key", {"add": [pem(ODD["same name, another key"])]},
         [ODD["root"], ODD["same name, another key"]], prepare=trusts(ODD["root"])),
    sets("signed by two", {"set": [pem(ODD["root"], ODD["another root"], ODD["cross-signed"])]},
         [ODD["root"], ODD["another root"], ODD["cross-signed"]]),
    sets("deep", {"set": [pem(*(ODD[f"deep {depth}"] for depth in range(12)))]}, [ODD[f"deep {depth}"] for depth in range(12)]),
    sets("RSA-PSS and Ed25519", {"set": [pem(ODD["root"], ODD["RSA-PSS"], ODD["Ed25519"])]},
         [ODD["root"], ODD["RSA-PSS"], ODD["Ed25519"]]),
    sets("a root that signed itself with SHA-1", {"set": [pem(ODD["SHA-1"])]}, [ODD["SHA-1"]]),
    sets("shown late", {"set": [pem(ROOT)]}, [ROOT], prepare=trusts(PARTNER, smime_lag=3)),
    sets("what is noted beside them stays", {"add": [pem(PARTNER)], "remove": [pem(ISSUING)]}, (),
         prepare=trusts(more=certificate_stores.write([noted(ROOT, NOTES), noted(ISSUING, NOTES), REVOKED])),
         proof=kept(noted(ROOT, NOTES), noted(PARTNER), REVOKED)),
    sets("one that nobody can read stays", {"add": [pem(PARTNER)]}, (), prepare=trusts(ODD["unknown version"]),
         proof=kept(noted(ODD["unknown version"]), noted(PARTNER))),
    sets("an expired one goes", {"add": [pem(ROOT)]}, [ROOT], prepare=trusts(ODD["expired"]), options={"expired": "leave_out"}),
    sets("an expired file is left out", {"set": [pem(ROOT), pem(ODD["expired"])]}, [ROOT], options={"expired": "leave_out"},
         warned=("CN=Contoso Expired CA,O=Contoso ended on",)),
    sets("none at all", {"set": []}, [], prepare=trusts(ROOT), options={"allow_empty": True}),
    sets("none at all, as PKCS#7", {"set": []}, [], prepare=trusts(ROOT),
         options={"allow_empty": True, "transfer": {"format": "pkcs7"}}),
    sets("smaller, though still too large", {"remove": [pem(LARGE[0])]}, LARGE[1:], prepare=trusts(*LARGE, smime_size_limit=0),
         options={"transfer": {"size_limit": 1000}}),
    sets("none, and there was none", {"set": []}, [], changes=False),
    sets("once is enough", {"set": [pem(ROOT), pem(ROOT)]}, [ROOT], warned=("is in text 1 and in text 2; once is enough",)),
    sets("what is let through", {"add": [pem(PARENT, ODD["weak key"], ODD["not yet valid"])]},
         [ROOT, PARENT, ODD["weak key"], ODD["not yet valid"]], prepare=trusts(ROOT),
         options={"allow": ["incomplete_chain", "weak_key", "not_yet_valid"]}),
    sets("what was bad before is no reason", {"add": [pem(PARTNER)]}, [PARENT, ODD["no CA"], PARTNER],
         prepare=trusts(PARENT, ODD["no CA"])),
    sets("Exchange takes base64 only", {"set": [pem(ROOT)]}, [ROOT], prepare=trusts(smime_byte_arrays="base64")),
    sets("Exchange takes numbers only", {"set": [pem(ROOT)]}, [ROOT], prepare=trusts(smime_byte_arrays="numbers")),
    sets("base64 from the beginning", {"set": [pem(ROOT)]}, [ROOT], options={"transfer": {"byte_arrays": "base64"}}),
    sets("as PKCS#7", {"add": [pem(ROOT, ISSUING)]}, ALL, prepare=trusts(PARTNER, notes=NOTES, smime_pkcs7=True),
         options={"transfer": {"format": "pkcs7"}}, warned=("PKCS#7 has no place for them",)),
    sets("PKCS#7 is there", {"add": [pem(PARTNER)]}, ALL, prepare=trusts(more=p7b(ROOT, ISSUING), smime_pkcs7=True)),
    sets("no limit", {"set": [pem(*LARGE)]}, LARGE, prepare=trusts(smime_size_limit=0), options={"transfer": {"size_limit": 0}}),
    Case("smime_trust", "every form of file", in_files(
        a_pem=pem(ROOT).replace("\n", "\r\n").encode("utf-8-sig"), b_der=ISSUING.der,
        c_p7b=p7b(ROOT, PARTNER), d_pfx=pfx(ODD["root"], own=ANNA),
        e_sst=store(ODD["Ed25519"], notes=NOTES), f_cer=base64.encodebytes(ODD["renewed, same key"].der), README_md=b"No certificate."),
        proof=holds(*ALL, ODD["root"], ODD["Ed25519"], ODD["renewed, same key"]),
        warned=("once is enough", "d.pfx: left out: a private key", "d.pfx: left out: the certificate of the private key")),
    refuses("expired", [ODD["expired"]], "CN=Contoso Expired CA,O=Contoso (text 1) ended on ", "expired=leave_out"),
    refuses("one that has expired meanwhile", [PARTNER], "CN=Contoso Expired CA,O=Contoso (in the tenant) ended on ",
            prepare=trusts(ROOT, ODD["expired"])),
    refuses("not yet valid", [ODD["not yet valid"]], "begins on ", "allow: [not_yet_valid]"),
    refuses("not an authority's", [ODD["no CA"]], "its basic constraints say so", "A user's own certificate is not for this set"),
    refuses("no basic constraints", [ODD["no basic constraints"]], "it has no basic constraints"),
    refuses("weak key", [ODD["weak key"]], "has a weak key (RSA 1024)"),
    refuses("weak signature", [ODD["SHA-1"], SHA1_BELOW], "CN=Contoso Old Issuing CA,O=Contoso (text 1) is signed with SHA-1"),
    refuses("no root", [PARENT], "leads to no root: CN=Fabrikam Unknown CA,O=Contoso is missing"),
    refuses("a root of that name with another key", [PARTNER, OTHER_KEY],
            "a CN=Fabrikam Root CA,O=Contoso is there, but with another key than the one that has signed CN=Fabrikam Sub CA"),
    refuses("several at once", [ODD["weak key"], ODD["no CA"]], "Contoso Weak CA", "Contoso Server", "allow: [weak_key, not_a_ca]"),
    refuses("no PKCS#7 of what cannot be read", [PARTNER], "It cannot be sent as PKCS#7",
            prepare=trusts(ODD["unknown version"]), options={"transfer": {"format": "pkcs7"}}),
    refuses("too large", LARGE, "bytes, and Exchange takes 70000"),
    refuses("cannot be read", [], "text 1: block 1", options={"certificates": {"add": [pem(ROOT).replace("M", "!")]}}),
    refuses("a relative path", [], "certs/root.pem: the path does not begin at the root",
            options={"certificates": {"set": ["certs/root.pem"]}}),
    refuses("no such file", [], "/nirgends/root.pem: No such file or directory",
            options={"certificates": {"set": ["/nirgends/root.pem"]}}),
    Case("smime_trust", "the issuer of another goes", {"certificates": {"remove": [pem(ROOT)]}}, prepare=trusts(ROOT, ISSUING),
         refused=("CN=Contoso Root CA 2026,O=Contoso is missing",)),
    Case("smime_trust", "the last one goes", {"certificates": {"remove": [pem(ROOT)]}}, prepare=trusts(ROOT),
         refused=("no certificate would be left", "allow_empty=true")),
    Case("smime_trust", "an empty folder", lambda ground: {"certificates": {"set": [folder(ground)]}},
         refused=("there is no file in it that ends in .pem",)),
    Case("smime_trust", "the store cannot be read", {"certificates": {"set": [pem(ROOT)]}}, prepare=trusts(more=b"\0\0\0\0CERT\1"),
         refused=("SMIMECertificateIssuingCA cannot be read", "What is trusted is not known")),
]  # fmt: skip
SETTINGS = [
    setting("algorithms", {"encryption_algorithms": ["aes256", "rc2_128"], "signing_algorithms": ["sha512", "sha256"]},
            {"OWAEncryptionAlgorithms": "6610;6602:128", "OWASigningAlgorithms": "800E;800C"}),
    setting("the text is malformed", {"signing_algorithms": ["sha256"]}, {"OWASigningAlgorithms": "800C"},
            prepare=settled(OWASigningAlgorithms="800c")),
    setting("are so already", {"signing_algorithms": ["sha1"], "crl_check": True, "sign_replies": False}, {}, changes=False),
    setting("the opposite of their names", {"crl_check": False, "sign_replies": True},
            {"OWADisableCRLCheck": True, "NoSignOnReply": False}),
    setting("two in one", {"chain_in_messages": "with_root"}, {"OWAIncludeCertificateChainAndRootCertificate": True}),
    setting("every other", {"always_encrypt": True, "always_sign": True, "clear_sign": False, "triple_wrap": True,
                            "bcc_encryption": "no_forking", "crl_check_on_send": True,
                            "crl_connection_timeout": 4294967295, "crl_retrieval_timeout": 0,
                            "group_expansion_timeout": 30000, "certificates_in_messages": False, "capabilities_in_messages": True,
                            "choice_of_signing_certificate": True, "smart_card_only": True,
                            "key_identifier": True, "secondary_addresses": False,
                            "sender_certificate_attributes": ["2.5.4.3", "1.2.840.113549.1.9.1"], "encrypt_temporary_buffers": False,
                            "force_client_upgrade": False},
            {"OWAAlwaysEncrypt": True, "OWAAlwaysSign": True, "OWAClearSign": False, "OWATripleWrapSignedEncryptedMail": True,
             "OWABCCEncryptedEmailForking": 2, "OWACheckCRLOnSend": True, "OWACRLConnectionTimeout": 4294967295,
             "OWACRLRetrievalTimeout": 0,
             "OWADLExpansionTimeout": 30000, "OWASignedEmailCertificateInclusion": False, "OWAIncludeSMIMECapabilitiesInMessage": True,
             "OWAAllowUserChoiceOfSigningCertificate": True, "OWAOnlyUseSmartCard": True, "OWAUseKeyIdentifier": True,
             "OWAUseSecondaryProxiesWhenFindingCertificates": False,
             "OWASenderCertificateAttributesToDisplay": "2.5.4.3,1.2.840.113549.1.9.1", "OWAEncryptTemporaryBuffers": False,
             "OWAForceSMIMEClientUpgrade": False}),
    setting("no attributes", {"sender_certificate_attributes": []}, {"OWASenderCertificateAttributesToDisplay": ""},
            prepare=settled(OWASenderCertificateAttributesToDisplay="2.5.4.3")),
    Case("smime_trust", "certificates and settings", {"certificates": {"set": [pem(ROOT)]}, "settings": {"always_sign": True}},
         prepare=trusts(PARTNER, smime_lag=2), proof=holds(ROOT, OWAAlwaysSign=True)),
]  # fmt: skip
REPORT = [
    Case("smime_trust_info", "nothing", {}, changes=False),
    Case("smime_trust_info", "something of everything", {"days": 30}, changes=False,
         prepare=trusts(*(one for name, one in ODD.items() if name != "large"), PARENT, notes=NOTES)),
    Case("smime_trust_info", "malformed algorithms", {}, changes=False,
         prepare=settled(OWASigningAlgorithms="800C, 800D", OWAEncryptionAlgorithms="6602:40")),
]  # fmt: skip
CASES = [*CERTIFICATES, *SETTINGS, *REPORT]
