#!/usr/bin/python
# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: smime_trust
short_description: Which authorities Exchange Online trusts for S/MIME, and its other S/MIME settings
version_added: "0.1.0"
description:
  - Declares the certificates of authorities (CAs) that Exchange Online trusts for signed and encrypted mail. It trusts no
    others, so roots and intermediates both belong to the set.
  - Takes the certificates as files, makes the serialized certificate store (SST) that Exchange wants, and compares
    certificate by certificate. What Exchange has kept beside a certificate (its properties) stays.
  - Before it writes, it checks what a change would bring about. It refuses a certificate that is expired, not yet valid,
    not of an authority, of a weak key or signature, or that leads to no root within the set, and a store that is too large.
    What was there before and is not made worse is no reason to refuse.
options:
  certificates: &certificates
    description:
      - The trusted certificates. Each member is a path, from the root on, of a file or a folder, or a PEM text.
      - Files may be PEM, DER, PKCS#7, PFX or SST. Of a folder, the files are read that end in .pem, .crt, .cer, .der,
        .p7b, .p7c, .pfx, .p12 or .sst. Folders below it are not.
      - Of a PFX file, the certificate of the private key is left out unless it is an authority's. Private keys are never
        read.
      - When left out, the set stays as it is.
    type: dict
    suboptions:
      set:
        description: These certificates and no others.
        type: list
        elements: str
      add:
        description: Trust these too.
        type: list
        elements: str
      remove:
        description:
          - Trust these no longer. Beside files, SHA-1 thumbprints and SHA-256 fingerprints are taken.
        type: list
        elements: str
  password: &password
    description: Password of the PFX files.
    type: str
  allow_empty: &allow_empty
    description: Let the set become empty. Exchange then trusts no signature at all.
    type: bool
  expired: &expired
    description:
      - What to do about an expired certificate. Exchange refuses the whole set for one.
      - With V(refuse), nothing is changed, and the certificate is named.
      - With V(leave_out), it is left out of the set, whether it comes from a file or is there already.
      - When left out, V(refuse).
    type: str
    choices: [refuse, leave_out]
  allow: &allow
    description:
      - What to let through of that which is refused otherwise.
      - V(incomplete_chain) is for a certificate that leads to no root in the set. Exchange will not trust what it issues.
    type: list
    elements: str
    choices: [not_a_ca, not_yet_valid, weak_key, weak_signature, incomplete_chain]
  settings: &settings
    description:
      - The organization's other settings for S/MIME in Outlook on the web and the new Outlook for Windows. What is left out
        stays as it is.
    type: dict
    suboptions:
      encryption_algorithms:
        description:
          - Algorithms to encrypt with, the best first (C(OWAEncryptionAlgorithms)).
        type: list
        elements: str
        choices: [aes256, aes192, aes128, 3des, rc2_128, rc2_64, rc2_56, rc2_40, des]
      signing_algorithms:
        description:
          - Algorithms to sign with, the best first (C(OWASigningAlgorithms)).
          - Exchange itself takes any text, and uses SHA-1 where it is malformed. Only well-formed lists are written here.
        type: list
        elements: str
        choices: [sha512, sha384, sha256, sha1, md5]
      always_encrypt:
        description: Encrypt every message (C(OWAAlwaysEncrypt)).
        type: bool
      always_sign:
        description: Sign every message (C(OWAAlwaysSign)).
        type: bool
      clear_sign:
        description: Sign so that a program without S/MIME can read the message (C(OWAClearSign)).
        type: bool
      triple_wrap:
        description: Sign signed and encrypted messages once more on the outside (C(OWATripleWrapSignedEncryptedMail)).
        type: bool
      sign_replies:
        description: Sign replies to signed messages; new Outlook for Windows only (the opposite of C(NoSignOnReply)).
        type: bool
      bcc_encryption:
        description:
          - How messages to Bcc recipients are encrypted (C(OWABCCEncryptedEmailForking)).
          - V(per_recipient), a message for each; V(all_recipients), one message for all of them; V(no_forking), one message
            for these and all other recipients.
        type: str
        choices: [per_recipient, all_recipients, no_forking]
      crl_check:
        description: Ask whether certificates are revoked (the opposite of C(OWADisableCRLCheck)).
        type: bool
      crl_check_on_send:
        description: Send nothing where that cannot be asked (C(OWACheckCRLOnSend)).
        type: bool
      crl_connection_timeout:
        description: Milliseconds to wait for one revocation list (C(OWACRLConnectionTimeout)).
        type: int
      crl_retrieval_timeout:
        description: Milliseconds to wait for all revocation lists of a certificate (C(OWACRLRetrievalTimeout)).
        type: int
      group_expansion_timeout:
        description: Milliseconds to wait for the members of a distribution group (C(OWADLExpansionTimeout)).
        type: int
      certificates_in_messages:
        description: Send the signing and the encryption certificate with signed messages (C(OWASignedEmailCertificateInclusion)).
        type: bool
      chain_in_messages:
        description:
          - Which certificates of authorities are sent with messages (C(OWAIncludeCertificateChainWithoutRootCertificate),
            C(OWAIncludeCertificateChainAndRootCertificate)).
        type: str
        choices: [none, without_root, with_root]
      capabilities_in_messages:
        description: Say in messages which algorithms are understood (C(OWAIncludeSMIMECapabilitiesInMessage)).
        type: bool
      choice_of_signing_certificate:
        description: Let users choose the certificate to sign with (C(OWAAllowUserChoiceOfSigningCertificate)).
        type: bool
      smart_card_only:
        description: Use no certificates but those of smart cards (C(OWAOnlyUseSmartCard)).
        type: bool
      key_identifier:
        description: Name the recipient's certificate by its key in encrypted messages (C(OWAUseKeyIdentifier)).
        type: bool
      secondary_addresses:
        description: Find certificates by a recipient's other addresses too (C(OWAUseSecondaryProxiesWhenFindingCertificates)).
        type: bool
      sender_certificate_attributes:
        description:
          - Object identifiers of what is shown of a certificate whose address is not the sender's
            (C(OWASenderCertificateAttributesToDisplay)).
        type: list
        elements: str
      encrypt_temporary_buffers:
        description: Encrypt what Outlook on the web keeps of a message for a while (C(OWAEncryptTemporaryBuffers)).
        type: bool
      force_client_upgrade:
        description: Demand the present version of the S/MIME control (C(OWAForceSMIMEClientUpgrade)).
        type: bool
  transfer: &transfer
    description: What Microsoft does not document of the way to Exchange. Change it only if Exchange refuses the store.
    type: dict
    suboptions:
      byte_arrays:
        description:
          - How bytes are written in a request. V(auto) tries V(numbers), and V(base64) where Exchange refuses the form.
        type: str
        choices: [auto, numbers, base64]
        default: auto
      format:
        description: V(pkcs7) sends a PKCS#7 file in the place of the serialized store. It keeps no properties.
        type: str
        choices: [sst, pkcs7]
        default: sst
      size_limit:
        description: How many bytes the store may have; V(0) for any number. Exchange Server takes 70000.
        type: int
        default: 70000
  aggregate:
    description: For one entry at most, because a tenant has one set; it is there because all modules have it.
    type: list
    elements: dict
    suboptions:
      certificates: *certificates
      password: *password
      allow_empty: *allow_empty
      expired: *expired
      allow: *allow
      settings: *settings
      transfer: *transfer
extends_documentation_fragment:
  - m365.hybrid.cloud
  - m365.hybrid.cloud.exchange
  - m365.hybrid.common
  - m365.hybrid.common.waiting
  - m365.hybrid.common.cloud_group
notes:
  - Needs the Entra role Exchange Administrator, or one that includes C(Set-SmimeConfig).
  - Outlook on the web follows a change of the set after up to some hours. No service tells when.
  - The Hybrid Configuration Wizard can copy the settings of Exchange Server over those of the tenant.
seealso:
  - module: m365.hybrid.smime_trust_info
  - module: m365.hybrid.smime_certificate_check
"""

EXAMPLES = r"""
- name: Trust the authorities in a folder, and no others
  m365.hybrid.smime_trust:
    certificates:
      set:
        - "{{ inventory_dir }}/smime/ca"

- name: Trust a partner's authority too, and sign with SHA-256
  m365.hybrid.smime_trust:
    certificates:
      add:
        - "{{ inventory_dir }}/smime/partner/root.cer"
    settings:
      signing_algorithms: [sha256]
      encryption_algorithms: [aes256]

- name: Trust one no longer
  m365.hybrid.smime_trust:
    certificates:
      remove:
        - 5D003860F002ED829DEAA41868F788186D62127F
"""

RETURN = r"""
resource:
  description: What is trusted after the task, in check mode as it would be. A list with O(aggregate).
  returned: success
  type: dict
  contains:
    certificates:
      description: The trusted certificates, by subject.
      returned: always
      type: list
      elements: dict
    settings:
      description: The settings, as O(settings) takes them.
      returned: always
      type: dict
  sample:
    certificates:
      - subject: CN=Contoso Root CA,O=Contoso
        issuer: CN=Contoso Root CA,O=Contoso
        fingerprint: 8A71DE6559336F426C26E53880D00D88A18DA4C6A91F0DCB6194E206C5C96387
        thumbprint: 841A69FBF5CD1A2534133DE3F8FCB899D0C914B7
        not_before: "2021-03-01T00:00:00Z"
        not_after: "2041-03-01T00:00:00Z"
    settings:
      signing_algorithms: [sha256]
results:
  description: One entry for each entry of O(aggregate).
  returned: with O(aggregate)
  type: list
  elements: dict
error:
  description: HTTP status, error code and request id of the refusal.
  returned: failure
  type: dict
"""

from ..module_utils.clients import smime
from ..module_utils.clients.exchange import Exchange
from ..module_utils.core.entry import run
from ..module_utils.core.errors import Refused
from ..module_utils.core.resource import Field, Resource, members
from ..module_utils.domain import smime_trust

RESOURCE = Resource(
    kind="S/MIME trust",
    clients={"exchange": Exchange},
    names=(),
    options={"certificates": members(), **smime_trust.OPTIONS},
    managed={
        "certificates": Field(key=smime_trust.row_key, shape="set"),
        "settings": Field(shape="mapping"),
    },
    check=smime_trust.checked,
    goal=smime_trust.goal,
)


def resolve(clients, want):
    return smime.resolve(clients, want)


def read(clients, want):
    return smime.state(clients, want)


def preflight(clients, change):
    if "certificates" in change.fields:
        obstacle = smime.obstacle(clients, change.want, change.before, change.after)
        if obstacle:
            raise Refused(*obstacle)


def apply(clients, change):
    smime.save(clients, change.want, change.before, change.after, change.fields)


def main():
    run(RESOURCE, read=read, apply=apply, resolve=resolve, preflight=preflight)


if __name__ == "__main__":
    main()
