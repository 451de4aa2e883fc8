"""Price lists, prices and their reasons on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, field

from marketplace.kernel.limits import LINES_MAX, TIERS_MAX
from marketplace.orders.schemas import PriceDetailView
from marketplace.platform.http.schemas import (
    AmountText,
    CurrencyText,
    Input,
    InstantIn,
    MoneyView,
    Name,
    Output,
    QuantityText,
    Sku,
    UnitText,
)

VolumeModeText = Literal["volume", "graduated"]

# What suppliers send and see


class PriceListInput(Input):
    """A new list. Its `name` is told to the buyers it prices something for.

    A ``base`` list is everybody's; an ``organization`` list is assigned to companies and units, a
    ``segment`` list to one of your segments. Of two lists of one level the higher `priority`
    counts. ``exclusive``: where it prices an offer at all, lower levels do not count;
    ``fill_gaps``: they fill the units, currencies and small quantities it leaves out.
    """

    name: Name
    level: Literal["organization", "segment", "base"]
    currency: CurrencyText
    priority: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    mode: Literal["exclusive", "fill_gaps"] = "exclusive"
    valid_from: InstantIn | None = None
    valid_until: InstantIn | None = None


class PriceListChange(Input):
    """What a list says of itself, from the next request on; what is left out stays.

    An end that is null is open. Level and currency never change: make another list.
    """

    name: Name | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType = UNSET
    mode: Literal["exclusive", "fill_gaps"] | UnsetType = UNSET
    valid_from: InstantIn | UnsetType | None = UNSET
    valid_until: InstantIn | UnsetType | None = UNSET


class PriceListView(Output):
    """A list as its supplier sees it.

    `published_version` is 0 before the first publication; `draft_changes` counts the ladders and
    discounts that the next one adds or ends. `approval_id` is there where a publication waits for
    a second person, because prices lie below a margin floor.
    """

    id: UUID
    name: str
    level: Literal["organization", "segment", "base"]
    currency: str
    priority: int
    mode: Literal["exclusive", "fill_gaps"]
    published_version: int
    draft_changes: int
    version: int
    created_at: datetime
    valid_from: datetime | UnsetType = UNSET
    valid_until: datetime | UnsetType = UNSET
    published_at: datetime | UnsetType = UNSET
    approval_id: UUID | UnsetType = UNSET


class PriceTierInput(Input):
    """From `minimum_quantity` on, `amount` per price basis."""

    minimum_quantity: QuantityText
    amount: AmountText


class PriceEntryInput(Input):
    """The ladder of one SKU in one unit; `basis` is how many units one amount buys.

    ``volume``: the whole line at the tier it reaches; ``graduated``: each slice at its own tier.
    """

    sku: Sku
    unit: UnitText
    tiers: Annotated[list[PriceTierInput], Meta(min_length=1, max_length=TIERS_MAX)]
    basis: QuantityText = "1"
    volume_mode: VolumeModeText = "volume"
    valid_from: InstantIn | None = None
    valid_until: InstantIn | None = None


class PriceEntryKey(Input):
    """What names a ladder in its list."""

    sku: Sku
    unit: UnitText
    valid_from: InstantIn | None = None


class PriceEntriesInput(Input):
    """Ladders to set in the draft, each in place of the one with its SKU, unit and beginning."""

    entries: Annotated[list[PriceEntryInput], Meta(max_length=LINES_MAX)] = field(
        default_factory=list
    )
    removed: Annotated[list[PriceEntryKey], Meta(max_length=LINES_MAX)] = field(
        default_factory=list
    )


class PriceEntriesView(Output):
    """What setting entries came to, in the draft of the version named."""

    draft_version: int
    written: int
    unchanged: int
    removed: int


class PriceTierView(Output):
    """From `minimum_quantity` on, `amount` per price basis."""

    minimum_quantity: str
    amount: str


class PriceEntryView(Output):
    """A ladder of a list as its supplier sees it."""

    sku: str
    unit: str
    basis: str
    volume_mode: VolumeModeText
    tiers: list[PriceTierView]
    since_version: int
    valid_from: datetime | UnsetType = UNSET
    valid_until: datetime | UnsetType = UNSET


class PriceDiscountInput(Input):
    """So many percent off what another list of yours says: a base list, in the same currency.

    For one `sku`, or without it for all that the other list prices. A ladder of this list counts
    before a discount, and a discount for the SKU before one for all.
    """

    percent_off: QuantityText
    of_list_id: UUID
    sku: Sku | None = None
    valid_from: InstantIn | None = None
    valid_until: InstantIn | None = None


class PriceDiscountsInput(Input):
    """All discounts the draft is to have; those it has and that are not here end with it."""

    discounts: Annotated[list[PriceDiscountInput], Meta(max_length=LINES_MAX)]


class PriceDiscountEntry(Output):
    """A discount of a list as its supplier sees it; without `sku` it is for all."""

    percent_off: str
    of_list_id: UUID
    since_version: int
    sku: str | UnsetType = UNSET
    valid_from: datetime | UnsetType = UNSET
    valid_until: datetime | UnsetType = UNSET


class PriceDiscountsView(Output):
    """The discounts of a list, its draft included."""

    draft_version: int
    discounts: list[PriceDiscountEntry]


class MarginFloor(Input):
    """Below which amount per unit a price does not go out by one person alone."""

    unit: UnitText
    currency: CurrencyText
    amount: AmountText


class MarginFloorsInput(Input):
    """All floors of an offer, one for a unit and a currency; those left out end."""

    floors: Annotated[list[MarginFloor], Meta(max_length=TIERS_MAX)]


class MarginFloorsView(Output):
    """The floors of one of your offers; nobody else is told."""

    sku: str
    floors: list[MarginFloor]


class AssignmentInput(Input):
    """To whom a list goes: a company or one unit of it with all below, or one of your segments."""

    organization_id: UUID | None = None
    segment_id: UUID | None = None


class AssignmentView(Output):
    """To whom a list goes: an organization or a segment."""

    price_list_id: UUID
    created_at: datetime
    organization_id: UUID | UnsetType = UNSET
    segment_id: UUID | UnsetType = UNSET


# What buyers ask and see


class PriceCheckLine(Input):
    """So much of a supplier's SKU; without `unit` it is the offer's own."""

    supplier_id: UUID
    sku: Sku
    quantity: QuantityText = "1"
    unit: UnitText | None = None


class PriceCheckInput(Input):
    """Lines to price in one currency, at an instant (now unless said), with reasons on request.

    `organization_id` is for whom: a unit of your company, or, where you sell, a customer of yours
    or one of his units. Then the lines are of your own offers, and an explanation names the prices
    of other customers and what is held back as well.
    """

    currency: CurrencyText
    lines: Annotated[list[PriceCheckLine], Meta(min_length=1, max_length=LINES_MAX)]
    as_of: InstantIn | None = None
    explain: bool = False
    organization_id: UUID | None = None


class PriceSourceView(Output):
    """The document that holds a price."""

    kind: Literal["price_list", "contract", "quote"]
    id: UUID
    version: int
    title: str | UnsetType = UNSET


class LadderStepView(Output):
    """One step of the ladder you have.

    `basis`, `volume_mode` and `level` are there where steps come from several sources.
    """

    minimum_quantity: str
    amount: str
    basis: str | UnsetType = UNSET
    volume_mode: VolumeModeText | UnsetType = UNSET
    level: str | UnsetType = UNSET


class LosingPriceView(Output):
    """A price that does not count here, and why; `assigned_to` is told to its supplier alone."""

    reason: str
    level: str
    source: PriceSourceView
    unit: str
    currency: str
    basis: str
    volume_mode: VolumeModeText
    tiers: list[PriceTierView]
    valid_from: datetime | UnsetType = UNSET
    valid_until: datetime | UnsetType = UNSET
    assigned_to: list[UUID] | UnsetType = UNSET


class PriceView(Output):
    """The price of a quantity: `amount` per `basis` units, never rounded; `line_amount` is, once.

    `ladder` is what you pay at every quantity: for all of it (``volume``), or for each slice at its
    own step (``graduated``; then `amount` is what the last piece costs). `detail` is what an order
    keeps beside; `losers` are there where an explanation was asked.
    """

    amount: str
    basis: str
    volume_mode: VolumeModeText
    unit: str
    currency: str
    quantity: str
    tier_minimum_quantity: str
    line_amount: MoneyView
    level: str
    source: PriceSourceView
    ladder: list[LadderStepView]
    valid_until: datetime | UnsetType = UNSET
    detail: PriceDetailView | UnsetType = UNSET
    losers: list[LosingPriceView] | UnsetType = UNSET


class NoPriceView(Output):
    """Why there is no price; `minimum_quantity` is where prices begin."""

    reason: str
    detail: str
    minimum_quantity: str | UnsetType = UNSET
    losers: list[LosingPriceView] | UnsetType = UNSET


class PricedLineView(Output):
    """The answer to one line: `price`, or `no_price`.

    `hidden` tells a supplier that his customer does not see this offer: to him there is no such
    SKU, whatever its price.
    """

    supplier_id: UUID
    sku: str
    quantity: str
    price: PriceView | UnsetType = UNSET
    no_price: NoPriceView | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET


class PriceCheckView(Output):
    """The answers, in the order asked, and the instant they are true for."""

    as_of: datetime
    lines: list[PricedLineView]
