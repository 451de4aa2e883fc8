"""Quotes on the wire; both parties read the same."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from catalog.price_lists.schemas import PriceTierInput
from marketplace.contracts.schemas import CommitmentView, TierView
from marketplace.kernel.limits import LINES_MAX, TIERS_MAX
from marketplace.platform.http.schemas import (
    CurrencyText,
    Input,
    Name,
    Output,
    QuantityText,
    Sku,
    Text,
    TimeZone,
    UnitText,
)


class CommitmentInput(Input):
    """How much may be drawn at a price in all (`cap`), and how much the buyer means to draw.

    Counted in the price's unit (``quantity``) or in net value (``value``). A line that asks for
    more than is left has no price (``stop``), the next one there is (``next_price``), or what is
    left at this one and the rest at the next (``split``).
    """

    cap: QuantityText
    measure: Literal["quantity", "value"] = "quantity"
    at_exhaustion: Literal["stop", "next_price", "split"] = "next_price"
    committed: QuantityText | None = None


class QuoteLineInput(Input):
    """The ladder of one of your SKUs; `basis` is how many units one amount buys.

    Below its first tier it gives no price. A `commitment` bounds what is offered in all.
    """

    sku: Sku
    unit: UnitText
    tiers: Annotated[list[PriceTierInput], Meta(min_length=1, max_length=TIERS_MAX)]
    basis: QuantityText = "1"
    commitment: CommitmentInput | None = None


class QuoteInput(Input):
    """Prices for one company, or one unit of a company with all below it.

    It can be accepted, and then prices its buyer's orders, to the end of `last_day` in `time_zone`.
    """

    organization_id: UUID
    title: Name
    currency: CurrencyText
    last_day: date
    lines: Annotated[list[QuoteLineInput], Meta(min_length=1, max_length=LINES_MAX)]
    time_zone: TimeZone = "UTC"
    note: Text = ""


class QuoteAnswerInput(Input):
    """Why a quote is declined or withdrawn; the other side reads it."""

    reason: Text = ""


class QuoteLineView(Output):
    """The ladder of one SKU; once accepted, `commitment` also says what is drawn and left of it."""

    sku: str
    description: str
    unit: str
    basis: str
    tiers: list[TierView]
    commitment: CommitmentView | UnsetType = UNSET


class QuoteSummary(Output):
    """A quote without its lines.

    `state` is as of now: past its end an open one is ``expired``. `created_at` is when it could be
    read by its buyer, and before that when it was made. `contract_id` is there once it is
    accepted: its prices, and what is drawn of them, are that contract's.
    """

    id: UUID
    version: int
    state: str
    supplier_id: UUID
    buyer_id: UUID
    title: str
    currency: str
    time_zone: str
    last_day: date
    valid_until: datetime
    line_count: int
    created_at: datetime
    unit_id: UUID | UnsetType = UNSET
    sent_at: datetime | UnsetType = UNSET
    answered_at: datetime | UnsetType = UNSET
    contract_id: UUID | UnsetType = UNSET
    approval_id: UUID | UnsetType = UNSET


class QuoteView(QuoteSummary, kw_only=True):
    """A quote."""

    note: str
    reason: str
    lines: list[QuoteLineView]
