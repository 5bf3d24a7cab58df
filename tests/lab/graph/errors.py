# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors of Graph: one exception, and the words that Graph uses.

Two layers of the service speak. The OData layer says C(BadRequest) (syntax, unknown names, wrong types); the directory
behind it says C(Request_BadRequest) and its kin. Source: "Microsoft Graph error responses and resource types".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


class GraphError(Exception):
    """An answer of Graph other than success; C(details) is the optional list beside code and message."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = dict(headers or {})

    def body(self, request_id: str, client_request_id: str, now: datetime) -> dict[str, Any]:
        """The error as the body of an answer."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = self.details
        error["innerError"] = {
            "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        return {"error": error}


def syntax(message: str) -> GraphError:
    """A refusal of the OData layer."""
    return GraphError(400, "BadRequest", message)


def refused(message: str, *, details: list[dict[str, str]] | None = None) -> GraphError:
    """A refusal of the directory."""
    return GraphError(400, "Request_BadRequest", message, details=details)


def unsupported(message: str) -> GraphError:
    """A query that the directory cannot answer."""
    return GraphError(400, "Request_UnsupportedQuery", message)


def missing(key: str) -> GraphError:
    """No such object, or not yet visible: Graph does not tell the two apart."""
    words = f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
    return GraphError(404, "Request_ResourceNotFound", words)


def forbidden(message: str = "Insufficient privileges to complete the operation.") -> GraphError:
    """The token lacks every permission that would allow the call."""
    return GraphError(403, "Authorization_RequestDenied", message)


def taken(name: str) -> GraphError:
    """A value that must be unique belongs to another object; a 400, not a 409."""
    words = f"Another object with the same value for property {name} already exists."
    return refused(words, details=[{"code": "ObjectConflict", "message": words, "target": name}])


def invalid_value(name: str, resource: str = "User") -> GraphError:
    """A value of the right type that the directory does not take."""
    words = f"Invalid value specified for property '{name}' of resource '{resource}'."
    return refused(words, details=[{"code": "InvalidValue", "message": words, "target": name}])


def concurrent() -> GraphError:
    """Two writes met on one object."""
    words = (
        "Unable to complete the request due to concurrent requests being made to the tenant. "
        "Please wait and retry the operation."
    )
    return GraphError(409, "Directory_ConcurrencyViolation", words)


def read_only(name: str) -> GraphError:
    """A property that only the service writes."""
    return refused(f"Property '{name}' is read-only and cannot be set.")


def unknown_property(name: str, type_name: str = "user") -> GraphError:
    """A member of a body that the type does not have."""
    return refused(
        f"The property '{name}' does not exist on type 'microsoft.graph.{type_name}'. "
        "Make sure to only use property names that are defined by the type."
    )


def wrong_type(kind: str) -> GraphError:
    """A value of another type than C(kind), an EDM type (with or without its name space)."""
    expected = kind if "." in kind else f"Edm.{kind}"
    words = (
        f"Cannot convert a primitive value to the expected type '{expected}'. See the inner exception for more details."
    )
    return syntax(words)
