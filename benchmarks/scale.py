"""Does a price cost more where there are many organizations? `make bench ARGS=scale`.

The same questions are measured twice on one installation: with a hundred organizations, and after
thousands more with lists of their own have been loaded. Each rate is taken as its share of the
empty handler's in the same rounds, and the two shares are compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import asyncpg

from benchmarks import subjects, world
from benchmarks.compare import Pace, Subject, interleave, ratio
from benchmarks.installation import Installation
from benchmarks.load import Client
from benchmarks.parties import Party, each, register
from benchmarks.report import Row, Target
from benchmarks.world import CURRENCY, Size, World

ROWS_OF_EACH: Final = 500
"""Prices in the lists of one organization, over all suppliers."""
WARM_MIN: Final = 0.9
COLD_MIN: Final = 0.7


@dataclass(frozen=True, slots=True)
class Scale:
    """How many organizations there are at first, how many in the end, how many of these ask."""

    few: int
    many: int
    asking: int
    world: Size


FULL: Final = Scale(
    few=100, many=10_000, asking=400, world=replace(world.FULL, buyers=0, bidders=0)
)
_MADE_QUICK: Final = replace(world.QUICK, buyers=0, bidders=0)
QUICK: Final = Scale(few=4, many=40, asking=8, world=_MADE_QUICK)

# Organizations that only have prices, and the lists of those that have none: one of each supplier,
# so that all lists of an organization hold so many rows together. Rows come in the order of the
# key, as they do from imports.
_ORGANIZATIONS: Final = """
insert into organizations (id, company_id, name, buyer, supplier)
select id, id, 'Organization ' || n, true, false
from (select uuidv7() as id, n from generate_series(1, $1) n)
"""
_LISTS: Final = """
insert into price_lists (id, supplier_id, name, level, currency, priority, mode, valid_from,
                         valid_until, published_version, published_at)
select uuidv7(), s.id, 'own ' || b.id, 'organization', $1, 0, 'fill_gaps', '-infinity', 'infinity',
       1, now()
from organizations b cross join organizations s
where b.buyer and s.supplier and s.name like 'Supplier %' and b.name like any ($2)
and not exists (select from price_list_assignments a where a.scope_id = b.id)
"""
_ASSIGNMENTS: Final = """
insert into price_list_assignments (list_id, scope_id, supplier_id, company_id, level, priority,
    mode, currency, valid_from, valid_until, title, published_version)
select id, substr(name, 5)::uuid, supplier_id, substr(name, 5)::uuid, level, priority, mode,
       currency, valid_from, valid_until, 'Own', 1
from price_lists l where l.name like 'own %'
and not exists (select from price_list_assignments a where a.list_id = l.id)
"""
_LADDERS: Final = """
insert into price_ladders (list_id, offer_id, unit, valid_from, from_version, until_version,
    supplier_id, valid_until, basis, volume_mode, tiers)
select l.id, o.id, 'C62', '-infinity', 1, 2147483647, l.supplier_id, 'infinity', 1, 'volume',
       jsonb_build_array(
           jsonb_build_object('minimum_quantity', '1', 'amount', '9.75'),
           jsonb_build_object('minimum_quantity', '10', 'amount', '9.25'),
           jsonb_build_object('minimum_quantity', '100', 'amount', '8.5'))
from (select id, supplier_id, row_number() over (order by id) as n from price_lists
      where name like 'own %' and published_at > $2) l
join (select id, supplier_id, row_number() over (order by id) as n from offers) o
    on o.supplier_id = l.supplier_id and (o.n + l.n) % $1 = 0
order by l.id, o.id
"""
_TABLES: Final = (
    "organizations",
    "price_lists",
    "price_list_assignments",
    "price_ladders",
    "offers",
)


async def load_prices(owner_url: str, organizations: int, names: Sequence[str]) -> int:
    """Add organizations, and lists for all that have none yet; give how many rows of prices.

    The owner lifts row security from himself meanwhile: it is forced on him too.
    """
    owner = await asyncpg.connect(owner_url, timeout=60)
    try:
        async with owner.transaction():
            for table in _TABLES:
                await owner.execute(f"alter table {table} no force row level security")
            since = await owner.fetchval("select now() - interval '1 microsecond'")
            offers = await owner.fetchval("select count(*) from offers")
            await owner.execute(_ORGANIZATIONS, organizations)
            await owner.execute(_LISTS, CURRENCY, names)
            await owner.execute(_ASSIGNMENTS)
            every = max(1, offers // ROWS_OF_EACH)
            done: str = await owner.execute(_LADDERS, every, since)
            for table in _TABLES:
                await owner.execute(f"alter table {table} force row level security")
    finally:
        await owner.close()
    return int(done.rsplit(maxsplit=1)[-1])


async def scale_rows(
    installation: Installation, operator: Party, made: World, scale: Scale, pace: Pace
) -> list[Row]:
    """Measure with few and with many organizations, cold first, and compare."""
    url = installation.services.owner_url
    names = ["Organization %", "Asking %"]
    few = await _asking(operator, scale.few, 0)
    rows = await load_prices(url, 0, names)
    await installation.settle()
    by_few = replace(made, buyers=few)
    before = await _shares(installation, by_few, pace, warm=by_few)
    more = await _asking(operator, scale.asking - scale.few, scale.few)
    rows += await load_prices(url, scale.many - scale.asking, names)
    await installation.settle()
    by_all = replace(made, buyers=[*few, *more])
    # Cold, the same buyers ask: more of them would ask more first questions in the same time.
    after = await _shares(installation, by_few, pace, warm=by_all)
    others = await _shares(installation, by_all, pace) if scale is FULL else {}
    words = f"{scale.many:,} organizations, {rows:,} prices"
    return [
        Row(
            f"{name}: {words}",
            value=f"{before[name]:.1%} → {after[name]:.1%}: {after[name] / before[name]:.0%}",
            target=Target(least, f"≥ {least:.0%} of its own"),
            hit=after[name] / before[name] >= least,
        )
        for name in before
        for least in (COLD_MIN if "cold" in name else WARM_MIN,)
    ] + [
        Row(f"{name}, {scale.asking} buyers instead of {scale.few}", value=f"{share:.1%}")
        for name, share in others.items()
    ]


async def _asking(operator: Party, count: int, first: int) -> list[Party]:
    return await each(
        lambda n: register(operator, f"Asking {n}", buyer=True), range(first, first + count)
    )


async def _shares(
    installation: Installation, cold: World, pace: Pace, warm: World | None = None
) -> dict[str, float]:
    """Give the share of the empty handler's rate of each question, on a process of its own.

    Cold: that process is new, as are its connections; it knows nobody, and nothing is planned. Then
    `warm`, if that is asked for.
    """
    shares = {}
    once = replace(pace, rounds=1, warm_seconds=0.0)
    async with installation.api("scale") as api:

        def subject(name: str, clients: Sequence[Client]) -> Subject:
            return Subject(name, api.port, clients)

        for suffix, made, how in ((", cold", cold, once), ("", warm, pace)):
            if made is None:
                continue
            asked = {
                "price of one line": (subjects.one_price(made), "POST"),
                "page of 50": (subjects.pages(made, subjects.PAGES_TOO_MANY_TO_KNOW), "GET"),
            }
            for name, (clients, method) in asked.items():
                empty = subject("empty", subjects.empty(method))
                one = subject(name, clients)
                await interleave((one, empty), how)
                shares[name + suffix] = ratio(one, empty).median
    return shares
