"""Searching: what is found, and in which order."""

import pytest

from catalog.search import synonyms
from catalog.search.schemas import SynonymsInput
from marketplace.kernel.errors import InvalidInput, NotPermitted, StaleVersion
from marketplace.kernel.ids import new_id
from tests.catalog.parties import key
from tests.catalog.search.shelf import Shelf

RELEVANT = [
    # what is typed, its language, what must be on top
    ("deep groove ball bearing sealed", "en", "Deep groove ball bearing 6204-2RS1"),
    ("bearings up to 100", "en", "Bearing puller"),
    ("rillenkugellager 6205", "de", "Deep groove ball bearing 6205"),
    ("Kugellager Keramik", "de", "Deep groove ball bearing 6205"),
    ("Schrauben", "de", "Hexagon bolt M8x20 stainless steel A2"),
    ("Sechskantmutter", "de", "Hexagon nuts M8"),
    ("nut", "en", "Hexagon nuts M8"),
    ("hexagon bolts", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("Edelstahl Schraube", "de", "Hexagon bolt M8x20 stainless steel A2"),
    ("edelstahlschraube", "de", "Hexagon bolt M8x20 stainless steel A2"),
    ("brille", "de", "Safety glasses clear"),
    ("Schluessel", "de", "Allen key 5 mm"),
    ("schutzbrillen für augen", "de", "Safety glasses clear"),
    ("safty glases", "en", "Safety glasses clear"),
    ("rillenkugelager abgedichtet", "de", "Deep groove ball bearing 6204-2RS1"),
    ("hexagn bolt", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("bearng puler", "en", "Bearing puller"),
    ("6204-2RS", "", "Deep groove ball bearing 6204-2RS1"),
    ("62042rs", "", "Deep groove ball bearing 6204-2RS1"),
    ("6204 2rs", "", "Deep groove ball bearing 6204-2RS1"),
    ("6204.2RS1/c3", "", "Deep groove ball bearing 6204-2RS1"),
    ("ka 6205", "", "Deep groove ball bearing 6205"),
    ("KA6205", "", "Deep groove ball bearing 6205"),
    ("fx-934", "de", "Hexagon nuts M8"),
    ("fx9338", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("4006381333931", "", "Deep groove ball bearing 6204-2RS1"),
    ("m8x20", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("M8×20", "en", "Hexagon bolt M8x20 stainless steel A2"),
    ("din 934", "de", "Hexagon nuts M8"),
    ("„elektromotoren“", "de", "Deep groove ball bearing 6204-2RS1"),
    ("5mm key", "en", "Allen key 5 mm"),
    ("kugelwerk ceramic", "en", "Deep groove ball bearing 6205"),
    ("kugelwerk keramik", "de", "Deep groove ball bearing 6205"),
    ("schleifen", "de", "Safety glasses clear"),
]


async def test_what_is_typed_brings_what_is_meant_to_the_top(stocked: Shelf) -> None:
    wrong = {}
    for typed, language, expected in RELEVANT:
        found = await stocked.found(typed, *filter(None, [language]), sort="relevance")
        if not found or found[0] not in {expected, *GERMAN.get(expected, ())}:
            wrong[typed, language] = (expected, found)
    assert wrong == {}, "\n".join(map(str, wrong.items()))


GERMAN = {
    "Deep groove ball bearing 6204-2RS1": ("Rillenkugellager 6204-2RS1",),
    "Deep groove ball bearing 6205": ("Rillenkugellager 6205",),
    "Bearing puller": ("Abzieher für Lager",),
    "Hexagon bolt M8x20 stainless steel A2": ("Sechskantschraube M8x20 Edelstahl A2",),
    "Hexagon nuts M8": ("Sechskantmuttern M8",),
    "Safety glasses clear": ("Schutzbrille klar",),
    "Allen key 5 mm": ("Innensechskantschlüssel 5 mm",),
}


async def test_what_nobody_has_is_not_found_and_signs_say_nothing(stocked: Shelf) -> None:
    for typed, language in (("washer", "en"), ("99999", "de"), ("washer 99999", "en")):
        assert await stocked.found(typed, language) == []
    everything = await stocked.found()
    for typed in ("%", "'' & | !", ":*", "\\"):
        assert await stocked.found(typed, "en") == everything


async def test_synonyms_are_kept_by_the_operator_and_known_at_once(
    stocked: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, operator = stocked.platform, stocked.operator
    assert await stocked.found("goggles", "en") == []
    made = await synonyms.create_synonyms(
        platform,
        operator,
        SynonymsInput(terms=["Goggles", "safety  glasses"], language="en"),
        key("glasses"),
    )
    assert made.terms == ["goggles", "safety glasses"]
    assert await stocked.found("goggles", "en") == ["Safety glasses clear"]
    assert await stocked.found("goggles", "de") == []
    assert await stocked.found("goggles", "en-GB", "en") == ["Safety glasses clear"]
    directed = SynonymsInput(terms=["hex key"], replacements=["allen key"])
    await synonyms.create_synonyms(platform, operator, directed, key("key"))
    assert await stocked.found("hex key", "en") == ["Allen key 5 mm"]
    with monkeypatch.context() as few:
        few.setattr("catalog.search.known.SYNONYMS_KEPT_MAX", 0)
        assert await stocked.found("hex key", "en") == ["Allen key 5 mm"]
        assert await stocked.found("goggles", "de") == []
    changed = SynonymsInput(terms=["spectacles", "safety glasses"], language="en-GB")
    with pytest.raises(StaleVersion):
        await synonyms.change_synonyms(platform, operator, made.id, 7, changed)
    await synonyms.change_synonyms(platform, operator, made.id, 1, changed)
    assert await stocked.found("goggles", "en") == []
    assert await stocked.found("spectacles", "en") == ["Safety glasses clear"]
    unknown = SynonymsInput(terms=["a", "b"], language="xx")
    with pytest.raises(InvalidInput) as refused:
        await synonyms.create_synonyms(platform, operator, unknown, key())
    assert [error.pointer for error in refused.value.errors] == ["/language"]
    await synonyms.delete_synonyms(platform, operator, made.id, 2)
    assert await stocked.found("spectacles", "en") == []


async def test_only_the_operator_keeps_synonyms(stocked: Shelf) -> None:
    data = SynonymsInput(terms=["a", "b"])
    for who in (stocked.market.buyer, stocked.market.supplier):
        with pytest.raises(NotPermitted):
            await synonyms.create_synonyms(stocked.platform, who, data, key())
        with pytest.raises(NotPermitted):
            await synonyms.change_synonyms(stocked.platform, who, new_id(), 1, data)
        with pytest.raises(NotPermitted):
            await synonyms.delete_synonyms(stocked.platform, who, new_id(), 1)
    with pytest.raises(InvalidInput, match="nothing else"):
        await synonyms.create_synonyms(
            stocked.platform, stocked.operator, SynonymsInput(terms=["a"]), key()
        )


async def test_a_search_follows_what_its_caller_was_granted_and_offered_since_the_last(
    stocked: Shelf,
) -> None:
    market = stocked.market
    hidden = await stocked.add("Hexagon cap")
    await market.offer("CAP", product_id=hidden.id, name="Hexagon cap", visibility="restricted")
    bolts = await stocked.found("hexagon", "en")
    assert len(bolts) == 2

    async def told(*expected: str) -> None:
        for facets in (False, True, False):  # by then it is known that he sees what is open
            assert sorted(await stocked.found("hexagon", "en", facets=facets)) == sorted(expected)

    await told(*bolts)
    assortment = await market.assortment("CAP", to=[market.buyer])
    await told("Hexagon cap", *bolts)
    await market.withdraw(assortment, market.buyer)
    await told(*bolts)
    await market.offer("OWN", name="Hexagon pin", buyer_id=market.buyer.organization_id)
    await told("Hexagon pin", *bolts)
