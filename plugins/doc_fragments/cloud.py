# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of every module that signs in to Entra ID."""

from __future__ import annotations


class ModuleDocFragment:
    """How to sign in to the tenant."""

    DOCUMENTATION = r"""
options:
  tenant_id:
    description:
      - Id of the tenant, or one of its verified domains. The id is the safer form.
      - When left out, the environment variable E(AZURE_TENANT_ID) is taken.
    type: str
  client_id:
    description:
      - Application id of the application that signs in, or of a user-assigned managed identity.
      - When left out, the environment variable E(AZURE_CLIENT_ID) is taken.
    type: str
  client_secret:
    description:
      - Secret of that application. Prefer a certificate or a federated token.
      - When left out, the environment variable E(AZURE_CLIENT_SECRET) is taken.
    type: str
  certificate_path:
    description:
      - File on the controller with the certificate and its private key, as PEM or as PFX.
      - When left out, the environment variable E(AZURE_CLIENT_CERTIFICATE_PATH) is taken.
    type: path
  certificate_password:
    description:
      - Password of the file in O(certificate_path).
      - When left out, the environment variable E(AZURE_CLIENT_CERTIFICATE_PASSWORD) is taken.
    type: str
  federated_token_file:
    description:
      - File with a token of another identity provider that the application trusts (workload identity federation).
      - When left out, the environment variable E(AZURE_FEDERATED_TOKEN_FILE) is taken.
    type: path
  sign_in:
    description:
      - How to sign in. With V(auto), a certificate is used before a federated token, and that before a secret.
    type: str
    choices: [auto, client_secret, certificate, federated_token, managed_identity, device_code]
    default: auto
  cloud:
    description:
      - The Microsoft cloud in which the tenant lives. V(commercial) includes GCC.
      - When left out, the environment variable E(M365_CLOUD) is taken.
    type: str
    choices: [commercial, gcc_high, dod, china]
    default: commercial
  endpoints:
    description:
      - Addresses to use in place of those of O(cloud), for example those of the rehearsal tenant.
    type: dict
    suboptions:
      login:
        description: Address of the token endpoint's host. Falls back to E(M365_LOGIN_ENDPOINT).
        type: str
      graph:
        description: Address of Microsoft Graph. Falls back to E(M365_GRAPH_ENDPOINT).
        type: str
      exchange:
        description: Address of Exchange Online. Falls back to E(M365_EXCHANGE_ENDPOINT).
        type: str
      key_vault:
        description:
          - Address that stands for the domain of all Azure Key Vaults; the name of a vault is the first part of the path
            below it. Falls back to E(M365_KEY_VAULT_ENDPOINT).
        type: str
      smtp:
        description: Server for mail submission, as host or host:port. Falls back to E(M365_SMTP_SERVER).
        type: str
      imap:
        description: Server for IMAP, as host or host:port. Falls back to E(M365_IMAP_SERVER).
        type: str
  ca_path:
    description:
      - PEM file of certification authorities to trust instead of the system's, for example behind a proxy that
        opens TLS. Certificates of the cloud are always verified.
      - When left out, the environment variable E(M365_CA_PATH) is taken.
    type: path
  request_timeout:
    description: Seconds to wait for one answer.
    type: float
    default: 60.0
requirements:
  - Python 3.11 or newer
  - msal and requests; cryptography for certificates
"""

    # For modules that talk to Exchange Online as well.
    EXCHANGE = r"""
options: {}
notes:
  - Exchange Online is reached over an interface that Microsoft does not support for third parties; see the README.
"""
