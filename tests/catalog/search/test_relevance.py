"""What buyers type to a distributor of 513 articles, in two languages, and what they mean by it.

A query is answered by any article whose maker's number fits. The table bites one by one, and the
figures over all of it bite where many answers slip a little.
"""

import re

import msgspec
import pytest

from catalog.categories import service as categories
from catalog.categories.schemas import CategoryInput
from catalog.search import synonyms
from catalog.search.schemas import SynonymsInput
from marketplace.demo.catalog import CATEGORIES, PRODUCTS
from marketplace.kernel.ids import new_id
from tests.catalog.parties import Market, key
from tests.catalog.search.relevance import Judged, Score
from tests.catalog.search.shelf import Shelf
from tests.support.world import World

QUERIES = [
    # numbers of makers, norms and sizes, whole and begun, with and without punctuation
    Judged("6204-2RS", "en", r"6204-2RS"),
    Judged("6204 2RS", "de", r"6204-2RS"),
    Judged("62042rs", "de", r"6204-2RS"),
    Judged("6204", "en", r"6204"),
    Judged("6204 zz", "en", r"6204-ZZ"),
    Judged("bearing 6305 2rs", "en", r"6305-2RS"),
    Judged("M8x40", "en", r"M8X40-.*"),
    Judged("M8 x 40", "de", r"M8X40-.*"),
    Judged("m8×40 a2", "en", r"M8X40-A2"),
    Judged("M8x40 8.8", "de", r"M8X40-88"),
    Judged("hexagon bolt m8x40", "en", r"M8X40-.*"),
    Judged("ISO 4762 M6", "en", r"M6X\d+-129"),
    Judged("din 912 m6", "de", r"M6X\d+-129"),
    Judged("DIN 934 M10", "de", r"M10-NUT.*"),
    Judged("din125 m10", "de", r"M10-WSH.*"),
    Judged("32005x", "de", r"32005-X"),
    Judged("ucp205", "en", r"UCP-205"),
    Judged("MCB C16", "en", r"MCB-C16"),
    Judged("h07v-k 2,5mm2", "de", r"H07VK-25-.*", 5),
    Judged("10x38 32A", "en", r"10X38-GG32"),
    Judged("FFP2", "de", r"FFP2.*"),
    Judged("ph2", "de", r"SCD-PH-PH2"),
    Judged("EN 397", "en", r"HLM-.*"),
    Judged("M8x30 hex", "en", r"M8X30-.*"),
    Judged("bolt M8*30", "en", r"M8X30-.*"),
    Judged("Kugellager 20x47", "de", r"6204.*"),
    Judged("bearing 20 x 47 x 14 mm", "en", r"6204.*"),
    Judged("20x47x14 2rs", "de", r"6204-2RS"),
    Judged("cable 3x1.5", "en", r"CAB-3G15"),
    Judged("Leitung 5 x 2,5mm²", "de", r"CAB-5G25"),
    Judged("SDS 6x100", "en", r"SDS-6X100"),
    Judged("Spiralbohrer 6,0 mm", "de", r"DRL-.*-6"),
    Judged("twist drill 6.50", "en", r"DRL-.*-6\.5"),
    Judged("bohrer 6", "de", r"DRL-.*-6"),
    Judged("allen key 5mm", "en", r"HEX-5"),
    Judged("LS-Schalter B16", "de", r"MCB-B16"),
    Judged("Sicherungsautomat 16A", "de", r"MCB-.16.*"),
    Judged("cobalt drill 8mm", "en", r"DRL-CO-8"),
    Judged("hi vis vest XL", "en", r"VEST-.*-XL"),
    # words by their stems, singular and plural, and parts of compounds
    Judged("ball bearings", "en", r"6\d{3}.*"),
    Judged("tapered roller bearings 25 mm", "en", r"32005-X|30205-X"),
    Judged("Kugellager 25 mm", "de", r"6\d05.*", 3),
    Judged("kugellager 6205", "de", r"6205.*"),
    Judged("Rillenkugellager abgedichtet", "de", r"6\d{3}-2RS"),
    Judged("Kegelrollenlagers", "de", r"\d{5}-X"),
    Judged("Wälzlagerfette", "de", r"GRS-.*"),
    Judged("waelzlagerfett", "de", r"GRS-.*"),
    Judged("Sechskantschrauben Edelstahl M10", "de", r"M10X\d+-A2"),
    Judged("stainless hexagon nuts M8", "en", r"M8-NUT-A2"),
    Judged("Unterlegscheiben M8", "de", r"M8-WSH.*"),
    Judged("Schrauben M6x20", "de", r"M6X20-.*"),
    Judged("safety shoes size 43", "en", r"SHOE-.*-43"),
    Judged("Sicherheitsschuhe S3 Größe 42", "de", r"SHOE-S3-42"),
    Judged("sicherheitsschuh groesse 42", "de", r"SHOE-.*-42"),
    Judged("nitrile gloves", "en", r"GLV-NIT.*"),
    Judged("Handschuhe Gr. 9", "de", r"GLV-.*9", 5),
    Judged("Arbeitshandschuhe", "de", r"GLV-.*"),
    Judged("Schutzhelme rot", "de", r"HLM-RED"),
    Judged("yellow vest L", "en", r"VEST-YEL-L"),
    Judged("Spiralbohrer 6 mm", "de", r"DRL-.*-6"),
    Judged("Bohrer für Beton 8 mm", "de", r"SDS-8X.*"),
    Judged("twist drills", "en", r"DRL-.*"),
    Judged("Trennscheibe 125 Edelstahl", "de", r"DSC-125.*"),
    Judged("contactor 24V DC", "en", r"CTR-.*-24VDC"),
    Judged("Schütz 32 A", "de", r"CTR-32A-.*"),
    Judged("black wire 1.5 mm²", "en", r"H07VK-15-BK"),
    # values of attributes, and words that stand in no name
    Judged("bearing shielded 20 mm", "en", r"6\d04-ZZ", 3),
    Judged("Lager mit Deckscheiben", "de", r"6\d{3}-ZZ"),
    Judged("Kupfer verzinnt M8", "de", r"KL-\d+-M8"),
    Judged("circuit breaker 3 pole", "en", r"MCB-.*", 3),
    Judged("sanding belt", "en", r"ABR-.*"),
    Judged("Falkenau 6008", "en", r"6008"),
    # what others call it: keywords, and the operator's synonyms
    Judged("hard hat", "en", r"HLM-.*"),
    Judged("dust mask", "en", r"FFP\d.*"),
    Judged("Inbusschraube M8", "de", r"M8X\d+-129"),
    Judged("wrench 13 mm", "en", r"SPN-13"),
    Judged("Flexscheibe", "de", r"DSC-.*"),
    Judged("pillow block 25", "en", r"UCP-205"),
    Judged("Warnschutz", "de", r"VEST-.*"),
    Judged("spanner 13", "en", r"SPN-13"),
    Judged("Karosseriescheibe M6", "de", r"M6-WSH.*"),
    Judged("earthing lug 16", "en", r"KL-16-.*"),
    # typing errors
    Judged("kugelager 6204", "de", r"6204.*"),
    Judged("bal bearing 6204", "en", r"6204.*"),
    Judged("hexagn bolt M8x40", "en", r"M8X40-.*"),
    Judged("sechskantmuter m10", "de", r"M10-NUT.*"),
    Judged("shutzhelm", "de", r"HLM-.*"),
    Judged("srewdriver ph2", "en", r"SCD-PH-PH2"),
    Judged("contacter 9 A", "en", r"CTR-9A-.*"),
    Judged("cutting dsic 125", "en", r"DSC-125.*"),
    Judged("Spiralborer 6 mm", "de", r"DRL-.*-6"),
    Judged("respirater ffp3", "en", r"FFP3.*"),
    # words cut short, before others
    Judged("hex bolt M8x30", "en", r"M8X30-.*"),
    Judged("hex nut m10", "en", r"M10-NUT.*"),
    Judged("hexagon head screw m10x40", "en", r"M10X40-88"),
    Judged("vis vest yellow", "en", r"VEST-YEL-.*"),
    # words that stand nowhere, beside others that say enough
    Judged("Lager 6204 ZZ C3", "de", r"6204-ZZ"),
    Judged("Timken 6204-2RS", "en", r"6204-2RS"),
    Judged("bearing bore 25mm", "en", r"6\d05.*|32005-X|30205-X|22205-E"),
    Judged("galvanised hexagon nut M8 offer", "en", r"M8-NUT"),
    Judged("screwdriver chrome TX20", "en", r"SCD-TX-TX20"),
    # being typed
    Judged("hexagon bo", "en", r"M\d+X\d+-.*"),
    Judged("rillenk", "de", r"6\d{3}.*"),
    Judged("safety sh", "en", r"SHOE-.*"),
]
SYNONYMS = [
    SynonymsInput(terms=["Karosseriescheibe", "Scheibe"], language="de"),
    SynonymsInput(terms=["Gr.", "Größe"], language="de"),
    SynonymsInput(terms=["earthing lug"], replacements=["cable lug"], language="en"),
]


@pytest.fixture
async def distributor(market: Market, world: World) -> Shelf:
    """The demo's catalog, all of it offered by one supplier."""
    shelf = Shelf(market, (await world.operator()).caller)
    for category in CATEGORIES:
        data = msgspec.convert(category.body(), CategoryInput)
        made = await categories.put_category(shelf.platform, shelf.operator, category.code, data)
        shelf.categories[category.code] = made.id
    goods = []
    for product in PRODUCTS:
        category_id = shelf.categories[product.category]
        values = {
            code: str(value).lower() if isinstance(value, bool) else value
            for code, value in product.values.items()
        }
        texts = [
            {
                "language": language,
                "name": getattr(product.name, language),
                "description": getattr(product.description, language),
                "keywords": list(product.keywords),
            }
            for language in ("en", "de")
        ]
        goods.append(
            {
                "id": new_id(),
                "name": product.name.en,
                "description": product.description.en,
                "maker": product.maker,
                "maker_number": product.number,
                "gtin": product.gtin,
                "category_id": category_id,
                "values": values,
                "texts": texts,
            }
        )
    await shelf.stock(goods)
    for data in SYNONYMS:
        await synonyms.create_synonyms(shelf.platform, shelf.operator, data, key())
    return shelf


async def place_of(shelf: Shelf, query: Judged) -> tuple[int | None, list[str]]:
    """Give where the first answer stands among the first ten, and the first three found."""
    page = await shelf.page(query.typed, query.language, limit=10)
    numbers = [str(item.maker_number) for item in page.items]
    fitting = (at for at, number in enumerate(numbers, 1) if re.fullmatch(query.wanted, number))
    return next(fitting, None), numbers[:3]


async def test_buyers_find_what_they_mean_among_the_articles_of_the_demo(
    distributor: Shelf,
) -> None:
    found = [(query, *await place_of(distributor, query)) for query in QUERIES]
    score = Score([place for _, place, _ in found])
    late = [
        f"{query.typed!r} ({query.language}) wants {query.wanted} among {query.within}: {first}"
        for query, place, first in found
        if place is None or place > query.within
    ]
    assert late == [], "\n".join([str(score), *late])
    assert score.mean_reciprocal_rank >= 0.98, score
    assert score.recall(5) == 1, score
