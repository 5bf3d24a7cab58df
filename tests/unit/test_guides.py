# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of the guides name variables of roles and options of modules that there are."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.m365.hybrid.plugins.module_utils.core.arguments import argument_spec
from ansible_collections.m365.hybrid.plugins.module_utils.core.entry import definition_of

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
# The module of the guide to writing one is there once its reader has written it.
OWN = ROOT / "docs/writing-a-module.md"
GUIDES = sorted({ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")} - {OWN})
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
# What the playbooks read beside the variables of their roles.
OF_PLAYBOOKS = {f"{role}_tenants" for role in ROLES}


def variables(role: str) -> set[str]:
    """The variables of a role."""
    specs = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())
    return set(specs["argument_specs"]["main"]["options"])


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a YAML value."""
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(member)


def examples(guide: Path) -> Iterator[dict[str, Any]]:
    """Every mapping in the YAML blocks of a guide."""
    for block in BLOCK.findall(guide.read_text()):
        yield from mappings(yaml.safe_load(block))


def unknown_options(module: str, given: dict[str, Any]) -> set[str]:
    """The options of a task, and of its entries, that the module does not have."""
    spec = argument_spec(
        definition_of(importlib.import_module(f"ansible_collections.m365.hybrid.plugins.modules.{module}"))
    )["argument_spec"]
    entries = given.get("aggregate")
    inner = set().union(*(set(entry) for entry in entries)) if isinstance(entries, list) else set()
    return (set(given) - set(spec)) | (inner - set(spec["aggregate"]["options"]))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_guide_name_what_there_is(guide: Path) -> None:
    known = {role: variables(role) for role in ROLES}
    for mapping in examples(guide):
        for name, value in mapping.items():
            role = next((role for role in ROLES if str(name).startswith(f"{role}_")), None)
            assert role is None or name in known[role] | OF_PLAYBOOKS, name
            module = str(name).removeprefix("m365.hybrid.")
            if module != name and isinstance(value, dict):
                assert unknown_options(module, value) == set(), name


def test_examples_are_found() -> None:
    found = [name for guide in GUIDES for mapping in examples(guide) for name in mapping]
    assert "smime_trust_certificates" in found
    assert "m365.hybrid.smime_certificate_check" in found
    assert unknown_options("smime_trust_info", {"days": 3, "day": 3, "aggregate": [{"dayz": 1}]}) == {"day", "dayz"}
