"""The tree of categories, on a real database."""

from collections.abc import Sequence

import pytest

from catalog.categories import service
from catalog.categories.schemas import (
    AttributeInput,
    CategoryDetails,
    CategoryInput,
    NameInput,
    OptionInput,
)
from catalog.products import keeping, reading
from catalog.products.schemas import ProductContent, ProductInput, ProductView, ValueInput
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.platform.caller import Caller
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market, key
from tests.support.world import World


def named(english: str, **others: str) -> list[NameInput]:
    return [NameInput(language=tag, name=name) for tag, name in {"en": english, **others}.items()]


def number(code: str, unit: str = "MMT", *, required: bool = False) -> AttributeInput:
    return AttributeInput(code=code, kind="number", names=named(code), unit=unit, required=required)


def enum(code: str, *options: str) -> AttributeInput:
    return AttributeInput(
        code=code,
        kind="enum",
        names=named(code),
        options=[OptionInput(code=option, names=named(option)) for option in options],
    )


class Tree:
    """The operator's work on categories and products."""

    def __init__(self, market: Market, operator: Caller) -> None:
        self.market = market
        self.operator = operator

    async def put(
        self,
        code: str,
        *attributes: AttributeInput,
        under: str | None = None,
        names: Sequence[NameInput] = (),
    ) -> CategoryDetails:
        data = CategoryInput(
            names=list(names) or named(code), parent_code=under, attributes=list(attributes)
        )
        return await service.put_category(self.market.platform, self.operator, code, data)

    async def product(self, category: CategoryDetails, **values: str) -> ProductView:
        data = ProductInput(
            name="Thing",
            category_id=category.id,
            attributes=[ValueInput(code=code, value=value) for code, value in values.items()],
        )
        return await keeping.create_product(self.market.platform, self.operator, data, key())


@pytest.fixture
async def tree(market: Market, world: World) -> Tree:
    return Tree(market, (await world.operator()).caller)


async def test_a_category_inherits_what_is_told_above(tree: Tree) -> None:
    await tree.put("parts", enum("material", "steel", "brass"))
    bearings = await tree.put("bearings", number("bore"), under="parts")
    assert [each.code for each in bearings.attributes] == ["material", "bore"]
    read = await service.read_category(tree.market.platform, tree.market.buyer, bearings.id, ())
    assert [each.code for each in read.attributes] == ["material", "bore"]
    assert len(read.path) == 2


async def test_the_same_category_again_changes_nothing(tree: Tree) -> None:
    first = await tree.put("bearings", number("bore"), enum("seal", "2RS"))
    again = await tree.put("bearings", number("bore"), enum("seal", "2RS"))
    assert (again.id, again.version) == (first.id, 1)
    other = await tree.put("bearings", number("bore"), enum("seal", "2RS", "ZZ"))
    assert (other.id, other.version) == (first.id, 2)


async def test_everybody_reads_the_tree_in_his_language_and_only_the_operator_writes(
    tree: Tree,
) -> None:
    names = named("Bearings", de="Lager")
    made = await tree.put("bearings", names=names)
    await tree.put("balls", under="bearings")
    platform, buyer = tree.market.platform, tree.market.buyer
    asked = PageRequest(1, None)
    page = await service.list_categories(platform, buyer, None, ("de",), asked)
    assert ([each.code for each in page.items], page.next is None) == (["balls"], False)
    rest = await service.list_categories(platform, buyer, None, ("de",), PageRequest(9, page.next))
    assert [(each.code, each.name) for each in rest.items] == [("bearings", "Lager")]
    below = await service.list_categories(platform, buyer, made.id, (), PageRequest(9, None))
    assert [each.code for each in below.items] == ["balls"]
    for who in (buyer, tree.market.supplier):
        with pytest.raises(NotPermitted):
            await service.put_category(platform, who, "x", CategoryInput(names=names))
        with pytest.raises(NotPermitted):
            await service.remove_category(platform, who, "bearings")


async def test_a_category_moves_with_all_below_it(tree: Tree) -> None:
    await tree.put("tools", number("weight", "KGM"))
    await tree.put("parts")
    bearings = await tree.put("bearings", under="parts")
    balls = await tree.put("balls", under="bearings")
    moved = await tree.put("bearings", under="tools")
    read = await service.read_category(tree.market.platform, tree.market.buyer, balls.id, ())
    assert moved.path[1:] == [bearings.id]
    assert read.path == [*moved.path, balls.id]
    assert [each.code for each in read.attributes] == ["weight"]
    with pytest.raises(Conflict, match="itself"):
        await tree.put("tools", number("weight", "KGM"), under="balls")


async def test_nothing_is_defined_twice_on_a_way(tree: Tree) -> None:
    await tree.put("parts")
    await tree.put("bearings", number("bore"), under="parts")
    with pytest.raises(InvalidInput) as caught:
        await tree.put("parts", number("bore"))
    assert caught.value.errors[0].pointer == "/attributes/0/code"
    await tree.put("tools", number("bore"))
    with pytest.raises(Conflict, match="bore"):
        await tree.put("parts", under="tools")


async def test_values_of_products_are_never_left_without_their_meaning(tree: Tree) -> None:
    await tree.put("tools")
    await tree.put("parts", number("weight", "KGM"))
    bearings = await tree.put("bearings", number("bore"), enum("seal", "2RS", "ZZ"), under="parts")
    await tree.product(bearings, bore="20", seal="ZZ", weight="1")
    for refused in (
        [enum("seal", "2RS", "ZZ")],
        [number("bore", "CMT"), enum("seal", "2RS", "ZZ")],
        [number("bore"), enum("seal", "2RS")],
    ):
        with pytest.raises(Conflict) as caught:
            await tree.put("bearings", *refused, under="parts")
        assert [error.code for error in caught.value.errors] == ["in_use"]
        assert "1 products" in caught.value.detail
    with pytest.raises(Conflict, match="weight"):
        await tree.put("bearings", number("bore"), enum("seal", "2RS", "ZZ"), under="tools")
    with pytest.raises(Conflict, match="weight"):
        await tree.put("parts")
    # An option nobody uses, and a new attribute, stand in nobody's way.
    await tree.put("bearings", number("bore"), enum("seal", "ZZ"), number("width"), under="parts")


async def test_what_is_required_later_makes_products_incomplete_and_is_told(tree: Tree) -> None:
    bearings = await tree.put("bearings", number("bore"))
    product = await tree.product(bearings, bore="20")
    stricter = await tree.put("bearings", number("bore"), number("width", required=True))
    assert stricter.incomplete_products == 1
    platform = tree.market.platform
    read = await reading.read_product(platform, tree.operator, product.id)
    assert (read.state, read.missing) == ("active", ["width"])
    data = ProductContent(name="Thing", category_id=bearings.id)
    with pytest.raises(InvalidInput) as caught:
        await keeping.change_product(platform, tree.operator, product.id, 1, data)
    assert [error.code for error in caught.value.errors] == ["required_attribute"]
    told = await service.read_category(platform, tree.market.buyer, bearings.id, ())
    assert not isinstance(told.incomplete_products, int)


async def test_only_an_empty_category_is_taken_away(tree: Tree) -> None:
    await tree.put("parts")
    bearings = await tree.put("bearings", under="parts")
    await tree.product(bearings)
    for code in ("parts", "bearings"):
        with pytest.raises(Conflict):
            await service.remove_category(tree.market.platform, tree.operator, code)
    await tree.put("empty", number("bore"))
    await service.remove_category(tree.market.platform, tree.operator, "empty")
    with pytest.raises(NotFound):
        await service.remove_category(tree.market.platform, tree.operator, "empty")


async def test_a_code_out_of_form_is_refused(tree: Tree) -> None:
    for code in ("", "a b", "ä", "a/b", "x" * 65, "-a", "a\n"):
        with pytest.raises(InvalidInput):
            await tree.put(code)
