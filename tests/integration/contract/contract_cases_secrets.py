# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the module for client secrets: made, renewed, removed, and left alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import yaml
from contract_cases import Case, Options
from contract_cases_applications import WAREHOUSE, application, holds
from contract_ground import Ground
from contract_runners import forget, in_controller
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from lab.state import Credential, CredentialPolicy, CredentialRestriction
from lab.tokens import GRAPH

Look = Callable[[Ground], Any]
DAY = 86400
BY_HAND = "von Hand"
# What only the service can tell of a secret that is to be made.
MADE = frozenset({"key_id", "ends", "days_left", "delivered", "waiting_key_id", "next", "attention", "secrets"})


def place(ground: Ground, name: str = "lager.yml") -> dict[str, Any]:
    """A file for the secret."""
    return {"file": {"path": str(ground.sinks / name)}}


def wanted(ground: Ground, **options: Any) -> dict[str, Any]:
    """The options of a secret of the warehouse."""
    return {"application": "contoso-lager", "sink": place(ground), **options}


def kept(ground: Ground, name: str = "lager.yml") -> dict[str, Any]:
    """What the file holds."""
    path = ground.sinks / name
    found: dict[str, Any] = yaml.safe_load(path.read_text()) if path.exists() else {}
    return found


def ours(ground: Ground) -> list[Credential]:
    """The secrets of the warehouse that nobody made by hand."""
    return [one for one in application(ground).credentials if one.display_name != BY_HAND]


def by_hand(ground: Ground) -> list[Credential]:
    """The secret that somebody made."""
    return [one for one in application(ground).credentials if one.display_name == BY_HAND]


def ran(ground: Ground, days: float = 0, **options: Any) -> None:
    """Run the module once, so that the secret is there, and let days go by."""
    result = in_controller("entra_app_secret", {**ground.cloud(), **wanted(ground, **options)})
    assert not result.get("failed"), result["msg"]
    forget()
    # By the control, so that all that falls due meanwhile is done before the row begins.
    ground.control("POST", "clock", {"advance": days * DAY})
    ground.tenant.deleted_applications.clear()


def after(*stays: tuple[float, dict[str, Any]]) -> Look:
    """Several runs with days between them."""

    def change(ground: Ground) -> None:
        for days, options in stays:
            ran(ground, days, **options)

    return change


def in_use(count: int = 1, days: float = 180, foreign: int = 1) -> Look:
    """The secret in the file signs in and lives for so many days; there are so many of ours and of others."""

    def look(ground: Ground) -> None:
        record, mine = kept(ground), ours(ground)
        assert len(mine) == count
        assert len(by_hand(ground)) == foreign
        (held,) = [one for one in mine if one.key_id == record["client_secret_key_id"]]
        assert held.secret == record["client_secret"]
        assert held.start is not None
        assert abs(held.end - held.start - timedelta(days=days)) < timedelta(minutes=1)
        assert held.end == max(one.end for one in mine)
        assert record["client_secret_application"] == WAREHOUSE
        assert not [name for name in record if name.startswith("client_secret_next")]
        assert (ground.sinks / "lager.yml").stat().st_mode & 0o777 == 0o600

    return look


def certified(count: int = 1) -> Look:
    """The certificate in the file is one of so many that the application has, and the file has its key."""

    def look(ground: Ground) -> None:
        record, listed = kept(ground), [one for one in application(ground).credentials if one.certificate]
        assert len(listed) == count
        assert len(by_hand(ground)) == 1, "the client secret has nothing to do with it"
        (held,) = [one for one in listed if one.key_id == record["client_secret_key_id"]]
        pem = record["client_secret"].encode()
        own = x509.load_pem_x509_certificate(pem)
        assert held.certificate == own.public_bytes(serialization.Encoding.DER)
        key = serialization.load_pem_private_key(pem, None)
        assert key.public_key() == own.public_key()

    return look


def delivered(ground: Ground) -> None:
    """The secret in use has reached the application."""
    in_use()(ground)
    assert kept(ground)["client_secret_delivered"]


def policy(days: int | None = None, *, forbids: bool = False, own: bool = False) -> Look:
    """A policy of the tenant, or of this application only, limits or forbids secrets."""

    def change(ground: Ground) -> None:
        rules = [CredentialRestriction("passwordLifetime", f"P{days}D")] if days else []
        rules += [CredentialRestriction("passwordAddition", None)] if forbids else []
        made = CredentialPolicy(
            "0c1f6e52-94ab-4d37-8e20-b5d9f1a7c386", "Geheimnisse", "", enabled=True, passwords=rules
        )
        if own:
            ground.tenant.credential_policies[made.id] = made
            application(ground).credential_policies.append(made.id)
        else:
            ground.tenant.default_credential_policy = made

    return change


def no_policies(ground: Ground) -> None:
    """The application may not read policies."""
    ground.application.app_roles[GRAPH].remove("Policy.Read.All")


def foreign_file(ground: Ground) -> None:
    """Somebody else's file is where the secret should be."""
    (ground.sinks / "lager.yml").write_text("client_secret: von-jemand-anderem\n")


def other_variables(ground: Ground) -> None:
    """The file holds other variables as well."""
    (ground.sinks / "lager.yml").write_text("# Lager\nserver: lager.contoso.example\n")


def beside_others(ground: Ground) -> None:
    """The other variables and the comment are still there."""
    in_use()(ground)
    assert (ground.sinks / "lager.yml").read_text().startswith("# Lager\nserver: lager.contoso.example\n")


def secret(title: str, options: dict[str, Any] | Callable[[Ground], dict[str, Any]], proof: Look, **more: Any) -> Case:
    """A secret that is as asked for in the end."""

    def wish(ground: Ground) -> Options:
        return wanted(ground, **(options(ground) if callable(options) else options))

    more["decided"] = more.get("decided", MADE)
    return Case("entra_app_secret", title, wish, proof=proof, **more)


def withheld(title: str, options: dict[str, Any] | Callable[[Ground], dict[str, Any]], *said: str, **more: Any) -> Case:
    """A secret that is refused."""

    def wish(ground: Ground) -> Options:
        return wanted(ground, **(options(ground) if callable(options) else options))

    return Case("entra_app_secret", title, wish, refused=said, **more)


def own_secret(ground: Ground) -> dict[str, Any]:
    """The key id of the secret that this run signs in with."""
    held = next(one for one in ground.application.credentials if one.secret)
    return {"application": ground.application.app_id, "remove_key_ids": [held.key_id]}


def still_signs_in(ground: Ground) -> None:
    """The secret that this run signs in with is there, beside the new one."""
    secrets = [one for one in ground.application.credentials if one.secret]
    assert ground.secret in {one.secret for one in secrets}
    assert len(secrets) == 2


def gone_by_hand(ground: Ground) -> dict[str, Any]:
    """The key id of the secret that somebody made."""
    return {"remove_key_ids": [one.key_id for one in by_hand(ground)]}


def nothing_left(ground: Ground) -> None:
    """None of ours is left, in Entra ID nor in the file; that of others is."""
    assert ours(ground) == []
    assert len(by_hand(ground)) == 1
    assert not kept(ground)


def only_ours(ground: Ground) -> None:
    """The secret that somebody made is gone."""
    ran(ground, 1)
    own = application(ground)
    own.credentials = ours(ground)


def removed_by_somebody(ground: Ground) -> None:
    """Somebody has removed the secret in use, days ago."""
    ran(ground, 2)
    own = application(ground)
    own.credentials = [one for one in own.credentials if one.display_name == BY_HAND]


CERTIFICATE = {"kind": "certificate"}
ABSENT = {"state": "absent"}
SHORTER = ("A policy of the tenant limits such credentials to 60 days; lifetime is shortened to that.",)
SECRETS = [
    secret("a first one", {}, in_use(), removed=True),
    secret("a first one by the client id", {"application": WAREHOUSE.upper(), "lifetime": 90}, in_use(days=90)),
    secret("a certificate", CERTIFICATE, certified(), new_ids=True, removed=True),
    secret("a certificate that is there already", CERTIFICATE, certified(), prepare=after((0, CERTIFICATE)), changes=False,
           new_ids=True),
    secret("a certificate renewed", CERTIFICATE, certified(2), prepare=after((151, CERTIFICATE)), new_ids=True),
    secret("the old certificate goes after the grace", CERTIFICATE, certified(),
           prepare=after((151, CERTIFICATE), (8, CERTIFICATE)), new_ids=True),
    secret("beside other variables", {}, beside_others, prepare=other_variables),
    secret("is there already", {}, in_use(), prepare=after((0, {})), changes=False),
    secret("is there already, days later", {}, in_use(), prepare=after((149, {})), changes=False),
    secret("renewed in time", {}, in_use(2), prepare=after((151, {}))),
    secret("renewed after its end", {"lifetime": 90}, in_use(2, 90), prepare=after((100, {"lifetime": 90})),
           warned=("could not sign in since then",)),
    secret("the old one stays for the grace", {}, in_use(2), prepare=after((151, {}), (6, {})), changes=False),
    secret("the old one goes after the grace", {}, in_use(), prepare=after((151, {}), (8, {}))),
    secret("no grace at all", {"grace": 0}, in_use(), prepare=after((151, {}), (1, {}))),
    secret("not delivered, so the old one stays", {"delivered": False}, in_use(2),
           prepare=after((151, {"delivered": False}), (30, {"delivered": False})), changes=False),
    secret("delivered at last", {}, delivered, prepare=after((1, {"delivered": False}))),
    secret("another line of the same application", lambda ground: {"name": "zweite", "sink": place(ground, "zweite.yml")},
           holds(lambda ground: len(ours(ground)) == 2), prepare=after((0, {}))),
    secret("somebody has removed the one in use", {}, in_use(), prepare=removed_by_somebody,
           warned=("somebody has removed it",)),
    secret("a policy allows less", {}, in_use(days=60), prepare=policy(60), warned=SHORTER),
    secret("a policy of the application allows less", {}, in_use(days=60), prepare=policy(60, own=True), warned=SHORTER),
    secret("the policies may not be read", {}, in_use(), prepare=no_policies, warned=("could not be read",)),
    secret("a key id removed on request", gone_by_hand, in_use(foreign=0), prepare=after((1, {}))),
    secret("one made by hand goes when the new one is in use", gone_by_hand, in_use(foreign=0)),
    secret("a key id that is not there", {"remove_key_ids": ["0d9f3a51-6c28-4e7b-b1d4-8f50e2c6a937"]}, in_use(),
           prepare=after((1, {})), changes=False),
    secret("not the one that this run signs in with", own_secret, still_signs_in),
    secret("absent, with the old one in its grace", ABSENT, nothing_left, prepare=after((151, {}), (1, {}))),
    secret("absent already", ABSENT, nothing_left, changes=False),
    secret("absent with its application", {"application": "Kein Lager", **ABSENT}, nothing_left, changes=False),
    secret("absent, beside another line", ABSENT, holds(lambda ground: len(ours(ground)) == 1),
           prepare=lambda ground: (ran(ground), ran(ground, name="zweite", sink=place(ground, "zweite.yml")))),
    withheld("the sink of a certificate", ABSENT, "that is no client_secret", "Set the option kind",
             prepare=after((1, CERTIFICATE))),
    withheld("absent, but the last one", ABSENT, "it is the last one that the application can sign in with",
             "Make another one first", prepare=only_ours),
    withheld("a policy forbids them", {}, "allows this application no client secrets", prepare=policy(forbids=True)),
    withheld("due again at once", {"lifetime": 30}, "would be due again at once", "Make renew_before shorter"),
    withheld("due again at once by a policy", {}, "valid for 30 days would be due again at once", prepare=policy(30),
             warned=("limits such credentials to 30 days",)),
    withheld("somebody else's file", {}, "Not this collection wrote", "not overwritten", prepare=foreign_file),
    withheld("no such application", {"application": "Kein Lager"}, "There is no such application"),
    withheld("two of its name", {"application": "Doppelt"}, "2 applications are called Doppelt"),
    withheld("no such folder", lambda ground: {"sink": place(ground, "nirgends/lager.yml")}, "nirgends/lager.yml"),
]  # fmt: skip

CASES = SECRETS
