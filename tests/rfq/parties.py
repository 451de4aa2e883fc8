"""Companies, and what they say to each other, for the tests of services."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, insert, select

from catalog.products.tables import OfferRow
from marketplace.kernel.ids import new_id
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.idempotency import IdempotencyKey
from rfq.bids import service as bids
from rfq.bids.schemas import ReceiptView, SealedBidInput, SealedBidLineInput
from rfq.procedures import publishing
from rfq.procedures.schemas import (
    BuyerProcedureView,
    InvitationInput,
    ProcedureInput,
    ProcedureLineInput,
    ProcedureLotInput,
)
from rfq.rules.procedure import Openness

BUYER_SCOPES = frozenset({"rfq:read", "rfq:write", "contracts:read"})
SUPPLIER_SCOPES = frozenset({"bids:read", "bids:write"})
TONERS = ("TN-1", "TN-3", "TN-5")
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

        for supplier in self.suppliers:
            await self.offer_toner(supplier)

    async def offer_toner(self, supplier: Caller) -> None:
        """Toner is in each supplier's catalog already; paper is not."""
        async with transaction(self.platform, supplier) as tx:
            await tx.execute(
                insert(OfferRow),
                [
                    {
                        "id": new_id(),
                        "supplier_id": supplier.organization_id,
                        "sku": sku,
                        "name": "Toner",
                        "description": "",
                        "unit": "C62",
                        "content_numerator": 1,
                        "content_denominator": 1,
                        "content_unit": "C62",
                        "minimum_quantity": 1,
                        "tax_category": "S",
                        "audience_id": self.buyer.organization_id,
                        "origin": "supplier",
                        "state": "active",
                    }
                    for sku in TONERS
                ],
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
            ProcedureLineInput(quantity="100", unit="XBX", description="Paper A4, 80 g"),
            ProcedureLineInput(quantity="3", unit="C62", description="Toner black", sku="TN-1"),
        ]
        return ProcedureInput(
            title="Office supplies",
            currency="EUR",
            deadline_at=now + HOUR,
            openness=openness,
            minimum_bids=minimum_bids,
            lots=[
                ProcedureLotInput(title=f"Lot {number}", lines=lines)
                for number in range(1, lots + 1)
            ],
        )

    async def drafted(self, data: ProcedureInput | None = None) -> BuyerProcedureView:
        terms = data or await self.terms()
        return await publishing.create_procedure(self.platform, self.buyer, terms, key())

    async def published(self, data: ProcedureInput | None = None) -> BuyerProcedureView:
        draft = await self.drafted(data)
        if draft.openness is Openness.INVITED:
            ids = [supplier.organization_id for supplier in self.suppliers]
            draft = await publishing.invite_suppliers(
                self.platform, self.buyer, draft.id, InvitationInput(supplier_ids=ids), key()
            )
        return await publishing.publish_procedure(
            self.platform, self.buyer, draft.id, draft.version
        )

    async def submit(
        self, procedure: BuyerProcedureView, who: Caller, *prices: str, name: str = ""
    ) -> ReceiptView:
        return await bids.submit_bid(
            self.platform, who, procedure.id, bid(procedure, *prices), key(name)
        )


def line_ids(procedure: BuyerProcedureView) -> list[UUID]:
    return [line.id for lot in procedure.lots for line in lot.lines]


def bid(procedure: BuyerProcedureView, *prices: str, note: str = "") -> SealedBidInput:
    """A bid with these unit prices, for as many lines as there are prices; toner by its SKU."""
    lines = [
        SealedBidLineInput(line_id=line_id, unit_amount=price, sku=f"TN-{i}" if i % 2 else None)
        for i, (line_id, price) in enumerate(zip(line_ids(procedure), prices, strict=False))
    ]
    return SealedBidInput(currency="EUR", lines=lines, note=note)
