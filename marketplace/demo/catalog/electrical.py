"""Cable lugs, fuses, circuit breakers, contactors, cables."""

from collections.abc import Iterator
from typing import Final

from marketplace.demo.catalog.model import Category, Product, Words, choice, euro, measure

MAKER: Final = "Lindvik"
COLOURS: Final = {
    "black": ("black", "schwarz"),
    "blue": ("blue", "blau"),
    "green-yellow": ("green-yellow", "grün-gelb"),
}

CATEGORIES: Final = (
    Category("electrical", Words("Electrical", "Elektrotechnik")),
    Category(
        "cable-lugs",
        Words("Cable lugs", "Kabelschuhe"),
        "electrical",
        (
            measure("cross_section", "Cross-section", "Querschnitt", "MMK"),
            choice(
                "bolt", "Bolt", "Bolzen", {f"M{size}": f"M{size}" for size in (5, 6, 8, 10, 12)}
            ),
        ),
    ),
    Category(
        "circuit-protection",
        Words("Circuit protection", "Leitungsschutz"),
        "electrical",
        (measure("rated_current", "Rated current", "Bemessungsstrom", "AMP"),),
    ),
    Category(
        "fuses",
        Words("Fuse links", "Sicherungseinsätze"),
        "circuit-protection",
        (choice("size", "Size", "Baugröße", {"10x38": "10 x 38 mm", "NH00": "NH00"}),),
    ),
    Category(
        "circuit-breakers",
        Words("Circuit breakers", "Leitungsschutzschalter"),
        "circuit-protection",
        (
            choice("curve", "Characteristic", "Charakteristik", {"B": "B", "C": "C"}),
            measure("poles", "Poles", "Polzahl", None),
        ),
    ),
    Category(
        "contactors",
        Words("Contactors", "Schütze"),
        "electrical",
        (
            measure("switching_current", "Current at AC-3", "Strom bei AC-3", "AMP"),
            choice("coil", "Coil", "Spule", {"24VDC": "24 V DC", "230VAC": "230 V AC"}),
        ),
    ),
    Category(
        "cables",
        Words("Cables and wires", "Kabel und Leitungen"),
        "electrical",
        (
            measure("core_cross_section", "Cross-section of a core", "Aderquerschnitt", "MMK"),
            measure("cores", "Cores", "Aderzahl", None),
            choice("colour", "Colour", "Farbe", COLOURS),
        ),
    ),
)

LUGS: Final = {
    6: (5, 6),
    10: (6, 8),
    16: (6, 8),
    25: (6, 8),
    35: (8, 10),
    50: (8, 10),
    70: (10, 12),
    95: (10, 12),
}
CYLINDER_AMPERES: Final = (1, 2, 4, 6, 8, 10, 12, 16, 20, 25, 32)
NH_AMPERES: Final = (16, 20, 25, 35, 50, 63, 80, 100, 125, 160)
BREAKER_AMPERES: Final = (6, 10, 13, 16, 20, 25, 32)
CONTACTOR_AMPERES: Final = (9, 12, 18, 25, 32, 40, 50, 65)
FLEXIBLE: Final = ((3, "1.5"), (3, "2.5"), (5, "1.5"), (5, "2.5"), (5, "4"), (5, "6"))
SINGLE: Final = ("1.5", "2.5", "4", "6")


def products() -> Iterator[Product]:
    """Give all of them."""
    yield from (_lug(section, bolt) for section, bolts in LUGS.items() for bolt in bolts)
    yield from _protection()
    for amperes in CONTACTOR_AMPERES:
        yield from (_contactor(amperes, coil) for coil in ("24VDC", "230VAC"))
    yield from (_flexible(cores, section) for cores, section in FLEXIBLE)
    for wire in SINGLE:
        yield from (_single(wire, colour, Words(*told)) for colour, told in COLOURS.items())


def _protection() -> Iterator[Product]:
    yield from (_fuse("10x38", amperes, 0.9 + amperes / 60, 10) for amperes in CYLINDER_AMPERES)
    yield from (_fuse("NH00", amperes, 3.4 + amperes / 70, 3) for amperes in NH_AMPERES)
    for curve in ("B", "C"):
        yield from (_breaker(curve, amperes, 1) for amperes in BREAKER_AMPERES)
    yield from (_breaker("C", amperes, 3) for amperes in BREAKER_AMPERES[3:])


def _lug(section: int, bolt: int) -> Product:
    return Product(
        number=f"KL-{section}-M{bolt}",
        maker=MAKER,
        category="cable-lugs",
        name=Words(
            f"Tubular cable lug {section} mm², M{bolt}",
            f"Rohrkabelschuh {section} mm², M{bolt}",
        ),
        description=Words("copper, tin plated, for pressing", "Kupfer, verzinnt, zum Pressen"),
        values={"cross_section": str(section), "bolt": f"M{bolt}"},
        unspsc="39121400",
        price=euro(0.18 + section * 0.0135 + bolt * 0.012),
        pack=100 if section <= 25 else 50,  # noqa: PLR2004 - what a box holds
        keywords=("crimp terminal", "Quetschkabelschuh"),
    )


def _fuse(size: str, amperes: int, price: float, pack: int) -> Product:
    return Product(
        number=f"{size.upper()}-GG{amperes}",
        maker=MAKER,
        category="fuses",
        name=Words(f"Fuse link {size} gG {amperes} A", f"Sicherungseinsatz {size} gG {amperes} A"),
        description=Words(
            "for cables and lines, 500 V AC, IEC 60269",
            "für Kabel und Leitungen, 500 V AC, IEC 60269",
        ),
        values={"rated_current": str(amperes), "size": size},
        unspsc="39121600",
        price=euro(price),
        pack=pack,
        keywords=("cartridge fuse", "Schmelzsicherung"),
    )


def _breaker(curve: str, amperes: int, poles: int) -> Product:
    tail = "" if poles == 1 else f"-{poles}P"
    return Product(
        number=f"MCB-{curve}{amperes}{tail}",
        maker=MAKER,
        category="circuit-breakers",
        name=Words(
            f"Circuit breaker {curve}{amperes}, {poles} pole",
            f"Leitungsschutzschalter {curve}{amperes}, {poles}-polig",
        ),
        description=Words(f"{amperes} A, 6 kA, IEC 60898-1", f"{amperes} A, 6 kA, IEC 60898-1"),
        values={"rated_current": str(amperes), "curve": curve, "poles": str(poles)},
        unspsc="39121600",
        price=euro((2.9 + amperes / 45) * (1 if poles == 1 else 3.4)),
        pack=12 // poles,
        keywords=("MCB", "Sicherungsautomat", "LS-Schalter"),
    )


def _contactor(amperes: int, coil: str) -> Product:
    volts = {"24VDC": "24 V DC", "230VAC": "230 V AC"}[coil]
    return Product(
        number=f"CTR-{amperes}A-{coil}",
        maker=MAKER,
        category="contactors",
        name=Words(f"Contactor {amperes} A, coil {volts}", f"Schütz {amperes} A, Spule {volts}"),
        description=Words(
            "three poles, AC-3 at 400 V, DIN rail", "dreipolig, AC-3 bei 400 V, Hutschiene"
        ),
        values={"switching_current": str(amperes), "coil": coil},
        unspsc="39121500",
        price=euro(17 + amperes * 1.35 + (3 if coil == "24VDC" else 0)),
        keywords=("power relay", "Leistungsschütz"),
    )


def _flexible(cores: int, section: str) -> Product:
    short = section.replace(".", "")
    return Product(
        number=f"CAB-{cores}G{short}",
        maker=MAKER,
        category="cables",
        name=Words(
            f"Flexible cable H07RN-F {cores}G{section}",
            f"Gummischlauchleitung H07RN-F {cores}G{section}",
        ),
        description=Words(
            f"{cores} x {section} mm², rubber, black, by the metre",
            f"{cores} x {section} mm², Gummi, schwarz, nach Metern",
        ),
        values={"core_cross_section": section, "cores": str(cores), "colour": "black"},
        unspsc="26121600",
        price=euro(0.35 + cores * float(section) * 0.27),
        unit="MTR",
        pack=100,
        keywords=("rubber cable", "Anschlussleitung"),
    )


def _single(section: str, colour: str, told: Words) -> Product:
    letters = {"black": "BK", "blue": "BU", "green-yellow": "GNYE"}[colour]
    return Product(
        number=f"H07VK-{section.replace('.', '')}-{letters}",
        maker=MAKER,
        category="cables",
        name=Words(
            f"Wire H07V-K {section} mm², {told.en}", f"Ader H07V-K {section} mm², {told.de}"
        ),
        description=Words("PVC, flexible, by the metre", "PVC, feindrähtig, nach Metern"),
        values={"core_cross_section": section, "cores": "1", "colour": colour},
        unspsc="26121600",
        price=euro(0.06 + float(section) * 0.19),
        unit="MTR",
        pack=100,
        keywords=("single core", "Verdrahtungsleitung"),
    )
