# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client secrets of an application as a table: which of them sign in, and which one a file of variables holds.

Nothing here knows the collection. Every secret that was ever seen in the file is tried at the token endpoint.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .credentials import write_private
from .table import NOTHING, box, short

HEADINGS = ("Secret", "Made", "Ends", "In the file", "Signs in")
MAIL_HEADINGS = ("Sent", "From", "To", "Signed in with")


def seen(path: Path, memory: Path) -> dict[str, str]:
    """Every secret by key id that the file has held at a call of this function; the last one is there now.

    path: a YAML mapping with C(client_secret) and C(client_secret_key_id). memory: a file of our own.
    """
    known: dict[str, str] = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}
    held = yaml.safe_load(path.read_text(encoding="utf-8"))
    known.pop(held["client_secret_key_id"], None)
    known[held["client_secret_key_id"]] = held["client_secret"]
    write_private(memory, json.dumps(known))
    return known


def signs_in(facts: Mapping[str, Any], client_id: str, secret: str) -> bool:
    """Whether the token endpoint gives an application a token for a secret. Raises OSError when it does not answer."""
    context = ssl.create_default_context(cafile=facts["ca_path"])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
        "scope": "https://graph.microsoft.com/.default",
    }
    url = f"{facts['urls']['base']}/{facts['tenant']['id']}/oauth2/v2.0/token"
    try:
        with opener.open(url, urllib.parse.urlencode(form).encode(), timeout=30) as answer:
            return "access_token" in json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 401:
            return False
        raise


def table(
    application: Mapping[str, Any], known: Mapping[str, str], works: Mapping[str, bool], *, ascii_only: bool = False
) -> str:
    """One row for each secret, the oldest first; one that Entra ID no longer lists is shown as removed.

    application: as C(/_lab/state?part=applications) shows it. works: by key id.
    """
    listed = {one["key_id"]: one for one in application["credentials"] if one["certificate"] is None}
    now = list(known)[-1]
    rows = []
    for key_id in [*(one for one in known if one not in listed), *listed]:
        one = listed.get(key_id)
        dates = [str(one["start"])[:10], str(one["end"])[:10]] if one else ["removed", NOTHING]
        answer = "unknown" if key_id not in works else "yes" if works[key_id] else "no"
        rows.append([short(key_id), *dates, "yes" if key_id == now else "no", answer])
    return box(HEADINGS, rows, ascii_only=ascii_only)


def messages(sent: list[Mapping[str, Any]], client_id: str, *, ascii_only: bool = False) -> str:
    """The messages that an application has submitted."""
    rows = [
        [str(one["time"])[:10], one["sender"], ", ".join(one["recipients"]), short(one["key_id"])]
        for one in sent
        if one["app_id"] == client_id
    ]
    return box(MAIL_HEADINGS, rows, ascii_only=ascii_only)
