"""The comparison to read and print: suppliers, lots, then each lot with its offers."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from marketplace.platform.http.schemas import MoneyView
from marketplace.platform.sheets.model import Cell, Column, Section, Sheet, Table, fact, row
from marketplace.platform.sheets.reader import Reader
from rfq.comparison.schemas import ComparedLotView, ComparedOfferView, ComparisonView, DeviationView
from rfq.printouts import words

_READ: Final = (
    "From best, estimate and last price: how far a total lies above (+) or below (-) it, in "
    "percent of it. The best is the lowest total of those that can win."
)
_LOTS: tuple[Column, ...] = (
    Column("No.", right=True),
    Column("Lot", width=4),
    Column("Status", width=2),
    Column("Estimate", right=True),
    Column("Best", right=True),
    Column("From estimate", right=True),
    Column("Best supplier", width=3),
    Column("Offers", right=True),
)
_OFFERS: tuple[Column, ...] = (
    Column("Rank", right=True),
    Column("Supplier", width=3),
    Column("Total", right=True),
    Column("From best", right=True),
    Column("From estimate", right=True),
    Column("From last price", right=True),
    Column("First total", right=True),
    Column("Ranked by", right=True),
    Column("Remark", width=3),
)


def comparison_sheet(reader: Reader, view: ComparisonView) -> Sheet:
    """Show the comparison; totals lead to the bid's computation, step by step."""
    return Sheet(
        kind="Comparison of offers",
        title=view.title,
        facts=(
            fact("How the award is made", view.method),
            fact("Opened", reader.instant(view.opened_at)),
            fact("Budget", _money(reader, view.budget)),
            fact("Sum of the best offers", _money(reader, view.best_total)),
            fact("Sum of their estimates", _money(reader, view.estimate_total)),
        ),
        sections=(
            Section("Suppliers", tables=(_suppliers(reader, view),)),
            Section("Lots", tables=(_lots(reader, view),)),
            *_details(reader, view),
        ),
        notes=(
            _READ,
            f"Times are in {reader.zone}.",
            f"Procedure {view.procedure_id}; prices of all suppliers, for the buyer alone.",
        ),
        wide=True,
    )


def _money(reader: Reader, money: MoneyView | None) -> str:
    return "–" if money is None else reader.amount(Decimal(money.amount), money.currency)


def _percent(reader: Reader, found: DeviationView | None) -> str:
    return reader.percent(None if found is None else Decimal(found.share), signed=True)


def _suppliers(reader: Reader, view: ComparisonView) -> Table:
    columns = (
        Column("Supplier", width=4),
        Column("Lots offered", right=True),
        Column("First in", right=True),
        Column("Sum of the lots offered", right=True),
    )
    rows = tuple(
        row(each.supplier, str(each.lots), str(each.first_in), _money(reader, each.total))
        for each in view.suppliers
    )
    return Table(columns, rows)


def _lots(reader: Reader, view: ComparisonView) -> Table:
    rows = []
    for lot in view.lots:
        first = next((each for each in lot.offers if each.rank == 1), None)
        lowest = min(
            (each for each in lot.offers if each.rank is not None and not each.left_out),
            key=lambda each: Decimal(each.total.amount),
            default=None,
        )
        rows.append(
            row(
                str(lot.number),
                lot.title,
                words.LOT_STATUSES[lot.status],
                _money(reader, lot.estimate),
                _money(reader, lot.best),
                _percent(reader, None if lowest is None else lowest.above_estimate),
                "–" if first is None else first.offered_by,
                str(len(lot.offers)),
            )
        )
    return Table(_LOTS, tuple(rows))


def _details(reader: Reader, view: ComparisonView) -> Iterator[Section]:
    for lot in view.lots:
        yield Section(
            f"Lot {lot.number}: {lot.title}",
            texts=() if lot.offers else ("No offer.",),
            tables=tuple(_tables(reader, lot)),
        )


def _tables(reader: Reader, lot: ComparedLotView) -> Iterator[Table]:
    if lot.offers:
        rows = tuple(_offer(reader, lot, each) for each in lot.offers)
        yield Table(_OFFERS, rows)
    criteria = next((each.scores for each in lot.offers if each.scores), [])
    if criteria:
        columns = (
            Column("Points by criterion", width=3),
            *(Column(f"{each.title} ({each.weight})", right=True) for each in criteria),
        )
        scored = tuple(
            row(each.offered_by, *(_exact(reader, score.points) for score in each.scores))
            for each in lot.offers
            if len(each.scores) == len(criteria)
        )
        yield Table(columns, scored)


def _offer(reader: Reader, lot: ComparedLotView, offer: ComparedOfferView) -> tuple[Cell, ...]:
    return row(
        "–" if offer.rank is None else str(offer.rank),
        Cell(offer.offered_by, strong=offer.rank == 1),
        Cell(_money(reader, offer.total), link=lot.computation),
        _percent(reader, offer.above_best),
        _percent(reader, offer.above_estimate),
        _percent(reader, offer.above_baseline),
        _money(reader, offer.first_total),
        _exact(reader, offer.score),
        remark(offer) or _way(offer),
    )


def remark(offer: ComparedOfferView) -> str | None:
    """Say what has to be known of an offer beside its figures; None where there is nothing."""
    if offer.left_out:
        lines = "a line" if offer.left_out == 1 else f"{offer.left_out} lines"
        return offer.excluded or f"leaves out {lines} of the lot"
    return offer.excluded or offer.abnormally_low


def _way(offer: ComparedOfferView) -> str:
    way = offer.source.partition(" ")[0]
    return "" if way == "bid" else f"from {way}"


def _exact(reader: Reader, text: str) -> str:
    whole, slash, part = text.partition("/")
    if not slash:
        return reader.number(Decimal(whole))
    return reader.number((Decimal(whole) / Decimal(part)).quantize(Decimal("0.0001")))
