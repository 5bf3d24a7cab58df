# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two ways into a module: as an ordinary Ansible module, and inside the controller."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import ModuleType
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError

from .arguments import argument_spec, misshapen
from .execution import execute
from .resource import Definition, Resource
from .secrecy import secrets, shielded, shows

FUNCTIONS = ("read", "apply", "expand", "resolve", "preflight", "read_all")


class ManyObjectsModule(AnsibleModule):  # type: ignore[misc]  # ansible-core has no type hints
    """Ansible's module, which leaves C(aggregate) to us and knows every secret before it complains of anything.

    Ansible would not say which entry is wrong, and would show the secrets of all others in the failed result.
    """

    params: dict[str, Any]

    def _load_params(self) -> None:
        super()._load_params()
        self.params = shielded(self.argument_spec, self.params)
        self.no_log_values.update(secrets(self.argument_spec, self.params))
        self.aggregate = self.params.pop("aggregate", None)
        self.misshapen = misshapen(self.argument_spec, self.params)
        for name in self.misshapen:
            del self.params[name]


def run(resource: Resource, **functions: Any) -> None:
    """Run as an ordinary module: arguments from Ansible, result to standard output.

    Arguments:
        resource: the module's data.
        functions: the module's functions by their names, see L(Definition).
    """
    definition = Definition(resource, **functions)
    module = ManyObjectsModule(**argument_spec(definition))
    module.params["aggregate"] = module.aggregate
    if module.misshapen:
        module.fail_json(msg="; ".join(module.misshapen.values()))
    result = execute(definition, module.params, module.check_mode)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def definition_of(module: ModuleType) -> Definition:
    """The whole of an imported module file; its functions have the names that every module uses."""
    return Definition(module.RESOURCE, **{name: getattr(module, name, None) for name in FUNCTIONS})


def run_in_controller(module: ModuleType, args: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Run the same module inside this process and give the result that the ordinary way gives.

    Arguments:
        module: the imported module file.
        args: the task's templated arguments.
        check_mode: nothing may be written.
    """
    definition = definition_of(module)
    rules = argument_spec(definition)
    del rules["supports_check_mode"]
    spec = rules["argument_spec"]
    given = shielded(spec, _plain(args))
    hidden = secrets(spec, given)
    aggregate = given.pop("aggregate", None)
    wrong = misshapen(spec, given)
    for name in wrong:
        del given[name]
    outcome = ArgumentSpecValidator(**rules).validate(given)
    params = outcome.validated_parameters
    if outcome.error_messages:
        result: dict[str, Any] = {"failed": True, "msg": _complaint(module, outcome.errors)}
    elif wrong:
        params["aggregate"] = aggregate
        result = {"failed": True, "msg": "; ".join(wrong.values())}
    else:
        params["aggregate"] = aggregate
        result = execute(definition, params, check_mode)
    # The validator's list of secret values has no public name; AnsibleModule itself reads it this way.
    hidden |= outcome._no_log_values
    return _masked({**result, "invocation": {"module_args": params}}, hidden)


def _plain(value: Any) -> Any:
    """A value as the ordinary way would get it: without Ansible's own kinds of text (tagged, from a vault)."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _complaint(module: ModuleType, errors: Any) -> str:
    """The first error in the words of AnsibleModule, which names the module in full."""
    if not isinstance(errors[0], UnsupportedError):
        return str(errors.msg)
    parts = module.__name__.split(".")
    return f"Unsupported parameters for ({parts[1]}.{parts[2]}.{parts[-1]}) module: {errors.msg}"


def _masked(result: dict[str, Any], hidden: set[str]) -> dict[str, Any]:
    """The result without secrets; like AnsibleModule, with C(changed) and C(failed) as they are."""
    cleaned: dict[str, Any] = _cleaned(result, hidden)
    return cleaned | {name: value for name, value in result.items() if value is None or isinstance(value, bool)}


def _cleaned(value: Any, hidden: set[str]) -> Any:
    """A value without secrets; Ansible's own way is slow, so it is spared the parts that hold none."""
    if not shows(value, hidden):
        return value
    if isinstance(value, dict):
        return {name: _cleaned(member, hidden) for name, member in value.items()}
    return remove_values(value, hidden)
