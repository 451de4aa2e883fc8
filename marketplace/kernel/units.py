"""Units and quantities.

Units are codes of UN/ECE Recommendation 20 that are not withdrawn, and packages of Recommendation
21 with the prefix X (``XBX`` box). Those of trade in goods and services are known here; others are
added to the table when somebody needs them. Units convert only by a declared factor, never by name.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from marketplace.kernel.errors import InvalidInput, invalid
from marketplace.kernel.money import EXACT, UNIT_PRICE_PLACES

COUNTED: Final = frozenset(
    "C62 EA H87 PR SET DZN GRO MIL CEN NAR NMP TP U2 ACT E48 E51 E54 IE LR LS RM SX".split()
)
"""Units of whole things: their quantities have no decimals."""

MEASURED: Final = frozenset(
    (
        "KGM GRM MGM TNE LBR ONZ STN LTN DTN KNI "
        "MTR CMT MMT KMT INH FOT YRD SMI LM "
        "LTR MLT CLT DLT HLT GLL GLI PTI "
        "MTK CMK MMK FTK INK YDK MTQ CMQ DMQ FTQ INQ YDQ "
        "KWH MWH GWH WHR JOU KJO BTU AMH "
        "HUR MIN SEC DAY WEE MON ANN E49 "
        "WTT KWT MAW VLT KVT AMP OHM HTZ KVA CEL KEL BAR PAL NEW LUM "
        "P1 4L E34 ZZ"
    ).split()
)
"""Units of measure, of energy and of time."""

PACKAGES: Final = frozenset(
    (
        "XAE XAM XBA XBB XBC XBE XBG XBH XBJ XBK XBO XBQ XBR XBS XBT XBU XBX XCA XCG XCH XCI XCN "
        "XCR XCS XCT XCX XCY XDR XEN XFD XGB XIN XJC XJR XJY XKG XLG XLT XNT XPA XPC XPF XPH XPK "
        "XPL XPO XPP XPU XPX XRD XRL XRO XSA XSC XSH XST XSW XTB XTC XTI XTK XTN XTR XTU XTY XVI"
    ).split()
)
"""Packages of Recommendation 21, with the prefix X; counted like things."""

UNITS: Final = COUNTED | MEASURED | PACKAGES


def check_unit(unit: str, pointer: str = "/unit") -> str:
    """Give the unit back, or raise InvalidInput pointing at `pointer` if it is not known."""
    if unit not in UNITS:
        detail = (
            f"{unit!r} is not a unit known here: use a code of UN/ECE Rec 20 (C62 piece, KGM "
            "kilogram, MTR metre) or a package of Rec 21 with the prefix X (XBX box)."
        )
        raise invalid(pointer, "unknown_unit", detail)
    return unit


def decimals_allowed(unit: str) -> int:
    """Give how many decimals a quantity in this unit may have: none for whole things."""
    return UNIT_PRICE_PLACES if unit in MEASURED else 0


def places(value: Decimal) -> int:
    """Count the decimal places that matter: ``1.50`` has one."""
    exponent = EXACT.normalize(value).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def decimals(most: int) -> str:
    """Say how many decimals something may have, as a part of a sentence."""
    return f"at most {most} decimals" if most else "no decimals"


def too_fine(value: Decimal, unit: str) -> str | None:
    """Say so where a quantity has more decimals than its unit; None where it has not."""
    allowed = decimals_allowed(unit)
    if places(value) <= allowed:
        return None
    return f"A quantity in {unit} has {decimals(allowed)}; {value} has {places(value)}."


@dataclass(frozen=True, slots=True)
class Quantity:
    """A positive number of a unit, with no more decimals than the unit has."""

    value: Decimal
    unit: str

    @classmethod
    def checked(cls, value: Decimal, unit: str, pointer: str = "") -> "Quantity":
        """Make a quantity; raises InvalidInput pointing at ``{pointer}/quantity`` or ``/unit``."""
        check_unit(unit, f"{pointer}/unit")
        if not value.is_finite() or value <= 0:
            raise invalid(
                f"{pointer}/quantity", "not_positive", "A quantity must be greater than zero."
            )
        if (detail := too_fine(value, unit)) is not None:
            raise invalid(f"{pointer}/quantity", "too_many_decimals", detail)
        return cls(value, unit)


@dataclass(frozen=True, slots=True)
class Conversion:
    """One `from_unit` holds `factor` of `to_unit`, as somebody declared; exact."""

    from_unit: str
    to_unit: str
    factor: Fraction

    def convert(self, quantity: Decimal) -> Decimal:
        """Convert exactly; raises InvalidInput if the result has no finite decimal form."""
        exact = Fraction(quantity) * self.factor
        result = EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
        if Fraction(result) != exact:
            detail = f"{quantity} {self.from_unit} is no exact number of {self.to_unit}."
            raise InvalidInput(detail)
        return result


_BY_DEFINITION: Final[tuple[dict[str, Fraction], ...]] = tuple(
    {unit: Fraction(factor) for unit, factor in (pair.split("=") for pair in row.split())}
    for row in (
        "MTR=1 CMT=1/100 MMT=1/1000 KMT=1000 INH=0.0254 FOT=0.3048 YRD=0.9144 SMI=1609.344",
        "KGM=1 GRM=1/1000 MGM=1/1000000 TNE=1000 LBR=0.45359237 ONZ=0.028349523125",
        "LTR=1 MLT=1/1000 CLT=1/100 DLT=1/10 HLT=100 MTQ=1000 DMQ=1 CMQ=1/1000",
        "MTK=1 CMK=1/10000 MMK=1/1000000 FTK=0.09290304 INK=0.00064516 YDK=0.83612736",
        "SEC=1 MIN=60 HUR=3600 DAY=86400 WEE=604800",
        "JOU=1 KJO=1000 WHR=3600 KWH=3600000 MWH=3600000000 GWH=3600000000000",
        "WTT=1 KWT=1000 MAW=1000000",
        "VLT=1 KVT=1000",
        "PAL=1 BAR=100000",
    )
)
"""What units of measure hold of the first in their row, exactly, as treaties define them."""


def known_conversion(from_unit: str, to_unit: str) -> Conversion | None:
    """Give the factor between two units of measure, or None where no definition says one.

    It is for measures of things (a bore of 0.5 inches). What a package holds is for whoever sells
    it to declare.
    """
    for row in _BY_DEFINITION:
        if from_unit in row and to_unit in row:
            return Conversion(from_unit, to_unit, row[from_unit] / row[to_unit])
    return None
