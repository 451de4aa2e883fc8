"""Take in what is told of products, one or a batch of a file, by whoever may tell it.

The operator's word is written. A supplier's is written where the product is his own proposal that
nobody else sells; of all others it is kept as a suggestion, which the operator takes or declines.
The number of statements does not grow with the products.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import select

from catalog.categories.rules import Attributes, missing
from catalog.categories.service import WRITE, attributes_for_values
from catalog.categories.tables import CategoryRow
from catalog.media.naming import as_told, check_named, foreign_media
from catalog.products.batches import Found, Known, ProductRecord, Writes, match, read_known, write
from catalog.products.describing import Content, checked_content, media_rows
from catalog.products.lifecycle import COMPLETE, MACHINE, Action, ProductState
from catalog.products.rules import maker_key
from catalog.products.schemas import MediaInput, ToldInput
from catalog.products.telling import merged
from marketplace.kernel.errors import (
    FieldError,
    InvalidInput,
    MarketplaceError,
    WrongState,
    invalid,
)
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.database import Transaction

ROWS_AT_A_TIME: Final = 100
"""Between two of these the worker may fire its timers."""

NO_PRODUCT: Final = "no_product"
"""The code of a row that tells of an offer without a product: only some may see it."""

Outcome = Literal["created", "changed", "unchanged", "suggested", "older"]


Interpret = Callable[[ProductRecord, Attributes], None]
"""Makes the values of a record those of its attributes; raises InvalidInput like `merged`."""


def _as_it_was_told(_record: ProductRecord, _attributes: Attributes) -> None:
    """Take values that have their kinds already."""


class Taking:
    """Takes batch after batch of one sender, and counts what came of it.

    A product stands in one row of all batches; a second one is refused.
    """

    def __init__(
        self,
        tx: Transaction,
        caller: Caller,
        public_url: str,
        interpret: Interpret = _as_it_was_told,
    ) -> None:
        self.counts: dict[Outcome, int] = dict.fromkeys(
            ("created", "changed", "unchanged", "suggested", "older"), 0
        )
        self.last: tuple[UUID, Outcome] | None = None
        self._tx = tx
        self._caller = caller
        self._keeper = caller.may(WRITE)
        self._interpret = interpret
        self._public_url = public_url
        self._foreign: Collection[UUID] = ()
        self._lines: dict[UUID, int] = {}
        self._categories: dict[str, UUID | None] = {}
        self._attributes: dict[UUID, Attributes] = {}

    async def take(
        self, records: Sequence[ProductRecord]
    ) -> list[tuple[ProductRecord, MarketplaceError]]:
        """Write what good records tell; give the others, each with what is wrong with it.

        Pointers of errors lead into the `told` of a record, or name one of its fields.
        """
        found = await match(self._tx, self._caller, records)
        known = await read_known(
            self._tx, self._caller, {each for row in found.values() for each in row.ids()}
        )
        media = [each for record in records for each in record.told.media or ()]
        as_told(media, self._public_url)
        self._foreign = await foreign_media(self._tx, self._caller, media)
        numbers: dict[tuple[str, ...], int] = {}
        errors: list[tuple[ProductRecord, MarketplaceError]] = []
        writes = Writes()
        for place, record in enumerate(records, 1):
            try:
                self._check_numbers(record, found[record.line], numbers)
                await self._take_one(record, found[record.line], known, writes)
            except MarketplaceError as error:
                errors.append((record, error))
            if place % ROWS_AT_A_TIME == 0:
                await asyncio.sleep(0)
        new = await write(self._tx, self._caller, writes)
        for product_id in writes.suggested.keys() - new:
            self.counts["suggested"] -= 1
            self.counts["unchanged"] += 1
            if self.last == (product_id, "suggested"):
                self.last = (product_id, "unchanged")
        return errors

    async def attributes_of(self, category_id: UUID | None) -> Attributes:
        """Give the attributes of a category, and hold them; read once."""
        if category_id is None:
            return {}
        if category_id not in self._attributes:
            self._attributes[category_id] = await attributes_for_values(self._tx, category_id)
        return self._attributes[category_id]

    # One record

    def _check_numbers(
        self, record: ProductRecord, found: "Found", numbers: dict[tuple[str, ...], int]
    ) -> None:
        """Refuse numbers that lead to two products, or two records with the same numbers."""
        told = record.told
        ids = {each for each in (found.by_gtin, found.by_maker) if each is not None}
        if record.product_id is not None and found.named is not None:
            ids.add(found.named)
        if len(ids) > 1:
            detail = "GTIN, maker's number and identifier here lead to more than one product."
            raise invalid("/gtin", "contradiction", detail)
        keys: list[tuple[str, ...]] = []
        if told.gtin is not None:
            keys.append(("gtin", told.gtin))
        if told.maker and told.maker_number:
            keys.append(("maker_number", maker_key(told.maker), maker_key(told.maker_number)))
        for key in keys:
            line = numbers.setdefault(key, record.line)
            if line != record.line:
                raise invalid(f"/{key[0]}", "duplicate", f"It stands on line {line} already.")

    async def _take_one(
        self,
        record: ProductRecord,
        found: "Found",
        known: Mapping[UUID, Known],
        writes: Writes,
    ) -> None:
        product = known.get(found.product_id) if found.product_id is not None else None
        if record.product_id is not None and (found.named is None or product is None):
            raise invalid("/product_id", "unknown_product", "There is no such product.")
        if product is None and found.stands_alone and not _numbered(record.told):
            detail = "Your offer with this SKU has no product: only some may see it. Change that."
            raise invalid("/sku", NO_PRODUCT, detail)
        check_named(record.told.media or (), self._foreign, _shown(product))
        if record.category is not None:
            record.told.category_id = await self._category(record.category)
        if product is not None:
            self._check_line(record, product.row.id)
        if record.state is not None and not self._keeper:
            detail = "The operator alone says what state a product is in; leave this empty."
            raise invalid("/state", "not_permitted", detail)
        if _older(record, found):
            self._count(record, product.row.id if product else UUID(int=0), "older")
            return
        # A number that leads here from a product that was merged stays where it is.
        told = _without_numbers(record.told, found)
        category_id = told.category_id or (product.content.category_id if product else None)
        attributes = await self.attributes_of(category_id)
        if product is None:
            told.name = told.name or record.new.get("name")
            told.description = told.description or record.new.get("description")
        record.told = told
        self._interpret(record, attributes)
        whole = merged(record.told, product.content if product else None)
        content = checked_content(whole, attributes, complete=False)
        if product is None:
            self._create(record, content, attributes, writes)
        else:
            self._change(record, product, content, attributes, writes)

    def _create(
        self, record: ProductRecord, content: Content, attributes: Attributes, writes: Writes
    ) -> None:
        state = record.state or ("active" if self._keeper else "proposed")
        if self._keeper and state not in {"active", "draft"}:
            raise invalid("/state", "wrong_state", "A new product is active or draft.")
        if not (content.columns["gtin"] or content.columns["maker_number_key"]):
            detail = (
                "Nothing known has this number. Tell a gtin, or a maker and his number, by which a "
                "new product is found again; or offer it first under this sku."
            )
            raise invalid("/sku", "unknown_product", detail)
        _check_complete(ProductState(state), content, attributes)
        product_id = new_id()
        self._lines[product_id] = record.line
        writes.created[product_id] = (content, state)
        self._count(record, product_id, "created", writes)

    def _change(
        self,
        record: ProductRecord,
        product: Known,
        content: Content,
        attributes: Attributes,
        writes: Writes,
    ) -> None:
        row = product.row
        state = _state_after(ProductState(row.state), record.state)
        same = state.value == row.state and _comparable(content) == _comparable(_as_is(product))
        # What a draft says is the operator's alone, so nobody learns that he guessed it.
        if same and (product.own or state is not ProductState.DRAFT):
            self._count(record, row.id, "unchanged", writes)
        elif product.own:
            _check_complete(state, content, attributes)
            writes.changed[row.id] = (product, content, state.value)
            self._count(record, row.id, "changed", writes)
        else:
            writes.suggested[row.id] = record.told
            self._count(record, row.id, "suggested", writes)

    def _count(
        self,
        record: ProductRecord,
        product_id: UUID,
        outcome: Outcome,
        writes: Writes | None = None,
    ) -> None:
        self.counts[outcome] += 1
        self.last = (product_id, outcome)
        if writes is not None and record.source_version is not None:
            writes.versions[product_id] = record.source_version

    def _check_line(self, record: ProductRecord, product_id: UUID) -> None:
        line = self._lines.setdefault(product_id, record.line)
        if line != record.line:
            raise invalid("", "duplicate", f"This product stands on line {line} already.")

    async def _category(self, code: str) -> UUID:
        if code not in self._categories:
            self._categories[code] = await self._tx.scalar(
                select(CategoryRow.id).where(CategoryRow.code == code)
            )
        category_id = self._categories[code]
        if category_id is None:
            raise invalid("/category_id", "unknown_category", "There is no such category.")
        return category_id


# What is compared and kept


def _numbered(told: ToldInput) -> bool:
    return bool(told.gtin or (told.maker and told.maker_number))


def _older(record: ProductRecord, found: Found) -> bool:
    if record.source_version is None or found.source_version is None:
        return False
    return record.source_version < found.source_version


def _shown(product: Known | None) -> Sequence[MediaInput]:
    """Give the media that whoever tells of a product knows of: of others' drafts none."""
    if product is None or (product.row.state == ProductState.DRAFT.value and not product.own):
        return ()
    return product.content.media


def _without_numbers(told: ToldInput, found: Found) -> ToldInput:
    changes: dict[str, Any] = {}
    if found.gtin_held not in {None, found.product_id}:
        changes["gtin"] = None
    if found.maker_held not in {None, found.product_id}:
        changes |= {"maker": None, "maker_number": None}
    return msgspec.structs.replace(told, **changes) if changes else told


_ACTIONS: Final = {
    (ProductState.PROPOSED, ProductState.ACTIVE): Action.ACCEPT,
    (ProductState.PROPOSED, ProductState.DRAFT): Action.KEEP_BACK,
    (ProductState.DRAFT, ProductState.ACTIVE): Action.ACTIVATE,
}


def _state_after(before: ProductState, wanted: str | None) -> ProductState:
    """Give the state a product gets; raises InvalidInput for one that it does not get by a file."""
    if wanted is None or wanted == before.value:
        return before
    after = ProductState(wanted)
    default = Action.DISCONTINUE if after is ProductState.DISCONTINUED else None
    action = _ACTIONS.get((before, after), default)
    try:
        if action is not None:
            return MACHINE.after(before, action)
    except WrongState:
        pass
    detail = f"The product is {before.value}; it does not become {after.value} by a file."
    raise invalid("/state", "wrong_state", detail)


def _check_complete(state: ProductState, content: Content, attributes: Attributes) -> None:
    if state not in COMPLETE:
        return
    lacking = missing(attributes, content.columns["attributes"])
    if lacking:
        errors = [
            FieldError(f"/attribute.{code}", "required_attribute", f"{code!r} is required.")
            for code in lacking
        ]
        raise InvalidInput(errors[0].detail, errors=errors)


def _as_is(product: Known) -> Content:
    """Give a product as `checked_content` would, though its category may ask for more today."""
    row, known = product.row, product.content
    columns = {
        "name": row.name,
        "description": row.description,
        "maker": row.maker,
        "maker_number": row.maker_number,
        "maker_key": None if row.maker is None else maker_key(row.maker),
        "maker_number_key": None if row.maker_number is None else maker_key(row.maker_number),
        "gtin": row.gtin,
        "category_id": row.category_id,
        "attributes": row.attributes,
    }
    return Content(columns, row.texts, row.codes, media_rows(known.media))


def _comparable(content: Content) -> tuple[Any, ...]:
    """Give content in an order that does not depend on how it was told."""
    texts = sorted(content.texts, key=lambda each: str(each["language"]))
    codes = sorted(content.codes, key=lambda each: (each["scheme"], each["version"]))
    return content.columns, texts, codes, content.media
