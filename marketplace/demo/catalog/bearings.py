"""Rolling bearings by the sizes of ISO 15 and ISO 355, bearing units, and grease."""

from collections.abc import Iterator
from typing import Final

from marketplace.demo.catalog.model import Category, Product, Words, choice, euro, measure

MAKER: Final = "Falkenau"
UNSPSC: Final = "31171500"

SEALS: Final = {
    "open": Words("open", "offen"),
    "2RS": Words("sealed both sides", "beidseitig abgedichtet"),
    "ZZ": Words("shielded", "mit Deckscheiben"),
}

CATEGORIES: Final = (
    Category("drives", Words("Drive technology", "Antriebstechnik")),
    Category(
        "rolling-bearings",
        Words("Rolling bearings", "Wälzlager"),
        "drives",
        (
            measure("bore", "Bore", "Bohrung"),
            measure("outer_diameter", "Outer diameter", "Außendurchmesser"),
            measure("width", "Width", "Breite"),
        ),
    ),
    Category(
        "deep-groove-ball-bearings",
        Words("Deep groove ball bearings", "Rillenkugellager"),
        "rolling-bearings",
        (choice("seal", "Seal", "Dichtung", {k: (w.en, w.de) for k, w in SEALS.items()}),),
    ),
    Category(
        "tapered-roller-bearings",
        Words("Tapered roller bearings", "Kegelrollenlager"),
        "rolling-bearings",
    ),
    Category(
        "spherical-roller-bearings",
        Words("Spherical roller bearings", "Pendelrollenlager"),
        "rolling-bearings",
    ),
    Category(
        "bearing-units",
        Words("Bearing units", "Gehäuselager"),
        "drives",
        (measure("shaft", "Shaft diameter", "Wellendurchmesser"),),
    ),
    Category(
        "lubricants",
        Words("Lubricants", "Schmierstoffe"),
        "drives",
        (measure("contents", "Contents", "Inhalt", "GRM"),),
    ),
)

BORES: Final = (10, 12, 15, 17, 20, 25, 30, 35, 40, 45, 50, 55, 60)
"""Millimetres by the last two figures of a bearing's number, from 00 to 12."""
DEEP_GROOVE: Final = {
    "60": "26x8 28x8 32x9 35x10 42x12 47x12 55x13 62x14 68x15 75x16 80x16 90x18 95x18",
    "62": "30x9 32x10 35x11 40x12 47x14 52x15 62x16 72x17 80x18 85x19 90x20 100x21 110x22",
    "63": "35x11 37x12 42x13 47x14 52x15 62x17 72x19 80x21 90x23 100x25 110x27 120x29 130x31",
}
"""Outer diameter and width of each series, by bore."""
TAPERED: Final = (
    "32004 20x42x15|32005 25x47x15|32006 30x55x17|32007 35x62x18|32008 40x68x19|32009 45x75x20|"
    "32010 50x80x20|30204 20x47x15.25|30205 25x52x16.25|30206 30x62x17.25"
)
SPHERICAL: Final = (
    "22205 25x52x18|22206 30x62x20|22207 35x72x23|22208 40x80x23|22209 45x85x23|22210 50x90x23"
)
UNIT_SHAFTS: Final = (20, 25, 30, 35, 40, 45, 50)


def products() -> Iterator[Product]:
    """Give all of them."""
    yield from _deep_groove()
    yield from _rollers(TAPERED, "X", "tapered-roller", "Tapered roller", "Kegelrollen", 4.2)
    yield from _rollers(SPHERICAL, "E", "spherical-roller", "Spherical roller", "Pendelrollen", 9.8)
    for place, shaft in enumerate(UNIT_SHAFTS, start=4):
        yield Product(
            number=f"UCP-2{place:02}",
            maker=MAKER,
            category="bearing-units",
            name=Words(f"Pillow block unit UCP 2{place:02}", f"Stehlagereinheit UCP 2{place:02}"),
            description=Words(
                f"for {shaft} mm shafts, cast iron, with set screws",
                f"für Wellen von {shaft} mm, Grauguss, mit Gewindestiften",
            ),
            values={"shaft": str(shaft)},
            unspsc=UNSPSC,
            price=euro(6 + shaft * 0.49),
            keywords=("pillow block", "Stehlager"),
            accessories=("GRS-EP2",),
        )
    for grade, grams, price in (("EP2", 400, 4.75), ("EP2", 1000, 9.9), ("HT2", 400, 8.6)):
        size = "" if grams == 400 else f"-{grams}"  # noqa: PLR2004 - the usual cartridge
        yield Product(
            number=f"GRS-{grade}{size}",
            maker=MAKER,
            category="lubricants",
            name=Words(f"Bearing grease {grade}, {grams} g", f"Wälzlagerfett {grade}, {grams} g"),
            description=Words(
                "lithium soap, for sealed and open bearings, -20 to 120 °C",
                "lithiumverseift, für offene und abgedichtete Lager, -20 bis 120 °C",
            ),
            values={"contents": str(grams)},
            unspsc="15121900",
            price=euro(price),
            pack=12,
            keywords=("lubricant", "Schmierfett"),
        )


def _deep_groove() -> Iterator[Product]:
    for series, row in DEEP_GROOVE.items():
        for place, (bore, size) in enumerate(zip(BORES, row.split(), strict=True)):
            outer, width = size.split("x")
            base = f"{series}{place:02}"
            for seal, words in SEALS.items():
                number = base if seal == "open" else f"{base}-{seal}"
                yield Product(
                    number=number,
                    maker=MAKER,
                    category="deep-groove-ball-bearings",
                    name=Words(f"Ball bearing {number}", f"Rillenkugellager {number}"),
                    description=Words(
                        f"{bore} x {outer} x {width} mm, {words.en}",
                        f"{bore} x {outer} x {width} mm, {words.de}",
                    ),
                    values={
                        "bore": str(bore),
                        "outer_diameter": outer,
                        "width": width,
                        "seal": seal,
                    },
                    unspsc=UNSPSC,
                    price=euro(
                        (1.2 + int(outer) * int(width) / 160)
                        * {"open": 0.92, "2RS": 1.12, "ZZ": 1.0}[seal]
                    ),
                    keywords=("deep groove ball bearing", "Kugellager"),
                    accessories=("GRS-EP2",) if (series, seal) == ("62", "open") else (),
                    substitutes=(f"{base}-ZZ",) if (series, seal) == ("62", "2RS") else (),
                )


def _rollers(
    table: str, suffix: str, kind: str, english: str, german: str, factor: float
) -> Iterator[Product]:
    for entry in table.split("|"):
        series, size = entry.split()
        bore, outer, width = size.split("x")
        number = f"{series}-{suffix}"
        yield Product(
            number=number,
            maker=MAKER,
            category=f"{kind}-bearings",
            name=Words(f"{english} bearing {number}", f"{german}lager {number}"),
            description=Words(f"{bore} x {outer} x {width} mm", f"{bore} x {outer} x {width} mm"),
            values={"bore": bore, "outer_diameter": outer, "width": width},
            unspsc=UNSPSC,
            price=euro(2 + factor * int(outer) * float(width) / 380),
        )
