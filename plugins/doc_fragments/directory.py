# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of every module that talks to Active Directory."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach the on-premises directory."""

    DOCUMENTATION = r"""
options:
  directory_server:
    description:
      - Domain controller, as a name or an address, with C(:port) where the port is not the usual one. All reads and
        writes of a run go to this one server, best the one that Entra Connect reads.
      - When left out, the environment variable E(M365_DIRECTORY_SERVER) is taken.
    type: str
    required: true
  directory_tls:
    description: How the connection is protected. There is no way to bind without TLS.
    type: str
    choices: [ldaps, starttls]
    default: ldaps
  directory_sign_in:
    description:
      - V(simple) signs in with O(directory_user) and O(directory_password), V(kerberos) with the ticket of the user
        who runs Ansible. V(kerberos) needs the Python package C(gssapi).
    type: str
    choices: [simple, kerberos]
    default: simple
  directory_user:
    description:
      - Account to sign in with, as user principal name, as C(DOMAIN\\name) or as distinguished name.
      - When left out, the environment variable E(M365_DIRECTORY_USER) is taken.
    type: str
  directory_password:
    description:
      - Its password.
      - When left out, the environment variable E(M365_DIRECTORY_PASSWORD) is taken.
    type: str
  directory_ca_path:
    description:
      - PEM file of the certification authorities that the server's certificate is checked against, instead of the
        system's.
      - When left out, the environment variable E(M365_DIRECTORY_CA_PATH) is taken.
    type: path
  directory_validate_certs:
    description: Set to V(false) to accept any certificate. Passwords can then be read by whoever sits in between.
    type: bool
    default: true
  directory_global_catalog:
    description:
      - Server of the global catalog that is asked what exists in other domains of the forest, with C(:port) where
        needed. When left out, it is O(directory_server).
    type: str
  directory_timeout:
    description: Seconds to wait for one answer.
    type: float
    default: 30.0
requirements:
  - Python 3.11 or newer
  - ldap3; gssapi for Kerberos
"""
