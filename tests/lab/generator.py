# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tenants and directories of any size, for benchmarks and for tests of paging: many made-up people with mailboxes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from .directory import REALM, Samba, SeedEntry
from .scenario import DISABLED_ACCOUNT, Scenario, build_tenant, escape_rdn, load, unit_dn
from .state import Group, License, Mailbox, Tenant, User
from .stores import MailboxGrant, SendAsGrant

CONTOSO = Path(__file__).resolve().parent / "scenarios" / "contoso.yml"
BENCHMARK_UNIT = "Benchmark"
DOMAIN = "contoso.example"

_GIVEN_NAMES = (
    "Anna Ayşe Bärbel Björn Carla Çağla Dirk Dörte Elif Emil Erik Eva Felix Frauke Gerd Greta Hanna Heiko Ines "
    "Ingo Jana Jörg Jule Jürgen Kai Katrin Lars Lena Mehmet Meike Nele Nils Olaf Paul Petra Ralf René Rita Sabine "
    "Sören Tanja Timo Ulla Uwe Vera Volker Wiebke Yusuf Zoë Álvaro Agnieszka Dragan François Giulia Håkon Ivana "
    "Łukasz Marek Núria Sofía "
)
GIVEN_NAMES = tuple(_GIVEN_NAMES.split())
_SURNAMES = (
    "Ackermann Arslan Bäcker Becker Böhm Braun Çelik Dörfler Engel Faßbender Fischer Fröhlich Gärtner Groß "
    "Günther Hahn Hofmann Hübner Jäger Jansen Kaiser Keller Köhler König Krüger Kühn Lange Lorenz Löwe Maurer "
    "Möller Müller Nowak Öztürk Pohl Preuß Richter Roth Sauer Schäfer Schmidt Schröder Schüßler Schwarz Seidel "
    "Strauß Süß Thomas Ullrich Vogel Voß Wagner Weiß Werner Wójcik Wolf Yılmaz Zander Zöllner García Ibañez "
    "Jørgensen Lefèvre Nagy Petrović Rossi "
)
SURNAMES = tuple(_SURNAMES.split())
DEPARTMENTS = ("Einkauf", "Vertrieb", "Konstruktion", "Fertigung", "Qualität", "Buchhaltung", "Personal", "IT")
TOPICS = ("Auftrag", "Bestellung", "Bewerbung", "Reklamation", "Rechnung", "Störung", "Termin", "Versand", "Werkzeug")
ROOMS = ("Besprechung", "Schulungsraum", "Prüfstand", "Konferenzraum")
# Of a hundred mailboxes: so many shared ones, rooms and devices; the rest belong to people.
SHARED, ROOM, EQUIPMENT = 15, 3, 2
# The share of people's mailboxes with a deputy, and of the others with an entry of somebody who is gone.
DEPUTY, GONE = 0.1, 0.02

_PLAIN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "ı": "i", "ł": "l"}
    | dict(zip("áàâçćčéèêëğíïñńóòôşšúžńś", "aaaccceeeegiinnooossuzns", strict=True))
)


@dataclass(frozen=True)
class Made:
    """One made-up mailbox: C(kind) is a RecipientTypeDetails, C(local) the local part of its address."""

    kind: str
    display_name: str
    local: str
    given_name: str | None = None
    surname: str | None = None
    department: str | None = None


def plain(text: str) -> str:
    """A name as it appears in an address: lower case, without umlauts, accents and blanks."""
    return text.lower().translate(_PLAIN).replace(" ", "-")


def mailboxes(count: int, seed: int = 0, taken: Iterable[str] = ()) -> Iterator[Made]:
    """C(count) made-up mailboxes with different addresses, none of C(taken); the same for the same seed."""
    chance = random.Random(seed)
    taken = set(taken)
    for number in range(count):
        share = number % 100
        if share < SHARED:
            yield _thing("SharedMailbox", chance.choice(TOPICS), chance.choice(DEPARTMENTS), taken)
        elif share < SHARED + ROOM:
            yield _thing("RoomMailbox", chance.choice(ROOMS), f"Halle {chance.randrange(1, 40)}", taken)
        elif share < SHARED + ROOM + EQUIPMENT:
            yield _thing("EquipmentMailbox", "Dienstwagen", f"GR-CM {chance.randrange(100, 1000)}", taken)
        else:
            yield _person(chance, taken)


def _person(chance: random.Random, taken: set[str]) -> Made:
    given, surname = chance.choice(GIVEN_NAMES), chance.choice(SURNAMES)
    local = _free(f"{plain(given)}.{plain(surname)}", taken)
    return Made("UserMailbox", f"{given} {surname}", local, given, surname, chance.choice(DEPARTMENTS))


def _thing(kind: str, what: str, where: str, taken: set[str]) -> Made:
    return Made(kind, f"{what} {where}", _free(f"{plain(what)}-{plain(where)}", taken))


def _free(local: str, taken: set[str]) -> str:
    """The local part, or with the first number that makes it new; remembered as taken."""
    candidates = itertools.chain([local], (f"{local}{number}" for number in itertools.count(2)))
    found = next(candidate for candidate in candidates if candidate not in taken)
    taken.add(found)
    return found


def generate(
    count: int,
    seed: int = 0,
    scenario: Scenario | None = None,
    certificates: Mapping[str, bytes] | None = None,
) -> Tenant:
    """A tenant with C(count) cloud mailboxes beside those of the scenario (default: the demonstration's).

    People have a license with an Exchange plan, the others none; the subscriptions are enlarged to fit. Ids, names and
    addresses depend on the seed alone.
    """
    tenant = build_tenant(scenario or load(CONTOSO), certificates)
    tenant.random.seed(f"generator {seed}")
    chance = random.Random(f"sizes {seed}")
    skus = [sku for sku in tenant.skus.values() if sku.part_number in ("EXCHANGESTANDARD", "ENTERPRISEPACK")]
    for made in mailboxes(count, seed, _locals(tenant)):
        user = _user(tenant, made, chance)
        if made.kind == "UserMailbox":
            user.usage_location = "DE"
            user.licenses = [License(chance.choice(skus).sku_id, assigned_at=user.created_at)]
        tenant.users[user.id] = user
    for sku in skus:
        sku.enabled += sum(
            one_license.sku_id == sku.sku_id for user in tenant.users.values() for one_license in user.licenses
        )
    return tenant


def permit(tenant: Tenant, seed: int = 0, *, trustees: int = 200) -> None:
    """Give out permissions as they grow in a company: most mailboxes that are nobody's own are open to a few people.

    Every tenth mailbox of a person has a deputy who sends on behalf. A few trustees are mail-enabled security groups, and
    some entries belong to somebody who is gone. C(trustees) is how many people hold permissions at all.
    """
    chance = random.Random(f"permissions {seed}")
    now = tenant.clock.now()
    held = [user for user in tenant.users.values() if user.mailbox is not None]
    people = [user.id for user in held if user.mailbox and user.mailbox.type_details == "UserMailbox"][:trustees]
    keys = [*people, *_groups(tenant, chance, people)]
    for user in held:
        assert user.mailbox is not None, "only mailboxes were taken"
        if user.mailbox.type_details == "UserMailbox":
            if chance.random() < DEPUTY and user.id not in people:
                user.mailbox.extra["GrantSendOnBehalfTo"] = [chance.choice(people)]
            continue
        chosen = chance.sample(keys, min(len(keys), chance.randrange(1, 4)))
        if chance.random() < GONE:
            chosen[0] = tenant.new_id()
        grants = [MailboxGrant(key, ["FullAccess"], now, auto_mapping=False) for key in chosen]
        tenant.exchange.mailbox_grants[user.id] = grants
        tenant.exchange.send_as[user.id] = [SendAsGrant(key, now) for key in chosen[:2]]


def _groups(tenant: Tenant, chance: random.Random, people: list[str]) -> list[str]:
    """A mail-enabled security group for each department, with members; gives their ids."""
    made = []
    for department in DEPARTMENTS:
        address = f"rechte-{plain(department)}@{DOMAIN}"
        members = chance.sample(people, min(len(people), 5))
        group = Group(tenant.new_id(), f"Rechte {department}", members, mail=address, security_enabled=True)
        group.proxy_addresses = [f"SMTP:{address}"]
        tenant.groups[group.id] = group
        made.append(group.id)
    return made


def _locals(tenant: Tenant) -> set[str]:
    """The local parts of all addresses and names that the tenant has already."""
    found = {user.user_principal_name for user in tenant.users.values()}
    found |= {address.partition(":")[2] for user in tenant.users.values() for address in user.proxy_addresses}
    return {address.partition("@")[0].lower() for address in found}


def _user(tenant: Tenant, made: Made, chance: random.Random) -> User:
    created = tenant.clock.now() - timedelta(days=chance.randrange(30, 2000), seconds=chance.randrange(86_400))
    address = f"{made.local}@{DOMAIN}"
    addresses = [f"SMTP:{address}", f"smtp:{made.local}@{tenant.initial_domain}"]
    if made.given_name:
        addresses.insert(1, f"smtp:{made.local.replace('.', '_')}@{DOMAIN}")
    return User(
        id=tenant.new_id(),
        user_principal_name=address,
        display_name=made.display_name,
        created_at=created,
        given_name=made.given_name,
        surname=made.surname,
        mail=address,
        mail_nickname=made.local,
        proxy_addresses=addresses,
        account_enabled=made.kind == "UserMailbox",
        department=made.department,
        mailbox=Mailbox(tenant.new_id(), made.kind, created, size_bytes=chance.randrange(10**7, 5 * 10**10)),
    )


def seed_directory_bulk(samba: Samba, count: int, seed: int = 0, *, batch: int = 500) -> list[str]:
    """Put C(count) disabled accounts without passwords into a unit of their own, offline; gives their DNs.

    Each has a UPN, C(mail) and two addresses, like the mailboxes of C(generate) with the same seed. A password would
    cost 33 ms for each account, and a transaction over all of them grows slower with their number. Takes about 6 s for
    each thousand.

    Raises DirectoryError: Samba refused an object; the unit exists already, for one.
    """
    unit = unit_dn(BENCHMARK_UNIT)
    entries = [SeedEntry(unit, {"objectClass": ["organizationalUnit"]})]
    for number, made in enumerate(mailboxes(count, seed)):
        address = f"{made.local}@{DOMAIN}"
        entries.append(
            SeedEntry(
                f"CN={escape_rdn(made.local)},{unit}",
                {
                    "objectClass": ["top", "person", "organizationalPerson", "user"],
                    "sAMAccountName": [f"bulk{number:06d}"],
                    "userPrincipalName": [f"bulk{number:06d}@{REALM}"],
                    "userAccountControl": [DISABLED_ACCOUNT],
                    "displayName": [made.display_name],
                    "mail": [address],
                    "proxyAddresses": [f"SMTP:{address}", f"smtp:{made.local.replace('.', '_')}-2@{DOMAIN}"],
                },
            )
        )
    samba.seed(entries, batch=batch)
    return [entry.dn for entry in entries[1:]]
