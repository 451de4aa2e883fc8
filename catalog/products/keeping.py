"""Keep products: what the operator does with them, and what others may read of them.

A product is known to everybody while it is active. Before and after, it is known to who proposed or
offers it, and to buyers who see an offer of it.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import (
    Row,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.exc import IntegrityError

from catalog.categories.rules import Attributes, Given, checked_values, missing, refuse
from catalog.categories.schemas import value_views
from catalog.categories.service import WRITE, attributes_for_values, attributes_of, below
from catalog.price_lists.price_book import scopes_of, visible_offer
from catalog.products.content import (
    ClassCode,
    Relation,
    RelationKind,
    check_media_addresses,
    check_relations,
    checked_codes,
    checked_languages,
)
from catalog.products.lifecycle import (
    COMPLETE,
    MACHINE,
    Action,
    ProductState,
    check_replacement,
)
from catalog.products.rules import checked_gtin
from catalog.products.rules import maker_key as key_of
from catalog.products.schemas import (
    AcceptInput,
    ClassCodeView,
    DiscontinueInput,
    MediaView,
    MergedView,
    MergeInput,
    ProductContent,
    ProductInput,
    ProductSummary,
    ProductView,
    RelationsInput,
    RelationView,
    TextView,
)
from catalog.products.tables import (
    OfferRow,
    ProductCodeRow,
    ProductMediaRow,
    ProductRelationRow,
    ProductRow,
    ProductTextRow,
)
from marketplace.kernel.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    NotFound,
    StaleVersion,
    invalid,
)
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    constraint_of,
    retries_conflicts,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

T = TypeVar("T")

READ: Final = "catalog:read"
_PRODUCT: Final = (
    ProductRow.id,
    ProductRow.name,
    ProductRow.description,
    ProductRow.maker,
    ProductRow.maker_number,
    ProductRow.gtin,
    ProductRow.state,
    ProductRow.proposed_by,
    ProductRow.category_id,
    ProductRow.attributes,
    ProductRow.replacement_id,
    ProductRow.merged_into,
    ProductRow.version,
    ProductRow.created_at,
)


# Reading


async def read_product(platform: Platform, caller: Caller, product_id: UUID) -> ProductView:
    """Read a product; raises NotFound."""
    caller.require(READ)
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(
            select(*_PRODUCT).where(ProductRow.id == product_id, _known_to(caller)),
            _who(caller),
        )
        if row is None:
            raise NotFound("There is no such product.")
        return await _view(tx, row, caller, await attributes_of(tx, row.category_id))


def _known_to(caller: Caller) -> Any:
    """Say which products a caller knows of."""
    if caller.may(WRITE):
        return true()
    own = exists().where(
        OfferRow.product_id == ProductRow.id, OfferRow.supplier_id == caller.organization_id
    )
    seen = exists().where(OfferRow.product_id == ProductRow.id, visible_offer())
    return or_(
        ProductRow.state == ProductState.ACTIVE.value,
        and_(
            ProductRow.state != ProductState.DRAFT.value,
            or_(ProductRow.proposed_by == caller.organization_id, own, seen),
        ),
    )


def _who(caller: Caller) -> dict[str, object]:
    """Give the values that `visible_offer` asks for."""
    return {"scopes": scopes_of(caller.path), "company_id": caller.organization_id}


async def list_products(
    platform: Platform,
    caller: Caller,
    state: str | None,
    category_id: UUID | None,
    gtin: str | None,
    asked: PageRequest,
) -> Page[ProductSummary]:
    """List products, oldest first: for the operator all, for others those they proposed.

    Raises InvalidInput for a GTIN that is none.
    """
    caller.require(READ)
    statement = select(*_PRODUCT).order_by(ProductRow.id).limit(asked.fetch)
    if not caller.may(WRITE):
        statement = statement.where(
            ProductRow.proposed_by == caller.organization_id,
            ProductRow.state != ProductState.DRAFT.value,
        )
    if state is not None:
        statement = statement.where(ProductRow.state == state)
    if category_id is not None:
        statement = statement.where(ProductRow.category_id.in_(below(category_id)))
    if gtin is not None:
        statement = statement.where(ProductRow.gtin == checked_gtin(gtin, "?gtin"))
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(ProductRow.id > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [ProductSummary(**_summary(row)) for row in rows], lambda view: view.id)


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "maker": row.maker,
        "maker_number": row.maker_number,
        "gtin": row.gtin,
        "state": row.state,
        "proposed_by": row.proposed_by,
        "version": row.version,
        "created_at": row.created_at,
        "category_id": _told(row.category_id),
        "replacement_id": _told(row.replacement_id),
        "merged_into": _told(row.merged_into),
    }


def _told(identifier: UUID | None) -> UUID | UnsetType:
    return UNSET if identifier is None else identifier


_OWN: Final = sql("""
select
    (select coalesce(jsonb_agg(jsonb_build_object(
                'language', language, 'name', name, 'description', description,
                'keywords', keywords) order by language), '[]')
     from product_texts where product_id = :product_id) as texts,
    (select coalesce(jsonb_agg(jsonb_build_object(
                'scheme', scheme, 'code', code, 'version', version) order by scheme, version), '[]')
     from product_codes where product_id = :product_id) as codes,
    (select coalesce(jsonb_agg(jsonb_build_object(
                'kind', kind, 'url', url, 'title', title) order by position), '[]')
     from product_media where product_id = :product_id and url is not null) as media,
    (select coalesce(jsonb_agg(jsonb_build_object(
                'product_id', related_id, 'kind', kind) order by position), '[]')
     from product_relations where product_id = :product_id) as relations
""").columns(texts=JSONB, codes=JSONB, media=JSONB, relations=JSONB)
"""What a product has in tables of its own, in one round trip."""


async def _view(
    tx: Transaction, row: Row[Any], caller: Caller, attributes: Attributes
) -> ProductView:
    own = await tx.one(_OWN, {"product_id": row.id})
    keeper = caller.may(WRITE)
    return ProductView(
        id=row.id,
        name=row.name,
        description=row.description,
        maker=row.maker,
        maker_number=row.maker_number,
        gtin=row.gtin,
        state=row.state,
        version=row.version,
        created_at=row.created_at,
        attributes=value_views(attributes, row.attributes, ()),
        texts=msgspec.convert(own.texts, list[TextView]),
        codes=msgspec.convert(own.codes, list[ClassCodeView]),
        media=msgspec.convert(own.media, list[MediaView]),
        category_id=_told(row.category_id),
        replacement_id=_told(row.replacement_id),
        merged_into=_told(row.merged_into),
        relations=msgspec.convert(own.relations, list[RelationView]) if keeper else UNSET,
        missing=missing(attributes, row.attributes) if keeper else UNSET,
    )


# What is told of a product


class _Content(msgspec.Struct, frozen=True):
    """A product's content, checked: the columns of its row, and rows of its own tables."""

    columns: dict[str, Any]
    texts: list[dict[str, Any]]
    codes: list[dict[str, Any]]
    media: list[dict[str, Any]]


def _checked(data: ProductContent, attributes: Attributes, *, complete: bool) -> _Content:
    """Check all that is told of a product; raises InvalidInput with everything that is wrong."""
    wrong = _Gathered()
    gtin = wrong.unless(lambda: None if data.gtin is None else checked_gtin(data.gtin))
    if data.maker_number is not None and data.maker is None:
        wrong.errors.append(FieldError("/maker", "missing", "A maker's number needs its maker."))
    given = [Given(each.code, each.value, each.unit) for each in data.attributes]
    values = wrong.unless(lambda: checked_values(attributes, given, complete=complete))
    languages = wrong.unless(lambda: checked_languages([each.language for each in data.texts]))
    classes = [ClassCode(each.scheme, each.code, each.version) for each in data.codes]
    codes = wrong.unless(lambda: checked_codes(classes))
    wrong.unless(lambda: check_media_addresses([each.url for each in data.media]))
    refuse(wrong.errors)
    columns = {
        "name": data.name,
        "description": data.description,
        "maker": data.maker,
        "maker_number": data.maker_number,
        "maker_key": None if data.maker is None else key_of(data.maker),
        "maker_number_key": None if data.maker_number is None else key_of(data.maker_number),
        "gtin": gtin,
        "category_id": data.category_id,
        "attributes": values or {},
    }
    return _Content(
        columns,
        [
            {
                "language": language,
                "name": each.name,
                "description": each.description,
                "keywords": each.keywords,
            }
            for language, each in zip(languages or [], data.texts, strict=True)
        ],
        [
            {"scheme": each.scheme, "version": each.version, "code": each.code}
            for each in codes or []
        ],
        [
            {"position": place, "kind": each.kind, "url": each.url, "title": each.title}
            for place, each in enumerate(data.media)
        ],
    )


class _Gathered:
    """Gathers what several rules find wrong, so that it is told at once."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def unless(self, rule: Callable[[], T]) -> T | None:
        """Give what a rule gives; None where it refuses."""
        try:
            return rule()
        except InvalidInput as error:
            self.errors += error.errors
            return None


_OWN_ROWS: Final = (
    (ProductTextRow, "texts"),
    (ProductCodeRow, "codes"),
    (ProductMediaRow, "media"),
)


async def _write_content(
    tx: Transaction, product_id: UUID, content: _Content, *, new: bool = False
) -> None:
    """Set a product's texts, codes and media; a `new` one has none yet."""
    for table, name in _OWN_ROWS:
        if not new:
            await tx.execute(delete(table).where(table.product_id == product_id))
        rows = [{"product_id": product_id, **row} for row in getattr(content, name)]
        if rows:
            await tx.execute(insert(table), rows)


# The operator's verbs


async def create_product(
    platform: Platform, caller: Caller, data: ProductInput, key: IdempotencyKey
) -> ProductView:
    """Add a product; for the operator alone. Raises Conflict if its numbers are taken."""
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ProductView)) is not None:
            return earlier
        attributes = await attributes_for_values(tx, data.category_id)
        state = ProductState(data.state)
        content = _checked(data, attributes, complete=state in COMPLETE)
        statement = insert(ProductRow).values(
            id=new_id(),
            state=state.value,
            proposed_by=caller.organization_id,
            **content.columns,
        )
        try:
            row = await tx.one(statement.returning(*_PRODUCT))
        except IntegrityError as error:
            raise _taken(error) from error
        await _write_content(tx, row.id, content, new=True)
        tx.record("product.created", "product", row.id, after=_facts(row))
        return await keep(tx, key, await _view(tx, row, caller, attributes))


def _facts(row: Row[Any]) -> dict[str, object]:
    return {"name": row.name, "gtin": row.gtin, "state": row.state, "version": row.version}


def _taken(error: IntegrityError) -> Exception:
    known = {
        "uq_products_gtin": "There is a product with this GTIN already.",
        "uq_products_maker": "There is a product with this maker's number already.",
    }
    detail = known.get(constraint_of(error) or "")
    return Conflict(detail) if detail else error


async def change_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: ProductContent
) -> ProductView:
    """Set all that is told of a product; for the operator.

    Raises NotFound, StaleVersion, InvalidInput, and Conflict if its numbers are taken or it was
    merged: its numbers lead to the other one.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, product_id, version)
        if before.merged_into is not None:
            raise Conflict("This product turned out to be another one; change that one.")
        row = await _set_content(tx, before, data, ProductState(before.state))
        await _tell(tx, "product.changed", before, row)
        return await _view(tx, row, caller, await attributes_of(tx, row.category_id))


async def _set_content(
    tx: Transaction, before: Row[Any], data: ProductContent, state: ProductState
) -> Row[Any]:
    attributes = await attributes_for_values(tx, data.category_id)
    content = _checked(data, attributes, complete=state in COMPLETE)
    try:
        row = await _set(tx, before.id, {**content.columns, "state": state.value})
    except IntegrityError as error:
        raise _taken(error) from error
    await _write_content(tx, before.id, content)
    return row


async def _set(tx: Transaction, product_id: UUID, values: Mapping[str, Any]) -> Row[Any]:
    return await tx.one(
        update(ProductRow)
        .where(ProductRow.id == product_id)
        .values(version=ProductRow.version + 1, **values)
        .returning(*_PRODUCT)
    )


async def _locked(
    tx: Transaction, product_id: UUID, version: int, *, alone: bool = False
) -> Row[Any]:
    """Read and lock a product; raises NotFound, and StaleVersion for another version of it.

    `alone` makes new offers and relations of it wait as well.
    """
    statement = select(*_PRODUCT).where(ProductRow.id == product_id)
    row = await tx.maybe(statement.with_for_update(key_share=not alone))
    if row is None:
        raise NotFound("There is no such product.")
    if row.version != version:
        raise StaleVersion(f"The present version is {row.version}; read it again.")
    return row


async def accept_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: AcceptInput
) -> ProductView:
    """Take a proposed product into the catalog, as it is or corrected; for the operator.

    Raises NotFound, StaleVersion, WrongState, and InvalidInput where its category asks for more.
    """
    caller.require(WRITE)
    action = Action.ACCEPT if data.state == ProductState.ACTIVE.value else Action.KEEP_BACK
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, product_id, version)
        state = MACHINE.after(ProductState(before.state), action)
        if data.product is None:
            row = await _set(tx, product_id, {"state": state.value})
        else:
            with _under("/product"):
                row = await _set_content(tx, before, data.product, state)
        await _tell(tx, "product.accepted", before, row)
        return await _view(tx, row, caller, await attributes_of(tx, row.category_id))


@contextmanager
def _under(pointer: str) -> Iterator[None]:
    """Let errors of a part of the body point into it."""
    try:
        yield
    except InvalidInput as error:
        errors = [FieldError(f"{pointer}{e.pointer}", e.code, e.detail) for e in error.errors]
        raise InvalidInput(error.detail, errors=errors) from None


async def activate_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int
) -> ProductView:
    """Show a draft to everybody; for the operator.

    Raises NotFound, StaleVersion, WrongState, and Conflict while required attributes are missing.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, product_id, version)
        state = MACHINE.after(ProductState(before.state), Action.ACTIVATE)
        attributes = await attributes_for_values(tx, before.category_id)
        if lacking := missing(attributes, before.attributes):
            raise Conflict(f"Its category requires {', '.join(lacking)}; tell these first.")
        row = await _set(tx, product_id, {"state": state.value})
        await _tell(tx, "product.activated", before, row)
        return await _view(tx, row, caller, await attributes_of(tx, row.category_id))


@retries_conflicts
async def discontinue_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: DiscontinueInput
) -> ProductView:
    """Take a product out of the catalog, or name another replacement of one that is out.

    For the operator. Raises NotFound, StaleVersion, WrongState, and InvalidInput for a replacement
    that is not active.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, product_id, version)
        if before.merged_into is not None:
            raise Conflict("This product turned out to be another one, which takes its place.")
        gone = before.state == ProductState.DISCONTINUED.value
        action = Action.REPLACE if gone else Action.DISCONTINUE
        state = MACHINE.after(ProductState(before.state), action)
        if data.replacement_id is not None:
            await _check_heir(tx, product_id, data.replacement_id, "/replacement_id")
        values = {"state": state.value, "replacement_id": data.replacement_id}
        row = await _set(tx, product_id, values)
        await _tell(tx, "product.discontinued", before, row)
        return await _view(tx, row, caller, await attributes_of(tx, row.category_id))


async def _check_heir(tx: Transaction, product_id: UUID, heir_id: UUID, pointer: str) -> None:
    """Lock what is to take a product's place and check that it can."""
    heir = await tx.maybe(
        select(ProductRow.state, ProductRow.replacement_id)
        .where(ProductRow.id == heir_id)
        .with_for_update(read=True)
    )
    if heir is None:
        raise invalid(pointer, "unknown_product", "There is no such product.")
    line = {} if heir.replacement_id is None else {heir_id: heir.replacement_id}
    check_replacement(product_id, heir_id, ProductState(heir.state), line, pointer)


@retries_conflicts
async def merge_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: MergeInput
) -> MergedView:
    """Make a proposed product one with another: its offers move there, and its numbers lead there.

    For the operator. Raises NotFound, StaleVersion, WrongState, and InvalidInput for a product that
    is not active.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, product_id, version, alone=True)
        state = MACHINE.after(ProductState(before.state), Action.MERGE)
        await _check_heir(tx, product_id, data.product_id, "/product_id")
        values = {
            "state": state.value,
            "replacement_id": data.product_id,
            "merged_into": data.product_id,
        }
        row = await _set(tx, product_id, values)
        await _tell(tx, "product.merged", before, row, {"merged_into": data.product_id})
        moved = await _move_offers(tx, product_id, data.product_id)
        await _move_relations(tx, product_id, data.product_id)
        return MergedView(**_summary(row), offers_moved=moved)


async def _move_offers(tx: Transaction, product_id: UUID, target_id: UUID) -> int:
    async with _as_engine(tx):
        return await tx.execute(
            update(OfferRow)
            .where(OfferRow.product_id == product_id)
            .values(product_id=target_id, version=OfferRow.version + 1, updated_at=func.clock())
        )


async def _move_relations(tx: Transaction, product_id: UUID, target_id: UUID) -> None:
    """Let what is related to a merged product be related to the other one, where it is not yet."""
    relation = ProductRelationRow
    await tx.execute(
        postgres_insert(relation)
        .from_select(
            ["product_id", "related_id", "kind", "position"],
            select(relation.product_id, literal(target_id), relation.kind, relation.position).where(
                relation.related_id == product_id, relation.product_id != target_id
            ),
        )
        .on_conflict_do_nothing()
    )
    await tx.execute(delete(relation).where(relation.related_id == product_id))


@asynccontextmanager
async def _as_engine(tx: Transaction) -> AsyncIterator[None]:
    """Look over all suppliers' offers inside of a transaction of the operator."""
    role = await tx.scalar(sql("select current_setting('role')"))
    await tx.execute(sql(f"set local role {Role.ENGINE.value}"))
    yield
    await tx.execute(sql(f"set local role {role}"))


async def _tell(
    tx: Transaction,
    kind: str,
    before: Row[Any],
    after: Row[Any],
    payload: Mapping[str, object] | None = None,
) -> None:
    """Write a change of a product to the audit trail, and tell those who sell it.

    Buyers are not told: whether a product exists for one is for its offers to say.
    """
    async with _as_engine(tx):
        rows = await tx.all(
            select(OfferRow.supplier_id).where(OfferRow.product_id == after.id).distinct()
        )
    audience = {before.proposed_by, *(row.supplier_id for row in rows)}
    if tx.caller is not None:
        audience.add(tx.caller.organization_id)
    facts = {"state": after.state, **(payload or {})}
    tx.emit(Event(kind, "product", after.id, after.version, frozenset(audience), facts))
    tx.record(kind, "product", after.id, before=_facts(before), after={**_facts(after), **facts})


@retries_conflicts
async def put_relations(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: RelationsInput
) -> ProductView:
    """Set all relations of a product; for the operator.

    Raises NotFound, StaleVersion, and InvalidInput for each that leads to nothing or to itself.
    """
    caller.require(WRITE)
    relations = [Relation(each.product_id, RelationKind(each.kind)) for each in data.relations]
    check_relations(product_id, relations)
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, product_id, version)
        await _check_related(tx, relations)
        await tx.execute(
            delete(ProductRelationRow).where(ProductRelationRow.product_id == product_id)
        )
        rows = [
            {
                "product_id": product_id,
                "related_id": each.related_id,
                "kind": each.kind.value,
                "position": place,
            }
            for place, each in enumerate(relations)
        ]
        if rows:
            await tx.execute(insert(ProductRelationRow), rows)
        row = await _set(tx, product_id, {})
        tx.record(
            "product.related", "product", product_id, before=_facts(before), after=_facts(row)
        )
        return await _view(tx, row, caller, await attributes_of(tx, row.category_id))


async def _check_related(tx: Transaction, relations: Sequence[Relation]) -> None:
    identifiers = {each.related_id for each in relations}
    rows = await tx.all(select(ProductRow.id).where(ProductRow.id.in_(identifiers)))
    there = {row.id for row in rows}
    refuse(
        [
            FieldError(
                f"/relations/{place}/product_id", "unknown_product", "There is no such product."
            )
            for place, each in enumerate(relations)
            if each.related_id not in there
        ]
    )
