# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the module that holds users' certificates and signed messages against what is trusted for S/MIME."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_cases import Case
from contract_cases_smime import ALL, ANNA, ISSUING, ODD, PASSWORD, ROOT, folder, p7b, pem, pfx, trusts
from contract_ground import Ground
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from unit.domain.odd_certificates import Made, authority, moment, person

Options = Callable[[Ground], dict[str, Any]]


def message(sender: Made, *brought: Made) -> bytes:
    """A signed message with the certificates that it brings along."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"Guten Tag").add_signer(sender.x509, sender.key, hashes.SHA256())
    for one in brought:
        builder = builder.add_certificate(one.x509)
    return builder.sign(Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature])


def file(name: str, content: bytes, **options: Any) -> Options:
    """One file, held against what the tenant trusts."""
    return lambda ground: {"source": f"{folder(ground, **{name: content})}/{'.'.join(name.rsplit('_', 1))}", **options}


def files(**contents: bytes) -> Options:
    """A folder of files."""
    return lambda ground: {"source": folder(ground, **contents)}


def against(*trusted: Made) -> Options:
    """A certificate held against a file of authorities in the place of the tenant."""
    return lambda ground: {
        "source": folder(ground, anna_pem=ANNA.pem.encode()),
        "trust": [pem(*trusted)],
        "at": "2026-11-22",
    }


def against_nothing(ground: Ground) -> dict[str, Any]:
    """A certificate held against no authority at all, whatever the tenant trusts."""
    return {"source": folder(ground, anna_pem=ANNA.pem.encode()), "trust": []}


def looks(title: str, options: Options, *held: Made, **more: Any) -> Case:
    """A look at files while the tenant trusts some authorities."""
    return Case("smime_certificate_check", title, options, prepare=trusts(*held), changes=False, **more)


EDWARD = person(ODD["Ed25519"], "edward@contoso.example")
LATE = person(ISSUING, "spät@contoso.example".replace("ä", "ae"), not_before=moment(-400), not_after=moment(-3))
ENCRYPTED = bytes.fromhex("300d06092a864886f70d010703a000")
CASES = [
    looks("trusted", file("anna_pem", ANNA.pem.encode()), *ALL),
    looks("the intermediate is missing", file("anna_cer", ANNA.der), ROOT),
    looks("the message brings the missing one along", file("brief_eml", message(ANNA, ISSUING)), ROOT),
    looks("nothing is trusted", file("anna_p7b", p7b(ANNA, ISSUING, ROOT))),
    looks("a user's PFX", file("anna_pfx", pfx(ISSUING, own=ANNA), password=PASSWORD), *ALL),
    looks("a moment to come", file("anna_pem", ANNA.pem.encode(), at="2099-01-01"), *ALL),
    looks("a folder of all kinds", files(anna_pem=ANNA.pem.encode(), edward_der=EDWARD.der, late_pem=LATE.pem.encode(),
          brief_eml=message(ANNA), README_md=b"#"), *ALL, ODD["Ed25519"]),
    looks("one whose root has another key", file("x_pem", person(authority("Fabrikam Root CA"), "x@fabrikam.example").pem.encode()),
          *ALL),
    looks("a plan", against(ROOT, ISSUING)),
    looks("a plan that lacks one", against(ISSUING), *ALL),
    looks("a plan to trust nothing", against_nothing, *ALL),
    looks("a folder with authorities beside", files(anna_pem=ANNA.pem.encode(), ca_pem=pem(ROOT).encode()), *ALL,
          warned=("ca.pem: there is no user's certificate in it",)),
    looks("a moment elsewhere", file("anna_pem", ANNA.pem.encode(), at="2026-12-01T12:00:00+02:00"), *ALL),
    looks("a message that nobody has signed", file("brief_eml", b"Subject: Siehe unten\n\nGuten Tag"), *ALL,
          refused=("the message has no signature",)),
    looks("an encrypted message as a file", file("brief_p7m", ENCRYPTED), *ALL, refused=("it is encrypted",)),
    looks("no user's certificate", file("root_pem", pem(ROOT).encode()), *ALL,
          refused=("there is no user's certificate in it, only those of authorities",)),
    looks("no such file", lambda ground: {"source": "/nirgends/anna.pem"}, *ALL, refused=("/nirgends/anna.pem: No such file",)),
    looks("an encrypted message", file("brief_eml", b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n"
          b"Content-Transfer-Encoding: base64\n\nMAsGCSqGSIb3DQEHAw=="), *ALL, refused=("it is encrypted",)),
    looks("a wrong password", file("anna_pfx", pfx(ISSUING, own=ANNA), password="falsch"), *ALL, refused=("anna.pfx: ", "password")),
    looks("no certificate", file("anna_pem", b"Anna"), *ALL, refused=("anna.pem: ",)),
]  # fmt: skip
