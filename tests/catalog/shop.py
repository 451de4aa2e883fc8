"""A market whose buyer and supplier are real members, so that they can order, deliver, invoice."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from marketplace.billing import crediting
from marketplace.billing import service as billing
from marketplace.billing.schemas import (
    CreditNoteInput,
    CreditNoteLineInput,
    CreditNoteView,
    InvoiceInput,
    InvoiceLineInput,
    InvoiceView,
)
from marketplace.contracts.concluding import conclude
from marketplace.contracts.rules import ContractDraft, ContractPrice, Tier
from marketplace.orders import fulfilment, service
from marketplace.orders.schemas import (
    ConfirmationInput,
    DespatchInput,
    LineConfirmationInput,
    LineDespatchInput,
    OrderInput,
    OrderLineInput,
    OrderView,
)
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.worker import Worker
from tests.catalog.parties import Market
from tests.support.world import World, fresh_key


class Shop(Market):
    """Everything a market can do, and orders."""

    def __init__(self, platform: Platform, worker: Worker, world: World) -> None:
        super().__init__(platform, worker)
        self.world = world

    async def register(self) -> None:
        self.buying = await self.world.buyer()
        self.selling = await self.world.supplier()
        self.buyer, self.supplier = self.buying.caller, self.selling.caller
        self.rival = (await self.world.buyer("Rival")).caller
        self.other = (await self.world.supplier("Other")).caller
        unit = await self.world.unit(self.buying, "Site")
        self.site = (await self.world.actor(self.buying.administrator.key, unit_id=unit)).caller

    def line(self, sku: str, quantity: str = "1", unit: str = "C62", **more: Any) -> OrderLineInput:
        return OrderLineInput(
            supplier_id=self.supplier.organization_id,
            sku=sku,
            quantity=quantity,
            unit=unit,
            **more,
        )

    async def order(self, *lines: OrderLineInput, currency: str = "EUR") -> OrderView:
        data = OrderInput(currency=currency, lines=list(lines))
        return await service.submit_order(self.platform, self.buyer, data, None, fresh_key())

    async def cancel(self, order: OrderView) -> OrderView:
        return await service.cancel_order(self.platform, self.buyer, order.id, order.version)

    async def confirm(self, order: OrderView, *lines: tuple[int, str]) -> None:
        answers = tuple(
            LineConfirmationInput(line=line, quantity=quantity, reason="out of stock")
            for line, quantity in lines
        )
        part = order.supplier_orders[0].id
        data = ConfirmationInput(lines=answers)
        await fulfilment.confirm(self.platform, self.supplier, part, data, fresh_key())

    async def despatch(self, order: OrderView, *lines: tuple[int, str]) -> None:
        leaving = tuple(LineDespatchInput(line=line, quantity=quantity) for line, quantity in lines)
        part = order.supplier_orders[0].id
        data = DespatchInput(lines=leaving)
        await fulfilment.despatch(self.platform, self.supplier, part, data, fresh_key())

    async def invoice(self, order: OrderView, *lines: tuple[int, str]) -> InvoiceView:
        wanted = InvoiceInput(
            supplier_order_id=order.supplier_orders[0].id,
            standard_rate="19",
            lines=tuple(InvoiceLineInput(line=line, quantity=q) for line, q in lines),
        )
        return await billing.issue_invoice(self.platform, self.supplier, wanted, fresh_key())

    async def credit(self, invoice: InvoiceView, *lines: tuple[int, str]) -> CreditNoteView:
        """Give back net amounts of lines of an invoice."""
        data = CreditNoteInput(
            reason="price corrected",
            lines=tuple(CreditNoteLineInput(line=line, amount=net) for line, net in lines),
        )
        return await crediting.issue_credit_note(
            self.platform, self.supplier, invoice.id, data, fresh_key()
        )

    async def agree(
        self,
        sku: str,
        *tiers: tuple[str, str],
        unit: str = "C62",
        currency: str = "EUR",
        zone: str = "Europe/Berlin",
        first_day: date = date(2020, 1, 1),
        last_day: date = date(2060, 12, 31),
        **more: Any,
    ) -> UUID:
        """Conclude a contract over one SKU; `more` goes to its price."""
        price = ContractPrice(
            sku,
            f"Agreed {sku}",
            unit,
            Decimal(1),
            tuple(Tier(Decimal(least), Decimal(amount)) for least, amount in tiers),
            **more,
        )
        draft = ContractDraft(
            buyer_id=self.buyer.organization_id,
            supplier_id=self.supplier.organization_id,
            title="Framework",
            currency=currency,
            time_zone=zone,
            first_day=first_day,
            last_day=last_day,
            prices=(price,),
        )
        async with system_transaction(
            self.platform, Role.ENGINE, organization_id=self.buyer.organization_id
        ) as tx:
            return await conclude(tx, draft)
