"""What people wear at work: gloves, shoes, helmets, glasses, clothing, respirators."""

from collections.abc import Iterator
from typing import Final

from marketplace.demo.catalog.model import (
    Attribute,
    Category,
    Product,
    Words,
    choice,
    euro,
    measure,
)

MAKER: Final = "Tarn"
PLAIN_COLOURS: Final = {
    "white": ("white", "weiß"),
    "yellow": ("yellow", "gelb"),
    "blue": ("blue", "blau"),
    "red": ("red", "rot"),
    "orange": ("orange", "orange"),
    "clear": ("clear", "klar"),
    "grey": ("grey", "grau"),
}

CATEGORIES: Final = (
    Category("safety", Words("Safety at work", "Arbeitsschutz")),
    Category(
        "gloves",
        Words("Gloves", "Handschuhe"),
        "safety",
        (
            measure("glove_size", "Size", "Größe", None),
            choice(
                "use",
                "Use",
                "Verwendung",
                {
                    "assembly": ("assembly", "Montage"),
                    "cut": ("against cuts", "Schnittschutz"),
                    "driver": ("driver", "Fahrer"),
                    "winter": ("winter", "Winter"),
                    "chemical": ("against chemicals", "Chemikalienschutz"),
                },
            ),
        ),
    ),
    Category(
        "safety-shoes",
        Words("Safety shoes", "Sicherheitsschuhe"),
        "safety",
        (
            measure("shoe_size", "Size (EU)", "Größe (EU)", None),
            choice("class", "Class", "Klasse", {"S1P": "S1P", "S3": "S3"}),
        ),
    ),
    Category(
        "head-and-eyes",
        Words("Head and eye protection", "Kopf- und Augenschutz"),
        "safety",
        (choice("colour", "Colour", "Farbe", PLAIN_COLOURS),),
    ),
    Category(
        "clothing",
        Words("High visibility clothing", "Warnschutzkleidung"),
        "safety",
        (
            choice("clothing_size", "Size", "Größe", {s: s for s in ("S", "M", "L", "XL", "XXL")}),
            choice("colour", "Colour", "Farbe", PLAIN_COLOURS),
        ),
    ),
    Category(
        "respirators",
        Words("Respirators", "Atemschutz"),
        "safety",
        (
            choice("filter", "Filter class", "Filterklasse", {f"FFP{n}": f"FFP{n}" for n in "123"}),
            Attribute("valve", Words("With valve", "Mit Ventil"), "boolean"),
        ),
    ),
)

GLOVES: Final = (
    ("assembly", "NIT", "Nitrile glove", "Nitrilhandschuh", "coated, EN 388 4121X", 1.32, 6, 12),
    ("cut", "CUT", "Cut resistant glove", "Schnittschutzhandschuh", "EN 388 4X42E", 4.9, 6, 12),
    ("driver", "LEA", "Leather driver's glove", "Fahrerhandschuh", "cowhide, EN 388", 3.6, 8, 12),
    ("winter", "WIN", "Winter glove", "Winterhandschuh", "acrylic lining, EN 511", 3.2, 8, 12),
    ("chemical", "CHE", "Chemical glove", "Chemikalienhandschuh", "EN ISO 374-1 A", 2.4, 7, 11),
)
"""Use, short name, names, what it meets, price, first size, the size after the last."""


def products() -> Iterator[Product]:
    """Give all of them."""
    for use, short, english, german, meets, price, first, end in GLOVES:
        for size in range(first, end):
            yield Product(
                number=f"GLV-{short}{size}",
                maker=MAKER,
                category="gloves",
                name=Words(f"{english} size {size}", f"{german} Größe {size}"),
                description=Words(meets, meets),
                values={"glove_size": str(size), "use": use},
                unspsc="46181500",
                price=euro(price),
                unit="PR",
                pack=12,
                keywords=("work glove", "Arbeitshandschuh"),
            )
    for grade, price in (("S1P", 38.5), ("S3", 46.9)):
        for size in range(38, 48):
            yield Product(
                number=f"SHOE-{grade}-{size}",
                maker=MAKER,
                category="safety-shoes",
                name=Words(
                    f"Safety shoe {grade}, size {size}", f"Sicherheitsschuh {grade}, Größe {size}"
                ),
                description=Words(
                    "EN ISO 20345, composite cap, penetration resistant",
                    "EN ISO 20345, Kunststoffkappe, durchtrittsicher",
                ),
                values={"shoe_size": str(size), "class": grade},
                unspsc="46181600",
                price=euro(price),
                unit="PR",
                keywords=("work shoe", "Arbeitsschuh"),
            )
    yield from _heads()
    yield from _vests()
    yield from _respirators()


def _heads() -> Iterator[Product]:
    for short, colour in (("WHT", "white"), ("YEL", "yellow"), ("BLU", "blue"), ("RED", "red")):
        told = Words(*PLAIN_COLOURS[colour])
        yield Product(
            number=f"HLM-{short}",
            maker=MAKER,
            category="head-and-eyes",
            name=Words(f"Safety helmet, {told.en}", f"Schutzhelm, {told.de}"),
            description=Words(
                "EN 397, ratchet, six points", "EN 397, Drehverschluss, sechs Punkte"
            ),
            values={"colour": colour},
            unspsc="46181700",
            price=euro(11.8),
            keywords=("hard hat", "Bauhelm"),
            accessories=("GLS-CLR",),
        )
    for short, colour in (("CLR", "clear"), ("GRY", "grey"), ("YEL", "yellow")):
        told = Words(*PLAIN_COLOURS[colour])
        yield Product(
            number=f"GLS-{short}",
            maker=MAKER,
            category="head-and-eyes",
            name=Words(f"Safety glasses, {told.en}", f"Schutzbrille, {told.de}"),
            description=Words("EN 166, scratch resistant", "EN 166, kratzfest"),
            values={"colour": colour},
            unspsc="46181800",
            price=euro(4.1),
            pack=10,
            keywords=("goggles", "Bügelbrille"),
        )


def _vests() -> Iterator[Product]:
    for colour in ("yellow", "orange"):
        told = Words(*PLAIN_COLOURS[colour])
        for size in ("S", "M", "L", "XL", "XXL"):
            yield Product(
                number=f"VEST-{colour[:3].upper()}-{size}",
                maker=MAKER,
                category="clothing",
                name=Words(
                    f"High visibility vest, {told.en}, {size}", f"Warnweste, {told.de}, {size}"
                ),
                description=Words("EN ISO 20471 class 2", "EN ISO 20471 Klasse 2"),
                values={"clothing_size": size, "colour": colour},
                unspsc="46181500",
                price=euro(3.4),
                pack=10,
                keywords=("hi-vis", "Warnschutz"),
            )


def _respirators() -> Iterator[Product]:
    for grade, price in (("FFP1", 0.55), ("FFP2", 0.82), ("FFP3", 1.95)):
        for valve in (False, True):
            yield Product(
                number=f"{grade}{'-V' if valve else ''}",
                maker=MAKER,
                category="respirators",
                name=Words(
                    f"Respirator {grade}{' with valve' if valve else ''}",
                    f"Atemschutzmaske {grade}{' mit Ventil' if valve else ''}",
                ),
                description=Words("EN 149, not reusable", "EN 149, nicht wiederverwendbar"),
                values={"filter": grade, "valve": valve},
                unspsc="46182000",
                price=euro(price + (0.35 if valve else 0)),
                pack=20,
                keywords=("dust mask", "Staubmaske"),
            )
