"""Companies on a market, and what they do on it, for the tests of services."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert

from catalog.assortments import service as assortments
from catalog.assortments.schemas import AssortmentOffersInput, GrantInput
from catalog.customers import service as customers
from catalog.customers.schemas import SegmentMembersInput
from catalog.imports import service as imports
from catalog.imports.schemas import ImportKind, ImportView, OnError
from catalog.price_lists import assigning, checking, publishing
from catalog.price_lists import service as price_lists
from catalog.price_lists.schemas import (
    AssignmentInput,
    PriceCheckInput,
    PriceCheckLine,
    PricedLineView,
    PriceEntriesInput,
    PriceEntryInput,
    PriceEntryKey,
    PriceListInput,
    PriceListView,
    PriceTierInput,
)
from catalog.products import service as products
from catalog.products.schemas import OfferInput, OfferView
from catalog.search import service as search
from catalog.search.schemas import CatalogItem
from marketplace.contracts.concluding import conclude
from marketplace.contracts.rules import ContractDraft, ContractPrice, Tier
from marketplace.kernel.ids import new_id
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.idempotency import IdempotencyKey
from marketplace.worker import Worker

SCOPES = frozenset(
    {
        "catalog:read",
        "catalog:write",
        "prices:read",
        "prices:write",
        "imports:write",
        "customers:write",
    }
    | {"stock:read", "stock:write", "carts:read", "carts:write"}
)


def company() -> Caller:
    identifier = new_id()
    return Caller(
        organization_id=identifier,
        unit_id=identifier,
        path=(identifier,),
        member_id=new_id(),
        roles=frozenset(),
        scopes=SCOPES,
    )


def unit_of(caller: Caller) -> Caller:
    identifier = new_id()
    return msgspec.structs.replace(caller, unit_id=identifier, path=(identifier, *caller.path))


def key(name: str = "") -> IdempotencyKey:
    return IdempotencyKey("test", name or str(new_id()), bytes(32))


def entry(
    sku: str,
    *tiers: tuple[str, str],
    unit: str = "C62",
    basis: str = "1",
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    volume_mode: str = "volume",
) -> PriceEntryInput:
    return PriceEntryInput(
        sku=sku,
        unit=unit,
        tiers=[PriceTierInput(minimum_quantity=m, amount=a) for m, a in tiers],
        basis=basis,
        volume_mode=volume_mode,  # type: ignore[arg-type]
        valid_from=valid_from,
        valid_until=valid_until,
    )


class Market:
    """Two buyers, two suppliers."""

    def __init__(self, platform: Platform, worker: Worker) -> None:
        self.platform = platform
        self.worker = worker
        self.buyer, self.rival = company(), company()
        self.supplier, self.other = company(), company()
        self.site = unit_of(self.buyer)

    async def register(self) -> None:
        names = {"Buyer": self.buyer, "Rival": self.rival}
        names |= {"Supplier": self.supplier, "Other": self.other}
        for name, who in names.items():
            sells = who in {self.supplier, self.other}
            await self._organization(who, who.organization_id, None, name, sells=sells)
        site, parent = self.site.unit_id, self.buyer.organization_id
        await self._organization(self.buyer, site, parent, "Site", sells=None)

    async def _organization(
        self, who: Caller, identifier: UUID, parent: UUID | None, name: str, *, sells: bool | None
    ) -> None:
        async with transaction(self.platform, who) as tx:
            await tx.execute(
                insert(OrganizationRow).values(
                    id=identifier,
                    company_id=who.organization_id,
                    parent_id=parent,
                    name=name,
                    buyer=sells is False,
                    supplier=sells is True,
                )
            )

    async def offer(self, sku: str, who: Caller | None = None, **terms: object) -> OfferView:
        data = OfferInput(**{"name": f"Thing {sku}", "unit": "C62", **terms})  # type: ignore[arg-type]
        return await products.put_offer(self.platform, who or self.supplier, sku, data)

    async def price_list(
        self,
        *entries: PriceEntryInput,
        level: str = "base",
        to: Sequence[Caller] = (),
        segment: UUID | None = None,
        who: Caller | None = None,
        currency: str = "EUR",
        priority: int = 0,
        mode: str = "exclusive",
        publish: bool = True,
    ) -> PriceListView:
        owner = who or self.supplier
        data = PriceListInput(
            name=f"{level} {currency}",
            level=level,  # type: ignore[arg-type]
            currency=currency,
            priority=priority,
            mode=mode,  # type: ignore[arg-type]
        )
        made = await price_lists.create_price_list(self.platform, owner, data, key())
        for buyer in to:
            given = AssignmentInput(organization_id=buyer.unit_id)
            await assigning.assign_price_list(self.platform, owner, made.id, given)
        if segment is not None:
            given = AssignmentInput(segment_id=segment)
            await assigning.assign_price_list(self.platform, owner, made.id, given)
        await self.set(made.id, *entries, who=owner)
        if publish:
            made = await publishing.publish_price_list(self.platform, owner, made.id)
        return made

    async def set(
        self,
        list_id: UUID,
        *entries: PriceEntryInput,
        removed: Sequence[PriceEntryKey] = (),
        who: Caller | None = None,
    ) -> None:
        data = PriceEntriesInput(entries=list(entries), removed=list(removed))
        await price_lists.put_entries(self.platform, who or self.supplier, list_id, data)

    async def segment(self, *members: Caller, who: Caller | None = None) -> UUID:
        """Make a segment with these companies in it."""
        owner = who or self.supplier
        made = await customers.SEGMENTS.create(self.platform, owner, f"Group {new_id()}", key())
        data = SegmentMembersInput(added=[each.organization_id for each in members])
        await customers.put_members(self.platform, owner, made.id, data)
        return made.id

    async def assortment(
        self, *skus: str, to: Sequence[Caller | UUID] = (), who: Caller | None = None
    ) -> UUID:
        """Make an assortment of these offers, granted to these units and segments."""
        owner = who or self.supplier
        made = await assortments.ASSORTMENTS.create(self.platform, owner, f"A {new_id()}", key())
        if skus:
            data = AssortmentOffersInput(added=list(skus))
            await assortments.put_offers(self.platform, owner, made.id, data)
        for each in to:
            await self.grant(made.id, each, who=owner)
        return made.id

    async def grant(
        self, assortment_id: UUID, to: Caller | UUID, who: Caller | None = None
    ) -> None:
        data = (
            GrantInput(segment_id=to)
            if isinstance(to, UUID)
            else GrantInput(organization_id=to.unit_id)
        )
        await assortments.grant(self.platform, who or self.supplier, assortment_id, data)

    async def withdraw(self, assortment_id: UUID, to: Caller | UUID) -> None:
        grantee = to if isinstance(to, UUID) else to.unit_id
        await assortments.withdraw_grant(self.platform, self.supplier, assortment_id, grantee)

    async def publish(self, list_id: UUID, who: Caller | None = None) -> PriceListView:
        return await publishing.publish_price_list(self.platform, who or self.supplier, list_id)

    async def check(
        self,
        sku: str,
        quantity: str = "1",
        who: Caller | None = None,
        at: datetime | None = None,
        currency: str = "EUR",
        unit: str | None = None,
        *,
        explain: bool = False,
        supplier: Caller | None = None,
    ) -> PricedLineView:
        line = PriceCheckLine(
            supplier_id=(supplier or self.supplier).organization_id,
            sku=sku,
            quantity=quantity,
            unit=unit,
        )
        data = PriceCheckInput(currency=currency, lines=[line], as_of=at, explain=explain)
        answer = await checking.check_prices(self.platform, who or self.buyer, data)
        return answer.lines[0]

    async def told(self, *args: object, **kwargs: object) -> str:
        """Give ``amount level`` of a line, or the reason why it has no price."""
        line = await self.check(*args, **kwargs)  # type: ignore[arg-type]
        if line.price:
            return f"{line.price.amount} {line.price.level}"
        assert line.no_price
        return line.no_price.reason

    async def catalog(
        self, text: str | None = None, who: Caller | None = None, limit: int = 50
    ) -> list[CatalogItem]:
        items: list[CatalogItem] = []
        after: str | None = None
        while True:
            asked = PageRequest(limit, after)
            page = await search.search_catalog(self.platform, who or self.buyer, text, None, asked)
            items += page.items
            after = page.next
            if after is None:
                return items

    async def upload(
        self,
        kind: ImportKind,
        data: str | bytes,
        *,
        on_error: OnError = OnError.REFUSE_ALL,
        list_id: UUID | None = None,
        publish: bool = False,
        who: Caller | None = None,
        **wishes: Any,
    ) -> ImportView:
        """Upload a file, let the worker work, and give the outcome."""
        sender = who or self.supplier
        raw = data.encode() if isinstance(data, str) else data

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(raw), 50_000):
                yield raw[start : start + 50_000]

        started = await imports.start_import(
            self.platform, sender, kind, on_error, list_id, chunks(), publish=publish, **wishes
        )
        await self.worker.run_until_idle()
        return await imports.read_import(self.platform, sender, started.id)

    async def contract(
        self, sku: str, *tiers: tuple[str, str], units: Sequence[Caller] = (), unit: str = "C62"
    ) -> UUID:
        draft = ContractDraft(
            buyer_id=self.buyer.organization_id,
            supplier_id=self.supplier.organization_id,
            title="Framework",
            currency="EUR",
            time_zone="Europe/Berlin",
            first_day=date(2020, 1, 1),
            last_day=date(2090, 12, 31),
            unit_ids=tuple(covered.unit_id for covered in units),
            prices=(
                ContractPrice(
                    sku,
                    f"Agreed {sku}",
                    unit,
                    Decimal(1),
                    tuple(Tier(Decimal(m), Decimal(a)) for m, a in tiers),
                ),
            ),
        )
        async with system_transaction(
            self.platform, Role.ENGINE, organization_id=self.buyer.organization_id
        ) as tx:
            return await conclude(tx, draft)
