"""The people of a test: companies, units, members, their keys and `Caller`s, made by the services.

::

    buyer = await world.buyer("Acme")
    north = await world.unit(buyer, "North")
    anna = await world.member(buyer, "purchaser", unit_id=north, order_limit="500 EUR")
    await place_order(platform, anna.caller, …)
    await client.get("/v1/me", headers=anna.headers)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money
from marketplace.organizations import keys, members, service
from marketplace.organizations.rules import MemberRole, Membership, Sides
from marketplace.organizations.schemas import OrganizationView, UnitInput
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.http.access import Authenticator, Credentials
from marketplace.platform.idempotency import IdempotencyKey


def fresh_key(operation: str = "test") -> IdempotencyKey:
    """Give an idempotency key nobody used."""
    return IdempotencyKey(operation, str(new_id()), b"")


@dataclass(frozen=True)
class Actor:
    """A member with a key, as a service (`caller`) or the API (`headers`) meets him."""

    member_id: UUID
    key: str
    key_id: UUID
    caller: Caller

    @property
    def company_id(self) -> UUID:
        return self.caller.organization_id

    @cached_property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def writing(self) -> dict[str, str]:
        """Headers of a write: the key, and an Idempotency-Key never used before."""
        return {**self.headers, "Idempotency-Key": str(new_id())}


@dataclass(frozen=True)
class Company:
    """A company and its administrator; stands for its id where one is asked for."""

    view: OrganizationView
    administrator: Actor

    @property
    def id(self) -> UUID:
        return self.view.id

    @property
    def caller(self) -> Caller:
        return self.administrator.caller

    @property
    def headers(self) -> dict[str, str]:
        return self.administrator.headers

    @property
    def writing(self) -> dict[str, str]:
        return self.administrator.writing


class World:
    """Makes companies and members on one platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._operator: Actor | None = None

    async def buyer(self, name: str = "Buyer") -> Company:
        """A company that buys; its administrator also is a purchaser and an approver."""
        return await self.company(
            name, Sides(buyer=True), ("administrator", "purchaser", "approver")
        )

    async def supplier(self, name: str = "Supplier") -> Company:
        """A company that sells; its administrator is also a seller."""
        return await self.company(name, Sides(supplier=True), ("administrator", "seller"))

    async def company(self, name: str, sides: Sides, roles: Sequence[str]) -> Company:
        """A company on the given sides, whose administrator has `roles`."""
        async with system_transaction(self.platform, Role.AUTH) as tx:
            view = await service.insert_company(tx, name, sides, "DE", None)
            member = await members.insert_member(
                tx, view.id, f"Head of {name}", None, [_membership(view.id, roles)]
            )
            key = await keys.insert_key(self.platform, tx, view.id, member.id, "test")
        return Company(view, await self.actor(str(key.key)))

    async def operator(self) -> Actor:
        """The one who runs the marketplace, the same at every call."""
        if self._operator is None:
            seeded = await service.seed_operator(self.platform, new_key=True)
            self._operator = await self.actor(str(seeded.key))
        return self._operator

    async def unit(self, company: Company, name: str, parent_id: UUID | None = None) -> UUID:
        """A unit under the company, or under another unit."""
        parent_id = parent_id or company.id
        unit = await service.add_unit(
            self.platform, company.caller, fresh_key(), parent_id, UnitInput(name=name)
        )
        return unit.id

    async def member(
        self,
        company: Company,
        *roles: str,
        unit_id: UUID | None = None,
        order_limit: str | None = None,
        name: str = "Somebody",
        email: str | None = None,
    ) -> Actor:
        """A member with these roles in the company or one unit; `order_limit` as ``"500 EUR"``."""
        limit = None
        if order_limit is not None:
            amount, currency = order_limit.split()
            limit = Money(Decimal(amount), currency)
        async with system_transaction(self.platform, Role.AUTH) as tx:
            member = await members.insert_member(
                tx,
                company.id,
                name,
                email,
                [_membership(unit_id or company.id, roles)],
                order_limit=limit,
            )
            key = await keys.insert_key(self.platform, tx, company.id, member.id, "test")
        return await self.actor(str(key.key))

    async def actor(self, key: str, unit_id: UUID | None = None) -> Actor:
        """The member behind a key, acting for his first unit or for `unit_id`."""
        caller = await self.platform.get(Authenticator).caller_of(  # type: ignore[type-abstract]
            Credentials(
                bearer=key,
                session=None,
                unit_id=unit_id,
                address="192.0.2.1",
                request_id=str(new_id()),
                origin=None,
                safe_method=False,
            )
        )
        assert caller.credential_id is not None
        return Actor(caller.member_id, key, caller.credential_id, caller)


def _membership(unit_id: UUID, roles: Sequence[str]) -> Membership:
    return Membership(unit_id, frozenset(map(MemberRole, roles)))
