# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No module is forgotten: it has its rows in the contract, its way into the controller, its groups and its documentation."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from contract_cases import FAILING
from contract_ground import COLLECTION
from contract_runners import MODULES, collections_path, import_path, module_names
from test_contract import CASES

from ansible_collections.m365.hybrid.plugins.module_utils.core.arguments import argument_spec
from ansible_collections.m365.hybrid.plugins.module_utils.core.resource import Definition

NAMES = module_names()


def imported(name: str) -> ModuleType:
    """A module's file."""
    return importlib.import_module(f"{MODULES}.{name}")


def test_every_module_has_rows_and_every_row_a_module() -> None:
    assert {case.module for case in CASES} == set(NAMES)
    assert {name for name in NAMES if imported(name).RESOURCE.names} == set(FAILING)


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_of_a_module_show_all_that_it_can(name: str) -> None:
    resource, rows = imported(name).RESOURCE, [case for case in CASES if case.module == name]
    writes = hasattr(imported(name), "apply")
    assert any(not case.changes for case in rows)
    assert any(case.refused for case in rows) or not writes
    assert any(case.changes and not case.refused for case in rows) == writes
    assert any(case.removed for case in rows) == resource.removable


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_in_the_action_groups_of_its_services(name: str) -> None:
    groups = yaml.safe_load((COLLECTION / "meta" / "runtime.yml").read_text())["action_groups"]
    options = {option for client in imported(name).RESOURCE.clients.values() for option in client.OPTIONS}
    services = {
        group for group, option in (("cloud", "tenant_id"), ("directory", "directory_server")) if option in options
    }
    assert {group for group, members in groups.items() if name in members} == services


def test_no_action_group_names_what_is_no_module() -> None:
    groups = yaml.safe_load((COLLECTION / "meta" / "runtime.yml").read_text())["action_groups"]
    assert {name for members in groups.values() for name in members} == set(NAMES)


def test_every_module_has_its_way_into_the_controller() -> None:
    # In a process of its own, because the plugin takes over the token cache of its process when it is loaded.
    program = (
        "from ansible.plugins.loader import action_loader, init_plugin_loader; init_plugin_loader(); import sys; "
        "print([action_loader.get(f'm365.hybrid.{name}', class_only=True).__mro__[0].__module__ for name in sys.argv[1:]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *NAMES],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment(),
    )
    assert done.stdout.strip() == repr(
        ["ansible_collections.m365.hybrid.plugins.plugin_utils.in_controller"] * len(NAMES)
    )
    assert sorted(path.stem for path in (COLLECTION / "plugins" / "action").glob("*.py")) == NAMES


def environment() -> dict[str, str]:
    """Where Ansible's programs find the collection."""
    return {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections_path()), "PYTHONPATH": import_path()}


@pytest.fixture(scope="module")
def documentation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ansible-doc says of every module."""
    home = tmp_path_factory.mktemp("home")
    program = Path(sys.executable).with_name("ansible-doc")
    done = subprocess.run(
        [str(program), "--type", "module", "--json", *(f"m365.hybrid.{name}" for name in NAMES)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment() | {"ANSIBLE_HOME": str(home)},
    )
    assert "ERROR" not in done.stderr
    documented: dict[str, Any] = json.loads(done.stdout)
    return documented


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_documented_with_every_option(name: str, documentation: dict[str, Any]) -> None:
    page, module = documentation[f"m365.hybrid.{name}"], imported(name)
    spec = argument_spec(Definition(module.RESOURCE, apply=getattr(module, "apply", None)))["argument_spec"]
    compare(page["doc"]["options"], spec)
    assert page["examples"]
    assert {"resource", "results"} <= set(page["return"])
    assert page["doc"]["attributes"]["check_mode"]["support"] == "full"


def compare(written: dict[str, Any], spec: dict[str, Any], where: str = "") -> None:
    """Hold documented options, and those below them, against the argument spec."""
    assert set(written) == set(spec), where
    for option, rule in spec.items():
        for word in ("type", "choices", "default", "elements"):
            assert written[option].get(word) == rule.get(word), f"{where}{option}: {word}"
        compare(written[option].get("suboptions", {}), rule.get("options", {}), f"{where}{option}.")
