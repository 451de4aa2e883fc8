"""Who reads a sheet: numbers, amounts and instants as they are written where he is; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from marketplace.kernel.clock import is_time_zone
from marketplace.kernel.errors import invalid
from marketplace.kernel.money import currency_digits

# Each locale that was used stays in memory, half a megabyte of it: so these and no others.
_READ: Final = (
    "bg cs da de de-AT de-CH el en en-GB en-IE en-US es et fi fr fr-BE fr-CH ga hr hu is it it-CH "
    "lt lv mt nb nl nl-BE nn pl pt pt-BR ro sk sl sr sv tr uk"
).split()
_PLACES_MAX: Final = 6
DEFAULT: Final = "en-GB"


@dataclass(frozen=True, slots=True)
class Reader:
    """Writes values for one language and time zone."""

    language: str
    zone: str

    def number(self, value: Decimal, digits: int = 0) -> str:
        """Write a number with at least `digits` places, and none lost."""
        pattern = "#,##0" + (f".{'0' * digits}{'#' * (_PLACES_MAX - digits)}")
        return format_decimal(
            value, format=pattern, locale=_locale(self.language), decimal_quantization=False
        )

    def amount(self, value: Decimal, currency: str) -> str:
        """Write an amount with the code of its currency: ``1.234,50 EUR``."""
        return f"{self.number(value, currency_digits(currency))}\u00a0{currency}"

    def percent(self, share: Decimal | None, *, signed: bool = False) -> str:
        """Write a share of 1 in percent with one or two places; a dash where there is none.

        Only what is not nought has a sign.
        """
        if share is None:
            return "–"
        percent = (share * 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        pattern = "+#,##0.0#;-#,##0.0#" if signed and percent else "#,##0.0#"
        text = format_decimal(percent or Decimal(0), pattern, _locale(self.language))
        return f"{text}\u00a0%"

    def instant(self, at: datetime | None) -> str:
        """Write an instant to the second, in the zone; a dash where there is none."""
        if at is None:
            return "–"
        local = at.astimezone(ZoneInfo(self.zone))
        time = format_time(local, "HH:mm:ss", locale=_locale(self.language))
        return f"{self.day(local.date())}, {time}\u00a0{local.tzname()}"

    def day(self, on: date | None) -> str:
        """Write a day; a dash where there is none."""
        if on is None:
            return "–"
        return format_date(on, format="long", locale=_locale(self.language))


@lru_cache(maxsize=len(_READ))
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


def reader_of(languages: Iterable[str], time_zone: str) -> Reader:
    """Give the reader of the first of these languages that is written here, else of English.

    Raises InvalidInput for a zone there is not.
    """
    if not is_time_zone(time_zone):
        detail = f"{time_zone!r} is no IANA time zone; for example Europe/Berlin."
        raise invalid("?time_zone", "unknown_time_zone", detail)
    return Reader(next((each for each in languages if each in _READ), DEFAULT), time_zone)
