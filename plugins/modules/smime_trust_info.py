#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: smime_trust_info
short_description: Which authorities Exchange Online trusts for S/MIME, and what of them needs care
version_added: "0.1.0"
description:
  - Reads the certificates that Exchange Online trusts for signed and encrypted mail, and the settings beside them.
  - Says which of them end soon, which lead to no root, and which keys, signatures and algorithms are weak.
options:
  aggregate:
    description: For one entry at most, because a tenant has one set; it is there because all modules have it.
    type: list
    elements: dict
    suboptions:
      days: &days
        description: Certificates that end within so many days are listed in RV(resource.ending).
        type: int
  days:
    <<: *days
    default: 60
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.info
  - m365.hybrid.common.cloud_group
notes:
  - The Entra role Exchange Administrator is enough. Global Reader may read most of Exchange, but Microsoft names no role for
    C(Get-SmimeConfig).
seealso:
  - module: m365.hybrid.smime_trust
  - module: m365.hybrid.smime_certificate_check
"""

EXAMPLES = r"""
- name: What ends within half a year
  m365.hybrid.smime_trust_info:
    days: 180
  register: trust

- name: Keep what is trusted as PEM files
  ansible.builtin.copy:
    content: "{{ item.pem }}"
    dest: "{{ inventory_dir }}/smime/ca/{{ item.thumbprint }}.pem"
    mode: "0644"
  loop: "{{ trust.resource.certificates }}"
  loop_control:
    label: "{{ item.subject }}"
"""

RETURN = r"""
resource:
  description: What is trusted. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    certificates:
      description: The trusted certificates, by the day of their end. C(problems) says what speaks against each.
      returned: always
      type: list
      elements: dict
    ending:
      description: Those that end within O(days) days, or have ended.
      returned: always
      type: list
      elements: dict
    incomplete:
      description: Which of them lead to no root, and what is missing, in sentences.
      returned: always
      type: list
      elements: str
    at_risk:
      description: What is expired, weak, or malformed, in sentences.
      returned: always
      type: list
      elements: str
    settings:
      description: The other settings, as M(m365.hybrid.smime_trust) takes them.
      returned: always
      type: dict
  sample:
    certificates:
      - subject: CN=Contoso Root CA,O=Contoso
        issuer: CN=Contoso Root CA,O=Contoso
        fingerprint: 8A71DE6559336F426C26E53880D00D88A18DA4C6A91F0DCB6194E206C5C96387
        thumbprint: 841A69FBF5CD1A2534133DE3F8FCB899D0C914B7
        not_before: "2021-03-01T00:00:00Z"
        not_after: "2026-12-31T00:00:00Z"
        days_left: 38
        root: true
        key: RSA 4096
        signature: SHA-256
        problems: []
        pem: "-----BEGIN CERTIFICATE-----\n..."
    ending:
      - subject: CN=Contoso Root CA,O=Contoso
        fingerprint: 8A71DE6559336F426C26E53880D00D88A18DA4C6A91F0DCB6194E206C5C96387
        not_after: "2026-12-31T00:00:00Z"
        days_left: 38
    incomplete: []
    at_risk:
      - "signing_algorithms: sha1 is weak."
    settings:
      signing_algorithms: [sha1]
results:
  description: One entry for each entry of O(aggregate).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.clients import smime
from ..module_utils.clients.exchange import Exchange
from ..module_utils.core.entry import run
from ..module_utils.core.resource import Resource
from ..module_utils.domain.smime_report import checked_days

RESOURCE = Resource(
    kind="S/MIME trust",
    clients={"exchange": Exchange},
    names=(),
    options={"days": {"type": "int", "default": 60}},
    parse={"days": checked_days},
)


def read(clients, want):
    return smime.report(clients.exchange, want["days"])


def main():
    run(RESOURCE, read=read)


if __name__ == "__main__":
    main()
