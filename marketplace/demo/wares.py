"""What the demo suppliers sell, as the CSV files their systems would export."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class Ware:
    """One article of an industrial distributor: unit price in euro of the base list."""

    number: str
    name: str
    description: str
    maker: str
    unit: str
    price: Decimal
    multiple: int = 1


def _ware(row: str) -> Ware:
    number, name, description, maker, unit, price, multiple = (p.strip() for p in row.split("|"))
    return Ware(number, name, description, maker, unit, Decimal(price), int(multiple))


WARES: Final = tuple(
    _ware(row)
    for row in """
6204-2RS|Ball bearing 6204-2RS|20 x 47 x 14 mm, sealed both sides|Falkenau|C62|6.40|1
6205-2RS|Ball bearing 6205-2RS|25 x 52 x 15 mm, sealed both sides|Falkenau|C62|7.15|1
6206-ZZ|Ball bearing 6206-ZZ|30 x 62 x 16 mm, shielded|Falkenau|C62|8.90|1
22210-E|Spherical roller bearing 22210-E|50 x 90 x 23 mm|Falkenau|C62|54.20|1
32008-X|Tapered roller bearing 32008-X|40 x 68 x 19 mm|Falkenau|C62|21.75|1
UCP-205|Pillow block unit UCP 205|for 25 mm shafts, cast iron|Falkenau|C62|18.30|1
M8X40-88|Hexagon bolt M8 x 40, 8.8|ISO 4014, zinc plated|Brandt & Sohn|C62|0.1185|100
M10X50-88|Hexagon bolt M10 x 50, 8.8|ISO 4014, zinc plated|Brandt & Sohn|C62|0.2140|100
M8-NUT|Hexagon nut M8|ISO 4032, class 8, zinc plated|Brandt & Sohn|C62|0.0325|100
M8-WSH|Washer M8|ISO 7089, 200 HV|Brandt & Sohn|C62|0.0130|100
CAB-3G15|Flexible cable H07RN-F 3G1.5|rubber, black, by the metre|Lindvik|MTR|1.48|1
CAB-5G25|Flexible cable H07RN-F 5G2.5|rubber, black, by the metre|Lindvik|MTR|3.96|1
MCB-B16|Circuit breaker B16|one pole, 6 kA|Lindvik|C62|3.25|1
CTR-9A|Contactor 9 A|three poles, coil 24 V DC|Lindvik|C62|24.60|1
GLV-NIT9|Nitrile glove size 9|coated, EN 388 4121X|Tarn|PR|1.32|12
GLS-CLR|Safety glasses, clear|EN 166, scratch resistant|Tarn|C62|4.10|1
HLM-WHT|Safety helmet, white|EN 397, ratchet|Tarn|C62|11.80|1
V-A1250|V-belt A 1250|classical section A|Okafor|C62|5.60|1
CHN-08B|Roller chain 08B-1|half inch, by the metre|Okafor|MTR|9.35|1
GRS-EP2|Bearing grease EP 2|lithium, cartridge 400 g|Okafor|C62|4.75|12
DRL-SET|Twist drill set 1-10 mm|HSS-G, 19 pieces|Stahlhof|SET|27.90|1
ABR-P80|Abrasive belt P80|75 x 533 mm|Stahlhof|C62|2.05|10
HOS-10|Compressed air hose 10 mm|PU, by the metre|Stahlhof|MTR|2.70|1
VLV-G12|Ball valve G 1/2|brass, full bore|Stahlhof|C62|6.85|1
""".strip().splitlines()
)
"""Twenty-four articles, for the road; `marketplace.demo.catalog` is the bigger catalog."""


PriceRow = tuple[str, str, str, str]
"""A price of its own: SKU, unit, minimum quantity, amount."""


class Goods(Protocol):
    """What a supplier sells: files of his offers and prices."""

    @property
    def prefix(self) -> str:
        """What his SKUs begin with."""

    def offers_csv(self) -> bytes:
        """Give his offers as his system exports them."""

    def prices_csv(self, discount: Decimal = Decimal(0), beside: Sequence[PriceRow] = ()) -> bytes:
        """Give his prices, lowered by `discount` (a fraction), and those `beside` as they are."""


@dataclass(frozen=True, slots=True)
class Assortment:
    """How one supplier sells the wares: prefix of his SKUs, price level, which of them."""

    prefix: str
    factor: Decimal
    wares: tuple[Ware, ...]

    def sku(self, ware: Ware) -> str:
        """Give this supplier's own number of a ware."""
        return f"{self.prefix}-{ware.number}"

    def base_price(self, ware: Ware) -> Decimal:
        """Give his list price per unit."""
        return _price(ware.price * self.factor)

    def offers_csv(self) -> bytes:
        """Give his offers as his system exports them."""
        lines = ["sku,name,description,unit,maker,maker_number,multiple,lead_time_days"]
        lines += [
            ",".join(
                (
                    self.sku(ware),
                    f'"{ware.name}"',
                    f'"{ware.description}"',
                    ware.unit,
                    ware.maker,
                    ware.number,
                    str(ware.multiple),
                    "3",
                )
            )
            for ware in self.wares
        ]
        return "\n".join(lines).encode() + b"\n"

    def prices_csv(self, discount: Decimal = Decimal(0), beside: Sequence[PriceRow] = ()) -> bytes:
        """Give a price list with three tiers, all of it lowered by `discount` (a fraction)."""
        lines = ["sku;unit;minimum_quantity;amount"]
        lines += [";".join(row) for row in beside]
        for ware in self.wares:
            for minimum, share in ((1, "1"), (10, "0.95"), (100, "0.88")):
                amount = _price(self.base_price(ware) * Decimal(share) * (1 - discount))
                lines.append(f"{self.sku(ware)};{ware.unit};{minimum * ware.multiple};{amount:f}")
        return "\n".join(lines).encode() + b"\n"


def _price(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


ASSORTMENTS: Final = {
    "Kessler Antriebstechnik": Assortment("KA", Decimal("1.00"), WARES),
    "Baltic Industrial Supply": Assortment("BIS", Decimal("0.97"), WARES[:20]),
    "Donau Technik Handel": Assortment("DTH", Decimal("1.04"), WARES[:16]),
}
