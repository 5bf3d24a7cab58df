# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of write to the directory whose answer is lost, before it was carried out and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from contract_cases_hybrid import HELD
from contract_ground import ONE, TWO, Ground
from contract_runners import in_controller
from ldap_gate import LdapGate, ldap_gate

from ansible_collections.m365.hybrid.plugins.module_utils.core import waiting

PASSWORD = "Anfangs-Geheimnis-1!"


@dataclass(frozen=True)
class Write:
    """A change of the account C(anna), or its creation, as it is asked for, and the kinds of its writes."""

    module: str
    wish: Mapping[str, Any]
    kinds: tuple[str, ...]
    new: bool = False

    def run(self, ground: Ground, gate: LdapGate, **more: Any) -> dict[str, Any]:
        """Ask for it through the gate."""
        directory = ground.directory(directory_server=f"{ground.samba.address}:{gate.port}")
        options = {**directory, **(ground.cloud() if self.module == "ad_proxyaddress" else {}), "wait_timeout": 5}
        return in_controller(self.module, {**options, **self.wish, **more})


WRITES = {
    "add": Write("ad_user", {"user": "anna@contoso.example", "ou": ONE, "password": PASSWORD}, ("add",), new=True),
    "modify": Write("ad_user", {"user": "anna", "display_name": "Anna", "attributes": {"pager": "1"}}, ("modify",)),
    "password": Write("ad_user", {"user": "anna", "password": PASSWORD, "enabled": True}, ("modify",)),
    "move": Write("ad_user", {"user": "anna", "ou": TWO, "name": "Anna S"}, ("move",)),
    "move and modify": Write("ad_user", {"user": "anna", "ou": TWO, "display_name": "Anna"}, ("move", "modify")),
    "delete": Write("ad_user", {"user": "anna", "state": "absent"}, ("delete",)),
    "addresses": Write("ad_proxyaddress", {"user": "anna", "primary": "neu@contoso.example"}, ("modify",)),
}
EVERY = [(name, number) for name, write in WRITES.items() for number in range(1, len(write.kinds) + 1)]


@pytest.fixture
def gate(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[LdapGate]:
    """The door in front of the directory; waits of our own choice are short."""
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.02)
    with ldap_gate(ground.samba.address, ground.world.authority) as opened:
        yield opened


def prepared(ground: Ground, name: str) -> Write:
    """The write, with the account there if it is about one."""
    if not WRITES[name].new:
        ground.add_account("anna", {"proxyAddresses": HELD})
    return WRITES[name]


@pytest.mark.parametrize(("name", "number"), EVERY)
def test_a_write_whose_answer_is_lost_is_found_done_and_not_sent_again(
    ground: Ground, gate: LdapGate, name: str, number: int
) -> None:
    write = prepared(ground, name)
    gate.faults[number] = "cut_after"
    result = write.run(ground, gate)
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is True
    assert tuple(gate.writes) == write.kinds
    assert write.run(ground, gate)["changed"] is False
    assert tuple(gate.writes) == write.kinds


@pytest.mark.parametrize("name", WRITES)
def test_a_write_of_unknown_fate_is_not_sent_again_and_the_next_run_does_it(
    ground: Ground, gate: LdapGate, name: str
) -> None:
    write = prepared(ground, name)
    gate.faults[1] = "cut_before"
    result = write.run(ground, gate, wait_timeout=0.2)
    assert result["failed"] is True
    assert "It is not known whether the change happened; nothing of it was seen within 0.2 s." in result["msg"]
    assert tuple(gate.writes) == write.kinds[:1]
    assert write.run(ground, gate)["changed"] is True
    assert write.run(ground, gate)["changed"] is False
    assert tuple(gate.writes) == (write.kinds[0], *write.kinds)


def test_the_second_of_two_writes_may_be_lost_too(ground: Ground, gate: LdapGate) -> None:
    # The first one shows, so the life cycle goes on with what is missing; replacing a value twice does no harm.
    write = prepared(ground, "move and modify")
    gate.faults[2] = "cut_before"
    assert write.run(ground, gate)["changed"] is True
    assert gate.writes == ["move", "modify", "modify"]
    assert write.run(ground, gate)["changed"] is False
