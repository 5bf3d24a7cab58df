# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a resource of Graph consists of, and how one of its objects is written out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..state import Tenant
from .call import Call
from .errors import syntax


@dataclass(frozen=True)
class Property:
    """A property: how it is read, its EDM kind, and how it may be filtered.

    C(filters): empty = not at all, C(eq) = eq, in and for text startsWith, C(advanced) = only with ConsistencyLevel,
    C(any) = only by a lambda.
    """

    read: Callable[[Tenant, Any], Any]
    kind: str = "String"
    filters: str = ""


@dataclass(frozen=True)
class Resource:
    """A kind of object: its set in the address, its type, its properties and those shown without $select."""

    set_name: str
    type_name: str
    properties: Mapping[str, Property]
    default: tuple[str, ...]
    sortable: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """The name of the type as the directory writes it in messages."""
        return self.type_name[:1].upper() + self.type_name[1:]

    def named(self, name: str) -> str | None:
        """The proper spelling of a property name, or None."""
        if name in self.properties:
            return name
        wanted = name.lower()
        return next((known for known in self.properties if known.lower() == wanted), None)

    def selection(self, text: str | None) -> tuple[str, ...]:
        """The properties that $select asks for. Raises GraphError for one that the type does not have."""
        if text is None:
            return self.default
        names = []
        for part in text.split(","):
            name = self.named(part.strip())
            if name is None:
                raise syntax(
                    f"Parsing OData Select and Expand failed: Could not find a property named '{part.strip()}' "
                    f"on type 'microsoft.graph.{self.type_name}'."
                )
            names.append(name)
        return tuple(dict.fromkeys(names))

    def written(self, tenant: Tenant, item: Any, names: tuple[str, ...]) -> dict[str, Any]:
        """An object as JSON, with the given properties."""
        return {name: self.properties[name].read(tenant, item) for name in names}

    def fragment(self, select: str | None) -> str:
        """The @odata.context fragment of the set."""
        return f"{self.set_name}({','.join(self.selection(select))})" if select else self.set_name

    def entity(self, call: Call, item: Any) -> dict[str, Any]:
        """One object as the body of an answer."""
        select = call.query.get("$select")
        context = {"@odata.context": call.context(f"{self.fragment(select)}/$entity")}
        return context | self.written(call.tenant, item, self.selection(select))


def attribute(name: str, kind: str = "String", filters: str = "") -> Property:
    """A property that the model keeps under the given attribute."""
    return Property(lambda _tenant, item: getattr(item, name), kind, filters)


def constant(value: Any, kind: str = "String") -> Property:
    """A property that is the same for every object."""
    return Property(lambda _tenant, _item: value, kind)
