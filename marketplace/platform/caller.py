"""Who asks: the member behind a request and what he may do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import NotPermitted
from marketplace.platform.arrival import NOW, Arrival

OPERATOR: Final = "operator"
"""The role of the people who run the marketplace."""


class Caller(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member acting for his company or for one of its units.

    `organization_id` is the company: tenants are companies, row-level security goes by it.
    `path` leads from the acting unit over its ancestors to the company, both included. `arrival` is
    that of the request he asks by.
    """

    organization_id: UUID
    unit_id: UUID
    path: tuple[UUID, ...]
    member_id: UUID
    roles: frozenset[str]
    scopes: frozenset[str]
    request_id: str = ""
    address: str = ""
    credential_id: UUID | None = None
    arrival: Arrival = NOW

    def for_a_job(self) -> "Caller":
        """Give the caller as a job keeps him: it begins when his request has long been answered."""
        return msgspec.structs.replace(self, arrival=NOW)

    @property
    def is_operator(self) -> bool:
        """Tell whether the caller runs the marketplace."""
        return OPERATOR in self.roles

    def may(self, scope: str) -> bool:
        """Tell whether the caller's role and key both allow `scope`."""
        return scope in self.scopes

    def require(self, scope: str) -> None:
        """Raise NotPermitted unless the caller's role and key both allow `scope`."""
        if scope not in self.scopes:
            raise NotPermitted(f"This needs the scope {scope}; ask an administrator for a key.")


@dataclass(frozen=True)
class Rights:
    """Which scopes each role holds, as the installed features declare them."""

    by_role: Mapping[str, frozenset[str]]
    titles: Mapping[str, str]

    @cached_property
    def holders(self) -> Mapping[str, frozenset[str]]:
        """Give the roles that hold each scope."""
        return {
            scope: frozenset(role for role, held in self.by_role.items() if scope in held)
            for scope in frozenset().union(*self.by_role.values())
        }

    def of(self, roles: Iterable[str]) -> frozenset[str]:
        """Give the scopes that members with these roles hold."""
        return frozenset().union(*(self.by_role.get(role, frozenset()) for role in roles))
