# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of every form that certificates come in, for tests that change bytes in them."""

from __future__ import annotations

import base64
from functools import cache

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs7, pkcs12
from odd_certificates import chain, every_odd_kind, person

from ansible_collections.m365.hybrid.plugins.module_utils.domain import sst

PASSWORD = "Contoso"


@cache
def every_form() -> dict[str, bytes]:
    """One small file of each form, and one certificate of each odd kind but the large one, by name."""
    authorities = chain("Contoso Root CA", "Contoso Issuing CA")
    somebody = person(authorities[1], "anna@contoso.example")
    made = [*authorities, somebody]
    store = sst.build(sst.Element(sst.CERTIFICATE, one.der, ((3, bytes(20)), (0x0B, b"n\0\0\0"))) for one in made)
    degenerate = pkcs7.serialize_certificates([one.x509 for one in made], Encoding.DER)
    text = "".join(one.pem for one in made).encode()
    bag = pkcs12.serialize_key_and_certificates(
        b"Anna",
        somebody.key,
        somebody.x509,
        [one.x509 for one in authorities],
        BestAvailableEncryption(PASSWORD.encode()),
    )
    odd = {name.replace(" ", "-"): one.der for name, one in every_odd_kind().items() if name != "large"}
    return {
        "store.sst": store,
        "chain.p7b": degenerate,
        "chain.p7b.pem": pkcs7.serialize_certificates([one.x509 for one in made], Encoding.PEM),
        "chain.pem": text,
        "chain-utf16.pem": text.decode().encode("utf-16"),
        "person.pfx": bag,
        "store.base64": base64.encodebytes(store),
        **odd,
    }
