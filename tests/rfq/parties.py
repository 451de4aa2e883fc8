"""Companies, and what they say to each other, for the tests of services."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, insert, select

from marketplace.kernel.ids import new_id
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.idempotency import IdempotencyKey
from rfq import bids, publish
from rfq.rules.procedure import Openness
from rfq.schemas import (
    BidInput,
    BidLineInput,
    BuyerProcedureView,
    InvitationInput,
    LineInput,
    LotInput,
    ProcedureInput,
    ReceiptView,
)

BUYER_SCOPES = frozenset({"rfq:read", "rfq:write"})
SUPPLIER_SCOPES = frozenset({"bids:read", "bids:write"})
HOUR = timedelta(hours=1)
MoveClock = Callable[[timedelta], Awaitable[None]]


def caller(scopes: frozenset[str]) -> Caller:
    company = new_id()
    return Caller(
        organization_id=company,
        unit_id=company,
        path=(company,),
        member_id=new_id(),
        roles=frozenset(),
        scopes=scopes,
    )


def key(name: str = "", body: str = "") -> IdempotencyKey:
    return IdempotencyKey("test", name or str(new_id()), body.encode().ljust(32, b"\0"))


@dataclass(frozen=True)
class Parties:
    """A buyer, three suppliers, and the road to a published procedure."""

    platform: Platform
    buyer: Caller
    acme: Caller
    bolt: Caller
    coil: Caller

    async def register(self) -> None:
        for who, name in (
            (self.buyer, "Buyer"),
            (self.acme, "Acme"),
            (self.bolt, "Bolt"),
            (self.coil, "Coil"),
        ):
            async with transaction(self.platform, who) as tx:
                await tx.execute(
                    insert(OrganizationRow).values(
                        id=who.organization_id,
                        company_id=who.organization_id,
                        name=name,
                        buyer=who is self.buyer,
                        supplier=who is not self.buyer,
                    )
                )

    @property
    def suppliers(self) -> tuple[Caller, Caller, Caller]:
        return self.acme, self.bolt, self.coil

    async def terms(
        self, *, lots: int = 1, openness: Openness = Openness.INVITED, minimum_bids: int = 1
    ) -> ProcedureInput:
        async with system_transaction(self.platform, Role.ENGINE) as tx:
            now = await tx.scalar(select(func.clock()))
        lines = [
            LineInput(quantity="100", unit="XBX", description="Paper A4, 80 g"),
            LineInput(quantity="3", unit="C62", description="Toner black", sku="TN-1"),
        ]
        return ProcedureInput(
            title="Office supplies",
            currency="EUR",
            deadline_at=now + HOUR,
            openness=openness,
            minimum_bids=minimum_bids,
            lots=[LotInput(title=f"Lot {number}", lines=lines) for number in range(1, lots + 1)],
        )

    async def drafted(self, data: ProcedureInput | None = None) -> BuyerProcedureView:
        terms = data or await self.terms()
        return await publish.create_procedure(self.platform, self.buyer, terms, key())

    async def published(self, data: ProcedureInput | None = None) -> BuyerProcedureView:
        draft = await self.drafted(data)
        if draft.openness is Openness.INVITED:
            ids = [supplier.organization_id for supplier in self.suppliers]
            draft = await publish.invite_suppliers(
                self.platform, self.buyer, draft.id, InvitationInput(supplier_ids=ids), key()
            )
        return await publish.publish_procedure(self.platform, self.buyer, draft.id, draft.version)

    async def submit(
        self, procedure: BuyerProcedureView, who: Caller, *prices: str, name: str = ""
    ) -> ReceiptView:
        return await bids.submit_bid(
            self.platform, who, procedure.id, bid(procedure, *prices), key(name)
        )


def line_ids(procedure: BuyerProcedureView) -> list[UUID]:
    return [line.id for lot in procedure.lots for line in lot.lines]


def bid(procedure: BuyerProcedureView, *prices: str, note: str = "") -> BidInput:
    """A bid with these unit prices, for as many lines as there are prices."""
    lines = [
        BidLineInput(line_id=line_id, unit_amount=price, sku=f"S-{number}" if number else None)
        for number, (line_id, price) in enumerate(zip(line_ids(procedure), prices, strict=False))
    ]
    return BidInput(currency="EUR", lines=lines, note=note)
