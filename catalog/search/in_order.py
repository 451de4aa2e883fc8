"""What the catalog holds without words, in the order of names, read no further than is asked for.

Who narrows it is answered in one of two ways. Where few offers are of the suppliers or in the time
asked for, their products are looked up and put in order; and so are products of which few pass, if
nothing is asked of their offers. Where many do, products are read in the order of their names, each
with its offers, until enough of them pass.

What fails one group of the filter alone counts for that group's facet. It too is read in the order
of names, and no more of it than of what passes.
"""

# ruff: noqa: S608 - parts of statements are put together, values never

from typing import Final, NamedTuple

from catalog.search.groups import (
    FAILING_OF_OFFERS,
    MAY_FAIL_ONE,
    MET_BY_DOCUMENT,
    MET_BY_OFFERS,
    NOTHING,
    WANTED,
    failing_of_document,
    is_offered,
    offered,
)
from catalog.search.matching import IN_LANGUAGE, VISIBLE, VISIBLE_BY_ITSELF


class Shape(NamedTuple):
    """What a statement must do: what is not asked for stands in no part of it.

    `by_documents` and `by_offers` are the filter's groups; `near` asks for what fails one of them
    alone; `priced` says that only chosen products are asked for, those in a range of prices.
    """

    with_text: bool = False
    by_documents: bool = False
    by_offers: bool = False
    facets: bool = False
    near: bool = False
    priced: bool = False

    @property
    def narrowed(self) -> bool:
        """Tell whether there is anything a hit may fail."""
        return self.by_documents or self.by_offers

    @property
    def rest(self) -> "Shape":
        """Give it without counts: what is behind them, or whether there is anything."""
        return self._replace(facets=False, near=False)


_DOCUMENT: Final = """
d.product_id as id, d.name collate "C" as name, d.language, d.facets, d.number_codes,
d.number_values
"""
_NAMED: Final = 'd.product_id as id, d.name collate "C" as name, d.language'
_UNCOUNTED: Final = """
null::text[] as facets, null::text[] as number_codes, null::numeric[] as number_values,
null::uuid[] as suppliers, null::integer as lead_time_days, '{}'::text[] as failing
"""
_COLUMNS: Final = "d.id, d.name, d.language, d.facets, d.number_codes, d.number_values"
_OFFER: Final = """
offers.id, offers.name collate "C" as name, '' as language, '{}'::text[] as facets,
'{}'::text[] as number_codes, '{}'::numeric[] as number_values
"""
_ITS_OWN: Final = """
lateral (select array[offers.supplier_id] as suppliers, offers.lead_time_days as lead_time_days) s
"""
_BEHIND: Final = "and ({name}, {id}) > (:after_name, :after_id)"
_SUPPLIED: Final = "(cardinality(:suppliers) = 0 or {})"
_IN_TIME: Final = "(:lead_time_days is null or {})"
_FEW: Final = "(select count(*) from few) <= :driven"
_MANY: Final = "(select count(*) from few) > :driven"


def _few_documents(shape: Shape) -> str:
    """Find the documents that pass; too many are cut."""
    columns = _DOCUMENT if shape.facets else _NAMED
    chosen = "and d.product_id = any (:priced)" if shape.priced else ""
    return f"""
    few as materialized (
        select {columns} from search_documents d
        where {IN_LANGUAGE} {chosen} and {MET_BY_DOCUMENT} limit :driven + 1
    ),
    """


def _few_offers(seen: str) -> str:
    """Find the offers that may pass, by their suppliers or else by lead time; too many are cut."""
    return f"""
    few as materialized (
        (select product_id from offers
         where supplier_id = any (:suppliers) and product_id is not null and {seen}
         limit :driven + 1)
        union all
        (select product_id from offers
         where cardinality(:suppliers) = 0 and lead_time_days <= :lead_time_days
           and product_id is not null and {seen}
         limit :driven + 1)
    ),
    """


class _Read(NamedTuple):
    """Reads in the order of names: what of, who sees it, which part of it, and how much."""

    shape: Shape
    seen: str
    limit: str
    behind: bool

    def _in_order(self, select: str) -> str:
        return f"({select} order by name, id limit {self.limit})"

    def _conditions(self, name: str, identifier: str) -> str:
        chosen = f"and {identifier} = any (:priced)" if self.shape.priced else ""
        return chosen + (_BEHIND.format(name=name, id=identifier) if self.behind else "")

    @property
    def _of_documents(self) -> str:
        behind = self._conditions('d.name collate "C"', "d.product_id")
        return f"{IN_LANGUAGE} {behind}"

    @property
    def _walked(self) -> str:
        """Read documents in their order, as long as somebody asks for the next.

        Of a limit that is not known, Postgres expects a tenth to be read: so it reads by the index
        of names, and puts nothing in order itself.
        """
        return f"""
        (select {_DOCUMENT} from search_documents d where {self._of_documents}
         order by 2, 1 limit :walked) d
        """

    @property
    def _passing(self) -> str:
        return f"and {MET_BY_DOCUMENT}" if self.shape.by_documents else ""

    @property
    def _offers_pass(self) -> str:
        product, seen = "d.id", self.seen
        if not self.shape.by_offers:
            return is_offered(product, seen)
        supplied = is_offered(product, seen, "offers.supplier_id = any (:suppliers)")
        in_time = is_offered(product, seen, "offers.lead_time_days <= :lead_time_days")
        return f"{_SUPPLIED.format(supplied)} and {_IN_TIME.format(in_time)}"

    @property
    def _few_in_order(self) -> str:
        """Put the few documents that pass in order, and give one after the other."""
        behind = self._conditions("name", "id") if self.behind else ""
        return f"""
        (select * from few where {_FEW} {behind} order by name, id limit :walked) d
        """

    def passing(self) -> str:
        """Find what fails nothing."""
        shape = self.shape
        parts = [self._read_on(self._walked, _MANY if shape.narrowed else "true")]
        if shape.by_offers:
            parts.append(self._looked_up())
        elif shape.by_documents:
            parts.append(self._read_on(self._few_in_order, "true", known_to_pass=True))
        if self.seen == VISIBLE:
            parts += [self._by_itself(visible, near=False) for visible in VISIBLE_BY_ITSELF]
        return self._in_order(f"select * from ({' union all '.join(parts)}) as passing")

    def near(self) -> str:
        """Find what fails one group alone."""
        parts = [self._failing_one()]
        if self.seen == VISIBLE:
            parts += [self._by_itself(visible, near=True) for visible in VISIBLE_BY_ITSELF]
        return self._in_order(f"select * from ({' union all '.join(parts)}) as near")

    def _read_on(self, documents: str, condition: str, *, known_to_pass: bool = False) -> str:
        """Read on in the order of names; offers are put together where facets count them."""
        passing = "" if known_to_pass else self._passing
        if not self.shape.facets:
            return self._in_order(f"""
            select d.id, d.name, d.language, {_UNCOUNTED} from {documents}
            where {condition} {passing} and {self._offers_pass}
            """)
        offers = f"and {MET_BY_OFFERS}" if self.shape.by_offers else ""
        return self._in_order(f"""
        select {_COLUMNS}, s.suppliers, s.lead_time_days, {NOTHING} as failing
        from {documents}, {offered("d.id", self.seen)}
        where {condition} and s.suppliers is not null {passing} {offers}
        """)

    def _looked_up(self) -> str:
        """Look up the products of few offers."""
        # Of a supplier's offers it is not known in what time another one would come.
        in_time = is_offered("d.product_id", self.seen, "lead_time_days <= :lead_time_days")
        columns = _DOCUMENT if self.shape.facets else _NAMED
        found = self._in_order(f"""
        select {columns}
        from (select distinct product_id from few) as offer
        join search_documents d on d.product_id = offer.product_id
        where {self._of_documents} {self._passing} and {_FEW}
          and (cardinality(:suppliers) = 0 or {_IN_TIME.format(in_time)})
        """)
        if not self.shape.facets:
            return f"(select id, name, language, {_UNCOUNTED} from {found} as found)"
        return f"""
        (select found.*, s.suppliers, s.lead_time_days, {NOTHING}
         from {found} as found, {offered("found.id", self.seen)})
        """

    def _by_itself(self, visible: str, *, near: bool) -> str:
        """Find offers of no product, which no category or attribute has."""
        shape, conditions = self.shape, self._conditions("offers.name", "offers.id")
        failing = failing_of_document("o") if shape.by_documents else NOTHING
        if shape.by_offers:
            failing = f"{failing} || {FAILING_OF_OFFERS}"
        return self._in_order(f"""
        select o.*, s.suppliers, s.lead_time_days, f.failing
        from offers, lateral (select {_OFFER}) o, {_ITS_OWN},
             lateral (select {failing} as failing) f
        where offers.product_id is null and {visible} {conditions}
          and cardinality(f.failing) = {1 if near else 0}
        """)

    def _failing_one(self) -> str:
        shape = self.shape
        failing = failing_of_document("d") if shape.by_documents else NOTHING
        near = f"and {MAY_FAIL_ONE}" if shape.by_documents else ""
        of_offers = f" || {FAILING_OF_OFFERS}" if shape.by_offers else ""
        return self._in_order(f"""
        select {_COLUMNS}, s.suppliers, s.lead_time_days, f.failing
        from {self._walked}, lateral (select {failing} as failing offset 0) r,
             {offered("d.id", self.seen)},
             lateral (select r.failing{of_offers} as failing offset 0) f
        where cardinality(r.failing) <= 1 {near}
          and s.suppliers is not null and cardinality(f.failing) = 1
        """)


def _given(shape: Shape, seen: str) -> str:
    wanted = WANTED if shape.by_documents else ""
    if shape.by_offers:
        return wanted + _few_offers(seen)
    return wanted + (_few_documents(shape) if shape.by_documents else "")


def hits_in_order(shape: Shape, seen: str) -> str:
    """Give the first of what passes, and of what fails one group alone."""
    read = _Read(shape, seen, ":counted + 1", behind=False)
    near = f"union all {read.near()}" if shape.near and shape.narrowed else ""
    return f"""
    {_given(shape, seen)}
    hits as materialized (select 0 as rank, * from ({read.passing()} {near}) as found)
    """


def rest_in_order(shape: Shape, seen: str) -> str:
    """Give a page of what passes, behind a place."""
    read = _Read(shape, seen, ":fetch", behind=True)
    return f"""
    with {_given(shape, seen)}
    rest as (select * from {read.passing()} as found)
    select 'hit' as kind, id, 0 as rank, name as word, 0::bigint as count,
           null::numeric as low, null::numeric as high, language
    from rest
    """
