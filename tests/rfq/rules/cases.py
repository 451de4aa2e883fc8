"""A procedure and bids to vary in the tests of the rules."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from rfq.rules.bid import Bid, BidLine
from rfq.rules.evaluation import PricedLine
from rfq.rules.procedure import Kind, Line, Lot, Openness, Procedure, Status

BUYER = UUID(int=1)
ACME = UUID(int=11)
BOLT = UUID(int=12)
DEADLINE = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)

PAPER = Line(UUID(int=101), Decimal(100), "XBX", "Paper A4, 80 g")
TONER = Line(UUID(int=102), Decimal(3), "C62", "Toner black", sku="TN-1")
CABLE = Line(UUID(int=103), Decimal("12.5"), "MTR", "Cable, copper")
OFFICE = Lot(UUID(int=201), "Office", (PAPER, TONER))
WIRING = Lot(UUID(int=202), "Wiring", (CABLE,))


def procedure(
    status: Status = Status.PUBLISHED,
    *,
    openness: Openness = Openness.INVITED,
    currency: str = "EUR",
    lots: tuple[Lot, ...] = (OFFICE, WIRING),
    minimum_bids: int = 1,
) -> Procedure:
    return Procedure(
        UUID(int=9), BUYER, Kind.RFQ, openness, status, currency, DEADLINE, lots, minimum_bids
    )


def price(line: Line, amount: str, basis: str = "1") -> BidLine:
    return BidLine(line_id=line.id, unit_amount=Decimal(amount), basis=Decimal(basis))


def bid(*lines: BidLine, currency: str = "EUR") -> Bid:
    return Bid(currency=currency, lines=lines)


def priced(quantity: str, amount: str, basis: str = "1", currency: str = "EUR") -> PricedLine:
    """A line whose id is made of its figures, so that equal lines are one."""
    line = Line(UUID(int=hash((quantity, amount, basis)) % 2**64), Decimal(quantity), "KGM", "x")
    return PricedLine(line, Decimal(amount), Decimal(basis), currency)
