"""Keep the tree of categories; for the operator. Everybody reads it.

Whoever changes the tree holds one lock alone, and whoever writes a product's values shares it: so
values are always those the category asked for when they were written, and no change of attributes
can pass them by.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import (
    ARRAY,
    Row,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import array

from catalog.categories.rules import (
    Attribute,
    Attributes,
    Doubt,
    Kind,
    Option,
    check_attributes,
    check_defined_once,
    doubts,
    inherited,
    path_under,
    refuse,
)
from catalog.categories.schemas import (
    CategoryDetails,
    CategoryInput,
    CategoryView,
    attribute_of,
    attribute_view,
    names_of,
    names_view,
)
from catalog.categories.tables import CategoryAttributeRow, CategoryRow
from catalog.languages.asked import Languages
from catalog.languages.tags import name_in
from catalog.products.lifecycle import ProductState
from catalog.products.tables import ProductRow
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, NotFound, invalid
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import CATEGORIES_MAX, CODE_CHARACTERS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page

WRITE: Final = "products:write"
READ: Final = "catalog:read"
_TREE_LOCK: Final = 0x6361_7465_676F_7279
"""Key of the lock of the tree: its letters are ``category``."""

_CATEGORY: Final = (
    CategoryRow.id,
    CategoryRow.parent_id,
    CategoryRow.code,
    CategoryRow.names,
    CategoryRow.path,
    CategoryRow.version,
    CategoryRow.created_at,
)
_ATTRIBUTE: Final = (
    CategoryAttributeRow.category_id,
    CategoryAttributeRow.code,
    CategoryAttributeRow.kind,
    CategoryAttributeRow.unit,
    CategoryAttributeRow.required,
    CategoryAttributeRow.options,
    CategoryAttributeRow.names,
)
_PATH: Final = bindparam("path", type_=ARRAY(Uuid))
ATTRIBUTES_ON_PATH: Final = (
    select(*_ATTRIBUTE)
    .where(CategoryAttributeRow.category_id == any_(_PATH))
    .order_by(
        func.array_position(_PATH, CategoryAttributeRow.category_id),
        CategoryAttributeRow.position,
    )
)
"""All attributes of a category, those of its root first; `path` is the category's."""


# Reading


async def list_categories(
    platform: Platform,
    caller: Caller,
    parent_id: UUID | None,
    languages: Languages,
    asked: PageRequest,
) -> Page[CategoryView]:
    """List the categories by their codes: all, or those right below one."""
    caller.require(READ)
    statement = select(*_CATEGORY).order_by(CategoryRow.code).limit(asked.fetch)
    if parent_id is not None:
        statement = statement.where(CategoryRow.parent_id == parent_id)
    if (after := asked.key(str)) is not None:
        statement = statement.where(CategoryRow.code > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    views = [CategoryView(**_shown(row, languages)) for row in rows]
    return page(asked, views, lambda view: view.code)


async def read_category(
    platform: Platform, caller: Caller, category_id: UUID, languages: Languages
) -> CategoryDetails:
    """Read a category with all its attributes; raises NotFound."""
    caller.require(READ)
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(select(*_CATEGORY).where(CategoryRow.id == category_id))
        if row is None:
            raise NotFound("There is no such category.")
        return await _details(tx, row, languages, counted=caller.may(WRITE))


def _shown(row: Row[Any], languages: Languages) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.code,
        "name": name_in(row.names, languages),
        "names": names_view(row.names),
        "path": row.path,
        "version": row.version,
        "created_at": row.created_at,
        "parent_id": UNSET if row.parent_id is None else row.parent_id,
    }


async def _details(
    tx: Transaction, row: Row[Any], languages: Languages, *, counted: bool
) -> CategoryDetails:
    rows = await tx.all(ATTRIBUTES_ON_PATH, {"path": row.path})
    attributes = [(read_attribute(each), each.category_id) for each in rows]
    required = [attribute.code for attribute, _ in attributes if attribute.required]
    return CategoryDetails(
        **_shown(row, languages),
        attributes=[attribute_view(each, where, languages) for each, where in attributes],
        incomplete_products=await _incomplete(tx, row.id, required) if counted else UNSET,
    )


async def _incomplete(tx: Transaction, category_id: UUID, required: Sequence[str]) -> int:
    """Count active products in a category and below that lack one of these attributes."""
    if not required:
        return 0
    count: int = await tx.scalar(
        select(func.count()).where(
            ProductRow.category_id.in_(below(category_id)),
            ProductRow.state == ProductState.ACTIVE.value,
            ~ProductRow.attributes.has_all(array(required)),
        )
    )
    return count


def read_attribute(row: Any) -> Attribute:
    """Make a definition of a row of `ATTRIBUTES_ON_PATH`."""
    _, code, kind, unit, required, options, names = row
    return Attribute(
        code=code,
        kind=Kind(kind),
        names=names,
        unit=unit,
        required=required,
        options=tuple(Option(option["code"], option["names"]) for option in options),
    )


async def attributes_for_values(
    tx: Transaction, category_id: UUID | None, pointer: str = "/category_id"
) -> Attributes:
    """Give the attributes of a category to a transaction that writes values, and hold them.

    Without a category there are none. Raises InvalidInput for one that does not exist.
    """
    if category_id is None:
        return {}
    await tx.execute(select(func.pg_advisory_xact_lock_shared(_TREE_LOCK)))
    path = await tx.scalar(select(CategoryRow.path).where(CategoryRow.id == category_id))
    if path is None:
        raise invalid(pointer, "unknown_category", "There is no such category.")
    return await _attributes_on(tx, path)


async def attributes_of(tx: Transaction, category_id: UUID | None) -> Attributes:
    """Give the attributes of a category to who reads; none without a category."""
    if category_id is None:
        return {}
    path = await tx.scalar(select(CategoryRow.path).where(CategoryRow.id == category_id))
    return await _attributes_on(tx, path or [])


def below(category_id: UUID) -> Any:
    """Select the identifiers of a category and of all below it."""
    return select(CategoryRow.id).where(
        CategoryRow.path.bool_op("@>")(literal([category_id], ARRAY(Uuid)))
    )


async def _attributes_on(tx: Transaction, path: Sequence[UUID]) -> dict[str, Attribute]:
    rows = await tx.all(ATTRIBUTES_ON_PATH, {"path": list(path)})
    return inherited([map(read_attribute, rows)])


# Writing


async def put_category(
    platform: Platform, caller: Caller, code: str, data: CategoryInput
) -> CategoryDetails:
    """Make, change or move the category with this code; the same again changes nothing.

    Raises InvalidInput, and Conflict where products have values that would lose their meaning.
    """
    caller.require(WRITE)
    _check_code(code)
    names, own = _checked(data)
    async with transaction(platform, caller) as tx:
        await tx.execute(select(func.pg_advisory_xact_lock(_TREE_LOCK)))
        before = await tx.maybe(select(*_CATEGORY).where(CategoryRow.code == code))
        parent_path = await _parent_path(tx, data.parent_code)
        category_id = new_id() if before is None else before.id
        path = path_under(category_id, parent_path, height=await _height(tx, before))
        above = await _attributes_on(tx, parent_path)
        await _check_below(tx, before, own, above, moved=bool(before and list(path) != before.path))
        if before is None:
            await _check_room(tx)
        else:
            was = await _attributes_on(tx, before.path)
            now: Attributes = {**above, **{each.code: each for each in own}}
            await _refuse_doubts(tx, category_id, doubts(was.values(), now))
        changed = await _write(tx, before, category_id, code, names, path, own)
        if changed:
            tx.record(
                "category.put",
                "category",
                category_id,
                before=None if before is None else {"version": before.version},
                after={"code": code, "attributes": [each.code for each in own]},
            )
        row = await tx.one(select(*_CATEGORY).where(CategoryRow.id == category_id))
        return await _details(tx, row, (), counted=True)


_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


def _check_code(code: str) -> None:
    if len(code) > CODE_CHARACTERS_MAX or not _CODE.fullmatch(code):
        detail = (
            f"A category's code has 1 to {CODE_CHARACTERS_MAX} letters, digits, points, hyphens "
            "and underscores; it begins with a letter or digit."
        )
        raise invalid("{category_code}", "invalid", detail)


def _checked(data: CategoryInput) -> tuple[dict[str, str], list[Attribute]]:
    """Read names and definitions; raises InvalidInput with all that is wrong with the latter."""
    names = names_of(data.names, "/names")
    own: list[Attribute] = []
    errors: list[FieldError] = []
    for place, given in enumerate(data.attributes):
        try:
            own.append(attribute_of(given, f"/attributes/{place}"))
        except InvalidInput as error:
            errors += error.errors
    refuse(errors)
    check_attributes(own)
    return names, own


async def _parent_path(tx: Transaction, parent_code: str | None) -> list[UUID]:
    if parent_code is None:
        return []
    path: list[UUID] | None = await tx.scalar(
        select(CategoryRow.path).where(CategoryRow.code == parent_code)
    )
    if path is None:
        raise invalid("/parent_code", "unknown_category", "There is no category with this code.")
    return path


async def _height(tx: Transaction, before: Row[Any] | None) -> int:
    """Give how many levels a category has, itself counted."""
    if before is None:
        return 1
    deepest: int = await tx.scalar(
        select(func.max(func.cardinality(CategoryRow.path))).where(
            CategoryRow.id.in_(below(before.id))
        )
    )
    return deepest - len(before.path) + 1


async def _check_below(
    tx: Transaction,
    before: Row[Any] | None,
    own: Sequence[Attribute],
    above: Attributes,
    *,
    moved: bool,
) -> None:
    """Refuse what is defined twice on a way through this category."""
    under: list[str] = []
    if before is not None:
        rows = await tx.all(
            select(CategoryAttributeRow.code).where(
                CategoryAttributeRow.category_id.in_(below(before.id)),
                CategoryAttributeRow.category_id != before.id,
            )
        )
        under = [row.code for row in rows]
    check_defined_once([each.code for each in own], above, under)
    twice = sorted(set(under) & set(above)) if moved else []
    if twice:
        raise Conflict(
            f"Below this category {', '.join(twice)} is defined, and above the new place too."
        )


async def _check_room(tx: Transaction) -> None:
    if await tx.scalar(select(func.count()).select_from(CategoryRow)) >= CATEGORIES_MAX:
        raise Conflict(f"There are {CATEGORIES_MAX} categories; there is no room for more.")


async def _refuse_doubts(tx: Transaction, category_id: UUID, found: Iterable[Doubt]) -> None:
    """Refuse what products with values would not survive; raises Conflict naming each change."""
    errors = []
    for doubt in found:
        value = ProductRow.attributes[doubt.code]
        having = (
            ProductRow.attributes.has_key(doubt.code)
            if doubt.option is None
            else value.astext == doubt.option
        )
        count = await tx.scalar(
            select(func.count()).where(ProductRow.category_id.in_(below(category_id)), having)
        )
        if count:
            detail = f"{count} products have it, and {doubt.what}: change those products first."
            errors.append(FieldError("/attributes", "in_use", detail))
    if errors:
        raise Conflict(errors[0].detail, errors=errors)


async def _write(
    tx: Transaction,
    before: Row[Any] | None,
    category_id: UUID,
    code: str,
    names: dict[str, str],
    path: Sequence[UUID],
    own: Sequence[Attribute],
) -> bool:
    """Write what differs; tell whether anything did."""
    rows = [_attribute_values(category_id, place, each) for place, each in enumerate(own)]
    values = {
        "names": names,
        "path": list(path),
        "parent_id": path[-2] if len(path) > 1 else None,
    }
    if before is None:
        await tx.execute(insert(CategoryRow).values(id=category_id, code=code, **values))
    else:
        there = await tx.all(
            select(*CategoryAttributeRow.__table__.columns)
            .where(CategoryAttributeRow.category_id == category_id)
            .order_by(CategoryAttributeRow.position)
        )
        same = [dict(row._mapping) for row in there] == rows  # noqa: SLF001 - SQLAlchemy's public name
        if same and (before.names, before.path) == (names, list(path)):
            return False
        await tx.execute(
            update(CategoryRow)
            .where(CategoryRow.id == category_id)
            .values(version=CategoryRow.version + 1, **values)
        )
        await tx.execute(
            delete(CategoryAttributeRow).where(CategoryAttributeRow.category_id == category_id)
        )
        if before.path != list(path):
            await _move_below(tx, category_id, before.path, path)
    if rows:
        await tx.execute(insert(CategoryAttributeRow), rows)
    return True


def _attribute_values(category_id: UUID, place: int, attribute: Attribute) -> dict[str, Any]:
    return {
        "category_id": category_id,
        "code": attribute.code,
        "kind": attribute.kind.value,
        "unit": attribute.unit,
        "required": attribute.required,
        "options": [
            {"code": option.code, "names": dict(option.names)} for option in attribute.options
        ],
        "names": dict(attribute.names),
        "position": place,
    }


async def _move_below(
    tx: Transaction, category_id: UUID, old: Sequence[UUID], new: Sequence[UUID]
) -> None:
    """Give all below a moved category the path over its new place."""
    rest = CategoryRow.path[len(old) + 1 : func.cardinality(CategoryRow.path)]
    await tx.execute(
        update(CategoryRow)
        .where(CategoryRow.id.in_(below(category_id)), CategoryRow.id != category_id)
        .values(
            path=func.array_cat(bindparam("new_path", list(new), type_=ARRAY(Uuid)), rest),
            version=CategoryRow.version + 1,
        )
    )


async def remove_category(platform: Platform, caller: Caller, code: str) -> None:
    """Take an empty category away; raises NotFound, and Conflict for one that is not empty."""
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        await tx.execute(select(func.pg_advisory_xact_lock(_TREE_LOCK)))
        category_id = await tx.scalar(select(CategoryRow.id).where(CategoryRow.code == code))
        if category_id is None:
            raise NotFound("There is no category with this code.")
        used = or_(
            select(CategoryRow.id).where(CategoryRow.parent_id == category_id).exists(),
            select(ProductRow.id).where(ProductRow.category_id == category_id).exists(),
        )
        if await tx.scalar(select(used)):
            raise Conflict("This category has products, or categories below it; move them first.")
        await tx.execute(
            delete(CategoryAttributeRow).where(CategoryAttributeRow.category_id == category_id)
        )
        await tx.execute(delete(CategoryRow).where(CategoryRow.id == category_id))
        tx.record("category.removed", "category", category_id, before={"code": code})
