# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serialized certificate stores (SST) of certificates, and certificates out of them; as base64, for Ansible has no bytes."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.collections import is_sequence, is_string
from ansible.module_utils.common.text.converters import to_bytes

from ansible_collections.m365.hybrid.plugins.module_utils.domain import sst
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificate_forms import certificates_in
from ansible_collections.m365.hybrid.plugins.module_utils.domain.certificates import parsed


def to_sst(certificates: Any) -> str:
    """Make a store, as base64, of certificates in PEM (or base64 of what certificates_in reads), each once.

    Raises:
        AnsibleFilterError: one of the texts holds no certificate; it says which, and why.
    """
    texts = certificates if is_sequence(certificates) else [certificates]
    found = [der for number, text in enumerate(texts, start=1) for der in _certificates(number, text)]
    if not found:
        raise AnsibleFilterError("to_sst: there is no certificate to make a store of")
    return base64.b64encode(sst.build(sst.Element(sst.CERTIFICATE, der) for der in dict.fromkeys(found))).decode(
        "ascii"
    )


def _certificates(number: int, text: Any) -> tuple[bytes, ...]:
    if not is_string(text):
        raise AnsibleFilterError(f"to_sst: text {number} is no text but {type(text).__name__}")
    try:
        found = certificates_in(to_bytes(text)).certificates
        for der in found:
            parsed(der)
    except ValueError as problem:
        raise AnsibleFilterError(f"to_sst: text {number}: {problem}") from None
    return found


def from_sst(store: Any) -> list[str]:
    """Take the certificates, each as PEM, out of a store that is given as base64.

    Raises:
        AnsibleFilterError: it is no base64, or no store; it says why.
    """
    if not is_string(store):
        raise AnsibleFilterError(f"from_sst: the store is to be base64, and is no text but {type(store).__name__}")
    try:
        data = base64.b64decode(b"".join(to_bytes(store).split()), validate=True)
    except ValueError as problem:
        raise AnsibleFilterError(f"from_sst: the store is to be base64, and is not ({problem})") from None
    try:
        elements = sst.parse(data)
    except ValueError as problem:
        raise AnsibleFilterError(f"from_sst: {problem}") from None
    return [ssl.DER_cert_to_PEM_cert(element.value) for element in elements if element.kind == sst.CERTIFICATE]


class FilterModule:
    """What Ansible asks for the filters of this file."""

    def filters(self) -> Mapping[str, Callable[[Any], Any]]:
        """Return the filters by their names."""
        return {"to_sst": to_sst, "from_sst": from_sst}
