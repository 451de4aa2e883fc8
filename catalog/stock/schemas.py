"""Stock on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.schemas import (
    Code,
    CountryText,
    Input,
    Name,
    Output,
    QuantityText,
    Sku,
)

# What suppliers send and see


class StockSettingsInput(Input):
    """How your stock is treated.

    `shown`: buyers see ``exact`` numbers, a ``level`` (in stock, low, none) or ``nothing``.
    `low_below` is the quantity under which stock is called low. `policy`: an order for more than
    there is, is a ``backorder`` or you ``refuse`` it.
    """

    shown: Literal["exact", "level", "nothing"] = "level"
    low_below: QuantityText = "10"
    policy: Literal["refuse", "backorder"] = "backorder"


class StockSettingsView(Output):
    """How your stock is treated; version 0 are the defaults."""

    shown: str
    low_below: str
    policy: str
    version: int


class StockLocationInput(Input):
    """A place you deliver from."""

    name: Name
    country: CountryText


class StockLocationView(Output):
    """A place you deliver from."""

    id: UUID
    code: str
    name: str
    country: str
    version: int
    created_at: datetime
    updated_at: datetime


class StockLineInput(Input):
    """What lies of an SKU at a location, in the offer's unit.

    `source_version` grows with every change in your system: a sequence number, or the time in
    milliseconds. A line with a smaller one than is known changes nothing and is told so.
    """

    sku: Sku
    location: Code
    on_hand: QuantityText
    source_version: Annotated[int, Meta(ge=0, le=2**53, description="Only ever grows.")]


class StockInput(Input):
    """Stock to set, line by line."""

    lines: Annotated[list[StockLineInput], Meta(min_length=1, max_length=LINES_MAX)]


class StockLineResult(Output):
    """What became of a line.

    ``set``; ``unchanged``: known already; ``older``: `source_version` in force is newer;
    ``contradicts``: this source version came with another quantity; ``refused``: `code` and
    `detail` say why, the other lines count all the same.
    """

    line: int
    sku: str
    location: str
    outcome: str
    source_version: int | UnsetType = UNSET
    code: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET


class StockResultView(Output):
    """What became of every line, in the order sent."""

    set: int
    lines: list[StockLineResult]


class StockLevelView(Output):
    """What lies at a location: of `on_hand`, `reserved` is promised to orders.

    `available` is what can be promised still; it is less than nothing where orders wait for goods.
    """

    sku: str
    location: str
    unit: str
    on_hand: str
    reserved: str
    available: str
    source_version: int
    updated_at: datetime


# What buyers ask and see


class StockQuestionLine(Input):
    """A supplier's SKU."""

    supplier_id: UUID
    sku: Sku


class StockQuestion(Input):
    """Whether these can be delivered."""

    lines: Annotated[list[StockQuestionLine], Meta(min_length=1, max_length=LINES_MAX)]


class AvailabilityView(Output):
    """What the supplier tells of his stock, over all his locations.

    `status` is ``in_stock``, ``low`` or ``none``, and ``unknown`` where he keeps or tells none.
    `quantity`, in the offer's unit, is there where he shows exact numbers. `backorder` says whether
    more can be ordered than there is.
    """

    status: Literal["in_stock", "low", "none", "unknown"]
    quantity: str | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    backorder: bool | UnsetType = UNSET


class StockAnswerLine(Output):
    """The answer to one line."""

    supplier_id: UUID
    sku: str
    availability: AvailabilityView


class StockAnswer(Output):
    """The answers, in the order asked."""

    lines: list[StockAnswerLine]
