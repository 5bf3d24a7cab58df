# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on Samba's databases while no server runs: provision a domain, or fill one.

Samba's Python modules belong to the distribution's own interpreter, so the lab runs this file with /usr/bin/python3
and never imports it. The order comes as one JSON object on standard input (nothing secret on the command line):

    {"task": "provision", "configuration": "/.../smb.conf", "private": "/.../private", "realm": "CORP.CONTOSO.EXAMPLE",
     "domain": "CORP", "host": "dc1", "address": "127.0.0.1", "password": "...", "schema": ["/.../file.ldif"]}
    {"task": "seed", "configuration": ..., "private": ..., "batch": 500,
     "entries": [{"dn": "...", "attributes": {"name": ["text", {"base64": "..."}]}, "password": "..."}],
     "delegations": [{"dn": "OU=...", "account": "svc-ansible", "aces": ["(OA;CI;CCDC;...;;{sid})"]}]}

Nothing is printed on success. On failure one line says what was refused, and the exit status is 1.
"""

from __future__ import annotations

import base64
import inspect
import json
import logging
import os
import pwd
import sys
from pathlib import Path
from typing import Any

import ldb
import samba.param
from samba.auth import system_session
from samba.dcerpc import security
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
from samba.ndr import ndr_pack, ndr_unpack
from samba.provision import provision
from samba.samdb import SamDB

# Without this control Samba refuses a descriptor that would change the owner as well.
ONLY_DACL = "sd_flags:1:4"


def load(order: dict[str, Any]) -> Any:
    """Samba's parameters from the given configuration file, with schema changes allowed."""
    parameters = samba.param.LoadParm()
    parameters.load(order["configuration"])
    parameters.set("dsdb:schema update allowed", "yes")
    return parameters


def database(order: dict[str, Any], parameters: Any) -> Any:
    """The domain's database, opened as the system account."""
    return SamDB(f"{order['private']}/sam.ldb", session_info=system_session(), lp=parameters)


def own_account() -> str:
    """A name for the files' owner; it only fills a table that a server for LDAP alone never reads."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "nobody"


def make_domain(order: dict[str, Any]) -> None:
    """Provision a fresh domain with one administrator, and extend its schema.

    System volume ACLs are skipped: no files are shared, and without them neither root nor extended attributes matter.
    """
    parameters = load(order)
    log = logging.getLogger("provision")
    log.setLevel(logging.ERROR)
    provision(
        log,
        system_session(),
        smbconf=order["configuration"],
        lp=parameters,
        realm=order["realm"],
        domain=order["domain"],
        hostname=order["host"],
        hostip=order["address"],
        adminpass=order["password"],
        serverrole="active directory domain controller",
        dns_backend="NONE",
        dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2,
        base_schema="2012_R2",
        root=own_account(),
        nobody="nobody",
        skip_sysvolacl=True,
        **_without_preparation(),
    )
    directory = database(order, parameters)
    for path in order["schema"]:
        extend_schema(directory, path)
    finish_domain(directory, order["host"], order["realm"].lower())


def _without_preparation() -> dict[str, Any]:
    """Samba from 4.19 on prepares the schema for a newer Windows, which the one of 2012 R2 cannot take."""
    return {"adprep_level": None} if "adprep_level" in inspect.signature(provision).parameters else {}


def extend_schema(directory: Any, path: str) -> None:
    """Apply an LDIF file to the schema; an entry without a dn makes the server read the schema again."""
    text = Path(path).read_text(encoding="utf-8").replace("${DOMAIN}", str(directory.get_default_basedn()))
    directory.transaction_start()
    for kind, message in directory.parse_ldif(text):
        if str(message.dn) == "":
            directory.transaction_commit()
            directory.set_schema_update_now()
            directory.transaction_start()
        elif kind == ldb.CHANGETYPE_MODIFY:
            directory.modify(message)
        else:
            directory.add(message)
    directory.transaction_commit()


def finish_domain(directory: Any, host: str, realm: str) -> None:
    """Service names for Kerberos, as a full domain controller would register them; and no ageing, no DNS account.

    A template is used for months, and its administrator's password would end after the default of 42 days. The account
    that provisioning makes for a DNS server exists in no Windows domain, and the sync engine would take it for a user.
    """
    base = directory.get_default_basedn()
    directory.modify_ldif(
        f"dn: CN={host.upper()},OU=Domain Controllers,{base}\nchangetype: modify\nadd: servicePrincipalName\n"
        f"servicePrincipalName: ldap/{host}.{realm}\nservicePrincipalName: ldap/{host.upper()}\n"
    )
    directory.modify_ldif(f"dn: {base}\nchangetype: modify\nreplace: maxPwdAge\nmaxPwdAge: 0\n")
    directory.delete(f"CN=dns-{host},CN=Users,{base}")


def value_of(value: str | dict[str, str]) -> bytes:
    """An attribute value of the order as bytes: text, or C({"base64": ...}) for binary values."""
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])


def add_entry(directory: Any, entry: dict[str, Any]) -> None:
    """Add one object; its password, if it has one, in the same step."""
    message = ldb.Message(ldb.Dn(directory, entry["dn"]))
    attributes = {name: [value_of(value) for value in values] for name, values in entry["attributes"].items()}
    if entry.get("password"):
        attributes["unicodePwd"] = [f'"{entry["password"]}"'.encode("utf-16-le")]
    for name, values in attributes.items():
        message[name] = ldb.MessageElement(values, ldb.FLAG_MOD_ADD, name)
    try:
        directory.add(message)
    except ldb.LdbError as error:
        raise SystemExit(f"{entry['dn']}: {error.args[1]}") from error


def delegate(directory: Any, order: dict[str, Any]) -> None:
    """Append access control entries to an object; C({sid}) stands for the account's SID (SDDL: MS-DTYP 2.5.1)."""
    escaped = ldb.binary_encode(order["account"])
    found = directory.search(expression=f"(sAMAccountName={escaped})", attrs=["objectSid"])
    if len(found) != 1:
        raise SystemExit(f"{order['dn']}: cannot delegate to {order['account']}: no such account")
    sid = str(ndr_unpack(security.dom_sid, found[0]["objectSid"][0]))
    target = directory.search(order["dn"], ldb.SCOPE_BASE, attrs=["nTSecurityDescriptor"], controls=[ONLY_DACL])[0]
    descriptor = ndr_unpack(security.descriptor, target["nTSecurityDescriptor"][0])
    domain_sid = security.dom_sid(directory.get_domain_sid())
    text = "D:" + "".join(order["aces"]).replace("{sid}", sid)
    for ace in security.descriptor.from_sddl(text, domain_sid).dacl.aces:
        descriptor.dacl_add(ace)
    message = ldb.Message(target.dn)
    packed = ndr_pack(descriptor)
    message["nTSecurityDescriptor"] = ldb.MessageElement(packed, ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
    directory.modify(message, controls=[ONLY_DACL])


def fill_domain(order: dict[str, Any]) -> None:
    """Add the objects in the given order, in batches: one transaction over ten thousand objects takes minutes."""
    directory = database(order, load(order))
    entries, size = order["entries"], order.get("batch", 500)
    for start in range(0, len(entries), size):
        directory.transaction_start()
        try:
            for entry in entries[start : start + size]:
                add_entry(directory, entry)
        except BaseException:
            directory.transaction_cancel()
            raise
        directory.transaction_commit()
    for delegation in order.get("delegations", []):
        delegate(directory, delegation)


def main() -> None:
    """Read the order and carry it out."""
    order = json.load(sys.stdin)
    tasks = {"provision": make_domain, "seed": fill_domain}
    tasks[order["task"]](order)


if __name__ == "__main__":
    main()
