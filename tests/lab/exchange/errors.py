# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the Exchange admin API, in its own form.

The message of a detail is C(id|exception type|text); the HTTP status says little: the same not-found comes as 404, 400
or 500.
"""

from __future__ import annotations

import zlib
from typing import Any

from ..state import Tenant

_TASKS = "Microsoft.Exchange.Configuration.Tasks"
_CODES = {400: "BadRequest", 404: "NotFound", 500: "InternalServerError", 503: "ServiceUnavailable"}
_ODATA = "Microsoft.Exchange.Admin.OData.Core.ODataServiceException"
_TRANSFORMATION = "Microsoft.Exchange.AdminApi.CommandInvocation.ParameterTransformationException"


class CmdletError(Exception):
    """A cmdlet that failed. C(exception) is the .NET type, C(text) what it says, C(code) the id in front (or none).

    With C(detailed) false the body carries no details, only the inner exception.
    """

    def __init__(
        self,
        exception: str,
        text: str,
        *,
        status: int = 400,
        code: str = "",
        detailed: bool = True,
        category: str = "Client",
    ) -> None:
        super().__init__(text)
        self.exception, self.text, self.status, self.code = exception, text, status, code
        self.detailed, self.category = detailed, category

    def body(self) -> dict[str, Any]:
        """The error as JSON."""
        error: dict[str, Any] = {"code": _CODES.get(self.status, str(self.status)), "message": "Error executing cmdlet"}
        said = f"{self.code}|{self.exception}|{self.text}"
        if self.detailed:
            error["details"] = [{"code": self.category, "target": "", "message": said}]
        error["innererror"] = {
            "message": "Error executing cmdlet",
            "type": _ODATA,
            "stacktrace": "",
            "internalexception": {
                "message": said if self.detailed else self.text,
                "type": self.exception,
                "stacktrace": "",
            },
        }
        return {"error": error, "adminapi.warnings@odata.type": "#Collection(String)", "@adminapi.warnings": []}


def not_found(tenant: Tenant, identity: str) -> CmdletError:
    """No such object. Its status (404, 400, 500) hangs on the name and the switch exchange_not_found_status_seed."""
    seed = tenant.switches.get("exchange_not_found_status_seed", tenant.seed)
    status = (404, 400, 500)[zlib.crc32(f"{seed}:{identity.lower()}".encode()) % 3]
    text = (
        f"The operation couldn't be performed because object '{identity}' couldn't be found on "
        "'AB1PR01A001DC01.EURPR01A001.PROD.OUTLOOK.COM'."
    )
    return CmdletError(f"{_TASKS}.ManagementObjectNotFoundException", text, status=status, code="Ex6F9304")


def ambiguous(identity: str) -> CmdletError:
    """An identity that more than one recipient carries."""
    text = f'There are multiple recipients matching identity "{identity}". Please specify a unique value.'
    return CmdletError(f"{_TASKS}.ManagementObjectAmbiguousException", text)


def unknown_parameter(names: list[str]) -> CmdletError:
    """A parameter that the cmdlet does not have, or that the caller's role does not grant."""
    text = (
        "Parameter set cannot be resolved using the specified named parameters. "
        f"Invalid cmdlet parameters specified. {', '.join(names)}"
    )
    return CmdletError("System.Management.Automation.AmbiguousParameterSetException", text)


def bad_value(parameter: str, text: str) -> CmdletError:
    """A value that the parameter's type does not take."""
    said = f"Cannot process argument transformation on parameter '{parameter}'. {text}"
    return CmdletError(_TRANSFORMATION, said, detailed=False)


def malformed(text: str) -> CmdletError:
    """A request body that is no command."""
    return CmdletError("Microsoft.OData.ODataException", text, detailed=False)


def write_scope(parameter: str, name: str) -> CmdletError:
    """A write to what the on-premises directory masters."""
    text = (
        f"The operation on mailbox \"{name}\" failed because it's out of the current user's write scope. "
        f"The action 'Set-Mailbox', '{parameter}', can't be performed on the object '{name}' because the object is "
        "being synchronized from your on-premises organization. This action should be performed on the object in your "
        "on-premises organization."
    )
    return CmdletError("Microsoft.Exchange.Configuration.Tasks.TaskInvalidOperationException", text, code="Ex6AE46B")


def address_taken(value: str, owner: str) -> CmdletError:
    """A proxy address that another recipient holds."""
    text = (
        f'The proxy address "{value}" is already being used by the proxy addresses or LegacyExchangeDN of "{owner}". '
        "Please choose another proxy address."
    )
    return CmdletError("Microsoft.Exchange.Data.Directory.ProxyAddressExistsException", text, code="ExBC6B1A")


def name_taken(value: str) -> CmdletError:
    """A user principal name that another user holds."""
    text = f'The user name "{value}" already exists in the organization.'
    return CmdletError("Microsoft.Exchange.Data.Directory.WLCDManagedMemberExistsException", text)


def no_accepted_domain(domain: str) -> CmdletError:
    """An address outside the tenant's verified domains."""
    text = f"You can't use the domain because it's not an accepted domain for your organization. Domain: {domain}"
    return CmdletError("Microsoft.Exchange.Data.Directory.NotAcceptedDomainException", text)


def invalid_operation(text: str) -> CmdletError:
    """A change that makes no sense for the object as it is."""
    return CmdletError(f"{_TASKS}.TaskInvalidOperationException", text)


def expired_page() -> CmdletError:
    """A next link that is too old, unknown, or used from elsewhere."""
    return CmdletError(_ODATA, "Expired or Invalid pagination request.", detailed=False)


def not_rehearsed(cmdlet: str, parameter: str) -> CmdletError:
    """A parameter that the service has and the rehearsal tenant does not play; no service says this."""
    return CmdletError(
        "Lab.NotRehearsedException", f"The rehearsal tenant does not play {cmdlet} -{parameter}.", status=501
    )


def dehydrated() -> CmdletError:
    """A change of an organization that still shares its settings with others."""
    text = (
        "The command you tried to run isn't currently allowed in your organization. To run this command, you first need "
        "to run the command: Enable-OrganizationCustomization."
    )
    return CmdletError("Microsoft.Exchange.Configuration.Tasks.InvalidOperationInDehydratedContextException", text)


def already_exists(name: str) -> CmdletError:
    """An object that is there already."""
    text = f"The operation failed because the object '{name}' already exists."
    return CmdletError("Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException", text)
