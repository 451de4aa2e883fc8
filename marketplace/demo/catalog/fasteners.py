"""Bolts, screws, nuts and washers by ISO 4017, 4762, 4032 and 7089."""

from collections.abc import Iterator
from typing import Final

from marketplace.demo.catalog.model import Category, Product, Words, choice, euro, measure

MAKER: Final = "Brandt & Sohn"
THREADS: Final = (4, 5, 6, 8, 10, 12, 16, 20)

CATEGORIES: Final = (
    Category(
        "fasteners",
        Words("Fasteners", "Verbindungselemente"),
        attributes=(
            choice("thread", "Thread", "Gewinde", {f"M{size}": f"M{size}" for size in THREADS}),
            choice(
                "material",
                "Material",
                "Werkstoff",
                {
                    "steel": ("steel, zinc plated", "Stahl, verzinkt"),
                    "steel-black": ("steel, black", "Stahl, blank"),
                    "A2": ("stainless steel A2", "Edelstahl A2"),
                },
            ),
        ),
    ),
    Category(
        "hexagon-bolts",
        Words("Hexagon bolts", "Sechskantschrauben"),
        "fasteners",
        (
            measure("length", "Length", "Länge"),
            choice("strength", "Strength class", "Festigkeitsklasse", {"8.8": "8.8", "70": "70"}),
        ),
    ),
    Category(
        "socket-screws",
        Words("Socket head cap screws", "Zylinderschrauben mit Innensechskant"),
        "fasteners",
        (
            measure("length", "Length", "Länge"),
            choice("strength", "Strength class", "Festigkeitsklasse", {"12.9": "12.9"}),
        ),
    ),
    Category("nuts", Words("Nuts", "Muttern"), "fasteners"),
    Category("washers", Words("Washers", "Scheiben"), "fasteners"),
)

BOLTS: Final = {
    6: (16, 20, 25, 30, 40, 50),
    8: (20, 25, 30, 40, 50, 60),
    10: (25, 30, 40, 50, 60, 80),
    12: (30, 40, 50, 60, 80, 100),
    16: (40, 50, 60, 80, 100),
}
SCREWS: Final = {
    4: (10, 16, 20),
    5: (12, 16, 20, 25),
    6: (16, 20, 30),
    8: (20, 25, 30, 40),
    10: (30, 40),
}
OUTER: Final = {4: 9, 5: 10, 6: 12, 8: 16, 10: 20, 12: 24, 16: 30, 20: 37}
"""Outer diameter of a washer by its thread, ISO 7089."""
FLATS: Final = {4: 7, 5: 8, 6: 10, 8: 13, 10: 16, 12: 18, 16: 24, 20: 30}
"""Width across flats of a nut by its thread, ISO 4032."""


def products() -> Iterator[Product]:
    """Give all of them."""
    for size, lengths in BOLTS.items():
        for length in lengths:
            yield _bolt(size, length, stainless=False)
            yield _bolt(size, length, stainless=True)
    for size, lengths in SCREWS.items():
        for length in lengths:
            yield _screw(size, length)
    for size in THREADS:
        yield from _nut_and_washer(size, stainless=False)
        yield from _nut_and_washer(size, stainless=True)


def _pack(size: int) -> int:
    return 200 if size <= 6 else 100 if size <= 12 else 50  # noqa: PLR2004 - boxes of about 4 kg


def _bolt(size: int, length: int, *, stainless: bool) -> Product:
    grade, short = ("A2-70", "A2") if stainless else ("8.8", "88")
    finish = (
        Words("stainless steel", "Edelstahl") if stainless else Words("zinc plated", "verzinkt")
    )
    return Product(
        number=f"M{size}X{length}-{short}",
        maker=MAKER,
        category="hexagon-bolts",
        name=Words(
            f"Hexagon bolt M{size} x {length}, {grade}",
            f"Sechskantschraube M{size} x {length}, {grade}",
        ),
        description=Words(
            f"ISO 4017, full thread, {finish.en}", f"ISO 4017, Vollgewinde, {finish.de}"
        ),
        values={
            "thread": f"M{size}",
            "material": "A2" if stainless else "steel",
            "length": str(length),
            "strength": "70" if stainless else "8.8",
        },
        unspsc="31161600",
        price=euro((0.02 + size * size * length / 26_000) * (3.1 if stainless else 1)),
        pack=_pack(size),
        keywords=("hexagon head screw", "DIN 933", "Schraube"),
        accessories=() if stainless else (f"M{size}-NUT", f"M{size}-WSH"),
    )


def _screw(size: int, length: int) -> Product:
    return Product(
        number=f"M{size}X{length}-129",
        maker=MAKER,
        category="socket-screws",
        name=Words(
            f"Socket head cap screw M{size} x {length}, 12.9",
            f"Zylinderschraube M{size} x {length}, 12.9",
        ),
        description=Words("ISO 4762, hexagon socket, black", "ISO 4762, Innensechskant, blank"),
        values={
            "thread": f"M{size}",
            "material": "steel-black",
            "length": str(length),
            "strength": "12.9",
        },
        unspsc="31161500",
        price=euro(0.03 + size * size * length / 17_000),
        pack=_pack(size),
        keywords=("allen screw", "DIN 912", "Inbusschraube"),
    )


def _nut_and_washer(size: int, *, stainless: bool) -> Iterator[Product]:
    tail = "-A2" if stainless else ""
    finish = (
        Words("stainless steel A2", "Edelstahl A2")
        if stainless
        else Words("zinc plated", "verzinkt")
    )
    values = {"thread": f"M{size}", "material": "A2" if stainless else "steel"}
    factor = 2.6 if stainless else 1
    yield Product(
        number=f"M{size}-NUT{tail}",
        maker=MAKER,
        category="nuts",
        name=Words(f"Hexagon nut M{size}{tail}", f"Sechskantmutter M{size}{tail}"),
        description=Words(
            f"ISO 4032, {FLATS[size]} mm across flats, {finish.en}",
            f"ISO 4032, Schlüsselweite {FLATS[size]} mm, {finish.de}",
        ),
        values=values,
        unspsc="31161700",
        price=euro((0.006 + size**3 / 19_000) * factor),
        pack=_pack(size),
        keywords=("DIN 934", "Mutter"),
    )
    yield Product(
        number=f"M{size}-WSH{tail}",
        maker=MAKER,
        category="washers",
        name=Words(f"Washer M{size}{tail}", f"Scheibe M{size}{tail}"),
        description=Words(
            f"ISO 7089, outer diameter {OUTER[size]} mm, {finish.en}",
            f"ISO 7089, Außendurchmesser {OUTER[size]} mm, {finish.de}",
        ),
        values=values,
        unspsc="31161800",
        price=euro((0.004 + size**3 / 55_000) * factor),
        pack=_pack(size),
        keywords=("DIN 125", "Unterlegscheibe"),
    )
