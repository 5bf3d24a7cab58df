# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contract that every module keeps: a plan writes nothing and says what the change will be; the change does it;
a second run changes nothing; so it goes with absence too. Alone and among many, in a process of its own and inside the
controller, and the results of both ways are equal to the letter.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from typing import Any

import contract_cases_access
import contract_cases_applications
import contract_cases_cloud
import contract_cases_directory
import contract_cases_hybrid
import contract_cases_identities
import contract_cases_mail
import contract_cases_permissions
import contract_cases_secrets
import contract_cases_settings
import contract_cases_smime
import pytest
from contract_cases import FAILING, Case, connection_options
from contract_ground import Ground
from contract_runners import MODULES, ModuleHost, Run, forget, in_controller

from ansible_collections.m365.hybrid.plugins.module_utils.clients import conditional_access

CASES = [
    *contract_cases_access.CASES,
    *contract_cases_applications.CASES,
    *contract_cases_secrets.CASES,
    *contract_cases_cloud.CASES,
    *contract_cases_directory.CASES,
    *contract_cases_hybrid.CASES,
    *contract_cases_identities.CASES,
    *contract_cases_mail.CASES,
    *contract_cases_permissions.CASES,
    *contract_cases_settings.CASES,
    *contract_cases_smime.CASES,
]
# What differs from one life of an object to the next: times, the directory's ids, the service's request ids, and the
# server, time and session that a reply of SMTP ends with.
_SESSION = re.compile(r"\[\S+ \S+Z [0-9A-F]{16}\]")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z| UTC)?")
_UNSTEADY = ("request_id", "guid", "immutable_id", "days_left")
# The part of a secret's name that is new with every run.
_RUN = re.compile(r"(\[m365\.hybrid [0-9a-f]{8}-)[0-9a-f]{8}\]")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Life:
    """One object's life under one case, by one way to run the module; every step is checked.

    The steps that both ways go through are kept for comparison. Processes are dear, so the ordinary module goes through
    the fewer of them: the change, and alone also the second run.
    """

    def __init__(self, case: Case, ground: Ground, run: Run, many: bool) -> None:
        self.case, self.ground, self.run, self.many = case, ground, run, many
        self.inside = run is in_controller
        case.prepare(ground)
        if case.module in ("ad_user_info", "directory_sync") and many:
            ground.add_twins("paar@contoso.example")
        if case.module == "entra_user_info":
            ground.fault("status", status=403, match={"path": "/gesperrt"}, times=None)
        self.connection = connection_options(ground, importlib.import_module(f"{MODULES}.{case.module}"))
        self.wish = case.wish(ground)
        self.steps: list[dict[str, Any]] = []
        self.state = self._state()

    def _state(self) -> tuple[Any, Any, Any]:
        """Everything that the module's services can change, as the administrator sees it, and what secrets were kept."""
        cloud = self.ground.cloud_state() if "tenant_id" in self.connection else None
        directory = self.ground.directory_state() if "directory_server" in self.connection else None
        return cloud, directory, self.ground.sinks_state()

    def live(self) -> list[dict[str, Any]]:
        """Go through all steps; gives their results without what changes from life to life."""
        if self.case.refused:
            self._refused()
        else:
            self._wanted(self.wish, self.case.changes)
            self.case.proof(self.ground)
            if self.case.removed:
                self._wanted({**_named(self.case, self.wish), "state": "absent"}, True)
        return [steady(step) for step in self.steps]

    def _step(self, wish: Mapping[str, Any], *, check_mode: bool, writes: bool, kept: bool = True) -> dict[str, Any]:
        """Run once, and hold what was written against what may have been; gives the result of the object itself."""
        before = self.state
        self.ground.world.journal.clear()
        entries = {"aggregate": [*self._strangers(), wish]} if self.many else wish
        result = self.run(self.case.module, {**self.connection, **entries}, check_mode)
        after = self.state = self._state()
        if not writes:
            assert self.ground.writes() == []
            assert differences(before, after) == []
        else:
            assert differences(before, after), result.get("msg", result)
        assert set(result["invocation"]) == {"module_args"}
        said = result.get("warnings", [])
        assert not (check_mode and kept) or all(words in str(said) for words in self.case.warned)
        for warning in said:
            assert any(words in warning for words in self.case.warned), warning
        if kept:
            self.steps.append(result)
        return self._own(result) if self.many else result

    def _strangers(self) -> list[dict[str, Any]]:
        """An entry that fails, beside that of the object; none where a tenant has one object of the kind."""
        return [FAILING[self.case.module][0]] if self._names() else []

    def _own(self, result: dict[str, Any]) -> dict[str, Any]:
        """The entry of the object beside one that fails, which stops nothing and comes first as it was named first."""
        *strangers, own = result["results"]
        for stranger in strangers:
            names, said = FAILING[self.case.module]
            assert stranger["failed"] is True
            assert stranger["changed"] is False
            assert said in stranger["msg"]
            assert {name: names[name] for name in self._names()} == {name: stranger[name] for name in self._names()}
        failed = len(strangers) + bool(own.get("failed"))
        assert result.get("failed", False) is bool(failed)
        assert result.get("msg", "0").startswith(f"{failed} of {len(strangers) + 1} failed." if failed else "0")
        assert result["changed"] is own["changed"]
        assert result["resource"] == [one.get("resource") for one in (*strangers, own)]
        shown = {"diff": result["diff"][0]} if result["diff"] else {}
        assert len(result["diff"]) == int(own["changed"])
        return {**own, **shown}

    def _names(self) -> tuple[str, ...]:
        names: tuple[str, ...] = importlib.import_module(f"{MODULES}.{self.case.module}").RESOURCE.names
        return names

    def _given_names(self, wish: Mapping[str, Any]) -> list[str]:
        """The names that the wish gives; without one, some modules are about the whole organization."""
        return [name for name in self._names() if name in wish]

    def _refused(self) -> None:
        plan = self._step(self.wish, check_mode=True, writes=False)
        done = self._step(self.wish, check_mode=False, writes=False)
        assert steady(without(plan, "error", "invocation")) == steady(without(done, "error", "invocation"))
        assert plan["failed"] is True
        assert plan["changed"] is False
        assert set(plan["error"]) == {"status", "code", "request_id"}
        for name in self._given_names(self.wish):
            assert f"{name}={self.wish[name]}" in plan["msg"]
        for words in self.case.refused:
            assert words in plan["msg"], plan["msg"]

    def _wanted(self, wish: Mapping[str, Any], changes: bool) -> None:
        plan = self._step(wish, check_mode=True, writes=False)
        done = self._step(wish, check_mode=False, writes=changes)
        again = []
        if self.inside or not self.many:
            again.append(self._step(wish, check_mode=False, writes=self.case.repeats, kept=not self.many))
        if self.inside:
            again.append(self._step(wish, check_mode=True, writes=False, kept=False))
        for step, changed in ((plan, changes), (done, changes), *((step, self.case.repeats) for step in again)):
            assert not step.get("failed"), step["msg"]
            assert step["changed"] is changed, step
            given = self._given_names(wish)
            assert {name: step[name] for name in given} == {name: wish[name] for name in given}
        assert plan.get("diff") == done.get("diff")
        assert _dayless(_foreseen(plan["resource"], self.case)) == _dayless(_foreseen(done["resource"], self.case))
        for step in again:
            assert _dayless(step["resource"]) == _dayless(done["resource"])
            if "diff" in step and not self.many and not self.case.repeats:
                assert step["diff"]["before"] == step["diff"]["after"]
        if changes:
            assert done["diff"]["before"] != done["diff"]["after"]


def differences(before: Any, after: Any, where: str = "") -> list[str]:
    """The places where two states differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = {**before, **after}
        return [place for name in names for place in differences(before.get(name), after.get(name), f"{where}/{name}")]
    if isinstance(before, tuple) and isinstance(after, tuple):
        return [place for pair in zip(before, after, strict=True) for place in differences(*pair, where)]
    return [] if before == after else [f"{where}: {before!r} -> {after!r}"]


def _named(case: Case, wish: Mapping[str, Any]) -> dict[str, Any]:
    """What a wish says of its object beside the state that it is to have."""
    managed = importlib.import_module(f"{MODULES}.{case.module}").RESOURCE.managed
    return {name: value for name, value in wish.items() if name not in managed}


def _foreseen(resource: dict[str, Any] | None, case: Case) -> dict[str, Any] | None:
    return None if resource is None else {name: value for name, value in resource.items() if name not in case.decided}


def _dayless(value: Any) -> Any:
    """A result without the days that are left of something: one of them may end between two runs."""
    if isinstance(value, dict):
        return {name: _dayless(member) for name, member in value.items() if name != "days_left"}
    return [_dayless(member) for member in value] if isinstance(value, list) else value


def without(result: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A result without some of its keys."""
    return {name: value for name, value in result.items() if name not in names}


def steady(value: Any) -> Any:
    """A result without what differs from one life to the next."""
    if isinstance(value, dict):
        return {
            name: "..." if name in _UNSTEADY and member is not None else steady(member)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [steady(member) for member in value]
    if isinstance(value, str):
        return _TIME.sub("(time)", _SESSION.sub("[session]", _RUN.sub(r"\1run]", value)))
    return value


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here no replica lags, so what is not found need not be looked for again as long as in real life."""
    monkeypatch.setattr(conditional_access, "SETTLING", 0.5)


@pytest.mark.parametrize("many", [False, True], ids=["alone", "among many"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_contract(case: Case, many: bool, ground: Ground, host: ModuleHost) -> None:
    in_process = Life(case, ground, host, many).live()
    ground.begin()
    forget()
    inside = Life(case, ground, in_controller, many).live()
    assert _text(case, inside) == _text(case, in_process)


def _text(case: Case, steps: Any) -> str:
    text = json.dumps(steps, sort_keys=True, indent=1)
    return _GUID.sub("(id)", text) if case.new_ids else text
