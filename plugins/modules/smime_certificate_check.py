#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: smime_certificate_check
short_description: Would users' certificates, or a signed message, be trusted for S/MIME
version_added: "0.1.0"
description:
  - Says of users' certificates whether they lead to a root that Exchange Online trusts, at a moment of your choice, and if
    not, which certificate is missing.
  - Signatures, dates, authorities with their purposes, path lengths and name constraints are verified with the Python library
    C(cryptography). Revocation is not asked for.
  - Only what the tenant trusts counts. An intermediate that comes with a message does not, because nobody brings it along
    when a message is to be encrypted.
  - It does not fail for a certificate that is not trusted; see RV(resource.trusted). It fails for a file that it cannot read.
options:
  source: &source
    description:
      - A file or folder, from the root on, of users' certificates (PEM, DER, PKCS#7, PFX, SST) or signed messages (C(.eml),
        C(.p7s), C(.p7m)).
      - Of a folder, the files are read that end in .pem, .crt, .cer, .der, .p7b, .p7c, .pfx, .p12, .sst, .eml, .p7s or .p7m.
      - Required unless O(aggregate) is given.
    type: str
  password: &password
    description: Password of the PFX files.
    type: str
  at: &at
    description: The day or the moment, for example V(2027-01-31) or V(2027-01-31T12:00:00Z). When left out, now.
    type: str
  trust: &trust
    description:
      - Files and folders of authorities' certificates, from the root on, to hold them against in place of what the tenant
        trusts; for example those that M(m365.hybrid.smime_trust) is to be given. Exchange is not asked then.
    type: list
    elements: str
  aggregate:
    description: Many files or folders in one task. Options beside it are defaults for its entries.
    type: list
    elements: dict
    suboptions:
      source: *source
      password: *password
      at: *at
      trust: *trust
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.cloud_group
notes:
  - The library does not verify SHA-1, RSA keys below 2048 bits, Ed25519, curves that NIST has not named, RSA-PSS with unusual
    parameters, extensions it does not know if they are critical, name constraints of other kinds than mail, hosts and IP
    addresses, and roots of X.509 version 1. Where a chain has one of these and nothing else is wrong, C(trusted) is null,
    because Exchange may take it.
  - Certificates that are marked as an authority's are taken for no user's. A file that holds nothing else is named in a warning.
seealso:
  - module: m365.hybrid.smime_trust
  - module: m365.hybrid.smime_trust_info
"""

EXAMPLES = r"""
- name: Will the certificates of all users be trusted at the end of the year
  m365.hybrid.smime_certificate_check:
    source: "{{ inventory_dir }}/smime/users"
    at: "2026-12-31"

- name: Would they be without the old authority
  m365.hybrid.smime_certificate_check:
    source: "{{ inventory_dir }}/smime/users"
    trust: ["{{ inventory_dir }}/smime/ca/new"]
  register: without

- name: Say who would lose it
  ansible.builtin.debug:
    msg: "{{ without.resource.untrusted }}"
"""

RETURN = r"""
resource:
  description: The verdicts. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    trusted:
      description: Whether all certificates are trusted; null where that is not known of one, and no other is refused.
      returned: always
      type: bool
    certificates:
      description:
        - Each user's certificate, with its verdict. C(missing) names the certificate that is missing, and in C(in_file) its
          fingerprint where it was in the same file or folder.
      returned: always
      type: list
      elements: dict
    untrusted:
      description: A sentence for each certificate that is not trusted.
      returned: always
      type: list
      elements: str
    unknown:
      description: A sentence for each of which it is not known.
      returned: always
      type: list
      elements: str
  sample:
    source: /srv/tenants/smime/users/anna.pem
    at: null
    trusted: false
    certificates:
      - subject: CN=Anna Bauer
        issuer: CN=Contoso Issuing CA
        fingerprint: 2D6B9C0E4F7A81537E9D0B6C3A5F1E8D7C2B4A69F0E1D3C5B7A9886754321001
        thumbprint: 0F1E2D3C4B5A69788796A5B4C3D2E1F00F1E2D3C
        not_before: "2026-01-01T00:00:00Z"
        not_after: "2027-01-01T00:00:00Z"
        addresses: [anna.bauer@contoso.example]
        usage: [signing, encryption]
        trusted: false
        reason: CN=Contoso Issuing CA is missing, which has signed CN=Anna Bauer
        missing:
          subject: CN=Contoso Issuing CA
          below: CN=Anna Bauer
          in_file: null
        chain: [CN=Anna Bauer]
    untrusted:
      - "anna.bauer@contoso.example (/srv/tenants/smime/users/anna.pem) is not trusted: CN=Contoso Issuing CA is missing, which
        has signed CN=Anna Bauer."
    unknown: []
results:
  description: One entry for each entry of O(aggregate), in the same order.
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients import certificate_check
from ..module_utils.clients.exchange import Exchange
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource
from ..module_utils.domain.smime_check import checked_moment

RESOURCE = Resource(
    kind="file of certificates",
    clients={"exchange": Exchange},
    names=("source",),
    options={
        "source": {"type": "str", "required": True},
        "password": {"type": "str", "no_log": True},
        "at": {"type": "str"},
        "trust": {"type": "list", "elements": "str"},
    },
    parse={"at": checked_moment},
)


def read(clients, want):
    return certificate_check.check(clients, want)


def main():
    run(RESOURCE, read=read)


if __name__ == "__main__":
    main()
