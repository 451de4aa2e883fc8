"""Drills, keys, screwdrivers, discs and belts."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from marketplace.demo.catalog.model import Category, Product, Words, choice, euro, measure

MAKER: Final = "Stahlhof"

CATEGORIES: Final = (
    Category("tools", Words("Tools", "Werkzeuge")),
    Category(
        "drills",
        Words("Drills", "Bohrer"),
        "tools",
        (
            measure("diameter", "Diameter", "Durchmesser"),
            measure("working_length", "Working length", "Arbeitslänge"),
        ),
    ),
    Category(
        "twist-drills",
        Words("Twist drills", "Spiralbohrer"),
        "drills",
        (
            choice(
                "cutter", "Cutting material", "Schneidstoff", {"HSS-G": "HSS-G", "HSS-Co": "HSS-Co"}
            ),
        ),
    ),
    Category("hammer-drills", Words("Hammer drill bits", "Hammerbohrer"), "drills"),
    Category(
        "keys",
        Words("Spanners and keys", "Schraubenschlüssel"),
        "tools",
        (measure("across_flats", "Width across flats", "Schlüsselweite"),),
    ),
    Category(
        "screwdrivers",
        Words("Screwdrivers", "Schraubendreher"),
        "tools",
        (
            choice(
                "profile",
                "Profile",
                "Profil",
                {"PH": "Phillips", "PZ": "Pozidriv", "SL": ("slotted", "Schlitz"), "TX": "Torx"},
            ),
        ),
    ),
    Category(
        "abrasives",
        Words("Abrasives", "Schleifmittel"),
        "tools",
    ),
    Category(
        "cutting-discs",
        Words("Cutting and grinding discs", "Trenn- und Schruppscheiben"),
        "abrasives",
        (
            measure("disc_diameter", "Diameter", "Durchmesser"),
            measure("thickness", "Thickness", "Dicke"),
        ),
    ),
    Category(
        "abrasive-belts",
        Words("Abrasive belts", "Schleifbänder"),
        "abrasives",
        (measure("grit", "Grit", "Körnung", None),),
    ),
)

HSS_LENGTHS: Final = {
    "1": 12, "1.5": 18, "2": 24, "2.5": 30, "3": 33, "3.5": 39, "4": 43, "4.5": 47, "5": 52,
    "5.5": 57, "6": 57, "6.5": 63, "7": 69, "7.5": 69, "8": 75, "8.5": 75, "9": 81, "9.5": 81,
    "10": 87, "10.5": 87, "11": 94, "11.5": 94, "12": 101, "12.5": 101, "13": 101,
}  # fmt: skip
"""Working lengths by diameter, DIN 338."""
SDS: Final = {5: (50, 100), 6: (50, 100, 150), 8: (50, 100, 150), 10: (100, 150), 12: (100, 150)}
"""Working lengths of hammer drill bits by diameter."""
SPANNERS: Final = (6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 24)
HEX_KEYS: Final = ("1.5", "2", "2.5", "3", "4", "5", "6", "8", "10")
SCREWDRIVERS: Final = {
    "PH": ("PH0", "PH1", "PH2", "PH3"),
    "PZ": ("PZ1", "PZ2", "PZ3"),
    "SL": ("3.0", "4.0", "5.5", "6.5", "8.0"),
    "TX": ("TX10", "TX15", "TX20", "TX25", "TX30"),
}
DISCS: Final = (
    (115, "1"),
    (125, "1"),
    (125, "1.6"),
    (180, "2"),
    (230, "2"),
    (125, "6"),
    (230, "6"),
)
GRITS: Final = (40, 60, 80, 120, 180, 240)


def products() -> Iterator[Product]:
    """Give all of them."""
    yield from _drills()
    for width in SPANNERS:
        yield _key(f"SPN-{width}", str(width), "Combination spanner", "Ringmaulschlüssel", 2.2)
    for width_text in HEX_KEYS:
        yield _key(f"HEX-{width_text}", width_text, "Hex key", "Innensechskantschlüssel", 0.6)
    for profile, sizes in SCREWDRIVERS.items():
        yield from (_screwdriver(profile, size) for size in sizes)
    yield from (_disc(diameter, thickness) for diameter, thickness in DISCS)
    yield from (_belt(grit) for grit in GRITS)


def _drills() -> Iterator[Product]:
    for diameter, length in HSS_LENGTHS.items():
        yield _twist_drill(diameter, length, "HSS-G")
        if Decimal(3) <= Decimal(diameter) <= Decimal(10):
            yield _twist_drill(diameter, length, "HSS-Co")
    for sds, lengths in SDS.items():
        yield from (_hammer_drill(sds, length) for length in lengths)


def _twist_drill(diameter: str, length: int, cutter: str) -> Product:
    cobalt = cutter == "HSS-Co"
    return Product(
        number=f"DRL-{'CO' if cobalt else 'G'}-{diameter}",
        maker=MAKER,
        category="twist-drills",
        name=Words(f"Twist drill {cutter} {diameter} mm", f"Spiralbohrer {cutter} {diameter} mm"),
        description=Words(
            f"DIN 338, {'cobalt, type VA' if cobalt else 'type N'}, working length {length} mm",
            f"DIN 338, {'Kobalt, Typ VA' if cobalt else 'Typ N'}, Arbeitslänge {length} mm",
        ),
        values={"diameter": diameter, "working_length": str(length), "cutter": cutter},
        unspsc="27112800",
        price=euro((0.45 + float(diameter) ** 2 / 22) * (2.1 if cobalt else 1)),
        pack=10 if float(diameter) <= 10 else 5,  # noqa: PLR2004 - what a box holds
        keywords=("drill bit", "Metallbohrer"),
        substitutes=(f"DRL-G-{diameter}",) if cobalt else (),
    )


def _hammer_drill(diameter: int, length: int) -> Product:
    return Product(
        number=f"SDS-{diameter}X{length}",
        maker=MAKER,
        category="hammer-drills",
        name=Words(
            f"Hammer drill bit SDS-plus {diameter} x {length} mm",
            f"Hammerbohrer SDS-plus {diameter} x {length} mm",
        ),
        description=Words("four cutting edges, for concrete", "vier Schneiden, für Beton"),
        values={"diameter": str(diameter), "working_length": str(length)},
        unspsc="27112800",
        price=euro(2.1 + diameter * 0.21 + length * 0.011),
        keywords=("masonry drill", "Betonbohrer"),
    )


def _key(number: str, width: str, english: str, german: str, base: float) -> Product:
    return Product(
        number=number,
        maker=MAKER,
        category="keys",
        name=Words(f"{english} {width} mm", f"{german} {width} mm"),
        description=Words("chrome vanadium steel", "Chrom-Vanadium-Stahl"),
        values={"across_flats": width},
        unspsc="27111700",
        price=euro(base + float(width) * base / 11),
        keywords=("wrench", "Maulschlüssel")
        if number.startswith("SPN")
        else ("allen key", "Inbus"),
    )


def _screwdriver(profile: str, size: str) -> Product:
    return Product(
        number=f"SCD-{profile}-{size}",
        maker=MAKER,
        category="screwdrivers",
        name=Words(f"Screwdriver {size}", f"Schraubendreher {size}"),
        description=Words(
            "two-component handle, hexagonal blade", "Zweikomponentengriff, Sechskantklinge"
        ),
        values={"profile": profile},
        unspsc="27111700",
        price=euro(4.9),
        pack=5,
    )


def _disc(diameter: int, thickness: str) -> Product:
    grinding = thickness == "6"
    words = (
        Words("Grinding disc", "Schruppscheibe")
        if grinding
        else Words("Cutting disc", "Trennscheibe")
    )
    return Product(
        number=f"DSC-{diameter}X{thickness}",
        maker=MAKER,
        category="cutting-discs",
        name=Words(
            f"{words.en} {diameter} x {thickness} mm", f"{words.de} {diameter} x {thickness} mm"
        ),
        description=Words(
            "for steel and stainless steel, bore 22.23 mm",
            "für Stahl und Edelstahl, Bohrung 22,23 mm",
        ),
        values={"disc_diameter": str(diameter), "thickness": thickness},
        unspsc="31191500",
        price=euro(0.5 + diameter * diameter / 30_000 * (1.8 if grinding else 1)),
        pack=25,
        keywords=("abrasive wheel", "Flexscheibe"),
    )


def _belt(grit: int) -> Product:
    return Product(
        number=f"ABR-P{grit}",
        maker=MAKER,
        category="abrasive-belts",
        name=Words(f"Abrasive belt P{grit}", f"Schleifband P{grit}"),
        description=Words("75 x 533 mm, aluminium oxide", "75 x 533 mm, Korund"),
        values={"grit": str(grit)},
        unspsc="31191500",
        price=euro(2.05),
        pack=10,
        keywords=("sanding belt", "Schleifpapier"),
    )
