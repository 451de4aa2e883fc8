"""Margin floors: below which amount a supplier's own people do not let a price go out alone.

A floor is nobody's business but its supplier's. It is looked at when a list is published: prices
below it wait for a second person (decision 0424).
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, select, text

from catalog.price_lists.rules import bounded
from catalog.price_lists.schemas import MarginFloor, MarginFloorsInput, MarginFloorsView
from catalog.price_lists.tables import ALL_OFFERS, DRAFT, MarginFloorRow
from catalog.pricing.terms import (
    Candidate,
    Ladder,
    Level,
    Loser,
    Mode,
    Reason,
    Source,
    Tier,
    VolumeMode,
)
from catalog.products.tables import OfferRow
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import Validity
from marketplace.kernel.errors import FieldError, InvalidInput, NotFound
from marketplace.kernel.limits import BELOW_TOLD_MAX
from marketplace.kernel.money import CURRENCIES
from marketplace.kernel.units import UNITS
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.schemas import shown_quantity


@retries_conflicts
async def put_floors(
    platform: Platform, caller: Caller, sku: str, data: MarginFloorsInput
) -> MarginFloorsView:
    """Make these the floors of one of the caller's own offers.

    What is published already stays. Raises NotFound, and InvalidInput for each that is wrong.
    """
    caller.require("prices:write")
    async with transaction(platform, caller) as tx:
        offer_id = await _offer(tx, caller, sku, lock=True)
        _check(data.floors)
        await tx.execute(delete(MarginFloorRow).where(MarginFloorRow.offer_id == offer_id))
        values = [
            {
                "offer_id": offer_id,
                "supplier_id": caller.organization_id,
                "unit": floor.unit,
                "currency": floor.currency,
                "amount": Decimal(floor.amount),
            }
            for floor in data.floors
        ]
        if values:
            await tx.execute(insert(MarginFloorRow), values)
        after = {"floors": msgspec.to_builtins(data.floors)}
        tx.record("margin_floors.set", "offer", offer_id, after=after)
        return await _view(tx, sku, offer_id)


async def read_floors(platform: Platform, caller: Caller, sku: str) -> MarginFloorsView:
    """Read the floors of one of the caller's own offers; raises NotFound."""
    caller.require("prices:write")
    async with transaction(platform, caller) as tx:
        return await _view(tx, sku, await _offer(tx, caller, sku, lock=False))


async def _offer(tx: Transaction, caller: Caller, sku: str, *, lock: bool) -> UUID:
    statement = select(OfferRow.id).where(
        OfferRow.supplier_id == caller.organization_id, OfferRow.sku == sku
    )
    row = await tx.maybe(statement.with_for_update() if lock else statement)
    if row is None:
        raise NotFound("You have no offer with this SKU.")
    offer_id: UUID = row.id
    return offer_id


def _check(floors: Sequence[MarginFloor]) -> None:
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for place, floor in enumerate(floors):
        where = f"/floors/{place}"
        if floor.unit not in UNITS:
            detail = f"{floor.unit!r} is no known unit."
            errors.append(FieldError(f"{where}/unit", "unknown_unit", detail))
        if floor.currency not in CURRENCIES:
            detail = f"{floor.currency!r} is no currency in use."
            errors.append(FieldError(f"{where}/currency", "unknown_currency", detail))
        if (floor.unit, floor.currency) in seen:
            detail = "There is one floor for a unit and a currency."
            errors.append(FieldError(where, "duplicate", detail))
        seen.add((floor.unit, floor.currency))
    if errors:
        raise InvalidInput("Some floors cannot be taken.", errors=errors)


async def _view(tx: Transaction, sku: str, offer_id: UUID) -> MarginFloorsView:
    row = MarginFloorRow
    rows = await tx.all(
        select(row.unit, row.currency, row.amount)
        .where(row.offer_id == offer_id)
        .order_by(row.unit, row.currency)
    )
    floors = [MarginFloor(each.unit, each.currency, shown_quantity(each.amount)) for each in rows]
    return MarginFloorsView(sku=sku, floors=floors)


class Below(msgspec.Struct, frozen=True):
    """A price of a draft that lies below its floor, both per unit."""

    sku: str
    unit: str
    amount: Decimal
    floor: Decimal

    def told(self) -> str:
        """Say so."""
        amount, floor = plain_decimal(self.amount), plain_decimal(self.floor)
        return f"{self.sku} at {amount} per {self.unit}, its floor is {floor}"


# What a draft changes: its own ladders, its percentages off another list as that is published, and
# what other lists reckon from this one.
_DRAFTED: Final = """
with drafted as (
    select l.offer_id, l.unit, l.basis, l.tiers, 0::numeric as percent_off
    from price_ladders l
    where l.list_id = :list_id and l.from_version = :draft
    union all
    select l.offer_id, l.unit, l.basis, l.tiers, d.percent_off
    from price_discounts d
    join price_lists b on b.id = d.of_list_id
    join price_ladders l on l.list_id = b.id and l.from_version <= b.published_version
        and l.until_version > b.published_version
    where d.list_id = :list_id and d.from_version = :draft
      and (d.offer_id = l.offer_id or d.offer_id = :all_offers)
    union all
    select l.offer_id, l.unit, l.basis, l.tiers, d.percent_off
    from price_ladders l
    join price_discounts d on d.of_list_id = l.list_id
        and (d.offer_id = l.offer_id or d.offer_id = :all_offers)
    join price_lists o on o.id = d.list_id and d.from_version <= o.published_version
        and d.until_version > o.published_version
    where l.list_id = :list_id and l.from_version = :draft
)
"""


def _under(amount: str) -> str:
    """Say in SQL that an amount for the basis of `l` lies below the floor `f`: the one rule."""
    return f"{amount} < f.amount * l.basis"


_TIERS_BELOW: Final = f"""
from drafted l
join margin_floors f on f.offer_id = l.offer_id and f.unit = l.unit and f.currency = :currency
join offers o on o.id = l.offer_id
cross join jsonb_to_recordset(l.tiers) as t (amount numeric)
where {_under("t.amount * (100 - l.percent_off) / 100")}
"""
_BELOW: Final = text(
    _DRAFTED
    + """
select o.sku, l.unit, trim_scale(min(t.amount * (100 - l.percent_off) / 100 / l.basis)) as amount,
       trim_scale(max(f.amount)) as floor, count(*) over () as number
"""
    + _TIERS_BELOW
    + """
group by o.sku, l.unit
order by max(f.amount) - min(t.amount * (100 - l.percent_off) / 100 / l.basis) desc, o.sku
limit :most
"""
).bindparams(DRAFT)


async def has_floors(tx: Transaction, supplier_id: UUID) -> bool:
    """Tell whether there is anything to hold a draft of a million prices against."""
    row = MarginFloorRow
    return (
        await tx.scalar(select(row.offer_id).where(row.supplier_id == supplier_id).limit(1))
        is not None
    )


async def hold(tx: Transaction, supplier_id: UUID) -> None:
    """Let the supplier's other publications wait until this transaction ends.

    Of a list and one that is reckoned from it, published at once, neither would see the other.
    """
    lock = func.hashtextextended(f"floors {supplier_id}", 424)
    await tx.execute(select(func.pg_advisory_xact_lock(lock)))


async def below_floor(
    tx: Transaction, list_id: UUID, draft: int, currency: str
) -> tuple[list[Below], int]:
    """Find what the draft of a locked list puts below a floor: the worst, and how many in all."""
    rows = await tx.all(
        _BELOW.bindparams(
            list_id=list_id,
            draft=draft,
            currency=currency,
            all_offers=ALL_OFFERS,
            most=BELOW_TOLD_MAX,
        )
    )
    told = [Below(row.sku, row.unit, row.amount, row.floor) for row in rows]
    return told, rows[0].number if rows else 0


_LINES_BELOW: Final = text(
    """
select l.place, trim_scale(f.amount) as floor
from jsonb_to_recordset(cast(:lines as jsonb))
    as l (place integer, sku text, unit text, basis numeric, amount numeric)
join offers o on o.supplier_id = :supplier_id and o.sku = l.sku
join margin_floors f on f.offer_id = o.id and f.unit = l.unit and f.currency = :currency
where """
    + _under("l.amount")
    + " order by l.place"
)


class PricedLine(msgspec.Struct, frozen=True):
    """What a line asks of a floor: `amount` for `basis` units of an SKU."""

    sku: str
    unit: str
    basis: Decimal
    amount: Decimal


async def lines_below_floor(
    tx: Transaction, supplier_id: UUID, currency: str, lines: Sequence[PricedLine]
) -> list[tuple[int, Decimal]]:
    """Find the lines below a floor of the supplier's: places, from zero, and their floors."""
    given = [{"place": place, **msgspec.to_builtins(line)} for place, line in enumerate(lines)]
    rows = await tx.all(
        _LINES_BELOW.bindparams(
            lines=msgspec.json.encode(given).decode(), supplier_id=supplier_id, currency=currency
        )
    )
    return [(row.place, row.floor) for row in rows]


_CONTENT: Final = text("""
select coalesce(string_agg(md5(line), '' order by line), '') as content from (
    select 'ladder' || l::text as line from price_ladders l
    where l.list_id = :list_id and (l.from_version = :draft or l.until_version = :draft)
    union all
    select 'discount' || d::text from price_discounts d
    where d.list_id = :list_id and (d.from_version = :draft or d.until_version = :draft)
) as lines
""").bindparams(DRAFT)


_BELOW_CONTENT: Final = text(
    _DRAFTED
    + """
select coalesce(string_agg(md5(line), '' order by line), '') as content from (
    select concat_ws(' ', l.offer_id, l.unit, l.basis, t.amount, l.percent_off, f.amount) as line
"""
    + _TIERS_BELOW
    + ") as lines"
).bindparams(DRAFT)


async def draft_content(tx: Transaction, list_id: UUID, draft: int, currency: str) -> list[str]:
    """Give texts that are the same only while a locked list's draft is, and what of it is below.

    The latter may change by itself: percentages say it by another list.
    """
    values = {"list_id": list_id, "draft": draft}
    below = _BELOW_CONTENT.bindparams(**values, currency=currency, all_offers=ALL_OFFERS)
    return [await tx.scalar(_CONTENT.bindparams(**values)), await tx.scalar(below)]


_HELD: Final = text(
    """
select l.offer_id, p.id as list_id, p.name, p.level, p.priority, p.mode, p.currency, l.unit,
       l.basis, l.volume_mode, l.tiers, l.valid_from, l.valid_until, l.from_version,
       coalesce(array_agg(a.scope_id) filter (where a.level <> 'base'), '{}') as scopes
from price_lists p
join approvals w on w.subject_kind = 'price_list' and w.subject_id = p.id and w.state = 'pending'
join price_ladders l on l.list_id = p.id and l.from_version = p.published_version + 1
join margin_floors f on f.offer_id = l.offer_id and f.unit = l.unit and f.currency = p.currency
left join price_list_assignments a on a.list_id = p.id
where p.supplier_id = :supplier_id and l.offer_id = any (cast(:offer_ids as uuid[]))
  and exists (select from jsonb_to_recordset(l.tiers) as t (amount numeric)
              where """
    + _under("t.amount")
    + """)
group by p.id, l.list_id, l.offer_id, l.unit, l.valid_from, l.from_version
order by p.id
limit :most
"""
)


async def held_back(
    tx: Transaction, supplier_id: UUID, offer_ids: Sequence[UUID], most: int
) -> dict[UUID, list[Loser]]:
    """Give the prices of these offers that wait for a second person, as what they are: losers."""
    rows = await tx.all(
        _HELD.bindparams(supplier_id=supplier_id, offer_ids=list(offer_ids), most=most)
    )
    held: dict[UUID, list[Loser]] = {}
    for row in rows:
        loser = Loser(_candidate(row), Reason.BELOW_MARGIN_FLOOR)
        held.setdefault(row.offer_id, []).append(loser)
    return held


def _candidate(row: Any) -> Candidate:
    tiers = msgspec.convert(row.tiers, tuple[Tier, ...])
    return Candidate(
        level=Level(row.level),
        source=Source("price_list", row.list_id, row.from_version, row.name),
        unit=row.unit,
        currency=row.currency,
        ladder=Ladder(tiers, row.basis, VolumeMode(row.volume_mode)),
        assigned_to=tuple(row.scopes),
        priority=row.priority,
        mode=Mode(row.mode),
        validity=Validity(_end(row.valid_from), _end(row.valid_until)),
    )


def _end(at: datetime) -> datetime | None:
    return bounded(at)
