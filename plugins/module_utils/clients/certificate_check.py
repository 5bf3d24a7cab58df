# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users' certificates and signed messages, held against what is trusted for S/MIME."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from ..domain import smime_check
from ..domain.certificates import Certificate
from ..domain.user_certificates import is_authority
from . import certificate_files, smime
from .errors import ServiceError
from .exchange import Exchange
from .wire import require

_NOBODY = "there is no user's certificate in it, only those of authorities."


class Services(Protocol):
    """The clients of a task, and what its objects share."""

    exchange: Exchange

    def once(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """Make a value for the whole task when it is first needed."""


def check(services: Services, want: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of the certificates of one file or folder, as smime_check.report() says it. Raises ServiceError."""
    _refuse_old_library()
    files = None if want["trust"] is None else (*want["trust"], want["password"])
    trusted = services.once(("trusted", files), lambda: _trusted(services, want))
    now = datetime.now(UTC) if want["trust"] is not None else services.exchange.http.now()
    people: list[tuple[str, Certificate]] = []
    authorities: dict[bytes, Certificate] = {}
    without: list[str] = []
    for where, certificates in certificate_files.everything(want["source"], want["password"]):
        users = [(where, one) for one in certificates if not is_authority(one)]
        authorities.update({one.der: one for one in certificates if is_authority(one)})
        people += users
        without += [] if users else [f"{where}: {_NOBODY}"]
    if not people:
        raise ServiceError(f"{certificate_files.shown_path(want['source'])}: {_NOBODY}")
    services.exchange.warnings += without
    return smime_check.report(want["source"], people, list(authorities.values()), trusted, now, want["at"])


def _refuse_old_library() -> None:
    """Raise ServiceError where the library cannot be told what mail asks of a certificate."""
    if not hasattr(require("cryptography.x509.verification"), "ExtensionPolicy"):
        raise ServiceError(
            f"The Python library cryptography {require('cryptography').__version__} is too old to verify certificates.",
            advice="Install the requirements of the collection: version 45 or newer.",
        )


def _trusted(services: Services, want: Mapping[str, Any]) -> Sequence[Certificate]:
    if want["trust"] is None:
        return smime.trusted(services.exchange)
    found = certificate_files.found(want["trust"], want["password"], services.exchange.warnings)
    return [one.certificate for one in found]
