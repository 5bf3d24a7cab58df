# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a row of the contract test is: one module, one starting state, one wish, and what must come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contract_ground import Ground

Options = Mapping[str, Any]


def nothing(_ground: Ground) -> None:
    """No preparation, or nothing more to look at."""


@dataclass(frozen=True)
class Case:
    """One row.

    Arguments:
        module: the module's name.
        title: what the row shows.
        options: the object's options, or a function that gives them.
        prepare: changes the starting state of the scenario.
        changes: whether the first run changes something.
        refused: texts that the message has, where the wish is refused; nothing may change then.
        proof: looks at the end state from outside the collection, after the change.
        decided: keys of C(resource) that only the service can tell, so that a plan cannot.
        removed: goes on to the object's absence.
        warned: parts of the warnings that the change comes with.
        new_ids: every life makes ids of its own, so only their places are compared.
        repeats: every further run does the same again, as the module's documentation says.
    """

    module: str
    title: str
    options: Options | Callable[[Ground], Options]
    prepare: Callable[[Ground], Any] = nothing
    changes: bool = True
    refused: tuple[str, ...] = ()
    proof: Callable[[Ground], Any] = nothing
    decided: frozenset[str] = frozenset()
    removed: bool = False
    repeats: bool = False
    warned: tuple[str, ...] = ()
    new_ids: bool = False

    def __str__(self) -> str:
        return f"{self.module}: {self.title}"

    def wish(self, ground: Ground) -> dict[str, Any]:
        """The object's options on this ground."""
        return dict(self.options(ground) if callable(self.options) else self.options)


def connection_options(ground: Ground, module: Any) -> dict[str, Any]:
    """The options that an imported module needs to sign in to its services."""
    options: dict[str, Any] = {}
    for client in module.RESOURCE.clients.values():
        options |= ground.directory() if "directory_server" in client.OPTIONS else ground.cloud()
    return options


# For each module an entry that fails for its own reason, and a part of what it says; it must not stop the others.
FAILING: dict[str, tuple[Options, str]] = {
    "ad_proxyaddress": ({"user": "fremder", "primary": "niemand@contoso.example"}, "There is no such account"),
    "ad_user": ({"user": "ortlos@contoso.example"}, "A new account needs ou"),
    "ad_user_info": ({"user": "paar@contoso.example"}, "names 2 accounts"),
    "entra_app_assignment": ({"application": "Keine", "role": "Leser"}, "There is no such enterprise application"),
    "entra_app_consent": (
        {"application": "Keine", "user": "anna.schaefer@contoso.example"},
        "There is no such enterprise",
    ),
    "entra_app_info": ({"application": "Doppelt"}, "2 applications are called Doppelt"),
    "entra_app_registration": (
        {"application": "Neu", "owners": {"add": ["niemand@contoso.example"]}},
        "There is no user",
    ),
    "entra_app_secret": (
        {"application": "Keine", "name": "default", "sink": {"file": {"path": "geheimnis.yml"}}},
        "is not a whole one",
    ),
    "entra_group": ({"group": "Doppelte"}, "2 groups are called Doppelte"),
    "directory_sync": ({"user": "paar@contoso.example"}, "names 2 accounts"),
    "entra_license": ({"user": "niemand@contoso.example", "usage_location": "DE"}, "There is no such user"),
    "entra_conditional_access_policy": ({"policy": "Leer", "include_users": ["all"]}, "is about no application"),
    "entra_named_location": ({"location": "Leer", "trusted": True}, "needs at least one of ip_ranges or countries"),
    "entra_user": ({"user": "niemand@contoso.example"}, "A new user needs sink"),
    "entra_user_info": ({"user": "gesperrt@contoso.example"}, "The application lacks the permission User.Read.All"),
    "mailbox_info": ({"mailbox": "Doppelt"}, "The name is not unique"),
    "mailbox_onboarding_info": ({"mailbox": "Doppelt"}, "The name is not unique"),
    "exchange_service_principal": ({"application": "Keine"}, "There is no such enterprise application"),
    "exchange_settings": (
        {"object": "RemoteDomain", "identity": "Keine", "settings": {"AutoForwardEnabled": False}},
        "There is no such Exchange object",
    ),
    "mail_check": ({"mailbox": "niemand@contoso.example"}, "535 5.7.3 Authentication unsuccessful"),
    "smime_certificate_check": ({"source": "certs/anna.pem"}, "the path does not begin at the root"),
    "smtp_auth": ({"mailbox": "Doppelt", "smtp_auth": "enabled"}, "The name is not unique"),
    "smtp_auth_info": ({"mailbox": "Doppelt"}, "The name is not unique"),
    "mailbox_permission": ({"mailbox": "Doppelt", "full_access": {"set": []}}, "The name is not unique"),
    "mailbox_permission_info": ({"mailbox": "Doppelt"}, "The name is not unique"),
    "mailbox_type": ({"mailbox": "niemand@contoso.example", "type": "shared"}, "There is no such mailbox"),
}
