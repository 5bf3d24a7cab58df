# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a new or removed credential reaches the token endpoint: late, and not everywhere at once.

Switches, all in seconds of the tenant's clock: C(secret_propagation), up to which a new secret or certificate is not yet
known (seen with real tenants: 4 to 18 seconds, no promise; microsoft-graph-docs-contrib issue 1921);
C(secret_removal_delay), up to which a removed one still works (not documented at all); C(token_replicas) (default 3), how
many replicas there are, each of which learns at its own random moment. A sign-in meets one of them by chance.
C(application_propagation): up to which a new application is not known at all (also a guess).
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from .state import Application, Credential, Tenant


def announce(tenant: Tenant, credential: Credential) -> None:
    """A credential was made now: say when each replica of the token endpoint will know it."""
    credential.learned_at = _moments(tenant, "secret_propagation")


def withdraw(tenant: Tenant, application: Application, credential: Credential) -> None:
    """Take a credential from its application; the replicas that have not heard of it go on accepting it."""
    application.credentials.remove(credential)
    credential.forgotten_at = _moments(tenant, "secret_removal_delay")
    if credential.forgotten_at:
        application.removed_credentials.append(credential)


def pick_replica(tenant: Tenant) -> float:
    """The replica that answers a sign-in, as its place among all of them (0 to 1)."""
    return _dice(tenant).random()


def has_arrived(tenant: Tenant, application: Application) -> bool:
    """Whether the replica that answers this sign-in knows the application yet."""
    delay = float(tenant.switches.get("application_propagation") or 0)
    if not delay or application.created_at is None:
        return True
    return application.created_at + timedelta(seconds=delay * pick_replica(tenant)) <= tenant.clock.now()


def known(tenant: Tenant, application: Application, replica: float) -> list[Credential]:
    """The credentials that one replica knows, whether they are valid or not."""
    now = tenant.clock.now()
    present = [
        one
        for one in application.credentials
        if (one.usable_from is None or one.usable_from <= now) and _heard(one.learned_at, replica, now)
    ]
    removed = [one for one in application.removed_credentials if not _heard(one.forgotten_at, replica, now)]
    return present + [one for one in removed if _heard(one.learned_at, replica, now)]


def usable(tenant: Tenant, application: Application, credential: Credential) -> str:
    """Whether a credential would sign in now: C(everywhere), C(somewhere) (on some replicas) or C(nowhere)."""
    if application.service_principal_id is None or application.disabled or not is_valid(tenant, credential):
        return "nowhere"
    count = max(len(credential.learned_at), len(credential.forgotten_at), 1)
    places = [(number + 0.5) / count for number in range(count)]
    found = [any(one is credential for one in known(tenant, application, place)) for place in places]
    return "everywhere" if all(found) else "somewhere" if any(found) else "nowhere"


def is_valid(tenant: Tenant, credential: Credential) -> bool:
    """Whether a credential is inside its own dates."""
    now = tenant.clock.now()
    return credential.end > now and (credential.start is None or credential.start <= now)


def _heard(moments: list[datetime], replica: float, now: datetime) -> bool:
    return not moments or moments[int(replica * len(moments))] <= now


def _moments(tenant: Tenant, switch: str) -> list[datetime]:
    """One moment for each replica, at random up to the switch's seconds from now; none while the switch is off."""
    longest = float(tenant.switches.get(switch) or 0)
    if not longest:
        return []
    now, dice = tenant.clock.now(), _dice(tenant)
    count = int(tenant.switches.get("token_replicas") or 3)
    return [now + timedelta(seconds=dice.uniform(0, longest)) for _unused in range(count)]


def _dice(tenant: Tenant) -> random.Random:
    """A source of chance of its own, so that sign-ins do not change which ids the tenant gives out."""
    dice: random.Random = tenant.scratch.setdefault("token_dice", random.Random(tenant.seed))
    return dice
