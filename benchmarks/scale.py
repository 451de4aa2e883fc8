"""Does a price cost more where there are many organizations? `make bench ARGS=scale`.

The same questions are asked of two installations in turn, one with a hundred organizations and one
with thousands more that have lists of their own, so that a machine that slows down slows both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import asyncpg

from benchmarks import subjects, world
from benchmarks.compare import Pace, Ratio, Subject, interleave, ratio
from benchmarks.installation import Api, Installation
from benchmarks.parties import Party, each, register
from benchmarks.report import Row, Target
from benchmarks.world import CURRENCY, Size, World
from marketplace.kernel.limits import CALLER_SECONDS_MAX

ROWS_OF_EACH: Final = 500
"""Prices in the lists of one organization, over all suppliers."""
WARM_MIN: Final = 0.9
COLD_MIN: Final = 0.7
WARM_REQUESTS: Final = 5
WARM_SECONDS: Final = 120.0
"""So often each of those who ask has asked before, however slow the machine is."""
ROUND_SECONDS: Final = CALLER_SECONDS_MAX + 1.0
"""In shorter rounds, with others in between, each of them would have to be looked up in each."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many organizations there are, few that all ask, and many of which some do."""

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
# so that all lists of an organization hold so many rows together, for other offers than the next
# organization's. Rows come in the order of the key, as they do from imports.
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
from (select id, supplier_id, dense_rank() over (order by name) as n from price_lists
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


@dataclass(frozen=True, slots=True)
class Loaded:
    """An installation with its organizations: `made.buyers` are those who ask."""

    installation: Installation
    made: World
    organizations: int
    prices: int


async def load(
    installation: Installation, operator: Party, made: World, organizations: int, asking: int
) -> Loaded:
    """Fill a world that has no buyers: with so many organizations, of which so many ask."""
    buyers = await each(
        lambda n: register(operator, f"Asking {n}", buyer=True), range(min(asking, organizations))
    )
    url, names = installation.services.owner_url, ["Organization %", "Asking %"]
    prices = await load_prices(url, organizations - len(buyers), names)
    await installation.settle()
    return Loaded(installation, replace(made, buyers=buyers), organizations, prices)


@dataclass(frozen=True, slots=True)
class Compared:
    """A question's share of the empty handler's rate, with few and many, and one by the other."""

    few: float
    many: float
    ratio: Ratio

    def __str__(self) -> str:
        """Say it for the table."""
        of_own, least, greatest = self.ratio.median, self.ratio.least, self.ratio.greatest
        return f"{self.few:.1%} → {self.many:.1%}: {of_own:.0%} ({least:.0%} to {greatest:.0%})"


async def scale_rows(few: Loaded, many: Loaded, pace: Pace) -> list[Row]:
    """Ask both, cold first, and compare."""
    async with few.installation.api("few") as one, many.installation.api("many") as other:
        # Cold, as many buyers ask of both: more of them would ask more first questions.
        as_few = replace(many.made, buyers=many.made.buyers[: len(few.made.buyers)])
        once = replace(pace, rounds=1, warm_seconds=0.0)
        cold = await _compared((one, few.made), (other, as_few), once)
        enough = pace.requests_max or WARM_REQUESTS * len(many.made.buyers)
        known = replace(
            pace, seconds=ROUND_SECONDS, warm_seconds=WARM_SECONDS, warm_requests_max=enough
        )
        warm = await _compared((one, few.made), (other, many.made), known)
    return [
        Row(
            f"{name}{suffix}: {many.organizations:,} organizations, {many.prices:,} prices",
            value=str(compared),
            target=Target(least, f"≥ {least:.0%} of its own"),
            hit=compared.ratio.median >= least,
        )
        for suffix, least, found in ((", cold", COLD_MIN, cold), ("", WARM_MIN, warm))
        for name, compared in found.items()
    ]


async def _compared(
    few: tuple[Api, World], many: tuple[Api, World], pace: Pace
) -> dict[str, Compared]:
    """Compare by question; the first time each process is new, as are its connections."""
    found = {}
    for name, ask, method in (
        ("price of one line", subjects.one_price, "POST"),
        ("page of 50", lambda made: subjects.pages(made, subjects.PAGES_TOO_MANY_TO_KNOW), "GET"),
    ):
        empty = Subject("empty", few[0].port, subjects.empty(method))
        one, other = (Subject(name, api.port, ask(made)) for api, made in (few, many))
        await interleave((empty, one, other), pace)
        found[name] = Compared(
            ratio(one, empty).median, ratio(other, empty).median, ratio(other, one)
        )
    return found
