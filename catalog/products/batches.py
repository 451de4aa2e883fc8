"""Products of a batch, in the database: found, read, locked and written as sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from catalog.categories.service import WRITE
from catalog.products.describing import Content, taken, write_contents
from catalog.products.reading import known_to, who
from catalog.products.records import OWN, PRODUCT, as_engine
from catalog.products.rules import maker_key
from catalog.products.schemas import (
    ClassCodeInput,
    MediaInput,
    ProductContent,
    TextInput,
    ToldInput,
    ValueInput,
)
from catalog.products.tables import OfferRow, ProductRow
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.database import Transaction


class ProductRecord(msgspec.Struct, kw_only=True):
    """What one row of a file tells; found by `product_id`, GTIN, maker's number, or `sku`.

    `category` is a category's code. `new` has the name and description of a product that is not
    known yet: how a seller words his offer is no reason to change what is.
    """

    line: int
    told: ToldInput
    sku: str | None = None
    product_id: UUID | None = None
    category: str | None = None
    state: str | None = None
    source_version: int | None = None
    new: dict[str, str] = msgspec.field(default_factory=dict)


class Known(msgspec.Struct):
    """A product as it is: its row, all that is told of it, and whether the caller may change it."""

    row: Any
    content: ProductContent
    own: bool


@dataclass(slots=True)
class Found:
    """What a record's numbers lead to; a product that was merged leads to the other one.

    `gtin_held` and `maker_held` are the products that have the numbers themselves. `stands_alone`
    says that the SKU is that of an offer without a product: only some may see it.
    """

    product_id: UUID | None
    by_gtin: UUID | None
    by_maker: UUID | None
    named: UUID | None
    gtin_held: UUID | None
    maker_held: UUID | None
    source_version: int | None
    stands_alone: bool

    def ids(self) -> set[UUID]:
        """Give the product, if there is one."""
        return set() if self.product_id is None else {self.product_id}


@dataclass(slots=True)
class Writes:
    """What a batch comes to."""

    created: dict[UUID, tuple[Content, str]] = field(default_factory=dict)
    changed: dict[UUID, tuple[Known, Content, str]] = field(default_factory=dict)
    suggested: dict[UUID, ToldInput] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)


# The statements
_MATCH: Final = text("""
select g.line,
       coalesce(by_name.merged_into, by_name.id, by_gtin.merged_into, by_gtin.id,
                by_maker.merged_into, by_maker.id, own.product_id) as product_id,
       coalesce(by_gtin.merged_into, by_gtin.id) as by_gtin,
       coalesce(by_maker.merged_into, by_maker.id) as by_maker,
       coalesce(by_name.merged_into, by_name.id) as named,
       by_gtin.id as gtin_held, by_maker.id as maker_held, s.source_version,
       own.id is not null and own.product_id is null as stands_alone
from unnest(:lines, :named, :gtins, :makers, :numbers, :skus)
    as g (line, named, gtin, maker_key, number_key, sku)
left join products by_name on by_name.id = g.named
left join products by_gtin on by_gtin.gtin = g.gtin
left join products by_maker
    on by_maker.maker_key = g.maker_key and by_maker.maker_number_key = g.number_key
left join offers own on own.supplier_id = :organization_id and own.sku = g.sku
left join product_sources s
    on s.organization_id = :organization_id
   and s.product_id = coalesce(by_name.merged_into, by_name.id, by_gtin.merged_into, by_gtin.id,
                               by_maker.merged_into, by_maker.id, own.product_id)
""").bindparams(
    bindparam("organization_id", type_=Uuid),
    bindparam("lines", type_=ARRAY(BigInteger)),
    bindparam("named", type_=ARRAY(Uuid)),
    *(bindparam(name, type_=ARRAY(Text)) for name in ("gtins", "makers", "numbers", "skus")),
)

# Row security lets a supplier lock his own proposals, the operator all.
_LOCK: Final = text("""
select id from products where id = any (:ids) order by id for no key update
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_COLUMNS: Final = (
    "name",
    "description",
    "maker",
    "maker_number",
    "maker_key",
    "maker_number_key",
    "gtin",
    "category_id",
    "attributes",
    "state",
)
_ROWS: Final = bindparam("rows", type_=JSONB)
_CREATE: Final = text(
    f"insert into products (id, proposed_by, {', '.join(_COLUMNS)}) "  # noqa: S608 - our names
    f"select id, :organization_id, {', '.join(_COLUMNS)} "
    "from jsonb_populate_recordset(null::products, :rows)"
).bindparams(_ROWS, bindparam("organization_id", type_=Uuid))
_CHANGE: Final = text(
    f"update products p set {', '.join(f'{name} = g.{name}' for name in _COLUMNS)}, "  # noqa: S608
    "version = p.version + 1 "
    "from jsonb_populate_recordset(null::products, :rows) g where p.id = g.id"
).bindparams(_ROWS)
_SUGGEST: Final = text("""
insert into product_suggestions as s (id, product_id, supplier_id, content)
select id, product_id, supplier_id, content
from jsonb_populate_recordset(null::product_suggestions, :rows)
on conflict (product_id, supplier_id) where state = 'open' do update
set content = excluded.content, version = s.version + 1, updated_at = clock()
where s.content is distinct from excluded.content
returning id, product_id, version
""").bindparams(_ROWS)
_SOURCES: Final = text("""
insert into product_sources as s (organization_id, product_id, source_version)
select organization_id, product_id, source_version
from jsonb_populate_recordset(null::product_sources, :rows)
on conflict (organization_id, product_id) do update
set source_version = excluded.source_version
where excluded.source_version > s.source_version
""").bindparams(_ROWS)


# Reading


def content_of(row: Any) -> ProductContent:
    """Give all that is told of a product of `PRODUCT` and `OWN`."""
    return ProductContent(
        name=row.name,
        description=row.description,
        maker=row.maker,
        maker_number=row.maker_number,
        gtin=row.gtin,
        category_id=row.category_id,
        attributes=[ValueInput(code=code, value=value) for code, value in row.attributes.items()],
        texts=msgspec.convert(row.texts, list[TextInput]),
        codes=msgspec.convert(row.codes, list[ClassCodeInput]),
        media=[MediaInput(each["kind"], each["url"], each["title"]) for each in row.media],
    )


async def match(
    tx: Transaction, caller: Caller, records: Sequence[ProductRecord]
) -> dict[int, Found]:
    """Find the products that records lead to, by their lines."""
    told = [record.told for record in records]
    rows = await tx.all(
        _MATCH,
        {
            "organization_id": caller.organization_id,
            "lines": [record.line for record in records],
            "named": [record.product_id for record in records],
            "gtins": [each.gtin for each in told],
            "makers": [maker_key(each.maker) if each.maker else None for each in told],
            "numbers": [
                maker_key(each.maker_number) if each.maker_number else None for each in told
            ],
            "skus": [record.sku for record in records],
        },
    )
    found = {
        row.line: Found(
            row.product_id,
            row.by_gtin,
            row.by_maker,
            row.named,
            row.gtin_held,
            row.maker_held,
            row.source_version,
            row.stands_alone,
        )
        for row in rows
    }
    if not caller.may(WRITE):
        await _forget_unknown(tx, caller, [each for each in found.values() if each.named])
    return found


async def _forget_unknown(tx: Transaction, caller: Caller, named: Sequence["Found"]) -> None:
    """Leave no trace of products that are named by a caller who does not know them."""
    if not named:
        return
    rows = await tx.all(
        select(ProductRow.id).where(
            ProductRow.id.in_([each.named for each in named]), known_to(caller)
        ),
        who(caller),
    )
    known = {row.id for row in rows}
    for each in named:
        if each.named not in known:
            each.named = None


async def read_known(tx: Transaction, caller: Caller, ids: set[UUID]) -> dict[UUID, Known]:
    """Read products the caller knows of; lock those he may change."""
    if not ids:
        return {}
    wanted = sorted(ids)
    locked = {row.id for row in await tx.all(_LOCK, {"ids": wanted})}
    if locked and not caller.may(WRITE):
        async with as_engine(tx):
            others = select(OfferRow.product_id).where(
                OfferRow.product_id.in_(sorted(locked)),
                OfferRow.supplier_id != caller.organization_id,
            )
            locked -= {row.product_id for row in await tx.all(others.distinct())}
    rows = await tx.all(select(*PRODUCT, *OWN).where(ProductRow.id.in_(wanted)))
    return {row.id: Known(row, content_of(row), row.id in locked) for row in rows}


# Writing


async def write(tx: Transaction, caller: Caller, writes: Writes) -> set[UUID]:
    """Write a batch; give the products of which something new is suggested."""
    try:
        await _write_products(tx, caller, writes)
    except IntegrityError as error:
        raise taken(error) from error
    suggested = await _write_suggestions(tx, caller, writes.suggested)
    if writes.versions:
        rows = [
            {
                "organization_id": caller.organization_id,
                "product_id": product_id,
                "source_version": version,
            }
            for product_id, version in writes.versions.items()
        ]
        await tx.execute(_SOURCES, {"rows": rows})
    await tx.flush()
    return suggested


async def _write_products(tx: Transaction, caller: Caller, writes: Writes) -> None:
    if writes.created:
        rows = [
            {"id": product_id, "state": state, **content.columns}
            for product_id, (content, state) in writes.created.items()
        ]
        values = {"rows": rows, "organization_id": caller.organization_id}
        await tx.execute(_CREATE, values)
        contents = {each: content for each, (content, _) in writes.created.items()}
        await write_contents(tx, contents, new=True)
    if writes.changed:
        rows = [
            {"id": product_id, "state": state, **content.columns}
            for product_id, (_, content, state) in writes.changed.items()
        ]
        await tx.execute(_CHANGE, {"rows": rows})
        contents = {each: content for each, (_, content, _) in writes.changed.items()}
        await write_contents(tx, contents)
        await _tell(tx, caller, writes)


async def _tell(tx: Transaction, caller: Caller, writes: Writes) -> None:
    """Write changes to the audit trail, and tell those who sell the products."""
    sellers: dict[UUID, set[UUID]] = {each: set() for each in writes.changed}
    async with as_engine(tx):
        rows = await tx.all(
            select(OfferRow.product_id, OfferRow.supplier_id)
            .where(OfferRow.product_id.in_(list(sellers)))
            .distinct()
        )
    for row in rows:
        sellers[row.product_id].add(row.supplier_id)
    for product_id, (product, content, state) in writes.changed.items():
        before = product.row
        version = before.version + 1
        audience = {before.proposed_by, caller.organization_id, *sellers[product_id]}
        told = {"state": state}
        tx.emit(Event("product.changed", "product", product_id, version, frozenset(audience), told))
        tx.record(
            "product.changed",
            "product",
            product_id,
            before={"name": before.name, "state": before.state, "version": before.version},
            after={"name": content.columns["name"], "version": version, **told},
        )


async def _write_suggestions(
    tx: Transaction, caller: Caller, suggested: Mapping[UUID, ToldInput]
) -> set[UUID]:
    """Keep suggestions; what is suggested already in the same words stays as it is."""
    if not suggested:
        return set()
    rows = [
        {
            "id": new_id(),
            "product_id": product_id,
            "supplier_id": caller.organization_id,
            "content": told_as_kept(told),
        }
        for product_id, told in suggested.items()
    ]
    kept = await tx.all(_SUGGEST, {"rows": rows})
    for row in kept:
        told = {"product_id": row.product_id}
        audience = frozenset({caller.organization_id})
        kind, subject = "product.suggested", "product_suggestion"
        tx.emit(Event(kind, subject, row.id, row.version, audience, told))
        tx.record(kind, subject, row.id, after=told)
    return {row.product_id for row in kept}


def told_as_kept(told: ToldInput) -> dict[str, Any]:
    """Give what was told as it is stored: what was left out is not there."""
    kept: dict[str, Any] = _without_blanks(msgspec.to_builtins(told))
    return {name: value for name, value in kept.items() if value != []}


def _without_blanks(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_blanks(each) for name, each in value.items() if each is not None}
        case list():
            return [_without_blanks(each) for each in value]
        case _:
            return value
