# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the role secret_renewal without ansible-playbook, for the tests where many runs are needed.

test_renewal_driver.py proves that it sends the requests that the role sends.
"""

from __future__ import annotations

import subprocess
import time
from importlib import import_module
from typing import Any

from ansible_collections.m365.hybrid.plugins.module_utils.clients import retry
from ansible_collections.m365.hybrid.plugins.module_utils.core import waiting
from ansible_collections.m365.hybrid.plugins.module_utils.core.entry import run_in_controller

MODULES = "ansible_collections.m365.hybrid.plugins.modules"
SECRET, CHECK = (import_module(f"{MODULES}.{name}") for name in ("entra_app_secret", "mail_check"))
NOT_YET = ("AADSTS7000215", "AADSTS700016", "AADSTS700027", "AADSTS7000229")
Result = dict[str, Any]


def run_role(job: Result) -> list[str]:
    """Do for one entry what C(main.yml) and C(deliver.yml) do.

    job: C(cloud) (connection options), C(terms) (lifetime, renew_before, grace, wait_timeout), C(entry) (as in
    C(secret_renewal_secrets), with a command in the place of C(delivery_tasks)), and C(pause): seconds between two looks.
    Gives what went wrong or needs a person.
    """
    retry.FIRST_WAIT = retry.LONGEST_WAIT = waiting.FIRST_PAUSE = job["pause"]
    entry = dict(job["entry"])
    command, check = entry.pop("delivery_tasks", None), entry.pop("mail_check", None)
    confirmed = bool(command or check)
    wish = {**entry, "delivered": False} if confirmed else entry
    made = _secret(job, wish)
    if made.get("error"):
        return [made["msg"]]
    if confirmed and made["resource"]["key_id"] and not made["resource"]["delivered"]:
        if command:
            subprocess.run(command, check=True)
        if check:
            checked = _checked(job, {**check, "sink": entry["sink"]})
            if checked.get("failed"):
                return [checked["msg"]]
        noted = _secret(job, {**entry, "delivered": True})
        if noted.get("error"):
            return [noted["msg"]]
    state = _secret(job, wish, look=True)
    return [state["msg"]] if state.get("error") else state["resource"]["attention"]


def _checked(job: Result, wish: Result) -> Result:
    """The result of mail_check, asked again while Entra ID does not know the secret everywhere."""
    end = time.monotonic() + job["terms"]["wait_timeout"]
    while True:
        checked: Result = run_in_controller(CHECK, {**job["cloud"], **wish}, False)
        late = checked.get("failed") and (checked.get("error") or {}).get("code") in NOT_YET
        if not late or time.monotonic() > end:
            return checked
        time.sleep(job["pause"])


def _secret(job: Result, wish: Result, look: bool = False) -> Result:
    """The result of entra_app_secret for the one entry."""
    terms = {name: value for name, value in job["terms"].items() if not (look and name == "wait_timeout")}
    result = run_in_controller(SECRET, {**job["cloud"], **terms, "aggregate": [wish]}, look)
    if "results" not in result:
        return {"error": True, "msg": result["msg"]}
    found: Result = result["results"][0]
    return found
