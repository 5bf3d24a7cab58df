# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate authority of the rehearsal tenant, and the files that its servers read.

The cloud services and the AD server take their certificates from the same authority, so one C(ca_path) trusts both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class ServerFiles:
    """Paths of what a TLS server needs, all PEM. C(certificate) holds the chain; only the owner can read C(key)."""

    ca: Path
    certificate: Path
    key: Path


class CertificateAuthority:
    """A private authority whose certificate lies in C(directory) as C(ca.pem); its key never leaves the memory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.ca_path = directory / "ca.pem"
        self._ca = trustme.CA(organization_name="m365.hybrid rehearsal", organization_unit_name="Certificate authority")
        self._ca.cert_pem.write_to_path(str(self.ca_path))

    def issue(self, name: str, hosts: Iterable[str]) -> ServerFiles:
        """Issue a certificate and write C(name.pem) and C(name.key).

        hosts: host names and IP addresses; each becomes a subject alternative name of its kind. The certificate
        names its issuer's key (authority key identifier, RFC 5280 4.2.1.1), as Python 3.13 demands by default.
        """
        leaf = self._ca.issue_cert(*hosts, organization_name="m365.hybrid rehearsal", organization_unit_name=name)
        files = ServerFiles(self.ca_path, self.directory / f"{name}.pem", self.directory / f"{name}.key")
        files.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        _write_private(files.key, leaf.private_key_pem.bytes())
        return files


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read; an older one is replaced, since its mode would survive."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
