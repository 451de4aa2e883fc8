"""Wire types every package uses.

Input is strict: unknown fields are refused, amounts and quantities are strings of plain digits (so
that no JSON number loses any), instants carry an offset. There is one struct per audience: what a
reader may not see is not in his struct.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import (
    CODE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
)
from marketplace.kernel.money import Money, currency_digits


class Input(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Base of what clients send."""


class Output(msgspec.Struct, gc=False):
    """Base of what we answer."""


# In Python `$` also matches before a last newline; `(?!\n)$` does not.
_DECIMAL = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?(?!\n)$"

AmountText = Annotated[
    str,
    Meta(
        pattern=_DECIMAL,
        description="A decimal number that is not negative: up to 18 digits, a point, six places.",
        examples=["12.50"],
    ),
]
QuantityText = Annotated[
    str,
    Meta(
        pattern=_DECIMAL,
        description="A quantity: up to 18 digits, a point, six places; no exponent, no sign.",
        examples=["10"],
    ),
]
CurrencyText = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{3}(?!\n)$",
        description="Currency, three letters of ISO 4217.",
        examples=["EUR"],
    ),
]
UnitText = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z0-9]{1,3}(?!\n)$",
        description="Unit, UN/ECE Rec 20, or a package of Rec 21 with the prefix X.",
        examples=["C62"],
    ),
]
Sku = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CODE_CHARACTERS_MAX,
        pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?(?!\n)$",
        description="A supplier's number of an article; no space at its ends.",
        examples=["KA-6204-2RS"],
    ),
]
CountryText = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{2}(?!\n)$",
        description="Country, two letters of ISO 3166-1.",
        examples=["DE"],
    ),
]
Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CODE_CHARACTERS_MAX,
        pattern=r"^[!-~]+(?!\n)$",
        description="Visible ASCII characters, no space.",
        examples=["4500017001"],
    ),
]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=NAME_CHARACTERS_MAX,
        pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*(?!\n)$",
        description="One line of text: not blank, no control character.",
    ),
]
Text = Annotated[
    str,
    Meta(max_length=TEXT_CHARACTERS_MAX, pattern=r"^[^\x00]*$", description="Text, also in lines."),
]
InstantIn = Annotated[datetime, Meta(tz=True, description="RFC 3339, with an offset.")]
TimeZone = Annotated[
    str,
    Meta(min_length=1, max_length=64, description="IANA time zone.", examples=["Europe/Berlin"]),
]


class MoneyInput(Input):
    """An amount with its currency."""

    amount: AmountText
    currency: CurrencyText

    def value(self, pointer: str = "") -> Money:
        """Give the value; raises InvalidInput at ``{pointer}/currency`` for an unknown one."""
        currency_digits(self.currency, f"{pointer}/currency")
        return Money(Decimal(self.amount), self.currency)


class MoneyView(Output):
    """An amount with its currency; the amount is a string."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> Self:
        """Show a document's amount in all digits of its currency (``12.50``), not shortened."""
        return cls(amount=shown_amount(money.amount, money.currency), currency=money.currency)


def shown_amount(amount: Decimal, currency: str) -> str:
    """Write an amount with at least the currency's digits and no superfluous zeros beyond."""
    text = plain_decimal(amount)
    digits = currency_digits(currency)
    whole, _, places = text.partition(".")
    places = places.ljust(digits, "0")
    return f"{whole}.{places}" if places else whole


def shown_quantity(quantity: Decimal) -> str:
    """Write a quantity without superfluous zeros."""
    return plain_decimal(quantity)


class NamedReference(Output):
    """An organization or another thing by its identifier and name."""

    id: UUID
    name: str
