# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules for mail submission: SMTP AUTH, and applications that Exchange knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from contract_cases import Case
from contract_ground import Ground

from lab.exchange.client_access import SMTP_AUTH, cas_values, transport_values
from lab.state import Application
from lab.stores import MailboxGrant, PrincipalReference
from lab.tokens import EXCHANGE

Look = Callable[[Ground], Any]
SENDER = "3d7a91c4-5b0e-4f62-9d18-c6e2a47f8b05"


def own_switch(name: str, disabled: bool | None) -> Look:
    """Set a mailbox's switch before the test."""

    def change(ground: Ground) -> None:
        held = ground.user(name).mailbox
        assert held is not None
        held.extra[SMTP_AUTH] = disabled

    return change


def organization_switch(disabled: bool) -> Look:
    """Set the organization's switch before the test."""
    return lambda ground: ground.tenant.exchange.transport.update({SMTP_AUTH: disabled})


def is_set(name: str | None, disabled: bool | None) -> Look:
    """The mailbox, or the organization, has the value."""

    def look(ground: Ground) -> None:
        values = transport_values(ground.tenant) if name is None else cas_values(ground.user(name))
        assert values[SMTP_AUTH] is disabled

    return look


def submits(title: str, name: str, wanted: str, disabled: bool | None, **more: Any) -> Case:
    """A mailbox whose switch comes out as asked for."""
    options = {"mailbox": f"{name}@contoso.example", "smtp_auth": wanted}
    return Case("smtp_auth", title, options, proof=is_set(name, disabled), **more)


def all_submit(title: str, wanted: str, disabled: bool, **more: Any) -> Case:
    """The organization's switch comes out as asked for."""
    return Case("smtp_auth", title, {"smtp_auth": wanted}, proof=is_set(None, disabled), **more)


def no_transport(ground: Ground) -> None:
    """The organization's switch cannot be read by this application."""
    ground.fault("status", status=403, match={"cmdlet": "Get-TransportConfig"}, times=None)


SUBMISSION = [
    submits("may", "info", "enabled", False),
    submits("may not", "info", "disabled", True),
    submits("may no longer", "info", "disabled", True, prepare=own_switch("info", False)),
    submits("as the organization", "info", "organization", None, prepare=own_switch("info", False)),
    submits("may already", "info", "enabled", False, prepare=own_switch("info", False), changes=False),
    submits("is as the organization already", "info", "organization", None, changes=False),
    submits("may already by the organization, but not by itself", "info", "enabled", False,
            prepare=organization_switch(False)),
    submits("Active Directory masters it", "lager", "enabled", False),
    submits("the organization's switch may not be read", "info", "enabled", False, prepare=no_transport),
    Case("smtp_auth", "named by an alias", {"mailbox": "kontakt@contoso.example", "smtp_auth": "enabled"},
         proof=is_set("info", False)),
    all_submit("everybody may", "enabled", False),
    all_submit("nobody may", "disabled", True, prepare=organization_switch(False)),
    all_submit("nobody may already", "disabled", True, changes=False),
    Case("smtp_auth", "no such mailbox", {"mailbox": "nirgends@contoso.example", "smtp_auth": "enabled"},
         refused=("There is no such mailbox",)),
    Case("smtp_auth", "the organization has nothing above it", {"smtp_auth": "organization"},
         refused=("for a mailbox, and none is named", "Name one")),
    Case("smtp_auth", "the organization's switch is out of reach", {"smtp_auth": "enabled"}, prepare=no_transport,
         refused=("Get-TransportConfig", "Exchange Administrator")),
]  # fmt: skip

INFOS = [
    Case("smtp_auth_info", "the organization", {}, changes=False),
    Case("smtp_auth_info", "who may", {"effective": "enabled", "days": 0}, changes=False,
         prepare=own_switch("info", False)),
    Case("smtp_auth_info", "a mailbox", {"mailbox": "info@contoso.example"}, changes=False),
    Case("smtp_auth_info", "none", {"mailbox": "niemand@contoso.example"}, changes=False),
]  # fmt: skip


def application(ground: Ground) -> Application:
    """The application that submits mail."""
    return next(one for one in ground.tenant.applications.values() if one.app_id == SENDER)


def known(*opens: str, wrong: bool = False) -> Look:
    """Exchange knows the application, by a wrong object id if asked for, and it may open these mailboxes."""

    def change(ground: Ground) -> None:
        tenant, own = ground.tenant, application(ground)
        object_id = own.id if wrong else own.service_principal_id
        assert object_id is not None
        one = PrincipalReference(tenant.new_id(), SENDER, object_id, own.display_name, tenant.clock.now())
        tenant.exchange.principals[one.guid] = one
        for name in opens:
            grants = tenant.exchange.mailbox_grants.setdefault(ground.user(name).id, [])
            grants.append(MailboxGrant(one.guid, ["FullAccess"], tenant.clock.now()))

    return change


def knows(*opens: str) -> Look:
    """Exchange knows the application by the right object id, and it may open these mailboxes and no others."""

    def look(ground: Ground) -> None:
        (one,) = ground.tenant.exchange.principals.values()
        assert (one.app_id, one.object_id) == (SENDER, application(ground).service_principal_id)
        grants = {
            ground.tenant.users[user].user_principal_name.partition("@")[0]: grant
            for user, found in ground.tenant.exchange.mailbox_grants.items()
            for grant in found
            if grant.trustee == one.guid
        }
        assert set(grants) == set(opens)
        assert all(grant.rights == ["FullAccess"] for grant in grants.values())

    return look


def unmapped(ground: Ground) -> None:
    """The permission puts no mailbox into anybody's Outlook."""
    knows("info")(ground)
    assert not any(grant.auto_mapping for found in ground.tenant.exchange.mailbox_grants.values() for grant in found)


def twin(ground: Ground) -> None:
    """Another application has the same name."""
    own, tenant = application(ground), ground.tenant
    other = Application(tenant.new_id(), tenant.new_id(), own.display_name, tenant.new_id())
    tenant.applications[other.id] = other


def shown_as(form: str, *opens: str) -> Look:
    """Exchange shows the trustee of a permission in another form, and it is there already."""

    def change(ground: Ground) -> None:
        ground.tenant.switches["exchange_permission_principal"] = form
        known(*opens)(ground)

    return change


def late(ground: Ground) -> None:
    """A new reference is not found at once."""
    ground.tenant.switches["exchange_principal_lag"] = 1


def somebody_else(ground: Ground) -> None:
    """A user of the application's name may open the mailbox; that is not the application."""
    known()(ground)
    anna = ground.user("anna.schaefer")
    anna.display_name = "Versender"
    grant = MailboxGrant(anna.id, ["FullAccess"], ground.tenant.clock.now())
    ground.tenant.exchange.mailbox_grants[ground.user("info").id] = [grant]


def opens(title: str, options: dict[str, Any], proof: Look, **more: Any) -> Case:
    """An application that Exchange knows in the end."""
    wish = {"application": SENDER, **options}
    return Case("exchange_service_principal", title, wish, proof=proof, decided=frozenset({"id"}), **more)


def closed(title: str, options: dict[str, Any], *said: str, **more: Any) -> Case:
    """One that is refused."""
    wish = {"application": SENDER, **options}
    return Case("exchange_service_principal", title, wish, refused=said, **more)


def forgotten(ground: Ground) -> None:
    """Exchange does not know the application, and no mailbox has an entry of it."""
    assert ground.tenant.exchange.principals == {}
    assert not any(ground.tenant.exchange.mailbox_grants.values())


ONE, BOTH = {"add": ["info@contoso.example"]}, {"add": ["kontakt@contoso.example", "vertrieb"]}
PRINCIPALS = [
    opens("known, and nothing more", {}, knows(), removed=True),
    opens("known by name, with a mailbox", {"application": "Versender", "mailboxes": ONE}, unmapped),
    opens("two mailboxes by other names", {"mailboxes": BOTH}, knows("info", "vertrieb")),
    opens("one more", {"mailboxes": BOTH}, knows("info", "vertrieb"), prepare=known("info")),
    opens("one less", {"mailboxes": {"remove": ["info@contoso.example"]}}, knows("vertrieb"),
          prepare=known("info", "vertrieb")),
    opens("is so already", {"mailboxes": ONE}, knows("info"), prepare=known("info"), changes=False),
    opens("is so already, shown by its SID", {"mailboxes": ONE}, knows("info"), prepare=shown_as("sid", "info"),
          changes=False),
    opens("is so already, shown by its object id", {"mailboxes": ONE}, knows("info"),
          prepare=shown_as("object_id", "info"), changes=False),
    opens("somebody of its name may", {"mailboxes": ONE}, knows("info"), prepare=somebody_else),
    opens("Exchange is slow to know it", {"mailboxes": ONE}, knows("info"), prepare=late),
    opens("permissions that are not named stay", {}, knows("info"), prepare=known("info"), changes=False),
    opens("not known any more", {"state": "absent", "mailboxes": {"remove": ["info@contoso.example"]}}, forgotten,
          prepare=known("info")),
    opens("a wrong one is forgotten", {"state": "absent"}, forgotten, prepare=known(wrong=True)),
    opens("was never known", {"state": "absent"}, forgotten, changes=False),
    opens("neither Entra nor Exchange knows it", {"application": "Keine Versenderin", "state": "absent"}, forgotten,
          changes=False),
    closed("known by a wrong object id", {}, "by the object id", "of the app registration", "state=absent once",
           prepare=known(wrong=True)),
    closed("no enterprise application", {"application": "Versende"}, "There is no such enterprise application",
           "app registration alone is not enough"),
    closed("two of its name", {"application": "Versender"}, "2 enterprise applications are called Versender", SENDER,
           prepare=twin),
    closed("no such mailbox", {"mailboxes": {"add": ["nirgends@contoso.example"]}},
           "There is no mailbox nirgends@contoso.example"),
    closed("both given and taken", {"mailboxes": {"add": ["info@contoso.example"], "remove": ["Kontakt@contoso.example"]}},
           "info@contoso.example is to be added and removed"),
]  # fmt: skip


def may_mail(*mailboxes: str, roles: tuple[str, ...] = ("SMTP.SendAsApp", "IMAP.AccessAsApp"), **more: Any) -> Look:
    """The application that signs in may submit and read mail of these mailboxes.

    C(wrong): Exchange knows it by a wrong object id; C(closed): SMTP AUTH is off for the organization.
    """

    def change(ground: Ground) -> None:
        tenant, own = ground.tenant, ground.application
        own.app_roles[EXCHANGE] = ["Exchange.ManageAsApp", *roles]
        object_id = own.id if more.get("wrong") else own.service_principal_id
        assert object_id is not None
        one = PrincipalReference(tenant.new_id(), own.app_id, object_id, own.display_name, tenant.clock.now())
        tenant.exchange.principals[one.guid] = one
        for name in mailboxes:
            grant = MailboxGrant(one.guid, ["FullAccess"], tenant.clock.now())
            tenant.exchange.mailbox_grants[ground.user(name).id] = [grant]
        organization_switch(bool(more.get("closed")))(ground)

    return change


def kept_secret(ground: Ground) -> Path:
    """Where the file of the secret is."""
    return ground.world.ca_path.parent / "secret.yml"


def with_secret(ground: Ground) -> None:
    """The application may mail, and its secret is in a file."""
    may_mail("info")(ground)
    held = next(one for one in ground.application.credentials if one.secret)
    path = kept_secret(ground)
    path.touch(0o600)
    record = {
        "client_secret": ground.secret,
        "client_secret_key_id": held.key_id,
        "client_secret_application": ground.application.app_id,
        "client_secret_made": "2026-11-01T00:00:00Z",
        "client_secret_ends": "2027-11-01T00:00:00Z",
    }
    path.write_text(yaml.safe_dump(record))


def by_file(ground: Ground) -> dict[str, Any]:
    """The secret of the file signs in."""
    return {"mailbox": "info@contoso.example", "sink": {"file": {"path": str(kept_secret(ground))}}}


def by_wrong_file(ground: Ground) -> dict[str, Any]:
    """The secret of the file is that of another application."""
    return {**by_file(ground), "application": SENDER}


def sent(to: str, sender: str = "info@contoso.example") -> Look:
    """The last message went from one to the other."""

    def look(ground: Ground) -> None:
        message = ground.tenant.messages[-1]
        assert (message.sender, message.recipients) == (sender, [to])
        assert message.headers["Auto-Submitted"] == "auto-generated"

    return look


def mails(title: str, options: Any = None, **more: Any) -> Case:
    """A sign-in that succeeds."""
    wish = options if callable(options) else {"mailbox": "info@contoso.example", **(options or {})}
    return Case("mail_check", title, wish, **{"prepare": may_mail("info"), "changes": False, **more})


def posts(title: str, options: dict[str, Any], proof: Look, **more: Any) -> Case:
    """A message that is sent, with every run."""
    return mails(title, {"send_to": "it@contoso.example", **options}, proof=proof, changes=True, repeats=True, **more)


def rejected(title: str, *said: str, options: Any = None, **more: Any) -> Case:
    """A refusal by the service."""
    wish = options if callable(options) else {"mailbox": "info@contoso.example", **(options or {})}
    return Case("mail_check", title, wish, refused=said, **more)


IMAP = {"protocols": ["imap"]}
CHECKS = [
    mails("SMTP"),
    mails("IMAP", IMAP),
    mails("both, by an alias", {"mailbox": "kontakt@contoso.example", "protocols": ["smtp", "imap"]}),
    mails("with the secret of a file", by_file, prepare=with_secret),
    posts("a message", {}, sent("it@contoso.example")),
    posts("a message by another address of the mailbox", {"sender": "kontakt@contoso.example"},
          sent("it@contoso.example", "kontakt@contoso.example")),
    rejected("the token lacks the role", "535 5.7.3", "lacks the role SMTP.SendAsApp", "Exchange.ManageAsApp",
             prepare=may_mail("info", roles=())),
    rejected("the token lacks the role for IMAP", "NO AUTHENTICATE failed", "lacks the role IMAP.AccessAsApp",
             prepare=may_mail("info", roles=("SMTP.SendAsApp",)), options=IMAP),
    rejected("Exchange knows it by a wrong object id", "535 5.7.3", "has the role SMTP.SendAsApp",
             "1. Exchange knows the application by the object id", prepare=may_mail("info", wrong=True)),
    rejected("no such mailbox", "2. nirgends@contoso.example is an address of a mailbox", prepare=may_mail(),
             options={"mailbox": "nirgends@contoso.example"}),
    rejected("SMTP AUTH is off for the organization", "5.7.139", "disabled for the Tenant", "smtp_auth=enabled",
             prepare=may_mail("info", closed=True)),
    rejected("no FullAccess, seen by IMAP", "authenticated but not connected", "has no FullAccess",
             prepare=may_mail(), options=IMAP),
    rejected("the secret is another application's", "not of 3d7a91c4", prepare=with_secret, options=by_wrong_file),
]  # fmt: skip

CASES = [*SUBMISSION, *INFOS, *PRINCIPALS, *CHECKS]
