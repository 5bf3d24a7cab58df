# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option of every module that keeps a client secret, or takes one from where it is kept."""

from __future__ import annotations


class ModuleDocFragment:
    """Where the secret is kept."""

    DOCUMENTATION = r"""
options:
  sink:
    description:
      - Where the client secret is kept. Exactly one of the four places.
      - What somebody else has written there is never overwritten.
    type: dict
    suboptions:
      file:
        description:
          - A YAML file of variables on the machine where the module runs, readable for its owner only.
          - It is replaced as a whole; other variables and comments in it stay.
        type: dict
        suboptions:
          path:
            description:
              - The file, from the root on. Its directory has to be there. Of a symbolic link, the target is replaced.
            type: path
            required: true
          prefix:
            description:
              - Name of the variable with the secret, and beginning of the names of the others, for example
                C(client_secret_key_id).
            type: str
            default: client_secret
          encrypt:
            description:
              - Encrypt the whole file by Ansible Vault. Only where the module runs in the controller.
              - A file that is encrypted already is read with any password of the run, and never written unencrypted.
            type: bool
            default: false
          vault_id:
            description:
              - The vault identity to encrypt with.
              - When left out, that of the setting C(DEFAULT_VAULT_ENCRYPT_IDENTITY), or else the first of the run.
            type: str
      azure_key_vault:
        description:
          - An Azure Key Vault. The connection options sign in to it.
        type: dict
        suboptions:
          vault:
            description: Address of the vault, for example V(https://contoso.vault.azure.net).
            type: str
            required: true
          name:
            description:
              - Name of the secret. A secret that is not yet proved waits under this name and C(-next).
            type: str
            required: true
      hashicorp_vault:
        description:
          - A secret of the key/value engine, version 2, of HashiCorp Vault.
        type: dict
        suboptions:
          url:
            description:
              - Address of the server, for example V(https://vault.contoso.example:8200). Falls back to E(VAULT_ADDR).
            type: str
            required: true
          mount:
            description: Path of the secrets engine.
            type: str
            default: secret
          path:
            description: Path of the secret in the engine, without C(data).
            type: str
            required: true
          namespace:
            description: Namespace of the engine and of the sign-in. Falls back to E(VAULT_NAMESPACE).
            type: str
          ca_path:
            description:
              - PEM file of certification authorities to trust instead of the system's. Falls back to E(VAULT_CACERT).
            type: path
          token:
            description:
              - Token to sign in with, unless O(sink.hashicorp_vault.role_id) is given.
              - When left out, the environment variable E(VAULT_TOKEN) is taken.
            type: str
          role_id:
            description: Role to sign in with by AppRole.
            type: str
          secret_id:
            description: Secret of that role.
            type: str
      command:
        description:
          - A command that takes the secret from its standard input, followed by one line feed.
          - It is run once for each new secret, when that has been proved.
        type: dict
        suboptions:
          argv:
            description: The command and its arguments. No shell reads them.
            type: list
            elements: str
            required: true
          record:
            description: A file that keeps everything but the secret, written like O(sink.file.path).
            type: path
            required: true
          timeout:
            description: Seconds after which the command is stopped.
            type: float
            default: 60.0
requirements:
  - PyYAML for O(sink.file) and O(sink.command); ansible-core brings it along
"""
